//! 《评测指标》 question by question: what is asked, what equipment data says of it, and where that is from.
//!
//! Constraints first: every question has a page, also those that no equipment data speaks about; points and levels are the assessors' to
//! write. A level that a body stated stands as it was stated.

use metrics::assessment::scheme::{self, Extent, Question};
use metrics::catalogue::explain;
use metrics::figures::questionnaire::{QuestionLine, Questionnaire, SCHEME};
use metrics::report::Words as Both;

use super::figures::{found, head, sources};
use super::paper::{Chapter, Entry, Listing, Paper, Part, To};
use crate::chapters::Context;

/// Where the levels that bodies stated are printed.
pub(super) const LEVELS: &str = "levels";

/// What a question is found by: `miit.2024@1 Q2`.
pub(super) fn id(number: u8) -> String {
    format!("{SCHEME} Q{number}")
}

/// The questions of the scheme, with their names.
pub(super) fn all() -> Vec<(String, Both)> {
    let Ok(scheme) = scheme::delivered(SCHEME) else { return Vec::new() };
    scheme
        .questions()
        .map(|q| {
            (
                id(q.number),
                Both {
                    zh: format!("第 {} 题 {}", q.number, q.names.zh),
                    en: format!("Question {}: {}", q.number, q.names.en),
                },
            )
        })
        .collect()
}

/// The paper.
pub(super) fn paper(c: &Context<'_>, file: &str, data: Option<&Questionnaire>) -> Paper {
    let w = c.words;
    let both = |words: &Both| w.s(&words.zh, &words.en).to_owned();
    let questions: Vec<Question> =
        scheme::delivered(SCHEME).map(|s| s.questions().cloned().collect()).unwrap_or_default();
    let line = |number: u8| data.and_then(|d| d.questions.iter().find(|q| q.question == number));
    let rows = questions.iter().map(|q| Entry {
        cells: vec![
            q.number.to_string(),
            w.s(&q.names.zh, &q.names.en).to_owned(),
            match line(q.number) {
                Some(line) if !line.shown.is_empty() || !line.changes.is_empty() => w.s("有设备数据", "equipment data"),
                Some(_) => w.s("设备数据尚缺，见该页", "equipment data lacks: see the page"),
                None => w.s("非设备数据，企业填报", "not equipment data: the firm's"),
            }
            .to_owned(),
        ],
        to: Some(To::Chapter(id(q.number))),
    });
    let mut parts = Vec::new();
    if let Some(data) = data {
        let dates = format!("{} {} {}", data.dates[0], w.s("至", "to"), data.dates[1]);
        parts.push(Part::Facts(vec![
            (w.s("评测指标", "Questionnaire").to_owned(), both(&data.document)),
            (w.s("数据日期", "Dates of the data").to_owned(), dates),
        ]));
    } else {
        parts.push(Part::Warning(
            w.s(
                "没有可用的设备数据（未声明设备，或报告期尚未开始）",
                "there is no equipment data: no machine is declared, or the period has not begun",
            )
            .to_owned(),
        ));
    }
    let columns = head(c, &[("题号", "No.", 8), ("题目", "Question", 60), ("设备数据", "Equipment data", 32)]);
    parts.push(Part::Table(Listing { head: columns, rows: rows.collect() }));
    let first = Chapter { parts, title: w.s("题目一览", "The questions").to_owned(), ..Chapter::default() };
    let mut chapters = vec![first];
    chapters.extend(questions.iter().map(|q| question(c, q, line(q.number))));
    chapters.extend(scenes(c, data));
    chapters.push(levels(c, data));
    Paper {
        file: file.to_owned(),
        title: w.s("评测指标逐题佐证", "The 评测指标, question by question").to_owned(),
        chapters,
        flows: false,
    }
}

fn question(c: &Context<'_>, q: &Question, line: Option<&QuestionLine>) -> Chapter {
    let w = c.words;
    let both = |words: &Both| w.s(&words.zh, &words.en).to_owned();
    let mut parts =
        vec![Part::Facts(vec![(w.s("所属", "Part of").to_owned(), w.s(&q.place.zh, &q.place.en).to_owned())])];
    if !q.options.is_empty() {
        let spoken = |option: &str| line.is_some_and(|l| l.options.iter().any(|o| o.option == option));
        let rows = q.options.iter().map(|o| {
            let mark = if spoken(&o.option) { w.s("设备数据所及", "as far as data speaks") } else { "" };
            Entry::new([o.option.clone(), w.s(&o.names.zh, &o.names.en).to_owned(), mark.to_owned()])
        });
        let columns =
            head(c, &[("选项", "Option", 8), ("内容", "What it says", 66), ("设备数据", "Equipment data", 22)]);
        parts.push(Part::Table(Listing { head: columns, rows: rows.collect() }));
    }
    parts.push(Part::Heading(w.s("设备数据", "Equipment data").to_owned()));
    match line {
        Some(line) => parts.extend(says(c, line)),
        None => parts.push(Part::Words(
            match q.evidence.extent {
                Extent::None => w.s(
                    "设备数据不涉及本题，由企业填报并附材料。",
                    "Equipment data does not speak about this question; the firm answers it with its papers.",
                ),
                Extent::Supporting | Extent::Counted => w.s(
                    "本题由企业填报并附材料；可用的设备数据见下，由评测人员核实。",
                    "The firm answers this question with its papers; the equipment data that may support it follows, for the assessor to check.",
                ),
            }
            .to_owned(),
        )),
    }
    let remark = w.s(&q.evidence.remark.zh, &q.evidence.remark.en);
    if !remark.is_empty() {
        parts.push(Part::Note(remark.to_owned()));
    }
    for note in line.iter().flat_map(|l| &l.notes) {
        parts.push(Part::Note(both(note)));
    }
    for lack in line.iter().flat_map(|l| &l.lacks) {
        parts.push(Part::Words(format!("{}{}", w.s("尚缺：", "Missing: "), both(lack))));
    }
    if line.is_some() {
        parts.push(Part::Heading(w.s("数据来源", "Where it is from").to_owned()));
        parts.push(sources(c));
    }
    parts.push(Part::Space(
        w.s("得分与意见：由评测机构填写", "Points and remarks: written by the assessing body").to_owned(),
    ));
    let title = match w.lang {
        look::text::Lang::Zh => format!("第 {} 题　{}", q.number, q.names.zh),
        look::text::Lang::En => format!("Question {}  {}", q.number, q.names.en),
    };
    Chapter { id: id(q.number), title, parts }
}

fn says(c: &Context<'_>, line: &QuestionLine) -> Vec<Part> {
    let w = c.words;
    let both = |words: &Both| w.s(&words.zh, &words.en).to_owned();
    let named = |id: &str| explain(id).map_or_else(|| id.to_owned(), |e| w.s(e.names[0], e.names[1]).to_owned());
    let mut parts = Vec::new();
    if let Some(grade) = line.grade {
        let words = w.s("数据可信等级（A 至 D）：", "Grade of the evidence (A to D): ");
        parts.push(Part::Words(format!("{words}{grade}")));
    }
    if !line.shown.is_empty() {
        let rows = line.shown.iter().map(|s| {
            Entry::new([
                format!("{} {}\n{}", named(s.definition), s.of, s.definition),
                value(s.definition, &s.value),
                format!("{} / {}", s.numerator, s.denominator),
                s.formula.to_owned(),
            ])
        });
        let columns = head(
            c,
            &[
                ("指标", "Indicator", 30),
                ("数值", "Value", 16),
                ("分子 / 分母", "Quotient", 22),
                ("公式", "Formula", 32),
            ],
        );
        parts.push(Part::Table(Listing { head: columns, rows: rows.collect() }));
    }
    if !line.changes.is_empty() {
        let rows = line.changes.iter().map(|change| {
            let ends = change.interval.as_ref().map(|[low, high]| format!("[{low}, {high}]")).unwrap_or_default();
            Entry::new([
                both(&change.basis),
                change.before.clone(),
                change.after.clone(),
                format!("{}\n{ends}", change.change),
                both(&change.direction),
            ])
        });
        let columns = head(
            c,
            &[
                ("依据", "Basis", 28),
                ("改造前", "Before", 16),
                ("改造后", "After", 16),
                ("变化与区间", "Change, interval", 20),
                ("方向", "Direction", 14),
            ],
        );
        parts.push(Part::Table(Listing { head: columns, rows: rows.collect() }));
    }
    let definitions: Vec<String> = line.shown.iter().map(|s| s.definition.to_owned()).collect();
    parts.extend(found(c, &definitions).map(Part::Table));
    if line.shown.is_empty() && line.changes.is_empty() {
        parts.push(Part::Words(
            w.s("尚无设备数据，缺什么见下。", "No equipment data yet; what is missing follows.").to_owned(),
        ));
    }
    parts
}

/// A value in the unit of its definition: shares in percent, others as they are.
fn value(definition: &str, digits: &str) -> String {
    let is_share = explain(definition).is_some_and(|e| crate::figures::is_share(e.unit));
    let micro = crate::figures::micro(digits).filter(|_| is_share);
    micro.and_then(|m| look::format::percent(m, 1_000_000, 1)).unwrap_or_else(|| digits.to_owned())
}

/// The data that scenes ask for. Whether a scene reaches a level is the assessors' to say.
fn scenes(c: &Context<'_>, data: Option<&Questionnaire>) -> Option<Chapter> {
    let w = c.words;
    let data = data.filter(|d| !d.scenes.is_empty())?;
    let named = |id: &String| explain(id).map_or_else(|| id.clone(), |e| w.s(e.names[0], e.names[1]).to_owned());
    let list = |texts: Vec<String>| {
        if texts.is_empty() { look::format::NONE.to_owned() } else { texts.join(w.s("；", "; ")) }
    };
    let rows = data.scenes.iter().map(|s| {
        Entry::new([
            format!("{}\n{}", w.s(&s.item.zh, &s.item.en), w.s(&s.place.zh, &s.place.en)),
            list(s.found.iter().map(named).collect()),
            list(s.lacking.iter().map(|l| w.s(&l.zh, &l.en).to_owned()).collect()),
        ])
    });
    let columns = head(c, &[("场景", "Scene", 24), ("已有数据", "Data that is there", 36), ("尚缺", "Missing", 40)]);
    let note = w.s(
        "场景达到何种等级由评测机构判定，此处只列有无数据。",
        "Which level a scene reaches is the assessors' to say; here is only which data there is.",
    );
    Some(Chapter {
        id: "scenes".to_owned(),
        title: w.s("场景所需数据", "Data that scenes ask for").to_owned(),
        parts: vec![Part::Note(note.to_owned()), Part::Table(Listing { head: columns, rows: rows.collect() })],
    })
}

fn levels(c: &Context<'_>, data: Option<&Questionnaire>) -> Chapter {
    let w = c.words;
    let stated: Vec<Entry> = data
        .iter()
        .flat_map(|d| &d.levels)
        .map(|l| {
            Entry::new([
                crate::figures::count(l.leaf),
                w.s(&l.says.zh, &l.says.en).to_owned(),
                l.assessor.clone(),
                l.document.clone(),
            ])
        })
        .collect();
    let parts = if stated.is_empty() {
        vec![Part::Words(w.s("日志中没有评测机构填报的等级。", "No body has stated a level in the log.").to_owned())]
    } else {
        let columns = head(
            c,
            &[
                ("日志条", "Leaf", 8),
                ("填报内容", "As stated", 46),
                ("填报人", "By", 12),
                ("文件 SHA-256", "SHA-256 of the document", 34),
            ],
        );
        vec![Part::Table(Listing { head: columns, rows: stated })]
    };
    Chapter {
        id: LEVELS.to_owned(),
        title: w.s("各机构填报的等级（照录）", "Levels as bodies stated them").to_owned(),
        parts,
    }
}
