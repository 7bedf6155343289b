//! The report: every field of it, every list of it, and what it is about.
//!
//! Fields are taken from the report itself, so that a field that is added later is tampered with as well. A kind is a field, not a
//! place where it stands: of many sections the last one is altered.

use std::collections::BTreeMap;

use metrics::ReportRequest;
use serde_json::{Value as Json, json};

use super::{Change, Class, Kind};
use crate::tampering::corpus::Corpus;
use crate::tampering::forge::other;
use crate::tampering::said::date_of;

/// `periods/[]/lines/[]/value` → where it stands last, with a value if it has one anywhere.
type Places = BTreeMap<String, String>;

fn collect(json: &Json, kind: &str, at: &str, fields: &mut Places, lists: &mut Places) {
    let join = |a: &str, b: &str| if a.is_empty() { b.to_owned() } else { format!("{a}/{b}") };
    match json {
        Json::Object(members) => {
            for (key, member) in members {
                collect(member, &join(kind, key), &format!("{at}/{key}"), fields, lists);
            }
        }
        Json::Array(members) => {
            let is_mixed = members.len() > 1 && members[0] != members[1];
            if is_mixed {
                lists.insert(kind.to_owned(), at.to_owned());
            }
            for (n, member) in members.iter().enumerate() {
                collect(member, &join(kind, "[]"), &format!("{at}/{n}"), fields, lists);
            }
        }
        Json::Null if fields.contains_key(kind) => {}
        _ => _ = fields.insert(kind.to_owned(), at.to_owned()),
    }
}

/// What the verifier must say of a place: the names on the way to it, in order.
fn place(kind: &str) -> String {
    match kind {
        "format" | "version" => "report.json".to_owned(),
        _ => kind.split('/').filter(|part| *part != "[]").collect::<Vec<_>>().join(" … "),
    }
}

/// Sections of single shifts have the fields of those of periods; of them only these are altered as well.
fn is_said_of_periods(kind: &str) -> bool {
    kind.strip_prefix("shifts/[]/").is_some_and(|field| !field.starts_with("lines") && !field.starts_with("lineage"))
}

/// What is promised in a plan and locked, of all the fields of a report.
const PROMISES: &[&str] = &[
    "change/value",
    "change/lower",
    "change/upper",
    "verdict: altered",
    "target/value",
    "lock/value",
    "lock/confirmed",
];

/// The promises altered.
pub fn promises(corpus: &Corpus) -> Vec<Kind> {
    let is_one = |kind: &Kind| {
        kind.name.starts_with("report: measurement_plan") && PROMISES.iter().any(|promise| kind.name.contains(promise))
    };
    let promises: Vec<Kind> = kinds(corpus).into_iter().filter(is_one).collect();
    assert!(promises.len() >= PROMISES.len(), "{}", promises.len());
    promises
}

pub fn kinds(corpus: &Corpus) -> Vec<Kind> {
    let report: Json = serde_json::from_slice(&corpus.copy.report).unwrap();
    let (mut fields, mut lists) = (Places::new(), Places::new());
    collect(&report, "", "", &mut fields, &mut lists);
    let is_ours = |kind: &String| !kind.starts_with("request") && !is_said_of_periods(kind);
    fields.retain(|kind, _| is_ours(kind));
    lists.retain(|kind, _| is_ours(kind));

    let change = |name: String, kind: &str, change: Box<dyn Fn(&mut Json) + Sync + Send>| {
        let place = place(kind);
        let change = move |report: &mut Json| {
            change(report);
            place.clone()
        };
        Kind::new(Class::Report, name, Change::Report(Box::new(change)))
    };
    let mut all = Vec::new();
    for (kind, at) in fields {
        let alter = Box::new(move |report: &mut Json| {
            let value = report.pointer_mut(&at).unwrap();
            *value = other(value);
        });
        all.push(change(format!("report: {kind}: altered"), &kind, alter));
    }
    for (kind, at) in lists {
        for (what, edit) in [
            ("one left out", (|list| drop(list.pop())) as fn(&mut Vec<Json>)),
            ("one said twice", |list| list.push(list[0].clone())),
            ("two swapped", |list| list.swap(0, 1)),
        ] {
            let at = at.clone();
            let edit =
                Box::new(move |report: &mut Json| edit(report.pointer_mut(&at).unwrap().as_array_mut().unwrap()));
            all.push(change(format!("report: {kind}: {what}"), &kind, edit));
        }
    }
    let member = |name: &str, kind: &str, edit: fn(&mut serde_json::Map<String, Json>)| {
        change(name.into(), kind, Box::new(move |report| edit(report.as_object_mut().unwrap())))
    };
    all.extend([
        member("report: the plan left out", "measurement_plan", |r| drop(r.remove("measurement_plan"))),
        member("report: the statements left out", "statements", |r| drop(r.insert("statements".into(), json!([])))),
        member("report: a field nobody knows", "acceptance", |r| drop(r.insert("acceptance".into(), json!("合格")))),
        member("report: a caution invented", "comparisons … cautions", |r| {
            r["comparisons"][0]["cautions"] = json!(["COVERAGE_TOO_LOW"]);
        }),
        member("report: a finding about the plan invented", "measurement_plan … findings", |r| {
            r["measurement_plan"]["findings"] = json!([{"code": "LOCK_MISSTATED", "leaf": 1}]);
        }),
        member("report: what nobody approved left out", "practice … machines … difference", |r| {
            let machines = r["practice"]["filings"][0]["plan"]["machines"].as_array_mut().unwrap();
            machines.iter_mut().for_each(|machine| machine["difference"] = Json::Null);
        }),
        member("report: more machines said to be connected", "practice … machines_counted", |r| {
            r["practice"]["filings"][0]["plan"]["machines_counted"] = json!([2, 2, 2]);
        }),
        member("report: an opinion said to be another's", "practice … opinions … role", |r| {
            let opinion = &mut r["practice"]["filings"][0]["applications"][1]["opinions"][0];
            (opinion["by"], opinion["role"]) = (json!("district"), json!("city"));
        }),
        member("report: an application said to be approved", "practice … applications … status", |r| {
            r["practice"]["filings"][0]["applications"][1]["status"] = json!({"code": "APPROVED", "by": null});
        }),
        member("report: what counts for nothing left out", "practice … applications … disregarded", |r| {
            r["practice"]["filings"][0]["applications"][1]["disregarded"] = json!([]);
        }),
        member("report: on-site checks left out", "practice", |r| {
            drop(r["practice"].as_object_mut().unwrap().remove("onsite"))
        }),
        member("report: an act that nobody recorded", "practice … onsite … acts … result", |r| {
            r["practice"]["onsite"][0]["acts"][0]["result"] = Json::Null;
        }),
        member("report: both sides said to have confirmed", "practice … onsite … confirmations", |r| {
            r["practice"]["onsite"][0]["confirmations"][0]["holds"] = json!(false);
        }),
        member("report: deviations left out", "practice", |r| {
            drop(r["practice"].as_object_mut().unwrap().remove("deviations"))
        }),
        member("report: a deviation said to be closed sooner", "practice … deviations … days", |r| {
            r["practice"]["deviations"][0]["deviations"][0]["days"] = json!(1);
        }),
        member(
            "report: measures that others took the place of said to be in force",
            "practice … deviations … steps … superseded",
            |r| {
                drop(
                    r["practice"]["deviations"][0]["deviations"][0]["steps"][2]
                        .as_object_mut()
                        .unwrap()
                        .remove("superseded"),
                );
            },
        ),
        member("report: a figure of a deviation made better", "practice … deviations … steps … measured", |r| {
            r["practice"]["deviations"][0]["deviations"][0]["steps"][0]["measured"]["standing"] = json!("reached");
        }),
        member("report: the filed plan left out", "practice", |r| drop(r.remove("practice"))),
        member("report: another verdict", "measurement_plan … metrics … verdict", |r| {
            r["measurement_plan"]["metrics"][1]["verdict"] = json!("NOT_MET");
        }),
    ]);
    let request =
        |name: &str, change: fn(&mut ReportRequest)| Kind::new(Class::Report, name, Change::Request(Box::new(change)));
    all.extend([
        request("request: fewer leaves of the log", |r| r.size -= 1),
        request("request: fewer machines", |r| drop(r.machines.pop())),
        request("request: a base period of other dates", |r| r.periods[0].from = date_of(1)),
        request("request: a reporting period of other dates", |r| r.periods[1].to = date_of(8)),
        request("request: one period alone", |r| drop(r.periods.remove(0))),
        request("request: a period under another name", |r| r.periods[1].name = "improved".into()),
        request("request: without on-site checks", |r| r.onsite = false),
        request("request: without deviations", |r| r.deviations = false),
        request("request: without the filed plan", |r| r.filings.clear()),
        request("request: a route that asks fewer people", |r| {
            r.filings[0].rule.as_mut().unwrap().change.as_mut().unwrap().opinions.truncate(1);
        }),
        request("request: a rule without a route", |r| r.filings[0].rule.as_mut().unwrap().change = None),
        request("request: a rule under another number", |r| {
            r.filings[0].rule.as_mut().unwrap().number = Some("某工信〔2025〕9号".into());
        }),
        request("request: without the plan", |r| r.plan = None),
        request("request: cut off at a time", |r| {
            r.until_ms = Some(crate::fixture::MONDAY + 8 * 24 * crate::fixture::HOUR)
        }),
    ]);
    all
}
