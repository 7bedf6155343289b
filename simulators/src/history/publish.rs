//! Sending the history: in sequence, a bounded window ahead of the receipts, again after every reconnect.
//!
//! Only a receipt whose digest is the digest of our record at that sequence moves the window; PUBACKs mean nothing. When
//! nothing is receipted for [`STALL`] everything unreceipted is sent again; when a connection fails it is made again after
//! a short pause. Gives up when there was no progress at all for [`GIVE_UP`].

use super::enrol::Enrolment;
use super::producer::{Producer, Totals};
use super::tls;
use crate::told::Told;
use protocol::topic::{Channel, Topic};
use protocol::{Digest, RefusalReason, SecretKey, ServerMessage};
use rumqttc::{AsyncClient, Event, Incoming, MqttOptions, QoS, TlsConfiguration, Transport};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::mpsc;

/// Without a new receipt for this long, everything unreceipted is sent again.
const STALL: Duration = Duration::from_secs(15);
/// Without any progress for this long, the run fails.
const GIVE_UP: Duration = Duration::from_secs(180);
/// Pause before connecting again.
const PAUSE: Duration = Duration::from_millis(500);
/// Largest MQTT packet.
const PACKET_MAX: usize = 300 * 1024;

/// Why the history could not be sent.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// The enrolment cannot be used.
    #[error("the enrolment cannot be used: {0}; move the state directory away and enrol again")]
    Enrolment(String),
    /// The protocol refused our own record.
    #[error("a record could not be made: {0}")]
    Record(#[from] protocol::Error),
    /// The server refused a record for good.
    #[error("the server refused record {sequence} for good ({reason}): {detail}")]
    Refused {
        /// Which.
        sequence: u64,
        /// Why.
        reason: &'static str,
        /// The server's words.
        detail: String,
    },
    /// Nothing moved for too long.
    #[error("no receipt from {address} for {} s (last error: {last}); is the server running and the site simulated?", GIVE_UP.as_secs())]
    Stalled {
        /// Where we sent.
        address: String,
        /// The last connection error.
        last: String,
    },
}

impl PublishError {
    /// In both languages.
    pub fn told(&self) -> Told {
        let en = self.to_string();
        let zh = match self {
            Self::Enrolment(reason) => format!("入网信息无法使用：{reason}；移走状态目录并重新入网"),
            Self::Record(error) => format!("无法生成记录：{error}"),
            Self::Refused { sequence, reason, detail } => {
                format!("服务器最终拒绝了第 {sequence} 号记录（{reason}）：{detail}")
            }
            Self::Stalled { address, last } => format!(
                "{} 秒没有收到 {address} 的回执（最后的错误：{last}）：服务器在运行吗？站点是模拟站点吗？",
                GIVE_UP.as_secs()
            ),
        };
        Told { zh, en }
    }
}

/// What was sent.
#[derive(Debug, Clone, Copy)]
pub struct Published {
    /// What the producer made.
    pub totals: Totals,
    /// Records sent more than once.
    pub resent: u64,
    /// Times the connection was made.
    pub connections: u64,
}

struct Waiting {
    sequence: u64,
    digest: Digest,
    bytes: Vec<u8>,
}

/// Send every record of `producer` and return when the last one is receipted. `progress` is told (receipted, made).
///
/// # Errors
/// See [`PublishError`].
pub async fn publish(
    producer: &mut Producer,
    enrolment: &Enrolment,
    key: &SecretKey,
    window: usize,
    mut progress: impl FnMut(u64, &Totals),
) -> Result<Published, PublishError> {
    let log_key = enrolment.verifier().map_err(|error| PublishError::Enrolment(error.to_string()))?.key;
    let address = enrolment.mqtt_host_port.clone();
    let (host, port) = address
        .rsplit_once(':')
        .and_then(|(host, port)| Some((host.to_owned(), port.parse::<u16>().ok()?)))
        .ok_or_else(|| PublishError::Enrolment(format!("{address:?} is not host:port")))?;
    let tls = tls_config(enrolment, key)?;
    let records = Topic::new(&enrolment.site, &enrolment.gateway, Channel::Record).to_string();
    let receipts = Topic::new(&enrolment.site, &enrolment.gateway, Channel::Receipt).to_string();

    let mut options = MqttOptions::new(format!("{}-{}", enrolment.site, enrolment.gateway), host, port);
    options.set_transport(Transport::tls_with_config(TlsConfiguration::Rustls(Arc::new(tls))));
    options.set_keep_alive(Duration::from_secs(30));
    options.set_clean_session(true);
    options.set_max_packet_size(PACKET_MAX, PACKET_MAX);
    options.set_inflight(u16::try_from(window).unwrap_or(u16::MAX).max(1));
    let (client, mut events) = AsyncClient::new(options, window * 2 + 8);
    // Polling has a task of its own: a poll that is given up half-way can lose a connection that is being made.
    let (heard, mut inbox) = mpsc::channel(256);
    let poller = tokio::spawn(async move {
        loop {
            let event = events.poll().await;
            let failed = event.is_err();
            if heard.send(event).await.is_err() {
                return;
            }
            if failed {
                tokio::time::sleep(PAUSE).await;
            }
        }
    });

    let mut waiting: VecDeque<Waiting> = VecDeque::new();
    let mut next = 0;
    let mut connected = false;
    let mut exhausted = false;
    let mut resent = 0;
    let mut connections = 0;
    let mut sent_through: Option<u64> = None;
    let mut last_progress = Instant::now();
    let mut last_send = Instant::now();
    let mut last_error = "none".to_owned();
    loop {
        while !exhausted && waiting.len() < window {
            match producer.next_record()? {
                Some(record) => waiting.push_back(Waiting {
                    sequence: record.header().sequence,
                    digest: record.digest(),
                    bytes: record.encode(),
                }),
                None => exhausted = true,
            }
        }
        if exhausted && waiting.is_empty() {
            // Every record is receipted: how the connection ends no longer matters.
            if client.try_disconnect().is_ok() {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            poller.abort();
            return Ok(Published { totals: producer.totals(), resent, connections });
        }
        while connected && next < waiting.len() {
            let record = &waiting[next];
            if client.try_publish(&records, QoS::AtLeastOnce, false, record.bytes.clone()).is_err() {
                break;
            }
            resent += u64::from(sent_through.is_some_and(|through| record.sequence <= through));
            sent_through = sent_through.max(Some(record.sequence));
            last_send = Instant::now();
            next += 1;
        }
        if last_progress.elapsed() > GIVE_UP {
            poller.abort();
            return Err(PublishError::Stalled { address, last: last_error });
        }
        if connected && last_progress.elapsed() > STALL && last_send.elapsed() > STALL {
            next = 0;
        }
        let event = match tokio::time::timeout(Duration::from_secs(1), inbox.recv()).await {
            Err(_) => continue,
            Ok(Some(Ok(event))) => event,
            Ok(Some(Err(error))) => {
                last_error = error.to_string();
                tracing::debug!(%error, "connection to the server failed");
                connected = false;
                next = 0;
                continue;
            }
            Ok(None) => return Err(PublishError::Stalled { address, last: "the connection task ended".to_owned() }),
        };
        match event {
            Event::Incoming(Incoming::ConnAck(_)) => {
                connections += 1;
                // Records wait until the receipts can be heard.
                if let Err(error) = client.try_subscribe(&receipts, QoS::AtLeastOnce) {
                    last_error = error.to_string();
                }
            }
            Event::Incoming(Incoming::SubAck(_)) => {
                connected = true;
                next = 0;
            }
            Event::Incoming(Incoming::Publish(message)) if message.topic == receipts => {
                match ServerMessage::verify(&message.payload, &log_key) {
                    Ok(ServerMessage::Receipt(receipt)) => {
                        let Some((_, through, digest)) = receipt.through else { continue };
                        // A server ahead of us holds our own earlier run: make records until we reach it.
                        while !exhausted && waiting.back().is_none_or(|last| last.sequence < through) {
                            match producer.next_record()? {
                                Some(record) => waiting.push_back(Waiting {
                                    sequence: record.header().sequence,
                                    digest: record.digest(),
                                    bytes: record.encode(),
                                }),
                                None => exhausted = true,
                            }
                            while waiting.len() > window && waiting.front().is_some_and(|w| w.sequence < through) {
                                waiting.pop_front();
                                next = next.saturating_sub(1);
                            }
                        }
                        if !waiting.iter().any(|w| w.sequence == through && w.digest == digest) {
                            continue;
                        }
                        while waiting.front().is_some_and(|w| w.sequence <= through) {
                            waiting.pop_front();
                            next = next.saturating_sub(1);
                        }
                        last_progress = Instant::now();
                        progress(through + 1, &producer.totals());
                    }
                    Ok(ServerMessage::Refusal(refusal)) => {
                        if !refusal.retry && refusal.reason != RefusalReason::OutOfOrder {
                            poller.abort();
                            return Err(PublishError::Refused {
                                sequence: refusal.sequence,
                                reason: refusal.reason.name(),
                                detail: refusal.detail,
                            });
                        }
                        last_error = format!("refused {}: {}", refusal.sequence, refusal.detail);
                        tokio::time::sleep(PAUSE).await;
                        next = waiting.iter().position(|w| w.sequence >= refusal.sequence).unwrap_or(0).min(next);
                    }
                    Err(error) => last_error = format!("a message not signed by our server: {error}"),
                }
            }
            _ => {}
        }
    }
}

fn tls_config(enrolment: &Enrolment, key: &SecretKey) -> Result<rustls::ClientConfig, PublishError> {
    let bad = |reason: &str| PublishError::Enrolment(reason.to_owned());
    let pin = enrolment.pin().ok_or_else(|| bad("the server's fingerprint is missing"))?;
    let chain: Result<Vec<_>, _> =
        CertificateDer::pem_slice_iter(enrolment.client_certificate_pem.as_bytes()).collect();
    let chain = chain.map_err(|_| bad("the client certificate is not PEM"))?;
    let private = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.to_pkcs8_der()));
    tls::client(pin, Some((chain, private))).map_err(|error| bad(&error.to_string()))
}
