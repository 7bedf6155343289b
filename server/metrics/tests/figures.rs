//! Every further figure of a machine and of the site against what the fixture's world did, and what answers "why".

mod fixture;

use std::collections::BTreeSet;

use fixture::{HOUR, ITEM_US, Log, World};
use metrics::figures::{Figure, Figures, StopRule, machine, site::site};
use metrics::report::Period;
use metrics::{ReportRequest, catalogue, evaluate};
use serde_json::json;

const DAYS: usize = 14;

fn period() -> Period {
    Period { name: "period".into(), from: "2026-03-02".into(), to: "2026-03-15".into() }
}

fn world() -> World {
    World::new(4_711, DAYS, None)
}

fn log(world: &World, keep: impl Fn(u32, usize) -> bool) -> Log {
    log_with(world, true, keep)
}

/// With `gaps` what is missing is stated as a gap; without, nobody says that it is missing.
fn log_with(world: &World, gaps: bool, keep: impl Fn(u32, usize) -> bool) -> Log {
    let mut log = Log::new(false);
    log.declare("line", json!({"line": "a", "route": ["press", "pack"]}));
    log.run(world, gaps, keep);
    log
}

fn press(log: &Log) -> Figures {
    machine(&log.history(), "press", &period(), None, StopRule::default()).unwrap()
}

fn find<'f>(all: &'f Figures, id: &str, part: &str) -> &'f Figure {
    let found = all.figures.iter().find(|f| f.definition == id && f.part == part);
    found.unwrap_or_else(|| {
        panic!("{id} {part} is not among {:?}", all.figures.iter().map(|f| (f.definition, &f.part)).collect::<Vec<_>>())
    })
}

/// `num / den` in six decimals.
fn six(num: i128, den: i128) -> Option<String> {
    metrics::exact::product_digits(&[(num, den)], 6)
}

#[test]
fn figures_of_a_complete_record_are_what_the_machine_did() {
    let world = world();
    let all = press(&log(&world, |_, _| true));
    let (mut fault, mut idle_wh, mut wh, mut good, mut made, mut pbt) = (0, 0, 0, 0, 0, 0_i128);
    for (m, minute) in world.minutes.iter().enumerate() {
        let in_day = m % 1440;
        let in_shift = (8 * 60..20 * 60).contains(&in_day);
        let in_break = (12 * 60..12 * 60 + 50).contains(&in_day);
        fault += i128::from(minute.code == 6 && in_shift && !in_break) * 60_000;
        idle_wh += if minute.code == 2 { i128::from(minute.wh) } else { 0 };
        wh += i128::from(minute.wh);
        good += i128::from(minute.good);
        made += i128::from(minute.good + minute.reject);
        pbt += i128::from(in_shift && (!in_break || minute.code == 4)) * 60_000;
    }
    let value = |id: &str, part: &str| find(&all, id, part).value.clone();
    assert_eq!(value("energy.active@1", ""), six(wh, 1000));
    assert_eq!(value("energy.idle@1", ""), six(idle_wh, 1000));
    assert_eq!(value("energy.idle_share@1", ""), six(idle_wh, wh));
    assert_eq!(value("failure.share@1", ""), six(fault, pbt));
    assert_eq!(value("quality.pieces@1", ""), six(good, made));
    assert_eq!(value("oee.tpm_jipm@1", ""), six(good * i128::from(ITEM_US), pbt * 1000), "the same as by ISO 22400");
    assert_eq!(value("capacity.utilisation@1", ""), six(made * i128::from(ITEM_US), pbt * 1000));
    assert_eq!(value("capacity.theoretical@1", ""), six(pbt * 1000, i128::from(ITEM_US)));
    // A counter polled once a minute does not show single cycles of six seconds: only the mean over undisturbed running.
    let mean = find(&all, "cycle.distribution@1", "mean_only");
    assert!(
        mean.value.as_deref().is_some_and(|v| v.starts_with("7.0") || v.starts_with("6.9") || v.starts_with("7.1")),
        "{mean:?}"
    );
    // A minute of running uses 150 Wh; fifteen of them in a block are 2.25 kWh, 9 kW.
    assert_eq!(value("power.demand.block@1", "").as_deref(), Some("9.000000"));
    assert_eq!(value("power.demand.sliding@1", "").as_deref(), Some("9.000000"));
    assert_eq!(value("power.load_factor@1", ""), six(wh, 9 * 24 * DAYS as i128 * 1000));
    // The waterfall tiles calendar time.
    let total: i128 = all.waterfall.iter().map(|s| s.seconds.replace('.', "").parse::<i128>().unwrap()).sum();
    assert_eq!(total, i128::from(24 * HOUR) * DAYS as i128);
    let effective = all.waterfall.iter().find(|s| s.id == "effective").unwrap();
    assert_eq!(effective.seconds.replace('.', ""), (good * i128::from(ITEM_US) / 1000).to_string());
    for f in all.figures.iter().filter(|f| f.value.is_some() && f.upper.is_some()) {
        assert_eq!((&f.lower, &f.upper), (&f.value, &f.value), "{}: nothing is unobserved", f.definition);
    }
}

/// MTBF and MTTR of the world's fault episodes, merged below one minute — never, at one sample a minute.
#[test]
fn failures_are_counted_across_shift_edges() {
    let world = world();
    let all = press(&log(&world, |_, _| true));
    let codes: Vec<u64> = world.minutes.iter().map(|m| m.code).collect();
    let begins = (1..codes.len()).filter(|i| codes[*i] == 6 && codes[i - 1] != 6).count();
    let faults = codes.iter().filter(|c| **c == 6).count() as i128;
    let operating = codes.iter().filter(|c| [4, 5].contains(c)).count() as i128;
    assert!(begins > 5, "the world fails now and then");
    let mtbf = find(&all, "mtbf.iso22400@1", "");
    assert_eq!(mtbf.value, six(operating, 60 * begins as i128));
    assert_eq!(find(&all, "mttr.iso22400@1", "").value, six(faults, 60 * begins as i128));
    assert_eq!(mtbf.terms.iter().map(|t| t.symbol).collect::<Vec<_>>(), ["TBF", "FE"]);
}

/// Whatever is lost, the truth stays inside the bounds that are printed, and a complete record has the narrowest.
#[test]
fn bounds_of_a_thinned_record_hold_the_complete_one() {
    let world = world();
    let whole = press(&log(&world, |_, _| true));
    let mut checked = 0;
    for seed in 0..12_u64 {
        // Single readings, and in every second run half an hour a day that is stated as a gap: little enough that no shift is
        // left out.
        let (gaps, silent) = (seed % 2 == 0, 500 + seed as usize * 31);
        let thin = press(&log_with(&world, gaps, |tag, m| {
            let is_silent = gaps && (silent..silent + 30).contains(&(m % 1440));
            let every = if gaps { 41 } else { 6 };
            !(m as u64 * 7 + u64::from(tag) * 13 + seed).is_multiple_of(every) && !is_silent
        }));
        assert!(thin.excluded.is_empty());
        for f in &thin.figures {
            let Some(truth) = whole.figures.iter().find(|w| w.definition == f.definition && w.part == f.part) else {
                continue;
            };
            let micros = |t: &Option<String>| t.as_ref().map(|t| t.replace('.', "").parse::<i128>().unwrap());
            let Some(truth) = micros(&truth.value) else { continue };
            checked += usize::from(f.lower.is_some());
            assert!(micros(&f.lower).is_none_or(|l| l - 1 <= truth), "{} {}: {f:?} {truth}", f.definition, f.part);
            assert!(micros(&f.upper).is_none_or(|u| truth <= u + 1), "{} {}: {f:?} {truth}", f.definition, f.part);
        }
        assert_eq!(thin.gaps.is_empty(), !gaps);
    }
    assert!(checked > 200, "{checked} bounds");
}

#[test]
fn the_report_and_the_figures_agree_and_every_figure_answers_why() {
    let world = world();
    let log = log(&world, |tag, m| !(m * 11 + tag as usize).is_multiple_of(53));
    let history = log.history();
    let request = ReportRequest::for_dates(log.size(), &period().from, &period().to, None);
    let report = evaluate(&history, &request).unwrap();
    let press = press(&log);
    let plant = site(&history, &period(), None, StopRule::default()).unwrap();
    for (all, machine) in [(&press, "press"), (&plant, "*")] {
        let section = report.periods.iter().find(|s| s.machine == machine).unwrap();
        for line in &section.lines {
            let figure = find(all, line.definition, "");
            assert_eq!(
                (&figure.value, &figure.lower, &figure.upper, figure.coverage, figure.grade, figure.undefined),
                (&line.value, &line.lower, &line.upper, line.coverage, line.grade, line.undefined),
                "{machine} {}",
                line.definition
            );
        }
        for f in &all.figures {
            assert!(catalogue::explain(f.definition).is_some_and(|e| e.formula == f.formula && e.unit == f.unit));
            assert!(f.value.is_some() != f.undefined.is_some(), "{f:?}");
            assert!(!f.terms.is_empty() || !f.parameters.is_empty() || f.undefined.is_some(), "{f:?}: why?");
        }
        assert!(!all.lineage.is_empty() && !all.statements.is_empty());
    }
    let ids: BTreeSet<&str> = press.figures.iter().map(|f| f.definition).collect();
    assert!(ids.len() >= 35, "{} definitions: {ids:?}", ids.len());
}

#[test]
fn the_site_counts_what_is_connected_and_names_what_is_missing() {
    let world = world();
    let mut log = log(&world, |tag, m| tag != 1 || m < 1440);
    log.declare("machine", json!({"machine": "lathe", "names": {"zh": "车床", "en": "Lathe"}, "signals": {}}));
    let history = log.history();
    let plant = site(&history, &period(), None, StopRule::default()).unwrap();
    let digital = find(&plant, "equipment.digital@1", "");
    assert_eq!(digital.value.as_deref(), Some("0.500000"));
    assert_eq!(digital.parameters, [("days", "14".to_owned()), ("not_counted", "lathe".to_owned())]);
    assert_eq!(digital.grade, Some("C"), "the list of machines is a person's");
    assert_eq!(find(&plant, "equipment.connected@1", "").value.as_deref(), Some("0.500000"));
    let areas = find(&plant, "collection.areas@1", "");
    assert_eq!(areas.parameters[0].1.split('、').count(), 4, "{areas:?}");
    // Five tags; one of them stopped after the first of fourteen days.
    let completeness = find(&plant, "collection.completeness@1", "");
    assert!(completeness.value.as_deref().is_some_and(|v| v.starts_with("0.81")), "{completeness:?}");
    assert_eq!(
        find(&plant, "line.oee.constraint@1", "a").undefined,
        Some("NO_STATE"),
        "nobody declared the second station"
    );
    // An hour per batch: the oldest reading waits an hour and a second.
    assert_eq!(find(&plant, "collection.timeliness@1", "p50").value.as_deref(), Some("3601.000000"));
}

#[test]
fn the_ledger_is_as_complete_as_its_fields_and_what_it_says_connects_nothing() {
    let world = world();
    let mut log = log(&world, |_, _| true);
    log.declare("machine", json!({"machine": "lathe", "names": {"zh": "车床", "en": "Lathe"}, "signals": {}}));
    let plant = |log: &Log| site(&log.history(), &period(), None, StopRule::default()).unwrap();
    assert!(plant(&log).figures.iter().all(|f| f.definition != "ledger.completeness@1"), "nobody stated a ledger");
    log.declare(
        "ledger",
        json!({"machine": "lathe", "number": "SB-2", "model": "C6140", "maker": "厂", "commissioned": "2015-06-01",
        "location": "二车间", "class": "key_production", "interface": "无", "point_table": "v1", "networked": true}),
    );
    let found = plant(&log);
    // Two machines of nine fields each; of the press only the name is there. The incoming meter is no equipment.
    let ledger = find(&found, "ledger.completeness@1", "");
    assert_eq!((ledger.value.as_deref(), ledger.grade), (Some("0.555556"), Some("C")));
    let connected = find(&found, "equipment.connected@1", "");
    assert_eq!(connected.value.as_deref(), Some("0.500000"));
    assert!(connected.parameters.contains(&("stated_connected_but_not_read", "lathe".to_owned())), "{connected:?}");
}

/// A sensor that never spoke is missing from what was expected, and a machine whose signals nobody ever read is not digitised.
#[test]
fn silence_from_the_beginning_is_not_complete() {
    let world = world();
    let mut log = log(&world, |tag, _| tag != 2);
    let on_paper = json!({"good": {"gateway": fixture::GATEWAY, "tag": "press/reject"}, "total": {"gateway": fixture::GATEWAY, "tag": "press/none"}});
    log.declare("machine", json!({"machine": "lathe", "names": {"zh": "车床", "en": "Lathe"}, "signals": on_paper}));
    let plant = site(&log.history(), &period(), None, StopRule::default()).unwrap();
    let completeness = find(&plant, "collection.completeness@1", "");
    // Four of five tags, and the last reading falls on the window's end.
    assert!(completeness.value.as_deref().is_some_and(|v| ("0.79".."0.81").contains(&v)), "{completeness:?}");
    assert_eq!(completeness.parameters, [("not_configured", format!("{}/press/none", fixture::GATEWAY))]);
    let digital = find(&plant, "equipment.digital@1", "");
    assert_eq!((digital.value.as_deref(), &digital.parameters[1].1), (Some("0.500000"), &"lathe".to_owned()));
}

#[test]
fn a_meter_has_standard_coal_and_carbon_of_its_province_and_a_machine_has_not() {
    let world = world();
    let mut log = log(&world, |_, _| true);
    log.declare("site", json!({"names": {"zh": "厂", "en": "Works"}, "zone": "Asia/Shanghai", "province": "云南"}));
    let history = log.history();
    let main = machine(&history, "main", &period(), None, StopRule::default()).unwrap();
    let kwh = find(&main, "energy.active@1", "").numerator.as_deref().unwrap().parse::<i128>().unwrap();
    assert_eq!(find(&main, "energy.comprehensive@1", "").value, six(kwh * 1229, 10_000 * 1_000_000));
    let carbon: Vec<(&str, Option<String>)> = main
        .figures
        .iter()
        .filter(|f| f.definition == "co2.electricity@1")
        .map(|f| (f.part.as_str(), f.value.clone()))
        .collect();
    let at = |factor: i128| six(kwh * factor, 10_000 * 1_000_000);
    assert_eq!(carbon, [("grid.云南.average.2022", at(1073)), ("grid.CN.average.2023", at(5306))]);
    let press = press(&log);
    assert!(
        press.figures.iter().all(|f| !f.definition.starts_with("co2.") && f.definition != "energy.comprehensive@1")
    );
}

/// Seventy days before, seventy after; from day 70 on every minute of running uses less.
#[test]
fn savings_of_a_plan_are_those_of_the_world() {
    let mut world = World::new(99, 140, None);
    for (m, minute) in world.minutes.iter_mut().enumerate() {
        if minute.code == 4 {
            minute.wh = if m < 70 * 1440 { 150 } else { 132 };
        }
    }
    let mut log = Log::new(false);
    log.declare("plan", json!({
        "plan": "p1", "baseline": {"from": "2026-03-02", "to": "2026-05-10"}, "reporting": {"from": "2026-05-11", "to": "2026-07-19"},
        "machines": ["press"], "incoming": "main",
    }));
    log.run(&world, false, |_, _| true);
    let all = metrics::figures::saved::saved(&log.history(), "p1", None, StopRule::default());
    assert_eq!(all.iter().map(|s| (s.machine.as_str(), s.option)).collect::<Vec<_>>(), [("press", "B"), ("main", "C")]);
    for s in &all {
        assert_eq!((s.baseline_days, s.reporting_days), ([70, 0], [70, 0]));
        assert_eq!(s.driven_by, ["press"]);
    }
    // What the reporting period would have used at 150 Wh a minute, less what it used: 18 Wh per minute of running.
    let running = world.minutes[70 * 1440..].iter().filter(|m| m.code == 4).count() as f64;
    let truth = running * 18.0 / 1000.0;
    let press = all[0].savings.with.evaluation().unwrap_or_else(|| panic!("{:?}", all[0].savings.with.refusal()));
    let avoided = press.avoided.ok().expect("a number");
    assert!((avoided - truth).abs() < 0.02 * truth, "{avoided} against {truth}");
    let interval = press.headline().expect("an interval");
    let (lower, upper) = (interval.lower.ok().unwrap(), interval.upper.ok().unwrap());
    assert!(lower < truth && truth < upper, "[{lower}, {upper}] holds {truth}");
    // As it is printed: the same numbers, and unit consumption never without what volume explains of it.
    let printed = metrics::figures::saved::printed(&all[0].savings.with);
    let number = |id: &str, part: &str| {
        let found =
            printed.iter().find(|f| f.definition == id && f.part == part).unwrap_or_else(|| panic!("{id} {part}"));
        assert!(!found.formula.is_empty() && !found.terms.is_empty(), "{id}: why this number");
        found.value.as_deref().unwrap().parse::<f64>().unwrap()
    };
    assert!((number("savings.avoided@1", "") - avoided).abs() < 1e-6);
    let [change, volume, saving] = ["change", "volume", "saving"].map(|part| number("unit_consumption.change@1", part));
    assert!(((1.0 + change) - (1.0 + volume) * (1.0 + saving)).abs() < 1e-5, "{change} {volume} {saving}");
    // Running took less and nothing else did: what is saved, of what would have been used.
    let used = world.minutes[70 * 1440..].iter().map(|m| m.wh as f64).sum::<f64>() / 1000.0;
    assert!((saving + truth / (used + truth)).abs() < 0.002, "{saving}");
    assert!(number("model.r2@1", "") > 0.9);
    // Three days on which the meter was wrong are left out, by two people; the result without that stands beside it.
    log.declare("adjustment", json!({
        "plan": "p1", "id": "e1", "from": "2026-06-01", "to": "2026-06-03", "kind": "meter_fault", "evidence": "检修单 12",
        "proposer": "u1", "approver": "u2", "reason": "电能表更换", "treatment": "exclude", "machines": ["press"],
    }));
    let adjusted = metrics::figures::saved::saved(&log.history(), "p1", None, StopRule::default());
    let of = |o: &metrics::savings::Outcome| o.evaluation().map(|e| (e.points, e.applied.len())).unwrap();
    assert_eq!((of(&adjusted[0].savings.with), of(&adjusted[0].savings.without)), ((67, 1), (70, 0)));
    assert_eq!(adjusted[1].savings, all[1].savings, "it concerns the press alone");
    assert!(metrics::figures::saved::saved(&log.history(), "p2", None, StopRule::default()).is_empty());
}

/// Another gateway's tags take over in the middle: what the first ones said stays, and no difference crosses the seam.
#[test]
fn a_machine_read_by_other_tags_later_keeps_what_was_read_before() {
    let world = world();
    let mut log = log(&world, |_, _| true);
    let whole = press(&log);
    let names = json!({"zh": "冲床", "en": "Press"});
    let signal = |tag: &str| json!({"gateway": fixture::GATEWAY, "tag": tag});
    // From the sixth day on the state is read from a tag that never spoke.
    let later = json!({
        "machine": "press", "names": names, "state_rule": {"codes": {"1": "off", "2": "idle", "4": "run", "5": "setup", "6": "fault"}},
        "signals": {"state": signal("press/state"), "good": signal("press/good"), "reject": signal("press/reject"), "energy": signal("press/none")},
    });
    log.declare_from("machine", fixture::MONDAY + 5 * 24 * HOUR, later);
    let cut = press(&log);
    let value = |f: &Figures, id: &str, part: &str| find(f, id, part).value.clone();
    // Counters go on under the same tags: nothing changes, and nothing at the seam counts twice.
    for (id, part) in [("cycle.distribution@1", "mean_only"), ("count.good@1", ""), ("capacity.demonstrated@1", "")] {
        assert_eq!(value(&cut, id, part), value(&whole, id, part), "{id}");
    }
    // Of the energy the first five days stand.
    let five: i128 = world.minutes[..5 * 1440].iter().filter(|m| m.code == 2).map(|m| i128::from(m.wh)).sum();
    assert_eq!(value(&cut, "energy.idle@1", ""), six(five, 1000));
    assert_eq!(value(&cut, "power.demand.block@1", "").as_deref(), Some("9.000000"));
    assert_eq!(find(&cut, "power.demand.block@1", "").upper, None, "nobody measured the other nine days");
    let plant = site(&log.history(), &period(), None, StopRule::default()).unwrap();
    assert_eq!(find(&plant, "equipment.connected@1", "").value.as_deref(), Some("1.000000"));
}

/// One pace for several products would be nobody's: what needs one says so, what does not stands.
#[test]
fn several_products_have_no_one_cycle_time() {
    let world = world();
    let mut log = log(&world, |_, _| true);
    let one = press(&log);
    // The eleventh day brings a product that takes longer.
    let slow = json!({"machine": "press", "product": "B", "item_us": 2 * ITEM_US});
    log.declare_from("cycle_time", fixture::MONDAY + 10 * 24 * HOUR, slow);
    let two = press(&log);
    let theoretical = find(&two, "capacity.theoretical@1", "");
    assert_eq!((theoretical.value.as_deref(), theoretical.undefined), (None, Some("SEVERAL_PRODUCTS")));
    assert!(find(&one, "capacity.theoretical@1", "").undefined.is_none());
    // Both come off one at a time, so that an hour's items are items.
    let hourly = |f: &Figures| find(f, "capacity.demonstrated@1", "").value.clone();
    assert!(hourly(&one).is_some() && hourly(&one) == hourly(&two));
    let pairs = json!({"machine": "press", "product": "C", "item_us": ITEM_US, "items_per_cycle": 2});
    log.declare_from("cycle_time", fixture::MONDAY + 11 * 24 * HOUR, pairs);
    let three = press(&log);
    assert_eq!(find(&three, "capacity.demonstrated@1", "").undefined, Some("SEVERAL_PRODUCTS"));
}

/// A planned cycle that the machine beats by far is under review: report and figures say so with the same grade.
#[test]
fn a_doubtful_cycle_time_lowers_the_grade_here_as_in_the_report() {
    let world = world();
    let grades = |item_us: i64| {
        let mut log = log(&world, |_, _| true);
        log.declare("cycle_time", json!({"machine": "press", "item_us": item_us}));
        let history = log.history();
        let mut request = ReportRequest::for_dates(history.size(), "2026-03-02", "2026-03-15", None);
        request.machines = vec!["press".into()];
        let report = evaluate(&history, &request).unwrap();
        let section = report.periods.iter().find(|p| p.machine == "press").unwrap();
        let line = section.line("oee.iso22400@1").unwrap();
        let all = machine(&history, "press", &period(), None, StopRule::default()).unwrap();
        (line.grade, find(&all, "oee.iso22400@1", "").grade, find(&all, "oee.tpm_jipm@1", "").grade)
    };
    let (report, here, tpm) = grades(2 * ITEM_US);
    assert_eq!((here, tpm), (report, report));
    let (plausible, ..) = grades(ITEM_US);
    assert!(report > plausible, "{report:?} {plausible:?}");
}
