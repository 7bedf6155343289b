//! What the metrics say of a run against what really happened in the simulated world: states, counts, OEE and energy.
//!
//! Constraints: the world is a pure function of its seed and of time, so the truth at any instant is computed here again, exactly,
//! and not read from anything the measured programs could have influenced. Where nothing is uncertain — no piece came off and nothing
//! was broken near either edge, no counter was reset in between — the numbers must be *equal*; elsewhere they must lie inside their
//! bounds. A run that compared nothing exactly has failed.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result, bail, ensure};
use metrics::counter::Bounded;
use metrics::facts::{Facts, Production};
use metrics::report::evaluate_window;
use metrics::shift::Schedule;
use metrics::{History, Interval, MachineState, oee};
use simulators::world::state::Tally;
use simulators::world::{Config, World};

use crate::compare::Injected;
use crate::evidence::{self, Evidence};
use crate::need::say;
use crate::shown::{self, Reading, STATEFUL};
use crate::stack::{GATEWAY, Stack};

const POLL_MS: i64 = 1_000;
/// Between the device's clock and the gateway's reading of it, at most.
const LATENCY_MS: i64 = 900;
/// What the gateway sees is at most this old (a poll and the latency, on the film's grid).
const SLACK_MS: i64 = 2_000;
/// The lathe's declared rule believes a change of power after this.
const LATHE_DWELL_MS: i64 = 2_000;
/// Millionths of a kWh in one µJ: 1 kWh = 3.6 × 10¹² µJ.
const UJ_PER_MICRO_KWH: i128 = 3_600_000;
/// What one step of the slowest energy register is worth, in millionths of a kWh: 0.01 kWh.
const REGISTER_STEP: i128 = 10_000;
/// Counts are kept in millionths of a piece, planned time in millionths of a microsecond.
const ITEM: i128 = 1_000_000;
const COUNTING: [&str; 3] = ["press", "cnc", "blister"];
const METERED: [&str; 7] = ["press", "cnc", "lathe", "compressor", "main", "vessel", "blister"];

fn config(endpoints: &serde_json::Value) -> Result<Config> {
    let number = |key: &str| endpoints[key].as_i64().with_context(|| format!("endpoints.json has no {key}"));
    Ok(Config {
        seed: endpoints["seed"].as_u64().context("endpoints.json has no seed")?,
        epoch_ms: number("epoch_ms")?,
        hall: endpoints["hall"].as_bool().unwrap_or(false),
        retrofit_ms: endpoints["retrofit_ms"].as_i64(),
        rest_weekday: endpoints["rest_weekday"].as_u64().and_then(|d| u8::try_from(d).ok()),
        record: false,
    })
}

/// Between two frames of the film.
const FRAME_MS: i64 = 250;

/// The truth frame by frame: totals of every machine and meter, on the devices' clock.
struct Film {
    from_ms: i64,
    tallies: BTreeMap<&'static str, Vec<Tally>>,
    energy_uj: BTreeMap<&'static str, Vec<i128>>,
    /// Planned time per piece of each product, ms.
    planned: BTreeMap<&'static str, Vec<i64>>,
}

impl Film {
    fn new(config: Config, from_ms: i64, to_ms: i64) -> Self {
        let from_ms = from_ms.div_euclid(FRAME_MS) * FRAME_MS;
        let mut world = World::at(config, from_ms);
        let mut film = Self { from_ms, tallies: BTreeMap::new(), energy_uj: BTreeMap::new(), planned: BTreeMap::new() };
        for id in COUNTING {
            let products = world.machine(id).map_or(&[][..], |m| m.profile().products);
            film.planned.insert(id, products.iter().map(|p| p.pri_ms).collect());
        }
        while world.now() <= to_ms + FRAME_MS {
            for id in COUNTING {
                film.tallies.entry(id).or_default().push(world.machine(id).map(|m| *m.tally()).unwrap_or_default());
            }
            for id in METERED {
                film.energy_uj.entry(id).or_default().push(world.energy_uj(id).unwrap_or(0));
            }
            world.advance_to(world.now() + FRAME_MS);
        }
        film
    }

    fn frame<T: Copy>(&self, list: &BTreeMap<&'static str, Vec<T>>, id: &str, at_ms: i64) -> Result<T> {
        let at = usize::try_from((at_ms - self.from_ms) / FRAME_MS).ok();
        list.get(id).zip(at).and_then(|(list, at)| list.get(at)).copied().with_context(|| format!("no frame of {id}"))
    }

    /// What a machine made between two instants.
    fn made(&self, id: &str, span: Interval) -> Result<Made> {
        let tally = |at| self.frame(&self.tallies, id, at);
        let made = tally(span.to_ms)?.since(&tally(span.from_ms)?);
        let planned = &self.planned[id];
        let time = |counts: &[u64]| -> i128 {
            planned.iter().zip(counts).map(|(ms, n)| i128::from(*ms) * 1_000 * i128::from(*n)).sum()
        };
        let (good, reject) = (i128::from(made.good_total()), i128::from(made.reject_total()));
        let (good_us, reject_us) = (time(&made.good), time(&made.reject));
        // The machining centre shows all its parts in one counter; what nobody rejects is good.
        Ok(match id {
            "cnc" => Made { all: good + reject, good: good + reject, good_us: good_us + reject_us },
            _ => Made { all: good + reject, good, good_us },
        })
    }

    /// Energy through a meter, millionths of a kWh.
    fn micro_kwh(&self, id: &str, span: Interval) -> Result<i128> {
        let at = |ms| self.frame(&self.energy_uj, id, ms);
        Ok((at(span.to_ms)? - at(span.from_ms)?) / UJ_PER_MICRO_KWH)
    }
}

/// Pieces, and the planned time of the good ones in µs: the numerator of OEE.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Made {
    all: i128,
    good: i128,
    good_us: i128,
}

/// A run, its evidence and its truth.
struct Run<'a> {
    film: Film,
    config: Config,
    evidence: &'a Evidence,
    injected: &'a [Injected],
    history: History,
    /// Device clock minus wall clock.
    shift_ms: i64,
    window: Interval,
}

/// Compares every machine and meter over the whole run.
///
/// # Errors
/// Names the first number that lies outside what the truth allows; also when nothing could be compared exactly.
pub fn compare(stack: &Stack, evidence: &Evidence, injected: &[Injected], until_ms: i64) -> Result<()> {
    let endpoints = &stack.workshop.endpoints;
    let config = config(endpoints)?;
    let wall = endpoints["started_wall_ms"].as_i64().context("endpoints.json has no started_wall_ms")?;
    let device = endpoints["started_device_ms"].as_i64().context("endpoints.json has no started_device_ms")?;
    let shift_ms = device - wall;
    let first = evidence.readings.iter().map(|r| r.utc_ms).min().context("no readings")?;
    // On the grid of the film, which is the device's.
    let aligned = |ms: i64| (ms + shift_ms).div_euclid(FRAME_MS) * FRAME_MS - shift_ms;
    let window = Interval::new(aligned(first + 5_000), aligned(until_ms));
    let around = (window.from_ms + shift_ms - 2 * SLACK_MS, window.to_ms + shift_ms + 2 * SLACK_MS);
    let run = Run {
        film: Film::new(config, around.0, around.1),
        config,
        evidence,
        injected,
        history: evidence::history(&stack.site_folder())?,
        shift_ms,
        window,
    };
    let (mut exact, mut pieces) = (0, 0);
    for machine in METERED {
        ensure!(
            !run.history.statements().machine_definitions(machine).is_empty(),
            "{machine} must be declared and read by {GATEWAY}"
        );
        let facts = run.facts(machine, window);
        if STATEFUL.contains(&machine) {
            run.states(machine, &facts)?;
        }
        if COUNTING.contains(&machine) {
            run.within_bounds(machine, &facts)?;
            let (stretches, made) = run.exact(machine)?;
            (exact, pieces) = (exact + stretches, pieces + made);
        }
        run.energy(machine, &facts)?;
    }
    ensure!(exact > 0, "no stretch of any machine could be compared exactly: a longer run is needed to prove anything");
    say(&format!("  {exact} stretches with {pieces} pieces agree exactly in pieces, planned time and OEE"));
    Ok(())
}

impl Run<'_> {
    fn facts(&self, machine: &str, window: Interval) -> Facts {
        let schedule = Schedule { scheduled: true, ..Schedule::default() };
        evaluate_window(&self.history, machine, window, &schedule).facts
    }

    /// The same stretch on the devices' clock.
    fn of_device(&self, window: Interval) -> Interval {
        Interval::new(window.from_ms + self.shift_ms, window.to_ms + self.shift_ms)
    }

    /// What was done to a machine itself, of this kind.
    fn met(&self, machine: &str, what: &str) -> impl Iterator<Item = &Injected> {
        self.injected.iter().filter(move |i| i.device.as_deref() == Some(machine) && i.what.contains(what))
    }

    fn states(&self, machine: &str, facts: &Facts) -> Result<()> {
        let window = self.of_device(self.window);
        let truth = shown::stretches(self.config, machine, window.from_ms, window.to_ms).context("no such machine")?;
        let dwell_ms = if machine == "lathe" { LATHE_DWELL_MS } else { 0 };
        let reading = Reading { poll_ms: POLL_MS, latency_ms: LATENCY_MS, dwell_ms };
        let unknown = facts.states_ms[MachineState::Unknown.code()];
        // A frozen device shows what was: nobody could know better. Held time is the metrics' own doubt.
        let frozen: i64 = self.met(machine, "frozen").map(|i| i.to_ms - i.from_ms + POLL_MS).sum();
        let doubt = frozen + facts.buckets.held_run_ms + facts.buckets.held_other_ms;
        let mut words = Vec::new();
        for state in MachineState::ALL.into_iter().filter(|s| *s != MachineState::Unknown) {
            let (measured, really) = (facts.states_ms[state.code()], shown::expected(&truth, window, state, reading));
            let tolerance = really.tolerance_ms + doubt;
            ensure!(
                measured <= really.ms + tolerance && measured + unknown + tolerance >= really.ms,
                "{machine}: {} for {measured} ms, really {} ms; allowed are {tolerance} ms ({} edges, unknown {unknown} ms)",
                state.name(),
                really.ms,
                really.edges
            );
            if measured + really.ms > 0 {
                words.push(format!("{} {measured} ms (really {}, ±{tolerance})", state.name(), really.ms));
            }
        }
        let total: i64 = facts.states_ms.iter().sum();
        ensure!(total == self.window.length_ms(), "{machine}: the states do not tile the window");
        say(&format!("  {machine}: {}, unknown {unknown} ms", words.join(", ")));
        Ok(())
    }

    /// The whole window with everything that was done in it: inside the bounds.
    fn within_bounds(&self, machine: &str, facts: &Facts) -> Result<()> {
        let production = counted(machine, facts)?;
        let span = self.of_device(self.window);
        let narrow = self.film.made(machine, Interval::new(span.from_ms + SLACK_MS, span.to_ms - SLACK_MS))?;
        let wide = self.film.made(machine, Interval::new(span.from_ms - SLACK_MS, span.to_ms + SLACK_MS))?;
        within(machine, "produced", production.produced.items, narrow.all * ITEM, wide.all * ITEM)?;
        within(machine, "good", production.good.items, narrow.good * ITEM, wide.good * ITEM)?;
        let standard = (narrow.good_us * ITEM, wide.good_us * ITEM);
        within(machine, "planned time of good pieces", production.good.standard, standard.0, standard.1)?;
        let value = oee::oee(facts).map_err(|why| anyhow::anyhow!("{machine}: no OEE: {why:?}"))?;
        // The window is planned as a whole: planned busy time is its length, whatever was not seen.
        let planned_us = i128::from(self.window.length_ms()) * 1_000;
        ensure!(value.den == planned_us, "{machine}: PBT is {} µs, really {planned_us}", value.den);
        let (lower, upper) = (value.lower, value.upper);
        ensure!(
            lower.0 * planned_us <= wide.good_us * lower.1
                && upper.is_none_or(|(num, den)| num * planned_us >= narrow.good_us * den),
            "{machine}: OEE within {lower:?} and {upper:?}, really between {} and {} of {planned_us}",
            narrow.good_us,
            wide.good_us
        );
        Ok(())
    }

    /// Stretches between resets whose edges lie where nothing happened: equal to the digit, whatever was not seen in between.
    /// Returns how many there were, and the pieces made in them.
    fn exact(&self, machine: &str) -> Result<(u32, i128)> {
        let around = |i: &Injected| Interval::new(i.from_ms - SLACK_MS, i.to_ms.max(i.from_ms) + SLACK_MS);
        let resets = metrics::interval::union(self.met(machine, "counter-reset").map(around).collect());
        let (mut exact, mut pieces) = (0, 0);
        for part in metrics::interval::subtract(self.window, &resets) {
            let aligned = (part.from_ms - self.window.from_ms).div_euclid(FRAME_MS) * FRAME_MS + self.window.from_ms;
            let instants = || (aligned..=part.to_ms).step_by(FRAME_MS as usize).filter(|at| *at >= part.from_ms);
            let (from, to) = (instants().find(|at| self.is_quiet(machine, *at)), {
                let all: Vec<i64> = instants().collect();
                all.into_iter().rev().find(|at| self.is_quiet(machine, *at))
            });
            let (Some(from), Some(to)) = (from, to) else { continue };
            if to - from < 5 * SLACK_MS {
                continue;
            }
            let span = Interval::new(from, to);
            let facts = self.facts(machine, span);
            let (found, really) = (counted(machine, &facts)?, self.film.made(machine, self.of_device(span))?);
            let items = found.produced.items;
            ensure!(
                items.lower == items.value && items.value == items.upper && items.value == really.all * ITEM,
                "{machine}: {items:?} millionths of a piece in {span:?}, really {}",
                really.all * ITEM
            );
            ensure!(
                found.good.items.value == really.good * ITEM && found.good.standard.value == really.good_us * ITEM,
                "{machine}: good {:?} in {span:?}, really {really:?}",
                found.good
            );
            let value = oee::oee(&facts).map_err(|why| anyhow::anyhow!("{machine}: no OEE: {why:?}"))?;
            ensure!(
                (value.num, value.den) == (really.good_us, i128::from(span.length_ms()) * 1_000),
                "{machine}: OEE {} / {} in {span:?}, really {} / {}",
                value.num,
                value.den,
                really.good_us,
                span.length_ms() * 1_000
            );
            let permyriad = value.num * 10_000 / value.den;
            say(&format!("  {machine}: exactly {} pieces, OEE {permyriad} ‱ in {} ms", really.all, span.length_ms()));
            exact += 1;
            pieces += really.all;
        }
        Ok((exact, pieces))
    }

    /// No piece came off around this instant, and nothing kept the gateway from seeing that.
    fn is_quiet(&self, machine: &str, at_ms: i64) -> bool {
        let around = Interval::new(at_ms - SLACK_MS, at_ms + SLACK_MS);
        let is_of = |tag: Option<&str>| tag.is_none_or(|t| t.split('/').next() == Some(machine));
        let is_seen = !self
            .evidence
            .gaps
            .iter()
            .any(|g| is_of(g.tag.as_deref()) && g.from_ms < around.to_ms && around.from_ms < g.to_ms);
        // A frozen register shows what was before.
        let is_live = self.met(machine, "frozen").all(|i| i.to_ms < around.from_ms || around.to_ms < i.from_ms);
        is_seen && is_live && self.film.made(machine, self.of_device(around)).is_ok_and(|made| made.all == 0)
    }

    fn energy(&self, machine: &str, facts: &Facts) -> Result<()> {
        // A meter that is replaced and nobody declares it; a frozen register that catches up at once, faster than its machine can
        // draw: the metrics must not believe either.
        for (what, why) in
            [("meter-replacement", "the meter was replaced and nobody declared it"), ("frozen", "it was frozen")]
        {
            if facts.energy_broken && self.met(machine, what).next().is_some() {
                say(&format!("  {machine}: energy undefined, {why}"));
                return Ok(());
            }
        }
        ensure!(!facts.energy_broken, "{machine}: the register broke and nothing was done to it");
        let b = facts.energy.with_context(|| format!("{machine} has a meter and no energy"))?;
        let (energy, uncapped) = (b.micro_kwh, b.uncapped);
        let span = self.of_device(self.window);
        let narrow = self.film.micro_kwh(machine, Interval::new(span.from_ms + SLACK_MS, span.to_ms - SLACK_MS))?;
        let wide = self.film.micro_kwh(machine, Interval::new(span.from_ms - SLACK_MS, span.to_ms + SLACK_MS))?;
        let (low, high) = (narrow - 2 * REGISTER_STEP, wide + 2 * REGISTER_STEP);
        // Readings missing at the very edge of the window: what passed there is nobody's.
        let is_edge = |at: i64| (self.window.from_ms - at).abs().min((self.window.to_ms - at).abs()) < 2 * SLACK_MS;
        let is_open = self.evidence.gaps.iter().any(|g| is_edge(g.from_ms) || is_edge(g.to_ms));
        say(&format!(
            "  {machine}: {} millionths of a kWh (really {})",
            energy.value,
            self.film.micro_kwh(machine, span)?
        ));
        ensure!(
            energy.lower <= high
                && (uncapped || energy.upper >= low)
                && (is_open || energy.value >= low)
                && energy.value <= high,
            "{machine}: {energy:?} millionths of a kWh, really between {low} and {high}"
        );
        Ok(())
    }
}

fn counted<'f>(machine: &str, facts: &'f Facts) -> Result<&'f Production> {
    facts.production.as_ref().with_context(|| format!("{machine} counts and has no counts"))
}

fn within(machine: &str, what: &str, found: Bounded, low: i128, high: i128) -> Result<()> {
    if found.lower <= high && found.upper >= low {
        return Ok(());
    }
    bail!("{machine}: {what} is {} [{}, {}], really between {low} and {high}", found.value, found.lower, found.upper)
}
