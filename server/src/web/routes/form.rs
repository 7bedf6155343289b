//! A form as a browser sends it, and what is typed in it: nothing typed is left out, and no number is guessed.

use std::collections::BTreeSet;

use serde_json::{Value as Json, json};

use crate::web::text::Texts;

/// The fields of a form; a name may come more than once.
pub(super) struct Fields(pub(super) Vec<(String, String)>);

impl Fields {
    /// What was typed into a field, without the blanks around it.
    pub(super) fn one(&self, name: &str) -> &str {
        self.0.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value.trim())
    }

    /// Everything ticked or chosen under a name.
    pub(super) fn all<'f>(&'f self, name: &'f str) -> impl Iterator<Item = &'f str> {
        self.0.iter().filter(move |(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// Rows of a table that have something in one of their fields, however many came: number and cells.
    pub(super) fn rows<const N: usize>(&self, fields: [&str; N]) -> Vec<(usize, [&str; N])> {
        // A choice that comes with a row says nothing by itself: only the fields that are asked for make a row.
        let number = |(key, value): &(String, String)| {
            let (_, row) = key.rsplit_once('.').filter(|(field, _)| fields.contains(field))?;
            row.parse().ok().filter(|n: &usize| !value.trim().is_empty() && n.to_string() == row)
        };
        let rows: BTreeSet<usize> = self.0.iter().filter_map(number).collect();
        rows.into_iter().map(|i| (i, fields.map(|field| self.one(&format!("{field}.{i}"))))).collect()
    }
}

/// Hundredths of a number with at most two decimals; no separators.
pub(super) fn hundredths(number: &str) -> Option<i64> {
    let (whole, part) = number.split_once('.').unwrap_or((number, ""));
    let is_number = |digits: &str| digits.bytes().all(|b| b.is_ascii_digit());
    if whole.is_empty() || whole.len() > 12 || part.len() > 2 || !is_number(whole) || !is_number(part) {
        return None;
    }
    format!("{whole}{part:0<2}").parse().ok()
}

/// Fen of an amount in yuan: digits, separators as printed, before groups of three; at most two decimals. A comma elsewhere may have
/// been meant as a decimal point: neither that nor another unit is guessed.
pub(super) fn fen(yuan: &str) -> Option<i64> {
    let yuan = yuan.trim();
    let (whole, part) = yuan.split_once('.').map_or((yuan, None), |(whole, part)| (whole, Some(part)));
    let mut groups = whole.split([',', '，']);
    let first = groups.next().unwrap_or_default();
    let rest: Vec<&str> = groups.collect();
    if !rest.is_empty() && (!(1..=3).contains(&first.len()) || rest.iter().any(|group| group.len() != 3)) {
        return None;
    }
    let plain = format!("{first}{}", rest.concat());
    hundredths(&part.map_or(plain.clone(), |part| format!("{plain}.{part}")))
}

/// The same, or a sentence that says what is wrong.
pub(super) fn amount(t: &Texts, yuan: &str) -> Result<i64, String> {
    fen(yuan).ok_or_else(|| t.f1("filing-amount-wrong", "typed", yuan.chars().take(40).collect::<String>()))
}

/// An absent field is left out of a statement.
pub(super) fn put(body: &mut Json, field: &str, text: &str) {
    if !text.is_empty() {
        body[field] = json!(text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::web::text::Lang;

    #[test]
    fn amounts_are_yuan_and_nothing_else_is_guessed() {
        for (typed, is) in [
            ("1", 100),
            ("1,234.5", 123_450),
            ("12，000", 1_200_000),
            ("1,234,567.80", 123_456_780),
            ("0.05", 5),
            (" 7.10 ", 710),
        ] {
            assert_eq!(fen(typed), Some(is), "{typed}");
        }
        let wrong = ["", ".", "12万", "1.234", "-1", "1e3", "¥5", "9999999999999"];
        // A comma where a decimal point may have been meant, and groups that are none.
        let commas = ["1,5", "1,50", "12,34", "1234,567", ",123", "1,,234", "1,234,56", "1.234,5", "1 234", "1，5"];
        for typed in wrong.iter().chain(&commas) {
            assert_eq!(fen(typed), None, "{typed}");
        }
        assert_eq!(
            amount(Lang::Zh.texts(), "12 万").unwrap_err(),
            "金额“12 万”无法读取：请以元填写，最多两位小数；逗号只用作千位分隔（如 12,000）；不写“万”或货币符号。"
        );
        assert_eq!(
            amount(Lang::En.texts(), "1,5").unwrap_err(),
            "“1,5” is no amount: write yuan with at most two decimals, commas only before groups of three digits (12,000), without 万 or a currency sign."
        );
    }

    #[test]
    fn a_plain_number_has_no_separators() {
        assert_eq!(["30", "33.3", "0.05"].map(hundredths), [Some(3_000), Some(3_330), Some(5)]);
        assert_eq!(["3,3", "1,000", "3，3", "", "33.333"].map(hundredths), [None; 5]);
    }

    #[test]
    fn every_row_that_came_is_read_and_a_choice_alone_is_none() {
        let typed =
            [("what.1", "a"), ("kind.2", "x"), ("amount.900", "1"), ("what.x", "b"), ("what.03", "c"), ("what.7", " ")];
        let form = Fields(typed.map(|(k, v)| (k.to_owned(), v.to_owned())).to_vec());
        assert_eq!(form.rows(["what", "amount"]), [(1, ["a", ""]), (900, ["", "1"])]);
    }
}
