//! The documents of a small report: what is on the pages, that it can be copied out again, and that the numbers are the report's.
//!
//! `tests/data/report.json` is part of a real report over simulated history; targets and a lock are added here.

use std::collections::BTreeMap;
use std::io::Cursor;

use calamine::{Data, Reader as _, Xlsx};
use look::text::Lang;
use serde_json::{Value as Json, json};

mod practice;
mod steps;

use super::*;
use crate::font::Face;
use crate::paper::{BOTTOM, LEFT, Mark, RIGHT, TOP, WIDTH};

const REPORT: &str = include_str!("../tests/data/report.json");
const CHECKPOINT: &str =
    "127.0.0.1/demo-works\n3680\nlEzXkcV6LpUeMLuLp/U7IfHL8Qi5DWPmXYjSIaetu2c=\n\n— 127.0.0.1 AAAA\n";

fn report() -> Json {
    serde_json::from_str(REPORT).expect("JSON")
}

fn promising(mut report: Json) -> Json {
    let metric = |definition: &str, unit: &str, value: &str, direction: &str, verdict: &str| {
        json!({"definition": definition, "machine": "*", "option": "B", "target": {"value": value, "unit": unit, "direction": direction},
            "change": {"unit": unit, "value": "0.091900", "lower": "0.080000", "upper": "0.100000"}, "verdict": verdict,
            "reasons": if verdict == "INSUFFICIENT" { json!(["INTERVAL_CONTAINS_TARGET"]) } else { json!([]) },
            "follows": "locked", "grades": ["B", "B"],
            "lock": {"leaf": 77, "received_ms": 1_780_000_000_000_i64, "unknown_member": 1}})
    };
    report["measurement_plan"] = json!({"plan": "retrofit", "names": {"zh": "注塑线改造", "en": "Retrofit"}, "metrics": [
        metric("oee.iso22400@1", "percentage_points", "5", "increase", "MET"),
        metric("availability.iso22400@1", "percentage_points", "20", "increase", "NOT_MET"),
        metric("performance.iso22400@1", "percent", "9", "increase", "INSUFFICIENT"),
    ]});
    report
}

fn made(report: &Json, lang: Lang) -> Edition {
    let bytes = serde_json::to_vec(report).expect("JSON");
    let declared = BTreeMap::from([(15, json!({"machine": "press", "item_us": 12_000_000}))]);
    let source = Source { report: &bytes, checkpoint: CHECKPOINT, declared: &declared };
    edition(&source, lang).expect("documents")
}

fn words(edition: &Edition) -> Vec<String> {
    edition.pages.iter().map(paper::Page::words).collect()
}

/// All words of the document without spaces and ends of lines: what wraps is found as it is read.
fn all(edition: &Edition) -> String {
    tight(&words(edition).concat())
}

fn tight(text: &str) -> String {
    text.chars().filter(|c| !c.is_whitespace()).collect()
}

#[test]
fn the_same_report_gives_the_same_bytes() {
    let bytes = serde_json::to_vec(&report()).expect("JSON");
    let source = Source { report: &bytes, checkpoint: CHECKPOINT, declared: &BTreeMap::new() };
    let (one, two) = (documents(&source).expect("one"), documents(&source).expect("two"));
    assert_eq!(one.iter().map(|d| d.name).collect::<Vec<_>>(), NAMES);
    assert!(one == two, "two renderings differ");
}

#[test]
fn every_chapter_stands_under_the_policys_own_heading_in_both_languages() {
    let zh = made(&report(), Lang::Zh);
    let chapters: Vec<String> = contents(&zh);
    for want in [
        "结论一览",
        "测量方案与基期锁定",
        "设备综合利用率",
        "生产效率",
        "不良率",
        "能源资源利用率",
        "单位产品能耗",
        "安全及其他绩效指标",
        "逐台设备",
        "覆盖率与数据缺失",
        "待核实事项与企业说明",
        "参数与变更",
        "人工填报",
        "数据可信等级",
        "如何核验（五步）",
        "签字与盖章",
        "附录 A",
        "附录 B",
    ] {
        assert!(chapters.iter().any(|c| c.contains(want)), "{want}: {chapters:?}");
    }
    assert_eq!(contents(&made(&report(), Lang::En)).len(), chapters.len());
}

fn contents(edition: &Edition) -> Vec<String> {
    // The second page lists them; the first line after a title is its page.
    let page = words(edition)[1].clone();
    page.lines().step_by(1).filter(|l| l.parse::<u32>().is_err()).map(str::to_owned).collect()
}

#[test]
fn page_numbers_in_the_contents_lead_to_the_headings() {
    for lang in Lang::ALL {
        let edition = made(&report(), lang);
        let pages = words(&edition);
        let lines: Vec<&str> = pages[1].lines().collect();
        let mut found = 0;
        for pair in lines.windows(2) {
            let Ok(number) = pair[1].parse::<usize>() else { continue };
            let page = pages[number - 1].replace('\n', "");
            assert!(page.contains(pair[0]), "{} is not on page {number}", pair[0]);
            found += 1;
        }
        assert!(found > 15, "{found}");
    }
}

#[test]
fn every_page_says_what_it_is_and_carries_its_code() {
    for (lang, notice) in [
        (Lang::Zh, "本报告不构成公证、计量检定或鉴定"),
        (Lang::En, "This report is not a notarisation, metrological verification or expert appraisal"),
    ] {
        let edition = made(&report(), lang);
        let total = edition.pages.len();
        assert_eq!(edition.codes.len(), total);
        for (i, (page, code)) in edition.pages.iter().zip(&edition.codes).enumerate() {
            let frame: Vec<&str> = page
                .frame
                .iter()
                .filter_map(|m| if let Mark::Text { text, .. } = m { Some(text.as_str()) } else { None })
                .collect();
            let of = match lang {
                Lang::Zh => format!("第 {} 页 共 {total} 页", i + 1),
                Lang::En => format!("page {} of {total}", i + 1),
            };
            for want in [notice, code.as_str(), of.as_str(), "模拟数据 SIMULATED"] {
                assert!(frame.contains(&want), "page {}: {want}: {frame:?}", i + 1);
            }
            assert!(!page.words().trim().is_empty(), "page {} is empty", i + 1);
        }
    }
    let mut real = report();
    real["simulated"] = json!(false);
    assert!(!all(&made(&real, Lang::Zh)).contains("SIMULATED"));
}

#[test]
fn the_annex_lists_the_code_of_every_page_before_it() {
    let edition = made(&report(), Lang::Zh);
    let text = all(&edition);
    let listed = edition.codes.iter().filter(|code| text.contains(code.as_str())).count();
    let annex = words(&edition).iter().position(|p| p.starts_with("附录 B")).expect("annex");
    assert_eq!(listed, annex);
}

#[test]
fn nothing_runs_out_of_the_text_area() {
    let mut long = promising(report());
    long["names"]["zh"] = json!("四川省绵阳市某某精密机械制造股份有限责任公司第二分厂注塑与冲压联合车间".repeat(3));
    long["statements"][0]["reason"] = json!("情况说明".repeat(400));
    long["machines"][0]["names"]["zh"] = json!("一台名字很长很长很长很长很长很长很长的设备".repeat(4));
    let mut filed = steps::checked();
    filed["practice"]["deviations"][0]["deviations"][0]["steps"][1]["text"] = json!("换型频繁".repeat(300));
    filed["practice"]["filings"][0]["applications"][0]["reason"] = json!("设备到货延迟".repeat(200));
    filed["practice"]["filings"][0]["plan"]["targets"][0]["method"] = json!("口径".repeat(900));
    for (report, lang) in [
        (long.clone(), Lang::Zh),
        (long, Lang::En),
        (report(), Lang::Zh),
        (report(), Lang::En),
        (filed.clone(), Lang::Zh),
        (filed, Lang::En),
    ] {
        let edition = made(&report, lang);
        for (i, page) in edition.pages.iter().enumerate() {
            for mark in &page.body {
                let Mark::Text { x, y, size, face, text, .. } = mark else { continue };
                let right = x + face.width(text, *size);
                let fits =
                    *x >= LEFT - 15.0 && right <= WIDTH - RIGHT + 15.0 && *y <= BOTTOM + 2.0 && *y >= TOP.min(80.0);
                assert!(fits, "page {}: {x} {right} {y}: {text}", i + 1);
            }
        }
    }
}

#[test]
fn verdicts_follow_the_plan_and_are_honest_without_one() {
    let text = all(&made(&promising(report()), Lang::Zh));
    for want in ["提高不少于 5 个百分点", "达标", "未达标", "证据不足", "区间包含目标值", "基期锁定：日志第 77 条"]
    {
        assert!(text.contains(&tight(want)), "{want}");
    }
    let without = made(&report(), Lang::Zh);
    let page = words(&without)[2].replace('\n', "");
    assert!(page.contains("未设目标") && page.contains("方案未填报绩效目标"), "{page}");
    let mut dates = report();
    (dates["comparisons"], dates["method"], dates["request"]["plan"]) = (json!([]), Json::Null, Json::Null);
    let page = words(&made(&dates, Lang::Zh))[2].replace('\n', "");
    assert!(page.contains("不作前后对比") && !page.contains("达标："), "{page}");
}

#[test]
fn what_was_stated_after_a_lock_stands_beside_what_was_locked() {
    let mut report = promising(report());
    let locked = |value: &str| json!({"numerator": "1", "denominator": "2", "value": value, "days": 20, "grade": "A"});
    let lock = &mut report["measurement_plan"]["metrics"][0]["lock"];
    lock["as_locked"] = json!({"definition": "oee.iso22400@1", "machine": "*", "before": locked("0.500000"), "after": locked("0.500000"),
        "difference": "0.111100", "relative": "0.222200", "lower": "0.101100", "upper": "0.121100", "verdict": "UP"});
    lock["verdict_declared"] = json!("NOT_MET");
    lock["changes"] = json!([{"leaf": 99, "kind": "cycle_time", "effective_from": 0, "received_ms": 0, "author": "u2", "role": "firm", "reason": "节拍改小"}]);
    lock["later_records"] = json!([100, 101]);
    report["measurement_plan"]["metrics"][0]["grades"] = json!(["D", "B"]);
    report["measurement_plan"]["findings"] = json!([{"code": "LOCKED_INSUFFICIENT", "leaf": 77}]);
    let edition = made(&report, Lang::Zh);
    let first = tight(&words(&edition)[2]);
    let declared = &report["comparisons"]
        .as_array()
        .expect("comparisons")
        .iter()
        .find(|c| c["definition"] == "oee.iso22400@1" && c["machine"] == "*");
    let declared = declared.expect("OEE")["before"]["value"].as_str().expect("value");
    let declared = format!("{:.2}", declared.parse::<f64>().expect("decimal") * 100.0);
    for want in ["50.00", "D / B", "按现时填报的参数", declared.as_str(), "结论以锁定口径为准"] {
        assert!(first.contains(&tight(want)), "{want}: {first}");
    }
    let text = all(&edition);
    for want in ["日志第 99 条：计划节拍 · u2 · 节拍改小", "有 2 条涉及基期的记录", "基期在数据不足时锁定"]
    {
        assert!(text.contains(&tight(want)), "{want}");
    }
    let mut book: Xlsx<_> = Xlsx::new(Cursor::new(edition.xlsx)).expect("a workbook");
    let range = book.worksheet_range("结论").expect("sheet");
    let rows: Vec<String> =
        range.rows().filter(|r| r[1] == "oee.iso22400@1" && r[3] == "*").map(|r| format!("{r:?}")).collect();
    assert!(
        rows.len() == 2 && rows[0].contains("锁定") && rows[0].contains("\"达标\"") && rows[1].contains("\"未达标\""),
        "{rows:?}"
    );
}

/// The same report without a base period, its machines beside one that was not retrofitted.
fn beside() -> Json {
    let mut report = report();
    (report["comparisons"], report["method"], report["request"]["plan"]) = (json!([]), Json::Null, json!("retrofit"));
    for list in ["periods", "shifts"] {
        report[list].as_array_mut().expect("sections").retain(|s| s["period"] != "baseline");
    }
    report["request"]["periods"].as_array_mut().expect("periods").retain(|p| p["name"] != "baseline");
    let other = report["machines"].as_array().expect("machines").last().expect("one")["machine"].clone();
    let side = |value: &str, grade: &str| json!({"numerator": &value[2..], "denominator": "1000000", "value": value, "days": 35, "grade": grade, "standing": "full"});
    let ends =
        |value: &str| json!({"unit": "percentage_points", "value": value, "lower": "0.152000", "upper": "0.181000"});
    let declared = json!({"comparison": side("0.690000", "C"), "retrofitted": side("0.730000", "A"), "common_days": 35, "machines": [],
        "difference": "0.040000", "relative": "0.057971", "lower": "0.030000", "upper": "0.047000", "verdict": "HIGHER",
        "change": {"unit": "percentage_points", "value": "0.040000", "lower": "0.030000", "upper": "0.047000"}, "reaches": "NOT_REACHED",
        "reasons": [], "cautions": [], "follows": "declared"});
    report["measurement_plan"] = json!({"plan": "retrofit", "names": {"zh": "注塑线改造", "en": "Retrofit"}, "leaf": 12, "versions": [12],
        "design": "machines_compared", "option": "B", "boundary": null, "findings": [{"code": "COMPARISON_CLASS", "leaf": 12}],
        "comparison": {"machines": [{"machine": other, "retrofit": "2027-03-01"}],
            "method": {"interval": "paired-circular-block-bootstrap@1", "seed": 7, "replicates": 2000, "block_days": 7},
            "lock": {"leaf": 77, "received_ms": 1_780_000_000_000_i64, "author": "u7", "role": "firm", "reason": "", "size": 60,
                "parameters_digest": "ab".repeat(32), "confirmed": true,
                "changes": [{"leaf": 99, "kind": "cycle_time", "author": "u2", "reason": "节拍改小"}]}},
        "metrics": [{"definition": "oee.iso22400@1", "machine": "*", "option": "B", "change": null, "verdict": "INSUFFICIENT",
            "reasons": ["NO_BASELINE"], "follows": "declared", "grades": [null, "A"], "lock": null, "documented": null,
            "target": {"value": "5", "unit": "percentage_points", "direction": "increase"},
            "beside": {"comparison": side("0.566260", "C"), "retrofitted": side("0.730000", "A"), "common_days": 35,
                "machines": [{"machine": other, "numerator": "566260", "denominator": "1000000", "value": "0.566260"}],
                "difference": "0.163740", "relative": "0.289160", "lower": "0.152000", "upper": "0.181000", "verdict": "HIGHER",
                "change": ends("0.163740"), "reaches": "REACHED", "reasons": [], "cautions": ["COMPARISON_ONE_MACHINE"],
                "follows": "locked", "declared": declared}}]});
    report
}

#[test]
fn machines_beside_machines_have_their_own_page_and_sheet_and_no_word_of_before() {
    for (lang, wants, sheet, never) in [
        (
            Lang::Zh,
            [
                "对照机器，非前后对比：没有实测的基期",
                "差值达到目标值（对照机器，非前后对比）",
                "对目标本身：证据不足（没有基期）",
                "56.63",
                "+16.37",
                "[+15.20, +18.10]",
                "C / A",
                "共同生产日 35 天",
                "只有一台对照机器",
                "· 按现时填报的参数",
                "+4.00",
            ],
            "机器之间",
            ["（改造后）", "基期 → 报告期"],
        ),
        (
            Lang::En,
            [
                "Comparison machines, not before and after: no base period",
                "the difference reaches the target's value",
                "insufficient evidence (no base period)",
                "56.63",
                "+16.37",
                "[+15.20, +18.10]",
                "C / A",
                "35 days in common",
                "one comparison machine",
                "· with parameters as declared now",
                "+4.00",
            ],
            "Machines beside machines",
            ["Reporting period (after)", "Before → after"],
        ),
    ] {
        let edition = made(&beside(), lang);
        let first = tight(&words(&edition)[2]);
        for want in wants {
            assert!(first.contains(&tight(want)), "{want}: {first}");
        }
        assert!(!first.contains(&tight("未达标")) && !first.contains("targetnotmet"), "{first}");
        let text = all(&edition);
        for word in never {
            assert!(!text.contains(&tight(word)), "{word}");
        }
        for want in ["2027-03-01", "u2 · 节拍改小", "abababababababab…", "paired-circular-block-bootstrap@1"] {
            assert!(text.contains(&tight(want)), "{want}");
        }
        let mut book: Xlsx<_> = Xlsx::new(Cursor::new(edition.xlsx)).expect("a workbook");
        let range = book.worksheet_range(sheet).expect("sheet");
        let rows: Vec<String> = range.rows().skip(2).map(|r| format!("{r:?}")).collect();
        assert_eq!(rows.len(), 3, "as locked, as declared now, and the comparison machine: {rows:?}");
        assert!(rows[0].contains("0.16374") && rows[1].contains("0.04") && rows[2].contains("0.56626"), "{rows:?}");
    }
}

#[test]
fn matters_stand_with_their_explanations_once_others_may_see_them() {
    const DAY: i64 = 86_400_000;
    let mut report = report();
    let at =
        report["statements"].as_array().expect("statements").iter().filter_map(|s| s["received_ms"].as_i64()).max();
    let at = at.max(report["request"]["until_ms"].as_i64()).expect("an instant");
    let of = |n: i64| json!({"finding": format!("{n:064x}"), "detector": "credibility.frozen_value@1", "machine": "press", "from_ms": at - n * DAY});
    let mut explained = of(3);
    explained["text"] = json!("换班时停机点检");
    let mut declared = BTreeMap::new();
    for (leaf, kind, ms, body) in [
        // Two weeks ago and a day, an hour ago, and one that the factory explained at once.
        (9_000, "finding_shown", at - 15 * DAY, json!({"findings": [of(1)]})),
        (9_001, "finding_shown", at - 3_600_000, json!({"findings": [of(2), of(3)]})),
        (9_002, "explanation", at, explained),
    ] {
        let statement = json!({"leaf": leaf, "kind": kind, "effective_from": ms, "received_ms": ms, "author": "u7", "role": "firm", "reason": ""});
        report["statements"].as_array_mut().expect("statements").push(statement);
        declared.insert(leaf, body);
    }
    let bytes = serde_json::to_vec(&report).expect("JSON");
    let edition =
        edition(&Source { report: &bytes, checkpoint: CHECKPOINT, declared: &declared }, Lang::Zh).expect("documents");
    let text = all(&edition);
    let name = metrics::credibility::detector("credibility.frozen_value@1").expect("a detector").names[0];
    let chapter =
        text.rsplit(&tight("待核实事项由程序")).next().and_then(|t| t.split("十三、").next()).expect("the chapter");
    assert_eq!(chapter.matches(&tight(name)).count(), 2, "{chapter}");
    for want in ["换班时停机点检", "企业没有说明", "另有 1 项仍在企业知悉期内"] {
        assert!(chapter.contains(&tight(want)), "{want}: {chapter}");
    }
}

#[test]
fn what_was_declared_is_said_in_words() {
    for (lang, want) in [(Lang::Zh, "设备 press · 计划节拍 12 s"), (Lang::En, "machine press · planned cycle 12 s")]
    {
        let mut edition = made(&report(), lang);
        assert!(all(&edition).contains(&tight(want)), "{want}");
        let mut book: Xlsx<_> = Xlsx::new(Cursor::new(std::mem::take(&mut edition.xlsx))).expect("a workbook");
        let range = book.worksheet_range(if lang == Lang::Zh { "填报" } else { "Statements" }).expect("sheet");
        assert!(range.used_cells().any(|(_, _, cell)| tight(&cell.to_string()) == tight(want)), "{want}");
    }
}

#[test]
fn no_code_of_the_program_stands_on_a_page_or_sheet() {
    for lang in Lang::ALL {
        let mut texts = Vec::new();
        for report in [promising(report()), beside(), steps::checked()] {
            let edition = made(&report, lang);
            texts.extend(words(&edition));
            let mut book: Xlsx<_> = Xlsx::new(Cursor::new(edition.xlsx)).expect("a workbook");
            for (_, range) in book.worksheets() {
                texts.extend(range.used_cells().map(|(_, _, cell)| cell.to_string()));
            }
        }
        let is_code = |word: &&str| {
            word.len() > 5 && word.contains('_') && word.chars().all(|c| c.is_ascii_uppercase() || c == '_')
        };
        let codes: Vec<&str> = texts
            .iter()
            .flat_map(|t| t.split(|c: char| !c.is_ascii_alphanumeric() && c != '_'))
            .filter(is_code)
            .collect();
        assert!(codes.is_empty(), "{codes:?}");
    }
}

#[test]
fn no_document_states_an_acceptance_result_or_a_level() {
    for lang in Lang::ALL {
        let text = all(&made(&steps::checked(), lang));
        for word in [
            "验收通过",
            "通过验收",
            "验收合格",
            "予以通过",
            "二级",
            "三级",
            "acceptance passed",
            "accepted by",
            "level 2",
            "Level 2",
        ] {
            assert!(!text.contains(&tight(word)), "{word}");
        }
    }
}

#[test]
fn rare_characters_are_printed_as_their_code_points() {
    let mut rare = report();
    rare["names"]["zh"] = json!("𪛖爨机械厂");
    let text = all(&made(&rare, Lang::Zh));
    assert!(text.contains("〔U+2A6D6〕爨机械厂"), "it vanished");
}

#[test]
fn the_pdf_holds_subset_fonts_with_a_map_to_unicode() {
    let edition = made(&report(), Lang::Zh);
    let text = String::from_utf8_lossy(&edition.pdf).into_owned();
    for want in ["/ToUnicode", "/CIDFontType0C", "GZREPT+NotoSansCJKsc-Regular", "/Lang", "/Outlines"] {
        assert!(text.contains(want), "{want}");
    }
    assert!(edition.pdf.len() < 900_000, "{} bytes: not a subset", edition.pdf.len());
    assert!(Face::ALL.iter().map(|f| f.file().len()).sum::<usize>() < 6_000_000);
}

#[test]
fn a_witness_is_named_and_the_log_is_not_its_own_witness() {
    let note = format!("{CHECKPOINT}— witness.example/w1 AAAA\n");
    assert_eq!(witnesses(&note, "127.0.0.1/demo-works"), ["witness.example/w1"]);
    assert!(witnesses(CHECKPOINT, "127.0.0.1/demo-works").is_empty());
}

/// More shifts left out of sums than paper has room for: it says how many and where the others are, and there they are.
#[test]
fn shifts_left_out_of_sums_are_all_in_the_workbook() {
    let mut report = report();
    let of_press = |s: &&mut Json| s["machine"] == "press";
    let section = report["periods"].as_array_mut().expect("periods").iter_mut().find(of_press).expect("the press");
    let many: Vec<String> = (0..250).map(|n| format!("press 2026-03-02 s{n}")).collect();
    section["excluded"] = json!(many);
    for (lang, sheet, words) in [
        (Lang::Zh, "未计入合计", "共250项，此处列出200项；其余见表格文件。"),
        (Lang::En, "Left out", "200of250arelistedhere;theworkbookhasall."),
    ] {
        let edition = made(&report, lang);
        let paper = all(&edition);
        assert!(paper.contains(words) && paper.contains("s199") && !paper.contains("s200"), "{words}");
        let mut book: Xlsx<_> = Xlsx::new(Cursor::new(edition.xlsx)).expect("a workbook");
        let rows = book.worksheet_range(sheet).expect("sheet");
        let listed: Vec<String> = rows.rows().skip(2).map(|r| format!("{} {} {}", r[1], r[3], r[4])).collect();
        assert!(many.iter().all(|shift| listed.contains(shift)), "{listed:?}");
        assert_eq!(listed.len(), 250);
    }
}

/// The workbook, read by another library: sheets, numbers, fractions.
#[test]
fn the_workbook_holds_the_reports_numbers() {
    let report = report();
    for (lang, sheets) in [
        (Lang::Zh, ["结论", "方案与锁定", "设备", "逐班", "未计入合计", "能源", "缺失", "填报", "计算口径", "核验"]),
        (
            Lang::En,
            [
                "Verdict",
                "Plan and locks",
                "Machines",
                "Shifts",
                "Left out",
                "Energy",
                "Gaps",
                "Statements",
                "Definitions",
                "Verify",
            ],
        ),
    ] {
        let edition = made(&report, lang);
        let mut book: Xlsx<_> = Xlsx::new(Cursor::new(edition.xlsx)).expect("a workbook");
        assert_eq!(book.sheet_names(), sheets);
        let machines = book.worksheet_range(sheets[2]).expect("sheet");
        let mut lines = 0;
        let rows: Vec<&[Data]> = machines.rows().skip(2).collect();
        let given = report["periods"].as_array().expect("periods");
        for section in given {
            for line in section["lines"].as_array().expect("lines") {
                let row = rows[lines];
                lines += 1;
                assert_eq!(row[1].to_string(), section["machine"].as_str().expect("machine"));
                assert_eq!(row[5].to_string(), line["definition"].as_str().expect("definition"));
                for (column, key) in [(7, "numerator"), (8, "denominator"), (9, "value"), (10, "lower"), (11, "upper")]
                {
                    same(&row[column], &line[key]);
                }
            }
        }
        assert_eq!(lines, rows.len());
        let shifts = book.worksheet_range(sheets[3]).expect("sheet");
        assert_eq!(shifts.height() - 2, report["shifts"].as_array().expect("shifts").len());
        let gaps = book.worksheet_range(sheets[6]).expect("sheet");
        assert_eq!(gaps.height() - 2, report["gaps"].as_array().expect("gaps").len());
        let verify = book.worksheet_range(sheets[9]).expect("sheet");
        let text: Vec<String> = verify.rows().map(|r| r.get(1).map(ToString::to_string).unwrap_or_default()).collect();
        assert!(edition.codes.iter().all(|code| text.contains(code)), "the codes of all pages");
        for name in sheets {
            let range = book.worksheet_range(name).expect("sheet");
            let first = range.get_value((0, 0)).map(ToString::to_string).unwrap_or_default();
            assert!(first.starts_with("模拟数据 SIMULATED"), "{name}: {first}");
        }
    }
}

/// A cell is the report's digits: as a number where a spreadsheet holds them, else as text.
fn same(cell: &Data, text: &Json) {
    match (cell, text.as_str()) {
        (Data::Empty, None) => {}
        (Data::Float(n), Some(text)) => {
            assert!((n - text.parse::<f64>().expect("decimal")).abs() <= n.abs() * 1e-15, "{n} {text}")
        }
        (Data::Int(n), Some(text)) => assert_eq!(n.to_string(), text),
        (Data::String(cell), Some(text)) => assert_eq!(cell, text),
        (cell, text) => panic!("{cell:?} is not {text:?}"),
    }
}

#[test]
fn what_is_no_report_is_refused_in_words() {
    let declared = BTreeMap::new();
    for (bytes, checkpoint) in [(&b"{}"[..], CHECKPOINT), (b"not JSON", CHECKPOINT), (REPORT.as_bytes(), "nothing")] {
        let refused =
            documents(&Source { report: bytes, checkpoint, declared: &declared }).expect_err("refused").to_string();
        assert!(refused.contains(" / "), "{refused}");
    }
}
