//! What may happen to a log on its way: everything the property of one pass throws at it.

use super::*;

/// One thing that happens to gateways, logs and people.
pub(super) fn disturb(leaves: &mut Leaves, any: &mut dyn FnMut(u64) -> u64) {
    let batches = leaves.batches();
    let from = any(batches.len() as u64) as usize;
    let some: Vec<usize> = batches.iter().copied().skip(from).take(1 + any(40) as usize).collect();
    let at = some[0];
    match any(15) {
        0 => {
            // A record comes later.
            let held_back = leaves.list.remove(at);
            let to = (at + any(120) as usize).min(leaves.list.len());
            leaves.list.insert(to, held_back);
            leaves.renumber();
        }
        13 | 14 => {
            // A gap of some time ago.
            let now = leaves.header(at).unwrap().clock.boot_ms;
            let to_boot_ms = now - any(60) as i64 * HOUR;
            let gap = Gap {
                tag: (any(2) == 0).then(|| any(5) as u32),
                from: GapStart { boot: None, boot_ms: to_boot_ms - any(30) as i64 * HOUR },
                to_boot_ms,
                cause: GapCause::DeviceSilent,
            };
            leaves.record(at, &Content::Batch(Batch::from_readings(vec![], vec![gap], vec![])));
        }
        11 | 12 => {
            // Bad readings; or readings of one tag whose clock went back, so that they push each other on.
            let is_bad = any(2) == 0;
            let (tag, back) = (any(5) as usize, [90_000, 7_200_000, 200_000_000][any(3) as usize]);
            for at in some {
                let Some(Ok(Content::Batch(mut batch))) =
                    leaves.list[at].1.as_ref().map(|b| Content::decode(Kind::Batch, b))
                else {
                    continue;
                };
                let Some(column) = batch.columns.get_mut(tag) else { continue };
                let half = column.times.len() / 2;
                if is_bad {
                    let rest = (column.times.len() - half) as u32;
                    column.qualities = vec![(Quality::Good, half as u32), (Quality::Bad, rest)];
                } else {
                    column.times.iter_mut().skip(half).for_each(|ms| *ms -= back);
                }
                leaves.list[at].1 = Some(Content::Batch(batch).encode().unwrap());
            }
        }
        1 => leaves.list[at].1 = None,
        2 | 3 => {
            // Without synchronisation for a while, perhaps with the server's word.
            let server = any(3) as i64;
            for at in batches.into_iter().skip(from).take(1 + any(150) as usize) {
                let clock = &mut leaves.header(at).unwrap().clock;
                clock.sync = SyncState::Unsynchronised;
                let (server_ms, boot_ms) = (clock.wall_ms + server * 30, clock.boot_ms - server * 1000);
                clock.server = (server > 0).then_some(ServerAnchor { server_ms, boot_ms, error_ms: 200 });
            }
        }
        4 => {
            // The clock is corrected, backwards or forwards.
            let step = [-7_200_000, -90_000, -1_500, 1_500, 7_200_000][any(5) as usize];
            for at in batches.into_iter().skip(from) {
                leaves.header(at).unwrap().clock.wall_ms += step;
            }
        }
        5 => {
            // The gateway starts again.
            let boot = BootId([any(200) as u8 + 2; 16]);
            for at in batches.into_iter().skip(from) {
                leaves.header(at).unwrap().clock.boot_id = boot;
            }
        }
        6 => {
            let digest = [Digest::ZERO; 2];
            let lost = Lost {
                from: 1,
                to: 2,
                cause: LostCause::Damaged,
                previous: digest[0],
                next: digest[1],
                receipt: vec![],
            };
            leaves.record(at, &Content::Lost(lost));
            // What is lost did not come.
            leaves.list.drain(at + 2..(at + 2 + any(3) as usize).min(leaves.list.len()));
        }
        7 => {
            // Another configuration reads something else, or more often.
            let mut configuration = Log::configuration();
            let tag = any(5) as usize;
            match any(3) {
                0 => configuration.tags[tag].scale.den *= 10,
                1 => configuration.tags[tag].interval_ms = 2 * MINUTE,
                _ => configuration.tags[tag].counter = None,
            }
            let digest = leaves.record(at, &Content::Configuration(configuration));
            for i in at + 2..leaves.list.len() {
                if let Some(header) = leaves.header(i).filter(|h| h.kind == Kind::Batch) {
                    header.configuration = digest;
                }
            }
        }
        8 => leaves.state(
            at + 1,
            "quality_count",
            MONDAY,
            json!({"machine": "press", "date": date(any(7) as i64), "shift": "day", "reject": 3}),
        ),
        9 => {
            let effective = MONDAY + any(8 * 24) as i64 * HOUR;
            match any(3) {
                0 => leaves.state(at + 1, "cycle_time", effective, json!({"machine": "press", "item_us": 5_500_000})),
                1 => leaves.state(
                    at + 1,
                    "planned_stop",
                    effective,
                    json!({"machine": "press", "from_ms": effective, "to_ms": effective + HOUR, "reason": ""}),
                ),
                _ => leaves.state(
                    at + 1,
                    "meter_replaced",
                    effective,
                    json!({"machine": "main", "at_ms": effective, "old_final_raw": 5, "new_initial_raw": 6}),
                ),
            }
        }
        _ => {
            let effective = MONDAY + any(8 * 24) as i64 * HOUR;
            let signal = |tag: &str| json!({"gateway": GATEWAY, "tag": tag});
            leaves.state(at + 1, "machine", effective, json!({
                "machine": "press", "names": {"zh": "冲床", "en": "Press"},
                "signals": {"state": signal("press/state"), "good": signal("press/good"), "energy": signal("main/energy")},
                "state_rule": {"codes": {"1": "off", "2": "idle", "4": "run"}},
            }));
        }
    }
}
