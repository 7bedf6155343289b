//! The connection under DL/T 645. I/O only; what to do is decided in `frame` and `late`.
//!
//! Constraints: one question under way at a time; every wait has a limit; an answer to an older question is recognised and passed over,
//! and one that could not be recognised (the same identifier, an earlier poll) is ruled out before asking.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::frame::{Answer, Di, FRAME_BYTES_MAX, Meter, NOISE_BYTES_MAX, Question, judge};
use super::late::Late;
use crate::config::device::Carrier;
use crate::source::dtu;
use crate::source::failure::Failure;
use crate::source::stream::{DRAIN_LIMIT, Dial, SharedLine, System, open};

/// How one meter is asked.
#[derive(Clone, Copy, Debug)]
pub struct Ask<'a> {
    /// Its number.
    pub meter: Meter,
    /// Time-out of one answer.
    pub timeout: Duration,
    /// How long after a time-out its answer may still come.
    pub late: Duration,
    /// Rest between two questions.
    pub pause: Duration,
    /// Other identifiers it is known to have.
    pub others: &'a [Di],
}

/// A connection to one carrier, opened on demand.
pub struct Connection {
    carrier: Carrier,
    dial: Arc<dyn Dial>,
    line: Option<SharedLine>,
    /// Outlives the connection: a serial device server hands a late answer to whoever is connected by then.
    late: Late,
    /// For the times in `late`.
    epoch: Instant,
}

impl Connection {
    /// Not yet connected.
    pub fn new(carrier: Carrier) -> Self {
        Self::through(carrier, Arc::new(System))
    }

    /// Not yet connected; the bytes will go through what `dial` opens.
    pub fn through(carrier: Carrier, dial: Arc<dyn Dial>) -> Self {
        Self { carrier, dial, line: None, late: Late::default(), epoch: Instant::now() }
    }

    /// The wire it connects to.
    pub fn carrier(&self) -> &Carrier {
        &self.carrier
    }

    /// Whether [`Connection::open`] is needed first.
    pub fn is_closed(&self) -> bool {
        self.line.is_none()
    }

    /// Connects.
    ///
    /// # Errors
    /// [`Failure::Unreachable`].
    pub async fn open(&mut self, limit: Duration) -> Result<(), Failure> {
        self.line = None;
        self.line = Some(SharedLine::new(open(&*self.dial, &self.carrier, limit).await?, &self.carrier));
        Ok(())
    }

    /// Closes the connection.
    pub fn close(&mut self) {
        self.line = None;
    }

    /// Reads the data of one identifier. A broken connection is closed.
    ///
    /// # Errors
    /// Why there are no data.
    pub async fn read(&mut self, ask: Ask<'_>, di: Di) -> Result<Vec<u8>, Failure> {
        let question = Question { meter: ask.meter, di };
        let now_ms = i64::try_from(self.epoch.elapsed().as_millis()).unwrap_or(i64::MAX);
        self.late.expire(now_ms);
        let Some(line) = &mut self.line else { return Err(Failure::Broken("not connected".to_owned())) };
        // Counted from before the question, so generously: what is under way now may come until then.
        let late_ms = i64::try_from((ask.timeout * 2 + DRAIN_LIMIT + ask.late).as_millis()).unwrap_or(i64::MAX);
        let mut exchange = Exchange {
            line,
            late: &mut self.late,
            heartbeat: self.carrier.heartbeat(),
            until_ms: now_ms.saturating_add(late_ms),
            timeout: ask.timeout,
            pause: ask.pause,
        };
        let result = exchange.read(&question, ask.others).await;
        if matches!(result, Err(Failure::Broken(_))) {
            self.line = None;
        }
        result
    }
}

struct Exchange<'a> {
    line: &'a mut SharedLine,
    late: &'a mut Late,
    /// What may stand around an answer.
    heartbeat: &'a [u8],
    until_ms: i64,
    timeout: Duration,
    pause: Duration,
}

impl Exchange<'_> {
    async fn read(&mut self, question: &Question, others: &[Di]) -> Result<Vec<u8>, Failure> {
        if self.late.expects(question) {
            // Without a distinguishable question: wait until the answers can no longer come.
            let sentinel = self.late.sentinel(question, others).ok_or(Failure::Silent)?;
            self.one(&sentinel).await?;
            tokio::time::sleep(self.pause).await;
        }
        self.one(question).await
    }

    /// One question and its answer. Whatever goes wrong, the line is silent and the question remembered before this returns.
    async fn one(&mut self, question: &Question) -> Result<Vec<u8>, Failure> {
        let failure = match self.ask(question).await {
            Ok(Ok(data)) => {
                let is_asked_again = self.late.expects(question);
                self.late.answered(question);
                if is_asked_again {
                    // The answer to this asking may still come.
                    self.late.unanswered(question, self.until_ms);
                }
                return Ok(data);
            }
            Ok(Err(word)) => return Err(Failure::ErrorWord(word)),
            Err(failure) => failure,
        };
        self.late.unanswered(question, self.until_ms);
        self.line.distrust();
        if !matches!(failure, Failure::Broken(_)) {
            self.line.drain().await?;
        }
        Err(failure)
    }

    async fn ask(&mut self, question: &Question) -> Result<Result<Vec<u8>, u8>, Failure> {
        self.line.settle().await?;
        let deadline = Instant::now() + self.timeout;
        self.line.send(&question.encode(), deadline).await?;
        let mut received = Vec::with_capacity(FRAME_BYTES_MAX + NOISE_BYTES_MAX);
        loop {
            let (skipped, (answer, judged)) = dtu::likeliest(&received, self.heartbeat, |bytes| {
                let judged = judge(bytes, question);
                (judged.0.fate(), judged)
            });
            let judged = skipped + judged;
            match answer {
                Answer::Data(data) => {
                    if judged < received.len() {
                        self.line.distrust();
                    }
                    return Ok(Ok(data));
                }
                // A refusal names no identifier: with older questions open, whose it is cannot be known.
                Answer::Refused(_) if self.late.is_waiting_for(question.meter) => {
                    self.late.doubt(question);
                    received.drain(..judged);
                    continue;
                }
                Answer::Refused(word) => return Ok(Err(word)),
                // An older answer: what it belongs to is known, and ours is still to come.
                Answer::Other { meter, di: Some(di) } if self.late.expects(&Question { meter, di }) => {
                    self.late.answered(&Question { meter, di });
                    received.drain(..judged);
                    continue;
                }
                Answer::Other { meter, di: None } if self.late.is_waiting_for(meter) => {
                    received.drain(..judged);
                    continue;
                }
                Answer::Other { meter, di: Some(di) } => {
                    return Err(Failure::Nonsense(format!("answer of meter {meter} to {di}")));
                }
                Answer::Other { meter, di: None } => {
                    return Err(Failure::Nonsense(format!("refusal of meter {meter}")));
                }
                Answer::Wrong(wrong) => return Err(Failure::Nonsense(wrong.to_string())),
                Answer::Incomplete => {}
            }
            self.line.receive(&mut received, self.heartbeat, deadline).await?;
        }
    }
}
