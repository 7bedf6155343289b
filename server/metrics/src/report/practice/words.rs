//! What the sections of `practice` say, in words: the same wherever somebody reads them.

use super::{
    ActLine, Basis, CheckResult, DeviationLine, DifferenceKind, FilingAsked, FilingResult, PromiseDifference,
    PromiseLine, RouteAsked, StatedAct, StatusCode, StatusLine,
};
use crate::filed::OpinionBy;
use crate::onsite::{Act, Line};
use crate::report::Words;

impl FilingResult {
    /// By what changes were judged. `asked` are the filings of the request: what the rule says is printed there.
    pub fn basis_words(&self, asked: &[FilingAsked]) -> Words {
        let rule = asked.iter().find(|asked| asked.filing == self.filing).and_then(|asked| asked.rule.as_ref());
        let named = self.rule.as_deref().unwrap_or_default();
        let number = rule.and_then(|rule| rule.number.as_deref()).unwrap_or(named);
        match (self.basis, rule.and_then(|rule| rule.change.as_ref())) {
            (Basis::Route, Some(change)) => {
                let (zh, en) = change.words();
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

impl RouteAsked {
    /// Whose opinions, in order: those who decide together stand side by side.
    fn words(&self) -> (String, String) {
        let together = usize::from(self.together).clamp(1, self.opinions.len().max(1));
        let (first, last) = self.opinions.split_at(self.opinions.len().saturating_sub(together));
        let all = |of: &[OpinionBy], lang: fn((&'static str, &'static str)) -> &'static str, sign: &str| {
            of.iter().map(|by| lang(by.words())).collect::<Vec<_>>().join(sign)
        };
        let line = |lang, sign: &str, and: &str, note: &str| {
            let (before, mut last) = (all(first, lang, sign), all(last, lang, and));
            if together > 1 {
                last.push_str(note);
            }
            if before.is_empty() { last } else { format!("{before}{sign}{last}") }
        };
        (
            line(|words| words.0, "→", "与", "共同决定（不分先后）"),
            line(|words| words.1, " → ", " and ", " together, in any order"),
        )
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

impl CheckResult {
    /// What was drawn, seen, recorded and confirmed, in one sentence.
    pub fn words(&self) -> Words {
        let drawn: Vec<&str> = self
            .draws
            .iter()
            .filter_map(|draw| draw.drawn.as_ref())
            .flat_map(|of| &of.drawn)
            .map(String::as_str)
            .collect();
        let [acts, recorded, differing] = self.counted;
        let said = |yes: bool| {
            if yes {
                ("已确认全部内容", "confirmed all of it")
            } else {
                ("尚未确认全部内容", "has not confirmed all of it")
            }
        };
        let [checker, firm] = self.confirmed.map(said);
        let (check, none) = (&self.check, drawn.is_empty());
        Words {
            zh: format!(
                "现场核查 {check}：抽取 {} 次，抽中设备 {}；核查动作 {acts} 项，记有结果 {recorded} 项，其中与日志不符 {differing} 项；核查方{}，企业{}；不计入的条目 {} 项",
                self.draws.len(),
                if none { "无记录".to_owned() } else { drawn.join("、") },
                checker.0,
                firm.0,
                self.disregarded.len(),
            ),
            en: format!(
                "On-site check {check}: draws {}, machines drawn {}; acts {acts}, with a recorded result {recorded}, of those differing from the log {differing}; the checking side {}, the firm {}; statements that count for nothing {}",
                self.draws.len(),
                if none { "not recorded".to_owned() } else { drawn.join(", ") },
                checker.1,
                firm.1,
                self.disregarded.len(),
            ),
        }
    }
}

impl DeviationLine {
    /// Where it stands and for how long, in one sentence.
    pub fn words(&self) -> Words {
        let Self { deviation, target, .. } = self;
        let (stands, days) = (self.next.words(), self.days);
        let open = self.closed.is_none();
        let (zh, en) = match days {
            Some(days) if open => {
                (format!("；截至本报告已 {days} 天"), format!("; open for {days} days by the date of the report"))
            }
            Some(days) => (format!("；历时 {days} 天"), format!("; it took {days} days")),
            None => (String::new(), String::new()),
        };
        let overdue = self.overdue.len();
        let (late, late_en) = match overdue {
            0 => (String::new(), String::new()),
            n => (format!("；逾期措施 {n} 项"), format!("; measures overdue {n}")),
        };
        let day = |of: Option<crate::filed::Day>| of.map_or_else(String::new, |day| day.to_string());
        Words {
            zh: format!("目标 {target} 的偏离 {deviation}（{} 提示）：{}{zh}{late}", day(self.noticed), stands.zh),
            en: format!(
                "Deviation {deviation} of target {target} (notice of {}): {}{en}{late_en}",
                day(self.noticed),
                stands.en
            ),
        }
    }
}

impl ActLine {
    /// What the log showed of it, sentence by sentence; `name` gives a machine's.
    pub fn lines(&self, name: &dyn Fn(&str) -> Words) -> Vec<Line> {
        let act = match &self.stated {
            StatedAct::Press(press) => Act::Press(press.clone()),
            StatedAct::Face(face) => Act::Face(Box::new(face.clone())),
            StatedAct::Plate(plate) => Act::Plate(Box::new(plate.clone())),
        };
        self.result.as_ref().map(|result| result.found.lines(&act, name)).unwrap_or_default()
    }
}
