//! Walking a real server: bounds, continuation points, circles, and a machine that maps itself.

use opcua_server::address_space::{AddressSpace, ObjectBuilder, Variable};
use opcua_types::{LocalizedText, ObjectTypeId, QualifiedName};

use super::*;
use crate::commands::browse;
use crate::source::opcua::node::Node;
use crate::source::opcua::session::Live;
use crate::source::opcua::walk::Bounds;

/// Objects/Machines/Lathe/Monitoring/Status/MachineryItemState/CurrentState/Number, as OPC 40001-1 has it.
fn add_lathe(server: &Server) {
    let machinery = server.handle.get_namespace_index(MACHINERY).expect("namespace");
    let own = server.namespace;
    let mut space = server.manager.address_space().write();
    let space: &mut AddressSpace = &mut space;
    let mut parent = NodeId::objects_folder_id();
    for (namespace, name) in [
        (machinery, "Machines"),
        (own, "Lathe"),
        (machinery, "Monitoring"),
        (machinery, "Status"),
        (machinery, "MachineryItemState"),
    ] {
        let id = NodeId::new(own, format!("lathe.{name}"));
        ObjectBuilder::new(&id, QualifiedName::new(namespace, name), name)
            .organized_by(parent)
            .has_type_definition(ObjectTypeId::BaseObjectType)
            .insert(space);
        parent = id;
    }
    for (name, value) in
        [("CurrentState", Variant::from(LocalizedText::new("en", "Executing"))), ("Number", Variant::UInt32(3))]
    {
        let id = NodeId::new(own, format!("lathe.{name}"));
        space.add_variables(vec![Variable::new(&id, name, name, value)], &parent);
        parent = id;
    }
}

fn add_many(server: &Server, count: usize) {
    let mut space = server.manager.address_space().write();
    let folder = NodeId::new(server.namespace, "many");
    space.add_folder(&folder, "many", "many", &NodeId::new(server.namespace, "machine"));
    let variables = (0..count).map(|i| {
        let (id, name) = (NodeId::new(server.namespace, format!("v{i}")), format!("v{i}"));
        Variable::new(&id, name.as_str(), name.as_str(), Variant::UInt32(7))
    });
    space.add_variables(variables.collect(), &folder);
}

async fn live(server: &Server, state: &Path) -> Live {
    let config = config(server.port, state, "", TAGS);
    let Link::OpcUa(link) = &config.devices[0].link else { panic!("opcua") };
    Live::open(link, &state.join("pki"), Duration::from_secs(10)).await.unwrap_or_else(|t| panic!("{}", t.words))
}

#[tokio::test]
async fn a_walk_finds_every_node_once_within_its_bounds_and_says_when_it_was_cut() {
    let server = Server::start(0, Kind::Open).await;
    // More than one answer holds: the rest comes through continuation points.
    add_many(&server, 1_200);
    {
        // A circle.
        let mut space = server.manager.address_space().write();
        let [machine, many] = ["machine", "many"].map(|name| NodeId::new(server.namespace, name));
        space.insert_reference(&many, &machine, opcua_types::ReferenceTypeId::Organizes);
    }
    let state = tempfile::tempdir().expect("dir");
    let live = live(&server, state.path()).await;
    let objects = Node::parse("i=85").expect("id");
    let bounds = |depth, nodes| Bounds { depth, nodes };

    let walk = live.walk(&objects, bounds(8, 10_000)).await.expect("walk");
    assert!(!walk.is_cut && walk.refused.is_empty(), "{:?}", walk.refused);
    let mut ids: Vec<String> = walk.nodes.iter().map(|n| n.node.to_string()).collect();
    assert_eq!(ids.iter().filter(|id| id.starts_with("nsu=urn:test:machine;s=v")).count(), 1_200);
    assert!(
        walk.nodes
            .iter()
            .filter(|n| n.name.name.starts_with('v'))
            .all(|n| n.shown.as_ref().is_some_and(|s| s.text == "7"))
    );
    // The server's own diagnostics are named and not entered.
    assert!(ids.contains(&"ns=0;i=2253".to_owned()) && !ids.contains(&"ns=0;i=2256".to_owned()));
    ids.sort();
    let count = ids.len();
    ids.dedup();
    assert_eq!(ids.len(), count, "no node twice");

    let cut = live.walk(&objects, bounds(8, 100)).await.expect("walk");
    assert!(cut.is_cut && cut.nodes.len() == 100);
    let flat = live.walk(&objects, bounds(1, 10_000)).await.expect("walk");
    assert!(flat.nodes.iter().all(|n| n.depth <= 1) && !flat.is_cut);
    for unknown in ["nsu=urn:test:machine;s=nobody", "nsu=urn:nowhere;i=1"] {
        let refused = live.walk(&Node::parse(unknown).expect("id"), bounds(1, 10)).await;
        assert_eq!(refused.err(), Some(opcua_types::StatusCode::BadNodeIdUnknown), "{unknown}");
    }
    live.close().await;
    server.kill().await;
}

#[tokio::test]
async fn a_machine_that_follows_a_specification_maps_itself_and_is_read_as_proposed() {
    let server = Server::start(0, Kind::Open).await;
    add_lathe(&server);
    let state = tempfile::tempdir().expect("dir");
    let empty = config(server.port, state.path(), "", "");
    let options = browse::Options {
        device: "cnc".to_owned(),
        node: None,
        depth: 8,
        nodes: 5_000,
        find: None,
        toml: false,
        suggest: true,
    };
    let proposed = browse::report(&empty, &options, Lang::En).await.expect("proposed");
    assert!(proposed.contains("# Lathe · OPC 40001-1 (Machinery)\n"), "{proposed}");
    assert!(proposed.contains("state_rule = { table = \"opcua.machinery@1\" }"), "{proposed}");
    // What was printed goes into the file as it is.
    let mut run = Run::start(&config(server.port, state.path(), "", &proposed));
    run.until("the state by its number", |r| r.readings[0].iter().any(|r| r.value == Value::U64(3))).await;
    run.stop.cancel();

    let refused = browse::report(&empty, &browse::Options { device: "oven".into(), ..options }, Lang::Zh).await;
    let refused = crate::commands::explain(&refused.expect_err("no such device"), Lang::Zh);
    assert!(refused.contains("没有 OPC UA 设备 `oven`。有：cnc"), "{refused}");
    server.kill().await;
}
