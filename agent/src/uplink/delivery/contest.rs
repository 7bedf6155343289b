//! An old image of the disk: which of its unreceipted records the server has, and which are only here.
//!
//! Constraints:
//! 1. The server decides. Records are offered under their own numbers, in order, one at a time: one that it holds it receipts again,
//!    one that contradicts what it holds it refuses ([`RefusalReason::Conflict`]) and keeps as evidence.
//! 2. Two histories of one chain never meet again after they parted, because every record names the one before. So the first
//!    contradiction separates what the server has from what only this disk has; the latter is repeated in the new chain
//!    ([`Action::Fork`]), and nothing is stored twice.
//! 3. A receipt does not name the record it answers. Between us and the server a broker may lose one, so after a contradiction the
//!    record before it is offered once more; a second contradiction goes on backwards.
//! 4. What cannot be read here counts as only here: the new chain states its gap.
//! 5. A chain is given up for good. Until the new one arrived, the server goes on naming the old one as the newest it has, in this run and
//!    after any restart; that withdraws nothing, or the new chain would be given up in its turn and its copies copied.

use super::*;

/// The state of the comparison.
#[derive(Debug, Clone)]
pub(super) struct Contest {
    /// What the server knows and we do not.
    old: (ChainId, u64, Digest),
    /// First position compared.
    start: u64,
    /// Position that is being asked about.
    at: u64,
    /// The first position that only this disk has, as far as known; from then on we go backwards.
    parted: Option<u64>,
    asked: Option<InFlight>,
    asked_ms: i64,
}

impl Delivery {
    /// Everything below `end` was given up in an earlier run.
    #[must_use]
    pub fn giving_up(mut self, end: u64) -> Self {
        self.given_up_end = end;
        self
    }

    /// Begins the comparison, or continues the one under way.
    pub(super) fn contest(&mut self, old: (ChainId, u64, Digest), now_ms: i64, actions: &mut Vec<Action>) {
        if self.contest.is_some() || self.forked_ms.is_some_and(|forked_ms| now_ms - forked_ms < FORK_MS_MIN) {
            return;
        }
        self.rewind();
        self.check = None;
        let start = self.receipted_end;
        self.contest = Some(Contest { old, start, at: start, parted: None, asked: None, asked_ms: now_ms });
        actions.push(Action::Tell(Notice::OldImage));
    }

    pub(super) fn contest_pump(&mut self, now_ms: i64, actions: &mut Vec<Action>) {
        let may_send = self.connected && now_ms >= self.hold_until_ms && self.credit_bytes >= 0;
        let (loading, end) = (self.loading, self.durable_end);
        let Some(contest) = &mut self.contest else { return };
        if contest.at >= end && contest.parted.is_none() {
            // The server has everything that is here.
            contest.parted = Some(end);
            self.part(now_ms, actions);
        } else if may_send && contest.asked.is_none() && loading.is_none() {
            self.loading = Some(contest.at);
            actions.push(Action::Load(contest.at));
        }
    }

    pub(super) fn contest_loaded(&mut self, sent: InFlight, bytes: Vec<u8>, now_ms: i64, actions: &mut Vec<Action>) {
        let Some(contest) = &mut self.contest else { return };
        if self.loading != Some(sent.position) || contest.at != sent.position {
            return;
        }
        self.loading = None;
        if self.connected {
            if self.settings.bytes_per_second_max > 0 {
                self.credit_bytes -= bytes.len() as i64;
            }
            contest.asked = Some(sent);
            contest.asked_ms = now_ms;
            actions.push(Action::Publish(bytes));
        }
    }

    pub(super) fn contest_missing(&mut self, position: u64, end: u64, actions: &mut Vec<Action>) {
        let Some(contest) = &mut self.contest else { return };
        if self.loading != Some(position) {
            return;
        }
        self.loading = None;
        if contest.parted.is_some() {
            contest.parted = Some(position);
            self.step_back(actions);
        } else {
            contest.at = end.max(position + 1);
        }
    }

    pub(super) fn contest_receipt(&mut self, receipt: &Receipt, newer: bool, now_ms: i64, actions: &mut Vec<Action>) {
        self.high_water(receipt, now_ms);
        let Some(contest) = &mut self.contest else { return };
        if newer && let Some(held) = contest.asked.take() {
            match contest.parted {
                Some(_) => self.part(now_ms, actions),
                None => contest.at = held.end,
            }
        }
    }

    pub(super) fn contest_refused(&mut self, refusal: Refusal, now_ms: i64, actions: &mut Vec<Action>) {
        let Place::At(position) = self.place(refusal.chain, refusal.sequence) else { return };
        let Some(contest) = self.contest.as_mut().filter(|contest| (contest.start..=contest.at).contains(&position))
        else {
            return;
        };
        let whole = concerns_gateway(refusal.reason);
        let retry = refusal.retry || whole;
        actions.push(Action::Tell(Notice::Refused {
            sequence: refusal.sequence,
            reason: refusal.reason,
            retry,
            number: refusal.number,
            detail: refusal.detail,
        }));
        if refusal.reason == RefusalReason::Conflict {
            // It may be late, and name one that was taken for held because of another's receipt.
            contest.asked = None;
            contest.parted = Some(position);
            actions.push(Action::Keep(position));
            self.step_back(actions);
        } else if let Some(asked) = contest.asked.take_if(|asked| asked.position == position) {
            if retry {
                self.hold_until_ms = now_ms + if whole { HELD_MS } else { self.backoff_ms() };
            } else {
                actions.push(Action::Keep(position));
                contest.at = asked.end;
            }
        }
    }

    /// No answer: ask again.
    pub(super) fn contest_tick(&mut self, now_ms: i64) {
        if self.contest.as_ref().is_some_and(|contest| now_ms - contest.asked_ms >= RESEND_MS) {
            self.contest_again(now_ms);
        }
    }

    pub(super) fn contest_again(&mut self, now_ms: i64) {
        if let Some(contest) = &mut self.contest {
            contest.asked = None;
            contest.asked_ms = now_ms;
        }
    }

    /// Asks about the record before the one that was contradicted, unless everything before it is receipted.
    fn step_back(&mut self, actions: &mut Vec<Action>) {
        let Some(contest) = &mut self.contest else { return };
        match contest.parted.filter(|parted| *parted > contest.start) {
            Some(parted) => contest.at = parted - 1,
            None => self.part(self.credit_ms, actions),
        }
    }

    /// A chain begins, for whatever reason.
    pub(super) fn new_chain(&mut self, span: Span) {
        if let Some(last) = self.spans.last_mut() {
            last.end_position = Some(span.first_position);
        }
        let forked = self.hold_until_ms == i64::MAX;
        self.spans.push(span);
        if forked {
            // What was sealed in the old chain and not receipted is repeated in the new one.
            self.receipted_end = span.first_position;
            self.given_up_end = span.first_position;
            self.hold_until_ms = i64::MIN;
            self.rewind();
        }
    }

    /// Gives the chain up: nothing more of it goes out, sending begins again with the new chain's first record.
    fn part(&mut self, now_ms: i64, actions: &mut Vec<Action>) {
        let Some(contest) = self.contest.take() else { return };
        self.forked_ms = Some(now_ms);
        self.foreign = None;
        self.rewind();
        self.hold_until_ms = i64::MAX;
        actions.push(Action::Fork { old: contest.old, from: contest.parted.unwrap_or(contest.start) });
    }
}
