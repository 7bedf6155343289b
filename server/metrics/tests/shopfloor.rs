//! What the shop floor knows, on the figures of a machine: stops with reasons, alarms, failures, batches, control charts, material —
//! against numbers computed by hand from what the fixtures do.

#[path = "batch/example.rs"]
mod example;
mod fixture;
#[path = "quality/shop.rs"]
mod shop;

use fixture::{HOUR, Log, MINUTE, MONDAY};
use metrics::figures::{Figure, Figures, StopRule, machine};
use metrics::report::Period;
use metrics::{History, Interval};
use serde_json::json;
use shop::{DAY, Shop, body, signal};

fn figures(log: &Log, id: &str, from: &str, to: &str) -> Figures {
    let period = Period { name: "period".into(), from: from.into(), to: to.into() };
    machine(&log.history(), id, &period, None, StopRule::default()).unwrap()
}

fn monday(shop: &Shop) -> Figures {
    figures(&shop.log, "lathe", "2026-03-02", "2026-03-02")
}

fn find<'f>(all: &'f Figures, id: &str, part: &str) -> &'f Figure {
    let found = all.figures.iter().find(|f| f.definition == id && f.part == part);
    found.unwrap_or_else(|| {
        panic!("{id} {part} is not among {:?}", all.figures.iter().map(|f| (f.definition, &f.part)).collect::<Vec<_>>())
    })
}

fn value<'f>(all: &'f Figures, id: &str, part: &str) -> Option<&'f str> {
    find(all, id, part).value.as_deref()
}

fn term<'f>(f: &'f Figure, symbol: &str) -> Option<&'f str> {
    f.terms.iter().find(|t| t.symbol == symbol).map(|t| t.value.as_str())
}

/// `num / den` in six decimals.
fn six(num: i128, den: i128) -> Option<String> {
    metrics::exact::product_digits(&[(num, den)], 6)
}

fn at(minute: i64) -> i64 {
    MONDAY + minute * MINUTE
}

fn handled(shop: &mut Shop, raised: i64, acknowledged: i64, handled: Option<i64>) {
    let mut body = json!({"machine": "lathe", "code": "E7", "raised_ms": raised, "acknowledged_ms": acknowledged});
    if let Some(ms) = handled {
        body["handled_ms"] = json!(ms);
    }
    shop.log.declare("alarm_handled", body);
}

/// In the shift: fault 9:00–9:10 with E7, idle 9:30–9:31, fault 10:00–10:02 with E9, idle 11:00–11:20, fault 13:00–13:05 with E7, then
/// maintenance to 13:30; E7 stays shown to the end of the day.
fn answered() -> Shop {
    let mut shop = Shop::new();
    shop.fill(0..1, |_, _| true);
    shop.log.declare(
        "stop_reason",
        json!({"machine": "lathe", "at_ms": at(545), "reason": "卡料", "first_action_ms": at(543)}),
    );
    shop.log.declare(
        "alarm_code",
        json!({"machine": "lathe", "code": "E7", "names": {"zh": "光栅", "en": "Light curtain"}, "class": "safety"}),
    );
    handled(&mut shop, at(540), at(544), Some(at(552)));
    handled(&mut shop, at(300), at(301), None);
    shop
}

#[test]
fn stops_are_told_by_reason_and_source() {
    let all = monday(&answered());
    let time = find(&all, "stops.time@1", "");
    assert_eq!((time.value.as_deref(), time.lower.as_deref()), (Some("3720.000000"), Some("3720.000000")), "62 min");
    assert_eq!((term(time, "STOP"), term(time, "DOUBTFUL")), (Some("3720000"), Some("0")));
    assert_eq!(value(&all, "stops.time@1", "minor_stop"), Some("60.000000"));
    assert_eq!(value(&all, "stops.count@1", ""), Some("4.000000"));
    assert_eq!(value(&all, "stops.unreasoned@1", ""), Some("0.322581"), "20 / 62");
    let lines: Vec<_> = all
        .lists
        .stops
        .iter()
        .map(|s| (s.reason.as_str(), s.source, s.times, s.ms / MINUTE, s.share.as_deref()))
        .collect();
    assert_eq!(
        lines,
        [
            ("maint", "state", 1, 30, Some("0.483871")),
            ("", "none", 1, 20, Some("0.322581")),
            ("卡料", "stated", 1, 10, Some("0.161290")),
            ("E9", "alarm", 1, 2, Some("0.032258")),
        ]
    );
    let leaf = all.lists.stops[2].statements[0];
    assert!(all.statements.contains(&leaf), "{leaf} of {:?}", all.statements);
}

/// A reason of the same word is another one when a person said it.
#[test]
fn what_people_say_and_what_alarms_say_stay_apart() {
    let mut shop = answered();
    shop.log.declare("stop_reason", json!({"machine": "lathe", "at_ms": at(670), "reason": "E9"}));
    let all = monday(&shop);
    let e9: Vec<_> = all.lists.stops.iter().filter(|s| s.reason == "E9").map(|s| (s.source, s.ms / MINUTE)).collect();
    assert_eq!(e9, [("stated", 20), ("alarm", 2)]);
    assert_eq!(value(&all, "stops.unreasoned@1", ""), Some("0.000000"));
}

#[test]
fn alarms_have_times_per_class_and_open_ones_an_age() {
    let all = monday(&answered());
    assert_eq!(value(&all, "alarm.episodes@1", ""), Some("3.000000"));
    assert_eq!(value(&all, "alarm.episodes@1", "safety"), Some("2.000000"));
    assert_eq!(value(&all, "alarm.episodes@1", "unclassified"), Some("1.000000"));
    let noted = find(&all, "alarm.acknowledged_after@1", "");
    assert_eq!((noted.value.as_deref(), noted.grade), (Some("240.000000"), Some("C")), "people said so");
    assert_eq!(value(&all, "alarm.handled_after@1", "safety"), Some("720.000000"));
    assert_eq!(value(&all, "alarm.handled_share@1", ""), Some("0.333333"));
    assert_eq!(value(&all, "alarm.handled_share@1", "safety"), Some("0.500000"));
    assert_eq!(find(&all, "alarm.handled_after@1", "unclassified").undefined, Some("NOTHING_DUE"));
    // E9 since 10:00 is the oldest nobody dealt with.
    assert_eq!(term(find(&all, "alarm.handled_after@1", ""), "oldest_open"), Some((14 * HOUR).to_string().as_str()));
    let lines: Vec<_> = all
        .lists
        .alarms
        .iter()
        .map(|a| (a.code.as_str(), a.names.zh.as_str(), a.end, a.least_ms / MINUTE, a.open_ms.map(|ms| ms / HOUR)))
        .collect();
    assert_eq!(
        lines,
        [
            ("E7", "光栅", "cleared", 9, None),
            ("E9", "", "cleared", 1, Some(14)),
            ("E7", "光栅", "raised", 659, Some(11))
        ]
    );
    assert_eq!(all.lists.alarms_unmatched.iter().map(|u| u.raised_ms).collect::<Vec<_>>(), [at(300)]);
    let leaves = [all.lists.alarms[0].statements[0], all.lists.alarms_unmatched[0].leaf];
    assert!(leaves.iter().all(|leaf| all.statements.contains(leaf)));
}

#[test]
fn failures_show_who_answered_and_how_fast() {
    let all = monday(&answered());
    let mean = find(&all, "repair.response@1", "mean");
    assert_eq!(
        (mean.value.as_deref(), mean.grade),
        (Some("4.000000"), Some("C")),
        "3 min by a person, 5 by the machine"
    );
    assert_eq!(term(mean, "unanswered"), Some("1"));
    assert_eq!(value(&all, "repair.response@1", "p90"), Some("4.800000"));
    let lines: Vec<_> = all
        .lists
        .failures
        .iter()
        .map(|f| {
            ((f.from_ms - MONDAY) / MINUTE, f.by, f.response_ms.map(|ms| ms / MINUTE), f.open_ms.map(|ms| ms / HOUR))
        })
        .collect();
    assert_eq!(
        lines,
        [(540, Some("person"), Some(3), None), (600, None, None, Some(14)), (780, Some("machine"), Some(5), None)]
    );
}

/// Nobody read the alarm from 9:03 to 9:07 nor the state from 11:02 to 11:10: both say so, and neither invents an end.
#[test]
fn unseen_time_stays_visible() {
    let mut shop = Shop::new();
    shop.fill(0..1, |tag, m| !(tag == 3 && (543..547).contains(&m) || tag == 2 && (662..670).contains(&m)));
    let all = monday(&shop);
    let alarm = &all.lists.alarms[0];
    assert_eq!((alarm.raised_ms, alarm.unseen_ms / MINUTE, alarm.least_ms / MINUTE), (at(540), 5, 4));
    assert_eq!(all.lists.alarms.len(), 3);
    let unknown = all.lists.stops.iter().find(|s| s.source == "none").unwrap();
    assert!(unknown.times >= 2 && unknown.ms < 20 * MINUTE && unknown.doubtful_ms == unknown.ms, "{unknown:?}");
    let time = find(&all, "stops.time@1", "");
    assert!(time.upper.is_none() && time.coverage[0] < time.coverage[1], "{time:?}");
    assert!(all.lists.charts.is_empty() && all.lists.batches.is_empty() && all.lists.materials.is_empty());
    assert!(all.figures.iter().all(|f| !f.definition.starts_with("spc.") && !f.definition.starts_with("batch.")));
}

/// All four batches end on that day; their numbers are in the vector's own words, summed over four instead of three.
#[test]
fn batches_stand_one_by_one_and_in_sums() {
    let log = example::example(&example::vector()["inputs"], |_| true);
    let all = figures(&log, "reactor", "2026-03-02", "2026-03-02");
    // Minutes 240 + 240 + 120 + 120 of standard time for 240 + 290 + 120 + 120.
    assert_eq!(value(&all, "batch.cycle@1", ""), six(720, 770).as_deref());
    assert_eq!(value(&all, "batch.phase@1", ""), six(450, 485).as_deref());
    assert_eq!(value(&all, "batch.yield@1", ""), six(960 + 900 + 510 + 400, 1_020 + 1_000 + 520 + 520).as_deref());
    // 3 kWh per running minute: 240 + 290 + 120 + 120 minutes.
    assert_eq!(value(&all, "batch.energy@1", ""), six(3 * 770, 4).as_deref());
    let per_unit = find(&all, "batch.energy_per_unit@1", "");
    assert_eq!((per_unit.value.as_deref(), &*per_unit.unit), (six(3 * 770, 2_770).as_deref(), "kWh/kg"));
    assert_eq!(per_unit.grade, Some("C"), "batches are stated");
    // What is made in kilograms is in kilograms everywhere.
    for (id, unit) in [("count.good@1", "kg"), ("energy.per_good@1", "kWh/kg")] {
        assert_eq!(&*find(&all, id, "").unit, unit, "{id}");
    }
    assert!(all.figures.iter().flat_map(|f| &f.terms).all(|t| t.unit != "pcs"), "no figure of it speaks of pieces");
    // Cleaning 20 + 20 + 15 minutes in three gaps, one of them of 40 minutes before another product.
    assert_eq!(value(&all, "batch.cleaning@1", ""), six(55 * 60, 3).as_deref());
    assert_eq!(value(&all, "batch.changeover@1", ""), Some("2400.000000"));
    let parts: Vec<_> = ["planned", "cleaning", "setup", "running", "waiting", "unobserved"]
        .map(|p| value(&all, "batch.gap@1", p))
        .to_vec();
    let minutes = |n: i128| six(n * 60, 1);
    let expected: Vec<_> = [0, 55, 10, 0, 65, 0].map(minutes).to_vec();
    assert_eq!(parts, expected.iter().map(Option::as_deref).collect::<Vec<_>>());
    assert_eq!(value(&all, "batch.oee@1", ""), value(&all, "oee.iso22400@1", ""));
    let short: Vec<_> = all
        .lists
        .batches
        .iter()
        .map(|b| (b.batch.as_str(), b.basis, b.standard_ms.map(|ms| ms / MINUTE), b.yielded.value.as_deref()))
        .collect();
    assert_eq!(
        short,
        [
            ("A-1", "stated", Some(240), Some("0.941176")),
            ("A-2", "stated", Some(240), Some("0.900000")),
            ("B-1", "stated", Some(120), Some("0.980769")),
            ("B-2", "stated", Some(120), Some("0.769231")),
        ]
    );
    let first = &all.lists.batches[0];
    assert_eq!(
        (first.energy.value.as_deref(), first.energy_per_unit.value.as_deref()),
        (Some("720.000000"), Some("0.750000"))
    );
    let discharge = all.lists.batches[1].phases.iter().find(|p| p.phase == "discharge").unwrap();
    assert_eq!((discharge.actual_ms, discharge.standard_ms), (None, Some(30 * MINUTE)), "nobody stated it");
    let between: Vec<_> =
        all.lists.between.iter().map(|b| (b.after.as_str(), b.changes_product, b.cleaning_ms)).collect();
    let exact = |minutes: i64| [minutes * MINUTE; 3];
    assert_eq!(between, [("A-2", false, exact(20)), ("B-1", true, exact(20)), ("B-2", false, exact(15))]);
    let recipe = first.recipe.unwrap();
    assert!(all.statements.contains(&recipe) && all.statements.contains(&first.leaf.unwrap()));
}

/// Ranges and sums of the subgroups of two days, thousandths of a millimetre, the first one left out: nobody saw its first item.
fn by_counting() -> (i128, i128) {
    let (mut ranges, mut sum) = (0, 0);
    for hour in 1..48 {
        let group = [0, 5, 10, 15].map(|m| i128::from(shop::value(hour * 60 + m)));
        ranges += group.iter().max().unwrap() - group.iter().min().unwrap();
        sum += group.iter().sum::<i128>();
    }
    (ranges, sum)
}

#[test]
fn control_charts_and_capability_of_a_characteristic() {
    let mut shop = Shop::new();
    shop.specify(body(true));
    shop.fill(0..3, |_, _| true);
    let (ranges, sum) = by_counting();
    let quiet = figures(&shop.log, "lathe", "2026-03-02", "2026-03-03");
    // Cp = 0.2 / 6σ with σ = R̄ / 2.059 and R̄ = ranges / 47 thousandths.
    let cp = find(&quiet, "spc.cp@1", "bore");
    assert_eq!(cp.value, six(200 * 2_059 * 47, 6 * 1_000 * ranges));
    assert_eq!(&*cp.unit, "");
    // UCL = x̿ + 0.729·R̄.
    assert_eq!(value(&quiet, "spc.xbar-r@1", "bore UCL"), six(1_000 * sum + 4 * 729 * ranges, 188_000_000).as_deref());
    let off = figures(&shop.log, "lathe", "2026-03-04", "2026-03-04");
    assert_eq!(find(&off, "spc.cp@1", "bore").undefined, Some("TOO_FEW_SUBGROUPS"));
    assert_eq!(find(&off, "spc.cp@1", "bore").grade, None);
    let above = (12 * 12..24 * 12).filter(|i| shop::value(2 * 1440 + i * 5) > 20_100).count();
    assert_eq!(value(&off, "spc.out-of-specification@1", "bore"), six(above as i128, 1).as_deref());
    let chart = &off.lists.charts[0];
    assert_eq!((chart.in_control, chart.points.len(), chart.missed), (Some(false), 24, 0));
    let noon = MONDAY + 2 * DAY + 12 * HOUR;
    assert!(chart.points.iter().all(|p| p.is_marked == (p.at_ms >= noon)), "{:?}", chart.points);
    let beyond = chart.broken.iter().filter(|b| b.rule == "western-electric-1").count();
    assert_eq!(beyond, 12);
    assert_eq!(value(&off, "spc.western-electric@1", "bore"), six(chart.broken.len() as i128, 1).as_deref());
    assert!(off.statements.contains(&chart.leaf));
}

#[test]
fn limits_nobody_declared_are_undefined_and_a_second_specification_is_another_chart() {
    let mut shop = Shop::new();
    let mut without = body(true);
    without.as_object_mut().unwrap().remove("base");
    shop.specify(without);
    shop.log.declare_from("specification", MONDAY + 36 * HOUR, body(true));
    shop.fill(0..3, |_, _| true);
    let all = figures(&shop.log, "lathe", "2026-03-03", "2026-03-03");
    let parts: Vec<String> = all.lists.charts.iter().map(|c| format!("bore #{}", c.leaf)).collect();
    assert_eq!(all.lists.charts.iter().map(|c| c.part.clone()).collect::<Vec<_>>(), parts);
    assert_eq!(
        (parts.len(), all.lists.charts[0].undefined, all.lists.charts[0].in_control),
        (2, Some("NO_BASE_PERIOD"), None)
    );
    assert_eq!(find(&all, "spc.xbar-r@1", &parts[0]).undefined, Some("NO_BASE_PERIOD"));
    assert_eq!(find(&all, "spc.western-electric@1", &parts[0]).undefined, Some("NO_BASE_PERIOD"));
    assert!(all.lists.charts[1].limits.is_some());
}

/// The history that is kept for a question about these windows of the lathe: other batches of readings are not looked at.
fn kept(log: &Log, windows: &[Interval]) -> History {
    let light = log.history();
    let needed = light.needed(windows);
    let mut out = History::for_tags(light.statements().tags_used());
    for (i, leaf) in (0..).zip(&log.leaves) {
        let content = leaf.content_digest().filter(|_| needed.contains(&i)).and_then(|d| log.contents.get(&d));
        out.push(i, leaf, content.map(Vec::as_slice)).unwrap();
    }
    out
}

/// The base period lies three days before the date that is asked for, out of reach of its windows.
#[test]
fn what_a_question_keeps_reaches_the_base_period() {
    let mut shop = Shop::new();
    shop.specify(body(true));
    shop.fill(0..6, |_, _| true);
    let saturday = Interval::new(MONDAY + 5 * DAY, MONDAY + 6 * DAY);
    let limits = |history: &History| {
        let period = Period { name: "period".into(), from: "2026-03-07".into(), to: "2026-03-07".into() };
        let all = machine(history, "lathe", &period, None, StopRule::default()).unwrap();
        let chart = all.lists.charts[0].clone();
        (chart.limits, chart.undefined)
    };
    let whole = limits(&shop.log.history());
    assert_eq!(whole.0.as_ref().map(|l| l.points), Some(47));
    assert_eq!(limits(&kept(&shop.log, &[saturday])), (None, Some("BASE_TOO_SMALL")), "nothing of the base is kept");
    let reached = metrics::figures::reach(&shop.log.history(), "lathe", &[saturday]);
    assert_eq!(reached, [Interval::new(MONDAY, MONDAY + 2 * DAY), saturday]);
    assert_eq!(limits(&kept(&shop.log, &reached)), whole);
}

/// Batch A-2 runs from 10:30 to 15:20 after A-1, which ended at 10:00.
#[test]
fn what_a_question_keeps_reaches_batches_and_the_time_before_them() {
    let log = example::example(&example::vector()["inputs"], |_| true);
    let at = |hour: i64, minute: i64| MONDAY + hour * HOUR + minute * MINUTE;
    let noon = Interval::new(at(12, 0), at(13, 0));
    let reached = metrics::figures::reach(&log.history(), "reactor", &[noon]);
    assert_eq!(reached, [Interval::new(at(10, 0), at(15, 20))]);
    assert_eq!(metrics::figures::reach(&log.history(), "press", &[noon]), [noon], "it has no batches");
}

/// 0.02 kg a minute through the flow meter, one item every five minutes.
#[test]
fn material_is_per_good_item_and_says_how_it_is_known() {
    let mut shop = Shop::new();
    shop.log.declare(
        "machine",
        json!({
            "machine": "lathe", "names": {"zh": "车床", "en": "Lathe"},
            "signals": {"state": signal("lathe/state"), "good": signal("lathe/items")},
            "state_rule": {"codes": {"2": "idle", "4": "run", "6": "fault", "7": "maint"}},
        }),
    );
    shop.log.declare("cycle_time", json!({"machine": "lathe", "item_us": 60_000_000}));
    let names = json!({"zh": "塑料粒", "en": "Pellets"});
    let material = |id: &str, source: serde_json::Value, standard: &str| json!({"machine": "lathe", "material": id, "names": names, "unit": "kg", "source": source, "standard": standard});
    shop.log.declare("material", material("flow", json!({"register": {"signal": signal("lathe/flow")}}), "0.25"));
    shop.log.declare("material", material("bom", json!("backflush"), "0.3"));
    shop.log.declare("material", material("oil", json!({"register": {"signal": signal("lathe/none")}}), "1"));
    shop.fill(0..3, |_, _| true);
    let all = figures(&shop.log, "lathe", "2026-03-03", "2026-03-03");
    let flow = find(&all, "material.per_good@1", "flow");
    assert_eq!((flow.value.as_deref(), &*flow.unit), (Some("0.100000"), "kg/pcs"), "28.8 kg for 288 items");
    assert_eq!(flow.parameters, [("source", "register".to_owned()), ("signal", "gw-1/lathe/flow".to_owned())]);
    assert_eq!(value(&all, "material.standard@1", "flow"), Some("-0.600000"));
    let bom = find(&all, "material.per_good@1", "bom");
    assert_eq!((bom.value.as_deref(), bom.grade), (Some("0.300000"), Some("D")));
    assert_eq!(find(&all, "material.standard@1", "bom").undefined, Some("NOTHING_DUE"));
    assert_eq!(find(&all, "material.per_good@1", "oil").undefined, Some("NO_READINGS"));
    let lines: Vec<_> =
        all.lists.materials.iter().map(|m| (m.material.as_str(), m.source, m.amount.undefined)).collect();
    assert_eq!(
        lines,
        [
            ("bom", "backflush", Some("NOT_MEASURED")),
            ("flow", "register", None),
            ("oil", "register", Some("NO_READINGS"))
        ]
    );
    assert!(all.lists.materials.iter().all(|m| all.statements.contains(&m.leaf)));
}
