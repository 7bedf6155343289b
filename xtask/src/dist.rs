//! Small, stripped release binaries, one folder per processor. Slow (full link-time optimisation): not part of CI.

use anyhow::{Context, Result, ensure};

use crate::arm::{ARMS, add_target, build};
use crate::portable;
use crate::tools::{cargo, provide, root, sh, target_dir};

/// Largest agent for aarch64, bytes (docs/decisions/016).
const AGENT_BYTES_MAX: u64 = 9_000_000;

/// Builds agent and verifier for every processor, and everything for this one, into `target/dist/<target>/`; beside every agent lies the
/// unit that starts it.
pub(crate) fn dist() -> Result<()> {
    provide(crate::tools::NEEDS.get(2..4).unwrap_or_default())?;
    provide(crate::tools::PORTABLE)?;
    sh(cargo().args(["build", "--locked", "--release", "--bins"]).args([
        "--package",
        "gongzheng-agent",
        "--package",
        "gongzheng-server",
        "--package",
        "gongzheng-verify",
    ]))?;
    let target = target_dir();
    copy(&target.join("release"), &target.join("dist/x86_64-unknown-linux-gnu"), &["agent", "server", "verify"])?;
    for arm in ARMS {
        add_target(arm.target)?;
        build(arm, &["--release"])?;
        copy(&target.join(arm.target).join("release"), &target.join("dist").join(arm.target), &["agent", "verify"])?;
    }
    for (folder, file) in portable::build_all()? {
        let to = target.join("dist").join(folder);
        std::fs::create_dir_all(&to)?;
        let to = to.join(file.file_name().unwrap_or_default());
        let bytes = std::fs::copy(&file, &to).with_context(|| format!("copying {}", file.display()))?;
        println!("{bytes:>12} bytes  {}", to.display());
    }
    Ok(())
}

fn copy(from: &std::path::Path, to: &std::path::Path, names: &[&str]) -> Result<()> {
    std::fs::create_dir_all(to)?;
    for name in names {
        let file = format!("gongzheng-{name}");
        let bytes = std::fs::copy(from.join(&file), to.join(&file)).with_context(|| format!("copying {file}"))?;
        println!("{:>12} bytes  {}", bytes, to.join(&file).display());
        let is_bounded = to.ends_with("aarch64-unknown-linux-gnu") && *name == "agent";
        ensure!(!is_bounded || bytes <= AGENT_BYTES_MAX, "the agent has more than {AGENT_BYTES_MAX} bytes");
    }
    let unit = "gongzheng-agent.service";
    std::fs::copy(root().join("configs/systemd").join(unit), to.join(unit))
        .with_context(|| format!("copying {unit}"))?;
    Ok(())
}
