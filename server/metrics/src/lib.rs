//! gongzheng-metrics
