//! Why a statement about a deviation, or about a paper, counts for nothing or is refused before it is logged.

use serde::{Deserialize, Serialize};

use crate::model::Names;

/// Says one thing in both languages.
pub(super) fn words(zh: impl Into<String>, en: impl Into<String>) -> Names {
    Names { zh: zh.into(), en: en.into() }
}

/// Why a step counts for nothing: a code of report.json.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Why {
    /// There is no notice of this id.
    NoNotice,
    /// The deviation is closed.
    Closed,
    /// By another account than the firm's.
    NotTheFirm,
    /// By another account than an authority's.
    NotAnAuthority,
    /// By an account that is neither the firm's nor an authority's.
    NotWhoMeasures,
    /// Measures before an explanation.
    NoExplanation,
    /// A measure is due before the day on which it was stated.
    DueBefore,
    /// Measured again before measures were stated.
    NoMeasures,
    /// Measured again over dates before the measures.
    BeforeMeasures,
    /// Measured again by another definition, base period or unit.
    CountedOtherwise,
    /// Not measured again since the measures.
    NotRemeasured,
    /// The id is another notice's.
    SameId,
    /// A deviation of the target is open.
    StillOpen,
    /// The target is reached as measured.
    TargetReached,
    /// What was measured does not suffice.
    NotEnough,
}

impl Why {
    /// Every reason.
    pub const ALL: [Self; 15] = [
        Self::NoNotice,
        Self::Closed,
        Self::NotTheFirm,
        Self::NotAnAuthority,
        Self::NotWhoMeasures,
        Self::NoExplanation,
        Self::DueBefore,
        Self::NoMeasures,
        Self::BeforeMeasures,
        Self::CountedOtherwise,
        Self::NotRemeasured,
        Self::SameId,
        Self::StillOpen,
        Self::TargetReached,
        Self::NotEnough,
    ];

    /// Chinese and English.
    pub const fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::NoNotice => ("没有该偏离提示", "there is no such notice of a deviation"),
            Self::Closed => ("该偏离已销号", "the deviation was closed already"),
            Self::NotTheFirm => ("不是由企业账号填报", "not stated by the firm's own account"),
            Self::NotAnAuthority => ("不是由主管部门的账号作出", "not stated by an authority's account"),
            Self::NotWhoMeasures => {
                ("不是由企业或主管部门的账号发起", "not asked for by the firm's or an authority's account")
            }
            Self::NoExplanation => ("尚无企业说明", "the firm had not explained yet"),
            Self::DueBefore => ("期限早于填报当日", "due before the day on which it was stated"),
            Self::NoMeasures => ("尚无整改措施", "no measures were stated yet"),
            Self::BeforeMeasures => ("含整改措施填报以前的数据", "measured over dates before the measures were stated"),
            Self::CountedOtherwise => {
                ("口径、基期或单位与提示时不同", "another definition, base period or unit than the notice")
            }
            Self::NotRemeasured => {
                ("整改措施之后尚未复测", "it had not been measured again since the measures were stated")
            }
            Self::SameId => ("编号已用于另一次提示", "its id is another notice's"),
            Self::StillOpen => ("该目标的前一次偏离尚未销号", "a deviation of this target was open"),
            Self::TargetReached => ("实测已达到目标值", "the target was reached as measured"),
            Self::NotEnough => {
                ("实测数据不足以判断是否偏离", "what was measured did not suffice to say that the target is missed")
            }
        }
    }
}

/// A statement that counts for nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{} / {}", said.zh, said.en)]
pub struct Problem {
    /// Its leaf, when it is one already.
    pub leaf: Option<u64>,
    /// Why, as a code of report.json; none where no report has such a statement.
    pub why: Option<Why>,
    /// Why, with what it is about.
    pub said: Names,
}

impl Problem {
    /// A problem of something that is no leaf yet.
    pub fn new(zh: impl Into<String>, en: impl Into<String>) -> Self {
        Self { leaf: None, why: None, said: words(zh, en) }
    }

    /// The same of a step of a deviation.
    pub(super) fn coded(why: Why, zh: impl Into<String>, en: impl Into<String>) -> Self {
        Self { why: Some(why), ..Self::new(zh, en) }
    }

    /// The same of a leaf.
    #[must_use]
    pub fn at(self, leaf: u64) -> Self {
        Self { leaf: Some(leaf), ..self }
    }
}
