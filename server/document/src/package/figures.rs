//! What the report holds of each kind of evidence, as tables with bounds, coverage and grade, and the leaves it was computed from.

use look::format::NONE;

use super::paper::{Entry, Listing, Part};
use crate::chapters::Context;
use crate::figures;
use crate::read::{Line, Section};

/// What to print of a kind of evidence; nothing where the report has nothing of it.
pub(super) fn of(c: &Context<'_>, evidence: &str) -> Vec<Part> {
    let listing = match evidence {
        "ledger" => ledger(c),
        "collection" => collection(c),
        "production" => lines(c, |line| !line.definition.starts_with("energy.")),
        "energy" => lines(c, |line| line.definition.starts_with("energy.")),
        "targets" => targets(c),
        _ => return Vec::new(),
    };
    if listing.rows.is_empty() {
        return Vec::new();
    }
    let names = practice::package::named(evidence);
    vec![Part::Heading(c.words.s(&names.zh, &names.en).to_owned()), Part::Table(listing)]
}

/// Where the figures come from: dates, leaves, and the statements in force.
pub(super) fn sources(c: &Context<'_>) -> Part {
    let w = c.words;
    let mut facts = Vec::new();
    for period in c.periods() {
        facts.push((c.period(&period.name), format!("{} {} {}", period.from, w.s("至", "to"), period.to)));
    }
    let mut ranges: Vec<String> = Vec::new();
    for (gateway, first, last) in gateways(c) {
        ranges.push(match w.lang {
            look::text::Lang::Zh => format!("网关 {gateway} 第 {first}–{last} 条"),
            look::text::Lang::En => format!("gateway {gateway}, leaves {first}–{last}"),
        });
    }
    if !ranges.is_empty() {
        facts.push((w.s("签名记录", "Signed records").to_owned(), ranges.join(w.s("；", "; "))));
    }
    let of = |kind: &str| c.report.statements.iter().filter(|s| s.kind == kind).map(|s| s.leaf).collect::<Vec<_>>();
    let stated: Vec<String> = ["machine", "calendar", "cycle_time", "plan"]
        .into_iter()
        .filter_map(|kind| {
            let leaves: Vec<String> = of(kind).into_iter().map(figures::count).collect();
            (!leaves.is_empty()).then(|| format!("{} {}", w.kind(kind), leaves.join(w.s("、", ", "))))
        })
        .collect();
    if !stated.is_empty() {
        facts.push((w.s("填报（日志条）", "Statements (leaves)").to_owned(), stated.join(w.s("；", "; "))));
    }
    Part::Facts(facts)
}

/// First and last leaf of every gateway behind the report.
fn gateways(c: &Context<'_>) -> Vec<(String, u64, u64)> {
    let mut all: std::collections::BTreeMap<&str, (u64, u64)> = std::collections::BTreeMap::new();
    for range in c.report.periods.iter().flat_map(|s| &s.lineage) {
        let of = all.entry(&range.gateway).or_insert((range.first, range.last));
        *of = (of.0.min(range.first), of.1.max(range.last));
    }
    all.into_iter().map(|(gateway, (first, last))| (gateway.to_owned(), first, last)).collect()
}

/// The machines over the period that the package is about.
fn sections<'c>(c: &'c Context<'_>) -> impl Iterator<Item = &'c Section> {
    let last = c.periods().last().map(|p| p.name.as_str()).unwrap_or_default();
    c.report.periods.iter().filter(move |s| s.period == last && s.machine != metrics::report::ALL_MACHINES)
}

fn ledger(c: &Context<'_>) -> Listing {
    let w = c.words;
    let rows = c.report.machines.iter().map(|m| {
        let leaf = c.report.statements.iter().rev().find(|s| {
            s.kind == "machine" && c.declared.get(&s.leaf).is_some_and(|body| body["machine"] == m.machine.as_str())
        });
        Entry::new([
            w.name(&m.names, &m.machine),
            m.machine.clone(),
            w.word("kind", &m.role),
            w.s(if m.critical { "是" } else { "否" }, if m.critical { "yes" } else { "no" }).to_owned(),
            leaf.map_or_else(|| NONE.to_owned(), |s| figures::count(s.leaf)),
        ])
    });
    let head = head(
        c,
        &[
            ("设备", "Machine", 26),
            ("编号", "Id", 16),
            ("类别", "Role", 14),
            ("关键设备", "Key", 10),
            ("声明（日志条）", "Stated (leaf)", 14),
        ],
    );
    Listing { head, rows: rows.collect() }
}

fn collection(c: &Context<'_>) -> Listing {
    let w = c.words;
    let rows = sections(c).filter(|s| s.readings > 0).map(|s| {
        let leaves: Vec<String> = s.lineage.iter().map(|r| format!("{} {}–{}", r.gateway, r.first, r.last)).collect();
        Entry::new([
            w.machine(c.report, &s.machine),
            figures::count(s.readings),
            s.lines.first().map_or_else(|| NONE.to_owned(), |line| figures::coverage(line.coverage)),
            leaves.join(w.s("；", "; ")),
        ])
    });
    let head = head(
        c,
        &[
            ("设备", "Machine", 26),
            ("读数（个）", "Readings", 14),
            ("覆盖率", "Coverage", 12),
            ("网关与日志条", "Gateway and leaves", 28),
        ],
    );
    Listing { head, rows: rows.collect() }
}

fn lines(c: &Context<'_>, wanted: impl Fn(&Line) -> bool) -> Listing {
    let w = c.words;
    let mut rows = Vec::new();
    for section in sections(c) {
        for line in section.lines.iter().filter(|line| wanted(line) && line.value.is_some()) {
            rows.push(value(c, &w.machine(c.report, &section.machine), line));
        }
    }
    Listing { head: value_head(c), rows }
}

/// The lines of definitions that something rests on, with their bounds.
pub(super) fn found(c: &Context<'_>, definitions: &[String]) -> Option<Listing> {
    let listing = lines(c, |line| definitions.contains(&line.definition));
    (!listing.rows.is_empty()).then_some(listing)
}

fn value_head(c: &Context<'_>) -> Vec<(String, u16)> {
    head(
        c,
        &[
            ("设备", "Machine", 20),
            ("指标", "Indicator", 26),
            ("数值与上下限", "Value and bounds", 26),
            ("覆盖率", "Coverage", 12),
            ("数据等级", "Grade", 9),
        ],
    )
}

fn value(c: &Context<'_>, machine: &str, line: &Line) -> Entry {
    let (value, bounds) = figures::value(c.words, line);
    Entry::new([
        machine.to_owned(),
        format!("{}\n{}", c.words.definition(c.report, &line.definition), line.definition),
        format!("{value}\n{bounds}"),
        figures::coverage(line.coverage),
        line.grade.clone().unwrap_or_else(|| NONE.to_owned()),
    ])
}

fn targets(c: &Context<'_>) -> Listing {
    let w = c.words;
    let mut rows = Vec::new();
    for promised in c.report.measurement_plan.iter().flat_map(|p| &p.metrics) {
        let Some(target) = &promised.target else { continue };
        let found = c.report.comparison(&promised.definition, &promised.machine);
        let share = figures::is_share(&figures::unit_of(c.report, &promised.definition, &promised.machine));
        let sides = found.map_or_else(
            || NONE.to_owned(),
            |k| {
                let unit = figures::unit_words(w, c.report, k);
                format!("{} → {} {unit}", figures::side(&k.before, share), figures::side(&k.after, share))
            },
        );
        let change = promised.change.as_ref().map_or_else(
            || NONE.to_owned(),
            |change| {
                let (value, ends) = figures::target_change(w, change);
                format!("{value}\n{ends}")
            },
        );
        let verdict = promised.verdict.as_deref().unwrap_or("INSUFFICIENT");
        rows.push(Entry::new([
            format!("{}\n{}", w.definition(c.report, &promised.definition), w.machine(c.report, &promised.machine)),
            figures::target(w, target),
            sides,
            change,
            w.verdict(verdict).to_owned(),
        ]));
    }
    let head = head(
        c,
        &[
            ("指标", "Indicator", 24),
            ("目标", "Target", 22),
            ("基期 → 报告期", "Before → after", 22),
            ("变化与 95 % 区间", "Change, 95 % interval", 20),
            ("与目标对照", "Against target", 14),
        ],
    );
    Listing { head, rows }
}

/// Heads of columns in the document's language.
pub(super) fn head(c: &Context<'_>, columns: &[(&str, &str, u16)]) -> Vec<(String, u16)> {
    columns.iter().map(|(zh, en, share)| (c.words.s(zh, en).to_owned(), *share)).collect()
}
