//! The decoders of what machines, meters and modems send, and of the files that say how to read them. OPC UA is beside this, in `opcua`.

use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use agent::config::Config;
use agent::config::device::Carrier;
use agent::locale::Lang;
use agent::profile::fingerprint::{self, Answers, Outcome};
use agent::profile::{self, Profile};
use agent::source::dlt645::{frame, value};
use agent::source::dtu;
use agent::source::failure::Failure;
use agent::source::modbus::client::{Ask, Connection, Payload};
use agent::source::modbus::decode::{self, Charset, Encoding, Order, ScaleRegister};
use agent::source::modbus::plan::{Area, Request};
use agent::source::modbus::rtu::{self, Answer, Question};
use agent::source::stream::{Dial, Opening, Stream};
use tokio::io::{AsyncWriteExt as _, DuplexStream};
use tokio::runtime::{Builder, Runtime};

/// What a meter's line delivers, against one question: as it is, and as what follows the meter's number in a frame that is right otherwise.
pub(super) fn run_dlt645(bytes: &[u8]) {
    for received in [bytes, &meter_frame(bytes)] {
        let (answer, judged) = frame::judge(received, &meter_question());
        assert!(judged <= received.len());
        if let frame::Answer::Data(data) = answer {
            for (_, kind) in value::Kind::NAMES {
                if let Ok(value) = value::decode(&data, kind, u8::try_from(data.len()).unwrap_or(u8::MAX)) {
                    assert_eq!(value.value_type(), kind.value_type(), "a value is of the type the evidence states");
                }
            }
        }
    }
}

/// A frame of the meter that is asked, around control code, length and data.
fn meter_frame(body: &[u8]) -> Vec<u8> {
    let frame = [&[0x68, 0x78, 0x56, 0x34, 0x12, 0x00, 0x00, 0x68], body].concat();
    let sum = frame.iter().fold(0u8, |sum, byte| sum.wrapping_add(*byte));
    [&[0xFE, 0xFE][..], &frame, &[sum, 0x16]].concat()
}

fn meter_question() -> frame::Question {
    frame::Question { meter: frame::Meter::parse("000012345678").expect("a number"), di: frame::Di([0, 1, 0, 0]) }
}

/// 123456.78 kWh, and "no such data".
pub(super) fn dlt645_answers() -> Vec<Vec<u8>> {
    let bodies: [&[u8]; 2] = [&[0x91, 0x08, 0x33, 0x33, 0x34, 0x33, 0xAB, 0x89, 0x67, 0x45], &[0xD1, 0x01, 0x35]];
    bodies.iter().map(|body| meter_frame(body)).collect()
}

/// What a DTU delivers: who it says it is, then heartbeats around the answer of a meter. The first byte says how long the heartbeat is.
pub(super) fn run_dtu(bytes: &[u8]) {
    let Some((size, rest)) = bytes.split_first() else { return };
    let (heartbeat, received) = rest.split_at(usize::from(size % 8).min(rest.len()));
    dtu::recognise(received, [b"press-dtu-01".as_slice()]);
    let (skipped, (_, judged)) = dtu::likeliest(received, heartbeat, |bytes| {
        let judged = frame::judge(bytes, &meter_question());
        (judged.0.fate(), judged)
    });
    assert!(skipped + judged <= received.len());
}

pub(super) fn dtu_streams() -> Vec<Vec<u8>> {
    let around = |answer: Vec<u8>| [b"\x04beatbeatbeat", &answer[..], b"beatbe"].concat();
    let mut streams: Vec<Vec<u8>> = dlt645_answers().into_iter().map(around).collect();
    streams.push(b"\x00press-dtu-01".to_vec());
    streams
}

/// Six bytes choose the encoding, the rest are registers.
pub(super) fn run_modbus_decode(bytes: &[u8]) {
    let Some(([kind, orders, bit, value_at, at, decimals], words)) = bytes.split_first_chunk() else { return };
    let order = |bit: u8| if orders >> bit & 1 == 0 { Order::Big } else { Order::Little };
    let (_, kind) = decode::Kind::NAMES[usize::from(*kind) % decode::Kind::NAMES.len()];
    let encoding = Encoding {
        bit: *bit,
        byte: order(2),
        charset: Charset::NAMES[usize::from(orders >> 3 & 3) % Charset::NAMES.len()].1,
        scale: (orders >> 7 == 1).then_some(ScaleRegister {
            value_at: (*value_at).into(),
            at: (*at).into(),
            decimals: *decimals,
        }),
        ..Encoding::plain(kind, order(0), order(1))
    };
    match decode::decode(&registers(words), encoding) {
        Ok(value) => assert_eq!(value.value_type(), kind.value_type(), "a value is of the type the evidence states"),
        Err(nonsense) => assert!(!nonsense.words().get(Lang::Zh).is_empty()),
    }
}

fn registers(bytes: &[u8]) -> Vec<u16> {
    bytes.chunks_exact(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]])).collect()
}

/// Six bytes are the question, the rest is what came from the line: as it is, and with the checksum that chance does not find.
pub(super) fn run_modbus_rtu(bytes: &[u8]) {
    let Some((asked, received)) = bytes.split_first_chunk() else { return };
    let question = question(*asked);
    for received in [received, &[received, &rtu::crc(received).to_le_bytes()].concat()] {
        match rtu::judge(received, &question) {
            Answer::Data(data) => {
                assert_eq!(data.len() + 5, question.answer_bytes(), "an answer is as long as was asked");
            }
            Answer::Incomplete(more) => assert!(more > 0, "what is whole is judged"),
            Answer::Exception(_) | Answer::Wrong(_) => {}
        }
    }
}

fn question([unit, area, address_high, address_low, count_high, count_low]: [u8; 6]) -> Question {
    Question {
        unit,
        area: [Area::Coil, Area::Discrete, Area::Holding, Area::Input][usize::from(area % 4)],
        address: u16::from_be_bytes([address_high, address_low]),
        count: u16::from_be_bytes([count_high, count_low]),
    }
}

/// A file is refused in both languages, or is a configuration that can be stated in the evidence.
pub(super) fn run_agent_config(bytes: &[u8]) {
    checked(&String::from_utf8_lossy(bytes), Path::new("agent.toml"));
}

fn checked(text: &str, file: &Path) {
    match Config::parse(text, file) {
        Ok((config, _)) => drop(config.configuration().expect("a checked configuration can be recorded")),
        Err(problems) => {
            assert!(
                problems.is_fatal() && !problems.render(Lang::Zh).is_empty() && !problems.render(Lang::En).is_empty()
            );
        }
    }
}

/// The example of the manual, with every section of the agent's file, and devices described by profiles.
pub(super) fn agent_configs() -> Vec<Vec<u8>> {
    vec![include_bytes!("../../../configs/agent.example.toml").into(), PROFILED_CONFIG.into()]
}

const PROFILED_CONFIG: &str = r#"[gateway]
state_dir = "/tmp/gz"
[[device]]
name = "main"
protocol = "modbus_rtu"
port = "/dev/ttyUSB0"
unit = 1
profile = "acrel-adw300"
ct_ratio = "200/5"
pt_ratio = 2
tags = ["power", "energy_import"]
[[device.tag]]
name = "power"
scale = "1/3"
on_change = true
deadband = 0.5
[[device]]
name = "meter"
protocol = "dlt645"
port = "/dev/ttyUSB1"
meter = "000012345678"
profile = "dlt645-2007"
[[device]]
name = "mould"
protocol = "opcua"
endpoint = "opc.tcp://10.0.0.8:4840"
profile = "euromap-77"
[[device]]
name = "yard"
protocol = "modbus_rtu_over_tcp"
listen = "0.0.0.0:9502"
registration = "yard-dtu-01"
heartbeat = "beat"
unit = 3
profile = "sunspec-inverter"
"#;

/// An encoding of six bytes and its registers: every kind in one order, and the two that need more.
pub(super) fn modbus_values() -> Vec<Vec<u8>> {
    let plain = (0..decode::Kind::NAMES.len()).map(|kind| {
        let (_, kind_of) = decode::Kind::NAMES[kind];
        let registers = usize::from(kind_of.registers().unwrap_or(4));
        [&[kind as u8, 0, 0, 0, 0, 0], &[0x12, 0x34, 0x00, 0x41, 0x09, 0x87, 0x00, 0x00][..2 * registers]].concat()
    });
    let scaled = vec![5, 0x80, 0, 0, 2, 3, 0x00, 0x00, 0x09, 0x01, 0xFF, 0xFE];
    let gbk = vec![21, 0x10, 0, 0, 0, 0, 0xB3, 0xE5, 0xB4, 0xB2, 0x41, 0x31, 0x00, 0x00];
    plain.chain([scaled, gbk]).collect()
}

/// A question of six bytes and its answer: the example of Modbus Application Protocol V1.1b3, 6.3, coils, and a refusal.
pub(super) fn modbus_frames() -> Vec<Vec<u8>> {
    let framed = |question: [u8; 6], body: &[u8]| [&question[..], body, &rtu::crc(body).to_le_bytes()].concat();
    vec![
        framed([0x11, 2, 0x00, 0x6B, 0, 3], &[0x11, 3, 6, 0x02, 0x2B, 0x00, 0x00, 0x00, 0x64]),
        framed([0x11, 0, 0x00, 0x13, 0, 19], &[0x11, 1, 3, 0xCD, 0x6B, 0x05]),
        framed([0x11, 3, 0x00, 0x08, 0, 1], &[0x11, 0x84, 2]),
    ]
}

/// Six bytes are the question, the rest is what the device sends before it closes the connection: through the client itself, over a wire in
/// memory.
pub(super) fn run_modbus_tcp(bytes: &[u8]) {
    thread_local! {
        static RUNTIME: Runtime = Builder::new_current_thread().enable_time().build().expect("a runtime");
    }
    let Some((asked, received)) = bytes.split_first_chunk() else { return };
    let Question { unit, area, address, count } = question(*asked);
    let request = Request { area, address, count, placed: Vec::new() };
    let limit = Duration::from_secs(60);
    let ask = Ask { unit, timeout: limit, pause: Duration::ZERO, late: Duration::ZERO, count_max: count };
    let wire = Wire { received: received.to_vec(), far: Mutex::default() };
    let mut connection = Connection::through(Carrier::Tcp("device:502".to_owned()), Arc::new(wire));
    let answer = RUNTIME.with(|runtime| {
        runtime.block_on(async {
            connection.open(limit, Duration::ZERO).await.expect("memory opens");
            connection.read(ask, &request).await
        })
    });
    match answer {
        Ok(Payload::Words(words)) => assert_eq!(words.len(), usize::from(count), "an answer is as long as was asked"),
        Ok(Payload::Bits(bits)) => assert_eq!(bits.len(), usize::from(count), "an answer is as long as was asked"),
        Err(failure) => assert_ne!(failure, Failure::Silent, "a closed connection is noticed at once"),
    }
}

/// A device that has answered before it was asked.
struct Wire {
    received: Vec<u8>,
    /// Its end, open until the client is done.
    far: Mutex<Option<DuplexStream>>,
}

impl Dial for Wire {
    fn dial<'a>(&'a self, _: &'a Carrier) -> Opening<'a> {
        Box::pin(async move {
            let (near, mut far) = tokio::io::duplex(self.received.len().max(64));
            far.write_all(&self.received).await?;
            far.shutdown().await?;
            *self.far.lock().expect("nobody panicked") = Some(far);
            Ok(Box::new(near) as Box<dyn Stream>)
        })
    }
}

/// The frames of [`modbus_frames`] with the header of TCP in the place of the checksum.
pub(super) fn modbus_tcp_frames() -> Vec<Vec<u8>> {
    let framed = |frame: Vec<u8>| {
        let (question, body) = (&frame[..6], &frame[6..frame.len() - 2]);
        [question, &[0, 0, 0, 0, 0, body.len() as u8], body].concat()
    };
    modbus_frames().into_iter().map(framed).collect()
}

/// The text of a device profile. One that is taken holds what its golden frames say, and a device described by it is a configuration or is
/// refused in words.
pub(super) fn run_profile(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    // A profile is called like its file.
    let id = text.lines().find_map(|line| line.strip_prefix("id = \"")?.split('"').next()).unwrap_or("maker-model");
    let profile = match Profile::parse(&text, &format!("{id}.toml")) {
        Ok(profile) => profile,
        Err(problems) => {
            assert!(problems.is_fatal() && !problems.render(Lang::Zh).is_empty());
            return;
        }
    };
    for golden in &profile.golden {
        let held: Vec<_> = profile.tags.iter().filter_map(|t| Some((t.tag.name(), golden.value_of(&t.tag)?))).collect();
        for (name, _) in &golden.expect {
            assert!(held.iter().any(|(held, _)| held == name), "an expected value is there");
        }
    }
    let profiles = [profile];
    for read in fingerprint::reads(&profiles) {
        assert!(read.count > 0 && u32::from(read.address) + u32::from(read.count) <= 0x1_0000);
    }
    let [profile] = profiles;
    let folder = std::env::temp_dir().join(format!("gongzheng-profile-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    std::fs::write(folder.join(format!("{id}.toml")), bytes).expect("a file");
    let place = match profile.protocol {
        profile::Protocol::Modbus => "protocol = \"modbus_tcp\"\naddress = \"10.0.0.5:502\"",
        profile::Protocol::OpcUa => "protocol = \"opcua\"\nendpoint = \"opc.tcp://10.0.0.5:4840\"",
        profile::Protocol::Dlt645 => "protocol = \"dlt645\"\nport = \"/dev/ttyS0\"\nmeter = \"000012345678\"",
    };
    let ratio = if profile.tags.iter().any(|t| t.ratio.is_some()) { "ct_ratio = \"200/5\"\n" } else { "" };
    let config = format!(
        "[gateway]\nstate_dir = \"/tmp/gz\"\n[[device]]\nname = \"a\"\n{place}\nprofile_file = \"{id}.toml\"\n{ratio}"
    );
    checked(&config, &folder.join("agent.toml"));
    std::fs::remove_dir_all(&folder).expect("the folder is ours");
}

/// Profiles with transformer ratios, of a meter with its own protocol, with scale registers, and of an OPC UA machine.
pub(super) fn profiles() -> Vec<Vec<u8>> {
    let ids = ["acrel-adw300", "dlt645-2007", "sunspec-inverter", "euromap-77"];
    ids.iter().map(|id| profile::find(id).expect("it is part of the program").into()).collect()
}

/// What a scan hears, against all profiles: for each of its reads a byte that says whether there was an answer, and the answer; then
/// namespaces of an OPC UA server, one a line.
pub(super) fn run_fingerprint(bytes: &[u8]) {
    static PROFILES: OnceLock<Vec<Profile>> = OnceLock::new();
    let profiles = PROFILES.get_or_init(|| profile::all().expect("they are tested"));
    let (mut answers, mut rest) = (Answers::default(), bytes);
    for read in fingerprint::reads(profiles) {
        let Some((heard, more)) = rest.split_first() else { break };
        let answer = more.split_at_checked(usize::from(read.count) * 2);
        let outcome = match (heard % 4, answer) {
            (0, _) => None,
            (1, _) | (_, None) => Some(Outcome::Refused),
            (_, Some((words, _))) => Some(Outcome::Words(registers(words))),
        };
        rest = if let (Some(Outcome::Words(_)), Some((_, behind))) = (&outcome, answer) { behind } else { more };
        answers.reads.extend(outcome.map(|outcome| (read, outcome)));
    }
    answers.namespaces = String::from_utf8_lossy(rest).lines().map(str::to_owned).collect();
    let fits = fingerprint::suggest(profiles, &answers);
    assert!(fits.iter().all(|fit| fit.score > 0 && !fit.why.is_empty()), "a suggestion says why");
    assert!(fits.is_sorted_by(|a, b| a.score >= b.score), "the best is first");
}

/// Every read refused, every read answered with zeros and with 230, and nothing but a namespace.
pub(super) fn scan_answers() -> Vec<Vec<u8>> {
    let reads = fingerprint::reads(&profile::all().expect("they are tested"));
    let all = |word: [u8; 2]| -> Vec<u8> {
        reads.iter().flat_map(|read| [&[2][..], &word.repeat(read.count.into())].concat()).collect()
    };
    let namespace = b"http://opcfoundation.org/UA/PlasticsRubber/IMM2MES/";
    vec![vec![1; reads.len()], all([0, 0]), all([0, 230]), [&vec![0; reads.len()][..], namespace].concat()]
}
