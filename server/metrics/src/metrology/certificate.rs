//! Whether an instrument was under a valid certificate, day by day.
//!
//! Constraints
//! 1. A certificate holds from the local day of issue to the local day `valid_until`, both included.
//! 2. What is asked of the meter is asked always: without any certificate that is a finding. Of a transformer only a certificate
//!    that was stated is judged, because low-voltage transformers often have none of their own.
//! 3. Time that no certificate covers is `not yet issued` before the first, else `expired`; the finding names the certificate next
//!    to it and exactly the stretch of the window.

use crate::calendar::{local_days, parse_date};
use crate::interval::{Interval, subtract, union};
use crate::metrology::{Certificate, Detail, Device, Finding, Found, Meter};
use crate::statements::Stated;

/// When a certificate holds, in a zone.
pub fn validity(certificate: &Certificate, zone: &str) -> Option<Interval> {
    local_days(zone, parse_date(&certificate.issued)?, parse_date(&certificate.valid_until)?)
}

/// Judges the certificates of a statement over the part of a window in which it is in force.
pub fn check(stated: &Stated<Meter>, window: Interval, zone: &str) -> Vec<Found> {
    let mut out = Vec::new();
    for device in [Device::Meter, Device::Ct, Device::Pt] {
        let mut held: Vec<(Interval, &Certificate)> = stated
            .body
            .certificates
            .iter()
            .filter(|c| c.of == device)
            .filter_map(|c| Some((validity(c, zone)?, c)))
            .collect();
        held.sort_by_key(|(interval, _)| *interval);
        if held.is_empty() {
            if device == Device::Meter && !window.is_empty() {
                out.push(found(Finding::CertificateMissing, stated, window, Detail::None));
            }
            continue;
        }
        let covered = union(held.iter().map(|(interval, _)| *interval).collect());
        for bare in subtract(window, &covered) {
            // The one that ended last before the stretch, else the first that begins after it.
            let before = held.iter().filter(|(i, _)| i.to_ms <= bare.from_ms).max_by_key(|(i, _)| i.to_ms);
            let (finding, near) = match before {
                Some((_, certificate)) => (Finding::CertificateExpired, Some(*certificate)),
                None => (Finding::CertificateNotYetIssued, held.first().map(|(_, c)| *c)),
            };
            out.push(found(finding, stated, bare, near.map_or(Detail::None, detail)));
        }
    }
    out
}

fn found(finding: Finding, stated: &Stated<Meter>, span: Interval, detail: Detail) -> Found {
    Found { finding, machine: stated.body.machine.clone(), span, leaf: Some(stated.leaf), detail }
}

fn detail(certificate: &Certificate) -> Detail {
    Detail::Certificate {
        of: certificate.of,
        kind: certificate.kind,
        number: certificate.number.clone(),
        issued: certificate.issued.clone(),
        valid_until: certificate.valid_until.clone(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const ZONE: &str = "Asia/Shanghai";

    fn stated(certificates: serde_json::Value) -> Stated<Meter> {
        let body = serde_json::from_value(
            json!({"machine": "main", "register": "primary", "class": "1", "certificates": certificates}),
        )
        .unwrap();
        Stated { leaf: 7, received_ms: 0, effective_from: 0, body }
    }

    fn day(from: &str, to: &str) -> Interval {
        local_days(ZONE, parse_date(from).unwrap(), parse_date(to).unwrap()).unwrap()
    }

    fn certificate(number: &str, of: &str, issued: &str, until: &str) -> serde_json::Value {
        json!({"of": of, "kind": "calibration", "number": number, "issued": issued, "valid_until": until})
    }

    #[test]
    fn the_last_day_is_included_and_the_next_is_not() {
        let s = stated(json!([certificate("1", "meter", "2025-01-01", "2026-03-10")]));
        assert_eq!(check(&s, day("2025-01-01", "2026-03-10"), ZONE), []);
        let found = check(&s, day("2026-03-01", "2026-03-12"), ZONE);
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].finding, found[0].leaf), (Finding::CertificateExpired, Some(7)));
        assert_eq!(found[0].span, day("2026-03-11", "2026-03-12"));
        let early = check(&s, day("2024-12-31", "2025-01-02"), ZONE);
        assert_eq!(
            (early[0].finding, early[0].span),
            (Finding::CertificateNotYetIssued, day("2024-12-31", "2024-12-31"))
        );
    }

    #[test]
    fn a_gap_between_two_certificates_is_expired_time() {
        let s = stated(json!([
            certificate("new", "meter", "2026-03-20", "2027-03-19"),
            certificate("old", "meter", "2025-03-01", "2026-03-10")
        ]));
        let found = check(&s, day("2026-03-01", "2026-03-31"), ZONE);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].span, day("2026-03-11", "2026-03-19"));
        assert!(matches!(&found[0].detail, Detail::Certificate { number, .. } if number == "old"));
    }

    #[test]
    fn a_meter_needs_one_and_a_transformer_is_judged_by_what_is_stated() {
        let window = day("2026-03-01", "2026-03-31");
        let nothing = check(&stated(json!([])), window, ZONE);
        assert_eq!(nothing.iter().map(|f| f.finding).collect::<Vec<_>>(), [Finding::CertificateMissing]);
        let only_ct = check(&stated(json!([certificate("c", "ct", "2020-01-01", "2026-03-15")])), window, ZONE);
        assert_eq!(
            only_ct.iter().map(|f| f.finding).collect::<Vec<_>>(),
            [Finding::CertificateMissing, Finding::CertificateExpired]
        );
        assert_eq!(only_ct[1].span, day("2026-03-16", "2026-03-31"));
    }
}
