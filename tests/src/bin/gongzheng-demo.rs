//! The demo: a simulated firm with half a year of history behind it, and everything live, as real processes on this machine.
//!
//! Without arguments it prints one address and a login and runs until Ctrl-C, which stops everything. With `--check` it
//! does unattended what a sceptic would do: waits for live data in a report line, issues a bundle, verifies it against the
//! printed trust file, alters one thing at a time and sees each refused. `--weeks N` shortens the history.
//! `--pictures DIR` takes the documentation's pictures of the pages instead and ends.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::Value;
use tests::programs::{self, finish};
use tests::stack::{GATEWAY, SITE, Stack};
use tests::tamper::{self, Effort, Forged};
use tests::trouble::now_ms;
use tests::{bundle_of, need, pictures, repo, seeded, wait};

struct Wishes {
    check: bool,
    weeks: u32,
    folder: Option<PathBuf>,
    pictures: Option<PathBuf>,
}

fn wishes() -> Result<Wishes> {
    let mut wishes = Wishes { check: false, weeks: 26, folder: None, pictures: None };
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--check" => wishes.check = true,
            "--weeks" => {
                wishes.weeks = arguments.next().context("--weeks needs a number")?.parse().context("--weeks")?
            }
            "--folder" => wishes.folder = Some(arguments.next().context("--folder needs a folder")?.into()),
            "--pictures" => {
                wishes.pictures = Some(arguments.next().context("--pictures needs a folder")?.into());
            }
            other => bail!("`{other}` is not known; there are --check, --weeks N, --folder DIR, --pictures DIR"),
        }
    }
    ensure!(
        wishes.weeks >= 2 && wishes.weeks.is_multiple_of(2),
        "--weeks: an even number, half before and half after the retrofit"
    );
    Ok(wishes)
}

fn main() -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let result = wishes().and_then(|wishes| {
        let runtime = runtime?;
        // The signal is caught from the first moment on: a Ctrl-C while history is seeded stops everything too.
        let interrupted = runtime.block_on(async { signals() })?;
        run(&wishes, &runtime, interrupted)
    });
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("demo: {e:#}");
            ExitCode::FAILURE
        }
    }
}

struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

fn signals() -> Result<Signals> {
    use tokio::signal::unix::{SignalKind, signal};
    Ok(Signals { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
}

fn run(wishes: &Wishes, runtime: &tokio::runtime::Runtime, mut signals: Signals) -> Result<()> {
    let temporary = tempfile::Builder::new().prefix("gongzheng-demo-").tempdir()?;
    let folder = wishes.folder.clone().unwrap_or_else(|| temporary.path().to_path_buf());
    std::fs::create_dir_all(&folder)?;
    let start = Instant::now();
    let said = |text: &str| println!("[{:>5.1} s] {text}", start.elapsed().as_secs_f64());

    let mut asked = || runtime.block_on(asked_to_stop(&mut signals));
    let Some(mut stack) = seeded::start(&folder, wishes.weeks, &said, &mut asked)? else { return Ok(()) };
    let password = seeded::administrator(&stack, "admin")?;
    let trust = folder.join("trust.json");
    std::fs::write(&trust, stack.admin(&["trust"])?)?;

    if let Some(to) = &wishes.pictures {
        pictures::take(&stack, &folder, to, ("admin", &password), &said)?;
        said("stopping everything");
        return stack.stop();
    }
    if wishes.check {
        check(&mut stack, &folder, &trust, wishes.weeks, &said)?;
        said("stopping everything");
        stack.stop()?;
        println!("demo --check: everything held");
        return Ok(());
    }
    println!();
    println!("  {}", stack.web());
    println!("  admin / {}    系统管理员 / administrator", password.trim());
    println!("  factory / {}    企业 / the firm", seeded::firm(&stack, "factory")?.trim());
    println!();
    println!("  trust file / 信任文件: {}", trust.display());
    println!("  模拟数据 / SIMULATED.  Ctrl-C 全部停止 / stops everything");
    let end = wait::until("a reason to stop", Duration::MAX, || {
        if runtime.block_on(asked_to_stop(&mut signals)) {
            return Ok(Some(Ok(())));
        }
        wait::pause(Duration::from_millis(200));
        Ok(stack.check().err().map(Err))
    })?;
    println!("\nstopping everything / 正在停止");
    end.and(stack.stop())
}

async fn asked_to_stop(signals: &mut Signals) -> bool {
    tokio::select! {
        biased;
        _ = signals.interrupt.recv() => true,
        _ = signals.terminate.recv() => true,
        () = tokio::time::sleep(Duration::from_millis(1)) => false,
    }
}

fn check(stack: &mut Stack, folder: &Path, trust: &Path, weeks: u32, said: &dyn Fn(&str)) -> Result<()> {
    said("waiting for live data in the log");
    let from = now_ms() + 5_000;
    let evidence = stack.wait_logged(from, Duration::from_secs(120))?;
    said(&format!("{} live readings are under a checkpoint of {} leaves", evidence.readings.len(), evidence.size));

    let today = seeded::date(now_ms());
    let yesterday = seeded::date(now_ms() - 86_400_000);
    let live = stack.server("report", &["--site", SITE, "--from", &yesterday, "--to", &today])?;
    let live = bundle_of(&live)?;
    let report = report_json(&live)?;
    let lines = report["shifts"]
        .as_array()
        .map_or(0, |sections| sections.iter().filter(|s| s.to_string().contains(GATEWAY)).count());
    ensure!(lines > 0, "no section of the report rests on the live gateway {GATEWAY}");
    said(&format!("live data reached {lines} sections of the report in {}", live.display()));
    expect(&live, trust, Verdict::Accepted, "the report over live data")?;
    second_reader(&live, trust, &yesterday)?;

    let bundle = bundle_of(&seeded::report(stack)?)?;
    let bytes = std::fs::read(&bundle)?;
    for (part, (files, size)) in tamper::inventory(&bytes)? {
        println!("          {part:<24} {files:>6} files {size:>12} bytes");
    }
    expect(&bundle, trust, Verdict::Accepted, "the comparison of the plan")?;
    improved(&report_json(&bundle)?, weeks)?;

    let values = tamper::report_values(&bytes)?;
    let line = values.first().context("no line of the report has a value")?;
    let forged: [(&str, Forged); 6] = [
        ("one reading changed", tamper::reading(&bytes, Effort::Manifest)?),
        ("one reading changed, every digest made to fit", tamper::reading(&bytes, Effort::Everything)?),
        ("one cycle time changed", tamper::declaration(&bytes, "cycle_time", "item_us", Effort::Manifest)?),
        (
            "one cycle time changed, every digest made to fit",
            tamper::declaration(&bytes, "cycle_time", "item_us", Effort::Everything)?,
        ),
        ("one report line changed", tamper::report_line(&bytes, line)?),
        ("everything signed again by another server", tamper::another_server(&bytes)?),
    ];
    for (what, forged) in forged {
        let path = folder.join("forged.zip");
        std::fs::write(&path, forged.bytes)?;
        let words = expect(&path, trust, Verdict::Refused, what)?;
        let places: Vec<&str> = words.lines().filter(|l| l.starts_with('✕')).collect();
        for place in &places {
            ensure!(place.starts_with("✕ ["), "{what}: a refusal names no place: {place}");
            println!("          {}", place.trim());
        }
        let named = |l: &&str| l.split_once("] ").is_some_and(|(place, _)| place.contains(&forged.place));
        ensure!(places.iter().any(named), "{what}: the place is `{}`, and nothing names it:\n{words}", forged.place);
    }
    Ok(())
}

/// The retrofit shows: enough shifts for a statement, higher OEE, less energy per good piece, both beyond doubt.
fn improved(report: &Value, weeks: u32) -> Result<()> {
    let comparisons = report["comparisons"].as_array().context("the plan's report compares nothing")?;
    let of = |definition: &str, machine: &str| {
        let found = comparisons.iter().find(|c| c["definition"] == definition && c["machine"] == machine);
        found.with_context(|| format!("{definition} of {machine} is not compared"))
    };
    for (definition, better) in [("oee.iso22400@1", "UP"), ("energy.per_good@1", "DOWN")] {
        let line = of(definition, "press")?;
        let (difference, verdict) = (line["difference"].as_str().unwrap_or("?"), line["verdict"].as_str());
        println!("          {definition} of the press: {difference}, {}", verdict.unwrap_or("?"));
        if weeks < 2 * WEEKS_SUFFICIENT {
            ensure!(verdict == Some("INSUFFICIENT"), "{weeks} weeks are too few for a statement, but: {line}");
            continue;
        }
        ensure!(verdict == Some(better), "{definition} did not get better: {line}");
        ensure!(difference.starts_with('-') == (better == "DOWN"), "the verdict contradicts the difference: {line}");
    }
    Ok(())
}

/// Four weeks on each side are the reference's least; a rest day a week and honest gaps leave thirty valid shifts in them.
const WEEKS_SUFFICIENT: u32 = 4;

/// The verifier in another language, where a Python with its two packages is at hand: the same bundle, the same OEE to the digit.
fn second_reader(bundle: &Path, trust: &Path, date: &str) -> Result<()> {
    let Some(python) = need::python("the second reader on the demo's bundle") else { return Ok(()) };
    let mut command = Command::new(python);
    command.arg(repo::root().join("tests/second_reader/verify.py")).arg(bundle).arg(trust).args(["press", date, "day"]);
    let (code, out, err) = finish(&mut command, Duration::from_secs(600))?;
    ensure!(code == Some(0), "the second reader does not agree: {out}\n{err}");
    println!("          second reader, press on {date}: {}", out.trim());
    Ok(())
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Accepted = 0,
    Refused = 1,
}

/// Runs the verifier and insists on its answer; returns what it printed.
fn expect(bundle: &Path, trust: &Path, verdict: Verdict, what: &str) -> Result<String> {
    let start = Instant::now();
    let mut command = Command::new(programs::path("gongzheng-verify"));
    command.arg(bundle).arg("--trust").arg(trust).args(["--lang", "en"]);
    let (code, out, err) = finish(&mut command, Duration::from_secs(600))?;
    ensure!(code == Some(verdict as i32), "{what}: expected {verdict:?}, the verifier said {code:?}\n{out}\n{err}");
    println!("          {what}: {verdict:?} after {:.1} s, as it must be", start.elapsed().as_secs_f64());
    Ok(out)
}

fn report_json(bundle: &Path) -> Result<Value> {
    let files = protocol::bundle::read(&std::fs::read(bundle)?)?;
    Ok(serde_json::from_slice(files.get("report.json").context("no report.json")?)?)
}
