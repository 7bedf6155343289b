//! How a witness stands to a site's log, and what its answer means. Pure.

use serde::Serialize;

/// What came of asking one witness about one site.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[serde(tag = "standing", rename_all = "snake_case")]
pub enum Standing {
    /// Not asked since this server started.
    #[default]
    NotAsked,
    /// It cosigned.
    Cosigned {
        /// Leaves under the checkpoint.
        size: u64,
        /// When, Unix seconds by its clock.
        seconds: u64,
    },
    /// It could not be asked, or did not answer as a witness does.
    Failed {
        /// Since when, Unix ms.
        since_ms: i64,
        /// Attempts since then.
        attempts: u32,
        /// Not asked again before, Unix ms.
        next_ms: i64,
        /// What went wrong last.
        why: String,
        /// Size it signed before that, where known.
        known: Option<u64>,
    },
    /// It does not know this log, or this log's key.
    Unknown {
        /// 404: not this log; 403: not this key.
        status: u16,
    },
    /// It has signed more leaves than this server holds: this server was restored from a backup, or two write one log.
    Ahead {
        /// Leaves it has signed.
        theirs: u64,
        /// Leaves here.
        ours: u64,
    },
    /// It says that this log does not continue what it signed: history was rewritten, here or on the way to it.
    Refused {
        /// Leaves it has signed.
        theirs: u64,
        /// Leaves of the checkpoint it refused.
        ours: u64,
    },
}

/// A witness's answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: String,
}

/// What to do about it.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// Check and keep the cosignature.
    Keep,
    /// Ask again with a proof from this size.
    AskFrom(u64),
    /// That is how it stands.
    Stand(Standing),
    /// It may be better later.
    Failed(String),
}

/// What an answer means, given on a request with a proof from `old` to `size` leaves.
pub(super) fn understand(answer: &Answer, old: u64, size: u64) -> Next {
    match answer.status {
        200 => Next::Keep,
        409 => match answer.body.trim_end().parse::<u64>() {
            Ok(theirs) if theirs > size => Next::Stand(Standing::Ahead { theirs, ours: size }),
            // The sizes agree and it still does not fit: another root.
            Ok(theirs) if theirs == old => Next::Stand(Standing::Refused { theirs, ours: size }),
            Ok(theirs) => Next::AskFrom(theirs),
            Err(_) => Next::Failed("409 without the size it knows".to_owned()),
        },
        422 => Next::Stand(Standing::Refused { theirs: old, ours: size }),
        status @ (403 | 404) => Next::Stand(Standing::Unknown { status }),
        status => Next::Failed(format!("HTTP status {status}")),
    }
}

impl Standing {
    /// The size it signed last, as far as we know.
    pub(super) fn known_size(&self) -> Option<u64> {
        match self {
            Self::Cosigned { size, .. } => Some(*size),
            Self::Failed { known, .. } => *known,
            Self::Ahead { theirs, .. } | Self::Refused { theirs, .. } => Some(*theirs),
            Self::NotAsked | Self::Unknown { .. } => None,
        }
    }

    /// After one more failure.
    pub(super) fn failed(&self, why: String, now_ms: i64) -> Self {
        let (since_ms, attempts) = match self {
            Self::Failed { since_ms, attempts, .. } => (*since_ms, attempts.saturating_add(1)),
            _ => (now_ms, 1),
        };
        let pause_ms = RETRY_MS.saturating_mul(1 << attempts.min(6)).min(RETRY_MAX_MS);
        Self::Failed { since_ms, attempts, next_ms: now_ms + pause_ms, why, known: self.known_size() }
    }

    /// What holds once a witness was asked again. An alarm stays until the witness itself takes it back by cosigning, or until
    /// the server is started again, which is when somebody has looked: whoever can cut the connection could otherwise silence it.
    pub(super) fn then(self, after: Self) -> Self {
        match after {
            Self::Cosigned { .. } | Self::Ahead { .. } | Self::Refused { .. } => after,
            _ if self.is_alarm() => self,
            _ => after,
        }
    }

    /// Whether asking again would be too soon.
    pub(super) fn waits(&self, now_ms: i64) -> bool {
        // A clock set back must not silence a witness.
        matches!(self, Self::Failed { next_ms, .. } if (now_ms..=now_ms + RETRY_MAX_MS).contains(next_ms) && *next_ms > now_ms)
    }

    /// Whether somebody has to look: it will not get better by itself.
    pub fn is_alarm(&self) -> bool {
        matches!(self, Self::Ahead { .. } | Self::Refused { .. })
    }

    /// In Chinese and English.
    pub fn words(&self) -> (String, String) {
        match self {
            Self::NotAsked => ("尚未请求见证".into(), "not asked yet".into()),
            Self::Cosigned { size, .. } => (format!("已见证前 {size} 条"), format!("cosigned the first {size} leaves")),
            Self::Failed { why, attempts, .. } => (
                format!("联系不上或答复有误，已试 {attempts} 次（{why}），将自动重试"),
                format!("cannot be reached or answers wrongly, tried {attempts} times ({why}); it is tried again"),
            ),
            Self::Unknown { status: 403 } => (
                "见证方不认可本服务器的站点日志密钥：请把密钥告知见证方".into(),
                "the witness does not know this server's log key: tell its operator".into(),
            ),
            Self::Unknown { .. } => (
                "见证方未登记此站点日志：请联系见证方登记；若本服务器曾从备份恢复，见证方须先确认新的日志纪元".into(),
                "the witness does not know this log: ask its operator to add it; after a restore from a backup the witness has to confirm the new epoch".into(),
            ),
            Self::Ahead { theirs, ours } => (
                format!(
                    "见证方已见证 {theirs} 条，本服务器只有 {ours} 条：本服务器可能由旧备份恢复，或有两个服务器写同一日志。请停止服务，查明原因后重新启动"
                ),
                format!(
                    "the witness has cosigned {theirs} leaves and this server holds {ours}: it was restored from an older backup, or two servers write one log. Stop it, find out, and start it again"
                ),
            ),
            Self::Refused { theirs, ours } => (
                format!("见证方拒绝：本服务器的 {ours} 条记录不是其已见证的 {theirs} 条的延续，历史被改写。请与见证方核对"),
                format!(
                    "the witness refuses: the {ours} leaves here do not continue the {theirs} it cosigned, so history was rewritten. Compare with its operator"
                ),
            ),
        }
    }
}

/// First pause after a failure, doubled each time.
const RETRY_MS: i64 = 15_000;
const RETRY_MAX_MS: i64 = 900_000;

#[cfg(test)]
mod tests {
    use super::*;

    fn understood(status: u16, body: &str) -> Next {
        understand(&Answer { status, body: body.to_owned() }, 5, 9)
    }

    #[test]
    fn every_answer_has_one_meaning() {
        assert_eq!(understood(200, ""), Next::Keep);
        assert_eq!(understood(409, "7\n"), Next::AskFrom(7));
        assert_eq!(understood(409, "10\n"), Next::Stand(Standing::Ahead { theirs: 10, ours: 9 }));
        assert_eq!(understood(409, "5\n"), Next::Stand(Standing::Refused { theirs: 5, ours: 9 }));
        assert_eq!(understood(422, ""), Next::Stand(Standing::Refused { theirs: 5, ours: 9 }));
        assert_eq!(understood(404, ""), Next::Stand(Standing::Unknown { status: 404 }));
        assert!(matches!(understood(409, "many"), Next::Failed(_)));
        assert!(matches!(understood(503, ""), Next::Failed(_)));
    }

    #[test]
    fn alarms_say_what_to_do() {
        let ahead = Standing::Ahead { theirs: 10, ours: 9 };
        let refused = Standing::Refused { theirs: 5, ours: 9 };
        assert!(ahead.is_alarm() && refused.is_alarm() && !Standing::Unknown { status: 404 }.is_alarm());
        let ((zh, en), (zh_refused, en_refused)) = (ahead.words(), refused.words());
        assert!(zh.contains("请停止服务") && en.contains("Stop it, find out"), "{zh} {en}");
        assert!(zh_refused.contains("历史被改写") && en_refused.contains("history was rewritten"));
    }

    #[test]
    fn an_alarm_outlives_a_witness_that_cannot_be_reached() {
        for alarm in [Standing::Ahead { theirs: 10, ours: 9 }, Standing::Refused { theirs: 5, ours: 9 }] {
            let down = alarm.failed("down".into(), 1);
            assert_eq!(alarm.clone().then(down), alarm);
            assert_eq!(alarm.clone().then(Standing::Unknown { status: 404 }), alarm);
            let taken_back = Standing::Cosigned { size: 9, seconds: 1 };
            assert_eq!(alarm.then(taken_back.clone()), taken_back);
        }
        let (signed, down) = (Standing::Cosigned { size: 7, seconds: 1 }, Standing::NotAsked.failed("down".into(), 1));
        assert_eq!(signed.then(down.clone()), down);
    }

    #[test]
    fn failures_are_spaced_and_remember_what_was_signed() {
        let mut standing = Standing::Cosigned { size: 7, seconds: 1 };
        let mut now = 1_000_000;
        for attempt in 1..12 {
            standing = standing.failed("down".into(), now);
            let Standing::Failed { attempts, next_ms, since_ms, .. } = standing else { panic!() };
            assert_eq!((attempts, since_ms), (attempt, 1_000_000));
            assert!(standing.waits(now) && !standing.waits(next_ms));
            assert!((RETRY_MS..=RETRY_MAX_MS).contains(&(next_ms - now)));
            assert!(!standing.waits(next_ms - RETRY_MAX_MS - 1), "a clock set back asks again");
            now = next_ms;
        }
        assert_eq!(standing.known_size(), Some(7));
    }
}
