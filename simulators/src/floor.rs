//! The running factory floor: one world, its instruments, clock, journal and faults, shared by every server.
//!
//! Each look at a device advances the world to the clock and reads all its tags at that one instant, so that the
//! registers of a reply always belong together.

use crate::clock::SimClock;
use crate::faults::{Board, Kind};
use crate::instrument::{Instrument, Raw};
use crate::journal::Journal;
use crate::tags::{self, Device, Tag, devices};
use crate::told;
use crate::told::Told;
use crate::world::{Config, World};
use serde_json::json;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::watch;

/// Everything one device shows at one instant.
#[derive(Debug, Clone)]
pub struct Sample {
    /// Device time, UTC ms.
    pub device_ms: i64,
    /// Values in the order of the device's tag table.
    pub values: Vec<Raw>,
    /// Whether the machine runs and whether it is broken down: the two status bits.
    pub bits: [bool; 2],
}

/// A shared factory floor.
#[derive(Debug)]
pub struct Floor {
    inner: Mutex<Inner>,
    clock: SimClock,
    /// The journal.
    pub journal: Journal,
    /// Faults in force.
    pub faults: Board,
    cuts: Vec<(&'static str, watch::Sender<u64>)>,
}

#[derive(Debug)]
struct Inner {
    world: World,
    instruments: Vec<Instrument>,
}

/// What was asked of [`Floor::inject`].
#[derive(Debug, Clone, Copy, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Order<'a> {
    /// Device id.
    pub device: &'a str,
    /// Kind of fault.
    pub kind: Kind,
    /// How long, ms; ignored by accidents.
    #[serde(default)]
    pub duration_ms: u64,
    /// Delay of replies, ms.
    pub delay_ms: Option<u64>,
    /// Exception code.
    pub code: Option<u8>,
}

impl Floor {
    /// A floor whose world stands at the clock.
    pub fn new(config: Config, clock: SimClock, journal: Journal) -> Arc<Self> {
        let mut world = World::new(Config { record: false, ..config });
        // Intervals are only kept from the start of the shift in which we begin: the past was nobody's to observe.
        let started = crate::calendar::Shift::at(clock.start_ms()).start();
        let needs_past = config.epoch_ms < started;
        if needs_past {
            world.advance_to(started);
        }
        world.record_from_now();
        world.forget(started);
        world.advance_to(clock.now());
        let instruments: Vec<_> = devices(config.hall).map(|device| Instrument::new(device, config.seed)).collect();
        let cuts = devices(config.hall).map(|device| (device.id, watch::Sender::new(0))).collect();
        Arc::new(Self {
            inner: Mutex::new(Inner { world, instruments }),
            clock,
            journal,
            faults: Board::default(),
            cuts,
        })
    }

    /// Its clock.
    pub fn clock(&self) -> &SimClock {
        &self.clock
    }

    /// What `device` shows now, frozen values included.
    pub fn sample(&self, device: &Device) -> Sample {
        let mut inner = self.lock();
        let now = self.clock.now();
        inner.world.advance_to(now);
        let values = match self.faults.on(device.id) {
            Some(fault) if fault.frozen.is_some() => fault.frozen.unwrap_or_default(),
            _ => inner
                .instruments
                .iter()
                .find(|instrument| instrument.device().id == device.id)
                .map(|instrument| instrument.read_all(&inner.world))
                .unwrap_or_default(),
        };
        let state = inner.world.machine(device.id).map(|machine| machine.state());
        let bits = [state == Some(crate::world::state::State::Run), state == Some(crate::world::state::State::Fault)];
        Sample { device_ms: inner.world.now(), values, bits }
    }

    /// Look at the world, advanced to now.
    pub fn with_world<T>(&self, look: impl FnOnce(&World) -> T) -> T {
        let mut inner = self.lock();
        let now = self.clock.now();
        inner.world.advance_to(now);
        look(&inner.world)
    }

    /// Changes whenever the connections of `device` must be cut.
    pub fn cut_signal(&self, device: &str) -> watch::Receiver<u64> {
        self.cuts
            .iter()
            .find(|(id, _)| *id == device)
            .map(|(_, sender)| sender.subscribe())
            .unwrap_or_else(|| watch::Sender::new(0).subscribe())
    }

    /// Put a fault in force (or cause an accident) and say what was done.
    ///
    /// # Errors
    /// Names a device that does not exist, and a fault that this device cannot have.
    pub fn inject(self: &Arc<Self>, order: Order<'_>) -> Result<serde_json::Value, Told> {
        let Some((device, sender)) = self.cuts.iter().find(|(id, _)| *id == order.device) else {
            let known: Vec<_> = self.cuts.iter().map(|(id, _)| *id).collect();
            let (name, known) = (order.device, known.join(", "));
            return Err(told!(
                "没有 {name:?} 这台设备；这里有：{known}",
                "unknown device {name:?}; devices here: {known}"
            ));
        };
        let device = *device;
        if let Some(protocol) = tags::device(device).map(|found| found.protocol)
            && !order.kind.is_possible_on(protocol)
        {
            let possible = Kind::ALL.into_iter().filter(|kind| kind.is_possible_on(protocol)).map(Kind::name);
            let (kind, protocol) = (order.kind.name(), protocol.name());
            let possible = possible.collect::<Vec<_>>().join(", ");
            return Err(told!(
                "{device} 走 {protocol}，不会出现 {kind} 故障；可用的有：{possible}",
                "{device} speaks {protocol} and cannot have the fault {kind}; it can have: {possible}"
            ));
        }
        let duration = Duration::from_millis(order.duration_ms);
        let mut fault = self.faults.draft(order.kind, order.delay_ms.map(Duration::from_millis), order.code);
        let id = fault.id;
        let mut line = json!({
            "id": id, "device": device, "kind": order.kind.name(), "phase": "start",
            "device_ms": self.clock.now(), "duration_ms": order.duration_ms,
            "delay_ms": fault.delay.as_millis() as u64,
        });
        if order.kind.is_accident() {
            let mut inner = self.lock();
            let now = self.clock.now();
            inner.world.advance_to(now);
            let Inner { world, instruments } = &mut *inner;
            if let Some(instrument) = instruments.iter_mut().find(|instrument| instrument.device().id == device) {
                let before = shown(instrument.device(), &instrument.read_all(world));
                match order.kind {
                    Kind::CounterReset => instrument.reset_counters(world),
                    _ => instrument.replace_meter(world),
                }
                line["before"] = before;
                line["after"] = shown(instrument.device(), &instrument.read_all(world));
            }
            line["phase"] = "accident".into();
            line["duration_ms"] = 0.into();
            line["device_ms"] = now.into();
            self.journal.fault(line.clone());
            return Ok(line);
        }
        if order.kind == Kind::Frozen {
            let mut inner = self.lock();
            let now = self.clock.now();
            inner.world.advance_to(now);
            let Inner { world, instruments } = &*inner;
            fault.frozen = instruments.iter().find(|i| i.device().id == device).map(|i| i.read_all(world));
        }
        let kind = order.kind;
        self.journal.fault(line.clone());
        self.faults.start(device, fault, duration);
        if matches!(kind, Kind::Drop | Kind::Restart) {
            sender.send_modify(|generation| *generation += 1);
        }
        let floor = Arc::clone(self);
        tokio::spawn(async move {
            tokio::time::sleep(duration).await;
            floor.faults.end(device, id);
            floor.journal.fault(json!({
                "id": id, "device": device, "kind": kind.name(), "phase": "end", "device_ms": floor.clock.now(),
            }));
        });
        Ok(line)
    }

    /// A machine is stopped, or kept running, for so long: what an assessor asks for who stands before it.
    ///
    /// # Errors
    /// Names a device that is no machine of this workshop.
    pub fn hold(&self, device: &str, runs: bool, duration_ms: u64) -> Result<serde_json::Value, Told> {
        let mut inner = self.lock();
        let now = self.clock.now();
        inner.world.advance_to(now);
        let until = now.saturating_add(i64::try_from(duration_ms).unwrap_or(i64::MAX / 2));
        if !inner.world.hold(device, runs, until) {
            let known: Vec<_> = inner.world.machines().iter().map(|machine| machine.profile().id).collect();
            let known = known.join(", ");
            return Err(told!(
                "{device:?} 不是可以启停的设备；这里有：{known}",
                "{device:?} is no machine that starts or stops; here are: {known}"
            ));
        }
        let kind = if runs { "run" } else { "stop" };
        Ok(self.noted(json!({ "device": device, "kind": kind, "device_ms": now, "duration_ms": duration_ms })))
    }

    /// The clamps of two meters change places; the same again puts them right.
    ///
    /// # Errors
    /// Names a device that has no meter here.
    pub fn swap_clamps(&self, of: [&str; 2]) -> Result<serde_json::Value, Told> {
        let mut inner = self.lock();
        let now = self.clock.now();
        inner.world.advance_to(now);
        let Inner { world, instruments } = &mut *inner;
        let place = |id: &str| {
            instruments.iter().position(|i| i.device().id == id && world.power_mw(id).is_some()).ok_or_else(|| {
                told!("{id:?} 没有可以互换互感器的电能表", "{id:?} has no meter whose clamps could be swapped")
            })
        };
        let [first, second] = [place(of[0])?, place(of[1])?];
        let cables = [instruments[second].cable(), instruments[first].cable()];
        for (at, cable) in [first, second].into_iter().zip(cables) {
            instruments[at].clamp_onto(world, cable);
        }
        Ok(self.noted(json!({ "device": of[0], "kind": "swapped-clamps", "with": of[1], "device_ms": now })))
    }

    /// Journals an order that happens at one instant.
    fn noted(&self, mut line: serde_json::Value) -> serde_json::Value {
        line["id"] = self.faults.next_id().into();
        line["phase"] = "order".into();
        self.journal.fault(line.clone());
        line
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn shown(device: &Device, values: &[Raw]) -> serde_json::Value {
    device.tags.iter().zip(values).map(|(tag, raw): (&Tag, &Raw)| (tag.id.to_owned(), raw.json())).collect()
}
