//! Every definition of the product as data, whatever evaluates it: what `metrics list`, `metrics explain` and the pages show.
//!
//! Constraints: an id with its version never changes meaning; both languages always; standard and clause, or `Gongzheng` where
//! no standard says it; `evaluated_by` names the one function that computes the value.

use crate::catalogue::{
    ALL, Definition, assessment, batches, carriers, credibility, elements, ledger, makes, metering, shopfloor,
};
use crate::savings;

/// One definition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    /// `name@version`.
    pub id: &'static str,
    /// Chinese and English name.
    pub names: [&'static str; 2],
    /// Unit of the value; `1` for ratios.
    pub unit: &'static str,
    /// Formula.
    pub formula: &'static str,
    /// Standard and clause, or `Gongzheng` for our own.
    pub source: &'static str,
    /// Edge rules, Chinese and English.
    pub edge: [&'static str; 2],
    /// The function that evaluates it.
    pub evaluated_by: &'static str,
}

/// An entry in one line per field.
pub(super) const fn entry(
    id: &'static str,
    names: [&'static str; 2],
    unit: &'static str,
    formula: &'static str,
    source: &'static str,
    edge: [&'static str; 2],
    evaluated_by: &'static str,
) -> Entry {
    Entry { id, names, unit, formula, source, edge, evaluated_by }
}

impl From<&Definition> for Entry {
    fn from(d: &Definition) -> Self {
        Self {
            id: d.id,
            names: [d.zh, d.en],
            unit: d.unit,
            formula: d.formula,
            source: d.source,
            edge: [d.edge_zh, d.edge_en],
            evaluated_by: "catalogue::ALL",
        }
    }
}

impl From<&savings::definitions::Definition> for Entry {
    fn from(d: &savings::definitions::Definition) -> Self {
        let (names, edge) = ([d.zh, d.en], [d.edge_zh, d.edge_en]);
        Self { id: d.id, names, unit: d.unit, formula: d.formula, source: d.source, edge, evaluated_by: d.evaluated_by }
    }
}

/// Every definition: those that reports print first, then elements and ratios of time, energy and carbon, production, the
/// equipment-data checklist, 评测指标, batches, control charts and alarms, meters and bills, before against after, matters to verify.
pub fn entries() -> impl Iterator<Item = Entry> {
    let tables: [&[Entry]; 8] = [
        &elements::ALL,
        &carriers::ALL,
        &makes::ALL,
        &ledger::ALL,
        &assessment::ALL,
        &batches::ALL,
        &shopfloor::ALL,
        &metering::ALL,
    ];
    let rest = tables.into_iter().flatten().copied();
    let all = ALL.iter().map(Entry::from).chain(rest).chain(savings::definitions::ALL.iter().map(Entry::from));
    all.chain(credibility::all())
}

/// The entry with this id.
pub fn explain(id: &str) -> Option<Entry> {
    entries().find(|e| e.id == id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_entry_is_complete_in_both_languages_and_unique() {
        let all: Vec<Entry> = entries().collect();
        for (i, e) in all.iter().enumerate() {
            let version = e.id.split_once('@').and_then(|(_, v)| v.parse::<u32>().ok());
            assert!(version.is_some_and(|v| v > 0), "{}", e.id);
            assert!(all.iter().skip(i + 1).all(|o| o.id != e.id), "{} is there twice", e.id);
            for text in [e.names[0], e.names[1], e.unit, e.formula, e.source, e.edge[0], e.edge[1], e.evaluated_by] {
                assert!(!text.trim().is_empty(), "{}", e.id);
            }
            let chinese = |t: &str| t.chars().any(|c| ('\u{4e00}'..='\u{9fff}').contains(&c));
            assert!(chinese(e.names[0]) && chinese(e.edge[0]), "{}: Chinese", e.id);
            assert!(!chinese(e.edge[1]), "{}: English edge rule", e.id);
            assert_eq!(explain(e.id), Some(*e));
        }
        assert_eq!(explain("oee@0"), None);
    }

    #[test]
    fn what_the_reference_names_is_here() {
        for id in [
            "oee.iso22400@1",
            "oee.tpm_jipm@1",
            "jiadong.time@1",
            "jiadong.time@2",
            "jiadong.perf@1",
            "util.calendar@1",
            "util.power_on@1",
            "line.oee.constraint@1",
            "mtbf.iso22400@1",
            "energy.comprehensive@1",
            "energy.consumption.nbs@1",
            "co2.electricity@1",
            "changeover.time@1",
            "cycle.distribution@1",
            "savings.avoided@1",
            "change.ratio@1",
            "energy.active.instrument@1",
            "bill.difference@1",
        ] {
            assert!(explain(id).is_some(), "{id}");
        }
    }
}
