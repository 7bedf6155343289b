//! A plan's baseline, locked: what was stated afterwards never changes the locked result, and never hides.

mod fixture;
#[path = "plan/words.rs"]
mod words;

use std::sync::LazyLock;

use fixture::{HOUR, Log, MONDAY, World};
use metrics::model::{Plan, parse_body};
use metrics::pass::{Pass, PassError};
use metrics::plan::{Baseline, BaselineLock, DoorError, LockError, check_stated};
use metrics::report::{MetricResult, PlanResult};
use metrics::{Report, ReportRequest, evaluate};
use protocol::content::Excerpt;
use protocol::{Declaration, Leaf, LeafBody};
use serde_json::{Value as Json, json};

const DAY: i64 = 24 * HOUR;
const OEE: &str = "oee.iso22400@1";
/// Days before, and days after.
const SIDE: usize = 35;

fn plan(more: &Json) -> Json {
    let mut body = json!({
        "plan": "retrofit", "machines": ["press"], "incoming": "main", "seed": 7, "option": "B",
        "baseline": {"from": "2026-03-02", "to": "2026-04-05"}, "reporting": {"from": "2026-04-06", "to": "2026-05-10"},
        "boundary": {"zh": "冲压车间", "en": "press shop"},
        "metrics": [
            {"definition": OEE, "target": {"value": "5", "unit": "percentage_points", "direction": "increase"}},
            {"definition": "energy.per_good@1", "min_days": 30, "target": {"value": "0.5", "unit": "percent", "direction": "decrease"}},
        ],
    });
    for (key, value) in more.as_object().into_iter().flatten() {
        body[key] = value.clone();
    }
    body
}

/// The log of a press that gets better, under a plan; nothing is locked yet.
static UNLOCKED: LazyLock<Log> = LazyLock::new(|| {
    let mut log = Log::new(false);
    log.declare("plan", plan(&json!({})));
    log.run(&World::new(11, 2 * SIDE, Some(SIDE)), false, |_, _| true);
    log
});

/// The same, OEE locked two hours after the baseline; and the lock's leaf.
static LOCKED: LazyLock<(Log, u64)> = LazyLock::new(|| {
    let mut log = UNLOCKED.clone();
    let at = after(&log, MONDAY + SIDE as i64 * DAY + 2 * HOUR);
    let lock = lock(&log, at, OEE, false).unwrap();
    insert(&mut log, at, "baseline_lock", MONDAY, serde_json::to_value(lock).unwrap());
    (log, at as u64)
});

/// The first leaf received after an instant.
fn after(log: &Log, ms: i64) -> usize {
    log.leaves.iter().position(|l| l.received_ms > ms).unwrap()
}

fn lock(log: &Log, size: usize, definition: &str, insufficient: bool) -> Result<BaselineLock, LockError> {
    lock_until(log, size, definition, insufficient, log.leaves[size - 1].received_ms)
}

fn lock_until(
    log: &Log,
    size: usize,
    definition: &str,
    insufficient: bool,
    until_ms: i64,
) -> Result<BaselineLock, LockError> {
    let mut log = log.clone();
    log.leaves.truncate(size);
    let history = log.history();
    let stated = history.statements().plan("retrofit").unwrap().clone();
    Baseline::evaluate(&history, stated, until_ms).lock(definition, "*", insufficient)
}

/// Inserts a statement received with the leaf before it.
fn insert(log: &mut Log, at: usize, kind: &str, effective_from: i64, body: Json) {
    let (author, role, reason) = ("u2".into(), "firm".into(), "afterwards".into());
    let bytes = Declaration { kind: kind.into(), effective_from, author, role, reason, body }.encode().unwrap();
    log.leaves.insert(at, Leaf::declaration(log.leaves[at - 1].received_ms, kind, &bytes));
    log.contents.insert(protocol::sha256(&bytes), bytes);
}

fn append(log: &Log, kind: &str, effective_from: i64, body: Json) -> Log {
    let mut log = log.clone();
    let end = log.leaves.len();
    insert(&mut log, end, kind, effective_from, body);
    log
}

fn report(log: &Log) -> Report {
    evaluate(&log.history(), &ReportRequest::for_plan(log.size(), "retrofit")).unwrap()
}

fn planned(report: &Report) -> &PlanResult {
    report.measurement_plan.as_ref().expect("a plan with metrics")
}

fn metric<'r>(report: &'r Report, definition: &str) -> &'r MetricResult {
    planned(report).metrics.iter().find(|m| m.definition == definition).unwrap()
}

/// One pass; and another that knows every statement ahead, as the verifier has it, which gives what the whole gives or says that it cannot.
fn pass(log: &Log) -> Result<Report, PassError> {
    match knowing(log) {
        Ok(ahead) => assert_eq!(ahead.to_json().unwrap(), report(log).to_json().unwrap(), "all stated ahead"),
        Err(PassError::Disturbed(_)) => {}
        Err(e) => panic!("{e}"),
    }
    let mut pass = Pass::new(ReportRequest::for_plan(log.size(), "retrofit"));
    for (i, leaf) in log.leaves.iter().enumerate() {
        let content = leaf.content_digest().and_then(|d| log.contents.get(&d));
        pass.push(i as u64, leaf, content.map(Vec::as_slice))?;
    }
    pass.finish()
}

fn knowing(log: &Log) -> Result<Report, PassError> {
    let content = |leaf: &Leaf| leaf.content_digest().and_then(|d| log.contents.get(&d));
    let declared = log.leaves.iter().enumerate().filter_map(|(i, leaf)| {
        let is_one = matches!(leaf.body, LeafBody::Declaration { .. });
        Some((i as u64, leaf.received_ms, Declaration::decode(content(leaf).filter(|_| is_one)?).ok()?))
    });
    let mut pass = Pass::knowing(ReportRequest::for_plan(log.size(), "retrofit"), declared)?;
    for (i, leaf) in log.leaves.iter().enumerate() {
        let decoded = match (&leaf.body, content(leaf)) {
            (LeafBody::Record { header, .. }, Some(bytes)) => Excerpt::read(header.kind, bytes, &|_| true).ok(),
            _ => None,
        };
        pass.push_decoded(i as u64, leaf, decoded.as_ref())?;
    }
    pass.finish()
}

#[test]
fn a_locked_baseline_is_confirmed_and_the_target_is_met_by_the_whole_interval() {
    let (log, leaf) = &*LOCKED;
    let report = report(log);
    let oee = metric(&report, OEE);
    let lock = oee.lock.as_ref().expect("locked");
    assert_eq!((lock.leaf, lock.confirmed, lock.differs, lock.sufficient), (*leaf, true, false, true));
    assert!(lock.changes.is_empty() && lock.later_records.is_empty() && lock.as_locked.is_none(), "{lock:?}");
    assert_eq!((oee.verdict, oee.follows), (Some("MET"), "locked"));
    let change = oee.change.as_ref().unwrap();
    let comparison = report.comparisons.iter().find(|c| c.definition == OEE && c.machine == "*").unwrap();
    assert_eq!((&change.lower, &change.upper), (&comparison.lower, &comparison.upper));
    assert_eq!((&lock.numerator, &lock.denominator), (&comparison.before.numerator, &comparison.before.denominator));
    assert!(planned(&report).findings.is_empty() && planned(&report).design == "before_after");
    // Nothing disturbs a pass over it, however its statements are known.
    assert!(pass(log).is_ok() && knowing(log).is_ok());
    let kinds: Vec<&str> = lock
        .parameters
        .iter()
        .map(|p| report.statements.iter().find(|s| s.leaf == p.leaf).unwrap().kind.as_str())
        .collect();
    assert_eq!(kinds, ["site", "calendar", "machine", "cycle_time", "plan"]);
    for parameter in &lock.parameters {
        let digest = log.leaves[parameter.leaf as usize].content_digest().unwrap();
        assert_eq!(parameter.digest, digest.to_string(), "a parameter's digest is its leaf's");
    }
    // A relative target has an interval of its own, over the same replicates.
    let energy = metric(&report, "energy.per_good@1");
    let change = energy.change.as_ref().unwrap();
    let number = |s: &Option<String>| s.as_ref().unwrap().parse::<f64>().unwrap();
    assert!(
        number(&change.lower) < number(&change.value) && number(&change.value) < number(&change.upper),
        "{change:?}"
    );
    assert_eq!(energy.lock, None);
    // One pass gives the same bytes.
    assert_eq!(pass(log).unwrap().to_json().unwrap(), report.to_json().unwrap());
}

#[test]
fn a_verdict_needs_the_whole_interval() {
    for (value, direction, verdict) in
        [("5", "increase", "MET"), ("60", "increase", "NOT_MET"), ("1", "decrease", "NOT_MET")]
    {
        let target = json!([{"definition": OEE, "target": {"value": value, "unit": "percentage_points", "direction": direction}}]);
        let report = report(&append(&UNLOCKED, "plan", MONDAY, plan(&json!({"metrics": target}))));
        assert_eq!(metric(&report, OEE).verdict, Some(verdict), "{value} {direction}");
    }
    // A target inside the interval is not decided.
    let own = report(&UNLOCKED);
    let middle = metric(&own, OEE).change.as_ref().unwrap().value.clone().unwrap();
    let points = format!("{:.3}", middle.parse::<f64>().unwrap() * 100.0);
    let target =
        json!([{"definition": OEE, "target": {"value": points, "unit": "percentage_points", "direction": "increase"}}]);
    let report = report(&append(&UNLOCKED, "plan", MONDAY, plan(&json!({"metrics": target}))));
    let oee = metric(&report, OEE);
    assert_eq!((oee.verdict, oee.reasons.as_slice()), (Some("INSUFFICIENT"), ["INTERVAL_CONTAINS_TARGET"].as_slice()));
}

/// Statements after the lock that would move the result, and whether they do.
fn afterwards() -> Vec<(&'static str, i64, Json, bool)> {
    let reporting = MONDAY + SIDE as i64 * DAY;
    let shift = |end: &str| json!({"shifts": [{"shift": "day", "start": "08:00", "end": end, "weekdays": [1, 2, 3, 4, 5, 6, 7]}]});
    let signal = |tag: &str| json!({"gateway": fixture::GATEWAY, "tag": tag});
    let machine = |idle: &str| {
        json!({
            "machine": "press", "names": {"zh": "冲床", "en": "Press"}, "critical": true,
            "signals": {"state": signal("press/state"), "good": signal("press/good"), "reject": signal("press/reject"), "energy": signal("press/energy")},
            "state_rule": {"codes": {"1": "off", "2": idle, "4": "run", "5": "setup", "6": "fault"}},
        })
    };
    let at = MONDAY + 3 * DAY + 3 * HOUR;
    vec![
        ("cycle_time", MONDAY, json!({"machine": "press", "item_us": 3_000_000}), true),
        ("cycle_time", reporting, json!({"machine": "press", "item_us": 9_000_000}), true),
        ("cycle_time", reporting + 5 * DAY, json!({"machine": "press", "item_us": 7_000_000}), true),
        ("cycle_time", reporting, json!({"machine": "press", "product": "new", "item_us": 1_000_000}), false),
        (
            "quality_count",
            MONDAY,
            json!({"machine": "press", "date": "2026-03-10", "shift": "day", "reject": 900}),
            true,
        ),
        (
            "planned_stop",
            MONDAY,
            json!({"machine": "press", "from_ms": at, "to_ms": at + 5 * HOUR, "reason": "afterwards"}),
            true,
        ),
        // Logged after the days it speaks of: the calendar logged before them goes on to hold.
        ("calendar", MONDAY, shift("14:00"), false),
        ("machine", MONDAY, machine("run"), true),
        ("plan", MONDAY, plan(&json!({"baseline": {"from": "2026-03-09", "to": "2026-04-05"}})), true),
        ("plan", MONDAY, plan(&json!({"seed": 8})), true),
        (
            "plan",
            MONDAY,
            plan(
                &json!({"metrics": [{"definition": OEE, "target": {"value": "1", "unit": "percentage_points", "direction": "increase"}}]}),
            ),
            false,
        ),
    ]
}

#[test]
fn what_is_stated_after_the_lock_never_changes_the_locked_result_and_always_shows() {
    let (log, _) = &*LOCKED;
    let plain = report(log);
    let before = plain.comparisons.iter().find(|c| c.definition == OEE && c.machine == "*").unwrap();
    for (kind, effective_from, body, moves) in afterwards() {
        let what = format!("{kind} {effective_from} {body}");
        let changed = append(log, kind, effective_from, body);
        let report = report(&changed);
        let (oee, was) = (metric(&report, OEE), metric(&plain, OEE));
        let lock = oee.lock.as_ref().unwrap();
        let listed: Vec<u64> = lock.changes.iter().map(|c| c.leaf).collect();
        assert_eq!(listed, [log.size()], "{what}");
        assert_eq!((&lock.changes[0].author, &lock.changes[0].reason), (&"u2".to_owned(), &"afterwards".to_owned()));
        assert!(lock.confirmed, "{what}: {:?}", planned(&report).findings);
        assert_eq!((oee.verdict, &oee.change, &oee.target), (was.verdict, &was.change, &was.target), "{what}");
        assert_eq!(lock.differs, moves, "{what}");
        assert_eq!(lock.as_locked.as_ref(), moves.then_some(before), "{what}");
        assert_eq!(lock.verdict_declared.is_some(), moves, "{what}");
        let code = planned(&report).findings.iter().find(|f| f.leaf == log.size()).map(|f| f.code);
        assert_eq!(code, (kind == "plan").then_some("PLAN_CHANGED_AFTER_LOCK"), "{what}");
        match pass(&changed) {
            Ok(same) => assert_eq!(same.to_json().unwrap(), report.to_json().unwrap(), "{what}"),
            Err(PassError::Disturbed(d)) => assert_eq!(d.leaf, log.size(), "{what}"),
            Err(other) => panic!("{what}: {other}"),
        }
    }
}

#[test]
fn a_holiday_announced_in_advance_and_a_quality_count_of_the_reporting_period_count_both_ways() {
    let (log, leaf) = &*LOCKED;
    let shifts = json!([{"shift": "day", "names": {"zh": "白班", "en": "Day"}, "start": "08:00", "end": "20:00", "weekdays": [1, 2, 3, 4, 5, 6, 7], "breaks": [{"start": "12:00", "end": "12:50"}]}]);
    let mut changed = log.clone();
    insert(
        &mut changed,
        *leaf as usize + 1,
        "calendar",
        MONDAY + 36 * DAY,
        json!({"shifts": shifts, "holidays": ["2026-05-01"]}),
    );
    let changed = append(
        &changed,
        "quality_count",
        MONDAY,
        json!({"machine": "press", "date": "2026-04-20", "shift": "day", "reject": 500}),
    );
    let report = report(&changed);
    let lock = metric(&report, OEE).lock.as_ref().unwrap();
    assert!(lock.confirmed && !lock.differs && lock.changes.is_empty(), "{lock:?}");
    let now = report.comparisons.iter().find(|c| c.definition == OEE && c.machine == "*").unwrap();
    let plain = self::report(log);
    let was = plain.comparisons.iter().find(|c| c.definition == OEE && c.machine == "*").unwrap();
    assert!(now.before == was.before && now.after != was.after, "they do count");
}

#[test]
fn readings_that_come_after_the_lock_are_named_and_do_not_enter_it() {
    // The gateway was cut off for the last two days of the baseline; locked by the clock, then they come.
    let mut log = UNLOCKED.clone();
    let at = after(&log, MONDAY + (SIDE as i64 - 2) * DAY);
    let lock = lock_until(&log, at, OEE, false, MONDAY + (SIDE as i64 + 1) * DAY).unwrap();
    insert(&mut log, at, "baseline_lock", MONDAY, serde_json::to_value(lock).unwrap());
    let report = report(&log);
    let lock = metric(&report, OEE).lock.as_ref().unwrap();
    let (first, last) = (lock.later_records.first(), lock.later_records.last());
    assert_eq!((first, lock.later_records.len()), (Some(&(at as u64 + 1)), 49), "an hour each: {last:?}");
    assert!(lock.confirmed && lock.differs, "the locked numbers are those of the lock's own prefix: {lock:?}");
    assert!(matches!(pass(&log), Err(PassError::Disturbed(_))));
}

#[test]
fn a_night_shift_belongs_to_the_baseline_until_it_ends() {
    let mut log = Log::new(false);
    let shift = |id: &str, start: &str, end: &str| json!({"shift": id, "names": {"zh": id, "en": id}, "start": start, "end": end, "weekdays": [1, 2, 3, 4, 5, 6, 7]});
    log.declare("calendar", json!({"shifts": [shift("day", "08:00", "20:00"), shift("night", "20:00", "08:00")]}));
    log.declare("plan", plan(&json!({})));
    log.run(&World::new(11, 2 * SIDE, Some(SIDE)), false, |_, _| true);
    // Cut off from one in the morning after the last date; locked by the clock at ten past nine; then the rest of the night comes.
    let midnight = MONDAY + SIDE as i64 * DAY;
    let at = after(&log, midnight + HOUR);
    assert!(matches!(lock_until(&log, at, OEE, false, midnight + 8 * HOUR), Err(LockError::NotOver { .. })));
    let lock = lock_until(&log, at, OEE, false, midnight + 9 * HOUR + 600_000).unwrap();
    insert(&mut log, at, "baseline_lock", MONDAY, serde_json::to_value(lock).unwrap());
    let report = report(&log);
    let lock = metric(&report, OEE).lock.as_ref().unwrap();
    assert!(lock.confirmed && lock.differs && (6..9).contains(&lock.later_records.len()), "{lock:?}");
    assert!(matches!(pass(&log), Err(PassError::Disturbed(_))));
    assert!(matches!(knowing(&log), Err(PassError::Disturbed(_))));
}

#[test]
fn a_record_that_comes_while_the_lock_is_made_is_found_by_every_pass() {
    let mut log = UNLOCKED.clone();
    let at = after(&log, MONDAY + (SIDE as i64 - 2) * DAY);
    let lock = lock_until(&log, at, OEE, false, MONDAY + (SIDE as i64 + 1) * DAY).unwrap();
    // Two days of records stand between the prefix and the lock.
    insert(&mut log, at + 60, "baseline_lock", MONDAY, serde_json::to_value(lock).unwrap());
    let report = report(&log);
    let lock = metric(&report, OEE).lock.as_ref().unwrap();
    assert!(lock.confirmed && lock.later_records.first() == Some(&(at as u64)), "{lock:?}");
    assert!(matches!(pass(&log), Err(PassError::Disturbed(_))));
    assert!(matches!(knowing(&log), Err(PassError::Disturbed(_))));
}

#[test]
fn what_was_announced_before_the_lock_cannot_be_brought_forward_unseen() {
    let mut log = UNLOCKED.clone();
    let faster = json!({"machine": "press", "item_us": 5_000_000});
    // Announced for next year, before the lock; afterwards stated for the reporting period.
    insert(&mut log, 10, "cycle_time", MONDAY + 300 * DAY, faster.clone());
    let at = after(&log, MONDAY + SIDE as i64 * DAY + 2 * HOUR);
    let lock = lock(&log, at, OEE, false).unwrap();
    insert(&mut log, at, "baseline_lock", MONDAY, serde_json::to_value(lock).unwrap());
    let plain = report(&log);
    let moved = append(&log, "cycle_time", MONDAY + (SIDE as i64 + 7) * DAY, faster);
    let report = report(&moved);
    let (was, oee) = (metric(&plain, OEE), metric(&report, OEE));
    let lock = oee.lock.as_ref().unwrap();
    assert_eq!(lock.changes.iter().map(|c| c.leaf).collect::<Vec<_>>(), [log.size()]);
    assert!(lock.confirmed && lock.differs, "{lock:?}");
    assert_eq!((oee.verdict, &oee.change), (was.verdict, &was.change));
}

#[test]
fn a_lock_that_says_something_else_than_its_prefix_proves_nothing() {
    let (log, leaf) = &*LOCKED;
    let at = *leaf as usize;
    let digest = log.leaves[at].content_digest().unwrap();
    let body = Declaration::decode(&log.contents[&digest]).unwrap().body;
    let with = |field: &str, value: Json| {
        let (mut log, mut body) = (log.clone(), body.clone());
        log.leaves.remove(at);
        body[field] = value;
        insert(&mut log, at, "baseline_lock", MONDAY, body);
        log
    };
    for (field, value) in [
        ("numerator", json!("1")),
        ("value", json!("0.900000")),
        ("days", json!([30, 28])),
        ("shifts", json!([1, 35])),
        ("parameters", json!([])),
        ("parameters_digest", json!("00")),
    ] {
        let report = report(&with(field, value));
        let codes: Vec<(&str, u64)> = planned(&report).findings.iter().map(|f| (f.code, f.leaf)).collect();
        assert_eq!(codes, [("LOCK_MISSTATED", *leaf)], "{field}");
        let oee = metric(&report, OEE);
        assert_eq!((oee.verdict, oee.grades[0]), (Some("INSUFFICIENT"), Some("D")), "{field}");
    }
    for (field, value) in
        [("plan_leaf", json!(0)), ("machines", json!(["main"])), ("definition", json!("quality.iso22400@1"))]
    {
        let report = report(&with(field, value));
        assert!(planned(&report).findings.iter().any(|f| f.code == "LOCK_INVALID" && f.leaf == *leaf), "{field}");
        assert_eq!(metric(&report, OEE).lock, None, "{field}");
    }
    // A second lock of the same metric is named and counts for nothing.
    let report = report(&append(log, "baseline_lock", MONDAY, body));
    assert_eq!(
        planned(&report).findings.iter().map(|f| (f.code, f.leaf)).collect::<Vec<_>>(),
        [("LOCK_REPEATED", log.size())]
    );
    assert_eq!(metric(&report, OEE).lock.as_ref().unwrap().leaf, *leaf);
}

#[test]
fn the_door_refuses_what_would_move_a_lock() {
    let (log, leaf) = &*LOCKED;
    let history = log.history();
    let check = |kind: &str, body: &Json| check_stated(history.statements(), kind, body);
    for (kind, _, body, _) in afterwards() {
        let refused = matches!(check(kind, &body), Err(DoorError::Locked { leaf: named, .. }) if named == *leaf);
        assert_eq!(refused, kind == "plan", "{kind} {body}");
    }
    let free = [
        json!({"reporting": {"from": "2026-04-13", "to": "2026-06-07"}}),
        json!({"names": {"zh": "改造", "en": "Retrofit"}}),
        json!({"plan": "another", "seed": 8}),
    ];
    free.iter().for_each(|more| check("plan", &plan(more)).unwrap());
    assert!(
        matches!(check("plan", &plan(&json!({"machines": ["press", "lathe"]}))), Err(DoorError::Locked { .. })),
        "a machine added after the lock"
    );
    let body = serde_json::to_value(lock(&UNLOCKED, *leaf as usize, OEE, false).unwrap()).unwrap();
    assert_eq!(check("baseline_lock", &body), Err(DoorError::LockByHand));
    let words = check("plan", &plan(&json!({"seed": 8}))).unwrap_err().to_string();
    assert!(
        words.contains("of this plan is locked in leaf")
            && words.contains(&format!("leaf {leaf}"))
            && words.contains(&format!("第 {leaf} 条")),
        "{words}"
    );
    assert_eq!(lock(log, log.leaves.len(), OEE, true), Err(LockError::Locked { definition: OEE.into(), leaf: *leaf }));
}

#[test]
fn what_a_baseline_lacks_is_said_before_it_is_locked() {
    let log = &*UNLOCKED;
    let at = |days: usize| after(log, MONDAY + days as i64 * DAY + 2 * HOUR);
    assert_eq!(lock(log, at(20), OEE, true), Err(LockError::NotOver { to: "2026-04-05".into() }));
    let missing = LockError::NoMetric { plan: "retrofit".into(), definition: "quality.iso22400@1".into() };
    assert_eq!(lock(log, at(SIDE), "quality.iso22400@1", true), Err(missing));
    let mut part = log.clone();
    part.leaves.truncate(at(20));
    let history = part.history();
    let stated = history.statements().plan("retrofit").unwrap().clone();
    let baseline = Baseline::evaluate(&history, stated.clone(), part.leaves.last().unwrap().received_ms);
    let found = baseline.sufficiency(&stated.body.metrics[0]);
    assert_eq!((found.valid_days, found.min_days, found.needs_days, found.is_over), (20, 28, 10, false), "{found:?}");
    assert!(found.advice.iter().any(|a| a.code == "FEW_VALID_DAYS"
        && a.blocks
        && a.words.zh.contains("10 个")
        && a.words.en.contains("10 more")));
    // A baseline of ten days ends, and does not suffice; locked all the same it says so and the grade falls.
    let short = append(log, "plan", MONDAY, plan(&json!({"baseline": {"from": "2026-03-02", "to": "2026-03-11"}})));
    let size = short.leaves.len();
    let refused = lock(&short, size, OEE, false).unwrap_err();
    assert!(
        matches!(&refused, LockError::Insufficient { zh, en } if en.contains("valid production days: make it longer") && zh.contains("个有效生产日：请延长基期")),
        "{refused}"
    );
    let stated = lock(&short, size, OEE, true).unwrap();
    assert!(!stated.sufficient);
    let report = report(&append(&short, "baseline_lock", MONDAY, serde_json::to_value(stated).unwrap()));
    let oee = metric(&report, OEE);
    assert_eq!((oee.verdict, oee.grades[0]), (Some("INSUFFICIENT"), Some("D")));
    assert!(planned(&report).findings.iter().any(|f| f.code == "LOCKED_INSUFFICIENT"));
    // Said to suffice, it is misstated: nobody may call ten days enough.
    let mut stated = lock(&short, size, OEE, true).unwrap();
    stated.sufficient = true;
    let report = self::report(&append(&short, "baseline_lock", MONDAY, serde_json::to_value(stated).unwrap()));
    assert!(planned(&report).findings.iter().any(|f| f.code == "LOCK_MISSTATED"));
    assert_eq!(metric(&report, OEE).grades[0], Some("D"));
    // Energy asks for more days unless the plan says otherwise.
    let mut metric = json!({"definition": "energy.per_good@1"});
    let energy = |m: &Json| baseline.sufficiency(&serde_json::from_value(m.clone()).unwrap()).min_days;
    assert_eq!(energy(&metric), 60);
    metric["min_days"] = json!(30);
    assert_eq!(energy(&metric), 30);
}

#[test]
fn missing_days_have_their_cause_and_the_calendar_its_holes() {
    let mut log = Log::new(false);
    log.declare(
        "plan",
        plan(&json!({"machines": ["press", "lathe"], "baseline": {"from": "2026-02-23", "to": "2026-03-08"}})),
    );
    log.run(&World::new(5, 10, None), true, |_, minute| !(2 * 1440 + 600..2 * 1440 + 900).contains(&minute));
    let history = log.history();
    let stated = history.statements().plan("retrofit").unwrap().clone();
    let found = Baseline::evaluate(&history, stated.clone(), log.end_ms()).sufficiency(&stated.body.metrics[0]);
    let causes: Vec<(&str, &str)> = found.missing.iter().map(|h| (h.date.as_str(), h.cause)).collect();
    assert!(
        causes.contains(&("2026-03-04", "device_silent")) && causes.contains(&("2026-03-01", "no_data")),
        "{causes:?}"
    );
    assert!(
        found.longest_gap.is_some_and(|(from, to, cause)| to - from >= 300 * 60_000 && cause == "device_silent"),
        "{found:?}"
    );
    let codes: Vec<&str> = found.advice.iter().map(|a| a.code).collect();
    let words: Vec<&str> = found.advice.iter().flat_map(|a| [a.words.zh.as_str(), a.words.en.as_str()]).collect();
    for said in ["天没有班次日历：请补报日历", "days have no calendar: declare it"] {
        assert!(words.iter().any(|w| w.contains(said)), "{said}: {words:?}");
    }
    assert!(
        codes.contains(&"MACHINE_NOT_DECLARED")
            && codes.contains(&"CALENDAR_HOLES")
            && codes.contains(&"BASELINE_TOO_SHORT"),
        "{codes:?}"
    );
}

#[test]
fn a_plan_without_a_baseline_reports_after_only_and_says_so() {
    let mut body = plan(&json!({}));
    body.as_object_mut().unwrap().remove("baseline");
    let log = append(&UNLOCKED, "plan", MONDAY, body);
    let report = report(&log);
    assert_eq!(planned(&report).design, "after_only");
    assert!(report.comparisons.is_empty() && report.periods.iter().all(|p| p.period == "reporting"));
    for metric in &planned(&report).metrics {
        assert_eq!((metric.verdict, metric.reasons.as_slice()), (Some("INSUFFICIENT"), ["NO_BASELINE"].as_slice()));
        assert_eq!(metric.grades, [None, Some("A")], "the grade of the side there is");
    }
    assert_eq!(lock(&log, log.leaves.len(), OEE, true), Err(LockError::NoBaseline("retrofit".into())));
}

#[test]
fn documents_speak_for_a_baseline_that_was_not_measured_and_never_meet_a_target() {
    let document = |id: &str, from: &str, to: &str, amount: &str| {
        json!({
            "document": id, "kind": "production_report", "from": from, "to": to, "definition": "energy.per_good@1",
            "amount": amount, "per": "2000", "sha256": "ab".repeat(32), "pages": "1-3",
        })
    };
    let mut body = plan(&json!({}));
    body.as_object_mut().unwrap().remove("baseline");
    let mut log = append(&UNLOCKED, "plan", MONDAY, body);
    for (id, from, to, amount) in [
        ("jan", "2026-01-01", "2026-01-31", "900.5"),
        ("feb", "2026-02-01", "2026-02-28", "1099.5"),
        ("may", "2026-05-01", "2026-05-02", "1"),
    ] {
        log = append(&log, "evidence_document", MONDAY, document(id, from, to, amount));
    }
    let printed = report(&log);
    let energy = metric(&printed, "energy.per_good@1");
    let found = energy.documented.as_ref().expect("two documents before the reporting period");
    assert_eq!((found.value.as_deref(), found.grade), (Some("0.500000"), "D"));
    assert_eq!(found.documents, [log.size() - 3, log.size() - 2]);
    assert_eq!((energy.verdict, metric(&printed, OEE).documented.as_ref()), (Some("INSUFFICIENT"), None));
    // A day that two documents count has no value; the finding names the leaf.
    let log = append(&log, "evidence_document", MONDAY, document("again", "2026-01-31", "2026-01-31", "5"));
    let printed = report(&log);
    let found = metric(&printed, "energy.per_good@1").documented.as_ref().unwrap();
    assert!(found.overlap && found.value.is_none());
    assert!(planned(&printed).findings.iter().any(|f| f.code == "DOCUMENTS_OVERLAP"));
    for (field, wrong, words) in [
        ("sha256", json!("AB"), "64 位十六进制"),
        ("pages", json!(" "), "须注明页码"),
        ("per", json!("0"), "须为数字"),
        ("amount", json!("1."), "须为数字"),
        ("to", json!("2025-12-31"), "不得早于"),
    ] {
        let mut body = document("jan", "2026-01-01", "2026-01-31", "1");
        body[field] = wrong;
        assert!(parse_body("evidence_document", &body).unwrap_err().to_string().contains(words), "{field}");
    }
}
