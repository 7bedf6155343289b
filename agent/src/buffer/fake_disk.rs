//! A disk in memory that fails the way disks fail.
//!
//! # Fault model
//!
//! | fault | what may happen | what never happens |
//! |---|---|---|
//! | power cut | every write since the last sync of that file is, independently, kept, lost, or torn by 512-byte sectors; one sector may itself be torn at any byte; later writes may survive earlier ones | a byte synced before the cut changes |
//! | power cut, names | every creation, rename, removal since the last directory sync is independently kept or lost; a name may survive while the file's length and data did not (empty file) | a rename leaves neither the old nor the new file |
//! | failed sync (EIO) | the writes stay visible until the next power cut and are never written (the kernel dropped the pages) | a later successful sync saves them |
//! | failed write (EIO) | a prefix was written | bytes elsewhere change |
//! | full disk | reserving blocks fails, nothing is created | a write into reserved blocks fails for lack of space |
//! | rot | any byte of any file flips; any file is cut at any offset | — |
//!
//! Every random choice comes from a seed; [`FakeDisk::cut_at`] cuts the power *during* the given operation, after
//! which every operation fails until [`FakeDisk::power_cycle`].

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard};

use super::storage::Storage;

const SECTOR: usize = 512;

/// SplitMix64: small, seeded, good enough to choose faults.
#[derive(Debug, Clone)]
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Below `end`, which must not be 0.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }
}

#[derive(Debug, Clone)]
enum Pending {
    Length(usize),
    Write { offset: usize, bytes: Vec<u8> },
}

#[derive(Debug, Clone, Default)]
struct Inode {
    durable: Vec<u8>,
    visible: Vec<u8>,
    pending: Vec<Pending>,
}

#[derive(Debug, Clone)]
struct NameChange {
    remove: Option<String>,
    add: Option<(String, usize)>,
}

#[derive(Debug, Default)]
struct State {
    inodes: Vec<Inode>,
    names: BTreeMap<String, usize>,
    durable_names: BTreeMap<String, usize>,
    pending_names: Vec<NameChange>,
    operations: u64,
    cut_at: Option<u64>,
    dead: bool,
    capacity: u64,
    fail_syncs: u32,
    fail_writes: u32,
}

/// See the module documentation.
#[derive(Debug, Clone)]
pub(crate) struct FakeDisk(Arc<Mutex<State>>);

impl FakeDisk {
    pub(crate) fn new(capacity: u64) -> Self {
        FakeDisk(Arc::new(Mutex::new(State { capacity, ..State::default() })))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().expect("no test panics while holding the disk")
    }

    /// Changing operations so far.
    pub(crate) fn operations(&self) -> u64 {
        self.state().operations
    }

    /// Cuts the power during changing operation number `operation` (counted from 0).
    pub(crate) fn cut_at(&self, operation: u64) {
        self.state().cut_at = Some(operation);
    }

    pub(crate) fn is_dead(&self) -> bool {
        self.state().dead
    }

    pub(crate) fn set_capacity(&self, bytes: u64) {
        self.state().capacity = bytes;
    }

    pub(crate) fn fail_next_sync(&self) {
        self.state().fail_syncs += 1;
    }

    pub(crate) fn fail_next_write(&self) {
        self.state().fail_writes += 1;
    }

    /// The disk as the next boot finds it after a power cut at this moment.
    pub(crate) fn power_cycle(&self, seed: u64) -> FakeDisk {
        let state = self.state();
        let mut random = Random(seed);
        let mut names = state.durable_names.clone();
        for change in &state.pending_names {
            if random.below(2) == 0 {
                continue;
            }
            if let Some(name) = &change.remove {
                names.remove(name);
            }
            if let Some((name, inode)) = &change.add {
                names.insert(name.clone(), *inode);
            }
        }
        let inodes: Vec<Inode> = state
            .inodes
            .iter()
            .map(|inode| {
                let mut bytes = inode.durable.clone();
                for pending in &inode.pending {
                    survive(&mut bytes, pending, &mut random);
                }
                Inode { durable: bytes.clone(), visible: bytes, pending: Vec::new() }
            })
            .collect();
        FakeDisk(Arc::new(Mutex::new(State {
            inodes,
            durable_names: names.clone(),
            names,
            capacity: state.capacity,
            ..State::default()
        })))
    }

    /// A copy on which everything written so far is durable: the disk after an orderly stop.
    pub(crate) fn copy(&self) -> FakeDisk {
        let state = self.state();
        let inodes = state.inodes.iter().map(|inode| Inode {
            durable: inode.visible.clone(),
            visible: inode.visible.clone(),
            pending: Vec::new(),
        });
        FakeDisk(Arc::new(Mutex::new(State {
            inodes: inodes.collect(),
            names: state.names.clone(),
            durable_names: state.names.clone(),
            capacity: state.capacity,
            ..State::default()
        })))
    }

    pub(crate) fn file_names(&self) -> Vec<String> {
        self.state().names.keys().cloned().collect()
    }

    pub(crate) fn file_length(&self, name: &str) -> usize {
        let state = self.state();
        state.inodes[state.names[name]].visible.len()
    }

    /// Rot: changes one byte.
    pub(crate) fn flip(&self, name: &str, offset: usize, mask: u8) {
        let mut state = self.state();
        let inode = state.names[name];
        state.inodes[inode].visible[offset] ^= mask;
        state.inodes[inode].durable[offset] ^= mask;
    }

    /// Rot: cuts a file.
    pub(crate) fn truncate(&self, name: &str, length: usize) {
        let mut state = self.state();
        let inode = state.names[name];
        state.inodes[inode].visible.truncate(length);
        state.inodes[inode].durable.truncate(length);
    }

    /// Counts one changing operation. `Ok(true)`: carry it out and then lose power.
    fn operation(&self) -> io::Result<(MutexGuard<'_, State>, bool)> {
        let mut state = self.state();
        if state.dead {
            return Err(io::Error::other("no power"));
        }
        let now = state.operations;
        state.operations += 1;
        let cut = state.cut_at == Some(now);
        state.dead = cut;
        Ok((state, cut))
    }
}

fn survive(bytes: &mut Vec<u8>, pending: &Pending, random: &mut Random) {
    let fate = random.below(3);
    if fate == 0 {
        return;
    }
    match pending {
        Pending::Length(length) => bytes.resize(*length, 0),
        Pending::Write { offset, bytes: written } => {
            for (index, sector) in sectors(*offset, written) {
                let kept = match (fate, random.below(8)) {
                    (1, _) => sector.len(),
                    (_, 0..=3) => 0,
                    (_, 4..=6) => sector.len(),
                    _ => random.below(sector.len() as u64 + 1) as usize,
                };
                let end = index + kept;
                if kept == 0 {
                    continue;
                }
                if bytes.len() < end {
                    bytes.resize(end, 0);
                }
                bytes[index..end].copy_from_slice(&sector[..kept]);
            }
        }
    }
}

/// Splits a write at sector boundaries of the file.
fn sectors(offset: usize, bytes: &[u8]) -> Vec<(usize, &[u8])> {
    let mut parts = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let end = (((offset + at) / SECTOR + 1) * SECTOR - offset).min(bytes.len());
        parts.push((offset + at, &bytes[at..end]));
        at = end;
    }
    parts
}

fn no_power() -> io::Error {
    io::Error::other("no power")
}

impl Storage for FakeDisk {
    type File = usize;

    fn list(&self) -> io::Result<Vec<String>> {
        Ok(self.file_names())
    }

    fn create(&self, name: &str, bytes: u64) -> io::Result<usize> {
        let (mut state, cut) = self.operation()?;
        if state.names.contains_key(name) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let used: u64 = state.names.values().map(|inode| state.inodes[*inode].visible.len() as u64).sum();
        if used + bytes > state.capacity {
            return Err(io::ErrorKind::StorageFull.into());
        }
        state.inodes.push(Inode {
            durable: Vec::new(),
            visible: vec![0; bytes as usize],
            pending: vec![Pending::Length(bytes as usize)],
        });
        let inode = state.inodes.len() - 1;
        state.names.insert(name.to_owned(), inode);
        state.pending_names.push(NameChange { remove: None, add: Some((name.to_owned(), inode)) });
        if cut { Err(no_power()) } else { Ok(inode) }
    }

    fn open(&self, name: &str) -> io::Result<usize> {
        self.state().names.get(name).copied().ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn length(&self, file: &usize) -> io::Result<u64> {
        Ok(self.state().inodes[*file].visible.len() as u64)
    }

    fn read_at(&self, file: &usize, offset: u64, into: &mut [u8]) -> io::Result<usize> {
        let state = self.state();
        let bytes = state.inodes[*file].visible.get(offset as usize..).unwrap_or(&[]);
        let count = bytes.len().min(into.len());
        into[..count].copy_from_slice(&bytes[..count]);
        Ok(count)
    }

    fn write_at(&self, file: &usize, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let (mut state, cut) = self.operation()?;
        let failing = state.fail_writes > 0;
        let written = if failing { &bytes[..bytes.len() / 2] } else { bytes };
        let offset = offset as usize;
        let inode = &mut state.inodes[*file];
        if inode.visible.len() < offset + written.len() {
            inode.visible.resize(offset + written.len(), 0);
        }
        inode.visible[offset..offset + written.len()].copy_from_slice(written);
        inode.pending.push(Pending::Write { offset, bytes: written.to_vec() });
        if failing {
            state.fail_writes -= 1;
            return Err(io::Error::other("medium error"));
        }
        if cut { Err(no_power()) } else { Ok(()) }
    }

    fn sync_data(&self, file: &usize) -> io::Result<()> {
        let (mut state, cut) = self.operation()?;
        if state.fail_syncs > 0 {
            state.fail_syncs -= 1;
            // The kernel marks the pages clean: visible, and never written.
            state.inodes[*file].pending.clear();
            return Err(io::Error::other("medium error"));
        }
        if cut {
            return Err(no_power());
        }
        let inode = &mut state.inodes[*file];
        for pending in std::mem::take(&mut inode.pending) {
            match pending {
                Pending::Length(length) => inode.durable.resize(length, 0),
                Pending::Write { offset, bytes } => {
                    let end = offset + bytes.len();
                    if inode.durable.len() < end {
                        inode.durable.resize(end, 0);
                    }
                    inode.durable[offset..end].copy_from_slice(&bytes);
                }
            }
        }
        Ok(())
    }

    fn sync_directory(&self) -> io::Result<()> {
        let (mut state, cut) = self.operation()?;
        if cut {
            return Err(no_power());
        }
        state.durable_names = state.names.clone();
        state.pending_names.clear();
        Ok(())
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let (mut state, cut) = self.operation()?;
        let inode = state.names.remove(from).ok_or(io::ErrorKind::NotFound)?;
        state.names.insert(to.to_owned(), inode);
        let change = NameChange { remove: Some(from.to_owned()), add: Some((to.to_owned(), inode)) };
        state.pending_names.push(change);
        if cut { Err(no_power()) } else { Ok(()) }
    }

    fn unlink(&self, name: &str) -> io::Result<()> {
        let (mut state, cut) = self.operation()?;
        state.names.remove(name).ok_or(io::ErrorKind::NotFound)?;
        state.pending_names.push(NameChange { remove: Some(name.to_owned()), add: None });
        if cut { Err(no_power()) } else { Ok(()) }
    }

    fn free_bytes(&self) -> io::Result<u64> {
        let state = self.state();
        let used: u64 = state.names.values().map(|inode| state.inodes[*inode].visible.len() as u64).sum();
        Ok(state.capacity.saturating_sub(used))
    }
}
