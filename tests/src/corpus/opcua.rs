//! The decoders of what an OPC UA server sends: values, its address space, its endpoints. The library's own decoding is in the way of most
//! of it, with the limits the client has.

use std::path::Path;

use agent::commands::browse::{Options, render};
use agent::config::Config;
use agent::locale::Lang;
use agent::source::modbus::decode::Kind;
use agent::source::opcua::browse::{BrowsedNode, Class, Name, Shown};
use agent::source::opcua::endpoint::{Offer, host, state_token_policies};
use agent::source::opcua::limits::Limits;
use agent::source::opcua::node::{Node, namespaces};
use agent::source::opcua::subscription::{Judged, judge};
use agent::source::opcua::walk::Walk;
use opcua_types::{
    BinaryDecodable, BinaryEncodable as _, ByteString, ContextOwned, DataValue, DateTime, EndpointDescription, Guid,
    LocalizedText, MessageSecurityMode, NodeClass, NodeId, QualifiedName, ReferenceDescription, StatusCode, UAString,
    UserTokenPolicy, Variant,
};
use protocol::{Batch, Reading};

/// Answers of one test, nodes of one browse.
const ANSWERS_MAX: usize = 64;
const NODES_MAX: usize = 400;

fn from_wire<T: BinaryDecodable>(rest: &mut &[u8]) -> Option<T> {
    T::decode(rest, &ContextOwned::default().context()).ok()
}

/// Data values as they come on the wire, one after the other, as values of every type of tag; what they give can be sealed. The first ones
/// are also the table of namespaces and the server's limits.
pub(super) fn run_opcua_value(mut bytes: &[u8]) {
    let mut answers = Vec::new();
    while let Some(data) = from_wire::<DataValue>(&mut bytes).filter(|_| answers.len() < ANSWERS_MAX) {
        answers.push(data);
    }
    let mut readings = Vec::new();
    for (data, boot_ms) in answers.iter().zip(0..) {
        for ((_, kind), tag) in Kind::NAMES.into_iter().zip(0..) {
            match judge(data, kind) {
                Judged::Reading { value, quality, source_ms, .. } => {
                    assert_eq!(value.value_type(), kind.value_type(), "a value is of the type the evidence states");
                    readings.push(Reading { tag, boot_ms, value, quality, source_ms });
                }
                Judged::Unread { detail, .. } => assert!(!detail.is_empty() && detail.len() < 200, "{detail}"),
            }
        }
        for data_type in answers.iter().map(|a| a.value.as_ref()).take(3) {
            assert!(Shown::of(data, data_type).text.chars().count() < 200);
        }
    }
    let limits = Limits::stated(answers.get(1..).unwrap_or_default());
    assert!([&limits.read, &limits.monitor, &limits.browse].iter().all(|limit| limit.next(&[()], 0).is_some()));
    if let Some(table) = answers.first().and_then(namespaces) {
        let names = (0..table.len()).filter_map(|index| u16::try_from(index).ok());
        names.for_each(|index| drop(Name::of(&QualifiedName::new(index, "x"), &table)));
    }
    let batch = Batch::from_readings(readings, Vec::new(), Vec::new());
    if !batch.is_empty() {
        let plain = batch.encode_plain().expect("what was read can be sealed");
        assert_eq!(Batch::decode_plain(&plain), Ok(batch), "and read again");
    }
}

fn on_wire(data: &DataValue) -> Vec<u8> {
    data.encode_to_vec(&ContextOwned::default().context())
}

fn good(value: impl Into<Variant>) -> DataValue {
    DataValue { value: Some(value.into()), ..DataValue::default() }
}

/// A value of every type, a table of namespaces with limits, and values with status and times.
pub(super) fn opcua_values() -> Vec<Vec<u8>> {
    let variants = [
        Variant::Boolean(true),
        Variant::SByte(-3),
        Variant::Byte(200),
        Variant::Int16(-300),
        Variant::UInt16(60_000),
        Variant::Int32(-70_000),
        Variant::UInt32(70_000),
        Variant::Int64(i64::MIN),
        Variant::UInt64(u64::MAX),
        Variant::Float(1.5),
        Variant::Double(f64::NAN),
        Variant::from("O1001 温度"),
        Variant::from(LocalizedText::new("zh", "运行")),
        Variant::from(QualifiedName::new(2, "State")),
        Variant::from(NodeId::new(0, 11u32)),
        Variant::from(DateTime::from(i64::MAX - 1)),
        Variant::from(StatusCode::BadNoCommunication),
        Variant::from(ByteString::from(vec![1, 2, 3])),
        Variant::from(vec![1i32, 2]),
        Variant::Variant(Box::new(Variant::from(vec![0.5f64]))),
        Variant::Empty,
    ];
    let times = |ticks| DataValue { source_timestamp: Some(DateTime::from(ticks)), ..good(7u32) };
    let status = |code: u32| DataValue { status: Some(StatusCode::from(code)), ..good(7u32) };
    let table = vec![UAString::null(), "urn:server".into(), "http://opcfoundation.org/UA/Machinery/".into()];
    let session = [good(table), good(500u32), good(0u32), good(-1i32)];
    let mut seeds: Vec<Vec<u8>> = variants.into_iter().map(|value| on_wire(&good(value))).collect();
    seeds.push(session.iter().flat_map(on_wire).collect());
    seeds.push(
        [times(0), times(i64::MIN), times(i64::MAX), times(133_000_000_000_000_000)].iter().flat_map(on_wire).collect(),
    );
    // Bad without a value, uncertain, and good with the bit that values were lost.
    let bad = DataValue { value: None, ..status(0x8034_0000) };
    seeds.push([bad, status(0x4090_0000), status(0x0000_0480)].iter().flat_map(on_wire).collect());
    seeds
}

/// A server's address space, made of bytes: how to show it, a table of namespaces, then nodes. Whatever it calls its nodes, the tags that are
/// proposed can be pasted, and name the nodes they were made of.
pub(super) fn run_opcua_browse(bytes: &[u8]) {
    let mut input = Input(bytes);
    let how = input.byte();
    let table: Vec<String> = (0..input.byte() % 6).map(|_| input.text()).collect();
    let find = (how & 4 != 0).then(|| input.text());
    let nodes = input.nodes(&table);
    let variables = nodes.iter().filter(|n| n.shown.as_ref().is_some_and(|shown| shown.kind.is_some())).count();
    let refused = vec![(usize::from(how), StatusCode::BadUserAccessDenied)];
    let walk = Walk { nodes, is_cut: how & 8 != 0, refused };
    let options = |toml, suggest| Options {
        device: "m".to_owned(),
        node: None,
        depth: 8,
        nodes: 5_000,
        find: find.clone(),
        toml,
        suggest,
    };
    let lang = if how & 1 == 0 { Lang::Zh } else { Lang::En };
    for (toml, suggest) in [(false, false), (true, false), (false, true)] {
        let snippets = render(&walk, &options(toml, suggest), lang);
        assert!(!snippets.contains(|c: char| c.is_control() && c != '\n'), "a terminal is given no command");
        if !toml && !suggest {
            continue;
        }
        let text = format!(
            "[gateway]\nstate_dir = \"/tmp/gz\"\n[[device]]\nname = \"m\"\nprotocol = \"opcua\"\nendpoint = \"opc.tcp://m:4840\"\n{snippets}"
        );
        match Config::parse(&text, Path::new("agent.toml")) {
            Ok((config, _)) => {
                let tags: usize = config.devices.iter().map(|d| d.tags.len()).sum();
                assert!(suggest || find.is_some() || tags <= variables, "a tag for each variable at most");
            }
            // A count needs a number that only a person can give, and without tags there is nothing to run.
            Err(problems) => {
                let fine = |what: &str| what.contains("max_per_hour") || what.contains("has no tags");
                let odd = problems.list.iter().find(|p| p.line.is_some() && !fine(&p.what.en));
                assert!(odd.is_none(), "{odd:?}\n{text}");
            }
        }
    }
}

/// Names that mean something to a companion specification, and such as machines have.
const WORDS: &[&str] = &[
    "http://opcfoundation.org/UA/Machinery/",
    "http://opcfoundation.org/UA/PlasticsRubber/IMM2MES/",
    "http://opcfoundation.org/UA/PackML/",
    "Machines",
    "Components",
    "MachineryItemState",
    "MachineryOperationMode",
    "CurrentState",
    "Number",
    "Identification",
    "SerialNumber",
    "OperationCounters",
    "PowerOnDuration",
    "MachineInformation",
    "MachineStatus",
    "MachineMode",
    "ProductionStatus",
    "ActiveJob",
    "JobName",
    "ActiveJobValues",
    "JobGoodPartsCounter",
    "LastCycleTime",
    "ExecuteState",
    "MachineState",
    "BaseStateMachine",
    "Status",
    "UnitModeCurrent",
    "Admin",
    "ProdProcessedCount",
    "AccCount",
    "温度",
    "Press \"1\"\\\n",
];

/// Bytes that are taken one piece after the other; behind the end there are zeros.
struct Input<'a>(&'a [u8]);

impl Input<'_> {
    fn byte(&mut self) -> u8 {
        self.0.split_off_first().copied().unwrap_or_default()
    }

    fn bytes(&mut self, count: usize) -> &[u8] {
        self.0.split_off(..count.min(self.0.len())).unwrap_or_default()
    }

    /// One of the [`WORDS`], or as many bytes as are told.
    fn text(&mut self) -> String {
        let chosen = usize::from(self.byte());
        match WORDS.get(chosen) {
            Some(word) => (*word).to_owned(),
            None => String::from_utf8_lossy(self.bytes(chosen - WORDS.len())).into_owned(),
        }
    }

    fn id(&mut self) -> NodeId {
        let (form, namespace) = (self.byte(), self.byte().into());
        match form % 4 {
            0 => NodeId::new(namespace, u32::from(self.byte())),
            1 => NodeId::new(namespace, self.text()),
            2 => NodeId::new(namespace, from_wire::<Guid>(&mut self.0).unwrap_or_default()),
            _ => NodeId::new(namespace, ByteString::from(self.text().into_bytes())),
        }
    }

    /// A root and what hangs under it, each with a value where it is a variable.
    fn nodes(&mut self, table: &[String]) -> Vec<BrowsedNode> {
        let root = ReferenceDescription {
            node_id: self.id().into(),
            browse_name: QualifiedName::new(0, "Objects"),
            ..ReferenceDescription::default()
        };
        let mut nodes = vec![BrowsedNode { parent: None, ..BrowsedNode::of(&root, table, 0, 0) }];
        while !self.0.is_empty() && nodes.len() < NODES_MAX {
            // Most nodes hang under the one before.
            let parent = nodes.len().saturating_sub(1 + usize::from(self.byte()));
            let reference = ReferenceDescription {
                node_id: self.id().into(),
                browse_name: QualifiedName::new(self.byte().into(), self.text()),
                node_class: if self.byte() & 1 == 0 { NodeClass::Object } else { NodeClass::Variable },
                type_definition: NodeId::new(self.byte().into(), u32::from(self.byte())).into(),
                ..ReferenceDescription::default()
            };
            let mut node = BrowsedNode::of(&reference, table, parent, nodes.get(parent).map_or(0, |p| p.depth) + 1);
            let back = node.node.on_wire(table);
            assert_eq!(back.as_ref(), Some(&reference.node_id.node_id), "a node is found again: {}", node.node);
            let written = Node::parse(&node.node.to_string());
            assert!(written.is_none_or(|written| written == node.node), "a node is read as written: {}", node.node);
            if node.class == Class::Variable {
                let data = from_wire::<DataValue>(&mut self.0).unwrap_or_default();
                node.shown = Some(Shown::of(&data, Some(&Variant::from(NodeId::new(0, u32::from(self.byte()))))));
            }
            nodes.push(node);
        }
        nodes
    }
}

/// Address spaces of a machine of each companion specification and of one without: see [`run_opcua_browse`] for the order of the bytes.
pub(super) fn opcua_spaces() -> Vec<Vec<u8>> {
    let word = |name: &str| WORDS.iter().position(|w| *w == name).expect("one of the words") as u8;
    // One namespace beside OPC UA's own.
    let begin = |how: u8, uri: &str| vec![how, 2, WORDS.len() as u8, word(uri), 0, 0, 85];
    // Steps up from the node before, its number, and whether it has a value.
    let node = |up: u8, id: u8, name: &str, value: Option<DataValue>| {
        let head = [up, 0, 1, id, 1, word(name), u8::from(value.is_some()), 0, 0];
        let value = value.map(|value| [on_wire(&value), vec![12]].concat());
        [&head[..], &value.unwrap_or_default()].concat()
    };
    let machinery = [
        begin(1, WORDS[0]),
        node(0, 1, "Machines", None),
        node(0, 2, "温度", None),
        node(0, 3, "Identification", None),
        node(0, 4, "SerialNumber", Some(good("S1"))),
        node(2, 5, "MachineryItemState", None),
        node(0, 6, "CurrentState", Some(good(LocalizedText::new("", "Executing")))),
        node(0, 7, "Number", Some(good(3u32))),
        node(5, 8, "OperationCounters", None),
        node(0, 9, "PowerOnDuration", Some(good(1e9))),
    ];
    let moulding = [
        begin(0, WORDS[1]),
        node(0, 1, "MachineInformation", None),
        node(1, 2, "MachineStatus", None),
        node(0, 3, "ProductionStatus", Some(good(2i32))),
        node(3, 4, "ActiveJobValues", None),
        node(0, 5, "JobGoodPartsCounter", Some(good(700u64))),
        node(1, 6, "LastCycleTime", Some(good(vec![1.0f64]))),
    ];
    let packaging = [
        begin(9, WORDS[2]),
        node(0, 1, "BaseStateMachine", None),
        node(0, 2, "ExecuteState", None),
        node(0, 3, "CurrentState", Some(DataValue::default())),
        node(3, 4, "Admin", None),
        node(0, 5, "ProdProcessedCount", Some(good(vec![1i32, 2]))),
        node(0, 6, "AccCount", Some(good(41i32))),
    ];
    let plain = [begin(1, WORDS[0]), node(0, 1, "温度", Some(good(20.5f32))), node(1, 2, "温度", Some(good(21.5f32)))];
    vec![machinery.concat(), moulding.concat(), packaging.concat(), plain.concat()]
}

/// What a server says of itself before anybody logs in: as an endpoint on the wire, and all of it as its certificate.
pub(super) fn run_opcua_endpoint(bytes: &[u8]) {
    let certificate = EndpointDescription { server_certificate: ByteString::from(bytes), ..Default::default() };
    for mut endpoint in from_wire::<EndpointDescription>(&mut &*bytes).into_iter().chain([certificate]) {
        state_token_policies(&mut endpoint);
        let offer = Offer::of(&endpoint);
        assert!(!(offer.url + &offer.policy).contains(char::is_control), "a terminal is given no command");
        host(endpoint.endpoint_url.as_ref());
        if let Some(certificate) = offer.certificate {
            assert!(certificate.subject.chars().count() <= 200);
            certificate.names_host("press-1.local");
        }
    }
}

/// An endpoint with two ways to log in. Certificates are in the committed corpus.
pub(super) fn opcua_endpoints() -> Vec<Vec<u8>> {
    let endpoint = EndpointDescription {
        endpoint_url: "opc.tcp://press-1.local:4840/ua".into(),
        server_certificate: ByteString::from(vec![0x30, 0x82, 0x03]),
        security_mode: MessageSecurityMode::SignAndEncrypt,
        security_policy_uri: "http://opcfoundation.org/UA/SecurityPolicy#Basic256Sha256".into(),
        user_identity_tokens: Some(vec![UserTokenPolicy::anonymous(), UserTokenPolicy::default()]),
        ..EndpointDescription::default()
    };
    vec![endpoint.encode_to_vec(&ContextOwned::default().context())]
}
