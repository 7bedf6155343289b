//! A target that is missed: notice, explanation, measures, and five weeks later measured again and closed (双监控).

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value as Json, json};
use tests::pictures::api;
use tests::seeded;
use tests::stack::{SITE, Stack};
use tests::trouble::now_ms;
use tests::wait;

use crate::{DAY_MS, PROMISED, Way};

impl Way<'_> {
    /// The centre sees that the target is missed and says so; the firm explains and states what it does about it.
    pub(crate) fn give_notice(&self, stack: &Stack) -> Result<Json> {
        let visitor = &self.visitor;
        visitor.become_one(stack, "centre")?;
        visitor.open("deviation")?;
        ensure!(visitor.text("main")?.contains("偏离：未达到目标值"), "{}", visitor.text("main")?);
        let asks = json!({"asks": "请说明未达到目标值的原因"});
        visitor.send("form:has(button[value=notice])", &asks, "button[value=notice]")?.done()?;
        visitor.become_one(stack, "firm")?;
        visitor.open("deviation")?;
        let why = json!({"explanation": "改造尚未完成"});
        visitor.send("form:has(button[value=explain])", &why, "button[value=explain]")?.done()?;
        ensure!(!visitor.has("button[value=again]")?, "to be measured again before anything is done about it");
        let due = seeded::date(self.clock.now_ms() + 10 * DAY_MS);
        let measures = json!({"measure.1": "完成改造并投用", "who.1": "设备部", "due.1": due});
        visitor.send("form:has(button[value=measures])", &measures, "button[value=measures]")?.done()?;
        let refused = visitor.press("button[value=again]")?.refused()?;
        ensure!(refused.contains("整改措施填报后还没有完整的一日"), "{refused}");
        visitor.picture("acceptance-deviation")?;
        self.stated("deviation_notice")
    }

    /// Measured again over the days since, and closed by who gave notice.
    pub(crate) fn put_right(&self, stack: &Stack) -> Result<Json> {
        let visitor = &self.visitor;
        visitor.become_one(stack, "firm")?;
        visitor.open("deviation")?;
        visitor.press("button[value=again]")?.done()?;
        let measured = self.stated("deviation_remeasured")?;
        visitor.become_one(stack, "centre")?;
        visitor.open("deviation")?;
        let why = json!({"reason": "复测已达到目标值"});
        visitor.send("form:has(button[value=close])", &why, "button[value=close]")?.done()?;
        let page = visitor.text("main")?;
        ensure!(page.contains("已销号") && !visitor.has("button[value=close]")?, "{page}");
        for word in ["验收通过", "项目停止", "项目已停"] {
            ensure!(!page.contains(word), "the page says {word}");
        }
        visitor.picture("acceptance-closed")?;
        Ok(measured)
    }

    /// The city says when it held its acceptance, the firm a bill; the centre sees promise, actual figure and continuity on one page.
    pub(crate) fn on_one_page(&self, stack: &Stack, truth: &Json) -> Result<()> {
        let visitor = &self.visitor;
        // Shifts begin at eight and a bill at midnight, so it is not the meter's to the kilowatt-hour.
        let (from, to) = (self.day(43)?, self.day(73)?);
        let of_main = |s: &&Json| {
            s["machine"] == "main" && s["production_date"].as_str().is_some_and(|d| *from <= *d && *d <= *to)
        };
        let shifts = truth["shifts"].as_array().context("shifts")?.iter().filter(of_main);
        let uj = shifts.map(|s| s["energy_uj"].as_str().and_then(|uj| uj.parse::<i128>().ok()).context("energy"));
        let kwh = uj.sum::<Result<i128>>()? / 3_600_000_000_000;
        self.declare(stack, &[json!({"kind": "bill", "role": "firm", "body": {
            "carrier": "electricity", "account": "0513", "from": from, "to": to, "amount": kwh.to_string(), "unit": "kWh",
            "issuer": "昆明供电局", "source": "third_party_settlement"}})])?;
        visitor.become_one(stack, "city")?;
        visitor.open("deviation")?;
        let held = seeded::date(now_ms() - 3 * DAY_MS);
        let accepted = json!({"acceptance": "city", "held": held, "body": "昆明市工业和信息化局"});
        visitor.send("form:has(button[value=accept])", &accepted, "button[value=accept]")?.done()?;
        visitor.become_one(stack, "centre")?;
        let page = wait::until("the bill beside the meter", Duration::from_secs(60), || {
            visitor.open("firm")?;
            let page = visitor.text("main")?;
            Ok((page.contains("0513") && !page.contains("待核对")).then_some(page))
        })?;
        for words in ["提高 3 百分点", "达到目标值", "自市级验收日", "没有未销号的偏离", "在允许差值内"]
        {
            ensure!(page.contains(words), "no {words} in {page}");
        }
        for word in ["验收通过", "项目停止"] {
            ensure!(!page.contains(word), "the page says {word}");
        }
        visitor.picture("acceptance-firm")?;
        visitor.browser.resize((390, 844), 1.0)?;
        visitor.open("firm")?;
        let scrolls = visitor.browser.script("return document.documentElement.scrollWidth", &[])?;
        ensure!(scrolls.as_i64() <= Some(390), "the phone's page scrolls sideways: {scrolls}");
        visitor.picture("acceptance-firm-phone")
    }

    /// The newest statement of a kind.
    fn stated(&self, kind: &str) -> Result<Json> {
        let all = api(self.visitor.browser, &format!("/api/v1/sites/{SITE}/declarations?kind={kind}"))?;
        let newest = all.as_array().and_then(|list| list.iter().max_by_key(|s| s["leaf"].as_i64()));
        let body = newest.and_then(|newest| newest["body"].as_str()).with_context(|| format!("no {kind}: {all}"))?;
        Ok(serde_json::from_str(body)?)
    }

    /// How much OEE of the press really changed from the base period to the window of a figure that was stated.
    pub(crate) fn changed(&self, base: &Json, later: &Json, stated: &Json) -> Result<f64> {
        let window = &stated["measured"]["window"];
        let date = |key: &str| window[key].as_str().map(str::to_owned).with_context(|| format!("{key}: {stated}"));
        Ok(really(later, &date("from")?, &date("to")?)? - really(base, &self.day(0)?, &self.day(40)?)?)
    }
}

/// The interval that was stated holds what really changed, and the standing is what that gives.
pub(crate) fn holds(really: f64, stated: &Json) -> Result<()> {
    let measured = &stated["measured"];
    let end = |place: usize| -> Result<f64> {
        Ok(measured["interval"][place].as_str().with_context(|| stated.to_string())?.parse()?)
    };
    let (lower, upper) = (end(0)?, end(1)?);
    ensure!(lower <= really && really <= upper, "{really} is not in [{lower}, {upper}]");
    let promised = PROMISED.parse::<f64>()? / 100.0;
    let standing = measured["standing"].as_str().context("a standing")?;
    ensure!(standing == if really < promised { "short" } else { "reached" }, "{standing} at {really}");
    Ok(())
}

/// OEE of the press over production dates, both included, from what really happened.
fn really(truth: &Json, from: &str, to: &str) -> Result<f64> {
    let (mut made, mut planned) = (0, 0);
    for shift in truth["shifts"].as_array().context("shifts")?.iter().filter(|s| s["machine"] == "press") {
        let date = shift["production_date"].as_str().context("a date")?;
        if from <= date && date <= to {
            made += shift["good_standard_ms"].as_i64().context("good_standard_ms")?;
            planned += shift["planned_ms"].as_i64().context("planned_ms")?;
        }
    }
    ensure!(planned > 0, "the simulator knows nothing of {from} to {to}");
    Ok(made as f64 / planned as f64)
}
