//! Issuing a report: evaluate, state in the log that it was issued, bundle everything a stranger needs to check it.
//!
//! Order, so that every step stands on a durable one:
//! 1. publish a checkpoint; its size is the prefix the report is about;
//! 2. evaluate the report over exactly that prefix with `metrics`, the same function the verifier calls, and set it as
//!    documents (PDF and XLSX, two languages) with `document`;
//! 3. append `report_issued` {prefix size, digest of report.json, digests of the documents, definitions} to the log, so that
//!    neither can be issued again in a better version unseen;
//! 4. publish again, have that checkpoint witnessed (waiting a bounded time), and bundle **all** leaves under that checkpoint — nothing unfavourable can be left out — with every
//!    statement and every reading the report depends on;
//! 5. write the bundle to `reports/<site>/`, complete or not at all.
//!
//! If the process dies after 3, the log says that a report was issued and the file is missing: issuing again shows both.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use metrics::report::{FilingAsked, ReportError};
use metrics::{History, HistoryError, Interval, ReportRequest};
use practice::rule::{self, Rule};
use protocol::note::Checkpoint;
use protocol::{Declaration, Digest, Kind, LeafBody, SiteId, bundle};
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};
use utoipa::ToSchema;

use crate::sitelog::{LogError, SiteLogs};

/// Kind of the declaration that says a report was issued.
pub const REPORT_ISSUED: &str = "report_issued";

/// What a report is wanted for: a declared plan, or dates.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Wanted {
    /// A declared plan: compares its baseline with its reporting period.
    #[serde(default)]
    pub plan: Option<String>,
    /// First production date, without a plan.
    #[serde(default)]
    pub from: Option<String>,
    /// Last production date, without a plan.
    #[serde(default)]
    pub to: Option<String>,
}

/// Who issues it: written into the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Issuer {
    /// Pseudonym.
    pub author: String,
    /// Role acted in.
    pub role: String,
}

/// A report that was issued.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Issued {
    /// Leaf of its `report_issued`.
    pub leaf: u64,
    /// Prefix of the log it was computed from.
    pub size: u64,
    /// SHA-256 of report.json, hex.
    pub digest: String,
    /// File name of the bundle.
    pub bundle: String,
    /// Bytes of the bundle.
    pub bytes: u64,
    /// Bytes of the bundle without readings, which lies beside it.
    pub bytes_without_readings: u64,
    /// The site is simulated, and the report says so.
    pub simulated: bool,
}

/// Why a report could not be issued.
#[derive(Debug, thiserror::Error)]
pub enum ReportingError {
    /// Neither plan nor dates.
    #[error("name a declared plan, or the first and last production date / 请指定已填报的方案，或起止生产日期")]
    Wanted,
    /// The request cannot be evaluated.
    #[error("{0}")]
    Report(#[from] ReportError),
    /// The log failed.
    #[error(transparent)]
    Log(#[from] LogError),
    /// A leaf or content cannot be read.
    #[error(transparent)]
    History(#[from] HistoryError),
    /// The bundle could not be put together.
    #[error("the bundle: {0}")]
    Bundle(#[from] protocol::Error),
    /// The file could not be written.
    #[error(
        "reports folder {path}: {source}. Check that there is space and that it belongs to this user / 报告目录无法写入，请检查磁盘空间与权限"
    )]
    File {
        /// Where.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The documents could not be made.
    #[error(transparent)]
    Document(#[from] document::DocumentError),
    /// The task died.
    #[error("the report was not finished: {0}")]
    Stopped(String),
}

/// Issues a report and returns where its bundle is.
///
/// # Errors
/// See [`ReportingError`]; up to the evaluation nothing has been written.
pub async fn issue(
    logs: &SiteLogs,
    data_dir: &Path,
    site: &SiteId,
    wanted: &Wanted,
    issuer: &Issuer,
    now_ms: i64,
) -> Result<Issued, ReportingError> {
    let evaluated = {
        let (logs, site, wanted) = (logs.clone(), site.clone(), wanted.clone());
        off_thread(move || evaluate(&logs, &site, &wanted, now_ms)).await??
    };
    let digest = protocol::sha256(&evaluated.report).to_string();
    let name = wanted.plan.as_deref().unwrap_or("dates");
    let file = format!("{site}-{name}-{}{SUFFIX}", evaluated.size);
    let declaration = Declaration {
        kind: REPORT_ISSUED.to_owned(),
        effective_from: now_ms,
        author: issuer.author.clone(),
        role: issuer.role.clone(),
        reason: "report issued".to_owned(),
        body: json!({
            "size": evaluated.size,
            "plan": wanted.plan.clone().unwrap_or_default(),
            "report": digest,
            "documents": evaluated.document_digests(),
            "definitions": evaluated.definitions,
            "bundle": file,
        }),
    };
    let leaf = logs.append_declaration(site, &declaration).await?;
    // Witnessed where a witness can be reached; a report is never held back for want of one, and says so.
    let witnessed = logs.witnessed(site, WITNESS_WAIT).await?;
    let (logs, site, folder) = (logs.clone(), site.clone(), folder(data_dir, site.as_str()));
    let (size, simulated) = (evaluated.size, evaluated.simulated);
    let name = file.clone();
    let [bytes, bytes_without_readings] = off_thread(move || {
        let [whole, without] = assemble(&logs, &site, &evaluated, &witnessed.note)?;
        // The whole one last: where it is, both are.
        write(&folder, &without_readings(&name), &without)?;
        write(&folder, &name, &whole)?;
        Ok::<_, ReportingError>([whole.len() as u64, without.len() as u64])
    })
    .await??;
    tracing::info!(leaf, size, bundle = file, bytes, "Report issued.");
    Ok(Issued { leaf, size, digest, bundle: file, bytes, bytes_without_readings, simulated })
}

/// The file name of the same bundle without readings, for portals that take a few megabytes: signatures, log, statements and report
/// are in it, and the verifier says that no number could be computed again.
pub fn without_readings(bundle: &str) -> String {
    match bundle.strip_suffix(SUFFIX) {
        Some(name) => format!("{name}-without-readings{SUFFIX}"),
        None => format!("without-readings-{bundle}"),
    }
}

/// What the name of a bundle ends with.
const SUFFIX: &str = ".gzbundle.zip";

/// Where a site's bundles lie.
pub fn folder(data_dir: &Path, site: &str) -> PathBuf {
    data_dir.join("reports").join(site)
}

/// The path of an issued bundle, if the name is one of ours and the file is there.
pub fn bundle_path(data_dir: &Path, site: &str, name: &str) -> Option<PathBuf> {
    let plain =
        name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.')) && !name.starts_with('.');
    let path = folder(data_dir, site).join(name);
    (plain && path.is_file()).then_some(path)
}

/// A report over a prefix, and the leaves whose contents it depends on.
struct Evaluated {
    size: u64,
    report: Vec<u8>,
    /// The report as documents: path in the bundle and bytes.
    documents: Vec<(String, Vec<u8>)>,
    definitions: Vec<&'static str>,
    needed: BTreeSet<u64>,
    simulated: bool,
}

impl Evaluated {
    /// SHA-256 of each document by its path.
    fn document_digests(&self) -> BTreeMap<&str, String> {
        self.documents.iter().map(|(name, bytes)| (name.as_str(), protocol::sha256(bytes).to_string())).collect()
    }
}

/// A history of everything a request over dates depends on, up to the newest checkpoint, and where its windows end. `reach` says what
/// more time than the request's windows is looked at, from a history without readings.
pub(crate) fn history_of(
    logs: &SiteLogs,
    site: &SiteId,
    request: ReportRequest,
    now_ms: i64,
    reach: impl FnOnce(&History, Vec<Interval>) -> Vec<Interval>,
) -> Result<(History, i64), ReportingError> {
    history_chosen(logs, site, now_ms, |light| {
        Ok((light.statements().tags_used(), reach(light, request.windows(light)?)))
    })
}

/// The history of a site's log with the readings of some tags over some windows, chosen by what is declared.
pub(crate) fn history_chosen(
    logs: &SiteLogs,
    site: &SiteId,
    now_ms: i64,
    choose: impl FnOnce(&History) -> Result<(BTreeSet<(String, String)>, Vec<Interval>), ReportingError>,
) -> Result<(History, i64), ReportingError> {
    let size = match logs.checkpoint(site)? {
        Some(note) => Checkpoint::read_unverified(&note)?.size,
        None => 0,
    };
    let mut until_ms = now_ms;
    let history = history_at(logs, site, size, |light| {
        until_ms = light.until_ms(now_ms);
        choose(light)
    })?;
    Ok((history, until_ms))
}

/// The same over a prefix of the log.
pub(crate) fn history_at(
    logs: &SiteLogs,
    site: &SiteId,
    size: u64,
    choose: impl FnOnce(&History) -> Result<(BTreeSet<(String, String)>, Vec<Interval>), ReportingError>,
) -> Result<History, ReportingError> {
    let light = history(logs, site, size, BTreeSet::new(), &BTreeSet::new())?;
    let (tags, windows) = choose(&light)?;
    let needed: BTreeSet<u64> = light.needed(&windows).into_iter().collect();
    history(logs, site, size, tags, &needed)
}

/// Everything stated about a site so far.
pub(crate) fn statements(logs: &SiteLogs, site: &SiteId) -> Result<metrics::statements::Statements, ReportingError> {
    let size = logs.size(site)?;
    Ok(history(logs, site, size, BTreeSet::new(), &BTreeSet::new())?.statements().clone())
}

/// Where a site is: its own statement goes before the row that the server keeps.
pub(crate) fn zone<'z>(statements: &'z metrics::statements::Statements, row: &'z str) -> &'z str {
    statements.site().map_or(row, |site| site.zone.as_str())
}

/// A history of a prefix of the log with every reading that windows of time depend on.
pub(crate) fn history_over(
    logs: &SiteLogs,
    site: &SiteId,
    size: u64,
    windows: &[Interval],
) -> Result<History, ReportingError> {
    let light = history(logs, site, size, BTreeSet::new(), &BTreeSet::new())?;
    let needed: BTreeSet<u64> = light.needed(windows).into_iter().collect();
    history(logs, site, size, light.statements().tags_used(), &needed)
}

fn evaluate(logs: &SiteLogs, site: &SiteId, wanted: &Wanted, now_ms: i64) -> Result<Evaluated, ReportingError> {
    let checkpoint = logs.publish_now(site)?;
    let size = Checkpoint::read_unverified(&checkpoint)?.size;
    let light = history(logs, site, size, BTreeSet::new(), &BTreeSet::new())?;
    let until_ms = light.until_ms(now_ms);
    let mut request = match (&wanted.plan, &wanted.from, &wanted.to) {
        (Some(plan), _, _) => ReportRequest::for_plan(size, plan),
        (None, Some(from), Some(to)) => ReportRequest::for_dates(size, from, to, None),
        _ => return Err(ReportingError::Wanted),
    };
    request.until_ms = Some(until_ms);
    request.filings = filings(light.statements());
    (request.onsite, request.deviations) = (true, true);
    let needed: BTreeSet<u64> = light.needed(&request.windows(&light)?).into_iter().collect();
    let history = history(logs, site, size, light.statements().tags_used(), &needed)?;
    let report = metrics::evaluate(&history, &request)?;
    let json = report.to_json()?;
    let declared = declared(logs, site, size)?;
    let documents =
        document::documents(&document::Source { report: &json, checkpoint: &checkpoint, declared: &declared })?;
    Ok(Evaluated {
        size,
        definitions: report.definitions.iter().map(|definition| definition.id).collect(),
        simulated: report.simulated,
        report: json,
        documents: documents.into_iter().map(|d| (d.name.to_owned(), d.bytes)).collect(),
        needed,
    })
}

/// Every filed plan, with what the rule file it names says of changes; without it where that file is not delivered.
fn filings(statements: &metrics::statements::Statements) -> Vec<FilingAsked> {
    let asked = |(id, filing): (&str, &metrics::filed::Filing)| {
        let named = filing.plans.first().and_then(|plan| plan.body.rule.as_deref());
        let rule = named.and_then(rule::find).map(Rule::asked);
        FilingAsked { filing: id.to_owned(), rule }
    };
    statements.filings().map(asked).collect()
}

/// What people declared, by leaf: documents print it beside the statement it belongs to.
pub(crate) fn declared(logs: &SiteLogs, site: &SiteId, size: u64) -> Result<BTreeMap<u64, Json>, ReportingError> {
    let mut out = BTreeMap::new();
    let mut at = 0;
    while at < size {
        let leaves = logs.leaves(site, at..size.min(at + LEAVES_READ))?;
        if leaves.is_empty() {
            break;
        }
        for (index, leaf) in (at..).zip(&leaves) {
            if let (LeafBody::Declaration { .. }, Some(digest)) = (&leaf.body, leaf.content_digest())
                && let Some(content) = logs.content(site, &digest)?
                // What does not decode counts as missing, as it does where numbers are computed.
                && let Ok(declaration) = Declaration::decode(&content)
            {
                out.insert(index, declaration.body);
            }
        }
        at += leaves.len() as u64;
    }
    Ok(out)
}

/// A history of a prefix: all leaves, all statements and configurations, and the batches of `needed`.
fn history(
    logs: &SiteLogs,
    site: &SiteId,
    size: u64,
    tags: BTreeSet<(String, String)>,
    needed: &BTreeSet<u64>,
) -> Result<History, ReportingError> {
    let mut history = History::for_tags(tags);
    let mut at = 0;
    while at < size {
        let leaves = logs.leaves(site, at..size.min(at + LEAVES_READ))?;
        if leaves.is_empty() {
            break;
        }
        for (index, leaf) in (at..).zip(&leaves) {
            let content = match leaf.content_digest() {
                Some(digest) if needed.contains(&index) || !is_batch(&leaf.body) => logs.content(site, &digest)?,
                _ => None,
            };
            history.push(index, leaf, content.as_deref())?;
        }
        at += leaves.len() as u64;
    }
    Ok(history)
}

fn is_batch(body: &LeafBody) -> bool {
    matches!(body, LeafBody::Record { header, .. } if header.kind == Kind::Batch)
}

/// A batch, a quarantined one too.
fn has_readings(body: &LeafBody) -> bool {
    matches!(body, LeafBody::Record { header, .. } | LeafBody::Quarantine { header, .. } if header.kind == Kind::Batch)
}

/// The bundle under a checkpoint that covers the `report_issued` leaf, and the same without readings.
fn assemble(
    logs: &SiteLogs,
    site: &SiteId,
    evaluated: &Evaluated,
    checkpoint: &str,
) -> Result<[Vec<u8>; 2], ReportingError> {
    let size = Checkpoint::read_unverified(checkpoint)?.size;
    let mut encoded: Vec<Vec<u8>> = Vec::new();
    let mut contents: BTreeMap<Digest, Vec<u8>> = BTreeMap::new();
    let mut batches: BTreeSet<Digest> = BTreeSet::new();
    while (encoded.len() as u64) < size {
        let at = encoded.len() as u64;
        let range = at..size.min(at + LEAVES_READ);
        let leaves = logs.leaves(site, range.clone())?;
        if leaves.is_empty() {
            break;
        }
        for (index, leaf) in (at..).zip(&leaves) {
            if let Some(digest) = leaf.content_digest()
                && (evaluated.needed.contains(&index) || !is_batch(&leaf.body))
                && let Some(content) = logs.content(site, &digest)?
            {
                contents.insert(digest, content);
                if has_readings(&leaf.body) {
                    batches.insert(digest);
                }
            }
        }
        encoded.extend(logs.leaf_bytes(site, range)?);
    }
    let bundle = |contents: &BTreeMap<Digest, Vec<u8>>| {
        bundle::assemble(bundle::Parts {
            site: site.as_str(),
            checkpoint,
            leaves: &encoded,
            contents,
            report: &evaluated.report,
            documents: &evaluated.documents,
        })
    };
    let whole = bundle(&contents)?;
    contents.retain(|digest, _| !batches.contains(digest));
    Ok([whole, bundle(&contents)?])
}

/// Complete or not at all: temporary name, sync, rename, sync of the directory.
fn write(folder: &Path, name: &str, bytes: &[u8]) -> Result<(), ReportingError> {
    let failed = |source| ReportingError::File { path: folder.to_owned(), source };
    let attempt = || -> std::io::Result<()> {
        fs::create_dir_all(folder)?;
        let unfinished = folder.join(format!("{name}.tmp"));
        let mut file = File::create(&unfinished)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&unfinished, folder.join(name))?;
        File::open(folder)?.sync_all()
    };
    attempt().map_err(failed)
}

async fn off_thread<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, ReportingError> {
    tokio::task::spawn_blocking(work).await.map_err(|error| ReportingError::Stopped(error.to_string()))
}

/// How long a report waits for witnesses.
pub(crate) const WITNESS_WAIT: Duration = Duration::from_secs(15);
/// Leaves read at once.
pub(crate) const LEAVES_READ: u64 = 2000;
