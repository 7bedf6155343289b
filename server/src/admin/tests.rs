//! The operator's commands, and the whole way from submitted records to a bundle the verifier accepts.

use ::verify::{Trust, Verdict, verify};
use serde_json::json;

use super::*;
use crate::ingest::accept::{ENROLLED, REVOKED};
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
    assert!(document::NAMES.iter().all(|name| files.contains_key(*name)), "{:?}", files.keys().collect::<Vec<_>>());
    let documents = outcome.findings.iter().find(|f| f.code == "document").expect("the documents were looked at");
    assert!(documents.en.starts_with("4 documents"), "{documents:?}");
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
async fn a_table_is_declared_whole_or_not_at_all_and_only_once() {
    let inside = inside().await;
    let site = Inside::site();
    inside.factory(&World::new(1, 1, None)).await;
    let size = || inside.context.logs.size(&site).unwrap();
    let import = |table: &str, text: &str, check: bool| {
        let data = data_encoding::BASE64.encode(text.as_bytes());
        let (table, name, reason) = (table.to_owned(), "a.csv".to_owned(), "why".to_owned());
        Request::Import { site: site.clone(), wanted: TableWanted { table, name, data, reason, check } }
    };
    let before = size();
    for (table, text, zh, en) in [
        ("bills", "", "可用：ledger", "known: ledger"),
        ("cycle_time", "machine,seconds\npress,1\nlathe,-1\n", "行 3, machine：没有设备", "line 3, seconds: "),
    ] {
        let refused = execute(&inside.context, import(table, text, false)).await.expect_err("refused").to_string();
        assert!(refused.contains(zh) && refused.contains(en), "{refused}");
    }
    let table = "machine,seconds\npress,7.5\n";
    let checked = inside.admin(import("cycle_time", table, true)).await;
    assert!(checked.en.contains("1 would be declared") && size() == before, "{checked:?}");
    let reply = inside.admin(import("cycle_time", table, false)).await;
    assert_eq!((reply.data.as_str(), size()), (before.to_string().as_str(), before + 1));
    let again = inside.admin(import("cycle_time", table, false)).await;
    assert!(again.en.contains("0 declared, 1 were there already") && size() == before + 1, "{again:?}");
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
async fn a_filing_in_a_file_is_checked_along_its_course() {
    let inside = inside().await;
    let site = Inside::site();
    inside.factory(&World::new(1, 1, None)).await;
    let plan = json!({"kind": "filed_plan", "role": "firm", "body": {
        "filing": "km-017", "names": {"zh": "一号线", "en": "Line 1"}, "rule": "kunming-fund-2024-1", "filed": "2025-09-01",
        "term": {"from": "2025-09-10", "to": "2026-06-30"}, "machines": [{"machine": "press"}]}});
    let change = json!({"kind": "plan_change", "role": "firm", "body": {"filing": "km-017", "change": "c-1", "date": "2025-10-01",
        "reason": "产线调整", "items": [{"without_machine": "press"}]}});
    let opinion = |by: &str, role: &str| {
        json!({"kind": "plan_opinion", "role": role, "body": {"filing": "km-017", "change": "c-1", "by": by, "body": "某局",
            "opinion": "agree", "date": "2025-10-02"}})
    };
    let declare = |all: Vec<Json>| Request::Declare { site: site.clone(), text: Json::from(all).to_string() };
    let size = || inside.context.logs.size(&site).unwrap();
    let before = size();
    // Opinions in the order of the route pass with the application they are about; nothing of a file that skips one is logged.
    let skips = vec![plan.clone(), change.clone(), opinion("centre", "centre"), opinion("city", "city")];
    let refused = execute(&inside.context, declare(skips)).await.expect_err("refused").to_string();
    assert!(refused.contains("第 3 项：意见顺序不对（第十三条）：应先由属地主管部门出具意见"), "{refused}");
    assert!(
        refused.contains("statement 3: out of order (第十三条): the opinion of the district comes first"),
        "{refused}"
    );
    let own = vec![plan.clone(), change.clone(), opinion("district", "firm")];
    let refused = execute(&inside.context, declare(own)).await.expect_err("refused").to_string();
    assert!(refused.contains("第 3 项：属地主管部门的意见须由其自己的账号"), "{refused}");
    assert_eq!(size(), before);
    let whole = ["district", "centre", "city", "finance"].map(|by| opinion(by, by));
    let whole = [plan, change].into_iter().chain(whole).collect();
    inside.admin(declare(whole)).await;
    assert_eq!(size(), before + 6);
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
        from: None,
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
    appointments(&inside, &token).await;

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
    replaced(&inside, &site, &gateway).await;
    inside.evidence.close().await;
}

/// A new box under the old name: the log says why the old one ended, and readers trust the records of both.
async fn replaced(inside: &Inside, site: &SiteId, gateway: &GatewayId) {
    let request = |gateway: &GatewayId| Request::GatewayReplace {
        site: site.clone(),
        gateway: gateway.clone(),
        reason: "box struck by lightning".into(),
    };
    assert!(execute(&inside.context, request(&"gw-9".parse().unwrap())).await.is_err(), "nothing to replace");
    let reply = inside.admin(request(gateway)).await;
    assert!(reply.data.starts_with("GZ-") && reply.zh.contains("旧网关已停用"), "{reply:?}");
    let logs = &inside.context.logs;
    let size = logs.size(site).unwrap();
    let last = logs.leaves(site, size - 1..size).unwrap().remove(0);
    let content = logs.content(site, &last.content_digest().unwrap()).unwrap().unwrap();
    let stated = Declaration::decode(&content).unwrap();
    assert_eq!((stated.kind.as_str(), stated.reason.as_str()), (REVOKED, "box struck by lightning"));
    let key = protocol::SecretKey::from_seed(&[33; 32]).public();
    let enrolment = Declaration {
        kind: ENROLLED.into(),
        reason: "one-time code".into(),
        body: json!({ "gateway": gateway, "key": key.hex() }),
        ..stated
    };
    let before: Json = serde_json::from_str(&inside.admin(Request::Trust { site: None }).await.data).unwrap();
    logs.append_declaration(site, &enrolment).await.unwrap();
    assert!(inside.state.ingest.gateway_keys(site, gateway).is_some_and(|status| !status.revoked));
    let trust: Json = serde_json::from_str(&inside.admin(Request::Trust { site: None }).await.data).unwrap();
    let keys = |trust: &Json| -> Vec<String> {
        let of = trust["gateways"].as_array().unwrap().iter().filter(|g| g["gateway"] == json!(gateway));
        of.map(|g| g["key_sha256"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(keys(&trust), [keys(&before), vec![key.fingerprint().hex()]].concat());
}

/// A second role for a time, its end, the end of a token, and locking out; all in the list.
async fn appointments(inside: &Inside, token: &str) {
    let accounts = &inside.context.accounts;
    let roles = async |now_ms: i64| {
        let session = accounts.token(token, now_ms).await.unwrap();
        session.map(|s| s.access.role_names().into_iter().map(str::to_owned).collect::<Vec<_>>()).unwrap_or_default()
    };
    let grant = |from: &str, until: &str| Request::UserGrant {
        name: "li".into(),
        role: "assessor".into(),
        scope: "site:demo".into(),
        from: Some(from.into()),
        until: Some(until.into()),
    };
    // NOW is 2026-03-07 in China.
    let number = inside.admin(grant("2026-03-07", "2026-03-31")).await.data;
    inside.admin(grant("2026-04-01", "2026-04-30")).await;
    assert_eq!(roles(NOW_MS).await, ["city", "assessor"], "and not the later one");
    let refused = execute(&inside.context, grant("2026-04-01", "2026-03-01")).await.expect_err("backwards");
    assert!(refused.to_string().contains("before it begins"), "{refused}");
    let end = |grant: i64| Request::UserEnd { name: "li".into(), grant, on: None };
    inside.admin(end(number.parse().unwrap())).await;
    assert_eq!(roles(NOW_MS).await, ["city"]);
    let refused = execute(&inside.context, end(99)).await.expect_err("no such grant").to_string();
    assert!(refused.contains("admin user list") && refused.contains("没有编号为 99"), "{refused}");
    let disable = |again| Request::UserDisable { name: "li".into(), again };
    inside.admin(disable(false)).await;
    assert_eq!(roles(NOW_MS).await, [""; 0]);
    let list: Json = serde_json::from_str(&inside.admin(Request::UserList).await.data).unwrap();
    assert_eq!((&list[0]["name"], &list[0]["disabled_ms"]), (&json!("li"), &json!(NOW_MS)));
    assert_eq!(list[0]["grants"][0]["scope"], "city:昆明市");
    assert_eq!(
        (&list[0]["grants"][1]["scope"], &list[0]["grants"][1]["until_ms"]),
        (&json!("site:demo"), &json!(NOW_MS))
    );
    inside.admin(disable(true)).await;
    assert_eq!(roles(NOW_MS).await, ["city"]);
    let revoke =
        Request::TokenRevoke { user: "li".into(), token: list[0]["tokens"][0]["token"].as_str().unwrap().to_owned() };
    inside.admin(revoke.clone()).await;
    assert_eq!(roles(NOW_MS).await, [""; 0]);
    assert!(execute(&inside.context, revoke).await.is_err(), "only once");
    let text = inside.admin(Request::UserList).await.data;
    assert!(!text.contains(&token[4..20]) && !text.contains("argon2"), "no secret: {text}");
    // A name is deleted for good, of one who is locked out; the pseudonym is said a last time.
    let forget = || Request::UserForget { name: "li".into() };
    let refused = execute(&inside.context, forget()).await.expect_err("still in").to_string();
    assert!(refused.contains("admin user disable") && refused.contains("姓名删除后不可恢复"), "{refused}");
    inside.admin(disable(false)).await;
    let reply = inside.admin(forget()).await;
    assert!(reply.zh.contains(list[0]["pseudonym"].as_str().unwrap()), "{}", reply.zh);
    assert_eq!(inside.admin(Request::UserList).await.data, "[]");
    assert!(execute(&inside.context, forget()).await.expect_err("gone").to_string().contains("there is no user li"));
    let database = std::fs::read(inside.data_dir().join("server.db")).unwrap();
    let pseudonym = list[0]["pseudonym"].as_str().unwrap().as_bytes();
    assert!(!database.windows(pseudonym.len()).any(|window| window == pseudonym), "the row is still in a free page");
}

/// What was counted and noted reaches the operator.
#[tokio::test(flavor = "multi_thread")]
async fn status_says_how_the_way_in_fares() {
    let inside = inside().await;
    let log = inside.factory(&World::new(1, 1, None)).await;
    let records = log.leaves.iter().filter(|leaf| matches!(leaf.body, protocol::LeafBody::Record { .. })).count();
    let (site, gateway): (SiteId, GatewayId) = (Inside::site(), "gw-1".parse().unwrap());
    let nonsense = inside.evidence.ingest.submit(site.clone(), gateway.clone(), vec![1, 2, 3]);
    nonsense.await.expect("answered");
    let stranger = inside.evidence.ingest.submit(site.clone(), "gw-9".parse().unwrap(), vec![1, 2, 3]);
    stranger.await.expect("answered");
    let state = protocol::StateMessage { backlog_records: 12, backlog_bytes: 3_400, ..Default::default() };
    inside.evidence.ingest.take_state(site, gateway, &state.encode());
    let status: Json = serde_json::from_str(&inside.admin(Request::Status).await.data).unwrap();
    let intake = &status["intake"];
    assert_eq!((&intake["records"], &intake["disk_full_since_ms"]), (&json!(records), &Json::Null), "{intake}");
    assert_eq!(intake["rejections"][0]["gateway"], "gw-1", "{intake}");
    assert_eq!(intake["rejections"][0]["reasons"]["malformed"], 1, "{intake}");
    assert_eq!(intake["rejections_unknown"].as_object().unwrap().values().next(), Some(&json!(1)), "{intake}");
    let newest = intake["newest_rejections"].as_array().unwrap();
    assert_eq!(newest.last().unwrap()["gateway"], "gw-9", "{intake}");
    let live = &status["sites"][0]["gateways"][0]["live"];
    assert_eq!(*live, json!({"at_ms": NOW_MS, "backlog_records": 12, "backlog_bytes": 3_400}));
    assert_eq!(status["endpoint"], Json::Null, "none listens here");
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
