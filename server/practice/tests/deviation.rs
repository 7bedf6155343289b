//! Deviations along their course, and the run of days.

mod fixture;

use std::collections::BTreeMap;

use fixture::{ZONE, morning, on, plan_body};
use metrics::deviation::Step;
use metrics::model::parse_body;
use metrics::statements::Statements;
use practice::deviation::continuity::{DayKind, Recorded, Run};
use practice::deviation::{Course, Next, check_stated};
use proptest::prelude::*;
use protocol::Declaration;
use serde_json::{Value as Json, json};

fn measured(standing: &str, from: &str) -> Json {
    json!({"size": 9, "definition": "oee.iso22400@1", "machines": ["press"], "window": {"from": from, "to": "2026-12-31"},
        "base": {"from": "2024-06-01", "to": "2024-08-31"}, "unit": "percentage_points", "change": "0.010000",
        "interval": ["-0.010000", "0.030000"], "standing": standing})
}

fn body(kind: &str, id: &str, with: Json) -> Json {
    let mut body = json!({"filing": "km-2024-017", "deviation": id});
    let more = match kind {
        "deviation_notice" => {
            json!({"target": "oee", "asks": "请说明原因", "measured": measured("short", "2025-05-01")})
        }
        "deviation_explanation" => json!({"explanation": "换型频繁"}),
        "deviation_measures" => json!({"measures": [{"what": "换刀标准化", "who": "生产部", "due": "2025-07-31"}]}),
        "deviation_remeasured" => json!({"measured": measured("reached", "2025-08-01")}),
        _ => json!({"reason": "已达标"}),
    };
    for (key, value) in more.as_object().unwrap().iter().chain(with.as_object().unwrap()) {
        body[key] = value.clone();
    }
    body
}

/// A log that is asked at its door first.
struct Log {
    statements: Statements,
    leaf: u64,
}

impl Log {
    fn new() -> Self {
        let mut log = Self { statements: Statements::default(), leaf: 0 };
        log.push(
            "site",
            json!({"names": {"zh": "厂", "en": "works"}, "zone": ZONE, "simulated": false}),
            "administrator",
            "2024-01-01",
        );
        log.push("filed_plan", plan_body(), "firm", "2024-09-01");
        log
    }

    fn push(&mut self, kind: &str, body: Json, role: &str, day: &str) {
        let declaration = Declaration {
            kind: kind.into(),
            effective_from: morning(day),
            author: "u1".into(),
            role: role.into(),
            reason: "test".into(),
            body,
        };
        self.leaf += 1;
        self.statements.push(self.leaf, morning(day), declaration);
    }

    fn door(&self, kind: &str, body: &Json, role: &str, day: &str) -> Result<(), (String, String)> {
        let body = parse_body(kind, body).unwrap_or_else(|e| panic!("{kind}: {e}"));
        check_stated(&self.statements, ZONE, &body, role, morning(day)).map_err(|p| (p.said.zh, p.said.en))
    }

    fn says(&mut self, kind: &str, with: Json, role: &str, day: &str) -> Result<(), (String, String)> {
        let body = body(kind, "d-1", with);
        self.door(kind, &body, role, day)?;
        self.push(kind, body, role, day);
        Ok(())
    }

    fn course(&self) -> Course<'_> {
        Course::of(self.statements.deviations("km-2024-017"), ZONE)
    }

    fn next(&self) -> Next {
        self.course().deviations[0].next()
    }
}

#[test]
fn a_deviation_goes_from_notice_to_closing_and_each_step_waits_for_the_one_before() {
    let mut log = Log::new();
    let (zh, en) = log.says("deviation_explanation", json!({}), "firm", "2025-06-01").unwrap_err();
    assert!(zh.contains("没有偏离提示 d-1") && en.contains("there is no notice of a deviation `d-1`"));
    log.says("deviation_notice", json!({}), "centre", "2025-06-01").unwrap();
    assert_eq!(log.next(), Next::Explanation);
    let (zh, en) = log.says("deviation_measures", json!({}), "firm", "2025-06-02").unwrap_err();
    assert!(
        zh.contains("须先填报企业说明，再填报整改措施") && en.contains("the firm explains before it states measures")
    );
    log.says("deviation_explanation", json!({}), "firm", "2025-06-03").unwrap();
    assert_eq!(log.next(), Next::Measures);
    let (zh, en) = log.says("deviation_closed", json!({}), "centre", "2025-06-03").unwrap_err();
    assert!(
        zh.contains("整改措施之后尚未复测，不能销号")
            && en.contains("not measured again since the measures were stated")
    );
    let late = json!({"measures": [{"what": "x", "who": "y", "due": "2025-06-01"}]});
    let (zh, en) = log.says("deviation_measures", late, "firm", "2025-06-04").unwrap_err();
    assert!(zh.contains("早于填报当日：整改期限须在今后") && en.contains("before the day on which it is stated"));
    log.says("deviation_measures", json!({}), "firm", "2025-06-04").unwrap();
    assert_eq!(log.next(), Next::Remeasurement);
    let early = json!({"measured": measured("reached", "2025-06-04")});
    let (zh, en) = log.says("deviation_remeasured", early, "firm", "2025-09-01").unwrap_err();
    assert!(
        zh.contains("复测须自整改措施填报次日（2025-06-05）起") && en.contains("measured again from 2025-06-05 on")
    );
    log.says("deviation_remeasured", json!({}), "firm", "2025-09-01").unwrap();
    assert_eq!(log.next(), Next::Closing);
    // Other measures have to be measured anew.
    log.says(
        "deviation_measures",
        json!({"measures": [{"what": "x", "who": "y", "due": "2025-10-01"}]}),
        "firm",
        "2025-09-02",
    )
    .unwrap();
    assert_eq!(log.next(), Next::Remeasurement);
    log.says("deviation_closed", json!({}), "district", "2025-09-03").unwrap_err();
    log.says("deviation_remeasured", json!({"measured": measured("short", "2025-10-02")}), "district", "2025-11-01")
        .unwrap();
    // What was measured binds nobody: an authority closes with its reason.
    log.says("deviation_closed", json!({}), "district", "2025-11-02").unwrap();
    assert_eq!(log.next(), Next::Nothing);
    let (zh, en) = log.says("deviation_explanation", json!({}), "firm", "2025-11-03").unwrap_err();
    assert!(zh.contains("已销号；再次偏离请另行提示") && en.contains("give notice anew"));
    let course = log.course();
    assert!(course.loose.is_empty() && course.deviations[0].problems.is_empty());
    assert_eq!((course.deviations[0].measures.len(), course.deviations[0].remeasured.len()), (2, 2));
}

#[test]
fn nobody_takes_another_ones_step() {
    let mut log = Log::new();
    for role in ["firm", "assessor", "provider", "administrator"] {
        let (zh, en) = log.says("deviation_notice", json!({}), role, "2025-06-01").unwrap_err();
        assert!(
            zh.contains(&format!("提示由属地主管部门、促进中心或市级主管部门的账号作出；本账号的角色是 {role}")),
            "{zh}"
        );
        assert!(en.contains("the district, the promotion centre or the city gives notice"), "{en}");
    }
    log.says("deviation_notice", json!({}), "district", "2025-06-01").unwrap();
    for (kind, zh, en) in [
        ("deviation_explanation", "企业说明须由企业账号填报", "only the firm's own account states the explanation"),
        ("deviation_measures", "整改措施须由企业账号填报", "only the firm's own account states the measures"),
    ] {
        let said = log.says(kind, json!({}), "centre", "2025-06-02").unwrap_err();
        assert!(said.0.contains(zh) && said.1.contains(en), "{said:?}");
    }
    log.says("deviation_explanation", json!({}), "firm", "2025-06-02").unwrap();
    log.says("deviation_measures", json!({}), "firm", "2025-06-02").unwrap();
    let said = log.says("deviation_remeasured", json!({}), "assessor", "2025-09-01").unwrap_err();
    assert!(said.0.contains("复测由企业或主管部门的账号发起"), "{said:?}");
    log.says("deviation_remeasured", json!({}), "firm", "2025-09-01").unwrap();
    let said = log.says("deviation_closed", json!({}), "firm", "2025-09-02").unwrap_err();
    assert!(said.0.contains("销号由属地主管部门") && said.1.contains("closes a deviation"), "{said:?}");
}

#[test]
fn notice_rests_on_a_target_that_is_missed_as_measured_and_on_no_other() {
    let mut log = Log::new();
    for (standing, zh, en) in [
        ("reached", "实测已达到目标值，没有偏离可提示", "the target is reached as measured"),
        ("open", "实测数据不足以判断是否偏离，不作偏离提示", "does not suffice to say that the target is missed"),
    ] {
        let with = json!({"measured": measured(standing, "2025-05-01")});
        let said = log.says("deviation_notice", with, "centre", "2025-06-01").unwrap_err();
        assert!(said.0.contains(zh) && said.1.contains(en), "{said:?}");
    }
    log.says("deviation_notice", json!({}), "centre", "2025-06-01").unwrap();
    let again = body("deviation_notice", "d-2", json!({}));
    let said = log.door("deviation_notice", &again, "district", "2025-06-02").unwrap_err();
    assert!(said.0.contains("该目标的偏离 d-1 尚未销号") && said.1.contains("no second notice"), "{said:?}");
    let mut strange = body("deviation_notice", "d-2", json!({}));
    strange["filing"] = json!("km-other");
    let said = log.door("deviation_notice", &strange, "district", "2025-06-02").unwrap_err();
    assert!(said.0.contains("没有备案方案 km-other"), "{said:?}");
}

#[test]
fn measures_past_their_date_are_named_until_it_is_closed() {
    let mut log = Log::new();
    log.says("deviation_notice", json!({}), "centre", "2025-06-01").unwrap();
    log.says("deviation_explanation", json!({}), "firm", "2025-06-02").unwrap();
    let two = json!({"measures": [{"what": "a", "who": "y", "due": "2025-06-30"}, {"what": "b", "who": "y", "due": "2025-08-30"}]});
    log.says("deviation_measures", two, "firm", "2025-06-02").unwrap();
    let overdue = |log: &Log, at: &str| {
        let course = log.course();
        course.deviations[0].overdue(on(at)).map(|m| m.what.clone()).collect::<Vec<_>>()
    };
    assert!(overdue(&log, "2025-06-30").is_empty(), "not on the day itself");
    assert_eq!(overdue(&log, "2025-07-01"), ["a"]);
    assert_eq!(overdue(&log, "2025-09-01"), ["a", "b"]);
    log.says("deviation_remeasured", json!({}), "centre", "2025-09-01").unwrap();
    log.says("deviation_closed", json!({}), "centre", "2025-09-02").unwrap();
    assert!(overdue(&log, "2025-12-01").is_empty());
}

#[test]
fn rest_power_cuts_and_standing_machines_are_told_apart_from_lost_collection() {
    use DayKind::{Lost, NotReceived, PowerCut, Producing, Rest, Stood};
    const HOUR: i64 = 3_600_000;
    let day = |expected, covered, ran, machines, without_power| Recorded {
        expected_ms: expected * HOUR,
        covered_ms: covered * HOUR,
        awaited_ms: 0,
        ran,
        lost_ms: BTreeMap::new(),
        machines,
        without_power,
    };
    for (recorded, kind) in [
        (day(0, 0, false, 0, 0), Rest),
        (day(16, 16, true, 0, 0), Producing),
        (day(16, 8, true, 2, 2), Producing),
        (day(16, 16, false, 0, 0), Stood),
        (day(16, 7, true, 2, 2), PowerCut),
        (day(16, 0, false, 2, 1), Lost),
        (day(16, 0, false, 0, 0), Lost),
    ] {
        assert_eq!(DayKind::of(&recorded), kind, "{recorded:?}");
    }
    // Lost only when what may still arrive could not make the day count any more.
    let awaited = |recorded: Recorded, hours: i64| DayKind::of(&Recorded { awaited_ms: hours * HOUR, ..recorded });
    assert_eq!(awaited(day(16, 0, false, 2, 0), 16), NotReceived);
    assert_eq!(awaited(day(16, 4, true, 2, 0), 4), NotReceived, "half of it would be there");
    assert_eq!(awaited(day(16, 4, true, 2, 0), 3), Lost);
    assert_eq!(awaited(day(16, 0, false, 2, 2), 7), PowerCut);
    assert_eq!(awaited(day(16, 8, true, 2, 0), 8), Producing);
    assert_eq!(awaited(day(0, 0, false, 2, 0), 8), Rest);
    let run = |kinds: &[DayKind]| {
        let days: Vec<_> =
            kinds.iter().enumerate().map(|(i, kind)| (on(&format!("2026-03-{:02}", i + 1)), *kind)).collect();
        Run::of(&days)
    };
    let whole = run(&[Rest, Producing, Rest, PowerCut, Stood, Rest]);
    assert_eq!(
        (whole.days, whole.since, whole.after),
        (2, Some(on("2026-03-02")), None),
        "rest and power cuts break nothing"
    );
    assert_eq!(whole.counts[&Rest], 3);
    let broken = run(&[Producing, Producing, Lost, Rest, Producing]);
    assert_eq!((broken.days, broken.since, broken.after), (1, Some(on("2026-03-05")), Some(on("2026-03-03"))));
    assert_eq!(broken.words().zh, "连续运行 1 天（自 2026-03-05 起）");
    assert_eq!(run(&[Producing, Lost]).words().zh, "2026-03-02 采集中断后尚无有数据的一天");
    assert_eq!(run(&[]).words().en, "no day with evidence yet");
    let waiting = run(&[Producing, NotReceived, Producing, NotReceived]);
    assert_eq!((waiting.days, waiting.since, waiting.awaited), (2, Some(on("2026-03-01")), 2), "it breaks nothing");
    assert_eq!(waiting.words().zh, "连续运行 2 天（自 2026-03-01 起），另有 2 天的数据尚未收到");
    assert_eq!(
        run(&[NotReceived, Lost, NotReceived]).words().en,
        "no day with evidence yet after collection was lost on 2026-03-02; 1 more not received yet"
    );
}

fn steps() -> impl Strategy<Value = Vec<(usize, usize, usize, usize, usize)>> {
    prop::collection::vec((0..5_usize, 0..3_usize, 0..4_usize, 0..300_usize, 0..3_usize), 0..25)
}

proptest! {
    /// Whatever a log holds, in whatever order: what the door would refuse counts for nothing and is named, what it would take counts.
    #[test]
    fn the_door_and_the_course_agree(all in steps()) {
        const KINDS: [&str; 5] = ["deviation_notice", "deviation_explanation", "deviation_measures", "deviation_remeasured", "deviation_closed"];
        const ROLES: [&str; 4] = ["firm", "centre", "district", "assessor"];
        let mut log = Log::new();
        let mut refused = 0;
        for (kind, id, role, days, standing) in all {
            let day = on("2025-06-01").checked_add(jiff::Span::new().days(days as i64)).unwrap().to_string();
            let with = match KINDS[kind] {
                "deviation_notice" | "deviation_remeasured" => json!({"measured": measured(["short", "reached", "open"][standing], &day)}),
                _ => json!({}),
            };
            let stated = body(KINDS[kind], &format!("d-{id}"), with);
            refused += usize::from(log.door(KINDS[kind], &stated, ROLES[role], &day).is_err());
            log.push(KINDS[kind], stated, ROLES[role], &day);
        }
        let course = log.course();
        let named = course.loose.len() + course.deviations.iter().map(|d| d.problems.len()).sum::<usize>();
        prop_assert_eq!(named, refused);
        for deviation in &course.deviations {
            let closed = deviation.closed.map(|closed| closed.leaf);
            let last = log.statements.deviations("km-2024-017").iter().filter(|s| s.deviation() == deviation.id()).map(Step::leaf);
            prop_assert!(closed.is_none_or(|closed| deviation.after_measures().is_some_and(|re| re.leaf < closed)));
            prop_assert!(deviation.next() != Next::Nothing || closed.is_some());
            prop_assert!(last.count() > 0);
        }
        let open = |target: &str| course.deviations.iter().filter(|d| d.notice.body.target == target && d.closed.is_none()).count();
        prop_assert!(open("oee") <= 1);
    }
}
