//! A filed plan (备案方案) on its way: what was promised, connected, and is producing data; applications to change it with their
//! opinions; the term; the instalments that remain.
//!
//! What is promised comes from the log, what is there from the projector's rows. Which opinion is asked next, and what counts, is
//! `gongzheng-practice`'s to say. Nothing here decides anything for an authority.

mod model;

use std::collections::BTreeMap;

use jiff::civil::Date;
use metrics::calendar::local_date;
use metrics::credibility::course::FACTORY_ROLE;
use metrics::filed::{
    ChangeItem, Filed, Filing, InvestmentLine, OpinionBy, PRODUCING_DAYS, PlanFinished, PlanOpinion, Route, TagsSeen,
    gateways_there, there, total_fen,
};
use metrics::model::{Direction, Names, TargetUnit};
use metrics::statements::Statements;
use practice::plan::{self, Application, Compared, InForce, Problem, Procedure, Status, TermState};
use practice::rule::{self, ChangeRules, Day, Rule};
use practice::words::{Clause, yuan};
use serde::Serialize;

pub use self::model::{
    ApplicationView, ClauseView, FiledTargetView, FilingMachine, FilingRule, FilingState, FilingView, FinishedView,
    InvestmentView, LooseView, MajorView, OpinionView, PaymentView, PromiseView, RuleEntry, TermView,
};
use super::{QueryError, SiteHead, Words, off_thread, visible};
use crate::reporting;
use crate::roles::{Access, Permission};
use crate::sitelog::SiteLogs;
use crate::store::Store;

/// How long before the rule's months are full a late term is warned of, days.
const WARN_DAYS: u16 = 30;

/// A filing, with what is promised, connected and producing data today.
pub async fn filing(
    store: &Store,
    logs: &SiteLogs,
    access: &Access,
    site: &str,
    wanted: Option<&str>,
    now_ms: i64,
) -> Result<FilingView, QueryError> {
    let row = visible(store, access, Permission::SeeFigures, site).await?;
    let may_declare = access.allows(Permission::Declare, &row);
    let may_file = access.acts_as(FACTORY_ROLE, Permission::Declare, &row);
    let speaks =
        OpinionBy::ALL.into_iter().filter(|by| access.acts_as(by.role(), Permission::GiveOpinion, &row)).collect();
    let head = SiteHead::from(row);
    let id = site.parse().map_err(|_| QueryError::NotFound)?;
    let logs = logs.clone();
    // Asked before the log's size: what is read meanwhile never makes it look complete.
    let seen_size = store.seen_size(site).await?;
    let (statements, size) =
        off_thread(move || Ok((reporting::statements(&logs, &id)?, leaf(logs.size(&id)?)))).await?;
    let gateways = store.gateways(site).await?.into_iter().map(|gateway| gateway.id).collect();
    let zone = reporting::zone(&statements, &head.time_zone).to_owned();
    let source = Source { statements, seen: store.seen(site).await?, speaks, zone, now_ms };
    let filings = ids(&source.statements);
    let wanted = wanted.filter(|id| !id.is_empty()).or(filings.first().map(String::as_str));
    let state = match wanted {
        Some(id) => Some(source.state(id).ok_or(QueryError::NotFound)?),
        None => None,
    };
    let is_firms = state.as_ref().is_some_and(|state| source.route(&state.id).is_some());
    Ok(FilingView {
        site: head,
        filing: state,
        machines: source.machines(),
        gateways,
        rules: rule::delivered().iter().map(rule_view).collect(),
        may_file,
        may_apply: may_file || (may_declare && !is_firms),
        behind: (seen_size < size).then_some([seen_size, size]),
        today: source.today().map_or_else(String::new, |day| day.to_string()),
        filings,
    })
}

/// The filings of a site, in the order in which the log has their plans.
pub(super) fn ids(statements: &Statements) -> Vec<String> {
    let mut all: Vec<(u64, String)> = statements.filings().map(|(id, f)| (first(f), id.to_owned())).collect();
    all.sort();
    all.into_iter().map(|(_, id)| id).collect()
}

/// Where the log has the plan; statements about a plan that was never filed come last.
fn first(filing: &Filing) -> u64 {
    filing.plans.first().map_or(u64::MAX, |plan| plan.leaf)
}

pub(super) fn words(names: &Names) -> Words {
    Words { zh: names.zh.clone(), en: names.en.clone() }
}

fn clause(of: &Clause) -> ClauseView {
    ClauseView { article: of.article.clone(), quote: of.quote.clone(), en: of.en.clone() }
}

fn entry(id: &str, names: &Names) -> RuleEntry {
    RuleEntry { id: id.to_owned(), names: words(names) }
}

fn rule_view(rule: &Rule) -> FilingRule {
    FilingRule {
        id: rule.id().to_owned(),
        names: words(&rule.names),
        number: rule.number.clone(),
        draft: rule.draft,
        categories: rule.category.iter().map(|c| entry(c.id(), &c.names)).collect(),
        stages: rule.stage.iter().map(|s| entry(s.id(), &s.names)).collect(),
    }
}

/// Everything a filing is looked at with.
struct Source {
    statements: Statements,
    seen: TagsSeen,
    /// In which capacities the reader may speak.
    speaks: Vec<OpinionBy>,
    zone: String,
    now_ms: i64,
}

impl Source {
    fn today(&self) -> Option<Date> {
        local_date(&self.zone, self.now_ms)
    }

    fn machines(&self) -> Vec<FilingMachine> {
        let of = |id: &str| {
            let body = &self.statements.machine_definitions(id).last()?.body;
            let points = body.signals.all().map(|(role, _)| role.to_owned()).collect();
            Some(FilingMachine { id: id.to_owned(), names: words(&body.names), points })
        };
        self.statements.machines().filter_map(of).collect()
    }

    /// The rule that a filing was filed under, if it is delivered.
    fn rule(&self, filing: &Filing) -> Option<&'static Rule> {
        filing.plans.first().and_then(|plan| plan.body.rule.as_deref()).and_then(rule::find)
    }

    fn route(&self, id: &str) -> Option<Route<'static>> {
        self.rule(self.statements.filing(id)?)?.change.as_ref().map(ChangeRules::asked)
    }

    fn procedure<'s>(&'s self, filing: &'s Filing) -> Procedure<'s> {
        let route = self.rule(filing).and_then(|rule| rule.change.as_ref()).map(ChangeRules::asked);
        Procedure { filing, route, zone: &self.zone }
    }

    /// Who stated a leaf: pseudonym, role, and when it was logged.
    fn who(&self, leaf: u64) -> (String, String, i64) {
        let declared = self.statements.declared(leaf);
        declared.map_or_else(Default::default, |d| (d.body.author.clone(), d.body.role.clone(), d.received_ms))
    }

    fn finished(&self, of: &Filed<PlanFinished>) -> FinishedView {
        let (author, role, received_ms) = self.who(of.leaf);
        FinishedView { date: of.body.date.clone(), leaf: leaf(of.leaf), author, role, received_ms }
    }

    fn opinion(&self, o: &Filed<PlanOpinion>) -> OpinionView {
        let (author, role, received_ms) = self.who(o.leaf);
        OpinionView {
            by: o.body.by.role().to_owned(),
            body: o.body.body.clone(),
            opinion: code(&o.body.opinion),
            date: o.body.date.clone(),
            author,
            role,
            received_ms,
            reason: o.body.reason.clone(),
            leaf: leaf(o.leaf),
        }
    }

    fn state(&self, id: &str) -> Option<FilingState> {
        let filing = self.statements.filing(id)?;
        let at = self.today()?;
        let rule = self.rule(filing);
        let changes = rule.and_then(|rule| rule.change.as_ref());
        let procedure = self.procedure(filing);
        let course = procedure.course(at);
        let Some(current) = procedure.in_force(at) else {
            // Statements about a plan that was never filed: named, and nothing else.
            return Some(self.unfiled(id, &course.loose));
        };
        let machines = there(&self.statements, &current, filing, &self.seen, &self.zone);
        let gateways = gateways_there(self.gateways().into_iter(), &self.zone);
        let others = self.statements.filings().filter(|(other, _)| *other != id);
        let others: Vec<InForce> = others.filter_map(|(_, other)| self.procedure(other).in_force(at)).collect();
        let compared = plan::compare(&current, &others, &course.applications, &machines, &gateways, at, PRODUCING_DAYS);
        let paid = BTreeMap::new();
        let payments = plan::payments(rule, &current, &paid, &paid, at);
        let application = |a: &Application<'_>| self.application(a, &procedure, changes, &current);
        let finished = procedure.finished(at);
        let (author, role, received_ms) = self.who(current.leaf);
        Some(FilingState {
            author,
            role,
            received_ms,
            id: id.to_owned(),
            names: words(&current.plan.names),
            number: current.plan.number.clone(),
            filed: current.plan.filed.clone(),
            leaf: leaf(current.leaf),
            rule: rule.map(rule_view),
            firm: current.firm.clone(),
            others: current.others.clone(),
            stated_again: current.stated_again.iter().map(|l| leaf(*l)).collect(),
            finished: finished.map(|(_, of)| self.finished(of)),
            term: plan::term(&current, changes, finished.map(|(date, _)| date), at, WARN_DAYS).map(|term| TermView {
                dates: [current.plan.term.from.clone(), current.plan.term.to.clone()],
                state: match term.state {
                    TermState::Within => "within",
                    TermState::Late => "late",
                    TermState::Near => "near",
                    TermState::Reached => "reached",
                }
                .to_owned(),
                words: words(&term.words),
                clause: term.clause.as_ref().map(clause),
            }),
            counted_machines: compared.machines,
            counted_points: compared.points,
            counted_gateways: compared.gateways,
            rows: rows(&compared),
            applications: course.applications.iter().map(application).collect(),
            loose: course.loose.iter().map(loose).collect(),
            lines: lines(&current, rule),
            investment_yuan: [total(&current.plan.lines), total(&current.filed.lines)],
            targets: current.plan.targets.iter().map(target).collect(),
            payments: payments.iter().map(|of| payment(of, rule)).collect(),
        })
    }

    fn unfiled(&self, id: &str, problems: &[Problem]) -> FilingState {
        FilingState {
            id: id.to_owned(),
            names: Words { zh: String::new(), en: String::new() },
            number: None,
            filed: String::new(),
            leaf: -1,
            author: String::new(),
            role: String::new(),
            received_ms: 0,
            rule: None,
            firm: None,
            others: Vec::new(),
            stated_again: Vec::new(),
            finished: None,
            term: None,
            counted_machines: [0; 3],
            counted_points: [0; 3],
            counted_gateways: [0; 3],
            rows: Vec::new(),
            applications: Vec::new(),
            loose: problems.iter().map(loose).collect(),
            lines: Vec::new(),
            investment_yuan: [String::new(), String::new()],
            targets: Vec::new(),
            payments: Vec::new(),
        }
    }

    /// First and last instant of every gateway, by its tags.
    fn gateways(&self) -> BTreeMap<&str, (i64, i64)> {
        let mut out: BTreeMap<&str, (i64, i64)> = BTreeMap::new();
        for ((gateway, _), (first, last)) in &self.seen {
            let of = out.entry(gateway).or_insert((*first, *last));
            *of = (of.0.min(*first), of.1.max(*last));
        }
        out
    }

    fn application(
        &self,
        of: &Application<'_>,
        procedure: &Procedure<'_>,
        rules: Option<&ChangeRules>,
        current: &InForce,
    ) -> ApplicationView {
        let (author, role, received_ms) = self.who(of.leaf);
        let (status, next) = match &of.status {
            Status::Approved { .. } => ("approved", None),
            Status::Refused { .. } => ("refused", None),
            Status::Returned { .. } => ("returned", None),
            Status::Waiting { next } => ("waiting", Some(*next)),
            Status::NoRoute => ("no_route", None),
        };
        let major = rules.map(|rules| plan::major(rules, current, of.change)).unwrap_or_default();
        ApplicationView {
            change: of.change.change.clone(),
            leaf: leaf(of.leaf),
            author,
            role,
            received_ms,
            date: of.change.date.clone(),
            submitted: of.submitted,
            items: of.change.items.iter().map(item).collect(),
            reason: of.change.reason.clone(),
            status: status.to_owned(),
            stands: words(&of.words()),
            next: next.map(|by| by.role().to_owned()),
            may_opine: self
                .speaks
                .iter()
                .filter(|by| procedure.is_asked(of, **by))
                .map(|by| by.role().to_owned())
                .collect(),
            opinions: of.opinions.iter().map(|o| self.opinion(o)).collect(),
            superseded: of.superseded.iter().map(|o| self.opinion(o)).collect(),
            problems: of.problems.iter().map(loose).collect(),
            // Of an application that is decided the plan in force speaks.
            major: if of.is_open() {
                major.iter().map(|m| MajorView { is_open: m.is_open, clause: clause(m.clause) }).collect()
            } else {
                Vec::new()
            },
        }
    }
}

pub(super) fn leaf(leaf: u64) -> i64 {
    i64::try_from(leaf).unwrap_or(i64::MAX)
}

/// A word of a statement as it is written there.
fn code(value: &impl Serialize) -> String {
    serde_json::to_value(value).ok().and_then(|json| json.as_str().map(str::to_owned)).unwrap_or_default()
}

fn loose(problem: &Problem) -> LooseView {
    LooseView { leaf: problem.leaf.map(leaf), words: words(&problem.said) }
}

fn rows(compared: &Compared) -> Vec<PromiseView> {
    let day = |day: &Option<Day>| day.map(|day| day.to_string());
    let row = |r: &plan::Promise| PromiseView {
        machine: r.machine.clone(),
        point: r.point.clone(),
        gateway: r.gateway.clone(),
        promised: r.promised,
        connected: day(&r.connected),
        last: day(&r.last),
        producing: r.producing,
        difference: r.difference.as_ref().map(|d| words(&d.words)),
        elsewhere: r.elsewhere.clone(),
    };
    compared.rows.iter().map(row).collect()
}

/// Yuan of a sum; as many lines as a log can hold have room.
fn total(lines: &[InvestmentLine]) -> String {
    let fen = total_fen(lines);
    i64::try_from(fen).map_or_else(|_| format!("{}.{:02}", fen / 100, fen % 100), yuan)
}

fn lines(current: &InForce, rule: Option<&Rule>) -> Vec<InvestmentView> {
    let category = |id: &str| {
        let known = rule.and_then(|rule| rule.category.iter().find(|c| c.id() == id));
        known.map_or_else(|| Words { zh: id.to_owned(), en: id.to_owned() }, |c| words(&c.names))
    };
    let line = |l: &InvestmentLine| {
        let filed = current.filed.lines.iter().find(|f| f.line == l.line).map(|f| yuan(f.amount_fen));
        let now = yuan(l.amount_fen);
        InvestmentView {
            line: l.line.clone(),
            category_id: l.category.clone(),
            category: category(&l.category),
            what: l.what.clone(),
            filed_yuan: (filed.as_ref() != Some(&now)).then(|| filed.unwrap_or_default()),
            yuan: now,
        }
    };
    current.plan.lines.iter().map(line).collect()
}

pub(super) fn target(of: &metrics::filed::FiledTarget) -> FiledTargetView {
    FiledTargetView {
        target: of.target.clone(),
        names: words(&of.names),
        direction: match of.promised.direction {
            Direction::Increase => "increase",
            Direction::Decrease => "decrease",
        }
        .to_owned(),
        value: of.promised.value.clone(),
        unit: match of.promised.unit {
            TargetUnit::PercentagePoints => "percentage_points",
            TargetUnit::Percent => "percent",
        }
        .to_owned(),
        base: [of.base.from.clone(), of.base.to.clone()],
        method: of.method.clone(),
    }
}

fn payment(of: &plan::Payment, rule: Option<&Rule>) -> PaymentView {
    let stage = rule.and_then(|rule| rule.stage.iter().find(|stage| stage.id() == of.stage));
    PaymentView {
        part: stage.map(|stage| words(&stage.part.words())),
        stage: of.stage.clone(),
        names: words(&of.names),
        words: words(&of.words),
        clause: of.clause.as_ref().map(clause),
    }
}

/// An item of an application in words.
fn item(of: &ChangeItem) -> Words {
    let both = |zh: String, en: String| Words { zh, en };
    match of {
        ChangeItem::Machine(m) if m.points.is_empty() => {
            both(format!("增加或调整设备 {}", m.machine), format!("add or change machine {}", m.machine))
        }
        ChangeItem::Machine(m) => both(
            format!("增加或调整设备 {}，测点 {}", m.machine, m.points.join("、")),
            format!("add or change machine {} with the points {}", m.machine, m.points.join(", ")),
        ),
        ChangeItem::WithoutMachine(id) => both(format!("取消设备 {id}"), format!("leave out machine {id}")),
        ChangeItem::Gateway(id) => both(format!("增加网关 {id}"), format!("add gateway {id}")),
        ChangeItem::WithoutGateway(id) => both(format!("取消网关 {id}"), format!("leave out gateway {id}")),
        ChangeItem::Line(l) => both(
            format!("投资项 {}（{}）为 {} 元", l.line, l.what, yuan(l.amount_fen)),
            format!("investment line {} ({}) is {} yuan", l.line, l.what, yuan(l.amount_fen)),
        ),
        ChangeItem::WithoutLine(id) => both(format!("取消投资项 {id}"), format!("leave out investment line {id}")),
        ChangeItem::Target(t) => {
            both(format!("增加或调整绩效目标 {}", t.names.zh), format!("add or change target {}", t.names.en))
        }
        ChangeItem::WithoutTarget(id) => both(format!("取消绩效目标 {id}"), format!("leave out target {id}")),
        ChangeItem::Term(term) => both(
            format!("实施期限改为 {} 至 {}", term.from, term.to),
            format!("the term becomes {} to {}", term.from, term.to),
        ),
        ChangeItem::Firm(name) => both(format!("项目主体变更为 {name}"), format!("the firm becomes {name}")),
        ChangeItem::Other(text) => both(text.clone(), text.clone()),
    }
}
