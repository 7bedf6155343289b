//! A city's package from a real report over simulated history, walked through by a second reader in Python that knows nothing of this crate.
//!
//! Where there is no Python the walk says so and checks nothing; under CI that is a failure. `GZ_PACKAGE_OUT=folder` keeps the archives.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Cursor, Read};
use std::path::Path;
use std::process::Command;
use std::rc::Rc;

use calamine::{Data, Reader as _, Xlsx};
use document::package::{
    Built, Bundle, Chapter, Entry, FiledTarget, INDEX, Input, Listing, MISSING, Paper, Part, SUMS, build,
};
use document::{Source, documents};
use look::text::Lang;
use metrics::figures::questionnaire::{
    AskedLine, ChangeLine, LevelLine, OptionLine, QuestionLine, Questionnaire, ShownValue,
};
use metrics::report::Words;
use practice::package::{DELIVERED, Filled, Overlay};
use serde_json::{Value as Json, json};

const REPORT: &str = include_str!("data/report.json");
const CHECKPOINT: &str =
    "127.0.0.1/demo-works\n3680\nlEzXkcV6LpUeMLuLp/U7IfHL8Qi5DWPmXYjSIaetu2c=\n\n— 127.0.0.1 AAAA\n";
/// A bundle is opaque here.
const BUNDLE: &[u8] = b"PK a bundle";

fn words(zh: &str, en: &str) -> Words {
    Words { zh: zh.into(), en: en.into() }
}

fn report() -> Vec<u8> {
    let mut report: Json = serde_json::from_str(REPORT).expect("JSON");
    report["measurement_plan"] = json!({"plan": "retrofit", "names": {"zh": "注塑线改造", "en": "Retrofit"}, "metrics": [
        {"definition": "oee.iso22400@1", "machine": "*", "option": "B",
         "target": {"value": "5", "unit": "percentage_points", "direction": "increase"},
         "change": {"unit": "percentage_points", "value": "0.091900", "lower": "0.080000", "upper": "0.100000"},
         "verdict": "MET", "reasons": [], "follows": "locked", "grades": ["B", "B"],
         "lock": {"leaf": 77, "received_ms": 1_780_000_000_000_i64}}]});
    let level = |leaf: u64| {
        json!({"leaf": leaf, "kind": "level_assessed", "effective_from": 1_770_000_000_000_i64,
        "received_ms": 1_770_000_000_000_i64, "author": "a-1", "role": "assessor"})
    };
    report["statements"].as_array_mut().expect("statements").push(level(3000));
    serde_json::to_vec(&report).expect("JSON")
}

fn questionnaire() -> Questionnaire {
    let line = |question| QuestionLine {
        question,
        names: words("题", "question"),
        is_counted: true,
        options: vec![],
        points: Some("6".into()),
        of: "6".into(),
        grade: None,
        shown: vec![],
        changes: vec![],
        lacks: vec![],
        notes: vec![],
    };
    let quote = "实现锅炉、制冷等高能耗设备、电机、空压机等通用动力设备、工程机械、数控机床等智能装备、风电、光伏等新能源设备和其他各类生产现场的各种关键生产设备及其辅助设备联网上云。";
    Questionnaire {
        dates: ["2026-10-23".into(), "2026-11-22".into()],
        from_ms: 0,
        to_ms: 1,
        scheme: "miit.2024@1".into(),
        document: words("《评测指标（2024年版）》", "Indicators 2024"),
        headline: words("设备数据可佐证 6/29.5 分", "equipment data evidences 6/29.5 points"),
        points: "6".into(),
        of: "29.5".into(),
        grade: Some("B"),
        questions: vec![
            QuestionLine {
                options: vec![OptionLine { option: "E".into(), names: words("(60%,100%]", "(60%,100%]") }],
                grade: Some("B"),
                shown: vec![ShownValue {
                    definition: "equipment.digital@1",
                    of: String::new(),
                    value: "0.875000".into(),
                    formula: "digitised / production machines",
                    numerator: "7".into(),
                    denominator: "8".into(),
                }],
                ..line(2)
            },
            QuestionLine { lacks: vec![words("2025：缺营业收入", "2025: no revenue")], ..line(12) },
            QuestionLine {
                changes: vec![ChangeLine {
                    basis: words("月均合格率", "monthly quality"),
                    before: "0.971000".into(),
                    after: "0.985000".into(),
                    change: "0.014000".into(),
                    interval: Some(["0.010000".into(), "0.018000".into()]),
                    direction: words("提高", "higher"),
                }],
                ..line(13)
            },
        ],
        scenes: vec![],
        checklist: vec![],
        lighthouse: vec![AskedLine {
            place: words(quote, quote),
            item: words("关键生产设备及其辅助设备联网上云", "key machines connected"),
            verdict: "partly",
            words: words("部分", "partly"),
            grade: Some("B"),
            found: vec!["util.calendar@1".into()],
            lacking: vec![words("点检：无数据", "checks: no data")],
        }],
        lighthouse_source: "昆明".into(),
        levels: vec![LevelLine {
            leaf: 3000,
            says: words("某评测机构 2026-05-01 现场评定：二级", "a body, on site 2026-05-01: level 2"),
            assessor: "a-1".into(),
            document: "ab".repeat(32),
            since: None,
        }],
    }
}

/// The filed plan as a paper: one chapter for each kind of evidence.
fn filed() -> Paper {
    let chapter = |id: &str, title: &str| Chapter {
        id: id.into(),
        title: title.into(),
        parts: vec![
            Part::Facts(vec![("备案编号".into(), "昆数转备〔2026〕17号".into())]),
            Part::Warning("超过实施期限".into()),
            Part::Table(Listing {
                head: vec![("设备".into(), 40), ("承诺".into(), 20)],
                rows: vec![Entry::new(["液压机".to_owned(), "是".to_owned()])],
            }),
        ],
    };
    let chapters = vec![chapter("filed_plan", "备案方案"), chapter("promised", "承诺与实际")];
    Paper { file: "备案方案.pdf".into(), title: "备案方案".into(), chapters, flows: false }
}

struct Made {
    built: Built,
    archive: Vec<u8>,
}

fn made(lang: Lang) -> Made {
    let report = report();
    let declared = BTreeMap::from([
        (2, json!({"machine": "press", "names": {"zh": "液压机", "en": "Hydraulic press"}})),
        (3000, json!({"date": "2026-05-01", "body": "某评测机构"})),
    ]);
    let source = Source { report: &report, checkpoint: CHECKPOINT, declared: &declared };
    let documents: Vec<(String, Vec<u8>)> =
        documents(&source).expect("documents").into_iter().map(|d| (d.name.to_owned(), d.bytes)).collect();
    let bundle = Bundle {
        name: "demo-works-retrofit-3678.gzbundle.zip".into(),
        sha256: protocol::sha256(BUNDLE).to_string(),
        bytes: BUNDLE.len() as u64,
    };
    let target = FiledTarget {
        name: "单位产品能耗".into(),
        promised: "降低 5 %".into(),
        base: "2025-11-01 – 2026-01-31".into(),
        method: "按产量折算".into(),
    };
    let built = build(&Input {
        source,
        lang,
        overlay: &Overlay::parse(DELIVERED[0].1).expect("overlay"),
        questionnaire: Some(&questionnaire()),
        papers: &[filed()],
        targets: &[target],
        documents: &documents,
        bundle: Some(&bundle),
    })
    .expect("a package");
    let archive = built.write(Cursor::new(Vec::new()), || Ok(BUNDLE)).expect("an archive").into_inner();
    if let Some(folder) = std::env::var_os("GZ_PACKAGE_OUT") {
        std::fs::write(Path::new(&folder).join(format!("package.{}.zip", lang.tag())), &archive).expect("written");
    }
    Made { built, archive }
}

/// The bundle goes into the archive as it is read: whoever has it gives a piece at a time.
#[test]
fn the_bundle_is_not_held_to_be_packed() {
    struct Long(u64, Rc<Cell<usize>>);
    impl Read for Long {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            self.1.set(self.1.get().max(buffer.len()));
            let length = buffer.len().min(self.0 as usize);
            buffer[..length].fill(7);
            self.0 -= length as u64;
            Ok(length)
        }
    }
    let made = made(Lang::En);
    let most = Rc::new(Cell::new(0));
    let long = || Ok(Long(40 << 20, Rc::clone(&most)));
    let archive = made.built.write(Cursor::new(Vec::new()), long).expect("an archive").into_inner();
    assert!(archive.len() > 40 << 20 && most.get() <= 1 << 16, "{} asked for at once", most.get());
}

/// What the second reader finds; nothing where there is no Python.
fn walked(made: &Made, lang: Lang) -> Option<Json> {
    let python = std::env::var_os("GZ_PYTHON").unwrap_or_else(|| "python3".into());
    if !Command::new(&python).arg("--version").output().is_ok_and(|out| out.status.success()) {
        assert!(std::env::var_os("CI").is_none(), "no Python; under CI nothing is skipped");
        println!("SKIPPED the walk through a package: {python:?} does not run");
        return None;
    }
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/second_reader/package.py");
    let folder = tempfile::tempdir().expect("folder");
    let (archive, json) = (folder.path().join("package.zip"), folder.path().join("report.json"));
    std::fs::write(&archive, &made.archive).expect("written");
    std::fs::write(&json, report()).expect("written");
    let out = Command::new(&python).arg(&script).args([&archive, &json]).arg(lang.tag()).output().expect("runs");
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    Some(serde_json::from_slice(&out.stdout).expect("JSON"))
}

fn root() -> String {
    protocol::note::Checkpoint::read_unverified(CHECKPOINT).expect("a note").root.to_string()
}

fn tight(text: &str) -> String {
    text.chars().filter(|c| !c.is_whitespace()).collect()
}

#[test]
fn the_folders_are_the_citys_and_the_same_input_gives_the_same_bytes() {
    let one = made(Lang::Zh);
    assert!(one.archive == made(Lang::Zh).archive, "two archives differ");
    let paths: Vec<&str> = one.built.files.iter().map(|f| f.path.as_str()).collect();
    assert_eq!(&paths[..3], [INDEX, SUMS, MISSING]);
    let overlay = Overlay::parse(DELIVERED[0].1).expect("overlay");
    for (i, folder) in overlay.folder.iter().enumerate() {
        let name = format!("{:02} {}/", i + 1, folder.names.zh);
        assert!(paths.iter().any(|p| p.starts_with(&name)), "no {name}: {paths:?}");
    }
    for path in [
        "02 备案方案与变更/备案方案.pdf",
        "03 验收申请材料/数字化改造成效数据佐证报告.pdf",
        "03 验收申请材料/demo-works-retrofit-3678.gzbundle.zip",
        "03 验收申请材料/评测指标逐题佐证.pdf",
        "04 绩效自评/绩效自评表.xlsx",
        "06 小灯塔 数字化改造/设备台账.xlsx",
    ] {
        assert_eq!(paths.iter().filter(|p| **p == path).count(), 1, "{path}: {paths:?}");
    }
    // Every entry of the directory: names are marked as UTF-8 where they are not ASCII, times are the same.
    let headers: Vec<&[u8]> = one.archive.windows(46).filter(|w| w.starts_with(b"PK\x01\x02")).collect();
    assert_eq!(headers.len(), paths.len());
    for (header, path) in headers.iter().zip(&paths) {
        assert_eq!(header[9] & 0x08 != 0, !path.is_ascii(), "{path} is not marked as UTF-8");
        assert_eq!(header[12..16], headers[0][12..16], "{path} has another time");
    }
}

#[test]
fn every_scored_item_is_one_click_or_one_page_turn_from_the_index() {
    for lang in Lang::ALL {
        let made = made(lang);
        let Some(walk) = walked(&made, lang) else { return };
        let overlay = Overlay::parse(DELIVERED[0].1).expect("overlay");
        let package = practice::package::fill(&overlay, &BTreeMap::new(), &BTreeSet::new());
        let mut wanted: Vec<String> =
            package.folders.iter().flat_map(|f| &f.items).map(|item| item.item.clone()).collect();
        wanted.extend((1..=15).map(|n| format!("miit.2024@1 Q{n}")));
        let index: String =
            walk["papers"][INDEX].as_array().expect("pages").iter().filter_map(|p| p["words"].as_str()).collect();
        let label = if lang == Lang::Zh { "编号" } else { "Id" };
        for id in &wanted {
            let says =
                |l: &&Json| l["words"].as_str().unwrap_or_default().lines().any(|line| line == format!("{label} {id}"));
            let led: Vec<&Json> = walk["links"].as_array().expect("links").iter().filter(says).collect();
            let link = led.first().unwrap_or_else(|| panic!("no link to the page of {id}"));
            // By page turn: the index prints the item's id, the page and the code that the page itself carries.
            let (page, code) = (link["page"].as_u64().expect("page"), link["code"].as_str().expect("code"));
            let turn = if lang == Lang::Zh { format!("第{page}页") } else { format!("page{page}") };
            let (row, tightly) = (tight(&format!("{id} {code}")), tight(&index));
            assert!(index.lines().any(|line| line == id), "{row}: the index does not name it");
            assert!(index.contains(code) && tightly.contains(&turn), "{id}: {code}, {turn}");
            let proof = made.built.proofs.iter().find(|p| p.id == *id).expect("a proof");
            assert_eq!(
                (proof.file.as_str(), proof.page as u64, proof.code.as_str()),
                (link["file"].as_str().unwrap(), page, code)
            );
        }
        assert_eq!(made.built.proofs.len(), wanted.len());
        // From the page of an item its evidence is one click further.
        let inside = walk["inside"].as_array().expect("links");
        for file in
            ["数字化改造成效数据佐证报告.pdf", "绩效自评表.xlsx", "设备台账.xlsx", "备案方案.pdf", ".gzbundle.zip"]
        {
            assert!(inside.iter().any(|l| l["file"].as_str().unwrap().ends_with(file)), "nothing leads to {file}");
        }
        // The page of the report that a row names is the chapter it says.
        let energy = if lang == Lang::Zh { "能源资源利用率" } else { "Energy" };
        let report = inside.iter().filter(|l| l["file"].as_str().unwrap().ends_with("佐证报告.pdf"));
        assert!(report.into_iter().any(|l| l["words"].as_str().unwrap().contains(energy)), "no link to {energy}");
    }
}

#[test]
fn every_paper_says_what_it_rests_on_and_nothing_of_levels_or_acceptance() {
    for lang in Lang::ALL {
        let made = made(lang);
        let Some(walk) = walked(&made, lang) else { return };
        for (name, pages) in walk["papers"].as_object().expect("papers") {
            let pages = pages.as_array().expect("pages");
            let words: String = pages.iter().filter_map(|p| p["words"].as_str()).collect();
            let first = tight(pages[0]["words"].as_str().unwrap());
            let digest = protocol::sha256(&report()).to_string();
            assert!(first.contains(&digest) && first.contains(&root()), "{name}");
            assert!(pages.iter().all(|p| p["frame"].to_string().contains("模拟数据 SIMULATED")), "{name}: not marked");
            for bad in
                ["验收通过", "通过验收", "达到一级", "达到二级", "passed acceptance", "6/29.5", "6/6", "可佐证 6"]
            {
                assert!(!words.contains(bad), "{name} says {bad}");
            }
        }
        let all: String = walk["papers"].to_string();
        let whose = if lang == Lang::Zh {
            "得分与意见：由评测机构填写"
        } else {
            "Points and remarks: written by the assessing body"
        };
        assert_eq!(all.matches(whose).count(), 15, "room for the assessor on every question's page");
    }
}

#[test]
fn what_is_there_is_filled_and_what_is_not_is_named_with_whom_it_comes_from() {
    let made = made(Lang::Zh);
    let item = |id: &str| made.built.package.folders.iter().flat_map(|f| &f.items).find(|i| i.item == id).unwrap();
    assert_eq!(item("filed").filled, Filled::Ours);
    assert_eq!(item("e-2").filled, Filled::Ours);
    assert_eq!(item("changes").filled, Filled::Missing);
    assert_eq!(item("sheet").lacks[0].names.zh, "补助测算表");
    assert_eq!((item("assessed").filled, item("reassessed").filled), (Filled::Partly, Filled::Missing));
    assert_eq!(item("promised").places[0].page.as_deref(), Some("2"));
    let Some(walk) = walked(&made, Lang::Zh) else { return };
    let missing: String =
        walk["papers"][MISSING].as_array().unwrap().iter().filter_map(|p| p["words"].as_str()).collect();
    let missing = tight(&missing);
    for (what, from) in [("补助测算表", "未测算"), ("改造后评测等级记录", "评测机构"), ("营业执照扫描件", "企业")]
    {
        let at = missing.find(&tight(what)).unwrap_or_else(|| panic!("{what}: {missing}"));
        assert!(missing[at..].contains(from), "{what} from {from}");
    }
    assert!(!missing.contains("备案方案在系统"), "{missing}");
}

#[test]
fn the_table_of_self_assessment_has_the_reports_rows_and_leaves_the_rest_to_whom_it_belongs() {
    let made = made(Lang::Zh);
    let file = made.built.files.iter().find(|f| f.path.ends_with("绩效自评表.xlsx")).unwrap();
    let mut book: Xlsx<_> = Xlsx::new(Cursor::new(file.bytes.clone().unwrap())).unwrap();
    let sheet = book.worksheet_range("绩效自评表").unwrap();
    let rows: Vec<Vec<String>> = sheet.rows().map(|r| r.iter().map(ToString::to_string).collect()).collect();
    assert!(rows[0][0].contains("模拟数据 SIMULATED"), "{:?}", rows[0]);
    let oee = rows.iter().find(|r| r[2] == "oee.iso22400@1").unwrap();
    assert!(
        oee[5].contains("提高不少于 5") && oee[11] == "达标" && oee[14] == "系统佐证" && oee[15] == "企业填报",
        "{oee:?}"
    );
    let at = rows.iter().position(|r| r == oee).unwrap();
    assert!(matches!(sheet.get((at, 6)), Some(Data::Float(v)) if *v > 0.0), "a number is a number: {oee:?}");
    let filed = rows.iter().find(|r| r[1] == "单位产品能耗").unwrap();
    assert!(filed[5] == "降低 5 %" && filed[7..13].iter().all(|v| v == "企业填报"), "{filed:?}");
    let level = rows.iter().find(|r| r[1] == "数字化水平等级").unwrap();
    assert!(level[5..14].iter().all(|v| v == "评测机构填写"), "{level:?}");
    let safety = rows.iter().find(|r| r[1].starts_with("安全")).unwrap();
    assert!(safety[5..14].iter().all(|v| v == "企业填报"), "{safety:?}");
    let source = book.worksheet_range("来源与核验").unwrap();
    let source: String = source.rows().flatten().map(ToString::to_string).collect();
    assert!(source.contains(&protocol::sha256(&report()).to_string()) && source.contains(&root()), "{source}");
}
