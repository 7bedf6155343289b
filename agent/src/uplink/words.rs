//! What the server's messages mean for the person at the gateway: what happened, where it is kept, and what to do. Pure.
//!
//! Constraints: a refusal is told from its reason and number, in both languages; the server's own technical English stands only
//! where no sentence of ours can say what it found (a malformed record).

use protocol::RefusalReason;
use protocol::receipt::SITE_CLOSED;
use protocol::record::RECORD_MAX;

use super::delivery::Notice;
use crate::locale::{Words, words};

/// A notice in words.
#[must_use]
pub fn explain(notice: &Notice) -> Words {
    match notice {
        Notice::Forged(why) => words!(
            "收到一条签名不符的回执（{why}）：不是入网时的服务器所签，已忽略，没有清除任何数据。请检查网络上是否有人冒充服务器",
            "a receipt with a wrong signature ({why}): not signed by the server we enrolled with. It was ignored and nothing was freed. Check whether somebody impersonates the server"
        ),
        Notice::Foreign => words!(
            "收到的回执与本网关的记录链不符，没有清除任何数据",
            "a receipt does not fit this gateway's chain; nothing was freed"
        ),
        Notice::Refused { sequence, reason, retry, number, detail } => {
            let (why, step) = (why(*reason, *number, detail), next_step(*reason, *number));
            let (zh, en, zh_do, en_do) = (why.zh, why.en, step.0, step.1);
            if *retry {
                words!(
                    "服务器暂不接收第 {sequence} 号记录：{zh}。数据保留在本机，稍后重发。{zh_do}",
                    "the server does not take record {sequence} for now: {en}; it stays here and is sent again later. {en_do}"
                )
            } else {
                words!(
                    "服务器最终拒绝第 {sequence} 号记录：{zh}。原件保留在状态目录的 refused/ 中。{zh_do}",
                    "the server finally refused record {sequence}: {en}; it is kept in the folder refused/ of the state directory. {en_do}"
                )
            }
        }
        Notice::ServerRestored(records) => words!(
            "服务器恢复到了较早的备份，正在重新发送它缺少的 {records} 条记录，无需处理",
            "the server was restored from an older copy; the {records} records it lacks are sent again, nothing to do"
        ),
        Notice::OldImage => words!(
            "服务器持有本网关更新的记录：存储卡可能是旧镜像，或有另一台克隆的网关。已开始新的记录链；如果还有一台使用同一密钥的网关，请立即停用",
            "the server holds newer records of this gateway: this disk is an old image, or a clone exists. A new chain was begun; if another gateway uses the same key, stop it now"
        ),
    }
}

/// Why a record was refused.
fn why(reason: RefusalReason, number: u64, detail: &str) -> Words {
    match reason {
        RefusalReason::BadSignature => {
            words!(
                "签名与服务器登记的本网关密钥不符",
                "its signature does not fit the key the server knows of this gateway"
            )
        }
        RefusalReason::UnknownGateway => {
            words!("服务器的这个站点没有登记本网关", "this gateway is not enrolled at its site on the server")
        }
        RefusalReason::Revoked => {
            words!("本网关已在服务器上停用", "this gateway was revoked on the server")
        }
        RefusalReason::TooLarge => words!(
            "记录有 {number} 字节，上限是 {RECORD_MAX} 字节",
            "it has {number} bytes, and at most {RECORD_MAX} are allowed"
        ),
        RefusalReason::Malformed => {
            words!("服务器读不懂它的内容（{detail}）", "the server cannot read it ({detail})")
        }
        RefusalReason::OutOfOrder => {
            words!("次序不连续，服务器在等第 {number} 号", "it is out of order, the server waits for record {number}")
        }
        RefusalReason::Conflict => words!(
            "服务器在这个序号上已有另一条签名有效的记录",
            "the server holds another validly signed record with this number"
        ),
        RefusalReason::StorageFull if number == SITE_CLOSED => words!(
            "服务器上的站点日志已损坏，暂停接收",
            "this site's log on the server is damaged and takes nothing now"
        ),
        RefusalReason::StorageFull => words!("服务器的磁盘已满", "the server's disk is full"),
        RefusalReason::Simulated => {
            words!("它带有模拟时间，而该站点不是模拟站点", "it has simulated time, and the site is not a simulated one")
        }
    }
}

/// What the person at the gateway does about it.
fn next_step(reason: RefusalReason, number: u64) -> (&'static str, &'static str) {
    match reason {
        RefusalReason::BadSignature => (
            "可能另有一台设备用本网关的编号入了网：询问平台管理员，必要时用新的入网码重新入网（`init --again`）",
            "Another box may have been enrolled under this gateway's name: ask the server's administrator, and enrol again with a new code if need be (`init --again`)",
        ),
        RefusalReason::UnknownGateway => (
            "向平台管理员要新的入网码，重新入网（`init --again`）",
            "Ask the server's administrator for a new code and enrol again (`init --again`)",
        ),
        RefusalReason::Revoked => (
            "若仍要使用，向平台管理员要新的入网码，重新入网（`init --again`）",
            "If it shall go on, ask the server's administrator for a new code and enrol again (`init --again`)",
        ),
        RefusalReason::TooLarge | RefusalReason::Malformed => (
            "把该文件交给平台管理员；若网关程序与服务器的版本不同，请更新",
            "Give that file to the server's administrator; if the versions of agent and server differ, update",
        ),
        RefusalReason::OutOfOrder => {
            ("网关会自动从那里补发，无需处理", "It is sent from there by itself, nothing to do")
        }
        RefusalReason::Conflict => (
            "存储卡是旧镜像，或另有一台网关使用同一密钥：若有，请立即停用那一台",
            "This disk is an old image, or another gateway uses the same key: if there is one, stop it now",
        ),
        RefusalReason::StorageFull if number == SITE_CLOSED => (
            "请告知平台管理员修复；修好后自动补发",
            "Tell the server's administrator to repair it; then it is sent by itself",
        ),
        RefusalReason::StorageFull => (
            "请告知平台管理员腾出空间；之后自动补发",
            "Tell the server's administrator to free space; then it is sent by itself",
        ),
        RefusalReason::Simulated => (
            "模拟数据只能送往创建时声明为模拟的站点：向平台管理员要该站点的入网码",
            "Simulated data is only taken by a site that was created as simulated: ask the server's administrator for a code of such a site",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(reason: RefusalReason, number: u64, retry: bool) -> Words {
        explain(&Notice::Refused { sequence: 7, reason, retry, number, detail: "cut short".to_owned() })
    }

    #[track_caller]
    fn says(words: &Words, zh: &[&str], en: &[&str]) {
        for part in zh {
            assert!(words.zh.contains(part), "missing {part:?} in {}", words.zh);
        }
        for part in en {
            assert!(words.en.contains(part), "missing {part:?} in {}", words.en);
        }
    }

    #[test]
    fn a_hole_is_told_with_the_number_awaited() {
        says(
            &refused(RefusalReason::OutOfOrder, 4, true),
            &["服务器暂不接收第 7 号记录：次序不连续，服务器在等第 4 号", "网关会自动从那里补发，无需处理"],
            &[
                "the server does not take record 7 for now: it is out of order, the server waits for record 4",
                "It is sent from there by itself, nothing to do",
            ],
        );
    }

    #[test]
    fn a_forged_signature_is_told_with_what_to_do() {
        says(
            &refused(RefusalReason::BadSignature, 0, true),
            &["签名与服务器登记的本网关密钥不符", "必要时用新的入网码重新入网"],
            &["its signature does not fit the key the server knows of this gateway", "enrol again with a new code"],
        );
    }

    #[test]
    fn a_clone_is_told_to_stop() {
        says(
            &refused(RefusalReason::Conflict, 0, false),
            &["服务器在这个序号上已有另一条签名有效的记录", "若有，请立即停用那一台"],
            &["the server holds another validly signed record with this number", "if there is one, stop it now"],
        );
    }

    #[test]
    fn an_oversized_record_is_told_with_both_sizes_and_where_it_is_kept() {
        says(
            &refused(RefusalReason::TooLarge, 263_041, false),
            &["服务器最终拒绝第 7 号记录：记录有 263041 字节，上限是 263040 字节", "原件保留在状态目录的 refused/ 中"],
            &[
                "the server finally refused record 7: it has 263041 bytes, and at most 263040 are allowed",
                "it is kept in the folder refused/ of the state directory",
            ],
        );
    }

    #[test]
    fn a_full_disk_and_a_damaged_log_at_the_server_are_told_apart() {
        says(
            &refused(RefusalReason::StorageFull, 0, true),
            &["服务器的磁盘已满。数据保留在本机", "请告知平台管理员腾出空间"],
            &["the server's disk is full; it stays here", "Tell the server's administrator to free space"],
        );
        says(
            &refused(RefusalReason::StorageFull, SITE_CLOSED, true),
            &["服务器上的站点日志已损坏，暂停接收", "请告知平台管理员修复"],
            &["this site's log on the server is damaged", "Tell the server's administrator to repair it"],
        );
    }

    #[test]
    fn a_restored_server_is_told_with_how_much_is_sent_again() {
        says(
            &explain(&Notice::ServerRestored(3)),
            &["服务器恢复到了较早的备份，正在重新发送它缺少的 3 条记录"],
            &["the server was restored from an older copy; the 3 records it lacks are sent again"],
        );
    }

    /// No reason is told with its code alone, and nobody is left without a next step.
    #[test]
    fn every_reason_has_a_sentence_and_a_next_step_in_both_languages() {
        for reason in RefusalReason::ALL {
            for retry in [true, false] {
                let words = refused(reason, 1, retry);
                assert!(!words.zh.contains(reason.name()) && !words.en.contains('_'), "a code is no sentence: {words}");
                let (zh, en) = next_step(reason, 1);
                assert!(words.zh.ends_with(zh) && words.en.ends_with(en) && zh.chars().count() > 10, "{words}");
            }
        }
    }
}
