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
use tests::tamper::{self, Effort};
use tests::trouble::now_ms;
use tests::{bundle_of, pictures, seeded, wait};

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
        check(&mut stack, &folder, &trust, &said)?;
        said("stopping everything");
        stack.stop()?;
        println!("demo --check: everything held");
        return Ok(());
    }
    println!();
    println!("  {}", stack.web());
    println!("  admin / {}", password.trim());
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

fn check(stack: &mut Stack, folder: &Path, trust: &Path, said: &dyn Fn(&str)) -> Result<()> {
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

    let bundle = bundle_of(&seeded::report(stack)?)?;
    let bytes = std::fs::read(&bundle)?;
    for (part, (files, size)) in tamper::inventory(&bytes)? {
        println!("          {part:<24} {files:>6} files {size:>12} bytes");
    }
    expect(&bundle, trust, Verdict::Accepted, "the comparison of the plan")?;

    let numbers = tamper::report_numbers(&bytes)?;
    let line =
        numbers.iter().find(|p| p.contains("/lines/")).or(numbers.first()).context("the report has no number")?;
    let forged: [(&str, Vec<u8>); 6] = [
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
    for (what, bytes) in forged {
        let path = folder.join("forged.zip");
        std::fs::write(&path, bytes)?;
        let words = expect(&path, trust, Verdict::Refused, what)?;
        let places: Vec<&str> = words.lines().filter(|l| l.starts_with('✕')).collect();
        ensure!(!places.is_empty(), "{what}: refused without a reason:\n{words}");
        for place in places {
            ensure!(place.contains('['), "{what}: a refusal names no place: {place}");
            println!("          {}", place.trim());
        }
    }
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
