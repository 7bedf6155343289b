//! What is found wrong or missing about an instrument: matters to verify (待核实事项), each with its evidence.
//!
//! Constraints: a finding names the machine, the time it concerns and the statement it rests on; it corrects nothing, accuses
//! nobody and lowers no grade by itself.

use crate::exact::Rational;
use crate::interval::Interval;
use crate::metrology::{CertificateKind, Device};

/// What was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Finding {
    /// The last certificate had expired.
    CertificateExpired,
    /// No certificate is stated.
    CertificateMissing,
    /// The certificate was issued only later.
    CertificateNotYetIssued,
    /// A class is unknown, or has no limit in the table.
    ClassUnknown,
    /// Nothing is stated about the instrument.
    MeterUndeclared,
    /// The configured scale contradicts the declared ratios.
    RatioContradiction,
    /// The configured scale cannot be checked against the declared ratios.
    RatioUnchecked,
    /// An import register ran backwards, or is read with a negative scale.
    ReversedImport,
}

impl Finding {
    /// Every finding.
    pub const ALL: [Self; 8] = [
        Self::CertificateExpired,
        Self::CertificateMissing,
        Self::CertificateNotYetIssued,
        Self::ClassUnknown,
        Self::MeterUndeclared,
        Self::RatioContradiction,
        Self::RatioUnchecked,
        Self::ReversedImport,
    ];

    /// The code printed.
    pub const fn code(self) -> &'static str {
        match self {
            Self::CertificateExpired => "CERTIFICATE_EXPIRED",
            Self::CertificateMissing => "CERTIFICATE_MISSING",
            Self::CertificateNotYetIssued => "CERTIFICATE_NOT_YET_ISSUED",
            Self::ClassUnknown => "CLASS_UNKNOWN",
            Self::MeterUndeclared => "METER_UNDECLARED",
            Self::RatioContradiction => "RATIO_CONTRADICTION",
            Self::RatioUnchecked => "RATIO_UNCHECKED",
            Self::ReversedImport => "REVERSED_IMPORT",
        }
    }

    /// What it means, in Chinese and English.
    pub const fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::CertificateExpired => {
                ("检定或校准证书在所示时段已过期", "the certificate had expired in the stretch shown")
            }
            Self::CertificateMissing => {
                ("未填报检定或校准证书", "no verification or calibration certificate is stated")
            }
            Self::CertificateNotYetIssued => {
                ("证书签发日期晚于所示时段", "the certificate was issued after the stretch shown")
            }
            Self::ClassUnknown => (
                "准确度等级不明，器具误差无法计入区间",
                "an accuracy class is unknown: instrument error cannot enter the interval",
            ),
            Self::MeterUndeclared => ("未填报计量器具信息", "nothing is stated about the instrument"),
            Self::RatioContradiction => (
                "采集配置的倍率与填报的互感器变比不符",
                "the configured scale contradicts the declared transformer ratios",
            ),
            Self::RatioUnchecked => (
                "采集配置的倍率无法与互感器变比核对，请填报每计数电量",
                "the configured scale cannot be checked against the ratios: state what one count stands for",
            ),
            Self::ReversedImport => (
                "正向有功表底出现倒走或倍率为负，请核查互感器极性与接线",
                "an import register ran backwards or has a negative scale: check polarity and wiring of the transformers",
            ),
        }
    }
}

/// What the finding rests on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Detail {
    /// Nothing beyond the statements.
    None,
    /// A certificate.
    Certificate {
        /// Of which device.
        of: Device,
        /// Which kind.
        kind: CertificateKind,
        /// Its number.
        number: String,
        /// First local date.
        issued: String,
        /// Last local date.
        valid_until: String,
    },
    /// A class.
    Class {
        /// Of which device.
        device: Device,
        /// As stated; empty when none was.
        class: String,
    },
    /// kWh (or kW) per count of the raw register.
    Scale {
        /// By the declared ratios, if that can be said.
        expected: Option<Rational>,
        /// By the gateway's configuration.
        configured: Rational,
    },
    /// Backward movement of a register.
    Backward {
        /// How far, in the register's unit, kWh.
        kwh: Rational,
        /// In how many steps.
        steps: u32,
    },
}

/// A finding with its evidence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// What was found.
    pub finding: Finding,
    /// Machine id.
    pub machine: String,
    /// The time it concerns.
    pub span: Interval,
    /// The `meter` statement it concerns, by leaf.
    pub leaf: Option<u64>,
    /// What it rests on.
    pub detail: Detail,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_finding_has_a_code_and_both_languages() {
        assert!(Finding::ALL.is_sorted() && Finding::ALL.len() == Finding::ReversedImport as usize + 1);
        let chinese = |t: &str| t.chars().any(|c| ('\u{4e00}'..='\u{9fff}').contains(&c));
        for (i, finding) in Finding::ALL.into_iter().enumerate() {
            let (zh, en) = finding.words();
            assert!(chinese(zh) && !en.is_empty() && !chinese(en), "{}", finding.code());
            assert!(Finding::ALL.iter().skip(i + 1).all(|o| o.code() != finding.code()));
        }
    }
}
