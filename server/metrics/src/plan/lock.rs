//! `baseline_lock`: the baseline of one metric, fixed (基期锁定).

use std::collections::BTreeSet;

use protocol::{Digest, sha256};
use serde::{Deserialize, Serialize};

use super::sufficiency::{Baseline, counted};
use crate::model::{ModelError, PlanMetric, check_id, refuse};
use crate::report::{ALL_MACHINES, Comparison, MachinePeriod, side_sum};
use crate::statements::Statements;

/// Most parameters a lock lists.
pub(super) const PARAMETERS_MAX: usize = 2_500;

/// A statement that moves a locked metric over the baseline.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Parameter {
    /// Leaf of the log.
    pub leaf: u64,
    /// SHA-256 of the statement's canonical JSON, hex: the leaf's content digest.
    pub digest: String,
}

/// `baseline_lock`: one metric's baseline as it was computed over a prefix of the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BaselineLock {
    /// Plan id.
    pub plan: String,
    /// Leaf of the statement of the plan that is locked.
    pub plan_leaf: u64,
    /// Definition of the comparison.
    pub definition: String,
    /// Machine id, or `*`.
    pub machine: String,
    /// The frozen machine list.
    pub machines: Vec<String>,
    /// Leaves the lock was computed over.
    pub size: u64,
    /// Σ numerators over the baseline, digits.
    pub numerator: String,
    /// Σ denominators.
    pub denominator: String,
    /// Their quotient, six decimals.
    pub value: String,
    /// The statements that move the metric over the baseline, by leaf.
    pub parameters: Vec<Parameter>,
    /// SHA-256 of the canonical JSON of `parameters`, hex.
    pub parameters_digest: String,
    /// Quality counts and batches the baseline rests on: how many, as there may be thousands.
    #[serde(default)]
    pub counts: u64,
    /// SHA-256 of the canonical JSON of their list, made like `parameters`, hex.
    #[serde(default)]
    pub counts_digest: String,
    /// Whether the baseline sufficed; if not, the statement's reason says why it was locked all the same, and the grade falls.
    pub sufficient: bool,
    /// Valid production days, and production days asked for.
    pub days: [i64; 2],
    /// Valid shifts, and scheduled shifts.
    pub shifts: [i64; 2],
}

impl BaselineLock {
    /// Checks shapes and bounds.
    pub(crate) fn checked(self) -> Result<Self, ModelError> {
        const KIND: &str = "baseline_lock";
        check_id(KIND, "plan", &self.plan)?;
        for machine in self.machines.iter().chain(Some(&self.machine).filter(|m| *m != ALL_MACHINES)) {
            check_id(KIND, "machines", machine)?;
        }
        if self.machines.is_empty() || self.machines.len() > 10_000 {
            return Err(refuse(KIND, "machines", "must name 1 to 10 000 machines"));
        }
        if !crate::report::COMPARED_DEFINITIONS.contains(&self.definition.as_str()) {
            return Err(refuse(KIND, "definition", "is not compared"));
        }
        let number = |s: &String| s.len() <= 40 && s.parse::<i128>().is_ok();
        if !number(&self.numerator) || !number(&self.denominator) || self.value.len() > 48 {
            return Err(refuse(KIND, "numerator", "must be digits"));
        }
        let ordered = self.parameters.windows(2).all(|w| matches!(w, [a, b] if a.leaf < b.leaf));
        if !ordered || self.parameters.len() > PARAMETERS_MAX {
            return Err(refuse(
                KIND,
                "parameters",
                format!("must be in order of their leaves, at most {PARAMETERS_MAX}"),
            ));
        }
        if self.plan_leaf >= self.size || self.parameters.iter().any(|p| p.leaf >= self.size) {
            return Err(refuse(KIND, "size", "must be more than every leaf named"));
        }
        Ok(self)
    }
}

/// Why a baseline cannot be locked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LockError {
    /// No such plan.
    #[error("the plan `{0}` is not declared / 未填报方案 {0}")]
    NoPlan(String),
    /// The plan has no baseline.
    #[error("the plan `{0}` has no baseline period: there is nothing to lock / 方案 {0} 没有基期，无可锁定")]
    NoBaseline(String),
    /// The plan does not name the metric.
    #[error("the plan `{plan}` does not name the metric `{definition}` / 方案 {plan} 未列指标 {definition}")]
    NoMetric {
        /// Plan.
        plan: String,
        /// Definition.
        definition: String,
    },
    /// Locked before.
    #[error("{definition} is locked already, in leaf {leaf} / 该指标已在日志第 {leaf} 条锁定，不能重复锁定")]
    Locked {
        /// Definition.
        definition: String,
        /// Leaf of the lock.
        leaf: u64,
    },
    /// The choice of comparison machines was locked before.
    #[error("the comparison is locked already, in leaf {leaf} / 对照已在日志第 {leaf} 条锁定，不能重复锁定")]
    ComparisonLocked {
        /// Leaf of the lock.
        leaf: u64,
    },
    /// The lock of a comparison is of the whole plan.
    #[error(
        "the plan `{0}` has comparison machines: its choice is locked as a whole, without naming a metric / 方案 {0} 采用对照机器：整体锁定，不按指标锁定"
    )]
    Whole(String),
    /// A choice of comparison machines is to be locked although something did not suffice.
    #[error(
        "the plan `{0}` has comparison machines: nothing was measured when they were chosen, so nothing is insufficient; leave `insufficient` out / 方案 {0} 采用对照机器：选定时并未测量，无所谓数据不足，请勿填 insufficient"
    )]
    NothingMeasured(String),
    /// A comparison machine is unfit by what is stated now.
    #[error("{en} / {zh}")]
    Unfit {
        /// Why, in Chinese.
        zh: String,
        /// Why, in English.
        en: String,
    },
    /// The baseline is not over.
    #[error(
        "the baseline runs until {to}; it can be locked once that day is over and its readings have come / 基期至 {to}，须待该日结束且数据到齐后锁定"
    )]
    NotOver {
        /// Last date.
        to: String,
    },
    /// Nothing was measured.
    #[error("the baseline of {definition} has no value: nothing was measured / 该指标在基期没有数值")]
    NoValue {
        /// Definition.
        definition: String,
    },
    /// More statements than a lock can list.
    #[error(
        "{definition} rests on {statements} statements, more than a lock lists: lock it machine by machine / 该指标依据的填报多达 {statements} 条，请按设备分别锁定"
    )]
    TooMany {
        /// Definition.
        definition: String,
        /// How many.
        statements: usize,
    },
    /// Too little.
    #[error(
        "the baseline does not suffice: {en}. Wait, or lock it with `insufficient` and a reason; the grade then falls / 基期数据不足：{zh}。请继续积累，或注明理由按“数据不足”锁定（等级降低）"
    )]
    Insufficient {
        /// What is missing.
        zh: String,
        /// What is missing.
        en: String,
    },
}

impl Baseline<'_> {
    /// The lock of a metric; `insufficient` states that the baseline is locked although it does not suffice.
    ///
    /// # Errors
    /// See [`LockError`].
    pub fn lock(&self, definition: &str, machine: &str, insufficient: bool) -> Result<BaselineLock, LockError> {
        let Self { history, stated, .. } = self;
        let (statements, plan) = (history.statements(), &stated.body);
        let baseline = plan.baseline.as_ref().ok_or_else(|| LockError::NoBaseline(plan.plan.clone()))?;
        let metric = plan
            .metric(definition, machine)
            .ok_or_else(|| LockError::NoMetric { plan: plan.plan.clone(), definition: definition.to_owned() })?;
        if let Some(lock) = statements.locks(&plan.plan).iter().find(|l| l.body.locks(metric)) {
            return Err(LockError::Locked { definition: definition.to_owned(), leaf: lock.leaf });
        }
        let facts = self.sufficiency(metric);
        if !facts.is_over {
            return Err(LockError::NotOver { to: baseline.to.clone() });
        }
        if !facts.is_sufficient && !insufficient {
            let blocking = || facts.advice.iter().filter(|a| a.blocks);
            let zh: Vec<&str> = blocking().map(|a| a.words.zh.as_str()).collect();
            let en: Vec<&str> = blocking().map(|a| a.words.en.as_str()).collect();
            return Err(LockError::Insufficient { zh: zh.join("；"), en: en.join("; ") });
        }
        let no_value = || LockError::NoValue { definition: definition.to_owned() };
        let part = self.part(machine).ok_or_else(no_value)?;
        let (sum, _) = side_sum(definition, part).ok_or_else(no_value)?;
        let value = crate::decimal::ratio6(sum.0, sum.1).ok_or_else(no_value)?;
        let size = history.size();
        let Rests { parameters, counts } = rests(statements, size, stated.leaf, &part.total.statements);
        if parameters.len() > PARAMETERS_MAX {
            return Err(LockError::TooMany { definition: definition.to_owned(), statements: parameters.len() });
        }
        Ok(BaselineLock {
            plan: plan.plan.clone(),
            plan_leaf: stated.leaf,
            definition: definition.to_owned(),
            machine: machine.to_owned(),
            machines: plan.machines.clone(),
            size,
            numerator: sum.0.to_string(),
            denominator: sum.1.to_string(),
            value,
            parameters_digest: list_digest(&parameters),
            parameters,
            counts: counts.len() as u64,
            counts_digest: list_digest(&counts),
            sufficient: facts.is_sufficient,
            days: [facts.valid_days, facts.min_days],
            shifts: [facts.valid_shifts, facts.scheduled_shifts],
        })
    }
}

/// What a baseline rests on.
pub(crate) struct Rests {
    /// The plan, the site, and every statement in force but those of `counts`, by leaf.
    pub(crate) parameters: Vec<Parameter>,
    /// Quality counts and batches, by leaf.
    pub(crate) counts: Vec<Parameter>,
}

/// The statements behind a baseline whose facts rest on `found`.
pub(crate) fn rests(statements: &Statements, size: u64, plan_leaf: u64, found: &BTreeSet<u64>) -> Rests {
    let mut leaves = found.clone();
    leaves.insert(plan_leaf);
    let sites = statements.ledger().iter().filter(|s| s.body.kind == "site" && s.leaf < size);
    leaves.extend(sites.map(|s| s.leaf));
    let is_count = |leaf: &u64| {
        statements.declared(*leaf).is_some_and(|s| ["quality_count", "batch"].contains(&s.body.kind.as_str()))
    };
    let (counts, parameters): (Vec<u64>, Vec<u64>) = leaves.into_iter().partition(is_count);
    let list = |leaves: Vec<u64>| -> Vec<Parameter> {
        let one = |leaf| Some(Parameter { leaf, digest: digest_of(statements, leaf)?.to_string() });
        leaves.into_iter().filter_map(one).collect()
    };
    Rests { parameters: list(parameters), counts: list(counts) }
}

/// The content digest of a statement.
pub(super) fn digest_of(statements: &Statements, leaf: u64) -> Option<Digest> {
    Some(sha256(&statements.declared(leaf)?.body.encode().ok()?))
}

/// SHA-256 of the canonical JSON of a list of parameters, hex; empty for what canonical JSON cannot hold.
pub(super) fn list_digest(parameters: &[Parameter]) -> String {
    let json = serde_json::to_value(parameters).ok().and_then(|v| protocol::canonical_json(&v).ok());
    json.map(|bytes| sha256(&bytes).to_string()).unwrap_or_default()
}

impl BaselineLock {
    /// Whether a comparison's baseline is what was locked.
    pub(crate) fn says(&self, comparison: &Comparison) -> bool {
        let before = &comparison.before;
        (&before.numerator, &before.denominator) == (&self.numerator, &self.denominator)
            && before.value.as_ref() == Some(&self.value)
    }

    /// Whether a baseline rests on what was locked.
    pub(crate) fn rests_on(&self, found: &Rests) -> bool {
        let counts = (found.counts.len() as u64, list_digest(&found.counts));
        self.parameters == found.parameters
            && self.parameters_digest == list_digest(&found.parameters)
            && (self.counts, &self.counts_digest) == (counts.0, &counts.1)
    }

    /// Whether a baseline has the days and shifts that were locked, and so many that it may be said to suffice.
    pub(crate) fn counts_as(&self, metric: &PlanMetric, part: &MachinePeriod) -> bool {
        let (days, shifts, may_suffice) = counted(metric, part);
        (self.days, self.shifts) == (days, shifts) && (may_suffice || !self.sufficient)
    }

    /// The metric it locks.
    pub(crate) fn locks(&self, metric: &PlanMetric) -> bool {
        self.definition == metric.definition && self.machine == metric.machine
    }
}
