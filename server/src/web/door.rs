//! Sign-in and first-run setup: the only pages without a session. They say nothing about who exists.

use askama::Template;

use super::text::{Lang, Texts};
use super::view::{Frame, Nav, url_part};

/// The sign-in form.
#[derive(Template)]
#[template(path = "login.html")]
pub struct LoginPage {
    frame: Frame,
    t: &'static Texts,
    problem: String,
    notice: String,
    next: String,
    name: String,
}

impl LoginPage {
    /// `problem` is a finished sentence or empty; `next` a path of ours.
    #[must_use]
    pub fn new(lang: Lang, problem: String, next: &str, name: &str) -> Self {
        let t = lang.texts();
        // Changing the language must not lose the page the reader wanted.
        let path = if next == "/" { "/login".to_owned() } else { format!("/login?next={}", url_part(next)) };
        let frame = Frame::bare(lang, t.s("login-title"), &path);
        Self { frame, t, problem, notice: String::new(), next: next.to_owned(), name: name.to_owned() }
    }

    /// Adds a sentence that is no failure, such as why the reader has to sign in again.
    #[must_use]
    pub fn noting(mut self, notice: String) -> Self {
        self.notice = notice;
        self
    }
}

/// The form that turns the first-run code into the first administrator.
#[derive(Template)]
#[template(path = "setup.html")]
pub struct SetupPage {
    frame: Frame,
    t: &'static Texts,
    problem: String,
    name: String,
}

impl SetupPage {
    /// `problem` is a finished sentence or empty.
    #[must_use]
    pub fn new(lang: Lang, problem: String, name: &str) -> Self {
        let t = lang.texts();
        Self { frame: Frame::bare(lang, t.s("setup-title"), "/setup"), t, problem, name: name.to_owned() }
    }
}

/// Something went wrong: what, where, what to do.
#[derive(Template)]
#[template(path = "problem.html")]
pub struct ProblemPage {
    frame: Frame,
    t: &'static Texts,
    status: u16,
    what: String,
    place: String,
    advice: String,
    reference: String,
}

impl ProblemPage {
    /// The page for a status; `place` is the address asked for, `reference` a number to find the server's log line by.
    #[must_use]
    pub fn new(lang: Lang, status: u16, place: &str, reference: &str) -> Self {
        let t = lang.texts();
        let kind = match status {
            403 => "forbidden",
            404 => "missing",
            400..=499 => "request",
            503 => "busy",
            _ => "failed",
        };
        let what = t.s(&format!("problem-{kind}"));
        Self {
            frame: Frame::bare(lang, what.clone(), "/"),
            t,
            status,
            what,
            place: place.chars().take(200).collect(),
            advice: t.s(&format!("problem-{kind}-do")),
            reference: reference.to_owned(),
        }
    }

    /// Replaces the general sentence by a precise one.
    #[must_use]
    pub fn saying(mut self, what: &str) -> Self {
        what.clone_into(&mut self.what);
        self
    }
}

#[cfg(test)]
pub(super) fn samples(lang: Lang) -> Vec<(&'static str, String)> {
    let t = lang.texts();
    let html = |page: Result<String, askama::Error>| page.expect("renders");
    vec![
        ("login", html(LoginPage::new(lang, String::new(), "/sites", "").render())),
        (
            "login-expired",
            html(LoginPage::new(lang, String::new(), "/sites/a", "").noting(t.s("login-expired")).render()),
        ),
        ("login-refused", html(LoginPage::new(lang, t.s("login-wrong"), "/sites?q=<x>", "li\"<wei>").render())),
        ("setup", html(SetupPage::new(lang, t.s("setup-wrong"), "").render())),
        ("missing", html(ProblemPage::new(lang, 404, "/sites/<script>", "").render())),
        ("forbidden", html(ProblemPage::new(lang, 403, "/logout", "").render())),
        ("failed", html(ProblemPage::new(lang, 500, "/sites/a", "r-7f3a").render())),
    ]
}
