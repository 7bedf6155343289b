//! `witness.toml`: one small file; an unknown key is refused with its line.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use protocol::note::VerifierKey;
use serde::Deserialize;

use super::decide::Rule;
use crate::Operator;

/// What the witness is told.
pub(super) struct Config {
    /// Key, record of what was signed, findings.
    pub(super) state_dir: PathBuf,
    /// Name of the key.
    pub(super) name: String,
    /// Address of the service.
    pub(super) listen: SocketAddr,
    /// Host names of the certificate it makes for itself.
    pub(super) hosts: Vec<String>,
    /// Certificate chain and key, PEM, when it is to use these.
    pub(super) tls: Option<(PathBuf, PathBuf)>,
    /// The body that runs it.
    pub(super) operator: Operator,
    /// Whose logs it cosigns.
    pub(super) rules: Vec<Rule>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default = "default_state")]
    state_dir: PathBuf,
    name: String,
    #[serde(default = "default_listen")]
    listen: SocketAddr,
    #[serde(default)]
    hosts: Vec<String>,
    certificate: Option<PathBuf>,
    key: Option<PathBuf>,
    operator: Operator,
    #[serde(default)]
    log: Vec<LogFile>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LogFile {
    key: String,
    #[serde(default)]
    sites: Vec<String>,
    #[serde(default)]
    epochs: Vec<String>,
}

impl Config {
    /// Reads the file; relative paths are relative to its folder.
    pub(super) fn load(path: &Path) -> anyhow::Result<Self> {
        let text = std::fs::read_to_string(path).with_context(|| {
            format!(
                "{}: an example is configs/witness.example.toml / 配置示例见 configs/witness.example.toml",
                path.display()
            )
        })?;
        Self::parse(&text, path.parent().unwrap_or(Path::new("."))).with_context(|| path.display().to_string())
    }

    fn parse(text: &str, folder: &Path) -> anyhow::Result<Self> {
        let file: File = toml::from_str(text)?;
        if file.operator.zh.trim().is_empty() {
            bail!("[operator] zh: the name of the body that runs this witness / 请填写见证单位名称");
        }
        if file.log.is_empty() {
            bail!(
                "[[log]]: no log to witness; ask the server's operator for the log key / 没有要见证的日志，请向服务器运营单位索取站点日志密钥"
            );
        }
        let rule = |log: LogFile| {
            let key = VerifierKey::parse(&log.key).with_context(|| format!("[[log]] key = {:?}", log.key))?;
            Ok(Rule { key, sites: log.sites, epochs: log.epochs })
        };
        let tls = match (file.certificate, file.key) {
            (Some(certificate), Some(key)) => Some((folder.join(certificate), folder.join(key))),
            (None, None) => None,
            _ => bail!("`certificate` and `key` belong together / certificate 与 key 必须同时填写"),
        };
        if tls.is_none() && file.hosts.is_empty() && !file.listen.ip().is_loopback() {
            bail!(
                "listen = \"{}\": name in `hosts` how the server reaches this witness, for its certificate; or give `certificate` and `key` / 请在 hosts 中写明服务器访问本机所用的主机名或地址，或提供 certificate 与 key",
                file.listen
            );
        }
        let rules = file.log.into_iter().map(rule).collect::<anyhow::Result<Vec<Rule>>>()?;
        for (place, rule) in rules.iter().enumerate() {
            if rules.iter().take(place).any(|known| overlap(known, rule)) {
                bail!(
                    "[[log]] key {}: the name is there twice; only one key may sign under it, and each site belongs to one [[log]] / 同名密钥重复：一个名称只能对应一个密钥，每个站点只能写在一个 [[log]] 中",
                    rule.key.name
                );
            }
        }
        Ok(Self {
            state_dir: folder.join(file.state_dir),
            name: file.name,
            listen: file.listen,
            hosts: file.hosts,
            tls,
            operator: file.operator,
            rules,
        })
    }
}

/// Whether two rules may both be meant by one origin, which carries the name of the key and not the key.
fn overlap(one: &Rule, other: &Rule) -> bool {
    let is_apart =
        !one.sites.is_empty() && !other.sites.is_empty() && !one.sites.iter().any(|s| other.sites.contains(s));
    one.key.name == other.key.name && !(one.key == other.key && is_apart)
}

fn default_state() -> PathBuf {
    "witness-data".into()
}

fn default_listen() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 8095))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mistakes_are_said_with_what_to_do() {
        let key = VerifierKey::new("gz.example", protocol::SecretKey::from_seed(&[1; 32]).public()).unwrap();
        let whole = format!("name = \"w.example\"\n[operator]\nzh = \"计量院\"\n[[log]]\nkey = \"{key}\"\n");
        let parse = |text: &str| Config::parse(text, Path::new("f")).map_err(|e| format!("{e:#}"));
        let config = parse(&whole).unwrap();
        assert_eq!((config.state_dir.as_path(), config.rules.len()), (Path::new("f/witness-data"), 1));
        let other = VerifierKey::new("gz.example", protocol::SecretKey::from_seed(&[2; 32]).public()).unwrap();
        let twice = |key: &VerifierKey, first: &str, second: &str| {
            format!("{whole}sites = [{first}]\n[[log]]\nkey = \"{key}\"\nsites = [{second}]\n")
        };
        assert_eq!(parse(&twice(&key, "\"a\"", "\"b\"")).unwrap().rules.len(), 2);
        let without_hosts = whole.replace("[operator]", "listen = \"0.0.0.0:8095\"\n[operator]");
        for (text, words) in [
            (whole.replace("name =", "nmae ="), "nmae"),
            (whole.replace("计量院", " "), "[operator] zh"),
            (whole.replace("[[log]]", "[[log]]\nsite = 1"), "site"),
            (whole.replace(&key.to_string(), "x"), "[[log]] key"),
            (whole.split("[[log]]").next().unwrap().to_owned(), "[[log]]"),
            (without_hosts, "hosts"),
            (twice(&key, "\"a\"", "\"b\", \"a\""), "there twice"),
            (twice(&key, "", "\"b\""), "同名密钥重复：一个名称只能对应一个密钥"),
            (twice(&other, "\"a\"", "\"b\""), "the name is there twice; only one key may sign under it"),
            (whole.replace("[operator]", "key = \"k.pem\"\n[operator]"), "belong together"),
        ] {
            let error = parse(&text).err().unwrap();
            assert!(error.contains(words), "{words}: {error}");
        }
    }
}
