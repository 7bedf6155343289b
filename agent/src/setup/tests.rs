//! The steps as a browser takes them, against a real device on a real port.

use tokio::io::AsyncReadExt as _;
use tokio::net::TcpListener;

use super::*;
use crate::event::SourceEvent;
use crate::source::World;

const HEAD: &str = "[gateway]\nstate_dir = \"/tmp/gz-none\"\n";

fn config(dir: &Path) -> Config {
    let file = dir.join("agent.toml");
    std::fs::write(&file, HEAD).expect("write");
    Config::load(&file).expect("valid").0
}

async fn get(path: &str, form: &str, is_post: bool, config: &Config, restart: &Restart) -> String {
    let mut out = std::io::Cursor::new(Vec::new());
    let step = Step { path, form, is_post, lang: Lang::Zh };
    answer(&mut out, &step, config, &Lending::new(config), restart).await.expect("written");
    String::from_utf8(out.into_inner()).expect("text")
}

/// Answers every read of holding registers of unit 1 with registers that hold their own address.
async fn device() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("port");
    let port = listener.local_addr().expect("address").port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut frame = [0u8; 12];
                while stream.read_exact(&mut frame).await.is_ok() {
                    let (first, count) =
                        (u16::from_be_bytes([frame[8], frame[9]]), u16::from_be_bytes([frame[10], frame[11]]));
                    let mut body = vec![frame[6], frame[7], u8::try_from(count * 2).expect("short")];
                    body.extend((first..first + count).flat_map(u16::to_be_bytes));
                    let mut answer = frame[..4].to_vec();
                    answer.extend(u16::try_from(body.len()).expect("short").to_be_bytes());
                    answer.extend(body);
                    if stream.write_all(&answer).await.is_err() {
                        break;
                    }
                }
            });
        }
    });
    port
}

#[tokio::test]
async fn a_device_is_found_and_saved_and_the_agent_starts_again() {
    let dir = tempfile::tempdir().expect("folder");
    let config = config(dir.path());
    let restart = Restart::new(CancellationToken::new());
    let port = device().await;

    let start = get("/setup", "", false, &config, &restart).await;
    assert!(start.contains("action=\"/setup/find\"") && start.ends_with(view::FOOT), "{start}");

    let found = get("/setup/find", &format!("network=127.0.0.1&port={port}&units=1"), false, &config, &restart).await;
    assert!(found.contains(&format!("127.0.0.1:{port} 站号 1: 有应答")) && found.contains("找到 1 台"), "{found}");
    // Every profile that fits is one click; the last link leads to the list of all.
    let link = found.rsplit("href=\"/setup/read?").next().and_then(|rest| rest.split('"').next()).expect("a link");
    let query = link.replace("&amp;", "&");

    let read = get("/setup/read", &query, false, &config, &restart).await;
    assert!(read.contains("选好型号再读取"), "{read}");

    let query = format!("{query}&profile=eastron-sdm630");
    let read = get("/setup/read", &query, false, &config, &restart).await;
    assert!(read.contains("value=\"eastron-sdm630\" selected") && read.contains("和表面上的数字一致吗"), "{read}");
    assert!(
        read.contains("frequency <span class=\"raw word\">频率</span></td><td><span class=\"v\">")
            && !read.contains("class=\"bad\""),
        "{read}"
    );

    let silent = query.replace(&format!("%3A{port}"), "%3A1");
    let read = get("/setup/read", &silent, false, &config, &restart).await;
    assert!(read.contains("一个数值也没有读到") && read.contains("同上") && !read.contains("/setup/add"), "{read}");

    let name = format!("{}&name=press-3", query.replace("name=device-1", "x=1"));
    let saved = get("/setup/add", &name, true, &config, &restart).await;
    assert!(saved.contains("已保存 press-3") && restart.is_wanted(), "{saved}");
    let text = std::fs::read_to_string(&config.file).expect("read");
    let expected = format!(
        "{HEAD}\n[[device]]\nname = \"press-3\"\nprofile = \"eastron-sdm630\"\nprotocol = \"modbus_tcp\"\naddress = \"127.0.0.1:{port}\"\nunit = 1\n"
    );
    assert_eq!(text, expected);
}

/// Answers reads of holding registers of units 1 and 2 on a serial line, with registers that hold their own address; every unit that was
/// asked, in order. The name of the port is for its master.
async fn line() -> (String, Arc<std::sync::Mutex<Vec<u8>>>) {
    let (mut wire, end) = tokio_serial::SerialStream::pair().expect("a pseudo-terminal");
    let name = tokio_serial::SerialPort::name(&end).expect("a name");
    // Open at the other end too, or the terminal would hang up between two masters; as a file, which takes no lock on it.
    let held = std::fs::OpenOptions::new().read(true).write(true).open(&name).expect("opened");
    drop(end);
    let asked = Arc::<std::sync::Mutex<Vec<u8>>>::default();
    let log = asked.clone();
    tokio::spawn(async move {
        let _held = held;
        let mut frame = [0u8; 8];
        while wire.read_exact(&mut frame).await.is_ok() {
            log.lock().expect("not poisoned").push(frame[0]);
            let [unit @ (1 | 2), function @ (3 | 4), a, b, _, count, ..] = frame else { continue };
            let first = u16::from_be_bytes([a, b]);
            let mut answer = vec![unit, function, count * 2];
            answer.extend((first..first + u16::from(count)).flat_map(u16::to_be_bytes));
            answer.extend(crate::source::modbus::rtu::crc(&answer).to_le_bytes());
            wire.write_all(&answer).await.expect("written");
        }
    });
    (name, asked)
}

#[tokio::test]
async fn a_second_meter_is_found_on_a_line_that_is_read_and_the_first_is_read_again() {
    let dir = tempfile::tempdir().expect("folder");
    let (port, asked) = line().await;
    let file = dir.path().join("agent.toml");
    let first = format!(
        "{HEAD}\n[[device]]\nname = \"main\"\nprotocol = \"modbus_rtu\"\nport = \"{port}\"\nunit = 1\nlate_ms = 0\n[[device.tag]]\nname = \"power\"\narea = \"holding\"\naddress = 7\ntype = \"u16\"\ninterval_ms = 100\n"
    );
    std::fs::write(&file, &first).expect("write");
    let config = Config::load(&file).unwrap_or_else(|p| panic!("{p}")).0;
    let (lending, restart) = (Lending::new(&config), Restart::new(CancellationToken::new()));
    let (sender, mut events) = mpsc::channel(4_096);
    let world = World {
        clock: Arc::new(crate::clock::SystemClock::new(crate::clock::Settings::default()).expect("clock")),
        events: sender,
        board: crate::live::Board::new(&config.devices),
        known: Default::default(),
        lending: lending.clone(),
    };
    let stop = CancellationToken::new();
    let _sources = crate::source::start(&config, &world, &stop);
    while !matches!(events.recv().await.expect("sources run"), SourceEvent::Readings(_)) {}

    let step = |path, form| Step { path, form, is_post: false, lang: Lang::Zh };
    let ask = async |step: Step<'_>| {
        let mut out = std::io::Cursor::new(Vec::new());
        answer(&mut out, &step, &config, &lending, &restart).await.expect("written");
        String::from_utf8(out.into_inner()).expect("text")
    };
    let form = format!("serial={}&bauds=1200&parity=odd&units=1-3", port.replace('/', "%2F"));
    let found = ask(step("/setup/find", &form)).await;
    assert!(found.contains("正在这条线上读取 main (1)") && found.contains("找到 1 台"), "{found}");
    assert!(found.contains("站号 2: 有应答") && !found.contains("站号 1: 有应答"), "{found}");
    let log = std::mem::take(&mut *asked.lock().expect("not poisoned"));
    let searched = log.iter().position(|unit| *unit != 1).expect("the search asked");
    let ended = log.iter().rposition(|unit| *unit != 1).expect("the search asked");
    assert!(searched > 0 && log[searched..ended].iter().all(|unit| *unit != 1), "two masters on the line: {log:?}");

    let known = form.replace("units=1-3", "units=1");
    let none = ask(step("/setup/find", &known)).await;
    assert!(none.contains("所填站号都已在读取") && !none.contains("没有设备应答"), "{none}");

    let link = found.rsplit("href=\"/setup/read?").next().and_then(|rest| rest.split('"').next()).expect("a link");
    let query = format!("{}&profile=eastron-sdm630", link.replace("&amp;", "&"));
    let first = query.replace("unit=2", "unit=1");
    let again = ask(step("/setup/read", &first)).await;
    assert!(again.contains("这台设备已在读取") && !again.contains("和表面上的数字一致吗"), "{again}");
    let read = ask(step("/setup/read", &query)).await;
    assert!(read.contains("和表面上的数字一致吗"), "{read}");
    let added = ask(Step { is_post: true, ..step("/setup/add", &format!("{query}&name=second")) }).await;
    assert!(added.contains("已保存"), "{added}");

    let mut causes = Vec::new();
    let limit = tokio::time::Instant::now() + Duration::from_secs(60);
    loop {
        match tokio::time::timeout_at(limit, events.recv()).await.expect("it is read again").expect("sources run") {
            SourceEvent::Gap { cause, .. } => causes.push(cause),
            // What was read before the loan is told before its gap.
            SourceEvent::Readings(_) if !causes.is_empty() => break,
            _ => {}
        }
    }
    assert!(causes.iter().all(|cause| *cause == protocol::GapCause::BusBusy), "{causes:?}");
    stop.cancel();
}

#[tokio::test]
async fn what_is_wrong_is_told_and_nothing_is_written() {
    let dir = tempfile::tempdir().expect("folder");
    let config = config(dir.path());
    let restart = Restart::new(CancellationToken::new());
    for (path, form, is_post, expected) in [
        ("/setup/find", "network=10.0.0.0%2F8&port=502&units=1", false, "太大"),
        ("/setup/find", "network=10.0.0.1&port=0x&units=0", false, "端口是 1 到 65535"),
        ("/setup/find", "serial=%2Fdev%2Fnone&bauds=fast&parity=none&units=1", false, "波特率写成"),
        ("/setup/find", "serial=%2Fdev%2Fnone&bauds=9600&parity=none&units=1", false, "打不开"),
        ("/setup/add", "protocol=modbus_tcp&name=Press&address=10.0.0.5%3A502", true, "设备名 `Press` 不合规定"),
        ("/setup/add", "protocol=modbus_tcp&name=%3Cb%3E", true, "&lt;b&gt;"),
        ("/setup/add", "protocol=dlt645&meter=12&port=%2Fdev%2Fnone&name=m", true, "meter"),
        ("/setup/add", "name=press", false, "没有这一步"),
        ("/setup/nowhere", "", false, "没有这一步"),
    ] {
        let page = get(path, form, is_post, &config, &restart).await;
        assert!(page.contains(expected) && page.contains("class=\"bad\""), "{path} {form}: {page}");
    }
    let one = "protocol=modbus_tcp&profile=eastron-sdm630&name=Press&address=10.0.0.5%3A502";
    let page = get("/setup/add", one, true, &config, &restart).await;
    assert!(page.contains("设备名 `Press` 不合规定") && !page.contains("不能作数据点名"), "told once: {page}");
    assert!(!restart.is_wanted());
    assert_eq!(std::fs::read_to_string(&config.file).expect("read"), HEAD);
}

#[tokio::test]
async fn a_line_of_another_protocol_is_not_searched() {
    let dir = tempfile::tempdir().expect("folder");
    let file = dir.path().join("agent.toml");
    let meter = "[[device]]\nname = \"m\"\nprofile = \"dlt645-2007\"\nprotocol = \"dlt645\"\nport = \"/dev/gz-none\"\nmeter = \"000012345678\"\n";
    std::fs::write(&file, format!("{HEAD}{meter}")).expect("write");
    let config = Config::load(&file).unwrap_or_else(|p| panic!("{p}")).0;
    let form = "serial=%2Fdev%2Fgz-none&bauds=9600&parity=none&units=1";
    let page = get("/setup/find", form, false, &config, &Restart::new(CancellationToken::new())).await;
    assert!(page.contains("一条线只能用一种协议") && page.contains("class=\"bad\""), "{page}");
}

#[test]
fn a_port_of_the_box_is_offered_and_a_mere_name_or_the_console_is_not() {
    let class = tempfile::tempdir().expect("folder");
    for (name, kind, console) in [("ttyS0", "4\n", "Y\n"), ("ttyS1", "4\n", "N\n"), ("ttyS2", "0\n", "N\n")] {
        let folder = class.path().join(name);
        std::fs::create_dir(&folder).expect("made");
        std::fs::write(folder.join("type"), kind).expect("written");
        std::fs::write(folder.join("console"), console).expect("written");
    }
    let offered = |port: &str| is_built_in(class.path(), port);
    assert!(offered("/dev/ttyS1"));
    assert!(!offered("/dev/ttyS0") && !offered("/dev/ttyS2") && !offered("/dev/ttyS3"));
}
