//! The package of a city: which items our evidence fills, which the firm does, and what lacks.

use std::collections::{BTreeMap, BTreeSet};

use practice::package::{DELIVERED, EVIDENCE, Filled, ItemResult, Overlay, Package, Place, fill};
use practice::rule;
use proptest::prelude::*;

fn kunming() -> Overlay {
    Overlay::parse(DELIVERED[0].1).unwrap()
}

fn place(file: &str) -> Vec<Place> {
    vec![Place { file: file.into(), page: Some("3".into()) }]
}

fn filled(evidence: &[&str], supplied: &[&str]) -> Package {
    let evidence: BTreeMap<String, Vec<Place>> = evidence.iter().map(|e| ((*e).to_owned(), place(e))).collect();
    fill(&kunming(), &evidence, &supplied.iter().map(|s| (*s).to_owned()).collect())
}

fn item<'p>(package: &'p Package, id: &str) -> &'p ItemResult {
    package.folders.iter().flat_map(|f| &f.items).find(|i| i.item == id).unwrap()
}

#[test]
fn the_delivered_overlay_names_its_rule_and_quotes_its_texts() {
    let overlay = kunming();
    let rules = rule::DELIVERED.map(|(_, text)| rule::Rule::parse(text).unwrap().id().to_owned());
    assert!(rules.contains(overlay.rule.as_ref().unwrap()));
    assert_eq!(
        overlay.clauses().count(),
        overlay.folder.len() + overlay.item.len(),
        "every folder and item has its place"
    );
    let ours = overlay.clauses().fold(DELIVERED[0].1.to_owned(), |text, clause| text.replace(&clause.quote, ""));
    assert!(!ours.contains("验收通过"));
    // The criteria's contents, one page each: design 3, equipment 4, management 7; networks 2 and 4; products 4, management 3.
    let pages = |prefix: &str| {
        filled(&[], &[]).folders.iter().flat_map(|f| &f.items).filter(|i| i.item.starts_with(prefix)).count()
    };
    assert_eq!(["d-", "e-", "m-", "n-", "s-", "b-", "x-"].map(pages), [3, 4, 7, 6, 7, 1, 1]);
}

#[test]
fn an_empty_package_lacks_everything_required_first() {
    let package = filled(&[], &[]);
    assert_eq!(package.folders[0].path.zh, "01 申报材料");
    assert!(package.folders.iter().flat_map(|f| &f.items).all(|i| i.filled == Filled::Missing && !i.lacks.is_empty()));
    let missing = package.missing();
    let required = missing.iter().take_while(|i| i.required).count();
    // What a text asks for in words, and nothing else: 征集流程1, 第十七条, 第二十二条.
    assert_eq!(
        missing[..required].iter().map(|i| i.item.as_str()).collect::<Vec<_>>(),
        ["form", "licence", "assessed", "application", "table"]
    );
    assert!(missing[required..].iter().all(|i| !i.required));
    assert_eq!(missing.len(), kunming().item.len());
}

#[test]
fn evidence_fills_what_rests_on_it_and_names_where_it_is() {
    let package = filled(&["report", "bundle", "filed_plan", "collection"], &[]);
    let report = item(&package, "report");
    assert_eq!((report.filled, report.places.len(), report.lacks.len()), (Filled::Ours, 2, 0));
    assert_eq!(report.places[0].file, "report");
    assert_eq!(item(&package, "filed").filled, Filled::Ours);
    assert_eq!(item(&package, "e-2").filled, Filled::Ours);
    // One of four kinds is there; the firm's part is not.
    let collected = item(&package, "e-4");
    assert_eq!((collected.filled, collected.lacks.len()), (Filled::Partly, 4));
    assert!(collected.lacks[3].names.zh.starts_with("企业填报：点检"));
    assert_eq!(item(&package, "licence").filled, Filled::Missing);
    assert!(package.missing().iter().all(|i| i.item != "report"));
}

#[test]
fn a_level_before_is_no_level_after() {
    let package = filled(&["level_before"], &["assessed"]);
    assert_eq!(item(&package, "assessed").filled, Filled::Both);
    let after = item(&package, "reassessed");
    assert_eq!((after.filled, after.lacks[0].names.zh.as_str()), (Filled::Missing, "改造后评测等级记录"));
    assert_eq!(after.lacks[0].from.zh, "评测机构（记入日志）");
    assert_eq!(item(&filled(&["level_after"], &[]), "reassessed").filled, Filled::Ours);
}

#[test]
fn evidence_is_filed_once_where_it_is_asked_for_first() {
    let at = |evidence| kunming().folder_of(evidence).map(|names| names.zh);
    assert_eq!(at("report").as_deref(), Some("03 验收申请材料"), "and not again among the effects");
    assert_eq!(at("ledger").as_deref(), Some("06 小灯塔 数字化改造"));
    assert_eq!(at("oracle"), None);
}

#[test]
fn who_filled_an_item_is_told_apart() {
    let state = |evidence: &[&str], supplied: &[&str], of: &str| item(&filled(evidence, supplied), of).filled;
    // The licence is the firm's alone, the filed plan ours alone, the table rests on both.
    assert_eq!(state(&[], &["licence"], "licence"), Filled::Firm);
    assert_eq!(state(&["filed_plan"], &[], "filed"), Filled::Ours);
    let both = ["targets", "workbook"];
    assert_eq!(state(&both, &["table"], "table"), Filled::Both);
    assert_eq!(state(&both, &[], "table"), Filled::Partly);
    assert_eq!(state(&["targets"], &["table"], "table"), Filled::Partly);
    // The firm's part alone does not stand for the evidence.
    let package = filled(&[], &["table"]);
    let table = item(&package, "table");
    assert_eq!((table.filled, table.lacks.len(), table.places.len()), (Filled::Partly, 2, 0));
    assert_eq!(state(&[], &[], "table"), Filled::Missing);
    // Evidence without a place is none.
    let nowhere = BTreeMap::from([("filed_plan".to_owned(), Vec::new())]);
    let package = fill(&kunming(), &nowhere, &BTreeSet::new());
    assert_eq!(item(&package, "filed").filled, Filled::Missing);
}

#[test]
fn a_wrong_overlay_is_refused_with_its_line() {
    let text = DELIVERED[0].1;
    // What is replaced by what, the words, and the text that stands on the line named.
    let cases = [
        (
            "folder = \"self\"",
            "folder = \"elsewhere\"",
            "没有文件夹 elsewhere",
            "no folder `elsewhere`",
            "folder = \"elsewhere\"",
        ),
        (
            "evidence = [\"filed_plan\"]",
            "evidence = [\"oracle\"]",
            "佐证种类未知或重复；可用的有",
            "unknown evidence, or named twice; known are",
            "\"oracle\"",
        ),
        (
            "evidence = [\"report\", \"bundle\"]",
            "evidence = [\"report\", \"report\"]",
            "重复",
            "named twice",
            "\"report\", \"report\"",
        ),
        (
            "id = \"licence\"",
            "id = \"form\"",
            "标识 form 重复",
            "`form` is there twice",
            "\nfolder = \"declaration\"\nnames = { zh = \"营业执照\"",
        ),
        ("zh = \"申报材料\"", "zh = \"../申报材料\"", "文件夹名称", "a folder's name", "id = \"declaration\""),
        ("evidence = [\"plan_changes\"]", "", "须写 evidence", "rests on evidence", "id = \"changes\""),
        (
            "clause = { article = \"第二十二条\", quote = \"项目资金使用企业",
            "# clause = { article = \"第二十二条\", quote = \"项目资金使用企业",
            "必备材料须写明出处",
            "names the place",
            "id = \"table\"",
        ),
        ("evidence = [\"promised\"]", "surprise = 1", "未知项 surprise", "unknown field", "surprise = 1"),
        (
            "[[item]]\nid = \"filed\"",
            "[[folder]]\nid = \"empty\"\nnames = { zh = \"空\", en = \"empty\" }\n\n[[item]]\nid = \"filed\"",
            "文件夹中没有材料",
            "has no item",
            "id = \"empty\"",
        ),
    ];
    for (from, to, zh, en, at) in cases {
        assert_eq!(text.matches(from).count(), 1, "`{from}` stands there once");
        let text = text.replace(from, to);
        let error = Overlay::parse(&text).expect_err(to);
        assert!(error.said.zh.contains(zh) && error.said.en.contains(en), "{to}: {error}");
        assert_eq!(text.matches(at).count(), 1, "`{at}` stands there once");
        assert_eq!(error.line, text[..text.find(at).unwrap()].matches('\n').count() + 1, "{to}: {error}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn more_evidence_never_lacks_more(has in prop::collection::vec(any::<bool>(), EVIDENCE.len()), more in 0..EVIDENCE.len()) {
        let ids = |has: &[bool]| EVIDENCE.iter().zip(has).filter(|(_, h)| **h).map(|((id, _, _), _)| *id).collect::<Vec<_>>();
        let before = filled(&ids(&has), &[]);
        let mut has = has;
        has[more] = true;
        let after = filled(&ids(&has), &[]);
        for (a, b) in before.folders.iter().flat_map(|f| &f.items).zip(after.folders.iter().flat_map(|f| &f.items)) {
            prop_assert!(b.lacks.len() <= a.lacks.len() && b.places.len() >= a.places.len());
            prop_assert_eq!(b.filled == Filled::Ours, b.lacks.is_empty() && !b.places.is_empty());
            prop_assert_eq!(b.filled == Filled::Missing, b.places.is_empty() && !b.lacks.is_empty());
        }
    }

    #[test]
    fn damaged_overlays_are_refused_or_read(cut in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut bytes = DELIVERED[0].1.as_bytes().to_vec();
        let at = cut.index(bytes.len());
        bytes[at] = byte;
        let text = String::from_utf8_lossy(&bytes);
        if let Err(error) = Overlay::parse(&text) {
            prop_assert!(error.line >= 1 && error.line <= text.lines().count() + 1 && !error.said.zh.is_empty());
        }
    }
}
