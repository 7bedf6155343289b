//! Energy from power readings: the fallback for a machine that has a power signal and no energy register.
//!
//! Constraints
//! 1. It is never mixed with a register: a machine that has one is not integrated, and what is integrated says so
//!    (`ENERGY_FROM_POWER`) and is graded C at best.
//! 2. Between two readings no further apart than a cadence allows, the value is the trapezoid; its bounds are the rectangles of the
//!    lower and the higher reading. That supposes power stayed between the two: what happens faster than the readings is not seen.
//! 3. In a gap nothing is known: the value takes nothing, the lower bound nothing, the upper bound the greatest power stated for the
//!    machine — without one there is no upper bound. Nothing is scaled up for missing time.
//! 4. Power given back is negative and is integrated apart; the two are never netted.
//! 5. Amounts are halves of stored unit × millisecond, integers; at a cut inside a trapezoid the running area is rounded down, so that
//!    neighbouring windows add up to the whole exactly.

use std::collections::BTreeSet;

use crate::column::Series;
use crate::counter::Bounded;
use crate::exact::Rational;
use crate::facts::Share;
use crate::grade::{Flag, Grade, worst};
use crate::history::{History, REACH_MS};
use crate::interval::{Interval, subtract, total_ms, union};
use crate::metrology::Bounds;
use crate::model::SignalRef;
use crate::time::ERROR_FLAG_MS;
use crate::timeline::Cadence;

/// How power is read.
#[derive(Debug, Clone, Copy)]
pub struct PowerRule {
    /// A longer silence than this is a gap, milliseconds.
    pub gap_ms_max: i64,
    /// Greatest power of the machine, in stored units, for the upper bound of gaps.
    pub most: Option<i64>,
}

/// Areas under power readings in a window, in halves of a stored unit times a millisecond.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Area {
    /// Of power taken.
    pub taken: Bounded,
    /// Of power given back.
    pub given: Bounded,
    /// Nothing limits what was taken in the gaps.
    pub uncapped: bool,
    /// Time of the window between readings close enough.
    pub observed_ms: i64,
    /// Readings used.
    pub samples: u64,
}

/// Readings beyond this are no power; they count as missing.
const ABSURD: i64 = 1_000_000_000_000_000;

/// Integrates readings over a window. `samples` are in order of time and reach from the last at or before the window to the first at
/// or after its end; `gaps` is the sorted set of recorded gaps, in which nothing is taken to be known.
pub fn integrate(
    samples: impl Iterator<Item = (i64, i64)>,
    gaps: &[Interval],
    window: Interval,
    rule: PowerRule,
) -> Area {
    let mut out = Area::default();
    let mut seen: Vec<Interval> = Vec::new();
    let mut last: Option<(i64, i64)> = None;
    for sample in samples.filter(|(_, v)| (-ABSURD..=ABSURD).contains(v)) {
        out.samples += 1;
        if let Some(before) = last.replace(sample) {
            let between = Interval::new(before.0, sample.0);
            let is_hidden = gaps.iter().any(|g| !g.intersect(&between).is_empty());
            if between.length_ms() <= rule.gap_ms_max && !is_hidden && !between.intersect(&window).is_empty() {
                out.taken.add(trapezoid(before, (sample.0, sample.1), window, |v| v.max(0)));
                out.given.add(trapezoid(before, (sample.0, sample.1), window, |v| v.min(0).saturating_neg()));
                seen.push(between.intersect(&window));
            }
        }
        if sample.0 >= window.to_ms {
            break;
        }
    }
    let open = total_ms(&subtract(window, &union(seen)));
    out.observed_ms = window.length_ms().saturating_sub(open);
    if open > 0 {
        match rule.most {
            Some(most) => {
                let area = i128::from(most.max(0)).saturating_mul(i128::from(open)).saturating_mul(2);
                out.taken.upper = out.taken.upper.saturating_add(area);
            }
            None => out.uncapped = true,
        }
    }
    out
}

/// Twice the area between two readings inside a window, with the rectangles below and above it.
fn trapezoid(before: (i64, i64), after: (i64, i64), window: Interval, part: impl Fn(i64) -> i64) -> Bounded {
    let (p, q) = (i128::from(part(before.1)), i128::from(part(after.1)));
    let length = i128::from(after.0.saturating_sub(before.0));
    if length <= 0 {
        return Bounded::default();
    }
    // Twice the area from the first reading to an instant t in: 2·p·t + (q − p)·t² / length, rounded down.
    let until = |ms: i64| {
        let t = i128::from(ms.clamp(before.0, after.0).saturating_sub(before.0));
        let bent = (q - p).saturating_mul(t.saturating_mul(t)).div_euclid(length);
        (2 * p).saturating_mul(t).saturating_add(bent)
    };
    let inside = i128::from(window.intersect(&Interval::new(before.0, after.0)).length_ms());
    let value = until(window.to_ms).saturating_sub(until(window.from_ms));
    let rectangle = |v: i128| (2 * v).saturating_mul(inside);
    // Rounding at a cut may carry the value one half beyond a rectangle.
    Bounded { value, lower: rectangle(p.min(q)).min(value), upper: rectangle(p.max(q)).max(value) }
}

/// Why there is no energy from power.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotIntegrated {
    /// The machine has an energy register: its difference is the energy.
    HasRegister,
    /// The machine has no power signal either.
    NoPower,
    /// Fewer than two readings.
    NotRead,
    /// A number beyond 128 bits.
    TooLarge,
}

impl NotIntegrated {
    /// Chinese and English.
    pub const fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::HasRegister => {
                ("已有电能表底，以表底差值为准", "there is an energy register: its difference is the energy")
            }
            Self::NoPower => ("未采集功率", "no power signal"),
            Self::NotRead => ("功率读数不足两次", "fewer than two readings of power"),
            Self::TooLarge => ("数值超出可表示范围", "a number is too large"),
        }
    }
}

/// Energy of a machine from its power.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FromPower {
    /// Taken, kWh.
    pub kwh: Rational,
    /// What that can be.
    pub bounds: Bounds,
    /// Given back, kWh: shown apart.
    pub given_kwh: Rational,
    /// Time between readings close enough, of the window.
    pub cover: Share,
    /// What a reader must know; `ENERGY_FROM_POWER` always.
    pub flags: BTreeSet<Flag>,
    /// Grade: that of the coverage, C at best.
    pub grade: Grade,
    /// First and last leaf of the readings, by gateway, in the order used.
    pub lineage: Vec<(String, u64, u64)>,
}

/// Integrates the power of a machine that has no energy register. `most_w` is the greatest power it can take, watts.
///
/// # Errors
/// The machine has a register (use that), has no power signal either, or nothing was read.
pub fn of_machine(
    history: &History,
    machine: &str,
    window: Interval,
    most_w: Option<i64>,
) -> Result<FromPower, NotIntegrated> {
    let mut sum = Sum::default();
    let definitions = history.statements().machine_definitions(machine);
    let mut cuts: BTreeSet<i64> = definitions.iter().map(|d| d.effective_from).collect();
    cuts.retain(|ms| window.from_ms < *ms && *ms < window.to_ms);
    cuts.insert(window.to_ms);
    let mut from = window.from_ms;
    for to in cuts {
        let span = Interval::new(from, to);
        from = to;
        sum.add_definition(history, machine, span, most_w)?;
    }
    sum.finish(window)
}

struct Sum {
    kwh: Option<Rational>,
    given: Option<Rational>,
    bounds: Option<Bounds>,
    observed_ms: i64,
    samples: u64,
    flags: BTreeSet<Flag>,
    lineage: Vec<(String, u64, u64)>,
}

impl Default for Sum {
    fn default() -> Self {
        Self {
            kwh: Some(Rational::ZERO),
            given: Some(Rational::ZERO),
            bounds: Some(Bounds::exact(Rational::ZERO)),
            observed_ms: 0,
            samples: 0,
            flags: BTreeSet::from([Flag::EnergyFromPower]),
            lineage: Vec::new(),
        }
    }
}

impl Sum {
    /// Adds the part of the window under one definition of the machine.
    fn add_definition(
        &mut self,
        history: &History,
        machine: &str,
        span: Interval,
        most_w: Option<i64>,
    ) -> Result<(), NotIntegrated> {
        let definition = history.statements().machine_at(machine, span.from_ms);
        let Some(signals) = definition.map(|d| &d.body.signals) else {
            self.unknown(span, most_w);
            return Ok(());
        };
        if signals.energy.is_some() {
            return Err(NotIntegrated::HasRegister);
        }
        let Some(signal) = &signals.power else { return Err(NotIntegrated::NoPower) };
        let wide = Interval::new(span.from_ms.saturating_sub(REACH_MS), span.to_ms.saturating_add(REACH_MS));
        let series = history.series(&signal.gateway, &signal.tag, wide);
        self.flags.extend(series.marked.iter().filter(|(_, i)| !i.intersect(&span).is_empty()).map(|(flag, _)| *flag));
        let gaps = union(series.gaps.clone());
        let mut at = span.from_ms;
        let changes = series.meaning_changes(span, REACH_MS).collect::<Vec<_>>();
        for (ms, compares) in changes.into_iter().chain(std::iter::once((span.to_ms, true))) {
            if !compares {
                self.flags.insert(Flag::ConfigurationChanged);
            }
            let piece = Interval::new(at, ms);
            at = ms;
            let Some((range, meaning)) = series.alike(piece, REACH_MS) else {
                self.unknown(piece, most_w);
                continue;
            };
            self.note(history, signal, &series, &range, piece);
            // kW per stored unit. A negative scale turns the sign of every reading.
            let unit = if meaning.unit == "kW" { 1 } else { 1_000 };
            let num = i128::from(meaning.num);
            let kw = Rational::new(num.saturating_abs(), meaning.den.saturating_mul(unit));
            let most = most_w.and_then(|w| stored_at_most(w, kw?));
            let rule = PowerRule { gap_ms_max: Cadence::new(meaning.interval_ms).stale_ms, most };
            let turned = series.samples(range).map(|(t, v)| (t, if num < 0 { v.saturating_neg() } else { v }));
            self.add_area(&integrate(turned, &gaps, piece, rule), kw);
        }
        Ok(())
    }

    /// Notes where the readings came from, and what a reader must know of them.
    fn note(
        &mut self,
        history: &History,
        signal: &SignalRef,
        series: &Series,
        range: &std::ops::Range<usize>,
        piece: Interval,
    ) {
        let spans = series.spans_of(range);
        let leaves = spans.iter().map(|s| s.leaf);
        if let (Some(first), Some(last)) = (leaves.clone().min(), leaves.max()) {
            self.lineage.push((signal.gateway.clone(), first, last));
        }
        if spans.iter().any(|s| s.error_ms > ERROR_FLAG_MS) {
            self.flags.insert(Flag::ClockUncertain);
        }
        if history.is_simulated() {
            return;
        }
        if spans.iter().any(|s| s.is_late) {
            self.flags.insert(Flag::LateData);
        }
        // An hour's grace: a gateway may read while it is being enrolled.
        let oldest = series.samples(range.clone()).map(|(ms, _)| ms).find(|ms| *ms >= piece.from_ms);
        let since = history.known_since_ms(&signal.gateway).map(|ms| ms.saturating_sub(3_600_000));
        if oldest.zip(since).is_some_and(|(oldest, since)| oldest < since) {
            self.flags.insert(Flag::BeforeEnrolment);
        }
    }

    /// Time in which nothing was read.
    fn unknown(&mut self, span: Interval, most_w: Option<i64>) {
        let most = most_w.and_then(|w| Rational::new(i128::from(w) * i128::from(span.length_ms()), 3_600_000_000));
        self.bounds = self.bounds.and_then(|b| b.plus(Bounds { lower: Rational::ZERO, upper: most }));
    }

    fn add_area(&mut self, area: &Area, kw: Option<Rational>) {
        // Halves of (unit · ms) to kWh: · kW per unit / (2 · 3 600 000).
        let kwh = |twice: i128| kw?.times(Rational::new(twice, 7_200_000)?);
        let upper = if area.uncapped { Some(None) } else { kwh(area.taken.upper).map(Some) };
        let bounds = kwh(area.taken.lower).zip(upper).map(|(lower, upper)| Bounds { lower, upper });
        self.kwh = self.kwh.zip(kwh(area.taken.value)).and_then(|(a, b)| a.plus(b));
        self.given = self.given.zip(kwh(area.given.value)).and_then(|(a, b)| a.plus(b));
        self.bounds = self.bounds.zip(bounds).and_then(|(a, b)| a.plus(b));
        self.observed_ms = self.observed_ms.saturating_add(area.observed_ms);
        self.samples = self.samples.saturating_add(area.samples);
    }

    fn finish(self, window: Interval) -> Result<FromPower, NotIntegrated> {
        if self.samples < 2 {
            return Err(NotIntegrated::NotRead);
        }
        let cover = Share { observed_ms: self.observed_ms, of_ms: window.length_ms() };
        let grade = worst(Grade::of_coverage(cover.observed_ms, cover.of_ms), &self.flags);
        match (self.kwh, self.bounds, self.given) {
            (Some(kwh), Some(bounds), Some(given_kwh)) => {
                Ok(FromPower { kwh, bounds, given_kwh, cover, flags: self.flags, grade, lineage: self.lineage })
            }
            _ => Err(NotIntegrated::TooLarge),
        }
    }
}

/// Watts in stored units, rounded up.
fn stored_at_most(watts: i64, kw_per_unit: Rational) -> Option<i64> {
    let units = Rational::new(watts.into(), 1_000)?.over(kw_per_unit)?;
    i64::try_from(units.num().checked_add(units.den() - 1)?.div_euclid(units.den())).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULE: PowerRule = PowerRule { gap_ms_max: 60, most: Some(10) };

    fn of(samples: &[(i64, i64)], from: i64, to: i64, rule: PowerRule) -> Area {
        integrate(samples.iter().copied(), &[], Interval::new(from, to), rule)
    }

    #[test]
    fn trapezoids_lie_between_their_rectangles() {
        let area = of(&[(0, 2), (10, 6), (20, 6)], 0, 20, RULE);
        assert_eq!(area.taken, Bounded { value: 200, lower: 160, upper: 240 }, "twice 40 + 60; 20 + 60; 60 + 60");
        assert_eq!((area.observed_ms, area.uncapped, area.samples), (20, false, 3));
        assert_eq!(area.given, Bounded::default());
    }

    #[test]
    fn a_gap_adds_to_the_upper_bound_only() {
        let samples = [(0, 4), (10, 4), (100, 4), (110, 4)];
        let area = of(&samples, 0, 120, RULE);
        assert_eq!((area.taken.value, area.taken.lower), (160, 160));
        assert_eq!(area.taken.upper, 160 + 2 * 10 * 100, "90 ms between and 10 ms after");
        assert_eq!(area.observed_ms, 20);
        assert!(of(&samples, 0, 120, PowerRule { most: None, ..RULE }).uncapped);
        let hidden = integrate(samples.into_iter(), &[Interval::new(3, 4)], Interval::new(0, 10), RULE);
        assert_eq!((hidden.taken.value, hidden.observed_ms), (0, 0), "a recorded gap");
    }

    #[test]
    fn power_given_back_is_apart() {
        let area = of(&[(0, 6), (10, -6), (20, -6)], 0, 20, RULE);
        assert_eq!(area.taken, Bounded { value: 60, lower: 0, upper: 120 });
        assert_eq!(area.given, Bounded { value: 60 + 120, lower: 120, upper: 240 });
    }

    #[test]
    fn neighbours_add_up_at_every_cut() {
        let samples = [(0, 7), (13, 101), (29, 3), (41, -9), (60, 55)];
        let whole = of(&samples, 0, 60, RULE);
        for cut in 1..60 {
            let start = samples.partition_point(|s| s.0 <= cut).saturating_sub(1);
            let (left, right) = (of(&samples, 0, cut, RULE), of(&samples[start..], cut, 60, RULE));
            assert_eq!(left.taken.value + right.taken.value, whole.taken.value, "cut at {cut}");
            assert_eq!(left.given.value + right.given.value, whole.given.value, "cut at {cut}");
            for part in [left.taken, right.taken] {
                assert!(part.lower <= part.value && part.value <= part.upper);
            }
        }
    }

    #[test]
    fn absurd_readings_are_missing() {
        let area = of(&[(0, 4), (10, i64::MAX), (20, 4)], 0, 20, RULE);
        assert_eq!((area.taken.value, area.observed_ms), (160, 20), "the two good ones are near enough");
        assert_eq!(of(&[(0, i64::MIN), (10, 4)], 0, 10, RULE).observed_ms, 0);
    }
}
