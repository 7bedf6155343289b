//! What a sheet says in words: the figure with and without what is open, who stands for an answer, and what lacks.

use practice::claim::Claim;
use practice::rule::{DELIVERED, Rule};
use practice::sheet::{Amount, Sheet, WarningKind, evaluate};

const FIRST: &str = r#"
at = "2025-06-30"
sector = "化学药品制造"
level = { level = 3, by = "评测机构" }
received = [{ amount_fen = 0, by = "企业声明" }]
[facts]
little_giant = { answer = false, by = "企业" }
pilot_2022 = { answer = false, by = "企业" }
dishonest = { answer = false, by = "信用中国 2025-06-01" }
not_accepted = { answer = false, by = "实施期未结束" }
other_breach = { answer = false, by = "属地主管部门" }
in_pilot = { answer = true, by = "市工信局公示 2024-09-20" }
"#;

fn line(id: &str, category: &str, fen: i64) -> String {
    format!(
        "[[lines]]\nline = \"{id}\"\ncategory = \"{category}\"\namount_fen = {fen}\ninvoiced = \"2024-09-01\"\nin_plan = true\nsubsidised = false\n"
    )
}

fn sheet(text: &str) -> Sheet {
    let claim: Claim = toml::from_str(text).unwrap_or_else(|e| panic!("{e}"));
    evaluate(&Rule::parse(DELIVERED[0].1).unwrap(), &claim).unwrap()
}

fn ceiling(text: &str) -> (String, String) {
    let words = sheet(text).ceiling_words();
    (words.zh, words.en)
}

#[test]
fn a_ceiling_with_something_open_is_never_printed_alone() {
    let software = FIRST.to_owned() + &line("1", "software", 10_000_000);
    assert_eq!(ceiling(&software), ("50,000.00 元".into(), "50,000.00 yuan".into()));

    let sensor = software.clone() + &line("2", "sensor", 5_000_000);
    assert_eq!(
        ceiling(&sensor),
        (
            "按已确定的支出：50,000.00 元；50,000.00 元支出是否在支持范围内、50,000.00 元支出是否计入投入由主管部门确定，全部计入时：75,000.00 元".into(),
            "by what is settled: 50,000.00 yuan; the authority decides whether 50,000.00 yuan of expenses are within the scope and whether 50,000.00 yuan of expenses are investment, with all of it: 75,000.00 yuan".into()
        )
    );
    let step = sheet(&sensor).steps.pop().unwrap();
    assert_eq!(
        (step.step.as_str(), step.limit, step.amount),
        ("half_of_everything", Some(5_000_000), Amount::Fen(5_000_000))
    );
    let with = step.with_open.unwrap();
    assert_eq!((with.limit, with.amount), (Some(7_500_000), Amount::Fen(7_500_000)));

    let machine = software.clone() + &line("2", "equipment", 5_000_000);
    let (zh, en) = ceiling(&machine);
    assert_eq!(zh, "50,000.00 元；50,000.00 元支出是否计入投入由主管部门确定，计入与否上限相同");
    assert!(en.ends_with("which does not move the limit"), "{en}");

    let alone = FIRST.to_owned() + &line("1", "sensor", 5_000_000);
    let (zh, _) = ceiling(&alone);
    assert!(zh.starts_with("按已确定的支出：由主管部门确定：") && zh.ends_with("全部计入时：25,000.00 元"), "{zh}");
}

#[test]
fn what_is_open_moves_nothing_where_nothing_is_supported_or_an_answer_lacks() {
    let lines = line("1", "software", 10_000_000) + &line("2", "sensor", 5_000_000);
    let excluded = FIRST.replace("dishonest = { answer = false", "dishonest = { answer = true");
    assert_eq!(ceiling(&(excluded + &lines)).0, "0.00 元");
    let unanswered = FIRST.replace("other_breach = { answer = false, by = \"属地主管部门\" }\n", "");
    assert_eq!(ceiling(&(unanswered + &lines)).0, "尚缺：“其他违反规定的行为”一项的填报");
}

#[test]
fn a_ceiling_names_what_waits() {
    let waiting = line("2", "cloud", 5_000_000).replace("invoiced = \"2024-09-01\"\n", "");
    let (zh, en) = ceiling(&(FIRST.to_owned() + &line("1", "software", 10_000_000) + &waiting));
    assert_eq!(zh, "50,000.00 元；另有 50,000.00 元支出缺少资料，暂未计");
    assert!(en.ends_with("50,000.00 yuan of expenses lack something and are not in it yet"), "{en}");
}

#[test]
fn without_an_answer_there_is_no_number_and_the_question_is_named() {
    let text = FIRST.replace("in_pilot = { answer = true, by = \"市工信局公示 2024-09-20\" }\n", "");
    assert_ne!(text, FIRST);
    let sheet = sheet(&(text + &line("1", "software", 10_000_000)));
    assert_eq!(sheet.ceiling.words().zh, "尚缺：“纳入试点改造范围（已公示的试点企业）”一项的填报");
    assert!(sheet.stages.iter().all(|s| s.amount.fen().is_none()));
    let missing: Vec<&str> =
        sheet.warnings.iter().filter(|w| w.kind == WarningKind::Missing).map(|w| w.words.zh.as_str()).collect();
    assert_eq!(missing, ["未填写：纳入试点改造范围（已公示的试点企业）"]);
    let unanswered: Vec<&str> =
        sheet.answers.iter().filter(|a| a.answer.is_none()).map(|a| a.exclusion.as_str()).collect();
    assert_eq!(unanswered, ["in_pilot"]);
}

#[test]
fn a_sheet_says_who_stands_for_each_answer() {
    let answers = sheet(&(FIRST.to_owned() + &line("1", "software", 10_000_000))).answers;
    let published = answers.iter().find(|a| a.exclusion == "in_pilot").unwrap();
    assert_eq!(
        (published.answer, published.by.as_deref(), published.excludes),
        (Some(true), Some("市工信局公示 2024-09-20"), false)
    );
    assert_eq!(answers.len(), 6);
    let excluded = FIRST.replace("dishonest = { answer = false", "dishonest = { answer = true");
    let steps = sheet(&(excluded + &line("1", "software", 10_000_000))).steps;
    let step = steps.iter().find(|s| s.step == "exclusion.dishonest").unwrap();
    assert_eq!(step.formula.zh, "近三年内存在严重失信行为：是（信用中国 2025-06-01）");
}

#[test]
fn an_award_above_what_is_settled_says_what_it_is_with_everything_open() {
    let text = format!("awards = {{ lighthouse = {{ by = \"公示\" }} }}\n{FIRST}") + &line("1", "software", 30_000_000);
    let warned = |text: &str| {
        let warnings = sheet(text).warnings;
        warnings.into_iter().find(|w| w.kind == WarningKind::SupportExceeded).unwrap().words.zh
    };
    assert_eq!(warned(&text), "奖励及此前所获支持 200,000.00 元已超过 150,000.00 元");
    let open = text + &line("2", "sensor", 30_000_000);
    assert_eq!(
        warned(&open),
        "奖励及此前所获支持 200,000.00 元已超过 150,000.00 元；待定支出全部计入投入时为 300,000.00 元"
    );
}

#[test]
fn what_was_received_before_has_somebody_who_says_so_or_is_missing() {
    let line = line("1", "software", 10_000_000);
    let formula = |text: String| {
        let steps = sheet(&(text + &line)).steps;
        steps.into_iter().find(|s| s.step == "half_of_everything").unwrap().formula
    };
    let said = formula(FIRST.to_owned());
    assert!(said.zh.contains("减奖励及此前所获支持 0.00 元（企业声明）"), "{}", said.zh);
    assert!(said.en.contains("less awards and earlier support 0.00 yuan (企业声明)"), "{}", said.en);
    let silent = formula(FIRST.replace("received = [{ amount_fen = 0, by = \"企业声明\" }]\n", ""));
    assert_eq!(silent.zh, "尚缺：此前所获专项资金支持（没有的填 0）");
}

#[test]
fn what_is_hardware_itself_has_no_part_of_it_that_is() {
    let text = FIRST.to_owned() + &line("1", "gateway", 6_000_000) + "hardware_fen = 6000000\n";
    let claim: Claim = toml::from_str(&text).unwrap();
    let refused = evaluate(&Rule::parse(DELIVERED[0].1).unwrap(), &claim).unwrap_err();
    assert_eq!(refused.place, "lines.1.hardware_fen");
    assert_eq!(refused.said.zh, "该类别本身即为设备，请勿另填其中硬件");
    assert_eq!(refused.said.en, "this category is hardware itself: a part of it that is hardware is not stated");
}
