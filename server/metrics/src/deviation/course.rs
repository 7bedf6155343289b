//! Deviations of a filing on their way, read from the log: which step counts, what comes next, what counts for nothing.
//!
//! Constraints
//! 1. Order of the log is the order of the steps; what is out of turn, or from an account that does not speak for whose step it is, counts for
//!    nothing and is named.
//! 2. A re-measurement counts when it looks at dates after the measures in force were stated, so that nothing of before is in it.
//!    Measures stated anew wait for another one.
//! 3. Only an authority's account gives notice and closes. A closing without a re-measurement after the measures is refused; what the
//!    re-measurement says binds nobody: an authority closes with its reason, and both stand side by side.
//! 4. Nothing here says that a project has stopped, nor what follows from a deviation: that is the authority's to say.
//! 5. The texts name no term for any step; what is overdue is so by the dates the firm itself stated.

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::why::{Problem, Why, words};
use super::{
    DeviationClosed, DeviationExplanation, DeviationMeasures, DeviationNotice, DeviationRemeasured, Measure, Measured,
    Standing, Step,
};
use crate::calendar::{local_date, parse_date};
use crate::credibility::course::FACTORY_ROLE;
use crate::filed::{Filed, OpinionBy};
use crate::model::Names;

/// Whose accounts give notice and close.
pub const AUTHORITIES: [OpinionBy; 3] = [OpinionBy::District, OpinionBy::Centre, OpinionBy::City];

/// What comes next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Next {
    /// 企业说明.
    Explanation,
    /// 整改措施与期限.
    Measures,
    /// 复测.
    Remeasurement,
    /// 销号; or other measures.
    Closing,
    /// Nothing: it is closed.
    #[serde(rename = "CLOSED")]
    Nothing,
}

impl Next {
    /// Where a deviation stands whose next step this is, in words.
    pub fn words(self) -> Names {
        match self {
            Self::Explanation => words("已提示，待企业说明", "notice given; the firm explains next"),
            Self::Measures => {
                words("企业已说明，待整改措施与期限", "explained; the firm states measures and dates next")
            }
            Self::Remeasurement => {
                words("整改措施已填报，待复测", "measures stated; to be measured again over dates after them")
            }
            Self::Closing => words("已复测，待主管部门销号", "measured again; the authority closes it next"),
            Self::Nothing => words("已销号", "closed"),
        }
    }
}

/// A deviation with its course.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deviation<'s> {
    /// The notice.
    pub notice: &'s Filed<DeviationNotice>,
    /// What the firm said.
    pub explanations: Vec<&'s Filed<DeviationExplanation>>,
    /// Measures; the last are in force.
    pub measures: Vec<&'s Filed<DeviationMeasures>>,
    /// Re-measurements that count, of whichever measures.
    pub remeasured: Vec<&'s Filed<DeviationRemeasured>>,
    /// The closing.
    pub closed: Option<&'s Filed<DeviationClosed>>,
    /// What counts for nothing, and why.
    pub problems: Vec<Problem>,
}

impl Deviation<'_> {
    /// Its id.
    pub fn id(&self) -> &str {
        &self.notice.body.deviation
    }

    /// The re-measurement of the measures in force.
    pub fn after_measures(&self) -> Option<&Filed<DeviationRemeasured>> {
        let stated = self.measures.last()?.leaf;
        self.remeasured.last().copied().filter(|re| re.leaf > stated)
    }

    /// What comes next.
    pub fn next(&self) -> Next {
        match self {
            _ if self.closed.is_some() => Next::Nothing,
            _ if self.explanations.is_empty() => Next::Explanation,
            _ if self.measures.is_empty() => Next::Measures,
            _ if self.after_measures().is_none() => Next::Remeasurement,
            _ => Next::Closing,
        }
    }

    /// Measures in force whose date is over while it is open.
    pub fn overdue(&self, at: Date) -> impl Iterator<Item = &Measure> {
        let in_force = self.measures.last().filter(|_| self.closed.is_none());
        let is_over = move |measure: &&Measure| parse_date(&measure.due).is_some_and(|due| due < at);
        in_force.into_iter().flat_map(|stated| &stated.body.measures).filter(is_over)
    }

    /// Where it stands, in words.
    pub fn words(&self) -> Names {
        self.next().words()
    }
}

/// The deviations of a filing as a log has them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Course<'s> {
    /// In order of their notices.
    pub deviations: Vec<Deviation<'s>>,
    /// Statements about none, which count for nothing, and why.
    pub loose: Vec<Problem>,
}

impl<'s> Course<'s> {
    /// Reads the steps of a filing. `zone`: on which day the server logged them.
    pub fn of(steps: &'s [Step], zone: &str) -> Self {
        let mut course = Self::default();
        for step in steps {
            let judged = course.judge(step, zone);
            let id = step.deviation();
            let of = course.deviations.iter_mut().find(|d| d.id() == id);
            match (judged, of) {
                (Err(problem), Some(of)) => of.problems.push(problem.at(step.leaf())),
                (Err(problem), None) => course.loose.push(problem.at(step.leaf())),
                (Ok(()), Some(of)) => match step {
                    // Judged: there is none of this id yet.
                    Step::Notice(_) => {}
                    Step::Explanation(said) => of.explanations.push(said),
                    Step::Measures(said) => of.measures.push(said),
                    Step::Remeasured(said) => of.remeasured.push(said),
                    Step::Closed(said) => of.closed = Some(said),
                },
                (Ok(()), None) => {
                    if let Step::Notice(notice) = step {
                        course.deviations.push(Deviation {
                            notice,
                            explanations: Vec::new(),
                            measures: Vec::new(),
                            remeasured: Vec::new(),
                            closed: None,
                            problems: Vec::new(),
                        });
                    }
                }
            }
        }
        course
    }

    /// A deviation.
    pub fn deviation(&self, id: &str) -> Option<&Deviation<'s>> {
        self.deviations.iter().find(|d| d.id() == id)
    }

    /// The open deviation of a target.
    pub fn open_of(&self, target: &str) -> Option<&Deviation<'s>> {
        self.deviations.iter().find(|d| d.notice.body.target == target && d.closed.is_none())
    }

    /// Whether a step counts behind what is there.
    ///
    /// # Errors
    /// Why not, and what comes first.
    pub fn judge(&self, step: &Step, zone: &str) -> Result<(), Problem> {
        if let Step::Notice(notice) = step {
            return self.judge_notice(notice);
        }
        let id = step.deviation();
        let of = self.deviation(id).ok_or_else(|| {
            Problem::coded(
                Why::NoNotice,
                format!("没有偏离提示 {id}"),
                format!("there is no notice of a deviation `{id}`"),
            )
        })?;
        if of.closed.is_some() {
            return Err(Problem::coded(
                Why::Closed,
                format!("偏离 {id} 已销号；再次偏离请另行提示"),
                format!("deviation `{id}` is closed; give notice anew should the target be missed again"),
            ));
        }
        match step {
            Step::Notice(_) => Ok(()),
            Step::Explanation(said) => firms(&said.role, "企业说明", "the explanation"),
            Step::Measures(said) => {
                firms(&said.role, "整改措施", "the measures")?;
                if of.explanations.is_empty() {
                    return Err(Problem::coded(
                        Why::NoExplanation,
                        "须先填报企业说明，再填报整改措施",
                        "the firm explains before it states measures",
                    ));
                }
                let today = local_date(zone, said.received_ms);
                let is_past = |m: &&Measure| parse_date(&m.due).zip(today).is_none_or(|(due, today)| due < today);
                match said.body.measures.iter().find(is_past) {
                    Some(past) => Err(Problem::coded(
                        Why::DueBefore,
                        format!("期限 {} 早于填报当日：整改期限须在今后", past.due),
                        format!("due on {}, before the day on which it is stated: a measure is due later", past.due),
                    )),
                    None => Ok(()),
                }
            }
            Step::Remeasured(said) => of.judge_remeasured(said, zone),
            Step::Closed(said) => {
                authoritys(&said.role, "销号", "closes a deviation")?;
                match of.next() {
                    Next::Closing => Ok(()),
                    _ => Err(Problem::coded(
                        Why::NotRemeasured,
                        "整改措施之后尚未复测，不能销号：请先复测",
                        "not measured again since the measures were stated, so it is not closed: measure it again first",
                    )),
                }
            }
        }
    }

    fn judge_notice(&self, notice: &Filed<DeviationNotice>) -> Result<(), Problem> {
        authoritys(&notice.role, "提示", "gives notice")?;
        let body = &notice.body;
        if self.deviation(&body.deviation).is_some() {
            let id = &body.deviation;
            return Err(Problem::coded(
                Why::SameId,
                format!("编号 {id} 已用于另一次偏离提示"),
                format!("`{id}` is the id of another notice"),
            ));
        }
        if let Some(open) = self.open_of(&body.target) {
            let id = open.id();
            return Err(Problem::coded(
                Why::StillOpen,
                format!("该目标的偏离 {id} 尚未销号，不再重复提示"),
                format!("deviation `{id}` of this target is open: there is no second notice before it is closed"),
            ));
        }
        match body.measured.standing {
            Standing::Short => Ok(()),
            Standing::Reached => Err(Problem::coded(
                Why::TargetReached,
                "实测已达到目标值，没有偏离可提示",
                "the target is reached as measured: there is no deviation to give notice of",
            )),
            Standing::Open => Err(Problem::coded(
                Why::NotEnough,
                "实测数据不足以判断是否偏离，不作偏离提示",
                "what was measured does not suffice to say that the target is missed: no notice rests on it",
            )),
        }
    }
}

impl Deviation<'_> {
    /// The first date that a re-measurement may look at: the one after the measures in force were stated.
    pub fn measured_from(&self, zone: &str) -> Option<Date> {
        local_date(zone, self.measures.last()?.received_ms)?.tomorrow().ok()
    }

    fn judge_remeasured(&self, said: &Filed<DeviationRemeasured>, zone: &str) -> Result<(), Problem> {
        if said.role != FACTORY_ROLE && !is_authority(&said.role) {
            return Err(Problem::coded(
                Why::NotWhoMeasures,
                format!("复测由企业或主管部门的账号发起；本账号的角色是 {}", said.role),
                format!("the firm or an authority has it measured again; this account has the role `{}`", said.role),
            ));
        }
        let Some(from) = self.measured_from(zone) else {
            return Err(Problem::coded(
                Why::NoMeasures,
                "尚无整改措施，不作复测",
                "no measures are stated yet: there is nothing to measure after",
            ));
        };
        let Measured { window, definition, base, unit, .. } = &said.body.measured;
        if parse_date(&window.from).is_none_or(|first| first < from) {
            return Err(Problem::coded(
                Why::BeforeMeasures,
                format!("复测须自整改措施填报次日（{from}）起，不得包含此前的数据"),
                format!(
                    "measured again from {from} on, the day after the measures were stated: nothing of before is in it"
                ),
            ));
        }
        let first = &self.notice.body.measured;
        if (definition, base, unit) != (&first.definition, &first.base, &first.unit) {
            return Err(Problem::coded(
                Why::CountedOtherwise,
                "复测的口径、基期或单位与提示时不同",
                "measured again by another definition, base period or unit than the notice",
            ));
        }
        Ok(())
    }
}

fn is_authority(role: &str) -> bool {
    AUTHORITIES.iter().any(|authority| authority.role() == role)
}

fn firms(role: &str, zh: &str, en: &str) -> Result<(), Problem> {
    if role == FACTORY_ROLE {
        return Ok(());
    }
    Err(Problem::coded(
        Why::NotTheFirm,
        format!("{zh}须由企业账号填报；本账号的角色是 {role}"),
        format!("only the firm's own account states {en}; this one has the role `{role}`"),
    ))
}

fn authoritys(role: &str, zh: &str, en: &str) -> Result<(), Problem> {
    if is_authority(role) {
        return Ok(());
    }
    Err(Problem::coded(
        Why::NotAnAuthority,
        format!("{zh}由属地主管部门、促进中心或市级主管部门的账号作出；本账号的角色是 {role}"),
        format!(
            "the district, the promotion centre or the city {en}, from its own account; this one has the role `{role}`"
        ),
    ))
}
