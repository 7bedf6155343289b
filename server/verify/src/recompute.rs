//! Step 5: the report, evaluated again from leaves and contents alone, is the report in the bundle, byte for byte.
//!
//! Constraints
//! 1. One pass ([`metrics::Pass`]) beside the other steps, in memory that does not grow with the period, given every statement
//!    ahead. Where it says that something came too late for one pass, the whole is evaluated instead: the same bytes.
//! 2. A report recomputed from altered leaves would only repeat what is already refused, in more words: it stops there.

use std::collections::BTreeSet;

use metrics::interval::Interval;
use metrics::pass::{Pass, PassError};
use metrics::statements::Statements;
use metrics::{History, Report, ReportRequest, evaluate};
use protocol::content::Excerpt;
use protocol::{Leaf, LeafBody, sha256};
use serde_json::Value as Json;

use crate::records::read_again;
use crate::{Figures, Finding, archive::Bundle, contents::Declared, practice};

pub(crate) const REPORT: &str = "report.json";
/// Kind of the declaration that says a report was issued, with its SHA-256 as `report`.
pub(crate) const REPORT_ISSUED: &str = "report_issued";

/// The report given, and the evaluation that is under way.
pub(crate) struct Recomputation {
    /// The report's bytes, `None` when it is missing; or why it cannot be read.
    given: Result<Option<Vec<u8>>, String>,
    request: Result<ReportRequest, String>,
    state: State,
}

enum State {
    Runs(Box<Pass>),
    /// Something came too late for one pass.
    Disturbed,
    Failed(String),
    /// Something is refused: nothing to compute with.
    Stopped,
}

impl Recomputation {
    /// Reads the report and begins.
    pub(crate) fn begin(bundle: &Bundle<'_>, declared: &Declared) -> Self {
        let given = bundle.archive.file(REPORT).map_err(|e| e.to_string());
        let bytes = given.as_ref().ok().and_then(Option::as_deref).unwrap_or_default();
        let request = Report::request_of(bytes).map_err(|e| e.to_string());
        let state = match &request {
            Err(why) => State::Failed(why.clone()),
            Ok(request) if request.size > bundle.leaves.size => {
                let why = format!("it is about {} leaves; the log has {}", request.size, bundle.leaves.size);
                State::Failed(why)
            }
            Ok(request) => {
                let stated = declared.statements.iter().filter(|(leaf, _, _)| *leaf < request.size);
                match Pass::knowing(request.clone(), stated.cloned()) {
                    Ok(pass) => State::Runs(Box::new(pass)),
                    Err(PassError::Disturbed(_)) => State::Disturbed,
                    Err(e) => State::Failed(e.to_string()),
                }
            }
        };
        Self { given, request, state }
    }

    /// The (gateway, tag) that some machine reads, as far as the report goes.
    pub(crate) fn tags_used(&self, declared: &Declared) -> BTreeSet<(String, String)> {
        let Ok(request) = &self.request else { return BTreeSet::new() };
        statements(declared, request.size).tags_used()
    }

    /// The stretches of UTC that the report rests on; `None` when that cannot be said.
    pub(crate) fn windows(&self, declared: &Declared) -> Option<Vec<Interval>> {
        let request = self.request.as_ref().ok()?;
        let mut light = History::for_tags(BTreeSet::new());
        for (leaf, received_ms, declaration) in declared.statements.iter().filter(|(leaf, _, _)| *leaf < request.size) {
            light.state_ahead(*leaf, *received_ms, declaration.clone());
        }
        request.windows(&light).ok()
    }

    /// Gives up: something is refused.
    pub(crate) fn stop(&mut self) {
        self.state = State::Stopped;
    }

    /// Whether contents are still wanted.
    pub(crate) fn goes_on(&self) -> bool {
        matches!(self.state, State::Runs(_))
    }

    /// Takes the next leaf with the content of its record.
    pub(crate) fn leaf(&mut self, index: u64, leaf: &Leaf, content: Option<&Excerpt>) {
        let (State::Runs(pass), Ok(request)) = (&mut self.state, &self.request) else { return };
        if index >= request.size {
            return;
        }
        match pass.push_decoded(index, leaf, content) {
            Ok(()) => {}
            Err(PassError::Disturbed(_)) => self.state = State::Disturbed,
            Err(e) => self.state = State::Failed(e.to_string()),
        }
    }

    /// Compares; what was computed comes back as figures. Without readings there is nothing to compare: that the server issued this
    /// very report is all that can be said.
    pub(crate) fn finish(
        self,
        bundle: &Bundle<'_>,
        declared: &Declared,
        is_without_readings: bool,
        findings: &mut Vec<Finding>,
    ) -> Option<Figures> {
        let given = match &self.given {
            Ok(Some(given)) => given,
            Ok(None) => {
                findings.push(Finding::refused("report", REPORT, "缺少报告", "the report is missing"));
                return None;
            }
            Err(why) => {
                let (zh, en) = (format!("报告无法读取（{why}）"), format!("the report cannot be read ({why})"));
                findings.push(Finding::refused("report", REPORT, zh, en));
                return None;
            }
        };
        if matches!(self.state, State::Stopped) {
            return None;
        }
        // What cannot be a report of this log is none without readings either.
        let is_one = !matches!(self.state, State::Failed(_)) && self.windows(declared).is_some();
        if let (true, Ok(request)) = (is_without_readings && is_one, &self.request) {
            note_prefix(bundle, request.size, findings);
            issued(declared, given, findings);
            let zh = "包内没有读数：报告中的数值与结论是服务器的陈述，未能复算。需要复算时，请索取含读数的佐证包";
            let en = "no readings are in this bundle: the numbers and verdicts are what the server stated and were not computed again; ask for the bundle with readings to do that";
            findings.push(Finding::note("report", REPORT, zh, en));
            return None;
        }
        let mut report = match self.state {
            State::Stopped => return None,
            State::Failed(why) => Err(why),
            State::Disturbed => Err(String::new()),
            State::Runs(pass) => match pass.finish() {
                Ok(report) => Ok(report),
                Err(PassError::Disturbed(_)) => Err(String::new()),
                Err(e) => Err(e.to_string()),
            },
        };
        if let (Err(why), Ok(request)) = (&report, &self.request)
            && why.is_empty()
        {
            report = whole(bundle, declared, request);
        }
        let again = report.and_then(|r| r.to_json().map(|json| (r, json)).map_err(|e| e.to_string()));
        let (report, again) = match again {
            Ok(again) => again,
            Err(why) => {
                let zh = format!("无法由包内材料重新计算报告（{why}）");
                let en = format!("the report cannot be computed again from the bundle's contents ({why})");
                findings.push(Finding::refused("report", REPORT, zh, en));
                return None;
            }
        };
        note_prefix(bundle, report.request.size, findings);
        practice::notes(&report, &statements(declared, report.request.size), findings);
        let worded = if again == *given { 0 } else { in_its_words(given, &report, &again) };
        if again == *given || worded > 0 {
            if worded > 0 {
                let zh = format!("{worded} 项无效填报的说明是出具时程序的原话：无效与否已复算，文字未复算");
                let en = format!(
                    "what is wrong with {worded} invalid statements is said in the words of the program that issued it: that they are invalid was computed again, the words were not"
                );
                findings.push(Finding::note("report", format!("{REPORT}: statements"), zh, en));
            }
            issued(declared, given, findings);
            let zh = "报告已由签名数据重新计算，逐字节一致";
            let en = "the report was computed again from the signed contents: the same bytes";
            findings.push(Finding::ok("report", zh, en));
        } else {
            let place = first_difference(given, &again);
            let zh = "报告与重新计算的结果不一致：该处数值不是由签名数据得出";
            let en = "the report is not what the signed contents give: this place differs";
            findings.push(Finding::refused("report", format!("{REPORT}: {place}"), zh, en));
        }
        Some(Figures::of(&report))
    }
}

/// What was stated in the first so many leaves.
pub(crate) fn statements(declared: &Declared, size: u64) -> Statements {
    let mut statements = Statements::default();
    for (leaf, received_ms, declaration) in declared.statements.iter().filter(|(leaf, _, _)| *leaf < size) {
        statements.push(*leaf, *received_ms, declaration.clone());
    }
    statements
}

/// Evaluates the whole prefix at once.
fn whole(bundle: &Bundle<'_>, declared: &Declared, request: &ReportRequest) -> Result<Report, String> {
    // Only what some machine reads needs to be held: the statements say which tags those are.
    let mut history = History::for_tags(statements(declared, request.size).tags_used());
    for (leaf, received_ms, declaration) in
        declared.statements.iter().filter(|(leaf, _, _)| *leaf < request.size).cloned()
    {
        history.state_ahead(leaf, received_ms, declaration);
    }
    for tile in 0..bundle.leaves.tiles() {
        let (first, leaves) = bundle.leaves.tile(&bundle.archive, tile)?;
        for (index, leaf) in (first..request.size).zip(&leaves) {
            history.push_decoded(index, leaf, read_again(bundle, leaf)?.as_ref()).map_err(|e| e.to_string())?;
        }
    }
    evaluate(&history, request).map_err(|e| e.to_string())
}

/// A report may be about fewer leaves than the checkpoint covers; then later statements are not in it.
fn note_prefix(bundle: &Bundle<'_>, size: u64, findings: &mut Vec<Finding>) {
    // The leaf that records the issue of this very report comes after its prefix, and readings never stop coming.
    let stated = |leaf: &Leaf| matches!(&leaf.body, LeafBody::Declaration { kind, .. } if kind != REPORT_ISSUED);
    let later = bundle.leaves.stated.iter().filter(|(index, leaf)| *index >= size && stated(leaf)).count();
    if later > 0 {
        let zh = format!("报告依据站点日志前 {size} 条；其后另有 {later} 项填报，未计入");
        let en = format!("the report rests on the first {size} leaves; {later} statements made later are not in it");
        findings.push(Finding::note("report", REPORT, zh, en));
    }
}

/// The log must say that this very report was issued: otherwise anyone who holds a bundle could choose other dates or machines
/// and pass the outcome off as a report of the server.
fn issued(declared: &Declared, given: &[u8], findings: &mut Vec<Finding>) {
    let digest = sha256(given).to_string();
    let issues = declared.statements.iter().filter(|(_, _, declaration)| declaration.kind == REPORT_ISSUED);
    let issues: Vec<(u64, bool)> = issues
        .map(|(leaf, _, d)| (*leaf, d.body.get("report").and_then(Json::as_str) == Some(digest.as_str())))
        .collect();
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

/// How many statements a report says to be invalid in a sentence of its own, if nothing else sets it apart from what was computed: reports
/// had a sentence where there is a code now.
fn in_its_words(given: &[u8], report: &Report, again: &[u8]) -> usize {
    let Ok(mut json) = serde_json::from_slice::<Json>(given) else { return 0 };
    if protocol::canonical_json(&json).ok().as_deref() != Some(given) {
        return 0;
    }
    let mut worded = 0;
    let stated = json.get_mut("statements").and_then(Json::as_array_mut).into_iter().flatten();
    for (given, own) in stated.zip(&report.statements) {
        if let (Some(Json::String(words)), Some(code)) = (given.get_mut("invalid"), own.invalid)
            && words.contains(' ')
        {
            code.clone_into(words);
            worded += 1;
        }
    }
    if protocol::canonical_json(&json).ok().as_deref() == Some(again) { worded } else { 0 }
}

/// Names the first place where two reports differ, in words a reader of the report can find.
fn first_difference(given: &[u8], again: &[u8]) -> String {
    let (Ok(given), Ok(again)) = (serde_json::from_slice::<Json>(given), serde_json::from_slice::<Json>(again)) else {
        return "not JSON".to_owned();
    };
    differ(&given, &again).unwrap_or_else(|| "not in canonical form".to_owned())
}

pub(crate) fn differ(given: &Json, again: &Json) -> Option<String> {
    match (given, again) {
        (Json::Object(g), Json::Object(a)) => {
            let keys: BTreeSet<&String> = g.keys().chain(a.keys()).collect();
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
        (g, a) => Some(format!("= {} (stated) ≠ {} (computed)", short(g), short(a))),
    }
}

/// A member of a list by what it is about: machine, date and shift, definition, filing.
fn name_of(json: &Json) -> Option<String> {
    let words: Vec<&str> = [
        "definition",
        "id",
        "period",
        "filing",
        "change",
        "check",
        "deviation",
        "step",
        "machine",
        "point",
        "date",
        "shift",
    ]
    .into_iter()
    .filter_map(|key| json.get(key).and_then(Json::as_str))
    .collect();
    (!words.is_empty()).then(|| words.join(" "))
}

fn short(json: &Json) -> String {
    json.to_string().chars().take(60).collect()
}
