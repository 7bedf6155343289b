//! Every metric definition as data: the names, unit, formula and clause that pages, reports and verifiers show.
//!
//! Constraints: an id with its version never changes meaning; a new rule is a new version. Each definition names the
//! function that evaluates it and the coverage it rests on, so that nothing computes a metric any other way.
//!
//! [`ALL`] is what reports print; [`entries`] is every definition, in [`Entry`] form.

mod assessment;
mod batches;
mod carriers;
mod credibility;
mod elements;
mod entry;
mod ledger;
mod makes;
mod metering;
mod shopfloor;

pub use entry::{Entry, entries, explain};

use crate::facts::{Facts, Share};
use crate::oee::{self, Value};

/// What a value rests on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rests {
    /// The state signal.
    State,
    /// State and counters.
    StateAndCounters,
    /// Counters.
    Counters,
    /// The energy register.
    Energy,
    /// Energy register and counters.
    EnergyAndCounters,
}

/// A metric definition.
#[derive(Debug, Clone, Copy)]
pub struct Definition {
    /// `name@version`.
    pub id: &'static str,
    /// Chinese name.
    pub zh: &'static str,
    /// English name.
    pub en: &'static str,
    /// Unit of the value; `1` for ratios.
    pub unit: &'static str,
    /// Formula in the symbols of ISO 22400.
    pub formula: &'static str,
    /// Standard and clause, or `Gongzheng` for our own.
    pub source: &'static str,
    /// Edge rules, Chinese.
    pub edge_zh: &'static str,
    /// Edge rules, English.
    pub edge_en: &'static str,
    /// What it rests on.
    pub rests: Rests,
    /// How it is evaluated.
    pub value: fn(&Facts) -> Value,
}

impl Definition {
    /// Coverage of the facts the value rests on.
    pub fn cover(&self, f: &Facts) -> Share {
        match self.rests {
            Rests::State => f.state_cover,
            Rests::StateAndCounters => f.oee_cover(),
            Rests::Counters => f.counter_cover,
            Rests::Energy => f.energy_cover,
            Rests::EnergyAndCounters => f.per_good_cover(),
        }
    }

    /// Whether a machine with these facts can have this metric at all.
    pub fn applies(&self, f: &Facts) -> bool {
        let counts = f.production.is_some();
        let metered = f.energy.is_some() || f.energy_broken;
        match self.rests {
            Rests::State => f.has_state,
            Rests::StateAndCounters => f.has_state && counts,
            Rests::Counters => counts,
            Rests::Energy => metered,
            Rests::EnergyAndCounters => metered && counts,
        }
    }
}

/// The definition with this id.
pub fn get(id: &str) -> Option<&'static Definition> {
    ALL.iter().find(|d| d.id == id)
}

const ISO: &str = "ISO 22400-2:2014 cl. 6";

/// Every definition, in the order reports show them.
pub static ALL: [Definition; 14] = [
    Definition {
        id: "oee.iso22400@1",
        zh: "设备综合利用率（设备综合效率 OEE）",
        en: "OEE",
        unit: "1",
        formula: "OEE = Σ PRI·GQ / PBT",
        source: ISO,
        edge_zh: "计划停机内的运行计入 APT 与 PBT；不设 100% 上限；返工不计合格。",
        edge_en: "Running in planned stops adds to APT and PBT; never capped; rework is not good.",
        rests: Rests::StateAndCounters,
        value: oee::oee,
    },
    Definition {
        id: "availability.iso22400@1",
        zh: "时间开动率",
        en: "Availability",
        unit: "1",
        formula: "A = APT / PBT",
        source: ISO,
        edge_zh: "未观测时间计入 PBT，不计入 APT，并给出上下界。",
        edge_en: "Unobserved time counts in PBT and not in APT; bounds are given.",
        rests: Rests::State,
        value: oee::availability,
    },
    Definition {
        id: "performance.iso22400@1",
        zh: "性能开动率",
        en: "Performance",
        unit: "1",
        formula: "E = Σ PRI·PQ / APT",
        source: ISO,
        edge_zh: "可能超过 100%，如实列出并提示复核计划节拍。",
        edge_en: "May exceed 100 %; shown raw with a flag to review the planned cycle time.",
        rests: Rests::StateAndCounters,
        value: oee::performance,
    },
    Definition {
        id: "quality.iso22400@1",
        zh: "合格品率",
        en: "Quality ratio",
        unit: "1",
        formula: "Q = Σ PRI·GQ / Σ PRI·PQ",
        source: ISO,
        edge_zh: "多品种按计划工时加权；未采集不良数时无定义。",
        edge_en: "Weighted by planned time over products; undefined when rejects are not counted.",
        rests: Rests::Counters,
        value: oee::quality,
    },
    Definition {
        id: "nee.iso22400@1",
        zh: "设备净效率",
        en: "Net equipment effectiveness",
        unit: "1",
        formula: "NEE = (AUPT / PBT)·E·Q",
        source: ISO,
        edge_zh: "换线不计为损失。",
        edge_en: "Setup is not a loss.",
        rests: Rests::StateAndCounters,
        value: oee::net_equipment_effectiveness,
    },
    Definition {
        id: "allocation.iso22400@1",
        zh: "分配效率",
        en: "Allocation efficiency",
        unit: "1",
        formula: "AE = AUBT / PBT",
        source: ISO,
        edge_zh: "无订单信息时，计划时间内视为有订单。",
        edge_en: "Without order information planned time counts as having an order.",
        rests: Rests::State,
        value: oee::allocation_efficiency,
    },
    Definition {
        id: "util.calendar@1",
        zh: "设备利用率（日历时间）",
        en: "Utilisation (calendar time)",
        unit: "1",
        formula: "U = RUN / calendar time",
        source: "Gongzheng",
        edge_zh: "分母为窗口全部时间，不可与按计划时间的指标相加。",
        edge_en: "The denominator is all time of the window; never summed with metrics of planned time.",
        rests: Rests::State,
        value: oee::utilisation,
    },
    Definition {
        id: "teep@1",
        zh: "完全有效生产率 TEEP",
        en: "TEEP",
        unit: "1",
        formula: "TEEP = Σ PRI·GQ / calendar time",
        source: "Gongzheng",
        edge_zh: "分母为窗口全部时间。",
        edge_en: "The denominator is all time of the window.",
        rests: Rests::Counters,
        value: oee::teep,
    },
    Definition {
        id: "count.produced@1",
        zh: "产量",
        en: "Items produced",
        unit: "pcs",
        formula: "PQ = GQ + SQ",
        source: ISO,
        edge_zh: "班次边界按线性插值取整；翻转还原，归零前数量未知。",
        edge_en: "Interpolated and rounded down at shift edges; rollovers unwrapped; unknown before a reset.",
        rests: Rests::Counters,
        value: |f| oee::items(f, |p| p.produced.items),
    },
    Definition {
        id: "count.good@1",
        zh: "合格数",
        en: "Good items",
        unit: "pcs",
        formula: "GQ",
        source: ISO,
        edge_zh: "人工填报的不良数从合格数中扣除。",
        edge_en: "Rejects stated by a person are taken off the good count.",
        rests: Rests::Counters,
        value: |f| oee::items(f, |p| p.good.items),
    },
    Definition {
        id: "count.rejected@1",
        zh: "不良数",
        en: "Rejected items",
        unit: "pcs",
        formula: "SQ",
        source: ISO,
        edge_zh: "未采集不良数时为零并提示。",
        edge_en: "Zero with a flag when rejects are not counted.",
        rests: Rests::Counters,
        value: |f| oee::items(f, |p| p.rejected.items),
    },
    Definition {
        id: "energy.active@1",
        zh: "用电量",
        en: "Active energy",
        unit: "kWh",
        formula: "E = Δregister × ratio",
        source: "Gongzheng",
        edge_zh: "表底差值，班次边界线性插值；换表须填报，否则无定义。",
        edge_en: "Register difference, interpolated at shift edges; an exchange must be declared, otherwise undefined.",
        rests: Rests::Energy,
        value: oee::energy_kwh,
    },
    Definition {
        id: "energy.per_good@1",
        zh: "单位合格品用电量",
        en: "Energy per good item",
        unit: "kWh/pcs",
        formula: "e = E / GQ",
        source: "Gongzheng",
        edge_zh: "合格数为零时无定义；须与产量变化一并展示。",
        edge_en: "Undefined without good items; always shown beside the change of output.",
        rests: Rests::EnergyAndCounters,
        value: oee::energy_per_good,
    },
    Definition {
        id: "state.planned@1",
        zh: "计划工作时间占比",
        en: "Planned busy share",
        unit: "1",
        formula: "PBT / calendar time",
        source: "Gongzheng",
        edge_zh: "班次内除去计划停机；含计划外运行。",
        edge_en: "Shift time without planned stops, plus unplanned running.",
        rests: Rests::State,
        value: oee::planned_share,
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_unique_and_carry_a_version() {
        for (i, d) in ALL.iter().enumerate() {
            assert!(d.id.split('@').count() == 2 && d.id.ends_with("@1"), "{}", d.id);
            assert!(ALL.iter().skip(i + 1).all(|o| o.id != d.id), "{}", d.id);
            assert!(!d.zh.is_empty() && !d.en.is_empty() && !d.edge_zh.is_empty() && !d.edge_en.is_empty());
        }
    }
}
