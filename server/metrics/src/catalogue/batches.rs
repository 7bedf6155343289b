//! Batch and continuous processes: OEE by standard time, 收率, phases, 清场 and 换批, energy per batch and per unit.

use crate::catalogue::entry::{Entry, entry};

const OWN: &str = "Gongzheng";

/// Time first, then output, then energy.
pub(super) static ALL: [Entry; 12] = [
    entry(
        "batch.oee@1",
        ["批次设备综合效率", "Batch OEE"],
        "1",
        "OEE = Σ (t_std / q_std)·GQ / PBT",
        "Gongzheng, on ISO 22400-2:2014 cl. 6 with PRI = t_std / q_std",
        [
            "标准工时按产量折算，与离散设备按计划工时相加；跨边界的批次按时间分摊；批次为人工填报时等级最高为 C。",
            "Standard time follows output and adds to that of machines that count pieces; a batch across an edge is credited by elapsed time; grade C at best when batches are stated by people.",
        ],
        "oee::oee",
    ),
    entry(
        "batch.standard_time@1",
        ["批次标准工时", "Standard time credited"],
        "s",
        "t_std·q / q_std; in a window ⌊·⌋ at its end − ⌊·⌋ at its begin",
        OWN,
        [
            "采用批次开始时有效的工艺规程；各窗口之和等于整批，不多不少。",
            "By the recipe in force at the batch's beginning; the parts of all windows add up to the batch exactly.",
        ],
        "batch::credit::credit",
    ),
    entry(
        "batch.cycle@1",
        ["批次周期达成率", "Batch cycle attainment"],
        "1",
        "Σ t_std / Σ t",
        OWN,
        [
            "无工艺规程的批次不计入分子与分母；可超过 100%。",
            "Batches without a recipe are in neither sum; may exceed 100 %.",
        ],
        "batch::sums::cycle",
    ),
    entry(
        "batch.phase@1",
        ["工序时间达成率", "Phase attainment"],
        "1",
        "Σ t_std,phase / Σ t_phase",
        OWN,
        [
            "仅计规程与批记录都有的工序；规程有而未填报的工序列出，不计为零。",
            "Phases that recipe and batch both have; one that was not stated is listed, never zero.",
        ],
        "batch::sums::phase",
    ),
    entry(
        "batch.cleaning@1",
        ["清场时间", "Cleaning time"],
        "s",
        "Σ (stated cleaning + MAINT + SETUP before the same product) / gaps",
        OWN,
        ["计划停机除外；未观测时间计入上界。", "Planned stops left out; unobserved time is in the upper bound."],
        "batch::sums::cleaning",
    ),
    entry(
        "batch.changeover@1",
        ["换批时间", "Batch changeover time"],
        "s",
        "Σ (t(begin B) − t(end A) − planned stops) / changes of product",
        OWN,
        [
            "仅计更换品种；清场、调试与等待都在其中，另列分项。",
            "Changes of product only; cleaning, setup and waiting are in it and shown beside it.",
        ],
        "batch::sums::changeover",
    ),
    entry(
        "batch.gap@1",
        ["批间时间构成", "Time between batches"],
        "s",
        "planned + cleaning + setup + running + waiting + unobserved = t(begin) − t(end before)",
        OWN,
        [
            "各项之和等于批间时间，精确到毫秒；无批次的运行单列。",
            "The parts tile the gap to the millisecond; running without a batch stays visible.",
        ],
        "batch::gap::split",
    ),
    entry(
        "batch.yield@1",
        ["收率", "Yield"],
        "1",
        "Σ good output / Σ theoretical output",
        OWN,
        [
            "理论产量按规程定值或按投料量折算；未填报时无定义；单位不同不相加；可超过 100%，如实列出。",
            "Theoretical output as the recipe says, fixed or by charge; undefined when not stated; different units do not add; may exceed 100 % and is shown.",
        ],
        "batch::sums::yield_ratio",
    ),
    entry(
        "batch.recognised@1",
        ["批号信号识别的批次", "Batches read from a signal"],
        "batch",
        "stretches of one non-empty batch number",
        OWN,
        [
            "首次与末次读数之外的时间作为起止的不确定范围；人工填报的同一批号优先。",
            "What lies between readings is the uncertainty of begin and end; a statement about the same number stands above it.",
        ],
        "batch::signal::recognise",
    ),
    entry(
        "batch.energy@1",
        ["每批用电量", "Energy per batch"],
        "kWh",
        "Σ Δregister over batches / batches metered",
        OWN,
        [
            "表底差值，批次起止线性插值并给出上下界；中断而未填报换表的批次单列。",
            "Register differences, interpolated at begin and end with bounds; batches over a broken register are left out and counted.",
        ],
        "batch::sums::energy_per_batch",
    ),
    entry(
        "batch.energy_per_unit@1",
        ["批次单位产品用电量", "Energy per unit of batch output"],
        "kWh/unit",
        "Σ E / Σ good output",
        OWN,
        [
            "单位为 kg、m、L 或件；单位不同不相加；批间用电不在其中。",
            "Per kg, m, L or piece; different units do not add; energy between batches is not in it.",
        ],
        "batch::sums::energy_per_unit",
    ),
    entry(
        "continuous.rate@1",
        ["连续生产负荷达成率", "Attainment of the nominal rate"],
        "1",
        "Σ q·(t_std / q_std) / APT = Σ q / (nominal rate·APT)",
        "Gongzheng, on ISO 22400-2:2014 cl. 6, E with PRI = 1 / nominal rate",
        [
            "产量取自累计表底；可超过 100%，如实列出；多品种按标准工时求和。",
            "Output from a totaliser; may exceed 100 % and is shown; products are added by standard time.",
        ],
        "oee::performance",
    ),
];
