//! Why no statement is made: typed, with what is wrong, where, and what to do, in Chinese and English.

use serde::Serialize;
use serde::ser::{SerializeMap as _, Serializer};

/// Which period a finding is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// Before the change.
    Baseline,
    /// After it.
    Reporting,
}

impl Side {
    /// Chinese (GB/T 28750) and English.
    pub const fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Baseline => ("基期", "baseline"),
            Self::Reporting => ("统计报告期", "reporting period"),
        }
    }
}

/// Why a model was not fitted or savings are not stated.
#[derive(Debug, Clone, PartialEq)]
pub enum Refusal {
    /// No degree of freedom is left.
    TooFewPoints {
        /// Points given.
        points: usize,
        /// Coefficients wanted.
        parameters: usize,
    },
    /// A driver is a combination of the others, or never changes.
    DependentDriver {
        /// Its id.
        driver: String,
    },
    /// A value is negative, infinite or not a number.
    BadValue {
        /// Where.
        side: Side,
        /// In which period.
        period: i64,
        /// `energy` or the driver's id.
        column: String,
    },
    /// Two points of one period.
    DoubledPeriod {
        /// Where.
        side: Side,
        /// Which period.
        period: i64,
    },
    /// A point does not have one value per driver.
    DriverCount {
        /// Where.
        side: Side,
        /// In which period.
        period: i64,
    },
    /// More points or drivers than this model is for, or numbers beyond floating point.
    TooLarge,
    /// Nothing to project.
    NoReportingPoints,
    /// Fewer points than the pilot's minimum (reference §3.7).
    TooShort {
        /// Which side.
        side: Side,
        /// Valid points.
        points: usize,
        /// Points wanted.
        wanted: usize,
    },
    /// More than 20 % of the energy lies where the model was never fitted (reference §3.4).
    Extrapolated,
    /// More than 10 % of a side's points would be excluded (reference §3.6).
    TooMuchExcluded {
        /// Which side.
        side: Side,
        /// Points excluded.
        excluded: usize,
        /// Of so many.
        points: usize,
    },
    /// An indicator's event does not touch the baseline, or covers all of it: its effect cannot be estimated.
    IndicatorWithoutBaseline {
        /// The event.
        event: String,
    },
    /// An event without evidence, proposer or approver, or one approved by its proposer.
    NotApproved {
        /// The event.
        event: String,
    },
    /// An event ends before it begins, corrects outside its span, or takes off more than was measured.
    BadAdjustment {
        /// The event.
        event: String,
    },
    /// An event that makes the baseline void: a new one is needed.
    Rebaseline {
        /// The event.
        event: String,
    },
}

impl Refusal {
    /// The code printed in reports.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::TooFewPoints { .. } => "TOO_FEW_POINTS",
            Self::DependentDriver { .. } => "DEPENDENT_DRIVER",
            Self::BadValue { .. } => "BAD_VALUE",
            Self::DoubledPeriod { .. } => "DOUBLED_PERIOD",
            Self::DriverCount { .. } => "DRIVER_COUNT",
            Self::TooLarge => "TOO_LARGE",
            Self::NoReportingPoints => "NO_REPORTING_POINTS",
            Self::TooShort { side: Side::Baseline, .. } => "BASELINE_TOO_SHORT",
            Self::TooShort { side: Side::Reporting, .. } => "REPORTING_TOO_SHORT",
            Self::Extrapolated => "EXTRAPOLATED",
            Self::TooMuchExcluded { .. } => "TOO_MUCH_EXCLUDED",
            Self::IndicatorWithoutBaseline { .. } => "INDICATOR_WITHOUT_BASELINE",
            Self::NotApproved { .. } => "NOT_APPROVED",
            Self::BadAdjustment { .. } => "BAD_ADJUSTMENT",
            Self::Rebaseline { .. } => "REBASELINE",
        }
    }

    /// What, where and what to do, in Chinese and English.
    pub fn words(&self) -> (String, String) {
        match self {
            Self::TooFewPoints { points, parameters } => (
                format!("{points} 个数据点不足以估计 {parameters} 个系数及其误差；请延长基期或减少驱动变量"),
                format!(
                    "{points} points cannot carry {parameters} coefficients and an error estimate; lengthen the baseline or drop a driver"
                ),
            ),
            Self::DependentDriver { driver } => (
                format!("驱动变量 {driver} 不变化，或可由其他变量线性表示；请删除"),
                format!("driver {driver} never changes or is a combination of the others; leave it out"),
            ),
            Self::BadValue { side, period, column } => (
                format!("{}第 {period} 期的 {column} 为负数或不是有限数；请更正数据", side.words().0),
                format!(
                    "{} period {period}: {column} is negative or not a finite number; correct the data",
                    side.words().1
                ),
            ),
            Self::DoubledPeriod { side, period } => (
                format!("{}第 {period} 期出现两个数据点；每期只能有一个", side.words().0),
                format!("{} period {period} has two points; give one for each period", side.words().1),
            ),
            Self::DriverCount { side, period } => (
                format!("{}第 {period} 期的驱动变量个数与模型不符", side.words().0),
                format!("{} period {period} does not have one value per driver of the model", side.words().1),
            ),
            Self::TooLarge => (
                "数据点、驱动变量过多，或数值超出可计算范围".to_owned(),
                "too many points or drivers, or values too large to compute with".to_owned(),
            ),
            Self::NoReportingPoints => {
                ("统计报告期没有有效数据点".to_owned(), "the reporting period has no valid point".to_owned())
            }
            Self::TooShort { side, points, wanted } => (
                format!("{}仅有 {points} 个有效数据点，至少需要 {wanted} 个；请延长采集时间", side.words().0),
                format!("the {} has {points} valid points, {wanted} are needed; keep measuring", side.words().1),
            ),
            Self::Extrapolated => (
                "超过 20% 的能耗落在基期驱动变量范围（±10%）之外，模型不适用；请补充基期数据或重建基线".to_owned(),
                "more than 20 % of the energy lies beyond the baseline's range of drivers (±10 %); extend or renew the baseline"
                    .to_owned(),
            ),
            Self::TooMuchExcluded { side, excluded, points } => (
                format!("{}剔除 {excluded}/{points} 个数据点，超过 10% 的上限；请改用计量修正或重建基线", side.words().0),
                format!(
                    "{excluded} of {points} points of the {} would be excluded, 10 % are allowed; correct by sub-meter or renew the baseline",
                    side.words().1
                ),
            ),
            Self::IndicatorWithoutBaseline { event } => (
                format!("事件 {event} 未部分覆盖基期，指示变量无法估计；请剔除或用分表修正"),
                format!("event {event} does not cover a part of the baseline, so an indicator cannot be estimated; exclude the span or correct by sub-meter"),
            ),
            Self::NotApproved { event } => (
                format!("事件 {event} 缺少证据、提出人或批准人，或由提出人自行批准"),
                format!("event {event} lacks evidence, a proposer or an approver other than the proposer"),
            ),
            Self::BadAdjustment { event } => (
                format!("事件 {event} 的起止时间或修正量不成立"),
                format!("event {event} ends before it begins, corrects outside its span, or takes off more than was measured"),
            ),
            Self::Rebaseline { event } => (
                format!("事件 {event} 使基线失效，须重建基线"),
                format!("event {event} makes the baseline void; a new one is needed"),
            ),
        }
    }
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.words().1)
    }
}

impl std::error::Error for Refusal {}

impl Serialize for Refusal {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (zh, en) = self.words();
        let mut map = serializer.serialize_map(Some(3))?;
        map.serialize_entry("code", self.code())?;
        map.serialize_entry("en", &en)?;
        map.serialize_entry("zh", &zh)?;
        map.end()
    }
}
