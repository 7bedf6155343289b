//! The endpoint over real sockets and TLS, spoken to by rumqttc (another MQTT implementation) and by hand.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use endpoint::{Handle, Handler, Identity, Limits, Peer, Publish, Push, Reject, serve, tls_config};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, PKCS_ED25519, SanType};
use rumqttc::{AsyncClient, Event, Incoming, MqttOptions, Packet, QoS, TlsConfiguration, Transport};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

#[tokio::test]
async fn puback_comes_only_after_the_application() {
    let mut world = World::start(Limits::default()).await;
    let (client, mut events) = world.client("s", "g", "any").await;
    client.publish("gz/v1/s/g/record", QoS::AtLeastOnce, false, b"first".to_vec()).await.unwrap();
    let answer = until(&mut events, |event| matches!(event, Packet::ConnAck(_))).await;
    assert!(matches!(answer, Packet::ConnAck(ack) if !ack.session_present));
    // The event loop only runs while it is polled: drive it until the application holds the publish.
    let held = tokio::select! {
        held = world.published.recv() => held.unwrap(),
        event = until(&mut events, |event| matches!(event, Packet::PubAck(_))) => panic!("acknowledged before the application: {event:?}"),
    };
    assert_eq!((held.publish, &held.payload[..]), (Publish::Record, &b"first"[..]));
    assert_eq!(held.peer.identity, Identity::new("s", "g").unwrap());
    held.done.send(Ok(())).unwrap();
    until(&mut events, |event| matches!(event, Packet::PubAck(_))).await;
    assert_eq!(world.handle.counters().snapshot().publishes_completed, 1);
}

#[tokio::test]
async fn a_rejected_publish_closes_without_puback() {
    let mut world = World::start(Limits::default()).await;
    let (client, mut events) = world.client("s", "g", "x").await;
    client.publish("gz/v1/s/g/record", QoS::AtLeastOnce, false, b"x".to_vec()).await.unwrap();
    let ended = tokio::spawn(async move { drive_to_error(&mut events).await });
    world.published.recv().await.unwrap().done.send(Err(Reject)).unwrap();
    let (acks, _) = timeout(TEN, ended).await.unwrap().unwrap();
    assert_eq!(acks, 0);
}

#[tokio::test]
async fn receipts_are_pushed_and_unacknowledged_ones_go_out_again() {
    let world = World::start(Limits::default()).await;
    world.greet(vec![b"high water".to_vec()]);
    let (client, mut events) = world.client("s", "g", "x").await;
    client.subscribe("gz/v1/s/g/receipt", QoS::AtLeastOnce).await.unwrap();
    let Packet::Publish(first) = until(&mut events, |event| matches!(event, Packet::Publish(_))).await else {
        unreachable!()
    };
    assert_eq!((first.topic.as_str(), &first.payload[..]), ("gz/v1/s/g/receipt", &b"high water"[..]));
    let id = Identity::new("s", "g").unwrap();
    // The client stops reading: this message cannot be acknowledged on this connection.
    wait(|| world.handle.counters().snapshot().pushes_acknowledged == 1 || poll_once(&mut events)).await;
    assert!(world.handle.send(&id, Push::Receipt, b"kept".to_vec()));
    drop(events);
    drop(client);
    wait(|| !world.handle.is_connected(&id)).await;
    let (client, mut events) = world.client("s", "g", "x").await;
    client.subscribe("gz/v1/s/g/receipt", QoS::AtLeastOnce).await.unwrap();
    let Packet::Publish(again) = until(&mut events, |event| matches!(event, Packet::Publish(_))).await else {
        unreachable!()
    };
    assert_eq!(&again.payload[..], b"kept");
}

#[tokio::test]
async fn a_second_connection_takes_over() {
    let world = World::start(Limits::default()).await;
    let (_first, mut first_events) = world.client("s", "g", "one").await;
    until(&mut first_events, |event| matches!(event, Packet::ConnAck(_))).await;
    let (_second, mut second_events) = world.client("s", "g", "two").await;
    until(&mut second_events, |event| matches!(event, Packet::ConnAck(_))).await;
    let (_, error) = timeout(TEN, drive_to_error(&mut first_events)).await.unwrap();
    assert!(!error.is_empty());
    assert_eq!(world.handle.connected(), [Identity::new("s", "g").unwrap()]);
    assert_eq!(world.handle.counters().snapshot().takeovers, 1);
}

#[tokio::test]
async fn foreign_topics_are_closed_and_foreign_subscriptions_fail() {
    let mut world = World::start(Limits::default()).await;
    let (client, mut events) = world.client("s", "g", "gw-other").await;
    client.subscribe("gz/v1/s/other/receipt", QoS::AtLeastOnce).await.unwrap();
    let Packet::SubAck(ack) = until(&mut events, |event| matches!(event, Packet::SubAck(_))).await else {
        unreachable!()
    };
    assert_eq!(ack.return_codes, [rumqttc::SubscribeReasonCode::Failure]);
    client.publish("gz/v1/s/other/record", QoS::AtLeastOnce, false, b"x".to_vec()).await.unwrap();
    timeout(TEN, drive_to_error(&mut events)).await.unwrap();
    assert!(world.published.try_recv().is_err());
    wait(|| world.handle.counters().snapshot().topics_forbidden == 1).await;
}

#[tokio::test]
async fn without_admission_connack_says_not_authorised() {
    let world = World::start(Limits::default()).await;
    let (_client, mut events) = world.client("s", "stranger", "x").await;
    let (_, error) = timeout(TEN, drive_to_error(&mut events)).await.unwrap();
    assert!(error.contains("NotAuthorized"), "{error}");
    assert_eq!(world.handle.counters().snapshot().admissions_refused, 1);
}

#[tokio::test]
async fn a_certificate_of_another_ca_or_an_expired_one_is_refused_in_the_handshake() {
    let world = World::start(Limits::default()).await;
    let other = World::start(Limits::default()).await;
    let (_client, mut events) = world.client_with(other.ca.gateway("s", "g", false)).await;
    let (_, error) = timeout(TEN, drive_to_error(&mut events)).await.unwrap();
    assert!(error.contains("AlertReceived"), "{error}");
    let (_client, mut events) = world.client_with(world.ca.gateway("s", "g", true)).await;
    let (_, error) = timeout(TEN, drive_to_error(&mut events)).await.unwrap();
    assert!(error.contains("CertificateExpired"), "{error}");
    assert_eq!(world.handle.counters().snapshot().handshakes_failed, 2);
}

#[tokio::test]
async fn a_client_that_sends_nothing_is_closed() {
    let limits = Limits { handshake_timeout: Duration::from_millis(100), ..Limits::default() };
    let world = World::start(limits).await;
    let socket = tokio::net::TcpStream::connect(world.address).await.unwrap();
    wait(|| world.handle.counters().snapshot().connections_closed == 1).await;
    assert_eq!(world.handle.counters().snapshot().handshakes_failed, 1);
    drop(socket);
}

#[tokio::test]
async fn a_graceful_stop_acknowledges_what_the_application_finishes() {
    let mut world = World::start(Limits::default()).await;
    let (client, mut events) = world.client("s", "g", "x").await;
    client.publish("gz/v1/s/g/record", QoS::AtLeastOnce, false, b"x".to_vec()).await.unwrap();
    let ended = tokio::spawn(async move {
        drive_to_error(&mut events).await;
        // rumqttc reports the closed connection before the PUBACK it read together with it, but it does account for it:
        // what stays pending is what it would send again.
        events.pending
    });
    let held = world.published.recv().await.unwrap();
    world.handle.stop();
    held.done.send(Ok(())).unwrap();
    let pending = timeout(TEN, ended).await.unwrap().unwrap();
    assert!(pending.is_empty(), "the publish was not acknowledged: {pending:?}");
    timeout(TEN, world.task).await.unwrap().unwrap();
}

#[tokio::test]
async fn twenty_large_publishes_pass_with_back_pressure() {
    let limits = Limits { budget_bytes: 600 * 1024, ..Limits::default() };
    let mut world = World::start(limits).await;
    let (client, mut events) = world.client("s", "g", "x").await;
    let sender = client.clone();
    tokio::spawn(async move {
        for i in 0..20_u8 {
            sender.publish("gz/v1/s/g/record", QoS::AtLeastOnce, false, vec![i; 200_000]).await.unwrap();
        }
    });
    let driver = tokio::spawn(async move {
        let mut acks = 0;
        while acks < 20 {
            if let Ok(Event::Incoming(Incoming::PubAck(_))) = events.poll().await {
                acks += 1;
            }
        }
    });
    for i in 0..20_u8 {
        let held = timeout(TEN, world.published.recv()).await.unwrap().unwrap();
        assert_eq!(held.payload, vec![i; 200_000]);
        held.done.send(Ok(())).unwrap();
    }
    timeout(TEN, driver).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_version_5_client_is_served_alike() {
    use rumqttc::v5;
    let mut world = World::start(Limits::default()).await;
    world.greet(vec![b"high water".to_vec()]);
    let (certificate, key) = world.ca.gateway("s", "g", false);
    let mut options = v5::MqttOptions::new("five", "localhost", world.address.port());
    options.set_keep_alive(Duration::from_secs(30));
    options.set_transport(Transport::Tls(TlsConfiguration::Simple {
        ca: world.ca.pem.clone().into_bytes(),
        alpn: None,
        client_auth: Some((certificate.into_bytes(), key.into_bytes())),
    }));
    let (client, mut events) = v5::AsyncClient::new(options, 8);
    client.subscribe("gz/v1/s/g/receipt", v5::mqttbytes::QoS::AtLeastOnce).await.unwrap();
    client.publish("gz/v1/s/g/record", v5::mqttbytes::QoS::AtLeastOnce, false, b"five".to_vec()).await.unwrap();
    let driver = tokio::spawn(async move {
        let (mut greeted, mut acknowledged) = (false, false);
        while !(greeted && acknowledged) {
            match events.poll().await.unwrap() {
                v5::Event::Incoming(v5::Incoming::Publish(publish)) => greeted = publish.payload == "high water",
                v5::Event::Incoming(v5::Incoming::PubAck(_)) => acknowledged = true,
                _ => {}
            }
        }
    });
    let held = timeout(TEN, world.published.recv()).await.unwrap().unwrap();
    assert_eq!(held.payload, b"five");
    held.done.send(Ok(())).unwrap();
    timeout(TEN, driver).await.unwrap().unwrap();
}

struct Held {
    peer: Peer,
    publish: Publish,
    payload: Vec<u8>,
    done: oneshot::Sender<Result<(), Reject>>,
}

/// Hands every publish to the test, which decides when and how it completes.
struct Application {
    published: mpsc::UnboundedSender<Held>,
    greeting: Mutex<Vec<Vec<u8>>>,
}

impl Handler for Application {
    fn admit(&self, peer: &Peer) -> bool {
        peer.identity.gateway() != "stranger"
    }

    fn on_publish(
        &self,
        peer: &Peer,
        publish: Publish,
        payload: Vec<u8>,
    ) -> impl Future<Output = Result<(), Reject>> + Send + 'static {
        let (done, answer) = oneshot::channel();
        let sent = self.published.send(Held { peer: peer.clone(), publish, payload, done });
        async move {
            sent.map_err(|_| Reject)?;
            answer.await.map_err(|_| Reject)?
        }
    }

    fn on_oversized(&self, _: &Peer, _: usize, _: u32) {}

    fn on_connect(&self, _: &Peer) -> impl Future<Output = Vec<Vec<u8>>> + Send + 'static {
        let greeting = std::mem::take(&mut *self.greeting.lock().unwrap());
        async move { greeting }
    }
}

struct Ca {
    der: CertificateDer<'static>,
    pem: String,
    issuer: Issuer<'static, KeyPair>,
}

impl Ca {
    fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let certificate = params.self_signed(&key).unwrap();
        Self { der: certificate.der().clone(), pem: certificate.pem(), issuer: Issuer::new(params, key) }
    }

    fn gateway(&self, site: &str, gateway: &str, expired: bool) -> (String, String) {
        let key = KeyPair::generate_for(&PKCS_ED25519).unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.subject_alt_names = vec![SanType::URI(format!("urn:gz:{site}:{gateway}").try_into().unwrap())];
        if expired {
            params.not_after = rcgen::date_time_ymd(2020, 1, 1);
        }
        (params.signed_by(&key, &self.issuer).unwrap().pem(), key.serialize_pem())
    }

    fn server(&self) -> (CertificateDer<'static>, PrivateKeyDer<'static>) {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        (certificate.der().clone(), PrivateKeyDer::try_from(key.serialize_der()).unwrap())
    }
}

struct World {
    address: SocketAddr,
    handle: Handle,
    task: tokio::task::JoinHandle<()>,
    published: mpsc::UnboundedReceiver<Held>,
    application: Arc<Application>,
    ca: Ca,
}

impl World {
    async fn start(limits: Limits) -> Self {
        // rumqttc takes the process's default provider; a second test setting it is no error.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let ca = Ca::new();
        let (certificate, key) = ca.server();
        let tls = tls_config(vec![certificate], key, ca.der.clone()).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (sender, published) = mpsc::unbounded_channel();
        let application = Arc::new(Application { published: sender, greeting: Mutex::default() });
        let (handle, task) = serve(listener, tls, Arc::clone(&application), limits);
        Self { address, handle, task, published, application, ca }
    }

    fn greet(&self, messages: Vec<Vec<u8>>) {
        *self.application.greeting.lock().unwrap() = messages;
    }

    async fn client(&self, site: &str, gateway: &str, id: &str) -> (AsyncClient, rumqttc::EventLoop) {
        let (certificate, key) = self.ca.gateway(site, gateway, false);
        self.connect(id, certificate, key)
    }

    async fn client_with(&self, (certificate, key): (String, String)) -> (AsyncClient, rumqttc::EventLoop) {
        self.connect("x", certificate, key)
    }

    fn connect(&self, id: &str, certificate: String, key: String) -> (AsyncClient, rumqttc::EventLoop) {
        let mut options = MqttOptions::new(id, "localhost", self.address.port());
        options.set_keep_alive(Duration::from_secs(30)).set_max_packet_size(300_000, 300_000);
        options.set_transport(Transport::Tls(TlsConfiguration::Simple {
            ca: self.ca.pem.clone().into_bytes(),
            alpn: None,
            client_auth: Some((certificate.into_bytes(), key.into_bytes())),
        }));
        AsyncClient::new(options, 32)
    }
}

const TEN: Duration = Duration::from_secs(10);

async fn until(events: &mut rumqttc::EventLoop, wanted: impl Fn(&Packet) -> bool) -> Packet {
    let search = async {
        loop {
            match events.poll().await {
                Ok(Event::Incoming(packet)) if wanted(&packet) => return packet,
                Ok(_) => {}
                Err(error) => panic!("connection failed: {error}"),
            }
        }
    };
    timeout(TEN, search).await.expect("the packet in time")
}

/// Polls until the connection fails; returns how many PUBACKs came and the error's text.
async fn drive_to_error(events: &mut rumqttc::EventLoop) -> (usize, String) {
    let mut acks = 0;
    loop {
        match events.poll().await {
            Ok(Event::Incoming(Incoming::PubAck(_))) => acks += 1,
            Ok(_) => {}
            Err(error) => {
                return (acks, format!("{error:?}"));
            }
        }
    }
}

/// Lets a client send what it has queued; never waits for anything to arrive.
fn poll_once(events: &mut rumqttc::EventLoop) -> bool {
    use std::task::{Context, Poll, Waker};
    let mut poll = std::pin::pin!(events.poll());
    let _: Poll<_> = poll.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    false
}

async fn wait(mut condition: impl FnMut() -> bool) {
    let deadline = tokio::time::Instant::now() + TEN;
    while !condition() {
        assert!(tokio::time::Instant::now() < deadline, "the condition did not come true in time");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
