//! From points and scenes to a level, by a rule that is data (reference §4.4).
//!
//! Constraints
//! 1. Of the levels whose every condition is met, the highest. Rules rise: whoever fulfils a level fulfils those below.
//! 2. Open answers leave bounds. A condition that both ends decide is decided; a level is named only when no open answer can
//!    change it, otherwise the outcome says between which levels it lies.
//! 3. Every condition keeps its numbers, so that the reason is said: 「得分 61.25 ≥ 60，达到 L3 的场景 7 个 < 8 个」.
//! 4. The rule's own standing (`sourced`) goes with every outcome.

use serde::Deserialize;

use crate::assessment::{Edition, Points, level_words};
use crate::checklist::file::{FileError, named, read, versioned};
use crate::energy::factors::Sourced;
use crate::model::Names;

/// A level rule.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LevelRule {
    /// `name@version`.
    pub id: String,
    /// Edition it belongs to.
    pub edition: Edition,
    /// How well sourced.
    pub sourced: Sourced,
    /// Where it was read.
    pub source: String,
    /// What a reader must know.
    pub remark: Names,
    /// Levels from the lowest.
    pub levels: Vec<LevelNeeds>,
}

/// What a level needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LevelNeeds {
    /// 1 is 一级.
    pub level: u8,
    /// Least points.
    pub points: Points,
    /// Scenes that reach this level or a higher one.
    #[serde(default)]
    pub scenes: u8,
    /// Of these, ★ scenes.
    #[serde(default)]
    pub starred: u8,
}

/// How many scenes reach a level: at least and at most, when some are not answered.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Reached {
    /// Scenes, least and most.
    pub scenes: (u8, u8),
    /// ★ scenes, least and most.
    pub starred: (u8, u8),
}

/// What a condition is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum About {
    /// Points of the scored dimensions.
    Points,
    /// Scenes at the level or above.
    Scenes,
    /// ★ scenes at the level or above.
    Starred,
}

/// One condition of a level, with its numbers. Points are in thousandths.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Condition {
    /// What it is about.
    pub about: About,
    /// The level.
    pub level: u8,
    /// Least it can be.
    pub least: i64,
    /// Most it can be.
    pub most: i64,
    /// What is needed.
    pub needed: i64,
}

impl Condition {
    /// Met, not met, or open.
    pub const fn is_met(&self) -> Option<bool> {
        if self.least >= self.needed {
            Some(true)
        } else if self.most < self.needed {
            Some(false)
        } else {
            None
        }
    }

    /// In Chinese and English, with the numbers.
    pub fn words(&self) -> (String, String) {
        let text = |v: i64| match self.about {
            About::Points => Points::from_thousandths(v).unwrap_or_default().digits(),
            About::Scenes | About::Starred => v.to_string(),
        };
        let have = if self.least == self.most {
            text(self.least)
        } else {
            format!("{}–{}", text(self.least), text(self.most))
        };
        let needed = text(self.needed);
        let (sign, open) = match self.is_met() {
            Some(true) => ("≥", ["", ""]),
            Some(false) => ("<", ["", ""]),
            None => ("?", ["（尚未确定）", " (open)"]),
        };
        let level = self.level;
        let (zh, en) = match self.about {
            About::Points => (format!("得分 {have} {sign} {needed}"), format!("score {have} {sign} {needed}")),
            About::Scenes => (
                format!("达到 L{level} 的场景 {have} 个 {sign} {needed} 个"),
                format!("scenes at L{level} or above {have} {sign} {needed}"),
            ),
            About::Starred => {
                (format!("其中约束性场景 {have} 个 {sign} {needed} 个"), format!("of these ★ {have} {sign} {needed}"))
            }
        };
        (format!("{zh}{}", open[0]), format!("{en}{}", open[1]))
    }
}

/// One level and its conditions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// The level.
    pub level: u8,
    /// Its conditions.
    pub conditions: Vec<Condition>,
}

impl Step {
    /// Whether every condition is met; `None` while that is open.
    pub fn is_met(&self) -> Option<bool> {
        let verdicts = || self.conditions.iter().map(Condition::is_met);
        if verdicts().any(|v| v == Some(false)) {
            Some(false)
        } else if verdicts().all(|v| v == Some(true)) {
            Some(true)
        } else {
            None
        }
    }

    /// The conditions in Chinese and English.
    pub fn words(&self) -> (String, String) {
        let (zh, en): (Vec<String>, Vec<String>) = self.conditions.iter().map(Condition::words).unzip();
        (zh.join("，"), en.join(", "))
    }
}

/// Open answers leave more than one level possible.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("open answers leave levels {least} to {most} possible")]
pub struct Open {
    /// Lowest level possible.
    pub least: u8,
    /// Highest level possible.
    pub most: u8,
}

/// What a rule says, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// Id of the rule.
    pub rule: String,
    /// Edition of the rule.
    pub edition: Edition,
    /// How well the rule is sourced.
    pub sourced: Sourced,
    /// The level; 0 is below the first.
    pub level: Result<u8, Open>,
    /// Every level with its conditions, from the lowest.
    pub steps: Vec<Step>,
}

impl Outcome {
    /// What it is: arithmetic on an assessor's answers, in Chinese and English.
    pub fn statement(&self) -> (String, String) {
        let unverified = self.sourced != Sourced::Published;
        let (mark_zh, mark_en) =
            if unverified { ("（未与官方文本核对）", " (unverified)") } else { ("", "") };
        let (zh, en) = match self.level {
            Ok(level) => level_words(level),
            Err(open) => {
                let (low, high) = (level_words(open.least), level_words(open.most));
                (
                    format!("{}至{}之间，部分题目未答", low.0, high.0),
                    format!("between {} and {}, answers are open", low.1, high.1),
                )
            }
        };
        let (year, rule) = (self.edition.year(), &self.rule);
        (
            format!(
                "按评测人员填写的答案和{year}年版规则 {rule}{mark_zh}计算：{zh}。本系统不评定等级，等级以评测机构现场评定为准。"
            ),
            format!(
                "calculated from the assessor's answers with rule {rule} of edition {year}{mark_en}: {en}. This system states no level; the assessing body does."
            ),
        )
    }
}

impl LevelRule {
    /// Reads a rule on its own, to replace the one of a questionnaire.
    ///
    /// # Errors
    /// Another shape; levels that do not rise.
    pub fn parse(json: &str) -> Result<Self, FileError> {
        let rule: Self = read(json, "level rule")?;
        rule.check().map_err(|reason| FileError::new(&rule.id, reason))?;
        Ok(rule)
    }

    pub(crate) fn check(&self) -> Result<(), String> {
        versioned(&self.id)?;
        named(&self.remark, "remark of the level rule")?;
        let numbered = self.levels.iter().map(|l| l.level).eq((1..=9).take(self.levels.len()));
        if self.levels.is_empty() || self.levels.len() > 9 || !numbered {
            return Err("levels are numbered 1, 2, 3 …, at most 9".to_owned());
        }
        let rises =
            |(a, b): (&LevelNeeds, &LevelNeeds)| a.points < b.points && a.scenes <= b.scenes && a.starred <= b.starred;
        let hundred = Points::from_thousandths(100_000).unwrap_or_default();
        let fits = |l: &LevelNeeds| l.starred <= l.scenes && l.points <= hundred;
        if self.levels.iter().all(fits) && self.levels.iter().zip(self.levels.iter().skip(1)).all(rises) {
            Ok(())
        } else {
            Err("levels rise in points up to 100 and never fall in scenes; starred scenes are some of the scenes"
                .to_owned())
        }
    }

    /// Decides: `points` at least and at most, and how many scenes reach a level.
    pub fn decide(&self, points: (Points, Points), reached: impl Fn(u8) -> Reached) -> Outcome {
        let step = |needs: &LevelNeeds| {
            let level = needs.level;
            let condition = |about, (least, most): (i64, i64), needed| Condition { about, level, least, most, needed };
            let score = (points.0.thousandths(), points.1.thousandths());
            let mut conditions = vec![condition(About::Points, score, needs.points.thousandths())];
            if needs.scenes > 0 {
                let Reached { scenes, starred } = reached(level);
                let wide = |(a, b): (u8, u8)| (i64::from(a), i64::from(b));
                conditions.push(condition(About::Scenes, wide(scenes), needs.scenes.into()));
                conditions.push(condition(About::Starred, wide(starred), needs.starred.into()));
            }
            Step { level, conditions }
        };
        let steps: Vec<Step> = self.levels.iter().map(step).collect();
        let highest = |keep: fn(&Step) -> bool| steps.iter().filter(|s| keep(s)).map(|s| s.level).max().unwrap_or(0);
        let least = highest(|s| s.is_met() == Some(true));
        let most = highest(|s| s.is_met() != Some(false));
        let level = if least >= most { Ok(least) } else { Err(Open { least, most }) };
        Outcome { rule: self.id.clone(), edition: self.edition, sourced: self.sourced, level, steps }
    }

    /// Places a total that an assessor stated, for an edition whose levels follow from the score alone.
    ///
    /// # Errors
    /// A rule that also asks for scenes: a total alone decides nothing then.
    pub fn place_total(&self, total: Points) -> Result<Outcome, FileError> {
        if self.levels.iter().any(|l| l.scenes > 0) {
            return Err(FileError::new(&self.id, "this rule also asks for scenes: a total alone decides nothing"));
        }
        Ok(self.decide((total, total), |_| Reached::default()))
    }
}

#[cfg(test)]
mod tests;
