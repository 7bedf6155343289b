//! Declarations in force: who said what, from when, and which of it holds at an instant.
//!
//! Constraints
//! 1. At an instant, of the statements with one key whose `effective_from` is not later, the one with the latest
//!    `effective_from` holds; of two with the same, the later leaf. A retroactive statement therefore changes the past
//!    visibly, and a later-effective one still ends it.
//! 2. A statement is *late* for time more than a day before it was logged; a planned stop is *retroactive* when it was
//!    logged after it began, and then counts as unplanned (reference §6.4).
//! 3. A body that does not parse is kept as a finding and moves nothing.

use std::collections::BTreeMap;

use protocol::Declaration;

mod practice;

pub use practice::Practice;

use crate::alarms::declared::{AlarmClass, AlarmCode, AlarmHandled};
use crate::assessment::Edition;
use crate::assessment::declared::{Assessed, LevelAssessed};
use crate::batch::recipe::Recipe;
use crate::batch::record::BatchRecord;
use crate::checklist::ledger::LedgerEntry;
use crate::metrology::{Meter, Quantity};
use crate::onsite::{Act, Entry};
use crate::plan::{BaselineLock, ComparisonLock, EvidenceDocument};
use crate::savings::declared::NonRoutine;
use crate::settlement::{Bill, BillKey, Revenue};

use crate::credibility::course::FACTORY_ROLE;
use crate::credibility::explanation::Explanation;
use crate::model::{
    Body, CalendarBody, CycleTime, Line, Machine, MeterReplaced, Plan, PlannedStop, QualityCount, SignalRef, Site,
    parse_body,
};
use crate::production::material::Material;
use crate::production::stops::StopReason;
use crate::quality::specification::Specification;

/// A statement may be this late without being called so, milliseconds.
pub const LATE_AFTER_MS: i64 = 86_400_000;

/// A statement with its place in the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stated<T> {
    /// Index of the leaf.
    pub leaf: u64,
    /// When the server logged it, UTC milliseconds.
    pub received_ms: i64,
    /// From when it holds, UTC milliseconds.
    pub effective_from: i64,
    /// What was said.
    pub body: T,
}

impl<T> Stated<T> {
    /// Its place and times, without what was said.
    pub fn basis(&self) -> Stated<()> {
        Stated { leaf: self.leaf, received_ms: self.received_ms, effective_from: self.effective_from, body: () }
    }

    /// Whether the statement came late for time beginning at `from_ms`.
    pub fn is_late_for(&self, from_ms: i64) -> bool {
        self.received_ms > from_ms.max(self.effective_from).saturating_add(LATE_AFTER_MS)
    }
}

/// A declaration that moved nothing because its body is not valid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadStatement {
    /// Index of the leaf.
    pub leaf: u64,
    /// Its kind.
    pub kind: String,
    /// What is wrong.
    pub reason: String,
}

type Dated<T> = Vec<Stated<T>>;

/// Everything stated about a site, in order of the log.
#[derive(Debug, Clone, Default)]
pub struct Statements {
    site: Dated<Site>,
    calendars: BTreeMap<String, Dated<CalendarBody>>,
    machines: BTreeMap<String, Dated<Machine>>,
    cycle_times: BTreeMap<(String, String), Dated<CycleTime>>,
    plans: BTreeMap<String, Dated<Plan>>,
    locks: BTreeMap<String, Vec<Stated<BaselineLock>>>,
    comparison_locks: BTreeMap<String, Vec<Stated<ComparisonLock>>>,
    documents: BTreeMap<String, Stated<EvidenceDocument>>,
    lines: BTreeMap<String, Dated<Line>>,
    stops: BTreeMap<String, Dated<PlannedStop>>,
    /// By machine and instant; of one exchange the newest statement.
    meters: BTreeMap<String, BTreeMap<i64, Stated<MeterReplaced>>>,
    quality: BTreeMap<(String, String, String), Dated<QualityCount>>,
    levels: BTreeMap<(String, Edition, Assessed), Dated<LevelAssessed>>,
    recipes: BTreeMap<(String, String), Dated<Recipe>>,
    batches: BTreeMap<(String, String), Dated<BatchRecord>>,
    specifications: BTreeMap<(String, String), Dated<Specification>>,
    alarm_codes: BTreeMap<(String, String), Dated<AlarmCode>>,
    alarms_handled: BTreeMap<String, Dated<AlarmHandled>>,
    stop_reasons: BTreeMap<String, Dated<StopReason>>,
    materials: BTreeMap<(String, String), Dated<Material>>,
    instruments: BTreeMap<(String, Quantity), Dated<Meter>>,
    bills: BTreeMap<BillKey, Dated<Bill>>,
    revenue: BTreeMap<(String, String), Dated<Revenue>>,
    ledger_entries: BTreeMap<String, Dated<LedgerEntry>>,
    adjustments: BTreeMap<(String, String), Dated<NonRoutine>>,
    explanations: BTreeMap<String, Dated<Explanation>>,
    /// The first leaf that says so, by finding.
    shown: BTreeMap<String, u64>,
    acknowledged: BTreeMap<String, u64>,
    practice: Practice,
    /// By check, in order of the log.
    onsite: BTreeMap<String, Vec<Entry>>,
    enrolments: BTreeMap<String, i64>,
    bad: Vec<BadStatement>,
    /// Kind, effective-from, author, role and reason of every declaration, by leaf.
    ledger: Vec<Stated<Declaration>>,
}

impl Statements {
    /// Adds the declaration of a leaf.
    pub fn push(&mut self, leaf: u64, received_ms: i64, declaration: Declaration) {
        let effective_from = declaration.effective_from;
        fn add<T>(list: &mut Dated<T>, leaf: u64, received_ms: i64, effective_from: i64, body: T) {
            // Sorted by (effective_from, leaf): the last that is not later holds.
            let place = list.partition_point(|s| (s.effective_from, s.leaf) <= (effective_from, leaf));
            list.insert(place, Stated { leaf, received_ms, effective_from, body });
        }
        if declaration.kind == "gateway_enrolled"
            && let Some(gateway) = declaration.body.get("gateway").and_then(|g| g.as_str())
        {
            self.enrolments.entry(gateway.to_owned()).or_insert(received_ms);
        }
        match parse_body(&declaration.kind, &declaration.body) {
            Ok(Body::Site(b)) => add(&mut self.site, leaf, received_ms, effective_from, b),
            Ok(Body::Calendar(b)) => {
                add(self.calendars.entry(b.calendar.clone()).or_default(), leaf, received_ms, effective_from, b);
            }
            Ok(Body::Machine(b)) => {
                add(self.machines.entry(b.machine.clone()).or_default(), leaf, received_ms, effective_from, *b);
            }
            Ok(Body::CycleTime(b)) => {
                let key = (b.machine.clone(), b.product.clone());
                add(self.cycle_times.entry(key).or_default(), leaf, received_ms, effective_from, b);
            }
            Ok(Body::Plan(b)) => {
                add(self.plans.entry(b.plan.clone()).or_default(), leaf, received_ms, effective_from, b);
            }
            Ok(Body::BaselineLock(b)) => {
                let stated = Stated { leaf, received_ms, effective_from, body: *b };
                self.locks.entry(stated.body.plan.clone()).or_default().push(stated);
            }
            Ok(Body::ComparisonLock(b)) => {
                let stated = Stated { leaf, received_ms, effective_from, body: *b };
                self.comparison_locks.entry(stated.body.plan.clone()).or_default().push(stated);
            }
            Ok(Body::EvidenceDocument(b)) => {
                let stated = Stated { leaf, received_ms, effective_from, body: *b };
                self.documents.insert(stated.body.document.clone(), stated);
            }
            Ok(Body::Line(b)) => {
                add(self.lines.entry(b.line.clone()).or_default(), leaf, received_ms, effective_from, b);
            }
            Ok(Body::PlannedStop(b)) => {
                add(self.stops.entry(b.machine.clone()).or_default(), leaf, received_ms, effective_from, b);
            }
            Ok(Body::MeterReplaced(b)) => {
                let stated = Stated { leaf, received_ms, effective_from, body: b };
                self.meters.entry(stated.body.machine.clone()).or_default().insert(stated.body.at_ms, stated);
            }
            Ok(Body::QualityCount(b)) => {
                let key = (b.machine.clone(), b.date.clone(), b.shift.clone());
                add(self.quality.entry(key).or_default(), leaf, received_ms, effective_from, b);
            }
            Ok(Body::LevelAssessed(b)) => {
                let key = (b.date.clone(), b.edition, b.assessed);
                add(self.levels.entry(key).or_default(), leaf, received_ms, effective_from, b);
            }
            Ok(Body::Recipe(b)) => {
                let key = (b.machine.clone(), b.product.clone());
                add(self.recipes.entry(key).or_default(), leaf, received_ms, effective_from, *b);
            }
            Ok(Body::Batch(b)) => {
                let key = (b.machine.clone(), b.batch.clone());
                let stated = Stated { leaf, received_ms, effective_from, body: *b };
                self.batches.entry(key).or_default().push(stated);
            }
            Ok(Body::Specification(b)) => {
                let key = (b.machine.clone(), b.characteristic.clone());
                add(self.specifications.entry(key).or_default(), leaf, received_ms, effective_from, *b);
            }
            Ok(Body::AlarmCode(b)) => {
                let key = (b.machine.clone(), b.code.clone());
                add(self.alarm_codes.entry(key).or_default(), leaf, received_ms, effective_from, b);
            }
            Ok(Body::AlarmHandled(b)) => {
                add(self.alarms_handled.entry(b.machine.clone()).or_default(), leaf, received_ms, effective_from, b);
            }
            Ok(Body::StopReason(b)) => {
                add(self.stop_reasons.entry(b.machine.clone()).or_default(), leaf, received_ms, effective_from, b);
            }
            Ok(Body::Material(b)) => {
                let key = (b.machine.clone(), b.material.clone());
                add(self.materials.entry(key).or_default(), leaf, received_ms, effective_from, *b);
            }
            Ok(Body::Meter(b)) => {
                let key = (b.machine.clone(), b.quantity);
                add(self.instruments.entry(key).or_default(), leaf, received_ms, effective_from, *b);
            }
            Ok(Body::Bill(b)) => {
                add(self.bills.entry(b.key()).or_default(), leaf, received_ms, effective_from, *b);
            }
            Ok(Body::Revenue(b)) => {
                let key = (b.from.clone(), b.to.clone());
                add(self.revenue.entry(key).or_default(), leaf, received_ms, effective_from, b);
            }
            Ok(Body::Ledger(b)) => {
                add(self.ledger_entries.entry(b.machine.clone()).or_default(), leaf, received_ms, effective_from, *b);
            }
            Ok(Body::Adjustment(b)) => {
                let key = (b.plan.clone(), b.id.clone());
                add(self.adjustments.entry(key).or_default(), leaf, received_ms, effective_from, *b);
            }
            Ok(Body::Explanation(b)) => {
                add(self.explanations.entry(b.finding.clone()).or_default(), leaf, received_ms, effective_from, b);
            }
            Ok(Body::FindingShown(b)) => {
                for named in b.findings.into_iter().filter(|_| declaration.role == FACTORY_ROLE) {
                    self.shown.entry(named.finding).or_insert(leaf);
                }
            }
            Ok(Body::FindingAcknowledged(b)) if declaration.role == FACTORY_ROLE => {
                self.acknowledged.entry(b.finding).or_insert(leaf);
            }
            Ok(Body::FindingAcknowledged(_)) => {}
            Ok(
                body @ (Body::OnsiteCheck(_)
                | Body::OnsitePress(_)
                | Body::OnsiteFace(_)
                | Body::OnsitePlate(_)
                | Body::OnsiteResult(_)
                | Body::OnsiteConfirmed(_)),
            ) => {
                if let Some(act) = Act::of(body) {
                    let of = self.onsite.entry(act.check().to_owned()).or_default();
                    of.push(Entry::new(leaf, received_ms, &declaration, act));
                }
            }
            Ok(body) => self.practice.push(leaf, received_ms, &declaration.role, body),
            Err(e) => self.bad.push(BadStatement { leaf, kind: declaration.kind.clone(), reason: e.to_string() }),
        }
        self.ledger.push(Stated { leaf, received_ms, effective_from, body: declaration });
    }

    /// The site as described at an instant; before the first description, that one.
    pub fn site_at(&self, ms: i64) -> Option<&Stated<Site>> {
        at(&self.site, ms).or(self.site.first())
    }

    /// The newest description of the site.
    pub fn site(&self) -> Option<&Site> {
        self.site.last().map(|s| &s.body)
    }

    /// The calendar in force. One that was logged after the instant never replaces one that was logged before it: breaks and
    /// holidays found afterwards are not planned (reference §6.4). With `is_simulated` lateness makes no difference.
    pub fn calendar_at(&self, calendar: &str, ms: i64, is_simulated: bool) -> Option<&Stated<CalendarBody>> {
        let list = self.calendars.get(calendar)?;
        let held = list.get(..list.partition_point(|s| s.effective_from <= ms))?;
        held.iter().rev().find(|s| is_simulated || s.received_ms <= ms).or(held.last())
    }

    /// The calendar of an id that takes effect last.
    pub(crate) fn calendar_latest(&self, calendar: &str) -> Option<&Stated<CalendarBody>> {
        self.calendars.get(calendar)?.last()
    }

    /// The machine as defined at an instant.
    pub fn machine_at(&self, machine: &str, ms: i64) -> Option<&Stated<Machine>> {
        at(self.machines.get(machine)?, ms)
    }

    /// Every definition of a machine, in order of taking effect.
    pub fn machine_definitions(&self, machine: &str) -> &[Stated<Machine>] {
        self.machines.get(machine).map_or(&[], Vec::as_slice)
    }

    /// Ids of all machines ever defined, sorted.
    pub fn machines(&self) -> impl Iterator<Item = &str> {
        self.machines.keys().map(String::as_str)
    }

    /// The planned cycle time for a product, or for any product, at an instant.
    pub fn cycle_time_at(&self, machine: &str, product: &str, ms: i64) -> Option<&Stated<CycleTime>> {
        let of = |product: &str| at(self.cycle_times.get(&(machine.to_owned(), product.to_owned()))?, ms);
        of(product).or_else(|| of("*"))
    }

    /// The cycle times of every product of a machine in force at an instant.
    pub fn cycle_times_at(&self, machine: &str, ms: i64) -> impl Iterator<Item = &Stated<CycleTime>> {
        self.cycle_times_of(machine).filter_map(move |list| at(list, ms))
    }

    /// Every instant at which a cycle time of a machine takes effect.
    pub fn cycle_time_changes(&self, machine: &str) -> impl Iterator<Item = i64> {
        self.cycle_times_of(machine).flatten().map(|c| c.effective_from)
    }

    fn cycle_times_of(&self, machine: &str) -> impl Iterator<Item = &Dated<CycleTime>> {
        let from = (machine.to_owned(), String::new());
        let machine = machine.to_owned();
        self.cycle_times.range(from..).take_while(move |((m, _), _)| *m == machine).map(|(_, list)| list)
    }

    /// A plan: the newest version.
    pub fn plan(&self, plan: &str) -> Option<&Stated<Plan>> {
        self.plans.get(plan)?.iter().max_by_key(|p| p.leaf)
    }

    /// Every statement of a plan, in order of the log.
    pub fn plan_versions(&self, plan: &str) -> Vec<&Stated<Plan>> {
        let mut all: Vec<&Stated<Plan>> = self.plans.get(plan).into_iter().flatten().collect();
        all.sort_by_key(|p| p.leaf);
        all
    }

    /// Every lock of a metric's baseline under a plan, in order of the log.
    pub fn locks(&self, plan: &str) -> &[Stated<BaselineLock>] {
        self.locks.get(plan).map_or(&[], Vec::as_slice)
    }

    /// Every lock of the choice of a plan's comparison machines, in order of the log: the first counts.
    pub fn comparison_locks(&self, plan: &str) -> &[Stated<ComparisonLock>] {
        self.comparison_locks.get(plan).map_or(&[], Vec::as_slice)
    }

    /// Documents that stand: of each the newest statement, unless that withdraws it.
    pub fn documents(&self) -> impl Iterator<Item = &Stated<EvidenceDocument>> {
        self.documents.values().filter(|d| !d.body.withdrawn)
    }

    /// Ids of all plans, sorted.
    pub fn plans(&self) -> impl Iterator<Item = &str> {
        self.plans.keys().map(String::as_str)
    }

    /// Every on-site check, by id: its statements in order of the log.
    pub fn onsite_checks(&self) -> impl Iterator<Item = (&str, &[Entry])> {
        self.onsite.iter().map(|(id, entries)| (id.as_str(), entries.as_slice()))
    }

    /// The statements of an on-site check, in order of the log.
    pub fn onsite(&self, check: &str) -> &[Entry] {
        self.onsite.get(check).map_or(&[], Vec::as_slice)
    }

    /// The lines as defined at an instant, by id.
    pub fn lines_at(&self, ms: i64) -> impl Iterator<Item = &Stated<Line>> {
        self.lines.values().filter_map(move |list| at(list, ms))
    }

    /// Planned stops of a machine.
    pub fn stops(&self, machine: &str) -> &[Stated<PlannedStop>] {
        self.stops.get(machine).map_or(&[], Vec::as_slice)
    }

    /// What is said of meter replacements of a machine, by their time: of each the newest statement, also one that withdraws it.
    pub fn meter_exchanges(&self, machine: &str) -> impl Iterator<Item = &Stated<MeterReplaced>> {
        self.meters.get(machine).into_iter().flat_map(BTreeMap::values)
    }

    /// Meter replacements of a machine by their time: of each the newest statement, without those withdrawn.
    pub fn meters_replaced(&self, machine: &str) -> impl Iterator<Item = &Stated<MeterReplaced>> {
        self.meter_exchanges(machine).filter(|m| !m.body.withdrawn)
    }

    /// The quality count of a shift: the newest statement.
    pub fn quality(&self, machine: &str, date: &str, shift: &str) -> Option<&Stated<QualityCount>> {
        self.quality.get(&(machine.to_owned(), date.to_owned(), shift.to_owned()))?.iter().max_by_key(|q| q.leaf)
    }

    /// Stated digital levels by date, edition and how they came about; of one such the newest statement.
    pub fn levels_assessed(&self) -> impl Iterator<Item = &Stated<LevelAssessed>> {
        self.levels.values().filter_map(|list| list.iter().max_by_key(|l| l.leaf))
    }

    /// The recipe for a product, or for any product, at an instant.
    pub fn recipe_at(&self, machine: &str, product: &str, ms: i64) -> Option<&Stated<Recipe>> {
        let of = |product: &str| at(self.recipes.get(&(machine.to_owned(), product.to_owned()))?, ms);
        of(product).or_else(|| of("*"))
    }

    /// The recipes of every product of a machine in force at an instant.
    pub fn recipes_at(&self, machine: &str, ms: i64) -> impl Iterator<Item = &Stated<Recipe>> {
        of_machine(&self.recipes, machine).filter_map(move |list| at(list, ms))
    }

    /// Every instant at which a recipe of a machine takes effect.
    pub fn recipe_changes(&self, machine: &str) -> impl Iterator<Item = i64> {
        of_machine(&self.recipes, machine).flatten().map(|r| r.effective_from)
    }

    /// Products of a machine that ever had a planned time of their own.
    pub(crate) fn products_planned(&self, machine: &str) -> impl Iterator<Item = &str> {
        let cycles = self.cycle_times_of(machine).flatten().map(|c| c.body.product.as_str());
        let recipes = of_machine(&self.recipes, machine).flatten().map(|r| r.body.product.as_str());
        cycles.chain(recipes).filter(|product| *product != "*")
    }

    /// The batches of a machine by number: of each the newest statement, without those withdrawn.
    pub fn batches(&self, machine: &str) -> impl Iterator<Item = &Stated<BatchRecord>> {
        of_machine(&self.batches, machine)
            .filter_map(|all| all.iter().max_by_key(|b| b.leaf))
            .filter(|b| !b.body.withdrawn)
    }

    /// Every batch number ever stated of a machine, withdrawn ones too.
    pub fn batch_numbers(&self, machine: &str) -> impl Iterator<Item = &str> {
        of_machine(&self.batches, machine).filter_map(|all| all.first()).map(|b| b.body.batch.as_str())
    }

    /// Every statement about a batch, in order of the log: what was corrected stays visible.
    pub fn batch_statements(&self, machine: &str, batch: &str) -> &[Stated<BatchRecord>] {
        self.batches.get(&(machine.to_owned(), batch.to_owned())).map_or(&[], Vec::as_slice)
    }

    /// Machine and id of every characteristic ever specified, sorted.
    pub fn characteristics(&self) -> impl Iterator<Item = (&str, &str)> {
        self.specifications.keys().map(|(m, c)| (m.as_str(), c.as_str()))
    }

    /// Every specification of a characteristic, in order of taking effect.
    pub fn specification_definitions(&self, machine: &str, characteristic: &str) -> &[Stated<Specification>] {
        self.specifications.get(&(machine.to_owned(), characteristic.to_owned())).map_or(&[], Vec::as_slice)
    }

    /// The specification of a characteristic in force at an instant.
    pub fn specification_at(&self, machine: &str, characteristic: &str, ms: i64) -> Option<&Stated<Specification>> {
        at(self.specification_definitions(machine, characteristic), ms)
    }

    /// Whether a code of a machine's alarm signal was ever declared to be of a class.
    pub fn has_alarm_class(&self, machine: &str, class: AlarmClass) -> bool {
        let from = (machine.to_owned(), String::new());
        let own = self.alarm_codes.range(from..).take_while(|((m, _), _)| m == machine);
        own.flat_map(|(_, list)| list).any(|c| c.body.class == class)
    }

    /// What a code of a machine's alarm signal means at an instant.
    pub fn alarm_code_at(&self, machine: &str, code: &str, ms: i64) -> Option<&Stated<AlarmCode>> {
        at(self.alarm_codes.get(&(machine.to_owned(), code.to_owned()))?, ms)
    }

    /// What people did about alarms of a machine.
    pub fn alarms_handled(&self, machine: &str) -> &[Stated<AlarmHandled>] {
        self.alarms_handled.get(machine).map_or(&[], Vec::as_slice)
    }

    /// Reasons stated for stops of a machine.
    pub fn stop_reasons(&self, machine: &str) -> &[Stated<StopReason>] {
        self.stop_reasons.get(machine).map_or(&[], Vec::as_slice)
    }

    /// Ids of the materials ever declared for a machine, sorted.
    pub fn materials(&self, machine: &str) -> impl Iterator<Item = &str> {
        let of_machine = self.materials.keys().filter(move |(m, _)| m == machine);
        of_machine.map(|(_, material)| material.as_str()).collect::<Vec<_>>().into_iter()
    }

    /// Every definition of a material of a machine, in order of taking effect.
    pub fn material_definitions(&self, machine: &str, material: &str) -> &[Stated<Material>] {
        self.materials.get(&(machine.to_owned(), material.to_owned())).map_or(&[], Vec::as_slice)
    }

    /// Every statement about the instrument behind a machine's register or power signal, in order of taking effect.
    pub fn instruments(&self, machine: &str, quantity: Quantity) -> &[Stated<Meter>] {
        self.instruments.get(&(machine.to_owned(), quantity)).map_or(&[], Vec::as_slice)
    }

    /// The instrument behind a machine's register or power signal at an instant.
    pub fn instrument_at(&self, machine: &str, quantity: Quantity, ms: i64) -> Option<&Stated<Meter>> {
        at(self.instruments(machine, quantity), ms)
    }

    /// The bills that stand, by carrier, account and period: of each the newest statement, unless that withdraws it.
    pub fn bills(&self) -> impl Iterator<Item = &Stated<Bill>> {
        self.bills.values().filter_map(|list| list.iter().max_by_key(|b| b.leaf)).filter(|b| !b.body.withdrawn)
    }

    /// The revenue that stands, by period: of each the newest statement, unless that withdraws it.
    pub fn revenue(&self) -> impl Iterator<Item = &Stated<Revenue>> {
        self.revenue.values().filter_map(|list| list.iter().max_by_key(|r| r.leaf)).filter(|r| !r.body.withdrawn)
    }

    /// A machine's entry in the equipment ledger at an instant.
    pub fn ledger_entry_at(&self, machine: &str, ms: i64) -> Option<&Stated<LedgerEntry>> {
        at(self.ledger_entries.get(machine)?, ms)
    }

    /// Every quality count of a machine, by date and shift, the newest statement of each.
    pub fn quality_of(&self, machine: &str) -> Vec<&Stated<QualityCount>> {
        let from = (machine.to_owned(), String::new(), String::new());
        let own = self.quality.range(from..).take_while(|((m, ..), _)| m == machine);
        own.filter_map(|(_, list)| list.iter().max_by_key(|q| q.leaf)).collect()
    }

    /// Non-routine events of a plan, of each the newest statement, in order of their ids.
    pub fn adjustments(&self, plan: &str) -> impl Iterator<Item = &Stated<NonRoutine>> {
        let from = (plan.to_owned(), String::new());
        let plan = plan.to_owned();
        let own = self.adjustments.range(from..).take_while(move |((p, _), _)| *p == plan);
        own.filter_map(|(_, list)| list.iter().max_by_key(|a| a.leaf))
    }

    /// What was said of a finding to explain it, by the finding's key.
    pub fn explanations(&self, finding: &str) -> &[Stated<Explanation>] {
        self.explanations.get(finding).map_or(&[], Vec::as_slice)
    }

    /// The leaf that first says that the factory was shown a finding, by the finding's key.
    pub fn first_shown(&self, finding: &str) -> Option<u64> {
        self.shown.get(finding).copied()
    }

    /// The leaf that first says that the factory has seen a finding, by the finding's key.
    pub fn first_acknowledged(&self, finding: &str) -> Option<u64> {
        self.acknowledged.get(finding).copied()
    }

    /// The declaration of a leaf.
    pub fn declared(&self, leaf: u64) -> Option<&Stated<Declaration>> {
        self.ledger.get(self.ledger.binary_search_by_key(&leaf, |s| s.leaf).ok()?)
    }

    /// When a gateway was enrolled, if the log says.
    pub fn enrolled_ms(&self, gateway: &str) -> Option<i64> {
        self.enrolments.get(gateway).copied()
    }

    /// Declarations that moved nothing.
    pub fn bad(&self) -> &[BadStatement] {
        &self.bad
    }

    /// Every declaration, in order of the log.
    pub fn ledger(&self) -> &[Stated<Declaration>] {
        &self.ledger
    }

    /// Every signal that some definition of a machine, of its characteristics or of its materials names.
    pub fn signals_of(&self, machine: &str) -> impl Iterator<Item = &SignalRef> {
        let own = self.machine_definitions(machine).iter().flat_map(|m| m.body.signals.all()).map(|(_, s)| s);
        let specified = of_machine(&self.specifications, machine).flatten().flat_map(|s| s.body.signals());
        own.chain(specified).chain(of_machine(&self.materials, machine).flatten().filter_map(|m| m.body.signal()))
    }

    /// Every (gateway, tag) that some definition of a machine, characteristic or material names: all that evaluation can
    /// ever read.
    pub fn tags_used(&self) -> std::collections::BTreeSet<(String, String)> {
        let machines = self.machines.values().flatten().flat_map(|m| m.body.signals.all()).map(|(_, s)| s);
        let specified = self.specifications.values().flatten().flat_map(|s| s.body.signals());
        let materials = self.materials.values().flatten().filter_map(|m| m.body.signal());
        machines.chain(specified).chain(materials).map(|s| (s.gateway.clone(), s.tag.clone())).collect()
    }
}

/// The lists of a machine in a map keyed by machine and something else, in order of that.
fn of_machine<'s, T>(
    map: &'s BTreeMap<(String, String), Dated<T>>,
    machine: &str,
) -> impl Iterator<Item = &'s Dated<T>> + use<'s, T> {
    let machine = machine.to_owned();
    map.range((machine.clone(), String::new())..).take_while(move |((m, _), _)| *m == machine).map(|(_, list)| list)
}

fn at<T>(list: &[Stated<T>], ms: i64) -> Option<&Stated<T>> {
    let end = list.partition_point(|s| s.effective_from <= ms);
    list.get(..end)?.last()
}
