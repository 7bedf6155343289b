//! A gateway's configuration as evidence: what each tag index means, where it is read and how raw becomes engineering.

use serde::{Deserialize, Serialize};

use crate::{DeviceId, Error, Result, TagId, ValueType, canonical_json};

/// An exact ratio; engineering value = raw × `num` / `den`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ratio {
    /// Numerator, |num| < 2⁵³.
    pub num: i64,
    /// Denominator, 1 ≤ den < 2⁵³.
    pub den: i64,
}

impl Ratio {
    /// 1/1.
    pub const ONE: Self = Self { num: 1, den: 1 };
}

/// How a cumulative register counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CounterConfig {
    /// Raw value at which it starts again from 0 (65536 for 16 bits); absent when it does not.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub modulus: Option<i64>,
    /// Largest believable rise of the raw value per hour.
    pub max_per_hour: i64,
}

/// One tag: its place in the list is its index in every batch under this configuration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TagConfig {
    /// `<device>/<name>`.
    pub id: TagId,
    /// Type of the raw value.
    pub value_type: ValueType,
    /// Unit of the engineering value as UCUM or the shop's word: `kWh`, `kW`, `pcs`; empty for codes and text.
    pub unit: String,
    /// Raw to engineering, CT and PT included.
    pub scale: Ratio,
    /// What the value is for: `state`, `run`, `good_count`, `reject_count`, `total_count`, `power`, `energy` … or empty.
    pub role: String,
    /// Wished interval between readings, ms.
    pub interval_ms: i64,
    /// Where it is read, in the protocol's own words: `holding 100 u32 big`, `ns=2;s=cnc/state`.
    pub address: String,
    /// For cumulative registers.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub counter: Option<CounterConfig>,
}

/// One device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeviceConfig {
    /// Name.
    pub id: DeviceId,
    /// `modbus_tcp`, `modbus_rtu`, `modbus_rtu_over_tcp`, `opcua`.
    pub protocol: String,
    /// Address without secrets.
    pub address: String,
    /// The device profile its tags came from: `eastron-sdm630@1 sha256:0123456789abcdef`; absent when none did.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub profile: Option<String>,
}

/// The configuration in force from the record that carries it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Configuration {
    /// Format version, 1.
    pub format: u32,
    /// Devices.
    pub devices: Vec<DeviceConfig>,
    /// The tag table.
    pub tags: Vec<TagConfig>,
}

/// Most tags in one configuration.
const TAGS_MAX: usize = 20_000;

impl Configuration {
    /// The tag with this name.
    pub fn tag_index(&self, id: &TagId) -> Option<u32> {
        self.tags.iter().position(|t| t.id == *id).map(|i| i as u32)
    }

    /// Refuses what no reader could compute with.
    pub fn validate(&self) -> Result<()> {
        let bad = |why: String| Err(Error::malformed("configuration", why));
        if self.format != 1 {
            return Err(Error::UnknownVersion { what: "configuration", got: self.format, known: 1 });
        }
        if self.tags.len() > TAGS_MAX {
            return Err(Error::too_large("tag table", self.tags.len(), TAGS_MAX));
        }
        let mut names: Vec<&TagId> = self.tags.iter().map(|t| &t.id).collect();
        names.sort();
        if let Some(pair) = names.windows(2).find(|w| w[0] == w[1]) {
            return bad(format!("the tag {} appears twice", pair[0]));
        }
        for tag in &self.tags {
            if tag.scale.den < 1 || tag.scale.num == 0 {
                return bad(format!("the scale of {} is {}/{}", tag.id, tag.scale.num, tag.scale.den));
            }
            if tag.interval_ms < 1 {
                return bad(format!("the interval of {} is {} ms", tag.id, tag.interval_ms));
            }
            if let Some(counter) = tag.counter
                && (counter.max_per_hour < 1 || counter.modulus.is_some_and(|m| m < 2))
            {
                return bad(format!("the counter of {} has a modulus below 2 or a largest rise below 1", tag.id));
            }
        }
        Ok(())
    }

    pub(super) fn encode_plain(&self) -> Result<Vec<u8>> {
        self.validate()?;
        // Canonical JSON written member by member, in the order of the keys: the whole table as one tree of values would
        // take more than a kilobyte a tag.
        let mut out = br#"{"devices":"#.to_vec();
        write_list(&self.devices, &mut out)?;
        out.extend_from_slice(format!(r#","format":{},"tags":"#, self.format).as_bytes());
        write_list(&self.tags, &mut out)?;
        out.push(b'}');
        Ok(out)
    }

    pub(super) fn decode_plain(plain: &[u8]) -> Result<Self> {
        let configuration: Self =
            serde_json::from_slice(plain).map_err(|e| Error::malformed("configuration", e.to_string()))?;
        configuration.validate()?;
        if configuration.encode_plain()? != plain {
            return Err(Error::malformed("configuration", "not canonical JSON"));
        }
        Ok(configuration)
    }
}

fn write_list<T: Serialize>(items: &[T], out: &mut Vec<u8>) -> Result<()> {
    out.push(b'[');
    for (i, item) in items.iter().enumerate() {
        if i > 0 {
            out.push(b',');
        }
        let json = serde_json::to_value(item).map_err(|e| Error::malformed("configuration", e.to_string()))?;
        out.extend(canonical_json(&json)?);
    }
    out.push(b']');
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn written_member_by_member_it_is_the_canonical_json_of_the_whole() {
        let tag = |name: &str, counter| TagConfig {
            id: format!("press/{name}").parse().unwrap(),
            value_type: ValueType::U64,
            unit: "°C \"quoted\"".into(),
            scale: Ratio::ONE,
            role: "other".into(),
            interval_ms: 1_000,
            address: "holding 1 u16".into(),
            counter,
        };
        let device = DeviceConfig {
            id: "press".parse().unwrap(),
            protocol: "modbus_tcp".into(),
            address: "h:502 unit 1".into(),
            profile: None,
        };
        let described =
            DeviceConfig { profile: Some("maker-model@1 sha256:0123456789abcdef".into()), ..device.clone() };
        let counter = CounterConfig { modulus: None, max_per_hour: 9 };
        for tags in [vec![], vec![tag("a", None), tag("b", Some(counter))]] {
            let configuration = Configuration { format: 1, devices: vec![device.clone(), described.clone()], tags };
            let whole = canonical_json(&serde_json::to_value(&configuration).unwrap()).unwrap();
            assert_eq!(configuration.encode_plain().unwrap(), whole);
            assert_eq!(Configuration::decode_plain(&whole).unwrap(), configuration);
        }
    }
}
