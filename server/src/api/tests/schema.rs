//! Real answers against the published document: what a program reads there is what it gets.
//!
//! The part of JSON Schema that the document uses is checked by hand; a keyword this test does not know fails it, and so does
//! a property the document does not know.

use super::*;

const DOCUMENT: &str = include_str!("../../../../docs/reference/openapi.json");

/// What of a value does not fit a schema, each with its place.
pub(super) fn check(document: &Json, schema: &Json, value: &Json, place: &str, wrong: &mut Vec<String>) {
    let mut say = |what: String| wrong.push(format!("{place}: {what}"));
    if let Some(name) = schema["$ref"].as_str() {
        let named = document.pointer(name.trim_start_matches('#')).unwrap_or(&Json::Null);
        assert!(named.is_object(), "{place}: {name} is not in the document");
        return check(document, named, value, place, wrong);
    }
    if let Some(choices) = schema["oneOf"].as_array() {
        let fits = |choice: &&Json| {
            let mut wrong = Vec::new();
            check(document, choice, value, place, &mut wrong);
            wrong.is_empty()
        };
        if choices.iter().filter(fits).count() != 1 {
            say(format!("{value} fits not exactly one of the {} shapes", choices.len()));
        }
        return;
    }
    for keyword in schema.as_object().into_iter().flatten().map(|(keyword, _)| keyword.as_str()) {
        let known = [
            "type",
            "description",
            "required",
            "properties",
            "items",
            "format",
            "minimum",
            "additionalProperties",
            "propertyNames",
            "enum",
            "default",
            "example",
        ];
        assert!(known.contains(&keyword), "{place}: this test does not know `{keyword}`");
    }
    let types: Vec<&str> = match &schema["type"] {
        Json::String(one) => vec![one],
        Json::Array(several) => several.iter().filter_map(Json::as_str).collect(),
        // Any value at all.
        _ => return,
    };
    let actual = match value {
        Json::Null => "null",
        Json::Bool(_) => "boolean",
        Json::Number(number) if number.is_i64() || number.is_u64() => "integer",
        Json::Number(_) => "number",
        Json::String(_) => "string",
        Json::Array(_) => "array",
        Json::Object(_) => "object",
    };
    let fits = types.contains(&actual) || actual == "integer" && types.contains(&"number");
    if !fits {
        return say(format!("{actual} where the document says {types:?}"));
    }
    if let (Some(least), Some(number)) = (schema["minimum"].as_i64(), value.as_i64())
        && number < least
    {
        say(format!("{number} is below {least}"));
    }
    if let Some(values) = schema["enum"].as_array()
        && !values.contains(value)
    {
        say(format!("{value} is none of {values:?}"));
    }
    if let Some(items) = value.as_array() {
        for (index, item) in items.iter().enumerate() {
            check(document, &schema["items"], item, &format!("{place}[{index}]"), wrong);
        }
    }
    let Some(members) = value.as_object() else { return };
    for name in schema["required"].as_array().into_iter().flatten().filter_map(Json::as_str) {
        if !members.contains_key(name) {
            wrong.push(format!("{place}: `{name}` is missing"));
        }
    }
    for (name, member) in members {
        let place = format!("{place}.{name}");
        match (schema["properties"].get(name), schema.get("additionalProperties")) {
            (Some(known), _) => check(document, known, member, &place, wrong),
            (None, Some(any)) if any.is_object() => check(document, any, member, &place, wrong),
            (None, Some(Json::Bool(true))) => {}
            // An object of any shape says nothing of its members.
            (None, _) if schema["properties"].is_null() => {}
            (None, _) => wrong.push(format!("{place}: not in the document")),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_has_the_shape_the_document_promises() {
    let document: Json = serde_json::from_str(DOCUMENT).expect("document");
    let (inside, leaf) = scope::two_sites().await;
    let administrator = token(&inside, "root", "administrator", "everything").await;
    let mut answered = 0;
    for (path, item) in document["paths"].as_object().expect("paths") {
        let Some(operation) = item.get("get") else { continue };
        let (status, kind, bytes) = fetch(&inside, &scope::address(path, leaf), &administrator).await;
        assert_eq!(status, StatusCode::OK, "{path}: {}", String::from_utf8_lossy(&bytes));
        let promised = &operation["responses"]["200"]["content"];
        match promised.as_object().and_then(|kinds| kinds.iter().next()) {
            // The document itself and what is not JSON: only the kind is promised, if anything.
            None => assert!(!bytes.is_empty(), "{path}"),
            Some((promised, shape)) => {
                assert!(kind.starts_with(promised.as_str()), "{path}: {kind} where the document says {promised}");
                if promised == "application/json" {
                    let value: Json = serde_json::from_slice(&bytes).expect("JSON");
                    let mut wrong = Vec::new();
                    check(&document, &shape["schema"], &value, "answer", &mut wrong);
                    assert!(wrong.is_empty(), "{path}: {wrong:#?}");
                    assert!(
                        value.as_array().is_none_or(|list| !list.is_empty()),
                        "{path}: an empty list proves nothing"
                    );
                    answered += 1;
                }
            }
        }
    }
    assert!(answered >= 10, "{answered} answers were compared");
    // And an error is one.
    let (status, kind, bytes) = fetch(&inside, "/api/v1/sites/nowhere", &administrator).await;
    assert_eq!((status, kind.as_str()), (StatusCode::NOT_FOUND, "application/json"));
    let mut wrong = Vec::new();
    let value: Json = serde_json::from_slice(&bytes).expect("JSON");
    check(&document, &json!({"$ref": "#/components/schemas/ApiError"}), &value, "answer", &mut wrong);
    assert!(wrong.is_empty(), "{wrong:#?}");
    inside.evidence.close().await;
}

#[test]
fn the_check_finds_what_does_not_fit() {
    let document: Json = serde_json::from_str(DOCUMENT).expect("document");
    let schema = json!({"$ref": "#/components/schemas/AlarmView"});
    let good = json!({"leaf": 1, "gateway": "gw-1", "kind": "clone", "at_ms": 2, "detail": "3"});
    let wrong_of = |value: &Json| {
        let mut wrong = Vec::new();
        check(&document, &schema, value, "x", &mut wrong);
        wrong
    };
    assert_eq!(wrong_of(&good), Vec::<String>::new());
    for (member, value, words) in [
        ("leaf", json!("1"), "x.leaf: string where the document says"),
        ("leaf", json!(1.5), "x.leaf: number where"),
        ("detail", Json::Null, "x.detail: null where"),
        ("colour", json!("red"), "x.colour: not in the document"),
    ] {
        let mut bad = good.clone();
        bad[member] = value;
        assert!(wrong_of(&bad).iter().any(|wrong| wrong.starts_with(words)), "{bad}: {:?}", wrong_of(&bad));
    }
    let mut short = good;
    short.as_object_mut().expect("object").remove("kind");
    assert_eq!(wrong_of(&short), ["x: `kind` is missing"]);
}

async fn fetch(inside: &Inside, path: &str, token: &str) -> (StatusCode, String, Vec<u8>) {
    let response = router().with_state(inside.state.clone()).oneshot(get(path, token)).await.expect("answer");
    let status = response.status();
    let kind =
        response.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default().to_owned();
    (status, kind, to_bytes(response.into_body(), 64 * 1024 * 1024).await.expect("body").to_vec())
}
