//! The list, the measured rates and keys.

use std::collections::BTreeSet;

use super::*;

#[test]
fn every_detector_is_described_in_both_languages_and_has_a_measured_rate() {
    let chinese = |t: &str| t.chars().any(|c| ('\u{4e00}'..='\u{9fff}').contains(&c));
    let mut ids = BTreeSet::new();
    for d in LIST {
        assert!(ids.insert(d.id), "{} twice", d.id);
        for [zh, en] in [d.names, d.compares, d.minimum, d.on_site] {
            assert!(chinese(zh) && !chinese(en) && !en.is_empty(), "{}: {zh} {en}", d.id);
            // A finding asks; it never says what somebody did.
            for word in ["伪造", "造假", "作弊", "欺", "篡改", "fraud", "fake", "cheat", "manipulat", "forg", "tamper"]
            {
                assert!(!zh.contains(word) && !en.to_lowercase().contains(word), "{}: {word}", d.id);
            }
        }
        assert!(!d.parameters.is_empty() && !d.rule.is_empty(), "{}", d.id);
        let names: BTreeSet<&str> = d.parameters.iter().map(|p| p.name).collect();
        assert_eq!(names.len(), d.parameters.len(), "{}: a parameter twice", d.id);
        let rate = honest::rate(d.id).unwrap_or_else(|| panic!("no measured rate of {}", d.id));
        let (low, high) = rate.interval().unwrap();
        assert!(low <= high && high < 0.2, "{}: {low} to {high}", d.id);
        assert_eq!(detector(d.id).map(|d| d.id), Some(d.id));
        assert!(crate::catalogue::explain(d.id).is_some(), "{} is not in the catalogue", d.id);
    }
    let measured = honest::measured().unwrap();
    assert_eq!(measured.rates.len(), LIST.len(), "a rate of a detector that does not exist");
    assert!(chinese(&measured.simulation.zh) && !measured.simulation.en.is_empty());
}

#[test]
fn keys_are_stable() {
    // printf 'gongzheng finding\ncredibility.frozen_value@1\npress\n1772409600000\n' | sha256sum
    let known = "997a7e818060bd7f418c193fbdba9eaa046621f36d652903075febef6d2d6141";
    assert_eq!(key("credibility.frozen_value@1", "press", 1_772_409_600_000), known);
    assert_ne!(key("credibility.frozen_value@2", "press", 1_772_409_600_000), known);
}
