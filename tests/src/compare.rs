//! The judgement of a trouble run: what the simulators served against what the server holds. Pure.
//!
//! Every served value is stored exactly once, or lies inside a recorded gap whose cause is true; nothing else is stored; no
//! stretch without readings lacks a gap; and no gap is longer than what was done to the system explains.

use std::collections::BTreeMap;

use protocol::{GapCause, Value};

use crate::evidence::{Evidence, Stored, StoredGap};

/// One value as the simulator journalled it before it left on the wire.
#[derive(Debug, Clone, PartialEq)]
pub struct Served {
    /// `<device>/<name>`.
    pub tag: String,
    /// When, UTC ms.
    pub utc_ms: i64,
    /// The device's own time, UTC ms, where the protocol carries it.
    pub source_ms: Option<i64>,
    /// The value as journalled.
    pub raw: serde_json::Value,
    /// False when the reply that carried it was damaged or late on purpose and must not be believed.
    pub valid: bool,
    /// Pushed by subscription, beside the polls that are the proof (decision 009).
    pub pushed: bool,
}

/// What was done to the system, and which tags it could reach.
#[derive(Debug, Clone)]
pub struct Injected {
    /// Words for the report: `agent killed`, `device press: timeout`.
    pub what: String,
    /// UTC ms.
    pub from_ms: i64,
    /// UTC ms; when things were as before again.
    pub to_ms: i64,
    /// Gaps with these causes are explained by it.
    pub causes: Vec<GapCause>,
    /// Only this device's tags, or all.
    pub device: Option<String>,
    /// The agent lost what it had not sealed: up to one seal interval before `from_ms` is explained too.
    pub unsealed: bool,
}

/// The bounds of the judgement, ms.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// What was served later than this (UTC) may still be on its way.
    pub until_ms: i64,
    /// Longest time between two seals.
    pub seal_ms: i64,
    /// Between two polls.
    pub poll_ms: i64,
    /// Between journalling at the simulator and the agent's clock reading, at most.
    pub latency_ms: i64,
    /// The same for a value pushed by subscription: it also waits for the publishing interval.
    pub pushed_ms: i64,
}

/// The result: numbers to print, and findings, none of which may exist.
#[derive(Debug, Default)]
pub struct Judgement {
    /// Values served that a client could believe.
    pub served: usize,
    /// Of those, stored.
    pub stored: usize,
    /// Of the stored ones, how many were pushed by subscription.
    pub pushed: usize,
    /// Of those, inside a recorded gap instead.
    pub gapped: usize,
    /// Gapped time of the tag that lost most, ms.
    pub gap_ms_worst: i64,
    /// What must not be.
    pub findings: Vec<String>,
}

fn same(value: &Value, raw: &serde_json::Value) -> bool {
    match value {
        Value::Bool(v) => raw.as_bool() == Some(*v),
        Value::I64(v) => raw.as_i64() == Some(*v),
        Value::U64(v) => raw.as_u64() == Some(*v),
        Value::F32(v) => raw.as_f64().is_some_and(|r| r.to_bits() == f64::from(*v).to_bits()),
        Value::F64(v) => raw.as_f64().is_some_and(|r| r.to_bits() == v.to_bits()),
        Value::Text(v) => raw.as_str() == Some(v),
    }
}

fn device(tag: &str) -> &str {
    tag.split_once('/').map_or(tag, |(device, _)| device)
}

/// Judges everything served until [`Limits::until_ms`], when the agent has sealed and delivered at least until then.
pub fn judge(served: &[Served], evidence: &Evidence, injected: &[Injected], limits: Limits) -> Judgement {
    let mut judgement = Judgement::default();
    let mut by_tag: BTreeMap<&str, (Vec<&Served>, Vec<&Stored>)> = BTreeMap::new();
    for value in served.iter().filter(|s| evidence.tags.contains_key(&s.tag)) {
        by_tag.entry(&value.tag).or_default().0.push(value);
    }
    for reading in &evidence.readings {
        by_tag.entry(&reading.tag).or_default().1.push(reading);
    }
    for (tag, (served, stored)) in &mut by_tag {
        served.sort_by_key(|s| s.utc_ms);
        stored.sort_by_key(|s| s.utc_ms);
        judge_tag(tag, served, stored, evidence, injected, limits, &mut judgement);
    }
    for gap in &evidence.gaps {
        judge_cause(gap, injected, limits, &mut judgement);
    }
    judgement
}

fn judge_tag(
    tag: &str,
    served: &[&Served],
    stored: &[&Stored],
    evidence: &Evidence,
    injected: &[Injected],
    limits: Limits,
    judgement: &mut Judgement,
) {
    let gaps = union(
        evidence
            .gaps
            .iter()
            .filter(|g| g.tag.as_deref().is_none_or(|t| t == tag))
            .map(|g| (g.from_ms, g.to_ms))
            .collect(),
    );
    let matched = match_up(served, stored, limits);
    let mut used = vec![false; served.len()];
    for (reading, partner) in stored.iter().zip(&matched) {
        match partner {
            Some(i) if !served[*i].valid => judgement.findings.push(format!(
                "{tag}: {:?} at {} is stored, but the reply that carried it was not to be believed",
                reading.value, reading.utc_ms
            )),
            Some(i) => used[*i] = true,
            None => judgement.findings.push(format!(
                "{tag}: {:?} at {} (record {}) is stored and was never served, or is stored twice",
                reading.value, reading.utc_ms, reading.sequence
            )),
        }
    }
    for (value, used) in served.iter().zip(&used).filter(|(s, _)| s.valid && s.utc_ms <= limits.until_ms) {
        judgement.served += 1;
        let latency = if value.pushed { limits.pushed_ms } else { limits.latency_ms };
        if *used {
            judgement.stored += 1;
            judgement.pushed += usize::from(value.pushed);
        } else if gaps.iter().any(|(from, to)| value.utc_ms >= from - latency && value.utc_ms <= to + latency) {
            judgement.gapped += 1;
        } else {
            judgement
                .findings
                .push(format!("{tag}: {} served at {} is neither stored nor in a gap", value.raw, value.utc_ms));
        }
    }
    // Every tag is read every interval, subscribed to or not: a longer silence must be a gap.
    let longest = evidence.tags.get(tag).copied().unwrap_or(limits.poll_ms).max(limits.poll_ms) * 3 + limits.latency_ms;
    for pair in stored.windows(2) {
        let (from, to) = (pair[0].utc_ms, pair[1].utc_ms);
        let covered: i64 = gaps.iter().map(|(a, b)| (to.min(*b) - from.max(*a)).max(0)).sum();
        if to - from - covered > longest {
            judgement
                .findings
                .push(format!("{tag}: {} ms without readings from {from} and no gap says so", to - from - covered));
        }
    }
    let gapped: i64 = gaps.iter().map(|(from, to)| to - from).sum();
    judgement.gap_ms_worst = judgement.gap_ms_worst.max(gapped);
    let here = || {
        let reaches = |i: &&Injected| i.device.as_deref().is_none_or(|d| d == device(tag)) && !i.causes.is_empty();
        injected.iter().filter(reaches)
    };
    // Faults overlap: the outage is what they cover together, while each may cost a seal and two polls of its own.
    let outage: i64 = union(here().map(|i| (i.from_ms, i.to_ms)).collect()).iter().map(|(from, to)| to - from).sum();
    let allowed = |i: &Injected| if i.unsealed { limits.seal_ms } else { 0 } + 2 * limits.poll_ms;
    let explained = outage + here().map(allowed).sum::<i64>();
    if gapped > explained {
        judgement.findings.push(format!("{tag}: {gapped} ms are gaps, but what was done explains only {explained} ms"));
    }
}

/// For each stored reading the served value it is: by the device's own time where the protocol carries it, else in order.
fn match_up(served: &[&Served], stored: &[&Stored], limits: Limits) -> Vec<Option<usize>> {
    let mut by_source: BTreeMap<i64, Vec<usize>> = BTreeMap::new();
    for (i, value) in served.iter().enumerate() {
        if let Some(source_ms) = value.source_ms {
            by_source.entry(source_ms).or_default().push(i);
        }
    }
    // A poll and a push may carry the same instant: the poll, which must come sooner, has the first choice.
    by_source.values_mut().for_each(|list| list.sort_by_key(|i| served[*i].pushed));
    let (places, plain): (Vec<usize>, Vec<&Served>) =
        served.iter().enumerate().filter(|(_, s)| s.source_ms.is_none()).map(|(i, s)| (i, *s)).unzip();
    let without: Vec<&Stored> = stored.iter().copied().filter(|s| s.source_ms.is_none()).collect();
    let mut in_order = match_in_order(&plain, &without, limits.latency_ms).into_iter();
    stored
        .iter()
        .map(|reading| {
            let Some(source_ms) = reading.source_ms else {
                return in_order.next().flatten().map(|i| places[i]);
            };
            let left = by_source.get_mut(&source_ms)?;
            let at = left.iter().position(|i| {
                let value = served[*i];
                let late = reading.utc_ms - value.utc_ms;
                let latency = if value.pushed { limits.pushed_ms } else { limits.latency_ms };
                (-20..=latency).contains(&late) && same(&reading.value, &value.raw)
            })?;
            Some(left.remove(at))
        })
        .collect()
}

/// For each stored reading the served value it is, in order: same value, near in time, none used twice.
fn match_in_order(served: &[&Served], stored: &[&Stored], latency_ms: i64) -> Vec<Option<usize>> {
    let mut next = 0;
    stored
        .iter()
        .map(|reading| {
            // The journal is written before the value leaves, so the reading is not earlier but for the clocks' rounding.
            let mut best: Option<usize> = None;
            for (i, value) in served.iter().enumerate().skip(next) {
                let late = reading.utc_ms - value.utc_ms;
                if late < -20 {
                    break;
                }
                if late <= latency_ms && same(&reading.value, &value.raw) {
                    best = Some(i);
                    // Of several equal values take the latest one that a client could believe.
                    if !value.valid {
                        continue;
                    }
                }
            }
            // Prefer a believable partner: an invalid reply may carry the same number as the good one beside it.
            let believable = (next..served.len())
                .take_while(|i| served[*i].utc_ms <= reading.utc_ms + 20)
                .filter(|i| {
                    served[*i].valid
                        && reading.utc_ms - served[*i].utc_ms <= latency_ms
                        && same(&reading.value, &served[*i].raw)
                })
                .last();
            let partner = believable.or(best);
            if let Some(i) = partner {
                next = i + 1;
            }
            partner
        })
        .collect()
}

fn judge_cause(gap: &StoredGap, injected: &[Injected], limits: Limits, judgement: &mut Judgement) {
    let margin = limits.latency_ms + 2 * limits.poll_ms;
    let explained = injected.iter().any(|i| {
        let before = if i.unsealed { limits.seal_ms } else { 0 } + margin;
        i.causes.contains(&gap.cause)
            && i.device.as_deref().is_none_or(|d| gap.tag.as_deref().is_none_or(|t| device(t) == d))
            && gap.from_ms <= i.to_ms + margin
            && gap.to_ms >= i.from_ms - before
    });
    if !explained {
        judgement.findings.push(format!(
            "gap {} of {} from {} to {}: nothing that was done is its cause",
            gap.cause.name(),
            gap.tag.as_deref().unwrap_or("every tag"),
            gap.from_ms,
            gap.to_ms
        ));
    }
}

/// Faults of devices that should have left a gap and did not: then nobody knows what the run proves. A fault during which the
/// gateway itself was down is not asked.
pub fn unnoticed(injected: &[Injected], evidence: &Evidence, limits: Limits) -> Vec<String> {
    let margin = limits.latency_ms + 2 * limits.poll_ms;
    let was_down = |fault: &Injected| {
        // A gap is told when it is over: one that ended less than a seal before a kill went with what was not sealed.
        let lost = margin + limits.seal_ms;
        let down = |i: &&Injected| i.unsealed && i.from_ms - lost < fault.to_ms && fault.from_ms - margin < i.to_ms;
        injected.iter().any(|i| down(&i))
    };
    injected
        .iter()
        .filter(|i| !i.causes.is_empty() && i.device.is_some() && !was_down(i))
        .filter(|fault| {
            !evidence.gaps.iter().any(|gap| {
                gap.tag.as_deref().is_some_and(|t| Some(device(t)) == fault.device.as_deref())
                    && fault.causes.contains(&gap.cause)
                    && gap.from_ms <= fault.to_ms + margin
                    && gap.to_ms >= fault.from_ms
            })
        })
        .map(|fault| format!("{} from {}: no gap shows it", fault.what, fault.from_ms))
        .collect()
}

/// Overlapping stretches merged.
fn union(mut stretches: Vec<(i64, i64)>) -> Vec<(i64, i64)> {
    stretches.sort_unstable();
    let mut merged: Vec<(i64, i64)> = Vec::new();
    for (from, to) in stretches {
        match merged.last_mut() {
            Some(last) if from <= last.1 => last.1 = last.1.max(to),
            _ => merged.push((from, to)),
        }
    }
    merged
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits =
        Limits { until_ms: i64::MAX, seal_ms: 10_000, poll_ms: 1_000, latency_ms: 700, pushed_ms: 2_500 };

    fn served(count: i64) -> Vec<Served> {
        (0..count)
            .map(|i| Served {
                tag: "press/good".into(),
                utc_ms: i * 1000,
                source_ms: None,
                raw: (i / 3).into(),
                valid: true,
                pushed: false,
            })
            .collect()
    }

    fn evidence(seconds: impl Iterator<Item = i64>) -> Evidence {
        let readings = seconds
            .map(|i| Stored {
                tag: "press/good".into(),
                utc_ms: i * 1000 + 7,
                value: Value::U64((i / 3).unsigned_abs()),
                source_ms: None,
                sequence: 1,
            })
            .collect();
        Evidence { readings, tags: [("press/good".to_owned(), 1000)].into(), ..Evidence::default() }
    }

    fn gap(from_ms: i64, to_ms: i64, cause: GapCause) -> StoredGap {
        StoredGap { tag: Some("press/good".into()), from_ms, to_ms, cause }
    }

    fn killed(from_ms: i64, to_ms: i64) -> Injected {
        Injected {
            what: "agent killed".into(),
            from_ms,
            to_ms,
            causes: vec![GapCause::ProcessKilled],
            device: None,
            unsealed: true,
        }
    }

    #[test]
    fn a_complete_run_has_no_findings() {
        let j = judge(&served(60), &evidence(0..60), &[], LIMITS);
        assert_eq!((j.served, j.stored, j.gapped, j.findings), (60, 60, 0, vec![]));
    }

    #[test]
    fn a_value_that_is_missing_without_a_gap_is_found() {
        let j = judge(&served(60), &evidence((0..60).filter(|i| *i != 30)), &[], LIMITS);
        assert_eq!(j.findings.len(), 1, "{:?}", j.findings);
    }

    #[test]
    fn a_value_that_was_never_served_is_found() {
        let mut stored = evidence(0..60);
        stored.readings[30].value = Value::U64(999);
        let j = judge(&served(60), &stored, &[], LIMITS);
        assert!(j.findings.iter().any(|f| f.contains("never served")), "{:?}", j.findings);
    }

    #[test]
    fn a_value_that_is_stored_twice_is_found() {
        let mut stored = evidence(0..60);
        let copy = stored.readings[30].clone();
        stored.readings.push(copy);
        assert!(!judge(&served(60), &stored, &[], LIMITS).findings.is_empty());
    }

    #[test]
    fn a_gap_is_believed_only_when_something_was_done_that_explains_it() {
        let mut stored = evidence((0..60).filter(|i| !(30..38).contains(i)));
        stored.gaps = vec![gap(29_007, 38_007, GapCause::ProcessKilled)];
        let j = judge(&served(60), &stored, &[killed(34_000, 37_000)], LIMITS);
        assert_eq!((j.gapped, j.findings), (8, vec![]));
        assert!(!judge(&served(60), &stored, &[], LIMITS).findings.is_empty(), "nothing was done");
        stored.gaps[0].cause = GapCause::DeviceSilent;
        assert!(!judge(&served(60), &stored, &[killed(34_000, 37_000)], LIMITS).findings.is_empty(), "another cause");
    }

    #[test]
    fn a_gap_longer_than_what_was_done_is_found() {
        let mut stored = evidence((0..60).filter(|i| !(10..50).contains(i)));
        stored.gaps = vec![gap(9_007, 50_007, GapCause::ProcessKilled)];
        let j = judge(&served(60), &stored, &[killed(40_000, 49_000)], LIMITS);
        assert!(j.findings.iter().any(|f| f.contains("explains only")), "{:?}", j.findings);
    }

    #[test]
    fn a_silence_without_a_gap_is_found_even_when_nothing_was_served() {
        let served: Vec<_> = served(60).into_iter().filter(|s| !(20_000..30_000).contains(&s.utc_ms)).collect();
        let j = judge(&served, &evidence((0..60).filter(|i| !(20..30).contains(i))), &[], LIMITS);
        assert!(j.findings.iter().any(|f| f.contains("no gap says so")), "{:?}", j.findings);
    }

    #[test]
    fn a_pushed_value_is_matched_by_the_devices_time_and_excuses_no_silence() {
        let mut served = served(60);
        let mut stored = evidence(0..60);
        for (value, reading) in served.iter_mut().zip(&mut stored.readings) {
            value.source_ms = Some(value.utc_ms + 500_000);
            reading.source_ms = value.source_ms;
        }
        // Pushed before the poll at 30 s, delivered after it.
        let push = Served { utc_ms: 29_900, source_ms: Some(529_900), pushed: true, ..served[30].clone() };
        served.push(push);
        let late = Stored { utc_ms: 31_500, source_ms: Some(529_900), ..stored.readings[30].clone() };
        stored.readings.push(late);
        // Pushed at the very instant of a poll, which it also follows by more than a poll may take.
        served.insert(40, Served { pushed: true, ..served[40].clone() });
        let twin = Stored { utc_ms: 41_500, ..stored.readings[40].clone() };
        stored.readings.push(twin);
        let j = judge(&served, &stored, &[], LIMITS);
        assert_eq!((j.served, j.stored, j.pushed, j.findings), (62, 62, 2, vec![]));
        stored.readings[12].source_ms = Some(1);
        let j = judge(&served, &stored, &[], LIMITS);
        assert!(j.findings.iter().any(|f| f.contains("never served")), "another time of the device: {:?}", j.findings);
        let served: Vec<_> = served.into_iter().filter(|s| !(20_000..28_000).contains(&s.utc_ms)).collect();
        stored.readings.retain(|r| !(20_000..28_000).contains(&r.utc_ms));
        let j = judge(&served, &stored, &[], LIMITS);
        assert!(j.findings.iter().any(|f| f.contains("no gap says so")), "{:?}", j.findings);
    }

    #[test]
    fn overlapping_faults_explain_their_outage_once() {
        let mut stored = evidence((0..60).filter(|i| !(10..50).contains(i)));
        stored.gaps = vec![gap(9_007, 50_007, GapCause::ProcessKilled)];
        let twice = [killed(20_000, 38_000), killed(20_000, 38_000)];
        // 18 s of outage, two seals, four polls: 42 s. As a sum it would be 60 s.
        assert_eq!(judge(&served(60), &stored, &twice, LIMITS).findings, Vec::<String>::new());
        let shorter = [killed(20_000, 36_000), killed(20_000, 36_000)];
        let j = judge(&served(60), &stored, &shorter, LIMITS);
        assert!(j.findings.iter().any(|f| f.contains("explains only 40000 ms")), "{:?}", j.findings);
    }

    #[test]
    fn a_fault_that_left_no_gap_is_named_unless_the_gateway_was_down() {
        let silent = Injected {
            what: "press silent".into(),
            causes: vec![GapCause::DeviceSilent],
            device: Some("press".into()),
            unsealed: false,
            ..killed(20_000, 25_000)
        };
        let mut stored = evidence(0..60);
        assert_eq!(unnoticed(std::slice::from_ref(&silent), &stored, LIMITS).len(), 1);
        assert!(unnoticed(&[silent.clone(), killed(24_000, 26_000)], &stored, LIMITS).is_empty());
        let (margin, end) = (LIMITS.latency_ms + 2 * LIMITS.poll_ms, silent.to_ms);
        let killed_after = |ms: i64| killed(end + ms, end + ms + 2_000);
        let soon = killed_after(margin + LIMITS.seal_ms - 1);
        assert!(unnoticed(&[silent.clone(), soon], &stored, LIMITS).is_empty(), "what told of it was not sealed yet");
        let later = killed_after(margin + LIMITS.seal_ms);
        assert_eq!(unnoticed(&[silent.clone(), later], &stored, LIMITS).len(), 1);
        stored.gaps = vec![gap(19_007, 26_007, GapCause::DeviceSilent)];
        assert!(unnoticed(std::slice::from_ref(&silent), &stored, LIMITS).is_empty());
        stored.gaps[0].cause = GapCause::DeviceRefused;
        assert_eq!(unnoticed(&[silent], &stored, LIMITS).len(), 1, "another cause");
    }

    #[test]
    fn a_reply_that_must_not_be_believed_is_found_when_stored() {
        let mut served = served(60);
        served[30].valid = false;
        served[30].raw = 12_345.into();
        let mut stored = evidence(0..60);
        stored.readings[30].value = Value::U64(12_345);
        let j = judge(&served, &stored, &[], LIMITS);
        assert!(j.findings.iter().any(|f| f.contains("not to be believed")), "{:?}", j.findings);
    }
}
