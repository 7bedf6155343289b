//! What rows become: bodies of declarations, field by field. Cells were read already; here only what concerns several at once is refused.

use metrics::exact::Rational;
use metrics::statements::Stated;
use serde_json::{Map, Value as Json, json};

use super::Against;
use super::cell::{DAY_MS, bad};
use super::parse::{Draft, Fault, Row};

type Drafts = Result<Vec<Draft>, Fault>;

/// The first of rows that make one declaration; there always is one.
fn first(rows: &[Row]) -> Result<&Row, Fault> {
    let none = || Fault {
        line: 0,
        column: String::new(),
        bad: Box::new(bad("没有内容", "nothing there", "填写一行", "fill in a row")),
    };
    rows.first().ok_or_else(none)
}

/// An object of those columns that have text, under other names where the body has others.
fn texts(row: &Row, columns: &[(&str, &str)]) -> Map<String, Json> {
    let pair = |(column, field): &(&str, &str)| Some(((*field).to_owned(), json!(row.text(column)?)));
    columns.iter().filter_map(pair).collect()
}

/// The same names in table and body.
fn same(row: &Row, columns: &[&str]) -> Map<String, Json> {
    let pairs: Vec<(&str, &str)> = columns.iter().map(|c| (*c, *c)).collect();
    texts(row, &pairs)
}

fn put(body: &mut Map<String, Json>, field: &str, value: Option<impl Into<Json>>) {
    if let Some(value) = value {
        body.insert(field.to_owned(), value.into());
    }
}

fn dates(body: &mut Map<String, Json>, row: &Row, columns: &[&str]) {
    for column in columns {
        put(body, column, row.date(column).map(|d| d.to_string()));
    }
}

/// The instants of local days, both included.
fn days(row: &Row, from: &str, to: &str, against: &Against<'_>) -> Result<(i64, i64), Fault> {
    let (Some(first), Some(last)) = (row.date(from), row.date(to)) else { return Ok((0, 0)) };
    if last < first {
        let wrong = bad(
            format!("结束日期 {last} 早于开始日期 {first}"),
            format!("the last date {last} is before the first, {first}"),
            "核对两个日期",
            "check both dates",
        );
        return Err(Fault::at(row, to, wrong));
    }
    let midnight =
        |date: jiff::civil::Date| against.zone.to_timestamp(date.at(0, 0, 0, 0)).map_or(0, |at| at.as_millisecond());
    Ok((midnight(first), last.tomorrow().map_or(i64::MAX, midnight)))
}

/// Instants from–to, in order.
fn span(row: &Row, from: &str, to: &str) -> Result<(i64, i64), Fault> {
    let (Some(a), Some(b)) = (row.ms(from), row.ms(to)) else { return Ok((0, 0)) };
    if b > a {
        return Ok((a, b));
    }
    let wrong = bad("结束不晚于开始", "the end is not after the beginning", "核对两个时间", "check both times");
    Err(Fault::at(row, to, wrong))
}

/// A decimal of at most six places in millionths.
fn micro(row: &Row, column: &str) -> Option<i64> {
    let value = Rational::parse(row.text(column)?)?.times(Rational::integer(1_000_000))?;
    (value.den() == 1).then(|| i64::try_from(value.num()).ok())?
}

pub(super) fn ledger(rows: &[Row], against: &Against<'_>) -> Drafts {
    let row = first(rows)?;
    let id = row.text("machine").unwrap_or_default();
    let at = row.ms("effective_from").unwrap_or(against.now_ms);
    // What the table does not speak of stays as it is: tags, their limits, the state rule.
    let before = against.statements.machine_at(id, at);
    let mut machine = match before.map(|m: &Stated<_>| serde_json::to_value(&m.body)) {
        Some(Ok(Json::Object(body))) => body,
        _ => Map::from_iter([("signals".to_owned(), json!({}))]),
    };
    let zh = row.text("name").unwrap_or_default();
    let en = match (row.text("name_en"), before) {
        (Some(en), _) => en.to_owned(),
        (None, Some(m)) if !m.body.names.en.is_empty() => m.body.names.en.clone(),
        _ => zh.to_owned(),
    };
    machine.insert("machine".to_owned(), json!(id));
    machine.insert("names".to_owned(), json!({"zh": zh, "en": en}));
    put(&mut machine, "role", row.text("role"));
    put(&mut machine, "critical", row.yes("critical"));
    put(&mut machine, "calendar", row.text("calendar"));
    if let Some(calendar) = row.text("calendar")
        && against.statements.calendar_at(calendar, i64::MAX, true).is_none()
    {
        let wrong = bad(
            format!("没有日历「{calendar}」"),
            format!("there is no calendar `{calendar}`"),
            "先导入班次日历，或留空",
            "import the shift calendar first, or leave it empty",
        );
        return Err(Fault::at(row, "calendar", wrong));
    }
    let mut entry =
        same(row, &["machine", "class", "number", "model", "maker", "serial", "location", "interface", "point_table"]);
    dates(&mut entry, row, &["commissioned"]);
    put(&mut entry, "digitised", row.yes("digitised"));
    put(&mut entry, "networked", row.yes("networked"));
    let machine = Draft::new("machine", machine.into(), rows);
    let entry = (entry.len() > 1).then(|| Draft::new("ledger", entry.into(), rows));
    Ok([machine].into_iter().chain(entry).collect())
}

/// Columns of an instrument that all its rows share.
const PLATE: [&str; 11] = [
    "counts",
    "serial",
    "class",
    "register",
    "per_count",
    "ct_class",
    "ct_primary",
    "ct_secondary",
    "pt_class",
    "pt_primary",
    "pt_secondary",
];
/// Columns of a certificate.
const CERTIFICATE: [&str; 4] = ["certificate", "certificate_number", "issued", "valid_until"];

pub(super) fn meter(rows: &[Row], _: &Against<'_>) -> Drafts {
    let row = first(rows)?;
    for other in rows {
        if let Some(column) = row.agrees(other, &PLATE) {
            let wrong = bad(
                format!("同一只表的此列与第 {} 行不同", row.line),
                format!("of one instrument, but not the same as in line {}", row.line),
                "同一只表的各行，证书以外的列填写相同",
                "all rows of an instrument say the same but for its certificates",
            );
            return Err(Fault::at(other, &column, wrong));
        }
    }
    let mut body = same(row, &["machine", "quantity", "counts", "serial", "class", "register", "per_count"]);
    for transformer in ["ct", "pt"] {
        let column = |what: &str| format!("{transformer}_{what}");
        let (primary, secondary) = (row.int(&column("primary")), row.int(&column("secondary")));
        let class = row.text(&column("class"));
        match (primary, secondary) {
            (Some(primary), Some(secondary)) => {
                let mut of = Map::from_iter([
                    ("primary".to_owned(), json!(primary)),
                    ("secondary".to_owned(), json!(secondary)),
                ]);
                put(&mut of, "class", class);
                body.insert(transformer.to_owned(), of.into());
            }
            (None, None) if class.is_none() => {}
            (primary, _) => {
                let missing = if primary.is_none() { "primary" } else { "secondary" };
                let wrong = bad(
                    "互感器须同时填一次和二次额定值",
                    "a transformer needs both its primary and its secondary rating",
                    "如 600 和 5",
                    "such as 600 and 5",
                );
                return Err(Fault::at(row, &column(missing), wrong));
            }
        }
    }
    let mut certificates = Vec::new();
    for row in rows {
        let has = |c: &str| row.has(c);
        if !CERTIFICATE.iter().any(|c| has(c)) {
            continue;
        }
        if let Some(missing) = CERTIFICATE.iter().find(|c| !has(c)) {
            let wrong = bad(
                "证书须有种类、编号、出证日期和有效期",
                "a certificate has a kind, a number, a date of issue and a last day",
                "补上这一格，或清空证书各列",
                "fill in this cell, or empty all cells of the certificate",
            );
            return Err(Fault::at(row, missing, wrong));
        }
        let mut one = texts(
            row,
            &[
                ("certificate_of", "of"),
                ("certificate", "kind"),
                ("certificate_number", "number"),
                ("issuer", "issuer"),
            ],
        );
        dates(&mut one, row, &["issued", "valid_until"]);
        certificates.push(Json::Object(one));
    }
    body.insert("certificates".to_owned(), certificates.into());
    Ok(vec![Draft::new("meter", body.into(), rows)])
}

pub(super) fn cycle_time(rows: &[Row], _: &Against<'_>) -> Drafts {
    let row = first(rows)?;
    let mut body = same(row, &["machine", "product"]);
    let Some(item_us) = micro(row, "seconds").filter(|us| *us > 0) else {
        let wrong = bad("节拍须大于 0 秒", "a cycle takes more than 0 seconds", "如 12.5", "such as 12.5");
        return Err(Fault::at(row, "seconds", wrong));
    };
    body.insert("item_us".to_owned(), item_us.into());
    put(&mut body, "items_per_cycle", row.int("items_per_cycle"));
    Ok(vec![Draft::new("cycle_time", body.into(), rows)])
}

pub(super) fn alarm_code(rows: &[Row], _: &Against<'_>) -> Drafts {
    let row = first(rows)?;
    let mut body = same(row, &["machine", "code", "class"]);
    let zh = row.text("name").unwrap_or_default();
    body.insert("names".to_owned(), json!({"zh": zh, "en": row.text("name_en").unwrap_or(zh)}));
    Ok(vec![Draft::new("alarm_code", body.into(), rows)])
}

pub(super) fn planned_stop(rows: &[Row], _: &Against<'_>) -> Drafts {
    let row = first(rows)?;
    let (from, to) = span(row, "from", "to")?;
    let mut body = same(row, &["machine", "reason"]);
    put(&mut body, "from_ms", Some(from));
    put(&mut body, "to_ms", Some(to));
    Ok(vec![Draft::new("planned_stop", body.into(), rows).about(from, to)])
}

pub(super) fn stop_reason(rows: &[Row], _: &Against<'_>) -> Drafts {
    let row = first(rows)?;
    let at = row.ms("at").unwrap_or_default();
    let mut body = same(row, &["machine", "reason"]);
    put(&mut body, "at_ms", Some(at));
    put(&mut body, "first_action_ms", row.ms("first_action"));
    Ok(vec![Draft::new("stop_reason", body.into(), rows).about(at, at)])
}

pub(super) fn quality_count(rows: &[Row], against: &Against<'_>) -> Drafts {
    let row = first(rows)?;
    let (from, to) = days(row, "date", "date", against)?;
    let mut body = same(row, &["machine"]);
    dates(&mut body, row, &["date"]);
    // A shift goes by its id or by its name, in the calendar the machine works by.
    let (machine, named) = (row.text("machine").unwrap_or_default(), row.text("shift").unwrap_or_default());
    let statements = against.statements;
    let noon = from.saturating_add(DAY_MS / 2);
    let definition = statements.machine_at(machine, noon).or_else(|| statements.machine_definitions(machine).first());
    let calendar = definition.and_then(|m| {
        let at = |ms| statements.calendar_at(&m.body.calendar, ms, true);
        at(noon).or_else(|| at(i64::MAX))
    });
    let shifts = calendar.map_or(&[][..], |c| &c.body.shifts);
    let Some(shift) = shifts.iter().find(|s| s.shift == named || s.names.zh == named || s.names.en == named) else {
        let known: Vec<&str> = shifts.iter().map(|s| s.shift.as_str()).collect();
        let wrong = if known.is_empty() {
            bad(
                "该设备没有班次日历",
                "the machine has no shift calendar",
                "先导入班次日历",
                "import the shift calendar first",
            )
        } else {
            bad(
                format!("日历中没有班次「{}」", crate::evaluate::said::quoted(named)),
                format!("the calendar has no shift `{}`", crate::evaluate::said::quoted(named)),
                format!("填其中之一：{}", known.join("、")),
                format!("write one of: {}", known.join(", ")),
            )
        };
        return Err(Fault::at(row, "shift", wrong));
    };
    body.insert("shift".to_owned(), json!(shift.shift));
    put(&mut body, "reject", row.int("reject"));
    Ok(vec![Draft::new("quality_count", body.into(), rows).about(from, to)])
}

pub(super) fn batch(rows: &[Row], _: &Against<'_>) -> Drafts {
    let row = first(rows)?;
    let (from, to) = span(row, "from", "to")?;
    let mut body = same(row, &["machine", "batch", "product", "unit", "source"]);
    put(&mut body, "from_ms", Some(from));
    put(&mut body, "to_ms", Some(to));
    put(&mut body, "good_micro", micro(row, "good"));
    put(&mut body, "rejected_micro", micro(row, "rejected"));
    match (micro(row, "charged"), row.text("charged_unit")) {
        (Some(micro), Some(unit)) => put(&mut body, "charged", Some(json!({"micro": micro, "unit": unit}))),
        (None, None) => {}
        (amount, _) => {
            let column = if amount.is_none() { "charged" } else { "charged_unit" };
            let wrong = bad(
                "投料量和投料单位须同时填写",
                "what was charged needs amount and unit",
                "补上，或都清空",
                "fill in both or neither",
            );
            return Err(Fault::at(row, column, wrong));
        }
    }
    put(&mut body, "withdrawn", row.yes("withdrawn"));
    Ok(vec![Draft::new("batch", body.into(), rows).about(from, to)])
}

pub(super) fn meter_replaced(rows: &[Row], _: &Against<'_>) -> Drafts {
    let row = first(rows)?;
    let at = row.ms("at").unwrap_or_default();
    let mut body = same(row, &["machine"]);
    put(&mut body, "at_ms", Some(at));
    put(&mut body, "old_final_raw", row.int("old_final"));
    put(&mut body, "new_initial_raw", row.int("new_initial"));
    put(&mut body, "withdrawn", row.yes("withdrawn"));
    Ok(vec![Draft::new("meter_replaced", body.into(), rows).about(at, at)])
}

pub(super) fn bill(rows: &[Row], against: &Against<'_>) -> Drafts {
    let row = first(rows)?;
    let (from, to) = days(row, "from", "to", against)?;
    let columns = [
        "carrier",
        "account",
        "direction",
        "amount",
        "unit",
        "loss",
        "cost",
        "issuer",
        "source",
        "digest",
        "machine",
        "meter_serial",
    ];
    let mut body = same(row, &columns);
    dates(&mut body, row, &["from", "to"]);
    put(&mut body, "withdrawn", row.yes("withdrawn"));
    Ok(vec![Draft::new("bill", body.into(), rows).about(from, to)])
}

pub(super) fn revenue(rows: &[Row], against: &Against<'_>) -> Drafts {
    let row = first(rows)?;
    let (from, to) = days(row, "from", "to", against)?;
    let mut body = same(row, &["amount", "source", "digest"]);
    dates(&mut body, row, &["from", "to"]);
    put(&mut body, "withdrawn", row.yes("withdrawn"));
    Ok(vec![Draft::new("revenue", body.into(), rows).about(from, to)])
}

pub(super) fn document(rows: &[Row], against: &Against<'_>) -> Drafts {
    let row = first(rows)?;
    let (from, to) = days(row, "from", "to", against)?;
    let mut body = same(row, &["document", "kind", "definition", "machine", "amount", "per", "pages"]);
    put(&mut body, "sha256", row.text("digest"));
    dates(&mut body, row, &["from", "to"]);
    put(&mut body, "withdrawn", row.yes("withdrawn"));
    Ok(vec![Draft::new("evidence_document", body.into(), rows).about(from, to)])
}

pub(super) fn adjustment(rows: &[Row], against: &Against<'_>) -> Drafts {
    let row = first(rows)?;
    let (from, to) = days(row, "from", "to", against)?;
    let mut body = same(row, &["plan", "id", "kind", "evidence", "proposer", "approver", "reason"]);
    dates(&mut body, row, &["from", "to"]);
    body.insert("machines".to_owned(), json!(row.list("machines")));
    let corrections = row.pairs("corrections");
    let treatment = row.text("treatment").unwrap_or_default();
    if (treatment == "correct") == corrections.is_empty() {
        let wrong = bad(
            "「扣减」须填每日扣减电量，其他处理不填",
            "`correct` needs the kWh to take off by day, other treatments have none",
            "如 2026-03-03=12.5；或改为其他处理",
            "such as 2026-03-03=12.5, or another treatment",
        );
        return Err(Fault::at(row, "corrections", wrong));
    }
    if row.text("proposer") == row.text("approver") {
        let wrong =
            bad("同意人须是另一个人", "somebody else approves than proposes", "填另一人的代号", "name another person");
        return Err(Fault::at(row, "approver", wrong));
    }
    let treatment = if corrections.is_empty() {
        json!(treatment)
    } else {
        let each: Vec<Json> = corrections.iter().map(|(date, kwh)| json!({"date": date, "kwh": kwh})).collect();
        json!({ "correct": each })
    };
    body.insert("treatment".to_owned(), treatment);
    Ok(vec![Draft::new("adjustment", body.into(), rows).about(from, to)])
}
