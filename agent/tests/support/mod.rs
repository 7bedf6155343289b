//! A server in a thread of the test: speaks just enough MQTT 3.1.1 over plain TCP, keeps what it accepts, signs receipts.
//!
//! It accepts as the format pages say: strictly in sequence per chain, everything else ignored; switches make it misbehave.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use protocol::note::VerifierKey;
use protocol::{
    ChainId, Content, Digest, Kind, PublicKey, Receipt, Record, Refusal, RefusalReason, SecretKey, ServerMessage,
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// What the server holds of one chain.
#[derive(Debug, Clone, Default)]
pub(crate) struct ChainHeld {
    pub records: BTreeMap<u64, Record>,
    pub next: u64,
    /// What the next record must name as its predecessor.
    pub expected: Digest,
    /// Digest of the last record in order.
    pub digest: Digest,
}

/// How the server behaves.
#[derive(Debug, Clone, Default)]
pub(crate) struct Behaviour {
    /// Sign receipts with this key instead of the log key.
    pub forge_with: Option<SecretKey>,
    /// Send no receipts at all.
    pub silent: bool,
    /// Hang up on everybody.
    pub absent: bool,
    /// Refuse this sequence once: reason and whether it may be retried.
    pub refuse: Option<(u64, RefusalReason, bool)>,
    /// Forget every second record before accepting it (a lossy broker).
    pub lossy: bool,
}

#[derive(Debug, Default)]
pub(crate) struct Held {
    pub chains: BTreeMap<ChainId, ChainHeld>,
    pub order: Vec<ChainId>,
    pub behaviour: Behaviour,
    pub publishes: u64,
    pub states: u64,
    /// Validly signed records for places that held another one.
    pub conflicts: u64,
    pub connections: u64,
    pub clock_ms: i64,
}

#[derive(Clone)]
pub(crate) struct FakeServer {
    pub address: std::net::SocketAddr,
    pub held: Arc<Mutex<Held>>,
    pub log_key: SecretKey,
    gateway_key: PublicKey,
}

impl FakeServer {
    pub(crate) async fn start(gateway_key: PublicKey) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("binds");
        let server = FakeServer {
            address: listener.local_addr().expect("bound"),
            held: Arc::default(),
            log_key: SecretKey::from_seed(&[77; 32]),
            gateway_key,
        };
        server.held().clock_ms = 1_790_000_000_000;
        let accepting = server.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let server = accepting.clone();
                tokio::spawn(async move {
                    // An error is the end of this connection; the agent comes back.
                    let _ = server.serve(stream).await;
                });
            }
        });
        server
    }

    pub(crate) fn verifier(&self) -> VerifierKey {
        VerifierKey::new("test.log", self.log_key.public()).expect("a name")
    }

    pub(crate) fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().expect("not poisoned")
    }

    /// Every batch in the order of chains and sequences.
    pub(crate) fn batches(&self) -> Vec<(Record, protocol::Batch)> {
        let held = self.held();
        let mut batches = Vec::new();
        for chain in &held.order {
            for record in held.chains[chain].records.values() {
                if let Content::Batch(batch) = record.content().expect("decodes") {
                    batches.push((record.clone(), batch));
                }
            }
        }
        batches
    }

    async fn serve(&self, mut stream: TcpStream) -> std::io::Result<()> {
        loop {
            let first = stream.read_u8().await?;
            let mut length = 0_usize;
            for shift in [0, 7, 14, 21] {
                let byte = stream.read_u8().await?;
                length |= usize::from(byte & 0x7f) << shift;
                if byte & 0x80 == 0 {
                    break;
                }
            }
            let mut body = vec![0; length];
            stream.read_exact(&mut body).await?;
            match first >> 4 {
                1 if self.held().behaviour.absent => return Ok(()),
                1 => {
                    self.held().connections += 1;
                    stream.write_all(&[0x20, 2, 0, 0]).await?;
                }
                8 => {
                    stream.write_all(&[0x90, 3, body[0], body[1], 1]).await?;
                    let high_water = self.receipt();
                    self.answer(&mut stream, high_water).await?;
                }
                3 => {
                    let topic_length = usize::from(u16::from_be_bytes([body[0], body[1]]));
                    let topic = String::from_utf8_lossy(&body[2..2 + topic_length]).into_owned();
                    let id = [body[2 + topic_length], body[3 + topic_length]];
                    let payload = &body[4 + topic_length..];
                    stream.write_all(&[0x40, 2, id[0], id[1]]).await?;
                    if topic.ends_with("/record") {
                        let answer = self.accept(payload);
                        self.answer(&mut stream, answer).await?;
                    } else {
                        self.held().states += 1;
                    }
                }
                12 => stream.write_all(&[0xd0, 0]).await?,
                14 => return Ok(()),
                _ => {}
            }
        }
    }

    async fn answer(&self, stream: &mut TcpStream, answer: Option<ServerMessage>) -> std::io::Result<()> {
        let Some(message) = answer else { return Ok(()) };
        let key = self.held().behaviour.forge_with.clone().unwrap_or_else(|| self.log_key.clone());
        let payload = message.sign(&key);
        let topic = b"gz/v1/site-1/gw-1/receipt";
        let mut packet = Vec::new();
        packet.extend_from_slice(&(topic.len() as u16).to_be_bytes());
        packet.extend_from_slice(topic);
        packet.extend_from_slice(&[0, 1]);
        packet.extend_from_slice(&payload);
        let mut head = vec![0x32];
        let mut length = packet.len();
        while length >= 0x80 {
            head.push(length as u8 | 0x80);
            length >>= 7;
        }
        head.push(length as u8);
        stream.write_all(&head).await?;
        stream.write_all(&packet).await
    }

    pub(crate) fn receipt(&self) -> Option<ServerMessage> {
        let mut held = self.held();
        if held.behaviour.silent {
            return None;
        }
        held.clock_ms += 10;
        let through = held.order.last().map(|chain| {
            let known = &held.chains[chain];
            (*chain, known.next - 1, known.digest)
        });
        let logged = through.map(|(_, sequence, _)| sequence);
        Some(ServerMessage::Receipt(Receipt {
            site: "site-1".parse().expect("a name"),
            gateway: "gw-1".parse().expect("a name"),
            through,
            log_epoch: 0,
            server_ms: held.clock_ms,
            checkpoint: String::new(),
            logged,
        }))
    }

    fn accept(&self, payload: &[u8]) -> Option<ServerMessage> {
        let record = Record::decode(payload).expect("the agent sends records");
        record.verify(&self.gateway_key).expect("signed by the gateway");
        let header = record.header().clone();
        {
            let mut held = self.held();
            held.publishes += 1;
            if held.behaviour.lossy && held.publishes.is_multiple_of(2) {
                return None;
            }
            let refuse = held
                .behaviour
                .refuse
                .take_if(|(sequence, ..)| *sequence == header.sequence && header.kind != Kind::Lost);
            if let Some((_, reason, retry)) = refuse {
                return Some(refusal(&mut held, &record, reason, retry));
            }
            if !held.chains.contains_key(&header.chain) {
                if header.kind != Kind::ChainStart || header.sequence != 0 {
                    return None;
                }
                held.order.push(header.chain);
            }
            let known = held.chains.entry(header.chain).or_default();
            if header.sequence == known.next && header.previous == known.expected {
                known.digest = record.digest();
                known.expected = known.digest;
                known.next += 1;
                if let Content::Lost(lost) = record.content().expect("decodes") {
                    known.next = lost.to + 1;
                    if !lost.next.is_zero() {
                        known.expected = lost.next;
                    }
                }
                known.records.insert(header.sequence, record);
            } else if header.sequence <= known.next {
                let ours = known.records.get(&header.sequence).map(Record::digest);
                let other_history = header.sequence == known.next;
                if other_history || ours.is_some_and(|digest| digest != record.digest()) {
                    held.conflicts += 1;
                    return Some(refusal(&mut held, &record, RefusalReason::Conflict, false));
                }
            }
        }
        self.receipt()
    }
}

fn refusal(held: &mut Held, record: &Record, reason: RefusalReason, retry: bool) -> ServerMessage {
    held.clock_ms += 10;
    let header = record.header();
    ServerMessage::Refusal(Refusal {
        site: header.site.clone(),
        gateway: header.gateway.clone(),
        chain: header.chain,
        sequence: header.sequence,
        digest: record.digest(),
        reason,
        retry,
        server_ms: held.clock_ms,
        number: 0,
        detail: "told to refuse".to_owned(),
    })
}
