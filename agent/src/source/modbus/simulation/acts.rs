//! What a wire can do to one answer, and the registers that betray it.

use protocol::{GapCause, Value};

use super::network::{Framing, Piece, Plan};
use crate::source::modbus::plan::{Area, byte_count};
use crate::source::modbus::rtu::crc;

/// A stream of chance that a seed repeats (SplitMix64, Steele and others 2014).
#[derive(Clone, Debug)]
pub(super) struct Chance(pub(super) u64);

impl Chance {
    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// Evenly below `n`, which is small.
    pub(super) fn below(&mut self, n: u64) -> u64 {
        self.next() % n.max(1)
    }

    pub(super) fn between(&mut self, from: i64, to: i64) -> i64 {
        from + i64::try_from(self.below(u64::try_from(to - from).unwrap_or(0))).unwrap_or(0)
    }

    fn index(&mut self, n: usize) -> usize {
        usize::try_from(self.below(n as u64)).unwrap_or(0)
    }
}

/// A question as a device understands it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Question {
    pub(super) transaction: u16,
    pub(super) unit: u8,
    pub(super) area: Area,
    pub(super) address: u16,
    pub(super) count: u16,
}

/// Registers from here on tell all in one word.
pub(super) const SHORT_FROM: u16 = 0x800;
/// The last register: beyond it the device refuses.
pub(super) const LAST: u16 = 0xFFF;
/// Times in a single word are in steps of this, milliseconds, and come around after 1,024 steps: later than any answer can be late.
const STEP_MS: i64 = 16;

/// What a register holds at `ms`. Below [`SHORT_FROM`] four neighbours say together where and when they were read; above, each alone.
pub(super) fn register(unit: u8, area: Area, address: u16, ms: i64) -> u16 {
    let input = u16::from(area == Area::Input);
    if address >= SHORT_FROM {
        let step = u16::try_from(ms / STEP_MS % 1_024).expect("below 1,024");
        return (u16::from(unit & 3) << 14) | (input << 13) | ((address & 7) << 10) | step;
    }
    let place = (u16::from(unit & 7) << 13) | (input << 12) | (address & !3);
    let (high, low) = ((ms >> 16 & 0xFFFF) as u16, (ms & 0xFFFF) as u16);
    match address % 4 {
        0 => place,
        1 => high,
        2 => low,
        _ => (place ^ high.rotate_left(3) ^ low.rotate_left(7)).wrapping_mul(0x9E37),
    }
}

/// When the value of this tag was taken from its registers; `None` when it is not this tag's value at all.
pub(super) fn taken_ms(unit: u8, area: Area, address: u16, value: &Value, now: i64) -> Option<i64> {
    let Value::U64(value) = value else { return None };
    if address >= SHORT_FROM {
        // The latest time with this step.
        let back = (now / STEP_MS - i64::try_from(value & 0x3FF).ok()?).rem_euclid(1_024);
        let ms = (now / STEP_MS - back) * STEP_MS;
        return (u64::from(register(unit, area, address, ms)) == *value).then_some(ms + STEP_MS - 1);
    }
    let ms = i64::try_from(value >> 16 & 0xFFFF_FFFF).ok()?;
    let whole = (0..4).fold(0u64, |sum, i| sum << 16 | u64::from(register(unit, area, address + i, ms)));
    (whole == *value).then_some(ms)
}

impl Question {
    pub(super) fn parse(frame: &[u8], framing: Framing) -> Self {
        let (transaction, pdu) = match framing {
            Framing::Tcp => (u16::from_be_bytes([frame[0], frame[1]]), &frame[6..]),
            _ => (0, frame),
        };
        let area = match pdu[1] {
            1 => Area::Coil,
            2 => Area::Discrete,
            3 => Area::Holding,
            4 => Area::Input,
            other => panic!("the agent sent function {other}, which does not read"),
        };
        let (address, count) = (u16::from_be_bytes([pdu[2], pdu[3]]), u16::from_be_bytes([pdu[4], pdu[5]]));
        Self { transaction, unit: pdu[0], area, address, count }
    }

    /// Unit and answer, as the device would give it at `ms`.
    pub(super) fn answer(&self, ms: i64) -> Vec<u8> {
        if u32::from(self.address) + u32::from(self.count) > u32::from(LAST) + 1 {
            return self.refusal(2);
        }
        let bytes = u8::try_from(byte_count(self.area, self.count)).expect("at most 250");
        let mut body = vec![self.unit, self.area.function(), bytes];
        body.extend((0..self.count).flat_map(|i| register(self.unit, self.area, self.address + i, ms).to_be_bytes()));
        body
    }

    fn refusal(&self, code: u8) -> Vec<u8> {
        vec![self.unit, self.area.function() | 0x80, code]
    }
}

fn framed(body: &[u8], transaction: u16, framing: Framing) -> Vec<u8> {
    if framing == Framing::Tcp {
        let length = u16::try_from(body.len()).expect("short");
        return [&transaction.to_be_bytes(), &[0u8, 0][..], &length.to_be_bytes(), body].concat();
    }
    [body, &crc(body).to_le_bytes()].concat()
}

/// What happens to one answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Act {
    /// Nothing.
    Right,
    /// It comes after this many milliseconds: within the time-out or not.
    Slow(i64),
    /// It never comes.
    Swallow,
    /// Only so many bytes come.
    Truncate(usize),
    /// So many bytes come, the rest after this many milliseconds.
    Torn(usize, i64),
    /// It comes twice, in one piece.
    Merged,
    /// It comes twice, one right behind the other.
    Duplicate,
    WrongUnit,
    WrongFunction,
    /// TCP only.
    WrongTransaction,
    /// An answer to a smaller question.
    Short,
    /// Bits are flipped. On a serial frame anywhere: one, two, or a burst of up to 16, which CRC-16 finds without exception. On TCP
    /// only in header, function and byte count: Modbus TCP has no sum of its own, so a flip among the values that TCP's own sum lets
    /// through is invisible to every client.
    Flip,
    /// Bytes nobody sent come before it.
    Noise,
    /// An answer to an older question comes first. TCP only: without a transaction number nothing tells it apart, and a line keeps the
    /// order.
    Reorder,
    /// The device refuses.
    Refuse(u8),
    /// The device refuses, and then answers after all. TCP only, for the same reason.
    RefuseThenAnswer,
    /// The connection is closed instead.
    Close,
    /// The connection is closed in the middle of the answer.
    CloseInside(usize),
}

const NONE: &[GapCause] = &[];
const SILENT: &[GapCause] = &[GapCause::DeviceSilent];
const NONSENSE: &[GapCause] = &[GapCause::NonsenseValue];
const REFUSED: &[GapCause] = &[GapCause::DeviceRefused];
/// A damaged length is an answer that never ends; a damaged head can look like another slave's late answer.
const GARBLED: &[GapCause] = &[GapCause::NonsenseValue, GapCause::DeviceSilent];
/// And the highest bit of the function is what makes a refusal.
const GARBLED_TCP: &[GapCause] = &[GapCause::NonsenseValue, GapCause::DeviceSilent, GapCause::DeviceRefused];

impl Act {
    /// Draws what goes wrong with an answer of `bytes` bytes (without sum or header).
    pub(super) fn draw(chance: &mut Chance, plan: &Plan, bytes: usize) -> Self {
        let latest_ms = plan.timeout_ms + plan.late_ms - 50;
        let is_tcp = plan.framing == Framing::Tcp;
        match chance.below(18) {
            0 | 1 => Self::Slow(chance.between(20, plan.timeout_ms - 5)),
            2 | 3 => Self::Slow(chance.between(plan.timeout_ms + 2, plan.timeout_ms * 3)),
            4 => Self::Slow(chance.between(plan.timeout_ms + 2, latest_ms)),
            5 => Self::Swallow,
            6 => Self::Truncate(1 + chance.index(bytes)),
            7 => Self::Torn(1 + chance.index(bytes), chance.between(20, plan.timeout_ms * 2)),
            8 => Self::Merged,
            9 => Self::Duplicate,
            10 => Self::WrongUnit,
            11 => Self::WrongFunction,
            12 => Self::Short,
            13 => Self::Flip,
            14 => Self::Refuse(u8::try_from(1 + chance.below(11)).expect("small")),
            15 if chance.below(2) == 0 => Self::Close,
            15 => Self::CloseInside(1 + chance.index(bytes)),
            16 if is_tcp => Self::WrongTransaction,
            17 if is_tcp && chance.below(2) == 0 => Self::Reorder,
            17 if is_tcp => Self::RefuseThenAnswer,
            _ => Self::Noise,
        }
    }

    pub(super) fn is_torn(self) -> bool {
        matches!(self, Self::Torn(..))
    }

    /// The pieces that come back, and the causes a gap may give for it (beside silence, when the last piece comes too late).
    pub(super) fn pieces(
        self,
        chance: &mut Chance,
        question: Question,
        now: i64,
        quick_ms: i64,
        plan: &Plan,
    ) -> (Vec<Piece>, &'static [GapCause]) {
        let is_tcp = plan.framing == Framing::Tcp;
        let is_serial = plan.framing == Framing::Serial;
        let mut body = question.answer(now);
        let was_refused = body[1] >= 0x80;
        let wrap = |body: &[u8]| framed(body, question.transaction, plan.framing);
        let sound = wrap(&body);
        let at = |after_ms: i64, bytes: Vec<u8>| Piece { after_ms, bytes, close: false };
        let one = |bytes: Vec<u8>| vec![at(quick_ms, bytes)];
        let (pieces, causes) = match self {
            Self::Right => (one(sound), NONE),
            Self::Slow(ms) => (vec![at(ms, sound)], NONE),
            Self::Swallow => (Vec::new(), SILENT),
            Self::Truncate(n) => (one(sound[..n].to_vec()), if is_tcp { SILENT } else { NONSENSE }),
            Self::Torn(n, ms) => {
                let causes = match ms < plan.timeout_ms {
                    // Another slave's late answer may come in between.
                    true => {
                        if plan.is_shared {
                            NONSENSE
                        } else {
                            NONE
                        }
                    }
                    false => {
                        if is_tcp {
                            SILENT
                        } else {
                            NONSENSE
                        }
                    }
                };
                (vec![at(quick_ms, sound[..n].to_vec()), at(ms.max(quick_ms), sound[n..].to_vec())], causes)
            }
            Self::Merged => (one([sound.clone(), sound].concat()), NONSENSE),
            // On a serial line a frame follows another after 3.5 characters at the soonest.
            Self::Duplicate => {
                let gap_ms = if is_serial { 1 } else { 0 };
                (vec![at(quick_ms, sound.clone()), at(quick_ms + gap_ms, sound)], NONSENSE)
            }
            Self::WrongUnit => {
                body[0] = body[0].wrapping_add(100);
                (one(wrap(&body)), NONSENSE)
            }
            Self::WrongFunction => {
                body[1] ^= 0x07;
                (one(wrap(&body)), GARBLED)
            }
            Self::WrongTransaction => {
                (one(framed(&body, question.transaction.wrapping_add(9), plan.framing)), NONSENSE)
            }
            Self::Short if question.count > 1 => {
                (one(wrap(&Question { count: question.count / 2, ..question }.answer(now))), GARBLED)
            }
            Self::Short => (one(sound), NONE),
            Self::Flip => {
                let mut bytes = sound;
                let bits = if is_tcp { 9 * 8 } else { bytes.len() * 8 };
                let pattern = match chance.below(3) {
                    _ if is_tcp => 1,
                    0 => 1,
                    1 => 1 | 1 << (1 + chance.below(15)),
                    _ => 1 | chance.below(1 << 16),
                };
                let first = chance.index(bits);
                for bit in
                    (0..16).filter(|bit| pattern >> bit & 1 == 1).map(|bit| first + bit).filter(|bit| *bit < bits)
                {
                    bytes[bit / 8] ^= 1 << (bit % 8);
                }
                (one(bytes), if is_tcp { GARBLED_TCP } else { GARBLED })
            }
            Self::Noise => {
                let noise: Vec<u8> = (0..1 + chance.below(12)).map(|_| chance.below(256) as u8).collect();
                (one([noise, sound].concat()), if is_tcp { GARBLED_TCP } else { GARBLED })
            }
            Self::Reorder => {
                let older = framed(&body, question.transaction.wrapping_sub(1), plan.framing);
                (one([older, sound].concat()), NONSENSE)
            }
            Self::Refuse(code) => (one(wrap(&question.refusal(code))), refused(code)),
            Self::RefuseThenAnswer => {
                (vec![at(quick_ms, wrap(&question.refusal(4))), at(quick_ms + 3, sound)], GARBLED_TCP)
            }
            Self::Close => (vec![Piece { after_ms: quick_ms, bytes: Vec::new(), close: true }], SILENT),
            Self::CloseInside(n) => {
                (vec![Piece { after_ms: quick_ms, bytes: sound[..n].to_vec(), close: true }], SILENT)
            }
        };
        // A question beyond the last register (only a sentinel can be) is refused by the device itself; a damaged refusal may look like
        // the late refusal of an older question.
        (pieces, if was_refused && causes == NONSENSE { GARBLED } else { causes })
    }
}

fn refused(code: u8) -> &'static [GapCause] {
    if code == 10 || code == 11 { SILENT } else { REFUSED }
}
