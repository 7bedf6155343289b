//! Bounds of a stated level, and comparisons that are refused.

use serde_json::{Value, json};

use super::*;
use crate::model::{Body, parse_body};

fn body() -> Value {
    json!({"edition": "2024", "level": 3, "score_thousandths": 61_250, "date": "2026-03-14", "assessed": "on_site",
           "body": "昆明市某评测机构", "assessor": "p-17", "document": "a".repeat(64)})
}

fn stated(changes: Value) -> LevelAssessed {
    let mut body = body();
    for (key, value) in changes.as_object().unwrap() {
        match value {
            Value::Null => drop(body.as_object_mut().unwrap().remove(key)),
            _ => body[key] = value.clone(),
        }
    }
    match parse_body(KIND, &body).unwrap_or_else(|e| panic!("{body}: {e}")) {
        Body::LevelAssessed(level) => level,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_level_says_edition_date_and_who_said_so() {
    let level = stated(json!({}));
    assert_eq!(level.words().0, "三级，61.25 分（2024年版，现场评定，昆明市某评测机构，2026-03-14）");
    assert_eq!(
        level.words().1,
        "level 3, 61.25 points (edition 2024, assessment on site, 昆明市某评测机构, 2026-03-14)"
    );
    let written = serde_json::to_value(&level).unwrap();
    assert_eq!(written, body(), "what is read is written again");
    assert_eq!(stated(json!({"level": null})).words().0.split('（').next(), Some("61.25 分"));
}

#[test]
fn a_body_out_of_bounds_is_refused_by_field() {
    for (field, value) in [
        ("edition", json!("2023")),
        ("edition", json!(2024)),
        ("level", json!(5)),
        ("level", json!(-1)),
        ("level", json!("三级")),
        ("score_thousandths", json!(100_001)),
        ("score_thousandths", json!(-1)),
        ("score_thousandths", json!(61.25)),
        ("date", json!("2026-02-30")),
        ("date", json!("2026/03/14")),
        ("assessed", json!("by_us")),
        ("body", json!(" ")),
        ("body", json!("局".repeat(201))),
        ("assessor", json!("")),
        ("assessor", json!("p\n17")),
        ("assessor", json!("p".repeat(65))),
        ("document", json!("A".repeat(64))),
        ("document", json!("a".repeat(63))),
        ("document", json!("省".repeat(22))),
        ("surprise", json!(1)),
    ] {
        let mut b = body();
        b[field] = value.clone();
        let error = parse_body(KIND, &b).expect_err(&format!("{field} {value}")).to_string();
        assert!(error.contains("level_assessed"), "{error}");
    }
    let mut neither = body();
    neither.as_object_mut().unwrap().retain(|k, _| k != "level" && k != "score_thousandths");
    assert!(parse_body(KIND, &neither).is_err(), "a level or a score");
    for required in ["edition", "date", "assessed", "body", "assessor", "document"] {
        let mut b = body();
        b.as_object_mut().unwrap().remove(required);
        assert!(parse_body(KIND, &b).is_err(), "{required}");
    }
}

#[test]
fn editions_are_never_subtracted() {
    let old = stated(json!({"edition": "2022", "level": 1, "date": "2024-08-01", "assessed": "by_itself"}));
    let new = stated(json!({}));
    let refused = compare(&old, &new).unwrap_err();
    assert_eq!(refused, NotCompared::Editions(Edition::E2022, Edition::E2024));
    assert_eq!(refused.words().0, "2022年版与2024年版指标体系不同，等级和得分并列展示，不相减");
    assert!(refused.words().1.contains("not subtracted"));
}

#[test]
fn levels_of_one_edition_are_compared_in_order() {
    let before =
        stated(json!({"level": 1, "score_thousandths": 31_125, "date": "2025-03-14", "assessed": "by_itself"}));
    let after = stated(json!({}));
    let change = compare(&before, &after).unwrap();
    assert_eq!((change.levels_risen(), change.score_risen_thousandths()), (Some(2), Some(30_125)));
    assert!(change.remark().unwrap().0.contains("评定方式不同"));
    assert_eq!(compare(&after, &after).unwrap().remark(), None);
    assert_eq!(compare(&after, &before), Err(NotCompared::Order));
    let (level, score) = (stated(json!({"score_thousandths": null})), stated(json!({"level": null})));
    assert_eq!(compare(&level, &score), Err(NotCompared::NothingInCommon));
    assert_eq!(compare(&level, &after).unwrap().scores, None);
}
