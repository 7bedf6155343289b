//! A filed plan (备案方案): promised, connected, producing data; differences; applications with their opinions; targets.

use look::format::{NONE, quotient};
use look::text::Lang;
use metrics::filed::ChangeItem;
use metrics::report::{
    ApplicationLine, Disregarded, FiledPart, FilingResult, OpinionLine, PromiseDifference, PromiseLine, Words,
};

use crate::chapters::Context;
use crate::fields::Fields;
use crate::figures;
use crate::flow::{AMBER, BODY, CELL, Cell, Column, FINE, Flow, INK, LABEL, NOTE, RED, Row};
use crate::paper::Align;
use crate::read::Target;

/// Rows that differ from the plan in force.
pub(crate) fn differing(filing: &FilingResult) -> impl Iterator<Item = (&PromiseLine, &PromiseDifference)> {
    let rows = filing.plan.iter().flat_map(|plan| plan.machines.iter().chain(&plan.points).chain(&plan.gateways));
    rows.filter_map(|row| Some((row, row.difference.as_ref()?)))
}

/// What the words of a section are in this language.
pub(crate) fn said<'w>(c: &Context<'_>, words: &'w Words) -> &'w str {
    match c.words.lang {
        Lang::Zh => &words.zh,
        Lang::En => &words.en,
    }
}

/// Yuan of whole fen.
pub(crate) fn yuan(fen: &str) -> String {
    fen.parse().ok().and_then(|fen: i128| quotient(fen, 100, 2)).unwrap_or_else(|| fen.to_owned())
}

/// One line for the page of findings.
pub(super) fn summary(c: &Context<'_>, filing: &FilingResult) -> String {
    let (id, n) = (name(c, filing), differing(filing).count());
    let [promised, connected, producing] = filing.plan.as_ref().map_or([0; 3], |plan| plan.machines_counted);
    match (c.words.lang, &filing.plan) {
        (Lang::Zh, None) => format!("备案方案 {id}：日志中没有方案本身"),
        (Lang::En, None) => format!("Filed plan {id}: the plan itself is not in the log"),
        (Lang::Zh, _) => format!(
            "备案方案 {id}：承诺设备 {promised} 台，接入 {connected} 台，在产数据 {producing} 台；未经同意的差异 {n} 项，见「备案方案与实施」一章"
        ),
        (Lang::En, _) => format!(
            "Filed plan {id}: machines promised {promised}, connected {connected}, producing data {producing}; differences no approved change covers: {n}, named in the chapter on the filed plan"
        ),
    }
}

fn name(c: &Context<'_>, filing: &FilingResult) -> String {
    let named = filing.plan.as_ref().map(|plan| said(c, &plan.names)).filter(|name| !name.is_empty());
    named.map_or_else(|| filing.filing.clone(), |name| format!("{name} ({})", filing.filing))
}

pub(super) fn set(flow: &mut Flow, c: &Context<'_>, filing: &FilingResult) {
    let words = c.words;
    flow.part(&name(c, filing));
    let asked = c.report.request.filings.iter().find(|asked| asked.filing == filing.filing);
    let rule = asked.and_then(|asked| asked.rule.as_ref());
    if let Some(rule) = rule {
        let number = rule.number.as_deref().unwrap_or(NONE);
        let draft = if rule.draft { words.s("（征求意见稿）", " (draft for comment)") } else { "" };
        let title = said(c, &rule.names);
        flow.words(BODY, &format!("{}{title} {number}{draft}", words.s("所依据的办法：", "Rule: ")));
    }
    let basis = filing.basis_words(&c.report.request.filings);
    flow.words(BODY, &format!("{}{}", words.s("变更程序：", "Procedure of changes: "), said(c, &basis)));
    if let Some(plan) = &filing.plan {
        facts(flow, c, plan);
        counts(flow, c, filing, plan);
        differences(flow, c, filing);
        rows(flow, c, plan);
    }
    applications(flow, c, filing);
    for line in &filing.disregarded {
        flow.words(NOTE, &void(c, line));
    }
    if let Some(plan) = &filing.plan {
        targets(flow, c, plan);
    }
}

fn facts(flow: &mut Flow, c: &Context<'_>, plan: &FiledPart) {
    let words = c.words;
    let sign = words.s("：", ": ");
    let mut say = |name: &str, value: &str| flow.words(BODY, &format!("{name}{sign}{value}"));
    let number = plan.number.as_deref().unwrap_or(NONE);
    let logged = format!("{}{}", c.leaf(plan.leaf), c.face().full(plan.received_ms));
    say(words.s("备案", "Filed"), &format!("{} · {number} · {logged}", plan.filed));
    let dates = |term: &metrics::model::DateRange| format!("{} — {}", term.from, term.to);
    let filed = words.s("原备案", "as filed");
    let term = match plan.term == plan.term_filed {
        true => dates(&plan.term),
        false => format!("{} ({filed} {})", dates(&plan.term), dates(&plan.term_filed)),
    };
    say(words.s("实施期限", "Term"), &term);
    let investment = &plan.investment;
    let amount = match investment.fen == investment.filed_fen {
        true => yuan(&investment.fen),
        false => format!("{} ({filed} {})", yuan(&investment.fen), yuan(&investment.filed_fen)),
    };
    say(words.s("投资（元）", "Investment (yuan)"), &amount);
    if let Some(firm) = &plan.firm {
        say(words.s("经同意变更后的项目主体", "Firm, by an approved change"), firm);
    }
    for other in &plan.others {
        say(words.s("经同意的其他变更", "Another approved change"), other);
    }
    let late = |date: metrics::filed::Day, received: Option<metrics::filed::Day>| match received {
        Some(day) if day > date => match words.lang {
            Lang::Zh => format!("{date}（{day} 记入日志）"),
            Lang::En => format!("{date} (logged on {day})"),
        },
        _ => date.to_string(),
    };
    for change in &plan.changes {
        let when = late(change.date, change.received);
        let said = format!("{}{} · {when}", c.leaf(change.leaf), change.change);
        say(words.s("经同意的变更", "Approved change"), &said);
    }
}

fn counts(flow: &mut Flow, c: &Context<'_>, filing: &FilingResult, plan: &FiledPart) {
    let words = c.words;
    let column = |share, align| Column { share, align };
    let columns =
        [column(1.4, Align::Left), column(1.0, Align::Right), column(1.0, Align::Right), column(1.0, Align::Right)];
    let head = [
        words.s("对象", "What"),
        words.s("承诺", "Promised"),
        words.s("接入", "Connected"),
        words.s("在产数据", "Producing data"),
    ];
    let counted = [
        (words.s("设备", "Machines"), plan.machines_counted),
        (words.s("测点", "Points"), plan.points_counted),
        (words.s("网关", "Gateways"), plan.gateways_counted),
    ];
    let row = |(name, counts): &(&str, [usize; 3])| {
        let [promised, connected, producing] = counts.map(|n| Cell::new(n.to_string()));
        Row::new([Cell::styled(*name, CELL.bold().ink(INK)), promised, connected, producing])
    };
    flow.gap(2.0);
    flow.table(&columns, &head, &counted.iter().map(row).collect::<Vec<Row>>());
    let note = match words.lang {
        Lang::Zh => format!(
            "承诺：现行方案（备案及经同意的变更）。接入：本报告所列日期内有正常读数；网关为有读数的记录。在产数据：截至 {} 前 {} 天内有数据。报告日期以外的读数不在本表内。",
            filing.at, filing.quiet_days
        ),
        Lang::En => format!(
            "Promised: the plan in force, as filed and by approved changes. Connected: good readings within the dates of this report; of a gateway, records with readings. Producing data: data at most {} days before {}. Readings outside the dates of the report are not in this table.",
            filing.quiet_days, filing.at
        ),
    };
    flow.words(NOTE, &note);
}

fn differences(flow: &mut Flow, c: &Context<'_>, filing: &FilingResult) {
    let words = c.words;
    let all: Vec<_> = differing(filing).collect();
    if all.is_empty() {
        return flow.words(BODY, words.s("与现行方案没有差异。", "Nothing differs from the plan in force."));
    }
    flow.gap(2.0);
    flow.entry(words.s("与现行方案的差异", "Differences from the plan in force"));
    for (row, difference) in all {
        let (what, how) = (row.what(), difference.words(filing));
        flow.words(BODY.ink(RED), &format!("△ {}{}{}", said(c, &what), words.s("：", ": "), said(c, &how)));
    }
}

fn rows(flow: &mut Flow, c: &Context<'_>, plan: &FiledPart) {
    let words = c.words;
    let column = |share, align| Column { share, align };
    let columns = [
        column(2.0, Align::Left),
        column(0.7, Align::Centre),
        column(1.0, Align::Centre),
        column(1.0, Align::Centre),
        column(0.8, Align::Centre),
        column(1.1, Align::Centre),
    ];
    let head = [
        words.s("设备 · 测点 · 网关", "Machine · point · gateway"),
        words.s("承诺", "Promised"),
        words.s("首次数据", "First data"),
        words.s("最近数据", "Last data"),
        words.s("在产数据", "Producing"),
        words.s("差异", "Differs"),
    ];
    let all = plan.machines.iter().chain(&plan.points).chain(&plan.gateways);
    let row = |line: &PromiseLine| {
        let day =
            |day: Option<metrics::filed::Day>| Cell::new(day.map_or_else(|| NONE.to_owned(), |day| day.to_string()));
        let differs = match line.difference {
            Some(_) => Cell::styled("△", CELL.bold().ink(RED)),
            None => Cell::new(elsewhere(c, line).unwrap_or_else(|| NONE.to_owned())),
        };
        Row::new([
            what(c, line),
            yes(c, line.promised),
            day(line.connected),
            day(line.last),
            yes(c, line.producing),
            differs,
        ])
    };
    flow.gap(2.0);
    flow.table(&columns, &head, &all.map(row).collect::<Vec<Row>>());
    flow.words(
        NOTE,
        words.s(
            "测点只列有差异的，以及承诺而不在产数据的；首次数据、最近数据为本报告所列日期内的日期。",
            "Of points only those are listed that differ, or were promised and produce no data; first and last data are dates within those of the report.",
        ),
    );
}

/// Which other filing promises a row that is there, where one does.
pub(crate) fn elsewhere(c: &Context<'_>, line: &PromiseLine) -> Option<String> {
    let filing = line.elsewhere.as_ref()?;
    Some(match c.words.lang {
        Lang::Zh => format!("由备案方案 {filing} 承诺"),
        Lang::En => format!("promised by the filed plan {filing}"),
    })
}

fn what(c: &Context<'_>, line: &PromiseLine) -> Cell {
    match (&line.machine, &line.point) {
        (Some(machine), None) => {
            let name = c.words.machine(c.report, machine);
            let cell = Cell::styled(name.clone(), CELL.bold().ink(INK));
            if name == *machine { cell } else { cell.and_styled(machine.as_str(), FINE) }
        }
        _ => Cell::styled(said(c, &line.what()), CELL),
    }
}

fn yes(c: &Context<'_>, yes: bool) -> Cell {
    match yes {
        true => Cell::new(c.words.s("是", "yes")),
        false => Cell::styled(c.words.s("否", "no"), CELL.ink(LABEL)),
    }
}

fn applications(flow: &mut Flow, c: &Context<'_>, filing: &FilingResult) {
    let words = c.words;
    if filing.applications.is_empty() {
        return flow.words(BODY, words.s("没有变更申请。", "There is no application to change the plan."));
    }
    let column = |share, align| Column { share, align };
    let columns =
        [column(1.1, Align::Left), column(1.4, Align::Left), column(2.4, Align::Left), column(1.1, Align::Left)];
    let head = [
        words.s("变更申请", "Application"),
        words.s("申请内容", "What would change"),
        words.s("计入的意见", "Opinions that count"),
        words.s("状态", "Where it stands"),
    ];
    let rows: Vec<Row> = filing.applications.iter().map(|of| application(c, of)).collect();
    flow.gap(2.0);
    flow.table(&columns, &head, &rows);
}

fn application(c: &Context<'_>, of: &ApplicationLine) -> Row {
    let words = c.words;
    let mut first =
        Cell::styled(of.change.as_str(), CELL.bold().ink(INK)).and(format!("{}{}", c.leaf(of.leaf), of.date));
    if of.submitted > 1 {
        first = first.and(match words.lang {
            Lang::Zh => format!("共提交 {} 次", of.submitted),
            Lang::En => format!("submitted {} times", of.submitted),
        });
    }
    let mut items = Cell::new("");
    for item in &of.items {
        items = items.and_stated(item_words(c, item));
    }
    let mut opinions = Cell::new(if of.opinions.is_empty() && of.superseded.is_empty() { NONE } else { "" });
    for opinion in &of.opinions {
        opinions = opinions.and_stated(says(c, opinion)).and_styled(logged(c, opinion), FINE);
    }
    for opinion in &of.superseded {
        let mark = words.s("对前次提交，已失效", "on an earlier submission, of no effect any more");
        opinions = opinions
            .and_styled(says(c, opinion), CELL.ink(LABEL))
            .and_styled(format!("{mark} · {}", logged(c, opinion)), FINE.ink(AMBER));
    }
    let mut status = Cell::styled(said(c, &of.status.words()), CELL.bold());
    for line in &of.disregarded {
        status = status.and_styled(void(c, line), FINE);
    }
    Row::new([first, items.and_styled(of.reason.as_str(), FINE), opinions, status])
}

/// What an opinion says: whose, by which body, what, when, why.
fn says(c: &Context<'_>, opinion: &OpinionLine) -> String {
    let words = c.words;
    let (by, says) = (opinion.by.words(), opinion.opinion.words());
    let reason = if opinion.reason.is_empty() { String::new() } else { format!(" · {}", opinion.reason) };
    format!("{} · {} · {} · {}{reason}", words.s(by.0, by.1), opinion.body, words.s(says.0, says.1), opinion.date)
}

/// By whose account it was stated, and when.
fn logged(c: &Context<'_>, opinion: &OpinionLine) -> String {
    format!("{} · {}{}", c.words.role(&opinion.role), c.leaf(opinion.leaf), c.face().full(opinion.received_ms))
}

/// An item of an application, as stated.
pub(crate) fn item_words(c: &Context<'_>, item: &ChangeItem) -> String {
    let fields = Fields::whole(c);
    serde_json::to_value(item).map(|json| fields.body(&json)).unwrap_or_default()
}

/// A statement that counts for nothing.
pub(crate) fn void(c: &Context<'_>, line: &Disregarded) -> String {
    let (zh, en) = line.code.words();
    let what = c.words.s("不计入，", "counts for nothing, ");
    format!("{}{what}{}", c.leaf(line.leaf), c.words.s(zh, en))
}

fn targets(flow: &mut Flow, c: &Context<'_>, plan: &FiledPart) {
    let words = c.words;
    if plan.targets.is_empty() {
        return;
    }
    let column = |share, align| Column { share, align };
    let columns =
        [column(1.4, Align::Left), column(1.0, Align::Left), column(1.2, Align::Left), column(2.0, Align::Left)];
    let head = [
        words.s("备案绩效目标", "Target as filed"),
        words.s("目标值", "Promised"),
        words.s("基期", "Base period"),
        words.s("计算口径", "How it is counted"),
    ];
    let row = |target: &metrics::filed::FiledTarget| {
        let names = crate::read::Names { zh: target.names.zh.clone(), en: target.names.en.clone() };
        Row::new([
            Cell::styled(words.name(&names, &target.target), CELL.bold().ink(INK)),
            Cell::new(promised(c, target)),
            Cell::new(format!("{} — {}", target.base.from, target.base.to)),
            Cell::stated(target.method.as_str()),
        ])
    };
    flow.gap(2.0);
    flow.table(&columns, &head, &plan.targets.iter().map(row).collect::<Vec<Row>>());
    flow.words(
        NOTE,
        words.s(
            "目标按备案原文列出；是否达到见「结论一览」，以测量方案为准。",
            "Targets are listed as filed; what was measured of them stands under findings, by the measurement plan.",
        ),
    );
}

/// What a target promises: direction, amount, unit.
pub(crate) fn promised(c: &Context<'_>, target: &metrics::filed::FiledTarget) -> String {
    let stated =
        serde_json::to_value(&target.promised).ok().and_then(|json| serde_json::from_value::<Target>(json).ok());
    stated.map(|stated| figures::target(c.words, &stated)).unwrap_or_default()
}
