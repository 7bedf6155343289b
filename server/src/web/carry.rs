//! 离线携带: records of gateways without a network in, their receipts out, in a browser. What the command line does with a stick.

use askama::Template;

use crate::query::SiteView;

use super::format::{self, Clockface};
use super::text::Texts;
use super::view::{Frame, Nav, url_part};

/// What became of an upload.
#[derive(Default)]
pub struct Told {
    /// Why nothing was read, or empty.
    pub problem: String,
    /// Each file: its name, whether everything it was to hold is there now, and what was said.
    pub files: Vec<(String, bool, String)>,
}

struct FileLine {
    name: String,
    whole: bool,
    words: Vec<String>,
}

struct Back {
    gateway: String,
    href: String,
    received: String,
    carried: String,
}

/// The page.
#[derive(Template)]
#[template(path = "carry.html")]
pub struct CarryPage {
    frame: Frame,
    t: &'static Texts,
    problem: String,
    files: Vec<FileLine>,
    gateways: Vec<Back>,
    action: String,
    back: String,
    form_token: String,
}

impl CarryPage {
    /// Builds the page.
    #[must_use]
    pub fn new(frame: Frame, data: &SiteView, face: &Clockface, told: Told) -> Self {
        let t = frame.t();
        let site = url_part(&data.site.id);
        let lines = |said: String| said.lines().map(str::to_owned).collect();
        Self {
            problem: told.problem,
            files: told
                .files
                .into_iter()
                .map(|(name, whole, said)| FileLine { name, whole, words: lines(said) })
                .collect(),
            gateways: data
                .gateways
                .iter()
                .filter(|gateway| gateway.revoked_ms.is_none())
                .map(|gateway| Back {
                    gateway: gateway.id.clone(),
                    href: format!("/sites/{site}/carry/{}", url_part(&gateway.id)),
                    received: gateway.received_ms.map_or_else(|| format::NONE.to_owned(), |ms| face.full(ms)),
                    carried: gateway.carried_ms.map_or_else(
                        || format::NONE.to_owned(),
                        |ms| {
                            let records = format::integer(gateway.carried);
                            t.f("carry-brought", &[("records", &records), ("time", &face.full(ms))])
                        },
                    ),
                })
                .collect(),
            action: format!("/sites/{site}/carry"),
            back: format!("/sites/{site}/gateways"),
            form_token: frame.reader.as_ref().map(|reader| reader.form_token.clone()).unwrap_or_default(),
            frame,
            t,
        }
    }
}

#[cfg(test)]
pub(super) fn samples(lang: super::text::Lang) -> Vec<(&'static str, String)> {
    use super::samples;
    let data = samples::site();
    let html = |told: Told| {
        let title = lang.texts().s("carry-title");
        let frame =
            samples::frame(lang, title, "/sites/jh-07/carry", Nav::Gateways, Some(&data.site), data.site.simulated);
        CarryPage::new(frame, &data, &samples::face(lang), told).render().expect("renders")
    };
    let file = |number: u64| format!("gongzheng.jh-07.gw-1.{number:016}.records");
    let files = vec![(file(0), true, "4096 / 0".to_owned()), (file(4096), false, "12 / 0\n<cut off>".to_owned())];
    vec![
        ("carry", html(Told::default())),
        ("carry-done", html(Told { files, ..Told::default() })),
        ("carry-refused", html(Told { problem: lang.texts().s("carry-none"), ..Told::default() })),
    ]
}
