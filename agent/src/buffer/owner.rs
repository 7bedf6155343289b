//! The thread that owns the buffer.
//!
//! An SD card may hold a sync for seconds. Polling must not wait for it, so the buffer has its own thread and everybody else
//! a [`BufferHandle`]. Commands are carried out in order: whoever asked first is first.

use std::io;
use std::thread::JoinHandle;

use tokio::sync::{mpsc, oneshot};

use super::storage::Storage;
use super::{AppendError, Buffer, Entry, Stats};

/// Commands waiting for the disk.
const QUEUE_MAX: usize = 64;

/// A commit that did not (wholly) succeed.
#[derive(Debug)]
pub struct CommitError {
    /// How many of the records were accepted; do not offer these again, only commit again (with the rest, or with nothing).
    pub accepted: usize,
    /// Why.
    pub error: AppendError,
}

enum Command {
    Commit { records: Vec<Vec<u8>>, closing: bool, reply: oneshot::Sender<Result<u64, CommitError>> },
    Read { position: u64, reply: oneshot::Sender<io::Result<Entry>> },
    Receipted { end: u64, server_ms: i64, logged_end: u64 },
    Withdraw { end: u64 },
    Housekeep { reply: oneshot::Sender<io::Result<Stats>> },
}

/// Access to the buffer from tasks.
#[derive(Debug, Clone)]
pub struct BufferHandle {
    sender: mpsc::Sender<Command>,
}

/// The owning thread; joined after the last handle is gone.
#[derive(Debug)]
pub struct Owner {
    thread: JoinHandle<()>,
}

impl Owner {
    /// Waits until every command was carried out and the cursor was saved. All handles must have been dropped.
    pub fn join(self) {
        if self.thread.join().is_err() {
            tracing::error!("The buffer's thread panicked.");
        }
    }
}

/// Hands the buffer to its own thread.
///
/// # Errors
/// When no thread can be started.
pub fn spawn<S: Storage + 'static>(mut buffer: Buffer<S>) -> io::Result<(BufferHandle, Owner)>
where
    S::File: 'static,
{
    let (sender, mut receiver) = mpsc::channel(QUEUE_MAX);
    let thread = std::thread::Builder::new().name("buffer".to_owned()).spawn(move || {
        while let Some(command) = receiver.blocking_recv() {
            carry_out(&mut buffer, command);
        }
        if let Err(error) = buffer.save_cursor() {
            tracing::warn!(%error, "The cursor was not saved; records are sent again at the next start.");
        }
    })?;
    Ok((BufferHandle { sender }, Owner { thread }))
}

fn carry_out<S: Storage>(buffer: &mut Buffer<S>, command: Command) {
    // A dropped receiver means that the task which asked is gone; there is nobody to tell.
    match command {
        Command::Commit { records, closing, reply } => drop(reply.send(commit(buffer, &records, closing))),
        Command::Read { position, reply } => drop(reply.send(buffer.read(position))),
        Command::Receipted { end, server_ms, logged_end } => {
            buffer.receipted(end, server_ms);
            buffer.logged(logged_end);
        }
        Command::Withdraw { end } => buffer.receipt_withdrawn(end),
        Command::Housekeep { reply } => {
            let outcome = buffer.trim().and_then(|_| buffer.save_cursor());
            drop(reply.send(outcome.map(|()| buffer.stats())));
        }
    }
}

fn commit<S: Storage>(buffer: &mut Buffer<S>, records: &[Vec<u8>], closing: bool) -> Result<u64, CommitError> {
    for (accepted, record) in records.iter().enumerate() {
        let appended = if closing { buffer.append_closing(record) } else { buffer.append(record) };
        if let Err(error) = appended {
            // What was accepted is made durable now, so that the next attempt starts clean.
            let _ = buffer.sync();
            return Err(CommitError { accepted, error });
        }
    }
    buffer.sync().map_err(|error| CommitError { accepted: records.len(), error })
}

/// The buffer's thread ended; only at shutdown, or after a panic there.
fn gone() -> io::Error {
    io::Error::new(io::ErrorKind::BrokenPipe, "the buffer's thread has ended")
}

impl BufferHandle {
    /// Appends and syncs; returns the end of the durable positions.
    ///
    /// # Errors
    /// See [`CommitError`].
    pub async fn commit(&self, records: Vec<Vec<u8>>, closing: bool) -> Result<u64, CommitError> {
        let (reply, answer) = oneshot::channel();
        let command = Command::Commit { records, closing, reply };
        let failed = |_| CommitError { accepted: 0, error: AppendError::Disk(gone()) };
        self.sender.send(command).await.map_err(|_| failed(()))?;
        answer.await.map_err(|_| failed(()))?
    }

    /// What a position holds.
    ///
    /// # Errors
    /// Any I/O error.
    pub async fn read(&self, position: u64) -> io::Result<Entry> {
        let (reply, answer) = oneshot::channel();
        self.sender.send(Command::Read { position, reply }).await.map_err(|_| gone())?;
        answer.await.map_err(|_| gone())?
    }

    /// Notes a receipt; see [`Buffer::receipted`] and [`Buffer::logged`].
    pub async fn receipted(&self, end: u64, server_ms: i64, logged_end: u64) {
        drop(self.sender.send(Command::Receipted { end, server_ms, logged_end }).await);
    }

    /// See [`Buffer::receipt_withdrawn`].
    pub async fn withdraw(&self, end: u64) {
        drop(self.sender.send(Command::Withdraw { end }).await);
    }

    /// Trims, saves the cursor and returns the numbers for the status page.
    ///
    /// # Errors
    /// Any I/O error; everything is tried again next time.
    pub async fn housekeep(&self) -> io::Result<Stats> {
        let (reply, answer) = oneshot::channel();
        self.sender.send(Command::Housekeep { reply }).await.map_err(|_| gone())?;
        answer.await.map_err(|_| gone())?
    }
}
