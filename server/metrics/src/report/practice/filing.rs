//! A filed plan (备案方案) in the report: promised, connected, producing data; what was changed with approval, what was applied for.

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::Dates;
use crate::filed::{
    self, Application, ChangeItem, Compared, Day, Filed, FiledTarget, InForce, Opinion, OpinionBy, PlanOpinion,
    Problem, Procedure, Promise, Route, Status, Why,
};
use crate::history::SeenWithin;
use crate::model::DateRange;
use crate::report::Words;
use crate::statements::Statements;

/// A filing that the report is to speak of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FilingAsked {
    /// Its id.
    pub filing: String,
    /// The rule it was filed under; absent when whoever asked did not have its file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<RuleAsked>,
}

/// What a rule file says of filed plans.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RuleAsked {
    /// Id of the file.
    pub id: String,
    /// Title of the document.
    pub names: Words,
    /// 文号, as printed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub number: Option<String>,
    /// 征求意见稿.
    #[serde(default)]
    pub draft: bool,
    /// How a filed plan is changed; absent where the text does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub change: Option<RouteAsked>,
}

/// Whose opinions a rule asks for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RouteAsked {
    /// Where the text says so.
    pub article: String,
    /// Whose, in order; the last ones decide.
    pub opinions: Vec<OpinionBy>,
    /// How many of the last decide together, in any order.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub together: u8,
}

const fn one() -> u8 {
    1
}

const fn is_one(together: &u8) -> bool {
    *together == one()
}

/// By what a change is judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Basis {
    /// The route of the rule, as the request prints it.
    Route,
    /// The rule names no route.
    NoRoute,
    /// The rule of the plan was not at hand: no change counts as approved.
    RuleUnknown,
    /// The plan names no rule: no change counts as approved.
    NoRule,
}

/// What became of a filing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FilingResult {
    /// Its id.
    pub filing: String,
    /// The date on which what is there was looked at: the last of the report.
    pub at: Day,
    /// A row produces data when its last data is at most so many days old.
    pub quiet_days: u16,
    /// The rule as the plan names it.
    pub rule: Option<String>,
    /// By what changes were judged.
    pub basis: Basis,
    /// The plan in force; null when there are statements about a plan nobody filed.
    pub plan: Option<FiledPart>,
    /// Applications, in order of their first submission.
    pub applications: Vec<ApplicationLine>,
    /// Statements that belong to no application and count for nothing.
    pub disregarded: Vec<Disregarded>,
}

/// The plan in force, and what is there of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FiledPart {
    /// Names of the project.
    pub names: Words,
    /// 文号 or number.
    pub number: Option<String>,
    /// Leaf of the filing.
    pub leaf: u64,
    /// When it was logged, UTC milliseconds.
    pub received_ms: i64,
    /// Date of the filing.
    pub filed: String,
    /// The term in force.
    pub term: DateRange,
    /// The term as filed.
    pub term_filed: DateRange,
    /// The firm, where an approved change names another one.
    pub firm: Option<String>,
    /// Approved changes in words.
    pub others: Vec<String>,
    /// Approved changes, in the order in which they were decided.
    pub changes: Vec<ApprovedLine>,
    /// Machines promised, of those connected, of those producing data.
    pub machines_counted: [usize; 3],
    /// Points promised, connected, producing data.
    pub points_counted: [usize; 3],
    /// Gateways promised, connected, producing data.
    pub gateways_counted: [usize; 3],
    /// Every machine promised or there.
    pub machines: Vec<PromiseLine>,
    /// Points that differ, or were promised and do not produce data.
    pub points: Vec<PromiseLine>,
    /// Every gateway promised or there.
    pub gateways: Vec<PromiseLine>,
    /// What it costs.
    pub investment: Investment,
    /// 绩效目标 of the plan in force.
    pub targets: Vec<FiledTarget>,
}

/// Investment of a plan, fen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Investment {
    /// Of the plan in force, digits.
    pub fen: String,
    /// As filed, digits.
    pub filed_fen: String,
    /// Lines of the plan in force.
    pub lines: usize,
}

/// A machine, a point or a gateway, promised or there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PromiseLine {
    /// Machine id; null on the row of a gateway.
    pub machine: Option<String>,
    /// The point; null on the row of a machine or a gateway.
    pub point: Option<String>,
    /// Gateway id; null on the row of a machine.
    pub gateway: Option<String>,
    /// In the plan in force.
    pub promised: bool,
    /// First of the report's dates with data.
    pub connected: Option<Day>,
    /// Last of the report's dates with data.
    pub last: Option<Day>,
    /// Had data within the days asked for.
    pub producing: bool,
    /// How it differs from the plan in force.
    pub difference: Option<PromiseDifference>,
    /// The other filing that promises it: there, not promised here, and no difference.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub elsewhere: Option<String>,
}

/// How a row differs from the plan in force: no approved change covers it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PromiseDifference {
    /// Which way.
    pub kind: DifferenceKind,
    /// The open application that would cover it, if there is one: see where that stands.
    pub covered_by: Option<String>,
}

/// Which way a row differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum DifferenceKind {
    /// There and not promised.
    Extra,
    /// Promised, the term over, and not there.
    Missing,
}

/// An application that changed the plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApprovedLine {
    /// Which.
    pub change: String,
    /// Date of the deciding opinion.
    pub date: Day,
    /// On which day that opinion was logged.
    pub received: Option<Day>,
    /// Its leaf.
    pub leaf: u64,
}

/// An application with its course.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApplicationLine {
    /// Its id.
    pub change: String,
    /// Leaf of its last submission.
    pub leaf: u64,
    /// Date of that.
    pub date: String,
    /// How often it was submitted.
    pub submitted: usize,
    /// What would change, as stated.
    pub items: Vec<ChangeItem>,
    /// Why, as stated.
    pub reason: String,
    /// Where it stands.
    pub status: StatusLine,
    /// Opinions that count, on its last submission.
    pub opinions: Vec<OpinionLine>,
    /// Opinions on what was submitted before it was returned: of no effect any more.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub superseded: Vec<OpinionLine>,
    /// What counts for nothing.
    pub disregarded: Vec<Disregarded>,
}

/// Where an application stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatusLine {
    /// Which.
    pub code: StatusCode,
    /// Who refused, returned, or is asked next.
    pub by: Option<OpinionBy>,
}

/// Where an application can stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum StatusCode {
    /// Everybody on the route agreed.
    Approved,
    /// Somebody did not agree.
    Refused,
    /// It waits for its resubmission.
    Returned,
    /// It waits for an opinion.
    Waiting,
    /// No procedure for changes is known.
    NoRoute,
}

/// An opinion that counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpinionLine {
    /// Its leaf.
    pub leaf: u64,
    /// In which capacity.
    pub by: OpinionBy,
    /// The body, by name.
    pub body: String,
    /// Role of the account that stated it.
    pub role: String,
    /// What it says.
    pub opinion: Opinion,
    /// Date on the paper.
    pub date: String,
    /// When it was logged, UTC milliseconds.
    pub received_ms: i64,
    /// Why.
    pub reason: String,
}

/// A statement that counts for nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Disregarded {
    /// Its leaf.
    pub leaf: u64,
    /// Why.
    pub code: Why,
}

/// A filing of the request, with what its course is read by.
pub(super) struct Read<'r> {
    asked: &'r FilingAsked,
    basis: Basis,
    named: Option<String>,
    procedure: Procedure<'r>,
    /// The plan in force.
    current: Option<InForce>,
}

/// A filing as the log has it; `None` when the log has nothing of it.
pub(super) fn read<'r>(statements: &'r Statements, asked: &'r FilingAsked, dates: &'r Dates) -> Option<Read<'r>> {
    let filing = statements.filing(&asked.filing)?;
    let named = filing.plans.first().and_then(|plan| plan.body.rule.clone());
    // A route of a rule that the plan does not name is none.
    let rule = asked.rule.as_ref().filter(|rule| Some(&rule.id) == named.as_ref());
    let change = rule.and_then(|rule| rule.change.as_ref());
    let basis = match (&named, rule, change) {
        (None, _, _) => Basis::NoRule,
        (Some(_), None, _) => Basis::RuleUnknown,
        (Some(_), Some(_), Some(change)) if !change.opinions.is_empty() => Basis::Route,
        (Some(_), Some(_), _) => Basis::NoRoute,
    };
    let route = |change: &'r RouteAsked| Route {
        opinions: &change.opinions,
        together: change.together,
        article: &change.article,
    };
    let procedure = Procedure { filing, route: change.map(route), zone: &dates.zone };
    // Everything stated so far counts, whatever the dates of the report.
    Some(Read { asked, basis, named, procedure, current: procedure.in_force(Date::MAX) })
}

/// What became of a filing; `all` are those of the request.
pub(super) fn filing(
    statements: &Statements,
    of: &Read<'_>,
    all: &[Read<'_>],
    dates: &Dates,
    seen: &SeenWithin,
) -> FilingResult {
    let Read { asked, basis, named, procedure, current } = of;
    let course = procedure.course(Date::MAX);
    let plan = current.as_ref().map(|current| {
        let machines = filed::there(statements, current, procedure.filing, &seen.tags, &dates.zone);
        let gateways = seen.gateways.iter().map(|(id, span)| (id.as_str(), *span));
        let gateways = filed::gateways_there(gateways, &dates.zone);
        let others: Vec<InForce> = all
            .iter()
            .filter(|other| other.asked.filing != asked.filing)
            .filter_map(|other| other.current.clone())
            .collect();
        let (applications, quiet) = (&course.applications, filed::PRODUCING_DAYS);
        let compared = filed::compare(current, &others, applications, &machines, &gateways, dates.at, quiet);
        filed_part(procedure.filing, current, compared)
    });
    let mut loose: Vec<Disregarded> = course.loose.iter().filter_map(disregarded).collect();
    let again = current.iter().flat_map(|current| &current.stated_again);
    loose.extend(again.map(|leaf| Disregarded { leaf: *leaf, code: Why::StatedAgain }));
    loose.sort_by_key(|d| d.leaf);
    FilingResult {
        filing: asked.filing.clone(),
        at: Day(dates.at),
        quiet_days: filed::PRODUCING_DAYS,
        rule: named.clone(),
        basis: *basis,
        plan,
        applications: course.applications.iter().map(application).collect(),
        disregarded: loose,
    }
}

fn filed_part(filing: &filed::Filing, current: &InForce, compared: Compared) -> FiledPart {
    let plan = &current.plan;
    let (mut machines, mut points, mut gateways) = (Vec::new(), Vec::new(), Vec::new());
    for row in compared.rows {
        let is_point = row.point.is_some();
        let is_quiet = row.promised && !row.producing;
        let line = promise(row);
        if line.gateway.is_some() {
            gateways.push(line);
        } else if !is_point {
            machines.push(line);
        } else if line.difference.is_some() || is_quiet {
            points.push(line);
        }
    }
    FiledPart {
        names: Words::from(&plan.names),
        number: plan.number.clone(),
        leaf: current.leaf,
        received_ms: filing.plans.first().map_or(0, |plan| plan.received_ms),
        filed: plan.filed.clone(),
        term: plan.term.clone(),
        term_filed: current.filed.term.clone(),
        firm: current.firm.clone(),
        others: current.others.clone(),
        changes: current.changes.iter().map(approved).collect(),
        machines_counted: compared.machines,
        points_counted: compared.points,
        gateways_counted: compared.gateways,
        machines,
        points,
        gateways,
        investment: Investment {
            fen: current.investment_fen().to_string(),
            filed_fen: filed::total_fen(&current.filed.lines).to_string(),
            lines: plan.lines.len(),
        },
        targets: plan.targets.clone(),
    }
}

fn promise(row: Promise) -> PromiseLine {
    let difference = row.difference.map(|difference| PromiseDifference {
        kind: if difference.is_extra { DifferenceKind::Extra } else { DifferenceKind::Missing },
        covered_by: difference.covered_by.map(|covered| covered.change),
    });
    PromiseLine {
        machine: row.machine,
        point: row.point,
        gateway: row.gateway,
        promised: row.promised,
        connected: row.connected,
        last: row.last,
        producing: row.producing,
        difference,
        elsewhere: row.elsewhere,
    }
}

fn approved(change: &filed::ApprovedChange) -> ApprovedLine {
    ApprovedLine { change: change.change.clone(), date: change.date, received: change.received, leaf: change.leaf }
}

fn application(of: &Application<'_>) -> ApplicationLine {
    ApplicationLine {
        change: of.change.change.clone(),
        leaf: of.leaf,
        date: of.change.date.clone(),
        submitted: of.submitted,
        items: of.change.items.clone(),
        reason: of.change.reason.clone(),
        status: match &of.status {
            Status::Approved { .. } => StatusLine { code: StatusCode::Approved, by: None },
            Status::Refused { by, .. } => StatusLine { code: StatusCode::Refused, by: Some(*by) },
            Status::Returned { by, .. } => StatusLine { code: StatusCode::Returned, by: Some(*by) },
            Status::Waiting { next } => StatusLine { code: StatusCode::Waiting, by: Some(*next) },
            Status::NoRoute => StatusLine { code: StatusCode::NoRoute, by: None },
        },
        opinions: of.opinions.iter().map(|stated| opinion(stated)).collect(),
        superseded: of.superseded.iter().map(|stated| opinion(stated)).collect(),
        disregarded: of.problems.iter().filter_map(disregarded).collect(),
    }
}

fn opinion(stated: &Filed<PlanOpinion>) -> OpinionLine {
    let body = &stated.body;
    OpinionLine {
        leaf: stated.leaf,
        by: body.by,
        body: body.body.clone(),
        role: stated.role.clone(),
        opinion: body.opinion,
        date: body.date.clone(),
        received_ms: stated.received_ms,
        reason: body.reason.clone(),
    }
}

fn disregarded(problem: &Problem) -> Option<Disregarded> {
    Some(Disregarded { leaf: problem.leaf?, code: problem.why })
}
