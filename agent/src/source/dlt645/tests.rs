//! Frames as the standard builds them, damaged in every way; and the client against a meter that answers late.

use std::time::Duration;

use proptest::prelude::*;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::client::{Ask, Connection};
use super::frame::*;
use crate::config::device::Carrier;
use crate::source::failure::Failure;

const ENERGY: Di = Di([0x00, 0x01, 0x00, 0x00]);
const VOLTAGE: Di = Di([0x02, 0x01, 0x01, 0x00]);

fn meter(number: &str) -> Meter {
    Meter::parse(number).expect("twelve digits")
}

fn question() -> Question {
    Question { meter: meter("000012345678"), di: ENERGY }
}

/// A frame around a body from the first 68H to the last data byte.
fn framed(body: &[u8]) -> Vec<u8> {
    let sum = body.iter().fold(0u8, |sum, byte| sum.wrapping_add(*byte));
    [body, &[sum, 0x16]].concat()
}

/// 123456.78 kWh of meter 000012345678, written byte by byte: number and data lowest first, every data byte with 33H added.
fn answer() -> Vec<u8> {
    framed(&[
        0x68, 0x78, 0x56, 0x34, 0x12, 0x00, 0x00, 0x68, 0x91, 0x08, 0x33, 0x33, 0x34, 0x33, 0xAB, 0x89, 0x67, 0x45,
    ])
}

const DATA: [u8; 4] = [0x78, 0x56, 0x34, 0x12];

/// An answer of any meter to any identifier.
fn answer_of(question: &Question, data: &[u8]) -> Vec<u8> {
    let mut body = question.encode()[PREAMBLE.len()..].to_vec();
    body.truncate(14);
    body[8] = 0x91;
    body[9] = u8::try_from(4 + data.len()).expect("short");
    body.extend(data.iter().map(|byte| byte.wrapping_add(0x33)));
    framed(&body)
}

#[test]
fn a_question_is_encoded_as_the_standard_builds_it() {
    let expected = [
        0xFE, 0xFE, 0xFE, 0xFE, 0x68, 0x78, 0x56, 0x34, 0x12, 0x00, 0x00, 0x68, 0x11, 0x04, 0x33, 0x33, 0x34, 0x33,
        0xC6, 0x16,
    ];
    assert_eq!(question().encode(), expected);
    // 68 + 78 + 56 + 34 + 12 + 68 + 11 + 04 + 33 + 33 + 34 + 33 = 2C6H: worked out by hand.
}

#[test]
fn numbers_and_identifiers_are_read_as_people_write_them() {
    assert_eq!(meter("000012345678").to_string(), "000012345678");
    for wrong in ["", "12345678", "0000123456789", "00001234567A", "AAAAAAAAAAAA", "999999999999", "００００１２３４"]
    {
        assert_eq!(Meter::parse(wrong), None, "{wrong}");
    }
    assert_eq!(Di::parse("02 01 01 00"), Some(VOLTAGE));
    assert_eq!(Di::parse("0201ff00").map(Di::is_block), Some(true));
    for wrong in ["", "02 01 01", "02 01 01 00 00", "02 01 0G 00"] {
        assert_eq!(Di::parse(wrong), None, "{wrong}");
    }
}

#[test]
fn a_correct_answer_is_taken_behind_preambles_and_noise_and_every_prefix_is_incomplete() {
    for before in [&[][..], &[0xFE; 4], &[0xFE; 1], &[0x00, 0xFF, 0x68, 0x16, 0xFE]] {
        let received = [before, &answer()].concat();
        assert_eq!(judge(&received, &question()), (Answer::Data(DATA.to_vec()), received.len()));
        for cut in 0..received.len() {
            assert_eq!(judge(&received[..cut], &question()).0, Answer::Incomplete, "cut at {cut}");
        }
    }
    let followed = [&answer()[..], &[0xFE, 0xFE, 0x68]].concat();
    assert_eq!(judge(&followed, &question()), (Answer::Data(DATA.to_vec()), answer().len()));
    let noise = vec![0xFE; NOISE_BYTES_MAX + 1];
    assert_eq!(judge(&noise, &question()).0, Answer::Wrong(WrongFrame::Noise));
    assert_eq!(judge(&[&noise[..], &answer()].concat(), &question()).0, Answer::Wrong(WrongFrame::Noise));
}

#[test]
fn a_refusal_and_foreign_answers_are_named() {
    // Error word 02H, "no such data", travels as 35H.
    let refusal = |address: u8| framed(&[0x68, address, 0x56, 0x34, 0x12, 0, 0, 0x68, 0xD1, 0x01, 0x35]);
    assert_eq!(judge(&refusal(0x78), &question()).0, Answer::Refused(0x02));
    let neighbour = meter("000012345679");
    assert_eq!(judge(&refusal(0x79), &question()).0, Answer::Other { meter: neighbour, di: None });
    for other in [Question { meter: neighbour, ..question() }, Question { di: VOLTAGE, ..question() }] {
        let received = answer_of(&other, &[0, 0x22]);
        let expected = Answer::Other { meter: other.meter, di: Some(other.di) };
        assert_eq!(judge(&received, &question()), (expected, received.len()));
    }
    let control = |control: u8, data: &[u8]| {
        let mut body = answer()[..8].to_vec();
        body.extend([control, u8::try_from(data.len()).expect("short")]);
        body.extend(data);
        judge(&framed(&body), &question()).0
    };
    assert_eq!(control(0xB1, &[0x33, 0x33, 0x34, 0x33, 0]), Answer::Wrong(WrongFrame::MoreFollows));
    assert_eq!(control(0x11, &[0x33, 0x33, 0x34, 0x33]), Answer::Wrong(WrongFrame::Control(0x11)), "an echo");
    assert_eq!(control(0x94, &[]), Answer::Wrong(WrongFrame::Control(0x94)));
    assert_eq!(control(0x91, &[0x33; 3]), Answer::Wrong(WrongFrame::Length(3)));
    assert_eq!(control(0xD1, &[0x35, 0x35]), Answer::Wrong(WrongFrame::Length(2)));
    let mut long = answer();
    long[9] -= 1;
    assert_eq!(judge(&long, &question()).0, Answer::Wrong(WrongFrame::End));
}

#[test]
fn every_flipped_bit_is_refused() {
    let frame = answer();
    for bit in 0..frame.len() * 8 {
        let mut bad = frame.clone();
        bad[bit / 8] ^= 1 << (bit % 8);
        let judged = judge(&bad, &question()).0;
        assert!(!matches!(judged, Answer::Data(_) | Answer::Refused(_)), "bit {bit}: {judged:?}");
    }
}

proptest! {
    #[test]
    fn a_damaged_answer_is_refused_or_the_same(
        data in prop::collection::vec(any::<u8>(), 1..32), preambles in 0usize..5, bit: prop::sample::Index, cut: prop::sample::Index,
    ) {
        let whole = [vec![0xFE; preambles], answer_of(&question(), &data)].concat();
        prop_assert_eq!(judge(&whole, &question()), (Answer::Data(data.clone()), whole.len()));
        let mut bad = whole.clone();
        let bit = bit.index(whole.len() * 8);
        bad[bit / 8] ^= 1 << (bit % 8);
        bad.truncate(cut.index(whole.len()) + 1);
        if let (Answer::Data(seen), _) = judge(&bad, &question()) {
            prop_assert_eq!(seen, data);
        }
    }

    #[test]
    fn no_bytes_make_it_panic_or_wait_for_ever(received in prop::collection::vec(prop_oneof![any::<u8>(), Just(0x68), Just(0x16)], 0..700)) {
        let (answer, judged) = judge(&received, &question());
        prop_assert!(judged <= received.len());
        if received.len() > NOISE_BYTES_MAX + FRAME_BYTES_MAX {
            prop_assert_ne!(answer, Answer::Incomplete);
        }
    }
}

/// Answers each question after the given wait with the next count, so that every value says which asking it belongs to.
async fn slow_meter(mut stream: TcpStream, waits_ms: Vec<u64>) -> std::io::Result<()> {
    let mut waits = waits_ms.into_iter();
    for count in 1u8.. {
        let mut asked = [0u8; QUESTION_BYTES];
        stream.read_exact(&mut asked).await?;
        let di = [asked[17], asked[16], asked[15], asked[14]].map(|byte| byte.wrapping_sub(0x33));
        tokio::time::sleep(Duration::from_millis(waits.next().unwrap_or(0))).await;
        stream.write_all(&answer_of(&Question { di: Di(di), ..question() }, &[count])).await?;
    }
    Ok(())
}

/// One meter reached over TCP.
async fn connected(waits_ms: &[u64]) -> Connection {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("port");
    let mut connection = Connection::new(Carrier::RtuOverTcp(listener.local_addr().expect("address").to_string()));
    let waits_ms = waits_ms.to_vec();
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await?;
        slow_meter(stream, waits_ms).await
    });
    connection.open(Duration::from_secs(5)).await.expect("connected");
    connection
}

#[tokio::test]
async fn a_late_answer_never_becomes_a_newer_reading_of_the_same_data() {
    // The first answer comes while the second poll is waiting.
    let mut connection = connected(&[1_500]).await;
    let ask = |timeout| Ask {
        meter: question().meter,
        timeout: Duration::from_millis(timeout),
        late: Duration::from_secs(60),
        pause: Duration::ZERO,
        others: &[VOLTAGE],
    };
    assert_eq!(connection.read(ask(200), ENERGY).await, Err(Failure::Silent));
    // The first asking was answered with 1, the sentinel with 2: the value of this poll is 3.
    assert_eq!(connection.read(ask(5_000), ENERGY).await, Ok(vec![3]));
    assert_eq!(connection.read(ask(5_000), ENERGY).await, Ok(vec![4]), "afterwards nothing is asked twice");
}

#[tokio::test]
async fn a_late_answer_to_other_data_is_passed_over_without_losing_the_poll() {
    let mut connection = connected(&[1_500]).await;
    let ask = |timeout| Ask {
        meter: question().meter,
        timeout: Duration::from_millis(timeout),
        late: Duration::from_secs(60),
        pause: Duration::ZERO,
        others: &[],
    };
    assert_eq!(connection.read(ask(200), ENERGY).await, Err(Failure::Silent));
    assert_eq!(connection.read(ask(5_000), VOLTAGE).await, Ok(vec![2]));
}

#[tokio::test]
async fn a_meter_that_needs_a_rest_has_it_between_a_sentinel_and_the_question() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("port");
    let mut connection = Connection::new(Carrier::RtuOverTcp(listener.local_addr().expect("address").to_string()));
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.expect("connected");
        let mut asked = [0u8; QUESTION_BYTES];
        // The first question is lost.
        stream.read_exact(&mut asked).await.expect("asked");
        loop {
            stream.read_exact(&mut asked).await.expect("asked");
            let di = [asked[17], asked[16], asked[15], asked[14]].map(|byte| byte.wrapping_sub(0x33));
            stream.write_all(&answer_of(&Question { di: Di(di), ..question() }, &[7])).await.expect("answered");
            // Deaf for a while: what comes now is lost.
            let mut lost = [0u8; QUESTION_BYTES];
            let _ = tokio::time::timeout(Duration::from_millis(100), stream.read_exact(&mut lost)).await;
        }
    });
    connection.open(Duration::from_secs(5)).await.expect("connected");
    let ask = |timeout| Ask {
        meter: question().meter,
        timeout: Duration::from_millis(timeout),
        late: Duration::from_secs(60),
        pause: Duration::from_secs(1),
        others: &[VOLTAGE],
    };
    assert_eq!(connection.read(ask(200), ENERGY).await, Err(Failure::Silent));
    assert_eq!(connection.read(ask(2_000), ENERGY).await, Ok(vec![7]));
}
