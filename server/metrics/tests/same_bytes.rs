//! Whole reports, printed for one processor and compared byte for byte with what another printed.
//!
//! `cargo xtask test` runs this twice with one folder in `GZ_PRINTED`: built for this machine, which leaves its bytes there, then
//! for aarch64 under emulation, which must find its own. The tests of golden bytes and of vectors run under emulation as well. A plain
//! `cargo test` has one processor only and says what it skipped.

mod fixture;

use std::io::Write as _;

use fixture::{Log, World};
use metrics::{ReportRequest, evaluate};
use serde_json::json;

/// A report with a plan (bootstrap, quantiles) over a record with holes, and one of plain dates for each of two factories.
fn printed() -> Vec<u8> {
    let mut out = Vec::new();
    for (seed, simulated) in [(33, false), (34, true)] {
        let world = World::new(seed, 70, Some(35));
        let mut log = Log::new(simulated);
        log.declare("plan", json!({
            "plan": "p1", "names": {"zh": "", "en": ""}, "baseline": {"from": "2026-03-02", "to": "2026-04-05"},
            "reporting": {"from": "2026-04-06", "to": "2026-05-10"}, "machines": ["press"], "incoming": "main", "seed": 20260314 + seed,
        }));
        log.run(&world, simulated, |tag, m| !(m * 7 + tag as usize * 13).is_multiple_of(101) && m % 5_003 > 40);
        let history = log.history();
        for request in [
            ReportRequest::for_plan(log.size(), "p1"),
            ReportRequest::for_dates(log.size(), "2026-03-04", "2026-03-06", None),
        ] {
            let report = evaluate(&history, &request).unwrap();
            assert_eq!(report.comparisons.is_empty(), request.plan.is_none(), "a plan compares");
            out.extend(report.to_json().unwrap());
            out.push(b'\n');
        }
    }
    out
}

#[test]
fn reports_print_the_same_bytes_on_another_processor() {
    let found = printed();
    let Some(folder) = std::env::var_os("GZ_PRINTED") else {
        let is_strict = std::env::var("CI").is_ok_and(|v| v == "true" || v == "1");
        // Seen even when the test passes.
        let line = "SKIPPED the bytes of another processor: `cargo xtask test` prints them under emulation";
        assert!(!is_strict || cfg!(not(target_arch = "x86_64")), "{line} (under CI nothing may be skipped)");
        let _ = writeln!(std::io::stderr().lock(), "{line}");
        return;
    };
    let name = |arch: &str| std::path::Path::new(&folder).join(format!("reports-{arch}.json"));
    std::fs::write(name(std::env::consts::ARCH), &found).unwrap();
    let others = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path());
    let mut compared = 0;
    for other in others.filter(|path| *path != name(std::env::consts::ARCH)) {
        let bytes = std::fs::read(&other).unwrap();
        let first = bytes.iter().zip(&found).position(|(a, b)| a != b).unwrap_or(bytes.len().min(found.len()));
        let around =
            String::from_utf8_lossy(found.get(first.saturating_sub(80)..(first + 20).min(found.len())).unwrap_or(&[]))
                .into_owned();
        assert!(
            bytes == found,
            "{} says something else at byte {first}, where this processor says …{around}…",
            other.display()
        );
        compared += 1;
    }
    let _ = writeln!(
        std::io::stderr().lock(),
        "{}: {} bytes, compared with {compared} other processors",
        std::env::consts::ARCH,
        found.len()
    );
}
