//! Figures that need what a person stated beside what a machine showed: running time since care, response to a fault, labour
//! efficiency (reference §5 rows 10, 11, 23).
//!
//! Constraints: running time comes from RUN, not from power, so that it does not restart with a controller; unobserved time is
//! given beside it. A fault nobody acted on stays open and is counted as such. Labour hours come from people: grade C at best.

use crate::exact::Rational;
use crate::oee::Undefined;
use crate::production::cycle::quantile;
use crate::state::{MachineState, StateInterval};

/// Milliseconds per hour.
const HOUR_MS: i128 = 3_600_000;

/// Running since an instant.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Since {
    /// Time in RUN, milliseconds.
    pub run_ms: i64,
    /// Time nobody observed, milliseconds: it may have been running.
    pub unknown_ms: i64,
}

/// 保养后运行时长: time in RUN since `done_ms`, up to `until_ms`, UTC milliseconds. Intervals are disjoint.
pub fn since_care(states: &[StateInterval], done_ms: i64, until_ms: i64) -> Since {
    let mut out = Since::default();
    let mut observed: i64 = 0;
    for s in states {
        let length = s.to_ms.min(until_ms).saturating_sub(s.from_ms.max(done_ms)).max(0);
        match s.state {
            MachineState::Unknown => {}
            MachineState::Run => {
                out.run_ms = out.run_ms.saturating_add(length);
                observed = observed.saturating_add(length);
            }
            _ => observed = observed.saturating_add(length),
        }
    }
    out.unknown_ms = until_ms.saturating_sub(done_ms).max(0).saturating_sub(observed).max(0);
    out
}

/// 维修响应: from the start of faults to the first action of a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Response {
    /// Median of the faults acted on, milliseconds; none when there are none.
    pub median_ms: Option<Rational>,
    /// Faults acted on.
    pub answered: u64,
    /// Faults nobody acted on by the end of the window.
    pub open: u64,
}

/// Response to faults given as (start, first action), UTC milliseconds; an action before the start counts as at once.
///
/// # Errors
/// Nothing failed.
pub fn response(faults: &[(i64, Option<i64>)], until_ms: i64) -> Result<Response, Undefined> {
    if faults.is_empty() {
        return Err(Undefined::NoFailure);
    }
    let acted = faults.iter().filter_map(|(from, action)| action.filter(|at| *at <= until_ms).map(|at| (*from, at)));
    let mut took: Vec<i64> = acted.map(|(from, at)| at.saturating_sub(from).max(0)).collect();
    took.sort_unstable();
    let (answered, all) = (took.len() as u64, faults.len() as u64);
    Ok(Response { median_ms: quantile(&took, 1, 2), answered, open: all - answered })
}

/// 生产效率: standard hours of good items over labour hours. `standard_us` is Σ PRI·GQ in microseconds.
///
/// # Errors
/// No labour.
pub fn labour_efficiency(standard_us: i128, labour_ms: i64) -> Result<Rational, Undefined> {
    if labour_ms <= 0 {
        return Err(Undefined::NothingDue);
    }
    let standard = Rational::new(standard_us, HOUR_MS * 1000).ok_or(Undefined::NothingDue)?;
    let labour = Rational::new(labour_ms.into(), HOUR_MS).ok_or(Undefined::NothingDue)?;
    standard.over(labour).ok_or(Undefined::NothingDue)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(from_ms: i64, to_ms: i64, state: MachineState) -> StateInterval {
        StateInterval { from_ms, to_ms, state, held: false }
    }

    #[test]
    fn running_since_care_leaves_out_what_was_before_and_says_what_is_unknown() {
        let states = [
            state(0, 100, MachineState::Run),
            state(100, 150, MachineState::Idle),
            state(150, 200, MachineState::Unknown),
            state(200, 300, MachineState::Run),
        ];
        assert_eq!(since_care(&states, 60, 250), Since { run_ms: 90, unknown_ms: 50 });
        assert_eq!(since_care(&states, 250, 400), Since { run_ms: 50, unknown_ms: 100 }, "nothing is known after 300");
        assert_eq!(since_care(&[], 10, 5), Since::default());
        assert_eq!(since_care(&states, i64::MIN, i64::MAX).run_ms, 200);
    }

    #[test]
    fn a_fault_nobody_acted_on_stays_open() {
        let faults = [(0, Some(30)), (10, Some(20)), (50, None), (60, Some(500)), (70, Some(60))];
        let r = response(&faults, 100).unwrap();
        assert_eq!((r.answered, r.open, r.median_ms.unwrap().digits(0)), (3, 2, "10".to_owned()));
        assert_eq!(response(&[], 100), Err(Undefined::NoFailure));
        assert_eq!(response(&[(5, None)], 100).unwrap().median_ms, None);
    }

    #[test]
    fn standard_hours_over_labour_hours() {
        // 4 000 items of 6 s: 6.667 standard hours by people who were there 8 hours.
        let e = labour_efficiency(4_000 * 6_000_000, 8 * 3_600_000).unwrap();
        assert_eq!(e.digits(6), "0.833333");
        assert_eq!(labour_efficiency(1, 0), Err(Undefined::NothingDue));
        assert_eq!(labour_efficiency(1, -8), Err(Undefined::NothingDue));
    }
}
