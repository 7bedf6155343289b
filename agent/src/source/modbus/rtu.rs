//! Modbus RTU frames: our own codec. Pure.
//!
//! Constraints:
//! 1. RTU has no transaction number: a late answer looks exactly like the answer to the next question. So everything that *can* be
//!    checked is checked (CRC, unit, function, byte count, total length), and [`Shapes`] remembers which answers may still be under
//!    way after a time-out, so that none of them is ever taken for another question's answer.
//! 2. Only the functions 1 to 4 can be encoded.
//! 3. Bytes from the line are bounded ([`FRAME_BYTES_MAX`]) and never panic.
//!
//! Late answers. A slave answers in order. When a question timed out, its answer may still come. The next question is safe if its
//! correct answer has another *shape* (unit, function, byte count) than every outstanding one: a late answer then fails the check,
//! and once the right one has arrived all earlier answers of that unit have either come or never will. If the shape would collide,
//! the caller first asks a *sentinel* with a shape that does not ([`Shapes::sentinel`]). A refusal carries no shape, so it settles only
//! the oldest open question ([`Shapes::refused`]). Time only bounds the memory
//! ([`Shapes::expire`]), it is not what protects us.

use super::plan::{Area, byte_count};
use crate::source::dtu::Fate;

/// Longest RTU frame: 256 bytes (Modbus over Serial Line V1.02, 2.5.1).
pub const FRAME_BYTES_MAX: usize = 256;

/// A question to one slave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Question {
    /// Slave address, 1 to 247.
    pub unit: u8,
    /// Which area, and thereby the function.
    pub area: Area,
    /// First address.
    pub address: u16,
    /// How many registers or bits.
    pub count: u16,
}

impl Question {
    /// The request frame with its CRC.
    pub fn encode(&self) -> [u8; 8] {
        let [address_high, address_low] = self.address.to_be_bytes();
        let [count_high, count_low] = self.count.to_be_bytes();
        let body = [self.unit, self.area.function(), address_high, address_low, count_high, count_low];
        let [crc_low, crc_high] = crc(&body).to_le_bytes();
        [body[0], body[1], body[2], body[3], body[4], body[5], crc_low, crc_high]
    }

    /// Length of the answer frame when the slave answers with data.
    pub fn answer_bytes(&self) -> usize {
        5 + usize::from(byte_count(self.area, self.count))
    }

    /// What the answer looks like from outside.
    pub fn shape(&self) -> Shape {
        Shape { unit: self.unit, function: self.area.function(), bytes: byte_count(self.area, self.count) }
    }
}

/// What a partly received answer is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Not complete: this many more bytes are needed at least.
    Incomplete(usize),
    /// The data bytes of a correct answer.
    Data(Vec<u8>),
    /// The slave refused with this exception code.
    Exception(u8),
    /// Not an answer to this question.
    Wrong(WrongFrame),
}

impl Answer {
    /// What it means for waiting on.
    pub fn fate(&self) -> Fate {
        match self {
            Self::Incomplete(_) => Fate::Waiting,
            Self::Data(_) | Self::Exception(_) => Fate::Whole,
            Self::Wrong(_) => Fate::Wrong,
        }
    }
}

/// In which way a frame is not the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WrongFrame {
    /// From another slave.
    #[error("answer of unit {0}")]
    Unit(u8),
    /// To another function.
    #[error("answer to function {0}")]
    Function(u8),
    /// With another number of data bytes.
    #[error("{0} data bytes instead of those asked for")]
    ByteCount(u8),
    /// Damaged on the line.
    #[error("checksum does not match")]
    Checksum,
    /// Bytes after the end of the answer.
    #[error("bytes after the end of the answer")]
    TooLong,
}

/// Judges what was received since `question` was sent.
pub fn judge(received: &[u8], question: &Question) -> Answer {
    let Some(&unit) = received.first() else { return Answer::Incomplete(5) };
    if unit != question.unit {
        return Answer::Wrong(WrongFrame::Unit(unit));
    }
    let Some(&function) = received.get(1) else { return Answer::Incomplete(4) };
    let asked = question.area.function();
    if function == asked | 0x80 {
        return whole(received, 5, |frame| Answer::Exception(frame[2]));
    }
    if function != asked {
        return Answer::Wrong(WrongFrame::Function(function));
    }
    let Some(&bytes) = received.get(2) else { return Answer::Incomplete(3) };
    if u16::from(bytes) != byte_count(question.area, question.count) {
        return Answer::Wrong(WrongFrame::ByteCount(bytes));
    }
    let length = question.answer_bytes();
    whole(received, length, |frame| Answer::Data(frame[3..length - 2].to_vec()))
}

fn whole(received: &[u8], length: usize, take: impl FnOnce(&[u8]) -> Answer) -> Answer {
    if received.len() < length {
        return Answer::Incomplete(length - received.len());
    }
    if received.len() > length {
        return Answer::Wrong(WrongFrame::TooLong);
    }
    let (body, sum) = received.split_at(length - 2);
    if crc(body).to_le_bytes() != sum {
        return Answer::Wrong(WrongFrame::Checksum);
    }
    take(received)
}

/// CRC-16/MODBUS.
pub fn crc(bytes: &[u8]) -> u16 {
    let mut crc = 0xFFFFu16;
    for byte in bytes {
        crc ^= u16::from(*byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 { (crc >> 1) ^ 0xA001 } else { crc >> 1 };
        }
    }
    crc
}

/// How an answer looks from outside: the only things RTU lets us compare.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Slave address.
    pub unit: u8,
    /// Function code.
    pub function: u8,
    /// Data bytes.
    pub bytes: u16,
}

/// The answers that may still be under way on one line, the oldest first.
#[derive(Clone, Debug, Default)]
pub struct Shapes {
    outstanding: Vec<(Shape, i64)>,
}

impl Shapes {
    /// Remembers that this question was not answered properly; its answer may come until `until_ms`.
    pub fn unanswered(&mut self, question: &Question, until_ms: i64) {
        let shape = question.shape();
        self.outstanding.retain(|(known, _)| *known != shape);
        self.outstanding.push((shape, until_ms));
    }

    /// The right answer arrived: earlier answers of this unit can no longer come.
    pub fn answered(&mut self, unit: u8) {
        self.outstanding.retain(|(shape, _)| shape.unit != unit);
    }

    /// A refusal arrived, and nothing says to which question. Slaves answer in order, so the oldest open question of this unit is done
    /// with: either it is the refused one, or its answer came before or never will. Returns whether there was one.
    pub fn refused(&mut self, unit: u8) -> bool {
        let oldest = self.outstanding.iter().position(|(shape, _)| shape.unit == unit);
        oldest.map(|index| self.outstanding.remove(index)).is_some()
    }

    /// Forgets answers so old that the slave cannot be sending them any more.
    pub fn expire(&mut self, now_ms: i64) {
        self.outstanding.retain(|(_, until_ms)| now_ms < *until_ms);
    }

    /// Whether an answer of this shape, or such a refusal, is one that may still be under way.
    pub fn expects(&self, shape: &Shape) -> bool {
        let is_refusal = |known: &Shape| known.unit == shape.unit && known.function | 0x80 == shape.function;
        self.outstanding.iter().any(|(known, _)| known == shape || is_refusal(known))
    }

    /// Whether a late answer could be taken for the answer to `question`.
    pub fn collides(&self, question: &Question) -> bool {
        let shape = question.shape();
        self.outstanding.iter().any(|(known, _)| *known == shape)
    }

    /// A harmless question near `question` whose answer no late answer can imitate: the same start, fewer items if possible (those
    /// addresses are known to exist), else more, up to `count_max`. `None` when every shape is taken.
    pub fn sentinel(&self, question: &Question, count_max: u16) -> Option<Question> {
        let room = u16::try_from(0x1_0000 - u32::from(question.address)).unwrap_or(u16::MAX);
        let more = question.count.saturating_add(1)..=count_max.min(room);
        (1..question.count)
            .rev()
            .chain(more)
            .map(|count| Question { count, ..*question })
            .find(|candidate| !self.collides(candidate))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ASK: Question = Question { unit: 0x11, area: Area::Holding, address: 0x006B, count: 3 };

    /// The example of the specification (Modbus Application Protocol V1.1b3, 6.3), with its CRC.
    fn answer() -> Vec<u8> {
        framed(&[0x11, 0x03, 0x06, 0x02, 0x2B, 0x00, 0x00, 0x00, 0x64])
    }

    fn framed(body: &[u8]) -> Vec<u8> {
        let mut frame = body.to_vec();
        frame.extend(crc(body).to_le_bytes());
        frame
    }

    #[test]
    fn a_request_is_encoded_as_the_specification_prints_it() {
        assert_eq!(ASK.encode(), [0x11, 0x03, 0x00, 0x6B, 0x00, 0x03, 0x76, 0x87]);
        // Check value of CRC-16/MODBUS from the catalogue of CRC algorithms.
        assert_eq!(crc(b"123456789"), 0x4B37);
    }

    #[test]
    fn a_correct_answer_is_taken_and_every_prefix_is_incomplete() {
        let frame = answer();
        assert_eq!(judge(&frame, &ASK), Answer::Data(vec![0x02, 0x2B, 0, 0, 0, 0x64]));
        for cut in 0..frame.len() {
            assert!(matches!(judge(&frame[..cut], &ASK), Answer::Incomplete(n) if n >= 1), "cut at {cut}");
        }
    }

    #[test]
    fn every_flipped_bit_is_refused() {
        let frame = answer();
        for bit in 0..frame.len() * 8 {
            let mut bad = frame.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            assert!(!matches!(judge(&bad, &ASK), Answer::Data(_)), "bit {bit}");
        }
    }

    #[test]
    fn foreign_frames_are_named() {
        assert_eq!(judge(&framed(&[0x12, 3, 6, 0, 0, 0, 0, 0, 0]), &ASK), Answer::Wrong(WrongFrame::Unit(0x12)));
        assert_eq!(judge(&framed(&[0x11, 4, 6, 0, 0, 0, 0, 0, 0]), &ASK), Answer::Wrong(WrongFrame::Function(4)));
        assert_eq!(judge(&framed(&[0x11, 3, 4, 0, 0, 0, 0]), &ASK), Answer::Wrong(WrongFrame::ByteCount(4)));
        assert_eq!(judge(&framed(&[0x11, 0x83, 2]), &ASK), Answer::Exception(2));
        let mut long = answer();
        long.push(0);
        assert_eq!(judge(&long, &ASK), Answer::Wrong(WrongFrame::TooLong));
    }

    #[test]
    fn after_a_time_out_the_same_shape_is_not_asked_until_a_sentinel_was_answered() {
        let mut shapes = Shapes::default();
        shapes.unanswered(&ASK, 10_000);
        let other_address = Question { address: 2_000, ..ASK };
        assert!(shapes.collides(&other_address), "same byte count elsewhere is the dangerous case");
        let sentinel = shapes.sentinel(&other_address, 125).unwrap();
        assert_eq!((sentinel.address, sentinel.count), (2_000, 2));
        shapes.unanswered(&sentinel, 10_000);
        assert_eq!(shapes.sentinel(&other_address, 125).map(|q| q.count), Some(1));
        shapes.answered(ASK.unit);
        assert!(!shapes.collides(&other_address));
    }

    #[test]
    fn a_single_register_is_guarded_by_asking_two_and_other_units_are_untouched() {
        let one = Question { count: 1, ..ASK };
        let mut shapes = Shapes::default();
        shapes.unanswered(&one, 10_000);
        assert_eq!(shapes.sentinel(&one, 125).map(|q| q.count), Some(2));
        assert!(!shapes.collides(&Question { unit: 9, ..one }));
        shapes.expire(9_999);
        assert!(shapes.collides(&one));
        shapes.expire(10_000);
        assert!(!shapes.collides(&one));
    }

    #[test]
    fn a_refusal_settles_the_oldest_question_of_its_unit_and_no_other() {
        let (one, two) = (Question { count: 1, ..ASK }, Question { count: 2, ..ASK });
        let mut shapes = Shapes::default();
        assert!(!shapes.refused(ASK.unit), "nothing is open: the refusal is the answer");
        shapes.unanswered(&one, 10_000);
        shapes.unanswered(&two, 10_000);
        assert!(!shapes.refused(9));
        assert!(shapes.refused(ASK.unit));
        assert!(!shapes.collides(&one) && shapes.collides(&two));
        let late = Shape { unit: ASK.unit, function: 0x83, bytes: 2 };
        assert!(shapes.expects(&late) && !shapes.expects(&Shape { unit: 9, ..late }), "a refusal can be late too");
    }

    #[test]
    fn coils_count_as_bytes() {
        let eight = Question { area: Area::Coil, count: 8, ..ASK };
        let mut shapes = Shapes::default();
        shapes.unanswered(&eight, 1);
        assert!(shapes.collides(&Question { count: 5, ..eight }), "one byte either way");
        assert_eq!(shapes.sentinel(&eight, 2_000).map(|q| q.count), Some(9));
    }
}
