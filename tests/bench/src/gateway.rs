//! The agent itself under load, and Node-RED with its Modbus nodes beside it: the same Modbus TCP devices that answer at once, 1,000 and
//! 10,000 tags every second and more; processor time and memory as the kernel counts them. The agent signs, keeps and delivers to a real
//! server with receipts; Node-RED publishes what it read to an MQTT endpoint that acknowledges at once and keeps nothing.

use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use tests::stack::{Options, Stack};
use tests::wait;

use crate::measure::Table;
use crate::node_red;

/// Tags of one device: what a large PLC has.
pub(crate) const TAGS_PER_DEVICE: usize = 1_000;
/// How long a load is watched.
pub(crate) const WATCHED: Duration = Duration::from_secs(60);

/// What a gateway is asked to read.
#[derive(Clone, Copy)]
pub(crate) struct Load {
    /// Tags, one register each.
    pub(crate) tags: usize,
    /// How often each.
    pub(crate) interval_ms: usize,
}

impl Load {
    pub(crate) fn per_second(self) -> usize {
        self.tags * 1_000 / self.interval_ms
    }

    pub(crate) fn devices(self) -> usize {
        self.tags / TAGS_PER_DEVICE
    }
}

/// How a gateway bore it.
pub(crate) struct Borne {
    /// Processor time over time.
    pub(crate) share: f64,
    /// Resident memory at the end, bytes.
    pub(crate) resident: u64,
    /// Registers the devices gave out, of those that were due.
    pub(crate) read: f64,
    pub(crate) remark: String,
}

/// Watches a process that reads from `devices`.
pub(crate) fn watch(pid: u32, load: Load, devices: &Devices) -> Result<Borne> {
    let (before, served, start) = (usage(pid)?, devices.served(), Instant::now());
    wait::pause(WATCHED);
    let (after, elapsed) = (usage(pid)?, start.elapsed().as_secs_f64());
    let due = load.per_second() as f64 * elapsed;
    Ok(Borne {
        share: (after.0 - before.0).as_secs_f64() / elapsed,
        resident: after.1,
        read: (devices.served() - served) as f64 / due,
        remark: String::new(),
    })
}

/// Modbus TCP devices that answer every read at once with registers that change every second.
pub(crate) struct Devices {
    pub(crate) ports: Vec<u16>,
    served: Arc<AtomicU64>,
}

impl Devices {
    pub(crate) fn start(count: usize) -> Result<Self> {
        let served = Arc::new(AtomicU64::new(0));
        let ports = (0..count).map(|_| device(served.clone())).collect::<Result<_>>()?;
        Ok(Self { ports, served })
    }

    /// Registers given out so far.
    fn served(&self) -> u64 {
        self.served.load(Ordering::Relaxed)
    }
}

/// Processor time used so far, and resident memory, bytes.
pub(crate) fn usage(pid: u32) -> Result<(Duration, u64)> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // The program's name may hold spaces; what follows its closing bracket does not.
    let fields: Vec<&str> = stat.rsplit_once(')').context("/proc/…/stat")?.1.split_whitespace().collect();
    let ticks = fields.get(11).context("utime")?.parse::<u64>()? + fields.get(12).context("stime")?.parse::<u64>()?;
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let resident = status.lines().find_map(|l| l.strip_prefix("VmRSS:")).and_then(|l| l.trim().split(' ').next());
    Ok((Duration::from_millis(ticks * 10), resident.context("VmRSS")?.parse::<u64>()? * 1024))
}

fn device(served: Arc<AtomicU64>) -> Result<u16> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let port = listener.local_addr()?.port();
    std::thread::spawn(move || {
        let start = Instant::now();
        for stream in listener.incoming().flatten() {
            let served = served.clone();
            std::thread::spawn(move || answer(stream, start, &served));
        }
    });
    Ok(port)
}

fn answer(mut stream: TcpStream, start: Instant, served: &AtomicU64) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut request = [0_u8; 12];
    loop {
        stream.read_exact(&mut request)?;
        let first = u16::from_be_bytes([request[8], request[9]]);
        let count = u16::from_be_bytes([request[10], request[11]]);
        let bytes = u8::try_from(count * 2).unwrap_or(250);
        let mut reply = Vec::with_capacity(9 + usize::from(bytes));
        reply.extend_from_slice(&request[..4]);
        reply.extend_from_slice(&(u16::from(bytes) + 3).to_be_bytes());
        reply.extend_from_slice(&[request[6], request[7], bytes]);
        let second = start.elapsed().as_secs() as u16;
        for register in first..first + count {
            reply.extend_from_slice(
                &(register.wrapping_mul(31).wrapping_add(second / (1 + register % 5))).to_be_bytes(),
            );
        }
        stream.write_all(&reply)?;
        served.fetch_add(count.into(), Ordering::Relaxed);
    }
}

/// The agent under a load, enrolled at a real server and delivering.
fn ours(load: Load) -> Result<Borne> {
    let folder = tempfile::tempdir_in(tests::repo::program_dir())?;
    let options = Options {
        workshop: &["--rest-day", "none"],
        seal_ms: 10_000,
        reserve_mib: 4,
        devices: &["press"],
        ..Options::default()
    };
    let mut stack = Stack::start(folder.path(), &options)?;
    let file = folder.path().join("agent.toml");
    let text = std::fs::read_to_string(&file)?;
    let head = &text[..text.find("[[device]]").context("the configuration has a device")?];
    let mut config = head.to_owned();
    let (devices, interval_ms) = (Devices::start(load.devices())?, load.interval_ms);
    for (number, port) in devices.ports.iter().enumerate() {
        let _ = writeln!(
            config,
            "[[device]]\nname = \"d{number}\"\nprotocol = \"modbus_tcp\"\naddress = \"127.0.0.1:{port}\"\nunit = 1\ninterval_ms = {interval_ms}\n"
        );
        for tag in 0..TAGS_PER_DEVICE {
            let _ = writeln!(
                config,
                "[[device.tag]]\nname = \"t{tag}\"\narea = \"holding\"\naddress = {tag}\ntype = \"u16\"\n"
            );
        }
    }
    std::fs::write(&file, config)?;
    stack.enrol_and_start_agent()?;
    let pid = stack.agent_id().context("the agent runs")?;
    // Connections, configuration record and first batches are behind us after the second seal.
    wait::pause(Duration::from_secs(21));
    let mut borne = watch(pid, load, &devices)?;
    borne.remark = format!("{} readings under a checkpoint meanwhile", stack.evidence()?.readings.len());
    stack.stop()?;
    Ok(borne)
}

/// What was read of what was due, at least, for a rate to count as sustained: one poll of a minute may fall outside the watch.
const SUSTAINED: f64 = 0.98;

pub(crate) fn run(table: &mut Table) -> Result<()> {
    let loads = [
        (1_000, 1_000),
        (10_000, 1_000),
        (10_000, 500),
        (10_000, 200),
        (10_000, 100),
        // As much as the agent's configuration may ask of one gateway.
        (20_000, 100),
    ];
    let loads = loads.map(|(tags, interval_ms)| Load { tags, interval_ms });
    let (mut mine, mut theirs) = (Sustained::default(), Sustained::default());
    for load in loads {
        if mine.goes_on() {
            let budget = match load.per_second() {
                1_000 => ("—", "≤ 12 MB"),
                10_000 => ("≤ 3 %", "≤ 40 MB"),
                _ => ("—", "—"),
            };
            let borne = ours(load)?;
            rows(table, "agent", load, &borne, budget);
            mine.note(load, &borne);
        }
        if theirs.goes_on()
            && let Some(borne) = node_red::under(load)?
        {
            rows(table, "Node-RED", load, &borne, ("≥ 5× the agent's", "≥ 5× the agent's"));
            theirs.note(load, &borne);
        }
    }
    for (who, sustained) in [("agent", mine), ("Node-RED", theirs)] {
        table.row(
            format!("{who}: highest rate sustained"),
            sustained.words(),
            "—",
            "at least 98 % of what was due was read",
        );
    }
    Ok(())
}

/// How far up the loads one gateway came.
#[derive(Default)]
struct Sustained {
    highest: usize,
    failed_at: Option<usize>,
}

impl Sustained {
    fn goes_on(&self) -> bool {
        self.failed_at.is_none()
    }

    fn note(&mut self, load: Load, borne: &Borne) {
        if borne.read >= SUSTAINED {
            self.highest = load.per_second();
        } else {
            self.failed_at = Some(load.per_second());
        }
    }

    fn words(&self) -> String {
        match self.failed_at {
            Some(rate) => format!("{} tags a second; not {rate}", self.highest),
            None => format!("{} tags a second; more was not tried", self.highest),
        }
    }
}

fn rows(table: &mut Table, who: &str, load: Load, borne: &Borne, budget: (&str, &str)) {
    let per_second = load.per_second();
    table.row(
        format!("{who}, {per_second} tags a second: processor"),
        format!("{:.1} % of a core", borne.share * 100.0),
        budget.0,
        format!("{:.1} % of what was due was read; {}", borne.read.min(1.0) * 100.0, borne.remark),
    );
    table.row(
        format!("{who}, {per_second} tags a second: resident memory"),
        format!("{:.1} MB", borne.resident as f64 / 1e6),
        budget.1,
        "program pages included",
    );
}
