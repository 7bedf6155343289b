//! Every row of the checklist against the catalogue, and Kunming's items on its rows.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::*;
use crate::catalogue::explain;
use crate::checklist::items;
use crate::checklist::needs::Held;
use crate::oee::Undefined;

fn delivered() -> (Items, Lighthouse) {
    let items = Items::parse(items::DELIVERED).unwrap();
    let criteria = Lighthouse::parse(DELIVERED, &items).unwrap();
    (items, criteria)
}

fn held(ids: &[&str]) -> Available {
    ids.iter().map(|id| ((*id).to_owned(), Ok(Held { grade: Grade::B, with: 1, of: 1 }))).collect()
}

#[test]
fn all_thirty_eight_rows_map_to_definitions_of_the_catalogue() {
    let (items, _) = delivered();
    assert_eq!(items.rows.len(), 38);
    for row in &items.rows {
        assert!(!row.definitions.is_empty(), "row {}", row.row);
        for id in row.definitions.iter().chain(&row.beside) {
            assert!(explain(id).is_some(), "row {}: {id}", row.row);
        }
    }
    let names: BTreeSet<&str> = items.rows.iter().map(|r| r.names.zh.as_str()).collect();
    assert_eq!(names.len(), 38, "no row twice");
    // With every definition there, every row is evidenced; without any, none is, and each says what is missing.
    let all: Vec<&str> = items.rows.iter().flat_map(|r| &r.definitions).map(String::as_str).collect();
    assert!(items.table(&held(&all)).iter().all(|r| r.judged.verdict == Verdict::Evidenced));
    let none = items.table(&Available::new());
    assert!(none.iter().all(|r| r.judged.verdict == Verdict::Not && !r.judged.lacking.is_empty()));
}

#[test]
fn the_sentence_of_the_criteria_is_quoted_and_covered_item_by_item() {
    let (_, criteria) = delivered();
    let sentence = &criteria.contents[3];
    assert!(sentence.quote.starts_with("面向企业主要产品生产制造所涉及的关键生产设备和重要辅助设备开展数据采集。"));
    for word in
        ["设备台账", "点检", "保养", "维修", "产能", "能耗", "稼动率", "生产计数", "加工节拍", "换线时间", "物料消耗"]
    {
        let item = sentence.items.iter().find(|i| i.phrase == word).unwrap_or_else(|| panic!("{word}"));
        assert!(!item.rows.is_empty(), "{word} has rows");
    }
    assert_eq!(
        criteria.shares.iter().map(|s| u32::from(s.percent)).product::<u32>(),
        600,
        "30 % of 20 %: six of a hundred"
    );
}

#[test]
fn a_table_tells_evidenced_partly_not_and_beyond() {
    let (items, criteria) = delivered();
    let mut available = held(&["jiadong.time@1", "util.calendar@1", "capacity.theoretical@1"]);
    available.insert("care.daily_check@1".to_owned(), Err(Undefined::NothingDue));
    available.insert("count.produced@1".to_owned(), Ok(Held { grade: Grade::C, with: 3, of: 5 }));
    let table = criteria.table(&items, &available);
    let line = |phrase: &str| table.iter().find(|l| l.item.phrase == phrase).unwrap();
    assert_eq!((line("稼动率").verdict, line("稼动率").grade), (Verdict::Evidenced, Some(Grade::B)));
    assert_eq!(line("稼动率").rows[0].beside, ["util.calendar@1"]);
    assert_eq!(line("产能").verdict, Verdict::Partly);
    assert_eq!(line("生产计数").verdict, Verdict::Partly);
    assert_eq!(line("生产计数").rows[0].judged.lacking[0].1.words().0, "仅 3/5 台设备有数据");
    assert_eq!(line("点检").verdict, Verdict::Not);
    assert_eq!(line("点检").rows[0].judged.lacking[0].1.words().0, "没有应计对象");
    assert_eq!(line("机器换人").verdict, Verdict::Beyond);
    assert!(line("机器换人").item.why_not.is_some());
    assert_eq!(line("提升设备利用率").verdict, Verdict::Partly, "one row of two in part");
}

#[test]
fn files_that_misquote_or_point_nowhere_are_refused() {
    let (items, _) = delivered();
    let with = |path: &str, value: Value| {
        let mut file: Value = serde_json::from_str(DELIVERED).unwrap();
        *file.pointer_mut(path).unwrap() = value;
        Lighthouse::parse(&file.to_string(), &items)
    };
    assert!(with("/source", json!("x")).is_ok());
    for (path, value) in [
        ("/contents/3/items/1/phrase", json!("设备档案")),
        ("/contents/3/items/1/phrase", json!("")),
        ("/contents/3/items/1/rows", json!([39])),
        ("/contents/3/items/1/rows", json!([0])),
        ("/contents/3/items/1/rows", json!([])),
        ("/contents/3/items/1/en", json!("")),
        ("/items_from", json!("evidence.items@2")),
        ("/shares/0/percent", json!(0)),
        ("/contents", json!([])),
    ] {
        assert!(with(path, value.clone()).is_err(), "{path} {value}");
    }
    let rows = |path: &str, value: Value| {
        let mut file: Value = serde_json::from_str(items::DELIVERED).unwrap();
        *file.pointer_mut(path).unwrap() = value;
        Items::parse(&file.to_string())
    };
    for (path, value) in [
        ("/rows/0/row", json!(2)),
        ("/rows/0/definitions/0", json!("oee@1")),
        ("/rows/0/definitions", json!([])),
        ("/rows/2/beside/0", json!("equipment.connected@1")),
        ("/rows/0/origins", json!([])),
        ("/rows/0/needs/zh", json!("")),
        ("/rows", json!([])),
    ] {
        assert!(rows(path, value.clone()).is_err(), "{path} {value}");
    }
}
