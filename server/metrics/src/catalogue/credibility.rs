//! The detectors of matters to verify (待核实事项) as catalogue entries: the same data that runs.

use crate::catalogue::entry::Entry;
use crate::credibility::{Detector, LIST};

impl From<&Detector> for Entry {
    fn from(d: &Detector) -> Self {
        Self {
            id: d.id,
            names: d.names,
            unit: "findings",
            formula: d.rule,
            source: "Gongzheng",
            edge: d.minimum,
            evaluated_by: "credibility::examine",
        }
    }
}

/// One entry per detector.
pub(super) fn all() -> impl Iterator<Item = Entry> {
    LIST.into_iter().map(Entry::from)
}
