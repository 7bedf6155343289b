//! What a server holds of a site, read from the site's folder by a reader of our own: the checkpoint, every leaf under it,
//! every content beside it. Nothing here trusts an index or a table of the server's.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::{Context as _, Result, bail, ensure};
use protocol::{
    BootId, ChainId, Configuration, Content, Declaration, Digest, GapCause, Header, Leaf, LeafBody, Value, note, tree,
};

/// One reading under the checkpoint, placed in time by its record's header.
#[derive(Debug, Clone, PartialEq)]
pub struct Stored {
    /// `<device>/<name>`.
    pub tag: String,
    /// UTC, ms.
    pub utc_ms: i64,
    /// Raw value.
    pub value: Value,
    /// The device's own time, UTC ms.
    pub source_ms: Option<i64>,
    /// Sequence of its record.
    pub sequence: u64,
}

/// One recorded gap.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredGap {
    /// `<device>/<name>`; `None` is every tag of the gateway.
    pub tag: Option<String>,
    /// UTC, ms.
    pub from_ms: i64,
    /// UTC, ms.
    pub to_ms: i64,
    /// Why.
    pub cause: GapCause,
}

/// Everything of one gateway under a site's checkpoint.
#[derive(Debug, Default)]
pub struct Evidence {
    /// Readings in the order of the log.
    pub readings: Vec<Stored>,
    /// Gaps in the order of the log.
    pub gaps: Vec<StoredGap>,
    /// Every tag ever configured, with its wished interval, ms.
    pub tags: BTreeMap<String, i64>,
    /// Records by kind name.
    pub records: BTreeMap<String, u64>,
    /// Ranges replaced by `Lost`, as (from, to).
    pub lost: Vec<(u64, u64)>,
    /// Chains with the cause they began for.
    pub chains: Vec<String>,
    /// Leaves under the checkpoint.
    pub size: u64,
}

/// The contents beside a log, by digest: each pack entry is digest, length, a checksum, then the bytes.
fn contents(folder: &Path) -> Result<BTreeMap<Digest, Vec<u8>>> {
    const HEAD: usize = 40;
    let mut found = BTreeMap::new();
    let mut packs: Vec<_> = std::fs::read_dir(folder.join("contents"))?.flatten().map(|e| e.path()).collect();
    packs.sort();
    for pack in packs {
        let bytes = std::fs::read(&pack)?;
        let mut rest = bytes.as_slice();
        while let Some((head, tail)) = rest.split_at_checked(HEAD) {
            let digest = Digest::from_slice("pack entry", &head[..32])?;
            let length = u32::from_le_bytes(head[32..36].try_into()?) as usize;
            // What the server appends while we read may be cut off; it is not under the checkpoint we read before.
            let Some((content, tail)) = tail.split_at_checked(length) else { break };
            if protocol::sha256(content) == digest {
                found.insert(digest, content.to_vec());
            }
            rest = tail;
        }
    }
    Ok(found)
}

/// The leaves under the checkpoint in a site's folder, checked against its root.
///
/// # Errors
/// When a file is missing or the leaves do not give the root.
pub fn leaves(folder: &Path) -> Result<(note::Checkpoint, Vec<Leaf>)> {
    let text = std::fs::read_to_string(folder.join("checkpoint")).with_context(|| folder.display().to_string())?;
    let checkpoint = note::Checkpoint::read_unverified(&text)?;
    let mut hashes = Vec::new();
    let mut leaves = Vec::new();
    for (path, width) in tree::entries_paths(checkpoint.size) {
        let bytes = entries(folder, &path, width)?;
        for leaf in tree::decode_entries(&bytes)?.into_iter().take(usize::try_from(width)?) {
            hashes.push(tree::leaf_hash(leaf));
            leaves.push(Leaf::decode(leaf)?);
        }
    }
    ensure!(
        tree::root(&hashes) == checkpoint.root,
        "the leaves in {} do not give the checkpoint's root",
        folder.display()
    );
    Ok((checkpoint, leaves))
}

/// The statements of one kind under the checkpoint, in order.
///
/// # Errors
/// When a file is missing or one cannot be read.
pub fn statements(folder: &Path, wanted: &str) -> Result<Vec<Declaration>> {
    let (_, leaves) = leaves(folder)?;
    let contents = contents(folder)?;
    let of_kind = leaves.iter().filter_map(|leaf| match &leaf.body {
        LeafBody::Declaration { kind, digest, .. } if kind == wanted => Some(digest),
        _ => None,
    });
    of_kind.map(|digest| Ok(Declaration::decode(contents.get(digest).context("a content is missing")?)?)).collect()
}

/// The same leaves and contents as the metrics see them.
///
/// # Errors
/// When a file is missing or the log is not what the metrics accept.
pub fn history(folder: &Path) -> Result<metrics::History> {
    let (_, leaves) = leaves(folder)?;
    let contents = contents(folder)?;
    let mut history = metrics::History::new();
    for (leaf, index) in leaves.iter().zip(0..) {
        let content = leaf.content_digest().and_then(|digest| contents.get(&digest));
        history.push(index, leaf, content.map(Vec::as_slice))?;
    }
    Ok(history)
}

/// An entry bundle; while the server goes on, a partial one may have been replaced by a longer one meanwhile.
fn entries(folder: &Path, path: &str, width: u64) -> Result<Vec<u8>> {
    if let Ok(bytes) = std::fs::read(folder.join(path)) {
        return Ok(bytes);
    }
    let whole = path.split(".p/").next().unwrap_or(path);
    for longer in width..256 {
        if let Ok(bytes) = std::fs::read(folder.join(format!("{whole}.p/{longer}"))) {
            return Ok(bytes);
        }
    }
    std::fs::read(folder.join(whole)).with_context(|| format!("{path} and everything longer"))
}

impl Evidence {
    /// Reads one gateway's records from a site's folder, checking the chain as it goes.
    ///
    /// # Errors
    /// When anything is missing, altered, twice, out of order or outside the formats.
    pub fn read(folder: &Path, gateway: &str) -> Result<Self> {
        let (checkpoint, leaves) = leaves(folder)?;
        let contents = contents(folder)?;
        let mut evidence = Self { size: checkpoint.size, ..Self::default() };
        let mut configurations: BTreeMap<Digest, Configuration> = BTreeMap::new();
        let mut next: BTreeMap<ChainId, (u64, Digest)> = BTreeMap::new();
        let mut seen: BTreeSet<(ChainId, u64)> = BTreeSet::new();
        let mut boots: BTreeMap<BootId, i64> = BTreeMap::new();
        for leaf in &leaves {
            let LeafBody::Record { header, .. } = &leaf.body else { continue };
            if header.gateway.as_str() != gateway {
                continue;
            }
            let place = format!("record {} of chain {}", header.sequence, header.chain.hex());
            let digest = leaf.record_digest().context("a record leaf has a digest")?;
            ensure!(seen.insert((header.chain, header.sequence)), "{place} is in the log twice");
            let content = contents.get(&header.content_digest).with_context(|| format!("{place}: content missing"))?;
            let content = Content::decode(header.kind, content)?;
            let (expected, previous) = next.get(&header.chain).copied().unwrap_or((0, Digest::ZERO));
            ensure!(header.sequence == expected, "{place}: {expected} was next");
            ensure!(header.sequence == 0 || header.previous == previous, "{place} does not continue the one before it");
            let after = match &content {
                Content::Lost(lost) if !lost.next.is_zero() => (lost.to + 1, lost.next),
                Content::Lost(lost) => (lost.to + 1, digest),
                _ => (header.sequence + 1, digest),
            };
            next.insert(header.chain, after);
            let offset = header.clock.wall_ms - header.clock.boot_ms;
            boots.entry(header.clock.boot_id).or_insert(offset);
            evidence.add(header, content, offset, &boots, &mut configurations)?;
        }
        Ok(evidence)
    }

    fn add(
        &mut self,
        header: &Header,
        content: Content,
        offset: i64,
        boots: &BTreeMap<BootId, i64>,
        configurations: &mut BTreeMap<Digest, Configuration>,
    ) -> Result<()> {
        *self.records.entry(format!("{:?}", header.kind)).or_default() += 1;
        match content {
            Content::Configuration(configuration) => {
                for tag in &configuration.tags {
                    self.tags.insert(tag.id.to_string(), tag.interval_ms);
                }
                configurations.insert(header.content_digest, configuration);
            }
            Content::Lost(lost) => self.lost.push((lost.from, lost.to)),
            Content::ChainStart(start) => self.chains.push(start.cause.name().to_owned()),
            Content::KeyChange(_) => {}
            Content::Batch(batch) => {
                let table = configurations.get(&header.configuration);
                let name = |tag: u32| -> Result<String> {
                    let table = table.context("a batch under a configuration that is not in the log")?;
                    let tag = table.tags.get(tag as usize).context("a batch names a tag beyond its configuration")?;
                    Ok(tag.id.to_string())
                };
                ensure!(
                    batch.len() == header.readings as usize,
                    "the header counts other readings than the content holds"
                );
                for reading in batch.readings() {
                    self.readings.push(Stored {
                        tag: name(reading.tag)?,
                        utc_ms: reading.boot_ms + offset,
                        value: reading.value,
                        source_ms: reading.source_ms,
                        sequence: header.sequence,
                    });
                }
                for gap in &batch.gaps {
                    let start = match gap.from.boot {
                        None => offset,
                        Some(boot) => *boots.get(&boot).context("a gap that starts in a boot nobody knows")?,
                    };
                    let (from_ms, to_ms) = (gap.from.boot_ms + start, gap.to_boot_ms + offset);
                    if from_ms > to_ms {
                        bail!("a gap that ends before it begins: {gap:?}");
                    }
                    self.gaps.push(StoredGap { tag: gap.tag.map(name).transpose()?, from_ms, to_ms, cause: gap.cause });
                }
            }
        }
        Ok(())
    }
}
