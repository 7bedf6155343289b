//! The way to a running server: a Unix socket in a folder only the owner of the data directory may enter. One JSON request
//! per connection, one JSON answer; both bounded.

use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};
use tokio_util::sync::CancellationToken;

use super::{Context, Reply, Request, execute, socket_path};
use crate::accounts::Accounts;
use crate::config::Config;
use crate::run::Evidence;
use crate::state::Clock;

#[derive(Serialize, Deserialize)]
enum Answer {
    Done(Reply),
    Failed(String),
}

/// Makes the socket. The caller holds the data directory's lock, so an old socket is nobody's.
///
/// # Errors
/// When it cannot be made, for instance because its path is longer than the system allows (107 bytes).
pub fn listen(data_dir: &Path) -> Result<UnixListener> {
    let path = socket_path(data_dir);
    bind(&path).with_context(|| format!("admin socket {}", path.display()))
}

/// Serves requests until cancelled.
pub async fn serve(listener: UnixListener, context: Context, stop: CancellationToken) {
    loop {
        let stream = tokio::select! {
            () = stop.cancelled() => break,
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => stream,
                Err(error) => {
                    tracing::warn!(%error, "admin socket: accept failed");
                    tokio::time::sleep(Duration::from_millis(200)).await;
                    continue;
                }
            },
        };
        let context = context.clone();
        tokio::spawn(async move {
            if let Err(error) = answer(&context, stream).await {
                tracing::warn!(%error, "admin request not answered");
            }
        });
    }
    let _ = std::fs::remove_file(socket_path(&context.data_dir));
}

/// Whether a server runs on this data directory.
pub async fn is_running(config: &Config) -> bool {
    UnixStream::connect(socket_path(&config.data_dir)).await.is_ok()
}

/// Hands a request to the running server, or does it here when none runs.
///
/// # Errors
/// What the request led to, in words; or that neither way is open.
pub async fn perform(config: &Config, request: Request) -> Result<Reply> {
    let path = socket_path(&config.data_dir);
    let clock = Clock::system();
    let mut tries = 0;
    let evidence = loop {
        if let Ok(stream) = UnixStream::connect(&path).await {
            return ask(stream, &request).await;
        }
        match Evidence::open(config, &clock).await {
            Ok(evidence) => break evidence,
            // Somebody holds the lock without listening: a server that is starting or stopping.
            Err(error) if tries == TRIES => return Err(error),
            Err(_) => tokio::time::sleep(WAIT).await,
        }
        tries += 1;
    };
    let context = Context {
        store: evidence.store.clone(),
        accounts: Accounts::open(evidence.store.clone()).await?,
        logs: evidence.logs.clone(),
        keys: evidence.keys.clone(),
        ingest: evidence.ingest.clone(),
        door: crate::state::Door::default(),
        clock,
        data_dir: config.data_dir.clone(),
    };
    let done = execute(&context, request).await;
    evidence.close().await;
    Ok(done?)
}

fn bind(path: &Path) -> Result<UnixListener> {
    if let Some(folder) = path.parent() {
        if !folder.exists() {
            std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        }
        std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o700))?;
    }
    if path.exists() {
        std::fs::remove_file(path)?;
    }
    Ok(UnixListener::bind(path)?)
}

async fn answer(context: &Context, mut stream: UnixStream) -> Result<()> {
    let mut bytes = Vec::new();
    (&mut stream).take(REQUEST_MAX).read_to_end(&mut bytes).await?;
    let answer = match serde_json::from_slice::<Request>(&bytes) {
        Ok(request) => match execute(context, request).await {
            Ok(reply) => Answer::Done(reply),
            Err(error) => Answer::Failed(error.to_string()),
        },
        Err(error) => Answer::Failed(format!("the server does not understand this request: {error}")),
    };
    stream.write_all(&serde_json::to_vec(&answer)?).await?;
    stream.shutdown().await?;
    Ok(())
}

async fn ask(mut stream: UnixStream, request: &Request) -> Result<Reply> {
    stream.write_all(&serde_json::to_vec(request)?).await?;
    stream.shutdown().await?;
    let mut bytes = Vec::new();
    stream.take(REQUEST_MAX).read_to_end(&mut bytes).await?;
    match serde_json::from_slice::<Answer>(&bytes).context("the running server did not answer; see its log")? {
        Answer::Done(reply) => Ok(reply),
        Answer::Failed(text) => bail!(text),
    }
}

/// How often and how long to wait for a server that is starting or stopping.
const TRIES: u32 = 20;
const WAIT: Duration = Duration::from_millis(150);
/// Longest request or answer, bytes: a file of declarations.
const REQUEST_MAX: u64 = 16 * 1024 * 1024;
