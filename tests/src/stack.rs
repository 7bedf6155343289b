//! A whole site as real processes in one folder: simulated workshop, server, agent, and between agent and server a network
//! cable that can be pulled; optionally an external broker. Everything can be killed and started again.

use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};

use crate::broker::Broker;
use crate::clock::Behind;
use crate::evidence::Evidence;
use crate::programs::{self, Running};
use crate::proxy::Proxy;
use crate::wait;
use crate::workshop::Workshop;

/// Site and gateway of every run.
pub const SITE: &str = "demo-works";
/// The live gateway.
pub const GATEWAY: &str = "gw-1";

/// How gateways reach the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// The server's own MQTT endpoint, TLS with client certificates.
    Endpoint,
    /// Mosquitto between them, as `docs/guides/external-broker.md` has it: TLS, certificates, a password, access rules.
    Mosquitto,
}

/// What a run is made of.
#[derive(Debug)]
pub struct Options<'a> {
    /// Through what.
    pub transport: Transport,
    /// Arguments for the workshop.
    pub workshop: &'a [&'a str],
    /// Where the server keeps its data; `None` is inside the run's folder.
    pub data_dir: Option<PathBuf>,
    /// Longest time between two seals at the agent, ms.
    pub seal_ms: u64,
    /// Free disk below which the server takes no records, MiB.
    pub reserve_mib: u64,
    /// Program and arguments that run the agent; empty is the one built for this machine.
    pub agent: Vec<PathBuf>,
    /// Only these devices are read; empty is all.
    pub devices: &'a [&'a str],
    /// The agent also subscribes to the states of OPC UA devices.
    pub subscribe: bool,
    /// Workshop, server and agent live by this clock.
    pub clock: Option<Behind>,
}

impl Default for Options<'_> {
    /// Everything is read, through the server's own endpoint.
    fn default() -> Self {
        Self {
            transport: Transport::Endpoint,
            workshop: &[],
            data_dir: None,
            seal_ms: 5_000,
            reserve_mib: 64,
            agent: Vec::new(),
            devices: &[],
            subscribe: false,
            clock: None,
        }
    }
}

/// The processes of a run.
#[derive(Debug)]
pub struct Stack {
    /// Everything of the run lies here.
    pub folder: PathBuf,
    /// The simulated machines.
    pub workshop: Workshop,
    /// Between the agent and whatever it talks MQTT to.
    pub proxy: Proxy,
    /// The server's data folder.
    pub data_dir: PathBuf,
    server: Option<Running>,
    agent: Option<Running>,
    broker: Option<Running>,
    /// How Mosquitto is run, once its files are written.
    mosquitto: Option<Broker>,
    ports: Ports,
    reserve_mib: u64,
    agent_program: Vec<PathBuf>,
    clock: Option<Behind>,
}

#[derive(Debug, Clone, Copy)]
struct Ports {
    web: u16,
    mqtt: u16,
    enrol: u16,
    /// The broker's doors: for gateways, for the server.
    broker: [u16; 2],
    page: u16,
}

/// Free ports that stay free for programs which are killed and restarted: below those the kernel hands out by itself, so
/// that no outgoing connection of another program takes one in between.
///
/// # Errors
/// When there are none.
pub fn free_ports<const N: usize>() -> Result<[u16; N]> {
    const FIRST: u32 = 12_000;
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let handed_out = std::fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").ok();
    let end = handed_out.and_then(|range| range.split_whitespace().next()?.parse().ok()).unwrap_or(32_768_u32);
    let count = end.saturating_sub(FIRST);
    ensure!(count > 0, "the kernel hands out every port by itself");
    // Test programs beside this one begin elsewhere.
    let start = std::process::id().wrapping_mul(64);
    let mut ports = [0; N];
    for port in &mut ports {
        let next = || start.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed)) % count + FIRST;
        *port = (0..count)
            .filter_map(|_| u16::try_from(next()).ok())
            .find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok())
            .context("no port is free")?;
    }
    Ok(ports)
}

impl Stack {
    /// Starts workshop and server (and broker) and creates the simulated site; the gateway is not enrolled yet.
    ///
    /// # Errors
    /// When any of it fails; with the last words of the program that failed.
    pub fn start(folder: &Path, options: &Options<'_>) -> Result<Self> {
        let [web, mqtt, enrol, door, inner, page] = free_ports()?;
        let ports = Ports { web, mqtt, enrol, broker: [door, inner], page };
        let data_dir = options.data_dir.clone().unwrap_or_else(|| folder.join("server"));
        std::fs::create_dir_all(&data_dir)?;
        let workshop = Workshop::start_at(&folder.join("workshop"), folder, options.workshop, options.clock.as_ref())?;
        let behind = if options.transport == Transport::Mosquitto { door } else { mqtt };
        let proxy = Proxy::start(SocketAddr::from(([127, 0, 0, 1], behind)))?;
        let mut stack = Self {
            folder: folder.to_path_buf(),
            workshop,
            proxy,
            data_dir,
            server: None,
            agent: None,
            broker: None,
            mosquitto: None,
            ports,
            reserve_mib: options.reserve_mib,
            agent_program: options.agent.clone(),
            clock: options.clock.clone(),
        };
        if options.transport == Transport::Mosquitto {
            stack.prepare_broker()?;
        }
        stack.write_server_config()?;
        stack.start_server()?;
        if options.transport == Transport::Mosquitto {
            stack.start_broker()?;
        }
        stack.admin(&[
            "site",
            "add",
            SITE,
            "--name-zh",
            "演示车间",
            "--name-en",
            "Demo works",
            "--city",
            "示范市",
            "--district",
            "高新区",
            "--sub-sector",
            "汽车零部件",
            "--simulated",
        ])?;
        stack.write_agent_config(options)?;
        Ok(stack)
    }

    /// Enrols the live gateway with a fresh code and starts its agent.
    ///
    /// # Errors
    /// When the server gives no code or the agent does not take it.
    pub fn enrol_and_start_agent(&mut self) -> Result<()> {
        let code = self.code(GATEWAY)?;
        self.enrol(&code)?;
        self.start_agent()
    }

    /// A one-time enrolment code for a gateway of the site.
    ///
    /// # Errors
    /// When the server prints none.
    pub fn code(&self, gateway: &str) -> Result<String> {
        let printed = self.admin(&["gateway", "code", "--site", SITE, "--gateway", gateway])?;
        let code = printed.split_whitespace().find(|w| w.starts_with("GZ-")).context("the server printed no code")?;
        Ok(code.to_owned())
    }

    /// Lets the simulated firm state its calendar, machines and cycle times.
    ///
    /// # Errors
    /// When the simulator writes none or the server refuses them.
    pub fn declare(&self, arguments: &[&str]) -> Result<()> {
        let file = self.folder.join("declarations.json");
        let mut command = Command::new(programs::path("gongzheng-sim"));
        command.arg("declarations").arg("--out").arg(&file).args(["--gateway", GATEWAY]).args(arguments);
        programs::output(&mut command, Duration::from_secs(300))?;
        let file = file.display().to_string();
        self.admin(&["declare", "--site", SITE, "--file", &file]).map(drop)
    }

    /// Where gateways enrol.
    pub fn enrol_address(&self) -> String {
        format!("127.0.0.1:{}", self.ports.enrol)
    }

    fn config(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    fn write_server_config(&self) -> Result<()> {
        let Ports { web, mqtt, enrol, .. } = self.ports;
        let way = match &self.mosquitto {
            None => format!("[mqtt]\nlisten = \"127.0.0.1:{mqtt}\"\n"),
            Some(broker) => broker.server_section(),
        };
        let text = format!(
            "data_dir = \"{}\"\npublic_host = \"127.0.0.1\"\n\n[web]\nlisten = \"127.0.0.1:{web}\"\n\n{way}\n[enrol]\nlisten = \"127.0.0.1:{enrol}\"\n\n\
             [log]\npublish_seconds = 1\n\n[storage]\nreserve_mib = {}\n",
            self.data_dir.display(),
            self.reserve_mib
        );
        std::fs::write(self.config("server.toml"), text)?;
        Ok(())
    }

    /// The agent's configuration as the simulator generates it for its endpoints.
    fn write_agent_config(&self, options: &Options<'_>) -> Result<()> {
        let mut command = Command::new(programs::path("gongzheng-sim"));
        command.arg("agent-config").arg("--dir").arg(&self.workshop.folder);
        command.arg("--state-dir").arg(self.folder.join("agent")).arg("--out").arg(self.config("agent.toml"));
        command.args(["--interval-ms", "1000", "--language", "en", "--seal-ms", &options.seal_ms.to_string()]);
        command.args(["--page", &format!("127.0.0.1:{}", self.ports.page)]);
        command.args(["--uplink", &format!("address = \"{}\"", self.proxy.address())]);
        if let Some(broker) = &self.mosquitto {
            command.args(["--uplink", &format!("broker_ca_file = \"{}\"", broker.ca_file().display())]);
        }
        if options.subscribe {
            command.arg("--subscribe");
        }
        for device in options.devices {
            command.args(["--device", device]);
        }
        programs::output(&mut command, Duration::from_secs(30)).map(drop)
    }

    fn enrol(&self, code: &str) -> Result<()> {
        let mut command = self.agent_command("init");
        command.args(["--server", &format!("127.0.0.1:{}", self.ports.enrol), "--code", code]);
        programs::output(&mut command, Duration::from_secs(60)).map(drop)
    }

    fn agent_command(&self, verb: &str) -> Command {
        let mut command = match self.agent_program.split_first() {
            None => Command::new(programs::path("gongzheng-agent")),
            Some((program, arguments)) => {
                let mut command = Command::new(program);
                command.args(arguments);
                command
            }
        };
        command.arg("--config").arg(self.config("agent.toml")).arg(verb).env("GZ_LANG", "en");
        self.clock.iter().for_each(|clock| clock.set(&mut command));
        command
    }

    fn server_command(&self, verb: &str) -> Command {
        let mut command = Command::new(programs::path("gongzheng-server"));
        command.arg("--config").arg(self.config("server.toml")).arg(verb).env("GZ_LANG", "en");
        self.clock.iter().for_each(|clock| clock.set(&mut command));
        command
    }

    /// Runs `gongzheng-server admin …` and returns what it printed.
    ///
    /// # Errors
    /// When it refuses.
    pub fn admin(&self, arguments: &[&str]) -> Result<String> {
        programs::output(self.server_command("admin").args(arguments), Duration::from_secs(60))
    }

    /// Runs `gongzheng-server admin …` to its end: exit code, what it printed, what it said on the side.
    ///
    /// # Errors
    /// When it cannot be started or does not end in time.
    pub fn admin_ends(&self, arguments: &[&str]) -> Result<(Option<i32>, String, String)> {
        programs::finish(self.server_command("admin").args(arguments), Duration::from_secs(60))
    }

    /// Runs another server command, such as `report`.
    ///
    /// # Errors
    /// When it refuses.
    pub fn server(&self, verb: &str, arguments: &[&str]) -> Result<String> {
        programs::output(self.server_command(verb).args(arguments), Duration::from_secs(300))
    }

    /// Runs an agent command to its end: exit code, what it printed, what it said on the side.
    ///
    /// # Errors
    /// When it cannot be started or does not end in time.
    pub fn agent(&self, verb: &str, arguments: &[&str]) -> Result<(Option<i32>, String, String)> {
        programs::finish(self.agent_command(verb).args(arguments), Duration::from_secs(60))
    }

    /// Where the pages are.
    pub fn web(&self) -> String {
        format!("http://127.0.0.1:{}", self.ports.web)
    }

    /// Where the agent's own page is.
    pub fn gateway_page(&self) -> String {
        format!("http://127.0.0.1:{}", self.ports.page)
    }

    /// Starts the server and waits until its pages answer.
    ///
    /// # Errors
    /// When it ends by itself or does not answer in time.
    pub fn start_server(&mut self) -> Result<()> {
        let mut server = Running::start("server", &self.server_command("run"), &self.folder)?;
        let address = SocketAddr::from(([127, 0, 0, 1], self.ports.web));
        wait::until("the server to listen", Duration::from_secs(60), || {
            server.check()?;
            Ok(std::net::TcpStream::connect_timeout(&address, Duration::from_secs(1)).ok())
        })?;
        self.server = Some(server);
        Ok(())
    }

    /// Starts the agent; it needs no waiting, it copes.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start_agent(&mut self) -> Result<()> {
        self.agent = Some(Running::start("agent", &self.agent_command("run"), &self.folder)?);
        Ok(())
    }

    /// Time has passed: what is started from now on has the machine's own clock.
    pub fn clocks_are_right(&mut self) {
        self.clock = None;
    }

    /// SIGTERM for the server.
    ///
    /// # Errors
    /// When it was not running or did not end cleanly.
    pub fn stop_server(&mut self) -> Result<()> {
        self.server.take().context("the server is not running")?.stop(Duration::from_secs(30))
    }

    /// Writes Mosquitto's files. The certificate authority of the gateways is the server's, which is made at its first start.
    fn prepare_broker(&mut self) -> Result<()> {
        let keys = server::keys::Keys::open(&self.data_dir.join("keys"), "127.0.0.1")?;
        let [gateways, server] = self.ports.broker;
        let broker = Broker::prepare(&self.folder.join("mosquitto"), gateways, server, keys.ca_pem())?;
        self.mosquitto = Some(broker);
        Ok(())
    }

    /// Starts Mosquitto on its ports.
    ///
    /// # Errors
    /// When it is not installed or does not listen in time.
    pub fn start_broker(&mut self) -> Result<()> {
        let broker = self.mosquitto.as_ref().context("this run has no broker")?;
        self.broker = Some(broker.start()?);
        Ok(())
    }

    /// Process id of the agent, while it runs.
    pub fn agent_id(&self) -> Option<u32> {
        self.agent.as_ref().map(Running::id)
    }

    /// SIGTERM for the agent.
    ///
    /// # Errors
    /// When it was not running or did not end cleanly.
    pub fn stop_agent(&mut self) -> Result<()> {
        self.agent.take().context("the agent is not running")?.stop(Duration::from_secs(30))
    }

    /// SIGKILL for the server.
    ///
    /// # Errors
    /// When it was not running any more.
    pub fn kill_server(&mut self) -> Result<()> {
        kill(&mut self.server, "server")
    }

    /// SIGKILL for the agent.
    ///
    /// # Errors
    /// When it was not running any more.
    pub fn kill_agent(&mut self) -> Result<()> {
        kill(&mut self.agent, "agent")
    }

    /// SIGKILL for the broker.
    ///
    /// # Errors
    /// When it was not running any more.
    pub fn kill_broker(&mut self) -> Result<()> {
        kill(&mut self.broker, "mosquitto")
    }

    /// Fails when a program ended that nobody ended.
    ///
    /// # Errors
    /// With its last words.
    pub fn check(&mut self) -> Result<()> {
        self.workshop.process.check()?;
        [&mut self.server, &mut self.agent, &mut self.broker].into_iter().flatten().try_for_each(Running::check)
    }

    /// SIGTERM for everything, agent first; fails when one of them does not end cleanly.
    ///
    /// # Errors
    /// Names the program that did not.
    pub fn stop(mut self) -> Result<()> {
        for running in [self.agent.take(), self.server.take(), self.broker.take()].into_iter().flatten() {
            running.stop(Duration::from_secs(30))?;
        }
        self.workshop.process.stop(Duration::from_secs(30))
    }

    /// The folder of the site's log.
    pub fn site_folder(&self) -> PathBuf {
        self.data_dir.join("sites").join(SITE).join("log")
    }

    /// What the server holds of the gateway.
    ///
    /// # Errors
    /// When the log is missing or damaged.
    pub fn evidence(&self) -> Result<Evidence> {
        Evidence::read(&self.site_folder(), GATEWAY)
    }

    /// Waits until the log holds readings of every polled tag that are later than `utc_ms`.
    ///
    /// # Errors
    /// When that does not happen in time.
    pub fn wait_logged(&mut self, utc_ms: i64, limit: Duration) -> Result<Evidence> {
        wait::until("the log to hold everything up to now", limit, || {
            self.check()?;
            // Asking ten times a second would slow down what we wait for.
            wait::pause(Duration::from_millis(500));
            let evidence = self.evidence()?;
            ensure!(!evidence.readings.is_empty(), "the log holds no readings yet");
            let late =
                evidence.tags.keys().find(|tag| !evidence.readings.iter().any(|r| r.tag == **tag && r.utc_ms > utc_ms));
            match late {
                None => Ok(Some(evidence)),
                Some(tag) => bail!("{tag} has nothing later than {utc_ms}"),
            }
        })
        .with_context(|| self.last_words())
    }

    /// The last lines of every program, for an error message.
    pub fn last_words(&self) -> String {
        [("server", &self.server), ("agent", &self.agent)]
            .into_iter()
            .filter_map(|(name, running)| Some(format!("── {name}\n{}", running.as_ref()?.tail())))
            .collect::<Vec<_>>()
            .join("\n")
    }
}

fn kill(running: &mut Option<Running>, name: &str) -> Result<()> {
    let mut running = running.take().with_context(|| format!("the {name} is not running"))?;
    running.check()?;
    running.kill()
}
