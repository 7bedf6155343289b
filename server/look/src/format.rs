//! Numbers, percentages, amounts and times as a reader sees them. The only place where a value becomes text.
//!
//! Constraints first:
//! - Rounding happens here and nowhere earlier, half away from zero, in integers: the page shows the digits that the
//!   report and the verifier print (metrics reference §0.4).
//! - A unit follows its number after a narrow no-break space, thousands are parted by the same space, so that both
//!   languages read alike and a number never breaks over two lines. The minus sign is `−`, not a hyphen.
//! - Undefined is `—` and the reason stands beside it in words; never 0.
//! - Time is local to the site; the zone is printed once per page. Relative ages are for live values only.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::text::{Lang, Texts};

/// Narrow no-break space: between number and unit, between groups of thousands.
pub const THIN: char = '\u{202f}';
/// What stands where a value is undefined.
pub const NONE: &str = "—";

/// An integer with its thousands grouped: `12 480`. Four digits stay together.
#[must_use]
pub fn integer(n: impl TryInto<i128>) -> String {
    // A u128 beyond is no number of anything here.
    let n = n.try_into().unwrap_or(i128::MAX);
    let digits = n.unsigned_abs().to_string();
    let mut out = String::with_capacity(digits.len() + 8);
    if n < 0 {
        out.push('−');
    }
    if digits.len() <= 4 {
        out.push_str(&digits);
        return out;
    }
    for (i, c) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(THIN);
        }
        out.push(c);
    }
    out
}

/// `num / den` with `places` decimals, half away from zero. `None` when the denominator is zero.
#[must_use]
pub fn quotient(num: i128, den: i128, places: u32) -> Option<String> {
    if den == 0 {
        return None;
    }
    let scale = 10_i128.pow(places);
    let (num, den) = if den < 0 { (num.checked_neg()?, den.checked_neg()?) } else { (num, den) };
    let scaled = num.checked_abs()?.checked_mul(scale)?.checked_mul(2)?.checked_add(den)?;
    let rounded = scaled / den.checked_mul(2)?;
    let whole = integer(rounded / scale);
    let sign = if num < 0 && rounded != 0 { "−" } else { "" };
    Some(if places == 0 {
        format!("{sign}{whole}")
    } else {
        format!("{sign}{whole}.{:0width$}", rounded % scale, width = places as usize)
    })
}

/// `num / den` rounded to an integer, half away from zero.
#[must_use]
pub fn quotient_i64(num: i128, den: i128) -> Option<i64> {
    if den == 0 {
        return None;
    }
    let (num, den) = if den < 0 { (num.checked_neg()?, den.checked_neg()?) } else { (num, den) };
    let rounded = num.checked_abs()?.checked_mul(2)?.checked_add(den)? / den.checked_mul(2)?;
    i64::try_from(if num < 0 { -rounded } else { rounded }).ok()
}

/// A ratio as a percentage without its sign: `72.4`.
#[must_use]
pub fn percent_bare(num: i128, den: i128, places: u32) -> Option<String> {
    quotient(num.checked_mul(100)?, den, places)
}

/// A ratio as a percentage: `72.4 %`.
#[must_use]
pub fn percent(num: i128, den: i128, places: u32) -> Option<String> {
    percent_bare(num, den, places).map(|p| format!("{p}{THIN}%"))
}

/// A signed text: `+3.1`, `−0.4`, `0.0`.
#[must_use]
pub fn signed(text: &str) -> String {
    let zero = text.chars().all(|c| matches!(c, '0' | '.' | '−'));
    if zero || text.starts_with('−') { text.to_owned() } else { format!("+{text}") }
}

/// An amount with its unit: `12.4 kWh`.
#[must_use]
pub fn with_unit(number: &str, unit: &str) -> String {
    format!("{number}{THIN}{unit}")
}

/// Energy from watt-hours: kWh with one decimal below 1 000 kWh, MWh with two above 100 000 kWh.
#[must_use]
pub fn energy_wh(wh: i64) -> String {
    let (den, places, unit) = match wh.unsigned_abs() {
        0..1_000_000 => (1_000, 1, "kWh"),
        1_000_000..100_000_000 => (1_000, 0, "kWh"),
        _ => (1_000_000, 2, "MWh"),
    };
    with_unit(&quotient(wh.into(), den, places).unwrap_or_else(|| NONE.into()), unit)
}

/// Power from watts: `820 W`, `12.4 kW`.
#[must_use]
pub fn power_w(watts: i64) -> String {
    if watts.unsigned_abs() < 1_000 {
        with_unit(&integer(watts), "W")
    } else {
        with_unit(&quotient(watts.into(), 1_000, 1).unwrap_or_else(|| NONE.into()), "kW")
    }
}

/// A stretch of time: `7 h 32 min`, `12 min`, `45 s`. Rounded to the last unit shown.
#[must_use]
pub fn duration(ms: i64) -> String {
    let sign = if ms < 0 { "−" } else { "" };
    let seconds = (ms.unsigned_abs() + 500) / 1_000;
    if seconds < 60 {
        return format!("{sign}{seconds}{THIN}s");
    }
    if seconds < 600 && !seconds.is_multiple_of(60) {
        return format!("{sign}{}{THIN}min {}{THIN}s", seconds / 60, seconds % 60);
    }
    let minutes = (seconds + 30) / 60;
    match (minutes / 60, minutes % 60) {
        (0, m) => format!("{sign}{m}{THIN}min"),
        (h, 0) => format!("{sign}{h}{THIN}h"),
        (h, m) => format!("{sign}{h}{THIN}h {m:02}{THIN}min"),
    }
}

/// Minutes with one decimal, for tables whose column says "min": `452.5`.
#[must_use]
pub fn minutes(ms: i64) -> String {
    quotient(ms.into(), 60_000, 1).unwrap_or_else(|| NONE.into())
}

/// Bytes in binary steps with one decimal: `3.2 MiB`.
#[must_use]
pub fn bytes(n: u64) -> String {
    let n = i128::from(n);
    let (den, unit) = match n {
        0..1_024 => return with_unit(&n.to_string(), "B"),
        1_024..1_048_576 => (1_024, "KiB"),
        1_048_576..1_073_741_824 => (1_048_576, "MiB"),
        _ => (1_073_741_824, "GiB"),
    };
    with_unit(&quotient(n, den, 1).unwrap_or_default(), unit)
}

/// The first 12 hex digits of a digest: enough to compare by eye, never used to decide anything.
#[must_use]
pub fn short_digest(hex: &str) -> String {
    hex.chars().take(12).collect()
}

/// Times of one page: a zone and a language.
#[derive(Clone)]
pub struct Clockface {
    zone: TimeZone,
    lang: Lang,
}

impl Clockface {
    /// Times in this zone, words in this language.
    #[must_use]
    pub fn new(zone: TimeZone, lang: Lang) -> Self {
        Self { zone, lang }
    }

    /// The zone these times are in.
    #[must_use]
    pub fn zone(&self) -> &TimeZone {
        &self.zone
    }

    fn zoned(&self, ms: i64) -> Option<jiff::Zoned> {
        Timestamp::from_millisecond(ms).ok().map(|t| t.to_zoned(self.zone.clone()))
    }

    fn strftime(&self, ms: i64, pattern: &str) -> String {
        self.zoned(ms).map_or_else(|| NONE.into(), |z| z.strftime(pattern).to_string())
    }

    /// `14:05`.
    #[must_use]
    pub fn minute(&self, ms: i64) -> String {
        self.strftime(ms, "%H:%M")
    }

    /// `14:05:10`.
    #[must_use]
    pub fn second(&self, ms: i64) -> String {
        self.strftime(ms, "%H:%M:%S")
    }

    /// `2026-11-21`.
    #[must_use]
    pub fn day(&self, ms: i64) -> String {
        self.strftime(ms, "%Y-%m-%d")
    }

    /// `11-21 14:05`.
    #[must_use]
    pub fn day_minute(&self, ms: i64) -> String {
        self.strftime(ms, "%m-%d %H:%M")
    }

    /// `2026-11-21 14:05:10`.
    #[must_use]
    pub fn full(&self, ms: i64) -> String {
        self.strftime(ms, "%Y-%m-%d %H:%M:%S")
    }

    /// `2026-11-21T14:05:10+08:00`, for `datetime` attributes.
    #[must_use]
    pub fn machine_readable(&self, ms: i64) -> String {
        self.strftime(ms, "%Y-%m-%dT%H:%M:%S%:z")
    }

    /// A production date in words: `2026年11月21日 周六` / `Sat 21 Nov 2026`.
    #[must_use]
    pub fn date_words(&self, date: jiff::civil::Date) -> String {
        const ZH: [&str; 7] = ["周一", "周二", "周三", "周四", "周五", "周六", "周日"];
        match self.lang {
            Lang::Zh => {
                let weekday = ZH[(date.weekday().to_monday_zero_offset() as usize) % 7];
                format!("{}年{}月{}日 {weekday}", date.year(), date.month(), date.day())
            }
            Lang::En => date.strftime("%a %-d %b %Y").to_string(),
        }
    }

    /// The zone, said once: `Asia/Shanghai (UTC+8)`.
    #[must_use]
    pub fn zone_words(&self, ms: i64) -> String {
        let Some(zoned) = self.zoned(ms) else { return NONE.into() };
        let minutes = zoned.offset().seconds() / 60;
        let sign = if minutes < 0 { '−' } else { '+' };
        let (h, m) = (minutes.abs() / 60, minutes.abs() % 60);
        let offset = if m == 0 { format!("UTC{sign}{h}") } else { format!("UTC{sign}{h}:{m:02}") };
        match self.zone.iana_name() {
            Some(name) if name != "UTC" => format!("{name} ({offset})"),
            _ => offset,
        }
    }
}

/// How long ago: `12 秒前`, `3 h ago`. Only for live values; everything else has a time.
#[must_use]
pub fn age(t: &Texts, ms: i64) -> String {
    let seconds = ms.max(0) / 1_000;
    match seconds {
        0..2 => t.s("age-now"),
        2..120 => t.f1("age-seconds", "n", seconds),
        120..7_200 => t.f1("age-minutes", "n", seconds / 60),
        7_200..172_800 => t.f1("age-hours", "n", seconds / 3_600),
        _ => t.f1("age-days", "n", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounds_half_away_from_zero_in_integers() {
        let cases: [(i128, i128, u32, &str); 8] = [
            (7235, 10_000, 1, "72.4\u{202f}%"),
            (7234, 10_000, 1, "72.3\u{202f}%"),
            (-7235, 10_000, 1, "−72.4\u{202f}%"),
            (1, 3, 2, "33.33\u{202f}%"),
            (0, 5, 1, "0.0\u{202f}%"),
            (-1, 100_000, 1, "0.0\u{202f}%"),
            (999_999, 1_000_000, 1, "100.0\u{202f}%"),
            (13, 10, 0, "130\u{202f}%"),
        ];
        for (num, den, places, want) in cases {
            assert_eq!(percent(num, den, places).as_deref(), Some(want), "{num}/{den}");
        }
        assert_eq!(percent(1, 0, 1), None, "an undefined ratio never prints as a number");
        assert_eq!(percent(i128::MAX, 1, 1), None, "overflow is not a number either");
    }

    #[test]
    fn thousands_are_grouped_from_five_digits() {
        assert_eq!(integer(1234), "1234");
        assert_eq!(integer(12_480), "12\u{202f}480");
        assert_eq!(integer(-1_234_567), "−1\u{202f}234\u{202f}567");
        assert_eq!(integer(i64::MIN), "−9\u{202f}223\u{202f}372\u{202f}036\u{202f}854\u{202f}775\u{202f}808");
    }

    #[test]
    fn durations_keep_their_last_unit_honest() {
        let cases = [
            (45_000, "45 s"),
            (59_600, "1 min"),
            (95_000, "1 min 35 s"),
            (3_599_600, "1 h"),
            (27_120_000, "7 h 32 min"),
            (28_800_000, "8 h"),
        ];
        for (ms, want) in cases {
            assert_eq!(duration(ms).replace(THIN, " "), want, "{ms}");
        }
    }

    #[test]
    fn energy_picks_a_unit_that_keeps_the_figure_readable() {
        assert_eq!(energy_wh(12_350).replace(THIN, " "), "12.4 kWh");
        assert_eq!(energy_wh(12_480_400).replace(THIN, " "), "12 480 kWh");
        assert_eq!(energy_wh(312_480_400).replace(THIN, " "), "312.48 MWh");
    }

    #[test]
    fn times_are_local_and_the_zone_is_named() {
        let face = Clockface::new(TimeZone::get("Asia/Shanghai").expect("bundled"), Lang::Zh);
        // 2026-11-21 00:05:10 UTC
        let ms = 1_795_219_510_000;
        assert_eq!(face.full(ms), "2026-11-21 08:05:10");
        assert_eq!(face.zone_words(ms), "Asia/Shanghai (UTC+8)");
        assert_eq!(face.date_words(jiff::civil::date(2026, 11, 21)), "2026年11月21日 周六");
        assert_eq!(face.machine_readable(ms), "2026-11-21T08:05:10+08:00");
    }
}
