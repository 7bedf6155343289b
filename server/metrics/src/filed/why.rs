//! Why a statement of a filing counts for nothing, or is refused before it is logged.

use serde::{Deserialize, Serialize};

/// Why a statement counts for nothing: a code of report.json.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Why {
    /// A plan or an application by another account than the firm's.
    NotTheFirm,
    /// An opinion by another account than that of who is asked.
    NotWhoIsAsked,
    /// Its paper is dated after the day on which the server logged it.
    DatedLater,
    /// There is no plan.
    NoPlan,
    /// Dated before the filing.
    BeforeFiling,
    /// The application is decided.
    Decided,
    /// Dated before what it follows.
    BeforeLast,
    /// Its date cannot be used.
    NoDate,
    /// The rule names no route.
    NoRoute,
    /// The application was returned and waits for its resubmission.
    Returned,
    /// Somebody else is asked first.
    OutOfOrder,
    /// There is no such application.
    NoApplication,
    /// The plan is in the log already: only an approved change changes it.
    StatedAgain,
    /// It takes away what the plan does not have.
    Absent,
    /// The rule is not one of those at hand.
    UnknownRule,
    /// Submitted again while somebody's opinion is asked for.
    StillAsked,
    /// An opinion on another submission than the last.
    OtherSubmission,
    /// A category or an instalment that the rule does not have.
    NotInRule,
}

impl Why {
    /// Every reason.
    pub const ALL: [Self; 18] = [
        Self::NotTheFirm,
        Self::NotWhoIsAsked,
        Self::DatedLater,
        Self::NoPlan,
        Self::BeforeFiling,
        Self::Decided,
        Self::BeforeLast,
        Self::NoDate,
        Self::NoRoute,
        Self::Returned,
        Self::OutOfOrder,
        Self::NoApplication,
        Self::StatedAgain,
        Self::Absent,
        Self::UnknownRule,
        Self::StillAsked,
        Self::OtherSubmission,
        Self::NotInRule,
    ];

    /// Chinese and English.
    pub const fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::NotTheFirm => ("不是由企业账号填报", "not stated by the firm's own account"),
            Self::NotWhoIsAsked => {
                ("意见不是由出具单位自己的账号填报", "not stated by the account of the body whose opinion it is")
            }
            Self::DatedLater => ("日期晚于填报当日", "dated after the day on which it was stated"),
            Self::NoPlan => ("没有该备案方案", "there is no such filed plan"),
            Self::BeforeFiling => ("申请日期早于备案日期", "dated before the filing"),
            Self::Decided => ("该变更申请已有结论", "the application was decided already"),
            Self::BeforeLast => ("日期早于其前的申请或意见", "dated before the application or opinion it follows"),
            Self::NoDate => ("日期不可用", "its date cannot be used"),
            Self::NoRoute => {
                ("没有规定变更程序，由主管部门确定", "no procedure for changes is named; the authority decides")
            }
            Self::Returned => ("已退回补正，尚未重新提交", "it was returned and not submitted again"),
            Self::OutOfOrder => {
                ("意见顺序不对，应先由其他单位出具意见", "out of order: somebody else's opinion comes first")
            }
            Self::NoApplication => ("没有该变更申请", "there is no such application"),
            Self::StatedAgain => (
                "再次填报不改变方案，变更须提出变更申请",
                "stating the plan anew does not change it: a change is applied for",
            ),
            Self::Absent => ("现行方案中没有要取消的内容", "the plan in force does not have what it leaves out"),
            Self::UnknownRule => ("没有该规则文件", "there is no such rule file"),
            Self::StillAsked => (
                "该变更申请正待意见，未经退回不能重新提交",
                "somebody is asked about it: it is submitted again when it is returned",
            ),
            Self::OtherSubmission => {
                ("意见所针对的不是最近一次提交", "the opinion is on another submission than the last")
            }
            Self::NotInRule => ("该办法没有此类别或分期", "the rule has no such category or instalment"),
        }
    }
}
