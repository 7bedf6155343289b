//! Walks the windows of a machine's production dates once and keeps what figures are made of.

use std::collections::BTreeMap;

use crate::calendar::{OUTSIDE_SHIFTS, dates, parse_date};
use crate::column::{Meaning, Series};
use crate::counter::Bounded;
use crate::energy::electrical::by_state;
use crate::facts::Facts;
use crate::grade::Flag;
use crate::history::{History, REACH_MS};
use crate::interval::{Interval, union};
use crate::kpi::losses::{self, Losses, StopRule};
use crate::model::{Machine, MachineRole, SignalRef};
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
        excluded: Vec::new(),
        span,
        rule,
    };
    let energy = Energy::load(history, &out.definition, span);
    for (date, shift, window, schedule) in windows {
        let evaluated = shift::evaluate(history, &inputs, machine, window, &schedule);
        let losses = losses::of(&evaluated, schedule.scheduled, rule);
        let mut facts = evaluated.facts;
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
        }
        out.facts.add_window(&facts);
        out.days.entry(date).or_default().add_window(&facts);
        if schedule.scheduled {
            out.shifts.push(window);
        }
        if let Some(energy) = energy.as_ref().filter(|_| !evaluated.states.is_empty() && !facts.energy_broken) {
            energy.add(history, machine, out.energy_by_state.get_or_insert_default(), window, &evaluated.states);
            let held: Vec<StateInterval> = evaluated.states.iter().filter(|s| s.held).copied().collect();
            energy.add(history, machine, &mut out.energy_held, window, &held);
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
    /// Stretches of RUN, a sorted set.
    pub fn running(&self) -> Vec<Interval> {
        let ran = self.states.iter().filter(|s| s.state == MachineState::Run);
        union(ran.map(|s| Interval::new(s.from_ms, s.to_ms)).collect())
    }

    /// Whether every state was seen: none unknown, none on a held sample.
    pub fn is_certain(&self) -> bool {
        self.states.iter().all(|s| !s.held && s.state != MachineState::Unknown)
    }

    /// Whether the machine makes items: meters and auxiliaries have no production figures.
    pub fn is_production(&self) -> bool {
        self.definition.role == MachineRole::Production
    }

    /// The readings of a signal over the whole span and what they mean; `None` without any.
    pub fn read(
        &self,
        history: &History,
        signal: Option<&SignalRef>,
    ) -> Option<(Vec<(i64, i64)>, Meaning, Vec<Box<str>>)> {
        let signal = signal?;
        let wide = wide(self.span);
        let series = history.series(&signal.gateway, &signal.tag, wide);
        let (range, meaning) = series.alike(self.span, REACH_MS)?;
        Some((series.samples(range).collect(), meaning.clone(), series.texts.clone()))
    }
}

fn wide(span: Interval) -> Interval {
    Interval::new(span.from_ms.saturating_sub(REACH_MS), span.to_ms.saturating_add(REACH_MS))
}

/// The energy register of a machine over a span.
struct Energy {
    signal: SignalRef,
    series: Series,
}

impl Energy {
    fn load(history: &History, definition: &Machine, span: Interval) -> Option<Self> {
        let signal = definition.signals.energy.clone()?;
        let series = history.series(&signal.gateway, &signal.tag, wide(span));
        Some(Self { signal, series })
    }

    fn add(
        &self,
        history: &History,
        machine: &str,
        sums: &mut [Bounded; 8],
        window: Interval,
        states: &[StateInterval],
    ) {
        let Some((range, meaning)) = self.series.alike(window, REACH_MS) else { return };
        let samples: Vec<(i64, i64)> = self.series.samples(range).collect();
        let by = by_state(&samples, states, &energy_rule(history, machine, &self.signal, meaning));
        for (sum, amount) in sums.iter_mut().zip(by.amount) {
            if let Some(energy) = micro_kwh(amount, meaning) {
                sum.add(energy);
            }
        }
    }
}
