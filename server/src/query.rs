//! Read models: what pages and the API show, and nothing more than the reader may see.
//!
//! Constraints:
//! 1. Every function takes an [`Access`]; a site outside its scope is [`QueryError::NotFound`], exactly like a site that
//!    does not exist.
//! 2. Nothing is evaluated here, except what `figures`, `meters`, `questionnaire`, `savings`, `plan`, `deviations`, `findings` and `package` are asked over dates of the reader's
//!    choice. Numbers come from the projector's rows as numerator and denominator; pages divide once, when they print.
//! 3. Each function is a handful of indexed reads, whatever the number of sites: a page answers within 100 ms.
//! 4. Times are Unix milliseconds (UTC); `time_zone` says how to show them. Dates are production dates, `YYYY-MM-DD`.
//! 5. The same structs are the bodies of the REST API (`api`), so page and API cannot disagree.

use crate::reporting::ReportingError;
use crate::roles::{Access, Permission};
use crate::store::{SiteRow, Store, StoreError};

mod bills;
mod declare;
mod deviation;
mod dossier;
mod figures;
mod filing;
mod findings;
mod firm;
mod fleet;
mod machine;
mod meters;
mod model;
mod ocmf;
mod onsite;
mod package;
mod plan;
mod questionnaire;
mod register;
mod savings;
mod site;
mod why;

pub use crate::store::{FleetOrder, FleetQuery, PortfolioOrder, PortfolioQuery, PortfolioShow};
pub use bills::{BillMonth, BillView};
pub(crate) use declare::read_given;
pub use declare::{DeclareView, Given, declare, import};
pub use deviation::{
    AcceptanceView, DayCount, DaysView, DeviationStep, DeviationView, DeviationsView, RunOfFiling, RunView, TargetNow,
    days, deviation, deviations,
};
pub use dossier::{
    FirmApplication, FirmCount, FirmFiling, FirmPayment, FirmRow, ListedView, PaperView, PapersView, PortfolioView,
    papers, portfolio,
};
pub use figures::{
    ChangeoverView, DAYS_MAX, DefinitionView, FigureLine, FigureParameter, FiguresView, LeafRun, LossStep, definitions,
    figures,
};
pub use filing::{
    ApplicationView, ClauseView, FiledTargetView, FilingMachine, FilingRule, FilingState, FilingView, FinishedView,
    InvestmentView, LooseView, MajorView, OpinionView, PaymentView, PromiseView, RuleEntry, TermView, filing,
};
pub use findings::{
    ClearView, DetectorParameter, DetectorView, ExplanationView, FINDING_SHOWN, FindingView, FindingsView,
    HonestPlants, HonestRate, QuantityView, SampleView, SignalView, StepView, Stretch, UncheckedView, Withheld,
    findings,
};
pub use firm::{FirmView, firm};
pub use fleet::fleet;
pub use machine::{history, last_date, machine, machine_shift};
pub use meters::{METER_DAYS_MAX, MetersView, meters};
pub use metrics::report::Words;
pub use model::*;
pub use ocmf::ocmf;
pub use onsite::{
    AgreementView, OnsiteAct, OnsiteConfirmation, OnsiteDraw, OnsiteFaceView, OnsiteLine, OnsiteMachine,
    OnsitePlateView, OnsiteSheet, OnsiteView, onsite,
};
pub(crate) use package::{From as PackageFrom, package, package_archive};
pub use package::{
    PackageFile, PackageFolder, PackageItem, PackageLack, PackagePlace, PackageProof, PackageRefused, PackageView,
    PackageWanted,
};
pub use plan::{
    AdviceView, CandidateView, ComparisonDraft, LockView, LongestGap, MetricDraft, MetricState, MissingDay, PlanDraft,
    PlanMachine, PlanView, PlanWanted, plan,
};
pub use questionnaire::{QuestionnaireView, questionnaire};
pub use register::{RegisterRow, RegisterView, register};
pub use savings::{SavedView, SavingsView, savings};
pub use site::{add_seen, declarations, gateways, reports, site, sites};
pub use why::{Background, Lineage, why};

/// Time behind an answer that is evaluated from the log: one question after the other.
static ONE_AT_A_TIME: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

/// Runs an evaluation where it holds up no other task.
async fn off_thread<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, ReportingError> + Send + 'static,
) -> Result<T, QueryError> {
    let failed = |error: &dyn std::fmt::Display| QueryError::Failed(error.to_string());
    tokio::task::spawn_blocking(work).await.map_err(|e| failed(&e))?.map_err(|e| failed(&e))
}

/// Why a read model could not be given.
#[derive(Debug, thiserror::Error)]
pub enum QueryError {
    /// It does not exist, or not for this reader.
    #[error("not found, or not visible with your role / 未找到，或您的角色无权查看")]
    NotFound,
    /// A parameter makes no sense.
    #[error("{0}")]
    Invalid(String),
    /// An evaluation failed.
    #[error("{0}")]
    Failed(String),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Finds a site the reader may see with this permission.
pub(crate) async fn visible(
    store: &Store,
    access: &Access,
    permission: Permission,
    id: &str,
) -> Result<SiteRow, QueryError> {
    let row = store.site(id).await?.ok_or(QueryError::NotFound)?;
    access.check(permission, &row).map_err(|_| QueryError::NotFound)?;
    Ok(row)
}

/// A gateway whose newest record is younger than this is online: records are sealed every 10 s and travel in seconds,
/// so two minutes of silence mean that something is wrong.
pub const ONLINE_MS: i64 = 120_000;
/// Most steps kept of a shift's count line.
pub const COUNT_STEPS_MAX: usize = 240;

#[cfg(test)]
mod tests;
