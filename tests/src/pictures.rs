//! The documentation's pictures, taken of the real pages over the demo's data, and what every visitor of the pages needs:
//! signing in through the form, and the API's answer beside the page.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value as Json, json};

use crate::browser::{self, Browser};
use crate::stack::{SITE, Stack};
use crate::trouble::now_ms;
use crate::{seeded, wait};

/// Languages of the pages, and the short name of each in file names.
pub const LANGUAGES: [(&str, &str); 2] = [("zh-CN", "zh"), ("en", "en")];
/// A window that shows a machine's shift from its name to the losses.
const WINDOW: (u32, u32) = (1280, 1216);
/// Days to look back for a shift that shows what nobody knows.
const DAYS_BACK: i64 = 21;

/// Signs in through the form, in a language, and waits for the list of factories.
///
/// # Errors
/// When the form is not there or the server refuses.
pub fn sign_in(browser: &Browser, base: &str, language: &str, (name, password): (&str, &str)) -> Result<()> {
    browser.open(&format!("{base}/lang?to={language}&next=%2Flogin"))?;
    browser.fill("input[name=name]", name)?;
    browser.fill("input[name=password]", password)?;
    browser.click("form.stack button")?;
    wait::until("the list of factories after signing in", Duration::from_secs(30), || {
        browser.source().map(|s| s.contains(&format!("href=\"/sites/{SITE}\"")).then_some(()))
    })
}

/// What the API answers to the reader that is signed in.
///
/// # Errors
/// When it answers with anything but JSON.
pub fn api(browser: &Browser, path: &str) -> Result<Json> {
    let text = browser.script("return await (await fetch(a[0])).text()", &[json!(path)])?;
    serde_json::from_str(text.as_str().unwrap_or_default()).with_context(|| format!("{path}: {text}"))
}

/// The newest closed shift of a machine in which something was not observed, so that numbers have bounds; waits until the
/// server has evaluated one.
///
/// # Errors
/// When there is none in three weeks.
pub fn shift_with_bounds(browser: &Browser, machine: &str) -> Result<Json> {
    wait::until(&format!("a shift of {machine} with bounds"), Duration::from_secs(180), || {
        for back in 1..DAYS_BACK {
            let date = seeded::date(now_ms() - back * 86_400_000);
            let day = api(browser, &format!("/api/v1/sites/{SITE}/machines/{machine}?date={date}"))?;
            let shifts = day["shifts"].as_array().cloned().unwrap_or_default();
            let open = |figure: &Json| figure["low"].is_object() && figure["low"] != figure["high"];
            let found = shifts.into_iter().find(|shift| {
                let figures = shift["figures"].as_array().map_or(&[][..], Vec::as_slice);
                shift["closed"] == true
                    && shift["shift"]["name"] == "day"
                    && figures.iter().any(|f| f["unit"] == "ratio" && open(f))
            });
            if found.is_some() {
                return Ok(found);
            }
        }
        Ok(None)
    })
}

/// The address of a machine's page for a shift of the API.
pub fn machine_page(machine: &str, shift: &Json) -> String {
    let text = |key: &str| shift["shift"][key].as_str().unwrap_or_default().to_owned();
    format!("/sites/{SITE}/machines/{machine}?date={}&shift={}", text("date"), text("name"))
}

/// Takes `machine-zh.png` and `machine-en.png`.
///
/// # Errors
/// When Chromium is not installed, or a page does not come.
pub fn take(stack: &Stack, folder: &Path, to: &Path, person: (&str, &str), said: &dyn Fn(&str)) -> Result<()> {
    let driver = browser::driver("pictures of the pages").context("pictures need Chromium")?;
    std::fs::create_dir_all(to)?;
    let base = stack.web();
    let browser = Browser::start(&driver, folder, "zh-CN")?;
    browser.resize(WINDOW, 1.0)?;
    for (language, short) in LANGUAGES {
        browser.forget()?;
        sign_in(&browser, &base, language, person)?;
        let shift = shift_with_bounds(&browser, "press")?;
        browser.open(&format!("{base}{}", machine_page("press", &shift)))?;
        ensure!(browser.source()?.contains("class=\"chart ribbon\""), "the machine's page has no ribbon");
        let file = to.join(format!("machine-{short}.png"));
        std::fs::write(&file, browser.picture(false)?)?;
        said(&format!("{}", file.display()));
    }
    Ok(())
}
