//! The records of the history, one after the other: a pure function of plan, identity and key.
//!
//! A batch is sealed when it holds enough readings and around every outage. Readings lie on one grid of times shared by
//! all tags. The gap of a device begins at its last reading and ends at its next one; the gap of a stop names every tag,
//! starts at the last reading before it (on the old boot's clock after a power cut) and is in the first record of the new
//! run.

use super::outages::{Outage, Trouble, outages};
use crate::calendar::SECOND;
use crate::generate;
use crate::instrument::{Instrument, Raw};
use crate::rng::hash3;
use crate::tags::devices;
use crate::world::{Config, World};
use protocol::content::{Column, Values};
use protocol::{
    Batch, BootId, ChainId, ChainStart, ChainStartCause, Clock, Configuration, Content, Digest, Event, Gap, GapCause,
    GapStart, GatewayId, Header, Quality, Record, SecretKey, SiteId, SyncState, ValueType, sha256,
};

/// What history to produce.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    /// The world; its epoch is where the history begins.
    pub config: Config,
    /// Where this gateway begins to read, UTC ms; not before the world does.
    pub begin_ms: i64,
    /// Where it ends, UTC ms.
    pub until_ms: i64,
    /// Between two readings of a tag, ms.
    pub interval_ms: i64,
    /// Readings that seal a batch.
    pub readings_max: usize,
}

/// Who signs.
#[derive(Debug, Clone)]
pub struct Identity {
    /// Site.
    pub site: SiteId,
    /// Gateway.
    pub gateway: GatewayId,
    /// Its key.
    pub key: SecretKey,
}

/// What was produced so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Totals {
    /// Records.
    pub records: u64,
    /// Readings.
    pub readings: u64,
    /// Gaps.
    pub gaps: u64,
    /// Bytes of all records on the wire.
    pub bytes: u64,
}

/// Yields the records in order.
#[derive(Debug)]
pub struct Producer {
    plan: Plan,
    identity: Identity,
    world: World,
    devices: Vec<Sampled>,
    columns: Vec<Column>,
    held: usize,
    outages: Vec<Outage>,
    next_outage: usize,
    gaps: Vec<Gap>,
    events: Vec<Event>,
    chain: ChainId,
    sequence: u64,
    previous: Digest,
    configuration: Digest,
    boot: BootId,
    boot_at: i64,
    boots: u64,
    tick: i64,
    last_tick: i64,
    totals: Totals,
}

#[derive(Debug)]
struct Sampled {
    instrument: Instrument,
    first_tag: usize,
    last_read: i64,
}

impl Producer {
    /// At the beginning of the chain.
    pub fn new(plan: Plan, identity: Identity) -> Self {
        let mut world = World::new(plan.config);
        world.advance_to(plan.begin_ms);
        let mut first_tag = 0;
        let mut columns = Vec::new();
        let sampled = devices(plan.config.hall)
            .map(|device| {
                let instrument = Instrument::new(device, plan.config.seed);
                let entry = Sampled { instrument, first_tag, last_read: world.now() };
                first_tag += device.tags.len();
                columns.extend(entry.instrument.read_all(&world).iter().map(value_type).map(empty_column));
                entry
            })
            .collect();
        for (index, column) in columns.iter_mut().enumerate() {
            column.tag = index as u32;
        }
        let interval = plan.interval_ms.max(SECOND);
        let first = (world.now() + interval - 1).div_euclid(interval) * interval;
        let outages = outages(plan.config.seed, plan.config.hall, world.now(), plan.until_ms);
        // Same key, same chain: a run that starts again continues instead of forking.
        let seed = sha256(&[b"gongzheng-sim history chain".as_slice(), &identity.key.seed()].concat());
        let chain = ChainId::from_slice(&seed.0[..16]).unwrap_or(ChainId([0; 16]));
        let mut producer = Self {
            plan: Plan { interval_ms: interval, ..plan },
            identity,
            devices: sampled,
            columns,
            held: 0,
            outages,
            next_outage: 0,
            gaps: Vec::new(),
            events: Vec::new(),
            chain,
            sequence: 0,
            previous: Digest([0; 32]),
            configuration: Digest([0; 32]),
            boot: BootId([0; 16]),
            boot_at: 0,
            boots: 0,
            tick: first,
            last_tick: first,
            totals: Totals::default(),
            world,
        };
        producer.start_boot(first - 47 * SECOND);
        producer
    }

    /// The outages this history has.
    pub fn outages(&self) -> &[Outage] {
        &self.outages
    }

    /// The world as far as it was read.
    pub fn world(&self) -> &World {
        &self.world
    }

    /// What was produced so far.
    pub fn totals(&self) -> Totals {
        self.totals
    }

    /// The next record; `None` when the history is complete.
    ///
    /// # Errors
    /// Only when the protocol refuses what we made, which is a mistake of ours.
    pub fn next_record(&mut self) -> protocol::Result<Option<Record>> {
        match self.sequence {
            0 => {
                let start = ChainStart { cause: ChainStartCause::First, old: None };
                self.seal(&Content::ChainStart(start), 0).map(Some)
            }
            1 => {
                let configuration: Configuration =
                    generate::configuration(self.plan.config.hall, self.plan.interval_ms)?;
                let record = self.seal(&Content::Configuration(configuration), 0)?;
                self.configuration = record.header().content_digest;
                self.event("started", "", 0);
                Ok(Some(record))
            }
            _ => self.next_batch(),
        }
    }

    fn next_batch(&mut self) -> protocol::Result<Option<Record>> {
        while self.tick <= self.plan.until_ms {
            if let Some(outage) = self.outages.get(self.next_outage).copied() {
                if outage.until <= self.tick {
                    self.next_outage += 1;
                    continue;
                }
                if outage.from <= self.tick
                    && !matches!(outage.trouble, Trouble::DeviceSilent(_) | Trouble::DeviceRefused(_))
                {
                    self.next_outage += 1;
                    if let Some(record) = self.stop(outage)? {
                        return Ok(Some(record));
                    }
                    continue;
                }
            }
            self.read_tick();
            self.tick += self.plan.interval_ms;
            if self.held >= self.plan.readings_max {
                return self.seal_batch().map(Some);
            }
        }
        if self.held > 0 || !self.gaps.is_empty() {
            self.event("stopping", "", 0);
            return self.seal_batch().map(Some);
        }
        Ok(None)
    }

    /// Read every device at the current tick, unless an outage keeps it silent.
    fn read_tick(&mut self) {
        self.world.advance_to(self.tick);
        let boot_ms = self.tick - self.boot_at;
        let outage = self.outages.get(self.next_outage).copied().filter(|o| o.from <= self.tick && self.tick < o.until);
        let mut changes = Vec::new();
        for sampled in &mut self.devices {
            let device = sampled.instrument.device();
            let cause = match outage.map(|outage| outage.trouble) {
                Some(Trouble::DeviceSilent(id)) if id == device.id => Some(GapCause::DeviceSilent),
                Some(Trouble::DeviceRefused(id)) if id == device.id => Some(GapCause::DeviceRefused),
                _ => None,
            };
            if cause.is_some() {
                if self.tick - sampled.last_read == self.plan.interval_ms {
                    changes.push(("device_down", device.id));
                }
                continue;
            }
            if self.tick - sampled.last_read > self.plan.interval_ms && sampled.last_read >= self.boot_at {
                // The outage this device comes back from is the newest one before now that names it.
                let missed = self.outages[..=self.next_outage.min(self.outages.len() - 1)].iter().rev();
                let cause = missed.filter(|o| o.from <= self.tick).find_map(|o| match o.trouble {
                    Trouble::DeviceSilent(id) if id == device.id => Some(GapCause::DeviceSilent),
                    Trouble::DeviceRefused(id) if id == device.id => Some(GapCause::DeviceRefused),
                    _ => None,
                });
                if let Some(cause) = cause {
                    changes.push(("device_up", device.id));
                    for index in 0..device.tags.len() {
                        self.gaps.push(Gap {
                            tag: Some((sampled.first_tag + index) as u32),
                            from: GapStart { boot: None, boot_ms: sampled.last_read - self.boot_at },
                            to_boot_ms: boot_ms,
                            cause,
                        });
                    }
                }
            }
            sampled.last_read = self.tick;
            for (column, raw) in
                self.columns[sampled.first_tag..].iter_mut().zip(sampled.instrument.read_all(&self.world))
            {
                push(column, boot_ms, raw);
                self.held += 1;
            }
        }
        self.last_tick = self.tick;
        for (kind, subject) in changes {
            self.event(kind, subject, 0);
        }
    }

    /// The gateway itself stops for an outage. Returns the record sealed before it, if one was due.
    fn stop(&mut self, outage: Outage) -> protocol::Result<Option<Record>> {
        if outage.trouble == Trouble::Planned {
            self.event("stopping", "", 0);
        }
        let due = self.held > 0 || !self.gaps.is_empty() || !self.events.is_empty();
        let sealed = if due { Some(self.seal_batch()?) } else { None };
        let old = (self.boot, self.boot_at);
        let interval = self.plan.interval_ms;
        let resumed = (outage.until + interval - 1).div_euclid(interval) * interval;
        let (cause, from_boot) = match outage.trouble {
            Trouble::Planned => (GapCause::Planned, None),
            Trouble::PowerCut => {
                self.start_boot(outage.until - 20 * SECOND);
                (GapCause::UncleanBoot, Some(old.0))
            }
            _ => (GapCause::ProcessKilled, None),
        };
        let last_read = self.last_tick;
        self.tick = resumed;
        self.gaps.push(Gap {
            tag: None,
            from: GapStart { boot: from_boot, boot_ms: last_read - old.1 },
            to_boot_ms: resumed - self.boot_at,
            cause,
        });
        for sampled in &mut self.devices {
            // The gap above covers them all; each device starts anew.
            sampled.last_read = resumed - interval;
        }
        self.last_tick = resumed;
        self.event("started", "", 0);
        Ok(sealed)
    }

    fn start_boot(&mut self, at: i64) {
        self.boots += 1;
        let seed = self.plan.config.seed;
        let halves = [hash3(seed, 0xB001, self.boots), hash3(seed, 0xB002, self.boots)];
        let bytes: Vec<u8> = halves.iter().flat_map(|half| half.to_be_bytes()).collect();
        self.boot = BootId::from_slice(&bytes).unwrap_or(BootId([1; 16]));
        self.boot_at = at;
    }

    fn event(&mut self, kind: &str, subject: &str, value: i64) {
        let boot_ms = self.last_tick - self.boot_at;
        self.events.push(Event { boot_ms, kind: kind.into(), subject: subject.into(), value, detail: "".into() });
    }

    fn seal_batch(&mut self) -> protocol::Result<Record> {
        let readings = self.held;
        let columns = self
            .columns
            .iter_mut()
            .filter(|column| !column.times.is_empty())
            .map(|column| {
                let mut full = empty_column(column.values.value_type());
                full.tag = column.tag;
                std::mem::swap(column, &mut full);
                full.qualities = vec![(Quality::Good, full.times.len() as u32)];
                full
            })
            .collect();
        self.held = 0;
        let batch = Batch { columns, gaps: std::mem::take(&mut self.gaps), events: std::mem::take(&mut self.events) };
        self.totals.gaps += batch.gaps.len() as u64;
        self.seal(&Content::Batch(batch), readings)
    }

    fn seal(&mut self, content: &Content, readings: usize) -> protocol::Result<Record> {
        let now = self.last_tick - self.boot_at;
        let (first_ms, last_ms) = match content {
            Content::Batch(batch) => {
                let times = batch.columns.iter().flat_map(|column| column.times.iter().copied());
                let others = batch.gaps.iter().map(|gap| gap.to_boot_ms).chain(batch.events.iter().map(|e| e.boot_ms));
                let all = times.chain(others);
                all.fold((now, now), |(low, high), at| (low.min(at), high.max(at)))
            }
            _ => (now, now),
        };
        let boot_ms = now.max(last_ms);
        let header = Header {
            kind: content.kind(),
            site: self.identity.site.clone(),
            gateway: self.identity.gateway.clone(),
            chain: self.chain,
            sequence: self.sequence,
            previous: self.previous,
            content_digest: Digest([0; 32]),
            content_length: 0,
            readings: readings as u32,
            configuration: self.configuration,
            agent_version: concat!("sim-", env!("CARGO_PKG_VERSION")).into(),
            clock: Clock {
                boot_id: self.boot,
                boot_ms,
                wall_ms: self.boot_at + boot_ms,
                sync: SyncState::Synchronised,
                error_ms: 12,
                server: None,
                simulated: true,
            },
            first_ms,
            last_ms,
        };
        let record = Record::sign(header, content.encode()?, &self.identity.key)?;
        self.previous = record.digest();
        self.sequence += 1;
        self.totals.records += 1;
        self.totals.readings += readings as u64;
        self.totals.bytes += record.encode().len() as u64;
        Ok(record)
    }
}

fn value_type(raw: &Raw) -> ValueType {
    match raw {
        Raw::U16(_) | Raw::U32(_) => ValueType::U64,
        Raw::I32(_) => ValueType::I64,
        Raw::F32(_) => ValueType::F32,
        Raw::F64(_) => ValueType::F64,
        Raw::Text(_) => ValueType::Text,
    }
}

fn empty_column(value_type: ValueType) -> Column {
    let values = match value_type {
        ValueType::Bool => Values::Bool(Vec::new()),
        ValueType::I64 => Values::I64(Vec::new()),
        ValueType::U64 => Values::U64(Vec::new()),
        ValueType::F32 => Values::F32(Vec::new()),
        ValueType::F64 => Values::F64(Vec::new()),
        ValueType::Text => Values::Text(Vec::new()),
    };
    Column { tag: 0, times: Vec::new(), values, qualities: Vec::new(), sources: None }
}

fn push(column: &mut Column, boot_ms: i64, raw: Raw) {
    match (&mut column.values, raw) {
        (Values::U64(values), Raw::U16(value)) => values.push(value.into()),
        (Values::U64(values), Raw::U32(value)) => values.push(value.into()),
        (Values::I64(values), Raw::I32(value)) => values.push(value.into()),
        (Values::F32(values), Raw::F32(value)) => values.push(value.to_bits()),
        (Values::F64(values), Raw::F64(value)) => values.push(value.to_bits()),
        (Values::Text(values), Raw::Text(value)) => values.push(value.into()),
        // The table gives each tag one type; a test reads every one of them.
        _ => return,
    }
    column.times.push(boot_ms);
}
