//! One reading of every tag of a device, for a person who compares it with the machine. Nothing is kept.

use std::path::Path;
use std::time::Duration;

use protocol::Value;

use super::modbus::client::{Ask, Connection, Payload};
use super::modbus::decode::decode;
use super::modbus::plan::Request;
use super::opcua::node::Node;
use super::opcua::session::Live;
use super::opcua::subscription::{Judged, judge};
use crate::config::device::{Device, Link, ModbusLink, OpcUaLink, Place};
use crate::locale::{Words, words};

/// Reads every tag once, in the order of the configuration. After the first silence the rest is not asked: it would only wait.
///
/// # Errors
/// Per tag: why there is no value. A device that cannot be reached has the same words for all its tags.
pub async fn read(device: &Device, pki: &Path) -> Vec<Result<Value, Words>> {
    match &device.link {
        Link::Modbus(link) => modbus(device, link).await,
        Link::OpcUa(link) => match opcua(device, link, pki).await {
            Ok(values) => values,
            Err(words) => device.tags.iter().map(|_| Err(words.clone())).collect(),
        },
    }
}

async fn modbus(device: &Device, link: &ModbusLink) -> Vec<Result<Value, Words>> {
    let timeout = Duration::from_millis(device.timeout_ms);
    let place = link.carrier.to_string();
    let mut connection = Connection::new(link.carrier.clone());
    let mut values = Vec::with_capacity(device.tags.len());
    let mut silent: Option<Words> = None;
    for tag in &device.tags {
        let Place::Modbus { area, address, count, encoding } = &tag.place else { continue };
        if let Some(words) = &silent {
            values.push(Err(words.clone()));
            continue;
        }
        let request = Request { area: *area, address: *address, count: *count, placed: Vec::new() };
        let ask = Ask {
            unit: link.unit,
            timeout,
            late: Duration::from_millis(link.late_ms),
            count_max: link.limits.count_max(*area),
        };
        let answer = match if connection.is_closed() { connection.open(timeout).await } else { Ok(()) } {
            Ok(()) => connection.read(ask, &request).await,
            Err(failure) => Err(failure),
        };
        values.push(match answer {
            Ok(Payload::Words(registers)) => decode(&registers, *encoding).map_err(|why| nonsense(&why.to_string())),
            Ok(Payload::Bits(bits)) => bits.first().map(|b| Value::Bool(*b)).ok_or_else(|| nonsense("no bit")),
            Err(failure) => {
                let words = failure.words(&device.name, &place, link.unit, device.timeout_ms, Some(&request));
                if failure.cause() == protocol::GapCause::DeviceSilent {
                    silent = Some(words.clone());
                }
                Err(words)
            }
        });
    }
    values
}

fn nonsense(why: &str) -> Words {
    words!("不是有效数值（{why}）", "not a value ({why})")
}

async fn opcua(device: &Device, link: &OpcUaLink, pki: &Path) -> Result<Vec<Result<Value, Words>>, Words> {
    let live = Live::open(link, pki, Duration::from_millis(device.timeout_ms)).await.map_err(|t| t.words)?;
    let mut values = Vec::with_capacity(device.tags.len());
    for tag in &device.tags {
        let Place::OpcUa { node, kind, .. } = &tag.place else { continue };
        let resolved = Node::parse(node).and_then(|parsed| live.resolve(&parsed));
        let Some(resolved) = resolved else {
            values.push(Err(words!("服务器没有这个命名空间：{node}", "the server has no such namespace: {node}")));
            continue;
        };
        values.push(match live.read(&[resolved]).await {
            Err(status) => Err(nonsense(&status.to_string())),
            Ok(answers) => match answers.first().map(|answer| judge(answer, *kind)) {
                Some(Judged::Reading { value, .. }) => Ok(value),
                Some(Judged::Unread { detail, .. }) => Err(nonsense(&detail)),
                None => Err(nonsense("no answer")),
            },
        });
    }
    live.close().await;
    Ok(values)
}
