//! On-site checks (现场核查单), for a phone held in a workshop and for paper afterwards.
//!
//! Constraints first:
//! - One machine, one card: stop or start it, its meter, its plates; under them what was done, with what the log shows of it.
//! - What the log shows before somebody records it says so; what has not come yet is waited for, never failed.
//! - Agreement has a sign and words beside its colour. The page states no result of its own: it says what agrees and what does not.
//! - Works without scripts: a link looks again. With them the cards that wait do so by themselves.

use askama::Template;

use crate::query::{AgreementView, OnsiteAct, OnsiteLine, OnsiteMachine, OnsiteSheet, OnsiteView};

use super::format::{self, Clockface};
use super::text::Texts;
use super::view::{Frame, Nav, url_part};
use super::words::{self, said, word};

/// A card whose newest act is younger than this, and waits, looks again by itself, milliseconds.
const LIVE_MS: i64 = 600_000;
/// Machines drawn when nobody says how many.
const WANTED: i64 = 3;

/// What was handed in before this page, and what came of it.
#[derive(Default)]
pub struct Told {
    /// A finished sentence: logged.
    pub done: String,
    /// A finished sentence: refused.
    pub problem: String,
    /// Which form: `check`, `face/<machine>`, `plate/<machine>` …
    pub form: String,
    /// Its fields as typed.
    pub typed: Vec<(String, String)>,
    /// A machine whose card is opened although it was not drawn.
    pub opened: String,
}

/// A sentence about what the log shows.
struct Line {
    css: &'static str,
    text: String,
}

/// Something done or seen.
struct ActLine {
    what: String,
    more: Vec<String>,
    lines: Vec<Line>,
    waiting: String,
    /// Leaf to record the result of; empty: recorded, or nothing to record yet.
    record: String,
    stands: String,
    photo: String,
    photo_alt: String,
}

/// A machine's card.
struct Card {
    id: String,
    anchor: String,
    name: String,
    is_drawn: bool,
    has_state: bool,
    has_energy: bool,
    acts: Vec<ActLine>,
    /// Looks again by itself.
    is_live: bool,
}

/// A draw.
struct DrawLine {
    when: String,
    drawn: String,
    of: String,
    seed: String,
    /// Leaf to record; empty: recorded.
    record: String,
}

/// A confirmation, or its absence.
struct SideLine {
    name: String,
    css: &'static str,
    says: String,
    /// `checker` or `firm` where the reader may confirm now.
    ask: &'static str,
}

/// The page.
#[derive(Template)]
#[template(path = "onsite.html")]
pub struct OnsitePage {
    frame: Frame,
    t: &'static Texts,
    subject: String,
    back: String,
    action: String,
    here: String,
    form_token: String,
    told: Told,
    may_check: bool,
    others: Vec<(String, String, bool)>,
    next_check: String,
    wanted: String,
    check: String,
    body: String,
    begun: String,
    draws: Vec<DrawLine>,
    drawn_times: String,
    cards: Vec<Card>,
    more: Vec<(String, String)>,
    unconfirmed: String,
    sides: Vec<SideLine>,
    through: String,
    digest: String,
    void: String,
}

impl OnsitePage {
    /// Builds the page.
    #[must_use]
    pub fn new(frame: Frame, data: &OnsiteView, face: &Clockface, told: Told) -> Self {
        let t = frame.t();
        let back = format!("/sites/{}", url_part(&data.site.id));
        let action = format!("{back}/onsite");
        let sheet = data.sheet.as_ref();
        let check = sheet.map(|s| s.check.clone()).unwrap_or_default();
        let other = |c: &String| (c.clone(), format!("{action}?check={}", url_part(c)), *c == check);
        let look = Look { t, face, data, photos: format!("/api/v1/sites/{}/onsite/photos/", url_part(&data.site.id)) };
        let cards = sheet.map(|s| look.cards(s, &told.opened)).unwrap_or_default();
        let is_shown = |m: &&OnsiteMachine| !m.is_boundary || m.has_energy;
        let is_left = |m: &&OnsiteMachine| !cards.iter().any(|c| c.id == m.id);
        let more = data.machines.iter().filter(is_shown).filter(is_left);
        let open = sheet.map_or(0, |s| s.unconfirmed);
        Self {
            subject: words::name(&data.site.names, t.lang(), &data.site.id),
            form_token: frame.reader.as_ref().map(|r| r.form_token.clone()).unwrap_or_default(),
            may_check: data.may_check,
            others: if data.checks.len() > 1 { data.checks.iter().map(other).collect() } else { Vec::new() },
            next_check: next_check(data, face),
            wanted: WANTED.to_string(),
            here: format!("{action}?check={}", url_part(&check)),
            body: sheet.map(|s| s.body.clone()).unwrap_or_default(),
            begun: sheet.and_then(|s| s.begun_ms).map(|at| face.full(at)).unwrap_or_default(),
            draws: sheet.map(|s| look.draws(s)).unwrap_or_default(),
            drawn_times: sheet
                .filter(|s| s.draws.len() > 1)
                .map(|s| t.f1("onsite-drawn-times", "n", s.draws.len()))
                .unwrap_or_default(),
            more: more.map(|m| (m.id.clone(), words::name(&m.names, t.lang(), &m.id))).collect(),
            cards,
            unconfirmed: if open > 0 { t.f1("onsite-unconfirmed", "n", open) } else { String::new() },
            sides: sheet.map(|s| look.sides(s)).unwrap_or_default(),
            through: sheet.map(|s| s.through.to_string()).unwrap_or_default(),
            digest: sheet.map(|s| s.digest.clone()).unwrap_or_default(),
            void: sheet.filter(|s| !s.void.is_empty()).map_or_else(String::new, |s| {
                let leaves: Vec<String> = s.void.iter().map(|l| format::integer(*l)).collect();
                t.f1("onsite-void", "leaves", leaves.join(&t.s("list-comma")))
            }),
            check,
            told,
            back,
            action,
            frame,
            t,
        }
    }

    /// What was typed into a field of a form that came back; a default otherwise.
    fn kept<'a>(&'a self, form: &str, field: &str, otherwise: &'a str) -> &'a str {
        if self.told.form != form {
            return otherwise;
        }
        self.told.typed.iter().find(|(name, _)| name == field).map_or("", |(_, value)| value)
    }

    /// The same of a machine's form.
    fn own<'a>(&'a self, form: &str, card: &Card, field: &str, otherwise: &'a str) -> &'a str {
        self.kept(&format!("{form}/{}", card.id), field, otherwise)
    }

    /// Whether a machine's form came back.
    fn is_back(&self, form: &str, card: &Card) -> bool {
        self.told.form == format!("{form}/{}", card.id)
    }
}

/// An id that is not taken: today, and a number.
fn next_check(data: &OnsiteView, face: &Clockface) -> String {
    let day = face.day(data.now_ms).replace('-', "");
    let free = |n: &i32| !data.checks.contains(&format!("oc-{day}-{n}"));
    format!("oc-{day}-{}", (1..1_000).find(free).unwrap_or(1_000))
}

/// What lines are made with.
struct Look<'l> {
    t: &'static Texts,
    face: &'l Clockface,
    data: &'l OnsiteView,
    photos: String,
}

impl Look<'_> {
    fn name(&self, id: &str) -> String {
        let named = self.data.machines.iter().find(|m| m.id == id);
        named.map_or_else(|| id.to_owned(), |m| words::name(&m.names, self.t.lang(), id))
    }

    fn who(&self, author: &str, role: &str) -> String {
        format!("{author} · {}", word(self.t, "role", role))
    }

    fn leaf(&self, leaf: i64) -> String {
        self.t.f1("onsite-leaf", "leaf", format::integer(leaf))
    }

    fn draws(&self, sheet: &OnsiteSheet) -> Vec<DrawLine> {
        let line = |d: &crate::query::OnsiteDraw| {
            let names =
                |ids: &[String]| ids.iter().map(|id| self.name(id)).collect::<Vec<_>>().join(&self.t.s("list-comma"));
            DrawLine {
                when: format!("{} · {} · {}", self.face.full(d.at_ms), self.who(&d.author, &d.role), self.leaf(d.leaf)),
                drawn: d.drawn.as_deref().map(names).unwrap_or_default(),
                of: self.t.f("onsite-draw-of", &[("n", &d.machines.len()), ("machines", &names(&d.machines))]),
                seed: self.t.f(
                    "onsite-draw-seed",
                    &[("leaf", &format::integer(d.leaf)), ("root", &format::short_digest(&d.root))],
                ),
                record: if d.drawn.is_none() { d.leaf.to_string() } else { String::new() },
            }
        };
        sheet.draws.iter().map(line).collect()
    }

    /// Cards of the machines drawn, in the order drawn, then of those that something was done to all the same, and of the one opened now.
    fn cards(&self, sheet: &OnsiteSheet, opened: &str) -> Vec<Card> {
        let drawn = sheet.draws.iter().flat_map(|d| d.drawn.iter().flatten());
        let opened = self.data.machines.iter().map(|m| &m.id).filter(|id| *id == opened);
        let mut ids: Vec<&String> = Vec::new();
        for id in drawn.chain(sheet.acts.iter().map(|a| &a.machine)).chain(opened) {
            if !ids.contains(&id) {
                ids.push(id);
            }
        }
        let card = |id: &String| {
            let machine = self.data.machines.iter().find(|m| m.id == *id);
            let own: Vec<&OnsiteAct> = sheet.acts.iter().filter(|a| a.machine == *id).collect();
            let waits = |a: &&OnsiteAct| a.waiting.is_some() && self.data.now_ms - a.at_ms < LIVE_MS;
            Card {
                id: id.clone(),
                anchor: format!("m-{}", url_part(id)),
                name: self.name(id),
                is_drawn: sheet.draws.iter().any(|d| d.drawn.iter().flatten().any(|m| m == id)),
                has_state: machine.is_some_and(|m| m.has_state),
                has_energy: machine.is_some_and(|m| m.has_energy),
                is_live: own.iter().any(waits),
                acts: own.into_iter().map(|a| self.act(a)).collect(),
            }
        };
        ids.into_iter().map(card).collect()
    }

    fn act(&self, act: &OnsiteAct) -> ActLine {
        let t = self.t;
        let (what, mut more, photo) = match (&act.action, &act.face, &act.plate) {
            (Some(action), ..) => {
                let key = if action == "stop" { "onsite-pressed-stop" } else { "onsite-pressed-start" };
                (t.f1(key, "time", self.face.second(act.at_ms)), Vec::new(), None)
            }
            (_, Some(face), _) => {
                let time = self.face.second(face.taken_ms);
                let value = format::with_unit(&face.value, &face.unit);
                let register = t.s(if face.same_register { "onsite-face-same" } else { "onsite-face-other" });
                let digest = t.f1("onsite-photo-digest", "digest", format::short_digest(&face.photo));
                let what = t.f("onsite-faced", &[("value", &value), ("time", &time)]);
                (what, vec![register, digest], Some(&face.photo))
            }
            (_, _, plate) => {
                let ct =
                    plate.as_ref().and_then(|p| p.ct.as_ref()).map(|ct| t.f1("onsite-plated-ct", "ct", ct.as_str()));
                let numbers = plate.as_ref().map(|p| {
                    [("onsite-plated-serial", &p.serial), ("onsite-plated-meter", &p.meter_serial)]
                        .into_iter()
                        .filter(|(_, number)| !number.is_empty())
                        .map(|(key, number)| t.f1(key, "number", number))
                        .collect::<Vec<_>>()
                });
                let note = plate.as_ref().map(|p| p.note.clone()).filter(|note| !note.is_empty());
                let more = numbers.into_iter().flatten().chain(ct).chain(note).collect();
                (t.f1("onsite-plated", "time", self.face.second(act.at_ms)), more, None)
            }
        };
        more.push(format!("{} · {}", self.who(&act.author, &act.role), self.leaf(act.leaf)));
        let line = |l: &OnsiteLine| Line {
            css: match l.agreement {
                AgreementView::Agrees => "good",
                AgreementView::Differs => "bad",
                AgreementView::Open => "none",
            },
            text: said(t, &l.words),
        };
        let can_be_recorded = act.result_leaf.is_none() && !act.lines.is_empty();
        ActLine {
            what,
            more,
            lines: act.lines.iter().map(line).collect(),
            waiting: act.waiting.as_ref().map(|w| said(t, w)).unwrap_or_default(),
            record: if can_be_recorded { act.leaf.to_string() } else { String::new() },
            stands: match (act.result_leaf, act.size) {
                (Some(leaf), Some(size)) => {
                    t.f("onsite-recorded", &[("leaf", &format::integer(leaf)), ("size", &format::integer(size))])
                }
                _ if can_be_recorded => t.s("onsite-not-recorded"),
                _ => String::new(),
            },
            photo: photo
                .filter(|_| self.data.may_see_photos)
                .map_or_else(String::new, |p| format!("{}{p}", self.photos)),
            photo_alt: t.f1("onsite-photo-alt", "machine", self.name(&act.machine)),
        }
    }

    fn sides(&self, sheet: &OnsiteSheet) -> Vec<SideLine> {
        let t = self.t;
        let side = |id: &'static str, key: &str, may: bool| {
            let own: Vec<_> = sheet.confirmations.iter().filter(|c| c.side == id).collect();
            let last = own.iter().rev().find(|c| c.holds).or(own.last());
            let (css, says) = match last {
                None => ("none", t.s("onsite-side-none")),
                Some(c) => {
                    let blanks: [(&str, &dyn super::text::Word); 4] = [
                        ("who", &self.who(&c.author, &c.role)),
                        ("time", &self.face.full(c.at_ms)),
                        ("through", &format::integer(c.through)),
                        ("leaf", &format::integer(c.leaf)),
                    ];
                    match (c.holds, c.is_current) {
                        (false, _) => ("bad", t.f("onsite-side-void", &blanks)),
                        (true, true) => ("good", t.f("onsite-side-confirmed", &blanks)),
                        (true, false) => ("warn", t.f("onsite-side-older", &blanks)),
                    }
                }
            };
            let is_open = !last.is_some_and(|c| c.holds && c.is_current);
            SideLine { name: t.s(key), css, says, ask: if may && is_open { id } else { "" } }
        };
        vec![
            side("checker", "onsite-side-checker", self.data.may_check),
            side("firm", "onsite-side-firm", self.data.may_confirm),
        ]
    }
}

#[cfg(test)]
pub(super) fn samples(lang: super::text::Lang) -> Vec<(&'static str, String)> {
    use super::samples;
    let render = |name, data: OnsiteView, told: Told| {
        let title = lang.texts().s("onsite-title");
        let frame =
            samples::frame(lang, title, "/sites/jh-07/onsite", Nav::Site, Some(&data.site), data.site.simulated);
        (name, OnsitePage::new(frame, &data, &samples::face(lang), told).render().expect("renders"))
    };
    let typed = |fields: &[(&str, &str)]| fields.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    let refused = Told {
        problem: "<no>".into(),
        form: "face/press-1".into(),
        typed: typed(&[("value", "12\"345"), ("unit", "MWh"), ("register", "other")]),
        ..Told::default()
    };
    let plate = Told {
        problem: "<no>".into(),
        form: "plate/press-1".into(),
        typed: typed(&[("serial", "S<1>"), ("seal", "broken")]),
        ..Told::default()
    };
    let mut empty = samples::onsite::onsite();
    (empty.sheet, empty.checks) = (None, Vec::new());
    let firm = OnsiteView { may_check: false, may_confirm: true, may_see_photos: false, ..samples::onsite::onsite() };
    vec![
        render("onsite", samples::onsite::onsite(), refused),
        render("onsite-plate", samples::onsite::onsite(), plate),
        render("onsite-firm", firm, Told { done: "ok".into(), ..Told::default() }),
        render("onsite-none", empty.clone(), Told::default()),
        render("onsite-none-read", OnsiteView { may_check: false, ..empty }, Told::default()),
    ]
}
