//! Mutation test of [`Conn`]: sequences of valid packets, damaged in a few places and cut into random reads, must never
//! panic, never deliver what is not the client's own, never exceed the in-flight bounds, and never acknowledge more than
//! was delivered. A seeded generator of our own keeps it deterministic; the seed is printed with a failure.

use super::tests::{connect, connect_5, publish, publish_5, subscribe, subscribe_5};
use super::*;

#[test]
fn mutated_streams_never_panic_nor_break_a_bound() {
    for seed in 0..3_000_u64 {
        let mut rng = SplitMix(seed);
        // Every third stream speaks MQTT 5.
        let five = seed % 3 == 2;
        let head = if five { connect_5(60) } else { connect(60) };
        let mut stream = head.clone();
        for _ in 0..rng.below(24) {
            let id = u16::try_from(rng.below(6) + 1).unwrap();
            match rng.below(8) {
                0 if five => stream.extend(subscribe_5(id, &["gz/v1/s/g/receipt", "gz/v1/s/g/config"])),
                0 => stream.extend(subscribe(id, &["gz/v1/s/g/receipt", "gz/v1/s/g/config"])),
                1 => stream.extend([0xc0, 0]),
                2 => stream.extend([0x40, 2, 0, id.to_be_bytes()[1]]),
                3 => stream.extend([0x62, 2, 0, id.to_be_bytes()[1]]),
                4 => stream.extend(publish("gz/v1/s/g/state", id, &vec![1; rng.below(20_000)])),
                5 => stream.extend([0xa2, 2, 0, 1]),
                6 if five => stream.extend(publish_5("gz/v1/s/g/record", id, &vec![2; rng.below(300)])),
                _ => stream.extend(publish("gz/v1/s/g/record", id, &vec![2; rng.below(300)])),
            }
        }
        // Half of the streams keep their CONNECT intact so that the mutations reach the open state.
        let protected = if seed % 2 == 0 { head.len() } else { 0 };
        for _ in 0..rng.below(6) {
            let at = rng.below(stream.len());
            if at >= protected {
                match rng.below(4) {
                    0 => stream[at] ^= 1 << rng.below(8),
                    1 => stream[at] = u8::try_from(rng.below(256)).unwrap(),
                    2 => stream.insert(at, u8::try_from(rng.below(256)).unwrap()),
                    _ => drop(stream.remove(at)),
                }
            }
        }
        drive(seed, &mut rng, &stream);
    }
}

fn drive(seed: u64, rng: &mut SplitMix, stream: &[u8]) {
    let limits = Limits::default();
    let mut conn = Conn::new(Identity::new("s", "g").unwrap(), true, limits.clone());
    let (mut delivered, mut acknowledged) = (0, 0);
    let mut open: Vec<Ticket> = Vec::new();
    let mut input = stream;
    let mut rounds = 0;
    while !input.is_empty() {
        rounds += 1;
        assert!(rounds < 1_000_000, "seed {seed}: no progress");
        let take = (rng.below(400) + 1).min(input.len());
        let mut part = &input[..take];
        let mut actions = conn.receive(&mut part);
        input = &input[take - part.len()..];
        if actions.iter().any(|a| matches!(a, Action::Reserve(_))) {
            actions.extend(conn.granted());
        }
        if rng.below(5) == 0 {
            actions.extend(conn.push(Push::Receipt, vec![9; rng.below(100)]));
        }
        if !open.is_empty() && (conn.paused() || rng.below(3) == 0) {
            let ticket = open.swap_remove(rng.below(open.len()));
            actions.extend(conn.complete(ticket));
        }
        for action in actions {
            match action {
                Action::Deliver(ticket, ..) => {
                    delivered += 1;
                    open.push(ticket);
                }
                Action::Write(bytes) if bytes[0] == 0x40 => acknowledged += 1,
                Action::Close(_) => return,
                _ => {}
            }
        }
        assert!(acknowledged <= delivered, "seed {seed}");
        assert!(conn.in_flight() <= limits.in_flight_max, "seed {seed}");
    }
}

/// SplitMix64 (Steele, Lea, Flood 2014): enough randomness for mutations, the same everywhere.
struct SplitMix(u64);

impl SplitMix {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % bound.max(1) as u64).expect("below a usize")
    }
}
