//! Seeded trouble for a running site: what is done, when, for how long, and which gaps it may explain.
//!
//! Constraints: every kind of trouble is done at least once, however short the run; what can happen at once in a factory happens
//! at once here: each device fails on its own, the network on its own, and programs are killed meanwhile ([`Lane`]). Only within a
//! lane one trouble waits for the other, because a program that is down cannot be killed and a device has one fault at a time.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result, bail};
use protocol::GapCause;

use crate::compare::Injected;
use crate::need::say;
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
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

impl Trouble {
    /// Troubles with the same name wait for each other.
    fn lane(self) -> &'static str {
        match self {
            Self::KillAgent | Self::KillServer | Self::KillBroker | Self::FillDisk => "programs",
            Self::CutNetwork | Self::SilenceNetwork => "network",
            Self::Device(device, _) => device,
        }
    }
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
    ("lathe", "slow", &[]),
    ("lathe", "frozen", &[]),
    ("lathe", "bad-checksum", &[GapCause::DeviceSilent, GapCause::NonsenseValue, GapCause::BusBusy]),
    ("lathe", "wrong-transaction", &[GapCause::DeviceSilent, GapCause::NonsenseValue, GapCause::BusBusy]),
    ("lathe", "meter-replacement", &[]),
    ("cnc", "restart", &[GapCause::DeviceSilent]),
    ("cnc", "exception", &[GapCause::DeviceRefused]),
    ("cnc", "timeout", &[GapCause::DeviceSilent]),
    ("cnc", "frozen", &[]),
    ("cnc", "drop", &[GapCause::DeviceSilent]),
    ("blister", "exception", &[GapCause::DeviceRefused]),
    ("vessel", "restart", &[GapCause::DeviceSilent]),
    ("vessel", "late", &[GapCause::DeviceSilent]),
    ("vessel", "slow", &[]),
    ("vessel", "counter-reset", &[]),
];

/// Every kind of trouble a run does; some are done more often.
fn kinds(broker: bool, disk: bool) -> Vec<Trouble> {
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
    kinds
}

/// What can go wrong independently of everything else.
struct Lane {
    /// Everything this lane does.
    kinds: Vec<Trouble>,
    /// What is left of this round, in a seeded order.
    left: Vec<Trouble>,
    /// What is going on, and when it ends.
    going_on: Option<(Going, Instant)>,
    /// Not before this.
    next: Instant,
}

struct Going {
    trouble: Trouble,
    injected: Injected,
    ballast: Option<Ballast>,
}

/// The order in which a lane does its kinds: each once before any twice.
fn shuffled(kinds: &[Trouble], random: &mut Random) -> Vec<Trouble> {
    let mut order = kinds.to_vec();
    for i in (1..order.len()).rev() {
        order.swap(i, usize::try_from(random.between(0, i as u64 + 1)).unwrap_or(0));
    }
    order
}

/// Troubles the site for `length`, and longer if not every kind was done by then; everything is whole again afterwards.
///
/// # Errors
/// When a program does not come back or ends by itself, the simulator refuses, or the kinds cannot all be done.
pub fn campaign(
    stack: &mut Stack,
    random: &mut Random,
    length: Duration,
    broker: bool,
    disk: bool,
) -> Result<Vec<Injected>> {
    let kinds = kinds(broker, disk);
    let start = Instant::now();
    let mut lanes: Vec<Lane> = Vec::new();
    for name in kinds.iter().map(|k| k.lane()).collect::<BTreeSet<_>>() {
        let kinds: Vec<Trouble> = kinds.iter().copied().filter(|k| k.lane() == name).collect();
        let next = start + Duration::from_millis(random.between(0, 3_000));
        lanes.push(Lane { left: shuffled(&kinds, random), kinds, going_on: None, next });
    }
    let mut injected = Vec::new();
    let mut to_do: BTreeSet<Trouble> = kinds.into_iter().collect();
    let limit = length * 2 + Duration::from_secs(120);
    loop {
        let is_over = start.elapsed() >= length && to_do.is_empty();
        if is_over && lanes.iter().all(|lane| lane.going_on.is_none()) {
            return Ok(injected);
        }
        if start.elapsed() > limit {
            bail!("after {} s these were not done: {to_do:?}", limit.as_secs());
        }
        for lane in &mut lanes {
            if let Some((going, _)) = lane.going_on.take_if(|(_, until)| Instant::now() >= *until) {
                to_do.remove(&going.trouble);
                let done = finish(stack, going)?;
                say(&format!("  {:>5.1} s  {}", start.elapsed().as_secs_f64(), done.what));
                injected.push(done);
                // Soon at first, so that all is done in time; then rarely enough that things also work for a while.
                let is_through = lane.kinds.iter().all(|k| !to_do.contains(k));
                let rest_ms = if is_through { random.between(4_000, 12_000) } else { random.between(500, 2_500) };
                lane.next = Instant::now() + Duration::from_millis(rest_ms);
            }
            // Late in a run a lane that is through waits for the others.
            let wanted = !is_over && (start.elapsed() < length || lane.left.iter().any(|k| to_do.contains(k)));
            if lane.going_on.is_none() && wanted && Instant::now() >= lane.next {
                if lane.left.is_empty() {
                    lane.left = shuffled(&lane.kinds, random);
                }
                if let Some(trouble) = lane.left.pop() {
                    lane.going_on = Some(begin(stack, trouble, random)?);
                }
            }
        }
        stack.check()?;
        pause(Duration::from_millis(20));
    }
}

/// Does it; says when it must be undone.
fn begin(stack: &mut Stack, trouble: Trouble, random: &mut Random) -> Result<(Going, Instant)> {
    let mut length = Duration::from_millis(random.between(1_000, 5_000));
    let from_ms = now_ms();
    let mut injected =
        Injected { what: String::new(), from_ms, to_ms: from_ms, causes: Vec::new(), device: None, unsealed: false };
    let mut ballast = None;
    match trouble {
        Trouble::KillAgent => {
            stack.kill_agent()?;
            injected.causes = vec![GapCause::ProcessKilled];
            injected.unsealed = true;
        }
        Trouble::KillServer => stack.kill_server()?,
        Trouble::KillBroker => stack.kill_broker()?,
        Trouble::CutNetwork => stack.proxy.set(Cable::Cut),
        Trouble::SilenceNetwork => stack.proxy.set(Cable::Silent),
        Trouble::FillDisk => {
            ballast = Some(Ballast::fill(&stack.data_dir)?);
            length += Duration::from_secs(4);
        }
        Trouble::Device(device, fault) => {
            // Long enough that at least one poll meets it.
            length = length.max(Duration::from_millis(2_500));
            stack.workshop.fault(device, fault, length)?;
            let causes = DEVICE_FAULTS.iter().find(|(d, f, _)| *d == device && *f == fault).map(|(_, _, c)| *c);
            injected.causes = causes.unwrap_or_default().to_vec();
            injected.device = Some(device.to_owned());
            // The simulator ends it by itself, whatever keeps us busy then.
            injected.to_ms = from_ms + i64::try_from(length.as_millis())?;
        }
    }
    injected.what = format!("{trouble:?} for {} ms", length.as_millis());
    Ok((Going { trouble, injected, ballast }, Instant::now() + length))
}

/// Undoes it; returns what may be explained by it.
fn finish(stack: &mut Stack, going: Going) -> Result<Injected> {
    let Going { trouble, mut injected, ballast } = going;
    match trouble {
        Trouble::KillAgent => stack.start_agent()?,
        Trouble::KillServer => stack.start_server()?,
        Trouble::KillBroker => stack.start_broker()?,
        Trouble::CutNetwork | Trouble::SilenceNetwork => stack.proxy.set(Cable::Whole),
        Trouble::FillDisk => drop(ballast),
        Trouble::Device(..) => return Ok(injected),
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

impl SmallDisk {
    /// Copies what is on it beside it, where it outlives the disk; returns the copy's folder.
    ///
    /// # Errors
    /// When it cannot be copied.
    pub fn rescue(&self) -> Result<PathBuf> {
        let copy = self.folder.with_extension("rescued");
        let mut command = Command::new("cp");
        command.arg("-a").arg(&self.folder).arg(&copy);
        programs::output(&mut command, Duration::from_secs(60)).context("copying the small disk")?;
        Ok(copy)
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.folder).output();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_lane_does_each_of_its_kinds_before_any_again() {
        let mut random = Random::new(7);
        let all = kinds(true, true);
        for kind in [Trouble::SilenceNetwork, Trouble::FillDisk, Trouble::Device("compressor", "wrong-count")] {
            assert!(all.contains(&kind), "{kind:?}");
        }
        for _ in 0..50 {
            let mut order = shuffled(&all, &mut random);
            order.sort_unstable();
            let mut sorted = all.clone();
            sorted.sort_unstable();
            assert_eq!(order, sorted);
        }
        assert_ne!(shuffled(&all, &mut Random::new(1)), shuffled(&all, &mut Random::new(2)));
    }

    #[test]
    fn every_fault_is_one_that_the_simulated_device_can_have() {
        for (device, fault, _) in DEVICE_FAULTS {
            let protocol = simulators::tags::device(device).map(|d| d.protocol);
            let kind = simulators::faults::Kind::parse(fault);
            assert!(kind.zip(protocol).is_some_and(|(k, p)| k.is_possible_on(p)), "{device} {fault}");
        }
    }
}
