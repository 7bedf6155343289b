//! On-site checks and deviations on paper and in the workbook.

use super::practice::filed;
use super::*;

/// The report with a check of three acts, one of which differs, and with two deviations, one of them closed.
pub(super) fn checked() -> Json {
    let mut report = filed();
    let at = |minute: i64| 1_794_000_000_000_i64 + minute * 60_000;
    let who = |leaf: u64, minute: i64, role: &str| json!({"leaf": leaf, "received_ms": at(minute), "author": "u7", "role": role});
    let with = |mut all: Json, more: Json| {
        all.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        all
    };
    (report["request"]["onsite"], report["request"]["deviations"]) = (json!(true), json!(true));
    let draw = |leaf: u64, minute, drawn: Json| {
        with(
            who(leaf, minute, "assessor"),
            json!({"body": "某评测机构", "wanted": 1, "drawn": {"leaf": leaf + 1, "root": "ab".repeat(32), "seed": "a1bb1a0edb83602e", "machines": ["press", "saw"], "drawn": drawn}}),
        )
    };
    let act = |leaf: u64, minute, machine: &str, drawn: bool, stated: Json, result: Json| {
        with(
            who(leaf, minute, "assessor"),
            json!({"machine": machine, "drawn": drawn, "stated": stated, "result": result}),
        )
    };
    let result =
        |leaf: u64, differs: bool, found: Json| json!({"leaf": leaf, "size": leaf, "found": found, "differs": differs});
    let change =
        |machine: &str| json!({"machine": machine, "at_ms": at(4), "lag_ms": -2000, "from": "run", "to": "off"});
    let register = json!({"face": "40010.000", "register": "30007.500", "deviation": "10002.500", "percent": "33.33", "band": ["-1.000", "1.000"],
        "agrees": false, "hint": {"ratio": {"counted": "150/5", "fits": "200/5"}}});
    let confirmed = |leaf: u64, side: &str, role: &str, current: bool, holds: bool| {
        with(who(leaf, 30, role), json!({"side": side, "through": 970, "holds": holds, "current": current}))
    };
    report["practice"]["onsite"] = json!([{
        "check": "oc-1",
        "draws": [draw(960, 0, json!(["press"])), draw(962, 1, json!(["saw"]))],
        "acts": [
            act(964, 4, "press", true, json!({"press": {"check": "oc-1", "machine": "press", "action": "stop"}}),
                result(965, false, json!({"state": {"pressed_ms": at(4), "within_ms": 15000, "outcome": "changed", "change": change("press")}}))),
            act(966, 8, "press", true, json!({"face": {"check": "oc-1", "machine": "press", "value": "1000.25", "unit": "kWh", "same_register": true, "photo": {"digest": "9a".repeat(32), "taken_ms": at(7)}}}),
                result(967, true, json!({"meter": {"readings": [{"at_ms": at(7), "kwh": "30007.500"}], "times": "40", "register": register}}))),
            act(968, 9, "cnc", false, json!({"plate": {"check": "oc-1", "machine": "cnc", "serial": "GB-1", "ct": {"primary": 200, "secondary": 5}, "seal": "intact", "seal_number": "K-9"}}), Json::Null),
        ],
        "counted": [3, 2, 1],
        "confirmations": [confirmed(971, "checker", "assessor", true, true), confirmed(972, "firm", "firm", false, true), confirmed(973, "firm", "firm", true, false)],
        "through": 970, "digest": "cd".repeat(32), "confirmed": [true, false], "unconfirmed": 1,
        "disregarded": [{"leaf": 974, "code": "NOT_A_CHECKER"}, {"leaf": 975, "code": "RECORDED_ALREADY"}],
    }]);
    let measured = |standing: &str, value: &str, ends: [&str; 2]| {
        json!({"size": 980, "definition": "oee.iso22400@1", "machines": ["press"], "window": {"from": "2026-09-01", "to": "2026-10-12"},
            "base": {"from": "2026-01-01", "to": "2026-03-31"}, "before": "0.510000", "now": "0.520000", "unit": "percentage_points", "change": value, "interval": ends, "standing": standing})
    };
    let step = |leaf: u64, name: &str, role: &str, more: Json| {
        with(json!({"step": name, "leaf": leaf, "received_ms": at(60), "role": role}), more)
    };
    let measures = |what: &str, more: Json| {
        with(json!({"measures": [{"what": what, "who": "生产部", "due": "2026-11-01"}]}), more)
    };
    let deviation = |id: &str, next: &str, closed: Json, days: Json, steps: Json, overdue: Json| json!({"deviation": id, "target": "oee", "next": next, "noticed": "2026-10-13", "closed": closed, "days": days, "steps": steps, "overdue": overdue, "disregarded": []});
    let short = json!({"text": "请说明原因", "measured": measured("short", "0.010000", ["-0.010000", "0.030000"])});
    let reached = json!({"measured": measured("reached", "0.070000", ["0.055000", "0.090000"])});
    report["practice"]["deviations"] = json!([{
        "filing": "km-2024-017", "at": "2026-11-22",
        "deviations": [
            deviation("d-1", "REMEASUREMENT", Json::Null, json!(40), json!([
                step(981, "notice", "centre", short.clone()),
                step(982, "explanation", "firm", json!({"text": "换型频繁"})),
                step(983, "measures", "firm", measures("换刀标准化", json!({"superseded": true}))),
                step(984, "measures", "firm", measures("换刀与上料标准化", json!({}))),
            ]), json!([{"what": "换刀与上料标准化", "who": "生产部", "due": "2026-11-01"}])),
            deviation("d-0", "CLOSED", json!("2026-10-20"), json!(7), json!([
                step(985, "notice", "centre", short),
                step(986, "explanation", "firm", json!({"text": "停电检修"})),
                step(987, "measures", "firm", measures("加备用电源", json!({}))),
                step(988, "remeasured", "firm", reached),
                step(989, "closed", "centre", json!({"text": "已整改"})),
            ]), json!([])),
        ],
        "disregarded": [{"leaf": 990, "code": "NO_NOTICE"}],
    }]);
    report
}

#[test]
fn a_check_and_its_confirmations_stand_on_paper_in_both_languages() {
    let report = checked();
    for (lang, wanted) in [
        (
            Lang::Zh,
            [
                "、现场核查",
                "抽取 2 次",
                "核查动作 3 项，记有结果 2 项，其中与日志不符 1 项",
                "种子 a1bb1a0edb83602e",
                "同一核查抽取了不止一次",
                "〔相符〕 日志中",
                "〔不符〕 读数：表面 40010.000 kWh，日志 30007.500 kWh，偏差 10002.500 kWh（33.33 %）",
                "日志似按互感器 150/5计",
                "没有记入结果",
                "未经抽取",
                "互感器变比 200/5",
                "核查方于",
                "其后另有内容，已被取代",
                "摘要与日志不符，不构成确认",
                "未经双方确认的抽取与动作 1 项",
                "不计入，不是由核查方的账号填报",
                "该动作已有结果，以先记入的为准",
            ],
        ),
        (
            Lang::En,
            [
                "On-site checks",
                "draws 2",
                "acts 3, with a recorded result 2, of those differing from the log 1",
                "seed a1bb1a0edb83602e",
                "It was drawn more than once",
                "[agrees] in the log",
                "[differs] reading: face 40010.000 kWh, log 30007.500 kWh, deviation 10002.500 kWh (33.33 %)",
                "the log seems to count with a transformer of 150/5",
                "no result was recorded",
                "not drawn",
                "transformer ratio 200/5",
                "The checking side confirmed through leaf 970",
                "superseded: something was stated afterwards",
                "its digest is not that of the log, so it confirms nothing",
                "Draws and acts that not both sides confirmed: 1",
                "not stated by an account of those who check",
                "the act had a result: the first one counts",
            ],
        ),
    ] {
        let edition = made(&report, lang);
        let text = all(&edition);
        for want in wanted {
            assert!(text.contains(&tight(want)), "{want}\n{text}");
        }
        // On the page of findings already.
        assert!(tight(&words(&edition)[2]).contains(&tight(wanted[2])), "{lang:?}");
    }
}

#[test]
fn a_deviation_stands_on_paper_step_by_step_and_what_was_superseded_is_marked() {
    let report = checked();
    for (lang, wanted) in [
        (
            Lang::Zh,
            [
                "、目标偏离与整改",
                "目标 oee 的偏离 d-1（2026-10-13 提示）：整改措施已填报，待复测；截至本报告已 40 天；逾期措施 1 项",
                "△ 逾期：换刀与上料标准化（生产部，期限 2026-11-01）",
                "已被后来的填报取代",
                "+1.00 个百分点 · 低于目标值",
                "95 % 区间 [−1.00, +3.00]",
                "基期 2026-01-01 — 2026-03-31 · 51.00 %",
                "+7.00 个百分点 · 达到目标值",
                "已销号；历时 7 天",
                "不计入，没有该偏离提示",
            ],
        ),
        (
            Lang::En,
            [
                "Deviations from targets",
                "Deviation d-1 of target oee (notice of 2026-10-13): measures stated; to be measured again over dates after them; open for 40 days by the date of the report; measures overdue 1",
                "△ overdue: 换刀与上料标准化 (生产部, due 2026-11-01)",
                "superseded by a later one",
                "+1.00 pp · short of the target",
                "95 % interval [−1.00, +3.00]",
                "base 2026-01-01 — 2026-03-31 · 51.00 %",
                "+7.00 pp · reaches the target",
                "closed; it took 7 days",
                "counts for nothing, there is no such notice of a deviation",
            ],
        ),
    ] {
        let text = all(&made(&report, lang));
        for want in wanted {
            assert!(text.contains(&tight(want)), "{want}\n{text}");
        }
    }
}

#[test]
fn sheets_of_checks_and_deviations_are_there_when_the_report_has_them() {
    for (lang, names) in [(Lang::Zh, ["现场核查", "目标偏离"]), (Lang::En, ["On-site checks", "Deviations"])] {
        let mut book: Xlsx<_> = Xlsx::new(Cursor::new(made(&checked(), lang).xlsx)).expect("a workbook");
        let checks = book.worksheet_range(names[0]).expect("sheet");
        let face = checks.rows().find(|row| row[8] == 966.0).expect("the face by its leaf");
        assert!(face[6].to_string().contains("10002.500") && face[12] == 967.0, "{face:?}");
        assert!(checks.rows().any(|row| row[8] == 974.0), "what counts for nothing");
        assert!(checks.rows().any(|row| row[6].to_string().contains(&"ab".repeat(32))), "the whole root");
        let steps = book.worksheet_range(names[1]).expect("sheet");
        let notice = steps.rows().find(|row| row[5] == 981.0).expect("the notice by its leaf");
        assert_eq!((&notice[11], &notice[13]), (&Data::Float(0.51), &Data::Float(0.01)), "{notice:?}");
        assert_eq!(
            steps.rows().filter(|row| row[8] != Data::Empty).count(),
            2,
            "the head, and the measures others took the place of"
        );
        assert!(steps.rows().any(|row| row[5] == 990.0) && steps.rows().any(|row| row[17] == 40.0));
        let mut plain: Xlsx<_> = Xlsx::new(Cursor::new(made(&filed(), lang).xlsx)).expect("a workbook");
        assert!(names.iter().all(|name| plain.worksheet_range(name).is_err()));
    }
}

#[test]
fn opinions_on_what_was_returned_and_what_another_filing_promises_are_printed() {
    let mut report = filed();
    let filing = &mut report["practice"]["filings"][0];
    filing["applications"][1]["superseded"] = json!([{"leaf": 890, "by": "district", "body": "西山区科工局", "role": "district", "opinion": "return",
        "date": "2026-10-28", "received_ms": 1_793_000_000_000_i64, "reason": "缺少合同"}]);
    filing["plan"]["machines"][0]["difference"] = Json::Null;
    filing["plan"]["machines"][0]["elsewhere"] = json!("km-2025-003");
    for (lang, wanted, sheet) in [
        (Lang::Zh, ["对前次提交，已失效", "由备案方案 km-2025-003 承诺", "缺少合同"], ["备案方案", "变更申请"]),
        (
            Lang::En,
            ["on an earlier submission, of no effect any more", "promised by the filed plan km-2025-003", "缺少合同"],
            ["Filed plan", "Plan changes"],
        ),
    ] {
        let edition = made(&report, lang);
        let text = all(&edition);
        for want in wanted {
            assert!(text.contains(&tight(want)), "{want}\n{text}");
        }
        let mut book: Xlsx<_> = Xlsx::new(Cursor::new(edition.xlsx)).expect("a workbook");
        let rows = book.worksheet_range(sheet[0]).expect("sheet");
        assert!(rows.rows().any(|row| row[3] == "cnc" && row[9].to_string().contains(wanted[1])));
        let changes = book.worksheet_range(sheet[1]).expect("sheet");
        assert!(changes.rows().any(|row| row[7] == 890.0 && row[4].to_string().contains(wanted[0])));
    }
}
