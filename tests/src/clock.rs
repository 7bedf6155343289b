//! Weeks that pass between two days of a run: our programs started with a clock that is behind the real one (libfaketime), and later without.
//!
//! Constraint: only the time of day is behind. Durations stay the machine's own, and so do the times of files.

use std::process::Command;
use std::time::Duration;

use anyhow::Result;

use crate::trouble::now_ms;
use crate::{need, programs};

/// A clock that is behind.
#[derive(Debug, Clone)]
pub struct Behind {
    library: String,
    /// By how much, ms.
    pub by_ms: i64,
}

impl Behind {
    /// A clock so much behind, or `None` after the reason for skipping was printed (see [`need`]).
    ///
    /// # Errors
    /// When libfaketime does not say where it is.
    pub fn by_ms(by_ms: i64, what: &str) -> Result<Option<Self>> {
        let Some(faketime) = need::program("faketime", "faketime", what) else { return Ok(None) };
        let mut asked = Command::new(faketime);
        let library = programs::output(asked.args(["-f", "+0", "printenv", "LD_PRELOAD"]), Duration::from_secs(10))?;
        let library = library.trim().to_owned();
        anyhow::ensure!(!library.is_empty(), "faketime names no library");
        Ok(Some(Self { library, by_ms }))
    }

    /// Has a program live by it.
    pub fn set(&self, command: &mut Command) {
        command.env("LD_PRELOAD", &self.library).env("FAKETIME", format!("-{}s", self.by_ms / 1_000));
        command.env("FAKETIME_DONT_FAKE_MONOTONIC", "1").env("DONT_FAKE_MONOTONIC", "1").env("NO_FAKE_STAT", "1");
    }

    /// What it shows now, UTC ms.
    pub fn now_ms(&self) -> i64 {
        now_ms() - self.by_ms / 1_000 * 1_000
    }
}
