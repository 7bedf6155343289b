//! The operator's commands, and the whole way from submitted records to a bundle the verifier accepts.

use ::verify::{Trust, Verdict, verify};
use serde_json::json;

use super::*;
use crate::projection::tests::fixture::{SITE, World};
use crate::testing::{Inside, NOW_MS, inside};

const OEE: &str = "oee.iso22400@1";

/// Records in, metric values out, a report issued, its bundle verified against the printed trust file; then everything
/// derived is thrown away and comes back the same; then the bundle is altered and refused.
#[tokio::test(flavor = "multi_thread")]
async fn from_records_to_a_bundle_the_verifier_accepts_and_refuses_when_altered() {
    let inside = inside().await;
    inside.factory(&World::new(11, 2, None)).await;
    inside.projected().await;
    let store = &inside.context.store;
    let before = store.values(SITE, None, None, 0, NOW_MS).await.unwrap();
    assert!(!before.is_empty());
    let oee: Vec<_> = before.iter().filter(|row| row.metric == OEE).collect();
    assert_eq!(oee.len(), 5, "two shifts of the press with records, and three silent ones");

    let wanted = Wanted { plan: None, from: Some("2026-03-02".into()), to: Some("2026-03-03".into()) };
    let issued = inside.admin(Request::Report { site: Inside::site(), wanted }).await;
    let bundle = std::fs::read(&issued.data).expect("the printed path is the bundle");
    let trust = Trust::parse(inside.admin(Request::Trust { site: None }).await.data.as_bytes()).expect("trust file");
    let outcome = verify(&bundle, Some(&trust));
    assert_eq!(outcome.verdict, Verdict::Verified, "{:?}", outcome.refusals().collect::<Vec<_>>());
    assert_eq!(verify(&bundle, None).verdict, Verdict::ConsistentNotAnchored);

    // The report prints the digits of the pages.
    let mut files = protocol::bundle::read(&bundle).expect("archive");
    let report: Json = serde_json::from_slice(&files["report.json"]).expect("report");
    for row in oee.into_iter().filter(|row| row.date.as_str() <= "2026-03-03") {
        let shifts = report["shifts"].as_array().expect("shifts");
        let own = shifts.iter().find(|s| s["machine"] == "press" && s["date"] == row.date.as_str()).expect("shift");
        let line = own["lines"].as_array().expect("lines").iter().find(|l| l["definition"] == OEE).expect("OEE");
        let (numerator, denominator) = row.value.expect("defined");
        assert_eq!(line["numerator"], json!(numerator.to_string()));
        assert_eq!(line["denominator"], json!(denominator.to_string()));
    }

    // One digit of a line, with the manifest made right again: refused, and the place named.
    let text = String::from_utf8(files["report.json"].clone()).expect("text");
    let number = report["shifts"][0]["lines"][0]["numerator"].as_str().expect("digits");
    let altered = text.replacen(&format!("\"{number}\""), &format!("\"{number}0\""), 1);
    assert_ne!(text, altered);
    files.insert("report.json".into(), altered.into_bytes());
    files.remove("manifest.json");
    let size = report["request"]["size"].as_u64().expect("size");
    let forged = protocol::bundle::write(SITE, "gz.test/demo", size, &files).expect("packed again");
    let refused = verify(&forged, Some(&trust));
    assert_eq!(refused.verdict, Verdict::Refused);
    assert!(refused.refusals().any(|finding| finding.place.contains("report.json")), "{refused:?}");

    // The report is in the log, and with it in the list.
    inside.projected().await;
    let reports = store.reports(SITE, 10).await.unwrap();
    assert_eq!(reports.len(), 1);
    assert_eq!(reports[0].digest, protocol::sha256(text.as_bytes()).to_string());
    assert!(reporting::bundle_path(inside.data_dir(), SITE, reports[0].bundle.as_deref().expect("name")).is_some());

    // Rebuilt from the log alone: the same values.
    inside.stop.cancel();
    let before = store.values(SITE, None, None, 0, NOW_MS).await.unwrap();
    let explained = store.shift_values(SITE, "press", "2026-03-02", "day").await.unwrap();
    let clock = inside.context.clock.clone();
    crate::projection::rebuild(store, &inside.context.logs, &clock, inside.data_dir(), None).await.expect("rebuilt");
    assert_eq!(store.values(SITE, None, None, 0, NOW_MS).await.unwrap(), before);
    assert_eq!(store.shift_values(SITE, "press", "2026-03-02", "day").await.unwrap(), explained);
    assert!(inside.data_dir().join("readings").join(SITE).join("2026-03-02.parquet").is_file());
    let fleet = store.fleet_record(SITE).await.unwrap().expect("fleet row");
    assert!(fleet.oee.is_some() && fleet.energy.is_some() && fleet.chain_ok && fleet.gateways == 1, "{fleet:?}");
    inside.evidence.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_of_statements_is_logged_whole_or_not_at_all() {
    let inside = inside().await;
    let site = Inside::site();
    let declare = |text: Json| Request::Declare { site: site.clone(), text: text.to_string() };
    let nobody = execute(&inside.context, declare(json!([]))).await.expect_err("no such site");
    assert!(nobody.to_string().contains("admin site add"), "{nobody}");
    inside.factory(&World::new(1, 1, None)).await;
    let size = inside.context.logs.size(&site).unwrap();
    let good = json!({"kind": "cycle_time", "effective_from": "2026-03-02T08:00:00+08:00", "body": {"machine": "press", "item_us": 1000}});
    for (bad, word) in [
        (json!({"kind": "cycle_time", "body": {"machine": "press", "item_us": 0}}), "item_us"),
        (json!({"kind": "gateway_enrolled", "body": {"gateway": "gw-9", "key": "00"}}), "cannot be stated"),
        (json!({"kind": "site", "body": {}}), "cannot be stated"),
        (
            json!({"kind": "cycle_time", "effective_from": "yesterday", "body": {"machine": "press", "item_us": 1}}),
            "yesterday",
        ),
        (json!({"kind": "cycle_time", "boddy": {}}), "boddy"),
    ] {
        let refused = execute(&inside.context, declare(json!([good, bad]))).await.expect_err("refused");
        let text = refused.to_string();
        assert!(text.contains(word) && text.contains("statement 2") && text.contains("第 2 项"), "{text}");
    }
    assert_eq!(inside.context.logs.size(&site).unwrap(), size, "nothing of the refused files was logged");
    let reply = inside.admin(declare(json!([good, good]))).await;
    assert_eq!(reply.data.lines().count(), 2, "one leaf per statement");
    assert_eq!(inside.context.logs.size(&site).unwrap(), size + 2);
    inside.evidence.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn users_codes_tokens_and_revocation() {
    let inside = inside().await;
    let code = inside.admin(Request::FirstCode).await.data;
    assert_eq!(code.len(), 19);
    let add = |name: &str, role: &str, scope: &str| Request::UserAdd {
        name: name.into(),
        password: None,
        role: role.into(),
        scope: scope.into(),
        until: Some("2026-12-31".into()),
    };
    let password = inside.admin(add("li", "city", "city:昆明市")).await.data;
    let session = inside.context.accounts.sign_in("li", &password, "::1", NOW_MS).await;
    assert!(session.is_ok(), "the printed password works");
    assert!(execute(&inside.context, Request::FirstCode).await.is_err(), "there is a user now");
    for (request, word) in [
        (add("li", "city", "everything"), "li"),
        (add("wang", "king", "everything"), "administrator"),
        (add("wang", "city", "planet:mars"), "planet:mars"),
    ] {
        let text = execute(&inside.context, request).await.expect_err("refused").to_string();
        assert!(text.contains(word), "{text}");
    }
    let token = inside.admin(Request::Token { user: "li".into(), label: "t".into(), days: 1 }).await.data;
    assert!(inside.context.accounts.token(&token, NOW_MS + 1).await.unwrap().is_some());

    inside.factory(&World::new(1, 1, None)).await;
    let (site, gateway): (SiteId, GatewayId) = (Inside::site(), "gw-1".parse().unwrap());
    let code = inside.admin(Request::GatewayCode { site: site.clone(), gateway: "gw-2".parse().unwrap() }).await.data;
    assert!(code.starts_with("GZ-") && code.len() == 3 + 12 + 1 + 26, "{code}");
    let revoke = |gateway: GatewayId| Request::GatewayRevoke { site: site.clone(), gateway, reason: "replaced".into() };
    assert!(execute(&inside.context, revoke("gw-9".parse().unwrap())).await.is_err());
    inside.admin(revoke(gateway.clone())).await;
    assert!(inside.state.ingest.gateway_keys(&site, &gateway).is_some_and(|status| status.revoked));
    let row = inside.context.store.gateway(SITE, "gw-1").await.unwrap().unwrap();
    assert_eq!(row.revoked_ms, Some(NOW_MS));
    let status: Json = serde_json::from_str(&inside.admin(Request::Status).await.data).unwrap();
    assert_eq!(status["sites"][0]["gateways"][0]["revoked_ms"], json!(NOW_MS));
    inside.evidence.close().await;
}

/// The same request through the socket of a running server, and the socket's folder is nobody else's.
#[tokio::test(flavor = "multi_thread")]
async fn a_running_server_answers_through_its_socket() {
    use std::os::unix::fs::PermissionsExt;
    let inside = inside().await;
    let listener = listen(inside.data_dir()).expect("socket");
    tokio::spawn(serve(listener, inside.context.clone(), inside.stop.clone()));
    let folder = std::fs::metadata(inside.data_dir().join("admin")).unwrap();
    assert_eq!(folder.permissions().mode() & 0o777, 0o700);
    let config = crate::config::Config::load(&inside.folder.path().join("server.toml")).unwrap();
    let reply = perform(&config, Request::FirstCode).await.expect("answered");
    assert_eq!(reply.data.len(), 19);
    let refused = perform(&config, Request::Token { user: "nobody".into(), label: "t".into(), days: 1 }).await;
    assert!(refused.is_err());
    inside.stop.cancel();
    inside.evidence.close().await;
}
