//! Draws, results of on-site checks and figures of deviations: the verifier computes them again from the bundle, refuses what was not computed, and says
//! so where the readings are not there. Both readers compute the sections of the report again.

#[path = "../../metrics/tests/fixture/mod.rs"]
mod fixture;
#[path = "../../metrics/tests/fixture/floor.rs"]
mod floor;
mod second;

use fixture::{HOUR, Log, MONDAY, World};
use floor::{Floor, RIGHT, STOPS, register};
use metrics::compare::SplitMix64;
use metrics::deviation::{Measured, measure};
use metrics::filed::FiledTarget;
use metrics::model::DateRange;
use metrics::onsite;
use metrics::{ReportRequest, evaluate};
use protocol::{Declaration, Leaf};
use second::second;
use serde_json::{Value as Json, json};
use verify::{Outcome, Severity, Trust, Verdict, verify};

const DAY: i64 = 24 * HOUR;

fn report(log: &Log, to: &str) -> Json {
    let dates = ReportRequest::for_dates(log.size(), "2026-03-02", to, None);
    let request = ReportRequest { onsite: true, deviations: true, ..dates };
    serde_json::from_slice(&evaluate(&log.history(), &request).unwrap().to_json().unwrap()).unwrap()
}

fn bundle(log: &Log, report: &Json) -> Vec<u8> {
    log.bundle(&protocol::canonical_json(report).unwrap())
}

fn read(log: &Log, report: &Json) -> Outcome {
    verify(&bundle(log, report), Some(&Trust::parse(log.trust_json().as_bytes()).unwrap()))
}

/// What is said of a code, with its severity.
fn said(outcome: &Outcome, code: &str, severity: Severity) -> Vec<String> {
    let of = outcome.findings.iter().filter(|f| f.code == code && f.severity == severity);
    of.map(|f| format!("{} {} / {}", f.place, f.zh, f.en)).collect()
}

/// Puts another body into a statement; whoever has the log's key can.
fn restate(log: &Log, leaf: u64, change: &dyn Fn(&mut Declaration)) -> Log {
    let mut log = log.clone();
    let at = leaf as usize;
    let before = log.contents.remove(&log.leaves[at].content_digest().unwrap()).unwrap();
    let mut stated = Declaration::decode(&before).unwrap();
    change(&mut stated);
    let bytes = stated.encode().unwrap();
    log.leaves[at] = Leaf::declaration(log.leaves[at].received_ms, &stated.kind, &bytes);
    log.contents.insert(protocol::sha256(&bytes), bytes);
    log
}

/// Refused by the verifier at a leaf, and by the second reader where it computes it too.
fn refused(log: &Log, to: &str, (code, place, words): (&str, &str, &str), by_both: bool) {
    let forged = report(log, to);
    let outcome = read(log, &forged);
    let told = said(&outcome, code, Severity::Refused);
    assert_eq!((outcome.verdict, told.len()), (Verdict::Refused, 1), "{words}: {:#?}", outcome.findings);
    assert!(told[0].starts_with(place) && words.split(" | ").all(|piece| told[0].contains(piece)), "{told:?}");
    if let (true, Some((code, said))) = (by_both, second(log, &bundle(log, &forged))) {
        assert!(code == Some(1) && said.contains("refused: leaf"), "{said}");
    }
}

/// A press, a face and a plate of a check, with the leaves of the draw's result and theirs.
fn checked() -> (Floor, [u64; 4]) {
    let mut floor = Floor::new(RIGHT);
    let asked = floor.run(60_000).begin(50_000, 2);
    let press = floor.run(STOPS).press(STOPS + 2_000, "saw", "stop");
    let state = floor.run(STOPS + 40_000).record(press);
    let at = STOPS + 60_000;
    let face = floor.run(at).face(at, &format!("{:.2}", register(at) as f64 / 100.0), "kWh", true);
    let meter = floor.run(at + 20_000).record(face);
    let body = json!({"check": "oc-1", "machine": "saw", "serial": "X-1", "ct": {"primary": 200, "secondary": 5}, "seal": "broken"});
    let plate = floor.state(at + 30_000, "onsite_plate", body);
    let plates = floor.record(plate);
    floor.confirm("assessor", "checker");
    floor.confirm("firm", "firm");
    floor.log.declare_as("firm", "onsite_press", json!({"check": "oc-1", "machine": "mill", "action": "stop"}));
    (floor, [asked + 1, state, meter, plates])
}

#[test]
fn an_on_site_check_is_computed_again_by_both_readers() {
    let (floor, _) = checked();
    let honest = report(&floor.log, "2026-03-02");
    let outcome = read(&floor.log, &honest);
    assert_eq!(outcome.verdict, Verdict::Verified, "{:#?}", outcome.findings);
    let ok = said(&outcome, "onsite", Severity::Ok);
    assert!(
        ok[0].contains("现场核查的抽取与结果 4 项已由包内的日志与读数重新计算")
            && ok[0].contains("4 draws and results"),
        "{ok:?}"
    );
    let note = said(&outcome, "onsite", Severity::Note);
    assert!(note[0].contains("核查动作 3 项，记有结果 3 项，其中与日志不符 1 项；核查方已确认全部内容，企业已确认全部内容；不计入的条目 1 项"), "{note:?}");
    assert!(note[0].contains("acts 3, with a recorded result 3, of those differing from the log 1"), "{note:?}");
    if let Some((code, said)) = second(&floor.log, &bundle(&floor.log, &honest)) {
        assert!(code == Some(1) && said.contains("computes no further"), "it reads no power rules: {said}");
    }
    // A report that was not asked for the section is as it was, and the check is named.
    let plain = ReportRequest::for_dates(floor.log.size(), "2026-03-02", "2026-03-02", None);
    let plain = serde_json::from_slice(&evaluate(&floor.log.history(), &plain).unwrap().to_json().unwrap()).unwrap();
    let note = said(&read(&floor.log, &plain), "onsite", Severity::Note);
    assert!(
        note[0].contains("日志中有现场核查 oc-1，报告没有列出") && note[0].contains("no section of it"),
        "{note:?}"
    );
}

#[test]
fn what_the_server_did_not_compute_is_refused() {
    let (floor, [draw, state, meter, plate]) = checked();
    let log = &floor.log;
    let set = |leaf: u64, at: &'static str, value: Json| {
        restate(log, leaf, &move |stated| {
            *stated.body.pointer_mut(at).unwrap_or_else(|| panic!("{at}")) = value.clone()
        })
    };
    let same = "2026-03-02";
    let place = |leaf: u64| format!("leaf {leaf}: onsite_result oc-1");
    refused(
        &set(draw, "/found/draw/drawn", json!(["press", "saw"])),
        same,
        ("onsite", &place(draw), "draw › drawn"),
        true,
    );
    refused(
        &set(draw, "/found/draw/root", json!("ab".repeat(32))),
        same,
        ("onsite", &place(draw), "draw › root"),
        true,
    );
    refused(
        &set(state, "/found/state/change/lag_ms", json!(-1_000)),
        same,
        (
            "onsite",
            &place(state),
            "与由日志和读数重新计算的结果不一致：state › change › lag_ms = -1000 (stated) ≠ -2000 (computed) | is not what the log and its readings give: state",
        ),
        false,
    );
    refused(
        &set(meter, "/found/meter/register/deviation", json!("5.000")),
        same,
        ("onsite", &place(meter), "register › deviation"),
        false,
    );
    refused(
        &set(plate, "/found/plate/serial", json!("agrees")),
        same,
        ("onsite", &place(plate), "serial = \"agrees\" (stated)"),
        false,
    );
    // Over leaves that came later, of no act, and where nothing could be said yet.
    refused(
        &set(meter, "/size", json!(meter + 5)),
        same,
        ("onsite", &place(meter), "不可能依据其后的条目 | nothing rests on what came later"),
        false,
    );
    refused(
        &set(plate, "/of", json!(plate - 2)),
        same,
        ("onsite", &place(plate), "不是现场核查 oc-1 的动作，没有可得出的结果 | is no act of the on-site check `oc-1`"),
        false,
    );
    refused(
        &set(state, "/size", json!(state - 1)),
        same,
        (
            "onsite",
            &place(state),
            "所记数值不是计算所得 | the log it names gives no such result at all: what is stated was not computed",
        ),
        false,
    );
}

#[test]
fn what_the_bundle_does_not_hold_is_said_to_be_the_servers_word() {
    let (floor, _) = checked();
    let honest = report(&floor.log, "2026-03-02");
    let mut light = floor.log.clone();
    let batches: Vec<_> = light.leaves.iter().filter(|leaf| matches!(&leaf.body, protocol::LeafBody::Record { header, .. } if header.kind == protocol::Kind::Batch)).filter_map(Leaf::content_digest).collect();
    batches.iter().for_each(|digest| drop(light.contents.remove(digest)));
    let outcome = read(&light, &honest);
    assert_eq!(outcome.verdict, Verdict::NotRecomputed, "{:#?}", outcome.findings);
    assert!(
        said(&outcome, "onsite", Severity::Ok)[0].contains("1 draws and results"),
        "the draw rests on leaves alone"
    );
    let note = said(&outcome, "onsite", Severity::Note);
    assert!(
        note[0].contains("3 项未能重新计算：包内没有其所依据时段的全部读数")
            && note[0].contains("3 draws and results of on-site checks not computed again: the bundle does not hold all readings of the time they rest on"),
        "{note:?}"
    );
}

const BASE: (&str, &str) = ("2026-03-02", "2026-04-05");
const WINDOW: (&str, &str) = ("2026-04-06", "2026-05-10");

fn target() -> FiledTarget {
    let promised = json!({"target": "oee", "names": {"zh": "设备综合利用率", "en": "OEE"}, "definition": "oee.iso22400@1",
        "promised": {"value": "50", "unit": "percentage_points", "direction": "increase"},
        "base": {"from": BASE.0, "to": BASE.1}, "method": "按班次计"});
    serde_json::from_value(promised).unwrap()
}

fn measured(log: &Log, until_ms: i64) -> Measured {
    let window = DateRange { from: WINDOW.0.into(), to: WINDOW.1.into() };
    measure(&log.history(), &target(), &["press".to_owned()], window, until_ms).unwrap()
}

/// Ten weeks with a target that is missed by far, its notice and what followed; the leaf of the notice.
fn missed() -> (Log, u64) {
    let mut log = Log::new(false);
    log.declare("filed_plan", json!({
        "filing": "f1", "names": {"zh": "一号线改造", "en": "Line 1"}, "filed": "2026-01-05",
        "term": {"from": "2026-01-10", "to": "2026-06-30"}, "machines": [{"machine": "press"}], "gateways": [], "targets": [target()],
    }));
    log.run(&World::new(5, 70, Some(35)), true, |_, _| true);
    let found = measured(&log, MONDAY + 70 * DAY);
    assert_eq!(serde_json::to_value(found.standing).unwrap(), "short", "{found:?}");
    let notice = log.size();
    log.declare_as(
        "centre",
        "deviation_notice",
        json!({"filing": "f1", "deviation": "d-1", "target": "oee", "asks": "请说明原因", "measured": found}),
    );
    // The server states it when it has computed it.
    let mut log = restate(&log, notice, &|stated| stated.effective_from = MONDAY + 70 * DAY);
    log.declare("deviation_explanation", json!({"filing": "f1", "deviation": "d-1", "explanation": "换型频繁"}));
    let measures = |what: &str| json!({"filing": "f1", "deviation": "d-1", "measures": [{"what": what, "who": "生产部", "due": "2026-06-30"}]});
    log.declare("deviation_measures", measures("换刀标准化"));
    log.declare("deviation_measures", measures("换刀与上料标准化"));
    log.declare_as("firm", "deviation_closed", json!({"filing": "f1", "deviation": "d-1", "reason": "自行销号"}));
    log.declare_as(
        "assessor",
        "deviation_explanation",
        json!({"filing": "f1", "deviation": "d-9", "explanation": "?"}),
    );
    (log, notice)
}

#[test]
fn a_figure_of_a_deviation_is_computed_again_and_its_course_by_both_readers() {
    let (log, notice) = missed();
    let honest = report(&log, "2026-05-10");
    let of = &honest["practice"]["deviations"][0];
    let one = &of["deviations"][0];
    assert_eq!(
        (&of["at"], &one["next"], &one["days"]),
        (&json!("2026-05-10"), &json!("REMEASUREMENT"), &Json::Null),
        "noticed after the dates"
    );
    let steps: Vec<_> = one["steps"]
        .as_array()
        .unwrap()
        .iter()
        .map(|s| (s["step"].as_str().unwrap(), s["superseded"].as_bool()))
        .collect();
    assert_eq!(steps, [("notice", None), ("explanation", None), ("measures", Some(true)), ("measures", None)]);
    assert_eq!(
        (&one["disregarded"][0]["code"], &of["disregarded"][0]["code"]),
        (&json!("NOT_AN_AUTHORITY"), &json!("NO_NOTICE"))
    );
    let outcome = read(&log, &honest);
    assert_eq!(outcome.verdict, Verdict::Verified, "{:#?}", outcome.findings);
    assert!(said(&outcome, "deviation", Severity::Ok)[0].contains("目标偏离的测算值 1 项已由包内的日志与读数重新计算"));
    let note = said(&outcome, "deviation", Severity::Note);
    assert!(
        note[0].contains("目标 oee 的偏离 d-1（2026-05-11 提示）：整改措施已填报，待复测")
            && note[0].contains("measures stated; to be measured again"),
        "{note:?}"
    );
    if let Some((code, said)) = second(&log, &bundle(&log, &honest)) {
        assert!(code == Some(0) && said.contains("on-site checks 0, deviations 1"), "{said}");
    }
    // Said otherwise in the report: both refuse.
    for (at, value) in [
        ("/deviations/0/next", json!("CLOSED")),
        ("/deviations/0/steps/2/superseded", json!(false)),
        ("/disregarded", json!([])),
    ] {
        let mut forged = honest.clone();
        *forged["practice"]["deviations"][0].pointer_mut(at).unwrap() = value;
        let outcome = read(&log, &forged);
        assert!(
            outcome.refusals().any(|f| f.code == "report" && f.place.contains("practice › deviations › f1")),
            "{at}: {:#?}",
            outcome.findings
        );
        if let Some((code, said)) = second(&log, &bundle(&log, &forged)) {
            assert!(code == Some(1) && said.contains("refused: deviations f1"), "{at}: {said}");
        }
    }
    // A figure that was not computed, and one of a promise nobody stated.
    let place = format!("leaf {notice}: measured f1 oee");
    let forged = restate(&log, notice, &|stated| stated.body["measured"]["change"] = json!("0.010000"));
    refused(&forged, "2026-05-10", ("deviation", &place, "change = \"0.010000\" (stated)"), false);
    let forged = restate(&log, notice, &|stated| stated.body["measured"]["base"]["from"] = json!("2026-03-03"));
    refused(&forged, "2026-05-10", ("deviation", &place, "gives no such result at all"), false);
}

/// Whatever is stated of checks and deviations by whom in whatever order: the second reader gives both sections as the report has them.
#[test]
fn any_course_is_the_same_to_both_readers() {
    for seed in 0..8 {
        let mut random = SplitMix64::new(seed + 900);
        let mut any = |n: u64| (random.next_u64() % n) as usize;
        let (mut log, mut asked) = (Log::new(false), Vec::new());
        log.declare("filed_plan", json!({"filing": "f1", "names": {"zh": "改造", "en": "Retrofit"}, "filed": "2026-01-05",
            "term": {"from": "2026-01-10", "to": "2026-06-30"}, "machines": [{"machine": "press"}], "gateways": [], "targets": []}));
        for _ in 0..60 {
            let role = ["assessor", "district", "centre", "firm", "provider"][any(5)];
            let check = ["oc-1", "oc-2"][any(2)];
            // A draw that was not drawn both refuse, whatever the sections say.
            let of = Some(log.size() - 1 - any(6) as u64).filter(|of| !asked.contains(of)).unwrap_or_default();
            let state = json!({"state": {"pressed_ms": 7, "within_ms": 15_000, "outcome": (["changed", "not_changed", "not_observed"][any(3)]), "others": []}});
            let plate = json!({"plate": {"serial": "agrees", "ledger_serial": "", "meter_serial": "open", "ct": (["open", "differs"][any(2)]), "scale": "open", "configured": null}});
            let through = if any(2) == 0 { log.size() - 1 } else { of };
            let seal = onsite::seal(log.history().statements().onsite(check), through).1.hex();
            let digest = if any(3) == 0 { "0".repeat(64) } else { seal };
            let (id, date) = (["d-1", "d-2"][any(2)], ["2026-03-02", "2026-03-05", "2026-03-20"][any(3)]);
            let measured = |standing: &str| {
                json!({"size": 3, "definition": "oee.iso22400@1", "machines": ["press"], "window": {"from": date, "to": "2026-04-30"}, "before": null,
                "base": {"from": "2025-06-01", "to": "2025-08-31"}, "unit": "percentage_points", "interval": ["-0.010000", "0.030000"], "standing": standing, "reasons": []})
            };
            let figure = measured(["short", "short", "open", "reached"][any(4)]);
            let step = |more: Json| {
                let mut body = json!({"filing": "f1", "deviation": id});
                body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
                body
            };
            let (kind, body) = match any(11) {
                0 => ("onsite_check", json!({"check": check, "body": "某中心", "wanted": 2})),
                1 => ("onsite_press", json!({"check": check, "machine": "press", "action": "stop"})),
                2 => (
                    "onsite_plate",
                    json!({"check": check, "machine": "press", "serial": "", "seal": (["intact", "broken"][any(2)])}),
                ),
                3 => (
                    "onsite_face",
                    json!({"check": check, "machine": "press", "value": "1.0", "unit": "MWh", "photo": {"digest": "9a".repeat(32), "taken_ms": MONDAY}}),
                ),
                4 | 5 => (
                    "onsite_result",
                    match any(3) {
                        0 => json!({"check": check, "of": of}),
                        _ => {
                            json!({"check": check, "of": of, "size": of + 1, "found": if any(2) == 0 { state } else { plate }})
                        }
                    },
                ),
                6 => (
                    "onsite_confirmed",
                    json!({"check": check, "side": (["checker", "firm"][any(2)]), "through": through, "digest": digest}),
                ),
                7 => (
                    "deviation_notice",
                    step(json!({"target": (["oee", "energy"][any(2)]), "asks": "?", "measured": figure})),
                ),
                8 => ("deviation_explanation", step(json!({"explanation": "?"}))),
                9 => (
                    "deviation_measures",
                    step(
                        json!({"measures": [{"what": "x", "who": "y", "due": (["2026-02-01", "2026-03-03", "2026-12-31"][any(3)])}]}),
                    ),
                ),
                _ if any(2) == 0 => ("deviation_closed", step(json!({"reason": "?"}))),
                _ => ("deviation_remeasured", step(json!({"measured": figure}))),
            };
            asked.extend((kind == "onsite_check").then_some(log.size()));
            log.declare_as(role, kind, body);
        }
        log.run(&World::new(5, 3, None), true, |_, _| true);
        let honest = report(&log, "2026-03-04");
        let [checks, filings] =
            ["onsite", "deviations"].map(|name| honest["practice"][name].as_array().cloned().unwrap_or_default());
        assert!(!checks.is_empty(), "seed {seed}");
        let deviations: usize = filings.iter().map(|of| of["deviations"].as_array().unwrap().len()).sum();
        if let Some((code, said)) = second(&log, &bundle(&log, &honest)) {
            let told = format!("on-site checks {}, deviations {deviations}", checks.len());
            assert!(code == Some(0) && said.contains(&told), "seed {seed}: {said}");
        }
        // The sections are the report's to the verifier too; what nobody computed it refuses.
        let outcome = read(&log, &honest);
        assert!(
            outcome.refusals().all(|f| ["onsite", "deviation"].contains(&f.code)),
            "seed {seed}: {:#?}",
            outcome.findings
        );
    }
}
