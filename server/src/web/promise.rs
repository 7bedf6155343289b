//! What a report says of a plan's promises: target, change, verdict, and the baseline's lock — read out of report.json, never judged again.

use serde::Deserialize;

use super::format::{self, NONE};
use super::text::Texts;
use super::words::word;

/// The part of a report about its plan.
#[derive(Deserialize)]
pub(super) struct Plan {
    design: String,
    metrics: Vec<Metric>,
    #[serde(default)]
    findings: Vec<Finding>,
}

#[derive(Deserialize)]
struct Finding {
    code: String,
    leaf: i64,
}

#[derive(Deserialize)]
struct Metric {
    definition: String,
    machine: String,
    target: Option<Target>,
    change: Option<Change>,
    verdict: Option<String>,
    #[serde(default)]
    reasons: Vec<String>,
    grades: [Option<String>; 2],
    lock: Option<Lock>,
    #[serde(default)]
    documented: Option<Documented>,
}

#[derive(Deserialize)]
struct Documented {
    value: Option<String>,
    documents: Vec<i64>,
}

#[derive(Deserialize)]
struct Target {
    value: String,
    unit: String,
    direction: String,
}

#[derive(Deserialize)]
struct Change {
    value: Option<String>,
    lower: Option<String>,
    upper: Option<String>,
}

#[derive(Deserialize)]
struct Lock {
    leaf: i64,
    differs: bool,
    verdict_declared: Option<String>,
    as_locked: Option<AsLocked>,
    #[serde(default)]
    changes: Vec<Later>,
    #[serde(default)]
    later_records: Vec<i64>,
}

#[derive(Deserialize)]
struct AsLocked {
    before: Side,
    after: Side,
}

#[derive(Deserialize)]
struct Side {
    value: Option<String>,
}

#[derive(Deserialize)]
struct Later {
    leaf: i64,
    kind: String,
    author: String,
    reason: String,
}

/// One promise in words.
pub struct Promise {
    /// Metric and machine.
    pub name: String,
    /// Target in words.
    pub target: String,
    /// Change with its interval.
    pub change: String,
    /// Grade of each side.
    pub grades: String,
    /// CSS class of the verdict.
    pub css: &'static str,
    /// Verdict in words.
    pub verdict: String,
    /// Why the evidence is insufficient, and what the lock says.
    pub notes: Vec<String>,
}

/// What a page shows of a plan.
#[derive(Default)]
pub struct Promises {
    /// By metric.
    pub lines: Vec<Promise>,
    /// What a reader must know of the whole plan.
    pub notes: Vec<String>,
}

/// In the reader's language; `name` gives a comparison its name.
pub(super) fn present(t: &Texts, plan: &Plan, name: impl Fn(&str, &str) -> String) -> Promises {
    let mut notes: Vec<String> = Vec::new();
    if plan.design == "after_only" {
        notes.push(t.s("promise-after-only"));
    }
    let said = |f: &Finding| t.f1("promise-leaf", "leaf", format::integer(f.leaf)) + &word(t, "plan-finding", &f.code);
    notes.extend(plan.findings.iter().map(said));
    Promises { lines: plan.metrics.iter().map(|m| promise(t, m, name(&m.definition, &m.machine))).collect(), notes }
}

fn promise(t: &Texts, m: &Metric, name: String) -> Promise {
    let unit = m.target.as_ref().map(|target| word(t, "plan-in", &target.unit)).unwrap_or_default();
    let percent = |text: &Option<String>| text.as_deref().and_then(percent).unwrap_or_else(|| NONE.to_owned());
    let change = m.change.as_ref().filter(|c| c.value.is_some());
    let mut notes: Vec<String> = m.reasons.iter().map(|code| word(t, "promise-because", code)).collect();
    if let Some(d) = &m.documented {
        let leaves: Vec<String> = d.documents.iter().map(|leaf| format::integer(*leaf)).collect();
        let value = d.value.as_deref().map_or_else(|| NONE.to_owned(), |v| amount(&m.definition, v));
        notes.push(t.f("promise-documented", &[("value", &value), ("leaves", &leaves.join(", "))]));
    }
    if let Some(lock) = &m.lock {
        notes.extend(lock_notes(t, &m.definition, lock));
    }
    Promise {
        name,
        target: m.target.as_ref().map_or_else(
            || NONE.to_owned(),
            |target| format!("{} {} {unit}", word(t, "plan", &target.direction), target.value),
        ),
        change: change.map_or_else(
            || NONE.to_owned(),
            |c| format!("{} [{}, {}] {unit}", percent(&c.value), percent(&c.lower), percent(&c.upper)),
        ),
        grades: m.grades.iter().map(|g| g.as_deref().unwrap_or(NONE)).collect::<Vec<_>>().join(" / "),
        css: match m.verdict.as_deref() {
            Some("MET") => "met",
            Some("NOT_MET") => "missed",
            _ => "none",
        },
        verdict: m.verdict.as_ref().map_or_else(|| NONE.to_owned(), |v| verdict(t, v)),
        notes,
    }
}

fn verdict(t: &Texts, code: &str) -> String {
    t.s(match code {
        "MET" => "promise-met",
        "NOT_MET" => "promise-not-met",
        _ => "promise-insufficient",
    })
}

fn lock_notes(t: &Texts, definition: &str, lock: &Lock) -> Vec<String> {
    let mut out = vec![t.f1("promise-locked", "leaf", format::integer(lock.leaf))];
    if lock.differs {
        let value = |side: fn(&AsLocked) -> &Side| {
            let found = lock.as_locked.as_ref().and_then(|c| side(c).value.as_deref());
            found.map_or_else(|| NONE.to_owned(), |v| amount(definition, v))
        };
        let (before, after) = (value(|c| &c.before), value(|c| &c.after));
        out.push(t.f("promise-differs", &[("before", &before), ("after", &after)]));
    }
    if let Some(code) = &lock.verdict_declared {
        out.push(t.f1("promise-declared", "verdict", verdict(t, code)));
    }
    let later = |c: &Later| {
        let leaf = format::integer(c.leaf);
        let kind = word(t, "declared", &c.kind);
        let reason = if c.reason.is_empty() { NONE } else { &c.reason };
        t.f("promise-later", &[("leaf", &leaf), ("kind", &kind), ("author", &c.author), ("reason", &reason)])
    };
    out.extend(lock.changes.iter().map(later));
    if !lock.later_records.is_empty() {
        out.push(t.f1("promise-later-records", "n", lock.later_records.len()));
    }
    out
}

/// A printed value as the tables show it: a share in percent, anything else as it is.
pub(super) fn amount(definition: &str, value: &str) -> String {
    let share = percent(value).filter(|_| definition.contains(".iso22400@"));
    share.map_or_else(|| value.to_owned(), |p| format!("{p}{}%", format::THIN))
}

/// A printed ratio in percent, two decimals.
fn percent(text: &str) -> Option<String> {
    let (sign, digits) = text.strip_prefix('-').map_or(("", text), |rest| ("−", rest));
    let millionths: i128 = digits.replace('.', "").parse().ok()?;
    Some(format!("{sign}{}", format::percent_bare(millionths, 1_000_000, 2)?))
}

#[cfg(test)]
mod tests {
    use super::super::text::Lang;
    use super::*;

    #[test]
    fn a_locked_promise_names_what_was_stated_after_it_in_both_languages() {
        let json = serde_json::json!({
            "design": "before_after",
            "metrics": [{
                "definition": "oee.iso22400@1", "machine": "*", "grades": ["A", "C"],
                "target": {"value": "5", "unit": "percentage_points", "direction": "increase"},
                "change": {"unit": "percentage_points", "value": "0.104224", "lower": "-0.001000", "upper": "0.119132"},
                "verdict": "INSUFFICIENT", "reasons": ["INTERVAL_CONTAINS_TARGET"], "follows": "locked",
                "lock": {"leaf": 77, "differs": true, "verdict_declared": "MET",
                    "as_locked": {"before": {"value": "0.568339"}, "after": {"value": "0.731158"}},
                    "changes": [{"leaf": 99, "kind": "cycle_time", "author": "u2", "reason": "<b>"}], "later_records": [100, 101]},
            }],
            "findings": [{"code": "LOCK_REPEATED", "leaf": 98}],
        });
        let plan: Plan = serde_json::from_value(json).unwrap();
        for (lang, words) in [
            (Lang::Zh, ["证据不足", "提高 5 百分点", "第 77 条", "达标", "第 99 条", "2 条", "重复"]),
            (
                Lang::En,
                [
                    "insufficient evidence",
                    "up by 5 percentage points",
                    "leaf 77",
                    "met",
                    "leaf 99",
                    "2 records",
                    "again",
                ],
            ),
        ] {
            let shown = present(lang.texts(), &plan, |d, m| format!("{d} {m}"));
            let line = &shown.lines[0];
            assert!(line.change.starts_with("10.42 [−0.10, 11.91]"), "{}", line.change);
            let all = [&line.verdict, &line.target, &line.change].into_iter().chain(&line.notes).chain(&shown.notes);
            let all: Vec<&str> = all.map(String::as_str).collect();
            let text = all.join("\n");
            assert!(words.iter().all(|w| text.contains(w)) && !text.contains('⟦'), "{text}");
        }
    }
}
