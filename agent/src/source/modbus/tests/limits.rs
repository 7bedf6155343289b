//! Devices with peculiar limits. Every register holds its own address; the device notes what it was asked.

use super::*;
use crate::config::device::Place;

/// What a device was asked: first address and count.
type Asked = Arc<Mutex<Vec<(u16, u16)>>>;

/// When a request came.
struct Moment {
    since_connected: Duration,
    since_answer: Duration,
    /// Requests so far.
    before: usize,
}

/// A device on one framing; `deaf` decides which requests it does not hear.
async fn device(framing: Framing, deaf: fn(Moment) -> bool) -> (String, Asked) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("port");
    let address = listener.local_addr().expect("address").to_string();
    let asked = Asked::default();
    let noted = asked.clone();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let (connected, noted) = (tokio::time::Instant::now(), noted.clone());
            tokio::spawn(async move {
                let head = if framing == Framing::Tcp { 6 } else { 0 };
                let mut request = vec![0; if framing == Framing::Tcp { 12 } else { 8 }];
                let mut answered: Option<tokio::time::Instant> = None;
                while stream.read_exact(&mut request).await.is_ok() {
                    let number = |at: usize| u16::from_be_bytes([request[head + at], request[head + at + 1]]);
                    let (first, count) = (number(2), number(4));
                    let before = noted.lock().expect("lock").len();
                    noted.lock().expect("lock").push((first, count));
                    let since_answer = answered.map_or(Duration::MAX, |at| at.elapsed());
                    let since_connected = connected.elapsed();
                    if deaf(Moment { since_connected, since_answer, before }) {
                        continue;
                    }
                    let mut body = vec![request[head], request[head + 1], (count * 2) as u8];
                    body.extend((first..first + count).flat_map(u16::to_be_bytes));
                    let frame = match framing {
                        Framing::Tcp => [&request[..4], &(body.len() as u16).to_be_bytes(), &body].concat(),
                        Framing::Rtu => [&body[..], &crc(&body).to_le_bytes()].concat(),
                    };
                    if stream.write_all(&frame).await.is_err() {
                        return;
                    }
                    answered = Some(tokio::time::Instant::now());
                }
            });
        }
    });
    (address, asked)
}

fn file(address: &str, protocol: &str, limits: &str, tags: &[(&str, u16, &str)]) -> String {
    let mut text = format!(
        "[gateway]\nstate_dir = \"/tmp/gz-none\"\n[[device]]\nname = \"plc\"\nprotocol = \"{protocol}\"\naddress = \"{address}\"\nunit = 1\ninterval_ms = 100\ntimeout_ms = 200\n{limits}\n"
    );
    for (name, at, kind) in tags {
        text += &format!("[[device.tag]]\nname = \"{name}\"\narea = \"input\"\naddress = {at}\n{kind}\n");
    }
    text
}

#[tokio::test]
async fn a_device_that_drops_what_comes_right_after_connecting_is_given_its_rest() {
    let (address, _) = device(Framing::Tcp, |m| m.since_connected < Duration::from_millis(100)).await;
    let text = file(&address, "modbus_tcp", "connect_pause_ms = 700", &[("a", 5, "type = \"u16\"")]);
    let mut run = Run::start(&text);
    run.until("five readings", |r| r.count() >= 5).await;
    run.assert_nothing_wrong();
    assert_eq!(run.gaps, []);
    run.stop.cancel();
}

#[tokio::test]
async fn a_device_has_its_rest_between_requests_of_different_intervals_too() {
    let (address, _) = device(Framing::Tcp, |m| m.before > 0 && m.since_answer < Duration::from_millis(40)).await;
    // Two groups, whose polls begin a few milliseconds apart.
    let tags = [("a", 5, "type = \"u16\"\ninterval_ms = 400"), ("b", 6, "type = \"u16\"\ninterval_ms = 800")];
    let mut run = Run::start(&file(&address, "modbus_tcp", "pause_ms = 120", &tags));
    run.until("four readings of each", |r| r.readings.iter().all(|tag| tag.len() >= 4)).await;
    run.assert_nothing_wrong();
    assert_eq!(run.gaps, []);
    run.stop.cancel();
}

#[tokio::test]
async fn a_device_has_its_rest_between_a_sentinel_and_its_question_too() {
    // The second question is not heard; the third has a sentinel before it.
    let deaf = |m: Moment| m.before == 1 || m.before > 1 && m.since_answer < Duration::from_millis(40);
    let (address, asked) = device(Framing::Rtu, deaf).await;
    let limits = "pause_ms = 120\nlate_ms = 30000";
    let mut run = Run::start(&file(&address, "modbus_rtu_over_tcp", limits, &[("a", 5, "type = \"u16\"")]));
    run.until("four readings", |r| r.readings[0].len() >= 4).await;
    run.assert_nothing_wrong();
    run.stop.cancel();
    assert_eq!(asked.lock().expect("lock")[..4], [(5, 1), (5, 1), (5, 2), (5, 1)]);
}

#[tokio::test]
async fn one_by_one_and_holes_bind_every_question_that_leaves() {
    // The second question is not heard. Every other one looks the same on the line, and what could tell them apart (two registers from
    // 20) lies in the hole: nothing is asked until the answer can no longer come.
    let (address, asked) = device(Framing::Rtu, |m| m.before == 1).await;
    let tags = [("a", 20, "type = \"u16\""), ("b", 30, "type = \"u16\""), ("c", 31, "type = \"u16\"")];
    let limits = "one_by_one = true\nholes = [[21, 25]]\nlate_ms = 0";
    let mut run = Run::start(&file(&address, "modbus_rtu_over_tcp", limits, &tags));
    run.until("readings of all", |r| r.readings.iter().all(|tag| tag.len() >= 3)).await;
    run.assert_nothing_wrong();
    run.stop.cancel();
    assert!(run.gaps.iter().any(|g| (g.0, g.3) == (1, GapCause::DeviceSilent)), "{:?}", run.gaps);
    let asked = asked.lock().expect("lock").clone();
    assert!(asked.iter().all(|a| [(20, 1), (30, 1), (31, 1)].contains(a)), "{asked:?}");
}

#[tokio::test]
async fn a_value_and_its_scale_register_come_out_of_one_request() {
    let (address, asked) = device(Framing::Tcp, |_| false).await;
    let tags = [
        ("scaled", 100, "type = \"u16\"\nscale_register = 3\ndecimals = 1"),
        ("between", 50, "type = \"u16\""),
        ("nonsense", 200, "type = \"u16\"\nscale_register = 201\ndecimals = 1"),
    ];
    let mut run = Run::start(&file(&address, "modbus_tcp", "", &tags));
    run.until("readings and a gap", |r| r.readings[0].len() >= 5 && !r.gaps.is_empty()).await;
    run.until("trouble", |r| r.board.snapshot().devices[0].trouble.is_some()).await;
    let (zh, en) = (run.trouble(Lang::Zh), run.trouble(Lang::En));
    run.stop.cancel();
    // Register 100 holds 100, register 3 holds 3: 100 × 10³, in tenths.
    assert!(run.readings[0].iter().all(|(_, value)| *value == Value::U64(1_000_000)), "{:?}", run.readings[0]);
    assert!(run.readings[1].iter().all(|(_, value)| *value == Value::U64(50)), "{:?}", run.readings[1]);
    assert!(run.gaps.iter().all(|g| (g.0, g.3) == (2, GapCause::NonsenseValue)), "{:?}", run.gaps);
    assert!(run.readings[2].is_empty());
    assert!(matches!(&run.config.devices[0].tags[0].place, Place::Modbus { address: 3, count: 98, .. }));
    let asked = asked.lock().expect("lock").clone();
    assert!(asked.iter().all(|a| [(3, 98), (200, 2)].contains(a)), "{asked:?}");
    assert!(zh.contains("倍率寄存器里是 201，应在 -10 到 10 之间。检查 `scale_register`"), "{zh}");
    assert!(en.contains("its scale register holds 201, which must be -10 to 10. Check `scale_register`"), "{en}");
}
