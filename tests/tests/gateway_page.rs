//! The gateway's own page in a real browser, as the electrician has it: what it shows, and the guided setup from the search to the
//! live value, in both languages, wide and narrow, with and without scripts.
//!
//! Constraints: nothing is mocked but the meter, a Modbus TCP device whose registers hold their own address. Without Chromium on the machine
//! the test says so and is skipped; under CI that is a failure. `GZ_PAGES_OUT=folder` keeps a picture of every page.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::json;
use tests::browser::{self, Browser};
use tests::stack::{Options, Stack};
use tests::wait;

/// A laptop and a phone.
const WIDTHS: [(u32, u32); 2] = [(1280, 900), (390, 844)];
const PATIENCE: Duration = Duration::from_secs(60);

#[test]
fn a_device_is_added_in_a_real_browser() -> Result<()> {
    let Some(driver) = browser::driver("the gateway's page in a real browser") else { return Ok(()) };
    let folder = tempfile::tempdir()?;
    let options = Options { workshop: &["--seed", "1"], seal_ms: 1_000, devices: &["press"], ..Options::default() };
    let mut stack = Stack::start(folder.path(), &options)?;
    stack.enrol_and_start_agent()?;
    let meter = meter()?;
    let base = stack.gateway_page();
    for (lang, tag, scripts, name) in [("zh", "zh-CN", true, "meter-zh"), ("en", "en", false, "meter-en")] {
        let profile = folder.path().join(lang);
        std::fs::create_dir(&profile)?;
        let browser = Browser::start(&driver, &profile, tag)?;
        browser.scripts(scripts)?;
        let walk = Walk { browser: &browser, base: &base, tag };
        walk.shows("press", &format!("{base}/?lang={lang}"))?;
        walk.look("gateway", true)?;
        browser.click("a[href^=\"/setup\"]")?;
        walk.look("setup-1-start", false)?;
        let form = "form[action=\"/setup/find\"]:has(input[name=network])";
        browser.fill(&format!("{form} input[name=network]"), "127.0.0.1")?;
        browser.fill(&format!("{form} input[name=port]"), &meter.to_string())?;
        browser.click(&format!("{form} button"))?;
        walk.look("setup-1-found", false)?;
        // The last link of a device leads to the list of all profiles.
        browser.click("li > a[href^=\"/setup/read\"]:last-of-type")?;
        walk.look("setup-2-profile", false)?;
        browser.click("select[name=profile] option[value=eastron-sdm630]")?;
        browser.click("form.row button")?;
        walk.look("setup-3-compare", false)?;
        browser.fill("form[action=\"/setup/add\"] input[name=name]", name)?;
        browser.click("form[action=\"/setup/add\"] button")?;
        walk.look("setup-4-saved", false)?;
        ensure!(std::fs::read_to_string(folder.path().join("agent.toml"))?.contains(&format!("name = \"{name}\"")));
        walk.shows(name, &format!("{base}/?lang={lang}"))?;
        walk.look("gateway-after", true)?;
    }
    stack.check()?;
    stack.stop()
}

struct Walk<'a> {
    browser: &'a Browser,
    base: &'a str,
    tag: &'a str,
}

impl Walk<'_> {
    /// Waits until the page lists a device, and shows no value as missing.
    fn shows(&self, device: &str, address: &str) -> Result<()> {
        wait::until(&format!("the page to show {device}"), PATIENCE, || {
            // While the agent starts again nobody answers.
            let shown = self.browser.open(address).and_then(|()| self.browser.source()).unwrap_or_default();
            Ok((shown.contains(device) && shown.contains("class=\"v\"") && !shown.contains("class=\"gap\""))
                .then_some(()))
        })?;
        // What the browser says of a page that did not answer is not the page's fault.
        self.browser.complaints()?;
        Ok(())
    }

    fn look(&self, name: &str, is_simulated: bool) -> Result<()> {
        let label = format!("{name} ({})", self.tag);
        for size in WIDTHS {
            self.browser.resize(size, 1.0)?;
            let seen = self.browser.script(browser::CHECK, &[json!(size.0)])?;
            if let Some(folder) = std::env::var_os("GZ_PAGES_OUT").map(PathBuf::from) {
                std::fs::create_dir_all(&folder)?;
                let file = format!("{name}-{}-{}.png", self.tag, size.0);
                std::fs::write(folder.join(file), self.browser.picture(true)?)?;
            }
            let bad = seen["bad"].as_array().with_context(|| format!("{label}: {seen}"))?;
            ensure!(bad.is_empty(), "{label} at {} px: {bad:#?}", size.0);
            ensure!(seen["lang"] == self.tag, "{label}: html lang is {}", seen["lang"]);
        }
        self.browser.resize(WIDTHS[0], 1.0)?;
        let source = self.browser.source()?;
        ensure!(!source.contains("class=\"bad\""), "{label} says that something is wrong: {source}");
        ensure!(
            !is_simulated || source.contains("模拟数据 / SIMULATED"),
            "{label} does not say that its data is simulated"
        );
        let complaints = self.browser.complaints()?;
        ensure!(complaints.is_empty(), "{label}: the browser complains: {complaints:?}");
        let own = |url: &String| url.starts_with(self.base) || url.starts_with("data:") || url.starts_with("about:");
        let foreign: Vec<String> = self.browser.asked()?.into_iter().filter(|url| !own(url)).collect();
        ensure!(foreign.is_empty(), "{label} asked others: {foreign:?}");
        Ok(())
    }
}

/// A Modbus TCP device that answers every read of registers with their addresses; its port.
fn meter() -> Result<u16> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let port = listener.local_addr()?.port();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            std::thread::spawn(move || answer(stream));
        }
    });
    Ok(port)
}

fn answer(mut stream: TcpStream) -> std::io::Result<()> {
    let mut frame = [0u8; 12];
    loop {
        stream.read_exact(&mut frame)?;
        let [a, b, _, _, _, _, unit, function, first_high, first_low, _, count] = frame;
        let first = u16::from_be_bytes([first_high, first_low]);
        let mut reply = vec![a, b, 0, 0, 0, count * 2 + 3, unit, function, count * 2];
        reply.extend((first..first + u16::from(count)).flat_map(u16::to_be_bytes));
        stream.write_all(&reply)?;
    }
}
