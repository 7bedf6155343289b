//! Mosquitto as our users are told to run it: TLS, gateways with their certificates, one set of rules for all of them.
//!
//! Constraint: the configuration is the documented one, `configs/mosquitto/`, with nothing changed but folders and ports. So what
//! the guide promises is what the end-to-end run goes through.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, SanType};

use crate::programs::{self, Running};
use crate::{need, repo, wait};

/// The server's name at the broker, as the documented rules have it.
pub const SERVER_USER: &str = "gongzheng-server";
const SERVER_PASSWORD: &str = "only for this run";

/// Where a broker's files are and where it listens; it can be started and killed any number of times.
#[derive(Debug, Clone)]
pub struct Broker {
    folder: PathBuf,
    /// Gateways come here.
    pub gateways: u16,
    /// The server comes here.
    pub server: u16,
}

impl Broker {
    /// Writes certificates, passwords, rules and configuration. `gateways_ca` signs the gateways' certificates, PEM.
    ///
    /// # Errors
    /// When a file cannot be written, or Mosquitto's own tools are missing.
    pub fn prepare(folder: &Path, gateways: u16, server: u16, gateways_ca: &str) -> Result<Self> {
        std::fs::create_dir_all(folder)?;
        let broker = Self { folder: folder.to_path_buf(), gateways, server };
        let own = repo::root().join("configs/mosquitto");
        for rules in ["gateways.acl", "server.acl"] {
            std::fs::copy(own.join(rules), folder.join(rules))?;
        }
        let mut text = std::fs::read_to_string(own.join("gongzheng.conf"))?;
        for (documented, here) in [
            ("/etc/mosquitto/gongzheng/", format!("{}/", folder.display())),
            ("/var/lib/mosquitto/", format!("{}/", folder.display())),
            ("listener 8883\n", format!("listener {gateways} 127.0.0.1\n")),
            ("listener 8884\n", format!("listener {server} 127.0.0.1\n")),
        ] {
            ensure!(text.contains(documented), "configs/mosquitto/gongzheng.conf has no `{}`", documented.trim());
            text = text.replace(documented, &here);
        }
        if need::is_root() {
            // It would become another user, who cannot read a folder of ours.
            text.push_str("user root\n");
        }
        broker.write("mosquitto.conf", &text)?;
        broker.write("gateways-ca.pem", gateways_ca)?;
        broker.write("password", SERVER_PASSWORD)?;
        let mut passwords = Command::new("mosquitto_passwd");
        passwords.args(["-c", "-b"]).arg(folder.join("passwords")).args([SERVER_USER, SERVER_PASSWORD]);
        programs::output(&mut passwords, Duration::from_secs(30)).context("mosquitto_passwd, of the same package")?;

        let ca_key = KeyPair::generate()?;
        let mut ca = CertificateParams::new(Vec::new())?;
        ca.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        ca.distinguished_name.push(DnType::CommonName, "CA of the broker's operator");
        broker.write("broker-ca.pem", &ca.self_signed(&ca_key)?.pem())?;
        let key = KeyPair::generate()?;
        let mut own = CertificateParams::new(Vec::new())?;
        own.distinguished_name.push(DnType::CommonName, "broker");
        own.subject_alt_names = vec![SanType::IpAddress(IpAddr::V4(Ipv4Addr::LOCALHOST))];
        broker.write("broker.pem", &own.signed_by(&key, &Issuer::new(ca, ca_key))?.pem())?;
        broker.write("broker.key", &key.serialize_pem())?;
        Ok(broker)
    }

    fn write(&self, name: &str, text: &str) -> Result<()> {
        std::fs::write(self.folder.join(name), text).with_context(|| name.to_owned())
    }

    /// What signed the broker's certificate, PEM.
    pub fn ca_file(&self) -> PathBuf {
        self.folder.join("broker-ca.pem")
    }

    /// The `[broker]` section of the server's configuration, as the guide shows it.
    pub fn server_section(&self) -> String {
        format!(
            "[broker]\nurl = \"mqtts://127.0.0.1:{}\"\nca = \"{}\"\nuser = \"{SERVER_USER}\"\npassword_file = \"{}\"\n",
            self.server,
            self.ca_file().display(),
            self.folder.join("password").display()
        )
    }

    /// The server's password.
    pub fn server_password(&self) -> &'static str {
        SERVER_PASSWORD
    }

    /// Starts it and waits until both doors are open.
    ///
    /// # Errors
    /// When it is not installed, refuses its configuration, or does not listen in time.
    pub fn start(&self) -> Result<Running> {
        let program = need::program("mosquitto", "mosquitto", "an external broker").context("mosquitto is missing")?;
        let mut command = Command::new(program);
        command.arg("-c").arg(self.folder.join("mosquitto.conf"));
        let log = self.folder.parent().unwrap_or(&self.folder);
        let mut running = Running::start("mosquitto", &command, log)?;
        for port in [self.gateways, self.server] {
            let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
            wait::until("mosquitto to listen", Duration::from_secs(30), || {
                running.check()?;
                Ok(std::net::TcpStream::connect_timeout(&address, Duration::from_secs(1)).ok())
            })?;
        }
        Ok(running)
    }
}
