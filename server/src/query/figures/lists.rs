//! The lists behind the sums of the shop floor, as pages and the API show them.
//!
//! Constraint: field by field what [`metrics::figures::lists`] prints, so that page, API and command line cannot disagree.

use std::borrow::Cow;

use metrics::figures::lists;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::super::Names;

/// A printed value as a body of the API.
trait Shown<T> {
    fn shown(&self) -> T;
}

macro_rules! numbers {
    ($($from:ty),*) => {
        $(impl Shown<i64> for $from {
            fn shown(&self) -> i64 {
                i64::try_from(*self).unwrap_or(i64::MAX)
            }
        })*
    };
}

numbers!(i64, u32, u64, usize);

impl Shown<bool> for bool {
    fn shown(&self) -> bool {
        *self
    }
}

impl Shown<String> for String {
    fn shown(&self) -> String {
        self.clone()
    }
}

impl Shown<String> for &'static str {
    fn shown(&self) -> String {
        (*self).to_owned()
    }
}

impl Shown<String> for Cow<'static, str> {
    fn shown(&self) -> String {
        self.to_string()
    }
}

impl<T: AsRef<str>> Shown<Names> for [T; 2] {
    fn shown(&self) -> Names {
        let [zh, en] = self;
        Names { zh: zh.as_ref().to_owned(), en: en.as_ref().to_owned() }
    }
}

impl<T: Shown<U>, U, const N: usize> Shown<[U; N]> for [T; N] {
    fn shown(&self) -> [U; N] {
        self.each_ref().map(Shown::shown)
    }
}

impl<T: Shown<U>, U> Shown<Option<U>> for Option<T> {
    fn shown(&self) -> Option<U> {
        self.as_ref().map(Shown::shown)
    }
}

impl<T: Shown<U>, U> Shown<Vec<U>> for Vec<T> {
    fn shown(&self) -> Vec<U> {
        self.iter().map(Shown::shown).collect()
    }
}

/// A body of the API with the fields of what the metrics print.
macro_rules! body {
    ($(#[$about:meta])* $name:ident of $from:ident { $($(#[$doc:meta])* $field:ident: $type:ty,)* }) => {
        $(#[$about])*
        #[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
        pub struct $name {
            $($(#[$doc])* pub $field: $type,)*
        }

        impl Shown<$name> for lists::$from {
            fn shown(&self) -> $name {
                $name { $($field: self.$field.shown(),)* }
            }
        }
    };
}

impl From<&lists::Lists> for FigureLists {
    fn from(all: &lists::Lists) -> Self {
        all.shown()
    }
}

body! {
    /// The lists of a machine; empty where it has no signal and no statement for them.
    FigureLists of Lists {
        /// Stops by reason, longest first.
        stops: Vec<StopReasonView>,
        /// Reasons not listed.
        stops_left_out: i64,
        /// Alarms in order of being raised.
        alarms: Vec<AlarmEpisodeView>,
        /// Earlier alarms not listed.
        alarms_left_out: i64,
        /// What people stated about alarms that nobody saw.
        alarms_unmatched: Vec<UnmatchedView>,
        /// Failures in order of beginning.
        failures: Vec<FailureView>,
        /// Earlier failures not listed.
        failures_left_out: i64,
        /// Batches that ended, in order of beginning.
        batches: Vec<BatchView>,
        /// Earlier batches not listed.
        batches_left_out: i64,
        /// The time between them.
        between: Vec<BetweenView>,
        /// Earlier gaps between batches not listed.
        between_left_out: i64,
        /// Control charts, one for each specification in force.
        charts: Vec<ControlChartView>,
        /// Materials, one for each definition in force.
        materials: Vec<MaterialView>,
    }
}

body! {
    /// Stopped time of one reason, minor stops apart.
    StopReasonView of StopLine {
        /// The reason: words a person stated, an alarm's code, a state; empty when nobody gave one.
        reason: String,
        /// `stated`, `alarm`, `state`, `none`.
        source: String,
        /// Stops.
        times: i64,
        /// Their time, milliseconds.
        ms: i64,
        /// Of that, next to unobserved or held time: it may have been longer.
        doubtful_ms: i64,
        /// Share of all stopped time, six decimals.
        share: Option<String>,
        /// Leaves of the statements.
        statements: Vec<i64>,
    }
}

body! {
    /// An alarm from raised to handled.
    AlarmEpisodeView of AlarmLine {
        /// Its code.
        code: String,
        /// Chinese and English name; empty when nobody declared the code.
        names: Names,
        /// What it warns of; none when nobody declared the code.
        class: Option<String>,
        /// The last reading without it; none when its beginning was not seen.
        raised_after_ms: Option<i64>,
        /// The first reading that showed it.
        raised_ms: i64,
        /// `cleared`, `raised` (still shown at the end), `unseen` (lost from sight).
        end: String,
        /// The last reading that showed it.
        seen_ms: i64,
        /// How long it was shown, milliseconds.
        duration_ms: i64,
        /// It lasted no less, milliseconds.
        least_ms: i64,
        /// It lasted no more, milliseconds; none when its beginning or its end was not seen.
        most_ms: Option<i64>,
        /// Time in it in which nobody looked, milliseconds.
        unseen_ms: i64,
        /// How often it was raised; above one it chattered.
        raises: i64,
        /// When somebody took note.
        acknowledged_ms: Option<i64>,
        /// When it was dealt with.
        handled_ms: Option<i64>,
        /// Not dealt with: how long ago it was raised, milliseconds.
        open_ms: Option<i64>,
        /// A test of the alarm: listed, not counted.
        is_test: bool,
        /// Leaves of what people stated about it.
        statements: Vec<i64>,
    }
}

body! {
    /// A statement about an alarm that no reading shows.
    UnmatchedView of UnmatchedLine {
        /// The code stated.
        code: String,
        /// When it is said to have been raised.
        raised_ms: i64,
        /// Leaf of the statement.
        leaf: i64,
    }
}

body! {
    /// A failure and who answered it.
    FailureView of FailureLine {
        /// First fault.
        from_ms: i64,
        /// End of the last fault.
        to_ms: i64,
        /// Faults in it.
        faults: i64,
        /// Its beginning was seen.
        is_beginning_seen: bool,
        /// Its end was seen.
        is_end_seen: bool,
        /// The first human action.
        first_action_ms: Option<i64>,
        /// Who says so: `machine`, `person`.
        by: Option<String>,
        /// Leaf of the person's statement.
        leaf: Option<i64>,
        /// Response time, milliseconds.
        response_ms: Option<i64>,
        /// Nobody is known to have acted: how long ago it began, milliseconds.
        open_ms: Option<i64>,
    }
}

body! {
    /// A value of a line, printed like a figure's.
    PrintedView of Printed {
        /// Its unit; `1` for ratios.
        unit: String,
        /// Six decimals.
        value: Option<String>,
        /// Least it can be.
        lower: Option<String>,
        /// Most it can be; none when nothing limits it.
        upper: Option<String>,
        /// Why there is none.
        undefined: Option<String>,
    }
}

body! {
    /// A batch.
    BatchView of BatchLine {
        /// Batch number.
        batch: String,
        /// Product; `*` when nothing says.
        product: String,
        /// Begin.
        from_ms: i64,
        /// End.
        to_ms: i64,
        /// Standard time of its recipe, milliseconds.
        standard_ms: Option<i64>,
        /// `stated` by a person, `signal` of the machine.
        basis: String,
        /// Leaf of the statement in force.
        leaf: Option<i64>,
        /// Leaves of the statements it corrects.
        superseded: Vec<i64>,
        /// Read from a signal that fell silent in it.
        is_interrupted: bool,
        /// Leaf of the recipe in force at its beginning.
        recipe: Option<i64>,
        /// What was charged.
        charged: Option<PrintedView>,
        /// Good output.
        good: Option<PrintedView>,
        /// 收率.
        yielded: PrintedView,
        /// Energy.
        energy: PrintedView,
        /// Energy per unit of good output.
        energy_per_unit: PrintedView,
        /// Grade of its energy and counts.
        grade: String,
        /// Its phases.
        phases: Vec<PhaseView>,
    }
}

body! {
    /// A phase of a batch.
    PhaseView of PhaseLine {
        /// Name.
        phase: String,
        /// `process`, `cleaning`.
        kind: String,
        /// Time it took, milliseconds; none when the recipe has it and nobody stated it.
        actual_ms: Option<i64>,
        /// Standard time, milliseconds.
        standard_ms: Option<i64>,
    }
}

body! {
    /// The time between two batches, milliseconds.
    BetweenView of BetweenLine {
        /// Batch before.
        before: String,
        /// Batch after.
        after: String,
        /// End of the one.
        from_ms: i64,
        /// Begin of the other.
        to_ms: i64,
        /// The next batch is of another product.
        changes_product: bool,
        /// Planned stops and time not planned for production.
        planned_ms: i64,
        /// 清场: value, least, most.
        cleaning_ms: [i64; 3],
        /// Setup for another product: value, least, most.
        setup_ms: [i64; 3],
        /// Running without a batch.
        running_ms: i64,
        /// Off, idle, waiting or in fault.
        waiting_ms: i64,
        /// Nobody saw.
        unobserved_ms: i64,
    }
}

body! {
    /// A control chart of one characteristic under one specification.
    ControlChartView of ChartLine {
        /// Characteristic.
        characteristic: String,
        /// What its figures are called: `part` of them begins so.
        part: String,
        /// Chinese and English name.
        names: Names,
        /// Unit of the values.
        unit: String,
        /// Leaf of the specification.
        leaf: i64,
        /// First instant it covers.
        from_ms: i64,
        /// First instant after.
        to_ms: i64,
        /// Measurements per subgroup; none for single values.
        subgroup: Option<i64>,
        /// Lower specification limit.
        lsl: Option<String>,
        /// Upper specification limit.
        usl: Option<String>,
        /// Target.
        target: Option<String>,
        /// Rule set.
        rules: String,
        /// Base period of the control limits.
        base: Option<[i64; 2]>,
        /// Points of the base period that made no point.
        base_incomplete: i64,
        /// Control limits.
        limits: Option<ControlLimitsView>,
        /// Why there are none.
        undefined: Option<String>,
        /// In statistical control; none without limits or without points.
        in_control: Option<bool>,
        /// The points, in order.
        points: Vec<ChartPointView>,
        /// Earlier points not listed.
        points_left_out: i64,
        /// Rules broken, by last point.
        broken: Vec<BrokenRuleView>,
        /// Earlier violations not listed.
        broken_left_out: i64,
        /// Values beyond a specification limit.
        out_of_specification: Vec<BeyondView>,
        /// Earlier such values not listed.
        out_of_specification_left_out: i64,
        /// Measurements.
        measurements: i64,
        /// Places where one or more may have been missed.
        missed: i64,
        /// Intervals that made no subgroup.
        incomplete: i64,
        /// Readings left out: texts, or in another unit.
        other_unit: i64,
        /// Grade of what rests on the limits.
        grade: String,
    }
}

body! {
    /// Centre line and limits, six decimals.
    ControlLimitsView of LimitsLine {
        /// Lower limit, centre, upper limit of means or values.
        location: [String; 3],
        /// The same of ranges or moving ranges.
        range: [String; 3],
        /// Points they were made from.
        points: i64,
    }
}

body! {
    /// A point of a chart.
    ChartPointView of PointLine {
        /// Beginning of the subgroup, or the instant of the value.
        at_ms: i64,
        /// Mean or value, six decimals.
        centre: String,
        /// Range or moving range.
        range: Option<String>,
        /// Nothing was missed since the point before.
        follows: bool,
        /// Part of a run that broke a rule.
        is_marked: bool,
        /// Its range is beyond the limits.
        is_range_marked: bool,
    }
}

body! {
    /// A rule broken.
    BrokenRuleView of BrokenLine {
        /// The rule; `range` for a range beyond its limits.
        rule: String,
        /// Chinese and English words.
        words: Names,
        /// `above`, `below`; none where the rule has no side.
        side: Option<String>,
        /// First point.
        from_ms: i64,
        /// Last point.
        to_ms: i64,
        /// Points.
        points: i64,
    }
}

body! {
    /// A measured value beyond a limit of the drawing.
    BeyondView of ValueLine {
        /// When it was read.
        at_ms: i64,
        /// Six decimals.
        value: String,
        /// `above`, `below`.
        side: String,
        /// Leaf of the record.
        leaf: i64,
    }
}

body! {
    /// A material.
    MaterialView of MaterialLine {
        /// Material.
        material: String,
        /// What its figures are called.
        part: String,
        /// Chinese and English name.
        names: Names,
        /// Unit.
        unit: String,
        /// Leaf of the definition.
        leaf: i64,
        /// First instant it covers.
        from_ms: i64,
        /// First instant after.
        to_ms: i64,
        /// `register`, `tank`, `backflush`: the last is no measurement.
        source: String,
        /// Signal read, as `gateway/tag`.
        signal: Option<String>,
        /// Standard per good item.
        standard: Option<String>,
        /// Consumption.
        amount: PrintedView,
        /// Refills of a tank.
        refills: i64,
        /// Per good item.
        per_good: PrintedView,
        /// Against the standard.
        against_standard: PrintedView,
        /// Grade.
        grade: String,
    }
}
