//! Whether what the agent said is true, compared with what happened. Pure.

use protocol::{GapCause, Value};

use super::acts::{Question, taken_ms};
use super::network::{Log, Wrong};
use super::{Outcome, TIMEOUT_MS};
use crate::config::Config;
use crate::config::device::{Link, Place, Tag};
use crate::event::SourceEvent;
use crate::source::modbus::plan::Area;

/// Longest wait between two questions to a device that was taken for dead, milliseconds.
const BREAKER_MS: i64 = 30_000;
/// What a poll takes at most when nothing acts, milliseconds: its own questions, those of others on the wire, a sentinel or two.
const POLL_MS: i64 = 300;
/// What a poll takes at most when every question of it goes wrong, milliseconds.
const BAD_POLL_MS: i64 = 1_500;

/// What was said about one tag.
struct Told<'a> {
    tag: &'a Tag,
    unit: u8,
    device: usize,
    area: Area,
    address: u16,
    /// When it was asked for. Its neighbours are far enough away for a request of its own.
    asked: Vec<i64>,
    readings: Vec<(i64, Value)>,
    gaps: Vec<(i64, i64, GapCause)>,
}

/// Judges a run. Returns how many readings and gap pieces there were.
///
/// # Errors
/// The first thing that is not true.
pub(super) fn judge(config: &Config, events: &[SourceEvent], outcome: &Outcome) -> Result<(usize, usize), String> {
    let log = &outcome.logs[0];
    let mut tags = Vec::new();
    for (index, device) in config.devices.iter().enumerate() {
        let Link::Modbus(link) = &device.link else { continue };
        for tag in &device.tags {
            let Place::Modbus { area, address, count, .. } = tag.place else { continue };
            let (readings, gaps) = (Vec::new(), Vec::new());
            let key = (link.unit, area, address, count);
            let is_it = |q: &Question| (q.unit, q.area, q.address, q.count) == key;
            let asked = log.asked.iter().filter(|a| is_it(&a.question)).map(|a| a.ms).collect();
            tags.push(Told { tag, unit: link.unit, device: index, area, address, asked, readings, gaps });
        }
    }
    for event in events {
        match event {
            SourceEvent::Readings(readings) => {
                for r in readings {
                    tags[r.tag.0 as usize].readings.push((r.boot_ms, r.value.clone()));
                }
            }
            SourceEvent::Gap { tag, from_boot_ms, to_boot_ms, cause } => {
                tags[tag.0 as usize].gaps.push((*from_boot_ms, *to_boot_ms, *cause));
            }
            SourceEvent::Note { .. } => {}
        }
    }
    let is_shared = config.devices.len() > 1;
    for told in &tags {
        let named = |why: String| format!("{}: {why}", told.tag.id);
        values_are_true(told).map_err(named)?;
        gaps_are_true(told, log).map_err(named)?;
        nothing_is_left_out(told, outcome).map_err(named)?;
        it_recovered(told, outcome, log, is_shared).map_err(named)?;
    }
    Ok((tags.iter().map(|t| t.readings.len()).sum(), tags.iter().map(|t| t.gaps.len()).sum()))
}

fn values_are_true(told: &Told<'_>) -> Result<(), String> {
    for (now, value) in &told.readings {
        let Some(taken) = taken_ms(told.unit, told.area, told.address, value, *now) else {
            return Err(format!("at {now} it was given a value that is not its own: {value:?}"));
        };
        let before = told.asked.partition_point(|ms| ms <= now);
        let asked = before.checked_sub(1).map_or(i64::MAX, |last| told.asked[last]);
        if taken < asked {
            return Err(format!("at {now} it was given a value of {taken}, older than the question of {asked}"));
        }
    }
    Ok(())
}

fn gaps_are_true(told: &Told<'_>, log: &Log) -> Result<(), String> {
    let mut begin = i64::MIN;
    let mut end = i64::MIN;
    for &(from, to, cause) in &told.gaps {
        if from >= to || from < end {
            return Err(format!("the gap {from} to {to} overlaps what was said before"));
        }
        if let Some((at, _)) = told.readings.iter().find(|(at, _)| from < *at && *at < to) {
            return Err(format!("the gap {from} to {to} holds the reading of {at}"));
        }
        // Pieces that touch are one outage, and what began it may be why it goes on.
        if from != end || told.readings.iter().any(|(at, _)| *at == from) {
            begin = from;
        }
        end = to;
        let acted = |w: &&Wrong| {
            (begin..=to).contains(&w.ms) && w.unit.is_none_or(|unit| unit == told.unit) && w.causes.contains(&cause)
        };
        if log.wrongs.iter().find(acted).is_none() {
            let near: Vec<_> = log.wrongs.iter().filter(|w| (begin - 500..=to + 500).contains(&w.ms)).collect();
            return Err(format!("the gap {from} to {to} says {cause:?}, and nothing of that kind acted: {near:?}"));
        }
    }
    Ok(())
}

fn nothing_is_left_out(told: &Told<'_>, outcome: &Outcome) -> Result<(), String> {
    let interval = i64::try_from(told.tag.interval_ms).expect("short");
    let mut untold = 0;
    let mut last = super::VirtualClock::START_MS;
    for next in told.readings.iter().map(|(at, _)| *at) {
        // The last question led to the reading, all before it failed.
        let count = |until: i64| told.asked.partition_point(|ms| *ms < until);
        let failed = (count(next) - count(last)).saturating_sub(1);
        let mut covered = last;
        let first = told.gaps.partition_point(|(from, ..)| *from < last);
        for (from, to, _) in &told.gaps[first..] {
            if *from >= next {
                break;
            }
            if *from == covered && *to <= next {
                covered = *to;
            }
        }
        if covered == last && failed == 0 {
            untold += u64::try_from(((next - last - interval - BAD_POLL_MS) / interval).max(0)).expect("positive");
        } else if covered != next {
            return Err(format!("{failed} questions failed from {last} to {next}, and the gaps end at {covered}"));
        }
        last = next;
    }
    let missed = outcome.missed[told.device];
    if untold > missed {
        return Err(format!("{untold} polls are missing, and only {missed} were counted as missed"));
    }
    Ok(())
}

/// When a tag has to be read again at the latest: `dead_ms` without a reading, and nothing acts after `back_ms`.
pub(super) fn recovered_ms(back_ms: i64, dead_ms: i64, interval_ms: i64, is_shared: bool) -> i64 {
    // It waits for its breaker, and for its turn after each of the two others that may be dead.
    let turns_ms = 2 * 5 * (TIMEOUT_MS + 50);
    let rarely_ms = if is_shared { (dead_ms + 4 * TIMEOUT_MS + turns_ms).min(BREAKER_MS) } else { 0 };
    back_ms + rarely_ms + 2 * interval_ms + POLL_MS
}

fn it_recovered(told: &Told<'_>, outcome: &Outcome, log: &Log, is_shared: bool) -> Result<(), String> {
    let interval = i64::try_from(told.tag.interval_ms).expect("short");
    let back = log.acted_ms.max(super::VirtualClock::START_MS);
    let good = told.readings.iter().map(|(at, _)| *at).rfind(|at| *at <= back);
    let dead = back - good.unwrap_or(super::VirtualClock::START_MS);
    let until = recovered_ms(back, dead, interval, is_shared);
    if until >= outcome.stopped_ms {
        return Err(format!("the run is too short to see it recover until {until}"));
    }
    match told.readings.iter().map(|(at, _)| *at).find(|at| *at >= back) {
        Some(first) if first <= until => Ok(()),
        first => {
            Err(format!("nothing acted after {back}, and it was read at {first:?} instead of {until} at the latest"))
        }
    }
}
