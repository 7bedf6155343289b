//! A filing half way: one change approved, one waiting for the centre with an opinion out of order, a difference, a late term.

use super::{DAY_SHIFT_MS, head, names};
use crate::query::{
    ApplicationView, ClauseView, FiledTargetView, FilingMachine, FilingRule, FilingState, FilingView, FinishedView,
    InvestmentView, LooseView, MajorView, OpinionView, PaymentView, PromiseView, RuleEntry, TermView,
};

fn clause() -> ClauseView {
    ClauseView {
        article: "第十三条".into(),
        quote: "项目变更须经属地、促进中心<审核>".into(),
        en: "changes are reviewed by district and centre".into(),
    }
}

fn row(machine: &str, point: Option<&str>, promised: bool, since: Option<&str>, producing: bool) -> PromiseView {
    PromiseView {
        machine: Some(machine.into()),
        point: point.map(Into::into),
        gateway: None,
        promised,
        connected: since.map(Into::into),
        last: since.map(|_| "2026-11-20".into()),
        producing,
        difference: None,
        elsewhere: None,
    }
}

fn opinion(by: &str, opinion: &str, reason: &str, leaf: i64) -> OpinionView {
    OpinionView {
        by: by.into(),
        body: "某区工信局".into(),
        opinion: opinion.into(),
        date: "2026-10-12".into(),
        author: "p-7<q>".into(),
        role: by.into(),
        received_ms: DAY_SHIFT_MS,
        reason: reason.into(),
        leaf,
    }
}

fn application(change: &str, status: &str, stands: (&str, &str)) -> ApplicationView {
    ApplicationView {
        change: change.into(),
        leaf: 41_210,
        author: "p-3".into(),
        role: "firm".into(),
        received_ms: DAY_SHIFT_MS,
        date: "2026-10-08".into(),
        submitted: 1,
        items: vec![names("增加或调整设备 press-2", "add or change machine press-2")],
        reason: "产线 <调整>".into(),
        status: status.into(),
        stands: names(stands.0, stands.1),
        next: None,
        may_opine: vec![],
        opinions: vec![opinion("district", "agree", "", 41_300)],
        superseded: vec![],
        problems: vec![],
        major: vec![],
    }
}

fn state() -> FilingState {
    let mut waiting =
        application("c-2", "waiting", ("待促进中心意见", "waiting for the opinion of the promotion centre"));
    waiting.next = Some("centre".into());
    waiting.may_opine = vec!["centre".into()];
    waiting.superseded = vec![opinion("district", "return", "缺 <合同>", 41_205)];
    waiting.submitted = 2;
    let void = names("意见顺序不对", "out of order");
    waiting.problems = vec![LooseView { leaf: Some(41_355), words: void.clone() }];
    waiting.major = vec![MajorView { is_open: true, clause: clause() }, MajorView { is_open: false, clause: clause() }];
    let mut returned = application("c-3", "returned", ("退回补正", "returned"));
    returned.opinions = vec![opinion("district", "return", "缺报价", 41_400)];
    let mut extra = row("press-2", None, false, Some("2026-10-01"), true);
    let differs = names("不在现行方案内，已有数据；变更申请 c-2 尚未同意", "there is data, and it is not in the plan");
    extra.difference = Some(differs);
    let gateway =
        PromiseView { machine: None, gateway: Some("gw-1".into()), ..row("", None, true, Some("2026-05-24"), true) };
    FilingState {
        id: "km-017".into(),
        names: names("一号线数字化改造", "Digital retrofit of line 1"),
        number: Some("昆工信备〔2026〕17号".into()),
        filed: "2026-04-01".into(),
        leaf: 812,
        author: "p-3".into(),
        role: "firm".into(),
        received_ms: DAY_SHIFT_MS,
        rule: Some(rules().remove(0)),
        firm: Some("新公司".into()),
        others: vec!["更换服务商".into()],
        stated_again: vec![41_000],
        finished: Some(FinishedView {
            date: "2026-11-02".into(),
            leaf: 41_490,
            author: "p-3".into(),
            role: "firm".into(),
            received_ms: DAY_SHIFT_MS,
        }),
        term: Some(TermView {
            dates: ["2026-04-10".into(), "2026-10-31".into()],
            state: "near".into(),
            words: names("超过实施期限", "past the term"),
            clause: Some(clause()),
        }),
        counted_machines: [2, 2, 1],
        counted_points: [3, 2, 2],
        counted_gateways: [1, 1, 1],
        rows: vec![
            row("press-1", None, true, Some("2026-05-24"), true),
            row("press-1", Some("energy"), true, Some("2026-05-24"), true),
            extra,
            PromiseView { elsewhere: Some("km-016".into()), ..row("saw", None, false, Some("2026-05-24"), true) },
            row("furnace", None, true, None, false),
            gateway,
        ],
        applications: vec![application("c-1", "approved", ("已同意", "approved")), waiting, returned],
        loose: vec![LooseView { leaf: Some(41_500), words: void }],
        lines: vec![
            InvestmentView {
                line: "l-1".into(),
                category_id: "software".into(),
                category: names("软件", "Software"),
                what: "MES <一期>".into(),
                yuan: "120,000.00".into(),
                filed_yuan: Some("100,000.00".into()),
            },
            InvestmentView {
                line: "l-2".into(),
                category_id: "software".into(),
                category: names("网关", "Gateways"),
                what: "采集网关".into(),
                yuan: "8,000.00".into(),
                filed_yuan: Some(String::new()),
            },
        ],
        investment_yuan: ["128,000.00".into(), "100,000.00".into()],
        targets: vec![FiledTargetView {
            target: "t-1".into(),
            names: names("设备综合利用率", "OEE"),
            direction: "increase".into(),
            value: "5".into(),
            unit: "percentage_points".into(),
            base: ["2026-05-24".into(), "2026-08-22".into()],
            method: "按班次".into(),
        }],
        payments: vec![PaymentView {
            stage: "first".into(),
            names: names("首期", "First"),
            part: Some(names("不超过补助总额的 50 %", "at most 50 % of the whole")),
            words: names("备案预计 2026-12-20", "expected on 2026-12-20"),
            clause: Some(clause()),
        }],
    }
}

fn rules() -> Vec<FilingRule> {
    let rule = |id: &str, zh: &str, en: &str, draft: bool| FilingRule {
        id: id.into(),
        names: names(zh, en),
        number: (!draft).then(|| "昆工信规〔2024〕1号".into()),
        draft,
        categories: vec![RuleEntry { id: "software".into(), names: names("软件", "Software") }],
        stages: vec![RuleEntry { id: "first".into(), names: names("首期", "First") }],
    };
    vec![rule("km", "昆明办法", "Kunming's rule", false), rule("my", "绵阳办法", "Mianyang's rule", true)]
}

pub(in crate::web) fn filing() -> FilingView {
    let machine = |id: &str, zh: &str, en: &str| FilingMachine {
        id: id.into(),
        names: names(zh, en),
        points: vec!["state".into(), "energy".into()],
    };
    FilingView {
        site: head("jh-07", "锦华精密 <冲压>", "Jinhua Precision", false),
        filings: vec!["km-016".into(), "km-017".into()],
        filing: Some(state()),
        machines: vec![machine("press-1", "一号冲床", "Press 1"), machine("press-2", "二号冲床 <新>", "Press 2")],
        gateways: vec!["gw-1".into()],
        rules: rules(),
        may_file: true,
        may_apply: true,
        behind: Some([40_000, 41_500]),
        today: "2026-11-21".into(),
    }
}
