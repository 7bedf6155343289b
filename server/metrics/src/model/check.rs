//! Reading and checking declaration bodies: a body that passes here is within every bound the rest of the crate relies on.

use super::{
    CalendarBody, CycleTime, Line, Machine, MeterReplaced, Plan, PlannedStop, QualityCount, SignalRef, Site, StateRule,
    plan,
};
use crate::alarms::declared::{AlarmCode, AlarmHandled};
use crate::assessment::declared::{self, LevelAssessed};
use crate::batch::recipe::Recipe;
use crate::batch::record::BatchRecord;
use crate::checklist::ledger::{self, LedgerEntry};
use crate::credibility::course::{FindingRef, FindingShown};
use crate::credibility::explanation::{self, Explanation};
use crate::deviation::{
    self, DeviationClosed, DeviationExplanation, DeviationMeasures, DeviationNotice, DeviationRemeasured,
};
use crate::dossier::{self, FirmListed, PaperAsked, PaperHanded, PaperJudged};
use crate::filed::{self, AcceptanceHeld, FiledPlan, PlanChange, PlanFinished, PlanOpinion};
use crate::metrology::{self, Meter};
use crate::onsite::{self, OnsiteCheck, OnsiteConfirmed, OnsiteFace, OnsitePlate, OnsitePress, OnsiteResult};
use crate::plan::{BaselineLock, ComparisonLock, EvidenceDocument};
use crate::production::material::Material;
use crate::production::stops::StopReason;
use crate::quality::specification::Specification;
use crate::savings::{self, declared::NonRoutine};
use crate::settlement::{self, Bill, Revenue};
use crate::vocabulary;

/// Why a declaration body was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ModelError {
    /// The JSON does not have the shape of this kind of body.
    #[error("the body of a `{kind}` declaration is not valid: {reason}")]
    Shape {
        /// The declaration kind.
        kind: String,
        /// What the JSON reader said.
        reason: String,
    },
    /// A field has a value outside its range.
    #[error("{}", placed(kind, field, reason))]
    Field {
        /// The declaration kind.
        kind: &'static str,
        /// Which field.
        field: String,
        /// What is wrong and what is allowed.
        reason: String,
    },
}

/// The sentence with its place, in each of the languages it has.
fn placed(kind: &str, field: &str, reason: &str) -> String {
    match reason.rsplit_once(" / ").filter(|(_, zh)| !zh.is_ascii()) {
        Some((en, zh)) => format!("`{field}` in a `{kind}` declaration: {en} / {field}：{zh}"),
        None => format!("`{field}` in a `{kind}` declaration: {reason}"),
    }
}

pub(crate) fn refuse(kind: &'static str, field: impl Into<String>, reason: impl Into<String>) -> ModelError {
    ModelError::Field { kind, field: field.into(), reason: reason.into() }
}

/// A parsed declaration body. Kinds that move no number (enrolments, reports issued) are `Other`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Body {
    /// `site`
    Site(Site),
    /// `calendar`
    Calendar(CalendarBody),
    /// `machine`
    Machine(Box<Machine>),
    /// `cycle_time`
    CycleTime(CycleTime),
    /// `planned_stop`
    PlannedStop(PlannedStop),
    /// `meter_replaced`
    MeterReplaced(MeterReplaced),
    /// `quality_count`
    QualityCount(QualityCount),
    /// `plan`
    Plan(Plan),
    /// `baseline_lock`
    BaselineLock(Box<BaselineLock>),
    /// `comparison_lock`
    ComparisonLock(Box<ComparisonLock>),
    /// `evidence_document`
    EvidenceDocument(Box<EvidenceDocument>),
    /// `line`
    Line(Line),
    /// `level_assessed`
    LevelAssessed(LevelAssessed),
    /// `recipe`
    Recipe(Box<Recipe>),
    /// `batch`
    Batch(Box<BatchRecord>),
    /// `specification`
    Specification(Box<Specification>),
    /// `alarm_code`
    AlarmCode(AlarmCode),
    /// `alarm_handled`
    AlarmHandled(AlarmHandled),
    /// `stop_reason`
    StopReason(StopReason),
    /// `material`
    Material(Box<Material>),
    /// `meter`
    Meter(Box<Meter>),
    /// `bill`
    Bill(Box<Bill>),
    /// `revenue`
    Revenue(Revenue),
    /// `ledger`
    Ledger(Box<LedgerEntry>),
    /// `adjustment`
    Adjustment(Box<NonRoutine>),
    /// `explanation`
    Explanation(Explanation),
    /// `finding_shown`
    FindingShown(FindingShown),
    /// `finding_acknowledged`
    FindingAcknowledged(FindingRef),
    /// `filed_plan`
    FiledPlan(Box<FiledPlan>),
    /// `plan_change`
    PlanChange(Box<PlanChange>),
    /// `plan_opinion`
    PlanOpinion(Box<PlanOpinion>),
    /// `plan_finished`
    PlanFinished(PlanFinished),
    /// `acceptance_held`
    AcceptanceHeld(AcceptanceHeld),
    /// `paper_asked`
    PaperAsked(PaperAsked),
    /// `paper_handed`
    PaperHanded(PaperHanded),
    /// `paper_judged`
    PaperJudged(PaperJudged),
    /// `firm_listed`
    FirmListed(Box<FirmListed>),
    /// `onsite_check`
    OnsiteCheck(OnsiteCheck),
    /// `onsite_press`
    OnsitePress(OnsitePress),
    /// `onsite_face`
    OnsiteFace(Box<OnsiteFace>),
    /// `onsite_plate`
    OnsitePlate(Box<OnsitePlate>),
    /// `onsite_result`
    OnsiteResult(Box<OnsiteResult>),
    /// `onsite_confirmed`
    OnsiteConfirmed(OnsiteConfirmed),
    /// `deviation_notice`
    DeviationNotice(Box<DeviationNotice>),
    /// `deviation_explanation`
    DeviationExplanation(DeviationExplanation),
    /// `deviation_measures`
    DeviationMeasures(DeviationMeasures),
    /// `deviation_remeasured`
    DeviationRemeasured(Box<DeviationRemeasured>),
    /// `deviation_closed`
    DeviationClosed(DeviationClosed),
    /// A kind this crate does not compute with.
    Other,
}

/// The declaration kinds this crate computes with.
pub const KINDS: [&str; 48] = [
    "site",
    "calendar",
    "machine",
    "cycle_time",
    "planned_stop",
    "meter_replaced",
    "quality_count",
    "plan",
    "baseline_lock",
    "comparison_lock",
    "evidence_document",
    "line",
    "level_assessed",
    "recipe",
    "batch",
    "specification",
    "alarm_code",
    "alarm_handled",
    "stop_reason",
    "material",
    "meter",
    "bill",
    "revenue",
    "ledger",
    "adjustment",
    "explanation",
    "finding_shown",
    "finding_acknowledged",
    "filed_plan",
    "plan_change",
    "plan_opinion",
    "plan_finished",
    "acceptance_held",
    "paper_asked",
    "paper_handed",
    "paper_judged",
    "firm_listed",
    "onsite_check",
    "onsite_press",
    "onsite_face",
    "onsite_plate",
    "onsite_result",
    "onsite_confirmed",
    "deviation_notice",
    "deviation_explanation",
    "deviation_measures",
    "deviation_remeasured",
    "deviation_closed",
];

/// Parses and checks the body of a declaration.
///
/// # Errors
/// [`ModelError`] names the field and what is allowed there.
pub fn parse_body(kind: &str, body: &serde_json::Value) -> Result<Body, ModelError> {
    fn read<T: serde::de::DeserializeOwned>(kind: &str, body: &serde_json::Value) -> Result<T, ModelError> {
        T::deserialize(body).map_err(|e| ModelError::Shape { kind: kind.to_owned(), reason: e.to_string() })
    }
    Ok(match kind {
        "site" => Body::Site(check_site(read(kind, body)?)?),
        "calendar" => {
            let body: CalendarBody = read(kind, body)?;
            crate::calendar::Calendar::new(&body, "UTC").map_err(|e| refuse("calendar", e.field, e.reason))?;
            Body::Calendar(body)
        }
        "machine" => Body::Machine(Box::new(check_machine(read(kind, body)?)?)),
        "cycle_time" => Body::CycleTime(check_cycle_time(read(kind, body)?)?),
        "planned_stop" => {
            let body: PlannedStop = read(kind, body)?;
            check_id("planned_stop", "machine", &body.machine)?;
            if body.to_ms <= body.from_ms {
                return Err(refuse("planned_stop", "to_ms", "must be after `from_ms`"));
            }
            Body::PlannedStop(body)
        }
        "meter_replaced" => {
            let body: MeterReplaced = read(kind, body)?;
            check_id("meter_replaced", "machine", &body.machine)?;
            Body::MeterReplaced(body)
        }
        "quality_count" => {
            let body: QualityCount = read(kind, body)?;
            check_id("quality_count", "machine", &body.machine)?;
            check_date("quality_count", "date", &body.date)?;
            if !(0..=1_000_000_000).contains(&body.reject) {
                return Err(refuse("quality_count", "reject", "must be 0 to 1 000 000 000"));
            }
            Body::QualityCount(body)
        }
        "plan" => {
            plan::check_units(body)?;
            Body::Plan(plan::check(read(kind, body)?)?)
        }
        "baseline_lock" => Body::BaselineLock(Box::new(read::<BaselineLock>(kind, body)?.checked()?)),
        "comparison_lock" => Body::ComparisonLock(Box::new(read::<ComparisonLock>(kind, body)?.checked()?)),
        "evidence_document" => Body::EvidenceDocument(Box::new(read::<EvidenceDocument>(kind, body)?.checked()?)),
        "line" => Body::Line(check_line(read(kind, body)?)?),
        "level_assessed" => Body::LevelAssessed(declared::check(read(kind, body)?)?),
        "recipe" => Body::Recipe(Box::new(read::<Recipe>(kind, body)?.checked()?)),
        "batch" => Body::Batch(Box::new(read::<BatchRecord>(kind, body)?.checked()?)),
        "specification" => Body::Specification(Box::new(crate::quality::specification::check(read(kind, body)?)?)),
        "alarm_code" => Body::AlarmCode(crate::alarms::declared::check_code(read(kind, body)?)?),
        "alarm_handled" => Body::AlarmHandled(crate::alarms::declared::check_handled(read(kind, body)?)?),
        "stop_reason" => Body::StopReason(crate::production::stops::check(read(kind, body)?)?),
        "material" => Body::Material(Box::new(crate::production::material::check(read(kind, body)?)?)),
        "meter" => Body::Meter(Box::new(metrology::declared::check(read(kind, body)?)?)),
        "adjustment" => Body::Adjustment(Box::new(savings::declared::check(read(kind, body)?)?)),
        "bill" => Body::Bill(Box::new(settlement::bill::check(read(kind, body)?)?)),
        "revenue" => Body::Revenue(settlement::revenue::check(read(kind, body)?)?),
        "ledger" => Body::Ledger(Box::new(ledger::check(read(kind, body)?)?)),
        "explanation" => {
            let body: Explanation = read(kind, body)?;
            check_id("explanation", "machine", &body.machine)?;
            explanation::check(&body).map_err(|(field, reason)| refuse("explanation", field, reason))?;
            Body::Explanation(body)
        }
        "finding_shown" => {
            let body: FindingShown = read(kind, body)?;
            body.findings.iter().try_for_each(|f| check_id("finding_shown", "machine", &f.machine))?;
            body.check().map_err(|(field, reason)| refuse("finding_shown", field, reason))?;
            Body::FindingShown(body)
        }
        "finding_acknowledged" => {
            let body: FindingRef = read(kind, body)?;
            check_id("finding_acknowledged", "machine", &body.machine)?;
            body.check().map_err(|(field, reason)| refuse("finding_acknowledged", field, reason))?;
            Body::FindingAcknowledged(body)
        }
        "filed_plan" => {
            plan::check_filed_units(body)?;
            Body::FiledPlan(Box::new(filed::check_plan(read(kind, body)?)?))
        }
        "plan_change" => Body::PlanChange(Box::new(filed::check_change(read(kind, body)?)?)),
        "plan_opinion" => Body::PlanOpinion(Box::new(filed::check_opinion(read(kind, body)?)?)),
        "plan_finished" => Body::PlanFinished(filed::check_finished(read(kind, body)?)?),
        "acceptance_held" => Body::AcceptanceHeld(filed::check_acceptance(read(kind, body)?)?),
        "paper_asked" => Body::PaperAsked(dossier::check_asked(read(kind, body)?)?),
        "paper_handed" => Body::PaperHanded(dossier::check_handed(read(kind, body)?)?),
        "paper_judged" => Body::PaperJudged(dossier::check_judged(read(kind, body)?)?),
        "firm_listed" => Body::FirmListed(Box::new(dossier::check_listed(read(kind, body)?)?)),
        "onsite_check" => Body::OnsiteCheck(onsite::check_check(read(kind, body)?)?),
        "onsite_press" => Body::OnsitePress(onsite::check_press(read(kind, body)?)?),
        "onsite_face" => Body::OnsiteFace(Box::new(onsite::check_face(read(kind, body)?)?)),
        "onsite_plate" => Body::OnsitePlate(Box::new(onsite::check_plate(read(kind, body)?)?)),
        "onsite_result" => Body::OnsiteResult(Box::new(onsite::check_result(read(kind, body)?)?)),
        "onsite_confirmed" => Body::OnsiteConfirmed(onsite::check_confirmed(read(kind, body)?)?),
        "deviation_notice" => Body::DeviationNotice(Box::new(deviation::check_notice(read(kind, body)?)?)),
        "deviation_explanation" => Body::DeviationExplanation(deviation::check_explanation(read(kind, body)?)?),
        "deviation_measures" => Body::DeviationMeasures(deviation::check_measures(read(kind, body)?)?),
        "deviation_remeasured" => Body::DeviationRemeasured(Box::new(deviation::check_remeasured(read(kind, body)?)?)),
        "deviation_closed" => Body::DeviationClosed(deviation::check_closed(read(kind, body)?)?),
        _ => Body::Other,
    })
}

pub(crate) fn check_id(kind: &'static str, field: &str, id: &str) -> Result<(), ModelError> {
    let mut bytes = id.bytes();
    let first = bytes.next().is_some_and(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    let rest = bytes.all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    if first && rest && id.len() <= 32 {
        Ok(())
    } else {
        let reason = format!(
            "{} is not an id: 1 to 32 of a-z, 0-9 and `-`, not beginning with `-` / 标识须为 1 至 32 个小写字母、数字或“-”，且不以“-”开头",
            shown(id)
        );
        Err(refuse(kind, field, reason))
    }
}

/// What was written, in the English half of a sentence: short, and only as far as that half can hold it.
fn shown(text: &str) -> String {
    if text.is_ascii() && text.len() <= 60 { format!("`{}`", text.escape_default()) } else { "this".to_owned() }
}

pub(crate) fn check_date(kind: &'static str, field: &str, date: &str) -> Result<(), ModelError> {
    crate::calendar::parse_date(date).map(|_| ()).ok_or_else(|| {
        let reason = format!("{} is not a date like 2026-03-14 / 日期须写成 2026-03-14 的形式", shown(date));
        refuse(kind, field, reason)
    })
}

fn check_site(site: Site) -> Result<Site, ModelError> {
    if !crate::calendar::zone_exists(&site.zone) {
        return Err(refuse(
            "site",
            "zone",
            format!("`{}` is not an IANA time zone; use e.g. Asia/Shanghai", site.zone),
        ));
    }
    let knows = |province: &str| {
        let table = crate::energy::carbon::GridTable::parse(crate::energy::carbon::DELIVERED);
        table.is_ok_and(|t| t.latest_average(province).is_some())
    };
    if !site.province.is_empty() && !knows(&site.province) {
        let reason =
            format!("`{}` has no grid factor; use the province's short Chinese name, e.g. 云南", site.province);
        return Err(refuse("site", "province", reason));
    }
    Ok(site)
}

fn check_machine(machine: Machine) -> Result<Machine, ModelError> {
    check_id("machine", "machine", &machine.machine)?;
    let s = &machine.signals;
    for (name, signal) in s.all() {
        check_signal("machine", &format!("signals.{name}"), signal)?;
    }
    let missing = match &machine.state_rule {
        Some(StateRule::Codes(_)) => s.state.is_none().then_some("state"),
        Some(StateRule::Table(table)) => {
            if vocabulary::codes_of(table).is_none() {
                let known: Vec<&str> = vocabulary::by_one_signal().collect();
                let reason = format!("no delivered table is `{table}`; there are {}", known.join(", "));
                return Err(refuse("machine", "state_rule.table", reason));
            }
            s.state.is_none().then_some("state")
        }
        Some(StateRule::RunBit { .. }) => s.run.is_none().then_some("run"),
        Some(StateRule::Power(p)) => {
            let ordered = 0 <= p.hysteresis_w
                && 0 < p.off_below_w
                && p.off_below_w + p.hysteresis_w <= p.run_from_w - p.hysteresis_w;
            if !ordered || !(0..=3_600_000).contains(&p.dwell_ms) {
                return Err(refuse(
                    "machine",
                    "state_rule.power",
                    "needs 0 < off_below_w, off_below_w + hysteresis_w ≤ run_from_w − hysteresis_w, and dwell_ms up to one hour",
                ));
            }
            s.power.is_none().then_some("power")
        }
        None => None,
    };
    match missing {
        Some(signal) => Err(refuse("machine", format!("signals.{signal}"), "the state rule needs this signal")),
        None => Ok(machine),
    }
}

/// Checks a signal's gateway, tag and register limits.
pub(crate) fn check_signal(kind: &'static str, field: &str, signal: &SignalRef) -> Result<(), ModelError> {
    check_id(kind, &format!("{field}.gateway"), &signal.gateway)?;
    if signal.tag.split('/').count() != 2 || signal.tag.len() > 65 {
        return Err(refuse(kind, format!("{field}.tag"), "must be `device/name`"));
    }
    if signal.modulus.is_some_and(|m| m < 2) {
        return Err(refuse(kind, format!("{field}.modulus"), "must be at least 2"));
    }
    if signal.max_per_hour.is_some_and(|r| !(1..=1_000_000_000_000).contains(&r)) {
        return Err(refuse(kind, format!("{field}.max_per_hour"), "must be 1 to 10^12"));
    }
    Ok(())
}

fn check_cycle_time(body: CycleTime) -> Result<CycleTime, ModelError> {
    check_id("cycle_time", "machine", &body.machine)?;
    if !(1..=86_400_000_000 * 366).contains(&body.item_us) {
        return Err(refuse("cycle_time", "item_us", "must be from 1 microsecond to one year"));
    }
    if !(1..=100_000).contains(&body.items_per_cycle) {
        return Err(refuse("cycle_time", "items_per_cycle", "must be 1 to 100 000"));
    }
    Ok(body)
}

fn check_line(line: Line) -> Result<Line, ModelError> {
    check_id("line", "line", &line.line)?;
    if !(2..=200).contains(&line.route.len()) {
        return Err(refuse("line", "route", "must name 2 to 200 machines in the order of the flow"));
    }
    for machine in &line.route {
        check_id("line", "route", machine)?;
    }
    if line.route.iter().enumerate().any(|(i, m)| line.route.iter().take(i).any(|o| o == m)) {
        return Err(refuse("line", "route", "must name every machine once"));
    }
    if line.constraint.as_ref().is_some_and(|c| !line.route.contains(c)) {
        return Err(refuse("line", "constraint", "must be one of the route's machines"));
    }
    Ok(line)
}
