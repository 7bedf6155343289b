//! Tables as XLSX workbooks: the first visible sheet, values only.
//!
//! Constraints
//! 1. A workbook is an archive, and an archive can be a bomb: every entry is unpacked once and counted, against [`UNPACKED_MAX`] together,
//!    before the reader of workbooks sees a byte. What an archive says of its own sizes is not believed.
//! 2. Cells are taken one by one with their place. A dense table would let one cell in the last column of the last line fill the memory.
//! 3. Formulas are not computed: the value that the spreadsheet program stored counts. Macros, other sheets, comments and pictures are
//!    not looked at; a note says which sheets were left out.
//! 4. A panic of the reader on bytes of a stranger is "cannot be read", nothing else.

use std::collections::BTreeMap;
use std::io::{Cursor, Read as _};
use std::panic::{AssertUnwindSafe, catch_unwind};

use calamine::{DataRef, ExcelDateTime, Reader as _, SheetVisible, Xlsx};
use jiff::civil;

use super::{CELL_MAX, COLUMNS_MAX, Cell, Line, Merged, ROWS_MAX, Table, Unreadable, text};
use crate::evaluate::said::{Said, quoted};

/// Most bytes of all entries unpacked.
const UNPACKED_MAX: u64 = 32 * 1024 * 1024;
/// Most entries.
const ENTRIES_MAX: usize = 512;
/// Most cells that are looked at, empty ones included.
const CELLS_MAX: usize = 200_000;
/// Most ranges of joined cells.
const MERGED_MAX: usize = 10_000;

/// Reads a workbook.
pub(super) fn read(bytes: &[u8]) -> Result<Table, Unreadable> {
    check_archive(bytes)?;
    catch_unwind(AssertUnwindSafe(|| table(bytes))).unwrap_or_else(|_| Err(unreadable("the reader stopped")))
}

fn unreadable(why: &str) -> Unreadable {
    Unreadable::new(
        format!("工作簿无法读取（{}）", quoted(why)),
        format!("the workbook cannot be read ({})", quoted(why)),
        "在 Excel 或 WPS 中打开后另存为新的 .xlsx，或另存为 CSV",
        "open it in Excel or WPS and save it as a new .xlsx, or as CSV",
    )
}

/// Unpacks everything once, counting.
fn check_archive(bytes: &[u8]) -> Result<(), Unreadable> {
    let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).map_err(|e| unreadable(&e.to_string()))?;
    let too_large = || {
        Unreadable::new(
            format!("工作簿解压后超过 {} MiB 或多于 {ENTRIES_MAX} 个部件，不予读取", UNPACKED_MAX >> 20),
            format!(
                "the workbook unpacks to more than {} MiB or {ENTRIES_MAX} parts and is not read",
                UNPACKED_MAX >> 20
            ),
            "只把要导入的一张表复制到新的工作簿，或另存为 CSV",
            "copy the one table into a new workbook, or save it as CSV",
        )
    };
    if archive.len() > ENTRIES_MAX {
        return Err(too_large());
    }
    let mut left = UNPACKED_MAX;
    for index in 0..archive.len() {
        let entry = archive.by_index(index).map_err(|e| unreadable(&e.to_string()))?;
        let read =
            std::io::copy(&mut entry.take(left + 1), &mut std::io::sink()).map_err(|e| unreadable(&e.to_string()))?;
        left = left.checked_sub(read).ok_or_else(too_large)?;
    }
    Ok(())
}

fn table(bytes: &[u8]) -> Result<Table, Unreadable> {
    let mut book: Xlsx<_> = Xlsx::new(Cursor::new(bytes)).map_err(|e| unreadable(&e.to_string()))?;
    let sheets: Vec<(String, bool)> =
        book.sheets_metadata().iter().map(|s| (s.name.clone(), s.visible == SheetVisible::Visible)).collect();
    let Some((name, _)) = sheets.iter().find(|(_, visible)| *visible) else {
        return Err(unreadable("no visible sheet"));
    };
    let mut table = Table::default();
    if sheets.len() > 1 {
        let name = quoted(name);
        table.notes.push(Said::new(
            format!("只读取第一张工作表「{name}」，其余 {} 张未导入", sheets.len() - 1),
            format!("only the first sheet `{name}` was read; {} others were not imported", sheets.len() - 1),
        ));
    }
    let merged = book.merge_cells_by_sheet_name(name).map_err(|e| unreadable(&e.to_string()))?;
    if merged.len() > MERGED_MAX {
        return Err(Unreadable::new(
            format!("合并单元格多于 {MERGED_MAX} 处"),
            format!("there are more than {MERGED_MAX} ranges of merged cells"),
            "选中整张表，取消合并单元格，每一行都填写",
            "select the whole sheet, unmerge its cells, and fill in every line",
        ));
    }
    table.merged = merged
        .iter()
        .map(|d| Merged {
            lines: (d.start.0.saturating_add(1), d.end.0.saturating_add(1)),
            columns: (d.start.1, d.end.1),
        })
        .collect();
    let mut cells = book.worksheet_cells_reader(name).map_err(|e| unreadable(&e.to_string()))?;
    // A file may give its lines in any order.
    let mut lines: BTreeMap<u32, Vec<Cell>> = BTreeMap::new();
    let mut seen = 0_usize;
    while let Some(found) = cells.next_cell().map_err(|e| unreadable(&e.to_string()))? {
        seen += 1;
        if seen > CELLS_MAX {
            return Err(text::too_many_rows());
        }
        let (row, column) = found.get_position();
        let line = row.saturating_add(1);
        let value = cell(found.get_value());
        if value == Cell::Empty {
            continue;
        }
        if let Cell::Text(text) = &value
            && text.len() > CELL_MAX
        {
            return Err(text::long_cell(line));
        }
        let column = column as usize;
        if column >= COLUMNS_MAX {
            return Err(text::too_many_columns(line));
        }
        if lines.len() >= ROWS_MAX && !lines.contains_key(&line) {
            return Err(text::too_many_rows());
        }
        let cells = lines.entry(line).or_default();
        if cells.len() <= column {
            cells.resize(column + 1, Cell::Empty);
        }
        if let Some(slot) = cells.get_mut(column) {
            *slot = value;
        }
    }
    table.lines = lines.into_iter().map(|(number, cells)| Line { number, cells }).collect();
    Ok(table)
}

fn cell(value: &DataRef<'_>) -> Cell {
    match value {
        DataRef::Empty => Cell::Empty,
        DataRef::Int(i) => Cell::Number(i.to_string()),
        DataRef::Float(f) => number(*f),
        DataRef::String(s) | DataRef::DateTimeIso(s) | DataRef::DurationIso(s) => text::cell(s),
        DataRef::SharedString(s) => text::cell(s),
        DataRef::Bool(b) => Cell::Bool(*b),
        DataRef::Error(e) => Cell::Broken(e.to_string()),
        DataRef::DateTime(at) => moment(at),
    }
}

/// The shortest decimal that is this very number, as a spreadsheet shows it: 0.1 is `0.1`.
fn number(f: f64) -> Cell {
    if f.is_finite() && f.abs() < 1e18 { Cell::Number(f.to_string()) } else { Cell::Broken(f.to_string()) }
}

fn moment(at: &ExcelDateTime) -> Cell {
    let value = at.as_f64();
    if !value.is_finite() || !(0.0..2_958_466.0).contains(&value) {
        return Cell::Broken(value.to_string());
    }
    // A whole day shown as a length of time is the end of a day: what `24:00` becomes when it is typed.
    if at.is_duration() && value == 1.0 {
        return Cell::Text("24:00".to_owned());
    }
    let (year, month, day, hour, minute, second, milli) = at.to_ymd_hms_milli();
    let small = |n: u8| i8::try_from(n).ok();
    let time = (|| civil::Time::new(small(hour)?, small(minute)?, small(second)?, i32::from(milli) * 1_000_000).ok())();
    let date = (|| civil::Date::new(i16::try_from(year).ok()?, small(month)?, small(day)?).ok())();
    match (date, time) {
        // Below one there is a time of day and no date.
        (_, Some(time)) if value < 1.0 => Cell::Time(time),
        (Some(date), Some(time)) if at.is_datetime() => Cell::Moment(date.to_datetime(time)),
        _ => Cell::Broken(value.to_string()),
    }
}
