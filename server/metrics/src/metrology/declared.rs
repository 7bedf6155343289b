//! The `meter` statement: which instrument stands behind a machine's energy register or power signal.
//!
//! Constraints
//! 1. Key: machine and quantity. A later-effective statement replaces it whole: an exchanged meter, a new certificate.
//! 2. `register` says whether the transformer ratios are inside the numbers already (`primary`) or belong to the scale of the
//!    gateway's configuration (`secondary`). Nothing multiplies by them here.
//! 3. A class, a transformer or a certificate may be unknown to the one who states; that is a finding later, not a refusal now.
//!    Only what contradicts itself is refused.

use serde::{Deserialize, Serialize};

use crate::calendar::parse_date;
use crate::exact::Rational;
use crate::metrology::Device;
use crate::model::{ModelError, check_date, check_id, refuse};

/// Which signal of the machine the instrument is behind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Quantity {
    /// The `energy` register.
    #[default]
    Energy,
    /// The `power` signal.
    Power,
}

/// What an energy register counts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Counts {
    /// 正向有功: energy taken from the net.
    #[default]
    Import,
    /// 反向有功: energy given to it.
    Export,
}

/// On which side of the transformers the register's numbers are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RegisterSide {
    /// 一次侧: the ratios are inside the register, or there are no transformers.
    Primary,
    /// 二次侧: the gateway's scale has to contain the ratios.
    Secondary,
}

/// A current or voltage transformer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Transformer {
    /// Accuracy class as marked; absent when nobody knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class: Option<String>,
    /// Rated primary value, amperes or volts.
    pub primary: i64,
    /// Rated secondary value, amperes or volts.
    pub secondary: i64,
}

impl Transformer {
    /// Primary over secondary.
    pub fn ratio(&self) -> Option<Rational> {
        Rational::new(self.primary.into(), self.secondary.into())
    }
}

/// Who vouches for an instrument, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CertificateKind {
    /// 检定: within its class, by a verification regulation.
    Verification,
    /// 校准: its errors were measured.
    Calibration,
}

impl CertificateKind {
    /// Chinese and English.
    pub const fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Verification => ("检定证书", "verification certificate"),
            Self::Calibration => ("校准证书", "calibration certificate"),
        }
    }
}

/// A certificate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Certificate {
    /// Of the meter, the CT or the PT.
    #[serde(default = "of_the_meter")]
    pub of: Device,
    /// Verification or calibration.
    pub kind: CertificateKind,
    /// Its number.
    pub number: String,
    /// Who issued it.
    #[serde(default)]
    pub issuer: String,
    /// Local date of issue, `YYYY-MM-DD`.
    pub issued: String,
    /// Last local date on which it holds, `YYYY-MM-DD`.
    pub valid_until: String,
}

/// `meter`: the instrument behind a machine's energy register or power signal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Meter {
    /// Machine id.
    pub machine: String,
    /// Which of its signals.
    #[serde(default)]
    pub quantity: Quantity,
    /// What the register counts.
    #[serde(default)]
    pub counts: Counts,
    /// Serial number on the name plate.
    #[serde(default)]
    pub serial: String,
    /// Accuracy class as marked, e.g. `0.5S`, `1`, `B`; absent when nobody knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class: Option<String>,
    /// Current transformer; absent for a directly connected meter.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ct: Option<Transformer>,
    /// Voltage transformer; absent at low voltage.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pt: Option<Transformer>,
    /// Whether the ratios are inside the numbers.
    pub register: RegisterSide,
    /// Kilowatt-hours (or kilowatts) that one count of the register stands for by the instrument's own manual, ratios left out; a
    /// decimal. With it the configured scale is checked exactly.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub per_count: Option<String>,
    /// Certificates of the meter and its transformers.
    #[serde(default)]
    pub certificates: Vec<Certificate>,
}

impl Meter {
    /// CT ratio times PT ratio; 1 without transformers.
    pub fn ratio(&self) -> Option<Rational> {
        let of = |t: &Option<Transformer>| t.as_ref().map_or(Some(Rational::integer(1)), Transformer::ratio);
        of(&self.ct)?.times(of(&self.pt)?)
    }

    /// Whether another statement speaks of the same instruments: the same serial number, classes and transformers. Without a
    /// serial number nobody can say so.
    pub fn is_same_instrument(&self, other: &Self) -> bool {
        !self.serial.is_empty()
            && (&self.serial, &self.class, &self.ct, &self.pt) == (&other.serial, &other.class, &other.ct, &other.pt)
    }
}

const fn of_the_meter() -> Device {
    Device::Meter
}

const KIND: &str = "meter";
/// Certificates of one statement.
const CERTIFICATES_MAX: usize = 16;

/// A short text without control characters; `least` characters at least.
pub(crate) fn check_text(kind: &'static str, field: &str, text: &str, least: usize) -> Result<(), ModelError> {
    if text.trim().len() >= least && text.len() <= 128 && !text.chars().any(char::is_control) {
        Ok(())
    } else {
        Err(refuse(kind, field, format!("must be {least} to 128 bytes without control characters")))
    }
}

/// A decimal within limits, both allowed, with at most nine decimals.
pub(crate) fn check_decimal(
    kind: &'static str,
    field: &str,
    text: &str,
    (least, most): (i128, i128),
) -> Result<Rational, ModelError> {
    let decimals = text.split_once('.').map_or(0, |(_, fraction)| fraction.len());
    let value = Rational::parse(text).filter(|v| *v >= Rational::integer(least) && *v <= Rational::integer(most));
    value.filter(|_| decimals <= 9).ok_or_else(|| {
        refuse(kind, field, format!("`{text}` must be a decimal from {least} to {most} with at most 9 decimals"))
    })
}

fn check_transformer(field: &str, transformer: &Transformer) -> Result<(), ModelError> {
    if let Some(class) = &transformer.class {
        check_text(KIND, &format!("{field}.class"), class, 1)?;
    }
    let is_sane = (1..=10_000_000).contains(&transformer.primary) && (1..=10_000).contains(&transformer.secondary);
    if is_sane && transformer.primary >= transformer.secondary {
        Ok(())
    } else {
        Err(refuse(
            KIND,
            field,
            "needs `primary` of 1 to 10 000 000, `secondary` of 1 to 10 000, and primary ≥ secondary",
        ))
    }
}

fn check_certificate(at: usize, certificate: &Certificate) -> Result<(), ModelError> {
    let field = |name: &str| format!("certificates[{at}].{name}");
    check_text(KIND, &field("number"), &certificate.number, 1)?;
    check_text(KIND, &field("issuer"), &certificate.issuer, 0)?;
    check_date(KIND, &field("issued"), &certificate.issued)?;
    check_date(KIND, &field("valid_until"), &certificate.valid_until)?;
    if parse_date(&certificate.issued) > parse_date(&certificate.valid_until) {
        return Err(refuse(KIND, field("valid_until"), "must not be before `issued`"));
    }
    Ok(())
}

/// Checks a statement.
///
/// # Errors
/// [`ModelError`] names the field and what is allowed there.
pub(crate) fn check(meter: Meter) -> Result<Meter, ModelError> {
    check_id(KIND, "machine", &meter.machine)?;
    check_text(KIND, "serial", &meter.serial, 0)?;
    if let Some(class) = &meter.class {
        check_text(KIND, "class", class, 1)?;
    }
    for (field, transformer) in [("ct", &meter.ct), ("pt", &meter.pt)] {
        if let Some(transformer) = transformer {
            check_transformer(field, transformer)?;
        }
    }
    if meter.register == RegisterSide::Secondary && meter.ct.is_none() && meter.pt.is_none() {
        return Err(refuse(
            KIND,
            "register",
            "`secondary` needs a `ct` or a `pt`; without transformers it is `primary`",
        ));
    }
    if let Some(text) = &meter.per_count
        && check_decimal(KIND, "per_count", text, (0, 1_000_000))?.is_zero()
    {
        return Err(refuse(KIND, "per_count", "must be above zero"));
    }
    if meter.certificates.len() > CERTIFICATES_MAX {
        return Err(refuse(KIND, "certificates", format!("at most {CERTIFICATES_MAX}")));
    }
    for (at, certificate) in meter.certificates.iter().enumerate() {
        check_certificate(at, certificate)?;
    }
    Ok(meter)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::model::{Body, parse_body};

    fn stated() -> Value {
        json!({"machine": "main", "serial": "0071", "class": "0.5S", "register": "secondary", "per_count": "0.01",
            "ct": {"class": "0.2S", "primary": 200, "secondary": 5}, "pt": {"class": "0.2", "primary": 10_000, "secondary": 100},
            "certificates": [{"kind": "verification", "number": "JD-1", "issued": "2024-05-01", "valid_until": "2030-04-30"}]})
    }

    #[test]
    fn a_whole_statement_is_read() {
        let Ok(Body::Meter(meter)) = parse_body("meter", &stated()) else { panic!("refused") };
        assert_eq!(meter.ratio(), Some(Rational::integer(4_000)));
        assert_eq!(meter.certificates[0].of, Device::Meter);
        assert_eq!(serde_json::from_value::<Meter>(serde_json::to_value(&*meter).unwrap()).unwrap(), *meter);
        assert!(meter.is_same_instrument(&meter));
        let nameless = Meter { serial: String::new(), ..(*meter).clone() };
        assert!(!nameless.is_same_instrument(&nameless));
    }

    #[test]
    fn what_contradicts_itself_is_refused_by_field() {
        for (pointer, value, field) in [
            ("/machine", json!("Main"), "machine"),
            ("/class", json!(""), "class"),
            ("/serial", json!("a\u{0}"), "serial"),
            ("/ct", json!({"primary": 5, "secondary": 200}), "ct"),
            ("/ct", json!({"primary": i64::MAX, "secondary": 1}), "ct"),
            ("/pt", json!({"primary": 0, "secondary": 0}), "pt"),
            ("/per_count", json!("0"), "per_count"),
            ("/per_count", json!("1e3"), "per_count"),
            ("/certificates/0/issued", json!("2031-01-01"), "certificates[0].valid_until"),
            ("/certificates/0/issued", json!("2024-02-30"), "certificates[0].issued"),
            ("/certificates/0/number", json!(" "), "certificates[0].number"),
        ] {
            let mut body = stated();
            *body.pointer_mut(pointer).unwrap() = value;
            match parse_body("meter", &body) {
                Err(ModelError::Field { field: got, .. }) => assert_eq!(got, field),
                other => panic!("{pointer}: {other:?}"),
            }
        }
        let mut direct = stated();
        direct["ct"] = Value::Null;
        direct["pt"] = Value::Null;
        assert!(matches!(parse_body("meter", &direct), Err(ModelError::Field { field, .. }) if field == "register"));
        let mut unknown = stated();
        unknown["colour"] = json!("grey");
        assert!(matches!(parse_body("meter", &unknown), Err(ModelError::Shape { .. })));
    }
}
