//! 电子佐证包 by a city's folders, put together when somebody asks: an issued report with its bundle, the filed plan as it stands, and what the
//! report's log says of the 评测指标.
//!
//! Constraints
//! 1. What is not the filing is the issued report's alone: evaluated over its leaves and its dates, whatever came later. The filing is as of
//!    today, and its paper says so.
//! 2. Pure work is `document::package`; here is what it is made from, and off the async threads.
//! 3. Nothing is logged and nothing is kept but the last packages in memory: whoever asks again gets the same bytes.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, BufWriter, Read as _, Seek as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use document::package::{Built, Bundle, FiledTarget, Input, Paper, build};
use look::text::Lang;
use metrics::assessment::evidence::{Graded, QualityPair, Settings};
use metrics::calendar::{local_date, parse_date};
use metrics::figures;
use metrics::figures::questionnaire::{self, Questionnaire};
use metrics::grade::Grade;
use metrics::interval::union;
use metrics::report::{Period, Report, Words};
use metrics::statements::Statements;
use metrics::{History, Interval, ReportRequest};
use practice::package::Overlay;
use protocol::note::Checkpoint;
use protocol::{Digest, DigestWriter, SiteId};
use serde_json::Value as Json;

use crate::reporting::{self, ReportingError};
use crate::sitelog::SiteLogs;
use crate::storage::{Disk, ROOM, Storage as _, nameless};
use crate::web::verdict;

/// Packages kept in memory.
const SHELF_MAX: usize = 4;
/// Days of a report's last period that the 评测指标 are evaluated over, the last ones: as long as one page may ask for.
const DAYS: i64 = 31;

/// What a package is put together from.
pub(crate) struct Wanted {
    pub(crate) site: SiteId,
    /// The report's bundle.
    pub(crate) bundle: PathBuf,
    pub(crate) city: City,
    pub(crate) lang: Lang,
    /// Papers about the filed plan and the subsidy.
    pub(crate) papers: Vec<Paper>,
    pub(crate) targets: Vec<FiledTarget>,
}

/// A package, and where its bundle lies.
pub(crate) struct Packed {
    pub(crate) built: Built,
    pub(crate) bundle: PathBuf,
}

impl Packed {
    /// A file of it.
    pub(crate) fn file(&self, path: &str) -> Option<Vec<u8>> {
        let file = self.built.files.iter().find(|f| f.path == path)?;
        match &file.bytes {
            Some(bytes) => Some(bytes.clone()),
            None => std::fs::read(&self.bundle).ok(),
        }
    }

    /// The archive, as a file without a name: a bundle may be as long as the memory. One at a time.
    ///
    /// # Errors
    /// The bundle is gone, all is too large, or the disk has no room for it.
    pub(crate) fn archive(&self, data_dir: &Path) -> Result<File, ReportingError> {
        let failed = |source| ReportingError::File { path: self.bundle.clone(), source };
        let files: u64 = self.built.files.iter().map(|file| file.length).sum();
        if Disk::existing(data_dir).and_then(|disk| disk.free_bytes()).map_err(failed)? < ROOM + files {
            return Err(failed(io::ErrorKind::StorageFull.into()));
        }
        let out = nameless(data_dir, "package").map_err(failed)?;
        let out = self.built.write(BufWriter::new(out), || File::open(&self.bundle))?;
        let mut file = out.into_inner().map_err(|e| failed(e.into_error()))?;
        file.rewind().map_err(failed)?;
        Ok(file)
    }
}

/// A city's folders.
#[derive(Clone)]
pub(crate) struct City {
    /// Its name: that of the file.
    pub(crate) name: String,
    pub(crate) overlay: Overlay,
    /// SHA-256 of the file.
    digest: String,
}

/// A file of the operator's that cannot be used: its name, and why in both languages.
pub(crate) type Refused = (String, Words);

/// Longest overlay, bytes.
const OVERLAY_MAX: u64 = 128 * 1024;

/// The overlays delivered with the program, and those that the operator put into the folder `packages` of the data directory; a file of the
/// name of a delivered one takes its place. Blocks.
pub(crate) fn cities(data_dir: &Path) -> (Vec<City>, Vec<Refused>) {
    let city = |name: &str, text: &str| {
        let digest = protocol::sha256(text.as_bytes()).to_string();
        Overlay::parse(text).map(|overlay| City { name: name.to_owned(), overlay, digest })
    };
    let delivered = practice::package::DELIVERED.iter();
    let mut all: Vec<City> = delivered.filter_map(|(name, text)| city(name, text).ok()).collect();
    let mut refused = Vec::new();
    let files = std::fs::read_dir(data_dir.join("packages")).into_iter().flatten().flatten();
    let mut paths: Vec<PathBuf> =
        files.map(|file| file.path()).filter(|p| p.extension().is_some_and(|e| e == "toml")).collect();
    paths.sort();
    for path in paths {
        let file = name_of(&path);
        let short = std::fs::metadata(&path).is_ok_and(|about| about.is_file() && about.len() <= OVERLAY_MAX);
        let text = if short { std::fs::read_to_string(&path).ok() } else { None };
        let Some(text) = text else {
            let zh = "须为不超过 128 KiB 的 UTF-8 文本文件";
            refused.push((file, (zh, "a text file in UTF-8 of at most 128 KiB").into()));
            continue;
        };
        let name = file.strip_suffix(".toml").unwrap_or(&file).to_owned();
        match city(&name, &text) {
            Ok(city) => match all.iter_mut().find(|c| c.name == name) {
                Some(same) => *same = city,
                None => all.push(city),
            },
            Err(e) => {
                let zh = format!("第 {} 行：{}", e.line, e.said.zh);
                refused.push((file, (zh, format!("line {}: {}", e.line, e.said.en)).into()));
            }
        }
    }
    (all, refused)
}

/// Puts a package together, or takes it from the shelf. Blocks.
///
/// # Errors
/// See [`ReportingError`].
pub(crate) fn pack(logs: &SiteLogs, wanted: Wanted) -> Result<Arc<Packed>, ReportingError> {
    static SHELF: Mutex<Vec<(String, Arc<Packed>)>> = Mutex::new(Vec::new());
    let shelf = || SHELF.lock().unwrap_or_else(PoisonError::into_inner);
    let key = wanted.key();
    if let Some((_, packed)) = shelf().iter().find(|(k, _)| *k == key) {
        return Ok(Arc::clone(packed));
    }
    let packed = Arc::new(wanted.packed(logs)?);
    let mut shelf = shelf();
    if shelf.len() >= SHELF_MAX {
        shelf.remove(0);
    }
    shelf.push((key, Arc::clone(&packed)));
    Ok(packed)
}

impl Wanted {
    /// Everything the package depends on: a report never changes, its bundle's name and length tell it apart.
    fn key(&self) -> String {
        let length = std::fs::metadata(&self.bundle).map(|file| file.len()).unwrap_or_default();
        let papers = protocol::sha256(format!("{:?}{:?}", self.papers, self.targets).as_bytes());
        format!("{:?} {length} {} {} {papers}", self.bundle, self.city.digest, self.lang.tag())
    }

    fn packed(self, logs: &SiteLogs) -> Result<Packed, ReportingError> {
        let gone = || ReportingError::File { path: self.bundle.clone(), source: io::ErrorKind::NotFound.into() };
        let report = verdict::report_json(&self.bundle).ok_or_else(gone)?;
        let request = Report::request_of(&report)?;
        let checkpoint = Checkpoint {
            origin: logs.origin(&self.site)?,
            size: request.size,
            root: logs.root_at(&self.site, request.size)?,
        };
        let declared = reporting::declared(logs, &self.site, request.size)?;
        let documents: Vec<(String, Vec<u8>)> = document::NAMES
            .into_iter()
            .filter(|name| name.contains(self.lang.tag()))
            .filter_map(|name| Some((name.to_owned(), verdict::file_of(&self.bundle, name)?)))
            .collect();
        let questionnaire = questions(logs, &self.site, &report, &request)?;
        let (sha256, bytes) =
            hashed(&self.bundle).map_err(|source| ReportingError::File { path: self.bundle.clone(), source })?;
        let bundle = Bundle { name: name_of(&self.bundle), sha256: sha256.to_string(), bytes };
        let built = build(&Input {
            source: document::Source {
                report: &report,
                // Its signature is the bundle's; papers print only what it says.
                checkpoint: &format!("{}\n— {} AAAA\n", checkpoint.text(), checkpoint.origin),
                declared: &declared,
            },
            lang: self.lang,
            overlay: &self.city.overlay,
            questionnaire: questionnaire.as_ref(),
            papers: &self.papers,
            targets: &self.targets,
            documents: &documents,
            bundle: Some(&bundle),
        })?;
        Ok(Packed { built, bundle: self.bundle })
    }
}

/// Digest and length of a file that is not held for it.
fn hashed(path: &Path) -> io::Result<(Digest, u64)> {
    let (mut file, mut digest, mut length) = (File::open(path)?, DigestWriter::default(), 0);
    let mut piece = vec![0; 1 << 16];
    loop {
        let read = file.read(&mut piece)?;
        let bytes = piece.get(..read).unwrap_or_default();
        if bytes.is_empty() {
            return Ok((digest.finish(), length));
        }
        digest.update(bytes);
        length += read as u64;
    }
}

fn name_of(path: &Path) -> String {
    path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned())
}

/// What the log of a report evidences of the 评测指标 over the last days of its last period; nothing where no machine is declared or the period
/// has not begun.
fn questions(
    logs: &SiteLogs,
    site: &SiteId,
    report: &[u8],
    request: &ReportRequest,
) -> Result<Option<Questionnaire>, ReportingError> {
    let json: Json = serde_json::from_slice(report).unwrap_or_default();
    let Some(period) = last_days(&json, request) else { return Ok(None) };
    let wide = questionnaire::dates(&period);
    let windows = ReportRequest::for_dates(request.size, &wide.from, &wide.to, request.until_ms);
    let history = reporting::history_at(logs, site, request.size, |light| {
        let machines = light.statements().machines();
        let windows = windows.windows(light)?;
        let reach: Vec<Interval> = union(machines.flat_map(|m| figures::reach(light, m, &windows)).collect());
        Ok((light.statements().tags_used(), reach))
    });
    let history: History = match history {
        Err(ReportingError::Report(metrics::report::ReportError::NoMachines)) => return Ok(None),
        other => other?,
    };
    let quality = request.plan.as_deref().and_then(|plan| months(&json, plan, history.statements()));
    let settings = Settings::default();
    Ok(questionnaire::questionnaire(&history, &period, request.until_ms, quality, &settings))
}

fn last_days(report: &Json, request: &ReportRequest) -> Option<Period> {
    let last = request.periods.last()?;
    let zone = report["zone"].as_str().unwrap_or_default();
    let until = request.until_ms.and_then(|ms| local_date(zone, ms));
    let to = until.map_or(parse_date(&last.to)?, |until| until.min(parse_date(&last.to).unwrap_or(until)));
    let first = to.saturating_sub(jiff::Span::new().days(DAYS - 1));
    let from = first.max(parse_date(&last.from)?);
    (from <= to).then(|| Period { name: "period".to_owned(), from: from.to_string(), to: to.to_string() })
}

/// Months before and after by the report's own shifts: good and produced items of the plan's machines that count rejects. Of a declared line
/// the last station counts alone, or a part would count once at every station it passes.
fn months(report: &Json, plan: &str, statements: &Statements) -> Option<QualityPair> {
    let plan = &statements.plan(plan)?.body;
    let lines: Vec<_> = statements.lines_at(i64::MAX).collect();
    let inside: BTreeSet<&String> = lines.iter().flat_map(|line| line.body.route.iter().rev().skip(1)).collect();
    let counts = |machine: &str| plan.machines.iter().any(|m| m == machine && !inside.contains(m));
    let side = |period: &str| {
        let mut months: BTreeMap<&str, (i128, i128)> = BTreeMap::new();
        let mut worst: Option<Grade> = None;
        for shift in report["shifts"].as_array()? {
            let named = |key: &str| shift[key].as_str().unwrap_or_default();
            if named("period") != period || !counts(named("machine")) {
                continue;
            }
            let line = |id: &str| {
                let line = shift["lines"].as_array()?.iter().find(|line| line["definition"] == id)?;
                line["undefined"].is_null().then_some(line)
            };
            let items = |line: &Json| {
                let digits = |key: &str| line[key].as_str()?.parse::<i128>().ok();
                Some(digits("numerator")?.checked_mul(1_000_000)? / digits("denominator")?.max(1))
            };
            let Some(quality) = line("quality.iso22400@1") else { continue };
            let both = line("count.good@1").and_then(items).zip(line("count.produced@1").and_then(items));
            let (Some((good, produced)), Some(month)) = (both, named("date").get(..7)) else { continue };
            let sum = months.entry(month).or_default();
            *sum = (sum.0 + good, sum.1 + produced);
            worst = worst.max(quality["grade"].as_str().and_then(Grade::from_letter));
        }
        let whole = |millionths: i128| u64::try_from(millionths / 1_000_000).unwrap_or(0);
        let value = months.into_values().map(|(good, produced)| (whole(good), whole(produced))).collect();
        worst.map(|grade| Graded { value, grade })
    };
    let (before, after) = (side("baseline")?, side("reporting")?);
    Some(QualityPair { before, after })
}
