//! State ribbon: what a machine did, minute by minute. The most important picture we have.
//!
//! Constraints first: a block is exactly as wide as its time; what is unknown is hatched over the full height; planned
//! stops lie under the ribbon because they are a plan, not an observation; the count climbs as a thin step line above.
//! A wide picture shows the whole window in one row, a narrow one a row per eight hours.

use std::collections::BTreeMap;

use jiff::tz::TimeZone;

use super::{LABEL, State, Svg, Width, text_units, xy};
use crate::format::{self, Clockface};
use crate::text::Texts;

/// A half-open stretch of one state.
#[derive(Clone, Debug)]
pub struct Span {
    /// Start, UTC ms.
    pub from_ms: i64,
    /// End, UTC ms.
    pub to_ms: i64,
    /// What the machine did.
    pub state: State,
    /// Why, in words: the cause of a gap, the programme that ran.
    pub note: String,
}

/// A planned stretch drawn under the ribbon.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Start, UTC ms.
    pub from_ms: i64,
    /// End, UTC ms.
    pub to_ms: i64,
    /// Its name: `早班`, `午休`.
    pub name: String,
    /// A planned stop (drawn slate) or a shift (drawn as a bracket).
    pub stop: bool,
}

/// Everything the picture shows.
#[derive(Clone)]
pub struct Ribbon {
    /// Unique on the page, `[a-z0-9-]`.
    pub id: String,
    /// What it shows, in words.
    pub title: String,
    /// Window start, UTC ms.
    pub from_ms: i64,
    /// Window end, UTC ms.
    pub to_ms: i64,
    /// Zone of the axis.
    pub zone: TimeZone,
    /// States in order; what no span covers is drawn unknown up to `now_ms`.
    pub spans: Vec<Span>,
    /// Shifts and planned stops.
    pub plans: Vec<Plan>,
    /// Cumulative count since the window's start: (UTC ms, pieces).
    pub counts: Vec<(i64, i64)>,
    /// Where the live edge is, if inside the window.
    pub now_ms: Option<i64>,
}

const COUNT_H: f64 = 40.0;
const BAND_H: f64 = 46.0;
const PLAN_H: f64 = 22.0;
const AXIS_H: f64 = 20.0;
const ROW_H: f64 = COUNT_H + BAND_H + PLAN_H + AXIS_H;
const ROW_GAP: f64 = 10.0;
const EIGHT_HOURS: i64 = 8 * 3_600_000;

impl Ribbon {
    /// Time per state inside the window, unknown included, in ms. The sums tile the window up to `now_ms`.
    #[must_use]
    pub fn totals(&self) -> BTreeMap<State, i64> {
        let mut sums = BTreeMap::new();
        let end = self.end();
        let mut covered = 0;
        for span in &self.spans {
            let length = span.to_ms.min(end).saturating_sub(span.from_ms.max(self.from_ms)).max(0);
            covered += length;
            *sums.entry(span.state).or_insert(0) += length;
        }
        let rest = (end - self.from_ms).max(0) - covered;
        if rest > 0 {
            *sums.entry(State::Unknown).or_insert(0) += rest;
        }
        sums
    }

    fn end(&self) -> i64 {
        self.now_ms.map_or(self.to_ms, |n| n.clamp(self.from_ms, self.to_ms))
    }

    /// Draws it.
    #[must_use]
    pub fn svg(&self, t: &Texts, width: Width) -> String {
        let units = width.units() as f64;
        let length = (self.to_ms - self.from_ms).max(1);
        let per_row = match width {
            Width::Narrow if length > EIGHT_HOURS => EIGHT_HOURS,
            _ => length,
        };
        // Longer than four days would be a wall of rows; such windows are refused by the pages, bounded here.
        let rows = ((length + per_row - 1) / per_row).clamp(1, 12);
        let height = rows as f64 * (ROW_H + ROW_GAP) - ROW_GAP;
        let face = Clockface::new(self.zone.clone(), t.lang());
        let id = format!("{}-{}", self.id, if width == Width::Wide { "w" } else { "n" });
        let mut svg = Svg::new(&id, width.units(), height as i64, "ribbon", &self.title, &self.describe(t));
        let mut used: Vec<State> = self.spans.iter().map(|s| s.state).collect();
        used.push(State::Unknown);
        svg.state_defs(&used);
        for row in 0..rows {
            let from = self.from_ms + row * per_row;
            let scale = Scale { from, to: from + per_row, units };
            self.row(&mut svg, t, &face, &scale, row as f64 * (ROW_H + ROW_GAP));
        }
        svg.finish()
    }

    fn describe(&self, t: &Texts) -> String {
        let parts: Vec<String> =
            self.totals().iter().map(|(state, ms)| format!("{} {}", t.s(state.key()), format::duration(*ms))).collect();
        parts.join(" · ")
    }

    fn row(&self, svg: &mut Svg, t: &Texts, face: &Clockface, scale: &Scale, top: f64) {
        let band = top + COUNT_H;
        let end = self.end().min(scale.to);
        // Ground of the row: future is empty paper, the past is unknown until a span says otherwise.
        svg.rect(0.0, band, scale.units, BAND_H, "#F4F1EA", "");
        if end > scale.from {
            let hatch = svg.paint(State::Unknown.key());
            svg.rect(0.0, band, scale.x(end), BAND_H, &hatch, &t.s("chart-no-data"));
        }
        for span in &self.spans {
            let (from, to) = (span.from_ms.max(scale.from), span.to_ms.min(end));
            if from >= to {
                continue;
            }
            let (x, w) = (scale.x(from), (scale.x(to) - scale.x(from)).max(0.4));
            if span.state != State::Unknown {
                svg.rect(x, band, w, BAND_H, "#F4F1EA", "");
            }
            svg.state_rect(span.state, x, band, w, BAND_H, &words(t, face, span));
        }
        svg.line((0.0, band + BAND_H), (scale.units, band + BAND_H), "#8A8F98", 0.8, "");
        self.plan_row(svg, face, scale, band + BAND_H + 4.0);
        self.axis(svg, face, scale, band, top + ROW_H - AXIS_H);
        self.count_line(svg, t, scale, top, band);
        if let Some(now) = self.now_ms.filter(|n| (scale.from..scale.to).contains(n)) {
            let x = scale.x(now);
            svg.line((x, band - 6.0), (x, band + BAND_H), super::INK, 1.2, "");
            svg.raw(&format!(
                "<circle class=\"live-dot\" cx=\"{}\" cy=\"{}\" r=\"3\" fill=\"{}\"/>",
                xy(x),
                xy(band - 8.0),
                super::INK
            ));
        }
    }

    fn plan_row(&self, svg: &mut Svg, face: &Clockface, scale: &Scale, y: f64) {
        for plan in &self.plans {
            let (from, to) = (plan.from_ms.max(scale.from), plan.to_ms.min(scale.to));
            if from >= to {
                continue;
            }
            let (x, w) = (scale.x(from), scale.x(to) - scale.x(from));
            let title = format!("{} {}–{}", plan.name, face.minute(plan.from_ms), face.minute(plan.to_ms));
            if plan.stop {
                svg.rect(x, y, w, 5.0, "#9AA5B1", &title);
            } else {
                svg.line((x + 1.0, y + 8.5), (x + w - 1.0, y + 8.5), LABEL, 0.8, "");
                svg.line((x + 1.0, y + 5.5), (x + 1.0, y + 8.5), LABEL, 0.8, "");
                svg.line((x + w - 1.0, y + 5.5), (x + w - 1.0, y + 8.5), LABEL, 0.8, "");
                if text_units(&plan.name, 11) + 12.0 < w {
                    let half = text_units(&plan.name, 11) / 2.0 + 5.0;
                    svg.rect(x + w / 2.0 - half, y + 6.0, half * 2.0, 6.0, super::PAPER, "");
                    svg.text(x + w / 2.0, y + 13.0, 11, "middle", LABEL, &plan.name);
                }
            }
        }
    }

    fn axis(&self, svg: &mut Svg, face: &Clockface, scale: &Scale, band: f64, y: f64) {
        let hours = (scale.to - scale.from) as f64 / 3_600_000.0;
        let step_h =
            [1, 2, 3, 4, 6, 12, 24, 48].into_iter().find(|s| f64::from(*s) / hours * scale.units >= 62.0).unwrap_or(48);
        let step = i64::from(step_h) * 3_600_000;
        // Ticks on the site's own full hours, not on UTC's.
        let offset = self.zone.to_offset(jiff::Timestamp::from_millisecond(scale.from).unwrap_or_default()).seconds();
        let local = scale.from + i64::from(offset) * 1_000;
        let mut tick = scale.from + (step - local.rem_euclid(step)).rem_euclid(step);
        while tick <= scale.to {
            let x = scale.x(tick);
            svg.line((x, band), (x, band + BAND_H), "#FFFFFF", 0.5, "stroke-opacity=\"0.6\"");
            svg.line((x, band + BAND_H), (x, band + BAND_H + 3.0), "#8A8F98", 0.8, "");
            let label = face.minute(tick);
            let anchor = if x < 16.0 {
                "start"
            } else if x > scale.units - 16.0 {
                "end"
            } else {
                "middle"
            };
            svg.text(x, y + 14.0, 11, anchor, LABEL, &label);
            tick += step;
        }
    }

    fn count_line(&self, svg: &mut Svg, t: &Texts, scale: &Scale, top: f64, band: f64) {
        let Some(max) = self.counts.iter().map(|c| c.1).max().filter(|m| *m > 0) else { return };
        let y = |n: i64| band - 5.0 - (COUNT_H - 22.0) * n as f64 / max as f64;
        let before = self.counts.iter().rev().find(|c| c.0 < scale.from).map_or(0, |c| c.1);
        let mut path = format!("M0 {}", xy(y(before)));
        let mut last = (0.0, before);
        for (ms, n) in self.counts.iter().filter(|c| (scale.from..scale.to).contains(&c.0)) {
            let x = scale.x(*ms);
            path.push_str(&format!("H{}V{}", xy(x), xy(y(*n))));
            last = (x, *n);
        }
        if last.0 == 0.0 && before == 0 {
            return;
        }
        let end = scale.x(self.end().min(scale.to)).max(last.0);
        path.push_str(&format!("H{}", xy(end)));
        let words = t.f1("chart-count-title", "n", format::integer(last.1));
        svg.raw(&format!(
            "<path d=\"{path}\" fill=\"none\" stroke=\"{}\" stroke-width=\"1.2\"><title>{}</title></path>",
            super::INK,
            super::esc(&words)
        ));
        let label = t.f1("chart-count", "n", format::integer(last.1));
        // Beside the line's end where there is room, otherwise above it.
        let beside = end + text_units(&label, 11) + 8.0 < scale.units;
        let (x, anchor, label_y) =
            if beside { (end + 6.0, "start", y(last.1) + 4.0) } else { (end, "end", y(last.1) - 5.0) };
        svg.text(x, label_y.max(top + 10.0), 11, anchor, super::INK, &label);
    }
}

fn words(t: &Texts, face: &Clockface, span: &Span) -> String {
    let mut words = format!(
        "{} {}–{} ({})",
        t.s(span.state.key()),
        face.second(span.from_ms),
        face.second(span.to_ms),
        format::duration(span.to_ms - span.from_ms)
    );
    if !span.note.is_empty() {
        words.push_str(" · ");
        words.push_str(&span.note);
    }
    words
}

struct Scale {
    from: i64,
    to: i64,
    units: f64,
}

impl Scale {
    fn x(&self, ms: i64) -> f64 {
        (ms.clamp(self.from, self.to) - self.from) as f64 / (self.to - self.from).max(1) as f64 * self.units
    }
}

/// A ribbon without axis or words for table rows: 24 h in `width` × 18 units, decoration beside a link.
#[must_use]
pub fn mini(id: &str, from_ms: i64, to_ms: i64, now_ms: Option<i64>, spans: &[Span], title: &str) -> String {
    let (units, h) = (220.0, 20.0);
    let scale = Scale { from: from_ms, to: to_ms, units };
    // Stretched to its cell: only widths mean time here, and they stretch alike.
    let mut svg = Svg::new(id, 220, 20, "mini", title, "").stretched();
    let mut used: Vec<State> = spans.iter().map(|s| s.state).collect();
    used.push(State::Unknown);
    svg.state_defs(&used);
    let end = now_ms.map_or(to_ms, |n| n.clamp(from_ms, to_ms));
    svg.rect(0.0, 0.0, units, h, "#F1EEE5", "");
    let hatch = svg.paint(State::Unknown.key());
    svg.rect(0.0, 0.0, scale.x(end), h, &hatch, "");
    for span in spans {
        let (x, w) = (scale.x(span.from_ms), scale.x(span.to_ms.min(end)) - scale.x(span.from_ms));
        if w <= 0.0 {
            continue;
        }
        if span.state != State::Unknown {
            svg.rect(x, 0.0, w.max(0.4), h, "#F1EEE5", "");
        }
        svg.state_rect(span.state, x, 0.0, w.max(0.4), h, "");
    }
    svg.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::Lang;

    const H: i64 = 3_600_000;

    fn ribbon(now: Option<i64>) -> Ribbon {
        Ribbon {
            id: "r".into(),
            title: "press <1>".into(),
            from_ms: 0,
            to_ms: 24 * H,
            zone: TimeZone::get("Asia/Shanghai").expect("bundled"),
            spans: vec![
                Span { from_ms: 0, to_ms: 6 * H, state: State::Run, note: String::new() },
                Span { from_ms: 8 * H, to_ms: 9 * H, state: State::Fault, note: "E12 & co".into() },
            ],
            plans: vec![Plan { from_ms: 0, to_ms: 8 * H, name: "早班".into(), stop: false }],
            counts: vec![(H, 10), (5 * H, 80)],
            now_ms: now,
        }
    }

    #[test]
    fn totals_tile_the_window_and_holes_are_unknown() {
        let totals = ribbon(None).totals();
        assert_eq!(totals.values().sum::<i64>(), 24 * H);
        assert_eq!(totals[&State::Unknown], 17 * H);
        let live = ribbon(Some(10 * H)).totals();
        assert_eq!(live.values().sum::<i64>(), 10 * H, "the future is not unknown time");
    }

    #[test]
    fn the_wide_picture_has_one_row_and_the_narrow_one_a_row_per_shift() {
        let t = Lang::Zh.texts();
        let wide = ribbon(None).svg(t, Width::Wide);
        let narrow = ribbon(None).svg(t, Width::Narrow);
        assert!(wide.contains("viewBox=\"0 0 920 128\""), "{wide}");
        assert!(narrow.contains("viewBox=\"0 0 340 404\""), "{narrow}");
        assert!(wide.contains("press &lt;1&gt;") && wide.contains("E12 &amp; co"));
        assert!(!wide.contains("style="), "inline styles are forbidden by the pages' policy");
    }

    #[test]
    fn a_block_is_as_wide_as_its_time() {
        let svg = ribbon(None).svg(Lang::En.texts(), Width::Wide);
        assert!(svg.contains("<rect x=\"0\" y=\"40\" width=\"230\" height=\"46\" fill=\"#2E7D5B\">"), "{svg}");
    }
}
