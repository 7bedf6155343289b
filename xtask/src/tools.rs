//! What a step needs from the machine beyond Rust: looked for, installed by Debian package name when that is allowed,
//! and named in plain words when it is missing.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Result, bail};

/// One need of the tests: a program to look for, and the Debian packages that bring it.
pub(crate) struct Need {
    /// What the tests cannot do without it.
    pub(crate) what: &'static str,
    /// A program on PATH (or an absolute path) whose presence shows that the packages are there.
    pub(crate) probe: &'static str,
    /// Debian package names.
    pub(crate) packages: &'static [&'static str],
}

/// A browser to look at pages with, and letters for both languages.
pub(crate) const BROWSER: Need = Need {
    what: "pages in a real browser",
    probe: "chromium",
    packages: &["chromium", "chromium-driver", "fonts-noto-cjk"],
};

const WINDOWS: Need =
    Need { what: "the verifier for Windows", probe: "x86_64-w64-mingw32-gcc", packages: &["gcc-mingw-w64-x86-64"] };

/// Compilers for the verifier that runs anywhere.
pub(crate) const PORTABLE: &[Need] =
    &[WINDOWS, Need { what: "the static verifier", probe: "musl-gcc", packages: &["musl-tools"] }];

/// Everything `cargo xtask test` wants on the machine.
pub(crate) const NEEDS: &[Need] = &[
    Need { what: "an external MQTT broker", probe: "mosquitto", packages: &["mosquitto"] },
    BROWSER,
    Need {
        what: "aarch64 cross build",
        probe: "aarch64-linux-gnu-gcc",
        packages: &["gcc-aarch64-linux-gnu", "libc6-dev-arm64-cross"],
    },
    Need {
        what: "armv7 cross build",
        probe: "arm-linux-gnueabihf-gcc",
        packages: &["gcc-arm-linux-gnueabihf", "libc6-dev-armhf-cross"],
    },
    Need { what: "ARM emulation", probe: "qemu-aarch64-static", packages: &["qemu-user-static"] },
    Need {
        what: "the second reader in Python",
        probe: "python3",
        packages: &["python3", "python3-venv", "python3-cryptography"],
    },
    Need { what: "OPC UA against node-opcua", probe: "node", packages: &["nodejs"] },
    Need { what: "OPC UA against node-opcua", probe: "npm", packages: &["npm"] },
    Need { what: "our Modbus simulators read by mbpoll", probe: "mbpoll", packages: &["mbpoll"] },
    Need {
        what: "Modbus against libmodbus",
        probe: "/usr/include/modbus/modbus.h",
        packages: &["libmodbus-dev", "gcc", "libc6-dev"],
    },
    WINDOWS,
    Need { what: "the verifier for Windows, run", probe: "wine", packages: &["wine", "wine64"] },
    Need { what: "weeks that pass between two days of a walk", probe: "faketime", packages: &["faketime"] },
    Need { what: "Modbus RTU against other stacks", probe: "socat", packages: &["socat"] },
];

/// True under continuous integration, where nothing may be skipped.
pub(crate) fn strict() -> bool {
    std::env::var("CI").is_ok_and(|v| v == "true" || v == "1")
}

/// Where the build goes: CARGO_TARGET_DIR, or `target` beside the workspace.
pub(crate) fn target_dir() -> PathBuf {
    match std::env::var_os("CARGO_TARGET_DIR") {
        Some(dir) => PathBuf::from(dir),
        None => root().join("target"),
    }
}

/// The workspace folder.
pub(crate) fn root() -> PathBuf {
    let here = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    here.parent().map(PathBuf::from).unwrap_or(here)
}

/// The program's full path, if it is on PATH or is itself an existing path.
pub(crate) fn which(program: &str) -> Option<PathBuf> {
    if program.contains('/') {
        return PathBuf::from(program).exists().then(|| PathBuf::from(program));
    }
    std::env::split_paths(&std::env::var_os("PATH")?)
        .chain(["/usr/sbin".into(), "/usr/local/sbin".into()])
        .map(|dir| dir.join(program))
        .find(|path| path.is_file())
}

/// Runs a command with its output shown; an exit code other than 0 is an error that names the command.
pub(crate) fn sh(command: &mut Command) -> Result<()> {
    println!("$ {}", show(command));
    let status = command.stdin(Stdio::null()).status();
    match status {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => bail!("`{}` ended with {status}", show(command)),
        Err(e) => bail!("`{}` could not be started: {e}", show(command)),
    }
}

/// Standard output of a command that must succeed.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    let out = command.stdin(Stdio::null()).stderr(Stdio::inherit()).output();
    match out {
        Ok(out) if out.status.success() => Ok(String::from_utf8_lossy(&out.stdout).into_owned()),
        Ok(out) => bail!("`{}` ended with {}", show(command), out.status),
        Err(e) => bail!("`{}` could not be started: {e}", show(command)),
    }
}

/// `cargo` of the toolchain that runs us, in the workspace folder.
pub(crate) fn cargo() -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root());
    // `cargo xtask` says which package xtask is; build scripts that look at it (ring's) would run again, and everything
    // above them would be compiled again.
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("CARGO_PKG_") || text.starts_with("CARGO_MANIFEST_") {
            command.env_remove(&name);
        }
    }
    command
}

fn show(command: &Command) -> String {
    let mut words = vec![command.get_program().to_string_lossy().into_owned()];
    words.extend(command.get_args().map(|a| a.to_string_lossy().into_owned()));
    words.join(" ")
}

/// Installs what is missing when that is possible; says what stays missing and what is skipped for it.
/// With `CI=true` something missing is an error.
pub(crate) fn provide(needs: &[Need]) -> Result<()> {
    let missing = |needs: &[Need]| -> Vec<usize> { (0..needs.len()).filter(|&i| !installed(&needs[i])).collect() };
    let wanted = missing(needs);
    if !wanted.is_empty() && may_install() {
        let packages: Vec<&str> = wanted.iter().flat_map(|&i| needs[i].packages.iter().copied()).collect();
        println!("installing: {}", packages.join(" "));
        // Update first and alone: an update beside an install deletes the packages the install fetched.
        let updated = sh(apt().arg("update").arg("-q"));
        let done =
            updated.and_then(|()| sh(apt().args(["install", "-y", "-q", "--no-install-recommends"]).args(&packages)));
        if let Err(e) = done {
            println!("apt-get did not install everything: {e}");
        }
        // Debian starts a packaged broker at once; the tests start their own on a free port.
        if packages.contains(&"mosquitto") && which("systemctl").is_some() {
            let _ = Command::new("systemctl").args(["disable", "--now", "mosquitto"]).output();
        }
    }
    let left = missing(needs);
    for &i in &left {
        let need = &needs[i];
        println!("SKIPPED {}: {} not found; install {}", need.what, need.probe, need.packages.join(" "));
    }
    if strict() && !left.is_empty() {
        bail!("under CI nothing may be skipped, and {} needs are missing", left.len());
    }
    Ok(())
}

fn installed(need: &Need) -> bool {
    if which(need.probe).is_none() {
        return false;
    }
    if which("dpkg-query").is_none() {
        return true;
    }
    // Fonts and headers show no program: ask dpkg for the rest. A tool installed another way still counts by its probe.
    let Some(first) = need.packages.first() else { return true };
    if !dpkg_has(first) {
        return true;
    }
    need.packages.iter().all(|package| dpkg_has(package))
}

fn dpkg_has(package: &str) -> bool {
    Command::new("dpkg-query")
        .args(["-W", "-f=${db:Status-Status}", package])
        .output()
        .is_ok_and(|out| out.status.success() && out.stdout.starts_with(b"installed"))
}

fn may_install() -> bool {
    let root = Command::new("id").arg("-u").output().is_ok_and(|out| out.stdout.trim_ascii() == b"0");
    root && which("apt-get").is_some()
}

fn apt() -> Command {
    let mut command = Command::new("apt-get");
    command.env("DEBIAN_FRONTEND", "noninteractive").env("RUNLEVEL", "1");
    command
}

/// A Python with `cryptography` and `zstandard`: the one on PATH, Debian's, or a virtual environment of ours filled by pip.
/// `None` with a printed reason when there is none to be had.
pub(crate) fn python() -> Option<PathBuf> {
    let environment = Environment {
        what: "the second reader in Python",
        folder: "python",
        probe: "import cryptography, zstandard",
        packages: &["cryptography", "zstandard"],
    };
    environment.provide()
}

/// A Python with the statistics packages our own are compared with. Pinned: another version may answer with other digits, and
/// eemeter 3.2, the last with plain CalTRACK models, reads its samples only with pandas below 3.
pub(crate) fn statistics_python() -> Option<PathBuf> {
    let environment = Environment {
        what: "the statistics in Python",
        folder: "python-statistics",
        probe: "import statsmodels, scipy, arch, eemeter",
        packages: &[
            "statsmodels==0.15.0",
            "scipy==1.17.1",
            "numpy==2.4.6",
            "pandas==2.3.3",
            "arch==8.0.0",
            "eemeter==3.2.0",
            // Imported by eemeter, not named by it.
            "pytz",
        ],
    };
    environment.provide()
}

/// A Python with DuckDB, for the benchmark that runs SQL beside ours. Pinned: another version is another engine.
pub(crate) fn duckdb_python() -> Option<PathBuf> {
    let environment = Environment {
        what: "DuckDB beside ours",
        folder: "python-duckdb",
        probe: "import duckdb",
        packages: &["duckdb==2.0.1"],
    };
    environment.provide()
}

/// A Python with the protocol stacks our sources are tried against. Pinned: another version is another device.
pub(crate) fn stacks_python() -> Option<PathBuf> {
    let environment = Environment {
        what: "the other stacks in Python",
        folder: "python-stacks",
        probe: "import pymodbus, serial, asyncua, cryptography, pyocmf; assert pymodbus.__version__ == '3.16.1'",
        packages: &["pymodbus==3.16.1", "pyserial==3.5", "asyncua==2.1.0", "cryptography", "pyocmf==0.6.0", "ecdsa"],
    };
    environment.provide()
}

/// Python modules a test needs.
struct Environment {
    /// What the tests cannot do without them.
    what: &'static str,
    /// Folder of our virtual environment below the target directory.
    folder: &'static str,
    /// A program that fails without them.
    probe: &'static str,
    /// What pip installs.
    packages: &'static [&'static str],
}

impl Environment {
    fn provide(&self) -> Option<PathBuf> {
        let works = |python: &PathBuf| {
            let probe = Command::new(python).args(["-W", "ignore", "-c", self.probe]).output();
            probe.is_ok_and(|out| out.status.success())
        };
        let venv = target_dir().join(self.folder);
        let candidates = [which("python3"), which("/usr/bin/python3"), Some(venv.join("bin/python3"))];
        if let Some(found) = candidates.iter().flatten().find(|p| works(p)) {
            return Some(found.clone());
        }
        let base = which("/usr/bin/python3").or_else(|| which("python3"))?;
        let made = sh(Command::new(&base).args(["-m", "venv", "--system-site-packages"]).arg(&venv)).and_then(|()| {
            let install = ["install", "-q", "--only-binary", ":all:"];
            sh(Command::new(venv.join("bin/pip")).args(install).args(self.packages))
        });
        match made {
            Ok(()) => Some(venv.join("bin/python3")).filter(works),
            Err(e) => {
                println!("SKIPPED {}: {e}", self.what);
                None
            }
        }
    }
}

/// A folder with the OPC UA server of node-opcua. The server alone is enough: 138 packages, 70 MB, half a minute.
pub(crate) fn node_opcua() -> Option<PathBuf> {
    npm("OPC UA against node-opcua", "agent/tests/stacks", "node-opcua", "node-opcua-server")
}

/// Node-RED with its Modbus nodes, for the benchmark of the agent: its `node_modules`.
pub(crate) fn node_red() -> Option<PathBuf> {
    let folder =
        npm("Node-RED beside the agent", "tests/bench/node-red", "node-red", "node-red-contrib-modbus/package.json");
    folder.map(|folder| folder.join("node_modules"))
}

/// Installs what the lock file in `wanted` pins, every package by its digest, into `folder` below the target directory, unless it is there and
/// node loads `module`. `None` with a printed reason when there is none to be had.
fn npm(what: &str, wanted: &str, folder: &str, module: &str) -> Option<PathBuf> {
    let (wanted, folder) = (root().join(wanted), target_dir().join(folder));
    let is_same = || {
        let [ours, there] = [&wanted, &folder].map(|dir| std::fs::read(dir.join("package-lock.json")).ok());
        ours.is_some() && ours == there
    };
    let loads = || {
        let mut node = Command::new("node");
        node.args(["-e", &format!("require('{module}')")]).env("NODE_PATH", folder.join("node_modules"));
        node.output().is_ok_and(|out| out.status.success())
    };
    if is_same() && loads() {
        return Some(folder);
    }
    let install = || {
        std::fs::create_dir_all(&folder)?;
        for file in ["package.json", "package-lock.json"] {
            std::fs::copy(wanted.join(file), folder.join(file))?;
        }
        // No script of any package is run: nothing of ours needs one.
        let options = ["ci", "--omit=dev", "--ignore-scripts", "--no-audit", "--no-fund", "--prefix"];
        sh(Command::new("npm").args(options).arg(&folder))
    };
    match install() {
        Ok(()) if loads() => Some(folder),
        Ok(()) => {
            println!("SKIPPED {what}: node does not load what npm installed");
            None
        }
        Err(e) => {
            println!("SKIPPED {what}: {e}");
            None
        }
    }
}
