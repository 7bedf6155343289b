//! A plan filed, changed and read in the browser by the four who do it; and what each of them is refused.

use super::*;
use crate::projection::tests::fixture::{HOUR, MONDAY, World};
use crate::state::Clock;
use crate::testing::inside_at;

const PAGE: &str = "/sites/demo/filing";

async fn browser<'i>(inside: &'i Inside, name: &str, role: &str, lang: &'static str) -> Browser<'i> {
    let password = user(inside, name, role, "site:demo").await;
    let mut browser = Browser { inside, cookie: String::new(), lang };
    assert_eq!(browser.sign_in(name, &password).await.0, StatusCode::SEE_OTHER);
    browser
}

impl Browser<'_> {
    /// Sends a form of the filing's page with its token; status, where it leads, and the page.
    async fn state(&self, fields: &[(&str, &str)]) -> (StatusCode, String, String) {
        let token = field(&self.page("/sites/demo").await, "token").to_owned();
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

fn opinion<'a>(by: &'a str, opinion: &'a str, date: &'a str, reason: &'a str) -> [(&'a str, &'a str); 8] {
    [
        ("what", "opine"),
        ("filing", "km-017"),
        ("change", "c-1"),
        ("by", by),
        ("body", "西山区工信局"),
        ("opinion", opinion),
        ("date", date),
        ("reason", reason),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_is_filed_changed_with_three_opinions_and_compared_with_what_is_there() {
    let inside = inside_at(Clock::new(|| MONDAY + 36 * 24 * HOUR)).await;
    inside.factory(&World::new(11, 2, None)).await;
    inside.projected().await;
    let firm = browser(&inside, "chen", "firm", "zh-CN").await;
    let district = browser(&inside, "qu", "district", "zh-CN").await;
    let centre = browser(&inside, "zx", "centre", "zh-CN").await;
    let city = browser(&inside, "shi", "city", "en").await;
    let finance = browser(&inside, "cai", "finance", "zh-CN").await;
    let provider = browser(&inside, "fu", "provider", "zh-CN").await;
    let assessor = browser(&inside, "zhao", "assessor", "zh-CN").await;
    let size = || inside.context.logs.size(&Inside::site()).unwrap();

    // Nothing is filed: the firm has the form, who only reads has none.
    assert!(firm.page("/sites/demo").await.contains("href=\"/sites/demo/filing\""));
    let empty = firm.page(PAGE).await;
    assert!(
        empty.contains("尚未填报备案方案") && empty.contains("value=\"file\"") && empty.contains("昆明"),
        "{empty}"
    );
    assert!(!assessor.page(PAGE).await.contains("<form method=\"post\" action=\"/sites/demo/filing\""));
    let before = size();
    let plan = |amount: &'static str| {
        vec![
            ("what", "file"),
            ("filing", "km-017"),
            ("zh", "一号线改造"),
            ("rule", "kunming-fund-2024-1"),
            ("filed", "2026-02-01"),
            ("term_from", "2026-02-10"),
            ("term_to", "2026-03-20"),
            ("machine", "lathe"),
            ("what.1", "MES 系统"),
            ("category.1", "software"),
            ("amount.1", amount),
            ("target.1", "设备综合利用率"),
            ("direction.1", "increase"),
            ("value.1", "5"),
            ("unit.1", "percentage_points"),
            ("base_from.1", "2025-11-01"),
            ("base_to.1", "2026-01-31"),
            ("method.1", "按班次，ISO 22400"),
            ("stage.1", "acceptance"),
            ("stage_date.1", "2026-06-30"),
        ]
    };
    // Another unit is never guessed, and what was typed stays.
    let (status, _, page) = firm.state(&plan("12万")).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(page.contains("金额“12万”无法读取：请以元填写") && page.contains("value=\"MES 系统\""), "{page}");
    assert!(page.contains("value=\"kunming-fund-2024-1\" selected"), "{page}");
    assert_eq!(size(), before, "nothing refused was logged");
    // Whoever states things of a site states no plan for the firm.
    assert!(!provider.page(PAGE).await.contains("value=\"file\""));
    let (status, _, page) = provider.state(&plan("120,000.5")).await;
    assert_eq!(status, StatusCode::CONFLICT);
    assert!(page.contains("备案方案须由企业账号填报"), "{page}");
    let mut unknown = plan("120,000.5");
    unknown.retain(|(name, _)| *name != "stage.1");
    unknown.push(("stage.1", "first"));
    let (status, _, page) = firm.state(&unknown).await;
    assert_eq!(status, StatusCode::CONFLICT);
    assert!(page.contains("所选办法没有资金分期 first"), "{page}");
    assert_eq!(size(), before, "nothing refused was logged");
    let (status, to, page) = firm.state(&plan("120,000.5")).await;
    assert_eq!(status, StatusCode::SEE_OTHER, "{page}");
    assert_eq!(to, "/sites/demo/filing?filing=km-017&done=file");
    let page = firm.page(&to).await;
    assert!(
        page.contains("备案方案已记入日志") && page.contains("120,000.50") && page.contains("提高 5 百分点"),
        "{page}"
    );
    // What was promised is not there, the term is over; what is there was not promised.
    assert!(page.contains("现行方案内，实施期限已过，尚无数据；没有经同意的变更"), "{page}");
    assert!(page.contains("不在现行方案内，已有数据；没有经同意的变更"), "{page}");
    assert!(page.contains("实施期限已于 2026-03-20 届满；未填报完成日期"), "{page}");
    // Dated 1 February, logged weeks later, and by whom: all of it is said.
    assert!(page.contains("（企业）记入") && page.contains("2026-04-0"), "{page}");
    // No points were promised: there is nothing to count. What is promised is no addition.
    assert!(!page.contains("</i>测点</span>") && page.contains("</i>设备</span>"), "{page}");
    let added = page.split("增加设备").nth(1).unwrap().split("</fieldset>").next().unwrap().to_owned();
    assert!(!added.contains("value=\"lathe\"") && added.contains("value=\"press\""), "{added}");
    assert!(!provider.page(PAGE).await.contains("value=\"apply\""), "an application is the firm's, too");

    // When the works were finished is stated, and then the days are counted to that date.
    let finish = |date: &'static str| [("what", "finish"), ("filing", "km-017"), ("date", date)];
    let (status, _, page) = firm.state(&finish("2099-01-01")).await;
    assert_eq!(status, StatusCode::CONFLICT);
    assert!(page.contains("晚于填报当日") && page.contains("value=\"2099-01-01\""), "{page}");
    let (status, to, page) = firm.state(&finish("2026-03-25")).await;
    assert_eq!(
        (status, to.as_str()),
        (StatusCode::SEE_OTHER, "/sites/demo/filing?filing=km-017&done=finish"),
        "{page}"
    );
    let page = firm.page(&to).await;
    assert!(page.contains("已于 2026-03-25 完成，超过实施期限（2026-03-20）5 天"), "{page}");
    assert!(page.contains("完成日期已记入日志"), "{page}");

    // The firm applies; nobody is skipped, and nobody speaks for another.
    let apply = [
        ("what", "apply"),
        ("filing", "km-017"),
        ("change", "c-1"),
        ("date", "2026-03-01"),
        ("machine", "press"),
        ("machine", "main"),
        ("gateway", "gw-1"),
        ("without_machine", "lathe"),
        ("reason", "产线调整"),
    ];
    let (status, to, page) = firm.state(&apply[..]).await;
    assert_eq!((status, to.as_str()), (StatusCode::SEE_OTHER, "/sites/demo/filing?filing=km-017&done=apply"), "{page}");
    let page = firm.page(PAGE).await;
    assert!(page.contains("变更申请 c-1 尚未同意：待属地主管部门意见"), "{page}");
    assert!(!page.contains("value=\"opine\"") && !centre.page(PAGE).await.contains("value=\"opine\""));
    let stated = size();
    let (status, _, page) = centre.state(&opinion("centre", "agree", "2026-03-02", "")).await;
    assert_eq!(status, StatusCode::CONFLICT);
    assert!(page.contains("应先由属地主管部门出具意见"), "{page}");
    let (status, _, page) = firm.state(&opinion("district", "agree", "2026-03-02", "")).await;
    assert_eq!(status, StatusCode::CONFLICT);
    assert!(page.contains("须由其自己的账号（角色 district）填报，本次为企业账号"), "{page}");
    let (status, _, page) = district.state(&opinion("district", "return", "2026-03-02", "")).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert!(page.contains("须说明理由") && page.contains("value=\"return\" required checked"), "{page}");
    assert_eq!(assessor.state(&opinion("district", "agree", "2026-03-02", "")).await.0, StatusCode::FORBIDDEN);
    assert_eq!(size(), stated, "nothing refused was logged");

    // Returned, submitted again, and agreed to three times.
    assert!(district.page(PAGE).await.contains("value=\"opine\""));
    assert_eq!(district.state(&opinion("district", "return", "2026-03-02", "缺报价单")).await.0, StatusCode::SEE_OTHER);
    let page = firm.page(PAGE).await;
    assert!(page.contains("退回补正（2026-03-02）：缺报价单") && page.contains("c-1（退回补正后重新提交）"), "{page}");
    let mut again = apply;
    again[3].1 = "2026-03-03";
    assert_eq!(firm.state(&again).await.0, StatusCode::SEE_OTHER);
    // Who has it before him has it: it is not replaced under his hands, and what he says is on what he saw.
    let (status, _, page) = firm.state(&again).await;
    assert_eq!(status, StatusCode::CONFLICT);
    assert!(page.contains("正待属地主管部门意见，退回补正后方可重新提交"), "{page}");
    let form = district.page(PAGE).await;
    let read = form.split("name=\"submission\" value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    assert!(
        form.contains("对此前提交的意见") && form.contains("退回补正 · 2026-03-02 · 缺报价单"),
        "kept to be read: {form}"
    );
    let mut stale = opinion("district", "agree", "2026-03-04", "").to_vec();
    stale.push(("submission", "1"));
    let (status, _, page) = district.state(&stale).await;
    assert_eq!(status, StatusCode::CONFLICT);
    assert!(page.contains("意见所针对的是日志第 1 条的提交"), "{page}");
    let mut fresh = opinion("district", "agree", "2026-03-04", "").to_vec();
    fresh.push(("submission", &read));
    let (status, _, page) = district.state(&fresh).await;
    assert_eq!(status, StatusCode::SEE_OTHER, "{page}");
    for (who, by) in [(&centre, "centre"), (&finance, "finance"), (&city, "city")] {
        let (status, _, page) = who.state(&opinion(by, "agree", "2026-03-04", "")).await;
        assert_eq!(status, StatusCode::SEE_OTHER, "{by}: {page}");
    }
    let page = assessor.page(PAGE).await;
    assert!(page.contains("已同意（2026-03-04"), "{page}");
    assert!(page.contains("未见与现行方案不符之处"), "{page}");
    let english = city.page(PAGE).await;
    assert!(english.contains("No difference from the plan in force was found"), "{english}");
    for page in [page, english] {
        assert!(!page.contains("验收通过"), "no page says so");
    }
    sheet(&firm).await;
    assert_eq!(size(), stated + 6, "a sheet is only a calculation");
    several(&firm, plan("9")).await;
    inside.evidence.close().await;
}

/// The sheet of the filed plan, worked by hand: one invoice of 120,000.50 yuan, half of it, nothing else known against it.
async fn sheet(firm: &Browser<'_>) {
    const SHEET: &str = "/sites/demo/subsidy";
    assert!(firm.page(PAGE).await.contains("href=\"/sites/demo/subsidy?filing=km-017\""));
    let page = firm.page(SHEET).await;
    assert!(
        page.contains("昆工信规") && page.contains("value=\"120,000.50\"") && page.contains("value=\"MES 系统\""),
        "{page}"
    );
    let asked: Vec<String> =
        page.split("name=\"fact.").skip(1).map(|p| p.split('"').next().unwrap().to_owned()).collect();
    assert!(asked.len() >= 5, "{asked:?}");
    let token = field(&page, "token").to_owned();
    let post = async |more: &str| {
        let body = format!(
            "token={token}&rule=kunming-fund-2024-1&at=2026-03-30&level=3&level_by=x&what.1=MES&category.1=software&invoiced.1=2026-02-01&in_plan.1=yes&in_contract.1=yes&subsidised.1=no{more}"
        );
        let (status, _, page) = firm.send(Method::POST, SHEET, Some(&body)).await;
        super::super::super::tests::check_tags(SHEET, &page);
        assert!(!page.contains('⟦'), "missing words: {page}");
        (status, page)
    };
    let answers: String = asked
        .iter()
        .map(|id| format!("&fact.{id}={}&fact_by.{id}=y", if id == "in_pilot" { "yes" } else { "no" }))
        .collect();
    let ceiling = |page: &str| {
        let after = page.split("subsidy-ceiling").nth(1).unwrap_or_default().to_owned();
        after.split("</p>").next().unwrap_or_default().to_owned()
    };
    let answers = answers + "&received=0&received_by=y";
    let (status, page) = post(&format!("&amount.1=120000.5{answers}&paid.acceptance=30000&paid_by.acceptance=TZ-7&met.acceptance=2026-03-25&met_by.acceptance=YJ-3")).await;
    assert_eq!(status, StatusCode::OK, "{page}");
    // What was typed about the instalments is in the sheet, with who says so, and the rest follows from what was paid.
    assert!(page.contains("30,000.00 元（TZ-7）") && page.contains("2026-03-25（YJ-3）"), "{page}");
    assert!(page.contains("42,000.17 元") && page.contains("30,000.25 元"), "{page}");
    assert!(ceiling(&page).contains("60,000.25 元"), "{}", ceiling(&page));
    assert!(page.contains("第七条"), "each step names its article: {page}");
    // Nobody says what was received before: that is no nought.
    let unsaid = answers.replace("&received=0&received_by=y", "");
    let (_, page) = post(&format!("&amount.1=120000.5{unsaid}")).await;
    assert!(ceiling(&page).contains("尚缺：此前所获专项资金支持"), "{}", ceiling(&page));
    // Rows the page does not have are read, and named as typed; a row with nothing but its hardware is no empty one.
    let far = "&what.61=云盘&category.61=cloud&amount.61=10&invoiced.61=2026-02-02&in_plan.61=yes&subsidised.61=no";
    let (status, page) = post(&format!("&amount.1=120000.5{far}{answers}")).await;
    assert_eq!(status, StatusCode::OK, "{page}");
    assert!(ceiling(&page).contains("60,005.25 元"), "{}", ceiling(&page));
    assert!(page.contains("<td data-label=\"购买内容\">云盘</td>") && page.contains("name=\"amount.61\""), "{page}");
    let (status, page) = post(&format!("&amount.1=120000.5&hardware.4=500{answers}")).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(page.contains("第 4 行支出：金额“”无法读取"), "{page}");
    // What is hardware itself has no field for a part of it, and is never counted as nothing.
    let gateway = "&what.2=网关&category.2=gateway&amount.2=10&invoiced.2=2026-02-02&in_plan.2=yes&subsidised.2=no";
    let (_, page) = post(&format!("&amount.1=120000.5{gateway}{answers}")).await;
    assert!(ceiling(&page).contains("60,005.25 元"), "{}", ceiling(&page));
    assert!(!page.contains("name=\"hardware.2\"") && page.contains("name=\"hardware.1\""), "{page}");
    let (status, page) = post(&format!("&amount.1=120000.5{gateway}&hardware.2=10{answers}")).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(page.contains("第 2 行支出 · 其中硬件（元）：该类别本身即为设备，请勿另填其中硬件"), "{page}");
    // Where something is wrong is said in the form's words.
    let (_, page) =
        post(&format!("&amount.1=120000.5{}", answers.replace("fact_by.in_pilot=y", "fact_by.in_pilot="))).await;
    assert!(page.contains("纳入试点改造范围（已公示的试点企业） · 依据（何单位、何文件）：须为"), "{page}");
    let (_, page) = post(&format!("&amount.1=120000.5{}", answers.replace("received=0", "received=1,5"))).await;
    assert!(page.contains("金额“1,5”无法读取"), "a comma is no decimal point: {page}");
    // Without an answer there is no number, and another unit is refused with what was typed kept.
    let (_, page) = post("&amount.1=120000.5").await;
    assert!(!ceiling(&page).contains("60,000.25") && ceiling(&page).contains("尚缺"), "{}", ceiling(&page));
    let (status, page) = post(&format!("&amount.1=12万{answers}")).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(page.contains("金额“12万”无法读取") && page.contains("value=\"12万\""), "{page}");
    let (_, page) = post(&format!("&amount.1=1&started=2026-13-01{answers}")).await;
    assert!(page.contains("日期“2026-13-01”无法读取"), "{page}");
    let draft = firm.page(&format!("{SHEET}?rule=mianyang-fund-draft-2025")).await;
    let draft = if draft.contains("征求意见稿，未生效") { draft } else { String::new() };
    assert!(!draft.is_empty(), "the draft is marked as one");
}

/// A second filing, whose id comes before that of the first: each page shows the one it was asked for, and the older by default.
async fn several(firm: &Browser<'_>, mut plan: Vec<(&'static str, &'static str)>) {
    for (name, value) in &mut plan {
        match *name {
            "filing" => *value = "a-2",
            "zh" => *value = "二号线改造",
            _ => {}
        }
    }
    // More lines than the page has rows.
    plan.extend([("what.60", "第六十项"), ("category.60", "software"), ("amount.60", "60")]);
    assert_eq!(firm.state(&plan).await.0, StatusCode::SEE_OTHER);
    let page = firm.page(PAGE).await;
    assert!(page.contains("<h1>一号线改造</h1>") && page.contains("href=\"/sites/demo/filing?filing=a-2\""), "{page}");
    let second = firm.page("/sites/demo/filing?filing=a-2").await;
    assert!(second.contains("第六十项") && second.contains("href=\"/sites/demo/subsidy?filing=a-2\""), "{second}");
    let sheet = firm.page("/sites/demo/subsidy?filing=a-2").await;
    assert!(sheet.contains("value=\"第六十项\"") && sheet.contains("value=\"9.00\""), "{sheet}");
    assert!(sheet.contains("href=\"/sites/demo/filing?filing=a-2\""), "the way back: {sheet}");
    assert_eq!(sheet.matches("<input type=\"hidden\" name=\"filing\" value=\"a-2\">").count(), 2, "{sheet}");
    assert!(firm.page("/sites/demo/subsidy").await.contains("value=\"120,000.50\""));
}
