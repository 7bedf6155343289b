//! DTUs that dial in: mobile modems with a serial line, which connect to us, say who they are, and repeat a heartbeat. Pure; the sockets
//! are in [`hub`].
//!
//! Constraints:
//! 1. TCP keeps no boundaries: registration, heartbeats and answers arrive cut and joined in any way.
//! 2. A heartbeat is removed only around an answer, never out of it: the same bytes may be part of a value. Which bytes are the answer is
//!    decided by the answer itself ([`likeliest`]): what is whole and bears its checksum.
//! 3. A stranger is told apart by its first bytes and never kept waiting for more than the longest registration.

pub mod hub;

/// Heartbeats in a row that are looked for on either side of an answer. Before a question the line is drained, so there are few.
const HEARTBEATS_MAX: usize = 8;

/// What a partly received answer means for waiting on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fate {
    /// It cannot become an answer.
    Wrong,
    /// More may make it one.
    Waiting,
    /// It is whole and bears its checksum.
    Whole,
}

/// Judges `received` with and without the heartbeats that may stand before and after it: the first reading that is whole, else one that
/// waits, else it as it is. Also returns how many bytes stand before what was judged.
pub fn likeliest<T>(received: &[u8], heartbeat: &[u8], mut judge: impl FnMut(&[u8]) -> (Fate, T)) -> (usize, T) {
    let (mut fate, judged) = judge(received);
    let mut best = (0, judged);
    if heartbeat.is_empty() {
        return best;
    }
    for skipped in (0..=HEARTBEATS_MAX).map(|n| n * heartbeat.len()) {
        let rest = received.get(skipped..).unwrap_or_default();
        // What is cut off behind is a stretch of heartbeats, the last of them perhaps not complete yet.
        for kept in (rest.len().saturating_sub(HEARTBEATS_MAX * heartbeat.len())..=rest.len()).rev() {
            let behind = rest.get(kept..).unwrap_or_default();
            if fate == Fate::Whole || !behind.iter().eq(heartbeat.iter().cycle().take(behind.len())) {
                continue;
            }
            let (found, judged) = judge(rest.get(..kept).unwrap_or_default());
            if found > fate {
                (fate, best) = (found, (skipped, judged));
            }
        }
        if fate == Fate::Whole || !rest.starts_with(heartbeat) {
            break;
        }
    }
    best
}

/// Whether `received` is nothing but heartbeats, the last of them perhaps not complete: the device itself said nothing.
pub fn is_heartbeats(received: &[u8], heartbeat: &[u8]) -> bool {
    !received.is_empty() && received.iter().eq(heartbeat.iter().cycle().take(received.len()))
}

/// Who a new connection is, by what it sent so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Caller {
    /// Not enough bytes to know.
    Unknown,
    /// The DTU with this position among the registrations.
    Known(usize),
    /// None of them.
    Stranger,
}

/// Recognises a caller. No registration may be the beginning of another (refused in the file).
pub fn recognise<'a>(received: &[u8], registrations: impl IntoIterator<Item = &'a [u8]>) -> Caller {
    let mut caller = Caller::Stranger;
    for (position, registration) in registrations.into_iter().enumerate() {
        if received.starts_with(registration) {
            return Caller::Known(position);
        }
        if registration.starts_with(received) {
            caller = Caller::Unknown;
        }
    }
    caller
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::source::dlt645::frame;
    use crate::source::modbus::plan::Area;
    use crate::source::modbus::rtu::{Answer, Question, crc, judge};

    const ASK: Question = Question { unit: 1, area: Area::Holding, address: 0, count: 2 };

    fn answer(data: [u8; 4]) -> Vec<u8> {
        let [a, b, c, d] = data;
        let mut frame = vec![1, 3, 4, a, b, c, d];
        frame.extend(crc(&frame).to_le_bytes());
        frame
    }

    fn seen(received: &[u8], heartbeat: &[u8]) -> Answer {
        let rtu = |bytes: &[u8]| {
            let answer = judge(bytes, &ASK);
            (answer.fate(), answer)
        };
        likeliest(received, heartbeat, rtu).1
    }

    #[test]
    fn heartbeats_around_an_answer_are_removed_and_bytes_inside_it_are_not() {
        let beat = b"beat".as_slice();
        let data = *b"beat";
        for (before, after) in [(0, 0), (1, 0), (3, 0), (0, 2), (2, 1)] {
            let received = [beat.repeat(before), answer(data), beat.repeat(after)].concat();
            assert_eq!(seen(&received, beat), Answer::Data(data.to_vec()), "{before} before, {after} after");
        }
        // An answer that begins with what is also the heartbeat.
        assert_eq!(seen(&answer(data), &[1]), Answer::Data(data.to_vec()));
        assert_eq!(seen(&[&[1, 1], &answer(data)[..]].concat(), &[1]), Answer::Data(data.to_vec()));
        let split = [&answer(data)[..5], beat, &answer(data)[5..]].concat();
        assert!(matches!(seen(&split, beat), Answer::Wrong(_)), "in the middle it is damage");
        assert!(is_heartbeats(b"beatbe", beat) && !is_heartbeats(b"beatx", beat));
        assert!(!is_heartbeats(b"", beat) && !is_heartbeats(b"x", b""));
    }

    #[test]
    fn a_caller_is_known_as_soon_as_its_first_bytes_say_so() {
        let known = [b"press".as_slice(), b"lathe\r\n"];
        let cases: [(&[u8], Caller); 6] = [
            (b"", Caller::Unknown),
            (b"pre", Caller::Unknown),
            (b"press", Caller::Known(0)),
            (b"pressbeat\x01\x03", Caller::Known(0)),
            (b"lathe", Caller::Unknown),
            (b"GET / HTTP/1.1", Caller::Stranger),
        ];
        for (received, caller) in cases {
            assert_eq!(recognise(received, known), caller, "{received:?}");
        }
    }

    proptest! {
        /// Whatever the pieces, the answer comes out whole, and no piece is taken for damage.
        #[test]
        fn any_pieces_of_heartbeats_and_answer_give_the_same_answer(
            data: [u8; 4], heartbeat in prop::collection::vec(any::<u8>(), 1..8), before in 0usize..4, after in 0usize..3,
            cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..12),
        ) {
            let whole = [heartbeat.repeat(before), answer(data), heartbeat.repeat(after)].concat();
            let mut ends: Vec<usize> = cuts.iter().map(|cut| cut.index(whole.len()) + 1).collect();
            ends.push(whole.len());
            ends.sort_unstable();
            for end in ends {
                match seen(&whole[..end], &heartbeat) {
                    Answer::Incomplete(_) => prop_assert!(end < whole.len()),
                    Answer::Data(got) => {
                        prop_assert_eq!(got, data.to_vec());
                        break;
                    }
                    other => prop_assert!(false, "{:?} at {}", other, end),
                }
            }
        }

        #[test]
        fn any_pieces_of_a_registration_give_the_same_caller(
            first in "[a-m]{1,20}", second in "[n-z]{1,20}", follows in prop::collection::vec(any::<u8>(), 0..20), cut: prop::sample::Index,
        ) {
            let known = [first.as_bytes(), second.as_bytes()];
            let sent = [second.as_bytes(), &follows].concat();
            let end = cut.index(sent.len() + 1);
            let expected = if end >= second.len() { Caller::Known(1) } else { Caller::Unknown };
            prop_assert_eq!(recognise(&sent[..end], known), expected);
        }

        #[test]
        fn nothing_panics_and_meters_are_judged_too(
            received in prop::collection::vec(any::<u8>(), 0..80), heartbeat in prop::collection::vec(any::<u8>(), 0..4),
        ) {
            let meter = frame::Meter::parse("000012345678").expect("a number");
            let question = frame::Question { meter, di: frame::Di([0, 1, 0, 0]) };
            let (skipped, (_, judged)) = likeliest(&received, &heartbeat, |bytes| {
                let judged = frame::judge(bytes, &question);
                (judged.0.fate(), judged)
            });
            prop_assert!(skipped + judged <= received.len());
            seen(&received, &heartbeat);
        }
    }
}
