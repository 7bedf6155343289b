//! Spoken to by a broker of a few lines, which counts what is acknowledged and when.

use protocol::{Record, Refusal, RefusalReason, ServerMessage};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::*;
use crate::ingest::testing::TestGateway;
use crate::ingest::tests::World;
use crate::storage::fake::FakeDisk;

const TOPIC: &str = "gz/v1/site-1/gw-1/record";
const RECEIPTS: &str = "gz/v1/site-1/gw-1/receipt";

/// What the server under test said to the broker.
#[derive(Debug)]
enum Said {
    /// The sequence held, as a receipt says. Checkpoints repeat receipts at any time.
    Holds(Option<u64>),
    Refused(Refusal),
    Acknowledged(u16),
}

struct Bench {
    world: Arc<World>,
    gateway: TestGateway,
    listener: TcpListener,
    stop: CancellationToken,
    task: tokio::task::JoinHandle<()>,
}

impl Bench {
    async fn start() -> Self {
        let (world, gateway) = tokio::task::spawn_blocking(|| {
            let world = World::bare(Arc::new(FakeDisk::default()), None);
            let gateway = world.enrol("site-1", "gw-1");
            (Arc::new(world), gateway)
        })
        .await
        .unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let options = BrokerOptions {
            host: "127.0.0.1".into(),
            port: listener.local_addr().unwrap().port(),
            ca_pem: None,
            client_pem: None,
            credentials: Some(("server".into(), "secret".into())),
            client_id: "gongzheng-server-test".into(),
        };
        let (pusher, stop) = (Arc::new(BrokerPusher::default()), CancellationToken::new());
        world.ingest.add_pusher(Arc::clone(&pusher) as Arc<dyn Pusher>);
        let task = tokio::spawn(run(options, world.ingest.clone(), pusher, stop.clone()));
        Self { world, gateway, listener, stop, task }
    }

    /// The server's next connection, subscribed; whether it asked for a clean session.
    async fn connection(&self) -> (Peer, bool) {
        let (stream, _) = timeout(TEN, self.listener.accept()).await.expect("it connects in time").unwrap();
        let mut peer = Peer { stream, key: self.world.logs.key().secret().public() };
        let (kind, connect) = peer.packet().await.expect("a CONNECT");
        assert_eq!(kind, 0x10);
        let text = String::from_utf8_lossy(&connect).into_owned();
        assert!(text.contains("gongzheng-server-test") && text.contains("secret"), "{text}");
        peer.stream.write_all(&[0x20, 2, 0, 0]).await.unwrap();
        for filter in ["gz/v1/+/+/record", "gz/v1/+/+/state"] {
            let subscribe = loop {
                let (kind, body) = peer.packet().await.expect("a SUBSCRIBE");
                match kind {
                    0x82 => break body,
                    kind => assert_eq!(kind >> 4, 3, "only receipts may come between"),
                }
            };
            assert_eq!(&subscribe[4..subscribe.len() - 1], filter.as_bytes());
            assert_eq!(subscribe.last(), Some(&1), "at least once");
            peer.stream.write_all(&[0x90, 3, subscribe[0], subscribe[1], 1]).await.unwrap();
        }
        (peer, connect[7] & 2 != 0)
    }

    async fn end(self) {
        self.stop.cancel();
        self.task.await.unwrap();
        let world = self.world;
        tokio::task::spawn_blocking(move || world.ingest.stop()).await.unwrap();
    }
}

/// One connection, as the broker sees it.
struct Peer {
    stream: TcpStream,
    key: protocol::PublicKey,
}

impl Peer {
    /// First byte and body of the next packet; pings are answered. `None` when the connection is closed.
    async fn packet(&mut self) -> Option<(u8, Vec<u8>)> {
        loop {
            let kind = timeout(TEN, self.stream.read_u8()).await.expect("a packet in time").ok()?;
            let (mut length, mut shift) = (0, 0);
            loop {
                let byte = self.stream.read_u8().await.ok()?;
                length |= usize::from(byte & 127) << shift;
                shift += 7;
                if byte < 128 {
                    break;
                }
            }
            let mut body = vec![0; length];
            self.stream.read_exact(&mut body).await.ok()?;
            if kind == 0xC0 {
                self.stream.write_all(&[0xD0, 0]).await.ok()?;
                continue;
            }
            return Some((kind, body));
        }
    }

    /// The next message to a gateway or acknowledgement; messages are acknowledged.
    async fn said(&mut self) -> Said {
        let (kind, body) = self.packet().await.expect("the connection is open");
        match kind >> 4 {
            4 => Said::Acknowledged(u16::from_be_bytes([body[0], body[1]])),
            3 => {
                let end = 2 + usize::from(u16::from_be_bytes([body[0], body[1]]));
                assert_eq!(&body[2..end], RECEIPTS.as_bytes());
                self.stream.write_all(&[0x40, 2, body[end], body[end + 1]]).await.unwrap();
                match ServerMessage::verify(&body[end + 2..], &self.key).unwrap() {
                    ServerMessage::Receipt(receipt) => Said::Holds(receipt.through.map(|(_, sequence, _)| sequence)),
                    ServerMessage::Refusal(refusal) => Said::Refused(refusal),
                }
            }
            _ => panic!("packet {kind:#x}"),
        }
    }

    /// The newest receipt and the refusals up to an acknowledgement, and which.
    async fn until_acknowledged(&mut self) -> (Option<u64>, Vec<Refusal>, u16) {
        let (mut held, mut refusals) = (None, Vec::new());
        loop {
            match self.said().await {
                Said::Acknowledged(id) => return (held, refusals, id),
                Said::Holds(through) => held = through,
                Said::Refused(refusal) => refusals.push(refusal),
            }
        }
    }

    async fn publish(&mut self, topic: &str, id: u16, payload: &[u8]) {
        let mut body = Vec::new();
        body.extend_from_slice(&(topic.len() as u16).to_be_bytes());
        body.extend_from_slice(topic.as_bytes());
        body.extend_from_slice(&id.to_be_bytes());
        body.extend_from_slice(payload);
        let mut packet = vec![0x32];
        let mut length = body.len();
        while length > 127 {
            packet.push((length & 127) as u8 | 128);
            length >>= 7;
        }
        packet.push(length as u8);
        packet.extend_from_slice(&body);
        // A peer that has seen enough closes while we write.
        let _ = self.stream.write_all(&packet).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_record_is_acknowledged_after_its_receipt_or_refusal_and_comes_again_after_a_reconnect() {
    let mut bench = Bench::start().await;
    let (mut peer, clean) = bench.connection().await;
    assert!(!clean, "what came while the server was away is kept by the broker");
    let records: Vec<Record> = (0..2).map(|_| bench.gateway.next()).collect();
    peer.publish(TOPIC, 1, &records[0].encode()).await;
    let (held, refusals, id) = peer.until_acknowledged().await;
    assert_eq!((held, refusals.len(), id), (Some(0), 0, 1), "the receipt comes first");

    // No room is an answer too, or the broker's window would fill for ever; the gateway keeps its record.
    bench.world.disk.set_full(true);
    peer.publish(TOPIC, 2, &records[1].encode()).await;
    let (_, refusals, id) = peer.until_acknowledged().await;
    let [refusal] = &refusals[..] else { panic!("{refusals:?}") };
    assert_eq!((refusal.reason, refusal.retry, refusal.sequence), (RefusalReason::StorageFull, true, 1));
    assert_eq!(id, 2);

    // The broker dies and is back; the gateway sends again what has no receipt.
    drop(peer);
    let (mut peer, _) = bench.connection().await;
    bench.world.disk.set_full(false);
    let mut id = 10;
    loop {
        peer.publish(TOPIC, id, &records[1].encode()).await;
        let (held, refusals, acknowledged) = peer.until_acknowledged().await;
        assert_eq!(acknowledged, id);
        if refusals.is_empty() {
            assert_eq!(held, Some(1), "the receipt comes first");
            break;
        }
        // The journal looks at the disk again after its pause: until then every attempt is refused.
        assert_eq!(refusals[0].reason, RefusalReason::StorageFull);
        id += 1;
    }
    let (logs, site) = (bench.world.logs.clone(), bench.gateway.site.clone());
    bench.end().await;
    assert_eq!(logs.size(&site).unwrap(), 3, "the enrolment and each record once");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_no_gateway_may_say_is_acknowledged_and_changes_nothing() {
    let mut bench = Bench::start().await;
    let (mut peer, _) = bench.connection().await;
    let record = bench.gateway.next();
    // No gateway's topic: nobody to answer, but the broker's window must not fill with it.
    for (id, topic) in [(1, "gz/v1/SITE/gw-1/record"), (2, "gz/v1/site-1/gw-1/receipt"), (3, "somewhere/else")] {
        peer.publish(topic, id, &record.encode()).await;
        let (held, refusals, acknowledged) = peer.until_acknowledged().await;
        assert_eq!((held, refusals.len(), acknowledged), (None, 0, id), "{topic}");
    }
    // Another gateway's record under this one's name, a forged one, and bytes that are no record.
    let mut other = TestGateway::new("site-1", "gw-2");
    let mut forger = bench.gateway.clone();
    (forger.sequence, forger.previous) = (0, protocol::Digest::ZERO);
    forger.key = protocol::SecretKey::from_seed(&[66; 32]);
    for (id, bytes, reason, words) in [
        (
            4,
            other.next().encode(),
            RefusalReason::Malformed,
            "the record names site-1/gw-2, the connection is site-1/gw-1",
        ),
        (5, forger.next().encode(), RefusalReason::BadSignature, "signature"),
        (6, b"hello".to_vec(), RefusalReason::Malformed, ""),
    ] {
        peer.publish(TOPIC, id, &bytes).await;
        let (_, refusals, acknowledged) = peer.until_acknowledged().await;
        let [refusal] = &refusals[..] else { panic!("{refusals:?}") };
        assert_eq!((refusal.reason, refusal.retry, acknowledged), (reason, false, id), "{}", refusal.detail);
        assert!(refusal.detail.contains(words), "{}", refusal.detail);
    }
    peer.publish(TOPIC, 7, &record.encode()).await;
    assert_eq!(peer.until_acknowledged().await.0, Some(0));
    let (logs, site) = (bench.world.logs.clone(), bench.gateway.site.clone());
    bench.end().await;
    assert_eq!(logs.size(&site).unwrap(), 2);
}

/// Without a clean session the broker would deliver it for ever, and no gateway behind it would be heard again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_larger_than_any_record_ends_one_session_not_all() {
    let mut bench = Bench::start().await;
    let (mut peer, _) = bench.connection().await;
    peer.publish(TOPIC, 1, &vec![7; PACKET_MAX + 1]).await;
    while let Some((kind, _)) = peer.packet().await {
        assert_ne!(kind >> 4, 4, "closed without an acknowledgement");
    }
    let (mut peer, clean) = bench.connection().await;
    assert!(clean, "the broker forgets what it held for us");
    let record = bench.gateway.next();
    peer.publish(TOPIC, 1, &record.encode()).await;
    assert_eq!(peer.until_acknowledged().await.0, Some(0));
    drop(peer);
    let (_, clean) = bench.connection().await;
    assert!(!clean, "only once");
    bench.end().await;
}

const TEN: Duration = Duration::from_secs(10);
