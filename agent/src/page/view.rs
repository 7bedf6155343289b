//! The page as HTML, in Chinese or English. Pure.
//!
//! Constraints: nothing from outside reaches the page unescaped; a value is never shown without its age; what is not known is hatched
//! and says why; no state is told by colour alone.

use std::fmt::Write as _;

use protocol::{GapCause, Quality, Value};

use super::Moment;
use crate::clock::{self, SyncState};
use crate::config::device::{Link, Tag};
use crate::event::DeviceState;
use crate::live::TagState;
use crate::locale::Lang;
use crate::profile::names;

/// The page's style sheet: quiet paper, one accent, tabular figures, works on a phone and in print.
pub const STYLE: &str = "\
:root{--ink:#16324F;--teal:#1F7A74;--amber:#B7791F;--red:#B3261E;--grey:#5B6673;--rule:#D9DEE4;--paper:#FBFAF7}\
*{box-sizing:border-box}\
body{margin:0;background:var(--paper);color:#1C2430;font:16px/1.7 \"PingFang SC\",\"Microsoft YaHei\",\"Noto Sans CJK SC\",sans-serif}\
main{max-width:1200px;margin:0 auto;padding:1rem}\
header{display:flex;flex-wrap:wrap;gap:.5rem 1.5rem;align-items:baseline;border-bottom:2px solid var(--ink);padding-bottom:.5rem}\
h1{font-size:1.4rem;color:var(--ink);margin:0}h2{font-size:1.1rem;color:var(--ink);margin:1.6rem 0 .4rem}\
nav{margin-left:auto}a{color:var(--teal)}\
caption{text-align:left;font-size:1.1rem;font-weight:700;color:var(--ink);margin:1.6rem 0 .4rem;position:sticky;left:0}\
table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}\
th,td{text-align:left;padding:.25rem .6rem .25rem 0;border-bottom:1px solid var(--rule);vertical-align:top}\
th{font-weight:600;color:var(--grey);font-size:.9rem}\
td.n{text-align:right;white-space:nowrap}\
.v{font-weight:600;color:var(--ink)}.u{color:var(--grey)}.raw{color:var(--grey);font-size:.85rem}.word{white-space:nowrap}\
.gap{background:repeating-linear-gradient(45deg,transparent 0 5px,#C9CFD6 5px 7px);color:#1C2430}\
.gap span{background:var(--paper);padding:0 .3rem}\
.bad{color:var(--red);font-weight:600}.warn{color:#8A5A12;font-weight:600}.ok{color:var(--teal);font-weight:600}\
.facts{display:grid;grid-template-columns:repeat(auto-fit,minmax(15rem,1fr));gap:.6rem 1.5rem;margin:.6rem 0}\
.facts div{border-left:3px solid var(--rule);padding-left:.7rem}.facts b{display:block;color:var(--grey);font-size:.9rem;font-weight:600}\
.sim{background:var(--amber);color:#0B0F14;padding:.3rem .8rem;font-weight:700}\
.scroll{overflow-x:auto}\
.steps{display:flex;flex-wrap:wrap;gap:.3rem 1.5rem;padding:0 0 0 1.2rem;color:var(--grey)}.steps li{padding-right:1rem}.steps [aria-current]{color:var(--ink)}\
.cards{display:grid;grid-template-columns:repeat(auto-fit,minmax(17rem,1fr));gap:1rem}\
form{border:1px solid var(--rule);border-radius:6px;padding:.4rem 1rem 1rem;background:#fff}form h2{margin:.4rem 0}\
form.row{display:flex;flex-wrap:wrap;gap:.6rem 1rem;align-items:end;padding-top:.8rem}\
label{display:block;color:var(--grey);font-size:.9rem;margin:.4rem 0}.row label{margin:0;min-width:0;max-width:100%}\
input,select,button{display:block;font:inherit;padding:.3rem .5rem;border:1px solid var(--grey);border-radius:4px;background:#fff;color:#1C2430;max-width:100%}\
form:not(.row) input,form:not(.row) select{width:100%}\
button{background:var(--ink);color:#fff;border-color:var(--ink);padding:.35rem 1.2rem;cursor:pointer}\
:focus-visible{outline:3px solid var(--amber);outline-offset:1px}\
pre{overflow-x:auto;background:#fff;border:1px solid var(--rule);padding:.6rem}\
@media(max-width:600px){body{font-size:15px}nav{margin-left:0}}\
";

/// The whole page.
pub fn page(moment: &Moment<'_>, lang: Lang) -> String {
    let t = |zh, en| lang.pick(zh, en);
    let mut out = String::with_capacity(16 * 1024);
    let title = t("工证网关", "Gongzheng gateway");
    let tag = lang.tag();
    let who = match moment.enrolment {
        Some(e) => format!("{} / {}", escape(e.site.as_str()), escape(e.gateway.as_str())),
        None => t("尚未入网", "not enrolled").to_owned(),
    };
    let (other, other_name) = match lang {
        Lang::Zh => ("en", "English"),
        Lang::En => ("zh", "中文"),
    };
    let version = env!("CARGO_PKG_VERSION");
    let _ = write!(
        out,
        "<!doctype html><html lang=\"{tag}\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width,initial-scale=1\"><meta http-equiv=\"refresh\" content=\"5\"><title>{title} · {who}</title><link rel=\"stylesheet\" href=\"/style.css\"></head><body><main><header><h1>{title}</h1><span>{who}</span><span class=\"u\">{version}</span><nav><a href=\"/?lang={other}\" lang=\"{other}\">{other_name}</a></nav></header>"
    );
    if moment.enrolment.is_some_and(|e| e.simulated) {
        let _ = write!(out, "<p class=\"sim\">模拟数据 / SIMULATED</p>");
    }
    facts(&mut out, moment, lang);
    devices(&mut out, moment, lang);
    values(&mut out, moment, lang);
    notices(&mut out, moment, lang);
    out.push_str("</main></body></html>");
    out
}

fn facts(out: &mut String, moment: &Moment<'_>, lang: Lang) {
    let t = |zh, en| lang.pick(zh, en);
    let status = &moment.status;
    let now = moment.clock.boot_ms;
    let mut rows = String::new();
    let mut fact = |name: &str, value: String| {
        let _ = write!(rows, "<div><b>{name}</b>{value}</div>");
    };
    let uplink = if status.uplink.connected {
        format!("<span class=\"ok\">{}</span>", t("● 已连接", "● connected"))
    } else {
        let why = status.uplink.problem.as_ref().map(|w| escape(w.get(lang))).unwrap_or_default();
        format!("<span class=\"bad\">{}</span> {why}", t("✕ 未连接", "✕ not connected"))
    };
    fact(t("与服务器的连接", "Connection to the server"), uplink);
    let receipt = match status.uplink.last_receipt {
        Some(r) => age(now - r.boot_ms, lang),
        None => t("还没有", "none yet").to_owned(),
    };
    fact(t("最近一次服务器回执", "Last receipt of the server"), receipt);
    let buffer = &status.buffer;
    let mut text = match lang {
        Lang::Zh => format!("待回执 {} 条，占用 {}", buffer.undelivered_records, bytes(buffer.bytes_on_disk)),
        Lang::En => format!("{} records waiting, {} on disk", buffer.undelivered_records, bytes(buffer.bytes_on_disk)),
    };
    if status.buffer_blocked {
        let _ = write!(
            text,
            "<br><span class=\"bad\">{}</span>",
            t("✕ 缓存已满，停止采集并记录缺口", "✕ full: nothing is taken, the gap is recorded")
        );
    } else if let Some(hours) = status.hours_left {
        // Few devices fill little: nobody plans with years of hours.
        let (days, is_long) = (hours / 24, hours >= 24 * 365);
        let _ = match (lang, hours) {
            (Lang::Zh, _) if is_long => write!(text, "<br>断网可再存一年以上"),
            (Lang::En, _) if is_long => write!(text, "<br>room for more than a year without a connection"),
            (Lang::Zh, 73..) => write!(text, "<br>断网可再存约 {days} 天"),
            (Lang::En, 73..) => write!(text, "<br>room for about {days} days without a connection"),
            (Lang::Zh, _) => write!(text, "<br>断网可再存约 {hours} 小时"),
            (Lang::En, _) => write!(text, "<br>room for about {hours} hours without a connection"),
        };
    }
    fact(t("断网缓存", "Buffer"), text);
    let (state, remedy) = clock::words::state(&moment.clock);
    let (class, mark) = match (&remedy, moment.clock.sync) {
        (None, _) => ("ok", "●"),
        (_, SyncState::Unknown) => ("warn", "?"),
        _ => ("bad", "✕"),
    };
    let (state, wall) = (state.get(lang), utc(moment.clock.wall_ms));
    let mut text = format!("<span class=\"{class}\">{mark} {state}</span> {wall} UTC");
    if let Some(remedy) = remedy {
        let _ = write!(text, "<br>{}", escape(remedy.get(lang)));
    }
    fact(t("时钟", "Clock"), text);
    fact(
        t("本次运行", "This run"),
        match lang {
            Lang::Zh => format!("{} 个读数，{} 条记录", status.readings_total, status.records_total),
            Lang::En => format!("{} readings, {} records", status.readings_total, status.records_total),
        },
    );
    let _ = write!(out, "<section class=\"facts\">{rows}</section>");
}

fn devices(out: &mut String, moment: &Moment<'_>, lang: Lang) {
    let t = |zh, en| lang.pick(zh, en);
    let _ = write!(
        out,
        "<div class=\"scroll\"><table><caption>{}</caption><thead><tr><th scope=\"col\">{}</th><th scope=\"col\">{}</th><th scope=\"col\">{}</th><th scope=\"col\">{}</th><th scope=\"col\">{}</th><th scope=\"col\">{}</th><th scope=\"col\">{}</th></tr></thead><tbody>",
        t("设备", "Devices"),
        t("设备", "Device"),
        t("地址", "Address"),
        t("状态", "State"),
        t("更新", "Updated"),
        t("往返", "Round trip"),
        t("应答 / 失败 / 错过", "Answered / failed / missed"),
        t("问题与处理", "Trouble and remedy"),
    );
    for (device, health) in moment.config.devices.iter().zip(&moment.board.devices) {
        let (class, state) = match health.state {
            DeviceState::Starting => ("u", t("… 启动", "… starting")),
            DeviceState::Up => ("ok", t("● 正常", "● up")),
            DeviceState::Down => ("bad", t("✕ 无应答", "✕ down")),
            DeviceState::Stopped => ("bad", t("■ 已停止，需要人工处理", "■ stopped, needs a person")),
        };
        let updated = if health.state == DeviceState::Starting {
            "—".to_owned()
        } else {
            age(moment.clock.boot_ms - health.boot_ms, lang)
        };
        let round_trip = health.round_trip_ms.map_or("—".to_owned(), |ms| format!("{ms}&#8239;ms"));
        let trouble = health.trouble.as_ref().map(|w| escape(w.get(lang))).unwrap_or_default();
        let (name, address) = (escape(&device.name), escape(&address(&device.link)));
        let (answered, failed, missed) = (health.answered_total, health.failed_total, health.missed_total);
        let _ = write!(
            out,
            "<tr><td class=\"v\">{name}</td><td>{address}</td><td class=\"{class}\">{state}</td><td>{updated}</td><td class=\"n\">{round_trip}</td><td class=\"n\">{answered} / {failed} / {missed}</td><td>{trouble}</td></tr>"
        );
    }
    if moment.config.devices.is_empty() {
        let _ = write!(out, "<tr><td colspan=\"7\">{}</td></tr>", t("还没有设备。", "No device yet."));
    }
    out.push_str("</tbody></table></div>");
    if !moment.config.page.setup {
        return;
    }
    let _ = write!(out, "<p><a href=\"/setup?lang={}\">{}</a></p>", lang.name(), t("＋ 添加设备", "+ Add a device"));
}

fn address(link: &Link) -> String {
    match link {
        Link::Modbus(link) => format!("{} #{}", link.carrier, link.unit),
        Link::OpcUa(link) => link.endpoint.clone(),
        Link::Dlt645(link) => format!("{} #{}", link.carrier, link.meter),
    }
}

fn values(out: &mut String, moment: &Moment<'_>, lang: Lang) {
    let t = |zh, en| lang.pick(zh, en);
    let _ = write!(
        out,
        "<div class=\"scroll\"><table><caption>{}</caption><thead><tr><th scope=\"col\">{}</th><th scope=\"col\">{}</th><th scope=\"col\">{}</th><th scope=\"col\">{}</th></tr></thead><tbody>",
        t("实时数值", "Live values"),
        t("数据点", "Tag"),
        t("数值", "Value"),
        t("原始值", "Raw"),
        t("多久以前", "Age"),
    );
    let tags = moment.config.devices.iter().flat_map(|d| &d.tags);
    for (tag, state) in tags.zip(&moment.board.tags) {
        value_row(out, tag, state, moment.clock.boot_ms, lang);
    }
    out.push_str("</tbody></table></div>");
}

fn value_row(out: &mut String, tag: &Tag, state: &TagState, now: i64, lang: Lang) {
    let name = name(tag, &tag.id, lang);
    let _ = write!(out, "<tr><td>{name}</td>");
    match &state.latest {
        Some(latest) => {
            let doubt = match latest.quality {
                Quality::Good => "",
                Quality::Uncertain => {
                    lang.pick(" <span class=\"warn\">? 设备称不确定</span>", " <span class=\"warn\">? uncertain</span>")
                }
                Quality::Bad => {
                    lang.pick(" <span class=\"bad\">✕ 设备称无效</span>", " <span class=\"bad\">✕ bad</span>")
                }
            };
            let (value, unit, raw) =
                (escape(&engineering(tag, &latest.value)), escape(&tag.unit), escape(&raw(&latest.value)));
            let when = age(now - latest.boot_ms, lang);
            let _ = write!(
                out,
                "<td><span class=\"v\">{value}</span>&#8239;<span class=\"u\">{unit}</span>{doubt}</td><td class=\"raw\">{raw}</td>"
            );
            match state.outage {
                Some(cause) => {
                    let why = gap_words(cause, lang);
                    let _ = write!(out, "<td class=\"gap\"><span>{when} · {why}</span></td>");
                }
                None => {
                    let _ = write!(out, "<td>{when}</td>");
                }
            }
        }
        None => {
            let why = state.outage.map_or(lang.pick("还没有读到", "not read yet"), |cause| gap_words(cause, lang));
            let _ = write!(out, "<td class=\"gap\" colspan=\"3\"><span>{why}</span></td>");
        }
    }
    out.push_str("</tr>");
}

/// A tag's name or id, with what it is called in Chinese.
pub fn name(tag: &Tag, shown: &str, lang: Lang) -> String {
    let shown = escape(shown);
    match (lang, names::chinese(tag.name())) {
        (Lang::Zh, Some(word)) => format!("{shown} <span class=\"raw word\">{word}</span>"),
        _ => shown,
    }
}

fn notices(out: &mut String, moment: &Moment<'_>, lang: Lang) {
    if moment.status.notices.is_empty() {
        return;
    }
    let _ = write!(out, "<h2>{}</h2><ul>", lang.pick("通知", "Notices"));
    for notice in moment.status.notices.iter().rev() {
        let (when, text) = (age(moment.clock.boot_ms - notice.boot_ms, lang), escape(notice.words.get(lang)));
        let _ = write!(out, "<li><span class=\"u\">{when}</span> {text}</li>");
    }
    out.push_str("</ul>");
}

/// The engineering value with as many decimals as the factor bears.
pub fn engineering(tag: &Tag, value: &Value) -> String {
    let raw = match value {
        Value::Bool(v) => return u8::from(*v).to_string(),
        Value::Text(v) => return v.to_string(),
        Value::I64(v) if tag.scale == Default::default() => return v.to_string(),
        Value::U64(v) if tag.scale == Default::default() => return v.to_string(),
        Value::I64(v) => *v as f64,
        Value::U64(v) => *v as f64,
        Value::F32(v) => f64::from(*v),
        Value::F64(v) => *v,
    };
    let places = match (value, tag.scale.denominator) {
        (Value::F32(_) | Value::F64(_), _) => 3,
        (_, 1) => 0,
        (_, below) => below.to_string().len().saturating_sub(1).clamp(1, 6),
    };
    format!("{:.places$}", tag.scale.apply_for_display(raw))
}

/// The value as the device gave it. A number read in the wrong order is often tiny or huge: its size is what tells, not forty digits.
pub fn raw(value: &Value) -> String {
    let size = match value {
        Value::F32(v) => f64::from(*v).abs(),
        Value::F64(v) => v.abs(),
        _ => 0.0,
    };
    match value {
        _ if size == 0.0 || (1e-6..1e15).contains(&size) => value.to_string(),
        Value::F32(v) => format!("{v:e}"),
        Value::F64(v) => format!("{v:e}"),
        _ => value.to_string(),
    }
}

/// Why there is no value, in a few words.
pub fn gap_words(cause: GapCause, lang: Lang) -> &'static str {
    match cause {
        GapCause::DeviceSilent => lang.pick("设备无应答", "device silent"),
        GapCause::DeviceRefused => lang.pick("设备拒绝", "device refused"),
        GapCause::NonsenseValue => lang.pick("数值无效", "nonsense value"),
        GapCause::BusBusy => lang.pick("线路占用", "line busy"),
        GapCause::BufferFull => lang.pick("缓存已满", "buffer full"),
        GapCause::ProcessKilled => lang.pick("程序被终止", "process killed"),
        GapCause::UncleanBoot => lang.pick("断电或死机", "power cut"),
        GapCause::Damaged => lang.pick("存储损坏", "storage damaged"),
        GapCause::ClockUnknown => lang.pick("时间未知", "time unknown"),
        GapCause::Planned => lang.pick("计划停止", "planned stop"),
    }
}

/// "12 秒前" / "12 s ago".
pub fn age(ms: i64, lang: Lang) -> String {
    let seconds = ms.max(0) / 1_000;
    let (n, zh, en) = match seconds {
        0..=1 => return lang.pick("刚刚", "just now").to_owned(),
        2..=119 => (seconds, "秒", "s"),
        120..=7_199 => (seconds / 60, "分钟", "min"),
        7_200..=172_799 => (seconds / 3_600, "小时", "h"),
        _ => (seconds / 86_400, "天", "days"),
    };
    match lang {
        Lang::Zh => format!("{n} {zh}前"),
        Lang::En => format!("{n} {en} ago"),
    }
}

fn bytes(n: u64) -> String {
    match n {
        0..=1_048_575 => format!("{} KiB", n.div_ceil(1_024)),
        _ => format!("{} MiB", n / 1_048_576),
    }
}

/// `2026-03-01 07:08:09` of Unix milliseconds (Howard Hinnant's civil-from-days).
pub fn utc(unix_ms: i64) -> String {
    let seconds = unix_ms.div_euclid(1_000);
    let (days, rest) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    let z = days + 719_468;
    let era = z.div_euclid(146_097);
    let doe = z.rem_euclid(146_097);
    let yoe = (doe - doe / 1_460 + doe / 36_524 - doe / 146_096) / 365;
    let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    let mp = (5 * doy + 2) / 153;
    let day = doy - (153 * mp + 2) / 5 + 1;
    let month = if mp < 10 { mp + 3 } else { mp - 9 };
    let year = yoe + era * 400 + i64::from(month <= 2);
    let (hour, minute, second) = (rest / 3_600, rest % 3_600 / 60, rest % 60);
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}")
}

/// Text for HTML, in content and in quoted attributes.
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}
