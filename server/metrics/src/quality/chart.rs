//! One characteristic over one window: points, control limits, violations, values out of specification, capability, evidence.
//!
//! Constraints
//! 1. A window is cut where another `specification` of the characteristic takes effect; each piece is judged by its own.
//! 2. Control limits come from the base period of the specification, measured in the same way; its incomplete intervals and evidence
//!    stand beside the limits.
//! 3. A run of points may begin up to a day before the window; it is listed when it ends inside. So windows cut anywhere list
//!    together what the whole lists, as long as a run fits in a day.
//! 4. The list of values out of specification holds every measurement of the window, whether it is in a subgroup or not.

use crate::evidence::Evidence;
use crate::grade::{Flag, Grade};
use crate::history::History;
use crate::interval::Interval;
use crate::quality::Reason;
use crate::quality::capability::{Capability, Indexed, of_points, of_run};
use crate::quality::constants::{Constants, Table};
use crate::quality::control::{ControlLimits, limits};
use crate::quality::measured::{Measurement, measure};
use crate::quality::points::{self, Incomplete, Point, Points};
use crate::quality::rules::{Violation, ranges_beyond, violations};
use crate::quality::specification::{Sampling, Side, Specification};
use crate::statements::Stated;

/// Control limits with the base they come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Base {
    /// The base period, if one is declared.
    pub period: Option<Interval>,
    /// The limits.
    pub limits: Result<ControlLimits, Reason>,
    /// Intervals of the base period that made no point.
    pub incomplete: usize,
    /// What the base rests on.
    pub evidence: Evidence,
}

/// A rule broken inside the window, with its points.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broken {
    /// The rule's id; `range` for a point beyond the limits of the range chart.
    pub rule: &'static str,
    /// The side, where the rule has one.
    pub side: Option<Side>,
    /// The points, first to last: subgroups or values with their instants.
    pub points: Vec<Point>,
}

/// A chart of one characteristic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chart {
    /// The specification in force, with its place in the log.
    pub specification: Stated<Specification>,
    /// The stretch it covers.
    pub window: Interval,
    /// Id of the constants used.
    pub constants: String,
    /// Control limits and their base.
    pub base: Base,
    /// Measurements of the window.
    pub measurements: Vec<Measurement>,
    /// Points of the window; their `values` index [`Chart::measurements`] only where a subgroup ends before the window does.
    pub points: Vec<Point>,
    /// Intervals of the window that made no point.
    pub incomplete: Vec<Incomplete>,
    /// Rules broken, by last point; without limits none can be.
    pub broken: Vec<Broken>,
    /// Every value of the window beyond a specification limit.
    pub out_of_specification: Vec<(Measurement, Side)>,
    /// Capability of the window's points.
    pub capability: Capability,
    /// What the window rests on.
    pub evidence: Evidence,
}

impl Chart {
    /// Whether the process was in statistical control; `None` when limits do not exist or nothing was observed.
    pub fn is_in_control(&self) -> Option<bool> {
        (self.base.limits.is_ok() && !self.points.is_empty()).then_some(self.broken.is_empty())
    }

    /// The grade of what depends on the window alone: capability, values out of specification.
    pub fn grade(&self) -> Grade {
        self.evidence.grade()
    }

    /// The grade of what depends on the control limits too: the worse of window and base.
    pub fn control_grade(&self) -> Grade {
        self.evidence.grade().max(self.base.evidence.grade())
    }
}

/// The charts of a characteristic over a window, one for each specification in force.
pub fn charts(history: &History, table: &Table, machine: &str, characteristic: &str, window: Interval) -> Vec<Chart> {
    let pieces = pieces(history, machine, characteristic, window).into_iter();
    pieces.filter_map(|(piece, stated)| chart(history, table, stated, piece)).collect()
}

/// Cm and Cmk of a short run of one machine, under the specification in force at its beginning.
///
/// # Errors
/// No index; the outer `None` is no specification.
pub fn machine_capability(
    history: &History,
    machine: &str,
    characteristic: &str,
    run: Interval,
) -> Option<(Indexed, Indexed)> {
    let stated = history.statements().specification_at(machine, characteristic, run.from_ms)?;
    let measured = measure(history, &stated.body, run);
    let inside = measured.all.iter().filter(|m| run.contains(m.at_ms)).map(|m| m.value);
    Some(of_run(inside, &stated.body.limits()))
}

/// The window cut where specifications take effect.
fn pieces<'h>(
    history: &'h History,
    machine: &str,
    characteristic: &str,
    window: Interval,
) -> Vec<(Interval, &'h Stated<Specification>)> {
    let statements = history.statements();
    let changes = statements.specification_definitions(machine, characteristic).iter().map(|d| d.effective_from);
    let inside = changes.filter(|at| window.from_ms < *at && *at < window.to_ms);
    let mut cuts: Vec<i64> = std::iter::once(window.from_ms).chain(inside).collect();
    cuts.dedup();
    let ends = cuts.iter().copied().skip(1).chain(std::iter::once(window.to_ms));
    let pieces = cuts.iter().zip(ends).map(|(from, to)| Interval::new(*from, to));
    let in_force = |piece: Interval| {
        Some((piece, statements.specification_at(machine, characteristic, piece.from_ms)?))
            .filter(|_| !piece.is_empty())
    };
    pieces.filter_map(in_force).collect()
}

fn constants(table: &Table, sampling: Sampling) -> Option<&Constants> {
    match sampling {
        Sampling::Individuals => Some(table.individuals()),
        Sampling::Subgroups { size, .. } => table.subgroups_of(size),
    }
}

fn chart(history: &History, table: &Table, stated: &Stated<Specification>, window: Interval) -> Option<Chart> {
    let specification = &stated.body;
    let constants = constants(table, specification.sampling)?;
    let measured = measure(history, specification, window);
    let made = points::of(&measured.all, specification.sampling).unwrap_or_default();
    let base = base(history, specification, constants);
    let limits = specification.limits();
    let mut evidence = measured.evidence;
    if stated.is_late_for(window.from_ms) && !history.is_simulated() {
        evidence.flags.insert(Flag::LateDeclaration);
    }
    let inside = |ms: i64| window.contains(ms);
    let broken = base.limits.as_ref().map_or_else(|_| Vec::new(), |l| broken(specification, &made, l, window));
    let points: Vec<Point> = made.points.into_iter().filter(|p| inside(p.from_ms)).collect();
    let of_points_values = points.iter().flat_map(|p| measured.all.get(p.values.clone()).unwrap_or_default());
    let capability = of_points(&points, of_points_values.map(|m| m.value), &limits, constants);
    let first = measured.all.partition_point(|m| m.at_ms < window.from_ms);
    let measurements: Vec<Measurement> = measured.all.iter().filter(|m| inside(m.at_ms)).copied().collect();
    let beyond = |m: &Measurement| Some((*m, limits.beyond(m.value)?));
    // A subgroup may begin in the window and end after it: its index then runs past the list.
    let shifted = |mut p: Point| {
        p.values = p.values.start.saturating_sub(first)..p.values.end.saturating_sub(first);
        p
    };
    Some(Chart {
        specification: stated.clone(),
        window,
        constants: table.id.clone(),
        base,
        out_of_specification: measurements.iter().filter_map(beyond).collect(),
        measurements,
        points: points.into_iter().map(shifted).collect(),
        incomplete: made.incomplete.into_iter().filter(|i| inside(i.from_ms)).collect(),
        broken,
        capability,
        evidence,
    })
}

/// Control limits from the declared base period.
fn base(history: &History, specification: &Specification, constants: &Constants) -> Base {
    let Some(period) = specification.base.map(|b| b.interval()) else {
        return Base { period: None, limits: Err(Reason::NoBase), incomplete: 0, evidence: Evidence::default() };
    };
    let measured = measure(history, specification, period);
    let Some(mut made) = points::of(&measured.all, specification.sampling) else {
        let limits = Err(Reason::OutOfRange);
        return Base { period: Some(period), limits, incomplete: 0, evidence: measured.evidence };
    };
    made.points.retain(|p| period.contains(p.from_ms));
    let incomplete = made.incomplete.iter().filter(|i| period.contains(i.from_ms)).count();
    Base { period: Some(period), limits: limits(&made.points, constants), incomplete, evidence: measured.evidence }
}

/// What broke a rule and ended inside the window.
fn broken(specification: &Specification, made: &Points, limits: &ControlLimits, window: Interval) -> Vec<Broken> {
    let ends_inside = |last: usize| made.points.get(last).is_some_and(|p| window.contains(p.from_ms));
    let of = |points: &[Point], rule, side| Broken { rule, side, points: points.to_vec() };
    let found = specification.rule_set().and_then(|set| violations(set, &made.points, limits)).unwrap_or_default();
    let runs = found.into_iter().filter_map(|v: Violation| {
        ends_inside(*v.points.end()).then_some(())?;
        Some((*v.points.end(), of(made.points.get(v.points)?, v.rule, v.side)))
    });
    let ranges = ranges_beyond(&made.points, limits).into_iter().filter_map(|(i, side)| {
        ends_inside(i).then_some(())?;
        Some((i, of(made.points.get(i..=i)?, "range", Some(side))))
    });
    let mut all: Vec<(usize, Broken)> = runs.chain(ranges).collect();
    all.sort_by_key(|(last, _)| *last);
    all.into_iter().map(|(_, broken)| broken).collect()
}
