//! Readings as CSV (RFC 4180), long or wide, told apart by the header and by nothing else.
//!
//! Long: columns `time,tag,value` and, if wanted, `quality` and `gateway`, in any order. Wide: `time` first, then one column per
//! tag; an empty cell is no reading.
//!
//! Constraints
//! 1. UTF-8, with or without a byte order mark. Other bytes are refused as a whole: a file half understood is not understood.
//! 2. The separator is the one the plan states, or the only one of `,` `;` and tab that occurs in the header.
//! 3. A line is read into a buffer of bounded length; what is longer is a bad row and skipped without being held. A quote that
//!    never closes would swallow the rest, so it refuses the file and names the line where it opens.

use std::io::{BufRead, Cursor, Read};

use jiff::tz::TimeZone;
use protocol::Quality;

use super::instant;
pub use super::instant::zone;
use super::rows::{Cell, Collector, Limits, Readings, place, quality};
use super::said::{Refusal, Said, Wrong, quoted};
use super::tags::TagTable;

/// How a text file is to be read.
#[derive(Debug, Clone, Default)]
pub struct Dialect {
    /// Zone of local times.
    pub zone: Option<TimeZone>,
    /// Separator, if the plan states one.
    pub separator: Option<u8>,
}

/// Reads a whole file.
///
/// # Errors
/// The file as a whole cannot be understood: encoding, header, an open quote, a limit. Bad rows are in the result.
pub fn read(
    file: &str,
    mut input: impl BufRead,
    table: &TagTable,
    dialect: &Dialect,
    limits: Limits,
) -> Result<Readings, Refusal> {
    let header = first_line(file, &mut input, limits)?;
    let separator = match dialect.separator {
        Some(separator) => separator,
        None => separator_of(file, &header)?,
    };
    let mut lines = Lines::new(file, Cursor::new(header).chain(input), separator, limits.line_bytes);
    let mut record = Record::default();
    let columns = match lines.next(&mut record)? {
        true if record.wrong.is_none() => Columns::of(file, &record, table)?,
        true => return Err(bad_header(file, "引号或行结束符有误", "its quotes or line ends are broken")),
        false => return Err(bad_header(file, "文件是空的", "the file is empty")),
    };
    let mut collector = Collector::new(table, limits, file);
    while lines.next(&mut record)? {
        let row = record.line;
        if let Some(wrong) = record.wrong.take() {
            collector.row()?;
            collector.bad(row, "", wrong);
        } else if record.is_blank() {
            collector.ignored().blank_lines += 1;
        } else if record.len() != columns.count() {
            collector.row()?;
            let (have, want) = (record.len(), columns.count());
            let what = Said::new(format!("该行有 {have} 列"), format!("the row has {have} columns"));
            let allowed = Said::new(
                format!("与表头相同，{want} 列；含分隔符的文本须加双引号"),
                format!("{want}, as the header has; a text with the separator in it needs double quotes"),
            );
            collector.bad(row, "", Wrong::new(what, allowed));
        } else {
            collector.row()?;
            columns.take(&record, dialect.zone.as_ref(), &mut collector)?;
        }
    }
    Ok(collector.finish())
}

/// The header line with its end, without a byte order mark.
fn first_line(file: &str, input: &mut impl BufRead, limits: Limits) -> Result<Vec<u8>, Refusal> {
    let mut line = Vec::new();
    let most = limits.line_bytes as u64 + 1;
    input.by_ref().take(most).read_until(b'\n', &mut line).map_err(|e| unreadable(file, &e))?;
    if line.len() as u64 == most {
        return Err(bad_header(file, "首行过长", "its first line is too long"));
    }
    if line.starts_with(&[0xFF, 0xFE]) || line.starts_with(&[0xFE, 0xFF]) {
        return Err(Refusal::new(
            file,
            Said::new("文件是 UTF-16 编码", "the file is UTF-16"),
            Said::new("另存为 UTF-8（Excel：「CSV UTF-8（逗号分隔）」）", "save it as UTF-8 (Excel: `CSV UTF-8`)"),
        ));
    }
    if line.starts_with(&[0xEF, 0xBB, 0xBF]) {
        line.drain(..3);
    }
    check_text(file, 1, &line)?;
    Ok(line)
}

fn separator_of(file: &str, header: &[u8]) -> Result<u8, Refusal> {
    let found: Vec<u8> = [b',', b';', b'\t'].into_iter().filter(|s| header.contains(s)).collect();
    match found.as_slice() {
        [one] => Ok(*one),
        [] => Err(bad_header(file, "没有逗号、分号或制表符", "it has no comma, semicolon or tab")),
        _ => Err(Refusal::new(
            file,
            Said::new("首行有不止一种分隔符", "the first line has more than one kind of separator"),
            Said::new(
                "在方案文件 [readings] 中写明 separator：\",\"、\";\" 或 \"tab\"",
                "state `separator` under [readings] in the plan file: \",\", \";\" or \"tab\"",
            ),
        )),
    }
}

fn bad_header(file: &str, zh: &str, en: &str) -> Refusal {
    Refusal::at_line(
        file,
        1,
        Said::new(format!("表头不可用：{zh}"), format!("the header cannot be used: {en}")),
        Said::new(
            "首行写 time,tag,value（可加 quality、gateway），或 time 后每个数据点一列",
            "the first line is time,tag,value (quality and gateway if wanted), or time and one column per tag",
        ),
    )
}

fn unreadable(file: &str, error: &std::io::Error) -> Refusal {
    Refusal::new(
        file,
        Said::new(format!("读取失败：{error}"), format!("cannot be read: {error}")),
        Said::new("检查磁盘和文件权限", "check the disk and who may read the file"),
    )
}

/// Refuses bytes that are not UTF-8, and says so when they look like GBK.
fn check_text<'b>(file: &str, line: u64, bytes: &'b [u8]) -> Result<&'b str, Refusal> {
    std::str::from_utf8(bytes).map_err(|_| {
        let (zh, en) = if looks_like_gbk(bytes) {
            ("文件像是 GBK 编码，不是 UTF-8", "the file seems to be GBK, not UTF-8")
        } else {
            ("文件不是 UTF-8 文本", "the file is not UTF-8 text")
        };
        Refusal::at_line(
            file,
            line,
            Said::new(zh, en),
            Said::new(
                "另存为 UTF-8（Excel：「CSV UTF-8（逗号分隔）」；记事本：编码选 UTF-8）",
                "save it as UTF-8 (Excel: `CSV UTF-8`; Notepad: encoding UTF-8)",
            ),
        )
    })
}

/// Whether every byte above ASCII belongs to a two-byte character of GBK.
fn looks_like_gbk(bytes: &[u8]) -> bool {
    let mut rest = bytes.iter();
    while let Some(lead) = rest.next() {
        if *lead < 0x80 {
            continue;
        }
        let trail = rest.next().is_some_and(|b| (0x40..=0xFE).contains(b) && *b != 0x7F);
        if !(0x81..=0xFE).contains(lead) || !trail {
            return false;
        }
    }
    true
}

/// Which column means what.
enum Columns {
    Long { time: usize, tag: usize, value: usize, quality: Option<usize>, gateway: Option<usize>, count: usize },
    Wide { tags: Vec<Wide> },
}

/// A column of a wide file.
struct Wide {
    name: String,
    /// `None`: left out on purpose.
    tag: Option<usize>,
}

impl Columns {
    fn of(file: &str, header: &Record, table: &TagTable) -> Result<Self, Refusal> {
        let names: Vec<&str> = (0..header.len()).map(|i| header.field(i)).collect();
        let at = |name: &str| names.iter().position(|n| *n == name);
        if let Some(twice) = names.iter().enumerate().find(|(i, n)| names.iter().take(*i).any(|m| m == *n)) {
            let name = quoted(twice.1);
            return Err(bad_header(file, &format!("「{name}」列重复"), &format!("column `{name}` is there twice")));
        }
        if let (Some(time), Some(tag), Some(value)) = (at("time"), at("tag"), at("value")) {
            let known = ["time", "tag", "value", "quality", "gateway"];
            if let Some(other) = names.iter().find(|n| !known.contains(n)) {
                let name = quoted(other);
                return Err(bad_header(file, &format!("不认识「{name}」列"), &format!("column `{name}` is not known")));
            }
            return Ok(Self::Long {
                time,
                tag,
                value,
                quality: at("quality"),
                gateway: at("gateway"),
                count: names.len(),
            });
        }
        let (Some(&"time"), true) = (names.first(), names.len() > 1) else {
            return Err(bad_header(file, "缺少 time、tag 或 value 列", "columns time, tag or value are missing"));
        };
        let mut tags = Vec::new();
        for name in names.iter().skip(1) {
            let tag = match table.find(name, None) {
                Ok(super::tags::Place::Tag(tag)) => Some(tag),
                Ok(super::tags::Place::Ignored) => None,
                Err(wrong) => {
                    return Err(Refusal::at_line(file, 1, wrong.what, wrong.allowed));
                }
            };
            tags.push(Wide { name: (*name).to_owned(), tag });
        }
        Ok(Self::Wide { tags })
    }

    fn count(&self) -> usize {
        match self {
            Self::Long { count, .. } => *count,
            Self::Wide { tags } => tags.len() + 1,
        }
    }

    fn take(&self, record: &Record, zone: Option<&TimeZone>, c: &mut Collector<'_>) -> Result<(), Refusal> {
        let row = record.line;
        match self {
            Self::Long { time, tag, value, quality: q, gateway, .. } => {
                let gateway = gateway.map(|i| record.field(i));
                let Some(tag) = place(c, row, "tag", record.field(*tag), gateway) else { return Ok(()) };
                let time_ms = match instant::parse(record.field(*time), zone) {
                    Ok(ms) => ms,
                    Err(wrong) => {
                        c.bad(row, "time", wrong);
                        return Ok(());
                    }
                };
                let quality = match q.map_or(Ok(Quality::Good), |i| quality(record.field(i))) {
                    Ok(quality) => quality,
                    Err(wrong) => {
                        c.bad(row, "quality", wrong);
                        return Ok(());
                    }
                };
                c.take_text(row, Cell { tag, time_ms, quality, column: "value" }, record.field(*value))
            }
            Self::Wide { tags } => {
                let time_ms = match instant::parse(record.field(0), zone) {
                    Ok(ms) => ms,
                    Err(wrong) => {
                        c.bad(row, "time", wrong);
                        return Ok(());
                    }
                };
                for (i, wide) in tags.iter().enumerate() {
                    let text = record.field(i + 1);
                    match wide.tag {
                        _ if text.is_empty() => c.ignored().empty_cells += 1,
                        None => c.leave_out(&wide.name),
                        Some(tag) => {
                            let cell = Cell { tag, time_ms, quality: Quality::Good, column: &wide.name };
                            c.take_text(row, cell, text)?;
                        }
                    }
                }
                Ok(())
            }
        }
    }
}

/// One record: its fields end to end.
#[derive(Debug, Default)]
struct Record {
    line: u64,
    text: String,
    ends: Vec<usize>,
    /// Why its fields mean nothing.
    wrong: Option<Wrong>,
}

impl Record {
    fn len(&self) -> usize {
        self.ends.len()
    }

    fn is_blank(&self) -> bool {
        self.len() == 1 && self.text.is_empty()
    }

    fn field(&self, i: usize) -> &str {
        let from = i.checked_sub(1).and_then(|i| self.ends.get(i)).copied().unwrap_or(0);
        self.ends.get(i).and_then(|to| self.text.get(from..*to)).unwrap_or_default()
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum At {
    FieldStart,
    Plain,
    Quoted,
    QuoteInQuoted,
    CarriageReturn,
}

/// Splits bytes into records.
struct Lines<'f, R> {
    file: &'f str,
    input: R,
    separator: u8,
    line_bytes: usize,
    line: u64,
    bytes: Vec<u8>,
}

impl<'f, R: BufRead> Lines<'f, R> {
    fn new(file: &'f str, input: R, separator: u8, line_bytes: usize) -> Self {
        Self { file, input, separator, line_bytes, line: 1, bytes: Vec::new() }
    }

    /// Reads the next record; `false` at the end.
    fn next(&mut self, record: &mut Record) -> Result<bool, Refusal> {
        (record.line, record.wrong) = (self.line, None);
        record.ends.clear();
        let mut bytes = std::mem::take(&mut self.bytes);
        bytes.clear();
        let mut at = At::FieldStart;
        let mut quote_line = self.line;
        let mut any = false;
        'record: loop {
            let buffer = match self.input.fill_buf() {
                Ok(buffer) => buffer,
                Err(e) if e.kind() == std::io::ErrorKind::Interrupted => continue,
                Err(e) => return Err(unreadable(self.file, &e)),
            };
            if buffer.is_empty() {
                if at == At::Quoted {
                    return Err(self.open_quote(quote_line));
                }
                if !any {
                    self.bytes = bytes;
                    return Ok(false);
                }
                break;
            }
            let mut used = 0;
            for &b in buffer {
                used += 1;
                any = true;
                if b == b'\n' {
                    self.line += 1;
                }
                if at == At::Quoted {
                    match b {
                        b'"' => at = At::QuoteInQuoted,
                        _ => bytes.push(b),
                    }
                } else if b == b'\n' {
                    self.input.consume(used);
                    break 'record;
                } else if at == At::CarriageReturn {
                    record.wrong.get_or_insert_with(carriage_return);
                } else if b == b'\r' {
                    at = At::CarriageReturn;
                } else if b == self.separator {
                    record.ends.push(bytes.len());
                    at = At::FieldStart;
                } else if b == b'"' {
                    match at {
                        At::FieldStart => (at, quote_line) = (At::Quoted, self.line),
                        At::QuoteInQuoted => {
                            bytes.push(b);
                            at = At::Quoted;
                        }
                        _ => drop(record.wrong.get_or_insert_with(stray_quote)),
                    }
                } else {
                    if at == At::QuoteInQuoted {
                        record.wrong.get_or_insert_with(stray_quote);
                    }
                    bytes.push(b);
                    at = At::Plain;
                }
                if b == 0 {
                    record.wrong.get_or_insert_with(nul);
                }
                if bytes.len() + record.ends.len() > self.line_bytes {
                    if at == At::Quoted {
                        return Err(self.open_quote(quote_line));
                    }
                    let most = self.line_bytes;
                    record.wrong = Some(too_long(most));
                    self.input.consume(used);
                    self.input.skip_until(b'\n').map_err(|e| unreadable(self.file, &e))?;
                    self.line += 1;
                    break 'record;
                }
            }
            self.input.consume(used);
        }
        record.ends.push(bytes.len());
        let checked = if record.wrong.is_some() { Ok("") } else { check_text(self.file, record.line, &bytes) };
        checked.map(|text| {
            record.text.clear();
            record.text.push_str(text);
        })?;
        // A separator may stand only between whole characters of valid text, so every end is on a boundary.
        self.bytes = bytes;
        Ok(true)
    }

    fn open_quote(&self, line: u64) -> Refusal {
        Refusal::at_line(
            self.file,
            line,
            Said::new(
                "此处的双引号没有结束，其后内容无法读取",
                "a double quote opens here and never closes: nothing after it can be read",
            ),
            Said::new(
                "补上结束引号；文本中的双引号写两个（\"\"）",
                "close it; a double quote inside a text is written twice (\"\")",
            ),
        )
    }
}

fn stray_quote() -> Wrong {
    Wrong::new(
        Said::new("双引号位置不对", "a double quote where none may stand"),
        Said::new(
            "整个字段加双引号，其中的双引号写两个（\"\"）",
            "the whole field in double quotes, those inside it written twice (\"\")",
        ),
    )
}

fn carriage_return() -> Wrong {
    Wrong::new(
        Said::new("行中有回车符", "a carriage return inside the line"),
        Said::new("行以 LF 或 CRLF 结束", "lines end in LF or CRLF"),
    )
}

fn nul() -> Wrong {
    Wrong::new(Said::new("行中有空字节（NUL）", "a zero byte (NUL) in the line"), Said::new("UTF-8 文本", "UTF-8 text"))
}

fn too_long(most: usize) -> Wrong {
    Wrong::new(
        Said::new(format!("该行超过 {most} 字节"), format!("the line has more than {most} bytes")),
        Said::new(format!("最多 {most} 字节"), format!("at most {most} bytes")),
    )
}

#[cfg(test)]
mod tests;
