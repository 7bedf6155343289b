//! What the log says already: each draft is new, there already, or supersedes a leaf; and what its author must know before it is declared.
//!
//! Constraints
//! 1. Two statements are compared as `metrics` reads them, so that a default left out and a default written are the same.
//! 2. What is in force is compared, as evaluation finds it: of what holds from a date, the statement in force on that date; of facts, the
//!    newest about the same thing.
//! 3. Nothing here refuses: a retroactive or a late statement is allowed and visible. It is for the reader to go on.

use std::collections::BTreeMap;

use metrics::model::{Body, parse_body};
use metrics::statements::{LATE_AFTER_MS, Stated};
use protocol::Declaration;
use serde_json::Value as Json;

use super::Against;
use super::cell::DAY_MS;
use super::parse::Draft;
use crate::evaluate::said::{Said, quoted};

/// A draft and what becomes of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Item {
    /// The draft.
    pub draft: Draft,
    /// Beside the log.
    pub beside: Beside,
    /// What its author must know: what it is, and the words for it.
    pub notices: Vec<(Notice, Said)>,
}

/// What an author must know of a statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Notice {
    /// It comes late, or holds from a time gone by.
    Late,
    /// A statement that is in the log already takes over from it.
    Ends {
        /// That one's leaf.
        leaf: u64,
    },
    /// The grade of what rests on it is low.
    Grade,
    /// It withdraws what nobody stated.
    NothingWithdrawn,
    /// A baseline or a comparison that it touches is locked.
    Lock {
        /// The lock's leaf.
        leaf: u64,
    },
}

impl Item {
    /// Whether there is something to declare.
    #[must_use]
    pub fn is_to_declare(&self) -> bool {
        !matches!(self.beside, Beside::Same { .. })
    }
}

/// How a draft stands beside the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Beside {
    /// Nothing was stated about it.
    New,
    /// This leaf says the same already: nothing is declared.
    Same {
        /// The leaf.
        leaf: u64,
    },
    /// It replaces what this leaf says; the leaf stays in the log.
    Supersedes {
        /// The leaf.
        leaf: u64,
        /// Fields that differ: name, before, after.
        changes: Vec<(String, String, String)>,
    },
}

/// What tells one statement of a kind from another, and whether it holds from a date on. Report computation §1 has the same table.
fn keyed_by(kind: &str) -> (&'static [&'static str], bool) {
    match kind {
        "machine" | "ledger" => (&["machine"], true),
        "calendar" => (&["calendar"], true),
        "cycle_time" => (&["machine", "product"], true),
        "meter" => (&["machine", "quantity"], true),
        "alarm_code" => (&["machine", "code"], true),
        "quality_count" => (&["machine", "date", "shift"], false),
        "batch" => (&["machine", "batch"], false),
        "stop_reason" | "meter_replaced" => (&["machine", "at_ms"], false),
        "bill" => (&["carrier", "account", "direction", "from", "to"], false),
        "revenue" => (&["from", "to"], false),
        "evidence_document" => (&["document"], false),
        "adjustment" => (&["plan", "id"], false),
        "firm_listed" => (&["code"], false),
        // A planned stop has no key: each is a fact of its own, the same one only when all of it is.
        _ => (&[], false),
    }
}

/// A body as `metrics` reads it, defaults written out; `None` for what moves nothing.
fn normal(kind: &str, body: &Json) -> Option<Json> {
    let json = match parse_body(kind, body).ok()? {
        Body::Machine(b) => serde_json::to_value(b),
        Body::Ledger(b) => serde_json::to_value(b),
        Body::Calendar(b) => serde_json::to_value(b),
        Body::CycleTime(b) => serde_json::to_value(b),
        Body::Meter(b) => serde_json::to_value(b),
        Body::AlarmCode(b) => serde_json::to_value(b),
        Body::PlannedStop(b) => serde_json::to_value(b),
        Body::MeterReplaced(b) => serde_json::to_value(b),
        Body::QualityCount(b) => serde_json::to_value(b),
        Body::Batch(b) => serde_json::to_value(b),
        Body::StopReason(b) => serde_json::to_value(b),
        Body::Bill(b) => serde_json::to_value(b),
        Body::Revenue(b) => serde_json::to_value(b),
        Body::EvidenceDocument(b) => serde_json::to_value(b),
        Body::Adjustment(b) => serde_json::to_value(b),
        Body::FirmListed(b) => serde_json::to_value(b),
        _ => return None,
    };
    json.ok()
}

/// Whether a body, as the log has it, says what another says.
pub(crate) fn says_the_same(kind: &str, stated: &str, body: &Json) -> bool {
    let stated: Json = serde_json::from_str(stated).unwrap_or_default();
    normal(kind, &stated).is_some_and(|stated| normal(kind, body) == Some(stated))
}

fn key(kind: &str, body: &Json) -> String {
    let (fields, _) = keyed_by(kind);
    let of =
        if fields.is_empty() { body.to_string() } else { fields.iter().map(|f| format!("{}\n", body[f])).collect() };
    format!("{kind}\n{of}")
}

/// What a draft shares with another that says something about the same.
pub(super) fn identity(draft: &Draft) -> (String, Option<i64>) {
    let body = normal(draft.kind, &draft.body).unwrap_or_else(|| draft.body.clone());
    let (_, holds_on) = keyed_by(draft.kind);
    (key(draft.kind, &body), draft.effective.filter(|_| holds_on))
}

/// Compares drafts with the log.
pub(super) fn weigh(drafts: &[Draft], against: &Against<'_>) -> Vec<Item> {
    let wanted: Vec<&str> = drafts.iter().map(|d| d.kind).collect();
    let mut said: BTreeMap<String, Vec<(&Stated<Declaration>, Json)>> = BTreeMap::new();
    for stated in against.statements.ledger().iter().filter(|s| wanted.contains(&s.body.kind.as_str())) {
        if let Some(body) = normal(&stated.body.kind, &stated.body.body) {
            said.entry(key(&stated.body.kind, &body)).or_default().push((stated, body));
        }
    }
    let mut own = Own::new();
    for draft in drafts.iter().filter(|draft| keyed_by(draft.kind).1) {
        let body = normal(draft.kind, &draft.body).unwrap_or_else(|| draft.body.clone());
        let from = draft.effective.unwrap_or(against.now_ms);
        own.entry(key(draft.kind, &body)).or_default().push((from, body));
    }
    drafts.iter().map(|draft| item(draft, &said, &own, against)).collect()
}

/// What the table itself says from when, by what it is about.
type Own = BTreeMap<String, Vec<(i64, Json)>>;

fn item(
    draft: &Draft,
    said: &BTreeMap<String, Vec<(&Stated<Declaration>, Json)>>,
    own: &Own,
    against: &Against<'_>,
) -> Item {
    // A body that was checked reads.
    let body = normal(draft.kind, &draft.body).unwrap_or_else(|| draft.body.clone());
    let at = draft.effective.unwrap_or(against.now_ms);
    let (_, holds_on) = keyed_by(draft.kind);
    let all = said.get(&key(draft.kind, &body)).map_or(&[][..], Vec::as_slice);
    let last = if holds_on {
        all.iter().filter(|(s, _)| s.effective_from <= at).max_by_key(|(s, _)| (s.effective_from, s.leaf))
    } else {
        all.iter().max_by_key(|(s, _)| s.leaf)
    };
    // Another row that takes effect in between ends what the log says: this one has to be said again.
    let ends = |stated: &Stated<Declaration>| {
        let rows = own.get(&key(draft.kind, &body)).into_iter().flatten();
        rows.into_iter().any(|(from, other)| (stated.effective_from..at).contains(from) && *other != body)
    };
    let beside = match last {
        None => Beside::New,
        Some((stated, before)) if *before == body && !ends(stated) => Beside::Same { leaf: stated.leaf },
        Some((stated, before)) => Beside::Supersedes { leaf: stated.leaf, changes: changes(before, &body) },
    };
    let mut notices = Vec::new();
    if !matches!(beside, Beside::Same { .. }) {
        if holds_on {
            let rows = own.get(&key(draft.kind, &body)).map_or(&[][..], Vec::as_slice);
            ended(at, &body, all, rows, against, &mut notices);
        }
        lateness(draft, &beside, at, against, &mut notices);
        grade(draft, &beside, &mut notices);
        locks(draft, against, &mut notices);
        chosen(draft, against, &mut notices);
    }
    Item { draft: draft.clone(), beside, notices }
}

fn changes(before: &Json, after: &Json) -> Vec<(String, String, String)> {
    let (Json::Object(a), Json::Object(b)) = (before, after) else { return Vec::new() };
    let word = |json: Option<&Json>| match json {
        None | Some(Json::Null) => "—".to_owned(),
        Some(Json::String(text)) => quoted(text),
        Some(other) => quoted(&other.to_string()),
    };
    let names: std::collections::BTreeSet<&String> = a.keys().chain(b.keys()).collect();
    let differs = names.into_iter().filter(|name| a.get(*name) != b.get(*name));
    differs.map(|name| (name.clone(), word(a.get(name)), word(b.get(name)))).collect()
}

/// A statement that is in the log already and takes effect later holds from then on, whatever is stated now for the time before.
fn ended(
    at: i64,
    body: &Json,
    all: &[(&Stated<Declaration>, Json)],
    rows: &[(i64, Json)],
    against: &Against<'_>,
    out: &mut Vec<(Notice, Said)>,
) {
    // Of those that take effect at one time the last one stated holds.
    let holds = |stated: &Stated<Declaration>| {
        let other =
            |(s, _): &(&Stated<Declaration>, Json)| s.effective_from == stated.effective_from && s.leaf > stated.leaf;
        !all.iter().any(other)
    };
    let later = all.iter().filter(|(s, said)| s.effective_from > at && said != body && holds(s));
    let Some((next, _)) = later.min_by_key(|(s, _)| s.effective_from) else { return };
    // Another row of the table takes over before, or supersedes it.
    if rows.iter().any(|(from, _)| *from > at && *from <= next.effective_from) {
        return;
    }
    let Ok(from) = jiff::Timestamp::from_millisecond(next.effective_from) else { return };
    let from = against.zone.to_datetime(from).strftime("%Y-%m-%d %H:%M").to_string();
    let (from, leaf) = (from.strip_suffix(" 00:00").unwrap_or(&from), next.leaf);
    let said = Said::new(
        format!("日志第 {leaf} 条已填报自 {from} 起的内容：本行只管到那时"),
        format!("leaf {leaf} holds from {from} on, as stated before: this one counts until then"),
    );
    out.push((Notice::Ends { leaf }, said));
}

fn lateness(draft: &Draft, beside: &Beside, at: i64, against: &Against<'_>, out: &mut Vec<(Notice, Said)>) {
    let now = against.now_ms;
    let days = |since: i64| (now - since) / DAY_MS;
    match (draft.kind, draft.about) {
        ("planned_stop", Some((from, _))) if from < now => {
            let said = Said::new("停机开始后才填报，按非计划停机计算", "stated after it began: it counts as unplanned");
            out.push((Notice::Late, said));
        }
        ("batch", Some((_, to))) if now - to > LATE_AFTER_MS => {
            let said = Said::new(
                format!("事后 {} 天填报，所涉数据可信等级最高为 C 级", days(to)),
                format!("stated {} days afterwards: the grade of what rests on it is C at best", days(to)),
            );
            out.push((Notice::Late, said));
        }
        ("calendar", None) if *beside != Beside::New && at < now => {
            let said = Said::new("填报之前的日子仍按原日历计算", "days before it is stated keep the calendar they had");
            out.push((Notice::Late, said));
        }
        ("machine" | "cycle_time" | "calendar", None) if now - at > LATE_AFTER_MS => {
            let said = Said::new(
                format!("追溯 {} 天生效，所涉时段的数据可信等级最高为 C 级", days(at)),
                format!("holds from {} days ago: the grade of what rests on it is C at best", days(at)),
            );
            out.push((Notice::Late, said));
        }
        _ => {}
    }
}

fn grade(draft: &Draft, beside: &Beside, out: &mut Vec<(Notice, Said)>) {
    if ["bill", "revenue"].contains(&draft.kind) && draft.body["digest"].is_null() {
        let said = Said::new("没有原件 SHA-256，数据可信等级 D 级", "without the SHA-256 of its original: graded D");
        out.push((Notice::Grade, said));
    }
    if draft.body["withdrawn"] == true && *beside == Beside::New {
        out.push((Notice::NothingWithdrawn, Said::new("没有可撤回的填报", "there is nothing to withdraw")));
    }
}

/// Kinds whose later statements a locked choice of comparison machines puts beside itself; what merely happens counts both ways.
const CHOSEN: [&str; 4] = ["calendar", "machine", "cycle_time", "ledger"];

/// Whether a row says something of either side of a locked comparison.
fn chosen(draft: &Draft, against: &Against<'_>, out: &mut Vec<(Notice, Said)>) {
    let statements = against.statements;
    for id in statements.plans().filter(|_| CHOSEN.contains(&draft.kind)) {
        let Some((lock, plan)) = metrics::plan::comparison_locked(statements, id) else { continue };
        let of = draft.body["machine"].as_str();
        let ours = |m: &str| plan.body.machines.iter().any(|p| p == m) || plan.body.compared_with().any(|p| p == m);
        if of.is_none_or(ours) {
            let said = Said::new(
                format!("方案 {id} 的对照已锁定（日志第 {} 条）：报告将并列给出按锁定时与按现填报的结果", lock.leaf),
                format!(
                    "the comparison of plan {id} is locked (leaf {}): a report shows the result as locked beside the one as declared now",
                    lock.leaf
                ),
            );
            out.push((Notice::Lock { leaf: lock.leaf }, said));
        }
    }
}

/// Kinds whose later statements a locked baseline looks at.
const LOCKED: [&str; 7] =
    ["calendar", "machine", "cycle_time", "planned_stop", "meter_replaced", "quality_count", "batch"];

fn locks(draft: &Draft, against: &Against<'_>, out: &mut Vec<(Notice, Said)>) {
    if !LOCKED.contains(&draft.kind) {
        return;
    }
    let statements = against.statements;
    for id in statements.plans() {
        let (Some(plan), Some(lock)) = (statements.plan(id), statements.locks(id).first()) else { continue };
        let Some(baseline) = &plan.body.baseline else { continue };
        let of = draft.body["machine"].as_str();
        let is_one =
            of.is_none_or(|m| plan.body.machines.iter().any(|p| p == m) || plan.body.incoming.as_deref() == Some(m));
        // A fact after the baseline moves nothing that is locked; what holds from a date on is put beside the lock in any case.
        let end = metrics::calendar::parse_date(&baseline.to)
            .and_then(|d| against.zone.to_timestamp(d.tomorrow().ok()?.at(0, 0, 0, 0)).ok())
            .map_or(i64::MAX, |at| at.as_millisecond());
        let reaches = draft.about.is_none_or(|(from, _)| from < end);
        if is_one && reaches {
            let said = Said::new(
                format!("方案 {id} 的基期已锁定（日志第 {} 条）：报告将并列给出按锁定时与按现填报的结果", lock.leaf),
                format!(
                    "the baseline of plan {id} is locked (leaf {}): a report shows the result as locked beside the one as declared now",
                    lock.leaf
                ),
            );
            out.push((Notice::Lock { leaf: lock.leaf }, said));
        }
    }
}
