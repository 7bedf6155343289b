//! The local page: what the installer looks at, on this box only.
//!
//! Constraints:
//! 1. Read-only: `GET` and `HEAD` of a fixed list of paths; no script. The one exception is the guided [`setup`], which may be asked only by
//!    a browser on this box that came from this very page ([`may_set_up`]).
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
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::clock::SharedClock;
use crate::config::Config;
use crate::identity::Enrolment;
use crate::live::{Board, BoardState};
use crate::locale::Lang;
use crate::setup;
use crate::source::lending::Lending;
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
    /// For the guided setup; without it the page offers none.
    pub restart: Option<setup::Restart>,
    /// The serial ports the agent reads, for the guided setup.
    pub lending: Lending,
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
        let Ok((mut stream, peer)) = accepted else {
            // Out of file descriptors, most likely: wait instead of spinning.
            tokio::time::sleep(Duration::from_millis(100)).await;
            continue;
        };
        let sources = sources.clone();
        tokio::spawn(async move {
            // Who hangs up early or talks too long has himself to blame.
            let asked = tokio::time::timeout(CONNECTION_LIMIT, read_head(&mut stream)).await;
            if let Ok(Ok(head)) = asked {
                let talk = async {
                    match wants_setup(&head) {
                        true => answer_setup(&head, &mut stream, &sources, peer.ip().is_loopback()).await?,
                        false => stream.write_all(&answer(&head, &sources)).await?,
                    }
                    stream.shutdown().await
                };
                let limit = if wants_setup(&head) { setup::CONNECTION_LIMIT } else { CONNECTION_LIMIT };
                let _ = tokio::time::timeout(limit, talk).await;
            }
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
    is_post: bool,
    languages: &'a str,
    /// The name the browser knows us by.
    host: &'a str,
    /// Where the browser says the request comes from, where it says so.
    origin: Option<&'a str>,
    fetch_site: Option<&'a str>,
    /// Bytes of the body.
    length: usize,
    /// What of it came with the head.
    body: &'a [u8],
}

fn parse(head: &[u8]) -> Result<Asked<'_>, &'static str> {
    let Some(end) = head.windows(4).position(|w| w == b"\r\n\r\n") else {
        return Err("431 Request Header Fields Too Large");
    };
    let (head, body) = (head.get(..end).unwrap_or_default(), head.get(end + 4..).unwrap_or_default());
    let text = std::str::from_utf8(head).map_err(|_| "400 Bad Request")?;
    let mut lines = text.split("\r\n");
    let mut words = lines.next().unwrap_or_default().split(' ');
    let (Some(method), Some(target), Some(version), None) = (words.next(), words.next(), words.next(), words.next())
    else {
        return Err("400 Bad Request");
    };
    if !version.starts_with("HTTP/1.") || !target.starts_with('/') {
        return Err("400 Bad Request");
    }
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let is_post = method == "POST" && path == "/setup/add";
    if !is_post && !matches!(method, "GET" | "HEAD") {
        return Err("405 Method Not Allowed");
    }
    let fields: Vec<(&str, &str)> = lines.filter_map(|line| line.split_once(':')).collect();
    let field =
        |wanted: &str| fields.iter().find(|(name, _)| name.eq_ignore_ascii_case(wanted)).map(|(_, value)| value.trim());
    Ok(Asked {
        path,
        query,
        is_head: method == "HEAD",
        is_post,
        languages: field("accept-language").unwrap_or_default(),
        host: field("host").unwrap_or_default(),
        origin: field("origin"),
        fetch_site: field("sec-fetch-site"),
        length: field("content-length").and_then(|n| n.parse().ok()).unwrap_or(0),
        body,
    })
}

/// Whether this reader may use the guided setup: only from this box, under its own name, and not because a foreign page told his browser to.
fn may_set_up(asked: &Asked<'_>, peer_is_here: bool) -> bool {
    let name = asked
        .host
        .rsplit_once(':')
        .map_or(asked.host, |(name, port)| if port.bytes().all(|b| b.is_ascii_digit()) { name } else { asked.host });
    let own = matches!(name, "127.0.0.1" | "localhost" | "[::1]");
    let from_here = asked.fetch_site.is_none_or(|site| matches!(site, "same-origin" | "none"));
    let origin = asked.origin.is_none_or(|origin| origin.strip_prefix("http://") == Some(asked.host));
    peer_is_here && own && from_here && origin
}

fn wants_setup(head: &[u8]) -> bool {
    parse(head).is_ok_and(|asked| !asked.is_head && (asked.path == "/setup" || asked.path.starts_with("/setup/")))
}

/// A step of the guided setup, for those who may.
async fn answer_setup(
    head: &[u8],
    stream: &mut TcpStream,
    sources: &Sources,
    peer_is_here: bool,
) -> std::io::Result<()> {
    let Ok(asked) = parse(head) else { return Ok(()) };
    let mut body = asked.body.to_vec();
    if asked.length > setup::BODY_BYTES_MAX {
        return stream.write_all(&response("413 Content Too Large", TEXT, "", false)).await;
    }
    let missing = asked.length.saturating_sub(body.len());
    (&mut *stream).take(u64::try_from(missing).unwrap_or(0)).read_to_end(&mut body).await?;
    let body = String::from_utf8_lossy(&body);
    let form = if asked.is_post { body.as_ref() } else { asked.query };
    let lang = language(form, asked.languages, sources.lang);
    let Some(restart) = sources.restart.as_ref().filter(|_| may_set_up(&asked, peer_is_here)) else {
        let words = lang.pick(
            "只能在网关本机打开：在笔记本上运行 ssh -L 8470:127.0.0.1:8470 用户@网关，再打开 http://127.0.0.1:8470/setup",
            "only on the gateway itself: run ssh -L 8470:127.0.0.1:8470 user@gateway on your laptop and open http://127.0.0.1:8470/setup",
        );
        return stream.write_all(&response("403 Forbidden", TEXT, words, false)).await;
    };
    // No length: what is found is written as it is found, and the connection's end is the page's end.
    stream.write_all(&headers("200 OK", HTML, None)).await?;
    let step = setup::Step { path: asked.path, form, is_post: asked.is_post, lang };
    setup::answer(stream, &step, &sources.config, &sources.lending, restart).await
}

const TEXT: &str = "text/plain; charset=utf-8";
const HTML: &str = "text/html; charset=utf-8";

/// The language asked for, else the browser's, else the agent's.
fn language(query: &str, languages: &str, usual: Lang) -> Lang {
    let stated = query.split('&').find_map(|pair| pair.strip_prefix("lang=")).and_then(Lang::parse);
    stated.or_else(|| languages.split([',', ';']).next().and_then(Lang::parse)).unwrap_or(usual)
}

fn answer(head: &[u8], sources: &Sources) -> Vec<u8> {
    let asked = match parse(head) {
        Ok(asked) => asked,
        Err(status) => return response(status, TEXT, status, false),
    };
    let lang = language(asked.query, asked.languages, sources.lang);
    let (status, kind, body) = match asked.path {
        "/" => ("200 OK", HTML, view::page(&sources.moment(), lang)),
        "/status.json" => ("200 OK", "application/json", json::status(&sources.moment()).to_string()),
        "/style.css" => ("200 OK", "text/css; charset=utf-8", view::STYLE.to_owned()),
        _ => ("404 Not Found", TEXT, lang.pick("没有这个页面", "there is no such page").to_owned()),
    };
    response(status, kind, &body, asked.is_head)
}

/// Not `no-referrer`: with it browsers send `Origin: null` with our own forms, and nothing could ever be saved.
fn headers(status: &str, kind: &str, length: Option<usize>) -> Vec<u8> {
    let length = length.map_or_else(String::new, |length| format!("Content-Length: {length}\r\n"));
    format!(
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\n{length}Connection: close\r\nCache-Control: no-store\r\nContent-Security-Policy: default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'\r\nX-Content-Type-Options: nosniff\r\nReferrer-Policy: same-origin\r\n\r\n"
    )
    .into_bytes()
}

fn response(status: &str, kind: &str, body: &str, is_head: bool) -> Vec<u8> {
    let mut bytes = headers(status, kind, Some(body.len()));
    if !is_head {
        bytes.extend_from_slice(body.as_bytes());
    }
    bytes
}

#[cfg(test)]
mod tests;
