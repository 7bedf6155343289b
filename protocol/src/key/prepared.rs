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

/// Digits of a key's scalar have nine bits: 1.2 MB of multiples.
const KEY_BITS: usize = 9;
/// Those of the base point's twelve: 7.2 MB, made once, in some milliseconds.
const BASE_BITS: usize = 12;

/// 1 to `width` times each power of 2 × `width` of a point: a scalar times the point is a sum of so many of them as it has digits to
/// that base, from 1 − `width` to `width`.
struct Multiples {
    bits: usize,
    multiples: Vec<EdwardsPoint>,
}

impl Multiples {
    fn of(point: &EdwardsPoint, bits: usize) -> Self {
        let (width, digits) = (1_usize << (bits - 1), 256_usize.div_ceil(bits));
        let mut multiples = Vec::with_capacity(digits * width);
        let mut power = *point;
        for _ in 0..digits {
            let mut multiple = power;
            for _ in 0..width {
                multiples.push(multiple);
                multiple += power;
            }
            // What is left is one more than the width times the power: and one less.
            power = multiple + multiples.iter().rev().nth(1).copied().unwrap_or_default();
        }
        Self { bits, multiples }
    }

    /// `sum` and `scalar` times the point.
    fn add(&self, mut sum: EdwardsPoint, scalar: &Scalar) -> EdwardsPoint {
        let width = 1_usize << (self.bits - 1);
        let mut carry = 0;
        for (i, multiples) in self.multiples.chunks_exact(width).enumerate() {
            let digit = bits_of(scalar.as_bytes(), i * self.bits, self.bits) + carry;
            carry = usize::from(digit > width);
            let (digit, is_negative) = if digit > width { (2 * width - digit, true) } else { (digit, false) };
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

/// `count` bits, at most sixteen, from bit `from` on; those beyond the end are zero.
fn bits_of(bytes: &[u8; 32], from: usize, count: usize) -> usize {
    let byte = |at: usize| bytes.get(at).copied().map_or(0, usize::from);
    let at = from / 8;
    let three = byte(at) | byte(at + 1) << 8 | byte(at + 2) << 16;
    three >> (from % 8) & ((1 << count) - 1)
}

fn of_base() -> &'static Multiples {
    static MULTIPLES: OnceLock<Multiples> = OnceLock::new();
    MULTIPLES.get_or_init(|| Multiples::of(&ED25519_BASEPOINT_POINT, BASE_BITS))
}

/// A key with 1.2 MB of its multiples, and two milliseconds to make them: each check takes a third of the time.
pub struct PreparedKey {
    key: PublicKey,
    minus: Multiples,
}

impl PreparedKey {
    /// Prepares a key.
    pub fn new(key: &PublicKey) -> Self {
        Self { key: *key, minus: Multiples::of(&-key.0.to_edwards(), KEY_BITS) }
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
