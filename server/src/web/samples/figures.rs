//! Figures of a machine over a week: bounds, nothing failed, a part per percentile and factor, gaps left out.

use super::{NOW_MS, head, names};
use crate::query::{self, GapView, Parameter, Term};

pub(in crate::web) fn figures() -> query::FiguresView {
    let line = |id: &str, part: &str, value: Option<&str>, bounds: Option<(&str, &str)>| {
        let entry = metrics::catalogue::explain(id).expect("a definition");
        query::FigureLine {
            definition: id.into(),
            names: names(entry.names[0], entry.names[1]),
            part: part.into(),
            unit: entry.unit.into(),
            formula: entry.formula.into(),
            terms: vec![
                Term { symbol: "APT".into(), value: "151200000".into(), unit: "ms".into() },
                Term { symbol: "E_idle".into(), value: "31.25".into(), unit: "kWh".into() },
                Term { symbol: "FE".into(), value: "4".into(), unit: String::new() },
            ],
            parameters: vec![query::FigureParameter { name: "minor_stop_below_s".into(), value: "120".into() }],
            numerator: value.map(|_| "1".into()),
            denominator: value.map(|_| "2".into()),
            value: value.map(Into::into),
            lower: bounds.map(|b| b.0.into()).or(value.map(Into::into)),
            upper: bounds.map(|b| b.1.into()).or(value.map(Into::into)),
            coverage: [149_000_000, 151_200_000],
            grade: value.map(|_| "B".into()),
            undefined: if value.is_none() { Some("NO_FAILURE".into()) } else { None },
        }
    };
    let step = |id: &str, zh: &str, en: &str, kind: &str, seconds: &str| query::LossStep {
        id: id.into(),
        names: names(zh, en),
        kind: kind.into(),
        seconds: seconds.into(),
    };
    // An index has no unit.
    let plain = |line: query::FigureLine| query::FigureLine { unit: String::new(), ..line };
    query::FiguresView {
        site: head("jh-07", "金华市宏达汽配有限公司", "Hongda Auto Parts", false),
        machine: "press".into(),
        machine_names: names("冲床", "Press"),
        from: "2026-11-16".into(),
        to: "2026-11-22".into(),
        from_ms: NOW_MS - 7 * 86_400_000,
        until_ms: NOW_MS,
        prefix: 48_211,
        figures: vec![
            line("oee.iso22400@1", "", Some("0.721860"), Some(("0.718000", "0.731200"))),
            line("jiadong.time@2", "", Some("0.867470"), None),
            line("losses.six@1", "minor_stop", Some("5400.000000"), None),
            line("mtbf.iso22400@1", "", None, None),
            line("cycle.distribution@1", "p10", Some("4.200000"), None),
            line("stops.time@1", "", Some("33840.000000"), None),
            line("stops.time@1", "minor_stop", Some("5400.000000"), None),
            line("stops.count@1", "", Some("21.000000"), None),
            line("stops.unreasoned@1", "", Some("0.186200"), None),
            line("alarm.episodes@1", "safety", Some("2.000000"), None),
            line("alarm.handled_after@1", "", Some("754.000000"), None),
            line("repair.response@1", "mean", Some("4.500000"), None),
            line("batch.yield@1", "", Some("0.933071"), None),
            line("batch.energy@1", "", Some("650.000000"), Some(("648.100000", "652.300000"))),
            line("batch.gap@1", "cleaning", Some("3300.000000"), Some(("3300.000000", "3540.000000"))),
            plain(line("spc.cpk@1", "bore", Some("1.274518"), None)),
            plain(line("spc.pp@1", "bore", Some("1.361200"), None)),
            line("spc.western-electric@1", "bore", Some("2.000000"), None),
            line("material.per_good@1", "pellets", Some("0.100000"), None),
            line("material.standard@1", "pellets", Some("-0.041200"), None),
            line("energy.idle_share@1", "", Some("0.081300"), None),
            line("co2.electricity@1", "grid.云南.average.2022", Some("812.410000"), None),
            line("equipment.connected@1", "", Some("0.880000"), None),
            line("collection.timeliness@1", "p95", Some("11.250000"), None),
        ],
        waterfall: vec![
            step("unscheduled", "班次外时间", "outside shifts", "unplanned", "302400.000"),
            step("breakdown", "故障停机", "breakdown", "availability", "7200.000"),
            step("setup", "换线与调整", "setup and adjustment", "availability", "10800.000"),
            step("speed", "速度损失", "reduced speed", "performance", "-300.000"),
            step("unobserved", "未观测", "unobserved", "unobserved", "1800.500"),
            step("effective", "有效产出时间", "planned time of good items", "effective", "120000.000"),
        ],
        changeovers: vec![query::ChangeoverView {
            from: "A-17".into(),
            to: "B-02".into(),
            from_ms: NOW_MS - 9_000_000,
            until_ms: NOW_MS - 6_690_000,
            changeover_ms: 2_310_000,
            stopped_ms: Some(1_945_000),
        }],
        lists: super::floor::lists(),
        flags: vec!["NO_ORDER_INFO".into(), "SHIFTS_EXCLUDED".into()],
        excluded: vec!["press 2026-11-18 night".into()],
        statements: vec![Parameter { name: "cycle_time".into(), value: "*: 4.2 s".into(), leaf: Some(12), late: true }],
        sources: vec![query::LeafRun { gateway: "gw-1".into(), first_leaf: 40_120, last_leaf: 48_200 }],
        gaps: vec![GapView {
            from_ms: NOW_MS - 90_000_000,
            until_ms: NOW_MS - 88_200_000,
            cause: "device_silent".into(),
        }],
        gaps_left_out: 3,
    }
}
