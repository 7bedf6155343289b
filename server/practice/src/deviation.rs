//! Deviations of a filing on their way (双监控): 提示 → 企业说明 → 整改措施与期限 → 复测 → 销号.
//!
//! Which step counts is read from the log by [`metrics::deviation::Course`], as reports read it; here is what is refused before it is logged, and
//! [`continuity`]: the run of days with evidence.

pub mod continuity;

pub use metrics::deviation::{AUTHORITIES, Course, Deviation, Next};

use metrics::deviation::{Problem, Step};
use metrics::model::Body;
use metrics::statements::Statements;

/// Whether a statement may be added to what is in the log. Everything that is about no deviation may.
///
/// # Errors
/// Why it would count for nothing, and what comes first.
pub fn check_stated(
    statements: &Statements,
    zone: &str,
    body: &Body,
    role: &str,
    received_ms: i64,
) -> Result<(), Problem> {
    let Some(step) = Step::of(body, u64::MAX, received_ms, role) else { return Ok(()) };
    let filing = step.filing();
    if statements.filing(filing).is_none_or(|f| f.plans.is_empty()) {
        return Err(Problem::new(format!("没有备案方案 {filing}"), format!("there is no filed plan `{filing}`")));
    }
    Course::of(statements.deviations(filing), zone).judge(&step, zone)
}
