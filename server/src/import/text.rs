//! Tables as text: CSV, as Excel and WPS save it in China and elsewhere.
//!
//! Constraints
//! 1. UTF-8 with or without a byte order mark, UTF-16 with one (Excel's "Unicode text"), or GB18030 — which holds GBK and GB2312 — and
//!    only when every byte of the file reads in it. A note says when it was not UTF-8.
//! 2. The separator is that of comma, semicolon and tab which shows most headings of our tables in one of the first lines, whatever stands
//!    in the cells below; where that does not tell, that which divides one of those lines into most fields. A tie is refused.
//!    Quotes as in RFC 4180. Excel's own first line `sep=;` is obeyed.
//! 3. Line numbers are those an editor shows: a line break inside quotes counts.

use super::{CELL_MAX, COLUMNS_MAX, Cell, Line, ROWS_MAX, Table, Unreadable, kinds, parse};
use crate::evaluate::said::Said;

/// Reads a text file.
pub(super) fn read(bytes: &[u8]) -> Result<Table, Unreadable> {
    let (text, note) = decode(bytes)?;
    let text = text.trim_start_matches('\u{feff}');
    // Excel's own first line that names the separator.
    let (said, text, skipped) = match text.split_once('\n') {
        Some((first, rest)) if first.trim_end().len() == 5 && first.starts_with("sep=") => {
            (first.chars().nth(4), rest, 1)
        }
        _ => (None, text, 0),
    };
    let separator = match said {
        Some(separator) => separator,
        None => separator_of(text)?,
    };
    let mut table = split(text, separator, skipped)?;
    table.notes.extend(note);
    Ok(table)
}

/// The text of a file, and how it was encoded when that was not UTF-8.
fn decode(bytes: &[u8]) -> Result<(String, Option<Said>), Unreadable> {
    let utf16 = [encoding_rs::UTF_16LE, encoding_rs::UTF_16BE];
    let marks: [&[u8]; 2] = [&[0xFF, 0xFE], &[0xFE, 0xFF]];
    let marked = utf16.into_iter().zip(marks).find(|(_, mark)| bytes.starts_with(mark));
    let (text, note) = match marked {
        Some((encoding, _)) => (encoding.decode_without_bom_handling_and_without_replacement(bytes), "UTF-16"),
        None => match std::str::from_utf8(bytes) {
            Ok(text) => return without_nul(text.to_owned(), None),
            Err(_) => {
                (encoding_rs::GB18030.decode_without_bom_handling_and_without_replacement(bytes), "GB18030（GBK）")
            }
        },
    };
    let Some(text) = text else {
        return Err(Unreadable::new(
            "文件不是文本：既不是 UTF-8，也不是 GBK",
            "the file is no text: neither UTF-8 nor GBK",
            "在 Excel 或 WPS 中另存为「CSV UTF-8（逗号分隔）」或 .xlsx",
            "save it from Excel or WPS as `CSV UTF-8` or .xlsx",
        ));
    };
    let note = Said::new(
        format!("文件按 {note} 编码读取"),
        format!("the file was read as {}", note.replace("（GBK）", " (GBK)")),
    );
    without_nul(text.into_owned(), Some(note))
}

fn without_nul(text: String, note: Option<Said>) -> Result<(String, Option<Said>), Unreadable> {
    if text.contains('\0') {
        return Err(Unreadable::new(
            "文件含空字节（NUL），不是表格",
            "the file has zero bytes (NUL) in it and is not a table",
            "在 Excel 或 WPS 中另存为「CSV UTF-8（逗号分隔）」或 .xlsx",
            "save it from Excel or WPS as `CSV UTF-8` or .xlsx",
        ));
    }
    Ok((text, note))
}

/// Comma, semicolon and tab, each with the most that one of the first lines has by it, most first. A title may stand above the header.
fn ranked(text: &str, count: impl Fn(&str, char) -> usize) -> [(usize, char); 3] {
    let mut all = [',', ';', '\t'].map(|separator| {
        let most = text.lines().take(10).map(|line| count(line, separator)).max().unwrap_or(0);
        (most, separator)
    });
    all.sort_by_key(|(count, _)| std::cmp::Reverse(*count));
    all
}

/// How many headings of one of our tables stand in a line.
fn headings(line: &str, separator: char) -> usize {
    let table = split(line, separator, 0).unwrap_or_default();
    let named = |kind: &kinds::Kind| table.lines.first().map_or(0, |line| parse::named(kind, line));
    kinds::ALL.into_iter().map(named).max().unwrap_or(0)
}

/// What divides the columns.
fn separator_of(text: &str) -> Result<char, Unreadable> {
    // A single heading is one by every separator.
    let [(most, separator), (next, _), _] = ranked(text, headings);
    if most > next {
        return Ok(separator);
    }
    match ranked(text, outside_quotes).as_slice() {
        [(0, _), ..] if text.contains(['，', '；']) => Err(Unreadable::new(
            "列之间是中文逗号或分号",
            "the columns are divided by Chinese (full-width) commas or semicolons",
            "用英文逗号 , 分隔，或直接导入 .xlsx",
            "divide them by a plain comma `,`, or import the .xlsx",
        )),
        [(0, _), ..] => Ok(','),
        [(a, _), (b, _), ..] if a == b => Err(Unreadable::new(
            "首行有不止一种分隔符，无法判断",
            "the header has as many of one separator as of another",
            "用英文逗号 , 分隔；含逗号的文本加双引号",
            "divide the columns by commas; a text with a comma in it goes into double quotes",
        )),
        [(_, separator), ..] => Ok(*separator),
        [] => Ok(','),
    }
}

fn outside_quotes(line: &str, separator: char) -> usize {
    let mut quoted = false;
    line.chars()
        .filter(|c| {
            quoted ^= *c == '"';
            !quoted && *c == separator
        })
        .count()
}

fn split(text: &str, separator: char, skipped: u32) -> Result<Table, Unreadable> {
    let mut table = Table::default();
    let mut line = Line { number: skipped + 1, cells: Vec::new() };
    let (mut at, mut field, mut quoted_at) = (skipped + 1, String::new(), None::<u32>);
    let mut chars = text.chars().peekable();
    loop {
        let c = chars.next();
        match (c, quoted_at) {
            (None, Some(opened)) => return Err(open_quote(opened)),
            (Some('"'), Some(_)) if chars.peek() == Some(&'"') => {
                chars.next();
                field.push('"');
            }
            (Some('"'), Some(_)) => quoted_at = None,
            (Some(c), Some(_)) => {
                at += u32::from(c == '\n');
                field.push(c);
            }
            (Some('"'), None) if field.trim().is_empty() => {
                field.clear();
                quoted_at = Some(at);
            }
            (Some('\r'), None) if matches!(chars.peek(), Some('\n') | None) => {}
            (Some('\n' | '\r') | None, None) => {
                finish(&mut line.cells, &mut field, at)?;
                if !line.is_empty() {
                    if table.lines.len() >= ROWS_MAX {
                        return Err(too_many_rows());
                    }
                    table.lines.push(std::mem::take(&mut line));
                }
                if c.is_none() {
                    return Ok(table);
                }
                at += 1;
                line = Line { number: at, cells: Vec::new() };
            }
            (Some(c), None) if c == separator => finish(&mut line.cells, &mut field, at)?,
            (Some(c), None) => field.push(c),
        }
        if field.len() > CELL_MAX {
            // A quote that never closes would swallow the file.
            return Err(quoted_at.map_or_else(|| long_cell(at), open_quote));
        }
    }
}

/// Ends a field.
fn finish(cells: &mut Vec<Cell>, field: &mut String, line: u32) -> Result<(), Unreadable> {
    let text = field.trim();
    if cells.len() >= COLUMNS_MAX && !text.is_empty() {
        return Err(too_many_columns(line));
    }
    if cells.len() < COLUMNS_MAX {
        cells.push(cell(text));
    }
    field.clear();
    Ok(())
}

/// A cell of text; a spreadsheet's error is one in CSV too.
pub(super) fn cell(text: &str) -> Cell {
    const ERRORS: [&str; 9] = ["#REF!", "#VALUE!", "#NAME?", "#DIV/0!", "#N/A", "#NULL!", "#NUM!", "#SPILL!", "#CALC!"];
    match text.trim() {
        "" => Cell::Empty,
        text if ERRORS.contains(&text) => Cell::Broken(text.to_owned()),
        text => Cell::Text(text.to_owned()),
    }
}

pub(super) fn too_many_rows() -> Unreadable {
    Unreadable::new(
        format!("表格超过 {ROWS_MAX} 行"),
        format!("the table has more than {ROWS_MAX} rows"),
        "分成几个文件，分别导入",
        "divide it and import the parts one by one",
    )
}

pub(super) fn too_many_columns(line: u32) -> Unreadable {
    Unreadable::new(
        format!("第 {line} 行超过 {COLUMNS_MAX} 列"),
        format!("line {line} has more than {COLUMNS_MAX} columns"),
        "只保留模板中的列",
        "keep the template's columns only",
    )
}

pub(super) fn long_cell(line: u32) -> Unreadable {
    Unreadable::new(
        format!("第 {line} 行有一个单元格超过 {CELL_MAX} 字节"),
        format!("line {line} has a cell of more than {CELL_MAX} bytes"),
        "写短一些；长文本留在原件中，填其 SHA-256",
        "write it shorter; a long text stays in its document, whose SHA-256 is stated",
    )
}

fn open_quote(line: u32) -> Unreadable {
    Unreadable::new(
        format!("第 {line} 行的双引号没有结束"),
        format!("a double quote opens in line {line} and never closes"),
        "补上结束引号；文本中的双引号写两个（\"\"）",
        "close it; a double quote inside a text is written twice (\"\")",
    )
}
