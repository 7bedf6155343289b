//! What the network would carry, by stick: the same records out of the same buffer, the same receipts into the same delivery.
//!
//! Constraints
//! 1. What a file gets is what would be published: the buffered bytes, and where those are damaged the one `Lost` that is kept for them.
//! 2. Exporting moves nothing: no cursor, no window. Only a receipt frees, whichever way it comes.

use protocol::carry::{Cargo, Head, RECORDS_MAX};
use tokio::sync::oneshot;

use super::delivery::Input;
use super::{Uplink, words};
use crate::locale::Words;

/// What [`crate::carry`] asks the uplink.
#[derive(Debug)]
pub enum Asked {
    /// Which records the next file holds, from this position on at the earliest.
    Plan {
        /// First position wanted.
        from: u64,
        /// The answer.
        reply: oneshot::Sender<Plan>,
    },
    /// The record at `position`, and the position after it; a damaged stretch ends at `to`. `None`: the disk failed.
    Load {
        /// Which.
        position: u64,
        /// End of the file.
        to: u64,
        /// The answer.
        reply: oneshot::Sender<Option<(u64, Vec<u8>)>>,
    },
    /// A server message from a file.
    Message {
        /// Its bytes.
        bytes: Vec<u8>,
        /// The answer.
        reply: oneshot::Sender<Told>,
    },
}

/// One file of records: positions `position..to`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// Its first position.
    pub position: u64,
    /// Position after its last.
    pub to: u64,
    /// Its head; `None` when nothing waits.
    pub head: Option<Head>,
    /// Records that wait from `position` on.
    pub waiting: u64,
}

/// What a server message came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Told {
    /// Records that are receipted now and were not before.
    pub receipted: u64,
    /// Records that wait still.
    pub waiting: u64,
    /// What a person should know.
    pub words: Vec<Words>,
}

impl Uplink {
    pub(super) async fn answer(&mut self, asked: Asked) {
        // Who hung up need not be told.
        match asked {
            Asked::Plan { from, reply } => drop(reply.send(self.plan(from))),
            Asked::Load { position, to, reply } => drop(reply.send(self.produce(position, to).await)),
            Asked::Message { bytes, reply } => {
                let before = self.delivery.receipted_end();
                self.told = Some(Vec::new());
                self.carry_out(Input::Carried(bytes)).await;
                let now = self.delivery.receipted_end();
                let waiting = self.context.shore.borrow().end.saturating_sub(now);
                let words = self.told.take().unwrap_or_default().iter().map(words::explain).collect();
                drop(reply.send(Told { receipted: now.saturating_sub(before), waiting, words }));
            }
        }
    }

    fn plan(&self, from: u64) -> Plan {
        let shore = self.context.shore.borrow();
        let position = from.max(self.delivery.receipted_end()).min(shore.end);
        let waiting = shore.end - position;
        let span = shore.spans.iter().rev().find(|span| span.first_position <= position);
        let Some(span) = span.filter(|_| waiting > 0) else {
            return Plan { position, to: position, head: None, waiting };
        };
        let to = span.end_position.unwrap_or(shore.end).min(shore.end).min(position + RECORDS_MAX);
        let (first, last) = (position - span.first_position, to - 1 - span.first_position);
        let (site, gateway) = (self.context.peer.site.clone(), self.context.peer.gateway.clone());
        let head = Head { site, gateway, cargo: Cargo::Records { chain: span.chain, first, last } };
        Plan { position, to, head: Some(head), waiting }
    }

    async fn produce(&mut self, position: u64, to: u64) -> Option<(u64, Vec<u8>)> {
        let loaded = match self.load(position).await {
            Input::Missing { end, cause, .. } => self.substitute(position, end.min(to), cause, None).await?,
            loaded => loaded,
        };
        match loaded {
            Input::Loaded { end, bytes, .. } => Some((end, bytes)),
            _ => None,
        }
    }
}
