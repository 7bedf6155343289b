//! One firm on one page, as those see it who see the site; days that have not arrived yet, and then are lost; a bill against the meter.

use std::sync::atomic::{AtomicI64, Ordering};

use serde_json::{Value as Json, json};

use super::*;
use crate::projection::tests::fixture::{HOUR, MONDAY, World};
use crate::state::Clock;
use crate::testing::inside_at;

const PAGE: &str = "/sites/demo/firm";
const DAY: i64 = 24 * HOUR;
/// Days of which the gateway delivers before it falls silent.
const DAYS: usize = 12;

static NOW: AtomicI64 = AtomicI64::new(MONDAY + (DAYS as i64 + 3) * DAY + 9 * HOUR);

async fn browser<'i>(inside: &'i Inside, name: &str, role: &str, scope: &str, lang: &'static str) -> Browser<'i> {
    let password = user(inside, name, role, scope).await;
    let mut browser = Browser { inside, cookie: String::new(), lang };
    assert_eq!(browser.sign_in(name, &password).await.0, StatusCode::SEE_OTHER);
    browser
}

fn stated() -> Json {
    let target = json!({"target": "oee", "names": {"zh": "设备综合利用率", "en": "OEE"}, "method": "ISO 22400",
        "promised": {"value": "5", "unit": "percentage_points", "direction": "increase"},
        "base": {"from": "2026-02-01", "to": "2026-02-28"}, "definition": "oee.iso22400@1"});
    let plan = json!({"filing": "km-017", "names": {"zh": "一号线改造", "en": "Line 1"}, "rule": "kunming-fund-2024-1",
        "filed": "2026-02-20", "term": {"from": "2026-03-01", "to": "2026-03-03"},
        "machines": [{"machine": "press", "points": ["state", "good"]}, {"machine": "lathe"}],
        "targets": [target], "payments": [{"stage": "advance", "date": "2026-12-20"}]});
    let paper = json!({"paper": "p-1", "name": "服务合同", "by": "centre", "due": "2026-03-31"});
    let bill = json!({"carrier": "electricity", "account": "0512", "from": "2026-03-02", "to": "2026-03-11", "amount": "1000",
        "unit": "kWh", "issuer": "供电局", "source": "third_party_settlement"});
    json!([{"kind": "filed_plan", "role": "firm", "body": plan}, {"kind": "paper_asked", "role": "centre", "body": paper},
        {"kind": "bill", "role": "firm", "body": bill}])
}

#[tokio::test(flavor = "multi_thread")]
async fn a_firm_stands_on_one_page_and_what_has_not_arrived_is_not_lost() {
    let inside = inside_at(Clock::new(|| NOW.load(Ordering::Relaxed))).await;
    let mut log = inside.factory(&World::new(5, DAYS, None)).await;
    inside.admin(admin::Request::Declare { site: Inside::site(), text: stated().to_string() }).await;
    inside.context.logs.publish_now(&Inside::site()).unwrap();
    inside.projected().await;
    let firm = browser(&inside, "chen", "firm", "site:demo", "zh-CN").await;
    assert!(firm.page("/sites/demo").await.contains("href=\"/sites/demo/firm\""));
    let page = firm.page(PAGE).await;
    for words in [
        "一号线改造",
        "提高 5 百分点",
        "基期 2026-02-01 – 2026-02-28",
        "与现行方案不符",
        "服务合同",
        "2026-03-31",
        "促进中心",
        "备案预计 2026-12-20",
        "没有未销号的偏离",
        "还没有结束的月份",
    ] {
        assert!(page.contains(words), "{words}: {page}");
    }
    for href in ["filing?filing=km-017", "deviation?filing=km-017", "papers#paper-p-1", "subsidy?filing=km-017"] {
        assert!(page.contains(&format!("href=\"/sites/demo/{href}")), "{href}: {page}");
    }
    // Ten days after the term have data; of the three after them nothing has arrived, nor anything later.
    assert!(page.contains("连续运行 10 天（自 2026-03-04 起），另有 3 天的数据尚未收到"), "{page}");
    for word in ["项目已停", "项目停止", "验收通过"] {
        assert!(!page.contains(word), "no page says so: {word}");
    }

    // The gateway delivers a day after them: now it is known that nothing of the three will come.
    let delivered = log.leaves.len();
    log.origin_ms = MONDAY + (DAYS as i64 + 3) * DAY;
    log.run(&World::new(6, 1, None), false, |_, _| true);
    NOW.fetch_add(DAY, Ordering::Relaxed);
    inside.submit(&log, delivered).await;
    inside.projected().await;
    let firm = browser(&inside, "chen-2", "firm", "site:demo", "zh-CN").await;
    let page = firm.page(PAGE).await;
    assert!(page.contains("连续运行 1 天（自 2026-03-17 起）") && !page.contains("尚未收到）"), "{page}");
    assert!(page.contains("2026-03-14 – 2026-03-16") && page.contains("采集中断"), "{page}");

    // March is over: its bill stands beside the meter with the figures of the page of meters.
    NOW.store(MONDAY + 50 * DAY, Ordering::Relaxed);
    let store = &inside.context.store;
    inside.until("the bill is compared", async || !store.bills_of(&["demo".into()]).await.unwrap().is_empty()).await;
    let rows = store.bills_of(&["demo".into()]).await.unwrap();
    let centre = browser(&inside, "zx", "centre", "everything", "en").await;
    let row = &rows[0].1;
    let measured = crate::web::format::with_unit(row.measured.as_deref().expect("measured"), "kWh");
    let relative = row.relative.as_deref().and_then(crate::web::promise::percent).expect("a difference");
    let meters = centre.page("/sites/demo/meters?from=2026-03-02&to=2026-03-11").await;
    assert!(meters.contains(&measured), "{row:?}: {meters}");
    let page = centre.page(PAGE).await;
    assert!(
        page.contains(&measured)
            && page.contains(&relative)
            && page.contains("href=\"/sites/demo/meters?from=2026-03-02&#38;to=2026-03-11\""),
        "{page}"
    );
    assert!(page.contains("not received yet") && page.contains("collection lost"), "{page}");
    let all = centre.page("/portfolio").await;
    assert!(all.contains("href=\"/sites/demo/firm#bills\"") && all.contains("2026-03-02 – 2026-03-11"), "{all}");
    // A second account that names no meter: neither bill can be told to be this meter's any more.
    let other = json!([{"kind": "bill", "role": "firm", "body": {"carrier": "electricity", "account": "0513", "from": "2026-03-05",
        "to": "2026-03-06", "amount": "9", "unit": "kWh", "issuer": "供电局", "source": "paper"}}]);
    inside.admin(admin::Request::Declare { site: Inside::site(), text: other.to_string() }).await;
    inside.until("both are compared", async || store.bills_of(&["demo".into()]).await.unwrap().len() == 2).await;
    inside.projected().await;
    let verdicts: Vec<String> =
        store.bills_of(&["demo".into()]).await.unwrap().into_iter().map(|(_, row)| row.verdict).collect();
    assert_eq!(verdicts, ["not_comparable", "not_comparable"]);

    // An authority states on which days acceptances were held: the days run from one to the other.
    let firm = browser(&inside, "chen-3", "firm", "site:demo", "zh-CN").await;
    let state = async |who: &Browser<'_>, acceptance: &str, held: &str| {
        let token = field(&who.page("/sites/demo").await, "token").to_owned();
        let body = format!(
            "token={}&filing=km-017&what=accept&acceptance={acceptance}&held={held}&body=%E5%B8%82%E5%B1%80",
            url_part(&token)
        );
        let (status, _, page) = who.send(Method::POST, "/sites/demo/deviation", Some(&body)).await;
        (status, page)
    };
    let (status, page) = state(&firm, "city", "2026-03-05").await;
    assert_eq!(status, StatusCode::CONFLICT, "{page}");
    assert!(page.contains("验收日期由属地主管部门、促进中心或市级主管部门的账号填报；填报账号的角色是 firm"), "{page}");
    let (status, page) = state(&centre, "city", "2026-04-30").await;
    assert!(status == StatusCode::CONFLICT && page.contains("after the day on which it is stated"), "{page}");
    assert!(page.contains("value=\"2026-04-30\""), "what was typed stays: {page}");
    assert_eq!(state(&centre, "city", "2026-03-05").await.0, StatusCode::SEE_OTHER);
    let page = firm.page("/sites/demo/deviation").await;
    assert!(page.contains("自市级验收日：2026-03-05 – 2026-04-20") && !page.contains("value=\"accept\""), "{page}");
    assert_eq!(state(&centre, "national", "2026-03-10").await.0, StatusCode::SEE_OTHER);
    let page = firm.page(PAGE).await;
    assert!(
        page.contains("自市级验收日：2026-03-05 – 2026-03-10") && page.contains("至国家整体验收日 2026-03-10 止"),
        "{page}"
    );
    assert!(page.contains("连续运行 6 天（自 2026-03-05 起）"), "{page}");
    for word in ["验收通过", "通过验收", "验收合格"] {
        assert!(!page.contains(word), "a day, never a result: {word}");
    }
    inside.evidence.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn machines_of_the_plan_that_never_delivered_are_not_passed_over() {
    let inside = inside_at(Clock::new(|| MONDAY + (DAYS as i64 + 3) * DAY + 9 * HOUR)).await;
    inside.factory(&World::new(5, DAYS, None)).await;
    let machine = |id: &str, rule: Json| {
        let body = json!({"machine": id, "names": {"zh": id, "en": id}, "signals": {"state": {"gateway": "gw-9", "tag": format!("{id}/state")}},
            "state_rule": rule});
        json!({"kind": "machine", "role": "firm", "effective_from": MONDAY - DAY, "body": body})
    };
    let rule = json!({"codes": {"4": "run", "2": "idle"}});
    let mut all = stated();
    all[0]["body"]["machines"] = json!([{"machine": "press"}, {"machine": "lathe"}, {"machine": "mill"}]);
    let list = all.as_array_mut().expect("a list");
    // Nobody says how the state of the mill is told: it says nothing of a day.
    list.extend([machine("lathe", rule.clone()), machine("mill", Json::Null)]);
    inside.admin(admin::Request::Declare { site: Inside::site(), text: all.to_string() }).await;
    inside.context.logs.publish_now(&Inside::site()).unwrap();
    inside.projected().await;
    let firm = browser(&inside, "chen", "firm", "site:demo", "zh-CN").await;
    let page = firm.page(PAGE).await;
    assert!(page.contains("连续运行 10 天（自 2026-03-04 起）"), "half of what should have been observed was: {page}");
    let mill = json!([machine("mill", rule)]).to_string();
    inside.admin(admin::Request::Declare { site: Inside::site(), text: mill }).await;
    inside.projected().await;
    let page = firm.page(PAGE).await;
    assert!(!page.contains("连续运行 10 天") && page.contains("13 天的数据尚未收到"), "a third of it: {page}");
}
