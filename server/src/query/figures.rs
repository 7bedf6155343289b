//! Every figure of a machine or a site over production dates, evaluated from the log when somebody asks.
//!
//! Unlike the other read models nothing is stored: a figure over any dates has no row of its own. One evaluation at a time, at
//! most [`DAYS_MAX`] dates, so that a reader with a wide question cannot starve ingestion.

use metrics::figures::lists::Lists;
use metrics::figures::{self, StopRule};
use metrics::report::{GapLine, LineageRange, Period, ReportError};
use metrics::{History, ReportRequest, catalogue};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    GapView, ONE_AT_A_TIME, Parameter, QueryError, SiteHead, Term, Words, machine as machines, off_thread, visible,
};
use crate::projection::stated;
use crate::reporting::{self, ReportingError};
use crate::roles::{Access, Permission};
use crate::sitelog::SiteLogs;
use crate::store::Store;

/// Most production dates of one question.
pub const DAYS_MAX: usize = 31;

/// One value of one definition with what answers "why this number?".
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FigureLine {
    /// Definition and version.
    pub definition: String,
    /// Its names.
    pub names: Words,
    /// Which of several numbers of the definition; empty when there is one.
    pub part: String,
    /// Unit; `1` for ratios.
    pub unit: String,
    /// Formula in symbols.
    pub formula: String,
    /// Its quantities with their numbers.
    pub terms: Vec<Term>,
    /// Factors and limits with their version.
    pub parameters: Vec<FigureParameter>,
    /// Numerator, digits.
    pub numerator: Option<String>,
    /// Denominator, digits.
    pub denominator: Option<String>,
    /// The value, six decimals.
    pub value: Option<String>,
    /// Least it can be.
    pub lower: Option<String>,
    /// Most it can be; none when nothing limits it.
    pub upper: Option<String>,
    /// Observed milliseconds, of milliseconds.
    pub coverage: [i64; 2],
    /// `A` to `D`.
    pub grade: Option<String>,
    /// Why there is no value.
    pub undefined: Option<String>,
}

/// A factor, rule or limit of a figure.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FigureParameter {
    /// Its word, such as `factor_set`.
    pub name: String,
    /// Its value, with its version where it has one.
    pub value: String,
}

/// A step of the loss waterfall.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LossStep {
    /// Identifier.
    pub id: String,
    /// Names.
    pub names: Words,
    /// `unplanned`, `availability`, `performance`, `quality`, `unobserved`, `effective`.
    pub kind: String,
    /// Seconds of planned time; negative only where running faster than planned won time back.
    pub seconds: String,
}

/// A changeover.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ChangeoverView {
    /// Product before.
    pub from: String,
    /// Product after.
    pub to: String,
    /// Last good item of the old product.
    pub from_ms: i64,
    /// First good item of the new one.
    pub until_ms: i64,
    /// Without planned stops.
    pub changeover_ms: i64,
    /// Until the machine ran again; none without a state.
    pub stopped_ms: Option<i64>,
}

/// Records of a gateway behind the figures, by leaf.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LeafRun {
    /// Gateway.
    pub gateway: String,
    /// First leaf.
    pub first_leaf: i64,
    /// Last leaf.
    pub last_leaf: i64,
}

/// All figures over some dates.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct FiguresView {
    /// The site.
    pub site: SiteHead,
    /// Machine id, or `*` for the whole site.
    pub machine: String,
    /// Its names; empty for the site.
    pub machine_names: Words,
    /// First production date.
    pub from: String,
    /// Last production date.
    pub to: String,
    /// First instant.
    pub from_ms: i64,
    /// First instant after.
    pub until_ms: i64,
    /// Leaves of the log they were computed from.
    pub prefix: i64,
    /// The figures, in the order of the catalogue.
    pub figures: Vec<FigureLine>,
    /// From calendar time to the planned time of good items.
    pub waterfall: Vec<LossStep>,
    /// Changeovers.
    pub changeovers: Vec<ChangeoverView>,
    /// What stands behind the sums of the shop floor.
    pub lists: Lists,
    /// Flags of everything summed up.
    pub flags: Vec<String>,
    /// Shifts left out for want of coverage.
    pub excluded: Vec<String>,
    /// Statements in force.
    pub statements: Vec<Parameter>,
    /// Records behind the figures.
    pub sources: Vec<LeafRun>,
    /// Gaps, the first of them.
    pub gaps: Vec<GapView>,
    /// Gaps not listed.
    pub gaps_left_out: i64,
}

/// Evaluates every figure of a machine, or of the whole site, over production dates (both included).
pub async fn figures(
    store: &Store,
    logs: &SiteLogs,
    access: &Access,
    site: &str,
    machine: Option<&str>,
    dates: (&str, &str),
    now_ms: i64,
) -> Result<FiguresView, QueryError> {
    let head = SiteHead::from(visible(store, access, Permission::SeeFigures, site).await?);
    let machine_names = match machine {
        Some(machine) => machines::names(&machines::find(store, site, machine).await?),
        None => Words::default(),
    };
    let period = period(dates, DAYS_MAX)?;
    let empty = empty(&head, &period, machine);
    let id = site.parse().map_err(|_| QueryError::NotFound)?;
    let (logs, wanted) = (logs.clone(), machine.map(str::to_owned));
    let _one = ONE_AT_A_TIME.lock().await;
    let found = off_thread(move || {
        let request = ReportRequest::for_dates(0, &period.from, &period.to, None);
        let reach = |history: &History, windows: Vec<metrics::Interval>| match &wanted {
            Some(machine) => figures::reach(history, machine, &windows),
            None => windows,
        };
        let (history, until_ms) = match reporting::history_of(&logs, &id, request, now_ms, reach) {
            // A site of which nothing is declared yet has no figures; that is no error.
            Err(ReportingError::Report(ReportError::NoMachines)) => return Ok(None),
            other => other?,
        };
        let rule = StopRule::default();
        let found = match &wanted {
            Some(machine) => figures::machine(&history, machine, &period, Some(until_ms), rule),
            None => figures::site::site(&history, &period, Some(until_ms), rule),
        };
        Ok(found.map(|f| (f, history)))
    });
    let Some((found, history)) = found.await? else { return Ok(FiguresView { machine_names, ..empty }) };
    Ok(view(head, machine_names, found, &history))
}

fn empty(site: &SiteHead, period: &Period, machine: Option<&str>) -> FiguresView {
    FiguresView {
        site: site.clone(),
        machine: machine.unwrap_or(metrics::report::ALL_MACHINES).to_owned(),
        machine_names: Words::default(),
        from: period.from.clone(),
        to: period.to.clone(),
        from_ms: 0,
        until_ms: 0,
        prefix: 0,
        figures: Vec::new(),
        waterfall: Vec::new(),
        changeovers: Vec::new(),
        lists: Lists::default(),
        flags: Vec::new(),
        excluded: Vec::new(),
        statements: Vec::new(),
        sources: Vec::new(),
        gaps: Vec::new(),
        gaps_left_out: 0,
    }
}

pub(super) fn period((from, to): (&str, &str), most: usize) -> Result<Period, QueryError> {
    let read = |date: &str| {
        let parsed = metrics::calendar::parse_date(date);
        parsed.ok_or_else(|| QueryError::Invalid(format!("`{date}`: YYYY-MM-DD / 日期格式应为 YYYY-MM-DD")))
    };
    let days = metrics::calendar::dates(read(from)?, read(to)?).len();
    if days == 0 || days > most {
        return Err(QueryError::Invalid(format!(
            "{from} – {to}: 1 to {most} production dates, the first not after the last / \
             生产日期应为 1 至 {most} 天，且起始日期不晚于截止日期"
        )));
    }
    Ok(Period { name: "period".to_owned(), from: from.to_owned(), to: to.to_owned() })
}

fn view(site: SiteHead, machine_names: Words, found: figures::Figures, history: &History) -> FiguresView {
    let leaf = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
    FiguresView {
        site,
        machine: found.machine,
        machine_names,
        from: found.dates[0].clone(),
        to: found.dates[1].clone(),
        from_ms: found.from_ms,
        until_ms: found.to_ms,
        prefix: leaf(history.size()),
        figures: found.figures.iter().map(line).collect(),
        waterfall: found
            .waterfall
            .iter()
            .map(|s| LossStep {
                id: s.id.to_owned(),
                names: (s.zh, s.en).into(),
                kind: s.kind.to_owned(),
                seconds: s.seconds.clone(),
            })
            .collect(),
        changeovers: found
            .changeovers
            .iter()
            .map(|c| ChangeoverView {
                from: c.from.clone(),
                to: c.to.clone(),
                from_ms: c.from_ms,
                until_ms: c.to_ms,
                changeover_ms: c.changeover_ms,
                stopped_ms: c.stopped_ms,
            })
            .collect(),
        lists: found.lists,
        flags: found.flags.iter().map(|f| (*f).to_owned()).collect(),
        excluded: found.excluded,
        statements: stated(history, found.statements.iter().copied(), found.from_ms),
        sources: found.lineage.iter().map(leaf_run).collect(),
        gaps: found.gaps.iter().map(gap).collect(),
        gaps_left_out: i64::try_from(found.gaps_left_out).unwrap_or(i64::MAX),
    }
}

/// Records of a gateway.
pub(super) fn leaf_run(r: &LineageRange) -> LeafRun {
    let leaf = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
    LeafRun { gateway: r.gateway.clone(), first_leaf: leaf(r.first), last_leaf: leaf(r.last) }
}

/// A gap.
pub(super) fn gap(g: &GapLine) -> GapView {
    GapView { from_ms: g.from_ms, until_ms: g.to_ms, cause: g.cause.to_owned() }
}

pub(super) fn line(f: &figures::Figure) -> FigureLine {
    let names = catalogue::explain(f.definition).map(|e| e.names).unwrap_or_default();
    FigureLine {
        definition: f.definition.to_owned(),
        names: names.into(),
        part: f.part.clone(),
        unit: f.unit.to_string(),
        formula: f.formula.to_owned(),
        terms: f
            .terms
            .iter()
            .map(|t| Term { symbol: t.symbol.to_owned(), value: t.value.clone(), unit: t.unit.to_string() })
            .collect(),
        parameters: f
            .parameters
            .iter()
            .map(|(name, value)| FigureParameter { name: (*name).to_owned(), value: value.clone() })
            .collect(),
        numerator: f.numerator.clone(),
        denominator: f.denominator.clone(),
        value: f.value.clone(),
        lower: f.lower.clone(),
        upper: f.upper.clone(),
        coverage: f.coverage,
        grade: f.grade.map(str::to_owned),
        undefined: f.undefined.map(str::to_owned),
    }
}

/// A definition of the catalogue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DefinitionView {
    /// Definition and version.
    pub id: String,
    /// Names.
    pub names: Words,
    /// Unit; `1` for ratios.
    pub unit: String,
    /// Formula.
    pub formula: String,
    /// Standard and clause, or `Gongzheng` for our own.
    pub source: String,
    /// Edge rules.
    pub edge: Words,
    /// The function that evaluates it.
    pub evaluated_by: String,
}

/// Every definition, in the order of the catalogue.
pub fn definitions() -> Vec<DefinitionView> {
    catalogue::entries()
        .map(|e| DefinitionView {
            id: e.id.to_owned(),
            names: e.names.into(),
            unit: e.unit.to_owned(),
            formula: e.formula.to_owned(),
            source: e.source.to_owned(),
            edge: e.edge.into(),
            evaluated_by: e.evaluated_by.to_owned(),
        })
        .collect()
}
