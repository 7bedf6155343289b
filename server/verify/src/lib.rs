//! gongzheng-verify
