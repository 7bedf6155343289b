//! The words of the documents: a language, and what codes of the report mean in it.
//!
//! Constraints first: official terms as policy papers write them (验收意见 belongs to the experts, so no word here is one);
//! a code this program does not know is printed as it is, never hidden.

use look::text::{Lang, Texts};
use metrics::grade::Flag;
use metrics::oee::Undefined;
use metrics::report::Caution;

use crate::read::{Names, Report};

/// The language of a document.
#[derive(Clone, Copy)]
pub(crate) struct Words {
    pub(crate) lang: Lang,
}

/// Most characters of a name on paper.
const NAME_MAX: usize = 120;

impl Words {
    /// One of two texts.
    pub(crate) fn s<'w>(self, zh: &'w str, en: &'w str) -> &'w str {
        match self.lang {
            Lang::Zh => zh,
            Lang::En => en,
        }
    }

    /// Words of the pages, for pictures and codes.
    pub(crate) fn texts(self) -> &'static Texts {
        self.lang.texts()
    }

    /// A name in this language; the other language, then the id, stand in.
    pub(crate) fn name(self, names: &Names, id: &str) -> String {
        let (first, second) = match self.lang {
            Lang::Zh => (&names.zh, &names.en),
            Lang::En => (&names.en, &names.zh),
        };
        let name = [first, second].into_iter().find(|n| !n.is_empty()).map_or(id, String::as_str);
        // Nobody bounds a name that is declared; a page does.
        match name.char_indices().nth(NAME_MAX) {
            Some((end, _)) => format!("{}…", &name[..end]),
            None => name.to_owned(),
        }
    }

    /// A machine, or the sum over all.
    pub(crate) fn machine(self, report: &Report, id: &str) -> String {
        if id == metrics::report::ALL_MACHINES && report.chosen().is_some() {
            // Those they are compared with are in no sum.
            return self.s("改造设备合计", "All retrofitted machines").to_owned();
        }
        if id == metrics::report::ALL_MACHINES {
            return self.s("全部生产设备合计", "All production machines").to_owned();
        }
        let found = report.machines.iter().find(|m| m.machine == id);
        let name = found.map_or_else(|| id.to_owned(), |m| self.name(&m.names, id));
        // What is compared with stands in every table beside what was retrofitted.
        if report.is_reference(id) { format!("{name}{}", self.s("（对照）", " (comparison)")) } else { name }
    }

    /// A period.
    pub(crate) fn period(self, name: &str) -> String {
        match name {
            "baseline" => self.s("基期（改造前）", "Base period (before)").to_owned(),
            "reporting" => self.s("报告期（改造后）", "Reporting period (after)").to_owned(),
            "period" => self.s("报告期", "Reporting period").to_owned(),
            other => other.to_owned(),
        }
    }

    /// A period in a narrow column.
    pub(crate) fn short_period(self, name: &str) -> String {
        match name {
            "baseline" => self.s("基期", "before").to_owned(),
            "reporting" => self.s("报告期", "after").to_owned(),
            other => self.period(other),
        }
    }

    /// What a definition is called.
    pub(crate) fn definition(self, report: &Report, id: &str) -> String {
        match id {
            "energy.per_production_day@1" => self.s("每生产日用电量", "Energy per production day").to_owned(),
            "good.per_production_day@1" => self.s("每生产日合格数", "Good items per production day").to_owned(),
            id => {
                let found = report.definitions.iter().find(|d| d.id == id);
                found.map_or_else(|| id.to_owned(), |d| self.name(&d.names, id))
            }
        }
    }

    /// The unit as it is printed.
    pub(crate) fn unit(self, unit: &str) -> String {
        match self.lang {
            Lang::Zh => unit.replace("pcs", "件"),
            Lang::En => unit.to_owned(),
        }
    }

    /// The change, in words.
    pub(crate) fn change(self, code: &str, definition: &str) -> &'static str {
        let is_energy = definition.starts_with("energy.");
        let is_amount = is_energy || definition.starts_with("good.");
        match (code, is_amount) {
            ("UP", true) => self.fixed("增加", "increase"),
            ("DOWN", true) if is_energy => self.fixed("降低", "decrease"),
            ("DOWN", true) => self.fixed("减少", "decrease"),
            ("UP", _) => self.fixed("提升", "increase"),
            ("DOWN", _) => self.fixed("下降", "decrease"),
            ("NOT_SIGNIFICANT", _) => self.fixed("统计上无显著变化", "no significant change"),
            _ => self.fixed("证据不足", "insufficient evidence"),
        }
    }

    /// The verdict against a target.
    pub(crate) fn verdict(self, code: &str) -> &'static str {
        match code {
            "MET" => self.fixed("达标", "target met"),
            "NOT_MET" => self.fixed("未达标", "target not met"),
            _ => self.fixed("证据不足", "insufficient evidence"),
        }
    }

    fn fixed(self, zh: &'static str, en: &'static str) -> &'static str {
        match self.lang {
            Lang::Zh => zh,
            Lang::En => en,
        }
    }

    /// Why a comparison or a verdict is withheld or weak.
    pub(crate) fn caution(self, code: &str) -> String {
        match Caution::from_code(code) {
            Some(caution) => self.pair(caution.words()),
            None => self.word("promise-because", code),
        }
    }

    /// What a flag means.
    pub(crate) fn flag(self, code: &str) -> String {
        Flag::from_code(code).map_or_else(|| code.to_owned(), |flag| self.pair(flag.words()))
    }

    /// Why there is no value.
    pub(crate) fn undefined(self, code: &str) -> String {
        Undefined::from_code(code).map_or_else(|| code.to_owned(), |reason| self.pair(reason.words()))
    }

    fn pair(self, (zh, en): (&str, &str)) -> String {
        self.s(zh, en).to_owned()
    }

    /// A word under a family of keys of the pages: `cause` + `device_silent`.
    pub(crate) fn word(self, family: &str, code: &str) -> String {
        let key = format!("{family}-{}", code.to_ascii_lowercase().replace('_', "-"));
        if self.texts().has(&key) { self.texts().s(&key) } else { code.to_owned() }
    }

    /// A kind of declaration.
    pub(crate) fn kind(self, kind: &str) -> String {
        for family in ["declared", "param"] {
            let word = self.word(family, kind);
            if word != kind {
                return word;
            }
        }
        kind.to_owned()
    }

    /// In which role somebody stated something; `enrolment` is the server's own, when a gateway showed its code.
    pub(crate) fn role(self, role: &str) -> String {
        match role {
            "enrolment" => self.s("入网程序", "enrolment").to_owned(),
            role => self.word("role", role),
        }
    }

    /// Why a statement moved nothing: the report's code in words; earlier reports have words of their own.
    pub(crate) fn invalid(self, why: &str) -> &str {
        match why {
            metrics::report::INVALID_BODY => self.s("内容不符合此类填报的要求", "its body is not valid for its kind"),
            words => words,
        }
    }

    /// A reason as it was stated; those that the server writes itself are in the reader's language.
    pub(crate) fn reason(self, stated: &str) -> &str {
        match stated {
            "site created" => self.s("建立站点", stated),
            "one-time code" => self.s("一次性入网码", stated),
            "report issued" => self.s("出具报告", stated),
            "measurement plan" => self.s("测量方案", stated),
            "baseline locked" => self.s("基期锁定", stated),
            "comparison locked" => self.s("对照锁定", stated),
            "carried on a stick" => self.s("网关无网络，记录经 U 盘带入", stated),
            "notice of a deviation" => self.s("偏离提示", stated),
            "measured again" => self.s("复测", stated),
            "deviation explanation" => self.s("偏离：企业说明", stated),
            "deviation measures" => self.s("偏离：整改措施", stated),
            "deviation closed" => self.s("偏离：销号", stated),
            "opened the list" => self.s("打开待核实事项清单", stated),
            stated => stated,
        }
    }

    /// A part of a shift's time by its symbol.
    pub(crate) fn bucket(self, symbol: &str) -> String {
        let (zh, en) = match symbol {
            "PBT" => ("计划工作时间", "planned busy time"),
            "POT" => ("计划运行时间", "planned operation time"),
            "PDOT" => ("计划停机", "planned stops"),
            "APT" => ("实际生产时间", "production time"),
            "AUST" => ("换线时间", "setup time"),
            "ADET" => ("停机与等待", "delays"),
            "ADOT" => ("无订单", "no order"),
            "UNK" => ("未知", "unknown"),
            "OUTSIDE" => ("班外", "outside shifts"),
            other => return other.to_owned(),
        };
        format!("{} {symbol}", self.s(zh, en))
    }

    /// The rule by which report.json rounds.
    pub(crate) fn rounding(self, rule: &str) -> &str {
        match rule {
            "six decimals, half away from zero" => self.s("六位小数，半数向远离零的方向进位", rule),
            rule => rule,
        }
    }

    /// How many shifts of a period were valid.
    pub(crate) fn standing(self, code: &str) -> String {
        match code {
            "full" => self.s("完整（有效班次不少于 90 %）", "full (at least 90 % of shifts valid)").to_owned(),
            "qualified" => self.s("受限（有效班次 75 %–90 %）", "qualified (75–90 % of shifts valid)").to_owned(),
            "none" => self.s("不足（有效班次少于 75 %）", "insufficient (fewer than 75 % of shifts valid)").to_owned(),
            other => other.to_owned(),
        }
    }
}
