//! What the data of a site evidences of the 《评测指标(2024年版)》 and of the 小灯塔 criteria, and the levels that bodies stated
//! (reference §4, §5).
//!
//! Constraints
//! 1. 「设备数据可佐证 x/29.5 分」 and nothing more: points of single questions, never a level of our own making. What is not
//!    evidenced says what is missing; it is not zero points.
//! 2. Stated levels stand as they were stated, with edition, date and body; two editions are never subtracted.
//! 3. Whether a criterion is fulfilled is the experts' to say: the tables tell what data there is, machine by machine.
//! 4. Months before and after lie beyond the dates and the gateways: the caller brings them, or they are missing. Revenue is what
//!    people stated.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::assessment::declared::LevelAssessed;
use crate::assessment::declared::compare;
use crate::assessment::evidence::evidence;
use crate::assessment::evidence::{
    self, Changed, EnergyMetric, EnergyPair, EnergySide, Graded, Inputs, QualityPair, Row, Settings,
};
use crate::assessment::scenes;
use crate::assessment::scheme::{Extent, Question, Scheme, delivered};
use crate::calendar::parse_date;
use crate::checklist::items::{self, Items};
use crate::checklist::lighthouse::{self, Lighthouse};
use crate::checklist::needs::{Available, Held, Judged, Lack, Verdict};
use crate::checklist::{CONNECTED_DAYS, Share};
use crate::energy::factors::delivered as factors;
use crate::figures::power::COAL;
use crate::figures::site::{Connected, connected, site};
use crate::figures::{Figures, Gathered, StopRule, gather, machine};
use crate::grade::{Grade, worst};
use crate::history::History;
use crate::model::MachineRole;
use crate::oee::Undefined;
use crate::report::{Period, Words};
use crate::settlement::revenue;
use crate::settlement::year::{YearRule, of_year};

/// The questionnaire that is in force.
pub const SCHEME: &str = "miit.2024@1";

/// A number a question rests on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct ShownValue {
    /// Definition.
    pub definition: &'static str,
    /// Of what, such as a year; empty when there is only one.
    pub of: String,
    /// Six decimals.
    pub value: String,
    /// Its formula.
    pub formula: &'static str,
    /// The value as a quotient of integers in lowest terms, digits.
    pub numerator: String,
    /// Of the same quotient.
    pub denominator: String,
}

/// A change a question rests on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct ChangeLine {
    /// What is compared.
    pub basis: Words,
    /// Before, six decimals.
    pub before: String,
    /// After, six decimals.
    pub after: String,
    /// The change, six decimals.
    pub change: String,
    /// Its interval.
    pub interval: Option<[String; 2]>,
    /// Its direction by the sign.
    pub direction: Words,
}

/// An option of a question.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct OptionLine {
    /// Letter on the form.
    pub option: String,
    /// What it says.
    pub names: Words,
}

/// A question that equipment data speaks about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct QuestionLine {
    /// Number on the form.
    pub question: u8,
    /// What is asked.
    pub names: Words,
    /// It counts in the total; otherwise it only supports what a person shows.
    pub is_counted: bool,
    /// Options evidenced.
    pub options: Vec<OptionLine>,
    /// Points evidenced; `None` when nothing is.
    pub points: Option<String>,
    /// Most points data could evidence here.
    pub of: String,
    /// Worst grade of what it rests on.
    pub grade: Option<&'static str>,
    /// Numbers it rests on.
    pub shown: Vec<ShownValue>,
    /// Changes it rests on, the one that scores first.
    pub changes: Vec<ChangeLine>,
    /// What is missing.
    pub lacks: Vec<Words>,
    /// What a reader must know.
    pub notes: Vec<Words>,
}

/// Something a form asks for, with what was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct AskedLine {
    /// Where it stands: the quotation or the scene, and the item.
    pub place: Words,
    /// The item.
    pub item: Words,
    /// `beyond`, `not`, `partly`, `evidenced`.
    pub verdict: &'static str,
    /// The verdict in words.
    pub words: Words,
    /// Worst grade of what was found.
    pub grade: Option<&'static str>,
    /// Definitions with a value.
    pub found: Vec<String>,
    /// What is missing.
    pub lacking: Vec<Words>,
}

/// A level that a body stated.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct LevelLine {
    /// Leaf of the statement.
    pub leaf: u64,
    /// Level or score, edition, how it came about, body and date.
    pub says: Words,
    /// The assessor's pseudonym.
    pub assessor: String,
    /// SHA-256 of the document.
    pub document: String,
    /// Against the statement before it; `None` for the first.
    pub since: Option<Words>,
}

/// All of it over some dates.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Questionnaire {
    /// First and last production date.
    pub dates: [String; 2],
    /// First instant, UTC milliseconds.
    pub from_ms: i64,
    /// First instant after, UTC milliseconds.
    pub to_ms: i64,
    /// Id of the questionnaire.
    pub scheme: String,
    /// The questionnaire and its official document.
    pub document: Words,
    /// 「设备数据可佐证 x/29.5 分」.
    pub headline: Words,
    /// Points evidenced.
    pub points: String,
    /// Most that data could evidence.
    pub of: String,
    /// Worst grade of the questions that count.
    pub grade: Option<&'static str>,
    /// The questions.
    pub questions: Vec<QuestionLine>,
    /// The data that scenes ask for.
    pub scenes: Vec<AskedLine>,
    /// The checklist of what equipment data can evidence, row by row.
    pub checklist: Vec<AskedLine>,
    /// The 小灯塔 criteria, item by item.
    pub lighthouse: Vec<AskedLine>,
    /// The document they stand in.
    pub lighthouse_source: String,
    /// Levels stated by bodies, in order of their dates.
    pub levels: Vec<LevelLine>,
}

/// The dates whose readings are needed: those asked for, and at least the thirty days that connection is judged by.
pub fn dates(asked: &Period) -> Period {
    let first =
        parse_date(&asked.to).map(|to| to.saturating_sub(jiff::Span::new().days(i64::from(CONNECTED_DAYS) - 1)));
    let from = first.map(|d| d.to_string()).filter(|first| *first < asked.from).unwrap_or_else(|| asked.from.clone());
    Period { from, ..asked.clone() }
}

/// Evaluates it, from a history that reaches over [`dates`]; `None` when no machine is declared or the dates are none. `quality`: months before and after the retrofit.
pub fn questionnaire(
    history: &History,
    period: &Period,
    until_ms: Option<i64>,
    quality: Option<QualityPair>,
    settings: &Settings,
) -> Option<Questionnaire> {
    let rule = StopRule::default();
    let names: Vec<&str> = history.statements().machines().collect();
    let all: Vec<Gathered> = names.iter().filter_map(|m| gather(history, m, period, until_ms, rule)).collect();
    let of_site = site(history, period, until_ms, rule)?;
    // Tests hold that what is delivered reads.
    let scheme = delivered(SCHEME).ok()?;
    // Whether a machine is connected is judged by thirty days, whatever was asked for.
    let wide = dates(period);
    let month: Vec<Gathered> = names.iter().filter_map(|m| gather(history, m, &wide, until_ms, rule)).collect();
    let assets = connected(history, &month, &wide).assets;
    let found = Connected { assets, ..connected(history, &all, period) };
    let inputs = inputs(history, period, &found, &all, quality);
    let said = evidence(&scheme, &inputs, settings);
    let of_machines: Vec<Figures> = names.iter().filter_map(|m| machine(history, m, period, until_ms, rule)).collect();
    let mut available = available(history, &of_site, &of_machines);
    // What answers a question on this page evidences its row too.
    for row in said.rows.iter().filter(|r| r.options.len() == 1) {
        if let Some((shown, grade)) = row.shown.first().zip(row.grade) {
            available.entry(shown.definition.to_owned()).or_insert(Ok(Held { grade, with: 1, of: 1 }));
        }
    }
    let items = Items::parse(items::DELIVERED).ok()?;
    let criteria = Lighthouse::parse(lighthouse::DELIVERED, &items).ok()?;
    Some(Questionnaire {
        dates: [period.from.clone(), period.to.clone()],
        from_ms: of_site.from_ms,
        to_ms: of_site.to_ms,
        document: Words {
            zh: format!("《{}》{}", scheme.names.zh, scheme.document),
            en: format!("{}, {}", scheme.names.en, scheme.document),
        },
        headline: said.headline().into(),
        points: said.points.digits(),
        of: said.of.digits(),
        grade: said.grade().map(Grade::letter),
        questions: said.rows.iter().filter_map(|row| Some(question(scheme.question(row.question)?, row))).collect(),
        scenes: scene_lines(&scheme, &available),
        checklist: items.table(&available).iter().map(item).collect(),
        lighthouse: criteria.table(&items, &available).iter().map(criterion).collect(),
        lighthouse_source: criteria.source.clone(),
        levels: levels(history),
        scheme: said.scheme,
    })
}

fn inputs(
    history: &History,
    period: &Period,
    found: &Connected,
    all: &[Gathered],
    quality: Option<QualityPair>,
) -> Inputs {
    let flags: BTreeSet<_> = all.iter().flat_map(|g| g.facts.flags.iter().copied()).collect();
    // The list of machines is a person's: C at best.
    let grade = worst(Grade::C, &flags);
    let graded = |has: bool| has.then_some(grade);
    let production = |g: &&Gathered| g.definition.role == MachineRole::Production;
    let ids = |keep: &dyn Fn(&&Gathered) -> bool| {
        all.iter().filter(production).filter(|g| keep(g)).map(|g| g.definition.machine.clone()).collect::<Vec<_>>()
    };
    let links = Share { counted: ids(&|g| found.live.contains(&g.definition.machine)), of: ids(&|_| true) };
    Inputs {
        assets: graded(!found.assets.is_empty()).map(|grade| Graded { value: found.assets.clone(), grade }),
        links: graded(!links.of.is_empty()).map(|grade| Graded { value: links, grade }),
        sources: graded(!found.sources.is_empty()).map(|grade| Graded { value: found.sources.clone(), grade }),
        energy_years: years(history, period),
        energy_windows: None,
        quality,
    }
}

/// 综合能源消费量 by bills, and revenue as stated, of the two calendar years before the one the dates end in.
fn years(history: &History, period: &Period) -> Option<EnergyPair> {
    let last = parse_date(&period.to)?.year();
    let set = factors(COAL).ok()?;
    let side = |year: i16| {
        let bills = history.statements().bills();
        // A year that is not whole is no year's consumption.
        let whole = of_year(bills, year, YearRule::EndsIn, &set).ok().filter(|y| y.is_whole());
        let consumption = whole.and_then(|y| {
            let total = y.statistical?;
            let value = evidence::Consumption {
                metric: EnergyMetric::Consumption,
                kgce: total.kgce,
                bounds: None,
                factors: total.factor_set,
            };
            Some(Graded { value, grade: y.grade })
        });
        let revenue = revenue::of_year(history.statements().revenue(), year);
        let revenue_wan = revenue.map(|(value, grade)| Graded { value, grade });
        EnergySide { label: year.to_string(), consumption, revenue_wan }
    };
    Some(EnergyPair { before: side(last - 2), after: side(last - 1) })
}

fn question(question: &Question, row: &Row) -> QuestionLine {
    let option = |letter: &String| {
        let names = question
            .option(letter)
            .map_or_else(|| (letter.as_str(), letter.as_str()).into(), |o| Words::from(&o.names));
        OptionLine { option: letter.clone(), names }
    };
    QuestionLine {
        question: row.question,
        names: Words::from(&question.names),
        is_counted: row.extent == Extent::Counted,
        options: row.options.iter().map(option).collect(),
        points: row.points.map(|p| p.digits()),
        of: row.of.digits(),
        grade: row.grade.map(Grade::letter),
        shown: row
            .shown
            .iter()
            .map(|s| ShownValue {
                definition: s.definition,
                of: s.of.clone(),
                value: s.value.digits(6),
                formula: crate::catalogue::explain(s.definition).map_or("", |e| e.formula),
                numerator: s.value.num().to_string(),
                denominator: s.value.den().to_string(),
            })
            .collect(),
        changes: row.changes.iter().map(change).collect(),
        lacks: row.lacks.iter().map(|l| l.words().into()).collect(),
        notes: row.notes.iter().map(|n| n.words().into()).collect(),
    }
}

fn change(c: &Changed) -> ChangeLine {
    ChangeLine {
        basis: c.basis.words().into(),
        before: c.before.digits(6),
        after: c.after.digits(6),
        change: c.change.digits(6),
        interval: c.interval.clone(),
        direction: evidence::words(c.raw).into(),
    }
}

/// What the figures hold, over how many of the machines that should have it.
fn available(history: &History, of_site: &Figures, of_machines: &[Figures]) -> Available {
    let grade = |letter: Option<&str>| Grade::from_letter(letter.unwrap_or_default());
    let mut out: BTreeMap<String, Result<Held, Undefined>> = BTreeMap::new();
    let production: BTreeSet<&str> = history
        .statements()
        .machines()
        .filter(|m| {
            let last = history.statements().machine_definitions(m).last();
            last.is_some_and(|d| d.body.role == MachineRole::Production)
        })
        .collect();
    let of = production.len() as u32;
    for f in &of_site.figures {
        let held = grade(f.grade).map(|grade| Held { grade, with: 1, of: 1 });
        let why = f.undefined.and_then(Undefined::from_code).unwrap_or(Undefined::NothingDue);
        // Of several numbers of a definition one is enough.
        let entry = out.entry(f.definition.to_owned()).or_insert(Err(why));
        if let (Err(_), Some(held)) = (&entry, held) {
            *entry = Ok(held);
        }
    }
    // A machine's own value says more than the sum of all: it counts machines.
    let mut by_machine: BTreeMap<&str, (BTreeSet<&str>, Option<Grade>, Option<Undefined>)> = BTreeMap::new();
    for figures in of_machines {
        for f in &figures.figures {
            let entry = by_machine.entry(f.definition).or_default();
            match grade(f.grade) {
                Some(grade) => {
                    entry.0.insert(&figures.machine);
                    entry.1 = entry.1.max(Some(grade));
                }
                None => entry.2 = entry.2.or(f.undefined.and_then(Undefined::from_code)),
            }
        }
    }
    for (id, (machines, grade, why)) in by_machine {
        let with = machines.iter().filter(|m| production.contains(**m)).count() as u32;
        // A meter of the site has a value that no machine should have.
        let (with, of) = if with == 0 && !machines.is_empty() { (1, 1) } else { (with, of) };
        let value = match grade {
            Some(grade) => Ok(Held { grade, with, of }),
            None => Err(why.unwrap_or(Undefined::NothingDue)),
        };
        out.insert(id.to_owned(), value);
    }
    out
}

const fn code(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Beyond => "beyond",
        Verdict::Not => "not",
        Verdict::Partly => "partly",
        Verdict::Evidenced => "evidenced",
    }
}

/// What is missing, by the names of the definitions.
fn lacking<'j>(judged: impl Iterator<Item = &'j Judged>) -> Vec<Words> {
    let line = |(id, lack): &(String, Lack)| {
        let names = crate::catalogue::explain(id).map_or([id.as_str(), id.as_str()], |e| e.names);
        let (zh, en) = lack.words();
        Words { zh: format!("{}：{zh}", names[0]), en: format!("{}: {en}", names[1]) }
    };
    judged.flat_map(|j| j.lacking.iter().map(line)).collect()
}

fn found<'j>(judged: impl Iterator<Item = &'j Judged>) -> Vec<String> {
    let mut out: Vec<String> = judged.flat_map(|j| j.found.iter().cloned()).collect();
    out.sort_unstable();
    out.dedup();
    out
}

fn scene_lines(scheme: &Scheme, available: &Available) -> Vec<AskedLine> {
    scenes::supported(scheme, available)
        .iter()
        .filter_map(|s| {
            let way = s.ways.first()?;
            let beyond = way.asked.iter().filter(|a| a.judged.verdict == Verdict::Beyond);
            let by_hand = beyond.filter_map(|a| {
                a.need.why_not.as_ref().map(|why| {
                    let need = &a.need.names;
                    Words { zh: format!("{}：{}", need.zh, why.zh), en: format!("{}: {}", need.en, why.en) }
                })
            });
            let judged = || way.asked.iter().map(|a| &a.judged);
            Some(AskedLine {
                place: Words::from(&s.scene.lane),
                item: Words::from(&s.scene.names),
                verdict: code(s.verdict()),
                words: s.words().into(),
                grade: way.grade.map(Grade::letter),
                found: found(judged()),
                lacking: lacking(judged()).into_iter().chain(by_hand).collect(),
            })
        })
        .collect()
}

fn item(row: &items::Row<'_>) -> AskedLine {
    let origins = row.item.origins.join("、");
    let needs = (row.judged.verdict != Verdict::Evidenced).then(|| {
        let needs = &row.item.needs;
        Words { zh: format!("需要：{}", needs.zh), en: format!("needs: {}", needs.en) }
    });
    AskedLine {
        place: Words { zh: origins.clone(), en: origins },
        item: Words::from(&row.item.names),
        verdict: code(row.judged.verdict),
        words: row.judged.verdict.words().into(),
        grade: row.judged.grade.map(Grade::letter),
        found: row.judged.found.clone(),
        lacking: lacking(std::iter::once(&row.judged)).into_iter().chain(needs).collect(),
    }
}

fn criterion(l: &lighthouse::Line<'_>) -> AskedLine {
    AskedLine {
        place: (l.quote, l.quote).into(),
        item: (l.item.phrase.as_str(), l.item.en.as_str()).into(),
        verdict: code(l.verdict),
        words: l.verdict.words().into(),
        grade: l.grade.map(Grade::letter),
        found: found(l.rows.iter().map(|r| &r.judged)),
        lacking: l.item.why_not.iter().map(Words::from).chain(lacking(l.rows.iter().map(|r| &r.judged))).collect(),
    }
}

fn levels(history: &History) -> Vec<LevelLine> {
    let mut stated: Vec<_> = history.statements().levels_assessed().collect();
    stated.sort_by(|a, b| (&a.body.date, a.leaf).cmp(&(&b.body.date, b.leaf)));
    let before = std::iter::once(None).chain(stated.iter().map(Some));
    let since = |before: &LevelAssessed, after: &LevelAssessed| match compare(before, after) {
        Err(why) => why.words().into(),
        Ok(change) => {
            let (mut zh, mut en) = (Vec::new(), Vec::new());
            if let Some(levels) = change.levels_risen() {
                zh.push(format!("等级变化 {levels:+}"));
                en.push(format!("level {levels:+}"));
            }
            if let Some(score) = change.score_risen_thousandths() {
                let digits = super::trimmed(score.into(), 1000, 3);
                let sign = if score > 0 { "+" } else { "" };
                zh.push(format!("得分变化 {sign}{digits}"));
                en.push(format!("score {sign}{digits}"));
            }
            let remark = change.remark();
            zh.extend(remark.iter().map(|r| r.0.clone()));
            en.extend(remark.iter().map(|r| r.1.clone()));
            Words { zh: zh.join("；"), en: en.join("; ") }
        }
    };
    stated
        .iter()
        .zip(before)
        .map(|(l, before)| LevelLine {
            leaf: l.leaf,
            says: l.body.words().into(),
            assessor: l.body.assessor.clone(),
            document: l.body.document.clone(),
            since: before.map(|b| since(&b.body, &l.body)),
        })
        .collect()
}
