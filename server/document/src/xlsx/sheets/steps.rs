//! On-site checks and deviations: every draw, act, result and confirmation; every step with its figure; and what counts for nothing.

use metrics::report::{ActLine, CheckResult, DeviationLine, DeviationsResult, StepLine};

use super::{head, heads};
use crate::chapters::{Context, deviation, onsite};
use crate::xlsx::{Look, Table, Value};

fn leaf(leaf: u64) -> Value {
    Value::whole(i64::try_from(leaf).unwrap_or(i64::MAX))
}

/// On-site checks.
pub(super) fn checks(c: &Context<'_>) -> Table {
    let w = c.words;
    let head = head(
        c,
        &[
            ("现场核查", "On-site check", 16.0),
            ("事项", "What", 16.0),
            heads::MACHINE,
            heads::MACHINE_ID,
            ("抽中", "Drawn", 9.0),
            ("现场所做、所见", "Done and seen on site", 46.0),
            ("日志所示", "What the log showed", 70.0),
            ("不符", "Differs", 9.0),
            heads::LEAF,
            ("记入日志", "Logged", 20.0),
            heads::AUTHOR,
            heads::ROLE,
            ("结果条", "Leaf of the result", 11.0),
            ("依据条数", "Leaves it rests on", 11.0),
        ],
    );
    let mut rows = Vec::new();
    for check in c.report.practice.iter().flat_map(|practice| &practice.onsite) {
        rows.extend(draws(c, check));
        rows.extend(check.acts.iter().map(|act| act_row(c, check, act)));
        for line in &check.confirmations {
            let mut row: Vec<Value> = vec![check.check.as_str().into(), w.s("确认", "confirmation").into()];
            row.extend([Value::Empty, Value::Empty, Value::Empty]);
            row.extend([onsite::confirmed(c, line).into(), Value::Empty, Value::Empty]);
            row.extend(who(c, line.leaf, line.received_ms, (&line.author, &line.role)));
            rows.push(row);
        }
        for line in &check.disregarded {
            let mut row: Vec<Value> = vec![check.check.as_str().into(), w.s("不计入", "counts for nothing").into()];
            row.extend([Value::Empty, Value::Empty, Value::Empty]);
            row.extend([onsite::void(c, line).into(), Value::Empty, Value::Empty, leaf(line.leaf)]);
            rows.push(row);
        }
    }
    Table { head, rows }
}

fn draws(c: &Context<'_>, check: &CheckResult) -> Vec<Vec<Value>> {
    let w = c.words;
    let row = |draw: &metrics::report::DrawLine| {
        let (shown, result) = match &draw.drawn {
            Some(of) => (
                format!(
                    "{} · {} {} · {} {} · {} {}",
                    onsite::names(c, &of.drawn),
                    w.s("从中抽取", "drawn from"),
                    onsite::names(c, &of.machines),
                    w.s("树根", "root"),
                    of.root,
                    w.s("种子", "seed"),
                    of.seed.as_deref().unwrap_or_default()
                ),
                leaf(of.leaf),
            ),
            None => (w.s("没有记入结果", "no result was recorded").to_owned(), Value::Empty),
        };
        let mut row: Vec<Value> = vec![check.check.as_str().into(), w.s("抽取", "draw").into()];
        row.extend([Value::Empty, Value::Empty, Value::Empty]);
        row.extend([format!("{} · {}", draw.body, draw.wanted).into(), shown.into(), Value::Empty]);
        row.extend(who(c, draw.leaf, draw.received_ms, (&draw.author, &draw.role)));
        row.push(result);
        row
    };
    check.draws.iter().map(row).collect()
}

fn act_row(c: &Context<'_>, check: &CheckResult, act: &ActLine) -> Vec<Value> {
    use metrics::report::StatedAct;
    let w = c.words;
    let what = match act.stated {
        StatedAct::Press(_) => w.s("停机或启动", "stop or start"),
        StatedAct::Face(_) => w.s("电能表表面", "meter's face"),
        StatedAct::Plate(_) => w.s("铭牌与封印", "plates and seal"),
    };
    let yes = |yes: bool| if yes { w.s("是", "yes") } else { w.s("否", "no") };
    let sign = w.s("；", "; ");
    let lines: Vec<String> = onsite::lines(c, act)
        .into_iter()
        .map(|(agreement, line)| format!("{} {line}", onsite::mark(c, agreement)))
        .collect();
    let shown = match act.result {
        Some(_) => lines.join(sign),
        None => w.s("没有记入结果", "no result was recorded").to_owned(),
    };
    let mut row: Vec<Value> = vec![
        check.check.as_str().into(),
        what.into(),
        w.machine(c.report, &act.machine).into(),
        act.machine.as_str().into(),
        yes(act.drawn).into(),
        onsite::stated(c, &act.stated).join(sign).into(),
        shown.into(),
        act.result.as_ref().map(|result| yes(result.differs).to_owned()).into(),
    ];
    row.extend(who(c, act.leaf, act.received_ms, (&act.author, &act.role)));
    row.extend(act.result.iter().flat_map(|result| [leaf(result.leaf), leaf(result.size)]));
    row
}

fn who(c: &Context<'_>, of: u64, received_ms: i64, (author, role): (&str, &str)) -> [Value; 4] {
    [leaf(of), c.face().full(received_ms).into(), author.into(), c.words.role(role).into()]
}

/// Deviations.
pub(super) fn deviations(c: &Context<'_>) -> Table {
    let w = c.words;
    let head = head(
        c,
        &[
            ("备案方案", "Filed plan", 18.0),
            ("偏离", "Deviation", 14.0),
            heads::TARGET,
            ("步骤", "Step", 18.0),
            ("内容", "What was stated", 60.0),
            heads::LEAF,
            ("记入日志", "Logged", 20.0),
            heads::ROLE,
            ("已被取代", "Superseded", 10.0),
            ("测算日期", "Measured over", 24.0),
            ("基期", "Base period", 24.0),
            ("基期 数值", "Before value", 13.0),
            ("测算 数值", "Measured value", 13.0),
            ("变化", "Change", 13.0),
            heads::LOWER,
            heads::UPPER,
            ("对目标", "Against the target", 22.0),
            ("天数", "Days", 9.0),
        ],
    );
    let mut rows = Vec::new();
    for of in c.report.practice.iter().flat_map(|practice| &practice.deviations) {
        for line in &of.deviations {
            rows.extend(line.steps.iter().map(|step| step_row(c, of, line, step)));
            let mut stands = named(c, of, line);
            stands.extend([w.s("状态", "stands").into(), deviation::summary(c, line).into()]);
            stands.extend((0..12).map(|_| Value::Empty));
            stands.push(line.days.map_or(Value::Empty, |days| Value::whole(days.into())));
            rows.push(stands);
            let void = line.disregarded.iter();
            rows.extend(void.map(|void| {
                let mut row = named(c, of, line);
                row.extend(nothing(c, void));
                row
            }));
        }
        rows.extend(of.disregarded.iter().map(|void| {
            let mut row: Vec<Value> = vec![of.filing.as_str().into(), Value::Empty, Value::Empty];
            row.extend(nothing(c, void));
            row
        }));
    }
    Table { head, rows }
}

fn named(c: &Context<'_>, of: &DeviationsResult, line: &DeviationLine) -> Vec<Value> {
    vec![of.filing.as_str().into(), line.deviation.as_str().into(), deviation::target(c, of, &line.target).into()]
}

fn nothing(c: &Context<'_>, void: &metrics::report::StepUncounted) -> [Value; 3] {
    [c.words.s("不计入", "counts for nothing").into(), deviation::void(c, void).into(), leaf(void.leaf)]
}

fn step_row(c: &Context<'_>, of: &DeviationsResult, line: &DeviationLine, step: &StepLine) -> Vec<Value> {
    let w = c.words;
    let mut row = named(c, of, line);
    row.extend([
        deviation::name(c, step.step).into(),
        deviation::contents(c, step).join(w.s("；", "; ")).into(),
        leaf(step.leaf),
        c.face().full(step.received_ms).into(),
        w.role(&step.role).into(),
        if step.superseded { w.s("是", "yes").into() } else { Value::Empty },
    ]);
    if let Some(measured) = &step.measured {
        let dates = |range: &metrics::model::DateRange| Value::from(format!("{} — {}", range.from, range.to));
        let decimal = |value: Option<&String>| Value::decimal(value.map(String::as_str), Look::Decimal);
        let [lower, upper] = [0, 1].map(|end| measured.interval.as_ref().and_then(|ends| ends.get(end)));
        row.extend([dates(&measured.window), dates(&measured.base)]);
        row.extend([decimal(measured.before.as_ref()), decimal(measured.now.as_ref())]);
        row.extend(
            [measured.change.as_ref(), lower, upper]
                .map(|value| Value::decimal(value.map(String::as_str), Look::Percent)),
        );
        row.push(deviation::standing(c, measured.standing).into());
    }
    row
}
