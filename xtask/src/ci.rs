//! `cargo xtask ci`: the one list of what must hold before work is handed over. Cheap phases first.

use anyhow::Result;

use crate::phases::Phases;
use crate::run::{demo_command, test_phases};
use crate::tools::{cargo, root, sh, target_dir};
use crate::{generate, licences};

/// Runs every phase; the first failure ends the run.
pub(crate) fn ci() -> Result<()> {
    let mut phases = Phases::new();
    phases.phase("format", || sh(cargo().args(["fmt", "--all", "--check"])))?;
    phases.phase("licences, bans, sources, advisories", licences::check)?;
    phases.phase("clippy", || {
        // The benchmarks too: nothing else here would notice that they no longer compile.
        sh(cargo().args(["clippy", "--locked", "--workspace", "--all-targets", "--", "-D", "warnings"]))
    })?;
    phases.phase("fuzz targets compile", || {
        let fuzz = root().join("tests/fuzz/Cargo.toml");
        sh(cargo()
            .args(["check", "--locked", "--manifest-path"])
            .arg(fuzz)
            .arg("--target-dir")
            .arg(target_dir().join("fuzz")))
    })?;
    test_phases(&mut phases, &[])?;
    phases.phase("generated files fresh", || generate::generate(true))?;
    phases.phase("demo --check", || sh(&mut demo_command(&["--check".to_owned()])))?;
    phases.print();
    Ok(())
}
