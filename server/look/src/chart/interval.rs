//! Before and after: two dots with their bounds and the interval of the difference on one axis, one row per machine, the
//! total at the bottom.
//!
//! Base period: hollow dot. Reporting period: solid dot. The broad pale band behind a dot is what that period's value could
//! be, had the unobserved time been observed; the thin bar with ends is the 95 % interval of the difference. The verdict stands in words in the row; a lone difference is never
//! shown. A row whose interval is missing shows the reason instead of a dot.

use super::{INK, LABEL, RULE, Svg, TEAL, Width, text_units, xy};
use crate::format::{self, THIN};
use crate::text::Texts;

/// A value with its bounds, all in hundredths of a percent (7 240 = 72.40 %).
#[derive(Clone, Copy, Debug)]
pub struct Estimate {
    /// The value.
    pub value: i64,
    /// Least it can be.
    pub low: i64,
    /// Most it can be.
    pub high: i64,
}

/// One row.
#[derive(Clone, Debug)]
pub struct Row {
    /// Machine name, or the word for the total.
    pub name: String,
    /// Base period.
    pub before: Option<Estimate>,
    /// Reporting period.
    pub after: Option<Estimate>,
    /// 95 % interval of the difference, added to the base value.
    pub difference: Option<(i64, i64)>,
    /// The verdict or the reason there is none, in words.
    pub verdict: String,
    /// The last row, set apart by a rule.
    pub total: bool,
}

fn percent(hundredths: i64) -> String {
    format::quotient(hundredths.into(), 100, 1).unwrap_or_default()
}

/// `72.4 % [71.9, 73.0]`.
#[must_use]
pub fn words(e: Estimate) -> String {
    if e.low == e.high {
        return format!("{}{THIN}%", percent(e.value));
    }
    format!("{}{THIN}% [{}, {}]", percent(e.value), percent(e.low), percent(e.high))
}

/// Draws the rows on one axis of percent.
#[must_use]
pub fn svg(id: &str, title: &str, rows: &[Row], t: &Texts, width: Width) -> String {
    let units = width.units() as f64;
    let wide = width == Width::Wide;
    let (left, right) = if wide { (140.0, 320.0) } else { (12.0, 12.0) };
    let row_h = if wide { 48.0 } else { 108.0 };
    let height = rows.len() as f64 * row_h + 30.0;
    let id = format!("{id}-{}", if wide { "w" } else { "n" });
    let desc: Vec<String> = rows.iter().map(|r| format!("{}: {}", r.name, r.verdict)).collect();
    let mut svg = Svg::new(&id, width.units(), height as i64, "interval", title, &desc.join(" · "));
    let all = rows.iter().flat_map(|r| [r.before, r.after]).flatten();
    let (low, high) = all.fold((i64::MAX, i64::MIN), |(l, h), e| (l.min(e.low), h.max(e.high)));
    let bars = rows.iter().filter_map(|r| r.difference);
    let (low, high) = bars.fold((low, high), |(l, h), (from, to)| (l.min(from), h.max(to)));
    // A share has its own zero in mind; intervals need room. Whole tens of percent around the data.
    let (low, high) =
        if low > high { (0, 10_000) } else { (low.div_euclid(1_000) * 1_000, (high + 999).div_euclid(1_000) * 1_000) };
    let high = high.max(low + 1_000);
    let x = |v: i64| left + (units - left - right) * (v - low) as f64 / (high - low) as f64;
    let base = rows.len() as f64 * row_h;
    let step = super::round_step((high - low) as f64, if wide { 6 } else { 4 }).max(500.0) as i64;
    let mut tick = low;
    while tick <= high {
        svg.line((x(tick), 0.0), (x(tick), base + 4.0), RULE, 1.0, "");
        svg.text(x(tick), base + 20.0, 11, "middle", LABEL, &format!("{}", tick / 100));
        tick += step;
    }
    svg.text(units - right + 8.0, base + 20.0, 11, "start", LABEL, if wide { "%" } else { "" });
    for (i, row) in rows.iter().enumerate() {
        let top = i as f64 * row_h;
        if row.total {
            svg.line((0.0, top), (units, top), INK, 1.2, "");
        }
        let weight = if row.total { "600" } else { "400" };
        let (mid, name_y) = if wide { (top + row_h / 2.0, top + row_h / 2.0 + 5.0) } else { (top + 64.0, top + 20.0) };
        // The dots' titles say the whole name.
        let room = if wide { left } else { units };
        let size = if text_units(&row.name, 14) < room { 14 } else { 11 };
        svg.text_weight(0.0, name_y, size, "start", INK, weight, &super::fitted(&row.name, size, room));
        // On a phone the verdict has a line of its own under the name.
        let (verdict_x, verdict_y) = if wide { (units - right + 18.0, name_y) } else { (0.0, name_y + 19.0) };
        let both = row.before.zip(row.after).map(|(b, a)| format!("{} → {}", words(b), words(a)));
        let verdict_y = if wide && both.is_some() { verdict_y - 8.0 } else { verdict_y };
        svg.text_weight(verdict_x, verdict_y, 13, "start", INK, weight, &row.verdict);
        // Both values with their own bounds, in digits: a band of a few hundredths cannot be seen.
        if let Some(both) = both {
            svg.text(verdict_x, if wide { verdict_y + 17.0 } else { top + 92.0 }, 11, "start", LABEL, &both);
        }
        if let Some(e) = row.before {
            let title = format!("{} · {} {}", row.name, t.s("chart-before"), words(e));
            mark(&mut svg, x, e, None, mid - 8.0, false, &title);
        }
        if let Some(e) = row.after {
            let title = format!("{} · {} {} · {}", row.name, t.s("chart-after"), words(e), row.verdict);
            mark(&mut svg, x, e, row.difference, mid + 8.0, true, &title);
        }
        if row.before.is_none() && row.after.is_none() {
            let note = t.s("chart-no-estimate");
            svg.text(left + (units - left - right - text_units(&note, 12)) / 2.0, mid + 4.0, 12, "start", LABEL, &note);
        }
    }
    svg.finish()
}

fn mark(
    svg: &mut Svg,
    x: impl Fn(i64) -> f64,
    e: Estimate,
    interval: Option<(i64, i64)>,
    y: f64,
    solid: bool,
    title: &str,
) {
    let colour = if solid { TEAL } else { LABEL };
    let (l, h, v, y1) = (x(e.low), x(e.high), x(e.value), xy(y));
    svg.raw("<g>");
    svg.raw(&format!("<title>{}</title>", super::esc(title)));
    if e.low < e.high {
        svg.raw(&format!(
            "<rect class=\"bounds\" x=\"{}\" y=\"{}\" width=\"{}\" height=\"15\" fill=\"{colour}\" fill-opacity=\"0.35\"/>",
            xy(l),
            xy(y - 7.5),
            xy((h - l).max(1.5))
        ));
    }
    if let Some((from, to)) = interval {
        svg.line((x(from), y), (x(to), y), colour, 1.6, "");
        for end in [x(from), x(to)] {
            svg.line((end, y - 4.0), (end, y + 4.0), colour, 1.4, "");
        }
    }
    let (fill, stroke) = if solid { (TEAL, TEAL) } else { (super::PAPER, LABEL) };
    svg.raw(&format!(
        "<circle cx=\"{}\" cy=\"{y1}\" r=\"4.5\" fill=\"{fill}\" stroke=\"{stroke}\" stroke-width=\"1.8\"/></g>",
        xy(v)
    ));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::Lang;

    #[test]
    fn both_periods_share_one_axis_and_the_verdict_is_in_words() {
        let e = |value| Estimate { value, low: value - 200, high: value + 200 };
        let rows = [Row {
            name: "press".into(),
            before: Some(e(6_000)),
            after: Some(e(6_800)),
            difference: Some((6_500, 7_100)),
            verdict: "up".into(),
            total: false,
        }];
        let svg = svg("i", "t", &rows, Lang::En.texts(), Width::Wide);
        assert_eq!(svg.matches("<circle").count(), 2);
        assert_eq!(svg.matches("class=\"bounds\"").count(), 2, "each period's own bounds: {svg}");
        assert!(svg.contains("60.0\u{202f}% [58.0, 62.0]") && svg.contains(">up</text>"), "{svg}");
    }
}
