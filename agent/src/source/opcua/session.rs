//! One session with an OPC UA server: opening it, reading, subscribing, closing it. I/O only.
//!
//! Constraints:
//! 1. Only Read, Browse-free discovery and subscriptions are used; nothing that changes a server exists here.
//! 2. A secured endpoint is trusted by the SHA-256 of its certificate, written in the configuration, and by nothing else: the library
//!    knows no chains or revocation, and PLC certificates rarely name the right host or hold valid dates. First contact therefore shows
//!    the fingerprint and refuses.
//! 3. The library never reconnects for us: after any loss the session is torn down and rebuilt from nothing, because its own recovery
//!    was measured to end in a subscription that never speaks again, and because it retries a wrong password for ever.
//! 4. Every call has a time-out of ours.

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
    ByteString, DataValue, EndpointDescription, MessageSecurityMode, MonitoredItemCreateRequest, MonitoringMode,
    MonitoringParameters, NodeId, NotificationMessage, ReadValueId, StatusCode, TimestampsToReturn, Variant,
};
use sha2::{Digest as _, Sha256};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::node::{Identifier, Namespace, Node};
use super::subscription::{Granted, is_login_refused};
use crate::clock::SharedClock;
use crate::config::device::{Mode, OpcUaLink, Policy, User};
use crate::locale::{Words, words};

/// Nodes in one Read when the server states no limit.
const NODES_PER_READ: usize = 500;
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
}

/// An open session.
pub struct Live {
    session: Arc<Session>,
    runner: JoinHandle<StatusCode>,
    namespaces: Vec<String>,
    nodes_per_read: usize,
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

/// One way a server can be reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    /// Security policy, as its short name.
    pub policy: String,
    /// `None`, `Sign`, `SignAndEncrypt`.
    pub mode: String,
    /// SHA-256 of the certificate, hexadecimal; empty without one.
    pub fingerprint: String,
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
            Trouble {
                words: words!("OPC UA 客户端配置有误：{reason}", "the OPC UA client cannot be set up: {reason}"),
                is_final: true,
                was_reached: false,
            }
        })
}

async fn endpoints(client: &Client, link: &OpcUaLink, limit: Duration) -> Result<Vec<EndpointDescription>, Trouble> {
    let url = &link.endpoint;
    let unreachable = |reason: String| Trouble {
        words: words!(
            "连不上 OPC UA 服务器 {url}：{reason}。检查设备电源、网线、IP 地址和端口，OPC UA 功能是否启用",
            "cannot reach the OPC UA server {url}: {reason}. Check power, cable, IP address and port, and that OPC UA is enabled"
        ),
        is_final: false,
        was_reached: false,
    };
    timeout(limit, client.get_server_endpoints_from_url(url.as_str()))
        .await
        .map_err(|_| unreachable(format!("no answer within {} ms", limit.as_millis())))?
        .map_err(|e| unreachable(e.status().to_string()))
}

fn fingerprint(certificate: &ByteString) -> Option<[u8; 32]> {
    let bytes = certificate.value.as_ref()?;
    (!bytes.is_empty()).then(|| Sha256::digest(bytes.as_slice()).into())
}

fn hex(bytes: &[u8]) -> String {
    data_encoding::HEXLOWER.encode(bytes)
}

/// What a server offers, for `doctor`.
///
/// # Errors
/// Why it could not be asked.
pub async fn offers(link: &OpcUaLink, pki: &Path, limit: Duration) -> Result<Vec<Offer>, Trouble> {
    let plain = OpcUaLink { policy: Policy::None, ..link.clone() };
    let client = client(&plain, pki, limit)?;
    let list = endpoints(&client, link, limit).await?;
    Ok(list
        .iter()
        .map(|e| Offer {
            policy: e.security_policy_uri.as_ref().rsplit('#').next().unwrap_or_default().to_owned(),
            mode: e.security_mode.to_string(),
            fingerprint: fingerprint(&e.server_certificate).map(|f| hex(&f)).unwrap_or_default(),
        })
        .collect())
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
    let refuse = |words| Err(Trouble { words, is_final: false, was_reached: true });
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
    stored.map_err(|reason| Trouble {
        words: words!(
            "存不了服务器证书：{reason}。检查 state_dir 的权限",
            "cannot store the server's certificate: {reason}. Check the rights on state_dir"
        ),
        is_final: false,
        was_reached: true,
    })
}

fn identity(user: &User) -> Result<IdentityToken, Trouble> {
    let unreadable = |path: &Path, reason: String| {
        let path = path.display();
        Trouble {
            words: words!(
                "读不了 {path}：{reason}。检查路径和权限",
                "cannot read {path}: {reason}. Check path and rights"
            ),
            is_final: false,
            was_reached: true,
        }
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
        let Some(endpoint) = Client::find_matching_endpoint(&list, url, policy, mode) else {
            let offered: Vec<String> = list
                .iter()
                .map(|e| {
                    format!(
                        "{}/{}",
                        e.security_policy_uri.as_ref().rsplit('#').next().unwrap_or_default(),
                        e.security_mode
                    )
                })
                .collect();
            let offered = offered.join(", ");
            return Err(Trouble {
                words: words!(
                    "{url} 不提供所写的安全策略。它提供：{offered}。修改 `security_policy` 和 `security_mode`",
                    "{url} does not offer the configured security. It offers: {offered}. Change `security_policy` and `security_mode`"
                ),
                is_final: false,
                was_reached: true,
            });
        };
        if policy != SecurityPolicy::None {
            trust(&client.certificate_store().read(), link, &endpoint)?;
        }
        let token = identity(&link.user)?;
        let failed = |status: StatusCode| login_trouble(link, status);
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
        let mut live = Self { session, runner, namespaces: Vec::new(), nodes_per_read: NODES_PER_READ, call_limit };
        live.learn().await.map_err(failed)?;
        Ok(live)
    }

    /// Reads the namespace table and the server's limit for Read.
    async fn learn(&mut self) -> Result<(), StatusCode> {
        // Server_NamespaceArray and OperationLimits.MaxNodesPerRead (Part 6, NodeIds.csv).
        let wanted = [NodeId::new(0, 2255u32), NodeId::new(0, 11_705u32)];
        let answers = self.read_chunk(&wanted).await?;
        if let Some(Variant::Array(array)) = answers.first().and_then(|a| a.value.as_ref()) {
            self.namespaces = array
                .values
                .iter()
                .map(|v| if let Variant::String(uri) = v { uri.as_ref().to_owned() } else { String::new() })
                .collect();
        }
        // Zero or absent means no limit.
        if let Some(Variant::UInt32(limit)) = answers.get(1).and_then(|a| a.value.as_ref())
            && *limit > 0
        {
            self.nodes_per_read = usize::try_from(*limit).unwrap_or(NODES_PER_READ).min(NODES_PER_READ);
        }
        Ok(())
    }

    /// The server's id of a configured node; `None` when it does not know the namespace.
    pub fn resolve(&self, node: &Node) -> Option<NodeId> {
        let index = match &node.namespace {
            Namespace::Index(index) => *index,
            Namespace::Uri(uri) => u16::try_from(self.namespaces.iter().position(|known| known == uri)?).ok()?,
        };
        Some(match &node.identifier {
            Identifier::Number(number) => NodeId::new(index, *number),
            Identifier::Text(text) => NodeId::new(index, text.clone()),
        })
    }

    /// Reads the values of `nodes`, in order, in as many requests as the server needs.
    ///
    /// # Errors
    /// The status of the failed service; then nothing of this read counts.
    pub async fn read(&self, nodes: &[NodeId]) -> Result<Vec<DataValue>, StatusCode> {
        let mut answers = Vec::with_capacity(nodes.len());
        for chunk in nodes.chunks(self.nodes_per_read.max(1)) {
            answers.extend(self.read_chunk(chunk).await?);
        }
        Ok(answers)
    }

    async fn read_chunk(&self, nodes: &[NodeId]) -> Result<Vec<DataValue>, StatusCode> {
        let wanted: Vec<ReadValueId> = nodes.iter().map(|n| ReadValueId::new_value(n.clone())).collect();
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
        for chunk in items.chunks(self.nodes_per_read.max(1)) {
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
            let results =
                timeout(self.call_limit, create).await.map_err(|_| StatusCode::BadTimeout)?.map_err(|e| e.status())?;
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

fn login_trouble(link: &OpcUaLink, status: StatusCode) -> Trouble {
    let url = &link.endpoint;
    if is_login_refused(status) {
        return Trouble {
            words: words!(
                "{url} 拒绝登录（{status}）。为免锁定账号，不再自动重试；改正 `user` 和密码文件后重启网关程序",
                "{url} refused the login ({status}). It is not tried again, so that the account is not locked; correct `user` and the password file and restart the agent"
            ),
            is_final: true,
            was_reached: true,
        };
    }
    Trouble {
        words: words!(
            "与 {url} 建立会话失败：{status}。稍后自动重试；若一直失败，检查服务器的会话数上限和证书信任列表",
            "no session with {url}: {status}. It is tried again; if it keeps failing, check the server's session limit and its list of trusted certificates"
        ),
        is_final: false,
        was_reached: true,
    }
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
