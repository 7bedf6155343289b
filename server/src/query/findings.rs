//! The matters to verify (待核实事项) of a site in a week, examined from the log when somebody asks.
//!
//! Constraints
//! 1. Whole weeks of the site that are over, so that a finding keeps its key. One examination at a time, together with `figures`.
//! 2. The factory sees them first. Who may speak for it sees every finding, and opening the list is logged once for each
//!    finding (`finding_shown`), before anything is answered: what cannot be logged is not shown.
//! 3. Others see a finding when the rule of [`course`] says so, and until then how many there are: never which, and no list
//!    from which that could be read.
//! 4. Raw readings need their own permission, here as everywhere.
//! 5. It rests on the durable log, not on the newest checkpoint: what was logged a moment ago counts.

use std::collections::{BTreeMap, BTreeSet};

use metrics::credibility::course::{
    DAYS_DEFAULT, FACTORY_ROLE, FindingRef, FindingShown, Release, SHOWN_MAX, course, release,
};
use metrics::credibility::{Examination, Finding, Need, detector, examine, explanation, honest};
use metrics::report::Words;
use metrics::statements::Statements;
use metrics::{Interval, calendar};
use protocol::{Declaration, LeafBody, SiteId};

use super::{NamedMachine, ONE_AT_A_TIME, QueryError, SiteHead, machine as machines, off_thread, visible};
use crate::reporting::{self, LEAVES_READ, ReportingError};
use crate::roles::{Access, Permission};
use crate::sitelog::SiteLogs;
use crate::store::Store;

mod view;

pub use view::{
    ClearView, DetectorParameter, DetectorView, ExplanationView, FindingView, FindingsView, HonestPlants, HonestRate,
    QuantityView, SampleView, SignalView, StepView, Stretch, UncheckedView, Withheld,
};

/// Kind of the declaration that says that the factory was shown findings.
pub const FINDING_SHOWN: &str = "finding_shown";

/// A week of a site.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Week {
    monday: jiff::civil::Date,
    sunday: jiff::civil::Date,
    window: Interval,
}

impl Week {
    /// The week that contains a date, in a zone.
    fn of(date: jiff::civil::Date, zone: &str) -> Option<Self> {
        let back = jiff::Span::new().days(date.weekday().to_monday_zero_offset());
        let monday = date.checked_sub(back).ok()?;
        let sunday = monday.checked_add(jiff::Span::new().days(6)).ok()?;
        Some(Self { monday, sunday, window: calendar::local_days(zone, monday, sunday)? })
    }

    /// The week so many days away.
    fn away(&self, days: i64, zone: &str) -> Option<Self> {
        Self::of(self.monday.checked_add(jiff::Span::new().days(days)).ok()?, zone)
    }

    fn is_over(&self, now_ms: i64) -> bool {
        self.window.to_ms <= now_ms
    }

    /// The week asked for, or the last that is over.
    fn asked(date: Option<&str>, zone: &str, now_ms: i64) -> Result<Self, QueryError> {
        let Some(date) = date.filter(|d| !d.is_empty()) else {
            let today = calendar::local_date(zone, now_ms).and_then(|today| Self::of(today, zone));
            let last = today.and_then(|week| week.away(-7, zone));
            return last.ok_or_else(|| QueryError::Failed("the calendar ends".to_owned()));
        };
        let wrong = || QueryError::Invalid(format!("`{date}`: YYYY-MM-DD / 日期格式应为 YYYY-MM-DD"));
        let week = calendar::parse_date(date).and_then(|date| Self::of(date, zone)).ok_or_else(wrong)?;
        if !week.is_over(now_ms) {
            return Err(QueryError::Invalid(format!(
                "the week of {date} is not over; only whole weeks are examined / \
                 {date} 所在的一周尚未结束，仅核查已结束的整周"
            )));
        }
        Ok(week)
    }
}

/// Examines a week, logs what the factory is thereby shown, and gives each reader what is his to see.
pub async fn findings(
    store: &Store,
    logs: &SiteLogs,
    access: &Access,
    site: &str,
    date: Option<&str>,
    now_ms: i64,
) -> Result<FindingsView, QueryError> {
    let row = visible(store, access, Permission::SeeFigures, site).await?;
    // A provider or an administrator looks like anybody else: the factory's first look is the factory's.
    let speaker = access.acting_role(Permission::Declare, &row).filter(|role| *role == FACTORY_ROLE).map(str::to_owned);
    let sees_raw = access.allows(Permission::SeeRaw, &row);
    let head = SiteHead::from(row);
    let week = Week::asked(date, &head.time_zone, now_ms)?;
    let id: SiteId = site.parse().map_err(|_| QueryError::NotFound)?;
    let machines = machines::named(store, site).await?;

    let _one = ONE_AT_A_TIME.lock().await;
    let (mut examined, id) = {
        let (logs, window) = (logs.clone(), week.window);
        off_thread(move || Ok((Examined::read(&logs, &id, window)?, id))).await?
    };
    if let Some(role) = &speaker {
        let unseen = examined.unseen();
        for some in unseen.chunks(SHOWN_MAX) {
            logs.append_declaration(&id, &shown(access, role, some, now_ms)?).await.map_err(failed)?;
        }
        if !unseen.is_empty() {
            let logs = logs.clone();
            examined = off_thread(move || examined.reread(&logs, &id)).await?;
        }
    }
    // What was logged just now is dated by the server's clock a moment later than this question.
    let now_ms = examined.newest_ms.max(now_ms);
    let reader = Reader { is_factory: speaker.is_some(), sees_raw, now_ms };
    Ok(reader.view(head, &week, machines, &examined))
}

/// The statement that somebody who may speak for the factory was shown these findings.
fn shown(access: &Access, role: &str, findings: &[FindingRef], now_ms: i64) -> Result<Declaration, QueryError> {
    let body = serde_json::to_value(FindingShown { findings: findings.to_vec() });
    Ok(Declaration {
        kind: FINDING_SHOWN.to_owned(),
        effective_from: now_ms,
        author: access.pseudonym.clone(),
        role: role.to_owned(),
        reason: "opened the list".to_owned(),
        body: body.map_err(failed)?,
    })
}

fn failed(error: impl std::fmt::Display) -> QueryError {
    QueryError::Failed(error.to_string())
}

/// A week that was examined, and what was stated so far.
struct Examined {
    examination: Examination,
    statements: Statements,
    /// Leaves read.
    size: u64,
    /// When the newest statement was logged.
    newest_ms: i64,
}

impl Examined {
    fn read(logs: &SiteLogs, site: &SiteId, window: Interval) -> Result<Self, ReportingError> {
        let size = logs.size(site)?;
        let history = reporting::history_over(logs, site, size, &[window])?;
        let examination = examine(&history, window);
        let statements = history.statements().clone();
        Ok(Self { examination, statements, size, newest_ms: i64::MIN })
    }

    /// Takes in the statements logged since.
    fn reread(mut self, logs: &SiteLogs, site: &SiteId) -> Result<Self, ReportingError> {
        loop {
            let leaves = logs.leaves(site, self.size..self.size + LEAVES_READ)?;
            if leaves.is_empty() {
                return Ok(self);
            }
            for leaf in leaves {
                if let LeafBody::Declaration { digest, .. } = &leaf.body
                    && let Some(content) = logs.content(site, digest)?
                {
                    self.statements.push(self.size, leaf.received_ms, Declaration::decode(&content)?);
                    self.newest_ms = self.newest_ms.max(leaf.received_ms);
                }
                self.size += 1;
            }
        }
    }

    /// Findings that the factory was never shown, each once.
    fn unseen(&self) -> Vec<FindingRef> {
        let mut seen = BTreeSet::new();
        let new = |f: &&Finding| self.statements.first_shown(&f.key).is_none() && seen.insert(f.key.clone());
        self.examination.findings.iter().filter(new).map(FindingRef::to).collect()
    }
}

/// Who reads, and when.
struct Reader {
    is_factory: bool,
    sees_raw: bool,
    now_ms: i64,
}

impl Reader {
    fn view(&self, site: SiteHead, week: &Week, machines: Vec<NamedMachine>, examined: &Examined) -> FindingsView {
        let Examined { examination, statements, size, .. } = examined;
        let zone = &site.time_zone;
        let next = week.away(7, zone).filter(|next| next.is_over(self.now_ms)).map(|next| next.monday.to_string());
        let previous = week.away(-7, zone).map_or_else(|| week.monday.to_string(), |w| w.monday.to_string());
        let mut findings = Vec::new();
        let mut withheld = Withheld::default();
        for finding in &examination.findings {
            let release = release(&course(statements, finding), DAYS_DEFAULT);
            if self.is_factory || release.is_open(self.now_ms) {
                findings.push(self.finding(finding, statements, release));
            } else if release.from_ms.is_some() {
                withheld.with_factory += 1;
                withheld.until_ms = withheld.until_ms.max(release.from_ms);
            } else {
                withheld.not_shown += 1;
            }
        }
        // Within a need by time, as they come.
        findings.sort_by_key(|f| ["first", "soon", "routine"].iter().position(|need| *need == f.need));
        let hides = withheld.with_factory + withheld.not_shown > 0;
        FindingsView {
            week: week.monday.to_string(),
            last: week.sunday.to_string(),
            next,
            previous,
            from_ms: week.window.from_ms,
            until_ms: week.window.to_ms,
            prefix: count(*size),
            may_answer: self.is_factory,
            days: i64::from(DAYS_DEFAULT),
            machines,
            findings,
            left_out: count(examination.left_out),
            withheld,
            checks: examination.checked.len().try_into().unwrap_or(i64::MAX),
            clear: if hides { Vec::new() } else { clear(examination) },
            unchecked: unchecked(examination),
            unexamined_ms: examination.unexamined_ms,
            honest: honest_plants(),
            site,
        }
    }

    fn finding(&self, finding: &Finding, statements: &Statements, release: Release) -> FindingView {
        let steps = course(statements, finding);
        let samples = if self.sees_raw { finding.samples.as_slice() } else { &[] };
        FindingView {
            key: finding.key.clone(),
            detector: detector_view(finding.detector),
            machine: finding.machine.clone(),
            from_ms: finding.from_ms(),
            says: finding.says.clone(),
            on_site: finding.on_site.clone(),
            need: match finding.need {
                Need::First => "first",
                Need::Soon => "soon",
                Need::Routine => "routine",
            }
            .to_owned(),
            stretches: finding.windows.iter().map(|[from, to]| Stretch { from_ms: *from, until_ms: *to }).collect(),
            stretches_left_out: count(finding.windows_left_out),
            signals: finding
                .signals
                .iter()
                .map(|s| SignalView { role: s.role.to_owned(), gateway: s.gateway.clone(), tag: s.tag.clone() })
                .collect(),
            quantities: finding
                .quantities
                .iter()
                .map(|q| QuantityView { names: q.name.clone(), value: q.value.clone(), unit: q.unit.clone() })
                .collect(),
            samples: samples
                .iter()
                .map(|s| SampleView {
                    role: s.role.to_owned(),
                    at_ms: s.at_ms,
                    raw: s.raw.clone(),
                    leaf: count(s.leaf),
                })
                .collect(),
            shown: steps.shown.map(step),
            acknowledged: steps.acknowledged.map(step),
            explanations: explanation::of(statements, finding).into_iter().map(said).collect(),
            released: release.is_open(self.now_ms),
            release_ms: release.from_ms,
            release_reason: release.reason.clone(),
        }
    }
}

fn count(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

fn step(step: metrics::credibility::course::Step) -> StepView {
    StepView { leaf: count(step.leaf), at_ms: step.received_ms, author: step.author, role: step.role }
}

fn said(e: explanation::Explained) -> ExplanationView {
    let step = StepView { leaf: count(e.leaf), at_ms: e.received_ms, author: e.author, role: e.role };
    ExplanationView { step, text: e.text, document: e.document }
}

/// The description of a detector of this program.
fn detector_view(id: &str) -> DetectorView {
    let Some(d) = detector(id) else {
        let names = Words::default();
        let (compares, rule) = (names.clone(), String::new());
        return DetectorView { id: id.to_owned(), names, compares, rule, parameters: Vec::new(), honest: None };
    };
    let rate = honest::rate(id).and_then(|rate| {
        let (lower, upper) = rate.interval()?;
        let (lower, upper) = (format!("{lower:.6}"), format!("{upper:.6}"));
        Some(HonestRate { found: rate.found, examined: rate.examined, lower, upper })
    });
    DetectorView {
        id: id.to_owned(),
        names: d.names.into(),
        compares: d.compares.into(),
        rule: d.rule.to_owned(),
        parameters: d
            .parameters
            .iter()
            .map(|p| DetectorParameter { name: p.name.to_owned(), value: p.value, unit: p.unit.to_owned() })
            .collect(),
        honest: rate,
    }
}

/// Checks without a finding, by detector: a machine is listed when none of its pieces has one.
fn clear(examination: &Examination) -> Vec<ClearView> {
    let mut machines: BTreeMap<&str, BTreeMap<&str, u64>> = BTreeMap::new();
    for checked in &examination.checked {
        *machines.entry(checked.detector).or_default().entry(&checked.machine).or_default() += checked.findings;
    }
    let without = |found: BTreeMap<&str, u64>| {
        found.into_iter().filter(|(_, found)| *found == 0).map(|(machine, _)| machine.to_owned()).collect()
    };
    let views = machines.into_iter().map(|(id, found)| ClearView {
        detector: id.to_owned(),
        names: detector(id).map(|d| d.names.into()).unwrap_or_default(),
        machines: without(found),
    });
    views.filter(|view| !view.machines.is_empty()).collect()
}

fn unchecked(examination: &Examination) -> Vec<UncheckedView> {
    let view = |u: &metrics::credibility::Unchecked| UncheckedView {
        detector: u.detector.to_owned(),
        names: detector(u.detector).map(|d| d.names.into()).unwrap_or_default(),
        machine: u.machine.clone(),
        from_ms: u.from_ms,
        until_ms: u.to_ms,
        reason: u.reason.clone(),
    };
    examination.unchecked.iter().map(view).collect()
}

fn honest_plants() -> HonestPlants {
    let view = |m: honest::Measured| HonestPlants {
        id: m.id,
        simulation: Words::from(&m.simulation),
        plants: m.plants,
        weeks: m.weeks,
    };
    honest::measured().map(view).unwrap_or_default()
}

#[cfg(test)]
mod tests;
