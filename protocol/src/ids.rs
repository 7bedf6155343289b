//! Names of things. Each kind of name is its own type, so that a gateway cannot stand where a site belongs.
//!
//! Names travel in topics, paths and file names on every system, hence the small alphabet. Shown names, in any language,
//! are declarations.

use std::{fmt, str::FromStr};

use data_encoding::HEXLOWER;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{Error, Result};

fn is_name(text: &str) -> bool {
    let bytes = text.as_bytes();
    matches!(bytes.len(), 1..=32)
        && bytes[0] != b'-'
        && bytes.iter().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || *b == b'-')
}

fn is_tag(text: &str) -> bool {
    let Some((device, name)) = text.split_once('/') else { return false };
    is_name(device)
        && matches!(name.len(), 1..=32)
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
}

macro_rules! name {
    ($(#[$doc:meta])* $name:ident, $what:literal, $valid:ident, $rule:literal) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(Box<str>);

        impl $name {
            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = Error;

            fn from_str(text: &str) -> Result<Self> {
                if $valid(text) {
                    Ok(Self(text.into()))
                } else {
                    Err(Error::malformed($what, format!("{:?} is not {}", text.chars().take(80).collect::<String>(), $rule)))
                }
            }
        }

        impl TryFrom<&str> for $name {
            type Error = Error;

            fn try_from(text: &str) -> Result<Self> {
                text.parse()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&*self.0, f)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, s: S) -> std::result::Result<S::Ok, S::Error> {
                s.serialize_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(d: D) -> std::result::Result<Self, D::Error> {
                String::deserialize(d)?.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

name!(/// A factory: the unit of ownership, log and query.
    SiteId, "site name", is_name, "1-32 of a-z, 0-9 and '-', not starting with '-'");
name!(/// One box that runs the agent and holds a key.
    GatewayId, "gateway name", is_name, "1-32 of a-z, 0-9 and '-', not starting with '-'");
name!(/// What a gateway talks to: a PLC, a meter, an OPC UA server.
    DeviceId, "device name", is_name, "1-32 of a-z, 0-9 and '-', not starting with '-'");
name!(/// What the factory manages; fed by the tags of one or more devices.
    MachineId, "machine name", is_name, "1-32 of a-z, 0-9 and '-', not starting with '-'");
name!(/// One named value of a device: `<device>/<name>`.
    TagId, "tag name", is_tag, "<device>/<name> with a name of 1-32 of a-z, 0-9 and '_'");

impl TagId {
    /// The device part.
    pub fn device(&self) -> &str {
        self.0.split_once('/').map_or("", |(device, _)| device)
    }

    /// The part after the device.
    pub fn name(&self) -> &str {
        self.0.split_once('/').map_or("", |(_, name)| name)
    }
}

macro_rules! random_id {
    ($(#[$doc:meta])* $name:ident, $what:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(pub [u8; 16]);

        impl $name {
            /// From exactly 16 bytes.
            pub fn from_slice(bytes: &[u8]) -> Result<Self> {
                bytes.try_into().map(Self).map_err(|_| Error::malformed($what, format!("{} bytes where 16 belong", bytes.len())))
            }

            /// Lower-case hexadecimal.
            pub fn hex(&self) -> String {
                HEXLOWER.encode(&self.0)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.hex())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.hex())
            }
        }

        impl FromStr for $name {
            type Err = Error;

            fn from_str(text: &str) -> Result<Self> {
                let bytes = HEXLOWER.decode(text.as_bytes()).map_err(|e| Error::malformed($what, e.to_string()))?;
                Self::from_slice(&bytes)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, s: S) -> std::result::Result<S::Ok, S::Error> {
                s.serialize_str(&self.hex())
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(d: D) -> std::result::Result<Self, D::Error> {
                String::deserialize(d)?.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

random_id!(/// One unbroken chain of records of a gateway: 128 random bits, new whenever continuity cannot be shown.
    ChainId, "chain");
random_id!(/// One boot of the gateway's kernel (Linux `boot_id`): the boot clock counts within it.
    BootId, "boot id");
