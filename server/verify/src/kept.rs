//! Step 2b, when asked for: checkpoints somebody kept from earlier say the same of their part of the log as this bundle does.
//!
//! A server that rewrites its log can sign the new one as well as the old. It cannot take back what it signed before: whoever
//! kept a checkpoint — a gateway (its file `checkpoints.txt`), an assessor, a witness — holds a root over the first N leaves,
//! and the first N leaves of the bundle either hash to it or they are not what they were.

use std::collections::BTreeSet;

use protocol::{LeafBody, note::Checkpoint};

use crate::{Finding, Trust, archive::Bundle};

/// Longest file of kept checkpoints, bytes.
const KEPT_MAX: usize = 4 * 1024 * 1024;
/// What ends a note in a gateway's file.
const SEPARATOR: &str = "-----\n";

/// Checkpoints kept from earlier: signed notes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptCheckpoints {
    notes: Vec<String>,
}

impl KeptCheckpoints {
    /// Reads a file's bytes: one signed note, or several with a line of five dashes after each. The error is a sentence.
    pub fn parse(bytes: &[u8]) -> Result<Self, String> {
        if bytes.len() > KEPT_MAX {
            return Err(format!(
                "the file of checkpoints is {} bytes long; at most {KEPT_MAX} are allowed",
                bytes.len()
            ));
        }
        let text = std::str::from_utf8(bytes).map_err(|_| "the file of checkpoints is not text".to_owned())?;
        let notes: Vec<String> = text.split(SEPARATOR).filter(|n| !n.trim().is_empty()).map(str::to_owned).collect();
        for (place, note) in notes.iter().enumerate() {
            Checkpoint::read_unverified(note).map_err(|e| format!("checkpoint {} in the file: {e}", place + 1))?;
        }
        if notes.is_empty() {
            return Err("the file holds no checkpoint".to_owned());
        }
        Ok(Self { notes })
    }

    /// The sizes they are over.
    pub(crate) fn sizes(&self) -> BTreeSet<u64> {
        let read = self.notes.iter().filter_map(|note| Checkpoint::read_unverified(note).ok());
        read.map(|checkpoint| checkpoint.size).collect()
    }
}

/// A restore that the log itself states.
struct Restore {
    leaf: u64,
    epoch: u32,
    restored_size: u64,
}

pub(crate) fn check(bundle: &Bundle<'_>, trust: Option<&Trust>, kept: &KeptCheckpoints, findings: &mut Vec<Finding>) {
    let Some((base, own_epoch)) = epoch_of(&bundle.manifest.origin, &bundle.manifest.site) else {
        let en = "the bundle names no log that checkpoints could be of";
        findings.push(Finding::refused("kept", "manifest.json", "佐证包没有写明站点日志的来源，无法比对检查点", en));
        return;
    };
    let mut wanted: Vec<(u32, Checkpoint)> = Vec::new();
    for note in &kept.notes {
        let Ok(checkpoint) = Checkpoint::read_unverified(note) else { continue };
        let size = checkpoint.size;
        if trust.is_some_and(|trust| !trust.log_keys.iter().any(|key| Checkpoint::verify(note, key).is_ok())) {
            let zh = format!("所存检查点（前 {size} 条）的签名不属于信任文件中的任何站点日志密钥，不能作为凭据");
            let en = format!(
                "the kept checkpoint over {size} leaves is not signed by any log key of the trust file: it proves nothing"
            );
            findings.push(Finding::refused("kept", "checkpoint", zh, en));
            continue;
        }
        match epoch_of(&checkpoint.origin, &bundle.manifest.site).filter(|(other, _)| *other == base) {
            Some((_, epoch)) => wanted.push((epoch, checkpoint)),
            None => {
                let zh = format!("所存检查点属于另一份站点日志（{}），未比对", checkpoint.origin);
                let en = format!("a kept checkpoint is of another log ({}); not compared", checkpoint.origin);
                findings.push(Finding::note("kept", "checkpoint", zh, en));
            }
        }
    }
    if trust.is_none() {
        let zh = "未提供信任文件：所存检查点的签名未核对";
        let en = "no trust file: the signatures of the kept checkpoints were not checked";
        findings.push(Finding::note("kept", "checkpoint", zh, en));
    }
    wanted.sort_by_key(|(_, checkpoint)| checkpoint.size);
    compare(bundle, own_epoch, &wanted, findings);
}

fn compare(bundle: &Bundle<'_>, own_epoch: u32, wanted: &[(u32, Checkpoint)], findings: &mut Vec<Finding>) {
    let restores: Vec<Restore> = bundle
        .leaves
        .stated
        .iter()
        .filter_map(|(leaf, entry)| match &entry.body {
            LeafBody::Epoch { epoch, restored_size, .. } => {
                Some(Restore { leaf: *leaf, epoch: *epoch, restored_size: *restored_size })
            }
            _ => None,
        })
        .collect();
    let (mut agreeing, mut newest, mut told) = (0, 0, 0);
    for (epoch, checkpoint) in wanted {
        let size = checkpoint.size;
        let lost_by = restores.iter().find(|restore| restore.epoch > *epoch && restore.restored_size < size);
        match (bundle.leaves.roots.get(&size), lost_by) {
            (_, Some(restore)) => {
                told += 1;
                let (leaf, left) = (restore.leaf, restore.restored_size);
                let zh = format!(
                    "所存检查点记有 {size} 条；其中第 {left} 条起在服务器从备份恢复时丢失，站点日志第 {leaf} 条有说明"
                );
                let en = format!(
                    "a kept checkpoint is over {size} leaves; those from {left} on were lost when the server was restored from a backup, as leaf {leaf} says"
                );
                findings.push(Finding::note("kept", format!("leaf {leaf}"), zh, en));
            }
            (Some(root), None) if *root == checkpoint.root => {
                agreeing += 1;
                newest = size;
            }
            // A log of a later epoch than the bundle's: what it kept of this one nobody can say from here.
            (Some(_), None) if *epoch > own_epoch => {}
            (Some(_), None) => {
                let zh = format!("站点日志前 {size} 条与所存检查点不符：服务器签名之后改写了历史");
                let en = format!(
                    "the first {size} leaves do not give the root of the kept checkpoint: the server rewrote its log after signing it"
                );
                findings.push(Finding::refused("kept", format!("the first {size} leaves"), zh, en));
                return;
            }
            (None, None) => {
                let has = bundle.leaves.size;
                let zh = format!("所存检查点记有 {size} 条，佐证包只有 {has} 条：检查点比佐证包新，未比对");
                let en = format!(
                    "a kept checkpoint is over {size} leaves, the bundle holds {has}: it is newer than the bundle and was not compared"
                );
                findings.push(Finding::note("kept", "checkpoint", zh, en));
            }
        }
    }
    if agreeing > 0 {
        let zh = format!("所存 {agreeing} 个检查点均与站点日志一致，最新一个覆盖前 {newest} 条");
        let en = format!("{agreeing} kept checkpoints agree with the log, the newest over its first {newest} leaves");
        findings.push(Finding::ok("kept", zh, en));
    } else if told == 0 {
        let zh = "没有一个所存检查点可与此佐证包比对；请提供同一站点日志更早的检查点";
        let en = "none of the kept checkpoints can be compared with this bundle; give an earlier one of the same log";
        findings.push(Finding::refused("kept", "checkpoint", zh, en));
    }
}

/// `<server name>/<site>` and the epoch of an origin. A site may be named like a number: the longer form is tried first.
pub(crate) fn epoch_of<'o>(origin: &'o str, site: &str) -> Option<(&'o str, u32)> {
    let is_base = |text: &str| text.rsplit_once('/').is_some_and(|(_, last)| last == site);
    let restored = origin.rsplit_once('/').filter(|(base, _)| is_base(base));
    let numbered = restored.and_then(|(base, text)| {
        let epoch: u32 = text.parse().ok()?;
        (epoch > 0 && epoch.to_string() == text).then_some((base, epoch))
    });
    numbered.or_else(|| is_base(origin).then_some((origin, 0)))
}

/// Site and epoch of an origin of the server named: `<server>/<site>`, and after a restore `<server>/<site>/<epoch>`.
pub(crate) fn site_and_epoch<'o>(origin: &'o str, server: &str) -> Option<(&'o str, u32)> {
    let rest = origin.strip_prefix(server)?.strip_prefix('/')?;
    let (site, epoch) = match rest.split_once('/') {
        None => (rest, 0),
        Some((site, text)) => (site, text.parse::<u32>().ok().filter(|n| *n > 0 && n.to_string() == text)?),
    };
    (!site.is_empty()).then_some((site, epoch))
}

#[cfg(test)]
mod tests {
    use super::epoch_of;

    #[test]
    fn an_origin_says_its_epoch_whatever_the_site_is_called() {
        assert_eq!(epoch_of("gz.example/works", "works"), Some(("gz.example/works", 0)));
        assert_eq!(epoch_of("gz.example/works/2", "works"), Some(("gz.example/works", 2)));
        assert_eq!(epoch_of("gz.example/1", "1"), Some(("gz.example/1", 0)));
        assert_eq!(epoch_of("gz.example/1/1", "1"), Some(("gz.example/1", 1)));
        for other in ["gz.example/works/0", "gz.example/works/01", "gz.example/works/x", "gz.example/other"] {
            assert_eq!(epoch_of(other, "works"), None, "{other}");
        }
    }
}
