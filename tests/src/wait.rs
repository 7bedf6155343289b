//! Waiting for a condition with a deadline; never for a length of time.

use std::time::{Duration, Instant};

/// Asks until the condition gives a value; an error names what was waited for and the last reason given.
///
/// # Errors
/// When the deadline passes first.
pub fn until<T>(
    what: &str,
    limit: Duration,
    mut condition: impl FnMut() -> anyhow::Result<Option<T>>,
) -> anyhow::Result<T> {
    let start = Instant::now();
    let mut last = String::from("no answer yet");
    loop {
        match condition() {
            Ok(Some(value)) => return Ok(value),
            Ok(None) => {}
            Err(e) => last = format!("{e:#}"),
        }
        if start.elapsed() > limit {
            anyhow::bail!("waited {} s in vain for {what}; last: {last}", limit.as_secs());
        }
        pause(Duration::from_millis(50));
    }
}

/// The pause between two looks at a condition, and the length of an injected outage. Not a synchronisation.
pub fn pause(length: Duration) {
    std::thread::sleep(length);
}
