//! What counts as witnessed here.

use super::*;
use protocol::{Digest, SecretKey, cosignature::cosign};

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
