//! gongzheng-server
