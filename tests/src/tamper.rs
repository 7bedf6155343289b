//! What a forger with good tools would do to a bundle: change one thing, recompute every digest that follows from it — content
//! names, leaves, the tree, the checkpoint's root, the manifest, the archive's own checksums — and pack it again. What he
//! cannot do is sign with keys he does not have.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result, bail};
use protocol::bundle::{self, Files};
use protocol::content::Values;
use protocol::{Content, Declaration, Digest, Kind, Leaf, LeafBody, SecretKey, canonical_json, note, tree};

/// How far the forger goes after the change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effort {
    /// The manifest and the archive's checksums fit again; leaves and tree are as they were signed.
    Manifest,
    /// Leaves, tree, root and manifest fit again.
    Everything,
}

/// A bundle taken apart.
struct Parts {
    files: Files,
    checkpoint: note::Checkpoint,
    note: String,
    leaves: Vec<Leaf>,
}

fn open(bytes: &[u8]) -> Result<Parts> {
    let files = bundle::read(bytes)?;
    let note = String::from_utf8(files.get("checkpoint").context("no checkpoint")?.clone())?;
    let checkpoint = note::Checkpoint::read_unverified(&note)?;
    let mut leaves = Vec::new();
    for (path, _) in tree::entries_paths(checkpoint.size) {
        for leaf in tree::decode_entries(files.get(&path).with_context(|| path.clone())?)? {
            leaves.push(Leaf::decode(leaf)?);
        }
    }
    Ok(Parts { files, checkpoint, note, leaves })
}

/// Puts changed content in the place of another, under its name, and lets the manifest fit.
fn pack_under_old_name(mut parts: Parts, old: Digest, new: Vec<u8>) -> Result<Vec<u8>> {
    parts.files.insert(format!("contents/{}", old.hex()), new);
    pack(parts)
}

/// Packs again with every digest recomputed. The checkpoint's text is brought in line; its signatures stay as they were.
fn pack(mut parts: Parts) -> Result<Vec<u8>> {
    let encoded: Vec<Vec<u8>> = parts.leaves.iter().map(Leaf::encode).collect::<protocol::Result<_>>()?;
    for (n, (path, _)) in tree::entries_paths(parts.checkpoint.size).into_iter().enumerate() {
        let from = n * 256;
        let to = (from + 256).min(encoded.len());
        parts.files.insert(path, tree::encode_entries(encoded[from..to].iter().map(Vec::as_slice))?);
    }
    let hashes: Vec<Digest> = encoded.iter().map(|l| tree::leaf_hash(l)).collect();
    let root = tree::root(&hashes);
    if root != parts.checkpoint.root {
        parts.checkpoint.root = root;
        let signatures = parts.note.split_once("\n\n").map(|(_, s)| s.to_owned()).context("a note has signatures")?;
        let note = format!("{}\n{signatures}", parts.checkpoint.text());
        parts.files.insert("checkpoint".into(), note.into_bytes());
    }
    let manifest: bundle::Manifest = serde_json::from_slice(parts.files.get("manifest.json").context("no manifest")?)?;
    parts.files.remove("manifest.json");
    Ok(bundle::write(&manifest.site, &manifest.origin, parts.checkpoint.size, &parts.files)?)
}

fn replace_content(parts: &mut Parts, old: Digest, new: Vec<u8>) -> Digest {
    parts.files.remove(&format!("contents/{}", old.hex()));
    let digest = protocol::sha256(&new);
    parts.files.insert(format!("contents/{}", digest.hex()), new);
    digest
}

/// A forged bundle, and the place that a verifier must name.
#[derive(Debug)]
pub struct Forged {
    /// The archive.
    pub bytes: Vec<u8>,
    /// Where it was changed, as the verifier calls it.
    pub place: String,
}

/// One reading of one batch is changed by one.
///
/// # Errors
/// When the bundle cannot be read or holds no integer reading.
pub fn reading(bytes: &[u8], effort: Effort) -> Result<Forged> {
    let mut parts = open(bytes)?;
    for i in (0..parts.leaves.len()).rev() {
        let LeafBody::Record { header, signature, .. } = &parts.leaves[i].body else { continue };
        if header.kind != Kind::Batch {
            continue;
        }
        let (mut header, signature) = (header.clone(), *signature);
        let Some(content) = parts.files.get(&format!("contents/{}", header.content_digest.hex())) else { continue };
        let Content::Batch(mut batch) = Content::decode(Kind::Batch, content)? else { continue };
        let Some(value) = batch.columns.iter_mut().find_map(|c| match &mut c.values {
            Values::U64(values) => values.last_mut(),
            _ => None,
        }) else {
            continue;
        };
        *value += 1;
        let new = Content::Batch(batch).encode()?;
        let place = format!("leaf {i}: record {} of gateway {}", header.sequence, header.gateway);
        if effort == Effort::Manifest {
            return Ok(Forged { bytes: pack_under_old_name(parts, header.content_digest, new)?, place });
        }
        header.content_length = u32::try_from(new.len())?;
        header.content_digest = replace_content(&mut parts, header.content_digest, new);
        let header_bytes = header.encode()?;
        parts.leaves[i].body = LeafBody::Record { header, header_bytes, signature };
        return Ok(Forged { bytes: pack(parts)?, place });
    }
    bail!("the bundle holds no batch with an integer reading")
}

/// One declared number is changed: the first integer called `field` in a declaration of this kind, by a tenth.
///
/// # Errors
/// When the bundle cannot be read or holds no such declaration.
pub fn declaration(bytes: &[u8], kind: &str, field: &str, effort: Effort) -> Result<Forged> {
    let mut parts = open(bytes)?;
    for i in 0..parts.leaves.len() {
        let LeafBody::Declaration { kind: found, digest, .. } = &parts.leaves[i].body else { continue };
        if found != kind {
            continue;
        }
        let (kind, digest) = (found.clone(), *digest);
        let Some(content) = parts.files.get(&format!("contents/{}", digest.hex())) else { continue };
        let mut declaration = Declaration::decode(content)?;
        if !change(&mut declaration.body, field) {
            continue;
        }
        let new = declaration.encode()?;
        if effort == Effort::Manifest {
            let place = format!("leaf {i}: declaration {kind}");
            return Ok(Forged { bytes: pack_under_old_name(parts, digest, new)?, place });
        }
        let length = u32::try_from(new.len())?;
        let digest = replace_content(&mut parts, digest, new);
        parts.leaves[i].body = LeafBody::Declaration { kind, digest, length };
        // A declaration is signed by nobody but the log: what betrays the change is the root under the checkpoint.
        return Ok(Forged { bytes: pack(parts)?, place: "checkpoint".into() });
    }
    bail!("the bundle holds no declaration `{kind}` with a number `{field}`")
}

fn change(json: &mut serde_json::Value, field: &str) -> bool {
    match json {
        serde_json::Value::Object(members) => {
            if let Some(number) = members.get(field).and_then(serde_json::Value::as_i64) {
                members.insert(field.to_owned(), (number * 11 / 10 + 1).into());
                return true;
            }
            members.values_mut().any(|v| change(v, field))
        }
        serde_json::Value::Array(items) => items.iter_mut().any(|v| change(v, field)),
        _ => false,
    }
}

/// One line of the report is changed: the last digit of the value at `pointer` (keys and indexes) becomes another.
///
/// # Errors
/// When the bundle cannot be read or the report has no such place.
pub fn report_line(bytes: &[u8], pointer: &str) -> Result<Forged> {
    let mut parts = open(bytes)?;
    let report = parts.files.get("report.json").context("no report.json")?;
    let mut json: serde_json::Value = serde_json::from_slice(report)?;
    let place = json.pointer_mut(pointer).with_context(|| format!("report.json has no {pointer}"))?;
    *place = match &*place {
        serde_json::Value::Number(n) => (n.as_i64().context("not an integer")? + 1).into(),
        serde_json::Value::String(s) => match s.char_indices().rev().find(|(_, c)| c.is_ascii_digit()) {
            Some((at, c)) => {
                let other = if c == '9' { '8' } else { '9' };
                format!("{}{other}{}", &s[..at], &s[at + 1..]).into()
            }
            None => bail!("{pointer} holds no digit"),
        },
        other => bail!("{pointer} is {other}, not a number"),
    };
    // The verifier names a line by its definition and, around it, machine, date and shift.
    let line = json.pointer(pointer.rsplit_once('/').map_or("", |(line, _)| line)).cloned().unwrap_or_default();
    let definition = line["definition"].as_str().context("a line names its definition")?;
    let key = pointer.rsplit('/').next().unwrap_or_default();
    let place = format!("{definition} › {key} = {}", json.pointer(pointer).cloned().unwrap_or_default());
    parts.files.insert("report.json".into(), canonical_json(&json)?);
    Ok(Forged { bytes: pack(parts)?, place })
}

/// Pointers to the value of every line in the report that has one, in document order: where a line can be altered.
///
/// # Errors
/// When the bundle cannot be read.
pub fn report_values(bytes: &[u8]) -> Result<Vec<String>> {
    let files = bundle::read(bytes)?;
    let json: serde_json::Value = serde_json::from_slice(files.get("report.json").context("no report.json")?)?;
    let mut found = Vec::new();
    walk(&json, String::new(), &mut found);
    Ok(found)
}

fn walk(json: &serde_json::Value, at: String, found: &mut Vec<String>) {
    match json {
        serde_json::Value::Object(members) => members.iter().for_each(|(k, v)| walk(v, format!("{at}/{k}"), found)),
        serde_json::Value::Array(items) => {
            items.iter().enumerate().for_each(|(i, v)| walk(v, format!("{at}/{i}"), found))
        }
        serde_json::Value::String(text) => {
            let is_line = at.ends_with("/value") && at.contains("/lines/");
            if is_line && text.contains(|c: char| c.is_ascii_digit()) {
                found.push(at);
            }
        }
        _ => {}
    }
}

/// Everything is signed again by another server that calls itself the same.
///
/// # Errors
/// When the bundle cannot be read.
pub fn another_server(bytes: &[u8]) -> Result<Forged> {
    let mut parts = open(bytes)?;
    let name = parts
        .note
        .rsplit("\n\n")
        .next()
        .and_then(|s| s.strip_prefix("\u{2014} "))
        .and_then(|s| s.split(' ').next())
        .context("the checkpoint has a signature line")?
        .to_owned();
    let note = parts.checkpoint.sign(&name, &SecretKey::from_seed(&[66; 32]))?;
    parts.files.insert("checkpoint".into(), note.into_bytes());
    Ok(Forged { bytes: pack(parts)?, place: "checkpoint".into() })
}

/// How many files of each folder a bundle has, for a person to look at.
///
/// # Errors
/// When the bundle cannot be read.
pub fn inventory(bytes: &[u8]) -> Result<BTreeMap<String, (usize, usize)>> {
    let mut folders: BTreeMap<String, (usize, usize)> = BTreeMap::new();
    for (path, content) in bundle::read(bytes)? {
        let folder = path.split_once('/').map_or(path.as_str(), |(f, _)| f).to_owned();
        let entry = folders.entry(folder).or_default();
        entry.0 += 1;
        entry.1 += content.len();
    }
    Ok(folders)
}
