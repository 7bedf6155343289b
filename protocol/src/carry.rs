//! A file that carries what the network would: a gateway's records to the server, the server's answers back.
//!
//! ```text
//! "GZCARRY1"  u32 length  head, canonical JSON  { u32 length  message }…  u32 0  SHA-256 of everything before it
//! ```
//!
//! Constraints
//! 1. A message is what would have been published, byte for byte. The file adds nothing that is believed: a record stands by its
//!    signature, a receipt by the server's; head and digest only help to say what is missing.
//! 2. Read from a stranger's stick, in one pass, one message in memory, none longer than its kind allows.
//! 3. A file that was cut off gives every whole message before the cut ([`End::Cut`]).
//! 4. Small enough for FAT32, whose files end at 4 GiB: [`RECORDS_MAX`] records.

use std::io::{self, Read, Write};

use serde::{Deserialize, Serialize};

use crate::{
    ChainId, Digest, DigestWriter, Error, GatewayId, Result, SiteId, canonical_json,
    receipt::SERVER_MESSAGE_MAX,
    record::{RECORD_MAX, check_sequence},
};

/// Most records a program writes into one file: at most 1.1 GB.
pub const RECORDS_MAX: u64 = 4096;
/// Longest head, bytes.
pub const HEAD_MAX: usize = 1024;
/// Extension of a file of records.
pub const RECORDS: &str = "records";
/// Extension of a file of receipts.
pub const RECEIPTS: &str = "receipts";
/// Extension of a file that is not whole yet.
pub const PART: &str = "part";

const MAGIC: &[u8; 8] = b"GZCARRY1";

/// Whose messages these are, and which.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Head {
    /// The site.
    pub site: SiteId,
    /// The gateway.
    pub gateway: GatewayId,
    /// What is carried.
    pub cargo: Cargo,
}

/// What a file carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Cargo {
    /// Records of one chain, in order.
    Records {
        /// Which chain.
        chain: ChainId,
        /// The first sequence.
        first: u64,
        /// The last sequence.
        last: u64,
    },
    /// Signed messages of the server: receipts, and refusals beside them.
    Receipts {},
}

impl Head {
    /// How the names of its files begin: dots, which names do not have, keep two gateways apart.
    pub fn stem(&self) -> String {
        format!("gongzheng.{}.{}", self.site, self.gateway)
    }

    /// Longest message of this cargo, bytes.
    fn message_max(&self) -> usize {
        match self.cargo {
            Cargo::Records { .. } => RECORD_MAX,
            Cargo::Receipts {} => SERVER_MESSAGE_MAX,
        }
    }

    fn encode(&self) -> Result<Vec<u8>> {
        let json = serde_json::to_value(self).map_err(|e| Error::malformed("carry file", e.to_string()))?;
        canonical_json(&json)
    }

    fn decode(bytes: &[u8]) -> Result<Self> {
        let head: Self =
            serde_json::from_slice(bytes).map_err(|e| Error::malformed("carry file", format!("its head: {e}")))?;
        if let Cargo::Records { first, last, .. } = head.cargo {
            check_sequence("carry file", last)?;
            if first > last {
                return Err(Error::malformed("carry file", format!("its head names records {first} to {last}")));
            }
        }
        // One encoding: what a reader shows is what is there.
        if head.encode()? != bytes {
            return Err(Error::malformed("carry file", "its head is not canonical"));
        }
        Ok(head)
    }
}

/// Writes a file.
pub struct Writer<W> {
    inner: W,
    digest: DigestWriter,
}

impl<W: Write> Writer<W> {
    /// Begins with the head.
    ///
    /// # Errors
    /// Whatever the writing met.
    pub fn new(inner: W, head: &Head) -> io::Result<Self> {
        let mut writer = Self { inner, digest: DigestWriter::default() };
        writer.put(MAGIC)?;
        writer.message(&head.encode().map_err(io::Error::other)?)?;
        Ok(writer)
    }

    /// Adds a message; an empty one would be the end.
    ///
    /// # Errors
    /// Whatever the writing met.
    pub fn message(&mut self, message: &[u8]) -> io::Result<()> {
        let length = u32::try_from(message.len()).map_err(io::Error::other)?;
        self.put(&length.to_be_bytes())?;
        self.put(message)
    }

    /// Writes the end and gives back what was written to.
    ///
    /// # Errors
    /// Whatever the writing met.
    pub fn finish(mut self) -> io::Result<W> {
        self.put(&0_u32.to_be_bytes())?;
        self.inner.write_all(&self.digest.finish().0)?;
        Ok(self.inner)
    }

    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.digest.update(bytes);
        self.inner.write_all(bytes)
    }
}

/// How a file ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// Whole: every byte is the one that was written.
    Whole,
    /// Cut off: everything before is there.
    Cut,
    /// Changed or damaged; what came before the damage stands by its own signatures.
    Damaged,
}

/// The next thing in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// A message.
    Message(Vec<u8>),
    /// Nothing more.
    End(End),
}

/// Reads a file.
pub struct Reader<R> {
    inner: R,
    head: Head,
    /// Of everything read so far.
    digest: DigestWriter,
    end: Option<End>,
}

impl<R: Read> Reader<R> {
    /// Reads the head. `None`: the file is too short to have one, as when a stick was pulled out at once.
    ///
    /// # Errors
    /// Outside, whatever the reading met; inside, what is wrong with the head.
    pub fn open(mut inner: R) -> io::Result<Result<Option<Self>>> {
        let mut digest = DigestWriter::default();
        let mut start = [0; MAGIC.len() + 4];
        let count = fill(&mut inner, &mut start)?;
        let (magic, length) = start.split_at(MAGIC.len());
        if !MAGIC.starts_with(&magic[..count.min(MAGIC.len())]) {
            return Ok(Err(Error::malformed("carry file", "it does not begin like one of this version")));
        }
        if count < start.len() {
            return Ok(Ok(None));
        }
        let length = u32::from_be_bytes([length[0], length[1], length[2], length[3]]) as usize;
        if length > HEAD_MAX {
            return Ok(Err(Error::TooLarge { what: "carry file's head", got: length as u64, max: HEAD_MAX as u64 }));
        }
        let mut head = vec![0; length];
        if fill(&mut inner, &mut head)? < length {
            return Ok(Ok(None));
        }
        digest.update(&start).update(&head);
        Ok(Head::decode(&head).map(|head| Some(Self { inner, head, digest, end: None })))
    }

    /// Whose messages, and which were to be in it.
    pub fn head(&self) -> &Head {
        &self.head
    }

    /// The next message, or how the file ends.
    ///
    /// # Errors
    /// Whatever the reading met.
    pub fn next_piece(&mut self) -> io::Result<Piece> {
        if let Some(end) = self.end {
            return Ok(Piece::End(end));
        }
        let mut length = [0; 4];
        if self.take(&mut length)? < length.len() {
            return Ok(self.ends(End::Cut));
        }
        let length = u32::from_be_bytes(length) as usize;
        if length > self.head.message_max() {
            return Ok(self.ends(End::Damaged));
        }
        if length > 0 {
            let mut message = vec![0; length];
            return Ok(match self.take(&mut message)? == length {
                true => Piece::Message(message),
                false => self.ends(End::Cut),
            });
        }
        let wanted = self.digest.clone().finish();
        let mut stated = [0; 32];
        let end = match self.take(&mut stated)? {
            32 if Digest(stated) == wanted && self.take(&mut [0])? == 0 => End::Whole,
            32 => End::Damaged,
            _ => End::Cut,
        };
        Ok(self.ends(end))
    }

    /// SHA-256 of everything read so far: of a whole file or a cut one, at its end, what `sha256sum` says.
    pub fn digest(&self) -> Digest {
        self.digest.clone().finish()
    }

    fn ends(&mut self, end: End) -> Piece {
        self.end = Some(end);
        Piece::End(end)
    }

    fn take(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = fill(&mut self.inner, buffer)?;
        self.digest.update(&buffer[..count]);
        Ok(count)
    }
}

/// Reads until the buffer is full or nothing more comes; how much that was.
fn fill(inner: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut count = 0;
    while count < buffer.len() {
        match inner.read(&mut buffer[count..]) {
            Ok(0) => break,
            Ok(more) => count += more,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(count)
}
