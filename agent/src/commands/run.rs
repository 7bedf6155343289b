//! `gongzheng-agent run`: builds everything from configuration and state directory and hands it to the pipeline.

use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::Told;
use crate::buffer;
use crate::clock::{self, SharedClock, SystemClock};
use crate::config::{Config, Uplink};
use crate::identity::{self, Enrolment};
use crate::live::Board;
use crate::locale::{Lang, words};
use crate::pipeline::{self, Setup, UplinkSettings};
use crate::setup::Restart;
use crate::source::lending::Lending;
use crate::source::{self, World, identity as identity_of_devices};
use crate::status::Status;
use crate::uplink::{delivery, kept};
use crate::{page, telemetry};

/// Runs until SIGTERM or SIGINT, or until a changed configuration asks for a new start: then `true`.
///
/// # Errors
/// When the gateway is not enrolled, or something it needs cannot be had.
pub async fn run(config: Config, lang: Lang) -> anyhow::Result<bool> {
    telemetry::init();
    let state_dir = config.gateway.state_dir.clone();
    std::fs::create_dir_all(&state_dir).with_context(|| {
        let shown = state_dir.display();
        match lang {
            Lang::Zh => format!("建不了状态目录 {shown}，检查权限"),
            Lang::En => format!("cannot make the state directory {shown}; check its permissions"),
        }
    })?;
    let Some(enrolment) = Enrolment::load(&state_dir)? else { return Err(Told(not_enrolled(&config.file)).into()) };
    let mut seed = [0u8; 32];
    getrandom::fill(&mut seed).map_err(|e| anyhow::anyhow!("no random numbers: {e}"))?;
    let key = identity::load_or_create_key(&state_dir, seed)?;
    let clock: SharedClock = Arc::new(SystemClock::new(clock_settings(&config))?);
    let board = Board::new(&config.devices);
    let tags: Vec<_> = config.devices.iter().flat_map(|d| &d.tags).collect();
    let status = Status::new(clock.boot_ms());
    let alarm = tags.iter().map(|t| t.alarm).collect();

    let shutdown = CancellationToken::new();
    spawn_signals(&shutdown)?;
    let restart = config.page.setup.then(|| Restart::new(shutdown.clone()));
    let lending = Lending::new(&config);
    let page = match &config.page.listen {
        Some(listen) => {
            let listener = TcpListener::bind(listen.as_str()).await.map_err(|error| {
                Told(words!(
                    "本地页面占不到 {listen}：{error}。换一个 `[page] listen`，或写 `enabled = false`",
                    "the local page cannot listen on {listen}: {error}. Choose another `[page] listen`, or write `enabled = false`"
                ))
            })?;
            let address = listener.local_addr()?;
            tracing::info!(%address, "The local page is open.");
            let sources = page::Sources {
                config: config.clone(),
                enrolment: Some(enrolment.clone()),
                board: board.clone(),
                status: status.clone(),
                clock: clock.clone(),
                lang,
                restart: restart.clone(),
                lending: lending.clone(),
            };
            Some(tokio::spawn(page::serve(listener, Arc::new(sources), shutdown.clone())))
        }
        None => None,
    };
    let (known, identities) = watch::channel(identity_of_devices::load(&state_dir));
    let keeper = tokio::spawn({
        let (state_dir, identities, shutdown) = (state_dir.clone(), identities.clone(), shutdown.clone());
        async move {
            tokio::select! {
                () = identity_of_devices::keep(&state_dir, identities) => {}
                () = shutdown.cancelled() => {}
            }
        }
    });
    let folder = state_dir.clone();
    let setup = Setup {
        state_dir,
        configuration: Arc::new(config.configuration()?),
        alarm,
        seal_ms: i64::try_from(config.buffer.seal_ms).unwrap_or(10_000),
        buffer: buffer::Settings {
            bytes_max: config.buffer.max_bytes,
            free_bytes_min: config.buffer.min_free_bytes,
            ..buffer::Settings::default()
        },
        uplink: uplink_settings(&config.uplink)?,
        clock,
        status,
        key,
        enrolment,
    };
    let sources = |context: pipeline::SourceContext| {
        let world = World { clock: context.clock, events: context.events, board, known, lending };
        source::start(&config, &world, &context.shutdown)
    };
    let result = pipeline::run(setup, sources, shutdown.clone()).await;
    shutdown.cancel();
    keeper.await.context("The identities of the devices could not be kept.")?;
    if let Some(page) = page {
        page.await.context("The local page failed.")?;
    }
    result?;
    // The closing record is on the disk: nothing is told that could still be lost.
    identity_of_devices::save(&folder, &identities.borrow());
    Ok(restart.is_some_and(|restart| restart.is_wanted()))
}

/// Clock settings of a configuration.
pub fn clock_settings(config: &Config) -> clock::Settings {
    clock::Settings {
        synchronised_file: config.clock.synchronised_file.clone(),
        assume_synchronised: config.clock.assume_synchronised,
    }
}

/// What to say to a gateway that was never enrolled.
pub fn not_enrolled(file: &Path) -> crate::locale::Words {
    let file = file.display();
    words!(
        "本网关还没有入网。向服务器管理员要一个入网码，然后运行 `gongzheng-agent --config {file} init --code 入网码 --server 服务器:8443`",
        "this gateway is not enrolled. Ask the server's administrator for a code and run `gongzheng-agent --config {file} init --code CODE --server HOST:8443`"
    )
}

pub(super) fn uplink_settings(uplink: &Uplink) -> anyhow::Result<UplinkSettings> {
    let read = |path: &Path| {
        std::fs::read_to_string(path).map_err(|error| {
            let path = path.display();
            anyhow::Error::new(Told(words!(
                "读不了 {path}：{error}。检查路径和权限",
                "cannot read {path}: {error}. Check path and permissions"
            )))
        })
    };
    let credentials = match (&uplink.user, &uplink.password_file) {
        (Some(user), Some(file)) => Some((user.clone(), read(file)?.trim_end_matches(['\r', '\n']).to_owned())),
        _ => None,
    };
    Ok(UplinkSettings {
        address: uplink.address.clone(),
        tls: uplink.tls,
        broker_ca_pem: uplink.broker_ca_file.as_deref().map(read).transpose()?,
        credentials,
        delivery: delivery::Settings {
            window: usize::try_from(uplink.window).unwrap_or(32),
            bytes_per_second_max: uplink.bytes_per_second_max,
        },
        refused: kept::Limit::default(),
    })
}

/// The first signal stops in order; the second ends at once (what was synced is safe anyway).
fn spawn_signals(shutdown: &CancellationToken) -> anyhow::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let shutdown = shutdown.clone();
    tokio::spawn(async move {
        for attempt in 0.. {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            if attempt > 0 {
                tracing::warn!("Second signal: ending at once.");
                std::process::exit(130);
            }
            shutdown.cancel();
        }
    });
    Ok(())
}
