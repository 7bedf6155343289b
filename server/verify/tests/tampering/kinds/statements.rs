//! What people stated: nobody but the log's seal stands for it, so the server's key suffices to change it, and only a witness or a
//! kept checkpoint shows that.

use serde_json::{Value as Json, json};

use super::{Change, Class, Kind};
use crate::fixture::{HOUR, MONDAY};
use crate::tampering::corpus::Corpus;
use crate::tampering::said::date_of;

/// Kind, which of them, what is changed in words, where in the body, and to what.
type Row = (&'static str, usize, &'static str, &'static str, Json);

fn rows() -> Vec<Row> {
    let night = json!([{"shift": "day", "names": {"zh": "白班", "en": "Day"}, "start": "08:00", "end": "20:00", "weekdays": [1, 2, 3, 4, 5, 6, 7], "breaks": [{"start": "12:00", "end": "14:00"}]}]);
    vec![
        ("site", 0, "its name", "/names/zh", json!("样板厂")),
        ("site", 0, "its time zone", "/zone", json!("Asia/Tokyo")),
        ("site", 0, "said to be simulated", "/simulated", json!(true)),
        ("site", 0, "its district", "/district", json!("官渡")),
        ("site", 0, "its province, which chooses the grid factor", "/province", json!("四川")),
        ("calendar", 0, "a shift ends earlier", "/shifts/0/end", json!("16:00")),
        ("calendar", 0, "a shift begins later", "/shifts/0/start", json!("09:00")),
        ("calendar", 0, "a break made longer", "/shifts", night),
        ("calendar", 0, "a weekday removed", "/shifts/0/weekdays", json!([1, 2, 3, 4, 5, 6])),
        ("calendar", 0, "a holiday invented", "/holidays", json!([date_of(5)])),
        ("calendar", 0, "a shift's name", "/shifts/0/names/zh", json!("早班")),
        ("machine", 0, "what stands for running", "/state_rule/codes/2", json!("run")),
        ("machine", 0, "its good counter", "/signals/good/tag", json!("press/reject")),
        ("machine", 0, "its gateway", "/signals/energy/gateway", json!("gw-2")),
        ("machine", 0, "a signal removed", "/signals/reject", Json::Null),
        ("machine", 0, "said not to be critical", "/critical", json!(false)),
        ("machine", 0, "its name", "/names/zh", json!("压力机")),
        ("machine", 2, "a meter made a production machine", "/role", json!("production")),
        ("cycle_time", 0, "longer", "/item_us", json!(7_000_000)),
        ("cycle_time", 0, "of one product alone", "/product", json!("new")),
        ("cycle_time", 1, "more items a cycle", "/items_per_cycle", json!(2)),
        ("cycle_time", 1, "of another machine", "/machine", json!("press")),
        ("line", 0, "another order of machines", "/route", json!(["lathe", "press"])),
        ("line", 0, "another bottleneck", "/constraint", json!("lathe")),
        ("meter", 0, "its serial number", "/serial", json!("0072")),
        ("meter", 0, "its transformer's ratio", "/ct/primary", json!(400)),
        ("meter", 0, "its class", "/class", json!("0.2S")),
        ("meter", 0, "what its register shows", "/register", json!("primary")),
        ("specification", 0, "a limit", "/usl", json!("3")),
        ("specification", 0, "its sampling", "/sampling", json!({"subgroups": {"size": 5, "interval_ms": 3_600_000}})),
        ("specification", 0, "its rules", "/rules", json!("western-electric@1")),
        ("alarm_code", 0, "its class", "/class", json!("notice")),
        ("alarm_code", 0, "its words", "/names/zh", json!("提示")),
        ("alarm_handled", 0, "handled earlier", "/handled_ms", json!(MONDAY + 24 * HOUR + 10 * HOUR)),
        ("alarm_handled", 0, "said to be a test", "/is_test", json!(true)),
        ("stop_reason", 0, "another reason", "/reason", json!("待料")),
        ("stop_reason", 0, "acted on earlier", "/first_action_ms", json!(MONDAY + 24 * HOUR + 9 * HOUR)),
        ("material", 0, "its standard", "/standard", json!("0.4")),
        ("recipe", 0, "its standard time", "/standard_ms", json!(1_800_000)),
        ("recipe", 0, "its output", "/output/micro", json!(900_000_000)),
        ("batch", 0, "more good", "/good_micro", json!(500_000_000)),
        ("batch", 0, "ends earlier", "/to_ms", json!(MONDAY + 2 * 24 * HOUR + 12 * HOUR)),
        ("batch", 0, "withdrawn", "/withdrawn", json!(true)),
        ("level_assessed", 0, "a higher level", "/level", json!(3)),
        ("level_assessed", 0, "assessed on site", "/assessed", json!("on_site")),
        ("level_assessed", 0, "another document", "/document", json!("ba".repeat(32))),
        ("evidence_document", 0, "its amount", "/amount", json!("1200.5")),
        ("evidence_document", 0, "its scan", "/sha256", json!("dc".repeat(32))),
        ("evidence_document", 0, "withdrawn", "/withdrawn", json!(true)),
        ("plan", 0, "a lower target", "/metrics/0/target/value", json!("3")),
        ("plan", 0, "another base period", "/baseline/from", json!(date_of(2))),
        ("plan", 0, "another reporting period", "/reporting/to", json!(date_of(8))),
        ("plan", 0, "a machine left out", "/machines", json!(["press"])),
        ("plan", 0, "another seed", "/seed", json!(8)),
        ("plan", 0, "another option", "/option", json!("C")),
        ("plan", 0, "another boundary", "/boundary/zh", json!("全厂")),
        ("plan", 0, "a metric left out", "/metrics/1", Json::Null),
        ("plan", 0, "another incoming meter", "/incoming", Json::Null),
        ("filed_plan", 0, "a longer term", "/term/to", json!("2026-12-31")),
        ("filed_plan", 0, "a machine that was not there left out", "/machines/1", Json::Null),
        ("filed_plan", 0, "another rule", "/rule", json!("city-2")),
        ("filed_plan", 0, "a lower target", "/targets/0/promised/value", json!("1")),
        ("filed_plan", 0, "less money", "/lines/0/amount_fen", json!(3_000_000)),
        ("plan_change", 0, "another machine applied for", "/items/0/machine/machine", json!("lathe")),
        ("plan_change", 1, "applied for earlier", "/date", json!("2026-01-20")),
        ("plan_opinion", 3, "of another application", "/change", json!("c-1")),
        ("plan_opinion", 2, "not agreed", "/opinion", json!("disagree")),
        ("plan_opinion", 4, "in another's capacity", "/by", json!("centre")),
        ("planned_stop", 0, "longer", "/to_ms", json!(MONDAY + 5 * 24 * HOUR + 18 * HOUR)),
        ("planned_stop", 0, "of another machine", "/machine", json!("lathe")),
        ("quality_count", 0, "fewer rejects in what was corrected later", "/reject", json!(1)),
        ("quality_count", 1, "fewer rejects in the correction", "/reject", json!(0)),
        ("quality_count", 1, "a correction of another day", "/date", json!(date_of(2))),
        ("finding_shown", 0, "another finding shown", "/findings/0/machine", json!("lathe")),
        ("finding_acknowledged", 0, "another finding acknowledged", "/from_ms", json!(MONDAY + 1)),
        ("explanation", 0, "other words", "/text", json!("设备故障。")),
        ("meter_replaced", 0, "another final reading", "/old_final_raw", json!(950_000)),
        ("meter_replaced", 0, "another first reading", "/new_initial_raw", json!(0)),
        ("bill", 0, "its amount", "/amount", json!("4321.5")),
        ("bill", 0, "its period", "/to", json!(date_of(7))),
        ("bill", 0, "its source", "/source", json!("paper")),
        ("bill", 0, "its scan", "/digest", json!("fe".repeat(32))),
        ("adjustment", 0, "more days", "/to", json!(date_of(9))),
        ("adjustment", 0, "approved by somebody else", "/approver", json!("u3")),
        ("adjustment", 0, "what is done with the days", "/treatment", json!("indicator")),
        ("onsite_check", 0, "more machines asked for", "/wanted", json!(2)),
        ("onsite_check", 0, "another body", "/body", json!("某咨询公司")),
        ("onsite_press", 0, "of another machine", "/machine", json!("lathe")),
        ("onsite_press", 0, "said to be a start", "/action", json!("start")),
        ("onsite_face", 0, "other digits", "/value", json!("1013.3")),
        ("onsite_face", 0, "of another photo", "/photo/digest", json!("a9".repeat(32))),
        ("onsite_plate", 0, "a seal said to be broken", "/seal", json!("broken")),
        ("onsite_plate", 0, "another ratio", "/ct/primary", json!(200)),
        ("onsite_confirmed", 0, "for the other side", "/side", json!("firm")),
        ("onsite_confirmed", 1, "of something else", "/digest", json!("ab".repeat(32))),
        ("deviation_notice", 0, "something else asked", "/asks", json!("无需说明")),
        ("deviation_notice", 0, "another target", "/target", json!("energy")),
        (
            "deviation_notice",
            0,
            "another figure, of readings that are not there",
            "/measured/change",
            json!("-0.010000"),
        ),
        ("deviation_explanation", 0, "another explanation", "/explanation", json!("订单不足")),
        ("deviation_measures", 1, "due later", "/measures/0/due", json!("2026-12-31")),
        ("deviation_remeasured", 1, "said to be short", "/measured/standing", json!("short")),
        ("deviation_closed", 1, "for another reason", "/reason", json!("项目延期")),
        ("baseline_lock", 0, "another value", "/value", json!("0.488446")),
        ("baseline_lock", 0, "another numerator", "/numerator", json!("1")),
        ("baseline_lock", 0, "said to suffice", "/sufficient", json!(true)),
        ("baseline_lock", 0, "over another prefix of the log", "/size", json!(30)),
        ("baseline_lock", 0, "a parameter's digest", "/parameters/1/digest", json!("ab".repeat(32))),
    ]
}

/// Sets a member of a body; null takes it away.
fn set(body: &mut Json, at: &str, to: &Json) {
    let (parent, name) = at.rsplit_once('/').unwrap();
    let parent = body.pointer_mut(parent).unwrap_or_else(|| panic!("{at}"));
    match (parent, to) {
        (Json::Object(members), Json::Null) => drop(members.remove(name)),
        (Json::Array(members), Json::Null) => drop(members.remove(name.parse().unwrap())),
        (parent, to) => parent[name] = to.clone(),
    }
}

pub fn kinds(corpus: &Corpus) -> Vec<Kind> {
    let mut all = Vec::new();
    for (kind, n, words, at, to) in rows() {
        let leaf = corpus.copy.stated(kind)[n];
        let change = Box::new(move |d: &mut protocol::Declaration| set(&mut d.body, at, &to));
        all.push(Kind::new(Class::Statements, format!("{kind}: {words}"), Change::Statement(leaf, change, vec![])));
    }
    // What every statement has, each on a statement of its own.
    let stated = |name: &str, kind: &str, change: fn(&mut protocol::Declaration)| {
        let change = Change::Statement(corpus.copy.stated(kind)[0], Box::new(change), vec![]);
        Kind::new(Class::Statements, name, change)
    };
    all.extend([
        stated("statement: another author", "quality_count", |d| d.author = "u7".into()),
        stated("plan_opinion: by an account of another role", "plan_opinion", |d| d.role = "firm".into()),
        stated("statement: in another role", "explanation", |d| d.role = "provider".into()),
        stated("statement: another reason", "planned_stop", |d| d.reason = "计划检修".into()),
        stated("statement: dated back", "cycle_time", |d| d.effective_from -= 24 * HOUR),
        stated("statement: dated forward", "machine", |d| d.effective_from = MONDAY + 24 * HOUR),
    ]);
    all.extend(drawn(corpus));
    all.extend(left_out(corpus));
    all.extend(keys_and_issues(corpus));
    all
}

/// What the log drew: nobody but chance says which machines, and everybody can tell.
fn drawn(corpus: &Corpus) -> Vec<Kind> {
    let leaf = corpus.copy.stated("onsite_result")[0];
    let alter = |name: &str, at: &'static str, to: Json| {
        let change = Box::new(move |d: &mut protocol::Declaration| set(&mut d.body, at, &to));
        let refusals = vec![("onsite", format!("leaf {leaf}: onsite_result"))];
        Kind::new(Class::Statements, format!("onsite_result: {name}"), Change::Statement(leaf, change, refusals))
    };
    let other = match corpus.copy.declaration(leaf).body["found"]["draw"]["drawn"][0].as_str() {
        Some("press") => "lathe",
        _ => "press",
    };
    vec![
        alter("another machine drawn", "/found/draw/drawn", json!([other])),
        alter("drawn from fewer machines", "/found/draw/machines", json!(["press"])),
        alter("by another root", "/found/draw/root", json!("ab".repeat(32))),
    ]
}

/// A statement of each kind taken out of the log, moved in it, and withheld.
fn left_out(corpus: &Corpus) -> Vec<Kind> {
    let mut kinds: Vec<String> = rows().into_iter().map(|(kind, ..)| kind.to_owned()).collect();
    kinds.dedup();
    let log = |name: String, change: Box<dyn Fn(&mut crate::tampering::forge::Copy) + Sync + Send>| {
        let change = move |copy: &mut crate::tampering::forge::Copy, _: &Corpus| {
            change(copy);
            Vec::new()
        };
        Kind::new(Class::Statements, name, Change::Log(Box::new(change)))
    };
    let mut all = Vec::new();
    // Without the site no report can be made at all.
    for kind in kinds.iter().filter(|kind| *kind != "site") {
        let leaf = *corpus.copy.stated(kind).last().unwrap();
        // The newest plan is locked and asked for; a report about nothing is none.
        if kind != "plan" {
            all.push(log(format!("{kind}: left out"), Box::new(move |copy| drop(copy.leaves.remove(leaf)))));
        }
        let digest = corpus.copy.leaf(leaf).content_digest().unwrap();
        let (path, place) = (format!("contents/{digest}"), format!("leaf {leaf}"));
        let withheld = Change::Files(Box::new(move |files| drop(files.remove(&path))), ("content", place));
        all.push(Kind::new(Class::Statements, format!("{kind}: withheld"), withheld));
    }
    let first = |kind: &str| corpus.copy.stated(kind)[0];
    let (quality, stop, lock) = (first("quality_count"), first("planned_stop"), first("baseline_lock"));
    all.extend([
        log(
            "quality_count: correction and corrected swapped".into(),
            Box::new(move |copy| {
                let later = copy.stated("quality_count")[1];
                let (a, b) = (copy.declaration(quality), copy.declaration(later));
                copy.restate(quality, &b);
                copy.restate(later, &a);
            }),
        ),
        log(
            "planned_stop: said to be announced earlier".into(),
            Box::new(move |copy| {
                let leaf = copy.leaves.remove(stop);
                copy.leaves.insert(stop - 4, leaf);
            }),
        ),
        log(
            "planned_stop: stated twice".into(),
            Box::new(move |copy| {
                copy.leaves.insert(stop, copy.leaves[stop].clone());
            }),
        ),
        log(
            "baseline_lock: said to be locked earlier".into(),
            Box::new(move |copy| {
                let mut leaf = copy.leaf(lock);
                leaf.received_ms -= 3_600_000;
                copy.set(lock, &leaf);
            }),
        ),
    ]);
    all
}

/// Statements the server makes itself: who was enrolled with which key, which report was issued.
fn keys_and_issues(corpus: &Corpus) -> Vec<Kind> {
    let enrolled = corpus.copy.stated("gateway_enrolled");
    let first = corpus.copy.records("gw-1", protocol::Kind::ChainStart)[0];
    let attacker = protocol::SecretKey::from_seed(&[66; 32]).public().hex();
    let other = corpus.gateway_keys[1].public().hex();
    let refused = |code, leaf: usize| vec![(code, format!("leaf {leaf}"))];
    let enrolment = |name: &str, value: Json, at: &'static str, refusals| {
        let change = Box::new(move |d: &mut protocol::Declaration| set(&mut d.body, at, &value));
        Kind::new(Class::Statements, name, Change::Statement(enrolled[0], change, refusals))
    };
    let issue = *corpus.copy.stated("report_issued").last().unwrap();
    let wrong = Box::new(|d: &mut protocol::Declaration| d.body["report"] = json!("ab".repeat(32)));
    vec![
        enrolment("gateway_enrolled: the attacker's key", json!(attacker), "/key", refused("gateway", first)),
        enrolment("gateway_enrolled: the other gateway's key", json!(other), "/key", refused("gateway", first)),
        enrolment("gateway_enrolled: another name", json!("gw-9"), "/gateway", refused("gateway", first)),
        enrolment("gateway_enrolled: no key", json!("none"), "/key", refused("gateway", enrolled[0])),
        Kind::new(
            Class::Statements,
            "report_issued: another report",
            Change::Statement(issue, wrong, vec![("issued", "report.json".into())]),
        ),
    ]
}
