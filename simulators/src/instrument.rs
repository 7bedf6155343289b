//! What a device shows of the world: its registers' starting values, and the lies and accidents of instruments.
//!
//! The world never lies; a counter reset, a replaced meter or a frozen controller happens *here*, between the truth
//! and the wire, so that the ground truth stays the truth. A shown register is `start + counted since base`, modulo
//! its width, where a reset moves the base and a replacement also changes start and serial number.

use crate::rng::{hash3, scale};
use crate::tags::{Device, Kind, Role, Tag};
use crate::world::World;
use crate::world::state::State;

/// µJ in one hundredth of a kilowatt-hour.
pub const UJ_PER_CENTI_KWH: i128 = 36_000_000_000;

/// A value as the wire carries it.
#[derive(Debug, Clone, PartialEq)]
pub enum Raw {
    /// One register.
    U16(u16),
    /// Two registers, or OPC UA UInt32.
    U32(u32),
    /// OPC UA Int32.
    I32(i32),
    /// IEEE 754 single.
    F32(f32),
    /// OPC UA Double.
    F64(f64),
    /// OPC UA String.
    Text(String),
}

impl Raw {
    /// The registers, most significant word first; empty for types Modbus does not carry.
    pub fn words(&self) -> Vec<u16> {
        match self {
            Self::U16(value) => vec![*value],
            Self::U32(value) => vec![(value >> 16) as u16, *value as u16],
            Self::F32(value) => vec![(value.to_bits() >> 16) as u16, value.to_bits() as u16],
            Self::I32(_) | Self::F64(_) | Self::Text(_) => Vec::new(),
        }
    }

    /// Its JSON form in the journal: numbers as numbers, text as a string.
    pub fn json(&self) -> serde_json::Value {
        match self {
            Self::U16(value) => (*value).into(),
            Self::U32(value) => (*value).into(),
            Self::I32(value) => (*value).into(),
            Self::F32(value) => f64::from(*value).into(),
            Self::F64(value) => (*value).into(),
            Self::Text(value) => value.as_str().into(),
        }
    }
}

/// The registers of one device: bases, starting values, serial number.
#[derive(Debug, Clone)]
pub struct Instrument {
    device: &'static Device,
    /// The device whose cable its meter's clamps sit on: its own, unless somebody mixed them up.
    cable: &'static str,
    good_start: u64,
    reject_start: u64,
    energy_start: i128,
    good_base: u64,
    reject_base: u64,
    energy_base_uj: i128,
    output_base_g: i64,
    serial: u32,
}

impl Instrument {
    /// The instrument as installed: it has counted before, so registers do not start at 0.
    pub fn new(device: &'static Device, seed: u64) -> Self {
        let draw = |stream: u64, bound: u64| {
            let name = device.id.bytes().fold(0_u64, |acc, byte| acc.wrapping_mul(131).wrapping_add(u64::from(byte)));
            scale(hash3(seed, name, stream), bound)
        };
        Self {
            device,
            cable: device.id,
            good_start: 100_000 + draw(1, 900_000),
            reject_start: 2_000 + draw(2, 20_000),
            energy_start: 1_000_000 + i128::from(draw(3, 9_000_000)),
            good_base: 0,
            reject_base: 0,
            energy_base_uj: 0,
            output_base_g: 0,
            serial: 20_000_000 + draw(4, 9_999_999) as u32,
        }
    }

    /// Its device.
    pub fn device(&self) -> &'static Device {
        self.device
    }

    /// Serial number of its meter.
    pub fn serial(&self) -> u32 {
        self.serial
    }

    /// The piece counters (or the vessel's output) start again at 0, as after a controller's battery failure.
    pub fn reset_counters(&mut self, world: &World) {
        if let Some(machine) = world.machine(self.device.id) {
            self.good_base = machine.tally().good_total();
            self.reject_base = machine.tally().reject_total();
        }
        if let (Some(vessel), "vessel") = (world.vessel(), self.device.id) {
            self.output_base_g = vessel.output_grams();
        }
        self.good_start = 0;
        self.reject_start = 0;
        let counts = [Role::Good, Role::Parts, Role::Output].iter().any(|role| self.device.tag(*role).is_some());
        if !counts {
            // A device that only counts energy has nothing else to reset.
            self.energy_base_uj = world.energy_uj(self.cable).unwrap_or(0);
            self.energy_start = 0;
        }
    }

    /// Another meter is installed: new serial number, another reading on its face.
    pub fn replace_meter(&mut self, world: &World) {
        self.energy_base_uj = world.energy_uj(self.cable).unwrap_or(0);
        self.energy_start = i128::from(scale(hash3(u64::from(self.serial), 9, 9), 5_000));
        self.serial = self.serial.wrapping_add(7_919);
    }

    /// The device whose cable its clamps sit on.
    pub fn cable(&self) -> &'static str {
        self.cable
    }

    /// Its clamps are put on another device's cable; the register goes on from where it is.
    pub fn clamp_onto(&mut self, world: &World, cable: &'static str) {
        self.energy_start = self.energy_centi_kwh(world);
        self.cable = cable;
        self.energy_base_uj = world.energy_uj(cable).unwrap_or(0);
    }

    /// The energy register in hundredths of a kWh, before it is cut to its width.
    pub fn energy_centi_kwh(&self, world: &World) -> i128 {
        let energy = world.energy_uj(self.cable).unwrap_or(0);
        self.energy_start + (energy - self.energy_base_uj).div_euclid(UJ_PER_CENTI_KWH)
    }

    /// What the device shows for one of its tags now. `None` when the tag is not of this device or the world has none.
    pub fn read(&self, world: &World, tag: &Tag) -> Option<Raw> {
        let id = self.device.id;
        let machine = world.machine(id);
        let vessel = world.vessel();
        Some(match tag.role {
            Role::State => match machine {
                Some(machine) if tag.kind == Kind::I32 => Raw::I32(machine.state().machinery_item()),
                Some(machine) => Raw::U16(machine.state().packml()),
                None => Raw::U16(world.compressor().state() as u16),
            },
            Role::Mode => Raw::I32(machine?.state().machinery_mode()),
            Role::Product if tag.kind == Kind::Text => Raw::Text(machine?.product().name.to_owned()),
            Role::Product => Raw::U16(machine?.product().code),
            Role::Good => Raw::U32(self.good(machine?.tally().good_total())),
            Role::Reject => Raw::U32(self.reject(machine?.tally().reject_total())),
            Role::Parts => {
                let tally = machine?.tally();
                Raw::U32(self.good(tally.good_total()).wrapping_add(self.reject(tally.reject_total())))
            }
            Role::Power => {
                let power_mw = world.power_mw(self.cable)?;
                match tag.kind {
                    Kind::F32 => Raw::F32((power_mw / 100) as f32 / 10.0),
                    Kind::F64 => Raw::F64((power_mw / 1_000) as f64 / 1_000.0),
                    _ => Raw::U32((power_mw / 1_000) as u32),
                }
            }
            Role::Energy => {
                let centi = self.energy_centi_kwh(world);
                match tag.kind {
                    Kind::F64 => Raw::F64(centi as f64 / 100.0),
                    _ => Raw::U32(centi as u32),
                }
            }
            Role::Serial => Raw::U32(self.serial),
            Role::Pressure => Raw::U16((world.compressor().pressure_mbar() / 10) as u16),
            Role::Batch => Raw::Text(vessel?.batch().to_owned()),
            Role::Phase => Raw::I32(vessel?.phase() as i32),
            Role::Temperature => Raw::F64((vessel?.temperature_mdeg() / 100) as f64 / 10.0),
            Role::Output => Raw::F64((vessel?.output_grams() - self.output_base_g) as f64 / 1_000.0),
        })
    }

    /// Everything the device shows now, in table order.
    pub fn read_all(&self, world: &World) -> Vec<Raw> {
        self.device.tags.iter().map(|tag| self.read(world, tag).unwrap_or(Raw::U16(State::Off.packml()))).collect()
    }

    fn good(&self, total: u64) -> u32 {
        self.good_start.wrapping_add(total.wrapping_sub(self.good_base)) as u32
    }

    fn reject(&self, total: u64) -> u32 {
        self.reject_start.wrapping_add(total.wrapping_sub(self.reject_base)) as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tags;
    use crate::world::{Config, World};

    #[test]
    fn a_counter_reset_moves_counters_and_leaves_meters_alone() {
        let config = Config {
            seed: 3,
            epoch_ms: 1_780_000_000_000,
            hall: true,
            retrofit_ms: None,
            rest_weekday: None,
            record: false,
        };
        let world = World::at(config, config.epoch_ms + 86_400_000);
        for device in tags::devices(true) {
            let mut instrument = Instrument::new(device, 3);
            let before = instrument.read_all(&world);
            instrument.reset_counters(&world);
            let counts = |tag: &&Tag| matches!(tag.role, Role::Good | Role::Reject | Role::Parts | Role::Output);
            let has_counters = device.tags.iter().any(|tag| counts(&tag));
            for (tag, before) in device.tags.iter().zip(before) {
                let after = instrument.read(&world, tag).unwrap_or(Raw::U16(0));
                let is_reset = if has_counters { counts(&tag) } else { tag.role == Role::Energy };
                match (is_reset, &after) {
                    (true, Raw::U32(value)) => assert_eq!(*value, 0, "{}", tag.id),
                    (true, Raw::F64(value)) => assert_eq!(value.to_bits(), 0, "{}", tag.id),
                    (true, other) => panic!("{} counts in {other:?}", tag.id),
                    (false, _) => assert_eq!(after, before, "{} is no counter", tag.id),
                }
            }
        }
    }
}
