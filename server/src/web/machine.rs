//! One machine in one shift: what it did minute by minute, what that makes as OEE, what was lost, what nobody knows.

use askama::Template;
use jiff::civil::Date;

use crate::query::{MachineView, ShiftView, TrendPoint};

use super::chart::waterfall::tiles;
use super::chart::{State, Width, energy, ribbon, waterfall};
use super::format::{self, Clockface};
use super::site::{Hero, energy_bars};
use super::text::Texts;
use super::view::{Figure, Frame, LegendEntry, Nav, url_part};
use super::words;

struct ShiftTab {
    href: String,
    name: String,
    day: String,
    current: bool,
}

/// A stretch nobody knows about.
pub(super) struct GapRow {
    pub(super) time: String,
    pub(super) length: String,
    pub(super) cause: String,
}

/// One stretch of the ribbon in words, for readers without a pointer.
struct Stretch {
    time: String,
    length: String,
    swatch: String,
    state: String,
    note: String,
}

struct RecentRow {
    /// The time without a shift between this one and the one above, in words; empty when they follow at once.
    outside: String,
    href: String,
    name: String,
    mini: String,
    oee: String,
    coverage: String,
    good: String,
    energy: String,
}

/// The page.
#[derive(Template)]
#[template(path = "machine.html")]
pub struct MachinePage {
    frame: Frame,
    t: &'static Texts,
    name: String,
    kind: String,
    state_swatch: String,
    state: String,
    state_words: String,
    action: String,
    figures: String,
    date: String,
    last_date: String,
    previous_day: String,
    next_day: String,
    shifts: Vec<ShiftTab>,
    shift_title: String,
    shift_time: String,
    evaluated: bool,
    ribbon_wide: String,
    ribbon_narrow: String,
    legend: Vec<LegendEntry>,
    stretches: Vec<Stretch>,
    stretches_title: String,
    outside: Vec<String>,
    production: bool,
    oee: String,
    notes: Vec<String>,
    availability: String,
    performance: String,
    quality: String,
    amounts: Vec<Hero>,
    waterfall_wide: String,
    waterfall_narrow: String,
    gaps: Vec<GapRow>,
    recent: Vec<RecentRow>,
    energy_wide: String,
    energy_narrow: String,
    others: Vec<Hero>,
}

impl MachinePage {
    /// Builds the page. `wanted` names a shift of the day; without it the newest is shown. `recent` are the shifts of
    /// the days before, newest first.
    #[must_use]
    pub fn new(
        frame: Frame,
        data: &MachineView,
        wanted: Option<&str>,
        recent: &[ShiftView],
        energy_days: &[TrendPoint],
        face: &Clockface,
    ) -> Self {
        let t = frame.t();
        let path = format!("/sites/{}/machines/{}", url_part(&data.site.id), url_part(&data.id));
        let name = words::name(&data.names, t.lang(), &data.id);
        let shown = wanted.and_then(|w| data.shifts.iter().find(|s| s.shift.name == w)).or_else(|| data.shifts.last());
        let day = data.date.parse::<Date>().ok();
        let day_words = day.map_or_else(|| data.date.clone(), |d| face.date_words(d));
        let tabs = data.shifts.iter().map(|s| ShiftTab {
            href: format!("{path}?date={}&shift={}", url_part(&data.date), url_part(&s.shift.name)),
            name: words::shift_name(t, &s.shift),
            day: format!("{}–{}", face.minute(s.shift.from_ms), face.minute(s.shift.until_ms)),
            current: shown.is_some_and(|x| x.shift == s.shift),
        });
        let dated =
            |d: &Option<String>| d.as_ref().map_or_else(String::new, |d| format!("{path}?date={}", url_part(d)));
        let bars = energy_bars(t, energy_days, &path);
        let energy_title = t.f1("machine-energy-title", "name", name.clone());
        let bar = |w| if bars.is_empty() { String::new() } else { energy::svg("energy", &energy_title, &bars, t, w) };
        let mut page = Self {
            kind: t.s(match data.role.as_str() {
                "meter" => "kind-meter",
                "auxiliary" => "kind-auxiliary",
                _ => "kind-production",
            }),
            state_swatch: String::new(),
            state: String::new(),
            state_words: t.s("machine-no-shift"),
            action: path.clone(),
            figures: format!("{path}/figures"),
            date: data.date.clone(),
            last_date: face.day(data.now_ms),
            previous_day: dated(&data.previous),
            next_day: dated(&data.next),
            shifts: tabs.collect(),
            shift_title: day_words.clone(),
            shift_time: String::new(),
            evaluated: false,
            ribbon_wide: String::new(),
            ribbon_narrow: String::new(),
            legend: Vec::new(),
            stretches: Vec::new(),
            stretches_title: String::new(),
            outside: Vec::new(),
            production: data.role == "production",
            oee: String::new(),
            notes: Vec::new(),
            availability: String::new(),
            performance: String::new(),
            quality: String::new(),
            amounts: Vec::new(),
            waterfall_wide: String::new(),
            waterfall_narrow: String::new(),
            gaps: Vec::new(),
            recent: recent.iter().enumerate().map(|(i, s)| recent_row(t, data, &path, i, s)).collect(),
            energy_wide: bar(Width::Wide),
            energy_narrow: bar(Width::Narrow),
            others: Vec::new(),
            name,
            frame,
            t,
        };
        // Newest first, as `recent` is: what lies between a shift and the one before it.
        let mut later: Option<&ShiftView> = None;
        for (index, shift) in data.shifts.iter().rev().chain(recent).enumerate() {
            let words = later.and_then(|next| outside(t, face, shift, next)).unwrap_or_default();
            match index.checked_sub(data.shifts.len()).and_then(|i| page.recent.get_mut(i)) {
                Some(row) if index > data.shifts.len() => row.outside = words,
                // Between the shifts of the day, and between the day and the one before: said above the picture.
                _ => page.outside.push(words),
            }
            later = Some(shift);
        }
        page.outside.retain(|words| !words.is_empty());
        page.outside.reverse();
        if let Some(shift) = shown {
            page.show(data, shift, &day_words, face);
        }
        page
    }

    fn show(&mut self, data: &MachineView, shift: &ShiftView, day_words: &str, face: &Clockface) {
        let t = self.t;
        self.evaluated = true;
        let live = !shift.closed;
        if let Some(last) = shift.intervals.iter().rev().find(|i| i.from_ms < shift.evaluated_to_ms) {
            let state = if live { words::state(&last.state) } else { State::Unknown };
            if live {
                self.state_swatch = state.swatch();
                self.state = t.s(state.key());
            }
            self.state_words = if live {
                let since = format::duration(shift.evaluated_to_ms - last.from_ms);
                t.f("machine-live", &[("since", &since), ("age", &format::age(t, data.now_ms - shift.evaluated_to_ms))])
            } else {
                t.s("machine-closed")
            };
        }
        let shift_name = words::shift_name(t, &shift.shift);
        self.shift_title = t.f("machine-shift-title", &[("day", &day_words), ("shift", &shift_name)]);
        self.shift_time = format!("{}–{}", face.minute(shift.shift.from_ms), face.minute(shift.shift.until_ms));
        let title = format!("{} · {} {}", self.name, self.shift_title, self.shift_time);
        let picture = words::ribbon(t, "ribbon", &title, face.zone().clone(), shift);
        if data.role != "meter" {
            self.ribbon_wide = picture.svg(t, Width::Wide);
            self.ribbon_narrow = picture.svg(t, Width::Narrow);
            self.legend = words::ribbon_legend(t, &picture);
            self.stretches = words::spans(t, &shift.intervals)
                .into_iter()
                .take(STRETCHES_MAX)
                .map(|s| Stretch {
                    time: format!("{}–{}", face.second(s.from_ms), face.second(s.to_ms)),
                    length: format::duration(s.to_ms - s.from_ms),
                    swatch: s.state.swatch(),
                    state: t.s(s.state.key()),
                    note: s.note,
                })
                .collect();
            self.stretches_title = t.f1("machine-stretches", "n", format::integer(shift.intervals.len() as i64));
        }
        let figure = |prefix: &str| words::figure_of(t, &data.site.id, &data.id, shift, prefix);
        self.oee = figure("oee.").html();
        self.availability = figure("availability").short();
        self.performance = figure("performance").short();
        self.quality = figure("quality").short();
        let oee = words::find(&shift.figures, "oee.");
        // What a reader must know holds for the whole shift: said once, not beside every number.
        let flags: std::collections::BTreeSet<&String> = shift.figures.iter().flat_map(|f| &f.flags).collect();
        self.notes = flags.into_iter().map(|f| words::flag(t, f)).collect();
        let main = ["oee.", "availability", "performance", "quality"];
        let rest = shift.figures.iter().filter(|f| !main.iter().any(|m| f.metric.starts_with(m)));
        let hero = |f: &crate::query::Figure| Hero {
            label: words::metric(t, &f.metric),
            figure: words::figure(
                t,
                f,
                &words::why_href(&data.site.id, &data.id, &shift.shift.date, &shift.shift.name, &f.metric),
            )
            .html(),
            note: String::new(),
        };
        let (amounts, others): (Vec<_>, Vec<_>) =
            rest.partition(|f| matches!(f.unit.as_str(), "Wh" | "piece" | "count"));
        self.amounts = amounts.into_iter().map(hero).collect();
        self.others = others.into_iter().map(hero).collect();
        if self.production {
            let steps = words::waterfall(
                t,
                &shift.buckets,
                &words::delay_by_state(&shift.intervals),
                words::find(&shift.figures, "performance").and_then(|f| f.value),
                oee.and_then(|f| f.value),
            );
            if !steps.is_empty() && tiles(&steps) {
                let title = t.f1("site-losses-title", "name", title);
                self.waterfall_wide = waterfall::svg("losses", &title, &steps, Width::Wide);
                self.waterfall_narrow = waterfall::svg("losses", &title, &steps, Width::Narrow);
            }
        }
        self.gaps = shift
            .intervals
            .iter()
            .filter(|i| words::state(&i.state) == State::Unknown)
            .take(GAPS_MAX)
            .map(|i| gap_row(t, face, i.from_ms, i.until_ms, &i.cause))
            .collect();
    }
}

/// Most gaps listed on a page; the rest is in the bundle, and the picture shows them all.
const GAPS_MAX: usize = 50;
/// Most stretches listed in words; a shift of ordinary length has about a hundred.
const STRETCHES_MAX: usize = 400;
/// Time between two shifts shorter than this is not mentioned.
const OUTSIDE_MIN_MS: i64 = 60_000;

/// The time between two shifts that follow each other, in words. Only what lies between two evaluated shifts is said to
/// be outside: before the first and after the last there may be shifts that are not evaluated yet.
fn outside(t: &Texts, face: &Clockface, earlier: &ShiftView, later: &ShiftView) -> Option<String> {
    let (from, to) = (earlier.shift.until_ms, later.shift.from_ms);
    (to - from >= OUTSIDE_MIN_MS).then(|| {
        let (from_words, to_words) = (face.day_minute(from), face.day_minute(to));
        t.f("machine-outside", &[("from", &from_words), ("to", &to_words), ("length", &format::duration(to - from))])
    })
}

pub(super) fn gap_row(t: &Texts, face: &Clockface, from_ms: i64, until_ms: i64, cause: &str) -> GapRow {
    GapRow {
        time: format!("{}–{}", face.second(from_ms), face.second(until_ms)),
        length: format::duration(until_ms - from_ms),
        cause: if cause.is_empty() { t.s("cause-none") } else { words::word(t, "cause", cause) },
    }
}

fn recent_row(t: &Texts, data: &MachineView, path: &str, index: usize, s: &ShiftView) -> RecentRow {
    let name = words::shift_name(t, &s.shift);
    let figure = |prefix: &str| words::figure_of(t, &data.site.id, &data.id, s, prefix);
    let live = (!s.closed).then_some(s.evaluated_to_ms);
    let title = format!("{} {name}", s.shift.date);
    let mut bare: Figure = figure("oee.");
    bare.coverage.clear();
    // The column's own name says what the share is of.
    let covered = words::find(&s.figures, "oee.").and_then(|f| f.coverage);
    RecentRow {
        outside: String::new(),
        href: format!("{path}?date={}&shift={}", url_part(&s.shift.date), url_part(&s.shift.name)),
        mini: ribbon::mini(
            &format!("r{index}"),
            s.shift.from_ms,
            s.shift.until_ms,
            live,
            &words::spans(t, &s.intervals),
            &title,
        ),
        name: format!("{} {name}", month_day(&s.shift.date)),
        oee: if data.role == "production" { bare.html() } else { Figure::undefined(t.s("not-applicable"), "").html() },
        coverage: words::percent(covered).unwrap_or_default(),
        good: if data.role == "production" {
            figure("count.good").short()
        } else {
            Figure::undefined(t.s("not-applicable"), "").html()
        },
        energy: figure("energy.active").short(),
    }
}

fn month_day(date: &str) -> String {
    date.get(5..).unwrap_or(date).to_owned()
}

#[cfg(test)]
pub(super) fn samples(lang: super::text::Lang) -> Vec<(&'static str, String)> {
    use super::samples;
    let html = |data: &MachineView, wanted: Option<&str>, recent: &[ShiftView], energy: &[TrendPoint]| {
        let name = words::name(&data.names, lang, &data.id);
        let frame =
            samples::frame(lang, name, "/sites/jh-07/machines/press", Nav::Site, Some(&data.site), data.site.simulated);
        MachinePage::new(frame, data, wanted, recent, energy, &samples::face(lang)).render().expect("renders")
    };
    vec![
        ("machine", html(&samples::machine(), Some("day"), &samples::recent(), &samples::energy_days())),
        ("machine-live", html(&samples::machine(), None, &samples::recent(), &[])),
        ("machine-clamp", html(&samples::machine_undefined(), None, &[], &[])),
        ("machine-new", html(&samples::machine_new(), None, &[], &[])),
    ]
}

#[cfg(test)]
mod tests {
    use super::super::samples;
    use super::super::text::Lang;
    use super::*;

    #[test]
    fn time_between_two_shifts_is_said_once_and_never_when_they_follow_at_once() {
        let (t, face) = (Lang::En.texts(), samples::face(Lang::En));
        let mut earlier = samples::recent().remove(0);
        let mut later = earlier.clone();
        later.shift.from_ms = earlier.shift.until_ms;
        assert_eq!(outside(t, &face, &earlier, &later), None);
        earlier.shift.until_ms -= 8 * 3_600_000;
        let words = outside(t, &face, &earlier, &later).expect("eight hours");
        assert!(words.starts_with("Outside shifts") && words.contains("8"), "{words}");
    }
}
