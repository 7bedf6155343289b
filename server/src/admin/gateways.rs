//! Gateways as the operator admits, revokes and replaces them.
//!
//! Constraints
//! 1. Which key counts when is said by the log alone (`gateway_enrolled`, `gateway_revoked`). A replaced box keeps the gateway's
//!    name, so that machines and tags need not be stated again, and begins a chain of its own.
//! 2. The trust file names every key the log ever enrolled: a bundle of last year holds records of last year's box.

use std::collections::BTreeSet;

use protocol::{Declaration, GatewayId, LeafBody, PublicKey, SiteId};
use serde_json::json;

use super::{AdminError, Context, Reply, invalid, known_site, reply, state};
use crate::enrol::{self, CODE_LIFE_MS};
use crate::ingest::accept::{ENROLLED, REVOKED};
use crate::sitelog::{LogError, SiteLogs};
use crate::store::StoreError;

/// A one-time enrolment code.
pub(super) async fn code(
    context: &Context,
    site: &SiteId,
    gateway: &GatewayId,
    now_ms: i64,
) -> Result<Reply, AdminError> {
    let code = enrol::new_code(&context.keys)?;
    let expires_ms = now_ms + CODE_LIFE_MS;
    context.store.add_enrolment_code(&code.hash, site.as_str(), gateway.as_str(), now_ms, expires_ms).await?;
    reply(
        code.code,
        format!("网关 {site}/{gateway} 的入网码，24 小时内有效，仅可使用一次"),
        format!("enrolment code for {site}/{gateway}: works once, within 24 hours"),
    )
}

/// Ends the enrolment of a gateway; returns the leaf that says so.
pub(super) async fn revoke(
    context: &Context,
    site: &SiteId,
    gateway: &GatewayId,
    reason: &str,
    now_ms: i64,
) -> Result<u64, AdminError> {
    known_site(context, site).await?;
    if context.store.gateway(site.as_str(), gateway.as_str()).await?.is_none() {
        return Err(invalid(format!("{site} 没有网关 {gateway}"), format!("there is no gateway {gateway} at {site}")));
    }
    let body = json!({ "gateway": gateway });
    let leaf = state(context, site, REVOKED, now_ms, reason, body).await?;
    context.store.revoke_gateway(site.as_str(), gateway.as_str(), now_ms).await?;
    // It may come again, to hear why it is not taken any more.
    if let (Some(door), Ok(identity)) = (context.door.get(), endpoint::Identity::new(site.as_str(), gateway.as_str())) {
        door.disconnect(&identity);
    }
    Ok(leaf)
}

/// The gateways of a site or of all, each with every key it was ever enrolled with.
pub(super) async fn trusted(
    context: &Context,
    only: Option<&SiteId>,
) -> Result<Vec<verify::TrustedGateway>, AdminError> {
    let mut trusted = Vec::new();
    for row in context.store.all_gateways().await? {
        let (Ok(site), Ok(gateway), Ok(key)) =
            (row.site.parse::<SiteId>(), row.id.parse::<GatewayId>(), PublicKey::from_hex(&row.key_hex))
        else {
            return Err(StoreError::Unreadable("gateway").into());
        };
        trusted.push((site, gateway, key));
    }
    trusted.retain(|(site, ..)| only.is_none_or(|only| only == site));
    let sites: BTreeSet<SiteId> = trusted.iter().map(|(site, ..)| site.clone()).collect();
    for site in sites {
        let (logs, asked) = (context.logs.clone(), site.clone());
        let enrolled = tokio::task::spawn_blocking(move || enrolled(&logs, &asked)).await;
        for (gateway, key) in enrolled.map_err(|_| LogError::Unavailable)?? {
            if !trusted.contains(&(site.clone(), gateway.clone(), key)) {
                trusted.push((site.clone(), gateway, key));
            }
        }
    }
    // Stable: of one gateway the key in force first.
    trusted.sort_by(|a, b| (&a.0, &a.1).cmp(&(&b.0, &b.1)));
    let of = |(site, gateway, key): (SiteId, GatewayId, PublicKey)| verify::TrustedGateway {
        site,
        gateway,
        key_sha256: key.fingerprint(),
    };
    Ok(trusted.into_iter().map(of).collect())
}

/// Every key a site's log enrolled, in its order. Blocks on the disk.
fn enrolled(logs: &SiteLogs, site: &SiteId) -> Result<Vec<(GatewayId, PublicKey)>, LogError> {
    let (mut found, mut at, size) = (Vec::new(), 0, logs.size(site)?);
    while at < size {
        let leaves = logs.leaves(site, at..size.min(at + LEAVES_READ))?;
        if leaves.is_empty() {
            break;
        }
        at += leaves.len() as u64;
        for leaf in leaves {
            let LeafBody::Declaration { kind, digest, .. } = &leaf.body else { continue };
            if kind != ENROLLED {
                continue;
            }
            // It is never pruned: without it the trust file would lack a key, and honest bundles would be refused.
            let damaged =
                || std::io::Error::other(format!("the content {digest} of an enrolment at {site} is missing"));
            let content = logs.content(site, digest)?.ok_or_else(damaged)?;
            let stated = Declaration::decode(&content)?;
            let text = |name: &str| stated.body.get(name).and_then(|value| value.as_str());
            if let (Some(Ok(gateway)), Some(Ok(key))) =
                (text("gateway").map(str::parse), text("key").map(PublicKey::from_hex))
            {
                found.push((gateway, key));
            }
        }
    }
    Ok(found)
}

/// Leaves read at once.
const LEAVES_READ: u64 = 4096;
