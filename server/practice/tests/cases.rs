//! Subsidy sheets against cases worked by hand from the articles: `tests/cases/*.toml`, one file per delivered rule.
//!
//! A case states only what differs from its file's `[claim]`, `[facts]` and `[line]`; its comment derives what is expected.

use practice::claim::Claim;
use practice::rule::{DELIVERED, Rule};
use practice::sheet::{Amount, Sheet, evaluate};
use serde::{Deserialize, Serialize};
use toml::{Table, Value};

const LEAST: usize = 30;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Cases {
    claim: Table,
    facts: Table,
    line: Table,
    case: Vec<Case>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    /// What the case states.
    #[serde(default)]
    claim: Table,
    #[serde(default)]
    facts: Table,
    /// Facts nobody answered, and inputs left out.
    #[serde(default)]
    omit: Vec<String>,
    lines: Vec<Table>,
    expect: Expect,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Expect {
    /// The place of the refusal; nothing else is expected then.
    refused: Option<String>,
    #[serde(default)]
    lines: Vec<String>,
    eligible: Option<i64>,
    investment: Option<i64>,
    open: Option<i64>,
    ceiling: Option<Value>,
    stages: Option<Vec<Value>>,
    /// The entry of the rule that made the amount what it is: the last that lowered it or took the number away.
    decided_by: Option<String>,
    #[serde(default)]
    warnings: Vec<String>,
}

fn claim_of(cases: &Cases, case: &Case) -> Claim {
    let mut claim = cases.claim.clone();
    claim.extend(case.claim.clone());
    let mut facts = cases.facts.clone();
    facts.extend(case.facts.clone());
    facts.retain(|fact, _| !case.omit.iter().any(|o| o == fact));
    claim.retain(|key, _| !case.omit.iter().any(|o| o == key));
    let lines = case.lines.iter().enumerate().map(|(i, stated)| {
        let mut line = cases.line.clone();
        line.insert("line".into(), Value::String((i + 1).to_string()));
        let mut stated = stated.clone();
        if let Some(Value::Array(omit)) = stated.remove("omit") {
            line.retain(|key, _| !omit.iter().any(|o| o.as_str() == Some(key)));
        }
        line.extend(stated);
        Value::Table(line)
    });
    claim.insert("lines".into(), Value::Array(lines.collect()));
    claim.insert("facts".into(), Value::Table(facts));
    claim.try_into().unwrap_or_else(|e| panic!("{}: {e}", case.name))
}

fn value(amount: &Amount) -> Value {
    match amount {
        Amount::Fen(fen) => Value::Integer(*fen),
        Amount::Authority(_) => Value::String("authority".into()),
        Amount::Missing(_) => Value::String("missing".into()),
    }
}

/// The name a value has in the results' data form.
fn name(of: impl Serialize) -> String {
    Value::try_from(of).unwrap().as_str().unwrap().to_owned()
}

fn decided_by(sheet: &Sheet) -> &str {
    let mut changed = sheet.steps.windows(2).filter(|w| value(&w[0].amount) != value(&w[1].amount));
    changed.next_back().map_or("scope", |w| &w[1].step)
}

fn run(file: &str, text: &str) -> usize {
    let rule = DELIVERED.iter().find(|(name, _)| *name == file).map(|(_, rule)| Rule::parse(rule).unwrap()).unwrap();
    let cases: Cases = toml::from_str(text).unwrap_or_else(|e| panic!("{file}: {e}"));
    let mut wrong = Vec::new();
    for case in &cases.case {
        let mut differs = |what: &str, is: String, should: String| {
            if is != should {
                wrong.push(format!("{file}, {}: {what} is {is}, by hand {should}", case.name));
            }
        };
        let e = &case.expect;
        let claim = claim_of(&cases, case);
        let sheet = match (evaluate(&rule, &claim), &e.refused) {
            (Err(error), refused) => {
                differs("refusal", error.place.clone(), refused.clone().unwrap_or("none".into()));
                assert!(!error.said.zh.is_empty() && !error.said.en.is_empty(), "{}", case.name);
                continue;
            }
            (Ok(sheet), None) => sheet,
            (Ok(_), Some(refused)) => {
                differs("refusal", "none".into(), refused.clone());
                continue;
            }
        };
        assert!(!e.lines.is_empty() && e.ceiling.is_some(), "{}: expects too little", case.name);
        differs(
            "lines",
            format!("{:?}", sheet.lines.iter().map(|l| name(l.verdict)).collect::<Vec<_>>()),
            format!("{:?}", e.lines),
        );
        differs(
            "warnings",
            format!("{:?}", sheet.warnings.iter().map(|w| name(w.kind)).collect::<Vec<_>>()),
            format!("{:?}", e.warnings),
        );
        for (what, is, should) in [
            ("eligible", sheet.eligible, e.eligible),
            ("investment", sheet.investment, e.investment),
            ("open", sheet.open, e.open),
        ] {
            differs(what, is.to_string(), should.unwrap_or(is).to_string());
        }
        differs("ceiling", value(&sheet.ceiling).to_string(), e.ceiling.as_ref().unwrap().to_string());
        if let Some(stages) = &e.stages {
            let is: Vec<Value> = sheet.stages.iter().map(|s| value(&s.amount)).collect();
            differs("stages", format!("{is:?}"), format!("{stages:?}"));
        }
        if let Some(step) = &e.decided_by {
            differs("decided by", decided_by(&sheet).to_owned(), step.clone());
        }
        is_printable(&sheet, &case.name);
    }
    assert!(wrong.is_empty(), "{} differ:\n  {}", wrong.len(), wrong.join("\n  "));
    cases.case.len()
}

/// Every line of a sheet has words in both languages, and what decides about money names its article.
fn is_printable(sheet: &Sheet, case: &str) {
    let mut said = vec![&sheet.names];
    said.extend(sheet.lines.iter().flat_map(|l| [&l.category, &l.reason]));
    said.extend(sheet.steps.iter().flat_map(|s| [&s.names, &s.formula]));
    said.extend(sheet.stages.iter().map(|s| &s.names));
    said.extend(sheet.warnings.iter().map(|w| &w.words));
    for names in said {
        assert!(!names.zh.trim().is_empty() && !names.en.trim().is_empty(), "{case}: {names:?}");
        assert!(!names.zh.contains("验收通过") && !names.en.contains("passed acceptance"), "{case}: {names:?}");
    }
    for step in sheet.steps.iter().filter(|s| s.step != "scope") {
        assert!(step.clause.as_ref().is_some_and(|c| !c.article.is_empty() && !c.quote.is_empty()), "{case}: {step:?}");
    }
}

#[test]
fn kunming_as_worked_by_hand() {
    assert!(run("kunming", include_str!("cases/kunming.toml")) >= LEAST);
}

#[test]
fn mianyang_draft_as_worked_by_hand() {
    assert!(run("mianyang-draft", include_str!("cases/mianyang-draft.toml")) >= LEAST);
}

#[test]
fn guangdong_as_worked_by_hand() {
    assert!(run("guangdong", include_str!("cases/guangdong.toml")) >= LEAST);
}

#[test]
fn each_delivered_rule_has_its_cases() {
    let tested = ["kunming", "mianyang-draft", "guangdong"];
    assert_eq!(DELIVERED.map(|(name, _)| name), tested);
}

#[test]
fn the_draft_is_marked_as_one_and_only_it() {
    for (name, text) in DELIVERED {
        assert_eq!(Rule::parse(text).unwrap().draft, name.ends_with("-draft"), "{name}");
    }
}
