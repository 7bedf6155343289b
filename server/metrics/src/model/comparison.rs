//! `comparison` of a plan: machines that stand in place of a base period nobody measured (对照机器).
//!
//! Constraints
//! 1. They are compared over the reporting dates and no others: other dates would mix what differs between machines with what differs
//!    between seasons. A machine with dates of its own before its retrofit has a base period, and a plan of its own.
//! 2. They lie outside the boundary and are not retrofitted while they are compared with.
//! 3. Only quotients are compared: an amount per production day grows with the number of machines.
//!
//! What needs the other statements (class, products, other plans) is asked in `plan/comparison.rs`.

use serde::{Deserialize, Serialize};

use super::{IpmvpOption, ModelError, Plan, check_date, check_id, refuse};

/// Most comparison machines of a plan.
const MACHINES_MAX: usize = 100;

/// In place of a base period: machines that are not retrofitted yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MachineComparison {
    /// The comparison machines; their sum is the reference.
    pub machines: Vec<ComparisonMachine>,
}

/// A comparison machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ComparisonMachine {
    /// Machine id.
    pub machine: String,
    /// First date of its own retrofit; absent where none is planned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retrofit: Option<String>,
}

impl Plan {
    /// Ids of the comparison machines.
    pub fn compared_with(&self) -> impl Iterator<Item = &str> {
        self.comparison.iter().flat_map(|c| &c.machines).map(|m| m.machine.as_str())
    }
}

/// What can be refused by the plan's own words.
pub(super) fn check(plan: &Plan) -> Result<(), ModelError> {
    let Some(comparison) = &plan.comparison else { return Ok(()) };
    if plan.baseline.is_some() {
        let reason =
            "stands in place of a base period: leave one of the two out / 对照机器用于没有基期的方案，请与基期二者取一";
        return Err(refuse("plan", "comparison", reason));
    }
    if comparison.machines.is_empty() || comparison.machines.len() > MACHINES_MAX {
        let reason = format!("must name 1 to {MACHINES_MAX} machines / 须列出 1 至 {MACHINES_MAX} 台对照机器");
        return Err(refuse("plan", "comparison.machines", reason));
    }
    for (i, one) in comparison.machines.iter().enumerate() {
        let at = |field: &str| format!("comparison.machines[{i}].{field}");
        check_id("plan", &at("machine"), &one.machine)?;
        if plan.machines.iter().chain(&plan.incoming).any(|m| *m == one.machine) {
            let reason = format!(
                "`{}` is inside the boundary: it cannot be compared with itself / 在测量边界内，不能作自己的对照机器",
                one.machine
            );
            return Err(refuse("plan", at("machine"), reason));
        }
        if comparison.machines.iter().take(i).any(|m| m.machine == one.machine) {
            return Err(refuse("plan", at("machine"), "named twice / 对照机器重复"));
        }
        let Some(retrofit) = &one.retrofit else { continue };
        check_date("plan", &at("retrofit"), retrofit)?;
        if *retrofit <= plan.reporting.to {
            let to = &plan.reporting.to;
            let reason = format!(
                "the retrofit of `{}` begins before the compared dates end ({to}): end the reporting period earlier or leave the machine out / 该对照机器自身的改造始于对照日期结束（{to}）之前：请提前结束报告期，或不用该机器",
                one.machine
            );
            return Err(refuse("plan", at("retrofit"), reason));
        }
    }
    if plan.option == Some(IpmvpOption::C) || plan.metrics.iter().any(|m| m.option == Some(IpmvpOption::C)) {
        let reason = "C measures the whole facility: no machine of it is outside the boundary; with comparison machines choose A or B / 方案 C 以全厂为边界，厂内没有边界外的机器；用对照机器请选 A 或 B";
        return Err(refuse("plan", "option", reason));
    }
    for (i, metric) in plan.metrics.iter().enumerate() {
        let at = |field: &str| format!("metrics[{i}].{field}");
        if metric.definition.contains(".per_production_day@") {
            let reason = "an amount per day grows with the number of machines: between machines compare a quotient, e.g. energy.per_good@1 / 每日总量随机器台数变化，机器之间请比较比率，如 energy.per_good@1";
            return Err(refuse("plan", at("definition"), reason));
        }
        if plan.incoming.as_ref() == Some(&metric.machine) {
            let reason = "the incoming meter has no comparison machine / 总表没有对照机器";
            return Err(refuse("plan", at("machine"), reason));
        }
    }
    Ok(())
}
