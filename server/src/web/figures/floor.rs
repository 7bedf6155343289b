//! Stops by reason, alarms and failures: what stood still, who says why, who came and when.
//!
//! Who says something is told by word and sign: a person's reason is marked as stated, nobody's is hatched.

use askama::Template;

use crate::web::chart::bar;
use crate::web::format::{self, Clockface, NONE, THIN};
use crate::web::text::Texts;
use crate::web::view::{Class, Figure};
use crate::web::words;
use metrics::figures::lists::{AlarmLine, FailureLine, Lists, StopLine};

struct Stop {
    reason: String,
    class: &'static str,
    source: String,
    times: String,
    time: String,
    doubt: String,
    share: String,
    bar: String,
}

struct Alarm {
    code: String,
    name: String,
    class: String,
    raised: String,
    lasted: String,
    notes: Vec<String>,
    noted: String,
    handled: String,
    is_open: bool,
    is_test: bool,
}

struct Failure {
    time: String,
    lasted: String,
    by: String,
    response: String,
    is_open: bool,
}

/// The sections.
#[derive(Template)]
#[template(path = "part/floor.html")]
pub(super) struct Floor {
    t: &'static Texts,
    stops: Vec<Stop>,
    stops_more: String,
    alarms: Vec<Alarm>,
    alarms_more: String,
    unmatched: Vec<(String, String, String)>,
    failures: Vec<Failure>,
    failures_more: String,
}

/// What a bounded list leaves out, in words.
pub(super) fn more(t: &Texts, n: usize) -> String {
    if n > 0 { t.f1("floor-left-out", "n", format::integer(n)) } else { String::new() }
}

/// A link to the figure of this page that the number belongs to.
pub(super) fn on_page(definition: &str, part: &str) -> String {
    format!("#{}", words::anchor(&format!("{definition}-{part}")))
}

/// From one instant to another; the day once when it is the same.
pub(super) fn span(face: &Clockface, from_ms: i64, to_ms: i64) -> String {
    if face.day(from_ms) == face.day(to_ms) {
        format!("{}–{}", face.day_minute(from_ms), face.minute(to_ms))
    } else {
        format!("{} – {}", face.day_minute(from_ms), face.day_minute(to_ms))
    }
}

impl Floor {
    pub(super) fn new(t: &'static Texts, lists: &Lists, face: &Clockface) -> Self {
        Self {
            stops: lists.stops.iter().map(|s| stop(t, s)).collect(),
            stops_more: more(t, lists.stops_left_out),
            alarms: lists.alarms.iter().map(|a| alarm(t, a, face)).collect(),
            alarms_more: more(t, lists.alarms_left_out),
            unmatched: lists
                .alarms_unmatched
                .iter()
                .map(|u| {
                    let leaf = t.f1("param-leaf", "n", format::integer(u.leaf));
                    (u.code.clone(), face.day_minute(u.raised_ms), leaf)
                })
                .collect(),
            failures: lists.failures.iter().map(|f| failure(t, f, face)).collect(),
            failures_more: more(t, lists.failures_left_out),
            t,
        }
    }
}

fn stop(t: &Texts, s: &StopLine) -> Stop {
    let micros = |digits: &str| digits.replace('.', "").parse::<i64>().ok();
    let share = s.share.as_deref().and_then(micros);
    Stop {
        reason: match s.source {
            "none" => t.s("floor-none"),
            "state" => t.s(words::state(&s.reason).key()),
            _ => s.reason.clone(),
        },
        class: match s.source {
            "stated" => "stated",
            "none" => "unknown",
            _ => "measured",
        },
        source: words::word(t, "floor-source", s.source),
        times: format::integer(s.times),
        time: Figure::plain(Class::Measured, format::duration(s.ms), on_page("stops.time@1", "")).html(),
        doubt: if s.doubtful_ms > 0 {
            t.f1("floor-doubt", "time", format::duration(s.doubtful_ms))
        } else {
            String::new()
        },
        share: share.and_then(|m| format::percent(m.into(), 1_000_000, 1)).unwrap_or_else(|| NONE.to_owned()),
        bar: bar::svg(share.unwrap_or(0), s.source),
    }
}

/// A length with the least and the most it can have been.
fn lasted(ms: i64, least: i64, most: Option<i64>) -> String {
    let why = format!("/metrics#{}", words::anchor("alarm.duration@1"));
    let mut out = Figure::plain(Class::Measured, format::duration(ms), why);
    let (value, low) = (format::duration(ms), format::duration(least));
    match most.map(format::duration) {
        Some(high) if low != high => out.bounds = format!("[{low}, {high}]"),
        None => out.bounds = format!("≥{THIN}{low}"),
        Some(_) => {}
    }
    if out.bounds == format!("[{value}, {value}]") { out.short() } else { out.html() }
}

fn alarm(t: &Texts, a: &AlarmLine, face: &Clockface) -> Alarm {
    let mut notes = Vec::new();
    if a.raised_after_ms.is_none() {
        notes.push(t.s("floor-begin-unseen"));
    }
    if a.end != "cleared" {
        notes.push(words::word(t, "floor-end", a.end));
    }
    if a.unseen_ms > 0 {
        notes.push(t.f1("floor-unseen", "time", format::duration(a.unseen_ms)));
    }
    if a.raises > 1 {
        notes.push(t.f1("floor-raises", "n", format::integer(a.raises)));
    }
    let after = |ms: i64| t.f1("floor-after", "time", format::duration(ms - a.raised_ms));
    Alarm {
        code: a.code.clone(),
        name: words::said(t, &a.names),
        class: words::word(t, "part", a.class.unwrap_or("unclassified")),
        raised: face.day_minute(a.raised_ms),
        lasted: lasted(a.duration_ms, a.least_ms, a.most_ms),
        notes,
        noted: a.acknowledged_ms.map_or_else(|| NONE.to_owned(), after),
        handled: match (a.handled_ms, a.open_ms) {
            (Some(ms), _) => after(ms),
            (None, Some(open)) => t.f1("floor-open", "time", format::duration(open)),
            (None, None) => NONE.to_owned(),
        },
        is_open: a.handled_ms.is_none() && a.open_ms.is_some(),
        is_test: a.is_test,
    }
}

fn failure(t: &Texts, f: &FailureLine, face: &Clockface) -> Failure {
    let mut time = span(face, f.from_ms, f.to_ms);
    if !f.is_beginning_seen {
        time = format!("{time} · {}", t.s("floor-begin-unseen"));
    }
    if !f.is_end_seen {
        time = format!("{time} · {}", t.s("floor-end-unseen"));
    }
    let by = match (f.by, f.leaf) {
        (Some("person"), Some(leaf)) => {
            format!("{} · {}", t.s("floor-source-stated"), t.f1("param-leaf", "n", format::integer(leaf)))
        }
        (Some(_), _) => t.s("floor-by-machine"),
        (None, _) => t.f1("floor-unanswered", "time", format::duration(f.open_ms.unwrap_or(0))),
    };
    let class = if f.by == Some("person") { Class::Stated } else { Class::Measured };
    let response =
        f.response_ms.map(|ms| Figure::plain(class, format::duration(ms), on_page("repair.response@1", "mean")));
    Failure {
        time,
        lasted: format::duration(f.to_ms - f.from_ms),
        by,
        response: response.map_or_else(|| NONE.to_owned(), |r| r.html()),
        is_open: f.by.is_none(),
    }
}
