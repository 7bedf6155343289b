//! Edges of the checklist's shares.

use super::*;

fn asset(machine: &str, digital: bool, days: (u32, u32)) -> Asset {
    Asset {
        machine: machine.to_owned(),
        is_production: true,
        is_digital: digital,
        is_mapped: true,
        days_read: days.0,
        days_scheduled: days.1,
        fields_filled: 9,
        ..Asset::default()
    }
}

#[test]
fn a_machine_is_connected_by_readings_on_four_fifths_of_its_days() {
    assert!(asset("a", true, (20, 25)).is_connected());
    assert!(!asset("a", true, (19, 24)).is_connected(), "79.2 %");
    assert!(!asset("a", true, (0, 0)).is_connected(), "never read");
    assert!(!Asset { is_mapped: false, ..asset("a", true, (25, 25)) }.is_connected());
}

#[test]
fn the_two_denominators_of_the_connection_rate_are_both_kept() {
    let mut assets = vec![
        asset("a", true, (25, 25)),
        asset("b", true, (1, 25)),
        asset("c", false, (25, 25)),
        asset("d", false, (0, 25)),
    ];
    assets.push(Asset { is_production: false, is_critical: true, ..asset("e", true, (25, 25)) });
    assert_eq!(connected(&assets).counted, ["a", "c"]);
    assert_eq!(connected(&assets).ratio().unwrap().digits(2), "0.50");
    assert_eq!(connected_of_digital(&assets).ratio().unwrap().digits(2), "0.50");
    assert_eq!(digital(&assets).ratio().unwrap().digits(2), "0.50");
    assert_eq!(connected_of_digital(&assets).of, ["a", "b"]);
    assert_eq!(critical_connected(&assets).ratio().unwrap().digits(0), "1");
    assert_eq!(digital(&[]).ratio(), Err(Undefined::NothingDue));
    assert_eq!(ledger_completeness(&assets, 9).unwrap().digits(0), "1");
    assert_eq!(ledger_completeness(&assets, 12).unwrap().digits(2), "0.75");
}

#[test]
fn manual_entry_never_covers_an_area() {
    let source = |area: &str, is_automatic, received| Source {
        tag: "d/t".to_owned(),
        area: area.to_owned(),
        is_automatic,
        expected: 1_000,
        received,
    };
    let sources = [
        source("能耗管理", true, 950),
        source("能耗管理", true, 1_000),
        source("设备管理", true, 949),
        source("质量管理", false, 1_000),
        source("生产管控", true, 5_000),
    ];
    assert_eq!(areas_covered(&sources), ["生产管控", "能耗管理"]);
    assert_eq!(sample_completeness(&sources).unwrap().digits(4), "0.9798", "what came twice does not fill a hole");
    assert_eq!(sample_completeness(&[]), Err(Undefined::NothingDue));
}

#[test]
fn waived_and_future_tasks_are_not_due() {
    let task = |due_ms, done_ms| Task { due_ms, done_ms, waived: None };
    let tasks = [
        task(100, Some(90)),
        task(200, Some(210)),
        task(300, Some(311)),
        task(400, None),
        Task { waived: Some("班次未开".to_owned()), ..task(500, None) },
        task(995, None),
    ];
    assert_eq!(on_time(&tasks, 10, 1_000).unwrap(), Rational::new(2, 4).unwrap());
    assert_eq!(on_time(&tasks, 10, 50), Err(Undefined::NothingDue));
}

#[test]
fn alarms_delays_and_days() {
    let alarm = |raised_ms, acknowledged_ms| Alarm { raised_ms, acknowledged_ms, is_test: false };
    let all = [
        alarm(0, Some(30)),
        alarm(10, Some(20)),
        alarm(50, None),
        alarm(80, Some(200)),
        Alarm { is_test: true, ..alarm(1, None) },
    ];
    let sum = alarms(&all, 100);
    assert_eq!((sum.count, sum.tests, sum.oldest_open_ms), (4, 1, Some(50)));
    assert_eq!(sum.acknowledged_after_ms.unwrap().digits(0), "30");
    let late = timeliness(&[100, 200, 300, 3_600_000], 60_000).unwrap();
    assert_eq!((late.live, late.backfilled, late.delay_ms[0].digits(0)), (3, 1, "250".to_owned()));
    assert!(timeliness(&[], 1).is_err());
    let days = [Some(true), Some(false), Some(true), None, Some(true)];
    assert_eq!(uptime(&days), Uptime { alive: 3, of: 4, in_a_row: 2 });
}

#[test]
fn a_month_without_production_is_no_month() {
    let (pooled, mean) = monthly_quality(&[(90, 100), (0, 0), (990, 1_000)]).unwrap();
    assert_eq!((pooled.digits(6), mean.digits(6)), ("0.981818".to_owned(), "0.945000".to_owned()));
    assert_eq!(monthly_quality(&[(0, 0)]), Err(Undefined::NothingDue));
}
