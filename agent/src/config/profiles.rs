//! `profile` and `profile_file` in `[[device]]`: a device described by a profile, read over the profile's document.
//!
//! Constraints: the profile is checked by itself first, so that its mistakes carry its own file and lines; what the user writes
//! wins key by key, in `[[device]]` and in a `[[device.tag]]` of the same name; nothing of a profile is read that the user did not
//! ask for, by not choosing or by `tags`.

#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::collections::HashMap;
use std::io::Read as _;
use std::path::Path;

use super::device::Tag;
use super::devices;
use super::document::{Located, Section};
use super::problem::nearest;
use super::scale::Scale;
use super::tags::{self, Defaults};
use crate::locale::words;
use crate::profile::{self, BUILTIN, FILE_BYTES_MAX, Multiply, Profile, Protocol, find};

/// Keys of `[[device]]` that only mean something with a profile.
pub(super) const PROFILE_KEYS: [&str; 3] = ["tags", "ct_ratio", "pt_ratio"];

/// The text of a profile and the name its problems carry.
pub(super) struct Written {
    pub(super) text: Cow<'static, str>,
    pub(super) file: String,
}

/// A profile's text could not be had; the reason is reported.
pub(super) struct Refused;

/// The text of the profile this device names, if it names one.
pub(super) fn written(section: &Section<'_, '_>, folder: &Path) -> Result<Option<Written>, Refused> {
    let (named, own) = (section.string("profile"), section.string("profile_file"));
    match (named, own) {
        (None, None) if section.has("profile") || section.has("profile_file") => Err(Refused),
        (None, None) => Ok(None),
        (Some(named), None) => builtin(section, &named).map(Some).ok_or(Refused),
        (None, Some(own)) => own_file(section, &own, folder).map(Some).ok_or(Refused),
        (Some(_), Some(own)) => {
            section.collector().error(
                Some(own.line),
                words!("`profile` 和 `profile_file` 只能写一个", "`profile` and `profile_file` exclude each other"),
                words!("删掉其中一行", "remove one of the lines"),
            );
            Err(Refused)
        }
    }
}

fn builtin(section: &Section<'_, '_>, named: &Located<String>) -> Option<Written> {
    let id = &named.value;
    if let Some(text) = find(id) {
        return Some(Written { text: text.into(), file: profile::builtin::file(id) });
    }
    let shown: String = id.chars().take(60).collect();
    let hint = match closest(&shown) {
        Some(guess) => words!(
            "是不是 `{guess}`？`gongzheng-agent profiles` 列出全部",
            "did you mean `{guess}`? `gongzheng-agent profiles` lists them all"
        ),
        None => words!(
            "`gongzheng-agent profiles` 列出全部；自己写的档案用 `profile_file`",
            "`gongzheng-agent profiles` lists them all; a profile of your own is named with `profile_file`"
        ),
    };
    section.collector().error(
        Some(named.line),
        words!("没有设备档案 `{shown}`", "there is no device profile `{shown}`"),
        hint,
    );
    None
}

/// The profile that was probably meant: a slip of the pen, or the model without its maker.
pub(crate) fn closest(typed: &str) -> Option<&'static str> {
    // `nearest` reads `-` as `_`, as keys have it.
    let names: Vec<String> = BUILTIN.iter().map(|(id, _)| id.replace('-', "_")).collect();
    let slip = nearest(typed, names.iter().map(String::as_str));
    let by_slip = slip.and_then(|slip| names.iter().position(|name| name == slip));
    let plain = typed.to_ascii_lowercase();
    let part = || BUILTIN.iter().position(|(id, _)| plain.len() >= 3 && id.contains(&plain));
    by_slip.or_else(part).and_then(|index| BUILTIN.get(index)).map(|(id, _)| *id)
}

fn own_file(section: &Section<'_, '_>, own: &Located<String>, folder: &Path) -> Option<Written> {
    let path = folder.join(&own.value);
    let refuse = |reason: String| -> Option<Written> {
        let file = path.display();
        section.collector().error(
            Some(own.line),
            words!("读不了设备档案 {file}：{reason}", "cannot read the device profile {file}: {reason}"),
            words!(
                "路径从配置文件所在的文件夹算起；检查文件名和权限",
                "the path starts at the folder of the configuration file; check name and permissions"
            ),
        );
        None
    };
    // Only a plain file is opened: a pipe would hold the start for ever.
    let plain = std::fs::metadata(&path).map(|m| m.is_file());
    match plain {
        Ok(true) => {}
        Ok(false) => return refuse("not a file".to_owned()),
        Err(e) => return refuse(e.to_string()),
    }
    let mut text = String::new();
    match std::fs::File::open(&path).and_then(|file| file.take(FILE_BYTES_MAX + 1).read_to_string(&mut text)) {
        Ok(bytes) if bytes as u64 <= FILE_BYTES_MAX => {}
        Ok(_) => return refuse(format!("> {FILE_BYTES_MAX} bytes")),
        Err(e) => return refuse(e.to_string()),
    }
    Some(Written { text: text.into(), file: path.display().to_string() })
}

/// A checked profile together with the sections its tags were read from.
pub(super) struct Expansion<'c, 't> {
    pub(super) profile: Profile,
    /// `[[tag]]`, in the order of [`Profile::tags`].
    pub(super) sections: Vec<Section<'c, 't>>,
}

/// The tags of a device: those of the profile that are wanted, each under what the user wrote about it, then the user's own.
/// `None` when one of them is not right.
pub(super) fn tags<'c, 't>(
    section: &Section<'c, 't>,
    own: Vec<Section<'c, 't>>,
    expansion: Option<Expansion<'c, 't>>,
    device: &str,
    defaults: &Defaults,
) -> Option<Vec<Tag>> {
    let mut whole = true;
    let mut list = Vec::new();
    let mut push = |tag: Option<Tag>| match tag {
        Some(tag) => list.push(tag),
        None => whole = false,
    };
    let mut own: Vec<Option<Section<'c, 't>>> = own.into_iter().map(Some).collect();
    if let Some(Expansion { profile, sections }) = expansion {
        let (wanted, ratios) = (wanted(section, &profile), ratios(section, &profile));
        let (Some(wanted), Some((ct, pt))) = (wanted, ratios) else { return None };
        let mut mentioned: HashMap<String, usize> = HashMap::new();
        for (index, tag_section) in own.iter().enumerate() {
            if let Some(name) = tag_section.as_ref().and_then(|s| s.text_quietly("name")) {
                mentioned.entry(name).or_insert(index);
            }
        }
        for (known, below) in profile.tags.iter().zip(sections) {
            let name = known.tag.name();
            let over = mentioned.get(name).and_then(|index| own.get_mut(*index)).and_then(Option::take);
            let is_wanted = if wanted.is_empty() { !known.optional } else { wanted.iter().any(|w| w == name) };
            let (mut tag_section, is_own) = match over {
                Some(over) => (over.over(&below), true),
                None if is_wanted => (below, false),
                None => continue,
            };
            let scale_is_own = is_own && tag_section.is_written("scale");
            let tag = tags::read(&mut tag_section, device, defaults);
            if is_own {
                tag_section.finish();
            }
            push(tag.and_then(|mut tag| {
                if !is_own {
                    // A message about it can only point to the device: the user's file has no other line of it.
                    tag.line = section.line().unwrap_or(1);
                }
                if let Some(multiply) = known.ratio.filter(|_| !scale_is_own) {
                    let before = tag.scale;
                    tag.scale = multiplied(section, &tag, multiply, ct, pt)?;
                    if let Some(on_change) = &mut tag.on_change {
                        // The dead band is written in the tag's own unit, so it too is behind the transformers.
                        on_change.deadband = tag.scale.to_raw(before.apply_for_display(on_change.deadband));
                    }
                }
                Some(tag)
            }));
        }
    }
    for mut tag_section in own.into_iter().flatten() {
        let tag = tags::read(&mut tag_section, device, defaults);
        tag_section.finish();
        push(tag);
    }
    whole.then_some(list)
}

/// The names of `tags = [...]`, each known to the profile; empty when nothing was chosen.
fn wanted(section: &Section<'_, '_>, profile: &Profile) -> Option<Vec<String>> {
    let Some(chosen) = section.strings("tags") else {
        return (!section.has("tags")).then(Vec::new);
    };
    let mut whole = true;
    for name in chosen.value.iter().filter(|name| profile.tag(name).is_none()) {
        let shown: String = name.chars().take(60).collect();
        let id = &profile.id;
        let hint = match nearest(&shown, profile.tags.iter().map(|t| t.tag.name())) {
            Some(guess) => words!("是不是 `{guess}`？", "did you mean `{guess}`?"),
            None => words!(
                "`gongzheng-agent profiles {id}` 列出它的数据点",
                "`gongzheng-agent profiles {id}` lists its tags"
            ),
        };
        section.collector().error(
            Some(chosen.line),
            words!("档案 `{id}` 没有数据点 `{shown}`", "the profile `{id}` has no tag `{shown}`"),
            hint,
        );
        whole = false;
    }
    whole.then_some(chosen.value)
}

/// The ratios of the transformers before the device, 1 when not written.
fn ratios(section: &Section<'_, '_>, profile: &Profile) -> Option<(Scale, Scale)> {
    let uses = |by: fn(Multiply) -> bool| profile.tags.iter().any(|t| t.ratio.is_some_and(by));
    let read = |key: &'static str, used: bool| -> Option<Option<Scale>> {
        let Some(text) = section.numeral(key) else { return (!section.has(key)).then_some(None) };
        let (shown, id) = (&text.value, &profile.id);
        if !used {
            section.collector().error(
                Some(text.line),
                words!(
                    "档案 `{id}` 的读数不需要乘 `{key}`",
                    "the values of the profile `{id}` are not to be multiplied by `{key}`"
                ),
                words!("请删掉这一行；变比设在仪表里", "remove this line; the ratio is set in the meter"),
            );
            return None;
        }
        let scale = Scale::parse(shown).filter(|scale| scale.numerator > 0);
        if scale.is_none() {
            section.collector().error(
                Some(text.line),
                words!("`{key} = {shown}` 不是变比", "`{key} = {shown}` is not a ratio"),
                words!("例如 200/5 的互感器写 40，或 \"200/5\"", "a 200/5 transformer is 40, or \"200/5\""),
            );
        }
        scale.map(Some)
    };
    let (ct, pt) = (read("ct_ratio", uses(Multiply::by_ct)), read("pt_ratio", uses(Multiply::by_pt)));
    let (ct, pt) = (ct?, pt?);
    if let Some(ratio) = profile.ratio.as_ref().filter(|r| !r.primary)
        && ct.is_none()
        && pt.is_none()
    {
        let title = section.title();
        let note = &ratio.note;
        let (zh, en) = (&note.zh, &note.en);
        section.collector().warning(
            section.line(),
            words!("{title} 没有写互感器变比，按 1 计算", "{title} states no transformer ratio: it is taken as 1"),
            words!(
                "写 `ct_ratio = 40`（200/5）或直接接入时写 `ct_ratio = 1`。{zh}",
                "write `ct_ratio = 40` (200/5), or `ct_ratio = 1` when connected directly. {en}"
            ),
        );
    }
    Some((ct.unwrap_or_default(), pt.unwrap_or_default()))
}

fn multiplied(section: &Section<'_, '_>, tag: &Tag, multiply: Multiply, ct: Scale, pt: Scale) -> Option<Scale> {
    let one = Scale::default();
    let scale = tag
        .scale
        .times(if multiply.by_ct() { ct } else { one })
        .and_then(|scale| scale.times(if multiply.by_pt() { pt } else { one }));
    if scale.is_none() {
        let id = &tag.id;
        section.collector().error(
            section.line(),
            words!("数据点 `{id}` 乘变比后的系数太大", "the factor of `{id}` is too large with these ratios"),
            words!("检查 `ct_ratio` 和 `pt_ratio`", "check `ct_ratio` and `pt_ratio`"),
        );
    }
    scale
}

/// The keys `[defaults]` of a profile may have: those of `[[device]]` that say how a device likes to be spoken to, and none that
/// say where it is.
pub(crate) fn default_keys(protocol: Protocol) -> impl Iterator<Item = &'static str> {
    let own: &[&'static str] = match protocol {
        Protocol::Modbus => &devices::MODBUS_KEYS,
        Protocol::OpcUa => &["publishing_ms"],
        Protocol::Dlt645 => &[],
    };
    let (line, serial): (&[&'static str], &[&'static str]) = match protocol {
        Protocol::OpcUa => (&[], &[]),
        Protocol::Modbus | Protocol::Dlt645 => (&devices::LINE_KEYS, &devices::SERIAL_KEYS),
    };
    let place = ["address", "unit", "port", "meter"];
    let all = own.iter().chain(line).chain(serial).copied();
    ["timeout_ms", "interval_ms"].into_iter().chain(all).filter(move |key| !place.contains(key))
}

/// Reads `[defaults]` of a profile with the reader of `[[device]]`, for the problems it finds, and what tags inherit from it.
pub(crate) fn read_profile_defaults(section: &Section<'_, '_>, protocol: Protocol, defaults: &mut Defaults) {
    let timeout_ms = section.integer_or("timeout_ms", 10..=60_000, 1_000);
    defaults.interval_ms = section.integer_or("interval_ms", 100..=86_400_000, 1_000);
    // What only an installer knows, in place of what he would write.
    let place = match protocol {
        Protocol::Modbus => "port = \"/dev/null\"\nunit = 1",
        Protocol::OpcUa => "endpoint = \"opc.tcp://localhost\"",
        Protocol::Dlt645 => "port = \"/dev/null\"\nmeter = \"000000000001\"",
    };
    let Ok(place) = toml::de::DeTable::parse(place) else { return };
    let place = Section::root(section.collector(), place.get_ref());
    let section = section.again().over(&place);
    match protocol {
        Protocol::Modbus => {
            devices::read_modbus(&section, devices::Protocol::ModbusRtu, timeout_ms);
            (defaults.byte_order, defaults.word_order) = devices::read_orders(&section);
        }
        Protocol::OpcUa => {
            devices::read_opcua(&section);
        }
        Protocol::Dlt645 => {
            super::dlt645::read_link(&section, timeout_ms);
        }
    }
}
