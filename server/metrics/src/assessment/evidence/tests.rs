//! What data evidences, what it does not, and the traps of the questionnaire.

use super::*;
use crate::assessment::scheme::delivered;
use crate::energy::comprehensive::{Flow, Origin};
use crate::energy::factors;

fn whole(value: i128) -> Rational {
    Rational::integer(value)
}

/// So many machines: digitised, connected among the digitised, and all.
fn machines(digital: usize, connected: usize, all: usize) -> Graded<Vec<Asset>> {
    let asset = |i: usize| Asset {
        machine: format!("m{i}"),
        is_production: true,
        is_digital: i < digital,
        is_mapped: true,
        days_scheduled: 25,
        days_read: if i < connected { 25 } else { 0 },
        ..Asset::default()
    };
    Graded { value: (0..all).map(asset).collect(), grade: Grade::A }
}

fn source(area: &str, is_automatic: bool, received: u64) -> Source {
    Source { tag: format!("d/{area}"), area: area.to_owned(), is_automatic, expected: 100, received }
}

fn energy_side(label: &str, kgce: i128, revenue_wan: i128) -> EnergySide {
    let consumption = Consumption {
        metric: EnergyMetric::Consumption,
        kgce: whole(kgce),
        bounds: None,
        factors: "kgce.equivalent@1".to_owned(),
    };
    EnergySide {
        label: label.to_owned(),
        consumption: Some(Graded { value: consumption, grade: Grade::B }),
        revenue_wan: Some(Graded { value: whole(revenue_wan), grade: Grade::A }),
    }
}

/// The figures of TV-19, TV-10 and TV-17.
fn inputs() -> Inputs {
    let areas = ["生产管控", "质量管理", "设备管理", "能耗管理", "仓储物流"];
    let months = |good, produced| Graded { value: vec![(good, produced)], grade: Grade::B };
    let links = Share { counted: vec!["m0".to_owned()], of: vec!["m0".to_owned(), "m1".to_owned()] };
    Inputs {
        assets: Some(machines(25, 15, 37)),
        links: Some(Graded { value: links, grade: Grade::A }),
        sources: Some(Graded { value: areas.map(|a| source(a, true, 100)).to_vec(), grade: Grade::B }),
        energy_years: Some(EnergyPair {
            before: energy_side("2024", 182_400, 3_050),
            after: energy_side("2025", 175_855, 3_200),
        }),
        energy_windows: None,
        quality: Some(QualityPair { before: months(9_712, 10_000), after: months(9_760, 10_000) }),
    }
}

fn of(inputs: &Inputs) -> Evidence {
    evidence(&delivered("miit.2024@1").unwrap(), inputs, &Settings::default())
}

#[test]
fn a_whole_plant_evidences_what_its_data_says() {
    let e = of(&inputs());
    let points: Vec<(u8, Option<String>)> = e.rows.iter().map(|r| (r.question, r.points.map(Points::digits))).collect();
    let text = |t: &str| Some(t.to_owned());
    assert_eq!(
        points,
        [(1, None), (2, text("6")), (3, text("4.5")), (4, text("2.8")), (12, text("7")), (13, text("7"))]
    );
    assert_eq!(e.headline().0, "设备数据可佐证 27.3/29.5 分");
    assert_eq!(e.headline().1, "equipment data evidences 27.3/29.5 points");
    assert_eq!(e.grade(), Some(Grade::C), "revenue comes from people");
    let four = e.row(4).unwrap();
    assert_eq!(four.options, ["G", "H", "I", "K"], "仓储物流 is automatic and not ours to evidence");
    assert_eq!(four.lacks, [Lack::AreaWithoutSource("安全生产".to_owned())]);
    assert_eq!(e.row(1).unwrap().options, ["B"], "a network, not yet everywhere");
    assert_eq!(e.row(1).unwrap().lacks, [Lack::Unlinked(1)]);
}

#[test]
fn nothing_known_is_nothing_evidenced_with_reasons() {
    let e = of(&Inputs::default());
    assert_eq!(e.headline().0, "设备数据可佐证 0/29.5 分");
    assert!(e.rows.iter().all(|r| r.points.is_none() && r.grade.is_none() && r.lacks.len() == 1));
    let words: Vec<String> = e.rows.iter().map(|r| r.lacks[0].words().0).collect();
    assert_eq!(
        words,
        ["缺链路记录", "缺设备台账", "缺设备台账", "测点未对应业务环节", "缺上年与前年数据", "缺改造前后月度合格率"]
    );
    let worse = Inputs {
        energy_years: Some(EnergyPair { before: energy_side("2024", 100, 100), after: energy_side("2025", 101, 100) }),
        ..Inputs::default()
    };
    let row = of(&worse).row(12).unwrap().clone();
    assert_eq!(
        (row.points, row.options),
        (Some(Points::ZERO), vec!["A".to_owned()]),
        "增加 is evidenced, and worth nothing"
    );
    assert_eq!(
        of(&Inputs { assets: Some(machines(0, 0, 0)), ..Inputs::default() }).row(2).unwrap().lacks,
        [Lack::NoProductionMachine]
    );
}

#[test]
fn connection_is_scored_over_all_machines_and_shown_over_digitised_ones_too() {
    // 15 of 25 digitised machines would be 60 %, of 37 machines 40.5 %.
    let e = of(&Inputs { assets: Some(machines(25, 15, 37)), ..Inputs::default() });
    let row = e.row(3).unwrap();
    let shown: Vec<(&str, String)> = row.shown.iter().map(|s| (s.definition, s.value.digits(4))).collect();
    let wanted = [("equipment.connected@1", "0.4054"), ("equipment.connected_of_digital@1", "0.6000")];
    assert_eq!(shown, wanted.map(|(id, v)| (id, v.to_owned())));
    // 16 of 40: exactly 40 %.
    let e = of(&Inputs { assets: Some(machines(20, 16, 40)), ..Inputs::default() });
    assert_eq!(e.row(3).unwrap().points.unwrap().digits(), "3");
}

#[test]
fn an_area_by_hand_or_with_holes_is_not_automatic() {
    let sources = vec![source("能耗管理", false, 100), source("设备管理", true, 94), source("生产管控", true, 95)];
    let e = of(&Inputs { sources: Some(Graded { value: sources, grade: Grade::A }), ..Inputs::default() });
    let row = e.row(4).unwrap();
    assert_eq!((row.options.as_slice(), row.points.unwrap().digits()), (&["G".to_owned()][..], "0.7".to_owned()));
    let words: Vec<String> = row.lacks.iter().map(|l| l.words().0).collect();
    assert_eq!(
        words,
        [
            "质量管理：无自动采集测点",
            "设备管理：实采样本不足应采的 95%",
            "安全生产：无自动采集测点",
            "能耗管理：仅有人工录入，不计入自动采集"
        ]
    );
}

#[test]
fn the_two_metrics_of_energy_never_answer_for_each_other() {
    let mut inputs = inputs();
    let side = &mut inputs.energy_years.as_mut().unwrap().after;
    side.consumption.as_mut().unwrap().value.metric = EnergyMetric::Comprehensive;
    let row = of(&inputs).row(12).unwrap().clone();
    assert_eq!((row.points, row.lacks), (None, vec![Lack::OtherMetric("2025".to_owned())]));
    let set = factors::delivered("kgce.equivalent@1").unwrap();
    let flow = |carrier: &str, unit: &str| Flow {
        carrier: carrier.to_owned(),
        unit: unit.to_owned(),
        amount: whole(1_000),
        origin: Origin::Purchased,
        measured_kgce: None,
    };
    let both = [flow("electricity", "kWh"), flow("compressed_air", "m3")];
    let consumption = Consumption::of(&both, &set).unwrap();
    assert_eq!(consumption.kgce.digits(1), "122.9", "bought air is a medium: 162.9 is 综合能耗");
    assert_eq!(consumption.factors, "kgce.equivalent@1");
}

#[test]
fn both_comparisons_are_kept_and_the_setting_says_which_scores() {
    let windows = EnergyPair { before: energy_side("改造前", 100, 100), after: energy_side("改造后", 120, 100) };
    let inputs = Inputs { energy_windows: Some(windows), ..inputs() };
    let by_years = of(&inputs).row(12).unwrap().clone();
    assert_eq!((by_years.points.unwrap().digits(), by_years.changes.len()), ("7".to_owned(), 2));
    assert_eq!(by_years.changes[0].change.digits(6), "-0.081076", "175 855 kgce, without the 0.15 of TV-10");
    assert!(by_years.notes.contains(&Note::OtherComparison(Basis::Windows, Direction::Higher)));
    let settings = Settings { energy_by: Basis::Windows, ..Settings::default() };
    let scheme = delivered("miit.2024@1").unwrap();
    let by_windows = evidence(&scheme, &inputs, &settings).row(12).unwrap().clone();
    assert_eq!((by_windows.points.unwrap().digits(), by_windows.options), ("0".to_owned(), vec!["A".to_owned()]));
    let missing = evidence(&scheme, &Inputs { energy_windows: None, ..inputs }, &settings).row(12).unwrap().clone();
    assert_eq!(
        (missing.points, missing.changes.len()),
        (None, 1),
        "the other comparison is shown and does not stand in"
    );
    assert_eq!(missing.lacks, [Lack::NoComparison(Basis::Windows)]);
}

#[test]
fn other_factors_or_no_revenue_leave_it_open() {
    let lacks = |change: fn(&mut EnergySide)| {
        let mut inputs = inputs();
        change(&mut inputs.energy_years.as_mut().unwrap().before);
        let row = of(&inputs).row(12).unwrap().clone();
        assert_eq!(row.points, None);
        row.lacks
    };
    let other = lacks(|s| s.consumption.as_mut().unwrap().value.factors = "kgce.equivalent@2".to_owned());
    assert_eq!(other, [Lack::FactorsDiffer("kgce.equivalent@2".to_owned(), "kgce.equivalent@1".to_owned())]);
    assert_eq!(lacks(|s| s.revenue_wan = None), [Lack::NoRevenue("2024".to_owned())]);
    assert_eq!(
        lacks(|s| s.revenue_wan.as_mut().unwrap().value = Rational::ZERO),
        [Lack::NoQuotient("2024".to_owned())]
    );
    assert_eq!(lacks(|s| s.consumption = None), [Lack::NoConsumption("2024".to_owned())]);
    assert_eq!(
        lacks(|s| s.consumption.as_mut().unwrap().value.kgce = Rational::ZERO),
        [Lack::NoQuotient("2024".to_owned())]
    );
}

#[test]
fn a_tolerance_offers_unchanged_and_the_sign_and_interval_stay_beside() {
    let settings = Settings {
        energy_tolerance: Rational::parse("0.10").unwrap(),
        quality_tolerance: Rational::parse("0.01").unwrap(),
        ..Settings::default()
    };
    let mut inputs = inputs();
    let before = &mut inputs.energy_years.as_mut().unwrap().before;
    before.consumption.as_mut().unwrap().value.bounds = Some((whole(170_000), whole(190_000)));
    let e = evidence(&delivered("miit.2024@1").unwrap(), &inputs, &settings);
    let (twelve, thirteen) = (e.row(12).unwrap(), e.row(13).unwrap());
    assert_eq!(
        (twelve.points.unwrap().digits(), thirteen.points.unwrap().digits()),
        ("3.5".to_owned(), "3.5".to_owned())
    );
    assert_eq!((twelve.changes[0].raw, twelve.changes[0].offered), (Direction::Lower, Direction::Same));
    assert_eq!(twelve.notes, [Note::WithinTolerance(Direction::Lower)]);
    // 175 855 / 3 200 against 190 000 / 3 050 and 170 000 / 3 050.
    assert_eq!(twelve.changes[0].interval.clone().unwrap(), ["-0.117833", "-0.014048"]);
    assert_eq!(thirteen.changes[0].interval.clone().unwrap(), ["0.000353", "0.009267"], "Newcombe, TV-17");
    assert_eq!(thirteen.notes, [Note::WithinTolerance(Direction::Higher)]);
}

#[test]
fn an_interval_that_holds_no_change_and_a_mean_that_disagrees_are_noted() {
    let months = |m: &[(u64, u64)]| Graded { value: m.to_vec(), grade: Grade::A };
    let pair = QualityPair { before: months(&[(90, 100), (990, 1_000)]), after: months(&[(89, 100), (995, 1_000)]) };
    let e = of(&Inputs { quality: Some(pair), ..Inputs::default() });
    let row = e.row(13).unwrap();
    assert_eq!(row.options, ["C"], "pooled it rose");
    assert_eq!(row.notes, [Note::IntervalHoldsZero, Note::MeanDisagrees(Direction::Lower)]);
    let lacks = |before: &[(u64, u64)]| {
        let pair = QualityPair { before: months(before), after: months(&[(1, 2)]) };
        of(&Inputs { quality: Some(pair), ..Inputs::default() }).row(13).unwrap().lacks.clone()
    };
    assert_eq!(lacks(&[(0, 0)]), [Lack::NoProduction("改造前".to_owned())]);
    assert_eq!(lacks(&[(3, 2)]), [Lack::NoQuotient("改造前".to_owned())], "more good than produced");
    assert_eq!(lacks(&[(u64::MAX, u64::MAX), (1, 1)]), [Lack::NoQuotient("改造前".to_owned())]);
}
