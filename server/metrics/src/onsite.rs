//! On-site checks (现场核查): what somebody saw standing before a machine, and what the log showed of the same moment.
//!
//! Constraints
//! 1. Two sorts of statement. *Acts* are what a person did or saw: a check begun ([`OnsiteCheck`]), "stopped now" ([`OnsitePress`]), a meter's
//!    face ([`OnsiteFace`]), a nameplate ([`OnsitePlate`]), a confirmation ([`OnsiteConfirmed`]). An [`OnsiteResult`] is what the log showed of an act:
//!    the server computes it over a prefix that it names, nobody types it, and whoever has the leaves computes it again.
//! 2. The moment of a press is the moment at which the server logged it. The moment of a face is its photo's.
//! 3. What has not arrived yet is not yet received, never a failure; what nobody observed is not observed, never a deviation.
//! 4. Of one check the statements stand in the order of the log. Drawing again, pressing again and a result that nobody recorded stay visible.
//! 5. Those who check are others than the factory; the factory confirms. A statement in another role counts for nothing, and is named.
//! 6. None of it moves a number of a report.
//!
//! It narrows what a gateway cannot prove, that a clamp sits on the cable of the machine it is named after; it does not close it: what is
//! swapped after the check is not seen by it.

mod check;
mod door;
mod draw;
mod face;
mod plate;
mod sheet;
mod state;
mod words;

use protocol::{Declaration, Digest};
use serde::{Deserialize, Serialize};

pub(crate) use self::check::{check_check, check_confirmed, check_face, check_plate, check_press, check_result};
pub use self::door::check_stated;
pub use self::draw::{draw, seed};
pub use self::face::USUAL_CT;
pub use self::sheet::{Confirmation, Drawing, Seen, Sheet, results, seal};
pub use self::state::WITHIN_MS;
pub use self::words::Line;

use crate::history::History;
use crate::interval::Interval;
use crate::model::Body;
use crate::state::MachineState;
use crate::statements::Statements;

/// The kinds of statement of a check.
pub const KINDS: [&str; 6] =
    ["onsite_check", "onsite_press", "onsite_face", "onsite_plate", "onsite_result", "onsite_confirmed"];

/// The roles of those who check: never the factory's, its provider's or the operator's of the server.
pub const CHECKERS: [&str; 4] = ["assessor", "centre", "supervisor", "district"];

/// A photo, and so the moment of a face, may be so much ahead of the server's clock, milliseconds: clocks differ.
pub const PHOTO_AHEAD_MS: i64 = 120_000;
/// A photo older than this belongs to another visit, milliseconds.
pub const PHOTO_AGE_MS: i64 = 86_400_000;
/// How far a phone's clock and the gateway's may lie apart, milliseconds. Phones set by their network are right to a second, photos count whole
/// seconds, gateways are marked from two seconds on.
pub const CLOCKS_MS: i64 = 10_000;
/// Two faces this far apart give an increment that is larger than what is unknown of its ends, milliseconds.
pub const APART_MS: i64 = 300_000;

/// `onsite_check`: a check is begun, and machines are asked to be drawn; the same `check` again draws again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OnsiteCheck {
    /// Id of the check.
    pub check: String,
    /// The body that checks, by name.
    pub body: String,
    /// How many machines to draw.
    pub wanted: i64,
}

/// What is done to a machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// It was stopped.
    Stop,
    /// It was started.
    Start,
}

/// `onsite_press`: a machine was stopped or started this moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OnsitePress {
    /// Id of the check.
    pub check: String,
    /// Machine id.
    pub machine: String,
    /// What was done.
    pub action: Action,
}

/// A photo, held by the server beside the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Photo {
    /// SHA-256 of its bytes, hex.
    pub digest: String,
    /// When it was taken by the camera's clock, UTC milliseconds.
    pub taken_ms: i64,
}

/// `onsite_face`: what a meter's face showed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OnsiteFace {
    /// Id of the check.
    pub check: String,
    /// Machine id of the register it is compared with.
    pub machine: String,
    /// What it showed, a decimal with the digits of the face.
    pub value: String,
    /// `kWh` or `MWh`.
    pub unit: String,
    /// The face shows the very register that the gateway reads; another meter has another zero, and only its increments compare.
    #[serde(default = "yes")]
    pub same_register: bool,
    /// Its photo.
    pub photo: Photo,
}

const fn yes() -> bool {
    true
}

/// A current transformer's ratio as on its plate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlateRatio {
    /// Amperes.
    pub primary: i64,
    /// Amperes.
    pub secondary: i64,
}

/// State of a seal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SealState {
    /// 完好.
    Intact,
    /// 破损.
    Broken,
    /// 无封印.
    None,
}

/// `onsite_plate`: what stands on plates and seals.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OnsitePlate {
    /// Id of the check.
    pub check: String,
    /// Machine id.
    pub machine: String,
    /// Serial number on the machine's nameplate; empty where it cannot be read.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub serial: String,
    /// Serial number on the meter; empty where it cannot be read.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub meter_serial: String,
    /// Ratio on the current transformers; absent where there are none or it cannot be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ct: Option<PlateRatio>,
    /// The seal of meter or transformers.
    pub seal: SealState,
    /// Its number.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub seal_number: String,
    /// Anything else seen.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub note: String,
}

/// `onsite_result`: what the log showed of an act. A person names the act; the rest is the server's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OnsiteResult {
    /// Id of the check.
    pub check: String,
    /// Leaf of the act.
    pub of: u64,
    /// Leaves it was computed over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    /// What they show.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub found: Option<Found>,
}

/// Who confirms.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// 核查方.
    Checker,
    /// 企业.
    Firm,
}

/// `onsite_confirmed`: one side confirms what is there so far.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OnsiteConfirmed {
    /// Id of the check.
    pub check: String,
    /// Which side.
    pub side: Side,
    /// Last leaf of what is confirmed.
    pub through: u64,
    /// Digest of all statements of the check up to there ([`seal`]), hex.
    pub digest: String,
}

/// What the log showed of an act.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Found {
    /// Machines drawn.
    Draw(Draw),
    /// What became of a press.
    State(StateSeen),
    /// A face beside the register.
    Meter(Box<MeterSeen>),
    /// Plates beside what is stated and configured.
    Plate(PlateSeen),
}

/// A draw.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Draw {
    /// Root of the log's tree right after the leaf that asked, hex: nobody knew it when asking.
    pub root: String,
    /// The machines there were to draw from, sorted.
    pub machines: Vec<String>,
    /// Those drawn, in the order drawn.
    pub drawn: Vec<String>,
}

/// A change of a machine's state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Change {
    /// Which machine.
    pub machine: String,
    /// When, UTC milliseconds.
    pub at_ms: i64,
    /// After the press, milliseconds; below zero is before it.
    pub lag_ms: i64,
    /// From this state.
    pub from: MachineState,
    /// To this.
    pub to: MachineState,
}

/// Whether a state followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Followed {
    /// It changed in time.
    Changed,
    /// It was observed, and did not.
    NotChanged,
    /// Nobody observed it all the time.
    NotObserved,
}

/// What became of a press.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StateSeen {
    /// When it was pressed, UTC milliseconds.
    pub pressed_ms: i64,
    /// A change counts from so much before the press to so much after, milliseconds.
    pub within_ms: i64,
    /// Whether it followed.
    pub outcome: Followed,
    /// The machine's change.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub change: Option<Change>,
    /// Other machines that changed in the same way at the same time.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub others: Vec<Change>,
}

/// A reading of the register.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RegisterRead {
    /// When, UTC milliseconds.
    pub at_ms: i64,
    /// Kilowatt-hours, a decimal.
    pub kwh: String,
}

/// A face against the register. All decimals are kilowatt-hours.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Compared {
    /// By the face, times the ratio where the face is on the secondary side.
    pub face: String,
    /// By the register: the last reading at or before the photo.
    pub register: String,
    /// Face less register.
    pub deviation: String,
    /// The same in percent of the register.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub percent: Option<String>,
    /// Least and greatest deviation that digits and clocks allow.
    pub band: [String; 2],
    /// Whether it lies within.
    pub agrees: bool,
    /// What would explain a deviation; a suspicion, never a verdict.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<Hint>,
}

/// What would explain a deviation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Hint {
    /// The log seems to count with one ratio where the face fits another; `1` is no transformer.
    Ratio {
        /// As counted.
        counted: String,
        /// As the face has it.
        fits: String,
    },
    /// The register showed the face's value so much later than the photo says (below zero: earlier), milliseconds.
    Clock {
        /// How much.
        off_ms: i64,
    },
}

/// A face beside the register.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MeterSeen {
    /// Readings around the photos, in order of time.
    pub readings: Vec<RegisterRead>,
    /// Transformer ratio the face was multiplied by: it is on the secondary side as stated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub times: Option<String>,
    /// Face against register, where it is the same one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub register: Option<Compared>,
    /// Increment of the face against that of the register.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub increment: Option<Compared>,
    /// Leaf of the face the increment begins with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<u64>,
}

/// Whether a plate agrees with what is stated or configured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Agreement {
    /// It does.
    Agrees,
    /// It does not.
    Differs,
    /// Nothing to compare: not read, not stated, or it cannot be told.
    Open,
}

/// Plates beside what is stated and configured.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlateSeen {
    /// The machine's serial number against the ledger's.
    pub serial: Agreement,
    /// What the ledger says.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub ledger_serial: String,
    /// The meter's against the stated one.
    pub meter_serial: Agreement,
    /// What is stated of the meter.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub stated_serial: String,
    /// The ratio on the plate against the stated one.
    pub ct: Agreement,
    /// What is stated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stated_ct: Option<PlateRatio>,
    /// The ratio on the plate against the scale that the gateway applies.
    pub scale: Agreement,
    /// Kilowatt-hours per count, as configured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub configured: Option<String>,
    /// The same as the plate would make it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected: Option<String>,
}

/// A statement of a check with its place in the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its leaf.
    pub leaf: u64,
    /// When the server logged it, UTC milliseconds.
    pub received_ms: i64,
    /// Whose account stated it.
    pub author: String,
    /// The role in which its author acted.
    pub role: String,
    /// SHA-256 of the declaration.
    pub digest: Digest,
    /// What was stated.
    pub act: Act,
}

/// What was stated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Act {
    /// `onsite_check`
    Check(OnsiteCheck),
    /// `onsite_press`
    Press(OnsitePress),
    /// `onsite_face`
    Face(Box<OnsiteFace>),
    /// `onsite_plate`
    Plate(Box<OnsitePlate>),
    /// `onsite_result`
    Result(Box<OnsiteResult>),
    /// `onsite_confirmed`
    Confirmed(OnsiteConfirmed),
}

impl Act {
    /// The act of a body, if it is one.
    pub(crate) fn of(body: Body) -> Option<Self> {
        Some(match body {
            Body::OnsiteCheck(b) => Self::Check(b),
            Body::OnsitePress(b) => Self::Press(b),
            Body::OnsiteFace(b) => Self::Face(b),
            Body::OnsitePlate(b) => Self::Plate(b),
            Body::OnsiteResult(b) => Self::Result(b),
            Body::OnsiteConfirmed(b) => Self::Confirmed(b),
            _ => return None,
        })
    }

    /// Id of the check.
    pub fn check(&self) -> &str {
        match self {
            Self::Check(b) => &b.check,
            Self::Press(b) => &b.check,
            Self::Face(b) => &b.check,
            Self::Plate(b) => &b.check,
            Self::Result(b) => &b.check,
            Self::Confirmed(b) => &b.check,
        }
    }

    /// The machine it is about.
    pub fn machine(&self) -> Option<&str> {
        match self {
            Self::Press(b) => Some(&b.machine),
            Self::Face(b) => Some(&b.machine),
            Self::Plate(b) => Some(&b.machine),
            Self::Check(_) | Self::Result(_) | Self::Confirmed(_) => None,
        }
    }
}

impl Entry {
    pub(crate) fn new(leaf: u64, received_ms: i64, declaration: &Declaration, act: Act) -> Self {
        Self {
            leaf,
            received_ms,
            author: declaration.author.clone(),
            role: declaration.role.clone(),
            digest: protocol::sha256(&declaration.encode().unwrap_or_default()),
            act,
        }
    }
}

/// Why the log shows nothing of an act, or nothing yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotYet {
    /// Readings of that time have not been received; the newest is of this moment.
    Readings {
        /// UTC milliseconds; `None`: none at all.
        newest_ms: Option<i64>,
        /// Those up to this moment are needed.
        until_ms: i64,
    },
    /// Another meter than the one that is read: a second face is needed, from this moment on.
    SecondFace {
        /// UTC milliseconds.
        from_ms: i64,
    },
    /// The register was not read around that moment, and no more will come.
    Unseen,
    /// The register counts in another unit than energy.
    Unit(String),
    /// There is nothing to compute: no such act, or it is not declared what to read.
    Nothing,
}

/// The time whose readings an act depends on.
pub fn window(statements: &Statements, check: &str, of: u64) -> Option<Interval> {
    let entry = statements.onsite(check).iter().find(|e| e.leaf == of)?;
    match &entry.act {
        Act::Press(_) => Some(state::reach(entry.received_ms)),
        Act::Face(face) => Some(face::reach(statements, entry, face)),
        Act::Plate(_) => Some(plate::reach(entry.received_ms)),
        Act::Check(_) | Act::Result(_) | Act::Confirmed(_) => None,
    }
}

/// The time whose readings the acts of all checks depend on.
pub fn windows(statements: &Statements) -> Vec<Interval> {
    let entries = statements.onsite_checks().flat_map(|(check, entries)| entries.iter().map(move |e| (check, e.leaf)));
    crate::interval::union(entries.filter_map(|(check, of)| window(statements, check, of)).collect())
}

/// What a prefix of the log shows of an act that is no draw (see [`draw`]).
///
/// # Errors
/// Why it shows nothing yet.
pub fn evaluate(history: &History, check: &str, of: u64) -> Result<Found, NotYet> {
    let entry = history.statements().onsite(check).iter().find(|e| e.leaf == of).ok_or(NotYet::Nothing)?;
    match &entry.act {
        Act::Press(press) => state::observe(history, entry, press).map(Found::State),
        Act::Face(face) => face::compare(history, entry, face).map(|seen| Found::Meter(Box::new(seen))),
        Act::Plate(plate) => Ok(Found::Plate(plate::compare(history, entry, plate))),
        Act::Check(_) | Act::Result(_) | Act::Confirmed(_) => Err(NotYet::Nothing),
    }
}

#[cfg(test)]
mod tests;
