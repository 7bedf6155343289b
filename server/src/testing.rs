//! A server's inside for tests: a data directory, a fixed clock, and a small factory whose records are submitted like any
//! gateway's.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use protocol::{Declaration, LeafBody, Record, SiteId};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::accounts::Accounts;
use crate::admin::{Context, Reply, Request, execute};
use crate::config::Config;
use crate::ingest::Answer;
use crate::projection::tests::fixture::{GATEWAY, HOUR, Log, MONDAY, SITE, World};
use crate::run::Evidence;
use crate::state::{AppState, Clock, WebFacts};
use crate::store::GatewayRow;

/// "Now" in these tests: five days after the factory's first Monday.
pub(crate) const NOW_MS: i64 = MONDAY + 120 * HOUR;

/// The inside of a server.
pub(crate) struct Inside {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) evidence: Evidence,
    pub(crate) context: Context,
    pub(crate) state: AppState,
    pub(crate) stop: CancellationToken,
}

/// A week in which the press runs for three hours, twice, while its energy register stands still: two matters to verify.
pub(crate) fn standing_still() -> World {
    let mut world = World::new(2, 7, None);
    for day in [1, 3] {
        for minute in world.minutes.iter_mut().skip(day * 1440 + 9 * 60).take(180) {
            (minute.code, minute.good, minute.wh) = (4, 8, 0);
        }
    }
    world
}

/// Opens an empty data directory without listeners, and starts the projector.
pub(crate) async fn inside() -> Inside {
    inside_at(Clock::new(|| NOW_MS)).await
}

/// The same with a clock of one's own.
pub(crate) async fn inside_at(clock: Clock) -> Inside {
    let folder = tempfile::tempdir().expect("folder");
    let text = format!(
        "data_dir = {:?}\npublic_host = \"gz.test\"\n[mqtt]\nlisten = \"127.0.0.1:0\"\n",
        folder.path().join("data")
    );
    let path = folder.path().join("server.toml");
    std::fs::write(&path, text).expect("config");
    let config = Config::load(&path).expect("config");
    let evidence = Evidence::open(&config, &clock).await.expect("data directory");
    let accounts = Accounts::open(evidence.store.clone()).await.expect("accounts");
    let context = Context {
        store: evidence.store.clone(),
        accounts: accounts.clone(),
        logs: evidence.logs.clone(),
        keys: Arc::clone(&evidence.keys),
        ingest: evidence.ingest.clone(),
        door: crate::state::Door::default(),
        clock: clock.clone(),
        data_dir: config.data_dir.clone(),
    };
    let state = AppState {
        store: evidence.store.clone(),
        accounts,
        clock: clock.clone(),
        facts: Arc::new(WebFacts::default()),
        logs: evidence.logs.clone(),
        ingest: evidence.ingest.clone(),
        door: crate::state::Door::default(),
        keys: Arc::clone(&evidence.keys),
        data_dir: config.data_dir.as_path().into(),
    };
    let stop = CancellationToken::new();
    let (store, logs) = (evidence.store.clone(), evidence.logs.clone());
    tokio::spawn(crate::projection::run(store, logs, clock, config.data_dir, stop.clone()));
    Inside { folder, evidence, context, state, stop }
}

impl Inside {
    /// The factory's site.
    pub(crate) fn site() -> SiteId {
        SITE.parse().expect("id")
    }

    pub(crate) fn data_dir(&self) -> &Path {
        &self.context.data_dir
    }

    /// An admin request that must succeed.
    pub(crate) async fn admin(&self, request: Request) -> Reply {
        execute(&self.context, request).await.unwrap_or_else(|error| panic!("{error}"))
    }

    /// Creates the factory's site, states its machines, enrols its gateway and submits its records.
    pub(crate) async fn factory(&self, world: &World) -> Log {
        let site = Self::site();
        self.admin(Request::SiteAdd {
            site: site.clone(),
            name_zh: "示范厂".into(),
            name_en: Some("Demo works".into()),
            city: "昆明市".into(),
            district: "西山区".into(),
            sub_sector: "金属制品".into(),
            zone: "Asia/Shanghai".into(),
            simulated: false,
        })
        .await;
        let mut log = Log::new(false);
        log.run(world, true, |_, minute| !(600..623).contains(&minute));
        let declarations = log.leaves.iter().filter_map(|leaf| match &leaf.body {
            LeafBody::Declaration { kind, digest, .. } if kind != "site" && kind != "gateway_enrolled" => {
                Some(Declaration::decode(&log.contents[digest]).expect("declaration"))
            }
            _ => None,
        });
        let statements: Vec<serde_json::Value> = declarations
            .map(|d| json!({"kind": d.kind, "effective_from": d.effective_from, "reason": d.reason, "body": d.body}))
            .collect();
        self.admin(Request::Declare { site: site.clone(), text: serde_json::Value::from(statements).to_string() })
            .await;
        let key = log.gateway_key.public().hex();
        let enrolled = Declaration {
            kind: "gateway_enrolled".into(),
            effective_from: NOW_MS,
            author: "server".into(),
            role: "enrolment".into(),
            reason: "one-time code".into(),
            body: json!({"gateway": GATEWAY, "key": key}),
        };
        self.context.logs.append_declaration(&site, &enrolled).await.expect("enrolled");
        let row = GatewayRow {
            site: SITE.into(),
            id: GATEWAY.into(),
            key_hex: key,
            agent_version: "0.1.0".into(),
            enrolled_ms: NOW_MS,
            revoked_ms: None,
        };
        self.context.store.put_gateway(&row).await.expect("gateway");
        self.submit(&log, 0).await;
        log
    }

    /// Submits the records of a log from a leaf on, and waits until they are leaves here.
    pub(crate) async fn submit(&self, log: &Log, from: usize) {
        let site = Self::site();
        let before = self.context.logs.size(&site).expect("size");
        let mut submitted = 0;
        for leaf in &log.leaves[from..] {
            let LeafBody::Record { header, header_bytes, signature } = &leaf.body else { continue };
            let content = log.contents[&header.content_digest].clone();
            let record = Record::from_parts(header_bytes.clone(), &signature.0, content).expect("record");
            let answer = self.evidence.ingest.submit(site.clone(), GATEWAY.parse().expect("id"), record.encode());
            assert_eq!(answer.await.expect("answer"), Answer::Answered);
            submitted += 1;
        }
        // A receipt means journalled; the leaf follows.
        self.until("the records are leaves", async || {
            self.context.logs.size(&site).expect("size") >= before + submitted
        })
        .await;
    }

    /// Waits until the projector has taken in the whole log.
    pub(crate) async fn projected(&self) {
        let size = self.context.logs.size(&Self::site()).expect("size") as i64;
        self.until("the projector took in the log", async || {
            self.context.store.projected_size(SITE).await.expect("size") >= size
        })
        .await;
    }

    /// Waits for a condition, at most 30 s.
    pub(crate) async fn until(&self, what: &str, condition: impl AsyncFn() -> bool) {
        let deadline = Instant::now() + Duration::from_secs(30);
        while !condition().await {
            assert!(Instant::now() < deadline, "not in 30 s: {what}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}
