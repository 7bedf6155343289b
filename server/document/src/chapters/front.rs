//! Cover and contents.

use qrcode::{Color, EcLevel, QrCode};

use super::Context;
use crate::flow::{BODY, FINE, Flow, Heading, INK, LABEL, NOTE, RED, RULE, TEXT};
use crate::font::{Face, shown};
use crate::lines::broken;
use crate::paper::{Align, BOTTOM, LEFT, MEASURE, Mark, Paint, RIGHT, Style, TOP, WIDTH, line, rect, text};

/// The cover: what this is, of whom, about when, and the digest that ties paper and file together.
pub(super) fn cover(flow: &mut Flow, c: &Context<'_>) {
    flow.page();
    let words = c.words;
    let centre = LEFT + MEASURE / 2.0;
    // The double rule of a certificate, inside the binding margin.
    let outer = rect(LEFT - 14.0, 52.0, MEASURE + 28.0, 720.0);
    let inner = rect(LEFT - 9.0, 57.0, MEASURE + 18.0, 710.0);
    flow.put([Mark::Stroke(outer, INK, 1.6, None), Mark::Stroke(inner, INK, 0.5, None)]);
    let small = Style { size: 9.0, face: Face::Regular, colour: LABEL };
    flow.put([text(centre, 92.0, Align::Centre, small, &format!("{} {}", words.s("报告编号", "No."), c.number()))]);
    let size = if words.lang == look::text::Lang::Zh { 27.0 } else { 22.0 };
    let title = Style { size, face: Face::Bold, colour: INK };
    let mut y = 150.0;
    for words in broken(&shown(&c.title()), title.face, title.size, MEASURE - 20.0) {
        flow.put([text(centre, y, Align::Centre, title, &words)]);
        y += title.size * 1.35;
    }
    flow.put([line((centre - 60.0, y - 8.0), (centre + 60.0, y - 8.0), INK, 0.8)]);
    let firm = Style { size: 15.0, face: Face::Bold, colour: TEXT };
    y += 22.0;
    for words in broken(&shown(&c.factory()), firm.face, firm.size, MEASURE - 20.0).iter().take(2) {
        flow.put([text(centre, y, Align::Centre, firm, words)]);
        y += 21.0;
    }
    if c.report.simulated {
        let style = Style { size: 12.0, face: Face::Bold, colour: RED };
        let note = words.s(
            "模拟数据 SIMULATED：数据由模拟器产生，没有真实设备",
            "模拟数据 SIMULATED: made by simulators, no machine stands behind it",
        );
        let width = style.face.width(&shown(note), style.size) + 20.0;
        flow.put([
            Mark::Stroke(rect(centre - width / 2.0, y, width, 24.0), RED, 1.0, None),
            text(centre, y + 16.5, Align::Centre, style, note),
        ]);
        y += 34.0;
    }
    y = facts(flow, c, y.max(292.0) + 8.0);
    digests(flow, c, y.max(516.0));
    let strong = Style { size: 10.0, face: Face::Bold, colour: INK };
    flow.put([text(centre, 724.0, Align::Centre, strong, &format!("{}{}", c.notice(), words.s("。", ".")))]);
    let rest = words.s(
        "本报告只列数据及其来源，不作验收结论；验收意见由专家出具。证明链起点为网关。",
        "It states data and where they come from, and no acceptance result: that opinion is the experts'. The chain starts at the gateway.",
    );
    let mut y = 739.0;
    for words in broken(&shown(rest), Face::Regular, 8.0, MEASURE - 6.0) {
        flow.put([text(centre, y, Align::Centre, NOTE, &words)]);
        y += 11.0;
    }
}

fn facts(flow: &mut Flow, c: &Context<'_>, top: f32) -> f32 {
    let words = c.words;
    let mut rows: Vec<(String, String)> = Vec::new();
    let mut row = |name: &str, value: String| rows.push((name.to_owned(), value));
    row(words.s("企业（站点）", "Factory (site)"), format!("{} ({})", c.factory(), c.report.site));
    row(
        words.s("测量方案", "Measurement plan"),
        c.plan().unwrap_or_else(|| {
            words.s("未指定方案，按日期出具，不作前后对比", "none: issued for dates, nothing is compared").to_owned()
        }),
    );
    if let Some(boundary) = c.report.measurement_plan.as_ref().and_then(|p| p.boundary.as_ref()) {
        row(words.s("测量边界", "Measurement boundary"), words.name(boundary, ""));
    }
    for period in c.periods() {
        row(&c.period(&period.name), format!("{} {} {}", period.from, words.s("至", "to"), period.to));
    }
    let sign = words.s("、", ", ");
    let units = |is_reference: bool| {
        let of = c.report.machines.iter().filter(|m| c.report.is_reference(&m.machine) == is_reference);
        let machines: Vec<String> = of.map(|m| words.name(&m.names, &m.machine)).collect();
        format!("{} {} ({})", machines.len(), words.s("台（套）", "units"), machines.join(sign))
    };
    row(words.s("设备", "Machines"), units(false));
    if c.report.chosen().is_some() {
        row(words.s("对照机器", "Comparison machines"), units(true));
    }
    let face = c.face();
    if let Some(until) = c.report.request.until_ms {
        row(words.s("数据截至", "Data until"), format!("{} {}", face.full(until), face.zone_words(until)));
    }
    let (name_width, size) = (if words.lang == look::text::Lang::Zh { 110.0 } else { 172.0 }, 10.0);
    let mut y = top;
    for (name, value) in rows {
        let mut lines = broken(&shown(&value), Face::Regular, size, MEASURE - name_width - 24.0);
        if lines.len() > 3 {
            lines.truncate(3);
            if let Some(last) = lines.last_mut() {
                last.push('…');
            }
        }
        let label = Style { size, face: Face::Bold, colour: INK };
        flow.put([text(LEFT + 10.0, y + 14.0, Align::Left, label, &name)]);
        for words in &lines {
            y += 15.0;
            flow.put([text(LEFT + name_width, y - 1.0, Align::Left, Style { size, ..BODY }, words)]);
        }
        y += 7.0;
        flow.put([line((LEFT + 8.0, y), (LEFT + MEASURE - 8.0, y), RULE, 0.5)]);
    }
    y
}

/// What the code holds, and the same in letters beside it.
fn digests(flow: &mut Flow, c: &Context<'_>, top: f32) {
    let words = c.words;
    let held = format!("gongzheng-report\n{}\n{}\n{}\n{}\n", c.origin, c.size, c.root, c.digest);
    let side = 132.0;
    let left = LEFT + 10.0;
    if let Ok(code) = QrCode::with_error_correction_level(held.as_bytes(), EcLevel::M) {
        let width = code.width();
        // Four modules of quiet ground on every side, as the standard asks.
        let module = side / (width + 8) as f32;
        let mut path = Vec::new();
        for (i, colour) in code.to_colors().into_iter().enumerate() {
            if colour == Color::Dark {
                let (x, y) = ((i % width) as f32, (i / width) as f32);
                path.extend(rect(left + (x + 4.0) * module, top + (y + 4.0) * module, module, module));
            }
        }
        flow.put([
            Mark::Fill(path, Paint::Plain(0x000000)),
            Mark::Stroke(rect(left, top, side, side), RULE, 0.5, None),
        ]);
    }
    let x = left + side + 16.0;
    let mut y = top + 12.0;
    let entries = [
        (words.s("站点日志", "Site log"), c.origin.to_owned()),
        (words.s("依据记录数", "Leaves it rests on"), crate::figures::count(c.size)),
        (words.s("根摘要", "Root"), c.root.clone()),
        (words.s("report.json 的 SHA-256", "SHA-256 of report.json"), c.digest.clone()),
    ];
    for (name, value) in entries {
        flow.put([text(x, y, Align::Left, FINE.bold().ink(INK), name)]);
        for words in broken(&shown(&value), Face::Regular, 8.1, WIDTH - RIGHT - x) {
            y += 11.5;
            flow.put([text(x, y, Align::Left, Style { size: 8.1, ..BODY }, &words)]);
        }
        y += 15.0;
    }
    let note = words.s(
        "二维码含以上四项。核对方法见「如何核验」一章。",
        "The code holds these four. How to compare them: chapter \"How to verify\".",
    );
    flow.put([text(left, top + side + 13.0, Align::Left, FINE, note)]);
}

/// Contents, then the attachments.
pub(super) fn contents(flow: &mut Flow, c: &Context<'_>, headings: &[Heading]) {
    let words = c.words;
    flow.page();
    let style = Style { size: 15.0, face: Face::Bold, colour: INK };
    flow.put([text(LEFT, TOP + 14.0, Align::Left, style, words.s("目录", "Contents"))]);
    flow.gap(30.0);
    let (annexes, chapters): (Vec<&Heading>, Vec<&Heading>) =
        headings.iter().partition(|h| h.level == 1 && (h.title.starts_with("附录") || h.title.starts_with("Annex")));
    for heading in chapters {
        entry(flow, heading);
    }
    flow.gap(12.0);
    flow.need(140.0);
    let y = flow.y() + 14.0;
    flow.put([text(LEFT, y, Align::Left, Style { size: 12.0, ..style }, words.s("附件清单", "Attachments"))]);
    flow.gap(22.0);
    for heading in annexes {
        entry(flow, heading);
    }
    let lang = words.lang.tag();
    let files = [
        (
            "report.json",
            words.s("报告本体（规范文本），摘要见封面", "the report itself (the norm); its digest is on the cover"),
        ),
        (
            "*.gzbundle.zip",
            words.s(
                "电子佐证包：签名记录、填报、检查点及上述各文件，供离线核验",
                "the bundle: signed records, statements, checkpoint and these files, to verify offline",
            ),
        ),
    ];
    let sheets = words.s(
        "表格文件：逐班数值、缺失明细、填报、各页校验码",
        "the workbook: shifts, all gaps, statements, check codes of the pages",
    );
    let xlsx = format!("report.{lang}.xlsx");
    for (name, what) in files.into_iter().chain([(xlsx.as_str(), sheets)]) {
        flow.need(16.0);
        let y = flow.y() + 11.0;
        flow.put([
            text(LEFT, y, Align::Left, Style { size: 9.0, ..BODY }, name),
            text(LEFT + 110.0, y, Align::Left, NOTE, what),
        ]);
        flow.gap(16.0);
    }
}

fn entry(flow: &mut Flow, heading: &Heading) {
    let is_chapter = heading.level == 1;
    let size = if is_chapter { 9.8 } else { 8.4 };
    let face = if is_chapter { Face::Bold } else { Face::Regular };
    let style = Style { size, face, colour: if is_chapter { INK } else { TEXT } };
    let indent = if is_chapter { 0.0 } else { 16.0 };
    let height = if is_chapter { 17.0 } else { 13.0 };
    flow.need(height);
    let y = flow.y() + height * 0.72;
    debug_assert!(y <= BOTTOM);
    let right = LEFT + MEASURE;
    let lines = broken(&shown(&heading.title), face, size, MEASURE - indent - 40.0);
    let title = lines.first().map_or("", String::as_str);
    let number = (heading.page + 1).to_string();
    let from = LEFT + indent + face.width(title, size) + 6.0;
    let to = right - style.face.width(&number, size) - 6.0;
    flow.put([text(LEFT + indent, y, Align::Left, style, title)]);
    if to > from {
        let dots = vec![crate::paper::Step::To(from, y - 1.5), crate::paper::Step::Line(to, y - 1.5)];
        flow.put([Mark::Stroke(dots, RULE, 0.7, Some((0.8, 2.6)))]);
    }
    flow.put([text(right, y, Align::Right, style, &number)]);
    flow.gap(height);
}
