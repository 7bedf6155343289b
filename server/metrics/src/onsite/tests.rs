use protocol::{Declaration, Digest};
use serde_json::{Value as Json, json};

use super::*;
use crate::model::{KINDS as ALL_KINDS, parse_body};

const NOW: i64 = 1_800_000_000_000;

fn bodies() -> [(&'static str, Json); 6] {
    let digest = "ab".repeat(32);
    [
        ("onsite_check", json!({"check": "oc-1", "body": "某市评测机构", "wanted": 3})),
        ("onsite_press", json!({"check": "oc-1", "machine": "press", "action": "stop"})),
        (
            "onsite_face",
            json!({"check": "oc-1", "machine": "press", "value": "12345.6", "unit": "kWh", "same_register": false,
                "photo": {"digest": digest, "taken_ms": NOW}}),
        ),
        (
            "onsite_plate",
            json!({"check": "oc-1", "machine": "press", "serial": "S-1", "meter_serial": "0071", "ct": {"primary": 200, "secondary": 5},
                "seal": "intact", "seal_number": "K-9", "note": "第一行\n第二行"}),
        ),
        (
            "onsite_result",
            json!({"check": "oc-1", "of": 4, "size": 9, "found": {"draw": {"root": digest, "machines": ["press"], "drawn": ["press"]}}}),
        ),
        ("onsite_confirmed", json!({"check": "oc-1", "side": "firm", "through": 9, "digest": digest})),
    ]
}

#[test]
fn bodies_keep_what_they_say_and_know_no_other_field() {
    for ((kind, body), own) in bodies().into_iter().zip(KINDS) {
        assert_eq!(kind, own);
        assert!(ALL_KINDS.contains(&kind));
        let again = match Act::of(parse_body(kind, &body).unwrap()).unwrap() {
            Act::Check(b) => serde_json::to_value(b),
            Act::Press(b) => serde_json::to_value(b),
            Act::Face(b) => serde_json::to_value(b),
            Act::Plate(b) => serde_json::to_value(b),
            Act::Result(b) => serde_json::to_value(b),
            Act::Confirmed(b) => serde_json::to_value(b),
        };
        assert_eq!(again.unwrap(), body);
        let mut wrong = body;
        wrong["surprise"] = json!(1);
        assert!(parse_body(kind, &wrong).unwrap_err().to_string().contains("unknown field"), "{kind}");
    }
}

#[test]
fn what_breaks_a_bound_is_refused_in_both_languages() {
    let cases = [
        (0, "/check", json!("OC")),
        (0, "/body", json!(" ")),
        (0, "/wanted", json!(0)),
        (0, "/wanted", json!(101)),
        (1, "/machine", json!("-press")),
        (2, "/value", json!("12,345.6")),
        (2, "/value", json!("12345.6 kWh")),
        (2, "/value", json!("-1")),
        (2, "/value", json!("1.2345678")),
        (2, "/unit", json!("kvarh")),
        (2, "/unit", json!("kW")),
        (2, "/unit", json!("")),
        (2, "/photo/digest", json!("0")),
        (3, "/serial", json!("x".repeat(65))),
        (3, "/note", json!("a\u{7}")),
        (3, "/ct", json!({"primary": 5, "secondary": 200})),
        (3, "/ct", json!({"primary": 0, "secondary": 0})),
        (4, "/size", json!(4)),
        (4, "/size", Json::Null),
        (5, "/digest", json!("AB".repeat(32))),
    ];
    for (place, at, value) in cases {
        let (kind, body) = &bodies()[place];
        assert!(parse_body(kind, body).is_ok(), "{kind}");
        let mut wrong = body.clone();
        *wrong.pointer_mut(at).unwrap() = value;
        let said = parse_body(kind, &wrong).expect_err(at).to_string();
        let (en, zh) = said.rsplit_once(" / ").unwrap_or_else(|| panic!("{at}: only one language: {said}"));
        assert!(en.is_ascii() && !zh.is_ascii(), "{at}: {said}");
    }
}

#[test]
fn a_face_in_another_unit_is_told_what_is_expected() {
    let mut wrong = bodies()[2].1.clone();
    wrong["unit"] = json!("kvarh");
    let said = parse_body("onsite_face", &wrong).unwrap_err().to_string();
    assert!(said.contains("an energy register is read in kWh or MWh"), "{said}");
    assert!(said.contains("须为有功电能，单位 kWh（千瓦时、度）或 MWh"), "{said}");
    let mut wrong = bodies()[2].1.clone();
    wrong["value"] = json!("12,345.6");
    let said = parse_body("onsite_face", &wrong).unwrap_err().to_string();
    assert!(said.contains("the digits of the face as they stand there") && said.contains("请照表面数字填写"), "{said}");
}

/// A log of statements: who says what.
#[derive(Default)]
struct Log(Statements, u64);

impl Log {
    fn new() -> Self {
        let mut log = Self::default();
        let signal = |tag: &str| json!({"gateway": "gw-1", "tag": tag});
        for id in ["lathe", "mill", "press"] {
            log.say(
                "firm",
                "f-1",
                "machine",
                json!({"machine": id, "names": {"zh": id, "en": id},
                "signals": {"run": signal(&format!("{id}/run")), "energy": signal(&format!("{id}/energy"))},
                "state_rule": {"run_bit": {"run_value": 1, "otherwise": "idle"}}}),
            );
        }
        log.say(
            "firm",
            "f-1",
            "machine",
            json!({"machine": "main", "names": {"zh": "", "en": ""}, "role": "meter", "signals": {}}),
        );
        log.say("firm", "f-1", "machine", json!({"machine": "bare", "names": {"zh": "", "en": ""}, "signals": {}}));
        log
    }

    fn declaration(role: &str, author: &str, kind: &str, body: Json) -> Declaration {
        Declaration {
            kind: kind.into(),
            effective_from: 0,
            author: author.into(),
            role: role.into(),
            reason: String::new(),
            body,
        }
    }

    /// As another program would log it.
    fn say(&mut self, role: &str, author: &str, kind: &str, body: Json) -> u64 {
        let leaf = self.1;
        self.0.push(leaf, NOW + leaf as i64, Self::declaration(role, author, kind, body));
        self.1 += 1;
        leaf
    }

    fn door(&self, role: &str, author: &str, kind: &str, body: Json) -> Result<(), crate::report::Words> {
        let parsed = parse_body(kind, &body).unwrap();
        check_stated(&self.0, parsed, &Self::declaration(role, author, kind, body), NOW)
    }

    /// Through the door.
    fn state(&mut self, role: &str, author: &str, kind: &str, body: Json) -> u64 {
        self.door(role, author, kind, body.clone()).unwrap();
        self.say(role, author, kind, body)
    }

    fn refused(&self, role: &str, author: &str, kind: &str, body: Json) -> String {
        let said = self.door(role, author, kind, body).unwrap_err();
        format!("{} / {}", said.en, said.zh)
    }
}

fn check() -> Json {
    json!({"check": "oc-1", "body": "评测机构", "wanted": 2})
}

fn press(machine: &str) -> Json {
    json!({"check": "oc-1", "machine": machine, "action": "stop"})
}

#[test]
fn the_factory_does_not_check_itself_and_only_its_own_account_confirms_for_it() {
    let mut log = Log::new();
    for role in ["firm", "provider", "administrator", "city", "finance"] {
        let said = log.refused(role, "f-1", "onsite_check", check());
        assert!(
            said.contains("never by the factory or its provider") && said.contains("不能由企业或其服务商自行核查"),
            "{said}"
        );
        assert!(said.contains(&format!("`{role}`")), "{said}");
    }
    for (place, role) in CHECKERS.into_iter().enumerate() {
        let mut body = check();
        body["check"] = json!(format!("oc-{place}"));
        log.door(role, "c-1", "onsite_check", body).unwrap();
    }
    log.state("assessor", "c-1", "onsite_check", check());
    let (through, digest) = seal(log.0.onsite("oc-1"), u64::MAX);
    let confirm = |side: &str| json!({"check": "oc-1", "side": side, "through": through, "digest": digest.hex()});
    let said = log.refused("provider", "p-1", "onsite_confirmed", confirm("firm"));
    assert!(said.contains("the firm's own account") && said.contains("须由企业账号"), "{said}");
    let said = log.refused("firm", "f-1", "onsite_confirmed", confirm("checker"));
    assert!(said.contains("never by the factory"), "{said}");
    // Somebody with both roles is one person all the same.
    let said = log.refused("firm", "c-1", "onsite_confirmed", confirm("firm"));
    assert!(said.contains("an account of its own") && said.contains("双方须各用自己的账号"), "{said}");
    log.state("firm", "f-1", "onsite_confirmed", confirm("firm"));
    let said = log.refused("centre", "f-1", "onsite_press", press("press"));
    assert!(said.contains("spoke for the other"), "{said}");
}

#[test]
fn what_cannot_show_anything_is_refused_with_what_can() {
    let mut log = Log::new();
    let said = log.refused("centre", "c-1", "onsite_press", press("press"));
    assert!(said.contains("there is no on-site check") && said.contains("没有现场核查"), "{said}");
    log.state("centre", "c-1", "onsite_check", check());
    let face = |taken_ms: i64, machine: &str| json!({"check": "oc-1", "machine": machine, "value": "1.0", "unit": "MWh", "photo": {"digest": "0".repeat(64), "taken_ms": taken_ms}});
    for (kind, body, en, zh) in [
        ("onsite_press", press("none"), "there is no machine", "没有设备"),
        ("onsite_press", press("bare"), "how the state of `bare` is told is not declared", "状态如何判定"),
        ("onsite_face", face(NOW, "bare"), "no energy register", "没有接入电能表"),
        ("onsite_face", face(NOW + PHOTO_AHEAD_MS + 1, "press"), "taken later than now", "拍摄时间晚于现在"),
        ("onsite_face", face(NOW - PHOTO_AGE_MS - 1, "press"), "more than 24 hours ago", "24 小时以前"),
        ("onsite_result", json!({"check": "oc-1", "of": 0}), "leaf 0 is no act", "不是现场核查"),
        (
            "onsite_result",
            json!({"check": "oc-1", "of": 5, "size": 6, "found": {"draw": {"root": "", "machines": [], "drawn": ["press"]}}}),
            "computed by the server",
            "由服务器从日志计算",
        ),
    ] {
        let said = log.refused("centre", "c-1", kind, body);
        assert!(said.contains(en) && said.contains(zh), "{kind}: {said}");
    }
    log.door("centre", "c-1", "onsite_face", face(NOW + PHOTO_AHEAD_MS, "press")).unwrap();
    log.door("centre", "c-1", "onsite_face", face(NOW - PHOTO_AGE_MS, "press")).unwrap();
    log.state("centre", "c-1", "onsite_result", json!({"check": "oc-1", "of": 5}));
    let said = log.refused("centre", "c-1", "onsite_result", json!({"check": "oc-1", "of": 5}));
    assert!(said.contains("in leaf 6 already") && said.contains("结果已记入日志第 6 条"), "{said}");
}

#[test]
fn machines_are_drawn_from_those_declared_before_and_drawing_again_is_seen() {
    let mut log = Log::new();
    let asked = log.state("centre", "c-1", "onsite_check", check());
    log.say("firm", "f-1", "machine", json!({"machine": "added", "names": {"zh": "", "en": ""}, "signals": {}}));
    let root = protocol::sha256(b"root");
    let drawn = draw(&log.0, "oc-1", asked, &root).unwrap();
    assert_eq!(drawn.machines, ["bare", "lathe", "mill", "press"], "no boundary's meter, and none declared afterwards");
    assert_eq!(drawn.drawn.len(), 2);
    assert_eq!(draw(&log.0, "oc-1", asked, &root), Some(drawn.clone()));
    let other = (0_u8..8).map(|i| draw(&log.0, "oc-1", asked, &Digest([i; 32])).unwrap().drawn);
    assert!(other.into_iter().any(|d| d != drawn.drawn), "another root draws others");
    assert_eq!(draw(&log.0, "oc-1", 0, &root), None);
    let result = |of: u64| json!({"check": "oc-1", "of": of, "size": of + 1, "found": {"draw": serde_json::to_value(&drawn).unwrap()}});
    log.say("centre", "c-1", "onsite_result", result(asked));
    let again = log.state("centre", "c-1", "onsite_check", check());
    let sheet = &results(&log.0)[0];
    assert_eq!(
        sheet.draws.iter().map(|d| (d.entry.leaf, d.draw.is_some())).collect::<Vec<_>>(),
        [(asked, true), (again, false)]
    );
    let chosen = ["lathe", "mill", "press"].into_iter().find(|m| !drawn.drawn.iter().any(|d| d == m)).unwrap();
    log.state("centre", "c-1", "onsite_press", press(chosen));
    assert!(!results(&log.0)[0].seen[0].is_drawn, "chosen, not drawn");
}

#[test]
fn a_confirmation_is_of_what_was_there_and_what_comes_later_is_not_confirmed() {
    let mut log = Log::new();
    log.state("assessor", "c-1", "onsite_check", check());
    log.state("assessor", "c-1", "onsite_press", press("press"));
    let confirm = |log: &Log, side: &str| {
        let (through, digest) = seal(log.0.onsite("oc-1"), u64::MAX);
        json!({"check": "oc-1", "side": side, "through": through, "digest": digest.hex()})
    };
    let (old, firm) = (confirm(&log, "checker"), confirm(&log, "firm"));
    log.state("assessor", "c-1", "onsite_confirmed", old.clone());
    assert_eq!(confirm(&log, "firm"), firm, "a confirmation is none of what is confirmed");
    assert_eq!(results(&log.0)[0].unconfirmed(), 2, "one side is not both");
    log.state("firm", "f-1", "onsite_confirmed", firm);
    let sheet = &results(&log.0)[0];
    assert!(sheet.is_confirmed(Side::Checker) && sheet.is_confirmed(Side::Firm));
    assert_eq!(sheet.unconfirmed(), 0);
    log.state("assessor", "c-1", "onsite_press", press("mill"));
    let sheet = &results(&log.0)[0];
    assert!(!sheet.is_confirmed(Side::Checker) && sheet.confirmations.iter().all(|c| c.holds && !c.is_current));
    assert_eq!(sheet.unconfirmed(), 1);
    let said = log.refused("assessor", "c-1", "onsite_confirmed", old.clone());
    assert!(said.contains("since you looked") && said.contains("又有新的内容"), "{said}");
    // Another program logs a digest that fits nothing, and a check of the factory's own.
    let mut wrong = confirm(&log, "firm");
    wrong["digest"] = json!("0".repeat(64));
    log.say("firm", "f-1", "onsite_confirmed", wrong);
    let void = log.say("firm", "f-1", "onsite_press", press("lathe"));
    let sheet = &results(&log.0)[0];
    assert!(!sheet.confirmations[2].holds && !sheet.is_confirmed(Side::Firm));
    assert_eq!((sheet.void.as_slice(), sheet.seen.len()), ([void].as_slice(), 2), "named, and counted for nothing");
}
