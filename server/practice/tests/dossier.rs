//! Papers asked of a firm: their course, what counts for nothing, and the door that refuses the same.

mod fixture;

use fixture::{ZONE, morning, on};
use metrics::model::parse_body;
use metrics::statements::Statements;
use practice::dossier::{Standing, check_stated, dossier};
use proptest::prelude::*;
use protocol::Declaration;
use serde_json::{Value as Json, json};

fn declaration(kind: &str, role: &str, body: Json) -> Declaration {
    let (kind, role) = (kind.to_owned(), role.to_owned());
    Declaration { kind, effective_from: 0, author: "p-1".into(), role, reason: String::new(), body }
}

#[derive(Debug, Clone)]
struct Said(&'static str, &'static str, Json);

fn asked(by: &'static str, due: &str) -> Said {
    Said("paper_asked", by, json!({"paper": "p-1", "name": "服务合同", "by": by, "due": due}))
}

fn handed(role: &'static str, date: &str) -> Said {
    Said("paper_handed", role, json!({"paper": "p-1", "date": date, "file": "合同.pdf"}))
}

fn judged(by: &'static str, judged: &str, date: &str) -> Said {
    let reason = if judged == "return" { "缺盖章页" } else { "" };
    Said("paper_judged", by, json!({"paper": "p-1", "by": by, "judged": judged, "date": date, "reason": reason}))
}

fn listed(role: &'static str) -> Said {
    let body = json!({"code": "91350100M000100Y43", "name": "某机械有限公司", "list": "第四批汇总表"});
    Said("firm_listed", role, body)
}

/// A site whose log has all of it, each logged on this day.
fn site(said: &[Said], day: &str) -> Statements {
    let mut out = Statements::default();
    let about = json!({"names": {"zh": "一厂", "en": "Works 1"}, "zone": ZONE, "province": "云南"});
    out.push(0, 0, declaration("site", "administrator", about));
    for (leaf, Said(kind, role, body)) in (1..).zip(said) {
        out.push(leaf, morning(day), declaration(kind, role, body.clone()));
    }
    assert!(out.bad().is_empty(), "{:?}", out.bad());
    out
}

/// What the door says in Chinese and English; nothing when it takes the statement.
fn door(so_far: &[Said], Said(kind, role, body): &Said, day: &str) -> [String; 2] {
    let body = parse_body(kind, body).unwrap();
    check_stated(&site(so_far, day), ZONE, &body, role, morning(day))
        .map_or_else(|p| [p.said.zh, p.said.en], |()| [String::new(), String::new()])
}

fn stands(said: &[Said], today: &str) -> [String; 2] {
    let statements = site(said, "2026-06-30");
    let dossier = dossier(&statements, ZONE);
    assert_eq!(dossier.problems, []);
    let names = dossier.papers[0].words(on(today));
    [names.zh, names.en]
}

#[test]
fn a_paper_is_owed_handed_in_returned_handed_in_again_and_received() {
    let mut log = vec![asked("centre", "2026-04-30")];
    assert_eq!(stands(&log, "2026-04-30"), ["待企业提交，期限 2026-04-30", "owed by the firm, due 2026-04-30"]);
    assert_eq!(
        stands(&log, "2026-05-01"),
        ["待企业提交，期限 2026-04-30（已过期限）", "owed by the firm, due 2026-04-30 (overdue)"]
    );
    log.push(handed("firm", "2026-05-02"));
    assert_eq!(
        stands(&log, "2026-05-03"),
        ["企业于 2026-05-02 提交，待促进中心接收", "handed in on 2026-05-02, waiting for the promotion centre"]
    );
    log.push(judged("centre", "return", "2026-05-04"));
    assert_eq!(
        stands(&log, "2026-05-05"),
        [
            "退回补正（2026-05-04）：缺盖章页；期限 2026-04-30（已过期限）",
            "returned (2026-05-04): 缺盖章页; due 2026-04-30 (overdue)"
        ]
    );
    // Another date: still returned, no longer overdue.
    log.push(asked("centre", "2026-05-20"));
    assert_eq!(stands(&log, "2026-05-05")[0], "退回补正（2026-05-04）：缺盖章页；期限 2026-05-20");
    assert_eq!(dossier(&site(&log, "2026-06-30"), ZONE).due(), Some("2026-05-20"));
    log.push(handed("firm", "2026-05-06"));
    assert_eq!(dossier(&site(&log, "2026-06-30"), ZONE).due(), None, "what was handed in is not owed");
    log.push(judged("centre", "received", "2026-05-07"));
    assert_eq!(stands(&log, "2026-06-01"), ["已接收（2026-05-07）", "received (2026-05-07)"]);
    let statements = site(&log, "2026-06-30");
    assert_eq!(dossier(&statements, ZONE).papers[0].handed, 2);
    // Asked for once more it is owed anew.
    log.push(asked("centre", "2026-07-31"));
    assert_eq!(stands(&log, "2026-06-01")[0], "待企业提交，期限 2026-07-31");
}

#[test]
fn who_skips_a_step_or_speaks_for_another_is_told_so_in_both_languages() {
    let day = "2026-06-30";
    let owed = vec![asked("centre", "2026-04-30")];
    let in_hand = vec![asked("centre", "2026-04-30"), handed("firm", "2026-05-02")];
    let done = [in_hand.clone(), vec![judged("centre", "received", "2026-05-03")]].concat();
    let cases: [(&[Said], Said, &str, &str); 11] = [
        (&[], handed("firm", "2026-05-01"), "没有要求提交材料 p-1", "nobody asked for the paper `p-1`"),
        (&[], judged("centre", "received", "2026-05-01"), "没有要求提交材料 p-1", "nobody asked for the paper `p-1`"),
        (
            &owed,
            handed("provider", "2026-05-01"),
            "材料由企业账号提交；填报账号的角色是 provider",
            "the firm's own account hands a paper in; this account has the role `provider`",
        ),
        (
            &owed,
            judged("centre", "received", "2026-05-01"),
            "企业尚未提交，不能接收或退回",
            "it was not handed in: nothing to receive or return",
        ),
        (
            &owed,
            asked("district", "2026-05-01"),
            "材料 p-1 已由促进中心要求；请另编编号",
            "the promotion centre asked for the paper `p-1` already; take another id",
        ),
        (
            &in_hand,
            judged("district", "received", "2026-05-03"),
            "须由促进中心自己的账号（角色 centre）填报；填报账号的角色是 district",
            "this is stated by the promotion centre's own account (role `centre`); this account has the role `district`",
        ),
        (
            &in_hand,
            judged("centre", "received", "2026-05-01"),
            "日期 2026-05-01 早于提交日期 2026-05-02",
            "dated 2026-05-01, before it was handed in (2026-05-02)",
        ),
        (
            &in_hand,
            judged("centre", "received", "2026-07-01"),
            "日期 2026-07-01 晚于填报当日 2026-06-30",
            "dated 2026-07-01, after the day on which it is stated (2026-06-30)",
        ),
        (
            &owed,
            handed("firm", "2026-07-01"),
            "日期 2026-07-01 晚于填报当日 2026-06-30",
            "dated 2026-07-01, after the day on which it is stated (2026-06-30)",
        ),
        (
            &done,
            handed("firm", "2026-05-04"),
            "材料 p-1 已于 2026-05-03 接收，不必再交",
            "the paper `p-1` was received on 2026-05-03; it is not owed",
        ),
        (
            &[],
            listed("firm"),
            "汇总表条目须由主管部门或促进中心的账号填报；填报账号的角色是 firm",
            "an entry of a list is stated by an authority's or the centre's account; this one has the role `firm`",
        ),
    ];
    for (so_far, said, zh, en) in cases {
        assert_eq!(door(so_far, &said, day), [zh, en], "{said:?}");
    }
    // One body asks, another may not ask in its name.
    let Said(kind, _, body) = asked("city", "2026-04-30");
    assert!(door(&[], &Said(kind, "centre", body), day)[0].starts_with("须由市级主管部门自己的账号"));
}

#[test]
fn the_newest_entry_of_a_list_counts_and_who_is_no_body_enters_none() {
    let mut newer = listed("district");
    newer.2["name"] = json!("某机械股份有限公司");
    let statements = site(&[listed("centre"), newer, listed("firm")], "2026-06-30");
    let dossier = dossier(&statements, ZONE);
    assert_eq!(dossier.listed.map(|l| (l.leaf, l.body.name.as_str())), Some((2, "某机械股份有限公司")));
    assert_eq!(dossier.problems.iter().map(|p| p.leaf).collect::<Vec<_>>(), [Some(3)]);
}

fn any_step() -> impl Strategy<Value = Said> {
    let by = prop_oneof![Just("district"), Just("centre")];
    let role = prop_oneof![4 => Just("firm"), 1 => Just("provider")];
    let date = prop_oneof![Just("2026-05-01"), Just("2026-05-02"), Just("2026-07-01")];
    let what = prop_oneof![Just("received"), Just("return")];
    prop_oneof![
        (by.clone(), date.clone()).prop_map(|(by, due)| asked(by, due)),
        (role, date.clone()).prop_map(|(role, date)| handed(role, date)),
        (by, what, date).prop_map(|(by, what, date)| judged(by, what, date)),
    ]
}

proptest! {
    /// Whatever somebody states: the door refuses exactly what would count for nothing, and what is received was handed in.
    #[test]
    fn the_door_refuses_exactly_what_would_count_for_nothing(steps in proptest::collection::vec(any_step(), 0..12)) {
        let day = "2026-06-30";
        for end in 0..steps.len() {
            let (so_far, next) = (&steps[..end], &steps[end]);
            let is_refused = !door(so_far, next, day)[0].is_empty();
            let statements = site(&steps[..=end], day);
            let course = dossier(&statements, ZONE);
            let is_void = course.problems.iter().any(|p| p.leaf == Some(end as u64 + 1));
            prop_assert_eq!(is_refused, is_void, "{:?} after {:?}", next, so_far);
            for paper in &course.papers {
                if matches!(paper.standing, Standing::Received(_)) {
                    prop_assert!(paper.handed > 0);
                }
            }
        }
    }
}
