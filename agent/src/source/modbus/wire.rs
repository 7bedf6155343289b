//! Modbus as one of the protocols of a line: which requests, which values, which words.

use std::sync::Arc;
use std::time::Duration;

use super::client::{Ask, Connection, Payload};
use super::decode::{Nonsense, decode};
use super::plan::Request;
use super::trouble::trouble;
use crate::config::device::{Carrier, Device, ModbusLink, Place};
use crate::config::request_groups;
use crate::locale::{Words, words};
use crate::source::failure::Failure;
use crate::source::line::{Decoded, Wire};
use crate::source::stream::Dial;

impl Wire for Connection {
    type Link = ModbusLink;
    type Request = Request;

    fn through(carrier: Carrier, dial: Arc<dyn Dial>) -> Self {
        Self::through(carrier, dial)
    }

    fn carrier(&self) -> &Carrier {
        self.carrier()
    }

    fn is_closed(&self) -> bool {
        self.is_closed()
    }

    fn close(&mut self) {
        self.close();
    }

    async fn open(&mut self, limit: Duration, pause: Duration) -> Result<(), Failure> {
        self.open(limit, pause).await
    }

    async fn read(&mut self, device: &Device, link: &ModbusLink, request: &Request) -> Result<Vec<Decoded>, Failure> {
        let ask = Ask::new(device, link, request);
        Ok(values(device, request, &self.read(ask, request).await?))
    }

    fn groups(device: &Device, link: &ModbusLink) -> Vec<(u64, Vec<Request>)> {
        request_groups(&device.tags, &link.limits)
    }

    fn items(request: &Request) -> Vec<usize> {
        request.placed.iter().map(|p| p.item).collect()
    }

    fn pause_ms(link: &ModbusLink) -> u64 {
        link.pause_ms
    }

    fn connect_pause_ms(link: &ModbusLink) -> u64 {
        link.connect_pause_ms
    }

    fn trouble(failure: &Failure, device: &Device, place: &str, link: &ModbusLink, request: &Request) -> Words {
        trouble(failure, &device.name, place, link.unit, device.timeout_ms, request)
    }

    fn nonsense(id: &str, why: &Words) -> Words {
        let Words { zh, en } = why;
        words!(
            "`{id}` 读到的不是有效数值：{zh}。可用 `gongzheng-agent probe` 对照",
            "`{id}` does not hold a value: {en}. `gongzheng-agent probe` shows the readings side by side"
        )
    }
}

/// What an answer holds for each tag of the request.
fn values(device: &Device, request: &Request, payload: &Payload) -> Vec<Decoded> {
    let mut decoded = Vec::with_capacity(request.placed.len());
    for placed in &request.placed {
        let Some(Place::Modbus { encoding, .. }) = device.tags.get(placed.item).map(|t| &t.place) else {
            continue;
        };
        let (from, to) = (usize::from(placed.offset), usize::from(placed.offset + placed.count));
        let value = match payload {
            Payload::Bits(bits) => bits.get(from).map(|bit| Ok(protocol::Value::Bool(*bit))),
            Payload::Words(words) => words.get(from..to).map(|span| decode(span, *encoding)),
        };
        let value = value.unwrap_or(Err(Nonsense::WrongCount));
        decoded.push((placed.item, value.map_err(Nonsense::words)));
    }
    decoded
}
