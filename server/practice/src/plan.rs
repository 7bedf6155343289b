//! The filed plan in force: what was filed, what was changed with approval, what is applied for, and what is there.
//!
//! Constraints
//! 1. Only what everybody on the rule's route agreed to, in the rule's order and from an account that speaks for them, changes the plan.
//!    Whatever else the log has counts for nothing and is named; nothing is dropped from the log by it.
//! 2. A resubmission of an application starts its route anew: an opinion is on what was submitted before it, not on what came after.
//! 3. Dates are those on the papers. None may lie after the day on which the server logged it, and that day stands beside it where it is later.
//! 4. A difference between the plan in force and what is there is named, whatever was applied for: with the application that would cover it
//!    and where that stands, if there is one.
//! 5. Nothing here says that a project has stopped or is cancelled: it says which date is near, and what the text says about it.
//! 6. Everything is a function of the filing's statements in order of the log, the rule, what was seen, and a date.
//!
//! What a verifier has to repeat is in [`metrics::filed`]: applications and opinions along a route, the plan in force, promised against
//! there. Here is what needs a rule file. `plan/door.rs`: what is refused before it is logged; `plan/dates.rs`: the term and the remaining
//! payments; `plan/major.rs`: what the text calls a major change.

mod dates;
mod door;
mod major;

use jiff::civil::Date;

pub use metrics::filed::{
    Application, ApprovedChange, Compared, Course, Covered, Difference, InForce, Problem, Procedure, Promise, Seen,
    SeenGateway, Status, Why, compare,
};

pub use self::dates::{Payment, PaymentState, Term, TermState, payments, term};
pub use self::door::check_stated;
pub use self::major::{MajorChange, major};

/// A stated date; declarations are checked, so that there is one.
fn date(text: &str) -> Option<Date> {
    metrics::calendar::parse_date(text)
}
