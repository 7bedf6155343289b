//! Asking a witness: one small HTTP/1.1 exchange, over TLS but on this machine. Written by hand instead of a client library; the answer
//! is bounded, the exchange too.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use protocol::note::NOTE_MAX;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;

/// Where a witness is: taken apart from `https://host[:port][/prefix]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    host: String,
    port: u16,
    prefix: String,
    tls: bool,
}

impl Address {
    /// Reads a submission prefix. Plain HTTP is for this machine only.
    pub fn parse(url: &str) -> Option<Self> {
        let (tls, rest) = match (url.strip_prefix("https://"), url.strip_prefix("http://")) {
            (Some(rest), _) => (true, rest),
            (_, Some(rest)) => (false, rest),
            _ => return None,
        };
        let (authority, prefix) = rest.split_once('/').map_or((rest, ""), |(host, path)| (host, path));
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => (host, port.parse().ok()?),
            _ => (authority, if tls { 443 } else { 80 }),
        };
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let plain = url.chars().all(|c| c.is_ascii_graphic()) && !host.is_empty() && !host.contains('@');
        let local = host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback());
        let prefix = prefix.trim_end_matches('/');
        let prefix = if prefix.is_empty() { String::new() } else { format!("/{prefix}") };
        (plain && (tls || local)).then(|| Self { host: host.to_owned(), port, prefix, tls })
    }
}

/// A way to one witness. Cheap to clone.
#[derive(Clone)]
pub(super) struct Client {
    address: Address,
    tls: Arc<rustls::ClientConfig>,
}

impl Client {
    /// Reads the trust anchors: the file named, or else the system's.
    pub(super) fn new(address: Address, ca: Option<&Path>) -> Result<Self> {
        let mut roots = rustls::RootCertStore::empty();
        match ca {
            Some(path) => {
                for certificate in CertificateDer::pem_file_iter(path).with_context(|| path.display().to_string())? {
                    roots.add(certificate.with_context(|| path.display().to_string())?)?;
                }
            }
            None if address.tls => {
                roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
            }
            None => {}
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let tls = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Self { address, tls: Arc::new(tls) })
    }

    /// `POST <prefix>/<call>`: status and body.
    pub(super) async fn post(&self, call: &str, body: &str) -> Result<(u16, String)> {
        self.exchange("POST", call, body).await
    }

    /// `GET <prefix>/<call>`: status and body.
    pub(super) async fn get(&self, call: &str) -> Result<(u16, String)> {
        self.exchange("GET", call, "").await
    }

    async fn exchange(&self, method: &str, call: &str, body: &str) -> Result<(u16, String)> {
        let Address { host, port, prefix, tls } = &self.address;
        let request = format!(
            "{method} {prefix}/{call} HTTP/1.1\r\nHost: {host}:{port}\r\nConnection: close\r\nContent-Type: text/plain\r\n\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        let talk = async {
            let tcp = TcpStream::connect((host.as_str(), *port)).await?;
            if !tls {
                return talk(tcp, &request).await;
            }
            let name = ServerName::try_from(host.clone()).context("the host's name")?;
            let stream = tokio_rustls::TlsConnector::from(Arc::clone(&self.tls)).connect(name, tcp).await?;
            talk(stream, &request).await
        };
        let bytes = tokio::time::timeout(EXCHANGE, talk).await.context("no answer in time")??;
        answer(&bytes).context("the answer is not HTTP")
    }
}

async fn talk(mut stream: impl AsyncRead + AsyncWrite + Unpin, request: &str) -> Result<Vec<u8>> {
    stream.write_all(request.as_bytes()).await?;
    let mut bytes = Vec::new();
    let mut limited = (&mut stream).take(ANSWER_MAX + 1);
    match limited.read_to_end(&mut bytes).await {
        // Some servers end a TLS connection without saying so; the length of the body tells whether it is whole.
        Err(error) if error.kind() != std::io::ErrorKind::UnexpectedEof => Err(error.into()),
        _ if bytes.len() as u64 > ANSWER_MAX => bail!("the answer is longer than {ANSWER_MAX} bytes"),
        _ => Ok(bytes),
    }
}

/// Status and body of a whole answer; `None` when it is cut short or no HTTP.
fn answer(bytes: &[u8]) -> Option<(u16, String)> {
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n")?;
    let head = std::str::from_utf8(&bytes[..end]).ok()?;
    let mut lines = head.split("\r\n");
    let status = lines.next()?.strip_prefix("HTTP/1.")?.split(' ').nth(1)?.parse().ok()?;
    let header = |name: &str| {
        let mut fields = head.split("\r\n").skip(1).filter_map(|line| line.split_once(':'));
        fields.find(|(key, _)| key.trim().eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
    };
    let body = &bytes[end + 4..];
    let body = match (header("transfer-encoding"), header("content-length")) {
        (Some(coding), _) if coding.eq_ignore_ascii_case("chunked") => unchunked(body)?,
        (Some(_), _) => return None,
        (None, Some(length)) => body.get(..length.parse().ok()?)?.to_vec(),
        (None, None) => body.to_vec(),
    };
    Some((status, String::from_utf8(body).ok()?))
}

fn unchunked(mut body: &[u8]) -> Option<Vec<u8>> {
    let mut whole = Vec::new();
    loop {
        let end = body.windows(2).position(|window| window == b"\r\n")?;
        let length = std::str::from_utf8(&body[..end]).ok()?.split(';').next()?;
        let length = usize::from_str_radix(length.trim(), 16).ok()?;
        body = &body[end + 2..];
        if length == 0 {
            return Some(whole);
        }
        whole.extend_from_slice(body.get(..length)?);
        body = body.get(length..)?.strip_prefix(b"\r\n")?;
    }
}

/// Longest time for connecting, asking and reading the answer.
const EXCHANGE: Duration = Duration::from_secs(10);
/// Longest answer, bytes: signature lines and a head.
const ANSWER_MAX: u64 = NOTE_MAX as u64 + 16 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_encrypted_or_local() {
        let parsed = Address::parse("https://witness.example/w/").unwrap();
        assert_eq!((parsed.host.as_str(), parsed.port, parsed.prefix.as_str()), ("witness.example", 443, "/w"));
        assert_eq!(Address::parse("http://[::1]:8095").unwrap().host, "::1");
        assert_eq!(Address::parse("http://127.0.0.1:8095").unwrap().port, 8095);
        for refused in
            ["http://witness.example", "ftp://x", "https://", "https://a b", "https://u@h", "https://h:99999"]
        {
            assert_eq!(Address::parse(refused), None, "{refused}");
        }
    }

    #[test]
    fn answers_are_whole_or_nothing() {
        let text = |head: &str| answer(format!("HTTP/1.1 409 Conflict\r\n{head}\r\n\r\n12\n").as_bytes());
        assert_eq!(text("content-length: 3"), Some((409, "12\n".into())));
        assert_eq!(text("content-length: 4"), None);
        assert_eq!(text("server: x"), Some((409, "12\n".into())));
        let chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x\r\nde\r\n0\r\n\r\n";
        assert_eq!(answer(chunked), Some((200, "abcde".into())));
        for cut in 0..chunked.len() - 4 {
            assert!(answer(&chunked[..cut]).is_none(), "cut at {cut}");
        }
        assert_eq!(answer(b"SSH-2.0-x\r\n\r\n"), None);
    }
}
