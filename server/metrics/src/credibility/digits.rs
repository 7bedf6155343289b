//! Last digits: amounts that vary over many tens have every last digit about equally often, unless people round them.
//!
//! Constraints
//! 1. Equal shares of last digits are expected only of amounts that spread: not below a hundred, a variance of at least 100
//!    (ten units of standard deviation), no group of ten holding a tenth of them. Otherwise nothing is tested.
//! 2. The statistic is exact; the critical value is data with the version, for one in 10,000. A lot size that is a round number
//!    is an ordinary explanation, and the text says so.

use std::collections::BTreeMap;

use crate::credibility::chance::chi_squared;
use crate::credibility::finding::{Finding, Need};
use crate::credibility::list::{Detector, Run, parameter};
use crate::credibility::scene::{Scene, Trace};
use crate::credibility::{both, too_few};
use crate::exact::Rational;
use crate::interval::Interval;
use crate::report::Words;

/// Amounts, at least.
const AMOUNTS: usize = 60;
/// Amounts below this are not looked at.
const LEAST: i64 = 100;
/// Their variance is at least this.
const VARIANCE: i128 = 100;
/// No group of ten neighbouring values holds more than one in so many.
const GROUP_ONE_IN: usize = 10;
/// Upper 10^-4 point of χ² with nine degrees of freedom, thousandths (scipy.stats.chi2.isf(1e-4, 9) = 33.720).
const CRITICAL_MILLI: u128 = 33_720;
/// Measured amounts are taken per hour, milliseconds.
const HOUR_MS: i64 = 3_600_000;

/// Last digits that are not equally frequent.
pub(super) static ROUND: Detector = Detector {
    id: "credibility.round_numbers@1",
    names: ["末位数字分布异常", "Last digits not equally frequent"],
    compares: ["填报数与每小时测得数的末位数字", "last digits of stated amounts and of hourly measured amounts"],
    rule: "χ² of the last digits against equal shares > 33.720 (9 degrees of freedom, 10⁻⁴)",
    parameters: &[
        parameter("amounts_min", AMOUNTS as i64, "1"),
        parameter("amount_least", LEAST, "1"),
        parameter("variance_min", VARIANCE as i64, "1"),
        parameter("group_of_ten_one_in_max", GROUP_ONE_IN as i64, "1"),
        parameter("chi2_critical", CRITICAL_MILLI as i64, "0.001"),
    ],
    minimum: [
        "同一来源不小于 100 的数不少于 60 个，方差不小于 100，且没有十分之一集中在同一个十位段。",
        "At least 60 amounts of one source, each at least 100, with a variance of at least 100 and no tenth of them within one group of ten.",
    ],
    on_site: [
        "了解这些数如何得到：是否按整箱、整批计数，是否人工估填。",
        "Ask how these amounts come about: counted by full boxes or lots, or estimated by hand.",
    ],
    need: Need::Routine,
    run: Run::Machine(round),
};

/// Amounts of one source.
struct Source<'s> {
    zh: &'static str,
    en: &'static str,
    trace: Option<&'s Trace>,
    amounts: Vec<i64>,
}

fn round(scene: &Scene<'_>) -> Result<Vec<Finding>, Words> {
    let mut sources =
        vec![Source { zh: "填报的不良数", en: "rejects as stated", trace: None, amounts: stated(scene) }];
    for trace in ["good", "total", "energy"].into_iter().filter_map(|role| scene.trace(role)) {
        let (zh, en) = if trace.role == "energy" {
            ("每小时电量", "energy per hour")
        } else {
            ("每小时计数", "count per hour")
        };
        // A float register has no last digit of its own.
        if trace.meaning.unit_per_raw == 1 && !trace.meaning.text {
            sources.push(Source { zh, en, trace: Some(trace), amounts: hourly(trace) });
        }
    }
    let most = sources.iter().map(|s| s.amounts.len()).max().unwrap_or(0);
    if most < AMOUNTS {
        return Err(too_few("不小于 100 的数", "amounts of at least 100", most, AMOUNTS));
    }
    let (mut tested, mut out) = (0, Vec::new());
    for source in sources.iter().filter(|s| s.amounts.len() >= AMOUNTS && is_spread(&s.amounts)) {
        tested += 1;
        out.extend(test(scene, source));
    }
    if tested == 0 {
        return Err(both("数值过于集中，末位数字不应均匀", "the amounts lie too close together for equal last digits"));
    }
    Ok(out)
}

/// Rejects people stated for shifts that lie in the piece.
fn stated(scene: &Scene<'_>) -> Vec<i64> {
    let statements = scene.history.statements();
    let of = |c: &&crate::statements::Stated<crate::model::QualityCount>| {
        let inside = scene.window.contains(c.effective_from);
        (inside && c.body.reject >= LEAST).then_some(c.body.reject)
    };
    statements.quality_of(scene.machine()).iter().filter_map(of).collect()
}

/// Differences over whole hours between readings next to their edges; only forward ones that are large enough.
fn hourly(trace: &Trace) -> Vec<i64> {
    let mut at: BTreeMap<i64, i64> = BTreeMap::new();
    for (ms, value) in trace.points() {
        if ms.rem_euclid(HOUR_MS) < trace.cadence.fresh_ms {
            at.entry(ms.div_euclid(HOUR_MS)).or_insert(value);
        }
    }
    let pairs = at.iter().zip(at.iter().skip(1)).filter(|((a, _), (b, _))| **a == **b - 1);
    pairs.filter_map(|((_, a), (_, b))| b.checked_sub(*a)).filter(|d| *d >= LEAST).collect()
}

/// Whether last digits of these are expected to be equally frequent.
fn is_spread(amounts: &[i64]) -> bool {
    let n = amounts.len() as i128;
    let mut groups: BTreeMap<i64, usize> = BTreeMap::new();
    let (mut sum, mut squares) = (0_i128, 0_i128);
    for a in amounts {
        *groups.entry(a.div_euclid(10)).or_default() += 1;
        sum = sum.saturating_add(i128::from(*a));
        squares = squares.saturating_add(i128::from(*a) * i128::from(*a));
    }
    // n² · variance = n Σa² − (Σa)²
    let spread = n.saturating_mul(squares).saturating_sub(sum.saturating_mul(sum));
    let largest = groups.values().max().copied().unwrap_or(0);
    spread >= n.saturating_mul(n).saturating_mul(VARIANCE) && largest * GROUP_ONE_IN <= amounts.len()
}

fn test(scene: &Scene<'_>, source: &Source<'_>) -> Option<Finding> {
    let mut counts = [0_u64; 10];
    for a in &source.amounts {
        if let Some(slot) = counts.get_mut(a.rem_euclid(10) as usize) {
            *slot += 1;
        }
    }
    let (num, den) = chi_squared(&counts);
    if num * 1000 <= CRITICAL_MILLI * den {
        return None;
    }
    let n = source.amounts.len();
    let statistic = Rational::new(i128::try_from(num).ok()?, i128::try_from(den).ok()?)?.digits(3);
    let says = both(
        format!("{}共 {n} 个，末位数字 0–9 出现的次数相差较大", source.zh),
        format!("{}: {n} amounts whose last digits 0 to 9 are not about equally frequent", source.en),
    );
    let mut finding = Finding::of(&ROUND, scene, &[scene.window], says);
    if let Some(trace) = source.trace {
        let first = Interval::new(scene.window.from_ms, scene.window.from_ms.saturating_add(HOUR_MS));
        finding = finding.shows(trace, first);
    }
    let list = counts.map(|c| c.to_string()).join(" ");
    Some(
        finding
            .with("末位 0 至 9 的次数", "times of last digits 0 to 9", list, "1")
            .with("卡方统计量", "chi-squared statistic", statistic, "1")
            .with("个数", "amounts", n, "1"),
    )
}
