//! The pages in a real browser, over a real site: signed in by hand, walked from all factories to the reason of a number,
//! in both languages, wide and narrow, with and without scripts.
//!
//! Constraints: Chromium is driven through its own WebDriver, nothing is mocked; a page fails when it scrolls sideways,
//! when the browser's console names a refused resource, or when it needs a script to be read. Without Chromium on the
//! machine the test says so and is skipped. `GZ_PAGES_OUT=folder` keeps a picture of every page.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use data_encoding::BASE64;
use serde_json::{Value as Json, json};
use tests::need;
use tests::programs::Running;
use tests::stack::{Options, SITE, Stack, Transport};
use tests::wait;

/// A browser and its driver.
struct Browser {
    _driver: Running,
    port: u16,
    session: String,
    pictures: Option<PathBuf>,
}

/// Wide and narrow: a desk and a phone.
const WIDTHS: [(u32, u32); 2] = [(1280, 900), (390, 844)];

impl Browser {
    fn start(driver: &Path, folder: &Path) -> Result<Self> {
        let mut command = Command::new(driver);
        command.arg("--port=0");
        let running = Running::start("chromedriver", &command, folder)?;
        let port = wait::until("chromedriver says its port", Duration::from_secs(20), || {
            let log = running.log();
            let port = log.split("started successfully on port ").nth(1)?.split('.').next()?.trim().parse().ok();
            Ok(port)
        })?;
        let mut browser = Self { _driver: running, port, session: String::new(), pictures: None };
        browser.pictures = std::env::var_os("GZ_PAGES_OUT").map(PathBuf::from);
        let profile = folder.join("chromium");
        let arguments = [
            "--headless=new".to_owned(),
            "--no-sandbox".to_owned(),
            "--disable-gpu".to_owned(),
            "--disable-dev-shm-usage".to_owned(),
            "--disable-background-networking".to_owned(),
            format!("--user-data-dir={}", profile.display()),
        ];
        let wanted = json!({"capabilities": {"alwaysMatch": {
            "goog:chromeOptions": {"args": arguments},
            "goog:loggingPrefs": {"browser": "ALL"},
        }}});
        let made = browser.call("POST", "/session", &wanted)?;
        made["sessionId"].as_str().context("no session")?.clone_into(&mut browser.session);
        Ok(browser)
    }

    /// One WebDriver request: HTTP/1.1 over a connection of its own, the answer's `value`.
    fn call(&self, method: &str, path: &str, body: &Json) -> Result<Json> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port))?;
        stream.set_read_timeout(Some(Duration::from_secs(60)))?;
        let body = if method == "GET" { String::new() } else { body.to_string() };
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
            self.port,
            body.len()
        )?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer)?;
        let answer = String::from_utf8(answer)?;
        let (_, json) = answer.split_once("\r\n\r\n").context("no body")?;
        let value = serde_json::from_str::<Json>(json).with_context(|| json.to_owned())?["value"].take();
        if let Some(error) = value.get("error") {
            bail!("{method} {path}: {error}: {}", value["message"]);
        }
        Ok(value)
    }

    fn post(&self, verb: &str, body: &Json) -> Result<Json> {
        self.call("POST", &format!("/session/{}/{verb}", self.session), body)
    }

    fn devtools(&self, command: &str, parameters: &Json) -> Result<Json> {
        self.post("goog/cdp/execute", &json!({"cmd": command, "params": parameters}))
    }

    fn open(&self, url: &str) -> Result<()> {
        self.post("url", &json!({"url": url})).map(drop)
    }

    fn script(&self, text: &str) -> Result<Json> {
        self.post("execute/sync", &json!({"script": text, "args": []}))
    }

    fn source(&self) -> Result<String> {
        let source = self.call("GET", &format!("/session/{}/source", self.session), &Json::Null)?;
        Ok(source.as_str().unwrap_or_default().to_owned())
    }

    fn resize(&self, (width, height): (u32, u32)) -> Result<()> {
        let metrics = json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 700});
        self.devtools("Emulation.setDeviceMetricsOverride", &metrics).map(drop)
    }

    fn click(&self, selector: &str) -> Result<()> {
        let found = self.post("element", &json!({"using": "css selector", "value": selector}))?;
        let id = found.as_object().and_then(|o| o.values().next()).and_then(Json::as_str).context("element")?;
        self.post(&format!("element/{id}/click"), &json!({})).map(drop)
    }

    fn fill(&self, selector: &str, text: &str) -> Result<()> {
        let found = self.post("element", &json!({"using": "css selector", "value": selector}))?;
        let id = found.as_object().and_then(|o| o.values().next()).and_then(Json::as_str).context("element")?;
        self.post(&format!("element/{id}/value"), &json!({"text": text})).map(drop)
    }

    /// Errors and warnings of the browser's console since the last call: a refused style, script or picture is one.
    fn complaints(&self) -> Result<Vec<String>> {
        let log = self.post("se/log", &json!({"type": "browser"}))?;
        let entries = log.as_array().cloned().unwrap_or_default();
        Ok(entries.iter().map(|e| e["message"].to_string()).filter(|m| !m.contains("favicon")).collect())
    }

    /// Looks at the page that is open: complete, not wider than the window, nothing refused.
    fn look(&self, name: &str) -> Result<()> {
        for size in WIDTHS {
            self.resize(size)?;
            let wide = self.script(
                "const d = document.documentElement; const over = [...document.querySelectorAll('main *')].filter(e => \
                 !e.closest('.scroll, .sr, thead, svg') && e.getBoundingClientRect().right > d.clientWidth + 1); \
                 return [d.scrollWidth, d.clientWidth, over.slice(0, 3).map(e => e.outerHTML.slice(0, 120)).join(' | ')];",
            )?;
            ensure!(wide[0].as_u64() <= wide[1].as_u64(), "{name} at {} px scrolls sideways: {wide}", size.0);
            if let Some(folder) = &self.pictures {
                std::fs::create_dir_all(folder)?;
                let whole =
                    self.devtools("Page.captureScreenshot", &json!({"format": "png", "captureBeyondViewport": true}))?;
                let png = BASE64.decode(whole["data"].as_str().unwrap_or_default().as_bytes())?;
                std::fs::write(folder.join(format!("{name}-{}.png", size.0)), png)?;
            }
        }
        self.resize(WIDTHS[0])?;
        let source = self.source()?;
        ensure!(!source.contains('⟦'), "{name}: missing words");
        let complaints = self.complaints()?;
        ensure!(complaints.is_empty(), "{name}: the browser complains: {complaints:?}");
        Ok(())
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // Ends the browser; the driver itself dies with its process.
        let _ = self.call("DELETE", &format!("/session/{}", self.session), &Json::Null);
    }
}

/// Addresses of a page's links that begin like this.
fn links(source: &str, start: &str) -> Vec<String> {
    source
        .split("href=\"")
        .skip(1)
        .filter_map(|rest| rest.split('"').next())
        .filter(|href| href.starts_with(start))
        .map(|href| href.replace("&amp;", "&"))
        .collect()
}

#[test]
fn pages_in_a_real_browser() -> Result<()> {
    let needed = need::program("chromium", "chromium", "pages in a real browser")
        .and_then(|_| need::program("chromedriver", "chromium-driver", "pages in a real browser"));
    let Some(driver) = needed else { return Ok(()) };
    let folder = tempfile::tempdir()?;
    let mut stack = Stack::start(
        folder.path(),
        &Options {
            transport: Transport::Endpoint,
            workshop: &["--seed", "1", "--rest-day", "none"],
            data_dir: None,
            seal_ms: 2_000,
            reserve_mib: 16,
            agent: Vec::new(),
            devices: &[],
        },
    )?;
    let workshop = stack.workshop.folder.display().to_string();
    stack.declare(&["--dir", &workshop])?;
    work_round_the_clock(&stack)?;
    stack.enrol_and_start_agent()?;
    let password = stack.admin(&["user", "add", "--name", "wang.fang", "--role", "administrator"])?;
    let password = password.trim().lines().last().unwrap_or_default().to_owned();
    let browser = Browser::start(&driver, folder.path())?;
    let base = stack.web();
    for (tag, word) in [("zh-CN", "设备"), ("en", "Machines")] {
        walk(&browser, &base, tag, word, &password).with_context(|| stack.last_words())?;
    }
    readable_without_scripts(&browser, &base)?;
    drop(browser);
    stack.stop()
}

/// States the firm's calendar again with shifts all day and all week, so that this test finds a shift at any hour.
fn work_round_the_clock(stack: &Stack) -> Result<()> {
    let stated: Json = serde_json::from_str(&std::fs::read_to_string(stack.folder.join("declarations.json"))?)?;
    let calendars = stated.as_array().context("a list")?.iter().filter(|d| d["kind"] == "calendar");
    let shift = |name: &str, start: &str, end: &str| {
        json!({"shift": name, "names": {"zh": name, "en": name}, "start": start, "end": end,
            "weekdays": [1, 2, 3, 4, 5, 6, 7], "breaks": []})
    };
    let mut again = Vec::new();
    for calendar in calendars {
        let mut calendar = calendar.clone();
        calendar["body"]["shifts"] =
            json!([shift("a", "00:00", "08:00"), shift("b", "08:00", "16:00"), shift("c", "16:00", "00:00")]);
        calendar["body"]["holidays"] = json!([]);
        again.push(calendar);
    }
    ensure!(!again.is_empty(), "the firm states a calendar");
    let file = stack.folder.join("calendar.json");
    std::fs::write(&file, Json::from(again).to_string())?;
    stack.admin(&["declare", "--site", SITE, "--file", &file.display().to_string()]).map(drop)
}

/// From sign-in to the reason of a number and out again, in one language.
fn walk(browser: &Browser, base: &str, tag: &str, word: &str, password: &str) -> Result<()> {
    browser.open(&format!("{base}/lang?to={tag}&next=%2F"))?;
    browser.look(&format!("login-{tag}"))?;
    browser.fill("input[name=name]", "wang.fang")?;
    browser.fill("input[name=password]", password)?;
    browser.click("form.stack button")?;
    let site = format!("/sites/{SITE}");
    wait::until("the fleet lists the site", Duration::from_secs(30), || {
        browser.source().map(|s| s.contains(&format!("href=\"{site}\"")).then_some(()))
    })?;
    ensure!(browser.source()?.contains(&format!("lang=\"{tag}\"")), "the chosen language stays");
    browser.look(&format!("fleet-{tag}"))?;
    let machine = wait::until("the site shows an evaluated machine", Duration::from_secs(120), || {
        let open = || {
            browser.open(&format!("{base}{site}"))?;
            Ok::<_, anyhow::Error>(links(&browser.source()?, &format!("{site}/machines/press")))
        };
        open().map(|found| found.into_iter().find(|href| href.contains("/why?")))
    });
    ensure!(browser.source()?.contains(word), "the site page is in {tag}");
    browser.look(&format!("site-{tag}"))?;
    let why = machine?;
    browser.open(&format!("{base}{}", why.split("/why?").next().unwrap_or_default()))?;
    ensure!(browser.source()?.contains("class=\"chart ribbon\""), "the machine has its state ribbon");
    browser.look(&format!("machine-{tag}"))?;
    browser.open(&format!("{base}{why}"))?;
    ensure!(browser.source()?.contains("class=\"equation\""), "the number is explained by its formula");
    browser.look(&format!("why-{tag}"))?;
    for page in ["reports", "gateways"] {
        browser.open(&format!("{base}{site}/{page}"))?;
        browser.look(&format!("{page}-{tag}"))?;
    }
    browser.open(&format!("{base}/sites/not-here"))?;
    ensure!(browser.source()?.contains("/sites/not-here"), "an error says where");
    let _ = browser.complaints()?;
    browser.open(&format!("{base}/sites"))?;
    if tag == "zh-CN" {
        browser.click(".rail-foot button")?;
        wait::until("signed out", Duration::from_secs(20), || {
            browser.source().map(|s| s.contains("name=\"password\"").then_some(()))
        })?;
    }
    Ok(())
}

/// The same session with scripts switched off: everything is there, and the pictures too.
fn readable_without_scripts(browser: &Browser, base: &str) -> Result<()> {
    browser.devtools("Emulation.setScriptExecutionDisabled", &json!({"value": true}))?;
    browser.open(&format!("{base}/sites/{SITE}"))?;
    let site = browser.source()?;
    ensure!(
        site.contains("class=\"chart calendar\"") && site.contains("/machines/press"),
        "the site page needs a script"
    );
    browser.open(&format!("{base}/sites/{SITE}/machines/press"))?;
    ensure!(browser.source()?.contains("class=\"chart ribbon\""), "the ribbon needs a script");
    Ok(())
}
