//! MQTT topics: `gz/v1/<site>/<gateway>/<channel>`.
//!
//! A gateway publishes only its own `record` and `state` and reads only its own `receipt` and `config`.

use std::fmt;

use crate::{Error, GatewayId, Result, SiteId};

/// What a topic is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Channel {
    /// Gateway to server: records.
    Record,
    /// Server to gateway: receipts and refusals.
    Receipt,
    /// Gateway to server: latest values, never evidence.
    State,
    /// Server to gateway: proposed configuration.
    Config,
}

impl Channel {
    /// The last level of the topic.
    pub fn name(self) -> &'static str {
        match self {
            Self::Record => "record",
            Self::Receipt => "receipt",
            Self::State => "state",
            Self::Config => "config",
        }
    }

    /// Whether the gateway publishes here; otherwise it subscribes.
    pub fn from_gateway(self) -> bool {
        matches!(self, Self::Record | Self::State)
    }
}

/// A topic of ours.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Topic {
    /// Whose site.
    pub site: SiteId,
    /// Which gateway.
    pub gateway: GatewayId,
    /// What for.
    pub channel: Channel,
}

impl Topic {
    /// A topic.
    pub fn new(site: &SiteId, gateway: &GatewayId, channel: Channel) -> Self {
        Self { site: site.clone(), gateway: gateway.clone(), channel }
    }

    /// Reads a topic name; wildcards and foreign topics are refused.
    pub fn parse(text: &str) -> Result<Self> {
        let bad = || Error::malformed("topic", "not gz/v1/<site>/<gateway>/<record|receipt|state|config>");
        let mut levels = text.splitn(6, '/');
        let mut next = || levels.next().ok_or_else(bad);
        if next()? != "gz" || next()? != "v1" {
            return Err(bad());
        }
        let site = next()?.parse()?;
        let gateway = next()?.parse()?;
        let channel = match next()? {
            "record" => Channel::Record,
            "receipt" => Channel::Receipt,
            "state" => Channel::State,
            "config" => Channel::Config,
            _ => return Err(bad()),
        };
        if levels.next().is_some() {
            return Err(bad());
        }
        Ok(Self { site, gateway, channel })
    }
}

impl fmt::Display for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "gz/v1/{}/{}/{}", self.site, self.gateway, self.channel.name())
    }
}
