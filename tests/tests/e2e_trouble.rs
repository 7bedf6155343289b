//! The promise of the whole chain, with the real programs under seeded trouble: every value the simulators served is in the
//! server's log exactly once, or lies inside a recorded gap whose cause is true; nothing else is there.
//!
//! Once through the server's own endpoint, once through Mosquitto. `cargo xtask test --seed N --seconds N -- trouble`
//! repeats any run at any length; a failure prints its seed and keeps its folder.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use tests::compare::{Injected, Limits, judge};
use tests::need;
use tests::seed::Random;
use tests::stack::{Options, Stack, Transport};
use tests::trouble::{self, SmallDisk, Trouble, now_ms};
use tests::wait::pause;

/// The two runs would starve each other on two cores.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

const DAY_MS: i64 = 86_400_000;
/// The simulated firm's clock: UTC + 8.
const ZONE_MS: i64 = 8 * 3_600_000;
const MORNING_MS: i64 = 9 * 3_600_000 + 20 * 60_000;
const SEAL_MS: u64 = 10_000;
const POLL_MS: i64 = 1_000;
/// A loaded machine: between the simulator's journal and the agent's clock reading.
const LATENCY_MS: i64 = 900;

fn run(transport: Transport) -> Result<()> {
    let seed = Random::seed_from("GZ_TROUBLE_SEED", 1);
    let seconds = Random::seed_from("GZ_TROUBLE_SECONDS", 110);
    let folder = tempfile::Builder::new().prefix("gongzheng-trouble-").tempdir()?;
    println!("{transport:?}: seed {seed}, {seconds} s of trouble, in {}", folder.path().display());
    let result = run_in(folder.path(), transport, seed, Duration::from_secs(seconds));
    if result.is_err() {
        println!("seed {seed} failed; its folder is kept: {}", folder.keep().display());
    }
    result
}

fn run_in(folder: &std::path::Path, transport: Transport, seed: u64, length: Duration) -> Result<()> {
    let mut random = Random::new(seed);
    let data_dir = folder.join("server");
    let disk = if need::is_root() {
        SmallDisk::mount(&data_dir, 96).map_err(|e| need::skip("the server's disk full", &format!("{e:#}"))).ok()
    } else {
        need::skip("the server's disk full", "mounting a small disk needs root");
        None
    };
    // The devices live through yesterday morning, when machines run, whatever the hour here is.
    let start_at = ((now_ms() + ZONE_MS) / DAY_MS - 1) * DAY_MS - ZONE_MS + MORNING_MS;
    let (sim_seed, start_at) = (seed.to_string(), start_at.to_string());
    let workshop = ["--seed", &sim_seed, "--hall", "--rest-day", "none", "--start-at", &start_at];
    let mut stack = Stack::start(
        folder,
        &Options {
            transport,
            workshop: &workshop,
            data_dir: Some(data_dir),
            seal_ms: SEAL_MS,
            reserve_mib: 4,
            agent: Vec::new(),
            devices: &[],
        },
    )?;
    let folder_of_workshop = stack.workshop.folder.display().to_string();
    stack.declare(&["--dir", &folder_of_workshop])?;
    stack.enrol_and_start_agent()?;
    // First light: something of every tag is in the log before anything is broken.
    let first = now_ms();
    stack.wait_logged(first, Duration::from_secs(60))?;

    let mut injected: Vec<Injected> = Vec::new();
    let start = Instant::now();
    let mut kinds: Vec<Trouble> = Vec::new();
    while start.elapsed() < length {
        if kinds.is_empty() {
            kinds = trouble::plan(&mut random, transport == Transport::Mosquitto, disk.is_some());
        }
        let Some(kind) = kinds.pop() else { continue };
        let done = trouble::inflict(&mut stack, kind, &mut random)?;
        println!("  {:>5.1} s  {}", start.elapsed().as_secs_f64(), done.what);
        injected.push(done);
        stack.check()?;
        pause(Duration::from_millis(random.between(500, 2_500)));
    }

    let until_ms = now_ms();
    let evidence = stack.wait_logged(until_ms + LATENCY_MS, Duration::from_secs(90))?;
    let (served, violations) = stack.workshop.served()?;
    ensure!(violations.is_empty(), "the agent tried to write to a machine: {violations:?}");
    let limits = Limits { until_ms, seal_ms: i64::try_from(SEAL_MS)?, poll_ms: POLL_MS, latency_ms: LATENCY_MS };
    let judgement = judge(&served, &evidence, &injected, limits);
    println!(
        "{transport:?}: {} faults injected, {} values served, {} stored, {} gapped; longest gapped tag {} ms; {} leaves",
        injected.len(),
        judgement.served,
        judgement.stored,
        judgement.gapped,
        judgement.gap_ms_worst,
        evidence.size
    );
    ensure!(judgement.stored > 1000, "too little was stored to mean anything: {}", judgement.stored);
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
