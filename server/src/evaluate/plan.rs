//! The plan file: what a person states about a site, its machines and the tags of a file of readings, and what is to be evaluated.
//!
//! Constraints
//! 1. Every statement is one of the log's declarations, field by field, checked by the same code; a new kind of declaration needs
//!    nothing here. Unknown keys are refused. Every refusal names line and key.
//! 2. Nothing is filled in that could move a number: types, intervals and zones are stated. What may be left out: a scale of 1, one
//!    gateway's name, and when a statement was made.
//! 3. A file cannot show when a statement was made. Unless `stated_at` says so, all were made in time; results are grade D for that
//!    reason among others.
//! 4. A name that is used is declared: a machine, a calendar or a tag that does not exist would silently be nothing.

mod source;

use std::collections::{BTreeMap, BTreeSet};

use jiff::tz::TimeZone;
use metrics::model::{KINDS, ModelError, parse_body};
use metrics::report::Period;
use protocol::content::{CounterConfig, Ratio, TagConfig};
use protocol::{Declaration, GatewayId, SiteId, TagId, ValueType};
use serde_json::Value as Json;

use self::source::{Source, Table, example, moment};
use super::csv::Dialect;
use super::instant;
use super::said::{Refusal, Said, quoted};
use super::tags::{Others, Tag, TagTable};

/// Longest plan file, bytes.
pub const PLAN_BYTES_MAX: usize = 4 << 20;
/// Most periods in one evaluation.
const PERIODS_MAX: usize = 100;
/// Version of the format.
const VERSION: i64 = 1;
/// The gateway of tags that name none.
const GATEWAY: &str = "file";
/// The site when the plan names none.
const SITE: &str = "file";
/// When statements hold from, and when they were made, unless the plan says otherwise: 1970, before every reading.
const DAWN_MS: i64 = 0;

/// A statement of the plan.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Statement {
    pub(super) declaration: Declaration,
    pub(super) stated_ms: i64,
}

/// A plan file, checked.
#[derive(Debug, Clone)]
pub struct PlanFile {
    /// Site id that results carry.
    pub site: SiteId,
    /// The tags a file of readings may speak of.
    pub table: TagTable,
    /// How a text file is to be read.
    pub dialect: Dialect,
    /// Machines to evaluate; none is all of the plan's, or all.
    pub machines: Vec<String>,
    /// Periods to evaluate, without a plan.
    pub periods: Vec<Period>,
    /// The declared plan to compare under.
    pub plan: Option<String>,
    pub(super) statements: Vec<Statement>,
}

impl PlanFile {
    /// Reads a plan file's text. `name` is used in messages.
    ///
    /// # Errors
    /// The first thing that is wrong, with its line and what is allowed.
    pub fn parse(text: &str, name: &str) -> Result<Self, Refusal> {
        if text.len() > PLAN_BYTES_MAX {
            let what = Said::new(
                format!("方案文件超过 {PLAN_BYTES_MAX} 字节"),
                format!("the plan file has more than {PLAN_BYTES_MAX} bytes"),
            );
            return Err(Refusal::new(name, what, example()));
        }
        let source = Source { name, text };
        let root = source.parse()?;
        let root = Table { source, entries: root.get_ref(), at: 0, head: "plan.toml" };
        let own = ["version", "readings", "evaluate", "tag"];
        let known: Vec<&str> = own.into_iter().chain(KINDS).collect();
        root.only(&known)?;
        match root.whole("version", 1)? {
            Some(VERSION) => {}
            Some(_) => {
                let at = root.locate("version");
                return Err(source.unfit(at, "version", Said::new("1", "1")));
            }
            None => return Err(root.missing("version", Said::new("写 version = 1", "write version = 1"))),
        }
        let readings = read_readings(&root)?;
        let site_zone = root.table("site", "[site]")?.and_then(|s| s.text("zone").ok().flatten());
        let site_zone = site_zone.and_then(|(name, _)| instant::zone(name));
        let tags = read_tags(&root, &readings)?;
        let table = TagTable::new(tags, readings.ignore, Others::Refuse, readings.is_engineering);
        let zones = Zones { local: readings.dialect.zone.as_ref(), site: site_zone.as_ref() };
        let statements = read_statements(&root, &readings.gateway, zones, &table)?;
        let mut out = Self {
            site: SITE.parse().map_err(|_| root.missing("site", example()))?,
            table,
            dialect: readings.dialect,
            machines: Vec::new(),
            periods: Vec::new(),
            plan: None,
            statements,
        };
        out.read_evaluate(&root)?;
        Ok(out)
    }

    fn read_evaluate(&mut self, root: &Table<'_, '_>) -> Result<(), Refusal> {
        let source = root.source;
        let Some(wanted) = root.table("evaluate", "[evaluate]")? else {
            return Err(root.missing("evaluate", example()));
        };
        wanted.only(&["site", "plan", "period", "machines"])?;
        if let Some((site, at)) = wanted.text("site")? {
            self.site = site.parse().map_err(|_| source.unfit(at, "site", name_rule()))?;
        }
        let declared = |kind: &str, key: &str| -> BTreeSet<&str> {
            let of_kind = self.statements.iter().filter(|s| s.declaration.kind == kind);
            of_kind.filter_map(|s| s.declaration.body.get(key)?.as_str()).collect()
        };
        let (plans, machines) = (declared("plan", "plan"), declared("machine", "machine"));
        let mut chosen = Vec::new();
        for (machine, at) in wanted.texts("machines")? {
            if !machines.contains(machine) {
                return Err(undeclared(source, at, "machine", machine, &machines));
            }
            chosen.push(machine.to_owned());
        }
        let plan = wanted.text("plan")?;
        if let Some((plan, at)) = plan
            && !plans.contains(plan)
        {
            return Err(undeclared(source, at, "plan", plan, &plans));
        }
        let mut periods = Vec::new();
        for period in wanted.tables("period", "[[evaluate.period]]")? {
            let read = read_period(&period)?;
            if periods.iter().any(|p: &Period| p.name == read.name) {
                let allowed = Said::new("每个期间不同的名称", "another name for each period");
                return Err(source.unfit(period.locate("name"), "name", allowed));
            }
            periods.push(read);
        }
        if plan.is_some() != periods.is_empty() || periods.len() > PERIODS_MAX {
            let what = Said::new(
                "[evaluate] 须有 plan，或 1 至 100 个 period，二者取一",
                "[evaluate] needs either `plan` or 1 to 100 periods",
            );
            return Err(source.refuse(wanted.at, what, example()));
        }
        let plan = plan.map(|(plan, _)| plan.to_owned());
        (self.machines, self.plan, self.periods) = (chosen, plan, periods);
        Ok(())
    }
}

/// The zones in which times of the file are meant.
#[derive(Clone, Copy)]
struct Zones<'z> {
    /// Of local times.
    local: Option<&'z TimeZone>,
    /// Of dates.
    site: Option<&'z TimeZone>,
}

fn name_rule() -> Said {
    Said::new("1 至 32 个小写字母、数字或连字符，不以连字符开头", "1 to 32 of a-z, 0-9 and `-`, not beginning with `-`")
}

fn undeclared(source: Source<'_>, at: usize, kind: &str, name: &str, declared: &BTreeSet<&str>) -> Refusal {
    let shown = quoted(name);
    let what = Said::new(format!("没有填报 {kind}「{shown}」"), format!("no {kind} `{shown}` is declared"));
    let near = crate::spelling::nearest(name, declared.iter().copied(), 3);
    let todo = match near.first() {
        Some(near) => Said::new(format!("是否想写 {near}？"), format!("did you mean `{near}`?")),
        None => Said::new(format!("加一个 [[{kind}]]"), format!("add a [[{kind}]]")),
    };
    source.refuse(at, what, todo)
}

fn read_period(table: &Table<'_, '_>) -> Result<Period, Refusal> {
    table.only(&["name", "from", "to"])?;
    let body = table.json(&[], None)?;
    let text = |key: &str| body.get(key).and_then(Json::as_str).map(str::to_owned);
    let (Some(name), Some(from), Some(to)) = (text("name"), text("from"), text("to")) else {
        return Err(table.missing("name, from, to", example()));
    };
    let dates = metrics::calendar::parse_date(&from).zip(metrics::calendar::parse_date(&to));
    let fits = dates.is_some_and(|(a, b)| a <= b && a.until(b).is_ok_and(|s| s.get_days() < 4000));
    if !fits || name.is_empty() || name.len() > 64 {
        let at = table.locate("from");
        let allowed = Said::new("先后两个日期，相隔不超过 4000 天", "two dates in order, at most 4 000 days apart");
        return Err(table.source.unfit(at, "from, to", allowed));
    }
    Ok(Period { name, from, to })
}

/// What `[readings]` says.
struct ReadingsTable {
    dialect: Dialect,
    gateway: GatewayId,
    ignore: BTreeSet<String>,
    is_engineering: bool,
}

fn read_readings(root: &Table<'_, '_>) -> Result<ReadingsTable, Refusal> {
    let gateway = || GATEWAY.parse().map_err(|_| root.missing("gateway", example()));
    let Some(table) = root.table("readings", "[readings]")? else {
        let (dialect, ignore) = (Dialect::default(), BTreeSet::new());
        return Ok(ReadingsTable { dialect, gateway: gateway()?, ignore, is_engineering: true });
    };
    let source = table.source;
    table.only(&["zone", "separator", "values", "gateway", "ignore"])?;
    let mut dialect = Dialect::default();
    if let Some((name, at)) = table.text("zone")? {
        let allowed = || Said::new("IANA 时区，如 Asia/Shanghai", "an IANA time zone, such as Asia/Shanghai");
        dialect.zone = Some(instant::zone(name).ok_or_else(|| source.unfit(at, "zone", allowed()))?);
    }
    if let Some((separator, at)) = table.text("separator")? {
        dialect.separator = Some(match separator {
            "," => b',',
            ";" => b';',
            "tab" | "\t" => b'\t',
            _ => {
                return Err(source.unfit(
                    at,
                    "separator",
                    Said::new("\",\"、\";\" 或 \"tab\"", "\",\", \";\" or \"tab\""),
                ));
            }
        });
    }
    let is_engineering = match table.text("values")? {
        None | Some(("engineering", _)) => true,
        Some(("raw", _)) => false,
        Some((_, at)) => {
            let allowed = Said::new("\"engineering\"（工程值）或 \"raw\"（原始值）", "\"engineering\" or \"raw\"");
            return Err(source.unfit(at, "values", allowed));
        }
    };
    let gateway = match table.text("gateway")? {
        None => gateway()?,
        Some((name, at)) => name.parse().map_err(|_| source.unfit(at, "gateway", name_rule()))?,
    };
    let ignore = table.texts("ignore")?.into_iter().map(|(name, _)| name.to_owned()).collect();
    Ok(ReadingsTable { dialect, gateway, ignore, is_engineering })
}

fn read_tags(root: &Table<'_, '_>, readings: &ReadingsTable) -> Result<Vec<Tag>, Refusal> {
    let mut out: Vec<Tag> = Vec::new();
    let mut seen = BTreeSet::new();
    for table in root.tables("tag", "[[tag]]")? {
        let tag = read_tag(&table, &readings.gateway)?;
        if !seen.insert((tag.gateway.clone(), tag.config.id.clone()))
            || readings.ignore.contains(tag.config.id.as_str())
        {
            let id = &tag.config.id;
            let what = Said::new(
                format!("数据点 {id} 重复，或同时列入 ignore"),
                format!("tag {id} is there twice, or listed under `ignore` too"),
            );
            let todo = Said::new("每个数据点写一次", "write each tag once");
            return Err(table.source.refuse(table.locate("id"), what, todo));
        }
        out.push(tag);
    }
    if out.is_empty() {
        return Err(root.missing("tag", example()));
    }
    Ok(out)
}

fn read_tag(table: &Table<'_, '_>, gateway: &GatewayId) -> Result<Tag, Refusal> {
    let source = table.source;
    table.only(&["id", "type", "unit", "scale", "interval_ms", "counter", "gateway"])?;
    let Some((id, at)) = table.text("id")? else { return Err(table.missing("id", example())) };
    let id: TagId = id.parse().map_err(|_| {
        let allowed = Said::new(
            "设备/名称：小写字母、数字，设备名可用连字符，名称可用下划线",
            "device/name in lower-case letters and digits, `-` in the device, `_` in the name",
        );
        source.unfit(at, "id", allowed)
    })?;
    let types = || Said::new("bool、i64、u64、f32、f64 或 text", "bool, i64, u64, f32, f64 or text");
    let Some((value_type, at)) = table.text("type")? else {
        let todo = Said::new(format!("写 type = {}", types().zh), format!("write type = {}", types().en));
        return Err(table.missing("type", todo));
    };
    let value_type = match value_type {
        "bool" => ValueType::Bool,
        "i64" => ValueType::I64,
        "u64" => ValueType::U64,
        "f32" => ValueType::F32,
        "f64" => ValueType::F64,
        "text" => ValueType::Text,
        _ => return Err(source.unfit(at, "type", types())),
    };
    let scale = match table.table("scale", "scale")? {
        None => Ratio::ONE,
        Some(scale) => {
            scale.only(&["num", "den"])?;
            let num = scale.whole("num", -protocol::declaration::INTEGER_MAX)?.unwrap_or(1);
            let den = scale.whole("den", 1)?.unwrap_or(1);
            let is_number = !matches!(value_type, ValueType::Bool | ValueType::Text);
            if num == 0 || (!is_number && num != den) {
                let allowed = Said::new(
                    "分子不为零；开关量和文本没有比例",
                    "without a zero numerator; bits and texts have no scale",
                );
                return Err(source.unfit(scale.at, "scale", allowed));
            }
            Ratio { num, den }
        }
    };
    let Some(interval_ms) = table.whole("interval_ms", 1)? else {
        let todo = Said::new("写明采样间隔，毫秒", "state the interval between readings, milliseconds");
        return Err(table.missing("interval_ms", todo));
    };
    let counter = match table.table("counter", "counter")? {
        None => None,
        Some(counter) => {
            counter.only(&["modulus", "max_per_hour"])?;
            let Some(max_per_hour) = counter.whole("max_per_hour", 1)? else {
                let todo = Said::new("写明每小时最大增量，原始值", "state the greatest rise per hour, raw");
                return Err(counter.missing("max_per_hour", todo));
            };
            Some(CounterConfig { modulus: counter.whole("modulus", 2)?, max_per_hour })
        }
    };
    let gateway = match table.text("gateway")? {
        None => gateway.clone(),
        Some((name, at)) => name.parse().map_err(|_| source.unfit(at, "gateway", name_rule()))?,
    };
    let unit = table.text("unit")?.map_or("", |u| u.0).to_owned();
    let (role, address) = (String::new(), String::new());
    Ok(Tag { gateway, config: TagConfig { id, value_type, unit, scale, role, interval_ms, address, counter } })
}

fn read_statements(
    root: &Table<'_, '_>,
    gateway: &GatewayId,
    zones: Zones<'_>,
    table: &TagTable,
) -> Result<Vec<Statement>, Refusal> {
    let heads: BTreeMap<&str, String> = KINDS.iter().map(|k| (*k, format!("[[{k}]]"))).collect();
    let mut found: Vec<(usize, Table<'_, '_>, Statement)> = Vec::new();
    for kind in KINDS {
        let head = heads.get(kind).map_or("", String::as_str);
        for own in root.tables(kind, head)? {
            found.push((own.at, own, read_statement(kind, &own, gateway, zones)?));
        }
    }
    for needed in ["site", "machine"] {
        if !found.iter().any(|(_, _, s)| s.declaration.kind == needed) {
            return Err(root.missing(needed, example()));
        }
    }
    let names = |kind: &str, key: &str, default: &'static str| -> BTreeSet<String> {
        let of_kind = found.iter().filter(|(_, _, s)| s.declaration.kind == kind);
        of_kind
            .map(|(_, _, s)| s.declaration.body.get(key).and_then(Json::as_str).unwrap_or(default).to_owned())
            .collect()
    };
    let declared =
        Declared { machines: names("machine", "machine", ""), calendars: names("calendar", "calendar", "main"), table };
    for (_, own, statement) in &found {
        declared.check(own, &statement.declaration)?;
    }
    // As in a log: in the order in which they were made, and of those made together in the order of the file.
    found.sort_by_key(|(at, _, s)| (s.stated_ms, *at));
    Ok(found.into_iter().map(|(_, _, s)| s).collect())
}

fn read_statement(
    kind: &str,
    own: &Table<'_, '_>,
    gateway: &GatewayId,
    zones: Zones<'_>,
) -> Result<Statement, Refusal> {
    let mut body = own.json(&["effective_from", "stated_at"], zones.local)?;
    let mut checked = parse_body(kind, &body);
    if matches!(&checked, Err(ModelError::Shape { reason, .. }) if reason.contains("missing field `gateway`")) {
        name_gateway(&mut body, gateway.as_str());
        checked = parse_body(kind, &body);
    }
    if let Err(error) = checked {
        return Err(refused_body(own, kind, &error));
    }
    let effective_from = moment(own, "effective_from", zones.local, zones.site)?.unwrap_or(DAWN_MS);
    let stated_ms = moment(own, "stated_at", zones.local, zones.site)?.unwrap_or(DAWN_MS);
    let declaration = Declaration {
        kind: kind.to_owned(),
        effective_from,
        author: "file".to_owned(),
        role: "file".to_owned(),
        reason: format!("{}, line {}", own.source.name, own.source.line(own.at)),
        body,
    };
    match declaration.encode() {
        Ok(_) => Ok(Statement { declaration, stated_ms }),
        Err(error) => {
            let what =
                Said::new(format!("{} 内容有误（{error}）", own.head), format!("{} cannot be used: {error}", own.head));
            Err(own.source.refuse(own.at, what, example()))
        }
    }
}

/// Writes the plan's one gateway into signals that name none.
fn name_gateway(body: &mut Json, gateway: &str) {
    match body {
        Json::Object(members) => {
            if members.get("tag").is_some_and(Json::is_string) && !members.contains_key("gateway") {
                members.insert("gateway".to_owned(), Json::from(gateway));
            }
            members.values_mut().for_each(|v| name_gateway(v, gateway));
        }
        Json::Array(list) => list.iter_mut().for_each(|v| name_gateway(v, gateway)),
        _ => {}
    }
}

/// What the shared check says, at the line of the key it names.
fn refused_body(own: &Table<'_, '_>, kind: &str, error: &ModelError) -> Refusal {
    let (at, zh, en) = match error {
        ModelError::Field { field, reason, .. } => (
            own.locate(field),
            format!("[[{kind}]] 的 {field} 有误（{reason}）"),
            format!("`{field}` in [[{kind}]]: {reason}"),
        ),
        ModelError::Shape { reason, .. } => {
            let unknown = reason.split_once("unknown field `").and_then(|(_, rest)| Some(rest.split_once('`')?.0));
            match unknown {
                Some(key) => (
                    own.find(key).unwrap_or(own.at),
                    format!("[[{kind}]] 中有未知项 {}", quoted(key)),
                    format!("unknown key in [[{kind}]]: {reason}"),
                ),
                None => {
                    (own.at, format!("[[{kind}]] 内容有误（{reason}）"), format!("[[{kind}]] cannot be used: {reason}"))
                }
            }
        }
    };
    let todo = Said::new(
        "各类填报的内容见 docs/report-computation.md 第 1 节",
        "docs/report-computation.md §1 lists what each kind holds",
    );
    own.source.refuse(at, Said::new(zh, en), todo)
}

/// What statements may refer to.
struct Declared<'t> {
    machines: BTreeSet<String>,
    calendars: BTreeSet<String>,
    table: &'t TagTable,
}

impl Declared<'_> {
    fn check(&self, own: &Table<'_, '_>, declaration: &Declaration) -> Result<(), Refusal> {
        let body = &declaration.body;
        let one = |key: &str| body.get(key).and_then(Json::as_str);
        let many = body.get("machines").and_then(Json::as_array).into_iter().flatten().filter_map(Json::as_str);
        let machines: BTreeSet<&str> = self.machines.iter().map(String::as_str).collect();
        for (name, key) in one("machine").map(|m| (m, "machine")).into_iter().chain(many.map(|m| (m, "machines"))) {
            if !machines.contains(name) {
                return Err(undeclared(own.source, own.locate(key), "machine", name, &machines));
            }
        }
        if declaration.kind == "machine" {
            let calendar = one("calendar").unwrap_or("main");
            let calendars: BTreeSet<&str> = self.calendars.iter().map(String::as_str).collect();
            if !calendars.contains(calendar) {
                return Err(undeclared(own.source, own.locate("calendar"), "calendar", calendar, &calendars));
            }
        }
        self.check_tags(own, body, "")
    }

    /// Whatever names a gateway and a tag names one of the plan's.
    fn check_tags(&self, own: &Table<'_, '_>, body: &Json, path: &str) -> Result<(), Refusal> {
        match body {
            Json::Object(members) => {
                let text = |key: &str| members.get(key).and_then(Json::as_str);
                if let (Some(gateway), Some(tag)) = (text("gateway"), text("tag"))
                    && let Err(wrong) = self.table.described(tag, gateway)
                {
                    let at = own.locate(&format!("{path}.tag"));
                    return Err(own.source.refuse(at, wrong.what, wrong.allowed));
                }
                members.iter().try_for_each(|(k, v)| self.check_tags(own, v, &format!("{path}.{k}")))
            }
            Json::Array(list) => {
                list.iter().enumerate().try_for_each(|(i, v)| self.check_tags(own, v, &format!("{path}[{i}]")))
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests;
