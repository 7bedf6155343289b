//! What a witness decides. Pure: what it signed last, the request, the time → what it signs now, and what it answers.

use std::cmp::Ordering;

use protocol::cosignature::{attach, cosign};
use protocol::note::{self, Checkpoint, VerifierKey};
use protocol::proof::ConsistencyProof;
use protocol::{SecretKey, cosignature::WitnessKey, tree};

use super::store::Known;
use crate::conflict::{Conflict, ConflictKind};
use crate::kept::site_and_epoch;

/// A checkpoint that was cosigned: with its note, our cosignature below it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) checkpoint: Checkpoint,
    pub(super) note: String,
}

/// Logs of one key that are cosigned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Rule {
    /// The key that signs their checkpoints.
    pub(super) key: VerifierKey,
    /// Only these sites; every site when empty.
    pub(super) sites: Vec<String>,
    /// Origins of later epochs that the witness's operator has confirmed.
    pub(super) epochs: Vec<String>,
}

/// How a rule reads an origin.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// Cosigned.
    Known,
    /// A later epoch of the log named, not confirmed.
    NewEpoch(String),
    /// None of ours, or one that a later epoch has taken the place of.
    Unknown,
}

impl Rule {
    /// Site and epoch of an origin that this rule is about.
    pub(super) fn place<'o>(&self, origin: &'o str) -> Option<(&'o str, u32)> {
        let is_ours = |site: &str| self.sites.is_empty() || self.sites.iter().any(|known| known == site);
        site_and_epoch(origin, &self.key.name).filter(|(site, _)| is_ours(site))
    }

    /// A server's logs are `<key name>/<site>`, and after a restore `<key name>/<site>/<epoch>`. Once a later epoch of a site is
    /// confirmed, an earlier one is not cosigned any more: a log would otherwise go on twice.
    pub(super) fn reads(&self, origin: &str) -> Standing {
        let Some((site, epoch)) = self.place(origin) else { return Standing::Unknown };
        let confirmed = self.epochs.iter().filter_map(|known| self.place(known)).filter(|(known, _)| *known == site);
        match epoch.cmp(&confirmed.map(|(_, epoch)| epoch).max().unwrap_or(0)) {
            Ordering::Less => Standing::Unknown,
            Ordering::Equal => Standing::Known,
            Ordering::Greater => Standing::NewEpoch(format!("{}/{site}", self.key.name)),
        }
    }
}

/// What comes of a request.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Decision {
    /// HTTP status.
    pub(super) status: u16,
    /// The answer's body.
    pub(super) body: String,
    /// Must be durable before the answer leaves.
    pub(super) head: Option<Head>,
    /// Must be kept.
    pub(super) conflict: Option<Conflict>,
}

impl Decision {
    pub(super) fn refuse(status: u16, body: impl Into<String>) -> Self {
        Self { status, body: body.into() + "\n", head: None, conflict: None }
    }
}

/// Who signs, and when.
pub(super) struct Signer<'s> {
    pub(super) key: &'s SecretKey,
    pub(super) verifier: &'s WitnessKey,
    pub(super) now_seconds: u64,
}

/// Decides on a request whose log is one of ours (`rule`), against what is known of it.
pub(super) fn decide(rule: &Rule, known: &Known, request: &ConsistencyProof, signer: &Signer<'_>) -> Decision {
    let name = &signer.verifier.name;
    // Signatures of others are dropped here: nothing is kept that a stranger can make as long as he likes.
    let Ok(note) = note::only(&request.note, &rule.key) else { return not_signed(rule) };
    let read = note::verify(&note, &rule.key).and_then(|text| Ok((text, Checkpoint::parse(text)?)));
    let (text, checkpoint) = match read {
        Ok(read) => read,
        Err(error) => return Decision::refuse(400, error.to_string()),
    };
    let head = match known {
        Known::Damaged(what) => return Decision::refuse(500, what),
        Known::Head(head) => Some(head),
        Known::Never => None,
    };
    let found = |kind, head: &Head| Some(Conflict::new(kind, &head.note, &note, name, signer.now_seconds));
    if request.old > checkpoint.size {
        return Decision::refuse(400, "the old size is larger than the checkpoint's / 原条数大于检查点条数");
    }
    let size = head.map_or(0, |head| head.checkpoint.size);
    if let Some(head) = head
        && checkpoint.size == size
        && checkpoint.root != head.checkpoint.root
    {
        let conflict = found(ConflictKind::TwoRoots, head);
        return Decision { conflict, ..Decision::refuse(409, size.to_string()) };
    }
    if request.old != size {
        return Decision::refuse(409, size.to_string());
    }
    let continues = match head {
        None => request.hashes.is_empty(),
        Some(head) => {
            tree::verify_consistency(size, &head.checkpoint.root, checkpoint.size, &checkpoint.root, &request.hashes)
        }
    };
    if !continues {
        let conflict = head.and_then(|head| found(ConflictKind::NotContinued, head));
        return Decision {
            conflict, ..Decision::refuse(422, "the proof does not connect the two / 一致性证明不成立")
        };
    }
    if signer.now_seconds < YEAR_2024 {
        return Decision::refuse(503, "the witness's clock was never set / 见证方时钟未校准");
    }
    // What follows the first three lines of the text is signed with them, as C2SP has it; nothing is said about it.
    let signed = cosign(text, name, signer.key, signer.now_seconds)
        .and_then(|line| Ok((attach(&note, &line, signer.verifier)?.0, line)));
    match signed {
        Ok((note, body)) => Decision { status: 200, body, head: Some(Head { checkpoint, note }), conflict: None },
        Err(error) => Decision::refuse(400, error.to_string()),
    }
}

fn not_signed(rule: &Rule) -> Decision {
    Decision::refuse(403, format!("not signed by {} / 签名密钥不在登记之列", rule.key.name))
}

/// A new epoch of a log that was cosigned before: kept for the witness's operator, not cosigned.
pub(super) fn new_epoch(rule: &Rule, before: &Known, request: &ConsistencyProof, signer: &Signer<'_>) -> Decision {
    let Ok(note) = note::only(&request.note, &rule.key) else { return not_signed(rule) };
    let conflict = match before {
        Known::Head(head) => {
            let (name, now) = (&signer.verifier.name, signer.now_seconds);
            Some(Conflict::new(ConflictKind::NewEpoch, &head.note, &note, name, now))
        }
        Known::Never | Known::Damaged(_) => None,
    };
    let why = "a new epoch of this log has to be confirmed by the witness's operator / 新的日志纪元须经见证方确认";
    Decision { conflict, ..Decision::refuse(404, why) }
}

/// This program did not exist before.
const YEAR_2024: u64 = 1_704_067_200;

#[cfg(test)]
mod tests;
