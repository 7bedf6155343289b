//! Months of the workshop's past as a gateway would have recorded it, faster than real time.
//!
//! Constraints. The history goes through the ordinary path: enrolment, client certificate, MQTT, records in one signed
//! chain, receipts. It says what it is: every header carries the simulated flag, which only a site created as simulated
//! accepts. It is honest about its holes: outages drawn from the seed become gaps with true causes, the power cut starts
//! a new boot. Records are a pure function of plan, identity and key, so an interrupted run begins again, produces the
//! same bytes, and skips what the server already holds.

mod enrol;
mod outages;
mod producer;
mod publish;
mod tls;

pub use enrol::{EnrolError, Enrolment, enrol, load_or_create_key};
pub use outages::{Outage, Trouble, outages};
pub use producer::{Identity, Plan, Producer, Totals};
pub use publish::{PublishError, Published, publish};
