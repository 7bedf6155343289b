//! The filed plan: what changes it, what counts for nothing, what is there, and the dates.

use jiff::civil::Date;
use metrics::filed::{Filing, OpinionBy, PlanChange, PlanOpinion};
use metrics::model::{Body, parse_body};
use metrics::statements::Stated;
use practice::plan::*;
use practice::rule::{ChangeRules, DELIVERED, Day, MajorKind, Rule};
use serde_json::{Value as Json, json};

fn rule() -> Rule {
    Rule::parse(DELIVERED[0].1).unwrap()
}

fn rules() -> ChangeRules {
    rule().change.unwrap()
}

fn on(text: &str) -> Date {
    text.parse().unwrap()
}

fn plan_body() -> Json {
    json!({
        "filing": "km-2024-017", "names": {"zh": "一号线数字化改造", "en": "Line 1 retrofit"}, "rule": "kunming-fund-2024-1",
        "number": "昆促备〔2024〕17号", "filed": "2024-09-01", "term": {"from": "2024-09-10", "to": "2025-03-31"},
        "machines": [{"machine": "press", "points": ["state", "energy"]}, {"machine": "saw"}],
        "gateways": ["gw-1"],
        "lines": [{"line": "mes", "category": "software", "what": "MES", "amount_fen": 30_000_000}],
        "targets": [{"target": "oee", "names": {"zh": "设备综合利用率", "en": "OEE"}, "definition": "oee.iso22400@1",
            "promised": {"value": "5", "unit": "percentage_points", "direction": "increase"},
            "base": {"from": "2024-06-01", "to": "2024-08-31"}, "method": "按 GB/T 34110 OEE 口径"}],
        "payments": [{"stage": "acceptance", "date": "2025-05-31"}]
    })
}

fn change_body(change: &str, date: &str, items: Json) -> Json {
    json!({"filing": "km-2024-017", "change": change, "date": date, "items": items, "reason": "产线调整"})
}

fn opinion_body(change: &str, by: &str, opinion: &str, date: &str) -> Json {
    let reason = if opinion == "agree" { "" } else { "缺少合同复印件" };
    let mut body = json!({"filing": "km-2024-017", "change": change, "by": by, "body": "某部门", "opinion": opinion, "date": date});
    if !reason.is_empty() {
        body["reason"] = json!(reason);
    }
    body
}

/// A filing made through the door every body passes.
struct Log(Filing, u64);

impl Log {
    fn new() -> Self {
        let mut log = Self(Filing::default(), 0);
        log.state("filed_plan", plan_body());
        log
    }

    fn state(&mut self, kind: &str, body: Json) -> &mut Self {
        self.1 += 1;
        let leaf = self.1;
        fn at<T>(leaf: u64, body: T) -> Stated<T> {
            Stated { leaf, received_ms: 0, effective_from: 0, body }
        }
        match parse_body(kind, &body).unwrap_or_else(|e| panic!("{kind}: {e}")) {
            Body::FiledPlan(b) => self.0.plans.push(at(leaf, *b)),
            Body::PlanChange(b) => self.0.changes.push(at(leaf, *b)),
            Body::PlanOpinion(b) => self.0.opinions.push(at(leaf, *b)),
            other => panic!("{other:?}"),
        }
        self
    }

    fn change(&mut self, change: &str, date: &str, items: Json) -> &mut Self {
        self.state("plan_change", change_body(change, date, items))
    }

    fn says(&mut self, change: &str, by: &str, opinion: &str, date: &str) -> &mut Self {
        self.state("plan_opinion", opinion_body(change, by, opinion, date))
    }

    fn approve(&mut self, change: &str, dates: [&str; 3]) -> &mut Self {
        for (by, date) in ["district", "centre", "city"].into_iter().zip(dates) {
            self.says(change, by, "agree", date);
        }
        self
    }

    fn machines(&self, at: &str) -> Vec<String> {
        let current = in_force(&self.0, Some(&rules()), on(at)).unwrap();
        current.plan.machines.iter().map(|m| m.machine.clone()).collect()
    }
}

fn lathe() -> Json {
    json!([{"machine": {"machine": "lathe", "points": ["state"]}}, {"without_machine": "saw"}])
}

#[test]
fn a_change_holds_when_all_three_agreed_and_not_before() {
    let mut log = Log::new();
    log.change("c-1", "2024-11-01", lathe()).approve("c-1", ["2024-11-05", "2024-11-10", "2024-11-20"]);
    assert_eq!(in_force(&log.0, Some(&rules()), on("2024-08-31")), None, "before it was filed");
    assert_eq!(log.machines("2024-11-19"), ["press", "saw"]);
    assert_eq!(log.machines("2024-11-20"), ["press", "lathe"]);
    let stands = |at: &str| applications(&log.0, Some(&rules()), on(at)).remove(0).words().zh;
    assert_eq!(stands("2024-11-04"), "待属地主管部门意见");
    assert_eq!(stands("2024-11-05"), "待促进中心意见");
    assert_eq!(stands("2024-11-19"), "待市级主管部门意见");
    assert_eq!(stands("2024-11-20"), "已同意（2024-11-20）");
    assert!(applications(&log.0, Some(&rules()), on("2024-10-31")).is_empty());
}

#[test]
fn who_skips_the_district_is_refused_and_counts_for_nothing() {
    let mut log = Log::new();
    log.change("c-1", "2024-11-01", lathe());
    let said = |by: &str| match parse_body("plan_opinion", &opinion_body("c-1", by, "agree", "2024-11-05")) {
        Ok(Body::PlanOpinion(b)) => *b,
        other => panic!("{other:?}"),
    };
    let error = check_opinion(&log.0, Some(&rules()), &said("city")).unwrap_err();
    assert!(error.said.zh.contains("应先由属地主管部门") && error.said.zh.contains("第十三条"), "{error}");
    assert!(error.said.en.contains("district comes first"), "{error}");
    assert!(check_opinion(&log.0, Some(&rules()), &said("district")).is_ok());
    // Somebody's log has it all the same: it is named, and the next opinion still counts.
    log.says("c-1", "centre", "agree", "2024-11-03").approve("c-1", ["2024-11-05", "2024-11-10", "2024-11-20"]);
    let application = applications(&log.0, Some(&rules()), on("2024-12-01")).remove(0);
    assert_eq!(application.problems.iter().map(|p| p.leaf).collect::<Vec<_>>(), [Some(3)]);
    assert_eq!(application.opinions.len(), 3);
    assert!(matches!(application.status, Status::Approved { .. }));
}

#[test]
fn what_was_returned_is_submitted_again_and_asked_from_the_beginning() {
    let mut log = Log::new();
    log.change("c-1", "2024-11-01", lathe()).says("c-1", "district", "agree", "2024-11-05");
    log.says("c-1", "centre", "return", "2024-11-08");
    fn stands(log: &Log) -> Application<'_> {
        applications(&log.0, Some(&rules()), on("2025-01-01")).remove(0)
    }
    assert!(stands(&log).words().zh.contains("促进中心退回补正（2024-11-08）：缺少合同复印件"));
    let early: PlanOpinion = serde_json::from_value(opinion_body("c-1", "centre", "agree", "2024-11-09")).unwrap();
    assert!(check_opinion(&log.0, Some(&rules()), &early).unwrap_err().said.zh.contains("先重新提交"));
    log.change("c-1", "2024-11-12", lathe());
    assert_eq!(stands(&log).status, Status::Waiting { next: OpinionBy::District });
    assert_eq!(stands(&log).submitted, 2);
    log.approve("c-1", ["2024-11-13", "2024-11-14", "2024-11-15"]);
    assert!(matches!(stands(&log).status, Status::Approved { .. }));
    // Decided: neither another opinion nor another submission moves it.
    log.says("c-1", "city", "disagree", "2024-11-16").change(
        "c-1",
        "2024-11-17",
        json!([{"without_machine": "press"}]),
    );
    assert_eq!(stands(&log).problems.len(), 2);
    assert_eq!(log.machines("2025-01-01"), ["press", "lathe"]);
}

#[test]
fn a_refused_change_changes_nothing() {
    let mut log = Log::new();
    log.change("c-1", "2024-11-01", lathe()).says("c-1", "district", "disagree", "2024-11-05");
    log.says("c-1", "centre", "agree", "2024-11-06");
    let application = applications(&log.0, Some(&rules()), on("2025-01-01")).remove(0);
    assert!(matches!(application.status, Status::Refused { by: OpinionBy::District, .. }));
    assert_eq!(application.problems.len(), 1);
    assert_eq!(log.machines("2025-01-01"), ["press", "saw"]);
}

#[test]
fn opinions_are_not_older_than_what_they_are_about() {
    let mut log = Log::new();
    log.change("c-1", "2024-11-01", lathe());
    let old: PlanOpinion = serde_json::from_value(opinion_body("c-1", "district", "agree", "2024-10-31")).unwrap();
    assert!(check_opinion(&log.0, Some(&rules()), &old).unwrap_err().said.en.contains("before the application"));
    let unknown = PlanOpinion { change: "c-9".into(), ..old };
    assert!(check_opinion(&log.0, Some(&rules()), &unknown).unwrap_err().said.zh.contains("没有变更申请 c-9"));
}

#[test]
fn approved_changes_apply_in_the_order_of_their_decisions() {
    let mut log = Log::new();
    let mes = |fen: i64| json!([{"line": {"line": "mes", "category": "software", "what": "MES", "amount_fen": fen}}]);
    log.change("c-1", "2024-11-01", mes(40_000_000)).change("c-2", "2024-11-02", mes(50_000_000));
    log.approve("c-2", ["2024-11-03", "2024-11-04", "2024-11-05"])
        .approve("c-1", ["2024-11-06", "2024-11-07", "2024-11-08"]);
    let at = |date: &str| in_force(&log.0, Some(&rules()), on(date)).unwrap();
    assert_eq!(
        ["2024-11-04", "2024-11-05", "2024-11-08"].map(|d| at(d).investment_fen()),
        [30_000_000, 50_000_000, 40_000_000]
    );
    let ids: Vec<String> = at("2025-01-01").changes.into_iter().map(|(id, _, _)| id).collect();
    assert_eq!(ids, ["c-2", "c-1"]);
}

#[test]
fn every_kind_of_item_changes_its_part() {
    let mut log = Log::new();
    let target = plan_body()["targets"][0].clone();
    let mut other = target.clone();
    other["target"] = json!("energy");
    log.change("c-1", "2024-11-01", json!([
        {"gateway": "gw-2"}, {"without_gateway": "gw-1"}, {"target": other}, {"without_target": "oee"}, {"without_line": "mes"},
        {"term": {"from": "2024-09-10", "to": "2025-05-31"}}, {"firm": "新公司"}, {"other": "改用租赁方式"},
        {"machine": {"machine": "press", "points": ["power"]}}
    ]));
    log.approve("c-1", ["2024-11-03", "2024-11-04", "2024-11-05"]);
    let current = in_force(&log.0, Some(&rules()), on("2024-12-01")).unwrap();
    assert_eq!(current.plan.gateways, ["gw-2"]);
    assert_eq!(current.plan.targets.iter().map(|t| t.target.as_str()).collect::<Vec<_>>(), ["energy"]);
    assert!(current.plan.lines.is_empty());
    assert_eq!(current.plan.term.to, "2025-05-31");
    assert_eq!((current.firm.as_deref(), current.others.len()), (Some("新公司"), 1));
    assert_eq!(current.plan.machines[0].points, ["power"]);
    assert_eq!(current.plan.machines.len(), 2);
}

#[test]
fn stating_the_plan_anew_is_no_change() {
    let mut log = Log::new();
    let mut again = plan_body();
    log.state("filed_plan", again.clone());
    again["machines"] = json!([{"machine": "other"}]);
    log.state("filed_plan", again);
    let current = in_force(&log.0, Some(&rules()), on("2025-01-01")).unwrap();
    assert_eq!(current.stated_again, [3], "the same again says nothing new");
    assert_eq!(log.machines("2025-01-01"), ["press", "saw"]);
}

#[test]
fn without_a_route_nothing_is_approved() {
    let mut log = Log::new();
    log.change("c-1", "2024-11-01", lathe()).approve("c-1", ["2024-11-03", "2024-11-04", "2024-11-05"]);
    let application = applications(&log.0, None, on("2025-01-01")).remove(0);
    assert_eq!((&application.status, application.problems.len()), (&Status::NoRoute, 3));
    assert!(application.words().zh.contains("由主管部门确定"));
    assert_eq!(in_force(&log.0, None, on("2025-01-01")).unwrap().plan.machines.len(), 2);
}

#[test]
fn applications_are_checked_against_the_plan_in_force() {
    let mut log = Log::new();
    let change =
        |items: Json, date: &str| serde_json::from_value::<PlanChange>(change_body("c-2", date, items)).unwrap();
    let check = |log: &Log, items: Json, date: &str| {
        check_change(&log.0, Some(&rules()), &change(items, date)).map_err(|p| p.said.zh)
    };
    assert_eq!(check(&log, json!([{"without_machine": "saw"}]), "2024-11-01"), Ok(()));
    assert_eq!(check(&log, json!([{"without_machine": "lathe"}]), "2024-11-01"), Err("现行方案中没有 lathe".into()));
    assert_eq!(check(&log, lathe(), "2024-08-01"), Err("申请日期早于备案日期".into()));
    assert_eq!(check(&Log(Filing::default(), 0), lathe(), "2024-11-01"), Err("没有备案方案 km-2024-017".into()));
    log.change("c-2", "2024-11-01", lathe()).says("c-2", "district", "disagree", "2024-11-02");
    assert!(check(&log, lathe(), "2024-11-03").unwrap_err().contains("另编申请编号"));
}

#[test]
fn major_changes_are_named_with_their_article() {
    let rules = rules();
    let log = Log::new();
    let filed = &log.0.plans[0].body;
    let kinds = |items: Json| {
        let change: PlanChange = serde_json::from_value(change_body("c-1", "2025-01-01", items)).unwrap();
        major(&rules, filed, &change)
            .into_iter()
            .map(|(kind, clause)| (kind, clause.article.clone()))
            .collect::<Vec<_>>()
    };
    assert_eq!(kinds(json!([{"firm": "新公司"}])), [(MajorKind::Firm, "第十三条（一）".into())]);
    assert_eq!(kinds(lathe()), [(MajorKind::Contents, "第十三条（二）".into())]);
    // The term ends on 31 March; three months later is 30 June.
    assert_eq!(kinds(json!([{"term": {"from": "2024-09-10", "to": "2025-06-29"}}])), []);
    assert_eq!(
        kinds(json!([{"term": {"from": "2024-09-10", "to": "2025-06-30"}}])),
        [(MajorKind::Delay, "第十三条（三）".into())]
    );
}

fn seen(machine: &str, point: Option<&str>, since: &str, last: &str) -> Seen {
    Seen { machine: machine.into(), point: point.map(str::to_owned), since: Day(on(since)), last: Day(on(last)) }
}

#[test]
fn promised_connected_and_producing_are_three_things() {
    let mut log = Log::new();
    log.change("c-1", "2025-01-10", json!([{"machine": {"machine": "lathe"}}]));
    let there = [
        seen("press", Some("state"), "2024-12-01", "2025-02-01"),
        seen("press", Some("power"), "2024-12-01", "2025-02-01"),
        seen("saw", Some("energy"), "2024-12-01", "2025-01-10"),
        seen("lathe", None, "2025-01-15", "2025-02-01"),
        seen("robot", None, "2025-01-15", "2025-02-01"),
        seen("later", None, "2025-02-02", "2025-02-03"),
    ];
    let gateways = [SeenGateway { gateway: "gw-1".into(), since: Day(on("2024-11-30")), last: Day(on("2025-02-01")) }];
    let at = |date: &str| {
        let current = in_force(&log.0, Some(&rules()), on(date)).unwrap();
        let all = applications(&log.0, Some(&rules()), on(date));
        compare(&current, &all, &there, &gateways, on(date), 7)
    };
    let now = at("2025-02-01");
    assert_eq!((now.machines, now.points, now.gateways), ([2, 2, 1], [2, 1, 1], [1, 1, 1]));
    let named: Vec<String> = now.unapproved().map(|r| format!("{:?}/{:?}", r.machine, r.point)).collect();
    // The saw was promised as a machine: its energy is no difference. The lathe is applied for.
    assert_eq!(named, [r#"Some("press")/Some("power")"#, r#"Some("robot")/None"#]);
    let lathe = now.rows.iter().find(|r| r.machine.as_deref() == Some("lathe")).unwrap();
    let difference = lathe.difference.as_ref().unwrap();
    assert_eq!(difference.covered_by.as_deref(), Some("c-1"));
    assert!(difference.words.zh.contains("变更申请 c-1 办理中"));
    // The promised energy of the press is missing only once the term is over.
    let missing = |c: &Compared| c.unapproved().filter(|r| !r.difference.as_ref().unwrap().is_extra).count();
    assert_eq!((missing(&now), missing(&at("2025-03-31")), missing(&at("2025-04-01"))), (0, 0, 1));
}

#[test]
fn a_longer_term_applied_for_covers_what_is_missing() {
    let mut log = Log::new();
    log.change("c-1", "2025-03-20", json!([{"term": {"from": "2024-09-10", "to": "2025-05-31"}}]));
    let current = in_force(&log.0, Some(&rules()), on("2025-04-10")).unwrap();
    let all = applications(&log.0, Some(&rules()), on("2025-04-10"));
    let compared = compare(&current, &all, &[], &[], on("2025-04-10"), 7);
    assert_eq!(compared.unapproved().count(), 0);
    assert!(compared.rows.iter().all(|r| r.difference.as_ref().unwrap().covered_by.as_deref() == Some("c-1")));
    assert_eq!(compare(&current, &[], &[], &[], on("2025-04-10"), 7).unapproved().count(), 5);
}

#[test]
fn the_three_month_limit_is_warned_of_before_it_is_reached() {
    let log = Log::new();
    let current = in_force(&log.0, Some(&rules()), on("2025-03-01")).unwrap();
    let state = |at: &str, finished: Option<&str>| {
        let term = term(&current, Some(&rules()), finished.map(on), on(at), 30).unwrap();
        assert_eq!((term.end, term.limit), (Day(on("2025-03-31")), Some(Day(on("2025-06-30")))));
        assert!(!term.words.zh.contains("停止") && !term.words.zh.contains("取消"), "{:?}", term.words);
        assert!(term.clause.unwrap().article.contains("第十三条"));
        term.state
    };
    assert_eq!(state("2025-03-31", None), TermState::Within);
    assert_eq!(state("2025-04-01", None), TermState::Late);
    assert_eq!(state("2025-05-30", None), TermState::Late);
    assert_eq!(state("2025-05-31", None), TermState::Near);
    assert_eq!(state("2025-06-29", None), TermState::Near);
    assert_eq!(state("2025-06-30", None), TermState::Reached);
    assert_eq!(state("2026-01-01", Some("2025-03-31")), TermState::Within);
    assert_eq!(state("2026-01-01", Some("2025-06-29")), TermState::Late);
    assert_eq!(state("2026-01-01", Some("2025-06-30")), TermState::Reached);
    // What is stated to be finished later than the date asked for is not finished on it.
    assert_eq!(state("2025-06-30", Some("2025-07-01")), TermState::Reached);
    assert_eq!(
        term(&current, None, None, on("2025-12-01"), 30).unwrap().state,
        TermState::Late,
        "no limit in the rule"
    );
}

#[test]
fn remaining_payments_have_the_dates_somebody_stated() {
    let log = Log::new();
    let current = in_force(&log.0, Some(&rules()), on("2025-06-01")).unwrap();
    let day = |text: &str| Day(on(text));
    let met = [("acceptance".to_owned(), day("2025-05-20"))].into();
    let at = |date: &str, paid: &[(&str, &str)]| {
        let paid = paid.iter().map(|(s, d)| ((*s).to_owned(), day(d))).collect();
        payments(&rule(), &current, &met, &paid, on(date))
    };
    let states = |all: &[Payment]| all.iter().map(|p| p.state).collect::<Vec<_>>();
    use PaymentState::{Due, Paid, Waiting};
    assert_eq!(states(&at("2025-05-19", &[])), [Waiting, Waiting, Waiting]);
    let due = at("2025-06-01", &[]);
    assert_eq!(states(&due), [Waiting, Due, Waiting]);
    assert_eq!(due[1].words.zh, "备案预计 2025-05-31，已过");
    assert_eq!(due[2].words.zh, "日期由主管部门确定");
    assert_eq!(due[2].clause.article, "第十七条");
    assert_eq!(states(&at("2025-06-01", &[("acceptance", "2025-06-01")])), [Waiting, Paid, Waiting]);
    assert_eq!(states(&at("2025-05-31", &[("acceptance", "2025-06-01")])), [Waiting, Due, Waiting]);
}
