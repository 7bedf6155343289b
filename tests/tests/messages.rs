//! `docs/reference/messages.md` says what people read when something is wrong. Here it is held to its word: every test it names
//! exists and speaks of the sentence, and every sentence is one that a program can print.

use std::collections::BTreeSet;
use std::path::Path;

use tests::repo;

const DOCUMENT: &str = "docs/reference/messages.md";
/// Cases of bad input that must each have a row.
const CASES: usize = 20;
/// Pieces of a sentence between two values that are shorter than this prove nothing.
const PIECE_CHARS_MIN: usize = 4;

/// The part of a source file that is in the program, and the part that tests it.
fn halves(file: &Path, text: &str) -> (String, String) {
    let is_test = file.components().any(|part| part.as_os_str() == "tests") || file.ends_with("tests.rs");
    match text.split_once("\nmod tests {").or_else(|| text.split_once("\npub(crate) mod tests {")) {
        _ if is_test => (String::new(), text.to_owned()),
        Some((program, tests)) => (program.to_owned(), tests.to_owned()),
        None => (text.to_owned(), String::new()),
    }
}

/// What stands between the values of a sentence: `…` here, `{name}` in sources, `{ $name }` in locales.
fn pieces(sentence: &str) -> Vec<String> {
    let all = sentence.split('…').map(|piece| piece.trim().to_owned());
    all.filter(|piece| piece.chars().count() >= PIECE_CHARS_MIN).collect()
}

#[test]
fn every_message_of_the_index_is_printed_by_a_program_and_held_by_a_test() {
    let document = repo::text(Path::new(DOCUMENT)).expect("the index is there");
    let mut printed = String::new();
    for file in repo::files() {
        let program = matches!(file.components().next(), Some(first) if ["agent", "server"].iter().any(|f| first.as_os_str() == *f));
        let kind = file.extension().and_then(|kind| kind.to_str()).unwrap_or_default();
        if program && matches!(kind, "rs" | "ftl") {
            printed.push_str(&halves(&file, &repo::text(&file).unwrap_or_default()).0);
        }
    }
    let mut findings = Vec::new();
    let mut cases = BTreeSet::new();
    for row in document.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| case")) {
        let cells: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
        let [case, _, zh, en, tests] = cells[..] else {
            findings.push(format!("not five cells: {row}"));
            continue;
        };
        cases.extend(case.split(' ').next().and_then(|number| number.parse::<usize>().ok()));
        let mut tested = String::new();
        for link in tests.split("[`").skip(1) {
            let Some((name, path)) =
                link.split_once("`](").and_then(|(name, rest)| Some((name, rest.split_once(')')?.0)))
            else {
                findings.push(format!("{case}: not a link: {link}"));
                continue;
            };
            let file = Path::new("docs/reference").join(path);
            let text = std::fs::read_to_string(repo::root().join(&file)).unwrap_or_default();
            if !text.contains(&format!("fn {name}(")) {
                findings.push(format!("{case}: {path} has no test {name}"));
            }
            tested.push_str(&halves(Path::new(path), &text).1);
        }
        for sentence in [zh, en] {
            let pieces = pieces(sentence);
            if pieces.is_empty() {
                findings.push(format!("{case}: nothing to compare in {sentence:?}"));
            }
            for piece in pieces.iter().filter(|piece| !printed.contains(piece.as_str())) {
                findings.push(format!("{case}: no program prints {piece:?}"));
            }
            if !pieces.iter().any(|piece| tested.contains(piece.as_str())) {
                findings.push(format!("{case}: no test named in its row asserts {sentence:?}"));
            }
        }
    }
    let missing: Vec<usize> = (1..=CASES).filter(|case| !cases.contains(case)).collect();
    assert!(missing.is_empty(), "cases without a row: {missing:?}");
    assert!(findings.is_empty(), "{} findings:\n  {}", findings.len(), findings.join("\n  "));
}
