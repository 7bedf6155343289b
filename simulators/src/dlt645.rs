//! DL/T 645-2007 meters behind a serial device server: several numbers on one TCP port, an own small codec.
//!
//! Only "read data" (11H) to one meter's own number is answered; any other command, and any wildcard or broadcast address, is counted
//! as a violation and left unanswered. A meter holds data by identifier, settable while it runs, and can be told to misbehave for its
//! next answers.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;

/// What a meter does instead of answering rightly.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Nothing: this answer is right.
    None,
    /// No answer.
    Silent,
    /// The right answer, this late.
    Late(Duration),
    /// A data byte is damaged, so that the checksum is wrong.
    BadChecksum,
    /// Another meter's number in the answer, with other data.
    WrongMeter,
    /// An answer to another identifier, with other data.
    WrongIdentifier,
    /// The first half of the answer only.
    Cut,
    /// The answer says that more follows (D5 of the control code).
    MoreFollows,
    /// The connection is cut.
    Drop,
}

/// One meter: data by identifier (DI3 first), lowest byte first.
#[derive(Debug, Default)]
struct Meter {
    data: BTreeMap<[u8; 4], Vec<u8>>,
    faults: VecDeque<Fault>,
}

#[derive(Debug, Default)]
struct State {
    /// By number, first digits first.
    meters: BTreeMap<[u8; 6], Meter>,
    questions: u64,
    violations: u64,
}

/// The meters of one bus.
#[derive(Debug, Default, Clone)]
pub struct Bus(Arc<Mutex<State>>);

impl Bus {
    /// Sets the data of one identifier of a meter; the meter is there from then on. `data` is lowest byte first.
    pub fn set(&self, number: [u8; 6], identifier: [u8; 4], data: &[u8]) {
        self.with(|state| state.meters.entry(number).or_default().data.insert(identifier, data.to_vec()));
    }

    /// What the meter does with its next questions.
    pub fn plan(&self, number: [u8; 6], faults: impl IntoIterator<Item = Fault>) {
        self.with(|state| state.meters.entry(number).or_default().faults.extend(faults));
    }

    /// Faults that are still to come.
    pub fn faults_left(&self) -> usize {
        self.with(|state| state.meters.values().map(|meter| meter.faults.len()).sum())
    }

    /// Questions that reached a meter.
    pub fn questions(&self) -> u64 {
        self.with(|state| state.questions)
    }

    /// Frames that asked for anything but data, or asked everybody.
    pub fn violations(&self) -> u64 {
        self.with(|state| state.violations)
    }

    fn with<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Serves the bus on a loopback port (0: any). Returns its address.
    ///
    /// # Errors
    /// When the port cannot be had.
    pub async fn serve(&self, port: u16) -> io::Result<SocketAddr> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
        let address = listener.local_addr()?;
        let bus = self.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let bus = bus.clone();
                tokio::spawn(async move { bus.serve_stream(stream).await });
            }
        });
        Ok(address)
    }

    /// Serves one connection until it ends: accepted, dialled, or within the process.
    ///
    /// # Errors
    /// Those of the connection.
    pub async fn serve_stream(&self, mut stream: impl AsyncRead + AsyncWrite + Unpin) -> io::Result<()> {
        let mut received = Vec::new();
        let mut chunk = [0_u8; 256];
        loop {
            match stream.read(&mut chunk).await? {
                0 => return Ok(()),
                n => received.extend_from_slice(&chunk[..n]),
            }
            while let Some(frame) = take_frame(&mut received) {
                match self.answer(&frame) {
                    Some((_, Fault::Drop)) => return Ok(()),
                    Some((answer, Fault::Late(wait))) => {
                        tokio::time::sleep(wait).await;
                        stream.write_all(&answer).await?;
                    }
                    Some((answer, _)) => stream.write_all(&answer).await?,
                    None => {}
                }
            }
        }
    }

    /// What goes back for one frame, and the fault that shaped it. `None`: nothing.
    fn answer(&self, frame: &[u8]) -> Option<(Vec<u8>, Fault)> {
        let mut number: [u8; 6] = frame.get(1..7)?.try_into().ok()?;
        number.reverse();
        let (control, data) = (*frame.get(8)?, frame.get(10..frame.len() - 2)?);
        let identifier = <[u8; 4]>::try_from(data).ok().map(|mut bytes| {
            bytes.reverse();
            bytes.map(|byte| byte.wrapping_sub(0x33))
        });
        self.with(|state| {
            let (Some(identifier), 0x11) = (identifier, control) else {
                state.violations += 1;
                return None;
            };
            let Some(meter) = state.meters.get_mut(&number) else {
                // Digits that are none, or all nines: a wildcard or everybody.
                let everybody = number.iter().any(|byte| byte >> 4 > 9 || byte & 0x0F > 9) || number == [0x99; 6];
                state.violations += u64::from(everybody);
                return None;
            };
            state.questions += 1;
            let fault = meter.faults.pop_front().unwrap_or(Fault::None);
            let (mut identifier, mut control) = (identifier, 0x91);
            let body = match meter.data.get(&identifier) {
                _ if fault == Fault::Silent => return None,
                None => {
                    control = 0xD1;
                    vec![0x02]
                }
                Some(data) => {
                    let mut data = data.clone();
                    match fault {
                        Fault::MoreFollows => control |= 0x20,
                        Fault::WrongIdentifier => identifier[3] = identifier[3].wrapping_add(1),
                        Fault::WrongMeter => number[5] = number[5].wrapping_add(1),
                        _ => {}
                    }
                    if matches!(fault, Fault::WrongIdentifier | Fault::WrongMeter) {
                        // Other data: whoever takes them for those asked for has a wrong value.
                        data.iter_mut().for_each(|byte| *byte ^= 0x01);
                    }
                    identifier.iter().rev().chain(&data).copied().collect()
                }
            };
            let mut answer = encode(number, control, &body);
            match fault {
                Fault::BadChecksum => {
                    // The lowest byte of the value behind preambles, head and identifier.
                    answer.iter_mut().skip(2 + 10 + 4).take(1).for_each(|byte| *byte ^= 0x01);
                }
                Fault::Cut => answer.truncate(answer.len() / 2),
                _ => {}
            }
            Some((answer, fault))
        })
    }
}

/// A frame behind two preambles, as meters send it.
fn encode(number: [u8; 6], control: u8, data: &[u8]) -> Vec<u8> {
    let mut frame = vec![0xFE, 0xFE, 0x68];
    frame.extend(number.iter().rev());
    frame.extend([0x68, control, u8::try_from(data.len()).unwrap_or(u8::MAX)]);
    frame.extend(data.iter().map(|byte| byte.wrapping_add(0x33)));
    let sum = sum(&frame[2..]);
    frame.extend([sum, 0x16]);
    frame
}

fn sum(bytes: &[u8]) -> u8 {
    bytes.iter().fold(0, |sum, byte| sum.wrapping_add(*byte))
}

/// Takes the next whole frame, from its first 68H on, and what stands before it. Frames with a wrong checksum are skipped as on a bus.
fn take_frame(received: &mut Vec<u8>) -> Option<Vec<u8>> {
    loop {
        let start = received.iter().position(|byte| *byte == 0x68)?;
        received.drain(..start);
        let length = usize::from(*received.get(9)?) + 12;
        if received.len() < length {
            return None;
        }
        let frame: Vec<u8> = received.drain(..length).collect();
        if frame.get(length - 2) == Some(&sum(&frame[..length - 2])) && frame.ends_with(&[0x16]) {
            return Some(frame);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_meter_answers_its_own_number_only_and_refuses_what_it_does_not_have() {
        let bus = Bus::default();
        let number = [0x00, 0x00, 0x12, 0x34, 0x56, 0x78];
        bus.set(number, [0, 1, 0, 0], &[0x78, 0x56, 0x34, 0x12]);
        let ask = |control, number: [u8; 6], data: &[u8]| {
            let mut frame = encode(number, control, data);
            bus.answer(&take_frame(&mut frame).expect("a frame")).map(|(answer, _)| answer)
        };
        assert_eq!(ask(0x11, number, &[0, 0, 1, 0]), Some(encode(number, 0x91, &[0, 0, 1, 0, 0x78, 0x56, 0x34, 0x12])));
        assert_eq!(ask(0x11, number, &[0, 0, 2, 0]), Some(encode(number, 0xD1, &[2])));
        assert_eq!(ask(0x11, [0; 6], &[0, 0, 1, 0]), None);
        assert_eq!((bus.questions(), bus.violations()), (2, 0));
        assert_eq!(ask(0x14, number, &[0, 0, 1, 0]), None);
        assert_eq!(ask(0x11, [0xAA; 6], &[0, 0, 1, 0]), None);
        assert_eq!((bus.questions(), bus.violations()), (2, 2));
    }
}
