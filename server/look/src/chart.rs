//! Pictures: pure functions from data to SVG text, the same for page and paper.
//!
//! Constraints first:
//! - A picture never depends on colour alone. Every machine state has its own height and pattern, every class of
//!   knowledge (measured, computed, stated, unknown, refused) its own pattern or sign: a greyscale print says the same.
//! - What nobody knows is hatched, never blank and never interpolated.
//! - Axes of amounts start at zero. No 3-D, no gauges, no animation.
//! - Each mark carries a `<title>` with its numbers, each picture a `<title>` and a `<desc>`: screen readers, hovering
//!   and text search all work without a script.
//! - Only presentation attributes, no `style` attribute and no `<style>` element: the pages forbid inline styles and the
//!   typesetter of the PDF ignores them. Ids are prefixed, so that several pictures live on one page.
//! - Same data, same bytes: coordinates are rounded to hundredths in one place.

pub mod bar;
pub mod calendar;
pub mod control;
pub mod energy;
pub mod interval;
pub mod ribbon;
pub mod spark;
pub mod waterfall;

use std::fmt::Write as _;

/// Deep ink: measured values, text of pictures.
pub const INK: &str = "#16324F";
/// Teal: computed values.
pub const TEAL: &str = "#1F7A74";
/// Amber: stated by a person.
pub const AMBER: &str = "#B7791F";
/// Red: refused, altered.
pub const RED: &str = "#B3261E";
/// Grey of labels and axes; 5.9 : 1 on paper.
pub const LABEL: &str = "#5A6472";
/// Hairlines.
pub const RULE: &str = "#D9D4C7";
/// The ground of pages.
pub const PAPER: &str = "#FBFAF6";

/// What a machine does, as drawn. The metric crate's states map onto these one to one, plus planned stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum State {
    /// Producing.
    Run,
    /// Changeover or adjustment.
    Setup,
    /// Powered and ready.
    Idle,
    /// Starved, blocked, waiting for somebody.
    Wait,
    /// Broken down.
    Fault,
    /// Maintenance.
    Maint,
    /// Positively observed off.
    Off,
    /// Nobody knows.
    Unknown,
}

impl State {
    /// All states in the order of legends.
    pub const ALL: [Self; 8] =
        [Self::Run, Self::Setup, Self::Idle, Self::Wait, Self::Fault, Self::Maint, Self::Off, Self::Unknown];

    /// The locale key of its name; also the class of its swatch.
    #[must_use]
    pub fn key(self) -> &'static str {
        match self {
            Self::Run => "state-run",
            Self::Setup => "state-setup",
            Self::Idle => "state-idle",
            Self::Wait => "state-wait",
            Self::Fault => "state-fault",
            Self::Maint => "state-maint",
            Self::Off => "state-off",
            Self::Unknown => "state-unknown",
        }
    }

    /// Its colour on paper.
    #[must_use]
    pub fn colour(self) -> &'static str {
        match self {
            Self::Run => "#2E7D5B",
            Self::Setup => "#4C78A8",
            Self::Idle | Self::Wait => "#D9B44A",
            Self::Fault => "#C4553B",
            Self::Maint | Self::Off => "#9AA5B1",
            Self::Unknown => "#8A8F98",
        }
    }

    /// Share of the ribbon's height in percent: what makes it readable without colour.
    #[must_use]
    pub fn height(self) -> i64 {
        match self {
            Self::Run | Self::Fault | Self::Unknown => 100,
            Self::Setup | Self::Maint => 72,
            Self::Wait => 46,
            Self::Idle => 46,
            Self::Off => 14,
        }
    }

    /// The pattern laid over the colour, if the state has one.
    #[must_use]
    fn pattern(self) -> Option<&'static str> {
        match self {
            Self::Setup => Some("stripes"),
            Self::Wait => Some("dots"),
            Self::Fault => Some("cross"),
            Self::Maint => Some("stripes"),
            Self::Unknown => Some("hatch"),
            Self::Run | Self::Idle | Self::Off => None,
        }
    }

    /// A small picture for legends and tables. Drawn without patterns, because many of them stand on one page and a
    /// pattern's name must be unique there.
    #[must_use]
    pub fn swatch(self) -> String {
        let mut svg = Svg::bare(18, 14, "swatch");
        let top = 14.0 * (100 - self.height()) as f64 / 100.0;
        let ground = if self == Self::Unknown { "#F3F1EB" } else { self.colour() };
        svg.rect(0.0, top, 18.0, 14.0 - top, ground, "");
        let y = xy(top);
        match self.pattern() {
            Some("stripes") => svg.raw(&format!(
                "<path d=\"M2.5 {y}V14M6.5 {y}V14M10.5 {y}V14M14.5 {y}V14\" stroke=\"#FFFFFF\" stroke-opacity=\"0.6\" stroke-width=\"1.3\"/>"
            )),
            Some("dots") => {
                for x in [3, 9, 15] {
                    svg.raw(&format!("<circle cx=\"{x}\" cy=\"11\" r=\"1.3\" fill=\"#5B4510\"/>"));
                }
            }
            Some("cross") => svg.raw(
                "<path d=\"M0 2L12 14M6 -4L24 14M-6 8L0 14M12 -4L20 4M18 2L6 14M12 -4L-6 14M24 8L18 14M0 4L8 -4\" stroke=\"#5A1508\" \
                 stroke-opacity=\"0.75\" stroke-width=\"1\"/>",
            ),
            Some(_) => svg.raw(
                "<path d=\"M-4 8L8 -4M-4 14L14 -4M0 16L20 -4M6 16L24 -2M12 16L24 4\" stroke=\"#8A8F98\" stroke-width=\"1.6\"/>",
            ),
            None => {}
        }
        svg.finish()
    }
}

/// How wide a picture is drawn: a page lays out both and shows one, because shrinking text is not readable text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Width {
    /// For screens from 700 px and for A4.
    Wide,
    /// For a phone held upright.
    Narrow,
}

impl Width {
    /// Drawing units across.
    #[must_use]
    pub fn units(self) -> i64 {
        match self {
            Self::Wide => 920,
            Self::Narrow => 340,
        }
    }
}

/// Escapes text for SVG and HTML, in elements and in double-quoted attributes.
#[must_use]
pub fn esc(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c if (c as u32) < 0x20 && !matches!(c, '\n' | '\t') => {}
            c => out.push(c),
        }
    }
    out
}

/// A coordinate with at most two decimals and no trailing zeros.
#[must_use]
pub(crate) fn xy(v: f64) -> String {
    let r = (v * 100.0).round() / 100.0;
    let r = if r == 0.0 { 0.0 } else { r };
    format!("{r}")
}

/// An SVG under construction.
pub(crate) struct Svg {
    out: String,
    prefix: String,
}

impl Svg {
    /// A picture with words for those who do not see it. `id` must be unique on the page.
    pub(crate) fn new(id: &str, width: i64, height: i64, class: &str, title: &str, desc: &str) -> Self {
        let mut out = String::with_capacity(4096);
        let _ = write!(
            out,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"chart {class}\" viewBox=\"0 0 {width} {height}\" \
             width=\"{width}\" height=\"{height}\" role=\"img\" aria-labelledby=\"{id}-t {id}-d\">\
             <title id=\"{id}-t\">{}</title><desc id=\"{id}-d\">{}</desc>",
            esc(title),
            esc(desc)
        );
        Self { out, prefix: id.to_owned() }
    }

    /// Lets the picture fill whatever box it gets, both ways apart.
    pub(crate) fn stretched(mut self) -> Self {
        self.out = self.out.replacen(" role=\"img\"", " preserveAspectRatio=\"none\" role=\"img\"", 1);
        self
    }

    /// A decoration whose meaning stands in words beside it.
    pub(crate) fn bare(width: i64, height: i64, class: &str) -> Self {
        let out = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"{class}\" viewBox=\"0 0 {width} {height}\" \
             width=\"{width}\" height=\"{height}\" aria-hidden=\"true\">"
        );
        Self { out, prefix: class.to_owned() }
    }

    /// Declares the patterns that these states need.
    pub(crate) fn state_defs(&mut self, states: &[State]) {
        let mut wanted: Vec<(&str, State)> = states.iter().filter_map(|s| s.pattern().map(|p| (p, *s))).collect();
        wanted.sort_unstable();
        wanted.dedup();
        if wanted.is_empty() {
            return;
        }
        self.out.push_str("<defs>");
        for (pattern, state) in wanted {
            self.pattern(pattern, state.key(), state.colour());
        }
        self.out.push_str("</defs>");
    }

    /// Declares one pattern over a colour under the name `<prefix>-<name>`.
    pub(crate) fn pattern(&mut self, kind: &str, name: &str, colour: &str) {
        let id = format!("{}-{name}", self.prefix);
        let body = match kind {
            "stripes" => format!(
                "width=\"5\" height=\"5\" patternUnits=\"userSpaceOnUse\"><rect width=\"5\" height=\"5\" fill=\"{colour}\"/>\
                 <path d=\"M1.5 0V5\" stroke=\"#FFFFFF\" stroke-opacity=\"0.55\" stroke-width=\"1.2\"/>"
            ),
            "dots" => format!(
                "width=\"5\" height=\"5\" patternUnits=\"userSpaceOnUse\"><rect width=\"5\" height=\"5\" fill=\"{colour}\"/>\
                 <circle cx=\"2.5\" cy=\"2.5\" r=\"1.1\" fill=\"#5B4510\"/>"
            ),
            "cross" => format!(
                "width=\"6\" height=\"6\" patternUnits=\"userSpaceOnUse\"><rect width=\"6\" height=\"6\" fill=\"{colour}\"/>\
                 <path d=\"M0 0L6 6M6 0L0 6\" stroke=\"#5A1508\" stroke-opacity=\"0.75\" stroke-width=\"1\"/>"
            ),
            // Hatch: the one pattern for "nobody knows", drawn on paper so that it is lighter than any state.
            _ => format!(
                "width=\"6\" height=\"6\" patternUnits=\"userSpaceOnUse\" patternTransform=\"rotate(45)\">\
                 <rect width=\"6\" height=\"6\" fill=\"#F3F1EB\"/><path d=\"M1.5 0V6\" stroke=\"{colour}\" stroke-width=\"1.5\"/>"
            ),
        };
        let _ = write!(self.out, "<pattern id=\"{id}\" {body}</pattern>");
    }

    /// The paint of a declared pattern.
    pub(crate) fn paint(&self, name: &str) -> String {
        format!("url(#{}-{name})", self.prefix)
    }

    /// A state's block standing on the bottom of the box `(x, y, w, h)`, with its words.
    pub(crate) fn state_rect(&mut self, state: State, x: f64, y: f64, w: f64, h: f64, title: &str) {
        let height = h * state.height() as f64 / 100.0;
        let fill = match state.pattern() {
            Some(_) => self.paint(state.key()),
            None => state.colour().to_owned(),
        };
        self.rect(x, y + h - height, w, height, &fill, title);
    }

    /// A filled box; with a title it is a mark of its own.
    pub(crate) fn rect(&mut self, x: f64, y: f64, w: f64, h: f64, fill: &str, title: &str) {
        let body = format!("x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" fill=\"{fill}\"", xy(x), xy(y), xy(w), xy(h));
        if title.is_empty() {
            let _ = write!(self.out, "<rect {body}/>");
        } else {
            let _ = write!(self.out, "<rect {body}><title>{}</title></rect>", esc(title));
        }
    }

    /// A line.
    pub(crate) fn line(&mut self, from: (f64, f64), to: (f64, f64), stroke: &str, width: f64, extra: &str) {
        let _ = write!(
            self.out,
            "<path d=\"M{} {}L{} {}\" stroke=\"{stroke}\" stroke-width=\"{}\" fill=\"none\"{}{extra}/>",
            xy(from.0),
            xy(from.1),
            xy(to.0),
            xy(to.1),
            xy(width),
            if extra.is_empty() { "" } else { " " }
        );
    }

    /// Text with a class-free look: size in units, anchor `start`, `middle` or `end`.
    pub(crate) fn text(&mut self, x: f64, y: f64, size: i64, anchor: &str, fill: &str, text: &str) {
        self.text_weight(x, y, size, anchor, fill, "400", text);
    }

    /// Text with a weight.
    pub(crate) fn text_weight(
        &mut self,
        x: f64,
        y: f64,
        size: i64,
        anchor: &str,
        fill: &str,
        weight: &str,
        text: &str,
    ) {
        let _ = write!(
            self.out,
            "<text x=\"{}\" y=\"{}\" font-size=\"{size}\" text-anchor=\"{anchor}\" fill=\"{fill}\" font-weight=\"{weight}\">{}</text>",
            xy(x),
            xy(y),
            esc(text)
        );
    }

    /// Raw, already escaped markup.
    pub(crate) fn raw(&mut self, markup: &str) {
        self.out.push_str(markup);
    }

    /// The finished element.
    pub(crate) fn finish(mut self) -> String {
        self.out.push_str("</svg>");
        self.out
    }
}

/// A round step for an axis that shall have about `ticks` steps up to `max`: 1, 2 or 5 times a power of ten.
#[must_use]
pub(crate) fn round_step(max: f64, ticks: u32) -> f64 {
    if !max.is_finite() || max <= 0.0 {
        return 1.0;
    }
    let raw = max / f64::from(ticks.max(1));
    let mut power = 1.0;
    while power * 10.0 <= raw {
        power *= 10.0;
    }
    while power > raw {
        power /= 10.0;
    }
    for factor in [1.0, 2.0, 5.0] {
        if raw <= power * factor {
            return power * factor;
        }
    }
    power * 10.0
}

/// About how many units wide a text is at a size: CJK a full em, others 0.56 em. Used to decide whether a label fits.
#[must_use]
pub(crate) fn text_units(text: &str, size: i64) -> f64 {
    let ems: f64 = text.chars().map(|c| if (c as u32) >= 0x2E80 { 1.0 } else { 0.56 }).sum();
    ems * size as f64
}

/// The text, or as much of it as has room, with an ellipsis.
pub(crate) fn fitted(text: &str, size: i64, room: f64) -> String {
    if text_units(text, size) <= room {
        return text.to_owned();
    }
    let mut short = text.to_owned();
    while text_units(&short, size) + size as f64 > room && short.pop().is_some() {}
    short + "…"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_name_keeps_to_its_room() {
        assert_eq!(fitted("数控车床 CT-200", 14, 140.0), "数控车床 CT-200");
        let short = fitted(&"很长的名字".repeat(9), 11, 140.0);
        assert!(short.ends_with('…') && text_units(&short, 11) <= 140.0, "{short}");
    }

    #[test]
    fn text_from_outside_cannot_leave_its_place() {
        assert_eq!(esc("<a href=\"x\">&'\u{0}"), "&lt;a href=&quot;x&quot;&gt;&amp;&#39;");
    }

    #[test]
    fn steps_are_round_and_few() {
        for (max, want) in [(7.0, 2.0), (100.0, 20.0), (0.9, 0.2), (480.0, 100.0), (0.0, 1.0), (f64::NAN, 1.0)] {
            let step = round_step(max, 5);
            assert!((step - want).abs() < 1e-9, "{max}: {step}");
        }
    }

    #[test]
    fn no_two_states_look_alike_without_colour() {
        let looks: Vec<_> = State::ALL.iter().map(|s| (s.height(), s.pattern())).collect();
        for (i, a) in looks.iter().enumerate() {
            for b in &looks[i + 1..] {
                assert!(a != b || a.1.is_some(), "{a:?}");
            }
        }
        let same: Vec<_> = State::ALL.iter().filter(|s| (s.height(), s.pattern()) == (72, Some("stripes"))).collect();
        assert!(same.len() <= 2, "{same:?}");
    }
}
