//! Seeded trouble for a running site: what is done, when, for how long, and which gaps it may explain.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result, bail};
use protocol::GapCause;

use crate::compare::Injected;
use crate::programs;
use crate::proxy::Cable;
use crate::seed::Random;
use crate::stack::Stack;
use crate::wait::pause;

/// UTC, ms.
pub fn now_ms() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| i64::try_from(d.as_millis()).unwrap_or(i64::MAX))
}

/// One kind of trouble.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// SIGKILL, then a new start.
    KillAgent,
    /// SIGKILL, then a new start.
    KillServer,
    /// SIGKILL, then a new start.
    KillBroker,
    /// Connections reset, none accepted.
    CutNetwork,
    /// Connections stay, nothing passes.
    SilenceNetwork,
    /// The server's disk has no room.
    FillDisk,
    /// A device misbehaves: device, fault of the simulator.
    Device(&'static str, &'static str),
}

/// Faults of the simulated devices that the agent meets, with what it may truthfully say about them.
const DEVICE_FAULTS: &[(&str, &str, &[GapCause])] = &[
    ("press", "timeout", &[GapCause::DeviceSilent]),
    ("press", "exception", &[GapCause::DeviceRefused]),
    ("press", "wrong-transaction", &[GapCause::DeviceSilent, GapCause::NonsenseValue]),
    ("press", "frozen", &[]),
    ("press", "counter-reset", &[]),
    ("compressor", "late", &[GapCause::DeviceSilent]),
    ("compressor", "wrong-count", &[GapCause::NonsenseValue, GapCause::DeviceSilent]),
    ("compressor", "slow", &[]),
    ("main", "drop", &[GapCause::DeviceSilent]),
    ("main", "restart", &[GapCause::DeviceSilent]),
    ("lathe", "timeout", &[GapCause::DeviceSilent, GapCause::BusBusy]),
    ("lathe", "late", &[GapCause::DeviceSilent, GapCause::NonsenseValue, GapCause::BusBusy]),
    ("lathe", "bad-checksum", &[GapCause::DeviceSilent, GapCause::NonsenseValue, GapCause::BusBusy]),
    ("lathe", "wrong-transaction", &[GapCause::DeviceSilent, GapCause::NonsenseValue, GapCause::BusBusy]),
    ("lathe", "meter-replacement", &[]),
    ("cnc", "restart", &[GapCause::DeviceSilent]),
    ("cnc", "exception", &[GapCause::DeviceRefused]),
    ("blister", "exception", &[GapCause::DeviceRefused]),
    ("vessel", "restart", &[GapCause::DeviceSilent]),
];

/// What a run may do: every kind once in a seeded order, then again until the time is up.
pub fn plan(random: &mut Random, broker: bool, disk: bool) -> Vec<Trouble> {
    let mut kinds = vec![
        Trouble::KillAgent,
        Trouble::KillServer,
        Trouble::CutNetwork,
        Trouble::SilenceNetwork,
        Trouble::KillAgent,
        Trouble::KillServer,
    ];
    if broker {
        kinds.extend([Trouble::KillBroker, Trouble::KillBroker]);
    }
    if disk {
        kinds.push(Trouble::FillDisk);
    }
    kinds.extend(DEVICE_FAULTS.iter().map(|(device, fault, _)| Trouble::Device(device, fault)));
    for i in (1..kinds.len()).rev() {
        kinds.swap(i, usize::try_from(random.between(0, i as u64 + 1)).unwrap_or(0));
    }
    kinds
}

/// Does it, waits, undoes it; returns what may be explained by it.
///
/// # Errors
/// When a program does not come back, or the simulator refuses.
pub fn inflict(stack: &mut Stack, trouble: Trouble, random: &mut Random) -> Result<Injected> {
    let length = Duration::from_millis(random.between(1_000, 5_000));
    let from_ms = now_ms();
    let mut injected = Injected {
        what: format!("{trouble:?} for {} ms", length.as_millis()),
        from_ms,
        to_ms: from_ms,
        causes: Vec::new(),
        device: None,
        unsealed: false,
    };
    match trouble {
        Trouble::KillAgent => {
            stack.kill_agent()?;
            pause(length);
            stack.start_agent()?;
            injected.causes = vec![GapCause::ProcessKilled];
            injected.unsealed = true;
        }
        Trouble::KillServer => {
            stack.kill_server()?;
            pause(length);
            stack.start_server()?;
        }
        Trouble::KillBroker => {
            stack.kill_broker()?;
            pause(length);
            stack.start_broker()?;
        }
        Trouble::CutNetwork | Trouble::SilenceNetwork => {
            stack.proxy.set(if trouble == Trouble::CutNetwork { Cable::Cut } else { Cable::Silent });
            pause(length);
            stack.proxy.set(Cable::Whole);
        }
        Trouble::FillDisk => {
            let ballast = Ballast::fill(&stack.data_dir)?;
            pause(length + Duration::from_secs(4));
            drop(ballast);
        }
        Trouble::Device(device, fault) => {
            stack.workshop.fault(device, fault, length)?;
            pause(length);
            let causes = DEVICE_FAULTS.iter().find(|(d, f, _)| *d == device && *f == fault).map(|(_, _, c)| *c);
            injected.causes = causes.unwrap_or_default().to_vec();
            injected.device = Some(device.to_owned());
        }
    }
    injected.to_ms = now_ms();
    Ok(injected)
}

/// A file that takes all the room a disk has; removed when dropped.
#[derive(Debug)]
pub struct Ballast {
    file: PathBuf,
}

impl Ballast {
    /// Fills the disk under `folder` to the last block.
    ///
    /// # Errors
    /// When the file cannot be created at all.
    pub fn fill(folder: &Path) -> Result<Self> {
        use std::io::Write as _;
        let file = folder.join("ballast");
        let mut out = std::fs::File::create(&file)?;
        let mut block = vec![0xA5_u8; 1 << 20];
        let start = Instant::now();
        while !block.is_empty() {
            match out.write_all(&block) {
                Ok(()) => {}
                Err(e) if e.kind() == std::io::ErrorKind::StorageFull => block.truncate(block.len() / 2),
                Err(e) => return Err(e.into()),
            }
            if start.elapsed() > Duration::from_secs(20) {
                bail!("{} is not a small disk", folder.display());
            }
        }
        Ok(Self { file })
    }
}

impl Drop for Ballast {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.file);
    }
}

/// A disk of a few megabytes in memory, mounted while this value lives. Needs root.
#[derive(Debug)]
pub struct SmallDisk {
    folder: PathBuf,
}

impl SmallDisk {
    /// Mounts one of `mebibytes` at `folder`.
    ///
    /// # Errors
    /// When the system does not let us.
    pub fn mount(folder: &Path, mebibytes: u32) -> Result<Self> {
        std::fs::create_dir_all(folder)?;
        let mut command = Command::new("mount");
        command.args(["-t", "tmpfs", "-o", &format!("size={mebibytes}m,mode=0700"), "gongzheng-test"]).arg(folder);
        programs::output(&mut command, Duration::from_secs(10)).context("mounting a small disk")?;
        Ok(Self { folder: folder.to_path_buf() })
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.folder).output();
    }
}
