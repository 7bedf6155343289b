//! Which profile fits what a device answered. Pure: the reads to make are named here, made elsewhere.
//!
//! Constraints:
//! 1. A profile is suggested when at least one of its fingerprints fits and none is contradicted. A refused address or a value
//!    outside the expected ones contradicts; a read that was not made or not answered says nothing.
//! 2. A suggestion says why: which register, what it held, what was expected. The installer compares with the nameplate and decides.
//! 3. An exact value (a model code) counts more than a range (50 Hz), because many meters have a frequency somewhere.

use std::collections::{BTreeMap, BTreeSet};

use super::{Profile, golden};
use crate::config::device::{Place, Tag};
use crate::locale::{Words, words};
use crate::source::modbus::decode::decode;
use crate::source::modbus::plan::Area;
use protocol::Value;

/// What tells a device from others.
#[derive(Clone, Debug, PartialEq)]
pub enum Fingerprint {
    /// The value of a Modbus tag.
    Tag {
        /// Name of the tag.
        name: String,
        /// What it must be.
        expect: Expect,
    },
    /// An OPC UA server that has this namespace.
    Namespace(String),
}

/// The expected value of a tag.
#[derive(Clone, Debug, PartialEq)]
pub enum Expect {
    /// This raw value.
    Equals(String),
    /// A text that begins so.
    StartsWith(String),
    /// An engineering value in this range, ends included.
    Between {
        /// Least.
        min: f64,
        /// Most.
        max: f64,
    },
}

impl Expect {
    /// How much a match says.
    fn weight(&self) -> u32 {
        match self {
            Self::Equals(_) | Self::StartsWith(_) => 10,
            Self::Between { .. } => 3,
        }
    }

    /// Whether this raw value of `tag` is the expected one.
    pub fn fits(&self, tag: &Tag, value: &Value) -> bool {
        match (self, value) {
            (Self::Equals(written), value) => golden::is(value, written),
            (Self::StartsWith(start), Value::Text(text)) => text.starts_with(start.as_str()),
            (Self::StartsWith(_), _) => false,
            (Self::Between { min, max }, value) => {
                let raw = match value {
                    Value::Bool(_) | Value::Text(_) => return false,
                    Value::I64(n) => *n as f64,
                    Value::U64(n) => *n as f64,
                    Value::F32(n) => f64::from(*n),
                    Value::F64(n) => *n,
                };
                (*min..=*max).contains(&tag.scale.apply_for_display(raw))
            }
        }
    }
}

impl std::fmt::Display for Expect {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Equals(value) => write!(f, "= {value}"),
            Self::StartsWith(text) => write!(f, "{text}…"),
            Self::Between { min, max } => write!(f, "{min}…{max}"),
        }
    }
}

/// A small read a scan makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Read {
    /// Which area.
    pub area: Area,
    /// First address.
    pub address: u16,
    /// How many registers.
    pub count: u16,
}

/// What came back for a [`Read`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The registers, as many as asked.
    Words(Vec<u16>),
    /// The device refused: the address is not there.
    Refused,
}

/// What a scan learned about one device. A read without an answer is left out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answers {
    /// Modbus reads that were answered.
    pub reads: BTreeMap<Read, Outcome>,
    /// Namespaces of an OPC UA server.
    pub namespaces: BTreeSet<String>,
}

/// A profile that fits.
#[derive(Clone, Debug, PartialEq)]
pub struct Suggestion<'a> {
    /// The profile.
    pub profile: &'a Profile,
    /// How well: the sum of the weights of what fits.
    pub score: u32,
    /// What fits, one sentence each.
    pub why: Vec<Words>,
}

/// The distinct reads that the fingerprints of `profiles` need, in the order of areas and addresses.
pub fn reads(profiles: &[Profile]) -> Vec<Read> {
    let all = profiles.iter().flat_map(|profile| profile.fingerprints.iter().filter_map(|f| tag_of(profile, f)));
    let distinct: BTreeSet<Read> = all.filter_map(|(tag, _)| read_of(tag)).collect();
    distinct.into_iter().collect()
}

/// The profiles that fit `answers`, best first; equals in the order of their names.
pub fn suggest<'a>(profiles: &'a [Profile], answers: &Answers) -> Vec<Suggestion<'a>> {
    let mut list: Vec<Suggestion<'a>> = profiles.iter().filter_map(|profile| judge(profile, answers)).collect();
    list.sort_by(|a, b| b.score.cmp(&a.score).then_with(|| a.profile.id.cmp(&b.profile.id)));
    list
}

fn judge<'a>(profile: &'a Profile, answers: &Answers) -> Option<Suggestion<'a>> {
    let mut suggestion = Suggestion { profile, score: 0, why: Vec::new() };
    for fingerprint in &profile.fingerprints {
        if let Fingerprint::Namespace(uri) = fingerprint {
            if answers.namespaces.contains(uri) {
                suggestion.score += 10;
                suggestion.why.push(words!("服务器有命名空间 {uri}", "the server has the namespace {uri}"));
            }
            continue;
        }
        let Some((tag, expect)) = tag_of(profile, fingerprint) else { continue };
        let Some(read) = read_of(tag) else { continue };
        let registers = match answers.reads.get(&read) {
            None => continue,
            Some(Outcome::Refused) => return None,
            Some(Outcome::Words(registers)) => registers,
        };
        let Place::Modbus { encoding, .. } = &tag.place else { continue };
        let value = decode(registers, *encoding).ok()?;
        if !expect.fits(tag, &value) {
            return None;
        }
        suggestion.score += expect.weight();
        let (area, address, name) = (read.area.name(), read.address, tag.name());
        suggestion.why.push(words!(
            "{area} {address} 作为 `{name}` 是 {value}，符合 {expect}",
            "{area} {address} as `{name}` is {value}, which fits {expect}"
        ));
    }
    (!suggestion.why.is_empty()).then_some(suggestion)
}

fn tag_of<'a>(profile: &'a Profile, fingerprint: &'a Fingerprint) -> Option<(&'a Tag, &'a Expect)> {
    match fingerprint {
        Fingerprint::Tag { name, expect } => Some((&profile.tag(name)?.tag, expect)),
        Fingerprint::Namespace(_) => None,
    }
}

fn read_of(tag: &Tag) -> Option<Read> {
    match &tag.place {
        Place::Modbus { area, address, count, .. } if !area.is_bits() => {
            Some(Read { area: *area, address: *address, count: *count })
        }
        _ => None,
    }
}
