//! The arithmetic of a questionnaire on an assessor's answers (reference §4.2, §4.4).

use crate::assessment::answers::{Answers, QuestionAnswer};
use crate::assessment::level::{Outcome, Reached};
use crate::assessment::scheme::{Question, Scene, Scheme};
use crate::assessment::{AssessmentError, Edition, Points};

/// Why a question has no points.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unanswered {
    /// Nobody answered it.
    Missing,
    /// A share of nothing.
    NothingCounted,
}

impl Unanswered {
    /// In Chinese and English.
    pub const fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Missing => ("未填写", "not answered"),
            Self::NothingCounted => ("分母为零，无法计算比例", "a share of nothing: undefined"),
        }
    }
}

/// A question's points.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuestionScore {
    /// Number.
    pub question: u8,
    /// Letters that count.
    pub options: Vec<String>,
    /// Points, or why there are none.
    pub points: Result<Points, Unanswered>,
    /// Most points.
    pub of: Points,
}

/// A sum of points: the value when everything is answered, and what it is at least and at most.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sum {
    /// Least, with open questions at nothing.
    pub least: Points,
    /// Most, with open questions at their most.
    pub most: Points,
    /// Most points there are.
    pub of: Points,
    /// Open questions.
    pub open: Vec<u8>,
}

impl Sum {
    fn of<'a>(scores: impl Iterator<Item = &'a QuestionScore> + Clone) -> Self {
        Self {
            least: scores.clone().map(|s| s.points.unwrap_or_default()).sum(),
            most: scores.clone().map(|s| s.points.unwrap_or(s.of)).sum(),
            of: scores.clone().map(|s| s.of).sum(),
            open: scores.filter(|s| s.points.is_err()).map(|s| s.question).collect(),
        }
    }

    /// The points, when every question is answered.
    pub fn points(&self) -> Option<Points> {
        self.open.is_empty().then_some(self.least)
    }
}

/// What an answer set amounts to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scored {
    /// Id of the questionnaire.
    pub scheme: String,
    /// Edition.
    pub edition: Edition,
    /// Questions in order.
    pub questions: Vec<QuestionScore>,
    /// Dimensions in order: id and sum.
    pub dimensions: Vec<(String, Sum)>,
    /// All of it.
    pub total: Sum,
    /// Scenes nobody assessed.
    pub open_scenes: Vec<String>,
    /// What the level rule says: arithmetic, not an assessment.
    pub level: Outcome,
}

/// Scores an assessor's answers.
///
/// # Errors
/// A questionnaire without weights, answers that do not fit it.
pub fn score(scheme: &Scheme, answers: &Answers) -> Result<Scored, AssessmentError> {
    if let Some(why) = &scheme.unscored {
        return Err(AssessmentError::Unscored { edition: scheme.edition.year(), why: why.en.clone() });
    }
    answers.check(scheme)?;
    let questions: Vec<QuestionScore> = scheme.questions().map(|q| one(q, answers.question(q.number))).collect();
    let dimensions = scheme.dimensions.iter().map(|d| {
        let mine = |s: &&QuestionScore| d.questions.iter().any(|q| q.number == s.question);
        (d.dimension.clone(), Sum::of(questions.iter().filter(mine)))
    });
    let dimensions = dimensions.collect();
    let total = Sum::of(questions.iter());
    let level = scheme.level_rule.decide((total.least, total.most), |level| reached(&scheme.scenes, answers, level));
    let open = scheme.scenes.iter().filter(|c| answers.scene(&c.scene).is_none());
    let open_scenes = open.map(|c| c.scene.clone()).collect();
    let (id, edition) = (scheme.id.clone(), scheme.edition);
    Ok(Scored { scheme: id, edition, questions, dimensions, total, open_scenes, level })
}

fn one(question: &Question, answer: Option<&QuestionAnswer>) -> QuestionScore {
    let scored = |options, points| QuestionScore { question: question.number, options, points, of: question.points };
    let Some(answer) = answer else { return scored(vec![], Err(Unanswered::Missing)) };
    if let Some(options) = &answer.options {
        let chosen = question.options.iter().filter(|o| options.contains(&o.option));
        let points = chosen.clone().map(|o| o.points).sum();
        return scored(chosen.map(|o| o.option.clone()).collect(), Ok(points));
    }
    match answer.part.zip(answer.of).and_then(|(part, of)| question.band(part, of)) {
        Some(band) => scored(vec![band.option.clone()], Ok(band.points)),
        None => scored(vec![], Err(Unanswered::NothingCounted)),
    }
}

/// How many scenes reach a level; scenes nobody assessed may or may not.
pub fn reached(scenes: &[Scene], answers: &Answers, level: u8) -> Reached {
    let count = |starred: bool, open: bool| {
        let counts = |c: &&Scene| {
            let known = answers.scene(&c.scene);
            (c.starred || !starred) && known.map_or(open, |l| l >= level)
        };
        u8::try_from(scenes.iter().filter(counts).count()).unwrap_or(u8::MAX)
    };
    Reached { scenes: (count(false, false), count(false, true)), starred: (count(true, false), count(true, true)) }
}

#[cfg(test)]
mod tests;
