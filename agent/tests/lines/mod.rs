//! Sources running against a configuration, and what they told.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use agent::clock::{Settings, SystemClock};
use agent::config::Config;
use agent::event::SourceEvent;
use agent::live::Board;
use agent::source::{World, start};
use protocol::{GapCause, Value};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

pub(crate) struct Run {
    events: mpsc::Receiver<SourceEvent>,
    pub(crate) board: Board,
    stop: CancellationToken,
    /// Values in the order they came, by tag.
    pub(crate) readings: BTreeMap<usize, Vec<Value>>,
    pub(crate) gaps: Vec<(usize, GapCause)>,
    pub(crate) notes: Vec<SourceEvent>,
    pub(crate) events_seen: usize,
}

impl Run {
    /// Starts the sources of `devices`.
    pub(crate) fn start(devices: &str) -> Self {
        let text = format!("[gateway]\nstate_dir = \"/tmp/gz-none\"\n{devices}");
        let (config, _) = Config::parse(&text, std::path::Path::new("agent.toml")).unwrap_or_else(|p| panic!("{p}"));
        let (sender, events) = mpsc::channel(4_096);
        let board = Board::new(&config.devices);
        let clock = Arc::new(SystemClock::new(Settings::default()).expect("clock"));
        let stop = CancellationToken::new();
        let mut tasks = start(
            &config,
            &World {
                clock,
                events: sender,
                board: board.clone(),
                known: Default::default(),
                lending: Default::default(),
            },
            &stop,
        );
        tokio::spawn(async move { while tasks.join_next().await.is_some() {} });
        let (readings, gaps, notes) = (BTreeMap::new(), Vec::new(), Vec::new());
        Self { events, board, stop, readings, gaps, notes, events_seen: 0 }
    }

    /// Takes events until `done`. The limit only ends a test that hangs.
    pub(crate) async fn until(&mut self, what: &str, mut done: impl FnMut(&Self) -> bool) {
        let deadline = tokio::time::Instant::now() + Duration::from_secs(60);
        while !done(self) {
            let event = tokio::time::timeout_at(deadline, self.events.recv()).await;
            let event = event
                .unwrap_or_else(|_| panic!("waited in vain for: {what}; {:?} {:?}", self.gaps, self.board.snapshot()));
            self.events_seen += 1;
            match event.expect("sources run") {
                SourceEvent::Readings(list) => {
                    list.into_iter().for_each(|r| self.readings.entry(r.tag.0 as usize).or_default().push(r.value));
                }
                SourceEvent::Gap { tag, cause, .. } => self.gaps.push((tag.0 as usize, cause)),
                note @ SourceEvent::Note { .. } => self.notes.push(note),
            }
        }
    }

    pub(crate) fn count(&self, tag: usize) -> usize {
        self.readings.get(&tag).map_or(0, Vec::len)
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}
