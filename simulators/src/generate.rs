//! What a gateway must be told to read this workshop: as TOML for the agent, as a signed configuration for the history.
//!
//! Both come from the table in [`crate::tags`], so that live and simulated records mean the same thing.

use crate::tags::{Device, Kind, Protocol, Role, Tag, devices};
use protocol::content::{CounterConfig, DeviceConfig, Ratio, TagConfig};
use protocol::{Configuration, ValueType};
use serde_json::Value as Json;
use std::fmt::Write as _;
use std::path::Path;

/// The agent's word for a tag's role.
pub fn role(role: Role) -> &'static str {
    match role {
        Role::State => "state",
        Role::Mode => "other",
        Role::Product => "program",
        Role::Good => "good_count",
        Role::Reject => "reject_count",
        Role::Parts => "total_count",
        Role::Power => "power",
        Role::Energy => "energy",
        Role::Serial => "identity",
        Role::Pressure => "pressure",
        Role::Batch => "batch",
        Role::Phase => "phase",
        Role::Temperature => "temperature",
        Role::Output => "output",
    }
}

/// Largest believable rise of a counter per hour, raw units; `None` for values that do not count.
pub fn max_per_hour(tag: &Tag) -> Option<i64> {
    match (tag.role, tag.device()) {
        (Role::Good | Role::Reject | Role::Parts, "blister") => Some(6_000),
        (Role::Good | Role::Reject | Role::Parts, "cnc") => Some(120),
        (Role::Good | Role::Reject | Role::Parts, _) => Some(1_200),
        (Role::Output, _) => Some(4_000),
        (Role::Energy, device) => {
            let kilowatts = match device {
                "main" => 400,
                "vessel" => 120,
                _ => 60,
            };
            Some(if tag.kind == Kind::F64 { kilowatts } else { kilowatts * 100 })
        }
        _ => None,
    }
}

/// Unit of the engineering value: what the table says, or pieces for counters.
pub fn unit(tag: &Tag) -> &'static str {
    match tag.role {
        Role::Good | Role::Reject | Role::Parts => "pcs",
        _ => tag.unit,
    }
}

/// The configuration record of a gateway that reads this site every `interval_ms`.
///
/// # Errors
/// Only if the table breaks the protocol's rules; a test holds that it does not.
pub fn configuration(hall: bool, interval_ms: i64) -> protocol::Result<Configuration> {
    let mut out = Configuration { format: 1, devices: Vec::new(), tags: Vec::new() };
    for device in devices(hall) {
        let (protocol, address) = match device.protocol {
            Protocol::ModbusTcp => ("modbus_tcp", format!("simulated, unit {}", device.unit)),
            Protocol::ModbusRtu => ("modbus_rtu", format!("simulated, unit {}", device.unit)),
            Protocol::OpcUa => ("opcua", "simulated".to_owned()),
        };
        out.devices.push(DeviceConfig {
            id: device.id.parse()?,
            protocol: protocol.to_owned(),
            address,
            profile: None,
        });
        for tag in device.tags {
            let natural = (tag.kind == Kind::U32).then_some(1_i64 << 32);
            out.tags.push(TagConfig {
                id: tag.id.parse()?,
                value_type: value_type(tag.kind),
                unit: unit(tag).to_owned(),
                scale: match tag.exponent {
                    -2 => Ratio { num: 1, den: 100 },
                    _ => Ratio::ONE,
                },
                role: role(tag.role).to_owned(),
                interval_ms,
                address: match device.protocol {
                    Protocol::OpcUa => format!("ns=2;s={}", tag.id),
                    _ => format!("holding {} {} big", tag.address, tag.kind.name()),
                },
                counter: max_per_hour(tag).map(|max_per_hour| CounterConfig { modulus: natural, max_per_hour }),
            });
        }
    }
    Ok(out)
}

fn value_type(kind: Kind) -> ValueType {
    match kind {
        Kind::U16 | Kind::U32 => ValueType::U64,
        Kind::I32 => ValueType::I64,
        Kind::F32 => ValueType::F32,
        Kind::F64 => ValueType::F64,
        Kind::Text => ValueType::Text,
    }
}

/// Choices for the generated `agent.toml`.
#[derive(Debug, Clone)]
pub struct AgentOptions<'a> {
    /// The agent's state directory.
    pub state_dir: &'a Path,
    /// Polling interval of every tag, ms.
    pub interval_ms: u64,
    /// Longest time between two seals, ms.
    pub seal_ms: u64,
    /// Where the local page listens.
    pub page: &'a str,
    /// Language of messages.
    pub lang: &'a str,
    /// Only these devices; empty for all.
    pub only: &'a [String],
    /// Also subscribe to the state nodes of OPC UA devices.
    pub subscribe: bool,
    /// Lines put under `[uplink]`, as they are.
    pub uplink: &'a str,
}

/// An agent configuration that reads the workshop described by `endpoints` (the content of `endpoints.json`).
///
/// # Errors
/// Names the device whose endpoint is missing.
pub fn agent_toml(endpoints: &Json, options: &AgentOptions<'_>) -> Result<String, String> {
    let mut out = String::from("# Generated by `gongzheng-sim agent-config`: reads the simulated workshop.\n\n");
    let mut put = |line: std::fmt::Arguments<'_>| {
        // Writing to a string cannot fail.
        let _ = writeln!(out, "{line}");
    };
    put(format_args!("[gateway]\nstate_dir = {}\nlang = {}\n", quoted_path(options.state_dir), quoted(options.lang)));
    if !options.uplink.trim().is_empty() {
        put(format_args!("[uplink]\n{}\n", options.uplink.trim()));
    }
    put(format_args!("[buffer]\nseal_ms = {}\n", options.seal_ms));
    put(format_args!(
        "[clock]\n# A simulation runs on the clock of the machine it runs on.\nassume_synchronised = true\n"
    ));
    put(format_args!("[page]\nlisten = {}\n", quoted(options.page)));
    let hall = endpoints["hall"].as_bool().unwrap_or(false);
    for device in
        devices(hall).filter(|device| options.only.is_empty() || options.only.iter().any(|id| id == device.id))
    {
        let endpoint = &endpoints["devices"][device.id];
        let missing = || format!("endpoints.json has no endpoint for {}; start the workshop again", device.id);
        put(format_args!("# {} · {}\n[[device]]\nname = {}", device.zh, device.en, quoted(device.id)));
        match device.protocol {
            Protocol::ModbusTcp => {
                let port = endpoint["port"].as_u64().ok_or_else(missing)?;
                put(format_args!("protocol = \"modbus_tcp\"\naddress = \"127.0.0.1:{port}\"\nunit = {}", device.unit));
            }
            Protocol::ModbusRtu => {
                let path = endpoint["path"].as_str().ok_or_else(missing)?;
                let baud = endpoint["baud"].as_u64().ok_or_else(missing)?;
                put(format_args!(
                    "protocol = \"modbus_rtu\"\nport = {}\nbaud = {baud}\nunit = {}\nlate_ms = 2000",
                    quoted(path),
                    device.unit
                ));
            }
            Protocol::OpcUa => {
                let url = endpoint["url"].as_str().ok_or_else(missing)?;
                put(format_args!("protocol = \"opcua\"\nendpoint = {}\nsecurity_policy = \"none\"", quoted(url)));
            }
        }
        put(format_args!("timeout_ms = 1000\ninterval_ms = {}\n", options.interval_ms));
        for tag in device.tags {
            put(format_args!("{}", tag_toml(device, tag, options)));
        }
    }
    Ok(out)
}

fn tag_toml(device: &Device, tag: &Tag, options: &AgentOptions<'_>) -> String {
    let mut out = format!("[[device.tag]]\nname = {}\n", quoted(tag.name()));
    let mut put = |line: String| {
        out.push_str(&line);
        out.push('\n');
    };
    if device.protocol == Protocol::OpcUa {
        put(format!("node = \"ns=2;s={}\"", tag.id));
        if options.subscribe && matches!(tag.role, Role::State | Role::Phase) {
            put("subscribe = true".to_owned());
        }
    } else {
        put(format!("area = \"holding\"\naddress = {}", tag.address));
    }
    put(format!("type = {}\nrole = {}", quoted(tag.kind.name()), quoted(role(tag.role))));
    if tag.role == Role::Serial {
        // The agent would read it once a day; here every register that is served is compared with what was stored.
        put(format!("interval_ms = {}", options.interval_ms));
    }
    if !unit(tag).is_empty() {
        put(format!("unit = {}", quoted(unit(tag))));
    }
    if tag.exponent == -2 {
        put("scale = 0.01".to_owned());
    }
    if let Some(max_per_hour) = max_per_hour(tag) {
        put(format!("max_per_hour = {max_per_hour}"));
    }
    if matches!(tag.role, Role::State | Role::Phase) {
        put("alarm = true".to_owned());
    }
    out
}

/// A TOML basic string.
fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            c if c.is_control() => {
                let _ = write!(out, "\\u{:04X}", c as u32);
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

fn quoted_path(path: &Path) -> String {
    quoted(&path.to_string_lossy())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_configuration_follows_the_protocols_rules_and_the_table() {
        for hall in [false, true] {
            let configuration = configuration(hall, 60_000).unwrap();
            configuration.validate().unwrap();
            let tags: usize = devices(hall).map(|device| device.tags.len()).sum();
            assert_eq!(configuration.tags.len(), tags);
        }
    }

    #[test]
    fn the_agents_file_is_toml_with_every_tag() {
        let endpoints = json!({ "hall": false, "devices": {
            "press": { "port": 1 }, "compressor": { "port": 2 }, "main": { "port": 3 },
            "cnc": { "url": "opc.tcp://127.0.0.1:4/" }, "lathe": { "path": "/tmp/a \"b\"", "baud": 19200 },
        } });
        let options = AgentOptions {
            state_dir: Path::new("/tmp/state"),
            interval_ms: 500,
            seal_ms: 2_000,
            page: "127.0.0.1:0",
            lang: "zh",
            only: &[],
            subscribe: true,
            uplink: "window = 8",
        };
        let text = agent_toml(&endpoints, &options).unwrap();
        let parsed: toml::Table = text.parse().unwrap();
        let listed = parsed["device"].as_array().unwrap();
        assert_eq!(listed.len(), 5);
        let tags: usize = listed.iter().map(|device| device["tag"].as_array().unwrap().len()).sum();
        assert_eq!(tags, devices(false).map(|device| device.tags.len()).sum::<usize>());
        assert_eq!(listed[2]["port"].as_str(), Some("/tmp/a \"b\""));
        let only = ["press".to_owned()];
        let text = agent_toml(&endpoints, &AgentOptions { only: &only, ..options }).unwrap();
        assert_eq!(text.parse::<toml::Table>().unwrap()["device"].as_array().unwrap().len(), 1);
        assert!(agent_toml(&json!({ "hall": true, "devices": {} }), &options_of(&only)).unwrap_err().contains("press"));
    }

    fn options_of(only: &[String]) -> AgentOptions<'_> {
        AgentOptions {
            state_dir: Path::new("s"),
            interval_ms: 1_000,
            seal_ms: 10_000,
            page: "127.0.0.1:0",
            lang: "en",
            only,
            subscribe: false,
            uplink: "",
        }
    }
}
