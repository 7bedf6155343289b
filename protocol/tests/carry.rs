//! Files on a stick: what was written comes back; what is cut or changed gives every whole message before it, and nothing else.

use proptest::prelude::*;
use protocol::{
    ChainId, Error,
    carry::{Cargo, End, Head, Piece, Reader, Writer},
    record::RECORD_MAX,
    sha256,
};

fn head(cargo: Cargo) -> Head {
    Head { site: "site-1".parse().expect("name"), gateway: "gw-1".parse().expect("name"), cargo }
}

fn records(first: u64, last: u64) -> Head {
    head(Cargo::Records { chain: ChainId([7; 16]), first, last })
}

fn written(head: &Head, messages: &[Vec<u8>]) -> Vec<u8> {
    let mut writer = Writer::new(Vec::new(), head).expect("written");
    for message in messages {
        writer.message(message).expect("written");
    }
    writer.finish().expect("written")
}

/// The messages, and how it ends.
fn read(bytes: &[u8]) -> Option<(Vec<Vec<u8>>, End)> {
    let mut reader = Reader::open(bytes).expect("memory does not fail").ok()??;
    let mut messages = Vec::new();
    let end = loop {
        match reader.next_piece().expect("memory does not fail") {
            Piece::Message(message) => messages.push(message),
            Piece::End(end) => break end,
        }
    };
    assert_eq!(reader.next_piece().expect("memory does not fail"), Piece::End(end), "an end stays one");
    assert!(end == End::Damaged || reader.digest() == sha256(bytes), "as sha256sum says");
    Some((messages, end))
}

fn messages() -> impl Strategy<Value = Vec<Vec<u8>>> {
    prop::collection::vec(prop::collection::vec(any::<u8>(), 1..40), 0..6)
}

proptest! {
    #[test]
    fn what_was_written_is_read(messages in messages()) {
        let bytes = written(&records(3, 9), &messages);
        prop_assert_eq!(read(&bytes), Some((messages, End::Whole)));
    }

    #[test]
    fn a_file_cut_anywhere_gives_what_was_whole_and_says_that_it_is_cut(messages in messages(), at in any::<prop::sample::Index>()) {
        let bytes = written(&records(3, 9), &messages);
        let cut = &bytes[..at.index(bytes.len())];
        let Some((found, end)) = read(cut) else {
            prop_assert!(cut.len() < 8 + 4 + 1024, "only a head that is cut gives nothing");
            return Ok(());
        };
        prop_assert_eq!(end, End::Cut);
        prop_assert_eq!(&found[..], &messages[..found.len()]);
        let bytes_whole: usize = found.iter().map(|message| message.len() + 4).sum();
        let next = messages.get(found.len()).map_or(4 + 32, |next| next.len() + 4);
        prop_assert!(bytes_whole + next > cut.len() - (bytes.len() - body_length(&messages)), "a whole message was left out");
    }

    #[test]
    fn one_changed_byte_is_never_called_whole(messages in messages(), at in any::<prop::sample::Index>(), to in 1..=255_u8) {
        let mut bytes = written(&records(3, 9), &messages);
        let at = at.index(bytes.len());
        bytes[at] ^= to;
        if let Some((_, end)) = read(&bytes) {
            prop_assert_ne!(end, End::Whole);
        }
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..400), behind_a_head in any::<bool>()) {
        let mut whole = if behind_a_head { written(&records(0, 1), &[]) } else { Vec::new() };
        whole.truncate(whole.len().saturating_sub(36));
        whole.extend(bytes);
        drop(read(&whole));
    }
}

fn body_length(messages: &[Vec<u8>]) -> usize {
    messages.iter().map(|message| message.len() + 4).sum::<usize>() + 36
}

#[test]
fn bytes_behind_the_end_are_damage() {
    let mut bytes = written(&head(Cargo::Receipts {}), &[vec![1]]);
    bytes.push(0);
    assert_eq!(read(&bytes), Some((vec![vec![1]], End::Damaged)));
}

#[test]
fn a_length_beyond_its_kind_ends_the_file_before_anything_is_held_for_it() {
    for (cargo, longest) in [
        (Cargo::Records { chain: ChainId([7; 16]), first: 0, last: 0 }, RECORD_MAX),
        (Cargo::Receipts {}, protocol::receipt::SERVER_MESSAGE_MAX),
    ] {
        let most = written(&head(cargo), &[vec![9; longest]]);
        assert_eq!(read(&most).map(|(_, end)| end), Some(End::Whole));
        let mut more = written(&head(cargo), &[]);
        more.truncate(more.len() - 36);
        more.extend(u32::MAX.to_be_bytes());
        assert_eq!(read(&more), Some((Vec::new(), End::Damaged)));
    }
}

#[test]
fn a_head_is_refused_in_words() {
    let of = |bytes: &[u8]| Reader::open(bytes).expect("memory does not fail").map(|reader| reader.is_some());
    let with = |json: &str| {
        let mut bytes = b"GZCARRY1".to_vec();
        bytes.extend((json.len() as u32).to_be_bytes());
        bytes.extend(json.as_bytes());
        bytes
    };
    let chain = "07".repeat(16);
    let records = |first: &str, last: &str| {
        let cargo = format!(r#"{{"records":{{"chain":"{chain}","first":{first},"last":{last}}}}}"#);
        with(&format!(r#"{{"cargo":{cargo},"gateway":"gw-1","site":"site-1"}}"#))
    };
    assert_eq!(of(&records("3", "9")), Ok(true));
    assert_eq!(of(&records("3", "9")[..40]), Ok(false), "cut inside the head");
    assert_eq!(of(b""), Ok(false));
    for bytes in [
        records("9", "3"),
        records("0", "9007199254740992"),
        with(r#"{ "cargo":{"receipts":{}},"gateway":"gw-1","site":"site-1"}"#),
        with(r#"{"cargo":{"receipts":{}},"gateway":"GW","site":"site-1"}"#),
        with(r#"{"cargo":{"receipts":{}},"gateway":"gw-1","more":1,"site":"site-1"}"#),
        b"GZCARRY2\0\0\0\x02{}".to_vec(),
        b"PK\x03\x04".to_vec(),
    ] {
        assert!(of(&bytes).is_err(), "{}", String::from_utf8_lossy(&bytes));
    }
    let mut long = b"GZCARRY1".to_vec();
    long.extend(u32::MAX.to_be_bytes());
    assert!(matches!(of(&long), Err(Error::TooLarge { .. })));
}
