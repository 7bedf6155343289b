//! What the metrics say of a run against what really happened in the simulated world: counts and energy, states and OEE.
//!
//! The world is a pure function of its seed and of time, so the truth at any instant is computed here again, exactly, and not
//! read from anything the measured programs could have influenced.

use anyhow::{Context as _, Result, ensure};
use metrics::counter::Bounded;
use metrics::report::evaluate_window;
use metrics::shift::Schedule;
use metrics::{Interval, MachineState};
use simulators::world::state::Tally;
use simulators::world::{Config, World};

use crate::compare::Injected;
use crate::evidence::{self, Evidence};
use crate::stack::{GATEWAY, Stack};

const POLL_MS: i64 = 1_000;
/// Between the device's clock and the gateway's reading of it, at most.
const LATENCY_MS: i64 = 900;
/// Millionths of a kWh in one µJ: 1 kWh = 3.6 × 10¹² µJ.
const UJ_PER_MICRO_KWH: i128 = 3_600_000;
/// What one step of the slowest energy register is worth, in millionths of a kWh: 0.01 kWh.
const REGISTER_STEP: i128 = 10_000;

fn config(endpoints: &serde_json::Value) -> Result<Config> {
    let number = |key: &str| endpoints[key].as_i64().with_context(|| format!("endpoints.json has no {key}"));
    Ok(Config {
        seed: endpoints["seed"].as_u64().context("endpoints.json has no seed")?,
        epoch_ms: number("epoch_ms")?,
        hall: endpoints["hall"].as_bool().unwrap_or(false),
        retrofit_ms: endpoints["retrofit_ms"].as_i64(),
        rest_weekday: endpoints["rest_weekday"].as_u64().and_then(|d| u8::try_from(d).ok()),
        record: true,
    })
}

/// The truth about one machine between two instants of the devices' clock, and how often its state changed.
#[derive(Debug)]
struct Truth {
    tally: Tally,
    changes: i64,
}

fn truth(config: Config, machine: &str, from_ms: i64, to_ms: i64) -> Option<Truth> {
    let before = World::at(config, from_ms);
    let after = World::at(config, to_ms);
    let (before, after) = (before.machine(machine)?, after.machine(machine)?);
    let changes = after.intervals().iter().filter(|i| i.from > from_ms && i.from < to_ms).count();
    Some(Truth { tally: after.tally().since(before.tally()), changes: i64::try_from(changes).unwrap_or(i64::MAX) })
}

/// Compares every machine over the whole run.
///
/// # Errors
/// Names the first number that lies outside what the truth allows.
pub fn compare(stack: &Stack, evidence: &Evidence, injected: &[Injected], until_ms: i64) -> Result<()> {
    let endpoints = &stack.workshop.endpoints;
    let config = config(endpoints)?;
    let wall = endpoints["started_wall_ms"].as_i64().context("endpoints.json has no started_wall_ms")?;
    let device = endpoints["started_device_ms"].as_i64().context("endpoints.json has no started_device_ms")?;
    let shift = device - wall;
    let history = evidence::history(&stack.site_folder())?;
    let first = evidence.readings.iter().map(|r| r.utc_ms).min().context("no readings")?;
    let window = Interval::new(first + 5_000, until_ms);
    let mut compared = 0;
    for machine in ["press", "cnc"] {
        if history.statements().machine_definitions(machine).is_empty() {
            continue;
        }
        let schedule = Schedule { scheduled: true, breaks: Vec::new() };
        let facts = evaluate_window(&history, machine, window, &schedule).facts;
        let (from, to) = (window.from_ms + shift, window.to_ms + shift);
        // What the gateway sees is at most one poll and one way old at either edge.
        let slack = POLL_MS + LATENCY_MS;
        let narrow = truth(config, machine, from + slack, to - slack).context("the world has no such machine")?;
        let wide = truth(config, machine, from - slack, to + slack).context("the world has no such machine")?;
        let exact = truth(config, machine, from, to).context("the world has no such machine")?;
        // A frozen device shows what was: nobody could know better.
        let frozen: i64 = injected
            .iter()
            .filter(|i| i.device.as_deref() == Some(machine) && i.what.contains("frozen"))
            .map(|i| i.to_ms - i.from_ms)
            .sum();

        let unknown = facts.states_ms[MachineState::Unknown.code()];
        for state in MachineState::ALL.into_iter().filter(|s| *s != MachineState::Unknown) {
            let measured = facts.states_ms[state.code()];
            let really = exact.tally.state_ms[state.code()];
            let tolerance = (exact.changes + 2) * slack + frozen;
            ensure!(
                measured <= really + tolerance && measured + unknown + tolerance >= really,
                "{machine}: {} for {measured} ms, really {really} ms (unknown {unknown} ms, {} changes)",
                state.name(),
                exact.changes
            );
        }
        let total: i64 = facts.states_ms.iter().sum();
        ensure!(total == window.to_ms - window.from_ms, "{machine}: the states do not tile the window");

        let production = facts.production.with_context(|| format!("{machine} counts and has no counts"))?;
        let all = |t: &Truth| t.tally.good_total() + t.tally.reject_total();
        within(machine, "produced", production.produced.items, all(&narrow), all(&wide))?;
        if production.rejects_known {
            within(machine, "good", production.good.items, narrow.tally.good_total(), wide.tally.good_total())?;
        }
        // No piece came off near either edge: there is nothing to be uncertain about.
        if all(&narrow) == all(&wide) && frozen == 0 {
            let (value, really) = (production.produced.items.value, i128::from(all(&exact)));
            ensure!(value == really * ITEM, "{machine}: {value} millionths of a piece, really {really} pieces");
        }
        if let Some(energy) = facts.energy {
            let micro = |t: &Truth| t.tally.energy_uj / UJ_PER_MICRO_KWH;
            let (low, high) = (micro(&narrow) - 2 * REGISTER_STEP, micro(&wide) + 2 * REGISTER_STEP);
            let b = energy.micro_kwh;
            ensure!(
                b.lower <= high && (energy.uncapped || b.upper >= low) && b.value >= low - high / 10 && b.value <= high,
                "{machine}: {b:?} millionths of a kWh, really between {low} and {high}"
            );
        }
        println!(
            "  {machine}: {} pieces (really {}), {} ms running (really {}), {} ms unknown of {total}",
            production.produced.items.value / ITEM,
            all(&exact),
            facts.states_ms[MachineState::Run.code()],
            exact.tally.state_ms[MachineState::Run.code()],
            unknown
        );
        compared += 1;
    }
    ensure!(compared == 2, "press and cnc must be declared and read by {GATEWAY}");
    Ok(())
}

/// Counts are kept in millionths of a piece.
const ITEM: i128 = 1_000_000;

fn within(machine: &str, what: &str, found: Bounded, low: u64, high: u64) -> Result<()> {
    let (low, high) = (i128::from(low) * ITEM, i128::from(high) * ITEM);
    ensure!(
        found.lower <= high && found.upper >= low,
        "{machine}: {what} is {} [{}, {}], really between {low} and {high}",
        found.value,
        found.lower,
        found.upper
    );
    Ok(())
}
