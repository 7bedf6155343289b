//! A firm's log in the making, by nothing but `protocol`: two gateways that seal a record a day, and people who state things.

use std::collections::BTreeMap;

use metrics::History;
use metrics::plan::Baseline;
use protocol::content::{CounterConfig, DeviceConfig, Ratio, TagConfig};
use protocol::{
    Batch, BootId, ChainId, ChainStart, ChainStartCause, Clock, Configuration, Content, Declaration, Digest, Event,
    Gap, GapCause, GapStart, Header, KeyChange, Leaf, LeafBody, Lost, LostCause, Quality, Reading, Record, SecretKey,
    ServerAnchor, SyncState, Value, ValueType,
};
use serde_json::{Value as Json, json};

use super::corpus::{GATEWAYS, PLAN};
use super::forge::Copy;
use super::said::{CHECK, OEE, founding, practice, statements};
use crate::fixture::{HOUR, MINUTE, MONDAY, Minute, SITE, World};

const DAY: i64 = 24 * HOUR;
/// Minutes from one sample to the next.
const SAMPLE: usize = 30;
const BOOT: i64 = MONDAY - 30 * DAY;

struct Gateway {
    name: &'static str,
    key: SecretKey,
    chain: ChainId,
    sequence: u64,
    previous: Digest,
    configuration: Digest,
    /// What its counters stand at.
    counted: [u64; 5],
}

/// A site's log in the making.
pub struct Site {
    name: &'static str,
    leaves: Vec<Leaf>,
    pub contents: BTreeMap<Digest, Vec<u8>>,
    gateways: Vec<Gateway>,
    /// When the newest leaf was received.
    pub at_ms: i64,
    /// The content that is not handed over.
    pub withheld: Digest,
    /// Acts of the on-site check whose results are not recorded yet.
    acts: Vec<u64>,
}

impl Site {
    /// A firm before its first reading.
    pub fn new(name: &'static str, seed: u8, side: i64) -> Self {
        let gateway = |n: usize| Gateway {
            name: GATEWAYS[n],
            key: SecretKey::from_seed(&[seed + n as u8; 32]),
            chain: ChainId([9 + n as u8; 16]),
            sequence: 0,
            previous: Digest::ZERO,
            configuration: Digest::ZERO,
            counted: [0, 1000, 10, 500_000, 77],
        };
        let mut site = Self {
            name,
            leaves: Vec::new(),
            contents: BTreeMap::new(),
            gateways: vec![gateway(0), gateway(1)],
            at_ms: MONDAY - 10 * DAY,
            withheld: Digest::ZERO,
            acts: Vec::new(),
        };
        for (kind, body) in founding(side) {
            site.declare(kind, MONDAY - 20 * DAY, body);
        }
        for n in 0..2 {
            let gateway = &site.gateways[n];
            let body = json!({"gateway": gateway.name, "key": gateway.key.public().hex()});
            site.declare("gateway_enrolled", site.at_ms, body);
        }
        site.at_ms += HOUR;
        for n in 0..2 {
            let start = ChainStart { cause: ChainStartCause::First, old: None };
            site.record(n, site.at_ms, &Content::ChainStart(start), None);
            site.record(n, site.at_ms, &Content::Configuration(configuration(n)), None);
        }
        site
    }

    /// The firm of the corpus, with so many days before and after.
    pub fn filled(side: i64) -> Self {
        let mut site = Self::new(SITE, 31, side);
        let worlds = [11, 12].map(|seed| World::new(seed, 2 * side as usize, Some(side as usize)));
        // A day long before the plan, which no number rests on: its content is not handed over.
        let long_ago = batch(&mut site.gateways[0], &worlds[0].minutes[..60], MONDAY - 8 * DAY);
        site.record(0, MONDAY - 8 * DAY + HOUR, &Content::Batch(long_ago), Some((MONDAY - 8 * DAY, MONDAY - 8 * DAY)));
        site.withheld = site.leaves.last().and_then(Leaf::content_digest).unwrap();
        for day in 0..2 * side {
            let from = MONDAY + day * DAY;
            for (n, world) in worlds.iter().enumerate() {
                let at = day as usize * 1440;
                let minutes = &world.minutes[at..at + 1440];
                let content = batch(&mut site.gateways[n], minutes, from);
                let last = from + DAY - SAMPLE as i64 * MINUTE;
                if (day, n) == (side + 3, 1) {
                    site.lost(1, 1);
                } else {
                    site.record(n, from + DAY, &Content::Batch(content), Some((from, last)));
                }
            }
            site.evening(day, side);
        }
        site
    }

    /// What people stated, and what happened to gateways, on the evening of a day.
    fn evening(&mut self, day: i64, side: i64) {
        let now = MONDAY + (day + 1) * DAY;
        match day {
            3 => self.clone_appears(),
            4 => {
                let new_key = SecretKey::from_seed(&[77; 32]);
                self.record(1, now, &Content::KeyChange(KeyChange::new(&new_key)), None);
                self.gateways[1].key = new_key;
            }
            _ if day == side => self.lock(now),
            _ => {}
        }
        for (_, kind, effective_from, body) in statements(side).into_iter().filter(|(on, ..)| *on == day) {
            self.declare(kind, effective_from, body);
        }
        for (role, kind, body) in practice(day) {
            self.declare_as(role, kind, now, body);
            let of = self.leaves.len() as u64 - 1;
            match kind {
                // What was drawn is recorded at once.
                "onsite_check" => self.declare_as("assessor", "onsite_result", now, json!({"check": CHECK, "of": of})),
                "onsite_press" | "onsite_face" | "onsite_plate" if role == "assessor" => self.acts.push(of),
                _ => {}
            }
        }
        if day == 7 {
            for of in std::mem::take(&mut self.acts) {
                self.declare_as("assessor", "onsite_result", now, json!({"check": CHECK, "of": of}));
            }
            for (role, side) in [("assessor", "checker"), ("firm", "firm")] {
                let body = json!({"check": CHECK, "side": side, "through": 0, "digest": "0".repeat(64)});
                self.declare_as(role, "onsite_confirmed", now, body);
            }
            self.declare_as("firm", "onsite_press", now, json!({"check": CHECK, "machine": "lathe", "action": "stop"}));
        }
        if day == 6 || day == 7 {
            self.record_checks();
        }
    }

    /// The server records what the log shows.
    fn record_checks(&mut self) {
        let mut copy = Copy { leaves: self.encoded(), contents: self.contents.clone(), ..Copy::default() };
        copy.recheck("");
        copy.tidy();
        self.leaves = copy.leaves.iter().map(|bytes| Leaf::decode(bytes).unwrap()).collect();
        self.contents = copy.contents;
    }

    fn declare(&mut self, kind: &str, effective_from: i64, body: Json) {
        // An opinion is stated by the account of whoever is asked.
        let role =
            body.get("by").filter(|_| kind == "plan_opinion").and_then(Json::as_str).unwrap_or("firm").to_owned();
        self.declare_as(&role, kind, effective_from, body);
    }

    fn declare_as(&mut self, role: &str, kind: &str, effective_from: i64, body: Json) {
        let (author, role, reason) = ("u1".into(), role.into(), "按计划".into());
        let bytes = Declaration { kind: kind.into(), effective_from, author, role, reason, body }.encode().unwrap();
        self.leaves.push(Leaf::declaration(self.at_ms, kind, &bytes));
        self.contents.insert(protocol::sha256(&bytes), bytes);
    }

    /// Seals what gateway `n` has to say and logs it a second later.
    fn record(&mut self, n: usize, sealed_ms: i64, content: &Content, span: Option<(i64, i64)>) {
        let gateway = &mut self.gateways[n];
        let (first, last) = span.unwrap_or((sealed_ms, sealed_ms));
        let header = Header {
            kind: content.kind(),
            site: self.name.parse().unwrap(),
            gateway: gateway.name.parse().unwrap(),
            chain: gateway.chain,
            sequence: gateway.sequence,
            previous: gateway.previous,
            content_digest: Digest::ZERO,
            content_length: 0,
            readings: if let Content::Batch(b) = content { b.len() as u32 } else { 0 },
            configuration: gateway.configuration,
            agent_version: "0.1.0".into(),
            clock: Clock {
                boot_id: BootId([1 + n as u8; 16]),
                boot_ms: sealed_ms - BOOT,
                wall_ms: sealed_ms,
                sync: SyncState::Synchronised,
                error_ms: 5,
                server: Some(ServerAnchor { server_ms: sealed_ms - 40, boot_ms: sealed_ms - BOOT, error_ms: 40 }),
                simulated: false,
            },
            first_ms: first - BOOT,
            last_ms: last - BOOT,
        };
        let record = Record::sign(header, content.encode().unwrap(), &gateway.key).unwrap();
        self.at_ms = self.at_ms.max(sealed_ms + 1000);
        self.leaves.push(Leaf::record(self.at_ms, &record));
        self.contents.insert(record.header().content_digest, record.content_bytes().to_vec());
        if matches!(content, Content::Configuration(_)) {
            gateway.configuration = record.header().content_digest;
        }
        gateway.previous = record.digest();
        gateway.sequence += 1;
    }

    /// The gateway's disk no longer has its next records.
    fn lost(&mut self, n: usize, records: u64) {
        let (from, previous) = (self.gateways[n].sequence, self.gateways[n].previous);
        let (to, cause) = (from + records - 1, LostCause::Damaged);
        let lost = Lost { from, to, cause, previous, next: Digest::ZERO, receipt: Vec::new() };
        self.record(n, self.at_ms, &Content::Lost(lost), None);
        self.gateways[n].sequence = to + 1;
    }

    /// Somebody runs a copy of the first gateway's disk: another record for a place that is held.
    fn clone_appears(&mut self) {
        let newest = self.leaves.iter().rev().find_map(|leaf| match &leaf.body {
            LeafBody::Record { header, .. } if header.gateway.as_str() == GATEWAYS[0] => Some(header.clone()),
            _ => None,
        });
        let content = Content::Batch(Batch::default()).encode().unwrap();
        let header = Header { readings: 0, ..newest.unwrap() };
        let record = Record::sign(header, content, &self.gateways[0].key).unwrap();
        self.leaves.push(Leaf::quarantine(self.at_ms, &record));
        self.contents.insert(record.header().content_digest, record.content_bytes().to_vec());
    }

    fn lock(&mut self, now: i64) {
        let copy = Copy { leaves: self.encoded(), contents: self.contents.clone(), ..Copy::default() };
        let history = copy.history(self.leaves.len()).unwrap();
        let lock = locked(&history, self.at_ms.max(now)).unwrap();
        self.declare("baseline_lock", self.at_ms, lock);
    }

    pub fn encoded(&self) -> Vec<Vec<u8>> {
        self.leaves.iter().map(|leaf| leaf.encode().unwrap()).collect()
    }
}

/// The body of the lock that a history gives.
pub fn locked(history: &History, until_ms: i64) -> Option<Json> {
    let plan = history.statements().plan(PLAN)?.clone();
    let baseline = Baseline::evaluate(history, plan, until_ms);
    let lock = baseline.lock(OEE, "*", false).or_else(|_| baseline.lock(OEE, "*", true)).ok()?;
    serde_json::to_value(lock).ok()
}

/// What a gateway reads.
fn configuration(n: usize) -> Configuration {
    let tag = |id: &str, unit: &str, den: i64, counter: bool| TagConfig {
        id: id.parse().unwrap(),
        value_type: ValueType::U64,
        unit: unit.into(),
        scale: Ratio { num: 1, den },
        role: String::new(),
        interval_ms: SAMPLE as i64 * MINUTE,
        address: "holding 0 u32 big".into(),
        counter: counter.then_some(CounterConfig { modulus: Some(1 << 32), max_per_hour: 1_000_000 }),
    };
    let machine = ["press", "lathe"][n];
    let mut tags: Vec<TagConfig> =
        [("state", "", 1), ("good", "pcs", 1), ("reject", "pcs", 1), ("energy", "kWh", 1000)]
            .into_iter()
            .map(|(name, unit, den)| tag(&format!("{machine}/{name}"), unit, den, name != "state"))
            .collect();
    if n == 0 {
        tags.push(tag("main/energy", "kWh", 100, true));
    }
    Configuration {
        format: 1,
        devices: vec![DeviceConfig {
            id: machine.parse().unwrap(),
            protocol: "modbus_tcp".into(),
            address: "10.0.0.5:502 unit 1".into(),
            profile: Some("maker-model@1 sha256:0123456789abcdef".into()),
        }],
        tags,
    }
}

/// The samples of some minutes from `from_ms` on, with one gap and one event; the lathe speaks OPC UA and has source times.
fn batch(gateway: &mut Gateway, minutes: &[Minute], from_ms: i64) -> Batch {
    let is_press = gateway.name == GATEWAYS[0];
    let mut readings = Vec::new();
    for (m, minute) in minutes.iter().enumerate() {
        gateway.counted[0] = minute.code;
        if m % SAMPLE == 0 {
            let boot_ms = from_ms + m as i64 * MINUTE - BOOT;
            for (tag, value) in gateway.counted.iter().enumerate().take(if is_press { 5 } else { 4 }) {
                readings.push(Reading {
                    tag: tag as u32,
                    boot_ms,
                    value: Value::U64(*value),
                    quality: if m == 60 { Quality::Uncertain } else { Quality::Good },
                    source_ms: (!is_press).then_some(boot_ms + BOOT - 3),
                });
            }
        }
        let [_, good, reject, wh, main] = &mut gateway.counted;
        *good += minute.good;
        *reject += minute.reject;
        *wh += minute.wh;
        *main += (minute.wh + 20) / 10;
    }
    let start = from_ms - BOOT;
    let gap = Gap {
        tag: Some(0),
        from: GapStart { boot: None, boot_ms: start + 50 * MINUTE },
        to_boot_ms: start + 70 * MINUTE,
        cause: GapCause::DeviceSilent,
    };
    let event =
        Event { boot_ms: start, kind: "device_up".into(), subject: "press".into(), value: 0, detail: "".into() };
    Batch::from_readings(readings, vec![gap], vec![event])
}
