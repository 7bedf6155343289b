//! What the operator can ask the server at any time: sites, gateways, and how the way in fares.

use protocol::SiteId;
use serde_json::{Map, Value as Json, json};

use super::{AdminError, Context};

/// Sites with their gateways and what witnesses say of their logs, the number of users, counters and alarms of the way in since the start, and the endpoint's
/// counters where one listens. Times are Unix ms.
pub(super) async fn report(context: &Context) -> Result<Json, AdminError> {
    let sites = context.store.all_sites().await?;
    let gateways = context.store.all_gateways().await?;
    let door = context.door.get();
    let list: Vec<Json> = sites
        .iter()
        .map(|site| {
            let own: Vec<Json> = gateways
                .iter()
                .filter(|gateway| gateway.site == site.id)
                .map(|g| {
                    let identity = endpoint::Identity::new(&g.site, &g.id).ok();
                    let connected = door.zip(identity).map(|(door, identity)| door.is_connected(&identity));
                    let ids = g.site.parse().ok().zip(g.id.parse().ok());
                    let live = ids.and_then(|(site, id)| context.ingest.live(&site, &id));
                    let live = live.map(|(at_ms, state)| {
                        json!({"at_ms": at_ms, "backlog_records": state.backlog_records, "backlog_bytes": state.backlog_bytes})
                    });
                    json!({"id": g.id, "key": g.key_hex, "revoked_ms": g.revoked_ms, "connected": connected, "live": live})
                })
                .collect();
            let id = site.id.parse().ok();
            let leaves = id.as_ref().and_then(|id| context.logs.size(id).ok());
            let closed = id.as_ref().and_then(|id| context.logs.why_closed(id)).map(|why| why.to_string());
            let witnessed = id.as_ref().map(|id| witnessed(context, id));
            json!({"id": site.id, "simulated": site.simulated, "leaves": leaves, "closed": closed, "witnessed": witnessed, "gateways": own})
        })
        .collect();
    let users = context.store.user_count().await?;
    Ok(json!({"sites": list, "users": users, "intake": intake(context).await, "endpoint": endpoint_counters(context)}))
}

/// The newest checkpoint that was cosigned, by whom, and how every witness stands to the site.
fn witnessed(context: &Context, site: &SiteId) -> Json {
    let cosigned = context.logs.cosigned(site).ok().flatten().map(|cosigned| {
        let by = cosigned.by.iter();
        let by: Vec<Json> =
            by.map(|by| json!({"witness": by.witness, "operator": by.operator, "seconds": by.seconds})).collect();
        json!({"size": cosigned.checkpoint.size, "enough": cosigned.is_witnessed(), "required": cosigned.required, "by": by})
    });
    let peers = context.logs.witnesses().map(|witnesses| witnesses.peers(site)).unwrap_or_default();
    let peers: Vec<Json> = peers
        .iter()
        .map(|peer| {
            let (zh, en) = peer.standing.words();
            json!({"witness": peer.name, "operator": peer.operator, "counts": peer.counts, "alarm": peer.standing.is_alarm(),
                   "now": peer.standing, "zh": zh, "en": en})
        })
        .collect();
    json!({"newest": cosigned, "witnesses": peers})
}

async fn intake(context: &Context) -> Json {
    let ingest = context.ingest.clone();
    // The newest rejections are read from a file.
    let newest =
        tokio::task::spawn_blocking(move || ingest.health().newest_rejections(NEWEST)).await.unwrap_or_default();
    let newest: Vec<Json> = newest.iter().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let health = context.ingest.health();
    let rejected: Vec<Json> = health
        .rejected_gateways()
        .into_iter()
        .map(|((site, gateway), reasons)| json!({"site": site, "gateway": gateway, "reasons": reasons}))
        .collect();
    json!({
        "disk_full_since_ms": health.full_since_ms(),
        "records": health.records(),
        "repeats": health.repeats(),
        "late": health.late(),
        "rejections": rejected,
        "rejections_unknown": health.unknown_rejections(),
        "newest_rejections": newest,
    })
}

fn endpoint_counters(context: &Context) -> Json {
    let Some(door) = context.door.get() else { return Json::Null };
    let counters = door.counters().named().into_iter().map(|(name, value)| (name.to_owned(), json!(value)));
    Json::Object(counters.collect::<Map<_, _>>())
}

/// Rejections shown.
const NEWEST: usize = 20;
