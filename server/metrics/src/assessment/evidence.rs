//! What equipment data can evidence of the questionnaire: 「设备数据可佐证 x/29.5 分」, question by question (reference §4.2).
//!
//! Constraints
//! 1. A question that data cannot answer yet is *not evidenced*, with what is missing; that is not zero points. Only what is
//!    evidenced is added up.
//! 2. 联网率 is scored over all production machines; over digitised machines it stands beside it (trap b).
//! 3. For changes the raw sign decides. A city may configure a tolerance within which 持平 is offered; the raw direction and the
//!    interval stand beside it either way (trap c).
//! 4. Q12 is asked for the retrofit and filled in by calendar years: both comparisons are kept, the setting says which scores,
//!    and a disagreement is noted (trap d). Only 综合能源消费量 answers it, never 综合能耗 of GB/T 2589.
//! 5. A row takes the worst grade of its inputs; revenue comes from finance and is C at best.

pub mod change;

use crate::assessment::Points;
use crate::assessment::scheme::{Extent, Figure, Question, Scheme};
use crate::checklist::{self, Asset, Share, Source};
use crate::energy::comprehensive::Direction;
use crate::exact::Rational;
use crate::grade::Grade;

pub use self::change::{Basis, Changed, Consumption, EnergyMetric, EnergyPair, EnergySide, QualityPair, Settings};

/// An input and how well it is evidenced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Graded<T> {
    /// The input.
    pub value: T,
    /// Its grade.
    pub grade: Grade,
}

/// Everything that equipment data says; absent is unknown.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Inputs {
    /// The machine list with interfaces and connection.
    pub assets: Option<Graded<Vec<Asset>>>,
    /// Machines with a live link, of machines.
    pub links: Option<Graded<Share>>,
    /// Samples of tags by 业务环节.
    pub sources: Option<Graded<Vec<Source>>>,
    /// 综合能源消费量 and revenue by calendar year: 前年, 上年.
    pub energy_years: Option<EnergyPair>,
    /// The same before and after the retrofit.
    pub energy_windows: Option<EnergyPair>,
    /// Months before and after the retrofit.
    pub quality: Option<QualityPair>,
}

/// Why a question, or a part of it, is not evidenced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lack {
    /// No machine list.
    NoLedger,
    /// The machine list has no production machine.
    NoProductionMachine,
    /// No links were recorded.
    NoLinks,
    /// Some machines have no live link.
    Unlinked(usize),
    /// No tag is assigned to an area.
    NoSources,
    /// An area without any tag.
    AreaWithoutSource(String),
    /// An area fed by hand only.
    AreaByHand(String),
    /// An area whose sources delivered less than 95 %.
    AreaIncomplete(String),
    /// The comparison the setting asks for is not there.
    NoComparison(Basis),
    /// A side without consumption.
    NoConsumption(String),
    /// A side whose figure is 综合能耗 of GB/T 2589.
    OtherMetric(String),
    /// The sides were converted with different factors.
    FactorsDiffer(String, String),
    /// A side without revenue.
    NoRevenue(String),
    /// A side without consumption to compare with, or out of range.
    NoQuotient(String),
    /// No months before and after.
    NoMonths,
    /// A side without a month of production.
    NoProduction(String),
}

impl Lack {
    /// In Chinese and English.
    pub fn words(&self) -> (String, String) {
        let (zh, en) = match self {
            Self::NoLedger => ("缺设备台账", "no machine list"),
            Self::NoProductionMachine => ("台账中没有生产设备", "no production machine in the list"),
            Self::NoLinks => ("缺链路记录", "no links recorded"),
            Self::Unlinked(n) => {
                return (format!("{n} 台设备没有现有链路"), format!("{n} machines have no live link"));
            }
            Self::NoSources => ("测点未对应业务环节", "no tag is assigned to an area"),
            Self::AreaWithoutSource(a) => return (format!("{a}：无自动采集测点"), format!("{a}: no automatic source")),
            Self::AreaByHand(a) => {
                return (
                    format!("{a}：仅有人工录入，不计入自动采集"),
                    format!("{a}: entered by hand only, which never counts"),
                );
            }
            Self::AreaIncomplete(a) => {
                return (
                    format!("{a}：实采样本不足应采的 95%"),
                    format!("{a}: less than 95 % of the expected samples"),
                );
            }
            Self::NoComparison(basis) => {
                let (z, e) = basis.words();
                return (format!("缺{z}数据"), format!("no figures {e}"));
            }
            Self::NoConsumption(side) => {
                return (format!("{side}：缺综合能源消费量"), format!("{side}: no energy consumption"));
            }
            Self::OtherMetric(side) => {
                return (
                    format!("{side}：所给为综合能耗（GB/T 2589），不是综合能源消费量"),
                    format!(
                        "{side}: the figure is comprehensive energy (GB/T 2589), another metric than energy consumption"
                    ),
                );
            }
            Self::FactorsDiffer(a, b) => {
                return (format!("前后折标系数版本不同：{a}、{b}"), format!("two versions of factors: {a}, {b}"));
            }
            Self::NoRevenue(side) => return (format!("{side}：缺营业收入"), format!("{side}: no revenue")),
            Self::NoQuotient(side) => {
                return (
                    format!("{side}：数值为零或超出范围，无法比较"),
                    format!("{side}: zero or out of range, cannot be compared"),
                );
            }
            Self::NoMonths => ("缺改造前后月度合格率", "no months before and after"),
            Self::NoProduction(side) => {
                return (format!("{side}：没有有产量的月份"), format!("{side}: no month with production"));
            }
        };
        (zh.to_owned(), en.to_owned())
    }
}

/// Something a reader must know about a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Note {
    /// 持平 is offered although the raw sign says otherwise.
    WithinTolerance(Direction),
    /// The other comparison of Q12 points elsewhere.
    OtherComparison(Basis, Direction),
    /// The plain mean of monthly rates points elsewhere than the pooled rate.
    MeanDisagrees(Direction),
    /// The interval contains no change.
    IntervalHoldsZero,
}

impl Note {
    /// In Chinese and English.
    pub fn words(&self) -> (String, String) {
        match self {
            Self::WithinTolerance(raw) => (
                format!("数值符号为{}，在设定容差内按持平列出", words(*raw).0),
                format!("by its sign {}, offered as unchanged within the configured tolerance", words(*raw).1),
            ),
            Self::OtherComparison(basis, to) => (
                format!("{}的方向为{}，与计分口径不一致", basis.words().0, words(*to).0),
                format!("{} says {}, otherwise than the comparison that scores", basis.words().1, words(*to).1),
            ),
            Self::MeanDisagrees(to) => (
                format!("各月合格率简单平均的方向为{}，与合并计算不一致", words(*to).0),
                format!("the plain mean of monthly rates says {}, otherwise than the pooled rate", words(*to).1),
            ),
            Self::IntervalHoldsZero => ("区间包含零变化".to_owned(), "the interval holds no change".to_owned()),
        }
    }
}

/// A direction in Chinese and English.
pub const fn words(direction: Direction) -> (&'static str, &'static str) {
    match direction {
        Direction::Higher => ("增加", "increased"),
        Direction::Same => ("持平", "unchanged"),
        Direction::Lower => ("降低", "decreased"),
    }
}

/// A figure a row rests on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    /// Definition.
    pub definition: &'static str,
    /// Of what, e.g. a year; empty when there is only one.
    pub of: String,
    /// The value.
    pub value: Rational,
}

/// A question with what data evidences of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Number.
    pub question: u8,
    /// Whether it counts in the total.
    pub extent: Extent,
    /// Options evidenced, or supported.
    pub options: Vec<String>,
    /// Points evidenced; none when nothing is, or when the row is outside the total.
    pub points: Option<Points>,
    /// Most points data could evidence here.
    pub of: Points,
    /// Worst grade of the inputs; none without inputs.
    pub grade: Option<Grade>,
    /// Figures behind it.
    pub shown: Vec<Shown>,
    /// Changes behind it: the one that scores first.
    pub changes: Vec<Changed>,
    /// What is missing.
    pub lacks: Vec<Lack>,
    /// What a reader must know.
    pub notes: Vec<Note>,
}

impl Row {
    fn new(question: &Question) -> Self {
        Self {
            question: question.number,
            extent: question.evidence.extent,
            options: Vec::new(),
            points: None,
            of: question.evidence_points(),
            grade: None,
            shown: Vec::new(),
            changes: Vec::new(),
            lacks: Vec::new(),
            notes: Vec::new(),
        }
    }

    fn rests_on(&mut self, grade: Grade) {
        self.grade = Some(self.grade.map_or(grade, |g| g.max(grade)));
    }

    fn choose(&mut self, option: Option<&crate::assessment::scheme::Choice>) {
        if let Some(option) = option {
            self.options = vec![option.option.clone()];
            self.points = Some(option.points);
        }
    }
}

/// What equipment data evidences of a questionnaire.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evidence {
    /// Id of the questionnaire.
    pub scheme: String,
    /// Questions that data speaks about.
    pub rows: Vec<Row>,
    /// Points evidenced.
    pub points: Points,
    /// Most that data could evidence.
    pub of: Points,
}

impl Evidence {
    /// The headline in Chinese and English. It is about points of single questions, never about a level.
    pub fn headline(&self) -> (String, String) {
        let (points, of) = (self.points.digits(), self.of.digits());
        (format!("设备数据可佐证 {points}/{of} 分"), format!("equipment data evidences {points}/{of} points"))
    }

    /// Worst grade of the rows that count.
    pub fn grade(&self) -> Option<Grade> {
        self.rows.iter().filter(|r| r.points.is_some()).filter_map(|r| r.grade).max()
    }

    /// The row of a question.
    pub fn row(&self, question: u8) -> Option<&Row> {
        self.rows.iter().find(|r| r.question == question)
    }
}

/// Evaluates what is there against a questionnaire.
pub fn evidence(scheme: &Scheme, inputs: &Inputs, settings: &Settings) -> Evidence {
    let mut rows = Vec::new();
    for question in scheme.questions() {
        let Some(figure) = question.evidence.by else { continue };
        let mut row = Row::new(question);
        match figure {
            Figure::DigitalShare => share(&mut row, question, inputs, "equipment.digital@1", checklist::digital),
            Figure::ConnectedShare => connected(&mut row, question, inputs),
            Figure::Areas => areas(&mut row, question, inputs),
            Figure::Links => links(&mut row, question, inputs),
            Figure::EnergyChange => change::energy(&mut row, question, inputs, settings),
            Figure::QualityChange => change::quality(&mut row, question, inputs, settings),
        }
        if row.extent != Extent::Counted {
            row.points = None;
        }
        rows.push(row);
    }
    let points = rows.iter().filter_map(|r| r.points).sum();
    Evidence { scheme: scheme.id.clone(), rows, points, of: scheme.evidence_points }
}

fn share(row: &mut Row, question: &Question, inputs: &Inputs, id: &'static str, of: fn(&[Asset]) -> Share) {
    let Some(assets) = &inputs.assets else { return row.lacks.push(Lack::NoLedger) };
    let share = of(&assets.value);
    match share.ratio() {
        Ok(value) => {
            row.shown.push(Shown { definition: id, of: String::new(), value });
            row.rests_on(assets.grade);
            row.choose(question.band(share.counted.len() as u64, share.of.len() as u64));
        }
        Err(_) => row.lacks.push(Lack::NoProductionMachine),
    }
}

fn connected(row: &mut Row, question: &Question, inputs: &Inputs) {
    share(row, question, inputs, "equipment.connected@1", checklist::connected);
    let beside = inputs.assets.as_ref().and_then(|a| checklist::connected_of_digital(&a.value).ratio().ok());
    if let Some(value) = beside {
        row.shown.push(Shown { definition: "equipment.connected_of_digital@1", of: String::new(), value });
    }
}

/// Areas are known by the Chinese name of their option.
fn areas(row: &mut Row, question: &Question, inputs: &Inputs) {
    let Some(sources) = &inputs.sources else { return row.lacks.push(Lack::NoSources) };
    let covered = checklist::areas_covered(&sources.value);
    let meant = question.options.iter().filter(|o| question.evidence.options.contains(&o.option));
    for option in meant {
        let area = &option.names.zh;
        if covered.contains(&area.as_str()) {
            row.options.push(option.option.clone());
            row.points = Some(row.points.unwrap_or_default().plus(option.points));
            continue;
        }
        let mine: Vec<&Source> = sources.value.iter().filter(|s| s.area == *area).collect();
        row.lacks.push(if mine.is_empty() {
            Lack::AreaWithoutSource(area.clone())
        } else if mine.iter().any(|s| s.is_automatic) {
            Lack::AreaIncomplete(area.clone())
        } else {
            Lack::AreaByHand(area.clone())
        });
    }
    if row.points.is_some() {
        row.rests_on(sources.grade);
    }
}

/// One live link supports that there is a network of machines, links of every machine that it covers the shop floor.
fn links(row: &mut Row, question: &Question, inputs: &Inputs) {
    let Some(links) = &inputs.links else { return row.lacks.push(Lack::NoLinks) };
    let Ok(value) = links.value.ratio() else { return row.lacks.push(Lack::NoProductionMachine) };
    row.shown.push(Shown { definition: "data.links@1", of: String::new(), value });
    row.rests_on(links.grade);
    let (with, of) = (links.value.counted.len(), links.value.of.len());
    let mut supported = question.evidence.options.iter();
    let (network, coverage) = (supported.next(), supported.next());
    row.options.extend(network.filter(|_| with > 0).cloned());
    row.options.extend(coverage.filter(|_| with >= of).cloned());
    if with < of {
        row.lacks.push(Lack::Unlinked(of - with));
    }
}

#[cfg(test)]
mod tests;
