//! A report in one pass over the log: each production date is evaluated once its readings are complete, then they are forgotten.
//!
//! Constraints
//! 1. The report is [`evaluate`](crate::evaluate)'s of the same leaves, byte for byte, or there is none: whatever arrives after
//!    what it belongs to was evaluated is a [`PassError::Disturbed`] that names its leaf, and the caller evaluates the whole.
//! 2. Memory does not grow with the period: held are the readings of the date that is due, of [`WAIT_MS`] after it and, while a
//!    gateway is silent, of up to [`PATIENCE_MS`] more. What grows is what a report is made of: facts, statements, gaps.
//! 3. A date is due when every gateway of the machine has delivered readings, by clocks that no later header in order will move,
//!    from so long after its end that nothing nearer is looked at; or when one gateway of the site is so far ahead that waiting
//!    for the others would hold too much.
//! 4. A baseline that was locked is evaluated as locked and as declared now: where that can be two, one pass does not do.
//! 5. Quality counts are applied when the report is made, however late they come; other statements count when they are logged.

mod stated;

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;
use protocol::content::Excerpt;
use protocol::{Declaration, Leaf, LeafBody};

use crate::history::{History, HistoryError, REACH_MS};
use crate::interval::Interval;
use crate::report::{
    Calendars, DateFacts, Period, Report, ReportError, ReportRequest, assemble, evaluate_date, placed_window,
    rough_day, windows_of,
};
use crate::shift::Inputs;

pub use crate::history::{By, Disturbance};

/// A date waits for readings so long after its end, milliseconds: what evaluation looks at ([`REACH_MS`]), and an hour for
/// what a gateway states a little later.
pub const WAIT_MS: i64 = REACH_MS + 3_600_000;
/// A date waits no longer for a silent gateway once another is so far ahead, milliseconds.
pub const PATIENCE_MS: i64 = 3 * 86_400_000;
/// While nothing is due, readings that nothing needs are forgotten this often, milliseconds of the log.
const FORGET_EVERY_MS: i64 = 6 * 3_600_000;

/// Why a pass gave no report.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PassError {
    /// A leaf out of order.
    #[error("leaf {got} was given where leaf {want} belongs")]
    Order {
        /// The index given.
        got: u64,
        /// The index expected.
        want: u64,
    },
    /// The request cannot be answered from this log.
    #[error(transparent)]
    Report(#[from] ReportError),
    /// Something came too late for one pass: evaluate the whole prefix.
    #[error("leaf {} changes what was already evaluated ({:?})", .0.leaf, .0.by)]
    Disturbed(Disturbance),
}

impl From<HistoryError> for PassError {
    fn from(error: HistoryError) -> Self {
        let HistoryError::Order { got, want } = error;
        Self::Order { got, want }
    }
}

/// What a pass holds at the moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Held {
    /// Readings.
    pub readings: u64,
    /// Records.
    pub records: u64,
    /// Machines × production dates evaluated so far.
    pub dates: u64,
}

/// An evaluation that is under way. Give it every leaf of the prefix in order, then ask for the report.
#[derive(Debug)]
pub struct Pass {
    asked: ReportRequest,
    history: History,
    /// The request as resolved, once it can be.
    request: Option<ReportRequest>,
    parts: BTreeMap<(usize, String), Part>,
    newest_ms: Option<i64>,
    forgotten_at_ms: Option<i64>,
    disturbed: Option<Disturbance>,
    simulated: Option<bool>,
    /// Prefixes of the plan's locks, each with the end of its baseline.
    locks: Vec<(u64, i64)>,
    /// Every statement was given ahead.
    knows: bool,
}

/// One machine over one period.
#[derive(Debug)]
struct Part {
    machine: String,
    dates: Vec<Date>,
    reach: Interval,
    calendars: Calendars,
    /// Dates evaluated, each with the calendar's leaf and zone; none without a calendar.
    done: Vec<(Option<(u64, String)>, Option<DateFacts>)>,
    /// From the first instant evaluated to the last.
    hull: Option<Interval>,
    /// What was looked at: tags by gateway, and since when the gateway was known.
    tags: BTreeSet<(String, String)>,
    known: BTreeMap<String, Option<i64>>,
    next: Option<Next>,
}

/// The date that comes next.
#[derive(Debug, Clone, Copy)]
struct Next {
    date: Date,
    /// The first instant of its windows.
    from_ms: i64,
    /// When it is complete.
    ready_ms: i64,
}

impl Pass {
    /// A pass for a request. The request names how many leaves will come; its plan, if it has one, may be declared among them.
    pub fn new(request: ReportRequest) -> Self {
        Self {
            asked: request,
            history: History::new(),
            request: None,
            parts: BTreeMap::new(),
            newest_ms: None,
            forgotten_at_ms: None,
            disturbed: None,
            simulated: None,
            locks: Vec::new(),
            knows: false,
        }
    }

    /// A pass that knows every statement of the prefix before its first leaf, as (leaf, when it was received, statement): then none
    /// comes too late, however long after the fact it was made.
    ///
    /// # Errors
    /// None of its own; as [`Pass::push`].
    pub fn knowing(
        request: ReportRequest,
        statements: impl IntoIterator<Item = (u64, i64, Declaration)>,
    ) -> Result<Self, PassError> {
        let mut pass = Self { knows: true, ..Self::new(request) };
        for (leaf, received_ms, declaration) in statements {
            pass.history.state_ahead(leaf, received_ms, declaration);
        }
        // Nothing else will be asked for.
        pass.history.keep_only(pass.history.statements().tags_used());
        pass.resolve(0)?;
        pass.watch_locks(u64::MAX);
        Ok(pass)
    }

    /// Takes in the next leaf as [`Pass::push`] does, with the content of a record decoded already, after [`Pass::knowing`].
    ///
    /// # Errors
    /// As [`Pass::push`].
    pub fn push_decoded(&mut self, index: u64, leaf: &Leaf, content: Option<&Excerpt>) -> Result<(), PassError> {
        self.check()?;
        self.history.push_decoded(index, leaf, content)?;
        self.pushed(index, leaf)
    }

    /// Takes in the next leaf with its content, and evaluates the dates that are complete by it.
    ///
    /// # Errors
    /// A leaf out of order, which changes nothing; or something that came too late, and then every call says so again.
    pub fn push(&mut self, index: u64, leaf: &Leaf, content: Option<&[u8]>) -> Result<(), PassError> {
        self.check()?;
        self.history.push(index, leaf, content)?;
        self.pushed(index, leaf)
    }

    fn pushed(&mut self, index: u64, leaf: &Leaf) -> Result<(), PassError> {
        match &leaf.body {
            LeafBody::Record { header, .. } => {
                let end_ms = self.history.newest_of(&header.gateway);
                self.newest_ms = self.newest_ms.max(end_ms);
                let reaches = |began: i64| self.locks.iter().any(|(size, ends)| index >= *size && began < *ends);
                if !self.locks.is_empty() && self.history.last_began_ms(&header.gateway).is_some_and(reaches) {
                    return self.disturb(index, By::Readings);
                }
            }
            LeafBody::Declaration { .. } if !self.knows => self.stated(index)?,
            LeafBody::Declaration { .. } => {}
            LeafBody::Quarantine { .. } | LeafBody::Epoch { .. } => {}
        }
        if self.simulated.is_some_and(|was| was != self.history.is_simulated()) {
            return self.disturb(index, By::Statement);
        }
        self.check()?;
        self.advance()
    }

    /// The report, when all leaves are in.
    ///
    /// # Errors
    /// As [`evaluate`](crate::evaluate); or something that came too late.
    pub fn finish(mut self) -> Result<Report, PassError> {
        self.check()?;
        if self.history.size() != self.asked.size {
            return Err(ReportError::Size { wanted: self.asked.size, got: self.history.size() }.into());
        }
        let request = self.asked.resolve(&self.history)?;
        let mut parts = std::mem::take(&mut self.parts);
        for part in parts.values_mut() {
            while part.next.is_some() {
                self.evaluate(part)?;
            }
        }
        self.history.look_again();
        self.check()?;
        if let Some(moved) = request.plan.as_deref().and_then(|plan| crate::plan::moved_since(&self.history, plan)) {
            return Err(PassError::Disturbed(moved));
        }
        let mut dates = |i: usize, machine: &String| {
            let part = parts.remove(&(i, machine.clone()));
            part.map_or_else(Vec::new, |p| p.done.into_iter().filter_map(|(_, facts)| facts).collect())
        };
        let mut of_period = |i| request.machines.iter().map(|m| dates(i, m)).collect();
        let evaluated = (0..request.periods.len()).map(&mut of_period).collect();
        self.history.drop_readings();
        let report = assemble(&self.history, request, evaluated);
        // A lock that is not what was computed is evaluated over its own prefix, whose readings are gone here.
        let locks = report.measurement_plan.iter().flat_map(|plan| &plan.metrics).filter_map(|m| m.lock.as_ref());
        match locks.filter(|lock| !lock.confirmed).map(|lock| lock.leaf).min() {
            Some(leaf) => Err(PassError::Disturbed(Disturbance { leaf, by: By::Readings })),
            None => Ok(report),
        }
    }

    /// What is held now.
    pub fn held(&self) -> Held {
        let (readings, records) = self.history.held();
        Held { readings, records, dates: self.parts.values().map(|p| p.done.len() as u64).sum() }
    }

    fn check(&mut self) -> Result<(), PassError> {
        if self.disturbed.is_none() {
            self.disturbed = self.history.disturbance().cloned();
        }
        self.disturbed.clone().map_or(Ok(()), |d| Err(PassError::Disturbed(d)))
    }

    fn disturb(&mut self, leaf: u64, by: By) -> Result<(), PassError> {
        self.disturbed.get_or_insert(Disturbance { leaf, by });
        self.check()
    }

    /// Evaluates every date that is due, then forgets what none of the others needs.
    fn advance(&mut self) -> Result<(), PassError> {
        let Some(newest_ms) = self.newest_ms else { return Ok(()) };
        let mut parts = std::mem::take(&mut self.parts);
        let mut any = false;
        for part in parts.values_mut() {
            while part.next.is_some_and(|next| newest_ms >= next.ready_ms) && self.is_complete(part, newest_ms) {
                if let Err(error) = self.evaluate(part) {
                    self.parts = parts;
                    return Err(error);
                }
                any = true;
            }
        }
        self.parts = parts;
        let is_time = |at: i64| newest_ms >= at.saturating_add(FORGET_EVERY_MS);
        if self.request.is_some() && (any || self.forgotten_at_ms.is_none_or(is_time)) {
            self.forget(newest_ms);
            self.check()?;
        }
        Ok(())
    }

    /// Whether the readings of a part's next date have come, or have been waited for long enough.
    fn is_complete(&mut self, part: &Part, newest_ms: i64) -> bool {
        let Some(next) = part.next else { return false };
        if newest_ms >= next.ready_ms.saturating_add(PATIENCE_MS) {
            return true;
        }
        let tags = tags_of(&self.history, &part.machine);
        let gateways: BTreeSet<&String> = tags.iter().map(|(gateway, _)| gateway).collect();
        gateways.into_iter().all(|g| self.history.settled_ms(g).is_some_and(|ms| ms >= next.ready_ms))
    }

    /// Evaluates a part's next date.
    fn evaluate(&mut self, part: &mut Part) -> Result<(), PassError> {
        let Some(next) = part.next else { return Ok(()) };
        self.history.look_again();
        self.check()?;
        self.simulated.get_or_insert(self.history.is_simulated());
        let stated = Calendars::stated(&self.history, &part.machine, next.date);
        let basis = stated.map(|(calendar, zone)| (calendar.leaf, zone.to_owned()));
        let Some((calendar, stated)) = part.calendars.of(&self.history, &part.machine, next.date) else {
            part.done.push((basis, None));
            part.plan(&self.history, self.asked.until_ms);
            return Ok(());
        };
        let windows = windows_of(calendar, &stated, next.date, self.asked.until_ms);
        let hull = windows.iter().map(|(_, w, _)| *w).reduce(hull_of);
        let looked_at = hull.unwrap_or(Interval::new(next.from_ms, next.from_ms));
        let tags = tags_of(&self.history, &part.machine);
        if hull.is_some() && tags.iter().any(|(g, t)| !self.history.reaches(g, t, looked_at.from_ms)) {
            // A machine whose tags were of no use to anyone until it was declared.
            let definitions = self.history.statements().machine_definitions(&part.machine);
            let leaf = definitions.iter().map(|d| d.leaf).max();
            return self.disturb(leaf.unwrap_or_default(), By::Statement);
        }
        let inputs = Inputs::load_part(&self.history, &part.machine, part.reach, looked_at);
        let until_ms = self.asked.until_ms;
        let facts = evaluate_date(&self.history, &inputs, &part.machine, next.date, (calendar, &stated), until_ms);
        part.done.push((basis, Some(facts)));
        if let Some(hull) = hull {
            self.rely(part, &inputs, hull);
            part.tags.extend(tags);
        }
        part.plan(&self.history, self.asked.until_ms);
        Ok(())
    }

    /// Remembers what the evaluation of some windows looked at.
    fn rely(&mut self, part: &mut Part, inputs: &Inputs, hull: Interval) {
        part.hull = Some(part.hull.map_or(hull, |h| hull_of(h, hull)));
        for (gateway, tag, series) in inputs.all() {
            let far_ms = hull.to_ms.saturating_add(REACH_MS);
            let after = series.times.get(series.times.partition_point(|t| *t < hull.to_ms));
            self.history.used(gateway, tag, hull, after.map_or(far_ms, |ms| far_ms.min(*ms)));
        }
        let gateways: BTreeSet<&str> = inputs.all().map(|(gateway, _, _)| gateway).collect();
        for gateway in gateways {
            self.history.freeze(gateway);
            let known = self.history.known_since_ms(gateway);
            part.known.entry(gateway.to_owned()).or_insert(known);
        }
    }

    /// Forgets what none of the dates to come can reach.
    fn forget(&mut self, newest_ms: i64) {
        let gateways: BTreeSet<String> =
            self.history.statements().tags_used().into_iter().map(|(gateway, _)| gateway).collect();
        let settled_ms = gateways.iter().filter_map(|g| self.history.settled_ms(g)).min().unwrap_or(i64::MIN);
        // What may still be placed elsewhere stays, unless that takes too long.
        let least_ms = settled_ms.max(newest_ms.saturating_sub(PATIENCE_MS)).saturating_sub(REACH_MS);
        let needed_ms = self.parts.values().filter_map(|p| p.next).map(|n| n.from_ms).min();
        self.history.forget_before(needed_ms.map_or(least_ms, |ms| ms.min(least_ms)), needed_ms.is_some());
        self.forgotten_at_ms = Some(newest_ms);
    }
}

impl Part {
    fn new(history: &History, machine: &str, period: &Period, until_ms: Option<i64>) -> Self {
        let dates = period.dates();
        let mut part = Self {
            machine: machine.to_owned(),
            reach: placed_window(&dates).unwrap_or(Interval::new(0, 0)),
            dates,
            calendars: Calendars::default(),
            done: Vec::new(),
            hull: None,
            tags: BTreeSet::new(),
            known: BTreeMap::new(),
            next: None,
        };
        part.plan(history, until_ms);
        part
    }

    /// Finds when the next date is due.
    fn plan(&mut self, history: &History, until_ms: Option<i64>) {
        let next = |date: &Date| {
            let rough = rough_day(*date);
            let calendar = self.calendars.of(history, &self.machine, *date);
            let windows = calendar.map(|(calendar, basis)| windows_of(calendar, &basis, *date, until_ms));
            let hull = windows.map_or(Some(rough), |all| all.iter().map(|(_, w, _)| *w).reduce(hull_of));
            // A date that lies after the end of the request has no windows and waits for nothing.
            let hull = hull.unwrap_or(Interval::new(rough.to_ms, rough.from_ms));
            Next { date: *date, from_ms: hull.from_ms, ready_ms: hull.to_ms.saturating_add(WAIT_MS) }
        };
        self.next = self.dates.get(self.done.len()).map(next);
    }
}

fn hull_of(a: Interval, b: Interval) -> Interval {
    Interval::new(a.from_ms.min(b.from_ms), a.to_ms.max(b.to_ms))
}

fn tags_of(history: &History, machine: &str) -> BTreeSet<(String, String)> {
    let definitions = history.statements().machine_definitions(machine).iter();
    let signals = definitions.flat_map(|d| d.body.signals.all());
    signals.map(|(_, s)| (s.gateway.clone(), s.tag.clone())).collect()
}
