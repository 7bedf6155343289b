//! DL/T 645 as one of the protocols of a line: which requests, which values, which words.

use std::sync::Arc;
use std::time::Duration;

use super::client::{Ask, Connection};
use super::plan::{Request, groups};
use super::trouble::trouble;
use super::value::decode;
use crate::config::device::{Carrier, Device, Dlt645Link, Place};
use crate::locale::{Words, words};
use crate::source::failure::Failure;
use crate::source::line::{Decoded, Wire};
use crate::source::stream::Dial;

impl Wire for Connection {
    type Link = Dlt645Link;
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

    async fn open(&mut self, limit: Duration, _: Duration) -> Result<(), Failure> {
        self.open(limit).await
    }

    async fn read(&mut self, device: &Device, link: &Dlt645Link, request: &Request) -> Result<Vec<Decoded>, Failure> {
        let identifiers = device.tags.iter().filter_map(|tag| match &tag.place {
            Place::Dlt645 { di, .. } => Some(*di),
            _ => None,
        });
        let others: Vec<_> = identifiers.filter(|di| *di != request.di).collect();
        let ask = Ask {
            meter: link.meter,
            timeout: Duration::from_millis(device.timeout_ms),
            late: Duration::from_millis(link.late_ms),
            pause: Duration::from_millis(link.pause_ms),
            others: &others,
        };
        let data = self.read(ask, request.di).await?;
        let value = |item: &usize| match device.tags.get(*item).map(|t| &t.place) {
            Some(Place::Dlt645 { bytes, kind, .. }) => {
                Some((*item, decode(&data, *kind, *bytes).map_err(|why| why.words())))
            }
            _ => None,
        };
        Ok(request.items.iter().filter_map(value).collect())
    }

    fn groups(device: &Device, _: &Dlt645Link) -> Vec<(u64, Vec<Request>)> {
        groups(&device.tags)
    }

    fn items(request: &Request) -> Vec<usize> {
        request.items.clone()
    }

    fn pause_ms(link: &Dlt645Link) -> u64 {
        link.pause_ms
    }

    fn connect_pause_ms(_: &Dlt645Link) -> u64 {
        0
    }

    fn trouble(failure: &Failure, device: &Device, place: &str, link: &Dlt645Link, request: &Request) -> Words {
        trouble(failure, &device.name, place, link.meter, device.timeout_ms, request.di)
    }

    fn nonsense(id: &str, why: &Words) -> Words {
        let Words { zh, en } = why;
        words!(
            "`{id}` 读到的不是有效数值（{zh}）。对照说明书检查 `di`、`bytes` 和 `type`",
            "`{id}` does not hold a value ({en}). Check `di`, `bytes` and `type` against the manual"
        )
    }
}
