//! A target that is missed, from the notice to the closing, by the four who take part in it; and the days with evidence.

use std::sync::atomic::{AtomicI64, Ordering};

use protocol::{Declaration, LeafBody};
use serde_json::{Value as Json, json};

use super::*;
use crate::projection::tests::fixture::{HOUR, MONDAY, World};
use crate::state::Clock;
use crate::testing::inside_at;

const PAGE: &str = "/sites/demo/deviation";
const DAY: i64 = 24 * HOUR;
/// 30 days of base period, 42 of window.
const DAYS: usize = 72;

static NOW: AtomicI64 = AtomicI64::new(MONDAY + DAYS as i64 * DAY + 9 * HOUR);

async fn browser<'i>(inside: &'i Inside, name: &str, role: &str, lang: &'static str) -> Browser<'i> {
    let password = user(inside, name, role, "site:demo").await;
    let mut browser = Browser { inside, cookie: String::new(), lang };
    assert_eq!(browser.sign_in(name, &password).await.0, StatusCode::SEE_OTHER);
    browser
}

impl Browser<'_> {
    /// Sends a step with its token; status and the page.
    async fn step(&self, fields: &[(&str, &str)]) -> (StatusCode, String) {
        let token = field(&self.page("/sites/demo").await, "token").to_owned();
        let mut body = format!("token={}&filing=km-017&deviation=d-1", url_part(&token));
        for (name, value) in fields {
            body.push_str(&format!("&{name}={}", url_part(value)));
        }
        let (status, _, page) = self.send(Method::POST, PAGE, Some(&body)).await;
        if !page.is_empty() {
            super::super::super::tests::check_tags(PAGE, &page);
            assert!(!page.contains('⟦'), "missing words: {page}");
        }
        (status, page)
    }
}

/// The newest statement of a kind.
fn stated(inside: &Inside, wanted: &str) -> Json {
    let (logs, site) = (&inside.context.logs, Inside::site());
    let leaves = logs.leaves(&site, 0..logs.size(&site).unwrap()).unwrap();
    let digest = leaves.iter().rev().find_map(|leaf| match &leaf.body {
        LeafBody::Declaration { kind, digest, .. } if kind == wanted => Some(*digest),
        _ => None,
    });
    Declaration::decode(&logs.content(&site, &digest.expect("stated")).unwrap().unwrap()).unwrap().body
}

fn plan() -> Json {
    let target = |id: &str, value: &str, definition: Option<&str>| {
        let mut target = json!({"target": id, "names": {"zh": format!("目标{id}"), "en": format!("target {id}")},
            "promised": {"value": value, "unit": "percentage_points", "direction": "increase"},
            "base": {"from": "2026-03-02", "to": "2026-03-31"}, "method": "ISO 22400"});
        if let Some(definition) = definition {
            target["definition"] = json!(definition);
        }
        target
    };
    json!([{"kind": "filed_plan", "role": "firm", "body": {
        "filing": "km-017", "names": {"zh": "一号线改造", "en": "Line 1"}, "rule": "kunming-fund-2024-1", "filed": "2026-03-01",
        "term": {"from": "2026-03-02", "to": "2026-04-30"}, "machines": [{"machine": "press"}],
        "targets": [target("oee", "30", Some("oee.iso22400@1")), target("words", "5", None)],
    }}])
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missed_target_goes_from_notice_to_closing_and_nobody_types_a_figure() {
    let inside = inside_at(Clock::new(|| NOW.load(Ordering::Relaxed))).await;
    inside.factory(&World::new(11, DAYS, None)).await;
    inside.admin(admin::Request::Declare { site: Inside::site(), text: plan().to_string() }).await;
    inside.projected().await;
    inside.context.logs.publish_now(&Inside::site()).unwrap();
    let firm = browser(&inside, "chen", "firm", "zh-CN").await;
    let centre = browser(&inside, "zx", "centre", "zh-CN").await;
    let assessor = browser(&inside, "zhao", "assessor", "en").await;
    let size = || inside.context.logs.size(&Inside::site()).unwrap();
    assert!(firm.page("/sites/demo").await.contains("href=\"/sites/demo/deviation\""));

    // What is measured stands beside what is promised, with the rule; only an authority has the form for a notice.
    let page = centre.page(PAGE).await;
    assert!(page.contains("提高 30 百分点") && page.contains("偏离：未达到目标值"), "{page}");
    assert!(
        page.contains("该目标未注明可由数据计算的口径") && page.contains("整个 95 % 区间都低于承诺才是偏离"),
        "{page}"
    );
    assert!(page.contains("value=\"notice\"") && page.contains("实行双监控"), "{page}");
    let english = assessor.page(PAGE).await;
    assert!(english.contains("deviates: short of the target") && !english.contains("value=\"notice\""), "{english}");
    assert!(!firm.page(PAGE).await.contains("value=\"notice\""));
    // Every day since the term has data: twelve of May.
    assert!(page.contains("连续运行 12 天（自 2026-05-01 起）"), "{page}");
    for word in ["项目已停", "项目停止", "验收通过"] {
        assert!(!page.contains(word), "no page says so: {word}");
    }

    let before = size();
    let notice = [("what", "notice"), ("target", "oee"), ("asks", "请说明 <原因>")];
    let (status, page) = firm.step(&notice).await;
    assert_eq!(status, StatusCode::CONFLICT, "{page}");
    assert!(page.contains("提示由属地主管部门、促进中心或市级主管部门的账号作出"), "{page}");
    assert_eq!(assessor.step(&notice).await.0, StatusCode::FORBIDDEN);
    let (status, page) = centre.step(&[("what", "notice"), ("target", "words"), ("asks", "x")]).await;
    assert!(
        status == StatusCode::CONFLICT && page.contains("该目标未注明可由数据计算的口径，或其设备尚未填报"),
        "{page}"
    );
    assert_eq!(size(), before, "nothing refused was logged");
    let (status, page) = centre.step(&notice).await;
    assert_eq!(status, StatusCode::SEE_OTHER, "{page}");
    let body = stated(&inside, "deviation_notice");
    assert_eq!(body["measured"]["standing"], "short", "{body}");
    assert_eq!(body["measured"]["window"], json!({"from": "2026-04-01", "to": "2026-05-12"}), "{body}");
    assert!(body["measured"]["interval"].is_array() && body["measured"]["size"].as_u64() > Some(0), "{body}");
    // Nobody states a figure by hand.
    let by_hand = json!([{"kind": "deviation_notice", "body": body}]).to_string();
    let typed = admin::execute(&inside.context, admin::Request::Declare { site: Inside::site(), text: by_hand }).await;
    assert!(typed.unwrap_err().to_string().contains("`deviation_notice` cannot be stated"));

    let (status, page) = centre.step(&[("what", "close"), ("reason", "x")]).await;
    assert!(status == StatusCode::CONFLICT && page.contains("整改措施之后尚未复测，不能销号"), "{page}");
    assert!(page.contains("请说明 &#60;原因&#62;"), "{page}");
    assert_eq!(firm.step(&[("what", "explain"), ("explanation", "换型频繁")]).await.0, StatusCode::SEE_OTHER);
    let (status, page) = firm.step(&[("what", "measures"), ("measure.1", "换刀标准化"), ("who.1", "生产部")]).await;
    assert!(status == StatusCode::BAD_REQUEST && page.contains("value=\"换刀标准化\""), "what was typed stays: {page}");
    let measures = [("what", "measures"), ("measure.1", "换刀标准化"), ("who.1", "生产部"), ("due.1", "2026-05-13")];
    assert_eq!(firm.step(&measures).await.0, StatusCode::SEE_OTHER);
    let (status, page) = firm.step(&[("what", "again")]).await;
    assert!(status == StatusCode::CONFLICT && page.contains("整改措施填报后还没有完整的一日"), "{page}");

    let city = browser(&inside, "shi", "city", "en").await;
    let (status, page) = city.step(&[("what", "again")]).await;
    assert!(status == StatusCode::CONFLICT, "{page}");
    assert!(page.contains("there is no whole day since the measures were stated: measure again tomorrow"), "{page}");

    NOW.fetch_add(3 * DAY, Ordering::Relaxed);
    let firm = browser(&inside, "chen-2", "firm", "zh-CN").await;
    let centre = browser(&inside, "zx-2", "centre", "en").await;
    assert!(firm.page(PAGE).await.contains("整改期限已过：换刀标准化（生产部，2026-05-13）"));
    // The target is taken out of the plan meanwhile: it is measured as it was, and the deviation can be closed all the same.
    let opinion = |by: &str| {
        json!({"kind": "plan_opinion", "role": by, "body": {"filing": "km-017", "change": "c-1", "by": by, "body": "某部门",
            "opinion": "agree", "date": "2026-05-16"}})
    };
    let change = json!({"kind": "plan_change", "role": "firm", "body": {"filing": "km-017", "change": "c-1", "date": "2026-05-16",
        "items": [{"without_target": "oee"}], "reason": "产线调整"}});
    let agreed =
        json!([change, opinion("district"), opinion("centre"), opinion("city"), opinion("finance")]).to_string();
    admin::execute(&inside.context, admin::Request::Declare { site: Inside::site(), text: agreed }).await.unwrap();
    assert_eq!(firm.step(&[("what", "again")]).await.0, StatusCode::SEE_OTHER);
    let body = stated(&inside, "deviation_remeasured");
    assert_eq!(body["measured"]["window"], json!({"from": "2026-05-14", "to": "2026-05-15"}), "{body}");
    assert_eq!(body["measured"]["standing"], "open", "two days say nothing: {body}");
    let page = centre.page(PAGE).await;
    assert!(
        page.contains("measured again; the authority closes it next") && page.contains("value=\"close\""),
        "{page}"
    );
    assert!(page.contains("Past its date: 换刀标准化"), "{page}");
    assert_eq!(centre.step(&[("what", "close"), ("reason", "设备已停用")]).await.0, StatusCode::SEE_OTHER);
    let page = centre.page(PAGE).await;
    assert!(page.contains("设备已停用") && !page.contains("Past its date"), "{page}");
    // Nothing is open any more, and of a target that is no longer in the plan no notice is given.
    assert!(!page.contains("value=\"close\"") && !page.contains("value=\"notice\""), "{page}");
    inside.evidence.close().await;
}
