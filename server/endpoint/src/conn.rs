//! One MQTT connection as a value: bytes and completions in, [`Action`]s out; no socket, no clock, no lock.
//!
//! The order of acknowledgements is held here and nowhere else: every publish gets a [`Ticket`], the application may
//! complete tickets in any order, PUBACKs leave from the front of the queue only.
//!
//! Packets are framed here before the codec sees them, for three things the codec does not offer: the size limits differ
//! by packet type, a large packet must reserve room in the shared budget before memory is allocated for it, and reading
//! must stop *between* packets when too many publishes wait.

use std::collections::VecDeque;
use std::time::Duration;

use mqtt_protocol_core::mqtt::common::Cursor;
use mqtt_protocol_core::mqtt::connection::{ConnectionOptions, Event};
use mqtt_protocol_core::mqtt::packet::{GenericPacketTrait as _, Packet, Qos};
use mqtt_protocol_core::mqtt::result_code::MqttError;
use mqtt_protocol_core::mqtt::{Connection, Version, role};

use self::packets::{Connect, Received};
use crate::{Identity, Limits, Publish, Push};

#[cfg(test)]
mod fuzz;
mod packets;
#[cfg(test)]
mod tests;

/// Names one publish between [`Action::Deliver`] and [`Conn::complete`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Ticket(u64);

/// What the owner of a [`Conn`] has to do, in this order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Send these bytes.
    Write(Vec<u8>),
    /// Reserve this many bytes in the shared budget, then call [`Conn::granted`]. The reservation belongs to the packet
    /// being received: it ends with the next [`Action::Deliver`]'s completion or the next [`Action::Heard`].
    Reserve(usize),
    /// CONNECT was accepted with this keep-alive; silence of 1.5 times as long closes the connection.
    Opened(Duration),
    /// A complete packet arrived: the keep-alive starts anew.
    Heard,
    /// Hand a publish to the application; its PUBACK waits for [`Conn::complete`].
    Deliver(Ticket, Publish, Vec<u8>),
    /// The gateway now receives these messages.
    Subscribed(Push),
    /// A message to the gateway was acknowledged.
    Acknowledged,
    /// The oldest waiting message was dropped because the queue was full.
    Dropped,
    /// A subscription was refused.
    SubscriptionRefused,
    /// Close after writing what is pending. Nothing follows.
    Close(CloseReason),
}

/// Why a connection ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CloseReason {
    /// The client sent DISCONNECT.
    #[error("the client disconnected")]
    Disconnected,
    /// The client broke the MQTT protocol.
    #[error("MQTT protocol error")]
    Protocol,
    /// Neither version 3.1.1 nor 5.
    #[error("unsupported MQTT version; this endpoint speaks 3.1.1 and 5")]
    Version,
    /// A publish or a will on a topic that is not the client's own.
    #[error("topic not allowed for this certificate")]
    Forbidden,
    /// A packet over the size limit; its body was not read.
    #[error("a packet of {bytes} bytes, where at most {limit} are allowed")]
    TooLarge {
        /// Its length as announced, with its header.
        bytes: usize,
        /// The most that is allowed for its kind.
        limit: u32,
    },
    /// Keep-alive 0 or above the limit.
    #[error("keep-alive must be between 1 s and the limit")]
    KeepAlive,
    /// The application did not admit this gateway.
    #[error("gateway not admitted")]
    NotAdmitted,
    /// The application could not take a publish.
    #[error("publish not taken")]
    Unanswered,
}

/// The state of one connection. See the module documentation for what it guarantees.
pub struct Conn {
    engine: Connection<role::Server>,
    own: Identity,
    limits: Limits,
    admitted: bool,
    phase: Phase,
    framing: Framing,
    in_flight: VecDeque<InFlight>,
    in_flight_bytes: usize,
    next_ticket: u64,
    receipts: bool,
    configs: bool,
    sent: VecDeque<(u16, Push, Vec<u8>)>,
    waiting: VecDeque<(Push, Vec<u8>)>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    Opening,
    Open,
    Closed,
}

#[derive(Clone, Copy)]
enum Framing {
    Header { bytes: [u8; 5], len: usize },
    AwaitingBudget { bytes: [u8; 5], len: usize, body: usize },
    Body { left: usize },
}

struct InFlight {
    ticket: Ticket,
    packet_id: Option<u16>,
    bytes: usize,
    done: bool,
}

impl Conn {
    /// A connection whose TLS handshake has finished. `admitted` is the application's word on the certificate: a
    /// gateway that is not admitted gets CONNACK 5, so that it can tell refusal from a network fault.
    pub fn new(own: Identity, admitted: bool, limits: Limits) -> Self {
        let options = ConnectionOptions::new().maximum_packet_size_recv(limits.packet_bytes_max);
        let mut engine = Connection::<role::Server>::with_options(Version::Undetermined, options);
        engine.set_auto_pub_response(false);
        engine.set_auto_ping_response(true);
        Self {
            engine,
            own,
            limits,
            admitted,
            phase: Phase::Opening,
            framing: Framing::START,
            in_flight: VecDeque::new(),
            in_flight_bytes: 0,
            next_ticket: 0,
            receipts: false,
            configs: false,
            sent: VecDeque::new(),
            waiting: VecDeque::new(),
        }
    }

    /// Takes bytes from the front of `input`, as many as back-pressure allows; what is left must be offered again after
    /// [`Conn::complete`] or [`Conn::granted`].
    pub fn receive(&mut self, input: &mut &[u8]) -> Vec<Action> {
        let mut actions = Vec::new();
        while !input.is_empty() && self.phase != Phase::Closed && !self.paused() {
            match &mut self.framing {
                Framing::Header { bytes, len } => {
                    bytes[*len] = input[0];
                    *len += 1;
                    *input = &input[1..];
                    let (bytes, len) = (*bytes, *len);
                    if len >= 2 && bytes[len - 1] & 0x80 == 0 {
                        self.on_header(bytes, len, &mut actions);
                    } else if len == 5 {
                        self.close(CloseReason::Protocol, &mut actions);
                    }
                }
                Framing::AwaitingBudget { .. } => break,
                Framing::Body { left } => {
                    let take = (*left).min(input.len());
                    let (body, rest) = input.split_at(take);
                    *input = rest;
                    *left -= take;
                    if *left == 0 {
                        self.framing = Framing::START;
                    }
                    self.feed(body, &mut actions);
                }
            }
        }
        actions
    }

    /// The reservation asked for by [`Action::Reserve`] was made.
    pub fn granted(&mut self) -> Vec<Action> {
        let mut actions = Vec::new();
        if let Framing::AwaitingBudget { bytes, len, body } = self.framing {
            self.begin_body(bytes, len, body, &mut actions);
        }
        actions
    }

    /// The application completed a publish. Unknown tickets (of another connection) are ignored.
    pub fn complete(&mut self, ticket: Ticket) -> Vec<Action> {
        let mut actions = Vec::new();
        if let Some(entry) = self.in_flight.iter_mut().find(|entry| entry.ticket == ticket) {
            entry.done = true;
        }
        while self.in_flight.front().is_some_and(|entry| entry.done) {
            let Some(entry) = self.in_flight.pop_front() else { break };
            self.in_flight_bytes -= entry.bytes;
            if let Some(id) = entry.packet_id
                && self.phase == Phase::Open
            {
                self.send(packets::puback(self.version(), id), &mut actions);
            }
        }
        actions
    }

    /// The application could not take a publish: MQTT 3.1.1 has no negative acknowledgement, so the connection closes
    /// without PUBACK and the gateway sends again later.
    pub fn fail(&mut self) -> Vec<Action> {
        let mut actions = Vec::new();
        self.close(CloseReason::Unanswered, &mut actions);
        actions
    }

    /// Queues a message for the gateway; it leaves when the gateway has subscribed and the window has room.
    pub fn push(&mut self, push: Push, payload: Vec<u8>) -> Vec<Action> {
        let mut actions = Vec::new();
        if self.waiting.len() + self.sent.len() >= self.limits.push_queue_max && self.waiting.pop_front().is_some() {
            actions.push(Action::Dropped);
        }
        self.waiting.push_back((push, payload));
        self.pump(&mut actions);
        actions
    }

    /// Whether reading must stop until the application completes something.
    pub fn paused(&self) -> bool {
        matches!(self.framing, Framing::Header { len: 0, .. })
            && (self.in_flight.len() >= self.limits.in_flight_max
                || self.in_flight_bytes >= self.limits.in_flight_bytes_max)
    }

    /// Whether a packet has begun and not ended (its sender may be stalling).
    pub fn mid_packet(&self) -> bool {
        !matches!(self.framing, Framing::Header { len: 0, .. })
    }

    /// Publishes delivered and not yet completed.
    pub fn in_flight(&self) -> usize {
        self.in_flight.len()
    }

    /// Ends the connection's life and returns the messages the gateway has not acknowledged, oldest first.
    pub fn into_unacknowledged(self) -> VecDeque<(Push, Vec<u8>)> {
        self.sent.into_iter().map(|(_, push, payload)| (push, payload)).chain(self.waiting).collect()
    }

    fn on_header(&mut self, bytes: [u8; 5], len: usize, actions: &mut Vec<Action>) {
        let body = bytes[1..len].iter().rev().fold(0_usize, |length, byte| (length << 7) | usize::from(byte & 0x7f));
        let total = len + body;
        let publish = bytes[0] >> 4 == PUBLISH;
        let limit = if publish { self.limits.packet_bytes_max } else { self.limits.control_packet_bytes_max };
        if self.phase == Phase::Opening && bytes[0] >> 4 != CONNECT {
            self.close(CloseReason::Protocol, actions);
        } else if total > limit as usize {
            self.close(CloseReason::TooLarge { bytes: total, limit }, actions);
        } else if total > UNRESERVED_BYTES_MAX {
            self.framing = Framing::AwaitingBudget { bytes, len, body };
            actions.push(Action::Reserve(total));
        } else {
            self.begin_body(bytes, len, body, actions);
        }
    }

    fn begin_body(&mut self, bytes: [u8; 5], len: usize, body: usize, actions: &mut Vec<Action>) {
        self.framing = if body == 0 { Framing::START } else { Framing::Body { left: body } };
        self.feed(&bytes[..len], actions);
    }

    /// Gives bytes of at most one packet to the codec.
    fn feed(&mut self, bytes: &[u8], actions: &mut Vec<Action>) {
        let mut cursor = Cursor::new(bytes);
        let events = self.engine.recv(&mut cursor);
        if cursor.position() < bytes.len() as u64 {
            // Our framing and the codec's disagree: never guess where the next packet starts.
            self.close(CloseReason::Protocol, actions);
        }
        self.apply(events, actions);
    }

    fn apply(&mut self, events: Vec<Event>, actions: &mut Vec<Action>) {
        for event in events {
            match event {
                Event::RequestSendPacket { packet, .. } => actions.push(Action::Write(packet.to_continuous_buffer())),
                Event::NotifyPacketReceived(packet) if self.phase != Phase::Closed => {
                    actions.push(Action::Heard);
                    self.on_packet(packet, actions);
                }
                Event::NotifyPacketIdReleased(id) => {
                    if let Some(at) = self.sent.iter().position(|(sent, ..)| *sent == id) {
                        self.sent.remove(at);
                        actions.push(Action::Acknowledged);
                    }
                    self.pump(actions);
                }
                Event::NotifyError(MqttError::UnsupportedProtocolVersion) => {
                    actions.push(Action::Write(CONNACK_V3_BAD_VERSION.to_vec()));
                    self.close(CloseReason::Version, actions);
                }
                Event::NotifyError(_) | Event::RequestClose => self.close(CloseReason::Protocol, actions),
                // Time is the owner's: it restarts the keep-alive on `Heard`.
                Event::RequestTimerReset { .. } | Event::RequestTimerCancel(_) | Event::NotifyPacketReceived(_) => {}
            }
        }
    }

    fn on_packet(&mut self, packet: Packet, actions: &mut Vec<Action>) {
        match packets::received(packet) {
            Received::Connect(connect) => self.on_connect(&connect, actions),
            _ if self.phase != Phase::Open => self.close(CloseReason::Protocol, actions),
            Received::Publish { topic, qos, packet_id, payload } => {
                self.on_publish(&topic, qos, packet_id, payload, actions);
            }
            Received::Subscribe { packet_id, filters } => self.on_subscribe(packet_id, &filters, actions),
            Received::Unsubscribe { packet_id, filters } => {
                for filter in &filters {
                    match self.own_push(filter) {
                        Some(Push::Receipt) => self.receipts = false,
                        Some(Push::Config) => self.configs = false,
                        None => {}
                    }
                }
                self.send(packets::unsuback(self.version(), packet_id, filters.len()), actions);
            }
            Received::Handled => {}
            Received::Disconnect => self.close(CloseReason::Disconnected, actions),
            Received::NotOffered => self.close(CloseReason::Protocol, actions),
        }
    }

    fn on_connect(&mut self, connect: &Connect, actions: &mut Vec<Action>) {
        let foreign_will =
            connect.will_topic.as_deref().is_some_and(|topic| self.own.own_segment(topic) != Some("state"));
        let limit = self.limits.keep_alive_max_s;
        let acceptable = (1..=limit).contains(&connect.keep_alive);
        // Version 5 lets the server choose; 3.1.1 can only be refused.
        let keep_alive = if acceptable { connect.keep_alive } else { limit };
        let refusal = if foreign_will {
            Some(CloseReason::Forbidden)
        } else if !self.admitted {
            Some(CloseReason::NotAdmitted)
        } else if connect.authenticates {
            Some(CloseReason::Protocol)
        } else if !acceptable && connect.version != Version::V5_0 {
            Some(CloseReason::KeepAlive)
        } else {
            None
        };
        let connack = packets::connack(connect, keep_alive, refusal, &self.limits);
        if let Some(reason) = refusal {
            // Closed first, so that the codec's own "protocol" close does not hide our reason.
            self.phase = Phase::Closed;
            self.send(connack, actions);
            actions.push(Action::Close(reason));
        } else {
            self.phase = Phase::Open;
            actions.push(Action::Opened(Duration::from_secs(u64::from(keep_alive))));
            self.send(connack, actions);
        }
    }

    fn on_publish(
        &mut self,
        topic: &str,
        qos: Qos,
        packet_id: Option<u16>,
        payload: Vec<u8>,
        actions: &mut Vec<Action>,
    ) {
        let kind = match self.own.own_segment(topic) {
            Some("record") => Publish::Record,
            Some("state") => Publish::State,
            _ => return self.close(CloseReason::Forbidden, actions),
        };
        let allowed = match qos {
            Qos::AtMostOnce => kind == Publish::State,
            Qos::AtLeastOnce => true,
            Qos::ExactlyOnce => false,
        };
        let reused = packet_id.is_some() && self.in_flight.iter().any(|entry| entry.packet_id == packet_id);
        if !allowed || reused {
            return self.close(CloseReason::Protocol, actions);
        }
        let ticket = Ticket(self.next_ticket);
        self.next_ticket += 1;
        self.in_flight_bytes += payload.len();
        self.in_flight.push_back(InFlight { ticket, packet_id, bytes: payload.len(), done: false });
        actions.push(Action::Deliver(ticket, kind, payload));
    }

    fn on_subscribe(&mut self, packet_id: u16, filters: &[(String, Qos)], actions: &mut Vec<Action>) {
        let mut subscribed = Vec::new();
        let mut granted = Vec::new();
        for (filter, qos) in filters {
            // Everything we push is QoS 1, and a server may grant less than was asked but not more: a subscription
            // with QoS 0 is refused.
            let push = self.own_push(filter).filter(|_| *qos != Qos::AtMostOnce);
            granted.push(push.is_some());
            match push {
                Some(push) => subscribed.push(push),
                None => actions.push(Action::SubscriptionRefused),
            }
        }
        self.send(packets::suback(self.version(), packet_id, &granted), actions);
        for push in subscribed {
            match push {
                Push::Receipt => self.receipts = true,
                Push::Config => self.configs = true,
            }
            actions.push(Action::Subscribed(push));
        }
        self.pump(actions);
    }

    fn own_push(&self, topic: &str) -> Option<Push> {
        match self.own.own_segment(topic)? {
            "receipt" => Some(Push::Receipt),
            "config" => Some(Push::Config),
            _ => None,
        }
    }

    /// Moves waiting messages onto the wire as far as subscriptions and window allow.
    fn pump(&mut self, actions: &mut Vec<Action>) {
        while self.phase == Phase::Open && self.sent.len() < self.limits.push_window {
            let ready = |push: &Push| match push {
                Push::Receipt => self.receipts,
                Push::Config => self.configs,
            };
            let Some(at) = self.waiting.iter().position(|(push, _)| ready(push)) else { return };
            let Ok(id) = self.engine.acquire_packet_id() else { return };
            let Some((push, payload)) = self.waiting.remove(at) else { return };
            let segment = match push {
                Push::Receipt => "receipt",
                Push::Config => "config",
            };
            let packet = packets::publish(self.version(), &self.own.topic(segment), id, payload.clone());
            self.sent.push_back((id, push, payload));
            self.send(packet, actions);
        }
    }

    fn send(&mut self, packet: Option<Packet>, actions: &mut Vec<Action>) {
        match packet {
            Some(packet) => {
                let events = self.engine.send(packet);
                self.apply(events, actions);
            }
            // The codec refuses to build it (a packet id of 0, no filters): the client's packet was not valid.
            None => self.close(CloseReason::Protocol, actions),
        }
    }

    fn version(&self) -> Version {
        self.engine.get_protocol_version()
    }

    fn close(&mut self, reason: CloseReason, actions: &mut Vec<Action>) {
        if self.phase == Phase::Closed {
            return;
        }
        let was_open = std::mem::replace(&mut self.phase, Phase::Closed) == Phase::Open;
        if was_open && let Some(farewell) = packets::farewell(self.version(), reason) {
            // The codec lets it out once: after an error of its own it has said it already.
            let events = self.engine.send(farewell);
            self.apply(events, actions);
        }
        actions.push(Action::Close(reason));
    }
}

impl std::fmt::Debug for Conn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Conn").field("own", &self.own).field("in_flight", &self.in_flight.len()).finish_non_exhaustive()
    }
}

impl Framing {
    const START: Self = Self::Header { bytes: [0; 5], len: 0 };
}

const CONNECT: u8 = 1;
const PUBLISH: u8 = 3;
/// Packets up to this size need no reservation: pings, acknowledgements, an ordinary CONNECT or SUBSCRIBE. Every record is
/// larger, so what waits for the application is counted byte by byte.
const UNRESERVED_BYTES_MAX: usize = 512;
/// CONNACK, MQTT 3.1.1, return code 1 (unacceptable protocol version).
const CONNACK_V3_BAD_VERSION: [u8; 4] = [0x20, 0x02, 0x00, 0x01];
