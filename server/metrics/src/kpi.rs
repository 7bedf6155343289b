//! Key figures beyond the report's own lines: the rest of ISO 22400-2, and what others call 稼动率.
//!
//! Constraints
//! 1. Everything comes from sums of exact integers ([`crate::facts::Facts`], [`losses::Losses`]); ratios are never added,
//!    averaged or multiplied with each other across windows or machines (reference §1.6).
//! 2. Two definitions that share a Chinese name have two ids, and the denominator is part of the definition (§1.4).
//! 3. Undefined has a reason; bounds come from unobserved and held time as in [`crate::oee`].
//!
//! [`iso`]: ratios of time and quantity; [`losses`]: the six big losses as buckets that tile the window; [`variants`]: TPM
//! and 稼动率; [`line`]: a serial line by its constraint; [`reliability`]: MTBF, MTTR and what zero failures allow to say.

pub mod iso;
pub mod line;
pub mod losses;
pub mod reliability;
pub mod variants;
