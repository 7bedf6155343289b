//! HTTP listeners: pages on loopback or over TLS, enrolment always over TLS. One place for their limits.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::connect_info::ConnectInfo;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Serves a router until cancelled, then finishes what is under way (at most 5 s). With `tls`, HTTPS.
pub async fn serve(
    listener: TcpListener,
    tls: Option<Arc<rustls::ServerConfig>>,
    router: Router,
    stop: CancellationToken,
) {
    let acceptor = tls.map(TlsAcceptor::from);
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let connections = TaskTracker::new();
    loop {
        let (stream, address) = tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    tracing::warn!(%error, "HTTP accept failed.");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    continue;
                }
            },
            () = stop.cancelled() => break,
        };
        let Ok(place) = Arc::clone(&places).try_acquire_owned() else { continue };
        let (acceptor, router, stop) = (acceptor.clone(), router.clone(), stop.clone());
        connections.spawn(async move {
            if let Err(error) = connection(stream, address, acceptor, router, stop).await {
                tracing::debug!(%address, %error, "HTTP connection ended.");
            }
            drop(place);
        });
    }
    connections.close();
    let _ = timeout(DRAIN, connections.wait()).await;
}

async fn connection(
    stream: TcpStream,
    address: SocketAddr,
    acceptor: Option<TlsAcceptor>,
    router: Router,
    stop: CancellationToken,
) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    stream.set_nodelay(true)?;
    let router = router.layer(axum::Extension(ConnectInfo(address)));
    match acceptor {
        None => http(TokioIo::new(stream), router, stop).await,
        Some(acceptor) => {
            let stream = timeout(HANDSHAKE, acceptor.accept(stream)).await??;
            http(TokioIo::new(stream), router, stop).await
        }
    }
}

async fn http<S>(
    stream: TokioIo<S>,
    router: Router,
    stop: CancellationToken,
) -> Result<(), Box<dyn std::error::Error + Send + Sync>>
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
{
    let mut server = hyper::server::conn::http1::Builder::new();
    server.timer(TokioTimer::new()).header_read_timeout(HEADER).max_buf_size(HEADER_BYTES_MAX);
    let connection = server.serve_connection(stream, TowerToHyperService::new(router));
    tokio::pin!(connection);
    tokio::select! {
        done = connection.as_mut() => return Ok(done?),
        () = stop.cancelled() => connection.as_mut().graceful_shutdown(),
    }
    Ok(connection.await?)
}

/// Connections at once; more are closed at accept.
const CONNECTIONS_MAX: usize = 1024;
const HANDSHAKE: Duration = Duration::from_secs(5);
/// From the first byte of a request's head to its last.
const HEADER: Duration = Duration::from_secs(10);
const HEADER_BYTES_MAX: usize = 64 * 1024;
const DRAIN: Duration = Duration::from_secs(5);
