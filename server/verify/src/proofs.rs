//! Proofs without a bundle: one leaf is in the log (C2SP `.tlog-proof`), or a newer checkpoint continues an older one.

use protocol::{
    Leaf, LeafBody,
    note::Checkpoint,
    proof::{ConsistencyProof, InclusionProof},
    tree,
};

use crate::{Finding, Outcome, Trust, anchor, cosign, cosign::instant};

/// Checks the text of a proof of either kind. A consistency proof is checked from the checkpoint `older`, a signed note.
pub fn check_proof(text: &str, trust: Option<&Trust>, older: Option<&str>) -> Outcome {
    let mut findings = Vec::new();
    let read = if text.starts_with("old ") {
        ConsistencyProof::parse(text).map(|proof| consistency(&proof, older, trust, &mut findings))
    } else {
        InclusionProof::parse(text).map(|proof| inclusion(&proof, trust, &mut findings))
    };
    if let Err(e) = read {
        let zh = format!("不是完整的证明文件（{e}），请重新获取");
        findings.push(Finding::refused("proof", "", zh, format!("not a whole proof ({e}); fetch the file again")));
    }
    Outcome::new(findings, trust.is_some(), true)
}

fn inclusion(proof: &InclusionProof, trust: Option<&Trust>, findings: &mut Vec<Finding>) {
    let place = format!("leaf {}", proof.index);
    let Some(bytes) = &proof.leaf else {
        let zh = "文件中没有所证明的条目本身，无法核对";
        findings.push(Finding::refused("proof", place, zh, "the leaf itself is not in the file: nothing to compare"));
        return;
    };
    if proof.holds(tree::leaf_hash(bytes)) {
        let (zh, en) = match Leaf::decode(bytes) {
            Ok(leaf) => what(&leaf),
            Err(e) => (format!("条目内容无法读取（{e}）"), format!("its content cannot be read ({e})")),
        };
        let (zh, en) =
            (format!("第 {} 条在站点日志中：{zh}", proof.index), format!("leaf {} is in the log: {en}", proof.index));
        findings.push(Finding::ok("proof", zh, en));
    } else {
        let zh = "条目与检查点的根不符：条目、位置或证明被改动";
        let en = "the leaf does not lead to the checkpoint's root: leaf, place or proof was altered";
        findings.push(Finding::refused("proof", place, zh, en));
    }
    checkpoint(&proof.note, Leaf::decode(bytes).ok().map(|leaf| leaf.received_ms), trust, findings);
}

fn consistency(proof: &ConsistencyProof, older: Option<&str>, trust: Option<&Trust>, findings: &mut Vec<Finding>) {
    let Some(older) = older else {
        let zh = format!("一致性证明须与较早的检查点（{} 条）一起核对：请用 --checkpoint 给出", proof.old);
        let en = format!(
            "a consistency proof is checked from an older checkpoint, here over {} leaves: give it with --checkpoint",
            proof.old
        );
        findings.push(Finding::refused("proof", "", zh, en));
        return;
    };
    let read = |note: &str| Checkpoint::read_unverified(note);
    match (read(older), read(&proof.note)) {
        (Ok(old), Ok(new))
            if old.origin == new.origin
                && old.size == proof.old
                && tree::verify_consistency(old.size, &old.root, new.size, &new.root, &proof.hashes) =>
        {
            let (from, to) = (old.size, new.size);
            let zh = format!("{to} 条的检查点是 {from} 条的检查点的延续");
            findings.push(Finding::ok(
                "proof",
                zh,
                format!("the checkpoint over {to} leaves continues the one over {from}"),
            ));
        }
        (Ok(_), Ok(_)) => {
            let zh = "证明不能把两个检查点连起来";
            let en = "the proof does not connect the two checkpoints";
            findings.push(Finding::refused("proof", "", zh, en));
        }
        (Err(e), _) | (_, Err(e)) => {
            let zh = format!("检查点无法读取（{e}）");
            findings.push(Finding::refused("proof", "checkpoint", zh, format!("a checkpoint cannot be read ({e})")));
        }
    }
    // Who witnessed it is no part of this: the checkpoint may have been signed anew for the proof.
    anchor::check(older, trust, findings);
    anchor::check(&proof.note, trust, findings);
}

fn checkpoint(note: &str, newest_leaf_ms: Option<i64>, trust: Option<&Trust>, findings: &mut Vec<Finding>) {
    if let Ok(read) = Checkpoint::read_unverified(note) {
        let (origin, size) = (read.origin, read.size);
        let zh = format!("检查点：{origin}，{size} 条");
        findings.push(Finding::note("proof", "checkpoint", zh, format!("the checkpoint: {origin}, {size} leaves")));
    }
    anchor::check(note, trust, findings);
    cosign::check(note, newest_leaf_ms, trust, findings);
}

/// What a leaf says, for people.
fn what(leaf: &Leaf) -> (String, String) {
    let at = instant((leaf.received_ms.max(0) / 1000) as u64);
    match &leaf.body {
        LeafBody::Record { header, .. } => (
            format!("网关 {} 的第 {} 号记录，{at} 收到", header.gateway, header.sequence),
            format!("record {} of gateway {}, received {at}", header.sequence, header.gateway),
        ),
        LeafBody::Quarantine { header, .. } => (
            format!("网关 {} 的第 {} 号记录（隔离），{at} 收到", header.gateway, header.sequence),
            format!("quarantined record {} of gateway {}, received {at}", header.sequence, header.gateway),
        ),
        LeafBody::Declaration { kind, digest, .. } => (
            format!("填报 {kind}，{at} 收到，内容摘要 {digest}"),
            format!("declaration {kind}, received {at}, content {digest}"),
        ),
        LeafBody::Epoch { epoch, restored_size, cause, .. } => (
            format!("第 {epoch} 纪元开始于 {at}，恢复时有 {restored_size} 条（{cause}）"),
            format!("epoch {epoch} begins {at} over {restored_size} restored leaves ({cause})"),
        ),
    }
}
