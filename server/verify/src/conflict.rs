//! What a witness saw and would not sign, as a file that anyone can check later against the log's key alone.
//!
//! Three kinds, and only the first is a proof by itself:
//!
//! - `two_roots`: the log's key signed two roots for one size. No honest log ever does.
//! - `not_continued`: two checkpoints the log's key signed, and a proof that does not connect them. Anybody may send a
//!   witness nonsense, so this says: *ask the log's operator for the consistency proof between these two*. With the proof the
//!   finding is cleared; an operator who cannot give it has rewritten the log.
//! - `new_epoch`: the log goes on under a new origin, as after a restore from a backup. The witness's operator has to ask why
//!   before it is cosigned.
//!
//! What the file says of itself is believed by nobody: which kind it is follows from the two signed checkpoints, and so do the
//! words ([`Conflict::check`]).

use protocol::{
    note::{Checkpoint, VerifierKey},
    proof::ConsistencyProof,
    tree,
};
use serde::{Deserialize, Serialize};

use crate::cosign::instant;
use crate::kept::site_and_epoch;

/// Longest file, bytes.
const CONFLICT_MAX: usize = 128 * 1024;
const FORMAT: &str = "gongzheng-witness-finding";

/// A finding of a witness.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Conflict {
    format: String,
    version: u32,
    /// What the witness took it for.
    pub kind: ConflictKind,
    /// Signed by the log: first what the witness had cosigned, then what it was shown.
    pub signed: [String; 2],
    /// Name of the witness's key.
    pub witness: String,
    /// When it was seen, Unix seconds by the witness's clock.
    pub seen_seconds: u64,
    /// For people, Chinese. Made from the rest; a reader makes it again.
    pub zh: String,
    /// For people, English.
    pub en: String,
}

/// Kinds of findings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ConflictKind {
    /// One size, two roots.
    TwoRoots,
    /// The proof that came along does not connect the two.
    NotContinued,
    /// A log under a new origin.
    NewEpoch,
}

/// What a finding is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Worth {
    /// The log's key signed two histories.
    Proven,
    /// Both checkpoints are the log's; whether they fit together has to be shown by the log's operator.
    Open,
    /// A proof shows that the second continues the first.
    Cleared,
    /// The file is not what it says: not signed by the log's key, or no contradiction in it.
    Void,
}

impl Conflict {
    #[cfg(feature = "witness")]
    pub(crate) fn new(kind: ConflictKind, first: &str, second: &str, witness: &str, seen_seconds: u64) -> Self {
        let signed = [first.to_owned(), second.to_owned()];
        let (zh, en) = match signed.each_ref().map(|note| Checkpoint::read_unverified(note)) {
            [Ok(first), Ok(second)] => words(kind, &first, &second, witness, seen_seconds),
            _ => ("检查点无法读取".to_owned(), "a checkpoint cannot be read".to_owned()),
        };
        let (format, version, witness) = (FORMAT.to_owned(), 1, witness.to_owned());
        Self { format, version, kind, signed, witness, seen_seconds, zh, en }
    }

    /// Reads a file's bytes. The error is a sentence.
    pub fn parse(bytes: &[u8]) -> Result<Self, String> {
        if bytes.len() > CONFLICT_MAX {
            return Err(format!("the file is {} bytes long; at most {CONFLICT_MAX} are allowed", bytes.len()));
        }
        let read: Self = serde_json::from_slice(bytes).map_err(|e| format!("not a witness's finding: {e}"))?;
        if read.format != FORMAT || read.version != 1 {
            return Err(format!("not a witness's finding of version 1: {} {}", read.format, read.version));
        }
        Ok(read)
    }

    /// The file's text.
    pub fn to_json(&self) -> String {
        serde_json::to_string_pretty(self).unwrap_or_default() + "\n"
    }

    /// Checks the finding: by the log's keys, and where it is given with the proof that the log's operator has made since.
    /// Returns what it is worth, with words.
    pub fn check(&self, log_keys: &[VerifierKey], proof: Option<&ConsistencyProof>) -> (Worth, String, String) {
        let read = |note: &String| {
            log_keys.iter().find_map(|key| Some((Checkpoint::verify(note, key).ok()?, key.name.as_str())))
        };
        let [Some((first, server)), Some((second, other_server))] = [read(&self.signed[0]), read(&self.signed[1])]
        else {
            let zh = "两份检查点中至少一份不是由给出的站点日志密钥签名：此文件不能证明任何事";
            let en = "at least one of the two checkpoints is not signed by a log key given: this file proves nothing";
            return (Worth::Void, zh.to_owned(), en.to_owned());
        };
        let is_one_log = first.origin == second.origin;
        if is_one_log && first.size == second.size && first.root == second.root {
            let en = "both checkpoints say the same: there is no contradiction in this file";
            return (Worth::Void, "两份检查点内容相同，文件中没有矛盾".to_owned(), en.to_owned());
        }
        let places = [site_and_epoch(&first.origin, server), site_and_epoch(&second.origin, other_server)];
        let (kind, is_in_order) = match places {
            _ if is_one_log && first.size == second.size => (ConflictKind::TwoRoots, true),
            _ if is_one_log => (ConflictKind::NotContinued, first.size < second.size),
            [Some((site, epoch)), Some((other_site, other_epoch))] if server == other_server && site == other_site => {
                (ConflictKind::NewEpoch, epoch < other_epoch)
            }
            _ => {
                let en = "the two checkpoints are of two logs: there is no contradiction in this file";
                return (Worth::Void, "两份检查点属于两份不同的站点日志，文件中没有矛盾".to_owned(), en.to_owned());
            }
        };
        let (old, new) = if is_in_order { (&first, &second) } else { (&second, &first) };
        let (zh, en) = words(kind, old, new, &self.witness, self.seen_seconds);
        if kind == ConflictKind::TwoRoots {
            return (Worth::Proven, zh, en);
        }
        let connects = |proof: &ConsistencyProof| {
            proof.old == old.size && tree::verify_consistency(old.size, &old.root, new.size, &new.root, &proof.hashes)
        };
        match proof {
            Some(proof) if is_one_log && connects(proof) => (
                Worth::Cleared,
                format!("已澄清：所给证明表明 {} 条的检查点是 {} 条的延续", new.size, old.size),
                format!("cleared: the proof given shows that {} leaves continue {}", new.size, old.size),
            ),
            Some(_) => (
                Worth::Open,
                format!("{zh}。所给证明不能把两者连起来"),
                format!("{en}. The proof given does not connect the two"),
            ),
            None => (Worth::Open, zh, en),
        }
    }
}

fn words(
    kind: ConflictKind,
    first: &Checkpoint,
    second: &Checkpoint,
    witness: &str,
    seen_seconds: u64,
) -> (String, String) {
    let (at, origin) = (instant(seen_seconds), &second.origin);
    let (old, new) = (first.size, second.size);
    match kind {
        ConflictKind::TwoRoots => (
            format!(
                "站点日志 {origin} 对同样的 {new} 条记录签署了两个不同的根：历史被改写。见证方 {witness} 于 {at} 发现"
            ),
            format!(
                "the log {origin} signed two different roots over {new} leaves: its history was rewritten. Seen by {witness} at {at}"
            ),
        ),
        ConflictKind::NotContinued => (
            format!(
                "站点日志 {origin} 签署的 {new} 条未能证明是已见证的 {old} 条的延续（见证方 {witness}，{at}）。请要求其运营单位提供 {old} 条到 {new} 条的一致性证明；不能提供即为改写了历史"
            ),
            format!(
                "{new} leaves signed by the log {origin} were not shown to continue the {old} leaves cosigned before (witness {witness}, {at}). Ask its operator for the consistency proof from {old} to {new}; an operator who cannot give it has rewritten the log"
            ),
        ),
        ConflictKind::NewEpoch => (
            format!(
                "站点日志 {origin} 以新的纪元重新开始，此前已见证 {} 的 {old} 条（见证方 {witness}，{at}）。请向运营单位查明原因，确认后在见证配置的 epochs 中登记",
                first.origin
            ),
            format!(
                "the log {origin} begins a new epoch after {old} leaves of {} were cosigned (witness {witness}, {at}). Ask its operator why; once that is clear, name it under `epochs` in the witness's configuration",
                first.origin
            ),
        ),
    }
}
