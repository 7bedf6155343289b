//! What to send, what to send again, what a receipt frees. Pure: inputs and the time come in, actions go out.
//!
//! Constraints:
//! 1. **Only a receipt counts.** Neither the client library nor a broker's acknowledgement moves anything here.
//! 2. Records go out strictly in the order of the buffer; at most [`Settings::window`] of them, and [`WINDOW_BYTES_MAX`], are
//!    ahead of their receipts.
//! 3. A receipt must be signed by the server's log key, name this site and gateway, and carry the digest that *our* record at
//!    that sequence has; otherwise it frees nothing.
//! 4. After a reconnect, a time-out or a refusal that asks for it, everything from the last receipt on is sent again from the
//!    buffer: receipts are cumulative and the server recognises what it has.
//! 5. A high-water mark that we cannot have (more than we ever wrote, or another digest at a sequence of ours) means that this
//!    disk is an old image: the chain is not continued ([`Action::Fork`]). What is its, and what is only ours, the server decides,
//!    record by record: see [`contest`].
//! 6. A server that says, *later*, that it holds *less* was restored from a backup: the difference is sent again. Older
//!    messages that arrive late say less too and are recognised by their signed time.
//! 7. A refusal that is final replaces the record by `Lost`; one that concerns the gateway as a whole (unknown, revoked, key)
//!    stops sending, keeps buffering and asks again slowly.

use std::collections::VecDeque;

use protocol::note::VerifierKey;
use protocol::{
    ChainId, Content, Digest, GatewayId, Kind, LostCause, Receipt, Record, Refusal, RefusalReason, ServerAnchor,
    ServerMessage, SiteId,
};

use crate::chain::Span;

/// Most bytes ahead of their receipts (one record is always allowed): bounds memory.
pub const WINDOW_BYTES_MAX: usize = 1_024 * 1_024;

/// After connecting, the server's high-water mark is awaited this long before anything is sent; a broker between us and the
/// server does not tell it that we connected, so it may never come unasked.
const HIGH_WATER_MS: i64 = 2_000;

/// No receipt for this long: send again.
const RESEND_MS: i64 = 15_000;

/// No receipt for this long in spite of sending again: the client is thrown away and built anew.
const STALL_MS: i64 = 60_000;

/// First and longest wait after a refusal that may be retried.
const BACKOFF_MS: (i64, i64) = (1_000, 300_000);

/// Wait after a refusal that concerns the gateway as a whole.
const HELD_MS: i64 = 600_000;

/// A chain is not given up more often than this.
const FORK_MS_MIN: i64 = 60_000;

/// `[uplink]` as far as delivery is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// Records ahead of their receipts.
    pub window: usize,
    /// Most bytes a second; 0 is no limit.
    pub bytes_per_second_max: u64,
}

/// Whose receipts count.
#[derive(Debug, Clone)]
pub struct Peer {
    /// Our site.
    pub site: SiteId,
    /// Our name.
    pub gateway: GatewayId,
    /// The server's log key.
    pub log_key: VerifierKey,
}

/// What happened.
#[derive(Debug, Clone, PartialEq)]
pub enum Input {
    /// The connection stands and the receipt topic is subscribed.
    Connected,
    /// It does not.
    Disconnected,
    /// Every position below this is durable.
    Durable(u64),
    /// Answer to [`Action::Load`] or [`Action::Substitute`]: `bytes` stand for positions `position..end`.
    Loaded {
        /// As asked.
        position: u64,
        /// Position after the last one it stands for.
        end: u64,
        /// The record.
        bytes: Vec<u8>,
    },
    /// Answer to [`Action::Load`]: these positions cannot be produced any more.
    Missing {
        /// As asked.
        position: u64,
        /// Position after the last missing one.
        end: u64,
        /// Trimmed under a receipt, or damaged.
        cause: LostCause,
    },
    /// Answer to [`Action::Load`] or [`Action::Substitute`]: the disk failed; it may be better next time.
    Unread,
    /// A message on the receipt topic.
    Message(Vec<u8>),
    /// A server message from a file: see [`carried`].
    Carried(Vec<u8>),
    /// A new chain begins at the end of the buffer.
    NewChain(Span),
    /// Time passed.
    Tick,
}

/// What to do.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// Read this position and answer with [`Input::Loaded`] or [`Input::Missing`].
    Load(u64),
    /// Publish these bytes on the record topic.
    Publish(Vec<u8>),
    /// Tell the buffer.
    Settle {
        /// Every position below is receipted.
        end: u64,
        /// Every position below is logged (0: not known).
        logged_end: u64,
        /// The server's signed time.
        server_ms: i64,
        /// The message itself, kept as proof.
        message: Vec<u8>,
        /// The checkpoint it carried, or empty.
        checkpoint: String,
    },
    /// Tell the buffer that the server holds less than it had receipted.
    Withdraw(u64),
    /// The server refused this record for good, but does not need a `Lost` in its place: keep it aside.
    Keep(u64),
    /// Make, sign and keep a `Lost` for positions `from..to`, then answer with [`Input::Loaded`].
    Substitute {
        /// First position.
        from: u64,
        /// Position after the last.
        to: u64,
        /// Why.
        cause: LostCause,
        /// Digest of the record before `from`, if known here.
        previous: Option<Digest>,
    },
    /// Give up the chain: begin a new one that names this as the last known record of the old.
    Fork {
        /// Chain, sequence, digest.
        old: (ChainId, u64, Digest),
        /// Positions from here on were never receipted: their content goes into the new chain.
        from: u64,
    },
    /// A server time with known error.
    Anchor(ServerAnchor),
    /// Throw the client away and build a new one.
    Rebuild,
    /// Something a person should know.
    Tell(Notice),
}

/// What a person should know of the uplink.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notice {
    /// A message that is not signed by the enrolled server, or not for us.
    Forged(String),
    /// A receipt that does not fit our chain; nothing was freed.
    Foreign,
    /// The server refused a record.
    Refused {
        /// Which record.
        sequence: u64,
        /// Why.
        reason: RefusalReason,
        /// Whether it is sent again.
        retry: bool,
        /// What the reason speaks of ([`Refusal::number`]).
        number: u64,
        /// The same in technical English.
        detail: String,
    },
    /// The server was restored from an older copy; this many records are sent again.
    ServerRestored(u64),
    /// This disk is an old image of this gateway: a new chain begins.
    OldImage,
}

#[derive(Debug, Clone)]
struct InFlight {
    position: u64,
    end: u64,
    chain: ChainId,
    sequence: u64,
    last_sequence: u64,
    digest: Digest,
    /// For a Lost: the digest by which the record after it names what is gone.
    alias: Option<Digest>,
    previous: Digest,
    bytes: usize,
    /// When it was sent for the first time ever, if that was in this connection.
    first_sent_ms: Option<i64>,
}

#[derive(Debug, Clone)]
struct Check {
    receipt: Receipt,
    message: Vec<u8>,
    position: u64,
}

/// The engine.
#[derive(Debug)]
pub struct Delivery {
    settings: Settings,
    peer: Peer,
    spans: Vec<Span>,
    before: Option<(ChainId, u64, Digest)>,
    durable_end: u64,
    receipted_end: u64,
    /// Position to send next.
    next: u64,
    /// Positions below were sent before, in this run or an earlier one.
    sent_end: u64,
    in_flight: VecDeque<InFlight>,
    loading: Option<u64>,
    check: Option<Check>,
    /// When to ask again for what could not be read.
    retry_ms: Option<i64>,
    connected: bool,
    hold_until_ms: i64,
    progress_ms: i64,
    resend_ms: i64,
    refusals: u32,
    newest_server_ms: i64,
    log_epoch: u32,
    /// Digest that the newest receipt named, with the position after it.
    receipted_digest: Option<(u64, Digest)>,
    forked_ms: Option<i64>,
    /// Below lies a chain that was given up: nothing of it is sent again, whatever the server says of it.
    given_up_end: u64,
    /// What the server knows of a chain of ours that we do not, if its newest receipt said so.
    foreign: Option<(ChainId, u64, Digest)>,
    contest: Option<contest::Contest>,
    credit_bytes: i64,
    credit_ms: i64,
    random: u64,
}

impl Delivery {
    /// Starts at what the cursor says. `durable_end`: positions that exist; `seed`: for jitter only.
    pub fn new(
        settings: Settings,
        peer: Peer,
        spans: Vec<Span>,
        before: Option<(ChainId, u64, Digest)>,
        receipted_end: u64,
        durable_end: u64,
        seed: u64,
    ) -> Self {
        Delivery {
            settings,
            peer,
            spans,
            before,
            durable_end,
            receipted_end,
            next: receipted_end,
            sent_end: durable_end,
            in_flight: VecDeque::new(),
            loading: None,
            check: None,
            retry_ms: None,
            connected: false,
            hold_until_ms: i64::MIN,
            progress_ms: 0,
            resend_ms: RESEND_MS,
            refusals: 0,
            newest_server_ms: i64::MIN,
            log_epoch: 0,
            receipted_digest: None,
            forked_ms: None,
            given_up_end: 0,
            foreign: None,
            contest: None,
            credit_bytes: 0,
            credit_ms: 0,
            random: seed,
        }
    }

    /// Every position below is receipted.
    pub fn receipted_end(&self) -> u64 {
        self.receipted_end
    }

    /// Records sent and not yet receipted.
    pub fn in_flight(&self) -> usize {
        self.in_flight.len()
    }

    /// Takes one input and returns what follows from it, in order.
    pub fn on(&mut self, input: Input, now_ms: i64) -> Vec<Action> {
        let mut actions = Vec::new();
        match input {
            Input::Connected => self.connected(now_ms),
            Input::Disconnected => {
                self.connected = false;
                self.rewind();
            }
            Input::Durable(end) => self.durable_end = self.durable_end.max(end),
            Input::Loaded { position, end, bytes } => self.loaded(position, end, bytes, now_ms, &mut actions),
            Input::Missing { position, end, cause } => self.missing(position, end, cause, &mut actions),
            Input::Message(bytes) => self.message(bytes, now_ms, &mut actions),
            Input::Carried(bytes) => self.carried(bytes, now_ms, &mut actions),
            Input::NewChain(span) => self.new_chain(span),
            Input::Unread => self.unread(now_ms),
            Input::Tick => {
                self.read_again(now_ms, &mut actions);
                self.tick(now_ms, &mut actions);
            }
        }
        self.pump(now_ms, &mut actions);
        actions
    }

    /// When [`Input::Tick`] is due at the latest.
    pub fn wake_ms(&self, now_ms: i64) -> i64 {
        if !self.connected {
            return now_ms + RESEND_MS;
        }
        let mut wake_ms = now_ms + RESEND_MS;
        if !self.in_flight.is_empty() {
            wake_ms = self.progress_ms.saturating_add(self.resend_ms);
        }
        if self.hold_until_ms > now_ms {
            wake_ms = wake_ms.min(self.hold_until_ms);
        }
        wake_ms = wake_ms.min(self.retry_ms.unwrap_or(i64::MAX));
        if self.credit_bytes < 0 {
            wake_ms = wake_ms.min(now_ms + 100);
        }
        wake_ms.clamp(now_ms + 1, now_ms + RESEND_MS)
    }

    fn connected(&mut self, now_ms: i64) {
        self.connected = true;
        self.rewind();
        self.contest_again(now_ms);
        self.progress_ms = now_ms;
        self.hold_until_ms = self.hold_until_ms.max(now_ms + HIGH_WATER_MS);
    }

    /// Everything after the last receipt is sent again.
    fn rewind(&mut self) {
        self.next = self.receipted_end;
        self.in_flight.clear();
        self.loading = None;
    }

    fn pump(&mut self, now_ms: i64, actions: &mut Vec<Action>) {
        self.refill(now_ms);
        if self.contest.is_some() {
            return self.contest_pump(now_ms, actions);
        }
        let bytes: usize = self.in_flight.iter().map(|sent| sent.bytes).sum();
        let room = self.in_flight.len() < self.settings.window.max(1) && (bytes < WINDOW_BYTES_MAX);
        let may_send = self.connected && now_ms >= self.hold_until_ms && self.loading.is_none() && self.check.is_none();
        if may_send && room && self.credit_bytes >= 0 && self.next < self.durable_end {
            self.loading = Some(self.next);
            actions.push(Action::Load(self.next));
        }
    }

    fn refill(&mut self, now_ms: i64) {
        let rate = self.settings.bytes_per_second_max.min(1 << 40) as i64;
        if rate == 0 {
            self.credit_bytes = 0;
        } else {
            let passed_ms = (now_ms - self.credit_ms).clamp(0, 10_000);
            self.credit_bytes = (self.credit_bytes + rate * passed_ms / 1_000).min(rate);
        }
        self.credit_ms = now_ms;
    }

    fn loaded(&mut self, position: u64, end: u64, bytes: Vec<u8>, now_ms: i64, actions: &mut Vec<Action>) {
        let Ok(record) = Record::decode(&bytes) else {
            // Sound by checksum and not a record: cannot be sent, so it is accounted for as damaged.
            return self.missing(position, end, LostCause::Damaged, actions);
        };
        let sent = describe(position, end, &record, bytes.len());
        if self.contest.is_some() {
            return self.contest_loaded(sent, bytes, now_ms, actions);
        }
        if self.check.as_ref().is_some_and(|check| check.position == position) {
            if let Some(check) = self.check.take() {
                self.settle_or_fork(check.receipt, check.message, &sent, now_ms, actions);
            }
            return;
        }
        if self.loading != Some(position) {
            return;
        }
        self.loading = None;
        if !self.connected {
            return;
        }
        if self.in_flight.is_empty() {
            self.progress_ms = now_ms;
        }
        let first_time = position >= self.sent_end;
        self.sent_end = self.sent_end.max(end);
        self.next = end;
        if self.settings.bytes_per_second_max > 0 {
            self.credit_bytes -= bytes.len() as i64;
        }
        self.in_flight.push_back(InFlight { first_sent_ms: first_time.then_some(now_ms), ..sent });
        actions.push(Action::Publish(bytes));
    }

    fn missing(&mut self, position: u64, end: u64, cause: LostCause, actions: &mut Vec<Action>) {
        if self.contest.is_some() {
            return self.contest_missing(position, end, actions);
        }
        if let Some(check) = self.check.take_if(|check| check.position == position) {
            // Our own record is gone, so its digest cannot be compared; a receipt for it can free nothing but it.
            self.advance(check.receipt, check.message, position + 1, actions);
            return;
        }
        if self.loading == Some(position) {
            // A Lost never spans two chains: each has its own sequence.
            let chain_end = self.spans.iter().filter_map(|span| span.end_position).find(|end| *end > position);
            let to = chain_end.map_or(end, |chain_end| end.min(chain_end)).max(position + 1);
            let previous = self.digest_before(position);
            actions.push(Action::Substitute { from: position, to, cause, previous });
        }
    }

    fn message(&mut self, bytes: Vec<u8>, now_ms: i64, actions: &mut Vec<Action>) {
        match ServerMessage::verify(&bytes, &self.peer.log_key.key) {
            Err(error) => actions.push(Action::Tell(Notice::Forged(error.to_string()))),
            Ok(ServerMessage::Receipt(receipt)) => {
                if receipt.site != self.peer.site || receipt.gateway != self.peer.gateway {
                    actions.push(Action::Tell(Notice::Forged("it names another gateway".to_owned())));
                } else {
                    self.receipt(receipt, bytes, now_ms, actions);
                }
            }
            Ok(ServerMessage::Refusal(refusal)) => {
                if refusal.site == self.peer.site && refusal.gateway == self.peer.gateway {
                    self.refusal(refusal, now_ms, actions);
                }
            }
        }
    }

    fn refusal(&mut self, refusal: Refusal, now_ms: i64, actions: &mut Vec<Action>) {
        if self.contest.is_some() {
            return self.contest_refused(refusal, now_ms, actions);
        }
        let ours = |sent: &&InFlight| {
            sent.chain == refusal.chain && sent.sequence == refusal.sequence && sent.digest == refusal.digest
        };
        let Some(sent) = self.in_flight.iter().find(ours).cloned() else { return };
        let whole = concerns_gateway(refusal.reason);
        actions.push(Action::Tell(Notice::Refused {
            sequence: refusal.sequence,
            reason: refusal.reason,
            retry: refusal.retry || whole,
            number: refusal.number,
            detail: refusal.detail,
        }));
        if whole {
            self.rewind();
            self.hold_until_ms = now_ms + HELD_MS;
        } else if refusal.retry || refusal.reason == RefusalReason::OutOfOrder {
            let wait_ms = self.backoff_ms();
            self.rewind();
            self.hold_until_ms = now_ms + wait_ms;
            self.refusals += 1;
        } else if refusal.reason == RefusalReason::Conflict {
            let known = (sent.chain, sent.sequence.saturating_sub(1), sent.previous);
            self.contest(known, now_ms, actions);
        } else {
            // What was sent behind it is sent again behind its substitute.
            self.in_flight.retain(|other| other.end <= sent.position);
            self.next = sent.position;
            self.loading = Some(sent.position);
            let (from, to) = (sent.position, sent.end);
            let (cause, previous) = (LostCause::Refused, Some(sent.previous));
            actions.push(Action::Substitute { from, to, cause, previous });
        }
    }

    fn backoff_ms(&mut self) -> i64 {
        let doubled = BACKOFF_MS.0.saturating_mul(1 << self.refusals.min(20)).min(BACKOFF_MS.1);
        self.random = self.random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        // Half to one and a half times, so that a thousand gateways do not come back in step.
        doubled / 2 + (self.random >> 33) as i64 % doubled.max(1)
    }

    fn tick(&mut self, now_ms: i64, actions: &mut Vec<Action>) {
        if self.contest.is_some() {
            return self.contest_tick(now_ms);
        }
        let waiting_ms = now_ms - self.progress_ms;
        if !self.connected || self.in_flight.is_empty() || now_ms < self.hold_until_ms {
            return;
        }
        if waiting_ms >= STALL_MS {
            self.progress_ms = now_ms;
            self.resend_ms = RESEND_MS;
            self.connected = false;
            self.rewind();
            actions.push(Action::Rebuild);
        } else if waiting_ms >= self.resend_ms
            && let Some(foreign) = self.foreign
        {
            // It answers, and speaks of a chain of ours that this disk does not have.
            self.contest(foreign, now_ms, actions);
        } else if waiting_ms >= self.resend_ms {
            self.resend_ms = self.resend_ms.saturating_mul(2);
            self.rewind();
        }
    }

    /// What the record at `position` would name as its predecessor, if it is in the window or was just receipted.
    fn digest_before(&self, position: u64) -> Option<Digest> {
        let sent =
            self.in_flight.back().filter(|sent| sent.end == position).map(|sent| sent.alias.unwrap_or(sent.digest));
        sent.or(self.receipted_digest.filter(|(end, _)| *end == position).map(|(_, digest)| digest))
    }

    /// The server has receipted something of the chain that grows: then it must not know another one of ours as the newest.
    fn newest_chain_is_known_to_server(&self) -> bool {
        self.spans.last().is_some_and(|span| self.receipted_end > span.first_position)
    }

    fn place(&self, chain: ChainId, sequence: u64) -> Place {
        if let Some(span) = self.spans.iter().find(|span| span.chain == chain) {
            let Some(position) = span.first_position.checked_add(sequence) else { return Place::Foreign };
            return match span.end_position {
                Some(end) if position >= end => Place::Whole(end),
                None if position >= self.durable_end => Place::Foreign,
                _ => Place::At(position),
            };
        }
        let first = self.spans.first().map_or(0, |span| span.first_position);
        match self.before {
            Some((before, ..)) if before == chain => Place::Whole(first),
            _ => Place::Foreign,
        }
    }
}

enum Place {
    At(u64),
    /// Somewhere in, or behind, a chain that has ended: everything below this position is covered.
    Whole(u64),
    Foreign,
}

/// Refused is not this record but whoever signed it.
fn concerns_gateway(reason: RefusalReason) -> bool {
    matches!(reason, RefusalReason::BadSignature | RefusalReason::UnknownGateway | RefusalReason::Revoked)
}

fn describe(position: u64, end: u64, record: &Record, bytes: usize) -> InFlight {
    let header = record.header();
    let (mut last_sequence, mut alias) = (header.sequence, None);
    if header.kind == Kind::Lost
        && let Ok(Content::Lost(lost)) = record.content()
    {
        last_sequence = lost.to;
        alias = (!lost.next.is_zero()).then_some(lost.next);
    }
    InFlight {
        position,
        end,
        chain: header.chain,
        sequence: header.sequence,
        last_sequence,
        digest: record.digest(),
        alias,
        previous: header.previous,
        bytes,
        first_sent_ms: None,
    }
}

mod carried;
mod contest;
mod receipts;
mod retry;
#[cfg(test)]
mod tests;
