//! Offline verification of a bundle (电子佐证包).
//!
//! Whoever runs this does not trust the server that made the bundle, nor the factory, nor the paper the bundle came with.
//! So nothing inside is believed because it is inside:
//!
//! 1. [`archive`]: the files are whole, and every leaf of the log is there and hashes to the checkpoint's root;
//! 2. [`anchor`]: the checkpoint is signed by a log key of the *trust file*, which came by another way;
//!    [`cosign`]: which other bodies witnessed it; and on request [`kept`]: checkpoints somebody kept from earlier say the same
//!    of the leaves they cover;
//! 3. [`chain`]: every record is signed by its gateway's enrolled key and follows the one before it;
//! 4. [`contents`]: every content is the one its leaf names, and decodes;
//! 5. [`recompute`]: the report, evaluated again from those contents alone, is the report in the bundle, byte for byte.
//! 6. [`documents`]: PDF and XLSX are those that the log says were issued with the report.
//!
//! The steps are those of `docs/formats.md` §8.1. Each adds [`Finding`]s — good and bad — that name a place; [`verify`] turns
//! them into one [`Verdict`]. Only `protocol` and `metrics` are shared with the server.

mod anchor;
mod archive;
mod chain;
mod conflict;
mod contents;
mod cosign;
mod documents;
mod finding;
mod kept;
mod proofs;
mod recompute;
mod trust;
#[cfg(feature = "witness")]
pub mod witness;

pub use conflict::{Conflict, ConflictKind, Worth};
pub use finding::{Finding, Severity, Verdict};
pub use kept::KeptCheckpoints;
pub use proofs::check_proof;
pub use trust::{Operator, Trust, TrustedGateway, TrustedWitness};

/// What verification found.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Outcome {
    /// Accepted, consistent without anchor, or refused.
    pub verdict: Verdict,
    /// The site is simulated: no machine stands behind the numbers.
    pub simulated: bool,
    /// Everything found, in the order of the steps.
    pub findings: Vec<Finding>,
}

impl Outcome {
    fn new(findings: Vec<Finding>, is_anchored: bool, simulated: bool) -> Self {
        let verdict = if findings.iter().any(|f| f.severity == Severity::Refused) {
            Verdict::Refused
        } else if is_anchored {
            Verdict::Verified
        } else {
            Verdict::ConsistentNotAnchored
        };
        Self { verdict, simulated, findings }
    }

    /// The findings that refuse the bundle.
    pub fn refusals(&self) -> impl Iterator<Item = &Finding> {
        self.findings.iter().filter(|f| f.severity == Severity::Refused)
    }
}

/// Verifies the bytes of a bundle against a trust file; without one, at most [`Verdict::ConsistentNotAnchored`].
pub fn verify(bundle: &[u8], trust: Option<&Trust>) -> Outcome {
    verify_with(bundle, trust, None)
}

/// The same, and compares with checkpoints somebody kept from earlier. When it is asked for and none can be compared, the
/// bundle is refused: whoever asks relies on the answer.
pub fn verify_with(bundle: &[u8], trust: Option<&Trust>, kept: Option<&KeptCheckpoints>) -> Outcome {
    let mut findings = Vec::new();
    let simulated = steps(bundle, trust, kept, &mut findings).unwrap_or(false);
    Outcome::new(findings, trust.is_some(), simulated)
}

/// Runs the steps; stops (`None`) where the next one would have nothing to stand on.
fn steps(
    bundle: &[u8],
    trust: Option<&Trust>,
    kept: Option<&KeptCheckpoints>,
    findings: &mut Vec<Finding>,
) -> Option<bool> {
    let archive = archive::open(bundle, findings)?;
    anchor::check(&archive.checkpoint_note, trust, findings);
    cosign::check(&archive.checkpoint_note, archive.leaves.last().map(|leaf| leaf.received_ms), trust, findings);
    if let Some(kept) = kept {
        kept::check(&archive, trust, kept, findings);
    }
    let enrolled = contents::check(&archive, findings)?;
    chain::check(&archive, &enrolled, trust, findings);
    // A report recomputed from altered leaves would only repeat what is already refused, in more words.
    if findings.iter().any(|f| f.severity == Severity::Refused && f.code != "manifest") {
        return Some(enrolled.simulated);
    }
    recompute::check(&archive, findings);
    documents::check(&archive, findings);
    Some(enrolled.simulated)
}
