//! Snapshots made by hand from the structure of the specifications.

use std::collections::BTreeMap;
use std::path::Path;

use super::*;
use crate::config::device::Role;
use crate::source::opcua::browse::{Name, Shown};

const DI: &str = "http://opcfoundation.org/UA/DI/";
const M: &str = "http://opcfoundation.org/UA/Machinery/";
const P: &str = "http://opcfoundation.org/UA/PackML/";
const E77: &str = "http://opcfoundation.org/UA/PlasticsRubber/IMM2MES/";
const E83: &str = "http://opcfoundation.org/UA/PlasticsRubber/GeneralTypes/";

/// `depth namespace:name type? value?`: one node per entry, under the last one that is less deep.
fn space(entries: &[(usize, &str, &str, &str, Option<Option<Kind>>)]) -> Vec<BrowsedNode> {
    let mut nodes: Vec<BrowsedNode> = Vec::new();
    for (number, (depth, namespace, name, type_definition, kind)) in entries.iter().enumerate() {
        let parent = nodes.iter().rposition(|n| n.depth < *depth);
        nodes.push(BrowsedNode {
            node: Node::parse(&format!("nsu=urn:maker;i={}", 5_000 + number)).expect("id"),
            parent,
            depth: *depth,
            name: Name { namespace: (*namespace).to_owned(), name: (*name).to_owned() },
            class: if kind.is_some() { Class::Variable } else { Class::Object },
            type_definition: Node::parse(type_definition),
            shown: kind.map(|kind| Shown { text: String::new(), kind }),
        });
    }
    nodes
}

fn told(suggested: &[Suggested]) -> Vec<(&str, &str, &str, Option<Kind>)> {
    suggested.iter().map(|s| (s.machine.as_str(), s.name, s.role, s.kind)).collect()
}

#[test]
fn a_machinery_machine_maps_its_state_by_number_and_its_nameplate() {
    let found = suggest(&space(&[
        (0, "", "Objects", "", None),
        (1, M, "Machines", "i=61", None),
        (2, "urn:maker", "Lathe 1", "nsu=urn:maker;i=1", None),
        (3, DI, "Identification", &format!("nsu={M};i=1012"), None),
        (4, DI, "SerialNumber", "i=68", Some(Some(Kind::Text))),
        (4, M, "YearOfConstruction", "i=68", Some(Some(Kind::U16))),
        (3, M, "Monitoring", &format!("nsu={M};i=1014"), None),
        (4, M, "Status", "i=61", None),
        (5, M, "MachineryItemState", &format!("nsu={M};i=1002"), None),
        (6, "", "CurrentState", "i=2760", Some(Some(Kind::Text))),
        (7, "", "Id", "i=68", Some(None)),
        (7, "", "Number", "i=68", Some(Some(Kind::U32))),
        (5, M, "MachineryOperationMode", &format!("nsu={M};i=1008"), None),
        (6, "", "CurrentState", "i=2760", Some(Some(Kind::Text))),
        (3, DI, "OperationCounters", &format!("nsu={M};i=1009"), None),
        (4, DI, "PowerOnDuration", "i=68", Some(Some(Kind::F64))),
        (3, M, "Components", &format!("nsu={M};i=1006"), None),
        (4, "urn:maker", "Spindle", "i=58", None),
        (5, M, "MachineryItemState", &format!("nsu={M};i=1002"), None),
        (6, "", "CurrentState", "i=2760", Some(Some(Kind::Text))),
    ]));
    assert_eq!(
        told(&found),
        [
            ("Lathe 1", "state", "state", Some(Kind::U32)),
            ("Lathe 1", "hours_on", "hours", Some(Kind::F64)),
            ("Lathe 1", "mode", "other", Some(Kind::Text)),
            ("Lathe 1", "serial_number", "identity", Some(Kind::Text)),
        ]
    );
    assert_eq!(found[0].node.to_string(), "nsu=urn:maker;i=5011", "the number, not the text");
    assert_eq!(found[0].rule, Some(Rule::Table("opcua.machinery@1")));
    assert_eq!(found[1].unit, ("h", "1/3600000"));
}

#[test]
fn a_machine_without_numbers_is_mapped_by_the_names_of_its_states() {
    let found = suggest(&space(&[
        (0, "", "Objects", "", None),
        (1, M, "Machines", "i=61", None),
        (2, "urn:maker", "Press", "i=58", None),
        (3, M, "MachineryItemState", "i=58", None),
        (4, "", "CurrentState", "i=2760", Some(Some(Kind::Text))),
    ]));
    let rule = found[0].rule.expect("a rule").to_string();
    assert_eq!(
        rule,
        "state_rule = { codes = { \"NotAvailable\" = \"off\", \"OutOfService\" = \"fault\", \"NotExecuting\" = \"idle\", \"Executing\" = \"run\" } }"
    );
    assert_eq!(told(&found), [("Press", "state", "state", Some(Kind::Text))]);
}

#[test]
fn an_injection_moulding_machine_maps_its_counters_its_job_and_its_state() {
    let entries = |e77: &'static str, e83: &'static str| {
        suggest(&space(&[
            (0, "", "Objects", "", None),
            (1, e77, "IMM_MES_Interface_0815", "i=58", None),
            (2, e83, "MachineInformation", "i=58", None),
            (3, DI, "SerialNumber", "i=68", Some(Some(Kind::Text))),
            (2, e83, "MachineStatus", "i=58", None),
            (3, e83, "MachineMode", "i=68", Some(Some(Kind::I32))),
            (2, e83, "MachineMESStatus", "i=58", None),
            (3, e83, "ProductionControl", "i=58", None),
            (4, e83, "ProductionStatus", "i=63", Some(Some(Kind::I32))),
            (2, e83, "Jobs", "i=58", None),
            (3, e83, "ActiveJob", "i=58", None),
            (4, e83, "JobName", "i=68", Some(Some(Kind::Text))),
            (3, e83, "ActiveJobValues", "i=58", None),
            (4, e83, "JobGoodPartsCounter", "i=63", Some(Some(Kind::U64))),
            (4, e83, "JobBadPartsCounter", "i=63", Some(Some(Kind::U64))),
            (4, e83, "BoxId", "i=63", Some(Some(Kind::Text))),
        ]))
    };
    let found = entries(E77, E83);
    let machine = "IMM_MES_Interface_0815";
    assert_eq!(
        told(&found),
        [
            (machine, "state", "state", Some(Kind::I32)),
            (machine, "good_parts", "good_count", Some(Kind::U64)),
            (machine, "bad_parts", "reject_count", Some(Kind::U64)),
            (machine, "job", "batch", Some(Kind::Text)),
            (machine, "mode", "other", Some(Kind::I32)),
            (machine, "serial_number", "identity", Some(Kind::Text)),
        ]
    );
    // Machines older than the move of the namespaces to the OPC Foundation.
    assert_eq!(entries("http://www.euromap.org/euromap77/", "http://www.euromap.org/euromap83/"), found);
    // The same names in a maker's own namespace mean whatever the maker wants.
    assert_eq!(entries("urn:maker", "urn:maker"), []);
}

#[test]
fn a_packaging_machine_maps_its_state_speed_and_what_can_be_recorded_of_its_counts() {
    let found = suggest(&space(&[
        (0, "", "Objects", "", None),
        (1, P, "PackMLObjects", "i=61", None),
        (2, "urn:maker", "Wrapper", &format!("nsu={P};i=6"), None),
        (3, P, "Status", &format!("nsu={P};i=4"), None),
        (4, P, "UnitModeCurrent", "i=63", Some(Some(Kind::I32))),
        (4, P, "CurMachSpeed", "i=2368", Some(Some(Kind::F32))),
        (3, P, "Admin", &format!("nsu={P};i=5"), None),
        (4, P, "ProdProcessedCount", "i=63", Some(None)),
        (5, "urn:maker", "0", "i=63", Some(None)),
        (6, P, "Count", "i=63", Some(Some(Kind::I32))),
        (6, P, "AccCount", "i=63", Some(Some(Kind::I32))),
        (4, P, "ProdDefectiveCount", "i=63", Some(None)),
        (3, P, "BaseStateMachine", &format!("nsu={P};i=3"), None),
        (4, P, "MachineState", &format!("nsu={P};i=2"), None),
        (5, "", "CurrentState", "i=2760", Some(Some(Kind::Text))),
        (5, P, "ExecuteState", &format!("nsu={P};i=1"), None),
        (6, "", "CurrentState", "i=2760", Some(Some(Kind::Text))),
        (7, "", "Number", "i=68", Some(Some(Kind::U32))),
    ]));
    let of = |name: &str| found.iter().find(|s| s.name == name).expect("suggested");
    assert_eq!((of("speed").role, of("speed").kind), ("speed", Some(Kind::F32)));
    assert_eq!(of("processed").node.to_string(), "nsu=urn:maker;i=5010", "the running total");
    assert_eq!(of("defective").kind, None);
    assert!(of("defective").note.as_ref().is_some_and(|n| n.en.contains("array")));
    assert_eq!(of("state").node.to_string(), "nsu=urn:maker;i=5017");
    assert_eq!(of("state").rule, Some(Rule::Table("packml.packtags@1")));
    assert_eq!(of("machine_state").rule, None);
}

/// What is proposed for the factory's declaration is what the server delivers.
#[test]
fn every_table_is_delivered_by_the_server_and_the_codes_agree_with_its_tables() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../server/metrics/data/states");
    let mut tables: BTreeMap<String, BTreeMap<String, String>> = BTreeMap::new();
    for file in std::fs::read_dir(folder).expect("the server's tables") {
        let text = std::fs::read_to_string(file.expect("entry").path()).expect("table");
        let json: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        let mut names = BTreeMap::new();
        let mut codes = BTreeMap::new();
        for row in json["rows"].as_array().expect("rows") {
            if row["when"].get("alarm").is_some() {
                continue;
            }
            let state = row["state"].as_str().expect("state").to_owned();
            names.insert(row["name"].as_str().expect("name").to_owned(), state.clone());
            for value in row["when"]["production_status"].as_array().into_iter().flatten() {
                codes.entry(value.as_str().expect("code").to_owned()).or_insert_with(|| state.clone());
            }
        }
        names.append(&mut codes);
        tables.insert(json["id"].as_str().expect("id").to_owned(), names);
    }
    for (table, codes) in [
        ("opcua.machinery@1", &MACHINERY_STATES[..]),
        ("packml.packtags@1", &PACKML_STATES[..]),
        ("euromap.77@1", &PRODUCTION_STATUS[..]),
    ] {
        let delivered = tables.get(table).unwrap_or_else(|| panic!("no table {table}"));
        for (code, state) in codes {
            assert_eq!(delivered.get(*code).map(String::as_str), Some(*state), "{table}: {code}");
        }
    }
}

#[test]
fn every_role_is_one_of_the_configuration_file() {
    for leaf in &LEAVES {
        assert!(Role::NAMES.contains(&leaf.role), "{}", leaf.name);
    }
}
