//! Applications and opinions, along the rule's route.

use std::collections::BTreeMap;

use jiff::civil::Date;

use super::{Day, Filed, Opinion, OpinionBy, PlanChange, PlanOpinion, Procedure, Why, date, words};
use crate::credibility::course::FACTORY_ROLE;
use crate::model::Names;

/// Where an application stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Status {
    /// Everybody on the route agreed.
    Approved {
        /// Date of the deciding opinion.
        date: Day,
        /// On which day the server logged it.
        received: Option<Day>,
        /// Its leaf.
        leaf: u64,
    },
    /// Somebody did not agree.
    Refused {
        /// Who.
        by: OpinionBy,
        /// When.
        date: Day,
        /// Why.
        reason: String,
    },
    /// 退回补正: it waits for its resubmission.
    Returned {
        /// By whom.
        by: OpinionBy,
        /// When.
        date: Day,
        /// Why.
        reason: String,
    },
    /// It waits for an opinion.
    Waiting {
        /// Whose.
        next: OpinionBy,
    },
    /// The rule names no route: how a change is approved is the authority's to say.
    NoRoute,
}

/// An application with its course.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Application<'f> {
    /// As submitted last.
    pub change: &'f PlanChange,
    /// Leaf of that.
    pub leaf: u64,
    /// How often it was submitted.
    pub submitted: usize,
    /// Where it stands.
    pub status: Status,
    /// Opinions that count, on what was submitted last.
    pub opinions: Vec<&'f Filed<PlanOpinion>>,
    /// Opinions that counted on what was submitted before it was returned, in order of the log: kept, and of no effect any more.
    pub superseded: Vec<&'f Filed<PlanOpinion>>,
    /// What counts for nothing, and why.
    pub problems: Vec<Problem>,
}

impl Application<'_> {
    /// Neither approved nor refused.
    pub fn is_open(&self) -> bool {
        !matches!(self.status, Status::Approved { .. } | Status::Refused { .. })
    }

    /// Date of what counts last of it: its submission, or an opinion on that.
    fn last_date(&self) -> &str {
        self.opinions.last().map_or(&self.change.date, |o| &o.body.date)
    }

    /// Where it stands, and what is missing, in words.
    pub fn words(&self) -> Names {
        match &self.status {
            Status::Approved { date, received, .. } => match received.filter(|received| received > date) {
                Some(day) => {
                    words(format!("已同意（{date}，{day} 记入日志）"), format!("approved ({date}, logged on {day})"))
                }
                None => words(format!("已同意（{date}）"), format!("approved ({date})")),
            },
            Status::Refused { by, date, reason } => {
                let (zh, en) = by.words();
                words(format!("{zh}不同意（{date}）：{reason}"), format!("not agreed by the {en} ({date}): {reason}"))
            }
            Status::Returned { by, date, reason } => {
                let (zh, en) = by.words();
                words(
                    format!("{zh}退回补正（{date}）：{reason}；待企业重新提交"),
                    format!("returned by the {en} ({date}): {reason}; the firm submits it again"),
                )
            }
            Status::Waiting { next } => {
                let (zh, en) = next.words();
                words(format!("待{zh}意见"), format!("waiting for the opinion of the {en}"))
            }
            Status::NoRoute => words(
                "该办法未规定变更程序，由主管部门确定",
                "the rule names no procedure for changes; the authority decides",
            ),
        }
    }
}

/// A statement that counts for nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{} / {}", said.zh, said.en)]
pub struct Problem {
    /// Its leaf, when it is one already.
    pub leaf: Option<u64>,
    /// Why.
    pub why: Why,
    /// The same in words, with what it is about.
    pub said: Names,
}

impl Problem {
    /// A problem of something that is no leaf yet.
    pub fn new(why: Why, zh: impl Into<String>, en: impl Into<String>) -> Self {
        Self { leaf: None, why, said: words(zh, en) }
    }

    pub(crate) fn at(self, leaf: u64) -> Self {
        Self { leaf: Some(leaf), ..self }
    }
}

enum Event<'f> {
    Change(&'f Filed<PlanChange>),
    Opinion(&'f Filed<PlanOpinion>),
}

/// What became of a filing as of a date.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Course<'f> {
    /// Its applications, in order of their first submission.
    pub applications: Vec<Application<'f>>,
    /// Statements that belong to no application and count for nothing, and why.
    pub loose: Vec<Problem>,
}

impl Course<'_> {
    /// An application.
    pub fn application(&self, change: &str) -> Option<&Application<'_>> {
        self.applications.iter().find(|a| a.change.change == change)
    }
}

impl<'f> Procedure<'f> {
    /// Every application as of a date, by the dates of the papers.
    pub fn course(&self, at: Date) -> Course<'f> {
        let mut events: BTreeMap<u64, Event<'f>> = BTreeMap::new();
        let is_by = |text: &str| date(text).is_some_and(|d| d <= at);
        let filing = self.filing;
        events.extend(filing.changes.iter().filter(|c| is_by(&c.body.date)).map(|c| (c.leaf, Event::Change(c))));
        events.extend(filing.opinions.iter().filter(|o| is_by(&o.body.date)).map(|o| (o.leaf, Event::Opinion(o))));
        let mut course = Course::default();
        for event in events.into_values() {
            match event {
                Event::Change(stated) => self.submit(&mut course, stated),
                Event::Opinion(stated) => {
                    let id = &stated.body.change;
                    let Some(of) = course.applications.iter_mut().find(|a| a.change.change == *id) else {
                        course.loose.push(no_application(id).at(stated.leaf));
                        continue;
                    };
                    match self.judge(of, stated) {
                        Ok(status) => {
                            of.status = status;
                            of.opinions.push(stated);
                        }
                        Err(problem) => of.problems.push(problem.at(stated.leaf)),
                    }
                }
            }
        }
        course
    }

    fn begin(&self) -> Status {
        self.route.and_then(|r| r.opinions.first()).map_or(Status::NoRoute, |next| Status::Waiting { next: *next })
    }

    fn submit(&self, course: &mut Course<'f>, stated: &'f Filed<PlanChange>) {
        let of = course.applications.iter_mut().find(|a| a.change.change == stated.body.change);
        let checked = self.check_submitted(of.as_deref(), stated).map_err(|problem| problem.at(stated.leaf));
        match (of, checked) {
            (Some(of), Err(problem)) => of.problems.push(problem),
            (None, Err(problem)) => course.loose.push(problem),
            (Some(of), Ok(())) => {
                of.change = &stated.body;
                of.leaf = stated.leaf;
                of.submitted += 1;
                of.status = self.begin();
                of.superseded.append(&mut of.opinions);
            }
            (None, Ok(())) => course.applications.push(Application {
                change: &stated.body,
                leaf: stated.leaf,
                submitted: 1,
                status: self.begin(),
                opinions: Vec::new(),
                superseded: Vec::new(),
                problems: Vec::new(),
            }),
        }
    }

    /// Whether an application, or its resubmission, counts: who submits it, its dates, and whether it is decided.
    pub(super) fn check_submitted(
        &self,
        of: Option<&Application<'_>>,
        stated: &Filed<PlanChange>,
    ) -> Result<(), Problem> {
        if let Some(route) = self.route.filter(|_| stated.role != FACTORY_ROLE) {
            let (article, role) = (route.article, &stated.role);
            return Err(Problem::new(
                Why::NotTheFirm,
                format!("变更申请须由企业账号提出（{article}）；填报账号的角色是 {role}"),
                format!("the firm's own account applies for a change ({article}); this account has the role `{role}`"),
            ));
        }
        self.check_day(stated, &stated.body.date)?;
        let Some(filed) = self.filing.plans.first() else { return Err(no_plan(&stated.body.filing)) };
        if stated.body.date < filed.body.filed {
            return Err(Problem::new(
                Why::BeforeFiling,
                "申请日期早于备案日期",
                "the application is dated before the filing",
            ));
        }
        let Some(of) = of else { return Ok(()) };
        match &of.status {
            Status::Approved { .. } | Status::Refused { .. } => return Err(decided(of)),
            // Whoever is asked has it before him: what he says would be about something he did not read.
            Status::Waiting { next } => {
                let ((zh, en), id) = (next.words(), &of.change.change);
                return Err(Problem::new(
                    Why::StillAsked,
                    format!("变更申请 {id} 正待{zh}意见，退回补正后方可重新提交；其他变更请另编申请编号"),
                    format!(
                        "application `{id}` waits for the opinion of the {en}: it is submitted again when it is returned; apply for anything else under another id"
                    ),
                ));
            }
            Status::Returned { .. } | Status::NoRoute => {}
        }
        let (date, after) = (stated.body.date.as_str(), of.last_date());
        if date < after {
            return Err(Problem::new(
                Why::BeforeLast,
                format!("重新提交的日期 {date} 早于上次申请或意见的日期 {after}"),
                format!("submitted again on {date}, before the application or opinion it follows ({after})"),
            ));
        }
        Ok(())
    }

    /// Who has not agreed yet, in the route's order.
    fn asked(&self, of: &Application<'_>) -> impl Iterator<Item = OpinionBy> {
        let agreed: Vec<OpinionBy> = of.opinions.iter().map(|o| o.body.by).collect();
        self.route.iter().flat_map(|r| r.opinions).copied().filter(move |by| !agreed.contains(by))
    }

    /// Whether somebody's opinion is asked for now: who is next, and those who decide together with him.
    pub fn is_asked(&self, of: &Application<'_>, by: OpinionBy) -> bool {
        let Status::Waiting { next } = of.status else { return false };
        let together = self.route.map_or(&[][..], |route| route.deciding());
        by == next || (together.contains(&next) && self.asked(of).any(|asked| asked == by) && together.contains(&by))
    }

    /// No paper is dated after the day on which it was logged.
    pub(super) fn check_day<T>(&self, stated: &Filed<T>, day: &str) -> Result<(), Problem> {
        match self.received(stated).zip(date(day)).filter(|(received, day)| *day > received.0) {
            Some((received, day)) => Err(Problem::new(
                Why::DatedLater,
                format!("日期 {day} 晚于填报当日 {received}"),
                format!("dated {day}, after the day on which it is stated ({received})"),
            )),
            None => Ok(()),
        }
    }

    /// Whether the account speaks for who is asked, and the date can be.
    pub(super) fn check_speaker(&self, stated: &Filed<PlanOpinion>) -> Result<(), Problem> {
        let by = stated.body.by;
        if stated.role == by.role() {
            return self.check_day(stated, &stated.body.date);
        }
        let ((zh, en), wanted) = (by.words(), by.role());
        let (own_zh, own_en) = match stated.role.as_str() {
            FACTORY_ROLE => ("企业账号".to_owned(), "the firm's".to_owned()),
            role => (format!("角色为 {role} 的账号"), format!("one of the role `{role}`")),
        };
        Err(Problem::new(
            Why::NotWhoIsAsked,
            format!("{zh}的意见须由其自己的账号（角色 {wanted}）填报，本次为{own_zh}"),
            format!("the opinion of the {en} is stated by its own account (role `{wanted}`); this account is {own_en}"),
        ))
    }

    /// What an opinion makes of an application.
    pub(super) fn judge(&self, of: &Application<'_>, stated: &Filed<PlanOpinion>) -> Result<Status, Problem> {
        self.check_speaker(stated)?;
        let (said, by) = (&stated.body, stated.body.by);
        if let Some(leaf) = said.submission.filter(|leaf| *leaf != of.leaf) {
            let (id, now) = (&of.change.change, of.leaf);
            return Err(Problem::new(
                Why::OtherSubmission,
                format!("意见所针对的是日志第 {leaf} 条的提交，变更申请 {id} 现为第 {now} 条；请阅后重新出具意见"),
                format!(
                    "the opinion is on the submission of leaf {leaf}; application `{id}` is now that of leaf {now}: read it and state the opinion anew"
                ),
            ));
        }
        let on = date(&said.date)
            .map(Day)
            .ok_or_else(|| Problem::new(Why::NoDate, "日期不可用", "the date cannot be used"))?;
        let next = match &of.status {
            Status::Waiting { next } => *next,
            Status::NoRoute => {
                return Err(Problem::new(
                    Why::NoRoute,
                    "该办法未规定变更程序，意见留存在日志中，由主管部门确定",
                    "the rule names no procedure for changes: the opinion stays in the log, the authority decides",
                ));
            }
            Status::Returned { .. } => {
                return Err(Problem::new(
                    Why::Returned,
                    "已退回补正，须先重新提交申请",
                    "it was returned; it is submitted again first",
                ));
            }
            Status::Approved { .. } | Status::Refused { .. } => return Err(decided(of)),
        };
        if !self.is_asked(of, by) {
            let ((by_zh, by_en), (next_zh, next_en)) = (by.words(), next.words());
            let (article_zh, article_en) = self
                .route
                .map_or_else(Default::default, |r| (format!("（{}）", r.article), format!(" ({})", r.article)));
            return Err(Problem::new(
                Why::OutOfOrder,
                format!("意见顺序不对{article_zh}：应先由{next_zh}出具意见，{by_zh}的意见在此之前不生效"),
                format!(
                    "out of order{article_en}: the opinion of the {next_en} comes first; that of the {by_en} counts for nothing before it"
                ),
            ));
        }
        let after = of.last_date();
        if said.date.as_str() < after {
            return Err(Problem::new(
                Why::BeforeLast,
                format!("意见日期 {on} 早于申请或上一意见的日期 {after}"),
                format!("the opinion is dated {on}, before the application or the opinion before it ({after})"),
            ));
        }
        let reason = said.reason.clone();
        Ok(match said.opinion {
            Opinion::Disagree => Status::Refused { by, date: on, reason },
            Opinion::Return => Status::Returned { by, date: on, reason },
            Opinion::Agree => {
                let mut asked = self.asked(of).filter(|asked| *asked != by);
                let approved = Status::Approved { date: on, received: self.received(stated), leaf: stated.leaf };
                asked.next().map_or(approved, |next| Status::Waiting { next })
            }
        })
    }
}

pub(super) fn no_plan(id: &str) -> Problem {
    Problem::new(Why::NoPlan, format!("没有备案方案 {id}"), format!("there is no filed plan `{id}`"))
}

pub(super) fn no_application(id: &str) -> Problem {
    Problem::new(Why::NoApplication, format!("没有变更申请 {id}"), format!("there is no application `{id}`"))
}

fn decided(of: &Application<'_>) -> Problem {
    let id = &of.change.change;
    Problem::new(
        Why::Decided,
        format!("变更申请 {id} 已有结论；请另编申请编号"),
        format!("application `{id}` is decided; apply under another id"),
    )
}
