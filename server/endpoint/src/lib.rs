//! The server's own MQTT door for gateways: an endpoint, not a broker.
//!
//! Constraints that shaped it, in order of weight:
//!
//! 1. **PUBACK means "answered"**. A publish is acknowledged only after the application completed it (journalled and
//!    receipted, or refused with a signed message), always in PUBLISH order (MQTT-4.6.0-2).
//! 2. **A gateway is its certificate.** Site and gateway come from the SAN URI `urn:gz:<site>:<gateway>`; the client id,
//!    user name and password in CONNECT decide nothing. A connection may publish only its own `record` and `state` and
//!    subscribe only to its own `receipt` and `config`.
//! 3. **Memory is bounded by the server, not by its clients.** At most 16 publishes or 256 KiB per connection wait for
//!    the application; then we stop reading (MQTT 3.1.1 has no receive maximum a client would know of; MQTT 5 clients are told). A packet larger
//!    than one read needs room in a budget shared by all connections *before* anything is allocated for it.
//! 4. **Nobody may hold a place by doing nothing**: handshake and CONNECT 5 s, write 10 s, keep-alive at most 300 s.
//! 5. **The protocol is a value.** [`Conn`] holds the whole state of one connection and does no I/O; sockets, TLS and
//!    time are in `listener`. Unit tests and the mutation test drive [`Conn`] without a socket.
//!
//! What it deliberately does not have: retained messages, wills, QoS 2, sessions (session present is always 0), fan-out
//! between clients. Whoever needs those runs a broker in front (configuration `[broker]`).
//!
//! The codec underneath is `mqtt-protocol-core`, pinned, and named only in `conn`.

mod conn;
mod counters;
mod identity;
mod limits;
mod listener;
mod registry;

// The public interface is:
pub use conn::{Action, CloseReason, Conn, Ticket};
pub use counters::{Counters, CountersSnapshot};
pub use identity::{Identity, IdentityError, Peer};
pub use limits::Limits;
pub use listener::{EndpointError, Handler, Reject, serve, tls_config};
pub use registry::Handle;

/// What a gateway may publish, after topic authorisation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Publish {
    /// A signed record: evidence, QoS 1 only.
    Record,
    /// Latest values, unsigned and never evidence; QoS 0 or 1.
    State,
}

/// What the server may push to a gateway.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Push {
    /// Signed receipts and refusals.
    Receipt,
    /// Configuration proposed by the server.
    Config,
}
