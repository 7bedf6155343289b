//! The access rules of `configs/mosquitto/`, held against a real Mosquitto: a gateway reaches its own topics and no others, the
//! server reaches all it needs, and nobody comes in without a certificate or a password.

use std::collections::BTreeSet;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use rumqttc::{Client, Event, MqttOptions, Packet, QoS, TlsConfiguration, Transport};
use tests::broker::{Broker, SERVER_USER};
use tests::need;

const LIMIT: Duration = Duration::from_secs(20);

/// A client whose connection runs in a thread of its own; what it is sent comes out of `messages` as topic and payload.
struct Caller {
    client: Client,
    messages: mpsc::Receiver<(String, Vec<u8>)>,
    refused: mpsc::Receiver<String>,
}

impl Caller {
    /// Connects and subscribes to everything under `gz/`.
    fn connect(mut options: MqttOptions, ca: &[u8], client_auth: Option<(Vec<u8>, Vec<u8>)>) -> Result<Self> {
        options.set_transport(Transport::Tls(TlsConfiguration::Simple { ca: ca.to_vec(), alpn: None, client_auth }));
        options.set_keep_alive(Duration::from_secs(5));
        let (client, mut connection) = Client::new(options, 32);
        let (message, messages) = mpsc::channel();
        let (refuse, refused) = mpsc::channel();
        let (ready, is_ready) = mpsc::channel();
        std::thread::spawn(move || {
            for event in connection.iter() {
                let told = match event {
                    Ok(Event::Incoming(Packet::SubAck(_))) => ready.send(()).is_ok(),
                    Ok(Event::Incoming(Packet::Publish(p))) => message.send((p.topic, p.payload.to_vec())).is_ok(),
                    Ok(_) => true,
                    Err(error) => {
                        let _ = refuse.send(error.to_string());
                        false
                    }
                };
                if !told {
                    return;
                }
            }
        });
        client.subscribe("gz/v1/#", QoS::AtLeastOnce)?;
        let caller = Self { client, messages, refused };
        let deadline = Instant::now() + LIMIT;
        while is_ready.try_recv().is_err() {
            if let Ok(why) = caller.refused.try_recv() {
                anyhow::bail!("refused: {why}");
            }
            ensure!(Instant::now() < deadline, "no answer from the broker");
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(caller)
    }

    fn say(&self, topic: &str, words: &str) -> Result<()> {
        Ok(self.client.publish(topic, QoS::AtLeastOnce, false, words)?)
    }

    /// Everything heard until `last` comes, which was sent after all else on the same connection.
    fn until(&self, last: &str) -> Result<BTreeSet<String>> {
        let mut heard = BTreeSet::new();
        loop {
            let (topic, payload) = self.messages.recv_timeout(LIMIT).with_context(|| format!("`{last}` never came"))?;
            let words = String::from_utf8_lossy(&payload).into_owned();
            let is_last = words == last;
            heard.insert(format!("{topic} {words}"));
            if is_last {
                return Ok(heard);
            }
        }
    }
}

#[test]
fn a_gateway_reaches_its_own_topics_at_the_broker_and_no_others() -> Result<()> {
    if need::program("mosquitto", "mosquitto", "the access rules of an external broker").is_none() {
        return Ok(());
    }
    let _ = rustls::crypto::ring::default_provider().install_default();
    let folder = tempfile::tempdir()?;
    // The gateways' certificate authority is the server's own, and so are their certificates.
    let keys = server::keys::Keys::open(&folder.path().join("keys"), "gz.test")?;
    let now_ms = tests::trouble::now_ms();
    let gateway = |name: &str| -> Result<(Vec<u8>, Vec<u8>)> {
        let key = protocol::SecretKey::from_seed(&[name.len() as u8; 32]);
        let certificate = keys.gateway_certificate(&"works".parse()?, &name.parse()?, &key.public(), now_ms)?;
        let pem = data_encoding::BASE64.encode(&key.to_pkcs8_der());
        let pem = format!("-----BEGIN PRIVATE KEY-----\n{pem}\n-----END PRIVATE KEY-----\n");
        Ok((certificate.into_bytes(), pem.into_bytes()))
    };
    let [door, inner] = tests::stack::free_ports()?;
    let broker = Broker::prepare(&folder.path().join("mosquitto"), door, inner, keys.ca_pem())?;
    let running = broker.start()?;
    let ca = std::fs::read(broker.ca_file())?;
    let options = |name: &str, port| MqttOptions::new(name, "127.0.0.1", port);

    let mut as_server = options("the-server", inner);
    as_server.set_credentials(SERVER_USER, broker.server_password());
    let server = Caller::connect(as_server, &ca, None)?;
    let one = Caller::connect(options("gz-works-gw-1", door), &ca, Some(gateway("gw-1")?))?;
    let other = Caller::connect(options("gz-works-gw-22", door), &ca, Some(gateway("gw-22")?))?;

    // What a gateway says in another's name, or on the server's side of the conversation, reaches nobody.
    one.say("gz/v1/works/gw-22/record", "in another's name")?;
    one.say("gz/v1/works/gw-22/receipt", "as if from the server")?;
    one.say("gz/v1/works/gw-1/receipt", "to itself")?;
    one.say("gz/v1/works/gw-1/state", "latest")?;
    one.say("gz/v1/works/gw-1/record", "a record")?;
    let heard = server.until("a record")?;
    let wanted = ["gz/v1/works/gw-1/record a record", "gz/v1/works/gw-1/state latest"];
    ensure!(heard.iter().map(String::as_str).eq(wanted), "the server heard {heard:?}");

    // What the server says to one gateway the other does not hear.
    server.say("gz/v1/works/gw-22/receipt", "for the other")?;
    server.say("gz/v1/works/gw-1/receipt", "for one")?;
    let heard = one.until("for one")?;
    ensure!(heard.iter().map(String::as_str).eq(["gz/v1/works/gw-1/receipt for one"]), "one heard {heard:?}");
    server.say("gz/v1/works/gw-22/receipt", "last")?;
    let heard = other.until("last")?;
    let wanted = ["gz/v1/works/gw-22/receipt for the other", "gz/v1/works/gw-22/receipt last"];
    ensure!(heard.iter().map(String::as_str).eq(wanted), "the other heard {heard:?}");

    // Nobody comes in without what the door asks for.
    ensure!(Caller::connect(options("nobody", door), &ca, None).is_err(), "let in without a certificate");
    let strangers = server::keys::Keys::open(&folder.path().join("strangers"), "gz.test")?;
    let key = protocol::SecretKey::from_seed(&[4; 32]);
    let certificate = strangers.gateway_certificate(&"works".parse()?, &"gw-1".parse()?, &key.public(), now_ms)?;
    let pem = data_encoding::BASE64.encode(&key.to_pkcs8_der());
    let pem = format!("-----BEGIN PRIVATE KEY-----\n{pem}\n-----END PRIVATE KEY-----\n").into_bytes();
    let forged = Caller::connect(options("forged", door), &ca, Some((certificate.into_bytes(), pem)));
    ensure!(forged.is_err(), "let in with a certificate of another authority");
    let mut wrong = options("wrong", inner);
    wrong.set_credentials(SERVER_USER, "guessed");
    ensure!(Caller::connect(wrong, &ca, None).is_err(), "let in with a wrong password");
    ensure!(Caller::connect(options("anonymous", inner), &ca, None).is_err(), "let in without a password");
    running.stop(LIMIT)
}
