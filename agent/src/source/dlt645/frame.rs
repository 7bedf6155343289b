//! Frames of DL/T 645-2007, chapter 5. Pure.
//!
//! ```text
//! FE FE FE FE  68  A0 … A5  68  C  L  DATA  CS  16
//! ```
//!
//! A0 to A5 are the meter's number, two decimal digits a byte, the last digits first. C is the control code, L the number of data bytes, CS
//! the sum of all bytes from the first 68H, modulo 256. Every data byte travels with 33H added.
//!
//! Constraints:
//! 1. Only [`Question`] can be encoded: the control code 11H (read data) with a data identifier. No other command exists here.
//! 2. An answer is taken only when frame, meter, control code and data identifier are those of the question. The checksum is one byte
//!    and lets one damaged frame in 256 pass; the fixed bytes, the number and the identifier stand beside it.
//! 3. Bytes from the line are bounded ([`FRAME_BYTES_MAX`], [`NOISE_BYTES_MAX`]) and never panic.

use crate::source::dtu::Fate;

/// Bytes of a frame around its data.
const FRAME_BYTES_AROUND: usize = 12;
/// Longest frame: the length is one byte.
pub const FRAME_BYTES_MAX: usize = FRAME_BYTES_AROUND + 255;
/// Bytes before a frame that are passed over: preambles (FEH), and what a line picks up while nobody drives it.
pub const NOISE_BYTES_MAX: usize = 64;
/// Bytes sent before a question to wake the receiver of the meter (5.1).
pub const PREAMBLE: [u8; 4] = [0xFE; 4];

const START: u8 = 0x68;
const END: u8 = 0x16;
/// Added to every data byte on the wire (5.2.6).
const OFFSET: u8 = 0x33;
const READ: u8 = 0x11;
const ANSWER: u8 = 0x91;
const ANSWER_MORE: u8 = 0xB1;
const ERROR: u8 = 0xD1;

/// The number of one meter: six bytes of two digits each, as on the nameplate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Meter([u8; 6]);

impl Meter {
    /// Reads twelve decimal digits. `None` for anything else, and for 999999999999, which addresses every meter at once.
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() != 12 || !text.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        let bytes: [u8; 6] = data_encoding::HEXLOWER.decode(text.as_bytes()).ok()?.try_into().ok()?;
        (bytes != [0x99; 6]).then_some(Self(bytes))
    }
}

impl std::fmt::Display for Meter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02X}"))
    }
}

/// A data identifier, DI3 first as the standard's tables print it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Di(pub [u8; 4]);

impl Di {
    /// Reads eight hexadecimal digits, with or without blanks between the bytes: `00 01 00 00`.
    pub fn parse(text: &str) -> Option<Self> {
        let digits: String = text.chars().filter(|c| *c != ' ').collect();
        data_encoding::HEXLOWER_PERMISSIVE.decode(digits.as_bytes()).ok()?.try_into().ok().map(Self)
    }

    /// Whether it asks for a block of several values (a byte FFH): their number depends on the meter.
    pub fn is_block(self) -> bool {
        self.0.contains(&0xFF)
    }
}

impl std::fmt::Display for Di {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02X}"))
    }
}

/// A question to one meter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Question {
    /// Which meter.
    pub meter: Meter,
    /// Which data.
    pub di: Di,
}

/// Length of an encoded [`Question`].
pub const QUESTION_BYTES: usize = PREAMBLE.len() + FRAME_BYTES_AROUND + 4;

impl Question {
    /// Preamble and frame.
    pub fn encode(&self) -> [u8; QUESTION_BYTES] {
        let ([a5, a4, a3, a2, a1, a0], [d3, d2, d1, d0]) = (self.meter.0, self.di.0.map(|b| b.wrapping_add(OFFSET)));
        let frame = [START, a0, a1, a2, a3, a4, a5, START, READ, 4, d0, d1, d2, d3];
        let [p0, p1, p2, p3] = PREAMBLE;
        let [s0, f0, f1, f2, f3, f4, f5, s1, c, l, e0, e1, e2, e3] = frame;
        [p0, p1, p2, p3, s0, f0, f1, f2, f3, f4, f5, s1, c, l, e0, e1, e2, e3, checksum(&frame), END]
    }
}

/// What a partly received answer is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Not complete.
    Incomplete,
    /// The data of a correct answer, without identifier and offset: lowest byte first.
    Data(Vec<u8>),
    /// The meter refused with this error word.
    Refused(u8),
    /// A correct answer, but to another question.
    Other {
        /// Who answers.
        meter: Meter,
        /// To which identifier; `None` for a refusal, which names none.
        di: Option<Di>,
    },
    /// Nothing that could be an answer.
    Wrong(WrongFrame),
}

impl Answer {
    /// What it means for waiting on.
    pub fn fate(&self) -> Fate {
        match self {
            Self::Incomplete => Fate::Waiting,
            Self::Data(_) | Self::Refused(_) | Self::Other { .. } => Fate::Whole,
            Self::Wrong(_) => Fate::Wrong,
        }
    }
}

/// In which way a frame is not an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WrongFrame {
    /// No frame begins where one should.
    #[error("noise without a frame")]
    Noise,
    /// Damaged on the line.
    #[error("checksum does not match")]
    Checksum,
    /// The length does not lead to an end byte.
    #[error("no end byte where the length says")]
    End,
    /// Not the answer to a read.
    #[error("control code {0:02X}")]
    Control(u8),
    /// The answer is the first of several frames; no identifier with a fixed length needs that.
    #[error("only the first part of the data (more follows)")]
    MoreFollows,
    /// Too short for what it should be.
    #[error("{0} data bytes are not an answer")]
    Length(u8),
}

/// Judges what was received since `question` was sent. Also returns how many bytes were judged: what follows belongs to something else.
pub fn judge(received: &[u8], question: &Question) -> (Answer, usize) {
    let Some(skipped) = start(received) else {
        let answer =
            if received.len() > NOISE_BYTES_MAX { Answer::Wrong(WrongFrame::Noise) } else { Answer::Incomplete };
        return (answer, received.len());
    };
    if skipped > NOISE_BYTES_MAX {
        return (Answer::Wrong(WrongFrame::Noise), skipped);
    }
    let Some(candidate) = received.get(skipped..) else { return (Answer::Incomplete, received.len()) };
    let [_, a0, a1, a2, a3, a4, a5, _, control, length, rest @ ..] = candidate else {
        return (Answer::Incomplete, received.len());
    };
    let [Some(data), Some([sum, end])] =
        [rest.get(..usize::from(*length)), rest.get(usize::from(*length)..).and_then(|r| r.get(..2))]
    else {
        return (Answer::Incomplete, received.len());
    };
    let judged = skipped + FRAME_BYTES_AROUND + data.len();
    let wrong = |wrong| (Answer::Wrong(wrong), judged);
    if *end != END {
        return wrong(WrongFrame::End);
    }
    if candidate.get(..10 + data.len()).map(checksum) != Some(*sum) {
        return wrong(WrongFrame::Checksum);
    }
    let meter = Meter([*a5, *a4, *a3, *a2, *a1, *a0]);
    let mut plain = data.iter().map(|byte| byte.wrapping_sub(OFFSET));
    let answer = match (*control, data.len()) {
        (ANSWER, 4..) => {
            let low_first = [plain.next(), plain.next(), plain.next(), plain.next()];
            let [d0, d1, d2, d3] = low_first.map(|byte| byte.unwrap_or_default());
            let di = Di([d3, d2, d1, d0]);
            if (meter, di) == (question.meter, question.di) {
                Answer::Data(plain.collect())
            } else {
                Answer::Other { meter, di: Some(di) }
            }
        }
        (ERROR, 1) if meter == question.meter => Answer::Refused(plain.next().unwrap_or_default()),
        (ERROR, 1) => Answer::Other { meter, di: None },
        (ANSWER | ERROR, _) => return wrong(WrongFrame::Length(*length)),
        (ANSWER_MORE, _) => return wrong(WrongFrame::MoreFollows),
        (other, _) => return wrong(WrongFrame::Control(other)),
    };
    (answer, judged)
}

/// Where a frame begins, or may begin once more bytes are here.
fn start(received: &[u8]) -> Option<usize> {
    (0..received.len())
        .find(|i| received.get(*i) == Some(&START) && received.get(i + 7).is_none_or(|second| *second == START))
}

/// The sum of all bytes, modulo 256.
fn checksum(bytes: &[u8]) -> u8 {
    bytes.iter().fold(0, |sum, byte| sum.wrapping_add(*byte))
}
