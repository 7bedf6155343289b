//! Figures of stops: time, number, reasons. 停机时长、次数与原因.

use crate::exact::Rational;
use crate::figures::lists::{LINES_MAX, StopLine};
use crate::figures::{Found, Gathered, Printer, ask, ms, number, seconds, trimmed};
use crate::oee::Undefined;
use crate::production::stops::by_reason;

pub(super) fn figures(out: &mut Printer<'_>, g: &Gathered, found: &mut Found) {
    if !g.facts.has_state || g.shifts.is_empty() {
        return;
    }
    let sums = by_reason(&g.downs);
    let cover = g.facts.state_cover;
    let rule = || trimmed(i128::from(g.rule.minor_below_ms), 1000, 3);
    let ask = |id, terms| ask(id, cover, terms).with("minor_stop_below_s", rule()).exact_if(g.is_certain());
    let time = |ms: i64| seconds(Rational::integer(ms.into())).ok_or(Undefined::NothingDue);
    let count = |n: u32| Ok::<_, Undefined>(Rational::integer(n.into()));
    let kept = || vec![ms("STOP", sums.total_ms), ms("DOUBTFUL", sums.doubtful_ms), number("n", sums.times)];
    let minor = || vec![ms("MINOR", sums.minor.ms), number("n", sums.minor.times)];
    out.put(ask("stops.time@1", kept()), time(sums.total_ms));
    out.put(ask("stops.time@1", minor()).part("minor_stop"), time(sums.minor.ms));
    out.put(ask("stops.count@1", kept()), count(sums.times));
    out.put(ask("stops.count@1", minor()).part("minor_stop"), count(sums.minor.times));
    let terms = vec![ms("UNREASONED", sums.unreasoned_ms), ms("STOP", sums.total_ms)];
    out.put(ask("stops.unreasoned@1", terms), sums.unreasoned_share());
    found.statements.extend(sums.causes.iter().flat_map(|b| &b.leaves));
    found.lists.stops_left_out = sums.causes.len().saturating_sub(LINES_MAX);
    let lines = sums.causes.iter().take(LINES_MAX).map(|b| StopLine {
        reason: b.cause.reason.clone(),
        source: b.source.code(),
        times: b.cause.times,
        ms: b.cause.ms,
        doubtful_ms: b.doubtful_ms,
        share: sums.share(b.cause.ms).ok().map(|s| s.digits(6)),
        statements: b.leaves.clone(),
    });
    found.lists.stops = lines.collect();
}
