//! From a parsed profile to a [`Profile`]: the keys of the format, each checked where it stands.

use std::collections::HashSet;

use super::fingerprint::{Expect, Fingerprint};
use super::golden::{self, Golden};
use super::{Multiply, Profile, ProfileTag, Protocol, Ratio, Source, TAGS_MAX};
use crate::config::document::Section;
use crate::config::problem::nearest;
use crate::config::profiles::{default_keys, read_profile_defaults};
use crate::config::tags::{self, Defaults};
use crate::locale::{Words, words};
use crate::source::modbus::decode::Order;

/// Keys of a `[[tag]]` of a profile beside those of `[[device.tag]]`.
const TAG_KEYS: [&str; 4] = ["optional", "group", "obis", "ratio"];

pub(super) fn profile(root: &Section<'_, '_>, stem: &str, text: &str) -> Option<Profile> {
    let id = root.required_string("id", "\"maker-model\"");
    if let Some(id) = &id {
        check_id(root, &id.value, id.line, stem);
    }
    if !root.has("version") {
        root.missing("version", "1");
    }
    let version = root.integer("version", 1..=1_000_000);
    let title = both(root, "title_zh", "title_en", true);
    let note = both(root, "note_zh", "note_en", false);
    if !root.has("protocol") {
        root.missing("protocol", "\"modbus\"");
    }
    let protocol = root.choice("protocol", &Protocol::NAMES).map(|p| p.value);
    let sources = sources(root);
    let ratio = root.table("ratio").map(|section| {
        let ratio =
            Ratio { primary: section.boolean("primary", false), note: both(&section, "note_zh", "note_en", true) };
        section.finish();
        ratio
    });
    let tag_sections = root.tables("tag", "[[tag]]");
    let fingerprint_sections = root.tables("fingerprint", "[[fingerprint]]");
    let golden_sections = root.tables("golden", "[[golden]]");
    let defaults_section = root.table("defaults");
    let (id, version, protocol) = (id?.value, version?.value, protocol?);
    let mut defaults =
        Defaults { interval_ms: 1_000, byte_order: Order::Big, word_order: Order::Big, family: protocol.family() };
    let mut written = Vec::new();
    if let Some(section) = &defaults_section {
        read_profile_defaults(section, protocol, &mut defaults);
        default_keys(protocol).for_each(|key| {
            section.has(key);
        });
        section.finish();
        written = section.plain_values().into_iter().map(|(key, value)| (key, value.value)).collect();
    }
    let tags = read_tags(root, tag_sections, &defaults);
    let fingerprints = fingerprint_sections.into_iter().filter_map(|s| read_fingerprint(&s, &tags, protocol)).collect();
    let golden = golden_sections.into_iter().filter_map(|s| read_golden(&s, &tags, protocol)).collect();
    let label = format!("{id}@{version} sha256:{:.16}", protocol::sha256(text.as_bytes()).to_string());
    Some(Profile {
        id,
        version,
        title,
        note,
        protocol,
        sources,
        defaults: written,
        ratio,
        tags,
        fingerprints,
        golden,
        label,
    })
}

fn check_id(root: &Section<'_, '_>, id: &str, line: usize, stem: &str) {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if id.is_empty() || id.len() > 48 || !id.chars().all(plain) || id.starts_with('-') {
        root.collector().error(
            Some(line),
            words!("`{id}` 不能作档案名", "`{id}` is not a name for a profile"),
            words!(
                "用 1 到 48 个小写字母、数字或 `-`，例如 `maker-model`",
                "use 1 to 48 of a-z, 0-9 and `-`, such as `maker-model`"
            ),
        );
    } else if id != stem {
        root.collector().error(
            Some(line),
            words!("`id = \"{id}\"` 与文件名 `{stem}` 不同", "`id = \"{id}\"` differs from the file's name `{stem}`"),
            words!("两者要一致：改文件名或改 `id`", "they must agree: rename the file or change `id`"),
        );
    }
}

/// A text in both languages; one of two is a mistake.
fn both(section: &Section<'_, '_>, zh: &'static str, en: &'static str, required: bool) -> Words {
    for key in [zh, en] {
        if !section.has(key) && (required || section.has(zh) || section.has(en)) {
            section.missing(key, "\"…\"");
        }
    }
    let text = |key| section.string(key).map(|t| t.value).unwrap_or_default();
    Words::new(text(zh), text(en))
}

fn sources(root: &Section<'_, '_>) -> Vec<Source> {
    let sections = root.tables("source", "[[source]]");
    if sections.is_empty() {
        root.collector().error(
            None,
            words!("档案没有写出处", "the profile names no source"),
            words!(
                "请加上 `[[source]]`：说明书的 `title`、`edition`、`date`，以及是否核对过（`verified`）",
                "add `[[source]]` with the manual's `title`, `edition`, `date` and whether it was checked (`verified`)"
            ),
        );
    }
    let mut list = Vec::new();
    for section in sections {
        let text = |key| section.string(key).map(|t| t.value).unwrap_or_default();
        let title = section.required_string("title", "\"…\"").map(|t| t.value).unwrap_or_default();
        let date = section.required_string("date", "\"2026-11-28\"").map(|t| t.value).unwrap_or_default();
        let source = Source {
            title,
            edition: text("edition"),
            url: text("url"),
            date,
            verified: section.boolean("verified", false),
            note: both(&section, "note_zh", "note_en", false),
        };
        if !source.verified && source.note.en.is_empty() {
            section.missing("note_zh", "\"取自公开的表，没有读到厂家说明书\"");
            section.missing("note_en", "\"from an open table; the maker's manual was not at hand\"");
        }
        section.finish();
        list.push(source);
    }
    list
}

fn read_tags(root: &Section<'_, '_>, sections: Vec<Section<'_, '_>>, defaults: &Defaults) -> Vec<ProfileTag> {
    let n = sections.len();
    if n > TAGS_MAX {
        root.collector().error(
            None,
            words!("数据点太多：{n} 个，上限 {TAGS_MAX} 个", "too many tags: {n}, the limit is {TAGS_MAX}"),
            words!("请分成几个档案", "use more than one profile"),
        );
        return Vec::new();
    }
    let mut names = HashSet::new();
    let mut list = Vec::new();
    for mut section in sections {
        TAG_KEYS.iter().for_each(|key| {
            section.has(key);
        });
        let text = |key| section.string(key).map(|t| t.value).unwrap_or_default();
        let (group, obis) = (text("group"), text("obis"));
        let optional = section.boolean("optional", false);
        let ratio = section.choice("ratio", &Multiply::NAMES).map(|r| r.value);
        let note = both(&section, "note_zh", "note_en", false);
        let tag = tags::read(&mut section, "profile", defaults);
        section.finish();
        let Some(tag) = tag else { continue };
        if !names.insert(tag.id.clone()) {
            let name = tag.name();
            section.collector().error(
                section.line(),
                words!("数据点 `{name}` 重复了", "the tag `{name}` is described twice"),
                words!("请改成别的名字或删掉一个", "rename or remove one of them"),
            );
        }
        list.push(ProfileTag { tag, optional, group, obis, ratio, note });
    }
    list
}

/// A tag of the profile that a fingerprint or a golden frame names.
fn known_tag<'a>(section: &Section<'_, '_>, tags: &'a [ProfileTag], name: &str, line: usize) -> Option<&'a ProfileTag> {
    let found = tags.iter().find(|t| t.tag.name() == name);
    if found.is_none() {
        let hint = match nearest(name, tags.iter().map(|t| t.tag.name())) {
            Some(guess) => words!("是不是 `{guess}`？", "did you mean `{guess}`?"),
            None => words!("写一个 `[[tag]]` 的名字", "write the name of a `[[tag]]`"),
        };
        section.collector().error(
            Some(line),
            words!("档案里没有数据点 `{name}`", "the profile has no tag `{name}`"),
            hint,
        );
    }
    found
}

fn read_fingerprint(section: &Section<'_, '_>, tags: &[ProfileTag], protocol: Protocol) -> Option<Fingerprint> {
    let namespace = section.string("namespace");
    let tag = section.string("tag");
    let number = |key: &'static str| section.numeral(key).and_then(|n| n.value.parse::<f64>().ok());
    let (min, max) = (number("min"), number("max"));
    let equals = section.numeral("equals").map(|e| e.value);
    let starts_with = section.string("starts_with").map(|s| s.value);
    section.finish();
    let wrong = |what: Words| {
        section.collector().error(
            section.line(),
            what,
            words!(
                "Modbus 写 `tag` 加 `equals`、`starts_with` 或 `min` 和 `max`；OPC UA 写 `namespace`",
                "Modbus: `tag` with `equals`, `starts_with` or `min` and `max`; OPC UA: `namespace`"
            ),
        );
    };
    match (protocol, namespace, tag) {
        (Protocol::OpcUa, Some(uri), None) => Some(Fingerprint::Namespace(uri.value)),
        (Protocol::Modbus, None, Some(tag)) => {
            known_tag(section, tags, &tag.value, tag.line)?;
            let expect = match (equals, starts_with, min, max) {
                (Some(value), None, None, None) => Expect::Equals(value),
                (None, Some(text), None, None) => Expect::StartsWith(text),
                (None, None, Some(min), Some(max)) if min <= max => Expect::Between { min, max },
                _ => {
                    wrong(words!("特征没有写清期望的值", "the fingerprint does not say what it expects"));
                    return None;
                }
            };
            Some(Fingerprint::Tag { name: tag.value, expect })
        }
        _ => {
            wrong(words!("特征与档案的协议不符", "the fingerprint does not fit the profile's protocol"));
            None
        }
    }
}

fn read_golden(section: &Section<'_, '_>, tags: &[ProfileTag], protocol: Protocol) -> Option<Golden> {
    let request = section.required_string("request", "\"01 04 00 00 00 02 71 CB\"");
    let answer = section.required_string("answer", "\"01 04 04 43 66 33 34 1B 38\"");
    let origin = section.required_string("origin", "\"example of the manual, page 12\"");
    let expect = section.table("expect");
    section.finish();
    let expect = match expect {
        Some(expect) => expect.plain_values(),
        None => {
            section.missing("expect", "{ voltage_l1 = 230.2 }");
            return None;
        }
    };
    if protocol == Protocol::OpcUa {
        section.collector().error(
            section.line(),
            words!("OPC UA 档案没有 `[[golden]]`", "an OPC UA profile has no `[[golden]]`"),
            words!("请删掉这一节", "remove this section"),
        );
        return None;
    }
    let mut golden = Golden { origin: origin?.value, ..Golden::parse(section, protocol, &request?, &answer?)? };
    for (name, value) in expect {
        let tag = known_tag(section, tags, &name, value.line)?;
        if let Err(why) = golden::check(&golden, &tag.tag, &value.value) {
            section.collector().error(
                Some(value.line),
                why,
                words!(
                    "核对地址、类型、字节序和期望值",
                    "compare address, type, orders and the expected value with the manual"
                ),
            );
        }
        golden.expect.push((name, value.value));
    }
    Some(golden)
}
