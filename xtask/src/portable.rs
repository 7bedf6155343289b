//! The verifier where nobody installs anything: one HTML page with WebAssembly inside, a Windows program, a static Linux
//! program. All in the profile `portable`, and only the verifier, so that CI pays for a minute of compiling each.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Result, bail};

use crate::arm::add_target;
use crate::run::MEMBERS;
use crate::tools::{cargo, sh, strict, target_dir, which};

/// A Rust target with the C compiler that links for it.
struct Target {
    name: &'static str,
    gcc: &'static str,
    file: &'static str,
}

const WINDOWS: Target =
    Target { name: "x86_64-pc-windows-gnu", gcc: "x86_64-w64-mingw32-gcc", file: "gongzheng-verify.exe" };
const STATIC: Target = Target { name: "x86_64-unknown-linux-musl", gcc: "musl-gcc", file: "gongzheng-verify" };

/// Where a portable program lies.
fn built(target: &str, file: &str) -> PathBuf {
    target_dir().join(target).join("portable").join(file)
}

/// The page; it needs no compiler but Rust's own.
fn page() -> Result<PathBuf> {
    const TARGET: &str = "wasm32-unknown-unknown";
    add_target(TARGET)?;
    let build = ["build", "--locked", "--profile", "portable", "--package", "gongzheng-verify-web"];
    sh(cargo().args(build).args(["--lib", "--target", TARGET]))?;
    let to = built(TARGET, "gongzheng-verify.html");
    // Selected as everything else is: see `MEMBERS`.
    sh(cargo().args(["build", "--locked"]).args(MEMBERS).args(["--bin", "gongzheng-page"]))?;
    let program = built(TARGET, "verify_web.wasm");
    sh(Command::new(target_dir().join("debug/gongzheng-page")).arg(program).arg(&to))?;
    Ok(to)
}

/// A program, unless its compiler is missing, which is said.
fn program(target: &Target) -> Result<Option<PathBuf>> {
    if which(target.gcc).is_none() {
        if strict() {
            bail!("{} is missing and nothing may be skipped under CI", target.gcc);
        }
        println!("SKIPPED {}: {} not found", target.name, target.gcc);
        return Ok(None);
    }
    add_target(target.name)?;
    let upper = target.name.to_uppercase().replace('-', "_");
    let build = ["build", "--locked", "--profile", "portable", "--package", "gongzheng-verify", "--bins"];
    let mut command = cargo();
    command.args(build).args(["--no-default-features", "--features", "cli", "--target", target.name]);
    command.env(format!("CARGO_TARGET_{upper}_LINKER"), target.gcc);
    command.env(format!("CC_{}", target.name.replace('-', "_")), target.gcc);
    sh(&mut command)?;
    Ok(Some(built(target.name, target.file)))
}

/// What the tests run: the page and the Windows program.
pub(crate) fn build_for_tests() -> Result<()> {
    page()?;
    program(&WINDOWS)?;
    Ok(())
}

/// Everything, with the folder below `target/dist` each belongs to.
pub(crate) fn build_all() -> Result<Vec<(&'static str, PathBuf)>> {
    let mut files = vec![("anywhere", page()?)];
    for target in [&WINDOWS, &STATIC] {
        files.extend(program(target)?.map(|file| (target.name, file)));
    }
    Ok(files)
}
