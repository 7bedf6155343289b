//! What to tell the installer about a failed Modbus read: what, where and what to do.

use super::plan::Request;
use crate::locale::{Words, words};
use crate::source::failure::Failure;

/// What happened at `device` (its name), reached at `place` with unit `unit`, reading `request`; and what to do.
pub fn trouble(failure: &Failure, device: &str, place: &str, unit: u8, timeout_ms: u64, request: &Request) -> Words {
    if let Some(words) = failure.connection_words(device, place) {
        return words;
    }
    let last = u32::from(request.address) + u32::from(request.count) - 1;
    let span = format!("{} {}-{last}", request.area.name(), request.address);
    match failure {
        Failure::Refused(code) => {
            let (code, (zh, en)) = (*code, exception(*code));
            words!(
                "`{device}`（{place}，站号 {unit}）拒绝读取 {span}：异常码 {code}，{zh}",
                "`{device}` at {place}, unit {unit}, refused to give {span}: exception {code}, {en}"
            )
        }
        Failure::Nonsense(detail) => words!(
            "`{device}`（{place}，站号 {unit}）读取 {span} 时应答不合规（{detail}），已丢弃。若反复出现，检查是否有别的主站在用这条线、`unit` 是否被两台设备共用",
            "`{device}` at {place}, unit {unit}, answered {span} with something else ({detail}); it was thrown away. If it repeats, check for another master on this line or two devices with the same `unit`"
        ),
        _ => words!(
            "`{device}`（{place}，站号 {unit}）在 {timeout_ms} 毫秒内没有应答。检查 `unit` 站号是否正确、设备是否通电、线路是否接好",
            "`{device}` at {place}, unit {unit}, did not answer within {timeout_ms} ms. Check that `unit` is right, that the device is on and that the line is connected"
        ),
    }
}

/// The exception codes of the Modbus Application Protocol V1.1b3, section 7, with the remedy.
fn exception(code: u8) -> (&'static str, &'static str) {
    match code {
        1 => ("设备不支持这种读取。检查 `area`", "it does not know this kind of read. Check `area`"),
        2 => (
            "没有这个地址。检查 `address`（说明书写 40001 的，这里写 0）和 `area`；也可能是 `gap_max` 跨过了空地址，把它写进 `holes`",
            "there is no such address. Check `address` (40001 in a manual is 0 here) and `area`; or `gap_max` spans a hole: name it in `holes`",
        ),
        3 => (
            "一次要的数量太多。按说明书减小 `registers_max`",
            "too many at once. Lower `registers_max` as the manual says",
        ),
        4 => ("设备内部故障。查看设备面板", "a fault inside the device. Look at its panel"),
        5 | 6 => ("设备忙。加大 `interval_ms` 或 `pause_ms`", "it is busy. Raise `interval_ms` or `pause_ms`"),
        10 => ("网关没有通向该站号的路径。检查 `unit`", "the gateway has no path to this unit. Check `unit`"),
        11 => (
            "网关后面的设备没有应答。检查 `unit` 站号和 RS-485 接线",
            "the device behind the gateway did not answer. Check `unit` and the RS-485 wiring",
        ),
        _ => ("说明书里查这个代码", "look this code up in the manual"),
    }
}
