//! Photos that statements of an on-site check name, kept beside a site's log.

use std::io;

use protocol::{Digest, SiteId};

use super::{LogError, SiteLogs, site};
use crate::storage::ROOM;

impl SiteLogs {
    /// Keeps a photo beside the site's log, by the digest that a statement names it by; says whether it was not there before. Blocks on
    /// the disk.
    ///
    /// # Errors
    /// Of the kind [`io::ErrorKind::StorageFull`] where the room for what gateways send would be touched.
    pub fn keep_photo(&self, site: &SiteId, bytes: &[u8]) -> Result<(Digest, bool), LogError> {
        self.log(site)?;
        let (digest, length) = (protocol::sha256(bytes), bytes.len() as u64);
        let path = photo_path(site, &digest);
        if self.0.storage.size(&path)? == Some(length) {
            return Ok((digest, false));
        }
        if self.0.storage.free_bytes()? < ROOM + length {
            return Err(io::Error::from(io::ErrorKind::StorageFull).into());
        }
        self.0.storage.replace(&path, bytes)?;
        Ok((digest, true))
    }

    /// Removes a photo that nothing names. Blocks on the disk.
    pub(crate) fn drop_photo(&self, site: &SiteId, digest: &Digest) -> Result<(), LogError> {
        self.log(site)?;
        Ok(self.0.storage.remove(&photo_path(site, digest))?)
    }

    /// A photo by digest, checked; `None` when it is not held, or is another one by now. Blocks on the disk.
    pub fn photo(&self, site: &SiteId, digest: &Digest) -> Result<Option<Vec<u8>>, LogError> {
        self.log(site)?;
        let path = photo_path(site, digest);
        if self.0.storage.size(&path)?.is_none() {
            return Ok(None);
        }
        Ok(Some(self.0.storage.read(&path)?).filter(|bytes| protocol::sha256(bytes) == *digest))
    }
}

/// Photos lie beside the log, never in it: whoever may not see them misses nothing of the evidence.
fn photo_path(site: &SiteId, digest: &Digest) -> String {
    format!("{}/{site}/photos/{}", site::SITES, digest.hex())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use protocol::{Declaration, SecretKey};

    use super::*;
    use crate::ingest::journal::{Body, Entry};
    use crate::sitelog::LogKey;
    use crate::storage::Storage as _;
    use crate::storage::fake::FakeDisk;

    #[test]
    fn a_photo_leaves_the_room_that_gateways_need_and_is_gone_when_it_is_dropped() {
        let disk = Arc::new(FakeDisk::default());
        let key = LogKey::new("gz.test", SecretKey::from_seed(&[5; 32])).unwrap();
        let (logs, site): (_, SiteId) = (SiteLogs::open(disk.clone(), key, None).unwrap(), "works".parse().unwrap());
        let (kind, author, role) = ("note".into(), "a".into(), "operator".into());
        let body = serde_json::json!({});
        let statement = Declaration { kind, effective_from: 0, author, role, reason: String::new(), body };
        let body = Body::Declaration(statement.encode().unwrap());
        logs.integrate(&[Entry { lsn: 0, site: site.clone(), received_ms: 0, body }]).unwrap();

        disk.leave(ROOM + 4);
        let full = logs.keep_photo(&site, b"photo").unwrap_err();
        assert!(matches!(full, LogError::Storage(e) if e.kind() == io::ErrorKind::StorageFull));
        assert_eq!(disk.list("sites/works/photos").unwrap(), Vec::<String>::new());
        disk.leave(ROOM + 5);
        let (digest, is_new) = logs.keep_photo(&site, b"photo").unwrap();
        assert!(is_new && logs.photo(&site, &digest).unwrap().as_deref() == Some(b"photo"));
        // What is there needs no room.
        disk.leave(0);
        assert_eq!(logs.keep_photo(&site, b"photo").unwrap(), (digest, false));
        logs.drop_photo(&site, &digest).unwrap();
        assert_eq!(logs.photo(&site, &digest).unwrap(), None);
    }
}
