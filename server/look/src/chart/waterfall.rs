//! Loss waterfall: planned time, what was lost to what, good time. The steps tile the planned time exactly; widths are
//! minutes. Unknown time is a step of its own, hatched, between the losses and the good time.

use super::{INK, LABEL, RULE, State, Svg, TEAL, Width, text_units};
use crate::format;

/// What a step is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Planned busy time, the whole.
    Planned,
    /// Lost while the machine was in this state.
    Lost(State),
    /// Lost by running slower than planned or by scrap: computed, not observed.
    Computed,
    /// Not observed.
    Unknown,
    /// Good standard time, what is left.
    Good,
}

/// One step.
#[derive(Clone, Debug)]
pub struct Step {
    /// Its name.
    pub name: String,
    /// Its length in ms; negative where running faster than planned won time back.
    pub ms: i64,
    /// What it is.
    pub kind: Kind,
}

/// Draws the steps top to bottom. The first is the whole, the last is what is left.
#[must_use]
pub fn svg(id: &str, title: &str, steps: &[Step], width: Width) -> String {
    let wide = width == Width::Wide;
    let units = width.units() as f64;
    let (left, right) = if wide { (170.0, 178.0) } else { (0.0, 0.0) };
    let (row_h, bar_h) = if wide { (30.0, 20.0) } else { (46.0, 18.0) };
    let height = steps.len() as f64 * row_h + 6.0;
    let whole = steps.iter().map(|s| s.ms).max().unwrap_or(1).max(1);
    let id = format!("{id}-{}", if wide { "w" } else { "n" });
    let desc: Vec<String> = steps.iter().map(|s| format!("{} {}", s.name, format::duration(s.ms))).collect();
    let mut svg = Svg::new(&id, width.units(), height as i64, "waterfall", title, &desc.join(" · "));
    let mut states: Vec<State> =
        steps.iter().filter_map(|s| if let Kind::Lost(state) = s.kind { Some(state) } else { None }).collect();
    states.push(State::Unknown);
    svg.state_defs(&states);
    svg.raw("<defs>");
    svg.pattern("stripes", "computed-loss", "#7FA9A4");
    svg.raw("</defs>");
    let px = |ms: i64| (units - left - right) * ms as f64 / whole as f64;
    let mut at = whole;
    for (i, step) in steps.iter().enumerate() {
        let top = i as f64 * row_h + if wide { 5.0 } else { 24.0 };
        let (from, to) = match step.kind {
            Kind::Planned | Kind::Good => (0, step.ms),
            _ => (at - step.ms, at),
        };
        let (from, to) = (from.min(to).clamp(0, whole), from.max(to).clamp(0, whole));
        let (x, w) = (left + px(from), px(to - from).max(0.8));
        let share = format::percent(step.ms.into(), whole.into(), 1).unwrap_or_default();
        let amount = format::duration(step.ms);
        let words = format!("{} {amount} ({share})", step.name);
        match step.kind {
            Kind::Planned => svg.rect(x, top, w, bar_h, "#C9D1DA", &words),
            Kind::Good => svg.rect(x, top, w, bar_h, TEAL, &words),
            Kind::Computed => svg.rect(x, top, w, bar_h, &svg.paint("computed-loss"), &words),
            Kind::Unknown => svg.rect(x, top, w, bar_h, &svg.paint(State::Unknown.key()), &words),
            Kind::Lost(state) => {
                let fill = match state.pattern() {
                    Some(_) => svg.paint(state.key()),
                    None => state.colour().to_owned(),
                };
                svg.rect(x, top, w, bar_h, &fill, &words);
            }
        }
        if !matches!(step.kind, Kind::Planned | Kind::Good) {
            at -= step.ms;
        }
        // The hairline that hands the edge on to the next step.
        if i + 1 < steps.len() {
            let edge = left + px(at.clamp(0, whole));
            svg.line((edge, top), (edge, top + row_h + bar_h.min(4.0)), RULE, 1.0, "");
        }
        let strong = matches!(step.kind, Kind::Planned | Kind::Good);
        let weight = if strong { "600" } else { "400" };
        if wide {
            svg.text_weight(left - 12.0, top + 15.0, 14, "end", INK, weight, &step.name);
            svg.text_weight(units - 72.0, top + 15.0, 13, "end", INK, weight, &amount);
            svg.text(units, top + 15.0, 13, "end", LABEL, &share);
        } else {
            svg.text_weight(0.0, top - 7.0, 13, "start", INK, weight, &step.name);
            svg.text(units, top - 7.0, 12, "end", LABEL, &share);
            let right = units - text_units(&share, 12) - 14.0;
            svg.text_weight(right, top - 7.0, 13, "end", INK, weight, &amount);
        }
    }
    svg.finish()
}

/// Whether the steps add up: planned = losses + unknown + good. A picture that does not tile must not be drawn.
#[must_use]
pub fn tiles(steps: &[Step]) -> bool {
    let whole: i64 = steps.iter().filter(|s| s.kind == Kind::Planned).map(|s| s.ms).sum();
    let parts: i64 = steps.iter().filter(|s| s.kind != Kind::Planned).map(|s| s.ms).sum();
    whole == parts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn steps() -> Vec<Step> {
        let step = |name: &str, min: i64, kind| Step { name: name.into(), ms: min * 60_000, kind };
        vec![
            step("planned", 480, Kind::Planned),
            step("fault", 60, Kind::Lost(State::Fault)),
            step("unknown", 20, Kind::Unknown),
            step("speed", 40, Kind::Computed),
            step("good", 360, Kind::Good),
        ]
    }

    #[test]
    fn steps_tile_the_planned_time() {
        assert!(tiles(&steps()));
        let mut broken = steps();
        broken[1].ms += 1;
        assert!(!tiles(&broken));
    }

    #[test]
    fn each_loss_starts_where_the_one_before_ended() {
        let svg = svg("w", "t", &steps(), Width::Narrow);
        // 340 units for 480 min: the fault ends at the right edge, unknown ends where the fault begins.
        assert!(svg.contains("<rect x=\"297.5\" y=\"70\" width=\"42.5\""), "{svg}");
        assert!(svg.contains("<rect x=\"283.33\" y=\"116\" width=\"14.17\""), "{svg}");
    }
}
