//! A press with everything a record can hold — two products with cavities, orders, planned stops, resets and rollovers, an exchanged
//! meter, two gateways — and a log of it that is cheap enough to make ten thousand times: nothing is signed, because signatures are
//! the verifier's business before a leaf comes to a history.
//!
//! Everything changes on whole minutes and is read on whole minutes; the truth is counted here minute by minute, without any code
//! of `metrics` but the fields that hold sums.

use metrics::History;
use metrics::compare::SplitMix64;
use protocol::content::{CounterConfig, Ratio, TagConfig};
use protocol::{
    Batch, BootId, ChainId, ChainStart, ChainStartCause, Clock, Configuration, Content, Declaration, Digest, Gap,
    GapCause, GapStart, Header, Leaf, LeafBody, Quality, Reading, Signature, SyncState, Value, ValueType,
};
use serde_json::{Value as Json, json};

use crate::fixture::{HOUR, MINUTE, MONDAY, SITE};

#[path = "counted.rs"]
mod counted;
#[path = "edges.rs"]
mod edges;

/// Planned time of an item, and items per cycle, of products 1 and 2.
pub(crate) const PRODUCTS: [(i64, i64); 2] = [(6_000_000, 1), (2_500_000, 4)];
/// Which gateway reads which tag.
const GATEWAYS: [(&str, &[&str]); 2] =
    [("gw-1", &["state", "order"]), ("gw-2", &["good", "reject", "total", "product", "energy"])];
const TAGS: [&str; 7] = ["state", "order", "good", "reject", "total", "product", "energy"];
const BATCH_MINUTES: usize = 150;
const BOOT_OFFSET: i64 = MONDAY - 5_000_000;

/// What kind of press it is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Kind {
    /// 0: good and rejected; 1: good and total; 2: total and rejected; 3: total alone.
    pub(crate) counters: u8,
    pub(crate) has_orders: bool,
    pub(crate) has_products: bool,
    /// The counter of good pieces wraps soon after the start.
    pub(crate) rolls: bool,
    /// All counters are set to zero at this minute.
    pub(crate) reset_at: Option<usize>,
    /// The meter is exchanged at this minute, and somebody says so.
    pub(crate) exchanged_at: Option<usize>,
    /// Declared in time; and the last one afterwards.
    pub(crate) stops: [(i64, i64); 2],
    /// Missing readings are signed as gaps.
    pub(crate) gaps: bool,
}

#[derive(Debug, Clone, Copy, Default)]
struct Minute {
    state: usize,
    product: usize,
    order: u64,
    good: i64,
    bad: i64,
    wh: i64,
}

/// The press and what it did.
#[derive(Clone)]
pub(crate) struct Plant {
    pub(crate) kind: Kind,
    minutes: Vec<Minute>,
    /// Local midnight.
    pub(crate) origin_ms: i64,
}

impl std::fmt::Debug for Plant {
    /// The seed of a failure makes the minutes again; nobody reads hundreds of them.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?}, {} minutes", self.kind, self.minutes.len())
    }
}

/// Which readings exist, by tag and minute.
pub(crate) type Kept = Vec<Vec<bool>>;

/// Every reading of a plant, less isolated losses and silent stretches.
pub(crate) fn thinned(kept: &Kept, seed: u64, per_mille: u64, stretches: u64) -> Kept {
    let mut random = SplitMix64::new(seed);
    let mut out = kept.clone();
    for tag in &mut out {
        tag.iter_mut().for_each(|k| *k &= random.next_u64() % 1000 >= per_mille);
        for _ in 0..stretches {
            let from = random.below(tag.len());
            let length = random.below(60);
            tag.iter_mut().skip(from).take(length).for_each(|k| *k = false);
        }
    }
    out
}

impl Plant {
    pub(crate) fn new(seed: u64, minutes: usize, kind: Kind) -> Self {
        let mut random = SplitMix64::new(seed);
        let (mut now, mut left) = (Minute { state: 4, product: 0, order: 1, ..Minute::default() }, 0);
        let mut list = Vec::with_capacity(minutes);
        for _ in 0..minutes {
            if left == 0 {
                let longest = if random.below(3) == 0 { 2 } else { 25 };
                left = 1 + random.below(longest);
                let was_running = now.state == 4;
                now.state = if was_running {
                    [1, 2, 3, 4, 5, 5, 6, 7][random.below(8)]
                } else {
                    [4, 4, 4, 2, 3, 6][random.below(6)]
                };
                // Products change while nothing is made, orders at any time.
                if kind.has_products && !was_running && random.below(3) == 0 {
                    now.product = 1 - now.product;
                }
                if kind.has_orders && random.below(4) == 0 {
                    now.order = random.below(3) as u64;
                }
            }
            left -= 1;
            let pace = 60_000_000 / (PRODUCTS[now.product].0 * PRODUCTS[now.product].1);
            // Below the planned pace: what passed unseen is bounded by it.
            let made = if now.state == 4 { pace * 4 / 5 - random.below(3) as i64 } else { 0 };
            let bad = if made > 0 && random.below(5) == 0 { 1 + random.below(2) as i64 } else { 0 };
            let wh = [0, 3, 40, 40, 150, 70, 40, 20][now.state] + random.below(5) as i64;
            list.push(Minute { good: made - bad, bad, wh, ..now });
        }
        Self { kind, minutes: list, origin_ms: MONDAY }
    }

    /// Every reading.
    pub(crate) fn all(&self) -> Kept {
        vec![vec![true; self.minutes.len() + 1]; TAGS.len()]
    }

    /// An instant of the plant's minutes.
    pub(crate) fn at(&self, minute: i64) -> i64 {
        self.origin_ms + minute * MINUTE
    }

    fn declarations(&self) -> Vec<(&'static str, i64, Json)> {
        let early = self.origin_ms - 24 * HOUR;
        let names = json!({"zh": "厂", "en": "Works"});
        let signal = |tag: &str| {
            let gateway = GATEWAYS.iter().find(|g| g.1.contains(&tag)).unwrap().0;
            json!({"gateway": gateway, "tag": format!("press/{tag}")})
        };
        let counters = self.counter_tags();
        let mut signals = serde_json::Map::new();
        for tag in ["state", "energy"].iter().chain(counters) {
            signals.insert((*tag).into(), signal(tag));
        }
        for (tag, is_there) in [("order", self.kind.has_orders), ("product", self.kind.has_products)] {
            if is_there {
                signals.insert(tag.into(), signal(tag));
            }
        }
        let shift = |id: &str, start: &str, end: &str, pause: (&str, &str)| json!({"shift": id, "names": names, "start": start, "end": end, "weekdays": [1, 2, 3, 4, 5, 6, 7], "breaks": [{"start": pause.0, "end": pause.1}]});
        let mut out = vec![
            (
                "site",
                early,
                json!({"names": names, "zone": "Asia/Shanghai", "simulated": false, "district": "", "sub_sector": "", "city": ""}),
            ),
            (
                "calendar",
                early,
                json!({"shifts": [shift("day", "08:00", "16:00", ("12:00", "12:30")), shift("late", "16:00", "22:30", ("19:00", "19:15"))]}),
            ),
            (
                "machine",
                early,
                json!({"machine": "press", "names": names, "signals": signals,
                "state_rule": {"codes": {"1": "off", "2": "idle", "3": "wait", "4": "run", "5": "setup", "6": "fault", "7": "maint"}}}),
            ),
        ];
        for (i, (item_us, items)) in PRODUCTS.iter().enumerate() {
            let product = if self.kind.has_products { (i + 1).to_string() } else { "*".into() };
            out.push((
                "cycle_time",
                early,
                json!({"machine": "press", "product": product, "item_us": item_us, "items_per_cycle": items}),
            ));
            if !self.kind.has_products {
                break;
            }
        }
        for (gateway, _) in GATEWAYS {
            out.push(("gateway_enrolled", early, json!({"gateway": gateway, "key": ""})));
        }
        if let Some(minute) = self.kind.exchanged_at {
            let (old, new) = self.exchange(minute);
            out.push(("meter_replaced", early, json!({"machine": "press", "at_ms": self.at(minute as i64), "old_final_raw": old, "new_initial_raw": new})));
        }
        let (from, length) = self.kind.stops[0];
        out.push((
            "planned_stop",
            early,
            json!({"machine": "press", "from_ms": self.at(from), "to_ms": self.at(from + length), "reason": "保养"}),
        ));
        out
    }

    /// Last value of the old meter and first of the new one.
    fn exchange(&self, minute: usize) -> (i64, i64) {
        (500_000 + self.minutes.iter().take(minute).map(|m| m.wh).sum::<i64>(), 77)
    }

    /// Values of every tag at every minute.
    fn values(&self) -> Vec<[u64; 7]> {
        let good_starts = if self.kind.rolls { (1 << 32) - 100 } else { 5_000_000 };
        let (mut good, mut bad, mut total, mut wh) = (good_starts, 7_000_000, 9_000_000, 500_000);
        let mut out = Vec::with_capacity(self.minutes.len() + 1);
        for (at, m) in self.minutes.iter().chain(self.minutes.last()).enumerate() {
            if self.kind.reset_at == Some(at) {
                (good, bad, total) = (0, 0, 0);
            }
            if self.kind.exchanged_at == Some(at) {
                wh = self.exchange(at).1;
            }
            out.push([
                m.state as u64,
                m.order,
                (good % (1_i64 << 32)) as u64,
                bad as u64,
                total as u64,
                m.product as u64 + 1,
                wh as u64,
            ]);
            (good, bad, total, wh) = (good + m.good, bad + m.bad, total + m.good + m.bad, wh + m.wh);
        }
        out
    }

    fn configuration(gateway: usize) -> Configuration {
        let tag = |id: &&str| TagConfig {
            id: format!("press/{id}").parse().unwrap(),
            value_type: ValueType::U64,
            unit: if *id == "energy" { "kWh".into() } else { String::new() },
            scale: Ratio { num: 1, den: if *id == "energy" { 1000 } else { 1 } },
            role: String::new(),
            interval_ms: MINUTE,
            address: String::new(),
            counter: matches!(*id, "good" | "reject" | "total" | "energy")
                .then_some(CounterConfig { modulus: Some(1 << 32), max_per_hour: 100_000 }),
        };
        Configuration { format: 1, devices: vec![], tags: GATEWAYS[gateway].1.iter().map(tag).collect() }
    }

    /// The log: statements, then the records of each gateway in the order of its chain.
    pub(crate) fn log(&self, kept: &Kept) -> Vec<Vec<Entry>> {
        let early = self.origin_ms - 24 * HOUR;
        let stated = |(kind, effective_from, body): (&str, i64, Json), received_ms: i64| {
            let declaration = Declaration {
                kind: kind.into(),
                effective_from,
                author: "u".into(),
                role: "factory".into(),
                reason: String::new(),
                body,
            };
            let content = declaration.encode().unwrap();
            Entry { leaf: Leaf::declaration(received_ms, kind, &content), content }
        };
        let mut statements: Vec<Entry> = self.declarations().into_iter().map(|d| stated(d, early)).collect();
        let (from, length) = self.kind.stops[1];
        let late =
            json!({"machine": "press", "from_ms": self.at(from), "to_ms": self.at(from + length), "reason": "忘"});
        statements.push(stated(("planned_stop", early, late), self.at(from + 1)));
        let values = self.values();
        std::iter::once(statements).chain((0..GATEWAYS.len()).map(|g| self.records(g, &values, kept))).collect()
    }

    fn records(&self, gateway: usize, values: &[[u64; 7]], kept: &Kept) -> Vec<Entry> {
        let mut chain = Chain { gateway, sequence: 0, configuration: Digest::ZERO, entries: Vec::new() };
        chain.push(
            self.origin_ms - HOUR,
            &Content::ChainStart(ChainStart { cause: ChainStartCause::First, old: None }),
            None,
        );
        chain.push(self.origin_ms - HOUR, &Content::Configuration(Self::configuration(gateway)), None);
        let boot = |minute: usize| self.at(minute as i64) - BOOT_OFFSET;
        let columns: Vec<usize> =
            GATEWAYS[gateway].1.iter().map(|t| TAGS.iter().position(|x| x == t).unwrap()).collect();
        let mut last: Vec<Option<usize>> = vec![None; columns.len()];
        for from in (0..values.len()).step_by(BATCH_MINUTES) {
            let to = (from + BATCH_MINUTES).min(values.len());
            let (mut readings, mut gaps) = (Vec::new(), Vec::new());
            for (tag, column) in columns.iter().enumerate() {
                for minute in (from..to).filter(|m| kept[*column][*m]) {
                    if let Some(since) = last[tag].replace(minute).filter(|since| self.kind.gaps && since + 1 < minute)
                    {
                        let start = GapStart { boot: None, boot_ms: boot(since) };
                        gaps.push(Gap {
                            tag: Some(tag as u32),
                            from: start,
                            to_boot_ms: boot(minute),
                            cause: GapCause::DeviceSilent,
                        });
                    }
                    readings.push(Reading {
                        tag: tag as u32,
                        boot_ms: boot(minute),
                        value: Value::U64(values[minute][*column]),
                        quality: Quality::Good,
                        source_ms: None,
                    });
                }
            }
            // What is silent to the end is stated too: taking readings away takes no statement with it.
            for (tag, since) in last.iter().enumerate().filter(|_| self.kind.gaps && to == values.len()) {
                if let Some(since) = since.filter(|since| since + 1 < to) {
                    let start = GapStart { boot: None, boot_ms: boot(since) };
                    gaps.push(Gap {
                        tag: Some(tag as u32),
                        from: start,
                        to_boot_ms: boot(to - 1),
                        cause: GapCause::DeviceSilent,
                    });
                }
            }
            let batch = Batch::from_readings(readings, gaps, vec![]);
            chain.push(
                self.at(to as i64),
                &Content::Batch(batch),
                Some((self.at(from as i64), self.at(to as i64 - 1))),
            );
        }
        chain.entries
    }

    /// The history of a log with these readings.
    pub(crate) fn history(&self, kept: &Kept) -> History {
        taken(self.log(kept).iter().flatten())
    }
}

/// A leaf with its content.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) leaf: Leaf,
    pub(crate) content: Vec<u8>,
}

/// A history of these leaves, in this order.
pub(crate) fn taken<'e>(entries: impl Iterator<Item = &'e Entry>) -> History {
    let mut history = History::new();
    for (i, entry) in entries.enumerate() {
        history.push(i as u64, &entry.leaf, Some(&entry.content)).unwrap();
    }
    assert!(history.statements().bad().is_empty(), "{:?}", history.statements().bad());
    history
}

struct Chain {
    gateway: usize,
    sequence: u64,
    configuration: Digest,
    entries: Vec<Entry>,
}

impl Chain {
    fn push(&mut self, sealed_ms: i64, content: &Content, span: Option<(i64, i64)>) {
        let boot = |utc: i64| utc - BOOT_OFFSET;
        let (first, last) = span.unwrap_or((sealed_ms, sealed_ms));
        let content_digest =
            if let Content::Configuration(_) = content { Digest([self.gateway as u8 + 1; 32]) } else { Digest::ZERO };
        let header = Header {
            kind: content.kind(),
            site: SITE.parse().unwrap(),
            gateway: GATEWAYS[self.gateway].0.parse().unwrap(),
            chain: ChainId([self.gateway as u8; 16]),
            sequence: self.sequence,
            previous: Digest::ZERO,
            content_digest,
            content_length: 0,
            readings: if let Content::Batch(b) = content { b.len() as u32 } else { 0 },
            configuration: self.configuration,
            agent_version: "0".into(),
            clock: Clock {
                boot_id: BootId([1; 16]),
                boot_ms: boot(sealed_ms),
                wall_ms: sealed_ms,
                sync: SyncState::Synchronised,
                error_ms: 5,
                server: None,
                simulated: false,
            },
            first_ms: boot(first),
            last_ms: boot(last),
        };
        if content_digest != Digest::ZERO {
            self.configuration = content_digest;
        }
        self.sequence += 1;
        let body = LeafBody::Record { header, header_bytes: Vec::new(), signature: Signature([0; 64]) };
        self.entries
            .push(Entry { leaf: Leaf { received_ms: sealed_ms + 1000, body }, content: content.encode().unwrap() });
    }
}
