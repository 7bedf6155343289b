//! Which answers may still be under way after a time-out. Pure.
//!
//! Constraints: DL/T 645 has no transaction number. An answer names meter and data identifier, so it can never become another tag's
//! value; but an answer to *this* identifier from an earlier poll would become a newer reading of it, and its time would be wrong. So
//! while such an answer may still come, the identifier is not asked for its value.
//!
//! What settles it: a meter answers in the order it was asked. An answer to B proves that whatever was asked for the last time before B
//! was asked for the first time has been answered or never will be. So the caller first asks for another identifier ([`Late::sentinel`]),
//! and when that is answered, for the wanted one. Time only bounds the memory ([`Late::expire`]).

use std::collections::BTreeSet;

use super::frame::{Di, Meter, Question};

/// Identifiers nearly every meter of the standard has: total active energy, time, date, address (appendix A).
const STANDARD: [Di; 4] = [
    Di([0x00, 0x01, 0x00, 0x00]),
    Di([0x04, 0x00, 0x01, 0x02]),
    Di([0x04, 0x00, 0x01, 0x01]),
    Di([0x04, 0x00, 0x04, 0x01]),
];

/// The unanswered questions of one line.
#[derive(Clone, Debug, Default)]
pub struct Late {
    outstanding: Vec<Outstanding>,
    /// Refused, or so it seems: no good as sentinels.
    doubted: BTreeSet<Question>,
    asked: u64,
}

#[derive(Clone, Copy, Debug)]
struct Outstanding {
    question: Question,
    /// When it was first and last asked, counted in questions: the next answer to it may belong to any asking from the first on.
    first: u64,
    last: u64,
    until_ms: i64,
}

impl Late {
    /// Remembers that this question, the latest one, was not answered; its answer may come until `until_ms`.
    pub fn unanswered(&mut self, question: &Question, until_ms: i64) {
        self.asked += 1;
        let last = self.asked;
        match self.outstanding.iter_mut().find(|known| known.question == *question) {
            Some(known) => (known.last, known.until_ms) = (last, until_ms),
            None => self.outstanding.push(Outstanding { question: *question, first: last, last, until_ms }),
        }
    }

    /// An answer to this question came: what its meter was asked before can no longer come.
    pub fn answered(&mut self, question: &Question) {
        self.doubted.remove(question);
        self.asked += 1;
        let asked = self.asked;
        let mut first = u64::MAX;
        if let Some(known) = self.outstanding.iter_mut().find(|known| known.question == *question) {
            // It may have been asked more than once, the last time just now: it stays.
            (known.last, first) = (asked, known.first);
        }
        self.outstanding.retain(|known| known.question.meter != question.meter || known.last >= first);
    }

    /// A refusal came while this question and older ones were open. Whose it is cannot be known; to prove anything with this question is
    /// not tried again.
    pub fn doubt(&mut self, question: &Question) {
        self.doubted.insert(*question);
    }

    /// Forgets answers so old that the meter cannot be sending them any more.
    pub fn expire(&mut self, now_ms: i64) {
        self.outstanding.retain(|known| now_ms < known.until_ms);
    }

    /// Whether any answer of this meter may still be under way.
    pub fn is_waiting_for(&self, meter: Meter) -> bool {
        self.outstanding.iter().any(|known| known.question.meter == meter)
    }

    /// Whether an answer to exactly this question may still be under way.
    pub fn expects(&self, question: &Question) -> bool {
        self.find(question).is_some()
    }

    /// A harmless question whose answer proves that no answer to `question` is under way any more: one of `candidates` (the meter is
    /// known to have them), else one every meter has. `None` when there is none until answers expire.
    pub fn sentinel(&self, question: &Question, candidates: &[Di]) -> Option<Question> {
        let last = self.find(question).map_or(0, |known| known.last);
        let usable = || {
            let others = candidates.iter().chain(&STANDARD).map(|di| Question { di: *di, ..*question });
            let others = others.filter(|other| other != question && !self.doubted.contains(other));
            others.map(|other| (other, self.find(&other).map(|known| known.first)))
        };
        // One that waits already serves many: the sentinels do not use each other up.
        let waiting =
            usable().filter(|(_, first)| first.is_some_and(|first| first > last)).max_by_key(|(_, first)| *first);
        waiting.or_else(|| usable().find(|(_, first)| first.is_none())).map(|(other, _)| other)
    }

    fn find(&self, question: &Question) -> Option<&Outstanding> {
        self.outstanding.iter().find(|known| known.question == *question)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use proptest::prelude::*;

    use super::*;

    fn meter() -> Meter {
        Meter::parse("000012345678").expect("a number")
    }

    fn ask(n: u8) -> Question {
        Question { meter: meter(), di: Di([2, 1, n, 0]) }
    }

    #[test]
    fn after_a_time_out_another_identifier_is_asked_first() {
        let mut late = Late::default();
        late.unanswered(&ask(1), 10_000);
        assert!(late.expects(&ask(1)) && !late.expects(&ask(2)));
        assert_eq!(late.sentinel(&ask(1), &[ask(1).di, ask(2).di]), Some(ask(2)));
        assert_eq!(late.sentinel(&ask(1), &[]).map(|q| q.di), Some(STANDARD[0]), "a meter with one tag");
        late.answered(&ask(2));
        assert!(!late.is_waiting_for(meter()));
    }

    #[test]
    fn a_refused_sentinel_makes_room_for_the_next_and_an_answered_one_is_good_again() {
        let mut late = Late::default();
        late.unanswered(&ask(1), 10_000);
        late.unanswered(&ask(2), 10_000);
        late.doubt(&ask(2));
        assert_eq!(late.sentinel(&ask(1), &[ask(2).di]).map(|q| q.di), Some(STANDARD[0]));
        late.answered(&ask(2));
        late.unanswered(&ask(1), 10_000);
        assert_ne!(late.sentinel(&ask(1), &[ask(3).di, ask(2).di]), None);
        late.doubt(&ask(3));
        STANDARD.iter().for_each(|di| late.doubt(&Question { di: *di, ..ask(1) }));
        assert_eq!(late.sentinel(&ask(1), &[ask(3).di]), None);
    }

    #[test]
    fn a_sentinel_that_timed_out_itself_still_proves_what_came_before_it() {
        let mut late = Late::default();
        for (question, until_ms) in [(ask(1), 100), (ask(2), 200), (ask(2), 300)] {
            late.unanswered(&question, until_ms);
        }
        assert_eq!(late.sentinel(&ask(1), &[ask(2).di]), Some(ask(2)));
        assert_ne!(late.sentinel(&ask(2), &[ask(1).di]), Some(ask(1)), "asked before: its answer proves nothing");
        late.answered(&ask(2));
        assert!(!late.expects(&ask(1)));
        assert!(late.expects(&ask(2)), "it was asked twice and answered once");
    }

    #[test]
    fn other_meters_are_untouched_and_time_ends_the_waiting() {
        let other = Question { meter: Meter::parse("000000000001").expect("a number"), ..ask(1) };
        let mut late = Late::default();
        late.unanswered(&other, 10_000);
        late.answered(&ask(1));
        assert!(late.is_waiting_for(other.meter) && !late.is_waiting_for(meter()));
        late.expire(9_999);
        assert!(late.expects(&other));
        late.expire(10_000);
        assert!(!late.expects(&other));
    }

    #[test]
    fn a_meter_that_was_silent_for_long_is_read_again_at_its_first_answer() {
        let (mut late, others) = (Late::default(), [ask(0).di, ask(1).di]);
        for poll in 0..100 {
            let wanted = ask(poll % 2);
            let question =
                if late.expects(&wanted) { late.sentinel(&wanted, &others).expect("a sentinel") } else { wanted };
            late.unanswered(&question, i64::MAX);
        }
        let sentinel = late.sentinel(&ask(0), &others).expect("a sentinel");
        late.answered(&sentinel);
        assert!(!late.expects(&ask(0)) && !late.expects(&ask(1)));
    }

    proptest! {
        /// A model of the line: a meter answers in order, some questions are lost, answers wait in the line for as long as they like.
        /// Every answer taken for a question was given to that very asking of it.
        #[test]
        fn no_answer_is_taken_for_a_later_asking(steps in prop::collection::vec((0u8..4, any::<bool>(), 0usize..4), 1..200)) {
            let mut late = Late::default();
            let mut line: VecDeque<(Question, usize)> = VecDeque::new();
            for (asking, (n, lost, patience)) in steps.into_iter().enumerate() {
                let wanted = ask(n);
                let question = if late.expects(&wanted) {
                    match late.sentinel(&wanted, &[ask(0).di, ask(1).di]) {
                        Some(sentinel) => sentinel,
                        None => continue,
                    }
                } else {
                    wanted
                };
                if !lost {
                    line.push_back((question, asking));
                }
                // Of what is under way, `patience` answers arrive before the time-out.
                let mut answered = false;
                for _ in 0..patience {
                    let Some((answer, given_to)) = line.pop_front() else { break };
                    if answer == question {
                        if !late.expects(&question) {
                            prop_assert_eq!(given_to, asking, "an older answer was taken");
                        }
                        answered = true;
                        late.answered(&question);
                        break;
                    }
                    prop_assert!(late.expects(&answer), "an answer nobody waits for");
                    late.answered(&answer);
                }
                if !answered {
                    late.unanswered(&question, i64::MAX);
                }
            }
        }
    }
}
