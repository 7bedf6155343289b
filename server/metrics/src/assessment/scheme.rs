//! An edition's questionnaire as data: dimensions, questions, options and points, scenes, and the level rule.
//!
//! Constraints
//! 1. A file that contradicts itself is refused: options add up to their question, questions to their dimension, dimensions to
//!    100; bands rise to 100 %; what equipment data can evidence adds up to what the file says it does.
//! 2. A file without dimensions scores nothing and says why (the weights of the 2022 edition were not found).
//! 3. Definitions that a scene asks for exist in the catalogue.

mod check;

use serde::{Deserialize, Deserializer};

use crate::assessment::level::LevelRule;
use crate::assessment::{Edition, Points};
use crate::checklist::file::{FileError, read};
use crate::checklist::needs::Need;
use crate::energy::comprehensive::Direction;
use crate::energy::factors::Sourced;
use crate::model::Names;

/// A questionnaire.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scheme {
    /// `name@version`.
    pub id: String,
    /// Edition.
    pub edition: Edition,
    /// Names.
    pub names: Names,
    /// The official document.
    pub document: String,
    /// Where the numbers were read.
    pub source: String,
    /// How well sourced.
    pub sourced: Sourced,
    /// What a reader must know.
    #[serde(default)]
    pub remark: String,
    /// Why nothing can be scored; exactly when there are no dimensions.
    #[serde(default)]
    pub unscored: Option<Names>,
    /// Scored dimensions.
    #[serde(default)]
    pub dimensions: Vec<Dimension>,
    /// Most points that equipment data can evidence.
    #[serde(default)]
    pub evidence_points: Points,
    /// Scenes of 数字化经营.
    #[serde(default)]
    pub scenes: Vec<Scene>,
    /// From points and scenes to a level.
    pub level_rule: LevelRule,
}

/// A scored dimension.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dimension {
    /// Short id.
    pub dimension: String,
    /// Names.
    pub names: Names,
    /// Points of all its questions.
    pub points: Points,
    /// Questions in order.
    pub questions: Vec<Question>,
}

/// A question.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Question {
    /// Number on the form, from 1.
    #[serde(rename = "question")]
    pub number: u8,
    /// What is asked.
    pub names: Names,
    /// Where it stands below its dimension.
    pub place: Names,
    /// Most points.
    pub points: Points,
    /// How it is answered.
    pub kind: Kind,
    /// Options in order; the first is worth nothing.
    pub options: Vec<Choice>,
    /// What the form asks beside the option, in its words.
    #[serde(default)]
    pub fields: Vec<String>,
    /// What equipment data says about it.
    pub evidence: EvidenceRule,
}

/// How a question is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Any number of options, whose points add; the first excludes the others.
    Multi,
    /// One option.
    Single,
    /// One option, decided by a share in percent; upper ends are closed.
    Bands,
    /// One option, decided by which way a figure changed.
    Direction,
}

/// An option.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Choice {
    /// Letter on the form.
    pub option: String,
    /// What it says.
    pub names: Names,
    /// Points.
    pub points: Points,
    /// Upper end of a band, percent, inside.
    #[serde(default)]
    pub to_percent: Option<u32>,
    /// Which way the figure changed.
    #[serde(default, deserialize_with = "direction")]
    pub direction: Option<Direction>,
    /// How well its text is sourced, when worse than the file.
    #[serde(default)]
    pub sourced: Option<Sourced>,
    /// What a reader must know.
    #[serde(default)]
    pub remark: String,
}

/// What equipment data says about a question.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EvidenceRule {
    /// How far it goes.
    pub extent: Extent,
    /// Which figure decides.
    #[serde(default)]
    pub by: Option<Figure>,
    /// Of a question with several options, the ones data can evidence.
    #[serde(default)]
    pub options: Vec<String>,
    /// In words.
    pub remark: Names,
}

/// How far equipment data goes for a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Extent {
    /// It decides the answer, wholly or for the options named.
    Counted,
    /// It supports what a person shows; counted nowhere.
    Supporting,
    /// It says nothing.
    None,
}

/// The figure that decides a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Figure {
    /// Machines with a live link.
    Links,
    /// 生产设备数字化率.
    DigitalShare,
    /// 生产设备联网率.
    ConnectedShare,
    /// 数据自动采集的业务环节.
    Areas,
    /// Change of 每百元营业收入综合能源消费量.
    EnergyChange,
    /// Change of 月均产品合格率.
    QualityChange,
}

/// A scene (场景) of 数字化经营.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scene {
    /// Short id.
    pub scene: String,
    /// Names.
    pub names: Names,
    /// The group it belongs to.
    pub lane: Names,
    /// ★ 约束性.
    pub starred: bool,
    /// What each level from L1 to L4 asks, condensed.
    pub levels: Vec<Names>,
    /// The level whose data we speak about.
    #[serde(default)]
    pub data_level: Option<u8>,
    /// What that level asks: alternatives, each a list of what it needs.
    #[serde(default)]
    pub asks: Vec<Vec<Need>>,
}

fn direction<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Direction>, D::Error> {
    let text = String::deserialize(deserializer)?;
    match text.as_str() {
        "higher" => Ok(Some(Direction::Higher)),
        "same" => Ok(Some(Direction::Same)),
        "lower" => Ok(Some(Direction::Lower)),
        other => Err(serde::de::Error::custom(format!("`{other}` is not `higher`, `same` or `lower`"))),
    }
}

impl Scheme {
    /// Reads a questionnaire.
    ///
    /// # Errors
    /// Another shape, a text missing in a language, or numbers that contradict each other; the message says which.
    pub fn parse(json: &str) -> Result<Self, FileError> {
        let scheme: Self = read(json, "questionnaire")?;
        check::scheme(&scheme).map_err(|reason| FileError::new(&scheme.id, reason))?;
        Ok(scheme)
    }

    /// This questionnaire with another level rule, e.g. the one a city's assessing body confirmed.
    ///
    /// # Errors
    /// A rule of another edition, or one that asks for more scenes than there are.
    pub fn with_level_rule(&self, rule: LevelRule) -> Result<Self, FileError> {
        check::rule(&rule, self.edition, &self.scenes).map_err(|reason| FileError::new(&rule.id, reason))?;
        Ok(Self { level_rule: rule, ..self.clone() })
    }

    /// Every question in order of the form.
    pub fn questions(&self) -> impl Iterator<Item = &Question> {
        self.dimensions.iter().flat_map(|d| &d.questions)
    }

    /// The question with this number.
    pub fn question(&self, number: u8) -> Option<&Question> {
        self.questions().find(|q| q.number == number)
    }

    /// Most points of all questions.
    pub fn points(&self) -> Points {
        self.dimensions.iter().map(|d| d.points).sum()
    }
}

impl Question {
    /// The option with this letter.
    pub fn option(&self, letter: &str) -> Option<&Choice> {
        self.options.iter().find(|o| o.option == letter)
    }

    /// The band a share falls into: the first whose closed upper end is not below it. By cross-multiplication (reference
    /// §0.6). `None` when nothing could be counted, when more was counted than there is, or when the question has no bands.
    pub fn band(&self, part: u64, of: u64) -> Option<&Choice> {
        if of == 0 || part > of || self.kind != Kind::Bands {
            return None;
        }
        let within =
            |o: &&Choice| o.to_percent.is_some_and(|to| u128::from(part) * 100 <= u128::from(of) * u128::from(to));
        self.options.iter().find(within)
    }

    /// The option for a direction.
    pub fn of_direction(&self, direction: Direction) -> Option<&Choice> {
        self.options.iter().find(|o| o.direction == Some(direction))
    }

    /// Most points that equipment data can evidence here.
    pub fn evidence_points(&self) -> Points {
        match self.evidence.extent {
            Extent::Counted if self.kind == Kind::Multi => {
                self.options.iter().filter(|o| self.evidence.options.contains(&o.option)).map(|o| o.points).sum()
            }
            Extent::Counted => self.points,
            Extent::Supporting | Extent::None => Points::ZERO,
        }
    }
}

/// The questionnaires delivered with the program, oldest first.
pub const DELIVERED: [&str; 2] =
    [include_str!("../../data/assessment/miit-2022-1.json"), include_str!("../../data/assessment/miit-2024-1.json")];

/// The delivered questionnaire with this id.
///
/// # Errors
/// No delivered questionnaire has it.
pub fn delivered(id: &str) -> Result<Scheme, FileError> {
    let missing = || FileError::new(id, "no delivered questionnaire has this id");
    DELIVERED.iter().filter_map(|json| Scheme::parse(json).ok()).find(|scheme| scheme.id == id).ok_or_else(missing)
}

#[cfg(test)]
mod tests;
