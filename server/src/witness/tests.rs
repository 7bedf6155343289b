//! What counts as witnessed here.

use super::*;
use protocol::{Declaration, Digest, SecretKey, cosignature::cosign};

use crate::ingest::journal::{Body, Entry};
use crate::sitelog::LogKey;
use crate::storage::fake::FakeDisk;

fn operator(zh: &str) -> Operator {
    Operator { zh: zh.into(), en: String::new(), id: None }
}

fn witnesses(required: usize) -> Witnesses {
    let peer = |number: u8, zh: &str| {
        let key = SecretKey::from_seed(&[number; 32]).public();
        WitnessConfig {
            address: Address::parse("http://127.0.0.1:1").unwrap(),
            url: String::new(),
            key: WitnessKey::new(&format!("w{number}"), key).unwrap(),
            operator: operator(zh),
            ca: None,
        }
    };
    let list = vec![peer(1, "市计量院"), peer(2, "某云平台 公司"), peer(3, "市计量院"), peer(4, "促进中心")];
    Witnesses::new(Some(operator("某云平台公司")), list, required, Clock::new(|| 0)).unwrap()
}

fn witnessed(by: &[u8], required: usize) -> Witnessed {
    let checkpoint = Checkpoint { origin: "gz.example/works".into(), size: 5, root: Digest([1; 32]) };
    let mut note = checkpoint.sign("gz.example", &SecretKey::from_seed(&[9; 32])).unwrap();
    let text = note[..=note.find("\n\n").unwrap()].to_owned();
    for number in by {
        note += &cosign(&text, &format!("w{number}"), &SecretKey::from_seed(&[*number; 32]), 1_800_000_000).unwrap();
    }
    let by = witnesses(required).count(&note);
    Witnessed { note, checkpoint, by, required }
}

#[test]
fn other_bodies_count_once_each_and_enough_of_them_witness() {
    for (by, required, counted, enough) in [
        (&[][..], 0, 0, false),
        (&[1], 1, 1, true),
        (&[2], 1, 0, false),
        (&[2], 0, 0, false),
        (&[1, 2, 3], 2, 1, false),
        (&[1, 4], 2, 2, true),
        (&[1, 4], 3, 2, false),
    ] {
        let witnessed = witnessed(by, required);
        assert_eq!((witnessed.by.len(), witnessed.is_witnessed()), (counted, enough), "{by:?}, {required} required");
    }
    let site = "works".parse().unwrap();
    let shown: Vec<bool> = witnesses(1).peers(&site).iter().map(|peer| peer.counts).collect();
    assert_eq!(shown, [true, false, true, true], "the operator's own is shown as such");
}

fn grow(logs: &SiteLogs, site: &SiteId, lsn: u64) {
    let (kind, author, role) = ("note".into(), "a".into(), "operator".into());
    let body = serde_json::json!({});
    let statement = Declaration { kind, effective_from: 0, author, role, reason: String::new(), body };
    let body = Body::Declaration(statement.encode().unwrap());
    logs.integrate(&[Entry { lsn, site: site.clone(), received_ms: 0, body }]).unwrap();
}

#[tokio::test]
async fn asking_in_the_background_publishes_nothing_and_silences_no_alarm() {
    let key = LogKey::new("gz.test", SecretKey::from_seed(&[5; 32])).unwrap();
    let logs = SiteLogs::open(Arc::new(FakeDisk::default()), key, None).unwrap();
    let site: SiteId = "works".parse().unwrap();
    logs.create_site(&site).unwrap();
    let witnesses = witnesses(1);
    grow(&logs, &site, 1);
    assert!(witnesses.round(&logs, &site, false).await.is_err(), "nothing is published yet");
    let first = logs.publish_now(&site).unwrap();
    grow(&logs, &site, 2);
    let alarm = Standing::Refused { theirs: 1, ours: 1 };
    let held = Held { standing: alarm.clone(), last: alarm.clone() };
    lock(&witnesses.0.held).insert(site.clone(), vec![held]);
    assert_eq!(witnesses.round(&logs, &site, false).await.unwrap(), first);
    assert_eq!(logs.checkpoint(&site).unwrap(), Some(first));
    // Nobody answers.
    let standings: Vec<Standing> = witnesses.peers(&site).into_iter().map(|peer| peer.standing).collect();
    assert_eq!(standings[0], alarm);
    assert!(matches!(standings[1], Standing::Failed { .. }));
    // Nor is the one that gave the alarm asked every time: it waits as any other, and is still alarmed.
    let attempts = || match witnesses.held(&site, 0).last {
        Standing::Failed { attempts, known, .. } => (attempts, known),
        other => panic!("{other:?}"),
    };
    assert_eq!(attempts(), (1, Some(1)));
    witnesses.round(&logs, &site, false).await.unwrap();
    assert_eq!(attempts(), (1, Some(1)), "the pause is not over");
    let asked_for = witnesses.round(&logs, &site, true).await.unwrap();
    assert_eq!(Checkpoint::read_unverified(&asked_for).unwrap().size, 2);
    assert_eq!((attempts(), witnesses.held(&site, 0).standing), ((2, Some(1)), alarm), "somebody waits for it");
}
