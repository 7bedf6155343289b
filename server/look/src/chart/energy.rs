//! Energy per shift or day as stacked bars from zero; the idle share is drawn apart because it is the share one can act
//! on. Energy whose state was unknown is hatched.

use super::{INK, LABEL, RULE, State, Svg, Width, round_step, text_units};
use crate::format;
use crate::text::Texts;

/// A part of a bar.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Part {
    /// Read from the meter, state not distinguished.
    Measured,
    /// While producing.
    Run,
    /// While set up, idle, waiting, faulty or off.
    Idle,
    /// While nobody knew what the machine did.
    Unknown,
}

impl Part {
    /// All parts in the order of legends.
    pub const ALL: [Self; 4] = [Self::Measured, Self::Run, Self::Idle, Self::Unknown];

    /// The locale key of its name.
    #[must_use]
    pub fn key(self) -> &'static str {
        match self {
            Self::Measured => "energy-measured",
            Self::Run => "energy-run",
            Self::Idle => "energy-idle",
            Self::Unknown => "energy-unknown",
        }
    }

    /// The state whose look it borrows; measured energy has the ink of measured values.
    #[must_use]
    pub fn state(self) -> Option<State> {
        match self {
            Self::Measured => None,
            Self::Run => Some(State::Run),
            Self::Idle => Some(State::Wait),
            Self::Unknown => Some(State::Unknown),
        }
    }
}

fn paint(svg: &Svg, part: Part) -> String {
    match part.state() {
        None => INK.to_owned(),
        Some(State::Run) => State::Run.colour().to_owned(),
        Some(state) => svg.paint(state.key()),
    }
}

/// One bar.
#[derive(Clone, Debug)]
pub struct Bar {
    /// Short label under it: `11-21`.
    pub label: String,
    /// Its parts in Wh; empty where no register difference exists.
    pub parts: Vec<(Part, i64)>,
    /// Why it is empty, in words.
    pub reason: String,
    /// Where it is explained; empty for none.
    pub href: String,
}

/// Draws the bars on an axis from zero.
#[must_use]
pub fn svg(id: &str, title: &str, bars: &[Bar], t: &Texts, width: Width) -> String {
    let wide = width == Width::Wide;
    let units = width.units() as f64;
    let (left, plot_h, top) = (52.0, if wide { 150.0 } else { 130.0 }, 18.0);
    // A phone shows the newest bars; all of them are in the table below the picture.
    let shown = if wide { bars } else { &bars[bars.len().saturating_sub(10)..] };
    let id = format!("{id}-{}", if wide { "w" } else { "n" });
    let total: i64 = shown.iter().flat_map(|b| &b.parts).map(|p| p.1).sum();
    let idle: i64 = shown.iter().flat_map(|b| &b.parts).filter(|p| p.0 == Part::Idle).map(|p| p.1).sum();
    let desc = t.f("chart-energy-desc", &[("total", &format::energy_wh(total)), ("idle", &format::energy_wh(idle))]);
    let mut svg = Svg::new(&id, width.units(), (top + plot_h + 26.0) as i64, "energy", title, &desc);
    svg.state_defs(&[State::Wait, State::Unknown]);
    let max = shown.iter().map(|b| b.parts.iter().map(|p| p.1.max(0)).sum::<i64>()).max().unwrap_or(0).max(1) as f64
        / 1_000.0;
    let step = round_step(max, 4);
    let ceiling = (max / step).ceil().max(1.0) * step;
    let y = |kwh: f64| top + plot_h * (1.0 - kwh / ceiling);
    let mut tick = 0.0;
    while tick <= ceiling + step / 2.0 {
        svg.line((left, y(tick)), (units, y(tick)), RULE, 1.0, "");
        let places = if step < 1.0 { 1 } else { 0 };
        let label = format::quotient((tick * 10.0).round() as i128, 10, places).unwrap_or_default();
        svg.text(left - 8.0, y(tick) + 4.0, 11, "end", LABEL, &label);
        tick += step;
    }
    svg.text(left - 8.0, 8.0, 11, "end", LABEL, "kWh");
    let slot = (units - left) / shown.len().max(1) as f64;
    let bar_w = (slot * 0.62).min(44.0);
    let every =
        shown.iter().map(|b| ((text_units(&b.label, 11) + 6.0) / slot).ceil() as usize).max().unwrap_or(1).max(1);
    for (i, bar) in shown.iter().enumerate() {
        let x = left + i as f64 * slot + (slot - bar_w) / 2.0;
        let link = !bar.href.is_empty();
        if link {
            svg.raw(&format!("<a href=\"{}\">", super::esc(&bar.href)));
        }
        if bar.parts.is_empty() {
            let hatch = svg.paint(State::Unknown.key());
            svg.rect(x, top, bar_w, plot_h, &hatch, &format!("{} · {}", bar.label, bar.reason));
        }
        let mut base = 0.0;
        for (part, wh) in &bar.parts {
            let kwh = (*wh).max(0) as f64 / 1_000.0;
            let words = format!("{} · {} {}", bar.label, t.s(part.key()), format::energy_wh(*wh));
            let fill = paint(&svg, *part);
            svg.rect(x, y(base + kwh), bar_w, y(base) - y(base + kwh), &fill, &words);
            base += kwh;
        }
        if link {
            svg.raw("</a>");
        }
        if (shown.len() - 1 - i) % every == 0 {
            svg.text(x + bar_w / 2.0, top + plot_h + 17.0, 11, "middle", LABEL, &bar.label);
        }
    }
    svg.line((left, y(0.0)), (units, y(0.0)), "#8A8F98", 1.0, "");
    svg.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::Lang;

    #[test]
    fn the_axis_starts_at_zero_and_a_missing_bar_is_hatched_with_its_reason() {
        let bars = [
            Bar {
                label: "11-20".into(),
                parts: vec![(Part::Run, 60_000), (Part::Idle, 20_000)],
                reason: String::new(),
                href: String::new(),
            },
            Bar { label: "11-21".into(), parts: vec![], reason: "no register".into(), href: String::new() },
        ];
        let svg = svg("e", "t", &bars, Lang::En.texts(), Width::Wide);
        assert!(svg.contains(">0</text>") && svg.contains(">80</text>"), "{svg}");
        assert!(svg.contains("no register"), "{svg}");
        assert!(svg.contains("height=\"112.5\" fill=\"#2E7D5B\""), "60 of 80 kWh on 150 units: {svg}");
    }
}
