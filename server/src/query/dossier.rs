//! Papers asked of a firm, and all firms with what they owe: for the firm, its district, and the centre.
//!
//! One site is read from its log, so that what was stated a moment ago is there. The page of all firms is read from the projector's
//! rows: which firms and in which order from one row each, what is said of those on the page from their declarations.

mod model;

use std::collections::BTreeMap;

use jiff::civil::Date;
use metrics::calendar::{local_date, parse_date};
use metrics::dossier::FirmListed;
use metrics::filed::{Filed, OpinionBy};
use metrics::statements::Statements;
use practice::dossier::{Paper, Standing, dossier};
use practice::plan::{Procedure, Status};
use practice::rule::{self, ChangeRules};
use practice::words::{Problem, yuan};
use protocol::Declaration;

pub use self::model::{
    FirmApplication, FirmCount, FirmFiling, FirmPayment, FirmRow, ListedView, PaperView, PapersView, PortfolioView,
};
use super::bills::BillView;
use super::filing::leaf;
use super::{LooseView, QueryError, SiteHead, Words, off_thread, visible};
use crate::reporting;
use crate::roles::{Access, Permission};
use crate::sitelog::SiteLogs;
use crate::store::{DeclarationRow, PortfolioQuery, PortfolioShow, SiteRow, Store};

/// Kinds of statements that the page of all firms reads.
const KINDS: [&str; 8] =
    ["site", "filed_plan", "plan_change", "plan_opinion", "paper_asked", "paper_handed", "paper_judged", "firm_listed"];

/// The papers of a site.
pub async fn papers(
    store: &Store,
    logs: &SiteLogs,
    access: &Access,
    site: &str,
    now_ms: i64,
) -> Result<PapersView, QueryError> {
    let row = visible(store, access, Permission::SeeFigures, site).await?;
    let may_hand = access.acts_as(metrics::credibility::course::FACTORY_ROLE, Permission::Declare, &row);
    let may_ask: Vec<String> = OpinionBy::ALL
        .into_iter()
        .map(OpinionBy::role)
        .filter(|role| access.acts_as(role, Permission::GiveOpinion, &row))
        .map(str::to_owned)
        .collect();
    let head = SiteHead::from(row);
    let id = site.parse().map_err(|_| QueryError::NotFound)?;
    let logs = logs.clone();
    let statements = off_thread(move || reporting::statements(&logs, &id)).await?;
    let zone = reporting::zone(&statements, &head.time_zone);
    let today = local_date(zone, now_ms).unwrap_or(Date::MIN);
    let found = dossier(&statements, zone);
    let mut papers: Vec<PaperView> = found.papers.iter().map(|p| paper(p, today, &may_ask)).collect();
    papers.sort_by(|a, b| {
        (a.standing == "received", &a.due, &a.paper).cmp(&(b.standing == "received", &b.due, &b.paper))
    });
    let next_id = (1..).map(|n| format!("p-{n}")).find(|id| !papers.iter().any(|p| p.paper == *id));
    Ok(PapersView {
        site: head,
        listed: found.listed.map(listed),
        loose: found.problems.iter().map(loose).collect(),
        papers,
        may_hand,
        may_ask,
        today: today.to_string(),
        next_id: next_id.unwrap_or_default(),
    })
}

/// A page of the firms the reader may see.
pub async fn portfolio(
    store: &Store,
    access: &Access,
    mut query: PortfolioQuery,
    now_ms: i64,
) -> Result<PortfolioView, QueryError> {
    let filter = access.sites(Permission::SeeFigures);
    let bodies: Vec<&str> =
        OpinionBy::ALL.into_iter().map(OpinionBy::role).filter(|role| access.role_names().contains(role)).collect();
    query.bodies = bodies.iter().map(|&role| role.to_owned()).collect();
    // Papers are due by the calendar of China, where all pilot cities are.
    let today = local_date("Asia/Shanghai", now_ms).unwrap_or(Date::MIN);
    query.today = today.to_string();
    let rows = store.portfolio(&filter, &query).await?;
    let totals = store.portfolio_totals(&filter, &query).await?;
    let ids: Vec<String> = rows.iter().map(|(site, _)| site.id.clone()).collect();
    let mut stated: BTreeMap<String, Vec<DeclarationRow>> = BTreeMap::new();
    for (site, declaration) in store.declarations_of(&ids, &KINDS).await? {
        stated.entry(site).or_default().push(declaration);
    }
    // By last date: the newest with a difference stays.
    let bills = store.bills_of(&ids).await?.into_iter().filter(|(_, row)| row.relative.is_some());
    let mut bills: BTreeMap<String, BillView> = bills.map(|(site, row)| (site, BillView::compared(&row))).collect();
    let counts = PortfolioShow::ALL.into_iter().zip(totals.of);
    Ok(PortfolioView {
        rows: rows
            .into_iter()
            .map(|(site, row)| {
                let of = stated.remove(&site.id).unwrap_or_default();
                let reconciled = bills.remove(&site.id);
                firm(site, of, reconciled, row.is_none(), today)
            })
            .collect(),
        counts: counts.map(|(show, firms)| FirmCount { show: show.name().to_owned(), firms }).collect(),
        matching: totals.matching,
        offset: query.offset.max(0),
        limit: query.limit,
        may_import: !bodies.is_empty(),
        today: query.today,
    })
}

/// Statements as the projector's rows have them.
pub(super) fn stated(rows: impl IntoIterator<Item = DeclarationRow>) -> Statements {
    let mut statements = Statements::default();
    for row in rows {
        let declaration = Declaration {
            kind: row.kind,
            effective_from: row.effective_ms.unwrap_or(row.received_ms),
            author: row.author,
            role: row.role,
            reason: row.reason,
            body: serde_json::from_str(&row.body).unwrap_or_default(),
        };
        statements.push(u64::try_from(row.leaf).unwrap_or(u64::MAX), row.received_ms, declaration);
    }
    statements
}

fn firm(site: SiteRow, rows: Vec<DeclarationRow>, reconciled: Option<BillView>, behind: bool, today: Date) -> FirmRow {
    let statements = stated(rows);
    let zone = reporting::zone(&statements, &site.time_zone);
    let found = dossier(&statements, zone);
    let open = found.papers.iter().filter(|p| !matches!(p.standing, Standing::Received(_)));
    let mut papers: Vec<PaperView> = open.map(|p| paper(p, today, &[])).collect();
    papers.sort_by(|a, b| (&a.due, &a.paper).cmp(&(&b.due, &b.paper)));
    let filings = filings(&statements, zone, today);
    FirmRow { listed: found.listed.map(listed), filings, papers, reconciled, behind, site: SiteHead::from(site) }
}

fn filings(statements: &Statements, zone: &str, today: Date) -> Vec<FirmFiling> {
    let mut out: Vec<FirmFiling> = Vec::new();
    for (id, filing) in statements.filings() {
        let rule = filing.plans.first().and_then(|plan| plan.body.rule.as_deref()).and_then(rule::find);
        let route = rule.and_then(|rule| rule.change.as_ref()).map(ChangeRules::asked);
        let procedure = Procedure { filing, route, zone };
        let Some(current) = procedure.in_force(Date::MAX) else { continue };
        let stage = |id: &str| {
            let known = rule.and_then(|rule| rule.stage.iter().find(|stage| stage.id() == id));
            known.map_or_else(|| Words { zh: id.to_owned(), en: id.to_owned() }, |stage| Words::from(&stage.names))
        };
        let ahead = current.plan.payments.iter().filter(|p| parse_date(&p.date).is_some_and(|date| date >= today));
        let payment = |p: &metrics::filed::ExpectedPayment| FirmPayment {
            stage: p.stage.clone(),
            names: stage(&p.stage),
            date: p.date.clone(),
        };
        let course = procedure.course(Date::MAX);
        let application = |a: &practice::plan::Application<'_>| FirmApplication {
            change: a.change.change.clone(),
            stands: Words::from(&a.words()),
            returned: matches!(a.status, Status::Returned { .. }),
        };
        out.push(FirmFiling {
            filing: id.to_owned(),
            names: Words::from(&current.plan.names),
            filed: current.plan.filed.clone(),
            term: [current.plan.term.from.clone(), current.plan.term.to.clone()],
            open: course.applications.iter().filter(|a| a.is_open()).map(application).collect(),
            payments: ahead.map(payment).collect(),
        });
    }
    out
}

pub(super) fn loose(problem: &Problem) -> LooseView {
    LooseView { leaf: problem.leaf.map(leaf), words: Words::from(&problem.said) }
}

fn paper(of: &Paper<'_>, today: Date, speaks: &[String]) -> PaperView {
    let (standing, file) = match of.standing {
        Standing::Owed => ("owed", ""),
        Standing::Handed(handed) => ("handed", handed.file.as_str()),
        Standing::Returned(_) => ("returned", ""),
        Standing::Received(_) => ("received", ""),
    };
    let by = of.asked.by.role();
    PaperView {
        paper: of.asked.paper.clone(),
        name: of.asked.name.clone(),
        by: by.to_owned(),
        due: of.asked.due.clone(),
        note: of.asked.note.clone(),
        standing: standing.to_owned(),
        stands: Words::from(&of.words(today)),
        overdue: of.is_overdue(today),
        handed: of.handed,
        file: file.to_owned(),
        leaf: leaf(of.leaf),
        last: leaf(of.last),
        may_judge: standing == "handed" && speaks.iter().any(|role| role == by),
    }
}

fn listed(of: &Filed<FirmListed>) -> ListedView {
    let body = &of.body;
    ListedView {
        code: body.code.clone(),
        name: body.name.clone(),
        list: body.list.clone(),
        number: body.number.clone(),
        district: body.district.clone(),
        sub_sector: body.sub_sector.clone(),
        provider: body.provider.clone(),
        investment_yuan: body.investment_fen.map(yuan),
        filed: body.filed.clone(),
        leaf: leaf(of.leaf),
    }
}
