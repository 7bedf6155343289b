//! A key prepared to check very many signatures.
//!
//! Constraints
//! 1. It accepts exactly what [`PublicKey::verify`] accepts. Both compute the R that the signature must have and compare its bytes;
//!    a point that encodes to the signature's R is the one that those bytes decode to, so that its order is checked on it.
//! 2. Everything here is public, so that how long it takes may depend on it.

use std::sync::OnceLock;

use curve25519_dalek::constants::ED25519_BASEPOINT_POINT;
use curve25519_dalek::edwards::{CompressedEdwardsY, EdwardsPoint};
use curve25519_dalek::scalar::Scalar;
use curve25519_dalek::traits::Identity as _;
use sha2::{Digest as _, Sha512};

use super::{PublicKey, Signature};
use crate::{Error, Result};

/// Digits of a scalar to the base 256, from −127 to 128.
const DIGITS: usize = 32;
/// Multiples of each power of 256.
const WIDTH: usize = 128;

/// 1 to 128 times each 256ⁱ of a point: a scalar times the point is a sum of 32 of them.
struct Multiples(Vec<EdwardsPoint>);

impl Multiples {
    fn of(point: &EdwardsPoint) -> Self {
        let mut multiples = Vec::with_capacity(DIGITS * WIDTH);
        let mut power = *point;
        for _ in 0..DIGITS {
            let mut multiple = power;
            for _ in 0..WIDTH {
                multiples.push(multiple);
                multiple += power;
            }
            // What is left is 129 times the power: and 127 times.
            power = multiple + multiples.iter().rev().nth(1).copied().unwrap_or_default();
        }
        Self(multiples)
    }

    /// `sum` and `scalar` times the point.
    fn add(&self, mut sum: EdwardsPoint, scalar: &Scalar) -> EdwardsPoint {
        let mut carry = 0;
        for (multiples, byte) in self.0.chunks_exact(WIDTH).zip(scalar.as_bytes()) {
            let digit = usize::from(*byte) + carry;
            carry = usize::from(digit > WIDTH);
            let (digit, is_negative) = if digit > WIDTH { (256 - digit, true) } else { (digit, false) };
            // None of the power itself.
            let Some(multiple) = digit.checked_sub(1).and_then(|at| multiples.get(at)) else { continue };
            if is_negative {
                sum -= multiple;
            } else {
                sum += multiple;
            }
        }
        sum
    }
}

fn of_base() -> &'static Multiples {
    static MULTIPLES: OnceLock<Multiples> = OnceLock::new();
    MULTIPLES.get_or_init(|| Multiples::of(&ED25519_BASEPOINT_POINT))
}

/// A key with 655 KB of its multiples, and a millisecond to make them: each check takes a third of the time.
pub struct PreparedKey {
    key: PublicKey,
    minus: Multiples,
}

impl PreparedKey {
    /// Prepares a key.
    pub fn new(key: &PublicKey) -> Self {
        Self { key: *key, minus: Multiples::of(&-key.0.to_edwards()) }
    }

    /// Checks `signature` over `domain ‖ message`, as [`PublicKey::verify`] does.
    pub fn verify(&self, what: &'static str, domain: &str, message: &[u8], signature: &Signature) -> Result<()> {
        let holds = self.verify_all(domain, &[(message, signature)]) == [true];
        holds.then_some(()).ok_or(Error::BadSignature { what })
    }

    /// Of each (message, signature) whether the signature holds over `domain ‖ message`: checked together, because a point is
    /// encoded by a division, and one division does for many.
    pub fn verify_all(&self, domain: &str, signed: &[(&[u8], &Signature)]) -> Vec<bool> {
        let expected = signed.iter().map(|(message, signature)| self.expected(domain, message, signature));
        let expected: Vec<Option<EdwardsPoint>> = expected.collect();
        let points: Vec<EdwardsPoint> = expected.iter().map(|point| point.unwrap_or_default()).collect();
        let encoded = EdwardsPoint::compress_batch_alloc(&points);
        let holds =
            |((point, encoded), (_, signature)): ((&Option<EdwardsPoint>, &CompressedEdwardsY), &(_, &Signature))| {
                let is_large = point.is_some_and(|point| !point.is_small_order());
                is_large && signature.0.starts_with(encoded.as_bytes())
            };
        expected.iter().zip(&encoded).zip(signed).map(holds).collect()
    }

    /// The R that a signature must have; `None` where its S is none.
    fn expected(&self, domain: &str, message: &[u8], signature: &Signature) -> Option<EdwardsPoint> {
        let (r, s) = signature.0.split_at(32);
        let s = Option::<Scalar>::from(Scalar::from_canonical_bytes(s.try_into().ok()?))?;
        let mut hash = Sha512::new();
        for part in [r, self.key.0.as_bytes(), domain.as_bytes(), message] {
            hash.update(part);
        }
        let k = Scalar::from_bytes_mod_order_wide(&hash.finalize().into());
        Some(self.minus.add(of_base().add(EdwardsPoint::identity(), &s), &k))
    }
}
