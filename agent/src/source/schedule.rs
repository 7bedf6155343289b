//! When a group of tags is due. Pure.
//!
//! Constraints: the n-th poll is due at `start + n × interval`, whatever the polls before it took — errors never add up to a drift;
//! a poll that is late runs once, and the ticks it swallowed are counted, never made up for in a burst (a device that was slow would
//! be hit by all of them at once).

/// A failed poll is made again after this long at the latest.
pub const RETRY_MS: i64 = 60_000;

/// The ticks of one group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedule {
    interval_ms: i64,
    due_ms: i64,
    /// A poll out of turn, before the next tick.
    retry_ms: Option<i64>,
    missed_total: u64,
}

impl Schedule {
    /// First due at `start_ms`, then every `interval_ms` (at least 1).
    pub fn new(start_ms: i64, interval_ms: i64) -> Self {
        Self { interval_ms: interval_ms.max(1), due_ms: start_ms, retry_ms: None, missed_total: 0 }
    }

    /// When the next poll is due.
    pub fn due_ms(&self) -> i64 {
        self.retry_ms.map_or(self.due_ms, |retry| retry.min(self.due_ms))
    }

    /// Whether it is due at `now_ms`.
    pub fn is_due(&self, now_ms: i64) -> bool {
        now_ms >= self.due_ms()
    }

    /// A poll failed at `now_ms`: one that is made once a day is tried again after [`RETRY_MS`], not tomorrow.
    pub fn failed(&mut self, now_ms: i64) {
        self.retry_ms = (self.interval_ms > RETRY_MS).then(|| now_ms.saturating_add(RETRY_MS));
    }

    /// The distance of two ticks.
    pub fn interval_ms(&self) -> i64 {
        self.interval_ms
    }

    /// Takes the tick that is due at `now_ms` and moves on to the first one after `now_ms`. Returns how many ticks were swallowed.
    pub fn take(&mut self, now_ms: i64) -> u64 {
        self.retry_ms = None;
        if now_ms < self.due_ms {
            return 0;
        }
        let behind = now_ms.saturating_sub(self.due_ms).max(0) / self.interval_ms;
        self.due_ms = self.due_ms.saturating_add((behind + 1).saturating_mul(self.interval_ms));
        let missed = u64::try_from(behind).unwrap_or(0);
        self.missed_total += missed;
        missed
    }

    /// Ticks swallowed since the start.
    pub fn missed_total(&self) -> u64 {
        self.missed_total
    }
}

/// Waiting longer after each failure, up to a limit. Pure: the caller adds the times to its clock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Backoff {
    first_ms: i64,
    limit_ms: i64,
    next_ms: i64,
}

impl Backoff {
    /// Waits `first_ms` after the first failure, twice as long after each further one, never above `limit_ms`.
    pub fn new(first_ms: i64, limit_ms: i64) -> Self {
        let first_ms = first_ms.max(1);
        Self { first_ms, limit_ms: limit_ms.max(first_ms), next_ms: first_ms }
    }

    /// How long to wait after another failure.
    pub fn failed(&mut self) -> i64 {
        let wait = self.next_ms;
        self.next_ms = self.next_ms.saturating_mul(2).min(self.limit_ms);
        wait
    }

    /// It worked: start again from the shortest wait.
    pub fn worked(&mut self) {
        self.next_ms = self.first_ms;
    }
}

/// Keeps a dead slave from eating the bus time of the living ones: after [`Breaker::FAILURES_MAX`] failures in a row it is asked
/// only now and then, until it answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Breaker {
    failures: u32,
    retry_ms: i64,
    backoff: Backoff,
}

impl Breaker {
    /// Failures in a row after which a slave is no longer asked at every tick.
    pub const FAILURES_MAX: u32 = 2;

    /// A closed breaker. When it opens, the slave is asked after `first_ms`, then more rarely, at least every `limit_ms`.
    pub fn new(first_ms: i64, limit_ms: i64) -> Self {
        Self { failures: 0, retry_ms: i64::MIN, backoff: Backoff::new(first_ms, limit_ms) }
    }

    /// Whether the slave may be asked now.
    pub fn allows(&self, now_ms: i64) -> bool {
        self.failures < Self::FAILURES_MAX || now_ms >= self.retry_ms
    }

    /// Whether it is being asked more rarely than scheduled.
    pub fn is_open(&self) -> bool {
        self.failures >= Self::FAILURES_MAX
    }

    /// The slave did not answer. Several failures of one poll are one failure of an open breaker.
    pub fn failed(&mut self, now_ms: i64) {
        if !self.allows(now_ms) {
            return;
        }
        self.failures = self.failures.saturating_add(1);
        if self.is_open() {
            self.retry_ms = now_ms.saturating_add(self.backoff.failed());
        }
    }

    /// The slave answered (a refusal is an answer).
    pub fn worked(&mut self) {
        self.failures = 0;
        self.backoff.worked();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_slow_poll_swallows_ticks_and_never_shifts_the_rest() {
        let mut s = Schedule::new(1_000, 500);
        assert!(s.is_due(1_000) && !s.is_due(999));
        assert_eq!(s.take(1_004), 0);
        assert_eq!(s.due_ms(), 1_500);
        assert_eq!(s.take(2_700), 2, "ticks at 2,000 and 2,500 were swallowed");
        assert_eq!((s.due_ms(), s.missed_total()), (3_000, 2));
    }

    #[test]
    fn a_daily_poll_that_failed_is_made_again_soon_and_the_day_stays_where_it_was() {
        let day = 86_400_000;
        let mut s = Schedule::new(0, day);
        s.take(0);
        s.failed(1_000);
        assert_eq!(s.due_ms(), 1_000 + RETRY_MS);
        assert_eq!(s.take(61_500), 0);
        assert_eq!((s.due_ms(), s.missed_total()), (day, 0));
        s.failed(day - 1);
        assert_eq!(s.due_ms(), day, "the tick comes before the retry");
        let mut second = Schedule::new(0, 1_000);
        second.take(0);
        second.failed(10);
        assert_eq!(second.due_ms(), 1_000, "what is polled every second needs no retry");
    }

    #[test]
    fn waiting_doubles_up_to_the_limit_and_starts_over() {
        let mut b = Backoff::new(250, 1_000);
        assert_eq!([b.failed(), b.failed(), b.failed(), b.failed()], [250, 500, 1_000, 1_000]);
        b.worked();
        assert_eq!(b.failed(), 250);
    }

    #[test]
    fn the_breaker_opens_after_two_failures_and_closes_with_the_first_answer() {
        let mut b = Breaker::new(1_000, 4_000);
        b.failed(0);
        assert!(b.allows(1) && !b.is_open());
        b.failed(10);
        assert!(!b.allows(1_009) && b.allows(1_010));
        b.failed(1_010);
        b.failed(1_020);
        assert!(!b.allows(3_009) && b.allows(3_010), "the other requests of a failed poll do not make the wait longer");
        b.worked();
        assert!(b.allows(3_011) && !b.is_open());
    }

    proptest! {
        #[test]
        fn ticks_stay_on_the_grid_and_are_all_accounted_for(
            start in -1_000i64..1_000_000, interval in 1i64..100_000, steps in prop::collection::vec(0i64..500_000, 1..50)
        ) {
            let mut s = Schedule::new(start, interval);
            let (mut now, mut taken) = (start, 0u64);
            for step in steps {
                now += step;
                if s.is_due(now) {
                    s.take(now);
                    taken += 1;
                }
                prop_assert_eq!((s.due_ms() - start) % interval, 0);
                prop_assert!(s.due_ms() > now);
                prop_assert_eq!((s.due_ms() - start) / interval, i64::try_from(taken + s.missed_total()).unwrap());
            }
        }
    }
}
