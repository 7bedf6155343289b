//! One session with an OPC UA server: opening it, reading, subscribing, closing it. I/O only.
//!
//! Constraints:
//! 1. Only discovery, Browse, Read and subscriptions are used; nothing that changes a server exists here.
//! 2. A secured endpoint is trusted by the SHA-256 of its certificate, written in the configuration, and by nothing else: the library
//!    knows no chains or revocation, and PLC certificates rarely name the right host or hold valid dates. First contact therefore shows
//!    the fingerprint and refuses.
//! 3. The library never reconnects for us: after any loss the session is torn down and rebuilt from nothing, because its own recovery
//!    was measured to end in a subscription that never speaks again, and because it retries a wrong password for ever.
//! 4. Every call has a time-out of ours, and holds no more operations than the server says or shows it can take (`limits`).
//! 5. No session while the server answers is a refusal, ours or the server's; silence is only what did not answer ([`Trouble::cause`]).

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Duration;

use opcua_client::{
    Client, ClientBuilder, IdentityToken, MonitoredItem, MonitoredItemMap, OnSubscriptionNotification,
    OnSubscriptionNotificationCore, Session,
};
use opcua_crypto::{CertificateStore, SecurityPolicy, X509};
use opcua_types::{
    AttributeId, ByteString, DataValue, EndpointDescription, MessageSecurityMode, MonitoredItemCreateRequest,
    MonitoringMode, MonitoringParameters, NodeId, NotificationMessage, ReadValueId, StatusCode, TimestampsToReturn,
    VariableId,
};
use protocol::GapCause;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::endpoint::{Offer, fingerprint, hex, state_token_policies};
use super::limits::Limits;
use super::node::{Node, namespaces};
use super::subscription::{Granted, bad_cause, is_login_refused, is_mistrusted};
use crate::clock::SharedClock;
use crate::config::device::{Mode, OpcUaLink, Policy, User};
use crate::locale::{Words, words};

/// Notifications waiting for the source.
const NOTICES_MAX: usize = 4_096;
/// Shortest time allowed for connecting: a PLC's key exchange takes seconds.
const CONNECT_LEAST: Duration = Duration::from_secs(10);

/// Why there is no session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// What, where, what to do.
    pub words: Words,
    /// A person must act first: never try again by itself.
    pub is_final: bool,
    /// The server answered, so trying often costs it something.
    pub was_reached: bool,
    /// What the tags' gaps say: silent when nobody answered, refused when somebody did and there is no session.
    pub cause: GapCause,
}

impl Trouble {
    fn silent(words: Words) -> Self {
        Self { words, is_final: false, was_reached: false, cause: GapCause::DeviceSilent }
    }

    fn refused(words: Words) -> Self {
        Self { words, is_final: false, was_reached: true, cause: GapCause::DeviceRefused }
    }
}

/// An open session.
pub struct Live {
    session: Arc<Session>,
    runner: JoinHandle<StatusCode>,
    namespaces: Vec<String>,
    limits: Limits,
    call_limit: Duration,
}

/// A value that came by subscription.
#[derive(Debug)]
pub struct Notice {
    /// The number given when subscribing.
    pub item: usize,
    /// What came.
    pub data: DataValue,
}

/// A running subscription.
pub struct Subscription {
    /// Values.
    pub notices: mpsc::Receiver<Notice>,
    /// When the server last spoke on it (values or keep-alive), boot clock milliseconds.
    pub spoke_ms: Arc<AtomicI64>,
    /// Values were dropped on our side because the source did not keep up.
    pub overrun: Arc<AtomicBool>,
    /// Per item number: granted, or the server's refusal.
    pub granted: Vec<(usize, Result<Granted, StatusCode>)>,
}

fn client(link: &OpcUaLink, pki: &Path, limit: Duration) -> Result<Client, Trouble> {
    let secured = link.policy != Policy::None;
    ClientBuilder::new()
        .application_name("Gongzheng gateway")
        .application_uri("urn:gongzheng:gateway")
        .product_uri("urn:gongzheng:agent")
        .session_name("gongzheng")
        .pki_dir(pki)
        .create_sample_keypair(secured)
        .trust_server_certs(false)
        // The pin replaces host name, dates and application URI; see constraint 2.
        .verify_server_certs(false)
        .session_retry_limit(0)
        .recreate_subscriptions(false)
        .request_timeout(limit)
        .client()
        .map_err(|reasons| {
            let reason = reasons.join("; ");
            let words = words!("OPC UA 客户端配置有误：{reason}", "the OPC UA client cannot be set up: {reason}");
            Trouble { is_final: true, ..Trouble::silent(words) }
        })
}

async fn endpoints(client: &Client, link: &OpcUaLink, limit: Duration) -> Result<Vec<EndpointDescription>, Trouble> {
    let url = &link.endpoint;
    let unreachable = |reason: String| {
        Trouble::silent(words!(
            "连不上 OPC UA 服务器 {url}：{reason}。检查设备电源、网线、IP 地址和端口，OPC UA 功能是否启用",
            "cannot reach the OPC UA server {url}: {reason}. Check power, cable, IP address and port, and that OPC UA is enabled"
        ))
    };
    timeout(limit, client.get_server_endpoints_from_url(url.as_str()))
        .await
        .map_err(|_| unreachable(format!("no answer within {} ms", limit.as_millis())))?
        .map_err(|e| unreachable(e.status().to_string()))
}

/// What a server offers, for `doctor`.
///
/// # Errors
/// Why it could not be asked.
pub async fn offers(link: &OpcUaLink, pki: &Path, limit: Duration) -> Result<Vec<Offer>, Trouble> {
    let plain = OpcUaLink { policy: Policy::None, ..link.clone() };
    let client = client(&plain, pki, limit)?;
    let list = endpoints(&client, link, limit).await?;
    Ok(list.iter().map(Offer::of).collect())
}

fn policy(link: &OpcUaLink) -> (SecurityPolicy, MessageSecurityMode) {
    let mode = match link.mode {
        Mode::Sign => MessageSecurityMode::Sign,
        Mode::SignAndEncrypt => MessageSecurityMode::SignAndEncrypt,
    };
    match link.policy {
        Policy::None => (SecurityPolicy::None, MessageSecurityMode::None),
        Policy::Basic256Sha256 => (SecurityPolicy::Basic256Sha256, mode),
        Policy::Aes128Sha256RsaOaep => (SecurityPolicy::Aes128Sha256RsaOaep, mode),
        Policy::Aes256Sha256RsaPss => (SecurityPolicy::Aes256Sha256RsaPss, mode),
    }
}

/// Trusts exactly the pinned certificate: puts it where the library looks, after comparing.
fn trust(store: &CertificateStore, link: &OpcUaLink, endpoint: &EndpointDescription) -> Result<(), Trouble> {
    let url = &link.endpoint;
    let refuse = |words| Err(Trouble::refused(words));
    let Some(found) = fingerprint(&endpoint.server_certificate) else {
        return refuse(words!("{url} 没有出示证书", "{url} shows no certificate"));
    };
    let shown = hex(&found);
    match link.pin {
        Some(pin) if pin == found => {}
        Some(_) => {
            return refuse(words!(
                "{url} 的证书与固定的不符，指纹是 {shown}。若设备换过证书，核对后更新 `server_certificate_sha256`；否则可能有人冒充这台设备",
                "the certificate of {url} is not the pinned one; its fingerprint is {shown}. If the device got a new certificate, compare and update `server_certificate_sha256`; otherwise someone may be posing as the device"
            ));
        }
        None => {
            return refuse(words!(
                "尚未信任 {url}。它的证书指纹是 {shown}，与设备上显示的核对后写入 `server_certificate_sha256`",
                "{url} is not trusted yet. Its fingerprint is {shown}; compare it with the one shown on the device and write it as `server_certificate_sha256`"
            ));
        }
    }
    let stored =
        X509::from_byte_string(&endpoint.server_certificate).map_err(|e| e.to_string()).and_then(|certificate| {
            store.ensure_pki_path()?;
            let name = CertificateStore::cert_file_name(&certificate);
            let der = certificate.to_der().map_err(|e| e.to_string())?;
            // A copy from an earlier refusal would overrule the pin.
            match std::fs::remove_file(store.rejected_certs_dir().join(&name)) {
                Err(e) if e.kind() != std::io::ErrorKind::NotFound => return Err(e.to_string()),
                _ => {}
            }
            std::fs::write(store.trusted_certs_dir().join(&name), der).map_err(|e| e.to_string())
        });
    stored.map_err(|reason| {
        Trouble::refused(words!(
            "存不了服务器证书：{reason}。检查 state_dir 的权限",
            "cannot store the server's certificate: {reason}. Check the rights on state_dir"
        ))
    })
}

/// As in [`Offer::logins`].
pub fn login_name(user: &User) -> &'static str {
    match user {
        User::Anonymous => "anonymous",
        User::Password { .. } => "user",
        User::Certificate { .. } => "certificate",
    }
}

fn identity(user: &User) -> Result<IdentityToken, Trouble> {
    let unreadable = |path: &Path, reason: String| {
        let path = path.display();
        Trouble::refused(words!(
            "读不了 {path}：{reason}。检查路径和权限",
            "cannot read {path}: {reason}. Check path and rights"
        ))
    };
    match user {
        User::Anonymous => Ok(IdentityToken::Anonymous),
        User::Password { name, file } => {
            let password = std::fs::read_to_string(file).map_err(|e| unreadable(file, e.to_string()))?;
            Ok(IdentityToken::new_user_name(name, password.trim_end_matches(['\r', '\n']).to_owned()))
        }
        User::Certificate { certificate, key } => {
            IdentityToken::new_x509_path(certificate, key).map_err(|e| unreadable(certificate, e.to_string()))
        }
    }
}

impl Live {
    /// Opens a session: discovery, pin, login, namespaces, limits.
    ///
    /// # Errors
    /// Why not, and whether trying again can help.
    pub async fn open(link: &OpcUaLink, pki: &Path, call_limit: Duration) -> Result<Self, Trouble> {
        let url = &link.endpoint;
        let client = client(link, pki, call_limit)?;
        let list = endpoints(&client, link, call_limit.max(CONNECT_LEAST / 2)).await?;
        let (policy, mode) = policy(link);
        let Some(mut endpoint) = Client::find_matching_endpoint(&list, url, policy, mode) else {
            let wanted = |e: &&EndpointDescription| {
                e.security_mode == mode && SecurityPolicy::from_uri(e.security_policy_uri.as_ref()) == policy
            };
            if let Some(elsewhere) = list.iter().find(wanted) {
                let other = Offer::of(elsewhere).url;
                return Err(Trouble::refused(words!(
                    "{url} 上没有这个端点；服务器称它的地址是 {other}。把 `endpoint` 的端口和路径改成一致，主机名保持可达",
                    "there is no such endpoint at {url}; the server calls it {other}. Give `endpoint` the same port and path, with a host that can be reached"
                )));
            }
            let offered: Vec<String> = list.iter().map(|e| Offer::of(e).security()).collect();
            let offered = offered.join(", ");
            return Err(Trouble::refused(words!(
                "{url} 不提供所写的安全策略。它提供：{offered}。修改 `security_policy` 和 `security_mode`",
                "{url} does not offer the configured security. It offers: {offered}. Change `security_policy` and `security_mode`"
            )));
        };
        let (logins, login) = (Offer::of(&endpoint).logins, login_name(&link.user));
        if !logins.contains(&login) {
            let logins = logins.join(", ");
            return Err(Trouble::refused(words!(
                "{url} 的这个端点不接受所写的登录方式（{login}），它接受：{logins}。修改 `user` 等登录设置",
                "this endpoint of {url} takes no login of the configured kind ({login}); it takes: {logins}. Change `user` and the other login keys"
            )));
        }
        state_token_policies(&mut endpoint);
        // With None there is nothing to trust, unless the file names a certificate: a password is encrypted with it.
        if policy != SecurityPolicy::None || link.pin.is_some() {
            trust(&client.certificate_store().read(), link, &endpoint)?;
        }
        let token = identity(&link.user)?;
        let failed = |status: StatusCode| login_trouble(link, pki, status);
        let (session, event_loop) = client
            .session_builder()
            .with_endpoints(list)
            .user_identity_token(token)
            .connect_to_endpoint_directly(endpoint)
            .map_err(|e| failed(e.status()))?
            .build(client.certificate_store().clone())
            .map_err(|e| failed(e.status()))?;
        let mut runner = event_loop.spawn();
        let connected = tokio::select! {
            connected = timeout(call_limit.max(CONNECT_LEAST), session.wait_for_connection()) => connected.map_err(|_| StatusCode::BadTimeout),
            ended = &mut runner => Err(ended.unwrap_or(StatusCode::BadUnexpectedError)),
        };
        if let Err(status) = connected {
            runner.abort();
            return Err(failed(status));
        }
        // From here on a lost connection ends the library's loop; we build a new session ourselves.
        session.disable_reconnects();
        let mut live = Self { session, runner, namespaces: Vec::new(), limits: Limits::default(), call_limit };
        live.learn().await.map_err(failed)?;
        Ok(live)
    }

    /// Reads the namespace table and the server's limits for the services we use.
    pub(super) async fn learn(&mut self) -> Result<(), StatusCode> {
        let wanted = std::iter::once(VariableId::Server_NamespaceArray).chain(Limits::STATED);
        let wanted: Vec<NodeId> = wanted.map(NodeId::from).collect();
        // One by one: what one request may hold is what we are about to learn.
        let mut answers = Vec::with_capacity(wanted.len());
        for node in &wanted {
            answers.extend(self.read_chunk(std::slice::from_ref(node), AttributeId::Value).await?);
        }
        if let Some((first, stated)) = answers.split_first() {
            if let Some(namespaces) = namespaces(first) {
                self.namespaces = namespaces;
            }
            self.limits = Limits::stated(stated);
        }
        Ok(())
    }

    pub(super) fn session(&self) -> &Session {
        &self.session
    }

    pub(super) fn limits(&self) -> &Limits {
        &self.limits
    }

    pub(super) fn namespaces(&self) -> &[String] {
        &self.namespaces
    }

    pub(super) fn call_limit(&self) -> Duration {
        self.call_limit
    }

    /// The server's id of a configured node; `None` when it does not know the namespace.
    pub fn resolve(&self, node: &Node) -> Option<NodeId> {
        node.on_wire(&self.namespaces)
    }

    /// Reads the values of `nodes`, in order, in as many requests as the server needs.
    ///
    /// # Errors
    /// The status of the failed service; then nothing of this read counts.
    pub async fn read(&self, nodes: &[NodeId]) -> Result<Vec<DataValue>, StatusCode> {
        self.read_attribute(nodes, AttributeId::Value).await
    }

    /// Reads one attribute of `nodes`, as [`Live::read`].
    ///
    /// # Errors
    /// As [`Live::read`].
    pub async fn read_attribute(&self, nodes: &[NodeId], attribute: AttributeId) -> Result<Vec<DataValue>, StatusCode> {
        let mut answers = Vec::with_capacity(nodes.len());
        while let Some(chunk) = self.limits.read.next(nodes, answers.len()) {
            match self.read_chunk(chunk, attribute).await {
                Ok(more) => answers.extend(more),
                Err(status) => self.limits.read.shrink(chunk.len(), status)?,
            }
        }
        Ok(answers)
    }

    async fn read_chunk(&self, nodes: &[NodeId], attribute: AttributeId) -> Result<Vec<DataValue>, StatusCode> {
        let wanted: Vec<ReadValueId> = nodes
            .iter()
            .map(|node| ReadValueId { attribute_id: attribute as u32, ..ReadValueId::new_value(node.clone()) })
            .collect();
        // Age 0: the server must fetch the value, not repeat a remembered one.
        let call = self.session.read(&wanted, TimestampsToReturn::Source, 0.0);
        let answers =
            timeout(self.call_limit, call).await.map_err(|_| StatusCode::BadTimeout)?.map_err(|e| e.status())?;
        if answers.len() != nodes.len() {
            return Err(StatusCode::BadUnknownResponse);
        }
        Ok(answers)
    }

    /// Subscribes to `items`, (item number, node, sampling interval in milliseconds).
    ///
    /// # Errors
    /// The status of the failed service. Refused single items are in [`Subscription::granted`].
    pub async fn subscribe(
        &self,
        publishing: Duration,
        items: &[(usize, NodeId, f64)],
        clock: &SharedClock,
    ) -> Result<Subscription, StatusCode> {
        let (sender, notices) = mpsc::channel(NOTICES_MAX);
        let spoke_ms = Arc::new(AtomicI64::new(clock.boot_ms()));
        let overrun = Arc::new(AtomicBool::new(false));
        let feed = Feed {
            clock: clock.clone(),
            spoke_ms: spoke_ms.clone(),
            inbox: Inbox { sender, overrun: overrun.clone() },
        };
        // A keep-alive at every publishing interval, so that silence means something; a lifetime of a minute or more.
        let create = self.session.create_subscription(publishing, 60, 1, 0, 0, true, feed);
        let id = timeout(self.call_limit, create).await.map_err(|_| StatusCode::BadTimeout)?.map_err(|e| e.status())?;
        let mut granted = Vec::with_capacity(items.len());
        while let Some(chunk) = self.limits.monitor.next(items, granted.len()) {
            let requests = chunk
                .iter()
                .map(|(item, node, sampling_ms)| {
                    let parameters = MonitoringParameters {
                        client_handle: handle(*item),
                        sampling_interval: *sampling_ms,
                        queue_size: QUEUE_WISHED,
                        discard_oldest: true,
                        ..MonitoringParameters::default()
                    };
                    MonitoredItemCreateRequest::new(
                        ReadValueId::new_value(node.clone()),
                        MonitoringMode::Reporting,
                        parameters,
                    )
                })
                .collect();
            let create = self.session.create_monitored_items(id, TimestampsToReturn::Source, requests);
            let results = timeout(self.call_limit, create).await.map_err(|_| StatusCode::BadTimeout)?;
            let results = match results.map_err(|e| e.status()) {
                Ok(results) if results.len() == chunk.len() => results,
                Ok(_) => return Err(StatusCode::BadUnknownResponse),
                Err(status) => {
                    self.limits.monitor.shrink(chunk.len(), status)?;
                    continue;
                }
            };
            for ((item, ..), created) in chunk.iter().zip(results) {
                let result = &created.result;
                granted.push((
                    *item,
                    if result.status_code.is_good() {
                        Ok(Granted { sampling_ms: result.revised_sampling_interval, queue: result.revised_queue_size })
                    } else {
                        Err(result.status_code)
                    },
                ));
            }
        }
        Ok(Subscription { notices, spoke_ms, overrun, granted })
    }

    /// Closes the session so that the server frees it, waiting no longer than two seconds.
    pub async fn close(self) {
        let _ = timeout(Duration::from_secs(2), self.session.disconnect()).await;
        self.runner.abort();
    }
}

/// Values a server is asked to keep between two notifications.
pub const QUEUE_WISHED: u32 = 20;

/// Client handles must not be zero: the library would replace them.
fn handle(item: usize) -> u32 {
    u32::try_from(item).unwrap_or(u32::MAX - 1) + 1
}

fn login_trouble(link: &OpcUaLink, pki: &Path, status: StatusCode) -> Trouble {
    let url = &link.endpoint;
    if link.policy != Policy::None && is_mistrusted(status) {
        // Where the library keeps it.
        let file = pki.join("own/cert.der");
        let print = std::fs::read(&file).ok().and_then(|der| fingerprint(&ByteString::from(der))).map(|f| hex(&f));
        let (file, print) = (file.display(), print.unwrap_or_default());
        return Trouble::refused(words!(
            "{url} 不信任本网关的证书（{status}）。在服务器上把它从“已拒绝”移到“受信任”，或导入 {file}；它的 SHA-256 指纹是 {print}",
            "{url} does not trust this gateway's certificate ({status}). On the server move it from rejected to trusted, or import {file}; its SHA-256 is {print}"
        ));
    }
    if is_login_refused(status) {
        let words = words!(
            "{url} 拒绝登录（{status}）。为免锁定账号，不再自动重试；改正 `user` 和密码文件后重启网关程序",
            "{url} refused the login ({status}). It is not tried again, so that the account is not locked; correct `user` and the password file and restart the agent"
        );
        return Trouble { is_final: true, ..Trouble::refused(words) };
    }
    let words = words!(
        "与 {url} 建立会话失败：{status}。稍后自动重试；若一直失败，检查服务器的会话数上限和证书信任列表",
        "no session with {url}: {status}. It is tried again; if it keeps failing, check the server's session limit and its list of trusted certificates"
    );
    Trouble { cause: bad_cause(status), ..Trouble::refused(words) }
}

/// Hears every notification, the empty ones too.
struct Feed {
    clock: SharedClock,
    spoke_ms: Arc<AtomicI64>,
    inbox: Inbox,
}

impl OnSubscriptionNotificationCore for Feed {
    fn on_subscription_notification(&mut self, notification: NotificationMessage, items: MonitoredItemMap<'_>) {
        self.spoke_ms.store(self.clock.boot_ms(), Ordering::Relaxed);
        OnSubscriptionNotificationCore::on_subscription_notification(&mut self.inbox, notification, items);
    }
}

struct Inbox {
    sender: mpsc::Sender<Notice>,
    overrun: Arc<AtomicBool>,
}

impl OnSubscriptionNotification for Inbox {
    fn on_data_value(&mut self, data: DataValue, item: &MonitoredItem) {
        let Some(item) = usize::try_from(item.client_handle()).ok().and_then(|h| h.checked_sub(1)) else { return };
        if self.sender.try_send(Notice { item, data }).is_err() {
            self.overrun.store(true, Ordering::Relaxed);
        }
    }
}
