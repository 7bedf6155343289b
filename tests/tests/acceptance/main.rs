//! A city's way from the filed plan to a deviation that is put right, in a real browser, by the four who go it: the firm (企业),
//! its district (属地), the promotion centre (促进中心) and the expert (专家); city and finance bureau where the rule asks them.
//!
//! Constraints: the day of the check is five weeks back or a little more. Workshop, server and the live gateway have a clock that is so much
//! behind; the weeks after it pass between two starts of the server, and another gateway brings their readings. The retrofit
//! happens after the measures were stated, so what the deviation says before and after is what the simulator knows to be
//! true. Meters are wrong as in life: clamps on each other's cable, and a ratio typed wrongly into the gateway.
//! `GZ_PAGES_OUT=folder` keeps a picture of every page.

mod deviation;
mod onsite;

use std::io::{Cursor, Read as _};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value as Json, json};
use simulators::declarations::{self, declarations};
use simulators::world::Config;
use tests::browser::{self, Browser};
use tests::clock::Behind;
use tests::programs::{self, finish};
use tests::seeded::{self, HISTORY};
use tests::stack::{GATEWAY, Options, SITE, Stack};
use tests::trouble::now_ms;
use tests::visitor::Visitor;

const SEED: u64 = 9;
const WEEKS: i64 = 17;
const RETROFIT_WEEK: i64 = 12;
const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 24 * HOUR_MS;
/// The gateway that reads after the day of the check.
const LATER: &str = "gw-later";
const FILING: &str = "km-017";
const OEE: &str = "oee.iso22400@1";
/// Percentage points of OEE that the filed plan promises.
const PROMISED: &str = "3";

struct Way<'w> {
    visitor: Visitor<'w>,
    folder: &'w Path,
    clock: Behind,
    /// The stretch the simulator lays out.
    span: Json,
    /// Arguments that choose the world.
    when: Vec<String>,
}

#[test]
fn four_roles_go_from_the_filed_plan_to_a_deviation_that_is_put_right() -> Result<()> {
    const WHAT: &str = "the walk of four roles";
    let Some(driver) = browser::driver(WHAT) else { return Ok(()) };
    let start = Instant::now();
    let said = |what: &str| eprintln!("[{:>5.1} s] {what}", start.elapsed().as_secs_f64());
    let folder = tempfile::Builder::new().prefix("gongzheng-acceptance-").tempdir()?;
    let (seed, weeks, week, now) =
        (SEED.to_string(), WEEKS.to_string(), RETROFIT_WEEK.to_string(), now_ms().to_string());
    let when = ["--seed", &seed, "--weeks", &weeks, "--retrofit-week", &week, "--until", &now, "--rest-day", "none"];
    let mut sim = Command::new(programs::path("gongzheng-sim"));
    let span: Json = serde_json::from_str(&programs::output(sim.arg("span").args(when), Duration::from_secs(30))?)?;
    let (epoch, retrofit) = (instant(&span, "epoch_ms")?, instant(&span, "retrofit_ms")?);
    // Ten in the morning of the Sunday before the retrofit: work is in full swing.
    let check_ms = retrofit - 14 * HOUR_MS;
    let Some(clock) = Behind::by_ms(now_ms() - check_ms, WHAT)? else { return Ok(()) };
    let (epoch, retrofit) = (epoch.to_string(), retrofit.to_string());
    let workshop = ["--seed", &seed, "--epoch", &epoch, "--retrofit-at", &retrofit, "--rest-day", "none"];
    let options = Options { workshop: &workshop, seal_ms: 1_000, clock: Some(clock.clone()), ..Options::default() };
    let mut stack = Stack::start(folder.path(), &options)?;
    let browser = Browser::start(&driver, folder.path(), "zh-CN")?;
    let visitor = Visitor::new(&browser, &stack);
    let way = Way { visitor, folder: folder.path(), clock, span, when: when.map(str::to_owned).to_vec() };
    let result = way.walk(&mut stack, &said);
    drop(way);
    drop(browser);
    result.with_context(|| stack.last_words())?;
    stack.stop()
}

impl Way<'_> {
    fn walk(&self, stack: &mut Stack, said: &dyn Fn(&str)) -> Result<()> {
        let check_ms = self.check_ms()?;
        let before = self.history(stack, HISTORY, None, Some(check_ms))?;
        self.state_the_ledger(stack)?;
        said("twelve weeks are recorded and the firm stated its ledger");
        // As if its transformers were 150/5; the plate says 200/5.
        self.scale(stack, "0.3")?;
        stack.enrol_and_start_agent()?;

        self.file(stack)?;
        said("the plan is filed");
        self.change(stack)?;
        said("a change has its opinions");
        self.check(stack, said)?;
        said("the check on site is confirmed by both");
        self.package(stack)?;
        said("the package is taken home");
        let short = self.give_notice(stack)?;
        said("the deviation is stated, explained, and measures are taken");

        // Five weeks pass; the retrofit happens in them.
        stack.stop_agent()?;
        stack.stop_server()?;
        stack.clocks_are_right();
        stack.start_server()?;
        let after = self.history(stack, LATER, Some(check_ms + HOUR_MS), None)?;
        self.state_the_later_gateway(stack)?;
        said("five weeks later");
        let met = self.put_right(stack)?;
        said("the deviation is closed");
        let (report, _) = self.report(stack)?;
        let deviations = report["practice"]["deviations"].to_string();
        ensure!(deviations.contains("复测已达到目标值") && deviations.contains("完成改造并投用"), "{deviations}");
        self.on_one_page(stack, &before)?;
        let (idle, improved) = (self.changed(&before, &before, &short)?, self.changed(&before, &after, &met)?);
        deviation::holds(idle, &short)?;
        deviation::holds(improved, &met)?;
        for (other, stated) in [(improved, &short), (idle, &met)] {
            let told = deviation::holds(other, stated).err().map(|e| e.to_string()).unwrap_or_default();
            ensure!(told.contains("is not in"), "any truth would do: {told}");
        }
        Ok(())
    }

    /// The moment of the check.
    fn check_ms(&self) -> Result<i64> {
        Ok(instant(&self.span, "retrofit_ms")? - 14 * HOUR_MS)
    }

    /// A local date, days after the first of the history.
    fn day(&self, after: i64) -> Result<String> {
        Ok(seeded::date(instant(&self.span, "epoch_ms")? + after * DAY_MS))
    }

    /// A stretch of the workshop's past by a gateway of its own; what really happened in it.
    fn history(&self, stack: &Stack, gateway: &str, begin: Option<i64>, end: Option<i64>) -> Result<Json> {
        let code = stack.code(gateway)?;
        let mut command = Command::new(programs::path("gongzheng-sim"));
        command.arg("history").args(&self.when).args(["--server-enrol", &stack.enrol_address(), "--code", &code]);
        for (name, at) in [("--begin", begin), ("--end", end)] {
            command.args(at.map(|at| [name.to_owned(), at.to_string()]).into_iter().flatten());
        }
        command.arg("--state-dir").arg(self.folder.join(gateway));
        programs::output(&mut command, Duration::from_secs(300))?;
        Ok(serde_json::from_slice(&std::fs::read(self.folder.join(gateway).join("truth.json"))?)?)
    }

    fn config(&self) -> Result<Config> {
        let (epoch_ms, retrofit) = (instant(&self.span, "epoch_ms")?, instant(&self.span, "retrofit_ms")?);
        Ok(Config { seed: SEED, epoch_ms, hall: false, retrofit_ms: Some(retrofit), rest_weekday: None, record: false })
    }

    fn declare(&self, stack: &Stack, list: &[Json]) -> Result<()> {
        let file = self.folder.join("ledger.json");
        std::fs::write(&file, serde_json::to_vec(list)?)?;
        stack.admin(&["declare", "--site", SITE, "--file", &file.display().to_string()]).map(drop)
    }

    /// Calendar, machines and cycle times, the plan of what is compared, and the meter of the press.
    fn state_the_ledger(&self, stack: &Stack) -> Result<()> {
        let config = self.config()?;
        let history = Some((HISTORY, self.check_ms()?));
        let options = declarations::Options { config, gateway: GATEWAY, history, effective_from: config.epoch_ms };
        let mut list = declarations(&options);
        // The press got a meter of its own behind transformers, which counts on their secondary side.
        list.push(json!({"kind": "meter", "effective_from": self.check_ms()?, "reason": "换装电能表", "body": {
            "machine": "press", "serial": "DT-2026-88", "class": "1", "register": "secondary", "per_count": "0.01",
            "ct": {"class": "0.5S", "primary": 200, "secondary": 5},
        }}));
        list.push(json!({"kind": "plan", "effective_from": config.epoch_ms, "reason": "改造前约定", "body": {
            "plan": "press-line", "names": {"zh": "冲压线", "en": "Press line"},
            "baseline": {"from": self.day(0)?, "to": self.day(40)?},
            "reporting": {"from": self.day(41)?, "to": self.day(82)?},
            "machines": ["press"], "seed": 7, "metrics": [{"definition": OEE}],
        }}));
        self.declare(stack, &list)
    }

    /// From an hour after the check another gateway reads; stated when it came to light, five weeks later.
    fn state_the_later_gateway(&self, stack: &Stack) -> Result<()> {
        let (config, from) = (self.config()?, self.check_ms()? + HOUR_MS);
        let options = declarations::Options { config, gateway: LATER, history: None, effective_from: from };
        let all = declarations(&options);
        let machines: Vec<Json> = all.into_iter().filter(|stated| stated["kind"] == "machine").collect();
        self.declare(stack, &machines)
    }

    /// The firm files: an amount with its unit is refused and everything else stays; then it is logged.
    fn file(&self, stack: &Stack) -> Result<()> {
        let visitor = &self.visitor;
        visitor.become_one(stack, "firm")?;
        visitor.open("filing")?;
        let plan = json!({
            "filing": FILING, "zh": "冲压线数字化改造", "rule": "kunming-fund-2024-1", "filed": self.day(41)?,
            "term_from": self.day(42)?, "term_to": self.day(74)?, "machine": ["press"],
            "what.1": "数据采集网关", "category.1": "gateway", "amount.1": "12万",
            "target.1": "设备综合效率", "direction.1": "increase", "value.1": PROMISED, "unit.1": "percentage_points",
            "definition.1": OEE, "base_from.1": self.day(0)?, "base_to.1": self.day(40)?, "method.1": "按班次，ISO 22400",
        });
        let refused = visitor.send("form.plan-form", &plan, "button[value=file]")?.refused()?;
        ensure!(refused.contains("金额“12万”无法读取"), "{refused}");
        let kept = visitor.browser.script("return document.querySelector('[name=\"what.1\"]').value", &[])?;
        ensure!(kept == "数据采集网关", "what was typed is gone: {kept}");
        let done = visitor.send("form.plan-form", &json!({"amount.1": "120,000"}), "button[value=file]")?.done()?;
        ensure!(done.contains("备案方案已记入日志"), "{done}");
        ensure!(visitor.text("main")?.contains("120,000.00"), "the amount is not on the page");
        visitor.picture("acceptance-filed")
    }

    /// The firm asks to add the lathe; nobody is skipped, and the compressor stays a difference that nobody agreed to.
    fn change(&self, stack: &Stack) -> Result<()> {
        let visitor = &self.visitor;
        let apply = json!({"machine": ["lathe"], "gateway": [GATEWAY, HISTORY], "reason": "普车也接入"});
        let form = "form.plan-form:has(button[value=apply])";
        visitor.send(form, &apply, "button[value=apply]")?.done()?;
        ensure!(visitor.text("main")?.contains("待属地主管部门意见"), "the district is asked first");
        let opinion = |body: &str| json!({"opinion": "agree", "body": body});
        let form = "form:has(button[value=opine])";
        visitor.become_one(stack, "centre")?;
        visitor.open("filing")?;
        ensure!(!visitor.has(form)?, "the centre is asked before the district");
        for (role, body) in [
            ("district", "西山区工业和信息化局"),
            ("centre", "昆明市中小企业数字化转型促进中心"),
            ("city", "昆明市工业和信息化局"),
            ("finance", "昆明市财政局"),
        ] {
            visitor.become_one(stack, role)?;
            visitor.open("filing")?;
            ensure!(visitor.text("main")?.contains("尚未同意"), "agreed before {role} said anything");
            visitor.send(form, &opinion(body), "button[value=opine]")?.done()?;
        }
        let page = visitor.text("main")?;
        ensure!(page.contains("已同意") && page.contains("西山区工业和信息化局"), "{page}");
        let unapproved = visitor.text("ul.reasons:has(li b)")?;
        ensure!(unapproved.contains("空压机") && unapproved.contains("没有经同意的变更"), "{unapproved}");
        ensure!(
            !unapproved.contains("车床") && !unapproved.contains("液压机"),
            "agreed, and named all the same: {unapproved}"
        );
        visitor.picture("acceptance-agreed")
    }

    /// The expert has a report made and its bundle verified at home: the report, and what the verifier found.
    fn report(&self, stack: &Stack) -> Result<(Json, Vec<Json>)> {
        let visitor = &self.visitor;
        visitor.become_one(stack, "assessor")?;
        visitor.open("reports")?;
        visitor.browser.click("form.inline-form button")?;
        visitor.arrived("issued=")?;
        let report: Json = serde_json::from_slice(&visitor.download("a[href$='report.json']")?)?;
        std::fs::write(self.folder.join("bundle.zip"), visitor.download("a[href$='/bundle.zip']")?)?;
        std::fs::write(self.folder.join("trust.json"), stack.admin(&["trust", "--site", SITE])?)?;
        let mut verify = Command::new(programs::path("gongzheng-verify"));
        verify.arg(self.folder.join("bundle.zip")).arg("--trust").arg(self.folder.join("trust.json")).arg("--json");
        let (code, out, err) = finish(&mut verify, Duration::from_secs(120))?;
        let outcome: Json = serde_json::from_str(&out).with_context(|| format!("{code:?}: {out}{err}"))?;
        ensure!(outcome["verdict"] == "verified", "{outcome:#}");
        Ok((report, outcome["findings"].as_array().cloned().unwrap_or_default()))
    }

    /// The report names the difference nobody agreed to; the expert takes the package home.
    fn package(&self, stack: &Stack) -> Result<()> {
        let visitor = &self.visitor;
        let (report, findings) = self.report(stack)?;
        visitor.picture("acceptance-report")?;
        let filings = report["practice"]["filings"].as_array().context("filings")?;
        let [filing] = filings.as_slice() else { anyhow::bail!("{} filings", filings.len()) };
        let machines = filing["plan"]["machines"].as_array().context("machines")?;
        let unapproved =
            machines.iter().filter(|m| m["difference"]["covered_by"].is_null() && !m["difference"].is_null());
        let unapproved: Vec<&str> = unapproved.filter_map(|m| m["machine"].as_str()).collect();
        ensure!(unapproved.contains(&"compressor") && !unapproved.contains(&"lathe"), "{unapproved:?}: {machines:?}");
        // What the server recorded on site is computed again from the bundle, all of it.
        let onsite: Vec<&Json> = findings.iter().filter(|f| f["code"] == "onsite").collect();
        let is_said = |severity: &str, text: &str| {
            let told = |f: &&&Json| f["severity"] == severity && f["en"].as_str().is_some_and(|en| en.contains(text));
            onsite.iter().any(|f| told(&f))
        };
        ensure!(is_said("ok", "as stated") && !is_said("note", "not computed again"), "{onsite:#?}");
        let checks = report["practice"]["onsite"].as_array().context("checks")?;
        ensure!(checks.iter().any(|check| check["confirmed"] == json!([true, true])), "{checks:#?}");

        visitor.open("package")?;
        visitor.picture("acceptance-package")?;
        let archive = visitor.download("a[href*='package.zip']")?;
        let mut zip = zip::ZipArchive::new(Cursor::new(archive))?;
        let mut sums = String::new();
        zip.by_name("00 SHA256SUMS.txt")?.read_to_string(&mut sums)?;
        for line in sums.lines() {
            let (digest, name) = line.split_once("  ").context("a sum")?;
            let mut bytes = Vec::new();
            zip.by_name(name)?.read_to_end(&mut bytes)?;
            ensure!(protocol::sha256(&bytes).to_string() == digest, "{name} is another file than its sum says");
        }
        let all: Vec<String> =
            zip.file_names().map(|name| name.map(|name| name.into_owned())).collect::<Result<_, _>>()?;
        for part in ["备案", "绩效自评表", ".gzbundle.zip"] {
            ensure!(all.iter().any(|name| name.contains(part)), "no {part} in the package: {all:?}");
        }
        ensure!(sums.lines().count() + 1 == all.len(), "files without a sum");
        Ok(())
    }
}

fn instant(span: &Json, key: &str) -> Result<i64> {
    span[key].as_i64().with_context(|| key.to_owned())
}
