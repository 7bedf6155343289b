//! The workbook: the same report for people who calculate.
//!
//! Constraints first:
//! - Numbers are numbers with formats; beside each value its exact numerator and denominator. More digits than a spreadsheet
//!   holds (15) are text, so that nothing is rounded unseen.
//! - Every sheet says whose report it is, what it is not, and that simulated data are simulated, on screen and on paper.
//! - Everything that the PDF cuts short is here whole: all shifts, all gaps, all statements, all check codes.
//! - Same input, same bytes: the document's date is where the data end, not the clock.

mod sheets;

use rust_xlsxwriter::{
    DocProperties, ExcelDateTime, Format, FormatAlign, FormatBorder, Workbook, Worksheet, XlsxError,
};

use crate::DocumentError;
use crate::chapters::Context;

/// A value of a cell.
pub(crate) enum Value {
    /// Words.
    Text(String),
    /// A number with six decimals at most, in a format of [`Look`].
    Number(f64, Look),
    /// Digits: a number while a spreadsheet holds them exactly, else text.
    Digits(String),
    /// Left for somebody else to fill in, by whom in words.
    Open(String),
    /// Nothing.
    Empty,
}

/// How a number looks.
#[derive(Clone, Copy)]
pub(crate) enum Look {
    /// `72.45 %`.
    Percent,
    /// `0.006275`.
    Decimal,
    /// `35 595`.
    Whole,
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        if text.is_empty() { Self::Empty } else { Self::Text(text.to_owned()) }
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        if text.is_empty() { Self::Empty } else { Self::Text(text) }
    }
}

impl From<Option<String>> for Value {
    fn from(text: Option<String>) -> Self {
        text.map_or(Self::Empty, Self::from)
    }
}

impl Value {
    /// A decimal of the report.
    pub(crate) fn decimal(text: Option<&str>, look: Look) -> Self {
        text.and_then(|t| t.parse::<f64>().ok()).map_or(Self::Empty, |n| Self::Number(n, look))
    }

    /// A whole number.
    pub(crate) fn whole(n: i64) -> Self {
        Self::Digits(n.to_string())
    }

    /// Digits of the report.
    pub(crate) fn digits(text: Option<&str>) -> Self {
        text.map_or(Self::Empty, |t| Self::Digits(t.to_owned()))
    }
}

/// Most digits a spreadsheet holds exactly.
const DIGITS_MAX: usize = 15;

/// A sheet under construction.
pub(crate) struct Sheet<'w> {
    sheet: &'w mut Worksheet,
    row: u32,
}

/// Looks of cells, made once.
struct Formats {
    head: Format,
    note: Format,
    percent: Format,
    decimal: Format,
    whole: Format,
    text: Format,
    open: Format,
}

impl Formats {
    fn new() -> Self {
        let base = || Format::new().set_font_name("Microsoft YaHei").set_font_size(10.0).set_align(FormatAlign::Top);
        let number = |format: &str| base().set_num_format(format);
        Self {
            head: base()
                .set_bold()
                .set_font_color("#16324F")
                .set_background_color("#ECEFF2")
                .set_border_bottom(FormatBorder::Medium)
                .set_text_wrap(),
            note: base().set_font_color("#B3261E").set_bold(),
            percent: number("0.00%"),
            decimal: number("0.000000"),
            whole: number("0"),
            text: base(),
            open: base()
                .set_font_color("#8A5A12")
                .set_background_color("#FBF3E2")
                .set_border(FormatBorder::Dotted)
                .set_text_wrap(),
        }
    }
}

/// Writes the workbook. `codes` are those of the PDF's pages.
pub(crate) fn written(c: &Context<'_>, codes: &[String]) -> Result<Vec<u8>, DocumentError> {
    book(c, &c.title(), &sheets::all(c, codes))
}

/// Writes a workbook of tables under a title.
pub(crate) fn book(c: &Context<'_>, title: &str, tables: &[(&str, Table)]) -> Result<Vec<u8>, DocumentError> {
    let failed = |e: XlsxError| DocumentError::Workbook(e.to_string());
    let mut book = Workbook::new();
    let date = c.report.request.until_ms.unwrap_or(0).div_euclid(1000);
    let date = ExcelDateTime::from_timestamp(date).map_err(failed)?;
    let full = format!("{title} {}", c.number());
    let about = DocProperties::new().set_title(&full).set_author("Gongzheng").set_creation_datetime(&date);
    book.set_properties(&about);
    let formats = Formats::new();
    for (name, table) in tables {
        write_sheet(&mut book, (c, title), &formats, name, table).map_err(failed)?;
    }
    book.save_to_buffer().map_err(failed)
}

/// A sheet's head and rows.
pub(crate) struct Table {
    /// Names and widths of the columns.
    pub(crate) head: Vec<(String, f64)>,
    pub(crate) rows: Vec<Vec<Value>>,
}

fn write_sheet(
    book: &mut Workbook,
    (c, title): (&Context<'_>, &str),
    formats: &Formats,
    name: &str,
    table: &Table,
) -> Result<(), XlsxError> {
    let sheet = book.add_worksheet();
    sheet.set_name(name)?;
    sheet.set_landscape().set_paper_size(9).set_print_fit_to_pages(1, 0).set_repeat_rows(1, 1)?;
    let simulated = c.simulated().unwrap_or_default();
    let mark = |text: &str| text.replace('&', "&&");
    sheet.set_header(format!("&L{}&C{}&R{}", mark(title), mark(simulated), mark(&c.number())));
    sheet.set_footer(format!("&L{}&R&P / &N", mark(c.notice())));
    let note = [simulated.to_owned(), c.factory(), c.number(), c.notice().to_owned()];
    let note: Vec<String> = note.into_iter().filter(|words| !words.is_empty()).collect();
    sheet.write_string_with_format(0, 0, fitted(&note.join(" · ")), &formats.note)?;
    for (column, (title, width)) in (0_u16..).zip(&table.head) {
        sheet.set_column_width(column, *width)?;
        sheet.write_string_with_format(1, column, title, &formats.head)?;
    }
    sheet.set_freeze_panes(2, 0)?;
    let mut out = Sheet { sheet, row: 2 };
    for row in &table.rows {
        out.row(row, formats)?;
    }
    let (last_row, last_column) = (out.row.saturating_sub(1).max(1), table.head.len().saturating_sub(1));
    out.sheet.autofilter(1, 0, last_row, u16::try_from(last_column).unwrap_or(0))?;
    Ok(())
}

impl Sheet<'_> {
    fn row(&mut self, values: &[Value], formats: &Formats) -> Result<(), XlsxError> {
        for (column, value) in (0_u16..).zip(values) {
            match value {
                Value::Empty => {}
                Value::Text(text) => {
                    self.sheet.write_string_with_format(self.row, column, fitted(text), &formats.text)?;
                }
                Value::Open(whose) => {
                    self.sheet.write_string_with_format(self.row, column, fitted(whose), &formats.open)?;
                }
                Value::Number(n, look) => {
                    let format = match look {
                        Look::Percent => &formats.percent,
                        Look::Decimal => &formats.decimal,
                        Look::Whole => &formats.whole,
                    };
                    self.sheet.write_number_with_format(self.row, column, *n, format)?;
                }
                Value::Digits(digits) => {
                    let count = digits.trim_start_matches('-').len();
                    match digits.parse::<f64>() {
                        Ok(n) if count <= DIGITS_MAX => {
                            self.sheet.write_number_with_format(self.row, column, n, &formats.whole)?;
                        }
                        _ => {
                            self.sheet.write_string_with_format(self.row, column, digits, &formats.text)?;
                        }
                    }
                }
            }
        }
        self.row += 1;
        Ok(())
    }
}

/// UTF-16 units a cell holds.
const CELL_MAX: usize = 32_767;

/// As much of a text as a cell holds, with an ellipsis where it is cut: one long statement must not end every report after it. The
/// bundle has it whole.
fn fitted(text: &str) -> String {
    if text.encode_utf16().count() <= CELL_MAX {
        return text.to_owned();
    }
    let mut units = '…'.len_utf16();
    let fits = |c: &char| {
        units += c.len_utf16();
        units <= CELL_MAX
    };
    text.chars().take_while(fits).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_longer_than_a_cell_is_cut_where_it_is_seen() {
        for long in ["𠀀".repeat(20_000), "字".repeat(40_000), "a".repeat(32_768)] {
            let cut = fitted(&long);
            assert!(cut.encode_utf16().count() <= CELL_MAX && cut.ends_with('…'));
        }
        assert_eq!(fitted(&"a".repeat(CELL_MAX)).len(), CELL_MAX);
    }
}
