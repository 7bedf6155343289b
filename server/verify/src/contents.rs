//! Step 4: every content is the one its leaf names, and decodes. Declarations also say which gateway holds which key.

use std::collections::BTreeMap;

use protocol::{Content, Declaration, LeafBody, PublicKey, sha256};

use crate::{Finding, archive::Archive};

/// What the declarations say of gateways and the site.
#[derive(Default)]
pub(crate) struct Enrolled {
    /// Gateway → (leaf index, key), in order of the log.
    pub(crate) keys: BTreeMap<String, Vec<(u64, PublicKey)>>,
    /// The site was created as simulated.
    pub(crate) simulated: bool,
}

pub(crate) fn check(archive: &Archive, findings: &mut Vec<Finding>) -> Option<Enrolled> {
    let mut enrolled = Enrolled::default();
    let (mut present, mut readings, mut missing) = (0_u64, 0_u64, 0_u64);
    for (index, leaf) in archive.leaves.iter().enumerate() {
        let place = format!("leaf {index}");
        let Some(digest) = leaf.content_digest() else { continue };
        let path = format!("contents/{digest}");
        let Some(bytes) = archive.files.get(&path) else {
            // A declaration moves numbers: one that is withheld could hide what it moved.
            if let LeafBody::Declaration { kind, .. } = &leaf.body {
                let zh = format!("填报（{kind}）的内容缺失：{path}");
                findings.push(Finding::refused(
                    "content",
                    place,
                    zh,
                    format!("the content of this {kind} declaration is missing: {path}"),
                ));
            } else {
                missing += 1;
            }
            continue;
        };
        if sha256(bytes) != digest {
            let zh = format!("内容已被改动：与站点日志条目的摘要不符（{path}）");
            let en = format!("the content was altered: it is not the one the leaf names ({path})");
            findings.push(Finding::refused("content", content_place(index, leaf), zh, en));
            continue;
        }
        present += 1;
        match &leaf.body {
            LeafBody::Record { header, .. } => match Content::decode(header.kind, bytes) {
                Ok(Content::Batch(batch)) if batch.len() as u64 != u64::from(header.readings) => {
                    let en = format!("{} readings where the header says {}", batch.len(), header.readings);
                    findings.push(Finding::refused("content", place, format!("读数数量不符：{en}"), en));
                }
                Ok(Content::Batch(_)) => readings += u64::from(header.readings),
                Ok(_) => {}
                Err(e) => findings.push(Finding::refused(
                    "content",
                    place,
                    format!("内容无法解析（{e}）"),
                    format!("does not decode ({e})"),
                )),
            },
            LeafBody::Declaration { kind, .. } => match Declaration::decode(bytes) {
                Ok(declaration) if declaration.kind == *kind => {
                    note_declaration(index, &declaration, &mut enrolled, findings)
                }
                Ok(declaration) => {
                    let en = format!("the leaf says {kind}, the declaration {}", declaration.kind);
                    findings.push(Finding::refused("declaration", place, format!("填报种类不符：{en}"), en));
                }
                Err(e) => {
                    findings.push(Finding::refused(
                        "declaration",
                        place,
                        format!("填报无法读取（{e}）"),
                        format!("cannot be read ({e})"),
                    ));
                }
            },
            LeafBody::Epoch { .. } | LeafBody::Quarantine { .. } => {}
        }
    }
    let zh = format!("内容 {present} 份与站点日志一致，含 {readings} 条读数");
    findings.push(Finding::ok(
        "content",
        zh,
        format!("{present} contents are those the log names, with {readings} readings"),
    ));
    if missing > 0 {
        let zh = format!("{missing} 份网关记录的内容未随包提供：相关数值只能由服务器陈述，不能复算");
        let en = format!(
            "the contents of {missing} records are not in the bundle: what rests on them is stated by the server, not recomputable"
        );
        findings.push(Finding::note("content", "contents", zh, en));
    }
    Some(enrolled)
}

/// Where an altered content stands, in words a person can find again.
fn content_place(index: usize, leaf: &protocol::Leaf) -> String {
    match &leaf.body {
        LeafBody::Record { header, .. } | LeafBody::Quarantine { header, .. } => {
            format!("leaf {index}: record {} of gateway {}", header.sequence, header.gateway)
        }
        LeafBody::Declaration { kind, .. } => format!("leaf {index}: declaration {kind}"),
        LeafBody::Epoch { .. } => format!("leaf {index}"),
    }
}

fn note_declaration(index: usize, declaration: &Declaration, enrolled: &mut Enrolled, findings: &mut Vec<Finding>) {
    let text = |name: &str| declaration.body.get(name).and_then(|v| v.as_str());
    match declaration.kind.as_str() {
        "gateway_enrolled" => match (text("gateway"), text("key").map(PublicKey::from_hex)) {
            (Some(gateway), Some(Ok(key))) => {
                enrolled.keys.entry(gateway.to_owned()).or_default().push((index as u64, key));
            }
            _ => {
                let en = "the enrolment names no usable key";
                findings.push(Finding::refused("gateway", format!("leaf {index}"), "网关入网条目没有可用的密钥", en));
            }
        },
        "site" => {
            let simulated = declaration.body.get("simulated").and_then(serde_json::Value::as_bool);
            enrolled.simulated |= simulated == Some(true);
        }
        _ => {}
    }
}
