//! What the metrics say of a run against what really happened in the simulated world: counts and energy, states and OEE.
//!
//! The world is a pure function of its seed and of time, so the truth at any instant is computed here again, exactly, and not
//! read from anything the measured programs could have influenced.

use anyhow::{Context as _, Result, bail, ensure};
use metrics::counter::Bounded;
use metrics::facts::Facts;
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

/// The truth between two instants of the devices' clock.
struct Span {
    before: World,
    after: World,
}

impl Span {
    fn new(config: Config, from_ms: i64, to_ms: i64) -> Self {
        Self { before: World::at(config, from_ms), after: World::at(config, to_ms) }
    }

    /// What happened at a machine that makes pieces.
    fn tally(&self, machine: &str) -> Option<Tally> {
        Some(self.after.machine(machine)?.tally().since(self.before.machine(machine)?.tally()))
    }

    /// How often its state changed.
    fn changes(&self, machine: &str) -> i64 {
        let intervals = self.after.machine(machine).map_or(&[][..], |m| m.intervals());
        let inside = |at: i64| at > self.before.now() && at < self.after.now();
        i64::try_from(intervals.iter().filter(|i| inside(i.from)).count()).unwrap_or(i64::MAX)
    }

    /// Planned time of its good pieces, microseconds: the numerator of OEE.
    fn good_standard_us(&self, machine: &str) -> Option<i128> {
        let good = self.tally(machine)?.good;
        let products = self.after.machine(machine)?.profile().products;
        Some(products.iter().zip(good).map(|(p, n)| i128::from(p.pri_ms) * 1000 * i128::from(n)).sum())
    }

    /// Energy through a meter, millionths of a kWh.
    fn micro_kwh(&self, meter: &str) -> Option<i128> {
        Some((self.after.energy_uj(meter)? - self.before.energy_uj(meter)?) / UJ_PER_MICRO_KWH)
    }
}

/// The truth about a window as the gateway can see it: at most one poll and one way old at either edge.
struct Truth {
    exact: Span,
    narrow: Span,
    wide: Span,
}

/// What the gateway sees is at most this old.
const SLACK_MS: i64 = POLL_MS + LATENCY_MS;

/// Compares every machine and meter over the whole run.
///
/// # Errors
/// Names the first number that lies outside what the truth allows.
pub fn compare(stack: &Stack, evidence: &Evidence, injected: &[Injected], until_ms: i64) -> Result<()> {
    let endpoints = &stack.workshop.endpoints;
    let config = config(endpoints)?;
    let wall = endpoints["started_wall_ms"].as_i64().context("endpoints.json has no started_wall_ms")?;
    let device = endpoints["started_device_ms"].as_i64().context("endpoints.json has no started_device_ms")?;
    let history = evidence::history(&stack.site_folder())?;
    let first = evidence.readings.iter().map(|r| r.utc_ms).min().context("no readings")?;
    let window = Interval::new(first + 5_000, until_ms);
    let (from, to) = (window.from_ms + device - wall, window.to_ms + device - wall);
    let truth = Truth {
        exact: Span::new(config, from, to),
        narrow: Span::new(config, from + SLACK_MS, to - SLACK_MS),
        wide: Span::new(config, from - SLACK_MS, to + SLACK_MS),
    };
    // Readings missing at the very edge of the window: what passed there is nobody's.
    let is_edge = |at: i64| (window.from_ms - at).abs().min((window.to_ms - at).abs()) < 2 * SLACK_MS;
    let is_open = evidence.gaps.iter().any(|g| is_edge(g.from_ms) || is_edge(g.to_ms));
    for machine in ["press", "cnc", "lathe", "compressor", "main", "vessel", "blister"] {
        ensure!(
            !history.statements().machine_definitions(machine).is_empty(),
            "{machine} must be declared and read by {GATEWAY}"
        );
        let schedule = Schedule { scheduled: true, ..Schedule::default() };
        let facts = evaluate_window(&history, machine, window, &schedule).facts;
        let met = |what: &str| {
            let here = injected.iter().filter(|i| i.device.as_deref() == Some(machine) && i.what.contains(what));
            here.map(|i| (i.to_ms - i.from_ms).max(1)).sum::<i64>()
        };
        // A frozen device shows what was: nobody could know better.
        let frozen = met("frozen");
        // The lathe is known by its clamp meter alone, the vessel counts kilograms, meters have no state.
        if ["press", "cnc", "blister"].contains(&machine) {
            states(machine, &facts, &truth, window, frozen)?;
            production(machine, &facts, &truth, window, frozen == 0 && met("counter-reset") == 0)?;
        }
        energy(machine, &facts, &truth, met("meter-replacement") > 0, is_open)?;
    }
    Ok(())
}

fn states(machine: &str, facts: &Facts, truth: &Truth, window: Interval, frozen: i64) -> Result<()> {
    let tally = truth.exact.tally(machine).context("the world has no such machine")?;
    let changes = truth.exact.changes(machine);
    let unknown = facts.states_ms[MachineState::Unknown.code()];
    for state in MachineState::ALL.into_iter().filter(|s| *s != MachineState::Unknown) {
        let (measured, really) = (facts.states_ms[state.code()], tally.state_ms[state.code()]);
        let tolerance = (changes + 2) * SLACK_MS + frozen;
        ensure!(
            measured <= really + tolerance && measured + unknown + tolerance >= really,
            "{machine}: {} for {measured} ms, really {really} ms (unknown {unknown} ms, {changes} changes)",
            state.name(),
        );
    }
    let total: i64 = facts.states_ms.iter().sum();
    ensure!(total == window.to_ms - window.from_ms, "{machine}: the states do not tile the window");
    let run = MachineState::Run.code();
    println!(
        "  {machine}: {} ms running (really {}), {unknown} ms unknown of {total}",
        facts.states_ms[run], tally.state_ms[run]
    );
    Ok(())
}

fn production(machine: &str, facts: &Facts, truth: &Truth, window: Interval, is_whole: bool) -> Result<()> {
    let production = facts.production.as_ref().with_context(|| format!("{machine} counts and has no counts"))?;
    let [exact, narrow, wide] = [&truth.exact, &truth.narrow, &truth.wide].map(|span| span.tally(machine));
    let (Some(exact), Some(narrow), Some(wide)) = (exact, narrow, wide) else { bail!("no machine {machine}") };
    let all = |t: &Tally| i128::from(t.good_total() + t.reject_total()) * ITEM;
    let good = |t: &Tally| i128::from(t.good_total()) * ITEM;
    within(machine, "produced", production.produced.items, all(&narrow), all(&wide))?;
    // No piece came off near either edge: there is nothing to be uncertain about.
    let is_sure = all(&narrow) == all(&wide) && is_whole;
    let value = production.produced.items.value;
    ensure!(!is_sure || value == all(&exact), "{machine}: {value} millionths of a piece, really {}", all(&exact));
    println!("  {machine}: {} pieces (really {})", value / ITEM, all(&exact) / ITEM);
    if !production.rejects_known {
        return Ok(());
    }
    within(machine, "good", production.good.items, good(&narrow), good(&wide))?;
    let standard = |span: &Span| span.good_standard_us(machine).unwrap_or_default() * ITEM;
    let (low, high) = (standard(&truth.narrow), standard(&truth.wide));
    within(machine, "planned time of good pieces (µs)", production.good.standard, low, high)?;
    // The window is planned as a whole, so OEE is that planned time over its length.
    let oee = |standard: i128| standard / ITEM / 1000 * 10_000 / i128::from(window.length_ms());
    let (value, really) = (production.good.standard.value, standard(&truth.exact));
    ensure!(!is_sure || value == really, "{machine}: planned time {value}, really {really}");
    println!("  {machine}: OEE {} ‱ (really {})", oee(value), oee(really));
    Ok(())
}

fn energy(machine: &str, facts: &Facts, truth: &Truth, is_replaced: bool, is_open: bool) -> Result<()> {
    if facts.energy_broken && is_replaced {
        println!("  {machine}: energy undefined, the meter was replaced and nobody declared it");
        return Ok(());
    }
    ensure!(!facts.energy_broken, "{machine}: the register broke and nothing was done to it");
    let energy = facts.energy.with_context(|| format!("{machine} has a meter and no energy"))?;
    let micro = |span: &Span| span.micro_kwh(machine).with_context(|| format!("no meter {machine}"));
    let (low, high) = (micro(&truth.narrow)? - 2 * REGISTER_STEP, micro(&truth.wide)? + 2 * REGISTER_STEP);
    let b = energy.micro_kwh;
    println!("  {machine}: {} millionths of a kWh (really {})", b.value, micro(&truth.exact)?);
    ensure!(
        b.lower <= high && (energy.uncapped || b.upper >= low) && (is_open || b.value >= low) && b.value <= high,
        "{machine}: {b:?} millionths of a kWh, really between {low} and {high}"
    );
    Ok(())
}

/// Counts are kept in millionths of a piece.
const ITEM: i128 = 1_000_000;

fn within(machine: &str, what: &str, found: Bounded, low: i128, high: i128) -> Result<()> {
    ensure!(
        found.lower <= high && found.upper >= low,
        "{machine}: {what} is {} [{}, {}], really between {low} and {high}",
        found.value,
        found.lower,
        found.upper
    );
    Ok(())
}
