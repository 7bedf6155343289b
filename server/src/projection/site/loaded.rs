//! Which contents are kept decoded: the last days always, older ones a fortnight at a time while they are evaluated.

use std::collections::BTreeSet;

use metrics::history::REACH_MS;
use metrics::{History, Interval};
use protocol::{Kind, LeafBody};

use super::{LEAVES_PER_STEP, SiteProjector};
use crate::projection::ProjectionError;

impl SiteProjector {
    /// Builds the recent history: all statements and headers, contents of the last days.
    pub(super) fn reload_recent(&mut self) -> Result<(), ProjectionError> {
        let light = self.history(None, &BTreeSet::new())?;
        self.tags = light.statements().tags_used();
        let from_ms = light.newest_ms().map_or(i64::MIN, |newest| newest.saturating_sub(RECENT_MS));
        // `needed` reaches a day further than asked: ask for a day less.
        let window = Interval::new(from_ms.saturating_add(REACH_MS), i64::MAX);
        let contents = light.needed(&[window]).into_iter().collect();
        self.recent = self.history(Some(self.tags.clone()), &contents)?;
        self.recent_from_ms = from_ms;
        Ok(())
    }

    /// Makes sure the deep history covers a window.
    pub(super) fn load_deep(&mut self, window: Interval) -> Result<(), ProjectionError> {
        if self.deep.as_ref().is_some_and(|(_, span)| span.from_ms <= window.from_ms && window.to_ms <= span.to_ms) {
            return Ok(());
        }
        self.deep = None;
        let span = Interval::new(window.from_ms, window.to_ms.max(window.from_ms.saturating_add(DEEP_MS)));
        let light = self.history(None, &BTreeSet::new())?;
        let contents = light.needed(&[span]).into_iter().collect();
        self.deep = Some((self.history(Some(light.statements().tags_used()), &contents)?, span));
        Ok(())
    }

    /// A history of all leaves taken so far, with the contents of batches only where `contents` names them.
    pub(super) fn history(
        &self,
        tags: Option<BTreeSet<(String, String)>>,
        contents: &BTreeSet<u64>,
    ) -> Result<History, ProjectionError> {
        let mut history = tags.map_or_else(|| History::for_tags(BTreeSet::new()), History::for_tags);
        let mut at = 0;
        while at < self.size {
            let range = at..self.size.min(at + LEAVES_PER_STEP);
            for (index, leaf) in self.read(range)? {
                let batch = matches!(&leaf.body, LeafBody::Record { header, .. } if header.kind == Kind::Batch);
                let content = match leaf.content_digest() {
                    Some(digest) if !batch || contents.contains(&index) => self.source.content(&digest)?,
                    _ => None,
                };
                history.push(index, &leaf, content.as_deref())?;
                at = index + 1;
            }
        }
        Ok(history)
    }
}

/// Contents kept decoded.
const RECENT_MS: i64 = 3 * 86_400_000;
/// Contents decoded together for older shifts.
const DEEP_MS: i64 = 14 * 86_400_000;
