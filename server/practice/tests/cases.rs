//! Subsidy sheets against cases worked by hand from the articles: `tests/cases/*.toml`, one file per delivered rule.
//!
//! A case states only what differs from its file's `[claim]`, `[facts]` and `[line]`; its comment derives what is expected. An answer
//! written as `true` or `false` is one that somebody stands for.

use std::collections::BTreeSet;

use practice::claim::Claim;
use practice::rule::{DELIVERED, Rule};
use practice::sheet::{Amount, Sheet, WarningKind, evaluate};
use serde::{Deserialize, Serialize};
use toml::{Table, Value};

/// Cases of a rule that end in an amount of money; refusals, and sheets that give words instead, come on top.
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
    investment_open: Option<i64>,
    ceiling: Option<Value>,
    /// The ceiling with everything open counted; absent when nothing is open.
    with_open: Option<Value>,
    awards: Option<Vec<Value>>,
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
    for (_, fact) in facts.iter_mut().filter(|(_, fact)| fact.is_bool()) {
        let by = Value::String("公示名单（示例）".into());
        *fact = Value::Table(Table::from_iter([("answer".into(), fact.clone()), ("by".into(), by)]));
    }
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

fn read(file: &str, text: &str) -> (Rule, Cases) {
    let rule = DELIVERED.iter().find(|(name, _)| *name == file).map(|(_, rule)| Rule::parse(rule).unwrap()).unwrap();
    (rule, toml::from_str(text).unwrap_or_else(|e| panic!("{file}: {e}")))
}

/// Compares every case with what its comment derives, and the cases together with what the rule has.
fn run(file: &str, text: &str) {
    let (rule, cases) = read(file, text);
    let mut wrong = Vec::new();
    let mut sheets = Vec::new();
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
        let list = |names: Vec<String>| format!("{names:?}");
        differs("lines", list(sheet.lines.iter().map(|l| name(l.verdict)).collect()), list(e.lines.clone()));
        differs("warnings", list(sheet.warnings.iter().map(|w| name(w.kind)).collect()), list(e.warnings.clone()));
        for (what, is, should) in [
            ("eligible", sheet.eligible, e.eligible),
            ("investment", sheet.investment, e.investment),
            ("open", sheet.open, e.open),
            ("open investment", sheet.investment_open, e.investment_open),
        ] {
            differs(what, is.to_string(), should.unwrap_or(is).to_string());
        }
        differs("ceiling", value(&sheet.ceiling).to_string(), e.ceiling.as_ref().unwrap().to_string());
        let with_open = sheet.ceiling_with_open.as_ref().map(value);
        differs("ceiling with what is open", format!("{with_open:?}"), format!("{:?}", e.with_open));
        let amounts = |amounts: Vec<Value>| format!("{amounts:?}");
        if let Some(stages) = &e.stages {
            differs(
                "stages",
                amounts(sheet.stages.iter().map(|s| value(&s.amount)).collect()),
                amounts(stages.clone()),
            );
        }
        if let Some(awards) = &e.awards {
            differs(
                "awards",
                amounts(sheet.awards.iter().map(|a| value(&a.amount)).collect()),
                amounts(awards.clone()),
            );
        }
        if let Some(step) = &e.decided_by {
            differs("decided by", decided_by(&sheet).to_owned(), step.clone());
        }
        is_printable(&sheet, &case.name);
        sheets.push((e, sheet));
    }
    assert!(wrong.is_empty(), "{} differ:\n  {}", wrong.len(), wrong.join("\n  "));
    is_covered(file, &rule, &sheets);
}

/// Enough cases end in money; every limit and every exclusion decides one of them, instalments are worked out, and one is later
/// than the text holds.
fn is_covered(file: &str, rule: &Rule, sheets: &[(&Expect, Sheet)]) {
    let worked = sheets.iter().filter(|(_, sheet)| sheet.ceiling.fen().is_some()).count();
    assert!(worked >= LEAST, "{file}: {worked} cases end in an amount");
    let decided: BTreeSet<&str> = sheets.iter().filter_map(|(e, _)| e.decided_by.as_deref()).collect();
    for cap in &rule.cap {
        assert!(decided.contains(cap.id()), "{file}: `{}` decides no case", cap.id());
    }
    for exclusion in &rule.exclusion {
        let id = exclusion.id();
        let excluded = |(e, sheet): &(&Expect, Sheet)| {
            e.decided_by.as_deref() == Some(&format!("exclusion.{id}")) && sheet.ceiling.fen() == Some(0)
        };
        assert!(sheets.iter().any(excluded), "{file}: `{id}` excludes nobody");
    }
    let divided = |sheet: &Sheet| sheet.stages.iter().any(|s| s.amount.fen().is_some_and(|fen| fen > 0));
    let worked_stages = sheets.iter().filter(|(e, sheet)| e.stages.is_some() && divided(sheet)).count();
    assert!(worked_stages > 0, "{file}: no instalment is worked out");
    let is_late = |kind: WarningKind| matches!(kind, WarningKind::Expired | WarningKind::PilotOver);
    assert!(sheets.iter().any(|(_, s)| s.warnings.iter().any(|w| is_late(w.kind))), "{file}: none is late");
    assert!(
        sheets.iter().any(|(_, s)| s.ceiling_with_open.is_some() && s.ceiling.fen().is_some()),
        "{file}: none open"
    );
}

/// Every line of a sheet has words in both languages, and what decides about money names its article.
fn is_printable(sheet: &Sheet, case: &str) {
    let mut said = vec![&sheet.names];
    said.extend(sheet.lines.iter().flat_map(|l| [&l.category, &l.reason]));
    said.extend(sheet.steps.iter().flat_map(|s| [&s.names, &s.formula]));
    said.extend(sheet.stages.iter().map(|s| &s.names));
    said.extend(sheet.warnings.iter().map(|w| &w.words));
    said.extend(sheet.answers.iter().map(|a| &a.names));
    let ceiling = sheet.ceiling_words();
    said.push(&ceiling);
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
    run("kunming", include_str!("cases/kunming.toml"));
}

#[test]
fn mianyang_draft_as_worked_by_hand() {
    run("mianyang-draft", include_str!("cases/mianyang-draft.toml"));
}

#[test]
fn guangdong_as_worked_by_hand() {
    run("guangdong", include_str!("cases/guangdong.toml"));
}

#[test]
fn each_delivered_rule_has_its_cases() {
    let tested = ["kunming", "mianyang-draft", "guangdong"];
    assert_eq!(DELIVERED.map(|(name, _)| name), tested);
    assert_eq!(practice::rule::delivered().len(), DELIVERED.len(), "none is left out unread");
}

#[test]
fn the_draft_is_marked_as_one_and_only_it() {
    for (name, text) in DELIVERED {
        assert_eq!(Rule::parse(text).unwrap().draft, name.ends_with("-draft"), "{name}");
    }
}
