//! A bundle whose plan has comparison machines: recomputed by the verifier and by the second reader, and refused by both when the report says
//! something else.

#[path = "../../metrics/tests/fixture/mod.rs"]
mod fixture;
#[path = "../../metrics/tests/fixture/machines.rs"]
mod machines;
mod second;

use std::process::Command;

use fixture::{GATEWAY, ITEM_US, Log, MONDAY};
use machines::{append, insert, locked, plan, recorded, run, site, worlds};
use metrics::{ReportRequest, evaluate};
use second::second;
use serde_json::{Value as Json, json};
use verify::{Trust, Verdict, verify};

fn report(log: &Log) -> Json {
    let report = evaluate(&log.history(), &ReportRequest::for_plan(log.size(), "retrofit")).unwrap();
    serde_json::from_slice(&report.to_json().unwrap()).unwrap()
}

fn bytes(report: &Json) -> Vec<u8> {
    protocol::canonical_json(report).unwrap()
}

fn agreed(log: &Log, bundle: &[u8], beside: &str) {
    let outcome = verify(bundle, Some(&Trust::parse(log.trust_json().as_bytes()).unwrap()));
    assert_eq!(outcome.verdict, Verdict::Verified, "{:?}", outcome.findings);
    if let Some((code, said)) = second(log, bundle) {
        assert!(code == Some(0) && said.contains(beside), "{said}");
    }
}

/// Refused by both: by the verifier at this place of the report, by the second reader for this reason.
fn refused(log: &Log, forged: &Json, place: &str, why: &str) {
    let bundle = log.bundle(&bytes(forged));
    let outcome = verify(&bundle, Some(&Trust::parse(log.trust_json().as_bytes()).unwrap()));
    let is_named = |at: &str| {
        let mut names = place.split('/').filter(|name| name.parse::<usize>().is_err());
        names.try_fold(at, |at, name| Some(at.split_once(name)?.1)).is_some()
    };
    let refusals: Vec<_> = outcome.refusals().map(|f| (f.code, f.place.as_str())).collect();
    assert!(refusals.iter().any(|(code, at)| *code == "report" && is_named(at)), "{place}: {refusals:?}");
    if let Some((code, said)) = second(log, &bundle) {
        assert!(code == Some(1) && said.contains(&format!("refused: {why}")), "{place}: {said}");
    }
}

#[test]
fn both_readers_recompute_machines_beside_machines() {
    let (log, _) = locked(&recorded(plan(&json!({}))));
    agreed(&log, &log.bundle(&bytes(&report(&log))), "beside 1 of 2");
    // Never locked, and locked late.
    let never = recorded(plan(&json!({})));
    agreed(&never, &never.bundle(&bytes(&report(&never))), "beside 1 of 2");
    let lock = metrics::plan::lock_comparison(never.history().statements(), never.size(), "retrofit").unwrap();
    let late = append(&never, "comparison_lock", MONDAY, serde_json::to_value(lock).unwrap());
    agreed(&late, &late.bundle(&bytes(&report(&late))), "beside 1 of 2");
    for (bent, why) in [(&never, "locked or not"), (&late, "LOCKED_AFTER_START, or not")] {
        let mut honest = report(bent);
        *honest.pointer_mut("/measurement_plan/metrics/0/beside/cautions").unwrap() = json!([]);
        refused(bent, &honest, "beside/cautions", &format!("oee.iso22400@1 of * beside others: {why}"));
    }
    // Locked in time, and said to have been locked late.
    for (bent, codes) in [
        (&log, vec!["LOCKED_AFTER_START"]),
        (&log, vec!["PLAN_AFTER_START"]),
        (&late, vec!["LOCKED_AFTER_START", "PLAN_AFTER_START"]),
    ] {
        let mut worse = report(bent);
        let beside = worse.pointer_mut("/measurement_plan/metrics/0/beside").unwrap();
        (beside["cautions"], beside["comparison"]["grade"]) = (json!(codes.clone()), json!("D"));
        let why = format!("oee.iso22400@1 of * beside others: {}, or not", codes[codes.len() - 1]);
        refused(bent, &worse, "beside", &why);
    }
    // Another moment of the lock than its leaf has.
    let mut earlier = report(&late);
    *earlier.pointer_mut("/measurement_plan/comparison/lock/received_ms").unwrap() = json!(0);
    refused(&late, &earlier, "comparison/lock/received_ms", "comparison lock 858: the report says something else");
    // A name moves nothing; another seed leaves the lock.
    for (more, is_left) in [(json!({"names": {"zh": "新名", "en": "another name"}}), false), (json!({"seed": 8}), true)]
    {
        let again = append(&log, "plan", MONDAY, plan(&more));
        let mut told = report(&again);
        agreed(&again, &again.bundle(&bytes(&told)), "beside 1 of 2");
        let findings = told.pointer_mut("/measurement_plan/findings").unwrap();
        assert_eq!(*findings != json!([]), is_left, "{findings}");
        if is_left {
            *findings = json!([]);
            refused(&again, &told, "findings", "plan 859 left its lock, or did not");
        }
    }
    // It kept its lock, and is said to have left it.
    let mut left = report(&log);
    let beside = left.pointer_mut("/measurement_plan/metrics/0/beside").unwrap();
    (beside["reasons"], beside["reaches"], beside["verdict"], beside["comparison"]["grade"]) =
        (json!(["COMPARISON_LEFT"]), json!("UNDECIDED"), json!("INSUFFICIENT"), json!("D"));
    refused(&log, &left, "beside", "oee.iso22400@1 of * beside others: the plan left its lock, or did not");
    // One side read a week longer than the other: the sums and the interval are of the dates both have.
    let mut longer = site(false, plan(&json!({"metrics": [{"definition": "quality.iso22400@1"}]})));
    let [press, twin, third] = worlds();
    run(&mut longer, [&press, &twin, &third], |machine, minute| machine == 0 || minute < 28 * 1440);
    let told = report(&longer);
    let [common, days] = ["common_days", "retrofitted/days"]
        .map(|of| told.pointer(&format!("/measurement_plan/metrics/0/beside/{of}")).and_then(Json::as_u64));
    assert!(common < days && days == Some(35), "{common:?} {days:?}");
    agreed(&longer, &longer.bundle(&bytes(&told)), "beside 1 of 1");
    // As locked, with what is declared now beside it.
    let log = append(&log, "cycle_time", MONDAY, json!({"machine": "twin", "item_us": ITEM_US / 2}));
    agreed(&log, &log.bundle(&bytes(&report(&log))), "beside 1 of 2");
}

#[test]
fn both_readers_tell_of_a_locked_choice_that_the_plan_no_longer_has() {
    let (log, _) = locked(&recorded(plan(&json!({}))));
    let mut gone = plan(&json!({"baseline": {"from": "2026-01-01", "to": "2026-02-01"}}));
    gone.as_object_mut().unwrap().remove("comparison");
    // Not said, or said to be nothing.
    let mut null = gone.clone();
    null["comparison"] = Json::Null;
    for gone in [gone, null] {
        let log = append(&log, "plan", MONDAY, gone);
        let mut honest = report(&log);
        agreed(&log, &log.bundle(&bytes(&honest)), "locks 0");
        *honest.pointer_mut("/measurement_plan/findings").unwrap() = json!([]);
        refused(&log, &honest, "measurement_plan/findings", "locked comparison machines that the plan has no more");
    }
}

#[test]
fn both_readers_tell_of_a_machine_that_makes_nothing() {
    let signal = |machine: &str, tag: &str| json!({"gateway": GATEWAY, "tag": format!("{machine}/{tag}")});
    let redefined = |machine: &str, role: Json| {
        let signals = json!({"state": signal(machine, "state"), "good": signal(machine, "good"), "reject": signal(machine, "reject"), "energy": signal(machine, "energy")});
        json!({"machine": machine, "names": {"zh": machine, "en": machine}, "role": role, "signals": signals,
            "state_rule": {"codes": {"1": "off", "2": "idle", "4": "run", "5": "setup", "6": "fault"}}})
    };
    let (log, _) = locked(&recorded(plan(&json!({}))));
    // A role that is null is that of a machine which makes things.
    let still = append(&log, "machine", MONDAY, redefined("twin", Json::Null));
    agreed(&still, &still.bundle(&bytes(&report(&still))), "beside 1 of 2");
    let log = append(&log, "machine", MONDAY, redefined("twin", json!("auxiliary")));
    let honest = report(&log);
    agreed(&log, &log.bundle(&bytes(&honest)), "beside 1 of 2");
    let mut quiet = honest.clone();
    *quiet.pointer_mut("/measurement_plan/findings").unwrap() = json!([]);
    refused(&log, &quiet, "measurement_plan/findings", "a comparison machine that makes nothing, or does");
    let mut other = honest;
    let machines = other["machines"].as_array_mut().unwrap();
    machines.iter_mut().find(|m| m["machine"] == "twin").expect("printed")["role"] = json!("production");
    refused(&log, &other, "machines/role", "twin in another role than stated");
}

#[test]
fn both_readers_tell_of_a_machine_made_fit_afterwards() {
    let never = recorded(plan(&json!({})));
    let (locked, _) = locked(&never);
    let log = append(&locked, "ledger", MONDAY, json!({"machine": "twin", "class": "general_power"}));
    let mut honest = report(&log);
    agreed(&log, &log.bundle(&bytes(&honest)), "beside 1 of 2");
    *honest.pointer_mut("/measurement_plan/comparison/lock/changes").unwrap() = json!([]);
    refused(&log, &honest, "lock/changes", "ledger 859 after the lock");
    // Retrofitted half-way through the dates by a plan that says something else afterwards.
    let mut log = never;
    let second = |machine: &str| json!({"plan": "second", "machines": [machine], "reporting": {"from": "2026-03-16", "to": "2026-06-30"}});
    let middle = log.leaves.len() / 2;
    insert(&mut log, middle, "plan", MONDAY, second("twin"));
    insert(&mut log, middle + 20, "plan", MONDAY, second("main"));
    let mut honest = report(&log);
    agreed(&log, &log.bundle(&bytes(&honest)), "beside 1 of 2");
    *honest.pointer_mut("/measurement_plan/findings").unwrap() = json!([]);
    refused(&log, &honest, "findings", "a comparison machine that was retrofitted, or was not");
}

#[test]
fn both_readers_refuse_a_report_that_says_something_else_of_them() {
    let (log, _) = locked(&recorded(plan(&json!({}))));
    let honest = report(&log);
    for (place, value, why) in [
        ("/measurement_plan/design", json!("before_after"), "machines beside machines are not before and after"),
        ("/measurement_plan/metrics/0/verdict", json!("MET"), "verdict on oee.iso22400@1 of * without evidence"),
        ("/measurement_plan/metrics/0/beside/lower", json!("0.000001"), "interval of the change of oee"),
        ("/measurement_plan/metrics/0/beside/difference", json!("0.300000"), "difference of oee"),
        ("/measurement_plan/metrics/0/beside/relative", json!("0.900000"), "relative of oee"),
        (
            "/measurement_plan/metrics/0/beside/verdict",
            json!("NOT_SIGNIFICANT"),
            "oee.iso22400@1 of * beside others: NOT_SIGNIFICANT is not what the interval says",
        ),
        ("/measurement_plan/metrics/0/beside/change/value", json!("0.300000"), "change of oee"),
        ("/measurement_plan/metrics/0/beside/change/lower", json!("0.100000"), "interval of the change of oee"),
        ("/measurement_plan/metrics/0/beside/change/upper", json!("0.900000"), "interval of the change of oee"),
        ("/measurement_plan/metrics/1/beside/relative", json!("-0.900000"), "relative of energy"),
        (
            "/measurement_plan/metrics/1/beside/verdict",
            json!("HIGHER"),
            "energy.per_good@1 of press beside others: HIGHER is not what the interval says",
        ),
        ("/measurement_plan/metrics/1/beside/change/value", json!("-0.900000"), "change of energy"),
        ("/measurement_plan/metrics/0/beside/comparison/numerator", json!("1"), "difference of oee"),
        ("/measurement_plan/metrics/0/beside/comparison/grade", json!("A"), "a grade too good on oee"),
        ("/measurement_plan/metrics/0/beside/machines/0/value", json!("0.400000"), "value of oee"),
        ("/measurement_plan/metrics/0/beside/reaches", json!("NOT_REACHED"), "reach of oee"),
        ("/measurement_plan/metrics/0/beside/common_days", json!(34), "days in common of oee"),
        ("/measurement_plan/comparison/machines", json!([{"machine": "twin"}]), "other comparison machines"),
        (
            "/measurement_plan/comparison/lock/parameters_digest",
            json!("ab".repeat(32)),
            "comparison lock 16: the report says something else",
        ),
        ("/measurement_plan/comparison/lock", Json::Null, "another lock of the comparison"),
    ] {
        let mut forged = honest.clone();
        *forged.pointer_mut(place).unwrap() = value;
        refused(&log, &forged, place.trim_start_matches('/'), why);
    }
}

#[test]
fn the_table_shows_a_comparison_of_machines_under_its_own_heading() {
    let (log, _) = locked(&recorded(plan(&json!({}))));
    let report = report(&log);
    let bundle = log.bundle(&bytes(&report));
    let outcome = verify(&bundle, Some(&Trust::parse(log.trust_json().as_bytes()).unwrap()));
    let figures = outcome.figures.expect("figures");
    assert!(figures.comparisons.is_empty() && figures.beside.len() == 2, "{:?}", figures.beside);
    let stated = |of: &str| {
        report.pointer(&format!("/measurement_plan/metrics/0/beside/{of}")).and_then(Json::as_str).map(str::to_owned)
    };
    let shown = &figures.beside[0];
    let given = [stated("comparison/value"), stated("retrofitted/value"), stated("difference"), stated("lower")];
    assert_eq!([&shown.comparison, &shown.retrofitted, &shown.difference, &shown.lower].map(Clone::clone), given);
    assert_eq!(shown.names.zh, "改造设备合计");
    let folder = tempfile::tempdir().unwrap();
    let (bundle_path, trust_path) = (folder.path().join("b.zip"), folder.path().join("trust.json"));
    std::fs::write(&bundle_path, &bundle).unwrap();
    std::fs::write(&trust_path, log.trust_json()).unwrap();
    for (lang, title, other) in [
        ("zh", "机器之间（非前后对比）", "改造前后对比"),
        ("en", "Machines beside machines (not before and after)", "Before and after"),
    ] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_gongzheng-verify"));
        let out = command.arg(&bundle_path).arg("--trust").arg(&trust_path).args(["--lang", lang]).output().unwrap();
        let said = String::from_utf8_lossy(&out.stdout).into_owned();
        let words = if lang == "zh" { &shown.words.zh } else { &shown.words.en };
        assert!(said.contains(title) && said.contains(words.as_str()) && !said.contains(other), "{said}");
    }
}
