//! Reports.

/// Kind of the declaration that says a report was issued.
pub const REPORT_ISSUED: &str = "report_issued";
