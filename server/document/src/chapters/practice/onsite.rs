//! On-site checks (现场核查): what was drawn, what was done and seen with what the log showed of it, who confirmed how far.
//!
//! Constraints first: figures are those that the server recorded; what differs is red, what nobody recorded is said to be open, and what counts for nothing
//! stands below. No sentence judges the machine, the firm or the project.

use look::format::NONE;
use metrics::onsite::{Action, Agreement, OnsiteFace, OnsitePlate, SealState, Side};
use metrics::report::{ActLine, CheckResult, ConfirmationLine, DrawLine, StatedAct, Uncounted, Words};

use super::filing::said;
use crate::chapters::Context;
use crate::flow::{AMBER, BODY, CELL, Cell, Column, Flow, INK, NOTE, RED, Row};
use crate::paper::Align;

/// Digits of a digest that a reader compares by eye.
const DIGEST: usize = 16;

pub(super) fn set(flow: &mut Flow, c: &Context<'_>, check: &CheckResult) {
    let words = c.words;
    let body = check.draws.first().map_or(NONE, |draw| draw.body.as_str());
    flow.entry(&format!("{body} ({})", check.check));
    flow.words(BODY, said(c, &check.words()));
    draws(flow, c, check);
    acts(flow, c, check);
    confirmations(flow, c, check);
    for line in &check.disregarded {
        flow.words(NOTE, &void(c, line));
    }
    flow.words(
        NOTE,
        words.s(
            "结果由服务器在记入时按当时的日志计算，核验佐证包时由包内数据重新计算。现场核查说明核查当时读数与设备是否相符，不证明其后的改动；照片存放在服务器上，条目中记有其摘要。",
            "Results were computed by the server over the log as it was when they were recorded; whoever verifies the bundle computes them again from its readings. A check says whether readings and machine belonged together when it was made, and nothing of what was changed afterwards. Photos lie on the server; their digests are in the statements.",
        ),
    );
}

fn draws(flow: &mut Flow, c: &Context<'_>, check: &CheckResult) {
    let words = c.words;
    let column = |share| Column { share, align: Align::Left };
    let columns = [column(1.5), column(0.6), column(2.2), column(1.6)];
    let head = [
        words.s("抽取", "Draw"),
        words.s("台数", "Machines"),
        words.s("从中抽取 · 树根与种子", "Drawn from · root and seed"),
        words.s("抽中设备", "Drawn"),
    ];
    let row = |draw: &DrawLine| {
        let (from, drawn) = match &draw.drawn {
            Some(of) => (
                Cell::new(names(c, &of.machines))
                    .and(format!("{} {}", words.s("树根", "root"), short(&of.root)))
                    .and(format!("{} {}", words.s("种子", "seed"), of.seed.as_deref().unwrap_or(NONE))),
                Cell::styled(names(c, &of.drawn), CELL.bold().ink(INK)).and(bare_leaf(c, of.leaf)),
            ),
            None => (Cell::new(NONE), Cell::new(words.s("没有记入结果", "no result was recorded"))),
        };
        Row::new([
            who(c, draw.leaf, draw.received_ms, (&draw.author, &draw.role)),
            Cell::new(draw.wanted.to_string()),
            from,
            drawn,
        ])
    };
    flow.gap(2.0);
    flow.table(&columns, &head, &check.draws.iter().map(row).collect::<Vec<Row>>());
    if check.draws.len() > 1 {
        flow.words(
            NOTE,
            words.s(
                "同一核查抽取了不止一次，每一次都在上表。",
                "It was drawn more than once, and each time is in the table.",
            ),
        );
    }
}

fn acts(flow: &mut Flow, c: &Context<'_>, check: &CheckResult) {
    let words = c.words;
    if check.acts.is_empty() {
        return flow.words(BODY, words.s("没有核查动作。", "Nothing was checked."));
    }
    let column = |share| Column { share, align: Align::Left };
    let columns = [column(0.9), column(1.5), column(2.6), column(1.1)];
    let head = [
        words.s("设备", "Machine"),
        words.s("现场所做、所见", "Done and seen on site"),
        words.s("日志所示", "What the log showed"),
        words.s("条目", "Statement"),
    ];
    let rows: Vec<Row> = check.acts.iter().map(|act| row(c, act)).collect();
    flow.gap(2.0);
    flow.table(&columns, &head, &rows);
}

fn row(c: &Context<'_>, act: &ActLine) -> Row {
    let words = c.words;
    let chosen = if act.drawn { words.s("抽中", "drawn") } else { words.s("未经抽取", "not drawn") };
    let machine = Cell::styled(words.machine(c.report, &act.machine), CELL.bold().ink(INK)).and(chosen);
    let mut seen = Cell::new("");
    for line in stated(c, &act.stated) {
        seen = seen.and_stated(line);
    }
    let mut shown = Cell::new("");
    for (agreement, line) in lines(c, act) {
        let style = match agreement {
            Agreement::Differs => CELL.ink(RED),
            Agreement::Agrees | Agreement::Open => CELL,
        };
        shown = shown.and_styled(format!("{} {line}", mark(c, agreement)), style);
    }
    let shown = match &act.result {
        Some(result) => shown.and(match words.lang {
            look::text::Lang::Zh => format!("{}依据日志前 {} 条", c.leaf(result.leaf), result.size),
            look::text::Lang::En => format!("{}over the first {} leaves", c.leaf(result.leaf), result.size),
        }),
        None => Cell::styled(words.s("没有记入结果", "no result was recorded"), CELL.ink(AMBER)),
    };
    Row::new([machine, seen, shown, who(c, act.leaf, act.received_ms, (&act.author, &act.role))])
}

/// What the log showed of an act, sentence by sentence in this language.
pub(crate) fn lines(c: &Context<'_>, act: &ActLine) -> Vec<(Agreement, String)> {
    let name = |machine: &str| {
        let name = c.words.machine(c.report, machine);
        Words { zh: name.clone(), en: name }
    };
    act.lines(&name).into_iter().map(|(agreement, words)| (agreement, said(c, &words).to_owned())).collect()
}

/// Whether a sentence agrees, in a word.
pub(crate) fn mark(c: &Context<'_>, agreement: Agreement) -> &'static str {
    match agreement {
        Agreement::Agrees => c.words.s("〔相符〕", "[agrees]"),
        Agreement::Differs => c.words.s("〔不符〕", "[differs]"),
        Agreement::Open => c.words.s("〔未定〕", "[open]"),
    }
}

/// What was done or seen, in words.
pub(crate) fn stated(c: &Context<'_>, act: &StatedAct) -> Vec<String> {
    let words = c.words;
    match act {
        StatedAct::Press(press) => vec![
            match press.action {
                Action::Stop => words.s("停机，当时按下", "stopped, pressed at that moment"),
                Action::Start => words.s("启动，当时按下", "started, pressed at that moment"),
            }
            .to_owned(),
        ],
        StatedAct::Face(face) => face_words(c, face),
        StatedAct::Plate(plate) => plate_words(c, plate),
    }
}

fn face_words(c: &Context<'_>, face: &OnsiteFace) -> Vec<String> {
    let words = c.words;
    let meter = if face.same_register {
        words.s("网关所读的计数器", "the register that is read")
    } else {
        words.s("另一只电能表", "another meter")
    };
    vec![
        format!("{} {} {} · {meter}", words.s("表面", "face"), face.value, face.unit),
        format!("{} {} · {}", words.s("照片", "photo"), c.face().full(face.photo.taken_ms), short(&face.photo.digest)),
    ]
}

fn plate_words(c: &Context<'_>, plate: &OnsitePlate) -> Vec<String> {
    let words = c.words;
    let seal = match plate.seal {
        SealState::Intact => words.s("完好", "intact"),
        SealState::Broken => words.s("破损", "broken"),
        SealState::None => words.s("无封印", "none"),
    };
    let number = if plate.seal_number.is_empty() { String::new() } else { format!(" ({})", plate.seal_number) };
    let ct = plate.ct.map(|ct| format!("{}/{}", ct.primary, ct.secondary)).unwrap_or_default();
    let rows = [
        (words.s("设备编号", "serial number"), plate.serial.clone()),
        (words.s("电能表编号", "meter number"), plate.meter_serial.clone()),
        (words.s("互感器变比", "transformer ratio"), ct),
        (words.s("封印", "seal"), format!("{seal}{number}")),
        (words.s("其他", "note"), plate.note.clone()),
    ];
    rows.into_iter().filter(|(_, value)| !value.is_empty()).map(|(name, value)| format!("{name} {value}")).collect()
}

fn confirmations(flow: &mut Flow, c: &Context<'_>, check: &CheckResult) {
    let words = c.words;
    if check.confirmations.is_empty() {
        return flow.words(BODY, words.s("双方均未确认。", "Neither side has confirmed."));
    }
    flow.gap(2.0);
    flow.part(words.s("确认", "Confirmations"));
    for line in &check.confirmations {
        let style = if line.holds { BODY } else { BODY.ink(RED) };
        flow.words(style, &confirmed(c, line));
    }
    if check.unconfirmed > 0 {
        let n = check.unconfirmed;
        flow.words(
            BODY.ink(AMBER),
            &match words.lang {
                look::text::Lang::Zh => format!("未经双方确认的抽取与动作 {n} 项。"),
                look::text::Lang::En => format!("Draws and acts that not both sides confirmed: {n}."),
            },
        );
    }
}

/// A confirmation in words.
pub(crate) fn confirmed(c: &Context<'_>, line: &ConfirmationLine) -> String {
    let words = c.words;
    let side = match line.side {
        Side::Checker => words.s("核查方", "The checking side"),
        Side::Firm => words.s("企业", "The firm"),
    };
    let stands = match (line.holds, line.current) {
        (false, _) => {
            words.s("；摘要与日志不符，不构成确认", "; its digest is not that of the log, so it confirms nothing")
        }
        (true, false) => words.s("；其后另有内容，已被取代", "; superseded: something was stated afterwards"),
        (true, true) => "",
    };
    let at = c.face().full(line.received_ms);
    let (leaf, through, author, role) = (c.leaf(line.leaf), line.through, &line.author, words.role(&line.role));
    match words.lang {
        look::text::Lang::Zh => format!("{leaf}{side}于 {at} 确认至日志第 {through} 条（{author} · {role}）{stands}"),
        look::text::Lang::En => {
            format!("{leaf}{side} confirmed through leaf {through} at {at} ({author} · {role}){stands}")
        }
    }
}

/// A statement that counts for nothing.
pub(crate) fn void(c: &Context<'_>, line: &Uncounted) -> String {
    format!("{}{}{}", c.leaf(line.leaf), c.words.s("不计入，", "counts for nothing, "), said(c, &line.code.words()))
}

/// Names of machines.
pub(crate) fn names(c: &Context<'_>, machines: &[String]) -> String {
    let all: Vec<String> = machines.iter().map(|machine| c.words.machine(c.report, machine)).collect();
    all.join(c.words.s("、", ", "))
}

fn who(c: &Context<'_>, leaf: u64, received_ms: i64, (author, role): (&str, &str)) -> Cell {
    Cell::new(c.face().full(received_ms)).and(format!("{}{author} · {}", c.leaf(leaf), c.words.role(role)))
}

/// `日志第 77 条`, with nothing behind it.
fn bare_leaf(c: &Context<'_>, leaf: u64) -> String {
    c.leaf(leaf).trim_end().trim_end_matches(['：', ':']).to_owned()
}

fn short(digest: &str) -> String {
    format!("{}…", digest.chars().take(DIGEST).collect::<String>())
}
