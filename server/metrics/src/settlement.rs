//! What the supply company says: bills and interval data (第三方结算数据), reconciled with the incoming meter.
//!
//! Constraints
//! 1. A class of its own. A bill of the supply company comes from a verified meter of somebody else and binds both sides with money,
//!    but nobody here saw it being read: with the digest of its scan it is graded C ("one manual input", reference §3.8). Without the
//!    digest nobody can check what was typed: D, as paper is. Measured data goes before both.
//! 2. A bill is stated once per carrier, account, direction and period; a newer statement supersedes it, and a withdrawal ends it.
//!    Bills that overlap are said to, and a year with overlapping bills has no total.
//! 3. Reconciliation compares like with like: the same local dates, the register's bounds, the hours within which the bill's
//!    readings were taken, the error of both meters. A month is `within`, `outside` or `not comparable`; it is a matter to verify,
//!    never a correction of either number.
//! 4. A bill across the turn of a year is never divided, and a year that is not whole is never scaled up.
//!
//! [`bill`]: the statement; [`reconcile`]: month against month; [`year`]: standard coal of a year from bills (评测 Q12);
//! [`revenue`]: what that is divided by.

pub mod bill;
pub mod reconcile;
pub mod revenue;
pub mod year;

pub use bill::{Bill, BillClasses, BillKey, Direction, SourceClass};
pub use reconcile::{Allowed, Reason, Reconciled, Verdict, reconcile};
pub use revenue::Revenue;
pub use year::{YearOfBills, YearRule, of_year};
