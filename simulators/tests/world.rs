//! The world is exact, deterministic and believable.

use simulators::calendar::{DAY, PLANNED, Shift, week_start};
use simulators::instrument::{Instrument, Raw, UJ_PER_CENTI_KWH};
use simulators::rng::SplitMix64;
use simulators::tags::{DEVICES, Role, devices};
use simulators::world::state::State;
use simulators::world::{COMPRESSOR, Config, MAIN, VESSEL, World};

const START: i64 = 1_780_000_000_000;

fn config(seed: u64) -> Config {
    Config { seed, epoch_ms: week_start(START), hall: true, retrofit_ms: None, rest_weekday: Some(6), record: true }
}

fn everything(world: &World, seed: u64) -> Vec<Raw> {
    DEVICES.iter().flat_map(|device| Instrument::new(device, seed).read_all(world)).collect()
}

#[test]
fn the_same_seed_gives_the_same_world_however_it_is_stepped() {
    let until = week_start(START) + 2 * DAY + 12_345_678;
    let direct = World::at(config(11), until);
    let mut stepped = World::new(config(11));
    let mut rng = SplitMix64::new(5);
    while stepped.now() < until {
        let next = (stepped.now() + rng.between(1, 97_000)).min(until);
        stepped.advance_to(next);
    }
    assert_eq!(everything(&direct, 11), everything(&stepped, 11));
    for (a, b) in direct.machines().iter().zip(stepped.machines()) {
        assert_eq!(a.tally(), b.tally());
        assert_eq!(a.intervals(), b.intervals());
    }
    assert_eq!(direct.energy_uj(MAIN), stepped.energy_uj(MAIN));
    let other = World::at(config(12), until);
    assert_ne!(everything(&direct, 11), everything(&other, 11));
}

#[test]
fn energy_is_the_integral_of_power_and_the_main_is_the_sum() {
    let mut world = World::new(config(3));
    // From the middle of a rest day into a working morning, so that every state occurs.
    world.advance_to(week_start(START) + DAY + 7 * 3_600_000);
    let ids = ["press", "cnc", "lathe", "blister", COMPRESSOR, VESSEL, MAIN];
    let start: Vec<i128> = ids.iter().map(|id| world.energy_uj(id).unwrap()).collect();
    let base_start = world.base().energy_uj();
    let mut integral = [0_i128; 7];
    for _ in 0..7_200_000 / 2 {
        for (sum, id) in integral.iter_mut().zip(ids) {
            *sum += i128::from(world.power_mw(id).unwrap()) * 2;
        }
        let (before, at) = (world.power_mw(MAIN).unwrap(), world.now());
        world.advance_to(at + 1);
        let middle = world.power_mw(MAIN).unwrap();
        if middle != before {
            // A machine changed state between two samples: correct the left-hand rule for this millisecond.
            for (sum, id) in integral.iter_mut().zip(ids) {
                *sum += i128::from(world.power_mw(id).unwrap());
            }
            let mut earlier = World::at(config(3), at);
            for (sum, id) in integral.iter_mut().zip(ids) {
                *sum -= i128::from(earlier.power_mw(id).unwrap());
            }
            earlier.advance_to(at + 1);
        }
        world.advance_to(at + 2);
    }
    for ((sum, id), from) in integral.iter().zip(ids).zip(start) {
        assert_eq!(world.energy_uj(id).unwrap() - from, *sum, "{id}");
    }
    let parts: i128 = ids[..6].iter().map(|id| world.energy_uj(id).unwrap()).sum();
    assert_eq!(world.energy_uj(MAIN).unwrap(), parts + world.base().energy_uj());
    assert!(world.base().energy_uj() > base_start);
    let register = Instrument::new(&DEVICES[4], 3).energy_centi_kwh(&world);
    assert!(register > world.energy_uj(MAIN).unwrap() / UJ_PER_CENTI_KWH);
}

#[test]
fn intervals_tile_time_and_agree_with_the_totals() {
    let world = World::at(config(21), week_start(START) + 7 * DAY);
    for machine in world.machines() {
        let list = machine.intervals();
        assert_eq!(list.first().unwrap().from, world.config().epoch_ms);
        assert_eq!(list.last().unwrap().until, world.now());
        let mut per_state = [0_i64; 8];
        for pair in list.windows(2) {
            assert_eq!(pair[0].until, pair[1].from, "{}", machine.profile().id);
        }
        for interval in list {
            assert!(interval.from < interval.until, "{interval:?}");
            per_state[interval.state as usize] += interval.until - interval.from;
        }
        assert_eq!(per_state, machine.tally().state_ms, "{}", machine.profile().id);
        for state in [State::Off, State::Idle, State::Run, State::Setup] {
            assert!(per_state[state as usize] > 0, "{} never {state:?}", machine.profile().id);
        }
    }
    assert!(world.compressor().state_ms().iter().all(|ms| *ms > 3_600_000));
    assert!(world.vessel().unwrap().output_grams() > 15_000_000);
}

/// Good standard time over planned time, in hundredths of a percent, and mJ per good piece, over closed worked shifts.
fn performance(world: &World, id: &str, from: i64, until: i64) -> (i64, i128) {
    let products = world.machine(id).unwrap().profile().products;
    let (mut good_ms, mut planned, mut energy, mut good) = (0_i64, 0_i64, 0_i128, 0_u64);
    for closed in world.closed_shifts() {
        let shift: Shift = closed.shift;
        if closed.machine != id || shift.start() < from || shift.end() > until {
            continue;
        }
        energy += closed.tally.energy_uj;
        if !shift.is_worked(world.config().rest_weekday) {
            continue;
        }
        planned += PLANNED;
        good += closed.tally.good_total();
        good_ms += products.iter().zip(closed.tally.good).map(|(p, n)| p.pri_ms * n as i64).sum::<i64>();
    }
    (good_ms * 10_000 / planned, energy / i128::from(good) / 1_000)
}

#[test]
fn the_retrofit_shows_as_a_believable_improvement() {
    let epoch = week_start(START);
    let retrofit = epoch + 6 * 7 * DAY;
    for seed in [1, 2] {
        let config = Config { retrofit_ms: Some(retrofit), record: false, ..config(seed) };
        let world = World::at(config, retrofit + 6 * 7 * DAY);
        for id in ["press", "cnc", "blister"] {
            let (before, energy_before) = performance(&world, id, epoch, retrofit);
            let (after, energy_after) = performance(&world, id, retrofit, world.now());
            let saved = (energy_before - energy_after) * 10_000 / energy_before;
            println!(
                "seed {seed} {id}: OEE {before} -> {after}, mJ/piece {energy_before} -> {energy_after} (-{saved})"
            );
            assert!((5_500..=6_200).contains(&before), "{id} before {before}");
            assert!((6_300..=7_000).contains(&after), "{id} after {after}");
            assert!((500..=1_200).contains(&saved), "{id} saved {saved}");
        }
    }
    assert_eq!(devices(true).count(), 7);
}

#[test]
fn a_machine_that_is_held_obeys_at_once_and_then_goes_on_as_planned() {
    let planned = config(3);
    let noon = week_start(START) + DAY + 10 * 3_600_000;
    for runs in [false, true] {
        let (mut held, mut free) = (World::at(planned, noon), World::at(planned, noon));
        let state = |world: &World| world.machine("press").unwrap().state();
        let energy = |world: &World| world.energy_uj("press").unwrap();
        let before = energy(&held);
        assert!(held.hold("press", runs, noon + 600_000) && !held.hold("main", runs, noon + 600_000));
        let mut pieces = held.machine("press").unwrap().tally().good_total();
        for second in 0..600 {
            assert_eq!(state(&held), if runs { State::Run } else { State::Idle }, "second {second}");
            held.advance_to(noon + (second + 1) * 1_000);
        }
        pieces = held.machine("press").unwrap().tally().good_total() - pieces;
        // Ten minutes at 20 kW or more, or at 6 kW or less.
        let kilowatts = (energy(&held) - before) / 600_000 / 1_000_000;
        assert!(
            if runs { pieces > 30 && kilowatts >= 20 } else { pieces == 0 && kilowatts <= 6 },
            "{pieces} {kilowatts}"
        );
        for minutes in (10..1_440).step_by(7) {
            held.advance_to(noon + minutes * 60_000);
            free.advance_to(noon + minutes * 60_000);
            assert_eq!(state(&held), state(&free), "minute {minutes}");
        }
        let intervals = held.machine("press").unwrap().intervals();
        assert!(intervals.windows(2).all(|pair| pair[0].until == pair[1].from), "no moment is told twice");
    }
}

#[test]
fn a_lathe_that_is_kept_running_is_not_loaded_meanwhile() {
    let noon = week_start(START) + DAY + 10 * 3_600_000;
    let mut world = World::at(config(3), noon);
    assert!(world.hold("lathe", true, noon + 600_000));
    for second in 1..=600 {
        assert_eq!(world.machine("lathe").unwrap().state(), State::Run, "second {second}");
        world.advance_to(noon + second * 1_000);
    }
}

#[test]
fn clamps_on_another_cable_show_its_power_and_their_registers_go_on() {
    let press = DEVICES.iter().find(|device| device.id == "press").unwrap();
    let role = |role: Role| press.tags.iter().find(|tag| tag.role == role).unwrap();
    let mut world = World::at(config(3), START);
    let mut meter = Instrument::new(press, 3);
    let before = meter.energy_centi_kwh(&world);
    meter.clamp_onto(&world, "lathe");
    assert_eq!((meter.cable(), meter.energy_centi_kwh(&world)), ("lathe", before));
    let lathe = world.energy_uj("lathe").unwrap();
    world.advance_to(START + DAY);
    let counted = (world.energy_uj("lathe").unwrap() - lathe).div_euclid(UJ_PER_CENTI_KWH);
    assert_eq!(meter.energy_centi_kwh(&world) - before, counted);
    let watts = (world.power_mw("lathe").unwrap() / 1_000) as u32;
    assert_eq!(meter.read(&world, role(Role::Power)), Some(Raw::U32(watts)));
    assert_ne!(world.power_mw("lathe"), world.power_mw("press"));
    // The controller's own signals come by another wire.
    assert_eq!(meter.read(&world, role(Role::State)), Instrument::new(press, 3).read(&world, role(Role::State)));
}
