//! What a plan may not say, and the words for it.

use super::*;

#[test]
fn plans_that_can_be_read_two_ways_are_refused_in_words() {
    let target = |t: Json| json!({"metrics": [{"definition": OEE, "target": t}]});
    for (more, words) in [
        (target(json!({"value": "5", "direction": "increase"})), ["目标须注明单位：", "a target needs its unit,"]),
        (target(json!({"value": "-5", "unit": "percent", "direction": "increase"})), ["须为正数", "positive decimal"]),
        (target(json!({"value": "5.", "unit": "percent", "direction": "increase"})), ["须为正数", "positive decimal"]),
        (json!({"metrics": [{"definition": "oee.mine@1"}]}), ["指标未定义，可选：", "is not compared; known"]),
        (json!({"metrics": [{"definition": OEE}, {"definition": OEE}]}), ["指标重复", "named twice"]),
        (
            json!({"metrics": [{"definition": OEE, "machine": "lathe"}]}),
            ["不在方案的设备清单", "not a machine of the plan"],
        ),
        (
            json!({"metrics": [{"definition": "energy.per_good@1", "target": {"value": "5", "unit": "percentage_points", "direction": "decrease"}}]}),
            ["仅用于比率", "of ratios only"],
        ),
        (json!({"metrics": [{"definition": OEE, "min_days": 20}]}), ["须为 28 至 366", "28 to 366"]),
        (
            json!({"reporting": {"from": "2026-04-01", "to": "2026-05-10"}}),
            ["两期重叠：报告期须在基期末日之后开始", "the periods overlap: must be after the baseline's last date"],
        ),
        (json!({"incoming": "main press"}), ["总表只能有一台", "one machine"]),
        (
            json!({"baseline": {"from": "2026-04-05", "to": "2026-03-02"}}),
            ["期末不得早于期初", "on or after its first"],
        ),
    ] {
        let error = parse_body("plan", &plan(&more)).unwrap_err().to_string();
        assert!(words.iter().all(|w| error.contains(w)), "{more}: {error}");
    }
    // What was stated before plans had metrics keeps its bytes.
    let old = json!({"plan": "p", "names": {"zh": "", "en": ""}, "baseline": {"from": "2026-03-02", "to": "2026-03-03"}, "reporting": {"from": "2026-03-04", "to": "2026-03-05"}, "machines": ["press"], "seed": 0, "replicates": 2000, "block_days": 7});
    let read: Plan = serde_json::from_value(old.clone()).unwrap();
    assert_eq!(serde_json::to_value(read).unwrap(), old);
}
