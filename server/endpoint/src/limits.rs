//! Every bound of the endpoint in one place, each with the reason for its size.

use std::time::Duration;

/// Bounds of one listener. [`Limits::default`] is what the server ships; tests shorten the times.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Largest MQTT packet taken, in bytes. A record is at most 256 KiB of content and 1 KiB of header; the rest is
    /// topic and framing.
    pub packet_bytes_max: u32,
    /// Largest packet that is not a PUBLISH, in bytes. CONNECT and SUBSCRIBE of a gateway are far below it.
    pub control_packet_bytes_max: u32,
    /// Publishes of one connection that may wait for the application before we stop reading.
    pub in_flight_max: usize,
    /// Payload bytes of one connection that may wait for the application before we stop reading.
    pub in_flight_bytes_max: usize,
    /// Bytes all connections together may hold in partial packets and waiting publishes.
    pub budget_bytes: usize,
    /// How long a packet may wait for room in the budget before its connection is closed.
    pub budget_wait: Duration,
    /// From TCP accept to the end of the TLS handshake.
    pub handshake_timeout: Duration,
    /// From the end of the handshake to a complete CONNECT.
    pub connect_timeout: Duration,
    /// How long one write may make no progress.
    pub write_timeout: Duration,
    /// How long one large packet may take from its first to its last byte: a stalled sender holds budget.
    pub packet_timeout: Duration,
    /// Largest keep-alive a client may ask for, in seconds; more, and 0 ("never"), is refused (MQTT 5: replaced by this).
    pub keep_alive_max_s: u16,
    /// Messages to one gateway that may be on the wire unacknowledged.
    pub push_window: usize,
    /// Messages to one gateway that may wait, acknowledged or not; beyond it the oldest is dropped and counted.
    /// Receipts are cumulative and everything is repeated on request, so nothing is lost by it.
    pub push_queue_max: usize,
    /// TLS handshakes in progress at once; more wait in the kernel's accept queue.
    pub handshakes_max: usize,
    /// Connections at once; more are closed at accept.
    pub connections_max: usize,
    /// How long a graceful stop waits for publishes already handed to the application.
    pub drain_timeout: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            packet_bytes_max: 264 * 1024,
            control_packet_bytes_max: 4 * 1024,
            in_flight_max: 16,
            in_flight_bytes_max: 256 * 1024,
            budget_bytes: 64 * 1024 * 1024,
            budget_wait: Duration::from_secs(10),
            handshake_timeout: Duration::from_secs(5),
            connect_timeout: Duration::from_secs(5),
            write_timeout: Duration::from_secs(10),
            packet_timeout: Duration::from_secs(60),
            keep_alive_max_s: 300,
            push_window: 8,
            push_queue_max: 64,
            handshakes_max: 64,
            connections_max: 20_000,
            drain_timeout: Duration::from_secs(5),
        }
    }
}
