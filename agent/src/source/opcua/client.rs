//! One OPC UA server as a source.
//!
//! Constraints:
//! 1. **Reading by poll is the proof.** Every tag is read with the Read service at its interval. A subscription alone reports only
//!    changes: a machine that stands still for an hour would send nothing, and nothing is exactly what a dead machine sends. Metrics
//!    call a state unknown after max(3 × interval, 60 s) without a sample, so a sample must come while the value stays the same. A tag
//!    with `subscribe = true` is subscribed *in addition*, so that changes between two polls are seen too.
//! 2. A node that does not exist is skipped, reported as a mistake in the configuration, and tried again now and then; the rest is read.
//! 3. A refused login is final: no retry until a person restarts the agent.
//! 4. A subscription that falls silent (see `subscription`) costs the whole session, which is rebuilt.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use opcua_types::NodeId;
use protocol::GapCause;
use tokio_util::sync::CancellationToken;

use super::node::Node;
use super::session::{Live, Notice, QUEUE_WISHED, Subscription};
use super::subscription::{Granted, Judged, Watchdog, is_misconfigured, judge};
use crate::config::device::{Device, OpcUaLink, Place};
use crate::event::{DeviceState, NoteKind};
use crate::locale::{Words, words};
use crate::source::modbus::decode::Kind;
use crate::source::report::{Observed, Reporter};
use crate::source::schedule::{Backoff, Schedule};

/// Longest wait between two attempts to reach a server, milliseconds; shorter when it is polled more often, so that a server that
/// comes back is read again within two polls.
const RECONNECT_MS_MAX: i64 = 5_000;
/// Shortest wait after a server was reached and gave no session: attempts must not eat its sessions.
const REFUSED_RETRY_MS: i64 = 5_000;
/// A node that does not exist is tried again after this long: the server may load it later.
const MISCONFIGURED_RETRY_MS: i64 = 60_000;

/// Reads one server until `stop`.
pub async fn run(device: Arc<Device>, link: OpcUaLink, pki: PathBuf, reporter: Reporter, stop: CancellationToken) {
    let mut source = Source::new(device, link, pki, reporter);
    loop {
        let Some(due_ms) = source.groups.iter().map(|g| g.schedule.due_ms()).min() else {
            stop.cancelled().await;
            break;
        };
        let wait = Duration::from_millis(u64::try_from(due_ms - source.reporter.now()).unwrap_or(0));
        tokio::select! {
            () = stop.cancelled() => break,
            notice = next_notice(&mut source.subscription) => source.take_notice(notice).await,
            () = tokio::time::sleep(wait) => {
                // A stop abandons a request, never a report.
                source.tick(&stop).await;
            }
        }
        if source.reporter.is_gone() {
            break;
        }
    }
    source.reporter.finish().await;
    if let Some(live) = source.live.take() {
        live.close().await;
    }
}

async fn next_notice(subscription: &mut Option<Subscription>) -> Notice {
    if let Some(running) = subscription
        && let Some(notice) = running.notices.recv().await
    {
        return notice;
    }
    std::future::pending().await
}

struct Wanted {
    node: Node,
    kind: Kind,
    subscribe: bool,
    /// Not asked before this: it does not exist.
    skip_until_ms: i64,
}

struct Group {
    schedule: Schedule,
    items: Vec<usize>,
}

struct Source {
    device: Arc<Device>,
    link: OpcUaLink,
    pki: PathBuf,
    reporter: Reporter,
    wanted: Vec<Option<Wanted>>,
    groups: Vec<Group>,
    live: Option<Live>,
    subscription: Option<Subscription>,
    watchdog: Watchdog,
    reconnect: Backoff,
    retry_ms: i64,
    is_stopped: bool,
}

impl Source {
    fn new(device: Arc<Device>, link: OpcUaLink, pki: PathBuf, reporter: Reporter) -> Self {
        let now = reporter.now();
        let mut by_interval: BTreeMap<u64, Vec<usize>> = BTreeMap::new();
        let mut wanted = Vec::new();
        for (item, tag) in device.tags.iter().enumerate() {
            let place = match &tag.place {
                Place::OpcUa { node, kind, subscribe } => Node::parse(node).map(|node| (node, *kind, *subscribe)),
                Place::Modbus { .. } => None,
            };
            if place.is_some() {
                by_interval.entry(tag.interval_ms).or_default().push(item);
            }
            wanted.push(place.map(|(node, kind, subscribe)| Wanted { node, kind, subscribe, skip_until_ms: i64::MIN }));
        }
        let groups = by_interval
            .into_iter()
            .map(|(ms, items)| Group { schedule: Schedule::new(now, i64::try_from(ms).unwrap_or(i64::MAX)), items })
            .collect();
        let watchdog = Watchdog::new(i64::try_from(link.publishing_ms).unwrap_or(i64::MAX));
        let fastest = device.tags.iter().map(|t| t.interval_ms).min().unwrap_or(1_000);
        let fastest = i64::try_from(fastest).unwrap_or(RECONNECT_MS_MAX);
        let reconnect = Backoff::new(200, fastest.clamp(200, RECONNECT_MS_MAX));
        Self {
            device,
            link,
            pki,
            reporter,
            wanted,
            groups,
            live: None,
            subscription: None,
            watchdog,
            reconnect,
            retry_ms: i64::MIN,
            is_stopped: false,
        }
    }

    /// Everything that is due now.
    async fn tick(&mut self, stop: &CancellationToken) {
        if !self.check_watchdog().await {
            self.teardown();
        }
        for g in 0..self.groups.len() {
            let now = self.reporter.now();
            if !self.groups[g].schedule.is_due(now) {
                continue;
            }
            let missed = self.groups[g].schedule.take(now);
            self.reporter.missed(now, missed).await;
            let items = self.groups[g].items.clone();
            if !self.ensure_open(stop).await {
                if stop.is_cancelled() {
                    return;
                }
                let cause = if self.is_stopped { GapCause::DeviceRefused } else { GapCause::DeviceSilent };
                let now = self.reporter.now();
                self.reporter.unread(now, items, cause).await;
                self.groups[g].schedule.failed(now);
                continue;
            }
            self.poll(items, stop).await;
            if stop.is_cancelled() {
                return;
            }
        }
    }

    async fn poll(&mut self, items: Vec<usize>, stop: &CancellationToken) {
        let Some(live) = &self.live else { return };
        let asked_ms = self.reporter.now();
        let (mut asked, mut nodes, mut unknown, mut skipped) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for item in items {
            let Some(wanted) = self.wanted.get(item).and_then(Option::as_ref) else { continue };
            if asked_ms < wanted.skip_until_ms {
                skipped.push(item);
                continue;
            }
            match live.resolve(&wanted.node) {
                Some(node) => {
                    asked.push(item);
                    nodes.push(node);
                }
                None => unknown.push(item),
            }
        }
        let result = if nodes.is_empty() {
            Ok(Vec::new())
        } else {
            tokio::select! {
                result = live.read(&nodes) => result,
                () = stop.cancelled() => return,
            }
        };
        let now = self.reporter.now();
        self.reporter.unread(now, skipped, GapCause::DeviceRefused).await;
        for item in unknown {
            self.reporter.unread(now, [item], GapCause::DeviceRefused).await;
            self.misconfigured(now, item, "BadNodeIdUnknown").await;
        }
        match result {
            Err(status) => {
                let (name, url) = (&self.device.name, &self.link.endpoint);
                let trouble = words!(
                    "`{name}`（{url}）读取失败：{status}。正在重建会话",
                    "reading `{name}` at {url} failed: {status}. The session is being rebuilt"
                );
                self.reporter.unread(now, asked, GapCause::DeviceSilent).await;
                self.reporter.failed(now, DeviceState::Down, trouble).await;
                self.teardown();
            }
            Ok(answers) => {
                let mut values = Vec::with_capacity(answers.len());
                let mut unread = Vec::new();
                for (item, data) in asked.iter().zip(&answers) {
                    let Some(wanted) = self.wanted.get(*item).and_then(Option::as_ref) else { continue };
                    match judge(data, wanted.kind) {
                        Judged::Reading { value, quality, source_ms, .. } => {
                            values.push(Observed { item: *item, value, quality, source_ms });
                        }
                        Judged::Unread { cause, detail, misconfigured } => {
                            unread.push((*item, cause, detail, misconfigured))
                        }
                    }
                }
                if !asked.is_empty() {
                    self.reporter.answered(now, asked_ms, values).await;
                }
                for (item, cause, detail, misconfigured) in unread {
                    self.reporter.unread(now, [item], cause).await;
                    if misconfigured {
                        self.misconfigured(now, item, &detail).await;
                    } else {
                        let id = &self.device.tags[item].id;
                        let trouble = words!(
                            "`{id}` 没有有效数值：{detail}。检查 `type` 和设备状态",
                            "`{id}` has no valid value: {detail}. Check `type` and the state of the device"
                        );
                        self.reporter.trouble(now, trouble).await;
                    }
                }
            }
        }
    }

    /// A node the server does not have: say it, skip it, try again later.
    async fn misconfigured(&mut self, now: i64, item: usize, detail: &str) {
        let Some(wanted) = self.wanted.get_mut(item).and_then(Option::as_mut) else { return };
        wanted.skip_until_ms = now.saturating_add(MISCONFIGURED_RETRY_MS);
        let trouble = no_such_node(&self.device.tags[item].id, &wanted.node, detail);
        self.reporter.note(now, NoteKind::SourceNotice, trouble.en.clone()).await;
        self.reporter.trouble(now, trouble).await;
    }

    async fn ensure_open(&mut self, stop: &CancellationToken) -> bool {
        if self.live.is_some() {
            return true;
        }
        let now = self.reporter.now();
        if self.is_stopped || now < self.retry_ms {
            return false;
        }
        let limit = Duration::from_millis(self.device.timeout_ms);
        let opened = tokio::select! {
            opened = Live::open(&self.link, &self.pki, limit) => opened,
            () = stop.cancelled() => return false,
        };
        let now = self.reporter.now();
        match opened {
            Ok(live) => {
                self.reconnect.worked();
                self.live = Some(live);
                self.subscribe().await;
                true
            }
            Err(trouble) => {
                self.is_stopped = trouble.is_final;
                let wait_ms = self.reconnect.failed();
                self.retry_ms =
                    now.saturating_add(if trouble.was_reached { wait_ms.max(REFUSED_RETRY_MS) } else { wait_ms });
                let state = if trouble.is_final { DeviceState::Stopped } else { DeviceState::Down };
                self.reporter.failed(now, state, trouble.words).await;
                false
            }
        }
    }

    /// Subscribes to what asks for it. A server that refuses costs nothing: every tag is polled anyway.
    async fn subscribe(&mut self) {
        let Some(live) = &self.live else { return };
        let items: Vec<(usize, NodeId, f64)> = self
            .wanted
            .iter()
            .enumerate()
            .filter_map(|(item, wanted)| {
                let wanted = wanted.as_ref().filter(|w| w.subscribe)?;
                Some((item, live.resolve(&wanted.node)?, self.sampling_ms()))
            })
            .collect();
        if items.is_empty() {
            return;
        }
        let publishing = Duration::from_millis(self.link.publishing_ms);
        let clock = self.reporter.clock();
        let result = live.subscribe(publishing, &items, &clock).await;
        let now = self.reporter.now();
        match result {
            Ok(subscription) => {
                let wished = Granted { sampling_ms: self.sampling_ms(), queue: QUEUE_WISHED };
                for (item, granted) in &subscription.granted {
                    let id = &self.device.tags[*item].id;
                    let notice = match granted {
                        Ok(granted) => granted.shortfall(&wished).map(|told| format!("{id}: {told}")),
                        Err(status) if is_misconfigured(*status) => None, // the poll reports it
                        Err(status) => Some(format!("{id}: subscription refused, {status}; polled only")),
                    };
                    if let Some(notice) = notice {
                        self.reporter.note(now, NoteKind::SourceNotice, notice).await;
                    }
                }
                self.subscription = Some(subscription);
            }
            Err(status) => {
                let notice = format!("{}: subscription refused, {status}; polled only", self.device.name);
                self.reporter.note(now, NoteKind::SourceNotice, notice).await;
            }
        }
    }

    /// A quarter of the publishing interval, at least 50 ms.
    fn sampling_ms(&self) -> f64 {
        f64::from(u32::try_from(self.link.publishing_ms / 4).unwrap_or(u32::MAX)).max(50.0)
    }

    async fn take_notice(&mut self, notice: Notice) {
        let Some(wanted) = self.wanted.get(notice.item).and_then(Option::as_ref) else { return };
        // The poll accounts for what cannot be read; a notification only adds values.
        if let Judged::Reading { value, quality, source_ms, overflow } = judge(&notice.data, wanted.kind) {
            // Now, not when it came in: a poll answered meanwhile must not have a later value at an earlier time.
            let now = self.reporter.now();
            let overrun = self.subscription.as_ref().is_some_and(|s| s.overrun.swap(false, Ordering::Relaxed));
            if overflow || overrun {
                self.reporter.lost(now, notice.item, GapCause::BusBusy).await;
                let id = &self.device.tags[notice.item].id;
                let text = format!("{id}: the queue overflowed, values between two notifications were lost");
                self.reporter.note(now, NoteKind::SourceNotice, text).await;
            }
            let seen = Observed { item: notice.item, value, quality, source_ms };
            self.reporter.readings(now, vec![seen]).await;
        }
    }

    /// Whether the session may be kept.
    async fn check_watchdog(&mut self) -> bool {
        let Some(subscription) = &self.subscription else { return true };
        let now = self.reporter.now();
        if !self.watchdog.is_dead(subscription.spoke_ms.load(Ordering::Relaxed), now) {
            return true;
        }
        let url = &self.link.endpoint;
        let trouble = words!(
            "{url} 的订阅不再有消息，正在重建会话",
            "the subscription at {url} has fallen silent; the session is being rebuilt"
        );
        self.reporter.note(now, NoteKind::SourceNotice, trouble.en.clone()).await;
        self.reporter.failed(now, DeviceState::Down, trouble).await;
        false
    }

    /// Gives the session up; closing it goes on in the background.
    fn teardown(&mut self) {
        self.subscription = None;
        if let Some(live) = self.live.take() {
            tokio::spawn(live.close());
        }
    }
}

/// What a person reads when a node is not there.
pub fn no_such_node(tag: &str, node: &Node, detail: &str) -> Words {
    words!(
        "`{tag}`：服务器上没有节点 {node}（{detail}），已跳过，其余照常采集。检查 `node`，或用 UaExpert 之类的工具浏览服务器",
        "`{tag}`: the server has no node {node} ({detail}); it is skipped and the rest is read. Check `node`, or browse the server with a tool such as UaExpert"
    )
}
