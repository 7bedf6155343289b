//! The measuring instruments behind a number: accuracy class, transformers, certificates — and what their error does to it.
//!
//! Constraints
//! 1. The report's lines keep their meaning: `energy.active@1` has bounds from unknown time only. What the instruments add is a
//!    definition of its own (`energy.active.instrument@1`), and both pairs of bounds stand side by side.
//! 2. Instrument error is the linear sum of the class limits of meter, current and voltage transformers: the worst case, no
//!    root of squares, exact quotients throughout. Widening never narrows.
//! 3. The ratio of transformers is applied once, by the scale in the gateway's configuration. Nothing here multiplies by it again;
//!    a declared CT×PT that contradicts the configured scale is a finding.
//! 4. A before/after difference on one instrument is shown twice: with one common systematic error (which supposes that neither
//!    the instrument nor its load changed), and in the worst case. Which to believe is the reader's to decide.
//! 5. An expired certificate, an unknown class, a register that runs backwards is a matter to verify (待核实事项) with its
//!    evidence; it corrects nothing and lowers no grade by itself.
//!
//! Not in the sum, and said so: voltage drop of secondary leads, phase displacement unless the period's kvarh are given, loads
//! below the range for which a class sets limits.
//!
//! [`classes`]: limits as data; [`declared`]: the `meter` statement; [`composition`]: error from classes, and widening;
//! [`difference`]: before and after; [`certificate`] and [`ratio`]: what is checked; [`finding`]: what is found; [`measured`]: all
//! of it for a machine and a window; [`ocmf`]: a register in a format other checkers read.

pub mod certificate;
pub mod classes;
pub mod composition;
pub mod declared;
pub mod difference;
pub mod finding;
pub mod measured;
pub mod ocmf;
pub mod ratio;

pub use classes::{ClassTable, Device, Loading};
pub use composition::{Bounds, Composition, compose};
pub use declared::{Certificate, CertificateKind, Counts, Meter, Quantity, RegisterSide, Transformer};
pub use difference::{Difference, difference};
pub use finding::{Detail, Finding, Found};
pub use measured::{Measured, measure, totals};
