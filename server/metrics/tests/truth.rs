//! The whole way from signed leaves to a report, against a truth computed by plain counting.

mod fixture;

use fixture::{HOUR, ITEM_US, Log, MINUTE, MONDAY, World};
use metrics::report::{Line, ReportError, Section};
use metrics::{History, Interval, ReportRequest, evaluate};
use serde_json::json;

const DAY: i64 = 24 * HOUR;
const BREAK_MS: i64 = 50 * MINUTE;

fn number(text: &Option<String>) -> i128 {
    text.as_deref().unwrap().parse().unwrap()
}

fn line<'s>(section: &'s Section, id: &str) -> &'s Line {
    section.line(id).unwrap_or_else(|| panic!("{id} in {}", section.machine))
}

/// Millionths of a printed decimal.
fn micros(text: &Option<String>) -> i128 {
    text.as_deref().unwrap().replace('.', "").parse().unwrap()
}

#[test]
fn a_complete_record_gives_exact_answers() {
    let world = World::new(11, 3, None);
    let mut log = Log::new(false);
    log.run(&world, false, |_, _| true);
    let history = log.history();
    let report = evaluate(&history, &ReportRequest::for_dates(log.size(), "2026-03-02", "2026-03-04", None)).unwrap();
    assert!(!report.simulated);
    let shifts: Vec<&Section> = report.shifts.iter().filter(|s| s.machine == "press").collect();
    assert_eq!(shifts.len(), 3, "{:?}", shifts.iter().map(|s| (&s.date, &s.shift)).collect::<Vec<_>>());
    for (day, shift) in shifts.iter().enumerate() {
        let from = MONDAY + day as i64 * DAY + 8 * HOUR;
        let truth = world.truth(from, from + 12 * HOUR);
        let in_break = world.truth(from + 4 * HOUR, from + 4 * HOUR + BREAK_MS);
        assert_eq!((shift.from_ms, shift.to_ms), (from, from + 12 * HOUR));
        assert_eq!(shift.states_ms["run"], truth.run_ms);
        assert_eq!(shift.states_ms["setup"], truth.setup_ms);
        assert_eq!(shift.states_ms["unknown"], 0);
        assert_eq!(shift.states_ms.values().sum::<i64>(), 12 * HOUR);
        let pbt = 12 * HOUR - BREAK_MS + in_break.run_ms;
        assert_eq!((shift.buckets_ms["PBT"], shift.buckets_ms["APT"]), (pbt, truth.run_ms));
        assert_eq!(shift.buckets_ms["AUST"], truth.setup_ms - in_break.setup_ms);
        let oee = line(shift, "oee.iso22400@1");
        assert_eq!(number(&oee.numerator), i128::from(truth.good) * i128::from(ITEM_US));
        assert_eq!(number(&oee.denominator), i128::from(pbt) * 1000);
        assert_eq!((&oee.lower, &oee.upper), (&oee.value, &oee.value), "nothing is uncertain");
        assert_eq!(oee.grade, Some("A"));
        assert_eq!(oee.coverage[0], oee.coverage[1]);
        assert_eq!(line(shift, "count.good@1").value, Some(format!("{}.000000", truth.good)));
        assert_eq!(line(shift, "count.rejected@1").value, Some(format!("{}.000000", truth.reject)));
        assert_eq!(micros(&line(shift, "energy.active@1").value), i128::from(truth.wh) * 1000);
        assert_eq!(shift.lineage.len(), 1);
    }
    // The counter of good parts wraps at 2^32 in the first hours: seen, unwrapped and said.
    assert!(report.periods.iter().any(|p| p.flags.contains(&"COUNTER_ROLLOVER")));
    // Splitting and adding: the period is the sum of its shifts, and the meter has the whole of the days.
    let total = report.periods.iter().find(|p| p.machine == "press").unwrap();
    let sum: i128 = shifts.iter().map(|s| number(&line(s, "oee.iso22400@1").numerator)).sum();
    assert_eq!(number(&line(total, "oee.iso22400@1").numerator), sum);
    let all = world.truth(MONDAY, MONDAY + 3 * DAY);
    assert_eq!(micros(&line(total, "energy.active@1").value), i128::from(all.wh) * 1000);
    let everything = report.periods.iter().find(|p| p.machine == "*").unwrap();
    assert_eq!(line(everything, "oee.iso22400@1"), line(total, "oee.iso22400@1"), "one production machine: the same");
    let json = report.to_json().unwrap();
    assert_eq!(json, evaluate(&log.history(), &report.request).unwrap().to_json().unwrap(), "the same bytes again");
    assert_eq!(metrics::Report::request_of(&json).unwrap(), report.request);
}

#[test]
fn a_silent_stretch_is_unknown_and_bounded_and_the_counter_survives_it() {
    let world = World::new(5, 1, None);
    // From 10:00 to 10:23 nothing is read; the last reading before is 09:59.
    let silent = 600..623;
    for recorded in [true, false] {
        let mut log = Log::new(false);
        log.run(&world, recorded, |_, m| !silent.contains(&m));
        let report =
            evaluate(&log.history(), &ReportRequest::for_dates(log.size(), "2026-03-02", "2026-03-02", None)).unwrap();
        let shift = report.shifts.iter().find(|s| s.machine == "press").unwrap();
        let truth = world.truth(MONDAY + 8 * HOUR, MONDAY + 20 * HOUR);
        // A recorded gap begins at the last reading; an unrecorded one after the stale time of three polls.
        let unknown = if recorded { 24 * MINUTE } else { 21 * MINUTE };
        assert_eq!(shift.states_ms["unknown"], unknown);
        let cover = line(shift, "availability.iso22400@1").coverage;
        assert_eq!(cover[1] - cover[0], unknown);
        assert_eq!(
            micros(&line(shift, "count.good@1").value),
            i128::from(truth.good) * 1_000_000,
            "the register counted on"
        );
        let a = line(shift, "availability.iso22400@1");
        let exact = i128::from(truth.run_ms) * 1_000_000 / number(&a.denominator);
        assert!(micros(&a.lower) <= exact + 1 && exact <= micros(&a.upper) + 1, "{a:?} {exact}");
        assert!(micros(&a.lower) < micros(&a.upper));
        assert_eq!(report.gaps.len(), if recorded { 5 } else { 0 });
        assert_eq!(a.grade, Some("B"));
    }
}

#[test]
fn windows_evaluate_alike_when_far_contents_are_withheld() {
    let world = World::new(21, 6, None);
    let mut log = Log::new(true);
    log.run(&world, true, |tag, m| (m * 7 + tag as usize * 13) % 101 > 2);
    let request = ReportRequest::for_dates(log.size(), "2026-03-04", "2026-03-05", None);
    let whole = log.history();
    let report = evaluate(&whole, &request).unwrap();
    assert!(report.simulated && report.notice.zh.starts_with("模拟数据") && report.notice.en.starts_with("SIMULATED"));
    let needed = whole.needed(&request.windows(&whole).unwrap());
    assert!(needed.len() < log.leaves.len(), "something is out of reach");
    let mut partial = History::for_tags(whole.statements().tags_used());
    for (i, leaf) in log.leaves.iter().enumerate() {
        let content = leaf.content_digest().and_then(|d| log.contents.get(&d)).filter(|_| needed.contains(&(i as u64)));
        partial.push(i as u64, leaf, content.map(Vec::as_slice)).unwrap();
    }
    assert_eq!(evaluate(&partial, &request).unwrap().to_json().unwrap(), report.to_json().unwrap());
    // A content within reach that is withheld is seen: the numbers are other ones.
    let inside = Interval::new(MONDAY + 2 * DAY + 9 * HOUR, MONDAY + 2 * DAY + 10 * HOUR);
    let mut holed = History::new();
    for (i, leaf) in log.leaves.iter().enumerate() {
        let content = leaf.content_digest().and_then(|d| log.contents.get(&d));
        let hit = whole.needed(&[inside]).contains(&(i as u64)) && i % 7 == 0 && i > 10;
        holed.push(i as u64, leaf, content.map(Vec::as_slice).filter(|_| !hit)).unwrap();
    }
    let holed = evaluate(&holed, &request).unwrap();
    assert_ne!(holed.to_json().unwrap(), report.to_json().unwrap());
    assert!(holed.gaps.iter().any(|g| g.cause == "content_missing"));
}

#[test]
fn a_plan_compares_before_with_after() {
    let world = World::new(33, 56, Some(28));
    let mut log = Log::new(false);
    log.declare("plan", json!({
        "plan": "p1", "names": {"zh": "", "en": ""}, "baseline": {"from": "2026-03-02", "to": "2026-03-29"},
        "reporting": {"from": "2026-03-30", "to": "2026-04-26"}, "machines": ["press"], "incoming": "main", "seed": 20260314,
    }));
    log.run(&world, false, |_, _| true);
    let request = ReportRequest::for_plan(log.size(), "p1");
    let report = evaluate(&log.history(), &request).unwrap();
    let find = |definition: &str, machine: &str| {
        report.comparisons.iter().find(|c| c.definition == definition && c.machine == machine).unwrap()
    };
    let oee = find("oee.iso22400@1", "*");
    assert_eq!((oee.before.days, oee.after.days), (28, 28));
    // 28 shifts per side are fewer than the thirty the reference asks for: the interval is shown, the verdict withheld.
    assert_eq!((oee.verdict, oee.cautions.as_slice()), ("INSUFFICIENT", ["FEW_VALID_SHIFTS"].as_slice()));
    assert!(
        micros(&oee.lower) > 0
            && micros(&oee.lower) < micros(&oee.difference)
            && micros(&oee.difference) < micros(&oee.upper)
    );
    let truth = |days: std::ops::Range<i64>| -> i128 {
        days.map(|d| i128::from(world.truth(MONDAY + d * DAY + 8 * HOUR, MONDAY + d * DAY + 20 * HOUR).good)).sum()
    };
    assert_eq!(oee.before.numerator.parse::<i128>().unwrap(), truth(0..28) * i128::from(ITEM_US));
    assert_eq!(oee.after.numerator.parse::<i128>().unwrap(), truth(28..56) * i128::from(ITEM_US));
    assert_eq!(find("good.per_production_day@1", "press").before.value, metrics::decimal::ratio6(truth(0..28), 28));
    assert!(
        find("energy.per_production_day@1", "main").before.value.is_some(),
        "the incoming meter is compared by itself"
    );
    assert_eq!(report.method.as_ref().unwrap().seed, 20_260_314);
    assert_eq!(
        evaluate(&log.history(), &ReportRequest::for_plan(log.size(), "p2")),
        Err(ReportError::NoPlan("p2".into()))
    );
    assert!(matches!(evaluate(&log.history(), &ReportRequest::for_plan(3, "p1")), Err(ReportError::Size { .. })));
}

#[test]
fn a_shift_without_state_keeps_its_energy_and_its_counts() {
    let world = World::new(12, 2, None);
    let mut log = Log::new(false);
    // The state is not read from 9 to 15 o'clock of Monday; counters and meter are.
    log.run(&world, false, |tag, m| tag != 0 || !(9 * 60..15 * 60).contains(&m));
    let request = ReportRequest::for_dates(log.size(), "2026-03-02", "2026-03-03", None);
    let report = evaluate(&log.history(), &request).unwrap();
    let period = report.periods.iter().find(|p| p.machine == "press").unwrap();
    assert_eq!(period.excluded, ["press 2026-03-02 day"]);
    let (whole, second) = (world.truth(MONDAY, MONDAY + 2 * DAY), world.truth(MONDAY + DAY, MONDAY + 2 * DAY));
    assert_eq!(micros(&line(period, "energy.active@1").value), i128::from(whole.wh) * 1000);
    assert_eq!(micros(&line(period, "count.good@1").value), i128::from(whole.good) * 1_000_000);
    assert_eq!(number(&line(period, "energy.per_good@1").denominator), i128::from(whole.good) * 1_000_000);
    let oee = line(period, "oee.iso22400@1");
    assert_eq!(number(&oee.numerator), i128::from(second.good) * i128::from(ITEM_US), "OEE is of the second day alone");
    assert!(number(&oee.denominator) <= i128::from(12 * HOUR) * 1000);
}

#[test]
fn breaks_found_afterwards_are_not_planned_and_a_calendar_that_came_late_says_so() {
    let world = World::new(13, 5, None);
    let calendar = |start: &str, end: &str| {
        json!({"shifts": [
            {"shift": "day", "names": {"zh": "白班", "en": "Day"}, "start": "08:00", "end": "20:00", "weekdays": [1, 2, 3, 4, 5, 6, 7], "breaks": [{"start": start, "end": end}]},
        ]})
    };
    let mut log = Log::new(false);
    log.run(&world, false, |_, _| true);
    log.declare("calendar", calendar("12:00", "16:00"));
    let changed = log.leaves.len() as u64 - 1;
    let request = ReportRequest::for_dates(log.size(), "2026-03-02", "2026-03-02", None);
    let report = evaluate(&log.history(), &request).unwrap();
    let shift = report.shifts.iter().find(|s| s.machine == "press").unwrap();
    assert!(shift.buckets_ms["PDOT"] <= BREAK_MS, "four hours of break were declared on Friday for Monday");
    assert!(!shift.statements.contains(&changed) && !shift.flags.contains(&"LATE_DECLARATION"));
    // A calendar nobody declared in time is used and told.
    let mut log = Log::new(false);
    log.run(&world, false, |_, _| true);
    log.declare("machine", json!({
        "machine": "late", "names": {"zh": "迟", "en": "Late"}, "calendar": "other",
        "signals": {"state": {"gateway": fixture::GATEWAY, "tag": "press/state"}}, "state_rule": {"codes": {"1": "off", "2": "idle", "4": "run", "5": "setup", "6": "fault"}},
    }));
    let mut other = calendar("12:00", "16:00");
    other["calendar"] = "other".into();
    log.declare("calendar", other);
    let leaf = log.leaves.len() as u64 - 1;
    let mut request = ReportRequest::for_dates(log.size(), "2026-03-02", "2026-03-02", None);
    request.machines = vec!["late".into()];
    let report = evaluate(&log.history(), &request).unwrap();
    let shift = report.shifts.iter().find(|s| s.machine == "late").unwrap();
    assert!(shift.statements.contains(&leaf) && shift.flags.contains(&"LATE_DECLARATION"), "{:?}", shift.flags);
    assert_eq!(line(shift, "availability.iso22400@1").grade, Some("C"));
}

#[test]
fn retroactive_stops_late_statements_and_manual_quality_are_seen() {
    let world = World::new(8, 2, None);
    let mut log = Log::new(false);
    let stop = |from: i64, to: i64| json!({"machine": "press", "from_ms": from, "to_ms": to, "reason": "保养"});
    let at = |hour: i64| MONDAY + hour * HOUR;
    log.declare("planned_stop", stop(at(9), at(10)));
    log.run(&world, false, |_, _| true);
    log.declare("planned_stop", stop(at(14), at(15)));
    log.declare("quality_count", json!({"machine": "press", "date": "2026-03-02", "shift": "day", "reject": 7}));
    log.declare("cycle_time", json!({"machine": "press", "item_us": 0}));
    let report =
        evaluate(&log.history(), &ReportRequest::for_dates(log.size(), "2026-03-02", "2026-03-02", None)).unwrap();
    let shift = report.shifts.iter().find(|s| s.machine == "press").unwrap();
    let planned_run = world.truth(at(9), at(10)).run_ms + world.truth(at(12), at(12) + BREAK_MS).run_ms;
    assert_eq!(
        shift.buckets_ms["PBT"],
        12 * HOUR - BREAK_MS - HOUR + planned_run,
        "only the stop declared before it began"
    );
    assert!(shift.flags.contains(&"RETRO_PLANNED_STOP") && shift.flags.contains(&"MANUAL_QUALITY"));
    let truth = world.truth(at(8), at(20));
    assert_eq!(micros(&line(shift, "count.good@1").value), (i128::from(truth.good) - 7) * 1_000_000);
    assert_eq!(
        number(&line(shift, "energy.per_good@1").denominator),
        (i128::from(truth.good) - 7) * 1_000_000,
        "a part found bad later is no good part for energy either"
    );
    assert_eq!(line(shift, "oee.iso22400@1").grade, Some("C"));
    let bad: Vec<_> = report.statements.iter().filter(|s| s.invalid.is_some()).collect();
    assert_eq!(bad.len(), 1, "a cycle time of zero moves nothing and is listed");
}
