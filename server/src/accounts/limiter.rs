//! How often somebody may try to sign in. Pure: time is an argument.
//!
//! An attempt counts when it is admitted, before the password is looked at, so that a burst of parallel attempts gets no
//! further than one after the other. A success takes its count back.
//!
//! - Per user name *and* address: [`FREE`] attempts; from the next one on each must wait, first one second, then twice as
//!   long each time, up to [`WAIT_MAX_MS`]. Nobody can lock another person out from another address.
//! - Per address over all names: [`PEER_BURST`] failures at once, and one more every [`PEER_EVERY_MS`]. Behind a reverse
//!   proxy everybody has one address: this only bounds what guessing at many names costs, and never holds people back
//!   for minutes.
//!
//! The tables are bounded: when one is full, entries whose time is over make room, and if none can, whoever is not in it
//! waits a second — an attacker with many addresses slows the form down, and never grows it.

use std::collections::BTreeMap;

/// Attempts that may be failures.
#[derive(Debug, Default)]
pub(super) struct Limiter {
    pairs: BTreeMap<(String, String), Attempts>,
    /// Per address: when all its attempts will have been paid for, one per [`PEER_EVERY_MS`].
    peers: BTreeMap<String, i64>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Attempts {
    count: u32,
    next_ms: i64,
    forget_at_ms: i64,
}

impl Limiter {
    /// Counts an attempt as failed for the time being — or says how long to wait, ms.
    pub(super) fn admit(&mut self, name: &str, peer: &str, now_ms: i64) -> Result<(), i64> {
        if self.pairs.len() >= KEYS_MAX {
            self.pairs.retain(|_, attempts| attempts.forget_at_ms > now_ms);
        }
        if self.peers.len() >= KEYS_MAX {
            self.peers.retain(|_, paid_ms| *paid_ms > now_ms);
        }
        let (pair, peer) = ((cut(name), cut(peer)), cut(peer));
        let full = self.pairs.len() >= KEYS_MAX && !self.pairs.contains_key(&pair);
        if full || (self.peers.len() >= KEYS_MAX && !self.peers.contains_key(&peer)) {
            return Err(FULL_WAIT_MS);
        }
        let mut attempts = self.pairs.get(&pair).copied().unwrap_or_default();
        // After the clock was set back a wait may seem to last for ever: it never lasts longer than the longest.
        let is_over = attempts.forget_at_ms <= now_ms || attempts.next_ms.saturating_sub(now_ms) > WAIT_MAX_MS;
        if is_over {
            attempts = Attempts::default();
        }
        let ahead = now_ms..=now_ms.saturating_add(PEER_BURST * PEER_EVERY_MS);
        let paid_ms = self.peers.get(&peer).copied().filter(|paid_ms| ahead.contains(paid_ms)).unwrap_or(now_ms);
        let paid_ms = paid_ms.saturating_add(PEER_EVERY_MS);
        let wait_ms = if attempts.count > FREE { attempts.next_ms.saturating_sub(now_ms) } else { 0 };
        let wait_ms = wait_ms.max(paid_ms.saturating_sub(now_ms) - PEER_BURST * PEER_EVERY_MS);
        if wait_ms > 0 {
            return Err(wait_ms);
        }
        attempts.count = attempts.count.saturating_add(1);
        let wait_ms = match attempts.count.checked_sub(FREE + 1) {
            None => 0,
            Some(over) => (1000_i64 << over.min(20)).min(WAIT_MAX_MS),
        };
        attempts.next_ms = now_ms.saturating_add(wait_ms);
        attempts.forget_at_ms = attempts.next_ms.saturating_add(FORGET_MS);
        self.pairs.insert(pair, attempts);
        self.peers.insert(peer, paid_ms);
        Ok(())
    }

    /// The attempt was right: what it counted, and the failures before it, no longer count.
    pub(super) fn succeeded(&mut self, name: &str, peer: &str) {
        self.pairs.remove(&(cut(name), cut(peer)));
        if let Some(paid_ms) = self.peers.get_mut(&cut(peer)) {
            *paid_ms = paid_ms.saturating_sub(PEER_EVERY_MS);
        }
    }
}

/// Names from outside are cut so that the tables stay small.
fn cut(name: &str) -> String {
    name.chars().take(64).collect()
}

/// Attempts per name and address without a wait.
const FREE: u32 = 4;
/// Longest wait, ms.
const WAIT_MAX_MS: i64 = 5 * 60_000;
/// Failures are forgotten this long after the wait is over, ms.
const FORGET_MS: i64 = 15 * 60_000;
/// Failures of one address at once…
const PEER_BURST: i64 = 120;
/// …and one more in this time, ms.
const PEER_EVERY_MS: i64 = 500;
/// Most keys kept in each table.
const KEYS_MAX: usize = 20_000;
/// Wait of whoever is not in a full table, ms.
const FULL_WAIT_MS: i64 = 1000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fifth_failure_waits_and_each_further_one_doubles_the_wait() {
        let mut limiter = Limiter::default();
        for _ in 0..=FREE {
            assert_eq!(limiter.admit("li", "10.0.0.1", 0), Ok(()));
        }
        let mut now_ms = 0;
        for wait in [1000, 2000, 4000, 8000] {
            assert_eq!(limiter.admit("li", "10.0.0.1", now_ms), Err(wait));
            assert_eq!(limiter.admit("li", "10.0.0.1", now_ms + wait - 1), Err(1), "asking does not count");
            now_ms += wait;
            assert_eq!(limiter.admit("li", "10.0.0.1", now_ms), Ok(()));
        }
        assert_eq!(limiter.admit("li", "10.0.0.2", now_ms), Ok(()), "the same person elsewhere is not held back");
        assert_eq!(limiter.admit("wang", "10.0.0.1", now_ms), Ok(()), "nor another person behind the same proxy");
        for _ in 0..12 {
            now_ms += WAIT_MAX_MS;
            assert_eq!(limiter.admit("li", "10.0.0.1", now_ms), Ok(()));
        }
        assert_eq!(limiter.admit("li", "10.0.0.1", now_ms), Err(WAIT_MAX_MS));
        assert_eq!(limiter.admit("li", "10.0.0.1", now_ms - 86_400_000), Ok(()), "a clock set back locks nobody out");
        limiter.succeeded("li", "10.0.0.1");
        assert_eq!(limiter.admit("li", "10.0.0.1", now_ms), Ok(()));
    }

    #[test]
    fn a_burst_gets_no_further_than_one_attempt_after_the_other() {
        let mut limiter = Limiter::default();
        let admitted = (0..1000).filter(|_| limiter.admit("li", "10.0.0.1", 0).is_ok()).count();
        assert_eq!(admitted, FREE as usize + 1);
    }

    #[test]
    fn one_address_guesses_at_many_names_only_at_a_bounded_rate() {
        let mut limiter = Limiter::default();
        let mut tried = 0;
        let mut guess = |limiter: &mut Limiter, now_ms| {
            tried += 1;
            limiter.admit(&format!("name-{tried}"), "10.0.0.1", now_ms)
        };
        for _ in 0..PEER_BURST {
            assert_eq!(guess(&mut limiter, 0), Ok(()));
        }
        assert_eq!(guess(&mut limiter, 0), Err(PEER_EVERY_MS));
        assert_eq!(limiter.admit("li", "10.0.0.2", 0), Ok(()), "another address is not held back");
        assert_eq!(guess(&mut limiter, PEER_EVERY_MS), Ok(()));
        assert_eq!(guess(&mut limiter, PEER_EVERY_MS), Err(PEER_EVERY_MS), "half a second is the longest wait here");
        // Who knows the password does not use the address up.
        for _ in 0..10 * PEER_BURST {
            assert_eq!(limiter.admit("li", "10.0.0.3", 0), Ok(()));
            limiter.succeeded("li", "10.0.0.3");
        }
    }

    #[test]
    fn the_tables_are_bounded_and_full_means_slow_not_open() {
        let mut limiter = Limiter::default();
        for number in 0..KEYS_MAX + 100 {
            let _ = limiter.admit("li", &number.to_string(), 0);
        }
        assert_eq!((limiter.pairs.len(), limiter.peers.len()), (KEYS_MAX, KEYS_MAX));
        assert_eq!(limiter.admit("li", "new", 0), Err(FULL_WAIT_MS));
        assert_eq!(limiter.admit("li", "new", FORGET_MS + 1), Ok(()));
        assert_eq!((limiter.pairs.len(), limiter.peers.len()), (1, 1), "entries whose time is over make room");
    }
}
