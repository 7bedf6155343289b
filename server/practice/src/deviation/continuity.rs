//! 连续运行天数: on which days there is evidence, and why there is none on the others.
//!
//! Constraints
//! 1. A day is one of six, by what was recorded: producing; stood, with data; rest, by the calendar; power cut; lost collection; not received
//!    yet. Rest, a power cut and machines that stand are never lost collection, and lost collection is never one of them.
//! 2. A day is lost only when what is known says so: had everything that may still arrive been data, it would not count. Until then it is
//!    not received yet; it neither counts nor breaks the run, and may turn out to be any of the others.
//! 3. Where records do not say which, it is lost collection rather than a power cut: the weaker claim.
//! 4. It counts days. What a pause means for a project is not said here.

use std::collections::BTreeMap;

use jiff::civil::Date;
use metrics::model::Names;
use serde::Serialize;

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
    /// Time of which nothing is known and whose records may still arrive, ms.
    pub awaited_ms: i64,
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
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
    /// 尚未收到.
    NotReceived,
}

impl DayKind {
    /// All kinds.
    pub const ALL: [Self; 6] =
        [Self::Producing, Self::Stood, Self::Rest, Self::PowerCut, Self::Lost, Self::NotReceived];

    /// The kind of a day.
    pub fn of(day: &Recorded) -> Self {
        if day.expected_ms <= 0 {
            return Self::Rest;
        }
        let is_enough = |ms: i64| i128::from(ms) * 100 >= i128::from(day.expected_ms) * i128::from(EVIDENCE_PERCENT);
        if is_enough(day.covered_ms) {
            return if day.ran { Self::Producing } else { Self::Stood };
        }
        if is_enough(day.covered_ms.saturating_add(day.awaited_ms)) {
            return Self::NotReceived;
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
            Self::NotReceived => "not_received",
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
    /// Days since then that are not received yet.
    pub awaited: usize,
    /// How many days there were of each kind, over all.
    pub counts: BTreeMap<DayKind, usize>,
}

impl Run {
    /// Counts days in order of their dates.
    pub fn of(days: &[(Date, DayKind)]) -> Self {
        let mut run = Self { days: 0, since: None, after: None, awaited: 0, counts: BTreeMap::new() };
        for (date, kind) in days {
            *run.counts.entry(*kind).or_default() += 1;
            match kind {
                DayKind::Lost => (run.days, run.since, run.after, run.awaited) = (0, None, Some(*date), 0),
                DayKind::NotReceived => run.awaited += 1,
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
        let (days, awaited) = (self.days, self.awaited);
        let said = match (self.since, self.after) {
            (Some(since), _) => words(
                format!("连续运行 {days} 天（自 {since} 起）"),
                format!("{days} days with evidence in a row (since {since})"),
            ),
            (None, Some(after)) => words(
                format!("{after} 采集中断后尚无有数据的一天"),
                format!("no day with evidence yet after collection was lost on {after}"),
            ),
            (None, None) => words("尚无有数据的一天", "no day with evidence yet"),
        };
        match awaited {
            0 => said,
            n => words(
                format!("{}，另有 {n} 天的数据尚未收到", said.zh),
                format!("{}; {n} more not received yet", said.en),
            ),
        }
    }
}
