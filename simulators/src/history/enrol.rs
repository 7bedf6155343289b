//! Enrolment of the history's gateway: one HTTPS request, the server recognised by the fingerprint in the code.
//!
//! State directory: `identity.key` (32-byte seed, hexadecimal, 0600) and `enrolment.json`. A second run with the same
//! directory uses what is there and needs no code.

use super::tls::{self, Pin};
use crate::told::Told;
use data_encoding::{BASE32_NOPAD, HEXLOWER};
use protocol::note::VerifierKey;
use protocol::{GatewayId, SecretKey, SiteId};
use rustls::pki_types::ServerName;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

const ANSWER_MAX: u64 = 64 * 1024;
const TIMEOUT: Duration = Duration::from_secs(20);
const DOMAIN: &str = "gongzheng/v1/enrol\0";

/// Why enrolment failed.
#[derive(Debug, thiserror::Error)]
pub enum EnrolError {
    /// The code is not shaped like one.
    #[error("this is not an enrolment code (GZ-<12>-<26> characters): copy the whole line the server printed")]
    BadCode,
    /// A file of the state directory.
    #[error("{path}: {source}; check the state directory")]
    File {
        /// Which.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// A file of the state directory does not hold what it should.
    #[error("{path} is damaged ({reason}); move it away and enrol again")]
    Damaged {
        /// Which.
        path: String,
        /// What is wrong.
        reason: String,
    },
    /// The server could not be reached, or is another one than the code names.
    #[error("{address}: {reason}; check address and port, and that the code is from this server")]
    Unreachable {
        /// Address asked.
        address: String,
        /// Why.
        reason: String,
    },
    /// The server refused.
    #[error("the server refused: {0}")]
    Refused(Told),
}

impl EnrolError {
    /// In both languages.
    pub fn told(&self) -> Told {
        let en = self.to_string();
        let zh = match self {
            Self::BadCode => "入网码不对（应为 GZ-12 位-26 位）：请整行复制服务器给出的入网码".to_owned(),
            Self::File { path, source } => format!("{path}：{source}；检查状态目录"),
            Self::Damaged { path, reason } => format!("{path} 已损坏（{reason}）：移走它并重新入网"),
            Self::Unreachable { address, reason } => {
                format!("{address}：{reason}；检查地址和端口，并确认入网码来自这台服务器")
            }
            Self::Refused(told) => format!("服务器拒绝了：{}", told.zh),
        };
        Told { zh, en }
    }
}

/// What the server told us.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Enrolment {
    /// Our site.
    pub site: SiteId,
    /// Our name there.
    pub gateway: GatewayId,
    /// Certificate for our key.
    pub client_certificate_pem: String,
    /// The server's CA.
    pub ca_certificate_pem: String,
    /// Verifier key of the server's log.
    pub log_key: String,
    /// Where records go.
    pub mqtt_host_port: String,
    /// Whether the site accepts simulated time.
    pub simulated: bool,
    /// First 16 bytes of SHA-256 over the server's public key, hexadecimal.
    #[serde(default)]
    pub server_pin: String,
}

impl Enrolment {
    /// Read an earlier enrolment.
    ///
    /// # Errors
    /// When the file exists and cannot be used.
    pub fn load(state_dir: &Path) -> Result<Option<Self>, EnrolError> {
        let path = state_dir.join("enrolment.json");
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(EnrolError::File { path: path.display().to_string(), source }),
        };
        serde_json::from_str(&text)
            .map(Some)
            .map_err(|error| EnrolError::Damaged { path: path.display().to_string(), reason: error.to_string() })
    }

    /// The key receipts are signed with.
    ///
    /// # Errors
    /// When the stored text is not a verifier key.
    pub fn verifier(&self) -> protocol::Result<VerifierKey> {
        VerifierKey::parse(&self.log_key)
    }

    pub(super) fn pin(&self) -> Option<Pin> {
        HEXLOWER.decode(self.server_pin.as_bytes()).ok()?.try_into().ok()
    }
}

/// The key in `state_dir`, made at the first call.
///
/// # Errors
/// When the file cannot be read, written or understood.
pub fn load_or_create_key(state_dir: &Path) -> Result<SecretKey, EnrolError> {
    let path = state_dir.join("identity.key");
    let shown = path.display().to_string();
    let file = |source| EnrolError::File { path: shown.clone(), source };
    match std::fs::read_to_string(&path) {
        Ok(text) => {
            let seed = HEXLOWER.decode(text.trim().as_bytes()).ok().and_then(|bytes| <[u8; 32]>::try_from(bytes).ok());
            seed.map(|seed| SecretKey::from_seed(&seed))
                .ok_or(EnrolError::Damaged { path: shown, reason: "not 64 hexadecimal digits".to_owned() })
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            std::fs::create_dir_all(state_dir).map_err(file)?;
            let mut seed = [0; 32];
            getrandom::fill(&mut seed).map_err(|error| file(std::io::Error::other(error.to_string())))?;
            let mut options = std::fs::OpenOptions::new();
            let mut out = options.write(true).create_new(true).mode(0o600).open(&path).map_err(file)?;
            out.write_all(HEXLOWER.encode(&seed).as_bytes()).and_then(|()| out.sync_all()).map_err(file)?;
            Ok(SecretKey::from_seed(&seed))
        }
        Err(error) => Err(file(error)),
    }
}

/// Enrol `key` at `address` (`host:port`) with `code`, and keep the answer in `state_dir`.
///
/// # Errors
/// See [`EnrolError`].
pub async fn enrol(address: &str, code: &str, key: &SecretKey, state_dir: &Path) -> Result<Enrolment, EnrolError> {
    let (secret, pin) = parse_code(code).ok_or(EnrolError::BadCode)?;
    let mut message = secret.as_bytes().to_vec();
    message.extend_from_slice(&key.public().to_bytes());
    let request = json!({
        "code": secret,
        "gateway_key": key.public().hex(),
        "signature": HEXLOWER.encode(&key.sign(DOMAIN, &message).0),
        "agent_version": concat!("sim-", env!("CARGO_PKG_VERSION")),
    });
    let unreachable = |reason: String| EnrolError::Unreachable { address: address.to_owned(), reason };
    let asked = tokio::time::timeout(TIMEOUT, post(address, pin, &request.to_string())).await;
    let (status, body) = match asked {
        Ok(answer) => answer.map_err(|error| unreachable(error.to_string()))?,
        Err(_) => return Err(unreachable("no answer within 20 s".to_owned())),
    };
    if status != 200 {
        let text = String::from_utf8_lossy(&body);
        let told = serde_json::from_str::<serde_json::Value>(&text).ok();
        let words = |lang: &str| {
            let word = told.as_ref().and_then(|value| value["error"][lang].as_str());
            word.map_or_else(|| format!("HTTP {status}"), str::to_owned)
        };
        return Err(EnrolError::Refused(Told { zh: words("zh"), en: words("en") }));
    }
    let mut enrolment: Enrolment =
        serde_json::from_slice(&body).map_err(|error| unreachable(format!("unreadable answer: {error}")))?;
    enrolment.verifier().map_err(|error| unreachable(format!("unusable log key: {error}")))?;
    enrolment.server_pin = HEXLOWER.encode(&pin);
    let path = state_dir.join("enrolment.json");
    let text = serde_json::to_string_pretty(&enrolment).map_err(|error| unreachable(error.to_string()))?;
    std::fs::write(&path, text).map_err(|source| EnrolError::File { path: path.display().to_string(), source })?;
    Ok(enrolment)
}

fn parse_code(text: &str) -> Option<(String, Pin)> {
    let text = text.trim().to_ascii_uppercase();
    let (secret, server) = text.strip_prefix("GZ-")?.split_once('-')?;
    if secret.len() != 12 || server.len() != 26 {
        return None;
    }
    let pin = BASE32_NOPAD.decode(server.as_bytes()).ok()?.try_into().ok()?;
    Some((secret.to_owned(), pin))
}

async fn post(address: &str, pin: Pin, body: &str) -> std::io::Result<(u16, Vec<u8>)> {
    let config = tls::client(pin, None).map_err(std::io::Error::other)?;
    let host = address.rsplit_once(':').map_or(address, |(host, _)| host);
    let name = ServerName::try_from(host.to_owned()).map_err(std::io::Error::other)?;
    let stream = TcpStream::connect(address).await?;
    let mut stream = tokio_rustls::TlsConnector::from(Arc::new(config)).connect(name, stream).await?;
    let head = format!(
        "POST /enrol HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(body.as_bytes()).await?;
    stream.flush().await?;
    let mut answer = Vec::new();
    match stream.take(ANSWER_MAX).read_to_end(&mut answer).await {
        // A server may close without TLS's farewell once it has said everything.
        Err(error) if error.kind() != std::io::ErrorKind::UnexpectedEof => return Err(error),
        _ => {}
    }
    read_answer(&answer).ok_or_else(|| std::io::Error::other("not an HTTP answer"))
}

/// Status and body of a complete HTTP/1.1 answer, chunked or not.
fn read_answer(answer: &[u8]) -> Option<(u16, Vec<u8>)> {
    let split = answer.windows(4).position(|window| window == b"\r\n\r\n")?;
    let head = std::str::from_utf8(&answer[..split]).ok()?;
    let mut body = &answer[split + 4..];
    let status = head.split(' ').nth(1)?.parse().ok()?;
    if !head.to_ascii_lowercase().contains("transfer-encoding: chunked") {
        return Some((status, body.to_vec()));
    }
    let mut out = Vec::new();
    loop {
        let end = body.windows(2).position(|window| window == b"\r\n")?;
        let length = usize::from_str_radix(std::str::from_utf8(&body[..end]).ok()?.trim(), 16).ok()?;
        if length == 0 {
            return Some((status, out));
        }
        out.extend_from_slice(body.get(end + 2..end + 2 + length)?);
        body = body.get(end + 4 + length..)?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_taken_apart_or_refused() {
        let pin = [7_u8; 16];
        let code = format!("gz-ABCDEFGHIJKL-{}", BASE32_NOPAD.encode(&pin));
        assert_eq!(parse_code(&code), Some(("ABCDEFGHIJKL".to_owned(), pin)));
        assert_eq!(parse_code("GZ-ABCDEFGHIJKL-AAAA"), None);
        assert_eq!(parse_code("nonsense"), None);
    }

    #[test]
    fn answers_are_read_whole_and_in_chunks() {
        let whole = read_answer(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}").unwrap();
        assert_eq!(whole, (200, b"{}".to_vec()));
        let chunked = b"HTTP/1.1 403 F\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n";
        assert_eq!(read_answer(chunked).unwrap(), (403, b"abcde".to_vec()));
        assert_eq!(read_answer(b"HTTP/1.1 200 OK\r\n"), None);
        assert_eq!(read_answer(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"), None);
    }
}
