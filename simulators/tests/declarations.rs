//! Everything the simulated firm states is something the metrics understand, and agrees with the world's own calendar.

use metrics::model::{Body, parse_body};
use simulators::calendar::{PLANNED, SHIFT, week_start};
use simulators::declarations::{Options, declarations, plan, quality_counts, span};
use simulators::tags::{DEVICES, devices};
use simulators::world::{Config, World};
use std::collections::BTreeMap;

const UNTIL: i64 = 1_795_312_800_000;

fn config(weeks: i64) -> Config {
    let span = span(UNTIL, weeks, 1);
    Config {
        seed: 4,
        epoch_ms: span.epoch_ms,
        hall: true,
        retrofit_ms: Some(span.retrofit_ms),
        rest_weekday: Some(6),
        record: false,
    }
}

#[test]
fn the_metrics_read_every_statement() {
    let config = config(2);
    let options =
        Options { config, gateway: "gw-1", history: Some(("gw-history", UNTIL)), effective_from: config.epoch_ms };
    let mut list = declarations(&options);
    list.push(plan(true, &span(UNTIL, 2, 1), config.epoch_ms));
    let world = World::at(config, UNTIL);
    list.extend(quality_counts(&world));
    let mut counted: BTreeMap<String, usize> = BTreeMap::new();
    for statement in &list {
        let kind = statement["kind"].as_str().unwrap();
        *counted.entry(kind.to_owned()).or_default() += 1;
        let body = parse_body(kind, &statement["body"]).unwrap_or_else(|error| panic!("{statement}: {error}"));
        match body {
            Body::Other => panic!("{kind} is a kind the metrics do not compute with"),
            Body::Machine(machine) => {
                for (_, signal) in machine.signals.all() {
                    let known = DEVICES.iter().flat_map(|device| device.tags).any(|tag| tag.id == signal.tag);
                    assert!(known, "{} is read by nobody", signal.tag);
                }
            }
            Body::Calendar(calendar) => {
                assert_eq!(calendar.shifts.len() as i64 * SHIFT, 24 * 3_600_000);
                assert_eq!(calendar.shifts[0].weekdays, [1, 2, 3, 4, 5, 6]);
            }
            _ => {}
        }
        assert!(statement["effective_from"].as_i64().unwrap() >= config.epoch_ms);
    }
    let machines = devices(true).count();
    assert_eq!(counted["machine"], 2 * machines, "once for each gateway");
    assert_eq!((counted["calendar"], counted["plan"], counted.get("site")), (1, 1, None));
    assert_eq!(counted["cycle_time"], 8);
    assert!(counted["quality_count"] >= 24, "{counted:?}");
}

#[test]
fn planned_time_is_what_the_calendar_leaves() {
    let breaks: i64 = simulators::calendar::BREAKS.iter().map(|(_, length)| length).sum();
    assert_eq!(PLANNED, SHIFT - breaks);
    let world = World::at(config(2), week_start(UNTIL));
    let worked = world.closed_shifts().iter().filter(|c| c.machine == "press" && c.tally.state_ms[4] > 0).count();
    assert_eq!(worked, 24, "two weeks of six days with two shifts");
}
