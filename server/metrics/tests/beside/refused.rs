//! What a plan with comparison machines may not say, in both languages; and what is told of a log that says it all the same.

use metrics::model::{Body, Plan, parse_body};
use metrics::plan::{DoorError, LockError, candidates, check_stated};
use metrics::statements::Statements;

use super::*;

fn comparison(machines: Json) -> Json {
    json!({"comparison": {"machines": machines}})
}

#[test]
fn a_choice_that_is_none_is_refused_in_words() {
    let metric = |m: Json| json!({"metrics": [m]});
    for (more, words) in [
        (json!({"baseline": {"from": "2026-01-01", "to": "2026-02-01"}}), ["二者取一", "leave one of the two out"]),
        (comparison(json!([])), ["1 至 100 台对照机器", "1 to 100 machines"]),
        (comparison(json!([{"machine": "press"}])), ["在测量边界内", "inside the boundary"]),
        (comparison(json!([{"machine": "twin"}, {"machine": "twin"}])), ["对照机器重复", "named twice"]),
        (
            comparison(json!([{"machine": "twin", "retrofit": "2026-04-05"}])),
            ["自身的改造始于", "the retrofit of `twin` begins"],
        ),
        (comparison(json!([{"machine": "twin", "retrofit": "soon"}])), ["not a date", "`soon`"]),
        (json!({"option": "C"}), ["以全厂为边界", "whole facility"]),
        (metric(json!({"definition": "good.per_production_day@1"})), ["随机器台数变化", "number of machines"]),
        (
            json!({"incoming": "main", "metrics": [{"definition": ENERGY, "machine": "main"}]}),
            ["总表没有对照机器", "incoming meter"],
        ),
        (json!({"incoming": "third"}), ["在测量边界内", "inside the boundary"]),
    ] {
        let error = parse_body("plan", &plan(&more)).unwrap_err().to_string();
        assert!(words.iter().all(|w| error.contains(w)), "{more}: {error}");
    }
    assert!(parse_body("plan", &plan(&json!({}))).is_ok());
}

fn statements(log: &Log) -> Statements {
    log.history().statements().clone()
}

fn door(log: &Log, body: &Json) -> Result<(), DoorError> {
    check_stated(&statements(log), "plan", body)
}

/// A machine is unfit: the door refuses it in both languages, and a log that has it all the same decides nothing.
fn unfit(log: &Log, body: &Json, code: &str, words: [&str; 2]) {
    let error = door(log, body).unwrap_err().to_string();
    assert!(words.iter().all(|w| error.contains(w)), "{code}: {error}");
    let told = report(&append(log, "plan", MONDAY, body.clone()));
    assert!(planned(&told).findings.iter().any(|f| f.code == code), "{code}");
    if let Some(beside) = &planned(&told).metrics[0].beside {
        assert!(beside.reasons.contains(&"COMPARISON_UNFIT") && beside.reaches == Some("UNDECIDED"), "{beside:?}");
        assert!(beside.comparison.grade.is_none_or(|grade| grade == "D"));
    }
}

#[test]
fn a_machine_that_is_unknown_of_another_class_or_product_or_retrofitted_meanwhile_is_refused() {
    let log = &RECORDED;
    assert_eq!(door(log, &plan(&json!({}))), Ok(()));
    unfit(
        log,
        &plan(&comparison(json!([{"machine": "lathe"}]))),
        "COMPARISON_UNKNOWN",
        ["未在台账填报", "not in the ledger"],
    );
    unfit(
        log,
        &plan(&comparison(json!([{"machine": "main"}]))),
        "COMPARISON_ROLE",
        ["不是生产设备", "no production machine"],
    );
    let body = plan(&json!({}));
    let other_class = append(log, "ledger", MONDAY, json!({"machine": "twin", "class": "general_power"}));
    unfit(
        &other_class,
        &body,
        "COMPARISON_CLASS",
        [
            "twin 的台账类别为“通用动力”，边界内设备为“关键生产”",
            "general power in the ledger, the boundary's machines are key production",
        ],
    );
    let product = |log: &Log, machine: &str, product: &str| {
        append(log, "cycle_time", MONDAY, json!({"machine": machine, "product": product, "item_us": ITEM_US}))
    };
    let one = product(log, "press", "A1");
    assert_eq!(door(&one, &body), Ok(()), "nothing is held against a machine whose products are not stated");
    unfit(&product(&one, "twin", "B2"), &body, "COMPARISON_PRODUCT", ["没有共同的产品", "no product in common"]);
    assert_eq!(door(&product(&product(&one, "twin", "B2"), "twin", "A1"), &body), Ok(()), "one in common is enough");
    // Another plan retrofits the twin: from the day after its base period, which is before these dates end.
    let second = |to: &str, from: &str| json!({"plan": "second", "machines": ["twin"], "baseline": {"from": "2026-03-02", "to": to}, "reporting": {"from": from, "to": "2026-06-30"}});
    let meanwhile = append(log, "plan", MONDAY, second("2026-03-22", "2026-05-01"));
    unfit(
        &meanwhile,
        &body,
        "COMPARISON_RETROFITTED",
        ["自 2026-03-23 起改造，早于对照日期结束", "is retrofitted from 2026-03-23 on"],
    );
    assert_eq!(
        door(&append(log, "plan", MONDAY, second("2026-04-05", "2026-05-01")), &body),
        Ok(()),
        "the day after is none of these"
    );
}

#[test]
fn a_plan_stated_otherwise_afterwards_is_not_forgotten() {
    let body = plan(&json!({}));
    let words = ["起改造，早于对照日期结束", "before the compared dates end"];
    // Half-way through the dates the twin was in a boundary, of another plan or of this one; later it was not.
    let then = |log: &Log, at: usize, first: Json, next: Json| {
        let mut log = log.clone();
        insert(&mut log, at, "plan", MONDAY, first);
        insert(&mut log, at + 20, "plan", MONDAY, next);
        log
    };
    let second = |machine: &str| json!({"plan": "second", "machines": [machine], "reporting": {"from": "2026-03-16", "to": "2026-06-30"}});
    let middle = RECORDED.leaves.len() / 2;
    unfit(&then(&RECORDED, middle, second("twin"), second("main")), &body, "COMPARISON_RETROFITTED", words);
    let both = plan(&json!({"machines": ["press", "twin"], "comparison": {"machines": [{"machine": "third"}]}}));
    unfit(&then(&RECORDED, middle, both.clone(), body.clone()), &body, "COMPARISON_RETROFITTED", words);
    // What was thought better of before the dates began never was.
    let early = locked(&RECORDED).1 as usize;
    let mut never = RECORDED.clone();
    for (i, stated) in [second("twin"), second("main"), both, body.clone()].into_iter().enumerate() {
        insert(&mut never, early + i, "plan", MONDAY, stated);
    }
    assert_eq!(door(&never, &body), Ok(()));
    assert!(planned(&report(&never)).findings.is_empty());
}

#[test]
fn a_class_stated_after_the_lock_is_a_change() {
    let (log, _) = locked(&RECORDED);
    let changes = |log: &Log| {
        let told = report(log);
        let lock = planned(&told).comparison.clone().unwrap().lock.unwrap();
        lock.changes.into_iter().map(|c| c.kind).collect::<Vec<_>>()
    };
    let again = append(&log, "ledger", MONDAY, json!({"machine": "twin", "class": "key_production"}));
    assert!(changes(&again).is_empty(), "the same class says nothing");
    let other = append(&again, "ledger", MONDAY, json!({"machine": "twin", "class": "general_power"}));
    assert_eq!(changes(&other), ["ledger"]);
    // Cleaned up afterwards, both are told.
    let cleaned = append(&other, "ledger", MONDAY, json!({"machine": "press", "class": "general_power"}));
    assert_eq!(changes(&cleaned), ["ledger", "ledger"]);
    let foreign = append(&log, "ledger", MONDAY, json!({"machine": "main", "class": "general_power"}));
    assert!(changes(&foreign).is_empty());
}

#[test]
fn after_the_lock_no_machine_is_added_and_nothing_but_a_name_changes() {
    let (log, leaf) = locked(&RECORDED);
    let three =
        comparison(json!([{"machine": "twin", "retrofit": "2026-05-01"}, {"machine": "third"}, {"machine": "fourth"}]));
    for more in [
        three,
        json!({"machines": ["press", "fourth"]}),
        json!({"reporting": {"from": "2026-03-02", "to": "2026-04-04"}}),
        json!({"seed": 8}),
        json!({"metrics": []}),
    ] {
        let error = door(&log, &plan(&more)).unwrap_err();
        assert_eq!(error, DoorError::ComparisonLocked { leaf }, "{more}");
        assert!(
            error.to_string().contains("不得增加对照机器")
                && error.to_string().contains("no comparison machine is added")
        );
    }
    assert_eq!(door(&log, &plan(&json!({"names": {"zh": "新", "en": "new"}}))), Ok(()));
    let turned = json!([{"machine": "third"}, {"machine": "twin", "retrofit": "2026-05-01"}]);
    assert_eq!(door(&log, &plan(&comparison(turned))), Ok(()), "in another order it is the same choice");
    // A lock is made by the server, once, of the whole plan.
    let lock = || lock_comparison(&statements(&log), log.size(), "retrofit");
    assert_eq!(lock(), Err(LockError::ComparisonLocked { leaf }));
    let by_hand = Declaration::decode(&log.contents[&log.leaves[leaf as usize].content_digest().unwrap()]).unwrap();
    assert_eq!(check_stated(&statements(&log), "comparison_lock", &by_hand.body), Err(DoorError::LockByHand));
    let of = |log: &Log, plan: &str| lock_comparison(&statements(log), log.size(), plan);
    assert_eq!(of(&log, "nobody"), Err(LockError::NoPlan("nobody".into())));
    let mut none = plan(&json!({}));
    none.as_object_mut().unwrap().remove("comparison");
    assert_eq!(of(&append(&RECORDED, "plan", MONDAY, none), "retrofit"), Err(LockError::NoBaseline("retrofit".into())));
    let other = append(&RECORDED, "ledger", MONDAY, json!({"machine": "twin", "class": "renewable"}));
    assert!(matches!(of(&other, "retrofit"), Err(LockError::Unfit { zh, .. }) if zh.contains("新能源")));
}

#[test]
fn bodies_of_a_lock_that_cannot_be_are_refused() {
    let (log, leaf) = locked(&RECORDED);
    let body = Declaration::decode(&log.contents[&log.leaves[leaf as usize].content_digest().unwrap()]).unwrap().body;
    assert!(matches!(parse_body("comparison_lock", &body), Ok(Body::ComparisonLock(_))));
    for (field, wrong) in [
        ("machines", json!([])),
        ("comparison", json!(["no id"])),
        ("size", json!(1)),
        ("parameters", json!([{"leaf": 5, "digest": ""}, {"leaf": 5, "digest": ""}])),
        ("value", json!("0.5")),
    ] {
        let mut changed = body.clone();
        changed[field] = wrong;
        assert!(parse_body("comparison_lock", &changed).is_err(), "{field}");
    }
}

#[test]
fn machines_outside_the_boundary_are_proposed_with_what_speaks_against_them() {
    let log = append(&RECORDED, "ledger", MONDAY, json!({"machine": "third"}));
    let log = append(&log, "ledger", MONDAY, json!({"machine": "twin", "class": "high_energy"}));
    let Ok(Body::Plan(body)) = parse_body("plan", &plan(&json!({}))) else { panic!() };
    let body = Plan { comparison: None, ..body };
    let found = candidates(&statements(&log), &body, []);
    let said: Vec<_> = found.iter().map(|c| (c.machine.as_str(), c.unfit.len(), c.is_class_stated)).collect();
    // Neither the press itself nor the meter.
    assert_eq!(said, [("third", 0, false), ("twin", 1, true)]);
    assert_eq!(found[1].unfit[0].code, "COMPARISON_CLASS");
    // What is chosen and is no candidate is there with its reason; what is inside the boundary is not.
    let found = candidates(&statements(&log), &body, ["lathe", "main", "press", "third"]);
    let said: Vec<_> = found.iter().map(|c| (c.machine.as_str(), c.unfit.first().map(|u| u.code))).collect();
    let (unknown, role, class) = (Some("COMPARISON_UNKNOWN"), Some("COMPARISON_ROLE"), Some("COMPARISON_CLASS"));
    assert_eq!(said, [("lathe", unknown), ("main", role), ("third", None), ("twin", class)]);
}
