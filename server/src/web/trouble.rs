//! What is wrong with a gateway as the server sees it: sentences for its card, each with what to do.
//!
//! Constraints: everything comes from fixed words and numbers of the read model, never from a sender's text; a refusal that the
//! next record has settled is not shown; nothing here is evidence, so each sentence says since when it counts.

use crate::query::{GatewayView, RefusalView};

use super::format::{self, Clockface};
use super::text::Texts;

/// One sentence.
pub(super) struct Note {
    /// Class of its mark: `bad`, `warn` or `none` for what needs nobody.
    pub(super) css: &'static str,
    /// The sentence.
    pub(super) text: String,
}

/// Everything to be said of a gateway, gravest first.
pub(super) fn notes(t: &Texts, face: &Clockface, gateway: &GatewayView) -> Vec<Note> {
    let mut notes: Vec<Note> = gateway.refusals.iter().filter_map(|refusal| refused(t, face, refusal)).collect();
    if let Some(newest) = &gateway.oversized {
        let (count, time) = (format::integer(newest.count as i64), face.full(newest.at_ms));
        let (bytes, limit) = (format::integer(newest.bytes as i64), format::integer(newest.limit as i64));
        let text = t.f("gateway-oversized", &[("n", &count), ("time", &time), ("bytes", &bytes), ("limit", &limit)]);
        notes.push(Note { css: "bad", text });
    }
    let clock = format!("clock-do-{}", gateway.clock_state.replace('_', "-"));
    if gateway.received_ms.is_some() && t.has(&clock) {
        let css = if matches!(gateway.clock_state.as_str(), "never_set" | "behind" | "ahead") { "bad" } else { "warn" };
        notes.push(Note { css, text: t.s(&clock) });
    }
    notes.sort_by_key(|note| note.css != "bad");
    if gateway.repeats > 0 {
        let count = format::integer(gateway.repeats as i64);
        notes.push(Note { css: "none", text: t.f1("gateway-repeats", "n", count) });
    }
    notes
}

fn refused(t: &Texts, face: &Clockface, refusal: &RefusalView) -> Option<Note> {
    // Holding back and want of room end by themselves with the next record that is taken.
    let passing = matches!(refusal.reason.as_str(), "out_of_order" | "storage_full");
    if passing && !refusal.open {
        return None;
    }
    let number = |value: u64| i64::try_from(value).map_or_else(|_| value.to_string(), format::integer);
    let (count, time) = (number(refusal.count), face.full(refusal.at_ms));
    let (sequence, said) = (number(refusal.sequence), number(refusal.number));
    let limit = format::integer(protocol::record::RECORD_MAX as i64);
    let key = format!("refused-{}", refusal.reason.replace('_', "-"));
    let text =
        t.f(&key, &[("n", &count), ("time", &time), ("sequence", &sequence), ("number", &said), ("limit", &limit)]);
    Some(Note { css: if passing { "warn" } else { "bad" }, text })
}

#[cfg(test)]
mod tests {
    use protocol::RefusalReason;

    use super::super::samples;
    use super::super::text::Lang;
    use super::*;
    use crate::query::OversizedView;

    fn refusal(reason: RefusalReason, number: u64, open: bool) -> RefusalView {
        let (reason, at_ms) = (reason.name().to_owned(), samples::NOW_MS);
        RefusalView { reason, count: 3, at_ms, sequence: 41, number, open }
    }

    fn said(change: impl Fn(&mut GatewayView), lang: Lang) -> String {
        let mut gateway = samples::site().gateways[0].clone();
        change(&mut gateway);
        let notes = notes(lang.texts(), &samples::face(lang), &gateway);
        let lines: String = notes.into_iter().map(|note| format!("{} {}\n", note.css, note.text)).collect();
        lines.replace(format::THIN, " ")
    }

    #[track_caller]
    fn says(change: impl Fn(&mut GatewayView), zh: &[&str], en: &[&str]) {
        for (lang, parts) in [(Lang::Zh, zh), (Lang::En, en)] {
            let text = said(&change, lang);
            for part in parts {
                assert!(text.contains(part), "missing {part:?} in:\n{text}");
            }
        }
    }

    #[test]
    fn a_gateway_without_trouble_has_no_notes() {
        assert_eq!(said(|_| {}, Lang::Zh), "");
    }

    #[test]
    fn a_forged_signature_is_told_to_the_operator() {
        says(
            |g| g.refusals.push(refusal(RefusalReason::BadSignature, 0, false)),
            &["bad 签名不符，服务器启动以来拒收 3 次", "第 41 号", "未采用任何数据", "否则可能有人冒充"],
            &[
                "bad Wrong signature, refused 3 × since the server started",
                "record 41",
                "nothing was taken",
                "posing as it",
            ],
        );
    }

    #[test]
    fn a_clone_is_told_to_the_operator() {
        says(
            |g| g.refusals.push(refusal(RefusalReason::Conflict, 0, false)),
            &["bad 同一序号收到两条不同的记录", "已隔离留证", "停用多余的那一台"],
            &["bad Two different records for one number", "set apart as evidence", "stop the one that should not run"],
        );
    }

    #[test]
    fn a_hole_is_told_only_while_it_is_open() {
        let hole = |open| move |g: &mut GatewayView| g.refusals.push(refusal(RefusalReason::OutOfOrder, 39, open));
        says(
            hole(true),
            &["warn 记录次序不连续：收到第 41 号，在等第 39 号", "网关会自动补发"],
            &["warn Records out of order: 41 came, 39 is awaited", "The gateway sends it again by itself"],
        );
        assert_eq!(said(hole(false), Lang::En), "");
    }

    #[test]
    fn an_oversized_record_and_packet_are_told_with_both_sizes() {
        says(
            |g| g.refusals.push(refusal(RefusalReason::TooLarge, 263_041, false)),
            &["bad 记录过大", "263 041 字节，上限 263 040 字节", "原件保留在网关的 refused/ 目录"],
            &["bad Record too large", "263 041 bytes, at most 263 040", "kept on the gateway in the folder refused/"],
        );
        says(
            |g| {
                let at_ms = samples::NOW_MS;
                g.oversized = Some(OversizedView { count: 2, at_ms, bytes: 280_033, limit: 270_336 });
            },
            &["bad 数据包过大", "280 033 字节，上限 270 336 字节", "未读取，连接已断开", "停用并重新入网"],
            &[
                "bad Packet too large",
                "280 033 bytes, at most 270 336",
                "not read and the connection was closed",
                "revoke the gateway",
            ],
        );
    }

    #[test]
    fn a_replayed_record_is_counted_and_needs_nobody() {
        says(
            |g| g.repeats = 7,
            &["none 重复送达 7 条已有的记录：内容相同，没有重复计算，无需处理"],
            &["none 7 records came again that were already held: the same content, counted once, nothing to do"],
        );
    }

    #[test]
    fn a_clock_at_1970_or_set_back_an_hour_is_told_with_what_to_do() {
        says(
            |g| g.clock_state = "never_set".into(),
            &["bad 网关的时钟从未校准（显示 2020 年以前）：数据照收", "更换主板上的时钟电池"],
            &[
                "bad The gateway's clock was never set (it shows a time before 2020): data is taken",
                "replace the clock's battery",
            ],
        );
        says(
            |g| g.clock_state = "behind".into(),
            &[
                "bad 网关的时钟比服务器慢一分钟以上，可能被往回拨过：数据照收，先后以序号为准",
                "启用 systemd-timesyncd 或 chrony",
            ],
            &[
                "bad The gateway's clock is more than a minute behind the server's, perhaps it was set back: data is taken",
                "enable systemd-timesyncd or chrony",
            ],
        );
    }

    /// Whatever a gateway is refused for, the operator reads a sentence and not a code.
    #[test]
    fn every_reason_has_a_sentence_in_both_languages() {
        for reason in RefusalReason::ALL {
            for lang in Lang::ALL {
                let text = said(|g| g.refusals.push(refusal(reason, 1, true)), lang);
                assert!(!text.contains(['⟦', '_']) && text.chars().count() > 30, "{text}");
            }
        }
        for state in ["never_set", "behind", "ahead", "unsynchronised", "unknown"] {
            assert!(!said(|g| g.clock_state = state.into(), Lang::Zh).is_empty(), "{state}");
        }
    }
}
