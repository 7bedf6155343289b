//! What a chain could not deliver, again in the chain that grows.
//!
//! Constraints: the same content bytes and the same clock, so that its readings keep their place in time; only the place in
//! the chain is new. What was damaged is said to be lost, once for however many there were.

use protocol::{Content, Digest, Header, Lost, LostCause, Record};

use super::Sealer;
use crate::chain::ChainState;
use crate::clock::ClockReading;

/// What a new chain takes over from the one that was given up.
#[derive(Debug, Clone, PartialEq)]
pub enum Repeat {
    /// A record that the server does not have.
    Record(Box<Record>),
    /// At this place records were lost to damage on this disk.
    Damaged,
}

impl Sealer {
    /// Repeats, in the chain that grows, what the one before could not deliver: the same content bytes and the same clock, so
    /// that its readings keep their place in time, under new headers.
    pub fn refile(&mut self, repeats: Vec<Repeat>) {
        self.refiled = repeats;
    }

    pub(super) fn seal_refiled(
        &self,
        chain: &mut ChainState,
        now: ClockReading,
        records: &mut Vec<Vec<u8>>,
    ) -> protocol::Result<()> {
        for repeat in &self.refiled {
            let Repeat::Record(record) = repeat else {
                // One Lost for however many: a reader takes the time between its neighbours for the gap.
                let (from, cause) = (chain.sequence, LostCause::Damaged);
                let (previous, next) = (chain.previous, Digest::ZERO);
                let lost = Lost { from, to: from, cause, previous, next, receipt: Vec::new() };
                let content = Content::Lost(lost).encode()?;
                records.push(self.sign(chain, protocol::Kind::Lost, content, 0, None, now)?);
                continue;
            };
            let old = record.header();
            if !matches!(old.kind, protocol::Kind::Batch | protocol::Kind::Configuration) {
                continue;
            }
            let header = Header {
                chain: chain.chain,
                sequence: chain.sequence,
                previous: chain.previous,
                configuration: if old.kind == protocol::Kind::Batch { old.configuration } else { chain.configuration },
                ..old.clone()
            };
            let again = Record::sign(header, record.content_bytes().to_vec(), &self.signer.key)?;
            chain.sequence += 1;
            chain.previous = again.digest();
            if old.kind == protocol::Kind::Configuration {
                chain.configuration = old.content_digest;
            }
            records.push(again.encode());
        }
        Ok(())
    }
}
