//! Deviations and days through the API: whoever sees the site reads them, in the words of the page, and nobody else learns that they exist.

use super::*;

const LIST: &str = "/api/v1/sites/demo/deviations";
const DAYS: &str = "/api/v1/sites/demo/days";

#[tokio::test(flavor = "multi_thread")]
async fn whoever_sees_the_site_reads_deviations_and_days_and_nobody_else_does() {
    let inside = inside().await;
    inside.factory(&World::new(4, 3, None)).await;
    noticed(&inside).await;
    inside.context.logs.publish_now(&Inside::site()).unwrap();
    inside.projected().await;
    for role in ["firm", "provider", "district", "centre", "city", "finance", "supervisor", "assessor"] {
        let token = token(&inside, role, role, "site:demo").await;
        let (status, list) = call(&inside, get(LIST, &token)).await;
        assert_eq!(status, StatusCode::OK, "{role}: {list}");
        assert_eq!(list["is_authority"], json!(["district", "centre", "city"].contains(&role)), "{role}");
        assert_eq!(list["is_firm"], json!(role == "firm"), "{role}");
        let target = &list["targets"][0];
        assert_eq!((&target["filed"]["target"], &target["open"]), (&json!("oee"), &json!("d-1")), "{role}");
        assert_eq!(target["measured"]["standing"], "open", "no base period was measured: {target}");
        let (status, one) = call(&inside, get(&format!("{LIST}/d-1?filing=km-017"), &token)).await;
        assert_eq!((status, &one), (StatusCode::OK, &list["deviations"][0]), "{role}: the list has the same");
        assert_eq!((&one["next"], &one["steps"][0]["kind"]), (&json!("EXPLANATION"), &json!("notice")), "{one}");
        assert_eq!(one["steps"][0]["measured"]["change"], "0.010000");
        let (status, days) = call(&inside, get(DAYS, &token)).await;
        assert_eq!((status, &days["run"]), (StatusCode::OK, &list["run"]), "{role}: {days}");
        // Three days of data; the gateway has been silent for the two after them, which may still come.
        assert_eq!(days["run"]["says"]["zh"], "连续运行 3 天（自 2026-03-02 起），另有 2 天的数据尚未收到");
        let counts = days["run"]["counts"].as_array().unwrap();
        let of = |kind: &str| counts.iter().find(|count| count["kind"] == kind).unwrap()["days"].clone();
        assert_eq!((of("producing"), of("not_received"), of("lost")), (json!(3), json!(2), json!(0)), "{days}");
        for missing in ["/d-2", "/d-1?filing=km-018"] {
            assert_eq!(call(&inside, get(&format!("{LIST}{missing}"), &token)).await.0, StatusCode::NOT_FOUND);
        }
        assert_eq!(call(&inside, get(&format!("{DAYS}?filing=km-018"), &token)).await.0, StatusCode::NOT_FOUND);
    }
    let elsewhere = token(&inside, "other", "centre", "city:绵阳市").await;
    for path in [LIST, DAYS, &format!("{LIST}/d-1")] {
        assert_eq!(call(&inside, get(path, &elsewhere)).await.0, StatusCode::NOT_FOUND, "{path}");
        let nobody = Request::builder().uri(path).body(Body::empty()).unwrap();
        assert_eq!(call(&inside, nobody).await.0, StatusCode::UNAUTHORIZED, "{path}");
    }
    inside.evidence.close().await;
}
