//! What a test needs from the machine: named when it is missing, and never missing under continuous integration.

/// Says that `what` is not tested here, and `why`. With `CI=true` nothing may be skipped.
///
/// # Panics
/// Under continuous integration.
pub(crate) fn skip(what: &str, why: &str) {
    eprintln!("SKIPPED {what}: {why}");
    assert!(
        !std::env::var("CI").is_ok_and(|v| v == "true" || v == "1"),
        "under CI nothing may be skipped: {what}: {why}"
    );
}
