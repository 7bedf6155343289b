//! Device profiles: what a maker's manual says about a device, once, so that most users type only an address.
//!
//! Constraints:
//! 1. A profile is a TOML file whose tags have the keys of `[[device.tag]]`; they pass the same reader and the same checks as a user's.
//! 2. Every profile names its source; what was not checked against the maker's manual says so (`verified = false` with a note).
//! 3. Golden frames: answers as they come on the wire with the values they hold. A profile whose golden frame does not decode is refused.
//! 4. What a user writes wins over the profile; the record of the configuration names profile, version and digest, so that a
//!    reader of the evidence knows which table was in force.
//! 5. A profile can only name reads, as the whole program can.
//!
//! The files of `configs/devices` are part of the program ([`builtin`]); a user's own file is named with `profile_file`. Format:
//! `docs/reference/device-profiles.md`. Expansion in a configuration: `config::profiles`. [`fingerprint`] finds the profiles that fit
//! what a device answered; [`golden`] checks the golden frames.

pub(crate) mod builtin;
pub mod fingerprint;
pub mod golden;
pub mod names;
mod read;
#[cfg(test)]
mod tests;

use std::path::Path;

pub use builtin::{BUILTIN, find};

use crate::config::device::Tag;
use crate::config::document::{self, Collector, Section};
use crate::config::problem::Problems;
use crate::config::tags::Family;
use crate::locale::Words;

/// Largest profile file, bytes.
pub const FILE_BYTES_MAX: u64 = 256 * 1024;
/// Most tags of one profile.
pub const TAGS_MAX: usize = 1_000;

/// How a device of this profile is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// Modbus on any carrier.
    Modbus,
    /// OPC UA.
    OpcUa,
    /// DL/T 645-2007 on a serial line or behind a serial device server.
    Dlt645,
}

impl Protocol {
    /// All protocols with their names in a profile.
    pub const NAMES: [(&'static str, Self); 3] =
        [("modbus", Self::Modbus), ("opcua", Self::OpcUa), ("dlt645", Self::Dlt645)];

    /// Which kind of place its tags have.
    pub(crate) fn family(self) -> Family {
        match self {
            Self::Modbus => Family::Modbus,
            Self::OpcUa => Family::OpcUa,
            Self::Dlt645 => Family::Dlt645,
        }
    }

    /// The name in a profile.
    pub fn name(self) -> &'static str {
        Self::NAMES.iter().find(|(_, protocol)| *protocol == self).map_or("modbus", |(name, _)| name)
    }
}

/// Where the content of a profile was taken from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// Title of the manual or table.
    pub title: String,
    /// Edition, number and page, as far as known.
    pub edition: String,
    /// Where it can be read, if it is public.
    pub url: String,
    /// Day it was looked up, `YYYY-MM-DD`.
    pub date: String,
    /// Whether the addresses were read in the maker's own manual.
    pub verified: bool,
    /// What was done otherwise, or what exactly was read.
    pub note: Words,
}

/// Transformer ratios: what the registers give and what the installer has to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ratio {
    /// The registers already give primary values.
    pub primary: bool,
    /// A sentence for the installer.
    pub note: Words,
}

/// By which transformer ratios a tag's value must be multiplied when the registers give secondary values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Multiply {
    /// Current transformer.
    Ct,
    /// Voltage transformer.
    Pt,
    /// Both: power and energy.
    CtPt,
}

impl Multiply {
    /// All with their names in a profile.
    pub const NAMES: [(&'static str, Self); 3] = [("ct", Self::Ct), ("pt", Self::Pt), ("ct_pt", Self::CtPt)];

    /// Whether the current transformer's ratio counts.
    pub fn by_ct(self) -> bool {
        self != Self::Pt
    }

    /// Whether the voltage transformer's ratio counts.
    pub fn by_pt(self) -> bool {
        self != Self::Ct
    }
}

/// One tag of a profile.
#[derive(Clone, Debug, PartialEq)]
pub struct ProfileTag {
    /// The tag as it would stand in a configuration, on a device named like the profile's maker.
    pub tag: Tag,
    /// Only read when the user asks for it.
    pub optional: bool,
    /// A word that keeps optional tags together: `power_quality`.
    pub group: String,
    /// OBIS code (IEC 62056-6-1) of the quantity, if it has one.
    pub obis: String,
    /// Ratios it must be multiplied by.
    pub ratio: Option<Multiply>,
    /// A remark for the installer.
    pub note: Words,
}

/// A device profile.
#[derive(Clone, Debug, PartialEq)]
pub struct Profile {
    /// `maker-model`, the name of its file.
    pub id: String,
    /// Raised with every change of content.
    pub version: u64,
    /// What the device is.
    pub title: Words,
    /// What the installer should know.
    pub note: Words,
    /// How to speak to it.
    pub protocol: Protocol,
    /// Where the content comes from; at least one.
    pub sources: Vec<Source>,
    /// Settings of `[[device]]` the profile gives, as written.
    pub defaults: Vec<(String, String)>,
    /// Transformer ratios, for devices that have them.
    pub ratio: Option<Ratio>,
    /// The tags.
    pub tags: Vec<ProfileTag>,
    /// Reads that tell this device from others.
    pub fingerprints: Vec<fingerprint::Fingerprint>,
    /// Answers with the values they hold.
    pub golden: Vec<golden::Golden>,
    /// `eastron-sdm630@1 sha256:0123456789abcdef`: id, version and the beginning of the file's digest.
    pub label: String,
}

/// All profiles of the program, in the order of their names.
///
/// # Errors
/// Never in a tested build: the problems of the first file that is not right.
pub fn all() -> Result<Vec<Profile>, Problems> {
    BUILTIN.iter().map(|(id, text)| Profile::parse(text, &builtin::file(id))).collect()
}

impl Profile {
    /// Reads and checks the text of a profile.
    ///
    /// # Errors
    /// All problems of the file.
    pub fn parse(text: &str, file: &str) -> Result<Self, Problems> {
        let collector = Collector::of_file(text, file);
        let profile =
            document::parse(text, &collector).and_then(|tree| Self::read(text, file, &collector, tree.get_ref()));
        match profile {
            Some(profile) if !collector.has_errors() => Ok(profile),
            _ => Err(Problems { file: file.to_owned(), list: collector.into_problems() }),
        }
    }

    /// Reads a parsed profile; problems go to `collector`.
    pub(crate) fn read(text: &str, file: &str, collector: &Collector, tree: &toml::de::DeTable<'_>) -> Option<Self> {
        let root = Section::root(collector, tree);
        let stem = Path::new(file).file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
        let profile = read::profile(&root, &stem, text);
        root.finish();
        profile.filter(|_| !collector.has_errors())
    }

    /// The tag of this name.
    pub fn tag(&self, name: &str) -> Option<&ProfileTag> {
        self.tags.iter().find(|t| t.tag.name() == name)
    }
}
