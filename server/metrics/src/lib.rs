//! Metrics of machines from the evidence of a site's log: a pure function of leaves, contents and a request.
//!
//! No I/O, no clock, no randomness, no threads, no hash-map iteration, no floating accumulation. Durations are integer
//! milliseconds, counts and energy exact integers; a ratio is divided once, when its digits are printed. The same log prefix
//! and request give the same bytes on every machine; that is what makes a report checkable.
//!
//! The tour, in the order a number comes to be:
//!
//! 1. [`model`]: what people declare — calendar, machines and their signals, planned cycle times, plans; [`statements`]: which
//!    of it is in force when.
//! 2. [`history`]: leaves in order become columns of readings with lineage; [`time`] places them on UTC; [`column`] holds them.
//! 3. [`timeline`]: samples → state intervals; [`counter`]: registers → amounts with bounds; [`calendar`]: shifts.
//! 4. [`buckets`]: calendar × state × order; [`shift`]: one machine, one window → [`facts::Facts`], which add up.
//!    [`batch`]: recipes and batches, for processes that do not count pieces.
//! 5. [`oee`]: ratios with bounds; [`grade`]: grades and flags; [`compare`]: before against after.
//! 6. [`statistics`]: least squares, quantiles, bootstrap; [`baseline`] and [`savings`]: energy against an adjusted baseline;
//!    [`change`]: OEE and quality before against after.
//! 7. [`catalogue`]: every definition as data; [`report`]: the report. Beyond the report's lines: [`kpi`], [`energy`], [`production`],
//!    [`checklist`], [`assessment`] (评测指标), [`quality`] (control charts, capability), [`alarms`], [`metrology`], [`settlement`], in the quotients of [`exact`],
//!    printed by [`figures`]; [`pass`]: the same report in one pass; [`credibility`] lists matters to verify; [`vocabulary`] and [`thresholds`] help people declare how a state
//!    is told; [`filed`]: what was promised to an authority; [`dossier`]: papers it asks for, and its lists; [`onsite`]: what somebody saw standing before a machine.

pub mod alarms;
pub mod assessment;
pub mod baseline;
pub mod batch;
pub mod buckets;
pub mod calendar;
pub mod catalogue;
pub mod change;
pub mod checklist;
pub mod column;
pub mod compare;
pub mod counter;
pub mod credibility;
pub mod decimal;
pub mod deviation;
pub mod dossier;
pub mod energy;
pub mod evidence;
pub mod exact;
pub mod facts;
pub mod figures;
pub mod filed;
pub mod grade;
pub mod history;
pub mod interval;
pub mod kpi;
pub mod metrology;
pub mod model;
pub mod oee;
pub mod onsite;
pub mod pass;
pub mod plan;
pub mod production;
pub mod quality;
pub mod report;
pub mod savings;
pub mod settlement;
pub mod shift;
pub mod state;
pub mod statements;
pub mod statistics;
pub mod thresholds;
pub mod time;
pub mod timeline;
pub mod vocabulary;

pub use crate::{
    history::{History, HistoryError},
    interval::Interval,
    pass::Pass,
    report::{Report, ReportRequest, evaluate},
    state::{MachineState, StateInterval},
};
