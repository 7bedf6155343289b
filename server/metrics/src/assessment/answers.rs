//! What an assessor entered: options, counts for shares, and the level of each scene.
//!
//! Constraints: a set that passes here fits its questionnaire. Nothing is corrected: an option twice, a question twice, the
//! option 无 beside another, or more machines connected than there are is refused with its place. What is missing stays missing.

use std::collections::BTreeSet;

use serde::Deserialize;

use crate::assessment::AssessmentError;
use crate::assessment::scheme::{Kind, Question, Scheme};
use crate::checklist::file::read;

/// A set of answers.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Answers {
    /// Id of the questionnaire answered.
    pub scheme: String,
    /// Answered questions.
    #[serde(default)]
    pub questions: Vec<QuestionAnswer>,
    /// Assessed scenes.
    #[serde(default)]
    pub scenes: Vec<SceneAnswer>,
}

/// The answer to a question: options, or for bands what was counted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QuestionAnswer {
    /// Number of the question.
    pub question: u8,
    /// Letters chosen.
    #[serde(default)]
    pub options: Option<Vec<String>>,
    /// Counted, e.g. connected machines.
    #[serde(default)]
    pub part: Option<u64>,
    /// That could have been, e.g. production machines.
    #[serde(default)]
    pub of: Option<u64>,
}

/// The level of a scene; 0 when not even L1 is reached.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SceneAnswer {
    /// Scene id.
    pub scene: String,
    /// 0 to 4.
    pub level: u8,
}

fn refuse(what: impl Into<String>, reason: impl Into<String>) -> AssessmentError {
    AssessmentError::Answer { what: what.into(), reason: reason.into() }
}

impl Answers {
    /// Reads answers; [`Self::check`] says whether they fit a questionnaire.
    ///
    /// # Errors
    /// Another shape.
    pub fn parse(json: &str) -> Result<Self, AssessmentError> {
        Ok(read(json, "answers")?)
    }

    /// Whether every answer fits the questionnaire.
    ///
    /// # Errors
    /// The first that does not.
    pub fn check(&self, scheme: &Scheme) -> Result<(), AssessmentError> {
        if self.scheme != scheme.id {
            return Err(refuse("the questionnaire", format!("`{}` was answered, not {}", self.scheme, scheme.id)));
        }
        let mut seen = BTreeSet::new();
        for answer in &self.questions {
            let what = format!("question {}", answer.question);
            if !seen.insert(answer.question) {
                return Err(refuse(what, "answered twice"));
            }
            let question = scheme.question(answer.question).ok_or_else(|| refuse(&what, "no such question"))?;
            answer.check(question).map_err(|reason| refuse(&what, reason))?;
        }
        let mut seen = BTreeSet::new();
        for answer in &self.scenes {
            let what = format!("scene `{}`", answer.scene);
            if !scheme.scenes.iter().any(|c| c.scene == answer.scene) {
                return Err(refuse(what, "no such scene"));
            }
            if !seen.insert(answer.scene.as_str()) {
                return Err(refuse(what, "answered twice"));
            }
            if answer.level > 4 {
                return Err(refuse(what, "levels are 0 to 4"));
            }
        }
        Ok(())
    }

    /// The answer to a question.
    pub fn question(&self, number: u8) -> Option<&QuestionAnswer> {
        self.questions.iter().find(|a| a.question == number)
    }

    /// The level of a scene.
    pub fn scene(&self, scene: &str) -> Option<u8> {
        self.scenes.iter().find(|a| a.scene == scene).map(|a| a.level)
    }
}

impl QuestionAnswer {
    fn check(&self, question: &Question) -> Result<(), String> {
        let Some(options) = &self.options else {
            return match (self.part, self.of) {
                (Some(part), Some(of)) if question.kind == Kind::Bands && part <= of => Ok(()),
                (Some(_), Some(_)) if question.kind == Kind::Bands => Err("`part` is more than `of`".to_owned()),
                (Some(_), Some(_)) => Err("counts answer only questions of bands".to_owned()),
                _ => Err("needs `options`, or both `part` and `of`".to_owned()),
            };
        };
        if self.part.is_some() || self.of.is_some() {
            return Err("options or counts, not both".to_owned());
        }
        let distinct: BTreeSet<&str> = options.iter().map(String::as_str).collect();
        if distinct.len() != options.len() {
            return Err("an option is there twice".to_owned());
        }
        if let Some(unknown) = options.iter().find(|o| question.option(o).is_none()) {
            return Err(format!("`{unknown}` is no option"));
        }
        let nothing = question.options.first().is_some_and(|first| distinct.contains(first.option.as_str()));
        match (question.kind, options.len()) {
            (_, 0) => Err("no option is chosen: leave the question out, or choose 无".to_owned()),
            (Kind::Multi, n) if nothing && n > 1 => Err("无 excludes every other option".to_owned()),
            (Kind::Multi, _) | (_, 1) => Ok(()),
            _ => Err("one option only".to_owned()),
        }
    }
}
