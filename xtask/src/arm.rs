//! The agent and the verifier for the gateways' processors. Built in the dev profile into the same target directory; the
//! test `tests/tests/arm.rs` finds them there and runs them under emulation. And the metrics: what they print on another processor
//! is compared byte for byte with what they print here.

use std::path::Path;
use std::process::Command;

use anyhow::{Result, bail, ensure};

use crate::tools::{cargo, output, sh, strict, which};

/// Another machine than this one: Rust target and the C compiler for it.
pub(crate) struct Machine {
    pub(crate) target: &'static str,
    pub(crate) gcc: &'static str,
}

/// The two processors gateways have.
pub(crate) const ARMS: &[Machine] = &[
    Machine { target: "aarch64-unknown-linux-gnu", gcc: "aarch64-linux-gnu-gcc" },
    Machine { target: "armv7-unknown-linux-gnueabihf", gcc: "arm-linux-gnueabihf-gcc" },
];

/// `cargo build` for one processor, linker and C compiler set.
///
/// aarch64 is linked statically: under user-mode emulation a dynamically linked aarch64 program hangs in its first thread.
pub(crate) fn build(arm: &Machine, extra: &[&str]) -> Result<()> {
    let mut command = cargo();
    command
        .args(["build", "--locked", "--package", "gongzheng-agent", "--package", "gongzheng-verify", "--bins"])
        .args(extra);
    sh(targeted(&mut command, arm))
}

pub(crate) fn targeted<'c>(command: &'c mut Command, arm: &Machine) -> &'c mut Command {
    let upper = arm.target.to_uppercase().replace('-', "_");
    command.args(["--target", arm.target]).env(format!("CC_{}", arm.target.replace('-', "_")), arm.gcc);
    // For musl Rust brings what is linked; musl-gcc would make a program that asks for a loader nobody has.
    if !arm.target.ends_with("musl") {
        command.env(format!("CARGO_TARGET_{upper}_LINKER"), arm.gcc);
    }
    if arm.target.starts_with("aarch64") {
        command.env(format!("CARGO_TARGET_{upper}_RUSTFLAGS"), "-C target-feature=+crt-static");
    }
    command
}

/// Tests of the metrics that hold printed digits: whole reports, golden bytes, every vector of the reference.
const PRINTING: &[&str] = &["same_bytes", "golden", "truth", "statistics", "vectors_kpi", "vectors_before_after"];

/// Runs them for aarch64 under emulation. `printed` is the folder in which the same tests left this machine's bytes.
pub(crate) fn same_numbers(printed: &Path) -> Result<()> {
    let emulator = "qemu-aarch64-static";
    let Some(arm) = ARMS.iter().find(|arm| arm.target.starts_with("aarch64")) else {
        bail!("no aarch64 among the targets")
    };
    if let Some(missing) = [arm.gcc, emulator].into_iter().find(|program| which(program).is_none()) {
        ensure!(!strict(), "{missing} is missing and nothing may be skipped under CI");
        println!("SKIPPED the numbers of aarch64: {missing} not found");
        return Ok(());
    }
    if std::fs::read_dir(printed)?.next().is_none() {
        println!("SKIPPED the numbers of aarch64: the tests chosen printed none here to compare them with");
        return Ok(());
    }
    let mut command = cargo();
    command.args(["test", "--locked", "--package", "gongzheng-metrics"]);
    command.args(PRINTING.iter().flat_map(|name| ["--test", name]));
    command.env("CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUNNER", emulator).env("GZ_PRINTED", printed);
    sh(targeted(&mut command, arm))
}

/// Builds for every processor whose compiler is there.
pub(crate) fn build_all() -> Result<()> {
    for arm in ARMS {
        if arm.is_ready()? {
            build(arm, &[])?;
        }
    }
    Ok(())
}

impl Machine {
    /// Whether we can build for it; says what is skipped otherwise.
    pub(crate) fn is_ready(&self) -> Result<bool> {
        if which(self.gcc).is_none() {
            ensure!(!strict(), "{} is missing and nothing may be skipped under CI", self.gcc);
            println!("SKIPPED {}: {} not found", self.target, self.gcc);
            return Ok(false);
        }
        add_target(self.target)?;
        Ok(true)
    }
}

/// The standard library for the target, through rustup when the toolchain is rustup's.
pub(crate) fn add_target(target: &str) -> Result<()> {
    if which("rustup").is_none() {
        println!("rustup not found: assuming the standard library for {target} is installed");
        return Ok(());
    }
    let have = output(Command::new("rustup").args(["target", "list", "--installed"]))?;
    if have.lines().any(|line| line.trim() == target) {
        return Ok(());
    }
    sh(Command::new("rustup").args(["target", "add", target]))
}
