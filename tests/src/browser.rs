//! Chromium, driven through its own WebDriver: what the tests of the pages and the pictures of the documentation look with.
//!
//! Constraints: nothing is mocked and nothing is installed beyond Debian's packages; the profile lies in the run's folder
//! and dies with it; a browser that is dropped is gone; every answer has a time limit.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use data_encoding::BASE64;
use serde_json::{Value as Json, json};

use crate::programs::Running;
use crate::{need, wait};

/// What is looked at in every page, whose width is the argument; a script: what is wrong with it, and its links.
pub const CHECK: &str = r#"
const bad = [], root = document.documentElement;
const say = (what, e) => bad.push(what + ': ' + (e ? e.outerHTML.slice(0, 160) : ''));
const seen = e => e.getClientRects().length > 0 && getComputedStyle(e).visibility !== 'hidden';
if (root.scrollWidth > a[0]) {
  const over = [...document.querySelectorAll('body *')].filter(e => seen(e) && e.getBoundingClientRect().right > a[0] + 1);
  say(`scrolls sideways, ${root.scrollWidth} of ${a[0]} px`, over.find(e => !e.closest('.scroll, .sr, svg')));
}
if (document.body.textContent.includes('⟦')) say('missing words', document.body);
for (const t of document.querySelectorAll('table')) {
  if (!t.caption || !t.caption.textContent.trim()) say('table without caption', t);
  if (!t.querySelector('thead th')) say('table without headers', t);
  for (const h of t.querySelectorAll('th')) if (!h.scope) say('header without scope', h);
}
// On a phone a cell stands beside its column's name: the name is not said again.
for (const c of document.querySelectorAll('td.num[data-label], td[data-label] .fig')) {
  const name = c.closest('td').dataset.label;
  if (c.textContent.trim().startsWith(name)) say(`${name} said twice`, c);
}
for (const s of document.querySelectorAll('svg.chart, svg.mini'))
  if (!s.querySelector(':scope > title')?.textContent.trim()) say('picture without title', s);
for (const e of document.querySelectorAll('a[href], button, input:not([type=hidden]), select, summary')) {
  const label = [...(e.labels || [])].map(l => l.textContent).join('');
  if (!((e.getAttribute('aria-label') || '') + e.textContent + label).trim()) say('no name', e);
}
const rgb = c => (c.match(/[\d.]+/g) || []).map(Number);
const light = c => { const [r, g, b] = c.map(v => (v /= 255) <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4); return .2126 * r + .7152 * g + .0722 * b; };
const ratio = (x, y) => { const [h, l] = [light(x), light(y)].sort((p, q) => q - p); return (h + .05) / (l + .05); };
const ground = e => {
  for (let n = e; n; n = n.parentElement) {
    const s = getComputedStyle(n), c = rgb(s.backgroundColor);
    if (s.backgroundImage !== 'none') return null;
    if (c.length === 3 || c[3] > .99) return c.slice(0, 3);
  }
  return [255, 255, 255];
};
const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
const done = new Set();
while (walker.nextNode()) {
  const e = walker.currentNode.parentElement;
  if (!walker.currentNode.data.trim() || done.has(e) || !seen(e) || e.closest('.sr, .skip, title, desc, script')) continue;
  done.add(e);
  const s = getComputedStyle(e), size = parseFloat(s.fontSize);
  // Letters inside bars are decoration of a bar whose title says the same; all others stand on paper.
  const inPicture = e.closest('svg'), ink = rgb(inPicture ? s.fill : s.color).slice(0, 3);
  const under = inPicture ? rgb('251 250 246') : ground(e);
  if (!under || (inPicture && light(ink) > .8)) continue;
  const large = size >= 24 || (size >= 18.66 && Number(s.fontWeight) >= 700);
  const found = ratio(ink, under);
  if (found < (large ? 3 : 4.5)) say(`contrast ${found.toFixed(2)}`, e);
}
return {
  bad, lang: root.lang,
  simulated: document.querySelector('p.simulated')?.textContent || '',
  links: [...new Set([...document.querySelectorAll('a[href]')].map(l => l.getAttribute('href')))],
};
"#;

/// A browser with one window, and its driver.
#[derive(Debug)]
pub struct Browser {
    _driver: Running,
    port: u16,
    session: String,
}

/// The driver's program, or `None` after the reason for skipping was printed (see [`need`]).
pub fn driver(what: &str) -> Option<PathBuf> {
    need::program("chromium", "chromium", what)?;
    need::program("chromedriver", "chromium-driver", what)
}

impl Browser {
    /// Starts driver and browser with their files below `folder`; `language` is what the browser asks pages for.
    ///
    /// # Errors
    /// When one of them does not start in time.
    pub fn start(driver: &Path, folder: &Path, language: &str) -> Result<Self> {
        let mut command = Command::new(driver);
        command.arg("--port=0");
        let running = Running::start("chromedriver", &command, folder)?;
        let port = wait::until("chromedriver to say its port", Duration::from_secs(60), || {
            let log = running.log();
            let after = log.split("started successfully on port ").nth(1);
            Ok(after.and_then(|rest| rest.split('.').next()).and_then(|port| port.trim().parse().ok()))
        })?;
        let mut browser = Self { _driver: running, port, session: String::new() };
        let arguments = [
            "--headless=new".to_owned(),
            // Inside a container there is no user namespace for the sandbox; only our own pages are opened.
            "--no-sandbox".to_owned(),
            "--disable-gpu".to_owned(),
            "--disable-dev-shm-usage".to_owned(),
            "--disable-background-networking".to_owned(),
            "--hide-scrollbars".to_owned(),
            format!("--lang={language}"),
            format!("--user-data-dir={}", folder.join("chromium").display()),
        ];
        let wanted = json!({"capabilities": {"alwaysMatch": {
            "goog:chromeOptions": {"args": arguments},
            "goog:loggingPrefs": {"browser": "ALL", "performance": "ALL"},
        }}});
        let made = browser.call("POST", "/session", &wanted)?;
        made["sessionId"].as_str().context("no session")?.clone_into(&mut browser.session);
        browser.post("timeouts", &json!({"script": 120_000, "pageLoad": 60_000}))?;
        // Whatever the browser shows by itself when it starts is not of the pages.
        browser.open("about:blank")?;
        browser.asked()?;
        browser.complaints()?;
        Ok(browser)
    }

    /// One WebDriver request: HTTP/1.1 over a connection of its own, the answer's `value`.
    fn call(&self, method: &str, path: &str, body: &Json) -> Result<Json> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port))?;
        stream.set_read_timeout(Some(Duration::from_secs(60)))?;
        let body = if body.is_null() { String::new() } else { body.to_string() };
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
            self.port,
            body.len()
        )?;
        // The driver keeps the connection open whatever it is asked: the length says where the answer ends.
        let mut answer = BufReader::new(stream);
        let mut length = 0;
        loop {
            let mut line = String::new();
            answer.read_line(&mut line)?;
            if line.trim().is_empty() {
                break;
            }
            if let Some((name, value)) =
                line.split_once(':').filter(|(name, _)| name.eq_ignore_ascii_case("content-length"))
            {
                length = value.trim().parse().with_context(|| format!("{name}:{value}"))?;
            }
        }
        let mut json = Vec::new();
        answer.take(length).read_to_end(&mut json)?;
        let json = std::str::from_utf8(&json)?;
        let value = serde_json::from_str::<Json>(json).with_context(|| json.to_owned())?["value"].take();
        if let Some(error) = value.get("error") {
            bail!("{method} {path}: {error}: {}", value["message"]);
        }
        Ok(value)
    }

    fn post(&self, verb: &str, body: &Json) -> Result<Json> {
        self.call("POST", &format!("/session/{}/{verb}", self.session), body)
    }

    /// A command of the browser's own protocol.
    ///
    /// # Errors
    /// When the browser refuses it.
    pub fn devtools(&self, command: &str, parameters: &Json) -> Result<Json> {
        self.post("goog/cdp/execute", &json!({"cmd": command, "params": parameters}))
    }

    /// Opens an address and waits until it is loaded.
    ///
    /// # Errors
    /// When nothing answers there.
    pub fn open(&self, url: &str) -> Result<()> {
        self.post("url", &json!({"url": url})).map(drop).with_context(|| url.to_owned())?;
        self.settled(Duration::from_secs(10), "document.readyState === 'complete' && !!document.documentElement")
            .with_context(|| url.to_owned())
    }

    /// Waits until an expression holds in the page: on a busy machine an answer can come before the page it is about.
    fn settled(&self, most: Duration, expression: &str) -> Result<()> {
        let asked = json!({"expression": expression, "returnByValue": true});
        let begun = Instant::now();
        while begun.elapsed() < most {
            if self.devtools("Runtime.evaluate", &asked).is_ok_and(|answer| answer["result"]["value"] == true) {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(25));
        }
        bail!("the page is not there after {most:?}: {expression}")
    }

    /// Runs the body of an asynchronous function in the page, also where the page's own scripts are switched off; the
    /// arguments are `a`.
    ///
    /// # Errors
    /// When it throws.
    pub fn script(&self, body: &str, arguments: &[Json]) -> Result<Json> {
        let expression = format!("(async a => {{ {body} }})({})", Json::from(arguments));
        let wanted = json!({"expression": expression, "awaitPromise": true, "returnByValue": true});
        let answer = self.devtools("Runtime.evaluate", &wanted)?;
        if let Some(thrown) = answer.get("exceptionDetails") {
            bail!("a script threw {thrown}");
        }
        Ok(answer["result"]["value"].clone())
    }

    /// The page as it stands.
    ///
    /// # Errors
    /// When the browser does not answer.
    pub fn source(&self) -> Result<String> {
        let source = self.call("GET", &format!("/session/{}/source", self.session), &Json::Null)?;
        Ok(source.as_str().unwrap_or_default().to_owned())
    }

    /// The address that is open.
    ///
    /// # Errors
    /// When the browser does not answer.
    pub fn address(&self) -> Result<String> {
        let url = self.call("GET", &format!("/session/{}/url", self.session), &Json::Null)?;
        Ok(url.as_str().unwrap_or_default().to_owned())
    }

    /// Makes the window this large, CSS pixels; below 700 it is a phone.
    ///
    /// # Errors
    /// When the browser does not answer.
    pub fn resize(&self, (width, height): (u32, u32), scale: f64) -> Result<()> {
        let metrics = json!({"width": width, "height": height, "deviceScaleFactor": scale, "mobile": width < 700});
        self.devtools("Emulation.setDeviceMetricsOverride", &metrics).map(drop)
    }

    /// Switches the pages' own scripts on or off.
    ///
    /// # Errors
    /// When the browser does not answer.
    pub fn scripts(&self, on: bool) -> Result<()> {
        self.devtools("Emulation.setScriptExecutionDisabled", &json!({"value": !on})).map(drop)
    }

    /// Gives the page's site a cookie.
    ///
    /// # Errors
    /// When the browser refuses it.
    pub fn cookie(&self, name: &str, value: &str) -> Result<()> {
        self.post("cookie", &json!({"cookie": {"name": name, "value": value, "path": "/"}})).map(drop)
    }

    /// Forgets every cookie.
    ///
    /// # Errors
    /// When the browser does not answer.
    pub fn forget(&self) -> Result<()> {
        self.call("DELETE", &format!("/session/{}/cookie", self.session), &Json::Null).map(drop)
    }

    fn element(&self, selector: &str) -> Result<String> {
        let found = self.post("element", &json!({"using": "css selector", "value": selector}))?;
        let id = found.as_object().and_then(|o| o.values().next()).and_then(Json::as_str);
        id.map(|id| format!("element/{id}")).with_context(|| format!("no {selector}"))
    }

    /// Clicks the first element of a selector.
    ///
    /// # Errors
    /// When there is none, or it cannot be reached by a pointer.
    pub fn click(&self, selector: &str) -> Result<()> {
        let element = self.element(selector)?;
        // What submits leaves the page, or says in it what is missing; what is asked next must not find the old one.
        let marked = self.script(
            "const at = document.querySelector(a[0]); window.left = false; return at?.type === 'submit' && !!at.form",
            &[json!(selector)],
        );
        self.post(&format!("{element}/click"), &json!({}))?;
        if marked.is_ok_and(|leaves| leaves == true) {
            let is_new = "window.left === undefined && document.readyState === 'complete' && !!document.body";
            // A form that is not complete stays where it is.
            let _ = self.settled(Duration::from_secs(3), is_new);
        }
        Ok(())
    }

    /// Types into the first element of a selector after emptying it.
    ///
    /// # Errors
    /// When there is none.
    pub fn fill(&self, selector: &str, text: &str) -> Result<()> {
        let element = self.element(selector)?;
        self.post(&format!("{element}/clear"), &json!({}))?;
        self.post(&format!("{element}/value"), &json!({"text": text})).map(drop)
    }

    /// Chooses a file in the first file input of a selector.
    ///
    /// # Errors
    /// When there is none.
    pub fn choose(&self, selector: &str, file: &Path) -> Result<()> {
        self.choose_all(selector, &[file])
    }

    /// The same where the input takes several.
    ///
    /// # Errors
    /// When there is none.
    pub fn choose_all(&self, selector: &str, files: &[&Path]) -> Result<()> {
        let element = self.element(selector)?;
        let paths: Vec<String> = files.iter().map(|file| file.display().to_string()).collect();
        self.post(&format!("{element}/value"), &json!({"text": paths.join("\n")})).map(drop)
    }

    /// Presses a key by its name and code; `types` is what it writes, such as a line end.
    ///
    /// # Errors
    /// When the browser does not answer.
    pub fn press(&self, key: &str, code: u32, types: &str) -> Result<()> {
        let down = if types.is_empty() { "rawKeyDown" } else { "keyDown" };
        for kind in [down, "keyUp"] {
            let mut event = json!({"type": kind, "key": key, "code": key, "windowsVirtualKeyCode": code});
            if kind == "keyDown" {
                event["text"] = types.into();
            }
            self.devtools("Input.dispatchKeyEvent", &event)?;
        }
        Ok(())
    }

    fn log(&self, kind: &str) -> Result<Vec<Json>> {
        Ok(self.post("se/log", &json!({"type": kind}))?.as_array().cloned().unwrap_or_default())
    }

    /// What the browser's console said since the last call: a script's error, a resource the policy refused.
    ///
    /// # Errors
    /// When the browser does not answer.
    pub fn complaints(&self) -> Result<Vec<String>> {
        Ok(self.log("browser")?.iter().map(|e| e["message"].to_string()).collect())
    }

    /// Addresses the browser asked for since the last call.
    ///
    /// # Errors
    /// When the browser does not answer.
    pub fn asked(&self) -> Result<Vec<String>> {
        let entries = self.log("performance")?;
        let events = entries.iter().filter_map(|e| serde_json::from_str::<Json>(e["message"].as_str()?).ok());
        let sent = events.filter(|e| e["message"]["method"] == "Network.requestWillBeSent");
        Ok(sent.filter_map(|e| e["message"]["params"]["request"]["url"].as_str().map(str::to_owned)).collect())
    }

    /// A picture of the window, or of the whole page; PNG.
    ///
    /// # Errors
    /// When the browser does not answer.
    pub fn picture(&self, whole: bool) -> Result<Vec<u8>> {
        let shot =
            self.devtools("Page.captureScreenshot", &json!({"format": "png", "captureBeyondViewport": whole}))?;
        Ok(BASE64.decode(shot["data"].as_str().unwrap_or_default().as_bytes())?)
    }

    /// The page as it prints: PDF, page size from the style sheet.
    ///
    /// # Errors
    /// When the browser does not answer.
    pub fn print(&self) -> Result<Vec<u8>> {
        let wanted = json!({"printBackground": true, "preferCSSPageSize": true});
        let pdf = self.devtools("Page.printToPDF", &wanted)?;
        Ok(BASE64.decode(pdf["data"].as_str().unwrap_or_default().as_bytes())?)
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // Ends the browser; the driver itself dies with its process.
        let _ = self.call("DELETE", &format!("/session/{}", self.session), &Json::Null);
    }
}
