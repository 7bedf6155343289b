//! What to do with a record: pure. No clock, no disk, no lock; the same record against the same state gives the same
//! verdict, and [`SiteState::apply`] is the only place where a gateway's position moves.
//!
//! Rules, in the order they are checked (the first that applies wins):
//!
//! 1. Size and shape; then the header must name the connection's own site and gateway.
//! 2. The gateway must be enrolled and not revoked — as the *log* says, not the database.
//! 3. The signature must hold under the key in force (`verify_strict`), and the content must be the one the header names.
//! 4. Simulated time only at a site that was created as simulated.
//! 5. Place in the chain. Next: take. Already held with the same digest: repeat the receipt. Beyond the next: hold back.
//!    Another record in a place already held, or another history before it: evidence of a clone, quarantined.
//!    `Lost` fills holes only; a range the server already holds is ignored.
//!
//! Refusals before rule 3 prove nothing about the gateway, so they never reach the log.

use std::collections::BTreeMap;

use protocol::{
    ChainId, Content, Declaration, Digest, Error, GatewayId, Header, Kind, PublicKey, Record, RefusalReason, SiteId,
    SyncState, receipt::SITE_CLOSED, record,
};
use serde::{Deserialize, Serialize};

#[cfg(test)]
mod tests;

/// What a site's log says about its gateways, up to the newest leaf: the state every verdict is made against.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct SiteState {
    /// Created as simulated (the first `site` declaration said so); cannot change afterwards.
    pub simulated: bool,
    /// Whether a `site` declaration was seen.
    pub declared: bool,
    /// Number of leaves.
    pub size: u64,
    /// Every gateway ever enrolled.
    pub gateways: BTreeMap<GatewayId, GatewayState>,
}

/// One gateway, as its records and the declarations about it left it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GatewayState {
    /// Hexadecimal key in force.
    pub key: String,
    /// Hexadecimal key it was enrolled with: the one in its client certificate until it renews that.
    pub enrolled_key: String,
    /// Revoked by declaration.
    pub revoked: bool,
    /// Its chains.
    pub chains: BTreeMap<ChainId, ChainState>,
    /// The chain begun last: the one receipts speak of.
    pub newest: Option<ChainId>,
    /// Contradicting records quarantined so far; bounded by [`QUARANTINE_MAX`].
    pub quarantined: u32,
}

/// One chain. Copied with every group and written with every integration: its size must not grow with its records.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ChainState {
    /// Last sequence held in order.
    pub through: u64,
    /// Digest of the record at (or standing for) `through`.
    pub digest: Digest,
    /// What the next record must name as its previous digest.
    pub expects: Digest,
    /// Index of its first leaf: where looking for an old record begins. 0, which is only slower, where a log was written
    /// before this was kept.
    #[serde(default)]
    pub first: u64,
}

/// What to do with a record.
#[derive(Debug, Clone, PartialEq)]
pub enum Verdict {
    /// Journal it, then receipt it.
    Take {
        /// Observed-to-received distance beyond 24 h, ms (positive: old); zero within it or where time is unknown.
        late_ms: i64,
    },
    /// Journal it as a contradiction, then refuse it for good.
    Quarantine,
    /// Already held: repeat the receipt.
    Repeat,
    /// Not taken.
    Refuse(Refused),
}

/// Why and how a record is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// The reason for the gateway.
    pub reason: RefusalReason,
    /// Whether sending it again can help.
    pub retry: bool,
    /// The number the reason speaks of ([`protocol::Refusal::number`]): gateway and pages say it in their reader's language.
    pub number: u64,
    /// The same in technical English, for logs.
    pub detail: String,
}

impl Refused {
    /// For now: the gateway keeps its record and comes again.
    pub fn disk_full() -> Self {
        let detail = "the server's disk is full; it will take records again when there is space".to_owned();
        Self { reason: RefusalReason::StorageFull, retry: true, number: 0, detail }
    }

    /// For now: the site's log is damaged. File and remedy are the operator's; a refusal has room for a sentence.
    pub fn closed() -> Self {
        let detail = "the site's log at the server is damaged, the server's operator must repair it".to_owned();
        Self { reason: RefusalReason::StorageFull, retry: true, number: SITE_CLOSED, detail }
    }

    /// For good, because somebody else with this key was first.
    pub fn conflict() -> Self {
        Self::for_good(RefusalReason::Conflict, CONFLICT_DETAIL)
    }

    /// For good: sending it again cannot help.
    fn for_good(reason: RefusalReason, detail: impl Into<String>) -> Self {
        Self { reason, retry: false, number: 0, detail: detail.into() }
    }
}

/// A record that passed rule 1, with what refusals and the log need of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Candidate {
    /// The record.
    pub record: Record,
    /// Its digest.
    pub digest: Digest,
}

/// Names a record in a refusal, as far as its bytes could be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Named {
    /// Its chain; zeros when unreadable.
    pub chain: ChainId,
    /// Its sequence; 0 when unreadable.
    pub sequence: u64,
    /// Its digest; of the whole message when unreadable.
    pub digest: Digest,
}

/// Rule 1 without identities: bytes to record.
pub fn read(bytes: &[u8]) -> Result<Candidate, (Named, Refused)> {
    let refuse = |error: &Error| {
        let (reason, number) = match error {
            Error::TooLarge { got, .. } => (RefusalReason::TooLarge, *got),
            _ => (RefusalReason::Malformed, 0),
        };
        (name(bytes), Refused { number, ..Refused::for_good(reason, error.to_string()) })
    };
    let record = Record::decode(bytes).map_err(|error| refuse(&error))?;
    let digest = record.digest();
    Ok(Candidate { record, digest })
}

/// Rules 2 to 5. `now_ms` only feeds the lateness; `held` gives the digest of the record a chain holds at a sequence.
pub fn judge(
    state: &SiteState,
    site: &SiteId,
    gateway: &GatewayId,
    candidate: &Candidate,
    now_ms: i64,
    held: impl Fn(&ChainId, &ChainState, u64) -> Option<Digest>,
) -> Verdict {
    match check(state, site, gateway, candidate) {
        Err(refused) => Verdict::Refuse(refused),
        Ok((known, content)) => {
            let header = candidate.record.header();
            let late_ms = if state.simulated { 0 } else { lateness(header, now_ms) };
            place(known, header, &content, candidate.digest, late_ms, held)
        }
    }
}

fn check<'s>(
    state: &'s SiteState,
    site: &SiteId,
    gateway: &GatewayId,
    candidate: &Candidate,
) -> Result<(&'s GatewayState, Content), Refused> {
    let header = candidate.record.header();
    let refuse = |reason, detail: String| Refused::for_good(reason, detail);
    if header.site != *site || header.gateway != *gateway {
        return Err(refuse(
            RefusalReason::Malformed,
            format!("the record names {}/{}, the connection is {site}/{gateway}", header.site, header.gateway),
        ));
    }
    let Some(known) = state.gateways.get(gateway) else {
        return Err(refuse(RefusalReason::UnknownGateway, format!("no gateway {gateway} is enrolled at {site}")));
    };
    if known.revoked {
        return Err(refuse(RefusalReason::Revoked, format!("the enrolment of {gateway} was revoked; enrol it again")));
    }
    let key = PublicKey::from_hex(&known.key).map_err(|e| refuse(RefusalReason::UnknownGateway, e.to_string()))?;
    candidate.record.verify(&key).map_err(|error| match error {
        Error::BadSignature { .. } => refuse(RefusalReason::BadSignature, error.to_string()),
        _ => refuse(RefusalReason::Malformed, error.to_string()),
    })?;
    if header.clock.simulated && !state.simulated {
        return Err(refuse(RefusalReason::Simulated, format!("site {site} was not created as simulated")));
    }
    let content = candidate.record.content().map_err(|e| refuse(RefusalReason::Malformed, e.to_string()))?;
    if let Content::Batch(batch) = &content
        && batch.len() as u64 != u64::from(header.readings)
    {
        let detail = format!("{} readings where the header says {}", batch.len(), header.readings);
        return Err(refuse(RefusalReason::Malformed, detail));
    }
    Ok((known, content))
}

fn place(
    known: &GatewayState,
    header: &Header,
    content: &Content,
    digest: Digest,
    late_ms: i64,
    held: impl Fn(&ChainId, &ChainState, u64) -> Option<Digest>,
) -> Verdict {
    let sequence = header.sequence;
    let wait = |next: u64| {
        let detail = format!("sequence {sequence} came, {next} is next; send from there");
        Verdict::Refuse(Refused { reason: RefusalReason::OutOfOrder, retry: true, number: next, detail })
    };
    let Some(chain) = known.chains.get(&header.chain) else {
        // A chain opens with its ChainStart — or with the statement that its beginning is lost.
        return match content {
            Content::ChainStart(_) if sequence == 0 && header.previous.is_zero() => Verdict::Take { late_ms },
            Content::Lost(lost) if lost.from == 0 && sequence == 0 => Verdict::Take { late_ms },
            Content::ChainStart(_) => malformed("a chain start must be the first record of its chain"),
            _ => wait(0),
        };
    };
    if let Content::Lost(lost) = content {
        if lost.from != sequence {
            return malformed("a lost record must carry the first sequence it stands for");
        }
        if lost.to <= chain.through {
            return Verdict::Repeat;
        }
        // It may begin inside what we hold (the gateway did not get our last receipts): only its end is news.
        if lost.from > chain.through + 1 {
            return wait(chain.through + 1);
        }
        let forked = lost.from == chain.through + 1 && !header.previous.is_zero() && header.previous != chain.expects;
        return if forked { contradiction(known) } else { Verdict::Take { late_ms } };
    }
    if sequence > chain.through + 1 {
        return wait(chain.through + 1);
    }
    if sequence == chain.through + 1 {
        if matches!(content, Content::ChainStart(_)) {
            return malformed("a chain start must be the first record of its chain");
        }
        return if header.previous == chain.expects { Verdict::Take { late_ms } } else { contradiction(known) };
    }
    match held(&header.chain, chain, sequence) {
        Some(ours) if ours != digest => contradiction(known),
        // The same record, or one inside a range that was already declared lost: the range stands.
        _ => Verdict::Repeat,
    }
}

fn contradiction(known: &GatewayState) -> Verdict {
    if known.quarantined < QUARANTINE_MAX { Verdict::Quarantine } else { Verdict::Refuse(Refused::conflict()) }
}

fn malformed(detail: &str) -> Verdict {
    Verdict::Refuse(Refused::for_good(RefusalReason::Malformed, detail))
}

/// Whether a record that is already a leaf stands in its place: for checking a log from its files alone.
///
/// # Errors
/// What is wrong with its place.
pub fn verify_in_order(state: &SiteState, record: &Record) -> Result<(), String> {
    let header = record.header();
    let known = state.gateways.get(&header.gateway).ok_or("its gateway is not enrolled")?;
    let content = record.content().map_err(|error| error.to_string())?;
    match place(known, header, &content, record.digest(), 0, |_, _, _| None) {
        Verdict::Take { .. } => Ok(()),
        Verdict::Repeat => Err(format!("the place of record {} of {} is taken", header.sequence, header.gateway)),
        Verdict::Quarantine => Err(format!("record {} of {} contradicts its chain", header.sequence, header.gateway)),
        Verdict::Refuse(refused) => Err(refused.detail),
    }
}

/// How far a record's derived time is from now when that is more than 24 h, ms; 0 otherwise or where time is unknown.
fn lateness(header: &Header, now_ms: i64) -> i64 {
    let clock = &header.clock;
    let at_ms = match (clock.sync, &clock.server) {
        (_, Some(anchor)) => anchor.server_ms.saturating_add(header.last_ms.saturating_sub(anchor.boot_ms)),
        (SyncState::Synchronised, None) => clock.wall_ms.saturating_add(header.last_ms.saturating_sub(clock.boot_ms)),
        _ => return 0,
    };
    let late = now_ms.saturating_sub(at_ms);
    if late.saturating_abs() > LATE_MS { late } else { 0 }
}

impl SiteState {
    /// Moves the state over a record that was taken and is now the leaf at index `size`.
    pub fn apply_record(&mut self, record: &Record) {
        let index = self.size;
        self.size += 1;
        let header = record.header();
        let digest = record.digest();
        let Some(gateway) = self.gateways.get_mut(&header.gateway) else { return };
        let (mut through, mut expects) = (header.sequence, digest);
        // Only these two kinds say something about the chain itself; a batch is not decoded a second time.
        if matches!(header.kind, Kind::Lost | Kind::KeyChange) {
            match record.content() {
                Ok(Content::Lost(lost)) => {
                    through = lost.to;
                    expects = if lost.next.is_zero() { digest } else { lost.next };
                }
                Ok(Content::KeyChange(change)) => gateway.key = change.new_key.hex(),
                _ => {}
            }
        }
        let is_new = !gateway.chains.contains_key(&header.chain);
        if is_new {
            gateway.newest = Some(header.chain);
        }
        let chain =
            gateway.chains.entry(header.chain).or_insert_with(|| ChainState { through, digest, expects, first: index });
        chain.through = through;
        chain.digest = digest;
        chain.expects = expects;
    }

    /// Moves the state over a record whose content is not held: only its header is known.
    pub fn apply_header(&mut self, header: &Header, digest: Digest) {
        self.size += 1;
        let Some(gateway) = self.gateways.get_mut(&header.gateway) else { return };
        if let Some(chain) = gateway.chains.get_mut(&header.chain) {
            (chain.through, chain.digest, chain.expects) = (header.sequence, digest, digest);
        }
    }

    /// Moves the state over a quarantined record.
    pub fn apply_quarantine(&mut self, record: &Record) {
        self.size += 1;
        if let Some(gateway) = self.gateways.get_mut(&record.header().gateway) {
            gateway.quarantined = gateway.quarantined.saturating_add(1);
        }
    }

    /// Moves the state over a declaration. Only those about the site and its gateways matter here.
    pub fn apply_declaration(&mut self, declaration: &Declaration) {
        self.size += 1;
        let text = |name: &str| declaration.body.get(name).and_then(|value| value.as_str());
        match declaration.kind.as_str() {
            "site" if !self.declared => {
                self.declared = true;
                self.simulated = declaration.body.get("simulated").and_then(serde_json::Value::as_bool) == Some(true);
            }
            ENROLLED => {
                let (Some(Ok(id)), Some(key)) = (text("gateway").map(str::parse::<GatewayId>), text("key")) else {
                    return;
                };
                let gateway = self.gateways.entry(id).or_insert_with(|| GatewayState {
                    key: String::new(),
                    enrolled_key: String::new(),
                    revoked: false,
                    chains: BTreeMap::new(),
                    newest: None,
                    quarantined: 0,
                });
                gateway.key = key.to_owned();
                gateway.enrolled_key = key.to_owned();
                gateway.revoked = false;
            }
            REVOKED => {
                if let Some(Ok(id)) = text("gateway").map(str::parse::<GatewayId>)
                    && let Some(gateway) = self.gateways.get_mut(&id)
                {
                    gateway.revoked = true;
                }
            }
            _ => {}
        }
    }

    /// Moves the state over a leaf without content (an epoch).
    pub fn apply_other(&mut self) {
        self.size += 1;
    }

    /// What a receipt says of a gateway: newest chain, last sequence in order, digest there.
    pub fn through(&self, gateway: &GatewayId) -> Option<(ChainId, u64, Digest)> {
        let gateway = self.gateways.get(gateway)?;
        let id = gateway.newest?;
        let chain = gateway.chains.get(&id)?;
        Some((id, chain.through, chain.digest))
    }
}

/// Names a record in a refusal from bytes that did not decode as a whole: the header is the first field of the
/// protobuf message and may well be readable when the rest is too long or damaged.
fn name(bytes: &[u8]) -> Named {
    let unreadable = Named { chain: ChainId([0; 16]), sequence: 0, digest: protocol::sha256(bytes) };
    let Some((header_bytes, rest)) = field(bytes, 0x0a) else { return unreadable };
    let Some((signature, _)) = field(rest, 0x12) else { return unreadable };
    match (Header::decode(header_bytes), protocol::Signature::from_slice(signature)) {
        (Ok(header), Ok(signature)) => Named {
            chain: header.chain,
            sequence: header.sequence,
            digest: record::record_digest(header_bytes, &signature),
        },
        _ => unreadable,
    }
}

impl From<&Candidate> for Named {
    fn from(candidate: &Candidate) -> Self {
        let header = candidate.record.header();
        Self { chain: header.chain, sequence: header.sequence, digest: candidate.digest }
    }
}

/// A length-delimited protobuf field with this key at the front of `bytes`, and what follows it.
fn field(bytes: &[u8], key: u8) -> Option<(&[u8], &[u8])> {
    let mut rest = bytes.strip_prefix(&[key])?;
    let mut length = 0_usize;
    for shift in [0, 7, 14] {
        let (byte, after) = rest.split_first()?;
        rest = after;
        length |= usize::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return rest.split_at_checked(length);
        }
    }
    None
}

/// Declaration kind: a gateway with this key belongs to the site. Body `{gateway, key}`.
pub const ENROLLED: &str = "gateway_enrolled";
/// Declaration kind: the gateway's records are no longer taken. Body `{gateway}`.
pub const REVOKED: &str = "gateway_revoked";
/// Declaration kind: the server took these records from a file that was carried to it. Body `{gateway, chain, first, last, file}`.
pub const CARRIED: &str = "records_carried";
/// Contradicting records kept per gateway: enough to prove a clone, too few to fill a disk.
pub const QUARANTINE_MAX: u32 = 16;
/// A record whose derived time is further from now than this is taken and flagged, ms.
pub const LATE_MS: i64 = 24 * 3_600 * 1_000;
/// Technical English of a conflict refusal.
const CONFLICT_DETAIL: &str = "another record with this chain and sequence, validly signed, is already held: \
     two boxes use this gateway's key, or an old disk image was started; open a new chain";
