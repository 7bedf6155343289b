//! Rule files: what is refused, where, and in which words.

use practice::rule::{DELIVERED, Rule};

/// The Kunming file with one text replaced, and what it is refused with.
fn refused(from: &str, to: &str) -> (usize, String, String) {
    let text = DELIVERED[0].1;
    assert_eq!(text.matches(from).count(), 1, "`{from}` stands there once");
    let line = text[..text.find(from).unwrap()].lines().count().max(1);
    let error = Rule::parse(&text.replace(from, to)).expect_err(from);
    assert_eq!(error.to_string(), format!("第 {0} 行：{1} / line {0}: {2}", error.line, error.said.zh, error.said.en));
    assert!(error.line.abs_diff(line) <= 1, "{error}: expected about line {line}");
    (error.line, error.said.zh, error.said.en)
}

#[test]
fn delivered_files_are_read_and_quote_their_articles() {
    for (name, text) in DELIVERED {
        let rule = Rule::parse(text).unwrap_or_else(|e| panic!("{name}: {e}"));
        assert!(rule.clauses().count() >= 15, "{name}");
        assert!(rule.clauses().all(|c| c.article.chars().count() >= 3 && c.quote.chars().count() >= 4), "{name}");
        assert!(!text.contains("验收通过"), "{name}");
    }
}

#[test]
fn what_is_wrong_is_named_with_its_line_in_both_languages() {
    let cases = [
        ("draft = false", "draft = false\nsurprise = 1", "未知项 surprise", "unknown field `surprise`"),
        ("issued = \"2024-04-12\"", "issued = \"2024-4-12\"", "不是 2026-03-14 这样的日期", "is not a date"),
        ("to = \"2026-12-31\"", "to = \"2026-02-30\"", "不是 2026-03-14 这样的日期", "is not a date"),
        ("draft = false", "", "缺少 draft", "missing field `draft`"),
        ("number = \"昆工信规〔2024〕1 号\"", "", "须写文号", "has its `number`"),
        ("id = \"cloud\"", "id = \"software\"", "标识 software 重复", "`software` is there twice"),
        ("id = \"cloud\"", "id = \"Cloud\"", "标识须为", "an id has"),
        ("at_most = { percent = 70 }", "at_most = { percent = 101 }", "各阶段比例", "shares of the stages"),
        (
            "part = \"rest\"",
            "part = { at_most = { percent = 20 } }",
            "最后一个阶段须为 rest",
            "the last stage takes the rest",
        ),
        (
            "limit = { share = { percent = 50, of = \"eligible\" } }",
            "limit = { share = { percent = 0, of = \"eligible\" } }",
            "比例须为",
            "a share is",
        ),
        ("\"3\" = 40_000_000", "\"3\" = 4_000_000", "不递减", "never fall"),
        ("\"3\" = 40_000_000", "\"5\" = 90_000_000", "等级 1 至 4", "levels 1 to 4"),
        ("fixed_fen = 20_000_000", "fixed_fen = 0", "奖励最多写", "an award has"),
        ("from = \"2024-05-12\"", "from = \"2027-05-12\"", "有效期止早于起", "ends before it begins"),
        ("to = \"2026-12-31\"", "to = \"2026-12-31\"\nyears = 3", "有效期须写 to 或 years", "either `to` or `years`"),
        (
            "counts = \"open\"\ninvestment = \"yes\"\nclause = { article = \"第七条（五）2\"",
            "counts = \"maybe\"\ninvestment = \"yes\"\nclause = { article = \"第七条（五）2\"",
            "不可用的值 maybe",
            "unknown variant `maybe`",
        ),
    ];
    for (from, to, zh, en) in cases {
        let text = DELIVERED[0].1;
        assert_eq!(text.matches(from).count(), 1, "`{from}` stands there once");
        let error = Rule::parse(&text.replace(from, to)).expect_err(from);
        assert!(error.said.zh.contains(zh) && error.said.en.contains(en), "{to}: {error}");
    }
}

#[test]
fn the_line_is_that_of_the_mistake() {
    refused("fact = \"in_plan\"", "fact = \"in_heaven\"");
    refused("id = \"cloud\"", "id = \"software\"");
    refused("names = { zh = \"云服务\", en = \"cloud services\" }", "names = { zh = \"云服务\", en = \" \" }");
    refused("afterwards = {", "afterwards = [");
}

#[test]
fn a_file_is_bounded() {
    let long = format!("{}\n# {}", DELIVERED[0].1, "x".repeat(200_000));
    assert!(Rule::parse(&long).unwrap_err().said.en.contains("bytes"));
    let many = DELIVERED[0].1.to_owned() + &(0..200).map(|i| format!("[[category]]\nid = \"c{i}\"\nnames = {{ zh = \"类\", en = \"kind\" }}\ncounts = \"no\"\ninvestment = \"no\"\nclause = {{ article = \"x\", quote = \"y\", en = \"z\" }}\n")).collect::<String>();
    assert!(Rule::parse(&many).unwrap_err().said.en.contains("at most 100"));
}
