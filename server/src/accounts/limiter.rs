//! How often somebody may try to sign in. Pure: time is an argument.
//!
//! Each key (a user name, a peer address) has [`FREE`] attempts; every further failure doubles the wait from one second
//! up to [`WAIT_MAX_MS`]. A success forgets the name and the address. The table is bounded: when it is full, keys whose
//! wait is over make room, and if none can, every unknown key waits one step — an attacker with many addresses slows the
//! form down, and never grows it.

use std::collections::BTreeMap;

/// Failures per key.
#[derive(Debug, Default)]
pub(super) struct Limiter {
    keys: BTreeMap<String, Failures>,
}

#[derive(Debug)]
struct Failures {
    count: u32,
    blocked_until_ms: i64,
    forget_at_ms: i64,
}

impl Limiter {
    /// How long to wait before trying with these keys, ms; 0 is now.
    pub(super) fn wait_ms(&self, keys: &[(&str, &str)], now_ms: i64) -> i64 {
        let known = |&(kind, name): &(&str, &str)| match self.keys.get(&key(kind, name)) {
            Some(failures) => failures.blocked_until_ms.saturating_sub(now_ms).max(0),
            None if self.keys.len() >= KEYS_MAX => self.soonest_ms(now_ms),
            None => 0,
        };
        keys.iter().map(known).max().unwrap_or(0)
    }

    /// Notes a failure under every key.
    pub(super) fn failed(&mut self, keys: &[(&str, &str)], now_ms: i64) {
        if self.keys.len() + keys.len() > KEYS_MAX {
            self.keys.retain(|_, failures| failures.forget_at_ms > now_ms);
        }
        for &(kind, name) in keys {
            let name = key(kind, name);
            if self.keys.len() >= KEYS_MAX && !self.keys.contains_key(&name) {
                continue;
            }
            let failures = self.keys.entry(name).or_insert(Failures { count: 0, blocked_until_ms: 0, forget_at_ms: 0 });
            if failures.forget_at_ms <= now_ms {
                failures.count = 0;
            }
            failures.count = failures.count.saturating_add(1);
            let wait = match failures.count.checked_sub(FREE + 1) {
                None => 0,
                Some(over) => (1000_i64 << over.min(20)).min(WAIT_MAX_MS),
            };
            failures.blocked_until_ms = if wait == 0 { i64::MIN } else { now_ms + wait };
            failures.forget_at_ms = now_ms + wait + FORGET_MS;
        }
    }

    /// Forgets the failures under these keys after a success.
    pub(super) fn forget(&mut self, keys: &[(&str, &str)]) {
        for &(kind, name) in keys {
            self.keys.remove(&key(kind, name));
        }
    }

    /// Wait for an unknown key while the table is full: until the first entry can be forgotten.
    fn soonest_ms(&self, now_ms: i64) -> i64 {
        let soonest = self.keys.values().map(|failures| failures.forget_at_ms).min().unwrap_or(now_ms);
        soonest.saturating_sub(now_ms).clamp(0, 1000)
    }
}

/// Names from outside are cut so that the table stays small.
fn key(kind: &str, name: &str) -> String {
    format!("{kind} {}", name.chars().take(64).collect::<String>())
}

/// Failures without a wait.
const FREE: u32 = 4;
/// Longest wait, ms.
const WAIT_MAX_MS: i64 = 5 * 60_000;
/// Failures are forgotten this long after the wait is over, ms.
const FORGET_MS: i64 = 15 * 60_000;
/// Most keys kept.
const KEYS_MAX: usize = 20_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fifth_failure_waits_and_each_further_one_doubles_the_wait() {
        let mut limiter = Limiter::default();
        let keys = [("name", "li"), ("peer", "10.0.0.1")];
        for _ in 0..FREE {
            limiter.failed(&keys, 0);
            assert_eq!(limiter.wait_ms(&keys, 0), 0);
        }
        for wait in [1000, 2000, 4000, 8000] {
            limiter.failed(&keys, 0);
            assert_eq!(limiter.wait_ms(&keys, 0), wait);
        }
        assert_eq!(limiter.wait_ms(&[("peer", "10.0.0.1")], 0), 8000, "the address alone is held back too");
        assert_eq!(limiter.wait_ms(&[("peer", "10.0.0.2")], 0), 0, "another address is not");
        assert_eq!(limiter.wait_ms(&keys, 8000), 0);
        for _ in 0..40 {
            limiter.failed(&keys, 0);
        }
        assert_eq!(limiter.wait_ms(&keys, 0), WAIT_MAX_MS);
        limiter.forget(&keys);
        assert_eq!(limiter.wait_ms(&keys, 0), 0);
    }

    #[test]
    fn the_table_is_bounded_and_full_means_slow_not_open() {
        let mut limiter = Limiter::default();
        for number in 0..KEYS_MAX + 100 {
            limiter.failed(&[("peer", &number.to_string())], 0);
        }
        assert_eq!(limiter.keys.len(), KEYS_MAX);
        assert_eq!(limiter.wait_ms(&[("peer", "new")], 0), 1000);
        limiter.failed(&[("peer", "new")], FORGET_MS + 1);
        assert_eq!(limiter.keys.len(), 1, "entries whose time is over make room");
    }
}
