//! The network of the simulation: a wire that misbehaves as a seed decides, and behind it devices whose every register says where
//! and when it was read.
//!
//! Constraints: one question at a time is decided, in the order they arrive, from one stream of chance, so a seed repeats a run;
//! everything that acts is written down ([`Log`]), because the judge must know what the right cause of a gap is.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use protocol::GapCause;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, ReadHalf, WriteHalf, duplex, split};
use tokio::time::Instant;

use super::acts::{Act, Chance, Question};
use crate::clock::{Clock, ClockReading, SyncState};
use crate::config::device::{Carrier, SerialPort};
use crate::source::modbus::plan::Request;
use crate::source::modbus::timing::{TURNAROUND_USUAL_US, request_us};
use crate::source::stream::{Dial, Opening, Stream};

/// The runtime's clock, which jumps from one event to the next, as the agent's clock.
#[derive(Debug)]
pub(super) struct VirtualClock(Instant);

impl VirtualClock {
    pub(super) const START_MS: i64 = 1_000_000;

    pub(super) fn new() -> Self {
        Self(Instant::now())
    }
}

impl Clock for VirtualClock {
    fn boot_ms(&self) -> i64 {
        Self::START_MS + i64::try_from(self.0.elapsed().as_millis()).expect("a short run")
    }

    fn read(&self) -> ClockReading {
        ClockReading { boot_id: [0; 16], boot_ms: self.boot_ms(), wall_ms: self.boot_ms(), sync: SyncState::Unknown }
    }
}

/// What the wire carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Framing {
    Tcp,
    RtuOverTcp,
    Serial,
}

/// What is wrong with the whole wire for a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trouble {
    /// The device lost its power: nothing answers, and connections from before are unknown to it afterwards.
    PowerOff,
    /// It restarts: connections are closed and new ones refused.
    Restart,
    /// Everything vanishes on the way; afterwards the connections are as before.
    BlackHole,
    /// One unit of a shared line is off.
    UnitOff(u8),
    /// The connection that is open at the beginning is dead from then on, and nobody says so. New ones are served.
    HalfOpen,
}

/// A trouble and its time, `[from, to)` in milliseconds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Spell {
    pub(super) from_ms: i64,
    pub(super) to_ms: i64,
    pub(super) trouble: Trouble,
}

/// How a run is set up.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    pub(super) framing: Framing,
    /// A bus with its own speed: every question takes the time its bytes take, and 20 ms of thought.
    pub(super) pace: Option<SerialPort>,
    /// Whether several slaves use the wire.
    pub(super) is_shared: bool,
    pub(super) timeout_ms: i64,
    /// Latest moment after a time-out at which an answer still comes.
    pub(super) late_ms: i64,
    /// Single questions go wrong until then.
    pub(super) calm_ms: i64,
    /// Of a hundred questions, this many go wrong before `calm_ms`.
    pub(super) wrong_percent: u64,
    pub(super) spells: Vec<Spell>,
    pub(super) seed: u64,
}

/// A question as it reached the wire.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked {
    pub(super) ms: i64,
    pub(super) question: Question,
}

/// Something went wrong, and these are the causes a gap may truthfully give for it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wrong {
    pub(super) ms: i64,
    /// `None`: whoever used the wire then.
    pub(super) unit: Option<u8>,
    pub(super) causes: &'static [GapCause],
}

/// What happened, for the judge.
#[derive(Debug, Default)]
pub(super) struct Log {
    pub(super) asked: Vec<Asked>,
    pub(super) wrongs: Vec<Wrong>,
    /// The last moment anything acted.
    pub(super) acted_ms: i64,
}

pub(super) const SILENT: &[GapCause] = &[GapCause::DeviceSilent];
const GARBLED: &[GapCause] = &[GapCause::NonsenseValue, GapCause::DeviceSilent];

struct State {
    chance: Chance,
    log: Log,
    /// Number of the connection that is open; counts up.
    connection: u64,
    /// Connections up to this number are dead without a word.
    dead: u64,
    /// Connections up to this number are unknown to the device, which says so when it hears from them.
    unknown: u64,
    /// What the answer before left on the wire for the next question.
    leftover: &'static [GapCause],
    /// Per unit: when its last answer is delivered. A slave answers in order.
    busy_ms: [i64; 256],
}

/// The wire.
pub(super) struct Network {
    clock: VirtualClock,
    plan: Plan,
    state: Mutex<State>,
    writer: tokio::sync::Mutex<Option<WriteHalf<DuplexStream>>>,
}

/// One piece of an answer.
pub(super) struct Piece {
    /// After the question, milliseconds.
    pub(super) after_ms: i64,
    pub(super) bytes: Vec<u8>,
    /// Closes the connection afterwards.
    pub(super) close: bool,
}

impl Network {
    /// Call inside the runtime.
    pub(super) fn start(plan: Plan) -> Arc<Self> {
        let acted_ms = plan.spells.iter().map(|s| s.to_ms).max().unwrap_or(0);
        let state = State {
            chance: Chance(plan.seed),
            log: Log { acted_ms, ..Log::default() },
            connection: 0,
            dead: 0,
            unknown: 0,
            leftover: &[],
            busy_ms: [0; 256],
        };
        let network = Arc::new(Self {
            clock: VirtualClock::new(),
            plan,
            state: Mutex::new(state),
            writer: tokio::sync::Mutex::default(),
        });
        tokio::spawn(network.clone().live_through_the_spells());
        network
    }

    pub(super) fn take_log(&self) -> Log {
        std::mem::take(&mut self.lock().log)
    }

    /// The last moment anything acted.
    pub(super) fn acted_ms(&self) -> i64 {
        self.lock().log.acted_ms
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> i64 {
        self.clock.boot_ms()
    }

    fn is_serial(&self) -> bool {
        self.plan.framing == Framing::Serial
    }

    fn suffers(&self, now: i64, what: impl Fn(Trouble) -> bool) -> bool {
        self.plan.spells.iter().any(|s| (s.from_ms..s.to_ms).contains(&now) && what(s.trouble))
    }

    fn is_cut(&self, now: i64) -> bool {
        self.suffers(now, |t| matches!(t, Trouble::PowerOff | Trouble::Restart | Trouble::BlackHole))
    }

    async fn live_through_the_spells(self: Arc<Self>) {
        for spell in &self.plan.spells {
            let wait = u64::try_from(spell.from_ms - self.now()).unwrap_or(0);
            tokio::time::sleep(Duration::from_millis(wait)).await;
            match spell.trouble {
                Trouble::HalfOpen if !self.is_serial() => {
                    let mut state = self.lock();
                    state.dead = state.connection;
                }
                Trouble::PowerOff if !self.is_serial() => {
                    let mut state = self.lock();
                    state.unknown = state.connection;
                }
                Trouble::Restart => self.hang_up(spell.from_ms).await,
                _ => {}
            }
        }
    }

    async fn hang_up(&self, now: i64) {
        if let Some(mut writer) = self.writer.lock().await.take() {
            let _ = writer.shutdown().await;
        }
        self.lock().log.wrongs.push(Wrong { ms: now, unit: None, causes: SILENT });
    }

    async fn open(self: Arc<Self>) -> std::io::Result<Box<dyn Stream>> {
        let now = self.now();
        if self.is_cut(now) {
            let is_refused = self.suffers(now, |t| t == Trouble::Restart);
            if is_refused || !self.is_serial() {
                self.lock().log.wrongs.push(Wrong { ms: now, unit: None, causes: SILENT });
            }
            if is_refused {
                return Err(std::io::ErrorKind::ConnectionRefused.into());
            }
            if !self.is_serial() {
                std::future::pending::<()>().await;
            }
        }
        let (ours, theirs) = duplex(65_536);
        let (reader, writer) = split(ours);
        *self.writer.lock().await = Some(writer);
        let id = {
            let mut state = self.lock();
            state.connection += 1;
            if self.plan.framing == Framing::Tcp {
                state.busy_ms = [0; 256];
            }
            state.connection
        };
        tokio::spawn(self.clone().serve(id, reader));
        Ok(Box::new(theirs))
    }

    async fn serve(self: Arc<Self>, id: u64, mut reader: ReadHalf<DuplexStream>) {
        let mut frame = vec![0u8; if self.plan.framing == Framing::Tcp { 12 } else { 8 }];
        while reader.read_exact(&mut frame).await.is_ok() {
            let pieces = self.hear(id, &frame);
            if !pieces.is_empty() {
                tokio::spawn(self.clone().deliver(
                    id,
                    self.now(),
                    frame[if frame.len() == 12 { 6 } else { 0 }],
                    pieces,
                ));
            }
        }
    }

    /// One question, and what will come back for it.
    fn hear(&self, id: u64, frame: &[u8]) -> Vec<Piece> {
        let now = self.now();
        let question = Question::parse(frame, self.plan.framing);
        let mut state = self.lock();
        state.log.asked.push(Asked { ms: now, question });
        let unit = Some(question.unit);
        let leftover = std::mem::take(&mut state.leftover);
        if !leftover.is_empty() {
            state.log.wrongs.push(Wrong { ms: now, unit, causes: leftover });
        }
        if self.is_cut(now) || self.suffers(now, |t| t == Trouble::UnitOff(question.unit)) || id <= state.dead {
            state.log.wrongs.push(Wrong { ms: now, unit, causes: SILENT });
            if self.plan.is_shared {
                // On a line that is asked rarely a dead connection is not noticed before somebody is asked; it acts until then.
                state.log.acted_ms = state.log.acted_ms.max(now);
            }
            return Vec::new();
        }
        if id <= state.unknown {
            state.log.wrongs.push(Wrong { ms: now, unit: None, causes: SILENT });
            return vec![Piece { after_ms: 0, bytes: Vec::new(), close: true }];
        }
        let quick_ms = match &self.plan.pace {
            None => state.chance.between(1, 16),
            Some(port) => {
                let Question { area, address, count, .. } = question;
                let request = Request { area, address, count, placed: Vec::new() };
                i64::try_from(request_us(port, &request, TURNAROUND_USUAL_US).div_ceil(1_000)).expect("short")
            }
        };
        let free_ms = state.busy_ms[usize::from(question.unit)] + 1;
        // Behind a late answer of the same slave: late as well, and nothing else, since a damaged answer that comes late enough is
        // indistinguishable from a sound one to another question.
        let is_behind = free_ms > now + quick_ms;
        let is_wrong = now < self.plan.calm_ms && state.chance.below(100) < self.plan.wrong_percent;
        let act = match is_wrong && !is_behind {
            true => Act::draw(&mut state.chance, &self.plan, question.answer(now).len()),
            false => Act::Right,
        };
        let quick_ms = if is_behind { free_ms - now } else { quick_ms };
        let (pieces, causes) = act.pieces(&mut state.chance, question, now, quick_ms, &self.plan);
        let last_ms = now + pieces.last().map_or(0, |p| p.after_ms);
        state.busy_ms[usize::from(question.unit)] = last_ms;
        if act != Act::Right {
            state.log.acted_ms = state.log.acted_ms.max(last_ms).max(now);
        }
        if matches!(act, Act::Merged | Act::Duplicate | Act::RefuseThenAnswer) {
            state.leftover = GARBLED;
        }
        if !causes.is_empty() {
            state.log.wrongs.push(Wrong { ms: now, unit, causes });
        }
        if last_ms - now >= self.plan.timeout_ms {
            state.log.acted_ms = state.log.acted_ms.max(last_ms);
            state.log.wrongs.push(Wrong { ms: now, unit, causes: SILENT });
            if question.answer(now)[1] >= 0x80 {
                // It may be taken for the refusal of what is asked then; both were silent, and one was refused.
                state.log.wrongs.push(Wrong { ms: last_ms, unit, causes: &[GapCause::DeviceRefused] });
            }
            // It spoils what is asked then: recognised as late, unless it is a rest or runs into another slave's answer.
            let causes = if act.is_torn() || self.plan.is_shared { GARBLED } else { SILENT };
            state.log.wrongs.push(Wrong { ms: last_ms, unit: None, causes });
        }
        pieces
    }

    async fn deliver(self: Arc<Self>, id: u64, asked_ms: i64, unit: u8, pieces: Vec<Piece>) {
        for (index, piece) in pieces.into_iter().enumerate() {
            let wait = u64::try_from(asked_ms + piece.after_ms - self.now()).unwrap_or(0);
            tokio::time::sleep(Duration::from_millis(wait)).await;
            let now = self.now();
            if self.is_cut(now) || id <= self.lock().dead {
                let causes = if index == 0 { SILENT } else { GARBLED };
                self.lock().log.wrongs.push(Wrong { ms: asked_ms, unit: Some(unit), causes });
                return;
            }
            // A TCP answer dies with its connection; a serial server hands bytes to whoever is connected by then.
            if self.plan.framing == Framing::Tcp && id != self.lock().connection {
                return;
            }
            if piece.close {
                self.put(&piece.bytes).await;
                self.hang_up(now).await;
                return;
            }
            self.put(&piece.bytes).await;
            tokio::task::yield_now().await;
        }
    }

    async fn put(&self, bytes: &[u8]) {
        if let Some(writer) = &mut *self.writer.lock().await {
            // Nobody may be listening any more.
            let _ = writer.write_all(bytes).await;
        }
    }
}

/// One end of the wire.
pub(super) struct Plug(pub(super) Arc<Network>);

impl Dial for Plug {
    fn dial<'a>(&'a self, _: &'a Carrier) -> Opening<'a> {
        Box::pin(self.0.clone().open())
    }
}
