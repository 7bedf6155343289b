//! The time between two batches of a machine: 清场 (cleaning and clearance), 换批 (setting up for another product), waiting.
//!
//! Constraints
//! 1. The parts tile the gap, to the millisecond: planned stops, cleaning, setup, running, waiting, unobserved.
//! 2. Cleaning is what a batch states as cleaning, and maintenance; setup too when the next batch is of the same product. Before
//!    another product, setup is the changeover's own.
//! 3. 换批时间 is the whole gap before another product without planned stops, as 换线时间 is between pieces (reference §5 row 19,
//!    TV-06): what was waited for is part of it, and its parts stand beside it.
//! 4. Unobserved time may all have been cleaning or setup, and so may time on held samples of another state: the bounds say so.
//!    Running without a batch is shown as what it is.

use crate::counter::Bounded;
use crate::facts::Share;
use crate::interval::{Interval, overlap_ms, subtract, total_ms, union};
use crate::state::{MachineState, StateInterval};

/// The parts of a gap, milliseconds. Adds up over gaps.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Parts {
    /// Planned stops and time that was not planned for production.
    pub planned_ms: i64,
    /// 清场.
    pub cleaning_ms: Bounded,
    /// Setup for another product.
    pub setup_ms: Bounded,
    /// Running without a batch.
    pub running_ms: i64,
    /// Off, idle, waiting or in fault.
    pub waiting_ms: i64,
    /// Nobody saw.
    pub unobserved_ms: i64,
}

impl Parts {
    /// Adds the parts of another gap.
    pub const fn add(&mut self, o: &Self) {
        self.planned_ms += o.planned_ms;
        self.cleaning_ms.add(o.cleaning_ms);
        self.setup_ms.add(o.setup_ms);
        self.running_ms += o.running_ms;
        self.waiting_ms += o.waiting_ms;
        self.unobserved_ms += o.unobserved_ms;
    }

    /// The part of what was planned for production that somebody saw.
    pub fn cover(&self) -> Share {
        let of_ms = i64::try_from(self.net_ms()).unwrap_or(i64::MAX);
        Share { observed_ms: of_ms.saturating_sub(self.unobserved_ms), of_ms }
    }

    /// All of the gap that was planned for production, milliseconds.
    pub const fn net_ms(&self) -> i128 {
        let rest = self.running_ms + self.waiting_ms + self.unobserved_ms;
        self.cleaning_ms.value + self.setup_ms.value + rest as i128
    }
}

/// The time between two batches that follow each other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gap {
    /// Batch before.
    pub before: String,
    /// Batch after.
    pub after: String,
    /// End of the one, begin of the other.
    pub span: Interval,
    /// The next batch is of another product.
    pub changes_product: bool,
    /// What the time was.
    pub parts: Parts,
}

/// Splits a gap. `cleaning` is what was stated as such, `stops` is planned or unplanned-for time, `states` tile the gap or are
/// empty; all in any order.
pub fn split(
    gap: Interval,
    changes_product: bool,
    cleaning: Vec<Interval>,
    stops: Vec<Interval>,
    states: &[StateInterval],
) -> Parts {
    let stops = union(stops.into_iter().map(|s| s.intersect(&gap)).collect());
    let cleaning = union(cleaning.into_iter().map(|c| c.intersect(&gap)).collect());
    let free = subtract(gap, &stops);
    let declared_ms = overlap_ms(&free, &cleaning);
    let rest: Vec<Interval> = free.iter().flat_map(|f| subtract(*f, &cleaning)).collect();
    let mut out = Parts { planned_ms: total_ms(&stops), ..Parts::default() };
    let (mut cleaned, mut cleaned_held, mut set_up, mut set_up_held, mut held) = (0, 0, 0, 0, 0);
    let mut seen = 0;
    for s in states {
        let ms = overlap_ms(&rest, &[Interval::new(s.from_ms, s.to_ms)]);
        seen += ms;
        held += if s.held { ms } else { 0 };
        match s.state {
            MachineState::Setup if changes_product => {
                set_up += ms;
                set_up_held += if s.held { ms } else { 0 };
            }
            MachineState::Setup | MachineState::Maint => {
                cleaned += ms;
                cleaned_held += if s.held { ms } else { 0 };
            }
            MachineState::Run => out.running_ms += ms,
            MachineState::Unknown => out.unobserved_ms += ms,
            MachineState::Off | MachineState::Idle | MachineState::Wait | MachineState::Fault => out.waiting_ms += ms,
        }
    }
    out.unobserved_ms += total_ms(&rest) - seen;
    let bounded = |sure: i64, seen: i64, of_it_held: i64| Bounded {
        value: i128::from(sure + seen),
        lower: i128::from(sure + seen - of_it_held),
        upper: i128::from(sure + seen + (held - of_it_held) + out.unobserved_ms),
    };
    out.cleaning_ms = bounded(declared_ms, cleaned, cleaned_held);
    if changes_product {
        out.setup_ms = bounded(0, set_up, set_up_held);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_tile_the_gap_and_the_product_decides_what_setup_is() {
        let at = |from_ms, to_ms, state, held| StateInterval { from_ms, to_ms, state, held };
        let states = [
            at(0, 100, MachineState::Setup, false),
            at(100, 150, MachineState::Idle, true),
            at(150, 250, MachineState::Maint, false),
            at(250, 300, MachineState::Setup, true),
            at(300, 340, MachineState::Run, false),
            at(340, 400, MachineState::Unknown, false),
            at(400, 500, MachineState::Fault, false),
        ];
        let of = |changes| {
            let stops = vec![Interval::new(450, 900), Interval::new(440, 460)];
            split(Interval::new(0, 520), changes, vec![Interval::new(-50, 60)], stops, &states)
        };
        let other = of(true);
        assert_eq!((other.planned_ms, other.running_ms, other.waiting_ms, other.unobserved_ms), (80, 40, 90, 60));
        // Declared 60, maintenance 100; 60 unobserved and 100 held in something else may have been cleaning too.
        assert_eq!(other.cleaning_ms, Bounded { value: 160, lower: 160, upper: 320 });
        assert_eq!(other.setup_ms, Bounded { value: 90, lower: 40, upper: 200 });
        assert_eq!(other.net_ms() + i128::from(other.planned_ms), 520);
        let same = of(false);
        assert_eq!(same.cleaning_ms, Bounded { value: 250, lower: 200, upper: 360 });
        assert_eq!((same.setup_ms, same.net_ms()), (Bounded::default(), other.net_ms()));
        // Without a state only what was stated is known.
        let blind = split(Interval::new(0, 520), true, vec![Interval::new(0, 60)], vec![], &[]);
        assert_eq!((blind.cleaning_ms, blind.unobserved_ms), (Bounded { value: 60, lower: 60, upper: 520 }, 460));
    }
}
