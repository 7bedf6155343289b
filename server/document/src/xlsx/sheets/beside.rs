//! Machines beside machines, for a plan without a base period: both sides, then each comparison machine by itself.

use super::{head, heads, look};
use crate::chapters::Context;
use crate::chapters::beside::{because, said};
use crate::figures;
use crate::read::{Beside, Promised};
use crate::xlsx::{Look, Table, Value};

pub(super) fn set(c: &Context<'_>) -> Table {
    let head = head(
        c,
        &[
            heads::INDICATOR,
            heads::DEFINITION,
            heads::SCOPE,
            heads::MACHINE_ID,
            heads::UNIT,
            ("性质", "What it is", 30.0),
            heads::PARAMETERS,
            heads::TARGET,
            ("对照 分子", "Comparison numerator", 18.0),
            ("对照 分母", "Comparison denominator", 18.0),
            ("对照 数值", "Comparison value", 13.0),
            ("对照 等级", "Comparison grade", 9.0),
            ("改造 分子", "Retrofitted numerator", 18.0),
            ("改造 分母", "Retrofitted denominator", 18.0),
            ("改造 数值", "Retrofitted value", 13.0),
            ("改造 等级", "Retrofitted grade", 9.0),
            ("共同生产日", "Days in common", 9.0),
            ("差值", "Difference", 13.0),
            heads::LOWER,
            heads::UPPER,
            ("相对差值", "Relative difference", 11.0),
            ("差值与目标值", "Difference and target", 30.0),
            heads::VERDICT,
            heads::NOTES,
        ],
    );
    let w = c.words;
    let mut rows = Vec::new();
    for metric in c.report.measurement_plan.iter().flat_map(|p| &p.metrics) {
        let Some(beside) = &metric.beside else { continue };
        let basis = if beside.follows == "locked" { ("锁定", "locked") } else { ("现时填报", "declared now") };
        rows.push(row(c, metric, beside, w.s(basis.0, basis.1)));
        rows.extend(beside.declared.as_deref().map(|now| row(c, metric, now, w.s("现时填报", "declared now"))));
        rows.extend(beside.machines.iter().map(|m| {
            let look = look(&figures::unit_of(c.report, &metric.definition, &metric.machine));
            let mut row = named(c, metric, &m.machine, w.s("对照机器单台", "one comparison machine"));
            row.extend([Value::Empty, Value::Empty]);
            row.extend([
                Value::digits(Some(&m.numerator)),
                Value::digits(Some(&m.denominator)),
                Value::decimal(m.value.as_deref(), look),
            ]);
            row
        }));
    }
    Table { head, rows }
}

fn named(c: &Context<'_>, metric: &Promised, machine: &str, what: &str) -> Vec<Value> {
    let w = c.words;
    let unit = figures::unit_of(c.report, &metric.definition, &metric.machine);
    let unit = if figures::is_share(&unit) { "%".to_owned() } else { w.unit(&unit) };
    vec![
        w.definition(c.report, &metric.definition).into(),
        metric.definition.as_str().into(),
        w.machine(c.report, machine).into(),
        machine.into(),
        unit.into(),
        what.into(),
    ]
}

fn row(c: &Context<'_>, metric: &Promised, beside: &Beside, basis: &str) -> Vec<Value> {
    let w = c.words;
    let look = look(&figures::unit_of(c.report, &metric.definition, &metric.machine));
    let decimal = |text: &Option<String>| Value::decimal(text.as_deref(), look);
    let what = w.s("机器之间比较，非前后对比", "between machines, not before and after");
    let mut row = named(c, metric, &metric.machine, what);
    let target = metric.target.as_ref();
    row.push(basis.into());
    row.push(target.map_or_else(|| w.s("未设目标", "no target").to_owned(), |t| figures::target(w, t)).into());
    for side in [&beside.comparison, &beside.retrofitted] {
        row.extend([
            Value::digits(Some(&side.numerator)),
            Value::digits(Some(&side.denominator)),
            decimal(&side.value),
            side.grade.clone().into(),
        ]);
    }
    row.extend([
        Value::whole(i64::try_from(beside.common_days).unwrap_or(i64::MAX)),
        decimal(&beside.difference),
        decimal(&beside.lower),
        decimal(&beside.upper),
        Value::decimal(beside.relative.as_deref(), Look::Percent),
        said(c, beside).into(),
        match (target, metric.verdict.as_deref()) {
            (Some(_), code) => w.verdict(code.unwrap_or("INSUFFICIENT")).into(),
            (None, _) => Value::Empty,
        },
        because(c, beside).join(w.s("；", "; ")).into(),
    ]);
    row
}
