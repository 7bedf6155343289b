//! Control charts, alarms, stops and material from a real log: a lathe with a gauge, minute by minute, whose truth is known.

mod fixture;
#[path = "quality/properties.rs"]
mod properties;
#[path = "quality/shop.rs"]
mod shop;

use fixture::{HOUR, MINUTE, MONDAY};
use metrics::Interval;
use metrics::alarms::figures::safety;
use metrics::alarms::{End, Figures, MERGE_MS, handle, of_machine};
use metrics::counter::Bounded;
use metrics::grade::{Flag, Grade};
use metrics::kpi::losses::StopRule;
use metrics::oee::Undefined;
use metrics::production::material::consumption;
use metrics::production::repairs::{Actor, repairs, response};
use metrics::production::stops::{Reason as Why, by_reason, stops};
use metrics::quality::Reason;
use metrics::quality::chart::{Chart, charts, machine_capability};
use metrics::quality::constants::delivered;
use metrics::report::evaluate_window;
use metrics::shift::Schedule;
use serde_json::json;
use shop::{DAY, Shop, body, signal};

fn day(n: i64) -> Interval {
    Interval::new(MONDAY + n * DAY, MONDAY + (n + 1) * DAY)
}

fn chart_of(shop: &Shop, window: Interval) -> Chart {
    let all = charts(&shop.log.history(), &delivered().unwrap(), "lathe", "bore", window);
    assert_eq!(all.len(), 1);
    all.into_iter().next().unwrap()
}

#[test]
fn subgroups_follow_the_counter_and_limits_follow_the_base() {
    let mut shop = Shop::new();
    shop.specify(body(true));
    shop.fill(0..3, |_, _| true);
    let quiet = chart_of(&shop, day(1));
    assert_eq!((quiet.points.len(), quiet.incomplete.len()), (24, 0));
    // Twelve items an hour, the first four are the subgroup: by plain counting.
    for (hour, point) in quiet.points.iter().enumerate() {
        let first = (24 + hour as i64) * 60;
        let minutes = [first, first + 5, first + 10, first + 15];
        let sum: i64 = minutes.iter().map(|m| shop::value(*m)).sum();
        assert_eq!(point.centre.digits(5), format!("{}.{:05}", sum / 4000, sum % 4000 * 25), "hour {hour}");
        assert_eq!(point.from_ms, MONDAY + DAY + hour as i64 * HOUR);
    }
    assert_eq!(quiet.measurements.len(), 288);
    let limits = quiet.base.limits.unwrap();
    // Nobody read the counter before the first item of all, so that its subgroup is incomplete.
    assert_eq!((limits.points, limits.ranges, quiet.base.incomplete), (47, 47, 1));
    assert_eq!((quiet.grade(), quiet.control_grade()), (Grade::A, Grade::A));
    assert_eq!(quiet.out_of_specification, []);
    assert_eq!(quiet.capability.cp, Err(Reason::TooFewSubgroups), "24 subgroups of a day");
    // The third day is 0.08 mm off from noon on: out of control everywhere, out of specification only at the ends.
    let off = chart_of(&shop, day(2));
    assert_eq!(off.base.limits.unwrap(), limits, "the limits stay where the base put them");
    assert_eq!(off.is_in_control(), Some(false));
    let noon = MONDAY + 2 * DAY + 12 * HOUR;
    let beyond = off.broken.iter().filter(|b| b.rule == "western-electric-1");
    assert_eq!(beyond.clone().count(), 12);
    assert!(beyond.clone().all(|b| b.points[0].from_ms >= noon));
    let run = off.broken.iter().find(|b| b.rule == "western-electric-4").unwrap();
    assert_eq!(run.points.last().map(|p| p.from_ms), Some(noon + 11 * HOUR), "one run, not one per point");
    let above = (12 * 12..24 * 12).filter(|i| shop::value(2 * 1440 + i * 5) > 20_100).count();
    assert!(above > 0 && above < 144);
    assert_eq!(off.out_of_specification.len(), above);
    // Two days have enough subgroups; the index uses R̄/d2 of n = 4.
    let both = chart_of(&shop, Interval::new(MONDAY, MONDAY + 2 * DAY));
    let range = limits.range.centre;
    let cp = metrics::exact::Rational::new(2 * 2059, 6 * 10_000).unwrap().over(range).unwrap();
    assert_eq!(both.capability.cp.unwrap().digits(6), Some(cp.digits(6)));
    assert!(both.capability.pp.is_ok());
    let run = Interval::new(MONDAY, MONDAY + 5 * HOUR);
    let (cm, cmk) = machine_capability(&shop.log.history(), "lathe", "bore", run).unwrap();
    assert!(cm.is_ok() && cmk.is_ok());
}

#[test]
fn what_was_missed_makes_no_point_and_breaks_runs() {
    let mut shop = Shop::new();
    // Nothing is read from 10:02 to 10:40 of the third day; from 15:01 to 15:04 nothing was measured, and the counter proves it.
    let missing = |minute: i64| (2 * 1440 + 602..2 * 1440 + 640).contains(&minute);
    let idle = |minute: i64| (2 * 1440 + 901..2 * 1440 + 904).contains(&minute);
    shop.fill(0..3, |_, minute| !missing(minute) && !idle(minute));
    shop.specify(body(true));
    let chart = chart_of(&shop, day(2));
    let at = |hour: i64| MONDAY + 2 * DAY + hour * HOUR;
    assert_eq!(chart.points.len(), 23);
    let incomplete: Vec<i64> = chart.incomplete.iter().map(|i| i.from_ms).collect();
    assert_eq!(incomplete, [at(10)]);
    assert!(chart.incomplete[0].is_interrupted);
    let follows = |hour: i64| chart.points.iter().find(|p| p.from_ms == at(hour)).unwrap().follows;
    assert!(!follows(11) && follows(12) && follows(15) && follows(16));
    assert!(chart.grade() > Grade::A, "the gap lowers coverage");
}

#[test]
fn limits_and_specifications_are_never_assumed() {
    let mut shop = Shop::new();
    shop.fill(0..3, |_, _| true);
    let mut without = body(true);
    without.as_object_mut().unwrap().remove("base");
    shop.specify(without);
    let chart = chart_of(&shop, day(2));
    assert_eq!(chart.base.limits, Err(Reason::NoBase));
    assert_eq!((chart.is_in_control(), chart.broken.len()), (None, 0));
    // A one-sided specification in force from the second noon on: two charts, each by its own.
    let mut one_sided = body(true);
    one_sided.as_object_mut().unwrap().remove("lsl");
    shop.log.declare_from("specification", MONDAY + 36 * HOUR, one_sided);
    let all = charts(&shop.log.history(), &delivered().unwrap(), "lathe", "bore", day(1));
    assert_eq!(all.len(), 2);
    assert_eq!((all[0].points.len(), all[1].points.len()), (12, 12));
    assert_eq!(all[1].base.limits.map(|l| l.points), Ok(47));
    assert!(all[1].evidence.flags.contains(&Flag::LateDeclaration), "it was logged two days later");
    let three = charts(
        &shop.log.history(),
        &delivered().unwrap(),
        "lathe",
        "bore",
        Interval::new(MONDAY + 36 * HOUR, MONDAY + 3 * DAY),
    );
    assert_eq!(three[0].capability.cp, Err(Reason::OneSided));
    assert!(three[0].capability.cpk.is_ok(), "36 subgroups and one limit");
    // Another unit is not converted by guess.
    let mut inches = body(true);
    inches["unit"] = json!("in");
    shop.specify(inches);
    let chart = charts(&shop.log.history(), &delivered().unwrap(), "lathe", "bore", day(0)).remove(0);
    assert_eq!((chart.points.len(), chart.evidence.other_unit), (0, 1440));
}

#[test]
fn alarms_go_from_raised_to_handled() {
    let mut shop = Shop::new();
    shop.fill(0..1, |_, _| true);
    let at = |minute: i64| MONDAY + minute * MINUTE;
    // The lathe shows E7 from 9:00 to 9:10 and from 13:00 to the end, E9 from 10:00 to 10:02.
    let window = Interval::new(MONDAY, MONDAY + DAY);
    let handled = |raised: i64, acknowledged: Option<i64>, handled: Option<i64>, is_test: bool| {
        let mut body =
            json!({"machine": "lathe", "code": "E7", "raised_ms": raised, "action": "复位", "is_test": is_test});
        for (field, ms) in [("acknowledged_ms", acknowledged), ("handled_ms", handled)] {
            if let Some(ms) = ms {
                body[field] = json!(ms);
            }
        }
        body
    };
    shop.log.declare(
        "alarm_code",
        json!({"machine": "lathe", "code": "E7", "names": {"zh": "光栅", "en": "Light curtain"}, "class": "safety"}),
    );
    shop.log.declare("alarm_handled", handled(at(540), Some(at(541)), Some(at(550)), false));
    shop.log.declare("alarm_handled", handled(at(540), Some(at(544)), Some(at(552)), false));
    shop.log.declare("alarm_handled", handled(at(300), Some(at(301)), None, false));
    let history = shop.log.history();
    let (episodes, evidence) = of_machine(&history, "lathe", window, MERGE_MS);
    let codes: Vec<(&str, i64)> = episodes.iter().map(|e| (e.code.as_str(), (e.raised_ms - MONDAY) / MINUTE)).collect();
    assert_eq!(codes, [("E7", 540), ("E9", 600), ("E7", 780)]);
    assert!(matches!(episodes[2].end, End::Raised { .. }));
    assert_eq!(evidence.grade(), Grade::A);
    let (all, unmatched) = handle(history.statements(), "lathe", episodes.clone(), window.to_ms);
    assert_eq!(all[0].acknowledged_ms, Some(at(544)), "of two statements about one instant the later leaf holds");
    assert_eq!(all[0].to_handle(), Some((12 * MINUTE, Some(13 * MINUTE))));
    assert_eq!(unmatched.len(), 1, "a statement about an alarm nobody saw is listed");
    let figures = Figures::of(&all, None, window.from_ms, window.to_ms);
    assert_eq!((figures.episodes, figures.tests, figures.unhandled_ms.len()), (3, 0, 2));
    assert_eq!(figures.median_to_acknowledge().unwrap().digits(0), "240000");
    assert_eq!(figures.handled_share().unwrap().digits(4), "0.3333");
    let row = safety(&all, window.from_ms, window.to_ms);
    assert_eq!((row.count, row.oldest_open_ms), (2, Some(DAY - 780 * MINUTE)));
    let unclassified = Figures::of(&all, Some(None), window.from_ms, window.to_ms);
    assert_eq!((unclassified.episodes, unclassified.median_to_handle()), (1, Err(Undefined::NothingDue)));
    // As of 9:05 nobody had dealt with it.
    let (early, _) = handle(history.statements(), "lathe", episodes, at(545));
    assert_eq!((early[0].acknowledged_ms, early[0].handled_ms), (Some(at(544)), None));
    // The later one was a test: listed, not counted.
    shop.log.declare("alarm_handled", handled(at(780), None, None, true));
    let history = shop.log.history();
    let (all, _) =
        handle(history.statements(), "lathe", of_machine(&history, "lathe", window, MERGE_MS).0, window.to_ms);
    let row = safety(&all, window.from_ms, window.to_ms);
    assert_eq!((row.count, row.tests, row.oldest_open_ms), (1, 1, None));
}

#[test]
fn stops_have_reasons_and_failures_have_answers() {
    let mut shop = Shop::new();
    shop.fill(0..1, |_, _| true);
    let at = |minute: i64| MONDAY + minute * MINUTE;
    shop.log.declare(
        "stop_reason",
        json!({"machine": "lathe", "at_ms": at(545), "reason": "卡料", "first_action_ms": at(543)}),
    );
    let history = shop.log.history();
    // Fault 9:00–9:10 with E7, idle 9:30–9:31, fault 10:00–10:02 with E9, idle 11:00–11:20, fault 13:00–13:05, maintenance to 13:30.
    let window = Interval::new(at(480), at(840));
    let schedule = Schedule { scheduled: true, ..Schedule::default() };
    let evaluated = evaluate_window(&history, "lathe", window, &schedule);
    let (episodes, _) = of_machine(&history, "lathe", window, MERGE_MS);
    let reasons = history.statements().stop_reasons("lathe");
    let all = stops(&evaluated, true, StopRule::default(), reasons, &episodes);
    let shown: Vec<(i64, i64, bool, &str)> =
        all.iter().map(|s| ((s.span.from_ms - MONDAY) / MINUTE, s.ms / MINUTE, s.is_minor, s.reason.word())).collect();
    assert_eq!(
        shown,
        [
            (540, 10, false, "卡料"),
            (570, 1, true, ""),
            (600, 2, false, "E9"),
            (660, 20, false, ""),
            (780, 30, false, "maint")
        ]
    );
    assert!(matches!(all[0].reason, Why::Stated { .. }));
    let sums = by_reason(&all);
    assert_eq!(
        sums.causes.iter().map(|c| (c.cause.reason.as_str(), c.cause.ms / MINUTE)).collect::<Vec<_>>()[..2],
        [("maint", 30), ("", 20)]
    );
    assert_eq!((sums.minor.times, sums.minor.ms / MINUTE, sums.total_ms / MINUTE), (1, 1, 62));
    assert_eq!(sums.unreasoned_share().unwrap().digits(6), "0.322581", "20 / 62");
    assert_eq!(by_reason(&[]).unreasoned_share(), Err(Undefined::NothingDue));

    let (handled, _) = handle(history.statements(), "lathe", episodes, window.to_ms);
    let failures = repairs(&evaluated.states, reasons, &handled);
    let answers: Vec<Option<i64>> = failures.iter().map(|r| r.response_ms().map(|ms| ms / MINUTE)).collect();
    assert_eq!(answers, [Some(3), None, Some(5)]);
    assert_eq!(failures[0].response_ceiling(), Some(Grade::C));
    assert_eq!(failures[2].first_action, Some((at(785), Actor::Machine)));
    let sums = response(&failures);
    assert_eq!((sums.answered, sums.unanswered, sums.unseen_beginnings), (2, 1, 0));
    assert_eq!(sums.mean.unwrap().digits(0), "240000");
    assert_eq!(response(&[]).mean, Err(Undefined::NoFailure));
}

#[test]
fn material_is_measured_or_said_not_to_be() {
    let mut shop = Shop::new();
    let names = json!({"zh": "塑料粒", "en": "Pellets"});
    let declare = |shop: &mut Shop, id: &str, source: serde_json::Value, standard: Option<&str>| {
        let mut body = json!({"machine": "lathe", "material": id, "names": names, "unit": "kg", "source": source});
        if let Some(standard) = standard {
            body["standard"] = json!(standard);
        }
        shop.log.declare("material", body);
    };
    declare(&mut shop, "flow", json!({"register": {"signal": signal("lathe/flow")}}), Some("0.25"));
    declare(&mut shop, "tank", json!({"tank": {"signal": signal("lathe/level"), "refill_min": "50"}}), None);
    declare(&mut shop, "bom", json!("backflush"), Some("0.3"));
    shop.fill(0..2, |tag, minute| !(tag == 5 && (1500..1520).contains(&minute)));
    let history = shop.log.history();
    let of = |id: &str, window: Interval| consumption(&history, "lathe", id, window).remove(0);
    // 0.02 kg a minute through the flow meter; 288 items a day.
    let flow = of("flow", day(0));
    let amount = flow.amount.unwrap();
    assert_eq!(amount.value.digits(2), "28.80");
    assert!(amount.lower <= amount.value && amount.upper.is_some_and(|u| u >= amount.value));
    let items = |n: i128| Bounded::exact(n * 1_000_000);
    let printed = |value: metrics::oee::Value, decimals| {
        value.map(|r| metrics::exact::product_digits(&[(r.num, r.den)], decimals).unwrap())
    };
    assert_eq!(printed(flow.per_good(&items(288)), 4).as_deref(), Ok("0.1000"));
    assert_eq!(printed(flow.against_standard(&items(288)), 2).as_deref(), Ok("-0.60"));
    // 270 to 300 good items: 28.8 kg are 0.096 to 0.106667 kg each.
    let about = flow.per_good(&Bounded { value: 288_000_000, lower: 270_000_000, upper: 300_000_000 }).unwrap();
    assert_eq!(metrics::exact::product_digits(&[about.lower], 6).as_deref(), Some("0.096000"));
    assert_eq!(metrics::exact::product_digits(&[about.upper.unwrap()], 6).as_deref(), Some("0.106667"));
    assert_eq!((flow.per_good(&items(0)), flow.grade()), (Err(Undefined::NoProduction), Grade::A));
    // The tank loses 0.1 kg a minute and is filled up every 12 h, between two readings: at noon and in the last minute.
    let tank = of("tank", day(0));
    assert_eq!((tank.refills, tank.amount.unwrap().value.digits(1)), (2, "143.8".to_owned()));
    assert_eq!(tank.amount.unwrap().upper, None, "what was drawn while filling is not known");
    let morning = of("tank", Interval::new(MONDAY, MONDAY + 6 * HOUR));
    assert_eq!(morning.amount.unwrap().upper.map(|u| u.digits(1)), Some("36.0".to_owned()));
    let evening = of("tank", Interval::new(MONDAY + 6 * HOUR, MONDAY + DAY));
    let sum = morning.amount.unwrap().value.plus(evening.amount.unwrap().value);
    assert_eq!(sum, Some(tank.amount.unwrap().value), "windows add up");
    let gapped = of("tank", Interval::new(MONDAY + DAY, MONDAY + DAY + 6 * HOUR));
    assert_eq!(gapped.amount.unwrap().upper, None, "it may have been filled while nobody read");
    let bom = of("bom", day(0));
    assert_eq!((bom.grade(), printed(bom.per_good(&items(288)), 1).as_deref()), (Grade::D, Ok("0.3")));
    assert_eq!(bom.amount, Err(Undefined::NotMeasured));
    assert_eq!(bom.against_standard(&items(288)), Err(Undefined::NothingDue), "a standard says nothing against itself");
}
