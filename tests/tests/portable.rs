//! The verifier where nobody installs anything: the HTML page in a real browser from `file://`, and the Windows program under
//! wine, must say of every bundle exactly what the program of this machine says.
//!
//! `cargo xtask test` builds both before; without them (a plain `cargo test`) the test says what it skipped.

#[path = "../../server/metrics/tests/fixture/mod.rs"]
mod fixture;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use fixture::{Log, World};
use metrics::{ReportRequest, evaluate};
use protocol::bundle;
use serde_json::Value as Json;
use tests::browser::{self, Browser};
use tests::programs::{self, finish};
use tests::{need, wait};

const LIMIT: Duration = Duration::from_secs(120);

/// One bundle with what it is verified against.
struct Case {
    name: &'static str,
    bundle: PathBuf,
    trust: Option<PathBuf>,
    kept: Option<PathBuf>,
    code: i32,
}

/// Bundles of every verdict, written into a folder.
fn cases(folder: &Path) -> Result<Vec<Case>> {
    let put = |name: &str, bytes: &[u8]| -> Result<PathBuf> {
        let path = folder.join(name);
        std::fs::write(&path, bytes)?;
        Ok(path)
    };
    let mut log = Log::new(true);
    log.run(&World::new(2, 3, None), true, |_, minute| minute % 500 > 20);
    let request = ReportRequest::for_dates(log.size(), "2026-03-02", "2026-03-04", None);
    let report = evaluate(&log.history(), &request)?.to_json()?;
    let kept = put("kept.txt", log.checkpoint().as_bytes())?;
    let good = log.bundle(&report);
    let trust = put("trust.json", log.trust_json().as_bytes())?;

    let files = bundle::read(&good)?;
    let repacked = |files: &bundle::Files| -> Result<Vec<u8>> {
        let manifest = files.get("manifest.json").context("the manifest")?;
        let manifest = bundle::read_manifest(manifest.as_slice(), |_| {})?;
        let files = files.iter().filter(|(path, _)| *path != "manifest.json");
        let files = files.map(|(path, bytes)| (path.clone(), bytes.clone())).collect();
        Ok(bundle::write(&manifest.site, &manifest.origin, manifest.size, &files)?)
    };
    let mut altered = files.clone();
    let content = altered.iter_mut().filter(|(path, _)| path.starts_with("contents/")).nth(40).context("contents")?;
    if let Some(byte) = content.1.last_mut() {
        *byte ^= 1;
    }
    let mut withheld = files.clone();
    let record = log.leaves.iter().rev().find(|leaf| matches!(leaf.body, protocol::LeafBody::Record { .. }));
    let digest = record.and_then(protocol::Leaf::content_digest).context("a record")?;
    withheld.remove(&format!("contents/{digest}"));
    let mut light = files.clone();
    for leaf in log.leaves.iter().filter(
        |leaf| matches!(&leaf.body, protocol::LeafBody::Record { header, .. } if header.kind == protocol::Kind::Batch),
    ) {
        light.remove(&format!("contents/{}", leaf.content_digest().context("a batch")?));
    }
    let other = String::from_utf8(report.clone())?.replacen("\"grade\":\"A\"", "\"grade\":\"B\"", 1);
    let mut rewritten = log.clone();
    rewritten.leaves[2].received_ms += 1;
    let other_kept = put("other.txt", rewritten.checkpoint().as_bytes())?;

    let good = put("good.zip", &good)?;
    let case = |name, bundle: &Path, is_trusted: bool, kept: Option<&PathBuf>, code| Case {
        name,
        bundle: bundle.to_owned(),
        trust: is_trusted.then(|| trust.clone()),
        kept: kept.cloned(),
        code,
    };
    Ok(vec![
        case("good", &good, true, None, 0),
        case("good with a kept checkpoint", &good, true, Some(&kept), 0),
        case("without trust", &good, false, None, 2),
        case("rewritten since", &good, true, Some(&other_kept), 1),
        case("a content altered", &put("altered.zip", &repacked(&altered)?)?, true, None, 1),
        case("a content withheld", &put("withheld.zip", &repacked(&withheld)?)?, true, None, 1),
        case("without readings", &put("light.zip", &repacked(&light)?)?, true, None, 4),
        case("another grade", &put("grade.zip", &log.bundle(other.as_bytes()))?, true, None, 1),
        case("half uploaded", &put("half.zip", &std::fs::read(&good)?[..9_000])?, true, None, 1),
    ])
}

/// What a program says of a case as JSON, with its exit code checked.
fn said(program: &[PathBuf], case: &Case, paths: fn(&Path) -> String) -> Result<Json> {
    let (first, rest) = program.split_first().context("no program")?;
    let mut command = Command::new(first);
    command.args(rest).arg("--json").arg(paths(&case.bundle)).env("WINEDEBUG", "-all");
    for (option, file) in [("--trust", &case.trust), ("--checkpoint", &case.kept)] {
        if let Some(file) = file {
            command.arg(option).arg(paths(file));
        }
    }
    let (code, out, err) = finish(&mut command, LIMIT)?;
    ensure!(code == Some(case.code), "{}: ended with {code:?}: {out}{err}", case.name);
    serde_json::from_str(&out).with_context(|| format!("{}: {out}{err}", case.name))
}

fn as_is(path: &Path) -> String {
    path.display().to_string()
}

/// Wine shows the root folder as its drive Z.
fn for_wine(path: &Path) -> String {
    format!("Z:{}", path.display()).replace('/', "\\")
}

#[test]
fn the_windows_program_says_the_same() -> Result<()> {
    let what = "the verifier on Windows";
    let Some(program) = programs::portable("x86_64-pc-windows-gnu", "gongzheng-verify.exe", what) else {
        return Ok(());
    };
    let Some(wine) = need::program("wine", "wine", what) else { return Ok(()) };
    let folder = tempfile::Builder::new().prefix("gongzheng-wine-").tempdir()?;
    let native = [programs::path("gongzheng-verify")];
    for case in cases(folder.path())? {
        let ours = said(&native, &case, as_is)?;
        let theirs = said(&[wine.clone(), program.clone()], &case, for_wine)?;
        ensure!(ours == theirs, "{}: {ours:#}\non Windows: {theirs:#}", case.name);
    }
    Ok(())
}

#[test]
fn the_page_says_the_same_from_a_file() -> Result<()> {
    let what = "the verifier in a page";
    let Some(driver) = browser::driver(what) else { return Ok(()) };
    let Some(page) = programs::verifying_page(what) else { return Ok(()) };
    let folder = tempfile::Builder::new().prefix("gongzheng-page-").tempdir()?;
    let browser = Browser::start(&driver, folder.path(), "zh-CN")?;
    browser.devtools("Network.enable", &serde_json::json!({}))?;
    browser.devtools(
        "Network.emulateNetworkConditions",
        &serde_json::json!({"offline": true, "latency": 0, "downloadThroughput": 0, "uploadThroughput": 0}),
    )?;
    let native = [programs::path("gongzheng-verify")];
    for (number, case) in cases(folder.path())?.iter().enumerate() {
        let ours = said(&native, case, as_is)?;
        browser.open(&format!("file://{}", page.display()))?;
        // Every other time as where workers are refused.
        let refuses = number % 2 == 1;
        if refuses {
            browser.script("window.Worker = function () { throw new Error('refused'); };", &[])?;
        }
        browser.choose("#bundle", &case.bundle)?;
        for (input, file) in [("#trust", &case.trust), ("#kept", &case.kept)] {
            if let Some(file) = file {
                browser.choose(input, file)?;
            }
        }
        if number == 1 {
            // As if they had been dragged here.
            browser.script(DROP, &[])?;
        }
        browser.click("#go")?;
        let theirs = wait::until("the page to say something", LIMIT, || {
            let text = browser.script("return document.getElementById('json').textContent", &[])?;
            let failed = browser.script("return document.getElementById('verdict').className === 'failed' ? document.getElementById('what').textContent : ''", &[])?;
            ensure!(failed == "", "{}: the page failed: {failed}", case.name);
            Ok(text.as_str().filter(|t| !t.is_empty()).and_then(|t| serde_json::from_str::<Json>(t).ok()))
        })?;
        ensure!(ours == theirs, "{}: {ours:#}\nin the page: {theirs:#}", case.name);
        let verdict = browser.script("return document.getElementById('verdict').className", &[])?;
        ensure!(verdict == ours["verdict"], "{}: {verdict} is shown", case.name);
        let banner = browser.script("return document.getElementById('simulated').hidden", &[])?;
        ensure!(banner == (ours["simulated"] != true), "{}: the banner of simulated data", case.name);
        picture(&browser, case.name)?;
    }
    dropped_during_a_check(&browser, &page, &cases(folder.path())?[0])?;
    let complaints = browser.complaints()?;
    ensure!(complaints.is_empty(), "the browser complains: {complaints:?}");
    let outside: Vec<String> =
        browser.asked()?.into_iter().filter(|url| !url.starts_with("file:") && !url.starts_with("blob:")).collect();
    ensure!(outside.is_empty(), "the page asked for {outside:?}");
    Ok(())
}

/// A file that is dropped while another is checked is named as waiting, and chosen once the check is done.
fn dropped_during_a_check(browser: &Browser, page: &Path, case: &Case) -> Result<()> {
    browser.open(&format!("file://{}", page.display()))?;
    browser.choose("#bundle", &case.bundle)?;
    let said = browser.script(
        "document.getElementById('go').click();
        const files = new DataTransfer();
        files.items.add(new File(['x'], 'other.zip'));
        document.dispatchEvent(new DragEvent('drop', { dataTransfer: files, cancelable: true }));
        const waiting = document.getElementById('waiting');
        return waiting.hidden ? '' : waiting.textContent;",
        &[],
    )?;
    ensure!(said.as_str().is_some_and(|said| said.starts_with("other.zip")), "it is not said to wait: {said}");
    let state = wait::until("the check to be done", LIMIT, || {
        let state = browser.script(
            "const of = (id) => document.getElementById(id);
            return of('result').hidden ? null
                : [of('bundle').files[0].name, of('waiting').hidden, of('go').disabled, of('files').textContent];",
            &[],
        )?;
        Ok(state.as_array().cloned())
    })?;
    let name = case.bundle.file_name().and_then(|name| name.to_str()).context("a name")?;
    ensure!(state[..3] == [Json::from("other.zip"), true.into(), false.into()], "{state:?}");
    ensure!(state[3].as_str().is_some_and(|files| files.contains(name)), "{state:?}");
    Ok(())
}

/// Takes the chosen files away and drops them on the page.
const DROP: &str = "const files = new DataTransfer();
    for (const input of document.querySelectorAll('input[type=file]')) {
        for (const file of input.files) { files.items.add(file); }
        input.value = '';
    }
    document.dispatchEvent(new DragEvent('drop', { dataTransfer: files, cancelable: true }));";

/// With GZ_PICTURES, what it looks like: on a screen, on a phone, on paper, in both languages.
fn picture(browser: &Browser, name: &str) -> Result<()> {
    let Some(folder) = std::env::var_os("GZ_PICTURES").map(PathBuf::from) else { return Ok(()) };
    for _ in ["as it is", "in the other language"] {
        let language = browser.script("return document.documentElement.lang", &[])?;
        let name = format!("{name} {}", language.as_str().unwrap_or_default()).replace(' ', "-");
        for (width, kind) in [(1200, "wide"), (420, "phone")] {
            browser.resize((width, 900), 1.0)?;
            std::fs::write(folder.join(format!("{name}-{kind}.png")), browser.picture(true)?)?;
        }
        std::fs::write(folder.join(format!("{name}.pdf")), browser.print()?)?;
        browser.click("#language")?;
    }
    Ok(())
}
