//! What a statement does to a pass: it opens dates, or it comes too late for dates that were evaluated.
//!
//! Constraints
//! 1. Statements are only ever added. One that was logged after a date was evaluated changes it exactly if evaluation would
//!    have consulted it; each kind says when. A kind nobody thought of here is suspected of all time it is in force.
//! 2. The calendar and zone of every evaluated date are asked for again: which of several statements holds depends on all of them.

use crate::history::{By, REACH_MS};
use crate::interval::Interval;
use crate::model::{Body, parse_body};
use crate::pass::{Part, Pass, PassError};
use crate::report::{Calendars, days_of};
use crate::statements::Stated;

impl Pass {
    /// Takes note of the declaration of a leaf, if it has one that can be read.
    pub(super) fn stated(&mut self, leaf: u64) -> Result<(), PassError> {
        let Some(stated) = self.history.statements().ledger().last().filter(|s| s.leaf == leaf).cloned() else {
            return Ok(());
        };
        let changed = self.parts.values().any(|part| self.changes(part, &stated));
        if changed {
            return self.disturb(leaf, By::Statement);
        }
        self.watch_locks(leaf);
        if let Some(plan) = self.asked.plan.as_deref().filter(|_| stated.body.kind == "baseline_lock")
            && let Some(moved) = crate::plan::moved_since(&self.history, plan).filter(|moved| moved.by == By::Readings)
        {
            return self.disturb(moved.leaf, By::Readings);
        }
        self.watch_new_tags();
        self.resolve(leaf)?;
        let until_ms = self.asked.until_ms;
        for part in self.parts.values_mut() {
            part.plan(&self.history, until_ms);
        }
        Ok(())
    }

    /// Looks for locks of the plan up to a leaf: a record after their prefix that says something of their baselines makes another history.
    pub(super) fn watch_locks(&mut self, leaf: u64) {
        if let Some(plan) = self.asked.plan.as_deref() {
            self.locks = crate::plan::watched(&self.history, plan, leaf);
        }
    }

    /// Whether a statement changes dates of a part that were evaluated.
    fn changes(&self, part: &Part, stated: &Stated<protocol::Declaration>) -> bool {
        if part.done.is_empty() {
            return false;
        }
        // Another calendar or zone for a date.
        let basis = |date| {
            let (calendar, zone) = Calendars::stated(&self.history, &part.machine, date)?;
            Some((calendar.leaf, zone.to_owned()))
        };
        if part.dates.iter().zip(&part.done).any(|(date, (was, _))| basis(*date) != *was) {
            return true;
        }
        let Some(hull) = part.hull else { return false };
        // An enrolment of a gateway whose readings were already dated by its first record.
        let is_moved = |(gateway, was): (&String, &Option<i64>)| {
            was.is_some() && self.history.known_since_ms(gateway) != *was && !self.history.is_simulated()
        };
        if part.known.iter().any(is_moved) {
            return true;
        }
        let begins = stated.effective_from < hull.to_ms;
        let Ok(body) = parse_body(&stated.body.kind, &stated.body.body) else { return false };
        match body {
            // What these say of evaluated dates is their calendar and zone, and whether the site is simulated.
            Body::Site(_) | Body::Calendar(_) => false,
            Body::Machine(b) => b.machine == part.machine && (begins || self.shifts_meaning(part)),
            Body::CycleTime(b) => b.machine == part.machine && begins,
            Body::PlannedStop(b) => {
                b.machine == part.machine && !Interval::new(b.from_ms, b.to_ms).intersect(&hull).is_empty()
            }
            Body::MeterReplaced(b) => {
                let reach =
                    Interval::new(hull.from_ms.saturating_sub(REACH_MS), hull.to_ms.saturating_add(REACH_MS + 1));
                b.machine == part.machine && reach.contains(b.at_ms)
            }
            // Applied when the report is made.
            Body::QualityCount(_) => false,
            // Which dates are asked for is resolved again; whether a lock and what is declared now are two is asked at the end.
            Body::Plan(_) | Body::BaselineLock(_) | Body::ComparisonLock(_) | Body::EvidenceDocument(_) => false,
            // What is said of a matter to verify moves no number.
            // Savings are computed from a history, never in one pass.
            Body::Adjustment(_) | Body::Explanation(_) | Body::FindingShown(_) | Body::FindingAcknowledged(_) => false,
            // What was promised to an authority moves no number.
            Body::FiledPlan(_) | Body::PlanChange(_) | Body::PlanOpinion(_) | Body::PlanFinished(_) => false,
            Body::AcceptanceHeld(_) => false,
            Body::PaperAsked(_) | Body::PaperHanded(_) | Body::PaperJudged(_) | Body::FirmListed(_) => false,
            Body::OnsiteCheck(_)
            | Body::OnsitePress(_)
            | Body::OnsiteFace(_)
            | Body::OnsitePlate(_)
            | Body::OnsiteResult(_)
            | Body::OnsiteConfirmed(_) => false,
            Body::DeviationNotice(_)
            | Body::DeviationExplanation(_)
            | Body::DeviationMeasures(_)
            | Body::DeviationRemeasured(_)
            | Body::DeviationClosed(_) => false,
            body => body != Body::Other && begins,
        }
    }

    /// Whether a tag that a machine's definition names for the first time has changed its meaning: windows are cut there,
    /// whether or not the definition was in force.
    fn shifts_meaning(&self, part: &Part) -> bool {
        let tags = super::tags_of(&self.history, &part.machine);
        tags.difference(&part.tags).any(|(gateway, tag)| !self.history.is_one_meaning(gateway, tag))
    }

    /// Tags named for the first time are relied upon as far as the machine was evaluated: they had one meaning.
    fn watch_new_tags(&mut self) {
        for part in self.parts.values_mut() {
            let Some(hull) = part.hull else { continue };
            let tags = super::tags_of(&self.history, &part.machine);
            for (gateway, tag) in tags.difference(&part.tags) {
                self.history.used(gateway, tag, hull, hull.to_ms.saturating_add(REACH_MS));
                self.history.freeze(gateway);
            }
            part.tags.extend(tags);
        }
    }

    /// Which dates of which machines are asked for, as far as the log says by now.
    pub(super) fn resolve(&mut self, leaf: u64) -> Result<(), PassError> {
        let Ok(resolved) = self.asked.resolve(&self.history) else { return Ok(()) };
        if self.request.as_ref().is_some_and(|was| was.periods != resolved.periods) {
            if self.forgotten_at_ms.is_some() || self.parts.values().any(|p| !p.done.is_empty()) {
                return self.disturb(leaf, By::Plan);
            }
            self.parts.clear();
        }
        for (i, period) in resolved.periods.iter().enumerate() {
            for machine in &resolved.machines {
                let part = || Part::new(&self.history, machine, period, self.asked.until_ms);
                self.parts.entry((i, machine.clone())).or_insert_with(part);
            }
        }
        // A filing may be stated later than what is there of it.
        let days = match self.asked.filings.is_empty() {
            true => Vec::new(),
            false => days_of(self.history.statements(), &resolved),
        };
        if !self.history.watches(&days) {
            return self.disturb(leaf, By::Statement);
        }
        self.history.watch(days);
        self.request = Some(resolved);
        Ok(())
    }
}
