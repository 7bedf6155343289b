//! Papers asked for, handed in, returned and received in the browser by those who do it; all firms as the centre sees them; a list of firms.

use super::*;
use crate::projection::tests::fixture::{HOUR, MONDAY, World};
use crate::state::Clock;
use crate::testing::inside_at;

const PAGE: &str = "/sites/demo/papers";

async fn browser<'i>(inside: &'i Inside, name: &str, role: &str, scope: &str, lang: &'static str) -> Browser<'i> {
    let password = user(inside, name, role, scope).await;
    let mut browser = Browser { inside, cookie: String::new(), lang };
    assert_eq!(browser.sign_in(name, &password).await.0, StatusCode::SEE_OTHER);
    browser
}

impl Browser<'_> {
    /// Sends a form of the page of papers with its token; status, where it leads, and the page.
    async fn paper(&self, fields: &[(&str, &str)]) -> (StatusCode, String, String) {
        let token = field(&self.page(PAGE).await, "token").to_owned();
        let mut body = format!("token={}", url_part(&token));
        for (name, value) in fields {
            body.push_str(&format!("&{name}={}", url_part(value)));
        }
        let (status, headers, page) = self.send(Method::POST, PAGE, Some(&body)).await;
        if !page.is_empty() {
            super::super::super::tests::check_tags(PAGE, &page);
            assert!(!page.contains('⟦'), "missing words: {page}");
        }
        (status, location(&headers).to_owned(), page)
    }
}

fn ask(due: &str) -> [(&str, &str); 6] {
    [("what", "ask"), ("paper", "p-1"), ("name", "服务合同"), ("by", "centre"), ("due", due), ("note", "附件2")]
}

fn hand(date: &str) -> [(&str, &str); 4] {
    [("what", "hand"), ("paper", "p-1"), ("date", date), ("file", "合同.pdf")]
}

fn judge<'a>(judged: &'a str, date: &'a str, reason: &'a str) -> [(&'a str, &'a str); 6] {
    [("what", "judge"), ("paper", "p-1"), ("by", "centre"), ("judged", judged), ("date", date), ("reason", reason)]
}

/// The fifth Tuesday after the fixture's first Monday.
fn now() -> Clock {
    Clock::new(|| MONDAY + 36 * 24 * HOUR)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_paper_is_asked_for_handed_in_returned_and_received_and_the_centre_sees_who_owes_it() {
    let inside = inside_at(now()).await;
    inside.factory(&World::new(3, 1, None)).await;
    inside.projected().await;
    let firm = browser(&inside, "chen", "firm", "site:demo", "zh-CN").await;
    let centre = browser(&inside, "zx", "centre", "everything", "zh-CN").await;
    let abroad = browser(&inside, "dc", "centre", "everything", "en").await;
    let size = || inside.context.logs.size(&Inside::site()).unwrap();
    let day = metrics::calendar::local_date("Asia/Shanghai", MONDAY + 36 * 24 * HOUR).unwrap();
    let (today, yesterday, tomorrow) =
        (day.to_string(), day.yesterday().unwrap().to_string(), day.tomorrow().unwrap().to_string());

    // Nobody asked for anything; only who speaks for a body has the form, only who sees many firms has the page of all.
    assert!(firm.page("/sites/demo").await.contains("href=\"/sites/demo/papers\""));
    assert!(
        firm.page(PAGE).await.contains("目前没有要求提交的材料") && !firm.page(PAGE).await.contains("value=\"ask\"")
    );
    for path in ["/portfolio", "/portfolio/list"] {
        let (status, headers, _) = firm.send(Method::GET, path, None).await;
        assert_eq!((status, location(&headers)), (StatusCode::SEE_OTHER, "/sites"));
    }
    assert!(!firm.page("/sites/demo").await.contains("href=\"/portfolio\""));
    assert!(centre.page("/portfolio").await.contains("没有企业欠交材料"));
    let before = size();
    // The factory may ask nobody, in whoever's name; what is refused comes back as typed, and nothing is logged.
    let (status, _, page) = firm.paper(&ask(&yesterday)).await;
    assert_eq!(status, StatusCode::CONFLICT);
    assert!(page.contains("须由促进中心自己的账号（角色 centre）填报；填报账号的角色是 firm"), "{page}");
    let (status, _, page) = centre.paper(&ask("2026-4-1")).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert!(page.contains("日期须写成 2026-03-14 的形式") && page.contains("value=\"服务合同\""), "{page}");
    assert_eq!(size(), before);

    let (status, to, page) = centre.paper(&ask(&yesterday)).await;
    assert_eq!((status, to.as_str()), (StatusCode::SEE_OTHER, "/sites/demo/papers?done=ask"), "{page}");
    assert!(firm.page(PAGE).await.contains("待提交材料 1 项，其中 1 项已过期限"));
    inside.until("the row is written", async || centre.page("/portfolio").await.contains("1 家已过期限")).await;
    let all = centre.page("/portfolio?show=overdue").await;
    assert!(
        all.contains("服务合同")
            && all.contains("（已过期限）")
            && all.contains("href=\"/sites/demo/papers#paper-p-1\""),
        "{all}"
    );
    assert!(centre.page("/portfolio?show=waiting").await.contains("没有符合条件的企业"));

    // Handed in too early, then rightly.
    let (status, _, page) = firm.paper(&hand(&tomorrow)).await;
    assert_eq!(status, StatusCode::CONFLICT);
    assert!(page.contains("晚于填报当日") && page.contains("value=\"合同.pdf\""), "{page}");
    assert_eq!(firm.paper(&hand(&today)).await.0, StatusCode::SEE_OTHER);
    inside
        .until("it waits for the centre", async || {
            centre.page("/portfolio?show=waiting").await.contains("待促进中心接收")
        })
        .await;
    let (status, _, page) = centre.paper(&judge("return", &today, "")).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert!(page.contains("退回补正须说明理由") && page.contains("value=\"return\" required checked"), "{page}");
    assert_eq!(centre.paper(&judge("return", &today, "缺盖章页")).await.0, StatusCode::SEE_OTHER);
    inside.until("it is returned", async || centre.page("/portfolio?show=returned").await.contains("缺盖章页")).await;
    // The API says the same.
    let (status, _, json) = centre.send(Method::GET, "/api/v1/portfolio?show=returned&limit=5", None).await;
    assert_eq!(status, StatusCode::OK, "{json}");
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(
        (&json["matching"], &json["rows"][0]["papers"][0]["standing"]),
        (&1.into(), &"returned".into()),
        "{json}"
    );
    assert_eq!(centre.send(Method::GET, "/api/v1/portfolio?show=bad", None).await.0, StatusCode::BAD_REQUEST);
    let (status, _, json) = firm.send(Method::GET, "/api/v1/sites/demo/papers", None).await;
    assert!(status == StatusCode::OK && json.contains("缺盖章页"), "{json}");
    assert!(abroad.page("/portfolio").await.contains("Firms that owe papers: 1, of which 1 overdue"));
    assert_eq!(firm.paper(&hand(&today)).await.0, StatusCode::SEE_OTHER);
    assert_eq!(centre.paper(&judge("received", &today, "")).await.0, StatusCode::SEE_OTHER);
    let page = firm.page(PAGE).await;
    assert!(
        page.contains("材料均已提交") && page.contains("已提交 2 次") && !page.contains("value=\"hand\""),
        "{page}"
    );
    inside.until("nothing is owed", async || centre.page("/portfolio").await.contains("没有企业欠交材料")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_of_firms_is_checked_entered_once_and_refused_whole_where_a_cell_is_wrong() {
    let inside = inside_at(now()).await;
    inside.factory(&World::new(3, 1, None)).await;
    inside.projected().await;
    let centre = browser(&inside, "zx", "centre", "everything", "zh-CN").await;
    let supervisor = browser(&inside, "jl", "supervisor", "everything", "zh-CN").await;
    let size = || inside.context.logs.size(&Inside::site()).unwrap();
    // Who speaks for no body reads what a list needs, and imports none.
    assert!(!supervisor.page("/portfolio").await.contains("/portfolio/list"));
    let page = supervisor.page("/portfolio/list").await;
    assert!(page.contains("汇总表由主管部门或促进中心的账号导入") && !page.contains("type=\"file\""), "{page}");
    let token = field(&page, "token").to_owned();
    let fields = [("token", token.as_str()), ("what", "check")];
    let file = Some(("list.csv", "code,name\n".as_bytes()));
    let (status, headers, _) = supervisor.send_parts_to("/portfolio/list", &fields, file).await;
    assert_eq!((status, location(&headers)), (StatusCode::SEE_OTHER, "/portfolio/list"));
    let before = size();
    let token = field(&centre.page("/portfolio/list").await, "token").to_owned();
    let send = async |fields: &[(&str, &str)], csv: Option<&str>| {
        let fields = [&[("token", token.as_str())], fields].concat();
        let file = csv.map(|csv| ("第四批 汇总表.csv", csv.as_bytes()));
        centre.send_parts_to("/portfolio/list", &fields, file).await
    };

    // A code twice, one that is none, an amount with its unit, two sites of one row: everything at once, and nothing is logged.
    let wrong = "统一社会信用代码,企业名称,站点编号,计划投资（万元）\n91350100M000100Y43,甲,demo,120\n91350100M000100Y43,乙,,1\n\
                 91440300708461136X,丙,,1\n91330100799655058B,丁,,12万\n";
    let (status, _, page) = send(&[("what", "check")], Some(wrong)).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    for said in ["有 3 处有误", "与第 2 行重复", "末位校验码不符", "12万", "没有记录任何内容"]
    {
        assert!(page.contains(said), "{said}: {page}");
    }
    assert!(!page.contains("value=\"confirm\""), "{page}");
    assert_eq!(size(), before);

    let right = "统一社会信用代码,企业名称,站点编号,计划投资（万元）\n91350100M000100Y43,甲机械,demo,120\n91330100799655058B,丁,,12\n";
    let (status, _, page) = send(&[("what", "check")], Some(right)).await;
    assert_eq!(status, StatusCode::OK, "{page}");
    assert!(
        page.contains("登记 1 家，0 家已有相同登记，1 家在本系统没有站点") && page.contains("登记 1 家企业"),
        "{page}"
    );
    let (name, data, shown) = (field(&page, "name"), field(&page, "data"), field(&page, "shown"));
    let confirm = |reason: &'static str, shown: &str| {
        let pairs = [("what", "confirm"), ("name", name), ("data", data), ("reason", reason)];
        let mut all: Vec<(String, String)> = pairs.map(|(a, b)| (a.to_owned(), b.to_owned())).into();
        all.push(("shown".to_owned(), shown.to_owned()));
        all
    };
    let post = async |fields: Vec<(String, String)>| {
        let fields: Vec<(&str, &str)> = fields.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect();
        send(&fields, None).await
    };
    assert_eq!(post(confirm("", shown)).await.0, StatusCode::BAD_REQUEST);
    assert_eq!(post(confirm("第四批", "00")).await.0, StatusCode::CONFLICT);
    assert_eq!(size(), before);
    let (status, headers, page) = post(confirm("第四批", shown)).await;
    assert_eq!((status, location(&headers)), (StatusCode::SEE_OTHER, "/portfolio/list?done=1"), "{page}");
    assert!(centre.page("/portfolio/list?done=1").await.contains("已登记 1 家企业"));
    let entered = size();
    let page = centre.page(PAGE).await;
    assert!(page.contains("91350100M000100Y43") && page.contains("1,200,000.00 元"), "{page}");
    inside
        .until("the code is found", async || {
            centre.page("/portfolio?q=91350100M000100Y43").await.contains("91350100M000100Y43</small>")
        })
        .await;
    // The same list again, now found by its code, states nothing.
    let again = right.replace(",demo,", ",,");
    let (status, _, page) = send(&[("what", "check")], Some(&again)).await;
    assert_eq!(status, StatusCode::OK);
    assert!(page.contains("登记 0 家，1 家已有相同登记") && !page.contains("value=\"confirm\""), "{page}");
    assert_eq!(size(), entered);
}
