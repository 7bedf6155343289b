//! Of a filed plan what needs the rule file: what is refused at the door, the term, the payments, major changes.
//!
//! Constraints
//! 1. What a verifier has to repeat without a rule file — applications and opinions along a route, the plan in force, promised against
//!    there — is in [`metrics::filed`], with its constraints.
//! 2. Nothing here says that a project has stopped or is cancelled: it says which date is near, and what the text says about it.
//! 3. Everything is a function of the filing's statements in order of the log, the rule, and a date.
//!
//! `plan/door.rs`: what is refused before it is logged; `plan/dates.rs`: the term and the remaining payments; `plan/major.rs`: what the
//! text calls a major change.

mod dates;
mod door;
mod major;

use jiff::civil::Date;
use metrics::statements::Statements;

pub use metrics::filed::{
    Application, ApprovedChange, Compared, Course, Covered, Difference, InForce, Problem, Procedure, Promise, Seen,
    SeenGateway, Status, Why, compare,
};

pub use self::dates::{Payment, PaymentState, Term, TermState, payments, term};
pub use self::door::check_stated;
pub use self::major::{MajorChange, major};

/// The plan in force of a filing of a log on a date, by the delivered rule it names.
pub fn in_force_of(statements: &Statements, zone: &str, filing: &str, at: Date) -> Option<InForce> {
    let filing = statements.filing(filing)?;
    let rule = filing.plans.first()?.body.rule.as_deref().and_then(crate::rule::find);
    let route = rule.and_then(|rule| rule.change.as_ref()).map(crate::rule::ChangeRules::asked);
    Procedure { filing, route, zone }.in_force(at)
}
/// A stated date; declarations are checked, so that there is one.
fn date(text: &str) -> Option<Date> {
    metrics::calendar::parse_date(text)
}
