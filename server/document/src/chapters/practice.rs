//! What became of what was promised to an authority: one file per section of `practice`.
//!
//! Constraints first: every difference no approved change covers is named, on the first page of findings with its number and here one
//! by one; nothing says that a project is accepted, has stopped or is cancelled.

pub(crate) mod deviation;
pub(crate) mod filing;
pub(crate) mod onsite;

use metrics::deviation::Next;
use metrics::report::PracticeResult;

use super::Context;
use crate::flow::{BODY, Flow, RED};

/// Filed plans.
pub(super) fn filings(flow: &mut Flow, c: &Context<'_>, practice: &PracticeResult) {
    practice.filings.iter().for_each(|filing| filing::set(flow, c, filing));
}

/// On-site checks.
pub(super) fn checks(flow: &mut Flow, c: &Context<'_>, practice: &PracticeResult) {
    practice.onsite.iter().for_each(|check| onsite::set(flow, c, check));
}

/// Deviations.
pub(super) fn deviations(flow: &mut Flow, c: &Context<'_>, practice: &PracticeResult) {
    practice.deviations.iter().for_each(|of| deviation::set(flow, c, of));
}

/// The page of findings: how many differences each filed plan has, what was checked on site, where deviations stand.
pub(super) fn glance(flow: &mut Flow, c: &Context<'_>) {
    for filing in c.report.practice.iter().flat_map(|practice| &practice.filings) {
        let differing = filing::differing(filing).count();
        let style = if differing > 0 { BODY.ink(RED) } else { BODY };
        flow.words(style, &filing::summary(c, filing));
    }
    for check in c.report.practice.iter().flat_map(|practice| &practice.onsite) {
        let [_, _, differing] = check.counted;
        let style = if differing > 0 { BODY.ink(RED) } else { BODY };
        flow.words(style, filing::said(c, &check.words()));
    }
    for of in c.report.practice.iter().flat_map(|practice| &practice.deviations).flat_map(|of| &of.deviations) {
        let style = if of.next == Next::Nothing { BODY } else { BODY.ink(RED) };
        flow.words(style, &deviation::summary(c, of));
    }
}
