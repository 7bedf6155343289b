//! 连续运行天数: on which days there is evidence, and why there is none on the others.
//!
//! Constraints
//! 1. A day is one of five, by what was recorded: producing; stood, with data; rest, by the calendar; power cut; lost collection. Rest, a power
//!    cut and machines that stand are never lost collection, and lost collection is never one of them.
//! 2. Where records do not say which, it is lost collection: the weaker claim.
//! 3. It counts days. What a pause means for a project is not said here.

use std::collections::BTreeMap;

use jiff::civil::Date;
use metrics::model::Names;

use crate::words::words;

/// Least share of the time that should have been observed for a day to count, percent.
pub const EVIDENCE_PERCENT: i64 = 50;

/// What was recorded of a production day over the machines that produce.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Recorded {
    /// Time that should have been observed, ms; 0 on a day on which no shift was planned.
    pub expected_ms: i64,
    /// Time that was.
    pub covered_ms: i64,
    /// A machine produced.
    pub ran: bool,
    /// Unobserved time by cause word, ms.
    pub lost_ms: BTreeMap<String, i64>,
    /// Machines that should have been observed, and those of which the greater part is missing for want of power.
    pub machines: usize,
    /// See [`machines`](Self::machines).
    pub without_power: usize,
}

/// What a day was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum DayKind {
    /// 生产.
    Producing,
    /// 停机，有数据.
    Stood,
    /// 休息.
    Rest,
    /// 断电.
    PowerCut,
    /// 采集中断.
    Lost,
}

impl DayKind {
    /// All kinds.
    pub const ALL: [Self; 5] = [Self::Producing, Self::Stood, Self::Rest, Self::PowerCut, Self::Lost];

    /// The kind of a day.
    pub fn of(day: &Recorded) -> Self {
        if day.expected_ms <= 0 {
            return Self::Rest;
        }
        if i128::from(day.covered_ms) * 100 >= i128::from(day.expected_ms) * i128::from(EVIDENCE_PERCENT) {
            return if day.ran { Self::Producing } else { Self::Stood };
        }
        // One machine without power beside others that have some is a matter of that machine's gateway.
        if day.machines > 0 && day.without_power == day.machines { Self::PowerCut } else { Self::Lost }
    }

    /// Whether the day counts as one with evidence.
    pub fn counts(self) -> bool {
        matches!(self, Self::Producing | Self::Stood)
    }

    /// A fixed word.
    pub fn code(self) -> &'static str {
        match self {
            Self::Producing => "producing",
            Self::Stood => "stood",
            Self::Rest => "rest",
            Self::PowerCut => "power_cut",
            Self::Lost => "lost",
        }
    }
}

/// The run of days up to the last one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    /// Days with evidence since the last one of lost collection.
    pub days: usize,
    /// The first of them.
    pub since: Option<Date>,
    /// The day of lost collection that ended the run before.
    pub after: Option<Date>,
    /// How many days there were of each kind, over all.
    pub counts: BTreeMap<DayKind, usize>,
}

impl Run {
    /// Counts days in order of their dates.
    pub fn of(days: &[(Date, DayKind)]) -> Self {
        let mut run = Self { days: 0, since: None, after: None, counts: BTreeMap::new() };
        for (date, kind) in days {
            *run.counts.entry(*kind).or_default() += 1;
            match kind {
                DayKind::Lost => (run.days, run.since, run.after) = (0, None, Some(*date)),
                _ if kind.counts() => {
                    run.days += 1;
                    run.since.get_or_insert(*date);
                }
                _ => {}
            }
        }
        run
    }

    /// The run in words.
    pub fn words(&self) -> Names {
        let days = self.days;
        match (self.since, self.after) {
            (Some(since), _) => words(
                format!("连续运行 {days} 天（自 {since} 起）"),
                format!("{days} days with evidence in a row (since {since})"),
            ),
            (None, Some(after)) => words(
                format!("{after} 采集中断后尚无有数据的一天"),
                format!("no day with evidence yet after collection was lost on {after}"),
            ),
            (None, None) => words("尚无有数据的一天", "no day with evidence yet"),
        }
    }
}
