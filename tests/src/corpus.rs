//! Every decoder that takes bytes from a stranger, each with well-formed inputs to damage. One table for the mutation test
//! (`tests/tests/mutate.rs`, minutes of CI) and the fuzz targets (`tests/fuzz`, hours at a desk), so that neither rots.
//! What the fuzzer found worth keeping lies in `tests/fuzz/corpus`, a folder a decoder.
//!
//! A decoder here returns nothing: refusing is fine, accepting is fine, panicking or allocating without bound is not.

// The paths are written out because the fuzz targets include this file from elsewhere.
#[path = "corpus/acquisition.rs"]
mod acquisition;
#[path = "corpus/import.rs"]
mod import;
#[path = "corpus/opcua.rs"]
mod opcua;
#[path = "corpus/witness.rs"]
mod witness;

use std::sync::OnceLock;

use protocol::{
    Batch, BootId, ChainId, ChainStart, ChainStartCause, Clock, Configuration, Content, Declaration, Digest, Event,
    Gap, GapCause, GapStart, Header, KeyChange, Kind, Leaf, Lost, LostCause, Quality, Reading, Receipt, Record,
    SecretKey, ServerMessage, StateMessage, StateValue, SyncState, Value, bundle, carry, note, topic, tree,
};
use server::evaluate::plan::PlanFile;
use server::evaluate::rows::Limits;
use server::evaluate::{csv, evaluate};

/// One decoder and what it is fed.
pub struct Decoder {
    /// Name, also that of the fuzz target.
    pub name: &'static str,
    /// Takes any bytes.
    pub run: fn(&[u8]),
    /// Well-formed inputs.
    pub corpus: fn() -> Vec<Vec<u8>>,
}

/// What machines, meters and modems send, and the files that say how to read them. Each has a committed corpus.
pub const OF_MACHINES: &[Decoder] = &[
    Decoder { name: "modbus_decode", run: acquisition::run_modbus_decode, corpus: acquisition::modbus_values },
    Decoder { name: "modbus_rtu", run: acquisition::run_modbus_rtu, corpus: acquisition::modbus_frames },
    Decoder { name: "modbus_tcp", run: acquisition::run_modbus_tcp, corpus: acquisition::modbus_tcp_frames },
    Decoder { name: "dlt645", run: acquisition::run_dlt645, corpus: acquisition::dlt645_answers },
    Decoder { name: "dtu", run: acquisition::run_dtu, corpus: acquisition::dtu_streams },
    Decoder { name: "agent_config", run: acquisition::run_agent_config, corpus: acquisition::agent_configs },
    Decoder { name: "profile", run: acquisition::run_profile, corpus: acquisition::profiles },
    Decoder { name: "fingerprint", run: acquisition::run_fingerprint, corpus: acquisition::scan_answers },
    Decoder { name: "opcua_value", run: opcua::run_opcua_value, corpus: opcua::opcua_values },
    Decoder { name: "opcua_browse", run: opcua::run_opcua_browse, corpus: opcua::opcua_spaces },
    Decoder { name: "opcua_endpoint", run: opcua::run_opcua_endpoint, corpus: opcua::opcua_endpoints },
];

/// What gateways, servers and people send and keep.
pub const OF_EVIDENCE: &[Decoder] = &[
    Decoder { name: "record", run: run_record, corpus: records },
    Decoder {
        name: "header",
        run: run_header,
        corpus: || decoded_records().iter().map(|r| r.header_bytes().to_vec()).collect(),
    },
    Decoder { name: "content", run: run_content, corpus: contents },
    Decoder { name: "batch", run: run_batch, corpus: plain_batches },
    Decoder { name: "configuration", run: run_configuration, corpus: || vec![configuration_json()] },
    Decoder { name: "server_message", run: run_server_message, corpus: server_messages },
    Decoder { name: "state_message", run: |b| drop(StateMessage::decode(b)), corpus: || vec![state().encode()] },
    Decoder { name: "carry", run: run_carry, corpus: carry_files },
    Decoder { name: "leaf", run: |b| drop(Leaf::decode(b)), corpus: leaves },
    Decoder { name: "entries", run: |b| drop(tree::decode_entries(b).map(|e| e.len())), corpus: entries },
    Decoder { name: "declaration", run: |b| drop(Declaration::decode(b)), corpus: || vec![declaration()] },
    Decoder { name: "note", run: run_note, corpus: || vec![checkpoint().into_bytes()] },
    Decoder { name: "proof", run: witness::run_proof, corpus: witness::proofs },
    Decoder { name: "cosigned", run: witness::run_cosigned, corpus: witness::cosigned_notes },
    Decoder { name: "witness_finding", run: witness::run_finding, corpus: witness::findings },
    Decoder { name: "topic", run: run_topic, corpus: || vec![b"gz/v1/site-1/gw-1/record".to_vec()] },
    Decoder { name: "bundle", run: run_bundle, corpus: || vec![archive()] },
    Decoder { name: "plan_file", run: run_plan_file, corpus: || vec![PLAN_FILE.into()] },
    Decoder { name: "readings_csv", run: run_readings_csv, corpus: readings_csv },
    Decoder { name: "declarations_table", run: import::run_import, corpus: import::tables },
];

/// Every decoder.
pub fn decoders() -> impl Iterator<Item = &'static Decoder> {
    OF_MACHINES.iter().chain(OF_EVIDENCE)
}

/// The decoder of this name.
///
/// # Panics
/// When there is none.
pub fn decoder(name: &str) -> &'static Decoder {
    decoders().find(|d| d.name == name).unwrap_or_else(|| panic!("no decoder {name}"))
}

/// One step of a fuzz target: `bytes` to the decoder of this name. A run begins with the empty input; the well-formed ones go
/// in with it, so that no run is without them.
///
/// # Panics
/// When there is no such decoder, or it does.
pub fn fuzz(name: &str, bytes: &[u8]) {
    let decoder = decoder(name);
    if bytes.is_empty() {
        (decoder.corpus)().iter().for_each(|input| (decoder.run)(input));
    }
    (decoder.run)(bytes);
}

fn run_record(bytes: &[u8]) {
    let Ok(record) = Record::decode(bytes) else { return };
    let _ = record.verify(&key().public());
    let _ = record.content();
    assert_eq!(Record::decode(&record.encode()).as_ref(), Ok(&record), "a record decodes to what it encodes");
}

fn run_header(bytes: &[u8]) {
    if let Ok(header) = Header::decode(bytes) {
        let again = header.encode().map(|b| Header::decode(&b));
        assert_eq!(again, Ok(Ok(header)), "a header decodes to what it encodes");
    }
}

fn run_content(bytes: &[u8]) {
    for kind in [Kind::Batch, Kind::Configuration, Kind::Lost, Kind::ChainStart, Kind::KeyChange] {
        let _ = Content::decode(kind, bytes);
    }
}

fn run_batch(bytes: &[u8]) {
    if let Ok(batch) = Batch::decode_plain(bytes) {
        assert_eq!(batch.readings().count(), batch.len());
        let _ = batch.span();
    }
}

/// A configuration travels compressed; here the JSON is damaged before it is compressed, which reaches further in.
fn run_configuration(bytes: &[u8]) {
    if let Ok(content) = protocol::content::compress(bytes) {
        let _ = Content::decode(Kind::Configuration, &content);
    }
}

fn run_server_message(bytes: &[u8]) {
    let _ = ServerMessage::verify(bytes, &key().public());
}

fn run_carry(bytes: &[u8]) {
    let Ok(Ok(Some(mut reader))) = carry::Reader::open(bytes) else { return };
    let end = loop {
        match reader.next_piece().expect("memory does not fail") {
            carry::Piece::Message(message) => assert!(message.len() <= protocol::record::RECORD_MAX),
            carry::Piece::End(end) => break end,
        }
    };
    let read_all = reader.digest() == protocol::sha256(bytes);
    assert!(end == carry::End::Damaged || read_all, "bytes that nobody read");
}

fn carry_files() -> Vec<Vec<u8>> {
    let cargos = [
        (carry::Cargo::Records { chain: ChainId([7; 16]), first: 0, last: 5 }, records()),
        (carry::Cargo::Receipts {}, server_messages()),
    ];
    let written = cargos.map(|(cargo, messages)| {
        let (site, gateway) = ("site-1".parse().expect("name"), "gw-1".parse().expect("name"));
        let mut writer = carry::Writer::new(Vec::new(), &carry::Head { site, gateway, cargo }).expect("memory");
        messages.iter().for_each(|message| writer.message(message).expect("memory"));
        writer.finish().expect("memory")
    });
    written.into()
}

fn run_note(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    if let Ok(key) = note::VerifierKey::new("server", key().public()) {
        let _ = note::verify(&text, &key);
        let _ = note::Checkpoint::verify(&text, &key);
    }
    let _ = note::Checkpoint::read_unverified(&text);
    let _ = note::Checkpoint::parse(&text);
    let _ = note::VerifierKey::parse(&text);
}

fn run_topic(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    if let Ok(parsed) = topic::Topic::parse(&text) {
        assert_eq!(parsed.to_string(), text, "a topic that parses is exactly the one it names");
    }
}

fn run_plan_file(bytes: &[u8]) {
    drop(PlanFile::parse(&String::from_utf8_lossy(bytes), "plan.toml"));
}

/// Whatever a file says is read or refused, and what is read is evaluated.
fn run_readings_csv(bytes: &[u8]) {
    static PLAN: OnceLock<PlanFile> = OnceLock::new();
    let plan = PLAN.get_or_init(|| PlanFile::parse(PLAN_FILE, "plan.toml").expect("the plan is whole"));
    let limits = Limits { line_bytes: 200, ..Limits::default() };
    if let Ok(readings) = csv::read("r.csv", bytes, &plan.table, &plan.dialect, limits) {
        let evaluated = evaluate(plan, &readings).expect("what was read can be evaluated");
        evaluated.report.to_json().expect("and printed");
    }
}

fn run_bundle(bytes: &[u8]) {
    let manifest = bundle::read(bytes).ok().and_then(|mut files| files.remove("manifest.json"));
    if let Some(manifest) = manifest {
        drop(bundle::read_manifest(manifest.as_slice(), |_| {}));
    }
}

fn key() -> SecretKey {
    SecretKey::from_seed(&[7; 32])
}

fn header(kind: Kind, sequence: u64) -> Header {
    Header {
        kind,
        site: "site-1".parse().expect("a site id"),
        gateway: "gw-1".parse().expect("a gateway id"),
        chain: ChainId([3; 16]),
        sequence,
        previous: protocol::sha256(&sequence.to_be_bytes()),
        content_digest: Digest::ZERO,
        content_length: 0,
        readings: 3,
        configuration: protocol::sha256(b"configuration"),
        agent_version: "0.1.0".into(),
        clock: Clock {
            boot_id: BootId([9; 16]),
            boot_ms: 12_345_678,
            wall_ms: 1_790_000_000_000,
            sync: SyncState::Synchronised,
            error_ms: 40,
            server: None,
            simulated: false,
        },
        first_ms: 12_340_000,
        last_ms: 12_345_000,
    }
}

fn batch() -> Batch {
    let reading = |tag: u32, i: i64, value: Value| Reading {
        tag,
        boot_ms: 12_340_000 + i * 1000,
        value,
        quality: if i == 2 { Quality::Uncertain } else { Quality::Good },
        source_ms: (tag == 3).then_some(1_790_000_000_000 + i),
    };
    let readings = (0..5_i64).flat_map(|i| {
        [
            reading(0, i, Value::U64(100 + i.unsigned_abs())),
            reading(1, i, Value::I64(-i)),
            reading(2, i, Value::F32(0.5)),
            reading(3, i, Value::F64(1.25)),
            reading(4, i, Value::Text("O1001".into())),
            reading(5, i, Value::Bool(i % 2 == 0)),
        ]
    });
    let gap = Gap {
        tag: Some(1),
        from: GapStart { boot: Some(BootId([8; 16])), boot_ms: 1000 },
        to_boot_ms: 12_340_000,
        cause: GapCause::UncleanBoot,
    };
    let event = Event {
        boot_ms: 12_340_000,
        kind: "started".into(),
        subject: "".into(),
        value: 0,
        detail: "agent 0.1.0".into(),
    };
    Batch::from_readings(readings, vec![gap], vec![event])
}

fn configuration_json() -> Vec<u8> {
    let json = serde_json::json!({
        "format": 1,
        "devices": [{"id": "press", "protocol": "modbus_tcp", "address": "127.0.0.1:502 unit 1"}],
        "tags": [{
            "id": "press/energy", "value_type": "u64", "unit": "kWh", "scale": {"num": 1, "den": 100}, "role": "energy",
            "interval_ms": 1000, "address": "holding 8 u32 big", "counter": {"modulus": 4_294_967_296_i64, "max_per_hour": 100_000}
        }]
    });
    protocol::canonical_json(&json).expect("canonical JSON")
}

fn all_contents() -> Vec<Content> {
    let configuration: Configuration = serde_json::from_slice(&configuration_json()).expect("a configuration");
    vec![
        Content::Batch(batch()),
        Content::Configuration(configuration),
        Content::Lost(Lost {
            from: 4,
            to: 9,
            cause: LostCause::Damaged,
            previous: protocol::sha256(b"3"),
            next: protocol::sha256(b"9"),
            receipt: Vec::new(),
        }),
        Content::ChainStart(ChainStart {
            cause: ChainStartCause::TailDamaged,
            old: Some((ChainId([1; 16]), 77, protocol::sha256(b"77"))),
        }),
        Content::KeyChange(KeyChange::new(&SecretKey::from_seed(&[5; 32]))),
    ]
}

fn contents() -> Vec<Vec<u8>> {
    all_contents().iter().map(|c| c.encode().expect("a content encodes")).collect()
}

fn plain_batches() -> Vec<Vec<u8>> {
    vec![batch().encode_plain().expect("a batch encodes")]
}

fn decoded_records() -> Vec<Record> {
    all_contents()
        .iter()
        .zip(0..)
        .map(|(content, sequence)| {
            let bytes = content.encode().expect("a content encodes");
            Record::sign(header(content.kind(), sequence), bytes, &key()).expect("a record is signed")
        })
        .collect()
}

fn records() -> Vec<Vec<u8>> {
    decoded_records().iter().map(Record::encode).collect()
}

fn server_messages() -> Vec<Vec<u8>> {
    let receipt = Receipt {
        site: "site-1".parse().expect("a site id"),
        gateway: "gw-1".parse().expect("a gateway id"),
        through: Some((ChainId([3; 16]), 12, protocol::sha256(b"12"))),
        log_epoch: 0,
        server_ms: 1_790_000_000_000,
        checkpoint: checkpoint(),
        logged: Some(10),
    };
    vec![ServerMessage::Receipt(receipt).sign(&key())]
}

fn state() -> StateMessage {
    StateMessage {
        boot_ms: 1,
        wall_ms: 2,
        backlog_records: 3,
        backlog_bytes: 4,
        values: vec![StateValue {
            tag: "press/good".parse().expect("a tag id"),
            value: "17".into(),
            age_ms: 300,
            quality: Quality::Good,
        }],
    }
}

fn declaration() -> Vec<u8> {
    Declaration {
        kind: "cycle_time".into(),
        effective_from: 1_790_000_000_000,
        author: "u-1".into(),
        role: "factory".into(),
        reason: "铭牌".into(),
        body: serde_json::json!({"machine": "press", "product": "*", "ms": 4000}),
    }
    .encode()
    .expect("a declaration encodes")
}

fn leaves() -> Vec<Vec<u8>> {
    let mut leaves: Vec<Leaf> = decoded_records().iter().map(|r| Leaf::record(1_790_000_000_001, r)).collect();
    leaves.push(Leaf::declaration(1_790_000_000_002, "cycle_time", &declaration()));
    leaves.iter().map(|l| l.encode().expect("a leaf encodes")).collect()
}

fn entries() -> Vec<Vec<u8>> {
    let leaves = leaves();
    vec![tree::encode_entries(leaves.iter().map(Vec::as_slice)).expect("entries encode")]
}

fn checkpoint() -> String {
    note::Checkpoint { origin: "demo/site-1".into(), size: 17, root: protocol::sha256(b"root") }
        .sign("server", &key())
        .expect("a checkpoint is signed")
}

fn archive() -> Vec<u8> {
    let mut files = bundle::Files::new();
    files.insert("checkpoint".into(), checkpoint().into_bytes());
    files.insert("report.json".into(), b"{}".to_vec());
    files.insert("contents/00".into(), vec![1, 2, 3]);
    bundle::write("site-1", "demo/site-1", 17, &files).expect("a bundle is written")
}

/// A small plan file for files of readings.
const PLAN_FILE: &str = r#"version = 1
readings = { zone = "Asia/Shanghai", ignore = ["p/x"] }
evaluate = { period = [{ name = "a", from = 2026-03-02, to = 2026-03-02 }] }
site = { names = { zh = "厂", en = "Works" }, zone = "Asia/Shanghai" }
calendar = { shifts = [{ shift = "day", start = 08:00, end = 16:00, weekdays = [1] }] }
cycle_time = { machine = "p", item_us = 2_000_000, effective_from = 2026-03-01 }
[[machine]]
machine = "p"
names = { zh = "", en = "" }
signals = { run = { tag = "p/run" }, good = { tag = "p/good" }, product = { tag = "p/part" }, power = { tag = "p/kw" } }
state_rule = { run_bit = { run_value = 1, otherwise = "idle" } }
[[tag]]
id = "p/run"
type = "bool"
interval_ms = 600_000
[[tag]]
id = "p/good"
type = "u64"
interval_ms = 600_000
counter = { modulus = 65536, max_per_hour = 3600 }
[[tag]]
id = "p/part"
type = "text"
interval_ms = 600_000
[[tag]]
id = "p/kw"
type = "f32"
scale = { num = -3, den = 7 }
interval_ms = 600_000
"#;

fn readings_csv() -> Vec<Vec<u8>> {
    let long = "\u{feff}time,tag,value,quality\r\n2026-03-02 08:00:00,p/run,1,good\r\n2026-03-02T08:10:00+08:00,p/good,65530,\r\n\
        2026-03-02 08:20:00.5,p/good,4,good\r\n2026-03-02 08:10:00,p/part,\"a,\"\"b\"\"\",good\r\n2026-03-02 08:10:00,p/kw,,bad\r\n\
        2026-03-02 08:30:00,p/run,0,uncertain\r\n";
    let wide = "time;p/run;p/good;p/x\n2026-03-02 08:00:00;1;7;\n2026-03-02 09:00:00;0;1e2;x\n\n2026-03-02 10:00:00;true;300;\n";
    vec![long.into(), wide.into()]
}
