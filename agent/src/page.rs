//! The local page: what the installer looks at, on this box only.
//!
//! Constraints:
//! 1. Read-only: `GET` and `HEAD` of a fixed list of paths; there is nothing to submit and no script.
//! 2. Everything shown is escaped; values come from devices, which are strangers.
//! 3. Bounded: request head of [`HEAD_BYTES_MAX`], [`CONNECTIONS_MAX`] at once, every connection ends after one answer or
//!    [`CONNECTION_LIMIT`].
//! 4. The page answers one question: *is this value the one on the meter's face?* So every value stands with its unit and its age, and
//!    what is missing says why and what to do.
//!
//! `view` turns a state into HTML, `json` into `/status.json` (pure); this file is the tiny HTTP/1.1 responder.

pub mod json;
pub mod view;

use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::clock::SharedClock;
use crate::config::Config;
use crate::identity::Enrolment;
use crate::live::{Board, BoardState};
use crate::locale::Lang;
use crate::status::{Snapshot, Status};

/// Longest request head.
pub const HEAD_BYTES_MAX: usize = 8_192;
/// Connections served at once; more wait.
pub const CONNECTIONS_MAX: usize = 16;
/// Longest life of one connection.
pub const CONNECTION_LIMIT: Duration = Duration::from_secs(5);

/// What the page shows from.
pub struct Sources {
    /// The configuration in force.
    pub config: Config,
    /// Who we are to the server.
    pub enrolment: Option<Enrolment>,
    /// Values and devices.
    pub board: Board,
    /// Buffer, uplink, notices.
    pub status: Status,
    /// The clock.
    pub clock: SharedClock,
    /// Language when the reader states none.
    pub lang: Lang,
}

/// Everything at one moment.
pub struct Moment<'a> {
    /// The configuration in force.
    pub config: &'a Config,
    /// Who we are to the server.
    pub enrolment: Option<&'a Enrolment>,
    /// Values and devices.
    pub board: BoardState,
    /// Buffer, uplink, notices.
    pub status: Snapshot,
    /// Now.
    pub clock: crate::clock::ClockReading,
}

impl Sources {
    fn moment(&self) -> Moment<'_> {
        Moment {
            config: &self.config,
            enrolment: self.enrolment.as_ref(),
            board: self.board.snapshot(),
            status: self.status.snapshot(),
            clock: self.clock.read(),
        }
    }
}

/// Serves the page until `stop`.
pub async fn serve(listener: TcpListener, sources: Arc<Sources>, stop: CancellationToken) {
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    loop {
        let Ok(place) = places.clone().acquire_owned().await else { return };
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stop.cancelled() => return,
        };
        let Ok((mut stream, _)) = accepted else {
            // Out of file descriptors, most likely: wait instead of spinning.
            tokio::time::sleep(Duration::from_millis(100)).await;
            continue;
        };
        let sources = sources.clone();
        tokio::spawn(async move {
            let talk = async {
                let head = read_head(&mut stream).await?;
                let answer = answer(&head, &sources);
                stream.write_all(&answer).await?;
                stream.shutdown().await
            };
            // Who hangs up early or talks too long has himself to blame.
            let _ = tokio::time::timeout(CONNECTION_LIMIT, talk).await;
            drop(place);
        });
    }
}

async fn read_head(stream: &mut (impl AsyncRead + Unpin)) -> std::io::Result<Vec<u8>> {
    let mut head = Vec::new();
    let mut chunk = [0u8; 1_024];
    while head.len() < HEAD_BYTES_MAX && !head.windows(4).any(|w| w == b"\r\n\r\n") {
        let n = stream.read(&mut chunk).await?;
        if n == 0 {
            break;
        }
        head.extend_from_slice(&chunk[..n]);
    }
    Ok(head)
}

/// A request as far as the page understands it.
#[derive(Debug, PartialEq, Eq)]
struct Asked<'a> {
    path: &'a str,
    query: &'a str,
    is_head: bool,
    languages: &'a str,
}

fn parse(head: &[u8]) -> Result<Asked<'_>, &'static str> {
    let text = std::str::from_utf8(head).map_err(|_| "400 Bad Request")?;
    let Some((head, _)) = text.split_once("\r\n\r\n") else { return Err("431 Request Header Fields Too Large") };
    let mut lines = head.split("\r\n");
    let mut words = lines.next().unwrap_or_default().split(' ');
    let (Some(method), Some(target), Some(version), None) = (words.next(), words.next(), words.next(), words.next())
    else {
        return Err("400 Bad Request");
    };
    if !version.starts_with("HTTP/1.") || !target.starts_with('/') {
        return Err("400 Bad Request");
    }
    if !matches!(method, "GET" | "HEAD") {
        return Err("405 Method Not Allowed");
    }
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let languages = lines
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("accept-language"))
        .map_or("", |(_, value)| value.trim());
    Ok(Asked { path, query, is_head: method == "HEAD", languages })
}

fn answer(head: &[u8], sources: &Sources) -> Vec<u8> {
    let asked = match parse(head) {
        Ok(asked) => asked,
        Err(status) => return response(status, "text/plain; charset=utf-8", status, false),
    };
    let stated = asked.query.split('&').find_map(|pair| pair.strip_prefix("lang=")).and_then(Lang::parse);
    let lang =
        stated.or_else(|| asked.languages.split([',', ';']).next().and_then(Lang::parse)).unwrap_or(sources.lang);
    let (status, kind, body) = match asked.path {
        "/" => ("200 OK", "text/html; charset=utf-8", view::page(&sources.moment(), lang)),
        "/status.json" => ("200 OK", "application/json", json::status(&sources.moment()).to_string()),
        "/style.css" => ("200 OK", "text/css; charset=utf-8", view::STYLE.to_owned()),
        _ => (
            "404 Not Found",
            "text/plain; charset=utf-8",
            lang.pick("没有这个页面", "there is no such page").to_owned(),
        ),
    };
    response(status, kind, &body, asked.is_head)
}

fn response(status: &str, kind: &str, body: &str, is_head: bool) -> Vec<u8> {
    let length = body.len();
    let mut bytes = format!(
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\nConnection: close\r\nCache-Control: no-store\r\nContent-Security-Policy: default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'\r\nX-Content-Type-Options: nosniff\r\nReferrer-Policy: no-referrer\r\n\r\n"
    )
    .into_bytes();
    if !is_head {
        bytes.extend_from_slice(body.as_bytes());
    }
    bytes
}

#[cfg(test)]
mod tests;
