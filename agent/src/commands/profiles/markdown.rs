//! The reference page `docs/reference/devices.md`, in both languages side by side.

use std::fmt::Write as _;

use super::{cited, example, meaning, place, remarks, sign};
use crate::locale::Words;
use crate::profile::Profile;

const HEAD: &str = "# Devices · 设备

Written by `gongzheng-agent profiles --markdown` from the files in [`configs/devices`](../../configs/devices); change those, not this page.
The format of a profile: [device profiles](device-profiles.md). In the configuration a profile needs a name and an address:
the line under each title. 本页由程序从 `configs/devices` 生成。配置里写设备名、档案名和地址即可，见各节的用法。

Addresses count from 0, as on the wire. 地址从 0 数，与报文一致。

";

/// The whole page.
pub(super) fn page(profiles: &[Profile]) -> String {
    let mut out = HEAD.to_owned();
    out.push_str(
        "| profile 档案 | 设备 | device | protocol 协议 | tags 数据点 | checked 已核对 |\n|---|---|---|---|---|---|\n",
    );
    for profile in profiles {
        let id = &profile.id;
        let (zh, en) = (cell(&profile.title.zh), cell(&profile.title.en));
        let checked = if profile.sources.iter().all(|s| s.verified) { "yes 是" } else { "in part 部分" };
        let (protocol, tags) = (profile.protocol.name(), profile.tags.len());
        let _ = writeln!(out, "| [`{id}`](#{id}) | {zh} | {en} | {protocol} | {tags} | {checked} |");
    }
    profiles.iter().for_each(|profile| section(&mut out, profile));
    out
}

fn section(out: &mut String, profile: &Profile) {
    let _ = writeln!(out, "\n## {}\n", profile.id);
    let _ = writeln!(out, "{}\n{} · version {}", profile.title.zh, profile.title.en, profile.version);
    for text in [&profile.note].into_iter().chain(profile.ratio.as_ref().map(|r| &r.note)) {
        if !text.en.is_empty() {
            let _ = writeln!(out, "\n{}\n{}", text.zh, text.en);
        }
    }
    let _ = writeln!(out, "\n```toml\n{}```\n", example(profile));
    if !profile.defaults.is_empty() {
        let settings: Vec<String> = profile.defaults.iter().map(|(key, value)| format!("`{key} = {value}`")).collect();
        let _ = writeln!(out, "Settings 默认设置: {}\n", settings.join(", "));
    }
    out.push_str("| tag 数据点 | place 位置 | meaning 含义 | remarks 说明 |\n|---|---|---|---|\n");
    for tag in &profile.tags {
        let (name, place, meaning) = (tag.tag.name(), cell(&place(&tag.tag.place)), cell(&meaning(&tag.tag)));
        let _ = writeln!(out, "| `{name}` | {place} | {meaning} | {} |", side_by_side(&remarks(tag)));
    }
    if !profile.fingerprints.is_empty() {
        let signs: Vec<String> = profile.fingerprints.iter().map(|f| format!("`{}`", sign(f))).collect();
        let _ = writeln!(out, "\nRecognised by 识别特征: {}", signs.join(", "));
    }
    out.push_str("\nSources 出处:\n");
    for source in &profile.sources {
        let cited = cited(source);
        let _ = writeln!(out, "- {}\n  {}", cited.zh, cited.en);
    }
}

/// Both languages in one cell, once when they are the same.
fn side_by_side(words: &Words) -> String {
    if words.zh == words.en { cell(&words.en) } else { format!("{} · {}", cell(&words.zh), cell(&words.en)) }
}

/// Text that cannot end a table's cell.
fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}
