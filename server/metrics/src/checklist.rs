//! The equipment-data checklist (小灯塔 制造设备数字化, 2024 评测 Q2–Q4): shares of machines, tasks, samples and records
//! (reference §5).
//!
//! Constraints
//! 1. Shares are counts over counts; a denominator of zero is undefined with a reason, and the list behind each count is kept,
//!    so that an assessor can walk to the machines.
//! 2. A machine is connected by evidence, not by a ping: valid process readings on at least four fifths of the days it was to
//!    work in the last thirty, with its signals mapped. One gateway serving many machines counts each by its own tags.
//! 3. The official 联网率 is over **all** production machines; over digitised machines it is another figure under the same name,
//!    and both are kept (reference §4.2 trap b).
//! 4. What a person waived (a check on a day the machine did not work) is neither due nor done, and stays listed with its reason.
//!
//! [`items`]: the 38 rows as data; [`lighthouse`]: Kunming's contents on those rows; [`needs`]: what counts as evidenced;
//! [`ledger`]: what people state of a machine; [`people`], [`datasets`]: figures and tables of single rows.

pub mod datasets;
pub mod file;
pub mod items;
pub mod ledger;
pub mod lighthouse;
pub mod needs;
pub mod people;

use crate::exact::Rational;
use crate::oee::Undefined;
use crate::production::cycle::quantile;

/// Days looked back for a connection.
pub const CONNECTED_DAYS: u32 = 30;
/// Percent of scheduled days with valid readings.
const CONNECTED_PERCENT: u32 = 80;
/// Percent of expected samples for an automatic source.
const AUTOMATIC_PERCENT: u64 = 95;

/// A count over a count, and who is in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Share {
    /// Ids counted.
    pub counted: Vec<String>,
    /// Ids that could have been.
    pub of: Vec<String>,
}

impl Share {
    /// The quotient.
    ///
    /// # Errors
    /// Nothing could have been counted.
    pub fn ratio(&self) -> Result<Rational, Undefined> {
        ratio(self.counted.len() as u64, self.of.len() as u64)
    }
}

fn ratio(num: u64, den: u64) -> Result<Rational, Undefined> {
    Rational::new(num.into(), den.into()).ok_or(Undefined::NothingDue)
}

/// What the ledger says of a machine.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Asset {
    /// Machine id.
    pub machine: String,
    /// Production machine, or auxiliary that serves production.
    pub is_production: bool,
    /// 关键设备.
    pub is_critical: bool,
    /// Has a digital interface and can join a network, with proof.
    pub is_digital: bool,
    /// Its signals are mapped to tags.
    pub is_mapped: bool,
    /// Of the last [`CONNECTED_DAYS`] days, how many it was to work.
    pub days_scheduled: u32,
    /// On how many of those there was a valid process reading.
    pub days_read: u32,
    /// Of the mandatory ledger fields, how many are filled.
    pub fields_filled: u32,
}

impl Asset {
    /// Whether it is connected: integers only.
    pub const fn is_connected(&self) -> bool {
        self.is_mapped && self.days_read > 0 && self.days_read * 100 >= self.days_scheduled * CONNECTED_PERCENT
    }
}

fn share(assets: &[Asset], of: impl Fn(&Asset) -> bool, counted: impl Fn(&Asset) -> bool) -> Share {
    let ids = |keep: &dyn Fn(&Asset) -> bool| assets.iter().filter(|a| keep(a)).map(|a| a.machine.clone()).collect();
    Share { counted: ids(&|a| of(a) && counted(a)), of: ids(&of) }
}

/// 生产设备数字化率 (Q2).
pub fn digital(assets: &[Asset]) -> Share {
    share(assets, |a| a.is_production, |a| a.is_digital)
}

/// 生产设备联网率 (Q3), official: over all production machines.
pub fn connected(assets: &[Asset]) -> Share {
    share(assets, |a| a.is_production, Asset::is_connected)
}

/// 联网率 over digitised machines: kept beside the official figure, never in its place.
pub fn connected_of_digital(assets: &[Asset]) -> Share {
    share(assets, |a| a.is_production && a.is_digital, Asset::is_connected)
}

/// 关键设备联网率.
pub fn critical_connected(assets: &[Asset]) -> Share {
    share(assets, |a| a.is_critical, Asset::is_connected)
}

/// 设备台账完整率: filled mandatory fields over assets × mandatory fields.
///
/// # Errors
/// No assets, or no mandatory field.
pub fn ledger_completeness(assets: &[Asset], mandatory: u32) -> Result<Rational, Undefined> {
    let filled = assets.iter().map(|a| u64::from(a.fields_filled.min(mandatory))).sum();
    ratio(filled, assets.len() as u64 * u64::from(mandatory))
}

/// Samples of one tag over a window.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// Tag.
    pub tag: String,
    /// 业务环节 it evidences, e.g. 能耗管理.
    pub area: String,
    /// Read by a machine; manual entry never counts as 自动采集.
    pub is_automatic: bool,
    /// Samples that should have come, without planned maintenance of the gateway.
    pub expected: u64,
    /// Valid samples that came.
    pub received: u64,
}

/// 数据采集覆盖 (Q4): areas with at least one automatic source that delivered 95 % of what it should. Sorted, each once.
pub fn areas_covered(sources: &[Source]) -> Vec<&str> {
    let enough = |s: &&Source| {
        s.is_automatic
            && s.expected > 0
            && u128::from(s.received) * 100 >= u128::from(s.expected) * u128::from(AUTOMATIC_PERCENT)
    };
    let mut out: Vec<&str> = sources.iter().filter(enough).map(|s| s.area.as_str()).collect();
    out.sort_unstable();
    out.dedup();
    out
}

/// 采集完整率: valid samples received over expected; a source that sent more than expected counts as complete, not more.
///
/// # Errors
/// Nothing was expected.
pub fn sample_completeness(sources: &[Source]) -> Result<Rational, Undefined> {
    let sum = |pick: fn(&Source) -> u64| sources.iter().map(|s| u128::from(pick(s))).sum::<u128>();
    let (received, expected) = (sum(|s| s.received.min(s.expected)), sum(|s| s.expected));
    let whole = |v: u128| i128::try_from(v).map_err(|_| Undefined::NothingDue);
    Rational::new(whole(received)?, whole(expected)?).ok_or(Undefined::NothingDue)
}

/// 采集实时性: how late readings arrive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Timeliness {
    /// 50th, 95th and 99th percentile of arrival − observation, milliseconds.
    pub delay_ms: [Rational; 3],
    /// Readings that came within the live limit.
    pub live: u64,
    /// Readings that came later, from the gateway's buffer.
    pub backfilled: u64,
}

/// Timeliness of delays in milliseconds; `live_ms` divides live from backfilled.
///
/// # Errors
/// No reading.
pub fn timeliness(delays_ms: &[i64], live_ms: i64) -> Result<Timeliness, Undefined> {
    let mut sorted = delays_ms.to_vec();
    sorted.sort_unstable();
    let at = |percent| quantile(&sorted, percent, 100).ok_or(Undefined::NothingDue);
    let live = sorted.partition_point(|d| *d <= live_ms) as u64;
    Ok(Timeliness { delay_ms: [at(50)?, at(95)?, at(99)?], live, backfilled: sorted.len() as u64 - live })
}

/// A task with a due date: 点检, 保养, order delivery.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Task {
    /// Due, UTC milliseconds.
    pub due_ms: i64,
    /// Done, UTC milliseconds.
    pub done_ms: Option<i64>,
    /// Why it was not due after all.
    pub waived: Option<String>,
}

/// On-time rate: done within the tolerance of due, over due up to `until_ms`. Waived tasks are neither.
///
/// # Errors
/// Nothing was due.
pub fn on_time(tasks: &[Task], tolerance_ms: i64, until_ms: i64) -> Result<Rational, Undefined> {
    let due: Vec<&Task> =
        tasks.iter().filter(|t| t.waived.is_none() && t.due_ms.saturating_add(tolerance_ms) <= until_ms).collect();
    let done = |t: &&&Task| t.done_ms.is_some_and(|ms| ms <= t.due_ms.saturating_add(tolerance_ms));
    ratio(due.iter().filter(done).count() as u64, due.len() as u64)
}

/// An alarm from raised to acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Alarm {
    /// Raised, UTC milliseconds.
    pub raised_ms: i64,
    /// Acknowledged, UTC milliseconds.
    pub acknowledged_ms: Option<i64>,
    /// A test of the alarm: listed, not counted.
    pub is_test: bool,
}

/// Alarms of a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Alarms {
    /// Raised, tests left out.
    pub count: u64,
    /// Tests.
    pub tests: u64,
    /// Median time to acknowledge, milliseconds.
    pub acknowledged_after_ms: Option<Rational>,
    /// Age of the oldest one nobody acknowledged, at the end of the window, milliseconds.
    pub oldest_open_ms: Option<i64>,
}

/// Sums up alarms as of `until_ms`.
pub fn alarms(all: &[Alarm], until_ms: i64) -> Alarms {
    let real: Vec<&Alarm> = all.iter().filter(|a| !a.is_test).collect();
    let mut took: Vec<i64> = real.iter().filter_map(|a| a.acknowledged_ms.map(|ms| ms - a.raised_ms)).collect();
    took.sort_unstable();
    let open = real.iter().filter(|a| a.acknowledged_ms.is_none_or(|ms| ms > until_ms)).map(|a| until_ms - a.raised_ms);
    Alarms {
        count: real.len() as u64,
        tests: (all.len() - real.len()) as u64,
        acknowledged_after_ms: quantile(&took, 1, 2),
        oldest_open_ms: open.max(),
    }
}

/// 系统在线率: days on which the system was alive, and how many in a row up to the last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Uptime {
    /// Days alive.
    pub alive: u64,
    /// Days looked at, planned maintenance left out.
    pub of: u64,
    /// Days alive in a row up to the last day; planned maintenance does not break the row.
    pub in_a_row: u64,
}

/// Uptime of days in order: `Some(alive)`, or `None` for a day of planned maintenance.
pub fn uptime(days: &[Option<bool>]) -> Uptime {
    let known = days.iter().flatten();
    let in_a_row = days.iter().rev().flatten().take_while(|alive| **alive).count();
    Uptime { alive: known.clone().filter(|a| **a).count() as u64, of: known.count() as u64, in_a_row: in_a_row as u64 }
}

/// 质量追溯率, 数据真实性 and every other plain share of records: `counted / of`.
///
/// # Errors
/// Nothing to count.
pub fn plain(counted: u64, of: u64) -> Result<Rational, Undefined> {
    ratio(counted, of)
}

/// 月均合格率 (Q13): Σ good / Σ produced over months, and the plain mean of monthly rates beside it, because the text says 月均.
///
/// # Errors
/// No month with production.
pub fn monthly_quality(months: &[(u64, u64)]) -> Result<(Rational, Rational), Undefined> {
    let worked: Vec<&(u64, u64)> = months.iter().filter(|m| m.1 > 0).collect();
    let sum = |pick: fn(&(u64, u64)) -> u64| worked.iter().map(|m| pick(m)).sum::<u64>();
    let pooled = ratio(sum(|m| m.0), sum(|m| m.1))?;
    let rates = worked.iter().filter_map(|m| Rational::new(m.0.into(), m.1.into()));
    let mean = Rational::sum(rates).and_then(|s| s.over(Rational::integer(worked.len() as i128)));
    Ok((pooled, mean.ok_or(Undefined::NothingDue)?))
}

#[cfg(test)]
mod tests;
