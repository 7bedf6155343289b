//! Where the chapters of a document of ours begin, read from its own bookmarks: a document that was issued is never set again to know its
//! pages.
//!
//! Constraints first: bytes from outside; whatever does not read as our own bookmarks is no chapter, and nothing else happens.

/// Titles of the bookmarks of a PDF with their pages, from 1.
pub(crate) fn chapters(pdf: &[u8]) -> Vec<(String, usize)> {
    let Some(kids) = after(pdf, b"/Kids").and_then(|rest| between(rest, b'[', b']')) else { return Vec::new() };
    let pages = references(kids);
    let mut found = Vec::new();
    let mut rest = pdf;
    // A bookmark has a title and, within its own object, where it leads.
    while let Some(at) = find(rest, b"/Title") {
        let object = rest.get(at + 6..).unwrap_or_default();
        let end = find(object, b"endobj").unwrap_or(object.len());
        let object = object.get(..end).unwrap_or_default();
        rest = rest.get(at + 6 + end..).unwrap_or_default();
        let dest = after(object, b"/Dest").and_then(|rest| between(rest, b'[', b']'));
        let page = dest.and_then(|dest| references(dest).first().copied());
        let page = page.and_then(|id| pages.iter().position(|p| *p == id));
        if let (Some(title), Some(page)) = (text(object), page) {
            found.push((title, page + 1));
        }
    }
    found
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|w| w == what)
}

fn after<'b>(bytes: &'b [u8], what: &[u8]) -> Option<&'b [u8]> {
    bytes.get(find(bytes, what)? + what.len()..)
}

fn between(bytes: &[u8], open: u8, close: u8) -> Option<&[u8]> {
    let bytes = bytes.trim_ascii_start().strip_prefix(&[open])?;
    bytes.get(..bytes.iter().position(|b| *b == close)?)
}

/// The numbers of `12 0 R 14 0 R`.
fn references(bytes: &[u8]) -> Vec<u32> {
    let words: Vec<&[u8]> = bytes.split(u8::is_ascii_whitespace).filter(|w| !w.is_empty()).collect();
    let number = |word: &[u8]| std::str::from_utf8(word).ok()?.parse::<u32>().ok();
    let reference = |three: &[&[u8]]| match three {
        [id, _, b"R"] => number(id),
        _ => None,
    };
    words.windows(3).filter_map(reference).collect()
}

/// A string that stands at the beginning: `(ASCII)` or `<FEFF…>`.
fn text(bytes: &[u8]) -> Option<String> {
    let bytes = bytes.trim_ascii_start();
    if let Some(hex) = between(bytes, b'<', b'>') {
        let digits: Vec<u32> = hex.iter().filter_map(|b| char::from(*b).to_digit(16)).collect();
        let units: Vec<u16> = digits
            .chunks_exact(4)
            .map(|four| four.iter().fold(0_u32, |all, d| all << 4 | d))
            .filter_map(|unit| u16::try_from(unit).ok())
            .collect();
        return Some(String::from_utf16_lossy(units.strip_prefix(&[0xfeff])?));
    }
    let mut out = String::new();
    let mut escaped = false;
    let mut depth = 0_u32;
    for b in bytes.strip_prefix(b"(")? {
        match b {
            b'\\' if !escaped => {
                escaped = true;
                continue;
            }
            b')' if !escaped && depth == 0 => return Some(out),
            b')' if !escaped => depth -= 1,
            b'(' if !escaped => depth += 1,
            _ => {}
        }
        escaped = false;
        out.push(char::from(*b));
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    const REPORT: &[u8] = include_bytes!("../tests/data/report.json");
    const NOTE: &str = "127.0.0.1/demo-works\n3680\nlEzXkcV6LpUeMLuLp/U7IfHL8Qi5DWPmXYjSIaetu2c=\n\n— 127.0.0.1 AAAA\n";

    #[test]
    fn chapters_are_read_from_bookmarks_in_both_languages_and_damaged_files_have_fewer() {
        let declared = std::collections::BTreeMap::new();
        let source = crate::Source { report: REPORT, checkpoint: NOTE, declared: &declared };
        for (name, title) in [("report.zh-CN.pdf", "七、逐台设备"), ("report.en.pdf", "7  Machine by machine")] {
            let made = crate::documents(&source).unwrap();
            let pdf = &made.iter().find(|d| d.name == name).unwrap().bytes;
            let found = chapters(pdf);
            assert!(found.iter().any(|(t, page)| t.ends_with(title.get(3..).unwrap()) && *page > 2), "{found:?}");
            assert!(found.windows(2).all(|w| w[0].1 <= w[1].1), "in order: {found:?}");
            for cut in (0..pdf.len()).step_by(pdf.len() / 61) {
                assert!(chapters(&pdf[..cut]).len() <= found.len());
                let mut other = pdf.clone();
                other[cut] ^= 0x2f;
                let _ = chapters(&other);
            }
        }
    }

    #[test]
    fn strings_are_read_as_they_are_written() {
        assert_eq!(text(b" (Annex \\(B\\) (x)) /Parent").as_deref(), Some("Annex (B) (x)"));
        assert_eq!(text(b"<FEFF4E034E8C>").as_deref(), Some("七二"));
        for wrong in [&b"(open"[..], b"<4E03>", b"<FEFF", b"", b"12 0 R"] {
            assert_eq!(text(wrong), None, "{wrong:?}");
        }
    }
}
