//! Many devices, some of them dead: the living keep their cadence. On the clock that jumps.
//!
//! The bound on a bus: the poll interval has to hold the requests of the living and a fifth more for the dead together. Then no living
//! slave misses a tick once the breakers are open, and it is late by at most the dead ones that are waited for in one interval. What a
//! bus cannot do at all, the check of the configuration refuses (`modbus::timing`).

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex};

use protocol::GapCause;

use super::network::{Framing, Plan, Spell, Trouble, VirtualClock};
use super::{Outcome, simulate};
use crate::config::Config;
use crate::config::device::{Parity, SerialPort};
use crate::event::SourceEvent;

/// Per tag: when it was read, and its gaps.
#[derive(Default)]
struct Told {
    readings: BTreeMap<u32, Vec<i64>>,
    gaps: BTreeMap<u32, Vec<(i64, i64, GapCause)>>,
}

fn run(config: &Config, plan: impl Fn(usize) -> Plan, run_ms: i64) -> (Told, Outcome) {
    let told = Arc::new(Mutex::new(Told::default()));
    let heard = told.clone();
    let outcome = simulate(config, plan, run_ms, move |event| {
        let mut told = heard.lock().expect("one thread");
        match event {
            SourceEvent::Readings(readings) => {
                for r in readings {
                    told.readings.entry(r.tag.0).or_default().push(r.boot_ms);
                }
            }
            SourceEvent::Gap { tag, from_boot_ms, to_boot_ms, cause } => {
                told.gaps.entry(tag.0).or_default().push((from_boot_ms, to_boot_ms, cause));
            }
            SourceEvent::Note { .. } => {}
        }
    });
    let told = std::mem::take(&mut *told.lock().expect("one thread"));
    (told, outcome)
}

fn devices(count: usize, tags: usize, mut head: impl FnMut(usize) -> String) -> Config {
    let mut text = "[gateway]\nstate_dir = \"/nowhere\"\n".to_owned();
    for n in 0..count {
        text += &format!("[[device]]\nname = \"m{n}\"\n{}", head(n));
        for tag in 0..tags {
            let address = 2_048 + tag;
            text += &format!(
                "[[device.tag]]\nname = \"t{tag}\"\narea = \"holding\"\naddress = {address}\ntype = \"u16\"\n"
            );
        }
    }
    Config::parse(&text, Path::new("agent.toml")).unwrap_or_else(|p| panic!("{p}")).0
}

fn well(framing: Framing, timeout_ms: i64) -> Plan {
    let (calm_ms, late_ms) = (0, 1_000);
    Plan {
        framing,
        pace: None,
        is_shared: false,
        timeout_ms,
        late_ms,
        calm_ms,
        wrong_percent: 0,
        spells: Vec::new(),
        seed: 1,
    }
}

#[test]
fn five_hundred_devices_of_which_thirty_are_dead_miss_no_tick() {
    const DEVICES: usize = 500;
    const TAGS: usize = 30;
    const SECONDS: usize = 120;
    let is_dead = |n: usize| n % 16 == 3 && n < 480;
    assert_eq!((0..DEVICES).filter(|n| is_dead(*n)).count(), 30);
    let config = devices(DEVICES, TAGS, |n| {
        format!("protocol = \"modbus_tcp\"\naddress = \"10.0.{}.{}:502\"\ntimeout_ms = 1000\n", n / 250, n % 250)
    });
    // Some refuse, some let every attempt to connect hang, some accept and never answer.
    let plan = |n: usize| {
        let trouble = [Trouble::Restart, Trouble::PowerOff, Trouble::UnitOff(1)][n / 16 % 3];
        let spell = Spell { from_ms: VirtualClock::START_MS, to_ms: i64::MAX, trouble };
        Plan { spells: if is_dead(n) { vec![spell] } else { Vec::new() }, ..well(Framing::Tcp, 1_000) }
    };
    let (told, outcome) = run(&config, plan, SECONDS as i64 * 1_000 + 500);
    for n in 0..DEVICES {
        for tag in (n * TAGS..(n + 1) * TAGS).map(|tag| u32::try_from(tag).expect("small")) {
            let readings = told.readings.get(&tag).map_or(0, Vec::len);
            let gaps = told.gaps.get(&tag).map_or(&[][..], Vec::as_slice);
            if is_dead(n) {
                assert_eq!(readings, 0);
                let (first, last) = (gaps.first().expect("a gap"), gaps.last().expect("a gap"));
                assert_eq!((first.0, last.1), (VirtualClock::START_MS, outcome.stopped_ms), "m{n}");
                assert!(gaps.windows(2).all(|pair| pair[0].1 == pair[1].0), "m{n}: without holes");
                assert!(gaps.iter().all(|g| g.2 == GapCause::DeviceSilent));
            } else {
                assert!(readings >= SECONDS && gaps.is_empty(), "m{n}: {readings} readings and {gaps:?}");
                assert_eq!(outcome.missed[n], 0, "m{n}");
            }
        }
    }
}

#[test]
fn thirty_two_slaves_on_one_bus_of_which_five_are_dead_keep_its_physical_limit() {
    const SLAVES: usize = 32;
    // 27 living × 62 ms of bus (10 registers at 9,600 baud and 20 ms of thought) are 1.7 s; a fifth for the dead makes 2.1 s.
    const INTERVAL_MS: i64 = 2_500;
    const TIMEOUT_MS: i64 = 500;
    let dead = [2, 9, 10, 20, 31];
    let port =
        SerialPort { path: "/dev/ttyUSB0".into(), baud: 9_600, parity: Parity::None, data_bits: 8, stop_bits: 1 };
    let config = devices(SLAVES, 10, |n| {
        format!(
            "protocol = \"modbus_rtu\"\nport = \"/dev/ttyUSB0\"\nbaud = 9600\nparity = \"none\"\nunit = {}\ninterval_ms = {INTERVAL_MS}\ntimeout_ms = {TIMEOUT_MS}\n",
            n + 1
        )
    });
    let off = |n: usize| Spell {
        from_ms: VirtualClock::START_MS,
        to_ms: i64::MAX,
        trouble: Trouble::UnitOff(u8::try_from(n + 1).expect("small")),
    };
    let plan = |_| Plan {
        pace: Some(port.clone()),
        is_shared: true,
        spells: dead.map(off).to_vec(),
        ..well(Framing::Serial, TIMEOUT_MS)
    };
    let (told, outcome) = run(&config, plan, 600_000);
    // By then the breakers have opened and the line has caught up.
    let from = VirtualClock::START_MS + 20 * INTERVAL_MS;
    let mut latest = 0;
    for n in 0..SLAVES {
        let tag = u32::try_from(n * 10).expect("small");
        if dead.contains(&n) {
            assert!(!told.readings.contains_key(&tag));
            let gaps = &told.gaps[&tag];
            assert!(gaps.windows(2).all(|pair| pair[0].1 == pair[1].0), "m{n}: without holes");
            continue;
        }
        let readings: Vec<i64> = told.readings[&tag].iter().copied().filter(|at| *at >= from).collect();
        let due = |at: i64| (at - VirtualClock::START_MS) / INTERVAL_MS;
        for pair in readings.windows(2) {
            latest = latest.max(pair[1] - pair[0] - INTERVAL_MS);
        }
        assert_eq!(
            i64::try_from(readings.len()).expect("small") - 1,
            due(*readings.last().expect("readings")) - due(readings[0]),
            "m{n} missed a tick"
        );
    }
    println!("at most {latest} ms late, {:?} missed before the breakers opened", outcome.missed);
    // A dead slave costs its time-out and the silence after it, and five times that passes from one to the next: two in an interval.
    assert!(latest <= 2 * (TIMEOUT_MS + 20) + 62, "more than two dead slaves were waited for: {latest} ms");
}
