//! One matter to verify, with what a reader needs to look at it himself.

use serde::Serialize;

use crate::credibility::list::Detector;
use crate::credibility::scene::{Scene, Trace};
use crate::interval::Interval;
use crate::report::Words;

/// Most stretches of time a finding lists.
const WINDOWS_MAX: usize = 50;
/// Most raw readings a finding shows.
const SAMPLES_MAX: usize = 8;

/// How much a matter needs to be verified. It orders work; it weighs nobody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Need {
    /// When somebody is on site anyway.
    Routine,
    /// Before the numbers of this stretch are relied on.
    Soon,
    /// Before anything else of this machine is relied on.
    First,
}

impl Need {
    /// The Chinese words.
    pub const fn zh(self) -> &'static str {
        match self {
            Self::Routine => "一般核实",
            Self::Soon => "尽快核实",
            Self::First => "优先核实",
        }
    }

    /// The English word.
    pub const fn en(self) -> &'static str {
        match self {
            Self::Routine => "routine",
            Self::Soon => "soon",
            Self::First => "first",
        }
    }
}

/// A signal a finding speaks of.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Named {
    /// What it is for the machine: `power`, `good`, …
    pub role: &'static str,
    /// Gateway.
    pub gateway: String,
    /// Tag.
    pub tag: String,
}

/// A number behind a finding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Quantity {
    /// What it is.
    pub name: Words,
    /// Decimal digits.
    pub value: String,
    /// Unit; `1` for counts and ratios.
    pub unit: String,
}

/// A raw reading: where it lies in the log.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Sample {
    /// What it is for the machine.
    pub role: &'static str,
    /// When, UTC milliseconds.
    pub at_ms: i64,
    /// The stored value: as read, ×10⁶ for floats, the text itself for texts.
    pub raw: String,
    /// Leaf of the record it came in.
    pub leaf: u64,
}

/// A matter to verify (待核实事项).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Detector, `name@version`.
    pub detector: &'static str,
    /// Machine.
    pub machine: String,
    /// Stretches it speaks of, `[from, to)` in UTC milliseconds, in order.
    pub windows: Vec<[i64; 2]>,
    /// Stretches beyond those.
    pub windows_left_out: u64,
    /// Signals compared.
    pub signals: Vec<Named>,
    /// Numbers.
    pub quantities: Vec<Quantity>,
    /// A few raw readings.
    pub samples: Vec<Sample>,
    /// What the record says, neutrally.
    pub says: Words,
    /// What to check on site.
    pub on_site: Words,
    /// How much it needs to be verified.
    pub need: Need,
    /// [`key`] of this finding: what an explanation names.
    pub key: String,
}

/// The stable key of a finding: SHA-256 over detector, machine and first instant, as 64 hexadecimal digits.
pub fn key(detector: &str, machine: &str, from_ms: i64) -> String {
    protocol::sha256(format!("gongzheng finding\n{detector}\n{machine}\n{from_ms}\n").as_bytes()).hex()
}

impl Finding {
    /// A finding of a detector about stretches in order; the first decides its key.
    pub(super) fn new(detector: &Detector, machine: &str, windows: &[Interval], says: Words) -> Self {
        let from_ms = windows.first().map_or(0, |w| w.from_ms);
        Self {
            detector: detector.id,
            machine: machine.to_owned(),
            windows: windows.iter().take(WINDOWS_MAX).map(|w| [w.from_ms, w.to_ms]).collect(),
            windows_left_out: windows.len().saturating_sub(WINDOWS_MAX) as u64,
            signals: Vec::new(),
            quantities: Vec::new(),
            samples: Vec::new(),
            says,
            on_site: detector.on_site.into(),
            need: detector.need,
            key: key(detector.id, machine, from_ms),
        }
    }

    /// About a machine of a scene.
    pub(super) fn of(detector: &Detector, scene: &Scene<'_>, windows: &[Interval], says: Words) -> Self {
        Self::new(detector, scene.machine(), windows, says)
    }

    /// First instant it speaks of, UTC milliseconds.
    pub fn from_ms(&self) -> i64 {
        self.windows.first().map_or(0, |w| w[0])
    }

    /// Names a signal and shows a few of its readings around the edges of a stretch.
    pub(super) fn shows(mut self, trace: &Trace, window: Interval) -> Self {
        self.signals.push(trace.named());
        let inside = trace.indexes(window);
        let last = inside.end.saturating_sub(1);
        let middle = inside.start + inside.len() / 2;
        let mut chosen = vec![inside.start, inside.start + 1, middle, last];
        chosen.retain(|i| inside.contains(i));
        chosen.dedup();
        let room = SAMPLES_MAX.saturating_sub(self.samples.len());
        self.samples.extend(chosen.into_iter().filter_map(|i| trace.sample(i)).take(room.min(4)));
        self
    }

    /// Names a signal without readings of its own.
    pub(super) fn names(mut self, trace: &Trace) -> Self {
        self.signals.push(trace.named());
        self
    }

    /// Adds a number.
    pub(super) fn with(mut self, zh: &str, en: &str, value: impl ToString, unit: &str) -> Self {
        let name = (zh, en).into();
        self.quantities.push(Quantity { name, value: value.to_string(), unit: unit.to_owned() });
        self
    }
}
