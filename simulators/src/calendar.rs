//! The site's calendar: two twelve-hour shifts with breaks, and one rest day a week.
//!
//! Local time is UTC+08:00 without daylight saving. A shift belongs to the production date on which it starts and is
//! never cut at midnight. The same constants drive the world, the ground truth and the declarations the server
//! imports, so the three cannot disagree.

/// Local time minus UTC, ms.
pub const ZONE_OFFSET_MS: i64 = 8 * HOUR;
/// One second, ms.
pub const SECOND: i64 = 1_000;
/// One minute, ms.
pub const MINUTE: i64 = 60 * SECOND;
/// One hour, ms.
pub const HOUR: i64 = 60 * MINUTE;
/// One day, ms.
pub const DAY: i64 = 24 * HOUR;
/// Length of a shift, ms.
pub const SHIFT: i64 = 12 * HOUR;
/// The day shift starts this long after local midnight, ms.
pub const DAY_SHIFT_START: i64 = 8 * HOUR;
/// Breaks as (offset from the shift's start, length), ms: 12:00–12:30 and 16:00–16:15 by day, 00:00–00:30 and
/// 04:00–04:15 by night.
pub const BREAKS: [(i64, i64); 2] = [(4 * HOUR, 30 * MINUTE), (8 * HOUR, 15 * MINUTE)];
/// Planned busy time of a worked shift: its length without breaks, ms.
pub const PLANNED: i64 = SHIFT - BREAKS[0].1 - BREAKS[1].1;

/// One of the two shifts of a production date.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Shift {
    /// Counts shifts since 1970-01-01 08:00 local; even numbers are day shifts.
    pub number: i64,
}

impl Shift {
    /// The shift that contains the instant `utc_ms`.
    pub fn at(utc_ms: i64) -> Self {
        Self { number: (utc_ms + ZONE_OFFSET_MS - DAY_SHIFT_START).div_euclid(SHIFT) }
    }

    /// Start, UTC ms; the shift is `[start, end)`.
    pub fn start(self) -> i64 {
        self.number * SHIFT + DAY_SHIFT_START - ZONE_OFFSET_MS
    }

    /// End, UTC ms.
    pub fn end(self) -> i64 {
        self.start() + SHIFT
    }

    /// The shift after this one.
    pub fn next(self) -> Self {
        Self { number: self.number + 1 }
    }

    /// Production date as days since 1970-01-01, local.
    pub fn production_day(self) -> i64 {
        self.number.div_euclid(2)
    }

    /// Weekday of the production date: 0 Monday … 6 Sunday.
    pub fn weekday(self) -> u8 {
        // 1970-01-01 was a Thursday.
        (self.production_day() + 3).rem_euclid(7) as u8
    }

    /// `day` or `night`.
    pub fn name(self) -> &'static str {
        if self.number.rem_euclid(2) == 0 { "day" } else { "night" }
    }

    /// Breaks of this shift as `[from, until)`, UTC ms.
    pub fn breaks(self) -> [(i64, i64); 2] {
        BREAKS.map(|(offset, length)| (self.start() + offset, self.start() + offset + length))
    }

    /// Whether the site works this shift.
    pub fn is_worked(self, rest_weekday: Option<u8>) -> bool {
        rest_weekday != Some(self.weekday())
    }
}

/// The ISO date of a day number, for people and for declarations.
pub fn iso_date(day: i64) -> String {
    let (year, month, date) = civil_from_days(day);
    format!("{year:04}-{month:02}-{date:02}")
}

/// Gregorian (year, month, day) from days since 1970-01-01 (Hinnant's algorithm).
pub fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let z = days + 719_468;
    let era = z.div_euclid(146_097);
    let doe = z.rem_euclid(146_097);
    let yoe = (doe - doe / 1_460 + doe / 36_524 - doe / 146_096) / 365;
    let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    let mp = (5 * doy + 2) / 153;
    let day = doy - (153 * mp + 2) / 5 + 1;
    let month = if mp < 10 { mp + 3 } else { mp - 9 };
    (yoe + era * 400 + i64::from(month <= 2), month, day)
}

/// Local midnight (UTC ms) of the Monday of the week that contains `utc_ms`.
pub fn week_start(utc_ms: i64) -> i64 {
    let day = (utc_ms + ZONE_OFFSET_MS).div_euclid(DAY);
    let monday = day - (day + 3).rem_euclid(7);
    monday * DAY - ZONE_OFFSET_MS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_night_shift_belongs_to_the_day_it_starts() {
        // 2026-11-22T19:59:59.999+08:00 is still Sunday's day shift; one ms later Sunday's night shift begins.
        let edge = 1_795_348_800_000;
        let before = Shift::at(edge - 1);
        let night = Shift::at(edge);
        assert_eq!((before.name(), night.name()), ("day", "night"));
        assert_eq!(iso_date(before.production_day()), "2026-11-22");
        assert_eq!(iso_date(night.production_day()), "2026-11-22");
        assert_eq!(night.weekday(), 6);
        assert_eq!(Shift::at(night.end() - 1), night);
        assert!(!night.is_worked(Some(6)) && night.is_worked(Some(0)) && night.is_worked(None));
        assert_eq!(week_start(edge), 1_795_348_800_000 - 20 * HOUR - 6 * DAY);
    }
}
