//! Coverage day by day: a square for each production date, all machines below each other, both periods side by side.

use std::collections::BTreeMap;

use jiff::civil::Date;
use look::chart::calendar::Day;

use super::Context;
use crate::DocumentError;
use crate::flow::{Flow, NOTE};
use crate::read::Section;

pub(super) fn set(flow: &mut Flow, c: &Context<'_>) -> Result<(), DocumentError> {
    let words = c.words;
    flow.part(words.s("逐日覆盖率", "Coverage by day"));
    flow.words(
        NOTE,
        words.s(
            "每格为一个生产日期。实心：已观测；斜线：未知；点：无计划。",
            "A square is a production date. Solid: observed; hatched: unknown; dot: nothing planned.",
        ),
    );
    for machine in &c.report.machines {
        let sections = c.report.periods.iter().filter(|s| s.machine == machine.machine);
        let pictures: Vec<(String, String)> = sections.filter_map(|s| calendar(c, s)).collect();
        flow.pictures(&pictures, 0.5)?;
    }
    Ok(())
}

/// The calendar of a machine's period and its caption.
fn calendar(c: &Context<'_>, section: &Section) -> Option<(String, String)> {
    let words = c.words;
    let period = c.periods().iter().find(|p| p.name == section.period)?;
    let (from, to) = (period.from.parse::<Date>().ok()?, period.to.parse::<Date>().ok()?);
    let mut known: BTreeMap<Date, (i64, i64)> = BTreeMap::new();
    for shift in c.report.shifts.iter().filter(|s| s.machine == section.machine && s.period == section.period) {
        let date = shift.date.as_deref().and_then(|d| d.parse::<Date>().ok());
        let line = shift.line("availability.iso22400@1").or_else(|| shift.lines.first());
        if let (Some(date), Some(line)) = (date, line) {
            let day = known.entry(date).or_default();
            day.0 += line.coverage[0];
            day.1 += line.coverage[1];
        }
    }
    // A picture holds a year; more would be unreadable, and the workbook has every day.
    let dates = from.series(jiff::Span::new().days(1)).take_while(|d| *d <= to).take(371);
    let days: Vec<Day> = dates
        .map(|date| {
            let (observed_ms, planned_ms) = known.get(&date).copied().unwrap_or_default();
            Day { date, observed_ms, planned_ms, href: String::new() }
        })
        .collect();
    let machine = words.machine(c.report, &section.machine);
    let caption = format!("{machine} · {} {} – {}", c.short_period(&period.name), period.from, period.to);
    let svg = look::chart::calendar::svg("days", &caption, &days, words.texts());
    Some((svg, caption))
}
