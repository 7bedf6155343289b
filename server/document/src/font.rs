//! The two faces the report is set in, and what of a text they can show.
//!
//! Constraints first:
//! - The faces are files of this repository (`fonts/README.md` says how they were made), so a table that is missing is a
//!   broken build; still nothing here panics: what cannot be read has the width of an em and no glyph.
//! - **One glyph, one character.** What a PDF reader copies out of the document is what [`shown`] made of a text, so that a
//!   page's check code can be recomputed from the page itself.
//! - A character that the faces lack never vanishes: it is printed as its code point, `〔U+2A6D6〕`.

use std::sync::LazyLock;

/// A face.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Face {
    /// Text.
    Regular,
    /// Headings, totals.
    Bold,
}

impl Face {
    pub(crate) const ALL: [Self; 2] = [Self::Regular, Self::Bold];

    /// The file of the face.
    pub(crate) fn file(self) -> &'static [u8] {
        match self {
            Self::Regular => include_bytes!("../fonts/NotoSansCJKsc-Regular-subset.otf"),
            Self::Bold => include_bytes!("../fonts/NotoSansCJKsc-Bold-subset.otf"),
        }
    }

    /// Its PostScript name.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Regular => "NotoSansCJKsc-Regular",
            Self::Bold => "NotoSansCJKsc-Bold",
        }
    }

    fn tables(self) -> &'static Tables {
        match self {
            Self::Regular => &REGULAR,
            Self::Bold => &BOLD,
        }
    }

    /// The glyph of a character; 0 is the empty box.
    pub(crate) fn glyph(self, c: char) -> u16 {
        self.tables().glyph(c)
    }

    /// Advance of a character in thousandths of an em.
    pub(crate) fn advance(self, c: char) -> u16 {
        match c {
            NARROW => NARROW_ADVANCE,
            c => self.tables().advance(self.glyph(c)),
        }
    }

    /// Advance of a glyph in thousandths of an em.
    pub(crate) fn glyph_advance(self, glyph: u16) -> u16 {
        self.tables().advance(glyph)
    }

    /// Width of a text, already [`shown`], at a size.
    pub(crate) fn width(self, text: &str, size: f32) -> f32 {
        // Thousandths add up exactly; one product follows.
        let sum: u32 = text.chars().map(|c| u32::from(self.advance(c))).sum();
        sum as f32 * size / 1000.0
    }
}

/// The narrow space between a number and its unit: no break there, and no glyph of its own.
pub(crate) const NARROW: char = '\u{202f}';
const NARROW_ADVANCE: u16 = 170;

/// A text as the faces can show it: characters that share a glyph become one of them, control characters a space, and a
/// character without glyph its code point in words.
pub(crate) fn shown(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        let c = match c {
            '\u{2009}' | NARROW => NARROW,
            '\u{a0}' | '\u{2002}' => ' ',
            '\u{2011}' | '\u{ad}' => '-',
            '\u{2003}' => '\u{3000}',
            '\u{2022}' => '·',
            '\u{2215}' => '／',
            '\u{301c}' => '～',
            c if c.is_control() => ' ',
            c => c,
        };
        if c == NARROW || Face::Regular.glyph(c) != 0 {
            out.push(c);
        } else {
            out.push_str(&format!("〔U+{:04X}〕", c as u32));
        }
    }
    out
}

static REGULAR: LazyLock<Tables> = LazyLock::new(|| Tables::read(Face::Regular.file()));
static BOLD: LazyLock<Tables> = LazyLock::new(|| Tables::read(Face::Bold.file()));

/// What is read of a face: which glyph a character has, and how wide glyphs are.
struct Tables {
    /// First character, last character, first glyph; sorted.
    groups: Vec<(u32, u32, u32)>,
    advances: Vec<u16>,
}

impl Tables {
    fn read(file: &[u8]) -> Self {
        let groups = table(file, b"cmap").and_then(groups).unwrap_or_default();
        let advances = table(file, b"hhea")
            .and_then(|hhea| u16_at(hhea, 34))
            .zip(table(file, b"hmtx"))
            .map(|(count, hmtx)| (0..usize::from(count)).map_while(|i| u16_at(hmtx, i * 4)).collect())
            .unwrap_or_default();
        Self { groups, advances }
    }

    fn glyph(&self, c: char) -> u16 {
        let c = c as u32;
        let after = self.groups.partition_point(|g| g.0 <= c);
        let group = after.checked_sub(1).and_then(|i| self.groups.get(i)).filter(|g| c <= g.1);
        group.and_then(|g| u16::try_from(g.2 + (c - g.0)).ok()).unwrap_or(0)
    }

    fn advance(&self, glyph: u16) -> u16 {
        // Glyphs beyond the table are as wide as its last.
        self.advances.get(usize::from(glyph)).or(self.advances.last()).copied().unwrap_or(1000)
    }
}

/// The bytes of a table of an OpenType file.
pub(crate) fn table<'f>(file: &'f [u8], tag: &[u8; 4]) -> Option<&'f [u8]> {
    let count = usize::from(u16_at(file, 4)?);
    let record = (0..count).map(|i| 12 + i * 16).find(|at| file.get(*at..*at + 4) == Some(tag.as_slice()))?;
    let (from, length) = (u32_at(file, record + 8)? as usize, u32_at(file, record + 12)? as usize);
    file.get(from..from.checked_add(length)?)
}

/// The groups of the 32-bit character map.
fn groups(cmap: &[u8]) -> Option<Vec<(u32, u32, u32)>> {
    let count = usize::from(u16_at(cmap, 2)?);
    let start = (0..count)
        .filter_map(|i| u32_at(cmap, 4 + i * 8 + 4).map(|at| at as usize))
        .find(|at| u16_at(cmap, *at) == Some(12))?;
    let n = u32_at(cmap, start + 12)? as usize;
    (0..n)
        .map(|i| start + 16 + i * 12)
        .map(|at| Some((u32_at(cmap, at)?, u32_at(cmap, at + 4)?, u32_at(cmap, at + 8)?)))
        .collect()
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    #[test]
    fn one_glyph_stands_for_one_character() {
        for face in Face::ALL {
            let mut seen: BTreeMap<u16, char> = BTreeMap::new();
            for c in (0x20..=0xffff).filter_map(char::from_u32) {
                let text = shown(&c.to_string());
                let mut chars = text.chars();
                // A code point in words repeats the digits.
                let (Some(first), None) = (chars.next(), chars.next()) else { continue };
                let glyph = face.glyph(if first == NARROW { ' ' } else { first });
                assert_ne!(glyph, 0, "{first:?}");
                let first = if first == NARROW { ' ' } else { first };
                let before = seen.insert(glyph, first);
                assert!(before.is_none_or(|b| b == first), "{before:?} and {first:?} share a glyph");
            }
            assert!(seen.len() > 8_500, "{face:?}: {}", seen.len());
        }
    }

    #[test]
    fn a_character_outside_the_faces_is_printed_as_its_code_point() {
        assert_eq!(shown("张𪛖厂"), "张〔U+2A6D6〕厂");
        assert_eq!(shown("a\u{7}b\nc"), "a b c");
        assert_eq!(shown("爨"), "爨", "third level of the standard table");
        assert_eq!(shown("✎"), "〔U+270E〕");
    }

    #[test]
    fn digits_are_tabular_and_han_is_an_em() {
        let widths: Vec<u16> = ('0'..='9').map(|c| Face::Regular.advance(c)).collect();
        assert!(widths.iter().all(|w| *w == widths[0]), "{widths:?}");
        assert_eq!(Face::Bold.advance('证'), 1000);
    }
}
