//! The first two sheets: what changed against what was promised, and what of it is locked.

use metrics::report::ALL_MACHINES;

use super::{head, heads, look};
use crate::chapters::Context;
use crate::figures;
use crate::read::Comparison;
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
            heads::PARAMETERS,
            heads::TARGET,
            heads::BEFORE_NUMERATOR,
            heads::BEFORE_DENOMINATOR,
            heads::BEFORE_VALUE,
            ("基期 天数", "Before days", 9.0),
            ("基期 等级", "Before grade", 9.0),
            ("报告期 分子", "After numerator", 18.0),
            ("报告期 分母", "After denominator", 18.0),
            ("报告期 数值", "After value", 13.0),
            ("报告期 天数", "After days", 9.0),
            ("报告期 等级", "After grade", 9.0),
            ("变化", "Change", 13.0),
            heads::LOWER,
            heads::UPPER,
            ("相对变化", "Relative change", 11.0),
            ("变化说明", "Change in words", 18.0),
            heads::VERDICT,
            heads::NOTES,
        ],
    );
    let mut comparisons: Vec<&Comparison> = c.report.comparisons.iter().collect();
    comparisons.sort_by_key(|k| k.machine != ALL_MACHINES);
    let rows = comparisons.into_iter().flat_map(|k| both(c, k)).collect();
    Table { head, rows }
}

/// A comparison as declared now; before it as locked, where that is another.
fn both(c: &Context<'_>, k: &Comparison) -> Vec<Vec<Value>> {
    let w = c.words;
    let promised = c.report.promised(&k.definition, &k.machine);
    let lock = promised.and_then(|p| p.lock.as_ref());
    let (locked, declared) = (w.s("锁定", "locked"), w.s("现时填报", "declared now"));
    let follows = promised.and_then(|p| p.verdict.as_deref());
    let reasons = promised.map_or(&[][..], |p| &p.reasons);
    match lock {
        Some(l) if l.as_locked.is_some() || l.verdict_declared.is_some() => {
            let other = l.verdict_declared.as_deref().or(follows);
            vec![
                compared(c, l.as_locked.as_ref().unwrap_or(k), (locked, follows), reasons),
                compared(c, k, (declared, other), &[]),
            ]
        }
        Some(_) => vec![compared(c, k, (locked, follows), reasons)],
        None => vec![compared(c, k, (declared, follows), reasons)],
    }
}

fn compared(c: &Context<'_>, k: &Comparison, (basis, code): (&str, Option<&str>), reasons: &[String]) -> Vec<Value> {
    let w = c.words;
    let unit = figures::unit_of(c.report, &k.definition, &k.machine);
    let look = look(&unit);
    let promised = c.report.promised(&k.definition, &k.machine);
    let target = promised.and_then(|p| p.target.as_ref());
    let mut notes: Vec<String> = k.cautions.iter().map(|r| w.caution(r)).collect();
    notes.extend(reasons.iter().map(|r| w.caution(r)));
    let decimal = |text: &Option<String>| Value::decimal(text.as_deref(), look);
    let mut row = vec![
        w.definition(c.report, &k.definition).into(),
        k.definition.as_str().into(),
        w.machine(c.report, &k.machine).into(),
        k.machine.as_str().into(),
        figures::unit_words(w, c.report, k).into(),
        basis.into(),
        target.map_or_else(|| w.s("未设目标", "no target").to_owned(), |t| figures::target(w, t)).into(),
    ];
    for side in [&k.before, &k.after] {
        row.extend([
            Value::digits(Some(&side.numerator)),
            Value::digits(Some(&side.denominator)),
            decimal(&side.value),
            Value::whole(i64::try_from(side.days).unwrap_or(i64::MAX)),
            side.grade.clone().into(),
        ]);
    }
    row.extend([
        decimal(&k.difference),
        decimal(&k.lower),
        decimal(&k.upper),
        Value::decimal(k.relative.as_deref(), Look::Percent),
        w.change(&k.verdict, &k.definition).into(),
        match (target, code) {
            (Some(_), code) => w.verdict(code.unwrap_or("INSUFFICIENT")).into(),
            (None, _) => Value::Empty,
        },
        notes.join(w.s("；", "; ")).into(),
    ]);
    row
}

/// What is locked of the plan's metrics, and what was stated after it.
pub(super) fn locks(c: &Context<'_>) -> Table {
    let w = c.words;
    let head = head(
        c,
        &[
            heads::INDICATOR,
            heads::DEFINITION,
            heads::MACHINE_ID,
            ("锁定 日志条", "Lock leaf", 10.0),
            ("锁定时间", "Locked", 20.0),
            heads::AUTHOR,
            heads::ROLE,
            heads::REASON,
            ("依据日志条数", "Leaves", 10.0),
            heads::BEFORE_NUMERATOR,
            heads::BEFORE_DENOMINATOR,
            heads::BEFORE_VALUE,
            ("参数摘要 SHA-256", "SHA-256 of parameters", 30.0),
            ("锁定后的填报", "Stated after the lock", 50.0),
            ("锁定后到达的记录", "Records after the lock", 12.0),
        ],
    );
    let mut rows = Vec::new();
    for metric in c.report.measurement_plan.iter().flat_map(|p| &p.metrics) {
        let Some(lock) = &metric.lock else { continue };
        let look = look(&figures::unit_of(c.report, &metric.definition, &metric.machine));
        let later: Vec<String> = lock
            .changes
            .iter()
            .map(|l| format!("{}{} · {} · {}", c.leaf(l.leaf), w.kind(&l.kind), l.author, w.reason(&l.reason)))
            .collect();
        rows.push(vec![
            w.definition(c.report, &metric.definition).into(),
            metric.definition.as_str().into(),
            metric.machine.as_str().into(),
            Value::whole(i64::try_from(lock.leaf).unwrap_or(i64::MAX)),
            c.face().full(lock.received_ms).into(),
            lock.author.as_str().into(),
            w.role(&lock.role).into(),
            w.reason(&lock.reason).into(),
            Value::whole(i64::try_from(lock.size).unwrap_or(i64::MAX)),
            Value::digits(lock.numerator.as_deref()),
            Value::digits(lock.denominator.as_deref()),
            Value::decimal(lock.value.as_deref(), look),
            lock.parameters_digest.as_str().into(),
            later.join("\n").into(),
            Value::whole(i64::try_from(lock.later_records.len()).unwrap_or(i64::MAX)),
        ]);
    }
    Table { head, rows }
}
