use super::*;

fn at(boot_ms: i64, wall_ms: i64, sync: SyncState) -> ClockReading {
    ClockReading { boot_id: [7; 16], boot_ms, wall_ms, sync }
}

const T0: i64 = 1_790_000_000_000;
const SYNCED: SyncState = SyncState::Synchronised { error_ms: 1_000 };

#[test]
fn steady_clock_reports_nothing() {
    let mut watch = ClockWatch::default();
    assert_eq!(watch.observe(at(1_000, T0, SYNCED)), vec![]);
    assert_eq!(watch.observe(at(61_000, T0 + 60_030, SYNCED)), vec![], "slewing is not a step");
}

#[test]
fn clock_set_back_one_hour_is_a_step_of_minus_one_hour() {
    let mut watch = ClockWatch::default();
    watch.observe(at(1_000, T0, SYNCED));
    assert_eq!(
        watch.observe(at(11_000, T0 + 10_000 - 3_600_000, SYNCED)),
        vec![ClockChange::Stepped { by_ms: -3_600_000 }]
    );
}

#[test]
fn box_that_wakes_in_1970_says_so_and_reports_the_step_and_the_synchronisation_once() {
    let mut watch = ClockWatch::default();
    assert_eq!(watch.observe(at(5_000, 5_000, SyncState::Unsynchronised)), vec![ClockChange::NeverSet]);
    assert_eq!(watch.observe(at(15_000, 15_000, SyncState::Unsynchronised)), vec![]);
    assert_eq!(
        watch.observe(at(25_000, T0, SYNCED)),
        vec![ClockChange::Stepped { by_ms: T0 - 25_000 }, ClockChange::Synchronised(true)]
    );
}

#[test]
fn boot_id_is_read_and_nonsense_refused() {
    assert_eq!(parse_boot_id("00010203-0405-0607-0809-0a0b0c0d0e0f\n").map(|id| id[15]), Some(15));
    assert_eq!(parse_boot_id("not a uuid"), None);
    assert_eq!(parse_boot_id("0001"), None);
}

#[test]
fn system_clock_runs_forward() {
    let clock = SystemClock::new(Settings::default()).expect("Linux has a boot id");
    let first = clock.read();
    let second = clock.boot_ms();
    assert!(first.boot_ms <= second && first.boot_ms > 0);
}
