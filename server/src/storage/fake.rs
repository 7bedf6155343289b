//! A disk in memory whose power can be cut at any operation.
//!
//! Fault model: appended bytes that were not synced survive a power cut as an arbitrary prefix of the unsynced tail
//! (chosen by the seed); `replace`, `truncate`, `remove` happen wholly or not at all; the operation during which power
//! fails may have happened or not. "Full" makes every operation that writes fail with ENOSPC, an append after writing half
//! of its bytes.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Mutex, MutexGuard};

use super::Storage;

#[derive(Clone, Default)]
struct FakeFile {
    synced: Vec<u8>,
    tail: Vec<u8>,
}

#[derive(Default)]
struct State {
    files: BTreeMap<String, FakeFile>,
    operations: u64,
    cut_at: Option<u64>,
    dead: bool,
    full: bool,
    /// Bytes still free, where that is asked; as many as there are numbers by default.
    free: Option<u64>,
    /// Writing below this path is forbidden.
    forbidden: Option<String>,
    seed: u64,
}

/// See the module documentation.
#[derive(Default)]
pub(crate) struct FakeDisk(Mutex<State>);

impl FakeDisk {
    /// Cuts the power at the `n`-th writing operation from now.
    pub(crate) fn cut_power_at(&self, n: u64, seed: u64) {
        let mut state = self.state();
        state.cut_at = Some(state.operations + n);
        state.seed = seed;
    }

    /// Writing operations so far.
    pub(crate) fn operations(&self) -> u64 {
        self.state().operations
    }

    /// Makes the disk full, or gives space back.
    pub(crate) fn set_full(&self, full: bool) {
        self.state().full = full;
    }

    /// Says that so many bytes are free.
    pub(crate) fn leave(&self, free: u64) {
        self.state().free = Some(free);
    }

    /// Makes whoever uses the disk wait until the answer is dropped.
    pub(crate) fn stall(&self) -> impl Drop + use<'_> {
        self.state()
    }

    /// Lets nothing below a path be written any more, as a folder that changed its owner.
    pub(crate) fn forbid(&self, path: &str) {
        self.state().forbidden = Some(path.to_owned());
    }

    fn check(&self, path: &str) -> io::Result<()> {
        let forbidden = self.state().forbidden.as_ref().is_some_and(|below| path.starts_with(below));
        if forbidden {
            return Err(io::Error::new(io::ErrorKind::PermissionDenied, format!("{path}: permission denied")));
        }
        Ok(())
    }

    /// What is on the platters after the power cut, as a fresh disk.
    pub(crate) fn after_power_cut(&self) -> Self {
        let state = self.state();
        let mut seed = state.seed;
        let files = state
            .files
            .iter()
            .map(|(path, file)| {
                seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                let keep = (seed >> 33) as usize % (file.tail.len() + 1);
                let mut synced = file.synced.clone();
                synced.extend_from_slice(&file.tail[..keep]);
                (path.clone(), FakeFile { synced, tail: Vec::new() })
            })
            .collect();
        Self(Mutex::new(State { files, ..State::default() }))
    }

    /// A copy of everything, as a backup taken now.
    pub(crate) fn copy(&self) -> Self {
        Self(Mutex::new(State { files: self.state().files.clone(), ..State::default() }))
    }

    /// Flips one bit of a file.
    pub(crate) fn flip(&self, path: &str, at: usize) {
        let mut state = self.state();
        let file = state.files.get_mut(path).expect("the file exists");
        file.synced.append(&mut file.tail.split_off(0));
        file.synced[at] ^= 1;
    }

    /// All paths that start with `prefix`.
    pub(crate) fn paths(&self, prefix: &str) -> Vec<String> {
        self.state().files.keys().filter(|path| path.starts_with(prefix)).cloned().collect()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().expect("no test panics while holding the disk")
    }

    /// Counts a writing operation; `Err` when it must fail, with whether it takes effect all the same.
    fn write(&self) -> Result<MutexGuard<'_, State>, (MutexGuard<'_, State>, bool)> {
        let mut state = self.state();
        if state.dead {
            return Err((state, false));
        }
        state.operations += 1;
        if state.cut_at.is_some_and(|at| state.operations > at) {
            state.dead = true;
            let happened = state.seed.is_multiple_of(2);
            return Err((state, happened));
        }
        if state.full { Err((state, false)) } else { Ok(state) }
    }

    fn change(&self, apply: impl FnOnce(&mut State)) -> io::Result<()> {
        match self.write() {
            Ok(mut state) => {
                apply(&mut state);
                Ok(())
            }
            Err((mut state, happened)) => {
                if happened {
                    apply(&mut state);
                }
                Err(fault(&state))
            }
        }
    }
}

fn fault(state: &State) -> io::Error {
    if state.dead { io::Error::other("power cut") } else { io::ErrorKind::StorageFull.into() }
}

impl Storage for FakeDisk {
    fn read(&self, path: &str) -> io::Result<Vec<u8>> {
        let state = self.state();
        let file = state.files.get(path).ok_or(io::ErrorKind::NotFound)?;
        Ok([&file.synced[..], &file.tail].concat())
    }

    fn read_at(&self, path: &str, offset: u64, length: usize) -> io::Result<Vec<u8>> {
        let bytes = self.read(path)?;
        let from = usize::try_from(offset).map_err(io::Error::other)?;
        bytes.get(from..from + length).map(<[u8]>::to_vec).ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
    }

    fn size(&self, path: &str) -> io::Result<Option<u64>> {
        Ok(self.state().files.get(path).map(|file| (file.synced.len() + file.tail.len()) as u64))
    }

    fn list(&self, directory: &str) -> io::Result<Vec<String>> {
        let prefix = format!("{directory}/");
        let state = self.state();
        let mut names: Vec<String> = state
            .files
            .keys()
            .filter_map(|path| path.strip_prefix(&prefix))
            .map(|rest| rest.split('/').next().unwrap_or(rest).to_owned())
            .collect();
        names.dedup();
        Ok(names)
    }

    fn append(&self, path: &str, bytes: &[u8]) -> io::Result<()> {
        self.check(path)?;
        match self.write() {
            Ok(mut state) => {
                state.files.entry(path.to_owned()).or_default().tail.extend_from_slice(bytes);
                Ok(())
            }
            Err((mut state, happened)) => {
                if happened || (state.full && !state.dead) {
                    let half = &bytes[..bytes.len() / 2];
                    state.files.entry(path.to_owned()).or_default().tail.extend_from_slice(half);
                }
                Err(fault(&state))
            }
        }
    }

    fn sync(&self, path: &str) -> io::Result<()> {
        self.change(|state| {
            if let Some(file) = state.files.get_mut(path) {
                let tail = std::mem::take(&mut file.tail);
                file.synced.extend(tail);
            }
        })
    }

    fn replace(&self, path: &str, bytes: &[u8]) -> io::Result<()> {
        self.check(path)?;
        self.change(|state| {
            state.files.insert(path.to_owned(), FakeFile { synced: bytes.to_vec(), tail: Vec::new() });
        })
    }

    fn truncate(&self, path: &str, length: u64) -> io::Result<()> {
        // A real file system can cut a file on a full disk.
        let full = std::mem::replace(&mut self.state().full, false);
        let done = self.change(|state| {
            if let Some(file) = state.files.get_mut(path) {
                file.synced.append(&mut file.tail.split_off(0));
                file.synced.truncate(usize::try_from(length).unwrap_or(usize::MAX));
            }
        });
        self.state().full = full;
        done
    }

    fn remove(&self, path: &str) -> io::Result<()> {
        self.change(|state| {
            state.files.remove(path);
        })
    }

    fn free_bytes(&self) -> io::Result<u64> {
        let state = self.state();
        Ok(if state.full { 0 } else { state.free.unwrap_or(u64::MAX) })
    }
}
