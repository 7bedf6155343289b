//! The agent itself under load: the real program against Modbus TCP devices that answer at once, 1,000 and 10,000 tags every
//! second, enrolled at a real server and delivering; its processor time and memory as the kernel counts them.

use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use tests::stack::{Options, Stack, Transport};
use tests::wait;

use crate::measure::Table;

/// Tags of one device: what a large PLC has.
const TAGS_PER_DEVICE: usize = 1_000;

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

/// A device that answers every read at once with registers that change every second.
fn device() -> Result<u16> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let port = listener.local_addr()?.port();
    std::thread::spawn(move || {
        let start = Instant::now();
        for stream in listener.incoming().flatten() {
            std::thread::spawn(move || answer(stream, start));
        }
    });
    Ok(port)
}

fn answer(mut stream: TcpStream, start: Instant) -> std::io::Result<()> {
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
    }
}

pub(crate) fn run(table: &mut Table) -> Result<()> {
    for tags in [1_000_usize, 10_000] {
        let folder = tempfile::tempdir_in(tests::repo::program_dir())?;
        let options = Options {
            subscribe: false,
            transport: Transport::Endpoint,
            workshop: &["--rest-day", "none"],
            data_dir: None,
            seal_ms: 10_000,
            reserve_mib: 4,
            agent: Vec::new(),
            devices: &["press"],
        };
        let mut stack = Stack::start(folder.path(), &options)?;
        let file = folder.path().join("agent.toml");
        let text = std::fs::read_to_string(&file)?;
        let head = &text[..text.find("[[device]]").context("the configuration has a device")?];
        let mut config = head.to_owned();
        for number in 0..tags / TAGS_PER_DEVICE {
            let _ = writeln!(
                config,
                "[[device]]\nname = \"d{number}\"\nprotocol = \"modbus_tcp\"\naddress = \"127.0.0.1:{}\"\nunit = 1\ninterval_ms = 1000\n",
                device()?
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
        let (before, start) = (usage(pid)?, Instant::now());
        wait::pause(Duration::from_secs(60));
        let (after, elapsed) = (usage(pid)?, start.elapsed());
        let evidence = stack.evidence()?;
        let share = (after.0 - before.0).as_secs_f64() / elapsed.as_secs_f64() * 100.0;
        table.row(
            format!("{tags} tags every second: processor"),
            format!("{share:.1} % of a core"),
            if tags == 10_000 { "≤ 3 %" } else { "—" },
            format!("over 60 s; {} readings under a checkpoint meanwhile", evidence.readings.len()),
        );
        table.row(
            format!("{tags} tags every second: resident memory"),
            format!("{:.1} MB", after.1 as f64 / 1e6),
            if tags == 10_000 { "≤ 40 MB" } else { "≤ 12 MB" },
            "program pages included",
        );
        stack.stop()?;
    }
    Ok(())
}
