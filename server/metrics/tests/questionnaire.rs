//! What a site's data evidences of the 评测指标 and the 小灯塔 criteria, by hand from the official points, and levels as they were
//! stated.

mod fixture;

use fixture::{Log, World};
use metrics::assessment::evidence::{Graded, QualityPair, Settings};
use metrics::figures::questionnaire::{Questionnaire, questionnaire};
use metrics::grade::Grade;
use metrics::report::Period;
use serde_json::{Value, json};

fn period() -> Period {
    Period { name: "period".into(), from: "2026-03-02".into(), to: "2026-03-15".into() }
}

/// The press and the incoming meter are read; the counter of good items falls silent after a day; nobody reads the lathe.
fn log() -> Log {
    let world = World::new(4_711, 14, None);
    let mut log = Log::new(false);
    log.run(&world, true, |tag, m| tag != 1 || m < 1440);
    log.declare("machine", json!({"machine": "lathe", "names": {"zh": "车床", "en": "Lathe"}, "signals": {}}));
    log
}

fn months(rates: &[(u64, u64)]) -> Graded<Vec<(u64, u64)>> {
    Graded { value: rates.to_vec(), grade: Grade::C }
}

fn of(log: &Log, quality: Option<QualityPair>) -> Questionnaire {
    questionnaire(&log.history(), &period(), None, quality, &Settings::default()).unwrap()
}

fn options(q: &Questionnaire, question: u8) -> (Vec<&str>, Option<&str>) {
    let line = q.questions.iter().find(|l| l.question == question).unwrap();
    (line.options.iter().map(|o| o.option.as_str()).collect(), line.points.as_deref())
}

#[test]
fn points_are_those_of_single_questions_and_what_is_missing_is_said() {
    let log = log();
    let bare = of(&log, None);
    // One machine of two: (40 %, 60 %] is D, 4.5 points, twice. Four of five areas at 0.7.
    assert_eq!(options(&bare, 2), (vec!["D"], Some("4.5")));
    assert_eq!(options(&bare, 3), (vec!["D"], Some("4.5")));
    assert_eq!(options(&bare, 4), (vec!["G", "H", "I", "K"], Some("2.8")));
    assert_eq!((bare.points.as_str(), bare.of.as_str()), ("11.8", "29.5"));
    assert_eq!(bare.headline.zh, "设备数据可佐证 11.8/29.5 分");
    // There is a network, and it does not reach the lathe; a network is no points of ours.
    assert_eq!(options(&bare, 1), (vec!["B"], None));
    let lacks = |question: u8| -> Vec<&str> {
        bare.questions.iter().find(|l| l.question == question).unwrap().lacks.iter().map(|w| w.zh.as_str()).collect()
    };
    assert_eq!(lacks(1), ["1 台设备没有现有链路"]);
    assert_eq!(lacks(4), ["安全生产：无自动采集测点"]);
    assert!(
        lacks(12).contains(&"2024：缺综合能源消费量") && lacks(12).contains(&"2025：缺营业收入"),
        "{:?}",
        lacks(12)
    );
    assert_eq!(options(&bare, 12), (vec![], None));
    assert_eq!((options(&bare, 13), lacks(13)), ((vec![], None), vec!["缺改造前后月度合格率"]));
    // 90 % before, 95 % after: increased, seven points.
    let pair = QualityPair { before: months(&[(90, 100), (900, 1000)]), after: months(&[(95, 100), (950, 1000)]) };
    let with = of(&log, Some(pair));
    assert_eq!(options(&with, 13), (vec!["C"], Some("7")));
    assert_eq!((with.points.as_str(), with.grade), ("18.8", Some("C")));
}

#[test]
fn a_year_of_bills_answers_half_of_the_energy_question() {
    let mut log = log();
    for month in 1..=12_i8 {
        let last = jiff::civil::date(2025, month, 1).last_of_month();
        log.declare("bill", json!({
            "carrier": "electricity", "account": "0530", "from": format!("2025-{month:02}-01"), "to": last.to_string(),
            "amount": "1000", "unit": "kWh", "issuer": "供电局", "source": "third_party_settlement",
        }));
    }
    let q = of(&log, None);
    let energy = q.questions.iter().find(|l| l.question == 12).unwrap();
    let lacks: Vec<&str> = energy.lacks.iter().map(|w| w.zh.as_str()).collect();
    assert!(lacks.contains(&"2024：缺综合能源消费量") && !lacks.contains(&"2025：缺综合能源消费量"), "{lacks:?}");
    assert!(lacks.contains(&"2025：缺营业收入"), "{lacks:?}");
}

#[test]
fn two_years_of_bills_and_revenue_answer_the_energy_question_at_the_grade_of_what_people_state() {
    let mut log = log();
    for (year, kwh, yuan) in [("2024", "100000", "1000000"), ("2025", "90000", "1000000")] {
        let (from, to) = (format!("{year}-01-01"), format!("{year}-12-31"));
        log.declare(
            "bill",
            json!({
                "carrier": "electricity", "account": "0530", "from": from, "to": to, "amount": kwh, "unit": "kWh",
                "issuer": "供电局", "source": "third_party_settlement", "digest": "0a".repeat(32),
            }),
        );
        log.declare(
            "revenue",
            json!({"from": from, "to": to, "amount": yuan, "source": "利润表", "digest": "0b".repeat(32)}),
        );
    }
    let line = |log: &Log| of(log, None).questions.into_iter().find(|l| l.question == 12).unwrap();
    let energy = line(&log);
    // 100,000 kWh over 10,000 hundreds of yuan are 10 kWh per hundred yuan; 90,000 are a tenth less.
    assert!(energy.lacks.is_empty() && energy.grade == Some("C"), "{energy:?}");
    assert_eq!(energy.changes[0].change, "-0.100000");
    log.declare(
        "revenue",
        json!({"from": "2024-01-01", "to": "2024-12-31", "amount": "1", "source": "x", "withdrawn": true}),
    );
    let lacks = line(&log).lacks;
    assert!(lacks.iter().any(|w| w.zh == "2024：缺营业收入"), "withdrawn: {lacks:?}");
}

#[test]
fn every_criterion_is_listed_with_the_data_there_is() {
    let q = of(&log(), None);
    assert_eq!((q.checklist.len(), q.lighthouse.len()), (38, 17));
    let verdicts = |v: &str| q.lighthouse.iter().filter(|l| l.verdict == v).count();
    assert!(verdicts("beyond") > 0 && verdicts("not") > 0 && verdicts("partly") > 0, "{:?}", q.lighthouse);
    for line in q.lighthouse.iter().chain(&q.scenes).chain(&q.checklist) {
        assert!(!line.place.zh.is_empty() && !line.item.zh.is_empty() && !line.item.en.is_empty());
        let is_found = matches!(line.verdict, "partly" | "evidenced");
        assert_eq!(is_found, !line.found.is_empty(), "{line:?}");
        assert_eq!(is_found, line.grade.is_some(), "{line:?}");
        assert!(line.verdict == "evidenced" || !line.lacking.is_empty(), "what is missing is said: {line:?}");
    }
}

fn level(edition: &str, date: &str, level: u8, score: i64, by: &str) -> Value {
    json!({
        "edition": edition, "level": level, "score_thousandths": score, "date": date, "assessed": by, "body": "昆明市数字化转型促进中心",
        "assessor": "p-17", "document": "ab".repeat(32),
    })
}

#[test]
fn levels_stand_as_stated_and_two_editions_are_never_subtracted() {
    let mut log = log();
    log.declare("level_assessed", level("2024", "2026-02-20", 2, 58_500, "on_site"));
    log.declare("level_assessed", level("2022", "2024-03-01", 1, 30_000, "by_itself"));
    log.declare("level_assessed", level("2024", "2025-06-01", 1, 41_000, "by_itself"));
    let q = of(&log, None);
    let said: Vec<&str> = q.levels.iter().map(|l| l.says.zh.as_str()).collect();
    assert!(said[0].contains("2022年版") && said[1].contains("41 分") && said[2].contains("现场评定"), "{said:?}");
    let since: Vec<Option<&str>> = q.levels.iter().map(|l| l.since.as_ref().map(|w| w.zh.as_str())).collect();
    assert_eq!(since[0], None);
    assert!(since[1].is_some_and(|w| w.contains("不相减")));
    assert_eq!(since[2], Some("等级变化 +1；得分变化 +17.5；改造前为自评，改造后为现场评定，评定方式不同"));
}
