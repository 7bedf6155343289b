//! Evaluating a request: shifts machine by machine, then sums, then what surrounds them.

use std::collections::{BTreeMap, BTreeSet};

use crate::calendar::{Calendar, OUTSIDE_SHIFTS, dates, parse_date, zone_database_version};
use crate::catalogue::{ALL, Definition};
use crate::decimal::ratio6;
use crate::facts::Facts;
use crate::grade::Flag;
use crate::history::History;
use crate::interval::{Interval, union};
use crate::model::{CalendarBody, Machine, MachineRole};
use crate::report::compared::compare_periods;
use crate::report::{
    ALL_MACHINES, DefinitionLine, GapLine, Line, LineageRange, MachineLine, Period, Report, ReportError, ReportRequest,
    Section, StatementLine, Words,
};
use crate::shift::{Evaluated, Inputs, Schedule};
use crate::state::MachineState;
use crate::statements::Stated;

/// The facts of one production date of one machine, usable shifts only.
pub(super) type Days = BTreeMap<String, Facts>;

/// One machine over one period.
#[derive(Clone)]
pub(crate) struct MachinePeriod {
    pub(crate) machine: String,
    pub(crate) role: MachineRole,
    pub(crate) total: Facts,
    pub(crate) days: Days,
    pub(crate) shifts: Vec<Section>,
    pub(crate) excluded: Vec<String>,
    pub(crate) scheduled: u32,
    pub(crate) valid: u32,
    /// By production date: scheduled shifts, and those valid at 95, 96 … 100 percent of coverage.
    pub(crate) by_date: BTreeMap<String, [u32; 7]>,
    pub(crate) span: Option<Interval>,
}

/// A production date of a machine, evaluated: what is added up later.
#[derive(Debug, Clone)]
pub(crate) struct DateFacts {
    date: String,
    /// From the first instant of any window to the last.
    span: Option<Interval>,
    /// The shifts that start on this date.
    shifts: Vec<ShiftFacts>,
    /// The time of the local day outside every shift; its window is cut to that day.
    outside: Option<ShiftFacts>,
}

#[derive(Debug, Clone)]
struct ShiftFacts {
    shift: String,
    window: Interval,
    facts: Facts,
}

/// Evaluates a report.
///
/// # Errors
/// A history of another size, an unknown plan, impossible periods, or no machine.
pub fn evaluate(history: &History, request: &ReportRequest) -> Result<Report, ReportError> {
    if history.size() != request.size {
        return Err(ReportError::Size { wanted: request.size, got: history.size() });
    }
    let request = request.resolve(history)?;
    let evaluated = request.periods.iter().map(|period| {
        let machines = request.machines.iter();
        machines.map(|machine| machine_dates(history, machine, period, request.until_ms)).collect()
    });
    let evaluated = evaluated.collect();
    Ok(assemble(history, request, evaluated))
}

/// Machines over one period, and their sum behind them.
pub(crate) fn evaluate_side(
    history: &History,
    machines: &[String],
    period: &Period,
    until_ms: Option<i64>,
) -> Vec<MachinePeriod> {
    let known = machines.iter().filter(|m| !history.statements().machine_definitions(m).is_empty());
    let sum = |m: &String| MachinePeriod::sum(history, m, period, machine_dates(history, m, period, until_ms));
    let mut out: Vec<MachinePeriod> = known.map(sum).collect();
    out.push(sum_machines(out.iter()));
    out
}

/// Makes the report of a resolved request out of its evaluated dates: by period, by machine, in order.
pub(crate) fn assemble(history: &History, request: ReportRequest, evaluated: Vec<Vec<Vec<DateFacts>>>) -> Report {
    let mut shifts = Vec::new();
    let mut periods = Vec::new();
    let mut parts: Vec<(Period, Vec<MachinePeriod>)> = Vec::new();
    // What a plan compares its machines with is no part of them.
    let plan = request.plan.as_deref().and_then(|plan| history.statements().plan(plan));
    let beside: BTreeSet<String> =
        plan.into_iter().flat_map(|plan| plan.body.compared_with()).map(str::to_owned).collect();
    for (period, of_machines) in request.periods.iter().zip(evaluated) {
        let mut machines = Vec::new();
        for (machine, dates) in request.machines.iter().zip(of_machines) {
            let mut part = MachinePeriod::sum(history, machine, period, dates);
            shifts.append(&mut part.shifts);
            periods.push(period_section(period, &part.machine, &part));
            machines.push(part);
        }
        let total = sum_machines(machines.iter().filter(|m| !beside.contains(&m.machine)));
        periods.push(period_section(period, ALL_MACHINES, &total));
        machines.push(total);
        parts.push((period.clone(), machines));
    }
    let (method, comparisons) = compare_periods(history, &request, &parts);
    let measurement_plan = super::planned::planned(history, &request, &parts);
    let statements = history.statements();
    let site = statements.site();
    let used: BTreeSet<&str> = shifts.iter().chain(&periods).flat_map(|s| &s.lines).map(|l| l.definition).collect();
    let windows: Vec<Interval> = union(parts.iter().flat_map(|(_, m)| m.iter().filter_map(|p| p.span)).collect());
    Report {
        format: "gongzheng-report",
        version: 1,
        site: history.site().map(ToString::to_string).unwrap_or_default(),
        names: site.map(|s| Words::from(&s.names)).unwrap_or_default(),
        zone: site.map_or_else(|| "UTC".to_owned(), |s| s.zone.clone()),
        simulated: history.is_simulated(),
        zone_database: zone_database_version(),
        rounding: "six decimals, half away from zero",
        notice: notice(history),
        machines: request.machines.iter().filter_map(|m| machine_line(history, m)).collect(),
        definitions: ALL.iter().filter(|d| used.contains(d.id)).map(definition_line).collect(),
        shifts,
        periods,
        method,
        comparisons,
        measurement_plan,
        practice: super::practice::practice(history, &request),
        gaps: gap_lines(history, &request, &windows),
        statements: statement_lines(history),
        quarantined: history.quarantined().to_vec(),
        request,
    }
}

/// Evaluates one machine over any window: for live pages and charts. Inside a shift give its breaks as `schedule`.
pub fn evaluate_window(history: &History, machine: &str, window: Interval, schedule: &Schedule) -> Evaluated {
    let inputs = Inputs::load(history, machine, window);
    crate::shift::evaluate(history, &inputs, machine, window, schedule)
}

/// Every date of a period of a machine that has a calendar.
fn machine_dates(history: &History, machine: &str, period: &Period, until_ms: Option<i64>) -> Vec<DateFacts> {
    let all_dates = period.dates();
    let Some(reach) = placed_window(&all_dates) else { return Vec::new() };
    let inputs = Inputs::load(history, machine, reach);
    let mut calendars = Calendars::default();
    let date = |date: jiff::civil::Date| {
        let (calendar, basis) = calendars.of(history, machine, date)?;
        Some(evaluate_date(history, &inputs, machine, date, (calendar, &basis), until_ms))
    };
    all_dates.into_iter().filter_map(date).collect()
}

/// The first and last instants of a period decide which readings are placed.
pub(crate) fn placed_window(dates: &[jiff::civil::Date]) -> Option<Interval> {
    let (first, last) = (dates.first()?, dates.last()?);
    Some(Interval::new(rough_day(*first).from_ms, rough_day(*last).to_ms))
}

/// The windows of a production date: its shifts, then the stretches of the local day outside every shift.
pub(crate) fn windows_of(
    calendar: &Calendar,
    basis: &Stated<()>,
    date: jiff::civil::Date,
    until_ms: Option<i64>,
) -> Vec<(String, Interval, Schedule)> {
    let shifts = calendar
        .shifts_on(date)
        .into_iter()
        .map(|s| (s.shift, s.interval, Schedule { scheduled: true, breaks: s.breaks, calendar: Some(basis.clone()) }));
    let outside = calendar
        .unscheduled_on(date)
        .into_iter()
        .map(|i| (OUTSIDE_SHIFTS.to_owned(), i, Schedule { calendar: Some(basis.clone()), ..Schedule::default() }));
    let cut = |(shift, interval, schedule): (String, Interval, Schedule)| {
        let window = Interval::new(interval.from_ms, until_ms.unwrap_or(i64::MAX).min(interval.to_ms));
        (!window.is_empty()).then_some((shift, window, schedule))
    };
    shifts.chain(outside).filter_map(cut).collect()
}

/// Evaluates one machine on one production date.
pub(crate) fn evaluate_date(
    history: &History,
    inputs: &Inputs,
    machine: &str,
    date: jiff::civil::Date,
    (calendar, basis): (&Calendar, &Stated<()>),
    until_ms: Option<i64>,
) -> DateFacts {
    let mut out = DateFacts { date: date.to_string(), span: None, shifts: Vec::new(), outside: None };
    let day_span = calendar.day(date);
    let hull = |a: Interval, b: Interval| Interval::new(a.from_ms.min(b.from_ms), a.to_ms.max(b.to_ms));
    for (shift, window, schedule) in windows_of(calendar, basis, date, until_ms) {
        out.span = Some(out.span.map_or(window, |s| hull(s, window)));
        let facts = crate::shift::evaluate(history, inputs, machine, window, &schedule).facts;
        if schedule.scheduled {
            out.shifts.push(ShiftFacts { shift, window, facts });
            continue;
        }
        match &mut out.outside {
            Some(sum) => {
                sum.facts.add(&facts);
                sum.window = hull(sum.window, window);
            }
            none => *none = Some(ShiftFacts { shift, window, facts }),
        }
    }
    if let Some(outside) = &mut out.outside {
        outside.window = outside.window.intersect(&Interval::new(day_span.from_ms, day_span.to_ms));
    }
    out
}

impl Period {
    /// Its production dates.
    pub(crate) fn dates(&self) -> Vec<jiff::civil::Date> {
        let ends = parse_date(&self.from).zip(parse_date(&self.to));
        ends.map_or_else(Vec::new, |(from, to)| dates(from, to))
    }
}

impl MachinePeriod {
    fn new(machine: &str, role: MachineRole) -> Self {
        Self {
            machine: machine.to_owned(),
            role,
            total: Facts::default(),
            days: Days::new(),
            shifts: Vec::new(),
            excluded: Vec::new(),
            scheduled: 0,
            valid: 0,
            by_date: BTreeMap::new(),
            span: None,
        }
    }

    /// Adds evaluated dates up, quality counts applied.
    fn sum(history: &History, machine: &str, period: &Period, dates: Vec<DateFacts>) -> Self {
        let definitions = history.statements().machine_definitions(machine);
        let mut out = Self::new(machine, definitions.last().map(|d| d.body.role).unwrap_or_default());
        for date in dates {
            out.date(history, period, date);
        }
        if !out.excluded.is_empty() {
            out.total.flags.insert(Flag::ShiftsExcluded);
        }
        out
    }

    fn date(&mut self, history: &History, period: &Period, evaluated: DateFacts) {
        let name = evaluated.date;
        self.days.entry(name.clone()).or_default();
        self.span = match (self.span, evaluated.span) {
            (Some(a), Some(b)) => Some(Interval::new(a.from_ms.min(b.from_ms), a.to_ms.max(b.to_ms))),
            (a, b) => a.or(b),
        };
        for ShiftFacts { shift, window, mut facts } in evaluated.shifts {
            if let Some(stated) = history.statements().quality(&self.machine, &name, &shift) {
                apply_quality(&mut facts, stated.leaf, stated.body.reject);
            }
            // A shift that is one planned stop asks for nothing.
            if facts.buckets.pbt_ms() > 0 {
                self.scheduled += 1;
                self.valid += u32::from(facts.is_valid());
                let counts = self.by_date.entry(name.clone()).or_default();
                let at = |percent: usize| percent == 0 || facts.is_valid_at(94 + percent as u8);
                counts.iter_mut().enumerate().for_each(|(i, count)| *count += u32::from(at(i)));
            }
            let section = section(&period.name, &self.machine, Some((&name, &shift)), window, &facts);
            self.take(&name, &shift, &facts);
            self.shifts.push(section);
        }
        if let Some(ShiftFacts { window, facts, .. }) = evaluated.outside {
            // Listed only when something happened there: energy of idle nights is in the period's sum all the same.
            if facts.buckets.overtime_ms > 0 || facts.production.is_some_and(|p| p.produced.items.value > 0) {
                self.shifts.push(section(&period.name, &self.machine, Some((&name, OUTSIDE_SHIFTS)), window, &facts));
            }
            self.take(&name, OUTSIDE_SHIFTS, &facts);
        }
    }

    fn take(&mut self, date: &str, shift: &str, facts: &Facts) {
        let rest;
        let facts = if facts.is_unusable() {
            self.excluded.push(format!("{} {date} {shift}", self.machine));
            rest = facts.without_time();
            &rest
        } else {
            facts
        };
        self.total.add_window(facts);
        self.days.entry(date.to_owned()).or_default().add_window(facts);
    }

    pub(super) fn standing(&self) -> Option<&'static str> {
        let (valid, of) = (u64::from(self.valid), u64::from(self.scheduled));
        (of > 0).then_some(if valid * 100 >= of * 90 {
            "full"
        } else if valid * 100 >= of * 75 {
            "qualified"
        } else {
            "none"
        })
    }
}

/// The sum over production machines.
pub(super) fn sum_machines<'m>(machines: impl Iterator<Item = &'m MachinePeriod>) -> MachinePeriod {
    let mut total = MachinePeriod::new(ALL_MACHINES, MachineRole::Production);
    // A machine without counters or state takes no part in OEE: it would add planned time and never good time.
    let counted =
        |m: &&MachinePeriod| m.role == MachineRole::Production && m.total.has_state && m.total.production.is_some();
    for machine in machines.filter(counted) {
        total.total.add(&machine.total);
        for (date, facts) in &machine.days {
            total.days.entry(date.clone()).or_default().add(facts);
        }
        total.excluded.extend(machine.excluded.iter().cloned());
        total.scheduled += machine.scheduled;
        total.valid += machine.valid;
        for (date, counts) in &machine.by_date {
            let sum = total.by_date.entry(date.clone()).or_default();
            sum.iter_mut().zip(counts).for_each(|(s, c)| *s += c);
        }
        total.span = match (total.span, machine.span) {
            (Some(a), Some(b)) => Some(Interval::new(a.from_ms.min(b.from_ms), a.to_ms.max(b.to_ms))),
            (a, b) => a.or(b),
        };
    }
    total
}

/// Rejects that a person found later: moved from good to rejected, at the planned time of the shift's mean good item.
/// `leaf` is the statement's.
pub fn apply_quality(facts: &mut Facts, leaf: u64, reject: i64) {
    let Some(p) = &mut facts.production else { return };
    let items = (i128::from(reject) * 1_000_000).min(p.good.items.value);
    let standard = match p.good.items.value {
        0 => 0,
        all => p.good.standard.value.checked_mul(items).map_or(0, |s| s / all),
    };
    let less = |b: &mut crate::counter::Bounded, by: i128, sign: i128| {
        b.value += sign * by;
        b.lower = (b.lower + sign * by).max(0);
        b.upper = (b.upper + sign * by).max(0);
    };
    if facts.energy.is_some() && !facts.energy_broken {
        less(&mut facts.per_good.good, items, -1);
    }
    less(&mut p.good.items, items, -1);
    less(&mut p.good.standard, standard, -1);
    less(&mut p.rejected.items, items, 1);
    less(&mut p.rejected.standard, standard, 1);
    p.rejects_known = true;
    facts.flags.remove(&Flag::NoRejectSignal);
    facts.flags.insert(Flag::ManualQuality);
    facts.statements.insert(leaf);
}

fn period_section(period: &Period, machine: &str, part: &MachinePeriod) -> Section {
    let span = part.span.unwrap_or(Interval::new(0, 0));
    let mut out = section(&period.name, machine, None, span, &part.total);
    out.excluded = part.excluded.clone();
    out.standing = part.standing();
    out
}

/// Prints facts as a section: every applicable definition, buckets, states, lineage.
pub fn section(period: &str, machine: &str, shift: Option<(&str, &str)>, window: Interval, facts: &Facts) -> Section {
    let b = &facts.buckets;
    let buckets = [
        ("POT", b.pot_ms()),
        ("PDOT", b.pdot_ms),
        ("PBT", b.pbt_ms()),
        ("APT", b.apt_ms),
        ("AUST", b.aust_ms),
        ("ADET", b.adet_ms),
        ("ADOT", b.adot_ms),
        ("UNK", b.unk_ms),
        ("OUTSIDE", b.outside_ms),
    ];
    // Half a year has thousands of shifts: what only means something over a longer time is left to the periods.
    let shown = |d: &&Definition| shift.is_none() || !PERIODS_ONLY.contains(&d.id);
    let states = MachineState::ALL.iter().map(|s| (s.name(), facts.states_ms.get(s.code()).copied().unwrap_or(0)));
    Section {
        period: period.to_owned(),
        machine: machine.to_owned(),
        date: shift.map(|s| s.0.to_owned()),
        shift: shift.map(|s| s.1.to_owned()),
        from_ms: window.from_ms,
        to_ms: window.to_ms,
        states_ms: if facts.has_state { states.collect() } else { BTreeMap::new() },
        buckets_ms: buckets.into_iter().collect(),
        lines: ALL.iter().filter(|d| shown(d) && d.applies(facts)).map(|d| line(d, facts)).collect(),
        flags: facts.flags.iter().map(|f| f.code()).collect(),
        readings: facts.readings,
        shifts: facts.shifts,
        excluded: Vec::new(),
        standing: None,
        lineage: facts
            .lineage
            .iter()
            .map(|(gateway, r)| LineageRange { gateway: gateway.clone(), first: r.first, last: r.last })
            .collect(),
        statements: facts.statements.iter().copied().collect(),
    }
}

/// Definitions printed for periods and not for every shift.
const PERIODS_ONLY: [&str; 4] = ["nee.iso22400@1", "allocation.iso22400@1", "teep@1", "state.planned@1"];

/// The unit of a value: amounts are in the unit of what the machine makes; `-` where machines make unlike things.
pub(crate) fn unit(of: &'static str, facts: &Facts) -> &'static str {
    let measure = facts.production.map_or_else(Default::default, |p| p.measure);
    let Some(symbol) = measure.symbol() else { return if of.contains("pcs") { "-" } else { of } };
    match (of, symbol) {
        (of, "pcs") => of,
        ("pcs", symbol) => symbol,
        ("kWh/pcs", "kg") => "kWh/kg",
        ("kWh/pcs", "m") => "kWh/m",
        ("kWh/pcs", "L") => "kWh/L",
        ("pcs/h", "kg") => "kg/h",
        ("pcs/h", "m") => "m/h",
        ("pcs/h", "L") => "L/h",
        (of, _) => of,
    }
}

fn line(definition: &Definition, facts: &Facts) -> Line {
    let cover = definition.cover(facts);
    let mut out = Line {
        definition: definition.id,
        unit: unit(definition.unit, facts),
        numerator: None,
        denominator: None,
        value: None,
        lower: None,
        upper: None,
        coverage: [cover.observed_ms, cover.of_ms],
        grade: None,
        undefined: None,
    };
    match (definition.value)(facts) {
        Ok(r) => {
            out.numerator = Some(r.num.to_string());
            out.denominator = Some(r.den.to_string());
            out.value = ratio6(r.num, r.den);
            out.lower = ratio6(r.lower.0, r.lower.1);
            out.upper = r.upper.and_then(|u| ratio6(u.0, u.1));
            out.grade = Some(facts.grade(cover).letter());
        }
        Err(why) => out.undefined = Some(why.code()),
    }
    out
}

/// Calendars in force, bound to the zone in force, remembered per declaration.
#[derive(Debug, Default)]
pub struct Calendars {
    bound: BTreeMap<(u64, String), Option<(Calendar, Stated<()>)>>,
}

impl Calendars {
    /// The calendar a machine works by on a date, and the statement that says so: what is in force at the middle of that day.
    pub fn of(&mut self, history: &History, machine: &str, date: jiff::civil::Date) -> Option<(&Calendar, Stated<()>)> {
        let (stated, zone) = Self::stated(history, machine, date)?;
        let bind = || Some((Calendar::new(&stated.body, zone).ok()?, stated.basis()));
        let (calendar, basis) = self.bound.entry((stated.leaf, zone.to_owned())).or_insert_with(bind).as_ref()?;
        Some((calendar, basis.clone()))
    }

    /// The statement in force and the zone it is bound to.
    pub(crate) fn stated<'h>(
        history: &'h History,
        machine: &str,
        date: jiff::civil::Date,
    ) -> Option<(&'h Stated<CalendarBody>, &'h str)> {
        let statements = history.statements();
        let noon = rough_day(date).from_ms + 36 * 3_600_000;
        let definition: &Machine =
            &statements.machine_at(machine, noon).or(statements.machine_definitions(machine).first())?.body;
        let zone = statements.site_at(noon).map_or("UTC", |s| s.body.zone.as_str());
        Some((statements.calendar_at(&definition.calendar, noon, history.is_simulated())?, zone))
    }
}

/// Three days around a date: wide enough for every zone and every shift that starts on it.
pub(crate) fn rough_day(date: jiff::civil::Date) -> Interval {
    const DAY_MS: i64 = 86_400_000;
    let midnight = date.to_zoned(jiff::tz::TimeZone::UTC).map_or(0, |z| z.timestamp().as_millisecond());
    Interval::new(midnight - DAY_MS, midnight + 3 * DAY_MS)
}

fn machine_line(history: &History, machine: &str) -> Option<MachineLine> {
    let body = &history.statements().machine_definitions(machine).last()?.body;
    Some(MachineLine {
        machine: machine.to_owned(),
        names: Words::from(&body.names),
        role: match body.role {
            MachineRole::Production => "production",
            MachineRole::Auxiliary => "auxiliary",
            MachineRole::Meter => "meter",
        },
        critical: body.critical,
    })
}

fn definition_line(d: &Definition) -> DefinitionLine {
    DefinitionLine { id: d.id, names: (d.zh, d.en).into(), unit: d.unit, formula: d.formula, source: d.source }
}

fn notice(history: &History) -> Words {
    let unsigned = (
        "本结果不构成公证、计量检定或鉴定。数据来自未经网关签名的文件，无法核验，不是佐证数据。",
        "This result is not a notarisation, metrological verification or expert appraisal. The readings come from a file that no \
         gateway signed: nobody can check them, and they are not evidence.",
    );
    let signed = (
        "本报告不构成公证、计量检定或鉴定。证明链起点为网关：证明网关读到了什么，不证明传感器接在正确的线路上。",
        "This report is not a notarisation, metrological verification or expert appraisal. The chain starts at the gateway: \
         it proves what the gateway read, not that the sensor sat on the right cable.",
    );
    let (zh, en) = if history.is_unsigned() { unsigned } else { signed };
    let mark = if history.is_simulated() { ("模拟数据。", "SIMULATED. ") } else { ("", "") };
    Words { zh: format!("{}{zh}", mark.0), en: format!("{}{en}", mark.1) }
}

fn gap_lines(history: &History, request: &ReportRequest, windows: &[Interval]) -> Vec<GapLine> {
    let statements = history.statements();
    let mut tags: BTreeSet<(&str, &str)> = BTreeSet::new();
    for machine in &request.machines {
        for definition in statements.machine_definitions(machine) {
            tags.extend(definition.body.signals.all().map(|(_, s)| (s.gateway.as_str(), s.tag.as_str())));
        }
    }
    let mut out = Vec::new();
    for window in windows {
        for gap in history.gaps(*window) {
            // Beyond reach a gap changes nothing, and a bundle need not carry the record that states it.
            let reached = gap.interval.to_ms <= window.to_ms.saturating_add(crate::history::REACH_MS);
            let concerns = match &gap.tag {
                Some(tag) => tags.contains(&(gap.gateway.as_str(), tag.as_str())),
                None => tags.iter().any(|(g, _)| *g == gap.gateway),
            };
            if reached && concerns {
                // A gateway may state any instant; what lies beyond reach of the window is not printed.
                let low = window.from_ms.saturating_sub(crate::history::REACH_MS);
                out.push(GapLine {
                    gateway: gap.gateway,
                    tag: gap.tag,
                    from_ms: gap.interval.from_ms.max(low),
                    to_ms: gap.interval.to_ms,
                    cause: gap.cause,
                    leaf: gap.leaf,
                });
            }
        }
    }
    out
}

fn statement_lines(history: &History) -> Vec<StatementLine> {
    let statements = history.statements();
    let line = |s: &Stated<protocol::Declaration>| StatementLine {
        leaf: s.leaf,
        kind: s.body.kind.clone(),
        effective_from: s.effective_from,
        received_ms: s.received_ms,
        author: s.body.author.clone(),
        role: s.body.role.clone(),
        reason: s.body.reason.clone(),
        // Both lists are in order of the log.
        invalid: statements.bad().binary_search_by_key(&s.leaf, |bad| bad.leaf).is_ok().then_some(super::INVALID_BODY),
    };
    statements.ledger().iter().map(line).collect()
}
