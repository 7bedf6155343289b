//! Which cosigned checkpoint is kept, shown, and found again.

use std::sync::Arc;

use protocol::{Declaration, SecretKey};

use super::*;
use crate::ingest::journal::{Body, Entry};
use crate::state::Clock;
use crate::storage::fake::FakeDisk;
use crate::witness::{Address, WitnessConfig, Witnesses};

const DAY: i64 = 86_400_000;

fn open(disk: &Arc<FakeDisk>) -> (SiteLogs, SiteId) {
    let key = LogKey::new("gz.test", SecretKey::from_seed(&[5; 32])).unwrap();
    let logs = SiteLogs::open(disk.clone(), key, None).unwrap();
    let operator = |zh: &str| verify::Operator { zh: zh.into(), en: String::new(), id: None };
    let witness = |number: u8, zh: &str| WitnessConfig {
        address: Address::parse("http://127.0.0.1:1").unwrap(),
        url: String::new(),
        key: key_of(number),
        operator: operator(zh),
        ca: None,
    };
    let list = vec![witness(1, "计量院"), witness(2, "促进中心")];
    logs.set_witnesses(Witnesses::new(Some(operator("云平台")), list, 2, Clock::new(|| 0)).unwrap());
    (logs, "works".parse().unwrap())
}

fn key_of(number: u8) -> WitnessKey {
    WitnessKey::new(&format!("w{number}"), SecretKey::from_seed(&[number; 32]).public()).unwrap()
}

/// One more leaf, and a checkpoint over it.
fn grow(logs: &SiteLogs, site: &SiteId, lsn: u64) -> String {
    let (kind, author, role) = ("note".into(), "a".into(), "operator".into());
    let body = serde_json::json!({});
    let statement = Declaration { kind, effective_from: 0, author, role, reason: format!("{lsn}"), body };
    let body = Body::Declaration(statement.encode().unwrap());
    logs.integrate(&[Entry { lsn, site: site.clone(), received_ms: 0, body }]).unwrap();
    logs.publish_now(site).unwrap()
}

fn sign(logs: &SiteLogs, site: &SiteId, note: &str, witness: u8, day: i64) {
    let text = &note[..=note.find("\n\n").unwrap()];
    let key = key_of(witness);
    let line = cosignature::cosign(text, &key.name, &SecretKey::from_seed(&[witness; 32]), 1_800_000_000).unwrap();
    logs.keep_cosigned(site, note, &line, &key, day * DAY).unwrap();
}

/// Leaves and cosignatures of the best note and of the newest.
fn kept(logs: &SiteLogs, site: &SiteId) -> [(u64, usize); 2] {
    let log = logs.log(site).unwrap();
    let log = lock(&log);
    [&log.cosigned.best, &log.cosigned.last].map(|kept| {
        let (checkpoint, note) = kept.as_ref().unwrap();
        (checkpoint.size, logs.witnesses().unwrap().count(note).len())
    })
}

#[test]
fn what_fewer_signed_takes_the_place_of_nothing_that_enough_did() {
    let disk = Arc::new(FakeDisk::default());
    let (logs, site) = open(&disk);
    logs.create_site(&site).unwrap();
    let first = grow(&logs, &site, 1);
    sign(&logs, &site, &first, 1, 20_000);
    sign(&logs, &site, &first, 2, 20_000);
    let second = grow(&logs, &site, 2);
    // By a clock that was set back: its file comes first by name.
    sign(&logs, &site, &second, 1, 19_000);
    let expected = [(1, 2), (2, 1)];
    assert_eq!(kept(&logs, &site), expected);
    let shown = logs.cosigned(&site).unwrap().unwrap();
    assert!(shown.is_witnessed() && shown.checkpoint.size == 1);
    // A start reads the same, and compares the log with the newest.
    let (logs, site) = open(&disk);
    assert_eq!(kept(&logs, &site), expected);
    let log = logs.log(&site).unwrap();
    let newest = newest(&*disk, &logs.0.key, &lock(&log)).unwrap();
    assert_eq!(Checkpoint::read_unverified(&newest).unwrap().size, 2);
    assert_eq!(files(&*disk, &lock(&log).folder).unwrap().len(), 3);
    // The second witness is back; what it signs gathers below the same note.
    sign(&logs, &site, &second, 2, 20_000);
    assert_eq!(kept(&logs, &site), [(2, 2), (2, 2)]);
    // A late answer about an old one changes nothing.
    sign(&logs, &site, &first, 1, 20_000);
    assert_eq!(kept(&logs, &site), [(2, 2), (2, 2)]);
    assert_eq!(logs.fsck(&site).unwrap().damage, []);
}
