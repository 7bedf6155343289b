//! `gongzheng-sim`: simulated workshop, faults on command, generated configuration, months of history.

use anyhow::{Context, Result, bail};
use clap::{Parser, Subcommand};
use serde_json::{Value, json};
use simulators::calendar::Shift;
use simulators::control;
use simulators::faults::Kind;
use simulators::generate::{AgentOptions, agent_toml};
use simulators::workshop::{Options, Workshop};
use std::path::{Path, PathBuf};
use tokio::signal::unix::{SignalKind, signal};

#[derive(Debug, Parser)]
#[command(name = "gongzheng-sim", version, about = "Simulated machines that speak the real protocols / 模拟车间")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the simulated workshop until SIGTERM or Ctrl-C / 运行模拟车间
    Workshop {
        /// Folder for endpoints.json, served.jsonl, faults.jsonl, truth.json
        #[arg(long)]
        dir: PathBuf,
        /// Seed of the simulated world
        #[arg(long, default_value_t = 1)]
        seed: u64,
        /// Add the packaging hall (batch vessel, blister line)
        #[arg(long)]
        hall: bool,
        /// Device time at start, UTC ms (default: now)
        #[arg(long)]
        start_at: Option<i64>,
        /// Device seconds per second
        #[arg(long, default_value_t = 1)]
        speed: u32,
        /// Where the world begins, UTC ms (default: Monday of this week; use the history's to continue its registers)
        #[arg(long)]
        epoch: Option<i64>,
        /// Retrofitted behaviour from here on, UTC ms
        #[arg(long)]
        retrofit_at: Option<i64>,
        /// Weekly rest day: mon … sun, none, or auto (three days from now, so that today is worked)
        #[arg(long, default_value = "sun")]
        rest_day: String,
        /// Also offer Basic256Sha256 on the OPC UA servers (makes keys at the first start: slow)
        #[arg(long)]
        opcua_secure: bool,
    },
    /// Write an agent configuration that reads the running workshop / 生成网关配置
    AgentConfig {
        /// Folder of the running workshop
        #[arg(long)]
        dir: PathBuf,
        /// The agent's state directory
        #[arg(long)]
        state_dir: PathBuf,
        /// Where to write
        #[arg(long)]
        out: PathBuf,
        /// Polling interval, ms
        #[arg(long, default_value_t = 1_000)]
        interval_ms: u64,
        /// Longest time between two seals, ms
        #[arg(long, default_value_t = 10_000)]
        seal_ms: u64,
        /// Where the agent's local page listens
        #[arg(long, default_value = "127.0.0.1:8470")]
        page: String,
        /// Language of the agent's messages
        #[arg(long, default_value = "zh")]
        language: String,
        /// Only these devices (repeat); default all
        #[arg(long)]
        device: Vec<String>,
        /// Also subscribe to the state nodes of OPC UA devices
        #[arg(long)]
        subscribe: bool,
        /// A line for the [uplink] section, as it is (repeat)
        #[arg(long)]
        uplink: Vec<String>,
    },
    /// Make a device misbehave / 注入故障
    Fault {
        /// Folder of the running workshop
        dir: PathBuf,
        /// Device id
        device: String,
        /// timeout, late, wrong-transaction, exception, drop, frozen, counter-reset, meter-replacement, restart, slow,
        /// wrong-count, bad-checksum
        kind: String,
        /// How long, ms
        #[arg(long, default_value_t = 5_000)]
        ms: u64,
        /// Delay of replies for late and slow, ms
        #[arg(long)]
        delay: Option<u64>,
        /// Modbus exception code
        #[arg(long)]
        code: Option<u8>,
    },
}

fn main() -> Result<()> {
    tracing_subscriber::fmt()
        .with_env_filter(
            tracing_subscriber::EnvFilter::try_from_default_env()
                .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("warn")),
        )
        .with_writer(std::io::stderr)
        .init();
    let arguments = Arguments::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let result = runtime.block_on(run(arguments.command));
    runtime.shutdown_background();
    result
}

async fn run(command: Command) -> Result<()> {
    match command {
        Command::Workshop { dir, seed, hall, start_at, speed, epoch, retrofit_at, rest_day, opcua_secure } => {
            let rest_weekday = parse_rest_day(&rest_day)?;
            let options = Options {
                dir,
                seed,
                hall,
                start_at,
                speed,
                epoch_ms: epoch,
                retrofit_ms: retrofit_at,
                rest_weekday,
                opcua_secure,
            };
            workshop(options).await
        }
        Command::AgentConfig {
            dir,
            state_dir,
            out,
            interval_ms,
            seal_ms,
            page,
            language,
            device,
            subscribe,
            uplink,
        } => {
            let options = AgentOptions {
                state_dir: &state_dir,
                interval_ms,
                seal_ms,
                page: &page,
                lang: &language,
                only: &device,
                subscribe,
                uplink: &uplink.join("\n"),
            };
            let text = agent_toml(&read_endpoints(&dir)?, &options).map_err(anyhow::Error::msg)?;
            std::fs::write(&out, text).with_context(|| format!("writing {}", out.display()))
        }
        Command::Fault { dir, device, kind, ms, delay, code } => {
            let kind = Kind::parse(&kind)
                .with_context(|| format!("unknown fault {kind:?}; known: {}", Kind::ALL.map(Kind::name).join(", ")))?;
            let endpoints = read_endpoints(&dir)?;
            let address = endpoints["control"].as_str().context("endpoints.json has no control address")?;
            let order = json!({ "device": device, "kind": kind, "duration_ms": ms, "delay_ms": delay, "code": code });
            let answer = control::ask(address, &order).await.with_context(|| {
                format!("cannot reach the workshop at {address}; is `gongzheng-sim workshop` still running?")
            })?;
            println!("{answer}");
            if answer["ok"] != true {
                bail!("refused: {}", answer["error"].as_str().unwrap_or("no reason given"));
            }
            Ok(())
        }
    }
}

async fn workshop(options: Options) -> Result<()> {
    let dir = options.dir.clone();
    let workshop = Workshop::start(options).await.with_context(|| format!("starting in {}", dir.display()))?;
    println!("{}", workshop.endpoints);
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    workshop.write_truth().with_context(|| format!("writing truth.json in {}", dir.display()))
}

fn read_endpoints(dir: &Path) -> Result<Value> {
    let path = dir.join("endpoints.json");
    let text = std::fs::read_to_string(&path).with_context(|| {
        format!("reading {}; start `gongzheng-sim workshop --dir {}`", path.display(), dir.display())
    })?;
    serde_json::from_str(&text).with_context(|| format!("reading {}", path.display()))
}

fn parse_rest_day(text: &str) -> Result<Option<u8>> {
    const NAMES: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
    match text {
        "none" => Ok(None),
        "auto" => Ok(Some((Shift::at(simulators::clock::wall_ms()).weekday() + 3) % 7)),
        _ => match NAMES.iter().position(|name| *name == text) {
            Some(day) => Ok(Some(day as u8)),
            None => bail!("unknown rest day {text:?}; use {}, none or auto", NAMES.join(", ")),
        },
    }
}
