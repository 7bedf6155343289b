//! What a firm owes and who is asked next, for the page of all firms: a function of what was stated.

use jiff::civil::Date;
use metrics::statements::Statements;
use practice::dossier::{Standing, dossier};
use practice::plan::{Procedure, Status};
use practice::rule::{self, ChangeRules};

use crate::store::PortfolioRow;

/// Kinds of statements that change it.
pub(super) fn concerns(kind: &str) -> bool {
    [
        "filed_plan",
        "plan_change",
        "plan_opinion",
        "plan_finished",
        "paper_asked",
        "paper_handed",
        "paper_judged",
        "firm_listed",
        "site",
    ]
    .contains(&kind)
}

/// The row of a site.
pub(super) fn row(statements: &Statements) -> PortfolioRow {
    // A log begins with its site's own statement; before it there is nothing of these kinds.
    let zone = statements.site().map_or("UTC", |site| site.zone.as_str());
    let papers = dossier(statements, zone);
    let mut out = PortfolioRow {
        code: papers.listed.map(|listed| listed.body.code.clone()).unwrap_or_default(),
        listed: papers.listed.map(|listed| listed.body.name.clone()).unwrap_or_default(),
        due: papers.due().map(str::to_owned),
        ..PortfolioRow::default()
    };
    let mut asks = |role: &str| {
        if !out.waiting.iter().any(|known| known == role) {
            out.waiting.push(role.to_owned());
        }
    };
    for paper in &papers.papers {
        out.owed += i64::from(paper.is_owed());
        match paper.standing {
            Standing::Handed(_) => asks(paper.asked.by.role()),
            Standing::Returned(_) => out.returned += 1,
            Standing::Owed | Standing::Received(_) => {}
        }
    }
    for (_, filing) in statements.filings() {
        let Some(plan) = filing.plans.first() else { continue };
        let filed = &plan.body.filed;
        if out.filed.as_ref().is_none_or(|known| known > filed) {
            out.filed = Some(filed.clone());
        }
        let rule = plan.body.rule.as_deref().and_then(rule::find);
        let route = rule.and_then(|rule| rule.change.as_ref()).map(ChangeRules::asked);
        let procedure = Procedure { filing, route, zone };
        for application in procedure.course(Date::MAX).applications {
            match application.status {
                Status::Waiting { next } => asks(next.role()),
                Status::Returned { .. } => out.returned += 1,
                Status::Approved { .. } | Status::Refused { .. } | Status::NoRoute => {}
            }
        }
    }
    out.waiting.sort_unstable();
    out
}
