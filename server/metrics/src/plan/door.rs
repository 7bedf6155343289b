//! What is refused before it is logged. A log that holds it all the same (an operator's, another program's) is reported as it is.

use super::locked::is_moved;
use crate::model::{Body, parse_body};
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
        Ok(Body::BaselineLock(_)) => Err(DoorError::LockByHand),
        Ok(Body::Plan(now)) => {
            let versions = statements.plan_versions(&now.plan);
            for lock in statements.locks(&now.plan) {
                let locked = versions.iter().find(|p| p.leaf == lock.body.plan_leaf);
                if locked.is_some_and(|locked| is_moved(&locked.body, &now, &lock.body)) {
                    return Err(DoorError::Locked { definition: lock.body.definition.clone(), leaf: lock.leaf });
                }
            }
            Ok(())
        }
        _ => Ok(()),
    }
}
