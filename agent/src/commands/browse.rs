//! `gongzheng-agent browse`: what an OPC UA server has, as a tree, as tags for the configuration file, or as what its companion
//! specification proposes.
//!
//! Constraints: only Browse and Read are sent; bounded by depth and nodes, and what was left out is said; names and values of the
//! server are strangers' text. Tags go to stdout as TOML with comments, so that the output can be pasted as it is.

use std::fmt::Write as _;
use std::time::Duration;

use clap::Args;

use super::Told;
use crate::config::Config;
use crate::config::device::Link;
use crate::locale::{Lang, Words, words};
use crate::source::modbus::decode::Kind;
use crate::source::opcua::browse::{BrowsedNode, Snippet, Snippets, found, in_order, tree};
use crate::source::opcua::companion::{Suggested, suggest};
use crate::source::opcua::endpoint::{one_line, printable};
use crate::source::opcua::node::{Identifier, Namespace, Node};
use crate::source::opcua::session::Live;
use crate::source::opcua::walk::{Bounds, Walk};

/// Options of `browse`.
#[derive(Debug, Args)]
pub struct Options {
    /// 配置文件里的 OPC UA 设备名 / an OPC UA device of the configuration file
    pub device: String,
    /// 从哪个节点开始；不写则从 Objects 开始 / where to begin; Objects when left out
    #[arg(long, value_parser = parse_node)]
    pub node: Option<Node>,
    /// 往下几层 / levels below it
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u8).range(1..=32))]
    pub depth: u8,
    /// 最多多少个节点 / nodes at most
    #[arg(long, default_value_t = 5_000, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub nodes: u32,
    /// 只显示名称、节点号或数值里含有这段文字的 / only what holds this text in its name, id or value
    #[arg(long)]
    pub find: Option<String>,
    /// 输出可以直接粘贴的 [[device.tag]] / print ready [[device.tag]] entries
    #[arg(long, conflicts_with = "suggest")]
    pub toml: bool,
    /// 按配套规范（OPC 40001-1、EUROMAP 77、PackML）推荐数据点 / propose tags by companion specification
    #[arg(long)]
    pub suggest: bool,
}

fn parse_node(text: &str) -> Result<Node, String> {
    Node::parse(text).ok_or_else(|| "ns=2;s=Press | ns=2;i=1001 | nsu=http://maker/ns;s=Press".to_owned())
}

/// Browses and renders.
///
/// # Errors
/// When the device is not an OPC UA device of the file, gives no session, or does not know the node.
pub async fn report(config: &Config, options: &Options, lang: Lang) -> anyhow::Result<String> {
    let told = |words: Words| anyhow::Error::new(Told(words));
    let found = config.devices.iter().find_map(|device| match &device.link {
        Link::OpcUa(link) if device.name == options.device => Some((device, link)),
        _ => None,
    });
    let Some((device, link)) = found else {
        let wanted = &options.device;
        let names = config.devices.iter().filter(|d| matches!(d.link, Link::OpcUa(_))).map(|d| d.name.as_str());
        let names: Vec<&str> = names.collect();
        if names.is_empty() {
            return Err(told(words!(
                "配置文件里没有 OPC UA 设备。加上 `[[device]]`，写 `protocol = \"opcua\"` 和 `endpoint`",
                "the configuration file has no OPC UA device. Add `[[device]]` with `protocol = \"opcua\"` and `endpoint`"
            )));
        }
        let names = names.join(", ");
        return Err(told(words!(
            "配置文件里没有 OPC UA 设备 `{wanted}`。有：{names}",
            "there is no OPC UA device `{wanted}` in the configuration file. There are: {names}"
        )));
    };
    let pki = config.gateway.state_dir.join("pki").join(&device.name);
    let limit = Duration::from_millis(device.timeout_ms).max(CALL_LEAST);
    let live = Live::open(link, &pki, limit).await.map_err(|t| told(t.words))?;
    let root = options.node.clone().unwrap_or(Node { namespace: Namespace::Index(0), identifier: OBJECTS });
    let bounds =
        Bounds { depth: usize::from(options.depth), nodes: usize::try_from(options.nodes).unwrap_or(usize::MAX) };
    let walk = live.walk(&root, bounds).await;
    live.close().await;
    let walk = walk.map_err(|status| {
        let url = &link.endpoint;
        told(words!(
            "{url} 浏览节点 {root} 失败：{status}。检查 `--node`，或不写它从 Objects 开始",
            "browsing {root} at {url} failed: {status}. Check `--node`, or leave it out to begin at Objects"
        ))
    })?;
    Ok(render(&walk, options, lang))
}

/// The Objects folder (Part 5, 8.2.4).
const OBJECTS: Identifier = Identifier::Number(85);
/// A page of browse results takes a PLC longer than one value.
const CALL_LEAST: Duration = Duration::from_secs(10);

/// What was found, as the options ask for it.
pub fn render(walk: &Walk, options: &Options, lang: Lang) -> String {
    let nodes = &walk.nodes;
    let kept = options.find.as_deref().map(|text| found(nodes, text)).unwrap_or_default();
    let mut out = if options.suggest {
        suggestions(&suggest(nodes), lang)
    } else if options.toml {
        tags(nodes, &kept, options.find.as_deref(), lang)
    } else {
        tree(nodes, &kept, lang)
    };
    let count = nodes.len();
    if walk.is_cut {
        let words = words!(
            "只看了 {count} 个节点，还有更多。用 `--nodes` 放宽，或用 `--node` 从更下面开始",
            "only {count} nodes were looked at and there are more. Raise `--nodes`, or begin further down with `--node`"
        );
        let _ = writeln!(out, "# {}", words.get(lang));
    }
    for (index, status) in &walk.refused {
        let Some(node) = nodes.get(*index) else { continue };
        let id = printable(&node.node.to_string());
        let words =
            words!("服务器不肯列出 {id} 下面的节点：{status}", "the server does not list what is under {id}: {status}");
        let _ = writeln!(out, "# {}", words.get(lang));
    }
    out
}

fn tags(nodes: &[BrowsedNode], kept: &[bool], find: Option<&str>, lang: Lang) -> String {
    let mut snippets = Snippets::default();
    let (mut left_out, mut unwritable) = (0, 0);
    for index in in_order(nodes) {
        let Some(node) = nodes.get(index) else { continue };
        let Some(shown) = node.shown.as_ref().filter(|_| kept.get(index).copied().unwrap_or(true)) else { continue };
        // On the way to a hit, and none itself.
        let is_hit = find.is_none_or(|text| found(&[BrowsedNode { parent: None, ..node.clone() }], text) == [true]);
        if !is_hit {
            continue;
        }
        match shown.kind {
            Some(_) if !node.node.can_be_written() => unwritable += 1,
            Some(kind) => {
                let comments = [format!("{} = {}", node.name.name, shown.text)];
                snippets.push(&Snippet {
                    name: &node.name.name,
                    node: &node.node,
                    kind,
                    rest: &[],
                    comments: &comments,
                });
            }
            None => left_out += 1,
        }
    }
    if left_out > 0 {
        let words = words!(
            "另有 {left_out} 个变量是数组、结构或日期，不能作数据点",
            "left out, as they are arrays, structures or dates: {left_out}"
        );
        let _ = writeln!(snippets.text, "# {}", words.get(lang));
    }
    if unwritable > 0 {
        let words = words!(
            "另有 {unwritable} 个变量的节点号写不进配置文件（空的、超过 1024 字节或含有控制字符）",
            "left out, as their ids are empty, longer than 1,024 bytes or have control characters and cannot be written: {unwritable}"
        );
        let _ = writeln!(snippets.text, "# {}", words.get(lang));
    }
    snippets.text
}

fn suggestions(suggested: &[Suggested], lang: Lang) -> String {
    if suggested.is_empty() {
        let words = words!(
            "没有认出配套规范（OPC 40001-1、OPC 40077、OPC 30050）。用 `browse` 和 `browse --toml` 自己挑选",
            "no companion specification (OPC 40001-1, OPC 40077, OPC 30050) was recognised. Choose with `browse` and `browse --toml`"
        );
        return format!("# {}\n", words.get(lang));
    }
    let mut snippets = Snippets::default();
    let mut unrecorded = String::new();
    // Two machines of one server have a state each.
    let are_many = suggested.iter().any(|tag| Some(&tag.machine) != suggested.first().map(|first| &first.machine));
    for tag in suggested {
        let mut comments = vec![format!("{} · {}", tag.machine, tag.specification)];
        comments.extend(tag.note.as_ref().map(|note| note.get(lang).to_owned()));
        if let Some(rule) = &tag.rule {
            let words = words!("在服务器上声明机器时：{rule}", "when the machine is declared on the server: {rule}");
            comments.push(words.get(lang).to_owned());
        }
        let Some(kind) = tag.kind.filter(|_| tag.node.can_be_written()) else {
            let (id, comments) = (printable(&tag.node.to_string()), one_line(&comments.join("  ")));
            let _ = writeln!(unrecorded, "# {}  {id}  {comments}", tag.name);
            continue;
        };
        let mut rest = vec![format!("role = \"{}\"", tag.role)];
        let (unit, scale) = tag.unit;
        if !unit.is_empty() {
            rest.push(format!("unit = \"{unit}\""));
            rest.push(format!("scale = \"{scale}\""));
        }
        let is_integer = matches!(kind, Kind::U16 | Kind::U32 | Kind::U64 | Kind::I16 | Kind::I32 | Kind::I64);
        if tag.role.ends_with("_count") && is_integer {
            let words = words!(
                "max_per_hour =     # 每小时最多走多少，用来分清走满归零和清零",
                "max_per_hour =     # most it can advance in an hour: tells a roll-over from a reset"
            );
            rest.push(format!("# {}", words.get(lang)));
        }
        let name = if are_many { format!("{} {}", tag.machine, tag.name) } else { tag.name.to_owned() };
        snippets.push(&Snippet { name: &name, node: &tag.node, kind, rest: &rest, comments: &comments });
    }
    if !unrecorded.is_empty() {
        snippets.text.push('\n');
        snippets.text.push_str(&unrecorded);
    }
    snippets.text
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::source::opcua::browse::{Class, Name, Shown};

    fn walk(ids: &[Node]) -> Walk {
        let node = |node: &Node| BrowsedNode {
            node: node.clone(),
            parent: None,
            depth: 0,
            name: Name {
                namespace: "http://opcfoundation.org/UA/PlasticsRubber/IMM2MES/".into(),
                name: "ProductionStatus".into(),
            },
            class: Class::Variable,
            type_definition: None,
            shown: Some(Shown { text: "1".into(), kind: Some(Kind::I32) }),
        };
        let mut nodes: Vec<BrowsedNode> = ids.iter().map(node).collect();
        // A suggestion hangs under something.
        nodes.iter_mut().skip(1).for_each(|node| node.parent = Some(0));
        Walk { nodes, is_cut: false, refused: Vec::new() }
    }

    #[test]
    fn a_node_whose_id_cannot_stand_in_the_file_is_told_and_no_tag() {
        let text = |text: &str| Node { namespace: Namespace::Index(2), identifier: Identifier::Text(text.to_owned()) };
        let ids = [text("good"), text(""), text("a\nb"), text(&"x".repeat(2_000)), text("also good")];
        let options = |suggest: bool| Options {
            device: "m".into(),
            node: None,
            depth: 8,
            nodes: 10,
            find: None,
            toml: !suggest,
            suggest,
        };
        for (suggest, tags) in [(false, 2), (true, 1)] {
            let snippets = render(&walk(&ids), &options(suggest), Lang::En);
            let file = format!(
                "[gateway]\nstate_dir = \"/tmp/x\"\n[[device]]\nname = \"m\"\nprotocol = \"opcua\"\nendpoint = \"opc.tcp://m:4840\"\n{snippets}"
            );
            let (config, _) = Config::parse(&file, Path::new("agent.toml")).unwrap_or_else(|p| panic!("{p}\n{file}"));
            assert_eq!(config.devices[0].tags.len(), tags);
            assert!(suggest || snippets.contains("cannot be written: 3"), "{snippets}");
        }
    }

    #[test]
    fn a_machine_with_a_line_end_in_its_name_adds_no_line_to_the_file() {
        let mut walk = walk(&[Node::parse("ns=2;s=press").expect("id"), Node::parse("ns=2;s=state").expect("id")]);
        walk.nodes[0].name.name = "Press\nunit = 7".into();
        // An array, which is told in a comment.
        walk.nodes[1].name.name = "JobGoodPartsCounter".into();
        walk.nodes[1].shown = Some(Shown { text: "[2]".into(), kind: None });
        walk.nodes.insert(1, walk.nodes[0].clone());
        walk.nodes[1].name.name = "ActiveJobValues".into();
        walk.nodes[1].parent = Some(0);
        walk.nodes[2].parent = Some(1);
        let text = suggestions(&suggest(&walk.nodes), Lang::En);
        assert!(text.contains("Press·unit"), "{text}");
        assert!(text.lines().all(|line| line.is_empty() || line.starts_with('#')), "{text}");
    }
}
