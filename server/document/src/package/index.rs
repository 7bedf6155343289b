//! `00 目录` and `00 缺件清单`: where everything is, and what lacks from whom.

use practice::package::{ItemResult, Package};

use super::figures::head;
use super::items::{filled, name, number, quote};
use super::paper::{Chapter, Entry, Listing, Paper, Part, To};
use super::{File, INDEX, MISSING, Proof, SUMS};
use crate::chapters::Context;

/// The index: item by item and question by question with file, page and check code; then every file.
pub(super) fn index(c: &Context<'_>, title: &str, package: &Package, proofs: &[Proof], files: &[File]) -> Paper {
    let w = c.words;
    let columns = head(
        c,
        &[
            ("编号", "No.", 9),
            ("材料", "Item", 34),
            ("状况", "Standing", 15),
            ("文件 · 页", "File · page", 26),
            ("校验码", "Check code", 18),
        ],
    );
    let mut chapters = vec![Chapter {
        title: w.s("怎样使用", "How to use it").to_owned(),
        parts: vec![Part::Words(
            w.s(
                "每行所列页是该项的说明页：条文、系统佐证及其所在文件和页、企业填报、尚缺。先解压整个压缩包，再点本目录的行即到该页；不点链接时按文件夹、文件和页码翻到。校验码印在该页页脚。企业填报的材料由企业放入同一文件夹。",
                "The page of a row explains its item: the text, the evidence with file and page, the firm's part, what lacks. Unpack the whole archive; a click on a row leads to the page, or turn to it by folder, file and page. The check code is in the footer of that page. The firm puts its own papers into the same folder.",
            )
            .to_owned(),
        )],
        ..Chapter::default()
    }];
    for folder in &package.folders {
        let rows = folder.items.iter().enumerate().filter_map(|(at, item)| {
            let proof = proofs.iter().find(|p| p.id == item.item)?;
            Some(row(c, &number(folder, at), &name(c, &item.names), &filled(c, item), proof))
        });
        let mut parts: Vec<Part> = folder.clause.iter().map(|clause| quote(c, clause)).collect();
        parts.push(Part::Table(Listing { head: columns.clone(), rows: rows.collect() }));
        chapters.push(Chapter { title: name(c, &folder.path), parts, ..Chapter::default() });
    }
    let questions: Vec<Entry> = proofs
        .iter()
        .filter(|p| p.is_question)
        .enumerate()
        .map(|(at, p)| row(c, &format!("Q{:02}", at + 1), w.s(&p.names.zh, &p.names.en), "", p))
        .collect();
    if !questions.is_empty() {
        let title = w.s("评测指标逐题", "The 评测指标, question by question").to_owned();
        let note = w.s("得分与等级由评测机构填写。", "Points and levels are written by the assessing body.");
        let parts = vec![Part::Note(note.to_owned()), Part::Table(Listing { head: columns, rows: questions })];
        chapters.push(Chapter { title, parts, ..Chapter::default() });
    }
    let rows = files.iter().map(|file| {
        let to = file.path.ends_with(".pdf").then(|| To::File(file.path.clone(), 1));
        Entry { cells: vec![file.path.clone(), crate::figures::count(file.length), file.sha256.clone()], to }
    });
    let columns = head(c, &[("文件", "File", 44), ("字节", "Bytes", 14), ("SHA-256", "SHA-256", 44)]);
    let note = match w.lang {
        look::text::Lang::Zh => format!("全部摘要另见 {SUMS}，可用 sha256sum -c 核对。"),
        look::text::Lang::En => format!("All digests are in {SUMS} too; sha256sum -c compares them."),
    };
    chapters.push(Chapter {
        title: w.s("文件清单", "Files").to_owned(),
        parts: vec![Part::Table(Listing { head: columns, rows: rows.collect() }), Part::Note(note)],
        ..Chapter::default()
    });
    Paper { file: INDEX.to_owned(), title: format!("{title} · {}", w.s("目录", "index")), chapters, flows: true }
}

fn row(c: &Context<'_>, number: &str, name: &str, standing: &str, proof: &Proof) -> Entry {
    let at = match c.words.lang {
        look::text::Lang::Zh => format!("{}\n第 {} 页", proof.file, proof.page),
        look::text::Lang::En => format!("{}\npage {}", proof.file, proof.page),
    };
    Entry {
        cells: vec![number.to_owned(), format!("{name}\n{}", proof.id), standing.to_owned(), at, proof.code.clone()],
        to: Some(To::File(proof.file.clone(), proof.page)),
    }
}

/// What lacks, required first.
pub(super) fn missing(c: &Context<'_>, package: &Package) -> Paper {
    let w = c.words;
    let numbered = |item: &ItemResult| {
        package.folders.iter().find_map(|f| {
            let at = f.items.iter().position(|i| i.item == item.item)?;
            Some((number(f, at), name(c, &f.path)))
        })
    };
    let all = package.missing();
    let listed = |required: bool| {
        let rows = all.iter().filter(|i| i.required == required).flat_map(|item| {
            let (number, folder) = numbered(item).unwrap_or_default();
            let article = item.clause.as_ref().map_or_else(String::new, |clause| clause.article.clone());
            item.lacks.iter().map(move |lack| {
                Entry::new([
                    number.clone(),
                    format!("{}\n{folder}", name(c, &item.names)),
                    name(c, &lack.names),
                    name(c, &lack.from),
                    article.clone(),
                ])
            })
        });
        let columns = head(
            c,
            &[
                ("编号", "No.", 8),
                ("材料", "Item", 26),
                ("尚缺", "Missing", 32),
                ("由谁提供", "From whom", 20),
                ("条文", "Article", 16),
            ],
        );
        let listing = Listing { head: columns, rows: rows.collect() };
        if listing.rows.is_empty() { Part::Words(w.s("无。", "Nothing.").to_owned()) } else { Part::Table(listing) }
    };
    let note = w.s(
        "本清单只列尚缺的内容，不判断材料是否足够；是否受理由主管部门决定。企业自行放入文件夹的材料，本程序不知道，仍列在此。",
        "The list says what lacks and judges nothing: whether papers suffice is for the authority. What the firm put into a folder by itself is unknown here and stays on the list.",
    );
    let chapter =
        |title: &str, part: Part| Chapter { title: title.to_owned(), parts: vec![part], ..Chapter::default() };
    let mut chapters = vec![
        chapter(w.s("条文写明须提交或须做的", "What a text asks for in words"), listed(true)),
        chapter(w.s("其余可附的", "What may be added"), listed(false)),
    ];
    if let Some(first) = chapters.first_mut() {
        first.parts.insert(0, Part::Note(note.to_owned()));
    }
    Paper { file: MISSING.to_owned(), title: w.s("缺件清单", "What is missing").to_owned(), chapters, flows: true }
}
