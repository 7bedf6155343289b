//! Guided first setup on the local page: find the device, choose its profile, see a live value, compare it with the meter's face, name it.
//!
//! Constraints:
//! 1. For whoever sits at this box: the page must listen on loopback, the browser must come from loopback and name it as such (a foreign web
//!    page, or a name that resolves to 127.0.0.1, is refused), and the file must say so ([`crate::config::Page::setup`]).
//! 2. Devices are only read, with the same code as everywhere else; nothing is asked that the person did not point at.
//! 3. The one thing it changes is the configuration file: a section is added at its end, after the whole new file was checked as
//!    `gongzheng-agent check` does, and the file is replaced in one step. Then the agent starts itself again, which is evidence.
//! 4. A serial line that the agent reads is borrowed from it ([`crate::source::lending`]): two masters would garble each other.
//! 5. Works without script; what takes long is written to the browser while it is found.
//!
//! [`draft`] is what the person has said so far (pure), [`file`] adds it to the configuration, [`view`] draws the steps (pure).

pub mod draft;
pub mod file;
#[cfg(test)]
mod tests;
mod view;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::io::{AsyncWrite, AsyncWriteExt as _};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use self::draft::Draft;
use crate::commands::scan::targets::{Units, lines, parity};
use crate::commands::scan::{self, Target};
use crate::config::Config;
use crate::config::device::{Carrier, Device, Link};
use crate::locale::{Lang, Words, words};
use crate::page;
use crate::profile::{self, Profile};
use crate::source::lending::Lending;
use crate::source::once;

/// How long one question of a search waits.
const TIMEOUT: Duration = Duration::from_millis(300);
/// The browser that was told of the restart still fetches what the answer looks with.
const FAREWELL: Duration = Duration::from_secs(1);
/// Longest life of a connection that looks for devices.
pub const CONNECTION_LIMIT: Duration = Duration::from_secs(180);
/// Longest body of a form.
pub const BODY_BYTES_MAX: usize = 4_096;

/// How the page asks the agent to start again.
#[derive(Clone, Debug)]
pub struct Restart {
    wanted: Arc<AtomicBool>,
    shutdown: CancellationToken,
}

impl Restart {
    /// Ends the run through `shutdown`.
    pub fn new(shutdown: CancellationToken) -> Self {
        Self { wanted: Arc::default(), shutdown }
    }

    /// Asks for it; it begins after [`FAREWELL`].
    pub fn ask(&self) {
        self.wanted.store(true, Ordering::SeqCst);
        let shutdown = self.shutdown.clone();
        tokio::spawn(async move {
            tokio::time::sleep(FAREWELL).await;
            shutdown.cancel();
        });
    }

    /// Whether it was asked for.
    pub fn is_wanted(&self) -> bool {
        self.wanted.load(Ordering::SeqCst)
    }
}

/// A request for one of the steps.
pub struct Step<'a> {
    /// The path, beginning with `/setup`.
    pub path: &'a str,
    /// Query, or the body of a form that was posted.
    pub form: &'a str,
    /// It was posted.
    pub is_post: bool,
    /// The reader's language.
    pub lang: Lang,
}

/// Answers a step; what takes long is written as it is found.
///
/// # Errors
/// The browser hung up.
pub async fn answer(
    stream: &mut (impl AsyncWrite + Unpin),
    step: &Step<'_>,
    config: &Config,
    lending: &Lending,
    restart: &Restart,
) -> std::io::Result<()> {
    let (lang, draft) = (step.lang, Draft::parse(step.form));
    match (step.path, step.is_post) {
        ("/setup", false) => write(stream, &view::start(&serial_ports(), lang)).await,
        ("/setup/find", false) => find(stream, step, config, lending).await,
        ("/setup/read", false) => read(stream, draft, config, lending, lang).await,
        ("/setup/add", true) => {
            let added = add(&draft, config);
            let said = match &added {
                Ok(()) => view::saved(draft.get("name"), lang),
                Err(reasons) => view::refusal(reasons, lang),
            };
            let written = write(stream, &(view::head(4, lang) + &said + view::FOOT)).await;
            if added.is_ok() {
                restart.ask();
            }
            written
        }
        _ => {
            let nowhere = [words!("没有这一步", "there is no such step")];
            write(stream, &(view::head(1, lang) + &view::refusal(&nowhere, lang) + view::FOOT)).await
        }
    }
}

async fn write(stream: &mut (impl AsyncWrite + Unpin), text: &str) -> std::io::Result<()> {
    stream.write_all(text.as_bytes()).await?;
    stream.flush().await
}

/// Serial ports this box has, each once: under its lasting name where it has one.
fn serial_ports() -> Vec<String> {
    let list = |folder: &str, prefixes: &[&str]| {
        let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
        let names = entries.filter_map(|e| e.file_name().into_string().ok());
        let mut found: Vec<String> = names
            .filter(|name| prefixes.iter().any(|prefix| name.starts_with(prefix)))
            .map(|name| format!("{folder}/{name}"))
            .collect();
        found.sort();
        found
    };
    let mut ports = list("/dev/serial/by-id", &[""]);
    let named: Vec<_> = ports.iter().filter_map(|port| std::fs::canonicalize(port).ok()).collect();
    let built_in = list("/dev", &["ttyS"]).into_iter().filter(|port| is_built_in(Path::new("/sys/class/tty"), port));
    let others = list("/dev", &["ttyUSB", "ttyACM", "ttyAMA", "ttymxc", "ttyAS", "ttyWK"]).into_iter().chain(built_in);
    ports.extend(others.filter(|port| !named.iter().any(|known| known == Path::new(port))));
    ports
}

/// Whether a `ttyS` is there (the kernel makes four names on any box) and not the system's own console.
fn is_built_in(class: &Path, port: &str) -> bool {
    let Some(name) = Path::new(port).file_name() else { return false };
    let says = |what: &str| std::fs::read_to_string(class.join(name).join(what)).unwrap_or_default();
    !matches!(says("type").trim(), "" | "0") && says("console").trim() != "Y"
}

async fn find(
    stream: &mut (impl AsyncWrite + Unpin),
    step: &Step<'_>,
    config: &Config,
    lending: &Lending,
) -> std::io::Result<()> {
    let lang = step.lang;
    let said: Vec<(String, String)> = draft::pairs(step.form).collect();
    let get = |key: &str| said.iter().find(|(k, _)| k == key).map_or("", |(_, value)| value.trim());
    write(stream, &view::head(1, lang)).await?;
    let port = Path::new(get("serial"));
    let members = members(config, lending, port);
    let units = get("units").parse::<Units>().map_err(|why| Words::new(why.clone(), why));
    let (target, units) = match (target(&get, lending, &members), units) {
        (Ok(_), Ok(units)) if units.iter().all(|unit| members.iter().any(|(known, _)| *known == unit)) => {
            let known = words!("所填站号都已在读取", "all these units are read already");
            let told = view::shared_line(&members, lang) + &view::refusal(&[known], lang);
            return write(stream, &(told + view::FOOT)).await;
        }
        (Ok(target), Ok(units)) => (target, units.without(&members)),
        (target, units) => {
            let reasons: Vec<Words> = target.err().into_iter().chain(units.err()).collect();
            return write(stream, &(view::refusal(&reasons, lang) + view::FOOT)).await;
        }
    };
    if !members.is_empty() {
        write(stream, &view::shared_line(&members, lang)).await?;
    }
    let _loan = lending.borrow(port).await;
    let longest_s = target.longest_s(&units, TIMEOUT);
    let opening = words!("正在查找，最多约 {longest_s} 秒……", "Searching, at most about {longest_s} s …");
    write(stream, &format!("<p>{}</p><ul>", opening.get(lang))).await?;
    let (sender, mut receiver) = mpsc::channel(16);
    let search = async move { scan::look(target, &units, TIMEOUT, &sender).await };
    let show = async {
        let mut count = 0;
        while let Some(device) = receiver.recv().await {
            count += 1;
            write(stream, &view::found(&device, lang)).await?;
        }
        std::io::Result::Ok(count)
    };
    // Who hung up ends the search, and gives the line back.
    let (searched, count) = tokio::try_join!(async { Ok(search.await) }, show)?;
    let ending = match searched {
        Ok(()) => view::ending(count, lang),
        Err(words) => view::refusal(&[words], lang),
    };
    write(stream, &format!("</ul>{ending}{}", view::FOOT)).await
}

/// The devices that are read on `port` already, with their units.
fn members<'c>(config: &'c Config, lending: &Lending, port: &Path) -> Vec<(u8, &'c str)> {
    let Some(shared) = lending.settings(port) else { return Vec::new() };
    let read = config.devices.iter().filter_map(|device| match &device.link {
        Link::Modbus(link) if link.carrier == Carrier::Serial(shared.clone()) => {
            Some((link.unit, device.name.as_str()))
        }
        _ => None,
    });
    read.collect()
}

fn target<'a>(get: &impl Fn(&str) -> &'a str, lending: &Lending, members: &[(u8, &str)]) -> Result<Target, Words> {
    if get("serial").is_empty() {
        let port = get("port").parse().map_err(|_| words!("端口是 1 到 65535", "a port is 1 to 65535"))?;
        return Target::network(&[get("network").to_owned()], port);
    }
    let bauds: Result<Vec<u32>, _> = get("bauds").split(',').map(|baud| baud.trim().parse()).collect();
    let bauds = bauds.map_err(|_| words!("波特率写成 9600 或 9600,19200", "write baud rates as 9600 or 9600,19200"))?;
    let parity = parity(get("parity")).map_err(|why| Words::new(why.clone(), why))?;
    let port = Path::new(get("serial"));
    if lending.settings(port).is_some() && members.is_empty() {
        return Err(words!(
            "这条线上读的是 DL/T 645 电能表，一条线只能用一种协议。再加一块电能表，请在“DL/T 645 电能表”一栏填表号",
            "this line reads DL/T 645 meters, and one line carries one protocol. Add a further meter by its number under \"A DL/T 645 energy meter\""
        ));
    }
    // What hears a line that is read already has its settings.
    let shared = lending.settings(port).map(|shared| vec![shared.clone()]);
    Ok(Target::Serial(shared.unwrap_or_else(|| lines(port, &bauds, &[parity]))))
}

async fn read(
    stream: &mut (impl AsyncWrite + Unpin),
    draft: Draft,
    config: &Config,
    lending: &Lending,
    lang: Lang,
) -> std::io::Result<()> {
    let draft = if draft.get("name").is_empty() { draft.with("name", "device-1") } else { draft };
    let step = if draft.get("profile").is_empty() { 2 } else { 3 };
    write(stream, &(view::head(step, lang) + &view::profiles(&known_profiles(&draft), &draft, lang))).await?;
    let text = format!("[gateway]\nstate_dir = \".\"\n{}", draft.section());
    let ending = match Config::parse(&text, &config.file) {
        Err(problems) => {
            let reasons: Vec<Words> = problems.list.iter().map(file::told).collect();
            view::refusal(&reasons, lang)
        }
        Ok((alone, _)) => match alone.devices.first().filter(|device| !device.tags.is_empty()) {
            // Two conversations with one device on one line would take each other's late answers for their own.
            Some(device) if lending.settings(port(device)).is_some() && is_read(config, device) => {
                let known = words!("这台设备已在读取", "this device is read already");
                view::refusal(&[known], lang)
            }
            Some(device) => {
                let pki = config.gateway.state_dir.join("pki").join(&device.name);
                let loan = lending.borrow(port(device)).await;
                let values = once::read(device, &pki).await;
                drop(loan);
                let next = match values.iter().any(Result::is_ok) {
                    true => view::save(&draft, lang),
                    false => view::refusal(&[nothing_read()], lang),
                };
                view::values(device, &values, lang) + &next
            }
            None => {
                let hint = words!(
                    "选好型号再读取。列表里没有的设备：用 `gongzheng-agent probe` 对照寄存器，再把数据点写进配置文件",
                    "Choose a profile and read. For a device that is not in the list, compare registers with `gongzheng-agent probe` and write its tags into the configuration file"
                );
                format!("<p>{}</p>", page::view::escape(hint.get(lang)))
            }
        },
    };
    write(stream, &(ending + view::FOOT)).await
}

/// The serial port of a device; empty where it has none.
fn port(device: &Device) -> &Path {
    match device.link.carrier() {
        Some(Carrier::Serial(port)) => &port.path,
        _ => Path::new(""),
    }
}

/// Whether the device at this place on a line is one of the configuration's.
fn is_read(config: &Config, device: &Device) -> bool {
    config.devices.iter().any(|known| match (&known.link, &device.link) {
        (Link::Modbus(a), Link::Modbus(b)) => (a.unit, &a.carrier) == (b.unit, &b.carrier),
        (Link::Dlt645(a), Link::Dlt645(b)) => (a.meter, &a.carrier) == (b.meter, &b.carrier),
        _ => false,
    })
}

fn nothing_read() -> Words {
    words!(
        "一个数值也没有读到，不能保存。换一个型号，或检查地址、站号和接线",
        "not one value was read, so there is nothing to save. Choose another profile, or check address, unit and wiring"
    )
}

/// Profiles for the protocol of the draft.
fn known_profiles(draft: &Draft) -> Vec<Profile> {
    let spoken = match draft.get("protocol") {
        "opcua" => profile::Protocol::OpcUa,
        "dlt645" => profile::Protocol::Dlt645,
        _ => profile::Protocol::Modbus,
    };
    profile::all().unwrap_or_default().into_iter().filter(|p| p.protocol == spoken).collect()
}

fn add(draft: &Draft, config: &Config) -> Result<(), Vec<Words>> {
    let text = file::extended(&config.file, &draft.section())?;
    file::replace(&config.file, &text).map_err(|words| vec![words])
}
