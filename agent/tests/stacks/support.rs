//! What tests against other people's programs need: to say what they skip, and to start and stop a process.
//!
//! Constraint: under `CI=true` nothing is skipped; a missing program is a failure there.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

/// The program, or `None` after the reason for skipping was said.
///
/// # Panics
/// With `CI=true`.
pub(crate) fn program(name: &str, package: &str, what: &str) -> Option<PathBuf> {
    let found = std::env::var_os("PATH")
        .and_then(|path| std::env::split_paths(&path).map(|dir| dir.join(name)).find(|file| file.is_file()));
    if found.is_none() {
        skip(what, &format!("{name} not found; install the Debian package {package}"));
    }
    found
}

/// The Python with the other stacks in it, as `cargo xtask test` prepares it.
///
/// # Panics
/// With `CI=true`.
pub(crate) fn stacks_python(what: &str) -> Option<PathBuf> {
    let python = std::env::var_os("GZ_STACKS_PYTHON").map(PathBuf::from);
    if python.is_none() {
        skip(what, "GZ_STACKS_PYTHON is not set; `cargo xtask test` prepares and sets it");
    }
    python
}

/// Says what is skipped and why, where a reader of a passing run sees it.
///
/// # Panics
/// With `CI=true`.
pub(crate) fn skip(what: &str, why: &str) {
    let strict = std::env::var("CI").is_ok_and(|v| v == "true" || v == "1");
    assert!(!strict, "{what}: {why} (under CI nothing may be skipped)");
    // Nobody to tell that nobody can be told.
    let _ = writeln!(std::io::stderr().lock(), "SKIPPED {what}: {why}");
}

/// A process that ends with its owner.
pub(crate) struct Process(Child);

impl Process {
    /// Starts `command`.
    pub(crate) fn start(command: &mut Command) -> Self {
        Self(command.stdin(Stdio::null()).spawn().unwrap_or_else(|e| panic!("{command:?}: {e}")))
    }

    /// Starts `command` and waits until it prints a line.
    pub(crate) fn ready(command: &mut Command) -> Self {
        let mut process = Self::start(command.stdout(Stdio::piped()));
        let mut line = String::new();
        let output = process.0.stdout.take().expect("piped");
        BufReader::new(output).read_line(&mut line).expect("its output");
        assert!(!line.is_empty(), "{command:?} ended before it was ready");
        process
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A port that was free a moment ago.
pub(crate) fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("its address").port()
}
