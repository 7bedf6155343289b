//! Matters to verify through the API: the shape the document promises, whose they are first, and answers that name no matter.

use super::*;
use crate::projection::tests::fixture::{HOUR, MONDAY};
use crate::state::Clock;
use crate::testing::{inside_at, standing_still};

const LIST: &str = "/api/v1/sites/demo/findings?week=2026-03-02";
const STATE: &str = "/api/v1/sites/demo/declarations";

#[tokio::test(flavor = "multi_thread")]
async fn matters_to_verify_are_the_factorys_first_and_have_the_shape_of_the_document() {
    let inside = inside_at(Clock::new(|| MONDAY + 8 * 24 * HOUR)).await;
    inside.factory(&standing_still()).await;
    inside.projected().await;
    let assessor = token(&inside, "zhao", "assessor", "site:demo").await;
    let firm = token(&inside, "chen", "firm", "site:demo").await;
    let shape = |value: &Json| {
        let document: Json = serde_json::from_str(&openapi_json()).expect("document");
        let mut wrong = Vec::new();
        schema::check(&document, &json!({"$ref": "#/components/schemas/FindingsView"}), value, "answer", &mut wrong);
        assert!(wrong.is_empty(), "{wrong:#?}");
    };
    let (status, before) = call(&inside, get(LIST, &assessor)).await;
    assert_eq!((status, &before["withheld"]["not_shown"]), (StatusCode::OK, &json!(2)));
    let (_, list) = call(&inside, get(LIST, &firm)).await;
    shape(&list);
    let matter = &list["findings"][0];
    assert_eq!((&matter["shown"]["role"], list["findings"].as_array().map(Vec::len)), (&json!("firm"), Some(2)));
    let (_, waiting) = call(&inside, get(LIST, &assessor)).await;
    assert_eq!((&waiting["findings"], &waiting["withheld"]["with_factory"]), (&json!([]), &json!(2)));

    let mut body = json!({"finding": matter["key"], "detector": matter["detector"]["id"], "machine": matter["machine"],
        "from_ms": matter["from_ms"], "text": "换表。", "document": "cd".repeat(32)});
    let explain = |body: &Json| json!({"kind": "explanation", "reason": "explained", "body": body});
    body["machine"] = json!("main");
    let (status, refused) = call(&inside, post(STATE, &firm, &explain(&body))).await;
    assert_eq!(status, StatusCode::BAD_REQUEST, "a key of another machine: {refused}");
    body["machine"] = matter["machine"].clone();
    assert_eq!(call(&inside, post(STATE, &assessor, &explain(&body))).await.0, StatusCode::FORBIDDEN);
    let shown = json!({"kind": "finding_shown", "reason": "t", "body": {"findings": [{"finding": matter["key"],
        "detector": matter["detector"]["id"], "machine": matter["machine"], "from_ms": matter["from_ms"]}]}});
    assert_eq!(call(&inside, post(STATE, &firm, &shown)).await.0, StatusCode::BAD_REQUEST, "only the server says so");
    assert_eq!(call(&inside, post(STATE, &firm, &explain(&body))).await.0, StatusCode::CREATED);
    let (_, open) = call(&inside, get(LIST, &assessor)).await;
    shape(&open);
    let told = &open["findings"][0];
    assert_eq!((&told["key"], &told["explanations"][0]["text"]), (&matter["key"], &json!("换表。")));
    assert_eq!((&told["explanations"][0]["document"], &told["released"]), (&json!("cd".repeat(32)), &json!(true)));
    assert_eq!((&open["withheld"]["with_factory"], &open["clear"]), (&json!(1), &json!([])));
    inside.evidence.close().await;
}
