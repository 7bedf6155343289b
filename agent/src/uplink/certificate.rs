//! The two facts we need from an X.509 certificate: its public key and its dates. Pure.
//!
//! A hand-written walk over DER (X.690) instead of a parser crate: the certificate has already been chosen by the pinned key, so
//! nothing else in it is believed. Every length is checked; nothing panics on any bytes.

/// Validity and key of a certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts<'a> {
    /// The SubjectPublicKeyInfo, with its outer tag and length: what is pinned.
    pub spki: &'a [u8],
    /// First valid instant, milliseconds since the Unix epoch.
    pub not_before_ms: i64,
    /// Last valid instant, milliseconds since the Unix epoch.
    pub not_after_ms: i64,
}

/// Reads a DER certificate; `None` when it is not one.
#[must_use]
pub fn facts(der: &[u8]) -> Option<Facts<'_>> {
    let (certificate, _) = element(der, SEQUENCE)?;
    let (tbs, _) = element(certificate.body, SEQUENCE)?;
    let mut rest = tbs.body;
    if rest.first() == Some(&VERSION) {
        rest = element(rest, VERSION)?.1;
    }
    rest = element(rest, INTEGER)?.1; // serial number
    rest = element(rest, SEQUENCE)?.1; // signature algorithm
    rest = element(rest, SEQUENCE)?.1; // issuer
    let (validity, rest) = element(rest, SEQUENCE)?;
    let (_, rest) = element(rest, SEQUENCE)?; // subject
    let (spki, _) = element(rest, SEQUENCE)?;
    let (not_before_ms, after) = time(validity.body)?;
    let (not_after_ms, _) = time(after)?;
    Some(Facts { spki: spki.whole, not_before_ms, not_after_ms })
}

const SEQUENCE: u8 = 0x30;
const INTEGER: u8 = 0x02;
const VERSION: u8 = 0xa0;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;

struct Element<'a> {
    whole: &'a [u8],
    body: &'a [u8],
}

fn element(bytes: &[u8], tag: u8) -> Option<(Element<'_>, &[u8])> {
    if bytes.first() != Some(&tag) {
        return None;
    }
    let first = *bytes.get(1)?;
    let (header, length) = if first < 0x80 {
        (2, usize::from(first))
    } else {
        let count = usize::from(first & 0x7f);
        if count == 0 || count > 3 {
            return None;
        }
        let digits = bytes.get(2..2 + count)?;
        (2 + count, digits.iter().fold(0, |length, digit| length << 8 | usize::from(*digit)))
    };
    let end = header + length;
    let whole = bytes.get(..end)?;
    Some((Element { whole, body: &whole[header..] }, &bytes[end..]))
}

fn time(bytes: &[u8]) -> Option<(i64, &[u8])> {
    let (text, rest, year_digits) = match bytes.first()? {
        &UTC_TIME => {
            let (found, rest) = element(bytes, UTC_TIME)?;
            (found.body, rest, 2)
        }
        _ => {
            let (found, rest) = element(bytes, GENERALIZED_TIME)?;
            (found.body, rest, 4)
        }
    };
    if text.len() != year_digits + 11 || text.last() != Some(&b'Z') {
        return None;
    }
    let number = |from: usize, count: usize| -> Option<i64> {
        let digits = text.get(from..from + count)?;
        digits.iter().try_fold(0, |sum, digit| digit.is_ascii_digit().then(|| sum * 10 + i64::from(digit - b'0')))
    };
    let year = match (year_digits, number(0, year_digits)?) {
        // RFC 5280: two-digit years 50 and above belong to the last century.
        (2, short) if short >= 50 => 1900 + short,
        (2, short) => 2000 + short,
        (_, year) => year,
    };
    let part = |index: usize| number(year_digits + 2 * index, 2);
    let (month, day) = (part(0)?, part(1)?);
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let seconds = days_from_civil(year, month, day) * 86_400 + part(2)? * 3_600 + part(3)? * 60 + part(4)?;
    Some((seconds * 1_000, rest))
}

/// Days since 1970-01-01 in the proleptic Gregorian calendar.
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let shifted = if month <= 2 { year - 1 } else { year };
    let era = shifted.div_euclid(400);
    let year_of_era = shifted - era * 400;
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_agree_with_known_dates() {
        assert_eq!(days_from_civil(1970, 1, 1), 0);
        assert_eq!(days_from_civil(2000, 3, 1), 11_017);
        assert_eq!(days_from_civil(2026, 11, 22), 20_779);
    }

    #[test]
    fn both_kinds_of_time_are_read() {
        assert_eq!(time(b"\x17\x0d700101000001Z").map(|t| t.0), Some(1_000));
        assert_eq!(time(b"\x17\x0d491231235959Z").map(|t| t.0), Some(2_524_607_999_000));
        assert_eq!(time(b"\x18\x0f20500101000000Z").map(|t| t.0), Some(2_524_608_000_000));
        assert_eq!(time(b"\x17\x0d70010100000xZ"), None);
    }

    #[test]
    fn nothing_panics_on_cut_or_changed_bytes() {
        let mut body = vec![0x02, 0x01, 0x01, 0x30, 0x00, 0x30, 0x00, 0x30, 0x1e];
        body.extend_from_slice(b"\x17\x0d260101000000Z\x17\x0d360101000000Z");
        body.extend_from_slice(&[0x30, 0x00, 0x30, 0x03, 0x02, 0x01, 0x07]);
        let mut der = vec![0x30, body.len() as u8 + 2, 0x30, body.len() as u8];
        der.extend_from_slice(&body);
        let found = facts(&der).expect("well formed");
        assert_eq!(found.spki, [0x30, 0x03, 0x02, 0x01, 0x07]);
        assert_eq!(found.not_before_ms, 1_767_225_600_000);
        for end in 0..der.len() {
            assert_eq!(facts(&der[..end]), None, "cut at {end}");
        }
        for at in 0..der.len() {
            for mask in 1..=255_u8 {
                let mut changed = der.clone();
                changed[at] ^= mask;
                let _ = facts(&changed).map(|facts| facts.spki.len());
            }
        }
    }
}
