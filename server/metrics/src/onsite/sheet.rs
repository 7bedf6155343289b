//! The sheet of a check (现场核查单): its acts in the order of the log, each with what the log showed of it, and who confirmed how far.
//!
//! Constraints
//! 1. A pure function of the statements: the page, the report and everybody else print the same.
//! 2. Of an act the first result counts; an act without one is there, and says so.
//! 3. A confirmation names its last leaf and the digest of everything up to there. What comes later is not confirmed by it, and a digest that
//!    does not fit confirms nothing.

use protocol::Digest;

use super::{Act, CHECKERS, Draw, Entry, Found, OnsiteCheck, Side};
use crate::credibility::course::FACTORY_ROLE;
use crate::statements::Statements;

/// What a confirmation is of.
const DOMAIN: &[u8] = b"gongzheng/v1/onsite-confirm\0";

/// The sheet of a check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sheet<'s> {
    /// Id of the check.
    pub check: &'s str,
    /// When it was begun and, again and again, drawn.
    pub draws: Vec<Drawing<'s>>,
    /// What was done and seen, in order of the log.
    pub seen: Vec<Seen<'s>>,
    /// Who confirmed what.
    pub confirmations: Vec<Confirmation<'s>>,
    /// Last leaf of what there is to confirm.
    pub through: u64,
    /// Digest of all of it.
    pub digest: Digest,
    /// Statements by accounts that cannot make them: they count for nothing.
    pub void: Vec<u64>,
}

/// A draw that was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Drawing<'s> {
    /// Who asked, and when.
    pub entry: &'s Entry,
    /// For what.
    pub asked: &'s OnsiteCheck,
    /// What was drawn; `None`: not drawn yet.
    pub draw: Option<&'s Draw>,
}

/// An act with its result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seen<'s> {
    /// The act: a press, a face or a plate.
    pub entry: &'s Entry,
    /// Its machine was drawn, not chosen.
    pub is_drawn: bool,
    /// What the log showed, and the leaf that says so; `None`: not recorded.
    pub result: Option<(u64, &'s Found)>,
}

/// A confirmation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Confirmation<'s> {
    /// Who, and when.
    pub entry: &'s Entry,
    /// Which side.
    pub side: Side,
    /// Through which leaf.
    pub through: u64,
    /// The digest is that of what the log holds up to there.
    pub holds: bool,
    /// Nothing was stated afterwards.
    pub is_current: bool,
}

impl Sheet<'_> {
    /// Whether a side has confirmed all there is.
    pub fn is_confirmed(&self, side: Side) -> bool {
        self.confirmations.iter().any(|c| c.side == side && c.holds && c.is_current)
    }

    /// Statements after the last leaf that both sides confirmed; all when they never did.
    pub fn unconfirmed(&self) -> usize {
        let side = |side| self.confirmations.iter().filter(move |c| c.side == side && c.holds).map(|c| c.through).max();
        let both = side(Side::Checker).zip(side(Side::Firm)).map(|(a, b)| a.min(b));
        let own = self.draws.iter().map(|d| d.entry).chain(self.seen.iter().map(|s| s.entry));
        own.filter(|e| both.is_none_or(|through| e.leaf > through)).count()
    }
}

/// Whether an account of this role may state it.
pub(super) fn counts(act: &Act, role: &str) -> bool {
    match act {
        Act::Confirmed(confirmed) if confirmed.side == Side::Firm => role == FACTORY_ROLE,
        _ => CHECKERS.contains(&role),
    }
}

/// Last leaf of what there is to confirm of a check, up to a leaf, and the digest of all of it: SHA-256 of the domain and, of each statement
/// that counts and is no confirmation, its leaf (eight bytes, big-endian) and the SHA-256 of its declaration.
pub fn seal(entries: &[Entry], through: u64) -> (u64, Digest) {
    let (mut last, mut bytes) = (0, DOMAIN.to_vec());
    let is_sealed = |e: &&Entry| e.leaf <= through && !matches!(e.act, Act::Confirmed(_)) && counts(&e.act, &e.role);
    for entry in entries.iter().filter(is_sealed) {
        last = entry.leaf;
        bytes.extend(entry.leaf.to_be_bytes());
        bytes.extend(entry.digest.0);
    }
    (last, protocol::sha256(&bytes))
}

/// The sheets of all checks, by id.
pub fn results(statements: &Statements) -> Vec<Sheet<'_>> {
    statements.onsite_checks().map(|(check, entries)| sheet(check, entries)).collect()
}

fn sheet<'s>(check: &'s str, all: &'s [Entry]) -> Sheet<'s> {
    let (entries, void): (Vec<&Entry>, Vec<&Entry>) = all.iter().partition(|e| counts(&e.act, &e.role));
    let result = |of: u64| {
        entries.iter().find_map(|e| match &e.act {
            Act::Result(r) if r.of == of => Some((e.leaf, r.found.as_ref()?)),
            _ => None,
        })
    };
    let draws: Vec<Drawing<'_>> = entries
        .iter()
        .filter_map(|entry| match &entry.act {
            Act::Check(asked) => {
                let draw = result(entry.leaf).and_then(|(_, found)| match found {
                    Found::Draw(draw) => Some(draw),
                    _ => None,
                });
                Some(Drawing { entry, asked, draw })
            }
            _ => None,
        })
        .collect();
    let is_drawn = |machine: &str| draws.iter().any(|d| d.draw.is_some_and(|d| d.drawn.iter().any(|m| m == machine)));
    let seen = entries.iter().filter_map(|entry| {
        let machine = entry.act.machine()?;
        Some(Seen { entry, is_drawn: is_drawn(machine), result: result(entry.leaf) })
    });
    let (through, digest) = seal(all, u64::MAX);
    let confirmation = |entry: &&'s Entry| match &entry.act {
        Act::Confirmed(c) => Some(Confirmation {
            entry,
            side: c.side,
            through: c.through,
            holds: seal(all, c.through) == (c.through, digest_of(&c.digest)),
            is_current: c.through == through,
        }),
        _ => None,
    };
    Sheet {
        check,
        seen: seen.collect(),
        confirmations: entries.iter().filter_map(confirmation).collect(),
        draws,
        through,
        digest,
        void: void.iter().map(|e| e.leaf).collect(),
    }
}

/// A digest in hex; one that is none fits nothing.
fn digest_of(hex: &str) -> Digest {
    hex.parse().unwrap_or(Digest::ZERO)
}
