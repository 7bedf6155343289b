//! Recordings with known modes, and recordings without any.

use super::*;
use crate::compare::SplitMix64;
use crate::timeline::{Cadence, decide_power};

/// A recording at one reading per ten seconds: (watts, spread, readings) one after the other, repeated.
fn recording(parts: &[(i64, i64, usize)], rounds: usize) -> Vec<(i64, i64)> {
    let mut random = SplitMix64::new(5);
    let mut noise = |spread: i64| (random.next_u64() % (2 * spread as u64 + 1)) as i64 - spread;
    let mut out = Vec::new();
    for _ in 0..rounds {
        for (watts, spread, count) in parts {
            for _ in 0..*count {
                out.push((out.len() as i64 * 10_000, watts + noise(*spread)));
            }
        }
    }
    out
}

#[test]
fn three_modes_are_found_although_running_varies_widely() {
    let readings = recording(&[(4, 4, 300), (350, 30, 200), (7_000, 2_500, 400)], 12);
    let s = suggest(&readings, 10_000).unwrap();
    let states: Vec<MachineState> = s.modes.iter().map(|m| m.state).collect();
    assert_eq!(states, [MachineState::Off, MachineState::Idle, MachineState::Run]);
    let rule = &s.rule;
    assert!((9..=319).contains(&rule.off_below_w) && (381..=4_500).contains(&rule.run_from_w), "{rule:?}");
    assert!(rule.run_from_w - rule.hysteresis_w > 380, "{rule:?}");
    assert_eq!(s.modes.iter().map(|m| m.count).collect::<Vec<_>>(), [3_600, 2_400, 4_800]);
    assert_eq!(s.histogram.iter().map(|b| b.count).sum::<u64>(), 10_800);
    assert!(s.histogram.windows(2).all(|w| w[0].to_w == w[1].from_w && w[0].from_w < w[0].to_w));
    assert_eq!(s.cautions.len(), 1, "more than a day: only the standing one");
    // The rule decides the recording as it was made.
    let samples: Vec<(i64, i128)> = readings.iter().map(|(ms, w)| (*ms, i128::from(*w))).collect();
    let decided = decide_power(&samples, rule, 1, Cadence::new(10_000));
    let run = decided.iter().filter(|(_, s)| *s == MachineState::Run).count();
    assert_eq!(run, 4_800);
}

#[test]
fn two_modes_are_named_by_what_is_left_of_the_power() {
    let off = suggest(&recording(&[(10, 10, 300), (3_000, 300, 300)], 10), 10_000).unwrap();
    assert_eq!(off.modes[0].state, MachineState::Off);
    assert!(20 <= off.rule.off_below_w && off.rule.off_below_w <= off.rule.run_from_w && off.rule.run_from_w <= 2_700);
    let idle = suggest(&recording(&[(900, 60, 300), (3_000, 300, 300)], 10), 10_000).unwrap();
    assert_eq!(idle.modes[0].state, MachineState::Idle);
    assert!(idle.rule.off_below_w < 840 && idle.rule.run_from_w > 960, "{:?}", idle.rule);
    assert!(idle.cautions.iter().any(|c| c.1.contains("never off")));
}

#[test]
fn nothing_is_suggested_from_one_heap_or_a_handful() {
    let heap = suggest(&recording(&[(2_000, 1_900, 4_000)], 1), 10_000).unwrap_err();
    assert!(heap.reason.1.contains("stand apart") && !heap.histogram.is_empty());
    let few = suggest(&recording(&[(0, 1, 50), (900, 1, 50)], 1), 10_000).unwrap_err();
    assert!(few.reason.1.contains("100 readings"));
    assert!(suggest(&[], 10_000).is_err());
    assert!(suggest(&vec![(0, i64::MIN); 600], 0).is_err());
    assert!(suggest(&vec![(0, i64::MAX); 600], i64::MAX).is_err());
}

#[test]
fn bins_cover_every_power_once() {
    for unit in [1, 7, 40] {
        let scale = Scale { unit };
        let mut last = 0;
        for w in 0..20_000 {
            let i = scale.index(w);
            assert!(scale.least_w(i) <= w && w < scale.least_w(i + 1), "{w} W in bin {i}");
            assert!(i == last || i == last + 1);
            last = i;
        }
    }
}
