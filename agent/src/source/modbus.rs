//! Modbus TCP, RTU, and RTU through a network.
//!
//! Constraints: only the functions 1 to 4 exist here, so the agent cannot change anything on a machine; a late or foreign answer is
//! never taken for the answer to another question; everything that thinks is pure (`plan`, `decode`, `rtu`, `timing`, `trouble`),
//! everything that talks is thin (`client`).
//!
//! ```text
//! tags ─ plan ─▶ requests ─ super::line (who, when) ─ client (bytes) ─▶ registers ─ decode ─▶ readings
//! ```

pub mod client;
pub mod decode;
pub mod plan;
pub mod rtu;
#[cfg(test)]
mod simulation;
#[cfg(test)]
mod tests;
pub mod timing;
pub mod trouble;
mod wire;
