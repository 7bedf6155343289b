//! The gateways' processors: the agent built for aarch64 and armv7 runs under emulation, reads a simulated press, buffers while
//! the cable is cut, is killed, recovers and delivers; the verifier for the same processor starts and refuses nonsense.
//!
//! `cargo xtask test` builds both programs before; without them (a plain `cargo test`) the test says what it skipped.

use std::path::PathBuf;
use std::process::Command;
use std::sync::Mutex;
use std::time::Duration;

use anyhow::{Result, ensure};
use protocol::GapCause;
use tests::compare::{Injected, Limits, judge};
use tests::need;
use tests::programs::finish;
use tests::proxy::Cable;
use tests::stack::{Options, Stack};
use tests::trouble::now_ms;
use tests::{repo, wait};

static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// Emulation makes everything slower, never wrong.
const LATENCY_MS: i64 = 2_500;
const POLL_MS: i64 = 1_000;
const SEAL_MS: u64 = 5_000;

/// The emulator with its arguments, or `None` after the reason was printed.
fn emulator(target: &str, qemu: &str, libraries: Option<&str>) -> Option<Vec<PathBuf>> {
    let what = format!("the agent on {target}");
    let folder = repo::program_dir().parent()?.join(target).join("debug");
    if !folder.join("gongzheng-agent").is_file() {
        need::skip(&what, "not built; `cargo xtask test` builds it");
        return None;
    }
    let mut command = vec![need::program(qemu, "qemu-user-static", &what)?];
    if let Some(libraries) = libraries {
        command.extend([PathBuf::from("-L"), PathBuf::from(libraries)]);
    }
    Some(command)
}

fn run(target: &str, qemu: &str, libraries: Option<&str>) -> Result<()> {
    let _alone = ONE_AT_A_TIME.lock();
    let Some(emulator) = emulator(target, qemu, libraries) else { return Ok(()) };
    let programs = repo::program_dir().parent().map(|d| d.join(target).join("debug")).unwrap_or_default();
    let folder = tempfile::Builder::new().prefix("gongzheng-arm-").tempdir()?;

    // The verifier of this processor says clearly that this is not a bundle.
    let nonsense = folder.path().join("nonsense.zip");
    std::fs::write(&nonsense, b"this is not an archive")?;
    let mut verifier = Command::new(&emulator[0]);
    verifier.args(&emulator[1..]).arg(programs.join("gongzheng-verify")).arg(&nonsense);
    let (code, out, err) = finish(&mut verifier, Duration::from_secs(60))?;
    ensure!(code == Some(1), "the verifier on {target} ended with {code:?}: {out}{err}");

    let agent = emulator.into_iter().chain([programs.join("gongzheng-agent")]).collect();
    let options = Options {
        workshop: &["--seed", "5", "--rest-day", "none"],
        seal_ms: SEAL_MS,
        reserve_mib: 4,
        agent,
        devices: &["press", "main"],
        ..Options::default()
    };
    let mut stack = Stack::start(folder.path(), &options)?;
    stack.enrol_and_start_agent()?;
    let first = now_ms();
    stack.wait_logged(first, Duration::from_secs(120))?;

    // Buffers while the cable is cut, is killed with the backlog on its disk, recovers, delivers.
    let size = stack.evidence()?.size;
    stack.proxy.set(Cable::Cut);
    wait::pause(Duration::from_secs(12));
    let from_ms = now_ms();
    stack.kill_agent()?;
    stack.start_agent()?;
    let to_ms = now_ms();
    wait::pause(Duration::from_secs(3));
    ensure!(stack.evidence()?.size <= size + 2, "records passed a cut cable");
    stack.proxy.set(Cable::Whole);
    let until_ms = now_ms() + 8_000;
    let evidence = stack.wait_logged(until_ms + LATENCY_MS, Duration::from_secs(180))?;

    let killed = Injected {
        what: "agent killed".into(),
        from_ms,
        // A program takes longer to start under emulation.
        to_ms: to_ms + 4_000,
        causes: vec![GapCause::ProcessKilled],
        device: None,
        unsealed: true,
    };
    let limits = Limits {
        until_ms,
        seal_ms: i64::try_from(SEAL_MS)?,
        poll_ms: POLL_MS,
        latency_ms: LATENCY_MS,
        pushed_ms: LATENCY_MS,
    };
    let (served, violations) = stack.workshop.served()?;
    ensure!(violations.is_empty(), "the agent tried to write to a machine: {violations:?}");
    let judgement = judge(&served, &evidence, &[killed], limits);
    let (served, stored, gapped) = (judgement.served, judgement.stored, judgement.gapped);
    need::say(&format!("{target}: {served} served, {stored} stored, {gapped} gapped"));
    ensure!(judgement.stored > 200, "too little was stored to mean anything: {}", judgement.stored);
    ensure!(judgement.findings.is_empty(), "{} findings: {:#?}", judgement.findings.len(), judgement.findings);
    stack.stop()
}

#[test]
fn the_agent_on_aarch64_reads_buffers_is_killed_recovers_and_delivers() -> Result<()> {
    run("aarch64-unknown-linux-gnu", "qemu-aarch64-static", None)
}

#[test]
fn the_agent_on_armv7_reads_buffers_is_killed_recovers_and_delivers() -> Result<()> {
    run("armv7-unknown-linux-gnueabihf", "qemu-arm-static", Some("/usr/arm-linux-gnueabihf"))
}
