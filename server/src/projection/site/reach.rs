//! Which shifts of a machine have rows at a moment: a rule of the log and of "now", not a memory of when somebody looked.
//!
//! A machine's rows reach from its first reading to [`until_ms`]. Whoever looks — the running projection every few seconds, or
//! a rebuild once — applies the same rule, so both have the same rows at the same moment, silent shifts included. What
//! changes between two looks is the difference of two reaches, and only that is evaluated.

use metrics::Interval;

use super::SiteProjector;

/// The moment up to which a machine is evaluated, Unix ms: its newest reading, and silence only once it is one.
///
/// Never falls while `newest_ms` and `now_ms` grow. Silence advances on a grid of wall-clock time, every [`TICK_MS`] at first
/// and every [`OFFLINE_MS`] later, so that looking often costs nothing. A gateway whose clock runs ahead closes no shift
/// before its time.
pub(super) fn until_ms(newest_ms: i64, now_ms: i64) -> i64 {
    let quiet_ms = now_ms.saturating_sub(SILENCE_MS);
    let on = |grid_ms: i64| quiet_ms.saturating_sub(quiet_ms.rem_euclid(grid_ms));
    newest_ms.min(now_ms).max(on(TICK_MS).min(newest_ms.saturating_add(OFFLINE_MS))).max(on(OFFLINE_MS))
}

impl SiteProjector {
    /// Moves every machine's reach on and marks the difference. While older leaves are still being taken in, silence is not
    /// one yet: then it only grows with the readings.
    pub(super) fn advance(&mut self, now_ms: i64, caught_up: bool) {
        let machines: Vec<String> = self.recent.statements().machines().map(str::to_owned).collect();
        for machine in machines {
            let Some(extent) = self.extent(&machine) else { continue };
            let old = self.reached.get(&machine).copied();
            let mut new = Interval::new(extent.from_ms, until_ms(extent.to_ms, now_ms));
            if !caught_up {
                let read_ms = extent.to_ms.min(now_ms);
                new.to_ms = old.map_or(read_ms, |old| old.to_ms.max(read_ms));
            }
            match old {
                None => self.mark(&machine, &[new]),
                Some(old) => {
                    // From a millisecond before: the shift that ends there was not over, or is not any more.
                    let ends = Interval::new(old.to_ms.min(new.to_ms).saturating_sub(1), old.to_ms.max(new.to_ms));
                    let begins = Interval::new(old.from_ms.min(new.from_ms), old.from_ms.max(new.from_ms));
                    let changed = [(old.to_ms != new.to_ms, ends), (old.from_ms != new.from_ms, begins)];
                    for window in changed.into_iter().filter_map(|(changed, window)| changed.then_some(window)) {
                        self.mark(&machine, &[window]);
                    }
                }
            }
            self.reached.insert(machine, new);
        }
    }

    /// After a start, what the rows of the database are known to reach at least: a shift that was open may have been written
    /// at any moment since its start, and rows of silence may have holes if the last step was cut short.
    pub(super) fn reached_before(&mut self) {
        let machines: Vec<String> = self.recent.statements().machines().map(str::to_owned).collect();
        for machine in machines {
            let Some(extent) = self.extent(&machine) else { continue };
            let rows = || self.known.iter().filter(|(shift, _)| shift.machine == machine);
            let open_ms = rows().filter(|(_, standing)| !standing.closed).map(|(shift, _)| shift.from_ms).min();
            let over_ms = rows().map(|(_, standing)| standing.until_ms).max();
            let to_ms = extent.to_ms.min(open_ms.unwrap_or(i64::MAX)).min(over_ms.unwrap_or(extent.from_ms));
            self.reached.insert(machine, Interval::new(extent.from_ms, to_ms));
        }
    }
}

/// Silence younger than this is the way records travel, not a gap.
const SILENCE_MS: i64 = 30_000;
/// Open shifts of a machine that just fell silent grow this often.
const TICK_MS: i64 = 15_000;
/// Those of one silent for longer than this, this often.
const OFFLINE_MS: i64 = 600_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_advances_on_a_grid_and_nothing_ever_goes_back() {
        let newest = 1_000_007;
        let mut before = (i64::MIN, i64::MIN);
        let mut steps = 0;
        for now_ms in (newest - 40_000..newest + 4_000_000).step_by(997) {
            let (one, later) = (until_ms(newest, now_ms), until_ms(newest + 3_001, now_ms));
            assert!(one >= before.0 && later >= before.1 && later >= one, "at {now_ms}");
            assert!(one <= now_ms, "nothing of the future");
            steps += i32::from(one != before.0 && now_ms > newest);
            before = (one, later);
        }
        assert!(steps < 60, "{steps} steps in more than an hour of silence");
        assert_eq!(until_ms(newest, newest + 29_000), newest, "records on their way");
        assert_eq!(until_ms(newest, newest + 3_600_000), 4_200_000);
        assert_eq!(until_ms(newest, newest - 5), newest - 5, "a clock ahead of ours");
    }
}
