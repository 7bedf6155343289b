//! Stops with their reasons: 停机时长、次数与原因 (reference §5 row 24).
//!
//! Constraints
//! 1. A stop is a stretch without RUN inside planned time, planned stops taken off; unobserved time belongs to no stop and ends one, and
//!    such a stop says that it may have been longer.
//! 2. Minor stops are those of [`crate::kpi::losses`], counted apart; they need no reason and take no part in the Pareto.
//! 3. A reason is what a person stated for an instant inside the stop; else an alarm that was raised in it; else none. Stops without a
//!    reason stay visible as a share of the whole, and the stated and the signalled are never mixed up.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::alarms::Episode;
use crate::buckets::Context;
use crate::exact::Rational;
use crate::interval::{Interval, overlap_ms, union};
use crate::kpi::losses::{Marked, StopRule, mark};
use crate::model::{ModelError, check_id, refuse};
use crate::oee::Undefined;
use crate::production::rates::{Cause, pareto};
use crate::shift::Evaluated;
use crate::state::MachineState;
use crate::statements::Stated;

const KIND: &str = "stop_reason";
/// Longest reason, bytes.
const REASON_MAX: usize = 200;

/// `stop_reason`: why a machine stopped, and when somebody first acted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StopReason {
    /// Machine id.
    pub machine: String,
    /// An instant inside the stop, UTC milliseconds.
    pub at_ms: i64,
    /// Why, in words the site agreed on.
    pub reason: String,
    /// When somebody first acted, UTC milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_action_ms: Option<i64>,
}

/// Checks a `stop_reason` body.
///
/// # Errors
/// [`ModelError`] names the field and what is allowed there.
pub fn check(body: StopReason) -> Result<StopReason, ModelError> {
    check_id(KIND, "machine", &body.machine)?;
    if body.reason.trim().is_empty() || body.reason.len() > REASON_MAX {
        return Err(refuse(KIND, "reason", "must have 1 to 200 bytes"));
    }
    Ok(body)
}

/// Where a reason comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    /// A person stated it in this leaf.
    Stated {
        /// The reason.
        reason: String,
        /// The leaf.
        leaf: u64,
    },
    /// An alarm of this code was raised during the stop.
    Alarm(String),
    /// The machine said it was set up or maintained.
    State(MachineState),
    /// Nobody knows.
    Unknown,
}

/// Who says why a machine stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Source {
    /// A person.
    Stated,
    /// The machine's alarm.
    Alarm,
    /// The machine's state.
    State,
    /// Nobody.
    Nobody,
}

impl Source {
    /// Every source.
    pub const ALL: [Self; 4] = [Self::Stated, Self::Alarm, Self::State, Self::Nobody];

    /// The code printed in lists.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Stated => "stated",
            Self::Alarm => "alarm",
            Self::State => "state",
            Self::Nobody => "none",
        }
    }
}

impl Reason {
    /// Who says so.
    pub const fn source(&self) -> Source {
        match self {
            Self::Stated { .. } => Source::Stated,
            Self::Alarm(_) => Source::Alarm,
            Self::State(_) => Source::State,
            Self::Unknown => Source::Nobody,
        }
    }

    /// The reason in one word; empty for none.
    pub fn word(&self) -> &str {
        match self {
            Self::Stated { reason, .. } => reason,
            Self::Alarm(code) => code,
            Self::State(state) => state.name(),
            Self::Unknown => "",
        }
    }
}

/// A stop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stop {
    /// From the end of running to its beginning, or to what was not observed.
    pub span: Interval,
    /// Its length without planned stops, milliseconds.
    pub ms: i64,
    /// A minor stop.
    pub is_minor: bool,
    /// Next to unobserved or held time: it may have been longer, or minor, or not.
    pub is_doubtful: bool,
    /// The state in which most of it was spent; of equals the first.
    pub state: MachineState,
    /// Why.
    pub reason: Reason,
}

/// The stops of an evaluated window, in order.
pub fn stops(
    evaluated: &Evaluated,
    is_scheduled: bool,
    rule: StopRule,
    stated: &[Stated<StopReason>],
    alarms: &[Episode],
) -> Vec<Stop> {
    if !is_scheduled {
        return Vec::new();
    }
    let context = Context {
        scheduled: is_scheduled,
        stops: evaluated.stops.clone(),
        no_order: evaluated.no_order.clone(),
        order_unseen: evaluated.order_unseen.clone(),
    };
    let planned = union(evaluated.stops.clone());
    let marked = mark(&evaluated.states, &context, rule);
    let mut out = Vec::new();
    let mut rest = marked.as_slice();
    let is_stop = |m: &Marked| !matches!(m.interval.state, MachineState::Run | MachineState::Unknown);
    while let Some(begin) = rest.iter().position(is_stop) {
        let from = rest.get(begin..).unwrap_or_default();
        let length = from.iter().take_while(|m| is_stop(m)).count();
        let (parts, after) = from.split_at(length);
        rest = after;
        out.extend(stop(parts, &planned, stated, alarms));
    }
    out
}

fn stop(parts: &[Marked], planned: &[Interval], stated: &[Stated<StopReason>], alarms: &[Episode]) -> Option<Stop> {
    let span = Interval::new(parts.first()?.interval.from_ms, parts.last()?.interval.to_ms);
    let mut by_state = [0_i64; 8];
    for part in parts {
        let own = Interval::new(part.interval.from_ms, part.interval.to_ms);
        if let Some(slot) = by_state.get_mut(part.interval.state.code()) {
            *slot += own.length_ms() - overlap_ms(&[own], planned);
        }
    }
    let ms: i64 = by_state.iter().sum();
    // What lies wholly in planned stops is not downtime.
    let most = by_state.iter().max().filter(|most| **most > 0)?;
    let state = MachineState::ALL.into_iter().zip(&by_state).find(|(_, ms)| *ms == most)?.0;
    Some(Stop {
        span,
        ms,
        is_minor: parts.iter().all(|m| m.is_minor),
        is_doubtful: parts.iter().any(|m| m.is_doubtful),
        state,
        reason: reason(span, state, stated, alarms),
    })
}

fn reason(span: Interval, state: MachineState, stated: &[Stated<StopReason>], alarms: &[Episode]) -> Reason {
    // Of several statements the later leaf holds.
    let newest = stated.iter().filter(|s| span.contains(s.body.at_ms)).max_by_key(|s| s.leaf);
    if let Some(s) = newest {
        return Reason::Stated { reason: s.body.reason.trim().to_owned(), leaf: s.leaf };
    }
    if matches!(state, MachineState::Setup | MachineState::Maint) {
        return Reason::State(state);
    }
    let raised = alarms.iter().find(|e| span.contains(e.raised_ms));
    raised.map_or(Reason::Unknown, |e| Reason::Alarm(e.code.clone()))
}

/// Stopped time of one reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Because {
    /// Who says so: one word stated and signalled is two reasons.
    pub source: Source,
    /// The reason and its time; empty when nobody gave one.
    pub cause: Cause,
    /// Of that time, next to unobserved or held time.
    pub doubtful_ms: i64,
    /// Leaves of the statements, in order of the log.
    pub leaves: Vec<u64>,
}

/// Stopped time by reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ByReason {
    /// Longest first; of equals by source and name. Stops without a reason under an empty one.
    pub causes: Vec<Because>,
    /// Minor stops, apart.
    pub minor: Cause,
    /// Time of all other stops, milliseconds.
    pub total_ms: i64,
    /// How many those are.
    pub times: u32,
    /// Of that time, without a reason.
    pub unreasoned_ms: i64,
    /// Of that time, next to unobserved or held time.
    pub doubtful_ms: i64,
}

impl ByReason {
    /// Share of stopped time nobody gave a reason for.
    ///
    /// # Errors
    /// Nothing stopped.
    pub fn unreasoned_share(&self) -> Result<Rational, Undefined> {
        self.share(self.unreasoned_ms)
    }

    /// Share of stopped time, minor stops apart.
    ///
    /// # Errors
    /// Nothing stopped.
    pub fn share(&self, ms: i64) -> Result<Rational, Undefined> {
        Rational::new(ms.into(), self.total_ms.into()).ok_or(Undefined::NothingDue)
    }
}

/// Sorts stops into causes, longest first. Adds up: list the stops of several windows or machines together.
pub fn by_reason(stops: &[Stop]) -> ByReason {
    let (minor, other): (Vec<&Stop>, Vec<&Stop>) = stops.iter().partition(|s| s.is_minor);
    let sum = |list: &[&Stop], keep: fn(&Stop) -> bool| list.iter().filter(|s| keep(s)).map(|s| s.ms).sum();
    let mut causes = Vec::new();
    for source in Source::ALL {
        let own: Vec<&Stop> = other.iter().filter(|s| s.reason.source() == source).copied().collect();
        let episodes: Vec<(&str, i64)> = own.iter().map(|s| (s.reason.word(), s.ms)).collect();
        causes.extend(pareto(&episodes).into_iter().map(|cause| {
            let same = || own.iter().filter(|s| s.reason.word() == cause.reason);
            let leaf = |s: &&Stop| if let Reason::Stated { leaf, .. } = s.reason { Some(leaf) } else { None };
            let leaves: BTreeSet<u64> = same().filter_map(leaf).collect();
            Because {
                source,
                doubtful_ms: same().filter(|s| s.is_doubtful).map(|s| s.ms).sum(),
                leaves: leaves.into_iter().collect(),
                cause,
            }
        }));
    }
    causes.sort_by_key(|b| std::cmp::Reverse(b.cause.ms));
    ByReason {
        causes,
        minor: Cause { reason: String::new(), ms: sum(&minor, |_| true), times: minor.len() as u32 },
        total_ms: sum(&other, |_| true),
        times: other.len() as u32,
        unreasoned_ms: sum(&other, |s| s.reason == Reason::Unknown),
        doubtful_ms: sum(&other, |s| s.is_doubtful),
    }
}
