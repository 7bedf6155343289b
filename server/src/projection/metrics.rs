//! Facts of a shift as rows of the database: every applicable metric with numerator, denominator, bounds, coverage, grade,
//! flags, and what a reader needs to ask "why".
//!
//! Constraints: nothing is computed here but the printing; the value, its bounds and its grade come from
//! [`metrics::catalogue`], so that page and report print the same digits. Energy is kept in Wh over integers.

use std::collections::BTreeMap;

use metrics::catalogue::{ALL, Definition};
use metrics::facts::{Counted, Facts};
use metrics::history::{History, PlacedGap};
use metrics::statements::Stated;
use metrics::{Interval, calendar};
use protocol::Declaration;

use crate::query::{Background, Duration, GapView, Lineage, Parameter, Source, Term};
use crate::store::MetricRow;

/// A shift of a machine, by the names its rows carry.
pub(super) struct Named<'n> {
    pub(super) machine: &'n str,
    pub(super) date: &'n str,
    pub(super) shift: &'n str,
    pub(super) window: Interval,
    pub(super) until_ms: i64,
}

/// What all values of an evaluated shift rest on: statements, records, gaps.
pub(super) fn background(
    history: &History,
    facts: &Facts,
    window: Interval,
    gaps: &[PlacedGap],
    sources: Vec<Source>,
) -> Background {
    let gaps = gaps.iter().take(GAPS_MAX).map(|gap| GapView {
        from_ms: gap.interval.from_ms.max(window.from_ms),
        until_ms: gap.interval.to_ms.min(window.to_ms),
        cause: gap.cause.to_owned(),
    });
    Background { parameters: parameters(history, facts, window.from_ms), sources, gaps: gaps.collect() }
}

/// All metric rows of an evaluated shift.
pub(super) fn rows(named: &Named<'_>, facts: &Facts) -> Vec<MetricRow> {
    let terms = terms(facts);
    let flags: Vec<&str> = facts.flags.iter().map(|flag| flag.code()).collect();
    let flags = serde_json::Value::from(flags).to_string();
    ALL.iter()
        .filter(|definition| definition.applies(facts))
        .map(|definition| {
            let (unit, factor) = unit(definition);
            let formula = formula(definition.id, terms.contains_key("PRI"));
            let lineage = Lineage {
                unit: unit.to_owned(),
                terms: symbols(formula).filter_map(|symbol| terms.get(symbol).cloned()).collect(),
                formula: formula.to_owned(),
            };
            let cover = definition.cover(facts);
            let value = (definition.value)(facts);
            let times = |pair: (i128, i128)| fit(pair.0.checked_mul(factor)?, pair.1);
            let (number, low, high, undefined) = match value {
                Ok(ratio) => match times((ratio.num, ratio.den)) {
                    Some(number) => (Some(number), times(ratio.lower), ratio.upper.and_then(times), None),
                    None => (None, None, None, Some("OVERFLOW".to_owned())),
                },
                Err(why) => (None, None, None, Some(why.code().to_owned())),
            };
            MetricRow {
                machine: named.machine.to_owned(),
                date: named.date.to_owned(),
                shift: named.shift.to_owned(),
                metric: definition.id.to_owned(),
                from_ms: named.window.from_ms,
                until_ms: named.until_ms,
                value: number,
                low,
                high,
                undefined,
                covered_ms: cover.observed_ms,
                expected_ms: cover.of_ms,
                grade: facts.grade(cover).letter().to_owned(),
                flags: flags.clone(),
                lineage: serde_json::to_string(&lineage).unwrap_or_else(|_| "{}".to_owned()),
            }
        })
        .collect()
}

/// Time per state and per bucket, largest buckets of ISO 22400 by symbol.
pub(super) fn durations(facts: &Facts) -> (Vec<Duration>, Vec<Duration>) {
    let duration = |name: &str, ms: i64| (ms > 0).then(|| Duration { name: name.to_owned(), ms });
    let states = metrics::MachineState::ALL
        .iter()
        .filter_map(|state| duration(state.name(), facts.states_ms.get(state.code()).copied().unwrap_or(0)));
    let b = &facts.buckets;
    let buckets = [
        ("APT", b.apt_ms),
        ("AUST", b.aust_ms),
        ("ADET", b.adet_ms),
        ("ADOT", b.adot_ms),
        ("PDOT", b.pdot_ms),
        ("UNK", b.unk_ms),
    ];
    (states.collect(), buckets.into_iter().filter_map(|(name, ms)| duration(name, ms)).collect())
}

/// The unit pages show, and what the numerator is multiplied with for it.
fn unit(definition: &Definition) -> (&'static str, i128) {
    match definition.unit {
        "kWh" => ("Wh", 1000),
        "kWh/pcs" => ("Wh/piece", 1000),
        "pcs" => ("piece", 1),
        _ => ("ratio", 1),
    }
}

/// Both parts as database integers: as they are if they fit, else divided by their common divisor.
fn fit(numerator: i128, denominator: i128) -> Option<(i64, i64)> {
    let narrow = |n: i128, d: i128| Some((i64::try_from(n).ok()?, i64::try_from(d).ok()?));
    narrow(numerator, denominator).or_else(|| {
        let (mut a, mut b) = (numerator.unsigned_abs(), denominator.unsigned_abs());
        while b != 0 {
            (a, b) = (b, a % b);
        }
        let divisor = i128::try_from(a).ok().filter(|divisor| *divisor > 1)?;
        narrow(numerator / divisor, denominator / divisor)
    })
}

/// The formula in symbols whose numbers are [`terms`]. With several products there is no one PRI: the sum stands instead.
fn formula(id: &str, one_product: bool) -> &'static str {
    match (id, one_product) {
        ("oee.iso22400@1", true) => "PRI·GQ / PBT",
        ("oee.iso22400@1", false) => "STD_GQ / PBT",
        ("availability.iso22400@1", _) => "APT / PBT",
        ("performance.iso22400@1", true) => "PRI·PQ / APT",
        ("performance.iso22400@1", false) => "STD_PQ / APT",
        ("quality.iso22400@1", true) => "PRI·GQ / PRI·PQ",
        ("quality.iso22400@1", false) => "STD_GQ / STD_PQ",
        ("nee.iso22400@1", true) => "PRI·GQ·AUPT / PBT·APT",
        ("nee.iso22400@1", false) => "STD_GQ·AUPT / PBT·APT",
        ("allocation.iso22400@1", _) => "AUBT / PBT",
        ("util.calendar@1", _) => "RUN / T",
        ("teep@1", true) => "PRI·GQ / T",
        ("teep@1", false) => "STD_GQ / T",
        ("count.produced@1", _) => "GQ + SQ",
        ("count.good@1", _) => "GQ",
        ("count.rejected@1", _) => "SQ",
        ("energy.active@1", _) => "E",
        ("energy.per_good@1", _) => "E / GQ",
        ("state.planned@1", _) => "PBT / T",
        _ => "",
    }
}

fn symbols(formula: &'static str) -> impl Iterator<Item = &'static str> {
    let mut seen: Vec<&str> = Vec::new();
    let all = formula.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
    all.filter(move |symbol| {
        !symbol.is_empty() && !seen.contains(symbol) && {
            seen.push(symbol);
            true
        }
    })
}

/// Every quantity a formula may name.
fn terms(facts: &Facts) -> BTreeMap<&'static str, Term> {
    let mut out = BTreeMap::new();
    let mut put = |symbol: &'static str, value: String, unit: &str| {
        out.insert(symbol, Term { symbol: symbol.to_owned(), value, unit: unit.to_owned() });
    };
    let b = &facts.buckets;
    let times = [
        ("PBT", b.pbt_ms()),
        ("APT", b.apt_ms),
        ("AUST", b.aust_ms),
        ("ADET", b.adet_ms),
        ("ADOT", b.adot_ms),
        ("PDOT", b.pdot_ms),
        ("UNK", b.unk_ms),
        ("AUPT", b.apt_ms + b.aust_ms),
        ("AUBT", b.apt_ms + b.aust_ms + b.adet_ms),
        ("T", b.total_ms()),
        ("RUN", facts.states_ms.get(metrics::MachineState::Run.code()).copied().unwrap_or(0)),
    ];
    for (symbol, ms) in times {
        put(symbol, ms.to_string(), "ms");
    }
    if let Some(production) = &facts.production {
        let amounts = [("PQ", &production.produced), ("GQ", &production.good), ("SQ", &production.rejected)];
        for (symbol, counted) in amounts {
            put(symbol, millionths(counted.items.value), "piece");
        }
        put("STD_GQ", millionths(production.good.standard.value), "us");
        put("STD_PQ", millionths(production.produced.standard.value), "us");
        if let Some(item_us) = one_cycle_time(&[&production.good, &production.produced]) {
            put("PRI", item_us.to_string(), "us");
        }
    }
    if let Some(energy) = &facts.energy {
        put("E", thousandths(energy.micro_kwh.value), "Wh");
    }
    out
}

/// The planned time per item when it is one and the same for everything made.
fn one_cycle_time(counted: &[&Counted]) -> Option<i128> {
    let mut found: Option<i128> = None;
    for amount in counted.iter().filter(|amount| amount.items.value > 0) {
        let (standard, items) = (amount.standard.value, amount.items.value);
        let item_us = standard / items;
        if standard % items != 0 || found.is_some_and(|known| known != item_us) {
            return None;
        }
        found = Some(item_us);
    }
    found
}

/// An amount in millionths as an exact decimal.
fn millionths(amount: i128) -> String {
    exact(amount, 6)
}

fn thousandths(amount: i128) -> String {
    exact(amount, 3)
}

/// `amount / 10^digits` without trailing zeros.
fn exact(amount: i128, digits: u32) -> String {
    let scale = 10_u128.pow(digits);
    let (whole, rest) = (amount.unsigned_abs() / scale, amount.unsigned_abs() % scale);
    let sign = if amount < 0 { "-" } else { "" };
    if rest == 0 {
        return format!("{sign}{whole}");
    }
    let rest = format!("{rest:0width$}", width = digits as usize);
    format!("{sign}{whole}.{}", rest.trim_end_matches('0'))
}

/// What was stated and is in force, and the versions that are part of the formula.
fn parameters(history: &History, facts: &Facts, from_ms: i64) -> Vec<Parameter> {
    stated(history, facts.statements.iter().copied(), from_ms)
}

/// The statements of these leaves in a few words each, late ones marked.
pub(crate) fn stated(history: &History, leaves: impl Iterator<Item = u64>, from_ms: i64) -> Vec<Parameter> {
    let ledger = history.statements().ledger();
    let stated = leaves.filter_map(|leaf| {
        let place = ledger.binary_search_by_key(&leaf, |stated| stated.leaf).ok()?;
        ledger.get(place)
    });
    let mut out: Vec<Parameter> = stated
        .map(|stated| Parameter {
            name: stated.body.kind.clone(),
            value: summary(stated),
            leaf: i64::try_from(stated.leaf).ok(),
            late: stated.is_late_for(from_ms),
        })
        .collect();
    out.push(Parameter {
        name: "zone_database".to_owned(),
        value: calendar::zone_database_version().to_owned(),
        leaf: None,
        late: false,
    });
    out
}

/// What a statement says, in a few words.
fn summary(stated: &Stated<Declaration>) -> String {
    let body = &stated.body.body;
    let text = |name: &str| body[name].as_str().unwrap_or_default().to_owned();
    match stated.body.kind.as_str() {
        "machine" => text("machine"),
        "cycle_time" => {
            let item_us = body["item_us"].as_i64().unwrap_or_default();
            format!("{}: {} s", text("product"), exact(i128::from(item_us), 6))
        }
        "planned_stop" => text("reason"),
        "meter" => text("machine"),
        "bill" => format!("{} {} – {}", text("account"), text("from"), text("to")),
        "recipe" => text("product"),
        "batch" => format!("{}: {}", text("batch"), text("product")),
        "stop_reason" => text("reason"),
        "alarm_code" => format!("{}: {}", text("code"), text("class")),
        "alarm_handled" => format!("{}: {}", text("code"), text("action")),
        "specification" => format!("{}: {} – {} {}", text("characteristic"), text("lsl"), text("usl"), text("unit")),
        "material" => text("material"),
        "quality_count" => {
            format!("{} {}: {}", text("date"), text("shift"), body["reject"].as_i64().unwrap_or_default())
        }
        "meter_replaced" => format!("{} → {}", body["old_final_raw"], body["new_initial_raw"]),
        _ => stated.body.reason.clone(),
    }
}

/// Gaps kept with a value; a shift with more shows the first, and its ribbon shows all.
const GAPS_MAX: usize = 200;

#[cfg(test)]
mod tests {
    use metrics::counter::Bounded;

    use super::*;

    #[test]
    fn every_definition_has_a_formula_whose_symbols_have_numbers() {
        let counted = |items: i128, item_us: i128| Counted {
            items: Bounded::exact(items * 1_000_000),
            standard: Bounded::exact(items * item_us * 1_000_000),
        };
        let production = metrics::facts::Production {
            good: counted(388, 48_000_000),
            produced: counted(400, 48_000_000),
            rejected: counted(12, 48_000_000),
            rejects_known: true,
            ..Default::default()
        };
        let energy = metrics::facts::Energy { micro_kwh: Bounded::exact(456_800_000), uncapped: false, samples: 2 };
        let facts = Facts { production: Some(production), energy: Some(energy), ..Facts::default() };
        let known = terms(&facts);
        assert_eq!(known.get("PRI").map(|term| term.value.as_str()), Some("48000000"));
        assert_eq!(known.get("E").map(|term| term.value.as_str()), Some("456800"));
        for definition in &ALL {
            for one_product in [true, false] {
                let formula = formula(definition.id, one_product);
                assert!(!formula.is_empty(), "{} has no formula", definition.id);
                for symbol in symbols(formula) {
                    assert!(known.contains_key(symbol), "{} names {symbol}", definition.id);
                }
            }
        }
    }

    #[test]
    fn two_products_have_no_common_cycle_time_and_exact_decimals_keep_every_digit() {
        let amount =
            |items: i128, standard: i128| Counted { items: Bounded::exact(items), standard: Bounded::exact(standard) };
        assert_eq!(one_cycle_time(&[&amount(10, 300), &amount(20, 600)]), Some(30));
        assert_eq!(one_cycle_time(&[&amount(10, 300), &amount(20, 700)]), None);
        assert_eq!(one_cycle_time(&[&amount(0, 0)]), None);
        assert_eq!((exact(1_500_000, 6), exact(-5, 3), exact(7_000, 3)), ("1.5".into(), "-0.005".into(), "7".into()));
    }

    #[test]
    fn numbers_that_do_not_fit_are_reduced_or_refused() {
        let large = i128::from(i64::MAX);
        assert_eq!(fit(3, 4), Some((3, 4)));
        assert_eq!(fit(large * 6, large * 4), Some((3, 2)));
        assert_eq!(fit(large * 2 + 1, 2), None);
    }
}
