//! A browsed address space as data: nodes, their tree, the tags they could become. Pure.
//!
//! Constraints: names and values come from a stranger and are shown without control characters and cut; a tag's node is written with
//! the URI of its namespace, so that it survives a server that numbers its namespaces anew; what cannot become a tag is counted, never
//! left out in silence.

use std::collections::{HashMap, HashSet};
use std::fmt::Write as _;

use opcua_types::{DataValue, NodeClass, NodeId, QualifiedName, ReferenceDescription, StatusCode, Variant};

use super::endpoint::{one_line, printable};
use super::node::Node;
use crate::locale::Lang;
use crate::source::modbus::decode::Kind;

/// One node of a server.
#[derive(Clone, Debug, PartialEq)]
pub struct BrowsedNode {
    /// Its lasting id.
    pub node: Node,
    /// Position of the node it was found under; `None` for the first.
    pub parent: Option<usize>,
    /// Steps from the first node.
    pub depth: usize,
    /// Browse name.
    pub name: Name,
    /// What it is.
    pub class: Class,
    /// Its type definition.
    pub type_definition: Option<Node>,
    /// For variables: what it shows now.
    pub shown: Option<Shown>,
}

impl BrowsedNode {
    /// What a server says of a node under the node at `parent`, by its table of namespaces; its value is read later.
    pub fn of(reference: &ReferenceDescription, namespaces: &[String], parent: usize, depth: usize) -> Self {
        let definition = &reference.type_definition;
        Self {
            node: Node::from_wire(&reference.node_id.node_id, namespaces),
            parent: Some(parent),
            depth,
            name: Name::of(&reference.browse_name, namespaces),
            class: if reference.node_class == NodeClass::Variable { Class::Variable } else { Class::Object },
            type_definition: (!definition.node_id.is_null()).then(|| Node::from_wire(&definition.node_id, namespaces)),
            shown: None,
        }
    }
}

/// A browse name: unique under one parent, the same on every machine that follows a specification.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name {
    /// URI of its namespace; empty for OPC UA itself.
    pub namespace: String,
    /// The name.
    pub name: String,
}

impl Name {
    /// By a server's table of namespaces.
    pub fn of(name: &QualifiedName, namespaces: &[String]) -> Self {
        let uri = namespaces.get(usize::from(name.namespace_index)).filter(|_| name.namespace_index != 0);
        Self { namespace: uri.cloned().unwrap_or_default(), name: name.name.as_ref().to_owned() }
    }
}

/// Node classes that matter to reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Groups others.
    Object,
    /// Has a value.
    Variable,
}

/// The value of a variable when it was browsed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown {
    /// For people.
    pub text: String,
    /// The type a tag of it would have; `None` when this agent cannot record it (arrays, structures, dates).
    pub kind: Option<Kind>,
}

impl Shown {
    /// From the answer to a read of the value; `data_type` is the node's DataType where the value itself says nothing.
    pub fn of(data: &DataValue, data_type: Option<&Variant>) -> Self {
        let status = data.status.unwrap_or(StatusCode::Good);
        let value = data.value.as_ref().filter(|v| !matches!(v, Variant::Empty));
        let kind = match value {
            Some(value) => kind_of(value),
            None => data_type.and_then(kind_of_type),
        };
        let mut text = value.map(text_of).unwrap_or_default();
        if !status.is_good() || value.is_none() {
            let name = status.sub_code().name();
            text = if text.is_empty() { format!("({name})") } else { format!("{text} ({name})") };
        }
        Self { text, kind }
    }
}

fn text_of(value: &Variant) -> String {
    let text = match value {
        Variant::Array(array) => format!("[{}]", array.values.len()),
        Variant::LocalizedText(text) => text.text.as_ref().to_owned(),
        Variant::QualifiedName(name) => name.name.as_ref().to_owned(),
        Variant::ByteString(bytes) => format!("{} bytes", bytes.value.as_ref().map_or(0, Vec::len)),
        Variant::ExtensionObject(_) => "{…}".to_owned(),
        other => other.to_string(),
    };
    printable(&text).chars().take(60).collect()
}

fn kind_of(value: &Variant) -> Option<Kind> {
    Some(match value {
        Variant::Boolean(_) => Kind::Bit,
        Variant::SByte(_) | Variant::Int16(_) => Kind::I16,
        Variant::Byte(_) | Variant::UInt16(_) => Kind::U16,
        Variant::Int32(_) => Kind::I32,
        Variant::UInt32(_) => Kind::U32,
        Variant::Int64(_) => Kind::I64,
        Variant::UInt64(_) => Kind::U64,
        Variant::Float(_) => Kind::F32,
        Variant::Double(_) => Kind::F64,
        Variant::String(_) | Variant::LocalizedText(_) => Kind::Text,
        _ => return None,
    })
}

/// Built-in types by their numbers (Part 6, 5.1.2), enumerations and durations: what a machine without a value would give.
fn kind_of_type(data_type: &Variant) -> Option<Kind> {
    let Variant::NodeId(id) = data_type else { return None };
    let NodeId { namespace: 0, identifier: opcua_types::Identifier::Numeric(number) } = **id else { return None };
    Some(match number {
        1 => Kind::Bit,
        2 | 4 => Kind::I16,
        3 | 5 => Kind::U16,
        6 | 29 => Kind::I32,
        7 => Kind::U32,
        8 => Kind::I64,
        9 => Kind::U64,
        10 => Kind::F32,
        11 | 290 => Kind::F64,
        12 | 21 => Kind::Text,
        _ => return None,
    })
}

/// Which nodes a search keeps: those whose name, id or value holds `text`, whatever its case, and the way to them.
pub fn found(nodes: &[BrowsedNode], text: &str) -> Vec<bool> {
    let wanted = text.to_lowercase();
    let mut kept = vec![false; nodes.len()];
    for (index, node) in nodes.iter().enumerate() {
        let holds = |text: &str| text.to_lowercase().contains(&wanted);
        let shown = node.shown.as_ref().is_some_and(|s| holds(&s.text));
        if holds(&node.name.name) || holds(&node.node.to_string()) || shown {
            let mut way = Some(index);
            while let Some(step) = way.filter(|step| kept.get(*step) == Some(&false)) {
                if let Some(keep) = kept.get_mut(step) {
                    *keep = true;
                }
                way = nodes.get(step).and_then(|n| n.parent);
            }
        }
    }
    kept
}

/// The nodes as an indented tree; `kept` hides the others.
pub fn tree(nodes: &[BrowsedNode], kept: &[bool], lang: Lang) -> String {
    let mut out = String::new();
    for index in in_order(nodes) {
        let Some(node) = nodes.get(index).filter(|_| kept.get(index).copied().unwrap_or(true)) else { continue };
        let indent = "  ".repeat(node.depth);
        let name = printable(&node.name.name);
        let id = printable(&node.node.to_string());
        match &node.shown {
            Some(shown) => {
                let kind = shown.kind.map_or(lang.pick("（不能作数据点）", "(no tag)"), Kind::name);
                let _ = writeln!(out, "{indent}{name} = {}  {kind}  {id}", shown.text);
            }
            None => {
                let _ = writeln!(out, "{indent}{name}  {id}");
            }
        }
    }
    out
}

/// Positions in the order of a tree: each node before what is under it, siblings as the server gave them.
pub fn in_order(nodes: &[BrowsedNode]) -> Vec<usize> {
    let mut children: Vec<Vec<usize>> = vec![Vec::new(); nodes.len()];
    let mut stack = Vec::new();
    for (index, node) in nodes.iter().enumerate().rev() {
        match node.parent.and_then(|p| children.get_mut(p)) {
            Some(siblings) => siblings.push(index),
            None => stack.push(index),
        }
    }
    let mut order = Vec::with_capacity(nodes.len());
    while let Some(index) = stack.pop() {
        order.push(index);
        stack.extend(children.get(index).into_iter().flatten());
    }
    order
}

/// One tag for the configuration file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snippet<'a> {
    /// Name before it is made to fit.
    pub name: &'a str,
    /// Node.
    pub node: &'a Node,
    /// Type.
    pub kind: Kind,
    /// Lines between `type` and the end, such as `role = "state"`.
    pub rest: &'a [String],
    /// Comment lines before it.
    pub comments: &'a [String],
}

/// Writes tags with names that fit and are unique.
#[derive(Debug, Default)]
pub struct Snippets {
    taken: HashSet<String>,
    /// The next number to try behind a name: a machine may call thousands of nodes the same.
    numbers: HashMap<String, u32>,
    /// The text so far.
    pub text: String,
}

impl Snippets {
    /// Adds one.
    pub fn push(&mut self, snippet: &Snippet<'_>) {
        let name = self.unique(&tag_name(snippet.name));
        if !self.text.is_empty() {
            self.text.push('\n');
        }
        for comment in snippet.comments {
            let _ = writeln!(self.text, "# {}", one_line(comment));
        }
        let node = toml::Value::String(snippet.node.to_string());
        let _ =
            writeln!(self.text, "[[device.tag]]\nname = \"{name}\"\nnode = {node}\ntype = \"{}\"", snippet.kind.name());
        for line in snippet.rest {
            let _ = writeln!(self.text, "{line}");
        }
    }

    fn unique(&mut self, wanted: &str) -> String {
        let mut name = wanted.to_owned();
        let number = self.numbers.entry(name.clone()).or_insert(2);
        while !self.taken.insert(name.clone()) {
            let tail = format!("_{number}");
            name = format!("{}{tail}", wanted.chars().take(32 - tail.len()).collect::<String>());
            *number += 1;
        }
        name
    }
}

/// A tag name out of a browse name: `JobGoodPartsCounter` → `job_good_parts_counter`; what is not a letter or digit of ASCII separates.
fn tag_name(name: &str) -> String {
    let mut out = String::new();
    let mut before = None::<char>;
    for c in name.chars() {
        if c.is_ascii_alphanumeric() {
            let begins = c.is_ascii_uppercase() && before.is_some_and(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
            if begins && !out.ends_with('_') {
                out.push('_');
            }
            out.push(c.to_ascii_lowercase());
        } else if !out.is_empty() && !out.ends_with('_') {
            out.push('_');
        }
        before = Some(c);
    }
    out.truncate(32);
    let out = out.trim_end_matches('_');
    if out.is_empty() { "tag".to_owned() } else { out.to_owned() }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use proptest::prelude::*;

    use super::*;
    use crate::config::Config;
    use crate::config::device::Place;

    fn node(id: &str, parent: Option<usize>, depth: usize, name: &str, shown: Option<Shown>) -> BrowsedNode {
        BrowsedNode {
            node: Node::parse(id).expect("id"),
            parent,
            depth,
            name: Name { namespace: String::new(), name: name.to_owned() },
            class: if shown.is_some() { Class::Variable } else { Class::Object },
            type_definition: None,
            shown,
        }
    }

    #[test]
    fn the_tree_shows_children_under_their_parent_and_a_search_keeps_the_way() {
        let shown = |text: &str| Some(Shown { text: text.into(), kind: Some(Kind::I32) });
        let nodes = [
            node("i=85", None, 0, "Objects", None),
            node("nsu=urn:a;s=press", Some(0), 1, "Press", None),
            node("nsu=urn:a;s=oven", Some(0), 1, "Oven\u{7}", None),
            node("nsu=urn:a;s=press.state", Some(1), 2, "State", shown("3")),
            node("nsu=urn:a;s=oven.temp", Some(2), 2, "Temp", shown("181")),
        ];
        let all = tree(&nodes, &[], Lang::En);
        let expected = "Objects  ns=0;i=85\n  Press  nsu=urn:a;s=press\n    State = 3  i32  nsu=urn:a;s=press.state\n  Oven·  nsu=urn:a;s=oven\n    Temp = 181  i32  nsu=urn:a;s=oven.temp\n";
        assert_eq!(all, expected);
        let some = tree(&nodes, &found(&nodes, "TEMP"), Lang::En);
        assert_eq!(
            some.lines().map(|l| l.trim().split(' ').next().unwrap_or("")).collect::<Vec<_>>(),
            ["Objects", "Oven·", "Temp"]
        );
        assert_eq!(found(&nodes, "181"), [true, false, true, false, true]);
        assert_eq!(found(&nodes, "nothing"), [false; 5]);
    }

    #[test]
    fn a_value_shows_its_type_and_a_bad_one_its_status() {
        let good = DataValue { value: Some(Variant::UInt32(7)), ..DataValue::default() };
        assert_eq!(Shown::of(&good, None), Shown { text: "7".into(), kind: Some(Kind::U32) });
        let bad = DataValue { status: Some(StatusCode::BadNoCommunication), ..DataValue::default() };
        let double = Variant::NodeId(Box::new(NodeId::new(0, 11u32)));
        assert_eq!(
            Shown::of(&bad, Some(&double)),
            Shown { text: "(BadNoCommunication)".into(), kind: Some(Kind::F64) }
        );
        let strange = DataValue { value: Some(Variant::from(vec![1i32, 2])), ..DataValue::default() };
        assert_eq!(Shown::of(&strange, None), Shown { text: "[2]".into(), kind: None });
    }

    proptest! {
        /// Whatever a server calls its nodes, the tags it becomes are a configuration that loads and names the same nodes.
        #[test]
        fn snippets_load_whatever_the_nodes_are_called(names in prop::collection::vec("\\PC{1,40}|[A-Za-z0-9 _.\"\\\\]{1,60}", 1..20)) {
            let names: Vec<String> = names.into_iter().filter(|n| !n.chars().any(char::is_control)).collect();
            let mut snippets = Snippets::default();
            let nodes: Vec<Node> =
                names.iter().filter_map(|n| Node::parse(&format!("nsu=urn:machine;s=\"DB\".{n}"))).collect();
            for (name, node) in names.iter().zip(&nodes) {
                let comments = [name.clone()];
                snippets.push(&Snippet { name, node, kind: Kind::U32, rest: &[], comments: &comments });
            }
            let text = format!(
                "[gateway]\nstate_dir = \"/tmp/x\"\n[[device]]\nname = \"m\"\nprotocol = \"opcua\"\nendpoint = \"opc.tcp://m:4840\"\n{}",
                snippets.text
            );
            let (config, _) = Config::parse(&text, Path::new("agent.toml")).map_err(|p| TestCaseError::fail(p.to_string()))?;
            let loaded: Vec<String> = config.devices[0]
                .tags
                .iter()
                .filter_map(|t| if let Place::OpcUa { node, .. } = &t.place { Some(node.clone()) } else { None })
                .collect();
            prop_assert_eq!(loaded, nodes.iter().map(ToString::to_string).collect::<Vec<_>>());
        }
    }

    #[test]
    fn many_nodes_of_one_name_become_many_tags_at_once() {
        // Looked for one by one, the free numbers would cost minutes here.
        const NODES: u32 = 50_000;
        let node = Node::parse("ns=2;s=x").expect("id");
        let mut snippets = Snippets::default();
        for _ in 0..NODES {
            snippets.push(&Snippet { name: "温度", node: &node, kind: Kind::F32, rest: &[], comments: &[] });
        }
        assert_eq!(snippets.taken.len(), NODES as usize);
        assert!(snippets.taken.contains(&format!("tag_{NODES}")));
    }

    #[test]
    fn a_browse_name_becomes_a_tag_name() {
        for (name, expected) in [
            ("JobGoodPartsCounter", "job_good_parts_counter"),
            ("2:Power.kW", "2_power_k_w"),
            ("温度", "tag"),
            ("__x__", "x"),
            ("AVeryLongNameThatDoesNotFitIntoThirtyTwo", "avery_long_name_that_does_not_fi"),
        ] {
            assert_eq!(tag_name(name), expected);
        }
    }
}
