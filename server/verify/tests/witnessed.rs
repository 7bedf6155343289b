//! Cosignatures below a bundle's checkpoint: which count, which do not, and what a reader is told.

#[path = "../../metrics/tests/fixture/mod.rs"]
mod fixture;

use fixture::{Log, World};
use metrics::{ReportRequest, evaluate};
use protocol::cosignature::{WitnessKey, cosign};
use protocol::{SecretKey, bundle};
use serde_json::json;
use verify::{Outcome, Severity, Trust, Verdict, verify};

fn key(number: u8) -> SecretKey {
    SecretKey::from_seed(&[number; 32])
}

fn witness(number: u8, zh: &str) -> serde_json::Value {
    let key = WitnessKey::new(&format!("w{number}.example"), key(number).public()).unwrap();
    json!({"key": key.to_string(), "operator": {"zh": zh}})
}

struct Made {
    log: Log,
    report: Vec<u8>,
}

impl Made {
    fn new() -> Self {
        let mut log = Log::new(false);
        log.run(&World::new(2, 1, None), true, |_, _| true);
        let request = ReportRequest::for_dates(log.size(), "2026-03-02", "2026-03-02", None);
        let report = evaluate(&log.history(), &request).unwrap().to_json().unwrap();
        Self { log, report }
    }

    /// The bundle with cosignatures by these keys at this time.
    fn bundle(&self, by: &[u8], seconds: u64, spoil: bool) -> Vec<u8> {
        let mut files = bundle::read(&self.log.bundle(&self.report)).unwrap();
        let manifest: bundle::Manifest = serde_json::from_slice(&files.remove("manifest.json").unwrap()).unwrap();
        let mut note = String::from_utf8(files["checkpoint"].clone()).unwrap();
        let text = note[..note.find("\n\n").unwrap() + 1].to_owned();
        for number in by {
            let signed = if spoil { text.replacen('\n', "x\n", 1) } else { text.clone() };
            note += &cosign(&signed, &format!("w{number}.example"), &key(*number), seconds).unwrap();
        }
        files.insert("checkpoint".into(), note.into_bytes());
        bundle::write(&manifest.site, &manifest.origin, manifest.size, &files).unwrap()
    }

    fn trust(&self, change: impl FnOnce(&mut serde_json::Value)) -> Trust {
        let mut json: serde_json::Value = serde_json::from_str(&self.log.trust_json()).unwrap();
        json["operator"] = json!({"zh": "某云平台公司", "en": "A Cloud Ltd", "id": "91530100MA6K00000X"});
        json["witnesses"] = json!([witness(1, "市计量院"), witness(2, "促进中心"), witness(3, "某云平台 公司")]);
        change(&mut json);
        Trust::parse(json.to_string().as_bytes()).unwrap()
    }

    /// After everything in the log.
    fn later(&self) -> u64 {
        (self.log.end_ms() / 1000) as u64 + 3_600 * 48
    }
}

fn said(outcome: &Outcome) -> Vec<(Severity, &str)> {
    outcome.findings.iter().filter(|f| f.code == "witness").map(|f| (f.severity, f.en.as_str())).collect()
}

#[test]
fn cosignatures_count_once_for_each_other_body() {
    let made = Made::new();
    let at = made.later();
    let trust = made.trust(|json| json["witnesses_required"] = json!(2));
    let both = verify(&made.bundle(&[1, 2], at, false), Some(&trust));
    assert_eq!(both.verdict, Verdict::Verified, "{:?}", both.findings);
    let words = said(&both);
    assert_eq!(words.len(), 2);
    assert!(
        words.iter().all(|(severity, en)| *severity == Severity::Ok && en.starts_with("witnessed by ")),
        "{words:?}"
    );
    let one = verify(&made.bundle(&[1, 3], at, false), Some(&trust));
    assert_eq!(one.verdict, Verdict::Refused);
    let words = said(&one);
    assert!(words.iter().any(|(_, en)| en.contains("same body as the operator")), "{words:?}");
    assert!(words.iter().any(|(s, en)| *s == Severity::Refused && en.contains("requires 2") && en.contains("1 have")));
    // The same body with two keys is one body.
    let twice = made.trust(|json| {
        json["witnesses"] = json!([witness(1, "市计量院"), witness(2, "市计量院"), witness(5, "促进中心")]);
        json["witnesses_required"] = json!(2);
    });
    assert_eq!(verify(&made.bundle(&[1, 2], at, false), Some(&twice)).verdict, Verdict::Refused);
    assert_eq!(verify(&made.bundle(&[1, 5], at, false), Some(&twice)).verdict, Verdict::Verified);
}

#[test]
fn without_a_requirement_the_reader_is_told() {
    let made = Made::new();
    let trust = made.trust(|_| {});
    let none = verify(&made.bundle(&[], 0, false), Some(&trust));
    assert_eq!(none.verdict, Verdict::Verified);
    assert!(matches!(said(&none)[..], [(Severity::Note, en)] if en.starts_with("not witnessed")), "{:?}", said(&none));
    // A witness the trust file does not name says nothing.
    let unknown = verify(&made.bundle(&[7], made.later(), false), Some(&trust));
    assert_eq!(said(&unknown), said(&none));
    let nameless = made.trust(|json| drop(json.as_object_mut().unwrap().remove("operator")));
    let words = verify(&made.bundle(&[1], made.later(), false), Some(&nameless));
    assert!(said(&words).iter().any(|(_, en)| en.contains("does not name the operator")), "{:?}", said(&words));
}

#[test]
fn a_cosignature_that_does_not_hold_refuses_and_an_early_one_does_not_count() {
    let made = Made::new();
    let trust = made.trust(|json| json["witnesses_required"] = json!(1));
    let spoiled = verify(&made.bundle(&[1], made.later(), true), Some(&trust));
    assert_eq!(spoiled.verdict, Verdict::Refused);
    assert!(said(&spoiled).iter().any(|(s, en)| *s == Severity::Refused && en.contains("does not hold")));
    let early = verify(&made.bundle(&[1], 1_600_000_000, false), Some(&trust));
    assert_eq!(early.verdict, Verdict::Refused);
    assert!(said(&early).iter().any(|(_, en)| en.contains("before the newest leaf")), "{:?}", said(&early));
}

#[test]
fn a_trust_file_that_cannot_be_met_is_refused_and_others_are_kept_as_they_are() {
    let made = Made::new();
    let trust = made.trust(|json| json["witnesses_required"] = json!(2));
    assert_eq!(Trust::parse(trust.to_json().as_bytes()).unwrap(), trust);
    let mut json: serde_json::Value = serde_json::from_str(&trust.to_json()).unwrap();
    json["witnesses_required"] = json!(3);
    assert!(Trust::parse(json.to_string().as_bytes()).unwrap_err().contains("names 2 bodies"));
    json["witnesses"][0]["key"] = json["log_keys"][0].clone();
    assert!(Trust::parse(json.to_string().as_bytes()).unwrap_err().contains("the key of a log"));
    // One key under two names would be two bodies.
    let mut twice: serde_json::Value = serde_json::from_str(&trust.to_json()).unwrap();
    let other_name = WitnessKey::new("other.example", key(1).public()).unwrap();
    twice["witnesses"][1]["key"] = json!(other_name.to_string());
    let error = Trust::parse(twice.to_string().as_bytes()).unwrap_err();
    assert!(error.contains("the trust file names the key of the witness other.example twice"), "{error}");
    assert!(error.contains("信任文件中有两个见证方使用同一把密钥"), "{error}");
    // Files of before.
    assert!(Trust::parse(made.log.trust_json().as_bytes()).is_ok());
}
