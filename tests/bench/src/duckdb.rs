//! The same readings through DuckDB: Parquet files as the server writes them, and SQL that computes what SQL can — states per
//! shift, counts with rollover, energy between shift edges, A and OEE — side by side with ours, results compared.
//!
//! SQL has no gaps, no bounds and no lineage: across the half hour in which the last machine's state is silent it holds the last
//! state, where ours is unknown. Every other number must be equal.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use metrics::report::Section;
use metrics::{History, Pass, Report, evaluate};
use protocol::{Digest, Header, Leaf};
use serde::Deserialize;
use server::projection::{LeafSource, ProjectionError, write_utc_day};

use crate::measure::{Table, busy, rate};
use crate::onepass::{MACHINES, minutes, request};
use crate::plant::{DAY_MS, ITEM_US, Kept, MODULUS, PLACED_MS, Plant, START_MS};

const DAYS: i64 = 9;
const RUNS: usize = 3;

/// The leaves of one day of UTC, as the Parquet writer asks for them.
struct Day {
    first: u64,
    leaves: Vec<Leaf>,
    contents: BTreeMap<Digest, Vec<u8>>,
}

impl LeafSource for Day {
    fn size(&self) -> Result<u64, ProjectionError> {
        Ok(self.first + self.leaves.len() as u64)
    }

    fn leaves(&self, range: Range<u64>) -> Result<Vec<Leaf>, ProjectionError> {
        let at = |index: u64| usize::try_from(index.saturating_sub(self.first)).unwrap_or(usize::MAX);
        let length = self.leaves.len();
        Ok(self.leaves[at(range.start).min(length)..at(range.end).min(length)].to_vec())
    }

    fn content(&self, digest: &Digest) -> Result<Option<Vec<u8>>, ProjectionError> {
        Ok(self.contents.get(digest).cloned())
    }
}

/// Writes every day of the plant's log as the server's projection does; returns rows and bytes.
fn write_parquet(folder: &Path) -> Result<(u64, u64)> {
    let mut plant = Plant::new(MACHINES);
    let beginning = plant.beginning()?;
    let configuration = beginning.last().map(|(_, content)| content.clone()).context("no configuration")?;
    let fresh = |first: u64| {
        let contents = BTreeMap::from([(protocol::sha256(&configuration), configuration.clone())]);
        Day { first, leaves: Vec::new(), contents }
    };
    let place = |_: &Header| Some(PLACED_MS);
    let (mut rows, mut number) = (0, START_MS.div_euclid(DAY_MS));
    let mut day = fresh(beginning.len() as u64);
    let mut write = |number: i64, day: Day| -> Result<()> {
        let (first, last) = (day.first, day.first + day.leaves.len() as u64 - 1);
        rows += write_utc_day(&day, folder, number, (first, last), &place)?;
        Ok(())
    };
    for minute in 0..minutes(DAYS) {
        let now = (START_MS + minute * 60_000).div_euclid(DAY_MS);
        if now != number {
            let next = fresh(day.first + day.leaves.len() as u64);
            write(number, std::mem::replace(&mut day, next))?;
            number = now;
        }
        let ((leaf, content), _) = plant.minute()?;
        day.contents.insert(leaf.content_digest().context("no digest")?, content);
        day.leaves.push(leaf);
    }
    write(number, day)?;
    let mut bytes = 0;
    for file in std::fs::read_dir(folder)? {
        bytes += file?.metadata()?.len();
    }
    Ok((rows, bytes))
}

/// Our report in one pass from the records, and again from the columns in memory: the report, readings and the processor time
/// of both.
fn ours() -> Result<(Report, u64, Duration, Duration)> {
    let mut plant = Plant::new(MACHINES);
    let mut leaves: Vec<Kept> = plant.beginning()?;
    let mut readings = 0;
    for _ in 0..minutes(DAYS) {
        let (kept, some) = plant.minute()?;
        leaves.push(kept);
        readings += some;
    }
    let request = request(DAYS, leaves.len() as u64);
    let before = busy()?;
    let mut pass = Pass::new(request.clone());
    for (index, (leaf, content)) in (0..).zip(&leaves) {
        pass.push(index, leaf, Some(content))?;
    }
    let streamed = pass.finish()?;
    let passed = busy()?.saturating_sub(before);
    let mut history = History::new();
    for (index, (leaf, content)) in (0..).zip(&leaves) {
        history.push(index, leaf, Some(content))?;
    }
    drop(leaves);
    let mut times = Vec::new();
    let mut whole = None;
    for _ in 0..RUNS {
        let before = busy()?;
        whole = Some(evaluate(&history, &request)?);
        times.push(busy()?.saturating_sub(before));
    }
    times.sort_unstable();
    ensure!(whole.as_ref() == Some(&streamed), "one pass and the whole give the same report");
    Ok((streamed, readings, passed, times[RUNS / 2]))
}

/// A shift of a machine, whole numbers only: as ours and as SQL computes it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
struct Row {
    machine: String,
    from_ms: i64,
    apt_ms: i64,
    pbt_ms: i64,
    good: i64,
    reject: i64,
    wh: i64,
    /// A and OEE in millionths, half away from zero.
    a_micro: i64,
    oee_micro: i64,
}

fn our_row(section: &Section) -> Result<Row> {
    let line = |id: &str| section.line(id).with_context(|| format!("{id} of {}", section.machine));
    let micro = |id: &str| -> Result<i64> {
        let value = line(id)?.value.clone().with_context(|| format!("{id} is undefined"))?;
        Ok(value.replace('.', "").parse()?)
    };
    Ok(Row {
        machine: section.machine.clone(),
        from_ms: section.from_ms,
        apt_ms: section.buckets_ms["APT"],
        pbt_ms: section.buckets_ms["PBT"],
        good: micro("count.good@1")? / 1_000_000,
        reject: micro("count.rejected@1")? / 1_000_000,
        wh: micro("energy.active@1")? / 1_000,
        a_micro: micro("availability.iso22400@1")?,
        oee_micro: micro("oee.iso22400@1")?,
    })
}

/// What the script prints.
#[derive(Deserialize)]
struct Theirs {
    version: String,
    rows: Vec<Row>,
    /// By threads: from Parquet, and from a table in memory.
    parquet: BTreeMap<usize, Took>,
    memory: BTreeMap<usize, Took>,
}

/// Seconds a query took.
#[derive(Deserialize)]
struct Took {
    processor: f64,
    wall: f64,
}

fn theirs(python: &Path, folder: &Path, shifts: &[(i64, i64)]) -> Result<Theirs> {
    let script = tests::repo::root().join("tests/bench/src/query.py");
    let job = serde_json::json!({
        "readings": folder.join("*.parquet"), "shifts": shifts, "item_us": ITEM_US, "modulus": MODULUS, "runs": RUNS,
        "break_after_ms": 4 * 3_600_000, "break_ms": 1_800_000, "threads": [1, 2],
    });
    let out = Command::new(python).arg(script).arg(job.to_string()).stderr(Stdio::inherit()).output()?;
    ensure!(out.status.success(), "the DuckDB script failed");
    Ok(serde_json::from_slice(&out.stdout)?)
}

/// Where SQL cannot be equal: the state of the last machine in the shift in which it is silent.
fn is_silent(row: &Row) -> bool {
    row.machine == format!("m{:02}", MACHINES - 1) && (row.from_ms - START_MS).rem_euclid(DAY_MS) == 8 * 3_600_000
}

fn compare(ours: &mut [Row], theirs: &mut [Row]) -> Result<(usize, usize)> {
    ours.sort();
    theirs.sort();
    ensure!(ours.len() == theirs.len(), "{} shifts by us, {} by SQL", ours.len(), theirs.len());
    let (mut equal, mut differ) = (0, 0);
    for (our, their) in ours.iter().zip(theirs.iter()) {
        if our == their {
            equal += 1;
            continue;
        }
        ensure!(is_silent(our), "SQL says otherwise: {our:?} {their:?}");
        // Counts and energy do not depend on the state; its time does, and what is divided by it.
        let blind = |row: &Row| Row { apt_ms: 0, pbt_ms: 0, a_micro: 0, oee_micro: 0, ..row.clone() };
        ensure!(blind(our) == blind(their), "SQL says otherwise: {our:?} {their:?}");
        differ += 1;
    }
    Ok((equal, differ))
}

pub(crate) fn run(table: &mut Table) -> Result<()> {
    let Some(python) = std::env::var_os("GZ_DUCKDB_PYTHON").map(PathBuf::from) else {
        if std::env::var_os("CI").is_some() {
            bail!("no Python with DuckDB, and nothing may be skipped under CI");
        }
        eprintln!("    SKIPPED: no Python with DuckDB; `cargo xtask bench` brings one");
        return Ok(());
    };
    let folder = tempfile::tempdir()?;
    let (rows, bytes) = write_parquet(folder.path())?;
    let (report, readings, passed, evaluated) = ours()?;
    ensure!(rows == readings, "{rows} rows of {readings} readings");
    let sections: Vec<&Section> = report.shifts.iter().filter(|s| s.shift.as_deref() != Some("-")).collect();
    let mut our_rows = sections.iter().map(|s| our_row(s)).collect::<Result<Vec<Row>>>()?;
    let mut shifts: Vec<(i64, i64)> = sections.iter().map(|s| (s.from_ms, s.to_ms)).collect();
    shifts.sort_unstable();
    shifts.dedup();
    let mut them = theirs(&python, folder.path(), &shifts)?;
    let (equal, differ) = compare(&mut our_rows, &mut them.rows)?;
    let millions = readings as f64 / 1e6;
    let per = |seconds: f64| rate(readings as f64, Duration::from_secs_f64(seconds));
    let sql = |from: &str, threads: usize| {
        format!("DuckDB {}, {from}: {threads} thread{}", them.version, if threads == 1 { "" } else { "s" })
    };
    let number = |took: &Took| format!("{:.2} s, {} per core", took.processor, per(took.processor));
    table.row(
        "ours, one pass over the signed records: 1 thread",
        format!("{:.2} s, {} per core", passed.as_secs_f64(), per(passed.as_secs_f64())),
        "—",
        format!(
            "{millions:.0} M readings, {DAYS} days; decompressed, decoded, placed, evaluated with bounds and lineage"
        ),
    );
    for (threads, took) in &them.parquet {
        let ratio = took.processor / passed.as_secs_f64();
        table.row(
            sql("Parquet", *threads),
            number(took),
            "—",
            format!(
                "{ratio:.1}× our processor time; {:.2} s by the clock; {:.0} MB of files",
                took.wall,
                bytes as f64 / 1e6
            ),
        );
    }
    table.row(
        "ours, columns in memory: 1 thread",
        format!("{:.2} s, {} per core", evaluated.as_secs_f64(), per(evaluated.as_secs_f64())),
        "≥ 30 M/s per core",
        "placed, evaluated, summed into the report",
    );
    for (threads, took) in &them.memory {
        let ratio = took.processor / evaluated.as_secs_f64();
        table.row(
            sql("table in memory", *threads),
            number(took),
            "—",
            format!("{ratio:.1}× our processor time; {:.2} s by the clock", took.wall),
        );
    }
    table.row(
        "machine shifts alike in both, to the last digit",
        format!("{equal} of {}", equal + differ),
        "all but the silent ones",
        format!(
            "A, OEE, counts, energy; in {differ} the state was silent for half an hour: ours counts it as unknown, SQL holds \
             the last state (counts and energy are equal there too)"
        ),
    );
    ensure!(differ > 0 && equal > 0, "both kinds are there");
    Ok(())
}
