//! Was this server restored from a backup? Pure: compares what we hold with the checkpoints known elsewhere.
//!
//! A log only grows. If anybody holds a checkpoint of ours that our tree does not continue, then somebody put an older copy
//! in place (or two servers wrote one log). Hiding that by simply going on would make two roots for one size. So the log
//! goes on under a new origin, and the first leaf of the new epoch says what was there before.

use protocol::{Digest, Leaf, LeafBody, note::Checkpoint};

/// A restore that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restored {
    /// The epoch that begins now.
    pub epoch: u32,
    /// Size of the newest head known before.
    pub old_size: u64,
    /// Its root.
    pub old_root: Digest,
    /// Leaves still held.
    pub restored_size: u64,
    /// What happened, in words.
    pub cause: String,
}

impl Restored {
    /// The first leaf of the new epoch.
    pub fn leaf(&self, now_ms: i64) -> Leaf {
        Leaf {
            received_ms: now_ms,
            body: LeafBody::Epoch {
                epoch: self.epoch,
                old_size: self.old_size,
                old_root: self.old_root,
                restored_size: self.restored_size,
                cause: self.cause.clone(),
            },
        }
    }
}

/// Compares our tree with one checkpoint found in `place`, with the epoch in its origin. `root_at` answers for sizes up
/// to `size`.
///
/// # Errors
/// What `root_at` reports.
pub(super) fn compare<E>(
    place: &str,
    (checkpoint, epoch): &(Checkpoint, u32),
    (size, own_epoch): (u64, u32),
    root_at: impl FnOnce(u64) -> Result<Digest, E>,
) -> Result<Option<Restored>, E> {
    let restored = |cause: String| {
        Some(Restored {
            epoch: own_epoch.max(*epoch) + 1,
            old_size: checkpoint.size,
            old_root: checkpoint.root,
            restored_size: size,
            cause,
        })
    };
    if checkpoint.size > size {
        let missing = checkpoint.size - size;
        return Ok(restored(format!(
            "the {place} has {} leaves, this server holds {size}: the last {missing} were not in the copy it was restored from",
            checkpoint.size
        )));
    }
    if root_at(checkpoint.size)? != checkpoint.root {
        return Ok(restored(format!(
            "the {place} has another root at {} leaves than this server: two histories were written",
            checkpoint.size
        )));
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_we_do_not_continue_opens_an_epoch() {
        let head = |size, root| (Checkpoint { origin: "o".into(), size, root: Digest([root; 32]) }, 2);
        let check = |head: &(Checkpoint, u32), size| {
            compare("checkpoint copy", head, (size, 0), |_| Ok::<_, ()>(Digest([1; 32]))).unwrap()
        };
        assert_eq!(check(&head(5, 1), 5), None);
        assert_eq!(check(&head(5, 1), 9), None);
        let behind = check(&head(10, 1), 7).unwrap();
        assert_eq!((behind.epoch, behind.old_size, behind.restored_size), (3, 10, 7));
        assert!(behind.cause.contains("the last 3 were not in the copy"), "{}", behind.cause);
        let forked = check(&head(5, 9), 9).unwrap();
        assert!(forked.cause.contains("two histories"), "{}", forked.cause);
        let leaf = forked.leaf(1).encode().unwrap();
        assert!(Leaf::decode(&leaf).is_ok());
    }
}
