//! The server's keys: made at first start, each in its own file with mode 0600, never printed.
//!
//! - `log.key`: Ed25519; signs checkpoints, receipts and refusals. Its name is part of every log's origin, so both are
//!   written once and never changed. Losing it ends the logs; back it up apart from the data.
//! - `ca.key`, `ca.pem`: issues the gateways' client certificates and the server's own. ECDSA P-256, because every
//!   TLS library knows it.
//! - `tls.key`: the server's TLS key. Gateways pin its public half, so the certificate may change, the key may not.
//! - `ocmf.key`: signs exported meter readings in the Open Charge Metering Format, which has no Ed25519. ECDSA P-256.
//!
//! Gateways' certificates bind the gateway's own Ed25519 key to `urn:gz:<site>:<gateway>`; they are not secret and not
//! kept here.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use data_encoding::{BASE32_NOPAD, HEXLOWER};
use protocol::{GatewayId, PublicKey, SecretKey, SiteId, sha256};
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, PublicKeyData, SanType, SerialNumber, SignatureAlgorithm, SigningKey,
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::sitelog::LogKey;

/// Everything that signs.
pub struct Keys {
    log: LogKey,
    ca_pem: String,
    ca: Issuer<'static, KeyPair>,
    tls: KeyPair,
    /// `None` where the keys of an older server are only read.
    ocmf: Option<KeyPair>,
}

/// Why keys could not be made or read.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// A file could not be read or written.
    #[error(
        "key file {path}: {source}. Check that the folder exists and belongs to this user / 密钥文件无法读写，请检查目录与权限"
    )]
    File {
        /// Which.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file holds something else.
    #[error(
        "key file {path} is damaged: {what}. Restore it from your backup; never delete it / 密钥文件已损坏，请从备份恢复，切勿删除"
    )]
    Damaged {
        /// Which.
        path: PathBuf,
        /// What is wrong.
        what: String,
    },
    /// A key file is readable by others.
    #[error(
        "key file {path} is readable by other users: run `chmod 600 {path}` / 密钥文件可被其他用户读取，请执行 chmod 600"
    )]
    Readable {
        /// Which.
        path: PathBuf,
    },
    /// The certificate library refused.
    #[error("certificate: {0}")]
    Certificate(#[from] rcgen::Error),
    /// The system's random source failed.
    #[error("the system gives no random bytes: {0}")]
    Random(getrandom::Error),
}

impl Keys {
    /// Reads the keys in `folder`, making those that are not there. `name` becomes the log key's name at first start.
    ///
    /// # Errors
    /// See [`KeyError`]. An existing file is never overwritten.
    pub fn open(folder: &Path, name: &str) -> Result<Self, KeyError> {
        make_private_folder(folder)?;
        let log = open_log_key(&folder.join("log.key"), name)?;
        let ca_key = open_key_pair(&folder.join("ca.key"))?;
        let tls = open_key_pair(&folder.join("tls.key"))?;
        let ocmf = Some(open_key_pair(&folder.join("ocmf.key"))?);
        let ca_path = folder.join("ca.pem");
        let params = ca_params(log.name())?;
        let ca_pem = match read(&ca_path)? {
            Some(pem) => pem,
            None => {
                let pem = params.self_signed(&ca_key)?.pem();
                write_new(&ca_path, &pem)?;
                pem
            }
        };
        Ok(Self { log, ca_pem, ca: Issuer::new(params, ca_key), tls, ocmf })
    }

    /// Reads the keys in `folder` and makes nothing; `None` when there is no log key, which is made first.
    ///
    /// # Errors
    /// See [`KeyError`]; a file that is missing beside the log key counts as damaged.
    pub fn read(folder: &Path) -> Result<Option<Self>, KeyError> {
        let Some(log) = Self::read_log(folder)? else { return Ok(None) };
        let missing = |name: &str| KeyError::Damaged { path: folder.join(name), what: "it is missing".into() };
        let pair = |name: &str| read_key_pair(&folder.join(name))?.ok_or_else(|| missing(name));
        let (ca_key, tls) = (pair("ca.key")?, pair("tls.key")?);
        let ca_pem = read(&folder.join("ca.pem"))?.ok_or_else(|| missing("ca.pem"))?;
        let ocmf = read_key_pair(&folder.join("ocmf.key"))?;
        let params = ca_params(log.name())?;
        Ok(Some(Self { log, ca_pem, ca: Issuer::new(params, ca_key), tls, ocmf }))
    }

    /// Reads the log key alone: what checking a log needs, from a backup for instance. `None` when there is none.
    ///
    /// # Errors
    /// See [`KeyError`].
    pub fn read_log(folder: &Path) -> Result<Option<LogKey>, KeyError> {
        read_log_key(&folder.join("log.key"))
    }

    /// The log key.
    pub fn log(&self) -> &LogKey {
        &self.log
    }

    /// The CA's certificate, PEM.
    pub fn ca_pem(&self) -> &str {
        &self.ca_pem
    }

    /// The CA's certificate, DER.
    ///
    /// # Errors
    /// When `ca.pem` holds no certificate.
    pub fn ca_der(&self) -> Result<CertificateDer<'static>, KeyError> {
        use rustls::pki_types::pem::PemObject;
        CertificateDer::from_pem_slice(self.ca_pem.as_bytes())
            .map_err(|error| KeyError::Damaged { path: "ca.pem".into(), what: error.to_string() })
    }

    /// A server certificate for these host names and addresses, chain and key ready for TLS. Made anew at every start:
    /// gateways pin the key, not the certificate.
    ///
    /// # Errors
    /// When a host name cannot stand in a certificate.
    pub fn server_certificate(
        &self,
        hosts: &[String],
        now_ms: i64,
    ) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>), KeyError> {
        let mut params = CertificateParams::new(hosts)?;
        params.distinguished_name = common_name("gongzheng-server");
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        set_validity(&mut params, now_ms, SERVER_CERTIFICATE_DAYS);
        let certificate = params.signed_by(&self.tls, &self.ca)?;
        let key = PrivateKeyDer::try_from(self.tls.serialize_der())
            .map_err(|what| KeyError::Damaged { path: "tls.key".into(), what: what.to_owned() })?;
        Ok((vec![certificate.der().clone(), self.ca_der()?], key))
    }

    /// A gateway's client certificate, PEM, for the key it signs records with.
    ///
    /// # Errors
    /// When the certificate cannot be built.
    pub fn gateway_certificate(
        &self,
        site: &SiteId,
        gateway: &GatewayId,
        key: &PublicKey,
        now_ms: i64,
    ) -> Result<String, KeyError> {
        let mut params = CertificateParams::new(Vec::new())?;
        params.distinguished_name = common_name(&format!("{site}/{gateway}"));
        let uri = format!("urn:gz:{site}:{gateway}").try_into()?;
        params.subject_alt_names = vec![SanType::URI(uri)];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        params.serial_number = Some(SerialNumber::from_slice(&random::<16>()?));
        set_validity(&mut params, now_ms, GATEWAY_CERTIFICATE_DAYS);
        Ok(params.signed_by(&GatewayKey(key.to_bytes()), &self.ca)?.pem())
    }

    /// SHA-256 of the TLS key's SubjectPublicKeyInfo: what gateways pin.
    pub fn tls_pin(&self) -> [u8; 32] {
        sha256(&self.tls.subject_public_key_info()).0
    }

    /// The public half of the key for OCMF: SubjectPublicKeyInfo, DER.
    pub fn ocmf_public(&self) -> Vec<u8> {
        self.ocmf.as_ref().map_or_else(Vec::new, PublicKeyData::subject_public_key_info)
    }

    /// Signs an OCMF payload: ECDSA P-256 over SHA-256, DER. The signature is another each time; the payload is not.
    ///
    /// # Errors
    /// When the key was never made.
    pub fn sign_ocmf(&self, payload: &[u8]) -> Result<Vec<u8>, KeyError> {
        let missing = || KeyError::Damaged { path: "ocmf.key".into(), what: "it is missing".into() };
        Ok(self.ocmf.as_ref().ok_or_else(missing)?.sign(payload)?)
    }

    /// The pin as it stands in enrolment codes: its first 16 bytes in base32, 26 characters.
    pub fn tls_pin_text(&self) -> String {
        BASE32_NOPAD.encode(&self.tls_pin()[..16])
    }
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Keys").field("log", &self.log.verifier().to_string()).finish_non_exhaustive()
    }
}

/// Random bytes from the system.
pub(crate) fn random<const N: usize>() -> Result<[u8; N], KeyError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(KeyError::Random)?;
    Ok(bytes)
}

/// A gateway's public key as rcgen wants to see it.
struct GatewayKey([u8; 32]);

impl PublicKeyData for GatewayKey {
    fn der_bytes(&self) -> &[u8] {
        &self.0
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        &rcgen::PKCS_ED25519
    }
}

fn ca_params(name: &str) -> Result<CertificateParams, KeyError> {
    let mut params = CertificateParams::new(Vec::new())?;
    params.distinguished_name = common_name(&format!("Gongzheng CA {name}"));
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    // Fixed, so that the issuer built at a later start is the same one.
    params.not_before = rcgen::date_time_ymd(2020, 1, 1);
    params.not_after = rcgen::date_time_ymd(2120, 1, 1);
    Ok(params)
}

fn common_name(name: &str) -> DistinguishedName {
    let mut distinguished = DistinguishedName::new();
    distinguished.push(DnType::CommonName, name);
    distinguished
}

/// Valid from yesterday (clocks differ) for `days` days, in whole days.
fn set_validity(params: &mut CertificateParams, now_ms: i64, days: i64) {
    let day = |offset: i64| {
        let at = jiff::Timestamp::from_millisecond(now_ms.saturating_add(offset * DAY_MS)).unwrap_or_default();
        let date = at.to_zoned(jiff::tz::TimeZone::UTC).date();
        // Month and day of a calendar date always fit.
        rcgen::date_time_ymd(i32::from(date.year()), date.month().unsigned_abs(), date.day().unsigned_abs())
    };
    params.not_before = day(-1);
    params.not_after = day(days);
}

fn open_log_key(path: &Path, name: &str) -> Result<LogKey, KeyError> {
    if let Some(key) = read_log_key(path)? {
        return Ok(key);
    }
    let damaged = |what: String| KeyError::Damaged { path: path.to_owned(), what };
    let seed = random::<32>()?;
    let key = LogKey::new(name, SecretKey::from_seed(&seed)).map_err(|error| damaged(error.to_string()))?;
    write_new(path, &format!("{LOG_KEY_HEAD}\n{name}\n{}\n", HEXLOWER.encode(&seed)))?;
    Ok(key)
}

fn read_log_key(path: &Path) -> Result<Option<LogKey>, KeyError> {
    let damaged = |what: String| KeyError::Damaged { path: path.to_owned(), what };
    let Some(text) = read_private(path)? else { return Ok(None) };
    let mut lines = text.lines();
    let (Some(LOG_KEY_HEAD), Some(name), Some(seed)) = (lines.next(), lines.next(), lines.next()) else {
        return Err(damaged("not three lines: head, name, seed".into()));
    };
    let seed: [u8; 32] = HEXLOWER
        .decode(seed.as_bytes())
        .ok()
        .and_then(|bytes| bytes.try_into().ok())
        .ok_or_else(|| damaged("the seed is not 64 hexadecimal digits".into()))?;
    LogKey::new(name, SecretKey::from_seed(&seed)).map(Some).map_err(|error| damaged(error.to_string()))
}

fn open_key_pair(path: &Path) -> Result<KeyPair, KeyError> {
    if let Some(key) = read_key_pair(path)? {
        return Ok(key);
    }
    let key = KeyPair::generate()?;
    write_new(path, &key.serialize_pem())?;
    Ok(key)
}

fn read_key_pair(path: &Path) -> Result<Option<KeyPair>, KeyError> {
    let Some(pem) = read_private(path)? else { return Ok(None) };
    let key = KeyPair::from_pem(&pem);
    key.map(Some).map_err(|error| KeyError::Damaged { path: path.to_owned(), what: error.to_string() })
}

fn read(path: &Path) -> Result<Option<String>, KeyError> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(KeyError::File { path: path.to_owned(), source }),
    }
}

fn read_private(path: &Path) -> Result<Option<String>, KeyError> {
    use std::os::unix::fs::PermissionsExt;
    let text = read(path)?;
    if text.is_some() {
        let metadata = std::fs::metadata(path).map_err(|source| KeyError::File { path: path.to_owned(), source })?;
        if metadata.permissions().mode() & 0o077 != 0 {
            return Err(KeyError::Readable { path: path.to_owned() });
        }
    }
    Ok(text)
}

/// Creates a file that must not exist, mode 0600, durable before anything is signed with what it holds.
fn write_new(path: &Path, text: &str) -> Result<(), KeyError> {
    use std::os::unix::fs::OpenOptionsExt;
    let write = || {
        let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        match path.parent() {
            Some(folder) => std::fs::File::open(folder)?.sync_all(),
            None => Ok(()),
        }
    };
    write().map_err(|source| KeyError::File { path: path.to_owned(), source })
}

fn make_private_folder(folder: &Path) -> Result<(), KeyError> {
    use std::os::unix::fs::DirBuilderExt;
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .map_err(|source| KeyError::File { path: folder.to_owned(), source })
}

const LOG_KEY_HEAD: &str = "gongzheng log key v1: name, then Ed25519 seed. Keep secret, back up, never change.";
/// Gateways renew long before; an expired certificate may only renew.
const GATEWAY_CERTIFICATE_DAYS: i64 = 365;
const SERVER_CERTIFICATE_DAYS: i64 = 825;
const DAY_MS: i64 = 86_400_000;

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn keys_are_made_once_private_and_read_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys");
        let first = Keys::open(&path, "gz.example").unwrap();
        // The name in the file wins: an origin never changes.
        let second = Keys::open(&path, "renamed.example").unwrap();
        assert_eq!(first.log().verifier(), second.log().verifier());
        assert_eq!(first.tls_pin(), second.tls_pin());
        assert_eq!(first.ca_pem(), second.ca_pem());
        for name in ["log.key", "ca.key", "tls.key", "ca.pem"] {
            let mode = std::fs::metadata(path.join(name)).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600, "{name}");
        }
    }

    #[test]
    fn looking_makes_nothing_and_names_what_is_missing() {
        let folder = tempfile::tempdir().unwrap();
        assert!(Keys::read(folder.path()).unwrap().is_none());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
        let made = Keys::open(folder.path(), "gz").unwrap();
        let read = Keys::read(folder.path()).unwrap().expect("keys");
        assert_eq!((read.tls_pin(), read.ca_pem()), (made.tls_pin(), made.ca_pem()));
        std::fs::remove_file(folder.path().join("tls.key")).unwrap();
        let error = Keys::read(folder.path()).unwrap_err().to_string();
        assert!(error.contains("tls.key") && error.contains("missing") && error.contains("备份"), "{error}");
        assert!(!folder.path().join("tls.key").exists());
    }

    #[test]
    fn a_readable_or_damaged_key_is_refused_with_what_to_do() {
        let folder = tempfile::tempdir().unwrap();
        Keys::open(folder.path(), "gz").unwrap();
        let path = folder.path().join("log.key");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        let error = Keys::open(folder.path(), "gz").unwrap_err().to_string();
        assert!(error.contains("chmod 600") && error.contains("log.key"), "{error}");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        std::fs::write(&path, "nonsense").unwrap();
        let error = Keys::open(folder.path(), "gz").unwrap_err().to_string();
        assert!(error.contains("Restore it from your backup"), "{error}");
    }

    #[test]
    fn a_gateway_certificate_carries_its_identity_and_key() {
        let folder = tempfile::tempdir().unwrap();
        let keys = Keys::open(folder.path(), "gz").unwrap();
        let key = SecretKey::from_seed(&[7; 32]).public();
        let pem = keys
            .gateway_certificate(&"site-1".parse().unwrap(), &"gw-1".parse().unwrap(), &key, 1_800_000_000_000)
            .unwrap();
        use rustls::pki_types::pem::PemObject;
        let der = CertificateDer::from_pem_slice(pem.as_bytes()).unwrap();
        let peer = endpoint::Peer::from_certificate(&der).unwrap();
        assert_eq!(peer.identity, endpoint::Identity::new("site-1", "gw-1").unwrap());
        assert_eq!(peer.key, key.to_bytes());
        keys.server_certificate(&["localhost".into(), "127.0.0.1".into()], 1_800_000_000_000).unwrap();
    }
}
