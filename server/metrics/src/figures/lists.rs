//! What stands behind the sums of the shop floor, printed: stops by reason, alarms, failures, batches, control charts, materials.
//!
//! Constraints
//! 1. Every list is bounded, and says how many it leaves out; of alarms and failures the newest stay.
//! 2. The same structs are bodies of the server's API (feature `schema`), so that page, API and command line cannot disagree.
//! 3. Instants are UTC milliseconds. What was not seen is absent, never zero.

use std::borrow::Cow;

use serde::Serialize;

use crate::exact::product_digits;
use crate::oee::Value;
use crate::report::Words;

/// Most lines of a list.
pub const LINES_MAX: usize = 200;

/// The lists of a machine; empty where it has no signal and no statement for them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Lists {
    /// Stops by reason, longest first.
    pub stops: Vec<StopLine>,
    /// Reasons not listed.
    pub stops_left_out: usize,
    /// Alarms in order of being raised.
    pub alarms: Vec<AlarmLine>,
    /// Earlier alarms not listed.
    pub alarms_left_out: usize,
    /// What people stated about alarms that nobody saw.
    pub alarms_unmatched: Vec<UnmatchedLine>,
    /// Failures in order of beginning.
    pub failures: Vec<FailureLine>,
    /// Earlier failures not listed.
    pub failures_left_out: usize,
    /// Batches that ended, in order of beginning.
    pub batches: Vec<BatchLine>,
    /// Earlier batches not listed.
    pub batches_left_out: usize,
    /// The time between them.
    pub between: Vec<BetweenLine>,
    /// Earlier gaps between batches not listed.
    pub between_left_out: usize,
    /// Control charts, one for each specification in force.
    pub charts: Vec<ChartLine>,
    /// Materials, one for each definition in force.
    pub materials: Vec<MaterialLine>,
}

/// Stopped time of one reason, minor stops apart.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct StopLine {
    /// The reason: words a person stated, an alarm's code, a state; empty when nobody gave one.
    pub reason: String,
    /// `stated`, `alarm`, `state`, `none`.
    pub source: &'static str,
    /// Stops.
    pub times: u32,
    /// Their time, milliseconds.
    pub ms: i64,
    /// Of that, next to unobserved or held time: it may have been longer.
    pub doubtful_ms: i64,
    /// Share of all stopped time, six decimals.
    pub share: Option<String>,
    /// Leaves of the statements.
    pub statements: Vec<u64>,
}

/// An alarm from raised to handled.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct AlarmLine {
    /// Its code.
    pub code: String,
    /// Chinese and English name; empty when nobody declared the code.
    pub names: Words,
    /// What it warns of; none when nobody declared the code.
    pub class: Option<&'static str>,
    /// The last reading without it; none when its beginning was not seen.
    pub raised_after_ms: Option<i64>,
    /// The first reading that showed it.
    pub raised_ms: i64,
    /// `cleared`, `raised` (still shown at the end), `unseen` (lost from sight).
    pub end: &'static str,
    /// The last reading that showed it.
    pub seen_ms: i64,
    /// How long it was shown, milliseconds.
    pub duration_ms: i64,
    /// It lasted no less, milliseconds.
    pub least_ms: i64,
    /// It lasted no more, milliseconds; none when its beginning or its end was not seen.
    pub most_ms: Option<i64>,
    /// Time in it in which nobody looked, milliseconds.
    pub unseen_ms: i64,
    /// How often it was raised; above one it chattered.
    pub raises: u32,
    /// When somebody took note.
    pub acknowledged_ms: Option<i64>,
    /// When it was dealt with.
    pub handled_ms: Option<i64>,
    /// Not dealt with: how long ago it was raised, milliseconds.
    pub open_ms: Option<i64>,
    /// A test of the alarm: listed, not counted.
    pub is_test: bool,
    /// Leaves of what people stated about it.
    pub statements: Vec<u64>,
}

/// A statement about an alarm that no reading shows.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct UnmatchedLine {
    /// The code stated.
    pub code: String,
    /// When it is said to have been raised.
    pub raised_ms: i64,
    /// Leaf of the statement.
    pub leaf: u64,
}

/// A failure and who answered it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct FailureLine {
    /// First fault.
    pub from_ms: i64,
    /// End of the last fault.
    pub to_ms: i64,
    /// Faults in it.
    pub faults: u32,
    /// Its beginning was seen.
    pub is_beginning_seen: bool,
    /// Its end was seen.
    pub is_end_seen: bool,
    /// The first human action.
    pub first_action_ms: Option<i64>,
    /// Who says so: `machine`, `person`.
    pub by: Option<&'static str>,
    /// Leaf of the person's statement.
    pub leaf: Option<u64>,
    /// Response time, milliseconds.
    pub response_ms: Option<i64>,
    /// Nobody is known to have acted: how long ago it began, milliseconds.
    pub open_ms: Option<i64>,
}

/// A value of a line, printed like a figure's.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Printed {
    /// Its unit; `1` for ratios.
    pub unit: Cow<'static, str>,
    /// Six decimals.
    pub value: Option<String>,
    /// Least it can be.
    pub lower: Option<String>,
    /// Most it can be; none when nothing limits it.
    pub upper: Option<String>,
    /// Why there is none.
    pub undefined: Option<&'static str>,
}

impl Printed {
    pub(super) fn of(value: Value, unit: impl Into<Cow<'static, str>>) -> Self {
        let mut out = Self { unit: unit.into(), ..Self::default() };
        match value {
            Ok(r) => {
                out.value = product_digits(&[(r.num, r.den)], 6);
                out.lower = product_digits(&[r.lower], 6);
                out.upper = r.upper.and_then(|u| product_digits(&[u], 6));
            }
            Err(why) => out.undefined = Some(why.code()),
        }
        out
    }
}

/// A batch.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct BatchLine {
    /// Batch number.
    pub batch: String,
    /// Product; `*` when nothing says.
    pub product: String,
    /// Begin.
    pub from_ms: i64,
    /// End.
    pub to_ms: i64,
    /// Standard time of its recipe, milliseconds.
    pub standard_ms: Option<i64>,
    /// `stated` by a person, `signal` of the machine.
    pub basis: &'static str,
    /// Leaf of the statement in force.
    pub leaf: Option<u64>,
    /// Leaves of the statements it corrects.
    pub superseded: Vec<u64>,
    /// Read from a signal that fell silent in it.
    pub is_interrupted: bool,
    /// Leaf of the recipe in force at its beginning.
    pub recipe: Option<u64>,
    /// What was charged.
    pub charged: Option<Printed>,
    /// Good output.
    pub good: Option<Printed>,
    /// 收率.
    pub yielded: Printed,
    /// Energy.
    pub energy: Printed,
    /// Energy per unit of good output.
    pub energy_per_unit: Printed,
    /// Grade of its energy and counts.
    pub grade: &'static str,
    /// Its phases.
    pub phases: Vec<PhaseLine>,
}

/// A phase of a batch.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct PhaseLine {
    /// Name.
    pub phase: String,
    /// `process`, `cleaning`.
    pub kind: &'static str,
    /// Time it took, milliseconds; none when the recipe has it and nobody stated it.
    pub actual_ms: Option<i64>,
    /// Standard time, milliseconds.
    pub standard_ms: Option<i64>,
}

/// The time between two batches, milliseconds.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct BetweenLine {
    /// Batch before.
    pub before: String,
    /// Batch after.
    pub after: String,
    /// End of the one.
    pub from_ms: i64,
    /// Begin of the other.
    pub to_ms: i64,
    /// The next batch is of another product.
    pub changes_product: bool,
    /// Planned stops and time not planned for production.
    pub planned_ms: i64,
    /// 清场: value, least, most.
    pub cleaning_ms: [i64; 3],
    /// Setup for another product: value, least, most.
    pub setup_ms: [i64; 3],
    /// Running without a batch.
    pub running_ms: i64,
    /// Off, idle, waiting or in fault.
    pub waiting_ms: i64,
    /// Nobody saw.
    pub unobserved_ms: i64,
}

/// A control chart of one characteristic under one specification.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct ChartLine {
    /// Characteristic.
    pub characteristic: String,
    /// What its figures are called: `part` of them begins so.
    pub part: String,
    /// Chinese and English name.
    pub names: Words,
    /// Unit of the values.
    pub unit: String,
    /// Leaf of the specification.
    pub leaf: u64,
    /// First instant it covers.
    pub from_ms: i64,
    /// First instant after.
    pub to_ms: i64,
    /// Measurements per subgroup; none for single values.
    pub subgroup: Option<usize>,
    /// Lower specification limit.
    pub lsl: Option<String>,
    /// Upper specification limit.
    pub usl: Option<String>,
    /// Target.
    pub target: Option<String>,
    /// Rule set.
    pub rules: String,
    /// Base period of the control limits.
    pub base: Option<[i64; 2]>,
    /// Points of the base period that made no point.
    pub base_incomplete: usize,
    /// Control limits.
    pub limits: Option<LimitsLine>,
    /// Why there are none.
    pub undefined: Option<&'static str>,
    /// In statistical control; none without limits or without points.
    pub in_control: Option<bool>,
    /// The points, in order.
    pub points: Vec<PointLine>,
    /// Earlier points not listed.
    pub points_left_out: usize,
    /// Rules broken, by last point.
    pub broken: Vec<BrokenLine>,
    /// Earlier violations not listed.
    pub broken_left_out: usize,
    /// Values beyond a specification limit.
    pub out_of_specification: Vec<ValueLine>,
    /// Earlier such values not listed.
    pub out_of_specification_left_out: usize,
    /// Measurements.
    pub measurements: usize,
    /// Places where one or more may have been missed.
    pub missed: usize,
    /// Intervals that made no subgroup.
    pub incomplete: usize,
    /// Readings left out: texts, or in another unit.
    pub other_unit: u64,
    /// Grade of what rests on the limits.
    pub grade: &'static str,
}

/// Centre line and limits, six decimals.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct LimitsLine {
    /// Lower limit, centre, upper limit of means or values.
    pub location: [String; 3],
    /// The same of ranges or moving ranges.
    pub range: [String; 3],
    /// Points they were made from.
    pub points: usize,
}

/// A point of a chart.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct PointLine {
    /// Beginning of the subgroup, or the instant of the value.
    pub at_ms: i64,
    /// Mean or value, six decimals.
    pub centre: String,
    /// Range or moving range.
    pub range: Option<String>,
    /// Nothing was missed since the point before.
    pub follows: bool,
    /// Part of a run that broke a rule.
    pub is_marked: bool,
    /// Its range is beyond the limits.
    pub is_range_marked: bool,
}

/// A rule broken.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct BrokenLine {
    /// The rule; `range` for a range beyond its limits.
    pub rule: &'static str,
    /// Chinese and English words.
    pub words: Words,
    /// `above`, `below`; none where the rule has no side.
    pub side: Option<&'static str>,
    /// First point.
    pub from_ms: i64,
    /// Last point.
    pub to_ms: i64,
    /// Points.
    pub points: usize,
}

/// A measured value beyond a limit of the drawing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct ValueLine {
    /// When it was read.
    pub at_ms: i64,
    /// Six decimals.
    pub value: String,
    /// `above`, `below`.
    pub side: &'static str,
    /// Leaf of the record.
    pub leaf: u64,
}

/// A material.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct MaterialLine {
    /// Material.
    pub material: String,
    /// What its figures are called.
    pub part: String,
    /// Chinese and English name.
    pub names: Words,
    /// Unit.
    pub unit: String,
    /// Leaf of the definition.
    pub leaf: u64,
    /// First instant it covers.
    pub from_ms: i64,
    /// First instant after.
    pub to_ms: i64,
    /// `register`, `tank`, `backflush`: the last is no measurement.
    pub source: &'static str,
    /// Signal read, as `gateway/tag`.
    pub signal: Option<String>,
    /// Standard per good item.
    pub standard: Option<String>,
    /// Consumption.
    pub amount: Printed,
    /// Refills of a tank.
    pub refills: u32,
    /// Per good item.
    pub per_good: Printed,
    /// Against the standard.
    pub against_standard: Printed,
    /// Grade.
    pub grade: &'static str,
}

/// The newest lines of a list, and how many are left out.
pub(super) fn newest<T>(mut all: Vec<T>) -> (Vec<T>, usize) {
    let left_out = all.len().saturating_sub(LINES_MAX);
    all.drain(..left_out);
    (all, left_out)
}
