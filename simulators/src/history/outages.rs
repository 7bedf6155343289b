//! When the gateway of the history could not see, and why.
//!
//! The time is cut into as many equal parts as there are outages, one outage in each, so that no two overlap and a reader
//! can predict how much is missing.

use crate::calendar::{MINUTE, SECOND};
use crate::rng::{SplitMix64, hash3};
use crate::tags::devices;

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// A device did not answer.
    DeviceSilent(&'static str),
    /// A device answered with an exception.
    DeviceRefused(&'static str),
    /// The agent was stopped on purpose.
    Planned,
    /// The agent was killed; the machine it runs on went on.
    ProcessKilled,
    /// The power failed: a new boot.
    PowerCut,
}

/// One stretch without readings, half-open, UTC ms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outage {
    /// First instant.
    pub from: i64,
    /// First instant after.
    pub until: i64,
    /// Why.
    pub trouble: Trouble,
}

/// The outages of `[from, until)`: about one in eight days, one of them a power cut.
pub fn outages(seed: u64, hall: bool, from: i64, until: i64) -> Vec<Outage> {
    let days = (until - from) / crate::calendar::DAY;
    let count = (days / 8).max(1);
    let part = (until - from) / count;
    let known: Vec<&'static str> = devices(hall).map(|device| device.id).collect();
    let mut rng = SplitMix64::new(hash3(seed, 0x200, 0x6A9));
    let power_cut = count * 2 / 5;
    (0..count)
        .map(|index| {
            let device = known[rng.below(known.len() as u64) as usize];
            let (trouble, length) = if index == power_cut {
                (Trouble::PowerCut, rng.between(12 * MINUTE, 40 * MINUTE))
            } else {
                match rng.below(10) {
                    0 => (Trouble::Planned, rng.between(2 * MINUTE, 6 * MINUTE)),
                    1 => (Trouble::ProcessKilled, rng.between(40 * SECOND, 3 * MINUTE)),
                    2 | 3 => (Trouble::DeviceRefused(device), rng.between(3 * MINUTE, 25 * MINUTE)),
                    _ => (Trouble::DeviceSilent(device), rng.between(4 * MINUTE, 110 * MINUTE)),
                }
            };
            let start = from + index * part + rng.between(part / 8, part / 2);
            Outage { from: start, until: start + length, trouble }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outages_do_not_overlap_and_hold_one_power_cut() {
        for seed in 0..50 {
            let week = 7 * crate::calendar::DAY;
            let list = outages(seed, true, 0, 26 * week);
            assert!(list.windows(2).all(|pair| pair[0].until < pair[1].from), "seed {seed}");
            assert_eq!(list.iter().filter(|outage| outage.trouble == Trouble::PowerCut).count(), 1, "seed {seed}");
            assert!(list.iter().all(|outage| outage.from < outage.until && outage.until < 26 * week));
            let missing: i64 = list.iter().map(|outage| outage.until - outage.from).sum();
            assert!(missing < 26 * week / 50, "seed {seed}: more than 2 % missing");
        }
    }
}
