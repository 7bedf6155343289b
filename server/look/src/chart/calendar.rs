//! Coverage calendar: one square per production day; the filled share is what was observed, the hatched share is what
//! nobody knows. A day without planned time is a dot: nothing was missing because nothing was due.

use jiff::civil::Date;

use super::{INK, LABEL, State, Svg, esc, xy};
use crate::format;
use crate::text::{Lang, Texts};

/// One production day.
#[derive(Clone, Debug)]
pub struct Day {
    /// The production date.
    pub date: Date,
    /// Observed and planned time in ms; planned 0 means nothing was due.
    pub observed_ms: i64,
    /// See `observed_ms`.
    pub planned_ms: i64,
    /// Where the day is explained; empty for none.
    pub href: String,
}

/// Draws the days (any order, at most 400 of them) as weeks, newest right.
#[must_use]
pub fn svg(id: &str, title: &str, days: &[Day], t: &Texts) -> String {
    const CELL: f64 = 21.0;
    const STEP: f64 = 25.0;
    const LEFT: f64 = 34.0;
    const TOP: f64 = 24.0;
    let Some(first) = days.iter().map(|d| d.date).min() else { return String::new() };
    let monday = first.saturating_sub(jiff::Span::new().days(i64::from(first.weekday().to_monday_zero_offset())));
    let week_of = |date: Date| monday.until(date).map_or(0, |s| i64::from(s.get_days())) / 7;
    let weeks = days.iter().map(|d| week_of(d.date)).max().unwrap_or(0).min(60) + 1;
    let width = LEFT + weeks as f64 * STEP;
    let full = days.iter().filter(|d| d.planned_ms > 0 && d.observed_ms >= d.planned_ms).count();
    let due = days.iter().filter(|d| d.planned_ms > 0).count();
    let desc = t.f("chart-calendar-desc", &[("full", &full), ("due", &due)]);
    let mut svg = Svg::new(id, width as i64, (TOP + 7.0 * STEP) as i64, "calendar", title, &desc);
    svg.state_defs(&[State::Unknown]);
    let names: [&str; 7] = match t.lang() {
        Lang::Zh => ["一", "二", "三", "四", "五", "六", "日"],
        Lang::En => ["Mo", "Tu", "We", "Th", "Fr", "Sa", "Su"],
    };
    for (row, name) in names.iter().enumerate().step_by(2) {
        svg.text(0.0, TOP + row as f64 * STEP + 15.5, 12, "start", LABEL, name);
    }
    let mut month = 0;
    for week in 0..weeks {
        let start = monday.saturating_add(jiff::Span::new().days(week * 7));
        if start.month() != month && week_fits(week, weeks) {
            let label = match t.lang() {
                Lang::Zh => format!("{}月", start.month()),
                Lang::En => start.strftime("%b").to_string(),
            };
            svg.text(LEFT + week as f64 * STEP, 15.0, 12, "start", LABEL, &label);
        }
        month = start.month();
    }
    let hatch = svg.paint(State::Unknown.key());
    for day in days.iter().take(400) {
        let x = LEFT + week_of(day.date) as f64 * STEP;
        let y = TOP + f64::from(day.date.weekday().to_monday_zero_offset()) * STEP;
        let share = format::percent(day.observed_ms.into(), day.planned_ms.into(), 1);
        let words = match &share {
            Some(share) => t.f("chart-calendar-day", &[("date", &day.date.to_string()), ("share", share)]),
            None => t.f1("chart-calendar-none", "date", day.date.to_string()),
        };
        let link = !day.href.is_empty();
        if link {
            svg.raw(&format!("<a href=\"{}\">", esc(&day.href)));
        }
        if day.planned_ms <= 0 {
            let (cx, cy) = (xy(x + CELL / 2.0), xy(y + CELL / 2.0));
            svg.raw(&format!(
                "<circle cx=\"{cx}\" cy=\"{cy}\" r=\"2\" fill=\"#B9B4A6\"><title>{}</title></circle>",
                esc(&words)
            ));
        } else {
            let known = (day.observed_ms.clamp(0, day.planned_ms) as f64 / day.planned_ms as f64 * CELL * 100.0)
                .floor()
                / 100.0;
            if known < CELL {
                svg.rect(x, y, CELL, CELL - known, &hatch, &words);
            }
            if known > 0.0 {
                svg.rect(x, y + CELL - known, CELL, known, INK, &words);
            }
        }
        if link {
            svg.raw("</a>");
        }
    }
    svg.finish()
}

/// A month's name is dropped where it would run out of the picture.
fn week_fits(week: i64, weeks: i64) -> bool {
    week + 1 < weeks || weeks == 1
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    #[test]
    fn a_half_observed_day_is_half_hatched_and_a_free_day_is_a_dot() {
        let day =
            |d, observed_ms, planned_ms| Day { date: date(2026, 11, d), observed_ms, planned_ms, href: String::new() };
        let svg = svg("c", "t", &[day(16, 8, 8), day(17, 4, 8), day(22, 0, 0)], Lang::En.texts());
        assert!(
            svg.contains("<rect x=\"34\" y=\"49\" width=\"21\" height=\"10.5\" fill=\"url(#c-state-unknown)\">"),
            "{svg}"
        );
        assert_eq!(svg.matches("<circle").count(), 1);
        assert!(svg.contains("50.0"), "{svg}");
    }
}
