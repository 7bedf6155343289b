//! Who each device says it is: serial numbers, firmware, transformer ratios. Pure but for the file at the end.
//!
//! Constraints: an identity is read at the start and daily (it is a tag of role `identity`); the first time it is seen and every change
//! are events in the evidence, because a meter that was swapped or a ratio that was turned changes what every later number means; what was
//! seen last is kept in the state directory, so that a swap while the gateway was off is seen too. The file follows the evidence and never
//! leads it ([`SETTLED`]): after a power cut a change may be told twice, never not at all. A device that does not answer has no identity,
//! never an empty one.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use tokio::sync::watch;

use crate::identity::replace_file;

/// The file in the state directory.
pub const FILE: &str = "devices.json";
/// A change is written to the file this long after it was told: by then the record that tells it is on the disk (a seal takes 10 s at most).
pub const SETTLED: Duration = Duration::from_secs(30);
/// Longest file that is believed: 20,000 tags of a name and a text each.
const FILE_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// Identity tags and what they last said.
pub type Known = BTreeMap<String, String>;

/// What a reading of an identity tag means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Seen {
    /// As before.
    Same,
    /// Never read before on this gateway.
    First,
    /// Something else than before, given here.
    Changed(String),
}

/// Takes note that the tag `id` says `value`.
pub fn seen(known: &mut Known, id: &str, value: &str) -> Seen {
    match known.get_mut(id) {
        Some(before) if before == value => Seen::Same,
        Some(before) => Seen::Changed(std::mem::replace(before, value.to_owned())),
        None => {
            known.insert(id.to_owned(), value.to_owned());
            Seen::First
        }
    }
}

/// What was known when the agent last ran. An unreadable file means that nothing is known: every identity is then told as a first one.
pub fn load(state_dir: &Path) -> Known {
    let path = state_dir.join(FILE);
    let small = std::fs::metadata(&path).is_ok_and(|m| m.len() <= FILE_BYTES_MAX);
    let text = small.then(|| std::fs::read(&path).ok()).flatten();
    text.and_then(|text| serde_json::from_slice(&text).ok()).unwrap_or_default()
}

/// Keeps the file up to date while the agent runs.
pub async fn keep(state_dir: &Path, mut known: watch::Receiver<Known>) {
    while known.changed().await.is_ok() {
        let told = known.borrow_and_update().clone();
        tokio::time::sleep(SETTLED).await;
        save(state_dir, &told);
    }
}

/// Writes the file, once what it says is in the evidence. What could not be written is told again after the next start.
pub fn save(state_dir: &Path, known: &Known) {
    let text = serde_json::to_vec_pretty(known).unwrap_or_default();
    if let Err(error) = replace_file(&state_dir.join(FILE), &text) {
        tracing::warn!(%error, "The identities of the devices could not be saved.");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_power_cut_before_the_record_is_durable_leaves_the_change_to_be_told_again() {
        let dir = tempfile::tempdir().expect("folder");
        let (sender, receiver) = watch::channel(Known::new());
        let folder = dir.path().to_owned();
        let keeper = tokio::spawn(async move { keep(&folder, receiver).await });
        tokio::task::yield_now().await;
        let tell = |id: &str| sender.send_modify(|known| drop(known.insert(id.to_owned(), "2002".to_owned())));
        let kept = || load(dir.path()).into_keys().collect::<Vec<_>>();
        tell("main/serial");
        tokio::time::sleep(SETTLED - Duration::from_secs(1)).await;
        assert!(kept().is_empty(), "the record may not be on the disk yet");
        tell("main/firmware");
        tokio::time::sleep(Duration::from_secs(2)).await;
        assert_eq!(kept(), ["main/serial"], "the later one waits its own time");
        tokio::time::sleep(SETTLED).await;
        assert_eq!(kept(), ["main/firmware", "main/serial"]);
        drop(sender);
        keeper.await.expect("ends with the sources");
    }

    #[test]
    fn a_swap_while_the_gateway_was_off_is_seen() {
        let dir = tempfile::tempdir().expect("folder");
        let (sender, receiver) = watch::channel(load(dir.path()));
        let told = sender.send_if_modified(|known| seen(known, "main/serial", "1001") != Seen::Same);
        assert!(told);
        assert!(!sender.send_if_modified(|known| seen(known, "main/serial", "1001") != Seen::Same));
        save(dir.path(), &receiver.borrow());

        let mut known = load(dir.path());
        assert_eq!(seen(&mut known, "main/serial", "1001"), Seen::Same);
        assert_eq!(seen(&mut known, "main/serial", "2002"), Seen::Changed("1001".to_owned()));
        assert_eq!(seen(&mut known, "main/firmware", "1.4"), Seen::First);
    }

    #[test]
    fn a_damaged_file_is_no_knowledge() {
        let dir = tempfile::tempdir().expect("folder");
        std::fs::write(dir.path().join(FILE), b"{\"main/serial\": \"10").expect("write");
        assert_eq!(load(dir.path()), Known::new());
    }
}
