//! The result as canonical JSON: `{"accepted_bad_rows","bad_rows","format","ignored","plan","readings","report","version"}`,
//! with `further` (figures, meters, questionnaires, savings, examinations) when it was asked for.
//!
//! `report` is exactly the report of the same statements and readings in a log, but for grades, flags, lineage and notice; it is `null`
//! when there is no result.

use metrics::report::ReportError;
use serde::Serialize;

use super::further::Further;
use super::rows::Readings;
use super::said::BadRow;
use super::{Evaluation, Input};

#[derive(Serialize)]
struct Document<'d> {
    format: &'static str,
    version: u32,
    plan: &'d Input,
    readings: ReadingsPart<'d>,
    ignored: IgnoredPart<'d>,
    bad_rows: BadPart<'d>,
    accepted_bad_rows: bool,
    report: Option<&'d metrics::Report>,
    #[serde(skip_serializing_if = "Option::is_none")]
    further: Option<&'d Further>,
}

#[derive(Serialize)]
struct ReadingsPart<'d> {
    #[serde(flatten)]
    input: &'d Input,
    rows: u64,
    used: u64,
}

#[derive(Serialize)]
struct IgnoredPart<'d> {
    #[serde(flatten)]
    rows: &'d super::rows::Ignored,
    out_of_reach: Option<u64>,
    unused_tags: Option<&'d [String]>,
    silent_tags: Option<&'d [String]>,
}

#[derive(Serialize)]
struct BadPart<'d> {
    count: u64,
    listed: usize,
    rows: &'d [BadRow],
}

/// Canonical JSON of an evaluation, or of why there is none.
///
/// # Errors
/// A number beyond ±(2⁵³ − 1).
pub fn json(
    plan: &Input,
    input: &Input,
    readings: &Readings,
    evaluation: Option<&Evaluation>,
    further: Option<&Further>,
) -> Result<Vec<u8>, ReportError> {
    let document = Document {
        format: "gongzheng-file-evaluation",
        version: 1,
        plan,
        readings: ReadingsPart { input, rows: readings.rows, used: readings.used() },
        ignored: IgnoredPart {
            rows: &readings.ignored,
            out_of_reach: evaluation.map(|e| e.out_of_reach),
            unused_tags: evaluation.map(|e| e.unused.as_slice()),
            silent_tags: evaluation.map(|e| e.silent.as_slice()),
        },
        bad_rows: BadPart { count: readings.bad.count, listed: readings.bad.rows.len(), rows: &readings.bad.rows },
        accepted_bad_rows: evaluation.is_some() && readings.bad.count > 0,
        report: evaluation.map(|e| &e.report),
        further,
    };
    let json = serde_json::to_value(&document).map_err(|e| ReportError::Encode(e.to_string()))?;
    protocol::canonical_json(&json).map_err(|e| ReportError::Encode(e.to_string()))
}
