//! Step 3: every record is signed by its gateway's key, and every chain goes on without a hole.

use std::collections::BTreeMap;

use protocol::content::Excerpt;
use protocol::{ChainId, Content, Digest, Header, Kind, Leaf, LeafBody, PublicKey, record::record_digest};

use crate::kept::epoch_of;
use crate::records::Keys;
use crate::{Finding, Trust, contents::Declared};

/// Where a chain stands.
#[derive(Clone, Copy)]
struct Head {
    next: u64,
    /// What the next record must name as its previous digest.
    digest: Digest,
}

/// The newest key a KeyChange record announced for a gateway, and the leaf of that record.
pub(crate) type Announced = BTreeMap<String, (u64, PublicKey)>;

/// The key of a gateway before a leaf, and whether it was announced by a KeyChange since the newest enrolment.
pub(crate) fn key_of(
    declared: &Declared,
    announced: &Announced,
    index: u64,
    gateway: &str,
) -> Option<(PublicKey, bool)> {
    let (leaf, enrolled) = declared.keys.get(gateway)?.iter().rfind(|(leaf, _)| *leaf < index)?;
    let announced = announced.get(gateway).filter(|(announced, _)| announced > leaf);
    Some(announced.map_or((*enrolled, false), |(_, key)| (*key, true)))
}

impl Declared {
    /// The leaf that revoked a gateway, if it was not enrolled again between it and a later leaf.
    fn revoked_before(&self, index: u64, gateway: &str) -> Option<u64> {
        let (revoked, _) = self.revoked.get(gateway)?.iter().rfind(|(leaf, _)| *leaf < index)?;
        let enrolled = self.keys.get(gateway).and_then(|keys| keys.iter().rfind(|(leaf, _)| *leaf < index));
        enrolled.is_none_or(|(leaf, _)| leaf < revoked).then_some(*revoked)
    }

    /// What the log says of gateways that were revoked, or whose box was replaced: for whoever asks which box a reading is of.
    fn replacements(&self) -> Vec<Finding> {
        let mut found: Vec<(u64, Finding)> = Vec::new();
        for (gateway, revocations) in &self.revoked {
            for (leaf, reason) in revocations {
                let zh = format!("网关 {gateway} 停用（{reason}）");
                let en = format!("gateway {gateway} was revoked ({reason})");
                found.push((*leaf, Finding::note("gateway", format!("leaf {leaf}"), zh, en)));
            }
        }
        for (gateway, keys) in &self.keys {
            for pair in keys.windows(2) {
                let [(_, old), (leaf, new)] = pair else { continue };
                if old == new {
                    continue;
                }
                let (old, new) = (old.fingerprint(), new.fingerprint());
                let zh = format!("网关 {gateway} 换机：此前密钥指纹 {old}，此后 {new}");
                let en = format!("gateway {gateway} was replaced: key fingerprint {old} before, {new} from here on");
                found.push((*leaf, Finding::note("gateway", format!("leaf {leaf}"), zh, en)));
            }
        }
        found.sort_by_key(|(leaf, _)| *leaf);
        found.into_iter().map(|(_, finding)| finding).collect()
    }
}

/// The chains of a log, as far as its leaves were given.
pub(crate) struct Chains<'a> {
    site: &'a str,
    declared: &'a Declared,
    trust: Option<&'a Trust>,
    pub(crate) keys: &'a Keys,
    heads: BTreeMap<(String, ChainId), Head>,
    pub(crate) announced: Announced,
    /// Of the newest restore the log states; 0 before the first.
    epoch: u32,
    records: u64,
    is_refused: bool,
    findings: Vec<Finding>,
}

impl<'a> Chains<'a> {
    pub(crate) fn new(site: &'a str, declared: &'a Declared, trust: Option<&'a Trust>, keys: &'a Keys) -> Self {
        let (heads, announced) = (BTreeMap::new(), BTreeMap::new());
        let (epoch, records, is_refused, findings) = (0, 0, false, Vec::new());
        Self { site, declared, trust, keys, heads, announced, epoch, records, is_refused, findings }
    }

    /// Whether anything was refused so far.
    pub(crate) fn is_refused(&self) -> bool {
        self.is_refused
    }

    /// Writes what was found. `origin` is that of the checkpoint.
    pub(crate) fn report(mut self, origin: &str, findings: &mut Vec<Finding>) {
        if let Some((_, named)) = epoch_of(origin, self.site).filter(|(_, named)| *named != self.epoch) {
            let stated = self.epoch;
            let zh = format!("站点日志中最近一次恢复是第 {stated} 纪元，检查点却属于第 {named} 纪元");
            let en = format!("the newest restore in the log is epoch {stated}, and the checkpoint is of epoch {named}");
            self.findings.push(Finding::refused("epoch", "checkpoint", zh, en));
        }
        findings.extend(self.findings);
        findings.extend(self.declared.replacements());
        let (records, chains) = (self.records, self.heads.len());
        let zh = format!("网关签名记录 {records} 条，{chains} 条链，签名与次序已逐条核对");
        let en = format!("{records} signed records in {chains} chains: signature and order of each were checked");
        findings.push(Finding::ok("chain", zh, en));
    }

    /// Takes the next leaf with the content of its record, and what its signature was found to be under some key.
    pub(crate) fn leaf(
        &mut self,
        index: u64,
        leaf: &Leaf,
        content: Option<&Excerpt>,
        signed: Option<(PublicKey, bool)>,
    ) {
        match &leaf.body {
            LeafBody::Record { header, header_bytes, signature } => {
                self.records += 1;
                if self.signed(index, header, leaf, signed) {
                    self.follow(index, header, record_digest(header_bytes, signature), content);
                }
            }
            LeafBody::Quarantine { header, .. } => {
                if !self.signed(index, header, leaf, signed) {
                    return;
                }
                if !self.contradicts(header) {
                    let zh = "该记录并不与链上的其他记录矛盾，却被隔离：其读数被排除在外";
                    let en = "in quarantine, though it contradicts no record of its chain: its readings are kept out";
                    self.refuse("chain", index, header, zh, en);
                }
                let place = place(index, header);
                let zh = "同一链同一序号另有一条有效签名的记录：疑似网关被复制，其读数不参与计算";
                let en = "a second validly signed record for the same place: the gateway may have been cloned; not computed with";
                self.findings.push(Finding::note("quarantine", place, zh, en));
            }
            LeafBody::Epoch { epoch, old_size, restored_size, cause, .. } => {
                let zh = format!(
                    "服务器曾从备份恢复：第 {epoch} 纪元，原 {old_size} 条，恢复 {restored_size} 条（{cause}）"
                );
                let en = format!(
                    "the server was restored from a backup: epoch {epoch}, {old_size} leaves before, {restored_size} restored ({cause})"
                );
                self.findings.push(Finding::note("epoch", format!("leaf {index}"), zh, en));
                self.restored(index, *epoch, *restored_size);
            }
            LeafBody::Declaration { .. } => {}
        }
    }

    /// The leaf of a restore is the first one added to what was restored: one that stands elsewhere would excuse a history
    /// rewritten before it.
    fn restored(&mut self, index: u64, epoch: u32, restored_size: u64) {
        if restored_size != index || epoch <= self.epoch {
            self.is_refused = true;
            let zh = format!(
                "恢复说明不实：写的是恢复 {restored_size} 条、第 {epoch} 纪元，与它在站点日志中的位置或此前的纪元不符"
            );
            let en = format!(
                "this restore did not happen so: {restored_size} leaves and epoch {epoch} do not fit its place in the log and the epoch before"
            );
            self.findings.push(Finding::refused("epoch", format!("leaf {index}"), zh, en));
        }
        self.epoch = self.epoch.max(epoch);
    }

    /// Whether a record in quarantine is for a place that is held, or follows another history than the one that is.
    fn contradicts(&self, header: &Header) -> bool {
        let head = self.heads.get(&(header.gateway.to_string(), header.chain));
        head.is_some_and(|head| {
            header.sequence < head.next || header.sequence == head.next && header.previous != head.digest
        })
    }

    fn refuse(&mut self, code: &'static str, index: u64, header: &Header, zh: &str, en: &str) {
        self.is_refused = true;
        self.findings.push(Finding::refused(code, place(index, header), zh, en));
    }

    fn signed(&mut self, index: u64, header: &Header, leaf: &Leaf, found: Option<(PublicKey, bool)>) -> bool {
        if header.site.as_str() != self.site {
            self.refuse("chain", index, header, "记录属于另一个企业", "the record belongs to another site");
            return false;
        }
        let Some((key, announced)) = key_of(self.declared, &self.announced, index, header.gateway.as_str()) else {
            self.refuse("gateway", index, header, "该网关在此之前没有入网", "this gateway was not enrolled before");
            return false;
        };
        if let Some(revoked) = self.declared.revoked_before(index, header.gateway.as_str()) {
            let zh = format!("该网关已停用（第 {revoked} 条），此后的记录不应被接收");
            let en = format!("this gateway was revoked (leaf {revoked}): no record of it may be taken after that");
            self.refuse("gateway", index, header, &zh, &en);
            return false;
        }
        if let Some(trust) = self.trust {
            let known = trust.fingerprints(header.site.as_str(), header.gateway.as_str());
            if !announced && !known.contains(&key.fingerprint()) {
                let zh = format!("网关密钥指纹 {} 不在信任文件中", key.fingerprint());
                let en = format!("the gateway's key fingerprint {} is not in the trust file", key.fingerprint());
                self.refuse("gateway", index, header, &zh, &en);
                return false;
            }
        }
        if header.clock.simulated && !self.declared.simulated {
            let zh = "网关注明其时间为模拟，而企业未注明为模拟";
            let en = "the gateway says that its time is simulated, and the site does not say that it is";
            self.refuse("chain", index, header, zh, en);
            return false;
        }
        let found = found.filter(|(with, _)| *with == key).map(|(_, holds)| holds);
        if !found.unwrap_or_else(|| self.keys.is_signed(leaf, &key)) {
            let zh = "网关签名无效：记录在签名后被改动，或由别的密钥签名";
            let en = "the gateway's signature does not hold: altered after signing, or signed with another key";
            self.refuse("signature", index, header, zh, en);
            return false;
        }
        true
    }

    /// The chain rule of `docs/formats.md` §3. A restore from a backup excuses nothing: the log goes on where the backup
    /// stood, because gateways send the difference again or state under signature what they no longer have.
    fn follow(&mut self, index: u64, header: &Header, digest: Digest, content: Option<&Excerpt>) {
        let name = (header.gateway.to_string(), header.chain);
        let head = self.heads.get(&name).copied();
        let (next, expects) = head.map_or((0, Digest::ZERO), |head| (head.next, head.digest));
        // A Lost record may begin inside what is held: its gateway had not heard the last receipts.
        let is_overlap = header.kind == Kind::Lost && header.sequence < next;
        let says_before = !(header.kind == Kind::Lost && header.previous.is_zero());
        if head.is_none() && (header.sequence != 0 || !matches!(header.kind, Kind::ChainStart | Kind::Lost)) {
            self.refuse("chain", index, header, "链的开头缺失", "the beginning of this chain is missing");
        } else if head.is_some() && header.kind == Kind::ChainStart {
            self.refuse("chain", index, header, "链的中间又有开头", "a beginning in the middle of its chain");
        } else if header.sequence != next && !is_overlap {
            let zh = format!("应为第 {next} 条，却是第 {} 条：中间有缺口且无说明", header.sequence);
            let en = format!("record {next} belongs here: a hole that no Lost record explains");
            self.refuse("chain", index, header, &zh, &en);
        } else if !is_overlap && says_before && header.previous != expects {
            let en = "its previous digest is not the record before it";
            self.refuse("chain", index, header, "与前一条记录不相接", en);
        }
        let mut head = Head { next: header.sequence.saturating_add(1), digest };
        match content {
            Some(Excerpt::Whole(Content::Lost(lost))) => {
                let (from, to) = (lost.from, lost.to);
                if from != header.sequence || to < from || to < next {
                    let en = "a Lost record for another range than its sequence";
                    self.refuse("chain", index, header, "遗失说明的范围与序号不符", en);
                }
                head.next = to.saturating_add(1);
                if !lost.next.is_zero() {
                    head.digest = lost.next;
                }
                let zh = format!("第 {from}–{to} 条已遗失（{:?}），有网关签名说明", lost.cause);
                let en =
                    format!("records {from}–{to} are lost ({:?}), as the gateway states under signature", lost.cause);
                self.findings.push(Finding::note("lost", place(index, header), zh, en));
            }
            Some(Excerpt::Whole(Content::KeyChange(change))) => {
                self.announced.insert(header.gateway.to_string(), (index, change.new_key));
                let en = format!("the gateway's key changes to {}", change.new_key.fingerprint());
                self.findings.push(Finding::note(
                    "gateway",
                    place(index, header),
                    format!("网关更换密钥：{}", change.new_key.fingerprint()),
                    en,
                ));
            }
            // Without them nobody can say how the chain goes on, who signs it, and what its readings are.
            None if header.kind != Kind::Batch => {
                self.refuse("chain", index, header, "该记录的内容缺失", "the content of this record is missing");
            }
            _ => {}
        }
        self.heads.insert(name, head);
    }
}

fn place(index: u64, header: &Header) -> String {
    format!("leaf {index}: record {} of gateway {}", header.sequence, header.gateway)
}
