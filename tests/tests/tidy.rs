//! The house rules a reviewer would otherwise have to repeat: who may depend on whom, what is absent where, how long a
//! file may be, that the documents name what exists, and that both languages say the same things.
//!
//! Every rule prints all its findings at once.

#[path = "tidy/claims.rs"]
mod claims;
#[path = "tidy/crates.rs"]
mod crates;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use crates::{MAY_USE, PURE};
use serde_json::Value;
use tests::repo;

fn check(findings: &[String]) {
    assert!(findings.is_empty(), "{} findings:\n  {}", findings.len(), findings.join("\n  "));
}

fn metadata() -> Value {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let out = Command::new(cargo)
        .args(["metadata", "--format-version", "1", "--no-deps", "--offline"])
        .current_dir(repo::root())
        .output()
        .expect("cargo metadata runs");
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    serde_json::from_slice(&out.stdout).expect("cargo metadata prints JSON")
}

fn crates() -> Vec<Value> {
    metadata()["packages"].as_array().expect("cargo metadata lists packages").clone()
}

fn uses(package: &Value) -> Vec<String> {
    let dependencies = package["dependencies"].as_array().expect("dependencies");
    dependencies
        .iter()
        .filter(|d| d["kind"].as_str() != Some("dev"))
        .filter_map(|d| d["name"].as_str().map(str::to_owned))
        .collect()
}

/// Rust sources below a folder, without test code: `tests.rs`, `tests/` folders, and items under `#[cfg(test)]`.
fn product_sources(folder: &str) -> Vec<(PathBuf, String)> {
    let sources: Vec<_> = repo::files()
        .into_iter()
        .filter(|f| f.starts_with(folder) && f.extension().is_some_and(|e| e == "rs"))
        .filter(|f| !f.components().any(|c| c.as_os_str() == "tests") && !f.ends_with("tests.rs"))
        .filter_map(|f| {
            let text = without_test_items(&repo::text(&f)?);
            Some((f, text))
        })
        .collect();
    assert!(!sources.is_empty(), "no sources under {folder}: the rule would check nothing");
    sources
}

/// The text with the lines of every item under `#[cfg(test)]` left empty; what follows the item stays. Items end as rustfmt
/// writes them: with a semicolon, or with a brace as far in as they begin.
fn without_test_items(text: &str) -> String {
    let mut out = String::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if line.trim() != "#[cfg(test)]" {
            out.push_str(line);
            out.push('\n');
            continue;
        }
        out.push('\n');
        let indent = &line[..line.len() - line.trim_start().len()];
        let mut open = false;
        for line in lines.by_ref() {
            out.push('\n');
            let (code, at_indent) = (line.trim_end(), line.strip_prefix(indent).unwrap_or_default());
            let begins = !open && !at_indent.starts_with([' ', '#']);
            let one_line = !open && code.ends_with(';') || begins && (code.ends_with("{}") || code.ends_with(','));
            if one_line || (open && at_indent.starts_with('}')) {
                break;
            }
            open |= code.ends_with('{');
        }
    }
    out
}

#[test]
fn only_test_items_are_left_out_of_the_rules() {
    let text = "use a;\n\n#[cfg(test)]\nmod tests;\n\nfn product() {\n    one();\n    #[cfg(test)]\n    hook();\n    two();\n}\n\n\
                #[cfg(test)]\n#[path = \"x.rs\"]\nmod named;\n#[cfg(test)]\nuse {\n    b,\n};\n\nimpl X {\n    #[cfg(test)]\n    \
                pub fn f() {\n        if c {\n        }\n    }\n\n    fn three() {}\n}\n\nstruct S {\n    #[cfg(test)]\n    seen: u32,\n    kept: u32,\n}\n\n#[cfg(test)]\nmod inner {\n    fn t() {}\n}\n";
    let kept = without_test_items(text);
    assert_eq!(kept.lines().count(), text.lines().count(), "findings name the right lines");
    let kept: Vec<&str> = kept.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let wanted = [
        "use a;",
        "fn product() {",
        "one();",
        "two();",
        "}",
        "impl X {",
        "fn three() {}",
        "}",
        "struct S {",
        "kept: u32,",
        "}",
    ];
    assert_eq!(kept, wanted);
}

/// Lines that contain a word, comments left out.
fn lines_with(sources: &[(PathBuf, String)], words: &[&str], why: &str) -> Vec<String> {
    let mut findings = Vec::new();
    for (file, text) in sources {
        for (number, line) in text.lines().enumerate() {
            let code = line.split("//").next().unwrap_or_default();
            for word in words {
                if code.contains(word) {
                    findings.push(format!("{}:{}: `{word}`: {why}", file.display(), number + 1));
                }
            }
        }
    }
    findings
}

#[test]
fn crates_depend_on_each_other_only_as_the_architecture_says() {
    let packages = crates();
    let mut findings = Vec::new();
    for (name, may) in MAY_USE {
        let Some(package) = packages.iter().find(|p| p["name"] == *name) else {
            findings.push(format!("{name} is gone: correct the rule"));
            continue;
        };
        for used in uses(package) {
            let ours = packages.iter().any(|p| p["name"] == used.as_str());
            if ours && !may.contains(&used.as_str()) {
                findings.push(format!("{name} must not use {used}"));
            }
        }
    }
    check(&findings);
}

#[test]
fn pure_crates_use_only_listed_dependencies() {
    let packages = crates();
    let mut findings = Vec::new();
    for (name, may) in PURE {
        let package = packages.iter().find(|p| p["name"] == *name).expect("the crate exists");
        for used in uses(package) {
            if !may.contains(&used.as_str()) {
                findings.push(format!("{name} uses {used}: a pure crate takes a dependency only by decision"));
            }
        }
    }
    check(&findings);
}

#[test]
fn pure_crates_touch_no_disk_network_clock_or_chance() {
    let words = [
        "std::fs",
        "std::net",
        "std::env",
        "std::thread",
        "std::process",
        "std::io::stdin",
        "SystemTime",
        "Instant::now",
        "Timestamp::now",
        "Zoned::now",
        "tokio",
        "async fn",
        "getrandom",
        "OsRng",
        "thread_rng",
        "println!",
        "eprintln!",
    ];
    let why = "a pure crate has no I/O, clock or randomness";
    let mut findings = lines_with(&product_sources("protocol/src"), &words, why);
    for folder in ["server/metrics/src", "server/practice/src", "server/look/src", "server/document/src"] {
        findings.extend(lines_with(&product_sources(folder), &words, why));
    }
    // The order of a hash map is not the same on two machines; a report must be.
    let order = ["HashMap", "HashSet", "mul_add", ".sin()", ".exp()", ".ln()", ".powf("];
    for folder in ["server/metrics/src", "server/practice/src"] {
        findings.extend(lines_with(
            &product_sources(folder),
            &order,
            "the same bytes on every machine: BTreeMap, libm",
        ));
    }
    check(&findings);
}

#[test]
fn each_program_reads_the_wall_clock_in_one_place() {
    let doors =
        ["agent/src/clock.rs", "server/src/state.rs", "server/verify/src/witness/clock.rs", "simulators/src/clock.rs"];
    let words = [
        "SystemTime",
        "clock_gettime",
        "Timestamp::now",
        "Zoned::now",
        "Utc::now",
        "Local::now",
        "now_utc",
        "now_local",
        "CURRENT_TIMESTAMP",
        "'now'",
    ];
    let mut findings = Vec::new();
    for folder in ["protocol/src", "agent/src", "server", "simulators/src"] {
        let (inside, sources): (Vec<_>, Vec<_>) =
            product_sources(folder).into_iter().partition(|(file, _)| doors.iter().any(|door| file == Path::new(door)));
        for (door, text) in inside {
            assert!(words.iter().any(|word| text.contains(word)), "{}: correct the rule", door.display());
        }
        findings.extend(lines_with(&sources, &words, "time is an argument; the clock modules are the doors to it"));
    }
    check(&findings);
}

#[test]
fn the_agent_cannot_write_to_a_machine() {
    let words = [
        "write_single_",
        "write_multiple_",
        "masked_write",
        "mask_write",
        "read_write_multiple",
        "WriteSingle",
        "WriteMultiple",
        "MaskWrite",
        "ReadWriteMultiple",
        "WriteRequest",
        "WriteValue",
        "CallRequest",
        "CallMethod",
        ".call_one(",
        ".call_method",
        "HistoryUpdate",
        "history_update",
        "AddNodes",
        "DeleteNodes",
        "add_nodes",
        "delete_nodes",
        "AttributeServiceWrite",
        "session.write(",
    ];
    check(&lines_with(
        &product_sources("agent/src"),
        &words,
        "the agent has no write function code and no write or call service",
    ));
}

#[test]
fn only_the_store_knows_sql() {
    let sources: Vec<_> = product_sources("server/src")
        .into_iter()
        .filter(|(f, _)| !f.starts_with("server/src/store") && !f.ends_with("server/src/store.rs"))
        .collect();
    check(&lines_with(
        &sources,
        &["sqlx::", "use sqlx", "SELECT ", "INSERT INTO", "UPDATE ", "DELETE FROM", "CREATE TABLE"],
        "SQL lives in server/src/store only",
    ));
    let elsewhere: Vec<_> =
        ["agent/src", "protocol/src", "server/metrics/src", "server/verify/src", "server/endpoint/src"]
            .iter()
            .flat_map(|folder| product_sources(folder))
            .collect();
    check(&lines_with(&elsewhere, &["sqlx"], "SQL lives in server/src/store only"));
}

#[test]
fn no_file_is_too_long_to_read() {
    let mut findings = Vec::new();
    for file in repo::files() {
        let source = file.extension().is_some_and(|e| e == "rs" || e == "py" || e == "js" || e == "html");
        let Some(text) = repo::text(&file).filter(|_| source) else { continue };
        let lines = text.lines().count();
        if lines > 600 {
            findings.push(format!("{}: {lines} lines, 600 allowed", file.display()));
        }
    }
    check(&findings);
}

#[test]
fn nothing_is_left_unfinished() {
    let mut findings = Vec::new();
    // Written apart so that this file does not find itself.
    let words = [
        ["to", "do!("].concat(),
        ["unimple", "mented!("].concat(),
        ["db", "g!("].concat(),
        ["#[ig", "nore"].concat(),
        ["FIX", "ME"].concat(),
        ["XX", "X"].concat(),
    ];
    for file in repo::files() {
        let Some(text) = repo::text(&file).filter(|_| file.extension().is_some_and(|e| e == "rs")) else { continue };
        for word in &words {
            if text.contains(word.as_str()) {
                findings.push(format!("{}: contains {word}", file.display()));
            }
        }
    }
    check(&findings);
}

#[test]
fn no_file_names_a_place_that_exists_only_on_one_machine() {
    let places = [["/wo", "rk/"].concat(), ["/ro", "ot/"].concat()];
    let mut findings = Vec::new();
    for file in repo::files() {
        let Some(text) = repo::text(&file) else { continue };
        for (number, line) in text.lines().enumerate() {
            if places.iter().any(|p| line.contains(p.as_str())) {
                findings.push(format!("{}:{}: {}", file.display(), number + 1, line.trim()));
            }
        }
    }
    check(&findings);
}

#[test]
fn the_architecture_names_every_crate_and_main_file_and_nothing_else() {
    let document = repo::text(Path::new("docs/architecture.md")).expect("docs/architecture.md");
    let named: BTreeSet<&str> = document.split('`').skip(1).step_by(2).collect();
    let mut findings = Vec::new();
    for package in crates() {
        let name = package["name"].as_str().unwrap_or_default();
        if !named.contains(name) {
            findings.push(format!("crate {name} is not named"));
        }
    }
    let root = repo::root();
    // A main file: a module directly below `src` of a crate that ships, and every program's entry.
    let folders = [
        "protocol/src",
        "agent/src",
        "server/src",
        "server/metrics/src",
        "server/practice/src",
        "server/verify/src",
        "server/verify/web/src",
        "server/endpoint/src",
        "simulators/src",
    ];
    for file in repo::files() {
        let text = file.to_string_lossy().into_owned();
        let main = folders.iter().any(|f| file.parent() == Some(Path::new(f)));
        if main && text.ends_with(".rs") && !text.ends_with("tests.rs") && !named.contains(text.as_str()) {
            findings.push(format!("{text} is not named"));
        }
    }
    for name in &named {
        let path = name.ends_with(".rs") || name.ends_with(".md") || name.ends_with('/');
        if path && name.contains('/') && !name.contains(['<', '*', ' ']) && !root.join(name).exists() {
            findings.push(format!("`{name}` is named and does not exist"));
        }
        if name.starts_with("gongzheng-") && !name.contains(' ') && !crates().iter().any(|p| p["name"] == *name) {
            findings.push(format!("crate `{name}` is named and does not exist"));
        }
    }
    check(&findings);
}

/// Message keys of a Fluent file.
fn keys(text: &str) -> BTreeSet<String> {
    text.lines()
        .filter(|l| l.starts_with(|c: char| c.is_ascii_alphabetic() || c == '-'))
        .filter_map(|l| l.split_once('='))
        .map(|(key, _)| key.trim().to_owned())
        .collect()
}

#[test]
fn both_languages_have_every_message() {
    let mut pairs: BTreeMap<PathBuf, BTreeMap<String, BTreeSet<String>>> = BTreeMap::new();
    for file in repo::files() {
        if file.extension().is_none_or(|e| e != "ftl") {
            continue;
        }
        let text = repo::text(&file).expect("a Fluent file is text");
        let language = if file.to_string_lossy().contains("zh-CN") { "zh-CN" } else { "en" };
        let place = PathBuf::from(
            file.to_string_lossy().replace("zh-CN", "*").replace("en.ftl", "*.ftl").replace("/en/", "/*/"),
        );
        let keys = keys(&text);
        assert!(!keys.is_empty(), "{} has no messages", file.display());
        pairs.entry(place).or_default().insert(language.to_owned(), keys);
    }
    assert!(!pairs.is_empty(), "no locales found: the rule would check nothing");
    let mut findings = Vec::new();
    for (place, languages) in &pairs {
        let empty = BTreeSet::new();
        let zh = languages.get("zh-CN").unwrap_or(&empty);
        let en = languages.get("en").unwrap_or(&empty);
        findings.extend(zh.difference(en).map(|k| format!("{}: `{k}` has no English", place.display())));
        findings.extend(en.difference(zh).map(|k| format!("{}: `{k}` has no Chinese", place.display())));
    }
    check(&findings);
}

/// Names of functions in a source that the test harness runs.
fn test_names(text: &str) -> BTreeSet<&str> {
    fn name(line: &str) -> Option<&str> {
        let function = line.strip_prefix("async ").unwrap_or(line).strip_prefix("fn ");
        Some(function?.split_once('(')?.0)
    }
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    let marks = lines.iter().enumerate().filter(|(_, l)| **l == "#[test]" || l.starts_with("#[tokio::test"));
    let mut names: BTreeSet<&str> =
        // A comment may stand between the mark and its function.
        marks.filter_map(|(at, _)| lines[at..].iter().take(4).find_map(|l| name(l))).collect();
    // Properties: functions with strategies inside `proptest!`.
    if text.contains("proptest!") {
        names.extend(lines.iter().filter(|l| l.contains(" in ") || l.ends_with('(')).filter_map(|l| name(l)));
    }
    names
}

/// Rows of a document's tables, without the heads.
fn rows(document: &str) -> Vec<String> {
    let text = repo::text(Path::new(document)).unwrap_or_else(|| panic!("{document} is read"));
    let mut rows = Vec::new();
    for pair in text.lines().collect::<Vec<_>>().windows(2) {
        if pair[0].starts_with('|') && !pair[1].starts_with("|---") && !pair[0].starts_with("|---") {
            rows.push(pair[0].to_owned());
        }
    }
    assert!(rows.len() > 10, "{document}: only {} rows: the rule would check nothing", rows.len());
    rows
}

#[test]
fn every_promise_names_a_test_that_exists() {
    let mut findings = Vec::new();
    for document in ["docs/concepts/fault-model.md", "docs/concepts/threat-model.md"] {
        for row in rows(document) {
            let held: Vec<(&str, &str)> = row
                .split("[`")
                .skip(1)
                .filter_map(|part| part.split_once("`](")?.1.split_once(')').map(|(file, _)| (part, file)))
                .filter_map(|(part, file)| Some((part.split_once('`')?.0, file)))
                .collect();
            if held.is_empty() {
                findings.push(format!("{document}: a row without a test: {row}"));
            }
            for (name, file) in held {
                let target = Path::new("docs/concepts").join(file);
                let code = std::fs::read_to_string(repo::root().join(&target)).unwrap_or_default();
                if !test_names(&code).contains(name) {
                    findings.push(format!("{document}: {} has no test {name}", target.display()));
                }
            }
        }
    }
    check(&findings);
}

/// The server's faults name their tests as the test harness does: `module::tests::name`, or a whole module of tests.
#[test]
fn every_fault_of_the_server_names_a_test_that_exists() {
    let sources: Vec<(PathBuf, String)> = repo::files()
        .into_iter()
        .filter(|f| f.starts_with("server") && f.extension().is_some_and(|e| e == "rs"))
        .filter_map(|f| repo::text(&f).map(|text| (f, text)))
        .collect();
    let mut findings = Vec::new();
    for row in rows("docs/concepts/server-faults.md") {
        let held = row.trim_end_matches(['|', ' ']).rsplit_once("| ").map_or("", |(_, last)| last);
        let names: Vec<&str> = held.split('`').skip(1).step_by(2).filter(|name| *name != "endpoint").collect();
        if names.is_empty() {
            findings.push(format!("a row without a test: {row}"));
        }
        for path in names {
            let name = path.rsplit("::").next().unwrap_or(path);
            let module = format!("server/src/{}.rs", path.replace("::", "/"));
            let exists =
                sources.iter().any(|(file, text)| file == Path::new(&module) || test_names(text).contains(name));
            if !exists {
                findings.push(format!("no test {path}"));
            }
        }
    }
    check(&findings);
}

/// The anchor GitHub gives a heading.
fn anchor(heading: &str) -> String {
    heading
        .trim()
        .chars()
        .filter(|c| c.is_alphanumeric() || *c == ' ' || *c == '-' || *c == '_')
        .map(|c| if c == ' ' { '-' } else { c.to_ascii_lowercase() })
        .collect()
}

#[test]
fn links_in_documents_lead_somewhere() {
    let mut findings = Vec::new();
    for file in repo::files() {
        let Some(text) = repo::text(&file).filter(|_| file.extension().is_some_and(|e| e == "md")) else { continue };
        for piece in text.split("](").skip(1) {
            let link = piece.split([')', ' ']).next().unwrap_or_default();
            if link.is_empty() || link.contains("://") || link.starts_with("mailto:") {
                continue;
            }
            let (path, fragment) = link.split_once('#').unwrap_or((link, ""));
            let target = match path {
                "" => file.clone(),
                _ => file.parent().unwrap_or(Path::new("")).join(path),
            };
            let full = repo::root().join(&target);
            if !full.exists() {
                findings.push(format!("{}: {link} does not exist", file.display()));
            } else if !fragment.is_empty() && target.extension().is_some_and(|e| e == "md") {
                let there = std::fs::read_to_string(&full).unwrap_or_default();
                let found = there
                    .lines()
                    .filter_map(|l| l.strip_prefix('#'))
                    .any(|h| anchor(h.trim_start_matches('#')) == fragment);
                if !found {
                    findings.push(format!("{}: {link}: no such heading", file.display()));
                }
            }
        }
    }
    check(&findings);
}
