//! What the shop floor knows on the sample of a machine's figures: reasons of every source, alarms open and lost from sight, a batch that
//! was corrected, a chart with a miss and a violation, material measured and not.

use super::{NOW_MS, names};
use metrics::figures::lists::{
    AlarmLine, BatchLine, BetweenLine, BrokenLine, ChartLine, FailureLine, LimitsLine, Lists, MaterialLine, PhaseLine,
    PointLine, Printed, StopLine, UnmatchedLine, ValueLine,
};

const H: i64 = 3_600_000;
const MIN: i64 = 60_000;
const DAY: i64 = 24 * H;

fn printed(unit: &'static str, value: Option<&str>, bounds: Option<(&str, &str)>) -> Printed {
    Printed {
        unit: unit.into(),
        value: value.map(Into::into),
        lower: bounds.map(|b| b.0.into()).or(value.map(Into::into)),
        upper: bounds.map(|b| b.1.into()).or(value.map(Into::into)),
        undefined: if value.is_none() { Some("NO_YIELD_BASIS") } else { None },
    }
}

fn stop(reason: &str, source: &'static str, times: u32, minutes: i64, doubtful: i64, share: &str) -> StopLine {
    StopLine {
        reason: reason.into(),
        source,
        times,
        ms: minutes * MIN,
        doubtful_ms: doubtful * MIN,
        share: Some(share.into()),
        statements: if source == "stated" { vec![311] } else { Vec::new() },
    }
}

fn alarm(code: &str, class: Option<&'static str>, ago: i64, minutes: i64) -> AlarmLine {
    AlarmLine {
        code: code.into(),
        names: if class.is_some() { names("安全光栅", "Light curtain") } else { names("", "") },
        class,
        raised_after_ms: Some(NOW_MS - ago - 10_000),
        raised_ms: NOW_MS - ago,
        end: "cleared",
        seen_ms: NOW_MS - ago + minutes * MIN,
        duration_ms: minutes * MIN,
        least_ms: minutes * MIN - 10_000,
        most_ms: Some(minutes * MIN + 10_000),
        raises: 1,
        ..AlarmLine::default()
    }
}

fn batch(number: &str, product: &str, ago: i64, minutes: i64, yielded: Option<&str>) -> BatchLine {
    let begin = NOW_MS - ago;
    BatchLine {
        batch: number.into(),
        product: product.into(),
        from_ms: begin,
        to_ms: begin + minutes * MIN,
        standard_ms: Some(240 * MIN),
        basis: "stated",
        leaf: Some(402),
        recipe: Some(9),
        charged: Some(printed("kg", Some("1071.000000"), None)),
        good: Some(printed("kg", Some("960.000000"), None)),
        yielded: printed("1", yielded, None),
        energy: printed("kWh", Some("720.400000"), Some(("718.900000", "722.000000"))),
        energy_per_unit: printed("kWh/kg", Some("0.750417"), None),
        grade: "C",
        phases: vec![
            PhaseLine {
                phase: "投料".into(), kind: "process", actual_ms: Some(40 * MIN), standard_ms: Some(30 * MIN)
            },
            PhaseLine { phase: "出料".into(), kind: "process", actual_ms: None, standard_ms: Some(30 * MIN) },
            PhaseLine { phase: "清釜".into(), kind: "cleaning", actual_ms: Some(10 * MIN), standard_ms: None },
        ],
        ..BatchLine::default()
    }
}

fn chart() -> ChartLine {
    // Thousandths of a millimetre around 20 mm.
    const VALUES: [i64; 28] =
        [4, -7, 2, 9, -3, 0, 6, -11, 5, 3, -2, 8, -6, 1, 4, -9, 7, 2, -4, 6, 12, 18, 21, 24, 33, 26, 29, 22];
    const RANGES: [i64; 28] =
        [18, 22, 9, 31, 14, 26, 20, 11, 24, 17, 29, 13, 8, 25, 19, 16, 21, 12, 27, 10, 23, 15, 30, 18, 52, 14, 20, 9];
    let milli = |v: i64| format!("{:.6}", (20_000 + v) as f64 / 1000.0);
    let points = VALUES.into_iter().zip(RANGES).enumerate().map(|(i, (value, range))| PointLine {
        at_ms: NOW_MS - (28 - i as i64) * 2 * H,
        centre: milli(value),
        range: Some(format!("{:.6}", range as f64 / 1000.0)),
        follows: i != 0 && i != 9,
        is_marked: i >= 22,
        is_range_marked: i == 24,
    });
    let broken = |rule: &'static str, zh: &str, en: &str, side: &'static str, hours: i64| BrokenLine {
        rule,
        words: names(zh, en),
        side: Some(side),
        from_ms: NOW_MS - hours * H,
        to_ms: NOW_MS - 4 * H,
        points: 6,
    };
    ChartLine {
        characteristic: "bore".into(),
        part: "bore".into(),
        names: names("内孔直径", "Bore diameter"),
        unit: "mm".into(),
        leaf: 57,
        from_ms: NOW_MS - 7 * DAY,
        to_ms: NOW_MS,
        subgroup: Some(4),
        lsl: Some("19.95".into()),
        usl: Some("20.05".into()),
        target: Some("20".into()),
        rules: "western-electric@1".into(),
        base: Some([NOW_MS - 21 * DAY, NOW_MS - 14 * DAY]),
        base_incomplete: 1,
        limits: Some(LimitsLine {
            location: [milli(-15), milli(0), milli(15)],
            range: ["0.000000".into(), "0.020500".into(), "0.046781".into()],
            points: 84,
        }),
        in_control: Some(false),
        points: points.collect(),
        broken: vec![
            broken("western-electric-1", "1 点超出 3σ", "one point beyond 3σ", "above", 12),
            broken("range", "极差超出控制限", "a range beyond its limits", "above", 8),
        ],
        out_of_specification: vec![ValueLine {
            at_ms: NOW_MS - 8 * H,
            value: "20.052000".into(),
            side: "above",
            leaf: 48_011,
        }],
        measurements: 336,
        missed: 2,
        incomplete: 1,
        other_unit: 3,
        grade: "B",
        ..ChartLine::default()
    }
}

fn material(id: &str, zh: &str, en: &str, source: &'static str) -> MaterialLine {
    let is_measured = source != "backflush";
    MaterialLine {
        material: id.into(),
        part: id.into(),
        names: names(zh, en),
        unit: "kg".into(),
        leaf: 61,
        from_ms: NOW_MS - 7 * DAY,
        to_ms: NOW_MS,
        source,
        signal: is_measured.then(|| "gw-1/press/flow".into()),
        standard: Some("0.1043".into()),
        amount: match is_measured {
            true => printed("kg", Some("201.600000"), Some(("201.400000", "203.100000"))),
            false => Printed { undefined: Some("NOT_MEASURED"), ..printed("kg", None, None) },
        },
        refills: u32::from(source == "tank"),
        per_good: printed("kg/pcs", Some("0.100000"), None),
        against_standard: match is_measured {
            true => printed("1", Some("-0.041200"), Some(("-0.042100", "-0.034000"))),
            false => Printed { undefined: Some("NOTHING_DUE"), ..printed("1", None, None) },
        },
        grade: if is_measured { "A" } else { "D" },
    }
}

pub(super) fn lists() -> Lists {
    Lists {
        stops: vec![
            stop("待模具", "stated", 6, 214, 0, "0.379433"),
            stop("maint", "state", 4, 130, 0, "0.230496"),
            stop("", "none", 7, 105, 36, "0.186170"),
            stop("E07", "alarm", 3, 88, 0, "0.156028"),
            stop("<新材料>", "stated", 1, 27, 0, "0.047873"),
        ],
        failures: vec![
            FailureLine {
                from_ms: NOW_MS - 30 * H,
                to_ms: NOW_MS - 29 * H,
                faults: 2,
                is_beginning_seen: true,
                is_end_seen: true,
                first_action_ms: Some(NOW_MS - 30 * H + 6 * MIN),
                by: Some("person"),
                leaf: Some(311),
                response_ms: Some(6 * MIN),
                open_ms: None,
            },
            FailureLine {
                from_ms: NOW_MS - 20 * H,
                to_ms: NOW_MS - 20 * H + 12 * MIN,
                faults: 1,
                is_beginning_seen: true,
                is_end_seen: true,
                first_action_ms: Some(NOW_MS - 20 * H + 3 * MIN),
                by: Some("machine"),
                response_ms: Some(3 * MIN),
                ..FailureLine::default()
            },
            FailureLine {
                from_ms: NOW_MS - 3 * H,
                to_ms: NOW_MS - 2 * H,
                faults: 1,
                open_ms: Some(3 * H),
                ..FailureLine::default()
            },
        ],
        alarms: vec![
            AlarmLine {
                acknowledged_ms: Some(NOW_MS - 30 * H + 4 * MIN),
                handled_ms: Some(NOW_MS - 30 * H + 12 * MIN + 34_000),
                raises: 3,
                statements: vec![312],
                ..alarm("E07", Some("safety"), 30 * H, 9)
            },
            AlarmLine {
                end: "unseen",
                most_ms: None,
                unseen_ms: 5 * MIN,
                open_ms: Some(20 * H),
                ..alarm("E12", None, 20 * H, 14)
            },
            AlarmLine { is_test: true, statements: vec![330], ..alarm("E07", Some("safety"), 9 * H, 1) },
            AlarmLine {
                end: "raised",
                most_ms: None,
                raised_after_ms: None,
                open_ms: Some(2 * H),
                ..alarm("E30", None, 2 * H, 120)
            },
        ],
        alarms_unmatched: vec![UnmatchedLine { code: "E99".into(), raised_ms: NOW_MS - 50 * H, leaf: 318 }],
        batches: vec![
            BatchLine { superseded: vec![398], ..batch("A-1", "树脂 A", 40 * H, 240, Some("0.941176")) },
            batch("A-2", "树脂 A", 35 * H, 290, Some("0.900000")),
            BatchLine {
                basis: "signal",
                leaf: None,
                is_interrupted: true,
                phases: Vec::new(),
                ..batch("B-1", "*", 28 * H, 120, None)
            },
        ],
        batches_left_out: 4,
        between: vec![
            BetweenLine {
                before: "A-1".into(),
                after: "A-2".into(),
                from_ms: NOW_MS - 36 * H,
                to_ms: NOW_MS - 35 * H,
                cleaning_ms: [20 * MIN; 3],
                waiting_ms: 40 * MIN,
                ..BetweenLine::default()
            },
            BetweenLine {
                before: "A-2".into(),
                after: "B-1".into(),
                from_ms: NOW_MS - 30 * H,
                to_ms: NOW_MS - 28 * H,
                changes_product: true,
                planned_ms: 50 * MIN,
                cleaning_ms: [20 * MIN, 20 * MIN, 24 * MIN],
                setup_ms: [10 * MIN, 10 * MIN, 14 * MIN],
                waiting_ms: 36 * MIN,
                unobserved_ms: 4 * MIN,
                ..BetweenLine::default()
            },
        ],
        charts: vec![
            chart(),
            ChartLine {
                characteristic: "flatness".into(),
                part: "flatness".into(),
                names: names("平面度", "Flatness"),
                subgroup: None,
                limits: None,
                base: None,
                undefined: Some("NO_BASE_PERIOD"),
                in_control: None,
                broken: Vec::new(),
                out_of_specification: Vec::new(),
                lsl: None,
                missed: 0,
                points: chart()
                    .points
                    .into_iter()
                    .map(|p| PointLine { is_marked: false, is_range_marked: false, ..p })
                    .collect(),
                ..chart()
            },
        ],
        materials: vec![
            material("pellets", "塑料粒", "Pellets", "register"),
            material("resin", "环氧树脂", "Epoxy resin", "tank"),
            material("inserts", "嵌件", "Inserts", "backflush"),
        ],
        ..Lists::default()
    }
}
