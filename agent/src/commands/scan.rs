//! `gongzheng-agent scan`: looks for Modbus devices where the installer says, and nowhere else.
//!
//! Constraints:
//! 1. Only addresses and units the user gave, at most [`HOSTS_MAX`] hosts; nothing is broadcast: unit 0 and the network's own broadcast
//!    address cannot be asked.
//! 2. Only reads of one register are sent, at most one new connection per [`PACE`] and [`AT_ONCE`] open at a time, so that neither a switch
//!    nor a controller notices.
//! 3. On a serial line it is the only master: it refuses a port the running agent uses, and says beforehand how long it will take.
//! 4. A refusal (exception) proves a device as well as a value does; silence proves nothing.

mod targets;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use self::targets::{HOSTS_MAX, Units, hosts, lines};
use super::{Told, status};
use crate::config::Config;
use crate::config::device::{Carrier, Link, Parity};
use crate::locale::{Lang, Words, words};
use crate::source::modbus::client::{Ask, Connection, Payload};
use crate::source::modbus::failure::Failure;
use crate::source::modbus::plan::{Area, Request};

/// Options of `scan`.
#[derive(Debug, Args)]
pub struct Options {
    /// 网段或单个地址，例如 192.168.1.0/24 / a subnet or one address
    #[arg(required_unless_present = "serial", conflicts_with = "serial")]
    pub networks: Vec<String>,
    /// TCP 端口 / TCP port
    #[arg(long, default_value_t = 502)]
    pub port: u16,
    /// 串口，例如 /dev/ttyUSB0 / a serial port
    #[arg(long)]
    pub serial: Option<PathBuf>,
    /// 依次试的波特率 / baud rates to try
    #[arg(long, value_delimiter = ',', default_values_t = [9_600, 19_200, 4_800, 2_400, 115_200], value_parser = clap::value_parser!(u32).range(300..=4_000_000))]
    pub bauds: Vec<u32>,
    /// 依次试的校验：none even odd / parities to try
    #[arg(long, value_delimiter = ',', default_values = ["none", "even"], value_parser = targets::parity)]
    pub parities: Vec<Parity>,
    /// 站号，例如 1-16 或 1,5,20-30 / units; TCP: 1; serial: 1-32
    #[arg(long)]
    pub units: Option<Units>,
    /// 每次等待应答的毫秒数 / milliseconds to wait for an answer
    #[arg(long, default_value_t = 300, value_parser = clap::value_parser!(u64).range(50..=5_000))]
    pub timeout_ms: u64,
}

/// Connections open at a time.
const AT_ONCE: usize = 16;
/// Least time between two new connections, and between two questions to one device.
const PACE: Duration = Duration::from_millis(20);

/// Something that answered.
#[derive(Debug)]
struct Found {
    carrier: Carrier,
    unit: u8,
    /// The exception it refused the first register with, if it did.
    refused: Option<u8>,
}

/// Looks and prints what answers as it is found; at the end how many.
///
/// # Errors
/// When there is nothing to scan, a port cannot be opened, or the running agent uses it.
pub async fn run(config: &Path, options: &Options, lang: Lang) -> anyhow::Result<()> {
    let found = match &options.serial {
        Some(port) => serial(config, port, options, lang).await?,
        None => network(options, lang).await?,
    };
    let summary = match (found, lang) {
        (0, Lang::Zh) => "没有设备应答。检查电源、接线（A/B 是否接反）、站号；有的设备只认自己的端口，见说明书".to_owned(),
        (0, Lang::En) => {
            "nothing answered. Check power, wiring (A and B swapped?) and units; some devices use another port, see the manual".to_owned()
        }
        (n, Lang::Zh) => format!("找到 {n} 台。下一步：`gongzheng-agent profiles` 选型号，或 `probe` 对照表面读数"),
        (n, Lang::En) => format!("{n} found. Next: choose a model with `gongzheng-agent profiles`, or compare the meter's face with `probe`"),
    };
    eprintln!("{summary}");
    Ok(())
}

async fn network(options: &Options, lang: Lang) -> Result<usize, Told> {
    let mut wanted = Vec::new();
    for network in &options.networks {
        wanted.extend(hosts(network).map_err(Told)?);
    }
    wanted.sort_unstable();
    wanted.dedup();
    if wanted.len() > HOSTS_MAX {
        let n = wanted.len();
        return Err(Told(words!(
            "共 {n} 个地址，一次最多扫描 {HOSTS_MAX} 个；请把网段写小些",
            "{n} addresses; at most {HOSTS_MAX} are scanned at once: give smaller subnets"
        )));
    }
    let units = options.units.clone().unwrap_or_else(|| Units::from([1]));
    let timeout = Duration::from_millis(options.timeout_ms);
    let (places, mut tasks) = (Arc::new(Semaphore::new(AT_ONCE)), JoinSet::new());
    let mut count = 0;
    for host in wanted {
        let Ok(place) = places.clone().acquire_owned().await else { break };
        let (carrier, units) = (Carrier::Tcp(format!("{host}:{}", options.port)), units.clone());
        tasks.spawn(async move {
            let found = ask_units(carrier, &units, timeout).await.unwrap_or_default();
            drop(place);
            found
        });
        while let Some(Ok(found)) = tasks.try_join_next() {
            count += tell(&found, lang);
        }
        tokio::time::sleep(PACE).await;
    }
    while let Some(done) = tasks.join_next().await {
        count += tell(&done.unwrap_or_default(), lang);
    }
    Ok(count)
}

async fn serial(config: &Path, port: &Path, options: &Options, lang: Lang) -> Result<usize, Told> {
    refuse_a_port_in_use(config, port).await.map_err(Told)?;
    let units = options.units.clone().unwrap_or_else(|| Units::from(1..=32));
    let lines = lines(port, &options.bauds, &options.parities);
    let longest_s = (lines.len() * units.len()) as u64 * (options.timeout_ms + 2 * 20) / 1_000 + 1;
    let (ways, shown) = (lines.len(), port.display());
    eprintln!(
        "{}",
        words!(
            "{shown}：{ways} 种串口参数，每种 {} 个站号，最多约 {longest_s} 秒。线上不能有别的主站（PLC、触摸屏）",
            "{shown}: {ways} settings, {} units each, at most about {longest_s} s. No other master (PLC, panel) may be on this line",
            units.len(),
        )
        .get(lang)
    );
    let timeout = Duration::from_millis(options.timeout_ms);
    let mut count = 0;
    for line in lines {
        let found = ask_units(Carrier::Serial(line), &units, timeout)
            .await
            .map_err(|failure| Told(failure.words("scan", &port.display().to_string(), 0, options.timeout_ms, None)))?;
        count += tell(&found, lang);
        if !found.is_empty() {
            // Devices that hear each other share their settings: other settings would only disturb them.
            break;
        }
    }
    Ok(count)
}

/// Asks each unit of one carrier for one register. A carrier that cannot be opened at all is an error; one that does not open again keeps
/// what was found.
async fn ask_units(carrier: Carrier, units: &Units, timeout: Duration) -> Result<Vec<Found>, Failure> {
    let mut connection = Connection::new(carrier.clone());
    let (mut found, mut is_open) = (Vec::new(), false);
    for unit in units.iter() {
        if connection.is_closed() {
            match connection.open(timeout).await {
                Ok(()) => is_open = true,
                Err(failure) if !is_open => return Err(failure),
                Err(_) => break,
            }
        }
        if let Some(refused) = answers(&mut connection, unit, timeout).await {
            found.push(Found { carrier: carrier.clone(), unit, refused });
        }
        tokio::time::sleep(PACE).await;
    }
    Ok(found)
}

/// Whether a unit answers, and how: `Some(None)` with a value, `Some(Some(code))` with a refusal.
async fn answers(connection: &mut Connection, unit: u8, timeout: Duration) -> Option<Option<u8>> {
    let request = Request { area: Area::Holding, address: 0, count: 1, placed: Vec::new() };
    let ask = Ask { unit, timeout, late: timeout * 2, count_max: 8 };
    match connection.read(ask, &request).await {
        Ok(Payload::Words(_) | Payload::Bits(_)) => Some(None),
        // A gateway says so when nobody is behind it.
        Err(Failure::Refused(0x0A | 0x0B)) => None,
        Err(Failure::Refused(code)) => Some(Some(code)),
        Err(_) => None,
    }
}

fn tell(found: &[Found], lang: Lang) -> usize {
    for device in found {
        println!("{}", describe(device, lang));
    }
    found.len()
}

/// What was found, and the section for the configuration file.
fn describe(found: &Found, lang: Lang) -> String {
    let mut out = String::new();
    let (place, unit) = (&found.carrier, found.unit);
    let how = match found.refused {
        None => lang.pick("有应答", "answers").to_owned(),
        Some(code) => format!("{} {code}", lang.pick("有应答，异常码", "answers with exception")),
    };
    let _ = writeln!(out, "# {place}  {} {unit}: {how}", lang.pick("站号", "unit"));
    let _ = writeln!(out, "[[device]]\nname = \"device-{unit}\"");
    match &found.carrier {
        Carrier::Serial(port) => {
            let parity = targets::parity_name(port.parity);
            let (path, baud, stop) = (port.path.display(), port.baud, port.stop_bits);
            let _ = writeln!(
                out,
                "protocol = \"modbus_rtu\"\nport = \"{path}\"\nbaud = {baud}\nparity = \"{parity}\"\nstop_bits = {stop}"
            );
        }
        Carrier::Tcp(address) | Carrier::RtuOverTcp(address) => {
            let _ = writeln!(out, "protocol = \"modbus_tcp\"\naddress = \"{address}\"");
        }
    }
    let _ = writeln!(out, "unit = {unit}");
    out
}

/// Two masters on one line garble each other: a port of the running agent is not scanned.
async fn refuse_a_port_in_use(config: &Path, port: &Path) -> Result<(), Words> {
    let Ok((config, _)) = Config::load(config) else { return Ok(()) };
    let uses = config.devices.iter().any(|device| match &device.link {
        Link::Modbus(link) => matches!(&link.carrier, Carrier::Serial(serial) if serial.path == port),
        Link::OpcUa(_) => false,
    });
    let Some(listen) = config.page.listen.as_deref().filter(|_| uses) else { return Ok(()) };
    if status::ask(listen).await.is_err() {
        return Ok(());
    }
    let shown = port.display();
    Err(words!(
        "{shown} 正由运行中的网关程序使用，同时扫描会互相干扰。先停下它：`systemctl stop gongzheng-agent`",
        "{shown} is in use by the running agent; both would garble each other. Stop it first: `systemctl stop gongzheng-agent`"
    ))
}

#[cfg(test)]
mod tests;
