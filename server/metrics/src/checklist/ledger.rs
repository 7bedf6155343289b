//! The `ledger` statement: what the equipment ledger (设备台账) says of a machine beside its name and its tags (reference §5 row 1).
//!
//! Constraints
//! 1. It moves no line of a report. Whether a machine is digitised or connected is decided by what was read, never by what is stated
//!    here; what is stated and was not read is shown beside the share.
//! 2. Key: machine. A later-effective statement replaces it whole. A field nobody stated is absent, and then it counts as not filled.
//! 3. The mandatory fields of 设备台账完整率 are nine: 编号、名称、型号、厂家、投产日期、位置、类别、接口、点表版本. The name is the machine's own.

use serde::{Deserialize, Serialize};

use crate::metrology::declared::check_text;
use crate::model::{ModelError, check_date, check_id};

const KIND: &str = "ledger";
/// Mandatory fields of a machine's entry, its name among them.
pub const MANDATORY: u32 = 9;

/// The class of equipment in the ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EquipmentClass {
    /// 关键生产设备.
    KeyProduction,
    /// 重要辅助设备.
    ImportantAuxiliary,
    /// 通用动力设备.
    GeneralPower,
    /// 高能耗设备.
    HighEnergy,
    /// 新能源设备.
    Renewable,
}

impl EquipmentClass {
    /// Chinese and English.
    pub const fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::KeyProduction => ("关键生产", "key production"),
            Self::ImportantAuxiliary => ("重要辅助", "important auxiliary"),
            Self::GeneralPower => ("通用动力", "general power"),
            Self::HighEnergy => ("高能耗", "high energy"),
            Self::Renewable => ("新能源", "renewable energy"),
        }
    }
}

/// `ledger`: a machine's entry.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LedgerEntry {
    /// Machine id.
    pub machine: String,
    /// The factory's own number of the machine (编号).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub number: Option<String>,
    /// Model (型号).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// Maker (厂家).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub maker: Option<String>,
    /// Serial number on the name plate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub serial: Option<String>,
    /// Taken into use (投产日期), `YYYY-MM-DD`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commissioned: Option<String>,
    /// Where it stands (位置).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location: Option<String>,
    /// Class (类别).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class: Option<EquipmentClass>,
    /// Its data interface (接口), e.g. `Modbus RTU`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interface: Option<String>,
    /// Version of the list of its tags (点表版本).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub point_table: Option<String>,
    /// Stated to have a digital interface (数字化设备).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digitised: Option<bool>,
    /// Stated to be connected (已联网).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub networked: Option<bool>,
}

impl LedgerEntry {
    /// How many of the mandatory fields are filled, the name left to the machine's own statement.
    pub fn filled(&self) -> u32 {
        let texts = [
            &self.number,
            &self.model,
            &self.maker,
            &self.commissioned,
            &self.location,
            &self.interface,
            &self.point_table,
        ];
        texts.iter().filter(|t| t.is_some()).count() as u32 + u32::from(self.class.is_some())
    }
}

/// Checks a statement.
///
/// # Errors
/// [`ModelError`] names the field and what is allowed there.
pub(crate) fn check(body: LedgerEntry) -> Result<LedgerEntry, ModelError> {
    check_id(KIND, "machine", &body.machine)?;
    let texts = [
        ("number", &body.number),
        ("model", &body.model),
        ("maker", &body.maker),
        ("serial", &body.serial),
        ("location", &body.location),
        ("interface", &body.interface),
        ("point_table", &body.point_table),
    ];
    for (field, text) in texts {
        if let Some(text) = text {
            check_text(KIND, field, text, 1)?;
        }
    }
    if let Some(date) = &body.commissioned {
        check_date(KIND, "commissioned", date)?;
    }
    Ok(body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_filled_is_counted_and_what_is_wrong_is_named() {
        let full = LedgerEntry {
            machine: "press".into(),
            number: Some("SB-001".into()),
            model: Some("JH21-80".into()),
            maker: Some("厂".into()),
            serial: Some("7".into()),
            commissioned: Some("2019-05-01".into()),
            location: Some("一车间".into()),
            class: Some(EquipmentClass::KeyProduction),
            interface: Some("Modbus TCP".into()),
            point_table: Some("v1".into()),
            digitised: Some(true),
            networked: Some(false),
        };
        assert_eq!(check(full.clone()).unwrap().filled() + 1, MANDATORY, "all of them but the machine's name");
        assert_eq!(
            LedgerEntry { machine: "press".into(), serial: Some("7".into()), ..LedgerEntry::default() }.filled(),
            0
        );
        let refused = |change: fn(&mut LedgerEntry)| {
            let mut body = full.clone();
            change(&mut body);
            match check(body).unwrap_err() {
                ModelError::Field { field, .. } => field,
                other => panic!("{other}"),
            }
        };
        assert_eq!(refused(|b| b.machine = "冲床".into()), "machine");
        assert_eq!(refused(|b| b.commissioned = Some("2019".into())), "commissioned");
        assert_eq!(refused(|b| b.location = Some("\u{7}".into())), "location");
    }
}
