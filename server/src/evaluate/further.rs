//! What is evaluated beyond the report: every figure with its why, meters and bills, what answers the 评测指标, energy saved under
//! the plan, matters to verify.

use metrics::assessment::evidence::Settings;
use metrics::credibility::{Examination, examine};
use metrics::figures::meters::{Meters, meters};
use metrics::figures::questionnaire::{Questionnaire, questionnaire};
use metrics::figures::saved::{Saved, saved};
use metrics::figures::site::site;
use metrics::figures::{Figures, StopRule, machine};
use serde::Serialize;

use super::Evaluation;

/// The figures of one machine, or of all, over one period of the request.
#[derive(Debug, Serialize)]
pub struct PeriodFigures {
    /// Name of the period.
    pub period: String,
    /// Its figures.
    #[serde(flatten)]
    pub figures: Figures,
}

/// Everything beyond the report.
#[derive(Debug, Serialize)]
pub struct Further {
    /// Every machine over every period, then the site.
    pub figures: Vec<PeriodFigures>,
    /// Meters and bills of each period.
    pub meters: Vec<Meters>,
    /// What the data of each period evidences of the 评测指标; without months before and after, which a file does not bring.
    pub questionnaires: Vec<Questionnaire>,
    /// Energy before against after; empty without a plan.
    pub savings: Vec<Saved>,
    /// Cross-checks of the readings, one examination for each period.
    pub examinations: Vec<Examination>,
}

/// Evaluates it.
pub fn further(evaluation: &Evaluation) -> Further {
    let (history, request) = (&evaluation.history, &evaluation.report.request);
    let rule = StopRule::default();
    let mut out = Further {
        figures: Vec::new(),
        meters: Vec::new(),
        questionnaires: Vec::new(),
        savings: Vec::new(),
        examinations: Vec::new(),
    };
    for period in &request.periods {
        let machines = request.machines.iter().filter_map(|m| machine(history, m, period, request.until_ms, rule));
        let all: Vec<Figures> = machines.chain(site(history, period, request.until_ms, rule)).collect();
        out.meters.extend(meters(history, period, request.until_ms));
        out.questionnaires.extend(questionnaire(history, period, request.until_ms, None, &Settings::default()));
        let from_ms = all.iter().map(|f| f.from_ms).min();
        if let Some((from_ms, to_ms)) = from_ms.zip(all.iter().map(|f| f.to_ms).max()) {
            out.examinations.push(examine(history, metrics::Interval::new(from_ms, to_ms)));
        }
        out.figures.extend(all.into_iter().map(|figures| PeriodFigures { period: period.name.clone(), figures }));
    }
    if let Some(plan) = &request.plan {
        out.savings = saved(history, plan, request.until_ms, rule);
    }
    out
}
