//! A gateway for tests: makes signed records the way an agent does, and the wrong ones an agent never would.

use protocol::{
    Batch, BootId, ChainId, ChainStart, ChainStartCause, Clock, Content, Declaration, Digest, GatewayId, Header,
    KeyChange, Lost, LostCause, Quality, Reading, Record, SecretKey, SiteId, SyncState, Value,
};

use super::accept::ENROLLED;

/// See the module documentation.
#[derive(Clone)]
pub(crate) struct TestGateway {
    pub(crate) key: SecretKey,
    pub(crate) site: SiteId,
    pub(crate) id: GatewayId,
    pub(crate) chain: ChainId,
    pub(crate) sequence: u64,
    pub(crate) previous: Digest,
    pub(crate) simulated: bool,
    pub(crate) wall_ms: i64,
}

/// The moment at which tests play.
pub(crate) const NOW_MS: i64 = 1_800_000_000_000;

impl TestGateway {
    pub(crate) fn new(site: &str, id: &str) -> Self {
        let mut seed = [0; 32];
        for (place, byte) in seed.iter_mut().zip(format!("{site}/{id}").bytes()) {
            *place = byte;
        }
        Self {
            key: SecretKey::from_seed(&seed),
            site: site.parse().unwrap(),
            id: id.parse().unwrap(),
            chain: ChainId([7; 16]),
            sequence: 0,
            previous: Digest::ZERO,
            simulated: false,
            wall_ms: NOW_MS,
        }
    }

    pub(crate) fn enrolment(&self) -> Declaration {
        Declaration {
            kind: ENROLLED.into(),
            effective_from: NOW_MS,
            author: "server".into(),
            role: "enrolment".into(),
            reason: "test".into(),
            body: serde_json::json!({ "gateway": self.id, "key": self.key.public().hex() }),
        }
    }

    /// The next record of the chain: its start, then batches of one reading.
    pub(crate) fn next(&mut self) -> Record {
        if self.sequence == 0 {
            return self.next_with(&Content::ChainStart(ChainStart { cause: ChainStartCause::First, old: None }));
        }
        let value = self.sequence;
        self.next_with(&self.batch(value))
    }

    pub(crate) fn batch(&self, value: u64) -> Content {
        let reading = Reading {
            tag: 0,
            value: Value::U64(value),
            quality: Quality::Good,
            boot_ms: 1_000 * self.sequence as i64,
            source_ms: None,
        };
        Content::Batch(Batch::from_readings([reading], Vec::new(), Vec::new()))
    }

    /// The next record with this content.
    pub(crate) fn next_with(&mut self, content: &Content) -> Record {
        let record = self.record(content, self.sequence, self.previous);
        self.previous = record.digest();
        self.sequence += 1;
        if let Content::Lost(lost) = content {
            self.sequence = lost.to + 1;
            if !lost.next.is_zero() {
                self.previous = lost.next;
            }
        }
        record
    }

    /// Any record, without moving the chain.
    pub(crate) fn record(&self, content: &Content, sequence: u64, previous: Digest) -> Record {
        let readings = match content {
            Content::Batch(batch) => batch.len() as u32,
            _ => 0,
        };
        let header = Header {
            kind: content.kind(),
            site: self.site.clone(),
            gateway: self.id.clone(),
            chain: self.chain,
            sequence,
            previous,
            content_digest: Digest::ZERO,
            content_length: 0,
            readings,
            configuration: Digest::ZERO,
            agent_version: "0.1.0".into(),
            clock: Clock {
                boot_id: BootId([1; 16]),
                boot_ms: 1_000_000,
                wall_ms: self.wall_ms,
                sync: SyncState::Synchronised,
                error_ms: 10,
                server: None,
                simulated: self.simulated,
            },
            first_ms: 1_000_000,
            last_ms: 1_000_000,
        };
        Record::sign(header, content.encode().unwrap(), &self.key).unwrap()
    }

    pub(crate) fn lost(from: u64, to: u64, next: Digest) -> Content {
        Content::Lost(Lost { from, to, cause: LostCause::Damaged, previous: Digest::ZERO, next, receipt: Vec::new() })
    }

    pub(crate) fn key_change(new: &SecretKey) -> Content {
        Content::KeyChange(KeyChange::new(new))
    }
}
