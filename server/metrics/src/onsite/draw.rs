//! Which machines are checked: drawn by lot, from what nobody could choose.
//!
//! Constraints
//! 1. The seed is SHA-256 of the domain, the root of the log's tree right after the leaf that asked for the draw, and the id of the check. That
//!    leaf holds the server's time, and records of gateways come before it: whoever asks can know the root only when it is too late, and asking
//!    again is another leaf that everybody sees.
//! 2. The generator is that of the statistics ([`SplitMix64`]), seeded with the first eight bytes (big-endian); machines are drawn without
//!    putting them back (Fisher and Yates), from the sorted list of those that were declared when it was asked.
//! 3. Who operates the server could ask, look, and not log: that is what witnesses and gateways, which keep checkpoints, are for.

use protocol::Digest;

use super::{Act, Draw};
use crate::compare::SplitMix64;
use crate::model::MachineRole;
use crate::statements::Statements;

/// What the seed is of.
const DOMAIN: &[u8] = b"gongzheng/v1/onsite-draw\0";

/// The draw that a leaf asked for, by the root of the tree of `of + 1` leaves. `None` when that leaf asked for none.
pub fn draw(statements: &Statements, check: &str, of: u64, root: &Digest) -> Option<Draw> {
    let entry = statements.onsite(check).iter().find(|e| e.leaf == of)?;
    let Act::Check(asked) = &entry.act else { return None };
    let machines = machines(statements, of, entry.received_ms);
    let wanted = usize::try_from(asked.wanted).unwrap_or(0);
    let drawn = pick(number(root, check), &machines, wanted);
    Some(Draw { root: root.hex(), machines, drawn })
}

/// The machines there are to draw from: declared before that leaf, in force, and no boundary's meter. What is stated later changes no draw.
fn machines(statements: &Statements, of: u64, at_ms: i64) -> Vec<String> {
    let in_force = |id: &&str| {
        let known = statements.machine_definitions(id).iter().rfind(|d| d.leaf < of && d.effective_from <= at_ms);
        known.is_some_and(|d| d.body.role != MachineRole::Meter)
    };
    statements.machines().filter(in_force).map(str::to_owned).collect()
}

/// The seed of a draw, hex.
pub fn seed(root: &Digest, check: &str) -> String {
    format!("{:016x}", number(root, check))
}

fn number(root: &Digest, check: &str) -> u64 {
    let digest = protocol::sha256(&[DOMAIN, &root.0, check.as_bytes()].concat());
    digest.0.iter().take(8).fold(0, |seed, byte| seed << 8 | u64::from(*byte))
}

fn pick(seed: u64, from: &[String], wanted: usize) -> Vec<String> {
    let mut random = SplitMix64::new(seed);
    let mut left = from.to_vec();
    (0..wanted.min(from.len())).map(|_| left.remove(random.below(left.len()))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_draw_is_the_same_everywhere() {
        // Worked with an independent program.
        let all: Vec<String> = ["anneal", "lathe", "mill", "press", "saw"].map(str::to_owned).into();
        let root = protocol::sha256(b"a root");
        assert_eq!(seed(&root, "oc-1"), "a1bb1a0edb83602e");
        assert_eq!(pick(number(&root, "oc-1"), &all, 3), ["anneal", "mill", "saw"]);
        assert_eq!(pick(number(&root, "oc-2"), &all, 3), ["press", "anneal", "saw"]);
        let everything = pick(7, &all, 9);
        let mut sorted = everything.clone();
        sorted.sort();
        assert_eq!((everything.len(), &sorted), (5, &all), "each once, however many are asked for");
        assert!(pick(7, &[], 3).is_empty());
    }
}
