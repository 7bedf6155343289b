//! gongzheng-agent
