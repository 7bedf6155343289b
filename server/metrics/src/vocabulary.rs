//! State vocabularies of machines as data: PackML, MTConnect, OPC UA Machinery, EUROMAP 77/83, lamps, plain codes
//! (reference §6).
//!
//! Constraints
//! 1. Numbers are never assumed: a table belongs to one numbering and has an id with a version; the same words under another
//!    numbering are another table.
//! 2. The first row whose conditions all hold decides. A condition on a signal nobody reads does not hold. No row: unknown,
//!    never the last state.
//! 3. What a table cannot know (a warning that does not stop the machine) is decided by [`prevailing`], once, for all.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::Deserialize;

use crate::model::Names;
use crate::state::MachineState;

/// A table from a vocabulary to the canonical states.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Vocabulary {
    /// `name@version`.
    pub id: String,
    /// Names.
    pub names: Names,
    /// Document the values come from.
    pub source: String,
    /// Signals a row may look at; the first is the state itself.
    pub signals: Vec<String>,
    /// Rows, first match wins.
    pub rows: Vec<Row>,
}

/// One row.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Row {
    /// What the standard calls it.
    pub name: String,
    /// Values each signal must show; every one must.
    pub when: BTreeMap<String, Vec<String>>,
    /// What it is.
    pub state: MachineState,
    /// Runs without making product: start-up, dry run.
    #[serde(default)]
    pub non_product: bool,
    /// Finer word, e.g. `sleep`.
    #[serde(default)]
    pub detail: Option<String>,
}

/// Why a table is not one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("state table: {0}")]
pub struct VocabularyError(String);

const SIZE_MAX: usize = 256 * 1024;

impl Vocabulary {
    /// Reads a table.
    ///
    /// # Errors
    /// Another shape, a row that looks at a signal the table does not name, at none, or that an earlier row always hides.
    pub fn parse(json: &str) -> Result<Self, VocabularyError> {
        let bad = |reason: String| VocabularyError(reason);
        if json.len() > SIZE_MAX {
            return Err(bad(format!("at most {SIZE_MAX} bytes")));
        }
        let table: Self = serde_json::from_str(json).map_err(|e| bad(e.to_string()))?;
        for (i, row) in table.rows.iter().enumerate() {
            let known = row.when.keys().all(|s| table.signals.contains(s));
            if !known || row.when.is_empty() || row.when.values().any(Vec::is_empty) {
                return Err(bad(format!("row `{}` must look at named signals only, with values", row.name)));
            }
            let hides = |earlier: &Row| {
                earlier.when.iter().all(|(signal, values)| {
                    row.when.get(signal).is_some_and(|mine| mine.iter().all(|v| values.contains(v)))
                })
            };
            if let Some(earlier) = table.rows.iter().take(i).find(|r| hides(r)) {
                return Err(bad(format!("row `{}` is always hidden by `{}`", row.name, earlier.name)));
            }
        }
        Ok(table)
    }

    /// The row that decides; `None` is unknown.
    pub fn resolve(&self, observed: &BTreeMap<&str, &str>) -> Option<&Row> {
        let holds = |(signal, values): (&String, &Vec<String>)| {
            observed.get(signal.as_str()).is_some_and(|shown| values.iter().any(|v| v == shown))
        };
        self.rows.iter().find(|row| row.when.iter().all(holds))
    }

    /// The state; unknown when no row decides.
    pub fn state(&self, observed: &BTreeMap<&str, &str>) -> MachineState {
        self.resolve(observed).map_or(MachineState::Unknown, |r| r.state)
    }

    /// The codes of a machine that shows only the first signal: what a `codes` rule of a declaration holds.
    pub fn codes(&self) -> BTreeMap<String, MachineState> {
        let Some(signal) = self.signals.first() else { return BTreeMap::new() };
        let mut out = BTreeMap::new();
        for row in self.rows.iter().filter(|r| r.when.len() == 1) {
            for value in row.when.get(signal).into_iter().flatten() {
                out.entry(value.clone()).or_insert(row.state);
            }
        }
        out
    }
}

/// The tables delivered with the program.
pub const DELIVERED: [&str; 11] = [
    include_str!("../data/states/packml-tmc-1.json"),
    include_str!("../data/states/packml-packtags-1.json"),
    include_str!("../data/states/mtconnect-execution-1.json"),
    include_str!("../data/states/opcua-machinery-1.json"),
    include_str!("../data/states/opcua-machinetool-1.json"),
    include_str!("../data/states/opcua-cnc-1.json"),
    include_str!("../data/states/euromap-77-1.json"),
    include_str!("../data/states/euromap-83-1.json"),
    include_str!("../data/states/lamps-1.json"),
    include_str!("../data/states/canonical-1.json"),
    include_str!("../data/states/contacts-1.json"),
];

/// The delivered table with this id.
pub fn delivered(id: &str) -> Option<Vocabulary> {
    DELIVERED.iter().filter_map(|json| Vocabulary::parse(json).ok()).find(|t| t.id == id)
}

/// What the state signal alone tells by each delivered table; read once.
static BY_ONE_SIGNAL: LazyLock<BTreeMap<String, BTreeMap<String, MachineState>>> = LazyLock::new(|| {
    let tables = DELIVERED.iter().filter_map(|json| Vocabulary::parse(json).ok());
    tables.map(|t| (t.id.clone(), t.codes())).filter(|(_, codes)| !codes.is_empty()).collect()
});

/// The codes of a delivered table, by the state signal alone; `None` when there is no such table.
pub fn codes_of(id: &str) -> Option<&'static BTreeMap<String, MachineState>> {
    BY_ONE_SIGNAL.get(id)
}

/// Ids of the delivered tables that tell something by the state signal alone.
pub fn by_one_signal() -> impl Iterator<Item = &'static str> {
    BY_ONE_SIGNAL.keys().map(String::as_str)
}

/// Which of several signals' states prevails: unknown before maintenance, fault, setup, running, waiting, idle, off — except
/// that running with the part counter counting is not a fault but a warning.
pub fn prevailing(states: &[MachineState], is_counting: bool) -> MachineState {
    use MachineState::{Fault, Idle, Maint, Off, Run, Setup, Unknown, Wait};
    let warning = is_counting && states.contains(&Run);
    let order = [Unknown, Maint, Fault, Setup, Run, Wait, Idle, Off];
    let found = order.into_iter().filter(|s| !(warning && *s == Fault)).find(|s| states.contains(s));
    found.unwrap_or(Unknown)
}

/// A change of state must last this long to count, milliseconds, unless a declaration says otherwise.
pub const DEBOUNCE_MS: i64 = 2_000;

/// Leaves out states that do not last: a change that is taken back within `debounce_ms` never happened. Samples are in order
/// of time; a change that lasts is dated where it began.
pub fn debounce(samples: &[(i64, MachineState)], debounce_ms: i64) -> Vec<(i64, MachineState)> {
    let mut out: Vec<(i64, MachineState)> = Vec::with_capacity(samples.len());
    let mut settled: Option<MachineState> = None;
    for (i, (ms, seen)) in samples.iter().enumerate() {
        let state = match settled {
            None | Some(MachineState::Unknown) => *seen,
            Some(was) if was == *seen || *seen == MachineState::Unknown => *seen,
            Some(was) => {
                // How long it lasts from here: until the next different sample.
                let until = samples.iter().skip(i + 1).find(|s| s.1 != *seen).map_or(i64::MAX, |s| s.0);
                if until.saturating_sub(*ms) >= debounce_ms { *seen } else { was }
            }
        };
        settled = Some(state);
        out.push((*ms, state));
    }
    out
}

#[cfg(test)]
mod tests;
