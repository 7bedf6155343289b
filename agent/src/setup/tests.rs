//! The steps as a browser takes them, against a real device on a real port.

use tokio::io::AsyncReadExt as _;
use tokio::net::TcpListener;

use super::*;

const HEAD: &str = "[gateway]\nstate_dir = \"/tmp/gz-none\"\n";

fn config(dir: &Path) -> Config {
    let file = dir.join("agent.toml");
    std::fs::write(&file, HEAD).expect("write");
    Config::load(&file).expect("valid").0
}

async fn get(path: &str, form: &str, is_post: bool, config: &Config, restart: &Restart) -> String {
    let mut out = std::io::Cursor::new(Vec::new());
    let step = Step { path, form, is_post, lang: Lang::Zh };
    answer(&mut out, &step, config, restart).await.expect("written");
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
    assert!(read.contains("<td>frequency</td><td><span class=\"v\">") && !read.contains("class=\"bad\""), "{read}");

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
