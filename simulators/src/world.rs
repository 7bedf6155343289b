//! The simulated factory: pure, seeded, exact.
//!
//! Constraints. The same [`Config`] always gives the same history, however it is stepped: `advance_to(a)` then
//! `advance_to(b)` equals `advance_to(b)`. Everything is an integer: instants in UTC ms, power in mW, energy in µJ.
//! Energy is the integral of power exactly; the incoming main is the sum of the parts and the base load exactly.
//! Operation: power is constant within two-second slots aligned to the epoch of UTC; machines change state at any ms;
//! the compressor follows the machines' states at the start of each slot; shifts are tallied at their boundaries.
//! [`World::hold`] is the one order from outside; only a live workshop gives any.

pub mod discrete;
pub mod machines;
pub mod state;
pub mod utilities;
pub mod vessel;

use crate::calendar::Shift;
use discrete::{Discrete, Profile, SLOT};
use state::Tally;
use utilities::{BaseLoad, Compressor};
use vessel::Vessel;

/// What makes one simulated factory different from another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Config {
    /// Seed of everything.
    pub seed: u64,
    /// The world begins at the start of the shift that contains this instant, UTC ms.
    pub epoch_ms: i64,
    /// Whether the packaging hall (vessel, blister line) exists.
    pub hall: bool,
    /// Shifts and batches starting at or after this instant show the retrofitted behaviour, UTC ms.
    pub retrofit_ms: Option<i64>,
    /// Weekly rest day, 0 Monday … 6 Sunday.
    pub rest_weekday: Option<u8>,
    /// Keep every state interval (ground truth); off for long fast-forwards.
    pub record: bool,
}

/// Totals of one machine over one shift.
#[derive(Debug, Clone, Copy)]
pub struct ShiftTally {
    /// The shift.
    pub shift: Shift,
    /// Machine id.
    pub machine: &'static str,
    /// What happened in it.
    pub tally: Tally,
}

/// The factory at one instant.
#[derive(Debug)]
pub struct World {
    config: Config,
    now: i64,
    machines: Vec<Discrete>,
    compressor: Compressor,
    vessel: Option<Vessel>,
    base: BaseLoad,
    opened: Vec<(&'static str, Tally)>,
    closed: Vec<ShiftTally>,
}

/// Id of the incoming main meter.
pub const MAIN: &str = "main";
/// Id of the compressor.
pub const COMPRESSOR: &str = "compressor";
/// Id of the batch vessel.
pub const VESSEL: &str = "vessel";

impl World {
    /// The world at its epoch.
    pub fn new(mut config: Config) -> Self {
        config.epoch_ms = Shift::at(config.epoch_ms).start();
        let Config { seed, epoch_ms, hall, retrofit_ms, rest_weekday, record } = config;
        let machine =
            |profile: &'static Profile| Discrete::new(profile, seed, epoch_ms, retrofit_ms, rest_weekday, record);
        let mut list = vec![machine(&machines::PRESS), machine(&machines::CNC), machine(&machines::LATHE)];
        if hall {
            list.push(machine(&machines::BLISTER));
        }
        let mut world = Self {
            config,
            now: epoch_ms,
            machines: list,
            compressor: Compressor::new(seed),
            vessel: hall.then(|| Vessel::new(seed, epoch_ms, retrofit_ms, rest_weekday, record)),
            base: BaseLoad::new(seed),
            opened: Vec::new(),
            closed: Vec::new(),
        };
        world.opened = world.tallies();
        world.begin_slot();
        world
    }

    /// The world described by `config` at `utc_ms`: the pure function behind every served value.
    pub fn at(config: Config, utc_ms: i64) -> Self {
        let mut world = Self::new(config);
        world.advance_to(utc_ms);
        world
    }

    /// Its description, with the epoch moved to the start of its shift.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Current instant, UTC ms.
    pub fn now(&self) -> i64 {
        self.now
    }

    /// Advance to `utc_ms`; an instant in the past changes nothing.
    pub fn advance_to(&mut self, utc_ms: i64) {
        while self.now < utc_ms {
            let slot_end = (self.now.div_euclid(SLOT) + 1) * SLOT;
            let to = slot_end.min(utc_ms);
            let span = to - self.now;
            for machine in &mut self.machines {
                machine.advance(to);
            }
            self.compressor.pass(span);
            self.base.pass(span);
            if let Some(vessel) = &mut self.vessel {
                vessel.advance(to);
            }
            self.now = to;
            if to == slot_end {
                if Shift::at(to).start() == to {
                    self.close_shift(Shift::at(to - 1));
                }
                self.begin_slot();
            }
        }
    }

    /// A machine stands still or runs until `until_ms`, whatever it had planned. `false` when there is no such machine.
    pub fn hold(&mut self, id: &str, runs: bool, until_ms: i64) -> bool {
        let state = if runs { state::State::Run } else { state::State::Idle };
        let found = self.machines.iter_mut().find(|machine| machine.profile().id == id);
        found.map(|machine| machine.hold(state, until_ms)).is_some()
    }

    /// The piece-making machines.
    pub fn machines(&self) -> &[Discrete] {
        &self.machines
    }

    /// A piece-making machine by id.
    pub fn machine(&self, id: &str) -> Option<&Discrete> {
        self.machines.iter().find(|machine| machine.profile().id == id)
    }

    /// The compressor.
    pub fn compressor(&self) -> &Compressor {
        &self.compressor
    }

    /// The batch vessel, when the hall exists.
    pub fn vessel(&self) -> Option<&Vessel> {
        self.vessel.as_ref()
    }

    /// The base load.
    pub fn base(&self) -> &BaseLoad {
        &self.base
    }

    /// Power of a metered device, mW; the main meter sees all of them and the base load.
    pub fn power_mw(&self, id: &str) -> Option<i64> {
        match id {
            MAIN => Some(
                self.machines.iter().map(Discrete::power_mw).sum::<i64>()
                    + self.compressor.power_mw()
                    + self.vessel.as_ref().map_or(0, Vessel::power_mw)
                    + self.base.power_mw(),
            ),
            COMPRESSOR => Some(self.compressor.power_mw()),
            VESSEL => self.vessel.as_ref().map(Vessel::power_mw),
            _ => self.machine(id).map(Discrete::power_mw),
        }
    }

    /// Energy of a metered device since the epoch, µJ.
    pub fn energy_uj(&self, id: &str) -> Option<i128> {
        match id {
            MAIN => Some(
                self.machines.iter().map(|machine| machine.tally().energy_uj).sum::<i128>()
                    + self.compressor.energy_uj()
                    + self.vessel.as_ref().map_or(0, |vessel| vessel.tally().energy_uj)
                    + self.base.energy_uj(),
            ),
            COMPRESSOR => Some(self.compressor.energy_uj()),
            VESSEL => self.vessel.as_ref().map(|vessel| vessel.tally().energy_uj),
            _ => self.machine(id).map(|machine| machine.tally().energy_uj),
        }
    }

    /// Shifts that have ended, oldest first, one entry per machine and meter.
    pub fn closed_shifts(&self) -> &[ShiftTally] {
        &self.closed
    }

    /// The shift in progress, up to now.
    pub fn open_shift(&self) -> Vec<ShiftTally> {
        let shift = Shift::at(self.now);
        self.diff(shift)
    }

    /// Keep every state interval from this instant on.
    pub fn record_from_now(&mut self) {
        self.config.record = true;
        for machine in &mut self.machines {
            machine.record_from_now();
        }
        if let Some(vessel) = &mut self.vessel {
            vessel.record_from_now();
        }
    }

    /// Drop intervals and shifts that ended at or before `before_ms`; totals stay.
    pub fn forget(&mut self, before_ms: i64) {
        self.closed.retain(|closed| closed.shift.end() > before_ms);
        for machine in &mut self.machines {
            machine.forget_intervals(before_ms);
        }
        if let Some(vessel) = &mut self.vessel {
            vessel.forget_intervals(before_ms);
        }
    }

    fn tallies(&self) -> Vec<(&'static str, Tally)> {
        let mut out: Vec<_> = self.machines.iter().map(|m| (m.profile().id, *m.tally())).collect();
        if let Some(vessel) = &self.vessel {
            out.push((VESSEL, *vessel.tally()));
        }
        for id in [COMPRESSOR, MAIN] {
            let energy_uj = self.energy_uj(id).unwrap_or(0);
            out.push((id, Tally { energy_uj, ..Tally::default() }));
        }
        out
    }

    fn diff(&self, shift: Shift) -> Vec<ShiftTally> {
        self.tallies()
            .iter()
            .zip(&self.opened)
            .map(|((machine, now), (_, then))| ShiftTally { shift, machine, tally: now.since(then) })
            .collect()
    }

    fn close_shift(&mut self, shift: Shift) {
        let closed = self.diff(shift);
        self.closed.extend(closed);
        self.opened = self.tallies();
    }

    fn begin_slot(&mut self) {
        let mut demand = 0;
        let mut active = false;
        for machine in &self.machines {
            demand += Compressor::demand(machine.profile().id, machine.state());
            active |= machine.state() != state::State::Off;
        }
        let retrofitted = self.config.retrofit_ms.is_some_and(|at| self.now >= at);
        self.compressor.begin_slot(self.now, demand, active, retrofitted);
        self.base.begin_slot(self.now, self.config.rest_weekday);
    }
}
