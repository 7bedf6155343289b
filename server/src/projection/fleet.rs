//! A site's line on the page of all sites: the recent week against the plan's baseline, coverage, health, trend, attention.
//!
//! Constraints: sums of numerators and denominators, never averages (reference §1.6); production machines only; a site
//! without a plan has no baseline rather than a made-up one.

use std::collections::BTreeMap;

use super::ProjectionError;
use super::site::SiteProjector;
use crate::store::{FleetRecord, MetricRow, Store};

/// Sums over a plan's baseline period.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Baseline {
    oee: Option<(i64, i64)>,
    energy: Option<(i64, i64)>,
}

/// Computes the line from the rows just written.
pub(super) async fn record(
    store: &Store,
    site: &str,
    projector: &mut SiteProjector,
    closed: bool,
    now_ms: i64,
) -> Result<FleetRecord, ProjectionError> {
    let oee = store.values(site, None, Some(OEE), now_ms - TREND_MS, now_ms + DAY_MS).await?;
    let energy = store.values(site, None, Some(ENERGY), now_ms - RECENT_MS, now_ms + DAY_MS).await?;
    let (chain_ok, lost_records) = projector.health();
    let (received_ms, gateways) = projector.delivered();
    let alarms = store.alarm_count(site).await?;
    let baseline = baseline(store, site, projector).await?;
    projector.written.baseline = baseline;
    let baseline = baseline.map(|(_, sums)| sums).unwrap_or_default();
    let production = |row: &&MetricRow| projector.is_production(&row.machine);
    let recent = || oee.iter().filter(production).filter(|row| row.from_ms >= now_ms - RECENT_MS);
    let recent_energy = energy.iter().filter(production);
    let oee_sum = sum(recent());
    let covered = recent().fold((0, 0), |sum, row| (sum.0 + row.covered_ms, sum.1 + row.expected_ms));
    let mut record = FleetRecord {
        gateways,
        received_ms,
        covered_ms: covered.0,
        expected_ms: covered.1,
        alarms,
        lost_records,
        chain_ok: chain_ok && !closed,
        grade: recent().filter(|row| row.value.is_some()).map(|row| row.grade.clone()).max(),
        oee: oee_sum,
        oee_base: baseline.oee,
        energy: intensity(recent(), recent_energy),
        energy_base: baseline.energy,
        trend: trend(oee.iter().filter(production))?,
        risk: 0,
        updated_ms: now_ms,
    };
    record.risk = risk(&record, now_ms);
    Ok(record)
}

/// The line of a site whose log is damaged and closed: what was known before, with evidence that is not whole.
pub(super) async fn closed(store: &Store, site: &str, now_ms: i64) -> Result<(), ProjectionError> {
    let known = store.fleet_record(site).await?;
    let mut record = known.unwrap_or_else(|| FleetRecord { trend: "[]".into(), ..FleetRecord::default() });
    record.chain_ok = false;
    record.updated_ms = now_ms;
    record.risk = risk(&record, now_ms);
    Ok(store.put_fleet(site, &record).await?)
}

/// Sums over the newest plan's baseline; remembered until a shift of the baseline is evaluated again.
async fn baseline(
    store: &Store,
    site: &str,
    projector: &SiteProjector,
) -> Result<Option<(u64, Baseline)>, ProjectionError> {
    let Some(plan) = projector.plan() else { return Ok(None) };
    if let Some(known) = projector.written.baseline.filter(|(leaf, _)| *leaf == plan.leaf) {
        return Ok(Some(known));
    }
    let (leaf, plan) = (plan.leaf, &plan.body);
    let mut out = Baseline::default();
    let date_ms = |date: &str| {
        let date = metrics::calendar::parse_date(date)?;
        Some(date.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp().as_millisecond())
    };
    if let Some(before) = &plan.baseline
        && let Some((from_ms, to_ms)) = date_ms(&before.from).zip(date_ms(&before.to))
    {
        let inside = |row: &&MetricRow| {
            plan.machines.contains(&row.machine)
                && projector.is_production(&row.machine)
                && (before.from.as_str()..=before.to.as_str()).contains(&row.date.as_str())
        };
        let (from_ms, to_ms) = (from_ms - DAY_MS, to_ms + 2 * DAY_MS);
        let oee = store.values(site, None, Some(OEE), from_ms, to_ms).await?;
        let energy = store.values(site, None, Some(ENERGY), from_ms, to_ms).await?;
        let oee: Vec<&MetricRow> = oee.iter().filter(inside).collect();
        out.oee = sum(oee.iter().copied());
        out.energy = intensity(oee.into_iter(), energy.iter().filter(inside));
    }
    Ok(Some((leaf, out)))
}

fn sum<'r>(rows: impl Iterator<Item = &'r MetricRow>) -> Option<(i64, i64)> {
    rows.filter_map(|row| row.value).reduce(|sum, pair| (sum.0.saturating_add(pair.0), sum.1.saturating_add(pair.1)))
}

/// Energy per planned time of good items: Wh over ms, of the shifts where both are known.
fn intensity<'r>(
    oee: impl Iterator<Item = &'r MetricRow>,
    energy: impl Iterator<Item = &'r MetricRow>,
) -> Option<(i64, i64)> {
    let key = |row: &'r MetricRow| (row.machine.as_str(), row.date.as_str(), row.shift.as_str());
    let used: BTreeMap<_, i64> =
        energy.filter_map(|row| Some((key(row), row.value.map(|(n, d)| n / d.max(1))?))).collect();
    let mut total: Option<(i64, i64)> = None;
    for row in oee {
        if let Some(((standard_us, _), wh)) = row.value.zip(used.get(&key(row))) {
            let sum = total.unwrap_or((0, 0));
            total = Some((sum.0.saturating_add(*wh), sum.1.saturating_add(standard_us / 1000)));
        }
    }
    total
}

/// OEE by production date, JSON.
fn trend<'r>(rows: impl Iterator<Item = &'r MetricRow>) -> Result<String, ProjectionError> {
    let mut days: BTreeMap<&str, Option<(i64, i64)>> = BTreeMap::new();
    for row in rows {
        let day = days.entry(row.date.as_str()).or_default();
        if let Some(pair) = row.value {
            let sum = day.unwrap_or((0, 0));
            *day = Some((sum.0.saturating_add(pair.0), sum.1.saturating_add(pair.1)));
        }
    }
    let points: Vec<(&str, Option<i64>, Option<i64>)> =
        days.into_iter().map(|(date, pair)| (date, pair.map(|p| p.0), pair.map(|p| p.1))).collect();
    Ok(serde_json::to_string(&points)?)
}

/// The order of attention, as written: damaged evidence first, then silence, then missing time, then getting worse.
/// Being offline is judged again by the page's clock; here it only orders.
fn risk(record: &FleetRecord, now_ms: i64) -> i64 {
    let worse = |recent: Option<(i64, i64)>, base: Option<(i64, i64)>| {
        recent
            .zip(base)
            .is_some_and(|(r, b)| i128::from(r.0) * i128::from(b.1.max(1)) < i128::from(b.0) * i128::from(r.1.max(1)))
    };
    let mut risk = 0;
    for (points, wanted) in [
        (100_000, !record.chain_ok),
        (20_000, record.lost_records > 0),
        (10_000, record.received_ms.is_none_or(|at| now_ms - at > crate::query::ONLINE_MS)),
        (1_000, record.expected_ms > 0 && record.covered_ms * 100 < record.expected_ms * 95),
        (500, record.alarms > 0),
        (100, worse(record.oee, record.oee_base)),
        (50, worse(record.energy_base, record.energy)),
    ] {
        if wanted {
            risk += points;
        }
    }
    risk
}

const OEE: &str = "oee.iso22400@1";
const ENERGY: &str = "energy.active@1";
const DAY_MS: i64 = 86_400_000;
/// "Recent" on the page of all sites.
const RECENT_MS: i64 = 7 * DAY_MS;
/// Days of the sparkline.
const TREND_MS: i64 = 30 * DAY_MS;
