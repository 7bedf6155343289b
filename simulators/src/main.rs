//! `gongzheng-sim`: simulated workshop, faults on command, generated configuration, months of history.

use anyhow::{Context, Result};
use clap::{Parser, Subcommand};
use serde_json::{Value, json};
use simulators::calendar::{Shift, iso_date};
use simulators::control;
use simulators::declarations::{self, Span, span};
use simulators::faults::Kind;
use simulators::generate::{AgentOptions, agent_toml};
use simulators::history;
use simulators::told;
use simulators::told::Lang;
use simulators::truth;
use simulators::workshop::{Options, Workshop};
use simulators::world::{Config, World};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use tokio::signal::unix::{SignalKind, signal};

#[derive(Debug, Parser)]
#[command(name = "gongzheng-sim", version, about = "Simulated machines that speak the real protocols / 模拟车间")]
struct Arguments {
    /// Language of messages / 语言: zh, en
    #[arg(long, global = true, value_parser = parse_lang)]
    lang: Option<Lang>,
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
    /// Print the instants of a history: epoch, retrofit, baseline, reporting period (JSON) / 打印历史时间轴
    Span {
        #[command(flatten)]
        when: When,
    },
    /// Write the declarations of the simulated firm (JSON) / 生成填报数据
    Declarations {
        #[command(flatten)]
        when: When,
        /// Take seed, hall, rest day, epoch and retrofit from this running workshop instead
        #[arg(long)]
        dir: Option<PathBuf>,
        /// The gateway that reads live
        #[arg(long, default_value = "gw-1")]
        gateway: String,
        /// The gateway that brings the history; adds the comparison plan and the inspector's reject counts
        #[arg(long)]
        history_gateway: Option<String>,
        /// Where to write (default: standard output)
        #[arg(long)]
        out: Option<PathBuf>,
    },
    /// Produce and deliver signed history through the ordinary path / 生成并上传历史数据
    History {
        #[command(flatten)]
        when: When,
        /// Enrolment listener of the server, host:port
        #[arg(long)]
        server_enrol: String,
        /// Enrolment code; not needed when the state directory is already enrolled
        #[arg(long)]
        code: Option<String>,
        /// Read from this instant on instead of the world's beginning, UTC ms
        #[arg(long)]
        begin: Option<i64>,
        /// Read up to this instant instead of --until, UTC ms
        #[arg(long)]
        end: Option<i64>,
        /// Between two readings of a tag, s
        #[arg(long, default_value_t = 60)]
        interval_s: i64,
        /// Readings per batch
        #[arg(long, default_value_t = 3_000)]
        readings: usize,
        /// Records sent ahead of their receipts
        #[arg(long, default_value_t = 64)]
        window: usize,
        /// Key, enrolment and the ground truth (truth.json)
        #[arg(long)]
        state_dir: PathBuf,
        /// Send to this host:port instead of the one the server named
        #[arg(long)]
        mqtt: Option<String>,
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

/// Which world, and which stretch of its time.
#[derive(Debug, Clone, clap::Args)]
struct When {
    /// Seed of the simulated world
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Add the packaging hall
    #[arg(long)]
    hall: bool,
    /// Whole weeks of history before the week of --until
    #[arg(long, default_value_t = 26)]
    weeks: i64,
    /// Weeks before the retrofit
    #[arg(long, default_value_t = 13)]
    retrofit_week: i64,
    /// End of the history, UTC ms (default: now)
    #[arg(long)]
    until: Option<i64>,
    /// Weekly rest day: mon … sun, none or auto
    #[arg(long, default_value = "sun")]
    rest_day: String,
}

impl When {
    fn until(&self) -> i64 {
        self.until.unwrap_or_else(simulators::clock::wall_ms)
    }

    fn span(&self) -> Result<Span> {
        if self.weeks < 1 || self.retrofit_week < 1 || self.retrofit_week >= self.weeks {
            return Err(told!(
                "--retrofit-week 必须在 1 与 --weeks − 1 之间",
                "--retrofit-week must lie between 1 and --weeks − 1"
            )
            .into());
        }
        Ok(span(self.until(), self.weeks, self.retrofit_week))
    }

    fn config(&self) -> Result<Config> {
        let span = self.span()?;
        Ok(Config {
            seed: self.seed,
            epoch_ms: span.epoch_ms,
            hall: self.hall,
            retrofit_ms: Some(span.retrofit_ms),
            rest_weekday: parse_rest_day(&self.rest_day)?,
            record: false,
        })
    }
}

/// Warnings only; the OPC UA library's complaint that an endpoint without security has no certificate is not one.
const DEFAULT_LOG: &str = "warn,opcua_crypto=off,opcua_core::comms::secure_channel=off,opcua_server::server=off";

fn main() -> ExitCode {
    tracing_subscriber::fmt()
        .with_env_filter(
            tracing_subscriber::EnvFilter::try_from_env("GZ_LOG")
                .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new(DEFAULT_LOG)),
        )
        .with_writer(std::io::stderr)
        .init();
    let arguments = Arguments::parse();
    let variable = |name: &str| std::env::var(name).ok();
    let lang = Lang::choose(arguments.lang, variable("GZ_LANG").as_deref(), variable("LANG").as_deref());
    let runtime = match tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            let error = anyhow::Error::new(error).context(told!("无法启动", "cannot start"));
            eprintln!("{}", told::explain(&error, lang));
            return ExitCode::FAILURE;
        }
    };
    let result = runtime.block_on(run(arguments.command));
    runtime.shutdown_background();
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{}", told::explain(&error, lang));
            ExitCode::FAILURE
        }
    }
}

fn parse_lang(text: &str) -> Result<Lang, String> {
    Lang::parse(text).ok_or_else(|| "zh | en".to_owned())
}

/// A file that cannot be written.
fn cannot_write(path: &Path) -> told::Told {
    let path = path.display();
    told!("写不了 {path}，检查目录和权限", "cannot write {path}; check folder and permissions")
}

/// The folder of a workshop does not hold what it should.
fn incomplete(what: &str) -> told::Told {
    told!(
        "endpoints.json 里没有 {what}：请重新启动 gongzheng-sim workshop",
        "endpoints.json has no {what}: start `gongzheng-sim workshop` again"
    )
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
            std::fs::write(&out, text).with_context(|| cannot_write(&out))
        }
        Command::Span { when } => {
            let span = when.span()?;
            let days = |(from, to): (i64, i64)| json!({ "from": iso_date(from), "to": iso_date(to) });
            let line = json!({
                "epoch_ms": span.epoch_ms, "retrofit_ms": span.retrofit_ms, "until_ms": when.until(),
                "baseline": days(span.baseline), "reporting": days(span.reporting),
            });
            println!("{line}");
            Ok(())
        }
        Command::Declarations { when, dir, gateway, history_gateway, out } => {
            declare(&when, dir.as_deref(), &gateway, history_gateway.as_deref(), out.as_deref())
        }
        Command::History { when, server_enrol, code, begin, end, interval_s, readings, window, state_dir, mqtt } => {
            let config = Config { record: true, ..when.config()? };
            let (begin_ms, until_ms) = (begin.unwrap_or(config.epoch_ms), end.unwrap_or_else(|| when.until()));
            if begin_ms >= until_ms {
                return Err(told!("--begin 须早于历史的终点", "--begin must lie before the end of the history").into());
            }
            let plan =
                history::Plan { config, begin_ms, until_ms, interval_ms: interval_s * 1_000, readings_max: readings };
            run_history(plan, &server_enrol, code.as_deref(), window, &state_dir, mqtt).await
        }
        Command::Fault { dir, device, kind, ms, delay, code } => {
            let kind = Kind::parse(&kind).with_context(|| {
                let known = Kind::ALL.map(Kind::name).join(", ");
                told!("没有 {kind:?} 这种故障；可用的有：{known}", "unknown fault {kind:?}; known: {known}")
            })?;
            let endpoints = read_endpoints(&dir)?;
            let address = endpoints["control"].as_str().with_context(|| incomplete("control"))?;
            let order = json!({ "device": device, "kind": kind, "duration_ms": ms, "delay_ms": delay, "code": code });
            let answer = control::ask(address, &order).await.with_context(|| {
                told!(
                    "连不上 {address} 的模拟车间；`gongzheng-sim workshop` 还在运行吗？",
                    "cannot reach the workshop at {address}; is `gongzheng-sim workshop` still running?"
                )
            })?;
            if answer["ok"] != true {
                let reason = |key: &str| answer[key].as_str().unwrap_or("?").to_owned();
                let (zh, en) = (reason("error_zh"), reason("error"));
                return Err(told!("模拟车间拒绝了：{zh}", "the workshop refused: {en}").into());
            }
            println!("{answer}");
            Ok(())
        }
    }
}

async fn workshop(options: Options) -> Result<()> {
    let dir = options.dir.clone();
    let workshop = Workshop::start(options).await.with_context(|| {
        let dir = dir.display();
        told!("无法在 {dir} 启动模拟车间", "the workshop cannot start in {dir}")
    })?;
    println!("{}", workshop.endpoints);
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    workshop.write_truth().with_context(|| cannot_write(&dir.join("truth.json")))
}

/// Write the declarations of this world, with history, plan and reject counts when a history gateway is named.
fn declare(
    when: &When,
    dir: Option<&Path>,
    gateway: &str,
    history_gateway: Option<&str>,
    out: Option<&Path>,
) -> Result<()> {
    let config = match dir {
        None => when.config()?,
        Some(dir) => {
            let endpoints = read_endpoints(dir)?;
            Config {
                seed: endpoints["seed"].as_u64().with_context(|| incomplete("seed"))?,
                epoch_ms: endpoints["epoch_ms"].as_i64().with_context(|| incomplete("epoch_ms"))?,
                hall: endpoints["hall"].as_bool().unwrap_or(false),
                retrofit_ms: endpoints["retrofit_ms"].as_i64(),
                rest_weekday: endpoints["rest_weekday"].as_u64().and_then(|day| u8::try_from(day).ok()),
                record: false,
            }
        }
    };
    let until_ms = when.until();
    let options = declarations::Options {
        config,
        gateway,
        history: history_gateway.map(|name| (name, until_ms)),
        effective_from: config.epoch_ms,
    };
    let mut list = declarations::declarations(&options);
    if history_gateway.is_some() {
        let span = when.span()?;
        list.push(declarations::plan(config.hall, &span, config.epoch_ms));
        list.extend(declarations::quality_counts(&World::at(config, until_ms)));
    }
    let text = serde_json::to_string_pretty(&list)?;
    match out {
        Some(path) => std::fs::write(path, text).with_context(|| cannot_write(path)),
        None => {
            println!("{text}");
            Ok(())
        }
    }
}

async fn run_history(
    plan: history::Plan,
    server_enrol: &str,
    code: Option<&str>,
    window: usize,
    state_dir: &Path,
    mqtt: Option<String>,
) -> Result<()> {
    let began = std::time::Instant::now();
    let key = history::load_or_create_key(state_dir).map_err(|error| error.told())?;
    let known = history::Enrolment::load(state_dir).map_err(|error| error.told())?;
    let mut enrolment = match (known, code) {
        (Some(known), _) => known,
        (None, Some(code)) => {
            history::enrol(server_enrol, code, &key, state_dir).await.map_err(|error| error.told())?
        }
        (None, None) => {
            let dir = state_dir.display();
            return Err(told!(
                "{dir} 尚未入网：请用 --code 给出入网码（在服务器上用 `gongzheng-server admin gateway code` 生成）",
                "{dir} is not enrolled: give --code, made on the server with `gongzheng-server admin gateway code`"
            )
            .into());
        }
    };
    if !enrolment.simulated {
        let site = &enrolment.site;
        return Err(told!(
            "站点 {site} 不是模拟站点，会拒绝编造的历史数据",
            "site {site} was not created as simulated and would refuse invented history"
        )
        .into());
    }
    if let Some(address) = mqtt {
        enrolment.mqtt_host_port = address;
    }
    let identity =
        history::Identity { site: enrolment.site.clone(), gateway: enrolment.gateway.clone(), key: key.clone() };
    let mut producer = history::Producer::new(plan, identity);
    let mut shown = std::time::Instant::now();
    let published = history::publish(&mut producer, &enrolment, &key, window.max(1), |receipted, totals| {
        if shown.elapsed().as_secs() >= 5 {
            shown = std::time::Instant::now();
            eprintln!("history: {receipted} records receipted, {} readings made", totals.readings);
        }
    })
    .await
    .map_err(|error| error.told())?;
    let mut description = truth::describe(producer.world(), plan.config.epoch_ms);
    description["outages"] = producer
        .outages()
        .iter()
        .map(|outage| json!([outage.from, outage.until, format!("{:?}", outage.trouble)]))
        .collect();
    truth::write_atomic(&state_dir.join("truth.json"), &description)
        .with_context(|| cannot_write(&state_dir.join("truth.json")))?;
    let totals = published.totals;
    let summary = json!({
        "site": enrolment.site, "gateway": enrolment.gateway,
        "records": totals.records, "readings": totals.readings, "gaps": totals.gaps, "bytes": totals.bytes,
        "milli_bytes_per_reading": totals.bytes * 1_000 / totals.readings.max(1),
        "epoch_ms": plan.config.epoch_ms, "retrofit_ms": plan.config.retrofit_ms, "until_ms": plan.until_ms,
        "resent": published.resent, "connections": published.connections,
        "elapsed_ms": u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX),
    });
    println!("{summary}");
    Ok(())
}

fn read_endpoints(dir: &Path) -> Result<Value> {
    let path = dir.join("endpoints.json");
    let (shown, dir) = (path.display(), dir.display());
    let unreadable = || {
        told!(
            "读不了 {shown}；请先运行 `gongzheng-sim workshop --dir {dir}`",
            "cannot read {shown}; start `gongzheng-sim workshop --dir {dir}` first"
        )
    };
    let text = std::fs::read_to_string(&path).with_context(unreadable)?;
    serde_json::from_str(&text).with_context(unreadable)
}

fn parse_rest_day(text: &str) -> Result<Option<u8>> {
    const NAMES: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
    match text {
        "none" => Ok(None),
        "auto" => Ok(Some((Shift::at(simulators::clock::wall_ms()).weekday() + 3) % 7)),
        _ => match NAMES.iter().position(|name| *name == text) {
            Some(day) => Ok(Some(day as u8)),
            None => {
                let names = NAMES.join(", ");
                let told = told!(
                    "没有 {text:?} 这个休息日；可用 {names}、none 或 auto",
                    "unknown rest day {text:?}; use {names}, none or auto"
                );
                Err(told.into())
            }
        },
    }
}
