//! Instruments, registers and bills (reference §2.4, §3.8; issue "metrology").

use crate::catalogue::entry::{Entry, entry};

const OWN: &str = "Gongzheng";
const CLASSES: &str = "GB/T 17215.321, GB/T 20840.2, GB/T 20840.3 (limits unverified)";

/// In the order of the module pages.
pub(super) static ALL: [Entry; 16] = [
    entry(
        "energy.active.instrument@1",
        ["用电量（计入器具误差）", "Active energy with instrument error"],
        "kWh",
        "[lower·(1 − ε), upper / (1 − ε)], ε = ε_meter + ε_CT + ε_PT",
        CLASSES,
        [
            "数值与用电量相同；未观测时间的界与器具误差的界分列；等级不明则无此区间；不含二次压降。",
            "The value is that of active energy; bounds from unknown time and from instruments stand apart; without a class there are none; lead drop is not in.",
        ],
        "metrology::measured::measure",
    ),
    entry(
        "meter.error@1",
        ["计量点综合误差限", "Limit of error of a measuring point"],
        "1",
        "ε = Σ ε_i + Σ δ_i·tan φ",
        CLASSES,
        [
            "线性相加（最不利）；已知无功电量时计入互感器相位差；任一等级不明则整体不明。",
            "Added linearly (worst case); phase displacement only where kvarh are known; one unknown class makes the sum unknown.",
        ],
        "metrology::composition::compose",
    ),
    entry(
        "energy.difference.instrument@1",
        ["前后用电量之差（计入器具误差）", "Difference of energy with instrument error"],
        "kWh",
        "ε·|E_after − E_before|, or ε_after·E_after + ε_before·E_before",
        OWN,
        [
            "同一器具：系统误差前后相同；另列最不利情形；器具不同则只有后者。",
            "Same instrument: one systematic error on both sides; the worst case beside it; only that for two instruments.",
        ],
        "metrology::difference::difference",
    ),
    entry(
        "meter.certificate@1",
        ["检定、校准证书有效性", "Validity of certificates"],
        "finding",
        "window \\ ∪ [issued, valid_until]",
        OWN,
        [
            "签发日与有效期末日均含在内；过期、缺失、尚未签发均列为待核实事项，不改变数值与等级。",
            "Both days included; expired, missing and not yet issued are matters to verify and change neither value nor grade.",
        ],
        "metrology::certificate::check",
    ),
    entry(
        "meter.ratio@1",
        ["互感器变比核对", "Check of transformer ratios"],
        "finding",
        "scale = per_count · CT · PT (secondary), per_count (primary)",
        OWN,
        [
            "倍率只在采集配置中乘一次，此处只核对；无法核对时如实说明。",
            "The ratio is applied once, in the gateway's configuration; here it is only compared, and said when it cannot be.",
        ],
        "metrology::ratio::check",
    ),
    entry(
        "meter.reversed@1",
        ["正向有功倒走", "Import register running backwards"],
        "finding",
        "Σ (before − after) where a fall is possible and a restart is not",
        OWN,
        [
            "翻转、归零与换表除外；该段电量仍为未知，不作抵扣。",
            "Wraps, restarts and exchanges apart; the energy of that stretch stays unknown and is not netted.",
        ],
        "energy::exchange::backward",
    ),
    entry(
        "energy.exchange@1",
        ["正向与反向有功电量", "Energy imported and exported"],
        "kWh",
        "(E_import, E_export)",
        OWN,
        [
            "两个表底、两个数值；净值仅在点名时给出，并与两者并列。",
            "Two registers, two amounts; a net value only when asked for by name, beside both.",
        ],
        "energy::exchange::of_machines",
    ),
    entry(
        "energy.from_power@1",
        ["用电量（功率积分）", "Energy from power"],
        "kWh",
        "Σ (P_i + P_i+1)/2 · Δt",
        OWN,
        [
            "仅用于无电能表底的设备，等级最高为 C；缺口不外推，上界按最大功率，未填报则无上界。",
            "Only for machines without a register, grade C at best; gaps are not filled in, their upper bound is the greatest power stated, else there is none.",
        ],
        "energy::integration::of_machine",
    ),
    entry(
        "power.interval@1",
        ["区间平均功率", "Interval power"],
        "kW",
        "ΔE / Δt",
        OWN,
        [
            "区间长于标称三倍为过粗；归零或不可能的增量不计。",
            "Beyond three nominal intervals it is coarse; restarts and impossible steps have no power.",
        ],
        "energy::profile::profile",
    ),
    entry(
        "energy.per_value@1",
        ["单位产值用电量", "Electricity per output value"],
        "kWh/万元",
        "E / G",
        OWN,
        [
            "产值由财务填报，等级最高为 C；跨年用可比价；产值不大于零时无定义。",
            "Output value is stated by finance: grade C at best; comparable prices between years; undefined without a value above zero.",
        ],
        "energy::value::per_value",
    ),
    entry(
        "energy.cost_change@1",
        ["电费变化分解", "Change of energy cost, taken apart"],
        "元",
        "ΔC = ΔE·p̄ + (hours) + (prices)",
        OWN,
        [
            "电量、用电时段、电价三项之和等于总变化；只有电量一项是节能。",
            "Energy, hours and prices add up to the change exactly; only the first is a saving of energy.",
        ],
        "energy::value::cost_change",
    ),
    entry(
        "bill.difference@1",
        ["总表与账单差值", "Incoming meter less bill"],
        "kWh",
        "ΔE = E_measured − (E_billed − loss)",
        OWN,
        [
            "同一当地起止日期；变损、线损先从账单中扣除；不可比时说明原因。",
            "Over the same local dates; loss added to the bill is taken off first; where the two cannot be compared, why.",
        ],
        "settlement::reconcile::reconcile",
    ),
    entry(
        "bill.relative@1",
        ["总表与账单相对差值", "Relative difference to the bill"],
        "1",
        "ΔE / E_billed",
        OWN,
        ["账单电量为零时无定义。", "Undefined for a bill of nothing."],
        "settlement::reconcile::reconcile",
    ),
    entry(
        "bill.allowed@1",
        ["允许差值", "Allowed difference"],
        "kWh",
        "unknown time + reading time + own meter + their meter + last digit",
        OWN,
        [
            "逐项相加（最不利），不设百分比容差；同一块表不计器具误差；等级不明时不作“超出”结论。",
            "Parts added up (worst case), no agreed percentage; one and the same meter allows no error; nothing is called outside while a class is unknown.",
        ],
        "settlement::reconcile::Allowed::total",
    ),
    entry(
        "energy.comprehensive.bills@1",
        ["综合能耗（按账单）", "Comprehensive energy consumption from bills"],
        "kgce",
        "E = Σ bill_i · k_i",
        "GB/T 2589-2020",
        [
            "账单不跨年拆分；缺日不折算，等级为 D；账单重叠则无合计。",
            "Bills are not divided at the turn of a year; missing days are not made up for and make it D; no total with overlapping bills.",
        ],
        "settlement::year::of_year",
    ),
    entry(
        "energy.consumption.bills@1",
        ["综合能源消费量（按账单）", "Energy consumption by the statistical forms, from bills"],
        "kgce",
        "Σ bill_i · k_i − recovered − exported",
        "国家统计局《能源统计报表制度》205-1、205-2",
        [
            "按当量值；与综合能耗是两个指标；第三方结算数据等级最高为 C，纸质台账为 D。",
            "By equivalent value; another metric than comprehensive energy; third-party settlement is graded C at best, paper D.",
        ],
        "settlement::year::of_year",
    ),
];
