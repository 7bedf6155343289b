//! Work in pieces over several threads, its results taken in order.
//!
//! Constraints
//! 1. What is taken, and in which order, does not depend on the number of threads.
//! 2. At most [`AHEAD`] results wait to be taken: memory does not grow with the number of pieces.
//! 3. Where there are no threads (a browser), everything happens on the one there is.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// Results that may wait: as many as are worked off while the taker evaluates a day.
const AHEAD: usize = 16;
/// More threads than this gain nothing: one of them takes the results in order.
const THREADS_MAX: usize = 8;

/// How many threads to work with here.
pub(crate) fn threads() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get).min(THREADS_MAX)
}

struct Desk<T> {
    /// The next piece nobody has begun.
    next: usize,
    /// Pieces taken.
    taken: usize,
    done: BTreeMap<usize, T>,
    /// Nobody shall begin another: the taker has enough, or a thread died.
    is_closed: bool,
}

struct Room<T> {
    desk: Mutex<Desk<T>>,
    changed: Condvar,
    count: usize,
}

impl<T> Room<T> {
    fn desk(&self) -> MutexGuard<'_, Desk<T>> {
        self.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'d>(&self, desk: MutexGuard<'d, Desk<T>>) -> MutexGuard<'d, Desk<T>> {
        self.changed.wait(desk).unwrap_or_else(PoisonError::into_inner)
    }

    /// A piece to begin now, if one may be.
    fn begin(&self, desk: &mut Desk<T>) -> Option<usize> {
        let may = desk.next < self.count && desk.next < desk.taken + AHEAD;
        may.then(|| {
            desk.next += 1;
            desk.next - 1
        })
    }

    fn put(&self, piece: usize, result: T) {
        self.desk().done.insert(piece, result);
        self.changed.notify_all();
    }
}

/// Closes the room when its owner leaves it for good: the taker always, a helper when it dies, for it must not be waited for.
struct Closing<'r, T> {
    room: &'r Room<T>,
    is_taker: bool,
}

impl<T> Drop for Closing<'_, T> {
    fn drop(&mut self) {
        if self.is_taker || std::thread::panicking() {
            self.room.desk().is_closed = true;
            self.room.changed.notify_all();
        }
    }
}

/// Does pieces `0..count` on `threads` threads and gives their results to `take` in order, on this one, until it breaks.
pub(crate) fn in_order<T: Send>(
    threads: usize,
    count: usize,
    work: impl Fn(usize) -> T + Sync,
    mut take: impl FnMut(T) -> ControlFlow<()>,
) {
    if threads < 2 || count < 2 {
        let _ = (0..count).try_for_each(|piece| take(work(piece)));
        return;
    }
    let desk = Desk { next: 0, taken: 0, done: BTreeMap::new(), is_closed: false };
    let room = Room { desk: Mutex::new(desk), changed: Condvar::new(), count };
    std::thread::scope(|scope| {
        let closing = Closing { room: &room, is_taker: true };
        for _ in 1..threads.min(count) {
            scope.spawn(|| help(&room, &work));
        }
        for piece in 0..count {
            let Some(result) = fetch(&room, piece, &work) else { break };
            if take(result).is_break() {
                break;
            }
        }
        drop(closing);
    });
}

/// Does two things, beside each other where there are threads.
pub(crate) fn both<A, B: Send>(threads: usize, here: impl FnOnce() -> A, there: impl FnOnce() -> B + Send) -> (A, B) {
    if threads < 2 {
        return (here(), there());
    }
    std::thread::scope(|scope| {
        let there = scope.spawn(there);
        let here = here();
        // A panic over there is one here.
        let there = there.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        (here, there)
    })
}

fn help<T: Send>(room: &Room<T>, work: &(impl Fn(usize) -> T + Sync)) {
    let _closing = Closing { room, is_taker: false };
    let mut desk = room.desk();
    loop {
        if desk.is_closed || desk.next >= room.count {
            break;
        }
        match room.begin(&mut desk) {
            Some(piece) => {
                drop(desk);
                room.put(piece, work(piece));
                desk = room.desk();
            }
            None => desk = room.wait(desk),
        }
    }
}

/// The result of a piece: waits for it, and works meanwhile.
fn fetch<T: Send>(room: &Room<T>, piece: usize, work: &(impl Fn(usize) -> T + Sync)) -> Option<T> {
    let mut desk = room.desk();
    loop {
        if let Some(result) = desk.done.remove(&piece) {
            desk.taken = piece + 1;
            room.changed.notify_all();
            return Some(result);
        }
        if desk.is_closed {
            return None;
        }
        match room.begin(&mut desk) {
            Some(other) => {
                drop(desk);
                room.put(other, work(other));
                desk = room.desk();
            }
            None => desk = room.wait(desk),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_come_in_order_whatever_the_threads() {
        for threads in [1, 2, 3, 7] {
            let mut taken = Vec::new();
            let work = |piece: usize| {
                if piece.is_multiple_of(3) {
                    std::thread::yield_now();
                }
                piece * piece
            };
            in_order(threads, 500, work, |result| {
                taken.push(result);
                ControlFlow::Continue(())
            });
            assert_eq!(taken, (0..500).map(|p| p * p).collect::<Vec<_>>(), "{threads} threads");
        }
    }

    #[test]
    fn who_takes_may_stop_and_little_is_done_in_vain() {
        let begun = Mutex::new(0);
        let mut taken = 0;
        in_order(
            4,
            10_000,
            |_| *begun.lock().unwrap() += 1,
            |()| {
                taken += 1;
                if taken == 10 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            },
        );
        assert_eq!(taken, 10);
        assert!(*begun.lock().unwrap() <= 10 + AHEAD, "no more than may wait was begun");
    }

    #[test]
    #[should_panic = "a scoped thread panicked"]
    fn a_thread_that_dies_is_not_waited_for() {
        let here = std::thread::current().id();
        let work = |_| assert!(std::thread::current().id() == here, "not on the first thread");
        in_order(2, 1_000_000, work, |()| {
            std::thread::yield_now();
            ControlFlow::Continue(())
        });
    }
}
