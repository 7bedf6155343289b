//! The promise of the whole chain, with the real programs under seeded trouble: every value the simulators served is in the
//! server's log exactly once, or lies inside a recorded gap whose cause is true; nothing else is there.
//!
//! Once through the server's own endpoint, with OPC UA subscriptions beside the polls; once through Mosquitto with TLS, certificates
//! and access rules. `cargo xtask test --seed N --seconds N -- trouble` repeats any run at any length; a run ends when its time is up
//! *and* every kind of trouble was done. A failure prints its seed and keeps its folder.

use std::sync::Mutex;
use std::time::Duration;

use anyhow::{Result, ensure};
use tests::compare::{Limits, judge, unnoticed};
use tests::need::{self, say};
use tests::seed::Random;
use tests::stack::{Options, Stack, Transport};
use tests::trouble::{self, SmallDisk, now_ms};

/// The two runs would starve each other on two cores.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

const DAY_MS: i64 = 86_400_000;
/// The simulated firm's clock: UTC + 8.
const ZONE_MS: i64 = 8 * 3_600_000;
const MORNING_MS: i64 = 9 * 3_600_000 + 20 * 60_000;
const SEAL_MS: u64 = 5_000;
const POLL_MS: i64 = 1_000;
/// A loaded machine: between the simulator's journal and the agent's clock reading.
const LATENCY_MS: i64 = 900;
/// What is pushed waits for the publishing interval (1 s) too, and the fault `late` holds it back for 1.5 s more.
const PUSHED_MS: i64 = LATENCY_MS + 1_000 + 1_500;

fn run(transport: Transport) -> Result<()> {
    let seed = Random::seed_from("GZ_TROUBLE_SEED", 1);
    let seconds = Random::seed_from("GZ_TROUBLE_SECONDS", 95);
    let folder = tempfile::Builder::new().prefix("gongzheng-trouble-").tempdir()?;
    say(&format!("{transport:?}: seed {seed}, {seconds} s of trouble, in {}", folder.path().display()));
    let data_dir = folder.path().join("server");
    let disk = if need::is_root() {
        SmallDisk::mount(&data_dir, 96).map_err(|e| need::skip("the server's disk full", &format!("{e:#}"))).ok()
    } else {
        need::skip("the server's disk full", "mounting a small disk needs root; run the test as root to fill one");
        None
    };
    let result = run_in(folder.path(), transport, seed, Duration::from_secs(seconds), disk.is_some());
    if result.is_err() {
        if let Some(disk) = &disk {
            disk.rescue()?;
        }
        drop(disk);
        say(&format!("seed {seed} failed; its folder is kept: {}", folder.keep().display()));
    }
    result
}

fn run_in(
    folder: &std::path::Path,
    transport: Transport,
    seed: u64,
    length: Duration,
    has_small_disk: bool,
) -> Result<()> {
    let mut random = Random::new(seed);
    let data_dir = folder.join("server");
    // The devices live through yesterday morning, when machines run, whatever the hour here is.
    let start_at = ((now_ms() + ZONE_MS) / DAY_MS - 1) * DAY_MS - ZONE_MS + MORNING_MS;
    let (sim_seed, start_at) = (seed.to_string(), start_at.to_string());
    let workshop = ["--seed", &sim_seed, "--hall", "--rest-day", "none", "--start-at", &start_at];
    let broker = transport == Transport::Mosquitto;
    let options = Options {
        transport,
        workshop: &workshop,
        data_dir: Some(data_dir),
        seal_ms: SEAL_MS,
        reserve_mib: 4,
        subscribe: !broker,
        ..Options::default()
    };
    let mut stack = Stack::start(folder, &options)?;
    let folder_of_workshop = stack.workshop.folder.display().to_string();
    stack.declare(&["--dir", &folder_of_workshop])?;
    stack.enrol_and_start_agent()?;
    // First light: something of every tag is in the log before anything is broken.
    let first = now_ms();
    stack.wait_logged(first, Duration::from_secs(60))?;

    let injected = trouble::campaign(&mut stack, &mut random, length, broker, has_small_disk)?;

    let until_ms = now_ms();
    let evidence = stack.wait_logged(until_ms + PUSHED_MS, Duration::from_secs(90))?;
    let (served, violations) = stack.workshop.served()?;
    ensure!(violations.is_empty(), "the agent tried to write to a machine: {violations:?}");
    let seal_ms = i64::try_from(SEAL_MS)?;
    let limits = Limits { until_ms, seal_ms, poll_ms: POLL_MS, latency_ms: LATENCY_MS, pushed_ms: PUSHED_MS };
    let mut judgement = judge(&served, &evidence, &injected, limits);
    judgement.findings.extend(unnoticed(&injected, &evidence, limits));
    say(&format!(
        "{transport:?}: {} faults injected{}, {} values served, {} stored ({} pushed), {} gapped; longest gapped tag {} ms; {} leaves",
        injected.len(),
        if has_small_disk { "" } else { " (the server's disk was NOT filled)" },
        judgement.served,
        judgement.stored,
        judgement.pushed,
        judgement.gapped,
        judgement.gap_ms_worst,
        evidence.size
    ));
    ensure!(judgement.stored > 1000, "too little was stored to mean anything: {}", judgement.stored);
    ensure!((judgement.pushed > 0) == options.subscribe, "{} pushed values were stored", judgement.pushed);
    let shown: Vec<_> = judgement.findings.iter().take(20).collect();
    ensure!(judgement.findings.is_empty(), "{} findings, the first: {shown:#?}", judgement.findings.len());
    tests::truth::compare(&stack, &evidence, &injected, until_ms)?;
    stack.stop()
}

#[test]
fn trouble_through_the_servers_own_endpoint_loses_and_invents_nothing() -> Result<()> {
    let _alone = ONE_AT_A_TIME.lock();
    run(Transport::Endpoint)
}

#[test]
fn trouble_through_an_external_broker_loses_and_invents_nothing() -> Result<()> {
    let _alone = ONE_AT_A_TIME.lock();
    if need::program("mosquitto", "mosquitto", "trouble through an external broker").is_none() {
        return Ok(());
    }
    run(Transport::Mosquitto)
}
