//! Records that came on a stick, from a gateway without a network.
//!
//! Constraints
//! 1. They are judged as those that come over the network are, one after the other, by the same code; what a file says of itself
//!    decides nothing. Whatever is there already does no harm.
//! 2. What was taken is stated in the log behind it ([`CARRIED`]), with the digest of the file: a reader sees why there are days between
//!    readings and receipt. The receipt that goes back is the gateway's ordinary one, under a checkpoint that covers what was taken.
//! 3. A file is a stranger's: read in one pass, [`UNDER_WAY`] records in memory. One that was cut off gives every whole record before the
//!    cut, and the answer says which are missing.
//! 4. The first record that is not taken ends the file: what stands behind it cannot be the next of its chain.
//! 5. Once the first record is handed in, the import goes on to its statement, whether or not anybody waits for the answer; should the
//!    server die before, the next start makes it ([`unfinished`]).

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;

use data_encoding::BASE64;
use protocol::carry::{Cargo, End, Head, Piece, Reader};
use protocol::{ChainId, Content, Digest, GatewayId, Record, Refusal, ServerMessage, SiteId};
use serde::{Deserialize, Serialize};
use tokio::sync::oneshot::Receiver;
use unfinished::{Begun, Came, Note};

use super::{AdminError, Context, OPERATOR, Reply, invalid, known_site};
use crate::evaluate::said::Said;
use crate::ingest::accept::Refused;
use crate::ingest::{Ingest, Outcome};
use crate::reporting::Issuer;
use crate::sitelog::LogError;

pub(crate) mod unfinished;

/// What goes back to the gateway, as [`Reply::data`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answered {
    /// Of whom the messages are.
    pub head: Head,
    /// Signed server messages, base64: a refusal if there was one, then the receipt.
    pub messages: Vec<String>,
    /// Everything the file was to hold is in the log.
    pub whole: bool,
}

/// What a file's records came to.
struct Brought {
    /// First and last sequences that were new: one range, unless the network brought some meanwhile.
    taken: Vec<(u64, u64)>,
    /// How many were new.
    count: u64,
    known: u64,
    /// The first that was not taken.
    refused: Option<(Named, Outcome)>,
    /// The last sequence that was read.
    read: Option<u64>,
    /// How the file ended, or what the disk said.
    end: io::Result<End>,
    file: Digest,
}

/// A record that was handed in.
#[derive(Clone, Copy)]
struct Named {
    first: u64,
    last: u64,
    digest: Digest,
}

/// Imports one file, by the operator.
pub(super) async fn execute(context: &Context, path: &Path, now_ms: i64) -> Result<Reply, AdminError> {
    let shown = path.display().to_string();
    let by = Issuer { author: OPERATOR.to_owned(), role: "administrator".to_owned() };
    let file = open(path).map_err(|error| unreadable(&shown, &error))?;
    let (answered, said) = import(context, file, &shown, None, by, now_ms).await?;
    let data = serde_json::to_string(&answered).map_err(|e| invalid(e.to_string(), e.to_string()))?;
    Ok(Reply { data, zh: said.zh, en: said.en })
}

fn unreadable(shown: &str, error: &io::Error) -> AdminError {
    invalid(
        format!(
            "读不了 {shown}：{error}。已接收的记录都在；若存储盘被拔出，请插好后重新导入同一文件，重复导入没有影响"
        ),
        format!(
            "cannot read {shown}: {error}. What was taken stays; if the stick was pulled out, put it back and import the same file again: importing twice does no harm"
        ),
    )
}

/// Takes the records of a file, called `shown` in what is said; with `only`, of no other site than that.
///
/// # Errors
/// Why nothing of it can be taken. What becomes of its records is said in the answer.
pub async fn import(
    context: &Context,
    file: File,
    shown: &str,
    only: Option<&SiteId>,
    by: Issuer,
    now_ms: i64,
) -> Result<(Answered, Said), AdminError> {
    let opened = Reader::open(BufReader::new(file)).map_err(|error| unreadable(shown, &error))?;
    let reader = match opened {
        Ok(Some(reader)) => reader,
        Ok(None) => {
            return Err(invalid(
                format!("{shown} 在开头就中断了，里面没有记录。网关上什么也没有丢失：请在网关上重新导出"),
                format!(
                    "{shown} is cut off at its very beginning and holds no records. Nothing is lost at the gateway: export again there"
                ),
            ));
        }
        Err(error) => {
            return Err(invalid(
                format!(
                    "{shown} 不是网关导出的记录文件（{error}）。请选择 *.records 文件；若确是该文件，请在网关上重新导出"
                ),
                format!(
                    "{shown} is no file of records that a gateway exported ({error}). Choose a *.records file; if it is one, export again at the gateway"
                ),
            ));
        }
    };
    let head = reader.head().clone();
    let Cargo::Records { chain, first, last } = head.cargo else {
        return Err(invalid(
            format!("{shown} 是给网关的回执文件，不是记录：请拿到网关 {} 上读入", head.gateway),
            format!("{shown} holds receipts for the gateway, no records: take it to {}", head.gateway),
        ));
    };
    if let Some(only) = only.filter(|only| **only != head.site) {
        return Err(invalid(
            format!("{shown} 是另一站点的记录，不属于 {only}：请到它自己的站点页面导入"),
            format!("{shown} holds records of another site than {only}: import it on that site's page"),
        ));
    }
    known_site(context, &head.site).await?;
    if let Some(error) = context.logs.why_closed(&head.site) {
        return Err(error.into());
    }
    if context.ingest.gateway_keys(&head.site, &head.gateway).is_none() {
        let (site, gateway) = (&head.site, &head.gateway);
        return Err(invalid(
            format!("站点 {site} 没有登记网关 {gateway}：请先让它入网，或核对存储盘是否拿错"),
            format!(
                "no gateway {gateway} is enrolled at {site}: enrol it first, or check whether this is the right stick"
            ),
        ));
    }
    let held = unfinished::held(&context.logs, &context.ingest, &head.site, &head.gateway).await?;
    let (site, gateway) = (head.site.clone(), head.gateway.clone());
    let begun = Begun { site, gateway, chain, first, last, held, by, came: None };
    let note = begun.note(&context.data_dir).map_err(LogError::from)?;
    let context = context.clone();
    let taking = async move { take(&context, reader, &begun, note, now_ms).await };
    tokio::spawn(taking).await.map_err(|_| LogError::Unavailable)?
}

/// Hands the records in, states what was taken, and answers.
async fn take(
    context: &Context,
    reader: Reader<BufReader<File>>,
    begun: &Begun,
    note: Note,
    now_ms: i64,
) -> Result<(Answered, Said), AdminError> {
    let head = reader.head().clone();
    let (ingest, chain) = (context.ingest.clone(), begun.chain);
    let brought = tokio::task::spawn_blocking(move || bring(&ingest, reader, chain)).await;
    let brought = brought.map_err(|_| LogError::Unavailable)?;
    if let Err(error) = note.came(begun, Came { taken: brought.taken.clone(), file: brought.file }) {
        // The note as it is states no more than the file was to hold.
        tracing::warn!(%error, "What a carried file brought was not noted.");
    }
    for range in &brought.taken {
        context.logs.append_declaration(&head.site, &begun.statement(*range, Some(brought.file), now_ms)).await?;
    }
    note.done();
    let receipt = receipt(context, &head.site, &head.gateway).await?;
    let refusal = brought.refused.as_ref().and_then(|(named, outcome)| match outcome {
        Outcome::Refused(refused) => Some(refusal(context, &head, chain, *named, refused)),
        Outcome::Taken { .. } | Outcome::Repeated | Outcome::Unavailable => None,
    });
    let said = brought.told(&head, begun.first, begun.last);
    let answered = Answered {
        head: Head { cargo: Cargo::Receipts {}, ..head },
        messages: refusal.iter().chain([&receipt]).map(|message| BASE64.encode(message)).collect(),
        whole: brought.is_whole(begun.last),
    };
    Ok((answered, said))
}

/// What goes back to a gateway: its receipt, under a checkpoint that covers everything taken so far.
///
/// # Errors
/// When the site's log cannot be written or is closed.
pub async fn receipt(context: &Context, site: &SiteId, gateway: &GatewayId) -> Result<Vec<u8>, LogError> {
    let (logs, of) = (context.logs.clone(), site.clone());
    tokio::task::spawn_blocking(move || logs.publish_now(&of)).await.map_err(|_| LogError::Unavailable)??;
    context.ingest.greet(site.clone(), gateway.clone()).await.map_err(|_| LogError::Unavailable)
}

/// Opens a plain file: whatever else lies on a stick could keep us waiting.
fn open(path: &Path) -> io::Result<File> {
    if !path.metadata()?.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a plain file"));
    }
    File::open(path)
}

/// Hands every record in, in order. Blocks.
fn bring(ingest: &Ingest, mut reader: Reader<impl Read>, chain: ChainId) -> Brought {
    let (site, gateway) = (reader.head().site.clone(), reader.head().gateway.clone());
    let mut brought = Brought {
        taken: Vec::new(),
        count: 0,
        known: 0,
        refused: None,
        read: None,
        end: Ok(End::Cut),
        file: Digest::ZERO,
    };
    let mut under_way: VecDeque<(Named, Receiver<Outcome>)> = VecDeque::new();
    while brought.refused.is_none() {
        match reader.next_piece() {
            Ok(Piece::Message(bytes)) => {
                let Some(named) = named(&bytes, reader.head(), chain) else {
                    brought.end = Ok(End::Damaged);
                    break;
                };
                brought.read = Some(named.last);
                under_way.push_back((named, ingest.submit_carried(site.clone(), gateway.clone(), bytes)));
                if under_way.len() >= UNDER_WAY {
                    brought.settle(under_way.pop_front());
                }
            }
            ended => {
                brought.end = ended.map(|piece| match piece {
                    Piece::End(end) => end,
                    Piece::Message(_) => End::Damaged,
                });
                break;
            }
        }
    }
    while !under_way.is_empty() {
        brought.settle(under_way.pop_front());
    }
    brought.file = reader.digest();
    brought
}

/// What a record stands for; `None` for bytes that are no record of this head.
fn named(bytes: &[u8], head: &Head, chain: ChainId) -> Option<Named> {
    let record = Record::decode(bytes).ok()?;
    let header = record.header();
    if header.site != head.site || header.gateway != head.gateway || header.chain != chain {
        return None;
    }
    let last = match record.content() {
        Ok(Content::Lost(lost)) => lost.to,
        _ => header.sequence,
    };
    Some(Named { first: header.sequence, last, digest: record.digest() })
}

impl Brought {
    fn settle(&mut self, waiting: Option<(Named, Receiver<Outcome>)>) {
        let Some((named, outcome)) = waiting else { return };
        // A server that stops answers nobody.
        match outcome.blocking_recv().unwrap_or(Outcome::Unavailable) {
            Outcome::Taken { .. } => {
                self.count += 1;
                match self.taken.last_mut() {
                    Some((_, last)) if *last + 1 == named.first => *last = named.last,
                    _ => self.taken.push((named.first, named.last)),
                }
            }
            Outcome::Repeated => self.known += 1,
            not_taken => drop(self.refused.get_or_insert((named, not_taken))),
        }
    }

    fn is_whole(&self, last: u64) -> bool {
        self.refused.is_none() && matches!(self.end, Ok(End::Whole)) && self.read >= Some(last)
    }

    fn told(&self, head: &Head, first: u64, last: u64) -> Said {
        let (site, gateway, count, known) = (&head.site, &head.gateway, self.count, self.known);
        let mut zh = format!("{site}/{gateway} 第 {first}–{last} 号记录：新接收 {count} 条，此前已有 {known} 条");
        let mut en = format!("{site}/{gateway} records {first}–{last}: {count} taken, {known} were there already");
        let mut add = |said: Said| {
            zh.push_str(&format!("。\n{}", said.zh));
            en.push_str(&format!(".\n{}", said.en));
        };
        if let Some((named, outcome)) = &self.refused {
            let (number, why) = (named.first, why(outcome));
            return Said::new(
                format!("{zh}。\n第 {number} 号没有接收：{}；其后的记录未再尝试，网关上都还在", why.zh),
                format!(
                    "{en}.\nRecord {number} was not taken: {}; what stands behind it was not tried. The gateway still has all of it",
                    why.en
                ),
            );
        }
        let missing = self.read.map_or(first, |read| read + 1);
        let again = Said::new(
            "网关上什么也没有丢失：请在网关上重新导出，再导入一次",
            "Nothing is lost at the gateway: export again there and import once more",
        );
        match &self.end {
            Ok(End::Whole) if missing > last => {}
            Ok(End::Whole | End::Cut) => add(Said::new(
                format!(
                    "文件不完整（多为存储盘中途被拔出）：缺第 {missing}–{last} 号，其余完整的记录都已处理。{}",
                    again.zh
                ),
                format!(
                    "The file is cut off (usually a stick pulled out half-way): records {missing}–{last} are missing, every whole record was dealt with. {}",
                    again.en
                ),
            )),
            Ok(End::Damaged) => add(Said::new(
                format!("文件已损坏或被改动：第 {missing} 号起的内容不可用，之前的记录凭各自签名处理。{}", again.zh),
                format!(
                    "The file is damaged or was changed: from record {missing} on it cannot be used; the records before it stand by their signatures. {}",
                    again.en
                ),
            )),
            Err(error) => add(Said::new(
                format!("读到第 {missing} 号时读不下去了：{error}。已接收的都在；请插好存储盘，重新导入同一文件"),
                format!(
                    "It cannot be read from record {missing} on: {error}. What was taken stays; put the stick back and import the same file again"
                ),
            )),
        }
        Said::new(zh, en)
    }
}

/// Why a record was not taken, and what to do.
fn why(outcome: &Outcome) -> Said {
    use protocol::RefusalReason as Reason;
    let Outcome::Refused(refused) = outcome else {
        return Said::new(
            "服务器此刻写不进磁盘；请腾出空间后重新导入同一文件",
            "the server cannot write to its disk now; make room and import the same file again",
        );
    };
    let number = refused.number;
    match refused.reason {
        Reason::BadSignature => Said::new(
            "签名与登记的网关密钥不符（文件被改动，或来自另一台设备）",
            "its signature does not fit the gateway's enrolled key (the file was changed, or another box wrote it)",
        ),
        Reason::UnknownGateway => Said::new("站点没有登记这台网关", "no such gateway is enrolled at the site"),
        Reason::Revoked => Said::new("这台网关已停用；需重新入网", "the gateway was revoked; enrol it again"),
        Reason::OutOfOrder => Said::new(
            format!("次序不连续，在等第 {number} 号：请先导入含有它的文件，或在网关上重新导出"),
            format!(
                "it is out of order, record {number} is awaited: import the file that holds it first, or export again at the gateway"
            ),
        ),
        Reason::Conflict => Said::new(
            "同一序号已有另一条签名有效的记录，已隔离留证：可能启动了旧镜像，或有另一台设备使用同一密钥",
            "another validly signed record with this number is held, this one was set apart as evidence: an old disk image was started, or another box uses the same key",
        ),
        Reason::Simulated => Said::new(
            "它使用模拟时间，而站点不是模拟站点",
            "it has simulated time, and the site was not created as simulated",
        ),
        Reason::StorageFull => Said::new(
            "服务器磁盘已满，或站点日志损坏；修复后重新导入同一文件",
            "the server's disk is full or the site's log is damaged; put that right and import the same file again",
        ),
        Reason::TooLarge | Reason::Malformed => Said::new(
            format!("内容不符合格式（{}）：请比较网关与服务器的版本", refused.detail),
            format!("it is not as the format says ({}): compare the versions of agent and server", refused.detail),
        ),
    }
}

/// The refusal as the gateway would have heard it.
fn refusal(context: &Context, head: &Head, chain: ChainId, named: Named, refused: &Refused) -> Vec<u8> {
    let refusal = Refusal {
        site: head.site.clone(),
        gateway: head.gateway.clone(),
        chain,
        sequence: named.first,
        digest: named.digest,
        reason: refused.reason,
        retry: refused.retry,
        server_ms: context.clock.now_ms(),
        number: refused.number,
        detail: refused.detail.clone(),
    };
    ServerMessage::Refusal(refusal).sign(context.logs.key().secret())
}

/// Records handed in and not answered: the journal takes them in groups.
const UNDER_WAY: usize = 64;
/// The reason of the statement; documents have it in both languages.
const REASON: &str = "carried on a stick";

#[cfg(test)]
pub(crate) mod tests;
