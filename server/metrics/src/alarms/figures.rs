//! What was done about alarms, and their sums as of the end of a window.
//!
//! Constraints
//! 1. Of two statements about the same machine, code and raised instant the later leaf holds. A statement belongs to the newest episode
//!    that may have been meant; one that fits none stays in a list of its own.
//! 2. Time to acknowledge runs from the first reading that showed the alarm; because it may have been raised since the reading before, the
//!    bound stands beside it. What people stated after the window's end has not happened yet.
//! 3. Every episode is in exactly one of the figures' classes; those without a declared class are counted as unclassified.

use std::collections::BTreeMap;

use crate::alarms::declared::{AlarmClass, AlarmHandled};
use crate::alarms::episodes::Episode;
use crate::checklist::{Alarm, Alarms, alarms};
use crate::exact::Rational;
use crate::oee::Undefined;
use crate::production::cycle::quantile;
use crate::statements::{Stated, Statements};

/// An episode with what people stated about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Handled {
    /// The episode.
    pub episode: Episode,
    /// What it warns of, as declared when it was raised.
    pub class: Option<AlarmClass>,
    /// First acknowledgement, UTC milliseconds.
    pub acknowledged_ms: Option<i64>,
    /// Dealt with, UTC milliseconds: the last of several statements.
    pub handled_ms: Option<i64>,
    /// Somebody marked it as a test.
    pub is_test: bool,
    /// Leaves of the statements, in order of the log: author, words and lateness are there.
    pub statements: Vec<u64>,
}

impl Handled {
    /// Time to acknowledge, milliseconds: from first seen, and the most it can have been.
    pub fn to_acknowledge(&self) -> Option<(i64, Option<i64>)> {
        self.since_raised(self.acknowledged_ms?)
    }

    /// Time until it was dealt with, milliseconds: from first seen, and the most it can have been.
    pub fn to_handle(&self) -> Option<(i64, Option<i64>)> {
        self.since_raised(self.handled_ms?)
    }

    /// Nobody is known to have dealt with it: how long ago it was raised, milliseconds. A test asks for nothing.
    pub fn open_ms(&self, until_ms: i64) -> Option<i64> {
        let is_open = self.handled_ms.is_none() && !self.is_test;
        is_open.then(|| until_ms.saturating_sub(self.episode.raised_ms))
    }

    fn since_raised(&self, ms: i64) -> Option<(i64, Option<i64>)> {
        let most = self.episode.raised_after_ms.map(|after| ms.saturating_sub(after));
        Some((ms.saturating_sub(self.episode.raised_ms).max(0), most))
    }
}

/// Joins episodes and statements as of `until_ms`. Returns statements that fit no episode apart, by leaf.
pub fn handle(
    statements: &Statements,
    machine: &str,
    episodes: Vec<Episode>,
    until_ms: i64,
) -> (Vec<Handled>, Vec<Stated<AlarmHandled>>) {
    let class = |e: &Episode| statements.alarm_code_at(machine, &e.code, e.raised_ms).map(|c| c.body.class);
    let blank = |episode: Episode| Handled {
        class: class(&episode),
        episode,
        acknowledged_ms: None,
        handled_ms: None,
        is_test: false,
        statements: Vec::new(),
    };
    let mut out: Vec<Handled> = episodes.into_iter().map(blank).collect();
    let mut newest: BTreeMap<(&str, i64), &Stated<AlarmHandled>> = BTreeMap::new();
    for stated in statements.alarms_handled(machine) {
        let key = (stated.body.code.as_str(), stated.body.raised_ms);
        let held = newest.entry(key).or_insert(stated);
        if held.leaf < stated.leaf {
            *held = stated;
        }
    }
    let mut in_order: Vec<&Stated<AlarmHandled>> = newest.into_values().collect();
    in_order.sort_by_key(|s| s.leaf);
    let mut unmatched = Vec::new();
    for stated in in_order {
        let s = &stated.body;
        let meant = |h: &&mut Handled| h.episode.code == s.code && h.episode.contains(s.raised_ms);
        let Some(h) = out.iter_mut().rev().find(meant) else {
            unmatched.push(stated.clone());
            continue;
        };
        let happened = |ms: &i64| *ms <= until_ms;
        // Dealing with it is also taking note of it.
        let noted = s.acknowledged_ms.or(s.handled_ms).filter(happened);
        h.acknowledged_ms = h.acknowledged_ms.into_iter().chain(noted).min();
        h.handled_ms = h.handled_ms.into_iter().chain(s.handled_ms.filter(happened)).max();
        h.is_test |= s.is_test;
        h.statements.push(stated.leaf);
    }
    (out, unmatched)
}

/// Sums over episodes raised in a window, tests left out of everything but their own count.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Figures {
    /// Episodes raised.
    pub episodes: u32,
    /// Episodes marked as tests.
    pub tests: u32,
    /// Raises, chatter counted each time.
    pub raises: u32,
    /// Episodes whose end was not seen and that are not known to be still raised.
    pub unseen_ends: u32,
    /// Times to acknowledge, milliseconds, sorted.
    pub to_acknowledge_ms: Vec<i64>,
    /// Times until dealt with, milliseconds, sorted.
    pub to_handle_ms: Vec<i64>,
    /// Ages of those nobody took note of, milliseconds, sorted.
    pub unacknowledged_ms: Vec<i64>,
    /// Ages of those not dealt with, milliseconds, sorted.
    pub unhandled_ms: Vec<i64>,
}

impl Figures {
    /// Sums up the episodes raised from `from_ms` on, as of `until_ms`. `class` `None` sums all of them, `Some(None)` the unclassified.
    pub fn of(all: &[Handled], class: Option<Option<AlarmClass>>, from_ms: i64, until_ms: i64) -> Self {
        use crate::alarms::episodes::End;
        let mut out = Self::default();
        let begins = |h: &&Handled| from_ms <= h.episode.raised_ms && h.episode.raised_ms < until_ms;
        for h in all.iter().filter(begins).filter(|h| class.is_none_or(|c| c == h.class)) {
            if h.is_test {
                out.tests += 1;
                continue;
            }
            out.episodes += 1;
            out.raises = out.raises.saturating_add(h.episode.raises);
            out.unseen_ends += u32::from(matches!(h.episode.end, End::Unseen { .. }));
            let age = until_ms.saturating_sub(h.episode.raised_ms);
            match h.to_acknowledge() {
                Some((ms, _)) => out.to_acknowledge_ms.push(ms),
                None => out.unacknowledged_ms.push(age),
            }
            match h.to_handle() {
                Some((ms, _)) => out.to_handle_ms.push(ms),
                None => out.unhandled_ms.push(age),
            }
        }
        let lists =
            [&mut out.to_acknowledge_ms, &mut out.to_handle_ms, &mut out.unacknowledged_ms, &mut out.unhandled_ms];
        lists.into_iter().for_each(|list| list.sort_unstable());
        out
    }

    /// Median time to acknowledge, milliseconds.
    ///
    /// # Errors
    /// Nothing was acknowledged.
    pub fn median_to_acknowledge(&self) -> Result<Rational, Undefined> {
        quantile(&self.to_acknowledge_ms, 1, 2).ok_or(Undefined::NothingDue)
    }

    /// Median time until dealt with, milliseconds.
    ///
    /// # Errors
    /// Nothing was dealt with.
    pub fn median_to_handle(&self) -> Result<Rational, Undefined> {
        quantile(&self.to_handle_ms, 1, 2).ok_or(Undefined::NothingDue)
    }

    /// Share of episodes dealt with.
    ///
    /// # Errors
    /// No episode.
    pub fn handled_share(&self) -> Result<Rational, Undefined> {
        let (num, den) = (self.to_handle_ms.len() as i128, i128::from(self.episodes));
        Rational::new(num, den).ok_or(Undefined::NothingDue)
    }
}

/// The checklist's row 32: safety alarms raised from `from_ms` on, as of `until_ms`.
pub fn safety(all: &[Handled], from_ms: i64, until_ms: i64) -> Alarms {
    let is_one = |h: &&Handled| h.class == Some(AlarmClass::Safety) && h.episode.raised_ms >= from_ms;
    let of =
        |h: &Handled| Alarm { raised_ms: h.episode.raised_ms, acknowledged_ms: h.acknowledged_ms, is_test: h.is_test };
    alarms(&all.iter().filter(is_one).map(of).collect::<Vec<_>>(), until_ms)
}
