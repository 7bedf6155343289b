//! How to verify, and where people sign.

use super::Context;
use crate::flow::{BODY, CELL, Flow, INK, LABEL, NOTE, RULE};
use crate::paper::{Align, BOTTOM, LEFT, MEASURE, Mark, rect, text};

/// The five steps, as words for this document and the workbook.
pub(crate) fn five(c: &Context<'_>) -> [String; 5] {
    match c.words.lang {
        look::text::Lang::Zh => [
            "取得三样：电子佐证包（*.gzbundle.zip）；核验程序 gongzheng-verify；信任文件 trust.json。信任文件须从促进中心或监理处另行取得，不能用包内或企业交来的。".to_owned(),
            format!("核对摘要：扫描封面二维码，或在电脑上计算 report.json 的 SHA-256，应为 {}。", c.digest),
            "离线运行：gongzheng-verify --trust trust.json 电子佐证包文件名。不需联网、账号或安装权限。".to_owned(),
            "读结果：程序逐条列出签名、序号、日志、检查点，并由签名读数重新计算 report.json，逐字节比对；任何改动都会被拒绝并指明位置。退出码 0 表示全部一致。本文件的 SHA-256 由站点日志中的 report_issued 记录，一并核对。".to_owned(),
            "核对纸面：盖章扫描件逐页比对页脚校验码与附录 B（或表格文件「核验」）；任何一页文字不同，校验码即不同。".to_owned(),
        ],
        look::text::Lang::En => [
            "Get three things: the bundle (*.gzbundle.zip); the program gongzheng-verify; the trust file trust.json. The trust file comes from the promotion centre or the supervisor by another way, never from inside the bundle or from the firm.".to_owned(),
            format!("Compare the digest: scan the code on the cover, or compute the SHA-256 of report.json; it must be {}.", c.digest),
            "Run offline: gongzheng-verify --trust trust.json <bundle>. No network, account or right to install is needed.".to_owned(),
            "Read the outcome: the program goes through signatures, sequence, log and checkpoint, computes report.json again from the signed readings and compares every byte; whatever was altered is refused and its place named. Exit code 0: everything agrees. The SHA-256 of this file is in the log's report_issued and checked too.".to_owned(),
            "Compare the paper: page by page, the check code in the footer of a stamped scan with Annex B (or the sheet \"Verify\"). If a word of a page differs, so does its code.".to_owned(),
        ],
    }
}

pub(super) fn steps(flow: &mut Flow, c: &Context<'_>) {
    let words = c.words;
    for (i, step) in five(c).iter().enumerate() {
        flow.item(&format!("{}.", i + 1), BODY, step);
    }
    flow.part(words.s("站点日志的检查点", "The checkpoint of the site's log"));
    let sign = words.s("：", ": ");
    for (name, value) in [
        (words.s("站点日志", "Site log"), c.origin.to_owned()),
        (words.s("检查点记录数", "Leaves under the checkpoint"), crate::figures::count(c.size)),
        (words.s("报告依据的记录数", "Leaves the report rests on"), crate::figures::count(c.report.request.size)),
        (words.s("根摘要", "Root"), c.root.clone()),
        (words.s("第三方见证", "Witnessed by"), witnessed(c)),
    ] {
        flow.words(BODY, &format!("{name}{sign}{value}"));
    }
}

fn witnessed(c: &Context<'_>) -> String {
    if c.witnesses.is_empty() {
        return c
            .words
            .s("出具时检查点没有第三方见证签名", "no signature of a witness was on the checkpoint when this was issued")
            .to_owned();
    }
    c.witnesses.join(c.words.s("、", ", "))
}

/// Where people sign and stamp: a box for each side.
pub(super) fn signatures(flow: &mut Flow, c: &Context<'_>) {
    let words = c.words;
    flow.words(
        BODY,
        words.s(
            "签字盖章仅表示收到本报告并核对过其页码与校验码，不代表验收意见；验收意见由专家另行出具。",
            "A signature or seal says that this report was received and its pages and codes compared. It is no opinion on acceptance; that is the experts' own document.",
        ),
    );
    let parties = [
        words.s("企业（改造实施单位）", "Factory"),
        words.s("数字化服务商", "Service provider"),
        words.s("监理机构 / 促进中心", "Supervisor / promotion centre"),
        words.s("评测验收机构 / 专家", "Assessor / expert"),
    ];
    let (gap, height) = (14.0, 150.0);
    let width = (MEASURE - gap) / 2.0;
    let top = flow.y() + 10.0;
    for (i, party) in parties.iter().enumerate() {
        let (x, y) = (LEFT + (i % 2) as f32 * (width + gap), top + (i / 2) as f32 * (height + gap));
        debug_assert!(y + height <= BOTTOM);
        flow.put([
            Mark::Stroke(rect(x, y, width, height), INK, 0.8, None),
            text(x + 10.0, y + 19.0, Align::Left, CELL.bold().ink(INK), party),
            text(x + width - 12.0, y + 60.0, Align::Right, NOTE, words.s("（盖章处）", "(seal)")),
        ]);
        for (row, label) in [words.s("签字", "Signature"), words.s("日期", "Date")].iter().enumerate() {
            let base = y + height - 42.0 + row as f32 * 24.0;
            flow.put([
                text(x + 10.0, base, Align::Left, CELL.ink(LABEL), label),
                crate::paper::line((x + 62.0, base + 2.0), (x + width - 14.0, base + 2.0), RULE, 0.6),
            ]);
        }
    }
    flow.gap(2.0 * (height + gap) + 10.0);
    flow.words(NOTE, &format!("{} {} · SHA-256 {}", words.s("报告编号", "No."), c.number(), c.digest));
    flow.words(BODY.bold().ink(INK), &format!("{}{}", c.notice(), words.s("。", ".")));
}
