//! A TOML document read key by key, remembering lines.
//!
//! Constraints: every problem of a file is collected, not only the first; a key nobody asked for is an error with its line and the
//! nearest known name; no value is taken silently (wrong type, out of range and unknown choice are all problems). Hand-written over
//! the spanned parse tree because a derived reader stops at the first error and knows only English.
//!
//! Operation: a [`Section`] wraps one table. Asking for a key records it as known; [`Section::finish`] reports the keys left over.

use std::cell::RefCell;
use std::ops::RangeInclusive;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::problem::{Problem, Severity, nearest};
use crate::locale::{Words, words};

/// A value and the line it was written on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Located<T> {
    pub(crate) value: T,
    pub(crate) line: usize,
}

/// Where problems are collected, with the text needed to turn offsets into lines.
pub(crate) struct Collector {
    /// Offsets of the line ends, so that a file of 20,000 tags is not counted through for every key.
    line_ends: Vec<usize>,
    /// Named in every problem when it is not the file that the user asked to check.
    file: Option<String>,
    problems: RefCell<Vec<Problem>>,
}

impl Collector {
    pub(crate) fn new(text: &str) -> Self {
        let line_ends = text.bytes().enumerate().filter(|(_, b)| *b == b'\n').map(|(offset, _)| offset).collect();
        Self { line_ends, file: None, problems: RefCell::new(Vec::new()) }
    }

    /// Collects the problems of a second file.
    pub(crate) fn of_file(text: &str, file: &str) -> Self {
        Self { file: Some(file.to_owned()), ..Self::new(text) }
    }

    /// Line of a byte offset, from 1.
    pub(crate) fn line(&self, offset: usize) -> usize {
        self.line_ends.partition_point(|end| *end < offset) + 1
    }

    pub(crate) fn error(&self, line: Option<usize>, what: Words, hint: Words) {
        self.problems.borrow_mut().push(Problem {
            severity: Severity::Error,
            file: self.file.clone(),
            line,
            what,
            hint,
        });
    }

    pub(crate) fn warning(&self, line: Option<usize>, what: Words, hint: Words) {
        self.problems.borrow_mut().push(Problem {
            severity: Severity::Warning,
            file: self.file.clone(),
            line,
            what,
            hint,
        });
    }

    /// Takes over what was found in a second file, once: ten devices may share one profile.
    pub(crate) fn adopt(&self, other: Self) {
        let mut list = self.problems.borrow_mut();
        for problem in other.problems.into_inner() {
            if !list.contains(&problem) {
                list.push(problem);
            }
        }
    }

    /// Whether anything found so far forbids starting.
    pub(crate) fn has_errors(&self) -> bool {
        self.problems.borrow().iter().any(|p| p.severity == Severity::Error)
    }

    /// All problems in the order of the file, those without a line last; then those of other files.
    pub(crate) fn into_problems(self) -> Vec<Problem> {
        let mut list = self.problems.into_inner();
        list.sort_by(|a, b| {
            let key = |p: &Problem| p.line.unwrap_or(usize::MAX);
            a.file.cmp(&b.file).then(key(a).cmp(&key(b)))
        });
        list
    }
}

/// The parse tree of a document; text that is not TOML is a problem.
pub(crate) fn parse<'t>(text: &'t str, collector: &Collector) -> Option<Spanned<DeTable<'t>>> {
    match DeTable::parse(text) {
        Ok(tree) => Some(tree),
        Err(error) => {
            let line = error.span().map(|span| collector.line(span.start));
            let reason = error.message().to_owned();
            collector.error(
                line,
                words!("这里不是合法的 TOML：{reason}", "this is not TOML: {reason}"),
                words!(
                    "检查引号、方括号和等号是否成对；同一个名字不能写两次",
                    "check quotes, brackets and equal signs; a name may appear only once"
                ),
            );
            None
        }
    }
}

/// One table of the document.
pub(crate) struct Section<'c, 't> {
    collector: &'c Collector,
    table: &'c DeTable<'t>,
    /// What stands where this table says nothing: the same keys in a device profile.
    below: Option<&'c DeTable<'t>>,
    /// How to name this table to a person: `[buffer]`, `[[device]] press`.
    title: String,
    /// Line of the table's header, `None` for the document itself or a table that is not there.
    line: Option<usize>,
    known: RefCell<Vec<&'static str>>,
    foreign: RefCell<Vec<(&'static str, Words)>>,
}

impl<'c, 't> Section<'c, 't> {
    pub(crate) fn root(collector: &'c Collector, table: &'c DeTable<'t>) -> Self {
        Self::new(collector, table, String::new(), None)
    }

    fn new(collector: &'c Collector, table: &'c DeTable<'t>, title: String, line: Option<usize>) -> Self {
        Self { collector, table, below: None, title, line, known: RefCell::default(), foreign: RefCell::default() }
    }

    /// This table, and where it says nothing, `below`. What comes from below is reported at the line of this table: its own file was
    /// checked by itself before.
    pub(crate) fn over(self, below: &Self) -> Self {
        Self { below: Some(below.table), ..self }
    }

    /// The same table once more, with nothing asked yet.
    pub(crate) fn again(&self) -> Self {
        Self::new(self.collector, self.table, self.title.clone(), self.line)
    }

    /// Whether the key is written in this table itself.
    pub(crate) fn is_written(&self, key: &str) -> bool {
        self.table.contains_key(key)
    }

    pub(crate) fn line(&self) -> Option<usize> {
        self.line
    }

    pub(crate) fn collector(&self) -> &'c Collector {
        self.collector
    }

    /// Names this table better once its name is known.
    pub(crate) fn entitle(&mut self, title: String) {
        self.title = title;
    }

    pub(crate) fn title(&self) -> &str {
        &self.title
    }

    fn get(&self, key: &'static str) -> Option<(&'c DeValue<'t>, usize)> {
        if !self.known.borrow().contains(&key) {
            self.known.borrow_mut().push(key);
        }
        let own: Option<&'c Spanned<DeValue<'t>>> = self.table.get(key);
        match own {
            Some(value) => Some((value.get_ref(), self.collector.line(value.span().start))),
            None => Some((self.below?.get(key)?.get_ref(), self.line.unwrap_or(1))),
        }
    }

    /// Whether the key is present (and thereby known).
    pub(crate) fn has(&self, key: &'static str) -> bool {
        self.get(key).is_some()
    }

    fn wrong_type(&self, key: &str, line: usize, zh: &str, en: &str) {
        self.collector.error(
            Some(line),
            words!("`{key}` 的值类型不对", "`{key}` has a value of the wrong type"),
            words!("请写成{zh}", "write {en}"),
        );
    }

    /// Reports a required key that is missing.
    pub(crate) fn missing(&self, key: &str, example: &str) {
        let title = &self.title;
        self.collector.error(
            self.line,
            words!("{title} 缺少 `{key}`", "{title} needs `{key}`"),
            words!("请加上一行，例如 `{key} = {example}`", "add a line such as `{key} = {example}`"),
        );
    }

    pub(crate) fn string(&self, key: &'static str) -> Option<Located<String>> {
        let (value, line) = self.get(key)?;
        match value.as_str() {
            Some(text) => Some(Located { value: text.to_owned(), line }),
            None => {
                self.wrong_type(key, line, "引号里的文字", "text in quotes");
                None
            }
        }
    }

    /// A text without any report: for a look ahead at a key that is read later.
    pub(crate) fn text_quietly(&self, key: &str) -> Option<String> {
        self.table.get(key)?.get_ref().as_str().map(str::to_owned)
    }

    pub(crate) fn required_string(&self, key: &'static str, example: &str) -> Option<Located<String>> {
        if !self.has(key) {
            self.missing(key, example);
            return None;
        }
        self.string(key)
    }

    /// A number or a string holding one, exactly as written: `0.01`, `"1/3"`.
    pub(crate) fn numeral(&self, key: &'static str) -> Option<Located<String>> {
        let (value, line) = self.get(key)?;
        let text = match value {
            DeValue::Integer(i) if i.radix() == 10 => i.as_str().to_owned(),
            DeValue::Float(f) => f.as_str().to_owned(),
            DeValue::String(s) => s.to_string(),
            _ => {
                self.wrong_type(key, line, "数字，例如 0.01 或 \"1/3\"", "a number such as 0.01 or \"1/3\"");
                return None;
            }
        };
        Some(Located { value: text, line })
    }

    pub(crate) fn boolean(&self, key: &'static str, default: bool) -> bool {
        match self.get(key) {
            None => default,
            Some((DeValue::Boolean(b), _)) => *b,
            Some((_, line)) => {
                self.wrong_type(key, line, " true 或 false", "true or false");
                default
            }
        }
    }

    /// A list of strings.
    pub(crate) fn strings(&self, key: &'static str) -> Option<Located<Vec<String>>> {
        let (value, line) = self.get(key)?;
        let list = value.as_array().and_then(|array| {
            array.iter().map(|item| item.get_ref().as_str().map(str::to_owned)).collect::<Option<Vec<_>>>()
        });
        if list.is_none() {
            self.wrong_type(
                key,
                line,
                "方括号里的一列文字，例如 [\"power\"]",
                "texts in brackets, such as [\"power\"]",
            );
        }
        Some(Located { value: list?, line })
    }

    /// All keys of this table with their plain values (numbers, texts, true and false) as written.
    pub(crate) fn plain_values(&self) -> Vec<(String, Located<String>)> {
        let mut found = Vec::new();
        for (key, value) in self.table.iter() {
            let line = self.collector.line(key.span().start);
            let text = match value.get_ref() {
                DeValue::String(s) => s.to_string(),
                DeValue::Integer(i) => i.as_str().to_owned(),
                DeValue::Float(f) => f.as_str().to_owned(),
                DeValue::Boolean(b) => b.to_string(),
                _ => {
                    self.wrong_type(key.get_ref(), line, "数字或文字", "a number or a text");
                    continue;
                }
            };
            found.push((key.get_ref().to_string(), Located { value: text, line }));
        }
        found.sort_by_key(|(_, value)| value.line);
        found
    }

    /// An integer within `range`; out of range is a problem and yields `None`.
    pub(crate) fn integer(&self, key: &'static str, range: RangeInclusive<u64>) -> Option<Located<u64>> {
        let (value, line) = self.get(key)?;
        let Some(integer) = value.as_integer() else {
            self.wrong_type(key, line, "整数", "a whole number");
            return None;
        };
        let (low, high) = (*range.start(), *range.end());
        match u64::from_str_radix(integer.as_str(), integer.radix()) {
            Ok(n) if range.contains(&n) => Some(Located { value: n, line }),
            _ => {
                let written = integer.to_string();
                self.collector.error(
                    Some(line),
                    words!("`{key} = {written}` 超出范围", "`{key} = {written}` is out of range"),
                    words!("请填 {low} 到 {high} 之间的整数", "use a whole number from {low} to {high}"),
                );
                None
            }
        }
    }

    /// Stretches of register addresses, `[[from, to], …]`, both ends included. What is wrong with them is a problem and yields nothing.
    pub(crate) fn stretches(&self, key: &'static str) -> Vec<RangeInclusive<u16>> {
        // A list a person writes by hand; every span of a plan is compared with it.
        const STRETCHES_MAX: usize = 64;
        let Some((value, line)) = self.get(key) else { return Vec::new() };
        let address = |value: &DeValue<'_>| {
            let integer = value.as_integer()?;
            u16::from_str_radix(integer.as_str(), integer.radix()).ok()
        };
        let stretch = |value: &DeValue<'_>| match value.as_array()?.iter().collect::<Vec<_>>()[..] {
            [from, to] => Some(address(from.get_ref())?..=address(to.get_ref())?).filter(|s| !s.is_empty()),
            _ => None,
        };
        let stretches = value.as_array().filter(|array| array.iter().count() <= STRETCHES_MAX);
        let stretches = stretches.and_then(|array| array.iter().map(|item| stretch(item.get_ref())).collect());
        stretches.unwrap_or_else(|| {
            self.collector.error(
                Some(line),
                words!("`{key}` 不是一组地址段", "`{key}` is not a list of stretches of addresses"),
                words!(
                    "写成 `{key} = [[100, 119], [300, 300]]`：每段先小后大，两头都算，地址 0 到 65535，最多 {STRETCHES_MAX} 段",
                    "write `{key} = [[100, 119], [300, 300]]`: low end first, both ends included, addresses 0 to 65535, at most {STRETCHES_MAX}"
                ),
            );
            Vec::new()
        })
    }

    pub(crate) fn integer_or(&self, key: &'static str, range: RangeInclusive<u64>, default: u64) -> u64 {
        self.integer(key, range).map_or(default, |n| n.value)
    }

    /// One of a closed list of words. An unknown word is a problem naming the list and the nearest word.
    pub(crate) fn choice<T: Copy>(&self, key: &'static str, choices: &[(&'static str, T)]) -> Option<Located<T>> {
        let text = self.string(key)?;
        if let Some((_, value)) = choices.iter().find(|(name, _)| *name == text.value) {
            return Some(Located { value: *value, line: text.line });
        }
        let typed = &text.value;
        let list = choices.iter().map(|(name, _)| format!("`{name}`")).collect::<Vec<_>>();
        let (zh_list, en_list) = (list.join("、"), list.join(", "));
        let hint = match nearest(typed, choices.iter().map(|(name, _)| *name)) {
            Some(name) => {
                words!("是不是 `{name}`？可以写的有：{zh_list}", "did you mean `{name}`? The choices are: {en_list}")
            }
            None => words!("可以写的有：{zh_list}", "the choices are: {en_list}"),
        };
        self.collector.error(
            Some(text.line),
            words!("`{key} = \"{typed}\"` 不是可用的选项", "`{key} = \"{typed}\"` is not one of the choices"),
            hint,
        );
        None
    }

    /// The table `[key]`, if it is there.
    pub(crate) fn table(&self, key: &'static str) -> Option<Self> {
        let (value, line) = self.get(key)?;
        match value {
            DeValue::Table(table) => Some(Self::new(self.collector, table, format!("[{key}]"), Some(line))),
            _ => {
                self.wrong_type(key, line, &format!("一节：[{key}]"), &format!("a section: [{key}]"));
                None
            }
        }
    }

    /// The tables `[[key]]`, in order.
    pub(crate) fn tables(&self, key: &'static str, title: &str) -> Vec<Self> {
        let Some((value, line)) = self.get(key) else { return Vec::new() };
        let DeValue::Array(array) = value else {
            self.wrong_type(key, line, &format!("一节：{title}"), &format!("a section: {title}"));
            return Vec::new();
        };
        let mut found = Vec::new();
        for item in array.iter() {
            let line = self.collector.line(item.span().start);
            match item.get_ref() {
                DeValue::Table(table) => found.push(Self::new(self.collector, table, title.to_owned(), Some(line))),
                _ => self.wrong_type(key, line, &format!("一节：{title}"), &format!("a section: {title}")),
            }
        }
        found
    }

    /// Declares keys that exist elsewhere but not here, with the sentence to print when they appear here.
    pub(crate) fn foreign(&self, keys: &[&'static str], why: &Words) {
        self.foreign.borrow_mut().extend(keys.iter().map(|key| (*key, why.clone())));
    }

    /// Reports every key of this table that nobody asked for.
    pub(crate) fn finish(&self) {
        let known = self.known.borrow();
        for (key, _) in self.table.iter() {
            let name: &str = key.get_ref();
            if known.contains(&name) {
                continue;
            }
            let line = self.collector.line(key.span().start);
            let shown: String = name.chars().take(64).collect();
            if let Some((_, why)) = self.foreign.borrow().iter().find(|(foreign, _)| *foreign == name) {
                let title = &self.title;
                self.collector.error(
                    Some(line),
                    words!("`{shown}` 不能写在 {title} 这里", "`{shown}` does not belong in {title}"),
                    why.clone(),
                );
                continue;
            }
            let hint = match nearest(name, known.iter().copied()) {
                Some(guess) => words!("是不是 `{guess}`？", "did you mean `{guess}`?"),
                None => {
                    let list: Vec<String> = known.iter().map(|k| format!("`{k}`")).collect();
                    let (zh, en) = (list.join("、"), list.join(", "));
                    words!("请删掉这一行；这里可以写的有：{zh}", "remove this line; the keys known here are: {en}")
                }
            };
            self.collector.error(Some(line), words!("未知的配置项 `{shown}`", "unknown key `{shown}`"), hint);
        }
    }
}
