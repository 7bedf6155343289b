//! Non-routine events: logged, approved, and applied in the open (reference §3.6).
//!
//! Constraints
//! 1. An event has evidence, a proposer and an approver who is somebody else; otherwise nothing is evaluated with it.
//! 2. Treatments in the order of preference: exclude the span from drivers and energy alike; take off what a sub-meter measured; an
//!    indicator in the regression; a new baseline.
//! 3. Exclusions cover at most a tenth of a side's points. The reference limits the reporting period; the baseline is held to the
//!    same, because thinning it at will bends the line as well.
//! 4. An indicator is estimated from the baseline alone, so its event must cover a part of the baseline, and not all of it.

use serde::{Deserialize, Serialize};

use crate::baseline::{Driver, DriverKind, Point, Refusal, Side};
use crate::statistics::{Number, sum};

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EventKind {
    /// A product mix the baseline has not seen.
    ProductMix,
    /// A machine was added.
    MachineAdded,
    /// A machine was removed.
    MachineRemoved,
    /// The plant stood still.
    Shutdown,
    /// The supply failed.
    PowerCut,
    /// Capacity changed.
    CapacityChange,
    /// A meter was wrong.
    MeterFault,
    /// Other shifts.
    ShiftPattern,
    /// Own generation inside the boundary.
    OnSitePv,
}

/// Measured energy that belongs to the event and is taken off one period.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Correction {
    /// Period.
    pub period: i64,
    /// kWh by sub-meter; negative puts energy back.
    pub energy: f64,
}

/// What is done about it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Treatment {
    /// The span is left out, drivers and energy alike.
    Exclude,
    /// Sub-metered energy is taken off.
    Correct(Vec<Correction>),
    /// A column that is 1 during the span.
    Indicator,
    /// The baseline is void.
    Rebaseline,
}

/// A logged event. It is never changed; a correction is another event.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Adjustment {
    /// Id in the ledger.
    pub id: String,
    /// First period.
    pub from: i64,
    /// Last period, included.
    pub to: i64,
    /// What happened.
    pub kind: EventKind,
    /// Machines concerned; empty means the whole boundary.
    #[serde(default)]
    pub machines: Vec<String>,
    /// Digest or name of the evidence.
    pub evidence: String,
    /// Who proposed it (pseudonym).
    pub proposer: String,
    /// Who approved it.
    pub approver: String,
    /// Why, in words.
    pub reason: String,
    /// What is done.
    pub treatment: Treatment,
}

/// What an event did to the data.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Applied {
    /// Event.
    pub id: String,
    /// What happened.
    pub kind: EventKind,
    /// `exclude`, `correct` or `indicator`.
    pub treatment: &'static str,
    /// Why, in words.
    pub reason: String,
    /// Periods touched, baseline and reporting.
    pub periods: (Vec<i64>, Vec<i64>),
    /// Energy taken off by sub-meter, kWh.
    pub energy: Number,
}

pub(super) struct Adjusted {
    pub(super) drivers: Vec<Driver>,
    pub(super) before: Vec<Point>,
    pub(super) after: Vec<Point>,
    pub(super) applied: Vec<Applied>,
}

/// Applies the events to points in order.
pub(super) fn apply(
    drivers: &[Driver],
    adjustments: &[Adjustment],
    mut before: Vec<Point>,
    mut after: Vec<Point>,
) -> Result<Adjusted, Refusal> {
    for event in adjustments {
        check(event)?;
    }
    let mut drivers = drivers.to_vec();
    let mut applied = Vec::new();
    let counts = (before.len(), after.len());
    // Exclusions first, whatever the order of the ledger: what is left out needs no other treatment.
    for event in adjustments.iter().filter(|a| a.treatment == Treatment::Exclude) {
        applied.push(record(event, "exclude", &before, &after, 0.0));
        before.retain(|p| !event.covers(p));
        after.retain(|p| !event.covers(p));
    }
    for (side, points, left) in [(Side::Baseline, counts.0, before.len()), (Side::Reporting, counts.1, after.len())] {
        let excluded = points - left;
        if excluded * 10 > points {
            return Err(Refusal::TooMuchExcluded { side, excluded, points });
        }
    }
    for event in adjustments {
        match &event.treatment {
            Treatment::Exclude => {}
            Treatment::Correct(corrections) => {
                let mut taken = Vec::new();
                for point in before.iter_mut().chain(&mut after) {
                    for correction in corrections.iter().filter(|c| c.period == point.period) {
                        point.energy -= correction.energy;
                        taken.push(correction.energy);
                    }
                    if point.energy.is_nan() || point.energy < 0.0 {
                        return Err(Refusal::BadAdjustment { event: event.id.clone() });
                    }
                }
                applied.push(record(event, "correct", &before, &after, sum(taken)));
            }
            Treatment::Indicator => {
                let covered = before.iter().filter(|p| event.covers(p)).count();
                if covered == 0 || covered == before.len() {
                    return Err(Refusal::IndicatorWithoutBaseline { event: event.id.clone() });
                }
                for point in before.iter_mut().chain(&mut after) {
                    point.drivers.push(f64::from(u8::from(event.covers(point))));
                }
                let id = format!("event:{}", event.id);
                drivers.push(Driver { id, unit: "1".to_owned(), kind: DriverKind::Indicator });
                applied.push(record(event, "indicator", &before, &after, 0.0));
            }
            Treatment::Rebaseline => return Err(Refusal::Rebaseline { event: event.id.clone() }),
        }
    }
    Ok(Adjusted { drivers, before, after, applied })
}

impl Adjustment {
    fn covers(&self, point: &Point) -> bool {
        self.from <= point.period && point.period <= self.to
    }
}

fn check(event: &Adjustment) -> Result<(), Refusal> {
    let said = [&event.evidence, &event.proposer, &event.approver, &event.reason];
    if said.iter().any(|s| s.trim().is_empty()) || event.proposer == event.approver {
        return Err(Refusal::NotApproved { event: event.id.clone() });
    }
    let fits = match &event.treatment {
        Treatment::Correct(corrections) => {
            corrections.iter().all(|c| c.energy.is_finite() && event.from <= c.period && c.period <= event.to)
        }
        _ => true,
    };
    if fits && event.from <= event.to { Ok(()) } else { Err(Refusal::BadAdjustment { event: event.id.clone() }) }
}

fn record(event: &Adjustment, treatment: &'static str, before: &[Point], after: &[Point], energy: f64) -> Applied {
    let touched = |points: &[Point]| points.iter().filter(|p| event.covers(p)).map(|p| p.period).collect();
    Applied {
        id: event.id.clone(),
        kind: event.kind,
        treatment,
        reason: event.reason.clone(),
        periods: (touched(before), touched(after)),
        energy: Number::new(energy),
    }
}
