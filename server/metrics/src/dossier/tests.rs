use serde_json::{Value as Json, json};

use super::is_credit_code;
use crate::model::{Body, KINDS, parse_body};

/// Four codes of public bodies and firms, as their own pages print them.
const CODES: [&str; 4] = ["91350100M000100Y43", "91330100716105852F", "91440300708461136T", "91330100799655058B"];

#[test]
fn the_check_character_is_that_of_the_standard() {
    for code in CODES {
        assert!(is_credit_code(code), "{code}");
    }
}

#[test]
fn a_code_with_one_character_changed_or_two_exchanged_is_none() {
    for code in CODES {
        for at in 0..code.len() {
            for other in "0123456789ABCDEFGHJKLMNPQRTUWXY".chars() {
                let changed: String = code.chars().enumerate().map(|(i, c)| if i == at { other } else { c }).collect();
                assert_eq!(is_credit_code(&changed), changed == code, "{changed}");
            }
        }
        for at in 1..code.len() - 1 {
            let mut bytes = code.as_bytes().to_vec();
            bytes.swap(at - 1, at);
            let swapped = String::from_utf8(bytes).unwrap();
            assert_eq!(is_credit_code(&swapped), swapped == code, "{swapped}");
        }
    }
    for text in ["", "91", "91350100M000100Y4", "91350100M000100Y433", "91350100m000100y43", "中国"] {
        assert!(!is_credit_code(text), "{text}");
    }
}

fn asked() -> Json {
    json!({"paper": "p-1", "name": "服务合同", "by": "centre", "due": "2026-04-30", "note": "附件2"})
}

fn handed() -> Json {
    json!({"paper": "p-1", "date": "2026-04-01", "file": "合同.pdf", "document": "0".repeat(64)})
}

fn judged() -> Json {
    json!({"paper": "p-1", "by": "centre", "judged": "return", "date": "2026-04-02", "reason": "缺盖章页"})
}

fn listed() -> Json {
    json!({"code": CODES[0], "name": "某机械有限公司", "list": "第四批汇总表", "number": "17", "district": "西山区",
        "sub_sector": "机械", "provider": "某服务商", "investment_fen": 12_000_000, "filed": "2026-02-01"})
}

#[test]
fn bodies_keep_what_they_say() {
    for (kind, body) in
        [("paper_asked", asked()), ("paper_handed", handed()), ("paper_judged", judged()), ("firm_listed", listed())]
    {
        assert!(KINDS.contains(&kind));
        let again = match parse_body(kind, &body).unwrap() {
            Body::PaperAsked(b) => serde_json::to_value(b),
            Body::PaperHanded(b) => serde_json::to_value(b),
            Body::PaperJudged(b) => serde_json::to_value(b),
            Body::FirmListed(b) => serde_json::to_value(b),
            other => panic!("{other:?}"),
        };
        assert_eq!(again.unwrap(), body);
    }
}

#[test]
fn what_breaks_a_bound_is_refused_with_its_field() {
    let cases = [
        ("paper_asked", asked(), "paper", json!("P 1")),
        ("paper_asked", asked(), "name", json!(" ")),
        ("paper_asked", asked(), "due", json!("2026-4-30")),
        ("paper_asked", asked(), "note", json!("x".repeat(2_001))),
        ("paper_handed", handed(), "date", json!("昨天")),
        ("paper_handed", handed(), "document", json!("12")),
        ("paper_handed", handed(), "file", json!("x".repeat(201))),
        ("paper_judged", judged(), "reason", json!("")),
        ("paper_judged", judged(), "reason", json!("a\u{7}")),
        ("firm_listed", listed(), "code", json!("91350100M000100Y44")),
        ("firm_listed", listed(), "name", json!("")),
        ("firm_listed", listed(), "list", json!("\u{7}")),
        ("firm_listed", listed(), "provider", json!("x".repeat(201))),
        ("firm_listed", listed(), "investment_fen", json!(0)),
        ("firm_listed", listed(), "filed", json!("2026-02-30")),
    ];
    for (kind, mut body, field, value) in cases {
        body[field] = value;
        let said = parse_body(kind, &body).expect_err(&body.to_string()).to_string();
        assert!(said.contains(field) && said.contains(" / "), "{said}");
    }
    for (kind, mut body) in [("paper_asked", asked()), ("paper_judged", judged()), ("firm_listed", listed())] {
        body["more"] = json!(1);
        assert!(parse_body(kind, &body).is_err(), "{body}");
    }
}
