//! What a receipt means: what it frees, and what it says about a chain that is not ours.

use super::*;

impl Delivery {
    pub(super) fn receipt(&mut self, receipt: Receipt, message: Vec<u8>, now_ms: i64, actions: &mut Vec<Action>) {
        let newer = receipt.log_epoch > self.log_epoch || receipt.server_ms > self.newest_server_ms;
        if self.contest.is_some() {
            return self.contest_receipt(&receipt, newer, now_ms, actions);
        }
        let end = match &receipt.through {
            None => 0,
            Some((chain, sequence, _)) => match self.place(*chain, *sequence) {
                Place::At(position) => position + 1,
                Place::Whole(end) => end,
                Place::Foreign => {
                    let old = receipt.through.unwrap_or((*chain, *sequence, Digest::ZERO));
                    self.high_water(&receipt, now_ms);
                    if newer && self.newest_chain_is_known_to_server() {
                        self.contest(old, now_ms, actions);
                    } else if newer {
                        self.foreign = Some(old);
                    } else {
                        actions.push(Action::Tell(Notice::Foreign));
                    }
                    return;
                }
            },
        };
        let end = end.max(self.given_up_end);
        if end < self.receipted_end {
            if newer {
                // It says less, later: restored from an older copy.
                actions.push(Action::Tell(Notice::ServerRestored(self.receipted_end - end)));
                actions.push(Action::Withdraw(end));
                self.receipted_end = end;
                self.receipted_digest = receipt.through.map(|(_, _, digest)| (end, digest));
                self.rewind();
                self.high_water(&receipt, now_ms);
            }
            return;
        }
        let Some((_, _, digest)) = receipt.through else {
            self.high_water(&receipt, now_ms);
            return;
        };
        if end == self.receipted_end {
            // Nothing new to free; a repeated receipt may carry a newer checkpoint.
            self.high_water(&receipt, now_ms);
            self.advance(receipt, message, end, actions);
            return;
        }
        let sent = self.in_flight.iter().find(|sent| sent.end == end).cloned();
        match sent {
            Some(sent) if sent.digest == digest || sent.alias == Some(digest) => {
                self.anchor(&receipt, &sent, now_ms, actions);
                self.high_water(&receipt, now_ms);
                self.advance(receipt, message, end, actions);
            }
            Some(sent) => self.settle_or_fork(receipt, message, &sent, now_ms, actions),
            None => {
                // Not in the window (after a restart): compare with the record on disk first.
                self.loading = None;
                self.check = Some(Check { receipt, message, position: end - 1 });
                actions.push(Action::Load(end - 1));
            }
        }
    }

    pub(super) fn settle_or_fork(
        &mut self,
        receipt: Receipt,
        message: Vec<u8>,
        ours: &InFlight,
        now_ms: i64,
        actions: &mut Vec<Action>,
    ) {
        let Some((chain, sequence, digest)) = receipt.through else { return };
        self.high_water(&receipt, now_ms);
        // In a span that ended, the server may hold more than we recovered; then our last one is covered without comparison.
        let beyond = ours.chain != chain || ours.last_sequence < sequence;
        if beyond || ours.digest == digest || ours.alias == Some(digest) {
            self.advance(receipt, message, ours.end, actions);
        } else {
            actions.push(Action::Tell(Notice::Foreign));
            self.contest((chain, sequence, digest), now_ms, actions);
        }
    }

    /// Notes what the server said and lets sending begin.
    pub(super) fn high_water(&mut self, receipt: &Receipt, now_ms: i64) {
        self.newest_server_ms = self.newest_server_ms.max(receipt.server_ms);
        self.log_epoch = self.log_epoch.max(receipt.log_epoch);
        if self.hold_until_ms <= now_ms + HIGH_WATER_MS {
            self.hold_until_ms = now_ms;
        }
    }

    pub(super) fn advance(&mut self, receipt: Receipt, message: Vec<u8>, end: u64, actions: &mut Vec<Action>) {
        let first = receipt.through.and_then(|(chain, ..)| self.spans.iter().find(|span| span.chain == chain));
        let logged_end = match (first, receipt.logged) {
            (Some(span), Some(logged)) => (span.first_position + logged + 1).min(end),
            (Some(span), None) => span.first_position.min(end),
            (None, _) => 0,
        };
        if end > self.receipted_end {
            self.receipted_end = end;
            self.receipted_digest = receipt.through.map(|(_, _, digest)| (end, digest));
            self.resend_ms = RESEND_MS;
            self.refusals = 0;
            self.foreign = None;
            self.progress_ms = self.credit_ms.max(self.progress_ms);
        }
        while self.in_flight.front().is_some_and(|sent| sent.end <= end) {
            self.in_flight.pop_front();
        }
        if self.next < end {
            self.next = end;
            self.loading = None;
        }
        let (server_ms, checkpoint) = (receipt.server_ms, receipt.checkpoint);
        actions.push(Action::Settle { end, logged_end, server_ms, message, checkpoint });
    }

    pub(super) fn anchor(&self, receipt: &Receipt, sent: &InFlight, now_ms: i64, actions: &mut Vec<Action>) {
        // Only a record that was sent for the first time just now proves that the receipt is not an old one.
        if let Some(first_sent_ms) = sent.first_sent_ms {
            let error_ms = (now_ms - first_sent_ms).clamp(0, i64::from(u32::MAX)) as u32;
            actions.push(Action::Anchor(ServerAnchor { server_ms: receipt.server_ms, boot_ms: now_ms, error_ms }));
        }
    }
}
