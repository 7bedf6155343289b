//! Named phases with their wall time, printed once at the end: where the minutes of a run went.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};

/// Runs phases one after the other and remembers how long each took.
pub(crate) struct Phases {
    rows: Vec<(String, Duration)>,
}

impl Phases {
    pub(crate) fn new() -> Self {
        Self { rows: Vec::new() }
    }

    /// Runs one phase; its failure ends the run, after the table so far was printed.
    pub(crate) fn phase(&mut self, name: &str, work: impl FnOnce() -> Result<()>) -> Result<()> {
        println!("\n== {name}");
        let start = Instant::now();
        let result = work();
        self.rows.push((name.to_owned(), start.elapsed()));
        if result.is_err() {
            self.print();
        }
        result.with_context(|| format!("phase `{name}` failed"))
    }

    /// The table of phases and the total.
    pub(crate) fn print(&self) {
        println!("\n{:<44} {:>9}", "phase", "seconds");
        for (name, time) in &self.rows {
            println!("{name:<44} {:>9.1}", time.as_secs_f64());
        }
        let total: Duration = self.rows.iter().map(|r| r.1).sum();
        println!("{:<44} {:>9.1}", "total", total.as_secs_f64());
    }
}
