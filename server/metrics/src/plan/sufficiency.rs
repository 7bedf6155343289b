//! Whether a baseline suffices to be locked, and what is missing.
//!
//! Constraints
//! 1. The thresholds are reference §3.7's: per metric 28 valid production days (60 where energy is compared, as the reference asks of
//!    daily energy), 30 valid shifts, 75 % of the scheduled shifts valid. A plan may ask for more days or coverage; fewer days for
//!    energy only if it says so.
//! 2. A production day is valid when every scheduled shift of it is, of every machine that counts.
//! 3. What may mislead without being too little (weekdays, season, late readings, a long gap) is advice and blocks nothing.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::locked::ends_ms;
use crate::calendar::{local_days, parse_date};
use crate::history::History;
use crate::interval::Interval;
use crate::model::{DateRange, MachineRole, Plan, PlanMetric};
use crate::report::{ALL_MACHINES, Calendars, MachinePeriod, Period, Words, evaluate_side};
use crate::statements::Stated;

/// Fewest valid production days: four complete weeks.
const DAYS_MIN: i64 = 28;
/// Fewest valid production days where energy is compared.
const ENERGY_DAYS_MIN: i64 = 60;
/// Fewest valid shifts.
const SHIFTS_MIN: i64 = 30;
/// A baseline is over this long after its last window, milliseconds: its last readings have come.
const SETTLE_MS: i64 = 3_600_000;
/// A gap from this long on is told, milliseconds.
const LONG_GAP_MS: i64 = 86_400_000;
/// Most missing days listed.
const HOLES_MAX: usize = 400;

/// A plan's baseline, evaluated once for all its metrics.
pub struct Baseline<'h> {
    pub(super) history: &'h History,
    pub(super) stated: Stated<Plan>,
    parts: Vec<MachinePeriod>,
    until_ms: i64,
}

/// A production day that is not valid.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Hole {
    /// Production date.
    pub date: String,
    /// Valid shifts, and scheduled shifts.
    pub shifts: [i64; 2],
    /// The recorded cause that covers most of it: a gap's cause, `not_recorded` before any of its gateways was known, `no_data`
    /// where nothing came, else `coverage`.
    pub cause: &'static str,
}

/// A finding with what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Advice {
    /// Code.
    pub code: &'static str,
    /// Without it the baseline does not suffice.
    pub blocks: bool,
    /// The finding and what to do.
    pub words: Words,
}

/// How far a metric's baseline has come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Sufficiency {
    /// Definition.
    pub definition: String,
    /// Machine, or `*`.
    pub machine: String,
    /// The baseline is over, and its readings have come.
    pub is_over: bool,
    /// Nothing blocks.
    pub is_sufficient: bool,
    /// Production dates of the period.
    pub days: i64,
    /// Valid production days so far.
    pub valid_days: i64,
    /// Valid production days asked for.
    pub min_days: i64,
    /// How many more valid production days are needed at least.
    pub needs_days: i64,
    /// Valid shifts so far.
    pub valid_shifts: i64,
    /// Scheduled shifts so far.
    pub scheduled_shifts: i64,
    /// Working days by weekday, Monday first: baseline so far, and the reporting period by the calendar.
    pub weekdays: [[i64; 7]; 2],
    /// Days that are not valid, in order.
    pub missing: Vec<Hole>,
    /// The longest recorded gap of the machines' tags: first instant, first instant after, cause.
    pub longest_gap: Option<(i64, i64, &'static str)>,
    /// Readings that came late, of readings.
    pub late: [u64; 2],
    /// What was found.
    pub advice: Vec<Advice>,
}

/// Valid production days of a part at a coverage.
pub(crate) fn valid_days(part: &MachinePeriod, percent: i64) -> i64 {
    let at = column(percent);
    part.by_date.values().filter(|c| c.first() == c.get(at)).count() as i64
}

/// Valid shifts at a coverage.
pub(crate) fn valid_shifts(part: &MachinePeriod, percent: i64) -> i64 {
    part.by_date.values().filter_map(|c| c.get(column(percent))).map(|n| i64::from(*n)).sum()
}

/// Valid production days a metric needs when the plan asks for nothing else.
fn usual_days(metric: &PlanMetric) -> i64 {
    if metric.definition.starts_with("energy.") { ENERGY_DAYS_MIN } else { DAYS_MIN }
}

/// Valid days and days asked for, valid shifts and scheduled shifts, as a lock states them; and whether they allow it to say that they suffice.
pub(crate) fn counted(metric: &PlanMetric, part: &MachinePeriod) -> ([i64; 2], [i64; 2], bool) {
    let percent = metric.coverage_percent.unwrap_or(95);
    let days = [valid_days(part, percent), metric.min_days.unwrap_or_else(|| usual_days(metric))];
    let shifts = [valid_shifts(part, percent), i64::from(part.scheduled)];
    (days, shifts, days[0] >= days[1] && shifts[0] >= SHIFTS_MIN && shifts[0] * 100 >= shifts[1] * 75)
}

fn column(percent: i64) -> usize {
    usize::try_from((percent - 94).clamp(1, 6)).unwrap_or(1)
}

impl<'h> Baseline<'h> {
    /// Evaluates the baseline of a plan, stated or drafted, up to an instant; none for a plan without a baseline.
    pub fn evaluate(history: &'h History, stated: Stated<Plan>, until_ms: i64) -> Self {
        let plan = &stated.body;
        let machines: BTreeSet<String> = plan.machines.iter().chain(&plan.incoming).cloned().collect();
        let machines: Vec<String> = machines.into_iter().collect();
        let period = |r: &DateRange| Period { name: "baseline".to_owned(), from: r.from.clone(), to: r.to.clone() };
        let side = |p: Period| evaluate_side(history, &machines, &p, Some(until_ms));
        let parts = plan.baseline.as_ref().map(period).map(side).unwrap_or_default();
        Self { history, parts, until_ms, stated }
    }

    pub(super) fn part(&self, machine: &str) -> Option<&MachinePeriod> {
        self.parts.iter().find(|p| p.machine == machine)
    }

    /// How far a metric's baseline has come.
    pub fn sufficiency(&self, metric: &PlanMetric) -> Sufficiency {
        let plan = &self.stated.body;
        let percent = metric.coverage_percent.unwrap_or(95);
        let usual = usual_days(metric);
        let min_days = metric.min_days.unwrap_or(usual);
        let part = self.part(&metric.machine);
        let span = part.and_then(|p| p.span);
        let dates = plan
            .baseline
            .as_ref()
            .map(|r| Period { name: String::new(), from: r.from.clone(), to: r.to.clone() }.dates());
        let dates = dates.unwrap_or_default();
        let (valid, shifts) = part.map_or((0, 0), |p| (valid_days(p, percent), valid_shifts(p, percent)));
        let scheduled = part.map_or(0, |p| i64::from(p.scheduled));
        let worked = part.map_or(0, |p| p.by_date.len() as i64);
        let per_day = if worked > 0 { (scheduled / worked).max(1) } else { 1 };
        let needs_days = (min_days - valid).max((SHIFTS_MIN - shifts + per_day - 1) / per_day).max(0);
        let mut out = Sufficiency {
            definition: metric.definition.clone(),
            machine: metric.machine.clone(),
            is_over: self.is_over(&dates),
            is_sufficient: false,
            days: dates.len() as i64,
            valid_days: valid,
            min_days,
            needs_days,
            valid_shifts: shifts,
            scheduled_shifts: scheduled,
            weekdays: [part.map_or([0; 7], worked_weekdays), self.planned_weekdays(metric)],
            missing: part.map_or_else(Vec::new, |p| self.holes(p, percent)),
            longest_gap: span.and_then(|s| self.longest_gap(&metric.machine, s)),
            late: span.map_or([0, 0], |s| self.history.late_share(s)),
            advice: Vec::new(),
        };
        self.advise(&mut out, metric, (usual, worked), dates.len() as i64 - part.map_or(0, |p| p.days.len() as i64));
        out.is_sufficient = out.is_over && out.advice.iter().all(|a| !a.blocks);
        out
    }

    fn advise(&self, out: &mut Sufficiency, metric: &PlanMetric, (usual, worked): (i64, i64), undated: i64) {
        let plan = &self.stated.body;
        let mut say =
            |code, blocks, zh: String, en: String| out.advice.push(Advice { code, blocks, words: (zh, en).into() });
        let gone: Vec<&str> = plan
            .machines
            .iter()
            .chain(&plan.incoming)
            .map(String::as_str)
            .filter(|m| self.history.statements().machine_definitions(m).is_empty())
            .collect();
        if !gone.is_empty() {
            let list = gone.join(", ");
            say(
                "MACHINE_NOT_DECLARED",
                true,
                format!("设备 {list} 未在台账填报：请先填报设备或改清单"),
                format!("machines {list} are not in the ledger: declare them or change the list"),
            );
        }
        if undated > 0 {
            say(
                "CALENDAR_HOLES",
                true,
                format!("有 {undated} 天没有班次日历：请补报日历（事后填报会降低等级）"),
                format!("{undated} days have no calendar: declare it (declared afterwards it lowers the grade)"),
            );
        }
        if out.days < out.min_days {
            let (days, min) = (out.days, out.min_days);
            say(
                "BASELINE_TOO_SHORT",
                true,
                format!("基期仅 {days} 天，本指标至少需要 {min} 个有效生产日：请延长基期"),
                format!(
                    "the baseline has {days} days, this metric needs at least {min} valid production days: make it longer"
                ),
            );
        }
        if out.needs_days > 0 {
            let (n, valid, min) = (out.needs_days, out.valid_days, out.min_days);
            say(
                "FEW_VALID_DAYS",
                true,
                format!("还需至少 {n} 个有效生产日（现有 {valid}，需 {min}，且不少于 {SHIFTS_MIN} 个有效班次）"),
                format!(
                    "needs at least {n} more valid production days (has {valid} of {min}, and no fewer than {SHIFTS_MIN} valid shifts)"
                ),
            );
        }
        if out.scheduled_shifts > 0 && out.valid_shifts * 100 < out.scheduled_shifts * 75 {
            let (v, s) = (out.valid_shifts, out.scheduled_shifts);
            say(
                "COVERAGE_TOO_LOW",
                true,
                format!("应有 {s} 个班次，有效 {v} 个，不足 75%：请检查网关与信号"),
                format!("{v} of {s} scheduled shifts are valid, below 75 %: look at the gateway and its signals"),
            );
        }
        if worked > 0
            && self.part(&metric.machine).is_some_and(|p| crate::report::side_sum(&metric.definition, p).is_none())
        {
            say(
                "NO_VALUE",
                true,
                "基期内本指标没有数值：所需信号或节拍未填报".to_owned(),
                "this metric has no value in the baseline: a signal or a planned cycle time is missing".to_owned(),
            );
        }
        if metric.min_days.is_some_and(|d| d < usual) {
            say(
                "BELOW_RECOMMENDED",
                false,
                format!("方案规定的最少天数低于建议值 {usual}"),
                format!("the plan asks for fewer days than the {usual} recommended"),
            );
        }
        let [before, after] = out.weekdays.map(|days| (days, days.iter().sum::<i64>()));
        let far = |i: usize| {
            let share = |(days, sum): ([i64; 7], i64)| days.get(i).map_or(0, |d| d * 1000 / sum.max(1));
            (share(before) - share(after)).abs() > 100
        };
        if before.1 > 0 && after.1 > 0 && (0..7).any(far) {
            say(
                "WEEKDAY_MIX",
                false,
                "两期的星期构成不同：请使两期均为完整的周".to_owned(),
                "the periods have other weekdays: let both be whole weeks".to_owned(),
            );
        }
        let months = |r: &DateRange| -> BTreeSet<i8> {
            let period = Period { name: String::new(), from: r.from.clone(), to: r.to.clone() };
            period.dates().into_iter().map(jiff::civil::Date::month).collect()
        };
        let is_other = plan.baseline.as_ref().is_some_and(|b| months(b).is_disjoint(&months(&plan.reporting)));
        if is_other && metric.definition.starts_with("energy.") {
            say("SEASON", false, "两期不在相同月份：采暖、制冷用能可能不同，请同期比较或在说明中列明".to_owned(), "the periods have no month in common: heating and cooling may differ; compare the same months or say so".to_owned());
        } else if is_other {
            say(
                "SEASON",
                false,
                "两期不在相同月份：请说明订单与季节影响".to_owned(),
                "the periods have no month in common: say what orders and season change".to_owned(),
            );
        }
        if out.late[1] > 0 && out.late[0] * 20 > out.late[1] {
            say(
                "LATE_READINGS",
                false,
                "超过 5% 的读数晚于 24 小时到达且无断网说明：等级降低".to_owned(),
                "more than 5 % of the readings came later than 24 hours without an outage: the grade falls".to_owned(),
            );
        }
        if out.longest_gap.is_some_and(|(from, to, _)| to - from >= LONG_GAP_MS) {
            say(
                "LONG_GAP",
                false,
                "有超过一天的连续缺数：请填写说明".to_owned(),
                "there is a gap of more than a day: explain it".to_owned(),
            );
        }
    }

    fn is_over(&self, dates: &[jiff::civil::Date]) -> bool {
        let Some(last) = dates.last() else { return false };
        let ends = ends_ms(self.history, &self.stated.body, *last);
        self.until_ms >= ends.saturating_add(SETTLE_MS)
    }

    /// Working days of the reporting period by the calendar of the first machine that counts.
    fn planned_weekdays(&self, metric: &PlanMetric) -> [i64; 7] {
        let plan = &self.stated.body;
        let machine = if metric.machine == ALL_MACHINES { plan.machines.first() } else { Some(&metric.machine) };
        let Some(machine) = machine else { return [0; 7] };
        let period = Period { name: String::new(), from: plan.reporting.from.clone(), to: plan.reporting.to.clone() };
        let mut calendars = Calendars::default();
        let mut out = [0; 7];
        for date in period.dates() {
            let works = calendars.of(self.history, machine, date).is_some_and(|(c, _)| !c.shifts_on(date).is_empty());
            count(&mut out, date, works);
        }
        out
    }

    fn holes(&self, part: &MachinePeriod, percent: i64) -> Vec<Hole> {
        let zone = self.history.statements().site().map_or("UTC", |s| s.zone.as_str());
        let tags = self.tags(&part.machine);
        let mut out = Vec::new();
        for (date, counts) in &part.by_date {
            let (scheduled, valid) = (counts[0], counts.get(column(percent)).copied().unwrap_or(0));
            if scheduled == valid || out.len() == HOLES_MAX {
                continue;
            }
            let day = parse_date(date).and_then(|d| local_days(zone, d, d));
            let cause = day.map_or("coverage", |day| self.cause(&tags, day));
            out.push(Hole { date: date.clone(), shifts: [i64::from(valid), i64::from(scheduled)], cause });
        }
        out
    }

    fn cause(&self, tags: &BTreeSet<(String, String)>, day: Interval) -> &'static str {
        let read = |(gateway, tag): &(String, String)| {
            self.history.series(gateway, tag, day).times.iter().any(|ms| day.contains(*ms))
        };
        let is_empty = !tags.iter().any(read);
        if is_empty {
            let known = tags.iter().filter_map(|(g, _)| self.history.known_since_ms(g)).min();
            if known.is_none_or(|ms| ms >= day.to_ms) {
                return "not_recorded";
            }
        }
        let mut by_cause: BTreeMap<&'static str, i64> = BTreeMap::new();
        for gap in self.history.gaps(day).into_iter().filter(|g| concerns(tags, g)) {
            let part = gap.interval.intersect(&day);
            *by_cause.entry(gap.cause).or_default() += part.to_ms - part.from_ms;
        }
        by_cause
            .into_iter()
            .max_by_key(|(_, ms)| *ms)
            .map_or(if is_empty { "no_data" } else { "coverage" }, |(cause, _)| cause)
    }

    fn longest_gap(&self, machine: &str, span: Interval) -> Option<(i64, i64, &'static str)> {
        let tags = self.tags(machine);
        let gaps = self.history.gaps(span).into_iter().filter(|g| concerns(&tags, g));
        let cut = gaps.map(|g| (g.interval.intersect(&span), g.cause));
        cut.map(|(i, cause)| (i.from_ms, i.to_ms, cause)).max_by_key(|(from, to, _)| to - from)
    }

    /// Tags of the machines behind a part.
    fn tags(&self, machine: &str) -> BTreeSet<(String, String)> {
        let counts = |p: &&MachinePeriod| {
            p.machine != ALL_MACHINES
                && (p.machine == machine || machine == ALL_MACHINES && p.role == MachineRole::Production)
        };
        let of = |m: &str| {
            self.history
                .statements()
                .machine_definitions(m)
                .iter()
                .flat_map(|d| d.body.signals.all())
                .map(|(_, s)| (s.gateway.clone(), s.tag.clone()))
                .collect::<Vec<_>>()
        };
        self.parts.iter().filter(counts).flat_map(|p| of(&p.machine)).collect()
    }
}

fn concerns(tags: &BTreeSet<(String, String)>, gap: &crate::history::PlacedGap) -> bool {
    match &gap.tag {
        Some(tag) => tags.contains(&(gap.gateway.clone(), tag.clone())),
        None => tags.iter().any(|(g, _)| *g == gap.gateway),
    }
}

fn worked_weekdays(part: &MachinePeriod) -> [i64; 7] {
    let mut out = [0; 7];
    for date in part.by_date.keys().filter_map(|d| parse_date(d)) {
        count(&mut out, date, true);
    }
    out
}

fn count(out: &mut [i64; 7], date: jiff::civil::Date, works: bool) {
    let day = usize::try_from(date.weekday().to_monday_zero_offset()).unwrap_or(0);
    if let Some(n) = out.get_mut(day) {
        *n += i64::from(works);
    }
}
