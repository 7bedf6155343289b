//! A machine that makes pieces: what it does in a shift, and the exact consequences of each millisecond.
//!
//! Constraints: a shift's plan is drawn once, from the seed, the machine and the shift's number alone, so that asking
//! at other instants or in other steps never changes what happened. Power is constant within a two-second slot and a
//! state, in whole milliwatts; energy is therefore the exact integral in µJ (mW·ms). Pieces complete at exact
//! milliseconds. Nothing here knows a register or a protocol.

use super::state::{Cause, Interval, State, Tally};
use crate::calendar::{MINUTE, SECOND, Shift};
use crate::rng::{SplitMix64, hash3, scale};

/// Length of a power slot, ms.
pub const SLOT: i64 = 2_000;
/// Most products one machine makes.
pub const PRODUCTS_MAX: usize = 4;

/// One product on one machine.
#[derive(Debug, Clone, Copy)]
pub struct Product {
    /// Code in the product register.
    pub code: u16,
    /// Name or programme as the machine shows it.
    pub name: &'static str,
    /// Planned run time per item (PRI), ms: what the firm declares.
    pub pri_ms: i64,
}

/// A power band: `base` plus uniform noise below `span`, mW.
#[derive(Debug, Clone, Copy)]
pub struct Band {
    /// Lowest power, mW.
    pub base: i64,
    /// Width of the noise, mW.
    pub span: u64,
}

/// How a machine and its crew behave in one era (before or after the retrofit). Means are in ms of running time.
#[derive(Debug, Clone, Copy)]
pub struct Habits {
    /// Idle time at the start of a worked shift.
    pub startup: i64,
    /// Idle time before the end of a worked shift.
    pub handover: i64,
    /// Running time between product changes.
    pub lot: i64,
    /// Mean length of a product change.
    pub changeover: i64,
    /// Mean running time between micro-stops.
    pub micro_every: i64,
    /// Mean length of a micro-stop (below two minutes each).
    pub micro: i64,
    /// Mean running time between breakdowns.
    pub fault_every: i64,
    /// Mean length of a breakdown beyond its first six minutes.
    pub fault: i64,
    /// Mean running time between waits for material.
    pub wait_every: i64,
    /// Mean length of a wait.
    pub wait: i64,
    /// Actual cycle as thousandths of the planned one.
    pub cycle_permille: i64,
    /// Scrap in parts per million, once running well.
    pub scrap_ppm: u64,
    /// Pieces scrapped after each product change.
    pub startup_scrap: u32,
    /// Idle power as thousandths of the nominal band.
    pub idle_permille: i64,
    /// Idle power during breaks and handover, as thousandths of the nominal band.
    pub break_permille: i64,
}

/// Everything that distinguishes one machine from another.
#[derive(Debug)]
pub struct Profile {
    /// Machine and device id.
    pub id: &'static str,
    /// Stream number of its randomness.
    pub stream: u64,
    /// What it makes.
    pub products: &'static [Product],
    /// Loading time between two pieces during which it stands idle, ms (0: fed automatically).
    pub load_ms: i64,
    /// Power when off.
    pub off: Band,
    /// Power when idle, waiting or stopped by a micro-stop.
    pub idle: Band,
    /// Power when producing.
    pub run: Band,
    /// Power during a product change.
    pub setup: Band,
    /// Power when broken down.
    pub fault: Band,
    /// Behaviour before the retrofit.
    pub before: Habits,
    /// Behaviour from the retrofit on.
    pub after: Habits,
}

#[derive(Debug, Clone, Copy)]
struct Segment {
    until: i64,
    state: State,
    cause: Cause,
    product: usize,
    fresh: bool,
}

/// One machine at one instant. Advance it; it never goes back.
#[derive(Debug)]
pub struct Discrete {
    profile: &'static Profile,
    seed: u64,
    retrofit_ms: Option<i64>,
    rest_weekday: Option<u8>,
    now: i64,
    plan: Vec<Segment>,
    at: usize,
    planned_shift: Shift,
    product: usize,
    lot_left: i64,
    pieces: SplitMix64,
    cycle_left: i64,
    load_left: i64,
    scrap_left: u32,
    power: i64,
    tally: Tally,
    intervals: Option<Vec<Interval>>,
}

impl Discrete {
    /// The machine at `epoch_ms`, the start of a shift. `record` keeps every state interval.
    pub fn new(
        profile: &'static Profile,
        seed: u64,
        epoch_ms: i64,
        retrofit_ms: Option<i64>,
        rest_weekday: Option<u8>,
        record: bool,
    ) -> Self {
        let shift = Shift::at(epoch_ms);
        let mut machine = Self {
            profile,
            seed,
            retrofit_ms,
            rest_weekday,
            now: epoch_ms,
            plan: Vec::new(),
            at: 0,
            planned_shift: shift,
            product: 0,
            lot_left: 0,
            pieces: SplitMix64::new(hash3(seed, profile.stream, 0x9_1ECE5)),
            cycle_left: 0,
            load_left: 0,
            scrap_left: 0,
            power: 0,
            tally: Tally::default(),
            intervals: record.then(Vec::new),
        };
        machine.lot_left = machine.habits(shift.start()).lot;
        machine.plan_shift(shift);
        machine.skip_finished();
        machine.enter();
        machine
    }

    /// Its profile.
    pub fn profile(&self) -> &'static Profile {
        self.profile
    }

    /// State in effect at the current instant.
    pub fn state(&self) -> State {
        if self.load_left > 0 && self.segment().state == State::Run { State::Idle } else { self.segment().state }
    }

    /// Why it is in that state.
    pub fn cause(&self) -> Cause {
        if self.load_left > 0 && self.segment().state == State::Run { Cause::Loading } else { self.segment().cause }
    }

    /// The product loaded.
    pub fn product(&self) -> &'static Product {
        &self.profile.products[self.segment().product]
    }

    /// Electrical power at the current instant, mW.
    pub fn power_mw(&self) -> i64 {
        self.power
    }

    /// Totals since the epoch.
    pub fn tally(&self) -> &Tally {
        &self.tally
    }

    /// State intervals since the epoch; the last one is still open.
    pub fn intervals(&self) -> &[Interval] {
        self.intervals.as_deref().unwrap_or(&[])
    }

    /// Keep every state interval from this instant on.
    pub fn record_from_now(&mut self) {
        if self.intervals.is_none() {
            let (from, product) = (self.now, self.segment().product);
            let (state, cause) = (self.state(), self.cause());
            self.intervals = Some(vec![Interval { from, until: from, state, cause, product }]);
        }
    }

    /// Forget intervals that ended at or before `before_ms`.
    pub fn forget_intervals(&mut self, before_ms: i64) {
        if let Some(list) = &mut self.intervals {
            list.retain(|interval| interval.until > before_ms);
        }
    }

    /// Somebody stops it or keeps it running until `until`; what was planned meanwhile does not happen.
    pub(super) fn hold(&mut self, state: State, until: i64) {
        let held = Segment { until, state, cause: Cause::Operator, product: self.segment().product, fresh: false };
        let later = self.plan.split_off(self.at).into_iter().filter(|segment| segment.until > until);
        self.plan = std::iter::once(held).chain(later).collect();
        self.at = 0;
        self.load_left = 0;
        self.enter();
    }

    /// Advance to `to`, which must not lie beyond the end of the current power slot.
    pub fn advance(&mut self, to: i64) {
        while self.now < to {
            let segment = self.segment();
            let mut until = to.min(segment.until);
            let producing = segment.state == State::Run;
            if producing {
                let left = if self.load_left > 0 { self.load_left } else { self.cycle_left };
                until = until.min(self.now + left);
            }
            let span = until - self.now;
            self.tally.energy_uj += i128::from(self.power) * i128::from(span);
            self.tally.state_ms[self.state() as usize] += span;
            self.now = until;
            let mut changed = false;
            if producing {
                if self.load_left > 0 {
                    self.load_left -= span;
                    changed = self.load_left == 0;
                } else {
                    self.cycle_left -= span;
                    if self.cycle_left == 0 {
                        self.complete_piece();
                        changed = self.load_left > 0;
                    }
                }
            }
            if self.now == segment.until {
                self.skip_finished();
                changed = true;
            }
            if changed {
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

    fn segment(&self) -> Segment {
        self.plan[self.at]
    }

    fn habits(&self, at: i64) -> &'static Habits {
        match self.retrofit_ms {
            Some(retrofit) if at >= retrofit => &self.profile.after,
            _ => &self.profile.before,
        }
    }

    /// Move to the segment that contains `now`, planning the next shift when this one is used up.
    fn skip_finished(&mut self) {
        while self.plan[self.at].until <= self.now {
            self.at += 1;
            if self.at == self.plan.len() {
                let shift = self.planned_shift.next();
                self.plan_shift(shift);
            }
        }
    }

    /// Begin the state in effect now: product change, first cycle, power, interval.
    fn enter(&mut self) {
        let segment = self.segment();
        if segment.fresh && segment.state == State::Setup {
            self.plan[self.at].fresh = false;
            self.scrap_left = self.habits(self.now).startup_scrap;
            self.cycle_left = 0;
            self.load_left = 0;
        }
        if segment.state == State::Run && self.cycle_left == 0 && self.load_left == 0 {
            self.begin_cycle();
        }
        self.power = self.draw_power();
        let (state, cause, now, product) = (self.state(), self.cause(), self.now, segment.product);
        if let Some(list) = &mut self.intervals {
            if let Some(last) = list.last_mut() {
                last.until = now;
                if last.state == state && last.cause == cause && last.product == product {
                    return;
                }
            }
            list.push(Interval { from: now, until: now, state, cause, product });
        }
    }

    fn begin_cycle(&mut self) {
        let planned = self.profile.products[self.segment().product].pri_ms;
        let actual = planned * self.habits(self.now).cycle_permille / 1_000;
        let jitter = actual / 33;
        self.cycle_left = self.pieces.between(actual - jitter, actual + jitter).max(1);
    }

    fn complete_piece(&mut self) {
        let habits = self.habits(self.now);
        let product = self.segment().product;
        let bad = if self.scrap_left > 0 {
            self.scrap_left -= 1;
            true
        } else {
            self.pieces.chance_ppm(habits.scrap_ppm)
        };
        if bad {
            self.tally.reject[product] += 1;
        } else {
            self.tally.good[product] += 1;
        }
        if self.profile.load_ms > 0 && self.segment().cause != Cause::Operator {
            self.load_left = self.pieces.between(self.profile.load_ms * 3 / 4, self.profile.load_ms * 5 / 4);
        }
        self.begin_cycle();
    }

    fn draw_power(&self) -> i64 {
        let (band, permille) = match self.state() {
            State::Off => (self.profile.off, 1_000),
            State::Run => (self.profile.run, 1_000),
            State::Setup => (self.profile.setup, 1_000),
            State::Fault | State::Maint => (self.profile.fault, 1_000),
            State::Idle | State::Wait => {
                let habits = self.habits(self.now);
                let permille = match self.cause() {
                    Cause::Break | Cause::Handover => habits.break_permille,
                    _ => habits.idle_permille,
                };
                (self.profile.idle, permille)
            }
        };
        let noise = scale(hash3(self.seed, self.profile.stream | 0x100, (self.now / SLOT) as u64), band.span) as i64;
        (band.base + noise) * permille / 1_000
    }

    /// Draw what happens in `shift`.
    fn plan_shift(&mut self, shift: Shift) {
        self.plan.clear();
        self.at = 0;
        self.planned_shift = shift;
        if !shift.is_worked(self.rest_weekday) {
            self.push(shift.end(), State::Off, Cause::RestDay);
            return;
        }
        let habits = self.habits(shift.start());
        let mut rng = SplitMix64::new(hash3(self.seed, self.profile.stream, shift.number as u64));
        let around = |rng: &mut SplitMix64, mean: i64| rng.between(mean * 3 / 4, mean * 5 / 4);
        let mut t = shift.start() + around(&mut rng, habits.startup);
        self.push(t, State::Idle, Cause::Startup);
        let again = |rng: &mut SplitMix64, mean: i64| rng.exponential(mean).max(SECOND);
        let mut micro = again(&mut rng, habits.micro_every);
        let mut fault = again(&mut rng, habits.fault_every);
        let mut wait = again(&mut rng, habits.wait_every);
        let handover = shift.end() - around(&mut rng, habits.handover);
        let [first, second] = shift.breaks();
        let stops = [(first, Cause::Break), (second, Cause::Break), ((handover, shift.end()), Cause::Handover)];
        for ((from, until), cause) in stops {
            while t < from {
                let run = micro.min(fault).min(wait).min(self.lot_left).min(from - t);
                t += run;
                self.push(t, State::Run, Cause::Production);
                micro -= run;
                fault -= run;
                wait -= run;
                self.lot_left -= run;
                if t >= from {
                    break;
                }
                let (length, state, why) = if self.lot_left == 0 {
                    self.product = (self.product + 1) % self.profile.products.len();
                    self.lot_left = around(&mut rng, habits.lot);
                    (around(&mut rng, habits.changeover), State::Setup, Cause::Changeover)
                } else if fault == 0 {
                    fault = again(&mut rng, habits.fault_every);
                    let repair = 6 * MINUTE + rng.exponential(habits.fault).min(150 * MINUTE);
                    (repair, State::Fault, Cause::Breakdown)
                } else if wait == 0 {
                    wait = again(&mut rng, habits.wait_every);
                    let length = (2 * MINUTE + rng.exponential(habits.wait)).min(40 * MINUTE);
                    (length, State::Wait, Cause::NoMaterial)
                } else {
                    micro = again(&mut rng, habits.micro_every);
                    let length = (10 * SECOND + rng.exponential(habits.micro)).min(115 * SECOND);
                    (length, State::Idle, Cause::MicroStop)
                };
                t = (t + length).min(shift.end());
                self.push(t, state, why);
            }
            if t < until {
                t = until;
                self.push(t, State::Idle, cause);
            }
        }
    }

    fn push(&mut self, until: i64, state: State, cause: Cause) {
        self.plan.push(Segment { until, state, cause, product: self.product, fresh: true });
    }
}
