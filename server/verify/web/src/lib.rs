//! The verifier behind a page: a handful of functions that numbers and one buffer go through, by hand.
//!
//! Constraints
//! 1. The page brings `gz.read_at` and `gz.progress`; there is no clock, no network, no randomness, no thread.
//! 2. Bytes come in through one buffer: [`input`] makes room, the page fills it, and a function takes it. They go out
//!    through another: [`output`] and [`output_length`].
//! 3. Nothing is unsafe but the two words without which no name can be given to JavaScript or taken from it.

#![cfg(target_family = "wasm")]

use std::cell::RefCell;
use std::io;

use protocol::bundle::Source;
use verify::{KeptCheckpoints, Progress, Settings, Trust};

#[link(wasm_import_module = "gz")]
unsafe extern "C" {
    /// Fills `length` bytes at `into` from `offset` of the bundle on; 0 when it did.
    safe fn read_at(offset: u32, into: *mut u8, length: u32) -> i32;
    /// Is told what is being done: 0 files, 1 leaves, 2 records; pieces done, pieces in all.
    safe fn progress(what: u32, done: u32, of: u32);
}

#[derive(Default)]
struct Given {
    input: Vec<u8>,
    trust: Option<Trust>,
    kept: Option<KeptCheckpoints>,
    output: Vec<u8>,
}

thread_local! {
    static GIVEN: RefCell<Given> = RefCell::default();
}

fn with<T>(work: impl FnOnce(&mut Given) -> T) -> T {
    GIVEN.with(|given| work(&mut given.borrow_mut()))
}

/// The bundle, wherever the page has it.
struct Page {
    length: u64,
}

impl Source for Page {
    fn length(&self) -> u64 {
        self.length
    }

    fn read(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        let is_inside = offset.checked_add(buffer.len() as u64).is_some_and(|end| end <= self.length);
        let (Ok(offset), Ok(length), true) = (u32::try_from(offset), u32::try_from(buffer.len()), is_inside) else {
            return Err(io::ErrorKind::UnexpectedEof.into());
        };
        match read_at(offset, buffer.as_mut_ptr(), length) {
            0 => Ok(()),
            _ => Err(io::Error::other("the browser did not read the file / 浏览器未能读取文件")),
        }
    }
}

/// Room for so many bytes from the page.
#[unsafe(no_mangle)]
pub extern "C" fn input(length: usize) -> *mut u8 {
    with(|given| {
        given.input = vec![0; length];
        given.input.as_mut_ptr()
    })
}

/// Takes the input as trust file: 0, or 1 with a sentence in the output.
#[unsafe(no_mangle)]
pub extern "C" fn take_trust() -> u32 {
    with(|given| {
        let read = Trust::parse(&std::mem::take(&mut given.input));
        read.map(|trust| given.trust = Some(trust)).map_or_else(|why| given.say(&why), |()| 0)
    })
}

/// Takes the input as kept checkpoints: 0, or 1 with a sentence in the output.
#[unsafe(no_mangle)]
pub extern "C" fn take_kept() -> u32 {
    with(|given| {
        let read = KeptCheckpoints::parse(&std::mem::take(&mut given.input));
        read.map(|kept| given.kept = Some(kept)).map_or_else(|why| given.say(&why), |()| 0)
    })
}

/// Verifies a bundle of so many bytes; the outcome is in the output, the JSON of `gongzheng-verify --json`. Returns its exit code.
#[unsafe(no_mangle)]
pub extern "C" fn verify_bundle(length: f64) -> u32 {
    let (trust, kept) = with(|given| (given.trust.take(), given.kept.take()));
    let tell = |what: Progress, done: usize, of: usize| progress(what as u32, done as u32, of as u32);
    let settings = Settings { trust: trust.as_ref(), kept: kept.as_ref(), threads: 1, progress: &tell };
    let outcome = verify::verify_source(&Page { length: length as u64 }, &settings);
    with(|given| match serde_json::to_vec(&outcome) {
        Ok(json) => {
            given.output = json;
            outcome.verdict.exit_code().into()
        }
        Err(e) => {
            given.say(&e.to_string());
            3
        }
    })
}

/// Where the output lies.
#[unsafe(no_mangle)]
pub extern "C" fn output() -> *const u8 {
    with(|given| given.output.as_ptr())
}

/// How long it is.
#[unsafe(no_mangle)]
pub extern "C" fn output_length() -> usize {
    with(|given| given.output.len())
}

impl Given {
    fn say(&mut self, why: &str) -> u32 {
        self.output = why.as_bytes().to_vec();
        1
    }
}
