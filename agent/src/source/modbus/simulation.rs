//! The Modbus sources against a wire that misbehaves in every way a wire can: the real polling loop, connection, RTU codec and Modbus
//! TCP library, over streams in memory, on a clock that jumps.
//!
//! What must hold in every schedule:
//! 1. No wrong value under any name. Every register says where and when it was read, so a value of another tag, unit or area, a torn
//!    one, and one that is older than the last question for it are all recognised for certain.
//! 2. Every failed question is a gap, from the last reading to the next one, and every gap gives a cause that acted in it.
//! 3. Once nothing acts any more every tag is read within two poll intervals. On a shared line a device that was taken for dead is
//!    asked more rarely; there it takes at most as long again as it was dead (and four time-outs, and its turn among other dead ones,
//!    five time-outs each), never more than 30 s, and then two polls.
//!
//! `GZ_FAULT_SCHEDULES` and `GZ_FAULT_SEED` choose how many schedules run and which comes first; a failure prints its seed.
//!
//! What it found when it was written, all on lines without transaction numbers: a frame that came twice became the next tag's value,
//! because the silence between two frames was not waited for; the refusal of a sentinel past the end of a device was told as the
//! refusal of the tag, and kept it unread until the late answer could no longer come; while the breaker was open a device that talks
//! nonsense was told as silent; several failures in one poll doubled the breaker's wait each; a half-open connection to a serial server
//! took three polls to be noticed, and with all its devices taken for dead far longer.
//!
//! What no client can tell apart is not simulated: flipped *values* on Modbus TCP, which has no sum of its own; on a line without
//! transaction numbers a second answer to a question that was answered already, when it arrives later than the silence between two
//! frames; and a slave that answers two questions in another order than they were asked. A late refusal is the one thing there that can
//! pass for the answer to another question: it may lend its cause to the gap of another tag of the same device, never a value.

mod acts;
mod crowd;
mod judge;
mod network;

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::runtime::Builder;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use self::acts::Chance;
use self::network::{Framing, Log, Network, Plan, Plug, Spell, Trouble, VirtualClock};
use super::client::Connection;
use crate::clock::SharedClock;
use crate::config::Config;
use crate::config::device::{Carrier, Link};
use crate::event::{EVENT_QUEUE_MAX, SourceEvent};
use crate::live::Board;
use crate::source::lending::Keeper;
use crate::source::report::Reporter;
use crate::source::{World, line};

const TIMEOUT_MS: i64 = 200;
const LATE_MS: i64 = 3_000;

/// What a run left behind.
struct Outcome {
    /// Per device: polls that were due while the line was busy.
    missed: Vec<u64>,
    stopped_ms: i64,
    /// Per wire.
    logs: Vec<Log>,
}

/// Runs the agent's sources for `run_ms` of the clock that jumps and until they must have recovered, and hands on what they say. Devices with an equal carrier share a
/// wire; `plan` says what becomes of each, by its first device.
fn simulate(
    config: &Config,
    plan: impl Fn(usize) -> Plan,
    run_ms: i64,
    mut hear: impl FnMut(SourceEvent) + Send + 'static,
) -> Outcome {
    let runtime = Builder::new_current_thread().enable_time().start_paused(true).build().expect("runtime");
    runtime.block_on(async {
        let (sender, mut receiver) = mpsc::channel(EVENT_QUEUE_MAX);
        let board = Board::new(&config.devices);
        let clock: SharedClock = Arc::new(VirtualClock::new());
        let world = World {
            clock: clock.clone(),
            events: sender,
            board: board.clone(),
            known: Default::default(),
            lending: Default::default(),
        };
        let listener = tokio::spawn(async move {
            while let Some(event) = receiver.recv().await {
                hear(event);
            }
        });
        let mut wires: Vec<(Carrier, usize, Vec<_>)> = Vec::new();
        let mut first_tag = 0;
        for (index, device) in config.devices.iter().enumerate() {
            let Link::Modbus(link) = &device.link else { panic!("only Modbus here") };
            let member = (device.clone(), link.clone(), Reporter::new(world.clone(), index, first_tag, device));
            first_tag += device.tags.len();
            match wires.iter_mut().find(|(carrier, ..)| *carrier == link.carrier) {
                Some((_, _, members)) => members.push(member),
                None => wires.push((link.carrier.clone(), index, vec![member])),
            }
        }
        drop(world);
        let stop = CancellationToken::new();
        let mut networks = Vec::new();
        let mut lines = JoinSet::new();
        for (carrier, first, members) in wires {
            let network = Network::start(plan(first));
            let connection = Connection::through(carrier, Arc::new(Plug(network.clone())));
            lines.spawn(line::run(connection, members, Keeper::default(), stop.clone()));
            networks.push(network);
        }
        let mut stopped_ms = VirtualClock::START_MS + run_ms;
        while let Ok(wait) = u64::try_from(stopped_ms - clock.boot_ms())
            && wait > 0
        {
            tokio::time::sleep(Duration::from_millis(wait)).await;
            let acted = networks.iter().map(|n| n.acted_ms()).filter(|ms| *ms <= clock.boot_ms() + 60_000).max();
            let acted = acted.unwrap_or(0).max(VirtualClock::START_MS);
            let slowest = judge::recovered_ms(acted, acted - VirtualClock::START_MS, 1_000, config.devices.len() > 1);
            stopped_ms = stopped_ms.max(slowest + 10);
        }
        stop.cancel();
        while let Some(line) = lines.join_next().await {
            line.expect("the sources do not panic");
        }
        listener.await.expect("the listener does not panic");
        let missed = board.snapshot().devices.iter().map(|d| d.missed_total).collect();
        Outcome { missed, stopped_ms, logs: networks.iter().map(|n| n.take_log()).collect() }
    })
}

/// Devices whose requests have equal shapes on purpose: the hard case for late answers without transaction numbers. The last tag is
/// the device's last register, beyond which it refuses.
fn config(framing: Framing, units: u8) -> Config {
    let mut text = "[gateway]\nstate_dir = \"/nowhere\"\n".to_owned();
    for unit in 1..=units {
        text += &format!(
            "[[device]]\nname = \"m{unit}\"\nunit = {unit}\ninterval_ms = 1000\ntimeout_ms = {TIMEOUT_MS}\nlate_ms = {LATE_MS}\ngap_max = 0\n"
        );
        text += match framing {
            Framing::Tcp => "protocol = \"modbus_tcp\"\naddress = \"m:502\"\n",
            Framing::RtuOverTcp => "protocol = \"modbus_rtu_over_tcp\"\naddress = \"m:4001\"\n",
            Framing::Serial => "protocol = \"modbus_rtu\"\nport = \"/dev/ttyUSB0\"\nbaud = 115200\n",
        };
        for (name, area, address, kind, more) in [
            ("a", "holding", 256, "u64", ""),
            ("b", "holding", 272, "u64", ""),
            ("c", "input", 256, "u64", ""),
            ("d", "holding", 288, "u64", "interval_ms = 500\n"),
            ("e", "holding", 4_095, "u16", ""),
            ("f", "holding", 2_048, "u16", ""),
        ]
        .into_iter()
        .filter(|tag| units == 1 || !"bf".contains(tag.0))
        {
            text += &format!(
                "[[device.tag]]\nname = \"{name}\"\narea = \"{area}\"\naddress = {address}\ntype = \"{kind}\"\n{more}"
            );
        }
    }
    let (config, _) = Config::parse(&text, Path::new("agent.toml")).unwrap_or_else(|p| panic!("{p}"));
    config
}

/// The faults of one seed.
fn plan(seed: u64, framing: Framing, units: u8) -> Plan {
    let mut chance = Chance(seed);
    let start = VirtualClock::START_MS;
    let calm_ms = start + chance.between(3_000, 10_000);
    let mut spells = Vec::new();
    let mut from_ms = start;
    for _ in 0..chance.below(4) {
        from_ms += chance.between(0, 5_000);
        let to_ms = from_ms + chance.between(100, 4_000);
        if to_ms > calm_ms {
            break;
        }
        let trouble = match chance.below(4) {
            0 => Trouble::PowerOff,
            1 => Trouble::Restart,
            2 => Trouble::BlackHole,
            _ => Trouble::HalfOpen,
        };
        // The connection is lost in a moment.
        let to_ms = if trouble == Trouble::HalfOpen { from_ms } else { to_ms };
        spells.push(Spell { from_ms, to_ms, trouble });
        from_ms = to_ms;
    }
    for unit in (1..=units).filter(|_| units > 1) {
        if chance.below(3) == 0 {
            let from_ms = start + chance.between(0, 4_000);
            spells.push(Spell {
                from_ms,
                to_ms: from_ms + chance.between(500, 6_000),
                trouble: Trouble::UnitOff(unit),
            });
        }
    }
    spells.sort_by_key(|s| s.from_ms);
    let wrong_percent = [3, 15, 40, 80][usize::try_from(chance.below(4)).unwrap_or(0)];
    Plan {
        framing,
        pace: None,
        is_shared: units > 1,
        timeout_ms: TIMEOUT_MS,
        late_ms: LATE_MS,
        calm_ms,
        wrong_percent,
        spells,
        seed: chance.next(),
    }
}

fn number(name: &str, usual: u64) -> u64 {
    std::env::var(name).ok().map_or(usual, |text| text.parse().unwrap_or_else(|_| panic!("{name} is not a number")))
}

/// One variant in its share of the schedules. A schedule of a shared line takes as long as five of a lone device.
fn hold(framing: Framing, units: u8, percent: u64) {
    let schedules = (number("GZ_FAULT_SCHEDULES", 10_000) * percent / 100).max(1);
    let first = number("GZ_FAULT_SEED", 1);
    let config = config(framing, units);
    let (mut readings, mut gaps) = (0, 0);
    for seed in first..first + schedules {
        let plan = plan(seed, framing, units);
        let events = Arc::new(Mutex::new(Vec::new()));
        let heard = events.clone();
        let run_ms = plan.calm_ms - VirtualClock::START_MS;
        let outcome = simulate(&config, |_| plan.clone(), run_ms, move |e| heard.lock().expect("one thread").push(e));
        let events = events.lock().expect("one thread");
        match judge::judge(&config, &events, &outcome) {
            Ok((r, g)) => (readings, gaps) = (readings + r, gaps + g),
            Err(why) => panic!("GZ_FAULT_SEED={seed} GZ_FAULT_SCHEDULES=1: {why}\n{plan:?}"),
        }
    }
    println!("{schedules} schedules, {readings} readings, {gaps} gaps");
    assert!(readings > 0 && (gaps > 0 || schedules < 10), "nothing was tried");
}

#[test]
fn modbus_tcp_under_faults() {
    hold(Framing::Tcp, 1, 35);
}

#[test]
fn rtu_over_tcp_under_faults() {
    hold(Framing::RtuOverTcp, 1, 35);
}

#[test]
fn a_shared_network_line_under_faults() {
    hold(Framing::RtuOverTcp, 3, 15);
}

#[test]
fn a_shared_serial_line_under_faults() {
    hold(Framing::Serial, 3, 15);
}
