//! Weeks of the simulated workshop, signed by its history producer, against the simulator's own ground truth.
//!
//! Readings come once a minute, on the minute, while the workshop changes at any millisecond; outages are drawn from the seed.
//! Counts are exact where coverage is complete and inside the printed bounds always; a state's time differs by no more than
//! one reading for each of its own edges; energy registers show 0.01 kWh. The lathe, whose loading between two pieces is shorter than
//! a minute, is read every five seconds in a test of its own.

use metrics::plan::Baseline;
use metrics::report::{Line, Section};
use metrics::{History, Interval, MachineState, Report, ReportRequest, evaluate};
use protocol::{Declaration, Leaf, LeafBody, SecretKey};
use serde_json::{Value, json};
use simulators::calendar::{DAY, MINUTE, Shift};
use simulators::declarations::{Options, declarations};
use simulators::history::{Identity, Plan, Producer};
use simulators::tags::devices;
use simulators::world::{Config, World};
use tests::shown::{self, Reading, Stretch};

/// 2026-03-02 08:00 in Shanghai: the start of a day shift.
const EPOCH: i64 = 1_772_409_600_000;
const DAYS: i64 = 10;

fn micros(text: &Option<String>) -> Option<i128> {
    text.as_deref().map(|t| t.replace('.', "").parse().unwrap())
}

fn within(line: &Line, truth_micros: i128, slack: i128) -> bool {
    micros(&line.lower).is_none_or(|l| l - slack <= truth_micros)
        && micros(&line.upper).is_none_or(|u| truth_micros <= u + slack)
}

fn line<'s>(section: &'s Section, id: &str) -> &'s Line {
    section.line(id).unwrap_or_else(|| panic!("{id} in {section:?}"))
}

/// Every state of a section against the truth; returns how many states were seen at all.
fn assert_states(place: &str, section: &Section, truth: &[Stretch], reading: Reading) -> usize {
    let window = Interval::new(section.from_ms, section.to_ms);
    let unknown = section.states_ms["unknown"];
    let known = MachineState::ALL.into_iter().filter(|s| *s != MachineState::Unknown);
    known
        .filter(|state| {
            let really = shown::expected(truth, window, *state, reading);
            let measured = section.states_ms[state.name()];
            assert!(
                measured <= really.ms + really.tolerance_ms && measured + unknown + really.tolerance_ms >= really.ms,
                "{place}: {} for {measured} ms (unknown {unknown}), {really:?}",
                state.name()
            );
            really.ms > 0
        })
        .count()
}

/// The workshop's log as its history producer signs it, with what the firm states and `more`, and the world that made it.
fn logged(config: Config, until_ms: i64, interval_ms: i64, more: &[Value]) -> (Vec<(Leaf, Vec<u8>)>, Producer) {
    let mut log = Vec::new();
    let mut push = |leaf: &Leaf, content: &[u8]| log.push((leaf.clone(), content.to_vec()));
    let options = Options { config, gateway: "gw-history", history: None, effective_from: EPOCH - DAY };
    let site = json!({
        "names": {"zh": "模拟车间", "en": "Simulated workshop"},
        "zone": "Asia/Shanghai", "simulated": true, "district": "", "sub_sector": "", "city": ""
    });
    let site = json!({"kind": "site", "effective_from": EPOCH - DAY, "reason": "", "body": site});
    for d in std::iter::once(site).chain(declarations(&options)).chain(more.iter().cloned()) {
        let text = |key: &str| d[key].as_str().unwrap().to_owned();
        let declaration = Declaration {
            kind: text("kind"),
            effective_from: d["effective_from"].as_i64().unwrap(),
            author: "u1".into(),
            role: "factory".into(),
            reason: text("reason"),
            body: d["body"].clone(),
        };
        let bytes = declaration.encode().unwrap();
        push(&Leaf::declaration(EPOCH - DAY, &declaration.kind, &bytes), &bytes);
    }
    let plan = Plan { config, begin_ms: config.epoch_ms, until_ms, interval_ms, readings_max: 4000 };
    let identity = Identity {
        site: "demo".parse().unwrap(),
        gateway: "gw-history".parse().unwrap(),
        key: SecretKey::from_seed(&[5; 32]),
    };
    let mut producer = Producer::new(plan, identity);
    while let Some(record) = producer.next_record().unwrap() {
        push(&Leaf::record(EPOCH + 2 * DAYS * DAY, &record), record.content_bytes());
    }
    (log, producer)
}

fn history_of(log: &[(Leaf, Vec<u8>)]) -> History {
    let mut history = History::new();
    for (at, (leaf, content)) in log.iter().enumerate() {
        history.push(at as u64, leaf, Some(content)).unwrap();
    }
    history
}

/// The workshop's history as a report over the first days of March, and the world that made it.
fn reported(config: Config, until_ms: i64, interval_ms: i64, last_date: &str) -> (Report, Producer) {
    let (log, producer) = logged(config, until_ms, interval_ms, &[]);
    let history = history_of(&log);
    assert!(history.statements().bad().is_empty(), "{:?}", history.statements().bad());
    let size = history.size();
    let report = evaluate(&history, &ReportRequest::for_dates(size, "2026-03-02", last_date, None)).unwrap();
    (report, producer)
}

#[test]
fn the_lathe_is_known_by_its_power_and_every_machine_by_its_codes_within_a_reading_per_edge() {
    let config =
        Config { seed: 4, epoch_ms: EPOCH, hall: true, retrofit_ms: None, rest_weekday: Some(6), record: true };
    let (report, _) = reported(config, EPOCH + 13 * 60 * MINUTE, 5_000, "2026-03-02");
    let (mut states, mut lathe_edges) = (0, 0);
    for machine in shown::STATEFUL {
        let is_day = |s: &&Section| s.machine == machine && s.from_ms == EPOCH;
        let section = report.shifts.iter().find(is_day).unwrap_or_else(|| panic!("no day shift of {machine}"));
        let truth = shown::stretches(config, machine, EPOCH, section.to_ms).unwrap();
        let dwell_ms = if machine == "lathe" { 2_000 } else { 0 };
        let reading = Reading { poll_ms: 5_000, latency_ms: 1, dwell_ms };
        states += assert_states(machine, section, &truth, reading);
        let unknown = section.states_ms["unknown"];
        assert!(unknown * 3 < section.to_ms - section.from_ms, "{machine}: {unknown} ms unknown prove nothing");
        if machine == "lathe" {
            let window = Interval::new(section.from_ms, section.to_ms);
            lathe_edges = shown::expected(&truth, window, MachineState::Run, reading).edges;
        }
    }
    assert!(states >= 16 && lathe_edges > 200, "{states} states seen, {lathe_edges} edges of the lathe");
}

#[test]
fn weeks_of_the_workshop_agree_with_its_ground_truth() {
    for seed in [1, 2, 3] {
        println!("seed {seed}");
        let config =
            Config { seed, epoch_ms: EPOCH, hall: true, retrofit_ms: None, rest_weekday: Some(6), record: true };
        let (report, producer) = reported(config, EPOCH + DAYS * DAY, MINUTE, "2026-03-10");
        let compressor = shown::compressor(config, EPOCH, EPOCH + DAYS * DAY);
        let truth = |world: &World, machine: &str| match machine {
            "compressor" => Some(compressor.clone()),
            _ => shown::recorded(world, machine),
        };
        assert!(report.simulated);
        let (mut exact, mut compared, mut states) = (0, 0, 0);
        for closed in producer.world().closed_shifts() {
            let (shift, machine): (Shift, &str) = (closed.shift, closed.machine);
            let find = |s: &&Section| s.machine == machine && s.from_ms == shift.start() && s.to_ms == shift.end();
            let Some(section) = report.shifts.iter().find(find) else { continue };
            compared += 1;
            let place = format!("seed {seed} {machine} {:?} {:?}", section.date, section.shift);
            let kwh = line(section, "energy.active@1");
            if kwh.undefined.is_none() {
                let truth = closed.tally.energy_uj / 3_600_000;
                assert!(within(kwh, truth, 20_000), "{place}: {truth} {kwh:?}");
            }
            if let Some(truth) = truth(producer.world(), machine).filter(|_| machine != "lathe") {
                states +=
                    assert_states(&place, section, &truth, Reading { poll_ms: MINUTE, latency_ms: 1, dwell_ms: 0 });
            }
            let Some(known) = producer.world().machine(machine) else { continue };
            if machine == "lathe" {
                continue;
            }
            let (good, reject) = (closed.tally.good_total() as i128, closed.tally.reject_total() as i128);
            // The machining centre counts all its parts; rejects are stated by people.
            let good = if machine == "cnc" { good + reject } else { good };
            let counted = line(section, "count.good@1");
            assert!(within(counted, good * 1_000_000, 0), "{place}: good {good} {counted:?}");
            let complete = counted.lower == counted.upper;
            if complete {
                exact += 1;
                assert_eq!(micros(&counted.value), Some(good * 1_000_000), "{place}");
                if machine != "cnc" {
                    assert_eq!(micros(&line(section, "count.rejected@1").value), Some(reject * 1_000_000), "{place}");
                }
            }
            if machine == "cnc" {
                continue;
            }
            let products = known.profile().products;
            let standard: i64 = products.iter().zip(closed.tally.good).map(|(p, n)| p.pri_ms * 1000 * n as i64).sum();
            let oee = line(section, "oee.iso22400@1");
            if let Some(den) = oee.denominator.as_deref().map(|d| d.parse::<i128>().unwrap()) {
                assert!(within(oee, i128::from(standard) * 1_000_000 / den, 1), "{place}: {standard} {oee:?}");
            }
        }
        println!(
            "seed {seed}: {compared} shifts compared, {exact} counters exact, {} gaps, {} devices",
            report.gaps.len(),
            devices(true).count()
        );
        assert!(compared > 80 && exact * 4 > compared && states > 150, "{compared} {exact} {states}");
    }
}

#[test]
fn the_known_improvement_of_a_retrofit_lies_in_the_interval_of_its_locked_baseline() {
    // Five weeks: of four, one day is too poorly observed to count, and a lock wants 28.
    const SIDE: i64 = 35;
    let retrofit_ms = EPOCH + SIDE * DAY;
    let config = Config {
        seed: 9,
        epoch_ms: EPOCH,
        hall: false,
        retrofit_ms: Some(retrofit_ms),
        rest_weekday: None,
        record: true,
    };
    let plan = json!({"kind": "plan", "effective_from": EPOCH - DAY, "reason": "", "body": {
        "plan": "press", "machines": ["press"], "seed": 5,
        "baseline": {"from": "2026-03-02", "to": "2026-04-05"}, "reporting": {"from": "2026-04-06", "to": "2026-05-10"},
        "metrics": [{"definition": "oee.iso22400@1", "target": {"value": "0.1", "unit": "percentage_points", "direction": "increase"}}],
    }});
    let (mut log, producer) = logged(config, EPOCH + 2 * SIDE * DAY, MINUTE, &[plan]);
    // Locked a day after the baseline, over what was logged by then.
    let began = |leaf: &Leaf| match &leaf.body {
        LeafBody::Record { header, .. } => Some(header.clock.wall_ms),
        _ => None,
    };
    let at = log.iter().position(|(leaf, _)| began(leaf).is_some_and(|ms| ms > retrofit_ms + DAY)).unwrap();
    let history = history_of(&log[..at]);
    let stated = history.statements().plan("press").unwrap().clone();
    let lock = Baseline::evaluate(&history, stated, retrofit_ms + DAY).lock("oee.iso22400@1", "*", false).unwrap();
    let (author, role, reason) = ("u1".into(), "firm".into(), "".into());
    let body = serde_json::to_value(&lock).unwrap();
    let declaration =
        Declaration { kind: "baseline_lock".into(), effective_from: retrofit_ms, author, role, reason, body };
    let bytes = declaration.encode().unwrap();
    log.insert(at, (Leaf::declaration(log[at].0.received_ms, "baseline_lock", &bytes), bytes));
    let history = history_of(&log);
    let report = evaluate(&history, &ReportRequest::for_plan(history.size(), "press")).unwrap();
    let oee = &report.measurement_plan.as_ref().unwrap().metrics[0];
    assert!(oee.lock.as_ref().is_some_and(|l| l.confirmed && !l.differs), "{oee:?}");

    // What really was made in the shifts that count, over the time planned for them.
    let truth = |period: &str| {
        let sections = report
            .shifts
            .iter()
            .filter(|s| s.period == period && s.machine == "press" && s.shift.as_deref() != Some("-"));
        let excluded = |s: &Section| {
            report
                .periods
                .iter()
                .flat_map(|p| &p.excluded)
                .any(|e| *e == format!("press {} {}", s.date.as_deref().unwrap(), s.shift.as_deref().unwrap()))
        };
        let (mut made, mut planned) = (0_i64, 0_i64);
        for section in sections.filter(|s| !excluded(s)) {
            let closed = producer
                .world()
                .closed_shifts()
                .iter()
                .find(|c| c.machine == "press" && c.shift.start() == section.from_ms)
                .unwrap();
            let products = producer.world().machine("press").unwrap().profile().products;
            made += products.iter().zip(closed.tally.good).map(|(p, n)| p.pri_ms * n as i64).sum::<i64>();
            planned += section.buckets_ms["PBT"];
        }
        assert!(planned > 0, "{period}");
        made as f64 / planned as f64
    };
    let really = truth("reporting") - truth("baseline");
    let end = |text: &Option<String>| text.as_deref().unwrap().parse::<f64>().unwrap();
    let change = oee.change.as_ref().unwrap();
    assert!(really > 0.0 && end(&change.lower) <= really && really <= end(&change.upper), "{really}: {change:?}");
    assert!((end(&change.value) - really).abs() < 0.01, "{really}: {change:?}");
    // The verdict says what the interval bears.
    let met = end(&change.lower) >= 0.001;
    assert_eq!(oee.verdict, Some(if met { "MET" } else { "INSUFFICIENT" }), "{change:?}");
}
