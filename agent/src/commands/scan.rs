//! `gongzheng-agent scan`: looks for Modbus devices where the installer says, and nowhere else.
//!
//! Constraints:
//! 1. Only addresses and units the user gave, at most [`HOSTS_MAX`] hosts; nothing is broadcast: unit 0 and the network's own broadcast
//!    address cannot be asked.
//! 2. Only reads of a few registers are sent, at most one new connection per [`PACE`] and [`AT_ONCE`] open at a time, so that neither a switch
//!    nor a controller notices.
//! 3. On a serial line it is the only master: it refuses a port the running agent uses, and says beforehand how long it will take.
//! 4. A refusal (exception) proves a device as well as a value does; silence proves nothing.
//! 5. What answers is read a little more, to see which profiles fit; the person decides.

pub(crate) mod targets;

use std::fmt::Write as _;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;

use self::targets::{HOSTS_MAX, Units, hosts, lines};
use super::{Told, status};
use crate::config::Config;
use crate::config::device::{Carrier, Parity, SerialPort};
use crate::locale::{Lang, Words, words};
use crate::profile::fingerprint::{self, Answers, Outcome};
use crate::profile::{self, Profile};
use crate::setup::draft::Draft;
use crate::source::failure::Failure;
use crate::source::lending::Lending;
use crate::source::modbus::client::{Ask, Connection, Payload};
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
pub(crate) struct Found {
    /// Where.
    carrier: Carrier,
    /// Unit number.
    unit: u8,
    /// The exception it refused the first register with, if it did.
    refused: Option<u8>,
    /// Profiles that fit, best first: id, title, and why.
    pub(crate) suggested: Vec<Suggested>,
}

/// A profile that fits what a device answered.
#[derive(Debug)]
pub(crate) struct Suggested {
    pub(crate) id: String,
    pub(crate) title: Words,
    pub(crate) why: Vec<Words>,
}

/// Looks and prints what answers as it is found; at the end how many.
///
/// # Errors
/// When there is nothing to scan, a port cannot be opened, or the running agent uses it.
pub async fn run(config: &Path, options: &Options, lang: Lang) -> anyhow::Result<()> {
    let timeout = Duration::from_millis(options.timeout_ms);
    let (target, usual) = match &options.serial {
        Some(port) => {
            let config = Config::load(config).ok().map(|(config, _)| config);
            (Target::serial(config.as_ref(), port, &options.bauds, &options.parities).await, Units::from(1..=32))
        }
        None => (Target::network(&options.networks, options.port), Units::from(1..=1)),
    };
    let target = target.map_err(Told)?;
    let units = options.units.clone().unwrap_or(usual);
    let longest_s = target.longest_s(&units, timeout);
    let mut opening = words!("最多约 {longest_s} 秒。", "at most about {longest_s} s.");
    if options.serial.is_some() {
        opening.zh += "线上不能有别的主站（PLC、触摸屏）。";
        opening.en += " No other master (PLC, panel) may be on this line.";
    }
    eprintln!("{}", opening.get(lang));
    let (sender, mut receiver) = mpsc::channel(AT_ONCE);
    let search = async move { look(target, &units, timeout, &sender).await };
    let print = async {
        let mut count = 0;
        while let Some(device) = receiver.recv().await {
            for line in device.how(lang).lines() {
                println!("# {line}");
            }
            println!("{}", device.draft().section());
            count += 1;
        }
        count
    };
    let (searched, count) = tokio::join!(search, print);
    searched.map_err(Told)?;
    eprintln!("{}", summary(count).get(lang));
    Ok(())
}

/// What to do next.
pub(crate) fn summary(count: usize) -> Words {
    match count {
        0 => words!(
            "没有设备应答。检查电源、接线（A/B 是否接反）、站号；有的设备用别的端口，见说明书",
            "nothing answered. Check power, wiring (A and B swapped?) and units; some devices use another port, see the manual"
        ),
        n => words!(
            "找到 {n} 台。下一步：用 `gongzheng-agent profiles` 选型号，或用 `probe` 对照表面读数",
            "{n} found. Next: choose a model with `gongzheng-agent profiles`, or compare the meter's face with `probe`"
        ),
    }
}

/// Where to look.
#[derive(Debug)]
pub(crate) enum Target {
    /// Hosts of a network.
    Network {
        /// Each once.
        hosts: Vec<Ipv4Addr>,
        /// TCP port.
        port: u16,
    },
    /// One serial port, with these settings one after the other.
    Serial(Vec<SerialPort>),
}

impl Target {
    /// The hosts of these subnets and addresses.
    ///
    /// # Errors
    /// A subnet that is none, or more hosts than one scan may have.
    pub(crate) fn network(networks: &[String], port: u16) -> Result<Self, Words> {
        let mut wanted = Vec::new();
        for network in networks {
            wanted.extend(hosts(network)?);
        }
        wanted.sort_unstable();
        wanted.dedup();
        if wanted.len() > HOSTS_MAX {
            let n = wanted.len();
            return Err(words!(
                "共 {n} 个地址，一次最多扫描 {HOSTS_MAX} 个；请把网段写小些",
                "{n} addresses; at most {HOSTS_MAX} are scanned at once: give smaller subnets"
            ));
        }
        Ok(Self::Network { hosts: wanted, port })
    }

    /// A serial port, if the running agent of this configuration does not use it; the page of that agent can borrow it instead.
    ///
    /// # Errors
    /// It does: two masters on one line garble each other.
    pub(crate) async fn serial(
        config: Option<&Config>,
        port: &Path,
        bauds: &[u32],
        parities: &[Parity],
    ) -> Result<Self, Words> {
        match config {
            Some(config) if is_in_use(config, port).await => {
                let shown = port.display();
                Err(words!(
                    "{shown} 正由运行中的网关程序使用，同时扫描会互相干扰。在它的页面上查找（`/setup`，查找期间它让出这条线），或先停下它：`sudo systemctl stop gongzheng-agent`，再用 `sudo -u gongzheng gongzheng-agent scan --serial {shown}` 查找，把打印的一段贴到配置文件末尾，然后重新启动",
                    "{shown} is in use by the running agent; both would garble each other. Search on its page (`/setup`: it gives the line away meanwhile), or stop it first: `sudo systemctl stop gongzheng-agent`; then search with `sudo -u gongzheng gongzheng-agent scan --serial {shown}`, paste the section it prints at the end of the configuration file, and start the agent again"
                ))
            }
            _ => Ok(Self::Serial(lines(port, bauds, parities))),
        }
    }

    /// The longest it can take, seconds.
    pub(crate) fn longest_s(&self, units: &Units, timeout: Duration) -> u64 {
        let (ways, at_once) = match self {
            Self::Network { hosts, .. } => (hosts.len(), AT_ONCE),
            Self::Serial(lines) => (lines.len(), 1),
        };
        let all = (timeout + PACE * 2) * u32::try_from(units.len() * ways.div_ceil(at_once)).unwrap_or(u32::MAX);
        all.as_secs() + 1
    }
}

/// Looks for devices and sends each as it is found.
///
/// # Errors
/// When the serial port cannot be opened.
pub(crate) async fn look(
    target: Target,
    units: &Units,
    timeout: Duration,
    found: &mpsc::Sender<Found>,
) -> Result<(), Words> {
    // Read once: for every address of a subnet it would keep a small processor from reading its machines meanwhile.
    let profiles: Arc<[Profile]> = profile::all().unwrap_or_default().into();
    match target {
        Target::Network { hosts, port } => {
            let (places, mut tasks) = (Arc::new(Semaphore::new(AT_ONCE)), JoinSet::new());
            for host in hosts {
                let Ok(place) = places.clone().acquire_owned().await else { break };
                let (carrier, units, found) = (Carrier::Tcp(format!("{host}:{port}")), units.clone(), found.clone());
                let profiles = profiles.clone();
                tasks.spawn(async move {
                    // Most addresses of a subnet have nobody: that is no trouble.
                    let _ = ask_units(&carrier, &units, timeout, &profiles, &found).await;
                    drop(place);
                });
                tokio::time::sleep(PACE).await;
            }
            while tasks.join_next().await.is_some() {}
        }
        Target::Serial(lines) => {
            for line in lines {
                let place = line.path.display().to_string();
                let count = ask_units(&Carrier::Serial(line), units, timeout, &profiles, found).await;
                let count = count.map_err(|failure| {
                    failure
                        .connection_words("scan", &place)
                        .unwrap_or_else(|| words!("{place} 没有应答", "{place} does not answer"))
                })?;
                if count > 0 {
                    // Devices that hear each other share their settings: other settings would only disturb them.
                    break;
                }
            }
        }
    }
    Ok(())
}

/// Asks each unit of one carrier for one register; how many answer. A carrier that cannot be opened at all is an error; one that does not
/// open again keeps what was found.
async fn ask_units(
    carrier: &Carrier,
    units: &Units,
    timeout: Duration,
    profiles: &[Profile],
    found: &mpsc::Sender<Found>,
) -> Result<usize, Failure> {
    let mut connection = Connection::new(carrier.clone());
    let (mut count, mut is_open) = (0, false);
    for unit in units.iter() {
        if connection.is_closed() {
            match connection.open(timeout, Duration::ZERO).await {
                Ok(()) => is_open = true,
                Err(failure) if !is_open => return Err(failure),
                Err(_) => break,
            }
        }
        if let Some(refused) = answers(&mut connection, unit, timeout).await {
            count += 1;
            let suggested = identify(&mut connection, profiles, unit, timeout).await;
            if found.send(Found { carrier: carrier.clone(), unit, refused, suggested }).await.is_err() {
                // Nobody listens any more.
                break;
            }
        }
        tokio::time::sleep(PACE).await;
    }
    Ok(count)
}

/// Whether a unit answers, and how: `Some(None)` with a value, `Some(Some(code))` with a refusal.
async fn answers(connection: &mut Connection, unit: u8, timeout: Duration) -> Option<Option<u8>> {
    let request = Request { area: Area::Holding, address: 0, count: 1, placed: Vec::new() };
    let ask = Ask { unit, timeout, late: timeout * 2, count_max: 8, pause: PACE };
    match connection.read(ask, &request).await {
        Ok(Payload::Words(_) | Payload::Bits(_)) => Some(None),
        // A gateway says so when nobody is behind it.
        Err(Failure::Refused(0x0A | 0x0B)) => None,
        Err(Failure::Refused(code)) => Some(Some(code)),
        Err(_) => None,
    }
}

/// Makes the small reads by which profiles are told apart. The first silence ends it: the device may be busy elsewhere.
async fn identify(connection: &mut Connection, profiles: &[Profile], unit: u8, timeout: Duration) -> Vec<Suggested> {
    let mut answers = Answers::default();
    for read in fingerprint::reads(profiles) {
        tokio::time::sleep(PACE).await;
        if connection.is_closed() && connection.open(timeout, Duration::ZERO).await.is_err() {
            break;
        }
        let request = Request { area: read.area, address: read.address, count: read.count, placed: Vec::new() };
        let ask = Ask { unit, timeout, late: timeout * 2, count_max: read.count, pause: PACE };
        let outcome = match connection.read(ask, &request).await {
            Ok(Payload::Words(words)) => Outcome::Words(words),
            Err(Failure::Refused(_)) => Outcome::Refused,
            _ => break,
        };
        answers.reads.insert(read, outcome);
    }
    let fits = fingerprint::suggest(profiles, &answers).into_iter();
    fits.map(|s| Suggested { id: s.profile.id.clone(), title: s.profile.title.clone(), why: s.why }).collect()
}

impl Found {
    /// Where and how it answered.
    pub(crate) fn answer(&self, lang: Lang) -> String {
        let (place, unit) = (&self.carrier, self.unit);
        // Many devices have nothing at the first register asked for: that is no fault of theirs.
        let how = match (self.refused, lang) {
            (None, Lang::Zh) => "有应答".to_owned(),
            (None, Lang::En) => "answers".to_owned(),
            (Some(code), Lang::Zh) => format!("有应答（没有所问的寄存器，异常码 {code}，属正常）"),
            (Some(code), Lang::En) => {
                format!("answers (not with the register asked for, exception {code}: that is normal)")
            }
        };
        format!("{place} {} {unit}: {how}", lang.pick("站号", "unit"))
    }

    /// The same with the profiles that fit, for a terminal.
    pub(crate) fn how(&self, lang: Lang) -> String {
        let mut text = self.answer(lang);
        for fit in &self.suggested {
            let why: Vec<&str> = fit.why.iter().map(|w| w.get(lang)).collect();
            let (id, title, why) = (&fit.id, fit.title.get(lang), why.join("; "));
            let _ = match lang {
                Lang::Zh => write!(text, "\n可能是 {title}（profile = \"{id}\"）：{why}"),
                Lang::En => write!(text, "\nmay be: {title} (profile = \"{id}\"): {why}"),
            };
        }
        text
    }

    /// The device as far as it is known.
    pub(crate) fn draft(&self) -> Draft {
        let unit = self.unit.to_string();
        let draft = Draft::default().with("name", &format!("device-{unit}")).with("unit", &unit);
        // Only when one fits is it likely enough to be written for the person.
        let draft = match &self.suggested[..] {
            [only] => draft.with("profile", &only.id),
            _ => draft,
        };
        match &self.carrier {
            Carrier::Serial(port) => draft
                .with("protocol", "modbus_rtu")
                .with("port", &port.path.to_string_lossy())
                .with("baud", &port.baud.to_string())
                .with("parity", targets::parity_name(port.parity))
                .with("stop_bits", &port.stop_bits.to_string()),
            Carrier::Tcp(address) => draft.with("protocol", "modbus_tcp").with("address", address),
            Carrier::RtuOverTcp(address) => draft.with("protocol", "modbus_rtu_over_tcp").with("address", address),
            // Who dials in cannot be searched for.
            Carrier::Dtu(_) => draft.with("protocol", "modbus_rtu_over_tcp"),
        }
    }
}

async fn is_in_use(config: &Config, port: &Path) -> bool {
    let uses = Lending::new(config).settings(port).is_some();
    match config.page.listen.as_deref().filter(|_| uses) {
        Some(listen) => status::ask(listen).await.is_ok(),
        None => false,
    }
}

#[cfg(test)]
mod tests;
