//! Headers: the line that names the columns, in our words or in those of the template.
//!
//! The header is the line, of the first ten, that names most columns; what stands above it is a title. Everything that is wrong with it is
//! said at once: what is missing, what is not known, what is there twice.

use super::{Bad, Parsed, bad};
use crate::evaluate::said::{Said, quoted};
use crate::import::kinds::{Column, Kind};
use crate::import::{Cell, Line, cell};
use crate::spelling::distance;

/// Lines among which the header is looked for.
const HEADER_WITHIN: usize = 10;

/// A header that is understood: per column of the file its column of the kind and its own words.
pub(super) struct Header {
    pub(super) line: u32,
    pub(super) columns: Vec<Option<(&'static Column, String)>>,
}

/// The column a heading names: its id, either name, or both as the template has them.
fn column_of(kind: &Kind, heading: &str) -> Option<&'static Column> {
    let plain =
        |text: &str| text.chars().filter(|c| !c.is_whitespace() && *c != '*').collect::<String>().to_lowercase();
    let heading = plain(heading);
    let is = |c: &&Column| {
        let [zh, en] = c.names.map(plain);
        heading == c.id || heading == zh || heading == en || heading == format!("{zh}/{en}")
    };
    kind.columns.iter().find(is)
}

/// A heading as the template has it.
pub(in crate::import) fn heading(column: &Column) -> String {
    format!("{} / {}", column.names[0], column.names[1])
}

pub(super) fn listed(columns: impl Iterator<Item = &'static Column>, n: usize, between: &str) -> String {
    columns.map(|c| c.names[n]).collect::<Vec<_>>().join(between)
}

fn expected(kind: &Kind) -> Said {
    let of = |n: usize, between: &str| {
        let need = listed(kind.columns.iter().filter(|c| c.required), n, between);
        (need, listed(kind.columns.iter().filter(|c| !c.required), n, between))
    };
    let ((zh, zh_may), (en, en_may)) = (of(0, "、"), of(1, ", "));
    let may = |words: &str, list: String, end: &str| if list.is_empty() { list } else { format!("{words}{list}{end}") };
    Said::new(
        format!("必填列：{zh}。{}可下载模板后填写", may("可选列：", zh_may, "。")),
        format!("needed: {en}. {}Download the template and fill it in", may("Optional: ", en_may, ". ")),
    )
}

/// How many columns of the kind a line names.
pub(in crate::import) fn named(kind: &Kind, line: &Line) -> usize {
    let is_named = |cell: &&Cell| matches!(cell, Cell::Text(text) if column_of(kind, text).is_some());
    line.cells.iter().filter(is_named).count()
}

pub(super) fn find_header(kind: &Kind, lines: &[&Line], out: &mut Parsed) -> Option<Header> {
    let mut best: Option<(usize, &Line)> = None;
    for line in lines.iter().take(HEADER_WITHIN) {
        let count = named(kind, line);
        if best.is_none_or(|(most, _)| count > most) {
            best = Some((count, line));
        }
    }
    let todo = expected(kind);
    let Some((count, line)) = best else {
        out.wrong(
            0,
            "",
            Bad {
                what: Said::new("文件是空的，没有一行内容", "the file is empty: there is nothing in it"), todo
            },
        );
        return None;
    };
    let found: Vec<String> =
        line.cells.iter().filter(|c| **c != Cell::Empty).map(|c| quoted(&cell::shown(c))).take(20).collect();
    let (zh, en) = (found.join("、"), found.join(", "));
    if count == 0 {
        let what = Said::new(
            format!("没有「{}」的表头。第 {} 行是：{zh}", kind.names[0], line.number),
            format!("there is no header of `{}`. Line {} has: {en}", kind.names[1], line.number),
        );
        out.wrong(line.number, "", Bad { what, todo });
        return None;
    }
    let before = out.wrong.len();
    let header = understand(kind, line, out);
    let missing: Vec<&'static Column> = kind
        .columns
        .iter()
        .filter(|c| c.required && !header.columns.iter().flatten().any(|(h, _)| h.id == c.id))
        .collect();
    if !missing.is_empty() {
        let what = Said::new(
            format!("缺少列：{}。文件中的列：{zh}", listed(missing.iter().copied(), 0, "、")),
            format!("columns are missing: {}. The file has: {en}", listed(missing.iter().copied(), 1, ", ")),
        );
        out.wrong(line.number, "", Bad { what, todo });
    }
    let titles = lines.iter().filter(|l| l.number < line.number).count();
    if titles > 0 {
        out.notes.push(Said::new(
            format!("表头（第 {} 行）以上的 {titles} 行视为标题，未导入", line.number),
            format!("lines above the header (line {}) were taken as titles: {titles}", line.number),
        ));
    }
    (out.wrong.len() == before).then_some(header)
}

/// The column a mistyped heading was meant to be.
fn meant(kind: &Kind, heading: &str) -> Option<&'static Column> {
    let heading = heading.to_lowercase();
    if heading.chars().count() < 3 {
        return None;
    }
    let away =
        |c: &Column| [c.id, c.names[0], c.names[1]].map(|n| distance(&heading, &n.to_lowercase())).into_iter().min();
    let near = kind.columns.iter().filter_map(|c| Some((away(c)?, c))).filter(|(far, _)| *far <= 2);
    near.min_by_key(|(far, _)| *far).map(|(_, c)| c)
}

fn understand(kind: &Kind, line: &Line, out: &mut Parsed) -> Header {
    let mut columns: Vec<Option<(&'static Column, String)>> = Vec::new();
    for cell in &line.cells {
        let text = cell::shown(cell);
        let column = column_of(kind, &text);
        let is_there = column.is_some_and(|c| columns.iter().flatten().any(|(h, _)| h.id == c.id));
        columns.push(column.filter(|_| !is_there).map(|c| (c, text.clone())));
        if is_there {
            let (zh, en) =
                (format!("「{}」列重复", quoted(&text)), format!("column `{}` is there twice", quoted(&text)));
            out.wrong(line.number, quoted(&text), bad(zh, en, "只保留一列", "keep one of them"));
        } else if text.starts_with(['#', '＃']) {
            out.notes.push(Said::new(
                format!("以 # 开头的列「{}」未导入", quoted(&text)),
                format!("column `{}` begins with # and was left out", quoted(&text)),
            ));
        } else if column.is_none() && *cell != Cell::Empty {
            // Whoever meant a column of ours needs no list of all the others.
            let todo = match meant(kind, &text) {
                Some(c) => Said::new(
                    format!("是否为「{}」？不需要导入的列，列名前加 #", c.names[0]),
                    format!("perhaps `{}`? Put # before the name of a column that is not to be imported", c.names[1]),
                ),
                None => {
                    let todo = expected(kind);
                    Said::new(
                        format!("不需要导入的列，列名前加 #。{}", todo.zh),
                        format!("put # before the name of a column that is not to be imported; {}", todo.en),
                    )
                }
            };
            let what =
                Said::new(format!("不认识列「{}」", quoted(&text)), format!("column `{}` is not known", quoted(&text)));
            out.wrong(line.number, quoted(&text), Bad { what, todo });
        }
    }
    Header { line: line.number, columns }
}
