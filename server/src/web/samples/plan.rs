//! A measurement plan half way: one metric locked, one short of days with every finding, one of a single machine.

use super::{DAY_SHIFT_MS, H, head, names};
use crate::query::{
    AdviceView, CandidateView, ComparisonDraft, LockView, LongestGap, MetricDraft, MetricState, MissingDay, PlanDraft,
    PlanMachine, PlanView,
};

fn metric(definition: &str, machine: &str, value: &str, unit: &str, direction: &str) -> MetricDraft {
    MetricDraft {
        definition: definition.into(),
        machine: machine.into(),
        value: value.into(),
        unit: unit.into(),
        direction: direction.into(),
        min_days: "30".into(),
        coverage_percent: String::new(),
        option: String::new(),
    }
}

fn state(definition: &str, machine: &str) -> MetricState {
    MetricState {
        definition: definition.into(),
        machine: machine.into(),
        is_over: true,
        is_sufficient: true,
        days: [48, 28],
        needs_days: 0,
        shifts: [96, 96],
        weekdays: [vec![8, 8, 8, 8, 8, 8, 0], vec![8, 8, 8, 8, 8, 8, 0]],
        missing: vec![],
        gap: None,
        late: [0, 812_000],
        advice: vec![],
        lock: None,
    }
}

/// A plan without a base period: two machines outside the boundary, one of them of another class, and one that is no candidate.
pub(in crate::web) fn beside() -> PlanView {
    let mut data = plan();
    let chosen = |machine: &str, retrofit: &str| ComparisonDraft { machine: machine.into(), retrofit: retrofit.into() };
    data.draft.baseline = Default::default();
    data.draft.comparison = vec![chosen("press-2", "2027-03-01"), chosen("press-1", "")];
    for (id, zh, en) in [("press-2", "二号冲床 <旧>", "Press 2"), ("furnace", "退火炉", "Furnace")] {
        data.machines.push(PlanMachine {
            id: id.into(),
            names: names(zh, en),
            role: "production".into(),
            critical: false,
            signals: vec!["state".into(), "good".into()],
        });
    }
    let candidate = |machine: &str, unfit: Vec<metrics::report::Words>, is_class_stated| CandidateView {
        machine: machine.into(),
        unfit,
        is_class_stated,
    };
    let other = names(
        "furnace 的台账类别为“高能耗”：请选同类设备",
        "furnace is high energy in the ledger: choose one of their class",
    );
    data.candidates = vec![candidate("furnace", vec![other], true), candidate("press-2", vec![], false)];
    data.metrics = vec![];
    data
}

pub(in crate::web) fn plan() -> PlanView {
    let machine = |id: &str, zh: &str, en: &str, role: &str| PlanMachine {
        id: id.into(),
        names: names(zh, en),
        role: role.into(),
        critical: role == "production",
        signals: vec!["state".into(), "good".into(), "energy".into()],
    };
    let lock = LockView {
        leaf: 41_204,
        at_ms: DAY_SHIFT_MS,
        value: "0.574009".into(),
        sufficient: Some(false),
        parameters_digest: "9f".repeat(32),
    };
    let missing =
        (1..=16).map(|d| MissingDay { date: format!("2026-09-{d:02}"), cause: "device_silent".into() }).collect();
    PlanView {
        site: head("jh-07", "锦华精密 <冲压>", "Jinhua Precision", false),
        plans: vec!["retrofit".into(), "first-try".into()],
        draft: PlanDraft {
            plan: "retrofit".into(),
            names: names("数字化改造", "Retrofit"),
            boundary: names("冲压车间 <一号>", "Press shop"),
            option: "B".into(),
            baseline: ["2026-09-07".into(), "2026-11-01".into()],
            reporting: ["2026-11-02".into(), "2026-12-27".into()],
            machines: vec!["press-1".into()],
            incoming: "main".into(),
            comparison: vec![],
            metrics: vec![
                metric("oee.iso22400@1", "*", "5", "percentage_points", "increase"),
                metric("energy.per_good@1", "*", "3.5", "percent", "decrease"),
                metric("oee.iso22400@1", "press-1", "", "", ""),
            ],
            interval: ["7".into(), "2000".into(), "7".into()],
        },
        leaf: Some(12),
        problem: None,
        machines: vec![
            machine("press-1", "一号冲床", "Press 1", "production"),
            machine("comp", "空压机", "Compressor", "auxiliary"),
            machine("main", "总表", "Incoming meter", "meter"),
        ],
        metrics: vec![
            MetricState { lock: Some(lock), ..state("oee.iso22400@1", "*") },
            MetricState {
                is_sufficient: false,
                days: [41, 60],
                needs_days: 19,
                missing,
                gap: Some(LongestGap {
                    from_ms: DAY_SHIFT_MS,
                    to_ms: DAY_SHIFT_MS + 30 * H,
                    cause: "unclean_boot".into(),
                }),
                late: [52_000, 812_000],
                advice: vec![
                    AdviceView {
                        code: "FEW_VALID_DAYS".into(),
                        blocks: true,
                        words: names("还需至少 19 个有效生产日", "needs at least 19 more valid production days"),
                    },
                    AdviceView {
                        code: "SEASON".into(),
                        blocks: false,
                        words: names("两期不在相同月份", "the periods have no month in common"),
                    },
                ],
                ..state("energy.per_good@1", "*")
            },
            MetricState { is_over: false, is_sufficient: false, ..state("oee.iso22400@1", "press-1") },
        ],
        candidates: vec![],
        comparison_lock: None,
        may_declare: true,
        first_ms: Some(DAY_SHIFT_MS - 60 * 24 * H),
        prefix: 41_300,
    }
}
