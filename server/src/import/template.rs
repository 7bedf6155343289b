//! An empty table with its header and one example, which an import leaves out: as text, and as a workbook with a sheet of notes.
//!
//! Constraint: the workbook's columns are text, so that no spreadsheet turns `1-5` into a date or takes the zeros off a number; what is
//! typed into them reads as it does from a CSV. The same kind gives the same bytes.

use rust_xlsxwriter::{DocProperties, ExcelDateTime, Format, Workbook, XlsxError};

use super::kinds::{Column, Kind};
use super::parse::heading;
use crate::evaluate::said::Said;

/// The example of a table, as cells: the first says that an import leaves the line out.
fn example(kind: &Kind) -> Vec<String> {
    let mut example: Vec<String> = kind.columns.iter().map(|c| c.example.to_owned()).collect();
    if let Some(first) = example.first_mut() {
        first.insert_str(0, "# ");
    }
    example
}

/// The template of a table as CSV: UTF-8 with a byte order mark, so that Excel reads Chinese; lines end as Excel's do.
#[must_use]
pub fn csv(kind: &Kind) -> String {
    let header: Vec<String> = kind.columns.iter().map(heading).collect();
    let line = |cells: &[String]| cells.iter().map(|c| field(c)).collect::<Vec<_>>().join(",");
    format!("\u{feff}{}\r\n{}\r\n", line(&header), line(&example(kind)))
}

fn field(text: &str) -> String {
    if text.contains(['"', ',', '\n', '\r']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text.to_owned() }
}

/// Characters of a heading to a column's width; a Chinese character takes two.
fn width(text: &str) -> f64 {
    let wide: usize = text.chars().map(|c| if c.is_ascii() { 1 } else { 2 }).sum();
    (wide + 3).clamp(12, 60) as f64
}

/// The template as a workbook: the table on the first sheet, on the second what goes into each column, `what` in both languages.
///
/// # Errors
/// The library refuses, which no table of ours makes it do.
pub fn xlsx(kind: &Kind, what: impl Fn(&Column) -> Said) -> Result<Vec<u8>, XlsxError> {
    let mut book = Workbook::new();
    let title = format!("{} / {}", kind.names[0], kind.names[1]);
    let long_ago = ExcelDateTime::from_timestamp(0)?;
    book.set_properties(
        &DocProperties::new().set_title(&title).set_author("Gongzheng").set_creation_datetime(&long_ago),
    );
    let text = Format::new().set_num_format_index(49);
    let head = text.clone().set_bold().set_font_color("#16324F").set_background_color("#ECEFF2").set_text_wrap();
    let quiet = text.clone().set_italic().set_font_color("#5B6670");

    let table = book.add_worksheet().set_name("填报 Declare")?;
    table.set_freeze_panes(1, 0)?;
    for (at, (column, example)) in (0..).zip(kind.columns.iter().zip(example(kind))) {
        let heading = heading(column);
        table.set_column_width(at, width(&heading))?.set_column_format(at, &text)?;
        table.write_with_format(0, at, heading, &head)?;
        if !example.is_empty() {
            table.write_with_format(1, at, example, &quiet)?;
        }
    }

    let notes = book.add_worksheet().set_name("说明 Notes")?;
    let wrapped = text.set_text_wrap();
    for (line, words) in (0..).zip([
        title.as_str(),
        kind.words[0],
        kind.words[1],
        "以 # 开头的行和列不导入；本表（说明）不导入。时间为厂区当地时间。",
        "Lines and columns that begin with # are not imported, nor is this sheet. Times are local times of the site.",
    ]) {
        notes.write(line, 0, words)?;
    }
    let heads = ["列 / Column", "必填 / Needed", "填什么", "What goes in", "示例 / Example"];
    for (at, (words, wide)) in (0..).zip(heads.into_iter().zip([36.0, 16.0, 50.0, 60.0, 30.0])) {
        notes.set_column_width(at, wide)?;
        notes.write_with_format(NOTES_FROM, at, words, &head)?;
    }
    for (line, column) in (NOTES_FROM + 1..).zip(kind.columns) {
        let said = what(column);
        let needed = if column.required { "是 / yes" } else { "" };
        let cells = [heading(column).as_str(), needed, &said.zh, &said.en, column.example].map(str::to_owned);
        for (at, cell) in (0..).zip(cells) {
            notes.write_with_format(line, at, cell, &wrapped)?;
        }
    }
    book.save_to_buffer()
}

/// Line of the notes' header, from 0: the words about the table stand above it.
const NOTES_FROM: u32 = 6;
