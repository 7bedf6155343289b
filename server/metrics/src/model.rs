//! The bodies of declarations: everything a person states that can move a number.
//!
//! Constraints
//! 1. JSON integers only (no fractions), unknown fields refused, every bound checked here: a body that parses is valid.
//! 2. A statement holds from its `effective_from` until a later-effective one of the same *key* replaces it; of two with
//!    the same instant the later leaf wins. Statements are never edited.
//! 3. Durations and rates carry their unit in the name. Planned cycle time is in whole microseconds per item, so that
//!    standard time is an integer product and aggregation is a sum of integers.
//!
//! The envelope (kind, effective-from, author, role, reason) belongs to `protocol`; `crate::history` pairs the two.

mod check;
mod comparison;
mod plan;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::state::MachineState;

pub use self::check::{Body, KINDS, ModelError, parse_body};
pub(crate) use self::check::{check_date, check_id, check_signal, refuse};
pub use self::comparison::{ComparisonMachine, MachineComparison};
pub use self::plan::{Direction, IpmvpOption, Plan, PlanMetric, Target, TargetUnit};

/// A name in both languages of the product.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Names {
    /// Simplified Chinese.
    pub zh: String,
    /// English.
    pub en: String,
}

/// `site`: who this is and where its clock hangs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Site {
    /// Display names.
    pub names: Names,
    /// IANA time zone, e.g. `Asia/Shanghai`.
    pub zone: String,
    /// Simulated sites say so on every page and in every report, and accept accelerated history.
    #[serde(default)]
    pub simulated: bool,
    /// District (属地), free text.
    #[serde(default)]
    pub district: String,
    /// Pilot sub-sector (细分行业), free text.
    #[serde(default)]
    pub sub_sector: String,
    /// City, free text.
    #[serde(default)]
    pub city: String,
    /// Province by the Chinese name of its grid factor, e.g. `云南`; empty means the national factor alone.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub province: String,
}

/// `calendar`: the shifts a group of machines works.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CalendarBody {
    /// Which calendar this is; machines name it. `main` by default.
    #[serde(default = "main_calendar")]
    pub calendar: String,
    /// The working shifts, each starting on the production date it belongs to.
    pub shifts: Vec<ShiftBody>,
    /// Dates without shifts, `YYYY-MM-DD`.
    #[serde(default)]
    pub holidays: Vec<String>,
    /// Dates that work although their weekday does not (调休), `YYYY-MM-DD`; they work as a Monday.
    #[serde(default)]
    pub workdays: Vec<String>,
}

/// One shift of a calendar.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ShiftBody {
    /// Short id, e.g. `day`, `night`.
    pub shift: String,
    /// Display names.
    #[serde(default)]
    pub names: Names,
    /// Local start, `HH:MM`.
    pub start: String,
    /// Local end, `HH:MM`; at or before `start` means the next day.
    pub end: String,
    /// ISO weekdays (1 = Monday … 7 = Sunday) on which the shift starts.
    pub weekdays: Vec<u8>,
    /// Breaks inside the shift: planned downtime.
    #[serde(default)]
    pub breaks: Vec<BreakBody>,
}

/// A break inside a shift.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BreakBody {
    /// Local start, `HH:MM`; before the shift's start means the next day.
    pub start: String,
    /// Local end, `HH:MM`.
    pub end: String,
}

/// Which tag of which gateway plays a role for a machine.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignalRef {
    /// Gateway id.
    pub gateway: String,
    /// Tag id, `device/name`.
    pub tag: String,
    /// Where the register wraps, in raw units; by default what the gateway's configuration says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub modulus: Option<i64>,
    /// Greatest credible rise per hour, in raw units; by default what the gateway's configuration says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_per_hour: Option<i64>,
}

/// The roles tags play for a machine.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Signals {
    /// Explicit state code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<SignalRef>,
    /// Run contact.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<SignalRef>,
    /// Active power.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub power: Option<SignalRef>,
    /// Active energy register, import.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub energy: Option<SignalRef>,
    /// Good part counter (cycles).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub good: Option<SignalRef>,
    /// Reject counter (cycles).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reject: Option<SignalRef>,
    /// Counter of all cycles, good or not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub total: Option<SignalRef>,
    /// Product or programme being made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub product: Option<SignalRef>,
    /// Order loaded: non-zero, true or non-empty.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order: Option<SignalRef>,
    /// Batch number being made: a text or a code; 0 or empty between batches.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub batch: Option<SignalRef>,
    /// Alarm: a bit, a code or a text; zero, false or empty is no alarm, a code or text says which.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alarm: Option<SignalRef>,
}

impl Signals {
    /// The signals that are there, each with its role's name.
    pub fn all(&self) -> impl Iterator<Item = (&'static str, &SignalRef)> {
        [
            ("state", &self.state),
            ("run", &self.run),
            ("power", &self.power),
            ("energy", &self.energy),
            ("good", &self.good),
            ("reject", &self.reject),
            ("total", &self.total),
            ("product", &self.product),
            ("order", &self.order),
            ("batch", &self.batch),
            ("alarm", &self.alarm),
        ]
        .into_iter()
        .filter_map(|(name, signal)| signal.as_ref().map(|s| (name, s)))
    }
}

/// How signals decide the state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum StateRule {
    /// Explicit codes of the `state` signal (decimal digits or the text itself); anything else is unknown.
    Codes(BTreeMap<String, MachineState>),
    /// The `state` signal by a delivered table of a standard, e.g. `packml.tmc@1`: what the table tells by this signal alone; anything
    /// else is unknown.
    Table(String),
    /// The `run` signal: the value that means running, and what everything else means.
    RunBit {
        /// Raw value that means running.
        run_value: i64,
        /// State when not running.
        otherwise: MachineState,
    },
    /// Bands of the `power` signal with hysteresis: grade B at best.
    Power(PowerRule),
}

/// Power bands for a machine known only by a clamp meter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PowerRule {
    /// Below this the machine is off, watts.
    pub off_below_w: i64,
    /// At or above this the machine runs, watts.
    pub run_from_w: i64,
    /// How far power must fall below `run_from_w` to leave RUN, and rise above `off_below_w` to leave OFF, watts.
    pub hysteresis_w: i64,
    /// How long a new band must last to count, milliseconds; the change is then dated back to its beginning.
    pub dwell_ms: i64,
}

/// `machine`: what the factory manages, and which tags speak for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Machine {
    /// Machine id.
    pub machine: String,
    /// Display names.
    pub names: Names,
    /// Key production machine (关键设备).
    #[serde(default)]
    pub critical: bool,
    /// `production` (default), `auxiliary`, or `meter` for an incoming meter.
    #[serde(default)]
    pub role: MachineRole,
    /// Which calendar it works by.
    #[serde(default = "main_calendar")]
    pub calendar: String,
    /// Tags and their roles.
    pub signals: Signals,
    /// How the state is decided; machines without one have no state.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state_rule: Option<StateRule>,
}

/// What a machine is for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MachineRole {
    /// Makes products: counted in OEE.
    #[default]
    Production,
    /// Serves others (compressor, chiller): state and energy only.
    Auxiliary,
    /// A meter of a boundary (the site's incoming meter): energy only, never added to its parts.
    Meter,
}

/// `line`: machines in the order of the flow; its OEE is its constraint's (reference §1.6).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Line {
    /// Line id.
    pub line: String,
    /// Display names.
    #[serde(default)]
    pub names: Names,
    /// Machine ids in order of the flow.
    pub route: Vec<String>,
    /// The constraint station; by default the one with the most planned time per planned busy time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub constraint: Option<String>,
}

/// `cycle_time`: planned run time per item (PRI).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CycleTime {
    /// Machine id.
    pub machine: String,
    /// Product as its signal shows it, or `*` for any.
    #[serde(default = "any_product")]
    pub product: String,
    /// Planned time per item, microseconds.
    pub item_us: i64,
    /// Items per counted cycle (cavities, spindles).
    #[serde(default = "one")]
    pub items_per_cycle: i64,
}

/// `planned_stop`: a stop that was planned before it began.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlannedStop {
    /// Machine id.
    pub machine: String,
    /// First instant, UTC milliseconds.
    pub from_ms: i64,
    /// First instant after, UTC milliseconds.
    pub to_ms: i64,
    /// Why, in words.
    pub reason: String,
}

/// `meter_replaced`: an energy register was exchanged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MeterReplaced {
    /// Machine id.
    pub machine: String,
    /// When, UTC milliseconds.
    pub at_ms: i64,
    /// Last raw value of the old register.
    pub old_final_raw: i64,
    /// First raw value of the new register.
    pub new_initial_raw: i64,
    /// Stated by mistake: there was no exchange at this instant.
    #[serde(default)]
    pub withdrawn: bool,
}

/// `quality_count`: rejects found after the machine, entered by a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QualityCount {
    /// Machine id.
    pub machine: String,
    /// Production date of the shift, `YYYY-MM-DD`.
    pub date: String,
    /// Shift id.
    pub shift: String,
    /// Items of that shift found bad beside those the machine counted.
    pub reject: i64,
}

/// Dates of a period, both included.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct DateRange {
    /// First production date, `YYYY-MM-DD`.
    pub from: String,
    /// Last production date, `YYYY-MM-DD`.
    pub to: String,
}

fn main_calendar() -> String {
    "main".to_owned()
}

fn any_product() -> String {
    "*".to_owned()
}

const fn one() -> i64 {
    1
}
