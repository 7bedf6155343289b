//! What stands on the sheets.

mod beside;
mod heads;
mod practice;
mod steps;
mod verdict;

use std::collections::{BTreeMap, BTreeSet};

use super::{Look, Table, Value};
use crate::chapters::{Context, five_steps, statement_is_entered};
use crate::fields::Fields;
use crate::figures;
use crate::read::{Line, Section};

/// All sheets in their order, with their names.
pub(super) fn all<'c>(c: &Context<'c>, codes: &[String]) -> Vec<(&'c str, Table)> {
    let w = c.words;
    let beside = c.report.chosen().map(|_| (w.s("机器之间", "Machines beside machines"), beside::set(c)));
    let mut sheets = vec![
        (w.s("结论", "Verdict"), verdict::set(c)),
        (w.s("方案与锁定", "Plan and locks"), verdict::locks(c)),
        (w.s("设备", "Machines"), machines(c)),
        (w.s("逐班", "Shifts"), shifts(c)),
        (w.s("未计入合计", "Left out"), left_out(c)),
        (w.s("能源", "Energy"), energy(c)),
        (w.s("缺失", "Gaps"), gaps(c)),
        (w.s("填报", "Statements"), statements(c)),
        (w.s("计算口径", "Definitions"), definitions(c)),
        (w.s("核验", "Verify"), verify(c, codes)),
    ];
    if let Some(of) = &c.report.practice {
        let mut more = Vec::new();
        if !of.filings.is_empty() {
            more.push((w.s("备案方案", "Filed plan"), practice::rows(c)));
            more.push((w.s("变更申请", "Plan changes"), practice::changes(c)));
        }
        more.extend((!of.onsite.is_empty()).then(|| (w.s("现场核查", "On-site checks"), steps::checks(c))));
        more.extend((!of.deviations.is_empty()).then(|| (w.s("目标偏离", "Deviations"), steps::deviations(c))));
        let after_locks = 2;
        sheets.splice(after_locks..after_locks, more);
    }
    // What there is instead of before and after comes first.
    if let Some(sheet) = beside {
        sheets.insert(0, sheet);
    }
    sheets
}

fn head(c: &Context<'_>, columns: &[heads::Head]) -> Vec<(String, f64)> {
    columns.iter().map(|(zh, en, width)| (c.words.s(zh, en).to_owned(), *width)).collect()
}

fn look(unit: &str) -> Look {
    if figures::is_share(unit) { Look::Percent } else { Look::Decimal }
}

fn flags(c: &Context<'_>, codes: &[String]) -> String {
    codes.iter().map(|code| c.words.flag(code)).collect::<Vec<String>>().join(c.words.s("；", "; "))
}

/// Columns of a line: fraction, value, bounds, coverage, grade.
fn line_cells(c: &Context<'_>, line: &Line) -> Vec<Value> {
    let look = look(&line.unit);
    let [observed, of] = line.coverage;
    let share = if of > 0 { Value::Number(observed as f64 / of as f64, Look::Percent) } else { Value::Empty };
    vec![
        Value::digits(line.numerator.as_deref()),
        Value::digits(line.denominator.as_deref()),
        Value::decimal(line.value.as_deref(), look),
        Value::decimal(line.lower.as_deref(), look),
        Value::decimal(line.upper.as_deref(), look),
        Value::whole(observed),
        Value::whole(of),
        share,
        line.grade.clone().into(),
        line.undefined.as_deref().map(|u| c.words.undefined(u)).into(),
    ]
}

fn machines(c: &Context<'_>) -> Table {
    let head = head(
        c,
        &[
            heads::MACHINE,
            heads::MACHINE_ID,
            ("类别", "Role", 10.0),
            heads::PERIOD,
            heads::INDICATOR,
            heads::DEFINITION,
            heads::UNIT,
            ("分子", "Numerator", 20.0),
            ("分母", "Denominator", 20.0),
            ("数值", "Value", 14.0),
            ("下限", "Lower bound", 14.0),
            ("上限", "Upper bound", 14.0),
            ("已观测 ms", "Observed ms", 14.0),
            ("应观测 ms", "Of ms", 14.0),
            ("覆盖率", "Coverage", 9.0),
            ("等级", "Grade", 7.0),
            ("无定义原因", "Why undefined", 22.0),
            ("计入班次", "Shifts", 9.0),
            ("期间状况", "Standing", 22.0),
            ("标记", "Flags", 40.0),
        ],
    );
    let w = c.words;
    let mut rows = Vec::new();
    for section in &c.report.periods {
        let role = c.report.machines.iter().find(|m| m.machine == section.machine).map(|m| w.word("kind", &m.role));
        for line in &section.lines {
            let unit = if figures::is_share(&line.unit) { "%".to_owned() } else { w.unit(&line.unit) };
            let mut row: Vec<Value> = vec![
                w.machine(c.report, &section.machine).into(),
                section.machine.as_str().into(),
                role.clone().into(),
                c.period(&section.period).into(),
                w.definition(c.report, &line.definition).into(),
                line.definition.as_str().into(),
                unit.into(),
            ];
            row.extend(line_cells(c, line));
            row.push(Value::whole(section.shifts.into()));
            row.push(section.standing.as_deref().map(|s| w.standing(s)).into());
            row.push(flags(c, &section.flags).into());
            rows.push(row);
        }
    }
    Table { head, rows }
}

fn shifts(c: &Context<'_>) -> Table {
    let w = c.words;
    let mut columns = head(c, &[heads::MACHINE, heads::MACHINE_ID, heads::PERIOD, heads::DATE, heads::SHIFT]);
    let buckets: BTreeSet<&String> = c.report.shifts.iter().flat_map(|s| s.buckets_ms.keys()).collect();
    let states: BTreeSet<&String> = c.report.shifts.iter().flat_map(|s| s.states_ms.keys()).collect();
    columns.extend(buckets.iter().map(|b| (format!("{} ms", w.bucket(b)), 15.0)));
    columns.extend(states.iter().map(|s| (format!("{} ms", w.word("state", s)), 11.0)));
    let used: BTreeSet<&str> = c.report.shifts.iter().flat_map(|s| &s.lines).map(|l| l.definition.as_str()).collect();
    let definitions: Vec<&str> =
        c.report.definitions.iter().map(|d| d.id.as_str()).filter(|id| used.contains(id)).collect();
    for id in &definitions {
        let name = w.definition(c.report, id);
        let part = |zh: &str, en: &str| (format!("{name} {}", w.s(zh, en)), 13.0);
        columns.extend([
            part("分子", "numerator"),
            part("分母", "denominator"),
            part("数值", "value"),
            part("等级", "grade"),
        ]);
    }
    columns.push((w.s("标记", "Flags").to_owned(), 40.0));
    let rows = c.report.shifts.iter().map(|s| shift(c, s, (&buckets, &states), &definitions)).collect();
    Table { head: columns, rows }
}

fn shift(
    c: &Context<'_>,
    s: &Section,
    (buckets, states): (&BTreeSet<&String>, &BTreeSet<&String>),
    definitions: &[&str],
) -> Vec<Value> {
    let w = c.words;
    let mut row: Vec<Value> = vec![
        w.machine(c.report, &s.machine).into(),
        s.machine.as_str().into(),
        c.period(&s.period).into(),
        s.date.clone().into(),
        s.shift.clone().into(),
    ];
    let ms = |of: &BTreeMap<String, i64>, key: &String| of.get(key).map_or(Value::Empty, |ms| Value::whole(*ms));
    row.extend(buckets.iter().map(|b| ms(&s.buckets_ms, b)));
    row.extend(states.iter().map(|b| ms(&s.states_ms, b)));
    for id in definitions {
        match s.line(id) {
            Some(line) => row.extend([
                Value::digits(line.numerator.as_deref()),
                Value::digits(line.denominator.as_deref()),
                Value::decimal(line.value.as_deref(), look(&line.unit)),
                line.grade.clone().into(),
            ]),
            None => row.extend([Value::Empty, Value::Empty, Value::Empty, Value::Empty]),
        }
    }
    row.push(flags(c, &s.flags).into());
    row
}

/// Shifts that are in no sum but that of their energy; on paper there is no room for all of them.
fn left_out(c: &Context<'_>) -> Table {
    let head = head(c, &[heads::MACHINE, heads::MACHINE_ID, heads::PERIOD, heads::DATE, heads::SHIFT]);
    let row = |out: crate::read::LeftOut<'_>| {
        vec![
            c.words.machine(c.report, out.machine).into(),
            out.machine.into(),
            c.period(out.period).into(),
            out.date.into(),
            out.shift.into(),
        ]
    };
    Table { head, rows: c.report.left_out().into_iter().map(row).collect() }
}

/// Energy by machine and production date, from the shifts; a date with a shift whose energy is undefined has none.
fn energy(c: &Context<'_>) -> Table {
    let head = head(
        c,
        &[
            heads::MACHINE,
            heads::MACHINE_ID,
            heads::PERIOD,
            heads::DATE,
            ("用电量 分子（10⁻⁶ kWh）", "Energy numerator (10⁻⁶ kWh)", 22.0),
            ("用电量 kWh", "Energy kWh", 14.0),
            ("说明", "Note", 30.0),
        ],
    );
    let w = c.words;
    let mut days: BTreeMap<(&str, &str, &str), Result<i128, String>> = BTreeMap::new();
    for s in &c.report.shifts {
        let (Some(date), Some(line)) = (s.date.as_deref(), s.line("energy.active@1")) else { continue };
        let sum = days.entry((&s.machine, &s.period, date)).or_insert(Ok(0));
        let amount = line.numerator.as_deref().and_then(|n| n.parse::<i128>().ok());
        match (amount, sum.as_mut()) {
            (Some(n), Ok(all)) => *all += n,
            (None, Ok(_)) => *sum = Err(line.undefined.as_deref().map(|u| w.undefined(u)).unwrap_or_default()),
            (_, Err(_)) => {}
        }
    }
    let rows = days
        .into_iter()
        .map(|((machine, period, date), sum)| {
            let digits = sum.as_ref().ok().map(ToString::to_string);
            let kwh = look::format::quotient(sum.clone().unwrap_or(0), 1_000_000, 6).filter(|_| sum.is_ok());
            let kwh = kwh.map(|text| text.replace(look::format::THIN, "").replace('−', "-"));
            vec![
                w.machine(c.report, machine).into(),
                machine.into(),
                c.period(period).into(),
                date.into(),
                Value::digits(digits.as_deref()),
                Value::decimal(kwh.as_deref(), Look::Decimal),
                sum.err().into(),
            ]
        })
        .collect();
    Table { head, rows }
}

fn gaps(c: &Context<'_>) -> Table {
    let head = head(
        c,
        &[
            ("网关", "Gateway", 16.0),
            ("测点", "Tag", 24.0),
            ("起（站点时间）", "From (local)", 20.0),
            ("止（站点时间）", "To (local)", 20.0),
            ("时长 s", "Length s", 12.0),
            ("原因", "Cause", 18.0),
            ("原因代码", "Cause code", 18.0),
            heads::LEAF,
        ],
    );
    let face = c.face();
    let rows = c
        .report
        .gaps
        .iter()
        .map(|g| {
            vec![
                g.gateway.as_str().into(),
                g.tag.clone().unwrap_or_else(|| c.words.s("全部测点", "every tag").to_owned()).into(),
                face.full(g.from_ms).into(),
                face.full(g.to_ms).into(),
                Value::Number((g.to_ms - g.from_ms) as f64 / 1000.0, Look::Whole),
                c.words.word("cause", &g.cause).into(),
                g.cause.as_str().into(),
                Value::whole(i64::try_from(g.leaf).unwrap_or(i64::MAX)),
            ]
        })
        .collect();
    Table { head, rows }
}

fn statements(c: &Context<'_>) -> Table {
    let head = head(
        c,
        &[
            heads::LEAF,
            ("填报时间", "Logged", 20.0),
            ("生效时间", "Takes effect", 20.0),
            ("内容", "What", 16.0),
            ("类别代码", "Kind", 18.0),
            ("参数 / 填报", "Parameter / entry", 12.0),
            heads::AUTHOR,
            heads::ROLE,
            ("取值", "Values", 60.0),
            heads::REASON,
            ("无效原因", "Why invalid", 30.0),
        ],
    );
    let w = c.words;
    let face = c.face();
    let rows = c
        .report
        .statements
        .iter()
        .map(|s| {
            let class = if statement_is_entered(&s.kind) { w.s("填报", "entry") } else { w.s("参数", "parameter") };
            vec![
                Value::whole(i64::try_from(s.leaf).unwrap_or(i64::MAX)),
                face.full(s.received_ms).into(),
                face.full(s.effective_from).into(),
                w.kind(&s.kind).into(),
                s.kind.as_str().into(),
                class.into(),
                s.author.as_str().into(),
                w.role(&s.role).into(),
                c.declared.get(&s.leaf).map(|b| Fields::whole(c).body(b)).into(),
                w.reason(&s.reason).into(),
                s.invalid.as_deref().map(|why| w.invalid(why).to_owned()).into(),
            ]
        })
        .collect();
    Table { head, rows }
}

fn definitions(c: &Context<'_>) -> Table {
    let head = head(
        c,
        &[
            ("名称", "Name", 34.0),
            ("口径编号", "Definition", 26.0),
            heads::UNIT,
            ("公式", "Formula", 34.0),
            ("出处", "Source", 30.0),
        ],
    );
    let w = c.words;
    let mut rows: Vec<Vec<Value>> = c
        .report
        .definitions
        .iter()
        .map(|d| {
            let unit = if d.unit == "1" { w.s("比率", "ratio").to_owned() } else { w.unit(&d.unit) };
            vec![
                w.name(&d.names, &d.id).into(),
                d.id.as_str().into(),
                unit.into(),
                d.formula.as_str().into(),
                d.source.as_str().into(),
            ]
        })
        .collect();
    if let Some(m) = &c.report.method {
        let said = format!("{} · seed {} · replicates {} · block {} d", m.interval, m.seed, m.replicates, m.block_days);
        rows.push(vec![
            w.s("变化的 95 % 区间", "95 % interval of a change").into(),
            m.interval.as_str().into(),
            Value::Empty,
            said.into(),
        ]);
    }
    rows.push(vec![w.s("取整", "Rounding").into(), Value::Empty, Value::Empty, w.rounding(&c.report.rounding).into()]);
    Table { head, rows }
}

fn verify(c: &Context<'_>, codes: &[String]) -> Table {
    let w = c.words;
    let head = head(c, &[("项目", "Item", 30.0), ("内容", "Content", 110.0)]);
    let mut rows: Vec<Vec<Value>> = vec![
        vec![w.s("站点日志", "Site log").into(), c.origin.into()],
        vec![w.s("检查点记录数", "Leaves under the checkpoint").into(), c.size.to_string().into()],
        vec![w.s("根摘要", "Root").into(), c.root.as_str().into()],
        vec![w.s("report.json 的 SHA-256", "SHA-256 of report.json").into(), c.digest.as_str().into()],
    ];
    for (i, step) in five_steps(c).into_iter().enumerate() {
        let name = match w.lang {
            look::text::Lang::Zh => format!("第 {} 步", i + 1),
            look::text::Lang::En => format!("Step {}", i + 1),
        };
        rows.push(vec![name.into(), step.into()]);
    }
    for (i, code) in codes.iter().enumerate() {
        let name = match w.lang {
            look::text::Lang::Zh => format!("PDF 第 {} 页校验码", i + 1),
            look::text::Lang::En => format!("Check code of PDF page {}", i + 1),
        };
        rows.push(vec![name.into(), code.as_str().into()]);
    }
    rows.push(vec![w.s("声明", "Notice").into(), c.notice().into()]);
    Table { head, rows }
}
