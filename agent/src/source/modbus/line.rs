//! One carrier and the devices on it: who is asked when. I/O loop; its decisions are `schedule`, `plan` and `rtu`.
//!
//! Constraints:
//! 1. One task per carrier, so a dead device on its own connection delays nobody else.
//! 2. On a shared carrier a device that does not answer is asked only now and then ([`Breaker`]), and one such device at a time; at its
//!    other ticks its tags are gaps without a request, and the time belongs to the living.
//! 3. Every tick of every tag ends in a reading or an account of why not.
//! 4. Never more than one request under way on a carrier.

use std::sync::Arc;
use std::time::Duration;

use protocol::{GapCause, Quality};
use tokio_util::sync::CancellationToken;

use super::client::{Ask, Connection, Payload};
use super::decode::decode;
use super::failure::Failure;
use super::plan::Request;
use crate::config::device::{Carrier, Device, ModbusLink, Place};
use crate::config::request_groups;
use crate::event::{DeviceState, NoteKind};
use crate::locale::words;
use crate::source::report::{Observed, Reporter};
use crate::source::schedule::{Backoff, Breaker, Schedule};

/// Longest wait between two attempts to connect, milliseconds; shorter when the device is polled more often.
const RECONNECT_MS_MAX: i64 = 5_000;
/// Silent requests in a row after which a network connection to a serial server is opened anew: it may be half open. With fewer
/// devices on the line that many are enough, or a lone device would need three polls to be read again.
const SILENT_REOPEN: u32 = 3;
/// Longest wait between two questions to a dead device on a shared line, milliseconds.
const BREAKER_MS_MAX: i64 = 30_000;
/// After a dead device was tried in vain, the line belongs to the living for so many times the time that took, before another dead
/// one is tried: the dead together take at most a fifth of it. None waits longer than [`BREAKER_MS_MAX`] for its turn.
const TRIAL_REST: i64 = 4;
/// Ticks of two devices are set apart by this, so that they do not all fall on the same millisecond.
const STAGGER_MS: i64 = 17;

/// Reads all devices of one carrier until `stop`.
pub async fn run(carrier: Carrier, devices: Vec<(Arc<Device>, ModbusLink, Reporter)>, stop: CancellationToken) {
    run_through(Connection::new(carrier), devices, stop).await;
}

/// Reads all devices behind `connection` until `stop`.
pub async fn run_through(
    connection: Connection,
    devices: Vec<(Arc<Device>, ModbusLink, Reporter)>,
    stop: CancellationToken,
) {
    let mut line = Line::new(connection, devices, stop);
    line.poll_until_stopped().await;
    for member in &mut line.members {
        member.reporter.finish().await;
    }
}

struct Line {
    connection: Connection,
    place: String,
    is_network: bool,
    members: Vec<Member>,
    reconnect: Backoff,
    /// No attempt to connect before this.
    retry_ms: i64,
    why_closed: Option<Failure>,
    /// No dead device is tried before this.
    trial_ms: i64,
    silent: u32,
    /// After so many the connection is opened anew.
    reopen: u32,
    stop: CancellationToken,
}

struct Member {
    device: Arc<Device>,
    link: ModbusLink,
    reporter: Reporter,
    groups: Vec<Group>,
    breaker: Option<Breaker>,
    /// Why the last request failed: while the breaker is open, this is still why nothing is read.
    why: GapCause,
    /// When it was last asked.
    asked_ms: i64,
}

struct Group {
    schedule: Schedule,
    requests: Arc<[Request]>,
}

impl Line {
    fn new(connection: Connection, devices: Vec<(Arc<Device>, ModbusLink, Reporter)>, stop: CancellationToken) -> Self {
        let shared = devices.len() > 1;
        let reopen = u32::try_from(devices.len()).map_or(SILENT_REOPEN, |n| n.min(SILENT_REOPEN));
        let fastest = devices.iter().flat_map(|(d, ..)| &d.tags).map(|t| t.interval_ms).min().unwrap_or(1_000);
        let fastest = i64::try_from(fastest).unwrap_or(RECONNECT_MS_MAX);
        let members = devices.into_iter().map(|(device, link, reporter)| Member::new(device, link, reporter, shared));
        Self {
            place: connection.carrier().to_string(),
            is_network: matches!(connection.carrier(), Carrier::RtuOverTcp(_)),
            connection,
            members: members.collect(),
            // A device that comes back is read again within two of its polls.
            reconnect: Backoff::new(100, fastest.clamp(100, RECONNECT_MS_MAX)),
            retry_ms: i64::MIN,
            why_closed: None,
            trial_ms: i64::MIN,
            silent: 0,
            reopen,
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
                    () = tokio::time::sleep(Duration::from_millis(wait)) => {}
                }
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
        let is_dead = self.members[m].is_dead();
        if is_dead && !self.may_try(m, now) {
            let why = self.members[m].why;
            self.members[m].unread(now, &requests, why).await;
            return;
        }
        self.members[m].asked_ms = now;
        let mut silent = false;
        for (i, request) in requests.iter().enumerate() {
            if i > 0 && self.members[m].link.pause_ms > 0 {
                tokio::time::sleep(Duration::from_millis(self.members[m].link.pause_ms)).await;
            }
            if silent {
                // It did not answer the request before: it would not answer this one, and others wait for the line.
                let now = self.members[m].reporter.now();
                self.members[m].unread(now, std::slice::from_ref(request), GapCause::DeviceSilent).await;
                continue;
            }
            let outcome = self.read(m, request).await;
            if self.stop.is_cancelled() {
                return;
            }
            if let Err(failure) = outcome {
                silent = failure.cause() == GapCause::DeviceSilent;
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
    async fn read(&mut self, m: usize, request: &Request) -> Result<(), Failure> {
        let asked_ms = self.members[m].reporter.now();
        // A stop abandons the request, never a report: what was received and not yet told would be a hole.
        let stop = self.stop.clone();
        let talk = async {
            self.ensure_open(m, asked_ms).await?;
            self.connection.read(self.members[m].ask(request), request).await
        };
        let result = tokio::select! {
            result = talk => result,
            () = stop.cancelled() => return Err(Failure::Silent),
        };
        // Where nobody answers at all, the connection itself is the first suspect.
        let is_deserted = self.members.iter().all(Member::is_dead);
        let member = &mut self.members[m];
        let now = member.reporter.now();
        match result {
            Ok(payload) => {
                self.silent = 0;
                if let Some(breaker) = &mut member.breaker {
                    breaker.worked();
                }
                member.take(now, asked_ms, request, &payload).await;
                Ok(())
            }
            Err(failure) => {
                member.why = failure.cause();
                let answered = matches!(failure, Failure::Refused(_)) && failure.cause() == GapCause::DeviceRefused;
                self.silent = if failure == Failure::Silent { self.silent + 1 } else { 0 };
                if self.is_network && (self.silent >= self.reopen || self.silent > 0 && is_deserted) {
                    self.connection.close();
                    self.silent = 0;
                }
                if let Some(breaker) = &mut member.breaker {
                    if answered { breaker.worked() } else { breaker.failed(now) }
                }
                let (name, unit, limit) = (&member.device.name, member.link.unit, member.device.timeout_ms);
                let trouble = failure.words(name, &self.place, unit, limit, Some(request));
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
        match self.connection.open(limit).await {
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

impl Member {
    fn new(device: Arc<Device>, link: ModbusLink, reporter: Reporter, shared: bool) -> Self {
        let now = reporter.now();
        let groups = request_groups(&device.tags, &link.limits)
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
        Self { device, link, reporter, groups, breaker, why: GapCause::DeviceSilent, asked_ms: i64::MIN }
    }

    /// Whether it is asked only now and then, because it does not answer.
    fn is_dead(&self) -> bool {
        self.breaker.as_ref().is_some_and(Breaker::is_open)
    }

    fn ask(&self, request: &Request) -> Ask {
        Ask {
            unit: self.link.unit,
            timeout: Duration::from_millis(self.device.timeout_ms),
            late: Duration::from_millis(self.link.late_ms),
            count_max: self.link.limits.count_max(request.area),
        }
    }

    async fn unread(&mut self, now: i64, requests: &[Request], cause: GapCause) {
        let items: Vec<usize> = requests.iter().flat_map(|r| r.placed.iter().map(|p| p.item)).collect();
        self.reporter.unread(now, items, cause).await;
    }

    /// Decodes an answer: values become readings, nonsense becomes a gap of that tag alone.
    async fn take(&mut self, now: i64, asked_ms: i64, request: &Request, payload: &Payload) {
        let mut values = Vec::with_capacity(request.placed.len());
        let mut nonsense = Vec::new();
        for placed in &request.placed {
            let Some(Place::Modbus { encoding, .. }) = self.device.tags.get(placed.item).map(|t| &t.place) else {
                continue;
            };
            let (from, to) = (usize::from(placed.offset), usize::from(placed.offset + placed.count));
            let value = match payload {
                Payload::Bits(bits) => bits.get(from).map(|bit| Ok(protocol::Value::Bool(*bit))),
                Payload::Words(words) => words.get(from..to).map(|span| decode(span, *encoding)),
            };
            match value {
                Some(Ok(value)) => {
                    values.push(Observed { item: placed.item, value, quality: Quality::Good, source_ms: None });
                }
                Some(Err(why)) => nonsense.push((placed.item, why.to_string())),
                None => nonsense.push((placed.item, "missing from the answer".to_owned())),
            }
        }
        self.reporter.answered(now, asked_ms, values).await;
        for (item, why) in nonsense {
            let begins = self.reporter.begins_outage(item);
            self.reporter.unread(now, [item], GapCause::NonsenseValue).await;
            let id = &self.device.tags[item].id;
            if begins {
                self.reporter.note(now, NoteKind::SourceNotice, format!("{id}: {why}")).await;
            }
            let trouble = words!(
                "`{id}` 读到的不是有效数值（{why}）。检查 `type`、`byte_order` 和 `word_order`；可用 `gongzheng-agent probe` 对照",
                "`{id}` does not hold a value ({why}). Check `type`, `byte_order` and `word_order`; `gongzheng-agent probe` shows them side by side"
            );
            self.reporter.trouble(now, trouble).await;
        }
    }
}
