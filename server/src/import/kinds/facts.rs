//! Tables of what happened: stops, rejects, batches, bills, revenue, documents, non-routine events.

use super::{Column, Field, Kind, MACHINE, MOST, WITHDRAWN, bodies, choice, may, need};

const PAST: Field = Field::Date { ahead: false };
const FROM: Column = need("from", "开始日期", "From", PAST, "2026-03-01");
const TO: Column = need("to", "结束日期", "To", PAST, "2026-03-31");
const YUAN: Field = Field::Decimal { places: 9, min: -1_000_000_000_000_000, max: 1_000_000_000_000_000 };
const AMOUNT: Field = Field::Decimal { places: 9, min: 0, max: 1_000_000_000_000_000 };
const MICRO: Field = Field::Decimal { places: 6, min: 0, max: 1_000_000_000 };
const DIGEST: Column = may("digest", "原件 SHA-256", "SHA-256 of the original", Field::Digest, "");
const UNIT: Field = Field::Choice(&[
    choice("pcs", "件", "pcs"),
    choice("kg", "千克", "kg"),
    choice("t", "吨", "t"),
    choice("m", "米", "m"),
    choice("L", "升", "L"),
]);

/// Stops planned before they began.
pub(super) static PLANNED_STOP: Kind = Kind {
    id: "planned_stop",
    names: ["计划停机", "Planned stops"],
    words: [
        "每次计划停机一行，须在开始之前填报；事后填报的按非计划停机计算。",
        "One row for each planned stop, stated before it begins; one that is stated afterwards counts as unplanned.",
    ],
    columns: &[
        MACHINE,
        need("from", "开始时间", "From", Field::Moment { ahead: true }, "2026-03-14 08:00"),
        need("to", "结束时间", "To", Field::Moment { ahead: true }, "2026-03-14 10:00"),
        need("reason", "原因", "Reason", Field::Text(200), "保养"),
    ],
    key: &["machine", "from", "to"],
    together: false,
    draft: bodies::planned_stop,
};

/// Why a machine stood.
pub(super) static STOP_REASON: Kind = Kind {
    id: "stop_reason",
    names: ["停机原因", "Reasons for stops"],
    words: [
        "每次停机一行：停机期间的任一时刻，以及原因。",
        "One row for each stop: any instant inside it, and why the machine stood.",
    ],
    columns: &[
        MACHINE,
        need("at", "停机时刻", "At", Field::Moment { ahead: false }, "2026-03-14 09:20"),
        need("reason", "原因", "Reason", Field::Text(200), "换模"),
        may("first_action", "开始处理", "First action", Field::Moment { ahead: false }, ""),
    ],
    key: &["machine", "at"],
    together: false,
    draft: bodies::stop_reason,
};

/// Rejects found after the machine.
pub(super) static QUALITY_COUNT: Kind = Kind {
    id: "quality_count",
    names: ["质量检验", "Quality counts"],
    words: [
        "每台设备、每个班次一行：设备计数之外另查出的不良件数。",
        "One row for each machine and shift: items found bad beside those the machine counted.",
    ],
    columns: &[
        MACHINE,
        need("date", "生产日期", "Production date", PAST, "2026-03-14"),
        need("shift", "班次", "Shift", Field::Text(32), "day"),
        need("reject", "不良件数", "Rejects", Field::Count(0, 1_000_000_000), "12"),
    ],
    key: &["machine", "date", "shift"],
    together: false,
    draft: bodies::quality_count,
};

/// Batches and product runs.
pub(super) static BATCH: Kind = Kind {
    id: "batch",
    names: ["批次与生产记录", "Batches and product runs"],
    words: [
        "每个批次（或每次连续生产一种产品）一行。同一设备、同一批号再次填报即为更正。",
        "One row for each batch, or each run of one product. The same machine and batch number again is a correction.",
    ],
    columns: &[
        MACHINE,
        need("batch", "批号", "Batch", Field::Text(64), "B2603-01"),
        need("product", "产品", "Product", Field::Text(64), "A"),
        need("from", "开始时间", "From", Field::Moment { ahead: false }, "2026-03-14 08:00"),
        need("to", "结束时间", "To", Field::Moment { ahead: false }, "2026-03-14 12:00"),
        need("unit", "单位", "Unit", UNIT, "kg"),
        need("good", "合格产量", "Good output", MICRO, "480.5"),
        may("rejected", "不良产量", "Rejected output", MICRO, "3"),
        may("charged", "投料量", "Charged", MICRO, ""),
        may("charged_unit", "投料单位", "Unit charged", UNIT, ""),
        may(
            "source",
            "来源",
            "Source",
            Field::Choice(&[
                choice("hand", "手工", "hand"),
                choice("batch_record", "批记录", "batch record"),
                choice("system", "系统", "system"),
            ]),
            "批记录",
        ),
        WITHDRAWN,
    ],
    key: &["machine", "batch"],
    together: false,
    draft: bodies::batch,
};

/// Exchanged energy registers.
pub(super) static METER_REPLACED: Kind = Kind {
    id: "meter_replaced",
    names: ["换表", "Exchanged meters"],
    words: [
        "每次换表一行：旧表止码和新表起码，均为表内原始读数，不乘倍率。",
        "One row for each exchange: last reading of the old register, first of the new one, both raw, without ratios.",
    ],
    columns: &[
        MACHINE,
        need("at", "换表时刻", "At", Field::Moment { ahead: false }, "2026-03-14 09:00"),
        need("old_final", "旧表止码", "Old final reading", Field::Count(-MOST, MOST), "982311"),
        need("new_initial", "新表起码", "New initial reading", Field::Count(-MOST, MOST), "0"),
        WITHDRAWN,
    ],
    key: &["machine", "at"],
    together: false,
    draft: bodies::meter_replaced,
};

/// Bills of supply companies.
pub(super) static BILL: Kind = Kind {
    id: "bill",
    names: ["能源账单", "Energy bills"],
    words: [
        "每张账单一行，金额和电量按单据所印填写。没有原件 SHA-256 的账单按纸质记录计，数据可信等级 D。",
        "One row for each bill, amounts as printed. A bill without the SHA-256 of its original is graded D, as paper is.",
    ],
    columns: &[
        need(
            "carrier",
            "能源",
            "Carrier",
            Field::Choice(&[
                choice("electricity", "电力", "electricity"),
                choice("natural_gas", "天然气", "natural gas"),
                choice("heat", "热力", "heat"),
                choice("steam_low_pressure", "低压蒸汽", "low-pressure steam"),
                choice("raw_coal", "原煤", "raw coal"),
                choice("washed_coal", "洗精煤", "washed coal"),
                choice("coke", "焦炭", "coke"),
                choice("fuel_oil", "燃料油", "fuel oil"),
                choice("gasoline", "汽油", "gasoline"),
                choice("kerosene", "煤油", "kerosene"),
                choice("diesel", "柴油", "diesel"),
                choice("lpg", "液化石油气", "liquefied petroleum gas"),
                choice("lng", "液化天然气", "liquefied natural gas"),
                choice("fresh_water", "新水", "fresh water"),
            ]),
            "电力",
        ),
        need("account", "户号", "Account", Field::Text(128), "0530 1122"),
        may(
            "direction",
            "方向",
            "Direction",
            Field::Choice(&[choice("import", "购入", "import"), choice("export", "外供", "export")]),
            "购入",
        ),
        FROM,
        TO,
        need("amount", "用量", "Amount", AMOUNT, "48211.5"),
        need("unit", "单位", "Unit", Field::Text(32), "kWh"),
        may("loss", "变线损", "Loss", AMOUNT, ""),
        may("cost", "金额（元）", "Cost (yuan)", YUAN, "31337.48"),
        need("issuer", "供能单位", "Issuer", Field::Text(128), "某供电局"),
        need(
            "source",
            "来源",
            "Source",
            Field::Choice(&[
                choice("third_party_settlement", "账单", "bill"),
                choice("supply_interval_data", "负荷数据", "interval data"),
                choice("paper", "纸质", "paper"),
            ]),
            "账单",
        ),
        DIGEST,
        may("machine", "对应总表", "Incoming meter", Field::Machine, ""),
        may("meter_serial", "供电表号", "Supplier's meter", Field::Text(128), ""),
        WITHDRAWN,
    ],
    key: &["carrier", "account", "direction", "from", "to"],
    together: false,
    draft: bodies::bill,
};

/// Operating revenue.
pub(super) static REVENUE: Kind = Kind {
    id: "revenue",
    names: ["营业收入", "Operating revenue"],
    words: [
        "每个时段一行，不含税，元。用于每百元营业收入综合能源消费量；全年各日须恰好覆盖一次。",
        "One row for each period, without value-added tax, in yuan. It is what energy per 100 yuan of revenue is divided by; the periods \
         must cover each day of the year exactly once.",
    ],
    columns: &[
        need("from", "开始日期", "From", PAST, "2025-01-01"),
        need("to", "结束日期", "To", PAST, "2025-12-31"),
        need("amount", "营业收入（元）", "Revenue (yuan)", YUAN, "12345678.90"),
        need("source", "依据", "Source", Field::Text(128), "2025 年利润表"),
        DIGEST,
        WITHDRAWN,
    ],
    key: &["from", "to"],
    together: false,
    draft: bodies::revenue,
};

const COMPARED: Field = Field::Choice(&[
    choice("energy.per_good@1", "单位合格品能耗", "energy per good item"),
    choice("energy.per_production_day@1", "日均能耗", "energy per production day"),
    choice("good.per_production_day@1", "日均合格产量", "good items per production day"),
    choice("oee.iso22400@1", "设备综合效率", "OEE"),
    choice("availability.iso22400@1", "时间开动率", "availability"),
    choice("performance.iso22400@1", "性能开动率", "performance"),
    choice("quality.iso22400@1", "合格率", "quality"),
]);

/// Papers that stand in for a base period that was not recorded.
pub(super) static DOCUMENT: Kind = Kind {
    id: "evidence_document",
    names: ["基期书面材料", "Papers for the base period"],
    words: [
        "没有基期记录时的替代材料：账单、负荷数据、生产报表。数据可信等级 D，没有区间，不作达标结论。",
        "What stands in for a base period that was not recorded: bills, interval data, production reports. Graded D, without interval or verdict.",
    ],
    columns: &[
        need("document", "材料编号", "Document id", Field::Id, "d-2025-03"),
        need(
            "kind",
            "种类",
            "Kind",
            Field::Choice(&[
                choice("bill", "账单", "bill"),
                choice("supply_interval", "负荷数据", "interval data"),
                choice("production_report", "生产报表", "production report"),
            ]),
            "生产报表",
        ),
        FROM,
        TO,
        need("definition", "指标", "Metric", COMPARED, "单位合格品能耗"),
        may("machine", "设备", "Machine", Field::MachineOrAll, "*"),
        need("amount", "分子", "Amount", MICRO, "4100"),
        need("per", "分母", "Per", MICRO, "20000"),
        need(
            "digest",
            "原件 SHA-256",
            "SHA-256 of the original",
            Field::Digest,
            "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        ),
        need("pages", "页码", "Pages", Field::Text(64), "第 1-3 页"),
        WITHDRAWN,
    ],
    key: &["document"],
    together: false,
    draft: bodies::document,
};

/// Non-routine events of a plan.
pub(super) static ADJUSTMENT: Kind = Kind {
    id: "adjustment",
    names: ["非常规事件", "Non-routine adjustments"],
    words: [
        "每个事件一行：提出人与同意人须是两个人，并写明依据。未调整的结果始终并列给出。",
        "One row for each event, proposed by one person and approved by another, with evidence. The result without adjustment is always shown beside.",
    ],
    columns: &[
        need("plan", "方案", "Plan", Field::Plan, "retrofit"),
        need("id", "事件编号", "Event id", Field::Id, "e1"),
        FROM,
        TO,
        need(
            "kind",
            "事件",
            "Event",
            Field::Choice(&[
                choice("product_mix", "产品结构变化", "product mix"),
                choice("machine_added", "增加设备", "machine added"),
                choice("machine_removed", "减少设备", "machine removed"),
                choice("shutdown", "停产", "shutdown"),
                choice("power_cut", "停电", "power cut"),
                choice("capacity_change", "产能变化", "capacity change"),
                choice("meter_fault", "表计故障", "meter fault"),
                choice("shift_pattern", "班制变化", "shift pattern"),
                choice("on_site_pv", "自建光伏", "on-site PV"),
            ]),
            "停电",
        ),
        may("machines", "涉及设备", "Machines", Field::Machines, ""),
        need("evidence", "依据", "Evidence", Field::Text(2_000), "停电通知 2026-03-02"),
        need("proposer", "提出人", "Proposed by", Field::Text(64), "p-17"),
        need("approver", "同意人", "Approved by", Field::Text(64), "p-23"),
        need("reason", "理由", "Reason", Field::Text(2_000), "供电公司检修停电"),
        need(
            "treatment",
            "处理",
            "Treatment",
            Field::Choice(&[
                choice("exclude", "剔除", "exclude"),
                choice("indicator", "指示变量", "indicator"),
                choice("rebaseline", "重定基期", "rebaseline"),
                choice("correct", "扣减", "correct"),
            ]),
            "剔除",
        ),
        may("corrections", "每日扣减 kWh", "kWh to take off by day", Field::Days, ""),
    ],
    key: &["plan", "id"],
    together: false,
    draft: bodies::adjustment,
};
