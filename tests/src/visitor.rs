//! Somebody who visits the pages of a site: signs in under a role, opens pages, fills forms, reads the answer.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Result, ensure};
use serde_json::{Value as Json, json};

use crate::browser::Browser;
use crate::pictures::sign_in;
use crate::stack::{SITE, Stack};
use crate::wait;

/// A browser before the pages of a run.
#[derive(Debug)]
pub struct Visitor<'v> {
    /// What is looked with.
    pub browser: &'v Browser,
    /// Where the pages are.
    pub base: String,
    passwords: RefCell<BTreeMap<String, String>>,
}

/// What the server answered to a form.
#[derive(Debug, PartialEq, Eq)]
pub enum Answer {
    /// Done, with its sentence.
    Done(String),
    /// Refused, with its sentence.
    Refused(String),
}

impl Answer {
    /// The sentence of what was done.
    ///
    /// # Errors
    /// When it was refused.
    pub fn done(self) -> Result<String> {
        match self {
            Self::Done(said) => Ok(said),
            Self::Refused(said) => anyhow::bail!("the server refused: {said}"),
        }
    }

    /// The sentence of why it was refused.
    ///
    /// # Errors
    /// When it was done.
    pub fn refused(self) -> Result<String> {
        match self {
            Self::Refused(said) => Ok(said),
            Self::Done(said) => anyhow::bail!("the server did it: {said}"),
        }
    }
}

impl<'v> Visitor<'v> {
    /// Nobody yet, before the pages of a run.
    pub fn new(browser: &'v Browser, stack: &Stack) -> Self {
        Self { browser, base: stack.web(), passwords: RefCell::default() }
    }

    /// Signs out whoever was there, and in somebody of a role, whose account is made the first time.
    ///
    /// # Errors
    /// When the server refuses.
    pub fn become_one(&self, stack: &Stack, role: &str) -> Result<()> {
        let mut passwords = self.passwords.borrow_mut();
        if !passwords.contains_key(role) {
            let scope = format!("site:{SITE}");
            let printed = stack.admin(&["user", "add", "--name", role, "--role", role, "--scope", &scope])?;
            passwords.insert(role.to_owned(), printed.trim().lines().last().unwrap_or_default().to_owned());
        }
        self.browser.forget()?;
        sign_in(self.browser, &self.base, "zh-CN", (role, &passwords[role]))
    }

    /// Opens a page of the site.
    ///
    /// # Errors
    /// When nothing answers.
    pub fn open(&self, page: &str) -> Result<()> {
        self.browser.open(&format!("{}/sites/{SITE}/{page}", self.base))
    }

    /// Waits for the answer of a form: an address with this in it. An alert on the page is the server's refusal.
    ///
    /// # Errors
    /// When it was refused, or does not come in time.
    pub fn arrived(&self, part: &str) -> Result<()> {
        wait::until(part, Duration::from_secs(60), || {
            let alert = self.text("[role=alert]")?;
            ensure!(alert.is_empty(), "the server refused: {alert}");
            // In one script: the address of one page and the state of another say nothing.
            let at = self.browser.script("return document.readyState === 'complete' ? location.href : ''", &[])?;
            Ok(at.as_str().is_some_and(|at| at.contains(part)).then_some(()))
        })
    }

    /// The words of the first element of a selector; empty when there is none.
    ///
    /// # Errors
    /// When the browser does not answer.
    pub fn text(&self, selector: &str) -> Result<String> {
        let found = self.browser.script("return document.querySelector(a[0])?.innerText || ''", &[json!(selector)])?;
        Ok(found.as_str().unwrap_or_default().trim().to_owned())
    }

    /// Whether the page has such an element.
    ///
    /// # Errors
    /// When the browser does not answer.
    pub fn has(&self, selector: &str) -> Result<bool> {
        Ok(self.browser.script("return !!document.querySelector(a[0])", &[json!(selector)])? == true)
    }

    /// Fills a form: texts, choices and dates by name, boxes that are ticked as a list of values. Parts that are folded are
    /// opened first.
    ///
    /// # Errors
    /// When the form or one of its fields is not there.
    pub fn fill(&self, form: &str, fields: &Json) -> Result<()> {
        let missing = self.browser.script(
            "const form = document.querySelector(a[0]); if (!form) return ['the form ' + a[0]]; const missing = []; \
             for (let part = form; part; part = part.parentElement) if (part.tagName === 'DETAILS') part.open = true; \
             for (const [name, value] of Object.entries(a[1])) { \
               const own = [...form.querySelectorAll(`[name=\"${CSS.escape(name)}\"]`)]; \
               if (!own.length) missing.push(name); \
               for (const e of own) { \
                 if (e.type === 'checkbox' || e.type === 'radio') e.checked = [value].flat().includes(e.value); \
                 else { e.value = value; if (e.value !== value) missing.push(`${name} = ${value}`); } } } \
             return missing;",
            &[json!(form), fields.clone()],
        )?;
        ensure!(missing.as_array().is_some_and(Vec::is_empty), "not in the page: {missing}");
        Ok(())
    }

    /// Fills a form, presses one of its buttons and reads the answer.
    ///
    /// # Errors
    /// When the form is not there or no answer comes.
    pub fn send(&self, form: &str, fields: &Json, button: &str) -> Result<Answer> {
        self.fill(form, fields)?;
        self.press(&format!("{form} {button}"))
    }

    /// Presses a button that sends a form, and reads the answer.
    ///
    /// # Errors
    /// When it is not there or no answer comes.
    pub fn press(&self, button: &str) -> Result<Answer> {
        // The page that is sent is no answer; and the driver scrolls a button just into the window, where a phone's bar lies.
        self.browser.script(
            "document.querySelectorAll('p.notice, p.problem').forEach(p => p.remove()); \
             document.querySelector(a[0])?.scrollIntoView({block: 'center', behavior: 'instant'});",
            &[json!(button)],
        )?;
        self.browser.click(button)?;
        wait::until("an answer", Duration::from_secs(60), || {
            if self.browser.script("return document.readyState", &[])? != "complete" {
                return Ok(None);
            }
            let (done, refused) = (self.text("p.notice[role=status]")?, self.text("p.problem[role=alert]")?);
            Ok(match (done.is_empty(), refused.is_empty()) {
                (false, true) => Some(Answer::Done(done)),
                (_, false) => Some(Answer::Refused(refused)),
                (true, true) => None,
            })
        })
    }

    /// A file by a link of the page, as the browser gets it.
    ///
    /// # Errors
    /// When the link is not there or the server refuses.
    pub fn download(&self, selector: &str) -> Result<Vec<u8>> {
        let text = self.browser.script(
            "const answer = await fetch(document.querySelector(a[0]).href); if (!answer.ok) throw answer.status; \
             const bytes = new Uint8Array(await answer.arrayBuffer()); let text = ''; \
             for (let i = 0; i < bytes.length; i += 32768) text += String.fromCharCode(...bytes.subarray(i, i + 32768)); \
             return btoa(text);",
            &[json!(selector)],
        )?;
        Ok(data_encoding::BASE64.decode(text.as_str().unwrap_or_default().as_bytes())?)
    }

    /// Keeps a picture of the page when `GZ_PAGES_OUT` names a folder for them.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn picture(&self, name: &str) -> Result<()> {
        let Some(folder) = std::env::var_os("GZ_PAGES_OUT").map(PathBuf::from) else { return Ok(()) };
        std::fs::create_dir_all(&folder)?;
        Ok(std::fs::write(folder.join(format!("{name}.png")), self.browser.picture(true)?)?)
    }
}
