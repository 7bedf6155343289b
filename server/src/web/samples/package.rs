//! A package with an item of each standing, made of the report of the sample site.

use practice::package::Filled;

use super::{head, names as words};
use crate::query::{
    ClauseView, PackageFile, PackageFolder, PackageItem, PackageLack, PackagePlace, PackageProof, PackageRefused,
    PackageView, RuleEntry,
};

/// A package with an item of each standing.
pub(in crate::web) fn package() -> PackageView {
    let page = |id: &str, zh: &str, page: usize| PackageProof {
        id: id.into(),
        names: words(zh, id),
        file: "06 小灯塔 数字化改造/06 逐项说明.pdf".into(),
        page,
        code: "2J03-NECE-YF8G".into(),
    };
    let item = |id: &str, zh: &str, filled: Filled| PackageItem {
        id: id.into(),
        names: words(zh, id),
        required: id == "form",
        filled: serde_json::to_value(filled).ok().and_then(|v| Some(v.as_str()?.to_owned())).unwrap_or_default(),
        filled_words: filled.words().into(),
        clause: Some(ClauseView {
            article: "第十三条".into(),
            quote: "<新材料>须经审核".into(),
            en: "papers are reviewed".into(),
        }),
        proof: Some(page(id, zh, 6)),
        places: vec![PackagePlace {
            file: "03 验收申请材料/数字化改造成效数据佐证报告.pdf".into(),
            page: Some("11".into()),
        }],
        firm: Some(words("盖章件", "sealed")),
        lacks: if filled == Filled::Ours {
            vec![]
        } else {
            vec![PackageLack {
                names: words("企业填报：盖章件", "from the firm: sealed"),
                from: words("企业", "the firm"),
            }]
        },
    };
    PackageView {
        site: head("jh-07", "金华三联汽配", "Jinhua Sanlian Auto Parts", false),
        reports: super::site().reports,
        report: Some(12_400),
        overlays: vec![RuleEntry { id: "kunming".into(), names: words("昆明市电子佐证包", "Kunming") }],
        overlay: "kunming".into(),
        refused: vec![PackageRefused {
            file: "<New>.toml".into(),
            why: words("第 3 行：没有文件夹", "line 3: no folder"),
        }],
        filings: vec!["f-1".into(), "f-2".into()],
        filing: Some("f-1".into()),
        folders: vec![PackageFolder {
            path: words("06 小灯塔 数字化改造", "06 lighthouse 1 digitisation"),
            clause: None,
            items: vec![
                item("form", "申报表（附件1）", Filled::Missing),
                item("e-2", "设备联网上云", Filled::Ours),
                item("e-4", "设备数据采集与设备管理", Filled::Partly),
            ],
        }],
        questions: vec![page("miit.2024@1 Q2", "第 2 题 企业的生产设备数字化率", 3)],
        files: vec![PackageFile { path: "00 目录.pdf".into(), sha256: "ab".repeat(32), bytes: 48_217 }],
        may_download: true,
    }
}
