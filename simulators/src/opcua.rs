//! OPC UA servers: one per device, with the library's limits raised so that the double never is the bottleneck.
//!
//! Nodes are `ns=2;s=<device>/<name>`, read-only, under one folder per device. A Read is answered from the world at that
//! moment. Subscriptions are fed once per [`CYCLE`], the device's own cycle: only values that changed are pushed, with the
//! cycle's source timestamp, so a client that samples at [`CYCLE`]/2 or faster sees every change exactly once. Reads are
//! journalled as `opcua`, pushes as `opcua-push`, and a push only when somebody monitors the node. A write is refused
//! and journalled as a violation. Network faults happen in [`front`]; a restart really ends the server.

mod front;
mod nodes;

use crate::faults::Kind;
use crate::floor::Floor;
use crate::tags::Device;
use nodes::Nodes;
use opcua_server::diagnostics::NamespaceMetadata;
use opcua_server::node_manager::memory::{InMemoryNodeManager, InMemoryNodeManagerBuilder};
use opcua_server::{ANONYMOUS_USER_TOKEN_ID, Server, ServerBuilder, ServerEndpoint, ServerHandle};
use opcua_types::NodeId;
use std::io;
use std::net::Ipv4Addr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::watch;

/// The devices' own cycle: how often changed values are pushed.
pub const CYCLE: Duration = Duration::from_millis(1_000);
/// Namespace index of our nodes.
pub const NAMESPACE: u16 = 2;
/// Namespace URI of our nodes.
pub const NAMESPACE_URI: &str = "urn:gongzheng:sim:machines";

/// Start an OPC UA server for `device`; returns the port clients use once it answers.
pub async fn serve(floor: Arc<Floor>, device: &'static Device, dir: &Path, secure: bool) -> io::Result<u16> {
    let front = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let address = front.local_addr()?;
    let (inner, mut ready) = watch::channel(None);
    let pki = dir.join(format!("{}-pki", device.id));
    tokio::spawn(front::run(Arc::clone(&floor), device, front, ready.clone()));
    tokio::spawn(async move {
        loop {
            if let Err(message) = run_once(&floor, device, address.port(), &pki, secure, &inner).await {
                tracing::error!(device = device.id, message, "the OPC UA server failed");
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
            inner.send_replace(None);
            while floor.faults.on(device.id).is_some_and(|fault| fault.kind == Kind::Restart) {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
    });
    let waited = tokio::time::timeout(Duration::from_secs(60), ready.wait_for(Option::is_some)).await;
    match waited {
        Ok(Ok(_)) => Ok(address.port()),
        _ => Err(io::Error::other(format!("the OPC UA server of {} did not start within 60 s", device.id))),
    }
}

/// Assemble the server of one device.
fn build(
    floor: &Arc<Floor>,
    device: &'static Device,
    public_port: u16,
    pki: &Path,
    secure: bool,
) -> Result<(Server, ServerHandle), String> {
    let users = [ANONYMOUS_USER_TOKEN_ID.to_owned()];
    let floor_of_nodes = Arc::clone(floor);
    let manager = InMemoryNodeManagerBuilder::new(
        move |context: opcua_server::node_manager::ServerContext,
              space: &mut opcua_server::address_space::AddressSpace| {
            let index = context.type_tree.write().namespaces_mut().add_namespace(NAMESPACE_URI);
            space.add_namespace(NAMESPACE_URI, index);
            let namespace = NamespaceMetadata {
                namespace_uri: NAMESPACE_URI.to_owned(),
                namespace_index: index,
                ..Default::default()
            };
            Nodes::new(floor_of_nodes, device, namespace, space)
        },
    );
    let mut builder = ServerBuilder::new()
        .application_name(format!("Gongzheng simulator: {}", device.en))
        .application_uri(format!("urn:gongzheng:sim:{}", device.id))
        .product_uri("urn:gongzheng:sim")
        .host("127.0.0.1")
        .port(public_port)
        .pki_dir(pki)
        .discovery_urls(vec!["/".to_owned()])
        .add_endpoint("none", ServerEndpoint::new_none("/", &users))
        .with_node_manager(manager);
    if secure {
        builder = builder
            .create_sample_keypair(true)
            .certificate_path("own/cert.der")
            .private_key_path("private/private.pem")
            .trust_client_certs(true)
            .add_endpoint("basic256sha256", ServerEndpoint::new_basic256sha256_sign_encrypt("/", &users));
    }
    let limits = builder.limits_mut();
    limits.max_sessions = 200;
    limits.subscriptions.max_subscriptions_per_session = 100;
    limits.subscriptions.max_monitored_items_per_sub = 0;
    limits.subscriptions.max_monitored_item_queue_size = 10_000;
    limits.subscriptions.max_queued_notifications = 0;
    limits.subscriptions.max_pending_publish_requests = 200;
    limits.operational.max_monitored_items_per_call = 20_000;
    builder.build()
}

/// Run one life of the server: until a restart is ordered.
async fn run_once(
    floor: &Arc<Floor>,
    device: &'static Device,
    public_port: u16,
    pki: &Path,
    secure: bool,
    inner: &watch::Sender<Option<u16>>,
) -> Result<(), String> {
    let (server, handle) = build(floor, device, public_port, pki, secure)?;
    match handle.get_namespace_index(NAMESPACE_URI) {
        Some(NAMESPACE) => {}
        other => return Err(format!("our namespace has index {other:?} instead of {NAMESPACE}")),
    }
    let listener =
        TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.map_err(|error| format!("no free port: {error}"))?;
    let port = listener.local_addr().map_err(|error| error.to_string())?.port();
    let mut cut = floor.cut_signal(device.id);
    let token = handle.token().clone();
    let running = tokio::spawn(server.run_with(listener));
    while handle.info().port.load(Ordering::Relaxed) == 0 {
        if running.is_finished() {
            return Err("the server ended while starting".to_owned());
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    // Endpoint descriptions name the port clients can reach.
    handle.info().port.store(public_port, Ordering::Relaxed);
    inner.send_replace(Some(port));
    let cycle = tokio::spawn(push_changes(Arc::clone(floor), device, handle));
    loop {
        if cut.changed().await.is_err() {
            break;
        }
        if floor.faults.on(device.id).is_some_and(|fault| fault.kind == Kind::Restart) {
            break;
        }
    }
    cycle.abort();
    token.cancel();
    if tokio::time::timeout(Duration::from_millis(500), running).await.is_err() {
        tracing::warn!(device = device.id, "the OPC UA server took more than 500 ms to end");
    }
    Ok(())
}

/// Push what changed, once per cycle.
async fn push_changes(floor: Arc<Floor>, device: &'static Device, handle: ServerHandle) {
    let Some(manager) = handle.node_managers().get_of_type::<InMemoryNodeManager<Nodes>>() else {
        tracing::error!(device = device.id, "the node manager is gone");
        return;
    };
    let ids: Vec<NodeId> = device.tags.iter().map(|tag| NodeId::new(NAMESPACE, tag.id)).collect();
    let mut last: Vec<Option<nodes::Shown>> = vec![None; ids.len()];
    let mut ticks = tokio::time::interval(CYCLE);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
    loop {
        ticks.tick().await;
        let fault = floor.faults.on(device.id).map(|fault| fault.kind);
        let shown = nodes::show(&floor, device, fault);
        let changed: Vec<usize> = (0..ids.len())
            .filter(|index| last[*index].as_ref().is_none_or(|old| !old.same(&shown.values[*index])))
            .collect();
        manager.inner().journal_push(&shown, &changed, fault);
        let values = changed.iter().map(|index| (&ids[*index], None, shown.data_value(*index)));
        if let Err(status) = manager.set_values(handle.subscriptions(), values) {
            tracing::error!(device = device.id, %status, "cannot push values");
        }
        for index in changed {
            last[index] = Some(shown.values[index].clone());
        }
    }
}
