//! What was stated of a filing and the papers around it, in order of the log: a course of steps, not values that take effect.

use std::collections::BTreeMap;

use super::Statements;
use crate::deviation::Step;
use crate::dossier::{FirmListed, Paper};
use crate::filed::{ChangeItem, Filed, FiledTarget, Filing};
use crate::model::Body;

/// Statements about what was promised to an authority, by what they are about.
#[derive(Debug, Clone, Default)]
pub struct Practice {
    filings: BTreeMap<String, Filing>,
    papers: BTreeMap<String, Paper>,
    listed: Vec<Filed<FirmListed>>,
    /// By filing.
    deviations: BTreeMap<String, Vec<Step>>,
}

impl Practice {
    /// Adds a statement; what is about something else is left alone.
    pub(super) fn push(&mut self, leaf: u64, received_ms: i64, role: &str, body: Body) {
        if let Some(step) = Step::of(&body, leaf, received_ms, role) {
            self.deviations.entry(step.filing().to_owned()).or_default().push(step);
            return;
        }
        let role = role.to_owned();
        match body {
            Body::FiledPlan(b) => {
                let of = self.filings.entry(b.filing.clone()).or_default();
                of.plans.push(Filed { leaf, received_ms, role, body: *b });
            }
            Body::PlanChange(b) => {
                let of = self.filings.entry(b.filing.clone()).or_default();
                of.changes.push(Filed { leaf, received_ms, role, body: *b });
            }
            Body::PlanOpinion(b) => {
                let of = self.filings.entry(b.filing.clone()).or_default();
                of.opinions.push(Filed { leaf, received_ms, role, body: *b });
            }
            Body::PlanFinished(b) => {
                let of = self.filings.entry(b.filing.clone()).or_default();
                of.finished.push(Filed { leaf, received_ms, role, body: b });
            }
            Body::AcceptanceHeld(b) => {
                let of = self.filings.entry(b.filing.clone()).or_default();
                of.accepted.push(Filed { leaf, received_ms, role, body: b });
            }
            Body::PaperAsked(b) => {
                let of = self.papers.entry(b.paper.clone()).or_default();
                of.asked.push(Filed { leaf, received_ms, role, body: b });
            }
            Body::PaperHanded(b) => {
                let of = self.papers.entry(b.paper.clone()).or_default();
                of.handed.push(Filed { leaf, received_ms, role, body: b });
            }
            Body::PaperJudged(b) => {
                let of = self.papers.entry(b.paper.clone()).or_default();
                of.judged.push(Filed { leaf, received_ms, role, body: b });
            }
            Body::FirmListed(b) => self.listed.push(Filed { leaf, received_ms, role, body: *b }),
            _ => {}
        }
    }
}

impl Statements {
    /// Every filing, by id.
    pub fn filings(&self) -> impl Iterator<Item = (&str, &Filing)> {
        self.practice.filings.iter().map(|(id, filing)| (id.as_str(), filing))
    }

    /// A filing.
    pub fn filing(&self, filing: &str) -> Option<&Filing> {
        self.practice.filings.get(filing)
    }

    /// Every paper that was spoken of, by id.
    pub fn papers(&self) -> impl Iterator<Item = (&str, &Paper)> {
        self.practice.papers.iter().map(|(id, paper)| (id.as_str(), paper))
    }

    /// A paper.
    pub fn paper(&self, paper: &str) -> Option<&Paper> {
        self.practice.papers.get(paper)
    }

    /// Everything stated of the deviations of a filing, in order of the log.
    pub fn deviations(&self, filing: &str) -> &[Step] {
        self.practice.deviations.get(filing).map_or(&[], Vec::as_slice)
    }

    /// Every filing with statements about deviations, by id.
    pub fn deviating(&self) -> impl Iterator<Item = (&str, &[Step])> {
        self.practice.deviations.iter().map(|(filing, steps)| (filing.as_str(), steps.as_slice()))
    }

    /// Every promise of a target of a filing that was stated before a leaf: as filed, or applied for.
    pub fn promised(&self, filing: &str, target: &str, before: u64) -> Vec<FiledTarget> {
        let Some(of) = self.filing(filing) else { return Vec::new() };
        let filed = of.plans.iter().filter(|plan| plan.leaf < before).flat_map(|plan| &plan.body.targets);
        let changes = of.changes.iter().filter(|change| change.leaf < before).flat_map(|change| &change.body.items);
        let applied = changes.filter_map(|item| match item {
            ChangeItem::Target(target) => Some(target),
            _ => None,
        });
        filed.chain(applied).filter(|of| of.target == target).cloned().collect()
    }

    /// What lists of authorities say of the firm, in order of the log.
    pub fn listed(&self) -> &[Filed<FirmListed>] {
        &self.practice.listed
    }
}
