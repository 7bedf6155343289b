//! The filed plan against what is there: differences, major changes, the term and the payments.

mod fixture;

use fixture::*;
use practice::plan::*;
use practice::rule::{Day, MajorKind};
use serde_json::{Value as Json, json};

#[test]
fn major_changes_are_those_the_text_names() {
    let rules = rules();
    let mut log = Log::new();
    let kinds = |log: &Log, items: Json| {
        let change = serde_json::from_value(change_body("c-1", "2025-01-01", items)).unwrap();
        let found = major(&rules, &log.in_force("2025-01-01"), &change).into_iter();
        found.map(|m| (m.kind, m.is_open, m.clause.article.clone())).collect::<Vec<_>>()
    };
    let term = |to: &str| json!([{"term": {"from": "2024-09-10", "to": to}}]);
    assert_eq!(kinds(&log, json!([{"firm": "新公司"}])), [(MajorKind::Firm, false, "第十三条（一）".into())]);
    // 主要建设内容: whether a machine is among the main ones the text does not say.
    assert_eq!(kinds(&log, lathe()), [(MajorKind::Contents, true, "第十三条（二）".into())]);
    // Targets are none of it; what else is important the law says, not who writes it down.
    assert_eq!(kinds(&log, json!([{"without_target": "oee"}])), []);
    assert_eq!(kinds(&log, json!([{"other": "改用租赁方式"}])), [(MajorKind::Other, true, "第十三条（五）".into())]);
    // The term ends on 31 March; three months later is 30 June.
    assert_eq!(kinds(&log, term("2025-06-29")), []);
    // 「并超过试点实施期间的」: whether the delay alone is one the text does not decide.
    assert_eq!(kinds(&log, term("2025-06-30")), [(MajorKind::Delay, true, "第十三条（三）".into())]);
    // Two months were approved: one more makes three from the plan as filed, but not from the plan in force.
    log.change("c-0", "2024-11-01", term("2025-05-31")).approve("c-0", ["2024-11-05", "2024-11-06", "2024-11-07"]);
    assert_eq!(kinds(&log, term("2025-06-29")), []);
    assert_eq!(kinds(&log, term("2025-06-30")), [(MajorKind::Delay, true, "第十三条（三）".into())]);
    assert_eq!(kinds(&log, term("2025-08-31")), [(MajorKind::Delay, true, "第十三条（三）".into())]);
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
    let rules = rules();
    let at = |date: &str| {
        let all = log.under(Some(&rules)).course(on(date)).applications;
        compare(&log.in_force(date), &[], &all, &there, &gateways, on(date), 7)
    };
    let now = at("2025-02-01");
    assert_eq!((now.machines, now.points, now.gateways), ([2, 2, 1], [2, 1, 1], [1, 1, 1]));
    let named: Vec<String> = now.unapproved().map(|r| format!("{:?}/{:?}", r.machine, r.point)).collect();
    // The saw was promised as a machine: its energy is no difference. The lathe is applied for, not approved.
    assert_eq!(named, [r#"Some("lathe")/None"#, r#"Some("press")/Some("power")"#, r#"Some("robot")/None"#]);
    // The promised energy of the press is missing only once the term is over.
    let missing = |c: &Compared| c.unapproved().filter(|r| !r.difference.as_ref().unwrap().is_extra).count();
    assert_eq!((missing(&now), missing(&at("2025-03-31")), missing(&at("2025-04-01"))), (0, 0, 1));
}

#[test]
fn a_difference_is_named_with_where_its_application_stands() {
    let mut log = Log::new();
    let there = [seen("lathe", None, "2025-01-15", "2025-02-01")];
    let rules = rules();
    let named = |log: &Log, under| {
        let all = log.under(under).course(on("2025-02-01")).applications;
        let current = log.under(under).in_force(on("2025-02-01")).unwrap();
        let compared = compare(&current, &[], &all, &there, &[], on("2025-02-01"), 7);
        let differences: Vec<Difference> = compared.unapproved().filter_map(|r| r.difference.clone()).collect();
        assert!(differences.len() <= 1, "{differences:?}");
        differences.into_iter().next().map(|d| (d.covered_by.map(|c| c.change), d.words.zh, d.words.en))
    };
    let of = |stands: &str| {
        Some((Some("c-1".to_owned()), format!("不在现行方案内，已有数据；变更申请 c-1 尚未同意：{stands}")))
    };
    let zh = |log: &Log, under| named(log, under).map(|(change, zh, _)| (change, zh));
    let none = "不在现行方案内，已有数据；没有经同意的变更".to_owned();
    assert_eq!(zh(&log, Some(&rules)), Some((None, none.clone())));
    log.change("c-1", "2025-01-10", json!([{"machine": {"machine": "lathe"}}]));
    assert_eq!(zh(&log, Some(&rules)), of("待属地主管部门意见"));
    let en = named(&log, Some(&rules)).unwrap().2;
    assert!(en.ends_with("application `c-1` is not approved: waiting for the opinion of the district"), "{en}");
    assert_eq!(zh(&log, None), of("该办法未规定变更程序，由主管部门确定"));
    log.says("c-1", "district", "return", "2025-01-12");
    assert_eq!(zh(&log, Some(&rules)), of("属地主管部门退回补正（2025-01-12）：缺少合同复印件；待企业重新提交"));
    log.change("c-1", "2025-01-13", json!([{"machine": {"machine": "lathe"}}]));
    log.approve("c-1", ["2025-01-14", "2025-01-15", "2025-01-16"]);
    assert_eq!(zh(&log, Some(&rules)), None, "approved, it is no difference");
    // What was refused covers nothing.
    let mut log = Log::new();
    log.change("c-1", "2025-01-10", json!([{"machine": {"machine": "lathe"}}]));
    log.says("c-1", "district", "disagree", "2025-01-12");
    assert_eq!(zh(&log, Some(&rules)), Some((None, none)));
}

#[test]
fn a_longer_term_applied_for_is_named_with_what_is_missing() {
    let mut log = Log::new();
    log.change("c-1", "2025-03-20", json!([{"term": {"from": "2024-09-10", "to": "2025-05-31"}}]));
    let current = log.in_force("2025-04-10");
    let rules = rules();
    let all = log.under(Some(&rules)).course(on("2025-04-10")).applications;
    let covered = |all: &[Application<'_>]| {
        let compared = compare(&current, &[], all, &[], &[], on("2025-04-10"), 7);
        let by = |r: &Promise| r.difference.as_ref().unwrap().covered_by.as_ref().map(|c| c.change.clone());
        compared.unapproved().map(by).collect::<Vec<_>>()
    };
    assert_eq!(covered(&all), vec![Some("c-1".to_owned()); 5]);
    assert_eq!(covered(&[]), vec![None; 5]);
}

#[test]
fn the_three_month_limit_is_warned_of_before_it_is_reached() {
    let log = Log::new();
    let rules = rules();
    let current = log.in_force("2025-03-01");
    let state = |at: &str, finished: Option<&str>| {
        let term = term(&current, Some(&rules), finished.map(on), on(at), 30).unwrap();
        assert_eq!((term.end, term.limit), (Day(on("2025-03-31")), Some(Day(on("2025-06-30")))));
        assert!(!term.words.zh.contains("停止") && !term.words.zh.contains("取消"), "{:?}", term.words);
        assert!(!term.words.zh.contains("累计"), "no delay was approved: {:?}", term.words);
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
    // That nobody stated when the works were finished does not say that they went on.
    let says = |at: &str, finished: Option<&str>| {
        let words = term(&current, Some(&rules), finished.map(on), on(at), 30).unwrap().words;
        assert!(words.en.is_ascii(), "{}", words.en);
        words.zh
    };
    assert_eq!(says("2025-04-01", None), "实施期限已于 2025-03-31 届满；未填报完成日期");
    assert_eq!(
        says("2025-06-29", None),
        "实施期限已于 2025-03-31 届满；未填报完成日期；再过 1 天（2025-06-30）即满办法所称的 3 个月，如需延期应及时提出变更申请"
    );
    assert_eq!(
        says("2027-01-01", None),
        "实施期限已于 2025-03-31 届满；未填报完成日期；至 2025-06-30 已满办法所称的 3 个月，由主管部门认定"
    );
    assert_eq!(says("2027-01-01", Some("2025-04-10")), "已于 2025-04-10 完成，超过实施期限（2025-03-31）10 天");
    // What is stated to be finished later than the date asked for is not finished on it.
    assert_eq!(state("2025-06-30", Some("2025-07-01")), TermState::Reached);
    assert_eq!(
        term(&current, None, None, on("2025-12-01"), 30).unwrap().state,
        TermState::Late,
        "no limit in the rule"
    );
}

#[test]
fn delays_one_after_the_other_are_named_from_the_term_as_filed() {
    let mut log = Log::new();
    log.change("c-1", "2024-11-01", json!([{"term": {"from": "2024-09-10", "to": "2025-05-31"}}]));
    log.approve("c-1", ["2024-11-05", "2024-11-06", "2024-11-07"]);
    let rules = rules();
    let at = |date: &str| term(&log.in_force(date), Some(&rules), None, on(date), 30).unwrap();
    // From the term in force there are two more months; from the term as filed the three are full.
    let (before, on_it) = (at("2025-06-29"), at("2025-06-30"));
    assert_eq!([before.state, on_it.state], [TermState::Late; 2]);
    assert_eq!((on_it.end, on_it.limit), (Day(on("2025-05-31")), Some(Day(on("2025-08-31")))));
    assert!(!before.words.zh.contains("累计"), "{}", before.words.zh);
    assert!(
        on_it.words.zh.ends_with("自原备案期限（2025-03-31）起算已于 2025-06-30 满 3 个月，是否累计由主管部门确定")
    );
    assert!(on_it.words.en.ends_with("the authority decides whether delays add up"), "{}", on_it.words.en);
}

#[test]
fn remaining_payments_have_the_dates_somebody_stated_and_nothing_is_owed() {
    let log = Log::new();
    let current = log.in_force("2025-06-01");
    let day = |text: &str| Day(on(text));
    let met = [("acceptance".to_owned(), day("2025-05-20"))].into();
    let at = |date: &str, paid: &[(&str, &str)]| {
        let paid = paid.iter().map(|(s, d)| ((*s).to_owned(), day(d))).collect();
        payments(Some(&rule()), &current, &met, &paid, on(date))
    };
    let states = |all: &[Payment]| all.iter().map(|p| p.state).collect::<Vec<_>>();
    use PaymentState::{Met, Paid, Waiting};
    let before = at("2025-05-19", &[]);
    assert_eq!(states(&before), [Waiting, Waiting, Waiting]);
    assert_eq!(before[1].words.zh, "备案预计 2025-05-31");
    let later = at("2025-06-01", &[]);
    assert_eq!(states(&later), [Waiting, Met, Waiting]);
    assert_eq!(later[1].words.zh, "拨付条件已于 2025-05-20 满足，未见拨付记录；备案预计 2025-05-31，已过");
    assert_eq!(
        later[1].words.en,
        "its condition was met on 2025-05-20, no payment is stated; expected by the plan on 2025-05-31, which is past"
    );
    assert_eq!(later[2].words.zh, "日期由主管部门确定");
    assert_eq!(later[2].clause.as_ref().unwrap().article, "第十七条");
    assert_eq!(states(&at("2025-06-01", &[("acceptance", "2025-06-01")])), [Waiting, Paid, Waiting]);
    assert_eq!(states(&at("2025-05-31", &[("acceptance", "2025-06-01")])), [Waiting, Met, Waiting]);
}

#[test]
fn an_instalment_that_no_rule_has_is_shown_all_the_same() {
    let mut current = Log::new().in_force("2025-06-01");
    current.plan.payments[0].stage = "first".into();
    let none = Default::default();
    let all = payments(Some(&rule()), &current, &none, &none, on("2025-01-01"));
    assert_eq!(all.iter().map(|p| p.stage.as_str()).collect::<Vec<_>>(), ["advance", "acceptance", "overall", "first"]);
    assert_eq!((all[3].words.zh.as_str(), &all[3].clause), ("备案预计 2025-05-31", &None));
    let alone = payments(None, &current, &none, &none, on("2025-01-01"));
    assert_eq!(alone.iter().map(|p| p.stage.as_str()).collect::<Vec<_>>(), ["first"]);
}

#[test]
fn an_application_for_a_whole_machine_covers_each_of_its_points() {
    let mut log = Log::new();
    log.change("c-1", "2025-01-10", json!([{"machine": {"machine": "lathe"}}]));
    let rules = rules();
    let all = log.under(Some(&rules)).course(on("2025-02-01")).applications;
    let there = [seen("lathe", Some("state"), "2025-01-15", "2025-02-01")];
    let compared = compare(&log.in_force("2025-02-01"), &[], &all, &there, &[], on("2025-02-01"), 7);
    let by: Vec<Option<String>> =
        compared.unapproved().map(|r| Some(r.difference.as_ref()?.covered_by.as_ref()?.change.clone())).collect();
    assert_eq!(by, [Some("c-1".to_owned()), Some("c-1".to_owned())], "the machine and its point");
}

#[test]
fn what_another_filing_promises_is_named_with_it_and_no_difference() {
    let log = Log::new();
    let mut other = log.in_force("2025-02-01");
    other.plan.filing = "km-2024-018".into();
    other.plan.machines = vec![serde_json::from_value(json!({"machine": "lathe"})).unwrap()];
    other.plan.gateways = vec!["gw-2".into()];
    let there =
        [seen("lathe", Some("state"), "2025-01-15", "2025-02-01"), seen("robot", None, "2025-01-15", "2025-02-01")];
    let gateways = [SeenGateway { gateway: "gw-2".into(), since: Day(on("2025-01-15")), last: Day(on("2025-02-01")) }];
    let compared = compare(&log.in_force("2025-02-01"), &[other], &[], &there, &gateways, on("2025-02-01"), 7);
    assert_eq!(compared.unapproved().filter_map(|r| r.machine.clone()).collect::<Vec<_>>(), ["robot"]);
    let elsewhere = compared.rows.iter().filter(|r| r.elsewhere.as_deref() == Some("km-2024-018"));
    let elsewhere: Vec<_> =
        elsewhere.map(|r| (r.machine.as_deref(), r.point.as_deref(), r.gateway.as_deref())).collect();
    assert_eq!(
        elsewhere,
        [(Some("lathe"), None, None), (Some("lathe"), Some("state"), None), (None, None, Some("gw-2"))]
    );
}

#[test]
fn the_last_data_is_that_which_is_there_and_never_today_by_itself() {
    let there = [seen("press", Some("state"), "2024-12-01", "2030-01-01")];
    let compared = compare(&Log::new().in_force("2025-02-01"), &[], &[], &there, &[], on("2025-02-01"), 7);
    let press = compared.rows.iter().find(|r| r.machine.as_deref() == Some("press")).unwrap();
    assert_eq!((press.last, press.producing), (Some(Day(on("2030-01-01"))), false));
}

#[test]
fn on_which_day_an_acceptance_was_held_is_an_authoritys_to_state_and_to_correct() {
    use metrics::filed::Acceptance::{City, National};
    let mut log = Log::new();
    let rules = rules();
    let body = |acceptance: &str, held: &str| json!({"filing": "km-2024-017", "acceptance": acceptance, "held": held, "body": "市工信局"});
    let held =
        |log: &Log, which, at: &str| log.under(Some(&rules)).acceptance(which, on(at)).map(|(day, of)| (day, of.leaf));
    assert_eq!(held(&log, City, "2025-06-01"), None);
    log.stated_by("acceptance_held", body("city", "2025-04-02"), "city", "2025-04-20");
    log.stated_by("acceptance_held", body("city", "2025-04-03"), "city", "2025-04-21");
    // Where the city said when, nobody else says otherwise.
    log.stated_by("acceptance_held", body("city", "2025-04-05"), "centre", "2025-04-22");
    log.stated_by("acceptance_held", body("national", "2025-05-10"), "district", "2025-05-20");
    // The firm's, the finance bureau's, later than the day it was logged, before the filing: none of it counts.
    log.stated_by("acceptance_held", body("city", "2025-01-01"), "firm", "2025-05-22");
    log.stated_by("acceptance_held", body("city", "2025-01-01"), "finance", "2025-05-22");
    log.stated_by("acceptance_held", body("city", "2025-05-24"), "city", "2025-05-23");
    log.stated_by("acceptance_held", body("national", "2024-08-31"), "city", "2025-05-23");
    assert_eq!(held(&log, City, "2025-06-01"), Some((on("2025-04-03"), 3)));
    assert_eq!(held(&log, National, "2025-06-01"), Some((on("2025-05-10"), 5)));
    assert_eq!(held(&log, National, "2025-05-09"), None, "not yet");
    let mut mistake = body("national", "2025-05-10");
    mistake["withdrawn"] = json!(true);
    log.stated_by("acceptance_held", mistake, "city", "2025-05-25");
    assert_eq!(held(&log, National, "2025-06-01"), None, "withdrawn");
    let refused = |role: &str, day: &str| {
        let stated = filed(body("city", day), role, "2025-04-20");
        log.under(Some(&rules)).check_acceptance(&stated).unwrap_err().said
    };
    let said = refused("firm", "2025-04-01");
    assert_eq!(said.zh, "验收日期由属地主管部门、促进中心或市级主管部门的账号填报；填报账号的角色是 firm");
    assert!(said.en.starts_with("the district, the promotion centre or the city states when an acceptance was held"));
    assert_eq!(refused("city", "2025-04-21").zh, "日期 2025-04-21 晚于填报当日 2025-04-20");
    let said = refused("city", "2024-08-31");
    assert_eq!(
        (said.zh.as_str(), said.en.as_str()),
        ("验收日期早于备案日期", "the acceptance would have been held before the filing")
    );
}

#[test]
fn when_the_works_were_finished_is_the_firms_to_state_and_to_correct() {
    let mut log = Log::new();
    let rules = rules();
    let body = |date: &str| json!({"filing": "km-2024-017", "date": date});
    let finished = |log: &Log, at: &str| log.under(Some(&rules)).finished(on(at)).map(|(date, of)| (date, of.leaf));
    assert_eq!(finished(&log, "2025-06-01"), None);
    log.stated_by("plan_finished", body("2025-04-02"), "firm", "2025-04-20");
    log.stated_by("plan_finished", body("2025-03-30"), "firm", "2025-04-21");
    // Not the firm's, later than the day it was logged, before the filing: none of it counts.
    log.stated_by("plan_finished", body("2025-01-01"), "provider", "2025-04-22");
    log.stated_by("plan_finished", body("2025-04-24"), "firm", "2025-04-23");
    log.stated_by("plan_finished", body("2024-08-31"), "firm", "2025-04-23");
    assert_eq!(finished(&log, "2025-06-01"), Some((on("2025-03-30"), 3)));
    assert_eq!(finished(&log, "2025-03-29"), None, "not yet");
    let refused = |role: &str, date: &str| {
        let stated = filed(body(date), role, "2025-04-20");
        log.under(Some(&rules)).check_finished(&stated).unwrap_err().said
    };
    assert_eq!(refused("provider", "2025-04-01").zh, "完成日期须由企业账号填报；填报账号的角色是 provider");
    assert_eq!(refused("firm", "2025-04-21").zh, "日期 2025-04-21 晚于填报当日 2025-04-20");
    assert_eq!(refused("firm", "2024-08-31").zh, "完成日期早于备案日期");
    assert_eq!(refused("firm", "2024-08-31").en, "the works would have been finished before the filing");
}
