//! The delivered questionnaires, and files that contradict themselves.

use serde_json::{Value, json};

use super::*;

fn miit_2024() -> Scheme {
    delivered("miit.2024@1").unwrap()
}

#[test]
fn the_edition_of_2024_has_fifteen_questions_and_sixteen_scenes() {
    let s = miit_2024();
    assert_eq!((s.questions().count(), s.scenes.len(), s.points().digits()), (15, 16, "100".to_owned()));
    let dimensions: Vec<String> = s.dimensions.iter().map(|d| d.points.digits()).collect();
    assert_eq!(dimensions, ["50", "30", "20"]);
    assert_eq!(s.scenes.iter().filter(|c| c.starred).count(), 10);
    let evidenced: Vec<(u8, String)> = s
        .questions()
        .filter(|q| q.evidence.extent == Extent::Counted)
        .map(|q| (q.number, q.evidence_points().digits()))
        .collect();
    let wanted = [(2, "6"), (3, "6"), (4, "3.5"), (12, "7"), (13, "7")].map(|(q, p)| (q, p.to_owned()));
    assert_eq!((evidenced, s.evidence_points.digits()), (wanted.to_vec(), "29.5".to_owned()));
}

#[test]
fn what_no_official_text_confirms_is_marked() {
    let s = miit_2024();
    let marked: Vec<(u8, &str)> = s
        .questions()
        .flat_map(|q| q.options.iter().map(move |o| (q.number, o)))
        .filter(|(_, o)| o.sourced == Some(Sourced::Unverified))
        .map(|(q, o)| (q, o.option.as_str()))
        .collect();
    assert_eq!(marked, [(8, "F")]);
    assert_eq!(s.level_rule.sourced, Sourced::Unverified);
    assert!(s.remark.contains('★'), "ten or nine");
}

#[test]
fn the_edition_of_2022_scores_nothing_and_says_why() {
    let s = delivered("miit.2022@1").unwrap();
    assert!(s.dimensions.is_empty() && s.scenes.is_empty());
    assert!(s.unscored.unwrap().zh.contains("未查到"));
    assert_eq!(s.edition.year(), "2022");
    assert!(delivered("miit.2030@1").is_err());
}

#[test]
fn scene_levels_ask_for_definitions_that_exist() {
    let s = miit_2024();
    let spoken: Vec<&str> = s.scenes.iter().filter(|c| c.data_level == Some(3)).map(|c| c.names.zh.as_str()).collect();
    assert_eq!(spoken, ["生产管控", "质量管理", "设备管理", "安全生产", "能耗管理"]);
    let asked: Vec<&str> = s
        .scenes
        .iter()
        .flat_map(|c| c.asks.iter().flatten())
        .flat_map(|n| &n.definitions)
        .map(String::as_str)
        .collect();
    assert!(asked.contains(&"oee.iso22400@1"), "设备管理 L3 asks for OEE statistics");
    assert!(asked.iter().all(|id| crate::catalogue::explain(id).is_some()));
}

/// The file with one value replaced or added.
fn with(path: &str, value: Value) -> Result<Scheme, FileError> {
    let mut file: Value = serde_json::from_str(DELIVERED[1]).unwrap();
    let (parent, key) = path.rsplit_once('/').unwrap();
    match file.pointer_mut(parent).unwrap_or_else(|| panic!("{path}")) {
        Value::Object(fields) => drop(fields.insert(key.to_owned(), value)),
        Value::Array(rows) => rows[key.parse::<usize>().unwrap()] = value,
        other => panic!("{path}: {other}"),
    }
    Scheme::parse(&file.to_string())
}

#[test]
fn a_file_that_contradicts_itself_is_refused() {
    let q = |n: usize, rest: &str| format!("/dimensions/0/questions/{n}{rest}");
    assert!(with("/remark", json!("another")).is_ok());
    for (path, value, why) in [
        ("/id".to_owned(), json!("miit.2024"), "name@version"),
        ("/evidence_points".to_owned(), json!("29"), "adds up to 29.5"),
        ("/dimensions/0/points".to_owned(), json!("49"), "add up to 50"),
        ("/dimensions".to_owned(), json!([]), "unscored"),
        ("/unscored".to_owned(), json!({"zh": "无", "en": "x"}), "unscored"),
        (q(0, "/points"), json!("9"), "at most 8"),
        (q(0, "/question"), json!(2), "numbered"),
        (q(0, "/options/1/points"), json!("3"), "at most 9"),
        (q(0, "/options/1/option"), json!("C"), "there twice"),
        (q(0, "/options/0/points"), json!("1"), "worth nothing"),
        (q(0, "/options/1/points"), json!("2.0001"), "three decimals"),
        (q(0, "/options/1/points"), json!(2.0), "invalid type"),
        (q(0, "/evidence/options/0"), json!("Z"), "no option"),
        (q(1, "/options/2/to_percent"), json!(20), "bands rise"),
        (q(1, "/options/4/to_percent"), json!(99), "bands rise"),
        (q(1, "/options/0/to_percent"), json!(0), "bands rise"),
        (q(1, "/options/2/points"), json!("1.5"), "bands rise"),
        (q(1, "/evidence/by"), json!("connected_share"), "one figure"),
        (q(1, "/kind"), json!("single"), "belongs to bands"),
        (q(3, "/evidence/options"), json!([]), "several options"),
        ("/dimensions/2/questions/0/options/1/direction".to_owned(), json!("lower"), "each direction once"),
        ("/dimensions/2/questions/0/options/1/direction".to_owned(), json!("up"), "not `higher`"),
        ("/scenes/1/scene".to_owned(), json!("product_design"), "there twice"),
        ("/scenes/0/levels".to_owned(), json!([]), "four levels"),
        ("/scenes/0/levels/3/en".to_owned(), json!(" "), "both languages"),
        ("/scenes/7/asks".to_owned(), json!([]), "neither"),
        ("/scenes/7/asks/0".to_owned(), json!([]), "asks for nothing"),
        ("/scenes/7/asks/0/0/definitions/0".to_owned(), json!("oee@9"), "catalogue has no"),
        ("/level_rule/levels/3/scenes".to_owned(), json!(17), "more than"),
        ("/level_rule/levels/3/starred".to_owned(), json!(11), "stars"),
        ("/level_rule/levels/1/points".to_owned(), json!("20"), "rise"),
        ("/level_rule/levels/0/level".to_owned(), json!(2), "numbered"),
        ("/level_rule/edition".to_owned(), json!("2022"), "edition"),
    ] {
        let error = with(&path, value.clone()).expect_err(&format!("{path} {value}")).to_string();
        assert!(error.contains(why) || why == "stars", "{path} {value}: {error}");
    }
    assert!(Scheme::parse(&" ".repeat(300 * 1024)).is_err());
}

#[test]
fn a_city_replaces_the_rule_and_nothing_else() {
    let s = miit_2024();
    let mut rule = s.level_rule.clone();
    rule.id = "kunming.levels@1".to_owned();
    rule.levels[2].scenes = 6;
    rule.levels[2].starred = 3;
    let theirs = s.with_level_rule(rule.clone()).unwrap();
    assert_eq!((theirs.level_rule.id.as_str(), theirs.dimensions == s.dimensions), ("kunming.levels@1", true));
    rule.edition = Edition::E2022;
    assert!(s.with_level_rule(rule).is_err());
}

#[test]
fn a_band_is_found_by_integers_and_nothing_is_no_band() {
    let s = miit_2024();
    let points = |part, of| s.question(2).unwrap().band(part, of).map(|o| o.points.digits());
    assert_eq!(points(16, 40).unwrap(), "3", "40 % is inside (20 %, 40 %]");
    assert_eq!(points(u64::MAX, u64::MAX).unwrap(), "6");
    assert_eq!((points(0, 0), points(2, 1)), (None, None));
    assert!(s.question(1).unwrap().band(1, 2).is_none(), "a question without bands");
    assert_eq!(s.question(11).unwrap().band(3, 5).unwrap().points.digits(), "5.625");
}
