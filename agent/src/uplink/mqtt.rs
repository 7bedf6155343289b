//! The MQTT connection: a transport and nothing more.
//!
//! Constraints:
//! 1. rumqttc forgets publishes in flight when the broker has forgotten the session, reconnects without pause, and can stall for
//!    ever after a packet-id collision (rumqtt #1014, #1056). So a client lives exactly as long as one connection: after any
//!    error it is dropped, and delivery sends again from the buffer.
//! 2. Its acknowledgements are ignored; only receipts count.
//! 3. `EventLoop::poll` must not be cancelled half way, so it runs in a task of its own that is ended as a whole.
//! 4. Bounded: 512 KiB per packet, [`QUEUE_EXTRA`] publishes beyond delivery's window.

use std::sync::Arc;
use std::time::Duration;

use protocol::topic::{Channel, Topic};
use protocol::{GatewayId, SiteId};
use rumqttc::{
    AsyncClient, ConnectionError, Event, EventLoop, MqttOptions, NetworkOptions, Packet, QoS, TlsConfiguration,
    Transport,
};
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use crate::locale::{Words, words};

/// Largest packet either way.
const PACKET_BYTES_MAX: usize = 512 * 1_024;

/// Publishes that may wait in the client beyond delivery's window (latest values).
const QUEUE_EXTRA: usize = 8;

const KEEP_ALIVE: Duration = Duration::from_secs(30);
const CONNECT_SECS: u64 = 10;

/// First and longest wait between two attempts to connect.
const RETRY_MS: (u64, u64) = (500, 30_000);

/// Where and how to connect.
#[derive(Clone)]
pub struct Link {
    /// Host name or address.
    pub host: String,
    /// Port.
    pub port: u16,
    /// `None`: plain TCP. Read anew for every connection, because certificates are renewed.
    pub tls: watch::Receiver<Option<Arc<rustls::ClientConfig>>>,
    /// For an external broker.
    pub credentials: Option<(String, String)>,
    /// Our site.
    pub site: SiteId,
    /// Our name.
    pub gateway: GatewayId,
    /// Delivery's window.
    pub window: usize,
}

/// What the connection tells delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LinkEvent {
    /// Connected and subscribed.
    Connected,
    /// Not connected.
    Disconnected {
        /// The reason for people.
        reason: Words,
        /// The server, or we, found a certificate expired.
        expired: bool,
    },
    /// A message on the receipt topic.
    Message(Vec<u8>),
}

/// What delivery tells the connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LinkCommand {
    /// Publish a record.
    Record(Vec<u8>),
    /// Publish latest values; dropped when not connected.
    State(Vec<u8>),
    /// Drop this client and build a new one.
    Rebuild,
}

/// Keeps a connection until `shutdown`. `random`: for jitter.
pub async fn run(
    link: Link,
    mut commands: mpsc::Receiver<LinkCommand>,
    events: mpsc::Sender<LinkEvent>,
    shutdown: CancellationToken,
    mut random: impl FnMut() -> u64,
) {
    let mut failures = 0_u32;
    while !shutdown.is_cancelled() {
        let (client, event_loop) = client(&link);
        let (sender, mut polled) = mpsc::channel(16);
        let poller = tokio::spawn(poll(event_loop, sender));
        let mut connected = false;
        let reason = loop {
            tokio::select! {
                () = shutdown.cancelled() => break None,
                command = commands.recv() => match command {
                    Some(LinkCommand::Rebuild) => {
                        break Some((words!("长时间没有回执，重新建立连接", "no receipt for a long time; building a new connection"), false));
                    }
                    Some(LinkCommand::Record(bytes)) if connected => publish(&client, &link, Channel::Record, bytes),
                    Some(LinkCommand::State(bytes)) if connected => publish(&client, &link, Channel::State, bytes),
                    // Delivery learns of the connection's end and sends again.
                    Some(_) => {}
                    None => break None,
                },
                event = polled.recv() => match event {
                    Some(Polled::Connected) => {
                        let topic = Topic::new(&link.site, &link.gateway, Channel::Receipt).to_string();
                        if client.try_subscribe(topic, QoS::AtLeastOnce).is_err() {
                            break Some((words!("无法订阅回执", "cannot subscribe to receipts"), false));
                        }
                    }
                    Some(Polled::Subscribed(true)) => {
                        connected = true;
                        failures = 0;
                        if events.send(LinkEvent::Connected).await.is_err() { break None; }
                    }
                    Some(Polled::Subscribed(false)) => {
                        break Some((words!("服务器拒绝订阅回执：检查网关是否已入网", "the server refused the receipt topic: is this gateway enrolled there?"), false));
                    }
                    Some(Polled::Message(bytes)) => {
                        if events.send(LinkEvent::Message(bytes)).await.is_err() { break None; }
                    }
                    Some(Polled::Failed(chain)) => break Some((explain(&chain), is_expired(&chain))),
                    None => break Some((words!("连接已断开", "the connection ended"), false)),
                },
            }
        };
        let Some((reason, expired)) = reason else {
            // An orderly goodbye; what it does not reach is sent again anyway.
            let _ = client.try_disconnect();
            let _ = tokio::time::timeout(Duration::from_millis(300), poller).await;
            return;
        };
        poller.abort();
        if events.send(LinkEvent::Disconnected { reason, expired }).await.is_err() {
            return;
        }
        let doubled = RETRY_MS.0.saturating_mul(1 << failures.min(16)).min(RETRY_MS.1);
        failures += 1;
        let wait = Duration::from_millis(doubled / 2 + random() % doubled);
        let until = tokio::time::Instant::now() + wait;
        // Commands that arrive meanwhile are void: delivery begins anew after the connection.
        loop {
            tokio::select! {
                () = shutdown.cancelled() => return,
                () = tokio::time::sleep_until(until) => break,
                command = commands.recv() => if command.is_none() { return },
            }
        }
    }
}

fn client(link: &Link) -> (AsyncClient, EventLoop) {
    let name = format!("gz-{}-{}", link.site, link.gateway);
    let mut options = MqttOptions::new(name, link.host.clone(), link.port);
    options.set_keep_alive(KEEP_ALIVE);
    options.set_clean_session(false);
    options.set_max_packet_size(PACKET_BYTES_MAX, PACKET_BYTES_MAX);
    // Packet ids wrap at this number; more than are ever under way, so that none collides.
    options.set_inflight((link.window + QUEUE_EXTRA).min(1_000) as u16);
    if let Some((user, password)) = &link.credentials {
        options.set_credentials(user, password);
    }
    if let Some(tls) = link.tls.borrow().clone() {
        options.set_transport(Transport::tls_with_config(TlsConfiguration::Rustls(tls)));
    }
    let (client, mut event_loop) = AsyncClient::new(options, link.window + QUEUE_EXTRA);
    let mut network = NetworkOptions::new();
    network.set_connection_timeout(CONNECT_SECS);
    network.set_tcp_nodelay(true);
    event_loop.set_network_options(network);
    (client, event_loop)
}

fn publish(client: &AsyncClient, link: &Link, channel: Channel, bytes: Vec<u8>) {
    let topic = Topic::new(&link.site, &link.gateway, channel).to_string();
    if client.try_publish(topic, QoS::AtLeastOnce, false, bytes).is_err() {
        // The queue holds more than the window, so this is a stalled client; delivery's time-out rebuilds it.
        tracing::warn!(channel = channel.name(), "The MQTT client does not take a message.");
    }
}

enum Polled {
    Connected,
    Subscribed(bool),
    Message(Vec<u8>),
    /// The error with its causes.
    Failed(String),
}

async fn poll(mut event_loop: EventLoop, sender: mpsc::Sender<Polled>) {
    loop {
        let polled = match event_loop.poll().await {
            Ok(Event::Incoming(Packet::ConnAck(_))) => Polled::Connected,
            Ok(Event::Incoming(Packet::SubAck(ack))) => {
                let granted =
                    |code: &rumqttc::SubscribeReasonCode| matches!(code, rumqttc::SubscribeReasonCode::Success(_));
                Polled::Subscribed(ack.return_codes.iter().all(granted))
            }
            Ok(Event::Incoming(Packet::Publish(publish))) => Polled::Message(publish.payload.to_vec()),
            Ok(_) => continue,
            Err(error) => {
                let _ = sender.send(Polled::Failed(chain(&error))).await;
                return;
            }
        };
        if sender.send(polled).await.is_err() {
            return;
        }
    }
}

/// An error and its causes on one line.
fn chain(error: &ConnectionError) -> String {
    let mut chain = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        let text = cause.to_string();
        if !chain.contains(&text) {
            chain = format!("{chain}: {text}");
        }
        source = cause.source();
    }
    chain
}

fn is_expired(chain: &str) -> bool {
    chain.contains("CertificateExpired") || chain.contains("certificate expired") || chain.contains("Expired")
}

/// What a connection error means for the person at the gateway.
fn explain(chain: &str) -> Words {
    if chain.contains("ApplicationVerificationFailure") || chain.contains("application verification failure") {
        return words!(
            "对方不是入网时的服务器（密钥不同），已拒绝连接。如服务器确已更换，请用新的入网码重新入网",
            "this is not the server we enrolled with (another key); not connected. If the server was replaced, enrol again with a new code"
        );
    }
    if is_expired(chain) {
        return words!(
            "证书已过期：正在向入网端口申请更新；也请检查时钟。数据继续缓存，不会丢失（{chain}）",
            "a certificate has expired: it is being renewed at the enrolment port; check the clock too. Records stay in the buffer ({chain})"
        );
    }
    if chain.contains("Connection refused, return code") {
        return words!("服务器拒绝登录：{chain}", "the server refused the login: {chain}");
    }
    if chain.contains("refused") {
        return words!(
            "服务器端口没有响应（{chain}）：检查地址、端口和防火墙",
            "nothing listens there ({chain}): check address, port and firewall"
        );
    }
    words!("连接失败：{chain}", "not connected: {chain}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn server_with_another_key_is_named_as_such_in_both_languages() {
        let words = explain("TLS: I/O: invalid peer certificate: ApplicationVerificationFailure");
        let en = "this is not the server we enrolled with (another key); not connected. If the server was replaced, enrol again";
        let zh = "对方不是入网时的服务器（密钥不同），已拒绝连接。如服务器确已更换，请用新的入网码重新入网";
        assert!(words.en.contains(en) && words.zh.contains(zh), "{words} {}", words.zh);
    }

    #[test]
    fn expired_certificate_may_only_renew_and_says_so() {
        let words = explain("I/O: received fatal alert: CertificateExpired");
        let en =
            "a certificate has expired: it is being renewed at the enrolment port; check the clock too. Records stay";
        let zh = "证书已过期：正在向入网端口申请更新；也请检查时钟。数据继续缓存，不会丢失";
        assert!(words.en.contains(en) && words.zh.contains(zh), "{words} {}", words.zh);
    }
}
