//! Ties the MQTT endpoint to `ingest`: identities become ids, publishes become submissions, messages become pushes.

use std::future::Future;
use std::sync::Arc;

use endpoint::{Handle, Handler, Identity, Peer, Publish, Push, Reject};
use protocol::{GatewayId, SiteId};

use super::{Answer, Ingest, Pusher};

/// The application behind the endpoint.
pub struct Gateways {
    ingest: Ingest,
}

impl Gateways {
    /// Serves `ingest`.
    pub fn new(ingest: Ingest) -> Arc<Self> {
        Arc::new(Self { ingest })
    }
}

impl Handler for Gateways {
    /// A certificate of our CA is not enough: after a gateway was enrolled anew, the old box's key no longer counts.
    /// Revoked and unknown gateways are let in, so that they hear a signed refusal instead of a closed door.
    fn admit(&self, peer: &Peer) -> bool {
        let Some((site, gateway)) = ids(&peer.identity) else { return false };
        match self.ingest.gateway_keys(&site, &gateway) {
            None => true,
            Some(keys) => {
                let shown = data_encoding::HEXLOWER.encode(&peer.key);
                shown == keys.key || shown == keys.enrolled_key
            }
        }
    }

    fn on_publish(
        &self,
        peer: &Peer,
        publish: Publish,
        payload: Vec<u8>,
    ) -> impl Future<Output = Result<(), Reject>> + Send + 'static {
        let answer = match (ids(&peer.identity), publish) {
            (Some((site, gateway)), Publish::Record) => Some(self.ingest.submit(site, gateway, payload)),
            (Some((site, gateway)), Publish::State) => {
                self.ingest.take_state(site, gateway, &payload);
                None
            }
            (None, _) => None,
        };
        async move {
            match answer {
                None => Ok(()),
                Some(answer) => match answer.await {
                    Ok(Answer::Answered) => Ok(()),
                    Ok(Answer::Unavailable) | Err(_) => Err(Reject),
                },
            }
        }
    }

    fn on_oversized(&self, peer: &Peer, bytes: usize, limit: u32) {
        if let Some((site, gateway)) = ids(&peer.identity) {
            self.ingest.note_oversized(&site, &gateway, bytes, limit);
        }
    }

    fn on_connect(&self, peer: &Peer) -> impl Future<Output = Vec<Vec<u8>>> + Send + 'static {
        let greeting = ids(&peer.identity).map(|(site, gateway)| self.ingest.greet(site, gateway));
        async move {
            match greeting {
                Some(receipt) => receipt.await.into_iter().collect(),
                None => Vec::new(),
            }
        }
    }
}

/// Pushes through the endpoint.
pub struct EndpointPusher(pub Handle);

impl Pusher for EndpointPusher {
    fn push(&self, site: &SiteId, gateway: &GatewayId, message: Vec<u8>) -> bool {
        Identity::new(site.as_str(), gateway.as_str()).is_ok_and(|id| self.0.send(&id, Push::Receipt, message))
    }
}

fn ids(identity: &Identity) -> Option<(SiteId, GatewayId)> {
    Some((identity.site().parse().ok()?, identity.gateway().parse().ok()?))
}
