//! Golden bytes: what the formats looked like when `docs/formats.md` was written. A change here is a new format version.
//!
//! `GONGZHENG_WRITE_VECTORS=1 cargo test -p gongzheng-protocol --test vectors` writes new files; existing ones are never changed.

use std::{fs, path::PathBuf};

use protocol::{
    Batch, BootId, ChainId, ChainStart, ChainStartCause, Clock, Configuration, Content, Declaration, Digest, Event,
    Gap, GapCause, GapStart, Header, KeyChange, Kind, Leaf, LeafBody, Lost, LostCause, Quality, Reading, Receipt,
    Record, Refusal, RefusalReason, SecretKey, ServerMessage, StateMessage, StateValue, SyncState, Value, ValueType,
    carry::{Cargo, End, Head, Piece, Reader, Writer},
    content::{CounterConfig, DeviceConfig, Ratio, TagConfig},
    cosignature::{WitnessKey, attach, cosign},
    note::{Checkpoint, VerifierKey},
    proof::{ConsistencyProof, InclusionProof},
    tree,
};

fn golden(name: &str, bytes: &[u8]) -> Vec<u8> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("vectors").join(name);
    if !path.exists() && std::env::var_os("GONGZHENG_WRITE_VECTORS").is_some() {
        fs::write(&path, bytes).expect("write the vector");
    }
    fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

fn gateway() -> SecretKey {
    SecretKey::from_seed(&[1; 32])
}

fn log() -> SecretKey {
    SecretKey::from_seed(&[2; 32])
}

fn configuration() -> Configuration {
    Configuration {
        format: 1,
        devices: vec![DeviceConfig {
            id: "press".parse().expect("name"),
            protocol: "modbus_tcp".into(),
            address: "192.0.2.7:502 unit 1".into(),
            profile: None,
        }],
        tags: vec![
            TagConfig {
                id: "press/state".parse().expect("name"),
                value_type: ValueType::U64,
                unit: String::new(),
                scale: Ratio::ONE,
                role: "state".into(),
                interval_ms: 1000,
                address: "holding 0 u16".into(),
                counter: None,
            },
            TagConfig {
                id: "press/energy".parse().expect("name"),
                value_type: ValueType::U64,
                unit: "kWh".into(),
                scale: Ratio { num: 1, den: 100 },
                role: "energy".into(),
                interval_ms: 1000,
                address: "holding 8 u32".into(),
                counter: Some(CounterConfig { modulus: Some(4_294_967_296), max_per_hour: 20_000 }),
            },
        ],
    }
}

fn batch() -> Batch {
    let reading = |tag, boot_ms, value, quality, source_ms| Reading { tag, boot_ms, value, quality, source_ms };
    Batch::from_readings(
        [
            reading(0, 1000, Value::U64(4), Quality::Good, None),
            reading(0, 2000, Value::U64(4), Quality::Uncertain, None),
            reading(1, 1000, Value::U64(u64::MAX), Quality::Good, None),
            reading(1, 2000, Value::U64(1), Quality::Good, None),
            reading(2, 1500, Value::F32(-0.5), Quality::Good, Some(1_780_000_001_490)),
            reading(3, 1500, Value::F64(12.25), Quality::Bad, None),
            reading(4, 1500, Value::Text("程序 O1001".into()), Quality::Good, None),
            reading(5, 1500, Value::Bool(true), Quality::Good, None),
            reading(6, 1500, Value::I64(-273), Quality::Good, None),
        ],
        vec![
            Gap {
                tag: None,
                from: GapStart { boot: Some(BootId([8; 16])), boot_ms: 99_000 },
                to_boot_ms: 1000,
                cause: GapCause::UncleanBoot,
            },
            Gap {
                tag: Some(1),
                from: GapStart { boot: None, boot_ms: 1000 },
                to_boot_ms: 2000,
                cause: GapCause::DeviceSilent,
            },
        ],
        vec![Event { boot_ms: 900, kind: "started".into(), subject: "".into(), value: 0, detail: "0.1.0".into() }],
    )
}

fn header(kind: Kind, sequence: u64, previous: Digest) -> Header {
    Header {
        kind,
        site: "site-1".parse().expect("name"),
        gateway: "gw-1".parse().expect("name"),
        chain: ChainId([7; 16]),
        sequence,
        previous,
        content_digest: Digest::ZERO,
        content_length: 0,
        readings: if kind == Kind::Batch { 9 } else { 0 },
        configuration: Digest::ZERO,
        agent_version: "0.1.0".into(),
        clock: Clock {
            boot_id: BootId([9; 16]),
            boot_ms: 2500,
            wall_ms: 1_780_000_002_500,
            sync: SyncState::Synchronised,
            error_ms: 3,
            server: None,
            simulated: false,
        },
        first_ms: 900,
        last_ms: 2000,
    }
}

#[test]
fn contents_decode_to_what_they_were() {
    let start = ChainStart { cause: ChainStartCause::OldImage, old: Some((ChainId([6; 16]), 41, Digest([5; 32]))) };
    let lost = Lost {
        from: 3,
        to: 5,
        cause: LostCause::Damaged,
        previous: Digest([1; 32]),
        next: Digest([2; 32]),
        receipt: vec![],
    };
    for (name, content) in [
        ("batch.bin", Content::Batch(batch())),
        ("configuration.bin", Content::Configuration(configuration())),
        ("chain-start.bin", Content::ChainStart(start)),
        ("lost.bin", Content::Lost(lost)),
        ("key-change.bin", Content::KeyChange(KeyChange::new(&log()))),
    ] {
        let bytes = golden(name, &content.encode().expect("small"));
        assert_eq!(Content::decode(content.kind(), &bytes).expect(name), content, "{name}");
    }
}

#[test]
fn a_chain_of_three_records_holds_together() {
    let mut previous = Digest::ZERO;
    let contents = [
        Content::ChainStart(ChainStart { cause: ChainStartCause::First, old: None }),
        Content::Configuration(configuration()),
        Content::Batch(batch()),
    ];
    for (sequence, content) in contents.into_iter().enumerate() {
        let name = format!("record-{sequence}.bin");
        let made = Record::sign(
            header(content.kind(), sequence as u64, previous),
            content.encode().expect("small"),
            &gateway(),
        );
        let bytes = golden(&name, &made.expect("sign").encode());
        let record = Record::decode(&bytes).expect("golden");
        record.verify(&gateway().public()).expect("golden signature");
        assert_eq!(record.encode(), bytes, "{name}");
        assert_eq!(record.header().previous, previous, "{name}");
        assert_eq!(record.content().expect("golden"), content, "{name}");
        previous = record.digest();
    }
}

#[test]
fn server_messages_and_state_keep_their_bytes() {
    let receipt = ServerMessage::Receipt(Receipt {
        site: "site-1".parse().expect("name"),
        gateway: "gw-1".parse().expect("name"),
        through: Some((ChainId([7; 16]), 2, Digest([3; 32]))),
        log_epoch: 1,
        server_ms: 1_780_000_003_000,
        checkpoint: "log.example/site-1\n".into(),
        logged: Some(1),
    });
    let refusal = ServerMessage::Refusal(Refusal {
        site: "site-1".parse().expect("name"),
        gateway: "gw-1".parse().expect("name"),
        chain: ChainId([7; 16]),
        sequence: 3,
        digest: Digest([4; 32]),
        reason: RefusalReason::Conflict,
        retry: false,
        server_ms: 1_780_000_003_000,
        number: 0,
        detail: "another record holds this place".into(),
    });
    let ServerMessage::Refusal(mut numbered) = refusal.clone() else { unreachable!() };
    (numbered.reason, numbered.number) = (RefusalReason::TooLarge, 263_041);
    numbered.detail = "record is 263041 bytes long; at most 263040 are allowed".into();
    let numbered = ServerMessage::Refusal(numbered);
    for (name, message) in [("receipt.bin", receipt), ("refusal.bin", refusal), ("refusal-number.bin", numbered)] {
        let bytes = golden(name, &message.sign(&log()));
        assert_eq!(ServerMessage::verify(&bytes, &log().public()).expect(name), message);
        assert_eq!(message.sign(&log()), bytes, "{name}");
    }
    let state = StateMessage {
        boot_ms: 5,
        wall_ms: 6,
        backlog_records: 7,
        backlog_bytes: 8,
        values: vec![StateValue {
            tag: "press/state".parse().expect("name"),
            value: "4".into(),
            age_ms: 9,
            quality: Quality::Good,
        }],
    };
    assert_eq!(StateMessage::decode(&golden("state.bin", &state.encode())).expect("golden"), state);
}

/// The words of a refusal fit whatever they are written in, and are never cut inside a character.
#[test]
fn the_detail_of_a_refusal_is_cut_at_512_bytes_between_characters() {
    for (letter, kept) in [("x", 512), ("仓", 510), ("𠮷", 512)] {
        let refusal = Refusal {
            site: "site-1".parse().expect("name"),
            gateway: "gw-1".parse().expect("name"),
            chain: ChainId([7; 16]),
            sequence: 3,
            digest: Digest([4; 32]),
            reason: RefusalReason::Malformed,
            retry: false,
            server_ms: 1_780_000_003_000,
            number: 0,
            detail: letter.repeat(600),
        };
        let signed = ServerMessage::Refusal(refusal).sign(&log());
        let ServerMessage::Refusal(read) = ServerMessage::verify(&signed, &log().public()).expect("valid") else {
            panic!("not a refusal")
        };
        assert_eq!(read.detail, letter.repeat(kept / letter.len()));
    }
}

#[test]
fn a_log_of_three_leaves_keeps_its_bytes_and_its_checkpoint() {
    let declaration = Declaration {
        kind: "cycle_time".into(),
        effective_from: 1_780_000_000_000,
        author: "u-1".into(),
        role: "enterprise".into(),
        reason: "铭牌节拍\n".into(),
        body: serde_json::json!({"machine": "press", "ms": 4800, "\u{20ac}": null, "\r": true}),
    };
    let canonical = golden("declaration.json", &declaration.encode().expect("small"));
    assert_eq!(Declaration::decode(&canonical).expect("golden"), declaration);
    let start = Content::ChainStart(ChainStart { cause: ChainStartCause::First, old: None }).encode().expect("small");
    let record = Record::sign(header(Kind::ChainStart, 0, Digest::ZERO), start, &gateway()).expect("sign");
    let epoch = LeafBody::Epoch {
        epoch: 1,
        old_size: 9,
        old_root: Digest([1; 32]),
        restored_size: 2,
        cause: "restored".into(),
    };
    let leaves = [
        Leaf::record(1_780_000_003_000, &record),
        Leaf::declaration(1_780_000_004_000, "cycle_time", &canonical),
        Leaf { received_ms: 1_780_000_005_000, body: epoch },
    ];
    let encoded: Vec<Vec<u8>> = leaves.iter().map(|l| l.encode().expect("small")).collect();
    let bundle = golden("entries.bin", &tree::encode_entries(encoded.iter().map(Vec::as_slice)).expect("small"));
    let back: Vec<Leaf> =
        tree::decode_entries(&bundle).expect("golden").into_iter().map(|l| Leaf::decode(l).expect("golden")).collect();
    // The record's content is zstd, whose bytes may differ between versions: compare what it means.
    assert_eq!(back[1..], leaves[1..]);
    let hashes: Vec<Digest> = tree::decode_entries(&bundle).expect("golden").into_iter().map(tree::leaf_hash).collect();
    let checkpoint = Checkpoint { origin: "log.example/site-1".into(), size: 3, root: tree::root(&hashes) };
    let note = golden("checkpoint", checkpoint.sign("log.example", &log()).expect("sign").as_bytes());
    let verifier = VerifierKey::new("log.example", log().public()).expect("name");
    assert_eq!(golden("verifier-key.txt", verifier.to_string().as_bytes()), verifier.to_string().as_bytes());
    let note = String::from_utf8(note).expect("text");
    assert_eq!(Checkpoint::verify(&note, &verifier).expect("golden"), checkpoint);
}

/// A record that contradicts another, as the log keeps it.
#[test]
fn a_quarantine_leaf_keeps_its_bytes() {
    let record = Record::decode(&golden("record-1.bin", &[])).expect("golden");
    let leaf = Leaf::quarantine(1_780_000_006_000, &record);
    let bytes = golden("quarantine-leaf.bin", &leaf.encode().expect("small"));
    assert_eq!(leaf.encode().expect("small"), bytes);
    assert_eq!(Leaf::decode(&bytes).expect("golden"), leaf);
}

/// What a witness signs and is asked, and the proof of one leaf, over the log of three leaves above.
#[test]
fn a_cosigned_checkpoint_and_its_proofs_keep_their_bytes() {
    let note = String::from_utf8(golden("checkpoint", &[])).expect("text");
    let bundle = golden("entries.bin", &[]);
    let leaves = tree::decode_entries(&bundle).expect("golden");
    let hashes: Vec<Digest> = leaves.iter().map(|leaf| tree::leaf_hash(leaf)).collect();
    let key = SecretKey::from_seed(&[3; 32]);
    let witness = WitnessKey::new("witness.example/logs", key.public()).expect("name");
    let text = &note[..=note.find("\n\n").expect("a blank line")];
    let line = cosign(text, &witness.name, &key, 1_780_000_060).expect("cosigns");
    let cosigned = attach(&note, &line, &witness).expect("holds").0;
    let inclusion = InclusionProof {
        leaf: Some(leaves[1].to_vec()),
        index: 1,
        hashes: tree::inclusion_proof(&hashes, 1),
        note: cosigned.clone(),
    };
    let consistency = ConsistencyProof { old: 2, hashes: tree::consistency_proof(&hashes, 2), note };
    for (name, text) in [
        ("witness-key.txt", witness.to_string()),
        ("checkpoint-cosigned", cosigned),
        ("leaf.tlog-proof", inclusion.encode()),
        ("add-checkpoint", consistency.encode()),
    ] {
        assert_eq!(String::from_utf8(golden(name, text.as_bytes())).expect("text"), text, "{name}");
    }
}

#[test]
fn files_on_a_stick() {
    let message = golden("receipt.bin", &[]);
    let head = Head {
        site: "site-1".parse().expect("name"),
        gateway: "gw-1".parse().expect("name"),
        cargo: Cargo::Records { chain: ChainId([7; 16]), first: 41, last: 42 },
    };
    for (name, cargo) in [("carry-records.bin", head.cargo), ("carry-receipts.bin", Cargo::Receipts {})] {
        let head = Head { cargo, ..head.clone() };
        let mut writer = Writer::new(Vec::new(), &head).expect("written");
        writer.message(&message).expect("written");
        let bytes = writer.finish().expect("written");
        let kept = golden(name, &bytes);
        assert_eq!(kept, bytes, "{name}");
        let mut reader = Reader::open(kept.as_slice()).expect("read").expect("a head").expect("whole");
        assert_eq!(*reader.head(), head);
        assert_eq!(reader.next_piece().expect("read"), Piece::Message(message.clone()));
        assert_eq!(reader.next_piece().expect("read"), Piece::End(End::Whole));
    }
}
