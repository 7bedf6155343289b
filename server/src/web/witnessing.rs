//! Who else vouches for a site's log: on the gateways page, because both say where the data comes from and why it can be
//! believed. Never a number of the site.

use crate::witness::{Peer, Standing, Witnessed};

use super::format::{self, Clockface};
use super::text::{Lang, Texts};

/// What is known when the page is made.
#[derive(Debug, Clone, Default)]
pub struct Witnessing {
    /// The newest checkpoint that a witness cosigned.
    pub newest: Option<Witnessed>,
    /// Leaves of the log now.
    pub leaves: u64,
    /// Every witness with how it stands.
    pub peers: Vec<Peer>,
}

pub(super) struct WitnessCard {
    pub(super) css: &'static str,
    pub(super) status: String,
    pub(super) rows: Vec<WitnessRow>,
}

pub(super) struct WitnessRow {
    pub(super) body: String,
    pub(super) name: String,
    pub(super) css: &'static str,
    pub(super) words: String,
}

pub(super) fn card(t: &Texts, lang: Lang, face: &Clockface, data: &Witnessing) -> WitnessCard {
    let rows = data.peers.iter().map(|peer| row(t, lang, face, peer)).collect();
    let seconds = |witnessed: &Witnessed| witnessed.by.iter().map(|by| by.seconds).max();
    let (css, status) = match &data.newest {
        _ if data.peers.is_empty() => ("none", t.s("witness-nobody")),
        _ if data.peers.iter().any(|peer| peer.standing.is_alarm()) => ("bad", t.s("witness-alarm")),
        Some(newest) if newest.is_witnessed() => {
            let at = face.full(milliseconds(seconds(newest).unwrap_or_default()));
            let size = format::integer(newest.checkpoint.size);
            let status = match data.leaves.saturating_sub(newest.checkpoint.size) {
                0 => t.f("witness-all", &[("size", &size), ("time", &at)]),
                more => t.f("witness-yes", &[("size", &size), ("time", &at), ("behind", &format::integer(more))]),
            };
            ("good", status)
        }
        Some(newest) => {
            let (have, required) = (newest.by.len().to_string(), newest.required.max(1).to_string());
            ("warn", t.f("witness-too-few", &[("have", &have), ("required", &required)]))
        }
        None => ("warn", t.s("witness-not-yet")),
    };
    WitnessCard { css, status, rows }
}

fn row(t: &Texts, lang: Lang, face: &Clockface, peer: &Peer) -> WitnessRow {
    let chinese = lang == Lang::Zh;
    let (zh, en) = peer.standing.words();
    let (mut css, mut words) = match &peer.standing {
        Standing::Cosigned { size, seconds } => {
            let (size, at) = (format::integer(*size), face.full(milliseconds(*seconds)));
            ("good", t.f("witness-signed", &[("size", &size), ("time", &at)]))
        }
        Standing::Ahead { .. } | Standing::Refused { .. } => ("bad", if chinese { zh } else { en }),
        Standing::Failed { .. } | Standing::Unknown { .. } => ("warn", if chinese { zh } else { en }),
        Standing::NotAsked => ("none", if chinese { zh } else { en }),
    };
    if !peer.counts {
        words = format!("{words} · {}", t.s("witness-same-body"));
        css = if css == "good" { "none" } else { css };
    }
    WitnessRow { body: peer.operator.name(chinese).to_owned(), name: peer.name.clone(), css, words }
}

fn milliseconds(seconds: u64) -> i64 {
    i64::try_from(seconds).unwrap_or(i64::MAX).saturating_mul(1000)
}

#[cfg(test)]
pub(super) fn samples() -> Vec<Witnessing> {
    use crate::web::samples::NOW_MS;
    use crate::witness::CosignedBy;
    use protocol::{Digest, note::Checkpoint};
    let operator = |zh: &str, en: &str| verify::Operator { zh: zh.into(), en: en.into(), id: None };
    let seconds = (NOW_MS / 1000) as u64 - 42;
    let peer = |zh: &str, en: &str, counts, standing| Peer {
        name: format!("witness.example/{}", en.len()),
        url: String::new(),
        operator: operator(zh, en),
        counts,
        standing,
    };
    let checkpoint = Checkpoint { origin: "gz.example/jh-07".into(), size: 18_200, root: Digest([1; 32]) };
    let by = vec![CosignedBy {
        witness: "witness.example/22".into(),
        operator: operator("市计量测试院", "City Metrology Inst."),
        seconds,
    }];
    let newest = Some(Witnessed { note: String::new(), checkpoint, by, required: 1 });
    let of_two = newest.clone().map(|newest| Witnessed { required: 2, ..newest });
    let signed = peer("市计量测试院", "City Metrology Inst.", true, Standing::Cosigned { size: 18_200, seconds });
    let away = Standing::Failed {
        since_ms: NOW_MS,
        attempts: 3,
        next_ms: NOW_MS,
        why: "Connection refused".into(),
        known: None,
    };
    let refused = Standing::Refused { theirs: 18_200, ours: 18_230 };
    vec![
        Witnessing {
            newest: newest.clone(),
            leaves: 18_230,
            peers: vec![
                signed.clone(),
                peer("促进中心", "Promotion Centre", true, away.clone()),
                peer("云平台公司", "Cloud Ltd", false, Standing::default()),
            ],
        },
        Witnessing {
            newest, leaves: 18_230, peers: vec![peer("市计量测试院", "City Metrology Inst.", true, refused)]
        },
        Witnessing {
            newest: of_two,
            leaves: 18_230,
            peers: vec![signed, peer("促进中心", "Promotion Centre", true, away)],
        },
        Witnessing::default(),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::web::samples::face;

    #[test]
    fn too_few_and_the_operators_own_are_said() {
        let samples = samples();
        let status = |place: usize, lang: Lang| card(lang.texts(), lang, &face(lang), &samples[place]);
        let (whole, of_two, nobody) = (status(0, Lang::En), status(2, Lang::En), status(3, Lang::En));
        assert_eq!((whole.css, status(1, Lang::En).css, of_two.css, nobody.css), ("good", "bad", "warn", "none"));
        assert!(whole.rows[2].words.contains("the same body as the operator"), "{}", whole.rows[2].words);
        assert!(!whole.rows[0].words.contains("the same body"), "{}", whole.rows[0].words);
        assert!(whole.status.contains("; 30 newer ones follow"), "{}", whole.status);
        let all = Witnessing { leaves: 18_200, ..samples[0].clone() };
        let all = card(Lang::En.texts(), Lang::En, &face(Lang::En), &all).status;
        assert!(all.starts_with("All ") && !all.contains("newer"), "{all}");
        let own = Peer { counts: false, ..samples[2].peers[0].clone() };
        assert_eq!(row(Lang::En.texts(), Lang::En, &face(Lang::En), &own).css, "none", "no mark of success for it");
        assert!(of_two.status.contains("cosigned by 1 of 2 other bodies"), "{}", of_two.status);
        let zh = status(2, Lang::Zh).status;
        assert!(zh.contains("要求 2 个其他单位签名，实有 1 个"), "{zh}");
    }
}
