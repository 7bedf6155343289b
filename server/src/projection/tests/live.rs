//! At any moment the running projection has the rows that a rebuild would write: whatever order records arrived in, whatever
//! was declared when, however often the server was restarted, and whoever looked when.

use ::metrics::compare::SplitMix64;

use super::*;

/// Rows beyond those of a rebuild, or missing ones, would be named; so would any digit.
fn compare(seed: u64, what: &str, live: &Tables, whole: &Tables) {
    let keys = |tables: &Tables| tables.shifts.keys().cloned().collect::<Vec<_>>();
    assert_eq!(keys(live), keys(whole), "seed {seed}, {what}: which shifts have rows");
    let (mine, theirs) = (live.timelines(), whole.timelines());
    for (key, row) in &mine {
        assert_eq!(Some(row), theirs.get(key), "seed {seed}, {what}: timeline of {key:?}");
    }
    assert_eq!(live.values, whole.values, "seed {seed}, {what}: values");
    assert_eq!(live.seen, whole.seen, "seed {seed}, {what}: when each tag was seen");
    assert_eq!(live.bills, whole.bills, "seed {seed}, {what}: bills");
}

/// A factory's log as it arrives: batches late, out of order or together, tags that fall silent for hours with and without a
/// stated gap, statements in between.
fn arrivals(random: &mut SplitMix64) -> Log {
    let mut below = |end: u64| random.next_u64() % end;
    let world = World::new(below(1000), 3, None);
    let mut log = Log::new(below(4) == 0);
    let setup = log.leaves.len();
    let (silent, from, length) = (below(5) as u32, below(2000) as usize, 30 + below(1500) as usize);
    let spoken = below(2) == 0;
    log.run(&world, spoken, |tag, minute| tag != silent || !(from..from + length).contains(&minute));
    let outage = (below(3000) as i64 * MINUTE, below(1200) as i64 * MINUTE);
    for leaf in &mut log.leaves[setup..] {
        let sent_ms = leaf.received_ms - MONDAY;
        if (outage.0..outage.0 + outage.1).contains(&sent_ms) {
            leaf.received_ms = MONDAY + outage.0 + outage.1;
        }
        if below(12) == 0 {
            leaf.received_ms += below(30) as i64 * HOUR;
        }
    }
    for _ in 0..6 {
        let at = MONDAY + below(80) as i64 * HOUR;
        let effective = MONDAY + (below(100) as i64 - 10) * HOUR;
        let date = format!("2026-03-0{}", 2 + below(3));
        let (kind, body) = match below(9) {
            0 => ("cycle_time", json!({"machine": "press", "item_us": 1_000_000 + below(9_000_000)})),
            1 => ("quality_count", json!({"machine": "press", "date": date, "shift": "day", "reject": below(9)})),
            2 => (
                "planned_stop",
                json!({"machine": "press", "from_ms": effective, "to_ms": effective + HOUR, "reason": "保养"}),
            ),
            3 => (
                "calendar",
                json!({"shifts": [{"shift": "night", "names": {"zh": "夜班", "en": "Night"}, "start": "19:00", "end": "07:00", "weekdays": [1, 2, 3, 4, 5, 6, 7], "breaks": []}]}),
            ),
            // Two accounts of one meter, bills that overlap, and one that is taken back.
            4 | 5 => (
                "bill",
                json!({"carrier": "electricity", "account": (1 + below(2)).to_string(), "from": date,
                "to": "2026-03-04", "amount": (100 + below(900)).to_string(), "unit": "kWh", "issuer": "供电局",
                "source": "third_party_settlement", "read_within_min": 60, "withdrawn": below(4) == 0}),
            ),
            6 => (
                "meter_replaced",
                json!({"machine": "main", "at_ms": effective, "old_final_raw": 1, "new_initial_raw": 0}),
            ),
            7 => (
                "machine",
                json!({"machine": "second", "names": {"zh": "二", "en": "Second"}, "signals": {"energy": {"gateway": "gw-1", "tag": "press/energy"}}}),
            ),
            _ => (
                "machine",
                json!({"machine": "press", "names": {"zh": "冲床", "en": "Press"}, "signals": {"state": {"gateway": "gw-1", "tag": "press/state"}}, "state_rule": {"codes": {"1": "off", "2": "idle", "4": "run"}}}),
            ),
        };
        log.declare_from(kind, effective, body);
        log.leaves.last_mut().expect("declared").received_ms = at;
    }
    // The setup stays in front; everything else in order of arrival.
    log.leaves[setup..].sort_by_key(|leaf| leaf.received_ms);
    log
}

#[test]
fn live_rows_equal_a_rebuild_at_any_moment() {
    let (mut compared, mut bills) = (0, 0);
    for seed in 0..24 {
        let random = &mut SplitMix64::new(seed);
        let log = arrivals(random);
        let list = Arc::new(List::default());
        let mut tables = Tables::default();
        let mut projector = SiteProjector::open(list.clone(), 0, 0, BTreeMap::new()).expect("open");
        let (mut size, mut now_ms) = (0, MONDAY - HOUR);
        while size < log.leaves.len() {
            size = (size + 1 + (random.next_u64() % 6) as usize).min(log.leaves.len());
            list.grow(&log, size);
            now_ms = now_ms.max(log.leaves[size - 1].received_ms + (random.next_u64() % 90_000) as i64);
            tables.drive(&mut projector, now_ms);
            match random.next_u64() % 16 {
                0 => {
                    // Killed and started again, perhaps hours later; perhaps before everything was written.
                    if random.next_u64().is_multiple_of(2) {
                        list.grow(&log, log.leaves.len().min(size + 3));
                        let step = projector.step(now_ms).expect("step");
                        tables.apply(step.rows);
                        size = log.leaves.len().min(size + 3);
                    }
                    projector =
                        SiteProjector::open(list.clone(), tables.size as u64, tables.size as u64, tables.known())
                            .expect("again");
                    projector.know_bills(tables.bills.keys().cloned());
                    now_ms = now_ms.max(log.leaves[size - 1].received_ms) + (random.next_u64() % 20) as i64 * HOUR / 3;
                    tables.drive(&mut projector, now_ms);
                }
                // Nothing arrives for a while, and somebody looks now and then.
                1 => {
                    for _ in 0..random.next_u64() % 5 {
                        now_ms += (random.next_u64() % 400_000) as i64;
                        tables.drive(&mut projector, now_ms);
                    }
                }
                2..=4 => {
                    compare(seed, &format!("{size} leaves"), &tables, &project_first(&log, size, now_ms));
                    compared += 1;
                }
                _ => {}
            }
        }
        for later in [0, 7 * MINUTE, 5 * HOUR, 3 * DAY] {
            tables.drive(&mut projector, now_ms + later);
            compare(seed, &format!("{later} ms after the last"), &tables, &project(&log, now_ms + later));
        }
        bills += tables.bills.values().filter(|bill| bill.relative.is_some()).count();
    }
    assert!(bills > 5, "bills were among it: {bills}");
    assert!(compared > 100, "it was compared in the middle: {compared} times");
}

fn project_first(log: &Log, size: usize, now_ms: i64) -> Tables {
    let list = Arc::new(List::default());
    list.grow(log, size);
    let mut projector = SiteProjector::open(list, 0, 0, BTreeMap::new()).expect("open");
    let mut tables = Tables::default();
    tables.drive(&mut projector, now_ms);
    tables
}

/// A gateway that woke up in 1970, and one whose clock was set back an hour: nobody vouches for such a clock, so its word moves
/// no number. Once it is synchronised again everything lies where it was observed.
#[test]
fn a_clock_at_1970_or_set_back_an_hour_moves_no_number() {
    let world = World::new(5, 2, None);
    let mut honest = Log::new(false);
    honest.run(&world, false, |_, _| true);
    let end = MONDAY + 4 * DAY;
    let whole = project(&honest, end);
    let numbers = |tables: &Tables| {
        let of = |row: &MetricRow| (row.value, row.low, row.high, row.covered_ms, row.expected_ms);
        tables.values.iter().map(|(key, row)| (key.clone(), of(row))).collect::<Vec<_>>()
    };
    type Harm = fn(&mut protocol::Clock);
    let woke: Harm = |clock| clock.wall_ms = 5_000 + clock.boot_ms % HOUR;
    let set_back: Harm = |clock| clock.wall_ms -= HOUR;
    for (what, harm) in [("1970", woke), ("an hour back", set_back)] {
        let mut log = Log::new(false);
        log.run(&world, false, |_, _| true);
        let wrong = MONDAY + 10 * HOUR..MONDAY + 14 * HOUR;
        let mut harmed = 0;
        for leaf in &mut log.leaves {
            if let protocol::LeafBody::Record { header, .. } = &mut leaf.body
                && wrong.contains(&header.clock.wall_ms)
            {
                header.clock.sync = protocol::SyncState::Unsynchronised;
                harm(&mut header.clock);
                harmed += 1;
            }
        }
        assert!(harmed >= 3, "{what}");
        assert_eq!(numbers(&project(&log, end)), numbers(&whole), "{what}");
        // Leaf by leaf too, with the hours in between at which nobody knew.
        let list = Arc::new(List::default());
        let mut projector = SiteProjector::open(list.clone(), 0, 0, BTreeMap::new()).expect("open");
        let mut tables = Tables::default();
        for size in 1..=log.leaves.len() {
            list.grow(&log, size);
            let now_ms = log.leaves[size - 1].received_ms;
            tables.drive(&mut projector, now_ms);
            if size % 5 == 0 {
                compare(0, &format!("{what}, {size} leaves"), &tables, &project_first(&log, size, now_ms));
            }
        }
        tables.drive(&mut projector, end);
        assert_eq!(numbers(&tables), numbers(&whole), "{what}");
    }
}

/// A bill whose month is over while its gateway is offline is compared with what is there, and again when the records come, by whichever
/// server is running then; one that is taken back leaves no row.
#[test]
fn a_bill_is_compared_again_when_what_was_held_back_arrives() {
    let mut log = Log::new(false);
    let bill = |withdrawn: bool| {
        json!({"carrier": "electricity", "account": "1", "from": "2026-03-02", "to": "2026-03-03", "amount": "240", "unit": "kWh",
            "issuer": "供电局", "source": "third_party_settlement", "withdrawn": withdrawn})
    };
    log.declare("bill", bill(false));
    log.run(&World::new(7, 4, None), false, |_, _| true);
    let (first_day, now_ms) = (log.leaves.len() / 4, MONDAY + 10 * DAY);
    for is_restarted in [false, true] {
        let list = Arc::new(List::default());
        list.grow(&log, first_day);
        let mut tables = Tables::default();
        let mut projector = SiteProjector::open(list.clone(), 0, 0, BTreeMap::new()).expect("open");
        tables.drive(&mut projector, now_ms);
        let before: Vec<BillRow> = tables.bills.values().cloned().collect();
        assert!(before.len() == 1 && before[0].verdict == "not_comparable", "half of it is missing: {before:?}");
        if is_restarted {
            let size = tables.size as u64;
            projector = SiteProjector::open(list.clone(), size, size, tables.known()).expect("again");
            projector.know_bills(tables.bills.keys().cloned());
            let rows = tables.bills.clone();
            tables.drive(&mut projector, now_ms + HOUR);
            assert_eq!(tables.bills, rows, "nothing was compared for nothing");
        }
        list.grow(&log, log.leaves.len());
        tables.drive(&mut projector, now_ms + HOUR);
        assert_eq!(tables.bills, project(&log, now_ms + HOUR).bills);
        assert_ne!(tables.bills.values().cloned().collect::<Vec<_>>(), before);
        let mut taken_back = log.clone();
        taken_back.declare("bill", bill(true));
        list.grow(&taken_back, taken_back.leaves.len());
        tables.drive(&mut projector, now_ms + 2 * HOUR);
        assert!(tables.bills.is_empty(), "{:?}", tables.bills);
    }
}
