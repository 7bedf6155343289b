//! Evaluating a file without a gateway — an assessor's or a consultant's own readings — by the code that evaluates a log.
//!
//! The tour: a plan file ([`plan`]) states site, machines and tags; readings come as CSV ([`csv`]) or Parquet ([`parquet`]) and are
//! sorted, row by row, into what is used, what is left out and what is wrong ([`rows`], [`value`](mod@value), `instant`); both become
//! leaves ([`leaves`]) of a history that `metrics` evaluates. [`document`] is the result as JSON, [`further`] what is
//! evaluated beyond the report.
//!
//! Constraints
//! 1. No second evaluator: a file and a log that say the same give the same numerators, denominators, bounds and coverage.
//! 2. Nothing is guessed and nothing dropped silently: what is not understood is refused or listed with its place and what is allowed.
//!    With a bad row there is no result, unless the caller accepts that those rows are left out; then the result says so.
//! 3. A file is not evidence. Every value carries `UNSIGNED_DATA` and grade D.

pub mod csv;
pub mod document;
pub mod further;
pub mod leaves;
pub mod parquet;
pub mod plan;
pub mod rows;
pub mod said;
pub mod tags;

mod instant;
mod value;

use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::path::Path;

use metrics::{History, Interval, Report, ReportRequest};
use protocol::{Digest, DigestWriter};
use serde::Serialize;

use self::plan::PlanFile;
use self::rows::{Limits, Readings};
use self::said::{Refusal, Said};

/// What was read: which file, and which bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Input {
    /// File name as given.
    pub file: String,
    /// Its bytes.
    pub bytes: u64,
    /// SHA-256 of them.
    pub sha256: Digest,
}

/// An evaluated file.
#[derive(Debug)]
pub struct Evaluation {
    /// The report, as of a log.
    pub report: Report,
    /// What it was computed from: further figures are computed from it.
    pub history: History,
    /// Tags that no machine names.
    pub unused: Vec<String>,
    /// Tags without a reading.
    pub silent: Vec<String>,
    /// Readings too far from every period to be looked at.
    pub out_of_reach: u64,
}

/// Reads a plan file.
///
/// # Errors
/// A file that cannot be read, or what [`PlanFile::parse`] refuses.
pub fn read_plan(path: &Path) -> Result<(PlanFile, Input), Refusal> {
    let name = name_of(path);
    let (mut file, input) = open(path, plan::PLAN_BYTES_MAX as u64)?;
    let mut text = String::new();
    file.read_to_string(&mut text).map_err(|_| {
        Refusal::new(
            &name,
            Said::new("文件不是 UTF-8 文本", "the file is not UTF-8 text"),
            Said::new("另存为 UTF-8", "save it as UTF-8"),
        )
    })?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    Ok((PlanFile::parse(text, &name)?, input))
}

/// Reads a file of readings, by its ending: `.csv`, `.txt`, `.tsv` are text, `.parquet` is Parquet.
///
/// # Errors
/// The file as a whole cannot be understood; bad rows are in the result.
pub fn read_readings(
    path: &Path,
    table: &tags::TagTable,
    dialect: &csv::Dialect,
    limits: Limits,
) -> Result<(Readings, Input), Refusal> {
    let name = name_of(path);
    let ending = path.extension().and_then(|e| e.to_str()).map(str::to_ascii_lowercase).unwrap_or_default();
    let is_text = matches!(ending.as_str(), "csv" | "txt" | "tsv");
    if !is_text && ending != "parquet" {
        return Err(Refusal::new(
            &name,
            Said::new("由文件名看不出格式", "its name does not say its format"),
            Said::new("文件名以 .csv、.tsv、.txt 或 .parquet 结尾", "a name ending in .csv, .tsv, .txt or .parquet"),
        ));
    }
    let (file, input) = open(path, limits.file_bytes)?;
    let readings = if is_text {
        csv::read(&name, BufReader::with_capacity(1 << 18, file), table, dialect, limits)?
    } else {
        parquet::read(&name, file, table, dialect.zone.as_ref(), limits)?
    };
    Ok((readings, input))
}

fn name_of(path: &Path) -> String {
    path.display().to_string()
}

/// Opens a file at its beginning, having read it once for its digest.
fn open(path: &Path, bytes_max: u64) -> Result<(File, Input), Refusal> {
    let name = name_of(path);
    let failed = |e: std::io::Error| {
        Refusal::new(
            &name,
            Said::new(format!("无法读取：{e}"), format!("cannot be read: {e}")),
            Said::new("检查路径和文件权限", "check the path and who may read the file"),
        )
    };
    let mut file = File::open(path).map_err(failed)?;
    let (mut digest, mut bytes) = (DigestWriter::default(), 0_u64);
    let mut buffer = vec![0; 1 << 18];
    loop {
        let count = match file.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => count,
            Err(e) if e.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(e) => return Err(failed(e)),
        };
        bytes += count as u64;
        if bytes > bytes_max {
            return Err(Refusal::new(
                &name,
                Said::new(format!("文件超过 {bytes_max} 字节"), format!("the file has more than {bytes_max} bytes")),
                Said::new("分成几个文件，分别计算", "divide it and evaluate the parts one by one"),
            ));
        }
        digest.update(buffer.get(..count).unwrap_or_default());
    }
    file.seek(SeekFrom::Start(0)).map_err(failed)?;
    Ok((file, Input { file: name, bytes, sha256: digest.finish() }))
}

/// Evaluates readings under a plan. Bad rows are left out: it is for the caller to ask whether that is accepted.
///
/// # Errors
/// What the formats or the request refuse.
pub fn evaluate(plan: &PlanFile, readings: &Readings) -> Result<Evaluation, Refusal> {
    let failed = |e: &dyn std::fmt::Display| {
        let what = Said::new(format!("无法计算：{e}"), format!("cannot be evaluated: {e}"));
        Refusal::new("[evaluate]", what, Said::new("检查方案文件", "check the plan file"))
    };
    let history = leaves::history(plan, readings).map_err(|e| failed(&e))?;
    let request = ReportRequest {
        size: history.size(),
        machines: plan.machines.clone(),
        periods: plan.periods.clone(),
        plan: plan.plan.clone(),
        ..ReportRequest::default()
    };
    let report = metrics::evaluate(&history, &request).map_err(|e| failed(&e))?;
    let windows = request.windows(&history).map_err(|e| failed(&e))?;
    let used = history.statements().tags_used();
    let mut out = Evaluation { report, history, unused: Vec::new(), silent: Vec::new(), out_of_reach: 0 };
    for (tag, rows) in plan.table.tags().iter().zip(&readings.tags) {
        let id = tag.config.id.to_string();
        out.out_of_reach += rows.samples.iter().filter(|s| !reached(&windows, s.time_ms)).count() as u64;
        if rows.samples.is_empty() {
            out.silent.push(id.clone());
        }
        if !used.contains(&(tag.gateway.to_string(), id.clone())) {
            out.unused.push(id);
        }
    }
    Ok(out)
}

fn reached(windows: &[Interval], ms: i64) -> bool {
    let reach = metrics::history::REACH_MS;
    windows.iter().any(|w| ms >= w.from_ms.saturating_sub(reach) && ms <= w.to_ms.saturating_add(reach))
}

#[cfg(test)]
mod tests;
