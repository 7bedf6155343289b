//! Sparkline: a value over the last days, small enough for a table cell.
//!
//! A day without a value is hatched, not bridged; the baseline is a dashed rule; the newest value is a dot. The words and
//! the number stand beside the picture, so it is a decoration for a screen reader except for its title.

use super::{INK, LABEL, State, Svg, TEAL, xy};

/// Values of equal steps in time, oldest first, in any one unit; `None` where undefined or unknown.
#[derive(Clone, Debug, Default)]
pub struct Spark {
    /// The values.
    pub values: Vec<Option<i64>>,
    /// The baseline in the same unit.
    pub baseline: Option<i64>,
    /// Bottom and top of the axis; `None` spans the data.
    pub range: Option<(i64, i64)>,
}

/// Least span of the axis, in the unit of the values (thousandths for ratios).
const SPAN_MIN: i64 = 150;

impl Spark {
    /// Draws it, 120 × 30. `id` must be unique on the page.
    #[must_use]
    pub fn svg(&self, id: &str, title: &str) -> String {
        let (w, h) = (120.0, 30.0);
        let mut svg = Svg::new(id, 120, 30, "spark", title, "");
        svg.state_defs(&[State::Unknown]);
        let known = self.values.iter().flatten().chain(self.baseline.iter());
        let (low, high) = self.range.unwrap_or_else(|| {
            let (low, high) = known.fold((i64::MAX, i64::MIN), |(l, u), v| (l.min(*v), u.max(*v)));
            // Small wobbles shall not look like storms: the axis spans at least `SPAN_MIN`.
            if low > high {
                (0, 1)
            } else {
                (low - (SPAN_MIN - (high - low)).max(0) / 2, high + (SPAN_MIN - (high - low)).max(0) / 2)
            }
        });
        let span = (high - low).max(1) as f64;
        let step = w / self.values.len().max(1) as f64;
        let y = |v: i64| 4.0 + (h - 8.0) * (1.0 - (v.clamp(low, high) - low) as f64 / span);
        let hatch = svg.paint(State::Unknown.key());
        let mut at = 0;
        while at < self.values.len() {
            let run = self.values[at..].iter().take_while(|v| v.is_none()).count();
            if run > 0 {
                svg.rect(at as f64 * step, 3.0, run as f64 * step, h - 6.0, &hatch, "");
            }
            at += run.max(1);
        }
        if let Some(base) = self.baseline {
            svg.line((0.0, y(base)), (w, y(base)), LABEL, 0.8, "stroke-dasharray=\"3 2\"");
        }
        let mut path = String::new();
        let mut pen_down = false;
        let mut last = None;
        for (i, value) in self.values.iter().enumerate() {
            match value {
                Some(v) => {
                    let x = (i as f64 + 0.5) * step;
                    path.push_str(&format!("{}{} {}", if pen_down { "L" } else { "M" }, xy(x), xy(y(*v))));
                    pen_down = true;
                    last = Some((x, y(*v)));
                }
                None => pen_down = false,
            }
        }
        svg.raw(&format!("<path d=\"{path}\" fill=\"none\" stroke=\"{TEAL}\" stroke-width=\"1.4\" stroke-linejoin=\"round\" stroke-linecap=\"round\"/>"));
        if let Some((x, y)) = last {
            svg.raw(&format!("<circle cx=\"{}\" cy=\"{}\" r=\"2.2\" fill=\"{INK}\"/>", xy(x), xy(y)));
        }
        svg.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_day_breaks_the_line_and_is_hatched() {
        let spark = Spark { values: vec![Some(1), Some(3), None, None, Some(2)], baseline: Some(2), range: None };
        let svg = spark.svg("s", "t");
        assert_eq!(
            svg.matches('M').count() - svg.matches("M1.5 0V6").count() - 1,
            2,
            "two strokes, one baseline: {svg}"
        );
        assert!(svg.contains("<rect x=\"48\" y=\"3\" width=\"48\""), "{svg}");
    }

    #[test]
    fn nothing_known_draws_only_hatch() {
        let svg = Spark { values: vec![None; 4], ..Spark::default() }.svg("s", "t");
        assert!(svg.contains("width=\"120\" height=\"24\"") && !svg.contains("<circle"), "{svg}");
    }
}
