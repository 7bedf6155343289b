//! What the report says, chapter by chapter, in the order an assessor turns the pages.
//!
//! Constraints first:
//! - Chapters stand under the headings of the policy papers (《评测指标(2024年版)》 and the cities' notices); what equipment data
//!   cannot say is listed as 「非设备数据，见企业材料」, not left out.
//! - The contents need page numbers, and the pages need the contents: the pages are set until the headings stay where they are.
//! - The codes of pages are listed on the last pages, of all pages before them: no page's code is over itself.

mod annex;
pub(crate) mod beside;
mod calendars;
mod coverage;
mod front;
mod machines;
mod matters;
mod plan;
mod policy;
mod practice;
mod statements;
mod verdict;
mod verify;

pub(crate) use policy::OTHERS;
pub(crate) use practice::{deviation, filing, onsite};
pub(crate) use statements::is_entered as statement_is_entered;
pub(crate) use verify::five as five_steps;

use std::collections::BTreeMap;

use jiff::tz::TimeZone;
use look::format::Clockface;
use look::text::Lang;
use serde_json::Value as Json;

use crate::DocumentError;
use crate::flow::{Flow, Frame, Heading};
use crate::paper::Page;
use crate::read::{Period, Report};
use crate::words::Words;

/// What every chapter knows.
pub(crate) struct Context<'c> {
    pub(crate) report: &'c Report,
    pub(crate) words: Words,
    pub(crate) origin: &'c str,
    pub(crate) size: u64,
    pub(crate) root: String,
    /// SHA-256 of report.json, hex.
    pub(crate) digest: String,
    pub(crate) witnesses: Vec<String>,
    pub(crate) declared: &'c BTreeMap<u64, Json>,
}

impl Context<'_> {
    /// The report's name.
    pub(crate) fn title(&self) -> String {
        self.words
            .s("数字化改造成效数据佐证报告", "Supporting Data Report on the Effect of Digital Transformation")
            .to_owned()
    }

    /// The report's name at the head of a page.
    fn short_title(&self) -> &'static str {
        match self.words.lang {
            Lang::Zh => "数字化改造成效数据佐证报告",
            Lang::En => "Supporting data report",
        }
    }

    /// The factory as it is called.
    pub(crate) fn factory(&self) -> String {
        self.words.name(&self.report.names, &self.report.site)
    }

    /// A number to file the report by; the digest inside makes it unique.
    pub(crate) fn number(&self) -> String {
        format!("GZ-{}-{}-{}", self.report.site, self.size, self.short_digest())
    }

    pub(crate) fn short_digest(&self) -> String {
        self.digest.chars().take(12).collect()
    }

    /// Times of the site.
    pub(crate) fn face(&self) -> Clockface {
        let zone = TimeZone::get(&self.report.zone).unwrap_or(TimeZone::UTC);
        Clockface::new(zone, self.words.lang)
    }

    pub(crate) fn simulated(&self) -> Option<&'static str> {
        self.report.simulated.then_some("模拟数据 SIMULATED")
    }

    /// `日志第 77 条：`.
    pub(crate) fn leaf(&self, leaf: u64) -> String {
        self.words.texts().f1("promise-leaf", "leaf", crate::figures::count(leaf))
    }

    /// The sentence that every report carries.
    pub(crate) fn notice(&self) -> &'static str {
        match self.words.lang {
            Lang::Zh => "本报告不构成公证、计量检定或鉴定",
            Lang::En => "This report is not a notarisation, metrological verification or expert appraisal",
        }
    }

    /// The periods of the request, base period first.
    pub(crate) fn periods(&self) -> &[Period] {
        &self.report.request.periods
    }

    /// What a period is called. Where machines stand beside machines nothing is before and nothing after.
    pub(crate) fn period(&self, name: &str) -> String {
        match self.report.chosen() {
            Some(_) if name == "reporting" => {
                self.words.s("报告期（同期对照）", "Reporting period (side by side)").to_owned()
            }
            _ => self.words.period(name),
        }
    }

    /// The same in a narrow column.
    pub(crate) fn short_period(&self, name: &str) -> String {
        match self.report.chosen() {
            Some(_) if name == "reporting" => self.words.s("报告期", "period").to_owned(),
            _ => self.words.short_period(name),
        }
    }

    /// What the plan is called.
    pub(crate) fn plan(&self) -> Option<String> {
        let id = self.report.request.plan.as_deref()?;
        let names = self.report.measurement_plan.as_ref().map(|p| self.words.name(&p.names, id));
        Some(match names {
            Some(name) if name != id => format!("{name} ({id})"),
            _ => id.to_owned(),
        })
    }

    /// `1 `, `一、`.
    fn numbered(&self, n: usize, title: &str) -> String {
        const ZH: [&str; 21] = [
            "", "一", "二", "三", "四", "五", "六", "七", "八", "九", "十", "十一", "十二", "十三", "十四", "十五",
            "十六", "十七", "十八", "十九", "二十",
        ];
        match self.words.lang {
            Lang::Zh => format!("{}、{title}", ZH.get(n).copied().unwrap_or_default()),
            Lang::En => format!("{n}  {title}"),
        }
    }
}

/// The finished pages.
pub(crate) struct Made {
    pub(crate) pages: Vec<Page>,
    pub(crate) headings: Vec<Heading>,
    pub(crate) codes: Vec<String>,
}

/// Sets the report.
pub(crate) fn set(context: &Context<'_>) -> Result<Made, DocumentError> {
    let mut headings = Vec::new();
    // The first round learns how many entries the contents have, the second where they lead, the third is stable.
    for _ in 0..5 {
        let flow = set_once(context, &headings)?;
        if flow.headings == headings {
            return Ok(finished(context, flow));
        }
        headings = flow.headings;
    }
    Ok(finished(context, set_once(context, &headings)?))
}

fn set_once(context: &Context<'_>, contents: &[Heading]) -> Result<Flow, DocumentError> {
    let mut flow = Flow::default();
    let words = context.words;
    let mut number = 0;
    let mut next = |title: &str| {
        number += 1;
        context.numbered(number, title)
    };
    front::cover(&mut flow, context);
    front::contents(&mut flow, context, contents);
    flow.chapter(&next(words.s("结论一览", "Findings at a glance")), true);
    verdict::set(&mut flow, context)?;
    practice::glance(&mut flow, context);
    flow.chapter(&next(words.s("测量方案与基期锁定", "Measurement plan and locks")), true);
    plan::set(&mut flow, context);
    if let Some(practice) = &context.report.practice {
        if !practice.filings.is_empty() {
            flow.chapter(&next(words.s("备案方案与实施", "Filed plan and what is there")), true);
            practice::filings(&mut flow, context, practice);
        }
        if !practice.onsite.is_empty() {
            flow.chapter(&next(words.s("现场核查", "On-site checks")), true);
            practice::checks(&mut flow, context, practice);
        }
        if !practice.deviations.is_empty() {
            flow.chapter(&next(words.s("目标偏离与整改", "Deviations from targets")), true);
            practice::deviations(&mut flow, context, practice);
        }
    }
    for chapter in policy::CHAPTERS {
        // A heading, its note and the first rows of its first table stay together.
        flow.need(240.0);
        flow.chapter(&next(words.s(chapter.zh, chapter.en)), false);
        policy::set(&mut flow, context, &chapter)?;
    }
    flow.chapter(&next(words.s("安全及其他绩效指标", "Safety and other performance indicators")), false);
    policy::others(&mut flow, context);
    flow.chapter(&next(words.s("逐台设备", "Machine by machine")), true);
    machines::set(&mut flow, context)?;
    flow.chapter(&next(words.s("覆盖率与数据缺失", "Coverage and gaps")), true);
    coverage::set(&mut flow, context);
    calendars::set(&mut flow, context)?;
    flow.chapter(&next(words.s("待核实事项与企业说明", "Matters to verify and the factory's explanations")), false);
    matters::set(&mut flow, context);
    flow.chapter(&next(words.s("参数与变更", "Parameters and their changes")), false);
    statements::parameters(&mut flow, context);
    flow.chapter(&next(words.s("人工填报", "Statements by people")), false);
    statements::entries(&mut flow, context);
    flow.chapter(&next(words.s("数据可信等级", "Grades of evidence")), true);
    annex::grades(&mut flow, context);
    flow.chapter(&next(words.s("如何核验（五步）", "How to verify, in five steps")), false);
    verify::steps(&mut flow, context);
    flow.chapter(&next(words.s("签字与盖章", "Signatures and seals")), true);
    verify::signatures(&mut flow, context);
    flow.chapter(words.s("附录 A  计算口径与统计方法", "Annex A  Definitions and statistics"), true);
    annex::definitions(&mut flow, context);
    flow.chapter(words.s("附录 B  各页校验码", "Annex B  Check codes of the pages"), true);
    annex::codes(&mut flow, context);
    Ok(flow)
}

fn finished(context: &Context<'_>, flow: Flow) -> Made {
    let Flow { mut pages, headings, .. } = flow;
    let title = format!("{} · {}", context.short_title(), context.factory());
    let codes = framed(context, &title, &mut pages);
    Made { pages, headings, codes }
}

/// Puts header and footer around pages; gives the check code of each.
pub(crate) fn framed(context: &Context<'_>, title: &str, pages: &mut [Page]) -> Vec<String> {
    let lang = context.words.lang;
    let tag = lang.tag();
    let codes: Vec<String> = (1..).zip(pages.iter()).map(|(n, page)| page.code(&context.digest, tag, n)).collect();
    let frame = Frame {
        title,
        number: &context.number(),
        simulated: context.simulated(),
        notice: context.notice(),
        code_label: context.words.s("本页校验码", "Check code of this page"),
        of: &|page, total| match lang {
            Lang::Zh => format!("第 {page} 页 共 {total} 页"),
            Lang::En => format!("page {page} of {total}"),
        },
    };
    frame.draw(pages, &codes);
    codes
}
