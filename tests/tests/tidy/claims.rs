//! No text of ours says that an acceptance was passed, or states a digital level of our own making, in either language: neither templates, locale
//! files and words in the sources, nor rules, overlays, data, guides and references.
//!
//! What a law or a notice says stands as its quotation; quotations are left out here, because another test holds each against its article.

use std::path::Path;

use tests::repo;

/// Names that are the text's own words without being a quotation: file, and the words.
const ALLOWED: &[(&str, &str)] = &[("configs/policy/mianyang-draft.toml", "names = { zh = \"验收合格后一次性拨付\"")];

/// Words that state an acceptance; how somebody states a level, and what stands around its number in English.
const ACCEPTED: &[&str] = &[
    "验收通过",
    "通过验收",
    "验收合格",
    "passed acceptance",
    "passes acceptance",
    "passed the acceptance",
    "acceptance passed",
    "acceptance is passed",
];
const REACHED_ZH: &[&str] = &["达到", "评为", "定为", "判定为", "认定为", "属于", "等级为", "等级是"];
const REACHED_EN: &[&str] = &[
    "reached level ",
    "reaches level ",
    "achieved level ",
    "achieves level ",
    "attains level ",
    "has level ",
    "is at level ",
    "rated level ",
];

/// The first claim in a line, if there is one.
fn claim(line: &str) -> Option<String> {
    let lower = line.to_lowercase();
    let said = ACCEPTED.iter().find(|words| lower.contains(**words)).map(|words| (*words).to_owned());
    let level = || {
        let zh = REACHED_ZH.iter().flat_map(|way| "一二三四1234".chars().map(move |n| format!("{way}{n}级")));
        let en = REACHED_EN.iter().flat_map(|way| (1..=4).map(move |n| format!("{way}{n}")));
        zh.chain(en).find(|words| lower.contains(words.as_str()))
    };
    said.or_else(level)
}

/// A line of a rule or overlay without its quotations.
fn unquoted(line: &str) -> String {
    let mut parts = line.split("quote = \"");
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        out.push_str(part.split_once('"').map_or("", |(_, rest)| rest));
    }
    out
}

/// Whether a file holds words of ours that somebody may read.
fn is_read(file: &Path) -> bool {
    let text = file.to_string_lossy();
    let is_test = text.starts_with("tests/") || text.contains("/tests/") || text.ends_with("tests.rs");
    let ending = file.extension().and_then(|e| e.to_str()).unwrap_or_default();
    !is_test && ["rs", "html", "ftl", "toml", "json", "md", "js", "txt"].contains(&ending)
}

#[test]
fn no_text_says_that_an_acceptance_was_passed_or_states_a_level_of_our_own() {
    let mut findings = Vec::new();
    let (mut read, mut used) = (Vec::new(), Vec::new());
    for file in repo::files().into_iter().filter(|f| is_read(f)) {
        let Some(text) = repo::text(&file) else { continue };
        let name = file.to_string_lossy().into_owned();
        let is_rule = name.starts_with("configs/policy/");
        for (number, line) in text.lines().enumerate() {
            let line = if is_rule { unquoted(line) } else { line.to_owned() };
            let Some(words) = claim(&line) else { continue };
            match ALLOWED.iter().find(|(of, allowed)| *of == name && line.contains(allowed)) {
                Some(allowed) => used.push(*allowed),
                None => findings.push(format!("{name}:{}: says `{words}`", number + 1)),
            }
        }
        read.push(name);
    }
    // What must be among them, or the rule would read nothing.
    for place in [
        "server/templates/package.html",
        "server/locales/zh-CN.ftl",
        "server/locales/en.ftl",
        "server/document/src/words.rs",
        "configs/policy/packages/kunming.toml",
        "docs/guides/package.md",
        "docs/guides/package.zh-CN.md",
    ] {
        if !read.iter().any(|name| name == place) {
            findings.push(format!("{place} was not read"));
        }
    }
    findings.extend(ALLOWED.iter().filter(|a| !used.contains(a)).map(|a| format!("nobody says `{}` any more", a.1)));
    super::check(&findings);
}

#[test]
fn claims_are_found_in_both_languages_and_quotations_are_left_out() {
    for line in
        ["本项目验收通过。", "该企业已达到三级", "等级为2级", "The site Passed Acceptance", "the firm reached level 3"]
    {
        assert!(claim(line).is_some(), "{line}");
    }
    for line in
        ["验收意见由专家出具", "等级由评测机构填写", "levels are stated by the assessing body", "level 2 as stated by"]
    {
        assert_eq!(claim(line), None, "{line}");
    }
    let rule = "clause = { article = \"第七条\", quote = \"项目验收通过后，缴回\", en = \"before\" }, { quote = \"达到二级\", en = \"x\" }";
    assert_eq!(claim(&unquoted(rule)), None);
    assert!(claim(&unquoted("names = { zh = \"验收通过\" }")).is_some());
}
