//! Before against after under a plan: day series from facts, intervals from [`crate::compare`].

use crate::catalogue;
use crate::compare::{self, Change, Day, Verdict};
use crate::decimal::{float6, ratio6};
use crate::facts::Facts;
use crate::history::History;
use crate::report::build::MachinePeriod;
use crate::report::{Comparison, Method, Period, ReportRequest, Side};

/// Fewest valid shifts per side (reference §3.7).
const VALID_SHIFTS_MIN: u32 = 30;
/// Fewest production dates per side: four complete weeks (reference §3.7).
const SPAN_DAYS_MIN: usize = 28;

/// What is compared: ratios of sums by definition, and amounts per production day.
struct Compared {
    definition: &'static str,
    /// The definition whose line gives the grade.
    line: &'static str,
    day: fn(&Facts) -> Option<Day>,
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

static COMPARED: [Compared; 7] = [
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
    let begins = after.iter().filter_map(|m| m.span).map(|s| s.from_ms).min();
    let plan_late = begins.is_some_and(|b| stated.received_ms > b) && !history.is_simulated();
    let mut out = Vec::new();
    for (b, a) in before.iter().zip(after) {
        for compared in &COMPARED {
            let (days_before, days_after) = (series(b, compared.day), series(a, compared.day));
            if days_before.iter().chain(&days_after).all(|d| d.1 == 0) {
                continue;
            }
            let change = compare::compare(
                &days_before,
                &days_after,
                usize::try_from(plan.block_days).unwrap_or(7),
                usize::try_from(plan.replicates).unwrap_or(2000),
                plan.seed.cast_unsigned(),
            );
            out.push(comparison(compared, b, a, &change, plan_late));
        }
    }
    let method = Method {
        interval: "circular-block-bootstrap@1",
        seed: plan.seed,
        replicates: plan.replicates,
        block_days: plan.block_days,
    };
    (Some(method), out)
}

/// One pair per production date; a date without a value is 0/0.
fn series(part: &MachinePeriod, day: fn(&Facts) -> Option<Day>) -> Vec<Day> {
    part.days.values().map(|f| day(f).unwrap_or((0, 0))).collect()
}

fn comparison(
    compared: &Compared,
    b: &MachinePeriod,
    a: &MachinePeriod,
    change: &Change,
    plan_late: bool,
) -> Comparison {
    let mut cautions = Vec::new();
    let few = |p: &MachinePeriod| p.valid < VALID_SHIFTS_MIN || p.days.len() < SPAN_DAYS_MIN;
    if few(b) || few(a) || change.interval.is_none() {
        cautions.push("FEW_VALID_SHIFTS");
    }
    if [b, a].iter().any(|p| p.standing() == Some("none")) {
        cautions.push("COVERAGE_TOO_LOW");
    }
    if [b, a].iter().any(|p| p.standing() == Some("qualified")) {
        cautions.push("COVERAGE_QUALIFIED");
    }
    if plan_late {
        cautions.push("PLAN_AFTER_START");
    }
    let withheld = cautions.iter().any(|c| matches!(*c, "FEW_VALID_SHIFTS" | "COVERAGE_TOO_LOW"));
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
        cautions,
    }
}

fn side(compared: &Compared, part: &MachinePeriod, sum: Day, days: usize) -> Side {
    let definition = catalogue::get(compared.line);
    let grade = definition.filter(|d| d.applies(&part.total)).map(|d| part.total.grade(d.cover(&part.total)).letter());
    Side {
        numerator: sum.0.to_string(),
        denominator: sum.1.to_string(),
        value: ratio6(sum.0, sum.1),
        days: days as u64,
        grade,
        standing: part.standing(),
    }
}
