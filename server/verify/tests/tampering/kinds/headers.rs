//! What a record's signed header says, and its signature.

use protocol::{
    BootId, ChainId, Header, Kind as Of, LeafBody, SecretKey, Signature, SyncState, record::RECORD_DOMAIN, sha256,
};

use super::{Change, Class, Kind, Refusal};
use crate::tampering::corpus::{Corpus, GATEWAYS};

type OfHeader = fn(&mut Header);

const HEADERS: &[(&str, OfHeader)] = &[
    ("header: another kind", |h| h.kind = Of::ChainStart),
    ("header: another gateway", |h| h.gateway = GATEWAYS[1].parse().unwrap()),
    ("header: another chain", |h| h.chain = ChainId([7; 16])),
    ("header: another sequence", |h| h.sequence += 1),
    ("header: another record before", |h| h.previous = sha256(b"x")),
    ("header: another content", |h| h.content_digest = sha256(b"x")),
    ("header: another length of content", |h| h.content_length += 1),
    ("header: fewer readings", |h| h.readings -= 1),
    ("header: another tag table", |h| h.configuration = sha256(b"x")),
    ("header: another version of the program", |h| h.agent_version = "0.2.0".into()),
    ("header: another boot", |h| h.clock.boot_id = BootId([7; 16])),
    ("header: boot clock moved", |h| h.clock.boot_ms += 3_600_000),
    ("header: UTC moved", |h| h.clock.wall_ms -= 3_600_000),
    ("header: clock said not to be synchronised", |h| h.clock.sync = SyncState::Unsynchronised),
    ("header: clock error made smaller", |h| h.clock.error_ms = 0),
    ("header: server time moved", |h| h.clock.server.as_mut().unwrap().server_ms += 60_000),
    ("header: boot clock at the server time moved", |h| h.clock.server.as_mut().unwrap().boot_ms -= 60_000),
    ("header: error of the server time made smaller", |h| h.clock.server.as_mut().unwrap().error_ms = 1),
    ("header: server time removed", |h| h.clock.server = None),
    ("header: begins earlier", |h| h.first_ms -= 60_000),
    ("header: ends later", |h| h.last_ms += 60_000),
];

pub fn kinds(corpus: &Corpus) -> Vec<Kind> {
    let days = corpus.copy.records(GATEWAYS[0], Of::Batch);
    let (leaf, other) = (days[6], days[7]);
    let place = format!("leaf {leaf}: record");
    let header = |name: &str, refusal: Refusal, change: OfHeader| {
        Kind::new(Class::Headers, name, Change::Header(leaf, Box::new(change), refusal))
    };
    let mut all: Vec<Kind> =
        HEADERS.iter().map(|(name, change)| header(name, ("signature", place.clone()), *change)).collect();
    all.push(header("header: another site", ("chain", place.clone()), |h| h.site = "other".parse().unwrap()));
    all.push(header("header: said to be simulated", ("chain", place.clone()), |h| h.clock.simulated = true));
    all.push(header("header: a gateway nobody enrolled", ("gateway", place), |h| h.gateway = "gw-9".parse().unwrap()));

    let signed = |name: &str, by: fn(&Corpus, &[u8], Signature, Signature) -> Signature| {
        let change = move |copy: &mut crate::tampering::forge::Copy, corpus: &Corpus| {
            let (header, header_bytes, own) = copy.record(leaf);
            let signature = by(corpus, &header_bytes, own, copy.record(other).2);
            let received_ms = copy.leaf(leaf).received_ms;
            copy.set(leaf, &protocol::Leaf { received_ms, body: LeafBody::Record { header, header_bytes, signature } });
            vec![("signature", format!("leaf {leaf}: record"))]
        };
        Kind::new(Class::Headers, name, Change::Log(Box::new(change)))
    };
    all.extend([
        signed("signature: one bit", |_, _, mut own, _| {
            own.0[40] ^= 1;
            own
        }),
        signed("signature: zeros", |_, _, _, _| Signature([0; 64])),
        signed("signature: that of another record", |_, _, _, other| other),
        signed("signature: by the attacker's key", |_, bytes, _, _| {
            SecretKey::from_seed(&[66; 32]).sign(RECORD_DOMAIN, bytes)
        }),
        signed("signature: by the other gateway", |corpus, bytes, _, _| {
            corpus.gateway_keys[1].sign(RECORD_DOMAIN, bytes)
        }),
        signed("signature: by the server", |corpus, bytes, _, _| corpus.log_key.sign(RECORD_DOMAIN, bytes)),
        signed("signature: made for another purpose", |corpus, bytes, _, _| {
            corpus.gateway_keys[0].sign("gongzheng/v1/enrol\0", bytes)
        }),
        signed("signature: its scalar not reduced", |_, _, mut own, _| {
            add_order(&mut own.0[32..]);
            own
        }),
    ]);
    all
}

/// Adds the order of the group to a scalar: the same scalar to whoever does not look.
fn add_order(scalar: &mut [u8]) {
    const ORDER: [u8; 32] = [
        0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, 0, 0, 0, 0, 0,
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
    ];
    let mut carry = 0;
    for (digit, add) in scalar.iter_mut().zip(ORDER) {
        let sum = u16::from(*digit) + u16::from(add) + carry;
        *digit = sum as u8;
        carry = sum >> 8;
    }
}
