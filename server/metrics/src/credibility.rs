//! Matters to verify (待核实事项): cross-checks between signals that give an assessor reasons to trust a record or to ask.
//!
//! Constraints
//! 1. A finding states what two signals say and what to look at on site. It accuses nobody, corrects nothing and moves no
//!    number; an explanation of the factory stands beside it and never removes it ([`explanation`]). The factory sees it first
//!    ([`course`]).
//! 2. Detectors are pure functions over what a stretch of the log says. Each has an id with a version; its parameters are part
//!    of the version and printed with it; how often it speaks on honest simulated plants is measured, stored as data
//!    ([`honest`]) and held by a test.
//! 3. A detector without its documented minimum of data says so: what could not be checked is listed, never silently passed.
//! 4. Findings are sorted and bounded; what was cut off is counted. The same history gives the same bytes.
//! 5. A stretch is cut where any machine's definition, or what one of its tags reads, changes: each piece is examined under
//!    what was in force. A finding's key holds its detector, machine and first instant, so callers examine fixed stretches
//!    (whole weeks of the site) and a key stays the same for ever.
//!
//! [`list`] names the detectors; one file each for a detector or a pair, on the signals that [`scene`] has laid out.

mod chance;
pub mod course;
mod digits;
mod energy;
pub mod explanation;
mod finding;
mod frozen;
mod gaps;
pub mod honest;
mod list;
mod meters;
mod moments;
mod power;
mod rate;
mod repeated;
mod scene;

#[cfg(test)]
mod tests;

use serde::Serialize;

pub use self::finding::{Finding, Named, Need, Quantity, Sample, key};
pub use self::list::{Detector, LIST, Parameter, detector};

use self::list::Run;
use self::scene::{Scene, pieces};
use crate::history::History;
use crate::interval::Interval;
use crate::report::Words;

/// Most findings of one detector on one machine that are listed.
pub const FINDINGS_MAX: usize = 20;
/// Most pieces a stretch is cut into; a record that changes its definitions more often is examined up to here.
pub const PIECES_MAX: usize = 50;

/// A check that was not possible.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Unchecked {
    /// Detector, `name@version`.
    pub detector: &'static str,
    /// Machine, or the meter whose parts would have been compared.
    pub machine: String,
    /// First instant of the piece, UTC milliseconds.
    pub from_ms: i64,
    /// First instant after, UTC milliseconds.
    pub to_ms: i64,
    /// Why not.
    pub reason: Words,
}

/// A check that was made, whatever it found.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Checked {
    /// Detector, `name@version`.
    pub detector: &'static str,
    /// Machine.
    pub machine: String,
    /// First instant of the piece, UTC milliseconds.
    pub from_ms: i64,
    /// First instant after, UTC milliseconds.
    pub to_ms: i64,
    /// Findings, those that are not listed included.
    pub findings: u64,
}

/// What an examination of a stretch of time gave.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Examination {
    /// First instant, UTC milliseconds.
    pub from_ms: i64,
    /// First instant after, UTC milliseconds.
    pub to_ms: i64,
    /// Matters to verify: by time, machine and detector.
    pub findings: Vec<Finding>,
    /// Findings beyond [`FINDINGS_MAX`] of a detector on a machine, and not listed.
    pub left_out: u64,
    /// Time beyond the last piece that was examined, milliseconds.
    pub unexamined_ms: i64,
    /// Checks that were made.
    pub checked: Vec<Checked>,
    /// Checks that were not possible.
    pub unchecked: Vec<Unchecked>,
}

/// Runs every detector over a stretch of time. Take whole weeks, so that keys stay (constraint 5).
pub fn examine(history: &History, window: Interval) -> Examination {
    let mut out = Examination { from_ms: window.from_ms, to_ms: window.to_ms, ..Examination::default() };
    let pieces = pieces(history, window);
    out.unexamined_ms = pieces.iter().skip(PIECES_MAX).map(Interval::length_ms).sum();
    for piece in pieces.into_iter().take(PIECES_MAX) {
        let machines: Vec<String> = history.statements().machines().map(str::to_owned).collect();
        let scenes: Vec<Scene<'_>> = machines.iter().filter_map(|m| Scene::load(history, m, piece)).collect();
        for detector in LIST {
            match detector.run {
                Run::Machine(run) => {
                    for scene in &scenes {
                        out.take(detector, scene.machine(), piece, run(scene));
                    }
                }
                Run::Site(run) => {
                    for (machine, result) in run(&scenes) {
                        out.take(detector, &machine, piece, result);
                    }
                }
            }
        }
    }
    out.findings.sort_by(|a, b| (a.from_ms(), &a.machine, a.detector).cmp(&(b.from_ms(), &b.machine, b.detector)));
    out.checked.sort();
    out.unchecked.sort_by(|a, b| (a.detector, &a.machine, a.from_ms).cmp(&(b.detector, &b.machine, b.from_ms)));
    out
}

impl Examination {
    fn take(&mut self, detector: &Detector, machine: &str, piece: Interval, result: Result<Vec<Finding>, Words>) {
        let (detector, machine) = (detector.id, machine.to_owned());
        let (from_ms, to_ms) = (piece.from_ms, piece.to_ms);
        match result {
            Ok(mut found) => {
                let findings = found.len() as u64;
                found.truncate(FINDINGS_MAX);
                self.left_out += findings - found.len() as u64;
                self.findings.append(&mut found);
                self.checked.push(Checked { detector, machine, from_ms, to_ms, findings });
            }
            Err(reason) => self.unchecked.push(Unchecked { detector, machine, from_ms, to_ms, reason }),
        }
    }
}

/// Text in both languages.
fn both(zh: impl Into<String>, en: impl Into<String>) -> Words {
    Words { zh: zh.into(), en: en.into() }
}

/// The reason "too little of something".
fn too_few(zh: &str, en: &str, have: usize, need: usize) -> Words {
    both(format!("{zh}不足：现有 {have}，至少需要 {need}"), format!("not enough {en}: {have} here, {need} needed"))
}

/// The reason "no such signal".
fn no_signal(zh: &str, en: &str) -> Words {
    both(format!("该设备没有可用的{zh}信号"), format!("the machine has no usable signal of {en}"))
}
