//! The main figures, as computed here from the signed contents: for a table that a person reads and a program can.
//!
//! Values are those of the recomputed report, digit for digit; `docs/report-computation.md` says what each means.

use metrics::catalogue;
use metrics::compare::Verdict;
use metrics::oee::Undefined;
use metrics::report::{ALL_MACHINES, Beside, Caution, Comparison, MetricResult, Report, Section, Words};
use serde::Serialize;

/// Definitions that a short table shows.
const MAIN: [&str; 7] = [
    "oee.iso22400@1",
    "availability.iso22400@1",
    "performance.iso22400@1",
    "quality.iso22400@1",
    "count.good@1",
    "energy.active@1",
    "energy.per_good@1",
];

/// What the signed contents give.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Figures {
    /// The firm's names.
    pub site: Words,
    /// By period and machine, the sum of all machines last.
    pub periods: Vec<Figure>,
    /// Before against after, under a plan.
    pub comparisons: Vec<Compared>,
    /// Machines beside machines, under a plan without a base period; as locked where that is anything else than as declared now.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub beside: Vec<BesideFigure>,
}

/// One metric of one machine over one period.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Figure {
    /// Name of the period.
    pub period: String,
    /// The same in words.
    pub period_words: Words,
    /// First production date of the period.
    pub from: String,
    /// Last production date.
    pub to: String,
    /// Machine, or `*` for all production machines together.
    pub machine: String,
    /// Its names.
    pub names: Words,
    /// Definition and version.
    pub definition: String,
    /// Its names.
    pub what: Words,
    /// Unit of the value.
    pub unit: String,
    /// Six decimals.
    pub value: Option<String>,
    /// Least it can be.
    pub lower: Option<String>,
    /// Most it can be.
    pub upper: Option<String>,
    /// A to D.
    pub grade: Option<String>,
    /// Why there is no value: a code.
    pub undefined: Option<String>,
    /// The same in words.
    pub undefined_words: Option<Words>,
    /// Belongs to a short table.
    pub main: bool,
}

/// One comparison.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Compared {
    /// Machine, or `*`.
    pub machine: String,
    /// Its names.
    pub names: Words,
    /// What is compared.
    pub definition: String,
    /// Its names.
    pub what: Words,
    /// Unit of the values.
    pub unit: String,
    /// The baseline.
    pub before: Option<String>,
    /// The reporting period.
    pub after: Option<String>,
    /// after − before.
    pub difference: Option<String>,
    /// after / before − 1.
    pub relative: Option<String>,
    /// Lower end of the 95 % interval of the difference.
    pub lower: Option<String>,
    /// Upper end.
    pub upper: Option<String>,
    /// `UP`, `DOWN`, `NOT_SIGNIFICANT`, `INSUFFICIENT`.
    pub verdict: String,
    /// The same in words.
    pub words: Words,
    /// Why a statement is withheld or weak: codes.
    pub cautions: Vec<String>,
    /// The same in words.
    pub caution_words: Vec<Words>,
}

/// Retrofitted machines beside comparison machines over the same dates: never before and after.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BesideFigure {
    /// Machine, or `*`.
    pub machine: String,
    /// Its names.
    pub names: Words,
    /// What is compared.
    pub definition: String,
    /// Its names.
    pub what: Words,
    /// Unit of the values.
    pub unit: String,
    /// The comparison machines together.
    pub comparison: Option<String>,
    /// The retrofitted side.
    pub retrofitted: Option<String>,
    /// retrofitted − comparison.
    pub difference: Option<String>,
    /// retrofitted / comparison − 1.
    pub relative: Option<String>,
    /// Lower end of the 95 % interval of the difference.
    pub lower: Option<String>,
    /// Upper end.
    pub upper: Option<String>,
    /// Grades of both sides, the comparison's first.
    pub grades: [Option<String>; 2],
    /// `REACHED`, `NOT_REACHED`, `UNDECIDED`; without target `HIGHER`, `LOWER`, `NOT_SIGNIFICANT`, `INSUFFICIENT`.
    pub statement: String,
    /// The same in words.
    pub words: Words,
}

/// Records whose contents are not in the bundle, by gateway.
///
/// Of a batch that was read outside the periods of the report nothing in it rests on the contents, and they need not be there.
/// Where a record lies is told by its signed clock; where that says nothing, it counts as needed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Withheld {
    /// Whose.
    pub gateway: String,
    /// How many.
    pub records: u64,
    /// Readings in them, as their signed headers say.
    pub readings: u64,
    /// Those of them within the periods that the report rests on.
    pub needed_records: u64,
    /// Readings in those.
    pub needed_readings: u64,
    /// When the server received the first and the last, UTC milliseconds.
    pub from_ms: i64,
    /// See `from_ms`.
    pub to_ms: i64,
}

impl Withheld {
    pub(crate) fn new(gateway: &str, at_ms: i64) -> Self {
        let (gateway, records, readings) = (gateway.to_owned(), 0, 0);
        Self { gateway, records, readings, needed_records: 0, needed_readings: 0, from_ms: at_ms, to_ms: at_ms }
    }
}

fn names_of(report: &Report, machine: &str) -> Words {
    if machine == ALL_MACHINES {
        // Comparison machines are in no sum.
        let is_compared = report.measurement_plan.as_ref().is_some_and(|plan| plan.comparison.is_some());
        let (of_all, of_compared) =
            (("全部生产设备", "all production machines"), ("改造设备合计", "all retrofitted machines"));
        return Words::from(if is_compared { of_compared } else { of_all });
    }
    let line = report.machines.iter().find(|m| m.machine == machine);
    line.map(|m| m.names.clone()).unwrap_or_default()
}

/// The names that periods have in our own reports, in words; others are what somebody called them.
fn period_words(name: &str) -> Words {
    match name {
        "period" => Words::from(("期间", "period")),
        "baseline" => Words::from(("基期", "baseline")),
        "reporting" => Words::from(("报告期", "reporting period")),
        other => Words::from((other, other)),
    }
}

/// Names and unit of a definition; of an amount per production day those of the amount.
fn words_of(definition: &str) -> (Words, &'static str) {
    let (id, per_day) = match definition {
        "energy.per_production_day@1" => ("energy.active@1", true),
        "good.per_production_day@1" => ("count.good@1", true),
        other => (other, false),
    };
    match catalogue::get(id) {
        Some(d) if per_day => {
            (Words::from((format!("{}（每生产日）", d.zh), format!("{} per production day", d.en))), d.unit)
        }
        Some(d) => (Words::from((d.zh, d.en)), d.unit),
        None => (Words::from((definition, definition)), ""),
    }
}

/// A code that has no words stands for itself.
fn in_words(code: &str, words: Option<(&str, &str)>) -> Words {
    Words::from(words.unwrap_or((code, code)))
}

impl Figures {
    pub(crate) fn of(report: &Report) -> Self {
        Self {
            site: report.names.clone(),
            periods: report.periods.iter().flat_map(|section| figures(report, section)).collect(),
            comparisons: report.comparisons.iter().map(|comparison| compared(report, comparison)).collect(),
            beside: report
                .measurement_plan
                .iter()
                .flat_map(|plan| &plan.metrics)
                .filter_map(|metric| Some(beside(report, metric, metric.beside.as_ref()?)))
                .collect(),
        }
    }
}

fn figures(report: &Report, section: &Section) -> Vec<Figure> {
    let dates = report.request.periods.iter().find(|p| p.name == section.period);
    let (from, to) = dates.map(|p| (p.from.clone(), p.to.clone())).unwrap_or_default();
    let figure = |line: &metrics::report::Line| Figure {
        period: section.period.clone(),
        period_words: period_words(&section.period),
        from: from.clone(),
        to: to.clone(),
        machine: section.machine.clone(),
        names: names_of(report, &section.machine),
        definition: line.definition.to_owned(),
        what: words_of(line.definition).0,
        unit: line.unit.to_owned(),
        value: line.value.clone(),
        lower: line.lower.clone(),
        upper: line.upper.clone(),
        grade: line.grade.map(str::to_owned),
        undefined: line.undefined.map(str::to_owned),
        undefined_words: line.undefined.map(|code| in_words(code, Undefined::from_code(code).map(Undefined::words))),
        main: MAIN.contains(&line.definition),
    };
    section.lines.iter().map(figure).collect()
}

fn compared(report: &Report, comparison: &Comparison) -> Compared {
    let (what, unit) = words_of(comparison.definition);
    let verdicts = [Verdict::Up, Verdict::Down, Verdict::NotSignificant, Verdict::Insufficient];
    let verdict = verdicts.into_iter().find(|v| v.code() == comparison.verdict);
    Compared {
        machine: comparison.machine.clone(),
        names: names_of(report, &comparison.machine),
        definition: comparison.definition.to_owned(),
        what,
        unit: unit.to_owned(),
        before: comparison.before.value.clone(),
        after: comparison.after.value.clone(),
        difference: comparison.difference.clone(),
        relative: comparison.relative.clone(),
        lower: comparison.lower.clone(),
        upper: comparison.upper.clone(),
        verdict: comparison.verdict.to_owned(),
        words: verdict.map(|v| Words::from(v.words(comparison.definition))).unwrap_or_default(),
        cautions: comparison.cautions.iter().map(|c| (*c).to_owned()).collect(),
        caution_words: comparison
            .cautions
            .iter()
            .map(|code| in_words(code, Caution::from_code(code).map(Caution::words)))
            .collect(),
    }
}

fn beside(report: &Report, metric: &MetricResult, found: &Beside) -> BesideFigure {
    let (what, unit) = words_of(&metric.definition);
    let statement = found.reaches.unwrap_or(found.verdict);
    let grade = |grade: Option<&'static str>| grade.map(str::to_owned);
    BesideFigure {
        machine: metric.machine.clone(),
        names: names_of(report, &metric.machine),
        definition: metric.definition.clone(),
        what,
        unit: unit.to_owned(),
        comparison: found.comparison.value.clone(),
        retrofitted: found.retrofitted.value.clone(),
        difference: found.difference.clone(),
        relative: found.relative.clone(),
        lower: found.lower.clone(),
        upper: found.upper.clone(),
        grades: [grade(found.comparison.grade), grade(found.retrofitted.grade)],
        statement: statement.to_owned(),
        words: in_words(statement, beside_words(statement)),
    }
}

fn beside_words(statement: &str) -> Option<(&'static str, &'static str)> {
    Some(match statement {
        "REACHED" => ("差值达到目标值", "the difference reaches the target's value"),
        "NOT_REACHED" => ("差值未达到目标值", "the difference does not reach the target's value"),
        "UNDECIDED" => ("差值不足以判断", "the difference decides nothing"),
        "HIGHER" => ("高于对照机器", "higher than the comparison machines"),
        "LOWER" => ("低于对照机器", "lower than the comparison machines"),
        "NOT_SIGNIFICANT" => ("与对照机器无显著差异", "no significant difference from the comparison machines"),
        "INSUFFICIENT" => ("证据不足", "insufficient evidence"),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_that_a_report_can_print_has_words_in_both_languages() {
        let undefined = Undefined::ALL.map(|why| (why.code(), Undefined::from_code(why.code()).map(Undefined::words)));
        let cautions = Caution::ALL.map(|c| (c.code(), Caution::from_code(c.code()).map(Caution::words)));
        for (code, words) in undefined.into_iter().chain(cautions) {
            let said = in_words(code, words);
            assert!(!said.zh.is_empty() && !said.zh.is_ascii() && said.zh != code, "{code}: {said:?}");
            assert!(!said.en.is_empty() && said.en.is_ascii() && said.en != code, "{code}: {said:?}");
        }
        assert_eq!(in_words("OF_LATER", None), Words::from(("OF_LATER", "OF_LATER")));
    }
}
