//! One carrier and the devices on it: who is asked when. I/O loop; its decisions are `schedule`, and `plan` of the protocol.
//!
//! Constraints:
//! 1. One task per carrier, so a dead device on its own connection delays nobody else.
//! 2. On a shared carrier a device that does not answer is asked only now and then ([`Breaker`]), and one such device at a time; at its
//!    other ticks its tags are gaps without a request, and the time belongs to the living.
//! 3. Every tick of every tag ends in a reading or an account of why not.
//! 4. Never more than one request under way on a carrier.
//! 5. Only here are breaker, schedule, reconnect and accounting; what a protocol adds is a [`Wire`].

use std::sync::Arc;
use std::time::Duration;

use protocol::{GapCause, Quality};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::failure::Failure;
use super::lending::Keeper;
use super::report::{Observed, Reporter};
use super::schedule::{Backoff, Breaker, Schedule};
use super::stream::Dial;
use crate::config::device::{Carrier, Device};
use crate::event::{DeviceState, NoteKind};
use crate::locale::{Words, words};

/// Position of a tag among its device's tags, and what was decoded for it or why that is no value.
pub type Decoded = (usize, Result<protocol::Value, Words>);

/// A connection to one carrier in one protocol: what the loop needs to know of it.
pub trait Wire: Send + Sized {
    /// How one device on the carrier is reached and what it accepts.
    type Link: Send + Sync;
    /// One question.
    type Request: Send + Sync;

    /// Not yet connected; the bytes will go through what `dial` opens.
    fn through(carrier: Carrier, dial: Arc<dyn Dial>) -> Self;
    /// The carrier it connects to.
    fn carrier(&self) -> &Carrier;
    /// Whether [`Wire::open`] is needed first.
    fn is_closed(&self) -> bool;
    /// Closes the connection.
    fn close(&mut self);
    /// Connects within `limit`, and rests for `pause` before the first question.
    ///
    /// # Errors
    /// [`Failure::Unreachable`].
    fn open(&mut self, limit: Duration, pause: Duration) -> impl Future<Output = Result<(), Failure>> + Send;
    /// Asks a device once and decodes what it answered.
    ///
    /// # Errors
    /// Why there are no values.
    fn read(
        &mut self,
        device: &Device,
        link: &Self::Link,
        request: &Self::Request,
    ) -> impl Future<Output = Result<Vec<Decoded>, Failure>> + Send;

    /// The requests that fetch the tags of a device, by interval in milliseconds.
    fn groups(device: &Device, link: &Self::Link) -> Vec<(u64, Vec<Self::Request>)>;
    /// The tags a request fetches, by position.
    fn items(request: &Self::Request) -> Vec<usize>;
    /// Rest between two requests to the device, milliseconds.
    fn pause_ms(link: &Self::Link) -> u64;
    /// Rest the device wants after a connection was made, milliseconds.
    fn connect_pause_ms(link: &Self::Link) -> u64;
    /// What happened at `device`, reached at `place`, reading `request`; and what to do.
    fn trouble(failure: &Failure, device: &Device, place: &str, link: &Self::Link, request: &Self::Request) -> Words;
    /// What to do about the tag `id`, whose answer is no value because of `why`.
    fn nonsense(id: &str, why: &Words) -> Words;
}

/// Longest wait between two attempts to connect, milliseconds; shorter when the device is polled more often.
const RECONNECT_MS_MAX: i64 = 5_000;
/// Silent requests in a row after which a network connection to a serial server is opened anew: it may be half open. With fewer
/// devices on the line that many are enough, or a lone device would need three polls to be read again.
const SILENT_REOPEN: u32 = 3;
/// The same for a DTU: it notices a dead connection by its own heartbeat and dials in again, at the cost of mobile data. A meter that
/// is switched off behind it must not make it do so all day.
const SILENT_REOPEN_DTU: u32 = 10;
/// Longest wait between two questions to a dead device on a shared line, milliseconds.
const BREAKER_MS_MAX: i64 = 30_000;
/// After a dead device was tried in vain, the line belongs to the living for so many times the time that took, before another dead
/// one is tried: the dead together take at most a fifth of it. None waits longer than [`BREAKER_MS_MAX`] for its turn.
const TRIAL_REST: i64 = 4;
/// Ticks of two devices are set apart by this, so that they do not all fall on the same millisecond.
const STAGGER_MS: i64 = 17;

/// Reads all devices behind `connection` until `stop`.
///
/// While the port is lent (`keeper`), nothing is read.
pub async fn run<W: Wire>(
    connection: W,
    devices: Vec<(Arc<Device>, W::Link, Reporter)>,
    keeper: Keeper,
    stop: CancellationToken,
) {
    let mut line = Line::new(connection, devices, keeper, stop);
    line.poll_until_stopped().await;
    for member in &mut line.members {
        member.reporter.finish().await;
    }
}

struct Line<W: Wire> {
    connection: W,
    place: String,
    is_network: bool,
    members: Vec<Member<W>>,
    reconnect: Backoff,
    /// No attempt to connect before this.
    retry_ms: i64,
    why_closed: Option<Failure>,
    /// Rest after connecting: the longest that a device on this carrier wants.
    connect_pause: Duration,
    /// No dead device is tried before this.
    trial_ms: i64,
    silent: u32,
    /// After so many the connection is opened anew.
    reopen: u32,
    keeper: Keeper,
    stop: CancellationToken,
}

struct Member<W: Wire> {
    device: Arc<Device>,
    link: W::Link,
    reporter: Reporter,
    groups: Vec<Group<W::Request>>,
    breaker: Option<Breaker>,
    /// When the last request to it was over.
    asked: Option<Instant>,
    /// Why the last request failed: while the breaker is open, this is still why nothing is read.
    why: GapCause,
    /// When it was last asked.
    asked_ms: i64,
}

struct Group<R> {
    schedule: Schedule,
    requests: Arc<[R]>,
}

impl<W: Wire> Line<W> {
    fn new(
        connection: W,
        devices: Vec<(Arc<Device>, W::Link, Reporter)>,
        keeper: Keeper,
        stop: CancellationToken,
    ) -> Self {
        let shared = devices.len() > 1;
        let reopen = match connection.carrier() {
            Carrier::Dtu(_) => SILENT_REOPEN_DTU,
            _ => u32::try_from(devices.len()).map_or(SILENT_REOPEN, |n| n.min(SILENT_REOPEN)),
        };
        let fastest = devices.iter().flat_map(|(d, ..)| &d.tags).map(|t| t.interval_ms).min().unwrap_or(1_000);
        let fastest = i64::try_from(fastest).unwrap_or(RECONNECT_MS_MAX);
        let connect_pause_ms = devices.iter().map(|(_, link, _)| W::connect_pause_ms(link)).max().unwrap_or(0);
        let members = devices.into_iter().map(|(device, link, reporter)| Member::new(device, link, reporter, shared));
        Self {
            place: connection.carrier().to_string(),
            is_network: matches!(connection.carrier(), Carrier::RtuOverTcp(_) | Carrier::Dtu(_)),
            connection,
            members: members.collect(),
            // A device that comes back is read again within two of its polls.
            reconnect: Backoff::new(100, fastest.clamp(100, RECONNECT_MS_MAX)),
            retry_ms: i64::MIN,
            why_closed: None,
            connect_pause: Duration::from_millis(connect_pause_ms),
            trial_ms: i64::MIN,
            silent: 0,
            reopen,
            keeper,
            stop,
        }
    }

    async fn poll_until_stopped(&mut self) {
        while !self.stop.is_cancelled() {
            let next = self
                .members
                .iter()
                .enumerate()
                .flat_map(|(m, member)| {
                    member.groups.iter().enumerate().map(move |(g, group)| (group.schedule.due_ms(), m, g))
                })
                .min();
            let Some((due_ms, m, g)) = next else { return self.stop.cancelled().await };
            let now = self.members[m].reporter.now();
            if let Ok(wait) = u64::try_from(due_ms - now) {
                tokio::select! {
                    () = self.stop.cancelled() => return,
                    () = self.keeper.asked() => {}
                    () = tokio::time::sleep(Duration::from_millis(wait)) => {}
                }
            }
            if self.keeper.is_asked() {
                self.connection.close();
                self.keeper.give();
                continue;
            }
            self.poll(m, g).await;
            if self.members[m].reporter.is_gone() {
                return;
            }
        }
    }

    /// One tick of one group.
    async fn poll(&mut self, m: usize, g: usize) {
        let now = self.members[m].reporter.now();
        let missed = self.members[m].groups[g].schedule.take(now);
        self.members[m].reporter.missed(now, missed).await;
        let requests = self.members[m].groups[g].requests.clone();
        if !self.keeper.take() {
            self.members[m].unread(now, &requests, GapCause::BusBusy).await;
            self.members[m].reporter.trouble(now, lent()).await;
            self.members[m].groups[g].schedule.failed(now);
            return;
        }
        let is_dead = self.members[m].is_dead();
        if is_dead && !self.may_try(m, now) {
            let why = self.members[m].why;
            self.members[m].unread(now, &requests, why).await;
            self.members[m].groups[g].schedule.failed(now);
            return;
        }
        self.members[m].asked_ms = now;
        let mut silent = false;
        for request in requests.iter() {
            if silent {
                // It did not answer the request before: it would not answer this one, and others wait for the line.
                let now = self.members[m].reporter.now();
                self.members[m].unread(now, std::slice::from_ref(request), GapCause::DeviceSilent).await;
                continue;
            }
            self.members[m].rest().await;
            let outcome = self.read(m, request).await;
            self.members[m].asked = Some(Instant::now());
            if self.stop.is_cancelled() {
                return;
            }
            if let Err(failure) = outcome {
                silent = failure.cause() == GapCause::DeviceSilent;
                let now = self.members[m].reporter.now();
                self.members[m].groups[g].schedule.failed(now);
            }
        }
        if is_dead && self.members[m].is_dead() {
            let end = self.members[m].reporter.now();
            self.trial_ms = end.saturating_add((end - now).saturating_mul(TRIAL_REST));
        }
    }

    /// Whether a dead device may be asked now.
    fn may_try(&self, m: usize, now: i64) -> bool {
        let member = &self.members[m];
        let waited = now.saturating_sub(member.asked_ms);
        member.breaker.as_ref().is_none_or(|b| b.allows(now)) && (now >= self.trial_ms || waited >= BREAKER_MS_MAX)
    }

    /// One request, with everything that follows from its outcome.
    async fn read(&mut self, m: usize, request: &W::Request) -> Result<(), Failure> {
        let now = self.members[m].reporter.now();
        // A stop abandons the request, never a report: what was received and not yet told would be a hole.
        let stop = self.stop.clone();
        let talk = async {
            self.ensure_open(m, now).await?;
            let member = &self.members[m];
            let asked_ms = member.reporter.now();
            Ok((asked_ms, self.connection.read(&member.device, &member.link, request).await?))
        };
        let result: Result<_, Failure> = tokio::select! {
            result = talk => result,
            () = stop.cancelled() => return Err(Failure::Silent),
        };
        // Where nobody answers at all, the connection itself is the first suspect.
        let is_deserted = self.members.iter().all(Member::is_dead);
        let member = &mut self.members[m];
        let now = member.reporter.now();
        match result {
            Ok((asked_ms, decoded)) => {
                self.silent = 0;
                if let Some(breaker) = &mut member.breaker {
                    breaker.worked();
                }
                member.take(now, asked_ms, decoded).await;
                Ok(())
            }
            Err(failure) => {
                member.why = failure.cause();
                let answered = failure.cause() == GapCause::DeviceRefused;
                self.silent = if failure == Failure::Silent { self.silent + 1 } else { 0 };
                let is_deserted = is_deserted && !matches!(self.connection.carrier(), Carrier::Dtu(_));
                if self.is_network && (self.silent >= self.reopen || self.silent > 0 && is_deserted) {
                    self.connection.close();
                    self.silent = 0;
                }
                if let Some(breaker) = &mut member.breaker {
                    if answered { breaker.worked() } else { breaker.failed(now) }
                }
                let trouble = W::trouble(&failure, &member.device, &self.place, &member.link, request);
                let state = if answered { DeviceState::Up } else { DeviceState::Down };
                member.unread(now, std::slice::from_ref(request), failure.cause()).await;
                member.reporter.failed(now, state, trouble).await;
                Err(failure)
            }
        }
    }

    /// Connects if needed and if it is time to try.
    async fn ensure_open(&mut self, m: usize, now: i64) -> Result<(), Failure> {
        if !self.connection.is_closed() {
            return Ok(());
        }
        if now < self.retry_ms {
            return Err(self.why_closed.clone().unwrap_or(Failure::Silent));
        }
        let limit = Duration::from_millis(self.members[m].device.timeout_ms);
        match self.connection.open(limit, self.connect_pause).await {
            Ok(()) => {
                self.reconnect.worked();
                self.why_closed = None;
                Ok(())
            }
            Err(failure) => {
                self.retry_ms = self.members[m].reporter.now().saturating_add(self.reconnect.failed());
                self.why_closed = Some(failure.clone());
                Err(failure)
            }
        }
    }
}

fn lent() -> Words {
    words!(
        "有人正在本页的“添加设备”里使用这条线路，结束后自动继续读取",
        "somebody uses the line under \"Add a device\" on this page; it is read again when that ends"
    )
}

impl<W: Wire> Member<W> {
    fn new(device: Arc<Device>, link: W::Link, reporter: Reporter, shared: bool) -> Self {
        let now = reporter.now();
        let groups = W::groups(&device, &link)
            .into_iter()
            .enumerate()
            .map(|(n, (interval_ms, requests))| {
                let interval_ms = i64::try_from(interval_ms).unwrap_or(i64::MAX);
                let offset = (reporter.index() + i64::try_from(n).unwrap_or(0)) * STAGGER_MS % interval_ms.min(1_000);
                Group { schedule: Schedule::new(now + offset, interval_ms), requests: requests.into() }
            })
            .collect();
        let first_ms = i64::try_from(device.timeout_ms * 4).unwrap_or(BREAKER_MS_MAX);
        let breaker = shared.then(|| Breaker::new(first_ms.clamp(500, BREAKER_MS_MAX), BREAKER_MS_MAX));
        let why = GapCause::DeviceSilent;
        Self { device, link, reporter, groups, breaker, asked: None, why, asked_ms: i64::MIN }
    }

    /// Whether it is asked only now and then, because it does not answer.
    fn is_dead(&self) -> bool {
        self.breaker.as_ref().is_some_and(Breaker::is_open)
    }

    /// Gives the device its rest since the last request to it, whichever group that was for.
    async fn rest(&self) {
        let pause = Duration::from_millis(W::pause_ms(&self.link));
        if let Some(asked) = self.asked.filter(|_| !pause.is_zero()) {
            tokio::time::sleep_until(asked + pause).await;
        }
    }

    async fn unread(&mut self, now: i64, requests: &[W::Request], cause: GapCause) {
        let items: Vec<usize> = requests.iter().flat_map(W::items).collect();
        self.reporter.unread(now, items, cause).await;
    }

    /// Tells an answer: values become readings, nonsense becomes a gap of that tag alone.
    async fn take(&mut self, now: i64, asked_ms: i64, decoded: Vec<Decoded>) {
        let mut values = Vec::with_capacity(decoded.len());
        let mut nonsense = Vec::new();
        for (item, value) in decoded {
            match value {
                Ok(value) => values.push(Observed { item, value, quality: Quality::Good, source_ms: None }),
                Err(why) => nonsense.push((item, why)),
            }
        }
        self.reporter.answered(now, asked_ms, values).await;
        for (item, why) in nonsense {
            let begins = self.reporter.begins_outage(item);
            self.reporter.unread(now, [item], GapCause::NonsenseValue).await;
            let id = &self.device.tags[item].id;
            if begins {
                self.reporter.note(now, NoteKind::SourceNotice, format!("{id}: {}", why.en)).await;
            }
            self.reporter.trouble(now, W::nonsense(id, &why)).await;
        }
    }
}
