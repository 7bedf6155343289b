//! Machines beside machines where no base period was measured: the difference that is true lies in the interval, it is never called before
//! and after, and what makes it weaker is said.

mod fixture;
#[path = "fixture/machines.rs"]
mod machines;
#[path = "beside/refused.rs"]
mod refused;

use std::sync::LazyLock;

use fixture::{HOUR, ITEM_US, Log, MONDAY, World};
use machines::{DAYS, ENERGY, OEE, append, insert, locked, plan, recorded, run, site, worlds};
use metrics::compare::{SplitMix64, beside, compare};
use metrics::pass::{Pass, PassError};
use metrics::plan::lock_comparison;
use metrics::report::{Beside, PlanResult};
use metrics::{Report, ReportRequest, evaluate};
use protocol::Declaration;
use serde_json::{Value as Json, json};

const DAY: i64 = 24 * HOUR;

/// Everything recorded, nothing locked.
static RECORDED: LazyLock<Log> = LazyLock::new(|| recorded(plan(&json!({}))));

/// The whole history, and one pass where one pass does: the same bytes.
fn report(log: &Log) -> Report {
    let request = ReportRequest::for_plan(log.size(), "retrofit");
    let whole = evaluate(&log.history(), &request).unwrap();
    let mut pass = Pass::new(request);
    let pushed = log.leaves.iter().enumerate().try_for_each(|(i, leaf)| {
        let content = leaf.content_digest().and_then(|d| log.contents.get(&d));
        pass.push(i as u64, leaf, content.map(Vec::as_slice))
    });
    match pushed.and_then(|()| pass.finish()) {
        Ok(one) => assert_eq!(one.to_json().unwrap(), whole.to_json().unwrap()),
        Err(PassError::Disturbed(_)) => {}
        Err(e) => panic!("{e}"),
    }
    whole
}

fn planned(report: &Report) -> &PlanResult {
    report.measurement_plan.as_ref().unwrap()
}

fn found<'r>(report: &'r Report, definition: &str) -> &'r Beside {
    planned(report).metrics.iter().find(|m| m.definition == definition).unwrap().beside.as_ref().unwrap()
}

fn number(text: &Option<String>) -> f64 {
    text.as_ref().unwrap().parse().unwrap()
}

/// OEE of a world by counting: planned time of good pieces over the shifts without their breaks, but with what ran in them.
fn counted(worlds: &[&World]) -> f64 {
    let (mut good, mut pbt) = (0, 0);
    for world in worlds {
        for (m, minute) in world.minutes.iter().enumerate() {
            let of_day = m % 1440;
            let is_break = (720..770).contains(&of_day);
            good += minute.good;
            pbt += u64::from((480..1200).contains(&of_day) && (!is_break || minute.code == 4));
        }
    }
    good as f64 * 6.0 / (pbt as f64 * 60.0)
}

#[test]
fn the_interval_holds_the_true_difference_and_nothing_is_called_before_and_after() {
    let report = report(&locked(&RECORDED).0);
    assert!(report.comparisons.is_empty() && report.method.is_none(), "nothing is before and after");
    let plan = planned(&report);
    assert_eq!(plan.design, "machines_compared");
    let oee = found(&report, OEE);
    // What is known of the generators: 85 and 65 % of the minutes run, 8.5 pieces of ten a minute, 670 minutes and the breaks that were worked.
    let truth = |p: f64| 720.0 * p * 0.85 / (670.0 + 50.0 * p);
    let difference = truth(0.85) - truth(0.65);
    assert!(number(&oee.lower) < difference && difference < number(&oee.upper), "{oee:?} {difference}");
    // And what happened, counted without any formula of ours.
    let [press, twin, third] = worlds();
    let (own, reference) = (counted(&[&press]), counted(&[&twin, &third]));
    assert!((number(&oee.retrofitted.value) - own).abs() < 2e-6, "{own}");
    assert!((number(&oee.comparison.value) - reference).abs() < 2e-6, "{reference}");
    assert!((number(&oee.difference) - (own - reference)).abs() < 3e-6);
    assert!((number(&oee.machines[0].value) - counted(&[&twin])).abs() < 2e-6);
    assert_eq!((oee.verdict, oee.reaches, oee.common_days), ("HIGHER", Some("REACHED"), 35));
    assert_eq!(
        (oee.comparison.grade, oee.retrofitted.grade),
        (Some("C"), Some("A")),
        "what stands for a base period is C at best"
    );
    assert!(oee.cautions.is_empty() && oee.reasons.is_empty(), "{oee:?}");
    // The promise itself is of a change nobody measured.
    let metric = &plan.metrics[0];
    assert_eq!((metric.verdict, metric.reasons.as_slice()), (Some("INSUFFICIENT"), ["NO_BASELINE"].as_slice()));
    // The boundary's sum is the press alone, and the other machines' figures stand in the report.
    let oee_of = |machine: &str| {
        let section = report.periods.iter().find(|p| p.machine == machine).unwrap();
        section.line(OEE).unwrap().value.clone()
    };
    assert_eq!(oee_of("*"), oee_of("press"));
    assert_eq!(oee_of("twin"), oee.machines[0].value);
    // Less energy per good piece is better: the interval is turned round, in percent of the comparison machines'.
    let energy = found(&report, ENERGY);
    assert_eq!((energy.verdict, energy.reaches), ("LOWER", Some("REACHED")), "{energy:?}");
    let change = energy.change.as_ref().unwrap();
    assert_eq!(change.value, energy.relative);
    assert!(number(&change.lower) < number(&change.value) && number(&change.value) < number(&change.upper));
}

#[test]
fn nineteen_of_twenty_intervals_hold_the_difference_that_days_share() {
    // A day does much to both sides and little to one of them: orders, weather. The true difference is 30 of 430.
    let mut random = SplitMix64::new(99);
    let mut unit = || (random.next_u64() >> 11) as f64 / (1_u64 << 53) as f64 - 0.5;
    let (runs, mut held, mut narrower) = (300, 0, 0);
    for run in 0..runs {
        let (mut reference, mut own) = (Vec::new(), Vec::new());
        let mut shared = 0.0;
        for day in 0..60 {
            shared = 0.5 * shared + 80.0 * unit();
            let den = if day % 7 == 6 { 0 } else { 430 };
            let value = |level: f64, noise: f64| if den == 0 { 0 } else { (level + shared + noise) as i128 };
            reference.push((value(240.0, 40.0 * unit()), den));
            own.push((value(270.0, 40.0 * unit()), den));
        }
        let change = beside(&reference, &own, 7, 500, run);
        let (low, high) = change.interval.unwrap();
        held += u32::from(low <= 30.0 / 430.0 && 30.0 / 430.0 <= high);
        let (apart_low, apart_high) = compare(&reference, &own, 7, 500, run).interval.unwrap();
        narrower += u32::from(high - low < apart_high - apart_low);
    }
    // A percentile interval of eight blocks is a little short of its 95 %; far fewer would be a wrong one.
    assert!((265..=299).contains(&held), "{held} of {runs}");
    assert!(narrower > 290, "{narrower}: dates drawn together know more than dates drawn apart");
}

#[test]
fn a_locked_choice_is_confirmed_and_a_parameter_stated_later_stands_beside_it() {
    let (log, leaf) = locked(&RECORDED);
    let before = report(&log);
    let lock = planned(&before).comparison.as_ref().unwrap().lock.as_ref().unwrap();
    assert_eq!((lock.leaf, lock.confirmed, lock.changes.len()), (leaf, true, 0));
    let oee = found(&before, OEE);
    assert_eq!((oee.follows, oee.declared.as_ref()), ("locked", None));
    assert_eq!(oee.difference, found(&report(&RECORDED), OEE).difference);
    // A comparison machine made to look slow: another planned time for it.
    let log = append(&log, "cycle_time", MONDAY - DAY, json!({"machine": "twin", "item_us": ITEM_US / 2}));
    let after = report(&log);
    let now = found(&after, OEE);
    assert_eq!((&now.difference, now.follows), (&oee.difference, "locked"), "the lock holds");
    let declared = now.declared.as_ref().expect("and what is declared now stands beside it");
    assert!(number(&declared.difference) > number(&now.difference) + 0.05);
    let changes = &planned(&after).comparison.as_ref().unwrap().lock.as_ref().unwrap().changes;
    assert_eq!(changes.iter().map(|c| c.kind.as_str()).collect::<Vec<_>>(), ["cycle_time"]);
    // What merely happens later counts both ways.
    let log = append(
        &locked(&RECORDED).0,
        "quality_count",
        MONDAY,
        json!({"machine": "twin", "date": "2026-03-03", "shift": "day", "reject": 50}),
    );
    let counted = report(&log);
    assert!(found(&counted, OEE).declared.is_none());
    assert_ne!(found(&counted, OEE).difference, oee.difference);
}

#[test]
fn a_choice_that_came_late_or_left_its_lock_or_misstates_it_is_worth_less() {
    // Stated again, with names alone, after the dates began: late, and without a lock nothing says that it was the same.
    let names = json!({"names": {"zh": "新名", "en": "another name"}});
    let late = append(&RECORDED, "plan", MONDAY, plan(&names));
    let oee = report(&late);
    assert_eq!(
        (found(&oee, OEE).comparison.grade, found(&oee, OEE).cautions.as_slice()),
        (Some("D"), ["PLAN_AFTER_START", "COMPARISON_NOT_LOCKED"].as_slice())
    );
    // Stated in time and never locked, or locked when the dates were over: nothing fixed the choice while they ran.
    let never = report(&RECORDED);
    assert_eq!(
        (found(&never, OEE).comparison.grade, found(&never, OEE).cautions.as_slice()),
        (Some("D"), ["COMPARISON_NOT_LOCKED"].as_slice())
    );
    let lock = lock_comparison(RECORDED.history().statements(), RECORDED.size(), "retrofit").unwrap();
    let after = report(&append(&RECORDED, "comparison_lock", MONDAY, serde_json::to_value(lock).unwrap()));
    assert_eq!(
        (found(&after, OEE).comparison.grade, found(&after, OEE).cautions.as_slice()),
        (Some("D"), ["LOCKED_AFTER_START"].as_slice())
    );
    assert_eq!((found(&after, OEE).follows, found(&after, OEE).reaches), ("locked", Some("REACHED")));
    let (log, _) = locked(&RECORDED);
    let again = report(&append(&log, "plan", MONDAY, plan(&names)));
    assert_eq!(
        (found(&again, OEE).comparison.grade, found(&again, OEE).cautions.len()),
        (Some("C"), 0),
        "a name moves nothing"
    );
    // One comparison machine fewer than locked: nothing is concluded.
    let fewer = plan(&json!({"comparison": {"machines": [{"machine": "twin"}]}}));
    let left = report(&append(&log, "plan", MONDAY, fewer));
    let oee = found(&left, OEE);
    assert_eq!((oee.reaches, oee.verdict, oee.comparison.grade), (Some("UNDECIDED"), "INSUFFICIENT", Some("D")));
    assert!(oee.reasons.contains(&"COMPARISON_LEFT") && oee.cautions.contains(&"COMPARISON_ONE_MACHINE"), "{oee:?}");
    assert!(planned(&left).findings.iter().any(|f| f.code == "PLAN_CHANGED_AFTER_LOCK"));
    // A lock that says something else than its prefix.
    let (log, leaf) = locked(&RECORDED);
    let digest = log.leaves[leaf as usize].content_digest().unwrap();
    let mut stated = Declaration::decode(&log.contents[&digest]).unwrap();
    stated.body["parameters"][0]["digest"] = json!("ab".repeat(32));
    let mut forged = RECORDED.clone();
    insert(&mut forged, leaf as usize, "comparison_lock", MONDAY, stated.body.clone());
    let forged_report = report(&forged);
    let lock = planned(&forged_report).comparison.as_ref().unwrap().lock.as_ref().unwrap();
    assert!(!lock.confirmed && found(&forged_report, OEE).reasons.contains(&"LOCK_MISSTATED"));
    assert_eq!(found(&forged_report, OEE).follows, "declared");
    // The first lock that stands counts; one of another list of machines never stood.
    stated.body["comparison"] = json!(["third", "twin"]);
    let twice = append(&append(&log, "comparison_lock", MONDAY, stated.body), "comparison_lock", MONDAY, {
        Declaration::decode(&log.contents[&digest]).unwrap().body
    });
    let codes: Vec<&str> = planned(&report(&twice)).findings.iter().map(|f| f.code).collect();
    assert_eq!(codes, ["LOCK_INVALID", "LOCK_REPEATED"]);
}

#[test]
fn a_locked_choice_that_the_plan_no_longer_has_is_told() {
    let (log, leaf) = locked(&RECORDED);
    let mut gone = plan(&json!({}));
    gone.as_object_mut().unwrap().remove("comparison");
    let mut measured = gone.clone();
    measured["baseline"] = json!({"from": "2026-01-01", "to": "2026-02-01"});
    let mut bare = measured.clone();
    bare["metrics"] = json!([]);
    for (body, design) in [(gone.clone(), "after_only"), (measured, "after_only"), (bare, "after_only")] {
        let log = append(&log, "plan", MONDAY, body.clone());
        let told = report(&log);
        let (at, planned) = (log.size() - 1, planned(&told));
        assert_eq!(planned.design, design);
        let found: Vec<_> = planned.findings.iter().map(|f| (f.code, f.leaf)).collect();
        assert_eq!(found, [("COMPARISON_DROPPED", at), ("PLAN_CHANGED_AFTER_LOCK", at)], "{body}");
        assert!(planned.comparison.is_none() && planned.metrics.iter().all(|m| m.beside.is_none()));
    }
    // Without a lock nothing was promised; a lock that never stood is told all the same.
    assert!(planned(&report(&append(&RECORDED, "plan", MONDAY, gone.clone()))).findings.is_empty());
    let digest = log.leaves[leaf as usize].content_digest().unwrap();
    let mut stated = Declaration::decode(&log.contents[&digest]).unwrap().body;
    stated["comparison"] = json!(["third"]);
    let invalid = append(&append(&RECORDED, "comparison_lock", MONDAY, stated), "plan", MONDAY, gone);
    assert_eq!(planned(&report(&invalid)).findings.iter().map(|f| f.code).collect::<Vec<_>>(), ["LOCK_INVALID"]);
}

#[test]
fn machines_that_were_not_read_on_the_same_dates_decide_nothing() {
    let run_with = |keep: &dyn Fn(usize, usize) -> bool| {
        let mut log = site(true, plan(&json!({})));
        let [press, twin, third] = worlds();
        run(&mut log, [&press, &twin, &third], keep);
        report(&log)
    };
    // The third machine was unplugged: what is left of the choice is another choice.
    let unplugged = run_with(&|machine, _| machine != 2);
    let oee = found(&unplugged, OEE);
    assert_eq!((oee.reaches, oee.verdict), (Some("UNDECIDED"), "INSUFFICIENT"));
    assert!(oee.reasons.contains(&"COMPARISON_NO_OVERLAP"), "{oee:?}");
    assert_eq!(oee.machines[1].value, None);
    // The press was read in the first ten days, the others after: no date says anything about both.
    let apart = run_with(&|machine, minute| (machine == 0) == (minute < 10 * 1440));
    let energy = found(&apart, ENERGY);
    assert!(energy.reasons.contains(&"COMPARISON_NO_OVERLAP") && energy.common_days == 0, "{energy:?}");
    assert_eq!(energy.reaches, Some("UNDECIDED"));
}

#[test]
fn machines_alike_differ_by_nothing_though_one_side_has_dates_of_its_own() {
    // Three machines that do the very same, ever worse; the comparison machines have no quality to divide by in the last week.
    let mut log = site(false, plan(&json!({"metrics": [{"definition": "quality.iso22400@1"}]})));
    let mut world = World::new(31, DAYS, Some(0));
    for (m, minute) in world.minutes.iter_mut().enumerate() {
        if m > 20 * 1440 {
            minute.reject += minute.good / 2;
            minute.good -= minute.good / 2;
        }
    }
    run(&mut log, [&world, &world, &world], |machine, minute| machine == 0 || minute < 28 * 1440);
    let told = report(&log);
    let quality = found(&told, "quality.iso22400@1");
    assert!((27..=29).contains(&quality.common_days), "{quality:?}");
    let zero = Some("0.000000".to_owned());
    assert_eq!((&quality.difference, &quality.lower, &quality.upper), (&zero, &zero, &zero), "{quality:?}");
    assert_eq!(quality.machines[0].value, quality.retrofitted.value);
    // Its own line of the report is of every date.
    let section = told.periods.iter().find(|p| p.machine == "press").unwrap();
    assert_ne!(section.line("quality.iso22400@1").unwrap().value, quality.retrofitted.value);
}

#[test]
fn a_retrofitted_machine_among_the_others_is_told() {
    // The press no better than the best of the others: the machines differ as much among themselves.
    let mut log = site(true, plan(&json!({})));
    let (better, worse) = (World::new(21, DAYS, Some(0)), World::new(22, DAYS, None));
    let half: World = World {
        minutes: better
            .minutes
            .iter()
            .zip(&worse.minutes)
            .enumerate()
            .map(|(m, (b, w))| if m / 1440 % 2 == 0 { *b } else { *w })
            .collect(),
    };
    run(&mut log, [&half, &better, &worse], |_, _| true);
    let report = report(&locked(&log).0);
    assert!(found(&report, OEE).cautions.contains(&"COMPARISON_WITHIN_SPREAD"), "{:?}", found(&report, OEE));
    assert!(found(&report, OEE).comparison.grade == Some("C"), "a simulated site is never late");
}
