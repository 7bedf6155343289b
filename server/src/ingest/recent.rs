//! Digests of the records taken last, of all sites together.
//!
//! Whether a record that comes again is the one already held is answered by the site's log. Records that are journalled and
//! not yet leaves are not in it: they are here. Bounded by their number, whatever the number of gateways and chains, so
//! that remembering costs nothing per site state that is copied or written.

use std::collections::{BTreeMap, VecDeque};

use protocol::{ChainId, Digest, GatewayId, Kind, Record, SiteId};

use super::journal::GROUP_MAX;

/// Places in chains and the digests of the records that stand there. `Lost` is left out: it stands for many places, and
/// what was declared lost stays so.
#[derive(Default)]
pub(super) struct Recent {
    order: VecDeque<Place>,
    digests: BTreeMap<Place, Digest>,
}

type Place = (SiteId, GatewayId, ChainId, u64);

impl Recent {
    /// Remembers a record that was taken; how many that is, 0 or 1.
    pub(super) fn push(&mut self, record: &Record) -> usize {
        let header = record.header();
        if header.kind == Kind::Lost {
            return 0;
        }
        let place = (header.site.clone(), header.gateway.clone(), header.chain, header.sequence);
        self.digests.insert(place.clone(), record.digest());
        self.order.push_back(place);
        // A group that fails is forgotten from the back; what was pending before it must then still be here.
        if self.order.len() > PENDING_MAX + GROUP_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.digests.remove(&oldest);
        }
        1
    }

    /// Forgets the `count` newest: their group was not journalled.
    pub(super) fn forget(&mut self, count: usize) {
        for place in self.order.split_off(self.order.len().saturating_sub(count)) {
            self.digests.remove(&place);
        }
    }

    /// The digest at a place, if it is remembered.
    pub(super) fn get(&self, site: &SiteId, gateway: &GatewayId, chain: ChainId, sequence: u64) -> Option<Digest> {
        self.digests.get(&(site.clone(), gateway.clone(), chain, sequence)).copied()
    }
}

/// Most entries that are journalled and not yet in the logs: everything among them must be remembered.
pub(super) const PENDING_MAX: usize = 2048;

/// The same in bytes: contents wait in memory until they are in the logs.
pub(super) const PENDING_BYTES_MAX: usize = 64 * 1024 * 1024;
