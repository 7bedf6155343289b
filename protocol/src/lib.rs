//! gongzheng-protocol
