//! The log key and what it signs: checkpoints. Receipts and refusals are signed with the same key by `ingest`.

use protocol::{SecretKey, SiteId, note};

/// The server's log key with its name. The name is part of every log's origin and never changes.
#[derive(Clone, Debug)]
pub struct LogKey {
    name: String,
    key: SecretKey,
}

impl LogKey {
    /// A named key.
    ///
    /// # Errors
    /// When the name cannot stand in a signature line (spaces, `+`, empty).
    pub fn new(name: &str, key: SecretKey) -> protocol::Result<Self> {
        note::VerifierKey::new(name, key.public())?;
        Ok(Self { name: name.to_owned(), key })
    }

    /// The server's name in signatures and origins.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The key itself, for receipts.
    pub fn secret(&self) -> &SecretKey {
        &self.key
    }

    /// The public half in C2SP's text form: what a verifier pins.
    pub fn verifier(&self) -> note::VerifierKey {
        // The name was checked by `new`.
        note::VerifierKey { name: self.name.clone(), key: self.key.public() }
    }

    /// The origin of a site's log: `<server>/<site>`, and `/<epoch>` after a restore.
    pub fn origin(&self, site: &SiteId, epoch: u32) -> String {
        match epoch {
            0 => format!("{}/{site}", self.name),
            epoch => format!("{}/{site}/{epoch}", self.name),
        }
    }

    /// Signs a checkpoint.
    ///
    /// # Errors
    /// Never for a key made by [`LogKey::new`].
    pub fn sign(&self, checkpoint: &note::Checkpoint) -> protocol::Result<String> {
        checkpoint.sign(&self.name, &self.key)
    }

    /// Reads a checkpoint of ours; `None` when it is not signed by this key or belongs to another site.
    pub fn read_own(&self, site: &SiteId, text: &str) -> Option<(note::Checkpoint, u32)> {
        let checkpoint = note::Checkpoint::verify(text, &self.verifier()).ok()?;
        let rest = checkpoint.origin.strip_prefix(&self.origin(site, 0))?;
        let epoch = match rest.strip_prefix('/') {
            None if rest.is_empty() => 0,
            Some(epoch) => epoch.parse().ok()?,
            None => return None,
        };
        Some((checkpoint, epoch))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::Digest;

    #[test]
    fn only_own_checkpoints_of_this_site_are_read() {
        let key = LogKey::new("gz.example", SecretKey::from_seed(&[1; 32])).unwrap();
        let site: SiteId = "site-1".parse().unwrap();
        let sign = |origin: String| key.sign(&note::Checkpoint { origin, size: 7, root: Digest([3; 32]) }).unwrap();
        assert_eq!(key.read_own(&site, &sign(key.origin(&site, 0))).unwrap().1, 0);
        assert_eq!(key.read_own(&site, &sign(key.origin(&site, 4))).unwrap().1, 4);
        assert!(key.read_own(&site, &sign("gz.example/site-10".into())).is_none());
        assert!(key.read_own(&site, &sign("other/site-1".into())).is_none());
        let other = LogKey::new("gz.example", SecretKey::from_seed(&[2; 32])).unwrap();
        assert!(other.read_own(&site, &sign(key.origin(&site, 0))).is_none());
    }
}
