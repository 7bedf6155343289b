//! Tables of what is there: machines, instruments, calendars, cycle times, alarm codes. They hold from a date on.

use super::{EFFECTIVE, Field, Kind, MACHINE, bodies, choice, may, need, shifts};

/// The equipment ledger: a `machine` and a `ledger` statement for each row.
pub(super) static LEDGER: Kind = Kind {
    id: "ledger",
    names: ["设备台账", "Equipment ledger"],
    words: [
        "每台设备一行。已接入的设备，其测点和状态规则保持不变；未接入的设备也要列出，联网率才算得完整。",
        "One row for each machine. Tags and state rule of a machine that is connected stay as they are; machines that are not \
         connected belong here too, or the shares of connection are not whole.",
    ],
    columns: &[
        need("machine", "设备标识", "Machine id", Field::Id, "press"),
        need("name", "名称", "Name", Field::Text(128), "一号冲床"),
        may("name_en", "英文名称", "English name", Field::Text(128), "Press 1"),
        may(
            "role",
            "用途",
            "Role",
            Field::Choice(&[
                choice("production", "生产", "production"),
                choice("auxiliary", "辅助", "auxiliary"),
                choice("meter", "计量表", "meter"),
            ]),
            "生产",
        ),
        may("critical", "关键设备", "Key machine", Field::YesNo, "是"),
        may(
            "class",
            "类别",
            "Class",
            Field::Choice(&[
                choice("key_production", "关键生产", "key production"),
                choice("important_auxiliary", "重要辅助", "important auxiliary"),
                choice("general_power", "通用动力", "general power"),
                choice("high_energy", "高能耗", "high energy"),
                choice("renewable", "新能源", "renewable energy"),
            ]),
            "关键生产",
        ),
        may("number", "资产编号", "Asset number", Field::Text(128), "SB-001"),
        may("model", "型号", "Model", Field::Text(128), "JH21-80"),
        may("maker", "厂家", "Maker", Field::Text(128), "某机床厂"),
        may("serial", "出厂编号", "Serial number", Field::Text(128), "2019-117"),
        may("commissioned", "投产日期", "Commissioned", Field::Date { ahead: false }, "2019-05-01"),
        may("location", "位置", "Location", Field::Text(128), "一车间"),
        may("interface", "接口", "Interface", Field::Text(128), "Modbus TCP"),
        may("point_table", "点表版本", "Tag list version", Field::Text(128), "v1"),
        may("digitised", "是否数字化", "Digitised", Field::YesNo, "是"),
        may("networked", "是否联网", "Connected", Field::YesNo, "是"),
        may("calendar", "日历", "Calendar", Field::Text(32), ""),
        EFFECTIVE,
    ],
    key: &["machine", "effective_from"],
    together: false,
    draft: bodies::ledger,
};

const CLASS: Field = Field::Text(16);
const RATED: Field = Field::Count(1, 1_000_000_000);

/// Instruments with their certificates; several certificates are several rows.
pub(super) static METER: Kind = Kind {
    id: "meter",
    names: ["计量器具", "Measuring instruments"],
    words: [
        "每只表一行；有几张证书就写几行，前面各列相同。",
        "One row for each instrument; several certificates are several rows with the same columns in front.",
    ],
    columns: &[
        MACHINE,
        may(
            "quantity",
            "测量量",
            "Quantity",
            Field::Choice(&[choice("energy", "电能", "energy"), choice("power", "功率", "power")]),
            "电能",
        ),
        may(
            "counts",
            "方向",
            "Counts",
            Field::Choice(&[choice("import", "正向", "import"), choice("export", "反向", "export")]),
            "正向",
        ),
        may("serial", "表号", "Serial number", Field::Text(128), "DT-0001"),
        may("class", "准确度等级", "Accuracy class", CLASS, "1"),
        need(
            "register",
            "表码侧",
            "Register side",
            Field::Choice(&[choice("primary", "一次侧", "primary"), choice("secondary", "二次侧", "secondary")]),
            "一次侧",
        ),
        may("per_count", "每字电量", "Energy per count", Field::Decimal { places: 9, min: 0, max: 1_000_000 }, ""),
        may("ct_class", "CT 等级", "CT class", CLASS, ""),
        may("ct_primary", "CT 一次", "CT primary", RATED, ""),
        may("ct_secondary", "CT 二次", "CT secondary", RATED, ""),
        may("pt_class", "PT 等级", "PT class", CLASS, ""),
        may("pt_primary", "PT 一次", "PT primary", RATED, ""),
        may("pt_secondary", "PT 二次", "PT secondary", RATED, ""),
        may(
            "certificate_of",
            "证书对象",
            "Certificate of",
            Field::Choice(&[choice("meter", "表", "meter"), choice("ct", "CT", "CT"), choice("pt", "PT", "PT")]),
            "表",
        ),
        may(
            "certificate",
            "证书种类",
            "Certificate",
            Field::Choice(&[
                choice("verification", "检定", "verification"),
                choice("calibration", "校准", "calibration"),
            ]),
            "检定",
        ),
        may("certificate_number", "证书编号", "Certificate number", Field::Text(128), "JD-2025-118"),
        may("issuer", "出证单位", "Issuer", Field::Text(128), "市计量院"),
        may("issued", "出证日期", "Issued", Field::Date { ahead: false }, "2025-06-01"),
        may("valid_until", "有效期至", "Valid until", Field::Date { ahead: true }, "2028-05-31"),
        EFFECTIVE,
    ],
    key: &["machine", "quantity", "effective_from"],
    together: true,
    draft: bodies::meter,
};

/// Shifts; all rows of a calendar are the calendar.
pub(super) static CALENDAR: Kind = Kind {
    id: "calendar",
    names: ["班次日历", "Shift calendar"],
    words: [
        "每个班次一行；同一日历的各行合为一份日历，取代原有班次。已填报的节假日和调休日保留。",
        "One row for each shift; the rows of a calendar are the calendar and replace its shifts. Holidays and extra working days that were \
         declared stay.",
    ],
    columns: &[
        may("calendar", "日历", "Calendar", Field::Id, "main"),
        need("shift", "班次", "Shift", Field::Text(32), "day"),
        may("name", "班次名称", "Shift name", Field::Text(64), "白班"),
        may("name_en", "英文名称", "English name", Field::Text(64), "Day"),
        need("start", "开始", "Start", Field::Clock, "08:00"),
        need("end", "结束", "End", Field::Clock, "20:00"),
        need("weekdays", "星期", "Weekdays", Field::Weekdays, "一至六"),
        may("breaks", "休息", "Breaks", Field::Spans, "12:00-12:30"),
        EFFECTIVE,
    ],
    key: &["calendar", "effective_from"],
    together: true,
    draft: shifts::calendar,
};

/// Holidays and extra working days; they change the calendar that is there.
pub(super) static CALENDAR_DAY: Kind = Kind {
    id: "calendar_day",
    names: ["节假日与调休", "Holidays and extra working days"],
    words: [
        "每个日期一行，加到已填报的日历上。须在当天之前填报：事后填报的假日不算计划停机。",
        "One row for each date, added to the calendar that is declared. State them before the day: a holiday found afterwards was not planned.",
    ],
    columns: &[
        may("calendar", "日历", "Calendar", Field::Text(32), "main"),
        need("date", "日期", "Date", Field::Date { ahead: true }, "2026-10-01"),
        need(
            "day",
            "安排",
            "Day",
            Field::Choice(&[
                choice("holiday", "休息", "holiday"),
                choice("workday", "上班", "working day"),
                choice("ordinary", "按星期", "as its weekday"),
            ]),
            "休息",
        ),
        EFFECTIVE,
    ],
    key: &["calendar"],
    together: true,
    draft: shifts::days,
};

/// Planned cycle times.
pub(super) static CYCLE_TIME: Kind = Kind {
    id: "cycle_time",
    names: ["计划节拍", "Planned cycle time"],
    words: [
        "每台设备、每种产品一行；产品留空表示所有产品。产品的写法与设备信号一致。",
        "One row for each machine and product; no product means all. Write a product as the machine's signal shows it.",
    ],
    columns: &[
        MACHINE,
        may("product", "产品", "Product", Field::Text(64), "7"),
        need("seconds", "每件秒数", "Seconds per item", Field::Decimal { places: 6, min: 0, max: 31_622_400 }, "12.5"),
        may("items_per_cycle", "每循环件数", "Items per cycle", Field::Count(1, 100_000), "1"),
        EFFECTIVE,
    ],
    key: &["machine", "product", "effective_from"],
    together: false,
    draft: bodies::cycle_time,
};

/// What alarm codes mean.
pub(super) static ALARM_CODE: Kind = Kind {
    id: "alarm_code",
    names: ["报警代码", "Alarm codes"],
    words: ["每个代码一行：它是什么报警。", "One row for each code: what it warns of."],
    columns: &[
        MACHINE,
        need("code", "代码", "Code", Field::Text(64), "17"),
        need("name", "名称", "Name", Field::Text(128), "急停"),
        may("name_en", "英文名称", "English name", Field::Text(128), "Emergency stop"),
        need(
            "class",
            "类别",
            "Class",
            Field::Choice(&[
                choice("safety", "安全", "safety"),
                choice("device", "设备", "device"),
                choice("process", "工艺", "process"),
                choice("quality", "质量", "quality"),
                choice("notice", "提示", "notice"),
            ]),
            "安全",
        ),
        EFFECTIVE,
    ],
    key: &["machine", "code", "effective_from"],
    together: false,
    draft: bodies::alarm_code,
};
