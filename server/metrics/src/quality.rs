//! Quality statistics of key processes (关键工序 SPC): control charts, run rules and capability against logged specification
//! limits (metrics reference §1.3 "Cm/Cmk/Cp/Cpk").
//!
//! Constraints
//! 1. Everything rests on a logged `specification`: which signal, which limits, how subgroups are taken, which rules, and which
//!    base period the control limits come from. Control limits are never computed from the points they judge unless the base
//!    period says so, and never again by themselves.
//! 2. Values, means, ranges, limits and Cp/Cpk are exact quotients; a square root (s of Pp and Ppk) exists only as printed digits.
//! 3. What was not observed is no point: missing subgroups are not invented, one with too few values is listed as incomplete, and
//!    no moving range and no run of a rule reaches across unobserved time. So deleting readings that should have come never makes a violation.
//! 4. Out of control (a rule) and out of specification (a limit of the drawing) are two lists; neither replaces the other.
//!
//! [`specification`]: what is declared; [`measured`]: readings → measurements; [`points`]: subgroups and moving ranges;
//! [`control`]: limits of X̄-R and I-MR charts from [`constants`]; [`rules`]: Western Electric and Nelson; [`capability`]: Cp, Cpk,
//! Pp, Ppk, Cm, Cmk; [`chart`]: all of it for one characteristic and window.

pub mod capability;
pub mod chart;
pub mod constants;
pub mod control;
pub mod measured;
pub mod points;
pub mod rules;
pub mod specification;

/// Why a quality figure has no value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reason {
    /// No base period is declared for the control limits.
    NoBase,
    /// The base period has fewer subgroups or values than limits may rest on.
    BaseTooSmall,
    /// Fewer subgroups than a capability may rest on.
    TooFewSubgroups,
    /// Fewer values than a capability may rest on.
    TooFewValues,
    /// The values do not differ, as the instrument resolves them: a capability would be infinite.
    NoSpread,
    /// Only one limit is specified: a two-sided index does not exist.
    OneSided,
    /// The amounts leave the range of exact arithmetic.
    OutOfRange,
}

impl Reason {
    /// Every reason.
    pub const ALL: [Self; 7] = [
        Self::NoBase,
        Self::BaseTooSmall,
        Self::TooFewSubgroups,
        Self::TooFewValues,
        Self::NoSpread,
        Self::OneSided,
        Self::OutOfRange,
    ];

    /// The reason with this code.
    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.code() == code)
    }

    /// The code printed in reports.
    pub const fn code(self) -> &'static str {
        match self {
            Self::NoBase => "NO_BASE_PERIOD",
            Self::BaseTooSmall => "BASE_TOO_SMALL",
            Self::TooFewSubgroups => "TOO_FEW_SUBGROUPS",
            Self::TooFewValues => "TOO_FEW_VALUES",
            Self::NoSpread => "NO_SPREAD",
            Self::OneSided => "ONE_SIDED",
            Self::OutOfRange => "OUT_OF_RANGE",
        }
    }

    /// The reason in Chinese and English.
    pub const fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::NoBase => ("未填报控制限的基准时段", "no base period is declared for the control limits"),
            Self::BaseTooSmall => ("基准时段的子组不足", "too few subgroups in the base period"),
            Self::TooFewSubgroups => ("完整子组不足", "too few complete subgroups"),
            Self::TooFewValues => ("测量值不足", "too few values"),
            Self::NoSpread => ("测量值无差异，量具分辨力不足", "values do not differ: the gauge resolves too little"),
            Self::OneSided => ("只有单侧规格限", "only one specification limit"),
            Self::OutOfRange => ("数值超出精确运算范围", "beyond the range of exact arithmetic"),
        }
    }
}
