//! Bounds of the statements about a deviation. Every refusal says what is allowed, in both languages.

use super::{
    DeviationClosed, DeviationExplanation, DeviationMeasures, DeviationNotice, DeviationRemeasured, Measured, Standing,
};
use crate::filed::{check_words as words, range};
use crate::model::{ModelError, check_date, check_id, refuse};

const NOTICE: &str = "deviation_notice";
const EXPLANATION: &str = "deviation_explanation";
const MEASURES: &str = "deviation_measures";
const REMEASURED: &str = "deviation_remeasured";
const CLOSED: &str = "deviation_closed";

/// Most measures of one statement.
const MEASURES_MAX: usize = 50;
/// Longest name of who does something, characters.
const WHO_MAX: usize = 200;
/// Longest text, characters.
const TEXT_MAX: usize = 2_000;
/// Most machines, codes, and digits of a printed number.
const LIST_MAX: usize = 1_000;
const PRINTED_MAX: usize = 40;

type Checked = Result<(), ModelError>;

fn named(kind: &'static str, filing: &str, deviation: &str) -> Checked {
    check_id(kind, "filing", filing)?;
    check_id(kind, "deviation", deviation)
}

pub(crate) fn check_notice(notice: DeviationNotice) -> Result<DeviationNotice, ModelError> {
    named(NOTICE, &notice.filing, &notice.deviation)?;
    check_id(NOTICE, "target", &notice.target)?;
    words(NOTICE, "asks", &notice.asks, TEXT_MAX)?;
    measured(NOTICE, &notice.measured)?;
    Ok(notice)
}

pub(crate) fn check_explanation(said: DeviationExplanation) -> Result<DeviationExplanation, ModelError> {
    named(EXPLANATION, &said.filing, &said.deviation)?;
    words(EXPLANATION, "explanation", &said.explanation, TEXT_MAX)?;
    Ok(said)
}

pub(crate) fn check_measures(said: DeviationMeasures) -> Result<DeviationMeasures, ModelError> {
    named(MEASURES, &said.filing, &said.deviation)?;
    if said.measures.is_empty() || said.measures.len() > MEASURES_MAX {
        let reason =
            "1 to 50 measures, each with who does it and by when / 须写明 1 至 50 项整改措施，每项注明责任人和期限";
        return Err(refuse(MEASURES, "measures", reason));
    }
    for (i, measure) in said.measures.iter().enumerate() {
        words(MEASURES, &format!("measures[{i}].what"), &measure.what, TEXT_MAX)?;
        words(MEASURES, &format!("measures[{i}].who"), &measure.who, WHO_MAX)?;
        check_date(MEASURES, &format!("measures[{i}].due"), &measure.due)?;
    }
    Ok(said)
}

pub(crate) fn check_remeasured(said: DeviationRemeasured) -> Result<DeviationRemeasured, ModelError> {
    named(REMEASURED, &said.filing, &said.deviation)?;
    measured(REMEASURED, &said.measured)?;
    Ok(said)
}

pub(crate) fn check_closed(said: DeviationClosed) -> Result<DeviationClosed, ModelError> {
    named(CLOSED, &said.filing, &said.deviation)?;
    words(CLOSED, "reason", &said.reason, TEXT_MAX)?;
    Ok(said)
}

/// What another program's log may hold: bounded, and never a standing without the interval that bears it.
fn measured(kind: &'static str, of: &Measured) -> Checked {
    range(kind, "measured.window", &of.window)?;
    range(kind, "measured.base", &of.base)?;
    of.machines.iter().try_for_each(|machine| check_id(kind, "measured.machines", machine))?;
    let printed = of.before.iter().chain(&of.now).chain(&of.change).chain(of.interval.iter().flatten());
    let mut texts = printed.chain(&of.reasons).chain([&of.definition]);
    let is_long = texts.any(|text| text.len() > PRINTED_MAX) || of.machines.len().max(of.reasons.len()) > LIST_MAX;
    if is_long || (of.standing != Standing::Open && of.interval.is_none()) {
        let reason = "is not as the server computes it / 不是服务器计算的结果";
        return Err(refuse(kind, "measured", reason));
    }
    Ok(())
}
