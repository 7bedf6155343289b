//! gongzheng-endpoint
