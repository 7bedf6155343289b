//! From the words and integers of the read models to what a reader sees: names in the reader's language, figures with
//! bounds and coverage, pictures of states.
//!
//! A word the locales do not know is shown as it came, never hidden: a newer projector may be ahead of the pages.

use metrics::grade::Flag;
use metrics::oee::Undefined;

use crate::query::{self, Duration, Interval, NamedMachine, Ratio, ShiftView, Words};

use super::chart::State;
use super::chart::ribbon::{Plan, Ribbon, Span};
use super::chart::waterfall::{Kind, Step};
use super::format;
use super::text::{Lang, Texts};
use super::view::{Class, Figure, Grade, LegendEntry, RatioValue, url_part};

/// A name in the reader's language; the other language, then the identifier, stand in.
#[must_use]
pub fn name(names: &Words, lang: Lang, id: &str) -> String {
    let (first, second) = match lang {
        Lang::Zh => (&names.zh, &names.en),
        Lang::En => (&names.en, &names.zh),
    };
    [first, second].into_iter().find(|n| !n.is_empty()).map_or_else(|| id.to_owned(), Clone::clone)
}

/// The name of a shift. Time outside every shift is evaluated too, and has no name of its own.
#[must_use]
pub fn shift_name(t: &Texts, shift: &query::ShiftKey) -> String {
    if shift.name == metrics::calendar::OUTSIDE_SHIFTS {
        return t.s("outside-shifts");
    }
    name(&shift.names, t.lang(), &shift.name)
}

/// A word of the read models under a family of keys: `cause` + `device_silent` → key `cause-device-silent`.
#[must_use]
pub fn word(t: &Texts, family: &str, word: &str) -> String {
    let tail: String = word
        .split('@')
        .next()
        .unwrap_or_default()
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' })
        .collect();
    let key = format!("{family}-{tail}");
    if t.has(&key) { t.s(&key) } else { word.to_owned() }
}

/// A machine as the site calls it.
#[must_use]
pub fn machine(t: &Texts, machines: &[NamedMachine], id: &str) -> String {
    let named = machines.iter().find(|m| m.id == id);
    named.map_or_else(|| id.to_owned(), |m| name(&m.names, t.lang(), id))
}

/// The words in the reader's language.
#[must_use]
pub fn said<'w>(t: &Texts, words: impl Into<(&'w str, &'w str)>) -> String {
    let (zh, en) = words.into();
    match t.lang() {
        Lang::Zh => zh.to_owned(),
        Lang::En => en.to_owned(),
    }
}

/// What a flag means, as the report says it.
#[must_use]
pub fn flag(t: &Texts, code: &str) -> String {
    Flag::from_code(code).map_or_else(|| code.to_owned(), |flag| said(t, flag.words()))
}

/// Why there is no value, as the report says it.
#[must_use]
pub fn because(t: &Texts, reason: Undefined) -> String {
    said(t, reason.words())
}

/// The same for a firm of which nothing may have come yet.
#[must_use]
pub fn absent(t: &Texts, never: bool, reason: Undefined) -> String {
    if never { t.s("undefined-no-data") } else { because(t, reason) }
}

fn undefined(t: &Texts, code: &str) -> String {
    Undefined::from_code(code).map_or_else(|| code.to_owned(), |reason| because(t, reason))
}

/// The name of a metric from the catalogue; a definition this program does not know shows its id.
#[must_use]
pub fn metric(t: &Texts, id: &str) -> String {
    metrics::catalogue::get(id).map_or_else(
        || id.to_owned(),
        |d| {
            match t.lang() {
                Lang::Zh => d.zh,
                Lang::En => d.en,
            }
            .to_owned()
        },
    )
}

/// What a definition or figure is called in an address: letters and digits, all else a hyphen. Chinese keeps its characters.
#[must_use]
pub fn anchor(id: &str) -> String {
    id.chars().map(|c| if c.is_alphanumeric() { c } else { '-' }).collect()
}

/// Subjects of the catalogue in the order pages show them; each is a key `group-…`.
pub const GROUPS: [&str; 10] =
    ["time", "reliability", "quality", "production", "batch", "energy", "carbon", "change", "ledger", "trust"];

/// The subject of a definition, by the first words of its id.
#[must_use]
pub fn group(id: &str) -> &'static str {
    const BY_PREFIX: [(&str, &str); 37] = [
        ("batch.", "batch"),
        ("continuous.", "batch"),
        ("cmr.", "reliability"),
        ("mtbf.", "reliability"),
        ("mttf.", "reliability"),
        ("mttr.", "reliability"),
        ("inherent_", "reliability"),
        ("failure.", "reliability"),
        ("repair.", "reliability"),
        ("alarm", "reliability"),
        ("quality.", "quality"),
        ("scrap", "quality"),
        ("rework", "quality"),
        ("fpy.", "quality"),
        ("fall_off.", "quality"),
        ("spc.", "quality"),
        ("capability.", "quality"),
        ("count.", "production"),
        ("cycle.", "production"),
        ("changeover.", "production"),
        ("capacity.", "production"),
        ("plan.", "production"),
        ("material.", "production"),
        ("stops.", "production"),
        ("energy", "energy"),
        ("power.", "energy"),
        ("meter.", "energy"),
        ("bill.", "energy"),
        ("co2.", "carbon"),
        ("savings.", "change"),
        ("change.", "change"),
        ("baseline.", "change"),
        ("model.", "change"),
        ("unit_consumption.change", "change"),
        ("throughput.", "production"),
        ("credibility.", "trust"),
        ("trust.", "trust"),
    ];
    const LEDGER: [&str; 14] = [
        "ledger.",
        "equipment.",
        "collection.",
        "care.",
        "orders.",
        "assessment.",
        "system.",
        "data.",
        "safety.",
        "service.",
        "lighthouse.",
        "process.controlled",
        "labour.",
        "level.",
    ];
    let by_prefix = BY_PREFIX.iter().find(|(prefix, _)| id.starts_with(prefix)).map(|(_, group)| *group);
    by_prefix.unwrap_or_else(|| if LEDGER.iter().any(|p| id.starts_with(p)) { "ledger" } else { "time" })
}

/// Definitions by subject, subjects without any left out.
#[must_use]
pub fn grouped(all: Vec<query::DefinitionView>) -> Vec<(&'static str, Vec<query::DefinitionView>)> {
    let mut out: Vec<(&'static str, Vec<query::DefinitionView>)> = GROUPS.iter().map(|g| (*g, Vec::new())).collect();
    for definition in all {
        let subject = group(&definition.id);
        if let Some((_, list)) = out.iter_mut().find(|(name, _)| *name == subject) {
            list.push(definition);
        }
    }
    out.retain(|(_, list)| !list.is_empty());
    out
}

/// The state a word means.
#[must_use]
pub fn state(word: &str) -> State {
    match word {
        "off" => State::Off,
        "idle" => State::Idle,
        "wait" => State::Wait,
        "run" => State::Run,
        "setup" => State::Setup,
        "fault" => State::Fault,
        "maint" => State::Maint,
        _ => State::Unknown,
    }
}

/// The grade a letter means.
#[must_use]
pub fn grade(letter: &str) -> Option<Grade> {
    match letter {
        "A" => Some(Grade::A),
        "B" => Some(Grade::B),
        "C" => Some(Grade::C),
        "D" => Some(Grade::D),
        _ => None,
    }
}

fn pair(r: Ratio) -> (i128, i128) {
    (r.numerator.into(), r.denominator.into())
}

/// A ratio with nothing else known about it, in percent.
#[must_use]
pub fn percent(r: Option<Ratio>) -> Option<String> {
    r.and_then(|r| format::percent(r.numerator.into(), r.denominator.into(), 1))
}

/// An amount in the unit of a metric, ready to print.
fn amount(t: &Texts, unit: &str, r: Ratio) -> Option<String> {
    let (n, d) = pair(r);
    let whole = || i64::try_from(r.scaled(0)).ok();
    Some(match unit {
        "ms" => format::duration(whole()?),
        "Wh" => format::energy_wh(whole()?),
        "W" => format::power_w(whole()?),
        "piece" | "count" => format::with_unit(&format::integer(whole()?), &t.s("unit-piece")),
        "ratio" => format::percent(n, d, 1)?,
        // Energy per good standard hour comes as Wh per ms.
        "Wh/ms" => format::with_unit(&format::quotient(n.checked_mul(3_600)?, d, 2)?, &t.s("unit-kwh-per-hour")),
        "Wh/piece" => format::with_unit(&format::quotient(n, d.checked_mul(1_000)?, 3)?, &t.s("unit-kwh-per-piece")),
        "" => format::quotient(n, d, 2)?,
        other => format::with_unit(&format::quotient(n, d, 2)?, other),
    })
}

/// The flag of a shift whose rejects a person counted, and the metrics that then are that person's statement.
const STATED: (&str, [&str; 2]) = ("MANUAL_QUALITY", ["count.rejected", "quality."]);

/// How we know a figure: a quotient is computed, an amount straight from registers measured, and what rests on a
/// person's count is stated.
fn class(f: &query::Figure) -> Class {
    if f.flags.iter().any(|flag| flag == STATED.0) && STATED.1.iter().any(|m| f.metric.starts_with(m)) {
        Class::Stated
    } else if matches!(f.unit.as_str(), "Wh" | "W" | "piece" | "count") {
        Class::Measured
    } else {
        Class::Computed
    }
}

/// A figure of the read models as a figure of the page.
#[must_use]
pub fn figure(t: &Texts, f: &query::Figure, why: &str) -> Figure {
    let reason = f.undefined.as_deref().map_or_else(|| t.s("undefined-unknown"), |code| undefined(t, code));
    if f.unit == "ratio" {
        let ratio = RatioValue {
            value: f.value.map(pair),
            bounds: f.low.map(|l| (pair(l), f.high.map(pair))),
            coverage: f.coverage.map(|c| (c.numerator, c.denominator)),
            grade: f.value.and_then(|_| grade(&f.grade)),
        };
        return Figure::percent(t, class(f), &ratio, &reason, why);
    }
    let Some(value) = f.value.and_then(|v| amount(t, &f.unit, v)) else {
        return Figure::undefined(reason, why);
    };
    let mut out = Figure::plain(class(f), value, why);
    if let Some((low, high)) = f.low.zip(f.high) {
        let (low, high) = (amount(t, &f.unit, low), amount(t, &f.unit, high));
        if low != high {
            out.bounds = format!("[{}, {}]", low.unwrap_or_default(), high.unwrap_or_default());
        }
    }
    if let Some(c) = f.coverage {
        out = out.covered(t, c.numerator, c.denominator);
    }
    match grade(&f.grade) {
        Some(g) => out.graded(t, g),
        None => out,
    }
}

/// The figure of the metric whose id starts with this prefix, such as `oee.`.
#[must_use]
pub fn find<'a>(figures: &'a [query::Figure], prefix: &str) -> Option<&'a query::Figure> {
    figures.iter().find(|f| f.metric.starts_with(prefix))
}

/// Where a value of a machine and shift is explained.
#[must_use]
pub fn why_href(site: &str, machine: &str, date: &str, shift: &str, metric: &str) -> String {
    format!(
        "/sites/{}/machines/{}/why?date={}&shift={}&metric={}",
        url_part(site),
        url_part(machine),
        url_part(date),
        url_part(shift),
        url_part(metric)
    )
}

/// The same for the figure with a prefix, or an undefined figure when the evaluation has none.
#[must_use]
pub fn figure_of(t: &Texts, site: &str, machine: &str, view: &ShiftView, prefix: &str) -> Figure {
    match find(&view.figures, prefix) {
        Some(f) => figure(t, f, &why_href(site, machine, &view.shift.date, &view.shift.name, &f.metric)),
        // The shift is evaluated; a number that is not there needs a signal that is not there.
        None => Figure::undefined(
            because(
                t,
                match prefix {
                    p if p.starts_with("energy") => Undefined::NoMeter,
                    p if p.starts_with("availability") => Undefined::NoState,
                    _ => Undefined::NoCounter,
                },
            ),
            "",
        ),
    }
}

/// The states of a shift as the ribbon draws them.
#[must_use]
pub fn spans(t: &Texts, intervals: &[Interval]) -> Vec<Span> {
    intervals
        .iter()
        .map(|i| Span {
            from_ms: i.from_ms,
            to_ms: i.until_ms,
            state: state(&i.state),
            note: if i.cause.is_empty() { String::new() } else { word(t, "cause", &i.cause) },
        })
        .collect()
}

/// The ribbon of one shift. `now_ms` marks the live edge of a shift that is not over.
#[must_use]
pub fn ribbon(t: &Texts, id: &str, title: &str, zone: jiff::tz::TimeZone, view: &ShiftView) -> Ribbon {
    let mut plans = vec![Plan {
        from_ms: view.shift.from_ms,
        to_ms: view.shift.until_ms,
        name: shift_name(t, &view.shift),
        stop: false,
    }];
    plans.extend(view.planned_stops.iter().map(|s| Plan {
        from_ms: s.from_ms,
        to_ms: s.until_ms,
        name: if s.reason.is_empty() { t.s("planned-stop") } else { word(t, "stop", &s.reason) },
        stop: true,
    }));
    Ribbon {
        id: id.to_owned(),
        title: title.to_owned(),
        from_ms: view.shift.from_ms,
        to_ms: view.shift.until_ms,
        zone,
        spans: spans(t, &view.intervals),
        plans,
        counts: view.counts.iter().map(|c| (c.at_ms, c.good)).collect(),
        now_ms: (!view.closed).then_some(view.evaluated_to_ms),
    }
}

/// Names and lengths of the states a ribbon shows.
#[must_use]
pub fn ribbon_legend(t: &Texts, ribbon: &Ribbon) -> Vec<LegendEntry> {
    ribbon
        .totals()
        .into_iter()
        .filter(|(_, ms)| *ms > 0)
        .map(|(state, ms)| LegendEntry { swatch: state.swatch(), name: t.s(state.key()), amount: format::duration(ms) })
        .collect()
}

/// Names of all states.
#[must_use]
pub fn state_legend(t: &Texts) -> Vec<LegendEntry> {
    State::ALL
        .into_iter()
        .map(|s| LegendEntry { swatch: s.swatch(), name: t.s(s.key()), amount: String::new() })
        .collect()
}

fn bucket(buckets: &[Duration], name: &str) -> i64 {
    buckets.iter().filter(|b| b.name.eq_ignore_ascii_case(name)).map(|b| b.ms).sum()
}

/// Planned busy time of a set of buckets, ms.
#[must_use]
pub fn planned_busy(buckets: &[Duration]) -> i64 {
    ["APT", "AUST", "ADET", "ADOT", "UNK"].iter().map(|b| bucket(buckets, b)).sum()
}

/// The waterfall of a shift or a day from its buckets and, where known, the parts of the delay by state and the
/// performance and OEE ratios. Returns nothing without planned time.
#[must_use]
pub fn waterfall(
    t: &Texts,
    buckets: &[Duration],
    delay_by_state: &[(State, i64)],
    performance: Option<Ratio>,
    oee: Option<Ratio>,
) -> Vec<Step> {
    let planned = planned_busy(buckets);
    if planned <= 0 {
        return Vec::new();
    }
    let mut steps = vec![Step { name: t.s("loss-planned"), ms: planned, kind: Kind::Planned }];
    let mut push = |name: String, ms: i64, kind: Kind| {
        if ms != 0 {
            steps.push(Step { name, ms, kind });
        }
    };
    let delay = bucket(buckets, "ADET");
    let named: i64 = delay_by_state.iter().map(|d| d.1).sum();
    // Split by state only when the split is exact; otherwise the bucket stands as one loss.
    if named == delay {
        for (state, ms) in delay_by_state {
            push(t.s(state.key()), *ms, Kind::Lost(*state));
        }
    } else {
        push(t.s("loss-delay"), delay, Kind::Lost(State::Fault));
    }
    push(t.s("loss-setup"), bucket(buckets, "AUST"), Kind::Lost(State::Setup));
    push(t.s("loss-no-order"), bucket(buckets, "ADOT"), Kind::Lost(State::Idle));
    push(t.s("loss-unknown"), bucket(buckets, "UNK"), Kind::Unknown);
    let apt = bucket(buckets, "APT");
    let part = |whole: i64, r: Ratio| {
        let scaled = i128::from(whole).checked_mul(r.numerator.into())?;
        format::quotient_i64(scaled, r.denominator.into())
    };
    match (performance.and_then(|p| part(apt, p)), oee.and_then(|o| part(planned, o))) {
        (Some(standard), Some(good)) => {
            push(t.s("loss-speed"), apt - standard, Kind::Computed);
            push(t.s("loss-quality"), standard - good, Kind::Computed);
            steps.push(Step { name: t.s("loss-good"), ms: good, kind: Kind::Good });
        }
        _ => steps.push(Step { name: t.s("loss-producing"), ms: apt, kind: Kind::Good }),
    }
    steps
}

/// Time per state inside the delay bucket, longest first.
#[must_use]
pub fn delay_by_state(intervals: &[Interval]) -> Vec<(State, i64)> {
    let mut sums: std::collections::BTreeMap<State, i64> = std::collections::BTreeMap::new();
    for i in intervals.iter().filter(|i| i.bucket.eq_ignore_ascii_case("ADET")) {
        *sums.entry(state(&i.state)).or_insert(0) += i.until_ms - i.from_ms;
    }
    let mut list: Vec<_> = sums.into_iter().collect();
    list.sort_by_key(|(_, ms)| std::cmp::Reverse(*ms));
    list
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::web::chart::waterfall::tiles;

    #[test]
    fn an_unknown_word_is_shown_as_it_came() {
        let t = Lang::Zh.texts();
        assert_eq!(word(t, "cause", "sun_spots"), "sun_spots");
        assert_ne!(word(t, "cause", "device_silent"), "device_silent");
    }

    #[test]
    fn the_waterfall_tiles_with_and_without_cycle_times() {
        let t = Lang::En.texts();
        let b = |name: &str, ms| Duration { name: name.into(), ms };
        let buckets = [b("APT", 700), b("AUST", 100), b("ADET", 150), b("UNK", 50), b("PDOT", 999)];
        let ratio = |numerator, denominator| Some(Ratio { numerator, denominator });
        for steps in [
            waterfall(t, &buckets, &[(State::Fault, 150)], ratio(9, 10), ratio(6, 10)),
            waterfall(t, &buckets, &[(State::Fault, 140)], None, None),
            waterfall(t, &buckets, &[], ratio(12, 10), ratio(7, 10)),
        ] {
            assert!(tiles(&steps), "{steps:?}");
        }
        assert!(waterfall(t, &[], &[], None, None).is_empty());
    }
}
