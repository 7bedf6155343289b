//! Pages, rendered on the server, in the reader's language.
//!
//! Constraints first:
//! - A page is a struct, a file and a template; a handler fetches a read model, builds the struct, returns it. Structs
//!   are built from read models alone, so that every page is rendered and looked at without a server ([`samples`]).
//! - Pages work without JavaScript and print well: auditors print, and the script only keeps live parts fresh.
//! - Nothing comes from elsewhere. The policy header forbids inline styles, inline scripts and every foreign request;
//!   pictures use presentation attributes.
//! - Every word is a key of the locale files ([`text`]); every number passes through [`format`]; every number that is
//!   not a count of things links to its explanation.
//!
//! `door` sign-in, setup, errors · `fleet` all sites · `site` one site · `machine` one machine · `why` why this number ·
//! `figures` every figure over dates · `meters` meters and bills · `questionnaire` what data evidences of the 评测指标 · `savings` energy saved under a plan ·
//! `plan` the measurement plan · `declare` declarations and their import · `findings` matters to verify · `catalogue` every definition · `reports` issued reports · `package` a city's folders with what is in them · `gateways` gateways and enrolment codes, with `witnessing` who else vouches for the log ·
//! `chart` pictures · `view` frame and figure.

pub mod assets;
pub mod carry;
pub mod catalogue;
pub mod declare;
pub mod deviation;
pub mod door;
pub mod figures;
pub mod filing;
pub mod findings;
pub mod firm;
pub mod fleet;
pub mod gateways;
pub mod machine;
pub mod meters;
pub mod onsite;
pub mod package;
pub mod papers;
pub mod plan;
pub mod portfolio;
mod promise;
pub mod questionnaire;
pub mod reports;
mod routes;
#[cfg(test)]
mod samples;
pub mod savings;
pub mod site;
pub mod subsidy;
mod trouble;
pub mod verdict;
pub mod view;
pub mod why;
pub mod witnessing;
pub mod words;

pub use look::{chart, format, text};
pub use routes::routes;

#[cfg(test)]
mod tests;
