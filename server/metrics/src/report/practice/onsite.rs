//! On-site checks (现场核查) in the report: what was drawn, what somebody did and saw, what the log showed of it as recorded, who confirmed how far.
//!
//! A section is the sheet of the check ([`onsite::results`]) as the statements of the prefix have it, whatever the dates of the report; nothing
//! of it is computed from readings here. Whoever has the records computes draws and results again ([`onsite::draw`], [`onsite::evaluate`]).

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::onsite::{self, Act, Entry, Found, OnsiteFace, OnsitePlate, OnsitePress, OnsiteResult, Sheet, Side};
use crate::report::Words;
use crate::statements::Statements;

/// What became of a check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckResult {
    /// Its id.
    pub check: String,
    /// Every draw that was asked for, in order of the log.
    pub draws: Vec<DrawLine>,
    /// What was done and seen, in order of the log.
    pub acts: Vec<ActLine>,
    /// Acts; of those, with a recorded result; of those, something differs.
    pub counted: [usize; 3],
    /// Confirmations, in order of the log.
    pub confirmations: Vec<ConfirmationLine>,
    /// Last leaf of what there is to confirm.
    pub through: u64,
    /// Digest of all of it, hex.
    pub digest: String,
    /// Whether each side has confirmed all of it: those who check, the firm.
    pub confirmed: [bool; 2],
    /// Draws and acts that not both sides confirmed.
    pub unconfirmed: usize,
    /// Statements that count for nothing.
    pub disregarded: Vec<Uncounted>,
}

/// A draw that was asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DrawLine {
    /// Leaf that asked for it.
    pub leaf: u64,
    /// When it was logged, UTC milliseconds.
    pub received_ms: i64,
    /// Whose account asked.
    pub author: String,
    /// In which role.
    pub role: String,
    /// The body that checks.
    pub body: String,
    /// Machines asked for.
    pub wanted: i64,
    /// What was drawn; null: not recorded.
    pub drawn: Option<DrawnLine>,
}

/// What was drawn, by what.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DrawnLine {
    /// Leaf that says so.
    pub leaf: u64,
    /// Root of the log's tree of the leaves up to the one that asked, hex.
    pub root: String,
    /// The seed that root and check give, hex.
    pub seed: Option<String>,
    /// Machines there were to draw from.
    pub machines: Vec<String>,
    /// Those drawn, in order.
    pub drawn: Vec<String>,
}

/// Something done or seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActLine {
    /// Its leaf.
    pub leaf: u64,
    /// When it was logged, UTC milliseconds: of a press, when it was pressed.
    pub received_ms: i64,
    /// Whose account stated it.
    pub author: String,
    /// In which role.
    pub role: String,
    /// Machine id.
    pub machine: String,
    /// The machine was drawn, not chosen.
    pub drawn: bool,
    /// What was stated.
    pub stated: StatedAct,
    /// What the log showed of it; null: not recorded.
    pub result: Option<RecordedResult>,
}

/// What was done or seen, as stated.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StatedAct {
    /// A machine stopped or started.
    Press(OnsitePress),
    /// A meter's face.
    Face(OnsiteFace),
    /// Plates and seals.
    Plate(OnsitePlate),
}

/// What the log showed of an act, as the server recorded it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordedResult {
    /// Leaf that says so.
    pub leaf: u64,
    /// Leaves it was computed over.
    pub size: u64,
    /// What they show.
    pub found: Found,
    /// Something of it differs; what is open does not.
    pub differs: bool,
}

/// A confirmation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConfirmationLine {
    /// Its leaf.
    pub leaf: u64,
    /// When it was logged, UTC milliseconds.
    pub received_ms: i64,
    /// Whose account stated it.
    pub author: String,
    /// In which role.
    pub role: String,
    /// Which side.
    pub side: Side,
    /// Through which leaf.
    pub through: u64,
    /// Its digest is that of what the log holds up to there.
    pub holds: bool,
    /// Nothing was stated afterwards: superseded where something was.
    pub current: bool,
}

/// A statement that counts for nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Uncounted {
    /// Its leaf.
    pub leaf: u64,
    /// Why.
    pub code: NotCounted,
}

/// Why a statement of a check counts for nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum NotCounted {
    /// By an account that is not of those who check.
    NotAChecker,
    /// A confirmation for the firm by another account than the firm's.
    NotTheFirm,
    /// A result of what is no act of this check.
    NoSuchAct,
    /// A result that says nothing: the server computed none.
    NothingFound,
    /// Another result of an act that has one: superseded by the first.
    RecordedAlready,
}

impl NotCounted {
    /// Every reason.
    pub const ALL: [Self; 5] =
        [Self::NotAChecker, Self::NotTheFirm, Self::NoSuchAct, Self::NothingFound, Self::RecordedAlready];

    /// Chinese and English.
    pub fn words(self) -> Words {
        match self {
            Self::NotAChecker => ("不是由核查方的账号填报", "not stated by an account of those who check"),
            Self::NotTheFirm => ("不是由企业账号确认", "not confirmed by the firm's own account"),
            Self::NoSuchAct => ("所指条目不是本次核查的动作", "the leaf it names is no act of this check"),
            Self::NothingFound => ("没有由服务器计算的结果", "it holds no result that the server computed"),
            Self::RecordedAlready => ("该动作已有结果，以先记入的为准", "the act had a result: the first one counts"),
        }
        .into()
    }
}

/// Every check, by id.
pub(super) fn checks(statements: &Statements) -> Vec<CheckResult> {
    onsite::results(statements).iter().map(|sheet| check(sheet, statements.onsite(sheet.check))).collect()
}

fn check(sheet: &Sheet<'_>, entries: &[Entry]) -> CheckResult {
    let draws = sheet.draws.iter().map(|of| DrawLine {
        leaf: of.entry.leaf,
        received_ms: of.entry.received_ms,
        author: of.entry.author.clone(),
        role: of.entry.role.clone(),
        body: of.asked.body.clone(),
        wanted: of.asked.wanted,
        drawn: of.draw.zip(counted(sheet, entries, of.entry.leaf)).map(|(draw, (said, _))| DrawnLine {
            leaf: said.leaf,
            root: draw.root.clone(),
            seed: draw.root.parse().ok().map(|root| onsite::seed(&root, sheet.check)),
            machines: draw.machines.clone(),
            drawn: draw.drawn.clone(),
        }),
    });
    let acts: Vec<ActLine> = sheet
        .seen
        .iter()
        .filter_map(|seen| {
            let entry = seen.entry;
            let recorded = seen.result.zip(counted(sheet, entries, entry.leaf));
            let result = recorded.and_then(|((leaf, found), (_, said))| {
                let (size, differs) = (said.size?, found.differs(&entry.act));
                Some(RecordedResult { leaf, size, found: found.clone(), differs })
            });
            Some(ActLine {
                leaf: entry.leaf,
                received_ms: entry.received_ms,
                author: entry.author.clone(),
                role: entry.role.clone(),
                machine: entry.act.machine()?.to_owned(),
                drawn: seen.is_drawn,
                stated: stated(&entry.act)?,
                result,
            })
        })
        .collect();
    let results = || acts.iter().filter_map(|act| act.result.as_ref());
    let confirmations = sheet.confirmations.iter().map(|of| ConfirmationLine {
        leaf: of.entry.leaf,
        received_ms: of.entry.received_ms,
        author: of.entry.author.clone(),
        role: of.entry.role.clone(),
        side: of.side,
        through: of.through,
        holds: of.holds,
        current: of.is_current,
    });
    CheckResult {
        check: sheet.check.to_owned(),
        draws: draws.collect(),
        counted: [acts.len(), results().count(), results().filter(|result| result.differs).count()],
        confirmations: confirmations.collect(),
        through: sheet.through,
        digest: sheet.digest.hex(),
        confirmed: [Side::Checker, Side::Firm].map(|side| sheet.is_confirmed(side)),
        unconfirmed: sheet.unconfirmed(),
        disregarded: disregarded(sheet, entries),
        acts,
    }
}

fn stated(act: &Act) -> Option<StatedAct> {
    Some(match act {
        Act::Press(press) => StatedAct::Press(press.clone()),
        Act::Face(face) => StatedAct::Face(face.as_ref().clone()),
        Act::Plate(plate) => StatedAct::Plate(plate.as_ref().clone()),
        Act::Check(_) | Act::Result(_) | Act::Confirmed(_) => return None,
    })
}

/// The result of an act that counts.
fn counted<'s>(sheet: &Sheet<'_>, entries: &'s [Entry], of: u64) -> Option<(&'s Entry, &'s OnsiteResult)> {
    entries.iter().filter(|entry| !sheet.void.contains(&entry.leaf)).find_map(|entry| match &entry.act {
        Act::Result(said) if said.of == of && said.found.is_some() => Some((entry, said.as_ref())),
        _ => None,
    })
}

/// What counts for nothing of a check, in order of the log.
fn disregarded(sheet: &Sheet<'_>, entries: &[Entry]) -> Vec<Uncounted> {
    let acts: BTreeSet<u64> =
        sheet.draws.iter().map(|draw| draw.entry.leaf).chain(sheet.seen.iter().map(|seen| seen.entry.leaf)).collect();
    let why = |entry: &Entry| match &entry.act {
        Act::Confirmed(of) if sheet.void.contains(&entry.leaf) && of.side == Side::Firm => Some(NotCounted::NotTheFirm),
        _ if sheet.void.contains(&entry.leaf) => Some(NotCounted::NotAChecker),
        Act::Result(said) if !acts.contains(&said.of) => Some(NotCounted::NoSuchAct),
        Act::Result(said) if said.found.is_none() => Some(NotCounted::NothingFound),
        Act::Result(said) => counted(sheet, entries, said.of)
            .is_some_and(|(first, _)| first.leaf != entry.leaf)
            .then_some(NotCounted::RecordedAlready),
        _ => None,
    };
    entries.iter().filter_map(|entry| Some(Uncounted { leaf: entry.leaf, code: why(entry)? })).collect()
}
