//! `plan`: what is compared with what, and what is promised, agreed before measuring.
//!
//! Constraints
//! 1. What was optional when the first plans were stated stays optional: a plan without metrics is one that promises nothing.
//! 2. A target says a value, its unit and its direction, or it is none: "improve by 5" can be read two ways, and is refused.
//! 3. Thresholds can ask for more than report computation does, never for less.

use serde::{Deserialize, Serialize};

use super::{DateRange, MachineComparison, ModelError, Names, check_date, check_id, comparison, refuse};
use crate::report::{ALL_MACHINES, COMPARED_DEFINITIONS};

/// `plan`: what is compared with what, agreed before measuring.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// Plan id.
    pub plan: String,
    /// Display names.
    #[serde(default)]
    pub names: Names,
    /// The period before the change (基期); a plan without one is an after-only plan, the weaker evidence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub baseline: Option<DateRange>,
    /// The period after the change (统计报告期).
    pub reporting: DateRange,
    /// In place of a base period: machines not yet retrofitted, over the reporting dates (对照机器); weaker evidence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comparison: Option<MachineComparison>,
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
    /// IPMVP option of the whole plan.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub option: Option<IpmvpOption>,
    /// The measurement boundary (测量边界) in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub boundary: Option<Names>,
    /// What is measured and what is promised of it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub metrics: Vec<PlanMetric>,
}

/// IPMVP option (reference §3.1); D, calibrated simulation, is not offered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum IpmvpOption {
    /// Key parameter measured, others stipulated with documents.
    A,
    /// All parameters of the affected machines measured.
    B,
    /// The whole facility by its incoming meter.
    C,
}

/// A metric of a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlanMetric {
    /// What is compared: a definition of the report's comparisons.
    pub definition: String,
    /// Machine, or `*` for the sum over the plan's production machines.
    #[serde(default = "all_machines", skip_serializing_if = "is_all_machines")]
    pub machine: String,
    /// IPMVP option, where it is another than the plan's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub option: Option<IpmvpOption>,
    /// What is promised (绩效目标).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<Target>,
    /// Least coverage of a shift that counts as valid, percent; 95 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub coverage_percent: Option<i64>,
    /// Fewest valid production days per side.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_days: Option<i64>,
}

/// What is promised of a metric: at least this change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Target {
    /// Positive decimal, at most three decimals, e.g. `5` or `2.5`.
    pub value: String,
    /// Of what.
    pub unit: TargetUnit,
    /// Which way.
    pub direction: Direction,
}

/// The unit of a target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum TargetUnit {
    /// 百分点: the difference of two ratios.
    PercentagePoints,
    /// 相对 %: after / before − 1.
    Percent,
}

/// The direction of a target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// 提高.
    Increase,
    /// 降低.
    Decrease,
}

impl Target {
    /// The value as a ratio in millionths: 5 percent (or points) are 50,000. `None` for what is no value.
    pub fn millionths(&self) -> Option<i128> {
        let (whole, part) = self.value.split_once('.').unwrap_or((&self.value, ""));
        let digits = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
        let fits = (1..=5).contains(&whole.len()) && part.len() <= 3 && digits(whole) && digits(part);
        if !fits || self.value.ends_with('.') {
            return None;
        }
        let thousandths = format!("{whole}{part:0<3}").parse::<i128>().ok()?;
        (thousandths > 0).then_some(thousandths * 10)
    }
}

impl Plan {
    /// One metric of some machines before and after, with the interval's usual parameters.
    pub(crate) fn of_target(
        machines: Vec<String>,
        baseline: DateRange,
        reporting: DateRange,
        metric: PlanMetric,
    ) -> Self {
        Self {
            plan: "target".to_owned(),
            names: Names::default(),
            baseline: Some(baseline),
            reporting,
            comparison: None,
            machines,
            incoming: None,
            seed: 0,
            replicates: default_replicates(),
            block_days: default_block(),
            option: None,
            boundary: None,
            metrics: vec![metric],
        }
    }

    /// The metric of a definition and machine.
    pub fn metric(&self, definition: &str, machine: &str) -> Option<&PlanMetric> {
        self.metrics.iter().find(|m| m.definition == definition && m.machine == machine)
    }
}

fn all_machines() -> String {
    ALL_MACHINES.to_owned()
}

fn is_all_machines(machine: &str) -> bool {
    machine == ALL_MACHINES
}

const fn default_replicates() -> i64 {
    2000
}

const fn default_block() -> i64 {
    7
}

const NO_UNIT: &str = "a target needs its unit, percentage_points or percent / 目标须注明单位：百分点 percentage_points 或相对百分比 percent";

/// A target without unit is the mistake people make; say so before the JSON reader does.
pub(super) fn check_units(body: &serde_json::Value) -> Result<(), ModelError> {
    let metrics = body.get("metrics").and_then(serde_json::Value::as_array);
    for (i, metric) in metrics.into_iter().flatten().enumerate() {
        if metric.get("target").is_some_and(|t| t.is_object() && t.get("unit").is_none()) {
            return Err(refuse("plan", format!("metrics[{i}].target.unit"), NO_UNIT));
        }
    }
    Ok(())
}

/// The same of a filed plan's targets.
pub(super) fn check_filed_units(body: &serde_json::Value) -> Result<(), ModelError> {
    let targets = body.get("targets").and_then(serde_json::Value::as_array);
    for (i, target) in targets.into_iter().flatten().enumerate() {
        if target.get("promised").is_some_and(|t| t.is_object() && t.get("unit").is_none()) {
            return Err(refuse("filed_plan", format!("targets[{i}].promised.unit"), NO_UNIT));
        }
    }
    Ok(())
}

pub(super) fn check(plan: Plan) -> Result<Plan, ModelError> {
    check_id("plan", "plan", &plan.plan)?;
    for (name, range) in [("baseline", plan.baseline.as_ref()), ("reporting", Some(&plan.reporting))] {
        let Some(range) = range else { continue };
        check_date("plan", &format!("{name}.from"), &range.from)?;
        check_date("plan", &format!("{name}.to"), &range.to)?;
        if range.from > range.to {
            let reason = "each period must end on or after its first date / 期末不得早于期初";
            return Err(refuse("plan", name, reason));
        }
    }
    if plan.baseline.as_ref().is_some_and(|b| b.to >= plan.reporting.from) {
        let reason =
            "the periods overlap: must be after the baseline's last date / 两期重叠：报告期须在基期末日之后开始";
        return Err(refuse("plan", "reporting.from", reason));
    }
    if plan.machines.is_empty() || plan.machines.len() > 10_000 {
        return Err(refuse("plan", "machines", "must name 1 to 10 000 machines / 须列出 1 至 10 000 台设备"));
    }
    if plan.incoming.as_ref().is_some_and(|meters| meters.contains(' ')) {
        return Err(refuse("plan", "incoming", "must be one machine / 总表只能有一台"));
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
    let long = |n: &Names| n.zh.len() > BOUNDARY_MAX || n.en.len() > BOUNDARY_MAX;
    if plan.boundary.as_ref().is_some_and(long) {
        return Err(refuse("plan", "boundary", format!("at most {BOUNDARY_MAX} bytes in each language")));
    }
    if plan.metrics.len() > METRICS_MAX {
        return Err(refuse("plan", "metrics", format!("at most {METRICS_MAX}")));
    }
    for (i, metric) in plan.metrics.iter().enumerate() {
        check_metric(&plan, i, metric)?;
    }
    comparison::check(&plan)?;
    Ok(plan)
}

fn check_metric(plan: &Plan, i: usize, metric: &PlanMetric) -> Result<(), ModelError> {
    let at = |field: &str| format!("metrics[{i}].{field}");
    if !COMPARED_DEFINITIONS.contains(&metric.definition.as_str()) {
        let known = COMPARED_DEFINITIONS.join(", ");
        let reason = format!("`{}` is not compared; known / 指标未定义，可选：{known}", metric.definition);
        return Err(refuse("plan", at("definition"), reason));
    }
    if metric.machine != ALL_MACHINES && !plan.machines.iter().chain(&plan.incoming).any(|m| *m == metric.machine) {
        let reason = format!("`{}` is not a machine of the plan / 不在方案的设备清单中", metric.machine);
        return Err(refuse("plan", at("machine"), reason));
    }
    let earlier = plan.metrics.get(..i).unwrap_or_default();
    if earlier.iter().any(|m| (&m.definition, &m.machine) == (&metric.definition, &metric.machine)) {
        return Err(refuse("plan", at("definition"), "named twice / 指标重复"));
    }
    if metric.coverage_percent.is_some_and(|c| !(95..=100).contains(&c)) {
        return Err(refuse("plan", at("coverage_percent"), "must be 95 to 100 / 须为 95 至 100"));
    }
    if metric.min_days.is_some_and(|d| !(28..=366).contains(&d)) {
        return Err(refuse("plan", at("min_days"), "must be 28 to 366 / 须为 28 至 366"));
    }
    let Some(target) = &metric.target else { return Ok(()) };
    if target.millionths().is_none() {
        let reason = "must be a positive decimal like 5 or 2.5, up to 99999.999 / 须为正数，最多三位小数";
        return Err(refuse("plan", at("target.value"), reason));
    }
    let is_ratio = metric.definition.contains(".iso22400@");
    if target.unit == TargetUnit::PercentagePoints && !is_ratio {
        let reason = "percentage points are of ratios only; use percent / 百分点仅用于比率指标，请用相对百分比";
        return Err(refuse("plan", at("target.unit"), reason));
    }
    Ok(())
}

/// Most bytes of a boundary's words.
const BOUNDARY_MAX: usize = 1000;
/// Most metrics of a plan.
const METRICS_MAX: usize = 50;
