//! Read models as the pages may meet them: a plausible factory, and the edges — nothing yet, undefined values with their
//! reasons, gaps, a broken chain, hostile names. Same numbers every time.

use jiff::tz::TimeZone;

use crate::query::{
    AlarmView, Comparison, CoverageDay, DeclarationView, Duration, EvidenceHealth, Figure, FleetPage, FleetRow,
    GapView, GatewayView, Interval, LogHead, MachineCard, MachineView, Parameter, Ratio, ReportView, ShiftView,
    SiteHead, SiteView, Source, Term, TrendPoint, Why, Words,
};

use super::chart::interval::{Estimate, Row};
use super::format::Clockface;
use super::reports::{Details, Line};
use super::site::Extras;
use super::text::Lang;
use super::verdict::Verdicts;
use super::view::{Crumb, Frame, Nav, Reader, SiteRef};

pub(super) mod asked;
pub(super) mod declare;
pub(super) mod deviation;
pub(super) mod dossier;
mod figures;
pub(super) mod filing;
mod findings;
mod floor;
pub(super) mod onsite;
pub(super) mod package;
pub(super) mod plan;
mod shift;
pub(super) use figures::figures;
pub(super) use findings::{findings, no_findings};
use shift::{shift, shift_key};

const H: i64 = 3_600_000;
const MIN: i64 = 60_000;
const DAY: i64 = 24 * H;
/// 2026-11-21 00:00 UTC = 08:00 in Shanghai, start of the day shift.
const DAY_SHIFT_MS: i64 = 1_795_219_200_000;
/// 22:41:30 in Shanghai, inside the late shift.
pub(super) const NOW_MS: i64 = DAY_SHIFT_MS + 14 * H + 41 * MIN + 30_000;

pub(super) fn face(lang: Lang) -> Clockface {
    Clockface::new(TimeZone::get("Asia/Shanghai").expect("bundled"), lang)
}

pub(super) fn frame(
    lang: Lang,
    title: String,
    path: &str,
    nav: Nav,
    site: Option<&SiteHead>,
    simulated: bool,
) -> Frame {
    let t = lang.texts();
    let name = |s: &SiteHead| super::words::name(&s.names, lang, &s.id);
    Frame {
        lang,
        title,
        path: path.into(),
        nav,
        reader: Some(Reader {
            name: "wang.fang".into(),
            role: t.s("role-centre"),
            fleet: true,
            form_token: "t0k<en".into(),
        }),
        site: site.map(|s| SiteRef { id: s.id.clone(), name: name(s), simulated: s.simulated, manages_gateways: true }),
        crumbs: site.map_or_else(Vec::new, |s| {
            vec![
                Crumb { label: t.s("nav-fleet"), href: "/sites".into() },
                Crumb { label: name(s), href: format!("/sites/{}", s.id) },
            ]
        }),
        zone: String::new(),
        made_at: String::new(),
        simulated,
        notice: String::new(),
    }
    .at(&face(lang), NOW_MS)
}

fn names(zh: &str, en: &str) -> Words {
    (zh, en).into()
}

pub(super) fn head(id: &str, zh: &str, en: &str, simulated: bool) -> SiteHead {
    SiteHead {
        id: id.into(),
        names: names(zh, en),
        city: "金华市".into(),
        district: "婺城区".into(),
        sub_sector: "汽车零部件".into(),
        time_zone: "Asia/Shanghai".into(),
        simulated,
    }
}

fn ratio(numerator: i64, denominator: i64) -> Option<Ratio> {
    Some(Ratio { numerator, denominator })
}

fn trend(seed: i64, days: i64) -> Vec<TrendPoint> {
    (0..days)
        .map(|d| TrendPoint {
            date: format!("2026-11-{:02}", 22 - days + d),
            value: if (d + seed) % 7 == 6 { None } else { ratio(620 + (d * 37 + seed * 91) % 130, 1_000) },
        })
        .collect()
}

fn fleet_row(id: &str, zh: &str, en: &str, attention: &[&str], age_ms: Option<i64>, seed: i64) -> FleetRow {
    let bad = |w: &str| attention.contains(&w);
    FleetRow {
        site: head(id, zh, en, seed % 2 == 0),
        online: age_ms.is_some_and(|a| a < 120_000),
        received_ms: age_ms.map(|a| NOW_MS - a),
        gateways: 1 + seed % 2,
        coverage: age_ms.and_then(|_| ratio(if bad("coverage") { 8_710 } else { 9_907 }, 10_000)),
        evidence: EvidenceHealth {
            chain_ok: !bad("chain"),
            alarms: if bad("alarms") { 2 } else { 0 },
            lost_records: if bad("lost") { 118 } else { 0 },
        },
        oee: Comparison {
            recent: age_ms.and_then(|_| ratio(7_241 - seed * 133, 10_000)),
            baseline: if seed == 3 { None } else { age_ms.and_then(|_| ratio(6_412, 10_000)) },
        },
        energy: Comparison {
            recent: age_ms.and_then(|_| ratio(11_874 + seed * 90, 3_600_000)),
            baseline: age_ms.and_then(|_| ratio(13_020, 3_600_000)),
        },
        grade: Some(if bad("coverage") { "C" } else { "A" }.into()),
        trend: if age_ms.is_some() { trend(seed, 14) } else { vec![] },
        attention: attention.iter().map(|a| (*a).to_owned()).collect(),
    }
}

pub(super) fn fleet() -> FleetPage {
    let rows = vec![
        fleet_row(
            "yk-03",
            "永康市恒锐五金制造有限公司",
            "Yongkang Hengrui Hardware",
            &["chain", "alarms"],
            Some(41_000),
            2,
        ),
        fleet_row(
            "jh-12",
            "金华市合力包装有限公司",
            "Jinhua Heli Packaging",
            &["offline", "coverage"],
            Some(3 * H + 12 * MIN),
            4,
        ),
        fleet_row("dy-01", "东阳市<新材料> & 科技", "Dongyang <New> & Materials", &["never_delivered"], None, 5),
        fleet_row("lx-02", "兰溪市华康药业有限公司", "Lanxi Huakang Pharma", &["lost"], Some(12_000), 1),
        fleet_row("jh-09", "浙江东成精密机械有限公司", "Zhejiang Dongcheng Precision", &["oee_down"], Some(8_000), 7),
        fleet_row("jh-07", "金华市永盛汽配有限公司", "Jinhua Yongsheng Auto Parts", &[], Some(3_000), 0),
        fleet_row("pj-04", "浦江县晶工水晶有限公司", "Pujiang Jinggong Crystal", &[], Some(9_000), 3),
    ];
    FleetPage {
        rows,
        sites: 4_812,
        online: 4_790,
        alarmed: 3,
        silent: 1,
        matching: 4_812,
        offset: 50,
        limit: 50,
        now_ms: NOW_MS,
    }
}

fn card(id: &str, zh: &str, en: &str, role: &str, end_ms: i64, seed: i64) -> MachineCard {
    let shift = shift(shift_key(1, true), end_ms, seed);
    MachineCard {
        id: id.into(),
        names: names(zh, en),
        role: role.into(),
        state: shift.intervals.last().cloned(),
        shift: Some(shift),
        trend: trend(seed, 14),
    }
}

fn gateway(id: &str, age_ms: Option<i64>, lost: i64) -> GatewayView {
    GatewayView {
        id: id.into(),
        key_hex: "7b1f0a9c3de84c52a6b07e11f3c9d2485a60be17cc3f9d0284e6a1b5d7f08c39".into(),
        enrolled_ms: DAY_SHIFT_MS - 40 * DAY,
        revoked_ms: None,
        agent_version: "0.1.0".into(),
        received_ms: age_ms.map(|a| NOW_MS - a),
        observed_ms: age_ms.map(|a| NOW_MS - a - 4_000),
        online: age_ms.is_some_and(|a| a < 120_000),
        records: 12_402,
        readings: 4_871_220,
        sequence: if age_ms.is_some() { 12_401 } else { -1 },
        clock_state: if lost > 0 { "unsynchronised" } else { "synchronised" }.into(),
        lost_records: lost,
        chains: 1,
        carried: if lost > 0 { 8_192 } else { 0 },
        carried_ms: (lost > 0).then_some(NOW_MS - 2 * DAY),
        refusals: Vec::new(),
        repeats: 0,
        oversized: None,
    }
}

pub(super) fn site() -> SiteView {
    let machines = vec![
        card("press", "冲压机", "Press", "production", NOW_MS, 1),
        card("cnc", "数控加工中心", "CNC machine", "production", NOW_MS, 4),
        card("lathe", "老式车床（钳形表）", "Old lathe (clamp meter)", "production", NOW_MS - 39 * MIN, 2),
        card("compressor", "空压机", "Air compressor", "auxiliary", NOW_MS, 3),
        card("main", "进线总表", "Incoming meter", "meter", NOW_MS, 0),
    ];
    let mut losses = std::collections::BTreeMap::<String, i64>::new();
    let mut delays = std::collections::BTreeMap::<String, i64>::new();
    for shift in machines.iter().filter(|m| m.role == "production").filter_map(|m| m.shift.as_ref()) {
        for b in &shift.buckets {
            *losses.entry(b.name.clone()).or_default() += b.ms;
        }
        for i in shift.intervals.iter().filter(|i| i.bucket == "ADET") {
            *delays.entry(i.state.clone()).or_default() += i.until_ms - i.from_ms;
        }
    }
    SiteView {
        site: head("jh-07", "金华市永盛汽配有限公司", "Jinhua Yongsheng Auto Parts", true),
        may: ["see_figures", "see_raw", "declare", "issue_report", "manage_gateways"].map(String::from).to_vec(),
        summary: fleet_row("jh-07", "金华市永盛汽配有限公司", "Jinhua Yongsheng Auto Parts", &["lost"], Some(3_000), 0),
        log: LogHead {
            size: 12_480,
            root_hex: "c0ffee9d41b7a2e86f10".into(),
            checkpoint_ms: Some(NOW_MS - 32_000),
            projected: 12_478,
        },
        losses: losses.into_iter().map(|(name, ms)| Duration { name, ms }).collect(),
        delays: delays.into_iter().map(|(name, ms)| Duration { name, ms }).collect(),
        losses_date: Some("2026-11-21".into()),
        coverage: (0..91)
            .map(|d| {
                let date = jiff::civil::date(2026, 8, 23).saturating_add(jiff::Span::new().days(d));
                let free = date.weekday() == jiff::civil::Weekday::Sunday;
                let planned = if free { 0 } else { 48 * H };
                let share = if d % 17 == 3 {
                    71
                } else if d % 5 == 1 {
                    97
                } else {
                    100
                };
                CoverageDay { date: date.to_string(), covered_ms: planned * share / 100, expected_ms: planned }
            })
            .collect(),
        gateways: vec![gateway("gw-1", Some(3_000), 0), gateway("gw-history", Some(5 * H), 118)],
        alarms: vec![AlarmView {
            leaf: 9_123,
            gateway: "gw-1".into(),
            kind: "chain_start".into(),
            at_ms: NOW_MS - 5 * H,
            detail: "3f02…".into(),
        }],
        declarations: vec![DeclarationView {
            leaf: 12_001,
            kind: "cycle_time".into(),
            received_ms: NOW_MS - 2 * DAY,
            effective_ms: Some(NOW_MS - 9 * DAY),
            late: true,
            author: "P-7Q2".into(),
            role: "firm".into(),
            reason: "工艺卡 <更新>".into(),
            body: "{}".into(),
        }],
        reports: vec![ReportView {
            leaf: 12_400,
            issued_ms: NOW_MS - DAY,
            prefix: 12_400,
            plan: "retrofit-2026".into(),
            digest: "4f1d8a0b7c2e96d35a41b8e07f93c6d2e5480b1a9c7d3f6e2b8a5c1d0e9f7a64".into(),
            author: "P-7Q2".into(),
            bundle: true,
        }],
        plans: vec!["retrofit-2026".into()],
        machines,
        now_ms: NOW_MS,
    }
}

pub(super) fn site_new() -> SiteView {
    SiteView {
        site: SiteHead { time_zone: "Asia/Urumqi".into(), ..head("new-1", "", "", false) },
        may: ["see_figures", "issue_report", "manage_gateways"].map(String::from).to_vec(),
        summary: fleet_row("new-1", "", "", &["never_delivered"], None, 1),
        log: LogHead { size: 0, root_hex: String::new(), checkpoint_ms: None, projected: 0 },
        machines: vec![],
        losses: vec![],
        delays: vec![],
        losses_date: None,
        coverage: vec![],
        gateways: vec![],
        alarms: vec![],
        declarations: vec![],
        reports: vec![],
        plans: vec![],
        now_ms: NOW_MS,
    }
}

pub(super) fn site_extras(lang: Lang) -> Extras {
    let t = lang.texts();
    let row = |name: &str, b: i64, a: i64, half: i64, verdict: String, total| Row {
        name: name.into(),
        before: Some(Estimate { value: b, low: b - 20, high: b + 60 }),
        after: Some(Estimate { value: a, low: a, high: a + 30 }),
        difference: Some((a - half, a + half)),
        verdict,
        total,
    };
    let change = |key: &str, diff: &str, interval: &str| {
        t.f(key, &[("diff", &diff), ("points", &t.s("verdict-points")), ("interval", &interval)])
    };
    Extras {
        energy: energy_days(),
        energy_of: "/sites/jh-07/machines/main".into(),
        report: Some(Verdicts {
            compare: vec![
                row(
                    &super::words::name(&names("冲压机", "Press"), lang, ""),
                    6_240,
                    7_110,
                    130,
                    change("verdict-up", "+8.7", "[6.9, 10.5]"),
                    false,
                ),
                row(
                    &super::words::name(&names("数控加工中心", "CNC machine"), lang, ""),
                    6_980,
                    7_060,
                    210,
                    change("verdict-flat", "+0.8", "[−2.1, 3.7]"),
                    false,
                ),
                row(
                    &super::words::name(&names("空压机", "Compressor"), lang, ""),
                    7_420,
                    7_010,
                    160,
                    change("verdict-down", "−4.1", "[−6.3, −1.9]"),
                    false,
                ),
                Row {
                    name: super::words::name(&names("老式车床", "Old lathe"), lang, ""),
                    before: None,
                    after: None,
                    difference: None,
                    verdict: t.s("verdict-insufficient"),
                    total: false,
                },
                row(&t.s("compare-total"), 6_410, 7_020, 110, change("verdict-up", "+6.1", "[4.6, 7.6]"), true),
            ],
            words: t.f(
                "compare-words",
                &[
                    ("plan", &"retrofit-2026"),
                    ("base", &"2026-05-24 – 2026-08-22"),
                    ("period", &"2026-08-23 – 2026-11-21"),
                ],
            ),
            ..Verdicts::default()
        }),
    }
}

/// A report of machines beside machines: nothing is before and nothing after.
pub(super) fn beside(lang: Lang) -> Verdicts {
    let t = lang.texts();
    let mut details = report_details(lang).remove(0);
    details.lines.clear();
    details.promises.is_beside = true;
    details.promises.notes = vec![t.s("promise-machines-compared")];
    for line in &mut details.promises.lines {
        line.change = "14.97 [13.02, 16.88]".into();
        line.grades = t.f("promise-beside-grades", &[("comparison", &"C"), ("own", &"A")]);
        line.verdict = t.s("beside-reached");
        line.notes = vec![t.s("promise-because-no-baseline")];
    }
    let words = t.f("compare-words-beside", &[("plan", &"retrofit-2026"), ("period", &details.period)]);
    Verdicts { details, words, ..Verdicts::default() }
}

pub(super) fn energy_days() -> Vec<TrendPoint> {
    (0..26)
        .map(|d| {
            let date = jiff::civil::date(2026, 10, 27).saturating_add(jiff::Span::new().days(d));
            let wh =
                if date.weekday() == jiff::civil::Weekday::Sunday { 31_000 } else { 412_000 + (d * 7_919) % 61_000 };
            TrendPoint { date: date.to_string(), value: if d == 11 { None } else { ratio(wh, 1) } }
        })
        .collect()
}

pub(super) fn machine() -> MachineView {
    MachineView {
        site: head("jh-07", "金华市永盛汽配有限公司", "Jinhua Yongsheng Auto Parts", true),
        id: "press".into(),
        names: names("冲压机", "Press"),
        role: "production".into(),
        date: "2026-11-21".into(),
        shifts: vec![shift(shift_key(0, true), NOW_MS, 1), shift(shift_key(1, true), NOW_MS, 1)],
        previous: Some("2026-11-20".into()),
        next: None,
        trend: trend(1, 14),
        now_ms: NOW_MS,
    }
}

pub(super) fn recent() -> Vec<ShiftView> {
    vec![
        shift(shift_key(1, false), NOW_MS, 2),
        shift(shift_key(0, false), NOW_MS, 4),
        ShiftView { intervals: vec![], figures: vec![], counts: vec![], ..shift(shift_key(0, false), NOW_MS, 1) },
    ]
}

/// A machine known by its clamp meter: no counters, a shift without any planned time, everything unknown.
pub(super) fn machine_undefined() -> MachineView {
    let key = shift_key(0, true);
    let undefined = |metric: &str, reason: &str| Figure {
        metric: metric.into(),
        unit: "ratio".into(),
        value: None,
        low: None,
        high: None,
        undefined: Some(reason.into()),
        coverage: None,
        grade: "D".into(),
        flags: vec!["POWER_DERIVED_STATE".into(), "FUTURE_FLAG".into()],
    };
    let view = ShiftView {
        closed: true,
        evaluated_to_ms: key.until_ms,
        prefix: 3,
        intervals: vec![Interval {
            from_ms: key.from_ms,
            until_ms: key.until_ms,
            state: "unknown".into(),
            bucket: "UNK".into(),
            cause: "a_cause_of_tomorrow<".into(),
        }],
        planned_stops: vec![],
        counts: vec![],
        states: vec![],
        buckets: vec![],
        figures: vec![undefined("oee.iso22400@1", "NO_PLANNED_TIME"), undefined("quality.iso22400@1", "NO_PRODUCTION")],
        shift: key,
    };
    MachineView {
        id: "lathe".into(),
        names: names("", ""),
        shifts: vec![view],
        next: Some("2026-11-22".into()),
        ..machine()
    }
}

pub(super) fn machine_new() -> MachineView {
    MachineView { shifts: vec![], previous: None, trend: vec![], ..machine() }
}

pub(super) fn why() -> Why {
    let m = machine();
    let view = &m.shifts[0];
    let term = |symbol: &str, value: i64, unit: &str| Term {
        symbol: symbol.into(),
        value: value.to_string(),
        unit: unit.into(),
    };
    let of = |name: &str| view.buckets.iter().find(|b| b.name == name).map_or(0, |b| b.ms);
    let good = view.counts.last().map_or(0, |c| c.good);
    Why {
        site: m.site.clone(),
        machine: m.id.clone(),
        machine_names: m.names.clone(),
        shift: view.shift.clone(),
        figure: view.figures[0].clone(),
        formula: "PRI·GQ / PBT".into(),
        terms: vec![
            term("PRI", 4_200, "ms"),
            term("GQ", good, "piece"),
            term("PQ", good + good / 60, "piece"),
            term("PBT", super::words::planned_busy(&view.buckets), "ms"),
            term("APT", of("APT"), "ms"),
            term("AUST", of("AUST"), "ms"),
            term("ADET", of("ADET"), "ms"),
            term("UNK", of("UNK"), "ms"),
        ],
        parameters: vec![
            Parameter { name: "cycle_time".into(), value: "* 4.2 s".into(), leaf: Some(12), late: true },
            Parameter { name: "calendar".into(), value: "cal-1".into(), leaf: Some(9), late: false },
            Parameter { name: "zone_database".into(), value: "2026b".into(), leaf: None, late: false },
        ],
        sources: vec![Source {
            gateway: "gw-1".into(),
            chain: "3f02b7c19aa84e0d8c1122334455667a".into(),
            first_sequence: 9_120,
            last_sequence: 11_988,
            first_leaf: 9_340,
            last_leaf: 12_201,
        }],
        gaps: vec![GapView {
            from_ms: view.shift.from_ms + 322 * MIN,
            until_ms: view.shift.from_ms + 333 * MIN,
            cause: "device_silent".into(),
        }],
        prefix: 12_480,
        others: view.figures[1..].to_vec(),
    }
}

pub(super) fn why_undefined() -> Why {
    let m = machine_undefined();
    Why {
        figure: m.shifts[0].figures[0].clone(),
        formula: String::new(),
        terms: vec![],
        parameters: vec![],
        sources: vec![],
        gaps: vec![],
        others: vec![],
        ..why()
    }
}

pub(super) fn report_details(lang: Lang) -> Vec<Details> {
    let t = lang.texts();
    let line = |name: &str, before: &str, after: &str, css, verdict: String| Line {
        name: name.into(),
        before: before.into(),
        before_bounds: if before == "—" { String::new() } else { "[63.0, 65.2]".into() },
        after: after.into(),
        after_bounds: if after == "—" { String::new() } else { "[69.1, 71.3]".into() },
        verdict_css: css,
        verdict,
    };
    vec![Details {
        leaf: 12_400,
        base: "2026-05-24 – 2026-08-22".into(),
        period: "2026-08-23 – 2026-11-21".into(),
        lines: vec![
            line(
                "OEE",
                "64.1\u{202f}%",
                "70.2\u{202f}%",
                "up",
                t.f(
                    "verdict-up",
                    &[("diff", &"+6.1"), ("points", &t.s("verdict-points")), ("interval", &"[4.6, 7.6]")],
                ),
            ),
            line("kWh", "—", "—", "none", t.s("verdict-insufficient")),
        ],
        promises: super::promise::Promises {
            lines: vec![super::promise::Promise {
                name: "OEE · <全厂>".into(),
                target: format!("{} 5 {}", t.s("plan-increase"), t.s("plan-in-percentage-points")),
                change: format!("6.10 [4.60, 7.60] {}", t.s("plan-in-percentage-points")),
                grades: "A / C".into(),
                css: "none",
                verdict: t.s("promise-insufficient"),
                notes: vec![t.s("promise-because-interval-contains-target"), t.f1("promise-locked", "leaf", "8 012")],
            }],
            notes: vec![t.s("promise-after-only")],
            is_beside: false,
        },
    }]
}
