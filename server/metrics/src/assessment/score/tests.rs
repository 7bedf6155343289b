//! Missing answers, contradictory answers, and bounds.

use serde_json::{Value, json};

use super::*;
use crate::assessment::scheme::delivered;

fn scored(answers: Value) -> Result<Scored, AssessmentError> {
    score(&delivered("miit.2024@1").unwrap(), &Answers::parse(&answers.to_string())?)
}

fn of(questions: Value, scenes: Value) -> Result<Scored, AssessmentError> {
    scored(json!({"scheme": "miit.2024@1", "questions": questions, "scenes": scenes}))
}

#[test]
fn a_missing_answer_is_no_zero() {
    let s = of(json!([{"question": 2, "part": 25, "of": 37}, {"question": 3, "part": 0, "of": 0}]), json!([])).unwrap();
    assert_eq!(s.questions[1].points.unwrap().digits(), "6");
    assert_eq!(s.questions[1].options, ["E"]);
    assert_eq!(s.questions[2].points, Err(Unanswered::NothingCounted));
    assert_eq!(s.questions[0].points, Err(Unanswered::Missing));
    assert_eq!(s.total.points(), None, "undefined");
    assert_eq!((s.total.least.digits(), s.total.most.digits()), ("6".to_owned(), "100".to_owned()));
    assert_eq!(s.dimensions[0].1.open, [1, 3, 4, 5, 6, 7]);
    assert_eq!(s.open_scenes.len(), 16);
    assert!(s.level.level.is_err(), "everything is possible");
    let s = of(json!([{"question": 2, "options": ["A"]}]), json!([])).unwrap();
    assert_eq!(
        (s.questions[1].points, s.total.most.digits()),
        (Ok(Points::ZERO), "94".to_owned()),
        "answered with nothing"
    );
}

#[test]
fn scenes_count_at_their_level_and_above() {
    let answers = Answers::parse(
        r#"{"scheme":"miit.2024@1","scenes":[{"scene":"equipment","level":3},{"scene":"energy","level":2},{"scene":"planning","level":4}]}"#,
    )
    .unwrap();
    let scenes = delivered("miit.2024@1").unwrap().scenes;
    let at = |level| reached(&scenes, &answers, level);
    assert_eq!(at(1), Reached { scenes: (3, 16), starred: (2, 10) });
    assert_eq!(at(3), Reached { scenes: (2, 15), starred: (1, 9) });
    assert_eq!(at(4), Reached { scenes: (1, 14), starred: (0, 8) });
}

#[test]
fn answers_that_cannot_be_are_refused_with_their_place() {
    for (question, why) in [
        (json!({"question": 16, "options": ["A"]}), "question 16: no such question"),
        (json!({"question": 0, "options": ["A"]}), "no such question"),
        (json!({"question": 1, "options": ["A", "B"]}), "excludes"),
        (json!({"question": 1, "options": ["B", "B"]}), "twice"),
        (json!({"question": 1, "options": ["Z"]}), "no option"),
        (json!({"question": 1, "options": []}), "leave the question out"),
        (json!({"question": 1, "part": 1, "of": 2}), "only questions of bands"),
        (json!({"question": 2, "options": ["A", "B"]}), "one option only"),
        (json!({"question": 2, "options": ["A"], "part": 1, "of": 2}), "not both"),
        (json!({"question": 2, "part": 3, "of": 2}), "more than"),
        (json!({"question": 2, "part": 3}), "needs"),
        (json!({"question": 2}), "needs"),
        (json!({"question": 2, "part": -1, "of": 2}), "invalid value"),
        (json!({"question": 2, "part": 0.5, "of": 2}), "invalid type"),
        (json!({"question": 2, "options": ["A"], "note": "x"}), "unknown field"),
    ] {
        let error = of(json!([question.clone()]), json!([])).expect_err(&question.to_string()).to_string();
        assert!(error.contains(why), "{question}: {error}");
    }
    let twice = json!([{"question": 2, "options": ["A"]}, {"question": 2, "options": ["B"]}]);
    assert!(of(twice, json!([])).unwrap_err().to_string().contains("answered twice"));
    for scene in [
        json!([{"scene": "x", "level": 1}]),
        json!([{"scene": "energy", "level": 5}]),
        json!([{"scene": "energy", "level": 1}, {"scene": "energy", "level": 1}]),
    ] {
        assert!(of(json!([]), scene).is_err());
    }
    assert!(scored(json!({"scheme": "miit.2022@1"})).is_err(), "answers to another questionnaire");
}

#[test]
fn an_edition_without_weights_scores_nothing() {
    let answers = Answers::parse(r#"{"scheme":"miit.2022@1"}"#).unwrap();
    let error = score(&delivered("miit.2022@1").unwrap(), &answers).unwrap_err();
    assert!(matches!(error, AssessmentError::Unscored { edition: "2022", .. }), "{error}");
}
