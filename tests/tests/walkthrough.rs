//! The whole way in a real browser and with the real programs: a gateway enrols, a base period is recorded and locked, the
//! line is retrofitted, a reporting period follows, an assessor asks for the report, reads the verdict, takes the bundle
//! home and verifies it there. What all of them say must hold what the simulator knows of its own workshop.
//!
//! Constraints: five weeks a side, because a lock wants 28 valid days and one is too poorly observed; the history is cut off
//! (SIGKILL) once it has passed the retrofit, so that the lock is made before the reporting period is known, and goes on
//! where it was. Everybody works under a role of his own. `GZ_PAGES_OUT=folder` keeps a picture of every page.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use protocol::bundle::Files;
use serde_json::{Value as Json, json};
use simulators::declarations::{self, declarations};
use simulators::world::Config;
use tests::browser::{self, Browser};
use tests::pictures::api;
use tests::programs::{self, Running, finish};
use tests::seeded::HISTORY;
use tests::stack::{GATEWAY, Options, SITE, Stack};
use tests::trouble::now_ms;
use tests::visitor::Visitor;
use tests::{need, repo, wait};

const SEED: u64 = 9;
const WEEKS: i64 = 10;
const DAY_MS: i64 = 86_400_000;
const PLAN: &str = "retrofit-of-the-press";
const OEE: &str = "oee.iso22400@1";
/// Percentage points the plan promises.
const TARGET: &str = "0.5";

/// Everything on the way.
struct Way<'w> {
    browser: &'w Browser,
    visitor: Visitor<'w>,
    stack: &'w Stack,
    folder: &'w Path,
    /// The stretch the simulator lays out: epoch, retrofit, end, and the dates of both periods.
    span: Json,
    /// Arguments that choose the world.
    when: Vec<String>,
}

#[test]
fn from_enrolment_to_a_verified_bundle_the_known_improvement_is_found() -> Result<()> {
    let Some(driver) = browser::driver("the walk-through") else { return Ok(()) };
    let start = Instant::now();
    let said = |what: &str| eprintln!("[{:>5.1} s] {what}", start.elapsed().as_secs_f64());
    let folder = tempfile::Builder::new().prefix("gongzheng-walk-").tempdir()?;
    let until = now_ms().to_string();
    let (seed, weeks, half) = (SEED.to_string(), WEEKS.to_string(), (WEEKS / 2).to_string());
    let when = ["--seed", &seed, "--weeks", &weeks, "--retrofit-week", &half, "--until", &until, "--rest-day", "none"];
    let mut sim = Command::new(programs::path("gongzheng-sim"));
    let span: Json = serde_json::from_str(&programs::output(sim.arg("span").args(when), Duration::from_secs(30))?)?;
    let (epoch, retrofit) = (span["epoch_ms"].to_string(), span["retrofit_ms"].to_string());
    let workshop = ["--seed", &seed, "--epoch", &epoch, "--retrofit-at", &retrofit, "--rest-day", "none"];
    let options = Options { workshop: &workshop, ..Options::default() };
    let stack = Stack::start(folder.path(), &options)?;
    let browser = Browser::start(&driver, folder.path(), "zh-CN")?;
    let when = when.map(str::to_owned).to_vec();
    let visitor = Visitor::new(&browser, &stack);
    let way = Way { browser: &browser, visitor, stack: &stack, folder: folder.path(), span, when };
    let result = way.walk(&said);
    drop(browser);
    result.with_context(|| stack.last_words())?;
    stack.stop()
}

impl Way<'_> {
    fn walk(&self, said: &dyn Fn(&str)) -> Result<()> {
        self.visitor.become_one(self.stack, "provider")?;
        let code = self.enrolment_code()?;
        let site = format!("/api/v1/sites/{SITE}");
        said("a provider made an enrolment code");
        self.state_the_ledger()?;
        // One record at a time, so that there is time to cut it off.
        let mut slow = self.history();
        let history = Running::start("history", slow.args(["--window", "1", "--code", &code]), self.folder)?;
        let passed = self.span["retrofit_ms"].as_i64().context("retrofit")? + 2 * DAY_MS;
        wait::until("the base period to be recorded", Duration::from_secs(120), || {
            let seen = api(self.browser, &site)?["gateways"][0]["observed_ms"].as_i64();
            Ok(seen.filter(|at| *at > passed))
        })?;
        history.kill()?;
        let seen = api(self.browser, &site)?["gateways"][0]["observed_ms"].as_i64();
        let until = self.span["until_ms"].as_i64().map(|until| until - 7 * DAY_MS);
        ensure!(seen < until, "the history was not cut off before its reporting period was over");
        said("the base period is recorded");

        self.visitor.become_one(self.stack, "firm")?;
        self.state_the_plan()?;
        self.lock()?;
        said("the firm stated its plan and locked the base period");
        let (code, out, err) = finish(&mut self.history(), Duration::from_secs(180))?;
        ensure!(code == Some(0), "the history did not go on: {out}\n{err}");
        said("the reporting period is recorded");

        self.visitor.become_one(self.stack, "assessor")?;
        let page = self.report()?;
        said("the report is issued");
        let (bundle, pdf) = self.take_home()?;
        let files = protocol::bundle::read(&bundle)?;
        let report: Json = serde_json::from_slice(files.get("report.json").context("no report.json")?)?;
        let truth: Json = serde_json::from_slice(&std::fs::read(self.folder.join("history/truth.json"))?)?;
        self.holds_the_truth(&truth, &report, &page)?;
        let idle = as_if_nothing_had_changed(&truth)?;
        ensure!(self.holds_the_truth(&idle, &report, &page).is_err(), "any truth would do");
        self.verified(&bundle, &report, &page)?;
        self.paper(&files, &pdf)?;
        said("the bundle is verified and its numbers are those of the page");
        self.verified_by_the_page()?;
        said("and by the page that verifies");
        Ok(())
    }

    fn enrolment_code(&self) -> Result<String> {
        self.visitor.open("gateways")?;
        self.browser.fill("input[name=gateway]", HISTORY)?;
        self.browser.click("form.inline-form button[type=submit], form.inline-form button")?;
        wait::until("an enrolment code", Duration::from_secs(30), || {
            let code = self.visitor.text("#code")?;
            Ok(code.starts_with("GZ-").then_some(code))
        })
    }

    /// The program that stands for the gateway in the workshop's past.
    fn history(&self) -> Command {
        let mut command = Command::new(programs::path("gongzheng-sim"));
        command.arg("history").args(&self.when).args(["--server-enrol", &self.stack.enrol_address()]);
        command.arg("--state-dir").arg(self.folder.join("history"));
        command
    }

    /// Calendar, machines and cycle times, as the firm's own list; the plan is stated on its page.
    fn state_the_ledger(&self) -> Result<()> {
        let instant = |key: &str| self.span[key].as_i64().with_context(|| key.to_owned());
        let epoch_ms = instant("epoch_ms")?;
        let config = Config {
            seed: SEED,
            epoch_ms,
            hall: false,
            retrofit_ms: Some(instant("retrofit_ms")?),
            rest_weekday: None,
            record: false,
        };
        let history = Some((HISTORY, instant("until_ms")?));
        let list = declarations(&declarations::Options { config, gateway: GATEWAY, history, effective_from: epoch_ms });
        let file = self.folder.join("ledger.json");
        std::fs::write(&file, serde_json::to_vec(&list)?)?;
        self.stack.admin(&["declare", "--site", SITE, "--file", &file.display().to_string()]).map(drop)
    }

    /// Drafts the plan on its page, looks at the draft, states it.
    fn state_the_plan(&self) -> Result<()> {
        let browser = self.browser;
        self.visitor.open("plan")?;
        self.visitor.picture("walk-plan-draft")?;
        browser.fill("input[name=plan]", PLAN)?;
        browser.script(
            "for (const box of document.querySelectorAll('input[name=machine], input[name=incoming]')) \
               if (box.checked !== (box.value === 'press')) box.click();
             for (const [name, value] of Object.entries(a[0])) document.querySelector(`input[name=${name}]`).value = value;",
            &[json!({
                "baseline_from": self.span["baseline"]["from"], "baseline_to": self.span["baseline"]["to"],
                "reporting_from": self.span["reporting"]["from"], "reporting_to": self.span["reporting"]["to"],
            })],
        )?;
        let of = |field: &str| format!("[name=\"{field}.{OEE}\"]");
        browser.fill(&of("value"), TARGET)?;
        browser.script(
            "const choose = (at, value) => { document.querySelector(at).value = value; }; \
             choose(a[0], 'percentage_points'); choose(a[1], 'increase');",
            &[json!(of("unit")), json!(of("direction"))],
        )?;
        browser.click("button[value=look]")?;
        wait::until("the draft's sufficiency", Duration::from_secs(60), || {
            Ok((!self.visitor.text("article.matter")?.is_empty()).then_some(()))
        })?;
        browser.fill("input[name=reason]", "改造前约定")?;
        browser.click("button[value=state]")?;
        self.visitor.arrived("done=state")
    }

    /// Locks OEE, which suffices; energy asks for more days than there are, and the page says so.
    fn lock(&self) -> Result<()> {
        let form = |definition: &str| format!("form:has(input[value=\"{definition}\"]):has(button[value=lock])");
        let owed = |definition: &str| {
            let asked = "return !!document.querySelector(a[0])?.querySelector('input[name=insufficient]')";
            self.browser.script(asked, &[json!(form(definition))])
        };
        ensure!(owed(OEE)? == false, "five weeks do not suffice to lock OEE: {}", self.visitor.text("main")?);
        ensure!(owed("energy.per_good@1")? == true, "energy may be locked after five weeks");
        self.visitor.picture("walk-plan-stated")?;
        self.browser.click(&format!("{} button[value=lock]", form(OEE)))?;
        self.visitor.arrived("done=lock")?;
        self.visitor.picture("walk-plan-locked")
    }

    /// Asks for the report and returns the cells of the plan's promises: name, target, change, grades, verdict.
    fn report(&self) -> Result<Vec<String>> {
        self.visitor.open("reports")?;
        self.browser.script("document.querySelector('select[name=plan]').value = a[0]", &[json!(PLAN)])?;
        self.browser.click("form.inline-form button")?;
        self.visitor.arrived("issued=")?;
        self.visitor.picture("walk-reports")?;
        let cells = self.browser.script(
            "return [...document.querySelectorAll('table.promises tbody tr:first-child > *')].map(c => c.innerText.trim())",
            &[],
        )?;
        let cells: Vec<String> = serde_json::from_value(cells)?;
        ensure!(cells.len() == 5 && cells.iter().all(|c| !c.is_empty()), "the page shows no promise: {cells:?}");
        Ok(cells)
    }

    /// The bundle and the PDF by the links of the page.
    fn take_home(&self) -> Result<(Vec<u8>, Vec<u8>)> {
        let get = |selector| self.visitor.download(selector);
        Ok((get("a[href$='/bundle.zip']")?, get("a[href$='report.zh-CN.pdf']")?))
    }

    /// The interval of the change holds what the simulator knows, and the verdict is the one its truth gives.
    fn holds_the_truth(&self, truth: &Json, report: &Json, page: &[String]) -> Result<()> {
        let really = really(truth, report, "reporting")? - really(truth, report, "baseline")?;
        let promised = &report["measurement_plan"]["metrics"][0];
        ensure!(promised["definition"] == OEE && promised["lock"]["confirmed"] == true, "not locked: {promised}");
        let leaves = |of: &Json| of["size"].as_u64().context("a size");
        // The lock's own leaf is one.
        ensure!(leaves(&promised["lock"])? + 1 < leaves(&report["request"])?, "nothing was recorded after the lock");
        let end = |key: &str| -> Result<f64> { Ok(promised["change"][key].as_str().context("a change")?.parse()?) };
        let (lower, value, upper) = (end("lower")?, end("value")?, end("upper")?);
        ensure!(lower <= really && really <= upper, "{really} is not in [{lower}, {upper}]");
        ensure!((value - really).abs() < 0.01, "{value} is far from {really}");
        let target = TARGET.parse::<f64>()? / 100.0;
        ensure!(
            lower >= target && really >= target,
            "a retrofit of {really} is too small for its target: {lower} {upper}"
        );
        ensure!(promised["verdict"] == "MET" && page[4] == "达标", "{} on the page: {promised}", page[4]);
        let shown = format!("{:.2} [{:.2}, {:.2}]", value * 100.0, lower * 100.0, upper * 100.0).replace('-', "−");
        ensure!(page[2].starts_with(&shown), "the page shows {}, not {shown}", page[2]);
        Ok(())
    }

    /// The program says VERIFIED against the trust file, and computes what the page shows.
    fn verified(&self, bundle: &[u8], report: &Json, page: &[String]) -> Result<()> {
        std::fs::write(self.folder.join("bundle.zip"), bundle)?;
        std::fs::write(self.folder.join("trust.json"), self.stack.admin(&["trust", "--site", SITE])?)?;
        let outcome: Json = serde_json::from_str(&self.verify(&["--json"])?)?;
        ensure!(outcome["verdict"] == "verified", "{outcome:#}");
        let compared = outcome["figures"]["comparisons"].as_array().context("comparisons")?;
        let ours = report["comparisons"].as_array().context("comparisons")?;
        ensure!(compared.len() == ours.len() && !ours.is_empty(), "{} of {}", compared.len(), ours.len());
        let oee = compared.iter().find(|c| c["definition"] == OEE && c["machine"] == "*").context("OEE")?;
        let number = |key: &str| -> Result<f64> { Ok(oee[key].as_str().context("a value")?.parse::<f64>()? * 100.0) };
        let shown = format!("{:.2} [{:.2}, {:.2}]", number("difference")?, number("lower")?, number("upper")?)
            .replace('-', "−");
        ensure!(page[2].starts_with(&shown), "the verifier computes {shown}, the page shows {}", page[2]);
        // The table that a person reads has the same values as the page of the report.
        let table = self.verify(&["--lang", "zh"])?;
        for side in ["before", "after"] {
            let value = oee[side].as_str().context("a value")?.trim_end_matches('0');
            ensure!(table.contains(value), "{value} is not in the verifier's table:\n{table}");
            let percent = format!("{:.1}", number(side)?);
            ensure!(self.visitor.text(".certificate")?.contains(&percent), "{percent} is not on the page");
        }
        Ok(())
    }

    /// What the program prints of the bundle; it must accept it.
    fn verify(&self, how: &[&str]) -> Result<String> {
        let mut command = Command::new(programs::path("gongzheng-verify"));
        command.arg(self.folder.join("bundle.zip")).arg("--trust").arg(self.folder.join("trust.json"));
        programs::output(command.args(how), Duration::from_secs(60))
    }

    /// The PDF of the page is the bundle's, and its pages carry the codes their words give.
    fn paper(&self, files: &Files, pdf: &[u8]) -> Result<()> {
        ensure!(files.get("report.zh-CN.pdf").is_some_and(|held| held == pdf), "the page gives another PDF");
        for (name, content) in files.iter().filter(|(name, _)| name.starts_with("report.")) {
            std::fs::write(self.folder.join(name), content)?;
            if let Some(kept) = std::env::var_os("GZ_PAGES_OUT").map(PathBuf::from) {
                std::fs::write(kept.join(name), content)?;
            }
        }
        let python = std::env::var_os("GZ_PYTHON").unwrap_or_else(|| "python3".into());
        let mut reader = Command::new(python);
        reader.arg(repo::root().join("tests/second_reader/pages.py"));
        reader.args([self.folder.join("report.zh-CN.pdf"), self.folder.join("report.json")]).arg("zh-CN");
        match finish(&mut reader, Duration::from_secs(60)) {
            Ok((Some(0), out, _)) => ensure!(out.lines().count() > 10, "few pages: {out}"),
            Ok((code, out, err)) => anyhow::bail!("the second reader of the pages ended with {code:?}: {out}{err}"),
            Err(e) => need::skip("the second reader of the pages", &format!("{e:#}")),
        }
        Ok(())
    }

    /// The one HTML file, opened as a file, says what the program says.
    fn verified_by_the_page(&self) -> Result<()> {
        let Some(page) = programs::verifying_page("the verifier in a page") else { return Ok(()) };
        self.browser.open(&format!("file://{}", page.display()))?;
        self.browser.choose("#bundle", &self.folder.join("bundle.zip"))?;
        self.browser.choose("#trust", &self.folder.join("trust.json"))?;
        self.browser.click("#go")?;
        let theirs = wait::until("the page to say something", Duration::from_secs(120), || {
            let text = self.browser.script("return document.getElementById('json').textContent", &[])?;
            Ok(text.as_str().and_then(|text| serde_json::from_str::<Json>(text).ok()))
        })?;
        let ours: Json = serde_json::from_str(&self.verify(&["--json"])?)?;
        ensure!(theirs == ours, "the page says something else: {theirs:#}");
        Ok(())
    }
}

/// The truth of a workshop that was never retrofitted: every later shift made what the first one did.
fn as_if_nothing_had_changed(truth: &Json) -> Result<Json> {
    let mut other = truth.clone();
    let shifts = other["shifts"].as_array_mut().context("shifts")?;
    let first = shifts.iter().find(|s| s["machine"] == "press").context("the press")?["good_standard_ms"].clone();
    for shift in shifts.iter_mut().filter(|s| s["machine"] == "press") {
        shift["good_standard_ms"] = first.clone();
    }
    Ok(other)
}

/// OEE of the press over the shifts of a period that count, from what really happened in them.
fn really(truth: &Json, report: &Json, period: &str) -> Result<f64> {
    let list = |of: &Json| of.as_array().cloned().unwrap_or_default();
    let excluded: Vec<Json> = list(&report["periods"]).iter().flat_map(|p| list(&p["excluded"])).collect();
    let (mut made, mut planned) = (0, 0);
    for section in list(&report["shifts"]) {
        let (date, shift) = (&section["date"], &section["shift"]);
        if section["period"] != period || section["machine"] != "press" || *shift == "-" {
            continue;
        }
        let name = format!("press {} {}", date.as_str().context("date")?, shift.as_str().context("shift")?);
        if excluded.contains(&json!(name)) {
            continue;
        }
        let is_this = |t: &&Json| t["machine"] == "press" && t["from_ms"] == section["from_ms"];
        let shifts = list(&truth["shifts"]);
        let found = shifts.iter().find(is_this).with_context(|| format!("the simulator knows nothing of {name}"))?;
        made += found["good_standard_ms"].as_i64().context("good_standard_ms")?;
        planned += found["planned_ms"].as_i64().context("planned_ms")?;
    }
    ensure!(planned > 0, "no shift of the {period} counts");
    Ok(made as f64 / planned as f64)
}
