//! `gongzheng-agent profiles`: the device profiles that are part of this program.
//!
//! Constraints: needs no configuration file; prints what the profile's file says and nothing else, sources included, so that whoever
//! installs a meter can check a table against the manual in his hand.

mod markdown;

use std::fmt::Write as _;

use clap::Args;

use super::Told;
use crate::config::device::{Place, Tag};
use crate::config::profiles::closest;
use crate::config::scale::Scale;
use crate::locale::{Lang, Words, words};
use crate::profile::fingerprint::Fingerprint;
use crate::profile::{self, Multiply, Profile, ProfileTag, Protocol, Source, builtin, find};
use crate::source::modbus::decode::Kind;

/// Options of `profiles`.
#[derive(Debug, Args)]
pub struct Options {
    /// 档案名；不写则列出全部 / a profile; without it, all are listed
    pub id: Option<String>,
    /// 原样打印档案文件，可改成自己的档案 / print the file, to make a profile of one's own from it
    #[arg(long, requires = "id")]
    pub toml: bool,
    /// 打印参考页 docs/reference/devices.md / print the reference page
    #[arg(long, conflicts_with = "id")]
    pub markdown: bool,
}

/// The answer, for stdout.
///
/// # Errors
/// When there is no such profile.
pub fn report(options: &Options, lang: Lang) -> anyhow::Result<String> {
    let Some(id) = &options.id else {
        let profiles = profile::all()?;
        return Ok(if options.markdown { markdown::page(&profiles) } else { list(&profiles, lang) });
    };
    let Some(text) = find(id) else { return Err(Told(unknown(id)).into()) };
    if options.toml {
        return Ok(text.to_owned());
    }
    Ok(describe(&Profile::parse(text, &builtin::file(id))?, lang))
}

fn unknown(id: &str) -> Words {
    let shown: String = id.chars().take(60).collect();
    match closest(&shown) {
        Some(guess) => words!(
            "没有设备档案 `{shown}`。是不是 `{guess}`？`gongzheng-agent profiles` 列出全部",
            "there is no device profile `{shown}`. Did you mean `{guess}`? `gongzheng-agent profiles` lists them all"
        ),
        None => words!(
            "没有设备档案 `{shown}`。`gongzheng-agent profiles` 列出全部",
            "there is no device profile `{shown}`. `gongzheng-agent profiles` lists them all"
        ),
    }
}

fn list(profiles: &[Profile], lang: Lang) -> String {
    let mut out = String::new();
    for profile in profiles {
        let (id, title, protocol) = (&profile.id, profile.title.get(lang), profile.protocol.name());
        let tags = profile.tags.len();
        let _ = match lang {
            Lang::Zh => writeln!(out, "{id:<28} {protocol:<7} {tags:>3} 个数据点  {title}"),
            Lang::En => writeln!(out, "{id:<28} {protocol:<7} {tags:>3} tags  {title}"),
        };
    }
    out
}

fn describe(profile: &Profile, lang: Lang) -> String {
    let mut out = String::new();
    let _ = writeln!(out, "{}\n{}", profile.title.get(lang), profile.label);
    for text in [&profile.note].into_iter().chain(profile.ratio.as_ref().map(|r| &r.note)) {
        if !text.get(lang).is_empty() {
            let _ = writeln!(out, "{}", text.get(lang));
        }
    }
    if !profile.defaults.is_empty() {
        let settings: Vec<String> = profile.defaults.iter().map(|(key, value)| format!("{key} = {value}")).collect();
        let _ = writeln!(out, "{}{}", lang.pick("默认设置：", "settings: "), settings.join(", "));
    }
    let _ = writeln!(out, "\n{}\n{}", lang.pick("用法：", "use:"), example(profile));
    for tag in &profile.tags {
        let (name, place, meaning) = (tag.tag.name(), place(&tag.tag.place), meaning(&tag.tag));
        let _ = writeln!(out, "{name:<26} {place:<34} {meaning:<18} {}", remarks(tag).get(lang));
    }
    if !profile.fingerprints.is_empty() {
        let _ = writeln!(out, "\n{}", lang.pick("识别特征：", "recognised by:"));
        for fingerprint in &profile.fingerprints {
            let _ = writeln!(out, "  {}", sign(fingerprint));
        }
    }
    let _ = writeln!(out, "\n{}", lang.pick("出处：", "sources:"));
    for source in &profile.sources {
        let _ = writeln!(out, "  {}", cited(source).get(lang));
    }
    out
}

/// What stands in a configuration that uses the profile.
fn example(profile: &Profile) -> String {
    let id = &profile.id;
    let ct = profile.tags.iter().any(|t| t.ratio.is_some_and(Multiply::by_ct));
    let place = match profile.protocol {
        Protocol::OpcUa => "endpoint = \"opc.tcp://192.168.1.20:4840\"",
        Protocol::Dlt645 => "port = \"/dev/ttyUSB0\"\nmeter = \"000012345678\"",
        // A device with serial settings hangs on a serial line.
        Protocol::Modbus if profile.defaults.iter().any(|(key, _)| key == "baud") => {
            "port = \"/dev/ttyUSB0\"\nunit = 1"
        }
        Protocol::Modbus => "address = \"192.168.1.10:502\"",
    };
    let ratio = if ct { "\nct_ratio = 40" } else { "" };
    format!("[[device]]\nname = \"device-1\"\nprofile = \"{id}\"\n{place}{ratio}\n")
}

/// Where a tag is: `input 72 (0x0048) f32`, with the register that moves its decimal point, or the node.
fn place(place: &Place) -> String {
    match place {
        Place::Modbus { area, address, count, encoding } => {
            let kind = encoding.kind.name();
            let detail = match encoding.kind {
                Kind::Bit if !area.is_bits() => format!("{kind} {}", encoding.bit),
                Kind::Text => format!("{kind}[{count}]"),
                _ => kind.to_owned(),
            };
            let (at, scale) = match encoding.scale {
                Some(scale) => (address + scale.value_at, format!(" × 10^({})", address + scale.at)),
                None => (*address, String::new()),
            };
            format!("{} {at} (0x{at:04X}) {detail}{scale}", area.name())
        }
        Place::OpcUa { node, kind, .. } => format!("{node} {}", kind.name()),
        Place::Dlt645 { di, bytes, kind } => format!("{di} {}[{bytes}]", kind.name()),
    }
}

/// Unit, factor and role: `× 1/100 kWh energy`.
fn meaning(tag: &Tag) -> String {
    let scale = if tag.scale == Scale::default() { String::new() } else { format!("× {}", tag.scale) };
    let role = if tag.role.0 == "other" { "" } else { tag.role.0 };
    let words: Vec<&str> = [scale.as_str(), &tag.unit, role].into_iter().filter(|word| !word.is_empty()).collect();
    words.join(" ")
}

/// What else is to be known about a tag.
fn remarks(tag: &ProfileTag) -> Words {
    let mut list = Vec::new();
    if tag.optional {
        list.push(Words::new("可选", "optional"));
    }
    if !tag.group.is_empty() {
        list.push(Words::new(&tag.group, &tag.group));
    }
    match tag.ratio {
        Some(Multiply::Ct) => list.push(Words::new("× 电流变比", "× CT ratio")),
        Some(Multiply::Pt) => list.push(Words::new("× 电压变比", "× PT ratio")),
        Some(Multiply::CtPt) => list.push(Words::new("× 电流变比 × 电压变比", "× CT ratio × PT ratio")),
        None => {}
    }
    if !tag.obis.is_empty() {
        let obis = format!("OBIS {}", tag.obis);
        list.push(Words::new(&obis, &obis));
    }
    if !tag.note.en.is_empty() {
        list.push(tag.note.clone());
    }
    let joined = |text: fn(&Words) -> &str, between| list.iter().map(text).collect::<Vec<_>>().join(between);
    Words::new(joined(|w| &w.zh, "；"), joined(|w| &w.en, "; "))
}

fn sign(fingerprint: &Fingerprint) -> String {
    match fingerprint {
        Fingerprint::Tag { name, expect } => format!("{name} {expect}"),
        Fingerprint::Namespace(uri) => uri.clone(),
    }
}

/// A source with what was checked against it.
fn cited(source: &Source) -> Words {
    let Source { title, edition, url, date, verified, note } = source;
    let parts: Vec<&str> =
        [title, edition, url, date].into_iter().map(String::as_str).filter(|part| !part.is_empty()).collect();
    let parts = parts.join(", ");
    let (zh, en) = if *verified {
        ("已对照说明书", "checked against the manual")
    } else {
        ("未全部对照厂家说明书", "not wholly checked against the maker's manual")
    };
    let (note_zh, note_en) = (&note.zh, &note.en);
    let text = words!("{parts}（{zh}）{note_zh}", "{parts} ({en}) {note_en}");
    Words::new(text.zh.trim_end(), text.en.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::BUILTIN;

    fn options(id: &str, toml: bool) -> Options {
        Options { id: Some(id.to_owned()), toml, markdown: false }
    }

    #[test]
    fn a_profile_is_listed_and_shown_with_its_sources_in_both_languages() {
        let every = Options { id: None, toml: false, markdown: false };
        for (lang, word) in [(Lang::Zh, "三相电能表"), (Lang::En, "three-phase energy meter")] {
            let list = report(&every, lang).unwrap();
            assert_eq!(list.lines().count(), BUILTIN.len());
            assert!(list.lines().any(|l| l.starts_with("eastron-sdm630 ") && l.contains(word)), "{list}");
            let shown = report(&options("eastron-sdm630", false), lang).unwrap();
            for part in ["profile = \"eastron-sdm630\"", "input 0 (0x0000) f32", "User Manual", "2026-"] {
                assert!(shown.contains(part), "missing {part} in:\n{shown}");
            }
        }
    }

    #[test]
    fn the_file_is_printed_as_it_is() {
        assert_eq!(report(&options("eastron-sdm630", true), Lang::En).unwrap(), find("eastron-sdm630").unwrap());
    }

    #[test]
    fn an_unknown_profile_is_answered_with_the_nearest_one_in_both_languages() {
        let error = report(&options("eastron-smd630", false), Lang::En).unwrap_err();
        let Told(words) = error.downcast_ref::<Told>().unwrap();
        assert!(words.zh.contains("没有设备档案 `eastron-smd630`。是不是 `eastron-sdm630`？"), "{}", words.zh);
        assert!(words.en.contains("Did you mean `eastron-sdm630`?"), "{}", words.en);
    }
}
