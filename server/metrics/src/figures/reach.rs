//! Time outside its dates that a machine's figures depend on.
//!
//! Constraints
//! 1. Whoever keeps only the records a question needs must keep these too, or limits would be made from half a base period and a batch
//!    would begin where the records do.
//! 2. Control limits need their whole base period; a batch its beginning; the time before it the end of the one before, at most
//!    [`LOOK_BACK_MS`] back; a batch that only a signal names may have begun as long before.

use crate::batch::results::LOOK_BACK_MS;
use crate::history::History;
use crate::interval::{Interval, union};

/// The windows, and the other stretches that figures of this machine over them depend on; sorted, apart from each other. Only
/// statements are looked at, so that a history without readings answers.
pub fn reach(history: &History, machine: &str, windows: &[Interval]) -> Vec<Interval> {
    let statements = history.statements();
    let mut out = windows.to_vec();
    for (_, characteristic) in statements.characteristics().filter(|(m, _)| *m == machine) {
        let all = statements.specification_definitions(machine, characteristic);
        for w in windows {
            let at_begin = statements.specification_at(machine, characteristic, w.from_ms);
            let inside = all.iter().filter(|s| w.contains(s.effective_from));
            out.extend(at_begin.into_iter().chain(inside).filter_map(|s| s.body.base).map(|b| b.interval()));
        }
    }
    let mut spans: Vec<Interval> = statements.batches(machine).map(|b| b.body.span()).collect();
    spans.sort();
    let names_batches = statements.machine_definitions(machine).iter().any(|m| m.body.signals.batch.is_some());
    for w in windows {
        let back_ms = w.from_ms.saturating_sub(LOOK_BACK_MS);
        if names_batches {
            out.push(Interval::new(back_ms, w.to_ms));
        }
        let touches = |s: &&Interval| s.from_ms < w.to_ms && w.from_ms < s.to_ms;
        out.extend(spans.iter().filter(touches));
        let before = spans.iter().map(|s| s.to_ms).filter(|to_ms| *to_ms <= w.from_ms).max();
        out.extend(before.map(|to_ms| Interval::new(to_ms.max(back_ms), w.from_ms)));
    }
    union(out)
}
