//! Tables as people hand them in, and what each becomes: declarations, or a list of what is wrong in their own words.

use metrics::statements::Statements;
use proptest::prelude::*;
use protocol::Declaration;
use serde_json::{Value as Json, json};

use super::kinds::{self, Kind};
use super::weigh::Beside;
use super::*;

mod beside;
mod workbook;

/// 2026-04-20 10:00 in Shanghai, a Monday.
const NOW_MS: i64 = 1_776_650_400_000;
const DAY_MS: i64 = 86_400_000;

/// A site with a press that is read, a lathe that is not, an incoming meter, a calendar, a plan and its lock.
struct Works {
    statements: Statements,
    leaves: u64,
    now_ms: i64,
}

impl Works {
    fn new() -> Self {
        let mut works = Self { statements: Statements::default(), leaves: 0, now_ms: NOW_MS - 90 * DAY_MS };
        works.state("site", json!({"names": {"zh": "厂", "en": "Works"}, "zone": "Asia/Shanghai"}));
        works.state("calendar", json!({"holidays": ["2026-01-01"], "shifts": [
            {"shift": "day", "names": {"zh": "白班", "en": "Day"}, "start": "08:00", "end": "20:00", "weekdays": [1, 2, 3, 4, 5, 6]}]}));
        works.state("machine", json!({"machine": "press", "names": {"zh": "一号冲床", "en": "Press 1"}, "critical": true,
            "signals": {"run": {"gateway": "gw", "tag": "press/run"}}, "state_rule": {"run_bit": {"run_value": 1, "otherwise": "idle"}}}));
        works.state("machine", json!({"machine": "lathe", "names": {"zh": "车床", "en": "Lathe"}, "signals": {}}));
        works.state("machine", json!({"machine": "lathe-2", "names": {"zh": "车床", "en": "Lathe 2"}, "signals": {}}));
        works.state(
            "machine",
            json!({"machine": "main", "names": {"zh": "总表", "en": "Incoming"}, "role": "meter", "signals": {}}),
        );
        works.state("cycle_time", json!({"machine": "press", "item_us": 12_000_000}));
        works.state("plan", json!({"plan": "retrofit", "machines": ["press"], "incoming": "main",
            "baseline": {"from": "2026-02-02", "to": "2026-03-15"}, "reporting": {"from": "2026-03-16", "to": "2026-05-10"}}));
        works.now_ms = NOW_MS;
        works
    }

    fn locked() -> Self {
        let mut works = Self::new();
        works.state(
            "baseline_lock",
            json!({"plan": "retrofit", "plan_leaf": 7, "definition": "oee.iso22400@1", "machine": "*",
            "machines": ["press"], "size": 8, "numerator": "1", "denominator": "2", "value": "0.5", "parameters": [],
            "parameters_digest": "", "sufficient": true, "days": [28, 28], "shifts": [30, 30]}),
        );
        works
    }

    fn state(&mut self, kind: &str, body: Json) {
        let (author, role) = ("p-1".to_owned(), "firm".to_owned());
        let declaration = Declaration {
            kind: kind.to_owned(),
            effective_from: self.now_ms,
            author,
            role,
            reason: String::new(),
            body,
        };
        self.push(declaration);
    }

    fn push(&mut self, declaration: Declaration) {
        self.statements.push(self.leaves, self.now_ms, declaration);
        self.leaves += 1;
        assert_eq!(self.statements.bad(), []);
    }

    fn import(&self, kind: &str, bytes: &[u8]) -> Import {
        let zone = crate::evaluate::csv::zone("Asia/Shanghai").unwrap();
        prepare(kind_of(kind), bytes, &Against { statements: &self.statements, zone, now_ms: self.now_ms })
    }

    /// Declares what an import would, as the server does.
    fn declare(&mut self, import: &Import) -> usize {
        assert_eq!(import.wrong, []);
        let new: Vec<_> = import.items.iter().filter(|i| i.is_to_declare()).cloned().collect();
        for item in &new {
            let draft = &item.draft;
            let effective_from = draft.effective.unwrap_or(self.now_ms);
            let (author, role) = ("p-1".to_owned(), "firm".to_owned());
            let (kind, body) = (draft.kind.to_owned(), draft.body.clone());
            self.push(Declaration { kind, effective_from, author, role, reason: String::new(), body });
        }
        new.len()
    }
}

fn kind_of(id: &str) -> &'static Kind {
    kinds::find(id).unwrap_or_else(|| panic!("no kind {id}"))
}

/// Line and column of everything wrong, with both languages after them.
fn places(import: &Import) -> Vec<(u32, String)> {
    import.wrong.iter().map(|w| (w.line, w.column.clone())).collect()
}

/// Imports a table that is wrong in one place only.
fn wrong(kind: &str, text: &str) -> Wrong {
    let import = Works::new().import(kind, text.as_bytes());
    assert!(import.items.is_empty(), "nothing is declared while something is wrong: {text}");
    match import.wrong.as_slice() {
        [one] => one.clone(),
        other => panic!("{text}\n{other:#?}"),
    }
}

const QUALITY: &str = "设备,生产日期,班次,不良件数\n";

#[test]
fn every_wrong_cell_is_named_in_the_words_of_the_file_and_in_both_languages() {
    let row = |row: &str| format!("{QUALITY}{row}\n");
    for (kind, text, line, column, zh, en) in [
        ("quality_count", row("pres,2026-03-11,day,1"), 2, "设备", "没有设备「pres」", "there is no machine `pres`"),
        ("quality_count", row("车床,2026-03-11,day,1"), 2, "设备", "有 2 台设备", "name of 2 machines"),
        ("quality_count", row("press,2026-02-30,day,1"), 2, "生产日期", "不是日期", "not a date"),
        ("quality_count", row("press,3/11/2026,day,1"), 2, "生产日期", "不是日期", "not a date"),
        ("quality_count", row("press,2026-04-21,day,1"), 2, "生产日期", "在将来", "in the future"),
        ("quality_count", row("press,2026-03-11,晚班,1"), 2, "班次", "没有班次「晚班」", "no shift `晚班`"),
        ("quality_count", row("press,2026-03-11,day,-3"), 2, "不良件数", "不是 0 至", "not a whole number from 0"),
        ("quality_count", row("press,2026-03-11,day,\"1,200\""), 2, "不良件数", "千位分隔符", "thousands separators"),
        ("quality_count", row("press,2026-03-11,day,12 件"), 2, "不良件数", "不是数字", "not a number"),
        ("quality_count", row("press,2026-03-11,day,1.5"), 2, "不良件数", "不是 0 至", "not a whole number"),
        (
            "quality_count",
            row("press,2026-03-11,day,#REF!"),
            2,
            "不良件数",
            "单元格是错误值 #REF!",
            "the cell is the error #REF!",
        ),
        ("quality_count", row("press,2026-03-11,day,"), 2, "不良件数", "必填", "must not be empty"),
        ("quality_count", row("press,2026-03-11,day,1,x"), 2, "", "在表头之外", "no heading"),
        // As a spreadsheet pads every line: the heading is there, and empty.
        (
            "quality_count",
            "设备,生产日期,班次,不良件数,\npress,2026-03-11,day,1,x\n".to_owned(),
            2,
            "",
            "在表头之外",
            "no heading",
        ),
        (
            "quality_count",
            row("press,2026-03-11,day,1\n\n一号冲床,2026/3/11,白班,2"),
            4,
            "",
            "与第 2 行重复",
            "the same as line 2",
        ),
        (
            "planned_stop",
            "machine,from,to,reason\npress,2026-05-01 10:00,2026-05-01 08:00,x".into(),
            2,
            "to",
            "结束不晚于开始",
            "not after",
        ),
        (
            "planned_stop",
            "machine,from,to,reason\npress,2026-05-01,2026-05-02 08:00,x".into(),
            2,
            "from",
            "不是日期和时间",
            "time of day",
        ),
        ("stop_reason", "machine,at,reason\npress,2026-04-20 10:01,x".into(), 2, "at", "在将来", "in the future"),
        ("cycle_time", "设备,每件秒数\npress,0".into(), 2, "每件秒数", "大于 0", "more than 0"),
        ("cycle_time", "设备,每件秒数\npress,0.1234567".into(), 2, "每件秒数", "小数超过 6 位", "more than 6 decimals"),
        ("cycle_time", "设备,每件秒数,生效日期\npress,1,2027-06-01".into(), 2, "生效日期", "一年以后", "a year ahead"),
        (
            "bill",
            bill("电,0530,2026-03-01,2026-03-31,1,kWh,局,账单"),
            2,
            "能源",
            "不在可选范围",
            "not one of the choices",
        ),
        (
            "bill",
            bill("电力,0530,2026-03-31,2026-03-01,1,kWh,局,账单"),
            2,
            "结束日期",
            "早于开始日期",
            "before the first",
        ),
        ("bill", bill("电力,0530,2026-03-01,2026-03-31,-1,kWh,局,账单"), 2, "用量", "超出 0 至", "not from 0"),
        ("bill", bill("电力,0530,2024-01-01,2026-03-31,1,kWh,局,账单"), 2, "结束日期", "days after", "days after"),
        ("ledger", "设备标识,名称\n冲床,冲床".into(), 2, "设备标识", "不能作标识", "not an id"),
        ("ledger", "设备标识,名称,日历\nx,冲床,night".into(), 2, "日历", "没有日历「night」", "no calendar `night`"),
        (
            "calendar",
            "shift,start,end,weekdays\nday,08:00,20:00,工作日".into(),
            2,
            "weekdays",
            "星期几",
            "which weekdays",
        ),
        (
            "calendar",
            "shift,start,end,weekdays\nday,8点,20:00,一至五".into(),
            2,
            "start",
            "不是时刻",
            "not a time of day",
        ),
        (
            "calendar",
            "shift,start,end,weekdays\nday,08:00,20:00,1-5\nday,20:00,08:00,1-5".into(),
            3,
            "shift",
            "重复",
            "twice",
        ),
        ("calendar_day", "date,day,calendar\n2026-05-01,休息,night".into(), 2, "calendar", "没有日历", "no calendar"),
        (
            "meter",
            "machine,register,ct_primary\nmain,一次侧,600".into(),
            2,
            "CT 二次",
            "同时填一次和二次",
            "both its primary",
        ),
        ("adjustment", adjustment("nothing,e1,p-1,p-2,剔除,"), 2, "plan", "已有方案", "no plan `nothing`"),
        ("adjustment", adjustment("retrofit,e1,p-1,p-1,剔除,"), 2, "approver", "另一个人", "somebody else"),
        ("adjustment", adjustment("retrofit,e1,p-1,p-2,扣减,"), 2, "corrections", "每日扣减", "kWh to take off"),
        (
            "revenue",
            "from,to,amount,source,digest\n2025-01-01,2025-12-31,1,x,abc".into(),
            2,
            "digest",
            "不是 SHA-256",
            "not a SHA-256",
        ),
    ] {
        let found = wrong(kind, &text);
        let (what, todo) = (&found.what, &found.todo);
        let all = format!("{} {} {} {}", what.zh, todo.zh, what.en, todo.en);
        assert_eq!((found.line, found.column.as_str()), (line, column), "{text}\n{found:#?}");
        assert!(all.contains(zh) && all.contains(en), "{text}\n{zh} / {en}\n{found:#?}");
        assert!(!todo.zh.is_empty() && !todo.en.is_empty(), "{found:#?}");
    }
}

fn bill(row: &str) -> String {
    format!("能源,户号,开始日期,结束日期,用量,单位,供能单位,来源\n{row}\n")
}

fn adjustment(row: &str) -> String {
    let mut cells = row.split(',');
    let mut next = || cells.next().unwrap_or_default();
    let (plan, id, proposer, approver, treatment, corrections) = (next(), next(), next(), next(), next(), next());
    format!(
        "plan,id,from,to,kind,evidence,proposer,approver,reason,treatment,corrections\n\
         {plan},{id},2026-03-02,2026-03-04,停电,通知,{proposer},{approver},检修,{treatment},{corrections}\n"
    )
}

#[test]
fn wrong_columns_say_which_are_expected_and_which_there_are() {
    let other = Works::new().import("quality_count", "设备,日期,班次,不良件数\npress,2026-03-11,day,1\n".as_bytes());
    assert_eq!(places(&other), [(1, "日期".to_owned()), (1, String::new())], "not known, and missing: {other:#?}");
    let import = Works::new().import("quality_count", "设备,班次,不良件数\npress,day,1\n".as_bytes());
    let [one] = import.wrong.as_slice() else { panic!("{import:#?}") };
    assert!(one.what.zh.contains("缺少列：生产日期") && one.what.zh.contains("设备、班次、不良件数"), "{one:#?}");
    assert!(
        one.what.en.contains("columns are missing: Production date")
            && one.todo.en.contains("needed: Machine, Production date"),
        "{one:#?}"
    );
    let none = wrong("bill", "a,b\n1,2\n");
    assert!(none.what.zh.contains("没有「能源账单」的表头") && none.what.en.contains("Line 1 has: a, b"), "{none:#?}");
    assert!(wrong("bill", "").what.en.contains("empty"));
    assert!(wrong("bill", "\n\n  ,\n").what.zh.contains("空"));
    let twice = wrong("cycle_time", "设备,每件秒数,Machine\npress,1,press\n");
    assert_eq!((twice.line, twice.column.as_str()), (1, "Machine"));
    let below = wrong("cycle_time", "设备,每件秒数\n# press,1\n");
    assert!(below.what.en.contains("nothing below"), "{below:#?}");
    // Left out on purpose, and said.
    let fine = Works::new().import("cycle_time", "设备,每件秒数,#备注\npress,1,旧\n".as_bytes());
    assert!(fine.wrong.is_empty() && fine.notes.iter().any(|n| n.zh.contains("#备注")), "{fine:#?}");
    // Also as the first column, where most tables count their lines.
    let first = Works::new().import("cycle_time", "#序号,设备,每件秒数\n1,press,1\n".as_bytes());
    assert!(first.wrong.is_empty() && first.items.len() == 1, "{first:#?}");
}

#[test]
fn a_misspelt_column_is_refused_with_the_one_that_was_meant() {
    let import = Works::new().import(
        "bill",
        "能源,户号,开始日期,结束日期,用量,单位,供能单位,来源,Withdrwan\n电力,1,2026-03-01,2026-03-31,1,kWh,局,账单,\n"
            .as_bytes(),
    );
    let [one] = import.wrong.as_slice() else { panic!("{import:#?}") };
    assert!(one.column == "Withdrwan" && one.todo.en.contains("perhaps `Withdrawn`"), "{one:#?}");
}

#[test]
fn a_file_reads_the_same_in_every_encoding_and_with_every_separator() {
    let text = "设备,生产日期,班次,不良件数\r\n一号冲床,2026/3/11,白班,12\r\n";
    let works = Works::new();
    let plain = works.import("quality_count", text.as_bytes());
    assert_eq!(plain.wrong, []);
    let utf16: Vec<u8> = [0xFF, 0xFE].into_iter().chain(text.encode_utf16().flat_map(u16::to_le_bytes)).collect();
    let gbk = encoding_rs::GBK.encode(text).0.into_owned();
    assert_ne!(gbk, text.as_bytes());
    for bytes in [
        format!("\u{feff}{text}").into_bytes(),
        text.replace(',', ";").into_bytes(),
        text.replace(',', "\t").into_bytes(),
        format!("sep=;\n{}", text.replace(',', ";")).into_bytes(),
        text.replace("\r\n", "\r").into_bytes(),
        gbk,
        utf16,
    ] {
        let read = works.import("quality_count", &bytes);
        assert_eq!(read.wrong, [], "{bytes:?}");
        assert_eq!(read.items[0].draft.body, plain.items[0].draft.body, "{bytes:?}");
    }
    let gb = works.import("quality_count", &encoding_rs::GB18030.encode(text).0);
    assert!(gb.notes.iter().any(|n| n.zh.contains("GB18030")), "{:?}", gb.notes);
    for (bytes, zh) in [
        (b"\x93\xff\xfe\x00".to_vec(), "文件不是文本：既不是 UTF-8，也不是 GBK"),
        (b"a\0b".to_vec(), "空字节"),
        (b"%PDF-1.7".to_vec(), "PDF"),
        (b"\xD0\xCF\x11\xE0\xA1".to_vec(), "旧版 Excel"),
        ("设备，每件秒数\npress，1".into(), "中文逗号"),
        ("设备,每件秒数\n\"press,1\n".into(), "双引号没有结束"),
        (vec![b'x'; FILE_MAX + 1], "超过 2 MiB"),
        (format!("设备,每件秒数\n{}", "press,1\n".repeat(ROWS_MAX)).into(), "超过 2000 行"),
        (format!("设备,每件秒数\n{},1\n", "x".repeat(5_000)).into(), "超过 4096 字节"),
        (format!("设备{}\n", ",a".repeat(80)).into(), "超过 64 列"),
    ] {
        let import = works.import("cycle_time", &bytes);
        let [one] = import.wrong.as_slice() else { panic!("{zh}: {import:#?}") };
        assert!(one.what.zh.contains(zh) && !one.todo.en.is_empty(), "{zh}: {one:#?}");
        let no_text = one.what.en == "the file is no text: neither UTF-8 nor GBK";
        assert_eq!(no_text, zh.starts_with("文件不是文本"), "{one:#?}");
    }
}

#[test]
fn lines_are_counted_as_an_editor_counts_them_and_titles_stand_above() {
    let text = "冲压车间,,\n设备,停机时刻,原因\npress,2026-03-11 09:00,\"换\n模\"\n\npress,2026-13-11 09:00,x\n";
    let import = Works::new().import("stop_reason", text.as_bytes());
    assert_eq!(places(&import), [(6, "停机时刻".to_owned())], "{import:#?}");
    assert!(
        import.notes.iter().any(|n| n.en.contains("above the header (line 2) were taken as titles: 1")),
        "{:?}",
        import.notes
    );
}

#[test]
fn every_template_is_empty_and_every_example_reads() {
    let works = Works::new();
    for kind in kinds::ALL {
        let text = template::csv(kind);
        assert!(text.starts_with('\u{feff}') && text.ends_with("\r\n"));
        let empty = works.import(kind.id, text.as_bytes());
        assert!(empty.items.is_empty() && empty.wrong.len() == 1, "{}: {empty:#?}", kind.id);
        assert!(empty.wrong[0].what.en.contains("nothing below the header"), "{}", kind.id);
        let filled = works.import(kind.id, text.replace("\r\n# ", "\r\n").as_bytes());
        assert_eq!(filled.wrong, [], "{}", kind.id);
        assert!(!filled.items.is_empty() && filled.notes.is_empty(), "{}: {filled:#?}", kind.id);
        for column in kind.columns {
            assert!(kind.columns.iter().filter(|c| c.names == column.names || c.id == column.id).count() == 1);
        }
    }
}

#[test]
fn the_ledger_keeps_what_it_does_not_speak_of() {
    let works = Works::new();
    let text = "设备标识,名称,类别,型号,是否联网\npress,1#冲床,高能耗,J21,是\nmill,铣床,,,\n";
    let import = works.import("ledger", text.as_bytes());
    assert_eq!(import.wrong, []);
    let kinds: Vec<_> = import.items.iter().map(|i| (i.draft.kind, i.draft.lines.as_slice())).collect();
    assert_eq!(kinds, [("machine", &[2][..]), ("ledger", &[2]), ("machine", &[3])]);
    let press = &import.items[0];
    assert_eq!(press.draft.body["signals"]["run"]["tag"], "press/run");
    assert_eq!((&press.draft.body["critical"], &press.draft.body["names"]["en"]), (&json!(true), &json!("Press 1")));
    let Beside::Supersedes { leaf: 2, changes } = &press.beside else { panic!("{press:#?}") };
    assert_eq!(changes.len(), 1, "only the name: {changes:?}");
    assert_eq!(
        import.items[1].draft.body,
        json!({"machine": "press", "class": "high_energy", "model": "J21", "networked": true})
    );
    assert_eq!(import.items[2].draft.body["signals"], json!({}), "a machine without tags is a machine");
}

#[test]
fn rows_of_one_calendar_or_instrument_are_one_statement() {
    let works = Works::new();
    let text =
        "班次,开始,结束,星期,休息\nday,08:00,20:00,周一至周六,12:00-12:30；17:00-17:30\nnight,20:00,08:00,每天,\n";
    let import = works.import("calendar", text.as_bytes());
    let [one] = import.items.as_slice() else { panic!("{import:#?}") };
    assert_eq!(
        (one.draft.lines.as_slice(), &one.draft.body["holidays"]),
        (&[2, 3][..], &json!(["2026-01-01"])),
        "holidays stay"
    );
    assert_eq!(one.draft.body["shifts"][0]["weekdays"], json!([1, 2, 3, 4, 5, 6]));
    assert_eq!(one.draft.body["shifts"][0]["breaks"][1], json!({"start": "17:00", "end": "17:30"}));
    let days =
        works.import("calendar_day", "日期,安排\n2026-05-01,休息\n2026-05-09,上班\n2026-01-01,按星期\n".as_bytes());
    let body = &days.items[0].draft.body;
    assert_eq!((&body["holidays"], &body["workdays"]), (&json!(["2026-05-01"]), &json!(["2026-05-09"])));
    let text = "machine,register,class,ct_primary,ct_secondary,certificate,certificate_number,issued,valid_until,certificate_of\n\
                main,一次侧,0.5S,600,5,检定,A1,2025-06-01,2028-05-31,表\nmain,一次侧,0.5S,600,5,检定,A2,2025-06-01,2028-05-31,CT\n";
    let meter = works.import("meter", text.as_bytes());
    assert_eq!(meter.wrong, []);
    assert_eq!(meter.items[0].draft.body["certificates"].as_array().map(Vec::len), Some(2));
    assert_eq!(meter.items[0].draft.body["ct"], json!({"primary": 600, "secondary": 5}));
    let differs = works.import("meter", text.replacen("0.5S", "1", 1).as_bytes());
    assert_eq!(places(&differs), [(3, "class".to_owned())], "{differs:#?}");
}

#[test]
fn the_same_rows_again_declare_nothing_and_a_correction_supersedes() {
    let mut works = Works::new();
    let text = format!("{QUALITY}press,2026-03-11,day,12\npress,2026-03-12,day,3\n");
    let first = works.import("quality_count", text.as_bytes());
    assert!(first.items.iter().all(|i| i.beside == Beside::New), "{first:#?}");
    assert_eq!(works.declare(&first), 2);
    let again = works.import("quality_count", text.replace("press", "一号冲床").as_bytes());
    assert!(again.items.iter().all(|i| matches!(i.beside, Beside::Same { .. })), "{again:#?}");
    assert_eq!(works.declare(&again), 0);
    let corrected = works.import("quality_count", text.replace(",12\n", ",14\n").as_bytes());
    let change = vec![("reject".to_owned(), "12".to_owned(), "14".to_owned())];
    assert_eq!(corrected.items[0].beside, Beside::Supersedes { leaf: 8, changes: change });
    assert_eq!(works.declare(&corrected), 1);
    assert_eq!(works.statements.quality("press", "2026-03-11", "day").map(|q| q.body.reject), Some(14));
    // What holds from a date on: the same time, said again later, changes nothing.
    let cycle = works.import("cycle_time", "设备,产品,每件秒数,每循环件数\npress,*,12.000,1\n".as_bytes());
    assert_eq!(cycle.items[0].beside, Beside::Same { leaf: 6 });
    // An exchange of a meter is known by its machine and time.
    let exchange = |last: &str, more: &str| {
        format!("machine,at,old_final,new_initial,withdrawn\npress,2026-03-14 09:00,{last},0,{more}\n").into_bytes()
    };
    assert_eq!(works.declare(&works.import("meter_replaced", &exchange("98231", ""))), 1);
    let (corrected, withdrawn) = (
        works.import("meter_replaced", &exchange("98241", "")),
        works.import("meter_replaced", &exchange("98231", "是")),
    );
    let change = ("old_final_raw".to_owned(), "98231".to_owned(), "98241".to_owned());
    for (import, change) in [(corrected, change), (withdrawn, ("withdrawn".into(), "false".into(), "true".into()))] {
        assert!(
            matches!(&import.items[0].beside, Beside::Supersedes { changes, .. } if changes[..] == [change]),
            "{import:#?}"
        );
    }
    for kind in kinds::ALL {
        let text = template::csv(kind).replace("\r\n# ", "\r\n");
        let mut works = Works::new();
        let import = works.import(kind.id, text.as_bytes());
        works.declare(&import);
        let import = works.import(kind.id, text.as_bytes());
        assert_eq!(works.declare(&import), 0, "{}: {import:#?}", kind.id);
    }
}

#[test]
fn what_is_late_or_beside_a_lock_is_said_before_it_is_declared() {
    let works = Works::locked();
    let notices = |kind: &str, text: &str| -> String {
        let import = works.import(kind, text.as_bytes());
        assert_eq!(import.wrong, [], "{text}");
        import.items.iter().flat_map(|i| &i.notices).map(|(_, n)| format!("{} {}\n", n.zh, n.en)).collect()
    };
    let cycle = "设备,每件秒数,生效日期\n";
    assert!(notices("cycle_time", &format!("{cycle}press,11,2026-03-01\n")).contains("追溯 50 天"));
    assert!(notices("cycle_time", &format!("{cycle}press,11,\n")).contains("基期已锁定（日志第 8 条）"));
    assert_eq!(notices("cycle_time", &format!("{cycle}lathe,11,\n")), "", "another machine than the plan's");
    assert!(notices("quality_count", &format!("{QUALITY}press,2026-03-11,day,1\n")).contains("locked"));
    assert!(
        !notices("quality_count", &format!("{QUALITY}press,2026-04-19,day,1\n")).contains("locked"),
        "after the baseline"
    );
    let stop = notices("planned_stop", "machine,from,to,reason\npress,2026-04-01 08:00,2026-04-01 09:00,x\n");
    assert!(stop.contains("按非计划停机计算") && !stop.contains("locked"), "{stop}");
    assert!(notices("bill", &bill("电力,1,2026-03-01,2026-03-31,1,kWh,局,账单")).contains("graded D"));
    let withdrawn = "from,to,amount,source,withdrawn\n2025-01-01,2025-12-31,1,x,是\n";
    assert!(notices("revenue", withdrawn).contains("nothing to withdraw"));
}

#[test]
fn a_row_about_either_side_of_a_locked_comparison_says_so() {
    let mut works = Works::new();
    works.state(
        "plan",
        json!({"plan": "beside", "machines": ["lathe"], "comparison": {"machines": [{"machine": "lathe-2"}]},
        "reporting": {"from": "2026-05-04", "to": "2026-06-28"}}),
    );
    let lock = metrics::plan::lock_comparison(&works.statements, 9, "beside").unwrap();
    works.state("comparison_lock", serde_json::to_value(lock).unwrap());
    let notices = |machine: &str| -> String {
        let import = works.import("cycle_time", format!("设备,每件秒数,生效日期\n{machine},11,\n").as_bytes());
        import.items.iter().flat_map(|i| &i.notices).map(|(_, said)| said.zh.clone()).collect()
    };
    for machine in ["lathe", "lathe-2"] {
        assert!(notices(machine).contains("方案 beside 的对照已锁定（日志第 9 条）"), "{machine}");
    }
    assert_eq!(notices("press"), "");
}

#[test]
fn where_a_statement_comes_from_stands_at_the_end_of_its_reason() {
    let digest = protocol::sha256(b"abc");
    let text = provenance("三月\"检验\".csv", &digest, &[2, 3]);
    assert_eq!(text, format!(" [import \"三月_检验_.csv\" sha256={} line=2,3]", digest.hex()));
    let many: Vec<u32> = (1..=30).collect();
    assert!(provenance("a", &digest, &many).ends_with(",20,…]"));
}

#[test]
fn amounts_are_integers_in_the_bodies() {
    let works = Works::new();
    let head = "machine,batch,product,from,to,unit,good,rejected,charged,charged_unit\n";
    let import = works.import(
        "batch",
        format!("{head}press,B1,A,2026-03-11 08:00,2026-03-11T12:00:00+08:00,千克,480.5,0,1,吨\n").as_bytes(),
    );
    assert_eq!(import.wrong, []);
    let body = &import.items[0].draft.body;
    assert_eq!(
        (&body["good_micro"], &body["charged"]),
        (&json!(480_500_000), &json!({"micro": 1_000_000, "unit": "t"}))
    );
    assert_eq!(body["to_ms"].as_i64().zip(body["from_ms"].as_i64()).map(|(b, a)| b - a), Some(4 * 3_600_000));
    let event =
        works.import("adjustment", adjustment("retrofit,e1,p-1,p-2,扣减,2026-03-03=12.5；2026/3/4=-1").as_bytes());
    assert_eq!(event.wrong, []);
    assert_eq!(event.items[0].draft.body["treatment"]["correct"][1], json!({"date": "2026-03-04", "kwh": "-1"}));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever the bytes, the answer is a list.
    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..600), which in 0..kinds::ALL.len()) {
        let works = Works::locked();
        let kind = kinds::ALL[which];
        for head in ["", "\u{feff}", "PK\u{3}\u{4}"] {
            let all = [head.as_bytes(), &bytes].concat();
            let import = works.import(kind.id, &all);
            prop_assert!(import.wrong.is_empty() != import.items.is_empty());
        }
    }

    /// Whatever stands in the cells, each row is declared or named.
    #[test]
    fn no_cells_make_it_panic(cells in proptest::collection::vec("[ -~一-三，；#\"0-9:/.-]{0,24}", 1..40), which in 0..kinds::ALL.len()) {
        let works = Works::locked();
        let kind = kinds::ALL[which];
        let header: Vec<Cell> = kind.columns.iter().map(|c| Cell::Text(c.names[1].to_owned())).collect();
        let width = header.len();
        let lines = cells.chunks(width).enumerate().map(|(i, row)| Line { number: i as u32 + 2, cells: row.iter().map(|c| cell_of(c)).collect() });
        let lines = [Line { number: 1, cells: header }].into_iter().chain(lines).collect();
        let zone = crate::evaluate::csv::zone("Asia/Shanghai").unwrap();
        let against = Against { statements: &works.statements, zone, now_ms: NOW_MS };
        let import = prepare_table(kind, &Table { lines, ..Table::default() }, &against);
        prop_assert!(import.wrong.is_empty() != import.items.is_empty());
    }
}

#[test]
fn what_the_table_itself_ends_in_between_is_said_again() {
    let mut works = Works::new();
    works.declare(&works.import("cycle_time", "设备,每件秒数,生效日期\npress,12,2026-01-01\n".as_bytes()));
    // Ten seconds in March only: April says again what was said in January.
    let file = "设备,每件秒数,生效日期\npress,10,2026-02-01\npress,12,2026-03-01\n".as_bytes();
    let import = works.import("cycle_time", file);
    assert_eq!(works.declare(&import), 2, "{import:#?}");
    assert_eq!(works.declare(&works.import("cycle_time", file)), 0);
}
