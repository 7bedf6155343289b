//! The bundle that everything is done to: a firm with two gateways under a locked plan, with every kind of statement, a gateway that
//! changes its key and loses a record, a clone in quarantine, a day nobody needs whose content is withheld, cosigned by two
//! witnesses, and a reader who kept checkpoints from earlier.

use std::sync::LazyLock;

use metrics::ReportRequest;
use metrics::filed::OpinionBy;
use metrics::report::{FilingAsked, RouteAsked, RuleAsked, Words};
use protocol::SecretKey;
use protocol::cosignature::WitnessKey;
use protocol::note::VerifierKey;
use serde_json::{Value as Json, json};
use verify::{KeptCheckpoints, Trust, Verdict};

use super::forge::Copy;
use super::site::Site;
use crate::fixture::SITE;

pub const SERVER: &str = "test.example";
pub const GATEWAYS: [&str; 2] = ["gw-1", "gw-2"];
pub const PLAN: &str = "retrofit";
/// Days before, and days after: few, so that a thousand bundles are read in seconds.
const FEW: i64 = 5;
/// So many that a verdict can be given.
const MANY: i64 = 32;
/// A reader kept a checkpoint of every so many leaves, and the newest.
const KEPT_EVERY: usize = 10;

pub struct Corpus {
    /// Everything in the bundle, taken apart.
    pub copy: Copy,
    pub log_key: SecretKey,
    /// By gateway: the key it was enrolled with.
    pub gateway_keys: Vec<SecretKey>,
    pub witness_keys: [SecretKey; 2],
    /// When the witnesses signed, Unix seconds.
    pub cosigned: u64,
    /// Knows the keys of log and gateways, and no witness.
    pub keys: Trust,
    /// Requires two witnesses.
    pub witnessed: Trust,
    /// A file of checkpoints kept from earlier, and their sizes.
    pub kept_file: String,
    pub kept_sizes: Vec<usize>,
}

pub static CORPUS: LazyLock<Corpus> = LazyLock::new(|| Corpus::new(FEW));
/// The same over a time that suffices: the target is met.
pub static MET: LazyLock<Corpus> = LazyLock::new(|| Corpus::new(MANY));

/// The first again, packed without readings.
pub static LIGHT: LazyLock<Corpus> = LazyLock::new(|| {
    let mut corpus = Corpus::new(FEW);
    corpus.copy.is_light = true;
    corpus
});

/// What the report is about: everything of the plan, and the filed plan under its rule.
pub fn request(size: u64) -> ReportRequest {
    let opinions = vec![OpinionBy::District, OpinionBy::Centre, OpinionBy::City];
    let change = Some(RouteAsked { article: "第十三条".into(), opinions, together: 1 });
    let names = Words::from(("某市办法", "A city's rules"));
    let rule =
        RuleAsked { id: "city-1".into(), names, number: Some("某工信〔2024〕1号".into()), draft: false, change };
    let filings = vec![FilingAsked { filing: "f1".into(), rule: Some(rule) }];
    ReportRequest { filings, onsite: true, deviations: true, ..ReportRequest::for_plan(size, PLAN) }
}

pub fn witness_name(n: usize) -> String {
    format!("w{}.example", n + 1)
}

impl Corpus {
    fn new(side: i64) -> Self {
        let site = Site::filled(side);
        let key = |seed: u8| SecretKey::from_seed(&[seed; 32]);
        let (log_key, witness_keys) = (key(4), [key(21), key(22)]);
        let cosigned = (site.at_ms / 1000) as u64 + 60;
        let mut copy = Copy { leaves: site.encoded(), contents: site.contents, ..Copy::default() };
        copy.contents.remove(&site.withheld);
        copy.report = copy.evaluated(&request(copy.leaves.len() as u64)).unwrap();
        // What is in them matters to nobody here: their digests are in the log.
        for (path, bytes) in [("report.zh-CN.pdf", "%PDF-1.7"), ("report.en.xlsx", "PK")] {
            copy.documents.insert(path.to_owned(), bytes.as_bytes().to_vec());
        }
        copy.issue(site.at_ms);
        copy.note = copy.checkpoint(copy.leaves.len(), &log_key);
        for (n, key) in witness_keys.iter().enumerate() {
            copy.cosign(&witness_name(n), key, cosigned);
        }
        let kept_sizes: Vec<usize> =
            (KEPT_EVERY..copy.leaves.len()).step_by(KEPT_EVERY).chain([copy.leaves.len()]).collect();
        let kept: String = kept_sizes.iter().map(|size| copy.checkpoint(*size, &log_key) + "-----\n").collect();
        let gateway_keys: Vec<SecretKey> = (0..2).map(|n| key(31 + n)).collect();
        let witnesses = witness_keys.iter().zip(["市计量院", "促进中心"]).enumerate().map(|(n, (key, zh))| {
            json!({"key": WitnessKey::new(&witness_name(n), key.public()).unwrap().to_string(), "operator": {"zh": zh}})
        });
        let mut trust = json!({
            "log_keys": [VerifierKey::new(SERVER, log_key.public()).unwrap().to_string()],
            "gateways": GATEWAYS.iter().zip(&gateway_keys).map(|(gateway, key)| {
                json!({"site": SITE, "gateway": gateway, "key_sha256": key.public().fingerprint().hex()})
            }).collect::<Vec<_>>(),
            "operator": {"zh": "某云平台公司", "en": "A Cloud Ltd"},
        });
        let read = |trust: &Json| Trust::parse(trust.to_string().as_bytes()).unwrap();
        let keys = read(&trust);
        trust["witnesses"] = witnesses.collect();
        trust["witnesses_required"] = json!(2);
        Self {
            keys,
            witnessed: read(&trust),
            kept_file: kept,
            copy,
            log_key,
            gateway_keys,
            witness_keys,
            cosigned,
            kept_sizes,
        }
    }

    /// What a reader says who has nothing against it.
    pub fn accepted(&self) -> Verdict {
        if self.copy.is_light { Verdict::NotRecomputed } else { Verdict::Verified }
    }

    pub fn kept(&self) -> KeptCheckpoints {
        KeptCheckpoints::parse(self.kept_file.as_bytes()).unwrap()
    }

    /// Another firm of the same server, with gateways of the same names: something to splice from.
    pub fn elsewhere() -> Copy {
        let site = Site::new("other", 60, FEW);
        Copy { leaves: site.encoded(), contents: site.contents, ..Copy::default() }
    }
}
