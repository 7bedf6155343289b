//! One site, and the lists that belong to it.

use std::collections::BTreeMap;

use protocol::{GatewayId, SiteId};

use super::{
    AlarmView, CoverageDay, DeclarationView, Duration, FINDING_SHOWN, GatewayView, Interval, LogHead, MachineCard,
    ONLINE_MS, OversizedView, QueryError, Ratio, RefusalView, ReportView, SiteHead, SiteView, TrendPoint, fleet,
    machine, visible,
};
use crate::ingest::Health;
use crate::ingest::accept::CARRIED;
use crate::roles::{Access, Permission};
use crate::store::{FleetOrder, FleetQuery, MachineRow, MetricRow, Store};

/// Sites the reader may see, by name: at most 200 from `offset` on.
pub async fn sites(store: &Store, access: &Access, offset: i64) -> Result<Vec<SiteHead>, QueryError> {
    let query = FleetQuery { order: FleetOrder::Name, offset, limit: 200, ..FleetQuery::default() };
    let rows = store.fleet(&access.sites(Permission::SeeFigures), &query).await?;
    Ok(rows.into_iter().map(|(site, _)| SiteHead::from(site)).collect())
}

/// One site.
pub async fn site(store: &Store, access: &Access, id: &str, now_ms: i64) -> Result<SiteView, QueryError> {
    let row = visible(store, access, Permission::SeeFigures, id).await?;
    let may = Permission::ALL.into_iter().filter(|permission| access.allows(*permission, &row));
    let may = may.map(|permission| permission.name().to_owned()).collect();
    let summary = fleet::row(row.clone(), store.fleet_record(id).await?, now_ms);
    let projected = store.projected_size(id).await?;
    let log = match store.checkpoint(id).await? {
        Some((size, root_hex, at_ms)) => LogHead { size, root_hex, checkpoint_ms: Some(at_ms), projected },
        None => LogHead { size: 0, root_hex: String::new(), checkpoint_ms: None, projected },
    };
    let from_ms = now_ms - COVERAGE_DAYS * DAY_MS;
    let values = store.values(id, None, Some(OEE), from_ms, now_ms + DAY_MS).await?;
    let (losses_date, losses, delays) = losses(store, id, now_ms).await?;
    let plans = store.declarations(id, Some("plan"), 50).await?;
    Ok(SiteView {
        may,
        summary,
        log,
        machines: cards(store, id, &values, now_ms).await?,
        losses,
        delays,
        losses_date,
        coverage: coverage(&values),
        gateways: gateway_views(store, id, now_ms).await?,
        alarms: alarm_views(store, id).await?,
        declarations: declaration_views(store, id, None, 20, access.allows(Permission::Declare, &row)).await?,
        reports: report_views(store, id).await?,
        plans: plan_ids(plans.iter().map(|row| row.body.as_str())),
        site: SiteHead::from(row),
        now_ms,
    })
}

/// Gateways of a site.
pub async fn gateways(store: &Store, access: &Access, id: &str, now_ms: i64) -> Result<Vec<GatewayView>, QueryError> {
    visible(store, access, Permission::SeeFigures, id).await?;
    gateway_views(store, id, now_ms).await
}

/// Statements about a site, newest first.
pub async fn declarations(
    store: &Store,
    access: &Access,
    id: &str,
    kind: Option<&str>,
) -> Result<Vec<DeclarationView>, QueryError> {
    let row = visible(store, access, Permission::SeeFigures, id).await?;
    let is_factory = access.allows(Permission::Declare, &row);
    declaration_views(store, id, kind, 1000, is_factory).await
}

/// Reports issued for a site, newest first.
pub async fn reports(store: &Store, access: &Access, id: &str) -> Result<Vec<ReportView>, QueryError> {
    visible(store, access, Permission::SeeFigures, id).await?;
    report_views(store, id).await
}

async fn gateway_views(store: &Store, id: &str, now_ms: i64) -> Result<Vec<GatewayView>, QueryError> {
    let mut seen: BTreeMap<String, _> =
        store.gateway_statuses(id).await?.into_iter().map(|status| (status.gateway.clone(), status)).collect();
    let rows = store.gateways(id).await?;
    let brought = carried(store, id).await?;
    Ok(rows
        .into_iter()
        .map(|row| {
            let status = seen.remove(&row.id);
            let (carried, carried_ms) = brought.get(&row.id).copied().unzip();
            let received_ms = status.as_ref().map(|status| status.received_ms);
            GatewayView {
                id: row.id,
                key_hex: row.key_hex,
                enrolled_ms: row.enrolled_ms,
                revoked_ms: row.revoked_ms,
                agent_version: status.as_ref().map_or(row.agent_version, |status| status.agent_version.clone()),
                received_ms,
                observed_ms: status.as_ref().and_then(|status| status.observed_ms),
                online: received_ms.is_some_and(|at| now_ms - at < ONLINE_MS),
                records: status.as_ref().map_or(0, |status| status.records),
                readings: status.as_ref().map_or(0, |status| status.readings),
                sequence: status.as_ref().map_or(-1, |status| status.sequence),
                clock_state: status.as_ref().map_or("unknown".into(), |status| status.clock_state.clone()),
                lost_records: status.as_ref().map_or(0, |status| status.lost_records),
                chains: status.as_ref().map_or(0, |status| status.chains),
                carried: carried.unwrap_or(0),
                carried_ms,
                refusals: Vec::new(),
                repeats: 0,
                oversized: None,
            }
        })
        .collect())
}

/// By gateway: how many records came on a stick, and when the newest did.
async fn carried(store: &Store, id: &str) -> Result<BTreeMap<String, (u64, i64)>, QueryError> {
    // Newest first; an import states one for each file, and a record may be stated twice.
    let mut newest = BTreeMap::new();
    let mut ranges = Vec::new();
    for row in store.declarations(id, Some(CARRIED), 10_000).await? {
        let body: serde_json::Value = serde_json::from_str(&row.body).unwrap_or_default();
        let (gateway, chain) = (body["gateway"].as_str(), body["chain"].as_str());
        if let (Some(gateway), Some(chain), Some(first), Some(last)) =
            (gateway, chain, body["first"].as_u64(), body["last"].as_u64())
        {
            newest.entry(gateway.to_owned()).or_insert((0, row.received_ms));
            ranges.push((gateway.to_owned(), chain.to_owned(), first, last.saturating_add(1)));
        }
    }
    ranges.sort();
    let mut counted = None;
    for (gateway, chain, first, end) in ranges {
        let from = counted.take().filter(|(of, _)| *of == (gateway.clone(), chain.clone())).map_or(0, |(_, end)| end);
        if let Some((count, _)) = newest.get_mut(&gateway) {
            *count += end.saturating_sub(first.max(from));
        }
        counted = Some(((gateway, chain), end.max(from)));
    }
    Ok(newest)
}

/// Adds what the running server saw of the gateways and no table holds: refusals, repeats, oversized packets.
pub fn add_seen(gateways: &mut [GatewayView], site: &str, health: &Health) {
    let Ok(site) = site.parse::<SiteId>() else { return };
    for view in gateways {
        let Ok(gateway) = view.id.parse::<GatewayId>() else { continue };
        let seen = health.seen(&site, &gateway);
        view.repeats = seen.repeats;
        view.oversized = seen.oversized.map(|newest| OversizedView {
            count: newest.count,
            at_ms: newest.at_ms,
            bytes: newest.bytes as u64,
            limit: newest.limit.into(),
        });
        view.refusals = seen
            .refusals
            .into_iter()
            .map(|(reason, newest)| RefusalView {
                reason: reason.name().to_owned(),
                count: newest.count,
                at_ms: newest.at_ms,
                sequence: newest.sequence,
                number: newest.number,
                open: newest.open,
            })
            .collect();
    }
}

async fn alarm_views(store: &Store, id: &str) -> Result<Vec<AlarmView>, QueryError> {
    let rows = store.alarms(id, 20).await?;
    Ok(rows
        .into_iter()
        .map(|row| AlarmView {
            leaf: row.leaf,
            gateway: row.gateway,
            kind: row.kind,
            at_ms: row.at_ms,
            detail: row.detail,
        })
        .collect())
}

/// Statements as the reader may see them: which findings the factory was shown is its own until they are released, and then the
/// findings say so themselves.
async fn declaration_views(
    store: &Store,
    id: &str,
    kind: Option<&str>,
    limit: i64,
    is_factory: bool,
) -> Result<Vec<DeclarationView>, QueryError> {
    let rows = store.declarations(id, kind, limit).await?;
    Ok(rows
        .into_iter()
        .map(|row| DeclarationView {
            late: row.effective_ms.is_some_and(|effective| row.received_ms > effective),
            leaf: row.leaf,
            body: if is_factory || row.kind != FINDING_SHOWN { row.body } else { String::new() },
            kind: row.kind,
            received_ms: row.received_ms,
            effective_ms: row.effective_ms,
            author: row.author,
            role: row.role,
            reason: row.reason,
        })
        .collect())
}

async fn report_views(store: &Store, id: &str) -> Result<Vec<ReportView>, QueryError> {
    let rows = store.reports(id, 100).await?;
    Ok(rows
        .into_iter()
        .map(|row| ReportView {
            leaf: row.leaf,
            issued_ms: row.issued_ms,
            prefix: row.prefix,
            plan: row.plan,
            digest: row.digest,
            author: row.author,
            bundle: row.bundle.is_some(),
        })
        .collect())
}

/// Machines with their newest shift and the trend of the last 30 days.
async fn cards(store: &Store, id: &str, oee: &[MetricRow], now_ms: i64) -> Result<Vec<MachineCard>, QueryError> {
    let mut cards = Vec::new();
    for row in store.machines(id).await? {
        let shift = match store.newest_shift(id, Some(&row.id), now_ms).await? {
            Some(shift) => Some(machine::shift_view(store, id, shift).await?),
            None => None,
        };
        let state = shift.as_ref().and_then(|shift| last_state(&shift.intervals, shift.evaluated_to_ms));
        let since = now_ms - 30 * DAY_MS;
        let own = oee.iter().filter(|value| value.machine == row.id && value.from_ms >= since);
        let trend = trend_by_day(own);
        cards.push(MachineCard { names: machine::names(&row), role: role(&row), id: row.id, shift, state, trend });
    }
    Ok(cards)
}

/// The interval that reaches the end of the evaluation.
fn last_state(intervals: &[Interval], evaluated_to_ms: i64) -> Option<Interval> {
    intervals.iter().rev().find(|interval| interval.from_ms < evaluated_to_ms).cloned()
}

/// What a machine is for, from the declaration in force.
pub(super) fn role(row: &MachineRow) -> String {
    let body: serde_json::Value = serde_json::from_str(&row.body).unwrap_or_default();
    body["role"].as_str().unwrap_or("production").to_owned()
}

/// Sums numerators and denominators of one metric per production date; ratios are never averaged. A day with any
/// undefined value but some defined ones is the sum of the defined ones.
pub(super) fn trend_by_day<'r>(values: impl Iterator<Item = &'r MetricRow>) -> Vec<TrendPoint> {
    let mut days: BTreeMap<&str, Option<(i64, i64)>> = BTreeMap::new();
    for value in values {
        let day = days.entry(value.date.as_str()).or_default();
        if let Some((numerator, denominator)) = value.value {
            let sum = day.unwrap_or((0, 0));
            *day = Some((sum.0.saturating_add(numerator), sum.1.saturating_add(denominator)));
        }
    }
    days.into_iter().map(|(date, value)| TrendPoint { date: date.to_owned(), value: Ratio::new(value) }).collect()
}

fn coverage(values: &[MetricRow]) -> Vec<CoverageDay> {
    let mut days: BTreeMap<&str, (i64, i64)> = BTreeMap::new();
    for value in values {
        let day = days.entry(value.date.as_str()).or_default();
        day.0 += value.covered_ms;
        day.1 += value.expected_ms;
    }
    days.into_iter()
        .map(|(date, (covered_ms, expected_ms))| CoverageDay { date: date.to_owned(), covered_ms, expected_ms })
        .collect()
}

/// Buckets of the newest production day over the machines that produce, and the delay among them by state. Auxiliary
/// machines and meters have no production to lose.
async fn losses(
    store: &Store,
    id: &str,
    now_ms: i64,
) -> Result<(Option<String>, Vec<Duration>, Vec<Duration>), QueryError> {
    let Some(newest) = store.newest_shift(id, None, now_ms).await? else { return Ok((None, Vec::new(), Vec::new())) };
    let machines = store.machines(id).await?;
    let produces = |id: &str| machines.iter().any(|row| row.id == id && role(row) == "production");
    let rows = store.shifts(id, None, newest.from_ms - DAY_MS, newest.until_ms).await?;
    let (mut sums, mut delays) = (BTreeMap::<String, i64>::new(), BTreeMap::<String, i64>::new());
    for row in rows.iter().filter(|row| row.date == newest.date && produces(&row.machine)) {
        let body = machine::body(row);
        for interval in body.intervals.iter().filter(|interval| interval.bucket == "ADET") {
            *delays.entry(interval.state.clone()).or_default() += interval.until_ms - interval.from_ms;
        }
        for bucket in body.buckets {
            *sums.entry(bucket.name).or_default() += bucket.ms;
        }
    }
    let list = |sums: BTreeMap<String, i64>| sums.into_iter().map(|(name, ms)| Duration { name, ms }).collect();
    Ok((Some(newest.date), list(sums), list(delays)))
}

/// Identifiers of the plans in a list of declarations, newest first, each once.
fn plan_ids<'b>(bodies: impl Iterator<Item = &'b str>) -> Vec<String> {
    let mut plans: Vec<String> = Vec::new();
    for body in bodies {
        let body: serde_json::Value = serde_json::from_str(body).unwrap_or_default();
        if let Some(plan) = body["plan"].as_str().filter(|plan| !plans.iter().any(|known| known == plan)) {
            plans.push(plan.to_owned());
        }
    }
    plans
}

/// OEE as the pages show it: ISO 22400.
pub(super) const OEE: &str = "oee.iso22400@1";
const COVERAGE_DAYS: i64 = 91;
pub(super) const DAY_MS: i64 = 86_400_000;
