//! The expert's hour in the workshop (现场核查), on a phone: what is wrong there is found, put right, and found right.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::json;
use tests::seeded;
use tests::stack::Stack;
use tests::wait;

use crate::Way;

/// How long a result may take to come.
const PATIENCE: Duration = Duration::from_secs(90);

impl Way<'_> {
    /// The expert's hour in the workshop, on a phone: two sets of clamps are mixed up, a ratio is wrong; both are found and put
    /// right, and both sides confirm.
    pub(crate) fn check(&self, stack: &mut Stack, said: &dyn Fn(&str)) -> Result<()> {
        let visitor = &self.visitor;
        visitor.browser.resize((390, 844), 1.0)?;
        // The factory's own account does not check.
        visitor.become_one(stack, "firm")?;
        visitor.open("onsite")?;
        ensure!(!visitor.has("button[value=check]")?, "the factory may check itself");
        visitor.become_one(stack, "assessor")?;
        visitor.open("onsite")?;
        let begin = json!({"body": "云南某评测机构", "wanted": "9"});
        visitor.send("form:has(button[value=check])", &begin, "button[value=check]")?.done()?;
        let page = visitor.text("main")?;
        ensure!(page.contains("抽中") && page.contains("液压机") && page.contains("车床"), "{page}");
        visitor.picture("acceptance-drawn")?;

        // Both run, and have been read for longer than a stop may be pressed late.
        for machine in ["press", "lathe"] {
            hold(stack, machine, true)?;
        }
        stack.wait_logged(self.clock.now_ms() + 20_000, PATIENCE)?;

        // Clamps on each other's cable: the lathe stops, and its state in the log does not follow.
        stack.workshop.ask(&json!({"command": "swap_clamps", "devices": ["press", "lathe"]}))?;
        let found = self.stop(stack, "lathe", "press")?;
        ensure!(found.contains("状态未随现场停机而变"), "swapped clamps were not found: {found}");
        said("swapped clamps are found");
        stack.workshop.ask(&json!({"command": "swap_clamps", "devices": ["press", "lathe"]}))?;
        let found = self.stop(stack, "lathe", "press")?;
        ensure!(found.contains("与现场停机相符"), "the clamps are right again: {found}");
        let found = self.stop(stack, "press", "lathe")?;
        ensure!(found.contains("与现场停机相符"), "{found}");

        // The face of the press's meter, with the ratio that was typed wrongly, and then rightly.
        let found = self.face(stack)?;
        ensure!(found.contains("超出") && found.contains("日志似按互感器 150/5计，表面与互感器 200/5相符"), "{found}");
        said("the wrong ratio is found");
        visitor.picture("acceptance-ratio")?;
        let plate = json!({"meter_serial": "DT-2026-88", "primary": "200", "secondary": "5", "seal": "intact", "seal_number": "F-88"});
        visitor.send("#m-press form:has(button[value=plate])", &plate, "button[value=plate]")?.done()?;
        let page = visitor.text("#m-press")?;
        ensure!(page.contains("互感器变比与填报相符") && page.contains("封印完好"), "{page}");
        ensure!(page.contains("现为每计数 0.3 kWh，按铭牌应为 0.4 kWh"), "{page}");
        stack.stop_agent()?;
        self.scale(stack, "0.4")?;
        stack.start_agent()?;
        // What lies ten seconds before a photo counts, so nothing of the old ratio may.
        stack.wait_logged(self.clock.now_ms() + 12_000, PATIENCE)?;
        let found = self.face(stack)?;
        ensure!(found.contains("偏差 0.0") && !found.contains("超出"), "the ratio is right again: {found}");
        let scrolls = visitor.browser.script("return document.documentElement.scrollWidth", &[])?;
        ensure!(scrolls.as_i64() <= Some(390), "the phone's page scrolls sideways: {scrolls}");

        visitor.press("button[value=confirm]")?.done()?;
        visitor.become_one(stack, "firm")?;
        visitor.open("onsite")?;
        visitor.press("button[value=confirm]")?.done()?;
        ensure!(!visitor.text("main")?.contains("未经双方确认"), "not confirmed by both");
        visitor.picture("acceptance-checked")?;
        visitor.browser.resize((1280, 900), 1.0)
    }

    /// Has a machine that runs stopped, says so on the phone, and returns what the log shows of it; `other` runs on.
    fn stop(&self, stack: &Stack, machine: &str, other: &str) -> Result<String> {
        hold(stack, other, true)?;
        hold(stack, machine, true)?;
        // Until the dwell of the lathe's rule is over.
        wait::pause(Duration::from_secs(5));
        hold(stack, machine, false)?;
        let card = format!("#m-{machine}");
        self.visitor.press(&format!("{card} button[value=stop]"))?.done()?;
        self.result(&card)
    }

    /// The face of the press's meter as it stands there, with its photo.
    fn face(&self, stack: &Stack) -> Result<String> {
        let centi = stack.workshop.served()?.0.into_iter().rfind(|s| s.tag == "press/energy" && s.valid);
        let centi = centi.context("the press's meter")?.raw.as_u64().context("a register")?;
        let photo = self.folder.join("IMG_1.jpg");
        std::fs::write(&photo, jpeg(self.clock.now_ms())?)?;
        let form = "#m-press form:has(button[value=face])";
        let value = format!("{}.{:02}", centi / 100, centi % 100);
        self.visitor.fill(form, &json!({"value": value, "unit": "kWh", "register": "same"}))?;
        self.visitor.browser.choose(&format!("{form} input[type=file]"), &photo)?;
        self.visitor.press(&format!("{form} button[value=face]"))?.done()?;
        self.result("#m-press")
    }

    /// Looks again until the newest act of a card has its result, and has it logged.
    fn result(&self, card: &str) -> Result<String> {
        let newest = format!("{card} article.onsite-act:has(button[value=record])");
        wait::until("the result of what was done on site", PATIENCE, || {
            self.visitor.open("onsite")?;
            if self.visitor.has(&newest)? {
                return Ok(Some(()));
            }
            wait::pause(Duration::from_secs(1));
            Ok(None)
        })?;
        let said = self.visitor.text(&newest)?;
        self.visitor.press(&format!("{newest} button[value=record]"))?.done()?;
        Ok(said)
    }

    /// Types into the gateway what one count of the press's meter is worth, kWh.
    pub(crate) fn scale(&self, stack: &Stack, kwh: &str) -> Result<()> {
        let file = stack.folder.join("agent.toml");
        let text = std::fs::read_to_string(&file)?;
        let (before, press) = text.split_once("name = \"press\"").context("the press in agent.toml")?;
        let (device, energy) = press.split_once("name = \"energy\"").context("its energy")?;
        let (tag, after) = energy.split_once("scale = ").context("its scale")?;
        let (_, after) = after.split_once('\n').context("a line")?;
        let text = format!("{before}name = \"press\"{device}name = \"energy\"{tag}scale = {kwh}\n{after}");
        Ok(std::fs::write(&file, text)?)
    }
}

/// A machine is kept running or standing, longer than anybody looks at it.
fn hold(stack: &Stack, device: &str, runs: bool) -> Result<()> {
    let order = json!({"command": "hold", "device": device, "runs": runs, "duration_ms": 300_000});
    stack.workshop.ask(&order).map(drop)
}

/// A small photo whose camera says when it was taken (Exif 2.32, DateTimeOriginal with OffsetTimeOriginal).
fn jpeg(utc_ms: i64) -> Result<Vec<u8>> {
    let (date, second) = (seeded::date(utc_ms).replace('-', ":"), (utc_ms / 1_000 + 8 * 3_600).rem_euclid(86_400));
    let time = format!("{date} {:02}:{:02}:{:02}\0+08:00\0", second / 3_600, second / 60 % 60, second % 60);
    let entry = |tag: u16, kind: u16, count: u32, value: u32| {
        [&tag.to_le_bytes()[..], &kind.to_le_bytes(), &count.to_le_bytes(), &value.to_le_bytes()].concat()
    };
    // Header, one directory that points to the Exif directory, that directory, its two texts.
    let tiff = [
        b"II*\0\x08\0\0\0\x01\0".to_vec(),
        entry(0x8769, 4, 1, 26),
        vec![0; 4],
        2_u16.to_le_bytes().to_vec(),
        entry(0x9003, 2, 20, 56),
        entry(0x9011, 2, 7, 76),
        vec![0; 4],
        time.into_bytes(),
    ]
    .concat();
    let segment = |marker: u8, body: &[u8]| -> Result<Vec<u8>> {
        Ok([&[0xFF, marker][..], &u16::try_from(body.len() + 2)?.to_be_bytes(), body].concat())
    };
    let exif = segment(0xE1, &[b"Exif\0\0", &tiff[..]].concat())?;
    Ok([vec![0xFF, 0xD8], exif, segment(0xDA, b"\0")?, b"a meter's face".to_vec(), vec![0xFF, 0xD9]].concat())
}
