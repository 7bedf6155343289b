//! A plan as somebody types it, and the statement it becomes: what is typed as no number becomes text, and is refused as such.

use metrics::model::{Body, Direction, IpmvpOption, Plan, TargetUnit, parse_body};
use metrics::report::{ALL_MACHINES, Words};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

/// A plan as somebody may type it. Empty means not said.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PlanDraft {
    /// Plan id.
    pub plan: String,
    /// Name and boundary in words.
    pub names: Words,
    /// The measurement boundary in words.
    pub boundary: Words,
    /// IPMVP option: `A`, `B`, `C` or empty.
    pub option: String,
    /// First and last production date before; both empty for an after-only plan.
    pub baseline: [String; 2],
    /// First and last production date after.
    pub reporting: [String; 2],
    /// The frozen machine list.
    pub machines: Vec<String>,
    /// The site's incoming meter.
    pub incoming: String,
    /// In place of a base period: machines that are not retrofitted yet.
    #[serde(default)]
    pub comparison: Vec<ComparisonDraft>,
    /// Metrics and targets.
    pub metrics: Vec<MetricDraft>,
    /// Seed, replicates and block of the interval.
    pub interval: [String; 3],
}

/// A comparison machine of a draft.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ComparisonDraft {
    /// Machine id.
    pub machine: String,
    /// First date of its own retrofit; empty where none is planned.
    pub retrofit: String,
}

/// A metric of a draft.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MetricDraft {
    /// Definition.
    pub definition: String,
    /// Machine id, or `*`.
    pub machine: String,
    /// Target; empty for none.
    pub value: String,
    /// `percentage_points` or `percent`.
    pub unit: String,
    /// `increase` or `decrease`.
    pub direction: String,
    /// Fewest valid production days.
    pub min_days: String,
    /// Least coverage, percent.
    pub coverage_percent: String,
    /// IPMVP option, where it is another than the plan's.
    pub option: String,
}

impl PlanDraft {
    /// The body of a `plan` statement. What is typed as no number becomes text, and is refused as such.
    pub fn body(&self) -> serde_json::Value {
        let range = |r: &[String; 2]| json!({"from": r[0].trim(), "to": r[1].trim()});
        let number = |s: &str| s.trim().parse::<i64>().map_or_else(|_| json!(s.trim()), |n| json!(n));
        let metrics = self.metrics.iter().map(|m| {
            let mut out = json!({"definition": m.definition});
            if !m.machine.is_empty() && m.machine != ALL_MACHINES {
                out["machine"] = json!(m.machine);
            }
            if !m.value.trim().is_empty() {
                out["target"] = json!({"value": m.value.trim(), "direction": m.direction});
                if !m.unit.is_empty() {
                    out["target"]["unit"] = json!(m.unit);
                }
            }
            for (key, text) in [("min_days", &m.min_days), ("coverage_percent", &m.coverage_percent)] {
                if !text.trim().is_empty() {
                    out[key] = number(text);
                }
            }
            if !m.option.is_empty() {
                out["option"] = json!(m.option);
            }
            out
        });
        let mut out = json!({
            "plan": self.plan.trim(),
            "names": {"zh": self.names.zh.trim(), "en": self.names.en.trim()},
            "reporting": range(&self.reporting),
            "machines": self.machines,
            "metrics": metrics.collect::<Vec<_>>(),
        });
        if self.baseline.iter().any(|d| !d.trim().is_empty()) {
            out["baseline"] = range(&self.baseline);
        }
        if !self.comparison.is_empty() {
            let machines = self.comparison.iter().map(|c| match c.retrofit.trim() {
                "" => json!({"machine": c.machine}),
                date => json!({"machine": c.machine, "retrofit": date}),
            });
            out["comparison"] = json!({"machines": machines.collect::<Vec<_>>()});
        }
        if !self.incoming.is_empty() {
            out["incoming"] = json!(self.incoming);
        }
        if !self.option.is_empty() {
            out["option"] = json!(self.option);
        }
        if !self.boundary.zh.trim().is_empty() || !self.boundary.en.trim().is_empty() {
            out["boundary"] = json!({"zh": self.boundary.zh.trim(), "en": self.boundary.en.trim()});
        }
        for (key, text) in ["seed", "replicates", "block_days"].into_iter().zip(&self.interval) {
            if !text.trim().is_empty() {
                out[key] = number(text);
            }
        }
        out
    }

    /// The plan that this would be without what people get wrong first: enough to look for comparison machines.
    pub(super) fn bare(&self) -> Option<Plan> {
        let bare = Self {
            plan: if self.plan.trim().is_empty() { "plan-1".to_owned() } else { self.plan.clone() },
            reporting: self.reporting.clone(),
            machines: self.machines.clone(),
            ..Self::default()
        };
        match parse_body("plan", &bare.body()) {
            Ok(Body::Plan(plan)) => Some(plan),
            _ => None,
        }
    }

    pub(super) fn of(plan: &Plan) -> Self {
        let text = |n: Option<i64>| n.map(|n| n.to_string()).unwrap_or_default();
        let metric = |m: &metrics::model::PlanMetric| MetricDraft {
            definition: m.definition.clone(),
            machine: m.machine.clone(),
            value: m.target.as_ref().map(|t| t.value.clone()).unwrap_or_default(),
            unit: m.target.as_ref().map_or("", |t| unit(t.unit)).to_owned(),
            direction: m.target.as_ref().map_or("", |t| direction(t.direction)).to_owned(),
            min_days: text(m.min_days),
            coverage_percent: text(m.coverage_percent),
            option: option(m.option),
        };
        let dates = |r: &metrics::model::DateRange| [r.from.clone(), r.to.clone()];
        let compared = |m: &metrics::model::ComparisonMachine| ComparisonDraft {
            machine: m.machine.clone(),
            retrofit: m.retrofit.clone().unwrap_or_default(),
        };
        Self {
            plan: plan.plan.clone(),
            names: Words::from(&plan.names),
            boundary: plan.boundary.as_ref().map(Words::from).unwrap_or_default(),
            option: option(plan.option),
            baseline: plan.baseline.as_ref().map(dates).unwrap_or_default(),
            reporting: dates(&plan.reporting),
            machines: plan.machines.clone(),
            incoming: plan.incoming.clone().unwrap_or_default(),
            comparison: plan.comparison.iter().flat_map(|c| &c.machines).map(compared).collect(),
            metrics: plan.metrics.iter().map(metric).collect(),
            interval: [plan.seed, plan.replicates, plan.block_days].map(|n| n.to_string()),
        }
    }
}

fn option(option: Option<IpmvpOption>) -> String {
    match option {
        None => "",
        Some(IpmvpOption::A) => "A",
        Some(IpmvpOption::B) => "B",
        Some(IpmvpOption::C) => "C",
    }
    .to_owned()
}

fn unit(unit: TargetUnit) -> &'static str {
    match unit {
        TargetUnit::PercentagePoints => "percentage_points",
        TargetUnit::Percent => "percent",
    }
}

fn direction(direction: Direction) -> &'static str {
    match direction {
        Direction::Increase => "increase",
        Direction::Decrease => "decrease",
    }
}
