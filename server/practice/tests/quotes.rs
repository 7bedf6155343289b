//! Every quotation of a delivered file stands in the article it names, to the character.
//!
//! The articles are in `tests/policy/*.txt`, word for word; each part names the SHA-256 of the text it was taken from, so that
//! whoever holds that text can compare. Spaces and line breaks of the print are left out on both sides.

use std::collections::{BTreeMap, BTreeSet};

use practice::words::Clause;
use practice::{package, rule};

const TEXTS: [(&str, &str); 3] = [
    ("kunming", include_str!("policy/kunming.txt")),
    ("mianyang-draft", include_str!("policy/mianyang-draft.txt")),
    ("guangdong", include_str!("policy/guangdong.txt")),
];

fn tight(text: &str) -> String {
    text.chars().filter(|c| !c.is_whitespace()).collect()
}

/// Articles by their names, tight.
fn articles(text: &str) -> BTreeMap<&str, String> {
    let mut out = BTreeMap::new();
    for part in text.split("\n## ").skip(1) {
        let (name, body) = part.split_once('\n').unwrap();
        let body = body.split("\n# ").next().unwrap();
        assert!(out.insert(name, tight(body)).is_none(), "{name} is there twice");
    }
    out
}

/// Everything a delivered city quotes: its rule and its package.
fn clauses(city: &str) -> Vec<Clause> {
    let named = |all: &[(&str, &'static str)]| all.iter().find(|(name, _)| *name == city).map(|(_, text)| *text);
    let rule = rule::Rule::parse(named(&rule::DELIVERED).unwrap()).unwrap();
    let mut out: Vec<Clause> = rule.clauses().cloned().collect();
    if let Some(overlay) = named(&package::DELIVERED) {
        out.extend(package::Overlay::parse(overlay).unwrap().clauses().cloned());
    }
    out
}

#[test]
fn every_quotation_stands_in_its_article() {
    assert_eq!(TEXTS.map(|(city, _)| city), rule::DELIVERED.map(|(city, _)| city));
    assert!(package::DELIVERED.iter().all(|(city, _)| TEXTS.iter().any(|(of, _)| of == city)));
    let mut wrong = Vec::new();
    for (city, text) in TEXTS {
        let articles = articles(text);
        let clauses = clauses(city);
        for Clause { article, quote, .. } in &clauses {
            match articles.get(article.as_str()) {
                None => wrong.push(format!("{city}: there is no {article}")),
                Some(body) if !body.contains(&tight(quote)) => {
                    wrong.push(format!("{city}: {article} does not say {quote}"))
                }
                Some(_) => {}
            }
        }
        let quoted: BTreeSet<&str> = clauses.iter().map(|c| c.article.as_str()).collect();
        wrong.extend(
            articles.keys().filter(|a| !quoted.contains(*a)).map(|a| format!("{city}: {a} is quoted by nothing")),
        );
    }
    assert!(wrong.is_empty(), "{} differ:\n  {}", wrong.len(), wrong.join("\n  "));
}

#[test]
fn a_sanction_is_quoted_with_its_condition() {
    let quote = |article: &str| {
        let all = clauses("kunming");
        all.into_iter().find(|c| c.article == article).map(|c| tight(&c.quote)).unwrap()
    };
    let whole = articles(TEXTS[0].1);
    for article in ["第十三条（四）", "第十三条（三）", "第十四条"] {
        // Apart from its number, the whole of it.
        let body = whole.get(article).unwrap();
        assert!(body.chars().count() - quote(article).chars().count() <= 4, "{article}: {body}");
    }
}
