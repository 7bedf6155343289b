//! Step 4: every content is the one its leaf names, and decodes. Declarations also say which gateway holds which key. The length is asked
//! of the archive's index first: what is longer than its leaf says is never read.
//!
//! Declarations are read first and as a whole ([`declared`]): what they say of keys and machines is needed for the records,
//! which follow entry bundle by entry bundle ([`Contents::record`]).

use std::collections::BTreeMap;

use metrics::interval::Interval;
use protocol::content::{DeviceConfig, Excerpt};
use protocol::declaration::DECLARATION_MAX;
use protocol::record::SyncState;
use protocol::{Content, Declaration, Header, Kind, Leaf, LeafBody, PublicKey, bundle::Archive, sha256};

use crate::{Finding, Severity, Withheld, archive::Bundle};

/// What one reading takes, about, bytes.
const READING_BYTES: u64 = 32;

/// What the declarations say.
#[derive(Default)]
pub(crate) struct Declared {
    /// Gateway → (leaf index, key), in order of the log.
    pub(crate) keys: BTreeMap<String, Vec<(u64, PublicKey)>>,
    /// Gateway → (leaf index, why it was revoked), in order of the log.
    pub(crate) revoked: BTreeMap<String, Vec<(u64, String)>>,
    /// The site was created as simulated.
    pub(crate) simulated: bool,
    /// Those that can be read: leaf, when it was received, what was stated.
    pub(crate) statements: Vec<(u64, i64, Declaration)>,
}

/// What was found of contents so far.
#[derive(Default)]
pub(crate) struct Contents {
    present: u64,
    /// Of them those of recorded batches.
    batches: u64,
    /// Recorded batches whose contents are not in the bundle, though the report may rest on them.
    batches_lacking: u64,
    readings: u64,
    /// By gateway: contents that are not in the bundle.
    withheld: BTreeMap<String, Withheld>,
    /// By place among the archive's contents: some leaf names it.
    named: Vec<bool>,
    /// The stretches of UTC that the report rests on; `None` when that is not known.
    windows: Option<Vec<Interval>>,
    /// With the leaf each is about.
    findings: Vec<(u64, Finding)>,
}

/// A content as it was found beside a record.
pub(crate) struct Beside {
    /// Its place among the archive's contents.
    at: usize,
    is_altered: bool,
    /// What it decodes to, unless too much is held already.
    pub(crate) content: Option<Excerpt>,
    /// It was decoded and let go: whoever needs it decodes it again.
    pub(crate) is_dropped: bool,
    trouble: Option<protocol::Error>,
    /// Readings, of a batch.
    readings: Option<u64>,
}

impl Beside {
    /// Reads the content of a record, of a batch the columns that `keep` says; `None` when it is not in the bundle.
    pub(crate) fn read(
        archive: &Archive<'_>,
        header: &Header,
        keep: &impl Fn(u32) -> bool,
    ) -> protocol::Result<Option<Self>> {
        let Some(at) = archive.content_at(&header.content_digest) else { return Ok(None) };
        if archive.content_length(at) != Some(header.content_length.into()) {
            return Ok(Some(Self {
                at,
                is_altered: true,
                content: None,
                is_dropped: false,
                trouble: None,
                readings: None,
            }));
        }
        let Some(bytes) = archive.content_to_digest(at)? else { return Ok(None) };
        let is_altered = sha256(&bytes) != header.content_digest;
        let (content, trouble) = match Excerpt::read(header.kind, &bytes, keep) {
            Ok(content) => (Some(content), None),
            Err(e) => (None, Some(e)),
        };
        let readings = match &content {
            Some(Excerpt::Batch(batch)) => Some(batch.readings() as u64),
            _ => None,
        };
        Ok(Some(Self { at, is_altered, content, is_dropped: false, trouble, readings }))
    }

    /// How much is held by its content, in readings: whatever a stranger can pack a great deal of into few bytes counts. What
    /// the chain is made of weighs nothing, for it is short.
    pub(crate) fn weight(&self) -> u64 {
        let texts = |texts: &[&str]| texts.iter().map(|text| text.len() as u64).sum::<u64>() / READING_BYTES;
        match &self.content {
            Some(Excerpt::Batch(batch)) => {
                let events = batch.events.iter().map(|e| 2 + texts(&[&e.kind, &e.subject, &e.detail]));
                self.readings.unwrap_or_default() + 2 * batch.gaps.len() as u64 + events.sum::<u64>()
            }
            Some(Excerpt::Whole(Content::Configuration(configuration))) => {
                let profile = |device: &DeviceConfig| device.profile.as_ref().map_or(0, |p| texts(&[p]));
                let devices = configuration.devices.iter();
                let devices = devices.map(|d| 4 + profile(d) + texts(&[d.id.as_str(), &d.protocol, &d.address]));
                let tags = configuration.tags.iter();
                let tags = tags.map(|t| 8 + texts(&[t.id.as_str(), &t.unit, &t.role, &t.address]));
                devices.chain(tags).sum()
            }
            _ => 0,
        }
    }

    /// Lets the content go.
    pub(crate) fn drop_content(&mut self) {
        self.content = None;
        self.is_dropped = true;
    }
}

impl Contents {
    fn refuse(&mut self, leaf: u64, code: &'static str, place: String, zh: impl Into<String>, en: impl Into<String>) {
        self.say(leaf, Finding::refused(code, place, zh, en));
    }

    fn say(&mut self, leaf: u64, finding: Finding) {
        self.findings.push((leaf, finding));
    }

    /// Whether anything was refused so far.
    pub(crate) fn is_refused(&self) -> bool {
        self.findings.iter().any(|(_, finding)| finding.severity == Severity::Refused)
    }

    /// Takes note that a leaf names the content at this place of the archive.
    fn name(&mut self, at: usize) {
        if self.named.len() <= at {
            self.named.resize(at + 1, false);
        }
        if let Some(is_named) = self.named.get_mut(at) {
            *is_named = true;
        }
    }

    /// Refuses contents that no leaf names; the log has been walked to its end.
    pub(crate) fn unnamed(&self, archive: &Archive<'_>, findings: &mut Vec<Finding>) {
        let is_named = |at: usize| self.named.get(at).copied().unwrap_or_default();
        for (_, digest) in archive.content_names().enumerate().filter(|(at, _)| !is_named(*at)) {
            let zh = "站点日志中没有条目提到此内容：它不属于这份佐证包";
            let en = "no leaf of the log names this content: it does not belong to this bundle";
            findings.push(Finding::refused("archive", format!("contents/{digest}"), zh, en));
        }
    }

    fn altered(&mut self, index: u64, leaf: &Leaf) {
        let path = leaf.content_digest().map(|digest| format!("contents/{digest}")).unwrap_or_default();
        let zh = format!("内容已被改动：与站点日志条目的摘要不符（{path}）");
        let en = format!("the content was altered: it is not the one the leaf names ({path})");
        self.refuse(index, "content", content_place(index, leaf), zh, en);
    }

    /// Says what the report rests on.
    pub(crate) fn rest_on(&mut self, windows: Option<Vec<Interval>>) {
        self.windows = windows;
    }

    /// Whether the report may rest on a record: everything but a batch whose clock says that all in it was read outside.
    fn is_needed(&self, header: &Header) -> bool {
        let Some(windows) = self.windows.as_ref().filter(|_| header.kind == Kind::Batch) else { return true };
        let Some(span) = read_at(header) else { return true };
        windows.iter().any(|window| span.from_ms <= window.to_ms && span.to_ms >= window.from_ms)
    }

    fn lacks(&mut self, header: &Header, received_ms: i64) {
        let is_needed = self.is_needed(header);
        let of = self.withheld.entry(header.gateway.to_string());
        let of = of.or_insert_with(|| Withheld::new(header.gateway.as_str(), received_ms));
        of.records += 1;
        of.readings += u64::from(header.readings);
        of.needed_records += u64::from(is_needed);
        of.needed_readings += if is_needed { u64::from(header.readings) } else { 0 };
        of.from_ms = of.from_ms.min(received_ms);
        of.to_ms = of.to_ms.max(received_ms);
    }

    /// Takes note of the content beside a record, or beside one in quarantine, of which only the digest counts.
    pub(crate) fn record(&mut self, index: u64, leaf: &Leaf, header: &Header, beside: Option<&Beside>) {
        let Some(beside) = beside else {
            let is_recorded = header.kind == Kind::Batch && matches!(leaf.body, LeafBody::Record { .. });
            self.batches_lacking += u64::from(is_recorded && self.is_needed(header));
            return self.lacks(header, leaf.received_ms);
        };
        self.name(beside.at);
        if beside.is_altered {
            return self.altered(index, leaf);
        }
        self.present += 1;
        if matches!(leaf.body, LeafBody::Quarantine { .. }) {
            return;
        }
        self.batches += u64::from(header.kind == Kind::Batch);
        let place = format!("leaf {index}");
        if let Some(e) = &beside.trouble {
            let (zh, en) = (format!("内容无法解析（{e}）"), format!("does not decode ({e})"));
            return self.refuse(index, "content", place, zh, en);
        }
        match beside.readings.filter(|_| header.kind == Kind::Batch) {
            Some(readings) if readings != u64::from(header.readings) => {
                let en = format!("{readings} readings where the header says {}", header.readings);
                self.refuse(index, "content", place, format!("读数数量不符：{en}"), en);
            }
            Some(readings) => self.readings += readings,
            None => {}
        }
    }

    /// Whether not one batch is in the bundle though the report rests on some: a bundle made to be small, not one that lacks what
    /// somebody would rather not show.
    pub(crate) fn is_without_readings(&self) -> bool {
        self.batches == 0 && self.batches_lacking > 0
    }

    /// Writes what was found, in the order of the log; returns what is not in the bundle.
    pub(crate) fn report(mut self, findings: &mut Vec<Finding>) -> Vec<Withheld> {
        // Stable: of one leaf in the order they were found.
        self.findings.sort_by_key(|(leaf, _)| *leaf);
        findings.extend(self.findings.into_iter().map(|(_, finding)| finding));
        let (present, readings) = (self.present, self.readings);
        let missing: u64 = self.withheld.values().map(|w| w.needed_records).sum();
        let outside = self.withheld.values().map(|w| w.records).sum::<u64>() - missing;
        let zh = format!("内容 {present} 份与站点日志一致，含 {readings} 条读数");
        let en = format!("{present} contents are those the log names, with {readings} readings");
        findings.push(Finding::ok("content", zh, en));
        if missing > 0 {
            let zh = format!("{missing} 份网关记录的内容未随包提供：相关数值只能由服务器陈述，不能复算");
            let en = format!(
                "the contents of {missing} records are not in the bundle: what rests on them is stated by the server, not recomputable"
            );
            findings.push(Finding::note("content", "contents", zh, en));
        }
        if outside > 0 {
            let zh = format!("报告期间以外 {outside} 份网关记录的内容未随包提供：报告数值不以其为据");
            let en = format!(
                "{outside} records outside the report's periods came without contents: nothing in the report rests on them"
            );
            findings.push(Finding::note("outside", "contents", zh, en));
        }
        self.withheld.into_values().collect()
    }
}

/// When the readings of a record were made, UTC ms, as its signed clock says; `None` where it was not set.
fn read_at(header: &Header) -> Option<Interval> {
    let clock = &header.clock;
    let (utc_ms, boot_ms) = match clock.server {
        Some(anchor) => (anchor.server_ms, anchor.boot_ms),
        None if clock.sync == SyncState::Synchronised => (clock.wall_ms, clock.boot_ms),
        None => return None,
    };
    let at = |ms: i64| utc_ms.saturating_add(ms.saturating_sub(boot_ms));
    Some(Interval { from_ms: at(header.first_ms), to_ms: at(header.last_ms) })
}

/// Reads every declaration of the log.
pub(crate) fn declared(bundle: &Bundle<'_>, contents: &mut Contents) -> Declared {
    let mut declared = Declared::default();
    for (index, leaf) in &bundle.leaves.stated {
        let LeafBody::Declaration { kind, digest, length } = &leaf.body else { continue };
        let (index, place) = (*index, format!("leaf {index}"));
        let at = bundle.archive.content_at(digest);
        if let Some(at) = at.filter(|at| bundle.archive.content_length(*at) != Some((*length).into())) {
            contents.name(at);
            contents.altered(index, leaf);
            continue;
        }
        if *length as usize > DECLARATION_MAX {
            let (zh, en) = (
                format!("填报无法读取（{length} 字节，最多 {DECLARATION_MAX}）"),
                format!("cannot be read ({length} bytes, at most {DECLARATION_MAX})"),
            );
            contents.refuse(index, "declaration", place, zh, en);
            continue;
        }
        let bytes = match at.map_or(Ok(None), |at| bundle.archive.content_of(at)) {
            Ok(Some(bytes)) => bytes,
            Ok(None) => {
                // A declaration moves numbers: one that is withheld could hide what it moved.
                let zh = format!("填报（{kind}）的内容缺失：contents/{digest}");
                let en = format!("the content of this {kind} declaration is missing: contents/{digest}");
                contents.refuse(index, "content", place, zh, en);
                continue;
            }
            Err(e) => {
                let zh = format!("填报（{kind}）的内容未能读取（{e}）");
                let en = format!("the content of this {kind} declaration could not be read ({e})");
                contents.refuse(index, "content", place, zh, en);
                continue;
            }
        };
        at.into_iter().for_each(|at| contents.name(at));
        if sha256(&bytes) != *digest {
            contents.altered(index, leaf);
            continue;
        }
        contents.present += 1;
        match Declaration::decode(&bytes) {
            Ok(declaration) if declaration.kind == *kind => {
                if let Err(e) = metrics::model::parse_body(kind, &declaration.body) {
                    contents.say(
                        index,
                        Finding::note(
                            "declaration",
                            place,
                            format!("此填报无效，未计入（{e}）"),
                            format!("this statement is not valid and moved nothing ({e})"),
                        ),
                    );
                }
                note_declaration(index, &declaration, &mut declared, contents);
                declared.statements.push((index, leaf.received_ms, declaration));
            }
            Ok(declaration) => {
                let en = format!("the leaf says {kind}, the declaration {}", declaration.kind);
                contents.refuse(index, "declaration", place, format!("填报种类不符：{en}"), en);
            }
            Err(e) => {
                let (zh, en) = (format!("填报无法读取（{e}）"), format!("cannot be read ({e})"));
                contents.refuse(index, "declaration", place, zh, en);
            }
        }
    }
    declared
}

/// Where an altered content stands, in words a person can find again.
fn content_place(index: u64, leaf: &Leaf) -> String {
    match &leaf.body {
        LeafBody::Record { header, .. } | LeafBody::Quarantine { header, .. } => {
            format!("leaf {index}: record {} of gateway {}", header.sequence, header.gateway)
        }
        LeafBody::Declaration { kind, .. } => format!("leaf {index}: declaration {kind}"),
        LeafBody::Epoch { .. } => format!("leaf {index}"),
    }
}

fn note_declaration(index: u64, declaration: &Declaration, declared: &mut Declared, contents: &mut Contents) {
    let text = |name: &str| declaration.body.get(name).and_then(|v| v.as_str());
    match declaration.kind.as_str() {
        "gateway_enrolled" => match (text("gateway"), text("key").map(PublicKey::from_hex)) {
            (Some(gateway), Some(Ok(key))) => {
                declared.keys.entry(gateway.to_owned()).or_default().push((index, key));
            }
            _ => {
                let en = "the enrolment names no usable key";
                contents.refuse(index, "gateway", format!("leaf {index}"), "网关入网条目没有可用的密钥", en);
            }
        },
        "gateway_revoked" => match text("gateway") {
            Some(gateway) => {
                let reason = declaration.reason.clone();
                declared.revoked.entry(gateway.to_owned()).or_default().push((index, reason));
            }
            None => {
                let en = "the revocation names no gateway";
                contents.refuse(index, "gateway", format!("leaf {index}"), "网关停用条目没有写明网关", en);
            }
        },
        "site" => {
            let simulated = declaration.body.get("simulated").and_then(serde_json::Value::as_bool);
            declared.simulated |= simulated == Some(true);
        }
        _ => {}
    }
}
