//! Instalments: what is paid when, as far as the text says.
//!
//! A share is at most so much (不高于); what is left (剩余) is the whole less what was paid, and less the whole share as long as nobody
//! says what was.

use metrics::model::Names;
use serde::Serialize;

use super::Amount;
use crate::claim::{Claim, StatedAmount, StatedDay};
use crate::rule::{Part, Rule, Stage};
use crate::words::{Clause, Fen, share_floor, words, yuan};

/// An instalment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StageResult {
    /// Which.
    pub stage: String,
    /// Its name.
    pub names: Names,
    /// How much at most.
    pub amount: Amount,
    /// What was paid of it, as stated.
    pub paid: Option<StatedAmount>,
    /// When its condition was met, as stated.
    pub met: Option<StatedDay>,
    /// What it waits for, in the text's words.
    pub clause: Clause,
}

impl StageResult {
    /// What was paid of it; nothing, as long as nobody says so.
    pub fn paid_fen(&self) -> Fen {
        self.paid.as_ref().map_or(0, |paid| paid.amount_fen)
    }
}

pub(super) fn divide(rule: &Rule, claim: &Claim, ceiling: &Amount) -> Vec<StageResult> {
    let advanced = claim.paid_by_decision(rule);
    let mut given = 0;
    let mut share = 0_u32;
    // Paid before, as stated; and instalments of which nobody says so.
    let mut gone = 0;
    let mut unsaid = false;
    let result = |stage: &Stage, amount: Amount| StageResult {
        stage: stage.id().to_owned(),
        names: stage.names.clone(),
        amount,
        paid: claim.paid.get(stage.id()).cloned(),
        met: claim.met.get(stage.id()).cloned(),
        clause: stage.clause.clone(),
    };
    let mut out = Vec::new();
    for stage in &rule.stage {
        let amount = match (ceiling, stage.part) {
            (_, Part::Authority) => match claim.paid.get(stage.id()) {
                Some(paid) => Amount::Fen(paid.amount_fen),
                None => Amount::authority(words("是否拨付及金额", "whether and how much")),
            },
            (Amount::Fen(whole), _) if advanced > 0 => {
                // Whether what was advanced is part of a later share is not said; only the sum is known.
                let left = yuan((whole - advanced).max(0));
                let zh = format!("与其余阶段合计不超过 {left} 元，如何扣减已预拨资金");
                let en = format!("with the other instalments at most {left} yuan; how the advance is taken off");
                Amount::authority(words(zh, en))
            }
            (Amount::Fen(whole), Part::AtMost { percent }) => {
                share += u32::from(percent);
                // The last of shares that make up the whole takes the fen that rounding left.
                let amount = if share == 100 { whole - given } else { share_floor(*whole, u32::from(percent) * 100) };
                given += amount;
                let paid = claim.paid.get(stage.id()).map(|paid| paid.amount_fen);
                gone += paid.unwrap_or(amount);
                unsaid |= paid.is_none();
                Amount::Fen(amount)
            }
            // The rest was paid: what it could be at most follows from what was paid before.
            (Amount::Fen(_), Part::Rest) if unsaid && claim.paid.contains_key(stage.id()) => {
                Amount::missing(words("此前各期的拨付", "what was paid before"))
            }
            (Amount::Fen(whole), Part::Rest) => Amount::Fen((whole - gone).max(0)),
            (none, _) => none.clone(),
        };
        out.push(result(stage, amount));
    }
    out
}
