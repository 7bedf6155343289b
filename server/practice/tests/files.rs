//! Rule files: what is refused, where, and in which words.

use practice::rule::{DELIVERED, Rule};

/// The line, from 1, of a text that stands there once.
fn line(text: &str, of: &str) -> usize {
    assert_eq!(text.matches(of).count(), 1, "`{of}` stands there once");
    text[..text.find(of).unwrap()].matches('\n').count() + 1
}

#[test]
fn delivered_files_are_read_and_say_no_result_of_their_own() {
    for (name, text) in DELIVERED {
        let rule = Rule::parse(text).unwrap_or_else(|e| panic!("{name}: {e}"));
        assert!(rule.clauses().count() >= 15, "{name}");
        // Quotations are the authority's words, and whole; whatever is ours says no result.
        let ours = rule.clauses().fold(text.to_owned(), |text, clause| text.replace(&clause.quote, ""));
        assert!(!ours.contains("验收通过"), "{name}");
    }
}

#[test]
fn what_is_wrong_is_named_with_its_line_in_both_languages() {
    // What is replaced by what, the words, and where the message points.
    let cases = [
        ("draft = false", "draft = false\nsurprise = 1", "未知项 surprise", "unknown field `surprise`", "surprise = 1"),
        (
            "draft = false",
            "draft = false\n\"a / b\" = 1",
            "未知项 a / b；可用的有 ",
            "unknown field `a / b`",
            "\"a / b\"",
        ),
        ("issued = \"2024-04-12\"", "issued = \"2024-4-12\"", "不是 2026-03-14 这样的日期", "not a date", "issued ="),
        (
            "to = \"2026-12-31\"",
            "to = \"2026-02-30\"",
            "不是 2026-03-14 这样的日期",
            "not a date",
            "to = \"2026-02-30\"",
        ),
        ("to = \"2026-12-31\"", "to = \"a / b\"", "不是 2026-03-14 这样的日期", "not a date", "to = \"a / b\""),
        ("draft = false", "", "缺少 draft", "missing field `draft`", "# 昆明市中小企业"),
        ("number = \"昆工信规〔2024〕1 号\"", "", "须写文号", "has its `number`", "id = \"kunming-fund-2024-1\""),
        (
            "id = \"cloud\"",
            "id = \"gateway\"",
            "标识 gateway 重复",
            "`gateway` is there twice",
            "id = \"gateway\"\nnames = { zh = \"网关",
        ),
        ("id = \"cloud\"", "id = \"Cloud\"", "标识须为", "an id has", "id = \"Cloud\""),
        (
            "fact = \"in_plan\"",
            "fact = \"in_heaven\"",
            "不可用的值 in_heaven",
            "unknown variant",
            "fact = \"in_heaven\"",
        ),
        ("en = \"cloud services\"", "en = \" \"", "1 至 600 个字符", "1 to 600 characters", "id = \"cloud\""),
        ("afterwards = {", "afterwards = [", "不是有效的 TOML", "", "afterwards = ["),
        (
            "at_most = { percent = 70 }",
            "at_most = { percent = 101 }",
            "各阶段比例",
            "shares of the stages",
            "id = \"acceptance\"",
        ),
        (
            "part = \"rest\"",
            "part = { at_most = { percent = 20 } }",
            "最后一个阶段须为 rest",
            "the last stage takes the rest",
            "id = \"overall\"",
        ),
        (
            "limit = { share = { percent = 50, of = \"eligible\" } }",
            "limit = { share = { percent = 0, of = \"eligible\" } }",
            "比例须为",
            "a share is",
            "id = \"half_of_retrofit\"",
        ),
        ("\"3\" = 40_000_000", "\"3\" = 4_000_000", "不递减", "never fall", "id = \"by_level\""),
        ("\"3\" = 40_000_000", "\"5\" = 90_000_000", "等级 1 至 4", "levels 1 to 4", "id = \"by_level\""),
        ("fixed_fen = 20_000_000", "fixed_fen = 0", "奖励最多写", "an award has", "id = \"lighthouse\""),
        (
            "from = \"2024-05-12\"",
            "from = \"2027-05-12\"",
            "有效期止早于起",
            "ends before it begins",
            "id = \"kunming-fund-2024-1\"",
        ),
        (
            "to = \"2026-12-31\"",
            "to = \"2026-12-31\"\nyears = 3",
            "有效期须写 to 或 years",
            "either `to` or `years`",
            "id = \"kunming-fund-2024-1\"",
        ),
        (
            "[since]",
            "[pilot]\nfrom = \"2025-01-02\"\nto = \"2025-01-01\"\nclause = { article = \"x\", quote = \"y\", en = \"z\" }\n[since]",
            "试点实施期止早于起",
            "the pilot ends before it begins",
            "id = \"kunming-fund-2024-1\"",
        ),
        (
            "counts = \"open\"\ninvestment = \"open\"\nclause = { article = \"第七条（五）2\"",
            "counts = \"maybe\"\ninvestment = \"open\"\nclause = { article = \"第七条（五）2\"",
            "不可用的值 maybe",
            "unknown variant `maybe`",
            "counts = \"maybe\"",
        ),
    ];
    for (from, to, zh, en, at) in cases {
        let text = DELIVERED[0].1;
        line(text, from);
        let text = text.replace(from, to);
        let error = Rule::parse(&text).expect_err(from);
        assert!(error.said.zh.contains(zh) && error.said.en.contains(en), "{to}: {error}");
        assert_eq!(error.line, line(&text, at), "{to}: {error}");
        let said = format!("第 {0} 行：{1} / line {0}: {2}", error.line, error.said.zh, error.said.en);
        assert_eq!(error.to_string(), said);
    }
}

#[test]
fn a_file_is_bounded() {
    let long = format!("{}\n# {}", DELIVERED[0].1, "x".repeat(200_000));
    assert!(Rule::parse(&long).unwrap_err().said.en.contains("bytes"));
    let many = DELIVERED[0].1.to_owned() + &(0..200).map(|i| format!("[[category]]\nid = \"c{i}\"\nnames = {{ zh = \"类\", en = \"kind\" }}\ncounts = \"no\"\ninvestment = \"no\"\nclause = {{ article = \"x\", quote = \"y\", en = \"z\" }}\n")).collect::<String>();
    assert!(Rule::parse(&many).unwrap_err().said.en.contains("at most 100"));
}
