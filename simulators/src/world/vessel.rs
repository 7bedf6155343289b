//! The batch vessel of the packaging hall: charge, heat, react, cool, discharge, clean, again.
//!
//! A batch is drawn from the seed and its running number alone. Output grows only during discharge, in whole grams;
//! temperature is an integer in millidegrees; power is constant within a slot and a phase.

use super::discrete::SLOT;
use super::state::{Cause, Interval, State, Tally};
use crate::calendar::{MINUTE, Shift, ZONE_OFFSET_MS, civil_from_days};
use crate::rng::{SplitMix64, hash3, scale};

/// Phase as the controller's node shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Empty, no batch.
    Idle = 0,
    /// Raw material goes in.
    Charge = 1,
    /// Heating up.
    Heat = 2,
    /// Reaction at temperature.
    React = 3,
    /// Cooling down.
    Cool = 4,
    /// Product goes out; output counts.
    Discharge = 5,
    /// Cleaning between batches.
    Clean = 6,
    /// Holding for a laboratory result.
    Hold = 7,
    /// Heater tripped.
    Fault = 8,
}

impl Phase {
    /// Canonical state of a machine in this phase.
    pub fn state(self) -> State {
        match self {
            Self::Idle => State::Idle,
            Self::Hold => State::Wait,
            Self::Clean => State::Setup,
            Self::Fault => State::Fault,
            Self::Charge | Self::Heat | Self::React | Self::Cool | Self::Discharge => State::Run,
        }
    }

    fn cause(self) -> Cause {
        match self {
            Self::Idle => Cause::RestDay,
            Self::Hold => Cause::LabHold,
            Self::Clean => Cause::Cleaning,
            Self::Fault => Cause::Breakdown,
            _ => Cause::Production,
        }
    }
}

#[derive(Debug, Clone, Copy)]
struct Step {
    until: i64,
    phase: Phase,
    from_mdeg: i64,
    to_mdeg: i64,
}

/// Writes the steps of one batch one after the other.
struct Draft<'a> {
    rng: &'a mut SplitMix64,
    t: i64,
    steps: &'a mut Vec<Step>,
}

impl Draft<'_> {
    /// Append a phase of `minutes` ± `spread`.
    fn step(&mut self, minutes: i64, spread: i64, phase: Phase, from_mdeg: i64, to_mdeg: i64) {
        self.t += self.rng.between((minutes - spread) * MINUTE, (minutes + spread) * MINUTE);
        self.steps.push(Step { until: self.t, phase, from_mdeg, to_mdeg });
    }
}

const ROOM_MDEG: i64 = 24_000;
const REACT_MDEG: i64 = 86_000;

/// The vessel at one instant.
#[derive(Debug)]
pub struct Vessel {
    seed: u64,
    retrofit_ms: Option<i64>,
    rest_weekday: Option<u8>,
    now: i64,
    steps: Vec<Step>,
    at: usize,
    step_from: i64,
    batch_number: u64,
    batch_name: String,
    batch_grams: i64,
    grams_before: i64,
    power: i64,
    tally: Tally,
    intervals: Option<Vec<Interval>>,
}

impl Vessel {
    /// Empty at `epoch_ms`.
    pub fn new(seed: u64, epoch_ms: i64, retrofit_ms: Option<i64>, rest_weekday: Option<u8>, record: bool) -> Self {
        let mut vessel = Self {
            seed,
            retrofit_ms,
            rest_weekday,
            now: epoch_ms,
            steps: Vec::new(),
            at: 0,
            step_from: epoch_ms,
            batch_number: 0,
            batch_name: String::new(),
            batch_grams: 0,
            grams_before: 0,
            power: 0,
            tally: Tally::default(),
            intervals: record.then(Vec::new),
        };
        vessel.plan();
        vessel.enter();
        vessel
    }

    /// Phase in effect.
    pub fn phase(&self) -> Phase {
        self.steps[self.at].phase
    }

    /// Batch in the vessel; empty when there is none.
    pub fn batch(&self) -> &str {
        if self.phase() == Phase::Idle { "" } else { &self.batch_name }
    }

    /// Temperature, millidegrees Celsius.
    pub fn temperature_mdeg(&self) -> i64 {
        let step = self.steps[self.at];
        let span = (step.until - self.step_from).max(1);
        let line = step.from_mdeg + (step.to_mdeg - step.from_mdeg) * (self.now - self.step_from) / span;
        line + scale(hash3(self.seed, 0x107, (self.now / SLOT) as u64), 600) as i64 - 300
    }

    /// Output since the epoch, g.
    pub fn output_grams(&self) -> i64 {
        let step = self.steps[self.at];
        if step.phase != Phase::Discharge {
            return self.grams_before;
        }
        self.grams_before + self.batch_grams * (self.now - self.step_from) / (step.until - self.step_from).max(1)
    }

    /// Power, mW.
    pub fn power_mw(&self) -> i64 {
        self.power
    }

    /// Totals since the epoch; `good[0]` counts finished batches.
    pub fn tally(&self) -> &Tally {
        &self.tally
    }

    /// State intervals since the epoch.
    pub fn intervals(&self) -> &[Interval] {
        self.intervals.as_deref().unwrap_or(&[])
    }

    /// Keep every state interval from this instant on.
    pub fn record_from_now(&mut self) {
        if self.intervals.is_none() {
            let (from, phase) = (self.now, self.phase());
            self.intervals =
                Some(vec![Interval { from, until: from, state: phase.state(), cause: phase.cause(), product: 0 }]);
        }
    }

    /// Forget intervals that ended at or before `before_ms`.
    pub fn forget_intervals(&mut self, before_ms: i64) {
        if let Some(list) = &mut self.intervals {
            list.retain(|interval| interval.until > before_ms);
        }
    }

    /// Advance to `to`, not beyond the end of the current slot.
    pub fn advance(&mut self, to: i64) {
        while self.now < to {
            let step = self.steps[self.at];
            let until = to.min(step.until);
            let span = until - self.now;
            self.tally.energy_uj += i128::from(self.power) * i128::from(span);
            self.tally.state_ms[step.phase.state() as usize] += span;
            self.now = until;
            if until == step.until {
                if step.phase == Phase::Discharge {
                    self.grams_before += self.batch_grams;
                    self.tally.good[0] += 1;
                }
                self.at += 1;
                self.step_from = until;
                if self.at == self.steps.len() {
                    self.plan();
                }
                self.enter();
            }
        }
        if self.now % SLOT == 0 {
            self.power = self.draw_power();
        }
        if let Some(last) = self.intervals.as_mut().and_then(|list| list.last_mut()) {
            last.until = self.now;
        }
    }

    fn enter(&mut self) {
        self.power = self.draw_power();
        let (phase, now) = (self.phase(), self.now);
        if let Some(list) = &mut self.intervals {
            if let Some(last) = list.last_mut() {
                last.until = now;
                if last.state == phase.state() && last.cause == phase.cause() {
                    return;
                }
            }
            list.push(Interval { from: now, until: now, state: phase.state(), cause: phase.cause(), product: 0 });
        }
    }

    fn plan(&mut self) {
        self.steps.clear();
        self.at = 0;
        self.step_from = self.now;
        let shift = Shift::at(self.now);
        if !shift.is_worked(self.rest_weekday) {
            self.steps.push(Step { until: shift.end(), phase: Phase::Idle, from_mdeg: ROOM_MDEG, to_mdeg: ROOM_MDEG });
            return;
        }
        let after = self.retrofit_ms.is_some_and(|retrofit| self.now >= retrofit);
        let (year, month, day) = civil_from_days((self.now + ZONE_OFFSET_MS).div_euclid(crate::calendar::DAY));
        self.batch_number += 1;
        self.batch_name = format!("B{:02}{month:02}{day:02}-{:03}", year % 100, self.batch_number % 1_000);
        let mut rng = SplitMix64::new(hash3(self.seed, 5, self.batch_number));
        let mut draft = Draft { rng: &mut rng, t: self.now, steps: &mut self.steps };
        draft.step(22, 4, Phase::Charge, ROOM_MDEG, ROOM_MDEG);
        draft.step(if after { 44 } else { 50 }, 5, Phase::Heat, ROOM_MDEG, 74_000);
        if draft.rng.chance_ppm(if after { 40_000 } else { 70_000 }) {
            draft.step(35, 15, Phase::Fault, 74_000, 66_000);
            draft.step(16, 3, Phase::Heat, 66_000, REACT_MDEG);
        } else {
            draft.step(12, 2, Phase::Heat, 74_000, REACT_MDEG);
        }
        draft.step(175, 15, Phase::React, REACT_MDEG, REACT_MDEG);
        if draft.rng.chance_ppm(if after { 250_000 } else { 450_000 }) {
            draft.step(if after { 14 } else { 26 }, 8, Phase::Hold, REACT_MDEG, REACT_MDEG);
        }
        draft.step(58, 6, Phase::Cool, REACT_MDEG, 38_000);
        draft.step(34, 5, Phase::Discharge, 38_000, 32_000);
        draft.step(if after { 38 } else { 55 }, 8, Phase::Clean, 32_000, ROOM_MDEG);
        self.batch_grams = if after { rng.between(948_000, 976_000) } else { rng.between(930_000, 968_000) };
    }

    fn draw_power(&self) -> i64 {
        let after = self.retrofit_ms.is_some_and(|retrofit| self.now >= retrofit);
        let (base, span) = match self.phase() {
            Phase::Idle => (320_000, 30_000),
            Phase::Charge => (3_900_000, 300_000),
            Phase::Heat => (52_000_000, 2_000_000),
            Phase::React if after => (12_400_000, 1_800_000),
            Phase::React => (14_100_000, 1_800_000),
            Phase::Hold => (8_800_000, 600_000),
            Phase::Cool => (7_600_000, 500_000),
            Phase::Discharge => (5_100_000, 300_000),
            Phase::Clean => (9_300_000, 700_000),
            Phase::Fault => (2_400_000, 200_000),
        };
        base + scale(hash3(self.seed, 0x108, (self.now / SLOT) as u64), span) as i64
    }
}
