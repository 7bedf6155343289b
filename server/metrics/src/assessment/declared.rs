//! `level_assessed`: a level that a named body stated, and what may be said about two of them (reference §4.1, §4.4).
//!
//! Constraints
//! 1. Every stated level keeps its edition, its date, who said so (body and the assessor's pseudonym), whether the firm assessed
//!    itself or was assessed on site, and the digest of the document that says it.
//! 2. Levels of two editions are never subtracted: the comparison refuses with words for the reader.
//! 3. A self-assessment against an assessment on site may be compared, and says what it is.

use serde::{Deserialize, Serialize};

use crate::assessment::{Edition, Points, level_words};
use crate::calendar::parse_date;
use crate::model::ModelError;

/// The declaration's kind.
pub const KIND: &str = "level_assessed";
/// Longest name of a body, characters.
const BODY_MAX: usize = 200;
/// Longest pseudonym, characters.
const ASSESSOR_MAX: usize = 64;
/// Highest level of the 评测指标.
const LEVEL_MAX: u8 = 4;

/// `level_assessed`: a stated level.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LevelAssessed {
    /// Edition.
    pub edition: Edition,
    /// 1 to 4; 0 when below 一级.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub level: Option<u8>,
    /// Score, thousandths of a point.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub score_thousandths: Option<i64>,
    /// Date of the assessment, `YYYY-MM-DD`.
    pub date: String,
    /// How it came about.
    pub assessed: Assessed,
    /// The body that states it, by name.
    pub body: String,
    /// The assessor's pseudonym.
    pub assessor: String,
    /// SHA-256 of the document that states it, 64 lower-case hexadecimal digits.
    pub document: String,
}

/// How a level came about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Assessed {
    /// 自评.
    ByItself,
    /// 现场评定.
    OnSite,
}

impl Assessed {
    /// In Chinese and English.
    pub const fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::ByItself => ("自评", "self-assessment"),
            Self::OnSite => ("现场评定", "assessment on site"),
        }
    }
}

/// Checks the bounds of a body.
///
/// # Errors
/// The field, and what is allowed there.
pub fn check(body: LevelAssessed) -> Result<LevelAssessed, ModelError> {
    let refuse = |field: &str, reason: String| Err(ModelError::Field { kind: KIND, field: field.to_owned(), reason });
    if body.level.is_none() && body.score_thousandths.is_none() {
        return refuse("level", "a level, a score, or both".to_owned());
    }
    if body.level.is_some_and(|l| l > LEVEL_MAX) {
        return refuse("level", format!("must be 0 to {LEVEL_MAX}"));
    }
    if body.score_thousandths.is_some_and(|s| !(0..=100_000).contains(&s)) {
        return refuse("score_thousandths", "must be 0 to 100 000 thousandths of a point".to_owned());
    }
    if parse_date(&body.date).is_none() {
        return refuse("date", format!("`{}` is not a date like 2026-03-14", body.date));
    }
    let fits = |text: &str, most: usize| {
        !text.trim().is_empty() && text.chars().count() <= most && !text.chars().any(char::is_control)
    };
    if !fits(&body.body, BODY_MAX) {
        return refuse("body", format!("must be 1 to {BODY_MAX} characters of one line"));
    }
    if !fits(&body.assessor, ASSESSOR_MAX) {
        return refuse("assessor", format!("must be 1 to {ASSESSOR_MAX} characters of one line"));
    }
    let is_hex = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
    if body.document.len() != 64 || !body.document.bytes().all(is_hex) {
        return refuse("document", "must be a SHA-256 digest: 64 lower-case hexadecimal digits".to_owned());
    }
    Ok(body)
}

impl LevelAssessed {
    /// The score, when one was stated.
    pub fn score(&self) -> Option<Points> {
        Points::from_thousandths(self.score_thousandths?)
    }

    /// What was stated, by whom, when and under which edition, in Chinese and English.
    pub fn words(&self) -> (String, String) {
        let (mut zh, mut en) = (Vec::new(), Vec::new());
        if let Some(level) = self.level {
            let (z, e) = level_words(level);
            zh.push(z);
            en.push(e);
        }
        if let Some(score) = self.score() {
            zh.push(format!("{} 分", score.digits()));
            en.push(format!("{} points", score.digits()));
        }
        let (how, year) = (self.assessed.words(), self.edition.year());
        (
            format!("{}（{year}年版，{}，{}，{}）", zh.join("，"), how.0, self.body, self.date),
            format!("{} (edition {year}, {}, {}, {})", en.join(", "), how.1, self.body, self.date),
        )
    }
}

/// What may be said about two stated levels of one edition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LevelChange {
    /// Edition of both.
    pub edition: Edition,
    /// Levels before and after, when both state one.
    pub levels: Option<(u8, u8)>,
    /// Scores before and after, when both state one.
    pub scores: Option<(Points, Points)>,
    /// How each came about.
    pub assessed: (Assessed, Assessed),
}

impl LevelChange {
    /// Levels after − before.
    pub fn levels_risen(&self) -> Option<i16> {
        self.levels.map(|(before, after)| i16::from(after) - i16::from(before))
    }

    /// Score after − before, thousandths of a point.
    pub fn score_risen_thousandths(&self) -> Option<i64> {
        self.scores.map(|(before, after)| after.thousandths() - before.thousandths())
    }

    /// A remark when the two came about differently, in Chinese and English.
    pub fn remark(&self) -> Option<(String, String)> {
        let (before, after) = (self.assessed.0.words(), self.assessed.1.words());
        (self.assessed.0 != self.assessed.1).then(|| {
            (
                format!("改造前为{}，改造后为{}，评定方式不同", before.0, after.0),
                format!("before: {}, after: {}: not assessed alike", before.1, after.1),
            )
        })
    }
}

/// Why two stated levels are not compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotCompared {
    /// Two editions.
    #[error("editions {} and {} measure different things: their levels stand side by side and are not subtracted", .0.year(), .1.year())]
    Editions(Edition, Edition),
    /// One states only a level, the other only a score.
    #[error("one states only a level, the other only a score")]
    NothingInCommon,
    /// The one called before is later.
    #[error("the assessment before is dated after the other")]
    Order,
}

impl NotCompared {
    /// In Chinese and English.
    pub fn words(self) -> (String, String) {
        let zh = match self {
            Self::Editions(a, b) => {
                format!("{}年版与{}年版指标体系不同，等级和得分并列展示，不相减", a.year(), b.year())
            }
            Self::NothingInCommon => "一方只有等级，另一方只有得分，无法比较".to_owned(),
            Self::Order => "改造前的评定日期晚于改造后".to_owned(),
        };
        (zh, self.to_string())
    }
}

/// Compares two stated levels.
///
/// # Errors
/// Two editions, nothing in common, the wrong order.
pub fn compare(before: &LevelAssessed, after: &LevelAssessed) -> Result<LevelChange, NotCompared> {
    if before.edition != after.edition {
        return Err(NotCompared::Editions(before.edition, after.edition));
    }
    // Dates are checked to be `YYYY-MM-DD`, so that text order is time order.
    if before.date > after.date {
        return Err(NotCompared::Order);
    }
    let (levels, scores) = (before.level.zip(after.level), before.score().zip(after.score()));
    if levels.is_none() && scores.is_none() {
        return Err(NotCompared::NothingInCommon);
    }
    Ok(LevelChange { edition: before.edition, levels, scores, assessed: (before.assessed, after.assessed) })
}

#[cfg(test)]
mod tests;
