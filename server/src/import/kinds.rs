//! The tables people can import: which columns each has, what stands in a cell, and what a row becomes. Data, and the words for it.
//!
//! Constraints
//! 1. The order is the order in which a new site needs them: what others refer to comes first.
//! 2. A column's id is for programs and never changes; its names are for people, and either heads the column.
//! 3. An example reads without error against a site that has the machine, plan and calendar it names: a test imports every one.

use super::bodies;
use super::parse::{Draft, Fault, Row};
use super::{Against, shifts};

mod facts;
mod register;
mod setup;

pub use register::REGISTER;

/// What may stand in a cell.
#[derive(Debug, Clone, Copy)]
pub enum Field {
    /// A machine that is declared: its id, or its name where only one machine has it.
    Machine,
    /// The same, or `*` for all.
    MachineOrAll,
    /// Several of them, divided by `;`.
    Machines,
    /// A new id, or one that is there: `a-z`, `0-9`, `-`.
    Id,
    /// A plan that is declared.
    Plan,
    /// Text of at most so many bytes of UTF-8.
    Text(usize),
    /// One of a list.
    Choice(&'static [Choice]),
    /// Yes or no.
    YesNo,
    /// A local date.
    Date {
        /// It may lie in the future.
        ahead: bool,
    },
    /// A local date and time of day.
    Moment {
        /// It may lie in the future.
        ahead: bool,
    },
    /// When a statement begins to hold: a date, or a date and a time of day; at most a year ahead.
    Effective,
    /// A time of day, `HH:MM`.
    Clock,
    /// Weekdays: `1-5`, `1,2,3`, `一至五`.
    Weekdays,
    /// Times of day from–to, several divided by `;`.
    Spans,
    /// A whole number from–to.
    Count(i64, i64),
    /// A decimal with at most so many places, from–to.
    Decimal {
        /// Most decimal places.
        places: usize,
        /// Least.
        min: i64,
        /// Greatest.
        max: i64,
    },
    /// Dates with decimals, `2026-03-03=12.5`, several divided by `;`.
    Days,
    /// A SHA-256 digest.
    Digest,
}

/// One of a list.
#[derive(Debug)]
pub struct Choice {
    /// As declarations have it.
    pub id: &'static str,
    /// Chinese and English.
    pub names: [&'static str; 2],
}

const fn choice(id: &'static str, zh: &'static str, en: &'static str) -> Choice {
    Choice { id, names: [zh, en] }
}

/// A column.
#[derive(Debug)]
pub struct Column {
    /// Id.
    pub id: &'static str,
    /// Chinese and English.
    pub names: [&'static str; 2],
    /// What stands in it.
    pub field: Field,
    /// It must not be empty.
    pub required: bool,
    /// An example cell; empty for none.
    pub example: &'static str,
}

const fn need(id: &'static str, zh: &'static str, en: &'static str, field: Field, example: &'static str) -> Column {
    Column { id, names: [zh, en], field, required: true, example }
}

const fn may(id: &'static str, zh: &'static str, en: &'static str, field: Field, example: &'static str) -> Column {
    Column { id, names: [zh, en], field, required: false, example }
}

/// A table that can be imported.
pub struct Kind {
    /// Id, as in addresses and on the command line.
    pub id: &'static str,
    /// Chinese and English.
    pub names: [&'static str; 2],
    /// What it is for.
    pub words: [&'static str; 2],
    /// Its columns.
    pub columns: &'static [Column],
    /// Columns that tell one statement from another; empty when every row is one of its own.
    pub key: &'static [&'static str],
    /// Rows with the same key make one statement together; otherwise the second is refused.
    pub together: bool,
    /// What rows become.
    pub draft: fn(&[Row], &Against<'_>) -> Result<Vec<Draft>, Fault>,
}

impl Kind {
    /// The column of an id.
    pub(super) fn column(&self, id: &str) -> Option<&'static Column> {
        self.columns.iter().find(|c| c.id == id)
    }
}

/// Every table, in order.
pub static ALL: [&Kind; 15] = [
    &setup::LEDGER,
    &setup::METER,
    &setup::CALENDAR,
    &setup::CALENDAR_DAY,
    &setup::CYCLE_TIME,
    &facts::PLANNED_STOP,
    &facts::STOP_REASON,
    &facts::QUALITY_COUNT,
    &facts::BATCH,
    &facts::METER_REPLACED,
    &facts::BILL,
    &facts::REVENUE,
    &facts::DOCUMENT,
    &facts::ADJUSTMENT,
    &setup::ALARM_CODE,
];

/// The table of an id.
#[must_use]
pub fn find(id: &str) -> Option<&'static Kind> {
    ALL.into_iter().find(|kind| kind.id == id)
}

const EFFECTIVE: Column = may("effective_from", "生效日期", "Effective from", Field::Effective, "");
const WITHDRAWN: Column = may("withdrawn", "撤回", "Withdrawn", Field::YesNo, "");
const MACHINE: Column = need("machine", "设备", "Machine", Field::Machine, "press");
/// 2⁵³ − 1: no integer of a declaration is larger.
const MOST: i64 = (1 << 53) - 1;
