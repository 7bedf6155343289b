//! Report on change: which readings of a quiet tag are worth a place in the evidence. Pure.
//!
//! Constraints:
//! 1. The comparison is with the value last *recorded*, not last read: a slow drift of many small steps is recorded as soon as the steps
//!    together leave the deadband.
//! 2. A value is recorded at least every heartbeat, so silence longer than that is never "unchanged"; the tag's interval in the evidence is
//!    the heartbeat.
//! 3. Only roles no figure is computed from may use it ([`ALLOWED`]): a counter or a state that is left out cannot be told from one that
//!    was not seen.

use protocol::{Quality, Value};

/// Roles that may be recorded on change.
pub const ALLOWED: [&str; 8] = ["temperature", "pressure", "flow", "level", "speed", "alarm", "identity", "other"];

/// What a tag's file entry says.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct OnChange {
    /// The value must have moved by more than this, in raw units; 0 records every change.
    pub deadband: f64,
    /// Recorded at least this often, milliseconds.
    pub heartbeat_ms: i64,
}

/// The memory of one tag.
#[derive(Clone, Debug)]
pub struct Filter {
    rule: OnChange,
    recorded: Option<(Value, Quality, i64)>,
}

impl Filter {
    /// Nothing recorded yet.
    pub fn new(rule: OnChange) -> Self {
        Self { rule, recorded: None }
    }

    /// Whether a reading at `now_ms` is to be recorded. The caller records it exactly when this says so.
    pub fn takes(&mut self, now_ms: i64, value: &Value, quality: Quality) -> bool {
        let stays = self.recorded.as_ref().is_some_and(|(before, trusted, at_ms)| {
            *trusted == quality
                && now_ms.saturating_sub(*at_ms) < self.rule.heartbeat_ms
                && !moved(before, value, self.rule.deadband)
        });
        if !stays {
            self.recorded = Some((value.clone(), quality, now_ms));
        }
        !stays
    }

    /// There was an outage: the next reading is recorded whatever it is.
    pub fn forget(&mut self) {
        self.recorded = None;
    }
}

fn moved(before: &Value, now: &Value, deadband: f64) -> bool {
    let distance = match (before, now) {
        // Exact in whole numbers; only the distance, which is small where it matters, becomes a float.
        (Value::U64(a), Value::U64(b)) => a.abs_diff(*b) as f64,
        (Value::I64(a), Value::I64(b)) => a.abs_diff(*b) as f64,
        (Value::F32(a), Value::F32(b)) => (f64::from(*a) - f64::from(*b)).abs(),
        (Value::F64(a), Value::F64(b)) => (a - b).abs(),
        (a, b) => return a != b,
    };
    distance > deadband
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn filter(deadband: f64, heartbeat_ms: i64) -> Filter {
        Filter::new(OnChange { deadband, heartbeat_ms })
    }

    #[test]
    fn a_slow_drift_is_recorded_when_it_has_left_the_deadband() {
        let mut filter = filter(5.0, 60_000);
        let taken: Vec<u64> = (100..=120)
            .filter(|v| filter.takes(i64::try_from(*v).unwrap() * 10, &Value::U64(*v), Quality::Good))
            .collect();
        assert_eq!(taken, [100, 106, 112, 118]);
    }

    #[test]
    fn heartbeat_quality_kind_and_outage_always_record() {
        let mut filter = filter(10.0, 1_000);
        let value = Value::F32(20.0);
        assert!(filter.takes(0, &value, Quality::Good));
        assert!(!filter.takes(999, &Value::F32(25.0), Quality::Good));
        assert!(filter.takes(1_000, &value, Quality::Good));
        assert!(filter.takes(1_001, &value, Quality::Uncertain));
        assert!(!filter.takes(1_002, &value, Quality::Uncertain));
        filter.forget();
        assert!(filter.takes(1_003, &value, Quality::Uncertain));
        assert!(filter.takes(1_004, &Value::Text("off".into()), Quality::Uncertain));
        assert!(filter.takes(1_005, &Value::Text("on".into()), Quality::Uncertain));
        assert!(!filter.takes(1_006, &Value::Text("on".into()), Quality::Uncertain));
    }

    proptest! {
        /// Whoever holds the last recorded value is never wrong by more than the deadband, and never for longer than a heartbeat.
        #[test]
        fn what_was_left_out_lies_within_the_deadband_of_what_was_recorded(
            steps in prop::collection::vec((1i64..500, -50i64..50), 1..200), deadband in 0u32..40, heartbeat_ms in 100i64..5_000,
        ) {
            let mut filter = filter(f64::from(deadband), heartbeat_ms);
            let (mut now, mut value) = (0, 0);
            let mut recorded: Option<(i64, i64)> = None;
            for (wait, step) in steps {
                now += wait;
                value += step;
                if filter.takes(now, &Value::I64(value), Quality::Good) {
                    recorded = Some((now, value));
                }
                let (at, held) = recorded.expect("the first reading is always recorded");
                prop_assert!((held - value).abs() <= i64::from(deadband));
                prop_assert!(now - at < heartbeat_ms);
            }
        }
    }
}
