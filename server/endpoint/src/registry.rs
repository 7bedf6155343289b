//! Which gateway is connected where. A second connection of a gateway takes over from the first; each entry carries a
//! generation so that the old connection, when it ends later, cannot remove the new one's entry.
//!
//! Messages a connection did not get acknowledged stay in the entry and go out first on the next one.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};

use tokio::sync::{Notify, mpsc, watch};

use crate::counters::{Counters, add};
use crate::{Identity, Push};

/// A cloneable handle to a running listener: push messages, see who is connected, stop it.
#[derive(Clone)]
pub struct Handle {
    shared: Arc<Shared>,
}

struct Shared {
    entries: Mutex<HashMap<Identity, Entry>>,
    counters: Counters,
    stop: watch::Sender<bool>,
}

#[derive(Default)]
struct Entry {
    generation: u64,
    connection: Option<Connection>,
    unacknowledged: VecDeque<(Push, Vec<u8>)>,
}

struct Connection {
    push: mpsc::Sender<(Push, Vec<u8>)>,
    replaced: Arc<Notify>,
}

/// What a connection task gets when it registers.
pub(crate) struct Registration {
    pub(crate) generation: u64,
    pub(crate) pushes: mpsc::Receiver<(Push, Vec<u8>)>,
    pub(crate) replaced: Arc<Notify>,
    pub(crate) unacknowledged: VecDeque<(Push, Vec<u8>)>,
}

impl Handle {
    pub(crate) fn new() -> Self {
        let shared =
            Shared { entries: Mutex::default(), counters: Counters::default(), stop: watch::Sender::new(false) };
        Self { shared: Arc::new(shared) }
    }

    /// Queues a message for a gateway; returns whether it is connected and its queue had room. A message that found no
    /// connection is not kept: the gateway gets its high-water receipt when it subscribes again.
    pub fn send(&self, identity: &Identity, push: Push, payload: Vec<u8>) -> bool {
        let entries = self.entries();
        let Some(connection) = entries.get(identity).and_then(|entry| entry.connection.as_ref()) else {
            return false;
        };
        match connection.push.try_send((push, payload)) {
            Ok(()) => {
                add(&self.shared.counters.pushes_queued);
                true
            }
            Err(_) => {
                add(&self.shared.counters.pushes_dropped);
                false
            }
        }
    }

    /// The gateways connected now, in order of their ids.
    pub fn connected(&self) -> Vec<Identity> {
        let entries = self.entries();
        let mut list: Vec<_> =
            entries.iter().filter(|(_, entry)| entry.connection.is_some()).map(|(id, _)| id.clone()).collect();
        list.sort();
        list
    }

    /// Whether a gateway is connected now.
    pub fn is_connected(&self, identity: &Identity) -> bool {
        self.entries().get(identity).is_some_and(|entry| entry.connection.is_some())
    }

    /// Closes a gateway's connection, e.g. after its certificate was revoked.
    pub fn disconnect(&self, identity: &Identity) {
        if let Some(connection) = self.entries().get(identity).and_then(|entry| entry.connection.as_ref()) {
            connection.replaced.notify_one();
        }
    }

    /// Counters since start.
    pub fn counters(&self) -> &Counters {
        &self.shared.counters
    }

    /// Asks the listener and every connection to stop: no new connections, no new packets; publishes already handed to
    /// the application are still acknowledged within `Limits::drain_timeout`.
    pub fn stop(&self) {
        self.shared.stop.send_replace(true);
    }

    pub(crate) fn stopping(&self) -> watch::Receiver<bool> {
        self.shared.stop.subscribe()
    }

    pub(crate) fn register(&self, identity: &Identity, queue: usize) -> Registration {
        let mut entries = self.entries();
        let entry = entries.entry(identity.clone()).or_default();
        entry.generation += 1;
        let (push, pushes) = mpsc::channel(queue);
        let replaced = Arc::new(Notify::new());
        if let Some(old) = entry.connection.replace(Connection { push, replaced: Arc::clone(&replaced) }) {
            add(&self.shared.counters.takeovers);
            old.replaced.notify_one();
        }
        Registration {
            generation: entry.generation,
            pushes,
            replaced,
            unacknowledged: std::mem::take(&mut entry.unacknowledged),
        }
    }

    /// Ends a registration. `unacknowledged` is kept for the next connection only while there is no newer one.
    pub(crate) fn unregister(&self, identity: &Identity, generation: u64, unacknowledged: VecDeque<(Push, Vec<u8>)>) {
        let mut entries = self.entries();
        if let Some(entry) = entries.get_mut(identity)
            && entry.generation == generation
        {
            entry.connection = None;
            entry.unacknowledged = unacknowledged;
        }
    }

    fn entries(&self) -> MutexGuard<'_, HashMap<Identity, Entry>> {
        // No code that can panic runs under this lock; a poisoned map is still consistent.
        self.shared.entries.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Handle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Handle").field("connected", &self.connected()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_old_connection_cannot_remove_its_successor() {
        let handle = Handle::new();
        let id = Identity::new("s", "g").unwrap();
        let old = handle.register(&id, 4);
        let mut new = handle.register(&id, 4);
        handle.unregister(&id, old.generation, VecDeque::new());
        assert!(handle.is_connected(&id));
        assert!(handle.send(&id, Push::Receipt, vec![1]));
        assert_eq!(new.pushes.try_recv().unwrap(), (Push::Receipt, vec![1]));
        assert_eq!(handle.counters().snapshot().takeovers, 1);
        handle.unregister(&id, new.generation, VecDeque::from([(Push::Receipt, vec![2])]));
        assert!(!handle.is_connected(&id));
        assert!(!handle.send(&id, Push::Receipt, vec![3]));
        assert_eq!(handle.register(&id, 4).unacknowledged, [(Push::Receipt, vec![2])]);
    }
}
