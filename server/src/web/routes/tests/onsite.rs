//! A machine drawn, stopped, its meter photographed and its plates read by somebody who checks; confirmed by both sides; and what is refused.

use std::sync::atomic::{AtomicI64, Ordering};

use super::*;
use crate::photo::tests::jpeg;
use crate::projection::tests::fixture::{HOUR, MINUTE, MONDAY, World};
use crate::state::Clock;
use crate::testing::inside_at;

const PAGE: &str = "/sites/demo/onsite";

async fn browser<'i>(inside: &'i Inside, name: &str, role: &str, lang: &'static str) -> Browser<'i> {
    let password = user(inside, name, role, "site:demo").await;
    let mut browser = Browser { inside, cookie: String::new(), lang };
    assert_eq!(browser.sign_in(name, &password).await.0, StatusCode::SEE_OTHER);
    browser
}

impl Browser<'_> {
    /// Sends a form of the page with its token; status, where it leads, and the page.
    async fn check(&self, fields: &[(&str, &str)], photo: Option<&[u8]>) -> (StatusCode, String, String) {
        let token = field(&self.page("/sites/demo").await, "token").to_owned();
        let all: Vec<(&str, &str)> =
            [("token", token.as_str()), ("check", "oc-1")].iter().chain(fields).copied().collect();
        let (status, headers, page) = self.send_parts_to(PAGE, &all, photo.map(|bytes| ("IMG_1.jpg", bytes))).await;
        (status, location(&headers).to_owned(), page)
    }

    async fn done(&self, fields: &[(&str, &str)], photo: Option<&[u8]>) -> String {
        let (status, to, page) = self.check(fields, photo).await;
        assert_eq!(status, StatusCode::SEE_OTHER, "{fields:?}: {page}");
        self.page(to.split('#').next().unwrap()).await
    }
}

/// The leaf of the form that records a result.
fn leaf_to_record(page: &str) -> String {
    field(page, "of").to_owned()
}

/// A minute of the second morning in which the press stops after it ran for a while, and stays so.
fn stop_of(world: &World) -> usize {
    let stays = |m: &usize| {
        let codes = |range: std::ops::Range<usize>| world.minutes[range].iter().map(|minute| minute.code);
        codes(m - 3..*m).all(|code| code == 4) && codes(*m..m + 3).all(|code| code != 4)
    };
    (1440 + 9 * 60..1440 + 20 * 60).rev().find(stays).expect("it stops")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_machine_is_drawn_stopped_and_read_on_site_and_both_sides_confirm() {
    static NOW: AtomicI64 = AtomicI64::new(0);
    let world = World::new(11, 2, None);
    let stop = stop_of(&world);
    let stopped_ms = MONDAY + stop as i64 * MINUTE;
    // Every reading is there already, so that nothing has to be waited for.
    NOW.store(stopped_ms + 2_000, Ordering::Relaxed);
    let inside = inside_at(Clock::new(|| NOW.load(Ordering::Relaxed))).await;
    inside.factory(&world).await;
    inside.projected().await;
    let firm = browser(&inside, "chen", "firm", "zh-CN").await;
    let assessor = browser(&inside, "zhao", "assessor", "zh-CN").await;
    let centre = browser(&inside, "zx", "centre", "en").await;
    let city = browser(&inside, "shi", "city", "zh-CN").await;
    let size = || inside.context.logs.size(&Inside::site()).unwrap();

    // Whoever sees the site finds the page; only who checks has forms.
    assert!(firm.page("/sites/demo").await.contains("href=\"/sites/demo/onsite\""));
    let empty = assessor.page(PAGE).await;
    assert!(empty.contains("尚无现场核查") && empty.contains("value=\"check\""), "{empty}");
    assert!(!firm.page(PAGE).await.contains("value=\"check\"") && !city.page(PAGE).await.contains("value=\"check\""));
    let before = size();
    let begin = [("what", "check"), ("body", "某评测机构"), ("wanted", "1")];
    let (status, _, page) = firm.check(&begin, None).await;
    assert_eq!(status, StatusCode::CONFLICT);
    assert!(page.contains("不能由企业或其服务商自行核查；企业只在核查后确认"), "{page}");
    assert_eq!(city.check(&begin, None).await.0, StatusCode::FORBIDDEN);
    let (status, _, page) =
        assessor.check(&[("what", "check"), ("body", "评测\"机构\""), ("wanted", "许多")], None).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(page.contains("请填 1 至 100 的整数") && page.contains("评测&#34;机构&#34;"), "{page}");
    assert_eq!(size(), before, "nothing refused was logged");
    let page = assessor.done(&begin, None).await;
    assert!(page.contains("自 1 台设备中抽取：冲床") && page.contains("抽中") && page.contains("现已停机"), "{page}");
    assert!(!page.contains("共抽取"), "drawn once");

    // Stopped: the log followed, and somebody records it.
    let press = [("what", "stop"), ("machine", "press")];
    assert_eq!(firm.check(&press, None).await.0, StatusCode::CONFLICT);
    let page = assessor.done(&press, None).await;
    assert!(page.contains("与现场停机相符") && page.contains("在按下前 2.0 秒由运行变为"), "{page}");
    assert!(page.contains("结果尚未记入日志"), "{page}");
    let of = leaf_to_record(&page);
    let page = assessor.done(&[("what", "record"), ("machine", "press"), ("of", &of)], None).await;
    assert!(page.contains("可由任何人复算") && !page.contains("结果尚未记入日志"), "{page}");
    let (status, _, page) = assessor.check(&[("what", "record"), ("machine", "press"), ("of", &of)], None).await;
    assert_eq!(status, StatusCode::CONFLICT);
    assert!(page.contains("结果已记入日志第"), "{page}");

    // Its meter's face: the photo says when.
    let wh: u64 = 500_000 + world.minutes[..stop].iter().map(|m| m.wh).sum::<u64>();
    let value = format!("{}.{:03}", wh / 1000, wh % 1000);
    let face =
        [("what", "face"), ("machine", "press"), ("value", value.as_str()), ("unit", "kWh"), ("register", "same")];
    let local = jiff::Timestamp::from_millisecond(stopped_ms + 2_000)
        .unwrap()
        .to_zoned(TimeZone::get("Asia/Shanghai").unwrap());
    let photo = jpeg(&local.strftime("%Y:%m:%d %H:%M:%S").to_string());
    let before = size();
    for (bytes, status, says) in [
        (None, StatusCode::UNPROCESSABLE_ENTITY, "请附上电能表表面的照片"),
        (Some(b"\x89PNG\r\n\x1a\nscreenshot".to_vec()), StatusCode::BAD_REQUEST, "照片中没有拍摄时间"),
        (Some(jpeg("2026:03:01 08:00:00")), StatusCode::CONFLICT, "24 小时以前"),
        (Some(vec![0xFF; crate::photo::BYTES_MAX + 1]), StatusCode::BAD_REQUEST, "照片超过 6 MB"),
        (Some(vec![0xFF; 9 << 20]), StatusCode::PAYLOAD_TOO_LARGE, "照片超过 6 MB"),
    ] {
        let (got, _, page) = assessor.check(&face, bytes.as_deref()).await;
        assert_eq!(got, status, "{says}");
        assert!(page.contains(says), "{says}: {page}");
        // Nothing that was typed is lost, unless the whole form could not be read.
        assert!(
            status == StatusCode::PAYLOAD_TOO_LARGE || page.contains(&format!("value=\"{value}\"")),
            "{says}: {page}"
        );
    }
    let mut wrong = face;
    wrong[2].1 = "12,345.6 度";
    let (status, _, page) = assessor.check(&wrong, Some(&photo)).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert!(page.contains("请照表面数字填写") && page.contains("12,345.6 度"), "{page}");
    assert_eq!(size(), before, "nothing refused was logged");
    let kept = || std::fs::read_dir(inside.data_dir().join("sites/demo/photos")).map_or(0, Iterator::count);
    assert_eq!(kept(), 0, "and of nothing refused a photo is kept");
    let page = assessor.done(&face, Some(&photo)).await;
    assert_eq!(kept(), 1);
    // The same photo for a face that is refused: the statement that stands names it.
    let mut again = face;
    again[1].1 = "nobody";
    assert_eq!(assessor.check(&again, Some(&photo)).await.0, StatusCode::CONFLICT);
    assert_eq!(kept(), 1);
    assert!(page.contains(&format!("表面 {value} kWh，日志 {value} kWh，偏差 0.000 kWh")), "{page}");
    let shown = link(&page, "/api/v1/sites/demo/onsite/photos/").to_owned();
    let of = leaf_to_record(&page);
    assessor.done(&[("what", "record"), ("machine", "press"), ("of", &of)], None).await;
    // Who checks and who may see raw readings see the photo; for others it is not there.
    for (who, status) in [
        (&assessor, StatusCode::OK),
        (&firm, StatusCode::OK),
        (&centre, StatusCode::OK),
        (&city, StatusCode::NOT_FOUND),
    ] {
        assert_eq!(who.send(Method::GET, &shown, None).await.0, status);
    }
    assert!(!city.page(PAGE).await.contains(&shown), "and no page shows it to them");

    // Plates: compared at once.
    let plate = [
        ("what", "plate"),
        ("machine", "press"),
        ("serial", "S-1"),
        ("primary", "200"),
        ("secondary", "五"),
        ("seal", "intact"),
    ];
    let (status, _, page) = assessor.check(&plate, None).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(page.contains("互感器变比请填两个整数") && page.contains("value=\"S-1\""), "{page}");
    let mut plate = plate;
    plate[4].1 = "5";
    let page = assessor.done(&plate, None).await;
    assert!(page.contains("封印完好") && page.contains("设备铭牌编号未抄录或未填报"), "{page}");

    // Pressed long after the last reading: waited for, never failed.
    NOW.store(MONDAY + 48 * HOUR + 10 * MINUTE, Ordering::Relaxed);
    let page = centre.done(&[("what", "start"), ("machine", "press")], None).await;
    assert!(
        page.contains("readings of that moment were not received yet") && page.contains("data-live=\"m-press\""),
        "{page}"
    );
    let sheet = crate::reporting::statements(&inside.context.logs, &Inside::site()).unwrap();
    let waiting = metrics::onsite::results(&sheet)[0].seen.last().unwrap().entry.leaf;
    let (status, _, page) =
        centre.check(&[("what", "record"), ("machine", "press"), ("of", &waiting.to_string())], None).await;
    assert_eq!(status, StatusCode::CONFLICT);
    assert!(page.contains("wait a little"), "{page}");

    // Both sides confirm what they saw; nothing is confirmed unseen, and neither side for the other.
    let seen = firm.page(PAGE).await;
    let confirm = |page: &str, side: &'static str| {
        let (through, digest) = (field(page, "through").to_owned(), field(page, "digest").to_owned());
        [("what", "confirm".to_owned()), ("side", side.to_owned()), ("through", through), ("digest", digest)]
    };
    let by_firm = confirm(&seen, "firm");
    let by_firm: Vec<(&str, &str)> = by_firm.iter().map(|(k, v)| (*k, v.as_str())).collect();
    let mut as_checker = by_firm.clone();
    as_checker[1].1 = "checker";
    let (status, _, page) = firm.check(&as_checker, None).await;
    assert_eq!(status, StatusCode::CONFLICT);
    assert!(page.contains("不能由企业或其服务商自行核查"), "{page}");
    let page = firm.done(&by_firm, None).await;
    assert!(page.contains("企业 于") || page.contains("· 企业 于"), "{page}");
    assert!(page.contains("未经双方确认"), "the other side is open: {page}");
    let page = assessor.done(&as_checker, None).await;
    assert!(!page.contains("未经双方确认"), "{page}");
    assert!(page.contains("核查人员（签字）") && page.contains("企业代表（签字）"), "{page}");
    // Drawn again: seen, and not confirmed.
    let page = assessor.done(&begin, None).await;
    assert!(
        page.contains("共抽取 2 次") && page.contains("尚有 1 项未经双方确认") && page.contains("此后的内容未经确认"),
        "{page}"
    );
    let (status, _, page) = assessor.check(&as_checker, None).await;
    assert_eq!(status, StatusCode::CONFLICT);
    assert!(page.contains("又有新的内容"), "{page}");
    let english = centre.page(PAGE).await;
    assert!(english.contains("drawn 2 times") && english.contains("what came later is not confirmed"), "{english}");
    for page in [page, english] {
        assert!(!page.contains("验收通过"), "no page says so");
    }
    inside.evidence.close().await;
}
