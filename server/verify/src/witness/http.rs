//! The service: `POST /add-checkpoint` (C2SP `tlog-witness`), `GET /checkpoint/<SHA-256 of the origin>` (what was cosigned
//! last, so that a server restored from a backup can learn what it lost), `GET /` (who this is).
//!
//! Requests are decided one after another: a decision, its file and its answer belong together. TLS everywhere but on
//! loopback; without a certificate of its own the witness makes one at first start, which the server pins.

use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context as _;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::{Method, Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use protocol::cosignature::WitnessKey;
use protocol::note::Checkpoint;
use protocol::proof::{ConsistencyProof, PROOF_MAX};
use protocol::{Digest, SecretKey, sha256};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

use super::clock;
use super::config::Config;
use super::decide::{Decision, Rule, Signer, Standing, decide, new_epoch};
use super::store::{Known, Store, replace};

/// Everything a request needs.
pub(super) struct Witness {
    config: Config,
    key: SecretKey,
    verifier: WitnessKey,
    /// Taken for the whole of a decision.
    store: Mutex<Store>,
}

impl Witness {
    pub(super) fn new(config: Config, store: Store, key: SecretKey, verifier: WitnessKey) -> Self {
        Self { config, key, verifier, store: Mutex::new(store) }
    }

    /// Decides on a request's body. Blocks on the disk.
    fn add_checkpoint(&self, body: &[u8], now_seconds: u64) -> Decision {
        let request = std::str::from_utf8(body)
            .map_err(|error| error.to_string())
            .and_then(|text| ConsistencyProof::parse(text).map_err(|error| error.to_string()));
        let read = request.and_then(|request| {
            let checkpoint = Checkpoint::read_unverified(&request.note).map_err(|error| error.to_string())?;
            Ok((request, checkpoint.origin))
        });
        let (request, origin) = match read {
            Ok(read) => read,
            Err(error) => return Decision::refuse(400, error),
        };
        let store = self.store.lock().unwrap_or_else(PoisonError::into_inner);
        self.decided(&store, &request, &origin, now_seconds).unwrap_or_else(|error| {
            eprintln!("{origin}: {error} / 见证状态无法读写，未签名");
            Decision::refuse(500, "the witness cannot read or write its record / 见证方状态无法读写")
        })
    }

    fn decided(
        &self,
        store: &Store,
        request: &ConsistencyProof,
        origin: &str,
        now_seconds: u64,
    ) -> std::io::Result<Decision> {
        let signer = Signer { key: &self.key, verifier: &self.verifier, now_seconds };
        let ours = self.config.rules.iter().map(|rule| (rule, rule.reads(origin)));
        let Some((rule, standing)) = ours.into_iter().find(|(_, standing)| *standing != Standing::Unknown) else {
            return Ok(Decision::refuse(404, "this witness does not know this log / 见证方未登记此日志"));
        };
        let decision = match standing {
            Standing::NewEpoch(base) => {
                let before = self.newest_epoch(store, rule, &base)?;
                new_epoch(rule, &before, request, &signer)
            }
            _ => {
                let known = store.known(origin, &rule.key, &self.verifier)?;
                if matches!(known, Known::Never) && store.origins()?.len() >= LOGS_MAX {
                    return Ok(Decision::refuse(503, "this witness keeps no more logs / 见证方登记的日志已满"));
                }
                decide(rule, &known, request, &signer)
            }
        };
        if let Some(conflict) = &decision.conflict
            && let Some(path) = store.find(conflict, &rule.key)?
        {
            eprintln!("FINDING {}\n{}\n{}", path.display(), conflict.zh, conflict.en);
        }
        if let Some(head) = &decision.head {
            store.put(head)?;
        } else if decision.status == 500 {
            eprintln!("{origin}: {}", decision.body.trim_end());
        }
        Ok(decision)
    }

    /// What was signed of the newest epoch of a log that is known here.
    fn newest_epoch(&self, store: &Store, rule: &Rule, base: &str) -> std::io::Result<Known> {
        for origin in rule.epochs.iter().rev().map(String::as_str).chain([base]) {
            if origin.strip_prefix(base).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
                && let Known::Head(head) = store.known(origin, &rule.key, &self.verifier)?
            {
                return Ok(Known::Head(head));
            }
        }
        Ok(Known::Never)
    }

    /// The note cosigned last of the log whose origin has this digest, of an earlier epoch too: who was put back asks for that.
    fn cosigned(&self, digest: &str) -> std::io::Result<Option<String>> {
        let store = self.store.lock().unwrap_or_else(PoisonError::into_inner);
        for origin in store.origins()? {
            if sha256(origin.as_bytes()).hex() == digest {
                for rule in self.config.rules.iter().filter(|rule| rule.place(&origin).is_some()) {
                    if let Known::Head(head) = store.known(&origin, &rule.key, &self.verifier)? {
                        return Ok(Some(head.note));
                    }
                }
            }
        }
        Ok(None)
    }

    fn about(&self) -> String {
        let store = self.store.lock().unwrap_or_else(PoisonError::into_inner);
        let introduction = introduction(&self.config, &self.verifier, &self.key.public().fingerprint());
        let (logs, findings) = (store.origins().map_or(0, |o| o.len()), store.findings("").unwrap_or_default());
        format!("{introduction}\nlogs / 已见证日志: {logs}\nfindings / 发现: {findings}\n")
    }
}

/// Who this witness is, for people and for copying.
pub(super) fn introduction(config: &Config, verifier: &WitnessKey, fingerprint: &Digest) -> String {
    let operator = &config.operator;
    let id = operator.id.as_ref().map(|id| format!(" ({id})")).unwrap_or_default();
    format!(
        "witness / 见证单位: {} · {}{id}\nkey / 密钥: {verifier}\nfingerprint / 密钥指纹: {fingerprint}",
        operator.zh,
        operator.name(false)
    )
}

/// TLS of the service: the certificate given, or one of its own; none on loopback.
pub(super) fn tls(config: &Config, store: &Store) -> anyhow::Result<Option<Arc<rustls::ServerConfig>>> {
    let (certificate, key) = match &config.tls {
        Some(files) => files.clone(),
        None if config.hosts.is_empty() => return Ok(None),
        None => {
            let files = (store.folder().join("tls.pem"), store.folder().join("tls.key"));
            if !files.0.exists() {
                let made = rcgen::generate_simple_self_signed(config.hosts.clone()).context("hosts")?;
                replace(&files.1, made.signing_key.serialize_pem().as_bytes())?;
                replace(&files.0, made.cert.pem().as_bytes())?;
            }
            println!("certificate for the server (`ca`) / 交给服务器的证书（ca）: {}", files.0.display());
            files
        }
    };
    let chain = CertificateDer::pem_file_iter(&certificate)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .with_context(|| certificate.display().to_string())?;
    let private = PrivateKeyDer::from_pem_file(&key).with_context(|| key.display().to_string())?;
    let tls = rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, private)?;
    Ok(Some(Arc::new(tls)))
}

/// Serves until SIGINT or SIGTERM. A decision under way is finished: its thread is waited for.
pub(super) async fn serve(
    listener: TcpListener,
    tls: Option<Arc<rustls::ServerConfig>>,
    witness: Arc<Witness>,
) -> anyhow::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    let (acceptor, places) = (tls.map(TlsAcceptor::from), Arc::new(Semaphore::new(CONNECTIONS_MAX)));
    loop {
        let stream = tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => stream,
                Err(error) => {
                    eprintln!("accept: {error}");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    continue;
                }
            },
            _ = interrupt.recv() => return Ok(()),
            _ = terminate.recv() => return Ok(()),
        };
        let Ok(place) = Arc::clone(&places).try_acquire_owned() else { continue };
        let (acceptor, witness) = (acceptor.clone(), Arc::clone(&witness));
        tokio::spawn(async move {
            // Who breaks off, or is no TLS, is no concern of this program's operator.
            let _ = timeout(CONNECTION, connection(stream, acceptor, witness)).await;
            drop(place);
        });
    }
}

async fn connection(
    stream: TcpStream,
    acceptor: Option<TlsAcceptor>,
    witness: Arc<Witness>,
) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let service = hyper::service::service_fn(move |request| answer(Arc::clone(&witness), request));
    let mut server = hyper::server::conn::http1::Builder::new();
    server.timer(TokioTimer::new()).header_read_timeout(HEADER).max_buf_size(16 * 1024);
    match acceptor {
        None => server.serve_connection(TokioIo::new(stream), service).await?,
        Some(acceptor) => {
            let stream = timeout(HEADER, acceptor.accept(stream)).await??;
            server.serve_connection(TokioIo::new(stream), service).await?;
        }
    }
    Ok(())
}

async fn answer(witness: Arc<Witness>, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let path = request.uri().path().to_owned();
    let blocking = match (request.method(), path.as_str()) {
        (&Method::POST, "/add-checkpoint") => {
            let Ok(body) = Limited::new(request.into_body(), PROOF_MAX).collect().await else {
                return Ok(response(413, "text/plain; charset=utf-8", "too long, or cut short\n".to_owned()));
            };
            let body = body.to_bytes();
            tokio::task::spawn_blocking(move || {
                let decision = witness.add_checkpoint(&body, clock::now_seconds());
                let size = decision.status == 409;
                let kind = if size { "text/x.tlog.size" } else { "text/plain; charset=utf-8" };
                response(decision.status, kind, decision.body)
            })
        }
        (&Method::GET, "/") => tokio::task::spawn_blocking(move || text(200, witness.about())),
        (&Method::GET, path) if path.starts_with("/checkpoint/") => {
            let digest = path["/checkpoint/".len()..].to_owned();
            tokio::task::spawn_blocking(move || match witness.cosigned(&digest) {
                Ok(Some(note)) => text(200, note),
                Ok(None) => text(404, "nothing cosigned / 没有见证记录\n".to_owned()),
                Err(error) => text(500, format!("{error}\n")),
            })
        }
        _ => return Ok(text(404, "no such page\n".to_owned())),
    };
    Ok(blocking.await.unwrap_or_else(|_| text(500, "the witness failed\n".to_owned())))
}

fn text(status: u16, body: String) -> Response<Full<Bytes>> {
    response(status, "text/plain; charset=utf-8", body)
}

fn response(status: u16, kind: &'static str, body: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = hyper::StatusCode::from_u16(status).unwrap_or(hyper::StatusCode::INTERNAL_SERVER_ERROR);
    response.headers_mut().insert(hyper::header::CONTENT_TYPE, hyper::header::HeaderValue::from_static(kind));
    response
}

const CONNECTIONS_MAX: usize = 256;
/// Logs kept in all.
const LOGS_MAX: usize = 20_000;
/// For a handshake, or a request's head.
const HEADER: Duration = Duration::from_secs(10);
/// Longest life of a connection: whoever needs more connects again.
const CONNECTION: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests;
