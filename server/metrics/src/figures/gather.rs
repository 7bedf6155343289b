//! Walks the windows of a machine's production dates once and keeps what figures are made of.

use std::collections::BTreeMap;

use crate::alarms::{self, Episode};
use crate::calendar::{OUTSIDE_SHIFTS, dates, parse_date};
use crate::column::Meaning;
use crate::counter::Bounded;
use crate::energy::electrical::by_state;
use crate::evidence::Evidence;
use crate::facts::Facts;
use crate::grade::Flag;
use crate::history::{History, REACH_MS};
use crate::interval::{Interval, overlap_ms, subtract, union};
use crate::kpi::losses::{self, Losses, StopRule};
use crate::model::{Machine, MachineRole, SignalRef, Signals};
use crate::production::stops::{Stop, stops};
use crate::report::{Calendars, Period, apply_quality};
use crate::shift::{self, Inputs, Schedule, energy_rule, micro_kwh};
use crate::state::{MachineState, StateInterval};

/// What the windows of a machine say together.
#[derive(Debug, Clone)]
pub struct Gathered {
    /// The machine as last declared.
    pub definition: Machine,
    /// Sums over usable windows.
    pub facts: Facts,
    /// The same by production date.
    pub days: BTreeMap<String, Facts>,
    /// Losses of usable windows.
    pub losses: Losses,
    /// States in order of time; UNKNOWN where a shift is left out.
    pub states: Vec<StateInterval>,
    /// Planned stops, a sorted set.
    pub stops: Vec<Interval>,
    /// Stretches without an order, a sorted set.
    pub no_order: Vec<Interval>,
    /// Working shifts, in order.
    pub shifts: Vec<Interval>,
    /// Energy by state, millionths of a kilowatt-hour; `None` without a meter or when the register broke.
    pub energy_by_state: Option<[Bounded; 8]>,
    /// The part of it in intervals that rest on a held sample: it may have been used in another state.
    pub energy_held: [Bounded; 8],
    /// Stops inside usable shifts, in order, with their reasons.
    pub downs: Vec<Stop>,
    /// Alarms that touch the windows, and what they rest on.
    pub alarms: (Vec<Episode>, Evidence),
    /// Shifts left out, as `machine date shift`.
    pub excluded: Vec<String>,
    /// All windows together.
    pub span: Interval,
    /// The rule of minor stops.
    pub rule: StopRule,
}

/// Evaluates the windows of a machine over production dates; `None` when nothing is declared of it, or the dates are none.
pub fn gather(
    history: &History,
    machine: &str,
    period: &Period,
    until_ms: Option<i64>,
    rule: StopRule,
) -> Option<Gathered> {
    let statements = history.statements();
    let definition = statements.machine_definitions(machine).last()?.body.clone();
    let (from, to) = parse_date(&period.from).zip(parse_date(&period.to))?;
    let mut calendars = Calendars::default();
    let mut windows: Vec<(String, String, Interval, Schedule)> = Vec::new();
    for date in dates(from, to) {
        let Some((calendar, basis)) = calendars.of(history, machine, date) else { continue };
        let basis = Some(basis);
        let shifts = calendar
            .shifts_on(date)
            .into_iter()
            .map(|s| (s.shift, s.interval, Schedule { scheduled: true, breaks: s.breaks, calendar: basis.clone() }));
        let rest = calendar
            .unscheduled_on(date)
            .into_iter()
            .map(|i| (OUTSIDE_SHIFTS.to_owned(), i, Schedule { calendar: basis.clone(), ..Schedule::default() }));
        for (shift, interval, schedule) in shifts.chain(rest) {
            let window = Interval::new(interval.from_ms, until_ms.unwrap_or(i64::MAX).min(interval.to_ms));
            if !window.is_empty() {
                windows.push((date.to_string(), shift, window, schedule));
            }
        }
    }
    windows.sort_by_key(|w| w.2.from_ms);
    let span = Interval::new(windows.first()?.2.from_ms, windows.iter().map(|w| w.2.to_ms).max()?);
    let inputs = Inputs::load(history, machine, span);
    let mut out = Gathered {
        definition,
        facts: Facts::default(),
        days: BTreeMap::new(),
        losses: Losses::default(),
        states: Vec::new(),
        stops: Vec::new(),
        no_order: Vec::new(),
        shifts: Vec::new(),
        energy_by_state: None,
        energy_held: [Bounded::default(); 8],
        downs: Vec::new(),
        alarms: alarms::of_machine(history, machine, span, alarms::MERGE_MS),
        excluded: Vec::new(),
        span,
        rule,
    };
    let registers = out.read(history, |s| s.energy.as_ref());
    for (date, shift, window, schedule) in windows {
        let evaluated = shift::evaluate(history, &inputs, machine, window, &schedule);
        let losses = losses::of(&evaluated, schedule.scheduled, rule);
        let mut facts = evaluated.facts.clone();
        if schedule.scheduled
            && let Some(stated) = statements.quality(machine, &date, &shift)
        {
            apply_quality(&mut facts, stated.leaf, stated.body.reject);
        }
        let is_left_out = facts.is_unusable();
        if is_left_out {
            out.excluded.push(format!("{machine} {date} {shift}"));
            out.facts.flags.insert(Flag::ShiftsExcluded);
            facts = facts.without_time();
        } else {
            out.losses.add(&losses);
            let stated = statements.stop_reasons(machine);
            out.downs.extend(stops(&evaluated, schedule.scheduled, rule, stated, &out.alarms.0));
        }
        out.facts.add_window(&facts);
        out.days.entry(date).or_default().add_window(&facts);
        if schedule.scheduled {
            out.shifts.push(window);
        }
        if !registers.is_empty() && !evaluated.states.is_empty() && !facts.energy_broken {
            let held: Vec<StateInterval> = evaluated.states.iter().filter(|s| s.held).copied().collect();
            let sums = out.energy_by_state.get_or_insert_default();
            add_energy(history, machine, &registers, sums, &evaluated.states);
            add_energy(history, machine, &registers, &mut out.energy_held, &held);
        }
        out.states.extend(
            evaluated.states.into_iter().map(|s| {
                if is_left_out { StateInterval { state: MachineState::Unknown, held: false, ..s } } else { s }
            }),
        );
        out.stops.extend(evaluated.stops);
        out.no_order.extend(evaluated.no_order);
    }
    out.stops = union(out.stops);
    out.no_order = union(out.no_order);
    Some(out)
}

impl Gathered {
    /// FAULT inside planned time, milliseconds.
    pub(super) fn planned_fault_ms(&self) -> i64 {
        let planned: Vec<Interval> = self.shifts.iter().flat_map(|s| subtract(*s, &self.stops)).collect();
        let faults = self.states.iter().filter(|s| s.state == MachineState::Fault);
        overlap_ms(&union(faults.map(|s| Interval::new(s.from_ms, s.to_ms)).collect()), &union(planned))
    }

    /// Stretches of RUN, a sorted set.
    pub fn running(&self) -> Vec<Interval> {
        let ran = self.states.iter().filter(|s| s.state == MachineState::Run);
        union(ran.map(|s| Interval::new(s.from_ms, s.to_ms)).collect())
    }

    /// Whether every state was seen: none unknown, none on a held sample.
    pub fn is_certain(&self) -> bool {
        self.states.iter().all(|s| !s.held && s.state != MachineState::Unknown)
    }

    /// Whether the machine said at any time what it makes.
    pub fn shows_products(&self, history: &History) -> bool {
        signals_in_force(history, &self.definition.machine, self.span).iter().any(|(_, s)| s.product.is_some())
    }

    /// Whether the machine makes items: meters and auxiliaries have no production figures.
    pub fn is_production(&self) -> bool {
        self.definition.role == MachineRole::Production
    }

    /// The readings of a signal, stretch by stretch: each under the definition of the machine in force and with one meaning. A
    /// register that another gateway reads, or that counts in another unit, is another register: no difference crosses the seam.
    pub fn read(&self, history: &History, pick: impl for<'s> Fn(&'s Signals) -> Option<&'s SignalRef>) -> Vec<Reading> {
        // Neighbouring definitions that name the same tag are one stretch: what passed at their seam counts once.
        let mut stretches: Vec<(Interval, &SignalRef)> = Vec::new();
        for (window, signals) in signals_in_force(history, &self.definition.machine, self.span) {
            match (pick(signals), stretches.last_mut()) {
                (Some(signal), Some((held, same))) if *same == signal && held.to_ms == window.from_ms => {
                    held.to_ms = window.to_ms;
                }
                (Some(signal), _) => stretches.push((window, signal)),
                (None, _) => {}
            }
        }
        let mut out = Vec::new();
        for (window, signal) in stretches {
            let series = history.series(&signal.gateway, &signal.tag, wide(window));
            let seams: Vec<i64> =
                series.meaning_changes(window, REACH_MS).filter(|(_, compares)| !compares).map(|c| c.0).collect();
            let begins = [window.from_ms].into_iter().chain(seams.iter().copied());
            for (from_ms, to_ms) in begins.zip(seams.iter().copied().chain([window.to_ms])) {
                let window = Interval::new(from_ms, to_ms);
                if let Some((range, meaning)) = series.alike(window, REACH_MS) {
                    out.push(Reading {
                        window,
                        signal: signal.clone(),
                        samples: series.samples(range).collect(),
                        meaning: meaning.clone(),
                        texts: series.texts.clone(),
                    });
                }
            }
        }
        out
    }
}

/// The readings of a signal over a stretch in which they mean one thing.
#[derive(Debug, Clone)]
pub struct Reading {
    /// The stretch.
    pub window: Interval,
    /// Which tag of which gateway.
    pub signal: SignalRef,
    /// Time and stored value, from the last before the stretch to the first after it.
    pub samples: Vec<(i64, i64)>,
    /// What a stored value means.
    pub meaning: Meaning,
    /// Texts that stored values are indexes into.
    pub texts: Vec<Box<str>>,
}

impl Reading {
    /// The neighbouring readings around a window inside the stretch.
    pub fn near(&self, window: Interval) -> &[(i64, i64)] {
        let begin = self.samples.partition_point(|s| s.0 <= window.from_ms).saturating_sub(1);
        let end = (self.samples.partition_point(|s| s.0 < window.to_ms) + 1).min(self.samples.len());
        self.samples.get(begin..end).unwrap_or_default()
    }

    /// What a stored value is called: the text, or the number.
    pub fn word(&self, raw: i64) -> String {
        match self.texts.get(usize::try_from(raw).unwrap_or(usize::MAX)).filter(|_| self.meaning.text) {
            Some(text) => text.to_string(),
            None => raw.to_string(),
        }
    }
}

/// The signals of a machine as its definitions had them in force over a span, in order of time.
pub(super) fn signals_in_force<'h>(
    history: &'h History,
    machine: &str,
    span: Interval,
) -> Vec<(Interval, &'h Signals)> {
    let definitions = history.statements().machine_definitions(machine);
    let ends = definitions.iter().skip(1).map(|d| d.effective_from).chain([i64::MAX]);
    let stretches = definitions.iter().zip(ends).map(|(d, to_ms)| {
        let held = Interval::new(d.effective_from, to_ms.max(d.effective_from));
        (held.intersect(&span), &d.body.signals)
    });
    stretches.filter(|(window, _)| !window.is_empty()).collect()
}

fn wide(span: Interval) -> Interval {
    Interval::new(span.from_ms.saturating_sub(REACH_MS), span.to_ms.saturating_add(REACH_MS))
}

/// Adds what the energy register says of these states.
fn add_energy(
    history: &History,
    machine: &str,
    registers: &[Reading],
    sums: &mut [Bounded; 8],
    states: &[StateInterval],
) {
    for register in registers {
        let rule = energy_rule(history, machine, &register.signal, &register.meaning);
        let inside: Vec<StateInterval> = states
            .iter()
            .filter_map(|s| {
                let part = Interval::new(s.from_ms, s.to_ms).intersect(&register.window);
                let clipped = StateInterval { from_ms: part.from_ms, to_ms: part.to_ms, ..*s };
                (!part.is_empty()).then_some(clipped)
            })
            .collect();
        let (Some(first), Some(last)) = (inside.first(), inside.last()) else { continue };
        let near = register.near(Interval::new(first.from_ms, last.to_ms));
        for (sum, amount) in sums.iter_mut().zip(by_state(near, &inside, &rule).amount) {
            if let Some(energy) = micro_kwh(amount, &register.meaning) {
                sum.add(energy);
            }
        }
    }
}
