//! Figures of the whole site: sums over its production machines, its lines, and the checklist of connection and collection
//! (reference §1.6, §5).
//!
//! Constraints
//! 1. Sums of sums: ratios are formed once, from what the machines' windows add up to. A machine without state or counter takes
//!    no part in OEE, exactly as in a report; meters and auxiliaries never do.
//! 2. A machine is digitised when a signal of it was read in these dates, and connected by readings on the days it was to work, not
//!    by a ping; what the ledger has not declared is not in
//!    the denominator, and the list of machines stands behind every share.
//! 3. A business area counts as collected when one of its signals delivered 95 % of what its polling period promised.

use std::collections::{BTreeMap, BTreeSet};

use crate::alarms::declared::AlarmClass;
use crate::calendar::{local_date, parse_date};
use crate::checklist::ledger::MANDATORY;
use crate::checklist::{self, Asset, CONNECTED_DAYS, Source};
use crate::column::Series;
use crate::exact::Rational;
use crate::facts::{Facts, Share};
use crate::figures::gather::signals_in_force;
use crate::figures::{Figures, Gathered, Printer, Shape, StopRule, ask, gather, number, print, time};
use crate::grade::Grade;
use crate::history::History;
use crate::interval::{Interval, overlap_ms, union};
use crate::kpi::line::{self, Station};
use crate::kpi::losses::{Losses, waterfall};
use crate::kpi::reliability::{self, Reliability};
use crate::model::MachineRole;
use crate::oee::Undefined;
use crate::report::{ALL_MACHINES, Period};

/// Readings that arrive within this are live; later ones came from the gateway's buffer.
pub const LIVE_MS: i64 = 60_000;
/// A machine that was read this long before the end of the dates has a live link.
pub const LINK_MS: i64 = 86_400_000;

/// The site's figures over production dates; `None` when no machine is declared, or the dates are none.
pub fn site(history: &History, period: &Period, until_ms: Option<i64>, rule: StopRule) -> Option<Figures> {
    let machines = history.statements().machines();
    let all: Vec<Gathered> = machines.filter_map(|m| gather(history, m, period, until_ms, rule)).collect();
    let (mut facts, mut losses, mut failures) = (Facts::default(), Losses::default(), Reliability::default());
    let mut fault_ms = 0;
    let counts = |g: &&Gathered| g.is_production() && g.facts.has_state && g.facts.production.is_some();
    for g in all.iter().filter(counts) {
        facts.add(&g.facts);
        losses.add(&g.losses);
        failures.add(&reliability::of(&g.states, &g.no_order));
        fault_ms += g.planned_fault_ms();
    }
    all.first()?;
    let mut out = Printer::of(&facts);
    let is_certain = all.iter().filter(counts).all(Gathered::is_certain);
    let sums = time::Sums { facts: &facts, losses: &losses, reliability: failures, rule, fault_ms, is_certain };
    time::figures(&mut out, &sums);
    lines(&mut out, history, &all);
    connection(&mut out, history, &all, period);
    let figures = out.finish();
    let steps = waterfall(&losses, facts.production.as_ref().map(|p| (p, &NO_DEFECTS)));
    Some(print(history, ALL_MACHINES, period, &facts, &all, figures, &steps))
}

/// Start-up scrap is a machine's; in the site's waterfall it stays among the defects.
const NO_DEFECTS: crate::kpi::iso::Defects = {
    use crate::counter::Bounded;
    use crate::facts::Counted;
    const NONE: Counted = Counted { items: Bounded::exact(0), standard: Bounded::exact(0) };
    crate::kpi::iso::Defects { reworked: NONE, startup: NONE }
};

fn lines(out: &mut Printer<'_>, history: &History, all: &[Gathered]) {
    let Some(end_ms) = all.iter().map(|g| g.span.to_ms).max() else { return };
    for stated in history.statements().lines_at(end_ms) {
        let route: Vec<Station<'_>> = stated
            .body
            .route
            .iter()
            .filter_map(|m| all.iter().find(|g| g.definition.machine == *m))
            .map(|g| Station { machine: &g.definition.machine, facts: &g.facts })
            .collect();
        let cover = route.iter().map(|s| s.facts.oee_cover()).reduce(Share::lesser).unwrap_or_default();
        let asked = ask("line.oee.constraint@1", cover, Vec::new()).part(&stated.body.line);
        // A station nobody declared is a hole in the route, not a shorter route.
        if route.len() < stated.body.route.len() {
            out.put(asked, Shape::Digits(Err(Undefined::NoState)));
            continue;
        }
        match line::evaluate(&route, stated.body.constraint.as_deref()) {
            Ok(found) => {
                let declared = if found.is_declared { "declared" } else { "busiest" };
                let asked = asked.with("constraint", found.constraint.clone()).with("constraint_by", declared);
                out.put(asked, Shape::Digits(Ok(found.digits(6))));
            }
            Err(why) => out.put(asked, Shape::Digits(Err(why))),
        }
    }
}

/// What a role of a signal evidences (2024 评测 Q4): running and counts are 生产管控 and 设备管理, rejects 质量管理, energy 能耗管理.
const AREAS: [(&str, &[&str]); 11] = [
    ("state", &["生产管控", "设备管理"]),
    ("run", &["生产管控", "设备管理"]),
    ("power", &["设备管理", "能耗管理"]),
    ("energy", &["能耗管理"]),
    ("good", &["生产管控"]),
    ("reject", &["质量管理"]),
    ("total", &["生产管控"]),
    ("product", &["生产管控"]),
    ("order", &["生产管控"]),
    ("batch", &["生产管控"]),
    ("alarm", &["设备管理"]),
];

/// What was read of a site's machines, for the checklist of connection and collection.
#[derive(Debug, Clone, Default)]
pub(super) struct Connected {
    pub(super) assets: Vec<Asset>,
    pub(super) sources: Vec<Source>,
    /// Tags that no gateway was ever told to read.
    pub(super) unconfigured: BTreeSet<String>,
    /// Machines read within the last [`LINK_MS`] of the dates.
    pub(super) live: BTreeSet<String>,
    /// Somebody stated an entry of the equipment ledger.
    pub(super) has_ledger: bool,
    /// Machines that the ledger says are connected, and that were not read.
    pub(super) stated_only: Vec<String>,
}

/// Looks at every signal in force over the dates.
pub(super) fn connected(history: &History, all: &[Gathered], period: &Period) -> Connected {
    let zone = history.statements().site().map_or_else(|| "UTC".to_owned(), |s| s.zone.clone());
    let since = parse_date(&period.to).map(|d| d.saturating_sub(jiff::Span::new().days(i64::from(CONNECTED_DAYS) - 1)));
    let Connected { mut assets, mut sources, mut unconfigured, mut live, mut has_ledger, mut stated_only } =
        Connected::default();
    for g in all {
        let mut read_hours = BTreeSet::new();
        let mut is_live = false;
        // By role: a machine that another gateway reads from some day on is still one machine.
        let mut by_role: BTreeMap<&'static str, Source> = BTreeMap::new();
        for (window, signals) in signals_in_force(history, &g.definition.machine, g.span) {
            for (role, signal) in signals.all() {
                let series = history.series(&signal.gateway, &signal.tag, window);
                let inside = series.times.iter().filter(|t| window.contains(**t));
                let mut received = 0_u64;
                for ms in inside {
                    received += 1;
                    if *ms >= g.span.to_ms.saturating_sub(LINK_MS) {
                        is_live = true;
                    }
                    // Neighbouring readings fall on one date: the calendar is asked once an hour.
                    read_hours.insert(ms.div_euclid(3_600_000));
                }
                let tag = format!("{}/{}", signal.gateway, signal.tag);
                let expected = expected(history, &signal.gateway, &signal.tag, &series, window).unwrap_or_else(|| {
                    unconfigured.insert(tag.clone());
                    0
                });
                let source = by_role.entry(role).or_insert_with(|| Source {
                    tag: String::new(),
                    area: String::new(),
                    is_automatic: true,
                    expected: 0,
                    received: 0,
                });
                source.tag = format!("{} {tag}", source.tag);
                source.expected += expected;
                // What one stretch has too much of is not what another lacks.
                source.received += received.min(expected);
            }
        }
        let safety = history.statements().has_alarm_class(&g.definition.machine, AlarmClass::Safety);
        for (role, source) in by_role {
            let areas = AREAS.iter().find(|(name, _)| *name == role).map_or(&[][..], |(_, areas)| areas);
            // An alarm signal evidences 安全生产 when somebody declared one of its codes as a safety alarm.
            if role == "alarm" && safety {
                sources.push(Source { area: "安全生产".to_owned(), ..source.clone() });
            }
            sources.extend(areas.iter().map(|area| Source { area: (*area).to_owned(), ..source.clone() }));
        }
        if is_live {
            live.insert(g.definition.machine.clone());
        }
        let date = |ms: i64| local_date(&zone, ms).filter(|d| since.is_none_or(|s| *d >= s));
        let dates_read: BTreeSet<_> = read_hours.iter().filter_map(|h| date(h * 3_600_000)).collect();
        let scheduled: BTreeSet<_> = g.shifts.iter().filter_map(|s| date(s.from_ms)).collect();
        let in_force = signals_in_force(history, &g.definition.machine, g.span);
        let is_mapped = in_force.iter().any(|(_, s)| s.all().next().is_some());
        let entry = history.statements().ledger_entry_at(&g.definition.machine, g.span.to_ms);
        if entry.is_some_and(|e| e.body.networked == Some(true)) && read_hours.is_empty() {
            stated_only.push(g.definition.machine.clone());
        }
        has_ledger |= entry.is_some();
        assets.push(Asset {
            machine: g.definition.machine.clone(),
            is_production: g.definition.role == MachineRole::Production,
            is_critical: g.definition.critical,
            // A signal on paper proves no interface: it must have been read.
            is_digital: is_mapped && !read_hours.is_empty(),
            is_mapped,
            days_scheduled: scheduled.len() as u32,
            days_read: scheduled.intersection(&dates_read).count() as u32,
            fields_filled: entry.map_or(0, |e| e.body.filled()) + u32::from(!g.definition.names.zh.trim().is_empty()),
        });
    }
    Connected { assets, sources, unconfigured, live, has_ledger, stated_only }
}

fn connection(out: &mut Printer<'_>, history: &History, all: &[Gathered], period: &Period) {
    let Connected { assets, sources, unconfigured, live, has_ledger, stated_only } = connected(history, all, period);
    let cover = Share::default();
    // Of the last thirty days those that were asked for: fewer say less.
    let days = assets.iter().map(|a| a.days_scheduled).max().unwrap_or(0);
    let shares = [
        ("equipment.digital@1", checklist::digital(&assets)),
        ("equipment.connected@1", checklist::connected(&assets)),
        ("equipment.connected_of_digital@1", checklist::connected_of_digital(&assets)),
        ("equipment.critical_connected@1", checklist::critical_connected(&assets)),
    ];
    for (id, share) in shares {
        let terms = vec![number("n", share.counted.len()), number("of", share.of.len())];
        let missing: Vec<&str> = share.of.iter().filter(|m| !share.counted.contains(m)).map(String::as_str).collect();
        // The list of machines is a person's.
        let mut asked = ask(id, cover, terms).exact_if(true).at_best(Grade::C).with("days", days.to_string());
        if !missing.is_empty() {
            asked = asked.with("not_counted", missing.join(", "));
        }
        if id == "equipment.connected@1" && !stated_only.is_empty() {
            asked = asked.with("stated_connected_but_not_read", stated_only.join(", "));
        }
        out.put(asked, share.ratio());
    }
    if has_ledger {
        // A meter of the site is an instrument, not equipment of the ledger.
        let is_equipment = |a: &Asset| {
            all.iter().any(|g| g.definition.machine == a.machine && g.definition.role != MachineRole::Meter)
        };
        let listed: Vec<Asset> = assets.iter().filter(|a| is_equipment(a)).cloned().collect();
        let filled: u32 = listed.iter().map(|a| a.fields_filled).sum();
        let terms = vec![number("filled", filled), number("of", listed.len() * MANDATORY as usize)];
        out.put(
            ask("ledger.completeness@1", cover, terms).exact_if(true).at_best(Grade::C),
            checklist::ledger_completeness(&listed, MANDATORY),
        );
    }
    // What was read lies on the server: the same machines, over all that are declared.
    let there: Vec<&Asset> = assets.iter().filter(|a| a.is_digital).collect();
    let terms = vec![number("n", there.len()), number("of", assets.len())];
    out.put(
        ask("equipment.cloud@1", cover, terms).exact_if(true).at_best(Grade::C),
        checklist::plain(there.len() as u64, assets.len() as u64),
    );
    let production: Vec<&str> = assets.iter().filter(|a| a.is_production).map(|a| a.machine.as_str()).collect();
    let linked = production.iter().filter(|m| live.contains(**m)).count();
    let terms = vec![number("n", linked), number("of", production.len())];
    let asked = ask("data.links@1", cover, terms).exact_if(true).at_best(Grade::C).with("live_ms", LINK_MS.to_string());
    out.put(asked, checklist::plain(linked as u64, production.len() as u64));
    let mut once: BTreeMap<String, Source> = BTreeMap::new();
    for source in &sources {
        once.entry(source.tag.clone()).or_insert_with(|| source.clone());
    }
    let tags: Vec<Source> = once.into_values().collect();
    let (got, due) = tags.iter().fold((0, 0), |(g, d), s| (g + s.received.min(s.expected), d + s.expected));
    let terms = vec![number("received", got), number("expected", due)];
    let mut asked = ask("collection.completeness@1", cover, terms).exact_if(true);
    if !unconfigured.is_empty() {
        // No gateway was ever told to read them: nothing is expected, and nobody is to overlook it.
        asked = asked.with("not_configured", unconfigured.into_iter().collect::<Vec<_>>().join(", "));
    }
    out.put(asked, checklist::sample_completeness(&tags));
    let areas = checklist::areas_covered(&sources);
    let count = Rational::integer(areas.len() as i128);
    out.put(
        ask("collection.areas@1", cover, Vec::new()).exact_if(true).with("areas", areas.join("、")),
        Ok::<_, Undefined>(count),
    );
    timeliness(out, history, all);
}

/// How many readings the configurations in force promised, time planned without reading left out; `None` when no configuration
/// ever named the tag. Each configuration counts from its first reading to the next one's; a tag that was never read by the
/// shortest interval it was to be read at.
fn expected(history: &History, gateway: &str, tag: &str, series: &Series, span: Interval) -> Option<u64> {
    let mut stretches: Vec<(i64, i64)> = Vec::new();
    for s in &series.spans {
        let (Some(at), Some(meaning)) = (series.times.get(s.start), series.meanings.get(s.meaning as usize)) else {
            continue;
        };
        if stretches.last().is_none_or(|(_, interval)| *interval != meaning.interval_ms) {
            stretches.push((*at, meaning.interval_ms));
        }
    }
    if stretches.is_empty() {
        stretches.push((span.from_ms, history.interval_ms(gateway, tag)?));
    }
    let ends = stretches.iter().skip(1).map(|s| s.0).chain([span.to_ms]).collect::<Vec<_>>();
    let begins = [span.from_ms].into_iter().chain(ends.iter().copied());
    let promised = begins.zip(&ends).zip(&stretches).map(|((from, to), (_, interval_ms))| {
        let part = Interval::new(from, *to).intersect(&span);
        (part.length_ms() - planned_ms(history, gateway, tag, part)).max(0) / interval_ms.max(&1)
    });
    Some(promised.sum::<i64>().unsigned_abs())
}

/// Time in which a tag was planned not to be read, milliseconds.
fn planned_ms(history: &History, gateway: &str, tag: &str, span: Interval) -> i64 {
    let planned = history.gaps(span).into_iter().filter(|g| {
        g.cause == protocol::GapCause::Planned.name()
            && g.gateway == gateway
            && g.tag.as_deref().is_none_or(|t| t == tag)
    });
    overlap_ms(&[span], &union(planned.map(|g| g.interval).collect()))
}

fn timeliness(out: &mut Printer<'_>, history: &History, all: &[Gathered]) {
    let spans = union(all.iter().map(|g| g.span).collect());
    let delays: Vec<i64> = spans.iter().flat_map(|s| history.delays(*s)).collect();
    let found = checklist::timeliness(&delays, LIVE_MS);
    let terms = || {
        found.as_ref().map_or_else(|_| Vec::new(), |t| vec![number("live", t.live), number("backfilled", t.backfilled)])
    };
    for (i, part) in ["p50", "p95", "p99"].into_iter().enumerate() {
        let value = match &found {
            Ok(t) => t.delay_ms.get(i).and_then(|d| d.over(Rational::integer(1000))).ok_or(Undefined::NothingDue),
            Err(why) => Err(*why),
        };
        out.put(ask("collection.timeliness@1", Share::default(), terms()).part(part), value);
    }
}
