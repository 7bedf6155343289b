//! Sticks as they come: whole, again, cut off, altered, with a hole, and a stranger's.

use std::io::Write as _;

use protocol::carry::Writer;
use protocol::{Declaration, LeafBody, Receipt, SecretKey};

use serde_json::json;

use super::super::{Request, execute as perform};
use super::*;
use crate::config::Config;
use crate::ingest::Answer;
use crate::ingest::accept::CARRIED;
use crate::ingest::testing::TestGateway;
use crate::run::Evidence;
use crate::state::Clock;
use crate::testing::{Inside, NOW_MS, inside};

pub(crate) const SITE: &str = "stick-works";

/// A site whose gateway has sealed records and no network.
pub(crate) struct Bench {
    pub(crate) inside: Inside,
    pub(crate) gateway: TestGateway,
    pub(crate) records: Vec<Record>,
    folder: tempfile::TempDir,
}

impl Bench {
    pub(crate) async fn new(count: usize) -> Self {
        let inside = inside().await;
        inside
            .admin(Request::SiteAdd {
                site: SITE.parse().expect("id"),
                name_zh: "离线厂".into(),
                name_en: None,
                city: String::new(),
                district: String::new(),
                sub_sector: String::new(),
                zone: "Asia/Shanghai".into(),
                simulated: false,
            })
            .await;
        let mut gateway = TestGateway::new(SITE, "gw-1");
        inside.context.logs.append_declaration(&gateway.site, &gateway.enrolment()).await.expect("enrolled");
        let records = (0..count).map(|_| gateway.next()).collect();
        Self { inside, gateway, records, folder: tempfile::tempdir().expect("folder") }
    }

    pub(crate) fn file_of(&self, records: &[Record]) -> Vec<u8> {
        let sequence = |record: Option<&Record>| record.map_or(0, |record| record.header().sequence);
        let (first, last) = (sequence(records.first()), sequence(records.last()));
        let cargo = Cargo::Records { chain: self.gateway.chain, first, last };
        let head = Head { site: self.gateway.site.clone(), gateway: self.gateway.id.clone(), cargo };
        let mut writer = Writer::new(Vec::new(), &head).expect("memory");
        records.iter().for_each(|record| writer.message(&record.encode()).expect("memory"));
        writer.finish().expect("memory")
    }

    async fn import(&self, bytes: &[u8]) -> Result<Reply, String> {
        let file = self.folder.path().join("a.records");
        File::create(&file).and_then(|mut file| file.write_all(bytes)).expect("written");
        perform(&self.inside.context, Request::Carried { file }).await.map_err(|error| error.to_string())
    }

    /// What the gateway would read in the reply.
    fn receipt(&self, reply: &Reply) -> (Answered, Receipt) {
        let answered: Answered = serde_json::from_str(&reply.data).expect("data");
        let last = BASE64.decode(answered.messages.last().expect("a receipt").as_bytes()).expect("base64");
        let key = self.inside.context.logs.key().secret().public();
        match ServerMessage::verify(&last, &key).expect("signed by the log") {
            ServerMessage::Receipt(receipt) => (answered, receipt),
            ServerMessage::Refusal(refusal) => panic!("{refusal:?}"),
        }
    }

    /// First, last and file of every statement of carriage, in order of the log; each stands right behind the records it speaks of.
    fn stated(&self) -> Vec<(u64, u64, String)> {
        let (stated, newest): (Vec<_>, Vec<_>) = self.stated_behind().into_iter().unzip();
        assert!(stated.iter().zip(newest).all(|((_, last, _), newest)| Some(*last) == newest), "{stated:?}");
        stated
    }

    /// The same wherever they stand, each with the sequence of the last record before it.
    fn stated_behind(&self) -> Vec<((u64, u64, String), Option<u64>)> {
        let logs = &self.inside.context.logs;
        let size = logs.size(&self.gateway.site).expect("size");
        let leaves = logs.leaves(&self.gateway.site, 0..size).expect("leaves");
        let mut stated = Vec::new();
        let mut newest = None;
        for leaf in leaves {
            match leaf.body {
                LeafBody::Record { header, .. } => newest = Some(header.sequence),
                LeafBody::Declaration { kind, digest, .. } if kind == CARRIED => {
                    let content = logs.content(&self.gateway.site, &digest).expect("read").expect("there");
                    let body = Declaration::decode(&content).expect("declaration").body;
                    assert_eq!((&body["gateway"], &body["chain"]), (&json!("gw-1"), &json!(self.gateway.chain)));
                    let (first, last) = (body["first"].as_u64().expect("first"), body["last"].as_u64());
                    let file = body["file"].as_str().unwrap_or_default().to_owned();
                    stated.push(((first, last.expect("last"), file), newest));
                }
                _ => {}
            }
        }
        stated
    }

    /// The server dies, or stops, and starts again.
    async fn restarted(mut self) -> Self {
        self.inside.evidence.close().await;
        let Inside { folder, evidence, mut context, state, stop } = self.inside;
        stop.cancel();
        drop(evidence);
        let config = Config::load(&folder.path().join("server.toml")).expect("config");
        let evidence = Evidence::open(&config, &Clock::new(|| NOW_MS)).await.expect("opened again");
        (context.logs, context.ingest) = (evidence.logs.clone(), evidence.ingest.clone());
        context.store = evidence.store.clone();
        self.inside = Inside { folder, evidence, context, state, stop };
        self
    }

    pub(crate) async fn close(self) {
        self.inside.evidence.close().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_taken_receipted_stated_and_harmless_the_second_time() {
    let bench = Bench::new(70).await;
    let file = bench.file_of(&bench.records);
    let reply = bench.import(&file).await.expect("taken");
    assert!(reply.en.contains("records 0–69: 70 taken, 0 were there already"), "{reply:?}");
    assert!(reply.zh.contains("新接收 70 条，此前已有 0 条"), "{reply:?}");
    let (answered, receipt) = bench.receipt(&reply);
    assert!(answered.whole && answered.messages.len() == 1);
    assert_eq!(receipt.through, Some((bench.gateway.chain, 69, bench.records[69].digest())));
    assert_eq!(receipt.logged, Some(69), "under the checkpoint that goes along: the gateway may let go of it");
    let digest = protocol::sha256(&file).to_string();
    assert_eq!(bench.stated(), [(0, 69, digest.clone())]);

    let again = bench.import(&file).await.expect("harmless");
    assert!(again.en.contains("0 taken, 70 were there already"), "{again:?}");
    assert_eq!(bench.receipt(&again).1.through, receipt.through);
    assert_eq!(bench.stated(), [(0, 69, digest)], "nothing was carried the second time");
    let by_hand = super::super::check_statement(CARRIED, &json!({}));
    assert!(by_hand.is_err(), "only the server states it");
    bench.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stick_pulled_out_half_way_gives_every_whole_record_and_says_what_is_missing() {
    let bench = Bench::new(6).await;
    let file = bench.file_of(&bench.records);
    let mut held = 0;
    for cut in (0..file.len()).step_by(17) {
        match bench.import(&file[..cut]).await {
            Ok(reply) => {
                let (answered, receipt) = bench.receipt(&reply);
                let through = receipt.through.map_or(0, |(_, sequence, _)| sequence + 1);
                assert!(!answered.whole && through >= held, "{reply:?}");
                held = through;
                if held < 6 {
                    assert!(
                        reply.zh.contains(&format!("文件不完整（多为存储盘中途被拔出）：缺第 {held}–5 号")),
                        "{reply:?}"
                    );
                    let en = format!(
                        "The file is cut off (usually a stick pulled out half-way): records {held}–5 are missing"
                    );
                    assert!(reply.en.contains(&en) && reply.en.contains("Nothing is lost at the gateway"), "{reply:?}");
                }
            }
            Err(refused) => {
                assert!(held == 0 && cut < 200, "{cut}: {refused}");
                assert!(
                    refused.contains("在开头就中断了，里面没有记录")
                        && refused.contains("cut off at its very beginning")
                );
            }
        }
    }
    assert_eq!(held, 6, "the last cut is behind the last record");
    let reply = bench.import(&file).await.expect("taken");
    assert!(bench.receipt(&reply).0.whole, "{reply:?}");
    let stated = bench.stated();
    assert!(stated.len() > 1 && stated[0].0 == 0 && stated[stated.len() - 1].1 == 5, "{stated:?}");
    assert!(stated.windows(2).all(|pair| pair[1].0 == pair[0].1 + 1), "each record is carried once: {stated:?}");
    bench.close().await;
}

/// Gives what it has, then fails as a stick does that was pulled out.
struct Pulled(io::Cursor<Vec<u8>>);

impl Read for Pulled {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.0.read(buffer)? {
            0 => Err(io::Error::other("Input/output error")),
            count => Ok(count),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stick_pulled_out_while_it_is_read_is_put_back_and_read_again() {
    let bench = Bench::new(6).await;
    let file = bench.file_of(&bench.records);
    let pulled = Pulled(io::Cursor::new(file[..file.len() * 2 / 3].to_vec()));
    let reader = Reader::open(pulled).expect("read").expect("ours").expect("a head");
    let (ingest, chain, head) = (bench.inside.context.ingest.clone(), bench.gateway.chain, reader.head().clone());
    let brought = tokio::task::spawn_blocking(move || bring(&ingest, reader, chain)).await.expect("read");
    let read = brought.count;
    assert!((1..6).contains(&read) && !brought.is_whole(5), "{read}");
    let said = brought.told(&head, 0, 5);
    let (zh, en) = (format!("读到第 {read} 号时读不下去了"), format!("It cannot be read from record {read} on"));
    assert!(said.zh.contains(&zh) && said.zh.contains("已接收的都在；请插好存储盘，重新导入同一文件"), "{said:?}");
    assert!(said.en.contains(&en) && said.en.contains("What was taken stays; put the stick back"), "{said:?}");
    let reply = bench.import(&file).await.expect("taken");
    assert!(reply.en.contains(&format!("{} taken, {read} were there already", 6 - read)), "{reply:?}");
    bench.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_dies_between_the_records_and_their_statement_makes_it_at_its_next_start() {
    let bench = Bench::new(6).await;
    let (context, gateway) = (&bench.inside.context, &bench.gateway);
    let begun = |held| Begun {
        site: gateway.site.clone(),
        gateway: gateway.id.clone(),
        chain: gateway.chain,
        first: 0,
        last: 5,
        held,
        by: Issuer { author: "zhao.lei".into(), role: "firm".into() },
        came: None,
    };
    let _dies_with_it = begun(None).note(&context.data_dir).expect("noted");
    for record in &bench.records[..4] {
        let submitted = context.ingest.submit_carried(gateway.site.clone(), gateway.id.clone(), record.encode()).await;
        assert!(matches!(submitted, Ok(Outcome::Taken { .. })));
    }
    let _brought_nothing = begun(Some((gateway.chain, 3))).note(&context.data_dir).expect("noted");
    assert!(bench.stated().is_empty());

    let bench = bench.restarted().await;
    assert_eq!(bench.stated(), [(0, 3, String::new())], "marked as carried, and only what came");
    let bench = bench.restarted().await;
    assert_eq!(bench.stated().len(), 1, "once");
    let file = bench.file_of(&bench.records);
    let reply = bench.import(&file).await.expect("taken");
    assert!(bench.receipt(&reply).0.whole, "{reply:?}");
    let digest = protocol::sha256(&file).to_string();
    assert_eq!(bench.stated(), [(0, 3, String::new()), (4, 5, digest)]);
    let bench = bench.restarted().await;
    assert_eq!(bench.stated().len(), 2, "an import that ended leaves no note");
    bench.close().await;
}

/// The file was to hold six records and ended behind the second; its statement could not be written; the network brought the others.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_file_brought_is_stated_at_the_next_start_and_not_what_came_otherwise() {
    let bench = Bench::new(6).await;
    let (context, gateway) = (&bench.inside.context, &bench.gateway);
    let (site, id) = (gateway.site.clone(), gateway.id.clone());
    let by = Issuer { author: "zhao.lei".into(), role: "firm".into() };
    let begun = Begun { site, gateway: id, chain: gateway.chain, first: 0, last: 5, held: None, by, came: None };
    let note = begun.note(&context.data_dir).expect("noted");
    for record in &bench.records[..2] {
        let submitted = context.ingest.submit_carried(gateway.site.clone(), gateway.id.clone(), record.encode()).await;
        assert!(matches!(submitted, Ok(Outcome::Taken { .. })));
    }
    let file = protocol::sha256(b"the stick");
    note.came(&begun, Came { taken: vec![(0, 1)], file }).expect("noted");
    for record in &bench.records[2..] {
        let submitted = context.ingest.submit(gateway.site.clone(), gateway.id.clone(), record.encode()).await;
        assert!(matches!(submitted, Ok(Answer::Answered)));
    }
    let bench = bench.restarted().await;
    assert_eq!(bench.stated_behind(), [((0, 1, file.to_string()), Some(5))], "what the stick brought, and no more");
    let bench = bench.restarted().await;
    assert_eq!(bench.stated_behind().len(), 1, "once");
    bench.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_altered_file_brings_nothing_that_was_not_signed() {
    let bench = Bench::new(6).await;
    let file = bench.file_of(&bench.records);
    for at in (0..file.len()).step_by(23).chain([file.len() - 1]) {
        let mut altered = file.clone();
        altered[at] ^= 0x5a;
        if let Ok(reply) = bench.import(&altered).await {
            assert!(!bench.receipt(&reply).0.whole, "byte {at}: {reply:?}");
        }
    }
    let reply = bench.import(&file).await.expect("taken");
    let (answered, receipt) = bench.receipt(&reply);
    assert!(answered.whole);
    assert_eq!(receipt.through, Some((bench.gateway.chain, 5, bench.records[5].digest())));
    let ours: Vec<_> = bench.records.iter().map(Record::digest).collect();
    let size = bench.inside.context.logs.size(&bench.gateway.site).expect("size");
    for leaf in bench.inside.context.logs.leaves(&bench.gateway.site, 0..size).expect("leaves") {
        if let LeafBody::Record { header_bytes, signature, .. } = &leaf.body {
            assert!(ours.contains(&protocol::record::record_digest(header_bytes, signature)));
        }
        assert!(!matches!(leaf.body, LeafBody::Quarantine { .. }));
    }
    bench.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_taken_is_told_with_its_number_and_the_rest_is_not_tried() {
    let bench = Bench::new(6).await;
    let reply = bench.import(&bench.file_of(&bench.records[2..])).await.expect("read");
    assert!(reply.en.contains("Record 2 was not taken: it is out of order, record 0 is awaited"), "{reply:?}");
    assert!(reply.zh.contains("第 2 号没有接收：次序不连续，在等第 0 号：请先导入含有它的文件"), "{reply:?}");
    let (answered, receipt) = bench.receipt(&reply);
    assert!(!answered.whole && receipt.through.is_none() && answered.messages.len() == 2);
    let refusal = BASE64.decode(answered.messages[0].as_bytes()).expect("base64");
    let key = bench.inside.context.logs.key().secret().public();
    let Ok(ServerMessage::Refusal(refusal)) = ServerMessage::verify(&refusal, &key) else { panic!("no refusal") };
    assert_eq!((refusal.sequence, refusal.number, refusal.digest), (2, 0, bench.records[2].digest()));
    assert!(bench.stated().is_empty());

    let mut forger = TestGateway::new(SITE, "gw-1");
    forger.key = SecretKey::from_seed(&[9; 32]);
    let forged = bench.file_of(&[forger.next(), forger.next()]);
    let reply = bench.import(&forged).await.expect("read");
    assert!(reply.en.contains("Record 0 was not taken: its signature does not fit"), "{reply:?}");
    assert!(reply.zh.contains("第 0 号没有接收：签名与登记的网关密钥不符"), "{reply:?}");
    bench.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_not_ours_is_told_in_both_languages() {
    let bench = Bench::new(1).await;
    let head = |site: &str, gateway: &str, cargo| {
        let head = Head { site: site.parse().expect("id"), gateway: gateway.parse().expect("id"), cargo };
        Writer::new(Vec::new(), &head).and_then(Writer::finish).expect("memory")
    };
    let records = Cargo::Records { chain: bench.gateway.chain, first: 0, last: 0 };
    for (bytes, zh, en) in [
        (
            b"PK\x03\x04 something else".to_vec(),
            "不是网关导出的记录文件",
            "is no file of records that a gateway exported",
        ),
        (
            head(SITE, "gw-1", Cargo::Receipts {}),
            "是给网关的回执文件，不是记录",
            "holds receipts for the gateway, no records",
        ),
        (head("nowhere", "gw-1", records), "没有站点 nowhere", "there is no site nowhere"),
        (head(SITE, "gw-9", records), "没有登记网关 gw-9", "no gateway gw-9 is enrolled at"),
    ] {
        let refused = bench.import(&bytes).await.expect_err("refused");
        assert!(refused.contains(zh) && refused.contains(en), "{refused}");
    }
    let folder = Request::Carried { file: bench.folder.path().to_owned() };
    let refused = perform(&bench.inside.context, folder).await.expect_err("refused").to_string();
    assert!(refused.contains("not a plain file"), "{refused}");
    let gone = Request::Carried { file: bench.folder.path().join("gone") };
    let refused = perform(&bench.inside.context, gone).await.expect_err("refused").to_string();
    assert!(refused.contains("若存储盘被拔出，请插好后重新导入同一文件"), "{refused}");
    assert!(refused.contains("put it back and import the same file again"), "{refused}");
    bench.close().await;
}
