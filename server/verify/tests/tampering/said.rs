//! What the people of the firm state: every kind of statement once, one of them corrected.

use serde_json::{Value as Json, json};

use super::corpus::{GATEWAYS, PLAN};
use crate::fixture::{HOUR, MONDAY};

pub const OEE: &str = "oee.iso22400@1";
const DAY: i64 = 24 * HOUR;

fn names(zh: &str, en: &str) -> Json {
    json!({"zh": zh, "en": en})
}

fn signal(tag: &str) -> Json {
    json!({"gateway": GATEWAYS[usize::from(tag.starts_with("lathe"))], "tag": tag})
}

/// What a firm states before anything is read.
pub fn founding(side: i64) -> Vec<(&'static str, Json)> {
    let shift = json!({"shift": "day", "names": names("白班", "Day"), "start": "08:00", "end": "20:00", "weekdays": [1, 2, 3, 4, 5, 6, 7], "breaks": [{"start": "12:00", "end": "12:50"}]});
    let machine = |id: &str, zh: &str, en: &str| {
        let tag = |name: &str| signal(&format!("{id}/{name}"));
        json!({"machine": id, "names": names(zh, en), "critical": true,
            "signals": {"state": tag("state"), "good": tag("good"), "reject": tag("reject"), "energy": tag("energy")},
            "state_rule": {"codes": {"1": "off", "2": "idle", "4": "run", "5": "setup", "6": "fault"}}})
    };
    let plan = json!({
        "plan": PLAN, "names": names("冲压线改造", "Press line retrofit"), "machines": ["lathe", "press"], "incoming": "main", "seed": 7, "option": "B", "replicates": 2000,
        "baseline": {"from": date_of(0), "to": date_of(side - 1)}, "reporting": {"from": date_of(side), "to": date_of(2 * side - 1)},
        "boundary": names("冲压车间", "press shop"),
        "metrics": [
            {"definition": OEE, "target": {"value": "5", "unit": "percentage_points", "direction": "increase"}},
            {"definition": "energy.per_good@1", "target": {"value": "0.5", "unit": "percent", "direction": "decrease"}},
        ],
    });
    vec![
        (
            "site",
            json!({"names": names("示范厂", "Demo works"), "zone": "Asia/Shanghai", "simulated": false, "district": "西山", "sub_sector": "金属制品", "city": "昆明", "province": "云南"}),
        ),
        ("calendar", json!({"shifts": [shift]})),
        ("machine", machine("press", "冲床", "Press")),
        ("machine", machine("lathe", "车床", "Lathe")),
        (
            "machine",
            json!({"machine": "main", "names": names("总表", "Incoming meter"), "role": "meter", "signals": {"energy": signal("main/energy")}}),
        ),
        ("cycle_time", json!({"machine": "press", "item_us": 6_000_000})),
        ("cycle_time", json!({"machine": "lathe", "item_us": 6_500_000, "items_per_cycle": 1})),
        ("line", json!({"line": "a", "route": ["press", "lathe"], "constraint": "press"})),
        (
            "meter",
            json!({"machine": "main", "serial": "0071", "class": "0.5S", "register": "secondary", "ct": {"class": "0.2S", "primary": 200, "secondary": 5}}),
        ),
        (
            "specification",
            json!({"machine": "press", "characteristic": "c", "names": names("长度", "Length"), "signal": signal("press/good"), "unit": "mm", "lsl": "1", "usl": "2", "sampling": "individuals", "rules": "nelson@1"}),
        ),
        (
            "alarm_code",
            json!({"machine": "lathe", "code": "7", "names": names("光栅", "Light curtain"), "class": "safety"}),
        ),
        (
            "material",
            json!({"machine": "press", "material": "m", "names": names("钢带", "Strip"), "unit": "kg", "source": "backflush", "standard": "0.5"}),
        ),
        (
            "recipe",
            json!({"machine": "vat", "product": "x", "standard_ms": 3_600_000, "output": {"micro": 500_000_000, "unit": "kg"}}),
        ),
        (
            "level_assessed",
            json!({"edition": "2024", "level": 2, "date": "2026-02-10", "assessed": "by_itself", "body": "示范厂", "assessor": "u9", "document": "ab".repeat(32)}),
        ),
        (
            "evidence_document",
            json!({"document": "d1", "kind": "production_report", "from": "2026-01-01", "to": "2026-01-31", "definition": "energy.per_good@1", "amount": "900.5", "per": "41000", "sha256": "cd".repeat(32), "pages": "1-3"}),
        ),
        ("plan", plan),
        ("filed_plan", filed_plan(side)),
    ]
}

/// What the firm filed: the lathe is not in it, and a saw was never there.
fn filed_plan(side: i64) -> Json {
    json!({
        "filing": "f1", "names": names("冲压线改造", "Press line retrofit"), "rule": "city-1", "number": "备〔2026〕3号", "filed": "2026-01-05",
        "term": {"from": "2026-01-10", "to": date_of(2 * side - 2)}, "gateways": [GATEWAYS[0], GATEWAYS[1]],
        "machines": [{"machine": "press", "points": ["state", "energy", "temperature"]}, {"machine": "saw"}],
        "lines": [{"line": "mes", "category": "software", "what": "MES", "amount_fen": 30_000_000}],
        "targets": [{"target": "oee", "names": names("设备综合利用率", "OEE"), "definition": OEE,
            "promised": {"value": "5", "unit": "percentage_points", "direction": "increase"},
            "base": {"from": "2025-10-01", "to": "2025-12-31"}, "method": "按班次计"}],
    })
}

fn plan_change(change: &str, items: &Json) -> Json {
    json!({"filing": "f1", "change": change, "date": "2026-02-01", "items": items, "reason": "产线调整"})
}

fn plan_opinion(by: &str, change: &str, opinion: &str, day: u32) -> Json {
    let reason = if opinion == "agree" { "" } else { "缺少合同" };
    json!({"filing": "f1", "change": change, "by": by, "body": "某部门", "opinion": opinion, "date": format!("2026-02-{day:02}"), "reason": reason})
}

/// What people state later: on the evening of which day, kind, from when it holds, body.
pub fn statements(side: i64) -> Vec<(i64, &'static str, i64, Json)> {
    let at = |day: i64, hour: i64| MONDAY + day * DAY + hour * HOUR;
    let finding = |from_ms: i64| {
        let key = metrics::credibility::key("flat-power@1", "press", from_ms);
        json!({"finding": key, "detector": "flat-power@1", "machine": "press", "from_ms": from_ms})
    };
    let mut explained = finding(MONDAY);
    explained["text"] = json!("当日检修，空载试车。");
    let handled = json!({"machine": "lathe", "code": "7", "raised_ms": at(1, 9), "acknowledged_ms": at(1, 10), "handled_ms": at(1, 11)});
    let adjustment = json!({"plan": PLAN, "id": "e1", "from": date_of(side + 1), "to": date_of(side + 2), "kind": "meter_fault", "evidence": "检修单 12", "proposer": "u1", "approver": "u2", "reason": "电能表更换", "treatment": "exclude", "machines": ["press"]});
    let bill = json!({"carrier": "electricity", "account": "0533", "from": date_of(0), "to": date_of(6), "amount": "5321.5", "unit": "kWh", "issuer": "供电局", "source": "third_party_settlement", "digest": "ef".repeat(32)});
    let batch = json!({"machine": "vat", "batch": "L-1", "product": "x", "from_ms": at(2, 9), "to_ms": at(2, 15), "unit": "kg", "good_micro": 400_000_000});
    let quality = |reject: u64| json!({"machine": "press", "date": date_of(3), "shift": "day", "reject": reject});
    let meter = json!([{"machine": {"machine": "main"}}, {"line": {"line": "edge", "category": "hardware", "what": "网关", "amount_fen": 2_000_000}}]);
    let lathe = json!([{"machine": {"machine": "lathe", "points": ["state"]}}]);
    let now = MONDAY + 2 * DAY;
    vec![
        // The meter was approved by all three, the lathe by the district alone; the city spoke out of turn, and of what nobody applied for.
        (2, "plan_change", now, plan_change("c-1", &meter)),
        (2, "plan_opinion", now, plan_opinion("district", "c-1", "agree", 3)),
        (2, "plan_opinion", now, plan_opinion("centre", "c-1", "agree", 4)),
        (2, "plan_opinion", now, plan_opinion("city", "c-1", "agree", 5)),
        (2, "plan_change", now, plan_change("c-2", &lathe)),
        (2, "plan_opinion", now, plan_opinion("district", "c-2", "agree", 6)),
        (2, "plan_opinion", now, plan_opinion("city", "c-2", "agree", 7)),
        (2, "plan_opinion", now, plan_opinion("district", "c-9", "return", 7)),
        (
            1,
            "stop_reason",
            at(1, 9),
            json!({"machine": "lathe", "at_ms": at(1, 9), "reason": "卡料", "first_action_ms": at(1, 10)}),
        ),
        (1, "alarm_handled", at(1, 9), handled),
        (2, "batch", at(2, 9), batch),
        (
            2,
            "planned_stop",
            at(5, 9),
            json!({"machine": "press", "from_ms": at(5, 14), "to_ms": at(5, 15), "reason": "换模"}),
        ),
        (3, "quality_count", at(3, 8), quality(7)),
        // A correction: the later one holds.
        (4, "quality_count", at(3, 8), quality(9)),
        (5, "finding_shown", at(5, 9), json!({"findings": [finding(MONDAY)]})),
        (6, "finding_acknowledged", at(6, 9), finding(MONDAY)),
        (7, "explanation", at(7, 9), explained),
        (
            7,
            "meter_replaced",
            at(7, 1),
            json!({"machine": "main", "at_ms": at(7, 1), "old_final_raw": 900_000, "new_initial_raw": 900_000}),
        ),
        (7, "bill", at(7, 1), bill),
        (side + 3, "adjustment", at(side + 3, 1), adjustment),
        (side + 2, "cycle_time", at(side + 4, 0), json!({"machine": "lathe", "product": "new", "item_us": 4_000_000})),
    ]
}

/// The on-site check.
pub const CHECK: &str = "oc-1";

/// What is stated of an on-site check and of a target that is missed on the evening of a day: in which role, kind, body.
pub fn practice(day: i64) -> Vec<(&'static str, &'static str, Json)> {
    let photo = json!({"digest": "9a".repeat(32), "taken_ms": MONDAY + 6 * DAY + 12 * HOUR});
    let step = |more: Json| {
        let mut body = json!({"filing": "f1", "deviation": "d-1"});
        for (key, value) in more.as_object().unwrap() {
            body[key] = value.clone();
        }
        body
    };
    // Over a day that is not handed over: what it rests on is not in the bundle.
    let measured = |standing: &str, from: &str, to: &str| {
        json!({"size": 30, "definition": OEE, "machines": ["press"], "window": {"from": from, "to": to}, "base": {"from": "2026-02-20", "to": "2026-02-23"},
            "before": "0.510000", "now": "0.520000", "unit": "percentage_points", "change": "0.010000", "interval": ["-0.010000", "0.030000"], "standing": standing})
    };
    let measures = |what: &str| {
        step(
            json!({"measures": [{"what": what, "who": "生产部", "due": "2026-03-11"}, {"what": "培训", "who": "生产部", "due": "2026-04-30"}]}),
        )
    };
    match day {
        6 => vec![
            ("assessor", "onsite_check", json!({"check": CHECK, "body": "某评测机构", "wanted": 1})),
            ("assessor", "onsite_press", json!({"check": CHECK, "machine": "press", "action": "stop"})),
            (
                "assessor",
                "onsite_face",
                json!({"check": CHECK, "machine": "press", "value": "1012.3", "unit": "kWh", "photo": photo}),
            ),
            (
                "assessor",
                "onsite_plate",
                json!({"check": CHECK, "machine": "press", "serial": "P-77", "ct": {"primary": 100, "secondary": 5}, "seal": "intact", "seal_number": "K-9", "note": "已拍照"}),
            ),
        ],
        7 => vec![
            (
                "centre",
                "deviation_notice",
                step(
                    json!({"target": "oee", "asks": "请说明原因", "measured": measured("short", "2026-03-02", "2026-03-08")}),
                ),
            ),
            ("firm", "deviation_explanation", step(json!({"explanation": "换型频繁"}))),
            ("firm", "deviation_measures", measures("换刀标准化")),
            ("firm", "deviation_measures", measures("换刀与上料标准化")),
            // Nobody closes it for himself, and of the next one nobody gave notice.
            ("firm", "deviation_closed", step(json!({"reason": "自行销号"}))),
            ("firm", "deviation_explanation", step(json!({"deviation": "d-2", "explanation": "停电"}))),
        ],
        9 => vec![
            ("firm", "deviation_remeasured", step(json!({"measured": measured("open", "2026-03-11", "2026-03-11")}))),
            (
                "centre",
                "deviation_remeasured",
                step(json!({"measured": measured("reached", "2026-03-11", "2026-03-11")})),
            ),
            ("centre", "deviation_closed", step(json!({"reason": "已整改"}))),
        ],
        _ => Vec::new(),
    }
}

/// The production date of a day from [`MONDAY`] on.
pub fn date_of(day: i64) -> String {
    // 2026-03-02 is day 60 of the year, from 0.
    let lengths = [31, 28, 31, 30, 31, 30];
    let (mut of_year, mut month) = (60 + day, 0);
    while of_year >= lengths[month] {
        of_year -= lengths[month];
        month += 1;
    }
    format!("2026-{:02}-{:02}", month + 1, of_year + 1)
}
