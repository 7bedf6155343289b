//! OPC UA.

pub mod node;
