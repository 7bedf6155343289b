//! Air compressor and base load: consumers that follow what the machines do.
//!
//! Both are decided at the start of each power slot from the state in effect there, and stay constant within it, so
//! their energy is an exact integral as well.

use super::discrete::SLOT;
use super::state::State;
use crate::calendar::{MINUTE, Shift};
use crate::rng::{hash3, scale};

/// What the compressor's controller shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CompressorState {
    /// Motor off.
    Off = 0,
    /// Motor running, not compressing.
    Unload = 1,
    /// Compressing.
    Load = 2,
}

/// Screw compressor with load/unload control and one receiver.
#[derive(Debug)]
pub struct Compressor {
    seed: u64,
    state: CompressorState,
    /// Receiver pressure, mbar (gauge).
    pressure_mbar: i64,
    unloaded_slots: i64,
    power: i64,
    energy_uj: i128,
    state_ms: [i64; 3],
}

/// Free air delivered when loaded, l/min.
const SUPPLY: i64 = 2_300;
/// Receiver volume, l.
const RECEIVER: i64 = 900;
/// Loads below this pressure, mbar.
pub const LOAD_BELOW: i64 = 6_500;
/// Unloads above this pressure, mbar.
pub const UNLOAD_ABOVE: i64 = 7_500;

impl Compressor {
    /// Standing, receiver half full.
    pub fn new(seed: u64) -> Self {
        Self {
            seed,
            state: CompressorState::Off,
            pressure_mbar: 6_800,
            unloaded_slots: 0,
            power: 0,
            energy_uj: 0,
            state_ms: [0; 3],
        }
    }

    /// Free air used by a machine in `state`, l/min.
    pub fn demand(id: &str, state: State) -> i64 {
        let full = match id {
            "press" => 620,
            "cnc" => 240,
            "lathe" => 60,
            "blister" => 520,
            _ => 0,
        };
        match state {
            State::Run => full,
            State::Idle | State::Wait | State::Setup => full / 6,
            State::Off | State::Fault | State::Maint => 0,
        }
    }

    /// Decide for the slot that starts at `now`: `demand` l/min without leaks, `active` when somebody works.
    pub fn begin_slot(&mut self, now: i64, demand: i64, active: bool, retrofitted: bool) {
        let (leak, unload_limit) = if retrofitted { (150, 3 * MINUTE) } else { (330, 25 * MINUTE) };
        let supply = if self.state == CompressorState::Load { SUPPLY } else { 0 };
        let change = (supply - demand - leak) * SLOT * 1_013 / (60_000 * RECEIVER);
        self.pressure_mbar = (self.pressure_mbar + change).clamp(0, 8_000);
        self.state = match self.state {
            _ if !active => CompressorState::Off,
            CompressorState::Load if self.pressure_mbar >= UNLOAD_ABOVE => CompressorState::Unload,
            CompressorState::Unload | CompressorState::Off if self.pressure_mbar <= LOAD_BELOW => CompressorState::Load,
            CompressorState::Unload if self.unloaded_slots * SLOT >= unload_limit => CompressorState::Off,
            same => same,
        };
        self.unloaded_slots = if self.state == CompressorState::Unload { self.unloaded_slots + 1 } else { 0 };
        let noise = hash3(self.seed, 0x105, (now / SLOT) as u64);
        self.power = match self.state {
            CompressorState::Off => 45_000 + scale(noise, 4_000) as i64,
            CompressorState::Unload => 6_600_000 + scale(noise, 260_000) as i64,
            CompressorState::Load => 17_900_000 + scale(noise, 900_000) as i64,
        };
    }

    /// Let `span` ms of the current slot pass.
    pub fn pass(&mut self, span: i64) {
        self.energy_uj += i128::from(self.power) * i128::from(span);
        self.state_ms[self.state as usize] += span;
    }

    /// Controller state.
    pub fn state(&self) -> CompressorState {
        self.state
    }

    /// Receiver pressure, mbar.
    pub fn pressure_mbar(&self) -> i64 {
        self.pressure_mbar
    }

    /// Power, mW.
    pub fn power_mw(&self) -> i64 {
        self.power
    }

    /// Energy since the epoch, µJ.
    pub fn energy_uj(&self) -> i128 {
        self.energy_uj
    }

    /// Time off, unloaded and loaded since the epoch, ms.
    pub fn state_ms(&self) -> [i64; 3] {
        self.state_ms
    }
}

/// Lighting, ventilation, offices: everything behind the main meter that has no meter of its own.
#[derive(Debug)]
pub struct BaseLoad {
    seed: u64,
    power: i64,
    energy_uj: i128,
}

impl BaseLoad {
    /// No energy used yet.
    pub fn new(seed: u64) -> Self {
        Self { seed, power: 0, energy_uj: 0 }
    }

    /// Decide for the slot that starts at `now`.
    pub fn begin_slot(&mut self, now: i64, rest_weekday: Option<u8>) {
        let shift = Shift::at(now);
        let base = match (shift.is_worked(rest_weekday), shift.name()) {
            (false, _) => 2_100_000,
            (true, "day") => 8_600_000,
            (true, _) => 6_900_000,
        };
        self.power = base + scale(hash3(self.seed, 0x106, (now / SLOT) as u64), 700_000) as i64;
    }

    /// Let `span` ms of the current slot pass.
    pub fn pass(&mut self, span: i64) {
        self.energy_uj += i128::from(self.power) * i128::from(span);
    }

    /// Power, mW.
    pub fn power_mw(&self) -> i64 {
        self.power
    }

    /// Energy since the epoch, µJ.
    pub fn energy_uj(&self) -> i128 {
        self.energy_uj
    }
}
