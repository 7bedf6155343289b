//! Timing, disk accounting and the table.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};

/// Rows of one section.
#[derive(Default)]
pub(crate) struct Table {
    rows: Vec<[String; 4]>,
}

impl Table {
    /// What was measured, the number with its unit, the budget of the design (or `—`), and a remark.
    pub(crate) fn row(
        &mut self,
        what: impl Into<String>,
        number: impl Into<String>,
        budget: &str,
        remark: impl Into<String>,
    ) {
        let row = [what.into(), number.into(), budget.to_owned(), remark.into()];
        eprintln!("    {} — {}", row[0], row[1]);
        self.rows.push(row);
    }

    /// The section as Markdown.
    pub(crate) fn markdown(&self, title: &str) -> String {
        let mut text = format!("\n## {title}\n\n| what | measured | budget | remark |\n|---|---|---|---|\n");
        for row in &self.rows {
            let _ = writeln!(text, "| {} |", row.join(" | "));
        }
        text
    }
}

/// Repeats the work for about a second after one warm-up; returns how often and how long.
pub(crate) fn repeat(mut work: impl FnMut() -> Result<()>) -> Result<(u32, Duration)> {
    work()?;
    let start = Instant::now();
    let mut count = 0;
    while count < 3 || start.elapsed() < Duration::from_secs(1) {
        work()?;
        count += 1;
    }
    Ok((count, start.elapsed()))
}

/// Processor time this thread has used so far: what others do on the machine does not count.
pub(crate) fn busy() -> Result<Duration> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").context("/proc/thread-self/schedstat")?;
    Ok(Duration::from_nanos(text.split(' ').next().context("empty schedstat")?.parse()?))
}

/// [`repeat`], but the time is the processor's.
pub(crate) fn repeat_busy(work: impl FnMut() -> Result<()>) -> Result<(u32, Duration)> {
    let before = busy()?;
    let (count, _) = repeat(work)?;
    // The warm-up was busy too.
    Ok((count + 1, busy()?.saturating_sub(before)))
}

/// `items` per second as text with a magnitude.
pub(crate) fn rate(items: f64, time: Duration) -> String {
    let per_second = items / time.as_secs_f64();
    match per_second {
        r if r >= 1e6 => format!("{:.1} M/s", r / 1e6),
        r if r >= 1e3 => format!("{:.1} k/s", r / 1e3),
        r => format!("{r:.0} /s"),
    }
}

/// Bytes this process has sent towards the disk so far, as the kernel counts dirtied pages.
pub(crate) fn written() -> Result<u64> {
    let text = std::fs::read_to_string("/proc/self/io").context("/proc/self/io")?;
    let line = text.lines().find_map(|l| l.strip_prefix("write_bytes: ")).context("no write_bytes")?;
    Ok(line.trim().parse()?)
}

/// The head of the document: the machine, the profile, how to repeat it.
pub(crate) fn preamble() -> Result<String> {
    let cpu = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpu
        .lines()
        .find_map(|l| l.strip_prefix("model name"))
        .map_or("unknown", |l| l.trim_start_matches([' ', '\t', ':']));
    let cores = std::thread::available_parallelism().map_or(0, std::num::NonZero::get);
    let memory = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let memory: u64 = memory
        .lines()
        .find_map(|l| l.strip_prefix("MemTotal:"))
        .and_then(|l| l.trim().split(' ').next()?.parse().ok())
        .unwrap_or(0);
    let kernel = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    Ok(format!(
        "# Benchmarks\n\nWritten by `cargo xtask bench` (profile `bench`: opt-level 3, no link-time optimisation; the agent under load is the\n\
         program that is shipped, profile `release`). Absolute numbers belong to this machine; what carries over are the ratios\n\
         between engines measured in the same run.\n\n\
         Machine: {model}, {cores} cores, {:.0} GiB, Linux {}. One run, nothing pinned.\n",
        memory as f64 / 1_048_576.0,
        kernel.trim()
    ))
}
