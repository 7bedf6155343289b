//! The one script of this workspace, so that there is no drawer of shell files to keep in step.
//!
//! Constraints: it needs nothing but the Rust toolchain and Debian's build-essential; what a step needs beyond that it
//! installs itself by Debian package name when it may (root, apt-get present) and otherwise says what it skipped and
//! why. Under continuous integration (`CI=true`) skipping is an error. One target directory, one profile (`dev`), one
//! feature selection for everything, so that nothing is compiled twice.

mod arm;
mod ci;
mod dist;
mod generate;
mod licences;
mod phases;
mod portable;
mod run;
mod tools;

use anyhow::{Result, bail};

const USAGE: &str = "\
cargo xtask <command>

  demo [--check] [...]   build, start simulators, agent and server, seed half a year, print one address and a login;
                         with --check: unattended, issues a bundle, verifies it, tampers with it, exits 0 or says why
  test [--seed N] [--seconds N] [-- FILTER...]
                         everything the README promises, including trouble tests and the ARM agent under emulation
  ci                     format, clippy, generated files, dependency rules, tests, demo --check; prints the time of each
  bench [NAME...]        the benchmarks; writes docs/reference/benchmarks.md
  generate [--check | --pictures]
                         rewrite the generated files, or fail when they are stale; or take the documentation's pictures
                         of the pages again (Chromium over the demo's data)
  rules                  only the licences, bans, sources and advisories
  dist                   small release binaries for x86_64, aarch64 and armv7 under target/dist, and the verifier as a page,
                         for Windows and as a static program
";

fn main() -> Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let rest = args.get(1..).unwrap_or_default();
    match args.first().map(String::as_str) {
        Some("demo") => run::demo(rest),
        Some("test") => run::test(rest),
        Some("ci") => ci::ci(),
        Some("bench") => run::bench(rest),
        Some("generate") if rest.iter().any(|a| a == "--pictures") => generate::pictures(),
        Some("generate") => generate::generate(rest.iter().any(|a| a == "--check")),
        Some("rules") => licences::check(),
        Some("dist") => dist::dist(),
        Some("--help" | "-h" | "help") => {
            print!("{USAGE}");
            Ok(())
        }
        Some(other) => bail!("unknown command `{other}`\n\n{USAGE}"),
        None => bail!("which command?\n\n{USAGE}"),
    }
}
