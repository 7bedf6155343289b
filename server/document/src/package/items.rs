//! The pages of a folder, one for each item: what the text asks, what is there and where, what the firm adds, what lacks.
//!
//! Constraints first: what a text asks stands as its quotation; what the firm has to add is never filled in for it; whether papers suffice
//! is for those who ask for them, and the page leaves room for it.

use metrics::figures::questionnaire::{AskedLine, Questionnaire};
use metrics::model::Names;
use practice::package::{FolderResult, ItemResult, named};
use practice::words::Clause;

use super::figures::{found, head, of, sources};
use super::paper::{Chapter, Entry, Listing, Paper, Part, To};
use super::places::Places;
use crate::chapters::Context;

/// The number of an item: `06-02`.
pub(super) fn number(folder: &FolderResult, at: usize) -> String {
    format!("{}-{:02}", folder.path.zh.get(..2).unwrap_or_default(), at + 1)
}

/// What a folder's pages are called: `06 逐项说明.pdf`.
pub(super) fn file(folder: &FolderResult) -> String {
    format!("{} 逐项说明.pdf", folder.path.zh.get(..2).unwrap_or_default())
}

/// The words for how an item is filled.
pub(super) fn filled(c: &Context<'_>, item: &ItemResult) -> String {
    let (zh, en) = item.filled.words();
    c.words.s(zh, en).to_owned()
}

/// A name in the document's language.
pub(super) fn name(c: &Context<'_>, names: &Names) -> String {
    c.words.s(&names.zh, &names.en).to_owned()
}

pub(super) fn quote(c: &Context<'_>, clause: &Clause) -> Part {
    let said = match c.words.lang {
        look::text::Lang::Zh => clause.quote.clone(),
        // The Chinese text alone is binding; its meaning stands before it.
        look::text::Lang::En => format!("{} ({})", clause.en, clause.quote),
    };
    Part::Quote(clause.article.clone(), said)
}

/// The paper of a folder.
pub(super) fn paper(c: &Context<'_>, folder: &FolderResult, places: &Places, data: Option<&Questionnaire>) -> Paper {
    let w = c.words;
    let mut parts: Vec<Part> = folder.clause.iter().map(|clause| quote(c, clause)).collect();
    let rows = folder.items.iter().enumerate().map(|(at, item)| Entry {
        cells: vec![number(folder, at), name(c, &item.names), asked(c, item), filled(c, item)],
        to: Some(To::Chapter(item.item.clone())),
    });
    let columns =
        head(c, &[("编号", "No.", 10), ("材料", "Item", 46), ("要求", "Asked for", 22), ("状况", "Standing", 22)]);
    parts.push(Part::Table(Listing { head: columns, rows: rows.collect() }));
    let first = Chapter { title: w.s("材料一览", "Items").to_owned(), parts, ..Chapter::default() };
    let mut chapters = vec![first];
    chapters.extend(folder.items.iter().enumerate().map(|(at, item)| page(c, (folder, at, item), places, data)));
    let title = match w.lang {
        look::text::Lang::Zh => format!("{} 逐项说明", folder.path.zh),
        look::text::Lang::En => format!("{}, item by item", folder.path.en),
    };
    Paper { file: file(folder), title, chapters, flows: false }
}

fn asked(c: &Context<'_>, item: &ItemResult) -> String {
    let (zh, en) = if item.required { ("条文写明", "in words") } else { ("可附", "offered") };
    c.words.s(zh, en).to_owned()
}

fn page(
    c: &Context<'_>,
    (folder, at, item): (&FolderResult, usize, &ItemResult),
    places: &Places,
    data: Option<&Questionnaire>,
) -> Chapter {
    let w = c.words;
    let mut parts = vec![Part::Heading(w.s("条文", "What the text asks").to_owned())];
    match &item.clause {
        Some(clause) => parts.push(quote(c, clause)),
        None => parts
            .push(Part::Words(w.s("条文没有写明，可附。", "No text asks for it in words; it is offered.").to_owned())),
    }
    parts.push(Part::Facts(vec![
        (w.s("要求", "Asked for").to_owned(), asked(c, item)),
        (w.s("状况", "Standing").to_owned(), filled(c, item)),
    ]));
    if !item.evidence.is_empty() {
        parts.push(Part::Heading(w.s("系统佐证", "From evidence").to_owned()));
        let rows: Vec<Entry> = item
            .evidence
            .iter()
            .flat_map(|kind| places.of(kind).iter().map(move |place| (kind, place)))
            .map(|(kind, place)| places.entry(name(c, &named(kind)), place))
            .collect();
        if rows.is_empty() {
            parts.push(Part::Words(w.s("尚无。", "None yet.").to_owned()));
        } else {
            let columns = head(
                c,
                &[("佐证", "Evidence", 30), ("文件", "File", 42), ("页", "Page", 8), ("校验码", "Check code", 20)],
            );
            parts.push(Part::Table(Listing { head: columns, rows }));
        }
        let figures: Vec<Part> = item.evidence.iter().flat_map(|kind| of(c, kind)).collect();
        let phrases = phrases(c, item, data);
        if !figures.is_empty() || phrases.is_some() {
            parts.extend(phrases.into_iter().flatten());
            parts.extend(figures);
            parts.push(Part::Heading(w.s("数据来源", "Where it is from").to_owned()));
            parts.push(sources(c));
        }
    }
    if let Some(firm) = &item.firm {
        parts.push(Part::Heading(w.s("企业填报", "From the firm").to_owned()));
        parts.push(Part::Words(name(c, firm)));
        parts.push(Part::Note(
            w.s(
                "由企业放入本文件夹；本程序不代填。",
                "The firm puts it into this folder; nothing is filled in for it.",
            )
            .to_owned(),
        ));
    }
    if !item.lacks.is_empty() {
        parts.push(Part::Heading(w.s("尚缺", "Missing").to_owned()));
        let rows = item.lacks.iter().map(|l| Entry::new([name(c, &l.names), name(c, &l.from)]));
        let columns = head(c, &[("内容", "What", 60), ("由谁提供", "From whom", 36)]);
        parts.push(Part::Table(Listing { head: columns, rows: rows.collect() }));
    }
    parts.push(Part::Space(
        w.s(
            "核对、评分与意见：由受理部门、评测机构或专家填写",
            "Checks, points and remarks: written by the authority, the assessing body or experts",
        )
        .to_owned(),
    ));
    Chapter { id: item.item.clone(), title: format!("{}　{}", number(folder, at), name(c, &item.names)), parts }
}

/// The phrases of the criteria that stand in the item's quotation, with the data there is for each.
fn phrases(c: &Context<'_>, item: &ItemResult, data: Option<&Questionnaire>) -> Option<Vec<Part>> {
    let w = c.words;
    let clause = item.clause.as_ref()?;
    let stands = |l: &&AskedLine| l.place.zh.contains(&clause.quote) || clause.quote.contains(&l.place.zh);
    let asked: Vec<&AskedLine> = data?.lighthouse.iter().filter(stands).collect();
    if asked.is_empty() {
        return None;
    }
    let named = |id: &String| {
        metrics::catalogue::explain(id).map_or_else(|| id.clone(), |e| w.s(e.names[0], e.names[1]).to_owned())
    };
    let list = |texts: Vec<String>| {
        if texts.is_empty() { look::format::NONE.to_owned() } else { texts.join(w.s("；", "; ")) }
    };
    let rows = asked.iter().map(|l| {
        Entry::new([
            w.s(&l.item.zh, &l.item.en).to_owned(),
            list(l.found.iter().map(named).collect()),
            list(l.lacking.iter().map(|l| w.s(&l.zh, &l.en).to_owned()).collect()),
        ])
    });
    let columns = head(c, &[("内容", "Content", 24), ("已有数据", "Data that is there", 36), ("尚缺", "Missing", 40)]);
    let mut parts = vec![
        Part::Heading(w.s("逐项内容", "Content by content").to_owned()),
        Part::Table(Listing { head: columns, rows: rows.collect() }),
    ];
    let definitions: Vec<String> = asked.iter().flat_map(|l| l.found.iter().cloned()).collect();
    parts.extend(found(c, &definitions).map(Part::Table));
    Some(parts)
}
