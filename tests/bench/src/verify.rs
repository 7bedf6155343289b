//! The verifier over bundles of a week and of a month: twenty machines of twenty tags, read and sealed every ten seconds, which is
//! the longest a gateway may take. How long, and how much memory: each bundle is made and each verified in a process of its own,
//! whose peak the kernel keeps. With GZ_BUNDLES the bundles stay in that folder, for other programs to be measured with.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use ::verify::{self as verifier, BundleFile, Settings, Trust, Verdict};
use anyhow::{Context as _, Result, ensure};
use metrics::Pass;
use protocol::note::Checkpoint;
use protocol::{Declaration, Digest, Leaf, SecretKey, bundle, tree};
use serde::{Deserialize, Serialize};

use crate::measure::{Table, rate};
use crate::onepass::{peak_kib, request};
use crate::plant::{Plant, Shape};

const SHAPE: Shape = Shape { machines: 20, amounts: 16, every_s: 10, record_s: 10 };
const LOG: &str = "bench.example";

#[derive(Serialize, Deserialize)]
struct Made {
    readings: u64,
    records: u64,
    bytes: u64,
}

#[derive(Serialize, Deserialize)]
struct Verified {
    seconds: f64,
    processor_s: f64,
    peak_kib: u64,
}

/// The hidden command that makes a bundle and its trust file.
fn make(days: i64, to: &Path) -> Result<Made> {
    let log_key = SecretKey::from_seed(&[7; 32]);
    let mut plant = Plant::shaped(SHAPE);
    let beginning = plant.beginning()?;
    let records = ((days * 24 + 8) * 3_600 / SHAPE.record_s + 1).unsigned_abs();
    let size = beginning.len() as u64 + records;
    let mut pass = Pass::new(request(days, size));
    let (mut leaves, mut contents, mut readings) = (Vec::new(), BTreeMap::<Digest, Vec<u8>>::new(), 0);
    let mut ready = beginning.into_iter();
    for index in 0..size {
        let (leaf, content) = match ready.next() {
            Some(kept) => kept,
            None => {
                let (kept, some) = plant.minute()?;
                readings += some;
                kept
            }
        };
        pass.push(index, &leaf, Some(&content))?;
        leaves.push(leaf.encode()?);
        contents.insert(protocol::sha256(&content), content);
    }
    let report = pass.finish()?.to_json()?;
    let issued = Declaration {
        kind: "report_issued".into(),
        effective_from: 0,
        author: "bench".into(),
        role: "firm".into(),
        reason: String::new(),
        body: serde_json::json!({"size": size, "plan": "", "report": protocol::sha256(&report).to_string()}),
    };
    let content = issued.encode()?;
    leaves.push(Leaf::declaration(0, &issued.kind, &content).encode()?);
    contents.insert(protocol::sha256(&content), content);
    let mut root = tree::Tree::new();
    for leaf in &leaves {
        root.push(tree::leaf_hash(leaf));
    }
    let checkpoint = Checkpoint { origin: format!("{LOG}/bench"), size: root.size(), root: root.root() };
    let checkpoint = checkpoint.sign(LOG, &log_key)?;
    let parts = bundle::Parts {
        site: "bench",
        checkpoint: &checkpoint,
        leaves: &leaves,
        contents: &contents,
        report: &report,
        documents: &[],
    };
    let archive = bundle::assemble(parts)?;
    std::fs::write(to, &archive)?;
    let log = protocol::note::VerifierKey::new(LOG, log_key.public())?;
    let key_sha256 = crate::codec::key().public().fingerprint();
    let gateway = verifier::TrustedGateway { site: "bench".parse()?, gateway: "gw-1".parse()?, key_sha256 };
    let (log_keys, gateways) = (vec![log], vec![gateway]);
    let trust = Trust { log_keys, gateways, operator: None, witnesses: Vec::new(), witnesses_required: 0, note: None };
    std::fs::write(trust_of(to), trust.to_json())?;
    Ok(Made { readings, records, bytes: archive.len() as u64 })
}

fn trust_of(bundle: &Path) -> PathBuf {
    bundle.with_extension("trust.json")
}

/// Processor time of all threads of this process so far, seconds: the kernel counts it in hundredths.
fn processor_s() -> Result<f64> {
    let text = std::fs::read_to_string("/proc/self/stat").context("/proc/self/stat")?;
    // The program's name comes second and may hold anything; user and system time are the 14th and 15th field.
    let (_, fields) = text.rsplit_once(')').context("no name in /proc/self/stat")?;
    let ticks = fields.split_whitespace().skip(11).take(2).map(str::parse::<u32>);
    Ok(f64::from(ticks.sum::<Result<u32, _>>()?) / 100.0)
}

/// The hidden command that verifies one.
fn check(path: &Path) -> Result<Verified> {
    let start = Instant::now();
    let trust = Trust::parse(&std::fs::read(trust_of(path))?).map_err(anyhow::Error::msg)?;
    let bundle = BundleFile::open(path)?;
    let outcome = verifier::verify_source(&bundle, &Settings::new(Some(&trust), None));
    ensure!(outcome.verdict == Verdict::Verified, "{:#?}", outcome.findings);
    Ok(Verified { seconds: start.elapsed().as_secs_f64(), processor_s: processor_s()?, peak_kib: peak_kib()? })
}

/// The hidden commands, each printed as one line of JSON.
pub(crate) fn child(arguments: &[String]) -> Result<()> {
    let line = match arguments {
        [command, days, to] if command == "make" => serde_json::to_string(&make(days.parse()?, Path::new(to))?)?,
        [command, path] if command == "check" => serde_json::to_string(&check(Path::new(path))?)?,
        other => anyhow::bail!("{other:?}"),
    };
    println!("{line}");
    Ok(())
}

fn call<T: for<'j> Deserialize<'j>>(arguments: &[&str]) -> Result<T> {
    let out = Command::new(std::env::current_exe()?).arg("bundle").args(arguments).output()?;
    ensure!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    Ok(serde_json::from_slice(&out.stdout)?)
}

pub(crate) fn run(table: &mut Table) -> Result<()> {
    let temporary = tempfile::tempdir()?;
    let folder = std::env::var_os("GZ_BUNDLES").map_or_else(|| temporary.path().to_owned(), PathBuf::from);
    std::fs::create_dir_all(&folder)?;
    let mut peaks = Vec::new();
    for days in [7, 30] {
        let path = folder.join(format!("{days}-days.zip"));
        let place = path.to_str().context("a folder that is not UTF-8")?;
        let made: Made = call(&["make", &days.to_string(), place])?;
        let verified: Verified = call(&["check", place])?;
        let budget = if days == 30 { "≤ 10 s on 2 cores" } else { "—" };
        table.row(
            format!("verify {days} days: {} machines × 20 tags every 10 s", SHAPE.machines),
            format!("{:.1} s", verified.seconds),
            budget,
            format!(
                "{:.1} M readings in {} records, {:.0} MB: {} readings",
                made.readings as f64 / 1e6,
                made.records,
                made.bytes as f64 / 1e6,
                rate(made.readings as f64, Duration::from_secs_f64(verified.seconds))
            ),
        );
        table.row(
            format!("… processor time of all threads, {days} days"),
            format!("{:.1} s", verified.processor_s),
            if days == 30 { "≤ 20 s: two cores for 10 s" } else { "—" },
            format!("{:.0} µs a record", verified.processor_s * 1e6 / made.records as f64),
        );
        table.row(
            format!("… peak resident memory, {days} days"),
            format!("{:.0} MiB", verified.peak_kib as f64 / 1024.0),
            "≤ 300 MB, not growing with the period",
            "readings of the dates that are due; an index of the archive, 52 bytes a record",
        );
        peaks.push(verified.peak_kib);
    }
    if let [week, month] = peaks[..] {
        ensure!(month < 300_000, "{month} KiB");
        ensure!(month <= week + week / 2, "memory grew with the period: {week} and {month} KiB");
    }
    Ok(())
}
