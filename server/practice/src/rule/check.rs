//! What a rule file must fulfil beside its shape: ids once, words in both languages, limits and instalments that can be meant.

use super::{Limit, Part, Rule};
use crate::file::{FileError, Source};
use crate::words::{FEN_MAX, words};

impl Rule {
    pub(super) fn check(&self, source: Source<'_>) -> Result<(), FileError> {
        source.unique([&self.id])?;
        source.unique(self.category.iter().map(|c| &c.id))?;
        source.unique(self.exclusion.iter().map(|c| &c.id))?;
        source.unique(self.cap.iter().map(|c| &c.id))?;
        source.unique(self.award.iter().map(|c| &c.id))?;
        source.unique(self.stage.iter().map(|c| &c.id))?;
        source.unique(self.batch.iter().map(|c| &c.id))?;
        let at = self.id.span().start;
        let head = self.issuers.iter().chain(&self.number).chain(self.sectors.iter().flat_map(|s| &s.list));
        source.texts(at, head.map(String::as_str))?;
        self.said().into_iter().try_for_each(|(at, names, clause)| {
            let clause = clause.map(|c| [c.article.as_str(), &c.quote, &c.en]);
            let names = names.map(|n| [n.zh.as_str(), &n.en]);
            source.texts(at, names.into_iter().flatten().chain(clause.into_iter().flatten()))
        })?;
        let refuse = |at: usize, zh: &str, en: &str| Err(source.refuse(at, words(zh, en)));
        let long = [self.issuers.len(), self.line_condition.len(), self.note.len()].iter().any(|n| *n > 20);
        if long || self.issuers.is_empty() || self.category.is_empty() || self.stage.is_empty() || self.cap.is_empty() {
            let en =
                "a rule names 1 to 20 issuers, at least one category, cap and stage, at most 20 conditions and notes";
            return refuse(
                at,
                "须有 1 至 20 个发文机关，至少一个支出类别、一项限额、一个拨付阶段；条件与说明各不超过 20 条",
                en,
            );
        }
        if !self.draft && self.number.is_none() {
            return refuse(
                at,
                "正式文件须写文号 number；征求意见稿写 draft = true",
                "a rule that is no draft has its `number`",
            );
        }
        if let Some(valid) = &self.validity {
            if valid.from.zip(valid.to).is_some_and(|(from, to)| from > to) {
                return refuse(at, "有效期止早于起", "the validity ends before it begins");
            }
            if valid.to.is_some() == valid.years.is_some() || valid.years.is_some_and(|y| !(1..=30).contains(&y)) {
                let en = "a validity has either `to` or `years` (1 to 30)";
                return refuse(at, "有效期须写 to 或 years（1 至 30）之一", en);
            }
        }
        if self.pilot.as_ref().is_some_and(|p| p.from.is_some_and(|from| from > p.to)) {
            return refuse(at, "试点实施期止早于起", "the pilot ends before it begins");
        }
        if self.least_level.as_ref().is_some_and(|l| !(1..=4).contains(&l.level)) {
            return refuse(at, "等级须为 1 至 4", "a level is 1 to 4");
        }
        if let Some(change) = &self.change {
            let twice = change.route.iter().enumerate().any(|(i, by)| change.route.iter().skip(i + 1).any(|o| o == by));
            let months = change.delay.as_ref().is_some_and(|d| !(1..=60).contains(&d.months));
            let together = !(1..=change.route.len()).contains(&usize::from(change.together));
            if change.route.is_empty() || twice || together || months || change.major.len() > 20 {
                let en = "a route names who is asked, each once, `together` how many of them decide; a delay is 1 to 60 months; at most 20 major changes";
                return refuse(
                    at,
                    "变更的意见顺序须非空且不重复，together 为其中共同审定的个数；延期月数须为 1 至 60；重大变化最多 20 条",
                    en,
                );
            }
        }
        for cap in &self.cap {
            if !cap.limit.is_sound() {
                let en =
                    "a share is 1 to 100 percent; level limits are 1 to 10^12 fen for levels 1 to 4 and never fall";
                return refuse(
                    cap.id.span().start,
                    "比例须为 1 至 100；等级限额须为 1 至 10^12 分、等级 1 至 4 且不递减",
                    en,
                );
            }
        }
        for award in &self.award {
            let both = award.fixed_fen.is_some() && award.most_fen.is_some();
            if both || award.fixed_fen.or(award.most_fen).is_some_and(|fen| !(1..=FEN_MAX).contains(&fen)) {
                let en = "an award has at most one of `fixed_fen` and `most_fen`, 1 to 10^12 fen";
                return refuse(award.id.span().start, "奖励最多写 fixed_fen、most_fen 之一，1 至 10^12 分", en);
            }
        }
        self.check_stages(source)
    }

    fn check_stages(&self, source: Source<'_>) -> Result<(), FileError> {
        let mut share = 0_u32;
        for (i, stage) in self.stage.iter().enumerate() {
            let is_last = i + 1 == self.stage.len();
            let sound = match stage.part {
                Part::AtMost { percent } => {
                    share += u32::from(percent);
                    percent > 0 && share <= 100
                }
                Part::Rest => is_last,
                Part::Authority => true,
            };
            // What is left over must be somebody's: the last instalment takes it, or the authority says.
            if !sound || (is_last && matches!(stage.part, Part::AtMost { .. }) && share != 100) {
                let en = "shares of the stages are 1 to 100 percent in all; the last stage takes the rest (`rest`) or makes up 100";
                let said = words("各阶段比例合计须为 1 至 100，最后一个阶段须为 rest 或恰好补足 100", en);
                return Err(source.refuse(stage.id.span().start, said));
            }
        }
        Ok(())
    }
}

impl Limit {
    fn is_sound(&self) -> bool {
        match self {
            Self::Share { percent, .. } | Self::AllSupport { percent, .. } => (1..=100).contains(percent),
            Self::Level { fen } => {
                let levels = fen.keys().all(|l| ["1", "2", "3", "4"].contains(&l.as_str()));
                let bounded = fen.values().all(|f| (1..=FEN_MAX).contains(f));
                !fen.is_empty() && levels && bounded && fen.values().is_sorted()
            }
            Self::Authority {} | Self::AuthorityAmount {} => true,
        }
    }
}
