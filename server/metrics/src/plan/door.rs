//! What is refused before it is logged. A log that holds it all the same (an operator's, another program's) is reported as it is.

use super::comparison::{self, is_left};
use super::locked::is_moved;
use crate::model::{Body, Plan, parse_body};
use crate::statements::Statements;

/// Why a statement is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DoorError {
    /// The plan moves what is locked.
    #[error(
        "{definition} of this plan is locked in leaf {leaf}: its baseline dates, machines, boundary, IPMVP option, target, thresholds, seed, replicates and \
         block length stay as they were. Reporting dates, names and metrics that are not locked may change; for anything else declare a new plan \
         / 本方案的 {definition} 已在日志第 {leaf} 条锁定：其基期、设备清单、测量边界、IPMVP 方案、目标、阈值与区间参数不得更改；报告期、名称和未锁定的指标可以更改，其他变更请另立方案"
    )]
    Locked {
        /// The locked metric.
        definition: String,
        /// Leaf of the lock.
        leaf: u64,
    },
    /// The plan leaves its locked choice of comparison machines.
    #[error(
        "the comparison of this plan is locked in leaf {leaf}: machines, comparison machines, reporting dates, metrics, targets, thresholds and sampling stay \
         as they were, and no comparison machine is added; names may change; for anything else declare a new plan \
         / 本方案的对照已在日志第 {leaf} 条锁定：设备清单、对照机器、报告期、指标、目标、阈值与区间参数不得更改，不得增加对照机器；名称可以更改，其他变更请另立方案"
    )]
    ComparisonLocked {
        /// Leaf of the lock.
        leaf: u64,
    },
    /// A machine cannot stand in place of a base period.
    #[error("{en} / {zh}")]
    Unfit {
        /// Why, in Chinese.
        zh: String,
        /// Why, in English.
        en: String,
    },
    /// A lock stated by hand.
    #[error(
        "a baseline is locked on the plan's page or through `/plans/{{plan}}/locks`: the server computes the numbers, nobody states them \
         / 基期锁定须在方案页面或接口 /plans/{{plan}}/locks 办理：数值由服务器计算，不由人工填报"
    )]
    LockByHand,
}

/// Whether a statement may be added to what is in the log.
///
/// # Errors
/// See [`DoorError`].
pub fn check_stated(statements: &Statements, kind: &str, body: &serde_json::Value) -> Result<(), DoorError> {
    match parse_body(kind, body) {
        Ok(Body::BaselineLock(_) | Body::ComparisonLock(_)) => Err(DoorError::LockByHand),
        Ok(Body::Plan(now)) => {
            let versions = statements.plan_versions(&now.plan);
            for lock in statements.locks(&now.plan) {
                let locked = versions.iter().find(|p| p.leaf == lock.body.plan_leaf);
                if locked.is_some_and(|locked| is_moved(&locked.body, &now, &lock.body)) {
                    return Err(DoorError::Locked { definition: lock.body.definition.clone(), leaf: lock.leaf });
                }
            }
            check_comparison(statements, &now)
        }
        _ => Ok(()),
    }
}

/// A locked choice stays as it was; and no machine is chosen that is unfit by what is stated already.
fn check_comparison(statements: &Statements, now: &Plan) -> Result<(), DoorError> {
    let locked = comparison::comparison_locked(statements, &now.plan);
    if let Some((lock, _)) = locked.filter(|(_, locked)| is_left(&locked.body, now)) {
        return Err(DoorError::ComparisonLocked { leaf: lock.leaf });
    }
    let unfit = comparison::unfit(statements, now);
    if unfit.is_empty() {
        return Ok(());
    }
    let words = comparison::joined(&unfit);
    Err(DoorError::Unfit { zh: words.zh, en: words.en })
}
