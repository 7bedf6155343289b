//! Before against after under a plan: day series from facts, intervals from [`crate::compare`].

use crate::catalogue;
use crate::compare::{self, Change, Day, Verdict};
use crate::decimal::{float6, ratio6};
use crate::facts::Facts;
use crate::history::History;
use crate::model::{Plan, PlanMetric, TargetUnit};
use crate::plan::{valid_days, valid_shifts};
use crate::report::build::MachinePeriod;
use crate::report::{Comparison, Method, Period, ReportRequest, Side};

/// Fewest valid shifts per side (reference §3.7).
const VALID_SHIFTS_MIN: u32 = 30;
/// Fewest production dates per side: four complete weeks (reference §3.7).
const SPAN_DAYS_MIN: usize = 28;

/// Why a comparison is withheld or weak.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Caution {
    /// Too few valid shifts or days on a side, or no interval: withheld.
    FewValidShifts,
    /// Too few shifts of a side are valid: withheld.
    CoverageTooLow,
    /// Some shifts of a side are not valid.
    CoverageQualified,
    /// The plan was stated after the reporting period began.
    PlanAfterStart,
}

impl Caution {
    /// Every caution.
    pub const ALL: [Self; 4] =
        [Self::FewValidShifts, Self::CoverageTooLow, Self::CoverageQualified, Self::PlanAfterStart];

    /// The caution with this code.
    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|caution| caution.code() == code)
    }

    /// The code printed in reports.
    pub const fn code(self) -> &'static str {
        match self {
            Self::FewValidShifts => "FEW_VALID_SHIFTS",
            Self::CoverageTooLow => "COVERAGE_TOO_LOW",
            Self::CoverageQualified => "COVERAGE_QUALIFIED",
            Self::PlanAfterStart => "PLAN_AFTER_START",
        }
    }

    /// What it means, in Chinese and English.
    pub const fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::FewValidShifts => (
                "有效班次或天数不足（每期至少 30 个有效班次、28 天）",
                "too few valid shifts or days (30 shifts and 28 days a side)",
            ),
            Self::CoverageTooLow => ("覆盖率过低", "coverage is too low"),
            Self::CoverageQualified => ("部分班次覆盖率不足", "some shifts lack coverage"),
            Self::PlanAfterStart => {
                ("方案在报告期开始后才填报", "the plan was stated after the reporting period began")
            }
        }
    }
}

/// What is compared: ratios of sums by definition, and amounts per production day.
pub(super) struct Compared {
    pub(super) definition: &'static str,
    /// The definition whose line gives the grade.
    line: &'static str,
    pub(super) day: fn(&Facts) -> Option<Day>,
}

fn ratio(definition: &str, f: &Facts) -> Option<Day> {
    let d = catalogue::get(definition)?;
    if !d.applies(f) {
        return None;
    }
    (d.value)(f).ok().map(|r| (r.num, r.den))
}

/// An amount against the days on which the machine was to work.
fn per_day(definition: &str, f: &Facts) -> Option<Day> {
    let amount = ratio(definition, f)?;
    Some((amount.0, i128::from(f.is_worked) * amount.1))
}

/// What plans can promise: the definitions of comparisons.
pub const COMPARED_DEFINITIONS: [&str; 7] = [
    "oee.iso22400@1",
    "availability.iso22400@1",
    "performance.iso22400@1",
    "quality.iso22400@1",
    "energy.per_good@1",
    "energy.per_production_day@1",
    "good.per_production_day@1",
];

pub(super) static COMPARED: [Compared; 7] = [
    Compared { definition: "oee.iso22400@1", line: "oee.iso22400@1", day: |f| ratio("oee.iso22400@1", f) },
    Compared {
        definition: "availability.iso22400@1",
        line: "availability.iso22400@1",
        day: |f| ratio("availability.iso22400@1", f),
    },
    Compared {
        definition: "performance.iso22400@1",
        line: "performance.iso22400@1",
        day: |f| ratio("performance.iso22400@1", f),
    },
    Compared { definition: "quality.iso22400@1", line: "quality.iso22400@1", day: |f| ratio("quality.iso22400@1", f) },
    Compared { definition: "energy.per_good@1", line: "energy.per_good@1", day: |f| ratio("energy.per_good@1", f) },
    Compared {
        definition: "energy.per_production_day@1",
        line: "energy.active@1",
        day: |f| per_day("energy.active@1", f),
    },
    Compared { definition: "good.per_production_day@1", line: "count.good@1", day: |f| per_day("count.good@1", f) },
];

/// Compares `baseline` with `reporting` when the request names a plan.
pub(super) fn compare_periods(
    history: &History,
    request: &ReportRequest,
    parts: &[(Period, Vec<MachinePeriod>)],
) -> (Option<Method>, Vec<Comparison>) {
    let stated = request.plan.as_deref().and_then(|p| history.statements().plan(p));
    let side = |name: &str| parts.iter().find(|(p, _)| p.name == name).map(|(_, m)| m);
    let (Some(stated), Some(before), Some(after)) = (stated, side("baseline"), side("reporting")) else {
        return (None, Vec::new());
    };
    let plan = &stated.body;
    let late = is_late(history, stated.received_ms, after);
    let mut out = Vec::new();
    for (b, a) in before.iter().zip(after) {
        out.extend(COMPARED.iter().filter_map(|compared| Some(compare_one(compared, b, a, plan, late)?.comparison)));
    }
    let method = Method {
        interval: "circular-block-bootstrap@1",
        seed: plan.seed,
        replicates: plan.replicates,
        block_days: plan.block_days,
    };
    (Some(method), out)
}

/// Whether a plan was stated after its reporting period began.
pub(super) fn is_late<'m>(
    history: &History,
    received_ms: i64,
    after: impl IntoIterator<Item = &'m MachinePeriod>,
) -> bool {
    let begins = after.into_iter().filter_map(|m| m.span).map(|s| s.from_ms).min();
    begins.is_some_and(|b| received_ms > b) && !history.is_simulated()
}

/// A comparison with what a target in percent is measured against.
pub(super) struct Compare {
    /// A side has fewer valid production days, or fewer valid shifts, than the plan asks for.
    pub(super) short: Option<&'static str>,
    pub(super) comparison: Comparison,
    /// 95 % interval of after / before − 1, millionths.
    pub(super) relative: Option<(i128, i128)>,
    /// 95 % interval of after − before, millionths.
    pub(super) interval: Option<(i128, i128)>,
}

/// The comparison of one definition on two sides of a machine; none without any denominator.
fn compare_one(
    compared: &Compared,
    b: &MachinePeriod,
    a: &MachinePeriod,
    plan: &Plan,
    is_late: bool,
) -> Option<Compare> {
    let (days_before, days_after) = (series(b, compared.day), series(a, compared.day));
    if days_before.iter().chain(&days_after).all(|d| d.1 == 0) {
        return None;
    }
    let block = usize::try_from(plan.block_days).unwrap_or(7);
    let replicates = usize::try_from(plan.replicates).unwrap_or(2000);
    let change = compare::compare(&days_before, &days_after, block, replicates, plan.seed.cast_unsigned());
    let relative = || {
        change.interval?;
        compare::relative(&days_before, &days_after, change.block, replicates, plan.seed.cast_unsigned())
    };
    let wants = plan.metric(compared.definition, &a.machine).and_then(|m| m.target.as_ref());
    let relative = wants.filter(|t| t.unit == TargetUnit::Percent).and_then(|_| relative());
    let millionths = |ends: (f64, f64)| {
        let one = |end| crate::decimal::float_scaled(end, 1_000_000, 1);
        one(ends.0).zip(one(ends.1))
    };
    Some(Compare {
        short: plan.metric(compared.definition, &a.machine).and_then(|m| short(m, [b, a])),
        comparison: comparison(compared, b, a, &change, is_late),
        relative: relative.and_then(millionths),
        interval: change.interval.and_then(millionths),
    })
}

/// What a plan asks for beyond report computation, and a side does not have.
pub(super) fn short(metric: &PlanMetric, sides: [&MachinePeriod; 2]) -> Option<&'static str> {
    let percent = metric.coverage_percent.unwrap_or(95);
    let few = |p: &&MachinePeriod| metric.min_days.is_some_and(|least| valid_days(p, percent) < least);
    let low = |p: &&MachinePeriod| valid_shifts(p, percent) * 100 < i64::from(p.scheduled) * 75;
    if sides.iter().any(few) { Some("FEW_DAYS") } else { sides.iter().any(low).then_some("COVERAGE_BELOW_PLAN") }
}

/// The comparison of a plan's metric on two sides evaluated for it.
pub(super) fn compare_metric(
    history: &History,
    (plan, received_ms): (&Plan, i64),
    (definition, machine): (&str, &str),
    before: &[MachinePeriod],
    after: &[MachinePeriod],
) -> Option<Compare> {
    let compared = COMPARED.iter().find(|c| c.definition == definition)?;
    let of = |side: &'_ [MachinePeriod]| side.iter().position(|m| m.machine == machine);
    let (b, a) = (before.get(of(before)?)?, after.get(of(after)?)?);
    compare_one(compared, b, a, plan, is_late(history, received_ms, after))
}

/// Sums of a metric over one side, and the production days behind it.
pub(crate) fn side_sum(definition: &str, part: &MachinePeriod) -> Option<(Day, Vec<(String, Day)>)> {
    let compared = COMPARED.iter().find(|c| c.definition == definition)?;
    let days: Vec<(String, Day)> =
        part.days.iter().map(|(date, f)| (date.clone(), (compared.day)(f).unwrap_or((0, 0)))).collect();
    let sum = days.iter().fold((0_i128, 0_i128), |t, (_, d)| (t.0.saturating_add(d.0), t.1.saturating_add(d.1)));
    (sum.1 != 0).then_some((sum, days))
}

/// The grade of a metric on one side.
pub(super) fn grade_of(definition: &str, machine: &str, side: &[MachinePeriod]) -> Option<&'static str> {
    grade(COMPARED.iter().find(|c| c.definition == definition)?, side.iter().find(|m| m.machine == machine)?)
}

fn grade(compared: &Compared, part: &MachinePeriod) -> Option<&'static str> {
    let definition = catalogue::get(compared.line).filter(|d| d.applies(&part.total))?;
    Some(part.total.grade(definition.cover(&part.total)).letter())
}

/// One pair per production date; a date without a value is 0/0.
fn series(part: &MachinePeriod, day: fn(&Facts) -> Option<Day>) -> Vec<Day> {
    part.days.values().map(|f| day(f).unwrap_or((0, 0))).collect()
}

/// Two sides as a report prints them, with what is withheld of them.
pub(super) fn comparison(
    compared: &Compared,
    b: &MachinePeriod,
    a: &MachinePeriod,
    change: &Change,
    is_late: bool,
) -> Comparison {
    let mut cautions = Vec::new();
    let few = |p: &MachinePeriod| p.valid < VALID_SHIFTS_MIN || p.days.len() < SPAN_DAYS_MIN;
    if few(b) || few(a) || change.interval.is_none() {
        cautions.push(Caution::FewValidShifts);
    }
    if [b, a].iter().any(|p| p.standing() == Some("none")) {
        cautions.push(Caution::CoverageTooLow);
    }
    if [b, a].iter().any(|p| p.standing() == Some("qualified")) {
        cautions.push(Caution::CoverageQualified);
    }
    if is_late {
        cautions.push(Caution::PlanAfterStart);
    }
    let withheld = cautions.iter().any(|c| matches!(c, Caution::FewValidShifts | Caution::CoverageTooLow));
    let verdict = if withheld { Verdict::Insufficient } else { change.verdict() };
    let interval = change.interval;
    let ((bn, bd), (an, ad)) = (change.before, change.after);
    // after/ad − before/bd over the common denominator; relative to before.
    let over = |den: Option<i128>| {
        let num = an.checked_mul(bd)?.checked_sub(bn.checked_mul(ad)?)?;
        ratio6(num, den?)
    };
    Comparison {
        definition: compared.definition,
        machine: a.machine.clone(),
        before: side(compared, b, change.before, change.days.0),
        after: side(compared, a, change.after, change.days.1),
        difference: over(ad.checked_mul(bd)),
        relative: over(ad.checked_mul(bn)),
        lower: interval.and_then(|i| float6(i.0)),
        upper: interval.and_then(|i| float6(i.1)),
        verdict: verdict.code(),
        cautions: cautions.into_iter().map(Caution::code).collect(),
    }
}

fn side(compared: &Compared, part: &MachinePeriod, sum: Day, days: usize) -> Side {
    Side {
        numerator: sum.0.to_string(),
        denominator: sum.1.to_string(),
        value: ratio6(sum.0, sum.1),
        days: days as u64,
        grade: grade(compared, part),
        standing: part.standing(),
    }
}
