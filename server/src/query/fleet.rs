//! The page of all sites.

use super::{Comparison, EvidenceHealth, FleetPage, FleetRow, ONLINE_MS, QueryError, Ratio, SiteHead, TrendPoint};
use crate::roles::{Access, Permission};
use crate::store::{FleetQuery, FleetRecord, SiteRow, Store};

/// One page of the sites the reader may see. Three statements whatever the number of sites.
pub async fn fleet(store: &Store, access: &Access, query: &FleetQuery, now_ms: i64) -> Result<FleetPage, QueryError> {
    let filter = access.sites(Permission::SeeFigures);
    let rows = store.fleet(&filter, query).await?;
    let totals = store.fleet_totals(&filter, query, now_ms - ONLINE_MS).await?;
    Ok(FleetPage {
        rows: rows.into_iter().map(|(site, record)| row(site, record, now_ms)).collect(),
        sites: totals.sites,
        online: totals.online,
        alarmed: totals.alarmed,
        silent: totals.silent,
        matching: totals.matching,
        offset: query.offset.max(0),
        limit: query.limit,
        now_ms,
    })
}

/// A site's line. A site the projector has not seen yet has an empty record, and says so by `received_ms`.
pub(super) fn row(site: SiteRow, record: Option<FleetRecord>, now_ms: i64) -> FleetRow {
    let record = record.unwrap_or(FleetRecord { chain_ok: true, trend: "[]".into(), ..FleetRecord::default() });
    let online = record.received_ms.is_some_and(|at| now_ms - at < ONLINE_MS);
    let oee = Comparison { recent: Ratio::new(record.oee), baseline: Ratio::new(record.oee_base) };
    let energy = Comparison { recent: Ratio::new(record.energy), baseline: Ratio::new(record.energy_base) };
    let coverage = Ratio::new(Some((record.covered_ms, record.expected_ms)));
    let mut attention = Vec::new();
    let mut note = |wanted: bool, word: &str| {
        if wanted {
            attention.push(word.to_owned());
        }
    };
    note(record.received_ms.is_none(), "never_delivered");
    note(record.received_ms.is_some() && !online, "offline");
    note(!record.chain_ok, "chain");
    note(record.lost_records > 0, "lost");
    note(record.alarms > 0, "alarms");
    note(coverage.is_some_and(|share| below(share, Ratio { numerator: 95, denominator: 100 })), "coverage");
    note(oee.recent.zip(oee.baseline).is_some_and(|(recent, base)| below(recent, base)), "oee_down");
    note(energy.recent.zip(energy.baseline).is_some_and(|(recent, base)| below(base, recent)), "energy_up");
    FleetRow {
        site: SiteHead::from(site),
        online,
        received_ms: record.received_ms,
        gateways: record.gateways,
        coverage,
        evidence: EvidenceHealth {
            chain_ok: record.chain_ok,
            alarms: record.alarms,
            lost_records: record.lost_records,
        },
        oee,
        energy,
        grade: record.grade,
        trend: trend(&record.trend),
        attention,
    }
}

/// Reads the trend column; a damaged one is an empty sparkline, and a rebuild writes it again.
pub(super) fn trend(text: &str) -> Vec<TrendPoint> {
    let points: Vec<(String, Option<i64>, Option<i64>)> = serde_json::from_str(text).unwrap_or_default();
    points.into_iter().map(|(date, n, d)| TrendPoint { date, value: Ratio::new(n.zip(d)) }).collect()
}

/// `left < right` by cross-multiplication. Denominators are positive.
fn below(left: Ratio, right: Ratio) -> bool {
    i128::from(left.numerator) * i128::from(right.denominator)
        < i128::from(right.numerator) * i128::from(left.denominator)
}
