//! Every page in every language with every sample: well-formed, complete, allowed by our own policy. And the locale
//! files: nothing missing, nothing unused.

use std::collections::BTreeSet;

use super::text::{EN_FTL, Lang, ZH_FTL};
use super::{
    carry, catalogue, declare, deviation, door, figures, filing, findings, firm, fleet, gateways, machine, meters,
    onsite, package, papers, plan, portfolio, questionnaire, reports, savings, site, subsidy, why,
};

fn pages(lang: Lang) -> Vec<(&'static str, String)> {
    let mut all = door::samples(lang);
    all.extend(fleet::samples(lang));
    all.extend(site::samples(lang));
    all.extend(machine::samples(lang));
    all.extend(why::samples(lang));
    all.extend(figures::samples(lang));
    all.extend(meters::samples(lang));
    all.extend(questionnaire::samples(lang));
    all.extend(savings::samples(lang));
    all.extend(plan::samples(lang));
    all.extend(filing::samples(lang));
    all.extend(deviation::samples(lang));
    all.extend(firm::samples(lang));
    all.extend(subsidy::samples(lang));
    all.extend(papers::samples(lang));
    all.extend(portfolio::samples(lang));
    all.extend(package::samples(lang));
    all.extend(onsite::samples(lang));
    all.extend(declare::samples(lang));
    all.extend(findings::samples(lang));
    all.extend(catalogue::samples(lang));
    all.extend(reports::samples(lang));
    all.extend(gateways::samples(lang));
    all.extend(carry::samples(lang));
    all
}

/// Walks tags; panics where an element is closed that was not open or an attribute value is not quoted.
pub(super) fn check_tags(name: &str, html: &str) {
    const VOID: [&str; 6] = ["meta", "link", "input", "br", "img", "hr"];
    let mut open: Vec<String> = Vec::new();
    let mut ids = BTreeSet::new();
    let mut rest = html;
    while let Some(at) = rest.find('<') {
        rest = &rest[at + 1..];
        if rest.starts_with('!') {
            continue;
        }
        let end = rest.find('>').unwrap_or_else(|| panic!("{name}: tag without end: {}", &rest[..rest.len().min(80)]));
        let tag = &rest[..end];
        rest = &rest[end + 1..];
        assert_eq!(tag.matches('"').count() % 2, 0, "{name}: quotes in <{tag}>");
        assert!(!tag.contains('<'), "{name}: unescaped < in <{tag}>");
        for attribute in [" style=", " onclick=", " onload=", "javascript:"] {
            assert!(!tag.contains(attribute), "{name}: the policy forbids {attribute} in <{tag}>");
        }
        if let Some(id) = tag.split(" id=\"").nth(1).and_then(|r| r.split('"').next()) {
            assert!(ids.insert(id.to_owned()), "{name}: id {id} twice");
        }
        let word: String = tag.trim_start_matches('/').chars().take_while(|c| c.is_ascii_alphanumeric()).collect();
        if tag.starts_with('/') {
            assert_eq!(open.pop().as_deref(), Some(word.as_str()), "{name}: </{word}>");
        } else if !tag.ends_with('/') && !VOID.contains(&word.as_str()) {
            open.push(word);
        }
    }
    assert!(open.is_empty(), "{name}: left open: {open:?}");
}

#[test]
fn every_page_renders_in_every_language_and_keeps_the_policy() {
    let out = std::env::var_os("GZ_PAGES_OUT").map(std::path::PathBuf::from);
    for lang in Lang::ALL {
        for (name, html) in pages(lang) {
            let label = format!("{name}.{}", lang.tag());
            if let Some(dir) = &out {
                std::fs::create_dir_all(dir).expect("folder");
                let local = html.replace("\"/assets/", "\"assets/");
                std::fs::write(dir.join(format!("{label}.html")), local).expect("write");
            }
            assert!(!html.contains('⟦'), "{label}: missing words: {:?}", html.split('⟦').nth(1));
            assert!(html.contains(&format!("<html lang=\"{}\">", lang.tag())), "{label}");
            assert!(!html.contains("<script>") && !html.contains("<style"), "{label}: inline script or style");
            assert!(!html.contains("NaN") && !html.contains("null"), "{label}");
            check_tags(&label, &html);
        }
    }
    if let Some(dir) = &out {
        for asset in ["app.css", "app.js", "icon.svg"] {
            let to = dir.join(super::assets::path(asset).trim_start_matches('/'));
            std::fs::create_dir_all(to.parent().expect("parent")).expect("folder");
            std::fs::copy(format!("{}/assets/{asset}", env!("CARGO_MANIFEST_DIR")), to).expect("copy");
        }
    }
}

#[test]
fn pages_are_the_same_every_time() {
    assert_eq!(pages(Lang::Zh), pages(Lang::Zh));
}

#[test]
fn simulated_sites_say_so_on_every_page() {
    for lang in Lang::ALL {
        for (name, html) in pages(lang) {
            let about_simulated =
                ["site", "machine", "machine-live", "why", "reports", "gateways", "fleet"].contains(&name);
            assert_eq!(
                html.contains("class=\"simulated\""),
                about_simulated || html.contains("永盛") && name != "fleet-search" || html.contains("Yongsheng"),
                "{name}"
            );
            if about_simulated {
                assert!(
                    html.contains("模拟数据") && html.contains("SIMULATED"),
                    "{name}: both words in both languages"
                );
            }
        }
    }
}

#[test]
fn a_hostile_name_stays_text() {
    for lang in Lang::ALL {
        for (name, html) in pages(lang) {
            for raw in ["<新材料>", "<New>", "li\"<wei>", "/sites/<script>", "t0k<en", "tomorrow<"] {
                assert!(!html.contains(raw), "{name}: {raw}");
            }
        }
    }
}

fn keys(ftl: &str) -> BTreeSet<String> {
    ftl.lines()
        .filter(|l| l.starts_with(|c: char| c.is_ascii_lowercase()))
        .filter_map(|l| l.split_once(" =").or_else(|| l.split_once('=')).map(|(k, _)| k.trim().to_owned()))
        .collect()
}

/// Keys whose last part comes from data; each family is looked up in one place.
const FAMILIES: [&str; 41] = [
    "deviation-step-",
    "deviation-day-",
    "beside-",
    "plan-finding-",
    "plan-in-",
    "promise-because-",
    "ipmvp-",
    "plan-role-",
    "plate-",
    "questionnaire-",
    "floor-",
    "group-",
    "part-",
    "need-",
    "parameter-",
    "state-",
    "class-",
    "cause-",
    "undefined-",
    "alarm-",
    "attention-",
    "explain-",
    "role-",
    "clock-",
    "term-",
    "param-",
    "declared-",
    "stop-",
    "order-",
    "problem-",
    "lineage-",
    "grade-",
    "energy-",
    "refused-",
    "chain-",
    "filing-by-",
    "filing-opinion-",
    "papers-judged-",
    "portfolio-show-",
    "portfolio-order-",
    "subsidy-level-",
];

/// Words of the read models come from lists in the code; each has its sentence, and no sentence waits for a word nobody says.
#[test]
fn every_cause_and_alarm_has_its_words_and_no_other() {
    let causes = protocol::GapCause::ALL.map(protocol::GapCause::name).into_iter();
    let causes = causes.chain(["none", "no_data", "lost", "content_missing"]);
    let alarms = ["new_chain", "clone", "lost", "late", "epoch"];
    let expected: BTreeSet<String> = causes
        .map(|c| format!("cause-{}", c.replace('_', "-")))
        .chain(alarms.map(|a| format!("alarm-{}", a.replace('_', "-"))))
        .collect();
    let written: BTreeSet<String> =
        keys(ZH_FTL).into_iter().filter(|k| k.starts_with("cause-") || k.starts_with("alarm-")).collect();
    // What to do about an alarm stands beside what it is.
    let written: BTreeSet<String> = written.into_iter().filter(|k| !k.ends_with("-words")).collect();
    assert_eq!(written, expected);
}

#[test]
fn both_locales_have_the_same_keys_and_every_key_is_used() {
    let (zh, en) = (keys(ZH_FTL), keys(EN_FTL));
    assert_eq!(zh.difference(&en).collect::<Vec<_>>(), Vec::<&String>::new(), "missing in en.ftl");
    assert_eq!(en.difference(&zh).collect::<Vec<_>>(), Vec::<&String>::new(), "missing in zh-CN.ftl");
    let mut sources = String::new();
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut folders = vec![root.join("templates"), root.join("src/web"), root.join("look/src")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("folder").flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.file_name().is_some_and(|n| n != "tests.rs" && n != "samples.rs") {
                sources.push_str(&std::fs::read_to_string(&path).unwrap_or_default());
            }
        }
    }
    let unused: Vec<_> = zh
        .iter()
        .filter(|k| !sources.contains(&format!("\"{k}\"")) && !FAMILIES.iter().any(|f| k.starts_with(f)))
        .collect();
    assert!(unused.is_empty(), "keys nobody uses: {unused:?}");
    let mut missing = BTreeSet::new();
    for call in [".s(\"", ".f1(\"", ".f(\""] {
        for part in sources.split(call).skip(1) {
            let key = part.split('"').next().unwrap_or_default();
            if !zh.contains(key) && !key.contains('{') {
                missing.insert(key.to_owned());
            }
        }
    }
    assert!(missing.is_empty(), "keys used but not written: {missing:?}");
}
