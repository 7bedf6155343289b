//! The pages in a real browser, over a real site with a history: signed in through the form, walked from all factories to
//! the reason of a number, in both languages, wide and narrow, with and without scripts, by keyboard and on paper.
//!
//! Constraints: nothing is mocked. A page fails when it scrolls sideways on a phone, when the browser's console complains,
//! when anything but our own server is asked for, when it does not say that its data is simulated, when a number hides its
//! bounds, when text is too pale, when a table or picture has no name, when a link leads nowhere. Without Chromium on the
//! machine the test says so and is skipped; under CI that is a failure. `GZ_PAGES_OUT=folder` keeps a picture of every page.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value as Json, json};
use tests::browser::{self, Browser};
use tests::pictures::{LANGUAGES, api, machine_page, shift_with_bounds, sign_in};
use tests::stack::SITE;
use tests::{checkers, seeded, wait};

/// Wide and narrow: a desk and a phone.
const WIDTHS: [(u32, u32); 2] = [(1280, 900), (390, 844)];
/// A4 between the margins of the style sheet, CSS pixels.
const PAPER: (u32, u32) = (665, 1001);
const WHO: &str = "wang.fang";

struct Walk<'b> {
    browser: &'b Browser,
    base: String,
    /// Language tag and whether the page's own scripts run.
    lang: &'static str,
    scripts: bool,
    /// Links found, by kind of address: two of every kind are followed at the end.
    links: BTreeMap<String, Vec<String>>,
    pictures: Option<PathBuf>,
}

impl Walk<'_> {
    fn label(&self, name: &str) -> String {
        format!("{name} ({}, scripts {})", self.lang, if self.scripts { "on" } else { "off" })
    }

    /// Opens a page and looks at it wide and narrow.
    fn visit(&mut self, name: &str, path: &str) -> Result<()> {
        self.browser.open(&format!("{}{path}", self.base))?;
        self.look(name, name != "login")
    }

    fn look(&mut self, name: &str, simulated: bool) -> Result<()> {
        let label = self.label(name);
        for size in WIDTHS {
            self.browser.resize(size, 1.0)?;
            let seen = self.browser.script(browser::CHECK, &[json!(size.0)])?;
            let bad = seen["bad"].as_array().with_context(|| format!("{label}: {seen}"))?;
            ensure!(bad.is_empty(), "{label} at {} px: {bad:#?}", size.0);
            ensure!(seen["lang"] == self.lang, "{label}: html lang is {}", seen["lang"]);
            let words = seen["simulated"].as_str().unwrap_or_default();
            ensure!(
                !simulated || (words.contains("模拟数据") && words.contains("SIMULATED")),
                "{label} does not say that its data is simulated"
            );
            for link in seen["links"].as_array().into_iter().flatten().filter_map(Json::as_str) {
                let kind: String = link.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
                let same = self.links.entry(kind).or_default();
                if same.len() < 2 && !same.iter().any(|l| l == link) {
                    same.push(link.to_owned());
                }
            }
            if let Some(folder) = &self.pictures {
                std::fs::create_dir_all(folder)?;
                let scripts = if self.scripts { "" } else { "-plain" };
                let file = format!("{name}-{}-{}{scripts}.png", self.lang, size.0);
                std::fs::write(folder.join(file), self.browser.picture(true)?)?;
            }
        }
        self.browser.resize(WIDTHS[0], 1.0)?;
        let complaints = self.browser.complaints()?;
        ensure!(complaints.is_empty(), "{label}: the browser complains: {complaints:?}");
        Ok(())
    }

    /// Nobody but our server was asked for anything.
    fn only_ours(&self) -> Result<()> {
        let own = |url: &String| url.starts_with(&self.base) || url.starts_with("data:") || url.starts_with("about:");
        let foreign: Vec<String> = self.browser.asked()?.into_iter().filter(|url| !own(url)).collect();
        ensure!(foreign.is_empty(), "{}: asked others: {foreign:?}", self.label("pages"));
        Ok(())
    }

    fn follow_links(&self) -> Result<()> {
        let wanted: Vec<&String> = self.links.values().flatten().filter(|l| !l.starts_with("/lang")).collect();
        ensure!(wanted.len() > 20, "only {} links were found: {wanted:?}", wanted.len());
        ensure!(wanted.iter().all(|l| l.starts_with('/') || l.starts_with('#')), "links lead elsewhere: {wanted:?}");
        let dead = self.browser.script(
            "const dead = []; for (const link of a) { const r = await fetch(link); await r.arrayBuffer(); \
             if (r.status !== 200 || r.url.includes('/login')) dead.push([link, r.status, r.url]); } return dead;",
            &wanted.iter().map(|l| json!(l)).collect::<Vec<_>>(),
        )?;
        ensure!(dead.as_array().is_some_and(Vec::is_empty), "links that lead nowhere: {dead}");
        Ok(())
    }
}

#[test]
fn pages_in_a_real_browser() -> Result<()> {
    let Some(driver) = browser::driver("pages in a real browser") else { return Ok(()) };
    let start = Instant::now();
    let said = |what: &str| eprintln!("[{:>5.1} s] {what}", start.elapsed().as_secs_f64());
    let folder = tempfile::tempdir()?;
    let stack = seeded::start(folder.path(), 8, &said, &mut || false)?.context("nobody stops it")?;
    let password = seeded::administrator(&stack, WHO)?;
    seeded::report(&stack)?;
    said("the report is issued");
    let browser = Browser::start(&driver, folder.path(), "zh-CN")?;
    let base = stack.web();
    let result = walk_everything(&browser, &base, &password, folder.path(), &said);
    drop(browser);
    result.with_context(|| stack.last_words())?;
    stack.stop()
}

fn walk_everything(browser: &Browser, base: &str, password: &str, folder: &Path, said: &dyn Fn(&str)) -> Result<()> {
    let pictures = std::env::var_os("GZ_PAGES_OUT").map(PathBuf::from);
    let mut shift: Option<Json> = None;
    for (lang, _) in LANGUAGES {
        browser.forget()?;
        browser.open(&format!("{base}/lang?to={lang}&next=%2Flogin"))?;
        let mut walk = Walk {
            browser,
            base: base.to_owned(),
            lang,
            scripts: true,
            links: BTreeMap::new(),
            pictures: pictures.clone(),
        };
        walk.visit("login", "/login")?;
        refused_sign_in(&mut walk)?;
        sign_in(browser, base, lang, (WHO, password))?;
        let shift = match &mut shift {
            Some(found) => found,
            none => none.insert(shift_with_bounds(browser, "press")?),
        };
        let pages = addresses(browser, base, shift)?;
        for scripts in [true, false] {
            walk.scripts = scripts;
            browser.scripts(scripts)?;
            for (name, path) in &pages {
                walk.visit(name, path)?;
            }
            walk.only_ours()?;
        }
        browser.scripts(true)?;
        said(&format!("{} pages walked twice in {lang}", pages.len()));
        walk.follow_links()?;
        numbers_show_their_bounds(&walk, shift)?;
        problems(&mut walk, password)?;
        let machine = machine_page("press", shift);
        checkers::package(browser, base, folder, lang)?;
        if lang == "en" {
            checkers::ocmf(browser, base, folder)?;
            by_keyboard(&walk, &machine)?;
        }
        on_paper(&walk, &pages)?;
        said(&format!("links, bounds, problems and paper looked at in {lang}"));
    }
    Ok(())
}

/// Every page of the site: name and address.
fn addresses(browser: &Browser, base: &str, shift: &Json) -> Result<Vec<(String, String)>> {
    let site = format!("/sites/{SITE}");
    let machines = api(browser, &format!("/api/v1{site}"))?;
    let machines: Vec<String> = machines["machines"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|m| m["id"].as_str().map(str::to_owned))
        .collect();
    ensure!(machines.len() >= 5, "the site lists its machines: {machines:?}");
    let mut pages = vec![("fleet".to_owned(), "/sites".to_owned()), ("site".to_owned(), site.clone())];
    pages.push(("machine".to_owned(), machine_page("press", shift)));
    for machine in &machines {
        pages.push((format!("machine-{machine}"), format!("{site}/machines/{machine}")));
    }
    pages.push(("reports".to_owned(), format!("{site}/reports")));
    pages.push(("package".to_owned(), format!("{site}/package")));
    pages.push(("gateways".to_owned(), format!("{site}/gateways")));
    browser.open(&format!("{base}{}", machine_page("press", shift)))?;
    let reasons = browser.script(
        "return [...new Set([...document.querySelectorAll('a.fig-value')].map(l => l.getAttribute('href')))] \
         .filter(h => h.includes('/why?') && h.includes(a[0]))",
        &[json!(shift["shift"]["date"])],
    )?;
    let reasons: Vec<&str> = reasons.as_array().into_iter().flatten().filter_map(Json::as_str).collect();
    ensure!(reasons.len() >= 6, "a machine's numbers lead to their reasons: {reasons:?}");
    pages.extend(reasons.iter().enumerate().map(|(i, href)| (format!("why-{i}"), (*href).to_owned())));
    Ok(pages)
}

fn main_text(walk: &Walk<'_>) -> Result<String> {
    let text = walk.browser.script("return document.querySelector('main').innerText", &[])?;
    Ok(text.as_str().unwrap_or_default().to_owned())
}

fn in_language(walk: &Walk<'_>, zh: &str, en: &str) -> Result<()> {
    let text = main_text(walk)?;
    let wanted = if walk.lang == "en" { en } else { zh };
    ensure!(text.contains(wanted), "{}: `{wanted}` is not in: {text}", walk.label("page"));
    Ok(())
}

fn refused_sign_in(walk: &mut Walk<'_>) -> Result<()> {
    walk.browser.fill("input[name=name]", WHO)?;
    walk.browser.fill("input[name=password]", "not the password")?;
    walk.browser.click("form.stack button")?;
    wait::until("the refusal", Duration::from_secs(20), || {
        walk.browser.source().map(|s| s.contains("role=\"alert\"").then_some(()))
    })?;
    // The answer's own status is a line in the console; anything else there is a complaint.
    let _ = walk.browser.complaints()?;
    walk.look("login-refused", false)?;
    in_language(walk, "请", "ask the administrator")
}

/// Pages that say no: what happened, where, what to do.
fn problems(walk: &mut Walk<'_>, password: &str) -> Result<()> {
    let site = format!("/sites/{SITE}");
    let browser = walk.browser;
    for (name, path, zh, en) in [
        ("missing", "/sites/not-here", "请", "Check the address"),
        ("missing-machine", "/sites/demo-works/machines/none", "请", "Check the address"),
        ("request", "/sites/demo-works/machines/press?date=tomorrow", "请", "check what you entered"),
    ] {
        browser.open(&format!("{}{path}", walk.base))?;
        let _ = browser.complaints()?;
        walk.look(name, false)?;
        in_language(walk, zh, en)?;
        in_language(walk, path, path)?;
    }
    // A form that does not carry the session's token.
    browser.open(&format!("{}{site}", walk.base))?;
    browser.script("document.querySelector('.rail-foot input[name=token]').value = 'x'", &[])?;
    browser.click(".rail-foot button")?;
    wait::until("the refusal of a form", Duration::from_secs(20), || {
        browser.source().map(|s| s.contains("problem-list").then_some(()))
    })?;
    let _ = browser.complaints()?;
    walk.look("forbidden", false)?;
    in_language(walk, "请", "reload the page")?;
    // A session that is over: says so, and comes back to the same page after signing in.
    browser.cookie("gz_session", "0123456789abcdef")?;
    browser.open(&format!("{}{site}/reports", walk.base))?;
    in_language(walk, "登录已过期", "Your session is over")?;
    walk.look("login-expired", false)?;
    browser.fill("input[name=name]", WHO)?;
    browser.fill("input[name=password]", password)?;
    browser.click("form.stack button")?;
    wait::until("the page that was wanted", Duration::from_secs(20), || {
        browser.address().map(|at| at.ends_with(&format!("{site}/reports")).then_some(()))
    })
}

/// What the API gives with an interval, the page shows with one.
fn numbers_show_their_bounds(walk: &Walk<'_>, shift: &Json) -> Result<()> {
    walk.browser.open(&format!("{}{}", walk.base, machine_page("press", shift)))?;
    let number = |r: &Json| Some(r["numerator"].as_f64()? / r["denominator"].as_f64()?);
    let mut checked = 0;
    for figure in shift["figures"].as_array().context("figures")? {
        let Some((value, low)) = number(&figure["value"]).zip(number(&figure["low"])) else { continue };
        let metric = figure["metric"].as_str().context("metric")?;
        // What would print the same digits needs no interval; OEE shows any.
        let least = if metric.starts_with("oee.") { 0.0 } else { value.abs() * 0.005 };
        let open = number(&figure["high"]).is_none_or(|high| (high - low).abs() > least);
        if !open || (figure["high"].is_null() && low == value) {
            continue;
        }
        let shown = walk.browser.script(
            "const links = [...document.querySelectorAll('a.fig-value')].filter(l => { \
               const q = new URL(l.href).searchParams; \
               return q.get('metric') === a[0] && q.get('date') === a[1] && q.get('shift') === a[2]; }); \
             return links.map(l => l.closest('.fig').querySelector('.fig-bounds')?.textContent || '');",
            &[json!(metric), shift["shift"]["date"].clone(), shift["shift"]["name"].clone()],
        )?;
        let shown: Vec<&str> = shown.as_array().into_iter().flatten().filter_map(Json::as_str).collect();
        ensure!(!shown.is_empty(), "{}: {metric} is not on the page", walk.label("machine"));
        ensure!(shown.iter().all(|s| !s.is_empty()), "{}: {metric} hides its bounds", walk.label("machine"));
        checked += 1;
    }
    ensure!(checked > 0, "no number of the shift has bounds: {shift}");
    // Before and after: each period's own bounds and the interval of the difference.
    walk.browser.open(&format!("{}/sites/{SITE}", walk.base))?;
    let source = walk.browser.source()?;
    let chart = source.split("class=\"chart interval\"").nth(1).context("no before-and-after picture")?;
    let chart = chart.split("</svg>").next().unwrap_or_default();
    ensure!(chart.contains("class=\"bounds\""), "{}: a period hides its own bounds", walk.label("site"));
    Ok(())
}

/// The Tab key reaches everything that can be used, visibly; the ribbon's stretches open without a pointer.
fn by_keyboard(walk: &Walk<'_>, machine: &str) -> Result<()> {
    let browser = walk.browser;
    for path in [machine.to_owned(), format!("/sites/{SITE}"), "/sites".to_owned()] {
        browser.open(&format!("{}{path}{}still", walk.base, if path.contains('?') { "&" } else { "?" }))?;
        let total = browser.script(
            "window.todo = new Set([...document.querySelectorAll('a[href], button, input, select, summary')].filter(e => \
               e.tabIndex >= 0 && e.type !== 'hidden' && !e.disabled && e.getClientRects().length > 0 && \
               getComputedStyle(e).visibility !== 'hidden')); document.body.focus(); return window.todo.size;",
            &[],
        )?;
        let total = total.as_u64().unwrap_or_default();
        ensure!(total > 5, "{path}: {total} things to use");
        let mut left = total;
        // A date field has a stop for each of its parts.
        for _ in 0..total + 12 {
            browser.press("Tab", 9, "")?;
            let state = browser.script(
                "const e = document.activeElement; const s = getComputedStyle(e); window.todo.delete(e); \
                 return [window.todo.size, e === document.body || s.outlineStyle !== 'none' && parseFloat(s.outlineWidth) > 0, \
                   e.outerHTML.slice(0, 120)];",
                &[],
            )?;
            ensure!(state[1] == true, "{path}: the focus cannot be seen on {}", state[2]);
            left = state[0].as_u64().unwrap_or(left);
            if left == 0 {
                break;
            }
        }
        let missed = browser.script("return [...window.todo].map(e => e.outerHTML.slice(0, 120))", &[])?;
        ensure!(left == 0, "{path}: the Tab key does not reach {missed}");
    }
    browser.open(&format!("{}{machine}&still", walk.base))?;
    browser.script("document.querySelector('details.stretches summary').focus()", &[])?;
    browser.press("Enter", 13, "\r")?;
    let rows = browser.script(
        "const d = document.querySelector('details.stretches'); return d.open ? d.querySelectorAll('tbody tr').length : 0",
        &[],
    )?;
    ensure!(rows.as_u64() > Some(3), "the ribbon's stretches cannot be read by keyboard: {rows}");
    Ok(())
}

/// Printed pages have ink on them, and no picture is cut by the edge or between two sheets.
fn on_paper(walk: &Walk<'_>, pages: &[(String, String)]) -> Result<()> {
    let browser = walk.browser;
    let wanted = ["site", "machine", "reports", "why-0"];
    for (name, path) in pages.iter().filter(|(name, _)| wanted.contains(&name.as_str())) {
        browser.open(&format!("{}{path}", walk.base))?;
        browser.resize(PAPER, 1.0)?;
        browser.devtools("Emulation.setEmulatedMedia", &json!({"media": "print"}))?;
        let bad = browser.script(
            "const bad = []; const seen = e => e.getClientRects().length > 0; \
             if (document.documentElement.scrollWidth > a[0]) bad.push('wider than paper: ' + document.documentElement.scrollWidth); \
             for (const e of document.querySelectorAll('svg.chart, tbody tr, .equation')) { \
               if (!seen(e)) continue; const box = e.getBoundingClientRect(); \
               if (box.right > a[0] + 1 || box.height > a[1]) bad.push('cut: ' + e.outerHTML.slice(0, 120)); \
               if (getComputedStyle(e).breakInside !== 'avoid') bad.push('may be broken: ' + e.outerHTML.slice(0, 120)); } \
             if (seen(document.querySelector('.rail'))) bad.push('the rail is printed'); return bad;",
            &[json!(PAPER.0), json!(PAPER.1)],
        )?;
        browser.devtools("Emulation.setEmulatedMedia", &json!({"media": ""}))?;
        browser.resize(WIDTHS[0], 1.0)?;
        ensure!(bad.as_array().is_some_and(Vec::is_empty), "{} on paper: {bad}", walk.label(name));
        let pdf = browser.print()?;
        let text = String::from_utf8_lossy(&pdf);
        let sheets = text.matches("/Type /Page\n").count();
        ensure!((1..=20).contains(&sheets), "{}: {sheets} sheets", walk.label(name));
        ensure!(text.contains("/FontFile") && pdf.len() > 20_000, "{}: a blank sheet", walk.label(name));
        if let Some(folder) = &walk.pictures {
            std::fs::write(folder.join(format!("{name}-{}.pdf", walk.lang)), pdf)?;
        }
    }
    Ok(())
}
