//! What we give to checkers of others, read by one.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value as Json, json};

use crate::browser::Browser;
use crate::need::skip;
use crate::stack::SITE;

/// The incoming meter's readings, offered on the page of meters, as OCMF records that pyocmf reads and whose signatures hold.
///
/// # Errors
/// When it does not read them, or takes one that was altered.
pub fn ocmf(browser: &Browser, base: &str, folder: &std::path::Path) -> Result<()> {
    let what = "the meter's readings read by pyocmf";
    let Some(python) = std::env::var_os("GZ_STACKS_PYTHON").map(PathBuf::from) else {
        skip(what, "GZ_STACKS_PYTHON is not set; `cargo xtask test` prepares and sets it");
        return Ok(());
    };
    browser.open(&format!("{base}/sites/{SITE}/meters"))?;
    let link =
        browser.script("return document.querySelector('a[href*=\"main/ocmf.xml\"]')?.getAttribute('href')", &[])?;
    let link = link.as_str().context("the page of meters offers the incoming meter's readings")?;
    let text = browser.script("return await (await fetch(a[0])).text()", &[json!(link)])?;
    let file = folder.join("meter.ocmf.xml");
    std::fs::write(&file, text.as_str().unwrap_or_default())?;
    let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("checkers/ocmf.py");
    let out = Command::new(python).arg(script).arg(&file).output()?;
    ensure!(out.status.success(), "{what}: {}", String::from_utf8_lossy(&out.stderr));
    let said: Json = serde_json::from_slice(&out.stdout)?;
    let number = |name: &str| said[name].as_u64().unwrap_or_default();
    let (records, values) = (number("records"), number("values"));
    // The seeded days by four readings an hour; those of today's rest have not happened.
    ensure!(records > 7 * 96 && values > records / 2, "{said}");
    ensure!(number("verified") == records && said["altered_verified"] == 0, "{said}");
    ensure!(said["deviations"] == json!([]) && said["issues"] == json!([]), "{said}");
    let page = |end: &str| said[end]["page"].as_str().and_then(|p| p.strip_prefix('F')?.parse::<u64>().ok());
    let (first, last) = page("first").zip(page("last")).with_context(|| said.to_string())?;
    ensure!(last - first + 1 == records, "a page is missing: {said}");
    ensure!(said["first"]["serial"] == "DT-main", "{said}");
    Ok(())
}
