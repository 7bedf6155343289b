//! Papers asked of a firm (材料): who owes which by when, what was handed in, received, or returned (退回补正).
//!
//! Constraints
//! 1. A function of the statements in order of the log. A statement that skips a step, or comes from an account that does not speak for
//!    whom it names, counts for nothing and is named; the door refuses it before it is logged, by the same rule.
//! 2. Who asked for a paper is who receives it or returns it. Asked for again it has another date; after its receipt it is owed again.
//! 3. *Received* says that a paper arrived. What it is worth is for those who asked.
//! 4. An entry of a list is stated by a body, never by the firm.

use jiff::civil::Date;
use metrics::calendar::{local_date, parse_date};
use metrics::credibility::course::FACTORY_ROLE;
use metrics::dossier::{FirmListed, Judged, PaperAsked, PaperHanded, PaperJudged};
use metrics::filed::{Filed, OpinionBy};
use metrics::model::{Body, Names};
use metrics::statements::Statements;

use crate::words::{Problem, words};

/// Where a paper stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing<'s> {
    /// It is owed.
    Owed,
    /// It was handed in, and nobody has said anything of it.
    Handed(&'s PaperHanded),
    /// It was returned, and is owed again.
    Returned(&'s PaperJudged),
    /// It arrived.
    Received(&'s PaperJudged),
}

/// A paper with its course.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Paper<'s> {
    /// As asked for last.
    pub asked: &'s PaperAsked,
    /// Leaf of that.
    pub leaf: u64,
    /// How often it was handed in.
    pub handed: usize,
    /// Where it stands.
    pub standing: Standing<'s>,
    /// What was said last of it, with its leaf.
    pub last: u64,
}

impl Paper<'_> {
    /// Whether the firm owes it.
    pub fn is_owed(&self) -> bool {
        matches!(self.standing, Standing::Owed | Standing::Returned(_))
    }

    /// Whether it is owed and its date is over.
    pub fn is_overdue(&self, today: Date) -> bool {
        self.is_owed() && parse_date(&self.asked.due).is_some_and(|due| due < today)
    }

    /// Where it stands, in words.
    pub fn words(&self, today: Date) -> Names {
        let due = &self.asked.due;
        let (over_zh, over_en) = if self.is_overdue(today) { ("（已过期限）", " (overdue)") } else { ("", "") };
        match self.standing {
            Standing::Owed => {
                words(format!("待企业提交，期限 {due}{over_zh}"), format!("owed by the firm, due {due}{over_en}"))
            }
            Standing::Handed(handed) => {
                let (zh, en) = self.asked.by.words();
                words(
                    format!("企业于 {} 提交，待{zh}接收", handed.date),
                    format!("handed in on {}, waiting for the {en}", handed.date),
                )
            }
            Standing::Returned(judged) => words(
                format!("退回补正（{}）：{}；期限 {due}{over_zh}", judged.date, judged.reason),
                format!("returned ({}): {}; due {due}{over_en}", judged.date, judged.reason),
            ),
            Standing::Received(judged) => {
                words(format!("已接收（{}）", judged.date), format!("received ({})", judged.date))
            }
        }
    }
}

/// What became of the papers of a site.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Dossier<'s> {
    /// Papers that were asked for, by id.
    pub papers: Vec<Paper<'s>>,
    /// Statements that count for nothing, and why.
    pub problems: Vec<Problem>,
    /// The newest entry of a list that counts.
    pub listed: Option<&'s Filed<FirmListed>>,
}

impl Dossier<'_> {
    /// The earliest date by which a paper is owed.
    pub fn due(&self) -> Option<&str> {
        self.papers.iter().filter(|p| p.is_owed()).map(|p| p.asked.due.as_str()).min()
    }
}

#[derive(Clone, Copy)]
enum Step<'s> {
    Asked(&'s PaperAsked),
    Handed(&'s PaperHanded),
    Judged(&'s PaperJudged),
}

/// Who stated a step, when, and in which leaf.
#[derive(Clone, Copy)]
struct By<'s> {
    leaf: u64,
    received_ms: i64,
    role: &'s str,
}

fn by<T>(stated: &Filed<T>) -> By<'_> {
    By { leaf: stated.leaf, received_ms: stated.received_ms, role: &stated.role }
}

/// The papers of a site.
pub fn dossier<'s>(statements: &'s Statements, zone: &str) -> Dossier<'s> {
    let mut out = Dossier::default();
    for (_, stated) in statements.papers() {
        let mut steps: Vec<(By<'_>, Step<'_>)> = Vec::new();
        steps.extend(stated.asked.iter().map(|s| (by(s), Step::Asked(&s.body))));
        steps.extend(stated.handed.iter().map(|s| (by(s), Step::Handed(&s.body))));
        steps.extend(stated.judged.iter().map(|s| (by(s), Step::Judged(&s.body))));
        steps.sort_by_key(|(by, _)| by.leaf);
        let mut paper = None;
        for (by, step) in steps {
            match take(paper.as_ref(), by, step, zone) {
                Ok(next) => paper = Some(next),
                Err(problem) => out.problems.push(problem.at(by.leaf)),
            }
        }
        out.papers.extend(paper);
    }
    for entry in statements.listed() {
        match check_listed(&entry.role) {
            Ok(()) => out.listed = Some(entry),
            Err(problem) => out.problems.push(problem.at(entry.leaf)),
        }
    }
    out.problems.sort_by_key(|p| p.leaf);
    out
}

/// Whether a statement may be added to what is in the log; everything that is about no paper and no list may.
///
/// # Errors
/// Why it would count for nothing, and what comes first.
pub fn check_stated(
    statements: &Statements,
    zone: &str,
    body: &Body,
    role: &str,
    received_ms: i64,
) -> Result<(), Problem> {
    let (id, step) = match body {
        Body::PaperAsked(asked) => (&asked.paper, Step::Asked(asked)),
        Body::PaperHanded(handed) => (&handed.paper, Step::Handed(handed)),
        Body::PaperJudged(judged) => (&judged.paper, Step::Judged(judged)),
        Body::FirmListed(_) => return check_listed(role),
        _ => return Ok(()),
    };
    let so_far = dossier(statements, zone);
    let paper = so_far.papers.iter().find(|p| p.asked.paper == *id);
    take(paper, By { leaf: u64::MAX, received_ms, role }, step, zone).map(drop)
}

fn check_listed(role: &str) -> Result<(), Problem> {
    if [OpinionBy::District, OpinionBy::Centre, OpinionBy::City, OpinionBy::Finance].iter().any(|by| by.role() == role)
    {
        return Ok(());
    }
    Err(Problem::new(
        format!("汇总表条目须由主管部门或促进中心的账号填报；填报账号的角色是 {role}"),
        format!(
            "an entry of a list is stated by an authority's or the centre's account; this one has the role `{role}`"
        ),
    ))
}

/// What a step makes of a paper.
fn take<'s>(paper: Option<&Paper<'s>>, by: By<'_>, step: Step<'s>, zone: &str) -> Result<Paper<'s>, Problem> {
    let speaks = |of: OpinionBy| match by.role == of.role() {
        true => Ok(()),
        false => {
            let ((zh, en), wanted, role) = (of.words(), of.role(), by.role);
            Err(Problem::new(
                format!("须由{zh}自己的账号（角色 {wanted}）填报；填报账号的角色是 {role}"),
                format!(
                    "this is stated by the {en}'s own account (role `{wanted}`); this account has the role `{role}`"
                ),
            ))
        }
    };
    let not_ahead = |day: &str| {
        let today = local_date(zone, by.received_ms);
        match today.zip(parse_date(day)).filter(|(today, day)| day > today) {
            Some((today, _)) => Err(Problem::new(
                format!("日期 {day} 晚于填报当日 {today}"),
                format!("dated {day}, after the day on which it is stated ({today})"),
            )),
            None => Ok(()),
        }
    };
    let known = |id: &str| {
        paper
            .ok_or_else(|| Problem::new(format!("没有要求提交材料 {id}"), format!("nobody asked for the paper `{id}`")))
    };
    match step {
        Step::Asked(asked) => {
            speaks(asked.by)?;
            let fresh = Paper { asked, leaf: by.leaf, handed: 0, standing: Standing::Owed, last: by.leaf };
            let Some(paper) = paper else { return Ok(fresh) };
            if paper.asked.by != asked.by {
                let (zh, en) = paper.asked.by.words();
                let id = &asked.paper;
                return Err(Problem::new(
                    format!("材料 {id} 已由{zh}要求；请另编编号"),
                    format!("the {en} asked for the paper `{id}` already; take another id"),
                ));
            }
            match paper.standing {
                Standing::Received(_) => Ok(Paper { handed: paper.handed, ..fresh }),
                _ => Ok(Paper { asked, leaf: by.leaf, last: by.leaf, ..paper.clone() }),
            }
        }
        Step::Handed(handed) => {
            let paper = known(&handed.paper)?;
            if by.role != FACTORY_ROLE {
                let role = by.role;
                return Err(Problem::new(
                    format!("材料由企业账号提交；填报账号的角色是 {role}"),
                    format!("the firm's own account hands a paper in; this account has the role `{role}`"),
                ));
            }
            not_ahead(&handed.date)?;
            if let Standing::Received(judged) = paper.standing {
                let (id, date) = (&handed.paper, &judged.date);
                return Err(Problem::new(
                    format!("材料 {id} 已于 {date} 接收，不必再交"),
                    format!("the paper `{id}` was received on {date}; it is not owed"),
                ));
            }
            let standing = Standing::Handed(handed);
            Ok(Paper { standing, handed: paper.handed + 1, last: by.leaf, ..paper.clone() })
        }
        Step::Judged(judged) => {
            let paper = known(&judged.paper)?;
            speaks(paper.asked.by)?;
            if judged.by != paper.asked.by {
                let (zh, en) = paper.asked.by.words();
                return Err(Problem::new(
                    format!("材料由{zh}要求，由其接收或退回"),
                    format!("the {en} asked for it, and receives or returns it"),
                ));
            }
            not_ahead(&judged.date)?;
            let Standing::Handed(handed) = paper.standing else {
                return Err(Problem::new(
                    "企业尚未提交，不能接收或退回",
                    "it was not handed in: nothing to receive or return",
                ));
            };
            if judged.date < handed.date {
                let (date, after) = (&judged.date, &handed.date);
                return Err(Problem::new(
                    format!("日期 {date} 早于提交日期 {after}"),
                    format!("dated {date}, before it was handed in ({after})"),
                ));
            }
            let standing = match judged.judged {
                Judged::Received => Standing::Received(judged),
                Judged::Return => Standing::Returned(judged),
            };
            Ok(Paper { standing, last: by.leaf, ..paper.clone() })
        }
    }
}
