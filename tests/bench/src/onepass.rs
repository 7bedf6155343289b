//! Twenty machines read every second, evaluated in one pass while the readings are being made: how fast, and how much memory at
//! nine days and at ninety. Each length runs in a process of its own, whose peak the kernel keeps.

use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use metrics::{Pass, ReportRequest};
use serde::{Deserialize, Serialize};

use crate::measure::{Table, busy, rate};
use crate::plant::{DAY_MS, Plant, START_MS};

/// Machines of the plant.
pub(crate) const MACHINES: usize = 20;
/// Minutes of a log over so many production dates: the last night shift ends on the morning after.
pub(crate) fn minutes(days: i64) -> i64 {
    days * 1_440 + 8 * 60 + 1
}

/// Everything of so many production dates.
pub(crate) fn request(days: i64, leaves: u64) -> ReportRequest {
    let date = |day: i64| {
        let noon = jiff::Timestamp::from_millisecond(START_MS + day * DAY_MS + DAY_MS / 2).unwrap_or_default();
        noon.to_zoned(jiff::tz::TimeZone::UTC).date().to_string()
    };
    ReportRequest::for_dates(leaves, &date(0), &date(days - 1), None)
}

/// What a run of its own prints.
#[derive(Serialize, Deserialize)]
struct Outcome {
    readings: u64,
    seconds: f64,
    most_held: u64,
    /// Peak of resident memory before the report is made, and after.
    peak_kib: u64,
    peak_with_report_kib: u64,
    report_bytes: usize,
}

pub(crate) fn peak_kib() -> Result<u64> {
    let text = std::fs::read_to_string("/proc/self/status").context("/proc/self/status")?;
    let line = text.lines().find_map(|l| l.strip_prefix("VmHWM:")).context("no VmHWM")?;
    Ok(line.trim().trim_end_matches("kB").trim().parse()?)
}

/// The hidden command: one pass over so many days, printed as one line of JSON.
pub(crate) fn child(days: &str) -> Result<()> {
    let days: i64 = days.parse()?;
    let mut plant = Plant::new(MACHINES);
    let beginning = plant.beginning()?;
    let size = beginning.len() as u64 + minutes(days).unsigned_abs();
    let mut pass = Pass::new(request(days, size));
    let (mut index, mut readings, mut most_held, mut time) = (0, 0, 0, Duration::ZERO);
    let mut hour = beginning;
    let mut minute = 0;
    while !hour.is_empty() {
        let before = busy()?;
        for (leaf, content) in hour.drain(..) {
            pass.push(index, &leaf, Some(&content))?;
            index += 1;
        }
        time += busy()?.saturating_sub(before);
        most_held = most_held.max(pass.held().readings);
        while hour.len() < 60 && minute < minutes(days) {
            let (kept, some) = plant.minute()?;
            readings += some;
            hour.push(kept);
            minute += 1;
        }
    }
    let peak = peak_kib()?;
    let before = busy()?;
    let report = pass.finish()?.to_json()?;
    time += busy()?.saturating_sub(before);
    let outcome = Outcome {
        readings,
        seconds: time.as_secs_f64(),
        most_held,
        peak_kib: peak,
        peak_with_report_kib: peak_kib()?,
        report_bytes: report.len(),
    };
    println!("{}", serde_json::to_string(&outcome)?);
    Ok(())
}

pub(crate) fn run(table: &mut Table) -> Result<()> {
    let mut peaks = Vec::new();
    for days in [9, 90] {
        let out = Command::new(std::env::current_exe()?).args(["one-pass", &days.to_string()]).output()?;
        ensure!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
        let o: Outcome = serde_json::from_slice(&out.stdout)?;
        let mib = |kib: u64| kib as f64 / 1024.0;
        table.row(
            format!("{MACHINES} machines × {days} days × 1 s, one pass"),
            format!("{} readings", rate(o.readings as f64, Duration::from_secs_f64(o.seconds))),
            "—",
            format!(
                "{:.0} M readings in {:.1} s of processor time, decompressing and decoding included",
                o.readings as f64 / 1e6,
                o.seconds
            ),
        );
        table.row(
            format!("… most readings held, of {days} days"),
            format!("{:.1} M", o.most_held as f64 / 1e6),
            "independent of the period",
            "the date that is due, and what its edges reach",
        );
        table.row(
            format!("… peak resident memory, {days} days"),
            format!("{:.0} MiB", mib(o.peak_kib)),
            "independent of the period",
            format!(
                "{:.0} MiB with the report made: {:.1} MB of JSON, which does grow with the period",
                mib(o.peak_with_report_kib),
                o.report_bytes as f64 / 1e6
            ),
        );
        peaks.push((o.most_held, o.peak_kib));
    }
    if let [(few, short), (many, long)] = peaks[..] {
        ensure!(many <= few + few / 100, "the readings held grew with the period: {few} and {many}");
        ensure!(long <= short + short / 5, "memory grew with the period: {short} and {long} KiB");
    }
    Ok(())
}
