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

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::state::MachineState;

/// Why a declaration body was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ModelError {
    /// The JSON does not have the shape of this kind of body.
    #[error("the body of a `{kind}` declaration is not valid: {reason}")]
    Shape {
        /// The declaration kind.
        kind: String,
        /// What the JSON reader said.
        reason: String,
    },
    /// A field has a value outside its range.
    #[error("`{field}` in a `{kind}` declaration: {reason}")]
    Field {
        /// The declaration kind.
        kind: &'static str,
        /// Which field.
        field: String,
        /// What is wrong and what is allowed.
        reason: String,
    },
}

fn refuse(kind: &'static str, field: impl Into<String>, reason: impl Into<String>) -> ModelError {
    ModelError::Field { kind, field: field.into(), reason: reason.into() }
}

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
#[serde(deny_unknown_fields)]
pub struct DateRange {
    /// First production date, `YYYY-MM-DD`.
    pub from: String,
    /// Last production date, `YYYY-MM-DD`.
    pub to: String,
}

/// `plan`: what is compared with what, agreed before measuring.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// Plan id.
    pub plan: String,
    /// Display names.
    #[serde(default)]
    pub names: Names,
    /// The period before the change.
    pub baseline: DateRange,
    /// The period after the change.
    pub reporting: DateRange,
    /// The frozen machine list.
    pub machines: Vec<String>,
    /// The machine that is the site's incoming meter.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub incoming: Option<String>,
    /// Seed of the interval's random generator, published so that anyone repeats it.
    #[serde(default)]
    pub seed: i64,
    /// Bootstrap replicates.
    #[serde(default = "default_replicates")]
    pub replicates: i64,
    /// Length of a bootstrap block in production days; 7 keeps the weekly phase.
    #[serde(default = "default_block")]
    pub block_days: i64,
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

const fn default_replicates() -> i64 {
    2000
}

const fn default_block() -> i64 {
    7
}

/// A parsed declaration body. Kinds that move no number (enrolments, reports issued) are `Other`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Body {
    /// `site`
    Site(Site),
    /// `calendar`
    Calendar(CalendarBody),
    /// `machine`
    Machine(Machine),
    /// `cycle_time`
    CycleTime(CycleTime),
    /// `planned_stop`
    PlannedStop(PlannedStop),
    /// `meter_replaced`
    MeterReplaced(MeterReplaced),
    /// `quality_count`
    QualityCount(QualityCount),
    /// `plan`
    Plan(Plan),
    /// A kind this crate does not compute with.
    Other,
}

/// The declaration kinds this crate computes with.
pub const KINDS: [&str; 8] =
    ["site", "calendar", "machine", "cycle_time", "planned_stop", "meter_replaced", "quality_count", "plan"];

/// Parses and checks the body of a declaration.
///
/// # Errors
/// [`ModelError`] names the field and what is allowed there.
pub fn parse_body(kind: &str, body: &serde_json::Value) -> Result<Body, ModelError> {
    fn read<T: serde::de::DeserializeOwned>(kind: &str, body: &serde_json::Value) -> Result<T, ModelError> {
        T::deserialize(body).map_err(|e| ModelError::Shape { kind: kind.to_owned(), reason: e.to_string() })
    }
    Ok(match kind {
        "site" => Body::Site(check_site(read(kind, body)?)?),
        "calendar" => {
            let body: CalendarBody = read(kind, body)?;
            crate::calendar::Calendar::new(&body, "UTC").map_err(|e| refuse("calendar", e.field, e.reason))?;
            Body::Calendar(body)
        }
        "machine" => Body::Machine(check_machine(read(kind, body)?)?),
        "cycle_time" => Body::CycleTime(check_cycle_time(read(kind, body)?)?),
        "planned_stop" => {
            let body: PlannedStop = read(kind, body)?;
            check_id("planned_stop", "machine", &body.machine)?;
            if body.to_ms <= body.from_ms {
                return Err(refuse("planned_stop", "to_ms", "must be after `from_ms`"));
            }
            Body::PlannedStop(body)
        }
        "meter_replaced" => {
            let body: MeterReplaced = read(kind, body)?;
            check_id("meter_replaced", "machine", &body.machine)?;
            Body::MeterReplaced(body)
        }
        "quality_count" => {
            let body: QualityCount = read(kind, body)?;
            check_id("quality_count", "machine", &body.machine)?;
            check_date("quality_count", "date", &body.date)?;
            if !(0..=1_000_000_000).contains(&body.reject) {
                return Err(refuse("quality_count", "reject", "must be 0 to 1 000 000 000"));
            }
            Body::QualityCount(body)
        }
        "plan" => Body::Plan(check_plan(read(kind, body)?)?),
        _ => Body::Other,
    })
}

fn check_id(kind: &'static str, field: &str, id: &str) -> Result<(), ModelError> {
    let mut bytes = id.bytes();
    let first = bytes.next().is_some_and(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    let rest = bytes.all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    if first && rest && id.len() <= 32 {
        Ok(())
    } else {
        Err(refuse(kind, field, format!("`{id}` is not an id: 1 to 32 of a-z, 0-9 and `-`, not beginning with `-`")))
    }
}

fn check_date(kind: &'static str, field: &str, date: &str) -> Result<(), ModelError> {
    crate::calendar::parse_date(date)
        .map(|_| ())
        .ok_or_else(|| refuse(kind, field, format!("`{date}` is not a date like 2026-03-14")))
}

fn check_site(site: Site) -> Result<Site, ModelError> {
    if !crate::calendar::zone_exists(&site.zone) {
        return Err(refuse(
            "site",
            "zone",
            format!("`{}` is not an IANA time zone; use e.g. Asia/Shanghai", site.zone),
        ));
    }
    Ok(site)
}

fn check_machine(machine: Machine) -> Result<Machine, ModelError> {
    check_id("machine", "machine", &machine.machine)?;
    let s = &machine.signals;
    for (name, signal) in s.all() {
        check_id("machine", &format!("signals.{name}.gateway"), &signal.gateway)?;
        if signal.tag.split('/').count() != 2 || signal.tag.len() > 65 {
            return Err(refuse("machine", format!("signals.{name}.tag"), "must be `device/name`"));
        }
        if signal.modulus.is_some_and(|m| m < 2) {
            return Err(refuse("machine", format!("signals.{name}.modulus"), "must be at least 2"));
        }
        if signal.max_per_hour.is_some_and(|r| !(1..=1_000_000_000_000).contains(&r)) {
            return Err(refuse("machine", format!("signals.{name}.max_per_hour"), "must be 1 to 10^12"));
        }
    }
    let missing = match &machine.state_rule {
        Some(StateRule::Codes(_)) => s.state.is_none().then_some("state"),
        Some(StateRule::RunBit { .. }) => s.run.is_none().then_some("run"),
        Some(StateRule::Power(p)) => {
            let ordered = 0 <= p.hysteresis_w
                && 0 < p.off_below_w
                && p.off_below_w + p.hysteresis_w <= p.run_from_w - p.hysteresis_w;
            if !ordered || !(0..=3_600_000).contains(&p.dwell_ms) {
                return Err(refuse(
                    "machine",
                    "state_rule.power",
                    "needs 0 < off_below_w, off_below_w + hysteresis_w ≤ run_from_w − hysteresis_w, and dwell_ms up to one hour",
                ));
            }
            s.power.is_none().then_some("power")
        }
        None => None,
    };
    match missing {
        Some(signal) => Err(refuse("machine", format!("signals.{signal}"), "the state rule needs this signal")),
        None => Ok(machine),
    }
}

fn check_cycle_time(body: CycleTime) -> Result<CycleTime, ModelError> {
    check_id("cycle_time", "machine", &body.machine)?;
    if !(1..=86_400_000_000 * 366).contains(&body.item_us) {
        return Err(refuse("cycle_time", "item_us", "must be from 1 microsecond to one year"));
    }
    if !(1..=100_000).contains(&body.items_per_cycle) {
        return Err(refuse("cycle_time", "items_per_cycle", "must be 1 to 100 000"));
    }
    Ok(body)
}

fn check_plan(plan: Plan) -> Result<Plan, ModelError> {
    check_id("plan", "plan", &plan.plan)?;
    for (field, date) in [
        ("baseline.from", &plan.baseline.from),
        ("baseline.to", &plan.baseline.to),
        ("reporting.from", &plan.reporting.from),
        ("reporting.to", &plan.reporting.to),
    ] {
        check_date("plan", field, date)?;
    }
    if plan.baseline.from > plan.baseline.to || plan.reporting.from > plan.reporting.to {
        return Err(refuse("plan", "baseline", "each period must end on or after its first date"));
    }
    if plan.baseline.to >= plan.reporting.from {
        return Err(refuse("plan", "reporting.from", "must be after the baseline's last date"));
    }
    if plan.machines.is_empty() || plan.machines.len() > 10_000 {
        return Err(refuse("plan", "machines", "must name 1 to 10 000 machines"));
    }
    for machine in plan.machines.iter().chain(&plan.incoming) {
        check_id("plan", "machines", machine)?;
    }
    if !(2000..=100_000).contains(&plan.replicates) {
        return Err(refuse("plan", "replicates", "must be 2 000 to 100 000"));
    }
    if !(1..=60).contains(&plan.block_days) {
        return Err(refuse("plan", "block_days", "must be 1 to 60"));
    }
    Ok(plan)
}
