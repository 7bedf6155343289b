//! A bundle without readings: what still binds it. Its log, statements, tables and files are tampered with as those of the whole one
//! are; of its report nothing is computed again, and the log's word that it was issued stands in the way.

use protocol::Kind as Of;
use protocol::bundle::Files;

use super::{Change, Class, Kind};
use crate::tampering::corpus::{Corpus, GATEWAYS};

/// Of the kinds that the whole bundle meets: some of every sort.
const CHOSEN: &[&str] = &[
    "tag table: a scale's numerator",
    "lost records: more than were lost",
    "chain start: another cause",
    "key change: to the attacker's key",
    "header: fewer readings",
    "header: another content",
    "header: another tag table",
    "header: UTC moved",
    "signature: one bit",
    "signature: by the attacker's key",
    "record: deleted",
    "record: several days deleted",
    "record: doubled beside itself",
    "record: two of a chain swapped",
    "record: put in quarantine",
    "record: another firm's in its place",
    "record: what was lost no longer said",
    "log: its last days cut off",
    "log: the issue of the report cut off",
    "log: a restore invented that excuses what was before it",
    "leaf: another digest of its content",
    "calendar: a shift ends earlier",
    "cycle_time: longer",
    "cycle_time: left out",
    "cycle_time: withheld",
    "plan: a lower target",
    "baseline_lock: said to suffice",
    "gateway_enrolled: the attacker's key",
    "report_issued: another report",
    "statement: dated back",
    "report: periods/[]/lines/[]/value: altered",
    "report: comparisons/[]/verdict: altered",
    "report: the plan left out",
    "report: another verdict",
    "report: a field nobody knows",
    "report: version: altered",
    "request: a reporting period of other dates",
    "request: without the plan",
    "checkpoint: another root",
    "checkpoint: signed by the attacker under the log's name",
    "cosignature: both removed",
    "manifest: a file left out",
    "file: the report left out",
    "file: the report that is no JSON",
    "file: a content that no leaf names",
    "file: a tag table withheld",
    "document: report.zh-CN.pdf altered",
    "archive: uploaded by half",
];

pub fn kinds(corpus: &Corpus) -> Vec<Kind> {
    let ours = |kind: Kind| Kind { class: Class::Light, name: format!("without readings: {}", kind.name), ..kind };
    let promises = super::report::promises(corpus);
    let (promised, whole): (Vec<String>, _) = (promises.iter().map(|k| k.name.clone()).collect(), super::all(corpus));
    let chosen = whole.into_iter().filter(|kind| CHOSEN.contains(&kind.name.as_str()) || promised.contains(&kind.name));
    let mut all: Vec<Kind> = chosen.map(ours).collect();
    assert_eq!(all.len(), CHOSEN.len() + promised.len(), "a kind that is not there is chosen, or twice");
    // Readings of one day put back: now it is a bundle that lacks the others.
    let leaf = corpus.copy.records(GATEWAYS[0], Of::Batch)[4];
    let digest = corpus.copy.leaf(leaf).content_digest().unwrap();
    let (path, content) = (format!("contents/{digest}"), corpus.copy.contents[&digest].clone());
    for (name, spoiled, refusal) in [
        ("one day's put back", false, ("report", "report.json".to_owned())),
        ("one day's put back, altered", true, ("content", format!("leaf {leaf}: record"))),
    ] {
        let (path, mut content) = (path.clone(), content.clone());
        let middle = content.len() / 2;
        content[middle] ^= u8::from(spoiled);
        let change = move |files: &mut Files| drop(files.insert(path.clone(), content.clone()));
        all.push(ours(Kind::new(Class::Light, name, Change::Files(Box::new(change), refusal))));
    }
    all
}
