//! The gateway's key and what enrolment gave it.
//!
//! Constraints:
//! 1. The Ed25519 key is made here at first start and never leaves the box; the file is 0600 and created exclusively, so two
//!    starts cannot overwrite each other's key.
//! 2. A damaged key file is an error, never a reason to make a new key: a new key is a new identity and needs enrolment.
//! 3. What enrolment returned ([`Enrolment`]) is one JSON file, replaced atomically.

use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use data_encoding::HEXLOWER;
use protocol::note::VerifierKey;
use protocol::{Digest, GatewayId, SecretKey, SiteId};
use serde::{Deserialize, Serialize};

/// File name of the key inside the state directory: 64 hexadecimal digits, the seed of RFC 8032.
pub const KEY_FILE: &str = "identity.key";

/// File name of the enrolment inside the state directory.
pub const ENROLMENT_FILE: &str = "enrolment.json";

/// Longest file of either kind that is read.
const FILE_BYTES_MAX: u64 = 64 * 1_024;

/// Why identity or enrolment cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// The file cannot be read or written.
    #[error("{}: cannot be read or written; check owner and permissions of the state directory", .path.display())]
    Io {
        /// Which file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The key file does not hold a key.
    #[error("{}: is not a key (64 hexadecimal digits). Restore it from a backup, or move it away and enrol again", .path.display())]
    BadKey {
        /// Which file.
        path: PathBuf,
    },
    /// The enrolment file does not hold an enrolment.
    #[error("{}: {reason}. Move it away and enrol again with a new code", .path.display())]
    BadEnrolment {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
}

/// What the server told this gateway at enrolment, and which server it was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Enrolment {
    /// The site this gateway belongs to.
    pub site: SiteId,
    /// Its name there.
    pub gateway: GatewayId,
    /// Certificate for the gateway's key (PEM); its chain may follow.
    pub client_certificate_pem: String,
    /// The server's CA (PEM).
    pub ca_certificate_pem: String,
    /// Verifier key (C2SP) of the server's log: receipts and checkpoints are checked with it.
    pub log_key: String,
    /// Where to send records, `host:port`.
    pub mqtt_host_port: String,
    /// The site was created as simulated.
    #[serde(default)]
    pub simulated: bool,
    /// SHA-256 of the server's TLS public key (SubjectPublicKeyInfo), hexadecimal: no other server is spoken to.
    pub server_spki_sha256: String,
    /// Where it was enrolled, for renewal.
    #[serde(default)]
    pub enrol_url: String,
}

impl Enrolment {
    /// The log key, parsed.
    ///
    /// # Errors
    /// When the text is not a verifier key.
    pub fn verifier_key(&self) -> protocol::Result<VerifierKey> {
        VerifierKey::parse(&self.log_key)
    }

    /// The pinned digest of the server's public key.
    ///
    /// # Errors
    /// When it is not 64 hexadecimal digits.
    pub fn server_spki(&self) -> protocol::Result<Digest> {
        self.server_spki_sha256.parse()
    }

    /// Reads the enrolment; `None` when this gateway was never enrolled.
    ///
    /// # Errors
    /// When the file exists and cannot be read or used.
    pub fn load(state_dir: &Path) -> Result<Option<Self>, IdentityError> {
        let path = state_dir.join(ENROLMENT_FILE);
        let Some(text) = read_text(&path)? else { return Ok(None) };
        let bad = |reason: String| IdentityError::BadEnrolment { path: path.clone(), reason };
        let enrolment: Self = serde_json::from_str(&text).map_err(|error| bad(error.to_string()))?;
        enrolment.verifier_key().map_err(|error| bad(error.to_string()))?;
        enrolment.server_spki().map_err(|error| bad(error.to_string()))?;
        Ok(Some(enrolment))
    }

    /// Writes the enrolment durably, replacing an older one.
    ///
    /// # Errors
    /// Any I/O error.
    pub fn save(&self, state_dir: &Path) -> Result<(), IdentityError> {
        let path = state_dir.join(ENROLMENT_FILE);
        let text = serde_json::to_string_pretty(self)
            .map_err(|error| IdentityError::BadEnrolment { path: path.clone(), reason: error.to_string() })?;
        replace_file(&path, text.as_bytes()).map_err(|source| IdentityError::Io { path, source })
    }
}

/// Reads the gateway's key, or makes one at first start. `seed` (random) is used only then.
///
/// # Errors
/// When the file cannot be read, written or understood.
pub fn load_or_create_key(state_dir: &Path, seed: [u8; 32]) -> Result<SecretKey, IdentityError> {
    if let Some(key) = load_key(state_dir)? {
        return Ok(key);
    }
    let path = state_dir.join(KEY_FILE);
    let io = |source| IdentityError::Io { path: path.clone(), source };
    std::fs::create_dir_all(state_dir).map_err(io)?;
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path).map_err(io)?;
    file.write_all(HEXLOWER.encode(&seed).as_bytes()).map_err(io)?;
    file.write_all(b"\n").map_err(io)?;
    file.sync_all().map_err(io)?;
    sync_folder(state_dir).map_err(io)?;
    Ok(SecretKey::from_seed(&seed))
}

/// Reads the gateway's key; `None` when there is none yet.
///
/// # Errors
/// When the file cannot be read or understood.
pub fn load_key(state_dir: &Path) -> Result<Option<SecretKey>, IdentityError> {
    let path = state_dir.join(KEY_FILE);
    let Some(text) = read_text(&path)? else { return Ok(None) };
    let seed = HEXLOWER.decode(text.trim().as_bytes()).ok().and_then(|bytes| bytes.try_into().ok());
    seed.map(|seed: [u8; 32]| Some(SecretKey::from_seed(&seed))).ok_or(IdentityError::BadKey { path })
}

/// Replaces a file so that a power cut leaves the old or the new one, never a mixture.
///
/// # Errors
/// Any I/O error.
pub fn replace_file(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder)?;
    let mut new_name = path.as_os_str().to_owned();
    new_name.push(".new");
    let new_path = PathBuf::from(new_name);
    let mut options = std::fs::OpenOptions::new();
    let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(&new_path)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    std::fs::rename(&new_path, path)?;
    sync_folder(folder)
}

fn sync_folder(folder: &Path) -> std::io::Result<()> {
    std::fs::File::open(folder)?.sync_all()
}

fn read_text(path: &Path) -> Result<Option<String>, IdentityError> {
    use std::io::Read as _;
    let io = |source| IdentityError::Io { path: path.to_owned(), source };
    let file = match std::fs::File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(io(error)),
    };
    let mut text = String::new();
    file.take(FILE_BYTES_MAX).read_to_string(&mut text).map_err(io)?;
    Ok(Some(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn key_is_made_once_and_kept_with_mode_0600() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().expect("a temporary folder");
        let first = load_or_create_key(folder.path(), [1; 32]).expect("made");
        let again = load_or_create_key(folder.path(), [2; 32]).expect("read");
        assert_eq!(first.public(), again.public());
        let mode = std::fs::metadata(folder.path().join(KEY_FILE)).expect("exists").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn damaged_key_is_an_error_and_not_a_new_identity() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        std::fs::write(folder.path().join(KEY_FILE), "0102").expect("written");
        let error = load_or_create_key(folder.path(), [1; 32]).expect_err("refused");
        assert!(error.to_string().contains("is not a key (64 hexadecimal digits)"), "{error}");
    }
}
