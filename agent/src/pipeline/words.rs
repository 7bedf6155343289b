//! What the person at the gateway reads when a chain begins, or when the buffer takes nothing.

use protocol::ChainStartCause;

use crate::buffer::AppendError;
use crate::locale::{Words, words};
use crate::status::Status;

/// Tells that a new chain begins, and why.
pub(super) fn announce(status: &Status, boot_ms: i64, cause: ChainStartCause) {
    let words = match cause {
        ChainStartCause::First => words!("开始第一条记录链", "the first chain of records begins"),
        ChainStartCause::TailDamaged => words!(
            "上次停机时缓存末尾损坏（多为断电），已开始新的记录链并注明原因",
            "the end of the buffer was damaged at the last stop (usually a power cut); a new chain begins and says why"
        ),
        ChainStartCause::OldImage => words!(
            "本机存储是旧镜像：已开始新的记录链并注明原因",
            "this disk is an old image: a new chain begins and says why"
        ),
        ChainStartCause::BufferLost => words!(
            "缓存丢失或无法读取：已开始新的记录链；未送达的记录已无法找回",
            "the buffer is gone or unreadable: a new chain begins; what was not delivered cannot be recovered"
        ),
    };
    if cause == ChainStartCause::First {
        tracing::info!(%words, "Chain.");
    } else {
        status.notice(boot_ms, words);
    }
}

/// Why the buffer takes nothing, and what to do.
pub(super) fn explain(error: &AppendError) -> Words {
    let text = error.to_string();
    match error {
        AppendError::Full => words!(
            "缓存已满：停止采集并记录缺口，未上传的数据不会被覆盖。请恢复与服务器的连接，或增大 [buffer] max_bytes",
            "the buffer is full: no more readings are accepted and the gap is recorded; undelivered data is not overwritten. Restore the connection to the server, or raise [buffer] max_bytes"
        ),
        AppendError::Oversized { .. } => words!("记录过大：{text}", "{text}"),
        AppendError::Disk(cause) => {
            let (zh, en) = match cause.kind() {
                std::io::ErrorKind::ReadOnlyFilesystem => (
                    "文件系统已变为只读，存储卡多半将坏：请尽快更换，并保留旧卡",
                    "the file system became read-only, usually because the card is failing: replace it soon and keep the old one",
                ),
                std::io::ErrorKind::PermissionDenied => {
                    ("没有写权限：请检查状态目录的所有者", "writing is not allowed: check who owns the state directory")
                }
                _ => ("请检查存储卡", "check the card"),
            };
            words!(
                "磁盘写入失败（{cause}）：停止采集并记录缺口。{zh}",
                "the disk fails ({cause}): no more readings are accepted and the gap is recorded; {en}"
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    #[test]
    fn a_failing_disk_is_not_called_full_and_says_what_to_do_in_both_languages() {
        let disk = |kind: io::ErrorKind| explain(&AppendError::Disk(kind.into()));
        let read_only = disk(io::ErrorKind::ReadOnlyFilesystem);
        assert!(read_only.en.contains("the disk fails") && read_only.en.contains("became read-only"), "{read_only}");
        assert!(read_only.zh.contains("磁盘写入失败") && read_only.zh.contains("只读"), "{}", read_only.zh);
        let denied = disk(io::ErrorKind::PermissionDenied);
        assert!(denied.en.contains("check who owns the state directory") && denied.zh.contains("所有者"), "{denied}");
        let other = explain(&AppendError::Disk(io::Error::from_raw_os_error(5)));
        assert!(other.en.contains("Input/output error") && other.en.contains("check the card"), "{other}");
        assert!(other.zh.contains("请检查存储卡"), "{}", other.zh);
        for words in [read_only, denied, other] {
            assert!(!words.en.contains("the buffer is full") && !words.zh.contains("缓存已满"), "{words}");
        }
        let full = explain(&AppendError::Full);
        assert!(full.en.contains("the buffer is full: no more readings are accepted") && full.zh.contains("缓存已满"));
    }
}
