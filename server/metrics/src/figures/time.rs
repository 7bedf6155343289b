//! Figures of time: the report's own lines, the rest of ISO 22400, TPM and 稼动率, reliability.

use crate::catalogue::{ALL, Definition};
use crate::exact::Rational;
use crate::facts::Facts;
use crate::figures::{Gathered, Printer, StopRule, Term, ask, millionths, ms, number, trimmed};
use crate::kpi::losses::Losses;
use crate::kpi::reliability::{self, Reliability};
use crate::kpi::{iso, variants};
use crate::oee::Undefined;
use crate::state::MachineState;

const MS_PER_H: i128 = 3_600_000;

/// Sums over windows and machines that figures of time are made of.
pub(super) struct Sums<'a> {
    pub(super) facts: &'a Facts,
    pub(super) losses: &'a Losses,
    pub(super) reliability: Reliability,
    pub(super) rule: StopRule,
    /// FAULT inside planned time, milliseconds: of the same base as planned busy time.
    pub(super) fault_ms: i64,
    /// Every state was seen.
    pub(super) is_certain: bool,
}

impl<'a> Sums<'a> {
    pub(super) fn of(g: &'a Gathered) -> Self {
        Self {
            facts: &g.facts,
            losses: &g.losses,
            reliability: reliability::of(&g.states, &g.no_order),
            rule: g.rule,
            fault_ms: g.planned_fault_ms(),
            is_certain: g.is_certain(),
        }
    }
}

pub(super) fn figures(out: &mut Printer<'_>, s: &Sums<'_>) {
    let f = s.facts;
    for d in ALL.iter().filter(|d| d.applies(f)) {
        out.put(ask(d.id, d.cover(f), terms_of(f, d)), (d.value)(f));
    }
    if f.has_state {
        ratios(out, s);
        failures(out, s);
    }
}

fn ratios(out: &mut Printer<'_>, s: &Sums<'_>) {
    let (f, l, b) = (s.facts, s.losses, &s.facts.buckets);
    let cover = f.state_cover;
    let aubt = || vec![ms("APT", b.apt_ms), ms("AUST", b.aust_ms), ms("ADET", b.adet_ms)];
    out.put(ask("utilization.iso22400@1", cover, aubt()), iso::utilization_efficiency(f));
    out.put(ask("technical.iso22400@1", cover, aubt()), iso::technical_efficiency(f));
    out.put(ask("setup.iso22400@1", cover, aubt()), iso::setup_ratio(f));
    let limit = || trimmed(i128::from(s.rule.minor_below_ms), 1000, 3);
    let time = || vec![ms("APT", b.apt_ms), ms("MINOR", l.minor_ms), ms("PBT", b.pbt_ms())];
    let rule = |a: super::Ask| a.with("minor_stop_below_s", limit());
    out.put(rule(ask("availability.tpm_jipm@1", cover, time())), variants::jipm_availability(l));
    out.put(rule(ask("jiadong.time@1", cover, time())), variants::jiadong_time_1(l));
    let mut without = time();
    without.extend([ms("WAIT", l.waiting_ms), ms("ADOT", b.adot_ms)]);
    out.put(rule(ask("jiadong.time@2", cover, without)), variants::jiadong_time_2(l));
    let on = vec![ms("ON", l.powered_ms), ms("T", b.total_ms())];
    out.put(ask("util.power_on@1", cover, on), variants::power_on(l));
    if let Some(p) = &f.production {
        let cover = f.oee_cover();
        let mut good = time();
        good.push(millionths("STD_GQ", p.good.standard.value, "us"));
        out.put(rule(ask("oee.tpm_jipm@1", cover, good)), variants::jipm_oee(l, p));
        for id in ["performance.tpm_jipm@1", "jiadong.perf@1"] {
            let mut made = time();
            made.push(millionths("STD_PQ", p.produced.standard.value, "us"));
            out.put(rule(ask(id, cover, made)), variants::jipm_performance(l, p));
        }
    }
    let losses = [
        ("breakdown", l.breakdown_ms),
        ("setup", b.aust_ms),
        ("minor_stop", l.minor_ms),
        ("waiting", l.waiting_ms),
        ("other_stop", l.other_ms),
    ];
    for (part, lost) in losses {
        let seconds = Rational::new(lost.into(), 1000).ok_or(Undefined::NoPlannedTime);
        out.put(rule(ask("losses.six@1", cover, vec![ms("LOSS", lost)]).part(part)).exact_if(s.is_certain), seconds);
    }
}

fn failures(out: &mut Printer<'_>, s: &Sums<'_>) {
    let r = &s.reliability;
    let cover = s.facts.state_cover;
    let hours = |v: Result<Rational, Undefined>| {
        v.and_then(|v| v.over(Rational::integer(MS_PER_H)).ok_or(Undefined::NoProduction))
    };
    let between = || vec![ms("TBF", r.operating_ms), number("FE", r.failures)];
    let restored = || vec![ms("TTR", r.restoration_ms), number("FE", r.restored)];
    let mut mtbf = ask("mtbf.iso22400@1", cover, between());
    if let Some(least) = r.mtbf_at_least() {
        // With no failure nothing but a bound can be said (95 %, exponential life).
        let least = least.over(Rational::integer(MS_PER_H)).map(|h| h.digits(6)).unwrap_or_default();
        mtbf = mtbf.with("mtbf_at_least_h", least);
    } else if r.failures < reliability::FAILURES_MIN {
        mtbf = mtbf.with("failures_fewer_than", reliability::FAILURES_MIN.to_string());
    }
    out.put(mtbf.exact_if(s.is_certain), hours(r.mtbf()));
    out.put(ask("mttr.iso22400@1", cover, restored()).exact_if(s.is_certain), hours(r.mttr()));
    let both = between().into_iter().chain(restored()).collect();
    out.put(ask("inherent_availability@1", cover, both).exact_if(s.is_certain), r.inherent_availability());
    out.put(ask("failure.rate@1", cover, between()).exact_if(s.is_certain), r.failures_per_100_h());
    let (fault, pbt) = (s.fault_ms, s.facts.buckets.pbt_ms());
    let share = crate::production::rates::fault_share(fault, pbt);
    out.put(ask("failure.share@1", cover, vec![ms("FAULT", fault), ms("PBT", pbt)]).exact_if(s.is_certain), share);
}

pub(super) fn in_state(f: &Facts, state: MachineState) -> i64 {
    f.states_ms.get(state.code()).copied().unwrap_or(0)
}

/// The quantities a formula of the report names, in the order it names them.
fn terms_of(f: &Facts, d: &Definition) -> Vec<Term> {
    let b = &f.buckets;
    let time = [
        ("PBT", b.pbt_ms()),
        ("APT", b.apt_ms),
        ("AUPT", b.apt_ms + b.aust_ms),
        ("AUBT", b.apt_ms + b.aust_ms + b.adet_ms),
        ("RUN", in_state(f, MachineState::Run)),
        ("time", b.total_ms()),
    ];
    let mut out = Vec::new();
    let mut seen: Vec<&str> = Vec::new();
    let names = d.formula.split_once('=').map_or(d.formula, |(_, right)| right);
    for symbol in names.split(|c: char| !c.is_ascii_alphanumeric()).filter(|s| !s.is_empty()) {
        if seen.contains(&symbol) {
            continue;
        }
        seen.push(symbol);
        if let Some((name, value)) = time.iter().find(|(name, _)| *name == symbol) {
            out.push(ms(if *name == "time" { "T" } else { name }, *value));
        } else if let Some(p) = &f.production {
            match symbol {
                "PQ" => out.push(millionths("PQ", p.produced.items.value, "pcs")),
                "GQ" => out.push(millionths("GQ", p.good.items.value, "pcs")),
                "SQ" => out.push(millionths("SQ", p.rejected.items.value, "pcs")),
                _ => {}
            }
            if symbol == "PRI" {
                out.push(millionths("STD_PQ", p.produced.standard.value, "us"));
                out.push(millionths("STD_GQ", p.good.standard.value, "us"));
            }
        }
        // In ratios of time E is effectiveness.
        if d.id.starts_with("energy.") && matches!(symbol, "E" | "register") {
            out.extend(f.energy.map(|e| millionths("E", e.micro_kwh.value, "kWh")));
        }
    }
    out
}
