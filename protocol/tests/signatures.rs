//! Signatures at the edge of RFC 8032: every reader accepts exactly the same set, or a log could be valid for one and forged
//! for another.

use protocol::{PublicKey, SecretKey, Signature};

const DOMAIN: &str = "gongzheng/v1/test\0";

/// The order of the base point, L = 2²⁵² + 27742317777372353535851937790883648493, little-endian.
const ORDER: [u8; 32] = [
    0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
];

#[test]
fn a_second_spelling_of_the_same_signature_is_refused() {
    let key = SecretKey::from_seed(&[9; 32]);
    let signature = key.sign(DOMAIN, b"message");
    assert!(key.public().verify("test", DOMAIN, b"message", &signature).is_ok());
    // S + L: the same residue, so the equation still holds.
    let mut other = signature.0;
    let mut carry = 0;
    for (byte, add) in other[32..].iter_mut().zip(ORDER) {
        let sum = u16::from(*byte) + u16::from(add) + carry;
        (*byte, carry) = (sum.to_le_bytes()[0], sum >> 8);
    }
    assert_eq!(carry, 0, "S + L fits into 32 bytes");
    assert!(key.public().verify("test", DOMAIN, b"message", &Signature(other)).is_err());
}

#[test]
fn a_key_of_small_order_is_no_key() {
    // The neutral element: with R the same and S = 0 it would sign every message.
    let mut neutral = [0; 32];
    neutral[0] = 1;
    // A point of order eight, and y = 0 of order four.
    let eight = "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a";
    assert!(PublicKey::from_slice(&neutral).is_err());
    assert!(PublicKey::from_slice(&[0; 32]).is_err());
    assert!(PublicKey::from_hex(eight).is_err());
}
