//! Energy saved under a declared plan: production days of a history as points of [`crate::savings`].
//!
//! Constraints
//! 1. Option C for the plan's incoming meter, driven by what the plan's machines made together; option B for every machine of the
//!    plan with a meter of its own, driven by what it made itself (reference §3.1).
//! 2. The driver is standard time (Σ PRI·PQ, hours): products of different size weigh as they should.
//! 3. A day takes part when its energy and its counts are known over at least 80 % of it; the others are counted, not filled in.
//! 4. The mean over days is never annualised, and unit consumption never stands alone: [`crate::savings`] prints the volume effect
//!    beside it.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::Serialize;

use crate::baseline::{Cadence, Driver, DriverKind, Point};
use crate::calendar::parse_date;
use crate::catalogue;
use crate::decimal::float6;
use crate::facts::Facts;
use crate::figures::{Figure, Gathered, StopRule, Term, gather};
use crate::history::History;
use crate::oee;
use crate::report::Period;
use crate::savings::{self, Outcome, Savings, SignConvention};
use crate::state::MachineState;
use crate::statistics::student::Confidence;
use crate::statistics::{Number, Undefined};

/// Energy saved within one boundary.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Saved {
    /// The machine whose meter it is.
    pub machine: String,
    /// IPMVP option: `B` a machine with its own meter, `C` the site's incoming meter.
    pub option: &'static str,
    /// Machines whose production drives it.
    pub driven_by: Vec<String>,
    /// Baseline days, and those left out for want of data.
    pub baseline_days: [usize; 2],
    /// Reporting days, and those left out.
    pub reporting_days: [usize; 2],
    /// The statement, or why there is none.
    pub savings: Savings,
}

/// Evaluates savings for a declared plan; empty when the plan is unknown.
pub fn saved(history: &History, plan_id: &str, until_ms: Option<i64>, rule: StopRule) -> Vec<Saved> {
    let Some(stated) = history.statements().plan(plan_id) else { return Vec::new() };
    let body = &stated.body;
    let Some(baseline) = &body.baseline else { return Vec::new() };
    let of = |machine: &str, r: &crate::model::DateRange, name: &str| {
        let period = Period { name: name.to_owned(), from: r.from.clone(), to: r.to.clone() };
        gather(history, machine, &period, until_ms, rule)
    };
    let names: Vec<&String> = body.machines.iter().chain(&body.incoming).collect();
    let sides: BTreeMap<&str, [Option<Gathered>; 2]> = names
        .iter()
        .map(|m| (m.as_str(), [of(m, baseline, "baseline"), of(m, &body.reporting, "reporting")]))
        .collect();
    let made: Vec<String> = body
        .machines
        .iter()
        .filter(|m| sides.get(m.as_str()).is_some_and(|s| s.iter().flatten().any(|g| g.facts.production.is_some())))
        .cloned()
        .collect();
    let mut out = Vec::new();
    for machine in names {
        let Some([Some(before), Some(after)]) = sides.get(machine.as_str()) else { continue };
        if before.facts.energy.is_none() && after.facts.energy.is_none() {
            continue;
        }
        let is_incoming = body.incoming.as_ref() == Some(machine);
        let driven_by = if is_incoming { made.clone() } else { vec![machine.clone()] };
        let points = |side: usize, metered: &Gathered| {
            let driving: Vec<&Gathered> =
                driven_by.iter().filter_map(|m| sides.get(m.as_str())?.get(side)?.as_ref()).collect();
            let days: Vec<Option<Point>> = metered.days.iter().map(|(d, f)| point(d, f, &driving)).collect();
            let left_out = days.iter().filter(|d| d.is_none()).count();
            (days.into_iter().flatten().collect::<Vec<_>>(), left_out)
        };
        let ((b, b_out), (a, a_out)) = (points(0, before), points(1, after));
        let driver = Driver { id: "standard_time".to_owned(), unit: "h".to_owned(), kind: DriverKind::Production };
        let plan = savings::Plan {
            cadence: Cadence::Day,
            drivers: vec![driver],
            confidence: Confidence::P90,
            convention: SignConvention::SavingPositive,
            adjustments: history
                .statements()
                .adjustments(plan_id)
                .filter(|a| a.body.machines.is_empty() || a.body.machines.contains(machine))
                .filter_map(|a| a.body.adjustment())
                .collect(),
        };
        out.push(Saved {
            machine: machine.clone(),
            option: if is_incoming { "C" } else { "B" },
            baseline_days: [b.len(), b_out],
            reporting_days: [a.len(), a_out],
            savings: savings::evaluate(&plan, &b, &a),
            driven_by,
        });
    }
    out
}

/// The numbers of a statement, each with its formula and quantities; unit consumption with what volume explains of it, always.
/// Empty when there is no statement. Of [`Savings`] the outcome `with` the events that were logged, or `without`.
pub fn printed(outcome: &Outcome) -> Vec<Figure> {
    let Some(e) = outcome.evaluation() else { return Vec::new() };
    let (model, unit) = (&e.model, &e.unit_consumption);
    let number = |symbol: &'static str, v: Number, unit: &str| {
        v.ok().and_then(float6).map(|value| Term { symbol, value, unit: unit.to_owned().into() })
    };
    let sums = || [number("E_adjusted", e.adjusted_baseline, "kWh"), number("E_actual", e.actual, "kWh")];
    let fit = || {
        [
            number("n", Number::new(model.points as f64), ""),
            number("s", model.rmse, "kWh"),
            number("E_mean", model.mean_energy, "kWh"),
        ]
    };
    let per_unit = || {
        [
            number("e_before", unit.before, &unit.unit),
            number("e_expected", unit.expected, &unit.unit),
            number("e_after", unit.after, &unit.unit),
        ]
    };
    let none = Number::undefined(Undefined::NoNeighbours);
    let (low, high, ashrae, caltrack) =
        e.headline().map_or((none, none, none, none), |u| (u.lower, u.upper, u.fsu_ashrae, u.fsu_caltrack));
    let figure = |id, part: &str, value: Number, bounds: [Number; 2], terms: Vec<Option<Term>>| {
        let entry = catalogue::explain(id)?;
        let digits = value.ok().and_then(float6);
        let [lower, upper] = bounds.map(|b| b.ok().and_then(float6));
        Some(Figure {
            definition: entry.id,
            part: part.to_owned(),
            unit: Cow::Borrowed(entry.unit),
            formula: entry.formula,
            terms: terms.into_iter().flatten().collect(),
            numerator: None,
            denominator: None,
            undefined: digits.is_none().then_some(oee::Undefined::Insufficient.code()),
            value: digits,
            lower,
            upper,
            coverage: [0, 0],
            grade: None,
            parameters: vec![("confidence_percent", e.confidence.percent())],
        })
    };
    let bare = |v: Number| [v, v];
    [
        figure("savings.avoided@1", "", e.avoided, [low, high], sums().into()),
        figure("savings.fraction@1", "", e.fraction, bare(e.fraction), sums().into()),
        figure("savings.fsu.ashrae@1", "", ashrae, bare(ashrae), fit().into()),
        figure("savings.fsu.caltrack@1", "", caltrack, bare(caltrack), fit().into()),
        figure("model.cv_rmse@1", "", model.cv_rmse, bare(model.cv_rmse), fit().into()),
        figure("model.nmbe@1", "", model.nmbe, bare(model.nmbe), fit().into()),
        figure("model.r2@1", "", model.r2, bare(model.r2), fit().into()),
        figure(
            "model.autocorrelation@1",
            "",
            model.rho,
            bare(model.rho),
            vec![number("n_effective", model.effective_points, "")],
        ),
        figure("unit_consumption.change@1", "change", unit.change, bare(unit.change), per_unit().into()),
        figure("unit_consumption.change@1", "volume", unit.volume_effect, bare(unit.volume_effect), per_unit().into()),
        figure("unit_consumption.change@1", "saving", unit.saving_effect, bare(unit.saving_effect), per_unit().into()),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// One day; `None` when its energy or what drives it is not known.
fn point(date: &str, metered: &Facts, driving: &[&Gathered]) -> Option<Point> {
    let day = parse_date(date)?;
    let epoch = jiff::civil::date(1970, 1, 1);
    let energy = metered.energy.filter(|_| !metered.energy_broken && metered.energy_cover.reaches(80))?;
    let mut standard = 0_i128;
    let mut is_off = true;
    for g in driving {
        let facts = g.days.get(date)?;
        let made = facts.production.filter(|_| facts.counter_cover.of_ms == 0 || facts.counter_cover.reaches(80))?;
        standard = standard.checked_add(made.produced.standard.value)?;
        is_off &= facts.has_state && facts.states_ms.get(MachineState::Run.code()) == Some(&0);
    }
    Some(Point {
        period: i64::from(epoch.until(day).ok()?.get_days()),
        // Division of two exact integers: the same double everywhere.
        energy: energy.micro_kwh.value as f64 / 1e6,
        drivers: vec![standard as f64 / MILLIONTHS_PER_HOUR],
        is_off,
    })
}

/// Standard time is in millionths of a microsecond.
const MILLIONTHS_PER_HOUR: f64 = 3.6e15;
