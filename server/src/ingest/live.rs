//! Latest values of a gateway: "live, not yet evidence". A message carries only what is newer than the message before, so
//! the values of several are put together here. Never stored, never computed with.
//!
//! Bounded: at most [`VALUES_MAX`] values per enrolled gateway, none older than [`AGE_MAX_MS`].

use std::collections::BTreeMap;

use protocol::{StateMessage, StateValue};

/// The newest message with what the ones before said of other tags. `before` is what was shown until now and when it
/// arrived, UTC ms; ages grow by the time between.
pub(super) fn merged(before: Option<(i64, StateMessage)>, now_ms: i64, newest: StateMessage) -> StateMessage {
    let mut values: BTreeMap<_, StateValue> = BTreeMap::new();
    if let Some((then_ms, before)) = before {
        let passed_ms = u64::try_from(now_ms.saturating_sub(then_ms)).unwrap_or(0);
        for mut value in before.values {
            value.age_ms = value.age_ms.saturating_add(passed_ms);
            if value.age_ms <= AGE_MAX_MS {
                values.insert(value.tag.clone(), value);
            }
        }
    }
    let room = VALUES_MAX.saturating_sub(newest.values.len());
    while values.len() > room {
        values.pop_last();
    }
    values.extend(newest.values.into_iter().take(VALUES_MAX).map(|value| (value.tag.clone(), value)));
    StateMessage { values: values.into_values().collect(), ..newest }
}

/// As many as an agent puts into one message.
const VALUES_MAX: usize = 1_000;
/// What was not heard of for so long is not live.
const AGE_MAX_MS: u64 = 600_000;

#[cfg(test)]
mod tests {
    use protocol::Quality;

    use super::*;

    fn message(values: &[(&str, &str, u64)]) -> StateMessage {
        let value = |(tag, value, age_ms): &(&str, &str, u64)| StateValue {
            tag: tag.parse().unwrap(),
            value: (*value).to_owned(),
            age_ms: *age_ms,
            quality: Quality::Good,
        };
        StateMessage { backlog_records: 7, values: values.iter().map(value).collect(), ..StateMessage::default() }
    }

    #[test]
    fn what_changed_replaces_and_what_did_not_grows_old_until_it_is_not_live_any_more() {
        let first = merged(None, 1_000, message(&[("press/good", "4", 10), ("press/state", "2", 20)]));
        let second = merged(Some((1_000, first)), 6_000, message(&[("press/good", "5", 30)]));
        assert_eq!(second, message(&[("press/good", "5", 30), ("press/state", "2", 5_020)]));
        let third = merged(Some((6_000, second)), 6_000 + 600_000, message(&[]));
        assert_eq!(third, message(&[]));
    }

    #[test]
    fn a_gateway_that_names_ever_new_tags_takes_no_more_memory() {
        let mut live = None;
        for round in 0..20 {
            let tags: Vec<String> = (0..400).map(|number| format!("d{round}/t{number}")).collect();
            let values: Vec<(&str, &str, u64)> = tags.iter().map(|tag| (tag.as_str(), "1", 0)).collect();
            live = Some((0, merged(live, 0, message(&values))));
        }
        let (_, live) = live.unwrap();
        assert_eq!(live.values.len(), VALUES_MAX);
        assert!(live.values.iter().filter(|value| value.tag.to_string().starts_with("d19/")).count() == 400);
    }
}
