//! Meters behind a serial device server, read end to end: every count on the bus says which meter and which identifier it belongs to.

mod lines;

use std::time::Duration;

use agent::commands::probe::{self, Options};
use agent::config::Config;
use agent::locale::Lang;
use lines::Run;
use protocol::{GapCause, Value};
use simulators::dlt645::{Bus, Fault};

const ENERGY: [u8; 4] = [0x00, 0x01, 0x00, 0x00];
const POWER: [u8; 4] = [0x02, 0x03, 0x00, 0x00];

fn number(last: u8) -> [u8; 6] {
    [0, 0, 0, 0, 0, last]
}

/// A bus with meters 1 and 2: energy 11 and 21, power −12 and −22.
fn bus() -> Bus {
    let bus = Bus::default();
    for meter in [1, 2] {
        bus.set(number(meter), ENERGY, &[meter << 4 | 1, 0, 0, 0]);
        bus.set(number(meter), POWER, &[meter << 4 | 2, 0, 0x80]);
    }
    bus
}

fn devices(address: &str, extra: &str, meters: &[u8]) -> String {
    let mut text = String::new();
    for meter in meters {
        text += &format!(
            "[[device]]\nname = \"m{meter}\"\nprotocol = \"dlt645\"\n{address}\nmeter = \"{meter:012}\"\ninterval_ms = 100\ntimeout_ms = 200\n{extra}\n"
        );
        for (name, di, bytes, kind) in [("energy", "00 01 00 00", 4, "bcd"), ("power", "02 03 00 00", 3, "bcd_signed")]
        {
            text += &format!("[[device.tag]]\nname = \"{name}\"\ndi = \"{di}\"\nbytes = {bytes}\ntype = \"{kind}\"\n");
        }
    }
    text
}

/// No tag ever carries another's value.
fn assert_nothing_wrong(run: &Run) {
    for (tag, values) in &run.readings {
        let meter = if *tag < 2 { 10 } else { 20 };
        let expected = if tag % 2 == 0 { Value::U64(meter + 1) } else { Value::I64(-(meter as i64) - 2) };
        assert!(values.iter().all(|value| *value == expected), "tag {tag}: {values:?}");
    }
}

async fn served(bus: &Bus) -> String {
    format!("address = \"{}\"", bus.serve(0).await.expect("port"))
}

#[tokio::test]
async fn meters_on_one_bus_are_read_and_nothing_but_reads_leaves() {
    let bus = bus();
    let mut run = Run::start(&devices(&served(&bus).await, "", &[1, 2]));
    run.until("ten readings of everything", |r| (0..4).all(|tag| r.count(tag) >= 10)).await;
    assert_nothing_wrong(&run);
    assert_eq!((run.gaps.as_slice(), bus.violations()), (&[][..], 0));
}

#[tokio::test]
async fn no_fault_of_a_meter_ever_becomes_a_wrong_value() {
    let bus = bus();
    let late = |ms| Fault::Late(Duration::from_millis(ms));
    let plan = [
        Fault::None,
        Fault::BadChecksum,
        Fault::WrongMeter,
        Fault::None,
        Fault::WrongIdentifier,
        Fault::Cut,
        late(250),
        Fault::None,
        late(900),
        late(300),
        Fault::MoreFollows,
        Fault::Silent,
        Fault::Drop,
        late(450),
        Fault::None,
    ];
    bus.plan(number(1), plan);
    // Alone on its line: no breaker spares it.
    let mut run = Run::start(&devices(&served(&bus).await, "late_ms = 3000", &[1]));
    run.until("all faults served", |_| bus.faults_left() == 0).await;
    let seen = run.count(0);
    run.until("readings after the faults", |r| r.count(0) >= seen + 10 && r.count(1) >= 10).await;
    assert_nothing_wrong(&run);
    let causes: Vec<_> = run.gaps.iter().map(|gap| gap.1).collect();
    assert!(causes.contains(&GapCause::NonsenseValue) && causes.contains(&GapCause::DeviceSilent), "{causes:?}");
    assert_eq!(bus.violations(), 0);
}

#[tokio::test]
async fn a_missing_meter_leaves_the_bus_to_the_other_and_says_what_to_do() {
    let bus = bus();
    let mut run = Run::start(&devices(&served(&bus).await, "", &[1, 3]));
    run.until("thirty readings of the living and gaps of the dead", |r| {
        r.count(0) >= 30 && r.gaps.iter().filter(|gap| gap.0 == 2).count() >= 2
    })
    .await;
    assert!(run.gaps.iter().all(|gap| gap.0 >= 2 && gap.1 == GapCause::DeviceSilent), "{:?}", run.gaps);
    let trouble = run.board.snapshot().devices[1].trouble.clone().expect("trouble");
    assert!(trouble.zh.contains("表号 000000000003") && trouble.zh.contains("铭牌"), "{}", trouble.zh);
    assert!(trouble.en.contains("meter 000000000003") && trouble.en.contains("nameplate"), "{}", trouble.en);
}

#[tokio::test]
async fn data_a_meter_does_not_have_is_a_refusal_and_data_without_a_value_is_nonsense() {
    let bus = Bus::default();
    bus.set(number(1), ENERGY, &[0xFF; 4]);
    let mut run = Run::start(&devices(&served(&bus).await, "", &[1]));
    run.until("a gap of each", |r| r.gaps.len() >= 2).await;
    assert!(run.gaps.contains(&(0, GapCause::NonsenseValue)), "{:?}", run.gaps);
    assert!(run.gaps.contains(&(1, GapCause::DeviceRefused)), "{:?}", run.gaps);
    assert_eq!(run.readings.len(), 0);
}

#[tokio::test]
async fn probe_shows_what_stands_on_the_meters_face() {
    let bus = bus();
    let text = format!("[gateway]\nstate_dir = \"/tmp/gz-none\"\n{}", devices(&served(&bus).await, "", &[1, 3]));
    let (config, _) = Config::parse(&text, std::path::Path::new("agent.toml")).unwrap_or_else(|p| panic!("{p}"));
    let options = |device: &str| Options { device: device.to_owned(), area: None, address: 0, count: 8, unit: None };
    let shown = probe::report(&config, &options("m1"), Lang::En).await.expect("answered");
    for part in ["m1/energy", "00010000  [00 00 00 11]  11 → 11", "02030000  [80 00 12]  -12 → -12"] {
        assert!(shown.contains(part), "missing {part:?} in:\n{shown}");
    }
    let silent = probe::report(&config, &options("m3"), Lang::Zh).await.expect("told");
    assert!(silent.contains("✕ `m3`") && silent.contains("没有应答"), "{silent}");
}
