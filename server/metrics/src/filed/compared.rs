//! Promised, connected, producing data: machine by machine and point by point.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;

use super::{Application, ChangeItem, Day, FiledPlan, Filing, InForce, PromisedMachine, date, words};
use crate::calendar::local_date;
use crate::model::Names;
use crate::statements::Statements;

/// A row is producing data when its last data is at most so many days old: a week's holiday stops no factory's filing.
pub const PRODUCING_DAYS: u16 = 7;

/// First and last instant at which a (gateway, tag) was read well, UTC milliseconds.
pub type TagsSeen = BTreeMap<(String, String), (i64, i64)>;

/// A machine or one of its points, as readings show it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// Machine id.
    pub machine: String,
    /// The point, or the machine as a whole.
    pub point: Option<String>,
    /// First date with data.
    pub since: Day,
    /// Last date with data.
    pub last: Day,
}

/// A gateway, as records show it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeenGateway {
    /// Gateway id.
    pub gateway: String,
    /// Date of its first record.
    pub since: Day,
    /// Date of its last record.
    pub last: Day,
}

/// What readings show of machines: their points by role and by tag, as the plan has them, otherwise as an application does. A signal is
/// the machine's as long as the definition held that names it.
pub fn there(statements: &Statements, current: &InForce, filing: &Filing, seen: &TagsSeen, zone: &str) -> Vec<Seen> {
    let changed = filing.changes.iter().flat_map(|c| &c.body.items).filter_map(|item| match item {
        ChangeItem::Machine(machine) => Some(machine),
        _ => None,
    });
    let (promised, applied) = (by_machine(current.plan.machines.iter()), by_machine(changed));
    let has = |points: &BTreeSet<(&str, &str)>, machine: &str, point: &str| points.contains(&(machine, point));
    let mut out = Vec::new();
    for id in statements.machines() {
        let definitions = statements.machine_definitions(id);
        for (i, definition) in definitions.iter().enumerate() {
            // One that was replaced at its own moment never held.
            let until_ms = definitions.get(i + 1).map_or(i64::MAX, |next| next.effective_from);
            for (role, signal) in definition.body.signals.all() {
                let span = seen.get(&(signal.gateway.clone(), signal.tag.clone()));
                let held = span.map(|(first, last)| {
                    ((*first).max(definition.effective_from), (*last).min(until_ms.saturating_sub(1)))
                });
                let held = held.filter(|(first, last)| first <= last);
                let Some((since, last)) = held.and_then(|span| days(span, zone)) else { continue };
                let names = [role, signal.tag.as_str()];
                let mut points: Vec<&str> = names.into_iter().filter(|name| has(&promised, id, name)).collect();
                if points.is_empty() {
                    points.push(if has(&applied, id, &signal.tag) { &signal.tag } else { role });
                }
                let one = |point: &str| Seen { machine: id.to_owned(), point: Some(point.to_owned()), since, last };
                out.extend(points.into_iter().map(one));
            }
        }
    }
    out
}

/// Points by machine.
fn by_machine<'p>(machines: impl Iterator<Item = &'p PromisedMachine>) -> BTreeSet<(&'p str, &'p str)> {
    machines.flat_map(|m| m.points.iter().map(|point| (m.machine.as_str(), point.as_str()))).collect()
}

/// What records show of gateways, by their first and last instant.
pub fn gateways_there<'s>(seen: impl Iterator<Item = (&'s str, (i64, i64))>, zone: &str) -> Vec<SeenGateway> {
    let one = |(id, span): (&str, (i64, i64))| {
        let (since, last) = days(span, zone)?;
        Some(SeenGateway { gateway: id.to_owned(), since, last })
    };
    seen.filter_map(one).collect()
}

fn days((first, last): (i64, i64), zone: &str) -> Option<(Day, Day)> {
    local_date(zone, first).map(Day).zip(local_date(zone, last).map(Day))
}

/// One row: what was promised and what is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Promise {
    /// Machine id; absent on the row of a gateway.
    pub machine: Option<String>,
    /// The point; absent on the row of a whole machine.
    pub point: Option<String>,
    /// Gateway id, on the row of a gateway.
    pub gateway: Option<String>,
    /// In the plan in force.
    pub promised: bool,
    /// First date with data.
    pub connected: Option<Day>,
    /// Last date with data.
    pub last: Option<Day>,
    /// Had data within the days asked for.
    pub producing: bool,
    /// How it differs from the plan in force.
    pub difference: Option<Difference>,
    /// The other filing whose plan in force promises it: it is there, not promised here, and no difference.
    pub elsewhere: Option<String>,
}

/// How a row differs from the plan in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// There although not promised; otherwise promised, not there, and the term is over.
    pub is_extra: bool,
    /// The open application that would cover it, once it is approved.
    pub covered_by: Option<Covered>,
    /// In words, with where that application stands.
    pub words: Names,
}

/// An application that is neither approved nor refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Covered {
    /// Its id.
    pub change: String,
    /// Where it stands.
    pub stands: Names,
}

/// Everything promised or there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Compared {
    /// Machines by id, each followed by its points; then gateways.
    pub rows: Vec<Promise>,
    /// Machines promised, and of those connected, and producing data.
    pub machines: [usize; 3],
    /// Points promised, connected, producing data.
    pub points: [usize; 3],
    /// Gateways promised, connected, producing data.
    pub gateways: [usize; 3],
}

impl Compared {
    /// Rows that differ from the plan in force: what has to be named. That a change was applied for approves nothing.
    pub fn unapproved(&self) -> impl Iterator<Item = &Promise> {
        self.rows.iter().filter(|r| r.difference.is_some())
    }
}

/// What a row is about: machine and point, or a gateway. Machines come first.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    Machine(String, Option<String>),
    Gateway(String),
}

/// What a plan promises.
struct Promised {
    rows: BTreeSet<Key>,
    /// Machines promised without points: every point of them may be read, the promise is the machine.
    whole: BTreeSet<String>,
}

impl Promised {
    fn by(plan: &FiledPlan) -> Self {
        let mut rows = BTreeSet::new();
        for m in &plan.machines {
            rows.insert(Key::Machine(m.machine.clone(), None));
            rows.extend(m.points.iter().map(|p| Key::Machine(m.machine.clone(), Some(p.clone()))));
        }
        rows.extend(plan.gateways.iter().cloned().map(Key::Gateway));
        let whole = plan.machines.iter().filter(|m| m.points.is_empty()).map(|m| m.machine.clone()).collect();
        Self { rows, whole }
    }

    /// Whether something that is there may be there by it.
    fn allows(&self, key: &Key) -> bool {
        self.rows.contains(key) || matches!(key, Key::Machine(m, Some(_)) if self.whole.contains(m))
    }
}

/// Compares the plan in force with what is there on a date; `others` are the plans in force of the site's other filings. A row produces
/// data when its last data is at most `quiet_days` old.
pub fn compare(
    current: &InForce,
    others: &[InForce],
    applications: &[Application<'_>],
    machines: &[Seen],
    gateways: &[SeenGateway],
    at: Date,
    quiet_days: u16,
) -> Compared {
    let wanted = Promised::by(&current.plan);
    let others: Vec<(&str, Promised)> =
        others.iter().map(|other| (other.plan.filing.as_str(), Promised::by(&other.plan))).collect();
    let mut found: BTreeMap<Key, (Day, Day)> = BTreeMap::new();
    let mut see = |key: Key, since: Day, last: Day| {
        if since.0 > at {
            return;
        }
        let entry = found.entry(key).or_insert((since, last));
        *entry = (entry.0.min(since), entry.1.max(last));
    };
    for seen in machines {
        // A point that has data connects its machine.
        see(Key::Machine(seen.machine.clone(), None), seen.since, seen.last);
        if seen.point.is_some() {
            see(Key::Machine(seen.machine.clone(), seen.point.clone()), seen.since, seen.last);
        }
    }
    for seen in gateways {
        see(Key::Gateway(seen.gateway.clone()), seen.since, seen.last);
    }
    let is_over = |plan: &FiledPlan| date(&plan.term.to).is_some_and(|end| at > end);
    let would: Vec<(Covered, Promised, bool)> = applications
        .iter()
        .filter(|a| a.is_open())
        .map(|a| {
            let plan = current.with(a.change).plan;
            (Covered { change: a.change.change.clone(), stands: a.words() }, Promised::by(&plan), is_over(&plan))
        })
        .collect();
    let keys: BTreeSet<&Key> = wanted.rows.iter().chain(found.keys()).collect();
    let mut out = Compared { rows: Vec::new(), machines: [0; 3], points: [0; 3], gateways: [0; 3] };
    for key in keys {
        let is_promised = wanted.rows.contains(key);
        let there = found.get(key);
        let is_recent = |days: i32| (0..=i32::from(quiet_days)).contains(&days);
        let producing = there.is_some_and(|(_, last)| last.0.until(at).is_ok_and(|s| is_recent(s.get_days())));
        let is_extra = there.is_some() && !wanted.allows(key);
        let elsewhere = others.iter().find(|(_, plan)| is_extra && plan.allows(key)).map(|(id, _)| (*id).to_owned());
        let differs = match (is_promised, there) {
            (false, Some(_)) if is_extra && elsewhere.is_none() => Some(true),
            (true, None) if is_over(&current.plan) => Some(false),
            _ => None,
        };
        let difference = differs.map(|is_extra| {
            // What is there has to be promised; what is not there has to be left out, or the term has to be longer.
            let covers = |(_, plan, over): &&(Covered, Promised, bool)| {
                if is_extra { plan.allows(key) } else { !plan.rows.contains(key) || !over }
            };
            let covered_by = would.iter().find(covers).map(|(covered, _, _)| covered.clone());
            let words = said(is_extra, covered_by.as_ref());
            Difference { is_extra, covered_by, words }
        });
        let counts = match key {
            Key::Machine(_, None) => &mut out.machines,
            Key::Machine(_, Some(_)) => &mut out.points,
            Key::Gateway(_) => &mut out.gateways,
        };
        for (count, yes) in counts.iter_mut().zip([true, there.is_some(), producing]) {
            *count += usize::from(is_promised && yes);
        }
        let (machine, point, gateway) = match key.clone() {
            Key::Machine(machine, point) => (Some(machine), point, None),
            Key::Gateway(gateway) => (None, None, Some(gateway)),
        };
        out.rows.push(Promise {
            machine,
            point,
            gateway,
            promised: is_promised,
            connected: there.map(|t| t.0),
            last: there.map(|t| t.1),
            producing,
            difference,
            elsewhere,
        });
    }
    out
}

fn said(is_extra: bool, covered_by: Option<&Covered>) -> Names {
    let (zh, en) = if is_extra {
        ("不在现行方案内，已有数据", "there is data, and it is not in the plan in force")
    } else {
        ("现行方案内，实施期限已过，尚无数据", "in the plan in force, the term is over, and there is no data")
    };
    match covered_by {
        Some(Covered { change, stands }) => words(
            format!("{zh}；变更申请 {change} 尚未同意：{}", stands.zh),
            format!("{en}; application `{change}` is not approved: {}", stands.en),
        ),
        None => words(format!("{zh}；没有经同意的变更"), format!("{en}; no change was approved")),
    }
}
