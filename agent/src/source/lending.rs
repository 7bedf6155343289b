//! A serial port that the agent reads, lent to whoever adds a device on the same line at the local page.
//!
//! Constraints:
//! 1. One master on a line at a time (Modbus over Serial Line V1.02, 2.1): the task that reads closes the port between two polls before the
//!    borrower has it, and opens it only after it was given back.
//! 2. What is due meanwhile is not read, and the evidence says why: gaps of cause `BusBusy`.
//! 3. A borrower gives back by being dropped, at the end of its connection at the latest ([`crate::setup::CONNECTION_LIMIT`]).

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::sync::{Mutex, OwnedMutexGuard, watch};

use crate::config::Config;
use crate::config::device::{Carrier, SerialPort};

/// The serial ports of a configuration.
#[derive(Clone, Debug, Default)]
pub struct Lending(Arc<[Arc<Line>]>);

#[derive(Debug)]
struct Line {
    port: SerialPort,
    /// How many wait for it or have it.
    borrowers: watch::Sender<usize>,
    /// Whoever has this may open the port.
    turn: Arc<Mutex<()>>,
}

impl Lending {
    /// The ports the devices of `config` are read through.
    pub fn new(config: &Config) -> Self {
        let mut lines: Vec<Arc<Line>> = Vec::new();
        for carrier in config.devices.iter().filter_map(|device| device.link.carrier()) {
            let Carrier::Serial(port) = carrier else { continue };
            if lines.iter().all(|line| line.port != *port) {
                lines.push(Arc::new(Line {
                    port: port.clone(),
                    borrowers: watch::Sender::new(0),
                    turn: Arc::default(),
                }));
            }
        }
        Self(lines.into())
    }

    /// The reading task's side of `carrier`.
    pub fn keeper(&self, carrier: &Carrier) -> Keeper {
        let line = self.0.iter().find(|line| matches!(carrier, Carrier::Serial(port) if line.port == *port));
        Keeper { line: line.cloned(), turn: None }
    }

    /// The settings with which the agent reads `port`, under whichever of its names; `None` when it does not.
    pub fn settings(&self, port: &Path) -> Option<&SerialPort> {
        self.find(port).map(|line| &line.port)
    }

    /// Waits until the agent has closed `port`: at most one poll. `None` when the agent does not read it.
    pub async fn borrow(&self, port: &Path) -> Option<Loan> {
        let line = self.find(port)?;
        line.borrowers.send_modify(|n| *n += 1);
        let mut loan = Loan { line: line.clone(), _turn: None };
        loan._turn = Some(line.turn.clone().lock_owned().await);
        Some(loan)
    }

    fn find(&self, port: &Path) -> Option<&Arc<Line>> {
        let wanted = real(port);
        self.0.iter().find(|line| real(&line.port.path) == wanted)
    }
}

/// The device file behind a name: an adapter is known by several.
fn real(port: &Path) -> PathBuf {
    std::fs::canonicalize(port).unwrap_or_else(|_| port.to_owned())
}

/// The port, until this is dropped.
#[derive(Debug)]
pub struct Loan {
    line: Arc<Line>,
    _turn: Option<OwnedMutexGuard<()>>,
}

impl Drop for Loan {
    fn drop(&mut self) {
        self.line.borrowers.send_modify(|n| *n -= 1);
    }
}

/// The side of the task that reads a carrier. A carrier that is no serial port is never lent.
#[derive(Debug, Default)]
pub struct Keeper {
    line: Option<Arc<Line>>,
    turn: Option<OwnedMutexGuard<()>>,
}

impl Keeper {
    /// Whether the carrier may be used now.
    pub fn take(&mut self) -> bool {
        let Some(line) = &self.line else { return true };
        if self.turn.is_none() && *line.borrowers.borrow() == 0 {
            self.turn = line.turn.clone().try_lock_owned().ok();
        }
        self.turn.is_some()
    }

    /// Whether somebody waits for what is held here.
    pub fn is_asked(&self) -> bool {
        self.turn.is_some() && self.line.as_ref().is_some_and(|line| *line.borrowers.borrow() > 0)
    }

    /// Ends when [`Keeper::is_asked`].
    pub async fn asked(&self) {
        match &self.line {
            Some(line) if self.turn.is_some() => drop(line.borrowers.subscribe().wait_for(|n| *n > 0).await),
            _ => std::future::pending().await,
        }
    }

    /// Lets it go; the port must be closed.
    pub fn give(&mut self) {
        self.turn = None;
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn lending() -> (Lending, Carrier) {
        let device = |name, unit| {
            format!(
                "[[device]]\nname = \"{name}\"\nprotocol = \"modbus_rtu\"\nport = \"/dev/gz-none\"\nunit = {unit}\n"
            )
        };
        let text = format!("[gateway]\nstate_dir = \"/tmp/gz-none\"\n{}{}", device("a", 1), device("b", 2));
        let (config, _) = Config::parse(&text, Path::new("agent.toml")).unwrap_or_else(|p| panic!("{p}"));
        let carrier = config.devices[0].link.carrier().expect("serial").clone();
        (Lending::new(&config), carrier)
    }

    #[tokio::test(start_paused = true)]
    async fn one_has_the_port_at_a_time() {
        let (lending, carrier) = lending();
        assert_eq!(lending.0.len(), 1, "two devices, one port");
        let mut keeper = lending.keeper(&carrier);
        assert!(keeper.take() && keeper.take() && !keeper.is_asked());

        let borrower = tokio::spawn({
            let lending = lending.clone();
            async move { lending.borrow(Path::new("/dev/gz-none")).await }
        });
        keeper.asked().await;
        assert!(keeper.is_asked() && !borrower.is_finished(), "the reader has not closed it yet");
        keeper.give();
        let loan = borrower.await.expect("no panic").expect("the agent reads this port");
        assert!(!keeper.take(), "it is lent");
        drop(loan);
        assert!(keeper.take());
    }

    #[tokio::test(start_paused = true)]
    async fn a_borrower_that_gives_up_waiting_leaves_no_trace() {
        let (lending, carrier) = lending();
        let mut keeper = lending.keeper(&carrier);
        assert!(keeper.take());
        let waited = tokio::time::timeout(Duration::from_secs(1), lending.borrow(Path::new("/dev/gz-none"))).await;
        assert!(waited.is_err() && !keeper.is_asked());
        assert!(lending.borrow(Path::new("/dev/gz-other")).await.is_none(), "nobody reads it");
        let mut other = Lending::default().keeper(&carrier);
        assert!(other.take() && !other.is_asked());
    }
}
