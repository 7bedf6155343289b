//! The connection under Modbus: TCP through `tokio-modbus`, RTU through our own codec. I/O only; what to do is decided elsewhere.
//!
//! Constraints, each from a measured fault of a library or a device:
//! 1. Every call has a time-out: the library has none.
//! 2. After any error or answer of the wrong shape a TCP connection is closed: a late answer dies with it.
//! 3. The number of values returned must equal the number asked for: the library hands on short answers as good.
//! 4. On a line without transaction numbers a late answer is kept from becoming another question's answer by [`Shapes`], and after
//!    every error the line is drained until it is silent.
//! 5. Only reads can be asked: the one function that talks to a device takes an [`Area`] and builds one of four requests.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, timeout};
use tokio_modbus::client::{Client as _, Context};
use tokio_modbus::slave::{Slave, SlaveContext as _};

use super::plan::{Area, Request};
use super::rtu::{Answer, FRAME_BYTES_MAX, Question, Shape, Shapes, judge};
use crate::config::device::{Carrier, Device, ModbusLink};
use crate::source::dtu;
use crate::source::failure::Failure;
use crate::source::stream::{DRAIN_LIMIT, Dial, SharedLine, System, open};

/// What a read gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Payload {
    /// Registers, exactly as many as asked for.
    Words(Vec<u16>),
    /// Bits, exactly as many as asked for.
    Bits(Vec<bool>),
}

/// How one device is asked.
#[derive(Clone, Copy, Debug)]
pub struct Ask {
    /// Unit number.
    pub unit: u8,
    /// Time-out of one answer.
    pub timeout: Duration,
    /// RTU: rest between a sentinel and the question it guards.
    pub pause: Duration,
    /// RTU: how long after a time-out its answer may still come.
    pub late: Duration,
    /// RTU: most items one request of this area may ask for.
    pub count_max: u16,
}

impl Ask {
    /// As the configuration says.
    pub fn new(device: &Device, link: &ModbusLink, request: &Request) -> Self {
        Self {
            unit: link.unit,
            timeout: Duration::from_millis(device.timeout_ms),
            pause: Duration::from_millis(link.pause_ms),
            late: Duration::from_millis(link.late_ms),
            count_max: link.limits.room(request.area, request.address),
        }
    }
}

/// A connection to one carrier, opened on demand.
pub struct Connection {
    carrier: Carrier,
    dial: Arc<dyn Dial>,
    state: State,
    /// Answers that may still be under way on the line. Outlives the connection: a serial device server hands a late answer to
    /// whoever is connected by then.
    shapes: Shapes,
    /// For the times in `shapes`.
    epoch: Instant,
}

enum State {
    Closed,
    Tcp(Context),
    Rtu(Box<Rtu>),
}

impl Connection {
    /// Not yet connected.
    pub fn new(carrier: Carrier) -> Self {
        Self::through(carrier, Arc::new(System))
    }

    /// Not yet connected; the bytes will go through what `dial` opens.
    pub fn through(carrier: Carrier, dial: Arc<dyn Dial>) -> Self {
        Self { carrier, dial, state: State::Closed, shapes: Shapes::default(), epoch: Instant::now() }
    }

    /// The wire it connects to.
    pub fn carrier(&self) -> &Carrier {
        &self.carrier
    }

    /// Whether [`Connection::open`] is needed first.
    pub fn is_closed(&self) -> bool {
        matches!(self.state, State::Closed)
    }

    /// Connects, and rests for `pause` before anything may be asked.
    ///
    /// # Errors
    /// [`Failure::Unreachable`].
    pub async fn open(&mut self, limit: Duration, pause: Duration) -> Result<(), Failure> {
        self.state = State::Closed;
        let stream = open(&*self.dial, &self.carrier, limit).await?;
        self.state = match &self.carrier {
            Carrier::Tcp(_) => State::Tcp(tokio_modbus::client::tcp::attach(stream)),
            carrier => State::Rtu(Box::new(Rtu::new(SharedLine::new(stream, carrier), carrier.heartbeat()))),
        };
        tokio::time::sleep(pause).await;
        Ok(())
    }

    /// Closes the connection.
    pub fn close(&mut self) {
        self.state = State::Closed;
    }

    /// Asks for `request`. The connection is closed after every failure that makes it untrustworthy.
    ///
    /// # Errors
    /// Why there are no values.
    pub async fn read(&mut self, ask: Ask, request: &Request) -> Result<Payload, Failure> {
        let result = match &mut self.state {
            State::Closed => Err(Failure::Broken("not connected".to_owned())),
            State::Tcp(context) => read_tcp(context, ask, request).await,
            State::Rtu(rtu) => {
                let now_ms = i64::try_from(self.epoch.elapsed().as_millis()).unwrap_or(i64::MAX);
                rtu.read(&mut self.shapes, now_ms, ask, request).await
            }
        };
        if let Err(failure) = &result {
            let distrusted = match &self.state {
                State::Tcp(_) => !failure.keeps_connection(),
                // The line is shared and drained; only a broken one is reopened.
                State::Rtu(_) => matches!(failure, Failure::Broken(_)),
                State::Closed => false,
            };
            if distrusted {
                self.state = State::Closed;
            }
        }
        result
    }
}

async fn read_tcp(context: &mut Context, ask: Ask, request: &Request) -> Result<Payload, Failure> {
    use tokio_modbus::{Request as Pdu, Response};
    context.set_slave(Slave(ask.unit));
    let (address, count) = (request.address, request.count);
    let pdu = match request.area {
        Area::Coil => Pdu::ReadCoils(address, count),
        Area::Discrete => Pdu::ReadDiscreteInputs(address, count),
        Area::Holding => Pdu::ReadHoldingRegisters(address, count),
        Area::Input => Pdu::ReadInputRegisters(address, count),
    };
    // `call` and not the library's reading helpers: those assert on the count and would panic on a short answer.
    let answer = match timeout(ask.timeout, context.call(pdu)).await {
        Err(_) => return Err(Failure::Silent),
        Ok(Err(tokio_modbus::Error::Transport(error))) => {
            return Err(match error.kind() {
                // The library's decoder reports frames it cannot parse this way.
                std::io::ErrorKind::InvalidData | std::io::ErrorKind::InvalidInput => {
                    Failure::Nonsense(error.to_string())
                }
                _ => Failure::Broken(error.to_string()),
            });
        }
        Ok(Err(tokio_modbus::Error::Protocol(error))) => return Err(Failure::Nonsense(brief(&error.to_string()))),
        Ok(Ok(Err(exception))) => return Err(Failure::Refused(u8::from(exception))),
        Ok(Ok(Ok(answer))) => answer,
    };
    match (request.area, answer) {
        (Area::Coil, Response::ReadCoils(bits)) | (Area::Discrete, Response::ReadDiscreteInputs(bits)) => {
            // The library hands out whole bytes.
            let whole = usize::from(count).div_ceil(8) * 8;
            if bits.len() != whole && bits.len() != usize::from(count) {
                return Err(Failure::Nonsense(format!("{} bits instead of {count}", bits.len())));
            }
            Ok(Payload::Bits(bits.into_iter().take(usize::from(count)).collect()))
        }
        (Area::Holding, Response::ReadHoldingRegisters(words)) | (Area::Input, Response::ReadInputRegisters(words)) => {
            if words.len() != usize::from(count) {
                return Err(Failure::Nonsense(format!("{} registers instead of {count}", words.len())));
            }
            Ok(Payload::Words(words))
        }
        _ => Err(Failure::Nonsense("answer to another function".to_owned())),
    }
}

/// A library's message without the dump of the foreign values it carries.
fn brief(text: &str) -> String {
    text.chars().take(80).collect()
}

/// Sentinels a slave may refuse before its tag is given up for this poll.
const REFUSALS_MAX: u32 = 8;

/// A line of RTU frames.
struct Rtu {
    line: SharedLine,
    /// What may stand around an answer.
    heartbeat: Vec<u8>,
    /// What the frame looked like that was refused.
    heard: Option<Shape>,
}

impl Rtu {
    fn new(line: SharedLine, heartbeat: &[u8]) -> Self {
        Self { line, heartbeat: heartbeat.to_vec(), heard: None }
    }

    async fn read(
        &mut self,
        shapes: &mut Shapes,
        now_ms: i64,
        ask: Ask,
        request: &Request,
    ) -> Result<Payload, Failure> {
        let question = Question { unit: ask.unit, area: request.area, address: request.address, count: request.count };
        // Counted from before the question, so generously: what is under way now may come until then.
        let (began, late) = (Instant::now(), ask.timeout * 2 + DRAIN_LIMIT + ask.late);
        let until = || now_ms.saturating_add(i64::try_from((began.elapsed() + late).as_millis()).unwrap_or(i64::MAX));
        shapes.expire(now_ms);
        let mut refusals = 0;
        while shapes.collides(&question) {
            let sentinel = shapes.sentinel(&question, ask.count_max).filter(|_| refusals < REFUSALS_MAX);
            let Some(sentinel) = sentinel else {
                // Every distinguishable question is still unanswered: wait until their answers can no longer come.
                return Err(Failure::Silent);
            };
            match self.exchange(shapes, until(), ask, &sentinel).await {
                Ok(_) => {}
                // It refused our own question, which may ask past the end of what it has: that says nothing about the tag. But it
                // settled the oldest open question; the next may settle ours.
                Err(Failure::Refused(_)) => refusals += 1,
                Err(failure) => return Err(failure),
            }
            tokio::time::sleep(ask.pause).await;
        }
        let data = self.exchange(shapes, until(), ask, &question).await?;
        Ok(if request.area.is_bits() {
            let bit = |i| super::decode::packed_bit(&data, i).unwrap_or(false);
            Payload::Bits((0..request.count).map(bit).collect())
        } else {
            Payload::Words(data.chunks_exact(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]])).collect())
        })
    }

    /// One question and its answer. Whatever goes wrong, the line is silent and the shape remembered before this returns.
    async fn exchange(
        &mut self,
        shapes: &mut Shapes,
        until_ms: i64,
        ask: Ask,
        question: &Question,
    ) -> Result<Vec<u8>, Failure> {
        self.heard = None;
        match self.ask(ask, question).await {
            Ok(Ok(data)) => {
                shapes.answered(question.unit);
                Ok(data)
            }
            Ok(Err(code)) => {
                // With older questions open, this refusal may belong to one of them, and the answer to ours may still come.
                if shapes.refused(question.unit) {
                    shapes.unanswered(question, until_ms);
                    self.line.distrust();
                }
                Err(Failure::Refused(code))
            }
            Err(failure) => {
                // An answer to an older question, recognised by its shape: the truth is that the device is late, not that it talks
                // nonsense.
                let failure = match failure {
                    Failure::Nonsense(_) if self.heard.is_some_and(|shape| shapes.expects(&shape)) => Failure::Silent,
                    other => other,
                };
                shapes.unanswered(question, until_ms);
                self.line.distrust();
                if !matches!(failure, Failure::Broken(_)) {
                    self.line.drain().await?;
                }
                Err(failure)
            }
        }
    }

    async fn ask(&mut self, ask: Ask, question: &Question) -> Result<Result<Vec<u8>, u8>, Failure> {
        self.line.settle().await?;
        let deadline = Instant::now() + ask.timeout;
        self.line.send(&question.encode(), deadline).await?;
        let mut received = Vec::with_capacity(FRAME_BYTES_MAX);
        loop {
            let (skipped, answer) = dtu::likeliest(&received, &self.heartbeat, |bytes| {
                let answer = judge(bytes, question);
                (answer.fate(), answer)
            });
            match answer {
                Answer::Data(data) => return Ok(Ok(data)),
                Answer::Exception(code) => return Ok(Err(code)),
                Answer::Wrong(wrong) => {
                    if let Some([unit, function, bytes, ..]) = received.get(skipped..) {
                        self.heard = Some(Shape { unit: *unit, function: *function, bytes: (*bytes).into() });
                    }
                    return Err(Failure::Nonsense(wrong.to_string()));
                }
                Answer::Incomplete(_) => {}
            }
            self.line.receive(&mut received, &self.heartbeat, deadline).await?;
        }
    }
}
