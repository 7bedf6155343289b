//! `cargo xtask ci`: the one list of what must hold before work is handed over. Cheap phases first.

use anyhow::Result;

use crate::phases::Phases;
use crate::run::{MEMBERS, demo_command, test_phases};
use crate::tools::{cargo, sh};
use crate::{generate, licences};

/// Runs every phase; the first failure ends the run.
pub(crate) fn ci() -> Result<()> {
    let mut phases = Phases::new();
    phases.phase("format", || sh(cargo().args(["fmt", "--all", "--check"])))?;
    phases.phase("licences, bans, sources, advisories", licences::check)?;
    phases.phase("clippy", || {
        sh(cargo().args(["clippy", "--locked"]).args(MEMBERS).args(["--all-targets", "--", "-D", "warnings"]))
    })?;
    test_phases(&mut phases, &[])?;
    phases.phase("generated files fresh", || generate::generate(true))?;
    phases.phase("demo --check", || sh(&mut demo_command(&["--check".to_owned()])))?;
    phases.print();
    Ok(())
}
