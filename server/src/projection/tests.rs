//! The projector against reports: what the pages show is what the report will print, whatever order things arrive in.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use ::metrics::{ReportRequest, evaluate};
use protocol::{Digest, Leaf};
use serde_json::json;

use super::site::SiteProjector;
use super::*;
use crate::query::ShiftBody;
use crate::store::{AlarmRow, BillRow, MetricRow, ReportRow, ShiftRow, SiteProjection};

#[path = "../../metrics/tests/fixture/mod.rs"]
pub(crate) mod fixture;
mod live;

use fixture::{HOUR, Log, MINUTE, MONDAY, World};

const DAY: i64 = 24 * HOUR;
const OEE: &str = "oee.iso22400@1";

/// A log in memory that can grow.
#[derive(Default)]
pub(super) struct List(Mutex<(Vec<Leaf>, BTreeMap<Digest, Vec<u8>>)>);

impl List {
    pub(super) fn of(log: &Log) -> Arc<Self> {
        Arc::new(Self(Mutex::new((log.leaves.clone(), log.contents.clone()))))
    }

    fn grow(&self, log: &Log, size: usize) {
        let mut inner = self.0.lock().unwrap();
        inner.0 = log.leaves[..size].to_vec();
        inner.1 = log.contents.clone();
    }
}

impl LeafSource for List {
    fn size(&self) -> Result<u64, ProjectionError> {
        Ok(self.0.lock().unwrap().0.len() as u64)
    }

    fn leaves(&self, range: Range<u64>) -> Result<Vec<Leaf>, ProjectionError> {
        let inner = self.0.lock().unwrap();
        let end = inner.0.len().min(range.end as usize);
        Ok(inner.0.get(range.start as usize..end).unwrap_or_default().to_vec())
    }

    fn content(&self, digest: &Digest) -> Result<Option<Vec<u8>>, ProjectionError> {
        Ok(self.0.lock().unwrap().1.get(digest).cloned())
    }
}

/// The tables, in memory.
#[derive(Default)]
struct Tables {
    size: i64,
    shifts: BTreeMap<(String, String, String), ShiftRow>,
    values: BTreeMap<(String, String, String, String), MetricRow>,
    alarms: Vec<AlarmRow>,
    reports: Vec<ReportRow>,
    seen: BTreeMap<(String, String), (i64, i64)>,
    bills: BTreeMap<(String, i64), BillRow>,
    evaluations: usize,
}

impl Tables {
    fn apply(&mut self, step: SiteProjection) {
        self.size = step.size;
        self.alarms.extend(step.alarms);
        self.reports.extend(step.reports);
        for (tag, (first, last)) in step.seen {
            let seen = self.seen.entry(tag).or_insert((first, last));
            *seen = (seen.0.min(first), seen.1.max(last));
        }
        for key in step.bills_removed {
            self.bills.remove(&key);
        }
        for row in step.bills {
            self.bills.insert((row.machine.clone(), row.leaf), row);
        }
        self.evaluations += step.shifts.len();
        let gone = step.shifts.iter().map(|s| (s.machine.clone(), s.date.clone(), s.name.clone()));
        for key in gone.chain(step.removed.clone()).collect::<Vec<_>>() {
            self.shifts.remove(&key);
            self.values.retain(|k, _| (&k.0, &k.1, &k.2) != (&key.0, &key.1, &key.2));
        }
        for row in step.shifts {
            self.shifts.insert((row.machine.clone(), row.date.clone(), row.name.clone()), row);
        }
        for row in step.values {
            let key = (row.machine.clone(), row.date.clone(), row.shift.clone(), row.metric.clone());
            self.values.insert(key, row);
        }
    }

    fn drive(&mut self, projector: &mut SiteProjector, now_ms: i64) {
        for _ in 0..1000 {
            let step = projector.step(now_ms).expect("step");
            self.apply(step.rows);
            if !step.more {
                return;
            }
        }
        panic!("the projector never finished");
    }

    fn oee(&self, date: &str) -> &MetricRow {
        &self.values[&("press".into(), date.into(), "day".into(), OEE.into())]
    }

    fn body(&self, machine: &str, date: &str) -> ShiftBody {
        let row = &self.shifts[&(machine.to_owned(), date.to_owned(), "day".to_owned())];
        serde_json::from_str(&row.body).expect("body")
    }

    /// What the database tells a projection that starts again.
    fn known(&self) -> BTreeMap<site::KnownShift, site::Standing> {
        let of = |row: &ShiftRow| {
            let key = site::KnownShift {
                machine: row.machine.clone(),
                from_ms: row.from_ms,
                date: row.date.clone(),
                name: row.name.clone(),
            };
            (key, site::Standing { until_ms: row.until_ms, closed: row.closed })
        };
        self.shifts.values().map(of).collect()
    }

    /// Timelines without the log size they were evaluated at.
    fn timelines(&self) -> BTreeMap<(String, String, String), (i64, i64, bool, String)> {
        let of = |row: &ShiftRow| (row.from_ms, row.until_ms, row.closed, row.body.clone());
        self.shifts.iter().map(|(key, row)| (key.clone(), of(row))).collect()
    }
}

fn project(log: &Log, now_ms: i64) -> Tables {
    let mut projector = SiteProjector::open(List::of(log), 0, 0, BTreeMap::new()).expect("open");
    let mut tables = Tables::default();
    tables.drive(&mut projector, now_ms);
    tables
}

fn report_oee(log: &Log, date: &str) -> (String, String) {
    let request = ReportRequest::for_dates(log.size(), date, date, None);
    let report = evaluate(&log.history(), &request).expect("report");
    let section = report.shifts.iter().find(|s| s.machine == "press").expect("press");
    let line = section.line(OEE).expect("oee");
    (line.numerator.clone().expect("numerator"), line.denominator.clone().expect("denominator"))
}

#[test]
fn pages_show_the_digits_the_report_prints() {
    let world = World::new(11, 3, None);
    let mut log = Log::new(false);
    log.run(&world, true, |_, minute| !(600..623).contains(&(minute % 1440)));
    log.declare("quality_count", json!({"machine": "press", "date": "2026-03-03", "shift": "day", "reject": 7}));
    let tables = project(&log, MONDAY + 5 * DAY);
    for date in ["2026-03-02", "2026-03-03", "2026-03-04"] {
        let row = tables.oee(date);
        let (numerator, denominator) = row.value.expect("defined");
        assert_eq!((numerator.to_string(), denominator.to_string()), report_oee(&log, date), "{date}");
        assert!(row.low.is_some() && row.high.is_some());
        let body = tables.body("press", date);
        assert_eq!(body.intervals.iter().map(|i| i.until_ms - i.from_ms).sum::<i64>(), 12 * HOUR, "the ribbon tiles");
        let silent = body.intervals.iter().find(|i| i.state == "unknown").expect("the silent stretch is shown");
        assert_eq!(silent.cause, "device_silent");
        let unknown: i64 = body.buckets.iter().filter(|b| b.name == "UNK").map(|b| b.ms).sum();
        let ribbon: i64 = body.intervals.iter().filter(|i| i.bucket == "UNK").map(|i| i.until_ms - i.from_ms).sum();
        assert_eq!(unknown, ribbon);
        let from = MONDAY + 8 * HOUR + DAY * i64::from(date.as_bytes()[9] - b'2');
        let truth = world.truth(from, from + 12 * HOUR);
        let last = body.counts.last().expect("counts");
        assert_eq!((last.good, last.reject), (truth.good as i64, truth.reject as i64), "the line ends at the truth");
    }
    assert_eq!(tables.size, log.size() as i64);
    assert!(tables.oee("2026-03-03").flags.contains("MANUAL_QUALITY"));
    let meter = &tables.values[&("main".into(), "2026-03-02".into(), "day".into(), "energy.active@1".into())];
    assert_eq!(meter.value.expect("metered").1 % 1000, 0);
    assert!(!tables.values.contains_key(&("main".into(), "2026-03-02".into(), "day".into(), OEE.into())));
}

/// At noon the factory corrects which register counts what: each half is counted as defined then.
#[test]
fn the_count_line_follows_the_definition_in_force() {
    let world = World::new(5, 1, None);
    let mut log = Log::new(false);
    let signal = |tag: &str| json!({"gateway": fixture::GATEWAY, "tag": tag});
    let (from, noon) = (MONDAY + 8 * HOUR, MONDAY + 12 * HOUR);
    log.declare_from(
        "machine",
        noon,
        json!({
            "machine": "press", "names": {"zh": "冲床", "en": "Press"}, "critical": true,
            "signals": {"state": signal("press/state"), "good": signal("press/reject"), "reject": signal("press/good")},
            "state_rule": {"codes": {"1": "off", "2": "idle", "4": "run", "5": "setup", "6": "fault"}},
        }),
    );
    log.run(&world, false, |_, _| true);
    let body = project(&log, MONDAY + 2 * DAY).body("press", "2026-03-02");
    let last = body.counts.last().expect("counts");
    let (morning, afternoon) = (world.truth(from, noon), world.truth(noon, from + 12 * HOUR));
    let expected = (morning.good + afternoon.reject, morning.reject + afternoon.good);
    assert_eq!((last.good, last.reject), (expected.0 as i64, expected.1 as i64));
    assert!(body.counts.is_sorted_by(|a, b| a.good <= b.good && a.reject <= b.reject), "a running total never falls");
}

/// Days after the last record: silent shifts are shown as such, whether time passed or everything was rebuilt.
#[test]
fn silence_is_in_the_rows_however_they_came_about() {
    let world = World::new(9, 1, None);
    let mut log = Log::new(false);
    log.run(&world, false, |_, _| true);
    let end = MONDAY + 4 * DAY;
    let whole = project(&log, end);
    let mut projector = SiteProjector::open(List::of(&log), 0, 0, BTreeMap::new()).expect("open");
    let mut tables = Tables::default();
    for hour in 24..=96 {
        tables.drive(&mut projector, MONDAY + hour * HOUR);
    }
    assert_eq!(tables.values, whole.values);
    let silent = whole.oee("2026-03-04");
    assert_eq!((silent.covered_ms, silent.value.map(|value| value.0)), (0, Some(0)));
    assert!(silent.expected_ms > 0 && silent.grade == "D");
}

/// Leaf by leaf as time goes on, and everything at once: the same rows. This is what makes a rebuild harmless.
#[test]
fn leaf_by_leaf_and_at_once_give_identical_rows() {
    let world = World::new(23, 4, None);
    let mut log = Log::new(false);
    log.declare(
        "planned_stop",
        json!({"machine": "press", "from_ms": MONDAY + 33 * HOUR, "to_ms": MONDAY + 34 * HOUR, "reason": "保养"}),
    );
    log.run(&world, false, |tag, minute| minute % 977 > 60 && !(tag == 0 && (2000..2200).contains(&minute)));
    log.declare("quality_count", json!({"machine": "press", "date": "2026-03-03", "shift": "day", "reject": 3}));
    log.declare_from("cycle_time", MONDAY + 30 * HOUR, json!({"machine": "press", "item_us": 5_000_000}));
    let end = MONDAY + 7 * DAY;
    let whole = project(&log, end);
    let list = Arc::new(List::default());
    let mut projector = SiteProjector::open(list.clone(), 0, 0, BTreeMap::new()).expect("open");
    let mut tables = Tables::default();
    for size in 1..=log.leaves.len() {
        list.grow(&log, size);
        tables.drive(&mut projector, log.leaves[size - 1].received_ms);
    }
    tables.drive(&mut projector, end);
    assert!(tables.evaluations > whole.evaluations * 3, "it really was evaluated many times: {}", tables.evaluations);
    assert_eq!(tables.values, whole.values);
    assert_eq!(tables.timelines(), whole.timelines());
    assert_eq!(tables.size, whole.size);
}

#[test]
fn a_late_declaration_evaluates_closed_shifts_again_and_only_those_it_can_change() {
    let world = World::new(8, 3, None);
    let mut log = Log::new(false);
    log.run(&world, false, |_, _| true);
    let list = List::of(&log);
    let mut projector = SiteProjector::open(list.clone(), 0, 0, BTreeMap::new()).expect("open");
    let mut tables = Tables::default();
    let now_ms = MONDAY + 10 * DAY;
    tables.drive(&mut projector, now_ms);
    let before = tables.values.clone();
    let evaluations = tables.evaluations;
    log.declare_from("cycle_time", MONDAY + DAY, json!({"machine": "press", "item_us": 3_000_000}));
    list.grow(&log, log.leaves.len());
    tables.drive(&mut projector, now_ms);
    let (old, new) =
        (&before[&("press".into(), "2026-03-03".into(), "day".into(), OEE.into())], tables.oee("2026-03-03"));
    assert_eq!(new.value.unwrap().0 * 2, old.value.unwrap().0, "half the planned time per item");
    assert!(new.flags.contains("LATE_DECLARATION"), "{}", new.flags);
    assert_eq!(before[&("press".into(), "2026-03-02".into(), "day".into(), OEE.into())], *tables.oee("2026-03-02"));
    assert!(tables.evaluations - evaluations < 20, "the meter and the first day were left alone");
    let (numerator, denominator) = report_oee(&log, "2026-03-03");
    assert_eq!(new.value.map(|v| (v.0.to_string(), v.1.to_string())), Some((numerator, denominator)));
}

#[test]
fn the_live_shift_reaches_to_the_newest_reading_and_then_shows_silence() {
    let world = World::new(3, 1, None);
    let mut log = Log::new(false);
    log.run(&world, false, |_, _| true);
    let until = log.leaves.iter().take_while(|leaf| leaf.received_ms < MONDAY + 12 * HOUR).count();
    let list = Arc::new(List::default());
    list.grow(&log, until);
    let mut projector = SiteProjector::open(list.clone(), 0, 0, BTreeMap::new()).expect("open");
    let mut tables = Tables::default();
    let received = log.leaves[until - 1].received_ms;
    tables.drive(&mut projector, received + 1000);
    let body = tables.body("press", "2026-03-02");
    let key = ("press".to_owned(), "2026-03-02".to_owned(), "day".to_owned());
    assert!(!tables.shifts[&key].closed);
    assert!(received - body.evaluated_to_ms < 65_000, "up to the newest reading, {}", received - body.evaluated_to_ms);
    assert!(body.intervals.last().is_some_and(|interval| interval.state != "unknown"));
    // Two hours later nothing has come: the shift grew by an unknown stretch.
    tables.drive(&mut projector, received + 2 * HOUR);
    let silent = tables.body("press", "2026-03-02");
    let last = silent.intervals.last().expect("interval").clone();
    assert_eq!((last.state.as_str(), last.cause.as_str()), ("unknown", "no_data"));
    let unknown: i64 = silent.states.iter().filter(|state| state.name == "unknown").map(|state| state.ms).sum();
    // Silence advances every ten minutes.
    assert!(unknown > 100 * MINUTE && silent.evaluated_to_ms > received + 109 * MINUTE, "{unknown}");
    // And when the buffered records arrive after all, it is as if they had never been missing.
    list.grow(&log, log.leaves.len());
    tables.drive(&mut projector, MONDAY + 3 * DAY);
    assert_eq!(tables.values, project(&log, MONDAY + 3 * DAY).values);
}

#[test]
fn a_restart_in_the_middle_goes_on_where_the_rows_stand() {
    let world = World::new(4, 2, None);
    let mut log = Log::new(true);
    log.run(&world, false, |_, _| true);
    let now_ms = MONDAY + 6 * DAY;
    let list = Arc::new(List::default());
    list.grow(&log, log.leaves.len() / 2);
    let mut tables = Tables::default();
    let mut projector = SiteProjector::open(list.clone(), 0, 0, BTreeMap::new()).expect("open");
    tables.drive(&mut projector, now_ms);
    list.grow(&log, log.leaves.len());
    let mut projector =
        SiteProjector::open(list, tables.size as u64, tables.size as u64, tables.known()).expect("open again");
    tables.drive(&mut projector, now_ms);
    assert_eq!(tables.values, project(&log, now_ms).values);
}
