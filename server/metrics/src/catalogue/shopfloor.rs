//! Control charts, capability, alarms, stops, repairs and material against a standard (reference §1.3, §5 rows 11, 20, 24, 32).

use crate::catalogue::entry::{Entry, entry};

const OWN: &str = "Gongzheng";
const ISO: &str = "ISO 22400-2:2014 cl. 6";
const CHART: &str = "ISO 7870-2 / GB/T 17989.2 (clause unverified)";
const WE: &str = "Western Electric, Statistical Quality Control Handbook, 1956 (unverified)";
const NELSON: &str = "L. S. Nelson, Journal of Quality Technology 16(4), 1984 (unverified)";

/// Charts first, then alarms, then the floor.
pub(super) static ALL: [Entry; 19] = [
    entry(
        "spc.xbar-r@1",
        ["均值-极差控制图", "X̄-R control chart"],
        "unit of the value",
        "x̿ ± A2·R̄; D3·R̄ … D4·R̄",
        CHART,
        [
            "控制限取自规范填报的基准时段，不少于 25 个完整子组，不自动重算；缺失的子组不补，个数不足的列为不完整。",
            "Limits come from the declared base period, at least 25 complete subgroups, never recomputed by themselves; missing subgroups are not made up, short ones are listed as incomplete.",
        ],
        "quality::control::limits",
    ),
    entry(
        "spc.individuals@1",
        ["单值-移动极差控制图", "Individuals and moving range chart"],
        "unit of the value",
        "x̄ ± E2·MR̄; up to D4·MR̄",
        CHART,
        ["相邻两值之间可能漏测时不计移动极差。", "No moving range across a place where a value may have been missed."],
        "quality::control::limits",
    ),
    entry(
        "spc.western-electric@1",
        ["西方电气判异准则", "Western Electric rules"],
        "n",
        "1: 1 > 3σ; 2: 2/3 > 2σ; 3: 4/5 > 1σ; 4: 8 on one side",
        WE,
        [
            "只看相接的点；中间可能漏测则重新开始；控制限为基准时段的。",
            "Only points that follow each other; begins anew where something may have been missed; limits of the base period.",
        ],
        "quality::rules::violations",
    ),
    entry(
        "spc.nelson@1",
        ["Nelson 判异准则", "Nelson rules"],
        "n",
        "1: 1 > 3σ; 2: 9 on one side; 3: 6 rising or falling; 4: 14 alternating; 5: 2/3 > 2σ; 6: 4/5 > 1σ; 7: 15 within 1σ; 8: 8 beyond 1σ",
        NELSON,
        [
            "只看相接的点；中间可能漏测则重新开始；控制限为基准时段的。",
            "Only points that follow each other; begins anew where something may have been missed; limits of the base period.",
        ],
        "quality::rules::violations",
    ),
    entry(
        "spc.out-of-specification@1",
        ["超规格值", "Values out of specification"],
        "n",
        "x < LSL or x > USL",
        OWN,
        [
            "列出时段内每一个测量值，与失控点分列；等于限值为合格。",
            "Every measurement of the window, apart from points out of control; a value on the limit is within.",
        ],
        "quality::chart::charts",
    ),
    entry(
        "spc.cp@1",
        ["过程能力指数 Cp（组内 σ）", "Cp, σ within subgroups"],
        "1",
        "(USL − LSL) / 6σ, σ = R̄/d2",
        ISO,
        [
            "不少于 25 个完整子组且 100 个值；只有单侧规格限时无定义。",
            "At least 25 complete subgroups and 100 values; undefined with one limit.",
        ],
        "quality::capability::of_points",
    ),
    entry(
        "spc.cpk@1",
        ["过程能力指数 Cpk（组内 σ）", "Cpk, σ within subgroups"],
        "1",
        "min(USL − x̄, x̄ − LSL) / 3σ, σ = R̄/d2",
        ISO,
        [
            "同 Cp；单侧规格限时取该侧；均值在限外为负值。",
            "As Cp; with one limit of that side; negative when the mean is outside.",
        ],
        "quality::capability::of_points",
    ),
    entry(
        "spc.pp@1",
        ["过程性能指数 Pp（总 σ）", "Pp, overall s"],
        "1",
        "(USL − LSL) / 6s",
        ISO,
        [
            "ISO 22400-2 的 Cp 用长期 s，即本项；不少于 100 个值。",
            "ISO 22400-2 prints Cp with the long-term s, which is this; at least 100 values.",
        ],
        "quality::capability::of_points",
    ),
    entry(
        "spc.ppk@1",
        ["过程性能指数 Ppk（总 σ）", "Ppk, overall s"],
        "1",
        "min(USL − x̄, x̄ − LSL) / 3s",
        ISO,
        [
            "ISO 22400-2 的 Cpk 用长期 s，即本项；不少于 100 个值。",
            "ISO 22400-2 prints Cpk with the long-term s, which is this; at least 100 values.",
        ],
        "quality::capability::of_points",
    ),
    entry(
        "spc.cm@1",
        ["设备能力指数 Cm", "Cm"],
        "1",
        "(USL − LSL) / 6s of one run",
        ISO,
        [
            "一次短时连续试制，不少于 50 个值（待核实）。",
            "One short run of a machine, at least 50 values (unverified).",
        ],
        "quality::capability::of_run",
    ),
    entry(
        "spc.cmk@1",
        ["设备能力指数 Cmk", "Cmk"],
        "1",
        "min(USL − x̄, x̄ − LSL) / 3s of one run",
        ISO,
        [
            "一次短时连续试制，不少于 50 个值（待核实）。",
            "One short run of a machine, at least 50 values (unverified).",
        ],
        "quality::capability::of_run",
    ),
    entry(
        "alarm.episodes@1",
        ["报警次数", "Alarm episodes"],
        "n",
        "raised → cleared; the same code within 60 s is one",
        OWN,
        [
            "未看到恢复的不算结束；抖动合并，触发次数另列；报警测试单列。",
            "One that was not seen to end is not over; chatter is merged and counted beside; tests are listed apart.",
        ],
        "alarms::episodes::of_machine",
    ),
    entry(
        "alarm.duration@1",
        ["报警持续时间", "Alarm duration"],
        "s",
        "seen, least and most",
        OWN,
        [
            "以前后读数为界；未看到开始或结束时无上限。",
            "Bounded by the readings around it; without an upper bound when beginning or end was not seen.",
        ],
        "alarms::episodes::Episode::duration",
    ),
    entry(
        "alarm.acknowledged_after@1",
        ["报警确认时间", "Time to acknowledge"],
        "s",
        "median of t(acknowledged) − t(raised)",
        OWN,
        [
            "确认时间为人工填报，数据等级最高为 C；无确认时无定义。",
            "Acknowledging is stated by a person: grade C at best; undefined when none was acknowledged.",
        ],
        "alarms::figures::Figures::median_to_acknowledge",
    ),
    entry(
        "alarm.handled_after@1",
        ["报警处置时间", "Time until dealt with"],
        "s",
        "median of t(handled) − t(raised)",
        OWN,
        [
            "处置时间为人工填报，数据等级最高为 C；未处置的列其已历时间。",
            "Handling is stated by a person: grade C at best; what is not dealt with is listed with its age.",
        ],
        "alarms::figures::Figures::median_to_handle",
    ),
    entry(
        "alarm.handled_share@1",
        ["报警处置率", "Share of alarms dealt with"],
        "1",
        "handled / raised",
        OWN,
        ["无报警时无定义；测试不计。", "Undefined without alarms; tests are not counted."],
        "alarms::figures::Figures::handled_share",
    ),
    entry(
        "stops.unreasoned@1",
        ["无原因停机占比", "Share of stops without a reason"],
        "1",
        "Σ time without a reason / Σ time",
        OWN,
        [
            "小停机另计；填报原因与报警原因分开标注；未观测时段不计入停机。",
            "Minor stops are apart; stated and signalled reasons are told apart; unobserved time is in no stop.",
        ],
        "production::stops::ByReason::unreasoned_share",
    ),
    entry(
        "repair.response@1",
        ["维修响应时间", "Repair response time"],
        "min",
        "t(first human action) − t(fault)",
        OWN,
        [
            "间隔不足 60 s 的故障合并；开始未观测的不计；无人响应的列出，不作零。",
            "Faults less than 60 s apart are one; unseen beginnings are left out; unanswered ones are listed, not zero.",
        ],
        "production::repairs::response",
    ),
    entry(
        "material.standard@1",
        ["物料消耗与定额差", "Material against standard"],
        "1",
        "(material / GQ) / standard − 1",
        OWN,
        [
            "倒冲由定额算出，与定额比较无意义，无定义；料仓补料时上限未知。",
            "A backflush comes from the standard and says nothing against it: undefined; a refill leaves the upper bound unknown.",
        ],
        "production::material::Consumption::against_standard",
    ),
];
