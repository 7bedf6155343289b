//! The other way in: an external broker (Mosquitto, EMQX, NATS, RabbitMQ) chosen by configuration.
//!
//! Constraints:
//!
//! 1. The broker is transport only. Its acknowledgements mean nothing to a gateway's buffer; receipts do, and they travel
//!    back through the same broker. A message it loses is sent again.
//! 2. Without our endpoint there is no certificate to prove who published: the topic says whose record it is, the signature
//!    inside proves it, and the broker's own access rules keep gateways from disturbing each other.
//! 3. A message is acknowledged to the broker when it was answered, so that one in flight during our crash comes again. A
//!    refusal is an answer, and so is "the disk is full": brokers send only so many messages (Mosquitto: 20) before they
//!    wait for acknowledgements, so keeping back one for each record we have no room for would stop everything, for ever.
//!    The gateway keeps every record until its receipt. Messages nobody can answer are acknowledged too.
//! 4. A message larger than any record must not end every connection: the broker would deliver it again and again.
//! 5. rumqttc can stall (lost session with a packet id collision): no event for a while, and the client is rebuilt.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use protocol::topic::{Channel, Topic};
use protocol::{GatewayId, SiteId};
use rumqttc::{
    AsyncClient, ConnectionError, Event, EventLoop, MqttOptions, Packet, Publish, QoS, StateError, TlsConfiguration,
    Transport, mqttbytes,
};
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::{Answer, Ingest, Pusher};

#[cfg(test)]
mod tests;

/// How to reach the broker.
#[derive(Debug, Clone)]
pub struct BrokerOptions {
    /// Host name or address.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// Trust anchor of its certificate, PEM: there if and only if the connection is encrypted. The configuration refuses
    /// `mqtts` without one, and certificates without `mqtts`.
    pub ca_pem: Option<Vec<u8>>,
    /// Client certificate chain and key, PEM.
    pub client_pem: Option<(Vec<u8>, Vec<u8>)>,
    /// User name and password.
    pub credentials: Option<(String, String)>,
    /// Client id: must differ between servers on one broker.
    pub client_id: String,
}

/// Pushes through the broker's client, which changes when it is rebuilt.
#[derive(Default)]
pub struct BrokerPusher {
    client: RwLock<Option<AsyncClient>>,
}

impl Pusher for BrokerPusher {
    fn push(&self, site: &SiteId, gateway: &GatewayId, message: Vec<u8>) -> bool {
        let client = self.client.read().unwrap_or_else(PoisonError::into_inner);
        let topic = Topic::new(site, gateway, Channel::Receipt).to_string();
        client.as_ref().is_some_and(|client| client.try_publish(topic, QoS::AtLeastOnce, false, message).is_ok())
    }
}

/// Runs until cancelled: connects, subscribes, submits, and connects again.
pub async fn run(options: BrokerOptions, ingest: Ingest, pusher: Arc<BrokerPusher>, stop: CancellationToken) {
    let mut wait = RECONNECT_MIN;
    // The broker may keep what came while we were away; what it lost comes again from the gateways.
    let mut clean = false;
    loop {
        let mut mqtt = mqtt_options(&options);
        mqtt.set_clean_session(clean);
        let (client, events) = AsyncClient::new(mqtt, CLIENT_QUEUE);
        pusher.client.write().unwrap_or_else(PoisonError::into_inner).replace(client.clone());
        tokio::select! {
            ended = session(client, events, &ingest) => {
                if ended.connected {
                    wait = RECONNECT_MIN;
                }
                clean = ended.oversized;
                tracing::warn!(host = %options.host, port = options.port, "Connection to the broker lost; connecting again.");
            }
            () = stop.cancelled() => return,
        }
        tokio::select! {
            () = tokio::time::sleep(wait) => wait = (wait * 2).min(RECONNECT_MAX),
            () = stop.cancelled() => return,
        }
    }
}

/// Connects as the server would, under another client id so that a running server keeps its place, and leaves again.
///
/// # Errors
/// What the broker or the network said.
pub async fn probe(options: &BrokerOptions) -> Result<(), String> {
    let own = BrokerOptions { client_id: format!("{}-doctor", options.client_id), ..options.clone() };
    let mut mqtt = mqtt_options(&own);
    mqtt.set_clean_session(true);
    let (client, mut events) = AsyncClient::new(mqtt, 4);
    let connected = async {
        loop {
            match events.poll().await {
                Ok(Event::Incoming(Packet::ConnAck(_))) => return Ok(()),
                Ok(_) => {}
                Err(error) => return Err(error.to_string()),
            }
        }
    };
    timeout(PROBE, connected).await.map_err(|_| format!("no answer within {} s", PROBE.as_secs()))??;
    if client.try_disconnect().is_ok() {
        // Until the packet is out; the end of the connection is no concern any more.
        let _ = timeout(Duration::from_secs(1), async { while events.poll().await.is_ok() {} }).await;
    }
    Ok(())
}

/// How a connection ended.
#[derive(Default)]
struct Ended {
    /// It came to subscribing.
    connected: bool,
    /// By a message larger than any record: the next session starts clean, without it.
    oversized: bool,
}

/// One connection's life.
async fn session(client: AsyncClient, mut events: EventLoop, ingest: &Ingest) -> Ended {
    let mut ended = Ended::default();
    // Answers arrive in the order of submission; one task acknowledges them in that order.
    let (answers, pending) = mpsc::unbounded_channel::<Pending>();
    let acknowledging = tokio::spawn(acknowledge(client.clone(), pending));
    loop {
        let event = match timeout(STALLED, events.poll()).await {
            Ok(Ok(event)) => event,
            Ok(Err(error)) => {
                ended.oversized = is_oversized(&error);
                if ended.oversized {
                    tracing::warn!(
                        limit = PACKET_MAX,
                        "Somebody published a message larger than any record; it is dropped with the broker's session. Gateways send again what was not receipted."
                    );
                } else {
                    tracing::info!(%error, "Broker connection.");
                }
                break;
            }
            Err(_) => {
                tracing::warn!("The broker's client made no progress; building it anew.");
                break;
            }
        };
        match event {
            Event::Incoming(Packet::ConnAck(_)) => {
                ended.connected = true;
                for channel in [Channel::Record, Channel::State] {
                    let filter = format!("gz/v1/+/+/{}", channel.name());
                    if client.try_subscribe(filter, QoS::AtLeastOnce).is_err() {
                        acknowledging.abort();
                        return ended;
                    }
                }
                tracing::info!("Connected to the broker.");
            }
            Event::Incoming(Packet::Publish(publish)) => {
                let answer = match Topic::parse(&publish.topic) {
                    Ok(topic) if topic.channel == Channel::Record => {
                        Some(ingest.submit(topic.site, topic.gateway, publish.payload.to_vec()))
                    }
                    Ok(topic) if topic.channel == Channel::State => {
                        ingest.take_state(topic.site, topic.gateway, &publish.payload);
                        None
                    }
                    // The filter lets through names that no gateway can have.
                    Ok(_) | Err(_) => None,
                };
                // Bounded by the broker: it sends only so many before we acknowledge.
                if answers.send((publish, answer)).is_err() {
                    break;
                }
            }
            _ => {}
        }
    }
    acknowledging.abort();
    ended
}

fn is_oversized(error: &ConnectionError) -> bool {
    use mqttbytes::Error::PayloadSizeLimitExceeded;
    matches!(error, ConnectionError::MqttState(StateError::Deserialization(PayloadSizeLimitExceeded(_))))
}

/// A message, and the answer to it if it needs one.
type Pending = (Publish, Option<tokio::sync::oneshot::Receiver<Answer>>);

async fn acknowledge(client: AsyncClient, mut pending: mpsc::UnboundedReceiver<Pending>) {
    while let Some((publish, answer)) = pending.recv().await {
        let answered = match answer {
            // No room is an answer, see the module's constraints; only a stopping server gives none.
            Some(answer) => matches!(answer.await, Ok(Answer::Answered | Answer::Unavailable)),
            None => true,
        };
        if answered {
            let _ = client.ack(&publish).await;
        }
    }
}

fn mqtt_options(options: &BrokerOptions) -> MqttOptions {
    let mut mqtt = MqttOptions::new(&options.client_id, &options.host, options.port);
    mqtt.set_keep_alive(KEEP_ALIVE);
    mqtt.set_max_packet_size(PACKET_MAX, PACKET_MAX);
    mqtt.set_manual_acks(true);
    if let Some((user, password)) = &options.credentials {
        mqtt.set_credentials(user, password);
    }
    if let Some(ca) = &options.ca_pem {
        mqtt.set_transport(Transport::Tls(TlsConfiguration::Simple {
            ca: ca.clone(),
            alpn: None,
            client_auth: options.client_pem.clone(),
        }));
    }
    mqtt
}

const KEEP_ALIVE: Duration = Duration::from_secs(30);
/// Longer than a keep-alive round: pings alone are progress.
const STALLED: Duration = Duration::from_secs(75);
/// What `doctor` waits for an answer.
const PROBE: Duration = Duration::from_secs(10);
const RECONNECT_MIN: Duration = Duration::from_millis(500);
const RECONNECT_MAX: Duration = Duration::from_secs(30);
/// Requests (receipts, acknowledgements) waiting for the event loop.
const CLIENT_QUEUE: usize = 4096;
/// A record, its topic, and MQTT's framing.
const PACKET_MAX: usize = 264 * 1024;
