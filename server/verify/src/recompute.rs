//! Step 5: the report, evaluated again from leaves and contents alone, is the report in the bundle, byte for byte.

use metrics::statements::Statements;
use metrics::{History, Report, ReportRequest, evaluate};
use protocol::{Declaration, LeafBody, sha256};
use serde_json::Value as Json;

use crate::{Finding, archive::Archive};

pub(crate) const REPORT: &str = "report.json";
/// Kind of the declaration that says a report was issued, with its SHA-256 as `report`.
pub(crate) const REPORT_ISSUED: &str = "report_issued";

pub(crate) fn check(archive: &Archive, findings: &mut Vec<Finding>) {
    let Some(given) = archive.files.get(REPORT) else {
        findings.push(Finding::refused("report", REPORT, "缺少报告", "the report is missing"));
        return;
    };
    let again = match again(archive, given) {
        Ok(again) => again,
        Err(why) => {
            let zh = format!("无法由包内材料重新计算报告（{why}）");
            let en = format!("the report cannot be computed again from the bundle's contents ({why})");
            findings.push(Finding::refused("report", REPORT, zh, en));
            return;
        }
    };
    note_prefix(archive, given, findings);
    if again == *given {
        issued(archive, given, findings);
        let zh = "报告已由签名数据重新计算，逐字节一致";
        findings.push(Finding::ok(
            "report",
            zh,
            "the report was computed again from the signed contents: the same bytes",
        ));
        return;
    }
    let place = first_difference(given, &again);
    let zh = "报告与重新计算的结果不一致：该处数值不是由签名数据得出";
    let en = "the report is not what the signed contents give: this place differs";
    findings.push(Finding::refused("report", format!("{REPORT}: {place}"), zh, en));
}

fn again(archive: &Archive, given: &[u8]) -> Result<Vec<u8>, String> {
    let request: ReportRequest = Report::request_of(given).map_err(|e| e.to_string())?;
    if request.size > archive.leaves.len() as u64 {
        return Err(format!("it is about {} leaves; the log has {}", request.size, archive.leaves.len()));
    }
    // Only what some machine reads needs to be held: the statements say which tags those are.
    let mut statements = Statements::default();
    for (index, leaf) in archive.leaves.iter().take(request.size as usize).enumerate() {
        let (LeafBody::Declaration { .. }, Some(digest)) = (&leaf.body, leaf.content_digest()) else { continue };
        if let Some(bytes) = archive.files.get(&format!("contents/{digest}")) {
            statements.push(index as u64, leaf.received_ms, Declaration::decode(bytes).map_err(|e| e.to_string())?);
        }
    }
    let mut history = History::for_tags(statements.tags_used());
    for (index, leaf) in archive.leaves.iter().take(request.size as usize).enumerate() {
        let content = leaf.content_digest().and_then(|d| archive.files.get(&format!("contents/{d}")));
        history.push(index as u64, leaf, content.map(Vec::as_slice)).map_err(|e| e.to_string())?;
    }
    evaluate(&history, &request).and_then(|r| r.to_json()).map_err(|e| e.to_string())
}

/// A report may be about fewer leaves than the checkpoint covers; then later statements are not in it.
fn note_prefix(archive: &Archive, given: &[u8], findings: &mut Vec<Finding>) {
    let Ok(request) = Report::request_of(given) else { return };
    // The leaf that records the issue of this very report comes after its prefix, and readings never stop coming.
    let stated =
        |leaf: &&protocol::Leaf| matches!(&leaf.body, LeafBody::Declaration { kind, .. } if kind != REPORT_ISSUED);
    let later = archive.leaves.iter().skip(request.size as usize).filter(stated).count();
    if later > 0 {
        let zh = format!("报告依据站点日志前 {} 条；其后另有 {later} 项填报，未计入", request.size);
        let en = format!(
            "the report rests on the first {} leaves; {later} statements made later are not in it",
            request.size
        );
        findings.push(Finding::note("report", REPORT, zh, en));
    }
}

/// The log must say that this very report was issued: otherwise anyone who holds a bundle could choose other dates or machines
/// and pass the outcome off as a report of the server.
fn issued(archive: &Archive, given: &[u8], findings: &mut Vec<Finding>) {
    let digest = sha256(given).to_string();
    let mut issues = Vec::new();
    for (index, leaf) in archive.leaves.iter().enumerate() {
        let content = leaf.content_digest().and_then(|d| archive.files.get(&format!("contents/{d}")));
        if let (LeafBody::Declaration { kind, .. }, Some(bytes)) = (&leaf.body, content)
            && kind == REPORT_ISSUED
            && let Ok(declaration) = Declaration::decode(bytes)
        {
            issues.push((index, declaration.body.get("report").and_then(Json::as_str) == Some(digest.as_str())));
        }
    }
    match issues.iter().find(|(_, is_this)| *is_this) {
        Some((leaf, _)) => {
            let others = issues.len() - 1;
            let zh = format!("站点日志第 {leaf} 条记有本报告的出具；另有 {others} 份报告的出具记录");
            let en = format!("leaf {leaf} says that this report was issued; {others} other issues are in the log");
            findings.push(Finding::ok("issued", zh, en));
        }
        None => {
            let zh = "站点日志中没有本报告的出具记录：它不是服务器出具的报告";
            let en = "the log does not say that this report was issued: it is no report of the server";
            findings.push(Finding::refused("issued", REPORT, zh, en));
        }
    }
}

/// Names the first place where two reports differ, in words a reader of the report can find.
fn first_difference(given: &[u8], again: &[u8]) -> String {
    let (Ok(given), Ok(again)) = (serde_json::from_slice::<Json>(given), serde_json::from_slice::<Json>(again)) else {
        return "not JSON".to_owned();
    };
    differ(&given, &again).unwrap_or_else(|| "not in canonical form".to_owned())
}

fn differ(given: &Json, again: &Json) -> Option<String> {
    match (given, again) {
        (Json::Object(g), Json::Object(a)) => {
            let keys: std::collections::BTreeSet<&String> = g.keys().chain(a.keys()).collect();
            keys.into_iter().find_map(|key| {
                let inner = differ(g.get(key).unwrap_or(&Json::Null), a.get(key).unwrap_or(&Json::Null))?;
                Some(if inner.starts_with('=') { format!("{key} {inner}") } else { format!("{key} › {inner}") })
            })
        }
        (Json::Array(g), Json::Array(a)) => (0..g.len().max(a.len())).find_map(|i| {
            let (g, a) = (g.get(i).unwrap_or(&Json::Null), a.get(i).unwrap_or(&Json::Null));
            let inner = differ(g, a)?;
            let name = name_of(a).or_else(|| name_of(g)).unwrap_or_else(|| i.to_string());
            Some(if inner.starts_with('=') { format!("{name} {inner}") } else { format!("{name} › {inner}") })
        }),
        (g, a) if g == a => None,
        (g, a) => Some(format!("= {} (report) ≠ {} (computed)", short(g), short(a))),
    }
}

/// A member of a list by what it is about: machine, date and shift, definition.
fn name_of(json: &Json) -> Option<String> {
    let words: Vec<&str> = ["definition", "id", "period", "machine", "date", "shift"]
        .into_iter()
        .filter_map(|key| json.get(key).and_then(Json::as_str))
        .collect();
    (!words.is_empty()).then(|| words.join(" "))
}

fn short(json: &Json) -> String {
    json.to_string().chars().take(60).collect()
}
