//! Ed25519 keys and domain-separated signatures.
//!
//! Valid means what `docs/formats.md` §2 says: RFC 8032 with canonical S and neither a small-order key nor a small-order R
//! (`verify_strict`), so that every reader accepts exactly the same set.

mod prepared;

use std::fmt;

use data_encoding::HEXLOWER;
use ed25519_dalek::{Signer as _, SigningKey, VerifyingKey};

pub use self::prepared::PreparedKey;
use crate::{Digest, Error, Result, sha256};

/// An Ed25519 signature, 64 bytes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Signature(pub [u8; 64]);

impl Signature {
    /// From exactly 64 bytes.
    pub fn from_slice(bytes: &[u8]) -> Result<Self> {
        bytes
            .try_into()
            .map(Self)
            .map_err(|_| Error::malformed("signature", format!("{} bytes where 64 belong", bytes.len())))
    }
}

impl fmt::Debug for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signature({}…)", HEXLOWER.encode(&self.0[..8]))
    }
}

/// A key that signs. It never prints itself.
#[derive(Clone)]
pub struct SecretKey(SigningKey);

impl SecretKey {
    /// From the 32-byte seed of RFC 8032.
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        Self(SigningKey::from_bytes(seed))
    }

    /// The seed, for the one file that keeps it.
    pub fn seed(&self) -> [u8; 32] {
        self.0.to_bytes()
    }

    /// The key that checks what this one signs.
    pub fn public(&self) -> PublicKey {
        PublicKey(self.0.verifying_key())
    }

    /// Signs `domain ‖ message`. `domain` is one of the constants of the formats and ends in a zero byte.
    pub fn sign(&self, domain: &str, message: &[u8]) -> Signature {
        Signature(self.0.sign(&joined(domain, message)).to_bytes())
    }

    /// The key as PKCS #8 v1 (RFC 8410), which TLS libraries take.
    pub fn to_pkcs8_der(&self) -> Vec<u8> {
        let mut der =
            vec![0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20];
        der.extend_from_slice(&self.seed());
        der
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretKey(not shown)")
    }
}

/// A key that checks signatures.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct PublicKey(VerifyingKey);

impl PublicKey {
    /// From exactly 32 bytes that are a point of the curve and not of small order.
    pub fn from_slice(bytes: &[u8]) -> Result<Self> {
        let bytes: &[u8; 32] = bytes
            .try_into()
            .map_err(|_| Error::malformed("public key", format!("{} bytes where 32 belong", bytes.len())))?;
        let key =
            VerifyingKey::from_bytes(bytes).map_err(|_| Error::malformed("public key", "not a point of the curve"))?;
        if key.is_weak() {
            return Err(Error::malformed("public key", "a point of small order"));
        }
        Ok(Self(key))
    }

    /// From 64 hexadecimal digits.
    pub fn from_hex(text: &str) -> Result<Self> {
        let bytes = HEXLOWER.decode(text.as_bytes()).map_err(|e| Error::malformed("public key", e.to_string()))?;
        Self::from_slice(&bytes)
    }

    /// The 32 bytes.
    pub fn to_bytes(&self) -> [u8; 32] {
        self.0.to_bytes()
    }

    /// Lower-case hexadecimal.
    pub fn hex(&self) -> String {
        HEXLOWER.encode(&self.to_bytes())
    }

    /// SHA-256 of the 32 bytes: what people compare.
    pub fn fingerprint(&self) -> Digest {
        sha256(&self.to_bytes())
    }

    /// Checks `signature` over `domain ‖ message`; `what` names the thing for the error.
    pub fn verify(&self, what: &'static str, domain: &str, message: &[u8], signature: &Signature) -> Result<()> {
        self.verify_bytes(what, &joined(domain, message), signature)
    }

    /// Checks `signature` over exactly `message`, for formats that bring no domain of ours (signed notes).
    pub(crate) fn verify_bytes(&self, what: &'static str, message: &[u8], signature: &Signature) -> Result<()> {
        let signature = ed25519_dalek::Signature::from_bytes(&signature.0);
        self.0.verify_strict(message, &signature).map_err(|_| Error::BadSignature { what })
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({})", self.hex())
    }
}

fn joined(domain: &str, message: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(domain.len() + message.len());
    bytes.extend_from_slice(domain.as_bytes());
    bytes.extend_from_slice(message);
    bytes
}
