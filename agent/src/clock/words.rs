//! What the state of the system clock, and a change of it, mean for the person at the gateway. Pure.
//!
//! Constraints: readings never wait for a clock and are never dated by a doubtful one, so every sentence says that nothing is lost,
//! and then what to do; the same words stand on the page, in `status` and in `doctor`.

use super::{ClockChange, ClockReading, NEVER_SET_BEFORE_MS, SyncState};
use crate::locale::{Words, words};
use crate::page::view::utc;

/// A smaller step is ordinary work of a time service; it is recorded in the evidence, and nobody has to read of it.
const TOLD_STEP_MS_MIN: i64 = 5_000;

/// The state in a few words, and what to do about it; `None` while all is well.
#[must_use]
pub fn state(now: &ClockReading) -> (Words, Option<Words>) {
    if now.wall_ms < NEVER_SET_BEFORE_MS {
        return (words!("从未校准", "never set"), Some(never_set(now.wall_ms)));
    }
    match now.sync {
        SyncState::Synchronised { .. } => (words!("已同步", "synchronised"), None),
        SyncState::Unsynchronised => (
            words!("未同步", "not synchronised"),
            Some(words!(
                "数据照常采集，但时间要等同步后才能确定。让网关能访问时间服务器（UDP 123），或在 /etc/systemd/timesyncd.conf 的 `NTP=` 填厂内时间服务器；`timedatectl` 显示现状",
                "reading goes on, but times are only known after synchronisation. Let the gateway reach a time server (UDP 123), or name the factory's own as `NTP=` in /etc/systemd/timesyncd.conf; `timedatectl` shows the state"
            )),
        ),
        SyncState::Unknown => (
            words!("不知是否同步", "unknown"),
            Some(words!(
                "系统没有说明是否同步。启用 systemd-timesyncd，或在 `[clock]` 里写 `synchronised_file`",
                "the system does not say whether it is synchronised. Enable systemd-timesyncd, or set `synchronised_file` in `[clock]`"
            )),
        ),
    }
}

/// A change worth a notice; `now` is the reading that showed it.
#[must_use]
pub fn change(change: ClockChange, now: &ClockReading) -> Option<Words> {
    let shown = utc(now.wall_ms);
    match change {
        ClockChange::NeverSet => Some(never_set(now.wall_ms)),
        ClockChange::Stepped { by_ms } if by_ms.saturating_abs() < TOLD_STEP_MS_MIN => None,
        ClockChange::Stepped { by_ms } => {
            let (zh, en) = span(by_ms);
            Some(if by_ms < 0 {
                words!(
                    "系统时钟被往回拨了 {zh}，现在显示 {shown} UTC：已记入证据，读数的先后和间隔不受影响。查明是谁或哪个程序改的；不要手工调时钟，启用 systemd-timesyncd 或 chrony",
                    "the system clock was set back by {en}, it shows {shown} UTC now: this is in the evidence, order and spacing of the readings are not affected. Find out who or what did it; do not set the clock by hand, enable systemd-timesyncd or chrony"
                )
            } else {
                words!(
                    "系统时钟往前调了 {zh}，现在显示 {shown} UTC：已记入证据，读数的先后和间隔不受影响。开机后校准一次属正常；若反复出现，检查时间服务",
                    "the system clock was set forward by {en}, it shows {shown} UTC now: this is in the evidence, order and spacing of the readings are not affected. Once after a start is normal; if it repeats, check the time service"
                )
            })
        }
        ClockChange::Synchronised(true) => Some(words!("系统时钟已同步", "the system clock is synchronised")),
        ClockChange::Synchronised(false) => Some(words!(
            "系统时钟不再同步：数据照常采集。检查到时间服务器的网络和 systemd-timesyncd 或 chrony",
            "the system clock is no longer synchronised: reading goes on. Check the network to the time server, and systemd-timesyncd or chrony"
        )),
    }
}

fn never_set(wall_ms: i64) -> Words {
    let shown = utc(wall_ms);
    words!(
        "系统时钟显示 {shown} UTC，从未校准：数据照常采集并按开机时长记录，连上服务器或同步后再定出准确时间。启用 systemd-timesyncd 或 chrony，或填写厂内时间服务器；若每次断电后都这样，更换主板上的时钟电池",
        "the system clock shows {shown} UTC, it was never set: reading goes on by the time since the start, and true times follow from the server or from synchronisation. Enable systemd-timesyncd or chrony, or name the factory's time server; if it comes back after every power cut, replace the clock's battery"
    )
}

/// "1 小时 0 分" and "1 h 0 min" of a signed number of milliseconds, to the second below an hour.
fn span(ms: i64) -> (String, String) {
    let seconds = (ms.saturating_abs().saturating_add(500)) / 1_000;
    let (minutes, hours, days) = (seconds / 60, seconds / 3_600, seconds / 86_400);
    match seconds {
        0..=59 => (format!("{seconds} 秒"), format!("{seconds} s")),
        60..=3_599 => (format!("{minutes} 分 {} 秒", seconds % 60), format!("{minutes} min {} s", seconds % 60)),
        3_600..=172_799 => (format!("{hours} 小时 {} 分", minutes % 60), format!("{hours} h {} min", minutes % 60)),
        _ => (format!("{days} 天"), format!("{days} days")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON_MS: i64 = 1_795_348_800_000;

    fn reading(wall_ms: i64, sync: SyncState) -> ClockReading {
        ClockReading { boot_id: [1; 16], boot_ms: 60_000, wall_ms, sync }
    }

    #[test]
    fn a_clock_that_was_never_set_says_what_it_shows_what_holds_and_what_to_do() {
        let now = reading(5_000, SyncState::Unsynchronised);
        let notice = change(ClockChange::NeverSet, &now).expect("told");
        assert!(notice.zh.contains("系统时钟显示 1970-01-01 00:00:05 UTC，从未校准：数据照常采集"), "{}", notice.zh);
        assert!(notice.en.contains("the system clock shows 1970-01-01 00:00:05 UTC, it was never set"), "{notice}");
        assert!(notice.zh.contains("更换主板上的时钟电池") && notice.en.contains("replace the clock's battery"));
        // Even a service that vouches for it does not make 1970 true.
        for sync in [SyncState::Unsynchronised, SyncState::Unknown, SyncState::Synchronised { error_ms: 1 }] {
            let (short, remedy) = state(&reading(5_000, sync));
            assert_eq!((short.zh.as_str(), short.en.as_str()), ("从未校准", "never set"));
            assert_eq!(remedy, Some(notice.clone()));
        }
    }

    #[test]
    fn a_clock_set_back_says_by_how_much_and_a_small_step_is_nobodys_business() {
        let now = reading(NOON_MS, SyncState::Unsynchronised);
        let told = |by_ms| change(ClockChange::Stepped { by_ms }, &now);
        let back = told(-3_600_000).expect("told");
        assert!(back.zh.contains("系统时钟被往回拨了 1 小时 0 分，现在显示 2026-11-22"), "{}", back.zh);
        assert!(back.en.contains("the system clock was set back by 1 h 0 min, it shows 2026-11-22"), "{back}");
        assert!(back.zh.contains("不要手工调时钟") && back.en.contains("do not set the clock by hand"));
        let forward = told(1_795_000_000_000).expect("told");
        assert!(
            forward.zh.contains("往前调了 20775 天") && forward.en.contains("set forward by 20775 days"),
            "{forward}"
        );
        assert_eq!(told(-4_999), None);
        assert!(told(-5_000).expect("told").en.contains("set back by 5 s"));
    }

    #[test]
    fn a_synchronised_clock_needs_nothing() {
        assert_eq!(state(&reading(NOON_MS, SyncState::Synchronised { error_ms: 5 })).1, None);
        assert!(state(&reading(NOON_MS, SyncState::Unsynchronised)).1.is_some());
        assert!(state(&reading(NOON_MS, SyncState::Unknown)).1.is_some());
    }
}
