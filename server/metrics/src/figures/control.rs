//! Figures of key characteristics: control limits, rules broken, values out of specification, capability.

use std::collections::BTreeSet;

use crate::evidence::Evidence;
use crate::exact::Rational;
use crate::facts::Share;
use crate::figures::lists::{BrokenLine, ChartLine, LimitsLine, PointLine, ValueLine, newest};
use crate::figures::{Ask, Found, Gathered, Printer, Shape, Term, ask, number};
use crate::history::History;
use crate::oee::{Ratio, Undefined, Value};
use crate::quality::capability::Spread;
use crate::quality::chart::{Broken, Chart, charts};
use crate::quality::constants::{Table, delivered};
use crate::quality::control::Lines;
use crate::quality::rules::{RuleSet, rule_of};
use crate::quality::specification::{Sampling, Side};

/// Most points listed of a chart.
const POINTS_MAX: usize = 400;

pub(super) fn figures(out: &mut Printer<'_>, history: &History, g: &Gathered, found: &mut Found) {
    let machine = g.definition.machine.as_str();
    // A test reads the table that is delivered.
    let Ok(table) = delivered() else { return };
    for (_, characteristic) in history.statements().characteristics().filter(|(m, _)| *m == machine) {
        let all = charts(history, &table, machine, characteristic, g.span);
        let is_one = all.len() == 1;
        for chart in all {
            // Of several specifications each is named by its leaf.
            let leaf = chart.specification.leaf;
            let part = if is_one { characteristic.to_owned() } else { format!("{characteristic} #{leaf}") };
            of_chart(out, &table, &chart, &part);
            found.statements.insert(leaf);
            found.evidence.add(chart.evidence.clone());
            found.evidence.add(chart.base.evidence.clone());
            found.lists.charts.push(line(&chart, part));
        }
    }
}

fn cover(evidence: &Evidence) -> Share {
    Share { observed_ms: evidence.observed_ms, of_ms: evidence.of_ms }
}

fn of_chart(out: &mut Printer<'_>, table: &Table, chart: &Chart, part: &str) {
    limits(out, table, chart, part);
    let specification = &chart.specification.body;
    let id = match specification.rule_set() {
        Some(RuleSet::Nelson) => "spc.nelson@1",
        _ => "spc.western-electric@1",
    };
    let of_ranges = chart.broken.iter().filter(|b| b.rule == "range").count();
    let terms =
        vec![number("points", chart.points.len()), number("beyond_range", of_ranges), number("missed", missed(chart))];
    let rules = ask(id, cover(&chart.evidence), terms).part(part).graded(chart.control_grade());
    match &chart.base.limits {
        // What was missed may have broken more.
        Ok(_) => out.put(rules, least(chart.broken.len(), missed(chart) == 0)),
        Err(why) => out.put(rules, Shape::None(*why)),
    }
    let mut terms = vec![number("n", chart.measurements.len()), number("missed", missed(chart))];
    for (symbol, limit) in [("LSL", &specification.lsl), ("USL", &specification.usl)] {
        terms.extend(limit.as_ref().map(|value| in_unit(symbol, value.clone(), &specification.unit)));
    }
    let beyond = ask("spc.out-of-specification@1", cover(&chart.evidence), terms).part(part).graded(chart.grade());
    out.put(beyond, least(chart.out_of_specification.len(), missed(chart) == 0));
    let c = &chart.capability;
    let indices = [("spc.cp@1", c.cp), ("spc.cpk@1", c.cpk), ("spc.pp@1", c.pp), ("spc.ppk@1", c.ppk)];
    for (id, index) in indices {
        let mut terms = vec![number("subgroups", c.subgroups)];
        terms.extend(c.within.map(|s| in_unit("sigma", s.digits(6), &specification.unit)));
        terms.extend(c.spread.map(|Spread { values, .. }| number("n", values)));
        terms.extend(c.spread.map(|s| in_unit("mean", s.mean.digits(6), &specification.unit)));
        terms.extend(c.spread.map(|s| number("s2", s.variance.digits(9))));
        let ask = ask(id, cover(&chart.evidence), terms).part(part).graded(chart.grade()).in_unit("");
        out.put(beside(ask, chart), index);
    }
}

/// An index says nothing of a process out of control: how it was stands beside it.
fn beside(ask: Ask, chart: &Chart) -> Ask {
    match chart.is_in_control() {
        None => ask.with("in_control", "—"),
        Some(_) => ask.with("in_control", format!("{} / {}", chart.broken.len(), chart.points.len())),
    }
}

/// A count that cannot be less, nor more where nothing was missed.
fn least(n: usize, is_whole: bool) -> Value {
    let n = n as i128;
    Ok(Ratio { num: n, den: 1, lower: (n, 1), upper: is_whole.then_some((n, 1)) })
}

fn in_unit(symbol: &'static str, value: String, unit: &str) -> Term {
    Term { symbol, value, unit: unit.to_owned().into() }
}

fn missed(chart: &Chart) -> usize {
    chart.measurements.iter().filter(|m| m.missed_until_ms.is_some()).count()
}

fn limits(out: &mut Printer<'_>, table: &Table, chart: &Chart, part: &str) {
    let base = &chart.base;
    let (id, names) = match chart.specification.body.sampling {
        Sampling::Subgroups { .. } => ("spc.xbar-r@1", ["LCL", "x̿", "UCL", "R̄", "UCL R"]),
        Sampling::Individuals => ("spc.individuals@1", ["LCL", "x̄", "UCL", "MR̄", "UCL MR"]),
    };
    let terms = |limits: Option<(usize, Rational)>| {
        let mut terms = vec![number("incomplete", base.incomplete)];
        terms.extend(limits.map(|(points, _)| number("points", points)));
        terms.extend(limits.map(|(_, range)| in_unit("R", range.digits(6), &chart.specification.body.unit)));
        terms
    };
    let ask = |part: String, limits| {
        let ask = ask(id, cover(&base.evidence), terms(limits)).part(part).graded(base.evidence.grade());
        let ask = ask.in_unit(chart.specification.body.unit.clone()).with("constants", table.id.clone());
        ask.with("specification", chart.specification.leaf.to_string())
    };
    match &base.limits {
        Err(why) => out.put(ask(part.to_owned(), None), Shape::None(*why)),
        Ok(l) => {
            let lines = [l.location.lower, l.location.centre, l.location.upper, l.range.centre, l.range.upper];
            for (name, line) in names.into_iter().zip(lines) {
                out.put(ask(format!("{part} {name}"), Some((l.points, l.range.centre))), Ok::<_, Undefined>(line));
            }
        }
    }
}

fn side(side: Side) -> &'static str {
    match side {
        Side::Above => "above",
        Side::Below => "below",
    }
}

fn line(chart: &Chart, part: String) -> ChartLine {
    let s = &chart.specification.body;
    let marked = |of_range: bool| -> BTreeSet<i64> {
        let broken = chart.broken.iter().filter(|b| (b.rule == "range") == of_range);
        broken.flat_map(|b| b.points.iter().map(|p| p.from_ms)).collect()
    };
    let (runs, ranges) = (marked(false), marked(true));
    let points: Vec<PointLine> = chart
        .points
        .iter()
        .map(|p| PointLine {
            at_ms: p.from_ms,
            centre: p.centre.digits(6),
            range: p.range.map(|r| r.digits(6)),
            follows: p.follows,
            is_marked: runs.contains(&p.from_ms),
            is_range_marked: ranges.contains(&p.from_ms),
        })
        .collect();
    let points_left_out = points.len().saturating_sub(POINTS_MAX);
    let digits = |l: &Lines| [l.lower, l.centre, l.upper].map(|v| v.digits(6));
    let (broken, broken_left_out) = newest(chart.broken.iter().filter_map(broken).collect());
    let beyond = chart.out_of_specification.iter().map(|(m, beyond)| ValueLine {
        at_ms: m.at_ms,
        value: m.value.digits(6),
        side: side(*beyond),
        leaf: m.leaf,
    });
    let (out_of_specification, out_of_specification_left_out) = newest(beyond.collect());
    ChartLine {
        characteristic: s.characteristic.clone(),
        part,
        names: (&s.names).into(),
        unit: s.unit.clone(),
        leaf: chart.specification.leaf,
        from_ms: chart.window.from_ms,
        to_ms: chart.window.to_ms,
        subgroup: if let Sampling::Subgroups { size, .. } = s.sampling { Some(size) } else { None },
        lsl: s.lsl.clone(),
        usl: s.usl.clone(),
        target: s.target.clone(),
        rules: s.rules.clone(),
        base: chart.base.period.map(|p| [p.from_ms, p.to_ms]),
        base_incomplete: chart.base.incomplete,
        limits: chart.base.limits.as_ref().ok().map(|l| LimitsLine {
            location: digits(&l.location),
            range: digits(&l.range),
            points: l.points,
        }),
        undefined: chart.base.limits.as_ref().err().map(|why| why.code()),
        in_control: chart.is_in_control(),
        points: points.into_iter().skip(points_left_out).collect(),
        points_left_out,
        broken,
        broken_left_out,
        out_of_specification,
        out_of_specification_left_out,
        measurements: chart.measurements.len(),
        missed: missed(chart),
        incomplete: chart.incomplete.len(),
        other_unit: chart.evidence.other_unit,
        grade: chart.control_grade().letter(),
    }
}

fn broken(b: &Broken) -> Option<BrokenLine> {
    let words = rule_of(b.rule).map_or(["极差超出控制限", "a range beyond its limits"], |rule| rule.words);
    let (first, last) = (b.points.first()?, b.points.last()?);
    Some(BrokenLine {
        rule: b.rule,
        words: words.into(),
        side: b.side.map(side),
        from_ms: first.from_ms,
        to_ms: last.from_ms,
        points: b.points.len(),
    })
}
