//! Deviations (双监控): every step in order of the log with its figure, where it stands, for how long, what is overdue.
//!
//! Constraints first: figures are those that the server stated; what later statements took the place of stays and is marked; nothing says what follows
//! from a deviation, nor that a project has stopped.

use look::format::{NONE, THIN, quotient};
use look::text::Lang;
use metrics::deviation::{Measured, Next, Standing};
use metrics::report::{DeviationLine, DeviationsResult, StepKind, StepLine, StepUncounted};

use super::filing::said;
use crate::chapters::Context;
use crate::figures;
use crate::flow::{AMBER, BODY, CELL, Cell, Column, FINE, Flow, INK, LABEL, NOTE, RED, Row};
use crate::paper::Align;
use crate::read::TargetChange;

pub(super) fn set(flow: &mut Flow, c: &Context<'_>, of: &DeviationsResult) {
    let words = c.words;
    for deviation in &of.deviations {
        flow.entry(&format!("{} ({} · {})", target(c, of, &deviation.target), of.filing, deviation.deviation));
        let style = if deviation.next == Next::Nothing { BODY } else { BODY.ink(AMBER) };
        flow.words(style, &summary(c, deviation));
        for measure in &deviation.overdue {
            let line = match words.lang {
                Lang::Zh => format!("△ 逾期：{}（{}，期限 {}）", measure.what, measure.who, measure.due),
                Lang::En => format!("△ overdue: {} ({}, due {})", measure.what, measure.who, measure.due),
            };
            flow.words(BODY.ink(RED), &line);
        }
        steps(flow, c, deviation);
        for line in &deviation.disregarded {
            flow.words(NOTE, &void(c, line));
        }
    }
    if !of.disregarded.is_empty() {
        flow.part(&format!("{} ({})", words.s("不属于任何提示的条目", "Statements about no notice"), of.filing));
        for line in &of.disregarded {
            flow.words(NOTE, &void(c, line));
        }
    }
    flow.words(
        NOTE,
        &match words.lang {
            Lang::Zh => format!(
                "天数自提示之日起，至销号之日，未销号的至本报告 {}。测算值由服务器作出；核验佐证包时，包内有全部读数的重新计算。测算值不约束主管部门，销号由其写明理由作出。",
                of.at
            ),
            Lang::En => format!(
                "Days run from the notice to the closing or, while it is open, to {} of this report. Figures were computed by the server; whoever verifies the bundle computes them again where it holds all readings. They bind no authority: it closes with its reason.",
                of.at
            ),
        },
    );
}

/// Where it stands, in one sentence of this language.
pub(crate) fn summary(c: &Context<'_>, deviation: &DeviationLine) -> String {
    said(c, &deviation.words()).to_owned()
}

/// A target by its name, where the report has the filed plan.
pub(crate) fn target(c: &Context<'_>, of: &DeviationsResult, id: &str) -> String {
    let filings = c.report.practice.iter().flat_map(|practice| &practice.filings);
    let plan = filings.filter(|filing| filing.filing == of.filing).find_map(|filing| filing.plan.as_ref());
    let named = plan.and_then(|plan| plan.targets.iter().find(|target| target.target == id));
    let names = named.map(|target| crate::read::Names { zh: target.names.zh.clone(), en: target.names.en.clone() });
    names.map_or_else(|| id.to_owned(), |names| c.words.name(&names, id))
}

fn steps(flow: &mut Flow, c: &Context<'_>, deviation: &DeviationLine) {
    let words = c.words;
    let column = |share| Column { share, align: Align::Left };
    let columns = [column(1.0), column(1.2), column(2.2), column(2.2)];
    let head = [
        words.s("步骤", "Step"),
        words.s("记入日志", "Logged"),
        words.s("内容", "What was stated"),
        words.s("测算值", "Measured"),
    ];
    let row = |step: &StepLine| {
        let style = if step.superseded { CELL.ink(LABEL) } else { CELL.bold().ink(INK) };
        let mut first = Cell::styled(name(c, step.step), style);
        if step.superseded {
            first = first.and_styled(superseded(c), FINE.ink(AMBER));
        }
        let logged =
            Cell::new(c.face().full(step.received_ms)).and(format!("{}{}", c.leaf(step.leaf), words.role(&step.role)));
        let mut content = Cell::new("");
        for line in contents(c, step) {
            content = content.and_stated(line);
        }
        let figure = match &step.measured {
            Some(measured) => {
                let mut lines = figure(c, measured).into_iter();
                let first = Cell::styled(lines.next().unwrap_or_default(), CELL.bold());
                lines.fold(first, Cell::and)
            }
            None => Cell::new(NONE),
        };
        Row::new([first, logged, content, figure])
    };
    flow.gap(2.0);
    flow.table(&columns, &head, &deviation.steps.iter().map(row).collect::<Vec<Row>>());
}

/// Mark of what later statements took the place of.
pub(crate) fn superseded(c: &Context<'_>) -> &'static str {
    c.words.s("已被后来的填报取代", "superseded by a later one")
}

/// A step by its name.
pub(crate) fn name(c: &Context<'_>, step: StepKind) -> &'static str {
    let (zh, en) = match step {
        StepKind::Notice => ("提示", "Notice"),
        StepKind::Explanation => ("企业说明", "Explanation"),
        StepKind::Measures => ("整改措施与期限", "Measures"),
        StepKind::Remeasured => ("复测", "Measured again"),
        StepKind::Closed => ("销号", "Closing"),
    };
    c.words.s(zh, en)
}

/// What was said in a step, line by line.
pub(crate) fn contents(c: &Context<'_>, step: &StepLine) -> Vec<String> {
    let measures = step.measures.iter().map(|of| match c.words.lang {
        Lang::Zh => format!("{}（{}，期限 {}）", of.what, of.who, of.due),
        Lang::En => format!("{} ({}, due {})", of.what, of.who, of.due),
    });
    step.text.iter().cloned().chain(measures).collect()
}

/// A figure, line by line: the change first.
fn figure(c: &Context<'_>, of: &Measured) -> Vec<String> {
    let words = c.words;
    let (value, ends) = change(c, of);
    let dates = |range: &metrics::model::DateRange| format!("{} — {}", range.from, range.to);
    let is_share = figures::is_share(&figures::unit_of(c.report, &of.definition, metrics::report::ALL_MACHINES));
    let percent = |value: &str| quotient(figures::micro(value)? * 100, 1_000_000, 2).map(|n| format!("{n}{THIN}%"));
    let value_of = |value: &Option<String>| match value.as_deref() {
        None => NONE.to_owned(),
        Some(value) => percent(value).filter(|_| is_share).unwrap_or_else(|| value.to_owned()),
    };
    let mut out = vec![format!("{value} · {}", standing(c, of.standing))];
    if !ends.is_empty() {
        out.push(format!("{} {ends}", words.s("95 % 区间", "95 % interval")));
    }
    out.extend([
        format!("{} {} · {}", words.s("基期", "base"), dates(&of.base), value_of(&of.before)),
        format!("{} {} · {}", words.s("测算", "measured over"), dates(&of.window), value_of(&of.now)),
        format!("{} · {}", words.definition(c.report, &of.definition), super::onsite::names(c, &of.machines)),
    ]);
    out.extend(
        (!of.reasons.is_empty())
            .then(|| of.reasons.iter().map(|code| words.caution(code)).collect::<Vec<_>>().join(words.s("；", "; "))),
    );
    out
}

/// The change in the target's unit, and its interval.
pub(crate) fn change(c: &Context<'_>, of: &Measured) -> (String, String) {
    let unit = serde_json::to_value(of.unit).ok().and_then(|json| json.as_str().map(str::to_owned)).unwrap_or_default();
    let [lower, upper] = of.interval.clone().map_or([None, None], |ends| ends.map(Some));
    figures::target_change(c.words, &TargetChange { unit, value: of.change.clone(), lower, upper })
}

/// Where a target stands by a figure.
pub(crate) fn standing(c: &Context<'_>, standing: Standing) -> &'static str {
    match standing {
        Standing::Reached => c.words.s("达到目标值", "reaches the target"),
        Standing::Short => c.words.s("低于目标值", "short of the target"),
        Standing::Open => c.words.s("不足以判断", "open: it does not suffice"),
    }
}

/// A step that counts for nothing.
pub(crate) fn void(c: &Context<'_>, line: &StepUncounted) -> String {
    let (zh, en) = line.code.words();
    format!("{}{}{}", c.leaf(line.leaf), c.words.s("不计入，", "counts for nothing, "), c.words.s(zh, en))
}
