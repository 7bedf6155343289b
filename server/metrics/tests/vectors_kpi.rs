//! The reference's worked vectors of time, energy, production, states and assessment (§1, §2, §4–§6) as data files, printed to the digits.
//!
//! Every expected entry must be computed here and every computed entry must be expected, so that neither side can fall
//! silent; `rejected` names the digits that a wrong method would print. Before/after vectors (§3) have a test of their own.

#[path = "vectors_kpi/assessment.rs"]
mod assessment;
#[path = "vectors_kpi/energy.rs"]
mod energy;
#[path = "vectors_kpi/time.rs"]
mod time;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use metrics::exact::{Rational, product_digits};
use metrics::oee;
use serde_json::Value;

/// What was computed for an expected entry.
pub(crate) enum Got {
    /// A quotient of integers.
    Ratio(i128, i128),
    /// Digits made by a function that knows the decimals.
    Digits(Box<dyn Fn(usize) -> Option<String>>),
    /// A word.
    Word(String),
}

impl From<Rational> for Got {
    fn from(r: Rational) -> Self {
        Self::Ratio(r.num(), r.den())
    }
}

impl From<oee::Value> for Got {
    fn from(v: oee::Value) -> Self {
        v.map_or_else(|why| Self::Word(why.code().to_owned()), |r| Self::Ratio(r.num, r.den))
    }
}

impl<E: std::fmt::Debug> From<Result<Rational, E>> for Got {
    fn from(v: Result<Rational, E>) -> Self {
        Self::from(v.expect("a vector's quotient is defined"))
    }
}

impl From<i64> for Got {
    fn from(v: i64) -> Self {
        Self::Ratio(v.into(), 1)
    }
}

impl From<&str> for Got {
    fn from(s: &str) -> Self {
        Self::Word(s.to_owned())
    }
}

impl From<String> for Got {
    fn from(s: String) -> Self {
        Self::Word(s)
    }
}

impl Got {
    fn printed(&self, decimals: usize) -> String {
        match self {
            Self::Ratio(n, d) => product_digits(&[(*n, *d)], decimals).expect("a denominator"),
            Self::Digits(f) => f(decimals).expect("digits"),
            Self::Word(w) => w.clone(),
        }
    }
}

/// Everything computed for a vector, in any order.
pub(crate) type Computed = Vec<(String, Got)>;

/// Notes a computed entry.
pub(crate) fn note(out: &mut Computed, key: impl Into<String>, got: impl Into<Got>) {
    out.push((key.into(), got.into()));
}

/// A decimal written as a string.
pub(crate) fn decimal(v: &Value) -> Rational {
    Rational::parse(v.as_str().expect("decimals are strings")).expect("a plain decimal")
}

pub(crate) fn integer(v: &Value) -> i64 {
    v.as_i64().unwrap_or_else(|| panic!("{v} is no integer"))
}

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/vectors")
}

fn vector(name: &str) -> Value {
    let path = folder().join(format!("{name}.json"));
    serde_json::from_str(&std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{name}: {e}"))).unwrap()
}

type Run = fn(&Value) -> Computed;

const RUNS: [(&str, Run); 16] = [
    ("tv-01", time::tv_01),
    ("tv-02", time::tv_02),
    ("tv-03", time::tv_03),
    ("tv-04", time::tv_04),
    ("tv-05", time::tv_05),
    ("tv-06", time::tv_06),
    ("tv-07", energy::tv_07),
    ("tv-08", energy::tv_08),
    ("tv-09", energy::tv_09),
    ("tv-10", energy::tv_10),
    ("tv-11", energy::tv_11),
    ("tv-14", energy::tv_14),
    ("tv-15", time::tv_15),
    ("tv-16", assessment::tv_16),
    ("tv-19", assessment::tv_19),
    ("tv-20", time::tv_20),
];

#[test]
fn every_vector_prints_to_the_digit() {
    let mut wrong = Vec::new();
    for (name, run) in RUNS {
        let vector = vector(name);
        assert_eq!(vector["id"].as_str().unwrap().to_lowercase(), name);
        let expected = vector["expected"].as_object().unwrap();
        let computed = run(&vector["inputs"]);
        let mut seen = BTreeMap::new();
        for (key, got) in &computed {
            assert!(seen.insert(key.clone(), ()).is_none(), "{name} {key} computed twice");
            let Some(digits) = expected.get(key).and_then(Value::as_str) else {
                wrong.push(format!("{name} {key}: computed, not expected"));
                continue;
            };
            let decimals = digits.split_once('.').map_or(0, |(_, d)| d.len());
            let printed = got.printed(decimals);
            if printed != digits {
                wrong.push(format!("{name} {key}: expected {digits}, got {printed}"));
            }
            let rejected = vector["rejected"][key].as_array().into_iter().flatten();
            for reject in rejected.filter_map(Value::as_str) {
                let decimals = reject.split_once('.').map_or(0, |(_, d)| d.len());
                if got.printed(decimals) == reject {
                    wrong.push(format!("{name} {key}: {reject} is what a wrong method gives"));
                }
            }
        }
        for key in expected.keys().filter(|k| !seen.contains_key(*k)) {
            wrong.push(format!("{name} {key}: expected, not computed"));
        }
        for key in vector["rejected"].as_object().into_iter().flat_map(|r| r.keys()) {
            assert!(expected.contains_key(key), "{name}: rejects something it does not expect: {key}");
        }
    }
    assert!(wrong.is_empty(), "{} differences:\n  {}", wrong.len(), wrong.join("\n  "));
}

#[test]
fn all_21_vectors_are_there_and_none_is_unknown() {
    let mut all: BTreeSet<String> = (1..=20).filter(|n| *n != 12).map(|n| format!("tv-{n:02}")).collect();
    all.extend(["tv-12a".to_owned(), "tv-12b".to_owned()]);
    let mut there = BTreeSet::new();
    for file in std::fs::read_dir(folder()).unwrap() {
        let name = file.unwrap().file_name().into_string().unwrap();
        let name = name.strip_suffix(".json").unwrap_or_else(|| panic!("{name} is no vector")).to_owned();
        // Worked examples of our own stand beside the reference's and have tests of their own.
        if !name.starts_with("tv-") {
            continue;
        }
        assert!(all.contains(&name), "{name} is no vector of the reference");
        assert_eq!(vector(&name)["id"].as_str().unwrap().to_lowercase(), name);
        there.insert(name);
    }
    for (name, _) in RUNS {
        assert!(there.contains(name), "{name} is gone");
    }
    assert_eq!((all.len(), &there), (21, &all));
    let elsewhere = include_str!("vectors_before_after.rs");
    for name in all.iter().filter(|name| !RUNS.iter().any(|(run, _)| run == name)) {
        assert!(elsewhere.contains(&format!("\"{name}\"")), "{name} is run by no test");
    }
}
