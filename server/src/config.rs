//! `server.toml`: one file, every unknown key refused with its line and a hint.
//!
//! The file is read into wire structs that mirror it, then checked and turned into [`Config`], which cannot be invalid.
//! Secrets are named by file path, never written inline.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use verify::Operator;

use crate::witness::WitnessConfig;

mod witnesses;

/// The server's configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Where everything lives: keys, journal, site logs, database.
    pub data_dir: PathBuf,
    /// Host name under which gateways and browsers reach this server; becomes the log key's name at first start.
    pub public_host: String,
    /// Pages and API.
    pub web: Web,
    /// How records arrive.
    pub intake: Intake,
    /// Enrolment of gateways.
    pub enrol: SocketAddr,
    /// A folder outside `data_dir` where checkpoints are kept as well, so that a restored backup is noticed.
    pub checkpoint_copy: Option<PathBuf>,
    /// New leaves get a checkpoint within this many seconds.
    pub publish_seconds: u64,
    /// Free disk below which no records are taken, MiB.
    pub reserve_mib: u64,
    /// The body that operates this server.
    pub operator: Option<Operator>,
    /// Bodies that cosign checkpoints.
    pub witnesses: Vec<WitnessConfig>,
    /// How many other bodies are to cosign a checkpoint before it is called witnessed.
    pub witnesses_required: usize,
}

/// Where pages are served.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Web {
    /// Address; plain HTTP only on loopback.
    pub listen: SocketAddr,
    /// Certificate chain and key, PEM, for HTTPS.
    pub tls: Option<(PathBuf, PathBuf)>,
}

/// How records arrive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Intake {
    /// Our own MQTT endpoint.
    Endpoint {
        /// Address.
        listen: SocketAddr,
    },
    /// An external broker.
    Broker {
        /// Host name or address.
        host: String,
        /// TCP port.
        port: u16,
        /// Trust anchor, PEM: there if and only if the connection is encrypted (`mqtts`).
        ca: Option<PathBuf>,
        /// Client certificate and key, PEM.
        client: Option<(PathBuf, PathBuf)>,
        /// User name and the file with the password.
        credentials: Option<(String, PathBuf)>,
    },
}

/// What is wrong with a configuration: where, what, and what to do, in both languages.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {en}\n  hint: {hint}\n{place}：{zh}\n  建议：{hint_zh}")]
pub struct ConfigError {
    /// File and line.
    pub place: String,
    /// What, in English.
    pub en: String,
    /// What, in Chinese.
    pub zh: String,
    /// What to do.
    pub hint: String,
    /// What to do, in Chinese.
    pub hint_zh: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    data_dir: PathBuf,
    #[serde(default = "default_host")]
    public_host: String,
    #[serde(default)]
    web: WebFile,
    mqtt: Option<MqttFile>,
    broker: Option<BrokerFile>,
    #[serde(default)]
    enrol: EnrolFile,
    #[serde(default)]
    log: LogFile,
    #[serde(default)]
    storage: StorageFile,
    operator: Option<Operator>,
    #[serde(default)]
    witness: Vec<witnesses::WitnessFile>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct WebFile {
    listen: SocketAddr,
    certificate: Option<PathBuf>,
    key: Option<PathBuf>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct MqttFile {
    listen: SocketAddr,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct BrokerFile {
    url: String,
    ca: Option<PathBuf>,
    certificate: Option<PathBuf>,
    key: Option<PathBuf>,
    user: Option<String>,
    password_file: Option<PathBuf>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct EnrolFile {
    listen: SocketAddr,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct LogFile {
    checkpoint_copy: Option<PathBuf>,
    publish_seconds: u64,
    witnesses_required: Option<usize>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct StorageFile {
    reserve_mib: u64,
}

impl Config {
    /// Gateways on other machines may enrol, but are told to come to a name that leads them to themselves.
    #[must_use]
    pub fn misleads_gateways(&self) -> bool {
        let is_here = self.public_host == "localhost"
            || self.public_host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback());
        is_here && !self.enrol.ip().is_loopback()
    }

    /// `port` of this server as others reach it, `host:port`; an IPv6 address stands in brackets.
    #[must_use]
    pub fn reached_at(&self, port: u16) -> String {
        match self.public_host.parse::<std::net::Ipv6Addr>() {
            Ok(address) => format!("[{address}]:{port}"),
            Err(_) => format!("{}:{port}", self.public_host),
        }
    }

    /// Reads and checks the file at `path`; relative paths in it are relative to its folder.
    ///
    /// # Errors
    /// See [`ConfigError`].
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path).map_err(|error| ConfigError {
            place: path.display().to_string(),
            en: format!("cannot be read: {error}"),
            zh: format!("无法读取：{error}"),
            hint: "name the file with `--config`; an example is in configs/server.example.toml".into(),
            hint_zh: "用 --config 指定配置文件，示例见 configs/server.example.toml".into(),
        })?;
        Self::parse(&text, &path.display().to_string(), path.parent().unwrap_or(Path::new(".")))
    }

    /// Checks a configuration's text. `name` is used in errors, `folder` resolves relative paths.
    ///
    /// # Errors
    /// See [`ConfigError`].
    pub fn parse(text: &str, name: &str, folder: &Path) -> Result<Self, ConfigError> {
        let file: File = toml::from_str(text).map_err(|error| from_toml(text, name, &error))?;
        let refuse = |key: &str, en: &str, zh: &str, hint: &str, hint_zh: &str| {
            Err(ConfigError {
                place: at(text, name, key),
                en: en.into(),
                zh: zh.into(),
                hint: hint.into(),
                hint_zh: hint_zh.into(),
            })
        };
        let resolve = |path: PathBuf| if path.is_absolute() { path } else { folder.join(path) };
        let tls = match (file.web.certificate, file.web.key) {
            (Some(certificate), Some(key)) => Some((resolve(certificate), resolve(key))),
            (None, None) => None,
            _ => {
                return refuse(
                    "[web]",
                    "`certificate` and `key` belong together",
                    "certificate 与 key 必须同时填写",
                    "give both or none",
                    "两项都填或都不填",
                );
            }
        };
        if tls.is_none() && !file.web.listen.ip().is_loopback() {
            return refuse(
                "[web]",
                "pages without TLS are served on loopback only",
                "未启用 TLS 时页面只能监听本机地址",
                "set `certificate` and `key`, or listen on 127.0.0.1 behind your reverse proxy",
                "填写 certificate 与 key，或只监听 127.0.0.1 并使用反向代理",
            );
        }
        let intake = match (file.mqtt, file.broker) {
            (Some(_), Some(_)) => {
                return refuse(
                    "[broker]",
                    "`[mqtt]` and `[broker]` exclude each other",
                    "[mqtt] 与 [broker] 不能同时使用",
                    "keep `[mqtt]` for the built-in endpoint, or `[broker]` for an external one",
                    "使用内置端点保留 [mqtt]，使用外部代理保留 [broker]",
                );
            }
            (mqtt, None) => Intake::Endpoint { listen: mqtt.map_or(DEFAULT_MQTT, |mqtt| mqtt.listen) },
            (None, Some(broker)) => match broker_intake(broker, &resolve) {
                Ok(intake) => intake,
                Err(wrong) => return refuse(wrong.key, wrong.en, wrong.zh, wrong.hint, wrong.hint_zh),
            },
        };
        if protocol::note::VerifierKey::new(&file.public_host, protocol::SecretKey::from_seed(&[1; 32]).public())
            .is_err()
        {
            return refuse(
                "public_host",
                "a host name has no spaces and no `+`",
                "主机名不能含空格或加号",
                "write the name under which gateways reach this server",
                "填写网关访问本服务器所用的主机名",
            );
        }
        let required = file.log.witnesses_required;
        let (witnesses, witnesses_required) =
            match witnesses::read(file.witness, file.operator.as_ref(), required, &resolve) {
                Ok(read) => read,
                Err(wrong) => return refuse(wrong.key, &wrong.en, &wrong.zh, wrong.hint, wrong.hint_zh),
            };
        Ok(Self {
            data_dir: resolve(file.data_dir),
            public_host: file.public_host,
            web: Web { listen: file.web.listen, tls },
            intake,
            enrol: file.enrol.listen,
            checkpoint_copy: file.log.checkpoint_copy.map(resolve),
            publish_seconds: file.log.publish_seconds.clamp(1, 3600),
            reserve_mib: file.storage.reserve_mib,
            operator: file.operator,
            witnesses,
            witnesses_required,
        })
    }
}

impl Default for WebFile {
    fn default() -> Self {
        Self { listen: DEFAULT_WEB, certificate: None, key: None }
    }
}

impl Default for EnrolFile {
    fn default() -> Self {
        Self { listen: DEFAULT_ENROL }
    }
}

impl Default for LogFile {
    fn default() -> Self {
        Self { checkpoint_copy: None, publish_seconds: 60, witnesses_required: None }
    }
}

impl Default for StorageFile {
    fn default() -> Self {
        Self { reserve_mib: 64 }
    }
}

fn default_host() -> String {
    "localhost".to_owned()
}

/// What is wrong with a section: the key concerned, and words.
struct Wrong {
    key: &'static str,
    en: &'static str,
    zh: &'static str,
    hint: &'static str,
    hint_zh: &'static str,
}

/// Nothing that was written down is left out without a word: a broker that was meant to be encrypted, or to know us by a
/// certificate or a password, must never be reached without.
fn broker_intake(broker: BrokerFile, resolve: &dyn Fn(PathBuf) -> PathBuf) -> Result<Intake, Wrong> {
    let (host, port, tls) = broker_url(&broker.url).ok_or(Wrong {
        key: "broker.url",
        en: "the broker's address is not understood",
        zh: "无法识别代理地址",
        hint: "write it as mqtt://host:1883 or mqtts://host:8883",
        hint_zh: "写成 mqtt://主机:1883 或 mqtts://主机:8883",
    })?;
    if tls && broker.ca.is_none() {
        return Err(Wrong {
            key: "broker.url",
            en: "mqtts:// needs `ca`: without it nobody knows whose broker answers",
            zh: "使用 mqtts:// 须填写 ca，否则无法确认代理的身份",
            hint: "set `ca` to the certificate (PEM) that issued the broker's own",
            hint_zh: "在 ca 中填写签发代理证书的 CA 证书文件（PEM）",
        });
    }
    let only_encrypted = [
        ("broker.ca", broker.ca.is_some()),
        ("broker.certificate", broker.certificate.is_some()),
        ("broker.key", broker.key.is_some()),
    ];
    if let Some((key, _)) = only_encrypted.into_iter().find(|(_, given)| *given && !tls) {
        return Err(Wrong {
            key,
            en: "`ca`, `certificate` and `key` mean nothing with mqtt://: that connection is not encrypted",
            zh: "mqtt:// 不加密，ca、certificate、key 不起作用",
            hint: "write mqtts:// and the encrypted port, usually 8883; or remove the keys",
            hint_zh: "改用 mqtts:// 及加密端口（通常为 8883），或删除这些项",
        });
    }
    let client = match (broker.certificate, broker.key) {
        (Some(certificate), Some(key)) => Some((resolve(certificate), resolve(key))),
        (None, None) => None,
        (certificate, _) => {
            return Err(Wrong {
                key: if certificate.is_some() { "broker.certificate" } else { "broker.key" },
                en: "`certificate` and `key` belong together",
                zh: "certificate 与 key 必须同时填写",
                hint: "give both or none",
                hint_zh: "两项都填或都不填",
            });
        }
    };
    let credentials = match (broker.user, broker.password_file) {
        (Some(user), Some(file)) => Some((user, resolve(file))),
        (None, None) => None,
        (user, _) => {
            return Err(Wrong {
                key: if user.is_some() { "broker.user" } else { "broker.password_file" },
                en: "`user` and `password_file` belong together",
                zh: "user 与 password_file 必须同时填写",
                hint: "give both or none",
                hint_zh: "两项都填或都不填",
            });
        }
    };
    Ok(Intake::Broker { host, port, ca: broker.ca.map(resolve), client, credentials })
}

fn broker_url(url: &str) -> Option<(String, u16, bool)> {
    let (rest, tls) = match (url.strip_prefix("mqtt://"), url.strip_prefix("mqtts://")) {
        (Some(rest), _) => (rest, false),
        (_, Some(rest)) => (rest, true),
        _ => return None,
    };
    let (host, port) = rest.trim_end_matches('/').rsplit_once(':')?;
    Some((host.to_owned(), port.parse().ok()?, tls)).filter(|(host, ..)| !host.is_empty())
}

fn from_toml(text: &str, name: &str, error: &toml::de::Error) -> ConfigError {
    let line = error.span().map_or(1, |span| line_of(text, span.start));
    let message = error.message();
    let (hint, hint_zh) = match between(message, "unknown field `", "`") {
        Some(unknown) => match nearest(unknown) {
            Some(known) => (format!("did you mean `{known}`?"), format!("是否想写 {known}？")),
            None => (
                "remove it; configs/server.example.toml shows every key".into(),
                "删除该项；全部配置项见 configs/server.example.toml".into(),
            ),
        },
        None => (
            "configs/server.example.toml shows every key with an example".into(),
            "各配置项示例见 configs/server.example.toml".into(),
        ),
    };
    ConfigError {
        place: format!("{name}, line {line}"),
        en: message.to_owned(),
        zh: match between(message, "unknown field `", "`") {
            Some(unknown) => format!("未知配置项 {unknown}"),
            None => format!("内容有误（{message}）"),
        },
        hint,
        hint_zh,
    }
}

/// File and the line on which `key` stands: `name`, `[section]`, or `section.name`. Where the file is written in another way,
/// the section's line, or the file alone.
fn at(text: &str, name: &str, key: &str) -> String {
    let is_key = |line: &str, key: &str| {
        line.trim_start().strip_prefix(key).is_some_and(|rest| rest.trim_start().starts_with('='))
    };
    let line = match key.split_once('.') {
        Some((section, key)) => {
            let heads = [format!("[{section}]"), format!("[[{section}]]")];
            let mut lines =
                text.lines().enumerate().skip_while(|(_, line)| !heads.iter().any(|head| line.trim() == head));
            let first = lines.next();
            let own = lines.take_while(|(_, line)| !line.trim_start().starts_with('['));
            own.into_iter().find(|(_, line)| is_key(line, key)).or(first)
        }
        None => text.lines().enumerate().find(|(_, line)| line.trim() == key || is_key(line, key)),
    };
    match line {
        Some((number, _)) => format!("{name}, line {}", number + 1),
        None => name.to_owned(),
    }
}

fn line_of(text: &str, offset: usize) -> usize {
    text.as_bytes()[..offset.min(text.len())].iter().filter(|byte| **byte == b'\n').count() + 1
}

fn between<'t>(text: &'t str, start: &str, end: &str) -> Option<&'t str> {
    let from = text.find(start)? + start.len();
    text[from..].split_once(end).map(|(found, _)| found)
}

/// The known key that differs least from a mistyped one.
fn nearest(unknown: &str) -> Option<&'static str> {
    crate::spelling::nearest(unknown, KEYS, 3).into_iter().next()
}

const KEYS: [&str; 24] = [
    "data_dir",
    "public_host",
    "web",
    "mqtt",
    "broker",
    "enrol",
    "log",
    "storage",
    "listen",
    "certificate",
    "key",
    "url",
    "ca",
    "user",
    "password_file",
    "checkpoint_copy",
    "publish_seconds",
    "reserve_mib",
    "operator",
    "witness",
    "witnesses_required",
    "zh",
    "en",
    "id",
];
const DEFAULT_WEB: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 8480);
const DEFAULT_MQTT: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED), 8883);
const DEFAULT_ENROL: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED), 8443);

#[cfg(test)]
mod tests;
