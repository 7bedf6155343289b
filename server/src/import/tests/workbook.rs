//! Workbooks: dates as serial numbers, errors, merged cells, other sheets, and what is no workbook at all.

use std::io::Write as _;

use super::*;

/// A date's serial number.
fn serial(date: &str) -> i64 {
    let epoch = jiff::civil::date(1899, 12, 30);
    i64::from(epoch.until(date.parse::<jiff::civil::Date>().unwrap()).unwrap().get_days())
}

/// Packs files.
fn pack(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, bytes) in files {
        zip.start_file(*name, zip::write::SimpleFileOptions::default()).unwrap();
        zip.write_all(bytes).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

/// A workbook of sheets: name, state, rows as XML, and what follows the rows.
fn workbook(sheets: &[(&str, &str, String, &str)]) -> Vec<u8> {
    const MAIN: &str = "http://schemas.openxmlformats.org/spreadsheetml/2006/main";
    const RELS: &str = "http://schemas.openxmlformats.org/package/2006/relationships";
    const OFFICE: &str = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
    let each = |f: &dyn Fn(usize, &(&str, &str, String, &str)) -> String| -> String {
        sheets.iter().enumerate().map(|(i, s)| f(i + 1, s)).collect()
    };
    let types = each(&|i, _| {
        format!(
            "<Override PartName=\"/xl/worksheets/sheet{i}.xml\" ContentType=\"application/vnd.openxmlformats-officedocument.spreadsheetml.worksheet+xml\"/>"
        )
    });
    let types = format!(
        "<Types xmlns=\"http://schemas.openxmlformats.org/package/2006/content-types\"><Default Extension=\"rels\" ContentType=\"application/vnd.openxmlformats-package.relationships+xml\"/><Override PartName=\"/xl/workbook.xml\" ContentType=\"application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml\"/>{types}</Types>"
    );
    let book = each(&|i, s| format!("<sheet name=\"{}\" sheetId=\"{i}\" state=\"{}\" r:id=\"rId{i}\"/>", s.0, s.1));
    let book = format!("<workbook xmlns=\"{MAIN}\" xmlns:r=\"{OFFICE}\"><sheets>{book}</sheets></workbook>");
    let rels = each(&|i, _| {
        format!("<Relationship Id=\"rId{i}\" Type=\"{OFFICE}/worksheet\" Target=\"worksheets/sheet{i}.xml\"/>")
    });
    let rels = format!(
        "<Relationships xmlns=\"{RELS}\">{rels}<Relationship Id=\"rIdS\" Type=\"{OFFICE}/styles\" Target=\"styles.xml\"/></Relationships>"
    );
    let root = format!(
        "<Relationships xmlns=\"{RELS}\"><Relationship Id=\"rId1\" Type=\"{OFFICE}/officeDocument\" Target=\"xl/workbook.xml\"/></Relationships>"
    );
    // Style 1 is a date, 2 a date with its time, 3 a time of day, 4 a length of time.
    let styles = format!(
        "<styleSheet xmlns=\"{MAIN}\"><cellXfs count=\"5\"><xf numFmtId=\"0\"/><xf numFmtId=\"14\"/><xf numFmtId=\"22\"/><xf numFmtId=\"20\"/><xf numFmtId=\"46\"/></cellXfs></styleSheet>"
    );
    let bodies: Vec<(String, String)> = sheets
        .iter()
        .enumerate()
        .map(|(i, s)| {
            let xml = format!("<worksheet xmlns=\"{MAIN}\"><sheetData>{}</sheetData>{}</worksheet>", s.2, s.3);
            (format!("xl/worksheets/sheet{}.xml", i + 1), xml)
        })
        .collect();
    let mut files: Vec<(&str, &[u8])> = vec![
        ("[Content_Types].xml", types.as_bytes()),
        ("_rels/.rels", root.as_bytes()),
        ("xl/workbook.xml", book.as_bytes()),
        ("xl/_rels/workbook.xml.rels", rels.as_bytes()),
        ("xl/styles.xml", styles.as_bytes()),
    ];
    files.extend(bodies.iter().map(|(name, xml)| (name.as_str(), xml.as_bytes())));
    pack(&files)
}

/// A row of cells: `t:text`, `n:1.5`, `d:46000` (date), `m:46000.5` (date and time), `h:0.5` (time), `l:1` (length), `e:#REF!`, `b:1`, or empty.
fn row(number: u32, cells: &[&str]) -> String {
    let cell = |(i, text): (usize, &&str)| {
        let at = format!("{}{number}", char::from(b'A' + i as u8));
        let Some((kind, value)) = text.split_once(':') else { return String::new() };
        match kind {
            "t" => format!("<c r=\"{at}\" t=\"inlineStr\"><is><t>{value}</t></is></c>"),
            "e" => format!("<c r=\"{at}\" t=\"e\"><f>X1</f><v>{value}</v></c>"),
            "b" => format!("<c r=\"{at}\" t=\"b\"><v>{value}</v></c>"),
            "d" => format!("<c r=\"{at}\" s=\"1\"><v>{value}</v></c>"),
            "m" => format!("<c r=\"{at}\" s=\"2\"><v>{value}</v></c>"),
            "l" => format!("<c r=\"{at}\" s=\"4\"><v>{value}</v></c>"),
            "h" => format!("<c r=\"{at}\" s=\"3\"><v>{value}</v></c>"),
            _ => format!("<c r=\"{at}\"><v>{value}</v></c>"),
        }
    };
    let cells: String = cells.iter().enumerate().map(cell).collect();
    format!("<row r=\"{number}\">{cells}</row>")
}

fn one(rows: &[&[&str]]) -> Vec<u8> {
    workbook(&[("Sheet1", "visible", sheet(rows), "")])
}

fn sheet(rows: &[&[&str]]) -> String {
    rows.iter().enumerate().map(|(i, cells)| row(i as u32 + 1, cells)).collect()
}

const HEAD: &[&str] = &["t:设备", "t:生产日期", "t:班次", "t:不良件数"];

#[test]
fn a_workbook_reads_as_its_csv_does() {
    let works = Works::new();
    let day = format!("d:{}", serial("2026-03-11"));
    let text = "设备,生产日期,班次,不良件数\npress,2026-03-11,day,12\n";
    let csv = works.import("quality_count", text.as_bytes());
    for cells in [[day.as_str(), "n:12"], [day.as_str(), "t:12"], ["t:2026-03-11", "n:12.0"], ["t:2026/3/11", "n:12"]] {
        let bytes = one(&[HEAD, &["t:press", cells[0], "t:day", cells[1]]]);
        let book = works.import("quality_count", &bytes);
        assert_eq!(book.wrong, [], "{cells:?}");
        assert_eq!(book.items[0].draft.body, csv.items[0].draft.body, "{cells:?}");
    }
    let noon = format!("m:{}", serial("2026-03-11") as f64 + 8.5 / 24.0);
    let stop = works.import("stop_reason", &one(&[&["t:machine", "t:at", "t:reason"], &["t:press", &noon, "t:换模"]]));
    // 08:30 in Shanghai.
    assert_eq!(stop.items[0].draft.body["at_ms"], json!(1_773_189_000_000_i64), "{stop:#?}");
    let head: &[&str] = &["t:shift", "t:start", "t:end", "t:weekdays"];
    let clock =
        works.import("calendar", &one(&[head, &["t:day", "h:0.3333333333333333", "h:0.8333333333333334", "n:123456"]]));
    assert_eq!(clock.wrong, []);
    let shift = &clock.items[0].draft.body["shifts"][0];
    assert_eq!(
        (&shift["start"], &shift["end"], &shift["weekdays"]),
        (&json!("08:00"), &json!("20:00"), &json!([1, 2, 3, 4, 5, 6]))
    );
    // `24:00` typed into a spreadsheet is a length of one day; a plain 1 is a number and no time.
    let until =
        |end: &str| works.import("calendar", &one(&[head, &["t:day", "h:0.3333333333333333", end, "n:123456"]]));
    assert_eq!(until("l:1").items[0].draft.body["shifts"][0]["end"], json!("24:00"));
    for end in ["n:1", "h:1", "l:2"] {
        let import = until(end);
        let [found] = import.wrong.as_slice() else { panic!("{end}: {import:#?}") };
        assert_eq!(found.column, "end", "{end}: {found:#?}");
    }
    let yes = works.import("ledger", &one(&[&["t:machine", "t:name", "t:networked"], &["t:press", "t:冲床", "b:1"]]));
    assert_eq!(yes.items[1].draft.body["networked"], json!(true));
}

#[test]
fn what_a_spreadsheet_does_to_cells_is_named() {
    let works = Works::new();
    let day = format!("d:{}", serial("2026-03-11"));
    let late = format!("m:{}", serial("2026-03-11") as f64 + 0.4);
    for (cells, column, zh, en) in [
        (["t:press", "n:46092", "t:day", "n:1"], "生产日期", "不是日期", "not a date"),
        (["t:press", late.as_str(), "t:day", "n:1"], "生产日期", "不带时间", "without a time of day"),
        (
            ["t:press", day.as_str(), "t:day", "e:#REF!"],
            "不良件数",
            "单元格是错误值 #REF!",
            "the cell is the error #REF!",
        ),
        (["t:press", day.as_str(), "t:day", "n:1.5"], "不良件数", "整数", "whole number"),
        (["t:press", day.as_str(), day.as_str(), "n:1"], "班次", "当成了日期", "turned it into a date"),
        (["n:1234567890123456", day.as_str(), "t:day", "n:1"], "设备", "超过 15 位", "more than 15 digits"),
        (["t:press", "d:-1", "t:day", "n:1"], "生产日期", "错误值", "the error"),
        (["t:press", "d:99999999", "t:day", "n:1"], "生产日期", "错误值", "the error"),
    ] {
        let import = works.import("quality_count", &one(&[HEAD, &cells]));
        let [found] = import.wrong.as_slice() else { panic!("{cells:?}\n{import:#?}") };
        assert_eq!((found.line, found.column.as_str()), (2, column));
        assert!(found.what.zh.contains(zh) && found.what.en.contains(en), "{found:#?}");
    }
    let head: &[&str] = &["t:shift", "t:start", "t:end", "t:weekdays"];
    let january = works.import("calendar", &one(&[head, &["t:day", "t:08:00", "t:20:00", &day]]));
    assert!(january.wrong[0].todo.zh.contains("变成了日期"), "{january:#?}");
}

#[test]
fn merged_cells_are_named_and_other_sheets_are_left_out() {
    let works = Works::new();
    let day = format!("d:{}", serial("2026-03-11"));
    let rows = sheet(&[HEAD, &["t:press", &day, "t:day", "n:1"], &["", &day, "t:day", "n:2"]]);
    let merged = "<mergeCells count=\"1\"><mergeCell ref=\"A2:A3\"/></mergeCells>";
    let import = works.import("quality_count", &workbook(&[("一月", "visible", rows, merged)]));
    assert!(places(&import).contains(&(2, "设备".to_owned())), "{import:#?}");
    assert!(
        import.wrong.iter().any(|w| w.what.zh.contains("合并单元格 A2:A3") && w.what.en.contains("merged cells A2:A3")),
        "{import:#?}"
    );
    // The first column of ours is named, wherever the range begins; an empty place below the header is as good as any.
    let rows = sheet(&[
        &["t:#内部", "t:设备", "t:生产日期", "t:班次", "t:不良件数"],
        &["t:x", "t:press", &day, "t:day", "n:1"],
    ]);
    let merged = "<mergeCells count=\"1\"><mergeCell ref=\"A2:B2\"/></mergeCells>";
    let import = works.import("quality_count", &workbook(&[("一月", "visible", rows.clone(), merged)]));
    let [found] = import.wrong.as_slice() else { panic!("{import:#?}") };
    assert_eq!((found.line, found.column.as_str()), (2, "设备"));
    assert!(found.what.en.contains("A2:B2"), "{found:#?}");
    // More than anybody joins by hand are refused, not forgotten.
    let many: String = (0..10_001).map(|n| format!("<mergeCell ref=\"AA{0}:AB{0}\"/>", n + 10)).collect();
    let many = format!("<mergeCells>{many}</mergeCells>");
    let import = works.import("quality_count", &workbook(&[("一月", "visible", rows, &many)]));
    let [found] = import.wrong.as_slice() else { panic!("{import:#?}") };
    assert!(found.what.zh.contains("合并单元格多于 10000 处"), "{found:#?}");
    assert!(found.what.en.contains("there are more than 10000 ranges of merged cells"), "{found:#?}");
    // A title above the header may be merged.
    let rows = format!("{}{}{}", row(1, &["t:检验台账"]), row(2, HEAD), row(3, &["t:press", &day, "t:day", "n:1"]));
    let title = "<mergeCells count=\"1\"><mergeCell ref=\"A1:D1\"/></mergeCells>";
    let sheets = [
        ("隐藏", "hidden", row(1, &["t:x"]), ""),
        ("三月", "visible", rows, title),
        ("四月", "visible", row(1, &["t:y"]), ""),
    ];
    let import = works.import("quality_count", &workbook(&sheets));
    assert_eq!(import.wrong, []);
    assert!(import.notes.iter().any(|n| n.zh.contains("「三月」") && n.en.contains("2 others")), "{:?}", import.notes);
    assert_eq!(import.items[0].draft.lines, [3]);
}

#[test]
fn a_bomb_is_refused_before_it_is_read_and_a_far_cell_fills_no_memory() {
    let works = Works::new();
    let zeros = vec![b' '; 40 * 1024 * 1024];
    let bomb = pack(&[("[Content_Types].xml", b"<Types/>"), ("xl/worksheets/sheet1.xml", &zeros)]);
    assert!(bomb.len() < FILE_MAX, "{} bytes", bomb.len());
    let import = works.import("bill", &bomb);
    assert!(import.wrong[0].what.zh.contains("工作簿解压后超过 32 MiB"), "{import:#?}");
    let names: Vec<String> = (0..600).map(|i| format!("xl/media/{i}.png")).collect();
    let many: Vec<(&str, &[u8])> = names.iter().map(|n| (n.as_str(), &b"x"[..])).collect();
    assert!(
        works.import("bill", &pack(&many)).wrong[0]
            .what
            .en
            .contains("the workbook unpacks to more than 32 MiB or 512 parts")
    );
    let far = "<row r=\"1048576\"><c r=\"XFD1048576\"><v>1</v></c></row>".to_owned();
    let import = works.import("bill", &workbook(&[("s", "visible", far, "")]));
    assert!(import.wrong[0].what.en.contains("line 1048576 has more than 64 columns"), "{import:#?}");
    for bytes in [pack(&[("a.txt", b"x")]), workbook(&[("s", "veryHidden", String::new(), "")]), b"PK\x03\x04".to_vec()]
    {
        let import = works.import("bill", &bytes);
        assert!(import.wrong[0].what.zh.contains("工作簿无法读取"), "{import:#?}");
    }
}

#[test]
fn every_damaged_byte_of_a_workbook_is_refused_or_read() {
    let works = Works::new();
    let day = format!("d:{}", serial("2026-03-11"));
    let whole = one(&[HEAD, &["t:press", &day, "t:day", "n:1"]]);
    for at in 0..whole.len() {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x15;
        let import = works.import("quality_count", &bytes);
        assert!(import.wrong.is_empty() != import.items.is_empty(), "{at}");
        works.import("quality_count", &whole[..at]);
    }
}

/// Parts of an archive, and what becomes of them.
fn edited(bytes: &[u8], edit: impl Fn(&str, String) -> String) -> Vec<u8> {
    let mut archive = zip::ZipArchive::new(std::io::Cursor::new(bytes)).unwrap();
    let mut parts: Vec<(String, String)> = Vec::new();
    for index in 0..archive.len() {
        let mut part = archive.by_index(index).unwrap();
        let name = part.name().unwrap().into_owned();
        let text = std::io::read_to_string(&mut part).unwrap();
        parts.push((name.clone(), edit(&name, text)));
    }
    let parts: Vec<(&str, &[u8])> = parts.iter().map(|(name, text)| (name.as_str(), text.as_bytes())).collect();
    pack(&parts)
}

#[test]
fn the_workbook_to_fill_in_reads_as_the_text_to_fill_in_does() {
    let works = Works::new();
    for kind in kinds::ALL {
        let book = template::xlsx(kind, crate::web::declare::described).unwrap();
        assert_eq!(book, template::xlsx(kind, crate::web::declare::described).unwrap(), "the same bytes");
        let empty = works.import(kind.id, &book);
        assert!(empty.items.is_empty() && empty.wrong.len() == 1, "{}: {empty:#?}", kind.id);
        assert!(empty.wrong[0].what.en.contains("nothing below the header"), "{}", kind.id);
        // Somebody writes over the example.
        let filled =
            edited(&book, |_, text| text.replace("<t># ", "<t>").replace("<t xml:space=\"preserve\"># ", "<t>"));
        let filled = works.import(kind.id, &filled);
        let text = works.import(kind.id, template::csv(kind).replace("\r\n# ", "\r\n").as_bytes());
        assert_eq!(filled.wrong, [], "{}", kind.id);
        assert_eq!((&filled.items, filled.decisions()), (&text.items, text.decisions()), "{}", kind.id);
        // Every column is text, and the second sheet says in both languages what goes in.
        edited(&book, |name, text| {
            if name == "xl/sharedStrings.xml" {
                assert!(
                    kind.columns.iter().all(|c| text.contains(&format!("{} / {}", c.names[0], c.names[1]))),
                    "{text}"
                );
                assert!(text.contains("填什么") && text.contains("What goes in"), "{text}");
            }
            assert!(name != "xl/styles.xml" || text.contains("numFmtId=\"49\""), "text: {text}");
            if name == "xl/worksheets/sheet1.xml" {
                let columns = text.matches("<col ").count();
                assert!(columns > 0 && text.matches(" style=\"").count() == columns, "{text}");
            }
            text
        });
    }
}
