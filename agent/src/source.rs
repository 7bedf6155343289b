//! Sources.

pub mod gaps;
pub mod modbus;
pub mod opcua;
pub mod schedule;
