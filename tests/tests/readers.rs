//! Independent readers agree on every bundle of the corpus of tampering, honest or not (`docs/concepts/tampering.md`): the program
//! `gongzheng-verify`, the HTML page in a real browser, and the reader in Python that was written from the documents alone. What
//! is C2SP's in the same bundles — checkpoints, cosignatures, the tree, proofs — goes to a public implementation too ([`c2sp`]).
//!
//! Constraints
//! 1. A reader is asked as its user asks it: the program by its command line, the page by a file dropped on it and its button.
//! 2. Program and page must say the same to the letter. Python says yes or no, and at which leaf it stopped: both must be the program's.
//! 3. Every bundle is read with everything an assessor may have, witnesses and kept checkpoints; those that the server's key
//!    sealed anew also by who knows keys alone, because a broken cosignature ends the matter before anything else is looked at.

#[path = "readers/c2sp.rs"]
mod c2sp;
#[path = "../../server/metrics/tests/fixture/mod.rs"]
mod fixture;
#[path = "readers/page.rs"]
mod page;
#[path = "readers/public.rs"]
mod public;
#[path = "../../server/verify/tests/tampering"]
mod tampering {
    #![allow(dead_code, unreachable_pub, reason = "modules of another test")]
    pub mod corpus;
    pub mod forge;
    pub mod kinds;
    pub mod said;
    pub mod site;
}

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{LazyLock, Mutex};

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value as Json, json};
use tampering::corpus::{CORPUS, Corpus, LIGHT, MET};
use tampering::kinds::{self, Kind};
use tests::{browser, need, programs, repo};
use verify::Verdict;

/// One bundle of the corpus as a file.
struct Bundle {
    name: String,
    file: PathBuf,
    /// Nobody touched it.
    is_honest: bool,
}

/// Bundles with what they are verified against, and what the program says of each.
struct Reading {
    who: &'static str,
    trust: PathBuf,
    kept: Option<PathBuf>,
    /// What is said of a bundle that nobody touched.
    accepted: Verdict,
    bundles: Vec<Bundle>,
    said: Vec<Json>,
}

/// The corpus as files, read by the program.
struct Shelf {
    readings: Vec<Reading>,
    _folder: tempfile::TempDir,
}

static SHELF: LazyLock<Shelf> = LazyLock::new(|| Shelf::filled().expect("the corpus as files"));

/// Does work numbered from 0 on every core; results in order.
fn on_every_core<T: Send>(count: usize, work: impl Fn(usize) -> T + Sync) -> Vec<T> {
    let (next, done) = (AtomicUsize::new(0), Mutex::new(BTreeMap::new()));
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(2, std::num::NonZero::get) {
            scope.spawn(|| {
                loop {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    if at >= count {
                        break;
                    }
                    let result = work(at);
                    done.lock().expect("nobody panics with it").insert(at, result);
                }
            });
        }
    });
    done.into_inner().expect("nobody panicked with it").into_values().collect()
}

impl Shelf {
    fn filled() -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("gongzheng-readers-").tempdir()?;
        let put = |name: &str, bytes: &[u8]| -> Result<PathBuf> {
            let path = folder.path().join(name);
            std::fs::write(&path, bytes).with_context(|| path.display().to_string())?;
            Ok(path)
        };
        let honest = |name: &str, corpus: &Corpus| -> Result<Bundle> {
            Ok(Bundle { name: name.into(), file: put(name, &corpus.copy.pack())?, is_honest: true })
        };
        let (mut full, mut keys) = (vec![honest("honest.zip", &CORPUS)?], vec![honest("honest-keys.zip", &CORPUS)?]);
        let mut met = vec![honest("met.zip", &MET)?];
        keys.push(honest("met-keys.zip", &MET)?);
        let written = |corpus: &'static Corpus, kinds: &[Kind], of: &str| {
            let all = on_every_core(kinds.len(), |at| -> Result<Vec<(Bundle, bool)>> {
                let attempts = kinds[at].attempts(corpus).into_iter().enumerate();
                attempts
                    .map(|(n, attempt)| {
                        let file = put(&format!("{of}-{at:04}-{n}.zip"), &attempt.bundle)?;
                        let name = format!("{} (by {})", kinds[at].name, attempt.by);
                        Ok((Bundle { name, file, is_honest: false }, attempt.keys.is_some()))
                    })
                    .collect()
            });
            all.into_iter().collect::<Result<Vec<_>>>()
        };
        let (mut light, mut light_keys) = (vec![honest("light.zip", &LIGHT)?], vec![honest("light-keys.zip", &LIGHT)?]);
        for (corpus, kinds, of, full, keys) in [
            (&*CORPUS, kinds::all(&CORPUS), "tampered", &mut full, &mut keys),
            (&*LIGHT, kinds::light::kinds(&LIGHT), "light", &mut light, &mut light_keys),
        ] {
            for (bundle, is_sealed) in written(corpus, &kinds, of)?.into_iter().flatten() {
                if is_sealed {
                    keys.push(Bundle { name: bundle.name.clone(), file: bundle.file.clone(), is_honest: false });
                }
                full.push(bundle);
            }
        }
        let promises = written(&MET, &kinds::report::promises(&MET), "promise")?;
        met.extend(promises.into_iter().flatten().map(|(bundle, _)| bundle));

        let witnessed = put("witnessed.json", CORPUS.witnessed.to_json().as_bytes())?;
        let keys_alone = put("keys.json", CORPUS.keys.to_json().as_bytes())?;
        let kept = |name: &str, corpus: &Corpus| put(name, corpus.kept_file.as_bytes()).map(Some);
        let readings = [
            ("with witnesses and kept checkpoints", &witnessed, kept("kept.txt", &CORPUS)?, &*CORPUS, full),
            ("with keys alone", &keys_alone, None, &*CORPUS, keys),
            ("a longer time, with witnesses and kept checkpoints", &witnessed, kept("kept-met.txt", &MET)?, &*MET, met),
            (
                "without readings, with witnesses and kept checkpoints",
                &witnessed,
                kept("kept-light.txt", &LIGHT)?,
                &*LIGHT,
                light,
            ),
            ("without readings, with keys alone", &keys_alone, None, &*LIGHT, light_keys),
        ];
        let readings = readings.into_iter().map(|(who, trust, kept, corpus, bundles)| {
            let (trust, accepted) = (trust.clone(), corpus.accepted());
            let mut reading = Reading { who, trust, kept, accepted, bundles, said: Vec::new() };
            reading.said = reading.of_the_program()?;
            Ok(reading)
        });
        Ok(Self { readings: readings.collect::<Result<_>>()?, _folder: folder })
    }
}

impl Reading {
    /// What the program says, with an exit code that fits.
    fn of_the_program(&self) -> Result<Vec<Json>> {
        let program = programs::path("gongzheng-verify");
        let said = on_every_core(self.bundles.len(), |at| -> Result<Json> {
            let mut command = Command::new(&program);
            command.arg("--json").arg(&self.bundles[at].file).arg("--trust").arg(&self.trust);
            if let Some(kept) = &self.kept {
                command.arg("--checkpoint").arg(kept);
            }
            let out = command.output()?;
            let said: Json = serde_json::from_slice(&out.stdout).context("the program's answer")?;
            let code = ["verified", "refused", "consistent_not_anchored", "", "not_recomputed"]
                .iter()
                .position(|v| said["verdict"] == *v);
            ensure!(out.status.code().map(|code| code as usize) == code, "{}: {}", self.bundles[at].name, out.status);
            Ok(said)
        });
        said.into_iter().collect()
    }

    /// What Python says, a line each.
    fn of_python(&self, python: &Path) -> Result<Vec<String>> {
        let list = tempfile::NamedTempFile::new()?;
        let files: Vec<String> = self.bundles.iter().map(|bundle| bundle.file.display().to_string()).collect();
        std::fs::write(list.path(), files.join("\n"))?;
        let out = Command::new(python)
            .arg(repo::root().join("tests/second_reader/corpus.py"))
            .args([list.path(), &self.trust])
            .args(["lathe", "2026-03-03", "day"])
            .output()?;
        let said: Vec<String> = String::from_utf8_lossy(&out.stdout).lines().map(str::to_owned).collect();
        ensure!(said.len() == self.bundles.len(), "{}", String::from_utf8_lossy(&out.stderr));
        Ok(said)
    }
}

fn text<'j>(json: &'j Json, field: &str) -> &'j str {
    json[field].as_str().unwrap_or_default()
}

/// Refusals of an outcome: code and place.
fn refusals(outcome: &Json) -> Vec<(&str, &str)> {
    let findings = outcome["findings"].as_array().into_iter().flatten();
    findings.filter(|f| f["severity"] == "refused").map(|f| (text(f, "code"), text(f, "place"))).collect()
}

#[test]
fn program_page_and_python_agree_on_every_bundle() -> Result<()> {
    let python = need::python("the second reader on the corpus");
    let what = "the verifying page on the corpus";
    let page = browser::driver(what).and_then(|driver| Some((driver, programs::verifying_page(what)?)));
    let sitting = page.map(|(driver, page)| page::Sitting::begin(&driver, page)).transpose()?;
    for reading in &SHELF.readings {
        let honest = reading.said.iter().zip(&reading.bundles).filter(|(_, bundle)| bundle.is_honest);
        for (said, bundle) in honest {
            ensure!(said["verdict"] == json!(reading.accepted), "{}: {said:#}", bundle.name);
        }
        // A page works on one core, Python on what is left.
        let (page, python) = std::thread::scope(|scope| {
            let page = sitting.as_ref().map(|sitting| scope.spawn(|| sitting.says(reading)));
            let python = python.as_ref().map(|python| reading.of_python(python));
            (page.map(|page| page.join().expect("the page's thread")), python)
        });
        if let Some(page) = page.transpose()? {
            agree_with_the_page(reading, &page)?;
        }
        if let Some(python) = python.transpose()? {
            agree_with_python(reading, &python)?;
        }
    }
    Ok(())
}

fn agree_with_the_page(reading: &Reading, said: &[Json]) -> Result<()> {
    let pairs = reading.bundles.iter().zip(reading.said.iter().zip(said));
    let differ = pairs.filter(|(_, (ours, theirs))| ours != theirs);
    let wrong: Vec<String> = differ
        .map(|(bundle, (ours, theirs))| format!("{}, {}: {ours:#}\nin the page: {theirs:#}", bundle.name, reading.who))
        .collect();
    ensure!(wrong.is_empty(), "{}: {}", wrong.len(), wrong.join("\n"));
    Ok(())
}

/// What Python says of a bundle without readings that it has nothing against.
const NOT_RECOMPUTED: &str = "computes no further: no readings are in the bundle";

fn agree_with_python(reading: &Reading, said: &[String]) -> Result<()> {
    let mut wrong = Vec::new();
    for ((bundle, ours), theirs) in reading.bundles.iter().zip(&reading.said).zip(said) {
        let refusals = refusals(ours);
        let leaf = theirs.strip_prefix("refused: leaf ").and_then(|rest| rest.split(':').next());
        let is_named = leaf.is_none_or(|leaf| {
            let place = format!("leaf {leaf}");
            refusals.iter().any(|(_, at)| *at == place || at.starts_with(&format!("{place}:")))
        });
        // Where it computes no further it has nothing against what it has seen, and that is all but one line; without readings it
        // computes nothing.
        let honest = if reading.accepted == Verdict::Verified { "accepted" } else { NOT_RECOMPUTED };
        let accepts = theirs.starts_with(honest) || !bundle.is_honest && theirs.starts_with("computes no further");
        if accepts != (ours["verdict"] == json!(reading.accepted)) || !is_named {
            wrong.push(format!("{}, {}: {theirs}; the program: {refusals:?}", bundle.name, reading.who));
        }
    }
    ensure!(wrong.is_empty(), "{}\n{wrong:#?}", wrong.len());
    Ok(())
}
