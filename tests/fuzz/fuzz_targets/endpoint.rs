//! The MQTT endpoint's state machine as a stranger with a valid certificate sees it: any bytes, in any pieces.
#![no_main]

use endpoint::{Action, Conn, Identity, Limits, Push};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    // The first byte chooses the size of the pieces; a CONNECT is in front, so that the open state is reached.
    let Some((size, rest)) = bytes.split_first() else { return };
    let connect = b"\x10\x0d\x00\x04MQTT\x04\x02\x00\x3c\x00\x01x";
    let stream = [&connect[..], rest].concat();
    let mut conn = Conn::new(Identity::new("s", "g").expect("valid ids"), true, Limits::default());
    for mut piece in stream.chunks(usize::from(*size).max(1)) {
        while !piece.is_empty() {
            let before = piece.len();
            let mut actions = conn.receive(&mut piece);
            if actions.iter().any(|action| matches!(action, Action::Reserve(_))) {
                actions.extend(conn.granted());
            }
            for action in actions {
                match action {
                    Action::Close(_) => return,
                    Action::Deliver(ticket, ..) => drop(conn.complete(ticket)),
                    Action::Subscribed(_) => drop(conn.push(Push::Receipt, vec![1])),
                    _ => {}
                }
            }
            assert!(piece.len() < before, "bytes are taken or the connection closes");
        }
    }
});
