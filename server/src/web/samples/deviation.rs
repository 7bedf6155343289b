//! Targets, deviations and days as the page may meet them.

use metrics::deviation::{Measure, Measured, Standing, Unmeasured};
use metrics::filed::Acceptance;
use metrics::model::{DateRange, TargetUnit};
use practice::deviation::Next;
use practice::deviation::continuity::DayKind;

use super::{NOW_MS, names, site};
use crate::query::{
    AcceptanceView, DayCount, DaysView, DeviationStep, DeviationView, DeviationsView, FiledTargetView, LooseView,
    RuleEntry, RunView, TargetNow,
};

fn range(from: &str, to: &str) -> DateRange {
    DateRange { from: from.into(), to: to.into() }
}

fn measured(standing: Standing, interval: Option<[&str; 2]>, reasons: &[&str]) -> Measured {
    Measured {
        size: 4_211,
        definition: "oee.iso22400@1".into(),
        machines: vec!["press-1".into()],
        window: range("2026-10-10", "2026-11-20"),
        base: range("2026-01-01", "2026-03-31"),
        before: Some("0.612000".into()),
        now: Some("0.631000".into()),
        unit: TargetUnit::PercentagePoints,
        change: Some("0.019000".into()),
        interval: interval.map(|ends| ends.map(str::to_owned)),
        standing,
        reasons: reasons.iter().map(|code| (*code).to_owned()).collect(),
    }
}

fn target(id: &str, measured: Result<Measured, Unmeasured>, open: Option<&str>) -> TargetNow {
    TargetNow {
        filed: FiledTargetView {
            target: id.into(),
            names: names("设备综合利用率", "OEE <New>"),
            direction: "increase".into(),
            value: "5".into(),
            unit: "percentage_points".into(),
            base: ["2026-01-01".into(), "2026-03-31".into()],
            method: "ISO 22400".into(),
        },
        unmeasured: measured.as_ref().err().copied(),
        measured: measured.ok(),
        open: open.map(str::to_owned),
    }
}

fn step(kind: &'static str, leaf: i64, role: &str, text: &str) -> DeviationStep {
    let (measures, measured) = (Vec::new(), None);
    DeviationStep {
        kind,
        leaf,
        received_ms: NOW_MS - 86_400_000,
        role: role.into(),
        text: text.into(),
        measures,
        measured,
    }
}

/// A page of an authority: one target missed, one open, one that names nothing to compute.
pub(crate) fn deviations() -> DeviationsView {
    let short = || measured(Standing::Short, Some(["-0.004000", "0.041000"]), &[]);
    let measure = |what: &str, due: &str| Measure { what: what.into(), who: "生产部 <李>".into(), due: due.into() };
    let measures = vec![measure("换刀作业标准化", "2026-11-10"), measure("<New> shift plan", "2026-12-01")];
    let (stands, closed) =
        (names("已复测，待主管部门销号", "measured again; the authority closes it next"), names("已销号", "closed"));
    let steps = vec![
        DeviationStep { measured: Some(short()), ..step("notice", 801, "centre", "请说明 <原因>") },
        step("explanation", 812, "firm", "换型频繁"),
        DeviationStep { measures: measures.clone(), ..step("measures", 813, "firm", "") },
        DeviationStep { measured: Some(short()), ..step("remeasured", 1_020, "firm", "") },
    ];
    let done = vec![step("closed", 700, "district", "已达标")];
    let problem = LooseView { leaf: Some(1_021), words: names("整改措施之后尚未复测", "not measured again") };
    let day = |from: &str, to: &str, days, kind, cause: &str| DaysView {
        dates: [from.into(), to.into()],
        days,
        kind,
        cause: cause.into(),
    };
    DeviationsView {
        site: site().site,
        filings: vec!["km-017".into(), "km-018".into()],
        filing: Some(RuleEntry { id: "km-017".into(), names: names("一号线改造", "Line 1 retrofit") }),
        rule: Some("kunming-fund-2024-1".into()),
        targets: vec![
            target("t-1", Ok(short()), Some("d-2")),
            target("t-2", Ok(short()), None),
            target("t-3", Ok(measured(Standing::Open, None, &["FEW_VALID_SHIFTS"])), None),
            target("t-4", Err(Unmeasured::Definition), None),
            target("t-5", Err(Unmeasured::Machines), None),
            target("t-6", Ok(measured(Standing::Reached, Some(["0.051000", "0.072000"]), &[])), None),
        ],
        deviations: vec![
            DeviationView {
                id: "d-1".into(),
                target: "t-2".into(),
                names: names("合格率", "Quality"),
                stands: closed,
                next: Next::Nothing,
                steps: done,
                overdue: Vec::new(),
                problems: Vec::new(),
            },
            DeviationView {
                id: "d-2".into(),
                target: "t-1".into(),
                names: names("设备综合利用率", "OEE <New>"),
                stands,
                next: Next::Closing,
                steps,
                overdue: measures.into_iter().take(1).collect(),
                problems: vec![problem],
            },
        ],
        loose: Vec::new(),
        run: Some(RunView {
            says: names("连续运行 41 天（自 2026-10-08 起）", "41 days with evidence in a row (since 2026-10-08)"),
            is_settled: true,
            days: 41,
            dates: Some(["2026-09-01".into(), "2026-11-20".into()]),
            begins: "acceptance".into(),
            ends: Some("2026-11-20".into()),
            counts: DayKind::ALL
                .into_iter()
                .zip([58, 8, 9, 1, 3, 2])
                .map(|(kind, days)| DayCount { kind, days })
                .collect(),
            stretches: vec![
                day("2026-11-19", "2026-11-20", 2, DayKind::NotReceived, ""),
                day("2026-10-09", "2026-11-18", 41, DayKind::Producing, ""),
                day("2026-10-08", "2026-10-08", 1, DayKind::PowerCut, ""),
                day("2026-10-05", "2026-10-07", 3, DayKind::Lost, "device_silent"),
                day("2026-10-01", "2026-10-04", 4, DayKind::Rest, ""),
            ],
        }),
        accepted: vec![AcceptanceView {
            acceptance: Acceptance::City,
            held: "2026-09-01".into(),
            body: "市工信局 <处>".into(),
            leaf: 1_030,
            received_ms: NOW_MS - 86_400_000,
            role: "city".into(),
        }],
        is_firm: false,
        is_authority: true,
        today: "2026-11-21".into(),
    }
}
