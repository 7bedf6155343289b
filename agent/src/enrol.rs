//! Enrolment and renewal: how a gateway gets its certificate.
//!
//! Constraints:
//! 1. The code carries the fingerprint of the server's key. A server with another key is left before anything is sent to it, the
//!    code included.
//! 2. The gateway proves that it holds the key it enrols.
//! 3. An expired certificate may only renew, with the same key; the server checks that too.
//! 4. One small request: HTTP/1.1 written by hand over TLS instead of a client library. The answer is bounded
//!    ([`ANSWER_BYTES_MAX`]), the exchange too ([`TIMEOUT`]).
//!
//! Code: `GZ-<12 characters>-<26 characters>`, base32; the second part is the first 16 bytes of SHA-256 over the server's public key.

use std::sync::Arc;
use std::time::Duration;

use data_encoding::{BASE32_NOPAD, HEXLOWER};
use protocol::{GatewayId, SecretKey, SiteId};
use rustls::pki_types::ServerName;
use serde::Deserialize;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::clock::SharedClock;
use crate::identity::Enrolment;
use crate::locale::{Words, words};
use crate::uplink::tls::{self, Pin, PinnedServer};

/// Longest answer read.
const ANSWER_BYTES_MAX: u64 = 64 * 1_024;

/// Longest time for connecting, asking and reading the answer.
const TIMEOUT: Duration = Duration::from_secs(20);

/// Domain of the signature over code part ‖ key.
const ENROL_DOMAIN: &str = "gongzheng/v1/enrol\0";

/// Domain of the signature over `<site>/<gateway>` ‖ key.
const RENEW_DOMAIN: &str = "gongzheng/v1/renew\0";

/// Port of the enrolment listener when none is given.
const PORT_DEFAULT: u16 = 8443;

/// An enrolment code, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Code {
    /// The secret part, 12 characters.
    pub secret: String,
    /// First 16 bytes of SHA-256 over the server's public key.
    pub server: [u8; 16],
}

/// Why enrolment failed, in words for the person at the gateway.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnrolError(pub Words);

impl std::fmt::Display for EnrolError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0.en)
    }
}

impl std::error::Error for EnrolError {}

impl Code {
    /// Reads a code as a person types it: spaces around it and lower case are forgiven.
    ///
    /// # Errors
    /// When it is not shaped like a code.
    pub fn parse(text: &str) -> Result<Self, EnrolError> {
        let bad = || {
            EnrolError(words!(
                "入网码不对：应为 GZ-12 位-26 位，请整行复制。可在服务器上用 gongzheng-server admin gateway code 重新生成",
                "this is not an enrolment code (GZ-<12>-<26> characters): copy the whole line. A new one is made on the server with `gongzheng-server admin gateway code`"
            ))
        };
        let text = text.trim().to_ascii_uppercase();
        let (secret, server) = text.strip_prefix("GZ-").and_then(|rest| rest.split_once('-')).ok_or_else(bad)?;
        let base32 = |part: &str| part.bytes().all(|b| matches!(b, b'A'..=b'Z' | b'2'..=b'7'));
        if secret.len() != 12 || server.len() != 26 || !base32(secret) || !base32(server) {
            return Err(bad());
        }
        // 26 characters hold 130 bits; the last two are zero in a code that was copied whole.
        let bytes = BASE32_NOPAD.decode(server.as_bytes()).map_err(|_| bad())?;
        Ok(Code { secret: secret.to_owned(), server: bytes.try_into().map_err(|_| bad())? })
    }
}

#[derive(Deserialize)]
struct Answer {
    site: SiteId,
    gateway: GatewayId,
    client_certificate_pem: String,
    ca_certificate_pem: String,
    log_key: String,
    mqtt_host_port: String,
    #[serde(default)]
    simulated: bool,
}

#[derive(Deserialize)]
struct Refusal {
    error: RefusalBody,
}

#[derive(Deserialize)]
struct RefusalBody {
    #[serde(default)]
    zh: String,
    #[serde(default)]
    en: String,
}

/// Enrols this gateway's `key` at the server at `address` (`host`, `host:port` or `https://host:port`).
///
/// # Errors
/// With words that say what to do.
pub async fn enrol(address: &str, code: &Code, key: &SecretKey, clock: SharedClock) -> Result<Enrolment, EnrolError> {
    let mut message = code.secret.as_bytes().to_vec();
    message.extend_from_slice(&key.public().to_bytes());
    let body = serde_json::json!({
        "code": code.secret,
        "gateway_key": key.public().hex(),
        "signature": HEXLOWER.encode(&key.sign(ENROL_DOMAIN, &message).0),
        "agent_version": env!("CARGO_PKG_VERSION"),
    });
    ask(address, "/enrol", &body.to_string(), Pin::Prefix(code.server), clock).await
}

/// Renews the certificate of an enrolled gateway, expired or not.
///
/// # Errors
/// With words that say what to do.
pub async fn renew(enrolment: &Enrolment, key: &SecretKey, clock: SharedClock) -> Result<Enrolment, EnrolError> {
    let mut message = format!("{}/{}", enrolment.site, enrolment.gateway).into_bytes();
    message.extend_from_slice(&key.public().to_bytes());
    let body = serde_json::json!({
        "site": enrolment.site,
        "gateway": enrolment.gateway,
        "gateway_key": key.public().hex(),
        "signature": HEXLOWER.encode(&key.sign(RENEW_DOMAIN, &message).0),
    });
    let pin = enrolment
        .server_spki()
        .map_err(|error| EnrolError(words!("入网信息损坏：{error}", "the enrolment is damaged: {error}")))?;
    ask(&enrolment.enrol_url, "/renew", &body.to_string(), Pin::Whole(pin), clock).await
}

async fn ask(address: &str, path: &str, body: &str, pin: Pin, clock: SharedClock) -> Result<Enrolment, EnrolError> {
    let exchange = exchange(address, path, body, pin, clock);
    let (status, answer, spki) = match tokio::time::timeout(TIMEOUT, exchange).await {
        Ok(outcome) => outcome?,
        Err(_) => {
            return Err(EnrolError(words!(
                "{address} 没有及时回答：检查地址、端口（默认 8443）和防火墙",
                "{address} did not answer in time: check address, port (8443 by default) and firewall"
            )));
        }
    };
    if status != 200 {
        return Err(EnrolError(match serde_json::from_slice::<Refusal>(&answer) {
            Ok(refusal) => Words::new(refusal.error.zh, refusal.error.en),
            Err(_) => words!(
                "{address} 回答了 HTTP {status}：这可能不是工证服务器的入网端口",
                "{address} answered HTTP {status}: this may not be the enrolment port of a Gongzheng server"
            ),
        }));
    }
    let answer: Answer = serde_json::from_slice(&answer).map_err(|error| {
        EnrolError(words!("服务器的回答无法理解：{error}", "the server's answer cannot be read: {error}"))
    })?;
    let enrolment = Enrolment {
        site: answer.site,
        gateway: answer.gateway,
        client_certificate_pem: answer.client_certificate_pem,
        ca_certificate_pem: answer.ca_certificate_pem,
        log_key: answer.log_key,
        mqtt_host_port: answer.mqtt_host_port,
        simulated: answer.simulated,
        server_spki_sha256: spki.hex(),
        enrol_url: address.to_owned(),
    };
    match enrolment.verifier_key() {
        Ok(_) => Ok(enrolment),
        Err(error) => Err(EnrolError(words!(
            "服务器给出的站点日志公钥无法使用：{error}",
            "the log key the server gave cannot be used: {error}"
        ))),
    }
}

async fn exchange(
    address: &str,
    path: &str,
    body: &str,
    pin: Pin,
    clock: SharedClock,
) -> Result<(u16, Vec<u8>, protocol::Digest), EnrolError> {
    let (host, port) = host_port(address).ok_or_else(|| {
        EnrolError(words!("地址不对：{address}，应为 主机:端口", "not an address: {address}; write host:port"))
    })?;
    let unreachable = |error: std::io::Error| explain(address, &error);
    let tcp = TcpStream::connect((host.as_str(), port)).await.map_err(unreachable)?;
    let verifier = Arc::new(PinnedServer::new(pin, Some(clock)));
    let config = tls::pinned(verifier.clone(), None)
        .map_err(|error| EnrolError(words!("无法建立加密连接：{error}", "cannot set up TLS: {error}")))?;
    let name = ServerName::try_from(host.clone())
        .map_err(|_| EnrolError(words!("地址不对：{host}", "not a host name or address: {host}")))?;
    let connector = tokio_rustls::TlsConnector::from(Arc::new(config));
    let mut stream = connector.connect(name, tcp).await.map_err(unreachable)?;
    let length = body.len();
    let request = format!(
        "POST {path} HTTP/1.1\r\nHost: {host}:{port}\r\nContent-Type: application/json\r\n\
         Content-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    );
    stream.write_all(request.as_bytes()).await.map_err(unreachable)?;
    stream.flush().await.map_err(unreachable)?;
    let mut answer = Vec::new();
    let mut bounded = stream.take(ANSWER_BYTES_MAX);
    if let Err(error) = bounded.read_to_end(&mut answer).await
        // Many servers end TLS without saying goodbye; what came is judged by its own length below.
        && error.kind() != std::io::ErrorKind::UnexpectedEof
    {
        return Err(unreachable(error));
    }
    let (status, content) = http_answer(&answer).ok_or_else(|| {
        EnrolError(words!(
            "{address} 的回答不是 HTTP：检查端口（入网端口默认 8443）",
            "{address} does not speak HTTP: check the port (8443 by default)"
        ))
    })?;
    let spki =
        verifier.seen().ok_or_else(|| EnrolError(words!("服务器没有出示证书", "the server showed no certificate")))?;
    Ok((status, content.to_vec(), spki))
}

/// Status and body of an HTTP/1.1 answer with Content-Length, or that ends with the connection. Pure.
fn http_answer(bytes: &[u8]) -> Option<(u16, &[u8])> {
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n")?;
    let head = std::str::from_utf8(&bytes[..end]).ok()?;
    let body = &bytes[end + 4..];
    let mut lines = head.split("\r\n");
    let mut words = lines.next()?.split(' ');
    if !words.next()?.starts_with("HTTP/1.") {
        return None;
    }
    let status = words.next()?.parse().ok()?;
    let mut body_length = None;
    for line in lines {
        let (name, value) = line.split_once(':')?;
        if name.eq_ignore_ascii_case("content-length") {
            body_length = Some(value.trim().parse::<usize>().ok()?);
        } else if name.eq_ignore_ascii_case("transfer-encoding") {
            // We asked for Connection: close; a server that chunks all the same is not ours.
            return None;
        }
    }
    match body_length {
        Some(length) => Some((status, body.get(..length)?)),
        None => Some((status, body)),
    }
}

fn host_port(address: &str) -> Option<(String, u16)> {
    let address = address.trim();
    let address = address.strip_prefix("https://").unwrap_or(address).trim_end_matches('/');
    if let Some(rest) = address.strip_prefix('[') {
        let (host, port) = rest.split_once(']')?;
        let port = if port.is_empty() { PORT_DEFAULT } else { port.strip_prefix(':')?.parse().ok()? };
        return Some((host.to_owned(), port));
    }
    let (host, port) = match address.split_once(':') {
        Some((host, port)) => (host, port.parse().ok()?),
        None => (address, PORT_DEFAULT),
    };
    if host.is_empty() { None } else { Some((host.to_owned(), port)) }
}

/// What a failed connection means.
fn explain(address: &str, error: &std::io::Error) -> EnrolError {
    let text = error.to_string();
    if text.contains("ApplicationVerificationFailure") {
        return EnrolError(words!(
            "{address} 的密钥与入网码不符：这不是签发该入网码的服务器，没有发送任何内容。请核对地址和入网码",
            "{address} has another key than the enrolment code names: this is not the server that made the code, and nothing was sent to it. Check address and code"
        ));
    }
    if text.contains("Expired") {
        return EnrolError(words!(
            "{address} 的证书已过期：请在服务器上更新证书，或检查本机时钟",
            "the certificate of {address} has expired: renew it on the server, or check this gateway's clock"
        ));
    }
    if text.contains("NotValidYet") {
        return EnrolError(words!(
            "{address} 的证书尚未生效：请检查本机时钟",
            "the certificate of {address} is not valid yet: check this gateway's clock"
        ));
    }
    EnrolError(words!(
        "连不上 {address}（{text}）：检查地址、端口（默认 8443）和防火墙",
        "cannot reach {address} ({text}): check address, port (8443 by default) and firewall"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_is_read_as_people_type_it() {
        let server = BASE32_NOPAD.encode(&[7; 16]);
        let code = Code::parse(&format!("  gz-abcdefgh2345-{}\n", server.to_lowercase())).expect("a code");
        assert_eq!(code, Code { secret: "ABCDEFGH2345".to_owned(), server: [7; 16] });
    }

    #[test]
    fn wrong_code_says_what_a_code_looks_like() {
        for text in ["", "GZ-", "GZ-ABCDEFGH2345", "GZ-ABC-DEF", "1234"] {
            let error = Code::parse(text).expect_err("refused");
            assert!(error.to_string().contains("not an enrolment code (GZ-<12>-<26> characters)"), "{error}");
            assert!(error.0.zh.contains("入网码不对"));
        }
    }

    #[test]
    fn answers_are_bounded_by_their_own_length() {
        assert_eq!(http_answer(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}xx"), Some((200, &b"{}"[..])));
        assert_eq!(http_answer(b"HTTP/1.1 403 Forbidden\r\n\r\nno"), Some((403, &b"no"[..])));
        assert_eq!(http_answer(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{}"), None, "cut short");
        assert_eq!(http_answer(b"SSH-2.0-OpenSSH\r\n\r\n"), None);
        assert_eq!(http_answer(b""), None);
    }

    #[test]
    fn addresses_have_a_default_port() {
        assert_eq!(host_port("gz.example.cn"), Some(("gz.example.cn".to_owned(), 8443)));
        assert_eq!(host_port("https://gz.example.cn:9443/"), Some(("gz.example.cn".to_owned(), 9443)));
        assert_eq!(host_port("[::1]:9443"), Some(("::1".to_owned(), 9443)));
        assert_eq!(host_port(""), None);
    }
}
