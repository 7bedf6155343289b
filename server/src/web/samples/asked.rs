//! What pages asked over dates may meet: instruments stated and unstated, bills of every verdict, questions answered and not.

use metrics::figures::meters::{AllowedPart, BillLine, Instrument, MeterFinding, MissingDays, Plate, YearLine};
use metrics::figures::questionnaire::{AskedLine, ChangeLine, LevelLine, OptionLine, QuestionLine, ShownValue};

use super::{DAY, NOW_MS, head};
use crate::query::{
    FigureLine, FigureParameter, GapView, LeafRun, MetersView, NamedMachine, Parameter, QuestionnaireView, SavedView,
    SavingsView, Term, Words,
};

fn words(zh: &str, en: &str) -> Words {
    (zh, en).into()
}

fn line(definition: &str, part: &str, unit: &str, value: &str, bounds: [&str; 2]) -> FigureLine {
    let e = metrics::catalogue::explain(definition).expect("in the catalogue");
    FigureLine {
        definition: definition.into(),
        names: e.names.into(),
        part: part.into(),
        unit: unit.into(),
        formula: e.formula.into(),
        terms: vec![Term { symbol: "E".into(), value: value.into(), unit: "kWh".into() }],
        parameters: vec![FigureParameter { name: "class_table".into(), value: "classes.electricity@1".into() }],
        numerator: Some("1".into()),
        denominator: Some("1".into()),
        value: Some(value.into()),
        lower: Some(bounds[0].into()),
        upper: Some(bounds[1].into()),
        coverage: [30 * DAY, 30 * DAY],
        grade: Some("A".into()),
        undefined: None,
    }
}

pub(in crate::web) fn meters() -> MetersView {
    let (from_ms, until_ms) = (NOW_MS - 30 * DAY, NOW_MS);
    let bill = |from: &str, to: &str, verdict: &'static str, concludes: Words, reasons: Vec<Words>| BillLine {
        relative: Some("0.010000".into()),
        machine: "main".into(),
        account: "0330 1122 4455".into(),
        from: from.into(),
        to: to.into(),
        printed: "46580 kWh".into(),
        source: words("第三方结算数据（账单）", "third-party settlement (bill)"),
        leaf: 1_204,
        billed: Some("46580".into()),
        measured: Some("46712.4".into()),
        allowed: vec![
            AllowedPart { part: "unknown_time", kwh: Some("12.5".into()) },
            AllowedPart { part: "reading_time", kwh: Some("64".into()) },
            AllowedPart { part: "own_meter", kwh: Some("326.99".into()) },
            AllowedPart { part: "their_meter", kwh: None },
            AllowedPart { part: "rounding", kwh: Some("1".into()) },
        ],
        verdict,
        concludes,
        reasons,
    };
    let parts = ["main 2026-09-01 – 2026-09-30", "main 2026-10-01 – 2026-10-31"];
    MetersView {
        site: head("jh-07", "金华三联汽配", "Jinhua Sanlian Auto Parts", false),
        from: "2026-10-23".into(),
        to: "2026-11-21".into(),
        from_ms,
        until_ms,
        prefix: 48_211,
        machines: vec![NamedMachine { id: "main".into(), names: words("进线总表", "Incoming meter") }],
        figures: vec![
            line("energy.active.instrument@1", "main", "kWh", "46712.400000", ["46385.413200", "47041.691843"]),
            line("meter.error@1", "main", "1", "0.007000", ["0.007000", "0.007000"]),
            line("bill.difference@1", parts[0], "kWh", "132.400000", ["132.400000", "132.400000"]),
            line("bill.allowed@1", parts[0], "kWh", "404.490000", ["404.490000", "404.490000"]),
            line("bill.difference@1", parts[1], "kWh", "-1820.000000", ["-1820.000000", "-1820.000000"]),
            line("bill.allowed@1", parts[1], "kWh", "417.080000", ["417.080000", "417.080000"]),
        ],
        instruments: vec![
            Instrument {
                machine: "main".into(),
                from_ms,
                to_ms: until_ms,
                leaf: Some(1_188),
                plate: vec![
                    Plate { name: "serial", value: words("0071", "0071") },
                    Plate { name: "class", value: words("0.5S", "0.5S") },
                    Plate { name: "ct", value: words("200/5 A · 0.2S", "200/5 A · 0.2S") },
                    Plate {
                        name: "certificate",
                        value: words(
                            "电能表检定证书 JD-1，有效期至 2026-10-31",
                            "meter, verification certificate JD-1, valid until 2026-10-31",
                        ),
                    },
                ],
            },
            Instrument { machine: "cnc-2".into(), from_ms, to_ms: until_ms, leaf: None, plate: vec![] },
        ],
        findings: vec![
            MeterFinding {
                machine: "main".into(),
                code: "CERTIFICATE_EXPIRED",
                says: words("检定或校准证书在所示时段已过期", "the certificate had expired in the stretch shown"),
                detail: words(
                    "电能表检定证书 JD-1：2024-11-01 至 2026-10-31",
                    "meter, verification certificate JD-1: 2024-11-01 to 2026-10-31",
                ),
                from_ms: NOW_MS - 21 * DAY,
                to_ms: until_ms,
                leaf: Some(1_188),
            },
            MeterFinding {
                machine: "cnc-2".into(),
                code: "METER_UNDECLARED",
                says: words("未填报计量器具信息", "nothing is stated about the instrument"),
                detail: words("", ""),
                from_ms,
                to_ms: until_ms,
                leaf: None,
            },
        ],
        bills: vec![
            bill("2026-09-01", "2026-09-30", "within", words("在允许差值内", "within the allowed difference"), vec![]),
            bill(
                "2026-10-01",
                "2026-10-31",
                "outside",
                words("超出允许差值，待核实", "outside the allowed difference: to be verified"),
                vec![],
            ),
            bill(
                "2026-11-01",
                "2026-11-20",
                "not_comparable",
                words("不可比", "not comparable"),
                vec![words("表底覆盖率低于 80%", "less than 80 % of the period was read")],
            ),
        ],
        years: vec![YearLine {
            year: 2026,
            rule: words("按账单截止日所在年份", "by the year in which the bill ends"),
            is_whole: false,
            missing: vec![MissingDays { account: "0330 1122 4455".into(), days: 41 }],
            refused: None,
        }],
        sources: vec![LeafRun { gateway: "gw-1".into(), first_leaf: 21_004, last_leaf: 48_190 }],
        gaps: vec![GapView {
            from_ms: NOW_MS - 6 * DAY,
            until_ms: NOW_MS - 6 * DAY + 1_800_000,
            cause: "bus_busy".into(),
        }],
        statements: vec![Parameter { name: "meter".into(), value: "main".into(), leaf: Some(1_188), late: false }],
    }
}

pub(in crate::web) fn questionnaire() -> QuestionnaireView {
    let question = |number: u8, zh: &str, en: &str| QuestionLine {
        question: number,
        names: words(zh, en),
        is_counted: true,
        options: vec![],
        points: None,
        of: "7".into(),
        grade: None,
        shown: vec![],
        changes: vec![],
        lacks: vec![],
        notes: vec![],
    };
    let asked = |item: Words, verdict: &'static str, said: Words| AskedLine {
        place: words("设备管理", "设备管理"),
        item,
        verdict,
        words: said,
        grade: (verdict == "evidenced").then_some("A"),
        found: if verdict == "evidenced" { vec!["equipment.connected@1".into()] } else { vec![] },
        lacking: if verdict == "evidenced" {
            vec![]
        } else {
            vec![words("维护任务：无数据", "maintenance tasks: no data")]
        },
    };
    QuestionnaireView {
        site: head("jh-07", "金华三联汽配", "Jinhua Sanlian Auto Parts", false),
        from: "2026-10-23".into(),
        to: "2026-11-21".into(),
        prefix: 48_211,
        plan: Some("retrofit".into()),
        scheme: "miit.2024@1".into(),
        document: words(
            "《中小企业数字化水平评测指标（2024年版）》工信厅企业〔2024〕56号",
            "Digital level of small and medium firms (edition 2024), 工信厅企业〔2024〕56号",
        ),
        headline: words("设备数据可佐证 21.8/29.5 分", "equipment data evidences 21.8/29.5 points"),
        points: Some("21.8".into()),
        of: "29.5".into(),
        grade: Some("C".into()),
        questions: vec![
            QuestionLine {
                is_counted: false,
                of: "0".into(),
                options: vec![OptionLine {
                    option: "B".into(),
                    names: words("企业车间建成工控网络，支持自动化控制应用", "an industrial network in the workshop"),
                }],
                lacks: vec![words("1 台设备没有现有链路", "1 machines have no live link")],
                ..question(1, "企业网络建设连接情况", "Networks of the firm")
            },
            QuestionLine {
                options: vec![OptionLine { option: "E".into(), names: words("(60%,100%]", "(60%,100%]") }],
                points: Some("6".into()),
                of: "6".into(),
                grade: Some("A"),
                shown: vec![ShownValue {
                    definition: "equipment.digital@1",
                    of: String::new(),
                    value: "0.875000".into(),
                    formula: "digitised / production machines",
                    numerator: "7".into(),
                    denominator: "8".into(),
                }],
                ..question(2, "企业的生产设备数字化率", "Share of digitised production machines")
            },
            QuestionLine {
                lacks: vec![
                    words("2024：缺综合能源消费量", "2024: no energy consumption"),
                    words("2025：缺营业收入", "2025: no revenue"),
                ],
                ..question(
                    12,
                    "企业数字化改造后每百元营业收入中综合能源消费量相比于改造前的变化情况",
                    "Energy consumption per 100 yuan of revenue, after against before",
                )
            },
            QuestionLine {
                options: vec![OptionLine { option: "C".into(), names: words("增加", "increased") }],
                points: Some("7".into()),
                grade: Some("C"),
                changes: vec![ChangeLine {
                    basis: words("改造前后", "before and after the retrofit"),
                    before: "0.912000".into(),
                    after: "0.954000".into(),
                    change: "0.042000".into(),
                    interval: Some(["0.035000".into(), "0.049000".into()]),
                    direction: words("增加", "increased"),
                }],
                notes: vec![words(
                    "各月合格率简单平均的方向为持平，与合并计算不一致",
                    "the plain mean of monthly rates says unchanged, otherwise than the pooled rate",
                )],
                ..question(
                    13,
                    "企业数字化改造后月均产品合格率相比于改造前的变化情况",
                    "Monthly pass rate, after against before",
                )
            },
        ],
        scenes: vec![asked(
            words("设备管理", "Equipment management"),
            "partly",
            words(
                "L2 所要求的设备数据部分具备（不表示已达到该等级）",
                "L2: part of the equipment data it asks for is present (this does not say the level is reached)",
            ),
        )],
        checklist: vec![
            asked(words("生产设备联网率", "Connected machines"), "evidenced", words("可佐证", "evidenced")),
            asked(words("设备维护", "Maintenance"), "not", words("暂无数据佐证", "not evidenced")),
        ],
        lighthouse: vec![asked(
            words("企业管理制度", "rules of the firm"),
            "beyond",
            words("非设备数据可佐证，由评测人员核实", "beyond equipment data: for the assessor"),
        )],
        lighthouse_source: "昆明市小灯塔制造设备数字化要素".into(),
        levels: vec![
            LevelLine {
                leaf: 88,
                says: words(
                    "一级，41 分（2024年版，自评，金华市促进中心，2026-01-10）",
                    "level 1, 41 points (edition 2024, self-assessment, Jinhua centre, 2026-01-10)",
                ),
                assessor: "p-17".into(),
                document: "ab".repeat(32),
                since: None,
            },
            LevelLine {
                leaf: 1_301,
                says: words(
                    "二级，58.5 分（2024年版，现场评定，金华市促进中心，2026-11-10）",
                    "level 2, 58.5 points (edition 2024, assessment on site, Jinhua centre, 2026-11-10)",
                ),
                assessor: "p-17".into(),
                document: "cd".repeat(32),
                since: Some(words("等级变化 +1；得分变化 +17.5", "level +1; score +17.5")),
            },
        ],
    }
}

pub(in crate::web) fn savings() -> SavingsView {
    let figure = |id: &str, part: &str, unit: &str, value: &str, bounds: [&str; 2]| FigureLine {
        coverage: [0, 0],
        grade: None,
        parameters: vec![FigureParameter { name: "confidence_percent".into(), value: "90".into() }],
        ..line(id, part, unit, value, bounds)
    };
    let saved = |machine: &str, option: &str, says: Words, figures: Vec<FigureLine>| SavedView {
        machine: machine.into(),
        option: option.into(),
        driven_by: vec!["press".into(), "cnc-2".into()],
        baseline_days: 78,
        baseline_left_out: 3,
        reporting_days: 80,
        reporting_left_out: 1,
        says,
        is_evaluated: !figures.is_empty(),
        without: figures.iter().take(2).cloned().collect(),
        applied: figures.iter().take(1).map(|_| "e1: 电能表更换".to_owned()).collect(),
        cautions: if figures.is_empty() {
            vec![]
        } else {
            vec![words("基期不足一年", "the baseline spans less than a year")]
        },
        figures,
    };
    SavingsView {
        site: head("jh-07", "金华三联汽配", "Jinhua Sanlian Auto Parts", false),
        plan: Some("retrofit".into()),
        names: words("产线改造", "Retrofit of the line"),
        baseline: vec!["2026-05-18".into(), "2026-08-16".into()],
        reporting: vec!["2026-08-17".into(), "2026-11-15".into()],
        plans: vec!["retrofit".into(), "compressor".into()],
        machines: meters().machines,
        prefix: 48_211,
        saved: vec![
            saved(
                "main",
                "C",
                words("节能（90% 置信）", "energy saved (90 % confidence)"),
                vec![
                    figure("savings.avoided@1", "", "kWh", "8120.500000", ["5310.000000", "10931.000000"]),
                    figure("savings.fraction@1", "", "1", "0.061000", ["0.061000", "0.061000"]),
                    figure("unit_consumption.change@1", "change", "1", "-0.104000", ["-0.104000", "-0.104000"]),
                    figure("unit_consumption.change@1", "volume", "1", "-0.046000", ["-0.046000", "-0.046000"]),
                    figure("unit_consumption.change@1", "saving", "1", "-0.061000", ["-0.061000", "-0.061000"]),
                ],
            ),
            saved(
                "press",
                "B",
                words(
                    "8 个数据点不足以估计 2 个系数及其误差；请延长基期或减少驱动变量",
                    "8 points are too few for 2 coefficients and their errors: extend the baseline",
                ),
                vec![],
            ),
        ],
    }
}
