//! Acceptance practice: what a city's rules ask of a project, as pure functions over data files.
//!
//! Constraints
//! 1. Pure: no I/O, clock, randomness or async. Dates are arguments.
//! 2. Money is whole fen in integers; shares round down.
//! 3. Nothing here decides for an authority. Levels, confirmed investments, awards and announced shares are inputs with who said
//!    them; what a text leaves open stays open, in words.
//! 4. Every line of a result names the article it rests on and quotes it.
//! 5. Files and claims are bounded; a refusal says what, where (line or entry) and what to do, in Chinese and English.
//!
//! [`rule`]: a rule file; [`claim`]: what a project brings to it; [`sheet`]: 补助测算; [`plan`]: the filed plan in force,
//! its changes, and what is there; [`dossier`]: papers asked of a firm; [`deviation`]: targets that are missed and the run of days; [`package`]: the attachment folders a city asks for; [`words`]: clauses and money.

pub mod claim;
pub mod deviation;
pub mod dossier;
mod file;
pub mod package;
pub mod plan;
pub mod rule;
pub mod sheet;
pub mod words;

pub use file::{FileError, line_of};
