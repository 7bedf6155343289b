//! One site's projection: leaves in, rows out.
//!
//! How it works
//! 1. New leaves are taken in order. Each says which stretches of time it may have changed (`track`, declarations here);
//!    these become *dirty* windows of the machines concerned.
//! 2. Shifts that overlap a dirty window are evaluated, newest first so that the live shift never waits for a backlog, at
//!    most [`SHIFTS_PER_STEP`] per step.
//! 3. Which shifts have rows at all is a rule of the log and of "now" (`reach`). With 1. it makes a rebuild at any moment
//!    find the rows that are there: `tests::live` compares.
//! 4. The rows of a step are applied in one transaction. The size noted with them only advances when nothing is dirty, so a
//!    crash repeats work and loses none.
//!
//! Memory: only the contents of the last [`RECENT_MS`] are kept decoded. Evaluating older shifts reads their contents
//! again, a fortnight at a time.

mod bills;
mod loaded;
mod reach;
mod taken;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;

use metrics::filed::TagsSeen;
use metrics::history::REACH_MS;
use metrics::interval::union;
use metrics::model::MachineRole;
use metrics::report::{Calendars, apply_quality};
use metrics::shift::{Inputs, Schedule};
use metrics::{History, Interval, calendar};
use protocol::{Leaf, LeafBody};

use super::track::GatewayTrack;
use super::{LeafSource, ProjectionError, dossier, metrics as rows, parquet::Days, timeline};
use crate::query::{PlannedStop, ShiftBody, Source, Words};
use crate::store::{MachineRow, ShiftRow, SiteProjection};

/// A row of the shift table this projection knows to exist.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct KnownShift {
    pub(super) machine: String,
    pub(super) from_ms: i64,
    pub(super) date: String,
    pub(super) name: String,
}

/// What is known of a shift beside its row.
#[derive(Debug, Clone, Copy)]
pub(super) struct Standing {
    pub(super) until_ms: i64,
    pub(super) closed: bool,
}

/// One site.
pub(super) struct SiteProjector {
    source: Arc<dyn LeafSource>,
    size: u64,
    persisted: u64,
    recent: History,
    /// Contents are complete from here on.
    recent_from_ms: i64,
    tags: BTreeSet<(String, String)>,
    gateways: BTreeMap<String, GatewayTrack>,
    quarantined: i64,
    epochs: i64,
    dirty: BTreeMap<String, Vec<Interval>>,
    known: BTreeMap<KnownShift, Standing>,
    /// From where to where each machine's rows reach, or will once nothing is dirty.
    reached: BTreeMap<String, Interval>,
    deep: Option<(History, Interval)>,
    /// New leaves are taken in, not those the rows stand for already.
    live: bool,
    /// What the firm owes is to be written.
    dossier_due: bool,
    /// When tags were seen in leaves that the other rows stand for already, for the first step to note.
    seen_before: Option<TagsSeen>,
    /// Bills against the register of their incoming meter.
    bills: bills::Bills,
    /// Days whose Parquet file is to be written.
    pub(super) days: Days,
    /// What was last written, so that nothing is written twice.
    pub(super) written: Written,
}

/// What the shell remembers of a site between steps.
#[derive(Debug)]
pub(super) struct Written {
    /// Size last noted in the database.
    pub(super) size: i64,
    /// The site's line in the fleet is out of date.
    pub(super) fleet_due: bool,
    /// When the line was last written, Unix ms.
    pub(super) fleet_ms: i64,
    /// Sums over the plan's baseline, by the plan's leaf: they rarely change and are many rows.
    pub(super) baseline: Option<(u64, super::fleet::Baseline)>,
}

/// What a step did.
pub(super) struct Step {
    /// Rows to apply.
    pub(super) rows: SiteProjection,
    /// There is more to do at once.
    pub(super) more: bool,
    /// Whether any row changed beside the size.
    pub(super) changed: bool,
}

impl SiteProjector {
    /// Reads a site up to `persisted`, the size its rows stand for, without evaluating; what follows is the first step's. `seen` is the
    /// size that the rows of its tags stand for: less only after an upgrade.
    pub(super) fn open(
        source: Arc<dyn LeafSource>,
        persisted: u64,
        seen: u64,
        known: BTreeMap<KnownShift, Standing>,
    ) -> Result<Self, ProjectionError> {
        let mut site = Self {
            source,
            size: 0,
            persisted,
            recent: History::new(),
            recent_from_ms: i64::MAX,
            tags: BTreeSet::new(),
            gateways: BTreeMap::new(),
            quarantined: 0,
            epochs: 0,
            dirty: BTreeMap::new(),
            known,
            reached: BTreeMap::new(),
            deep: None,
            live: false,
            dossier_due: true,
            seen_before: (seen < persisted).then(TagsSeen::new),
            bills: bills::Bills::default(),
            days: Days::default(),
            written: Written { size: -1, fleet_due: true, fleet_ms: i64::MIN, baseline: None },
        };
        let end = persisted.min(site.source.size()?);
        let mut ignored = SiteProjection::default();
        while site.size < end {
            let range = site.size..end.min(site.size + LEAVES_PER_STEP);
            for (index, leaf) in site.read(range)? {
                site.note(index, &leaf, &mut ignored)?;
                site.size = index + 1;
            }
        }
        // Those leaves' effects are in the rows already. Of the days' files nobody knows yet: the shell compares.
        site.dirty.clear();
        if let Some(seen) = &mut site.seen_before {
            *seen = ignored.seen;
        }
        site.reload_recent()?;
        site.reached_before();
        site.live = true;
        Ok(site)
    }

    /// One step: some leaves, some evaluations.
    pub(super) fn step(&mut self, now_ms: i64) -> Result<Step, ProjectionError> {
        let mut out = SiteProjection { seen: self.seen_before.take().unwrap_or_default(), ..SiteProjection::default() };
        let end = self.source.size()?;
        let range = self.size..end.min(self.size.saturating_add(LEAVES_PER_STEP));
        let (from, mut reload) = (range.start, false);
        let simulated = self.recent.is_simulated();
        for (index, leaf) in self.read(range)? {
            let statement = matches!(leaf.body, LeafBody::Declaration { .. });
            let content = self.note(index, &leaf, &mut out)?;
            self.recent.push(index, &leaf, content.as_deref())?;
            self.size = index + 1;
            reload |= statement && !self.recent.statements().tags_used().is_subset(&self.tags);
            if statement {
                out.machines = Some(Vec::new());
            }
        }
        if reload || self.recent.readings() > READINGS_KEPT {
            self.reload_recent()?;
        }
        if self.recent.is_simulated() != simulated {
            let machines: Vec<String> = self.recent.statements().machines().map(str::to_owned).collect();
            for machine in machines {
                self.mark(&machine, &[Interval::new(i64::MIN, i64::MAX)]);
            }
        }
        if self.size > from {
            self.deep = None;
            out.gateways = self.gateways.iter().map(|(id, track)| track.status(id)).collect();
        }
        if out.machines.is_some() {
            out.machines = Some(self.machines());
        }
        self.dossier_due |= out.declarations.iter().any(|declaration| dossier::concerns(&declaration.kind));
        if self.size == end && std::mem::take(&mut self.dossier_due) {
            out.portfolio = Some(dossier::row(self.recent.statements()));
        }
        self.advance(now_ms, self.size == end);
        self.evaluate(&mut out)?;
        let mut more = self.size < end || !self.dirty.is_empty();
        if !more {
            more = self.compare_bills(&mut out)?;
        }
        if !more {
            self.persisted = self.size;
        }
        out.size = i64::try_from(self.persisted).unwrap_or(i64::MAX);
        out.seen_size = i64::try_from(self.size).unwrap_or(i64::MAX);
        let changed = self.size > from
            || !out.shifts.is_empty()
            || !out.removed.is_empty()
            || !out.bills.is_empty()
            || !out.bills_removed.is_empty();
        Ok(Step { rows: out, more, changed })
    }

    /// Health of the evidence: whether every chain is continuous, and the records declared lost.
    pub(super) fn health(&self) -> (bool, i64) {
        let lost = self.gateways.values().map(|gateway| gateway.lost).sum();
        let broken = self.gateways.values().any(|gateway| gateway.broken);
        (!broken && self.quarantined == 0 && self.epochs == 0, lost)
    }

    /// When the newest record arrived, and how many gateways ever delivered.
    pub(super) fn delivered(&self) -> (Option<i64>, i64) {
        (self.gateways.values().map(GatewayTrack::received_ms).max(), self.gateways.len() as i64)
    }

    /// The newest plan.
    pub(super) fn plan(&self) -> Option<&metrics::statements::Stated<metrics::model::Plan>> {
        let statements = self.recent.statements();
        statements.plans().filter_map(|name| statements.plan(name)).max_by_key(|plan| plan.leaf)
    }

    /// Placed offset of a batch, for the Parquet writer.
    pub(super) fn offset_ms(&self, header: &protocol::Header) -> Option<i64> {
        self.gateways.get(header.gateway.as_str())?.offset_ms(header)
    }

    /// Where its leaves come from.
    pub(super) fn source(&self) -> Arc<dyn LeafSource> {
        Arc::clone(&self.source)
    }

    fn read(&self, range: Range<u64>) -> Result<Vec<(u64, Leaf)>, ProjectionError> {
        if range.is_empty() {
            return Ok(Vec::new());
        }
        let start = range.start;
        let leaves = self.source.leaves(range)?;
        Ok(leaves.into_iter().enumerate().map(|(place, leaf)| (start + place as u64, leaf)).collect())
    }

    fn machines(&self) -> Vec<MachineRow> {
        let statements = self.recent.statements();
        let mut machines: Vec<(u64, MachineRow)> = statements
            .machines()
            .filter_map(|id| {
                let definitions = statements.machine_definitions(id);
                let first = definitions.iter().map(|definition| definition.leaf).min()?;
                let body = &definitions.last()?.body;
                let row = MachineRow {
                    id: id.to_owned(),
                    name_zh: body.names.zh.clone(),
                    name_en: body.names.en.clone(),
                    body: serde_json::to_string(body).unwrap_or_default(),
                };
                Some((first, row))
            })
            .collect();
        machines.sort_by_key(|(first, _)| *first);
        machines.into_iter().map(|(_, row)| row).collect()
    }

    /// Role of a machine as last declared.
    pub(super) fn is_production(&self, machine: &str) -> bool {
        let definitions = self.recent.statements().machine_definitions(machine);
        definitions.last().is_some_and(|definition| definition.body.role == MachineRole::Production)
    }

    /// First and last reading of the gateways the machine reads: there are no shifts before the first.
    fn extent(&self, machine: &str) -> Option<Interval> {
        let definitions = self.recent.statements().machine_definitions(machine);
        let gateways: BTreeSet<&str> = definitions
            .iter()
            .flat_map(|definition| definition.body.signals.all())
            .map(|(_, signal)| signal.gateway.as_str())
            .collect();
        let extents = gateways.iter().filter_map(|id| self.gateways.get(*id)?.extent);
        extents.reduce(|a, b| Interval::new(a.from_ms.min(b.from_ms), a.to_ms.max(b.to_ms)))
    }

    /// Evaluates dirty shifts, newest first.
    fn evaluate(&mut self, out: &mut SiteProjection) -> Result<(), ProjectionError> {
        let dirty = std::mem::take(&mut self.dirty);
        let mut work: Vec<(KnownShift, Interval, Schedule)> = Vec::new();
        for (machine, windows) in &dirty {
            let Some(reach) = self.reached.get(machine).copied() else { continue };
            let windows: Vec<Interval> = union(windows.clone()).iter().map(|window| window.intersect(&reach)).collect();
            let mut calendars = Calendars::default();
            let mut wanted: BTreeSet<KnownShift> = BTreeSet::new();
            for window in windows.iter().filter(|window| !window.is_empty()) {
                for (shift, interval, schedule) in shifts(&self.recent, &mut calendars, machine, *window) {
                    wanted.insert(shift.clone());
                    work.push((shift, interval, schedule));
                }
            }
            // Rows of shifts that are not any more: the calendar says otherwise now, or they lie out of reach.
            let gone = |(shift, standing): &(&KnownShift, &Standing)| {
                let meets = |window: &Interval| shift.from_ms < window.to_ms && standing.until_ms > window.from_ms;
                shift.machine == *machine
                    && !wanted.contains(shift)
                    && (!meets(&reach) || windows.iter().any(|window| !window.is_empty() && meets(window)))
            };
            let gone: Vec<KnownShift> = self.known.iter().filter(gone).map(|(shift, _)| shift.clone()).collect();
            for shift in gone {
                self.known.remove(&shift);
                out.removed.push((shift.machine, shift.date, shift.name));
            }
        }
        work.sort_by(|a, b| (b.1.from_ms, &a.0).cmp(&(a.1.from_ms, &b.0)));
        work.dedup_by(|a, b| a.0 == b.0);
        let rest = work.split_off(work.len().min(SHIFTS_PER_STEP));
        for (shift, interval, _) in rest {
            self.mark(&shift.machine, &[interval]);
        }
        // Oldest first within the step, so that older contents are read in one direction.
        work.reverse();
        for (shift, interval, schedule) in work {
            self.evaluate_shift(shift, interval, &schedule, out)?;
        }
        Ok(())
    }

    fn evaluate_shift(
        &mut self,
        shift: KnownShift,
        interval: Interval,
        schedule: &Schedule,
        out: &mut SiteProjection,
    ) -> Result<(), ProjectionError> {
        let cut_ms = self.reached.get(&shift.machine).map_or(i64::MIN, |reach| reach.to_ms);
        let window = Interval::new(interval.from_ms, interval.to_ms.min(cut_ms));
        if window.is_empty() {
            return Ok(());
        }
        let deep = window.from_ms.saturating_sub(REACH_MS) < self.recent_from_ms;
        if deep {
            self.load_deep(window)?;
        }
        let history = match &self.deep {
            Some((history, _)) if deep => history,
            _ => &self.recent,
        };
        let inputs = Inputs::load(history, &shift.machine, window);
        let mut evaluated = metrics::shift::evaluate(history, &inputs, &shift.machine, window, schedule);
        if let Some(stated) = history.statements().quality(&shift.machine, &shift.date, &shift.name) {
            apply_quality(&mut evaluated.facts, stated.leaf, stated.body.reject);
        }
        let tags: BTreeSet<(String, String)> = history
            .statements()
            .machine_definitions(&shift.machine)
            .iter()
            .flat_map(|definition| definition.body.signals.all())
            .map(|(_, signal)| (signal.gateway.clone(), signal.tag.clone()))
            .collect();
        let mut gaps = history.gaps(window);
        gaps.retain(|gap| match &gap.tag {
            Some(tag) => tags.contains(&(gap.gateway.clone(), tag.clone())),
            None => tags.iter().any(|(gateway, _)| *gateway == gap.gateway),
        });
        let sources = self.sources(&evaluated.facts)?;
        let (states, buckets) = rows::durations(&evaluated.facts);
        let body = ShiftBody {
            names: self.shift_names(&shift, window.from_ms),
            evaluated_to_ms: window.to_ms,
            intervals: timeline::intervals(&evaluated, &gaps),
            planned_stops: stops(history, &shift.machine, &evaluated.stops),
            counts: timeline::counts(history, &shift.machine, window),
            states,
            buckets,
            background: rows::background(history, &evaluated.facts, window, &gaps, sources),
        };
        let closed = interval.to_ms <= cut_ms;
        let named = rows::Named {
            machine: &shift.machine,
            date: &shift.date,
            shift: &shift.name,
            window,
            until_ms: interval.to_ms,
        };
        out.values.extend(rows::rows(&named, &evaluated.facts));
        out.shifts.push(ShiftRow {
            machine: shift.machine.clone(),
            date: shift.date.clone(),
            name: shift.name.clone(),
            from_ms: interval.from_ms,
            until_ms: interval.to_ms,
            closed,
            prefix: i64::try_from(self.size).unwrap_or(i64::MAX),
            body: serde_json::to_string(&body)?,
        });
        self.known.insert(shift, Standing { until_ms: interval.to_ms, closed });
        Ok(())
    }

    /// First and last record behind some facts, by gateway, with their places in the chain.
    fn sources(&self, facts: &metrics::facts::Facts) -> Result<Vec<Source>, ProjectionError> {
        let place = |leaf: u64| -> Result<Option<(String, u64)>, ProjectionError> {
            let leaves = self.source.leaves(leaf..leaf + 1)?;
            Ok(leaves.first().and_then(|leaf| match &leaf.body {
                LeafBody::Record { header, .. } => Some((header.chain.hex(), header.sequence)),
                _ => None,
            }))
        };
        let mut out = Vec::new();
        for (gateway, range) in &facts.lineage {
            if let Some(((_, first_sequence), (chain, last_sequence))) = place(range.first)?.zip(place(range.last)?) {
                out.push(Source {
                    gateway: gateway.clone(),
                    first_leaf: range.first,
                    last_leaf: range.last,
                    chain,
                    first_sequence,
                    last_sequence,
                });
            }
        }
        Ok(out)
    }

    fn shift_names(&self, shift: &KnownShift, at_ms: i64) -> Words {
        let statements = self.recent.statements();
        let calendar = statements
            .machine_at(&shift.machine, at_ms)
            .and_then(|machine| statements.calendar_at(&machine.body.calendar, at_ms, self.recent.is_simulated()));
        let names = calendar.and_then(|calendar| calendar.body.shifts.iter().find(|body| body.shift == shift.name));
        names.map(|body| Words::from(&body.names)).unwrap_or_default()
    }
}

/// The shifts of a machine that overlap a window, each with its calendar's breaks. The same rule as in reports: the
/// calendar in force at the middle of the production date.
fn shifts(
    history: &History,
    calendars: &mut Calendars,
    machine: &str,
    window: Interval,
) -> Vec<(KnownShift, Interval, Schedule)> {
    let zone = history.statements().site().map_or("UTC", |site| site.zone.as_str());
    let day = |ms: i64| calendar::local_date(zone, ms);
    let first = day(window.from_ms).and_then(|date| date.yesterday().ok());
    let Some((first, last)) = first.zip(day(window.to_ms)) else { return Vec::new() };
    let mut out = Vec::new();
    for date in calendar::dates(first, last) {
        let Some((calendar, basis)) = calendars.of(history, machine, date) else { continue };
        for shift in calendar.shifts_on(date) {
            if shift.interval.intersect(&window).is_empty() {
                continue;
            }
            let known = KnownShift {
                machine: machine.to_owned(),
                from_ms: shift.interval.from_ms,
                date: shift.date,
                name: shift.shift,
            };
            out.push((
                known,
                shift.interval,
                Schedule { scheduled: true, breaks: shift.breaks, calendar: Some(basis.clone()) },
            ));
        }
    }
    out
}

/// Planned stops with their reasons; a break of the calendar has none.
fn stops(history: &History, machine: &str, stops: &[Interval]) -> Vec<PlannedStop> {
    let declared = history.statements().stops(machine);
    stops
        .iter()
        .map(|stop| {
            let reason = declared
                .iter()
                .find(|stated| !Interval::new(stated.body.from_ms, stated.body.to_ms).intersect(stop).is_empty());
            PlannedStop {
                from_ms: stop.from_ms,
                until_ms: stop.to_ms,
                reason: reason.map_or_else(String::new, |stated| stated.body.reason.clone()),
            }
        })
        .collect()
}

/// Leaves taken in one step: some 20 ms of work.
const LEAVES_PER_STEP: u64 = 2000;
/// Shifts evaluated in one step.
const SHIFTS_PER_STEP: usize = 128;
/// Readings kept decoded before older ones are let go: about 12 bytes each.
const READINGS_KEPT: u64 = 8_000_000;
