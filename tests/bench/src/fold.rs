//! The two folds every metric rests on, alone: samples of a state into intervals, samples of a register into amounts.

use anyhow::{Result, ensure};
use metrics::counter::{self, RegisterRule, Weight};
use metrics::timeline::{Cadence, state_ms, tile};
use metrics::{History, Interval, MachineState};

use crate::measure::{Table, rate, repeat_busy};
use crate::plant::{DAY_MS, ITEM_US, MODULUS, Plant, START_MS};

pub(crate) fn run(table: &mut Table) -> Result<()> {
    let mut plant = Plant::new(2);
    let mut history = History::new();
    let mut index = 0;
    let mut push = |(leaf, content): (protocol::Leaf, Vec<u8>)| {
        index += 1;
        history.push(index - 1, &leaf, Some(&content))
    };
    for kept in plant.beginning()? {
        push(kept)?;
    }
    for _ in 0..1_440 {
        push(plant.minute()?.0)?;
    }
    let window = Interval::new(START_MS, START_MS + DAY_MS);
    let cadence = Cadence::new(1_000);

    let series = history.series("gw-1", "m00/state", window);
    let readings = series.times.len();
    let decide = |(ms, code): (i64, i64)| {
        let state = match code {
            4 => MachineState::Run,
            5 => MachineState::Setup,
            6 => MachineState::Fault,
            _ => MachineState::Idle,
        };
        (ms, state)
    };
    let mut intervals = 0;
    let (count, time) = repeat_busy(|| {
        let tiled = tile(series.samples(0..readings).map(decide), &[], cadence, window);
        ensure!(state_ms(&tiled).iter().sum::<i64>() == DAY_MS, "the intervals tile the day");
        intervals = tiled.len();
        Ok(())
    })?;
    let of = |count: u32, readings: usize| f64::from(count) * readings as f64;
    table.row(
        "state fold: samples into intervals",
        format!("{} readings", rate(of(count, readings), time)),
        "≥ 30 M/s per core",
        format!("a day of one machine, {intervals} intervals; by processor time"),
    );

    let rule = |modulus: Option<i64>, rate_max_per_hour: i64| RegisterRule {
        modulus,
        rate_max_per_hour: Some(rate_max_per_hour),
        gap_ms_max: cadence.stale_ms,
        replaced: Vec::new(),
    };
    for (tag, what, rule, weight) in [
        (
            "m00/good",
            "counter fold: a part counter into items and planned time",
            rule(Some(MODULUS.cast_signed()), 3_600),
            Weight::exact(1, ITEM_US),
        ),
        ("m00/energy", "counter fold: an energy register, moving with every reading", rule(None, 20_000), Weight::ONE),
    ] {
        let series = history.series("gw-1", tag, window);
        let readings = series.times.len();
        let steps = series.values.windows(2).filter(|pair| pair.first() != pair.last()).count();
        let (count, time) = repeat_busy(|| {
            let passed = counter::fold_alike(series.samples(0..readings), window, &rule, || weight);
            ensure!(passed.amount.value > 0 && passed.excesses == 0, "it counts: {passed:?}");
            Ok(())
        })?;
        table.row(
            what,
            format!("{} readings", rate(of(count, readings), time)),
            "≥ 30 M/s per core",
            format!("{steps} of {readings} readings show another value"),
        );
    }
    Ok(())
}
