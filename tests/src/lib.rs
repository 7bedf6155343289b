//! What the workspace's end-to-end tests and the demo share: real programs as child processes, a network that can be cut,
//! seeded trouble, and the comparison of what the simulators served with what the server holds.
//!
//! Constraints: nothing here is mocked; every process, port and folder belongs to one run and is gone after it; every wait
//! has a deadline and names what it waited for; every random choice comes from a printed seed.

pub mod broker;
pub mod browser;
pub mod checkers;
pub mod clock;
pub mod compare;
pub mod corpus;
pub mod evidence;
pub mod need;
pub mod pictures;
pub mod programs;
pub mod proxy;
pub mod repo;
pub mod seed;
pub mod seeded;
pub mod shown;
pub mod stack;
pub mod tamper;
pub mod trouble;
pub mod truth;
pub mod visitor;
pub mod wait;
pub mod workshop;

/// The bundle's path in what `gongzheng-server report` printed.
///
/// # Errors
/// When it printed none, or the file does not exist.
pub fn bundle_of(printed: &str) -> anyhow::Result<std::path::PathBuf> {
    let path = printed.lines().map(str::trim).rfind(|l| !l.is_empty()).map(std::path::PathBuf::from);
    match path {
        Some(path) if path.is_file() => Ok(path),
        _ => anyhow::bail!("the server named no bundle: {printed}"),
    }
}
