//! The one table of devices and tags: what is served, where, in which type and unit.
//!
//! Every protocol server, the history producer, the generated agent configuration, the declarations and the README's
//! register map are driven by [`DEVICES`]; a test reads each entry back over its protocol. Registers are 16-bit words,
//! most significant word first, the same in the holding (FC 3) and the input table (FC 4). Addresses are 0-based.

/// How a device is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// Modbus TCP.
    ModbusTcp,
    /// Modbus RTU on a pseudo-terminal.
    ModbusRtu,
    /// OPC UA server; nodes are `ns=2;s=<device>/<name>`.
    OpcUa,
}

impl Protocol {
    /// Its name for people.
    pub const fn name(self) -> &'static str {
        match self {
            Self::ModbusTcp => "Modbus TCP",
            Self::ModbusRtu => "Modbus RTU",
            Self::OpcUa => "OPC UA",
        }
    }
}

/// Type as read from the wire, before any scale.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// One register.
    U16,
    /// Two registers.
    U32,
    /// OPC UA Int32.
    I32,
    /// IEEE 754 single, two registers.
    F32,
    /// OPC UA Double.
    F64,
    /// OPC UA String.
    Text,
}

impl Kind {
    /// Registers it occupies on Modbus; 0 when it only exists in OPC UA.
    pub const fn words(self) -> u16 {
        match self {
            Self::U16 => 1,
            Self::U32 | Self::F32 => 2,
            Self::I32 | Self::F64 | Self::Text => 0,
        }
    }

    /// The name used in configuration and documents.
    pub const fn name(self) -> &'static str {
        match self {
            Self::U16 => "u16",
            Self::U32 => "u32",
            Self::I32 => "i32",
            Self::F32 => "f32",
            Self::F64 => "f64",
            Self::Text => "text",
        }
    }
}

/// What a tag means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Machine state code.
    State,
    /// Operation mode (OPC 40001-1).
    Mode,
    /// Product code or programme.
    Product,
    /// Good pieces, running total.
    Good,
    /// Scrapped pieces, running total.
    Reject,
    /// All pieces, running total.
    Parts,
    /// Active power.
    Power,
    /// Energy register.
    Energy,
    /// Serial number of the meter.
    Serial,
    /// Receiver pressure.
    Pressure,
    /// Batch number.
    Batch,
    /// Batch phase.
    Phase,
    /// Temperature.
    Temperature,
    /// Product discharged, running total.
    Output,
}

/// One value a device serves.
#[derive(Debug, Clone, Copy)]
pub struct Tag {
    /// Full name, `<device>/<name>`.
    pub id: &'static str,
    /// First register (Modbus).
    pub address: u16,
    /// Wire type.
    pub kind: Kind,
    /// Meaning.
    pub role: Role,
    /// Engineering unit after scaling; empty for codes and counts.
    pub unit: &'static str,
    /// Value × 10^`exponent` = engineering value.
    pub exponent: i8,
}

impl Tag {
    /// The part after the slash.
    pub fn name(&self) -> &'static str {
        self.id.split_once('/').map_or(self.id, |(_, name)| name)
    }

    /// The part before the slash.
    pub fn device(&self) -> &'static str {
        self.id.split_once('/').map_or(self.id, |(device, _)| device)
    }
}

/// One device.
#[derive(Debug)]
pub struct Device {
    /// Device id.
    pub id: &'static str,
    /// Protocol.
    pub protocol: Protocol,
    /// Modbus unit id.
    pub unit: u8,
    /// Part of the packaging hall.
    pub hall: bool,
    /// Name in Chinese.
    pub zh: &'static str,
    /// Name in English.
    pub en: &'static str,
    /// What it serves.
    pub tags: &'static [Tag],
}

impl Device {
    /// One past its highest register.
    pub fn register_end(&self) -> u16 {
        self.tags.iter().map(|tag| tag.address + tag.kind.words()).max().unwrap_or(0)
    }

    /// The tag of a role.
    pub fn tag(&self, role: Role) -> Option<&'static Tag> {
        self.tags.iter().find(|tag| tag.role == role)
    }
}

const fn tag(id: &'static str, address: u16, kind: Kind, role: Role, unit: &'static str, exponent: i8) -> Tag {
    Tag { id, address, kind, role, unit, exponent }
}

/// Every device of the workshop and the packaging hall.
pub static DEVICES: [Device; 7] = [
    Device {
        id: "press",
        protocol: Protocol::ModbusTcp,
        unit: 1,
        hall: false,
        zh: "液压机",
        en: "Hydraulic press",
        tags: &[
            tag("press/state", 0, Kind::U16, Role::State, "", 0),
            tag("press/product", 1, Kind::U16, Role::Product, "", 0),
            tag("press/good", 2, Kind::U32, Role::Good, "", 0),
            tag("press/reject", 4, Kind::U32, Role::Reject, "", 0),
            tag("press/power", 6, Kind::U32, Role::Power, "W", 0),
            tag("press/energy", 8, Kind::U32, Role::Energy, "kWh", -2),
            tag("press/serial", 10, Kind::U32, Role::Serial, "", 0),
        ],
    },
    Device {
        id: "cnc",
        protocol: Protocol::OpcUa,
        unit: 0,
        hall: false,
        zh: "加工中心",
        en: "Machining centre",
        tags: &[
            tag("cnc/state", 0, Kind::I32, Role::State, "", 0),
            tag("cnc/mode", 0, Kind::I32, Role::Mode, "", 0),
            tag("cnc/parts", 0, Kind::U32, Role::Parts, "", 0),
            tag("cnc/program", 0, Kind::Text, Role::Product, "", 0),
            tag("cnc/power", 0, Kind::F64, Role::Power, "kW", 0),
            tag("cnc/energy", 0, Kind::F64, Role::Energy, "kWh", 0),
        ],
    },
    Device {
        id: "lathe",
        protocol: Protocol::ModbusRtu,
        unit: 3,
        hall: false,
        zh: "普通车床（钳形电表）",
        en: "Old lathe (clamp meter)",
        tags: &[
            tag("lathe/power", 0, Kind::F32, Role::Power, "W", 0),
            tag("lathe/energy", 2, Kind::U32, Role::Energy, "kWh", -2),
            tag("lathe/serial", 4, Kind::U32, Role::Serial, "", 0),
        ],
    },
    Device {
        id: "compressor",
        protocol: Protocol::ModbusTcp,
        unit: 1,
        hall: false,
        zh: "空压机",
        en: "Air compressor",
        tags: &[
            tag("compressor/state", 0, Kind::U16, Role::State, "", 0),
            tag("compressor/pressure", 1, Kind::U16, Role::Pressure, "bar", -2),
            tag("compressor/power", 2, Kind::U32, Role::Power, "W", 0),
            tag("compressor/energy", 4, Kind::U32, Role::Energy, "kWh", -2),
            tag("compressor/serial", 6, Kind::U32, Role::Serial, "", 0),
        ],
    },
    Device {
        id: "main",
        protocol: Protocol::ModbusTcp,
        unit: 1,
        hall: false,
        zh: "进线总表",
        en: "Incoming main meter",
        tags: &[
            tag("main/power", 0, Kind::U32, Role::Power, "W", 0),
            tag("main/energy", 2, Kind::U32, Role::Energy, "kWh", -2),
            tag("main/serial", 4, Kind::U32, Role::Serial, "", 0),
        ],
    },
    Device {
        id: "vessel",
        protocol: Protocol::OpcUa,
        unit: 0,
        hall: true,
        zh: "反应釜",
        en: "Batch vessel",
        tags: &[
            tag("vessel/batch", 0, Kind::Text, Role::Batch, "", 0),
            tag("vessel/phase", 0, Kind::I32, Role::Phase, "", 0),
            tag("vessel/temperature", 0, Kind::F64, Role::Temperature, "°C", 0),
            tag("vessel/output", 0, Kind::F64, Role::Output, "kg", 0),
            tag("vessel/power", 0, Kind::F64, Role::Power, "kW", 0),
            tag("vessel/energy", 0, Kind::F64, Role::Energy, "kWh", 0),
        ],
    },
    Device {
        id: "blister",
        protocol: Protocol::ModbusTcp,
        unit: 1,
        hall: true,
        zh: "泡罩包装线",
        en: "Blister line",
        tags: &[
            tag("blister/state", 0, Kind::U16, Role::State, "", 0),
            tag("blister/product", 1, Kind::U16, Role::Product, "", 0),
            tag("blister/good", 2, Kind::U32, Role::Good, "", 0),
            tag("blister/reject", 4, Kind::U32, Role::Reject, "", 0),
            tag("blister/power", 6, Kind::U32, Role::Power, "W", 0),
            tag("blister/energy", 8, Kind::U32, Role::Energy, "kWh", -2),
            tag("blister/serial", 10, Kind::U32, Role::Serial, "", 0),
        ],
    },
];

/// The devices of a site with or without the packaging hall, in table order.
pub fn devices(hall: bool) -> impl Iterator<Item = &'static Device> {
    DEVICES.iter().filter(move |device| hall || !device.hall)
}

/// A device by id.
pub fn device(id: &str) -> Option<&'static Device> {
    DEVICES.iter().find(|device| device.id == id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_tags_share_a_register_or_a_name() {
        let mut names = std::collections::BTreeSet::new();
        for device in &DEVICES {
            let mut used = std::collections::BTreeSet::new();
            for tag in device.tags {
                assert_eq!(tag.device(), device.id);
                assert!(names.insert(tag.id), "{} twice", tag.id);
                assert_eq!(
                    tag.kind.words() > 0 || tag.kind == Kind::U32,
                    device.protocol != Protocol::OpcUa || tag.kind == Kind::U32
                );
                if device.protocol != Protocol::OpcUa {
                    for word in tag.address..tag.address + tag.kind.words() {
                        assert!(used.insert(word), "{} overlaps at {word}", tag.id);
                    }
                }
            }
        }
    }
}
