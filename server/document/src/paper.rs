//! A page as marks on paper, before it becomes PDF: what stands where, and the check code over its words.
//!
//! Constraints first:
//! - Coordinates are points from the **top** left corner; the only place that turns them over is [`crate::pdf`].
//! - Every word on a page is a [`Mark::Text`] in the order it is read; the check code is over exactly those, so that whoever
//!   copies the text out of the page can recompute it (`docs/formats.md` §8.2).
//! - Header and footer repeat on every page and are set apart: they carry the code and are not under it.

use protocol::sha256;

use crate::font::{Face, shown};

/// A4, points.
pub(crate) const WIDTH: f32 = 595.28;
/// A4, points.
pub(crate) const HEIGHT: f32 = 841.89;
/// 28 mm: a binding takes the left edge.
pub(crate) const LEFT: f32 = 79.37;
/// 18 mm.
pub(crate) const RIGHT: f32 = 51.02;
/// Where the text begins; the header stands above.
pub(crate) const TOP: f32 = 79.0;
/// Where the text ends; the footer stands below.
pub(crate) const BOTTOM: f32 = 770.0;
/// Width of the text.
pub(crate) const MEASURE: f32 = WIDTH - LEFT - RIGHT;

/// A colour, `0xRRGGBB`.
pub(crate) type Colour = u32;

/// How an area is filled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Paint {
    /// One colour.
    Plain(Colour),
    /// A pattern of the chart module over a colour.
    Pattern(Pattern, Colour),
}

/// The patterns by which a picture is read without colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Pattern {
    /// Diagonal lines on a light ground: nobody knows.
    Hatch,
    /// Upright light lines.
    Stripes,
    /// Dots.
    Dots,
    /// Crossed lines.
    Cross,
}

/// A step of an outline.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Step {
    /// Begins a stroke.
    To(f32, f32),
    /// A straight line.
    Line(f32, f32),
    /// A curve with two control points.
    Curve([f32; 6]),
    /// Back to the beginning.
    Close,
}

/// One mark.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Mark {
    /// Filled.
    Fill(Vec<Step>, Paint),
    /// Drawn as a line of some width, with the lengths of dash and gap.
    Stroke(Vec<Step>, Colour, f32, Option<(f32, f32)>),
    /// Words with the left end of their base line.
    Text { x: f32, y: f32, size: f32, face: Face, colour: Colour, text: String },
}

/// Where a link leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    /// A page of the same document, from 0.
    Page(usize),
    /// A page, from 0, of a file beside it: its path from where this one lies.
    File { path: String, page: usize },
}

/// A box that leads somewhere: left, top, width, height.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Link {
    pub(crate) at: [f32; 4],
    pub(crate) to: Target,
}

/// A page under construction.
#[derive(Clone, Debug, Default)]
pub(crate) struct Page {
    /// What is under the check code.
    pub(crate) body: Vec<Mark>,
    /// Header and footer.
    pub(crate) frame: Vec<Mark>,
    /// What can be clicked; it is no mark.
    pub(crate) links: Vec<Link>,
}

/// Where a line of text stands against its x.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Align {
    /// Begins there.
    Left,
    /// Is centred there.
    Centre,
    /// Ends there.
    Right,
}

/// How words look.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Style {
    /// Points.
    pub(crate) size: f32,
    /// Face.
    pub(crate) face: Face,
    /// Colour.
    pub(crate) colour: Colour,
}

/// Words at a place.
pub(crate) fn text(x: f32, y: f32, align: Align, style: Style, words: &str) -> Mark {
    let text = shown(words);
    let width = style.face.width(&text, style.size);
    let x = match align {
        Align::Left => x,
        Align::Centre => x - width / 2.0,
        Align::Right => x - width,
    };
    Mark::Text { x, y, size: style.size, face: style.face, colour: style.colour, text }
}

/// A box.
pub(crate) fn rect(x: f32, y: f32, w: f32, h: f32) -> Vec<Step> {
    vec![Step::To(x, y), Step::Line(x + w, y), Step::Line(x + w, y + h), Step::Line(x, y + h), Step::Close]
}

/// A line.
pub(crate) fn line(from: (f32, f32), to: (f32, f32), colour: Colour, width: f32) -> Mark {
    Mark::Stroke(vec![Step::To(from.0, from.1), Step::Line(to.0, to.1)], colour, width, None)
}

/// A circle of four curves.
pub(crate) fn circle(x: f32, y: f32, r: f32) -> Vec<Step> {
    // 4/3·(√2 − 1): the curve that stays within 0.03 % of the circle.
    let k = r * 0.552_285;
    vec![
        Step::To(x + r, y),
        Step::Curve([x + r, y + k, x + k, y + r, x, y + r]),
        Step::Curve([x - k, y + r, x - r, y + k, x - r, y]),
        Step::Curve([x - r, y - k, x - k, y - r, x, y - r]),
        Step::Curve([x + k, y - r, x + r, y - k, x + r, y]),
        Step::Close,
    ]
}

impl Page {
    /// The words of the page, one line for each mark, in the order of reading. A narrow space reads as a space.
    pub(crate) fn words(&self) -> String {
        let mut out = String::new();
        for mark in &self.body {
            if let Mark::Text { text, .. } = mark {
                out.push_str(&text.replace(crate::font::NARROW, " "));
                out.push('\n');
            }
        }
        out
    }

    /// The check code of the page: twelve symbols in three groups.
    pub(crate) fn code(&self, digest: &str, tag: &str, number: usize) -> String {
        let words = self.words();
        let digest = sha256(format!("gongzheng page\n{digest}\n{tag}\n{number}\n{words}").as_bytes());
        symbols(&digest.0)
    }
}

/// The first 60 bits, five a symbol. Without I, L, O and U nobody takes one symbol for another.
fn symbols(bytes: &[u8]) -> String {
    const SYMBOLS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    let bits = bytes.iter().take(8).fold(0_u64, |all, b| all << 8 | u64::from(*b));
    let mut out = String::new();
    for i in 0..12 {
        if i > 0 && i % 4 == 0 {
            out.push('-');
        }
        let five = (bits >> (59 - 5 * i)) & 31;
        out.push(char::from(SYMBOLS.get(five as usize).copied().unwrap_or(b'0')));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_over_words_page_language_and_report() {
        let page = |words: &str| {
            let style = Style { size: 9.0, face: Face::Regular, colour: 0 };
            Page { body: vec![text(0.0, 0.0, Align::Left, style, words)], ..Page::default() }
        };
        let code = page("72.4\u{202f}%").code("ab", "zh-CN", 3);
        assert_eq!(code.len(), 14, "{code}");
        assert_eq!(code, page("72.4 %").code("ab", "zh-CN", 3), "what is copied out of the page has plain spaces");
        for other in [
            page("72.5 %").code("ab", "zh-CN", 3),
            page("72.4 %").code("ac", "zh-CN", 3),
            page("72.4 %").code("ab", "en", 3),
            page("72.4 %").code("ab", "zh-CN", 4),
        ] {
            assert_ne!(code, other);
        }
    }

    #[test]
    fn symbols_are_the_first_sixty_bits() {
        assert_eq!(symbols(&[0xff; 8]), "ZZZZ-ZZZZ-ZZZZ");
        assert_eq!(symbols(&[0x08, 0x42, 0x10, 0x84, 0x21, 0x08, 0x42, 0x10]), "1111-1111-1111");
    }
}
