//! Evidence grades A–D (数据可信等级, reference §3.8) and the flags that explain them.
//!
//! Constraints: a value takes the worst grade of its inputs and is never graded up; every step down is a flag that a
//! reader can look up. On a simulated site lateness lowers nothing, because everything there says SIMULATED already.

use std::collections::BTreeSet;

/// How well a value is evidenced.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Grade {
    /// Machine-read, gap-free, hash-chained.
    #[default]
    A,
    /// Machine-read with gaps of at most 5 %.
    B,
    /// Gaps of 5–20 %, or one manual input.
    C,
    /// Manual, late without cause, or hardly observed.
    D,
}

impl Grade {
    /// The letter.
    pub const fn letter(self) -> &'static str {
        match self {
            Self::A => "A",
            Self::B => "B",
            Self::C => "C",
            Self::D => "D",
        }
    }

    /// The grade with this letter.
    pub fn from_letter(letter: &str) -> Option<Self> {
        [Self::A, Self::B, Self::C, Self::D].into_iter().find(|g| g.letter() == letter)
    }

    /// The grade of a coverage (reference §3.7, §3.8): full, at least 95 %, at least 80 %, less. By cross-multiplication.
    pub fn of_coverage(observed_ms: i64, of_ms: i64) -> Self {
        let (observed, of) = (i128::from(observed_ms), i128::from(of_ms));
        if of <= 0 || observed >= of {
            Self::A
        } else if observed * 100 >= of * 95 {
            Self::B
        } else if observed * 100 >= of * 80 {
            Self::C
        } else {
            Self::D
        }
    }
}

/// Something a reader of a value must know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Flag {
    /// A batch crosses the edge of the window and is credited by elapsed time.
    BatchApportioned,
    /// Two batches of one machine overlap.
    BatchOverlap,
    /// Batches are stated by people, not read from the machine.
    BatchStated,
    /// Data is dated before its gateway was enrolled.
    BeforeEnrolment,
    /// Derived time carries an estimated error above two seconds.
    ClockUncertain,
    /// What a register or signal reads changed with the gateway's configuration.
    ConfigurationChanged,
    /// A record's content is withheld or pruned; what it held counts as a gap.
    ContentMissing,
    /// A counter or register started again; what came before is unknown.
    CounterReset,
    /// A counter or register wrapped and was unwrapped.
    CounterRollover,
    /// Energy was integrated from power readings because there is no register.
    EnergyFromPower,
    /// Readings came more than a day late although their gateway had delivered later ones.
    LateData,
    /// A declaration in force was logged after it took effect.
    LateDeclaration,
    /// The gateway signed that records are lost.
    LostRecords,
    /// A person entered a quality count.
    ManualQuality,
    /// An energy register was exchanged as declared.
    MeterReplaced,
    /// No planned cycle time is declared for something that was made.
    NoCycleTime,
    /// Running without an order.
    NoOrder,
    /// There is no order information: an order counts as loaded whenever production was planned.
    NoOrderInfo,
    /// Rejects are not counted: every item counts as good.
    NoRejectSignal,
    /// Running outside every shift.
    OvertimeUnplanned,
    /// Performance above 100 %: the planned cycle time is under review.
    PerfGt100,
    /// The state is derived from power.
    PowerDerivedState,
    /// A step larger than possible was not counted.
    RateExceeded,
    /// A planned stop was declared after it began and counts as unplanned.
    RetroPlannedStop,
    /// Running during a planned stop.
    RunInPlannedStop,
    /// Shifts below 80 % coverage are left out of the sum.
    ShiftsExcluded,
    /// A state code that the declaration does not name counts as unknown.
    UnknownStateCode,
    /// The readings come from a file that no gateway signed.
    UnsignedData,
}

impl Flag {
    /// Every flag, in the order they are printed.
    pub const ALL: [Self; 28] = [
        Self::BatchApportioned,
        Self::BatchOverlap,
        Self::BatchStated,
        Self::BeforeEnrolment,
        Self::ClockUncertain,
        Self::ConfigurationChanged,
        Self::ContentMissing,
        Self::CounterReset,
        Self::CounterRollover,
        Self::EnergyFromPower,
        Self::LateData,
        Self::LateDeclaration,
        Self::LostRecords,
        Self::ManualQuality,
        Self::MeterReplaced,
        Self::NoCycleTime,
        Self::NoOrder,
        Self::NoOrderInfo,
        Self::NoRejectSignal,
        Self::OvertimeUnplanned,
        Self::PerfGt100,
        Self::PowerDerivedState,
        Self::RateExceeded,
        Self::RetroPlannedStop,
        Self::RunInPlannedStop,
        Self::ShiftsExcluded,
        Self::UnknownStateCode,
        Self::UnsignedData,
    ];

    /// The flag with this code.
    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|flag| flag.code() == code)
    }

    /// The code printed in reports.
    pub const fn code(self) -> &'static str {
        match self {
            Self::BatchApportioned => "BATCH_APPORTIONED",
            Self::BatchOverlap => "BATCH_OVERLAP",
            Self::BatchStated => "BATCH_STATED",
            Self::BeforeEnrolment => "BEFORE_ENROLMENT",
            Self::ClockUncertain => "CLOCK_UNCERTAIN",
            Self::ConfigurationChanged => "CONFIGURATION_CHANGED",
            Self::ContentMissing => "CONTENT_MISSING",
            Self::CounterReset => "COUNTER_RESET",
            Self::CounterRollover => "COUNTER_ROLLOVER",
            Self::EnergyFromPower => "ENERGY_FROM_POWER",
            Self::LateData => "LATE_DATA",
            Self::LateDeclaration => "LATE_DECLARATION",
            Self::LostRecords => "LOST_RECORDS",
            Self::ManualQuality => "MANUAL_QUALITY",
            Self::MeterReplaced => "METER_REPLACED",
            Self::NoCycleTime => "NO_CYCLE_TIME",
            Self::NoOrder => "NO_ORDER",
            Self::NoOrderInfo => "NO_ORDER_INFO",
            Self::NoRejectSignal => "NO_REJECT_SIGNAL",
            Self::OvertimeUnplanned => "OVERTIME_UNPLANNED",
            Self::PerfGt100 => "PERF_GT_100",
            Self::PowerDerivedState => "POWER_DERIVED_STATE",
            Self::RateExceeded => "RATE_EXCEEDED",
            Self::RetroPlannedStop => "RETRO_PLANNED_STOP",
            Self::RunInPlannedStop => "RUN_IN_PLANNED_STOP",
            Self::ShiftsExcluded => "SHIFTS_EXCLUDED",
            Self::UnknownStateCode => "UNKNOWN_STATE_CODE",
            Self::UnsignedData => "UNSIGNED_DATA",
        }
    }

    /// What it means, in Chinese and English.
    pub const fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::BatchApportioned => {
                ("跨边界的批次按时间分摊", "a batch that crosses the window's edge is credited by elapsed time")
            }
            Self::BatchOverlap => ("同一设备的批次时间重叠", "batches of one machine overlap in time"),
            Self::BatchStated => ("批次为人工填报", "batches were stated by a person"),
            Self::BeforeEnrolment => ("数据时间早于网关入网时间", "data is dated before its gateway was enrolled"),
            Self::ClockUncertain => ("时间误差估计超过 2 秒", "estimated clock error above 2 s"),
            Self::ConfigurationChanged => (
                "采集配置改变了数值的含义，变更时刻的数量未知",
                "a configuration changed what is read; what passed at the change is unknown",
            ),
            Self::ContentMissing => {
                ("部分记录内容未提供，按缺口处理", "some record contents are withheld and count as gaps")
            }
            Self::CounterReset => {
                ("计数器或表底归零，归零前的数量未知", "a counter or register restarted; what came before is unknown")
            }
            Self::CounterRollover => ("计数器或表底翻转，已还原", "a counter or register wrapped and was unwrapped"),
            Self::EnergyFromPower => {
                ("无电能表底，电量由功率读数积分得出", "no energy register: energy is integrated from power readings")
            }
            Self::LateData => (
                "数据迟到超过 24 小时，而其后的数据已先送达",
                "data came more than 24 h late although later data had been delivered",
            ),
            Self::LateDeclaration => ("填报晚于其生效时间", "a declaration was logged after it took effect"),
            Self::LostRecords => ("网关签名声明部分记录丢失", "the gateway signed that records are lost"),
            Self::ManualQuality => ("质量数量为人工填报", "a quality count was entered by a person"),
            Self::MeterReplaced => ("电能表已按填报更换", "an energy meter was replaced as declared"),
            Self::NoCycleTime => ("未填报计划节拍", "no planned cycle time is declared"),
            Self::NoOrder => ("无订单运行", "running without an order"),
            Self::NoOrderInfo => {
                ("无订单信息，计划时间内视为有订单", "no order information: planned time counts as having an order")
            }
            Self::NoRejectSignal => {
                ("未采集不良数，全部视为合格", "rejects are not counted: every item counts as good")
            }
            Self::OvertimeUnplanned => ("班次外运行", "running outside every shift"),
            Self::PerfGt100 => {
                ("性能超过 100%，计划节拍待复核", "performance above 100 %: planned cycle time under review")
            }
            Self::PowerDerivedState => ("状态由功率推断", "state is derived from power"),
            Self::RateExceeded => ("超出可能速率的增量未计入", "a step larger than possible was not counted"),
            Self::RetroPlannedStop => {
                ("计划停机在开始后才填报，按非计划停机计", "a planned stop declared after it began counts as unplanned")
            }
            Self::RunInPlannedStop => ("计划停机内运行", "running during a planned stop"),
            Self::ShiftsExcluded => ("覆盖率低于 80% 的班次未计入", "shifts below 80 % coverage are left out"),
            Self::UnknownStateCode => ("状态码未定义，按未知处理", "an undeclared state code counts as unknown"),
            Self::UnsignedData => (
                "数据来自未经网关签名的文件，无法核验，不是佐证数据",
                "the readings come from a file that no gateway signed: nobody can check them",
            ),
        }
    }

    /// The best grade a value with this flag can have.
    pub const fn ceiling(self) -> Grade {
        match self {
            Self::BeforeEnrolment | Self::UnsignedData => Grade::D,
            Self::BatchOverlap
            | Self::BatchStated
            | Self::ContentMissing
            | Self::CounterReset
            | Self::EnergyFromPower
            | Self::LateData
            | Self::LateDeclaration
            | Self::ManualQuality
            | Self::NoRejectSignal
            | Self::RateExceeded
            | Self::RetroPlannedStop
            | Self::ShiftsExcluded => Grade::C,
            Self::ClockUncertain
            | Self::ConfigurationChanged
            | Self::LostRecords
            | Self::MeterReplaced
            | Self::PowerDerivedState => Grade::B,
            Self::BatchApportioned
            | Self::CounterRollover
            | Self::NoCycleTime
            | Self::NoOrder
            | Self::NoOrderInfo
            | Self::OvertimeUnplanned
            | Self::PerfGt100
            | Self::RunInPlannedStop
            | Self::UnknownStateCode => Grade::A,
        }
    }
}

/// The worst of a coverage's grade and what the flags allow.
pub fn worst(coverage: Grade, flags: &BTreeSet<Flag>) -> Grade {
    flags.iter().map(|f| f.ceiling()).fold(coverage, Grade::max)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_flag_is_found_by_its_code() {
        assert!(Flag::ALL.is_sorted() && Flag::ALL.len() == Flag::UnsignedData as usize + 1);
        assert!(Flag::ALL.into_iter().all(|flag| Flag::from_code(flag.code()) == Some(flag)));
        assert_eq!(Flag::from_code("SUN_SPOTS"), None);
    }

    #[test]
    fn coverage_grades_cross_multiply_at_the_edges() {
        assert_eq!(Grade::of_coverage(430, 430), Grade::A);
        assert_eq!(Grade::of_coverage(95, 100), Grade::B);
        assert_eq!(Grade::of_coverage(406, 430), Grade::C, "TV-13: 0.944 of PBT is usable, not valid");
        assert_eq!(Grade::of_coverage(80, 100), Grade::C);
        assert_eq!(Grade::of_coverage(79_999, 100_000), Grade::D);
        assert_eq!(worst(Grade::A, &BTreeSet::from([Flag::ManualQuality, Flag::NoOrderInfo])), Grade::C);
    }
}
