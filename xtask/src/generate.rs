//! Generated files are checked in and checked fresh: each is the standard output of one of our programs. The pictures of
//! the documentation are made by the same command with `--pictures`; they show live data, so that no two are alike and
//! none is checked.

use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::run::{build_programs, demo_command};
use crate::tools::{BROWSER, output, provide, root, sh, target_dir};

/// File, program, arguments.
const GENERATED: &[(&str, &str, &[&str])] = &[
    ("docs/reference/openapi.json", "gongzheng-server", &["openapi"]),
    ("docs/reference/devices.md", "gongzheng-agent", &["profiles", "--markdown"]),
];

/// Takes the documentation's pictures again: starts the demo with its history, photographs its pages, ends.
pub(crate) fn pictures() -> Result<()> {
    build_programs()?;
    provide(&[BROWSER])?;
    let to = root().join("docs/images").display().to_string();
    sh(&mut demo_command(&["--pictures".to_owned(), to]))
}

/// Rewrites the generated files, or with `check` fails naming those that differ.
pub(crate) fn generate(check: bool) -> Result<()> {
    build_programs()?;
    let mut stale = Vec::new();
    for (file, program, args) in GENERATED {
        let path = root().join(file);
        let fresh = output(Command::new(target_dir().join("debug").join(program)).args(*args).env("GZ_LANG", "en"))?;
        let old = std::fs::read_to_string(&path).unwrap_or_default();
        if fresh == old {
            println!("fresh   {file}");
        } else if check {
            stale.push(*file);
        } else {
            if let Some(folder) = path.parent() {
                std::fs::create_dir_all(folder)?;
            }
            std::fs::write(&path, fresh).with_context(|| format!("writing {file}"))?;
            println!("written {file}");
        }
    }
    if stale.is_empty() {
        return Ok(());
    }
    bail!("stale: {}; run `cargo xtask generate` and commit the result", stale.join(", "))
}
