//! Read planner: which requests fetch a set of register spans. Pure.
//!
//! Constraints:
//! 1. Every wanted span lies whole inside exactly one request: a 32-bit counter fetched in two requests could be torn.
//! 2. No request exceeds the device's limits; none crosses the end of the 16-bit address space; none touches a register the device
//!    is known to stumble over ([`Limits::holes`]).
//! 3. Registers nobody wants are fetched only to join neighbours, at most `gap_max` in a row: a hole may hold an address the device
//!    refuses, and on a slow line every register costs about two milliseconds at 9,600 baud. (A value and its scale register are one
//!    span: what lies between them is fetched so that they are of one moment.)
//! 4. With [`Limits::one_by_one`] nothing is joined: as many requests as spans.
//! 5. It terminates: one pass over the sorted spans.
//!
//! Why joining matters: on a serial line a request costs its turnaround, so ten registers in one request are six to eight times
//! faster than ten requests.

use std::ops::RangeInclusive;
use std::sync::Arc;

/// The four read-only views a Modbus device offers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Area {
    /// Coils, function 1.
    Coil,
    /// Discrete inputs, function 2.
    Discrete,
    /// Holding registers, function 3.
    Holding,
    /// Input registers, function 4.
    Input,
}

impl Area {
    /// The function code that reads this area: 1 to 4, the only ones in this program.
    pub fn function(self) -> u8 {
        match self {
            Self::Coil => 1,
            Self::Discrete => 2,
            Self::Holding => 3,
            Self::Input => 4,
        }
    }

    /// Whether the area holds single bits.
    pub fn is_bits(self) -> bool {
        matches!(self, Self::Coil | Self::Discrete)
    }

    /// The name in the configuration file.
    pub fn name(self) -> &'static str {
        match self {
            Self::Coil => "coil",
            Self::Discrete => "discrete",
            Self::Holding => "holding",
            Self::Input => "input",
        }
    }
}

/// Most registers one request may ask for (Modbus Application Protocol V1.1b3, 6.3).
pub const REGISTERS_MAX: u16 = 125;
/// Most coils or discrete inputs one request may ask for (the same, 6.1).
pub const BITS_MAX: u16 = 2_000;

/// What one device accepts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Registers per request, 1 to [`REGISTERS_MAX`].
    pub registers_max: u16,
    /// Bits per request, 1 to [`BITS_MAX`].
    pub bits_max: u16,
    /// Unwanted registers (or bits) fetched in a row to join two neighbours.
    pub gap_max: u16,
    /// Every span is a request of its own.
    pub one_by_one: bool,
    /// Registers that are never asked for, holding and input alike; single bits have no holes.
    pub holes: Arc<[RangeInclusive<u16>]>,
}

impl Default for Limits {
    fn default() -> Self {
        Self { registers_max: REGISTERS_MAX, bits_max: BITS_MAX, gap_max: 8, one_by_one: false, holes: Arc::default() }
    }
}

impl Limits {
    /// Items one request of this area may ask for.
    pub fn count_max(&self, area: Area) -> u16 {
        if area.is_bits() { self.bits_max.clamp(1, BITS_MAX) } else { self.registers_max.clamp(1, REGISTERS_MAX) }
    }

    /// The first hole among `count` items from `address`.
    pub fn hole(&self, area: Area, address: u16, count: u16) -> Option<&RangeInclusive<u16>> {
        let end = u32::from(address) + u32::from(count);
        let touches = |hole: &&RangeInclusive<u16>| u32::from(*hole.start()) < end && address <= *hole.end();
        self.holes.iter().filter(|_| !area.is_bits()).find(touches)
    }

    /// Most items one request from `address` may ask for: what the device gives, and not into a hole.
    pub fn room(&self, area: Area, address: u16) -> u16 {
        let ahead = self.holes.iter().filter(|hole| !area.is_bits() && *hole.end() >= address);
        let next = ahead.map(|hole| hole.start().saturating_sub(address)).min();
        next.unwrap_or(u16::MAX).min(self.count_max(area))
    }
}

/// A stretch of registers (or bits) one tag needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// Which area.
    pub area: Area,
    /// First address, from 0.
    pub address: u16,
    /// How many, at least 1.
    pub count: u16,
    /// The caller's own number for this span, handed back in [`Placed`].
    pub item: usize,
}

/// Where a span lies inside a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Placed {
    /// The caller's number.
    pub item: usize,
    /// Offset from the request's first address.
    pub offset: u16,
    /// How many.
    pub count: u16,
}

/// One request and what it fetches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// Which area.
    pub area: Area,
    /// First address.
    pub address: u16,
    /// How many registers or bits.
    pub count: u16,
    /// The spans inside.
    pub placed: Vec<Placed>,
}

impl Request {
    /// Data bytes a correct answer carries.
    pub fn byte_count(&self) -> u16 {
        byte_count(self.area, self.count)
    }
}

/// Data bytes of an answer with `count` items of `area`.
pub fn byte_count(area: Area, count: u16) -> u16 {
    if area.is_bits() { count.div_ceil(8) } else { count.saturating_mul(2) }
}

/// Why a span cannot be fetched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// The span needs more than the device gives in one request.
    #[error("needs {count} registers in one request, the limit is {limit}")]
    TooWide {
        /// The caller's number.
        item: usize,
        /// What it needs.
        count: u16,
        /// What the device gives.
        limit: u16,
    },
    /// The span has registers that are never asked for.
    #[error("lies in a hole")]
    Hole {
        /// The caller's number.
        item: usize,
        /// First address of the hole.
        from: u16,
        /// Last address of the hole.
        to: u16,
    },
    /// The span runs past address 65,535 or is empty.
    #[error("runs past the last address")]
    OutsideAddresses {
        /// The caller's number.
        item: usize,
    },
}

/// Finds the requests that fetch all `spans` within `limits`, in the order of areas and addresses.
///
/// # Errors
/// The first span that no request can hold.
pub fn plan(spans: &[Span], limits: &Limits) -> Result<Vec<Request>, PlanError> {
    let mut sorted: Vec<&Span> = spans.iter().collect();
    sorted.sort_by_key(|s| (s.area, s.address, s.count, s.item));
    let mut requests: Vec<Request> = Vec::new();
    for span in sorted {
        let limit = limits.count_max(span.area);
        if span.count == 0 || u32::from(span.address) + u32::from(span.count) > 0x1_0000 {
            return Err(PlanError::OutsideAddresses { item: span.item });
        }
        if span.count > limit {
            return Err(PlanError::TooWide { item: span.item, count: span.count, limit });
        }
        if let Some(hole) = limits.hole(span.area, span.address, span.count) {
            return Err(PlanError::Hole { item: span.item, from: *hole.start(), to: *hole.end() });
        }
        match requests.last_mut().filter(|open| joins(open, span, limits)) {
            Some(open) => {
                let offset = span.address - open.address;
                open.count = open.count.max(offset + span.count);
                open.placed.push(Placed { item: span.item, offset, count: span.count });
            }
            None => requests.push(Request {
                area: span.area,
                address: span.address,
                count: span.count,
                placed: vec![Placed { item: span.item, offset: 0, count: span.count }],
            }),
        }
    }
    Ok(requests)
}

/// Whether `span`, which starts no earlier than `open`, may ride along.
fn joins(open: &Request, span: &Span, limits: &Limits) -> bool {
    let open_end = u32::from(open.address) + u32::from(open.count);
    let end = open_end.max(u32::from(span.address) + u32::from(span.count));
    let count = u16::try_from(end - u32::from(open.address)).unwrap_or(u16::MAX);
    !limits.one_by_one
        && open.area == span.area
        && u32::from(span.address) <= open_end + u32::from(limits.gap_max)
        && count <= limits.count_max(span.area)
        && limits.hole(span.area, open.address, count).is_none()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn span(area: Area, address: u16, count: u16, item: usize) -> Span {
        Span { area, address, count, item }
    }

    #[test]
    fn neighbours_join_and_far_ones_do_not() {
        let spans = [
            span(Area::Holding, 110, 2, 2),
            span(Area::Holding, 100, 2, 0),
            span(Area::Holding, 102, 1, 1),
            span(Area::Holding, 300, 4, 3),
            span(Area::Input, 100, 1, 4),
        ];
        let requests = plan(&spans, &Limits::default()).unwrap();
        let shape: Vec<_> = requests.iter().map(|r| (r.area, r.address, r.count, r.placed.len())).collect();
        assert_eq!(shape, [(Area::Holding, 100, 12, 3), (Area::Holding, 300, 4, 1), (Area::Input, 100, 1, 1)]);
    }

    #[test]
    fn a_device_that_gives_ten_registers_is_never_asked_for_eleven() {
        let limits = Limits { registers_max: 10, ..Limits::default() };
        let spans: Vec<Span> = (0..20).map(|i| span(Area::Input, i * 2, 2, i.into())).collect();
        let requests = plan(&spans, &limits).unwrap();
        assert_eq!(requests.iter().map(|r| r.count).collect::<Vec<_>>(), [10, 10, 10, 10]);
    }

    #[test]
    fn a_span_wider_than_the_limit_or_past_the_end_is_refused() {
        let limits = Limits { registers_max: 1, ..Limits::default() };
        assert_eq!(
            plan(&[span(Area::Holding, 0, 2, 7)], &limits),
            Err(PlanError::TooWide { item: 7, count: 2, limit: 1 })
        );
        assert_eq!(
            plan(&[span(Area::Holding, 65_535, 2, 3)], &Limits::default()),
            Err(PlanError::OutsideAddresses { item: 3 })
        );
        assert!(plan(&[span(Area::Holding, 65_535, 1, 3)], &Limits::default()).is_ok());
    }

    #[test]
    fn a_value_with_a_distant_scale_register_takes_along_what_lies_between() {
        // Value at 100, its scale register at 180; two more between them, one before.
        let spans = [
            span(Area::Holding, 100, 81, 0),
            span(Area::Holding, 120, 2, 1),
            span(Area::Holding, 150, 1, 2),
            span(Area::Holding, 92, 1, 3),
        ];
        let shape = |limits: &Limits| {
            let requests = plan(&spans, limits).unwrap();
            requests.iter().map(|r| (r.address, r.count, r.placed.len())).collect::<Vec<_>>()
        };
        assert_eq!(shape(&Limits::default()), [(92, 89, 4)]);
        assert_eq!(shape(&Limits { registers_max: 85, ..Limits::default() }), [(92, 1, 1), (100, 81, 3)]);
    }

    #[test]
    fn holes_are_never_asked_for() {
        let limits = Limits { holes: [101..=103, 200..=65_535].into(), gap_max: 100, ..Limits::default() };
        let spans = [span(Area::Holding, 100, 1, 0), span(Area::Holding, 104, 2, 1), span(Area::Input, 104, 1, 2)];
        let requests = plan(&spans, &limits).unwrap();
        assert_eq!(requests.iter().map(|r| (r.address, r.count)).collect::<Vec<_>>(), [(100, 1), (104, 2), (104, 1)]);
        for (address, count) in [(98, 4), (101, 1), (103, 1), (99, 8), (65_535, 1)] {
            let error = plan(&[span(Area::Holding, address, count, 5)], &limits).unwrap_err();
            let (from, to) = if address > 150 { (200, 65_535) } else { (101, 103) };
            assert_eq!(error, PlanError::Hole { item: 5, from, to }, "{address}");
        }
        assert!(plan(&[span(Area::Coil, 98, 10, 0)], &limits).is_ok(), "bits have no holes");
        assert_eq!(limits.room(Area::Holding, 98), 3);
        assert_eq!(limits.room(Area::Holding, 102), 0);
        assert_eq!(limits.room(Area::Holding, 104), 96);
        assert_eq!(limits.room(Area::Coil, 98), BITS_MAX);
    }

    fn area() -> impl Strategy<Value = Area> {
        prop_oneof![Just(Area::Coil), Just(Area::Discrete), Just(Area::Holding), Just(Area::Input)]
    }

    /// Stretches of 1 to 300 addresses.
    fn holes() -> impl Strategy<Value = Arc<[RangeInclusive<u16>]>> {
        let hole = (any::<u16>(), 0u16..300).prop_map(|(from, more)| from..=from.saturating_add(more));
        prop::collection::vec(hole, 0..20).prop_map(Into::into)
    }

    proptest! {
        #[test]
        fn every_span_is_covered_once_and_no_limit_is_exceeded(
            // Addresses close together, so that most spans have neighbours to join and holes between them.
            raw in prop::collection::vec((area(), prop_oneof![0u16..2_000, any::<u16>()], 1u16..=8), 0..200),
            registers_max in 8u16..=125, bits_max in 8u16..=2000, gap_max in 0u16..=300,
            one_by_one in any::<bool>(), near in holes(), squeeze in 1u16..=64,
        ) {
            let holes = near.iter().map(|hole| hole.start() / squeeze..=hole.end() / squeeze).collect();
            let limits = Limits { registers_max, bits_max, gap_max, one_by_one, holes };
            let spans: Vec<Span> = raw
                .iter()
                .map(|(area, address, count)| span(*area, (*address).min(65_535 - count), *count, 0))
                .filter(|s| plan(std::slice::from_ref(s), &limits).is_ok())
                .enumerate()
                .map(|(item, s)| Span { item, ..s })
                .collect();
            let requests = plan(&spans, &limits).unwrap();
            let mut seen = vec![0; spans.len()];
            for request in &requests {
                prop_assert!(request.count >= 1 && request.count <= limits.count_max(request.area));
                prop_assert!(u32::from(request.address) + u32::from(request.count) <= 0x1_0000);
                prop_assert!(!one_by_one || request.placed.len() == 1);
                let mut wanted = vec![false; usize::from(request.count)];
                for placed in &request.placed {
                    let original = &spans[placed.item];
                    prop_assert_eq!(original.area, request.area);
                    prop_assert_eq!(original.address, request.address + placed.offset);
                    prop_assert_eq!(original.count, placed.count);
                    prop_assert!(placed.offset + placed.count <= request.count);
                    for i in placed.offset..placed.offset + placed.count {
                        wanted[usize::from(i)] = true;
                    }
                    seen[placed.item] += 1;
                }
                let longest = wanted.split(|w| *w).map(<[bool]>::len).max().unwrap_or(0);
                prop_assert!(longest <= usize::from(gap_max), "{} registers nobody wants", longest);
                if !request.area.is_bits() {
                    for address in (request.address..=u16::MAX).take(request.count.into()) {
                        prop_assert!(!limits.holes.iter().any(|hole| hole.contains(&address)), "{} is in a hole", address);
                    }
                }
            }
            prop_assert!(seen.iter().all(|n| *n == 1));
            prop_assert!(requests.len() <= spans.len());
        }

        #[test]
        fn a_question_within_the_room_meets_no_hole(address in any::<u16>(), holes in holes()) {
            let limits = Limits { holes, ..Limits::default() };
            let room = limits.room(Area::Input, address);
            prop_assert!(room <= REGISTERS_MAX);
            prop_assert!(room == 0 || limits.hole(Area::Input, address, room).is_none());
            prop_assert!(room == REGISTERS_MAX || limits.hole(Area::Input, address, room + 1).is_some());
        }
    }
}
