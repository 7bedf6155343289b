//! What is wrong with a configuration file, told so that an electrician can repair it.
//!
//! Constraints: a problem says what, where (file and line) and what to do, in both languages; all problems of a file are reported
//! in one go; an unknown key is never ignored, and the nearest known name is suggested.

use crate::locale::{Lang, Words};

/// How grave a problem is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// The agent refuses to start.
    Error,
    /// The agent starts; the reader should know.
    Warning,
}

/// One thing that is wrong in a configuration file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Error or warning.
    pub severity: Severity,
    /// The file, when it is another one than the file that was checked: a device profile.
    pub file: Option<String>,
    /// Line in the file, from 1; `None` when something is missing altogether.
    pub line: Option<usize>,
    /// What is wrong.
    pub what: Words,
    /// What to do about it.
    pub hint: Words,
}

impl Problem {
    /// The problem as text for a terminal, without a final newline.
    pub fn render(&self, file: &str, lang: Lang) -> String {
        let (what, hint) = (self.what.get(lang), self.hint.get(lang));
        let file = self.file.as_deref().unwrap_or(file);
        let (kind, place, advice) = match lang {
            Lang::Zh => (
                match self.severity {
                    Severity::Error => "错误",
                    Severity::Warning => "警告",
                },
                match self.line {
                    Some(line) => format!("  位置：{file} 第 {line} 行"),
                    None => format!("  位置：{file}"),
                },
                format!("建议：{hint}"),
            ),
            Lang::En => (
                match self.severity {
                    Severity::Error => "error",
                    Severity::Warning => "warning",
                },
                match self.line {
                    Some(line) => format!("  in {file}, line {line}"),
                    None => format!("  in {file}"),
                },
                format!("hint: {hint}"),
            ),
        };
        let colon = lang.pick("：", ": ");
        format!("{kind}{colon}{what}\n{place}\n{advice}")
    }
}

/// Everything that is wrong with one file. `Display` is English; use [`Problems::render`] for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problems {
    /// The file as the user named it.
    pub file: String,
    /// In the order of the file.
    pub list: Vec<Problem>,
}

impl Problems {
    /// All problems as text for a terminal, one blank line between them.
    pub fn render(&self, lang: Lang) -> String {
        let all: Vec<String> = self.list.iter().map(|p| p.render(&self.file, lang)).collect();
        all.join("\n\n")
    }

    /// Whether any of them forbids starting.
    pub fn is_fatal(&self) -> bool {
        self.list.iter().any(|p| p.severity == Severity::Error)
    }
}

impl std::fmt::Display for Problems {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.render(Lang::En))
    }
}

impl std::error::Error for Problems {}

/// The known name closest to what was typed, if it is close enough to be a slip: at most a third of the letters differ, and never
/// more than three.
pub fn nearest<'a>(typed: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let typed = typed.to_ascii_lowercase().replace('-', "_");
    known
        .into_iter()
        .map(|name| (distance(&typed, name), name))
        .filter(|(d, name)| *d <= (name.chars().count().max(typed.chars().count()) / 3).clamp(1, 3))
        .min_by_key(|(d, _)| *d)
        .map(|(_, name)| name)
}

/// Edit distance where swapping two neighbours counts as one slip (optimal string alignment).
fn distance(a: &str, b: &str) -> usize {
    // A key longer than this is not a slip of the pen; the bound keeps the table small for hostile files.
    const LETTERS_MAX: usize = 64;
    let a: Vec<char> = a.chars().take(LETTERS_MAX).collect();
    let b: Vec<char> = b.chars().take(LETTERS_MAX).collect();
    let mut rows: Vec<Vec<usize>> = vec![(0..=b.len()).collect()];
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let change = usize::from(a[i - 1] != b[j - 1]);
            let mut best = (rows[i - 1][j] + 1).min(row[j - 1] + 1).min(rows[i - 1][j - 1] + change);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(rows[i - 2][j - 2] + 1);
            }
            row.push(best);
        }
        rows.push(row);
    }
    rows[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_finds_its_name_and_nonsense_finds_nothing() {
        let known = ["address", "area", "interval_ms", "unit", "type"];
        assert_eq!(nearest("adress", known), Some("address"));
        assert_eq!(nearest("intervall_ms", known), Some("interval_ms"));
        assert_eq!(nearest("interval-ms", known), Some("interval_ms"));
        assert_eq!(nearest("tpye", known), Some("type"));
        assert_eq!(nearest("colour", known), None);
    }
}
