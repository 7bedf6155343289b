//! One machine over one window: from placed readings to [`Facts`].
//!
//! Constraints
//! 1. A window is cut where the machine's definition, its planned cycle times or the configuration of its tags change; each
//!    piece is evaluated under what was in force at its beginning, and the facts are added.
//! 2. Only readings within [`REACH_MS`] of the window are looked at, so that a bundle which carries those contents
//!    evaluates to the same facts as the whole log.
//! 3. Planned stops declared after they began are not planned (reference §6.4).

mod batches;
mod registers;

pub(crate) use batches::note_batch;
pub use registers::{energy_rule, micro_kwh, register_rule};

use std::collections::{BTreeMap, BTreeSet};

use crate::buckets::{self, Context};
use crate::column::{Meaning, Series, Stretch};
use crate::facts::{Facts, PerGood, Share};
use crate::grade::Flag;
use crate::history::{History, REACH_MS};
use crate::interval::{Interval, overlap_ms, subtract, union};
use crate::model::{Machine, SignalRef, StateRule};
use crate::state::{MachineState, StateInterval};
use crate::statements::Stated;
use crate::time::ERROR_FLAG_MS;
use crate::timeline::{Cadence, decide_power, tile};
use crate::vocabulary;

/// The placed series a machine reads, by (gateway, tag).
#[derive(Debug, Default)]
pub struct Inputs {
    series: BTreeMap<(String, String), Series>,
}

impl Inputs {
    /// Places every series that any definition of the machine names, within reach of `windows`.
    pub fn load(history: &History, machine: &str, reach: Interval) -> Self {
        Self::load_stretch(history, machine, Stretch::within(wide(reach)))
    }

    /// The same, no more of it than windows inside `part` can reach.
    pub(crate) fn load_part(history: &History, machine: &str, reach: Interval, part: Interval) -> Self {
        let gaps_from_ms = part.from_ms.saturating_sub(REACH_MS);
        Self::load_stretch(history, machine, Stretch { window: wide(reach), enough_ms: part.to_ms, gaps_from_ms })
    }

    fn load_stretch(history: &History, machine: &str, stretch: Stretch) -> Self {
        let mut series = BTreeMap::new();
        let mut gateways = BTreeMap::new();
        for definition in history.statements().machine_definitions(machine) {
            for (_, s) in definition.body.signals.all() {
                let placing = gateways.entry(&s.gateway).or_insert_with(|| history.placing(&s.gateway, stretch));
                let of = || placing.as_ref().map_or_else(Series::default, |p| p.series(&s.tag, stretch));
                series.entry((s.gateway.clone(), s.tag.clone())).or_insert_with(of);
            }
        }
        Self { series }
    }

    /// The series, each by gateway and tag.
    pub(crate) fn all(&self) -> impl Iterator<Item = (&str, &str, &Series)> {
        self.series.iter().map(|((gateway, tag), series)| (gateway.as_str(), tag.as_str(), series))
    }

    fn get(&self, signal: &SignalRef) -> Option<&Series> {
        self.series.get(&(signal.gateway.clone(), signal.tag.clone()))
    }
}

fn wide(reach: Interval) -> Interval {
    Interval::new(reach.from_ms.saturating_sub(REACH_MS), reach.to_ms.saturating_add(REACH_MS))
}

/// What the calendar says of a window.
#[derive(Debug, Clone, Default)]
pub struct Schedule {
    /// The window lies inside a shift.
    pub scheduled: bool,
    /// Breaks of the shift.
    pub breaks: Vec<Interval>,
    /// The calendar that says so.
    pub calendar: Option<Stated<()>>,
}

/// Facts of a window and the intervals behind them.
#[derive(Debug, Clone, Default)]
pub struct Evaluated {
    /// The sums.
    pub facts: Facts,
    /// The state of the machine, tiling the window; empty without a state rule.
    pub states: Vec<StateInterval>,
    /// Planned stops inside the window, breaks included.
    pub stops: Vec<Interval>,
    /// Stretches without an order; empty when there is no order information.
    pub no_order: Vec<Interval>,
    /// Stretches in which nobody saw whether there was an order.
    pub order_unseen: Vec<Interval>,
}

/// Evaluates a machine over a window.
pub fn evaluate(history: &History, inputs: &Inputs, machine: &str, window: Interval, schedule: &Schedule) -> Evaluated {
    let statements = history.statements();
    let mut out = Evaluated::default();
    out.facts.shifts = u32::from(schedule.scheduled);
    if history.is_unsigned() {
        out.facts.flags.insert(Flag::UnsignedData);
    }
    if let Some(calendar) = &schedule.calendar {
        note(&mut out.facts, calendar, window, history);
    }
    // Stops: breaks, and stops declared before they began.
    let mut stops = schedule.breaks.clone();
    for stop in statements.stops(machine) {
        let interval = Interval::new(stop.body.from_ms, stop.body.to_ms).intersect(&window);
        if interval.is_empty() {
            continue;
        }
        out.facts.statements.insert(stop.leaf);
        if stop.received_ms <= stop.body.from_ms || history.is_simulated() {
            stops.push(interval);
        } else {
            out.facts.flags.insert(Flag::RetroPlannedStop);
        }
    }
    out.stops = union(stops.into_iter().map(|s| s.intersect(&window)).collect());
    for piece in pieces(history, inputs, machine, window, &mut out.facts) {
        let Some(definition) = statements.machine_at(machine, piece.from_ms) else { continue };
        let stops = out.stops.clone();
        Piece { history, inputs, definition, window: piece, stops: &stops, scheduled: schedule.scheduled }
            .evaluate(&mut out);
    }
    if out.facts.has_state {
        // Time before the first definition is unknown too.
        let covered: Vec<Interval> = out.states.iter().map(|s| Interval::new(s.from_ms, s.to_ms)).collect();
        let missing = subtract(window, &union(covered));
        for hole in missing {
            let unknown =
                StateInterval { from_ms: hole.from_ms, to_ms: hole.to_ms, state: MachineState::Unknown, held: false };
            out.states.push(unknown);
            out.facts.states_ms[0] += unknown.length_ms();
            out.facts.buckets.add(&buckets::sort(
                &[unknown],
                &Context { scheduled: schedule.scheduled, stops: out.stops.clone(), ..Context::default() },
            ));
        }
        out.states.sort_by_key(|s| s.from_ms);
    }
    finish(&mut out.facts);
    out
}

/// A statement in force: its leaf, and whether it came late.
fn note<T>(facts: &mut Facts, stated: &Stated<T>, window: Interval, history: &History) {
    facts.statements.insert(stated.leaf);
    if stated.is_late_for(window.from_ms) && !history.is_simulated() {
        facts.flags.insert(Flag::LateDeclaration);
    }
}

/// Cuts a window where the machine's definition, one of its cycle times, or what its tags read changes.
fn pieces(history: &History, inputs: &Inputs, machine: &str, window: Interval, facts: &mut Facts) -> Vec<Interval> {
    let statements = history.statements();
    let mut cuts: BTreeSet<i64> = statements.machine_definitions(machine).iter().map(|d| d.effective_from).collect();
    cuts.extend(statements.cycle_time_changes(machine));
    cuts.extend(statements.recipe_changes(machine));
    for (at, compares) in inputs.series.values().flat_map(|series| series.meaning_changes(window, REACH_MS)) {
        cuts.insert(at);
        if !compares {
            facts.flags.insert(Flag::ConfigurationChanged);
        }
    }
    let mut out = Vec::new();
    let mut from = window.from_ms;
    for cut in cuts.into_iter().filter(|c| window.from_ms < *c && *c < window.to_ms) {
        out.push(Interval::new(from, cut));
        from = cut;
    }
    out.push(Interval::new(from, window.to_ms));
    out
}

/// Flags and coverage that follow from the sums.
fn finish(f: &mut Facts) {
    let b = &f.buckets;
    // Unplanned running that rests on held samples is nothing anybody observed: it covers nothing.
    let pbt = b.sure_pbt_ms();
    f.state_cover = if f.has_state { Share { observed_ms: pbt - b.unk_ms, of_ms: pbt } } else { Share::default() };
    // Planned busy time grows by unplanned running; a counter is asked about no less.
    f.counter_cover.of_ms = pbt;
    f.counter_cover.observed_ms = (pbt - f.counter_cover.observed_ms).max(0);
    if b.run_in_stop_ms > 0 {
        f.flags.insert(Flag::RunInPlannedStop);
    }
    if b.overtime_ms > 0 {
        f.flags.insert(Flag::OvertimeUnplanned);
    }
    if b.run_without_order_ms > 0 {
        f.flags.insert(Flag::NoOrder);
    }
    f.is_worked = b.pbt_ms() > 0 || (!f.has_state && f.shifts > 0);
    // One reading says nothing about what passed.
    f.energy_broken |= f.energy.is_some_and(|e| e.samples < 2);
    if let Some(p) = &f.production {
        if let Some(e) = f.energy.filter(|_| !f.energy_broken) {
            f.per_good = PerGood {
                micro_kwh: e.micro_kwh,
                good: p.good.items,
                energy_uncapped: e.uncapped,
                good_uncapped: p.uncapped,
            };
        }
        if p.without_cycle_time != 0 {
            f.flags.insert(Flag::NoCycleTime);
        }
    }
    f.note_performance();
}

struct Piece<'a> {
    history: &'a History,
    inputs: &'a Inputs,
    definition: &'a Stated<Machine>,
    window: Interval,
    stops: &'a [Interval],
    scheduled: bool,
}

impl Piece<'_> {
    fn evaluate(&self, out: &mut Evaluated) {
        let facts = &mut out.facts;
        self.note(facts, self.definition);
        let machine = &self.definition.body;
        let tiled = self.states(facts);
        let busy = self.busy(tiled.as_deref().unwrap_or_default());
        let (no_order, order_unseen) = self.orders(facts);
        out.no_order.extend(no_order.iter().copied());
        out.order_unseen.extend(order_unseen.iter().copied());
        let made = self.production(facts, tiled.as_deref(), &busy);
        if let Some(tiled) = tiled {
            facts.has_state = true;
            for s in &tiled {
                facts.states_ms[s.state.code()] += s.length_ms();
            }
            let context = Context { scheduled: self.scheduled, stops: self.stops.to_vec(), no_order, order_unseen };
            facts.buckets.add(&buckets::sort(&tiled, &context));
            out.states.extend(tiled);
        } else if self.scheduled {
            // No state: planned time is still planned, only nobody saw what happened in it.
            facts.buckets.pdot_ms += overlap_ms(&[self.window], self.stops);
            facts.buckets.unk_ms += self.window.length_ms() - overlap_ms(&[self.window], self.stops);
        } else {
            facts.buckets.outside_ms += self.window.length_ms();
        }
        if let Some(p) = made {
            match &mut facts.production {
                Some(sum) => sum.add(&p),
                none => *none = Some(p),
            }
        }
        if let Some(signal) = &machine.signals.energy {
            self.energy(facts, signal);
        }
    }

    /// Time in which the machine may have produced: all but planned stops in which it was seen not to run.
    fn busy(&self, tiled: &[StateInterval]) -> Vec<Interval> {
        let quiet = |s: &&StateInterval| s.state != MachineState::Run && s.state != MachineState::Unknown && !s.held;
        let mut seen = Vec::new();
        for s in tiled.iter().filter(quiet) {
            seen.extend(self.stops.iter().map(|stop| stop.intersect(&Interval::new(s.from_ms, s.to_ms))));
        }
        subtract(self.window, &union(seen))
    }

    fn note<T>(&self, facts: &mut Facts, stated: &Stated<T>) {
        note(facts, stated, self.window, self.history);
    }

    /// Readings around the piece, with lineage and clock flags noted.
    fn reading<'s>(
        &'s self,
        facts: &mut Facts,
        signal: &SignalRef,
    ) -> Option<(&'s Series, std::ops::Range<usize>, &'s Meaning)> {
        let series = self.inputs.get(signal)?;
        let (range, meaning) = series.alike(self.window, REACH_MS)?;
        let known_since = self.history.known_since_ms(&signal.gateway);
        for span in series.spans_of(&range) {
            facts.saw(&signal.gateway, span.leaf);
            if span.error_ms > ERROR_FLAG_MS {
                facts.flags.insert(Flag::ClockUncertain);
                facts.readings_unsure += (span.end.min(range.end) - span.start.max(range.start)) as u64;
            }
            if span.is_late && !self.history.is_simulated() {
                facts.flags.insert(Flag::LateData);
            }
        }
        for (flag, interval) in &series.marked {
            if !interval.intersect(&self.window).is_empty() {
                facts.flags.insert(*flag);
            }
        }
        facts.readings += range.len() as u64;
        // An hour's grace: a gateway may read while it is being enrolled.
        let oldest = series.samples(range.clone()).find(|(ms, _)| *ms >= self.window.from_ms).map(|s| s.0);
        let early = |since: i64| oldest.is_some_and(|ms| ms < since.saturating_sub(3_600_000));
        if !self.history.is_simulated() && known_since.is_some_and(early) {
            facts.flags.insert(Flag::BeforeEnrolment);
        }
        Some((series, range, meaning))
    }

    /// Recorded gaps that touch the piece and lie within reach.
    fn gaps(&self, series: &Series) -> Vec<Interval> {
        let far = self.window.to_ms.saturating_add(REACH_MS);
        let near = self.window.from_ms.saturating_sub(REACH_MS);
        let touch = |g: &Interval| g.to_ms >= near && g.to_ms <= far && g.from_ms <= self.window.to_ms;
        union(series.gaps.iter().copied().filter(touch).collect())
    }

    fn states(&self, facts: &mut Facts) -> Option<Vec<StateInterval>> {
        let machine = &self.definition.body;
        let signals = &machine.signals;
        let rule = machine.state_rule.as_ref()?;
        let signal = match rule {
            StateRule::Codes(_) | StateRule::Table(_) => signals.state.as_ref(),
            StateRule::RunBit { .. } => signals.run.as_ref(),
            StateRule::Power(_) => signals.power.as_ref(),
        }?;
        let unknown = || tile(std::iter::empty(), &[], Cadence::new(1000), self.window);
        let Some((series, range, meaning)) = self.reading(facts, signal) else { return Some(unknown()) };
        let cadence = Cadence::new(meaning.interval_ms);
        let gaps = self.gaps(series);
        // Two equal codes in a row are the rule: remember the last translation.
        let mut memo: Option<(i64, MachineState)> = None;
        let mut undeclared = false;
        let codes = match rule {
            StateRule::Codes(codes) => Some(codes),
            StateRule::Table(table) => vocabulary::codes_of(table),
            StateRule::RunBit { .. } | StateRule::Power(_) => None,
        };
        let tiled = match rule {
            StateRule::Codes(_) | StateRule::Table(_) => {
                let samples = series.samples(range).map(|(ms, raw)| match memo {
                    Some((was, state)) if was == raw => (ms, state),
                    _ => {
                        let state =
                            match series.texts.get(usize::try_from(raw).unwrap_or(usize::MAX)).filter(|_| meaning.text)
                            {
                                Some(text) => codes.and_then(|c| c.get(&**text)),
                                None => codes.and_then(|c| c.get(&raw.to_string())),
                            };
                        undeclared |= state.is_none();
                        let state = state.copied().unwrap_or(MachineState::Unknown);
                        memo = Some((raw, state));
                        (ms, state)
                    }
                });
                tile(samples, &gaps, cadence, self.window)
            }
            StateRule::RunBit { run_value, otherwise } => {
                let samples = series
                    .samples(range)
                    .map(|(ms, raw)| (ms, if raw == *run_value { MachineState::Run } else { *otherwise }));
                tile(samples, &gaps, cadence, self.window)
            }
            StateRule::Power(power) => {
                facts.flags.insert(Flag::PowerDerivedState);
                // Thresholds go to the unit of the readings: W = stored × num × unit / den.
                let unit: i128 = if meaning.unit == "kW" { 1000 } else { 1 };
                let from_range = range.clone();
                let scaled: Vec<(i64, i128)> = series
                    .samples(from_range)
                    .map(|(ms, v)| (ms, (i128::from(v) * i128::from(meaning.num)).saturating_mul(unit)))
                    .collect();
                tile(decide_power(&scaled, power, meaning.den, cadence).into_iter(), &gaps, cadence, self.window)
            }
        };
        if undeclared {
            facts.flags.insert(Flag::UnknownStateCode);
        }
        Some(tiled)
    }

    /// Stretches without an order, as last seen, and stretches in which nobody saw; everything has one when nobody ever says.
    fn orders(&self, facts: &mut Facts) -> (Vec<Interval>, Vec<Interval>) {
        let Some(signal) = &self.definition.body.signals.order else {
            facts.flags.insert(Flag::NoOrderInfo);
            return (Vec::new(), Vec::new());
        };
        let Some((series, range, meaning)) = self.reading(facts, signal) else {
            return (Vec::new(), vec![self.window]);
        };
        let is_empty = |raw: i64| match meaning.text {
            true => series.texts.get(usize::try_from(raw).unwrap_or(usize::MAX)).is_none_or(|t| t.is_empty()),
            false => raw == 0,
        };
        let mut out: Vec<Interval> = Vec::new();
        let mut since: Option<i64> = None;
        for (ms, raw) in series.samples(range.clone()) {
            match (is_empty(raw), since) {
                (true, None) => since = Some(ms),
                (false, Some(from)) => {
                    out.push(Interval::new(from, ms).intersect(&self.window));
                    since = None;
                }
                _ => {}
            }
        }
        if let Some(from) = since {
            out.push(Interval::new(from, self.window.to_ms).intersect(&self.window));
        }
        // A reading speaks for an order as long as one speaks for a state.
        let seen = series.samples(range).map(|(ms, _)| (ms, MachineState::Run));
        let seen = tile(seen, &self.gaps(series), Cadence::new(meaning.interval_ms), self.window);
        let unseen = seen.iter().filter(|s| s.held || s.state == MachineState::Unknown);
        (union(out), union(unseen.map(|s| Interval::new(s.from_ms, s.to_ms)).collect()))
    }
}
