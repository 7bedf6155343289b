//! A filed plan on paper and in the workbook.

use super::*;

/// The report with a filed plan: a machine that nobody approved, one that is not there, and an application on its way.
pub(super) fn filed() -> Json {
    let mut report = promising(report());
    let line = |machine: Option<&str>,
                point: Option<&str>,
                gateway: Option<&str>,
                promised: bool,
                days: Option<[&str; 2]>,
                producing: bool,
                difference: Json| {
        json!({"machine": machine, "point": point, "gateway": gateway, "promised": promised, "connected": days.map(|d| d[0]),
            "last": days.map(|d| d[1]), "producing": producing, "difference": difference})
    };
    let differs = |kind: &str, covered: Option<&str>| json!({"kind": kind, "covered_by": covered});
    let days = Some(["2026-05-25", "2026-11-22"]);
    report["request"]["filings"] = json!([{"filing": "km-2024-017", "rule": {"id": "kunming-fund-2024-1", "number": "昆工信规〔2024〕1号",
        "names": {"zh": "昆明市中小企业数字化转型城市试点专项资金管理办法", "en": "Kunming rules on the fund of the pilot"}, "draft": false,
        "change": {"article": "第十三条", "opinions": ["district", "centre", "city"]}}}]);
    let agreed = ["district", "centre", "city"].map(|by| {
        json!({"leaf": 810, "by": by, "body": "某部门", "role": by, "opinion": "agree", "date": "2026-08-20",
            "received_ms": 1_787_000_000_000_i64, "reason": ""})
    });
    report["practice"] = json!({"filings": [{
        "filing": "km-2024-017", "at": "2026-11-22", "quiet_days": 7, "rule": "kunming-fund-2024-1", "basis": "ROUTE",
        "plan": {
            "names": {"zh": "注塑线数字化改造", "en": "Moulding line retrofit"}, "number": "昆促备〔2024〕17号", "leaf": 12,
            "received_ms": 1_780_000_000_000_i64, "filed": "2026-04-01", "term": {"from": "2026-04-10", "to": "2026-10-31"},
            "term_filed": {"from": "2026-04-10", "to": "2026-08-31"}, "firm": null, "others": [],
            "changes": [{"change": "c-1", "date": "2026-08-20", "received": "2026-08-21", "leaf": 812}],
            "machines_counted": [3, 2, 2], "points_counted": [6, 4, 4], "gateways_counted": [1, 1, 1],
            "machines": [
                line(Some("cnc"), None, None, false, days, true, differs("EXTRA", Some("c-2"))),
                line(Some("main"), None, None, true, days, true, Json::Null),
                line(Some("press"), None, None, true, days, true, Json::Null),
                line(Some("saw"), None, None, true, None, false, differs("MISSING", None)),
            ],
            "points": [line(Some("press"), Some("temperature"), None, true, None, false, differs("MISSING", None))],
            "gateways": [line(None, None, Some("gw-1"), true, days, true, Json::Null)],
            "investment": {"fen": "31234567", "filed_fen": "30000000", "lines": 2},
            "targets": [{"target": "oee", "names": {"zh": "设备综合利用率", "en": "OEE of the line"}, "definition": "oee.iso22400@1",
                "promised": {"value": "5", "unit": "percentage_points", "direction": "increase"},
                "base": {"from": "2026-01-01", "to": "2026-03-31"}, "method": "按 GB/T 34110 OEE 口径"}],
        },
        "applications": [
            {"change": "c-1", "leaf": 700, "date": "2026-08-01", "submitted": 2, "items": [{"term": {"from": "2026-04-10", "to": "2026-10-31"}}],
                "reason": "设备到货延迟", "status": {"code": "APPROVED", "by": null}, "disregarded": [{"leaf": 701, "code": "OUT_OF_ORDER"}],
                "opinions": agreed},
            {"change": "c-2", "leaf": 900, "date": "2026-11-01", "submitted": 1, "items": [{"machine": {"machine": "cnc", "points": ["state"]}}, {"without_machine": "saw"}],
                "reason": "产线调整", "status": {"code": "WAITING", "by": "centre"}, "disregarded": [],
                "opinions": [{"leaf": 901, "by": "district", "body": "西山区科工局", "role": "district", "opinion": "agree",
                    "date": "2026-11-05", "received_ms": 1_794_000_000_000_i64, "reason": ""}]},
        ],
        "disregarded": [{"leaf": 950, "code": "STATED_AGAIN"}],
    }]});
    report
}

#[test]
fn an_unapproved_difference_is_named_on_paper_and_in_the_workbook_in_both_languages() {
    let report = filed();
    let zh = made(&report, Lang::Zh);
    let text = all(&zh);
    for want in [
        "备案方案 注塑线数字化改造 (km-2024-017)：承诺设备 3 台，接入 2 台，在产数据 2 台；未经同意的差异 3 项",
        "变更程序：按 昆工信规〔2024〕1号 第十三条 的意见顺序判定：属地主管部门→促进中心→市级主管部门",
        "△ 设备 cnc：不在现行方案内，报告期内有数据；变更申请 c-2 尚未同意：待促进中心意见",
        "△ 设备 saw：现行方案内，实施期限已过，报告期内无数据；没有经同意的变更",
        "设备 press 测点 temperature",
        "2026-04-10 — 2026-10-31 (原备案 2026-04-10 — 2026-08-31)",
        "2026-08-20（2026-08-21 记入日志）",
        "不计入，意见顺序不对",
        "再次填报不改变方案",
        "取消设备 saw",
        "312 345.67 (原备案 300 000.00)",
        "按 GB/T 34110 OEE 口径",
    ] {
        assert!(text.contains(&tight(want)), "{want}\n{text}");
    }
    // On the page of findings, before the reader turns a page.
    assert!(tight(&words(&zh)[2]).contains(&tight("未经同意的差异 3 项")));
    let en = made(&report, Lang::En);
    let text = all(&en);
    for want in [
        "machine cnc: not in the plan in force, and there is data in the dates of the report; application c-2 is not approved: waiting for the opinion of the promotion centre",
        "Procedure of changes: judged by the order of opinions of 昆工信规〔2024〕1号 第十三条: district → promotion centre → city",
        "differences no approved change covers: 3",
        "out of order: somebody else's opinion comes first",
    ] {
        assert!(text.contains(&tight(want)), "{want}\n{text}");
    }
    for (edition, [plan, changes], [extra, waiting]) in [
        (
            zh,
            ["备案方案", "变更申请"],
            ["不在现行方案内，报告期内有数据；变更申请 c-2 尚未同意：待促进中心意见", "待促进中心意见"],
        ),
        (
            en,
            ["Filed plan", "Plan changes"],
            ["not in the plan in force", "waiting for the opinion of the promotion centre"],
        ),
    ] {
        let mut book: Xlsx<_> = Xlsx::new(Cursor::new(edition.xlsx)).expect("a workbook");
        let sheet = book.worksheet_range(plan).expect("sheet");
        let row = sheet.rows().find(|row| row[3] == "cnc").expect("the machine nobody approved");
        assert!(row[9].to_string().contains(extra), "{row:?}");
        assert!(sheet.rows().filter(|row| row[3] == "saw" || row[4] == "temperature").all(|row| row[6] == Data::Empty));
        let sheet = book.worksheet_range(changes).expect("sheet");
        assert!(sheet.rows().any(|row| row[1] == "c-2" && row[4].to_string().contains(waiting)));
        assert!(sheet.rows().any(|row| row[7] == 950.0), "what counts for nothing, by its leaf");
    }
}

#[test]
fn a_report_without_filed_plans_has_no_such_chapter_and_sheet() {
    let edition = made(&report(), Lang::Zh);
    assert!(!all(&edition).contains("备案方案与实施"));
    let book: Xlsx<_> = Xlsx::new(Cursor::new(edition.xlsx)).expect("a workbook");
    assert!(!book.sheet_names().contains(&"备案方案".to_owned()));
    assert!(contents(&made(&filed(), Lang::En)).iter().any(|c| c.contains("Filed plan and what is there")));
}

#[test]
fn statements_about_a_plan_nobody_filed_are_told() {
    let mut report = filed();
    report["practice"]["filings"][0]["plan"] = Json::Null;
    report["practice"]["filings"][0]["basis"] = json!("NO_RULE");
    let text = all(&made(&report, Lang::Zh));
    assert!(text.contains("日志中没有方案本身") && text.contains("方案未写明所依据的办法"), "{text}");
}
