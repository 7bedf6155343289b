//! Step 2c: which other bodies cosigned the checkpoint, and when.
//!
//! Only witnesses of the trust file count, only those whose body is not the log's operator, and of one body at most one: a
//! server that cosigns itself under another name has shown nothing. A cosignature that carries a trusted witness's name and
//! does not hold refuses the bundle; one dated before the newest leaf it covers does not count.

use protocol::cosignature::cosigned_at;

use crate::{Finding, Trust, trust::TrustedWitness};

pub(crate) fn check(note: &str, newest_leaf_ms: Option<i64>, trust: Option<&Trust>, findings: &mut Vec<Finding>) {
    let Some(trust) = trust else { return };
    let mut signed: Vec<(&TrustedWitness, u64)> = Vec::new();
    for witness in &trust.witnesses {
        let name = &witness.key.name;
        match cosigned_at(note, &witness.key) {
            Ok(None) => {}
            Ok(Some(seconds)) => signed.push((witness, seconds)),
            Err(e) => {
                let zh = format!("见证方 {name} 的见证签名无效（{e}）：检查点或签名被改动");
                let en = format!("the cosignature of {name} does not hold ({e}): checkpoint or signature was altered");
                findings.push(Finding::refused("witness", "checkpoint", zh, en));
            }
        }
    }
    let mut counted = Vec::new();
    for (witness, seconds) in &signed {
        let (at, name) = (instant(*seconds), &witness.key.name);
        let (zh, en) = (witness.operator.name(true), witness.operator.name(false));
        if !trust.is_other_body(witness) {
            let (why_zh, why_en) = match &trust.operator {
                Some(_) => ("与站点日志运营单位为同一单位", "it is the same body as the operator of the log"),
                None => ("信任文件未写明站点日志运营单位", "the trust file does not name the operator of the log"),
            };
            let zh = format!("{zh}（{name}）于 {at} 签名，不计为见证：{why_zh}");
            let en = format!("signed by {en} ({name}) at {at}, which does not count as witnessed: {why_en}");
            findings.push(Finding::note("witness", "checkpoint", zh, en));
        } else if newest_leaf_ms
            .is_some_and(|ms| (*seconds).saturating_mul(1000).saturating_add(CLOCKS_MS) < ms.max(0) as u64)
        {
            let zh = format!("{zh}（{name}）的见证时间 {at} 早于所见证的最新记录，不计为见证：双方时钟不一致");
            let en = format!(
                "the cosignature of {en} ({name}) is dated {at}, before the newest leaf it covers, and does not count: the clocks disagree"
            );
            findings.push(Finding::note("witness", "checkpoint", zh, en));
        } else {
            let zh = format!("由 {zh}（{name}）于 {at} 见证");
            findings.push(Finding::ok("witness", zh, format!("witnessed by {en} ({name}) at {at}")));
            counted.push(*witness);
        }
    }
    let bodies = trust.bodies(|witness| counted.contains(&witness)).len();
    if bodies < trust.witnesses_required {
        let required = trust.witnesses_required;
        let zh = format!("信任文件要求 {required} 个其他单位见证，实有 {bodies} 个");
        let en = format!("the trust file requires {required} other bodies to have witnessed this, and {bodies} have");
        findings.push(Finding::refused("witness", "checkpoint", zh, en));
    } else if bodies == 0 {
        let zh = "未经见证：除服务器运营单位外，没有其他单位证明这份站点日志未被改写";
        let en = "not witnessed: nobody but the server's operator says that this log was never rewritten";
        findings.push(Finding::note("witness", "checkpoint", zh, en));
    }
}

/// `2026-03-14T08:00:00Z`, by the proleptic Gregorian calendar.
pub(crate) fn instant(seconds: u64) -> String {
    let (days, rest) = (seconds / 86_400, seconds % 86_400);
    // Days since 0000-03-01, in eras of 400 years (146,097 days); years begin in March, so that the leap day ends them.
    let day = days + 719_468;
    let (era, of_era) = (day / 146_097, day % 146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}Z", rest / 3_600, rest / 60 % 60, rest % 60)
}

/// How far the clocks of server and witness may differ.
const CLOCKS_MS: u64 = 600_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_are_those_of_the_calendar() {
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_399, "2000-02-28T23:59:59Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_772_380_800, "2026-03-01T16:00:00Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
        ] {
            assert_eq!(instant(seconds), text);
        }
        assert!(instant(i64::MAX as u64).ends_with('Z'));
    }
}
