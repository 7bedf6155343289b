//! The agent itself under load: the real program against a local Modbus TCP device that answers at once, 1,000 and 10,000 tags
//! every second; its processor time and memory as the kernel counts them. It is enrolled at a real server and delivers.

use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use simulators::load;
use tests::programs::{self, Running};
use tests::{repo, wait};

use crate::measure::Table;

/// Processor time used so far, and resident memory.
fn usage(pid: u32) -> Result<(Duration, u64)> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // The name may hold spaces; what follows its closing bracket does not.
    let fields: Vec<&str> = stat.rsplit_once(')').context("/proc/…/stat")?.1.split_whitespace().collect();
    let ticks: u64 = fields.get(11).context("utime")?.parse::<u64>()? + fields.get(12).context("stime")?.parse::<u64>()?;
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let rss = status.lines().find_map(|l| l.strip_prefix("VmRSS:")).and_then(|l| l.trim().split(' ').next()).context("VmRSS")?;
    Ok((Duration::from_millis(ticks * 10), rss.parse::<u64>()? * 1024))
}
