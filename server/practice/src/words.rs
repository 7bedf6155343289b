//! Words in both languages, clauses of a policy text, and money.

use metrics::model::Names;
use serde::{Deserialize, Serialize};

/// Says one thing in both languages.
pub(crate) fn words(zh: impl Into<String>, en: impl Into<String>) -> Names {
    Names { zh: zh.into(), en: en.into() }
}

/// A place of a policy text: what a line of a sheet rests on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Clause {
    /// Article or heading, as the text numbers it, e.g. `第七条（一）`.
    pub article: String,
    /// The text to the character, spaces and line breaks of the print left out.
    pub quote: String,
    /// What it says in English; the Chinese text alone is binding.
    pub en: String,
}

/// Chinese yuan in whole fen (分), the only unit of money here.
pub type Fen = i64;

pub use metrics::deviation::Problem;
pub use metrics::filed::FEN_MAX;

/// `1,234,567.80`, yuan with two places.
pub fn yuan(fen: Fen) -> String {
    let sign = if fen < 0 { "-" } else { "" };
    let whole = (fen.unsigned_abs() / 100).to_string();
    let mut out = String::from(sign);
    for (i, digit) in whole.chars().enumerate() {
        if i > 0 && (whole.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out.push_str(&format!(".{:02}", fen.unsigned_abs() % 100));
    out
}

/// `hundredths` of a percent of an amount, rounded down to the fen: every share in the texts is an upper limit (不超过、不高于).
pub(crate) fn share_floor(amount: Fen, hundredths: u32) -> Fen {
    let product = i128::from(amount.max(0)) * i128::from(hundredths) / 10_000;
    Fen::try_from(product).unwrap_or(Fen::MAX)
}

/// `50` or `33.33`, from hundredths of a percent.
pub(crate) fn percent(hundredths: u32) -> String {
    match hundredths % 100 {
        0 => (hundredths / 100).to_string(),
        rest => format!("{}.{rest:02}", hundredths / 100),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn yuan_are_grouped_and_keep_their_fen() {
        assert_eq!(
            [0, 5, 100, 99_999, 10_000_000, 123_456_780, -1].map(yuan),
            ["0.00", "0.05", "1.00", "999.99", "100,000.00", "1,234,567.80", "-0.01"]
        );
    }

    #[test]
    fn shares_round_down_to_the_fen() {
        assert_eq!([share_floor(1, 5_000), share_floor(3, 5_000), share_floor(101, 7_000)], [0, 1, 70]);
        assert_eq!(share_floor(-5, 5_000), 0);
        assert_eq!((percent(5_000), percent(3_333), percent(5)), ("50".into(), "33.33".into(), "0.05".into()));
    }
}
