//! Papers in every standing, a firm that owes some, one that owes none, and a list with everything that can be wrong.

use super::{head, names};
use crate::query::{
    BillView, FirmApplication, FirmCount, FirmFiling, FirmPayment, FirmRow, ListedView, LooseView, PaperView,
    PapersView, PortfolioShow, PortfolioView,
};

fn paper(id: &str, name: &str, standing: &str, stands: (&str, &str), overdue: bool) -> PaperView {
    PaperView {
        paper: id.into(),
        name: name.into(),
        by: "centre".into(),
        due: "2026-11-30".into(),
        note: if id == "p-1" { "附件 <2>".into() } else { String::new() },
        standing: standing.into(),
        stands: names(stands.0, stands.1),
        overdue,
        handed: usize::from(standing != "owed"),
        file: if standing == "handed" { "合同 <终>.pdf".into() } else { String::new() },
        leaf: 41_100,
        last: 41_200,
        may_judge: standing == "handed",
    }
}

fn papers_of() -> Vec<PaperView> {
    let owed = ("待企业提交，期限 2026-11-30（已过期限）", "owed by the firm, due 2026-11-30 (overdue)");
    let handed =
        ("企业于 2026-11-12 提交，待促进中心接收", "handed in on 2026-11-12, waiting for the promotion centre");
    let returned = ("退回补正（2026-11-14）：缺 <盖章页>", "returned (2026-11-14): 缺 <盖章页>");
    vec![
        paper("p-1", "服务合同 <复印件>", "owed", owed, true),
        paper("p-2", "发票", "handed", handed, false),
        paper("p-3", "验收申请表", "returned", returned, false),
        paper("p-4", "营业执照", "received", ("已接收（2026-11-10）", "received (2026-11-10)"), false),
    ]
}

fn listed() -> ListedView {
    ListedView {
        code: "91350100M000100Y43".into(),
        name: "锦华精密 <冲压> 有限公司".into(),
        list: "第四批汇总表".into(),
        number: "4-017".into(),
        district: "西山区".into(),
        sub_sector: "金属制品".into(),
        provider: String::new(),
        investment_yuan: Some("1,200,000.00".into()),
        filed: Some("2026-02-01".into()),
        leaf: 40_900,
    }
}

pub(in crate::web) fn papers() -> PapersView {
    PapersView {
        site: head("jh-07", "锦华精密 <冲压>", "Jinhua Precision", false),
        listed: Some(listed()),
        papers: papers_of(),
        loose: vec![LooseView {
            leaf: Some(41_150),
            words: names("没有要求提交材料 p-9", "nobody asked for the paper `p-9`"),
        }],
        may_hand: true,
        may_ask: vec!["centre".into(), "city".into()],
        today: "2026-12-01".into(),
        next_id: "p-5".into(),
    }
}

pub(in crate::web) fn portfolio() -> PortfolioView {
    let filing = FirmFiling {
        filing: "km-017".into(),
        names: names("一号线 <改造>", "Line 1"),
        filed: "2026-02-01".into(),
        term: ["2026-02-10".into(), "2026-09-30".into()],
        open: vec![
            FirmApplication {
                change: "c-1".into(),
                stands: names("退回补正（2026-10-02）：缺 <报价>", "returned (2026-10-02): 缺 <报价>"),
                returned: true,
            },
            FirmApplication {
                change: "c-2".into(),
                stands: names("待促进中心意见", "waiting for the centre"),
                returned: false,
            },
        ],
        payments: vec![FirmPayment {
            stage: "last".into(),
            names: names("验收后 <剩余>", "rest"),
            date: "2026-12-31".into(),
        }],
    };
    let open: Vec<PaperView> = papers_of().into_iter().filter(|p| p.standing != "received").collect();
    let bill = BillView {
        leaf: 40_950,
        account: "0512 <7>".into(),
        dates: ["2026-10-01".into(), "2026-10-31".into()],
        printed: "121400 kWh".into(),
        machine: Some("main".into()),
        billed: Some("121400".into()),
        measured: Some("122614".into()),
        relative: Some("0.010000".into()),
        verdict: "within".into(),
        says: names("在允许差值内", "within the allowed difference"),
    };
    let firm = |id: &str, zh: &str, simulated: bool| FirmRow {
        site: head(id, zh, "", simulated),
        listed: None,
        filings: vec![],
        papers: vec![],
        reconciled: None,
        behind: simulated,
    };
    PortfolioView {
        rows: vec![
            FirmRow {
                listed: Some(listed()),
                filings: vec![filing],
                papers: open,
                reconciled: Some(bill),
                ..firm("jh-07", "锦华精密 <冲压>", false)
            },
            firm("xh-02", "兴华铸造", true),
        ],
        counts: PortfolioShow::ALL.map(|show| FirmCount { show: show.name().into(), firms: 2 }).into(),
        matching: 120,
        offset: 50,
        limit: 50,
        may_import: true,
        today: "2026-12-01".into(),
    }
}
