//! Figures of alarms, from raised to handled, and of failures, from fault to the first human action.

use crate::alarms::declared::AlarmClass;
use crate::alarms::{self, End, Handled};
use crate::exact::Rational;
use crate::facts::Share;
use crate::figures::gather::signals_in_force;
use crate::figures::lists::{AlarmLine, FailureLine, UnmatchedLine, newest};
use crate::figures::{Found, Gathered, Printer, ask, ms, number, seconds};
use crate::grade::Grade;
use crate::history::History;
use crate::oee::Undefined;
use crate::production::repairs::{Actor, Repair, repairs, response};
use crate::report::Words;

const MS_PER_MIN: i128 = 60_000;

pub(super) fn figures(out: &mut Printer<'_>, history: &History, g: &Gathered, found: &mut Found) {
    let (machine, until_ms) = (g.definition.machine.as_str(), g.span.to_ms);
    let statements = history.statements();
    let (episodes, evidence) = &g.alarms;
    let (all, unmatched) = alarms::handle(statements, machine, episodes.clone(), until_ms);
    // A statement about an earlier alarm belongs to earlier dates.
    let unmatched: Vec<UnmatchedLine> = unmatched
        .iter()
        .filter(|s| g.span.contains(s.body.raised_ms))
        .map(|s| UnmatchedLine { code: s.body.code.clone(), raised_ms: s.body.raised_ms, leaf: s.leaf })
        .collect();
    failures(out, history, g, &all, found);
    let has_signal = signals_in_force(history, machine, g.span).iter().any(|(_, s)| s.alarm.is_some());
    if !has_signal && unmatched.is_empty() {
        return;
    }
    sums(out, g, &all);
    safety(out, history, g, &all);
    found.evidence.add(evidence.clone());
    let code_at = |h: &Handled| statements.alarm_code_at(machine, &h.episode.code, h.episode.raised_ms);
    for h in &all {
        found.statements.extend(h.statements.iter().copied().chain(code_at(h).map(|c| c.leaf)));
    }
    found.statements.extend(unmatched.iter().map(|u| u.leaf));
    let lines = all.iter().map(|h| {
        let names = code_at(h).map(|c| Words::from(&c.body.names));
        line(h, names.unwrap_or_default(), until_ms)
    });
    (found.lists.alarms, found.lists.alarms_left_out) = newest(lines.collect());
    found.lists.alarms_unmatched = newest(unmatched).0;
}

/// All alarms, then each class that there is; tests apart.
fn sums(out: &mut Printer<'_>, g: &Gathered, all: &[Handled]) {
    let evidence = &g.alarms.1;
    let cover = Share { observed_ms: evidence.observed_ms, of_ms: evidence.of_ms };
    let grade = evidence.grade();
    let classes = AlarmClass::ALL.map(Some).into_iter().chain([None]);
    let present: Vec<Option<AlarmClass>> = classes.filter(|c| all.iter().any(|h| h.class == *c)).collect();
    let named = |class: Option<AlarmClass>| class.map_or("unclassified", AlarmClass::code);
    // Where nobody declared a class, all is what there is to say.
    let split = present.iter().filter(|_| present != [None]).map(|c| (named(*c), Some(*c)));
    for (part, class) in std::iter::once(("", None)).chain(split) {
        let f = alarms::Figures::of(all, class, g.span.from_ms, g.span.to_ms);
        let counts = vec![
            number("n", f.episodes),
            number("raises", f.raises),
            number("tests", f.tests),
            number("unseen_ends", f.unseen_ends),
        ];
        let episodes = Ok::<_, Undefined>(Rational::integer(f.episodes.into()));
        out.put(ask("alarm.episodes@1", cover, counts).part(part).graded(grade).exact_if(grade == Grade::A), episodes);
        let times = |done: &[i64], open: &[i64]| {
            let mut terms = vec![number("answered", done.len()), number("open", open.len())];
            terms.extend(open.last().map(|oldest| ms("oldest_open", *oldest)));
            terms
        };
        let stated = |id, done: &[i64], open: &[i64]| {
            ask(id, cover, times(done, open)).part(part).graded(grade).at_best(Grade::C)
        };
        let in_seconds = |v: Result<Rational, Undefined>| v.and_then(|v| seconds(v).ok_or(Undefined::NothingDue));
        let (acknowledged, open) = (&f.to_acknowledge_ms, &f.unacknowledged_ms);
        out.put(stated("alarm.acknowledged_after@1", acknowledged, open), in_seconds(f.median_to_acknowledge()));
        let (handled, open) = (&f.to_handle_ms, &f.unhandled_ms);
        out.put(stated("alarm.handled_after@1", handled, open), in_seconds(f.median_to_handle()));
        out.put(stated("alarm.handled_share@1", handled, open), f.handled_share());
    }
}

/// Safety alarms by themselves, once a code is declared to be one: none is an answer too.
fn safety(out: &mut Printer<'_>, history: &History, g: &Gathered, all: &[Handled]) {
    if !history.statements().has_alarm_class(&g.definition.machine, AlarmClass::Safety) {
        return;
    }
    let evidence = &g.alarms.1;
    let (cover, grade) = (Share { observed_ms: evidence.observed_ms, of_ms: evidence.of_ms }, evidence.grade());
    let found = alarms::safety(all, g.span.from_ms, g.span.to_ms);
    let mut terms = vec![number("n", found.count), number("tests", found.tests)];
    terms.extend(found.oldest_open_ms.map(|oldest| ms("oldest_open", oldest)));
    let id = "safety.alarms@1";
    let count = Ok::<_, Undefined>(Rational::integer(found.count.into()));
    out.put(ask(id, cover, terms.clone()).part("n").graded(grade).at_best(Grade::C).exact_if(grade == Grade::A), count);
    let after = found.acknowledged_after_ms.and_then(seconds).ok_or(Undefined::NothingDue);
    out.put(ask(id, cover, terms).part("acknowledged_after_s").graded(grade).at_best(Grade::C), after);
}

fn line(h: &Handled, names: Words, until_ms: i64) -> AlarmLine {
    let e = &h.episode;
    let duration = e.duration();
    AlarmLine {
        code: e.code.clone(),
        names,
        class: h.class.map(AlarmClass::code),
        raised_after_ms: e.raised_after_ms,
        raised_ms: e.raised_ms,
        end: match e.end {
            End::Cleared { .. } => "cleared",
            End::Raised { .. } => "raised",
            End::Unseen { .. } => "unseen",
        },
        seen_ms: e.end.seen_ms(),
        duration_ms: duration.seen_ms,
        least_ms: duration.least_ms,
        most_ms: duration.most_ms,
        unseen_ms: e.unseen_ms,
        raises: e.raises,
        acknowledged_ms: h.acknowledged_ms,
        handled_ms: h.handled_ms,
        open_ms: h.open_ms(until_ms),
        is_test: h.is_test,
        statements: h.statements.clone(),
    }
}

fn failures(out: &mut Printer<'_>, history: &History, g: &Gathered, alarms: &[Handled], found: &mut Found) {
    let stated = history.statements().stop_reasons(&g.definition.machine);
    let all = repairs(&g.states, stated, alarms);
    if all.is_empty() {
        return;
    }
    let sums = response(&all);
    let minutes = |v: Result<Rational, Undefined>| {
        v.and_then(|v| v.over(Rational::integer(MS_PER_MIN)).ok_or(Undefined::NoFailure))
    };
    for (part, value) in [("mean", sums.mean), ("p90", sums.p90)] {
        let terms = vec![
            number("answered", sums.answered),
            number("unanswered", sums.unanswered),
            number("unseen_beginnings", sums.unseen_beginnings),
        ];
        out.put(ask("repair.response@1", g.facts.state_cover, terms).part(part).at_best(sums.ceiling), minutes(value));
    }
    let lines: Vec<FailureLine> = all.iter().map(|r| failure(r, g.span.to_ms)).collect();
    found.statements.extend(lines.iter().filter_map(|l| l.leaf));
    (found.lists.failures, found.lists.failures_left_out) = newest(lines);
}

fn failure(r: &Repair, until_ms: i64) -> FailureLine {
    let actor = r.first_action.map(|(_, actor)| actor);
    FailureLine {
        from_ms: r.fault.from_ms,
        to_ms: r.fault.to_ms,
        faults: r.faults,
        is_beginning_seen: r.is_beginning_seen,
        is_end_seen: r.is_end_seen,
        first_action_ms: r.first_action.map(|(ms, _)| ms),
        by: actor.map(|a| if a == Actor::Machine { "machine" } else { "person" }),
        leaf: if let Some(Actor::Person(leaf)) = actor { Some(leaf) } else { None },
        response_ms: r.response_ms(),
        open_ms: r.open_ms(until_ms),
    }
}
