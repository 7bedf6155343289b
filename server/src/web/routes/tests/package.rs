//! A city's package on its page and as an archive: with the rights of the bundle, the same bytes twice, and nothing before a report.

use std::io::{Cursor, Read as _};

use super::*;
use crate::admin::Request as Wish;
use crate::reporting::Wanted;

impl Browser<'_> {
    /// A file as it comes.
    async fn bytes(&self, path: &str) -> (StatusCode, HeaderMap, Vec<u8>) {
        let request = Request::builder()
            .uri(path)
            .header(header::HOST, "gz.test")
            .header(header::ACCEPT_LANGUAGE, self.lang)
            .header(header::COOKIE, &self.cookie)
            .body(Body::empty())
            .expect("request");
        let response = crate::run::app(self.inside.state.clone()).oneshot(request).await.expect("answer");
        let (status, headers) = (response.status(), response.headers().clone());
        (status, headers, to_bytes(response.into_body(), 64 * 1024 * 1024).await.expect("body").to_vec())
    }
}

/// Every address of the page that leads to a file, as a browser asks for it.
fn files(page: &str) -> Vec<(String, usize)> {
    let links = page.split("href=\"").skip(1).filter_map(|rest| rest.split('"').next());
    let link = |link: &str| {
        let link = link.replace("&amp;", "&").replace("&#38;", "&");
        let (path, at) = link.split_once("#page=")?;
        Some((path.to_owned(), at.parse().expect("a page")))
    };
    links.filter_map(link).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_package_is_made_of_a_report_and_goes_to_whoever_may_have_its_bundle() {
    let inside = inside().await;
    inside.factory(&World::new(2, 2, None)).await;
    inside.projected().await;
    let firm = user(&inside, "li.na", "firm", "site:demo").await;
    let city = user(&inside, "zhao.min", "city", "everything").await;
    let other = user(&inside, "sun.li", "firm", "site:elsewhere").await;
    let mut browser = Browser { inside: &inside, cookie: String::new(), lang: "zh-CN" };
    browser.sign_in("li.na", &firm).await;

    // A file of the operator's that is wrong is named with its line, and the delivered folders stay.
    let folder = inside.data_dir().join("packages");
    std::fs::create_dir_all(&folder).unwrap();
    let text = include_str!("../../../../../configs/policy/packages/kunming.toml");
    std::fs::write(folder.join("dali.toml"), text.replacen("folder = \"self\"", "folder = \"elsewhere\"", 1)).unwrap();
    std::fs::write(folder.join("chuxiong.toml"), text.replacen("昆明市中小企业", "楚雄州中小企业", 1)).unwrap();
    let page = browser.page("/sites/demo/package?overlay=chuxiong").await;
    assert!(page.contains("目录文件 dali.toml 不能使用：") && page.contains("没有文件夹 elsewhere"), "{page}");
    assert!(
        page.contains("<option value=\"chuxiong\" selected>") && page.contains("<option value=\"kunming\">"),
        "{page}"
    );
    browser.lang = "en";
    let page = browser.page("/sites/demo/package?overlay=chuxiong").await;
    assert!(page.contains("The file of folders dali.toml cannot be used:"), "{page}");
    assert_eq!(browser.bytes("/sites/demo/package?overlay=dali").await.0, StatusCode::NOT_FOUND);
    browser.lang = "zh-CN";
    std::fs::remove_dir_all(&folder).unwrap();

    // Nothing was issued: what is asked for stands there, and nothing can be had.
    let page = browser.page("/sites/demo/package").await;
    assert!(page.contains("尚未出具佐证报告，以下只列要求的材料。请先出具"), "{page}");
    assert!(page.contains("营业执照扫描件") && page.contains("01 申报材料"), "{page}");
    assert!(!page.contains("package.zip") && files(&page).is_empty());
    browser.lang = "en";
    let page = browser.page("/sites/demo/package").await;
    assert!(page.contains("No report has been issued yet; below is only what is asked for. Issue one first"), "{page}");
    browser.lang = "zh-CN";
    assert_eq!(browser.bytes("/sites/demo/package.zip").await.0, StatusCode::NOT_FOUND);

    let wanted = Wanted { plan: None, from: Some("2026-03-02".into()), to: Some("2026-03-03".into()) };
    inside.admin(Wish::Report { site: Inside::site(), wanted }).await;
    inside.projected().await;
    assert!(browser.page("/sites/demo").await.contains("href=\"/sites/demo/package\""));
    let from_report = browser.page("/sites/demo/reports").await;
    let href = link(&from_report, "/sites/demo/package?report=").to_owned();
    let page = browser.page(&href).await;
    let links = files(&page);
    assert!(links.len() > 47 + 15, "{} links: {page}", links.len());
    for (path, at) in links.iter().filter(|(path, _)| path.contains("%E9%80%90")) {
        let (status, headers, bytes) = browser.bytes(path).await;
        assert_eq!(
            (status, &headers[header::CONTENT_TYPE]),
            (StatusCode::OK, &HeaderValue::from_static("application/pdf"))
        );
        assert!(headers[header::CONTENT_DISPOSITION].to_str().unwrap().starts_with("inline;"), "{path}");
        let pages = String::from_utf8_lossy(&bytes).matches("/Type /Page\n").count();
        assert!(*at >= 1 && *at <= pages, "{path} has {pages} pages, none of them {at}");
    }
    assert!(!page.contains("达到") && page.contains("也不是验收结果"), "{page}");

    let archive = link(&page, "/sites/demo/package.zip").replace("&amp;", "&").replace("&#38;", "&");
    let (status, headers, bytes) = browser.bytes(&archive).await;
    assert_eq!(status, StatusCode::OK);
    assert!(headers[header::CONTENT_DISPOSITION].to_str().unwrap().contains("kunming-demo-"), "{headers:?}");
    assert!(browser.bytes(&archive).await.2 == bytes, "asked twice, two archives");
    let mut zip = zip::ZipArchive::new(Cursor::new(bytes)).unwrap();
    let names: Vec<String> = zip.file_names().map(|name| name.unwrap().into_owned()).collect();
    assert!(
        names.iter().any(|n| n.starts_with("03 验收申请材料/demo-dates-") && n.ends_with(".gzbundle.zip")),
        "{names:?}"
    );
    let mut sums = String::new();
    zip.by_name("00 SHA256SUMS.txt").unwrap().read_to_string(&mut sums).unwrap();
    for line in sums.lines() {
        let (digest, name) = line.split_once("  ").unwrap();
        let mut bytes = Vec::new();
        zip.by_name(name).unwrap().read_to_end(&mut bytes).unwrap();
        assert_eq!(protocol::sha256(&bytes).to_string(), digest, "{name}");
    }
    assert_eq!(sums.lines().count() + 1, names.len());

    // The city sees what is there and what lacks; files are not the city's.
    let mut reader = Browser { inside: &inside, cookie: String::new(), lang: "en" };
    reader.sign_in("zhao.min", &city).await;
    let barred = [
        ("zh-CN", "压缩包内有原始读数，您的角色不含此权限；可在此查看清单、页码与校验码，文件请向企业索取"),
        (
            "en",
            "The archive holds raw readings, which your role does not include. List, pages and check codes are here; ask the firm for the files",
        ),
    ];
    for (lang, words) in barred {
        reader.lang = lang;
        let page = reader.page(&href).await;
        assert!(page.contains(words), "{page}");
    }
    let page = reader.page(&href).await;
    assert!(page.contains("from the firm: scan of the licence") && page.contains("逐项说明.pdf page 3"), "{page}");
    assert!(!page.contains("package.zip") && files(&page).is_empty(), "{page}");
    for (path, _) in [(archive.clone(), 0), links[0].clone()] {
        assert_eq!(reader.bytes(&path).await.0, StatusCode::NOT_FOUND, "{path}");
    }
    // A report, a city or a file that is not there; somebody of another factory.
    for path in
        ["/package?report=1", "/package?report=x", "/package?overlay=atlantis", "/package/file?path=../server.toml"]
    {
        assert_eq!(browser.bytes(&format!("/sites/demo{path}")).await.0, StatusCode::NOT_FOUND, "{path}");
    }
    let mut stranger = Browser { inside: &inside, cookie: String::new(), lang: "en" };
    stranger.sign_in("sun.li", &other).await;
    assert_eq!(stranger.bytes(&href).await.0, StatusCode::NOT_FOUND);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subsidy_sheet_goes_into_the_package_from_its_page() {
    let inside = inside().await;
    inside.factory(&World::new(2, 2, None)).await;
    inside.projected().await;
    let firm = user(&inside, "li.na", "firm", "site:demo").await;
    let mut browser = Browser { inside: &inside, cookie: String::new(), lang: "zh-CN" };
    browser.sign_in("li.na", &firm).await;
    let page = browser.page("/sites/demo/subsidy?rule=kunming-fund-2024-1").await;
    assert!(page.contains("测算并放入电子佐证包"), "{page}");
    let form = format!(
        "token={}&rule=kunming-fund-2024-1&at=2026-03-03&what=package&what.1=MES&category.1=software&amount.1=1000",
        field(&page, "token")
    );
    let (_, _, page) = browser.send(Method::POST, "/sites/demo/subsidy", Some(&form)).await;
    assert!(page.contains("尚未出具佐证报告"), "without a report there is no package: {page}");
    let wanted = Wanted { plan: None, from: Some("2026-03-02".into()), to: Some("2026-03-03".into()) };
    inside.admin(Wish::Report { site: Inside::site(), wanted }).await;
    inside.projected().await;
    let (status, headers, archive) = browser.send(Method::POST, "/sites/demo/subsidy", Some(&form)).await;
    assert_eq!(
        (status, &headers[header::CONTENT_TYPE]),
        (StatusCode::OK, &HeaderValue::from_static("application/zip"))
    );
    assert!(archive.contains("05 资金与补助测算/补助测算表.pdf"));
    // Nothing of it stays: the page's own package has none.
    let page = browser.page("/sites/demo/package").await;
    assert!(
        page.contains("补助测算表") && !page.contains("%E8%A1%A5%E5%8A%A9%E6%B5%8B%E7%AE%97%E8%A1%A8.pdf"),
        "{page}"
    );
}
