//! Offline verification of a bundle (电子佐证包).
//!
//! Whoever runs this does not trust the server that made the bundle, nor the factory, nor the paper the bundle came with.
//! So nothing inside is believed because it is inside:
//!
//! 1. [`archive`]: the files are whole; [`leaves`]: every leaf of the log is there and hashes to the checkpoint's root;
//! 2. [`anchor`]: the checkpoint is signed by a log key of the *trust file*, which came by another way;
//!    [`cosign`]: which other bodies witnessed it; and on request [`kept`]: checkpoints somebody kept from earlier say the same
//!    of the leaves they cover;
//! 3. [`chain`]: every record is signed by its gateway's enrolled key and follows the one before it;
//! 4. [`contents`]: every content is the one its leaf names, and decodes;
//! 5. [`recompute`]: the report, evaluated again from those contents alone, is the report in the bundle, byte for byte. A bundle
//!    without any reading is said to be one: its numbers are the server's statement.
//!    Draws, results of on-site checks and figures of deviations, which the server stated in the log, are computed again too ([`stated`]).
//! 6. [`documents`]: PDF and XLSX are those that the log says were issued with the report.
//!
//! The steps are those of `docs/formats.md` §8.1. Each adds [`Finding`]s — good and bad — that name a place; [`verify`] turns
//! them into one [`Verdict`]. Only `protocol` and `metrics` are shared with the server.
//!
//! A bundle of a month has a quarter of a million records, so it is read where it lies ([`Source`]): steps 3 to 5 go along the
//! log together ([`records`]), on several threads ([`parallel`]), and what is held hardly grows with the period: by an index of 52 bytes a record.

mod anchor;
mod archive;
mod chain;
mod conflict;
mod contents;
mod cosign;
mod documents;
mod figures;
mod file;
mod finding;
mod kept;
mod leaves;
mod parallel;
mod practice;
mod proofs;
mod recompute;
mod records;
mod stated;
mod trust;
#[cfg(feature = "witness")]
pub mod witness;

pub use conflict::{Conflict, ConflictKind, Worth};
pub use figures::{BesideFigure, Compared, Figure, Figures, Withheld};
pub use file::BundleFile;
pub use finding::{Finding, Severity, Verdict};
pub use kept::KeptCheckpoints;
pub use proofs::check_proof;
pub use protocol::bundle::Source;
pub use trust::{Operator, Trust, TrustedGateway, TrustedWitness};

/// What verification found.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Outcome {
    /// Accepted, accepted but not computed again, consistent without anchor, or refused.
    pub verdict: Verdict,
    /// The site is simulated: no machine stands behind the numbers.
    pub simulated: bool,
    /// Everything found, in the order of the steps.
    pub findings: Vec<Finding>,
    /// What the signed contents give, as computed here; `None` when nothing could be computed.
    pub figures: Option<Figures>,
    /// Records whose contents are not in the bundle, by gateway: what rests on them cannot be computed again.
    pub withheld: Vec<Withheld>,
}

impl Outcome {
    fn new(findings: Vec<Finding>, is_anchored: bool, is_recomputed: bool) -> Self {
        let verdict = match (findings.iter().any(|f| f.severity == Severity::Refused), is_anchored, is_recomputed) {
            (true, _, _) => Verdict::Refused,
            (false, false, _) => Verdict::ConsistentNotAnchored,
            (false, true, false) => Verdict::NotRecomputed,
            (false, true, true) => Verdict::Verified,
        };
        Self { verdict, simulated: false, findings, figures: None, withheld: Vec::new() }
    }

    /// The findings that refuse the bundle.
    pub fn refusals(&self) -> impl Iterator<Item = &Finding> {
        self.findings.iter().filter(|f| f.severity == Severity::Refused)
    }
}

/// What verification is busy with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// Reading and hashing the files.
    Files,
    /// Hashing the leaves.
    Leaves,
    /// Checking records, contents and numbers.
    Records,
}

/// What to verify a bundle against, and how.
pub struct Settings<'a> {
    /// Whose signatures count; without it, at most [`Verdict::ConsistentNotAnchored`].
    pub trust: Option<&'a Trust>,
    /// Checkpoints somebody kept from earlier. When they are given and none can be compared, the bundle is refused: whoever
    /// gives them relies on the answer.
    pub kept: Option<&'a KeptCheckpoints>,
    /// Threads to work with.
    pub threads: usize,
    /// Is told what is being done, with pieces done and pieces in all.
    pub progress: &'a dyn Fn(Progress, usize, usize),
}

impl<'a> Settings<'a> {
    /// With all threads of the machine, telling nobody.
    pub fn new(trust: Option<&'a Trust>, kept: Option<&'a KeptCheckpoints>) -> Self {
        Self { trust, kept, threads: parallel::threads(), progress: &|_, _, _| {} }
    }

    fn tell(&self, what: Progress, done: usize, of: usize) {
        (self.progress)(what, done, of);
    }
}

/// Verifies the bytes of a bundle against a trust file; without one, at most [`Verdict::ConsistentNotAnchored`].
pub fn verify(bundle: &[u8], trust: Option<&Trust>) -> Outcome {
    verify_with(bundle, trust, None)
}

/// The same, and compares with checkpoints somebody kept from earlier.
pub fn verify_with(bundle: &[u8], trust: Option<&Trust>, kept: Option<&KeptCheckpoints>) -> Outcome {
    verify_source(&bundle, &Settings::new(trust, kept))
}

/// Verifies a bundle where it lies.
pub fn verify_source(bundle: &dyn Source, settings: &Settings<'_>) -> Outcome {
    let mut found = Found::default();
    steps(bundle, settings, &mut found);
    let Found { findings, simulated, figures, withheld } = found;
    let (is_recomputed, findings) = (figures.is_some(), finding::first_of_each(findings));
    Outcome { simulated, figures, withheld, ..Outcome::new(findings, settings.trust.is_some(), is_recomputed) }
}

#[derive(Default)]
struct Found {
    findings: Vec<Finding>,
    simulated: bool,
    figures: Option<Figures>,
    withheld: Vec<Withheld>,
}

/// Runs the steps; stops (`None`) where the next one would have nothing to stand on.
fn steps(source: &dyn Source, settings: &Settings<'_>, found: &mut Found) -> Option<()> {
    let findings = &mut found.findings;
    let bundle = archive::open(source, settings, findings)?;
    anchor::check(&bundle.checkpoint_note, settings.trust, findings);
    cosign::check(&bundle.checkpoint_note, bundle.leaves.newest_ms, settings.trust, findings);
    if let Some(kept) = settings.kept {
        kept::check(&bundle, settings.trust, kept, findings);
    }
    let mut contents = contents::Contents::default();
    let declared = contents::declared(&bundle, &mut contents);
    found.simulated = declared.simulated;
    let keys = records::Keys::default();
    let mut chains = chain::Chains::new(&bundle.manifest.site, &declared, settings.trust, &keys);
    let mut recomputation = recompute::Recomputation::begin(&bundle, &declared);
    // What the manifest says matters to nobody: the leaves name every content.
    let refused = |f: &Finding| f.severity == Severity::Refused && f.code != "manifest";
    if contents.is_refused() || findings.iter().any(refused) {
        recomputation.stop();
    }
    contents.rest_on(recomputation.windows(&declared));
    let walked = records::check(&bundle, &declared, settings, &mut contents, &mut chains, &mut recomputation);
    if walked.is_ok() {
        contents.unnamed(&bundle.archive, findings);
    }
    let is_without_readings = contents.is_without_readings();
    found.withheld = contents.report(findings);
    chains.report(&bundle.manifest.origin, findings);
    findings.extend(walked.err());
    if !findings.iter().any(refused) {
        found.figures = recomputation.finish(&bundle, &declared, is_without_readings, findings);
        stated::check(&bundle, &declared, findings);
        documents::check(&bundle, &declared, findings);
    }
    Some(())
}
