//! Load factor, weighted power factor, energy by machine state (reference §2.4).
//!
//! Constraints
//! 1. Power factor comes from the period's kWh and kvarh, never from averaged instantaneous values; leading and lagging
//!    kvarh are registers of their own and are not netted.
//! 2. A load factor takes its maximum from the same windows as the demand it is shown with.
//! 3. Energy by state cuts one register at the edges of the states; the parts add up to the register's difference exactly.

use crate::counter::{Bounded, RegisterRule, Weight, fold};
use crate::exact::{Rational, cosine_digits};
use crate::interval::Interval;
use crate::state::{MachineState, StateInterval};

/// Load factor 负荷率: energy / (maximum demand · time). `None` without time or demand.
pub fn load_factor(kwh: Rational, demand_kw: Rational, duration_ms: i64) -> Option<Rational> {
    let hours = Rational::new(i128::from(duration_ms), 3_600_000)?;
    kwh.over(demand_kw.times(hours)?)
}

/// Active and reactive energy of a period, in one integer unit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Reactive {
    /// Wp, active energy imported.
    pub active: i128,
    /// Wq lagging (inductive).
    pub lagging: i128,
    /// Wq leading (capacitive): shown apart.
    pub leading: i128,
}

impl Reactive {
    /// Adds another period or meter: the factor of several is the factor of their sums.
    pub const fn add(&mut self, o: &Self) {
        self.active = self.active.saturating_add(o.active);
        self.lagging = self.lagging.saturating_add(o.lagging);
        self.leading = self.leading.saturating_add(o.leading);
    }

    /// Weighted power factor Wp / √(Wp² + Wq²) with lagging kvarh, digits half up. `None` without any energy.
    pub fn power_factor_digits(&self, decimals: usize) -> Option<String> {
        cosine_digits(self.active, self.lagging, decimals)
    }

    /// Whether the factor reaches `percent` hundredths, exactly: (100·Wp)² ≥ p²·(Wp² + Wq²).
    pub fn reaches(&self, percent: u8) -> Option<bool> {
        let square = |v: i128| v.checked_mul(v);
        let all = square(self.active)?.checked_add(square(self.lagging)?)?;
        let wanted = all.checked_mul(i128::from(percent) * i128::from(percent))?;
        Some(square(self.active)?.checked_mul(10_000)? >= wanted)
    }
}

/// Energy per state, in the register's unit, by [`MachineState::code`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ByState {
    /// Amount per state.
    pub amount: [Bounded; 8],
    /// The register reset, jumped impossibly or was not read somewhere: the amounts are what is known, not all.
    pub is_open: bool,
}

impl ByState {
    /// Energy of idling: IDLE and WAIT, and SETUP where it is agreed to belong to it.
    pub fn idle(&self, with_setup: bool) -> Bounded {
        let of = |s: MachineState| self.amount.get(s.code()).copied().unwrap_or_default();
        let idle = of(MachineState::Idle).plus(of(MachineState::Wait));
        if with_setup { idle.plus(of(MachineState::Setup)) } else { idle }
    }

    /// All states together.
    pub fn total(&self) -> Bounded {
        self.amount.iter().fold(Bounded::default(), |sum, a| sum.plus(*a))
    }
}

/// Cuts a register at the edges of a timeline. `samples` are in order of time; `states` tile the window.
pub fn by_state(samples: &[(i64, i64)], states: &[StateInterval], rule: &RegisterRule) -> ByState {
    let mut out = ByState::default();
    for s in states {
        let begin = samples.partition_point(|(ms, _)| *ms <= s.from_ms).saturating_sub(1);
        let near = samples.get(begin..).unwrap_or_default().iter().copied();
        let passed = fold(near, Interval::new(s.from_ms, s.to_ms), rule, |_, _| Weight::ONE);
        out.is_open |= !passed.open.is_empty();
        if let Some(sum) = out.amount.get_mut(s.state.code()) {
            sum.add(passed.amount);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use MachineState::{Idle, Run, Wait};

    #[test]
    fn energy_by_state_adds_up_to_the_register() {
        let samples: Vec<(i64, i64)> = (0..=20).map(|i| (i * 60_000, i * i * 7)).collect();
        let rule = RegisterRule { gap_ms_max: 60_000, ..RegisterRule::default() };
        let states: Vec<StateInterval> =
            [(Run, 0, 333_333), (Idle, 333_333, 700_001), (Wait, 700_001, 900_000), (Run, 900_000, 1_200_000)]
                .map(|(state, from_ms, to_ms)| StateInterval { from_ms, to_ms, state, held: false })
                .to_vec();
        let by = by_state(&samples, &states, &rule);
        assert_eq!(by.total().value, 2_800);
        assert!(!by.is_open);
        assert_eq!(by.idle(false).value + by.amount[Run.code()].value, 2_800);
        let idle = by.idle(false);
        assert!(idle.lower < idle.value && idle.value < idle.upper, "the edges fall between two readings");
        let blind = by_state(&samples[3..], &states, &rule);
        assert!(blind.is_open);
    }

    #[test]
    fn the_power_factor_of_two_meters_is_that_of_their_sums() {
        let mut all = Reactive { active: 9_000, lagging: 1_000, leading: 0 };
        all.add(&Reactive { active: 3_000, lagging: 4_000, leading: 70 });
        assert_eq!(all.power_factor_digits(6).unwrap(), "0.923077");
        assert_eq!((all.reaches(92), all.reaches(93)), (Some(true), Some(false)));
        let edge = Reactive { active: 3, lagging: 4, leading: 0 };
        assert_eq!((edge.reaches(60), edge.reaches(61)), (Some(true), Some(false)));
        assert_eq!(Reactive::default().power_factor_digits(3), None);
    }

    #[test]
    fn a_load_factor_needs_time_and_demand() {
        let f = load_factor(Rational::integer(12_000), Rational::integer(250), 72 * 3_600_000).unwrap();
        assert_eq!(f.digits(6), "0.666667");
        assert_eq!(load_factor(Rational::integer(1), Rational::ZERO, 1), None);
    }
}
