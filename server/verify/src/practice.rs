//! What the recomputed report says of filed plans, on-site checks and deviations, in words: by which route changes were judged, and every
//! difference; what was checked and confirmed; where a deviation stands.
//!
//! Constraints
//! 1. The route is the report's own: which opinions a rule asks for is in no log. A reader compares it with the rule.
//! 2. A filing, a check or a deviation that is in the log and not in the report is named: nobody leaves one out unseen.

use metrics::report::{Basis, FilingResult, PromiseDifference, PromiseLine, Report, Words};
use metrics::statements::Statements;

use crate::Finding;

/// Differences that are named one by one.
const NAMED_MAX: usize = 50;
const CODE: &str = "filed_plan";

/// Adds what a reader has to know of filed plans.
pub(crate) fn notes(report: &Report, statements: &Statements, findings: &mut Vec<Finding>) {
    let filings = report.practice.iter().flat_map(|practice| &practice.filings);
    for filing in filings.clone() {
        told(report, filing, findings);
    }
    for (id, _) in statements.filings().filter(|(id, _)| filings.clone().all(|filing| filing.filing != *id)) {
        let zh = format!("日志中有备案方案 {id}，报告未列入与现场数据的对照");
        let en = format!("the log has the filed plan `{id}`, and the report does not compare it with what is there");
        findings.push(Finding::note(CODE, place(id), zh, en));
    }
    checks(report, statements, findings);
    deviations(report, statements, findings);
}

fn checks(report: &Report, statements: &Statements, findings: &mut Vec<Finding>) {
    let place = |check: &str| format!("report.json: practice › onsite › {check}");
    let told: Vec<_> = report.practice.iter().flat_map(|practice| &practice.onsite).collect();
    for check in &told {
        let Words { zh, en } = check.words();
        findings.push(Finding::note("onsite", place(&check.check), zh, en));
    }
    for (id, _) in statements.onsite_checks().filter(|(id, _)| told.iter().all(|check| check.check != *id)) {
        let zh = format!("日志中有现场核查 {id}，报告没有列出其抽取、结果与确认");
        let en = format!("the log has the on-site check `{id}`, and the report has no section of it");
        findings.push(Finding::note("onsite", place(id), zh, en));
    }
}

fn deviations(report: &Report, statements: &Statements, findings: &mut Vec<Finding>) {
    let place = |filing: &str| format!("report.json: practice › deviations › {filing}");
    let told: Vec<_> = report.practice.iter().flat_map(|practice| &practice.deviations).collect();
    for of in &told {
        for deviation in &of.deviations {
            let Words { zh, en } = deviation.words();
            findings.push(Finding::note(
                "deviation",
                format!("{} › {}", place(&of.filing), deviation.deviation),
                zh,
                en,
            ));
        }
    }
    for (id, _) in statements.deviating().filter(|(id, _)| told.iter().all(|of| of.filing != *id)) {
        let zh = format!("日志中有备案方案 {id} 的目标偏离条目，报告没有列出");
        let en = format!(
            "the log has statements about deviations of the filed plan `{id}`, and the report has no section of them"
        );
        findings.push(Finding::note("deviation", place(id), zh, en));
    }
}

fn place(filing: &str) -> String {
    format!("report.json: practice › filings › {filing}")
}

fn told(report: &Report, filing: &FilingResult, findings: &mut Vec<Finding>) {
    let id = &filing.filing;
    let Words { zh: by_zh, en: by_en } = basis(report, filing);
    let Some(plan) = &filing.plan else {
        let zh = format!("备案方案 {id}：日志中没有方案本身；变更程序：{by_zh}");
        let en = format!("filed plan `{id}`: the plan itself is not in the log; procedure of changes: {by_en}");
        findings.push(Finding::note(CODE, place(id), zh, en));
        return;
    };
    let [machines, points, gateways] = [plan.machines_counted, plan.points_counted, plan.gateways_counted];
    let count = |[promised, connected, producing]: [usize; 3]| format!("{promised}/{connected}/{producing}");
    let rows = || plan.machines.iter().chain(&plan.points).chain(&plan.gateways);
    let differs = |row: &'_ PromiseLine| row.difference.clone().map(|difference| (row.what(), difference));
    let differing: Vec<(Words, PromiseDifference)> = rows().filter_map(differs).collect();
    let zh = format!(
        "备案方案 {id}（截至 {}）：承诺/接入/在产数据 设备 {}、测点 {}、网关 {}；已同意变更 {} 项；未经同意的差异 {} 项；变更程序：{by_zh}",
        filing.at,
        count(machines),
        count(points),
        count(gateways),
        plan.changes.len(),
        differing.len(),
    );
    let en = format!(
        "filed plan `{id}` (as of {}): promised/connected/producing machines {}, points {}, gateways {}; approved changes {}; differences no approved change covers {}; procedure of changes: {by_en}",
        filing.at,
        count(machines),
        count(points),
        count(gateways),
        plan.changes.len(),
        differing.len(),
    );
    findings.push(Finding::note(CODE, place(id), zh, en));
    for (what, difference) in differing.iter().take(NAMED_MAX) {
        let said = difference.words(filing);
        let (zh, en) = (format!("{}：{}", what.zh, said.zh), format!("{}: {}", what.en, said.en));
        findings.push(Finding::note(CODE, place(id), zh, en));
    }
    if let Some(more) = differing.len().checked_sub(NAMED_MAX).filter(|more| *more > 0) {
        let (zh, en) = (format!("另有 {more} 项差异，见报告"), format!("{more} more differences: see the report"));
        findings.push(Finding::note(CODE, place(id), zh, en));
    }
}

/// By what changes were judged, and that a reader compares the route with the rule.
fn basis(report: &Report, filing: &FilingResult) -> Words {
    let Words { zh, en } = filing.basis_words(&report.request.filings);
    match filing.basis {
        Basis::Route => Words {
            zh: format!("{zh}（顺序为报告所列，请与该办法核对）"),
            en: format!("{en} (as the report prints it: compare it with the rule)"),
        },
        _ => Words { zh, en },
    }
}
