//! Time buckets: calendar × state × order, ISO 22400 consistent (reference §6.4).
//!
//! Constraints
//! 1. The buckets tile the window: `outside + pdot + apt + aust + adet + adot + unk` is its length, to the millisecond.
//! 2. Running during a planned stop or outside every shift counts as production *and* adds the same time to planned
//!    busy time (TV-20), so that no capacity hides in a break.
//! 3. Breakdowns with an order loaded are delay (ADET), not down time (ADOT), as ISO 22400 has it; without information
//!    about orders an order counts as loaded whenever production was planned.
//! 4. Time whose state is not certain is kept apart, so that the bounds can be drawn from it.

use crate::interval::{Interval, overlap_ms, subtract, union};
use crate::state::{MachineState, StateInterval};

/// Milliseconds per bucket of a window. Adds up over windows, machines and periods.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Buckets {
    /// Outside every shift and not running.
    pub outside_ms: i64,
    /// Planned downtime.
    pub pdot_ms: i64,
    /// Actual production time (RUN), planned or not.
    pub apt_ms: i64,
    /// Actual setup time.
    pub aust_ms: i64,
    /// Actual delay: not producing although an order is loaded.
    pub adet_ms: i64,
    /// Actual down time: available, no order.
    pub adot_ms: i64,
    /// Unobserved part of planned busy time.
    pub unk_ms: i64,
    /// The part of `apt_ms` inside planned stops.
    pub run_in_stop_ms: i64,
    /// The part of `apt_ms` outside every shift.
    pub overtime_ms: i64,
    /// The part of `apt_ms` without an order.
    pub run_without_order_ms: i64,
    /// The part of `apt_ms` that rests on held samples.
    pub held_run_ms: i64,
    /// The part of other planned time that rests on held samples.
    pub held_other_ms: i64,
    /// Time in planned stops that is unobserved or rests on held samples other than RUN: it may have been production.
    pub unsure_stop_ms: i64,
}

impl Buckets {
    /// Planned busy time: APT + AUST + ADET + ADOT + UNK.
    pub const fn pbt_ms(&self) -> i64 {
        self.apt_ms + self.aust_ms + self.adet_ms + self.adot_ms + self.unk_ms
    }

    /// Planned operation time as it turned out: PBT + PDOT.
    pub const fn pot_ms(&self) -> i64 {
        self.pbt_ms() + self.pdot_ms
    }

    /// All of the window.
    pub const fn total_ms(&self) -> i64 {
        self.pot_ms() + self.outside_ms
    }

    /// Adds another window.
    pub const fn add(&mut self, o: &Self) {
        self.outside_ms += o.outside_ms;
        self.pdot_ms += o.pdot_ms;
        self.apt_ms += o.apt_ms;
        self.aust_ms += o.aust_ms;
        self.adet_ms += o.adet_ms;
        self.adot_ms += o.adot_ms;
        self.unk_ms += o.unk_ms;
        self.run_in_stop_ms += o.run_in_stop_ms;
        self.overtime_ms += o.overtime_ms;
        self.run_without_order_ms += o.run_without_order_ms;
        self.held_run_ms += o.held_run_ms;
        self.held_other_ms += o.held_other_ms;
        self.unsure_stop_ms += o.unsure_stop_ms;
    }
}

/// The calendar and order context of a window.
#[derive(Debug, Clone, Default)]
pub struct Context {
    /// The window lies inside a shift.
    pub scheduled: bool,
    /// Planned stops inside the window: breaks and stops declared before they began.
    pub stops: Vec<Interval>,
    /// Stretches without an order; empty when there is no order information.
    pub no_order: Vec<Interval>,
}

/// Sorts the time of a window into buckets. `states` tile the window.
pub fn sort(states: &[StateInterval], context: &Context) -> Buckets {
    let mut out = Buckets::default();
    let stops = union(context.stops.clone());
    let no_order: Vec<Interval> =
        union(context.no_order.clone()).into_iter().flat_map(|n| subtract(n, &stops)).collect();
    for s in states {
        let piece = [Interval::new(s.from_ms, s.to_ms)];
        let length = s.length_ms();
        let run = s.state == MachineState::Run;
        if run && s.held {
            out.held_run_ms += length;
        }
        if !context.scheduled {
            if run {
                out.apt_ms += length;
                out.overtime_ms += length;
            } else {
                out.outside_ms += length;
            }
            continue;
        }
        let stopped = overlap_ms(&piece, &stops);
        let idle_order = overlap_ms(&piece, &no_order);
        let planned = length - stopped;
        if run {
            out.apt_ms += length;
            out.run_in_stop_ms += stopped;
            out.run_without_order_ms += idle_order;
            continue;
        }
        out.pdot_ms += stopped;
        if s.state == MachineState::Unknown || s.held {
            out.unsure_stop_ms += stopped;
        }
        if s.held {
            out.held_other_ms += planned;
        }
        match s.state {
            MachineState::Unknown => out.unk_ms += planned,
            MachineState::Setup => out.aust_ms += planned,
            _ => {
                out.adot_ms += idle_order;
                out.adet_ms += planned - idle_order;
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use MachineState::{Fault, Idle, Maint, Run, Setup, Unknown};

    #[test]
    fn every_state_and_context_lands_where_the_reference_says() {
        let mut at = 0;
        let mut next = |state, ms| {
            at += ms;
            StateInterval { from_ms: at - ms, to_ms: at, state, held: false }
        };
        // 0–100 run, 100–110 setup, 110–140 fault, 140–160 unknown, 160–200 idle, 200–230 run, 230–250 maintenance.
        let states = [
            next(Run, 100),
            next(Setup, 10),
            next(Fault, 30),
            next(Unknown, 20),
            next(Idle, 40),
            next(Run, 30),
            next(Maint, 20),
        ];
        let context = Context {
            scheduled: true,
            stops: vec![Interval::new(150, 210)],
            no_order: vec![Interval::new(130, 155), Interval::new(225, 245)],
        };
        let b = sort(&states, &context);
        assert_eq!(b.total_ms(), 250);
        assert_eq!((b.apt_ms, b.run_in_stop_ms, b.run_without_order_ms), (130, 10, 5));
        assert_eq!((b.aust_ms, b.unk_ms, b.pdot_ms, b.unsure_stop_ms), (10, 10, 50, 10));
        assert_eq!((b.adet_ms, b.adot_ms), (20 + 5, 10 + 15));
        let free = sort(&states, &Context::default());
        assert_eq!((free.apt_ms, free.overtime_ms, free.outside_ms, free.pbt_ms()), (130, 130, 120, 130));
    }
}
