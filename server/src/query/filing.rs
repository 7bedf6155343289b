//! A filed plan (备案方案) on its way: what was promised, connected, and is producing data; applications to change it with their
//! opinions; the term; the instalments that remain.
//!
//! What is promised comes from the log, what is there from the projector's rows. Which opinion is asked next, and what counts, is
//! `gongzheng-practice`'s to say. Nothing here decides anything for an authority.

mod model;

use std::collections::BTreeMap;

use jiff::civil::Date;
use metrics::calendar::local_date;
use metrics::filed::{ChangeItem, Filing, InvestmentLine, OpinionBy};
use metrics::model::{Direction, Names, TargetUnit};
use metrics::statements::Statements;
use practice::plan::{self, Application, Compared, InForce, Problem, Procedure, Seen, SeenGateway, Status, TermState};
use practice::rule::{ChangeRules, DELIVERED, Day, Rule};
use practice::words::{Clause, yuan};
use serde::Serialize;

pub use self::model::{
    ApplicationView, ClauseView, FiledTargetView, FilingMachine, FilingRule, FilingState, FilingView, InvestmentView,
    LooseView, MajorView, OpinionView, PaymentView, PromiseView, RuleEntry, TermView,
};
use super::{QueryError, SiteHead, Words, off_thread, visible};
use crate::reporting;
use crate::roles::{Access, Permission};
use crate::sitelog::SiteLogs;
use crate::store::Store;

/// A row is producing data when its last data is at most so many days old: a week's holiday stops no factory's filing.
pub const PRODUCING_DAYS: u16 = 7;
/// How long before the rule's months are full a late term is warned of, days.
const WARN_DAYS: u16 = 30;

/// First and last good reading of every tag, Unix ms.
type TagsSeen = BTreeMap<(String, String), (i64, i64)>;

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
    let speaks = [OpinionBy::District, OpinionBy::Centre, OpinionBy::City]
        .into_iter()
        .filter(|by| access.acts_as(by.role(), Permission::GiveOpinion, &row))
        .collect();
    let head = SiteHead::from(row);
    let id = site.parse().map_err(|_| QueryError::NotFound)?;
    let logs = logs.clone();
    let statements = off_thread(move || reporting::statements(&logs, &id)).await?;
    let gateways = store.gateways(site).await?.into_iter().map(|gateway| gateway.id).collect();
    let source = Source { statements, seen: store.seen(site).await?, speaks, zone: head.time_zone.clone(), now_ms };
    let filings: Vec<String> = source.statements.filings().map(|(id, _)| id.to_owned()).collect();
    let wanted = wanted.filter(|id| !id.is_empty()).or(filings.first().map(String::as_str));
    let state = match wanted {
        Some(id) => Some(source.state(id).ok_or(QueryError::NotFound)?),
        None => None,
    };
    Ok(FilingView {
        site: head,
        filing: state,
        machines: source.machines(),
        gateways,
        rules: rules().iter().map(rule_view).collect(),
        may_declare,
        today: source.today().map_or_else(String::new, |day| day.to_string()),
        filings,
    })
}

fn rules() -> Vec<Rule> {
    DELIVERED.iter().filter_map(|(_, text)| Rule::parse(text).ok()).collect()
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

    fn day(&self, ms: i64) -> Option<Day> {
        local_date(&self.zone, ms).map(Day)
    }

    fn machines(&self) -> Vec<FilingMachine> {
        let of = |id: &str| {
            let body = &self.statements.machine_definitions(id).last()?.body;
            let points = body.signals.all().map(|(role, _)| role.to_owned()).collect();
            Some(FilingMachine { id: id.to_owned(), names: words(&body.names), points })
        };
        self.statements.machines().filter_map(of).collect()
    }

    fn state(&self, id: &str) -> Option<FilingState> {
        let filing = self.statements.filing(id)?;
        let at = self.today()?;
        let first = filing.plans.first();
        let rule = first.and_then(|plan| plan.body.rule.as_deref());
        let rule = rule.and_then(|id| rules().into_iter().find(|rule| rule.id() == id));
        let changes = rule.as_ref().and_then(|rule| rule.change.as_ref());
        let procedure = Procedure { filing, rules: changes, zone: &self.zone };
        let course = procedure.course(at);
        let Some(current) = procedure.in_force(at) else {
            // Statements about a plan that was never filed: named, and nothing else.
            return Some(self.unfiled(id, &course.loose));
        };
        let (machines, gateways) = self.there(&current, filing);
        let compared = plan::compare(&current, &course.applications, &machines, &gateways, at, PRODUCING_DAYS);
        let paid = BTreeMap::new();
        let payments = rule.as_ref().map(|rule| plan::payments(rule, &current, &paid, &paid, at));
        let application = |a: &Application<'_>| self.application(a, changes, &current);
        Some(FilingState {
            id: id.to_owned(),
            names: words(&current.plan.names),
            number: current.plan.number.clone(),
            filed: current.plan.filed.clone(),
            leaf: leaf(current.leaf),
            rule: rule.as_ref().map(rule_view),
            firm: current.firm.clone(),
            others: current.others.clone(),
            stated_again: current.stated_again.iter().map(|l| leaf(*l)).collect(),
            term: plan::term(&current, changes, None, at, WARN_DAYS).map(|term| TermView {
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
            lines: lines(&current, rule.as_ref()),
            investment_yuan: [total(&current.plan.lines), total(&current.filed.lines)],
            targets: current.plan.targets.iter().map(target).collect(),
            payments: payments.unwrap_or_default().iter().map(payment).collect(),
        })
    }

    fn unfiled(&self, id: &str, problems: &[Problem]) -> FilingState {
        FilingState {
            id: id.to_owned(),
            names: Words { zh: String::new(), en: String::new() },
            number: None,
            filed: String::new(),
            leaf: -1,
            rule: None,
            firm: None,
            others: Vec::new(),
            stated_again: Vec::new(),
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

    /// What readings show: machines and their points by role and by tag, whichever the plan or an application names, and gateways.
    fn there(&self, current: &InForce, filing: &Filing) -> (Vec<Seen>, Vec<SeenGateway>) {
        let changed = filing.changes.iter().flat_map(|c| &c.body.items).filter_map(|item| match item {
            ChangeItem::Machine(machine) => Some(machine),
            _ => None,
        });
        let mut by_tag: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for machine in current.plan.machines.iter().chain(changed) {
            by_tag.entry(&machine.machine).or_default().extend(machine.points.iter().map(String::as_str));
        }
        let mut machines = Vec::new();
        for id in self.statements.machines() {
            let definitions = self.statements.machine_definitions(id);
            for (role, signal) in definitions.iter().flat_map(|definition| definition.body.signals.all()) {
                let seen = self.seen.get(&(signal.gateway.clone(), signal.tag.clone()));
                let Some((since, last)) = seen.and_then(|(first, last)| self.day(*first).zip(self.day(*last))) else {
                    continue;
                };
                let is_by_tag = by_tag.get(id).is_some_and(|points| points.contains(&signal.tag.as_str()));
                let point = if is_by_tag { signal.tag.clone() } else { role.to_owned() };
                machines.push(Seen { machine: id.to_owned(), point: Some(point), since, last });
            }
        }
        let mut gateways: BTreeMap<&str, (i64, i64)> = BTreeMap::new();
        for ((gateway, _), (first, last)) in &self.seen {
            let of = gateways.entry(gateway).or_insert((*first, *last));
            *of = (of.0.min(*first), of.1.max(*last));
        }
        let gateway = |(id, (first, last)): (&str, (i64, i64))| {
            let (since, last) = self.day(first).zip(self.day(last))?;
            Some(SeenGateway { gateway: id.to_owned(), since, last })
        };
        (machines, gateways.into_iter().filter_map(gateway).collect())
    }

    fn application(&self, of: &Application<'_>, rules: Option<&ChangeRules>, current: &InForce) -> ApplicationView {
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
            date: of.change.date.clone(),
            submitted: of.submitted,
            items: of.change.items.iter().map(item).collect(),
            reason: of.change.reason.clone(),
            status: status.to_owned(),
            stands: words(&of.words()),
            next: next.map(|by| by.role().to_owned()),
            may_opine: next.is_some_and(|by| self.speaks.contains(&by)),
            opinions: of
                .opinions
                .iter()
                .map(|o| OpinionView {
                    by: o.body.by.role().to_owned(),
                    body: o.body.body.clone(),
                    opinion: code(&o.body.opinion),
                    date: o.body.date.clone(),
                    received_ms: o.received_ms,
                    reason: o.body.reason.clone(),
                    leaf: leaf(o.leaf),
                })
                .collect(),
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

pub(super) fn loose(problem: &Problem) -> LooseView {
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
    };
    compared.rows.iter().map(row).collect()
}

/// Yuan of a sum; as many lines as a log can hold have room.
fn total(lines: &[InvestmentLine]) -> String {
    let fen: i128 = lines.iter().map(|line| i128::from(line.amount_fen)).sum();
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

fn payment(of: &plan::Payment) -> PaymentView {
    PaymentView {
        stage: of.stage.clone(),
        names: words(&of.names),
        words: words(&of.words),
        clause: clause(&of.clause),
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
            format!("增加或调整设备 {}，采集点 {}", m.machine, m.points.join("、")),
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
