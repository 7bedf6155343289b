//! The trust file: whose signatures count. It comes from the server's operator (or a witness) by another way than the bundle.

use protocol::{Digest, GatewayId, SiteId, cosignature::WitnessKey, note::VerifierKey};
use serde::{Deserialize, Serialize};

/// Longest trust file, bytes.
const TRUST_MAX: usize = 4 * 1024 * 1024;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct TrustFile {
    log_keys: Vec<String>,
    gateways: Vec<TrustedGateway>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    operator: Option<Operator>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    witnesses: Vec<WitnessLine>,
    #[serde(default, skip_serializing_if = "is_zero")]
    witnesses_required: usize,
    /// For whoever opens the file; nothing is read from it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    note: Option<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WitnessLine {
    key: String,
    operator: Operator,
}

fn is_zero(number: &usize) -> bool {
    *number == 0
}

/// A body that operates something: a log, or a witness.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Operator {
    /// Its Chinese name.
    pub zh: String,
    /// Its English name; may be empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub en: String,
    /// Its registration number (统一社会信用代码), where it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
}

impl Operator {
    /// The name for readers of one language.
    pub fn name(&self, chinese: bool) -> &str {
        if chinese || self.en.is_empty() { &self.zh } else { &self.en }
    }

    /// One of the items for each body, the first: `of` says whose an item is.
    pub fn one_each<T>(items: impl IntoIterator<Item = T>, of: impl Fn(&T) -> &Self) -> Vec<T> {
        let mut bodies: Vec<T> = Vec::new();
        for item in items {
            if !bodies.iter().any(|known| of(known).is_same_body(of(&item))) {
                bodies.push(item);
            }
        }
        bodies
    }

    /// Whether both are one body: the same number or the same name in either language, however it is spaced or written. When
    /// in doubt they are one, and a witness that is one with the log's operator does not count.
    pub fn is_same_body(&self, other: &Self) -> bool {
        let plain = |text: &str| -> String {
            text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
        };
        let words = |operator: &Self| {
            [Some(&operator.zh), Some(&operator.en), operator.id.as_ref()].map(|text| plain(text.map_or("", |t| t)))
        };
        let others = words(other);
        words(self).iter().any(|word| !word.is_empty() && others.contains(word))
    }
}

/// A witness whose cosignatures count, and the body that operates it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrustedWitness {
    /// Its key.
    pub key: WitnessKey,
    /// Whose it is.
    pub operator: Operator,
}

/// A gateway whose key somebody compared with the label on its box.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrustedGateway {
    /// Its site.
    pub site: SiteId,
    /// Its name.
    pub gateway: GatewayId,
    /// SHA-256 of its public key.
    pub key_sha256: Digest,
}

/// A trust file, read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trust {
    /// Keys that may sign checkpoints.
    pub log_keys: Vec<VerifierKey>,
    /// Keys that may sign records. A gateway that changed its key has several lines.
    pub gateways: Vec<TrustedGateway>,
    /// Who operates the log; without it no witness can be told to be another body.
    pub operator: Option<Operator>,
    /// Witnesses, each with its body.
    pub witnesses: Vec<TrustedWitness>,
    /// How many bodies must have cosigned; 0 where the reader only wants to know.
    pub witnesses_required: usize,
    /// A sentence for whoever opens the file.
    pub note: Option<String>,
}

impl Trust {
    /// Reads the file's bytes. The error is a sentence that says what is wrong in the file.
    pub fn parse(bytes: &[u8]) -> Result<Self, String> {
        if bytes.len() > TRUST_MAX {
            return Err(format!("the trust file is {} bytes long; at most {TRUST_MAX} are allowed", bytes.len()));
        }
        let file: TrustFile = serde_json::from_slice(bytes).map_err(|e| format!("the trust file: {e}"))?;
        let keys = file.log_keys.iter().map(|k| VerifierKey::parse(k).map_err(|e| format!("the log key {k:?}: {e}")));
        let log_keys: Vec<VerifierKey> = keys.collect::<Result<_, _>>()?;
        if log_keys.is_empty() {
            return Err("the trust file names no log key".to_owned());
        }
        let witness = |line: WitnessLine| {
            let key = WitnessKey::parse(&line.key).map_err(|e| format!("the witness key {:?}: {e}", line.key))?;
            Ok::<_, String>(TrustedWitness { key, operator: line.operator })
        };
        let trust = Self {
            log_keys,
            gateways: file.gateways,
            operator: file.operator,
            witnesses: file.witnesses.into_iter().map(witness).collect::<Result<_, _>>()?,
            witnesses_required: file.witnesses_required,
            note: file.note,
        };
        // Two bodies with one key are one: whoever holds it.
        let before = |place: usize| trust.witnesses.iter().take(place);
        let mut placed = trust.witnesses.iter().enumerate();
        if let Some((_, twice)) = placed.find(|(place, w)| before(*place).any(|known| known.key.key == w.key.key)) {
            let name = &twice.key.name;
            return Err(format!(
                "信任文件中有两个见证方使用同一把密钥（{name}） / the trust file names the key of the witness {name} twice"
            ));
        }
        let (bodies, required) = (trust.bodies(|_| true).len(), trust.witnesses_required);
        if required > bodies {
            return Err(format!(
                "the trust file requires {required} witnesses and names {bodies} bodies other than the operator of the log"
            ));
        }
        Ok(trust)
    }

    /// Witnesses that count, one for each body other than the log's operator, of those that `holds` is true of.
    pub(crate) fn bodies(&self, holds: impl Fn(&TrustedWitness) -> bool) -> Vec<&TrustedWitness> {
        Operator::one_each(self.witnesses.iter().filter(|w| self.is_other_body(w) && holds(w)), |w| &w.operator)
    }

    /// Whether a witness is another body than the operator of the log, and signs with another key.
    pub(crate) fn is_other_body(&self, witness: &TrustedWitness) -> bool {
        let own_key = self.log_keys.iter().any(|key| key.key == witness.key.key);
        !own_key && self.operator.as_ref().is_some_and(|operator| !operator.is_same_body(&witness.operator))
    }

    /// The file's text, canonical.
    pub fn to_json(&self) -> String {
        let file = TrustFile {
            log_keys: self.log_keys.iter().map(ToString::to_string).collect(),
            gateways: self.gateways.clone(),
            operator: self.operator.clone(),
            witnesses: self
                .witnesses
                .iter()
                .map(|w| WitnessLine { key: w.key.to_string(), operator: w.operator.clone() })
                .collect(),
            witnesses_required: self.witnesses_required,
            note: self.note.clone(),
        };
        serde_json::to_string_pretty(&file).unwrap_or_default()
    }

    pub(crate) fn fingerprints(&self, site: &str, gateway: &str) -> Vec<Digest> {
        let of = |g: &&TrustedGateway| g.site.as_str() == site && g.gateway.as_str() == gateway;
        self.gateways.iter().filter(of).map(|g| g.key_sha256).collect()
    }
}
