//! gongzheng-tests
