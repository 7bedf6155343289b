//! A read that failed once, or a statement that could not be made: it is asked for again, because nothing else would wake a
//! delivery that waits for its own disk.

use super::{Action, Delivery};

/// Between two attempts, milliseconds.
const RETRY_MS: i64 = 1_000;

impl Delivery {
    /// What was asked for last did not come.
    pub(super) fn unread(&mut self, now_ms: i64) {
        self.retry_ms = Some(now_ms.saturating_add(RETRY_MS));
    }

    /// Asks again, when it is time.
    pub(super) fn read_again(&mut self, now_ms: i64, actions: &mut Vec<Action>) {
        if self.retry_ms.is_none_or(|at| now_ms < at) {
            return;
        }
        self.retry_ms = None;
        match &self.check {
            Some(check) => actions.push(Action::Load(check.position)),
            // Whatever is next is loaded anew.
            None => self.loading = None,
        }
    }
}
