//! What the endpoint counted since it started. Pairs of (in, out) instead of gauges wherever possible.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {
        /// Live counters, shared by all connections of a listener.
        #[derive(Debug, Default)]
        pub struct Counters { $($(#[$doc])* pub(crate) $name: AtomicU64),+ }

        /// The counters at one moment.
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
        pub struct CountersSnapshot { $($(#[$doc])* pub $name: u64),+ }

        impl Counters {
            /// Reads every counter. Not atomic across counters.
            pub fn snapshot(&self) -> CountersSnapshot {
                CountersSnapshot { $($name: self.$name.load(Relaxed)),+ }
            }

            /// Names and values, for a status page or a metrics format.
            pub fn named(&self) -> Vec<(&'static str, u64)> {
                vec![$((stringify!($name), self.$name.load(Relaxed))),+]
            }
        }
    };
}

counters! {
    /// TCP connections accepted.
    connections_opened,
    /// Connections ended, for whatever reason.
    connections_closed,
    /// Connections turned away because `connections_max` was reached.
    connections_over_limit,
    /// TLS handshakes that failed or took too long (missing, foreign or expired certificate).
    handshakes_failed,
    /// Certificates without a usable `urn:gz:` identity.
    identities_refused,
    /// Connections whose gateway the application did not admit.
    admissions_refused,
    /// Connections replaced by a newer one of the same gateway.
    takeovers,
    /// Connections closed because the client broke the protocol.
    protocol_errors,
    /// Publishes or wills on a topic that is not the client's own.
    topics_forbidden,
    /// Subscriptions refused.
    subscriptions_refused,
    /// Packets over the size limit.
    packets_too_large,
    /// Connections closed because the shared byte budget stayed full.
    budget_refusals,
    /// Connections closed by a time limit (CONNECT, keep-alive, packet, write).
    timeouts,
    /// Publishes handed to the application.
    publishes_received,
    /// Publishes the application completed.
    publishes_completed,
    /// Publishes the application could not take (their connection is closed without PUBACK).
    publishes_unanswered,
    /// Messages queued for gateways.
    pushes_queued,
    /// Messages acknowledged by gateways.
    pushes_acknowledged,
    /// Messages dropped because a gateway's queue was full.
    pushes_dropped,
}

pub(crate) fn add(counter: &AtomicU64) {
    counter.fetch_add(1, Relaxed);
}
