//! A share as a bar for a table cell: solid what the machine says, framed what a person says, hatched what nobody says.
//!
//! The number and its source stand beside the picture, which is a decoration for a screen reader.

use super::{AMBER, INK, Svg, TEAL};

/// Draws `micros` millionths, 120 × 12; `source` is who says it: `state`, `alarm`, `stated` or `none`.
#[must_use]
pub fn svg(micros: i64, source: &str) -> String {
    let mut svg = Svg::bare(120, 12, "bar");
    let w = (120.0 * micros as f64 / 1_000_000.0).clamp(1.5, 120.0);
    match source {
        "none" => {
            svg.rect(0.0, 0.0, w, 12.0, "#F3F1EB", "");
            let mut x = 0.0;
            while x + 6.0 < w {
                svg.line((x, 12.0), (x + 6.0, 0.0), "#8A8F98", 1.4, "");
                x += 6.0;
            }
        }
        "stated" => {
            svg.rect(0.0, 0.0, w, 12.0, "#F6E7C8", "");
            svg.line((0.0, 11.2), (w, 11.2), AMBER, 1.6, "stroke-dasharray=\"2 2\"");
        }
        "alarm" => svg.rect(0.0, 0.0, w, 12.0, INK, ""),
        _ => svg.rect(0.0, 3.0, w, 6.0, TEAL, ""),
    }
    svg.finish()
}
