//! Bills of electricity against the register of their incoming meter: one row per meter and bill.
//!
//! How it works
//! 1. A bill is compared once the readings around both its midnights are there, or their silence is long enough to be one.
//! 2. It is compared again when something may have changed its period: what makes a shift of its meter dirty makes it due, and so do
//!    another bill, another name plate, and a second account without a meter.
//! 3. One bill per step, when nothing else is left to do: a month of one register is read for it.

use std::collections::{BTreeMap, BTreeSet};

use metrics::Interval;
use metrics::figures::meters::{BillLine, compared_bills};
use metrics::history::REACH_MS;
use metrics::interval::union;
use metrics::model::MachineRole;
use metrics::settlement::reconcile::{bought, is_unclear};
use metrics::statements::Statements;

use super::SiteProjector;
use crate::projection::ProjectionError;
use crate::store::{BillRow, SiteProjection};

/// What is known of the bills' rows.
#[derive(Debug, Default)]
pub(super) struct Bills {
    /// Rows of the database: meter and leaf.
    written: BTreeSet<(String, i64)>,
    /// Bills that were compared and of which nothing may have changed since.
    known: BTreeSet<(String, i64)>,
    /// Stretches of a meter in which something may have changed.
    touched: BTreeMap<String, Vec<Interval>>,
    /// Several accounts name no meter.
    is_unclear: bool,
}

impl Bills {
    pub(super) fn touch(&mut self, machine: &str, windows: &[Interval]) {
        let list = self.touched.entry(machine.to_owned()).or_default();
        list.extend_from_slice(windows);
        if list.len() > 1 {
            *list = union(std::mem::take(list));
        }
    }
}

/// A bill of an incoming meter.
struct Wanted {
    key: (String, i64),
    period: Interval,
    reading_ms: i64,
}

impl Wanted {
    /// From the earliest to the latest reading that it can rest on.
    fn reach(&self) -> Interval {
        let Interval { from_ms, to_ms } = self.period;
        Interval::new(from_ms.saturating_sub(self.reading_ms), to_ms.saturating_add(self.reading_ms))
    }
}

/// Every bill with each meter it concerns, oldest first.
fn wanted(statements: &Statements) -> Vec<Wanted> {
    let zone = statements.site().map_or("UTC", |site| site.zone.as_str());
    let is_incoming = |machine: &&str| {
        statements.machine_definitions(machine).iter().any(|definition| definition.body.role == MachineRole::Meter)
    };
    let mut out = Vec::new();
    for machine in statements.machines().filter(is_incoming) {
        let mine = bought(statements).filter(|bill| bill.body.machine.as_deref().is_none_or(|of| of == machine));
        out.extend(mine.filter_map(|bill| {
            let leaf = i64::try_from(bill.leaf).ok()?;
            let (period, reading_ms) = (bill.body.period(zone)?, bill.body.reading_ms());
            Some(Wanted { key: (machine.to_owned(), leaf), period, reading_ms })
        }));
    }
    out.sort_by(|a, b| (a.period.to_ms, &a.key).cmp(&(b.period.to_ms, &b.key)));
    out
}

impl SiteProjector {
    /// Rows that the database has.
    pub(crate) fn know_bills(&mut self, keys: impl Iterator<Item = (String, i64)>) {
        self.bills.known = keys.collect();
        self.bills.written = self.bills.known.clone();
        self.bills.is_unclear = is_unclear(self.recent.statements());
    }

    /// Compares the newest bill that is due; whether others are.
    pub(super) fn compare_bills(&mut self, out: &mut SiteProjection) -> Result<bool, ProjectionError> {
        let statements = self.recent.statements();
        let wanted = wanted(statements);
        let is_unclear = is_unclear(statements);
        let bills = &mut self.bills;
        if std::mem::replace(&mut bills.is_unclear, is_unclear) != is_unclear {
            bills.known.clear();
        }
        let touched = std::mem::take(&mut bills.touched);
        for of in &wanted {
            let windows = touched.get(&of.key.0);
            if windows.into_iter().flatten().any(|window| !window.intersect(&of.reach()).is_empty()) {
                bills.known.remove(&of.key);
            }
        }
        let stands = |key: &(String, i64)| wanted.iter().any(|of| of.key == *key);
        let gone: Vec<(String, i64)> = bills.written.iter().filter(|key| !stands(key)).cloned().collect();
        for key in gone {
            bills.written.remove(&key);
            bills.known.remove(&key);
            out.bills_removed.push(key);
        }
        let is_over = |of: &&Wanted| {
            let reached = self.reached.get(&of.key.0);
            reached.is_some_and(|reached| reached.to_ms >= of.reach().to_ms.saturating_add(REACH_MS))
        };
        let mut due = wanted.iter().rev().filter(|of| !self.bills.known.contains(&of.key)).filter(is_over);
        let (Some(next), more) = (due.next(), due.next().is_some()) else { return Ok(false) };
        let row = self.compared(next)?;
        self.bills.known.insert(next.key.clone());
        if let Some(row) = row {
            self.bills.written.insert(next.key.clone());
            out.bills.push(row);
        }
        Ok(more)
    }

    fn compared(&self, of: &Wanted) -> Result<Option<BillRow>, ProjectionError> {
        let (machine, leaf) = &of.key;
        let definitions = self.recent.statements().machine_definitions(machine);
        let registers = definitions.iter().filter_map(|d| d.body.signals.energy.as_ref());
        let tags = registers.map(|signal| (signal.gateway.clone(), signal.tag.clone())).collect();
        let contents = self.recent.needed(&[of.reach()]).into_iter().collect();
        let history = self.history(Some(tags), &contents)?;
        let lines = compared_bills(&history, machine, of.period);
        let mine = lines.into_iter().find(|line| i64::try_from(line.leaf) == Ok(*leaf));
        Ok(mine.map(|line| row(*leaf, line)))
    }
}

fn row(leaf: i64, line: BillLine) -> BillRow {
    BillRow {
        machine: line.machine,
        leaf,
        account: line.account,
        dates: [line.from, line.to],
        printed: line.printed,
        billed: line.billed,
        measured: line.measured,
        relative: line.relative,
        verdict: line.verdict.to_owned(),
    }
}
