//! Production: cycle times, changeovers, capacity, material, stops and repairs (reference §5 rows 11, 12, 17–20, 24, 25, 27).
//!
//! Constraints
//! 1. Times are integer milliseconds, counts integers; means and quantiles are exact quotients, digits are made when printed.
//! 2. A cycle that spans a stop is a stop, not a slow cycle; what was left out is counted beside what was kept.
//! 3. Planned cycle times follow evidence: a suggestion names the cycles it rests on and never replaces a declaration.
//!
//! [`cycle`]: distribution, best demonstrated cycle, drift; [`changeover`]: 换线时间; [`rates`]: throughput, capacity,
//! Pareto; [`material`]: consumption against a standard; [`stops`]: stops with their reasons; [`repairs`]: failures and response.

pub mod changeover;
pub mod cycle;
pub mod material;
pub mod rates;
pub mod repairs;
pub mod stops;
