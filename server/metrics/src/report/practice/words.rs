//! What the sections of `practice` say, in words: the same wherever somebody reads them.

use super::{Basis, DifferenceKind, FilingAsked, FilingResult, PromiseDifference, PromiseLine, StatusCode, StatusLine};
use crate::filed::OpinionBy;
use crate::report::Words;

impl FilingResult {
    /// By what changes were judged. `asked` are the filings of the request: what the rule says is printed there.
    pub fn basis_words(&self, asked: &[FilingAsked]) -> Words {
        let rule = asked.iter().find(|asked| asked.filing == self.filing).and_then(|asked| asked.rule.as_ref());
        let named = self.rule.as_deref().unwrap_or_default();
        let number = rule.and_then(|rule| rule.number.as_deref()).unwrap_or(named);
        match (self.basis, rule.and_then(|rule| rule.change.as_ref())) {
            (Basis::Route, Some(change)) => {
                let all = |lang: fn((&'static str, &'static str)) -> &'static str, sign: &str| {
                    let all: Vec<&str> = change.opinions.iter().map(|by: &OpinionBy| lang(by.words())).collect();
                    all.join(sign)
                };
                let (zh, en) = (all(|words| words.0, "→"), all(|words| words.1, " → "));
                let article = &change.article;
                Words {
                    zh: format!("按 {number} {article} 的意见顺序判定：{zh}"),
                    en: format!("judged by the order of opinions of {number} {article}: {en}"),
                }
            }
            (Basis::Route | Basis::NoRoute, _) => Words {
                zh: format!("{number} 未规定变更程序，由主管部门确定；没有变更视为已同意"),
                en: format!("{number} names no procedure for changes, the authority decides; none counts as approved"),
            },
            (Basis::RuleUnknown, _) => Words {
                zh: format!("方案所列办法 {named} 的规则文件不在系统内；没有变更视为已同意"),
                en: format!("the rule file `{named}` that the plan names is not at hand; no change counts as approved"),
            },
            (Basis::NoRule, _) => {
                ("方案未写明所依据的办法；没有变更视为已同意", "the plan names no rule; no change counts as approved")
                    .into()
            }
        }
    }
}

impl PromiseLine {
    /// What the row is about.
    pub fn what(&self) -> Words {
        match (&self.machine, &self.point, &self.gateway) {
            (Some(machine), Some(point), _) => Words {
                zh: format!("设备 {machine} 测点 {point}"),
                en: format!("machine {machine}, point {point}"),
            },
            (Some(machine), None, _) => Words { zh: format!("设备 {machine}"), en: format!("machine {machine}") },
            (None, _, gateway) => {
                let gateway = gateway.as_deref().unwrap_or_default();
                Words { zh: format!("网关 {gateway}"), en: format!("gateway {gateway}") }
            }
        }
    }
}

impl PromiseDifference {
    /// How the row differs, and where an application that would cover it stands.
    pub fn words(&self, of: &FilingResult) -> Words {
        let (zh, en) = match self.kind {
            DifferenceKind::Extra => (
                "不在现行方案内，报告期内有数据",
                "not in the plan in force, and there is data in the dates of the report",
            ),
            DifferenceKind::Missing => (
                "现行方案内，实施期限已过，报告期内无数据",
                "in the plan in force, the term is over, and there is no data in the dates of the report",
            ),
        };
        let covering = self.covered_by.as_ref();
        match covering.and_then(|change| of.applications.iter().find(|a| a.change == *change)) {
            Some(application) => {
                let (change, stands) = (&application.change, application.status.words());
                Words {
                    zh: format!("{zh}；变更申请 {change} 尚未同意：{}", stands.zh),
                    en: format!("{en}; application {change} is not approved: {}", stands.en),
                }
            }
            None => {
                Words { zh: format!("{zh}；没有经同意的变更"), en: format!("{en}; no change was approved") }
            }
        }
    }
}

impl StatusLine {
    /// Where an application stands.
    pub fn words(&self) -> Words {
        let (zh, en) = self.by.map_or(("", ""), OpinionBy::words);
        match self.code {
            StatusCode::Approved => ("已同意", "approved").into(),
            StatusCode::Refused => Words { zh: format!("{zh}不同意"), en: format!("not agreed by the {en}") },
            StatusCode::Returned => Words {
                zh: format!("{zh}退回补正，待企业重新提交"),
                en: format!("returned by the {en}; the firm submits it again"),
            },
            StatusCode::Waiting => {
                Words { zh: format!("待{zh}意见"), en: format!("waiting for the opinion of the {en}") }
            }
            StatusCode::NoRoute => {
                ("没有已知的变更程序，由主管部门确定", "no procedure for changes is known; the authority decides")
                    .into()
            }
        }
    }
}
