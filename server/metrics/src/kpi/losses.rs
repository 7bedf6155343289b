//! The six big losses: every millisecond of a window in exactly one bucket, and the waterfall from calendar time down to the
//! planned time of good items (reference §1.4, §1.5).
//!
//! Constraints
//! 1. The buckets refine [`Buckets`] and tile the window: `breakdown + minor + waiting + other = ADET`, and nothing else
//!    moves. Moving a stop between them never changes OEE (TV-02).
//! 2. A minor stop is decided on the whole timeline and summed per window afterwards, so that splitting a window and
//!    adding gives the whole.
//! 3. A gap between two stretches of RUN, shorter than the limit, wholly inside planned time with an order, without setup,
//!    maintenance or unobserved time, is a minor stop whatever stopped it. Every other stop keeps its cause.
//! 4. Which stops were minor is not certain next to unobserved or held time, or where nobody saw the order; that part is kept
//!    apart for the bounds.
//! 5. Speed loss is `APT − Σ PRI·PQ` and may be negative; it is shown as a gain and flagged, never capped or hidden.

use crate::buckets::{self, Buckets, Context};
use crate::facts::Production;
use crate::interval::{Interval, overlap_ms, union};
use crate::kpi::iso::Defects;
use crate::oee::standard_of_ms;
use crate::shift::Evaluated;
use crate::state::{MachineState, StateInterval};

/// Shortest and longest limit for a minor stop, milliseconds, both excluded (reference §1.5).
pub const MINOR_STOP_RANGE_MS: (i64, i64) = (1_000, 600_000);

/// What is agreed about stops before measuring.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StopRule {
    /// A stop shorter than this is minor, milliseconds.
    pub minor_below_ms: i64,
    /// Maintenance counts as powered on: the power is measured during it.
    pub maintenance_is_powered: bool,
}

impl Default for StopRule {
    /// Two minutes (reference §1.5); maintenance is not powered unless somebody measured it.
    fn default() -> Self {
        Self { minor_below_ms: 120_000, maintenance_is_powered: false }
    }
}

impl StopRule {
    /// Whether the limit is one the reference allows.
    pub const fn is_allowed(&self) -> bool {
        MINOR_STOP_RANGE_MS.0 < self.minor_below_ms && self.minor_below_ms < MINOR_STOP_RANGE_MS.1
    }
}

/// Milliseconds per loss. Adds up over windows, machines and periods.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Losses {
    /// The ISO 22400 buckets these refine.
    pub buckets: Buckets,
    /// Fault, or maintenance that was not planned, with an order loaded.
    pub breakdown_ms: i64,
    /// Minor stops.
    pub minor_ms: i64,
    /// Waiting for material, people or neighbours, with an order loaded.
    pub waiting_ms: i64,
    /// Idle or off without a known cause, with an order loaded.
    pub other_ms: i64,
    /// The part of `minor_ms` that may have belonged to a longer stop, or was not observed.
    pub doubtful_minor_ms: i64,
    /// The part of breakdown, waiting and other that may have been minor stops, or was not observed.
    pub doubtful_stop_ms: i64,
    /// The part of `doubtful_stop_ms` that is waiting.
    pub doubtful_waiting_ms: i64,
    /// Positively observed powered on: RUN, IDLE, SETUP, WAIT, FAULT, and MAINT where power is measured.
    pub powered_ms: i64,
    /// The part of `powered_ms` that rests on held samples.
    pub held_powered_ms: i64,
    /// Not observed powered, and not surely off.
    pub maybe_powered_ms: i64,
}

impl Losses {
    /// Adds another window or machine.
    pub const fn add(&mut self, o: &Self) {
        self.buckets.add(&o.buckets);
        self.breakdown_ms += o.breakdown_ms;
        self.minor_ms += o.minor_ms;
        self.waiting_ms += o.waiting_ms;
        self.other_ms += o.other_ms;
        self.doubtful_minor_ms += o.doubtful_minor_ms;
        self.doubtful_stop_ms += o.doubtful_stop_ms;
        self.doubtful_waiting_ms += o.doubtful_waiting_ms;
        self.powered_ms += o.powered_ms;
        self.held_powered_ms += o.held_powered_ms;
        self.maybe_powered_ms += o.maybe_powered_ms;
    }

    /// Operating time of the TPM view: loading time without every stop that is not minor, milliseconds.
    pub const fn operating_ms(&self) -> i64 {
        self.buckets.apt_ms + self.minor_ms
    }

    /// Operating time for certain, milliseconds.
    pub const fn sure_operating_ms(&self) -> i64 {
        self.buckets.sure_run_ms() + self.minor_ms - self.doubtful_minor_ms
    }

    /// Waiting with an order that was certainly no minor stop, milliseconds.
    pub const fn sure_waiting_ms(&self) -> i64 {
        self.waiting_ms - self.doubtful_waiting_ms
    }

    /// Other stops with an order that were certainly not minor, milliseconds.
    pub const fn sure_kept_ms(&self) -> i64 {
        self.breakdown_ms + self.waiting_ms + self.other_ms - self.doubtful_stop_ms - self.sure_waiting_ms()
    }

    /// The most operating time there can have been, unplanned running included, milliseconds.
    pub const fn most_operating_ms(&self) -> i64 {
        let b = &self.buckets;
        let lost = b.sure_setup_ms() + b.sure_down_ms() + self.sure_waiting_ms() + self.sure_kept_ms();
        b.sure_pbt_ms() + b.unplanned_doubt_ms() - lost
    }
}

/// A state interval and what is known about it as a stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Marked {
    /// The interval.
    pub interval: StateInterval,
    /// It belongs to a minor stop.
    pub is_minor: bool,
    /// Next to unobserved or held time: it may or may not have been minor.
    pub is_doubtful: bool,
}

/// Decides minor stops on a whole timeline. `states` tile it in order.
pub fn mark(states: &[StateInterval], context: &Context, rule: StopRule) -> Vec<Marked> {
    use MachineState::{Maint, Run, Setup, Unknown};
    let mut out: Vec<Marked> =
        states.iter().map(|s| Marked { interval: *s, is_minor: false, is_doubtful: false }).collect();
    let unfit = union(context.stops.iter().chain(&context.no_order).copied().collect());
    let mut begin = 0;
    while begin < out.len() {
        let Some(gap) = out.get(begin..).map(|rest| rest.iter().take_while(|m| m.interval.state != Run).count()) else {
            break;
        };
        let end = begin + gap;
        if gap > 0 && begin > 0 && end < out.len() && context.scheduled {
            let span = |m: &[Marked]| Some(Interval::new(m.first()?.interval.from_ms, m.last()?.interval.to_ms));
            if let Some(stop) = out.get_mut(begin..end) {
                let fits =
                    span(stop).is_some_and(|s| s.length_ms() < rule.minor_below_ms && overlap_ms(&[s], &unfit) == 0);
                let plain = stop.iter().all(|m| !matches!(m.interval.state, Setup | Maint | Unknown));
                stop.iter_mut().for_each(|m| m.is_minor = fits && plain);
            }
        }
        begin = end + 1;
    }
    // Doubt reaches as far as no stretch of RUN is certain.
    let order_unseen = union(context.order_unseen.clone());
    let mut begin = 0;
    while begin < out.len() {
        let sure_run = |m: &Marked| m.interval.state == Run && !m.interval.held;
        let chain = out.iter().skip(begin).take_while(|m| !sure_run(m)).count();
        let end = begin + chain;
        if let Some(chain) = out.get_mut(begin..end) {
            let unseen =
                |m: &Marked| overlap_ms(&[Interval::new(m.interval.from_ms, m.interval.to_ms)], &order_unseen) > 0;
            let doubtful = chain.iter().any(|m| m.interval.held || m.interval.state == Unknown || unseen(m));
            chain.iter_mut().for_each(|m| m.is_doubtful = doubtful);
        }
        begin = end + 1;
    }
    out
}

/// Sums the part of a marked timeline inside a window. `context` is the one it was marked with.
pub fn sum(marked: &[Marked], context: &Context, rule: StopRule, window: Interval) -> Losses {
    let clipped: Vec<Marked> = marked
        .iter()
        .filter_map(|m| {
            let piece = Interval::new(m.interval.from_ms, m.interval.to_ms).intersect(&window);
            let interval = StateInterval { from_ms: piece.from_ms, to_ms: piece.to_ms, ..m.interval };
            (!piece.is_empty()).then_some(Marked { interval, ..*m })
        })
        .collect();
    let states: Vec<StateInterval> = clipped.iter().map(|m| m.interval).collect();
    let mut out = Losses { buckets: buckets::sort(&states, context), ..Losses::default() };
    let unfit = union(context.stops.iter().chain(&context.no_order).copied().collect());
    for m in &clipped {
        let length = m.interval.length_ms();
        power(&mut out, &m.interval, rule);
        let piece = [Interval::new(m.interval.from_ms, m.interval.to_ms)];
        if !context.scheduled {
            continue;
        }
        let delay = length - overlap_ms(&piece, &unfit);
        let slot = match m.interval.state {
            MachineState::Run | MachineState::Setup | MachineState::Unknown => continue,
            _ if m.is_minor => &mut out.minor_ms,
            MachineState::Fault | MachineState::Maint => &mut out.breakdown_ms,
            MachineState::Wait => {
                out.doubtful_waiting_ms += if m.is_doubtful { delay } else { 0 };
                &mut out.waiting_ms
            }
            MachineState::Idle | MachineState::Off => &mut out.other_ms,
        };
        *slot += delay;
        if m.is_doubtful && m.is_minor {
            out.doubtful_minor_ms += delay;
        } else if m.is_doubtful {
            out.doubtful_stop_ms += delay;
        }
    }
    out
}

fn power(out: &mut Losses, interval: &StateInterval, rule: StopRule) {
    let length = interval.length_ms();
    match interval.state {
        MachineState::Unknown => out.maybe_powered_ms += length,
        MachineState::Off | MachineState::Maint if interval.held => out.maybe_powered_ms += length,
        MachineState::Off => {}
        MachineState::Maint if !rule.maintenance_is_powered => {}
        _ => {
            out.powered_ms += length;
            out.held_powered_ms += if interval.held { length } else { 0 };
        }
    }
}

/// The losses of an evaluated window that lies inside a shift (or outside every shift, with `scheduled` false).
pub fn of(evaluated: &Evaluated, scheduled: bool, rule: StopRule) -> Losses {
    let context = Context {
        scheduled,
        stops: evaluated.stops.clone(),
        no_order: evaluated.no_order.clone(),
        order_unseen: evaluated.order_unseen.clone(),
    };
    let marked = mark(&evaluated.states, &context, rule);
    sum(&marked, &context, rule, Interval::new(i64::MIN, i64::MAX))
}

/// What a step of the waterfall is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Not loading time: nobody planned to produce.
    Unplanned,
    /// Loss of availability.
    Availability,
    /// Loss of performance.
    Performance,
    /// Loss of quality.
    Quality,
    /// Nobody knows.
    Unobserved,
    /// What is left: planned time of good items.
    Effective,
}

/// One bucket of the waterfall.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    /// Stable id.
    pub id: &'static str,
    /// Chinese name.
    pub zh: &'static str,
    /// English name.
    pub en: &'static str,
    /// What it is.
    pub kind: Kind,
    /// Planned time, in millionths of a microsecond (as [`crate::facts::Counted::standard`]); negative only for a speed gain.
    pub amount: i128,
}

/// From calendar time to the planned time of good items. The steps add up to the length of the window exactly. Without
/// counts running time stays one step.
pub fn waterfall(losses: &Losses, production: Option<(&Production, &Defects)>) -> Vec<Step> {
    use Kind::{Availability, Effective, Performance, Quality, Unobserved, Unplanned};
    let b = &losses.buckets;
    let time = |id, zh, en, kind, ms: i64| Step { id, zh, en, kind, amount: standard_of_ms(ms) };
    let mut out = vec![
        time("unscheduled", "班次外时间", "outside shifts", Unplanned, b.outside_ms),
        time("planned_stop", "计划停机", "planned stops", Unplanned, b.pdot_ms),
        time("unobserved", "未观测", "unobserved", Unobserved, b.unk_ms),
        time("no_order", "无订单", "no order", Availability, b.adot_ms),
        time("breakdown", "故障停机", "breakdown", Availability, losses.breakdown_ms),
        time("setup", "换线与调整", "setup and adjustment", Availability, b.aust_ms),
        time("waiting", "待料待人", "waiting", Availability, losses.waiting_ms),
        time("other_stop", "其他停机", "other stops", Availability, losses.other_ms),
        time("minor_stop", "小停机", "idling and minor stops", Performance, losses.minor_ms),
    ];
    let Some((p, d)) = production.filter(|(p, _)| p.without_cycle_time == 0) else {
        out.push(time("running", "运行", "running", Effective, b.apt_ms));
        return out;
    };
    let (made, good) = (p.produced.standard.value, p.good.standard.value);
    let startup = d.startup.standard.value;
    let amount = |id, zh, en, kind, amount| Step { id, zh, en, kind, amount };
    out.push(amount("speed", "速度损失", "reduced speed", Performance, standard_of_ms(b.apt_ms) - made));
    out.push(amount("startup", "开机与换线不良", "start-up defects", Quality, startup));
    out.push(amount("defects", "过程不良与返工", "process defects and rework", Quality, made - good - startup));
    out.push(amount("effective", "有效产出时间", "planned time of good items", Effective, good));
    out
}

#[cfg(test)]
mod tests;
