//! `demo`, `test` and `bench`: build once, then hand over.

use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::phases::Phases;
use crate::tools::{
    NEEDS, cargo, duckdb_python, node_opcua, node_red, provide, python, sh, stacks_python, statistics_python, strict,
    target_dir,
};
use crate::{arm, portable, tools};

/// The members the demo, the tests and CI build, always together: another selection would choose other features for
/// shared dependencies and compile them a second time. `tests/bench` carries the engines we compare with and stays out.
pub(crate) const MEMBERS: &[&str] = &["--workspace", "--exclude", "gongzheng-bench"];

/// Builds every program of the workspace.
pub(crate) fn build_programs() -> Result<()> {
    sh(cargo().args(["build", "--locked"]).args(MEMBERS).arg("--bins"))
}

/// `cargo xtask demo`: becomes the demo program, so that Ctrl-C reaches exactly one process, which stops the others.
pub(crate) fn demo(args: &[String]) -> Result<()> {
    build_programs()?;
    let error = demo_command(args).exec();
    Err(error).context("the demo program could not be started")
}

/// The demo program, ready to start. Its check reads the bundle with the verifier in Python too, where there is one.
pub(crate) fn demo_command(args: &[String]) -> Command {
    let mut command = Command::new(target_dir().join("debug/gongzheng-demo"));
    command.args(args).current_dir(tools::root());
    if args.iter().any(|a| a == "--check") {
        command.envs(python().map(|python| ("GZ_PYTHON", python)));
    }
    command
}

/// `cargo xtask test`.
pub(crate) fn test(args: &[String]) -> Result<()> {
    let mut phases = Phases::new();
    test_phases(&mut phases, args)?;
    phases.print();
    Ok(())
}

/// The phases of `cargo xtask test`, as `cargo xtask ci` runs them too.
pub(crate) fn test_phases(phases: &mut Phases, args: &[String]) -> Result<()> {
    let mut filters: &[String] = &[];
    let mut environment: Vec<(&str, String)> = Vec::new();
    let mut rest = args;
    while let Some((first, tail)) = rest.split_first() {
        let name = match first.as_str() {
            "--seed" => "GZ_TROUBLE_SEED",
            "--seconds" => "GZ_TROUBLE_SECONDS",
            "--" => {
                filters = tail;
                break;
            }
            other => bail!("`cargo xtask test` does not know `{other}`; filters come after `--`"),
        };
        let Some((value, tail)) = tail.split_first() else { bail!("`{first}` needs a number") };
        let number: u64 = value.parse().with_context(|| format!("`{first} {value}`: not a number"))?;
        environment.push((name, number.to_string()));
        rest = tail;
    }

    phases.phase("tools for the tests", || provide(NEEDS))?;
    phases.phase("build programs", build_programs)?;
    phases.phase("build for ARM", arm::build_all)?;
    phases.phase("build the verifier for anywhere", portable::build_for_tests)?;
    // What the metrics print here, for another processor to be compared with.
    let printed = target_dir().join("printed");
    let _ = std::fs::remove_dir_all(&printed);
    std::fs::create_dir_all(&printed).with_context(|| format!("creating {}", printed.display()))?;
    phases.phase("cargo test", || {
        let mut command = cargo();
        command.args(["test", "--locked"]).args(MEMBERS).args(filters);
        command.envs(environment.iter().map(|(k, v)| (*k, v)));
        // Built a moment ago: a build inside a test would have other variables around it and compile much of it again.
        command.env("GZ_PROGRAMS", target_dir().join("debug")).env("GZ_PRINTED", &printed);
        // What decides whether work lands tries the same cases every time; a developer's own run looks further with others.
        if strict() && std::env::var_os("PROPTEST_RNG_SEED").is_none() {
            command.env("PROPTEST_RNG_SEED", "20260302");
        }
        match python() {
            Some(python) => {
                command.env("GZ_PYTHON", python);
            }
            None if strict() => bail!("no Python with cryptography and zstandard, and nothing may be skipped under CI"),
            None => {}
        }
        match statistics_python() {
            Some(python) => {
                command.env("GZ_STATISTICS_PYTHON", python);
            }
            None if strict() => {
                bail!("no Python with statsmodels, scipy, arch and eemeter, and nothing may be skipped under CI")
            }
            None => {}
        }
        match node_opcua() {
            Some(folder) => {
                command.env("GZ_NODE_OPCUA", folder);
            }
            None if strict() => bail!("no node-opcua-server from npm, and nothing may be skipped under CI"),
            None => {}
        }
        match stacks_python() {
            Some(python) => {
                command.env("GZ_STACKS_PYTHON", python);
            }
            None if strict() => bail!("no Python with pymodbus and asyncua, and nothing may be skipped under CI"),
            None => {}
        }
        sh(&mut command)
    })?;
    phases.phase("the same numbers on aarch64", || arm::same_numbers(&printed))
}

/// `cargo xtask bench`: the only command that builds with optimisation and with the engines beside ours.
pub(crate) fn bench(args: &[String]) -> Result<()> {
    // Only the agent under load is measured as a program of its own, with a server and simulators around it.
    let is_gateway = args.is_empty() || args.iter().any(|name| name == "gateway");
    let programs: &[&str] = if is_gateway { &["gongzheng-agent", "gongzheng-server", "gongzheng-sim"] } else { &[] };
    let packages = ["gongzheng-bench"].iter().chain(programs).flat_map(|p| ["--package", p]);
    sh(cargo().args(["build", "--locked", "--profile", "bench", "--bins"]).args(packages))?;
    // Cargo puts the bench profile's programs where release builds go.
    let release = target_dir().join("release");
    let mut programs = release.clone();
    if is_gateway {
        programs = programs_with_the_shipped_agent(&release)?;
    }
    let mut command = Command::new(release.join("gongzheng-bench"));
    command.args(args).env("GZ_PROGRAMS", &programs).current_dir(tools::root());
    if is_gateway {
        command.envs(node_red().map(|modules| ("GZ_NODE_RED", modules)));
    }
    if args.is_empty() || args.iter().any(|name| name == "duckdb") {
        command.envs(duckdb_python().map(|python| ("GZ_DUCKDB_PYTHON", python)));
    }
    sh(&mut command)
}

/// What a gateway has to bear is the agent as it is shipped: its pages are part of its memory. A folder with that agent
/// and the other programs.
fn programs_with_the_shipped_agent(release: &Path) -> Result<PathBuf> {
    let shipped = target_dir().join("shipped");
    let agent = ["build", "--locked", "--release", "--package", "gongzheng-agent", "--bin", "gongzheng-agent"];
    sh(cargo().args(agent).arg("--target-dir").arg(&shipped))?;
    let folder = shipped.join("bench");
    std::fs::create_dir_all(&folder)?;
    for (from, name) in [
        (shipped.join("release"), "gongzheng-agent"),
        (release.to_owned(), "gongzheng-server"),
        (release.to_owned(), "gongzheng-sim"),
    ] {
        std::fs::copy(from.join(name), folder.join(name)).with_context(|| format!("copying {name}"))?;
    }
    Ok(folder)
}
