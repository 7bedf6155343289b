//! Time buckets: calendar × state × order, ISO 22400 consistent (reference §6.4).
//!
//! Constraints
//! 1. The buckets tile the window: `outside + pdot + apt + aust + adet + adot + unk` is its length, to the millisecond.
//! 2. Running during a planned stop or outside every shift counts as production *and* adds the same time to planned
//!    busy time (TV-20), so that no capacity hides in a break.
//! 3. Breakdowns with an order loaded are delay (ADET), not down time (ADOT), as ISO 22400 has it; without information
//!    about orders an order counts as loaded whenever production was planned.
//! 4. Time whose state or order is not certain is kept apart. What is certain only shrinks when readings are taken away, and
//!    every bound is drawn from what is certain alone: so no bound ever moves inward for want of a reading.

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
    /// The part of `held_run_ms` in planned stops or outside every shift: it may have no place in planned busy time.
    pub held_unplanned_ms: i64,
    /// The part of other planned time that rests on held samples.
    pub held_other_ms: i64,
    /// The part of `held_other_ms` in `aust_ms`.
    pub held_setup_ms: i64,
    /// The part of `held_other_ms` in `adot_ms`.
    pub held_down_ms: i64,
    /// The part of `adet_ms` that was observed while its order was not: it may have been down time.
    pub orderless_delay_ms: i64,
    /// The part of `adot_ms` that was observed while the missing order was not: it may have been delay.
    pub orderless_down_ms: i64,
    /// Time in planned stops that is unobserved or rests on held samples other than RUN: it may have been production.
    pub unsure_stop_ms: i64,
    /// The same outside every shift.
    pub unsure_outside_ms: i64,
    /// The part of `unsure_stop_ms` and `unsure_outside_ms` that rests on held samples.
    pub held_rest_ms: i64,
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

    /// Running, for certain.
    pub const fn sure_run_ms(&self) -> i64 {
        self.apt_ms - self.held_run_ms
    }

    /// Setup, for certain.
    pub const fn sure_setup_ms(&self) -> i64 {
        self.aust_ms - self.held_setup_ms
    }

    /// Delay with an order, for certain.
    pub const fn sure_delay_ms(&self) -> i64 {
        self.adet_ms - (self.held_other_ms - self.held_setup_ms - self.held_down_ms) - self.orderless_delay_ms
    }

    /// Down without an order, for certain.
    pub const fn sure_down_ms(&self) -> i64 {
        self.adot_ms - self.held_down_ms - self.orderless_down_ms
    }

    /// Planned busy time, for certain: the least it can be.
    pub const fn sure_pbt_ms(&self) -> i64 {
        self.pbt_ms() - self.held_unplanned_ms
    }

    /// Planned time in any state whatever.
    pub const fn doubt_ms(&self) -> i64 {
        self.unk_ms + self.held_other_ms + self.held_run_ms - self.held_unplanned_ms
    }

    /// Delay or down time: nobody saw whether there was an order.
    pub const fn order_doubt_ms(&self) -> i64 {
        self.orderless_delay_ms + self.orderless_down_ms
    }

    /// Time in planned stops and outside every shift that may have been production, and planned busy time with it.
    pub const fn unplanned_doubt_ms(&self) -> i64 {
        self.unsure_stop_ms + self.unsure_outside_ms + self.held_unplanned_ms
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
        self.held_unplanned_ms += o.held_unplanned_ms;
        self.held_other_ms += o.held_other_ms;
        self.held_setup_ms += o.held_setup_ms;
        self.held_down_ms += o.held_down_ms;
        self.orderless_delay_ms += o.orderless_delay_ms;
        self.orderless_down_ms += o.orderless_down_ms;
        self.unsure_stop_ms += o.unsure_stop_ms;
        self.unsure_outside_ms += o.unsure_outside_ms;
        self.held_rest_ms += o.held_rest_ms;
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
    /// Stretches in which nobody saw whether there was an order; `no_order` says what was last seen.
    pub order_unseen: Vec<Interval>,
}

/// Sorts the time of a window into buckets. `states` tile the window.
pub fn sort(states: &[StateInterval], context: &Context) -> Buckets {
    let mut out = Buckets::default();
    let stops = union(context.stops.clone());
    let outside_stops = |list: &[Interval]| -> Vec<Interval> {
        union(list.to_vec()).into_iter().flat_map(|n| subtract(n, &stops)).collect()
    };
    let (no_order, unseen) = (outside_stops(&context.no_order), outside_stops(&context.order_unseen));
    for s in states {
        let piece = [Interval::new(s.from_ms, s.to_ms)];
        let length = s.length_ms();
        let stopped = if context.scheduled { overlap_ms(&piece, &stops) } else { length };
        let held = |ms: i64| if s.held { ms } else { 0 };
        if s.state == MachineState::Run {
            out.apt_ms += length;
            out.held_run_ms += held(length);
            out.held_unplanned_ms += held(stopped);
            if context.scheduled {
                out.run_in_stop_ms += stopped;
                out.run_without_order_ms += overlap_ms(&piece, &no_order);
            } else {
                out.overtime_ms += length;
            }
            continue;
        }
        let unsure = if s.state == MachineState::Unknown { stopped } else { held(stopped) };
        out.held_rest_ms += held(stopped);
        if !context.scheduled {
            out.outside_ms += length;
            out.unsure_outside_ms += unsure;
            continue;
        }
        out.pdot_ms += stopped;
        out.unsure_stop_ms += unsure;
        let planned = length - stopped;
        out.held_other_ms += held(planned);
        match s.state {
            MachineState::Unknown => out.unk_ms += planned,
            MachineState::Setup => {
                out.aust_ms += planned;
                out.held_setup_ms += held(planned);
            }
            _ => out.stop(&piece, planned, s.held, &no_order, &unseen),
        }
    }
    out
}

impl Buckets {
    /// A piece of planned time in which the machine neither ran nor was set up.
    fn stop(&mut self, piece: &[Interval; 1], planned: i64, held: bool, no_order: &[Interval], unseen: &[Interval]) {
        let down = overlap_ms(piece, no_order);
        self.adot_ms += down;
        self.adet_ms += planned - down;
        if held {
            self.held_down_ms += down;
            return;
        }
        let without: Vec<Interval> =
            no_order.iter().map(|n| n.intersect(&piece[0])).filter(|n| !n.is_empty()).collect();
        let unseen_down = overlap_ms(&without, unseen);
        self.orderless_down_ms += unseen_down;
        self.orderless_delay_ms += overlap_ms(piece, unseen) - unseen_down;
    }
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
            order_unseen: vec![Interval::new(120, 135), Interval::new(235, 260)],
        };
        let b = sort(&states, &context);
        assert_eq!(b.total_ms(), 250);
        assert_eq!((b.apt_ms, b.run_in_stop_ms, b.run_without_order_ms), (130, 10, 5));
        assert_eq!((b.aust_ms, b.unk_ms, b.pdot_ms, b.unsure_stop_ms), (10, 10, 50, 10));
        assert_eq!((b.adet_ms, b.adot_ms), (20 + 5, 10 + 15));
        // Fault 120–140: five of its down time and ten of its delay; maintenance 230–250: ten and five.
        assert_eq!((b.orderless_delay_ms, b.orderless_down_ms), (10 + 5, 5 + 10));
        assert_eq!((b.sure_delay_ms(), b.sure_down_ms(), b.order_doubt_ms()), (10, 10, 30));
        let free = sort(&states, &Context::default());
        assert_eq!((free.apt_ms, free.overtime_ms, free.outside_ms, free.pbt_ms()), (130, 130, 120, 130));
    }
}
