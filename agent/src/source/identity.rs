//! Who each device says it is: serial numbers, firmware, transformer ratios. Pure but for the file at the end.
//!
//! Constraints: an identity is read at the start and daily (it is a tag of role `identity`); the first time it is seen and every change
//! are events in the evidence, because a meter that was swapped or a ratio that was turned changes what every later number means; what was
//! seen last is kept in the state directory, so that a swap while the gateway was off is seen too. A device that does not answer has no
//! identity, never an empty one.

use std::collections::BTreeMap;
use std::path::Path;

use tokio::sync::watch;

use crate::identity::replace_file;

/// The file in the state directory.
pub const FILE: &str = "devices.json";
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

/// Keeps the file up to date until every source has ended. A change that could not be written is told again after the next start.
pub async fn keep(state_dir: &Path, mut known: watch::Receiver<Known>) {
    while known.changed().await.is_ok() {
        let text = serde_json::to_vec_pretty(&*known.borrow_and_update()).unwrap_or_default();
        if let Err(error) = replace_file(&state_dir.join(FILE), &text) {
            tracing::warn!(%error, "The identities of the devices could not be saved.");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_swap_while_the_gateway_was_off_is_seen() {
        let dir = tempfile::tempdir().expect("folder");
        let (sender, receiver) = watch::channel(load(dir.path()));
        let told = sender.send_if_modified(|known| seen(known, "main/serial", "1001") != Seen::Same);
        assert!(told);
        assert!(!sender.send_if_modified(|known| seen(known, "main/serial", "1001") != Seen::Same));
        drop(sender);
        keep(dir.path(), receiver).await;

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
