//! Modbus.

pub mod decode;
pub mod plan;
pub mod rtu;
pub mod timing;
