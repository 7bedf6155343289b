//! The trust file: whose signatures count. It comes from the server's operator (or a witness) by another way than the bundle.

use protocol::{Digest, GatewayId, SiteId, note::VerifierKey};
use serde::{Deserialize, Serialize};

/// Longest trust file, bytes.
const TRUST_MAX: usize = 4 * 1024 * 1024;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct TrustFile {
    log_keys: Vec<String>,
    gateways: Vec<TrustedGateway>,
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
        Ok(Self { log_keys, gateways: file.gateways })
    }

    /// The file's text, canonical.
    pub fn to_json(&self) -> String {
        let file = TrustFile {
            log_keys: self.log_keys.iter().map(ToString::to_string).collect(),
            gateways: self.gateways.clone(),
        };
        serde_json::to_string_pretty(&file).unwrap_or_default()
    }

    pub(crate) fn fingerprints(&self, site: &str, gateway: &str) -> Vec<Digest> {
        let of = |g: &&TrustedGateway| g.site.as_str() == site && g.gateway.as_str() == gateway;
        self.gateways.iter().filter(of).map(|g| g.key_sha256).collect()
    }
}
