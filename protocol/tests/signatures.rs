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

/// A prepared key is another computation of the same rule: over genuine, altered and hostile signatures it says the same.
#[test]
fn a_prepared_key_accepts_exactly_the_same_signatures() {
    let small = [
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        "0100000000000000000000000000000000000000000000000000000000000000",
        // Encodings that are not canonical: y = p + 1, and the neutral element with a sign.
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "0100000000000000000000000000000000000000000000000000000000000080",
    ];
    let small = small.map(|hex| data_encoding::HEXLOWER.decode(hex.as_bytes()).unwrap());
    let (mut accepted, mut refused) = (0, 0);
    for seed in 0..24_u8 {
        let secret = SecretKey::from_seed(&[seed; 32]);
        let (key, prepared) = (secret.public(), protocol::PreparedKey::new(&secret.public()));
        let message = vec![seed; usize::from(seed) * 13];
        let good = secret.sign(DOMAIN, &message);
        let mut tried = vec![good, SecretKey::from_seed(&[seed ^ 1; 32]).sign(DOMAIN, &message)];
        for bit in (0..512).step_by(7) {
            let mut altered = good.0;
            altered[bit / 8] ^= 1 << (bit % 8);
            tried.push(Signature(altered));
        }
        let mut high = good.0;
        let mut carry = 0;
        for (byte, add) in high[32..].iter_mut().zip(ORDER) {
            let sum = u16::from(*byte) + u16::from(add) + carry;
            (*byte, carry) = (sum.to_le_bytes()[0], sum >> 8);
        }
        tried.push(Signature(high));
        for r in &small {
            for s in [[0; 32], <[u8; 32]>::try_from(&good.0[32..]).unwrap()] {
                let mut hostile = [0; 64];
                hostile[..32].copy_from_slice(r);
                hostile[32..].copy_from_slice(&s);
                tried.push(Signature(hostile));
            }
        }
        let all: Vec<(&[u8], &Signature)> = tried.iter().map(|signature| (message.as_slice(), signature)).collect();
        let singly = tried.iter().map(|signature| key.verify("test", DOMAIN, &message, signature).is_ok());
        assert!(prepared.verify_all(DOMAIN, &all).into_iter().eq(singly), "seed {seed}: checked together");
        for signature in &tried {
            for message in [message.as_slice(), b"another"] {
                let one = key.verify("test", DOMAIN, message, signature).is_ok();
                assert_eq!(one, prepared.verify("test", DOMAIN, message, signature).is_ok(), "{signature:?}");
                if one { accepted += 1 } else { refused += 1 }
            }
        }
    }
    assert_eq!((accepted, refused), (24, 24 * (2 * 85) - 24), "only the genuine signature over its message");
}
