//! gongzheng-sim
