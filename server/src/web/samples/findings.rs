//! Matters to verify of a week: for the factory with every state of a matter, for others with what is withheld, and a week without any.

use metrics::credibility::{detector, honest, key};

use super::{DAY, H, MIN, NOW_MS, head, names};
use crate::query::{self, StepView, Stretch, Withheld};

const SITE: &str = "jh-07";
/// 2026-11-09 00:00 in Shanghai, a Monday.
const MONDAY_MS: i64 = 1_794_153_600_000;

fn step(leaf: i64, at_ms: i64, author: &str) -> StepView {
    StepView { leaf, at_ms, author: author.into(), role: "firm".into() }
}

fn finding(id: &str, machine: &str, from_ms: i64, says: [&str; 2]) -> query::FindingView {
    let d = detector(id).expect("a detector");
    let two = |words: [&str; 2]| names(words[0], words[1]);
    let rate = honest::rate(id).expect("measured");
    let (lower, upper) = rate.interval().expect("examined");
    let signal =
        |role: &str| query::SignalView { role: role.into(), gateway: "gw-1".into(), tag: format!("{machine}/{role}") };
    let sample = |role: &str, at_ms: i64, raw: &str, leaf: i64| query::SampleView {
        role: role.into(),
        at_ms,
        raw: raw.into(),
        leaf,
    };
    let quantity = |zh: &str, en: &str, value: &str, unit: &str| query::QuantityView {
        names: names(zh, en),
        value: value.into(),
        unit: unit.into(),
    };
    query::FindingView {
        key: key(id, machine, from_ms),
        detector: query::DetectorView {
            id: id.into(),
            names: two(d.names),
            compares: two(d.compares),
            rule: d.rule.into(),
            parameters: d
                .parameters
                .iter()
                .map(|p| query::DetectorParameter { name: p.name.into(), value: p.value, unit: p.unit.into() })
                .collect(),
            honest: Some(query::HonestRate {
                found: rate.found,
                examined: rate.examined,
                lower: format!("{lower:.6}"),
                upper: format!("{upper:.6}"),
            }),
        },
        machine: machine.into(),
        from_ms,
        says: two(says),
        on_site: two(d.on_site),
        need: serde_json::to_value(d.need).expect("a word").as_str().unwrap_or_default().into(),
        stretches: vec![Stretch { from_ms, until_ms: from_ms + 3 * H + 25 * MIN }],
        stretches_left_out: 0,
        signals: vec![signal("energy"), signal("state")],
        quantities: vec![
            quantity("相同读数", "equal readings", "205", "1"),
            quantity("应有变化次数", "changes expected", "198", "1"),
            quantity("时长", "length", "12300000", "ms"),
        ],
        samples: vec![
            sample("energy", from_ms, "8412750", 30_118),
            sample("energy", from_ms + MIN, "8412750", 30_124),
            sample("state", from_ms, "4", 30_118),
        ],
        shown: Some(step(48_220, NOW_MS - 3 * DAY, "u-7f2c")),
        acknowledged: None,
        explanations: Vec::new(),
        release_ms: Some(NOW_MS + 11 * DAY),
        release_reason: names("向企业展示已满 14 天", "14 days have passed since the factory was shown it"),
        released: false,
    }
}

/// The same week for the factory, or for others.
pub(in crate::web) fn findings(is_factory: bool) -> query::FindingsView {
    let frozen = finding(
        "credibility.frozen_value@1",
        "press",
        MONDAY_MS + DAY + 9 * H,
        [
            "电能示数 8412.75 kWh 在设备运行 3 h 25 min 内保持不变，按其平时变化，其间应变化约 198 次。",
            "The energy register stood at 8412.75 kWh through 3 h 25 min of running; by its usual pace it should have changed about 198 times.",
        ],
    );
    let mut moments = finding(
        "credibility.sub_meters_exceed@1",
        "main",
        MONDAY_MS + 2 * DAY,
        ["分表电量之和大于总表电量。", "The sub-meters together show more energy than the main meter."],
    );
    let second = Stretch { from_ms: MONDAY_MS + 3 * DAY, until_ms: MONDAY_MS + 4 * DAY };
    moments.stretches.extend(vec![second; 4]);
    moments.stretches_left_out = 2;
    let mut rounded = finding(
        "credibility.round_numbers@1",
        "lathe",
        MONDAY_MS + 4 * DAY + 8 * H,
        [
            "合格数每小时增量的末位多为 0 或 5，偶然出现的概率不到万分之一。",
            "Hourly steps of the good count mostly end in 0 or 5; the chance of this by accident is below one in ten thousand.",
        ],
    );
    rounded.acknowledged = Some(step(48_301, NOW_MS - 2 * DAY, "u-7f2c"));
    rounded.explanations = vec![query::ExplanationView {
        step: step(48_377, NOW_MS - DAY, "u-19ab"),
        text: "该机床以 5 件为一模，控制器每模计数一次。\n工艺卡编号 GY-2026-118，可在现场查看。".into(),
        document: Some("3f0a9c1b7d5e4c2e8a6f1b0d9c7e5a3f2b4d6c8e0a1f3b5d7c9e1a2b4c6d8e0f".into()),
    }];
    rounded.release_ms = rounded.acknowledged.as_ref().map(|s| s.at_ms);
    rounded.release_reason = names("企业已知悉", "the factory has acknowledged it");
    rounded.released = true;
    let clear = |id: &str, machines: &[&str]| query::ClearView {
        detector: id.into(),
        names: detector(id).map(|d| names(d.names[0], d.names[1])).expect("a detector"),
        machines: machines.iter().map(|m| (*m).to_owned()).collect(),
    };
    let mut view = no_findings();
    view.checks = 31;
    view.may_answer = is_factory;
    if is_factory {
        view.findings = vec![moments, frozen, rounded];
        view.clear = vec![
            clear("credibility.run_without_power@1", &["lathe", "press"]),
            clear("credibility.meter_steps@1", &["main"]),
        ];
        view.left_out = 3;
        view.unexamined_ms = 2 * H;
    } else {
        rounded.samples = Vec::new();
        view.findings = vec![rounded];
        view.clear = Vec::new();
        view.withheld = Withheld { with_factory: 2, until_ms: Some(NOW_MS + 11 * DAY), not_shown: 1 };
    }
    view
}

/// A week without a matter.
pub(in crate::web) fn no_findings() -> query::FindingsView {
    let measured = honest::measured().expect("delivered");
    let unchecked = |id: &str, machine: &str, zh: &str, en: &str| query::UncheckedView {
        detector: id.into(),
        names: detector(id).map(|d| names(d.names[0], d.names[1])).expect("a detector"),
        machine: machine.into(),
        from_ms: MONDAY_MS,
        until_ms: MONDAY_MS + 7 * DAY,
        reason: names(zh, en),
    };
    let named = |id: &str, zh: &str, en: &str| query::NamedMachine { id: id.into(), names: names(zh, en) };
    query::FindingsView {
        site: head(SITE, "金华市宏达汽配有限公司", "Hongda Auto Parts", false),
        week: "2026-11-09".into(),
        last: "2026-11-15".into(),
        next: None,
        previous: "2026-11-02".into(),
        from_ms: MONDAY_MS,
        until_ms: MONDAY_MS + 7 * DAY,
        prefix: 48_402,
        may_answer: true,
        days: 14,
        machines: vec![
            named("lathe", "数控车床", "Lathe"),
            named("main", "进线总表", "Incoming meter"),
            named("press", "冲床", "Press"),
        ],
        findings: Vec::new(),
        left_out: 0,
        withheld: Withheld::default(),
        checks: 24,
        clear: Vec::new(),
        unchecked: vec![
            unchecked(
                "credibility.run_without_power@1",
                "main",
                "该设备没有可用的状态信号",
                "the machine has no usable signal of state",
            ),
            unchecked(
                "credibility.run_without_power@1",
                "lathe",
                "该设备没有可用的状态信号",
                "the machine has no usable signal of state",
            ),
            unchecked(
                "credibility.round_numbers@1",
                "press",
                "计数增量不足：现有 18，至少需要 60",
                "not enough amounts: 18 here, 60 needed",
            ),
        ],
        unexamined_ms: 0,
        honest: query::HonestPlants {
            id: measured.id,
            simulation: names(&measured.simulation.zh, &measured.simulation.en),
            plants: measured.plants,
            weeks: measured.weeks,
        },
    }
}
