//! Our programs as child processes: built, found, started with their output in a file, stopped or killed, never left over.

use std::fs::File;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::{need, repo, wait};

/// The path of one of our programs. The first call of a process builds them all, with the same selection of members as
/// `cargo test` does, so that an up-to-date build costs a second.
///
/// # Panics
/// When the build fails or the program does not exist.
pub fn path(name: &str) -> PathBuf {
    static BUILT: OnceLock<()> = OnceLock::new();
    BUILT.get_or_init(|| {
        if std::env::var_os("GZ_PROGRAMS").is_some() {
            return;
        }
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let mut build = Command::new(cargo);
        build
            .args(["build", "--quiet", "--locked", "--workspace", "--exclude", "gongzheng-bench", "--bins"])
            .current_dir(repo::root());
        // What cargo tells a test about its own package would make build scripts that look at it (ring's) run again, and
        // everything above them be compiled again: minutes, at every change between the two.
        for (name, _) in std::env::vars_os() {
            let text = name.to_string_lossy();
            if text.starts_with("CARGO_PKG_") || text.starts_with("CARGO_MANIFEST_") {
                build.env_remove(&name);
            }
        }
        let status = build.status();
        assert!(status.is_ok_and(|s| s.success()), "building the programs failed");
    });
    let path = repo::program_dir().join(name);
    assert!(path.is_file(), "{} does not exist: run `cargo build --workspace --bins`", path.display());
    path
}

/// The verifier as it is built for elsewhere, by `cargo xtask test` alone; `None` after the reason for skipping was printed
/// (see [`need`]).
pub fn portable(target: &str, file: &str, what: &str) -> Option<PathBuf> {
    let path = repo::program_dir().with_file_name(target).join("portable").join(file);
    if path.is_file() {
        return Some(path);
    }
    need::skip(what, "not built; `cargo xtask test` builds it");
    None
}

/// The page that verifies, see [`portable`].
pub fn verifying_page(what: &str) -> Option<PathBuf> {
    portable("wasm32-unknown-unknown", "gongzheng-verify.html", what)
}

/// A running program. Dropping it kills it: no test leaves a process behind.
#[derive(Debug)]
pub struct Running {
    name: String,
    child: Child,
    log: PathBuf,
}

impl Running {
    /// Starts a command with its output appended to `<folder>/<name>.log`.
    ///
    /// The child gets a process group of its own, so that Ctrl-C at a terminal reaches only us and we stop the others in
    /// order; and where `setpriv` exists the kernel kills the child when we die without a chance to clean up.
    ///
    /// # Errors
    /// When the log cannot be written or the program not started.
    pub fn start(name: &str, command: &Command, folder: &Path) -> Result<Self> {
        let log = folder.join(format!("{name}.log"));
        let out = File::options().create(true).append(true).open(&log).with_context(|| log.display().to_string())?;
        let mut command = with_parent(command);
        command.stdin(Stdio::null()).stdout(out.try_clone()?).stderr(out).process_group(0);
        let child = command.spawn().with_context(|| format!("starting {name}"))?;
        Ok(Self { name: name.to_owned(), child, log })
    }

    /// Process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// What it printed so far.
    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// The last lines it printed, for an error message.
    pub fn tail(&self) -> String {
        let log = self.log();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(25)..].join("\n")
    }

    /// Fails when the program has ended by itself.
    ///
    /// # Errors
    /// With its exit status and last lines.
    pub fn check(&mut self) -> Result<()> {
        match self.child.try_wait()? {
            None => Ok(()),
            Some(status) => bail!("{} ended by itself ({status}):\n{}", self.name, self.tail()),
        }
    }

    /// `Some(true)` after it ended well, `Some(false)` after it ended badly, `None` while it runs.
    ///
    /// # Errors
    /// When the operating system cannot tell.
    pub fn ended(&mut self) -> Result<Option<bool>> {
        Ok(self.child.try_wait()?.map(|status| status.success()))
    }

    /// SIGKILL: no chance to say anything.
    ///
    /// # Errors
    /// When the process cannot be killed.
    pub fn kill(mut self) -> Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// SIGTERM, and SIGKILL after the limit; says whether it ended in time with exit code 0.
    ///
    /// # Errors
    /// When the signal cannot be sent, or the program did not end cleanly in time.
    pub fn stop(mut self, limit: Duration) -> Result<()> {
        self.check()?;
        let id = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(id, rustix::process::Signal::TERM)?;
        let child = &mut self.child;
        let status = wait::until("a clean stop", limit, || Ok(child.try_wait()?));
        match status {
            Ok(status) if status.success() || status.signal() == Some(15) => Ok(()),
            Ok(status) => bail!("{} ended with {status} after SIGTERM:\n{}", self.name, self.tail()),
            Err(e) => {
                self.child.kill()?;
                self.child.wait()?;
                Err(e.context(format!("{} did not stop:\n{}", self.name, self.tail())))
            }
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The same command under `setpriv --pdeathsig KILL`, where that exists.
fn with_parent(command: &Command) -> Command {
    let setpriv = Path::new("/usr/bin/setpriv");
    let mut wrapped = if setpriv.is_file() {
        let mut wrapped = Command::new(setpriv);
        wrapped.args(["--pdeathsig", "KILL", "--"]).arg(command.get_program());
        wrapped
    } else {
        Command::new(command.get_program())
    };
    wrapped.args(command.get_args());
    for (key, value) in command.get_envs() {
        match value {
            Some(value) => wrapped.env(key, value),
            None => wrapped.env_remove(key),
        };
    }
    if let Some(dir) = command.get_current_dir() {
        wrapped.current_dir(dir);
    }
    wrapped
}

/// Standard output of a program that must succeed within the limit.
///
/// # Errors
/// When it cannot be started, does not end in time, or ends with another exit code than 0; with both outputs.
pub fn output(command: &mut Command, limit: Duration) -> Result<String> {
    let (code, out, err) = finish(command, limit)?;
    if code == Some(0) {
        return Ok(out);
    }
    bail!("{command:?} ended with {code:?}\n{out}\n{err}")
}

/// Exit code and both outputs of a program that must end within the limit.
///
/// # Errors
/// When it cannot be started or does not end in time.
pub fn finish(command: &mut Command, limit: Duration) -> Result<(Option<i32>, String, String)> {
    let folder = tempfile::tempdir()?;
    let (out, err) = (folder.path().join("out"), folder.path().join("err"));
    command.stdin(Stdio::null()).stdout(File::create(&out)?).stderr(File::create(&err)?);
    let mut child = command.spawn().with_context(|| format!("starting {command:?}"))?;
    let status = wait::until(&format!("the end of {command:?}"), limit, || Ok(child.try_wait()?));
    if status.is_err() {
        child.kill()?;
        child.wait()?;
    }
    let read = |path: &Path| String::from_utf8_lossy(&std::fs::read(path).unwrap_or_default()).into_owned();
    let (out, err) = (read(&out), read(&err));
    let status = status.with_context(|| format!("{out}\n{err}"))?;
    Ok((status.code(), out, err))
}
