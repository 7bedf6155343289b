//! Twenty machines read every second, made minute by minute and never held: state, good and reject counters, energy register.
//!
//! Everything changes on whole seconds and is read on whole seconds, so that a query without bounds can be exact too. The last
//! machine's state is silent for half an hour of every day, as real ones are.

use anyhow::Result;
use protocol::content::{Column, CounterConfig, DeviceConfig, Ratio, TagConfig, Values};
use protocol::{
    Batch, ChainStart, ChainStartCause, Configuration, Content, Declaration, Digest, Gap, GapCause, GapStart, Header,
    Kind, Leaf, Quality, Record, SecretKey, ValueType,
};

use crate::codec::{header, key};

pub(crate) const DAY_MS: i64 = 86_400_000;
/// 2026-03-02 00:00 in Shanghai, a Monday.
pub(crate) const START_MS: i64 = 1_772_380_800_000;
/// Boot clock of that instant.
const START_BOOT_MS: i64 = 10_000_000;
/// UTC minus boot clock.
pub(crate) const PLACED_MS: i64 = START_MS - START_BOOT_MS;
/// Planned time per item.
pub(crate) const ITEM_US: i64 = 4_000_000;
/// The counters wrap like registers of sixteen bits.
pub(crate) const MODULUS: u64 = 1 << 16;
/// Seconds of the day in which the last machine's state is not read.
const SILENT: std::ops::Range<i64> = 36_000..37_800;
const TAGS: [&str; 4] = ["state", "good", "reject", "energy"];

/// What one machine does.
#[derive(Debug, Clone)]
struct Machine {
    random: tests::seed::Random,
    code: u64,
    until_s: i64,
    cycle_s: i64,
    good: u64,
    reject: u64,
    wh: u64,
}

impl Machine {
    fn new(number: usize) -> Self {
        let cycle_s = 4 + i64::try_from(number % 5).unwrap_or(0);
        let random = tests::seed::Random::new(number as u64 + 1);
        Self { random, code: 2, until_s: 0, cycle_s, good: 60_000, reject: 0, wh: 1_000_000 }
    }

    /// The registers as they stand at a second; then what happens during it.
    fn second(&mut self, at_s: i64) -> [u64; 4] {
        if at_s >= self.until_s {
            let (run, length) = (self.random.between(0, 100), self.random.between(60, 1_200));
            self.code = match run {
                0..=69 => 4,
                70..=79 => 5,
                80..=87 => 6,
                _ => 2,
            };
            self.until_s = at_s + i64::try_from(length).unwrap_or(60);
        }
        let values = [self.code, self.good % MODULUS, self.reject % MODULUS, self.wh];
        if self.code == 4 && at_s % self.cycle_s == 0 {
            let is_bad = self.random.between(0, 40) == 0;
            *if is_bad { &mut self.reject } else { &mut self.good } += 1;
        }
        self.wh += if self.code == 4 { 3 } else { u64::from(at_s % 3 == 0) };
        values
    }
}

/// How a plant is read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shape {
    /// Machines.
    pub(crate) machines: usize,
    /// Tags of each beside state, counters and energy: amounts that no machine of the ledger names, with noise.
    pub(crate) amounts: usize,
    /// Seconds between readings.
    pub(crate) every_s: i64,
    /// Seconds in a record.
    pub(crate) record_s: i64,
}

/// A plant and the chain of its gateway.
pub(crate) struct Plant {
    shape: Shape,
    random: tests::seed::Random,
    amounts: Vec<u64>,
    machines: Vec<Machine>,
    key: SecretKey,
    configuration: Digest,
    previous: Digest,
    sequence: u64,
    second: i64,
}

/// A leaf with its content.
pub(crate) type Kept = (Leaf, Vec<u8>);

fn name(number: usize) -> String {
    format!("m{number:02}")
}

impl Plant {
    /// A plant of so many machines, at its first second.
    pub(crate) fn new(machines: usize) -> Self {
        Self::shaped(Shape { machines, amounts: 0, every_s: 1, record_s: 60 })
    }

    /// A plant at its first second.
    pub(crate) fn shaped(shape: Shape) -> Self {
        Self {
            shape,
            random: tests::seed::Random::new(77),
            amounts: vec![5_000; shape.machines * shape.amounts],
            machines: (0..shape.machines).map(Machine::new).collect(),
            key: key(),
            configuration: Digest::ZERO,
            previous: Digest::ZERO,
            sequence: 0,
            second: 0,
        }
    }

    /// What the firm states and the gateway's configuration: the first leaves of the log.
    pub(crate) fn beginning(&mut self) -> Result<Vec<Kept>> {
        let names = |id: &str| serde_json::json!({"zh": id, "en": id});
        let shift = |id: &str, start: &str, end: &str, pause: [&str; 2]| {
            serde_json::json!({"shift": id, "start": start, "end": end, "weekdays": [1, 2, 3, 4, 5, 6, 7],
                               "breaks": [{"start": pause[0], "end": pause[1]}]})
        };
        let shifts =
            [shift("day", "08:00", "20:00", ["12:00", "12:30"]), shift("night", "20:00", "08:00", ["00:00", "00:30"])];
        let mut stated = vec![
            ("site", serde_json::json!({"names": names("bench"), "zone": "Asia/Shanghai"})),
            ("calendar", serde_json::json!({"shifts": shifts})),
            ("gateway_enrolled", serde_json::json!({"gateway": "gw-1", "key": self.key.public().hex()})),
        ];
        for id in (0..self.machines.len()).map(name) {
            let signal = |tag: &str| serde_json::json!({"gateway": "gw-1", "tag": format!("{id}/{tag}")});
            let signals: serde_json::Map<_, _> = TAGS.iter().map(|t| ((*t).to_owned(), signal(t))).collect();
            stated.push((
                "machine",
                serde_json::json!({"machine": id, "names": names(&id), "signals": signals,
                                   "state_rule": {"codes": {"2": "idle", "4": "run", "5": "setup", "6": "fault"}}}),
            ));
            stated.push(("cycle_time", serde_json::json!({"machine": id, "item_us": ITEM_US})));
        }
        let mut leaves = Vec::new();
        for (kind, body) in stated {
            let declaration = Declaration {
                kind: kind.to_owned(),
                effective_from: 0,
                author: "bench".into(),
                role: "firm".into(),
                reason: String::new(),
                body,
            };
            let content = declaration.encode()?;
            leaves.push((Leaf::declaration(START_MS - DAY_MS, kind, &content), content));
        }
        leaves.push(self.seal(
            &Content::ChainStart(ChainStart { cause: ChainStartCause::First, old: None }),
            0,
            |_| (),
        )?);
        let kept = self.seal(&Content::Configuration(self.configuration()), 0, |_| ())?;
        self.configuration = protocol::sha256(&kept.1);
        leaves.push(kept);
        Ok(leaves)
    }

    fn configuration(&self) -> Configuration {
        let machines = || (0..self.machines.len()).map(name);
        let device = |id: String| {
            Ok::<_, protocol::Error>(DeviceConfig {
                id: id.parse()?,
                protocol: "modbus_tcp".into(),
                address: "bench".into(),
                profile: None,
            })
        };
        let tag = |machine: &str, tag: &str| {
            let is_energy = tag == "energy";
            let counter = CounterConfig {
                modulus: (!is_energy).then_some(MODULUS.cast_signed()),
                max_per_hour: if is_energy { 20_000 } else { 3_600 },
            };
            Ok::<_, protocol::Error>(TagConfig {
                id: format!("{machine}/{tag}").parse()?,
                value_type: ValueType::U64,
                unit: if is_energy { "Wh".into() } else { String::new() },
                scale: Ratio { num: 1, den: 1 },
                role: String::new(),
                interval_ms: self.shape.every_s * 1_000,
                address: "bench".into(),
                counter: (tag != "state" && !tag.starts_with('a')).then_some(counter),
            })
        };
        let amounts: Vec<String> = (0..self.shape.amounts).map(|n| format!("a{n:02}")).collect();
        let tags = || TAGS.into_iter().chain(amounts.iter().map(String::as_str));
        Configuration {
            format: 1,
            devices: machines().filter_map(|id| device(id).ok()).collect(),
            tags: machines()
                .flat_map(|id| tags().map(|t| tag(&id, t)).collect::<Vec<_>>())
                .filter_map(Result::ok)
                .collect(),
        }
    }

    /// The next stretch as a signed record — a minute, unless the shape says otherwise — and how many readings it has.
    pub(crate) fn minute(&mut self) -> Result<(Kept, u64)> {
        let (from_s, to_s) = (self.second, self.second + self.shape.record_s);
        let every_s = self.shape.every_s;
        let boot_ms = |second: i64| START_BOOT_MS + second * 1_000;
        let of_machine = TAGS.len() + self.shape.amounts;
        let mut values = vec![Vec::new(); self.machines.len() * of_machine];
        for second in from_s..to_s {
            let is_read = second % every_s == 0;
            for (number, machine) in self.machines.iter_mut().enumerate() {
                let registers = machine.second(second);
                if !is_read {
                    continue;
                }
                let amounts = self.amounts.iter_mut().skip(number * self.shape.amounts).take(self.shape.amounts);
                let random = &mut self.random;
                let amounts = amounts.map(|amount| {
                    *amount = (*amount + random.between(0, 8)).saturating_sub(4);
                    *amount
                });
                for (value, column) in registers.into_iter().chain(amounts).zip(&mut values[number * of_machine..]) {
                    column.push(value);
                }
            }
        }
        self.second = to_s;
        let silent_tag = values.len() - of_machine;
        let is_silent = |tag: usize| tag == silent_tag && SILENT.contains(&(from_s % 86_400));
        let times: Vec<i64> = (from_s..to_s).filter(|second| second % every_s == 0).map(boot_ms).collect();
        let count = times.len();
        let column = |(tag, values): (usize, Vec<u64>)| Column {
            tag: u32::try_from(tag).unwrap_or(u32::MAX),
            times: times.clone(),
            values: Values::U64(values),
            qualities: vec![(Quality::Good, u32::try_from(count).unwrap_or(u32::MAX))],
            sources: None,
        };
        let columns: Vec<Column> =
            values.into_iter().enumerate().filter(|(tag, _)| !is_silent(*tag)).map(column).collect();
        // What was silent is stated when it speaks again.
        let gap = (from_s % 86_400 == SILENT.end).then(|| Gap {
            tag: u32::try_from(silent_tag).ok(),
            from: GapStart { boot: None, boot_ms: boot_ms(from_s - (SILENT.end - SILENT.start) - every_s) },
            to_boot_ms: boot_ms(from_s),
            cause: GapCause::DeviceSilent,
        });
        let readings = (count * columns.len()) as u64;
        let batch = Batch { columns, gaps: gap.into_iter().collect(), events: Vec::new() };
        let span = (boot_ms(from_s), boot_ms(to_s - every_s));
        let kept = self.seal(&Content::Batch(batch), usize::try_from(readings)?, |header| {
            (header.first_ms, header.last_ms) = span;
        })?;
        Ok((kept, readings))
    }

    fn seal(&mut self, content: &Content, readings: usize, change: impl Fn(&mut Header)) -> Result<Kept> {
        let kind = content.kind();
        let mut header = header(kind, self.sequence, self.previous, readings, 0)?;
        header.clock.boot_ms = START_BOOT_MS + self.second * 1_000;
        header.clock.wall_ms = header.clock.boot_ms + PLACED_MS;
        (header.first_ms, header.last_ms) = (header.clock.boot_ms, header.clock.boot_ms);
        header.configuration = self.configuration;
        change(&mut header);
        let received_ms = header.clock.wall_ms + 500;
        let record = Record::sign(header, content.encode()?, &self.key)?;
        self.sequence += 1;
        self.previous = record.digest();
        debug_assert_ne!(kind, Kind::Lost);
        Ok((Leaf::record(received_ms, &record), record.content_bytes().to_vec()))
    }
}
