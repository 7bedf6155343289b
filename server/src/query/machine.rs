//! One machine: a production day with its ribbons, a single shift, and its history.

use super::site::{DAY_MS, OEE, role, trend_by_day};
use super::{
    Figure, MachineView, NamedMachine, QueryError, Ratio, ShiftBody, ShiftKey, ShiftView, SiteHead, TrendPoint, Words,
    visible,
};
use crate::roles::{Access, Permission};
use crate::store::{MachineRow, MetricRow, ShiftRow, Store};

/// A machine on one production date; the newest one when `date` is none.
pub async fn machine(
    store: &Store,
    access: &Access,
    site: &str,
    machine: &str,
    date: Option<&str>,
    now_ms: i64,
) -> Result<MachineView, QueryError> {
    let head = visible(store, access, Permission::SeeFigures, site).await?;
    let row = find(store, site, machine).await?;
    let date = match date {
        Some(date) => date.to_owned(),
        None => match store.newest_shift(site, Some(machine), now_ms).await? {
            Some(shift) => shift.date,
            None => local_date(&head.time_zone, now_ms),
        },
    };
    let noon_ms = date_ms(&date)? + DAY_MS / 2;
    // A production day of any zone with its night shift lies within two days of its UTC noon.
    let around = store.shift_heads(site, machine, noon_ms - 40 * DAY_MS, noon_ms + 40 * DAY_MS).await?;
    let previous = around.iter().rev().find(|shift| shift.date < date).map(|shift| shift.date.clone());
    let next = around.iter().find(|shift| shift.date > date).map(|shift| shift.date.clone());
    let mut shifts = Vec::new();
    for head in around.into_iter().filter(|shift| shift.date == date) {
        if let Some(shift) = store.shift(site, machine, &date, &head.name).await? {
            shifts.push(shift_view(store, site, shift).await?);
        }
    }
    let values = store.values(site, Some(machine), Some(OEE), noon_ms - 31 * DAY_MS, noon_ms + 2 * DAY_MS).await?;
    let trend = trend_by_day(values.iter().filter(|value| value.date <= date));
    Ok(MachineView {
        site: SiteHead::from(head),
        names: names(&row),
        role: role(&row),
        id: row.id,
        date,
        shifts,
        previous,
        next,
        trend,
        now_ms,
    })
}

/// The newest production date of a site that has begun; today's date where nothing was evaluated yet.
pub async fn last_date(store: &Store, access: &Access, site: &str, now_ms: i64) -> Result<String, QueryError> {
    let head = visible(store, access, Permission::SeeFigures, site).await?;
    let newest = store.newest_shift(site, None, now_ms).await?;
    Ok(newest.map_or_else(|| local_date(&head.time_zone, now_ms), |shift| shift.date))
}

/// One shift of a machine.
pub async fn machine_shift(
    store: &Store,
    access: &Access,
    site: &str,
    machine: &str,
    date: &str,
    shift: &str,
) -> Result<ShiftView, QueryError> {
    visible(store, access, Permission::SeeFigures, site).await?;
    let row = store.shift(site, machine, date, shift).await?.ok_or(QueryError::NotFound)?;
    shift_view(store, site, row).await
}

/// One metric of a machine per production day over a period (dates included).
pub async fn history(
    store: &Store,
    access: &Access,
    site: &str,
    machine: &str,
    metric: &str,
    from: &str,
    to: &str,
) -> Result<Vec<TrendPoint>, QueryError> {
    visible(store, access, Permission::SeeFigures, site).await?;
    let (from_ms, to_ms) = (date_ms(from)? - DAY_MS, date_ms(to)? + 2 * DAY_MS);
    if to_ms - from_ms > 800 * DAY_MS {
        return Err(QueryError::Invalid("at most two years at a time / 一次最多查询两年".into()));
    }
    let values = store.values(site, Some(machine), Some(metric), from_ms, to_ms).await?;
    Ok(trend_by_day(values.iter().filter(|value| value.date.as_str() >= from && value.date.as_str() <= to)))
}

/// A shift row with its figures.
pub(super) async fn shift_view(store: &Store, site: &str, row: ShiftRow) -> Result<ShiftView, QueryError> {
    let values = store.shift_values(site, &row.machine, &row.date, &row.name).await?;
    let body = body(&row);
    Ok(ShiftView {
        closed: row.closed,
        evaluated_to_ms: body.evaluated_to_ms,
        prefix: row.prefix,
        states: body.states,
        buckets: body.buckets,
        intervals: body.intervals,
        planned_stops: body.planned_stops,
        counts: body.counts,
        figures: figures(&values),
        shift: ShiftKey {
            date: row.date,
            name: row.name,
            names: body.names,
            from_ms: row.from_ms,
            until_ms: row.until_ms,
        },
    })
}

/// The timeline column. A damaged one is an empty timeline; `rebuild` writes it again.
pub(super) fn body(row: &ShiftRow) -> ShiftBody {
    serde_json::from_str(&row.body).unwrap_or_else(|error| {
        tracing::error!(%error, machine = row.machine, date = row.date, shift = row.name, "unreadable timeline");
        ShiftBody::default()
    })
}

/// Figures in the order people read them.
pub(super) fn figures(values: &[MetricRow]) -> Vec<Figure> {
    let mut figures: Vec<Figure> = values.iter().map(figure).collect();
    let rank = |metric: &str| FIRST.iter().position(|first| metric.starts_with(first)).unwrap_or(FIRST.len());
    figures.sort_by(|a, b| rank(&a.metric).cmp(&rank(&b.metric)).then_with(|| a.metric.cmp(&b.metric)));
    figures
}

/// One value as pages show it.
pub(super) fn figure(row: &MetricRow) -> Figure {
    let lineage: serde_json::Value = serde_json::from_str(&row.lineage).unwrap_or_default();
    Figure {
        metric: row.metric.clone(),
        unit: lineage["unit"].as_str().unwrap_or_default().to_owned(),
        value: Ratio::new(row.value),
        low: Ratio::new(row.low),
        high: Ratio::new(row.high),
        undefined: row.undefined.clone(),
        coverage: Ratio::new(Some((row.covered_ms, row.expected_ms))),
        grade: row.grade.clone(),
        flags: serde_json::from_str(&row.flags).unwrap_or_default(),
    }
}

/// A machine in force.
pub(super) async fn find(store: &Store, site: &str, machine: &str) -> Result<MachineRow, QueryError> {
    let mut rows = store.machines(site).await?;
    rows.retain(|row| row.id == machine);
    rows.pop().ok_or(QueryError::NotFound)
}

/// Every machine of a site with its names.
pub(super) async fn named(store: &Store, site: &str) -> Result<Vec<NamedMachine>, QueryError> {
    let rows = store.machines(site).await?.into_iter();
    Ok(rows.map(|row| NamedMachine { names: names(&row), id: row.id }).collect())
}

/// Names with the identifier where the declaration gives none.
pub(super) fn names(row: &MachineRow) -> Words {
    let or_id = |name: &str| if name.is_empty() { row.id.clone() } else { name.to_owned() };
    Words { zh: or_id(&row.name_zh), en: or_id(&row.name_en) }
}

/// Midnight UTC of a date written `YYYY-MM-DD`.
fn date_ms(date: &str) -> Result<i64, QueryError> {
    let bad = || QueryError::Invalid(format!("`{date}` is not a date like 2026-03-14 / 日期格式应为 2026-03-14"));
    let date: jiff::civil::Date = date.parse().map_err(|_| bad())?;
    let zoned = date.to_zoned(jiff::tz::TimeZone::UTC).map_err(|_| bad())?;
    Ok(zoned.timestamp().as_millisecond())
}

/// Today's date in a zone, for a machine without any shift yet.
fn local_date(zone: &str, now_ms: i64) -> String {
    let zone = jiff::tz::TimeZone::get(zone).unwrap_or(jiff::tz::TimeZone::UTC);
    let now = jiff::Timestamp::from_millisecond(now_ms).unwrap_or_default();
    now.to_zoned(zone).date().to_string()
}

/// What is read first.
const FIRST: [&str; 4] = ["oee.", "availability", "performance", "quality"];
