//! The running agent's door for `gongzheng-agent carry`: records out, receipts in, while it goes on reading.
//!
//! A Unix socket in the state directory, for whoever may write there. The agent never touches the stick: the command does, under the rights
//! of the person who runs it, so a stick that hangs keeps nothing else waiting.
//!
//! Constraints
//! 1. One question per connection, the first line, JSON: [`Question`]. Both sides then send [`frames`](read_frame).
//! 2. Bounded: a line of [`LINE_MAX`], a frame of what a record may have, one connection at a time.
//! 3. Nothing is decided here: what a file holds and what a message frees is the uplink's business.

use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use protocol::carry::Head;
use protocol::receipt::SERVER_MESSAGE_MAX;
use protocol::record::RECORD_MAX;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use crate::uplink::carried::{Asked, Told};

/// Longest line, bytes.
const LINE_MAX: usize = 64 * 1024;

/// What a connection is for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Question {
    /// One file of records, from this position on at the earliest. The answer: [`Sheet`] on a line, then the records, then an empty frame.
    Export {
        /// First position wanted.
        from: u64,
    },
    /// Server messages follow, then an empty frame. The answer: [`Outcome`] on a line.
    Receipts {},
}

/// What the file will be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sheet {
    /// First position: files of one gateway are in order of it.
    pub position: u64,
    /// Position after the last: where the next file begins.
    pub to: u64,
    /// Head of the file; none when nothing waits.
    pub head: Option<Head>,
    /// Records that wait from `position` on.
    pub waiting: u64,
}

/// What the messages came to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    /// Records that are receipted now and were not before.
    pub receipted: u64,
    /// Records that wait still.
    pub waiting: u64,
    /// What a person should know, Chinese and English.
    pub words: Vec<[String; 2]>,
}

/// Where the socket is.
#[must_use]
pub fn socket(state_dir: &Path) -> PathBuf {
    state_dir.join("carry.socket")
}

/// Opens the door. The caller owns the buffer, so an old socket is nobody's.
///
/// # Errors
/// When the socket cannot be made, for instance because its path is longer than the system allows (107 bytes).
pub fn listen(state_dir: &Path) -> io::Result<UnixListener> {
    let path = socket(state_dir);
    match std::fs::remove_file(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = UnixListener::bind(&path)?;
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600))?;
    Ok(listener)
}

/// Answers until `stop`.
pub async fn serve(listener: UnixListener, uplink: mpsc::Sender<Asked>, stop: CancellationToken) {
    loop {
        let served = async {
            let (stream, _) = listener.accept().await?;
            answer(stream, &uplink).await
        };
        tokio::select! {
            () = stop.cancelled() => return,
            outcome = served => if let Err(error) = outcome {
                tracing::info!(%error, "A carry command was not answered to its end.");
                // Out of file descriptors, most likely: wait instead of spinning.
                tokio::time::sleep(std::time::Duration::from_millis(100)).await;
            },
        }
    }
}

async fn answer(mut stream: UnixStream, uplink: &mpsc::Sender<Asked>) -> io::Result<()> {
    match serde_json::from_slice(&read_line(&mut stream).await?)? {
        Question::Export { from } => export(&mut stream, uplink, from).await?,
        Question::Receipts {} => receipts(&mut stream, uplink).await?,
    }
    stream.shutdown().await
}

async fn export(stream: &mut UnixStream, uplink: &mpsc::Sender<Asked>, from: u64) -> io::Result<()> {
    let plan = ask(uplink, |reply| Asked::Plan { from, reply }).await?;
    let sheet = Sheet { position: plan.position, to: plan.to, head: plan.head, waiting: plan.waiting };
    write_line(stream, &sheet).await?;
    let mut position = plan.position;
    while position < plan.to {
        let loaded = ask(uplink, |reply| Asked::Load { position, to: plan.to, reply }).await?;
        // The buffer's disk failed: the connection ends without its last frame, and the other side knows.
        let (end, bytes) = loaded.ok_or_else(|| io::Error::other("a buffered record cannot be read"))?;
        stream.write_all(&(bytes.len() as u32).to_be_bytes()).await?;
        stream.write_all(&bytes).await?;
        position = end.max(position + 1);
    }
    stream.write_all(&0_u32.to_be_bytes()).await
}

async fn receipts(stream: &mut UnixStream, uplink: &mpsc::Sender<Asked>) -> io::Result<()> {
    let mut outcome = Outcome::default();
    while let Some(bytes) = read_frame(stream, SERVER_MESSAGE_MAX).await? {
        let Told { receipted, waiting, words } = ask(uplink, |reply| Asked::Message { bytes, reply }).await?;
        outcome.receipted += receipted;
        outcome.waiting = waiting;
        outcome.words.extend(words.into_iter().map(|words| [words.zh, words.en]));
        // Whoever sends thousands of wrong ones is told enough.
        outcome.words.truncate(WORDS_MAX);
    }
    write_line(stream, &outcome).await
}

async fn ask<T>(uplink: &mpsc::Sender<Asked>, asked: impl FnOnce(oneshot::Sender<T>) -> Asked) -> io::Result<T> {
    let gone = || io::Error::new(io::ErrorKind::BrokenPipe, "the agent is stopping");
    let (reply, answer) = oneshot::channel();
    uplink.send(asked(reply)).await.map_err(|_| gone())?;
    answer.await.map_err(|_| gone())
}

async fn read_line(stream: &mut UnixStream) -> io::Result<Vec<u8>> {
    let mut line = Vec::new();
    loop {
        match stream.read_u8().await? {
            b'\n' => return Ok(line),
            _ if line.len() == LINE_MAX => return Err(io::ErrorKind::InvalidData.into()),
            byte => line.push(byte),
        }
    }
}

async fn write_line(stream: &mut UnixStream, value: &impl Serialize) -> io::Result<()> {
    let mut line = serde_json::to_vec(value)?;
    line.push(b'\n');
    stream.write_all(&line).await
}

/// One frame: its length, big-endian, and its bytes; `None` for the empty one that ends a list.
async fn read_frame(stream: &mut (impl AsyncRead + Unpin), bytes_max: usize) -> io::Result<Option<Vec<u8>>> {
    let length = stream.read_u32().await? as usize;
    if length > bytes_max {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "a frame is longer than its kind allows"));
    }
    let mut bytes = vec![0; length];
    stream.read_exact(&mut bytes).await?;
    Ok((length > 0).then_some(bytes))
}

/// A connection to the running agent, for the command.
#[derive(Debug)]
pub struct Door(UnixStream);

impl Door {
    /// Knocks.
    ///
    /// # Errors
    /// When no agent runs on this state directory, or it is not for us.
    pub async fn open(state_dir: &Path) -> io::Result<Self> {
        UnixStream::connect(socket(state_dir)).await.map(Self)
    }

    /// Asks for a file of records; they follow with [`record`](Self::record).
    ///
    /// # Errors
    /// When the agent does not answer.
    pub async fn export(&mut self, from: u64) -> io::Result<Sheet> {
        write_line(&mut self.0, &Question::Export { from }).await?;
        Ok(serde_json::from_slice(&read_line(&mut self.0).await?)?)
    }

    /// The next record; `None` behind the last.
    ///
    /// # Errors
    /// When the agent ended, or its disk failed.
    pub async fn record(&mut self) -> io::Result<Option<Vec<u8>>> {
        read_frame(&mut self.0, RECORD_MAX).await
    }

    /// Hands server messages in.
    ///
    /// # Errors
    /// When the agent does not answer.
    pub async fn receipts(mut self, messages: &[Vec<u8>]) -> io::Result<Outcome> {
        write_line(&mut self.0, &Question::Receipts {}).await?;
        for message in messages {
            self.0.write_all(&(message.len() as u32).to_be_bytes()).await?;
            self.0.write_all(message).await?;
        }
        self.0.write_all(&0_u32.to_be_bytes()).await?;
        Ok(serde_json::from_slice(&read_line(&mut self.0).await?)?)
    }
}

/// Sentences in one outcome.
const WORDS_MAX: usize = 20;
