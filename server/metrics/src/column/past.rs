//! What a column forgets: readings no later window can reach.
//!
//! Constraints
//! 1. Evaluation looks at the last reading at or before a window; that one stays, with its whole span.
//! 2. What stays is placed as if nothing had been forgotten. A forgotten span whose times push later ones on would change
//!    them, so the cut lies where no time before it reaches beyond.

use crate::column::{Column, Span};
use crate::interval::Interval;

/// Where the record of a span lies, for good or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// UTC = boot clock + this, milliseconds.
    Placed(i64),
    /// Nobody knows yet.
    Waiting,
    /// Nobody will ever know.
    Lost,
}

impl Column {
    /// Forgets the readings before the last one at or before `cut_ms`, and the bad spells that ended before `bad_ms`. Returns
    /// the time of that last reading. What is forgotten of the days of interest is remembered as two instants.
    pub(crate) fn forget(
        &mut self,
        cut_ms: i64,
        bad_ms: i64,
        days: &[Interval],
        fate: impl Fn(u32) -> Fate,
    ) -> Option<i64> {
        let spells = self.bad.len();
        self.bad.retain(|b| match fate(b.record) {
            Fate::Placed(offset) => b.boot_ms.saturating_add(b.length_ms).saturating_add(offset) >= bad_ms,
            Fate::Waiting => true,
            Fate::Lost => false,
        });
        self.is_cut |= self.bad.len() < spells;
        let fates: Vec<Fate> = self.spans.iter().map(|s| fate(s.record)).collect();
        let place = |(i, fate): (usize, &Fate)| match fate {
            Fate::Placed(offset) => Some((self.spans.get(i)?.base_ms.saturating_add(*offset), i)),
            Fate::Waiting | Fate::Lost => None,
        };
        let mut order: Vec<(i64, usize)> = fates.iter().enumerate().filter_map(place).collect();
        order.sort_unstable();
        let (mut last_ms, mut clean, mut through_ms) = (i64::MIN, 0, None);
        for (k, (from, i)) in order.iter().enumerate() {
            if (*from).max(last_ms.saturating_add(1)) > cut_ms {
                break;
            }
            if *from > last_ms {
                clean = k;
            }
            for relative in self.spans.get(*i).map_or(&[][..], |s| self.times_of(s)) {
                last_ms = from.saturating_add(i64::from(*relative)).max(last_ms.saturating_add(1));
                if last_ms <= cut_ms {
                    through_ms = Some(last_ms);
                }
            }
        }
        let mut keep: Vec<bool> = fates.iter().map(|f| *f != Fate::Lost).collect();
        for (_, i) in order.iter().take(clean) {
            if let Some(keep) = keep.get_mut(*i) {
                *keep = false;
            }
            if let (Some(Fate::Placed(offset_ms)), false) = (fates.get(*i), days.is_empty()) {
                self.remember(*i, *offset_ms, days);
            }
        }
        self.keep(&keep);
        through_ms
    }

    fn times_of(&self, span: &Span) -> &[u32] {
        self.times.get(span.start..span.end).unwrap_or(&[])
    }

    /// Moves what is kept together.
    fn keep(&mut self, keep: &[bool]) {
        if keep.iter().all(|k| *k) {
            return;
        }
        self.is_cut = true;
        let mut end = 0;
        let mut kept = Vec::with_capacity(self.spans.len());
        for (span, _) in self.spans.iter().zip(keep).filter(|(_, k)| **k) {
            let (range, length) = (span.start..span.end, span.end - span.start);
            // Spans lie one behind the other, and are only ever moved to the front.
            self.times.copy_within(range.clone(), end);
            self.values.copy_within(range, end);
            kept.push(Span { start: end, end: end + length, ..span.clone() });
            end += length;
        }
        self.times.truncate(end);
        self.values.truncate(end);
        self.spans = kept;
    }

    /// Whether readings were forgotten.
    pub(crate) const fn is_cut(&self) -> bool {
        self.is_cut
    }

    /// How many things its numbers have meant.
    pub(crate) fn meanings(&self) -> usize {
        self.meanings.len()
    }

    /// The oldest record something is held of.
    pub(crate) fn oldest_record(&self) -> Option<u32> {
        self.spans.iter().map(|s| s.record).chain(self.bad.iter().map(|b| b.record)).min()
    }

    /// The earliest boot clock of a record's readings, good or bad.
    pub(crate) fn oldest_of(&self, record: u32) -> Option<i64> {
        let spans = self.spans.iter().filter(|s| s.record == record).map(|s| s.base_ms);
        spans.chain(self.bad.iter().filter(|b| b.record == record).map(|b| b.boot_ms)).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::column::{RecordPlace, Stretch};
    use protocol::ValueType;
    use protocol::content::{FlatColumn, FlatValues, Ratio, TagConfig};

    fn column(records: &[&[i64]]) -> Column {
        let tag = TagConfig {
            id: "press/good".parse().unwrap(),
            value_type: ValueType::I64,
            unit: String::new(),
            scale: Ratio { num: 1, den: 1 },
            role: String::new(),
            interval_ms: 1000,
            address: String::new(),
            counter: None,
        };
        let mut column = Column::default();
        for (record, times) in records.iter().enumerate() {
            let bits: Vec<u64> = times.iter().map(|time| time.cast_unsigned()).collect();
            let values = FlatValues::Bits(&bits);
            let given = FlatColumn { tag: 0, times, value_type: ValueType::I64, values, qualities: &[] };
            column.push(record as u32, (1, &tag), &given);
        }
        column
    }

    fn times(column: &Column) -> Vec<i64> {
        let place = |_| RecordPlace { leaf: 0, offset_ms: Some(0), error_ms: 0, is_late: false };
        column.placed(Stretch::within(Interval::new(i64::MIN, i64::MAX)), place).times
    }

    #[test]
    fn the_last_reading_before_the_cut_stays_with_its_span() {
        let mut column = column(&[&[0, 10], &[20, 30], &[40, 50], &[60]]);
        assert_eq!(column.forget(45, 0, &[], |_| Fate::Placed(0)), Some(40));
        assert_eq!((times(&column), column.is_cut()), (vec![40, 50, 60], true));
        assert_eq!(column.forget(45, 0, &[], |_| Fate::Placed(0)), Some(40), "again changes nothing");
        assert_eq!(column.forget(i64::MAX, 0, &[], |_| Fate::Placed(0)), Some(60));
        assert_eq!((times(&column), column.oldest_record()), (vec![60], Some(3)));
    }

    #[test]
    fn times_that_push_later_ones_on_are_kept() {
        // The second record went back in time: its readings lie at 101 and 102, and the third's at 103.
        let records: [&[i64]; 4] = [&[0, 100], &[90, 95], &[98], &[200]];
        let mut cut = column(&records);
        let whole = times(&cut);
        assert_eq!(whole, [0, 100, 101, 102, 103, 200]);
        assert_eq!(cut.forget(150, 0, &[], |_| Fate::Placed(0)), Some(103));
        assert_eq!(times(&cut), whole, "no clean place before 150");
        cut.forget(200, 0, &[], |_| Fate::Placed(0));
        assert_eq!(times(&cut), [200]);
    }

    #[test]
    fn what_waits_for_a_clock_stays_and_what_nobody_will_place_goes() {
        let mut column = column(&[&[0], &[10], &[20], &[30]]);
        let fate = |record| match record {
            0 => Fate::Waiting,
            1 => Fate::Lost,
            _ => Fate::Placed(0),
        };
        assert_eq!(column.forget(25, 0, &[], fate), Some(20));
        assert_eq!(times(&column), [0, 20, 30]);
    }
}
