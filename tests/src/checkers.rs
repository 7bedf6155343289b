//! What we give to checkers of others, read by one.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value as Json, json};

use crate::browser::Browser;
use crate::need::{self, skip};
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

/// The package as a clerk has it: every item and question of its page leads to a page that carries its id and its check code, and a second
/// reader walks through the whole archive (`second_reader/package.py`).
///
/// # Errors
/// A link that leads elsewhere, a code or a digest that is wrong, an archive that is another one the second time.
pub fn package(browser: &Browser, base: &str, folder: &std::path::Path, lang: &str) -> Result<()> {
    let what = "the package walked by the second reader";
    let Some(python) = need::python(what) else { return Ok(()) };
    browser.open(&format!("{base}/sites/{SITE}/package"))?;
    let proofs = browser.script(
        "return [...document.querySelectorAll('a.proof')].map(a => { const at = new URL(a.href), row = a.closest('tr'); \
         return [at.searchParams.get('path'), Number(at.hash.slice(6)), row.querySelector('.mono').textContent, row.id.slice(2)]; })",
        &[],
    )?;
    let fetched = "const bytes = new Uint8Array(await (await fetch(a[0])).arrayBuffer()); let text = ''; \
                   for (let i = 0; i < bytes.length; i += 32768) text += String.fromCharCode(...bytes.subarray(i, i + 32768)); \
                   return btoa(text);";
    let file = |name: &str, link: &str| -> Result<PathBuf> {
        let text = browser.script(fetched, &[json!(link)])?;
        let path = folder.join(format!("{lang}-{name}"));
        std::fs::write(&path, data_encoding::BASE64.decode(text.as_str().unwrap_or_default().as_bytes())?)?;
        Ok(path)
    };
    let link =
        browser.script("return document.querySelector('a[href*=\"/package.zip\"]')?.getAttribute('href')", &[])?;
    let link = link.as_str().context("the page offers the archive")?;
    let leaf = link.split(['=', '&']).nth(1).context("the report's leaf")?;
    let archive = file("package.zip", link)?;
    ensure!(std::fs::read(&archive)? == std::fs::read(file("again.zip", link)?)?, "two archives of one report differ");
    let report = file("report.json", &format!("/sites/{SITE}/reports/{leaf}/report.json"))?;
    let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("second_reader/package.py");
    let out = Command::new(python).arg(script).args([&archive, &report]).arg(lang).output()?;
    ensure!(out.status.success(), "{what}: {}", String::from_utf8_lossy(&out.stderr));
    let walk: Json = serde_json::from_slice(&out.stdout)?;
    let proofs = proofs.as_array().context("proofs")?;
    ensure!(proofs.len() >= 40 + 15, "{} items and questions have a page", proofs.len());
    for proof in proofs {
        let path = proof[0].as_str().context("a file")?;
        let page = &walk["papers"][path][usize::try_from(proof[1].as_u64().context("a page")?)? - 1];
        ensure!(page["code"] == proof[2], "{proof}: the page carries {}", page["code"]);
        let id = proof[3].as_str().filter(|id| !id.is_empty()).unwrap_or("miit.2024@1 Q");
        let label = if lang == "en" { "Id" } else { "编号" };
        let words = page["words"].as_str().unwrap_or_default();
        ensure!(
            words.lines().any(|l| l.starts_with(&format!("{label} {id}"))),
            "{proof}: {id} is not on the page: {words}"
        );
        ensure!(
            walk["links"].as_array().into_iter().flatten().any(|l| l["file"] == proof[0] && l["page"] == proof[1]),
            "{proof}: nothing in the index leads there"
        );
    }
    Ok(())
}
