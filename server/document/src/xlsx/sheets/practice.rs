//! Filed plans: every row promised or there; applications with their opinions and what counts for nothing.

use metrics::report::{ApplicationLine, Disregarded, FilingResult, PromiseLine};

use super::{head, heads};
use crate::chapters::Context;
use crate::chapters::filing::{elsewhere, item_words, promised, said, void, yuan};
use crate::xlsx::{Table, Value};

fn filings<'c>(c: &Context<'c>) -> impl Iterator<Item = &'c FilingResult> {
    c.report.practice.iter().flat_map(|practice| &practice.filings)
}

fn leaf(leaf: u64) -> Value {
    Value::whole(i64::try_from(leaf).unwrap_or(i64::MAX))
}

/// What is promised, connected and producing data, with targets and investment below.
pub(super) fn rows(c: &Context<'_>) -> Table {
    let w = c.words;
    let head = head(
        c,
        &[
            ("备案方案", "Filed plan", 18.0),
            ("类别", "What it is", 14.0),
            heads::MACHINE,
            ("编号", "Id", 16.0),
            ("测点", "Point", 18.0),
            ("承诺", "Promised", 12.0),
            ("首次数据", "First data", 13.0),
            ("最近数据", "Last data", 13.0),
            ("在产数据", "Producing data", 12.0),
            ("与现行方案的差异", "Difference from the plan in force", 60.0),
        ],
    );
    let mut out = Vec::new();
    for filing in filings(c) {
        let Some(plan) = &filing.plan else { continue };
        let all = plan.machines.iter().chain(&plan.points).chain(&plan.gateways);
        out.extend(all.map(|line| row(c, filing, line)));
        let counted = [
            (w.s("设备合计", "machines in all"), plan.machines_counted),
            (w.s("测点合计", "points in all"), plan.points_counted),
            (w.s("网关合计", "gateways in all"), plan.gateways_counted),
        ];
        for (what, [promised, connected, producing]) in counted {
            let n = |n: usize| Value::whole(i64::try_from(n).unwrap_or(i64::MAX));
            out.push(vec![
                filing.filing.as_str().into(),
                what.into(),
                Value::Empty,
                Value::Empty,
                Value::Empty,
                n(promised),
                n(connected),
                Value::Empty,
                n(producing),
            ]);
        }
        let note = |what: &str, value: String| {
            let mut row: Vec<Value> = vec![filing.filing.as_str().into(), what.into()];
            row.extend((0..7).map(|_| Value::Empty));
            row.push(value.into());
            row
        };
        out.push(note(
            w.s("变更程序", "procedure of changes"),
            said(c, &filing.basis_words(&c.report.request.filings)).to_owned(),
        ));
        out.push(note(w.s("实施期限", "term"), format!("{} — {}", plan.term.from, plan.term.to)));
        out.push(note(w.s("投资（元）", "investment (yuan)"), yuan(&plan.investment.fen)));
        out.push(note(w.s("原备案投资（元）", "investment as filed (yuan)"), yuan(&plan.investment.filed_fen)));
        for target in &plan.targets {
            let name = w.s(&target.names.zh, &target.names.en);
            let value = format!(
                "{name} · {} · {} — {} · {}",
                promised(c, target),
                target.base.from,
                target.base.to,
                target.method
            );
            out.push(note(w.s("备案绩效目标", "target as filed"), value));
        }
    }
    Table { head, rows: out }
}

fn row(c: &Context<'_>, filing: &FilingResult, line: &PromiseLine) -> Vec<Value> {
    let w = c.words;
    let yes = |yes: bool| if yes { w.s("是", "yes") } else { w.s("否", "no") };
    let what = match (&line.machine, &line.point) {
        (Some(_), None) => w.s("设备", "machine"),
        (Some(_), Some(_)) => w.s("测点", "point"),
        (None, _) => w.s("网关", "gateway"),
    };
    vec![
        filing.filing.as_str().into(),
        what.into(),
        line.machine.as_ref().map(|machine| w.machine(c.report, machine)).into(),
        line.machine.clone().or_else(|| line.gateway.clone()).into(),
        line.point.clone().into(),
        yes(line.promised).into(),
        line.connected.map(|day| day.to_string()).into(),
        line.last.map(|day| day.to_string()).into(),
        yes(line.producing).into(),
        line.difference
            .as_ref()
            .map(|difference| said(c, &difference.words(filing)).to_owned())
            .or_else(|| elsewhere(c, line))
            .into(),
    ]
}

/// Applications, their opinions, and what counts for nothing.
pub(super) fn changes(c: &Context<'_>) -> Table {
    let w = c.words;
    let head = head(
        c,
        &[
            ("备案方案", "Filed plan", 18.0),
            ("变更申请", "Application", 16.0),
            ("事项", "What", 16.0),
            ("单位", "Body", 22.0),
            ("内容", "Content", 60.0),
            ("日期", "Date", 13.0),
            heads::ROLE,
            heads::LEAF,
            ("记入日志", "Logged", 20.0),
            heads::REASON,
        ],
    );
    let mut out = Vec::new();
    for filing in filings(c) {
        for application in &filing.applications {
            out.extend(course(c, filing, application));
        }
        out.extend(filing.disregarded.iter().map(|line| nothing(c, filing, "", line)));
        let approved = filing.plan.iter().flat_map(|plan| &plan.changes);
        out.extend(approved.map(|change| {
            vec![
                filing.filing.as_str().into(),
                change.change.as_str().into(),
                w.s("已同意", "approved").into(),
                Value::Empty,
                Value::Empty,
                change.date.to_string().into(),
                Value::Empty,
                leaf(change.leaf),
                change.received.map(|day| day.to_string()).into(),
            ]
        }));
    }
    Table { head, rows: out }
}

fn course(c: &Context<'_>, filing: &FilingResult, of: &ApplicationLine) -> Vec<Vec<Value>> {
    let w = c.words;
    let id = || [Value::from(filing.filing.as_str()), Value::from(of.change.as_str())];
    let items: Vec<String> = of.items.iter().map(|item| item_words(c, item)).collect();
    let mut first: Vec<Value> = id().into();
    first.extend([
        w.s("申请", "application").into(),
        Value::Empty,
        items.join(w.s("；", "; ")).into(),
        of.date.as_str().into(),
        Value::Empty,
        leaf(of.leaf),
        Value::Empty,
        of.reason.as_str().into(),
    ]);
    let mut out = vec![first];
    let counted = of.opinions.iter().map(|opinion| (opinion, ""));
    let before = of
        .superseded
        .iter()
        .map(|opinion| (opinion, w.s("（对前次提交，已失效）", " (on an earlier submission, of no effect any more)")));
    for (opinion, mark) in counted.chain(before) {
        let (by, says) = (opinion.by.words(), opinion.opinion.words());
        let mut row: Vec<Value> = id().into();
        row.extend([
            w.s(by.0, by.1).into(),
            opinion.body.as_str().into(),
            format!("{}{mark}", w.s(says.0, says.1)).into(),
            opinion.date.as_str().into(),
            w.role(&opinion.role).into(),
            leaf(opinion.leaf),
            c.face().full(opinion.received_ms).into(),
            opinion.reason.as_str().into(),
        ]);
        out.push(row);
    }
    let mut stands: Vec<Value> = id().into();
    stands.extend([w.s("状态", "stands").into(), Value::Empty, said(c, &of.status.words()).to_owned().into()]);
    out.push(stands);
    out.extend(of.disregarded.iter().map(|line| nothing(c, filing, &of.change, line)));
    out
}

fn nothing(c: &Context<'_>, filing: &FilingResult, change: &str, line: &Disregarded) -> Vec<Value> {
    vec![
        filing.filing.as_str().into(),
        change.into(),
        c.words.s("不计入", "counts for nothing").into(),
        Value::Empty,
        void(c, line).into(),
        Value::Empty,
        Value::Empty,
        leaf(line.leaf),
    ]
}
