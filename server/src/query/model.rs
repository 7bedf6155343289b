//! The shapes of the read models: what a page or an API answer consists of. Data only; see `query` for the rules.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Background, Words};
#[allow(unused_imports, reason = "the documentation links to them")]
use super::{COUNT_STEPS_MAX, ONLINE_MS};
use crate::store::SiteRow;

/// A quotient of integers, never reduced to a float before it is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Ratio {
    /// Numerator.
    pub numerator: i64,
    /// Denominator, not 0.
    pub denominator: i64,
}

impl Ratio {
    /// A ratio, or none for a zero denominator.
    pub fn new(pair: Option<(i64, i64)>) -> Option<Self> {
        pair.filter(|pair| pair.1 != 0).map(|(numerator, denominator)| Self { numerator, denominator })
    }

    /// The value times `10^digits`, rounded half away from zero; `ratio.scaled(4)` of 1/3 is 3333.
    pub fn scaled(self, digits: u32) -> i128 {
        let (n, d) = (i128::from(self.numerator) * 10_i128.pow(digits), i128::from(self.denominator));
        let (n, d) = if d < 0 { (-n, -d) } else { (n, d) };
        if n >= 0 { (2 * n + d) / (2 * d) } else { -((-2 * n + d) / (2 * d)) }
    }

    /// As a float: for the geometry of charts only, never for a printed number.
    pub fn geometry(self) -> f64 {
        self.numerator as f64 / self.denominator as f64
    }
}

/// A machine with its names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NamedMachine {
    /// Identifier.
    pub id: String,
    /// Names as declared.
    pub names: Words,
}

/// A site as every page heads it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SiteHead {
    /// Identifier.
    pub id: String,
    /// Name as the firm writes it.
    pub names: Words,
    /// City.
    pub city: String,
    /// District.
    pub district: String,
    /// Pilot sub-sector.
    pub sub_sector: String,
    /// IANA zone for display.
    pub time_zone: String,
    /// 模拟数据 / SIMULATED must be shown.
    pub simulated: bool,
}

impl From<SiteRow> for SiteHead {
    fn from(row: SiteRow) -> Self {
        let SiteRow { id, name_zh, name_en, city, district, sub_sector, time_zone, simulated, .. } = row;
        Self { id, names: Words { zh: name_zh, en: name_en }, city, district, sub_sector, time_zone, simulated }
    }
}

/// One value of one metric with everything that must stand beside it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Figure {
    /// Definition and version, such as `oee.iso22400@1`.
    pub metric: String,
    /// Unit of numerator over denominator: `ratio`, `ms`, `Wh`, `piece`, …
    pub unit: String,
    /// The value; none with a reason in `undefined`.
    pub value: Option<Ratio>,
    /// Lower bound.
    pub low: Option<Ratio>,
    /// Upper bound.
    pub high: Option<Ratio>,
    /// `NO_PLANNED_TIME`, `NO_PRODUCTION`, … when there is no value.
    pub undefined: Option<String>,
    /// Observed share of the time that should have been observed; none when that is 0.
    pub coverage: Option<Ratio>,
    /// `A` to `D`.
    pub grade: String,
    /// Flags such as `PERF_GT_100`.
    pub flags: Vec<String>,
}

/// Names one shift of a site.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ShiftKey {
    /// Production date: the date on which the shift starts.
    pub date: String,
    /// Identifier in the calendar.
    pub name: String,
    /// Display name; empty when the calendar gives none.
    pub names: Words,
    /// Start.
    pub from_ms: i64,
    /// End, exclusive.
    pub until_ms: i64,
}

/// A machine in one state for a while. Intervals tile the shift without overlap.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Interval {
    /// Start.
    pub from_ms: i64,
    /// End, exclusive.
    pub until_ms: i64,
    /// `unknown`, `off`, `idle`, `wait`, `run`, `setup`, `fault`, `maint`.
    pub state: String,
    /// Time bucket it counts in: `APT`, `AUST`, `ADET`, `ADOT`, `PDOT`, `UNK`, or empty outside planned time.
    pub bucket: String,
    /// For `unknown`: the gap's cause word. For others: empty, or the declared reason.
    pub cause: String,
}

/// A planned stop under the ribbon.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PlannedStop {
    /// Start.
    pub from_ms: i64,
    /// End, exclusive.
    pub until_ms: i64,
    /// Reason as declared.
    pub reason: String,
}

/// Running totals of the shift at a moment: a step of the thin line under the ribbon.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CountStep {
    /// When.
    pub at_ms: i64,
    /// Good units since the start of the shift.
    pub good: i64,
    /// Rejected units since the start of the shift.
    pub reject: i64,
}

/// How long a machine was in a state or bucket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Duration {
    /// State or bucket word.
    pub name: String,
    /// Milliseconds.
    pub ms: i64,
}

/// One machine in one shift.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ShiftView {
    /// Which shift.
    pub shift: ShiftKey,
    /// Over and evaluated; otherwise live, up to `evaluated_to_ms`.
    pub closed: bool,
    /// How far the evaluation reaches.
    pub evaluated_to_ms: i64,
    /// Log size it was evaluated at.
    pub prefix: i64,
    /// The ribbon.
    pub intervals: Vec<Interval>,
    /// Planned stops inside the shift.
    pub planned_stops: Vec<PlannedStop>,
    /// The count line.
    pub counts: Vec<CountStep>,
    /// Sum of the intervals by state.
    pub states: Vec<Duration>,
    /// Sum of the intervals by bucket.
    pub buckets: Vec<Duration>,
    /// Its metric values: OEE first, then its factors, then the rest by name.
    pub figures: Vec<Figure>,
}

/// What [`ShiftView`] keeps in one database column.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShiftBody {
    /// Display name of the shift.
    #[serde(default)]
    pub names: Words,
    /// How far the evaluation reaches.
    pub evaluated_to_ms: i64,
    /// The ribbon.
    pub intervals: Vec<Interval>,
    /// Planned stops.
    pub planned_stops: Vec<PlannedStop>,
    /// The count line, thinned to about [`COUNT_STEPS_MAX`] steps (first and last always kept).
    pub counts: Vec<CountStep>,
    /// Time per state, as evaluated.
    #[serde(default)]
    pub states: Vec<Duration>,
    /// Time per bucket, as evaluated.
    #[serde(default)]
    pub buckets: Vec<Duration>,
    /// What its values rest on.
    #[serde(default)]
    pub background: Background,
}

/// A value now and in the baseline period of the plan in force.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Comparison {
    /// Recent window.
    pub recent: Option<Ratio>,
    /// Baseline period; none without a plan.
    pub baseline: Option<Ratio>,
}

/// Health of a site's evidence.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct EvidenceHealth {
    /// Every chain continues without an unexplained start.
    pub chain_ok: bool,
    /// Alarms in the log.
    pub alarms: i64,
    /// Records the gateways declared lost.
    pub lost_records: i64,
}

/// One point of a sparkline.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TrendPoint {
    /// Production date.
    pub date: String,
    /// OEE of that day; none when undefined.
    pub value: Option<Ratio>,
}

/// One line of the fleet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FleetRow {
    /// Site.
    pub site: SiteHead,
    /// Its newest record is younger than [`ONLINE_MS`].
    pub online: bool,
    /// When its newest record arrived; none when it never delivered.
    pub received_ms: Option<i64>,
    /// Gateways that ever delivered.
    pub gateways: i64,
    /// State coverage of the recent window.
    pub coverage: Option<Ratio>,
    /// Evidence health.
    pub evidence: EvidenceHealth,
    /// OEE.
    pub oee: Comparison,
    /// Energy per good standard hour, Wh over ms: lower is better.
    pub energy: Comparison,
    /// Worst grade of the recent window.
    pub grade: Option<String>,
    /// OEE per production day, oldest first.
    pub trend: Vec<TrendPoint>,
    /// Why somebody is needed: words such as `offline`, `alarms`, `lost`, `coverage`, `oee_down`; empty when fine.
    pub attention: Vec<String>,
}

/// The page of all sites.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FleetPage {
    /// Rows of this page.
    pub rows: Vec<FleetRow>,
    /// Sites the reader may see.
    pub sites: i64,
    /// Of these: online.
    pub online: i64,
    /// Of these: with alarms.
    pub alarmed: i64,
    /// Of these: never delivered.
    pub silent: i64,
    /// Sites that match search and filters.
    pub matching: i64,
    /// Rows left out before this page.
    pub offset: i64,
    /// Most rows on this page.
    pub limit: i64,
    /// When this was read.
    pub now_ms: i64,
}

/// A gateway: enrolment and what its records show.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct GatewayView {
    /// Identifier.
    pub id: String,
    /// First 16 hex digits of SHA-256 of its key are its fingerprint; this is the whole key, hex.
    pub key_hex: String,
    /// When it was enrolled.
    pub enrolled_ms: i64,
    /// Revoked since.
    pub revoked_ms: Option<i64>,
    /// Agent version.
    pub agent_version: String,
    /// Newest record arrived; none when it never delivered.
    pub received_ms: Option<i64>,
    /// Derived time of its newest reading.
    pub observed_ms: Option<i64>,
    /// Younger than [`ONLINE_MS`].
    pub online: bool,
    /// Records in the log.
    pub records: i64,
    /// Readings in them.
    pub readings: i64,
    /// Sequence of its newest record.
    pub sequence: i64,
    /// `synchronised`, `unsynchronised`, `unknown`, `never_set` (before 2020), `behind` or `ahead` of the server's.
    pub clock_state: String,
    /// Records declared lost.
    pub lost_records: i64,
    /// Chains opened.
    pub chains: i64,
    /// Records that came on a stick.
    pub carried: u64,
    /// When the newest of them came.
    pub carried_ms: Option<i64>,
    /// Records refused since the server started, by reason.
    pub refusals: Vec<RefusalView>,
    /// Records that came again since the server started; they changed nothing.
    pub repeats: u64,
    /// Packets larger than any record since the server started.
    pub oversized: Option<OversizedView>,
}

/// Refusals for one reason since the server started.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RefusalView {
    /// Fixed word of the protocol; a key of the locales: `refused-<reason>`.
    pub reason: String,
    /// How many.
    pub count: u64,
    /// When the newest was refused.
    pub at_ms: i64,
    /// Which record that was.
    pub sequence: u64,
    /// `too_large`: its bytes; `out_of_order`: the sequence awaited; else 0.
    pub number: u64,
    /// No record of the gateway was taken since.
    pub open: bool,
}

/// Packets larger than any record since the server started: not read, and their connections closed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OversizedView {
    /// How many.
    pub count: u64,
    /// When the newest came.
    pub at_ms: i64,
    /// Its bytes.
    pub bytes: u64,
    /// The most that is allowed, bytes.
    pub limit: u64,
}

/// Something in the log a person must look at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AlarmView {
    /// Leaf that says so.
    pub leaf: i64,
    /// Gateway, empty for the site.
    pub gateway: String,
    /// Word, a key of the locales: `alarm-<kind>`.
    pub kind: String,
    /// Server time of receipt.
    pub at_ms: i64,
    /// Numbers and names.
    pub detail: String,
}

/// A statement by a person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DeclarationView {
    /// Leaf.
    pub leaf: i64,
    /// Kind.
    pub kind: String,
    /// Appended by the server.
    pub received_ms: i64,
    /// Effective from.
    pub effective_ms: Option<i64>,
    /// Stated after it took effect: visible, and lowers the grade.
    pub late: bool,
    /// Pseudonym of the author.
    pub author: String,
    /// Role of the author.
    pub role: String,
    /// Reason.
    pub reason: String,
    /// Body, canonical JSON as text; empty for a `finding_shown` of findings that are the factory's to see first.
    pub body: String,
}

/// A report that was issued.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReportView {
    /// Leaf of its `ReportIssued`; also its name in addresses.
    pub leaf: i64,
    /// When.
    pub issued_ms: i64,
    /// Prefix of the log it was computed from.
    pub prefix: i64,
    /// Plan.
    pub plan: String,
    /// SHA-256 of report.json, hex.
    pub digest: String,
    /// Pseudonym of who issued it.
    pub author: String,
    /// The bundle can be downloaded (by readers who may see raw readings).
    pub bundle: bool,
}

/// The head of a site's log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LogHead {
    /// Leaves under the newest checkpoint.
    pub size: i64,
    /// Root, hex.
    pub root_hex: String,
    /// When that checkpoint was made; none before the first.
    pub checkpoint_ms: Option<i64>,
    /// Leaves the projector has read: behind `size` only while it catches up.
    pub projected: i64,
}

/// A machine on the site page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MachineCard {
    /// Identifier.
    pub id: String,
    /// Name as declared.
    pub names: Words,
    /// `production`, `auxiliary` or `meter`.
    pub role: String,
    /// Newest shift; none before the first evaluation.
    pub shift: Option<ShiftView>,
    /// State at the end of the evaluation.
    pub state: Option<Interval>,
    /// OEE per production day, oldest first.
    pub trend: Vec<TrendPoint>,
}

/// One day of the coverage calendar, over all machines.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CoverageDay {
    /// Production date.
    pub date: String,
    /// Observed, ms.
    pub covered_ms: i64,
    /// Should have been observed, ms; 0 on a day without planned time.
    pub expected_ms: i64,
}

/// One site.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SiteView {
    /// Site.
    pub site: SiteHead,
    /// What the reader may do here: names of permissions (`see_raw`, `declare`, `issue_report`, …).
    pub may: Vec<String>,
    /// The site's line in the fleet.
    pub summary: FleetRow,
    /// Head of the log.
    pub log: LogHead,
    /// Machines in the order they were declared.
    pub machines: Vec<MachineCard>,
    /// Losses of the newest production day over the machines that produce: buckets in ms.
    pub losses: Vec<Duration>,
    /// The delay (`ADET`) among these losses, by state.
    pub delays: Vec<Duration>,
    /// Production date the losses are of.
    pub losses_date: Option<String>,
    /// Last 91 production days.
    pub coverage: Vec<CoverageDay>,
    /// Gateways.
    pub gateways: Vec<GatewayView>,
    /// Newest alarms.
    pub alarms: Vec<AlarmView>,
    /// Newest declarations.
    pub declarations: Vec<DeclarationView>,
    /// Newest reports.
    pub reports: Vec<ReportView>,
    /// Identifiers of plans that were declared: what a report can be issued for.
    pub plans: Vec<String>,
    /// When this was read.
    pub now_ms: i64,
}

/// One machine on one production day.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MachineView {
    /// Site.
    pub site: SiteHead,
    /// Machine identifier.
    pub id: String,
    /// Name as declared.
    pub names: Words,
    /// `production`, `auxiliary` or `meter`.
    pub role: String,
    /// Production date shown.
    pub date: String,
    /// Its shifts in order.
    pub shifts: Vec<ShiftView>,
    /// Nearest earlier production date with a shift.
    pub previous: Option<String>,
    /// Nearest later one.
    pub next: Option<String>,
    /// OEE per production day of the 30 days up to this one.
    pub trend: Vec<TrendPoint>,
    /// When this was read.
    pub now_ms: i64,
}

/// One quantity in a formula.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Term {
    /// Symbol as in the formula: `PBT`, `APT`, `GQ`, `PRI`.
    pub symbol: String,
    /// Value, an integer as text.
    pub value: String,
    /// Unit: `ms`, `piece`, `Wh`.
    pub unit: String,
}

/// A run of records behind a value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Source {
    /// Gateway.
    pub gateway: String,
    /// First leaf.
    pub first_leaf: u64,
    /// Last leaf.
    pub last_leaf: u64,
    /// Chain of the last record, hex.
    pub chain: String,
    /// First record.
    pub first_sequence: u64,
    /// Last record.
    pub last_sequence: u64,
}

/// A stretch without readings.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct GapView {
    /// Start.
    pub from_ms: i64,
    /// End, exclusive.
    pub until_ms: i64,
    /// Cause word.
    pub cause: String,
}

/// A stated parameter that went into a value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Parameter {
    /// Kind: `machine`, `calendar`, `pri`, `zone_database`, …
    pub name: String,
    /// What it says, short.
    pub value: String,
    /// Leaf of the declaration; none for a constant of the formula.
    pub leaf: Option<i64>,
    /// Stated after it took effect.
    pub late: bool,
}

/// Why a number is what it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Why {
    /// Site.
    pub site: SiteHead,
    /// Machine identifier.
    pub machine: String,
    /// Machine name.
    pub machine_names: Words,
    /// Shift.
    pub shift: ShiftKey,
    /// The value.
    pub figure: Figure,
    /// The formula in symbols, language-free: `PRI·GQ / PBT`.
    pub formula: String,
    /// Its quantities.
    pub terms: Vec<Term>,
    /// Stated parameters and versions.
    pub parameters: Vec<Parameter>,
    /// Records it was computed from.
    pub sources: Vec<Source>,
    /// Gaps inside the window.
    pub gaps: Vec<GapView>,
    /// Log size it was evaluated at: evaluating that prefix again gives the same digits.
    pub prefix: i64,
    /// Other metrics of the same shift, to go to.
    pub others: Vec<Figure>,
}
