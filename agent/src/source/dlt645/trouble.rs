//! What to tell the installer about a failed read of a meter: what, where and what to do.

use super::frame::{Di, Meter};
use crate::locale::{Words, words};
use crate::source::failure::Failure;

/// What happened at `device` (its name), reached at `place`, reading `di`; and what to do.
pub fn trouble(failure: &Failure, device: &str, place: &str, meter: Meter, timeout_ms: u64, di: Di) -> Words {
    if let Some(words) = failure.connection_words(device, place) {
        return words;
    }
    match failure {
        Failure::ErrorWord(word) => {
            let (zh, en) = error_word(*word);
            let word = *word;
            words!(
                "`{device}`（{place}，表号 {meter}）拒绝读取 {di}：错误字 {word:02X}，{zh}",
                "`{device}` at {place}, meter {meter}, refused to give {di}: error word {word:02X}, {en}"
            )
        }
        Failure::Nonsense(detail) => words!(
            "`{device}`（{place}，表号 {meter}）读取 {di} 时应答不合规（{detail}），已丢弃。若反复出现，检查是否有别的主站在用这条线、波特率和校验是否正确",
            "`{device}` at {place}, meter {meter}, answered {di} with something else ({detail}); it was thrown away. If it repeats, check for another master on this line, and baud rate and parity"
        ),
        _ => words!(
            "`{device}`（{place}，表号 {meter}）在 {timeout_ms} 毫秒内没有应答。检查 `meter` 是否与铭牌一致、波特率（多为 2400，偶校验）、A/B 线是否接反",
            "`{device}` at {place}, meter {meter}, did not answer within {timeout_ms} ms. Check `meter` against the nameplate, the baud rate (mostly 2400, even parity), and that A and B are not swapped"
        ),
    }
}

/// The bits of the error word (DL/T 645-2007, table of ERR), with the remedy; the first that is set.
fn error_word(word: u8) -> (&'static str, &'static str) {
    match word {
        w if w & 0x02 != 0 => (
            "表内没有这个数据。检查 `di`，看说明书是否支持",
            "it has no such data. Check `di` and whether the manual lists it",
        ),
        w if w & 0x04 != 0 => {
            ("要求密码或权限。换一个可以直接读的 `di`", "it wants a password. Use a `di` that can be read without")
        }
        w if w & 0x78 != 0 => {
            ("费率、时段、时区或速率超出范围。检查 `di`", "a rate, period, zone or speed is out of range. Check `di`")
        }
        _ => ("其他错误。说明书里查这个错误字", "another error. Look this error word up in the manual"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_bit_of_the_error_word_is_told_and_the_commonest_first() {
        let texts: Vec<_> = [0x01, 0x02, 0x04, 0x08, 0x10, 0x20, 0x40].map(error_word).to_vec();
        assert!(texts[1].1.contains("no such data") && texts[2].1.contains("password"));
        assert!(texts[3..].iter().all(|t| t.1.contains("out of range")));
        assert!(texts[0].0.contains("其他错误"));
        assert_eq!(error_word(0x03), texts[1]);
    }
}
