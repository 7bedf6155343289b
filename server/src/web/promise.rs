//! What a report says of a plan's promises: target, change, verdict, and the baseline's lock — read out of report.json, never judged again.

use metrics::report::Caution;
use serde::Deserialize;

use super::format::{self, NONE};
use super::text::{Lang, Texts};
use super::words::word;

/// The part of a report about its plan.
#[derive(Deserialize)]
pub(super) struct Plan {
    design: String,
    metrics: Vec<Metric>,
    #[serde(default)]
    findings: Vec<Finding>,
    #[serde(default)]
    comparison: Option<Choice>,
}

impl Plan {
    /// Whether machines stand beside machines, which are in no sum with them.
    pub(super) fn is_beside(&self) -> bool {
        self.comparison.is_some()
    }
}

/// The machines that stand in place of a base period, as far as their lock.
#[derive(Deserialize)]
struct Choice {
    lock: Option<ChoiceLock>,
}

#[derive(Deserialize)]
struct ChoiceLock {
    leaf: i64,
    #[serde(default)]
    changes: Vec<Later>,
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
    #[serde(default)]
    beside: Option<Beside>,
}

/// Retrofitted machines beside others over the same dates.
#[derive(Deserialize)]
struct Beside {
    comparison: Graded,
    retrofitted: Graded,
    machines: Vec<Side>,
    common_days: i64,
    difference: Option<String>,
    lower: Option<String>,
    upper: Option<String>,
    verdict: String,
    change: Option<Change>,
    reaches: Option<String>,
    reasons: Vec<String>,
    cautions: Vec<String>,
    #[serde(default)]
    declared: Option<Box<Self>>,
}

#[derive(Deserialize)]
struct Graded {
    value: Option<String>,
    grade: Option<String>,
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
    /// Machines stand beside machines: nothing is before and nothing after.
    pub is_beside: bool,
}

/// In the reader's language; `name` gives a comparison its name.
pub(super) fn present(t: &Texts, plan: &Plan, name: impl Fn(&str, &str) -> String) -> Promises {
    let mut notes: Vec<String> = Vec::new();
    match plan.design.as_str() {
        "after_only" => notes.push(t.s("promise-after-only")),
        "machines_compared" => notes.push(t.s("promise-machines-compared")),
        _ => {}
    }
    if let Some(lock) = plan.comparison.as_ref().and_then(|c| c.lock.as_ref()) {
        notes.push(t.f1("promise-comparison-locked", "leaf", format::integer(lock.leaf)));
        notes.extend(lock.changes.iter().map(|c| later(t, c)));
    }
    let said = |f: &Finding| t.f1("promise-leaf", "leaf", format::integer(f.leaf)) + &word(t, "plan-finding", &f.code);
    notes.extend(plan.findings.iter().map(said));
    let lines = plan.metrics.iter().map(|m| promise(t, m, name(&m.definition, &m.machine))).collect();
    Promises { lines, notes, is_beside: plan.is_beside() }
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
    if let Some(beside) = &m.beside {
        return besides(t, m, beside, name, notes);
    }
    Promise {
        name,
        target: target(t, m),
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

fn target(t: &Texts, m: &Metric) -> String {
    let Some(target) = &m.target else { return NONE.to_owned() };
    format!("{} {} {}", word(t, "plan", &target.direction), target.value, word(t, "plan-in", &target.unit))
}

/// Machines beside machines: its own words, and never the colour of a target that is met or missed.
fn besides(t: &Texts, m: &Metric, beside: &Beside, name: String, mut notes: Vec<String>) -> Promise {
    let value = |v: &Option<String>| v.as_deref().map_or_else(|| NONE.to_owned(), |v| amount(&m.definition, v));
    let each: Vec<String> = beside.machines.iter().map(|side| value(&side.value)).collect();
    notes.push(t.f(
        "promise-beside-values",
        &[
            ("own", &value(&beside.retrofitted.value)),
            ("comparison", &value(&beside.comparison.value)),
            ("each", &each.join(t.s("list-comma").as_str())),
            ("days", &format::integer(beside.common_days)),
        ],
    ));
    let said = |code: &String| match Caution::from_code(code) {
        Some(caution) => {
            let (zh, en) = caution.words();
            (if t.lang() == Lang::Zh { zh } else { en }).to_owned()
        }
        None => word(t, "promise-because", code),
    };
    notes.extend(beside.reasons.iter().chain(&beside.cautions).map(said));
    let outcome = |b: &Beside| word(t, "beside", b.reaches.as_ref().unwrap_or(&b.verdict));
    if let Some(now) = &beside.declared {
        let (difference, verdict) = (difference(t, m, now), outcome(now));
        notes.push(t.f("promise-beside-declared", &[("difference", &difference), ("verdict", &verdict)]));
    }
    let grade = |side: &Graded| side.grade.clone().unwrap_or_else(|| NONE.to_owned());
    let (comparison, own) = (grade(&beside.comparison), grade(&beside.retrofitted));
    Promise {
        name,
        target: target(t, m),
        change: difference(t, m, beside),
        grades: t.f("promise-beside-grades", &[("comparison", &comparison), ("own", &own)]),
        css: "none",
        verdict: outcome(beside),
        notes,
    }
}

/// A difference between machines in the target's unit, else in the metric's own.
fn difference(t: &Texts, m: &Metric, beside: &Beside) -> String {
    let found = |value: &Option<String>, print: &dyn Fn(&str) -> Option<String>| {
        value.as_deref().and_then(print).unwrap_or_else(|| NONE.to_owned())
    };
    match (&beside.change, &m.target) {
        (Some(c), Some(target)) => {
            // `%（相对基期）` would be a lie: nothing is before.
            let unit = if target.unit == "percent" { "%".to_owned() } else { word(t, "plan-in", &target.unit) };
            let ends = (found(&c.value, &percent), found(&c.lower, &percent), found(&c.upper, &percent));
            format!("{} [{}, {}] {unit}", ends.0, ends.1, ends.2)
        }
        _ => {
            let print = |v: &str| Some(amount(&m.definition, v));
            let ends = (found(&beside.difference, &print), found(&beside.lower, &print), found(&beside.upper, &print));
            format!("{} [{}, {}]", ends.0, ends.1, ends.2)
        }
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
    out.extend(lock.changes.iter().map(|c| later(t, c)));
    if !lock.later_records.is_empty() {
        out.push(t.f1("promise-later-records", "n", lock.later_records.len()));
    }
    out
}

/// A statement made after a lock.
fn later(t: &Texts, c: &Later) -> String {
    let leaf = format::integer(c.leaf);
    let kind = word(t, "declared", &c.kind);
    let reason = if c.reason.is_empty() { NONE } else { &c.reason };
    t.f("promise-later", &[("leaf", &leaf), ("kind", &kind), ("author", &c.author), ("reason", &reason)])
}

/// A printed value as the tables show it: a share in percent, anything else as it is.
pub(super) fn amount(definition: &str, value: &str) -> String {
    let share = percent(value).filter(|_| definition.contains(".iso22400@"));
    share.map_or_else(|| value.to_owned(), |p| format!("{p}{}%", format::THIN))
}

/// A printed ratio in percent, two decimals.
pub(super) fn percent(text: &str) -> Option<String> {
    let (sign, digits) = text.strip_prefix('-').map_or(("", text), |rest| ("−", rest));
    let millionths: i128 = digits.replace('.', "").parse().ok()?;
    Some(format!("{sign}{}", format::percent_bare(millionths, 1_000_000, 2)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn machines_beside_machines_are_never_called_met_or_before_and_after() {
        let side = |value: &str, grade: &str| serde_json::json!({"value": value, "grade": grade});
        let beside = |difference: &str, reaches: &str| {
            serde_json::json!({
                "comparison": side("0.566260", "C"), "retrofitted": side("0.730110", "A"), "common_days": 35, "verdict": "HIGHER",
                "machines": [{"value": "0.560000"}, {"value": null}], "difference": difference, "lower": "0.1", "upper": "0.2",
                "change": {"value": difference, "lower": "0.152000", "upper": "0.181000"}, "reaches": reaches,
                "reasons": ["COMPARISON_NO_OVERLAP"], "cautions": ["PLAN_AFTER_START"],
            })
        };
        let mut first = beside("0.163850", "REACHED");
        first["declared"] = beside("0.040000", "NOT_REACHED");
        let metric = |target: serde_json::Value, beside: serde_json::Value| {
            serde_json::json!({"definition": "oee.iso22400@1", "machine": "*", "grades": [null, "A"], "target": target, "change": null,
                "verdict": "INSUFFICIENT", "reasons": ["NO_BASELINE"], "lock": null, "beside": beside})
        };
        let mut none = beside("0.163850", "REACHED");
        (none["reaches"], none["change"]) = (serde_json::Value::Null, serde_json::Value::Null);
        let json = serde_json::json!({
            "design": "machines_compared",
            "comparison": {"lock": {"leaf": 77, "changes": [{"leaf": 99, "kind": "cycle_time", "author": "u2", "reason": ""}]}},
            "metrics": [metric(serde_json::json!({"value": "5", "unit": "percent", "direction": "increase"}), first), metric(serde_json::Value::Null, none)],
        });
        let plan: Plan = serde_json::from_value(json).unwrap();
        for (lang, words) in [
            (
                Lang::Zh,
                [
                    "差值达到目标值（对照机器，非前后对比）",
                    "C（对照）/ A",
                    "各台：56.00",
                    "没有共同的日期",
                    "方案没有基期",
                    "差值未达到目标值",
                    "第 77 条",
                    "第 99 条",
                    "方案在报告期开始后",
                ],
            ),
            (
                Lang::En,
                [
                    "reaches the target's value (comparison machines, not before",
                    "C (comparison) / A",
                    "each: 56.00",
                    "no dates in common",
                    "no baseline",
                    "does not reach",
                    "leaf 77",
                    "leaf 99",
                    "after the reporting period began",
                ],
            ),
        ] {
            let shown = present(lang.texts(), &plan, |d, m| format!("{d} {m}"));
            let line = &shown.lines[0];
            assert!(
                line.change.starts_with("16.39 [15.20, 18.10] %") && !line.change.contains("基期"),
                "{}",
                line.change
            );
            assert_eq!(line.css, "none", "no colour of a target that is met");
            let all = [&line.verdict, &line.grades].into_iter().chain(&line.notes).chain(&shown.notes);
            let text = all.map(String::as_str).collect::<Vec<_>>().join("\n");
            assert!(words.iter().all(|w| text.contains(w)) && !text.contains('⟦'), "{text}");
            let bare = &shown.lines[1];
            assert!(
                bare.change.contains("16.39")
                    && bare.verdict.contains(if lang == Lang::Zh { "高于对照机器" } else { "higher than" }),
                "{}",
                bare.change
            );
        }
    }

    #[test]
    fn a_comparison_that_left_its_lock_is_not_said_to_follow_it() {
        let json = serde_json::json!({
            "design": "machines_compared", "comparison": {"lock": null}, "metrics": [],
            "findings": [{"code": "PLAN_CHANGED_AFTER_LOCK", "leaf": 98}],
        });
        let plan: Plan = serde_json::from_value(json).unwrap();
        for (lang, words) in [
            (Lang::Zh, "锁定的是对照，现行方案与锁定不一致时不作结论"),
            (Lang::En, "of locked comparison machines nothing is concluded while the plan says otherwise"),
        ] {
            let notes = present(lang.texts(), &plan, |d, m| format!("{d} {m}")).notes;
            assert!(notes.last().is_some_and(|note| note.contains("98") && note.contains(words)), "{notes:?}");
        }
    }

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
