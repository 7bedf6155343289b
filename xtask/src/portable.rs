//! The verifier where nobody installs anything: one HTML page with WebAssembly inside, a Windows program, a static Linux
//! program. All in the profile `portable`, and only the verifier, so that CI pays for a minute of compiling each.

use std::path::PathBuf;
use std::process::Command;

use anyhow::Result;

use crate::arm::{Machine, add_target, targeted};
use crate::run::MEMBERS;
use crate::tools::{cargo, sh, target_dir};

const WEB: &str = "wasm32-unknown-unknown";
const WINDOWS: Machine = Machine { target: "x86_64-pc-windows-gnu", gcc: "x86_64-w64-mingw32-gcc" };
const STATIC: Machine = Machine { target: "x86_64-unknown-linux-musl", gcc: "musl-gcc" };
const BUILD: [&str; 4] = ["build", "--locked", "--profile", "portable"];

/// Where a portable program lies.
fn built(target: &str, file: &str) -> PathBuf {
    target_dir().join(target).join("portable").join(file)
}

/// The page; it needs no compiler but Rust's own.
fn page() -> Result<PathBuf> {
    add_target(WEB)?;
    sh(cargo().args(BUILD).args(["--package", "gongzheng-verify-web", "--lib", "--target", WEB]))?;
    // Selected as everything else is: see `MEMBERS`.
    sh(cargo().args(["build", "--locked"]).args(MEMBERS).args(["--bin", "gongzheng-page"]))?;
    let (program, page) = (built(WEB, "verify_web.wasm"), built(WEB, "gongzheng-verify.html"));
    sh(Command::new(target_dir().join("debug/gongzheng-page")).arg(program).arg(&page))?;
    Ok(page)
}

/// A program, if its compiler is there.
fn program(machine: &Machine, file: &str) -> Result<Option<PathBuf>> {
    if !machine.is_ready()? {
        return Ok(None);
    }
    let mut command = cargo();
    command.args(BUILD).args(["--package", "gongzheng-verify", "--bins", "--no-default-features", "--features", "cli"]);
    sh(targeted(&mut command, machine))?;
    Ok(Some(built(machine.target, file)))
}

/// What the tests run: the page and the Windows program.
pub(crate) fn build_for_tests() -> Result<()> {
    page()?;
    program(&WINDOWS, "gongzheng-verify.exe")?;
    Ok(())
}

/// Everything, with the folder below `target/dist` each belongs to.
pub(crate) fn build_all() -> Result<Vec<(&'static str, PathBuf)>> {
    let mut files = vec![("anywhere", page()?)];
    for (machine, file) in [(WINDOWS, "gongzheng-verify.exe"), (STATIC, "gongzheng-verify")] {
        files.extend(program(&machine, file)?.map(|path| (machine.target, path)));
    }
    // One that does not run here runs nowhere.
    if let Some((_, path)) = files.iter().find(|(target, _)| *target == STATIC.target) {
        sh(Command::new(path).arg("--version"))?;
    }
    Ok(files)
}
