//! gongzheng-bench
