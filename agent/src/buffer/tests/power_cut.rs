//! Power lost during every single file operation of a long history, thousands of times.
//!
//! `GZ_POWER_CUTS=10000 cargo test -p gongzheng-agent power_cut` runs that many cuts (default 1,500).

use super::super::fake_disk::Random;
use super::*;

const CUTS_DEFAULT: u64 = 1_500;

/// One seeded history; returns early when the power is gone.
fn live(harness: &mut Harness, random: &mut Random, steps: u64) {
    for _ in 0..steps {
        match random.below(12) {
            0..=4 => drop(harness.append(20 + random.below(400) as usize)),
            5..=7 => drop(harness.sync()),
            8 => {
                let end = random.below(harness.synced_end + 1);
                harness.receipt(end, random.below(2) == 0);
            }
            9 => drop(harness.buffer.as_mut().map(|buffer| buffer.trim())),
            10 => drop(harness.buffer.as_mut().map(|buffer| buffer.save_cursor())),
            _ => {
                harness.buffer = None;
                harness.open();
            }
        }
        if harness.disk.is_dead() {
            return;
        }
    }
}

#[test]
fn no_durable_record_is_lost_at_any_file_operation() {
    let cuts_wanted = std::env::var("GZ_POWER_CUTS").ok().and_then(|text| text.parse().ok()).unwrap_or(CUTS_DEFAULT);
    let (mut cuts, mut seed, mut records) = (0_u64, 0_u64, 0_u64);
    while cuts < cuts_wanted {
        seed += 1;
        // Once without a cut, to know how many operations this history has.
        let whole = FakeDisk::new(24 * 2_048);
        live(&mut Harness::new(whole.clone(), small()), &mut Random(seed), 60);
        for operation in 0..whole.operations() {
            let disk = FakeDisk::new(24 * 2_048);
            disk.cut_at(operation);
            let mut harness = Harness::new(disk.clone(), small());
            let mut random = Random(seed);
            live(&mut harness, &mut random, 60);
            assert!(disk.is_dead(), "seed {seed} operation {operation}: the history changed");
            records += harness.synced_end;
            let context = format!("seed {seed} operation {operation}");
            let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                // Cut, live on, cut again at a random operation, twice.
                harness.power_cycle(seed ^ operation);
                for round in 0..2 {
                    harness.disk.cut_at(random.below(40));
                    live(&mut harness, &mut random, 25);
                    harness.power_cycle(seed.wrapping_mul(31) ^ operation ^ round);
                }
            }));
            assert!(outcome.is_ok(), "failed at {context}");
            cuts += 3;
            if cuts >= cuts_wanted {
                break;
            }
        }
    }
    println!("{cuts} power cuts over {seed} histories, {records} durable records checked, 0 lost");
}
