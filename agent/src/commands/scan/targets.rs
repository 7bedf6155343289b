//! What may be scanned: hosts of a subnet, units, serial settings. Pure.

use std::net::Ipv4Addr;
use std::ops::RangeInclusive;
use std::path::Path;
use std::str::FromStr;

use crate::config::device::{Parity, SerialPort};
use crate::locale::{Words, words};

/// Most hosts of one scan: four times the usual office network.
pub(crate) const HOSTS_MAX: usize = 1_022;

/// The hosts of `192.168.1.0/24`, or one address; without the network's own and its broadcast address.
///
/// # Errors
/// What is wrong with it.
pub(crate) fn hosts(text: &str) -> Result<Vec<Ipv4Addr>, Words> {
    let unreadable = || {
        words!(
            "`{text}` 不是网段或地址，写成 192.168.1.0/24",
            "`{text}` is neither a subnet nor an address: write 192.168.1.0/24"
        )
    };
    let (address, prefix) = match text.split_once('/') {
        Some((address, prefix)) => (address, prefix.parse::<u32>().map_err(|_| unreadable())?),
        None => (text, 32),
    };
    let address = Ipv4Addr::from_str(address).map_err(|_| unreadable())?;
    if !(22..=32).contains(&prefix) {
        return Err(words!(
            "`{text}` 太大：一次最多扫描一个 /22 网段（{HOSTS_MAX} 个地址）",
            "`{text}` is too large: at most a /22 ({HOSTS_MAX} addresses) is scanned at once"
        ));
    }
    if address.is_multicast() || address.is_broadcast() || address.is_unspecified() {
        return Err(words!("`{text}` 不是一台设备的地址", "`{text}` is not the address of a device"));
    }
    let size = 1u32 << (32 - prefix);
    let first = u32::from(address) & !(size - 1);
    // A /31 and a single address have no broadcast address.
    let edge = u32::from(size > 2);
    Ok((first + edge..first + (size - edge)).map(Ipv4Addr::from).collect())
}

/// Unit numbers, each 1 to 247: 0 would be a broadcast.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Units(Vec<u8>);

impl Units {
    /// Each once, in order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = u8> {
        self.0.iter().copied()
    }

    /// The others than these: nobody needs to be found twice.
    pub(crate) fn without(self, known: &[(u8, &str)]) -> Self {
        Self(self.0.into_iter().filter(|unit| known.iter().all(|(other, _)| other != unit)).collect())
    }

    /// How many.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }
}

impl From<RangeInclusive<u8>> for Units {
    fn from(units: RangeInclusive<u8>) -> Self {
        Self(units.collect())
    }
}

impl FromStr for Units {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}`: 1-247, 例如 / such as 1-16 or 1,5,20-30");
        let mut units = Vec::new();
        for part in text.split(',') {
            let (from, to) = part.split_once('-').unwrap_or((part, part));
            let number =
                |text: &str| text.trim().parse::<u8>().ok().filter(|n| (1..=247).contains(n)).ok_or_else(wrong);
            units.extend(number(from)?..=number(to)?);
        }
        units.sort_unstable();
        units.dedup();
        if units.is_empty() { Err(wrong()) } else { Ok(Self(units)) }
    }
}

/// Every combination of settings, the commonest first: a parity bit takes the place of a second stop bit.
pub(crate) fn lines(port: &Path, bauds: &[u32], parities: &[Parity]) -> Vec<SerialPort> {
    let line = |baud, parity| SerialPort { path: port.to_owned(), baud, parity, data_bits: 8, stop_bits: 1 };
    bauds.iter().flat_map(|baud| parities.iter().map(move |parity| line(*baud, *parity))).collect()
}

const PARITIES: [(&str, Parity); 3] = [("none", Parity::None), ("even", Parity::Even), ("odd", Parity::Odd)];

/// Reads a parity by its name in the configuration file.
pub(crate) fn parity(text: &str) -> Result<Parity, String> {
    let found = PARITIES.iter().find(|(name, _)| *name == text);
    found.map(|(_, parity)| *parity).ok_or_else(|| "none | even | odd".to_owned())
}

/// Its name in the configuration file.
pub(crate) fn parity_name(parity: Parity) -> &'static str {
    PARITIES.iter().find(|(_, known)| *known == parity).map_or("none", |(name, _)| name)
}
