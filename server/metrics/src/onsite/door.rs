//! What is refused before it is logged. A log that holds it all the same (another program's) is read as it is: see `onsite/sheet.rs`.

use protocol::Declaration;

use super::sheet::counts;
use super::{Act, Entry, OnsiteFace, PHOTO_AGE_MS, PHOTO_AHEAD_MS, Side, seal, state};
use crate::model::Body;
use crate::report::Words;
use crate::statements::Statements;

fn words(zh: impl Into<String>, en: impl Into<String>) -> Words {
    Words { zh: zh.into(), en: en.into() }
}

/// Whether a statement of an on-site check may be added to what is in the log. Everything else may.
///
/// # Errors
/// Why it would count for nothing, and what to do.
pub fn check_stated(statements: &Statements, body: Body, declaration: &Declaration, now_ms: i64) -> Result<(), Words> {
    let Some(act) = Act::of(body) else { return Ok(()) };
    let entries = statements.onsite(act.check());
    who(&act, entries, declaration)?;
    if !matches!(act, Act::Check(_)) && !entries.iter().any(|e| matches!(e.act, Act::Check(_))) {
        let check = act.check();
        return Err(words(
            format!("没有现场核查 {check}：请先开始核查并抽取设备"),
            format!("there is no on-site check `{check}`: begin it, with a draw of machines, first"),
        ));
    }
    if let Some(machine) = act.machine() {
        can_be_checked(statements, &act, machine, now_ms)?;
    }
    match &act {
        Act::Face(face) => photo(face, now_ms),
        Act::Result(result) => {
            if result.size.is_some() || result.found.is_some() {
                return Err(words(
                    "size 与 found 由服务器从日志计算，请勿填写",
                    "`size` and `found` are computed by the server from the log: leave them out",
                ));
            }
            let is_act = |e: &&Entry| e.leaf == result.of && !matches!(e.act, Act::Result(_) | Act::Confirmed(_));
            if !entries.iter().any(|e| is_act(&e)) {
                let (of, check) = (result.of, &result.check);
                return Err(words(
                    format!("日志第 {of} 条不是现场核查 {check} 的核查动作"),
                    format!("leaf {of} is no act of the on-site check `{check}`"),
                ));
            }
            let recorded = entries.iter().find(|e| matches!(&e.act, Act::Result(r) if r.of == result.of));
            recorded.map_or(Ok(()), |e| {
                Err(words(
                    format!("结果已记入日志第 {} 条", e.leaf),
                    format!("the result is in leaf {} already", e.leaf),
                ))
            })
        }
        Act::Confirmed(confirmed) => {
            let (through, digest) = seal(entries, u64::MAX);
            if (through, digest.hex()) == (confirmed.through, confirmed.digest.clone()) {
                return Ok(());
            }
            Err(words(
                "您查看之后核查单又有新的内容：请重新查看后再确认",
                "something was added to the sheet since you looked: look again, then confirm",
            ))
        }
        Act::Check(_) | Act::Press(_) | Act::Plate(_) => Ok(()),
    }
}

/// Whose account may state it.
fn who(act: &Act, entries: &[Entry], declaration: &Declaration) -> Result<(), Words> {
    let role = declaration.role.as_str();
    if counts(act, role) {
        let is_firm = matches!(act, Act::Confirmed(c) if c.side == Side::Firm);
        let own = |e: &&Entry| {
            e.author == declaration.author && is_firm != matches!(&e.act, Act::Confirmed(c) if c.side == Side::Firm)
        };
        return match entries.iter().find(own) {
            Some(e) => Err(words(
                format!("双方须各用自己的账号：本账号已在日志第 {} 条代表另一方", e.leaf),
                format!("each side uses an account of its own: this one spoke for the other in leaf {}", e.leaf),
            )),
            None => Ok(()),
        };
    }
    Err(match act {
        Act::Confirmed(c) if c.side == Side::Firm => words(
            format!("企业一方须由企业账号（角色 firm）确认；本次账号的角色是 {role}"),
            format!(
                "the firm's side is confirmed by the firm's own account (role `firm`); this account has the role `{role}`"
            ),
        ),
        _ => words(
            format!(
                "现场核查由核查方的账号进行（评测机构、促进中心、监理或属地），不能由企业或其服务商自行核查；企业只在核查后确认。本次账号的角色是 {role}"
            ),
            format!(
                "an on-site check is made by the accounts of those who check (assessor, centre, supervisor, district), never by the factory or its provider; the factory confirms afterwards. This account has the role `{role}`"
            ),
        ),
    })
}

/// Whether the log can show anything of the machine.
fn can_be_checked(statements: &Statements, act: &Act, machine: &str, now_ms: i64) -> Result<(), Words> {
    let Some(definition) = statements.machine_at(machine, now_ms) else {
        return Err(words(format!("没有设备 {machine}"), format!("there is no machine `{machine}`")));
    };
    match act {
        Act::Press(_) if state::signal(&definition.body).is_none() => Err(words(
            format!("设备 {machine} 未填报状态如何判定，停机、启动无从核对；可核对电能表与铭牌"),
            format!(
                "how the state of `{machine}` is told is not declared, so stopping it shows nothing; check its meter and plates"
            ),
        )),
        Act::Face(_) if definition.body.signals.energy.is_none() => Err(words(
            format!("设备 {machine} 没有接入电能表，无从核对表面读数"),
            format!("`{machine}` has no energy register that is read: a face has nothing to be compared with"),
        )),
        _ => Ok(()),
    }
}

/// Whether the photo is of this visit.
fn photo(face: &OnsiteFace, now_ms: i64) -> Result<(), Words> {
    let age_ms = now_ms.saturating_sub(face.photo.taken_ms);
    if age_ms < -PHOTO_AHEAD_MS {
        return Err(words(
            "照片的拍摄时间晚于现在：请核对手机时钟（自动设置时间）后重新拍摄",
            "the photo was taken later than now by its camera's clock: set the phone's time automatically and take it again",
        ));
    }
    if age_ms > PHOTO_AGE_MS {
        return Err(words(
            "照片拍摄于 24 小时以前，不是本次现场核查所拍：请在现场重新拍摄",
            "the photo was taken more than 24 hours ago, so not on this visit: take it again on site",
        ));
    }
    Ok(())
}
