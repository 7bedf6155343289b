//! What became of what was promised to an authority: the sections of `practice`, one file each.
//!
//! Constraints
//! 1. None of it moves a number of the report, states that a project is accepted, or says more than statements and readings do.
//! 2. A section is there when the request asks for it and the log has something of it: a report of another time keeps its bytes.
//! 3. Readings and records are looked at over the dates of the report's periods and no others: what lies outside a bundle need not
//!    carry, and nothing may rest on it.

mod deviation;
mod filing;
mod onsite;
mod words;

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

pub use self::deviation::{DeviationLine, DeviationsResult, StepKind, StepLine, StepUncounted};
pub use self::filing::{
    ApplicationLine, ApprovedLine, Basis, DifferenceKind, Disregarded, FiledPart, FilingAsked, FilingResult,
    Investment, OpinionLine, PromiseDifference, PromiseLine, RouteAsked, RuleAsked, StatusCode, StatusLine,
};
pub use self::onsite::{
    ActLine, CheckResult, ConfirmationLine, DrawLine, DrawnLine, NotCounted, RecordedResult, StatedAct, Uncounted,
};

use super::ReportRequest;
use crate::calendar::{local_date, local_days, parse_date};
use crate::history::History;
use crate::interval::Interval;
use crate::statements::Statements;

/// What became of what was promised to an authority.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PracticeResult {
    /// Filed plans (备案方案).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub filings: Vec<FilingResult>,
    /// On-site checks (现场核查).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub onsite: Vec<CheckResult>,
    /// Deviations (双监控).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub deviations: Vec<DeviationsResult>,
}

/// Everything the request asks for.
pub(super) fn practice(history: &History, request: &ReportRequest) -> Option<PracticeResult> {
    if request.filings.is_empty() && !request.onsite && !request.deviations {
        return None;
    }
    let statements = history.statements();
    let dates = Dates::of(statements, request)?;
    let seen = history.seen(if request.filings.is_empty() { &[] } else { &dates.days });
    let all: Vec<_> = request.filings.iter().filter_map(|asked| filing::read(statements, asked, &dates)).collect();
    let filings = all.iter().map(|of| filing::filing(statements, of, &all, &dates, &seen));
    Some(PracticeResult {
        filings: filings.collect(),
        onsite: if request.onsite { onsite::checks(statements) } else { Vec::new() },
        deviations: if request.deviations { deviation::deviations(statements, &dates) } else { Vec::new() },
    })
}

/// The days of UTC that the sections look at.
pub(crate) fn days_of(statements: &Statements, request: &ReportRequest) -> Vec<Interval> {
    Dates::of(statements, request).map_or_else(Vec::new, |dates| dates.days)
}

/// The dates a report is about.
pub(super) struct Dates {
    /// Zone of the site.
    pub(super) zone: String,
    /// The days of its periods on UTC, cut where the request ends.
    pub(super) days: Vec<Interval>,
    /// The last of its dates that has begun.
    pub(super) at: Date,
}

impl Dates {
    fn of(statements: &Statements, request: &ReportRequest) -> Option<Self> {
        let zone = statements.site().map_or_else(|| "UTC".to_owned(), |site| site.zone.clone());
        let until_ms = request.until_ms.unwrap_or(i64::MAX);
        let day = |period: &super::Period| {
            let days = local_days(&zone, parse_date(&period.from)?, parse_date(&period.to)?)?;
            Some(Interval::new(days.from_ms, days.to_ms.min(until_ms)))
        };
        let days = request.periods.iter().filter_map(day).filter(|day| !day.is_empty()).collect();
        let last = request.periods.iter().filter_map(|period| parse_date(&period.to)).max()?;
        let now = request.until_ms.and_then(|ms| local_date(&zone, ms));
        Some(Self { zone, days, at: now.map_or(last, |now| now.min(last)) })
    }
}
