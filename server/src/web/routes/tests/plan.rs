//! A plan drafted, stated and locked, as a browser does it; and everything that is refused on the way.

use serde_json::json;

use super::*;
use crate::projection::tests::fixture::{HOUR, MONDAY, World};
use crate::reporting::Wanted;
use crate::state::Clock;
use crate::testing::inside_at;

const PAGE: &str = "/sites/demo/plan";
const DAY: i64 = 24 * HOUR;
const OEE: &str = "oee.iso22400%401";

/// What the form of a plan sends.
fn stated(token: &str, what: &str, baseline_from: &str, unit: &str) -> String {
    format!(
        "token={}&what={what}&plan=retrofit&option=B&zh=%E6%94%B9%E9%80%A0&en=Retrofit&machine=press&incoming=main\
         &baseline_from={baseline_from}&baseline_to=2026-04-05&reporting_from=2026-04-06&reporting_to=2026-05-10\
         &metric={OEE}&value.{OEE}=5&unit.{OEE}={unit}&direction.{OEE}=increase&days.{OEE}=&reason=",
        url_part(token)
    )
}

fn locked(token: &str, more: &str) -> String {
    format!("token={}&what=lock&plan=retrofit&metric={OEE}&machine=*{more}", url_part(token))
}

/// What a browser sends of a form as it stands, without its button.
fn sent(form: &str) -> String {
    let attribute = |tag: &str, name: &str| {
        let value = tag.split_once(&format!("{name}=\""))?.1.split_once('"')?.0;
        Some(value.replace("&#38;", "&").replace("&#34;", "\""))
    };
    let mut out: Vec<String> = Vec::new();
    let mut select = String::new();
    for tag in form.split('<').filter_map(|t| t.split_once('>').map(|(tag, _)| tag)) {
        let is = |name: &str| tag.starts_with(name);
        if is("select ") {
            select = attribute(tag, "name").unwrap();
        }
        let name =
            if is("option ") && tag.ends_with(" selected") { Some(select.clone()) } else { attribute(tag, " name") };
        let is_sent = is("option ") || is("input ") && (!tag.contains("checkbox") || tag.ends_with(" checked"));
        if let Some(name) = name.filter(|_| is_sent) {
            out.push(format!("{}={}", url_part(&name), url_part(&attribute(tag, " value").unwrap_or_default())));
        }
    }
    out.join("&")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_is_drafted_stated_and_locked_and_what_would_move_the_lock_is_refused_in_words() {
    let inside = inside_at(Clock::new(|| MONDAY + 36 * DAY)).await;
    inside.factory(&World::new(11, 35, None)).await;
    inside.projected().await;
    inside.context.logs.publish_now(&Inside::site()).unwrap();
    let firm = user(&inside, "chen", "firm", "site:demo").await;
    let assessor = user(&inside, "zhao", "assessor", "site:demo").await;
    let mut factory = Browser { inside: &inside, cookie: String::new(), lang: "zh-CN" };
    assert_eq!(factory.sign_in("chen", &firm).await.0, StatusCode::SEE_OTHER);
    let mut reader = Browser { inside: &inside, cookie: String::new(), lang: "en" };
    assert_eq!(reader.sign_in("zhao", &assessor).await.0, StatusCode::SEE_OTHER);
    let post = async |browser: &Browser<'_>, body: &str| browser.send(Method::POST, PAGE, Some(body)).await;
    let size = || inside.context.logs.size(&Inside::site()).unwrap();

    let page = factory.page(PAGE).await;
    assert!(page.contains("根据设备台账和已有数据拟的草案") && page.contains("value=\"press\" checked"), "{page}");
    assert!(
        page.contains("value=\"2026-03-02\"") && page.contains("最早的记录在 2026-03-01"),
        "whole weeks from the first reading: {page}"
    );
    let token = field(&page, "token").to_owned();
    let before = size();
    // Looking logs nothing; what is wrong is said, and what was typed stays.
    let (status, _, page) = post(&factory, &stated(&token, "look", "2026-03-02", "percentage_points")).await;
    assert!(status == StatusCode::OK && page.contains("数据充分") && page.contains("35 / 28"), "{page}");
    for (body, words) in [
        (stated(&token, "state", "2026-03-02", ""), "目标须注明单位"),
        (stated(&token, "state", "2026-04-10", "percent"), "期末不得早于期初"),
        (stated(&token, "state", "2026-03-02", "percent").replace("oee.iso", "oee.mine"), "指标未定义"),
    ] {
        let (status, _, page) = post(&factory, &body).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{words}");
        assert!(page.contains(words) && page.contains("value=\"改造\""), "{words}: {page}");
    }
    let (status, ..) = post(&factory, &locked(&token, "")).await;
    assert_eq!(status, StatusCode::NOT_FOUND, "nothing is stated yet");
    assert_eq!(size(), before, "nothing refused was logged");

    let (status, headers, answer) = post(&factory, &stated(&token, "state", "2026-03-02", "percentage_points")).await;
    assert_eq!(status, StatusCode::SEE_OTHER, "{answer}");
    let page = factory.page(location(&headers)).await;
    assert!(page.contains("方案已记入日志") && page.contains("锁定本项基期"), "{page}");

    // Who may not declare sees everything and locks nothing.
    let page = reader.page(PAGE).await;
    assert!(page.contains("35 of 28") && !page.contains("Lock this baseline"), "{page}");
    let (status, ..) = post(&reader, &locked(field(&page, "token"), "")).await;
    assert_eq!(status, StatusCode::NOT_FOUND);

    let (status, headers, answer) = post(&factory, &locked(&token, "&reason=%E7%AB%8B%E9%A1%B9")).await;
    assert_eq!(status, StatusCode::SEE_OTHER, "{answer}");
    let page = factory.page(location(&headers)).await;
    let leaf = size() - 1;
    assert!(page.contains(&format!("基期已锁定（日志第 {leaf} 条")), "{page}");
    let published =
        protocol::note::Checkpoint::read_unverified(&inside.context.logs.checkpoint(&Inside::site()).unwrap().unwrap());
    assert!(published.unwrap().size > leaf, "a lock is under a checkpoint when the answer comes");

    for (body, words) in [
        (locked(&token, ""), format!("已在日志第 {leaf} 条锁定，不能重复锁定")),
        (locked(&token, "&insufficient=yes&reason="), "请注明数据不足仍锁定的理由".to_owned()),
        (stated(&token, "state", "2026-03-09", "percentage_points"), format!("已在日志第 {leaf} 条锁定")),
        (
            stated(&token, "state", "2026-03-02", "percentage_points") + "&machine=lathe",
            format!("已在日志第 {leaf} 条锁定"),
        ),
    ] {
        let (status, _, page) = post(&factory, &body).await;
        assert!(status == StatusCode::CONFLICT && page.contains(&words), "{words}: {status} {page}");
    }
    // The operator's file of statements goes through the same door, whole or not at all.
    let press = |plan: &str, from: &str| {
        json!({"kind": "plan", "body": {"plan": plan, "machines": ["press"], "incoming": "main",
        "baseline": {"from": from, "to": "2026-04-05"}, "reporting": {"from": "2026-04-06", "to": "2026-05-10"}}})
    };
    let file = json!([press("other", "2026-03-02"), press("retrofit", "2026-03-09")]).to_string();
    let declare = admin::Request::Declare { site: Inside::site(), text: file };
    let refused = admin::execute(&inside.context, declare).await.unwrap_err().to_string();
    assert!(refused.contains(&format!("locked in leaf {leaf}")), "{refused}");
    assert_eq!(size(), leaf + 1, "nothing refused was logged");
    // What the form carries along: a plan declared with more than the page asks for comes back whole.
    let whole = json!([{"kind": "plan", "body": {"plan": "other", "names": {"zh": "", "en": ""}, "machines": ["press"], "incoming": "main",
        "baseline": {"from": "2026-03-02", "to": "2026-04-05"}, "reporting": {"from": "2026-04-06", "to": "2026-05-10"},
        "seed": 7, "replicates": 3000, "block_days": 14, "option": "B",
        "metrics": [{"definition": "oee.iso22400@1", "machine": "press", "option": "A", "coverage_percent": 97, "min_days": 40}]}}]);
    inside.admin(admin::Request::Declare { site: Inside::site(), text: whole.to_string() }).await;
    let page = factory.page(&format!("{PAGE}?plan=other")).await;
    let form = page.split("<form").find(|f| f.contains("plan-form")).unwrap();
    let again = post(&factory, &(sent(form) + "&what=state")).await;
    assert_eq!(again.0, StatusCode::SEE_OTHER, "{}", again.2);
    let statements = crate::reporting::statements(&inside.context.logs, &Inside::site()).unwrap();
    let versions: Vec<_> = statements.plan_versions("other").into_iter().map(|p| &p.body).collect();
    assert!(versions.len() == 2 && versions[0] == versions[1], "{versions:#?}");
    // The verifier recomputes both results: as locked, and as declared now.
    let verified = async || -> serde_json::Value {
        let wanted = Wanted { plan: Some("retrofit".into()), from: None, to: None };
        let issued = inside.admin(admin::Request::Report { site: Inside::site(), wanted }).await;
        let bundle = std::fs::read(&issued.data).unwrap();
        let trust = inside.admin(admin::Request::Trust { site: None }).await.data;
        let outcome = verify::verify(&bundle, Some(&verify::Trust::parse(trust.as_bytes()).unwrap()));
        assert_eq!(outcome.verdict, verify::Verdict::Verified, "{:?}", outcome.refusals().collect::<Vec<_>>());
        let report = &protocol::bundle::read(&bundle).unwrap()["report.json"];
        serde_json::from_slice::<serde_json::Value>(report).unwrap()["measurement_plan"]["metrics"][0].take()
    };
    let clean = verified().await;
    assert_eq!(
        (&clean["lock"]["leaf"], &clean["lock"]["confirmed"], &clean["lock"]["differs"]),
        (&json!(leaf), &json!(true), &json!(false))
    );
    let slower =
        json!({"kind": "cycle_time", "effective_from": MONDAY, "body": {"machine": "press", "item_us": 9_000_000}})
            .to_string();
    inside.admin(admin::Request::Declare { site: Inside::site(), text: slower }).await;
    let moved = verified().await;
    assert_eq!((&moved["lock"]["confirmed"], &moved["lock"]["differs"]), (&json!(true), &json!(true)), "{moved}");
    assert_eq!(moved["lock"]["as_locked"]["before"]["numerator"], clean["lock"]["numerator"]);
    assert_eq!(moved["lock"]["changes"][0]["kind"], "cycle_time");
    // A longer reporting period is no baseline.
    let longer = stated(&token, "state", "2026-03-02", "percentage_points").replace("2026-05-10", "2026-05-31");
    assert_eq!(post(&factory, &longer).await.0, StatusCode::SEE_OTHER);
    inside.evidence.close().await;
}

/// What the form of a plan without a base period sends.
fn beside(token: &str, what: &str, more: &str) -> String {
    format!(
        "token={}&what={what}&plan=beside&option=B&zh=&en=&machine=press&baseline_from=&baseline_to=\
         &reporting_from=2026-03-02&reporting_to=2026-04-05&metric={OEE}&value.{OEE}=5&unit.{OEE}=percentage_points\
         &direction.{OEE}=increase&days.{OEE}=&reason=&retrofit.twin=2026-06-01&retrofit.third={more}",
        url_part(token)
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn comparison_machines_are_proposed_stated_locked_and_reported_as_such() {
    let inside = inside_at(Clock::new(|| MONDAY + 36 * DAY)).await;
    inside.factory(&World::new(11, 35, None)).await;
    // Two more that say what the press says: a difference of nothing. And a furnace of another class.
    let history = crate::reporting::statements(&inside.context.logs, &Inside::site()).unwrap();
    let press = serde_json::to_value(&history.machine_definitions("press").last().unwrap().body).unwrap();
    let mut declared = Vec::new();
    for (id, class) in [
        ("press", "key_production"),
        ("twin", "key_production"),
        ("third", "key_production"),
        ("furnace", "high_energy"),
    ] {
        if id != "press" {
            let mut body = press.clone();
            (body["machine"], body["names"]) = (json!(id), json!({"zh": id, "en": id}));
            declared.push(json!({"kind": "machine", "effective_from": MONDAY - DAY, "body": body}));
            declared.push(json!({"kind": "cycle_time", "effective_from": MONDAY - DAY, "body": {"machine": id, "item_us": 6_000_000}}));
        }
        declared.push(json!({"kind": "ledger", "body": {"machine": id, "class": class}}));
    }
    inside.admin(admin::Request::Declare { site: Inside::site(), text: json!(declared).to_string() }).await;
    inside.projected().await;
    inside.context.logs.publish_now(&Inside::site()).unwrap();
    let firm = user(&inside, "chen", "firm", "site:demo").await;
    let mut factory = Browser { inside: &inside, cookie: String::new(), lang: "zh-CN" };
    assert_eq!(factory.sign_in("chen", &firm).await.0, StatusCode::SEE_OTHER);
    let post = async |body: &str| factory.send(Method::POST, PAGE, Some(body)).await;
    let size = || inside.context.logs.size(&Inside::site()).unwrap();

    let page = factory.page(PAGE).await;
    assert!(page.contains("没有基期？用对照机器") && page.contains("测量边界以外没有生产设备"), "{page}");
    let token = field(&page, "token").to_owned();
    let before = size();
    let (status, _, page) = post(&beside(&token, "look", "")).await;
    assert!(status == StatusCode::OK && page.contains("建议：同类设备，未见不合条件之处"), "{page}");
    assert!(page.contains("furnace 的台账类别为“高能耗”，边界内设备为“关键生产”"), "{page}");
    assert!(page.contains("value=\"2026-06-01\""), "a date typed of a machine that is not ticked stays: {page}");
    // Of a machine that is inside the boundary now it goes along unseen.
    let (_, _, page) = post(&beside(&token, "look", "&machine=twin")).await;
    assert!(page.contains("type=\"hidden\" name=\"retrofit.twin\" value=\"2026-06-01\""), "{page}");
    // What is chosen and cannot be has its reason beside it and at the choice.
    let (_, _, page) = post(&beside(&token, "look", "&comparison=press&comparison=main&comparison=lathe")).await;
    for words in ["main 不是生产设备，不能作对照机器", "对照机器 lathe 未在台账填报", "不能与自身对照"]
    {
        assert!(page.matches(words).count() == 2, "{words}: {page}");
    }
    for (more, status, words) in [
        ("&comparison=press", StatusCode::BAD_REQUEST, "在测量边界内"),
        ("&comparison=furnace", StatusCode::CONFLICT, "请选同类设备"),
        ("&comparison=lathe", StatusCode::CONFLICT, "未在台账填报"),
        ("2026-04-05&comparison=third", StatusCode::BAD_REQUEST, "自身的改造始于"),
        ("&baseline_from=2026-01-01", StatusCode::BAD_REQUEST, "baseline.to：日期须写成 2026-03-14 的形式"),
    ] {
        let body = beside(&token, "state", &format!("{more}&comparison=twin"));
        let body = if more.contains("baseline") { body.replace("&baseline_from=&", "&") } else { body };
        let (got, _, page) = post(&body).await;
        assert!(got == status && page.contains(words), "{more}: {got} {page}");
        assert!(page.contains("value=\"2026-06-01\""), "what was typed stays");
    }
    assert_eq!(size(), before, "nothing refused was logged");

    let (status, headers, answer) = post(&beside(&token, "state", "&comparison=twin&comparison=third")).await;
    assert_eq!(status, StatusCode::SEE_OTHER, "{answer}");
    let page = factory.page(location(&headers)).await;
    assert!(page.contains("锁定对照") && !page.contains("锁定本项基期"), "{page}");
    let lock = format!("token={}&what=lock&plan=beside&reason=", url_part(&token));
    let (status, _, page) = post(&format!("{lock}&metric={OEE}&machine=*")).await;
    assert!(status == StatusCode::CONFLICT && page.contains("整体锁定，不按指标锁定"), "{status} {page}");
    let english = Browser { inside: &inside, cookie: factory.cookie.clone(), lang: "en" };
    for (browser, body, words) in [
        (&factory, format!("{lock}&insufficient=yes"), "选定时并未测量，无所谓数据不足"),
        (&english, format!("{lock}because&insufficient=yes"), "nothing was measured when they were chosen"),
    ] {
        let (status, _, page) = browser.send(Method::POST, PAGE, Some(&body)).await;
        assert!(status == StatusCode::CONFLICT && page.contains(words), "{status} {page}");
    }
    let (status, headers, answer) = post(&lock).await;
    assert_eq!(status, StatusCode::SEE_OTHER, "{answer}");
    let leaf = size() - 1;
    let page = factory.page(location(&headers)).await;
    assert!(page.contains(&format!("对照已锁定（日志第 {leaf} 条")) && !page.contains("锁定对照</button>"), "{page}");
    let api = "/api/v1/sites/demo/plan?plan=beside";
    let (_, _, told) = factory.send(Method::GET, api, None).await;
    let told: serde_json::Value = serde_json::from_str(&told).unwrap();
    assert_eq!(told["comparison_lock"]["leaf"], json!(leaf), "{told}");
    assert!(told["comparison_lock"].get("sufficient").is_none(), "nobody judged that: {told}");
    let (status, _, page) = post(&lock).await;
    assert!(status == StatusCode::CONFLICT && page.contains("不能重复锁定"), "{status} {page}");
    let (status, _, page) =
        post(&beside(&token, "state", "&comparison=twin&comparison=third&comparison=furnace")).await;
    assert!(status == StatusCode::CONFLICT && page.contains("不得增加对照机器"), "{status} {page}");
    // The form as it stands is the plan as it was stated.
    let page = factory.page(&format!("{PAGE}?plan=beside")).await;
    let form = page.split("<form").find(|f| f.contains("plan-form")).unwrap();
    let again = post(&(sent(form) + "&what=state")).await;
    assert_eq!(again.0, StatusCode::SEE_OTHER, "{}", again.2);
    let statements = crate::reporting::statements(&inside.context.logs, &Inside::site()).unwrap();
    let versions: Vec<_> = statements.plan_versions("beside").into_iter().map(|p| &p.body).collect();
    assert!(versions.len() == 2 && versions[0] == versions[1], "{versions:#?}");

    // Issued, verified, and shown as what it is.
    let wanted = Wanted { plan: Some("beside".into()), from: None, to: None };
    let issued = inside.admin(admin::Request::Report { site: Inside::site(), wanted }).await;
    let bundle = std::fs::read(&issued.data).unwrap();
    let trust = inside.admin(admin::Request::Trust { site: None }).await.data;
    let outcome = verify::verify(&bundle, Some(&verify::Trust::parse(trust.as_bytes()).unwrap()));
    assert_eq!(outcome.verdict, verify::Verdict::Verified, "{:?}", outcome.refusals().collect::<Vec<_>>());
    let files = protocol::bundle::read(&bundle).unwrap();
    let report: serde_json::Value = serde_json::from_slice(&files["report.json"]).unwrap();
    let metric = &report["measurement_plan"]["metrics"][0];
    assert_eq!((&metric["verdict"], &metric["beside"]["reaches"]), (&json!("INSUFFICIENT"), &json!("NOT_REACHED")));
    assert_eq!((&metric["beside"]["difference"], &metric["beside"]["follows"]), (&json!("0.000000"), &json!("locked")));
    inside.projected().await;
    let page = factory.page("/sites/demo/reports").await;
    for words in [
        "对照机器，非前后对比：没有实测的基期",
        "差值未达到目标值（对照机器，非前后对比）",
        "D（对照）/ ",
        "机器之差 [95% 区间]",
    ] {
        assert!(page.contains(words), "{words}: {page}");
    }
    assert!(!page.contains("等级 前 / 后") && !page.contains("变化量 ["), "{page}");
    // The site's page shows the same, and never speaks of before and after.
    let page = factory.page("/sites/demo").await;
    for words in [
        "改造机器与对照机器</h2>",
        "测量方案 beside：没有实测的基期，两组机器均取 2026-03-02 – 2026-04-05",
        "差值未达到目标值（对照机器，非前后对比）",
        "0.00 [0.00, 0.00] 百分点",
        "D（对照）/ ",
    ] {
        assert!(page.contains(words), "{words}: {page}");
    }
    assert!(!page.contains("改造前后</h2>") && !page.contains("出具佐证报告后"), "{page}");

    // A chosen machine that is no candidate any more says why, at the choice too.
    let mut body = press.clone();
    (body["machine"], body["role"]) = (json!("twin"), json!("auxiliary"));
    let told = json!({"kind": "machine", "effective_from": MONDAY, "body": body}).to_string();
    inside.admin(admin::Request::Declare { site: Inside::site(), text: told }).await;
    inside.context.logs.publish_now(&Inside::site()).unwrap();
    let page = factory.page(&format!("{PAGE}?plan=beside")).await;
    assert_eq!(page.matches("twin 不是生产设备，不能作对照机器").count(), 2, "{page}");
    inside.evidence.close().await;
}
