//! Calendars from rows: shifts as a whole, single days as changes of what is declared.

use std::collections::BTreeSet;

use metrics::model::CalendarBody;
use metrics::statements::Stated;
use serde_json::{Value as Json, json};

use super::Against;
use super::cell::bad;
use super::parse::{Draft, Fault, Row};

/// The calendar of machines that name none.
pub(super) const MAIN: &str = "main";

/// The calendar these rows change, as it stands when they take effect.
fn in_force<'s>(row: &Row, against: &Against<'s>) -> Option<&'s Stated<CalendarBody>> {
    let at = row.ms("effective_from").unwrap_or(against.now_ms);
    let id = row.text("calendar").unwrap_or(MAIN);
    against.statements.calendar_at(id, at, true)
}

pub(super) fn calendar(rows: &[Row], against: &Against<'_>) -> Result<Vec<Draft>, Fault> {
    let Some(row) = rows.first() else { return Ok(Vec::new()) };
    let mut shifts = Vec::new();
    let mut seen = BTreeSet::new();
    for row in rows {
        let id = row.text("shift").unwrap_or_default();
        if !seen.insert(id) {
            let wrong = bad(
                format!("班次「{id}」在同一日历中重复"),
                format!("shift `{id}` is in the calendar twice"),
                "每个班次一行",
                "one row for each shift",
            );
            return Err(Fault::at(row, "shift", wrong));
        }
        let zh = row.text("name").unwrap_or(id);
        let weekdays: Vec<u32> =
            row.text("weekdays").unwrap_or_default().chars().filter_map(|c| c.to_digit(10)).collect();
        let breaks: Vec<Json> =
            row.pairs("breaks").iter().map(|(start, end)| json!({"start": start, "end": end})).collect();
        shifts.push(json!({
            "shift": id, "names": {"zh": zh, "en": row.text("name_en").unwrap_or(zh)}, "start": row.text("start"),
            "end": row.text("end"), "weekdays": weekdays, "breaks": breaks,
        }));
    }
    let before = in_force(row, against).map(|c| &c.body);
    let body = json!({
        "calendar": row.text("calendar").unwrap_or(MAIN), "shifts": shifts,
        "holidays": before.map_or(&[][..], |c| &c.holidays), "workdays": before.map_or(&[][..], |c| &c.workdays),
    });
    Ok(vec![Draft::new("calendar", body, rows)])
}

pub(super) fn days(rows: &[Row], against: &Against<'_>) -> Result<Vec<Draft>, Fault> {
    let Some(first) = rows.first() else { return Ok(Vec::new()) };
    let id = first.text("calendar").unwrap_or(MAIN);
    let Some(before) = in_force(first, against) else {
        let wrong = bad(
            format!("没有日历「{id}」"),
            format!("there is no calendar `{id}`"),
            "先导入班次日历",
            "import the shift calendar first",
        );
        return Err(Fault::at(first, "calendar", wrong));
    };
    let mut holidays: BTreeSet<String> = before.body.holidays.iter().cloned().collect();
    let mut workdays: BTreeSet<String> = before.body.workdays.iter().cloned().collect();
    let mut seen = BTreeSet::new();
    for row in rows {
        if row.ms("effective_from") != first.ms("effective_from") {
            let wrong = bad(
                "同一日历各行的生效日期须相同",
                "all rows of a calendar take effect together",
                "分两次导入",
                "import them one after the other",
            );
            return Err(Fault::at(row, "effective_from", wrong));
        }
        let date = row.date("date").map(|d| d.to_string()).unwrap_or_default();
        if !seen.insert(date.clone()) {
            let wrong = bad(
                format!("日期 {date} 重复"),
                format!("the date {date} is there twice"),
                "每个日期一行",
                "one row for each date",
            );
            return Err(Fault::at(row, "date", wrong));
        }
        holidays.remove(&date);
        workdays.remove(&date);
        match row.text("day") {
            Some("holiday") => drop(holidays.insert(date)),
            Some("workday") => drop(workdays.insert(date)),
            _ => {}
        }
    }
    let body = json!({ "calendar": id, "shifts": before.body.shifts, "holidays": holidays, "workdays": workdays });
    Ok(vec![Draft::new("calendar", body, rows)])
}
