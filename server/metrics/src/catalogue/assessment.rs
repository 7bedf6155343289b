//! 评测指标, stated levels, the 小灯塔 checklist, and the rows of the evidence checklist that had no definition (reference §4, §5).

use crate::catalogue::entry::{Entry, entry};

const OWN: &str = "Gongzheng";
const ASSESS: &str = "《中小企业数字化水平评测指标（2024年版）》工信厅企业〔2024〕56号";
const LAMP: &str = "昆明市小灯塔制造设备数字化要素";

/// In the order of the reference.
pub(super) static ALL: [Entry; 12] = [
    entry(
        "assessment.score@1",
        ["评测得分（按评测人员答案计算）", "Score from an assessor's answers"],
        "points",
        "Σ points of the options chosen; bands by integers, upper ends closed",
        ASSESS,
        [
            "缺答不计零：总分无定义并给出上下限；40% 属于 (20%,40%]。",
            "A missing answer is not zero: the total is undefined, with bounds; 40 % belongs to (20 %, 40 %].",
        ],
        "assessment::score::score",
    ),
    entry(
        "assessment.level@1",
        ["按答案与规则推算的等级", "Level by a rule from an assessor's answers"],
        "level",
        "highest level whose points, scenes and ★ scenes are all reached",
        ASSESS,
        [
            "规则带版本并注明是否已核对；本系统不评定等级；分数与场景两项条件须同时满足。",
            "The rule has a version and says whether it was checked; this system states no level; points and scenes must both be met.",
        ],
        "assessment::level::LevelRule::decide",
    ),
    entry(
        "assessment.evidenced@1",
        ["设备数据可佐证分值", "Points that equipment data evidences"],
        "points",
        "Σ points of Q2, Q3, Q4 (part), Q12, Q13 evidenced, of 29.5",
        ASSESS,
        [
            "未能佐证不等于零分；联网率以全部生产设备为分母；持平默认无容差；不表示任何等级。",
            "Not evidenced is not zero points; connection over all production machines; no tolerance by default; says nothing of a level.",
        ],
        "assessment::evidence::evidence",
    ),
    entry(
        "assessment.scene_data@1",
        ["场景所需数据具备情况", "Data present that a scene asks for"],
        "verdict",
        "every definition a level asks for has a value over every machine",
        ASSESS,
        [
            "只说明数据是否具备，不表示场景达到该等级；系统间协同等由评测人员核实。",
            "Says which data is present, not that the level is reached; links between systems are for the assessor.",
        ],
        "assessment::scenes::supported",
    ),
    entry(
        "level.assessed@1",
        ["数字化水平等级（评定）", "Digital level as stated by a body"],
        "level",
        "as stated, with edition, date, body, assessor and document",
        "《中小企业数字化水平评测指标》2022年版、2024年版",
        [
            "必须注明版本、日期、评定机构及自评或现场评定。",
            "Edition, date, body, and whether by itself or on site are always given.",
        ],
        "assessment::declared::check",
    ),
    entry(
        "level.change@1",
        ["数字化水平等级变化", "Change of the stated level"],
        "level, points",
        "after − before, of one edition",
        OWN,
        ["不同版本不相减，并列展示。", "Two editions are never subtracted; they stand side by side."],
        "assessment::declared::compare",
    ),
    entry(
        "lighthouse.checklist@1",
        ["小灯塔制造设备数字化佐证清单", "Checklist of the 小灯塔 criteria"],
        "verdict",
        "each item by the definitions of its rows",
        LAMP,
        [
            "逐字引用认定要素；只列数据，不作认定结论。",
            "Criteria are quoted to the character; data is listed, no conclusion is drawn.",
        ],
        "checklist::lighthouse::Lighthouse::table",
    ),
    entry(
        "process.controlled@1",
        ["关键工序数控化率", "Share of controlled key processes"],
        "1",
        "key processes with closed-loop CNC or PLC control / key processes",
        "智能工厂梯度培育要素条件",
        ["分母为工序，不是设备。", "Over processes, not machines."],
        "checklist::plain",
    ),
    entry(
        "care.runtime@1",
        ["保养后运行时长", "Running time since care"],
        "h",
        "Σ RUN since the last care",
        OWN,
        [
            "按运行状态累计，不按通电；未观测时间单列。",
            "By the state RUN, not by power; unobserved time is given beside it.",
        ],
        "checklist::people::since_care",
    ),
    entry(
        "care.response@1",
        ["维修响应时间", "Response to faults"],
        "h",
        "median of first action − start of the fault",
        OWN,
        ["无人处理的故障单列，不计入中位数。", "Faults nobody acted on are counted apart."],
        "checklist::people::response",
    ),
    entry(
        "labour.efficiency@1",
        ["生产效率（工时）", "Labour efficiency"],
        "1",
        "Σ PRI·GQ / labour hours",
        OWN,
        ["工时由人事提供，数据可信等级不高于 C。", "Labour hours come from people: grade C at best."],
        "checklist::people::labour_efficiency",
    ),
    entry(
        "data.ledger@1",
        ["数据台账", "Data ledger"],
        "table",
        "per set: type, use, records, source, user",
        ASSESS,
        ["空缺字段降低完整率；重名不合并。", "Empty fields lower completeness; equal names are never merged."],
        "checklist::datasets::ledger",
    ),
];
