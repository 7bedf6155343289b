//! Breaking a text into lines: Chinese between any two characters but where the rules of composition (禁则) forbid it, other
//! scripts between words.
//!
//! Constraints first: no line begins with a closing mark or ends with an opening one; a number stays with its unit; a word
//! longer than the line (a digest) is broken anywhere rather than running out of the page.

use crate::font::{Face, NARROW};

/// Marks that no line begins with.
const NOT_FIRST: &str = "，。、；：？！）〕】》」』〉”’％‰…—～·・,.;:?!)]}%°℃";
/// Marks that no line ends with.
const NOT_LAST: &str = "（〔【《「『〈“‘([{￥$";

fn is_wide(c: char) -> bool {
    (c as u32) >= 0x2e80
}

/// Whether a line may end between two neighbours.
fn may_break(before: char, after: char) -> bool {
    if before == NARROW || after == NARROW || after == ' ' {
        return false;
    }
    if NOT_FIRST.contains(after) || NOT_LAST.contains(before) {
        return false;
    }
    before == ' '
        || is_wide(before)
        || is_wide(after)
        || (matches!(before, '-' | '/' | '_' | '–' | '·') && after.is_alphabetic())
}

/// The lines of a text, already [`crate::font::shown`], no wider than `width`. An empty text has one empty line.
pub(crate) fn broken(text: &str, face: Face, size: f32, width: f32) -> Vec<String> {
    let chars: Vec<char> = text.chars().collect();
    let advance = |c: char| f32::from(face.advance(c)) * size / 1000.0;
    let mut lines = Vec::new();
    let mut start = 0;
    while start < chars.len() {
        let (mut used, mut end, mut opportunity) = (0.0_f32, start, None);
        while let Some(&c) = chars.get(end) {
            // A space at the end of a line takes no room.
            if used + advance(c) > width && c != ' ' && end > start {
                break;
            }
            used += advance(c);
            end += 1;
            if let Some(&next) = chars.get(end)
                && may_break(c, next)
            {
                opportunity = Some(end);
            }
        }
        if end < chars.len() {
            end = opportunity.unwrap_or(end);
        }
        let line: String = chars.get(start..end).unwrap_or_default().iter().collect();
        lines.push(line.trim_end_matches(' ').to_owned());
        start = end;
        while chars.get(start) == Some(&' ') {
            start += 1;
        }
    }
    if lines.is_empty() {
        lines.push(String::new());
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str, ems: f32) -> Vec<String> {
        broken(text, Face::Regular, 10.0, ems * 10.0)
    }

    #[test]
    fn closing_marks_never_begin_a_line_and_opening_ones_never_end_it() {
        assert_eq!(lines("设备综合利用率，生产效率", 7.0), ["设备综合利用", "率，生产效率"]);
        assert_eq!(lines("本报告依据（签名）", 6.0), ["本报告依据", "（签名）"]);
    }

    #[test]
    fn a_number_keeps_its_unit_and_words_stay_whole() {
        assert_eq!(lines("coverage 99.1\u{202f}% of time", 6.0), ["coverage", "99.1\u{202f}% of", "time"]);
    }

    #[test]
    fn no_line_is_wider_than_its_column() {
        let digest = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855".repeat(3);
        for text in [digest.as_str(), "！！！！！！！！！！", "说明：a-b/c 停机（12.5 min）"] {
            for ems in [1.0, 3.0, 7.5, 20.0] {
                let got = lines(text, ems);
                assert!(got.iter().all(|l| Face::Regular.width(l, 10.0) <= ems * 10.0 + 0.001), "{ems}: {got:?}");
                let whole: String = got.concat();
                assert_eq!(whole.replace(' ', ""), text.replace(' ', ""), "nothing is lost");
            }
        }
    }
}
