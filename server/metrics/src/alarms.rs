//! Alarms from raised to handled (metrics reference §5 rows 11 and 32, 2024 评测 安全生产 and 设备管理).
//!
//! Constraints
//! 1. An episode begins when the `alarm` signal first shows a code and ends when it no longer does. Neither instant is known better
//!    than the readings around it, so both are pairs, and the duration has bounds.
//! 2. An episode is over only when a reading says so. One that was lost from sight stays open, whatever happened unseen.
//! 3. Episodes of one code less than the merging time apart are one (chatter); how often it was raised stays beside it.
//! 4. Acknowledging and handling are people's statements: they never change when the alarm was raised or cleared, and what rests on
//!    them is grade C at best. A statement that fits no episode is listed. Tests are marked, listed and not counted.
//!
//! [`declared`]: `alarm_code` and `alarm_handled`; [`episodes`]: readings → episodes; [`figures`]: handling and sums.

pub mod declared;
pub mod episodes;
pub mod figures;

pub use self::episodes::{End, Episode, MERGE_MS, of_machine};
pub use self::figures::{Figures, Handled, handle, safety};
