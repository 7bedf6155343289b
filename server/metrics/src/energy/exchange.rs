//! Import and export of one connection, and registers that run backwards.
//!
//! Constraints
//! 1. Energy taken and energy given are two registers and two amounts. Their difference exists only when it is asked for by name,
//!    and both stand beside it (reference §2.4: never net them silently).
//! 2. A register that falls by no more than it could have risen, and that cannot be counting afresh from zero, ran backwards: a
//!    transformer with its polarity reversed, or energy fed back through a register that nets. How far it ran is shown; the
//!    energy of that stretch stays unknown, as after any break.
//! 3. Where a fall could as well be a restart, it is counted as unclear, and nothing is called reversed. Without a credible
//!    greatest rate nothing can be told, and every fall is unclear.

use crate::counter::{Bounded, RegisterRule, Step};
use crate::facts::Energy;
use crate::history::History;
use crate::interval::Interval;
use crate::metrology::measured::{in_force, totals};
use crate::metrology::{Counts, Quantity};
use crate::oee::Undefined;
use crate::shift::Inputs;

/// Falls of a register.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Backward {
    /// How far it ran backwards, in stored units; never negative.
    pub amount: i128,
    /// In how many steps.
    pub steps: u32,
    /// Falls that may also have been a restart.
    pub unclear: u32,
}

/// Looks for backward movement between consecutive samples, the later of which lies inside `window`. Steps across a declared
/// exchange of the register are none.
pub fn backward(samples: impl Iterator<Item = (i64, i64)>, window: Interval, rule: &RegisterRule) -> Backward {
    let mut out = Backward::default();
    let mut last: Option<(i64, i64)> = None;
    for sample in samples {
        if let Some(before) = last.replace(sample)
            && sample.1 < before.1
            && window.from_ms < sample.0
            && sample.0 <= window.to_ms
        {
            out.judge(before, sample, rule);
        }
    }
    out
}

impl Backward {
    fn judge(&mut self, before: (i64, i64), after: (i64, i64), rule: &RegisterRule) {
        let is_exchange = rule.replaced.iter().any(|r| before.0 < r.at_ms && r.at_ms <= after.0);
        let elapsed = after.0.saturating_sub(before.0);
        if is_exchange || matches!(rule.step(before.1, after.1, elapsed), Step::Rollover(_)) {
            return;
        }
        let Some(rate) = rule.rate_max_per_hour else {
            self.unclear += 1;
            return;
        };
        let fall = i128::from(before.1) - i128::from(after.1);
        let possible = |amount: i128| (amount - 1) * 3_600_000 <= i128::from(rate) * i128::from(elapsed.max(0));
        let is_restart = after.1 >= 0 && possible(after.1.into());
        match (possible(fall), is_restart) {
            (true, false) => {
                self.amount = self.amount.saturating_add(fall);
                self.steps += 1;
            }
            (true, true) => self.unclear += 1,
            (false, _) => {}
        }
    }
}

/// Energy taken from and given to the net over one window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exchange {
    /// 正向有功.
    pub imported: Energy,
    /// 反向有功.
    pub exported: Energy,
}

impl Exchange {
    /// Imported less exported, millionths of a kWh: to be shown beside the two, never instead of them. The upper bound is missing
    /// when that of the import is, the lower when that of the export is.
    pub fn net(&self) -> (i128, Option<i128>, Option<i128>) {
        let (i, e): (Bounded, Bounded) = (self.imported.micro_kwh, self.exported.micro_kwh);
        let lower = (!self.exported.uncapped).then(|| i.lower.saturating_sub(e.upper));
        let upper = (!self.imported.uncapped).then(|| i.upper.saturating_sub(e.lower));
        (i.value.saturating_sub(e.value), lower, upper)
    }
}

/// Energy taken through one machine's register and given through another's, over one window. The second must be stated to count
/// export: nobody can tell it from the readings.
///
/// # Errors
/// A machine without a register, a register that broke, or a second one that is not stated to count export.
pub fn of_machines(history: &History, imported: &str, exported: &str, window: Interval) -> Result<Exchange, Undefined> {
    let pieces = in_force(history, exported, Quantity::Energy, window);
    if !pieces.iter().all(|(_, stated)| stated.is_some_and(|s| s.body.counts == Counts::Export)) {
        return Err(Undefined::NoMeter);
    }
    let of = |machine: &str| match totals(history, &Inputs::load(history, machine, window), machine, window) {
        (facts, false) => facts.energy.ok_or(Undefined::NoMeter),
        (_, true) => Err(Undefined::MeterDiscontinuity),
    };
    Ok(Exchange { imported: of(imported)?, exported: of(exported)? })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::counter::Replacement;

    const HOUR: i64 = 3_600_000;

    fn rule() -> RegisterRule {
        RegisterRule {
            modulus: Some(1_000_000),
            rate_max_per_hour: Some(100),
            gap_ms_max: HOUR,
            replaced: vec![Replacement { at_ms: 7 * HOUR, old_final: 5_020, new_initial: 4_000 }],
        }
    }

    fn of(samples: &[(i64, i64)]) -> Backward {
        backward(samples.iter().map(|(h, v)| (h * HOUR, *v)), Interval::new(0, 20 * HOUR), &rule())
    }

    #[test]
    fn a_register_that_turns_is_told_from_a_wrap_a_restart_and_an_exchange() {
        assert_eq!(of(&[(0, 5_000), (1, 4_950), (2, 4_900)]), Backward { amount: 100, steps: 2, unclear: 0 });
        assert_eq!(of(&[(0, 999_990), (1, 20)]), Backward::default(), "a wrap");
        assert_eq!(of(&[(0, 5_000), (1, 20)]), Backward::default(), "a restart: 4 980 is more than an hour holds");
        assert_eq!(of(&[(6, 5_000), (8, 4_950)]), Backward::default(), "a declared exchange");
        assert_eq!(of(&[(0, 90), (1, 40)]), Backward { unclear: 1, ..Backward::default() });
        let blind = RegisterRule { rate_max_per_hour: None, ..rule() };
        let fall = backward([(0, 9), (HOUR, 8)].into_iter(), Interval::new(0, HOUR), &blind);
        assert_eq!(fall, Backward { unclear: 1, ..Backward::default() });
    }

    #[test]
    fn import_and_export_keep_their_own_amounts() {
        let energy = |value: i128, uncapped: bool| Energy {
            micro_kwh: Bounded { value, lower: value - 1, upper: value + 2 },
            uncapped,
            samples: 2,
        };
        let both = Exchange { imported: energy(500, false), exported: energy(120, false) };
        assert_eq!(both.net(), (380, Some(377), Some(383)));
        let open = Exchange { exported: energy(120, true), ..both };
        assert_eq!(open.net(), (380, None, Some(383)));
    }
}
