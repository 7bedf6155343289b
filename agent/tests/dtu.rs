//! DTUs that dial in: cut and joined packets, heartbeats everywhere, connecting again without closing, half-dead, and strangers.

mod lines;

use std::time::Duration;

use agent::event::{NoteKind, SourceEvent};
use lines::Run;
use protocol::{GapCause, Value};
use simulators::dlt645::Bus;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

const ENERGY: [u8; 4] = [0x00, 0x01, 0x00, 0x00];
const BEAT: &[u8] = b"beat";

/// A port that was free a moment ago.
async fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("port");
    listener.local_addr().expect("address").port()
}

/// A meter 1 whose energy is `count`, in BCD below 10, and which knows the time.
fn bus(count: u8) -> Bus {
    let bus = Bus::default();
    bus.set([0, 0, 0, 0, 0, 1], [0x04, 0x00, 0x01, 0x02], &[0, 0, 8]);
    bus.set([0, 0, 0, 0, 0, 1], ENERGY, &[count, 0, 0, 0]);
    bus
}

/// One DTU with a meter behind it, in the file.
fn device(name: &str, port: u16) -> String {
    format!(
        "[[device]]\nname = \"{name}\"\nprotocol = \"dlt645\"\nlisten = \"127.0.0.1:{port}\"\nregistration = \"dtu-{name}\"\nheartbeat = \"beat\"\nmeter = \"000000000001\"\ninterval_ms = 100\ntimeout_ms = 300\n[[device.tag]]\nname = \"energy\"\ndi = \"00 01 00 00\"\nbytes = 4\ntype = \"bcd\"\n"
    )
}

/// Connects to the agent as soon as it listens, and registers in two pieces.
async fn dial_in(port: u16, name: &str) -> TcpStream {
    let mut stream = loop {
        match TcpStream::connect(("127.0.0.1", port)).await {
            Ok(stream) => break stream,
            Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    };
    stream.set_nodelay(true).expect("no delay");
    stream.write_all(b"dt").await.expect("written");
    tokio::time::sleep(Duration::from_millis(20)).await;
    stream.write_all(&[b"u-", name.as_bytes(), BEAT].concat()).await.expect("written");
    stream
}

/// A DTU that dials in again whenever its connection ends.
async fn keep_dialling(port: u16, name: &'static str, bus: Bus) {
    loop {
        carry(dial_in(port, name).await, bus.clone()).await;
    }
}

/// Carries bytes between the agent and the bus until either ends, with heartbeats around every answer.
async fn carry(mut agent: TcpStream, bus: Bus) {
    let (mut meters, behind) = tokio::io::duplex(4_096);
    let serving = tokio::spawn(async move { bus.serve_stream(behind).await });
    let (mut asked, mut answered) = ([0u8; 512], [0u8; 512]);
    loop {
        tokio::select! {
            n = agent.read(&mut asked) => match n {
                Ok(n) if n > 0 => meters.write_all(&asked[..n]).await.expect("the bus takes it"),
                _ => break,
            },
            n = meters.read(&mut answered) => match n {
                Ok(n) if n > 0 => {
                    if agent.write_all(&[BEAT, BEAT, &answered[..n], BEAT].concat()).await.is_err() {
                        break;
                    }
                }
                _ => break,
            },
        }
    }
    serving.abort();
}

#[tokio::test]
async fn dtus_of_one_port_are_told_apart_and_their_heartbeats_are_no_values() {
    let port = free_port().await;
    let mut run = Run::start(&(device("one", port) + &device("two", port)));
    for (name, count) in [("two", 2), ("one", 1)] {
        tokio::spawn(keep_dialling(port, name, bus(count)));
    }
    run.until("twenty readings of both", |r| r.count(0) >= 20 && r.count(1) >= 20).await;
    assert!(run.readings[&0].iter().all(|value| *value == Value::U64(1)), "{:?}", run.readings);
    assert!(run.readings[&1].iter().all(|value| *value == Value::U64(2)), "{:?}", run.readings);
    assert!(run.gaps.iter().all(|gap| gap.1 == GapCause::DeviceSilent), "only before they came: {:?}", run.gaps);
}

#[tokio::test]
async fn a_dtu_that_connects_again_without_closing_replaces_its_old_connection() {
    let port = free_port().await;
    let mut run = Run::start(&device("one", port));
    // The old one goes on answering, with another count: a mobile network keeps such connections alive for a while.
    let old = tokio::spawn(async move { carry(dial_in(port, "one").await, bus(1)).await });
    run.until("readings through the first connection", |r| r.count(0) >= 5).await;
    tokio::spawn(keep_dialling(port, "one", bus(2)));
    run.until("readings through the new one", |r| r.readings[&0].last() == Some(&Value::U64(2))).await;
    old.await.expect("the agent closed the old one");
}

#[tokio::test]
async fn a_half_dead_connection_is_given_up_so_that_the_dtu_can_dial_in_again() {
    let port = free_port().await;
    let mut run = Run::start(&device("one", port));
    tokio::spawn(async move {
        let mut deaf = dial_in(port, "one").await;
        let mut asked = [0u8; 64];
        while deaf.read(&mut asked).await.is_ok_and(|n| n > 0) {}
        keep_dialling(port, "one", bus(1)).await;
    });
    run.until("ten readings after the redial", |r| r.count(0) >= 10).await;
    assert!(run.gaps.iter().all(|gap| gap.1 == GapCause::DeviceSilent), "{:?}", run.gaps);
}

#[tokio::test]
async fn a_stranger_is_refused_counted_and_told_once() {
    let port = free_port().await;
    let mut run = Run::start(&device("one", port));
    for _ in 0..3 {
        let mut stranger = dial_in(port, "xyz").await;
        let mut nothing = [0u8; 1];
        assert!(stranger.read(&mut nothing).await.map_or(true, |n| n == 0), "it is never asked anything");
    }
    let words = loop {
        run.until("another event", {
            let seen = run.events_seen;
            move |r| r.events_seen > seen
        })
        .await;
        let trouble = run.board.snapshot().devices[0].trouble.clone();
        if let Some(words) = trouble.filter(|words| words.en.contains("refused 3 times")) {
            break words;
        }
    };
    // "dtu-xyz" in hexadecimal, or as much of it as told the stranger apart.
    assert!(
        words.zh.contains("6474752d78") && words.zh.contains("来过 3 次") && words.zh.contains("`registration_hex`"),
        "{}",
        words.zh
    );
    assert!(words.en.contains("6474752d78") && words.en.contains(&format!("at 127.0.0.1:{port}")), "{}", words.en);
    let notes =
        |event: &&SourceEvent| matches!(event, SourceEvent::Note { device: None, kind: NoteKind::SourceNotice, .. });
    assert_eq!(run.notes.iter().filter(notes).count(), 1, "{:?}", run.notes);
}
