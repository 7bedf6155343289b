//! The Modbus sources against a server that misbehaves on purpose. Every register holds its own address, so a value that travelled
//! to the wrong tag shows at once.

mod limits;

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use protocol::{GapCause, Value};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::rtu::crc;
use crate::clock::{Settings, SystemClock};
use crate::config::Config;
use crate::event::{DeviceState, NoteKind, SourceEvent};
use crate::live::Board;
use crate::locale::Lang;
use crate::source::{World, start};

/// What the server does with one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    Right,
    Late(u64),
    Silent,
    Short,
    Exception(u8),
    WrongUnit,
    WrongTransaction,
    WrongFunction,
    Drop,
    HalfFrame,
    BadSum,
    Noise,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Framing {
    Tcp,
    Rtu,
}

struct Server {
    address: String,
    faults: Arc<Mutex<VecDeque<Fault>>>,
    served: Arc<AtomicUsize>,
    functions: Arc<Mutex<Vec<u8>>>,
    /// Units that never answer.
    dead: Arc<Mutex<Vec<u8>>>,
}

impl Server {
    async fn start(framing: Framing) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("port");
        let address = listener.local_addr().expect("address").to_string();
        let server = Self {
            address,
            faults: Arc::default(),
            served: Arc::default(),
            functions: Arc::default(),
            dead: Arc::default(),
        };
        let (faults, served) = (server.faults.clone(), server.served.clone());
        let (functions, dead) = (server.functions.clone(), server.dead.clone());
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (faults, served) = (faults.clone(), served.clone());
                let (functions, dead) = (functions.clone(), dead.clone());
                tokio::spawn(async move {
                    let _ = serve(stream, framing, &faults, &served, &functions, &dead).await;
                });
            }
        });
        server
    }

    fn plan(&self, faults: impl IntoIterator<Item = Fault>) {
        self.faults.lock().expect("lock").extend(faults);
    }

    fn faults_left(&self) -> usize {
        self.faults.lock().expect("lock").len()
    }
}

async fn serve(
    mut stream: TcpStream,
    framing: Framing,
    faults: &Mutex<VecDeque<Fault>>,
    served: &AtomicUsize,
    functions: &Mutex<Vec<u8>>,
    dead: &Mutex<Vec<u8>>,
) -> std::io::Result<()> {
    loop {
        let mut request = vec![0u8; if framing == Framing::Tcp { 12 } else { 8 }];
        stream.read_exact(&mut request).await?;
        let pdu = if framing == Framing::Tcp { &request[6..] } else { &request[..] };
        let (unit, function) = (pdu[0], pdu[1]);
        let address = u16::from_be_bytes([pdu[2], pdu[3]]);
        let count = u16::from_be_bytes([pdu[4], pdu[5]]);
        functions.lock().expect("lock").push(function);
        served.fetch_add(1, Ordering::Relaxed);
        if dead.lock().expect("lock").contains(&unit) {
            continue;
        }
        let fault = faults.lock().expect("lock").pop_front().unwrap_or(Fault::Right);
        let n = if fault == Fault::Short { count / 2 } else { count };
        let mut body = vec![unit, function, (n * 2) as u8];
        body.extend((0..n).flat_map(|i| (address + i).to_be_bytes()));
        match fault {
            Fault::Exception(code) => body = vec![unit, function | 0x80, code],
            Fault::WrongUnit => body[0] = unit.wrapping_add(1),
            Fault::WrongFunction => body[1] = if function == 3 { 4 } else { 3 },
            _ => {}
        }
        let mut frame = match framing {
            Framing::Tcp => {
                let mut frame = request[..4].to_vec();
                if fault == Fault::WrongTransaction {
                    frame[1] = frame[1].wrapping_add(7);
                }
                frame.extend(u16::try_from(body.len()).expect("short").to_be_bytes());
                frame.extend(&body);
                frame
            }
            Framing::Rtu => {
                let sum = crc(&body).to_le_bytes();
                body.extend(sum);
                body
            }
        };
        match fault {
            Fault::Silent => continue,
            Fault::Drop => return Ok(()),
            Fault::Late(ms) => tokio::time::sleep(Duration::from_millis(ms)).await,
            Fault::HalfFrame => frame.truncate(frame.len() / 2),
            Fault::BadSum => {
                let middle = frame.len() / 2;
                frame[middle] ^= 0x10;
            }
            Fault::Noise => frame.splice(0..0, [0xFF, 0x00, 0x5A]).for_each(drop),
            _ => {}
        }
        stream.write_all(&frame).await?;
    }
}

struct Run {
    events: mpsc::Receiver<SourceEvent>,
    board: Board,
    stop: CancellationToken,
    config: Config,
    /// Per tag: readings as (boot ms, value).
    readings: Vec<Vec<(i64, Value)>>,
    gaps: Vec<(usize, i64, i64, GapCause)>,
    /// Polls that were not made, as the evidence says.
    missed: i64,
}

impl Run {
    fn start(text: &str) -> Self {
        let (config, _) = Config::parse(text, std::path::Path::new("agent.toml")).unwrap_or_else(|p| panic!("{p}"));
        let (sender, events) = mpsc::channel(4_096);
        let board = Board::new(&config.devices);
        let clock = Arc::new(SystemClock::new(Settings::default()).expect("clock"));
        let world = World {
            clock,
            events: sender,
            board: board.clone(),
            known: Default::default(),
            lending: Default::default(),
        };
        let stop = CancellationToken::new();
        let mut tasks = start(&config, &world, &stop);
        tokio::spawn(async move { while tasks.join_next().await.is_some() {} });
        let tags = config.devices.iter().map(|d| d.tags.len()).sum();
        Self { events, board, stop, config, readings: vec![Vec::new(); tags], gaps: Vec::new(), missed: 0 }
    }

    /// Takes events until `done`, or fails after ten seconds.
    async fn until(&mut self, what: &str, mut done: impl FnMut(&Self) -> bool) {
        let deadline = tokio::time::Instant::now() + Duration::from_secs(20);
        while !done(self) {
            let event = tokio::time::timeout_at(deadline, self.events.recv()).await;
            let event = event.unwrap_or_else(|_| panic!("waited in vain for: {what}; {:?}", self.gaps));
            self.take(event.expect("sources run"));
        }
    }

    fn take(&mut self, event: SourceEvent) {
        match event {
            SourceEvent::Readings(readings) => {
                for r in readings {
                    self.readings[r.tag.0 as usize].push((r.boot_ms, r.value));
                }
            }
            SourceEvent::Gap { tag, from_boot_ms, to_boot_ms, cause } => {
                self.gaps.push((tag.0 as usize, from_boot_ms, to_boot_ms, cause));
            }
            SourceEvent::Note { kind: NoteKind::MissedTicks, value, .. } => self.missed += value,
            SourceEvent::Note { .. } => {}
        }
    }

    fn count(&self) -> usize {
        self.readings.iter().map(Vec::len).sum()
    }

    /// No tag ever carries another register's value, and no reading lies strictly inside a gap.
    fn assert_nothing_wrong(&self) {
        let tags = self.config.devices.iter().flat_map(|d| &d.tags);
        for (index, tag) in tags.enumerate() {
            let crate::config::device::Place::Modbus { address, count, .. } = &tag.place else { continue };
            let address = u64::from(*address);
            let expected = if *count == 1 { address } else { address << 16 | (address + 1) };
            for (_, value) in &self.readings[index] {
                assert_eq!(*value, Value::U64(expected), "{}", tag.id);
            }
            for (_, from, to, _) in self.gaps.iter().filter(|g| g.0 == index) {
                assert!(from < to);
                assert!(!self.readings[index].iter().any(|(at, _)| from < at && at < to), "reading inside a gap");
            }
        }
    }

    fn trouble(&self, lang: Lang) -> String {
        let state = self.board.snapshot();
        state.devices.iter().filter_map(|d| d.trouble.as_ref()).map(|w| w.get(lang)).collect::<Vec<_>>().join("\n")
    }
}

fn config(server: &Server, protocol: &str, extra: &str) -> String {
    let address = &server.address;
    let mut text = format!(
        "[gateway]\nstate_dir = \"/tmp/gz-none\"\n[[device]]\nname = \"press\"\nprotocol = \"{protocol}\"\naddress = \"{address}\"\nunit = 1\ninterval_ms = 100\ntimeout_ms = 200\ngap_max = 4\n{extra}\n"
    );
    // Two requests of the same shape at different addresses (the dangerous case), one single register.
    for (name, address, kind) in
        [("a", 100, "u32"), ("b", 102, "u32"), ("c", 2_000, "u32"), ("d", 2_002, "u32"), ("e", 5_000, "u16")]
    {
        text +=
            &format!("[[device.tag]]\nname = \"{name}\"\narea = \"holding\"\naddress = {address}\ntype = \"{kind}\"\n");
    }
    text
}

#[tokio::test]
async fn values_arrive_under_their_names_and_only_reads_leave() {
    let server = Server::start(Framing::Tcp).await;
    let mut run = Run::start(&config(&server, "modbus_tcp", ""));
    run.until("25 readings", |r| r.count() >= 25).await;
    run.assert_nothing_wrong();
    assert_eq!(run.gaps, []);
    assert!(server.functions.lock().expect("lock").iter().all(|f| (1..=4).contains(f)));
    run.stop.cancel();
}

#[tokio::test]
async fn polls_that_a_slow_device_swallows_are_told() {
    let server = Server::start(Framing::Tcp).await;
    server.plan([Fault::Right, Fault::Late(180), Fault::Late(180), Fault::Late(180)]);
    let mut run = Run::start(&config(&server, "modbus_tcp", ""));
    run.until("all answers", |r| server.faults_left() == 0 && r.count() >= 30).await;
    run.stop.cancel();
    // The first is told at once, the others at the latest when the source ends.
    while let Some(event) = run.events.recv().await {
        run.take(event);
    }
    let swallowed = run.board.snapshot().devices[0].missed_total;
    assert!(swallowed >= 3, "three answers took two ticks each: {swallowed}");
    assert!(u64::try_from(run.missed).is_ok_and(|told| told >= swallowed), "{} of {swallowed} were told", run.missed);
    assert_eq!(run.gaps, [], "a late value is a value");
}

#[tokio::test]
async fn on_tcp_no_fault_ever_becomes_a_wrong_value() {
    let server = Server::start(Framing::Tcp).await;
    use Fault::*;
    let faults = [
        Right,
        Right,
        Right,
        Late(300),
        Right,
        Short,
        Right,
        Exception(2),
        WrongUnit,
        Right,
        WrongTransaction,
        WrongFunction,
        Right,
        Drop,
        HalfFrame,
        Right,
        Silent,
        Late(450),
        Late(250),
        Right,
    ];
    server.plan(faults);
    let mut run = Run::start(&config(&server, "modbus_tcp", ""));
    run.until("all faults served", |_| server.faults_left() == 0).await;
    let seen = run.count();
    run.until("readings after the faults", |r| r.count() >= seen + 20).await;
    run.assert_nothing_wrong();
    for cause in [GapCause::DeviceSilent, GapCause::DeviceRefused, GapCause::NonsenseValue] {
        assert!(run.gaps.iter().any(|g| g.3 == cause), "no gap says {cause:?}: {:?}", run.gaps);
    }
    run.stop.cancel();
}

#[tokio::test]
async fn on_an_rtu_line_a_late_answer_never_becomes_another_tags_value() {
    let server = Server::start(Framing::Rtu).await;
    use Fault::*;
    // Late by more and less than the drain waits, several in a row, and right after a sentinel.
    let faults = [
        Right,
        Right,
        Right,
        Late(250),
        Right,
        Right,
        Right,
        Late(900),
        Late(900),
        Right,
        Right,
        Late(220),
        Late(230),
        Late(240),
        Right,
        Short,
        BadSum,
        Noise,
        WrongUnit,
        WrongFunction,
        HalfFrame,
        Right,
        Exception(2),
        Late(350),
        Exception(3),
        Right,
        Silent,
        Right,
    ];
    server.plan(faults);
    let mut run = Run::start(&config(&server, "modbus_rtu_over_tcp", "late_ms = 3000"));
    run.until("all faults served", |_| server.faults_left() == 0).await;
    let seen = run.count();
    run.until("readings after the faults", |r| r.count() >= seen + 20).await;
    run.assert_nothing_wrong();
    assert!(
        run.gaps.iter().any(|g| g.3 == GapCause::DeviceSilent)
            && run.gaps.iter().any(|g| g.3 == GapCause::NonsenseValue)
    );
    run.stop.cancel();
}

#[tokio::test]
async fn seeded_faults_never_become_wrong_values_on_either_framing() {
    let seed: u64 = std::env::var("GZ_SEED").ok().and_then(|s| s.parse().ok()).unwrap_or(0x6A09_E667);
    println!("GZ_SEED={seed}");
    for (framing, protocol) in [(Framing::Tcp, "modbus_tcp"), (Framing::Rtu, "modbus_rtu_over_tcp")] {
        let mut state = seed;
        let mut random = move |n: u64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) % n
        };
        let server = Server::start(framing).await;
        server.plan((0..120).map(|_| match random(12) {
            0 => Fault::Late(60 + random(120)),
            1 => Fault::Late(205 + random(200)),
            2 => Fault::Short,
            3 => Fault::Exception(u8::try_from(random(11)).unwrap_or(1) + 1),
            4 => Fault::WrongUnit,
            5 => Fault::WrongFunction,
            6 => Fault::Drop,
            7 if framing == Framing::Rtu => Fault::BadSum,
            7 => Fault::WrongTransaction,
            _ => Fault::Right,
        }));
        let mut run =
            Run::start(&config(&server, protocol, "late_ms = 2000").replace("timeout_ms = 200", "timeout_ms = 100"));
        run.until("all faults served", |_| server.faults_left() == 0).await;
        let seen = run.count();
        run.until("readings after the faults", |r| r.count() >= seen + 10).await;
        run.assert_nothing_wrong();
        run.stop.cancel();
    }
}

#[tokio::test]
async fn an_unreachable_device_says_so_in_both_languages_and_is_a_gap_from_the_start() {
    // A port that was free a moment ago.
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("port");
    let address = listener.local_addr().expect("address").to_string();
    drop(listener);
    let text = format!(
        "[gateway]\nstate_dir = \"/tmp/gz-none\"\n[[device]]\nname = \"press\"\nprotocol = \"modbus_tcp\"\naddress = \"{address}\"\ninterval_ms = 100\n[[device.tag]]\nname = \"state\"\narea = \"holding\"\naddress = 0\ntype = \"u16\"\n"
    );
    let mut run = Run::start(&text);
    run.until("a gap", |r| !r.gaps.is_empty()).await;
    assert_eq!(run.gaps[0].3, GapCause::DeviceSilent);
    run.until("health", |r| r.board.snapshot().devices[0].state == DeviceState::Down).await;
    let (zh, en) = (run.trouble(Lang::Zh), run.trouble(Lang::En));
    assert!(
        zh.contains(&format!("连不上 `press`（{address}）")) && zh.contains("检查设备电源、网线、IP 地址和端口"),
        "{zh}"
    );
    assert!(
        en.contains(&format!("cannot reach `press` at {address}"))
            && en.contains("Check power, cable, IP address and port"),
        "{en}"
    );
    run.stop.cancel();
}

#[tokio::test]
async fn a_wrong_unit_says_so_in_both_languages() {
    // Behind a gateway: the exception "target did not answer"; on a serial line: silence.
    let server = Server::start(Framing::Tcp).await;
    server.plan([Fault::Exception(11); 3]);
    let mut run = Run::start(&config(&server, "modbus_tcp", ""));
    run.until("trouble", |r| r.board.snapshot().devices[0].trouble.is_some()).await;
    let (zh, en) = (run.trouble(Lang::Zh), run.trouble(Lang::En));
    assert!(zh.contains("网关后面的设备没有应答。检查 `unit` 站号"), "{zh}");
    assert!(en.contains("the device behind the gateway did not answer. Check `unit`"), "{en}");
    run.stop.cancel();

    let server = Server::start(Framing::Rtu).await;
    server.dead.lock().expect("lock").push(1);
    let mut run = Run::start(&config(&server, "modbus_rtu_over_tcp", ""));
    run.until("trouble", |r| r.board.snapshot().devices[0].trouble.is_some()).await;
    let (zh, en) = (run.trouble(Lang::Zh), run.trouble(Lang::En));
    assert!(zh.contains("站号 1）在 200 毫秒内没有应答。检查 `unit` 站号是否正确"), "{zh}");
    assert!(en.contains("unit 1, did not answer within 200 ms. Check that `unit` is right"), "{en}");
    run.stop.cancel();
}

#[tokio::test]
async fn a_dead_slave_leaves_the_bus_to_the_living() {
    let server = Server::start(Framing::Rtu).await;
    server.dead.lock().expect("lock").extend([2, 3]);
    let address = &server.address;
    let mut text = "[gateway]\nstate_dir = \"/tmp/gz-none\"\n".to_owned();
    for unit in 1..=3 {
        text += &format!(
            "[[device]]\nname = \"m{unit}\"\nprotocol = \"modbus_rtu_over_tcp\"\naddress = \"{address}\"\nunit = {unit}\ninterval_ms = 100\ntimeout_ms = 100\n[[device.tag]]\nname = \"a\"\narea = \"holding\"\naddress = 7\ntype = \"u16\"\n"
        );
    }
    let mut run = Run::start(&text);
    run.until("forty readings of the living", |r| r.readings[0].len() >= 40).await;
    let times: Vec<i64> = run.readings[0].iter().map(|(at, _)| *at).collect();
    let span = times[39] - times[9];
    assert!(span <= 30 * 100 + 1_500, "30 polls of 100 ms took {span} ms beside two dead slaves");
    run.assert_nothing_wrong();
    // The dead are accounted for all the time, without being asked all the time.
    run.until("growing gaps of the dead", |r| r.gaps.iter().filter(|g| g.0 == 1).count() >= 2).await;
    assert!(run.gaps.iter().all(|g| g.0 != 0 && g.3 == GapCause::DeviceSilent));
    run.stop.cancel();
}

#[tokio::test]
async fn nonsense_values_are_gaps_of_their_tag_alone() {
    let server = Server::start(Framing::Tcp).await;
    // Registers 32,640 and 32,641 read as f32 are 0x7F80_7F81: not a number.
    let text = config(&server, "modbus_tcp", "")
        + "[[device.tag]]\nname = \"nan\"\narea = \"holding\"\naddress = 32640\ntype = \"f32\"\n";
    let mut run = Run::start(&text);
    run.until("a gap and readings", |r| !r.gaps.is_empty() && r.count() > 10).await;
    assert!(run.gaps.iter().all(|g| g.0 == 5 && g.3 == GapCause::NonsenseValue), "{:?}", run.gaps);
    run.assert_nothing_wrong();
    assert!(run.readings[5].is_empty());
    run.stop.cancel();
}
