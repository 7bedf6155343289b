//! A plan's baseline: when it suffices, how it is locked, and what counts after it was.
//!
//! Constraints
//! 1. A lock states what was computed over the first `size` leaves of the log: numbers, and the digests of the statements they
//!    rest on. Anyone computes both again; a lock that says something else is named and proves nothing.
//! 2. *As locked* never looks at a parameter stated later ([`as_locked`]). *As declared now* looks at everything. A report
//!    prints both wherever they differ, with the statements that made the difference ([`changes`]).
//! 3. What merely happens later — stops, exchanged meters, rejects, batches, a holiday announced in advance, a machine's new
//!    tags — counts in the reporting period both ways: it is no parameter.
//!
//! `plan/comparison.rs` has the machines that stand in place of a base period; `plan/documents.rs` is what papers say where nothing was
//! measured; `plan/door.rs` refuses what would move a lock;
//! `plan/lock.rs` makes a lock and refuses; `plan/locked.rs` is what statements say as locked; `plan/sufficiency.rs` asks whether
//! a baseline suffices; `report/planned.rs` prints.

mod comparison;
mod documents;
mod door;
mod lock;
mod locked;
mod sufficiency;

pub use self::comparison::{Candidate, ComparisonLock, Unfit, candidates, comparison_locked, lock_comparison};
pub(crate) use self::comparison::{is_class_stated, is_left, unfit};
pub(crate) use self::documents::documented;
pub use self::documents::{DocumentKind, Documented, EvidenceDocument};
pub use self::door::{DoorError, check_stated};
pub(crate) use self::lock::rests;
pub use self::lock::{BaselineLock, LockError, Parameter};
pub(crate) use self::locked::{
    Side, as_locked, changes, changes_beside, later_records, locked_baselines, moved_since, watched,
};
pub use self::sufficiency::{Advice, Baseline, Hole, Sufficiency};
pub(crate) use self::sufficiency::{valid_days, valid_shifts};
