//! 《中小企业数字化水平评测指标》: the questionnaire as data, its arithmetic, and what equipment data can evidence of it
//! (reference §4).
//!
//! Constraints
//! 1. **We never state a level.** A level here is either what a named body stated ([`declared`]), or the arithmetic of a rule
//!    on answers an assessor entered ([`score`], [`level`]), and says so. Equipment data evidences points of single questions
//!    ([`evidence`]: 「设备数据可佐证 x/29.5 分」), never a level.
//! 2. Points are exact: whole thousandths. Bands are closed at their upper end and decided by cross-multiplied integers, so
//!    that 16 of 40 is 40 % and scores as (20 %, 40 %].
//! 3. A question nobody answered is not zero: the total is undefined, with the bounds that the open questions leave.
//! 4. Questions, weights, scenes and the level rule are data with an id and a version ([`scheme`]). What no official text
//!    confirms is marked there and in every result that rests on it; a city replaces the rule by its own file.
//! 5. Editions (2022, 2024) measure different things: they stand side by side and are never subtracted.
//! 6. 综合能源消费量 (Q12, statistical forms) and 综合能耗 (GB/T 2589) are two metrics; one never answers for the other.

pub mod answers;
pub mod declared;
pub mod evidence;
pub mod level;
pub mod points;
pub mod scenes;
pub mod scheme;
pub mod score;

use serde::{Deserialize, Serialize};

pub use self::points::Points;
use crate::checklist::file::FileError;

/// Which edition of the 评测指标.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Edition {
    /// 2022年版, 工信厅企业〔2022〕32号: levels by the total score of four dimensions.
    #[serde(rename = "2022")]
    E2022,
    /// 2024年版, 工信厅企业〔2024〕56号: three scored dimensions, and scenes.
    #[serde(rename = "2024")]
    E2024,
}

impl Edition {
    /// The year, as it is written.
    pub const fn year(self) -> &'static str {
        match self {
            Self::E2022 => "2022",
            Self::E2024 => "2024",
        }
    }
}

/// A level in words: 一级 to 四级, and what lies below the first.
pub fn level_words(level: u8) -> (String, String) {
    let zh = match level {
        0 => "未达一级".to_owned(),
        1 => "一级".to_owned(),
        2 => "二级".to_owned(),
        3 => "三级".to_owned(),
        4 => "四级".to_owned(),
        n => format!("{n}级"),
    };
    (zh, if level == 0 { "below level 1".to_owned() } else { format!("level {level}") })
}

/// Why something about an assessment could not be formed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AssessmentError {
    /// A file is not what its format says.
    #[error(transparent)]
    File(#[from] FileError),
    /// An answer that cannot be one.
    #[error("answer to {what}: {reason}")]
    Answer {
        /// Which question or scene.
        what: String,
        /// What is wrong and what is allowed.
        reason: String,
    },
    /// The scheme has no weights.
    #[error("edition {edition} cannot be scored: {why}")]
    Unscored {
        /// Edition.
        edition: &'static str,
        /// Why, in English.
        why: String,
    },
}
