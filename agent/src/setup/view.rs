//! The steps of the guided setup as HTML, in Chinese or English. Pure.
//!
//! Constraints: as everywhere on the local page, nothing unescaped, no script, no state told by colour alone; one step asks one question.

use std::fmt::Write as _;

use protocol::Value;

use super::draft::Draft;
use crate::commands::scan::{self, Found};
use crate::config::device::Device;
use crate::locale::{Lang, Words};
use crate::page::view::{engineering, escape, name, raw};
use crate::profile::{Multiply, Profile};

/// The head of every step up to its content; `step` is 1 to 4.
pub(super) fn head(step: usize, lang: Lang) -> String {
    let title = lang.pick("添加设备", "Add a device");
    let steps = [
        lang.pick("找到设备", "Find it"),
        lang.pick("选型号", "Choose its profile"),
        lang.pick("与表面对照", "Compare with its face"),
        lang.pick("命名并保存", "Name and save"),
    ];
    let items: String = steps
        .iter()
        .enumerate()
        .map(|(i, name)| match i + 1 == step {
            true => format!("<li aria-current=\"step\"><b>{name}</b></li>"),
            false => format!("<li>{name}</li>"),
        })
        .collect();
    let tag = lang.tag();
    let back = lang.pick("返回网关页面", "Back to the gateway");
    format!(
        "<!doctype html><html lang=\"{tag}\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width,initial-scale=1\"><title>{title}</title><link rel=\"stylesheet\" href=\"/style.css\"></head><body><main><header><h1>{title}</h1><nav><a href=\"/?lang={}\">{back}</a></nav></header><ol class=\"steps\">{items}</ol>",
        lang.name()
    )
}

/// The end of every step.
pub(super) const FOOT: &str = "</main></body></html>";

/// Where the device is: in the network, on a serial line, or at a known address.
pub(super) fn start(ports: &[String], lang: Lang) -> String {
    let t = |zh, en| lang.pick(zh, en);
    let mut out = head(1, lang);
    let hidden = format!("<input type=\"hidden\" name=\"lang\" value=\"{}\">", lang.name());
    let (other, other_name) = match lang {
        Lang::Zh => ("en", "English"),
        Lang::En => ("zh", "中文"),
    };
    let _ = write!(
        out,
        "<p>{} <a href=\"/setup?lang={other}\" lang=\"{other}\">{other_name}</a></p><section class=\"cards\">",
        t(
            "只读取，不写入任何设备。只在您指定的地方查找。",
            "Devices are only read, never written. Only the places you name are searched."
        )
    );
    let _ = write!(
        out,
        "<form action=\"/setup/find\"><h2>{}</h2>{hidden}<label>{}<input name=\"network\" required placeholder=\"192.168.1.0/24\"></label><label>{}<input name=\"port\" value=\"502\" inputmode=\"numeric\"></label><label>{}<input name=\"units\" value=\"1\"></label><button>{}</button></form>",
        t("网络里的设备（Modbus TCP）", "In the network (Modbus TCP)"),
        t("网段或地址", "Subnet or address"),
        t("端口", "Port"),
        t("站号", "Units"),
        t("查找", "Search"),
    );
    let options: String = ports.iter().map(|p| format!("<option>{}</option>", escape(p))).collect();
    let none = t("没有发现串口；插好 USB 转 485 后刷新本页", "no serial port is here; plug in the adapter and reload");
    let port = if ports.is_empty() {
        format!(
            "<p class=\"warn\">{none}</p><label>{}<input name=\"serial\" required placeholder=\"/dev/ttyUSB0\"></label>",
            t("串口", "Port")
        )
    } else {
        format!("<label>{}<select name=\"serial\">{options}</select></label>", t("串口", "Port"))
    };
    let _ = write!(
        out,
        "<form action=\"/setup/find\"><h2>{}</h2>{hidden}{port}<label>{}<input name=\"bauds\" value=\"9600\"></label><label>{}<select name=\"parity\"><option value=\"none\">{}</option><option value=\"even\">{}</option><option value=\"odd\">{}</option></select></label><label>{}<input name=\"units\" value=\"1-16\"></label><button>{}</button></form>",
        t("RS-485 线上的设备（Modbus RTU）", "On an RS-485 line (Modbus RTU)"),
        t("波特率（可写多个，用逗号分开）", "Baud rates, separated by commas"),
        t("校验", "Parity"),
        t("无", "none"),
        t("偶", "even"),
        t("奇", "odd"),
        t("站号", "Units"),
        t("查找", "Search"),
    );
    let line = port.replace("name=\"serial\"", "name=\"port\"");
    let _ = write!(
        out,
        "<form action=\"/setup/read\"><h2>{}</h2>{hidden}<input type=\"hidden\" name=\"protocol\" value=\"dlt645\"><input type=\"hidden\" name=\"profile\" value=\"dlt645-2007\">{line}<label>{}<input name=\"meter\" required pattern=\"[0-9]{{12}}\" placeholder=\"000012345678\" inputmode=\"numeric\"></label><label>{}<input name=\"baud\" value=\"2400\" inputmode=\"numeric\"></label><button>{}</button></form>",
        t("DL/T 645 电能表", "A DL/T 645 energy meter"),
        t("表号（铭牌上 12 位）", "Meter number (12 digits on its plate)"),
        t("波特率", "Baud rate"),
        t("下一步", "Next"),
    );
    let _ = write!(
        out,
        "<form action=\"/setup/read\"><h2>{}</h2>{hidden}<input type=\"hidden\" name=\"protocol\" value=\"opcua\"><label>{}<input name=\"endpoint\" required placeholder=\"opc.tcp://192.168.1.20:4840\"></label><button>{}</button></form></section>",
        t("OPC UA 服务器", "An OPC UA server"),
        t("地址", "Address"),
        t("下一步", "Next"),
    );
    out.push_str(FOOT);
    out
}

/// What a search on a line means for the devices that are read on it.
pub(super) fn shared_line(members: &[(u8, &str)], lang: Lang) -> String {
    let list: Vec<String> = members.iter().map(|(unit, name)| format!("{name} ({unit})")).collect();
    let list = list.join(lang.pick("、", ", "));
    let words = match lang {
        Lang::Zh => format!(
            "网关正在这条线上读取 {list}。查找期间暂停读取它们（记录为“线路占用”），结束后自动继续。用同样的波特率和校验查找其余站号。"
        ),
        Lang::En => format!(
            "The gateway reads {list} on this line. While you search they are not read (recorded as \"line busy\"); reading goes on by itself afterwards. The other units are searched with the same baud rate and parity."
        ),
    };
    format!("<p>{}</p>", escape(&words))
}

/// One device that was found, as a list item: every profile that fits is one click, and so is the list of all.
pub(super) fn found(device: &Found, lang: Lang) -> String {
    let link = |draft: &Draft, words: &str| {
        let query = escape(&draft.query());
        format!("<a href=\"/setup/read?lang={}&amp;{query}\">{}</a>", lang.name(), escape(words))
    };
    let draft = device.draft().with("profile", "");
    let mut out = format!("<li>{}", escape(&device.answer(lang)));
    for fit in &device.suggested {
        let title = fit.title.get(lang);
        let words = match lang {
            Lang::Zh => format!("像 {title}：读一次看看"),
            Lang::En => format!("Looks like {title}: read it once"),
        };
        let why: Vec<&str> = fit.why.iter().map(|w| w.get(lang)).collect();
        let chosen = draft.with("profile", &fit.id);
        let _ =
            write!(out, "<br>→ {}<br><span class=\"raw\">{}</span>", link(&chosen, &words), escape(&why.join("; ")));
    }
    let choose = match device.suggested.is_empty() {
        true => lang.pick("是这台，选型号", "This one: choose its profile"),
        false => lang.pick("都不是，自己选型号", "None of these: choose its profile"),
    };
    let _ = write!(out, "<br>→ {}</li>", link(&draft, choose));
    out
}

/// What to do after the search.
pub(super) fn ending(count: usize, lang: Lang) -> String {
    if count == 0 {
        let again = lang.pick("返回上一步修改", "Go back and change it");
        let words = escape(scan::summary(count).get(lang));
        return format!("<p class=\"warn\">{words}</p><p><a href=\"/setup?lang={}\">{again}</a></p>", lang.name());
    }
    let words = match lang {
        Lang::Zh => format!("查找结束，找到 {count} 台。点其中一台继续。"),
        Lang::En => format!("The search is over: {count} found. Choose one to go on."),
    };
    format!("<p>{words}</p>")
}

/// What to do when something is wrong.
pub(super) fn refusal(reasons: &[Words], lang: Lang) -> String {
    let items: String = reasons.iter().map(|w| format!("<li>{}</li>", escape(w.get(lang)))).collect();
    let again = lang.pick("返回上一步修改", "Go back and change it");
    format!("<ul class=\"bad\">{items}</ul><p><a href=\"/setup?lang={}\">{again}</a></p>", lang.name())
}

/// The profiles to choose from; the chosen one is marked.
pub(super) fn profiles(known: &[Profile], draft: &Draft, lang: Lang) -> String {
    let mut out = format!(
        "<form action=\"/setup/read\" class=\"row\"><input type=\"hidden\" name=\"lang\" value=\"{}\">",
        lang.name()
    );
    for (key, value) in draft.said().filter(|(key, _)| !matches!(*key, "profile" | "ct_ratio" | "pt_ratio")) {
        let _ = write!(out, "<input type=\"hidden\" name=\"{key}\" value=\"{}\">", escape(value));
    }
    let _ = write!(out, "<label>{}<select name=\"profile\">", lang.pick("型号", "Profile"));
    let _ = write!(out, "<option value=\"\">{}</option>", lang.pick("（不在列表里）", "(not in the list)"));
    for profile in known {
        let chosen = if profile.id == draft.get("profile") { " selected" } else { "" };
        let (id, title) = (escape(&profile.id), escape(profile.title.get(lang)));
        let _ = write!(out, "<option value=\"{id}\"{chosen}>{title}</option>");
    }
    out.push_str("</select></label>");
    let ratios = known.iter().filter(|p| p.id == draft.get("profile")).flat_map(|p| &p.tags).filter_map(|t| t.ratio);
    let ratios: Vec<Multiply> = ratios.collect();
    for (key, name, needed) in [
        (
            "ct_ratio",
            lang.pick("电流互感器变比（200/5 写 40）", "CT ratio (200/5 is 40)"),
            Multiply::by_ct as fn(_) -> _,
        ),
        ("pt_ratio", lang.pick("电压互感器变比（没有写 1）", "PT ratio (1 if there is none)"), Multiply::by_pt),
    ] {
        if ratios.iter().any(|ratio| needed(*ratio)) {
            let value = escape(draft.get(key));
            let _ = write!(
                out,
                "<label>{name}<input name=\"{key}\" value=\"{value}\" inputmode=\"decimal\" size=\"8\"></label>"
            );
        }
    }
    let _ = write!(out, "<button>{}</button></form>", lang.pick("读取一次", "Read once"));
    out
}

/// The values that were read, and the question.
pub(super) fn values(device: &Device, values: &[Result<Value, Words>], lang: Lang) -> String {
    let t = |zh, en| lang.pick(zh, en);
    let mut out = format!(
        "<div class=\"scroll\"><table><caption>{}</caption><thead><tr><th scope=\"col\">{}</th><th scope=\"col\">{}</th><th scope=\"col\">{}</th></tr></thead><tbody>",
        t("刚刚读到的数值", "What was read just now"),
        t("数据点", "Tag"),
        t("数值", "Value"),
        t("原始值", "Raw"),
    );
    let mut before: Option<&Words> = None;
    for (tag, value) in device.tags.iter().zip(values) {
        let name = name(tag, tag.name(), lang);
        let is_same = value.as_ref().err().is_some_and(|why| before == Some(why));
        before = value.as_ref().err();
        let _ = match value {
            Ok(value) => write!(
                out,
                "<tr><td>{name}</td><td><span class=\"v\">{}</span>&#8239;<span class=\"u\">{}</span></td><td class=\"raw\">{}</td></tr>",
                escape(&engineering(tag, value)),
                escape(&tag.unit),
                escape(&raw(value)),
            ),
            Err(_) if is_same => {
                write!(
                    out,
                    "<tr><td>{name}</td><td class=\"gap\" colspan=\"2\"><span>{}</span></td></tr>",
                    t("同上", "as above")
                )
            }
            Err(why) => write!(
                out,
                "<tr><td>{name}</td><td class=\"gap\" colspan=\"2\"><span>{}</span></td></tr>",
                escape(why.get(lang))
            ),
        };
    }
    out.push_str("</tbody></table></div>");
    out
}

/// The last question: a name.
pub(super) fn save(draft: &Draft, lang: Lang) -> String {
    let t = |zh, en| lang.pick(zh, en);
    let mut out = format!(
        "<h2>{}</h2><p>{}</p><form action=\"/setup/add\" method=\"post\" class=\"row\"><input type=\"hidden\" name=\"lang\" value=\"{}\">",
        t("和表面上的数字一致吗？", "Do they agree with the meter's face?"),
        t(
            "站在设备前逐个对照。不一致就换型号，或检查变比；一致再命名。",
            "Stand in front of the device and compare. If they differ, choose another profile or check the ratios; if they agree, name it."
        ),
        lang.name(),
    );
    for (key, value) in draft.said().filter(|(key, _)| *key != "name") {
        let _ = write!(out, "<input type=\"hidden\" name=\"{key}\" value=\"{}\">", escape(value));
    }
    let _ = write!(
        out,
        "<label>{}<input name=\"name\" required maxlength=\"32\" pattern=\"[a-z0-9][a-z0-9\\-]*\" value=\"{}\"></label><button>{}</button></form><details><summary>{}</summary><pre>{}</pre></details>",
        t("设备名（小写字母、数字、-，例如 press-3）", "Name (a-z, 0-9, -, such as press-3)"),
        escape(draft.get("name")),
        t("一致，保存", "They agree: save"),
        t("将写进配置文件的内容", "What will be written to the configuration file"),
        escape(&draft.section()),
    );
    out
}

/// It is saved; the agent starts again.
pub(super) fn saved(name: &str, lang: Lang) -> String {
    let name = escape(name);
    match lang {
        Lang::Zh => format!(
            "<p class=\"ok\">● 已保存 {name}，网关正在重新启动。</p><p><a href=\"/?lang=zh\">几秒后看实时数值</a> · <a href=\"/setup?lang=zh\">再添加一台</a></p>"
        ),
        Lang::En => format!(
            "<p class=\"ok\">● {name} is saved; the gateway is starting again.</p><p><a href=\"/?lang=en\">See live values in a few seconds</a> · <a href=\"/setup?lang=en\">Add another</a></p>"
        ),
    }
}
