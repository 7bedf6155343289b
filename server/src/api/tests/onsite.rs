//! An on-site check through the API: what the log shows is computed, never typed, and a photo's time is the photo's.

use super::*;
use crate::photo::tests::jpeg;

const STATE: &str = "/api/v1/sites/demo/declarations";
const PHOTOS: &str = "/api/v1/sites/demo/onsite/photos";

fn statement(kind: &str, body: Json) -> Json {
    json!({"kind": kind, "reason": "stated", "body": body})
}

#[tokio::test(flavor = "multi_thread")]
async fn results_are_computed_and_a_photo_says_its_own_time() {
    let inside = inside().await;
    inside.factory(&World::new(1, 1, None)).await;
    let mut tokens = std::collections::BTreeMap::new();
    for role in ["firm", "provider", "administrator", "district", "supervisor", "finance"] {
        tokens.insert(role, token(&inside, role, role, "site:demo").await);
    }
    let say = async |who: &str, kind: &str, body: Json| {
        let (status, answer) = call(&inside, post(STATE, &tokens[who], &statement(kind, body))).await;
        (status, format!("{} / {} / {}", answer["leaf"], answer["error"]["zh"], answer["error"]["en"]))
    };
    let send = async |who: &str, bytes: Vec<u8>| {
        let authorization = format!("Bearer {}", tokens[who]);
        let request = Request::builder().method(Method::POST).uri(PHOTOS).header(header::AUTHORIZATION, authorization);
        call(&inside, request.body(Body::from(bytes)).unwrap()).await
    };
    let check = || json!({"check": "oc-1", "body": "监理", "wanted": 1});
    for who in ["firm", "provider", "administrator"] {
        let (status, said) = say(who, "onsite_check", check()).await;
        assert_eq!(status, StatusCode::CONFLICT, "{who}: {said}");
        assert!(
            said.contains("不能由企业或其服务商自行核查") && said.contains("never by the factory or its provider"),
            "{said}"
        );
        assert_eq!(send(who, jpeg("2026:03:06 23:59:00")).await.0, StatusCode::FORBIDDEN, "{who}");
    }
    assert_eq!(say("finance", "onsite_check", check()).await.0, StatusCode::FORBIDDEN);
    let (status, said) = say("supervisor", "onsite_check", check()).await;
    assert_eq!(status, StatusCode::CREATED, "{said}");
    let leaf: u64 = said.split(' ').next().unwrap().parse().unwrap();

    // Nobody types what the log showed.
    let typed = json!({"check": "oc-1", "of": leaf, "size": leaf + 1,
        "found": {"draw": {"root": "00".repeat(32), "machines": ["press"], "drawn": ["press"]}}});
    let (status, said) = say("supervisor", "onsite_result", typed).await;
    assert_eq!(status, StatusCode::CONFLICT);
    assert!(said.contains("由服务器从日志计算") && said.contains("computed by the server from the log"), "{said}");
    assert_eq!(say("district", "onsite_result", json!({"check": "oc-1", "of": leaf})).await.0, StatusCode::CREATED);
    let view = async || call(&inside, get("/api/v1/sites/demo/onsite", &tokens["finance"])).await.1;
    let draw = view().await["sheet"]["draws"][0].clone();
    assert_eq!((&draw["machines"], &draw["drawn"]), (&json!(["press"]), &json!(["press"])));
    // The root is that of the tree which ends with the leaf that asked.
    let bytes = inside.context.logs.leaf_bytes(&Inside::site(), 0..leaf + 1).unwrap();
    let hashes: Vec<protocol::Digest> = bytes.iter().map(|leaf| protocol::tree::leaf_hash(leaf)).collect();
    assert_eq!(draw["root"], protocol::tree::root(&hashes).hex());

    // A photo is held, and its time is what it says.
    let (status, photo) = send("district", jpeg("2026:03:06 23:59:00")).await;
    assert_eq!(status, StatusCode::CREATED, "{photo}");
    assert_eq!(photo["taken_ms"], NOW_MS - 60_000);
    let (status, said) = send("district", b"GIF89a".to_vec()).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert!(said["error"]["zh"].as_str().unwrap().contains("不是完整的 JPEG 或 PNG 照片"), "{said}");
    let face =
        |photo: Json| json!({"check": "oc-1", "machine": "press", "value": "500.000", "unit": "kWh", "photo": photo});
    let mut other = photo.clone();
    other["taken_ms"] = json!(NOW_MS - 61_000);
    let (status, said) = say("district", "onsite_face", face(other)).await;
    assert_eq!(status, StatusCode::CONFLICT);
    assert!(said.contains("与照片所记的拍摄时间不符") && said.contains("is not the time in the photo"), "{said}");
    let mut unheld = photo.clone();
    unheld["digest"] = json!("00".repeat(32));
    let (status, said) = say("district", "onsite_face", face(unheld)).await;
    assert_eq!(status, StatusCode::CONFLICT);
    assert!(said.contains("请先上传照片") && said.contains("send it first"), "{said}");
    let (status, said) = say("district", "onsite_face", face(photo)).await;
    assert_eq!(status, StatusCode::CREATED, "{said}");
    let acts = view().await["sheet"]["acts"].clone();
    assert_eq!((&acts[0]["face"]["value"], &acts[0]["drawn"]), (&json!("500.000"), &json!(true)));
    assert!(acts[0]["waiting"]["zh"].as_str().unwrap().contains("尚未收到该时刻的读数"), "{acts}");
    inside.evidence.close().await;
}
