//! Run rules: what on a chart is not chance. Western Electric and Nelson as separate, versioned sets.
//!
//! Constraints
//! 1. A rule speaks of points that follow each other; a point after unobserved time begins a new run.
//! 2. *Beyond* is strictly beyond; a point exactly on the centre line is on neither side.
//! 3. "k of m" is said as soon as k of at most m points that follow each other lie there, the last of them being one: whatever an
//!    unseen m-th point was, the statement holds.
//! 4. A run that goes on is one violation from its first point to its last. Run rules judge the location chart; on the chart of
//!    ranges only points beyond the limits count, because moving ranges are not independent.
//!
//! The counts are those of the Western Electric handbook (1956) and of Nelson (Journal of Quality Technology, 1984), from memory:
//! verify before quoting (`sourced: "unverified"`).

use std::ops::RangeInclusive;

use crate::exact::Rational;
use crate::quality::control::{ControlLimits, Lines};
use crate::quality::points::Point;
use crate::quality::specification::Side;

/// A named set of rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RuleSet {
    /// Western Electric zone rules 1–4.
    WesternElectric,
    /// Nelson rules 1–8.
    Nelson,
}

/// What a rule looks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pattern {
    /// `need` of `of` points beyond so many σ on the same side.
    Beyond {
        /// How many must lie there.
        need: usize,
        /// Out of how many that follow each other.
        of: usize,
        /// Beyond this many thirds of the way to the limit.
        sigma: u8,
    },
    /// So many in a row on one side of the centre line.
    OneSide(usize),
    /// So many in a row steadily rising or falling.
    Trend(usize),
    /// So many in a row alternating up and down.
    Alternating(usize),
    /// So many in a row within 1σ.
    Within(usize),
    /// So many in a row beyond 1σ on either side.
    Outside(usize),
}

/// One rule of a set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rule {
    /// Id within its set, e.g. `nelson-5`.
    pub id: &'static str,
    /// What it looks for.
    pub pattern: Pattern,
    /// In Chinese and English.
    pub words: [&'static str; 2],
}

const fn rule(id: &'static str, pattern: Pattern, zh: &'static str, en: &'static str) -> Rule {
    Rule { id, pattern, words: [zh, en] }
}

const fn beyond(need: usize, of: usize, sigma: u8) -> Pattern {
    Pattern::Beyond { need, of, sigma }
}

static WESTERN_ELECTRIC: [Rule; 4] = [
    rule("western-electric-1", beyond(1, 1, 3), "1 点超出 3σ", "one point beyond 3σ"),
    rule(
        "western-electric-2",
        beyond(2, 3, 2),
        "连续 3 点中有 2 点在同侧 2σ 以外",
        "two of three beyond 2σ, same side",
    ),
    rule(
        "western-electric-3",
        beyond(4, 5, 1),
        "连续 5 点中有 4 点在同侧 1σ 以外",
        "four of five beyond 1σ, same side",
    ),
    rule("western-electric-4", Pattern::OneSide(8), "连续 8 点在中心线同侧", "eight in a row on one side"),
];

static NELSON: [Rule; 8] = [
    rule("nelson-1", beyond(1, 1, 3), "1 点超出 3σ", "one point beyond 3σ"),
    rule("nelson-2", Pattern::OneSide(9), "连续 9 点在中心线同侧", "nine in a row on one side"),
    rule("nelson-3", Pattern::Trend(6), "连续 6 点递增或递减", "six in a row rising or falling"),
    rule("nelson-4", Pattern::Alternating(14), "连续 14 点上下交替", "fourteen in a row alternating"),
    rule("nelson-5", beyond(2, 3, 2), "连续 3 点中有 2 点在同侧 2σ 以外", "two of three beyond 2σ, same side"),
    rule("nelson-6", beyond(4, 5, 1), "连续 5 点中有 4 点在同侧 1σ 以外", "four of five beyond 1σ, same side"),
    rule("nelson-7", Pattern::Within(15), "连续 15 点在中心线两侧 1σ 以内", "fifteen in a row within 1σ"),
    rule("nelson-8", Pattern::Outside(8), "连续 8 点在中心线两侧 1σ 以外", "eight in a row beyond 1σ, either side"),
];

impl RuleSet {
    /// Every set.
    pub const ALL: [Self; 2] = [Self::WesternElectric, Self::Nelson];

    /// `name@version`.
    pub const fn id(self) -> &'static str {
        match self {
            Self::WesternElectric => "western-electric@1",
            Self::Nelson => "nelson@1",
        }
    }

    /// The set with this id.
    pub fn from_id(id: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|set| set.id() == id)
    }

    /// Its rules in order.
    pub fn rules(self) -> &'static [Rule] {
        match self {
            Self::WesternElectric => &WESTERN_ELECTRIC,
            Self::Nelson => &NELSON,
        }
    }
}

/// The rule with this id, whatever set it is of.
pub fn rule_of(id: &str) -> Option<&'static Rule> {
    RuleSet::ALL.into_iter().flat_map(RuleSet::rules).find(|rule| rule.id == id)
}

/// A rule that was broken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// The rule's id.
    pub rule: &'static str,
    /// First and last point, as indexes of the list judged.
    pub points: RangeInclusive<usize>,
    /// The side, where the rule has one.
    pub side: Option<Side>,
}

/// Where a point lies: its side, and how many whole thirds of the way to the limit it is beyond.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Zone {
    side: Option<Side>,
    beyond: u8,
}

/// Thresholds at one, two and three thirds of the way, up and down.
struct Zones {
    centre: Rational,
    above: [Rational; 3],
    below: [Rational; 3],
}

impl Zones {
    fn of(lines: &Lines) -> Option<Self> {
        let third = |limit: Rational, k: i128| {
            let way = limit.minus(lines.centre)?.times(Rational::new(k, 3)?)?;
            lines.centre.plus(way)
        };
        let thirds = |limit: Rational| Some([third(limit, 1)?, third(limit, 2)?, limit]);
        Some(Self { centre: lines.centre, above: thirds(lines.upper)?, below: thirds(lines.lower)? })
    }

    fn place(&self, value: Rational) -> Zone {
        let count = |is_beyond: &dyn Fn(&Rational) -> bool, all: &[Rational; 3]| {
            all.iter().filter(|t| is_beyond(t)).count() as u8
        };
        match value.cmp(&self.centre) {
            std::cmp::Ordering::Greater => {
                Zone { side: Some(Side::Above), beyond: count(&|t| value > *t, &self.above) }
            }
            std::cmp::Ordering::Less => Zone { side: Some(Side::Below), beyond: count(&|t| value < *t, &self.below) },
            std::cmp::Ordering::Equal => Zone { side: None, beyond: 0 },
        }
    }
}

/// Every violation of the location chart, by last point and then by rule. `None` when limits leave exact arithmetic.
pub fn violations(set: RuleSet, points: &[Point], limits: &ControlLimits) -> Option<Vec<Violation>> {
    let zones = Zones::of(&limits.location)?;
    let places: Vec<Zone> = points.iter().map(|p| zones.place(p.centre)).collect();
    let mut out: Vec<Violation> = Vec::new();
    for rule in set.rules() {
        // Where the points that follow each other begin.
        let mut begin = 0;
        for (i, point) in points.iter().enumerate() {
            if !point.follows {
                begin = i;
            }
            let Some((first, side)) = matched(rule.pattern, points, &places, begin, i) else { continue };
            match out.last_mut() {
                Some(last) if last.rule == rule.id && last.side == side && first <= *last.points.end() => {
                    last.points = *last.points.start()..=i;
                }
                _ => out.push(Violation { rule: rule.id, points: first..=i, side }),
            }
        }
    }
    out.sort_by_key(|v| *v.points.end());
    Some(out)
}

/// The first point and the side of a pattern that ends at `last`, looking no further back than `begin`.
fn matched(
    pattern: Pattern,
    points: &[Point],
    places: &[Zone],
    begin: usize,
    last: usize,
) -> Option<(usize, Option<Side>)> {
    let here = places.get(last)?;
    // The first of `length` points that end here, if so many follow each other.
    let row = |length: usize| (last + 1).checked_sub(length).filter(|first| *first >= begin);
    let zones = |first: usize| places.get(first..=last).unwrap_or_default();
    match pattern {
        Pattern::Beyond { need, of, sigma } => {
            let lies = |z: &Zone| z.side == here.side && z.beyond >= sigma;
            let first = (last + 1).saturating_sub(of).max(begin);
            let found = zones(first).iter().filter(|z| lies(z)).count();
            // The pattern begins with the earliest point that counts.
            let skipped = zones(first).iter().position(lies)?;
            (lies(here) && found >= need).then_some((first + skipped, here.side))
        }
        Pattern::OneSide(length) => {
            let first = row(length)?;
            (here.side.is_some() && zones(first).iter().all(|z| z.side == here.side)).then_some((first, here.side))
        }
        Pattern::Trend(length) => {
            let first = row(length)?;
            let steps = steps(points, first, last);
            let way = steps.last()?;
            way.is_ne().then_some(())?;
            let side = if way.is_gt() { Side::Above } else { Side::Below };
            steps.iter().all(|s| s == way).then_some((first, Some(side)))
        }
        Pattern::Alternating(length) => {
            let first = row(length)?;
            let steps = steps(points, first, last);
            let turns = steps.iter().zip(steps.iter().skip(1)).all(|(a, b)| *a == b.reverse());
            (turns && steps.iter().all(|s| s.is_ne())).then_some((first, None))
        }
        Pattern::Within(length) => {
            let first = row(length)?;
            zones(first).iter().all(|z| z.beyond == 0).then_some((first, None))
        }
        Pattern::Outside(length) => {
            let first = row(length)?;
            zones(first).iter().all(|z| z.beyond >= 1).then_some((first, None))
        }
    }
}

/// How each point compares with the one before: `Greater` when it rose.
fn steps(points: &[Point], first: usize, last: usize) -> Vec<std::cmp::Ordering> {
    let all = points.get(first..=last).unwrap_or_default();
    all.iter().zip(all.iter().skip(1)).map(|(a, b)| b.centre.cmp(&a.centre)).collect()
}

/// Points whose range is beyond the limits of the range chart, as indexes.
pub fn ranges_beyond(points: &[Point], limits: &ControlLimits) -> Vec<(usize, Side)> {
    let side = |range: Rational| match range {
        r if r > limits.range.upper => Some(Side::Above),
        r if r < limits.range.lower => Some(Side::Below),
        _ => None,
    };
    points.iter().enumerate().filter_map(|(i, p)| Some((i, side(p.range?)?))).collect()
}
