//! The workbooks of a package: 绩效自评表 with what the report says of targets, and the equipment ledger as declared.
//!
//! Constraints first: numbers are the report's; every cell that is somebody else's says whose it is (企业填报, 评测机构填写) and holds nothing else.

use metrics::report::ALL_MACHINES;

use super::FiledTarget;
use crate::DocumentError;
use crate::chapters::{Context, OTHERS};
use crate::fields::Fields;
use crate::figures;
use crate::read::Comparison;
use crate::xlsx::{Look, Table, Value, book};

fn head(c: &Context<'_>, columns: &[(&str, &str, f64)]) -> Vec<(String, f64)> {
    columns.iter().map(|(zh, en, width)| (c.words.s(zh, en).to_owned(), *width)).collect()
}

fn firm(c: &Context<'_>) -> Value {
    Value::Open(c.words.s("企业填报", "from the firm").to_owned())
}

/// 绩效自评表.
pub(super) fn assessment(c: &Context<'_>, filed: &[FiledTarget]) -> Result<Vec<u8>, DocumentError> {
    let w = c.words;
    let title = w.s("绩效自评表", "Self-assessment of targets");
    let mut rows: Vec<Vec<Value>> = Vec::new();
    let mut compared: Vec<&Comparison> = c.report.comparisons.iter().collect();
    let is_promised = |k: &Comparison| c.report.promised(&k.definition, &k.machine).is_some_and(|p| p.target.is_some());
    compared.sort_by_key(|k| (!is_promised(k), k.machine != ALL_MACHINES));
    for k in compared {
        rows.push(measured(c, k));
    }
    for target in filed {
        let mut row = vec![
            target.name.as_str().into(),
            target.method.as_str().into(),
            w.s("备案方案", "filed plan").into(),
            Value::Empty,
            target.promised.as_str().into(),
            target.base.as_str().into(),
        ];
        row.extend((0..7).map(|_| firm(c)));
        row.push(w.s("企业填报（对应的测量指标见上）", "the firm (its measured figures stand above)").into());
        row.push(firm(c));
        rows.push(row);
    }
    for (zh, en) in OTHERS {
        let is_level = zh == "数字化水平等级";
        let whose = || match is_level {
            true => Value::Open(w.s("评测机构填写", "from the assessing body").to_owned()),
            false => firm(c),
        };
        let mut row =
            vec![w.s(zh, en).into(), Value::Empty, w.s("非设备数据", "not equipment data").into(), Value::Empty];
        row.extend((0..9).map(|_| whose()));
        row.push(if is_level {
            w.s("评测机构", "the assessing body").into()
        } else {
            w.s("企业填报", "the firm").into()
        });
        row.push(whose());
        rows.push(row);
    }
    for (i, row) in (1_i64..).zip(&mut rows) {
        row.insert(0, Value::whole(i));
    }
    let columns = head(
        c,
        &[
            ("序号", "No.", 6.0),
            ("绩效指标", "Indicator", 26.0),
            ("计算口径", "Definition", 26.0),
            ("范围", "Scope", 20.0),
            ("单位", "Unit", 10.0),
            ("绩效目标", "Target", 26.0),
            ("基期", "Before", 14.0),
            ("报告期", "After", 14.0),
            ("变化", "Change", 14.0),
            ("95 % 区间下限", "95 % lower", 14.0),
            ("95 % 区间上限", "95 % upper", 14.0),
            ("与目标对照", "Against target", 14.0),
            ("数据等级（基期 / 报告期）", "Grades", 14.0),
            ("计算参数", "Parameters", 12.0),
            ("填报方", "Filled in by", 22.0),
            ("偏差原因与改进措施", "Reasons and measures", 40.0),
        ],
    );
    let sheets = [
        (w.s("绩效自评表", "Targets"), Table { head: columns, rows }),
        (w.s("自评说明与盖章", "Words and seal"), seal(c)),
        (w.s("来源与核验", "Sources"), source(c)),
    ];
    book(c, title, &sheets)
}

/// A compared indicator: as locked, where it is.
fn measured(c: &Context<'_>, declared: &Comparison) -> Vec<Value> {
    let w = c.words;
    let promised = c.report.promised(&declared.definition, &declared.machine);
    let lock = promised.and_then(|p| p.lock.as_ref());
    let k = lock.and_then(|l| l.as_locked.as_ref()).unwrap_or(declared);
    let unit = figures::unit_of(c.report, &k.definition, &k.machine);
    let look = if figures::is_share(&unit) { Look::Percent } else { Look::Decimal };
    let decimal = |text: &Option<String>| Value::decimal(text.as_deref(), look);
    let target = promised.and_then(|p| p.target.as_ref());
    let against =
        promised.filter(|_| target.is_some()).map(|p| w.verdict(p.verdict.as_deref().unwrap_or("INSUFFICIENT")));
    let grade = |grade: &Option<String>| grade.clone().unwrap_or_else(|| look::format::NONE.to_owned());
    vec![
        w.definition(c.report, &k.definition).into(),
        k.definition.as_str().into(),
        w.machine(c.report, &k.machine).into(),
        figures::unit_words(w, c.report, k).into(),
        target
            .map_or_else(|| w.s("测量方案未设目标", "no target in the plan").to_owned(), |t| figures::target(w, t))
            .into(),
        decimal(&k.before.value),
        decimal(&k.after.value),
        decimal(&k.difference),
        decimal(&k.lower),
        decimal(&k.upper),
        against.unwrap_or_default().into(),
        format!("{} / {}", grade(&k.before.grade), grade(&k.after.grade)).into(),
        (if lock.is_some() { w.s("锁定", "locked") } else { w.s("现时填报", "declared now") }).into(),
        w.s("系统佐证", "from evidence").into(),
        firm(c),
    ]
}

fn seal(c: &Context<'_>) -> Table {
    let w = c.words;
    let asked = [
        ("自评结论与说明", "Self-assessment in words"),
        ("未完成目标的原因", "Reasons for targets that were not reached"),
        ("改进措施与期限", "Measures and dates"),
        ("填表人", "Filled in by"),
        ("单位负责人", "Head of the firm"),
        ("日期", "Date"),
        ("盖章", "Seal"),
    ];
    let rows = asked.map(|(zh, en)| vec![w.s(zh, en).into(), firm(c)]);
    Table { head: head(c, &[("项目", "Item", 30.0), ("内容", "Content", 90.0)]), rows: rows.into() }
}

fn source(c: &Context<'_>) -> Table {
    let w = c.words;
    let rows = vec![
        vec![w.s("报告编号", "Report").into(), c.number().into()],
        vec![w.s("站点日志", "Site log").into(), c.origin.into()],
        vec![w.s("依据记录数", "Leaves it rests on").into(), c.size.to_string().into()],
        vec![w.s("根摘要", "Root").into(), c.root.as_str().into()],
        vec![w.s("report.json 的 SHA-256", "SHA-256 of report.json").into(), c.digest.as_str().into()],
        vec![w.s("声明", "Notice").into(), c.notice().into()],
    ];
    Table { head: head(c, &[("项目", "Item", 30.0), ("内容", "Content", 90.0)]), rows }
}

/// 设备台账: machines as declared, with what only the firm knows left to it.
pub(super) fn ledger(c: &Context<'_>) -> Result<Vec<u8>, DocumentError> {
    let w = c.words;
    let title = w.s("设备台账", "Equipment ledger");
    let mut rows = Vec::new();
    for machine in &c.report.machines {
        let stated = c.report.statements.iter().rev().find(|s| {
            s.kind == "machine"
                && c.declared.get(&s.leaf).is_some_and(|body| body["machine"] == machine.machine.as_str())
        });
        let body = stated.and_then(|s| c.declared.get(&s.leaf));
        rows.push(vec![
            w.name(&machine.names, &machine.machine).into(),
            machine.machine.as_str().into(),
            w.word("kind", &machine.role).into(),
            w.s(if machine.critical { "是" } else { "否" }, if machine.critical { "yes" } else { "no" }).into(),
            body.map(|b| Fields::whole(c).body(b)).into(),
            stated.map_or(Value::Empty, |s| Value::whole(i64::try_from(s.leaf).unwrap_or(i64::MAX))),
            stated.map(|s| c.face().full(s.received_ms)).into(),
            stated.map(|s| s.author.clone()).into(),
            firm(c),
            firm(c),
            firm(c),
            firm(c),
        ]);
    }
    let columns = head(
        c,
        &[
            ("设备", "Machine", 22.0),
            ("编号", "Id", 14.0),
            ("类别", "Role", 12.0),
            ("关键设备", "Key", 9.0),
            ("声明内容", "As declared", 60.0),
            ("声明（日志条）", "Leaf", 10.0),
            ("声明时间", "Logged", 20.0),
            ("填报人", "By", 14.0),
            ("型号规格", "Model", 18.0),
            ("制造商", "Maker", 18.0),
            ("购置日期", "Bought", 14.0),
            ("资产编号", "Asset number", 16.0),
        ],
    );
    book(c, title, &[(title, Table { head: columns, rows }), (w.s("来源与核验", "Sources"), source(c))])
}
