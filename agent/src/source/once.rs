//! One reading of every tag of a device, for a person who compares it with the machine. Nothing is kept.

use std::path::Path;
use std::time::Duration;

use protocol::{GapCause, Value};

use super::line::Wire;
use super::opcua::node::Node;
use super::opcua::session::Live;
use super::opcua::subscription::{Judged, judge};
use super::{dlt645, modbus};
use crate::config::device::{Device, Link, OpcUaLink, Place};
use crate::locale::{Words, words};

/// Reads every tag once, in the order of the configuration. After the first silence the rest is not asked: it would only wait.
///
/// # Errors
/// Per tag: why there is no value. A device that cannot be reached has the same words for all its tags.
pub async fn read(device: &Device, pki: &Path) -> Vec<Result<Value, Words>> {
    match &device.link {
        Link::Modbus(link) => on_line(modbus::client::Connection::new(link.carrier.clone()), device, link).await,
        Link::Dlt645(link) => on_line(dlt645::client::Connection::new(link.carrier.clone()), device, link).await,
        Link::OpcUa(link) => match opcua(device, link, pki).await {
            Ok(values) => values,
            Err(words) => device.tags.iter().map(|_| Err(words.clone())).collect(),
        },
    }
}

/// Asks a device on a line, one question after the other.
async fn on_line<W: Wire>(mut connection: W, device: &Device, link: &W::Link) -> Vec<Result<Value, Words>> {
    let (limit, pause) = (Duration::from_millis(device.timeout_ms), Duration::from_millis(W::pause_ms(link)));
    let place = connection.carrier().to_string();
    let mut values: Vec<_> = device.tags.iter().map(|_| Err(nonsense("not asked"))).collect();
    let mut silent: Option<Words> = None;
    for request in W::groups(device, link).into_iter().flat_map(|(_, requests)| requests) {
        let answer = match &silent {
            Some(words) => Err(words.clone()),
            None => {
                let opened = match connection.is_closed() {
                    true => connection.open(limit, Duration::from_millis(W::connect_pause_ms(link))).await,
                    false => Ok(()),
                };
                let answer = match opened {
                    Ok(()) => connection.read(device, link, &request).await,
                    Err(failure) => Err(failure),
                };
                tokio::time::sleep(pause).await;
                answer.map_err(|failure| {
                    let words = W::trouble(&failure, device, &place, link, &request);
                    if failure.cause() == GapCause::DeviceSilent {
                        silent = Some(words.clone());
                    }
                    words
                })
            }
        };
        let decoded = answer
            .unwrap_or_else(|words| W::items(&request).into_iter().map(|item| (item, Err(words.clone()))).collect());
        for (item, value) in decoded {
            if let Some(slot) = values.get_mut(item) {
                *slot = value;
            }
        }
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
