//! The page that verifies, asked about many bundles in one sitting.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value as Json, json};
use tests::browser::Browser;

use crate::Reading;

/// Bundles asked about before the answers are taken.
const AT_ONCE: usize = 25;

/// Somewhere to hand the files over: an input beside the page's own, which take one file each.
const HAND_OVER: &str = "const shelf = document.createElement('input');
    [shelf.id, shelf.type, shelf.multiple] = ['shelf', 'file', true];
    document.body.append(shelf);";

/// Drops the files from a[0] to before a[1] on the page, one after the other, presses the button and takes what is shown.
const ASK: &str = "const of = (id) => document.getElementById(id), said = [];
    for (const file of [...of('shelf').files].slice(...a)) {
        const dropped = new DataTransfer();
        dropped.items.add(file);
        document.dispatchEvent(new DragEvent('drop', { dataTransfer: dropped, cancelable: true }));
        const shown = new Promise((done) => new MutationObserver((_, observer) => {
            if (of('result').hidden) { return; }
            observer.disconnect();
            done();
        }).observe(of('result'), { attributeFilter: ['hidden'] }));
        of('go').click();
        await shown;
        said.push({
            name: of('bundle').files[0].name, verdict: of('verdict').className, json: of('json').textContent,
            why: of('what').textContent,
        });
    }
    return said;";

/// A browser for the page, with nothing to reach.
pub(crate) struct Sitting {
    browser: Browser,
    page: PathBuf,
    _folder: tempfile::TempDir,
}

impl Sitting {
    pub(crate) fn begin(driver: &Path, page: PathBuf) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("gongzheng-page-").tempdir()?;
        let browser = Browser::start(driver, folder.path(), "zh-CN")?;
        Ok(Self { browser, page, _folder: folder })
    }

    /// What the page says of every bundle of a reading, as JSON.
    pub(crate) fn says(&self, reading: &Reading) -> Result<Vec<Json>> {
        let browser = &self.browser;
        browser.open(&format!("file://{}", self.page.display()))?;
        browser.choose("#trust", &reading.trust)?;
        if let Some(kept) = &reading.kept {
            browser.choose("#kept", kept)?;
        }
        browser.script(HAND_OVER, &[])?;
        let files: Vec<&Path> = reading.bundles.iter().map(|bundle| bundle.file.as_path()).collect();
        browser.choose_all("#shelf", &files)?;
        let mut all = Vec::new();
        for from in (0..files.len()).step_by(AT_ONCE) {
            let to = (from + AT_ONCE).min(files.len());
            let said = browser.script(ASK, &[json!(from), json!(to)])?;
            for (file, said) in files[from..to].iter().zip(said.as_array().context("answers")?) {
                let name = file.file_name().and_then(|name| name.to_str());
                ensure!(name == said["name"].as_str(), "{said} is not of {}", file.display());
                let outcome: Json = serde_json::from_str(said["json"].as_str().unwrap_or_default())
                    .with_context(|| format!("{}: the page failed: {}", file.display(), said["why"]))?;
                ensure!(said["verdict"] == outcome["verdict"], "{}: {} is shown", file.display(), said["verdict"]);
                all.push(outcome);
            }
        }
        ensure!(all.len() == files.len(), "{} answers to {} bundles", all.len(), files.len());
        let complaints = browser.complaints()?;
        ensure!(complaints.is_empty(), "the browser complains: {complaints:?}");
        Ok(all)
    }
}
