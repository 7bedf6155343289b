//! What the energy register passed against what the power readings add up to.
//!
//! Constraints
//! 1. Compared only over stretches without a power reading gone stale, at most a day each, cut at whole UTC days; power is
//!    integrated by the trapezium rule, exactly.
//! 2. The allowance covers meters of class 1 or 2 with their transformers. The sampling of a load that switches has its own:
//!    a step between two readings may lie anywhere between them, which is half their distance times the step either way; such
//!    errors add up like independent ones, and three of their root sum of squares are allowed.
//! 3. A stretch in which the register was reset, or that it does not cover, is not compared.

use crate::counter::{self, Replacement, Weight};
use crate::credibility::finding::{Finding, Need};
use crate::credibility::list::{Detector, Run, parameter};
use crate::credibility::scene::{Scene, Trace};
use crate::credibility::{both, no_signal};
use crate::decimal::{div_half_up, fixed6};
use crate::exact::Rational;
use crate::history::REACH_MS;
use crate::interval::Interval;
use crate::report::Words;
use crate::shift::register_rule;

/// Power readings in a stretch, at least.
const READINGS: usize = 500;
/// Energy in a stretch, at least so many units of the register.
const UNITS: i128 = 100;
/// Allowance, percent of the larger of the two.
const ALLOWED_PERCENT: i128 = 10;
/// So many root sums of squares of the sampling error are allowed.
const SAMPLING: i128 = 3;
/// A stretch is cut at multiples of this, milliseconds.
const DAY_MS: i64 = 86_400_000;

/// The register and the power readings disagree.
pub(super) static AGAINST_POWER: Detector = Detector {
    id: "credibility.energy_against_power@1",
    names: ["电量与功率积分不符", "Energy against integrated power"],
    compares: ["电能表示数差与功率积分", "difference of the energy register and integral of power"],
    rule: "|ΔE − ∫P dt| > 10 % of the larger + 2 register units + 3·√Σ(ΔP·Δt/2)², over ≥ 500 readings",
    parameters: &[
        parameter("readings_min", READINGS as i64, "1"),
        parameter("register_units_min", UNITS as i64, "1"),
        parameter("allowed", ALLOWED_PERCENT as i64, "%"),
        parameter("sampling_errors", SAMPLING as i64, "1"),
        parameter("cut_at", DAY_MS, "ms"),
    ],
    minimum: [
        "须有功率和电能示数信号；连续功率读数不少于 500 条且电量不少于 100 个示数单位的时段至少一个。",
        "Power and an energy register; at least one stretch of 500 power readings none of which went stale and 100 units of the register.",
    ],
    on_site: [
        "核对电流互感器变比、电压互感器变比和通信换算系数；确认两个信号来自同一块表、同一回路。",
        "Check the current and voltage transformer ratios and the scale in the gateway; see that both signals come from one meter and one circuit.",
    ],
    need: Need::First,
    run: Run::Machine(against_power),
};

/// Millionths of a kWh per unit of a register's readings; `None` when they are no energy.
fn micro_kwh(trace: &Trace) -> Option<(i128, i128)> {
    let per: i128 = match trace.meaning.unit.as_str() {
        "Wh" => 1_000,
        "kWh" => 1_000_000,
        "MWh" => 1_000_000_000,
        _ => return None,
    };
    Some((i128::from(trace.meaning.num).checked_mul(per)?, trace.meaning.den))
}

/// What a machine's register passed in a stretch, millionths of a kWh, and one unit of it; `None` when it is not known whole.
pub(super) fn passed(scene: &Scene<'_>, window: Interval) -> Option<(i128, i128)> {
    let trace = scene.trace("energy")?;
    let (num, den) = micro_kwh(trace)?;
    let mut rule = register_rule(&trace.signal, &trace.meaning, None);
    for replaced in scene.history.statements().meters_replaced(scene.machine()) {
        rule.replaced.push(Replacement {
            at_ms: replaced.body.at_ms,
            old_final: replaced.body.old_final_raw.saturating_mul(trace.meaning.unit_per_raw),
            new_initial: replaced.body.new_initial_raw.saturating_mul(trace.meaning.unit_per_raw),
        });
    }
    let first = trace.times().partition_point(|t| *t <= window.from_ms).saturating_sub(1);
    let around = trace.points().skip(first).take_while(|p| p.0 <= window.to_ms.saturating_add(REACH_MS));
    let passed = counter::fold(around, window, &rule, |_, _| Weight::ONE);
    let edge_ms = trace.cadence.fresh_ms;
    let is_open = passed.open.iter().any(|o| o.length_ms() > edge_ms);
    if passed.resets > 0 || passed.excesses > 0 || passed.samples < 2 || is_open {
        return None;
    }
    let of = |units: i128| div_half_up(units.checked_mul(num)?, den);
    // Floats have no smallest step of their own: a hundredth of a kWh is what meters show.
    let unit = if trace.meaning.unit_per_raw > 1 { 10_000 } else { of(1)?.abs().max(1) };
    Some((of(passed.amount.value)?, unit))
}

/// The integral of power over a stretch.
struct Integral {
    window: Interval,
    readings: usize,
    /// Millionths of a kWh.
    energy: i128,
    /// Sum of squares of the sampling errors, (10⁻⁶ kWh)².
    squares: i128,
}

/// Stretches of power readings none of which went stale, cut at whole days.
fn integrals(trace: &Trace, watts: i128) -> Vec<Integral> {
    // Watt-milliseconds: 3,600 of them are a millionth of a kilowatt-hour; the trapezium's half makes 7,200.
    let den = trace.meaning.den.saturating_mul(7_200);
    let energy = |doubled: i128| doubled.checked_mul(watts).and_then(|d| div_half_up(d, den)).unwrap_or(i128::MAX);
    let mut out: Vec<Integral> = Vec::new();
    for [a, b] in trace.steps_within(trace.cadence.stale_ms) {
        let (from, to, dt) = (trace.level(a.1), trace.level(b.1), i128::from(b.0) - i128::from(a.0));
        let doubled = from.saturating_add(to).saturating_mul(dt);
        let error = energy(to.saturating_sub(from).saturating_mul(dt));
        let square = error.saturating_mul(error);
        match out.last_mut() {
            Some(i) if i.window.to_ms == a.0 && i.window.from_ms.div_euclid(DAY_MS) == a.0.div_euclid(DAY_MS) => {
                i.window.to_ms = b.0;
                i.readings += 1;
                i.energy = i.energy.saturating_add(doubled);
                i.squares = i.squares.saturating_add(square);
            }
            _ => out.push(Integral { window: Interval::new(a.0, b.0), readings: 2, energy: doubled, squares: square }),
        }
    }
    for i in &mut out {
        i.energy = energy(i.energy);
    }
    out
}

/// Whether two energies differ by more than allowed.
fn is_apart(passed: i128, unit: i128, integral: &Integral) -> bool {
    let larger = passed.saturating_abs().max(integral.energy.saturating_abs());
    let difference = passed.saturating_sub(integral.energy).saturating_abs();
    let beyond =
        difference.saturating_sub((larger / 100 * ALLOWED_PERCENT).saturating_add(unit.saturating_mul(2))).max(0);
    beyond.saturating_mul(beyond) > integral.squares.saturating_mul(SAMPLING * SAMPLING)
}

fn against_power(scene: &Scene<'_>) -> Result<Vec<Finding>, Words> {
    let power = scene.trace("power").ok_or_else(|| no_signal("有功功率", "active power"))?;
    let energy = scene.trace("energy").ok_or_else(|| no_signal("电能示数", "an energy register"))?;
    let (Some(watts), Some(_)) = (power.watts(), micro_kwh(energy)) else {
        return Err(both("功率或电能的计量单位无法识别", "the unit of power or energy is not known"));
    };
    let mut compared = 0;
    let mut out = Vec::new();
    for stretch in integrals(power, watts) {
        let Integral { window, readings, energy: integral, .. } = stretch;
        if readings < READINGS {
            continue;
        }
        let Some((passed, unit)) = passed(scene, window) else { continue };
        let larger = passed.saturating_abs().max(integral.saturating_abs());
        if larger < unit.saturating_mul(UNITS) {
            continue;
        }
        compared += 1;
        if !is_apart(passed, unit, &stretch) {
            continue;
        }
        let ratio = Rational::new(passed, integral).map_or_else(|| "—".to_owned(), |r| r.digits(3));
        let [e, p] = [passed, integral].map(fixed6);
        let says = both(
            format!("电能示数差为 {e} kWh，同一时段功率积分为 {p} kWh"),
            format!("the energy register passed {e} kWh; the power readings of the same time add up to {p} kWh"),
        );
        out.push(
            Finding::of(&AGAINST_POWER, scene, &[window], says)
                .shows(energy, window)
                .shows(power, window)
                .with("示数差", "register difference", e, "kWh")
                .with("功率积分", "integral of power", p, "kWh")
                .with("二者之比", "quotient of the two", ratio, "1")
                .with("功率读数", "power readings", readings, "1"),
        );
    }
    if compared == 0 {
        return Err(both(
            "没有连续功率读数不少于 500 条、电量足够且示数完整的时段",
            "no stretch of 500 power readings, enough energy and a whole register",
        ));
    }
    Ok(out)
}
