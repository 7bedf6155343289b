//! What is held of an entry bundle that a stranger made.

#[path = "../../../metrics/tests/fixture/mod.rs"]
mod fixture;

use protocol::content::TagConfig;
use protocol::{Batch, Event, Gap, GapCause, GapStart};

use super::*;
use fixture::Log;

fn events(n: usize) -> Content {
    let event = Event { boot_ms: 1, kind: "note".into(), subject: "".into(), value: 0, detail: "x".repeat(900).into() };
    Content::Batch(Batch::from_readings(vec![], vec![], vec![event; n]))
}

fn gaps(n: usize) -> Content {
    let gap =
        Gap { tag: Some(1), from: GapStart { boot: None, boot_ms: 1 }, to_boot_ms: 2, cause: GapCause::DeviceSilent };
    Content::Batch(Batch::from_readings(vec![], vec![gap; n], vec![]))
}

fn tags(n: usize) -> Content {
    let mut configuration = Log::configuration();
    let first = configuration.tags[0].clone();
    let tag =
        |i: usize| TagConfig { id: format!("press/t{i}").parse().unwrap(), unit: "x".repeat(400), ..first.clone() };
    configuration.tags = (0..n).map(tag).collect();
    Content::Configuration(configuration)
}

/// 256 leaves may name one content: it takes few bytes in the bundle, and would be held 256 times.
#[test]
fn little_is_held_of_many_leaves_that_name_one_large_content() {
    for content in [events(400), gaps(3_000), tags(300)] {
        let mut log = Log::new(false);
        while log.size() < 256 {
            log.record(log.end_ms(), &content, None);
        }
        let bytes = log.bundle_as_is(b"{}");
        let source: &dyn protocol::bundle::Source = &bytes.as_slice();
        let bundle = crate::archive::open(source, &Settings::new(None, None), &mut Vec::new()).unwrap();
        let tile = read(&bundle, &Declared::default(), &Keys::default(), &Known::default(), 0).unwrap();
        let kind = content.kind();
        let of_kind = |c: &&Checked| matches!(&c.leaf.body, LeafBody::Record { header, .. } if header.kind == kind);
        let beside: Vec<&Beside> = tile.leaves.iter().filter(of_kind).map(|c| c.beside.as_ref().unwrap()).collect();
        assert!(beside.len() > 240);
        let held: Vec<&Excerpt> = beside.iter().filter_map(|beside| beside.content.as_ref()).collect();
        assert!((5..100).contains(&held.len()), "{kind:?}: {} of {} are held", held.len(), beside.len());
        assert!(beside.iter().all(|beside| beside.is_dropped == beside.content.is_none()));
        // What was let go is there again when it is its turn.
        let last = tile.leaves.last().unwrap();
        let again = Excerpt::read(kind, &content.encode().unwrap(), &|_| true);
        assert_eq!(read_again(&bundle, &last.leaf), Ok(again.ok()));
        // And an honest log is none the worse for it.
        let found = crate::verify_source(source, &Settings::new(None, None));
        let is_refused = |f: &Finding| f.code == "chain" && f.severity == crate::Severity::Refused;
        assert!(!found.findings.iter().any(is_refused), "{:?}", found.findings);
    }
}
