//! A test that needs a program this machine may not have says so; under CI that is a failure, because nothing is skipped.
//!
//! Constraint: what a passing test prints with `print!` or `eprint!` is caught by the test harness and seen by nobody. What a
//! reader of `cargo xtask test` must see — what was skipped, what a long run did — goes to standard error itself, by [`say`].

use std::io::Write as _;
use std::path::PathBuf;
use std::process::Command;

/// The program, or `None` after the reason for skipping was printed.
///
/// # Panics
/// With `CI=true`, where nothing may be skipped.
pub fn program(name: &str, package: &str, what: &str) -> Option<PathBuf> {
    let found = std::env::var_os("PATH").and_then(|path| {
        std::env::split_paths(&path)
            .chain(["/usr/sbin".into(), "/usr/local/sbin".into()])
            .map(|dir| dir.join(name))
            .find(|file| file.is_file())
    });
    if found.is_none() {
        skip(what, &format!("{name} not found; install the Debian package {package}"));
    }
    found
}

/// A Python for the second reader; `cargo xtask test` names one in `GZ_PYTHON`. `None` after the reason for skipping was printed.
///
/// # Panics
/// With `CI=true`, where nothing may be skipped.
pub fn python(what: &str) -> Option<PathBuf> {
    let python = std::env::var_os("GZ_PYTHON").unwrap_or_else(|| "python3".into());
    let probe = Command::new(&python).args(["-c", "import cryptography, zstandard"]).output();
    if probe.is_ok_and(|out| out.status.success()) {
        return Some(python.into());
    }
    skip(what, "no Python with cryptography and zstandard (GZ_PYTHON names one)");
    None
}

/// Says what is skipped and why.
///
/// # Panics
/// With `CI=true`, where nothing may be skipped.
pub fn skip(what: &str, why: &str) {
    let strict = std::env::var("CI").is_ok_and(|v| v == "true" || v == "1");
    assert!(!strict, "{what}: {why} (under CI nothing may be skipped)");
    say(&format!("SKIPPED {what}: {why}"));
}

/// One line that is seen even when the test passes.
pub fn say(line: &str) {
    // Nobody to tell that nobody can be told.
    let _ = writeln!(std::io::stderr().lock(), "{line}");
}

/// True when this process runs as root (it may mount a small disk, for instance).
pub fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}
