//! The definitions of §3 as data: what a page or a report prints beside the numbers.
//!
//! Constraints: an id with its version never changes meaning; a new rule is a new version.

/// The method of [`super::evaluate`].
pub const METHOD: &str = "savings.regression@1";

/// A statistic's definition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Definition {
    /// `name@version`.
    pub id: &'static str,
    /// Chinese name.
    pub zh: &'static str,
    /// English name.
    pub en: &'static str,
    /// Unit; `1` for ratios.
    pub unit: &'static str,
    /// Formula.
    pub formula: &'static str,
    /// Where it comes from.
    pub source: &'static str,
    /// Edge rules, Chinese.
    pub edge_zh: &'static str,
    /// Edge rules, English.
    pub edge_en: &'static str,
    /// The function that evaluates it.
    pub evaluated_by: &'static str,
}

/// All of them, in the order a report shows them.
pub static ALL: [Definition; 13] = [
    Definition {
        id: METHOD,
        zh: "节能量评价（基期能耗-影响因素模型法）",
        en: "Savings by regression baseline",
        unit: "1",
        formula: "E_t = b0 + Σb_j·P_jt + b_h·HDD_t + b_c·CDD_t + e_t, ordinary least squares",
        source: "GB/T 28750-2012; ASHRAE Guideline 14-2014",
        edge_zh: "基期不少于 12 个月或 60 个有效生产日；非常规调整须有证据并经他人批准，调整前后结果并列。",
        edge_en: "At least 12 months or 60 valid production days of baseline; non-routine adjustments need evidence and a second \
                  person, and the result is shown with and without them.",
        evaluated_by: "savings::evaluate",
    },
    Definition {
        id: "savings.avoided@1",
        zh: "节能量",
        en: "Avoided energy",
        unit: "kWh",
        formula: "Σ(Ê_t − E_t), Ê_t = X_t·b",
        source: "IPMVP B/C; GB/T 28750-2012",
        edge_zh: "正值为节能；不折算全年；外推能耗超过 20% 时不出结论。",
        edge_en: "Positive is saved; never annualised; declined when more than 20 % of the energy is extrapolated.",
        evaluated_by: "baseline::Model::project",
    },
    Definition {
        id: "savings.fraction@1",
        zh: "节能率",
        en: "Fractional savings",
        unit: "1",
        formula: "F = Σ(Ê_t − E_t) / ΣÊ_t",
        source: "ASHRAE Guideline 14-2014",
        edge_zh: "分母为校准能耗。",
        edge_en: "The denominator is the adjusted baseline.",
        evaluated_by: "savings::evaluate",
    },
    Definition {
        id: "savings.interval@1",
        zh: "节能量置信区间",
        en: "Interval of avoided energy",
        unit: "kWh",
        formula: "U = t·s·√((n/n')·(m + 1ᵀX_r(XᵀX)⁻¹X_rᵀ1))",
        source: "Koran; κ = n/n' Gongzheng",
        edge_zh: "双侧 t 分布，自由度 n−p；ρ 限于 0…0.99，n' 不大于 n。",
        edge_en: "Two-sided t with n − p degrees of freedom; ρ clamped to 0…0.99, n' never above n.",
        evaluated_by: "baseline::uncertainty",
    },
    Definition {
        id: "savings.fsu.ashrae@1",
        zh: "节能量相对不确定度（ASHRAE）",
        en: "Fractional savings uncertainty (ASHRAE)",
        unit: "1",
        formula: "FSU = t·1.26·CV/|F|·√((n/n')·(1 + 2/n')·(1/m))",
        source: "ASHRAE Guideline 14-2014 Annex B",
        edge_zh: "变化量为零时无定义。",
        edge_en: "Undefined when nothing changed.",
        evaluated_by: "baseline::uncertainty",
    },
    Definition {
        id: "savings.fsu.caltrack@1",
        zh: "节能量相对不确定度（CalTRACK）",
        en: "Fractional savings uncertainty (CalTRACK)",
        unit: "1",
        formula: "FSU = t·(a·M² + b·M + d)·CV/|F|·√((n/n')·(1 + 2/n')·(1/m))",
        source: "CalTRACK 2.0",
        edge_zh: "系数由气象模型拟合，仅供对照；日数据按 30 日为一月。",
        edge_en: "Coefficients were fitted to weather models: for comparison only; daily data counts 30 days to a month.",
        evaluated_by: "baseline::uncertainty",
    },
    Definition {
        id: "model.cv_rmse@1",
        zh: "均方根误差变异系数 CV(RMSE)",
        en: "CV(RMSE)",
        unit: "1",
        formula: "√(SSE/(n − p)) / mean(E)",
        source: "ASHRAE Guideline 14-2014",
        edge_zh: "p 含截距；CalTRACK 不含。",
        edge_en: "p counts the intercept; CalTRACK leaves it out.",
        evaluated_by: "baseline::Model::fit",
    },
    Definition {
        id: "model.nmbe@1",
        zh: "平均偏差 NMBE",
        en: "NMBE",
        unit: "1",
        formula: "Σe / ((n − p)·mean(E))",
        source: "ASHRAE Guideline 14-2014",
        edge_zh: "含截距的最小二乘模型在基期数据上为零。",
        edge_en: "Zero for least squares with intercept on its own data.",
        evaluated_by: "baseline::Model::fit",
    },
    Definition {
        id: "model.r2@1",
        zh: "决定系数 R²",
        en: "R²",
        unit: "1",
        formula: "1 − SSE/SST; adjusted 1 − (1 − R²)(n − 1)/(n − p)",
        source: "ASHRAE Guideline 14-2014",
        edge_zh: "仅供参考：平稳负荷的 R² 低而 CV 很小。",
        edge_en: "Guidance only: a flat load has a low R² and a tiny CV.",
        evaluated_by: "baseline::Model::fit",
    },
    Definition {
        id: "model.autocorrelation@1",
        zh: "残差自相关 ρ 与有效点数 n'",
        en: "Residual autocorrelation ρ and effective points n'",
        unit: "1",
        formula: "ρ = Σe_t·e_{t−1}/Σe_t²; n' = n(1 − ρ)/(1 + ρ)",
        source: "CalTRACK 2.0 §4.3",
        edge_zh: "仅计相邻期，缺失的相邻对按比例补足；ρ 限于 0…0.99。",
        edge_en: "Neighbouring periods only, scaled for missing pairs; ρ clamped to 0…0.99.",
        evaluated_by: "statistics::series::autocorrelation",
    },
    Definition {
        id: "unit_consumption.change@1",
        zh: "产品单耗变化及产量影响",
        en: "Change of unit consumption with the volume effect",
        unit: "1",
        formula: "(1 + change) = (1 + volume)(1 + saving); volume = (ΣÊ/ΣP_r)/(ΣE_b/ΣP_b) − 1",
        source: "Gongzheng",
        edge_zh: "不单独展示；单位不同的产量不相加。",
        edge_en: "Never shown alone; outputs of different units are not added.",
        evaluated_by: "savings::evaluate",
    },
    Definition {
        id: "change.ratio@1",
        zh: "比率变化（循环块自助法）",
        en: "Change of a ratio (circular block bootstrap)",
        unit: "1",
        formula: "D = Σnum_a/Σden_a − Σnum_b/Σden_b; 2.5 % and 97.5 % quantiles of type 7",
        source: "Politis and Romano 1992; Gongzheng",
        edge_zh: "随机种子公开；每侧少于 20 个生产日不给区间。",
        edge_en: "The seed is published; no interval below 20 production days on a side.",
        evaluated_by: "change::evaluate",
    },
    Definition {
        id: "change.proportion@1",
        zh: "合格率变化（Newcombe）",
        en: "Change of a proportion (Newcombe)",
        unit: "1",
        formula: "p_a − p_b, hybrid of two Wilson intervals",
        source: "Newcombe 1998, method 10",
        edge_zh: "适用于可视为相互独立的零件；否则按日自助抽样。",
        edge_en: "For parts that may be taken as independent; otherwise bootstrap the days.",
        evaluated_by: "change::proportion",
    },
];

/// The definition with this id.
pub fn get(id: &str) -> Option<&'static Definition> {
    ALL.iter().find(|d| d.id == id)
}
