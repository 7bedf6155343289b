//! The filed plan: what changes it, and what counts for nothing.

mod fixture;

use fixture::*;
use metrics::filed::{FiledPlan, OpinionBy, PlanChange, PlanOpinion};
use practice::plan::*;
use serde_json::{Value as Json, json};

/// Why an opinion is refused at the door, in Chinese and English.
fn refused(log: &Log, body: Json, role: &str, received: &str) -> Option<(String, String)> {
    let stated = filed::<PlanOpinion>(body, role, received);
    log.under(Some(&rules())).check_opinion(&stated).err().map(|p| (p.said.zh, p.said.en))
}

#[test]
fn a_change_holds_when_all_three_agreed_and_not_before() {
    let mut log = Log::new();
    log.change("c-1", "2024-11-01", lathe()).approve("c-1", ["2024-11-05", "2024-11-10", "2024-11-20"]);
    let rules = rules();
    assert_eq!(log.under(Some(&rules)).in_force(on("2024-08-31")), None, "before it was filed");
    assert_eq!(log.machines("2024-11-19"), ["press", "saw"]);
    assert_eq!(log.machines("2024-11-20"), ["press", "lathe"]);
    let stands = |at: &str| log.application(&rules, at).words().zh;
    assert_eq!(stands("2024-11-04"), "待属地主管部门意见");
    assert_eq!(stands("2024-11-05"), "待促进中心意见");
    assert_eq!(stands("2024-11-19"), "待市级主管部门意见");
    assert_eq!(stands("2024-11-20"), "已同意（2024-11-20）");
    assert!(log.under(Some(&rules)).course(on("2024-10-31")).applications.is_empty());
}

#[test]
fn who_skips_the_district_is_refused_and_counts_for_nothing() {
    let mut log = Log::new();
    log.change("c-1", "2024-11-01", lathe());
    let said = |by: &str| opinion_body("c-1", by, "agree", "2024-11-05");
    for by in ["centre", "city"] {
        let (zh, en) = refused(&log, said(by), by, "2024-11-05").unwrap();
        assert!(zh.contains("应先由属地主管部门") && zh.contains("第十三条"), "{zh}");
        assert!(en.contains("the opinion of the district comes first"), "{en}");
    }
    assert_eq!(refused(&log, said("district"), "district", "2024-11-05"), None);
    // Somebody's log has it all the same: it is named, and the next opinion still counts.
    log.says("c-1", "centre", "agree", "2024-11-03").approve("c-1", ["2024-11-05", "2024-11-10", "2024-11-20"]);
    let rules = rules();
    let application = log.application(&rules, "2024-12-01");
    assert_eq!(application.problems.iter().map(|p| p.leaf).collect::<Vec<_>>(), [Some(3)]);
    assert_eq!(application.opinions.len(), 4);
    assert!(matches!(application.status, Status::Approved { .. }));
}

#[test]
fn an_opinion_is_stated_by_the_account_of_who_is_asked() {
    let mut log = Log::new();
    log.change("c-1", "2024-11-01", lathe());
    let body = || opinion_body("c-1", "district", "agree", "2024-11-05");
    for (role, zh, en) in [
        ("firm", "本次为企业账号", "this account is the firm's"),
        ("provider", "本次为角色为 provider 的账号", "one of the role `provider`"),
        ("centre", "本次为角色为 centre 的账号", "one of the role `centre`"),
        ("administrator", "本次为角色为 administrator 的账号", "one of the role `administrator`"),
    ] {
        let said = refused(&log, body(), role, "2024-11-05").unwrap();
        assert!(
            said.0.contains("属地主管部门的意见须由其自己的账号（角色 district）填报") && said.0.contains(zh),
            "{said:?}"
        );
        assert!(said.1.contains("stated by its own account (role `district`)") && said.1.contains(en), "{said:?}");
    }
    // A log that has three opinions of the firm's own has an application that waits for the first.
    for by in ["district", "centre", "city"] {
        log.stated_by("plan_opinion", opinion_body("c-1", by, "agree", "2024-11-05"), "firm", "2024-11-05");
    }
    let rules = rules();
    let application = log.application(&rules, "2025-01-01");
    assert_eq!(application.status, Status::Waiting { next: OpinionBy::District });
    assert_eq!((application.opinions.len(), application.problems.len()), (0, 3));
    assert_eq!(log.machines("2025-01-01"), ["press", "saw"]);
}

#[test]
fn an_application_is_the_firms() {
    let mut log = Log::new();
    let check = |log: &Log, role: &str| {
        let stated = filed::<PlanChange>(change_body("c-1", "2024-11-01", lathe()), role, "2024-11-01");
        log.under(Some(&rules())).check_change(&stated).map_err(|p| (p.said.zh, p.said.en))
    };
    assert_eq!(check(&log, "firm"), Ok(()));
    let (zh, en) = check(&log, "district").unwrap_err();
    assert_eq!(zh, "变更申请须由企业账号提出（第十三条）；填报账号的角色是 district");
    let wanted = "the firm's own account applies for a change (第十三条); this account has the role `district`";
    assert_eq!(en, wanted);
    // In a log it is named, and opinions on it have nothing to be about.
    log.stated_by("plan_change", change_body("c-1", "2024-11-01", lathe()), "provider", "2024-11-01");
    log.approve("c-1", ["2024-11-05", "2024-11-10", "2024-11-20"]);
    let rules = rules();
    let course = log.under(Some(&rules)).course(on("2025-01-01"));
    assert!(course.applications.is_empty());
    assert_eq!(course.loose.iter().map(|p| p.leaf).collect::<Vec<_>>(), [2, 3, 4, 5, 6].map(Some));
    assert_eq!(log.machines("2025-01-01"), ["press", "saw"]);
}

#[test]
fn no_paper_is_dated_after_the_day_it_is_stated() {
    let mut log = Log::new();
    log.change("c-1", "2024-11-01", lathe());
    let body = || opinion_body("c-1", "district", "agree", "2024-11-05");
    let (zh, en) = refused(&log, body(), "district", "2024-11-04").unwrap();
    assert_eq!(zh, "日期 2024-11-05 晚于填报当日 2024-11-04");
    assert_eq!(en, "dated 2024-11-05, after the day on which it is stated (2024-11-04)");
    // The day is that of the site: its morning is the evening before in UTC.
    assert_eq!(refused(&log, body(), "district", "2024-11-05"), None);
    let stated = filed::<PlanChange>(change_body("c-2", "2024-11-05", lathe()), "firm", "2024-11-04");
    assert!(log.under(Some(&rules())).check_change(&stated).unwrap_err().said.zh.contains("晚于填报当日"));
    let stated = filed::<FiledPlan>(plan_body(), "firm", "2024-08-31");
    let nothing = Log::nothing();
    assert!(nothing.under(None).check_plan(&stated).unwrap_err().said.en.contains("after the day"));
    // In a log it counts for nothing, and is named.
    log.stated_by("plan_opinion", body(), "district", "2024-11-04");
    let rules = rules();
    assert_eq!(log.application(&rules, "2025-01-01").problems[0].said.zh, zh);
}

#[test]
fn an_approval_that_was_logged_later_says_so() {
    let mut log = Log::new();
    log.change("c-1", "2024-11-01", lathe()).says("c-1", "district", "agree", "2024-11-05");
    log.says("c-1", "centre", "agree", "2024-11-06").says("c-1", "finance", "agree", "2024-11-07");
    log.stated_by("plan_opinion", opinion_body("c-1", "city", "agree", "2024-11-07"), "city", "2025-03-01");
    let rules = rules();
    assert_eq!(log.application(&rules, "2025-06-01").words().zh, "已同意（2024-11-07，2025-03-01 记入日志）");
    assert_eq!(log.application(&rules, "2025-06-01").words().en, "approved (2024-11-07, logged on 2025-03-01)");
    let change = log.in_force("2025-06-01").changes.remove(0);
    assert_eq!((change.date.0, change.received.unwrap().0), (on("2024-11-07"), on("2025-03-01")));
}

#[test]
fn what_was_returned_is_submitted_again_and_asked_from_the_beginning() {
    let mut log = Log::new();
    log.change("c-1", "2024-11-01", lathe()).says("c-1", "district", "agree", "2024-11-05");
    log.says("c-1", "centre", "return", "2024-11-08");
    let rules = rules();
    let stands = |log: &Log| log.application(&rules, "2025-01-01").words().zh;
    assert!(stands(&log).contains("促进中心退回补正（2024-11-08）：缺少合同复印件"));
    let early = refused(&log, opinion_body("c-1", "centre", "agree", "2024-11-09"), "centre", "2024-11-09").unwrap();
    assert_eq!(early.0, "已退回补正，须先重新提交申请");
    assert_eq!(early.1, "it was returned; it is submitted again first");
    // A resubmission is no older than what it answers.
    let again = |date: &str| filed::<PlanChange>(change_body("c-1", date, lathe()), "firm", "2024-11-12");
    let error = log.under(Some(&rules)).check_change(&again("2024-11-07")).unwrap_err();
    assert_eq!(error.said.zh, "重新提交的日期 2024-11-07 早于上次申请或意见的日期 2024-11-08");
    assert_eq!(
        error.said.en,
        "submitted again on 2024-11-07, before the application or opinion it follows (2024-11-08)"
    );
    assert_eq!(log.under(Some(&rules)).check_change(&again("2024-11-08")), Ok(()));
    log.change("c-1", "2024-11-07", lathe());
    assert_eq!(log.application(&rules, "2025-01-01").submitted, 1, "an older one in a log counts for nothing");
    assert_eq!(log.application(&rules, "2025-01-01").problems.len(), 1);
    log.change("c-1", "2024-11-12", lathe());
    assert_eq!(log.application(&rules, "2025-01-01").status, Status::Waiting { next: OpinionBy::District });
    let kept = log.application(&rules, "2025-01-01").superseded;
    let kept: Vec<_> = kept.iter().map(|o| (o.body.by, o.body.reason.as_str())).collect();
    assert_eq!(
        kept,
        [(OpinionBy::District, ""), (OpinionBy::Centre, "缺少合同复印件")],
        "what was returned stays to be read"
    );
    assert_eq!(log.application(&rules, "2025-01-01").submitted, 2);
    log.approve("c-1", ["2024-11-13", "2024-11-14", "2024-11-15"]);
    assert!(matches!(log.application(&rules, "2025-01-01").status, Status::Approved { .. }));
    // Decided: neither another opinion nor another submission moves it.
    log.says("c-1", "city", "disagree", "2024-11-16").change(
        "c-1",
        "2024-11-17",
        json!([{"without_machine": "press"}]),
    );
    assert_eq!(log.application(&rules, "2025-01-01").problems.len(), 3);
    assert_eq!(log.machines("2025-01-01"), ["press", "lathe"]);
}

#[test]
fn a_refused_change_changes_nothing() {
    let mut log = Log::new();
    log.change("c-1", "2024-11-01", lathe()).says("c-1", "district", "disagree", "2024-11-05");
    log.says("c-1", "centre", "agree", "2024-11-06");
    let rules = rules();
    let application = log.application(&rules, "2025-01-01");
    assert!(matches!(application.status, Status::Refused { by: OpinionBy::District, .. }));
    assert_eq!(application.problems.len(), 1);
    assert_eq!(log.machines("2025-01-01"), ["press", "saw"]);
}

#[test]
fn opinions_are_not_older_than_what_they_are_about() {
    let mut log = Log::new();
    log.change("c-1", "2024-11-01", lathe());
    let said = |change: &str, date: &str| {
        refused(&log, opinion_body(change, "district", "agree", date), "district", "2024-12-01")
    };
    assert!(said("c-1", "2024-10-31").unwrap().1.contains("before the application"));
    let unknown = said("c-9", "2024-11-05").unwrap();
    assert_eq!(unknown, ("没有变更申请 c-9".into(), "there is no application `c-9`".into()));
    // In a log, what is about nothing is named all the same.
    log.says("c-9", "district", "agree", "2024-11-05");
    let rules = rules();
    let loose = log.under(Some(&rules)).course(on("2025-01-01")).loose;
    assert_eq!(loose.iter().map(|p| (p.leaf, p.said.zh.as_str())).collect::<Vec<_>>(), [(Some(3), "没有变更申请 c-9")]);
}

#[test]
fn approved_changes_apply_in_the_order_of_their_decisions() {
    let mut log = Log::new();
    let mes = |fen: i64| json!([{"line": {"line": "mes", "category": "software", "what": "MES", "amount_fen": fen}}]);
    log.change("c-1", "2024-11-01", mes(40_000_000)).change("c-2", "2024-11-02", mes(50_000_000));
    log.approve("c-2", ["2024-11-03", "2024-11-04", "2024-11-05"])
        .approve("c-1", ["2024-11-06", "2024-11-07", "2024-11-08"]);
    assert_eq!(
        ["2024-11-04", "2024-11-05", "2024-11-08"].map(|d| log.in_force(d).investment_fen()),
        [30_000_000, 50_000_000, 40_000_000]
    );
    let ids: Vec<String> = log.in_force("2025-01-01").changes.into_iter().map(|c| c.change).collect();
    assert_eq!(ids, ["c-2", "c-1"]);
}

#[test]
fn an_investment_has_room_for_more_lines_than_any_plan() {
    let mut current = Log::new().in_force("2025-01-01");
    let line = metrics::filed::InvestmentLine { amount_fen: i64::MAX, ..current.plan.lines[0].clone() };
    current.plan.lines = vec![line; 3];
    assert_eq!(current.investment_fen(), 3 * i128::from(i64::MAX));
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
    let current = log.in_force("2024-12-01");
    assert_eq!(current.plan.gateways, ["gw-2"]);
    assert_eq!(current.plan.targets.iter().map(|t| t.target.as_str()).collect::<Vec<_>>(), ["energy"]);
    assert!(current.plan.lines.is_empty());
    assert_eq!((current.plan.term.to.as_str(), current.filed.term.to.as_str()), ("2025-05-31", "2025-03-31"));
    assert_eq!((current.firm.as_deref(), current.others.len()), (Some("新公司"), 1));
    assert_eq!(current.plan.machines[0].points, ["power"]);
    assert_eq!(current.plan.machines.len(), 2);
}

#[test]
fn stating_the_plan_anew_is_no_change() {
    let mut log = Log::new();
    let mut again = plan_body();
    let check = |log: &Log, body: &Json| {
        let stated = filed::<FiledPlan>(body.clone(), "firm", "2024-12-01");
        log.under(Some(&rules())).check_plan(&stated).map_err(|p| (p.said.zh, p.said.en))
    };
    assert_eq!(check(&Log::nothing(), &again), Ok(()));
    assert_eq!(check(&log, &again), Ok(()), "the same again says nothing new");
    log.state("filed_plan", again.clone());
    again["machines"] = json!([{"machine": "other"}]);
    let (zh, en) = check(&log, &again).unwrap_err();
    assert_eq!(zh, "备案方案 km-2024-017 已在日志第 1 条；再次填报不改变方案，变更须提出变更申请");
    assert_eq!(en, "filed plan `km-2024-017` is in leaf 1; stating it anew does not change it: apply for a change");
    log.state("filed_plan", again);
    assert_eq!(log.in_force("2025-01-01").stated_again, [3], "the same again says nothing new");
    assert_eq!(log.machines("2025-01-01"), ["press", "saw"]);
}

#[test]
fn without_a_route_nothing_is_approved_and_what_is_said_is_kept() {
    let mut log = Log::new();
    log.change("c-1", "2024-11-01", lathe());
    let check = |role: &str| {
        let stated = filed(opinion_body("c-1", "city", "agree", "2024-11-03"), role, "2024-11-03");
        log.under(None).check_opinion(&stated)
    };
    assert_eq!(check("city"), Ok(()), "which comes first the rule does not say");
    assert!(check("firm").is_err(), "who speaks for the city does not depend on a route");
    log.approve("c-1", ["2024-11-03", "2024-11-04", "2024-11-05"]);
    let application = log.under(None).course(on("2025-01-01")).applications.remove(0);
    assert_eq!((&application.status, application.problems.len()), (&Status::NoRoute, 4));
    assert!(application.words().zh.contains("由主管部门确定"));
    assert_eq!(log.under(None).in_force(on("2025-01-01")).unwrap().plan.machines.len(), 2);
}

#[test]
fn applications_are_checked_against_the_plan_in_force() {
    let mut log = Log::new();
    let check = |log: &Log, items: Json, date: &str| {
        let stated = filed::<PlanChange>(change_body("c-2", date, items), "firm", "2024-12-01");
        log.under(Some(&rules())).check_change(&stated).map_err(|p| (p.said.zh, p.said.en))
    };
    assert_eq!(check(&log, json!([{"without_machine": "saw"}]), "2024-11-01"), Ok(()));
    let refused = |log: &Log, items: Json, date: &str| check(log, items, date).unwrap_err();
    let (zh, en) = refused(&log, json!([{"without_machine": "lathe"}]), "2024-11-01");
    assert_eq!((zh.as_str(), en.as_str()), ("现行方案中没有 lathe", "the plan in force has no `lathe` to leave out"));
    assert_eq!(refused(&log, lathe(), "2024-08-01").0, "申请日期早于备案日期");
    assert_eq!(refused(&Log::nothing(), lathe(), "2024-11-01").0, "没有备案方案 km-2024-017");
    log.change("c-2", "2024-11-01", lathe()).says("c-2", "district", "disagree", "2024-11-02");
    let (zh, en) = refused(&log, lathe(), "2024-11-03");
    assert_eq!(zh, "变更申请 c-2 已有结论；请另编申请编号");
    assert_eq!(en, "application `c-2` is decided; apply under another id");
}

#[test]
fn both_bureaus_decide_and_the_text_names_no_order_between_them() {
    let rules = rules();
    for pair in [["city", "finance"], ["finance", "city"]] {
        let mut log = Log::new();
        log.change("c-1", "2024-11-01", lathe()).says("c-1", "district", "agree", "2024-11-02");
        let early =
            refused(&log, opinion_body("c-1", "finance", "agree", "2024-11-03"), "finance", "2024-11-03").unwrap();
        assert!(early.0.contains("应先由促进中心出具意见"), "{}", early.0);
        log.says("c-1", "centre", "agree", "2024-11-03");
        for (by, date) in pair.into_iter().zip(["2024-11-04", "2024-11-05"]) {
            assert_eq!(log.machines("2024-12-01"), ["press", "saw"], "one bureau alone approves nothing");
            let body = opinion_body("c-1", by, "agree", date);
            assert_eq!(refused(&log, body, by, date), None, "{by}");
            log.says("c-1", by, "agree", date);
        }
        let application = log.application(&rules, "2024-12-01");
        assert_eq!((application.words().zh.as_str(), application.opinions.len()), ("已同意（2024-11-05）", 4));
        assert_eq!(log.machines("2024-12-01"), ["press", "lathe"]);
    }
    // Nobody speaks twice, and who did not agree decides it.
    let mut log = Log::new();
    log.change("c-1", "2024-11-01", lathe()).says("c-1", "district", "agree", "2024-11-02");
    log.says("c-1", "centre", "agree", "2024-11-03").says("c-1", "finance", "agree", "2024-11-04");
    let twice = refused(&log, opinion_body("c-1", "finance", "agree", "2024-11-05"), "finance", "2024-11-05").unwrap();
    assert!(twice.0.contains("应先由市级主管部门出具意见"), "{}", twice.0);
    log.says("c-1", "city", "disagree", "2024-11-06");
    assert!(matches!(log.application(&rules, "2024-12-01").status, Status::Refused { by: OpinionBy::City, .. }));
}

#[test]
fn nothing_is_put_in_place_of_what_somebody_reads() {
    let mut log = Log::new();
    let rules = rules();
    log.change("c-1", "2024-11-01", lathe());
    let again =
        filed::<PlanChange>(change_body("c-1", "2024-11-02", json!([{"firm": "新公司"}])), "firm", "2024-11-02");
    let error = log.under(Some(&rules)).check_change(&again).unwrap_err().said;
    assert_eq!(error.zh, "变更申请 c-1 正待属地主管部门意见，退回补正后方可重新提交；其他变更请另编申请编号");
    assert!(error.en.starts_with("application `c-1` waits for the opinion of the district"), "{}", error.en);
    // A log that has it all the same: the opinions are on what was submitted first.
    log.change("c-1", "2024-11-02", json!([{"firm": "新公司"}]))
        .approve("c-1", ["2024-11-05", "2024-11-06", "2024-11-07"]);
    let current = log.in_force("2024-12-01");
    assert_eq!((current.firm, log.machines("2024-12-01")), (None, vec!["press".to_owned(), "lathe".to_owned()]));
    assert_eq!(log.application(&rules, "2024-12-01").problems.iter().map(|p| p.leaf).collect::<Vec<_>>(), [Some(3)]);
}

#[test]
fn an_opinion_is_on_the_submission_it_names() {
    let mut log = Log::new();
    log.change("c-1", "2024-11-01", lathe()).says("c-1", "district", "return", "2024-11-02");
    log.change("c-1", "2024-11-03", json!([{"firm": "新公司"}]));
    let on = |leaf: u64| {
        let mut body = opinion_body("c-1", "district", "agree", "2024-11-04");
        body["submission"] = json!(leaf);
        refused(&log, body, "district", "2024-11-04")
    };
    let (zh, en) = on(2).unwrap();
    assert_eq!(zh, "意见所针对的是日志第 2 条的提交，变更申请 c-1 现为第 4 条；请阅后重新出具意见");
    assert!(
        en.starts_with("the opinion is on the submission of leaf 2; application `c-1` is now that of leaf 4"),
        "{en}"
    );
    assert_eq!(on(4), None);
}

#[test]
fn the_plan_is_the_firms_to_state() {
    let check = |role: &str| {
        let stated = filed::<FiledPlan>(plan_body(), role, "2024-12-01");
        Log::nothing().under(Some(&rules())).check_plan(&stated).map_err(|p| (p.said.zh, p.said.en))
    };
    assert_eq!(check("firm"), Ok(()));
    for role in ["provider", "administrator", "district"] {
        let (zh, en) = check(role).unwrap_err();
        assert_eq!(zh, format!("备案方案须由企业账号填报；填报账号的角色是 {role}"));
        assert_eq!(en, format!("the firm's own account states its filed plan; this account has the role `{role}`"));
    }
}
