//! What the person has said of a device so far, carried from step to step in the address of the page. Pure.
//!
//! Constraints: only the keys of a `[[device]]` section that the steps ask for, each once, bounded; whether they make sense is decided by the
//! reader of the configuration file alone, so that page and file can never disagree.

use std::fmt::Write as _;

/// The keys, in the order they are written.
pub const KEYS: [&str; 13] = [
    "name",
    "profile",
    "protocol",
    "address",
    "port",
    "baud",
    "parity",
    "stop_bits",
    "unit",
    "meter",
    "endpoint",
    "ct_ratio",
    "pt_ratio",
];
/// Keys whose values are numbers.
const NUMBERS: [&str; 5] = ["baud", "stop_bits", "unit", "ct_ratio", "pt_ratio"];
/// Longest value of a key, bytes.
const VALUE_BYTES_MAX: usize = 200;

/// A device that is being described.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Draft([String; KEYS.len()]);

impl Draft {
    /// Reads `key=value&key=value` as browsers send forms; unknown keys and values too long are left out.
    pub fn parse(query: &str) -> Self {
        let mut draft = Self::default();
        for (key, value) in pairs(query) {
            draft.set(&key, &value);
        }
        draft
    }

    /// The value of a key; empty when nothing was said.
    pub fn get(&self, key: &str) -> &str {
        KEYS.iter().zip(&self.0).find(|(known, _)| **known == key).map_or("", |(_, value)| value)
    }

    /// Sets a key.
    pub fn set(&mut self, key: &str, value: &str) {
        let slot = KEYS.iter().zip(&mut self.0).find(|(known, _)| **known == key);
        if let Some((_, slot)) = slot.filter(|_| value.len() <= VALUE_BYTES_MAX) {
            value.trim().clone_into(slot);
        }
    }

    /// The same with a key set.
    #[must_use]
    pub fn with(&self, key: &str, value: &str) -> Self {
        let mut draft = self.clone();
        draft.set(key, value);
        draft
    }

    /// The keys that were said, with their values.
    pub fn said(&self) -> impl Iterator<Item = (&'static str, &str)> {
        KEYS.iter().zip(&self.0).filter(|(_, value)| !value.is_empty()).map(|(key, value)| (*key, value.as_str()))
    }

    /// As the query of an address.
    pub fn query(&self) -> String {
        let pairs: Vec<String> = self.said().map(|(key, value)| format!("{key}={}", encode(value))).collect();
        pairs.join("&")
    }

    /// As a section of the configuration file.
    pub fn section(&self) -> String {
        let mut out = String::from("[[device]]\n");
        for (key, value) in self.said() {
            let is_number = NUMBERS.contains(&key) && !value.is_empty() && value.bytes().all(|b| b.is_ascii_digit());
            let shown = if is_number { value.to_owned() } else { toml::Value::from(value).to_string() };
            let _ = writeln!(out, "{key} = {shown}");
        }
        out
    }
}

/// The pairs of a form, decoded. What is not decodable is left out.
pub fn pairs(query: &str) -> impl Iterator<Item = (String, String)> {
    query.split('&').filter_map(|pair| {
        let (key, value) = pair.split_once('=')?;
        Some((decode(key)?, decode(value)?))
    })
}

fn decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        rest = tail;
        match first {
            b'+' => bytes.push(b' '),
            b'%' => {
                let (digits, tail) = rest.split_at_checked(2)?;
                bytes.push(data_encoding::HEXLOWER_PERMISSIVE.decode(digits).ok()?.first().copied()?);
                rest = tail;
            }
            other => bytes.push(*other),
        }
    }
    String::from_utf8(bytes).ok()
}

fn encode(text: &str) -> String {
    text.bytes().fold(String::new(), |mut out, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
        out
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_form_becomes_a_section() {
        let draft = Draft::parse("protocol=modbus_rtu&port=%2Fdev%2FttyUSB0&baud=9600&unit=3&name=main+meter&evil=1");
        assert_eq!(
            draft.section(),
            "[[device]]\nname = \"main meter\"\nprotocol = \"modbus_rtu\"\nport = \"/dev/ttyUSB0\"\nbaud = 9600\nunit = 3\n"
        );
        assert_eq!(Draft::parse(&draft.query()), draft);
    }

    #[test]
    fn a_value_cannot_leave_its_line() {
        let draft = Draft::default().with("name", "a\"\n[uplink]\ntls = false").with("unit", "1\ntls = false");
        let section: toml::Table = draft.section().parse().expect("TOML");
        let device = section["device"][0].as_table().expect("a device");
        assert_eq!(device.len(), 2);
        assert_eq!(device["name"].as_str(), Some("a\"\n[uplink]\ntls = false"));
    }

    proptest! {
        #[test]
        fn what_is_said_comes_back_and_nothing_panics(values in prop::collection::vec(any::<String>(), KEYS.len()), query: String) {
            let mut draft = Draft::default();
            for (key, value) in KEYS.iter().zip(&values) {
                draft.set(key, value);
            }
            prop_assert_eq!(&Draft::parse(&draft.query()), &draft);
            prop_assert!(draft.section().parse::<toml::Table>().is_ok());
            let _ = Draft::parse(&query);
        }
    }
}
