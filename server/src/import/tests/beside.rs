//! A table beside a log that changes, or that knows better already.

use super::*;

/// What an author is told of every row.
fn told(import: &Import) -> Vec<Vec<String>> {
    assert_eq!(import.wrong, []);
    let words = |item: &weigh::Item| item.notices.iter().map(|(_, said)| format!("{} {}", said.zh, said.en)).collect();
    import.items.iter().map(words).collect()
}

#[test]
fn what_confirming_does_is_another_thing_once_somebody_stated_something_in_between() {
    let mut works = Works::new();
    let table = "设备,产品,每件秒数,生效日期\npress,7,12,2026-03-01\n";
    let import = |works: &Works| works.import("cycle_time", table.as_bytes()).decisions();
    let shown = import(&works);
    works.now_ms += 25 * 3_600_000;
    assert_eq!(import(&works), shown, "time alone changes nothing");
    works.state("cycle_time", json!({"machine": "lathe", "item_us": 9_000_000}));
    assert_eq!(import(&works), shown, "nor does what is about something else");
    works.state("cycle_time", json!({"machine": "press", "product": "7", "item_us": 9_000_000}));
    let other = import(&works);
    assert_ne!(other, shown, "a later statement ends this one");
    let from = 1_772_294_400_000; // 2026-03-01 in Shanghai.
    let body = json!({"machine": "press", "product": "7", "item_us": 8_000_000});
    let (author, role, reason) = ("p-2".to_owned(), "firm".to_owned(), String::new());
    works.push(Declaration { kind: "cycle_time".into(), effective_from: from, author, role, reason, body });
    assert_ne!(import(&works), other, "what was new supersedes");
    assert_ne!(works.import("cycle_time", table.replace("12", "13").as_bytes()).decisions(), import(&works));
}

#[test]
fn a_row_that_a_later_statement_ends_says_so() {
    let works = Works::new();
    let rows = |rows: &str| told(&works.import("cycle_time", format!("设备,每件秒数,生效日期\n{rows}").as_bytes()));
    // The press's cycle time was stated, and holds, ninety days ago: 2026-01-20 10:00.
    let ended = rows("press,11,2025-12-01\n");
    assert!(
        ended[0].iter().any(|n| n.contains("日志第 6 条已填报自 2026-01-20 10:00 起的内容：本行只管到那时")
            && n.contains("leaf 6 holds from 2026-01-20 10:00 on")),
        "{ended:?}"
    );
    let is_told = |all: &[String]| all.iter().any(|n| n.contains("只管到那时"));
    assert!(!is_told(&rows("press,12,2025-12-01\n")[0]), "it says the same");
    assert!(!is_told(&rows("press,11,2026-02-01\n")[0]), "nothing later is there");
    let two = rows("press,11,2025-12-01\npress,10,2026-01-10\n");
    assert!(!is_told(&two[0]) && is_told(&two[1]), "the table itself ends the first: {two:?}");
    let facts = told(&works.import("quality_count", format!("{QUALITY}press,2026-01-11,day,1\n").as_bytes()));
    assert!(!is_told(&facts[0]), "a fact ends nowhere");
}

#[test]
fn cells_with_semicolons_do_not_divide_a_table_of_commas() {
    let works = Works::new();
    let breaks = "10:00-10:10;12:00-12:30;15:00-15:10;16:00-16:05;17:00-17:05;18:00-18:30";
    let plain =
        works.import("calendar", format!("班次,开始,结束,星期,休息\nday,08:00,20:00,1-5,{breaks}\n").as_bytes());
    assert_eq!(plain.wrong, []);
    assert_eq!(plain.items[0].draft.body["shifts"][0]["breaks"].as_array().map(Vec::len), Some(6));
    // The other way round, and under a title.
    let text = "台账；附表\n班次;开始;结束;备注，一,二,三,四,五,六,七\n";
    let other = works.import("calendar", format!("{text}day;08:00;20:00;x\n").as_bytes());
    assert!(other.wrong.iter().all(|w| w.line == 2 && w.what.zh.contains("备注")), "{other:#?}");
    // Where the heading does not tell, the line divided most does, and as many of one as of another is refused.
    let tie = works.import("calendar", "甲,乙;丙\n".as_bytes());
    assert!(tie.wrong[0].what.zh.contains("不止一种分隔符"), "{tie:#?}");
}
