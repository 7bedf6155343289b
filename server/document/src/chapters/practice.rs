//! What became of what was promised to an authority: one file per section of `practice`.
//!
//! Constraints first: every difference no approved change covers is named, on the first page of findings with its number and here one
//! by one; nothing says that a project is accepted, has stopped or is cancelled.

pub(crate) mod filing;

use metrics::report::PracticeResult;

use super::Context;
use crate::flow::{BODY, Flow, RED};

/// The chapter.
pub(super) fn set(flow: &mut Flow, c: &Context<'_>, practice: &PracticeResult) {
    for filing in &practice.filings {
        filing::set(flow, c, filing);
    }
}

/// The page of findings: how many differences each filed plan has.
pub(super) fn glance(flow: &mut Flow, c: &Context<'_>) {
    for filing in c.report.practice.iter().flat_map(|practice| &practice.filings) {
        let differing = filing::differing(filing).count();
        let style = if differing > 0 { BODY.ink(RED) } else { BODY };
        flow.words(style, &filing::summary(c, filing));
    }
}
