//! Companion specifications: a machine that follows one maps itself. Pure: browsed nodes in, proposed tags out.
//!
//! Constraints: a node is recognised by the namespace URI of its container (its browse name or its type) and by the browse names the
//! specification gives, never by its node id, which every maker chooses; what is proposed is said with the specification, and a
//! person puts it into the file. Where a specification's value cannot be recorded, that is said too.
//!
//! - OPC 40001-1 (Machinery): MachineryItemState, MachineryOperationMode, identification, operation counters.
//! - OPC 40077 (EUROMAP 77) with the types of OPC 40083 (EUROMAP 83): injection moulding machines.
//! - OPC 30050 (PackML): the state machines, Status and Admin of packaging machines.

use std::collections::HashMap;

use super::browse::{BrowsedNode, Class};
use super::node::{Namespace, Node};
use crate::locale::{Words, words};
use crate::source::modbus::decode::Kind;

/// A proposed tag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Suggested {
    /// Browse name of the machine it belongs to.
    pub machine: String,
    /// The specification.
    pub specification: &'static str,
    /// Name of the tag.
    pub name: &'static str,
    /// Node.
    pub node: Node,
    /// Type; `None` for a value that cannot be recorded as it is.
    pub kind: Option<Kind>,
    /// Role of the tag.
    pub role: &'static str,
    /// Unit, and scale from the raw value to it; empty where there is none.
    pub unit: (&'static str, &'static str),
    /// How the factory declares the machine's state by this tag.
    pub rule: Option<Rule>,
    /// What a person should know.
    pub note: Option<Words>,
}

/// How a state signal is translated, in the words of the machine's declaration on the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// A delivered table.
    Table(&'static str),
    /// Written out, value to canonical state.
    Codes(&'static [(&'static str, &'static str)]),
}

impl std::fmt::Display for Rule {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Table(table) => write!(f, "state_rule = {{ table = \"{table}\" }}"),
            Self::Codes(codes) => {
                let codes: Vec<String> =
                    codes.iter().map(|(code, state)| format!("\"{code}\" = \"{state}\"")).collect();
                write!(f, "state_rule = {{ codes = {{ {} }} }}", codes.join(", "))
            }
        }
    }
}

struct Family {
    specification: &'static str,
    namespaces: &'static [&'static str],
}

const MACHINERY: Family =
    Family { specification: "OPC 40001-1 (Machinery)", namespaces: &["http://opcfoundation.org/UA/Machinery/"] };
/// The namespaces before and after the recommendation became OPC 40077; the types of EUROMAP 83 are named in their own.
const EUROMAP: Family = Family {
    specification: "OPC 40077 (EUROMAP 77)",
    namespaces: &[
        "http://opcfoundation.org/UA/PlasticsRubber/IMM2MES/",
        "http://opcfoundation.org/UA/PlasticsRubber/GeneralTypes/",
        "http://www.euromap.org/euromap77/",
        "http://www.euromap.org/euromap83/",
    ],
};
const PACKML: Family =
    Family { specification: "OPC 30050 (PackML)", namespaces: &["http://opcfoundation.org/UA/PackML/"] };

/// A plain value of a specification: where it hangs and what it becomes.
struct Leaf {
    family: &'static Family,
    container: &'static str,
    name: &'static str,
    tag: &'static str,
    role: &'static str,
    kind: Kind,
    unit: (&'static str, &'static str),
}

const fn leaf(
    family: &'static Family,
    container: &'static str,
    name: &'static str,
    tag: &'static str,
    role: &'static str,
    kind: Kind,
) -> Leaf {
    Leaf { family, container, name, tag, role, kind, unit: ("", "") }
}

const LEAVES: [Leaf; 28] = [
    leaf(&MACHINERY, "Identification", "Manufacturer", "manufacturer", "identity", Kind::Text),
    leaf(&MACHINERY, "Identification", "Model", "model", "identity", Kind::Text),
    leaf(&MACHINERY, "Identification", "SerialNumber", "serial_number", "identity", Kind::Text),
    leaf(&MACHINERY, "Identification", "SoftwareRevision", "software", "identity", Kind::Text),
    leaf(&MACHINERY, "Identification", "ProductInstanceUri", "instance", "identity", Kind::Text),
    Leaf {
        unit: ("h", "1/3600000"),
        ..leaf(&MACHINERY, "OperationCounters", "PowerOnDuration", "hours_on", "hours", Kind::F64)
    },
    Leaf {
        unit: ("h", "1/3600000"),
        ..leaf(&MACHINERY, "OperationCounters", "OperationDuration", "hours_run", "hours", Kind::F64)
    },
    leaf(&EUROMAP, "MachineInformation", "Manufacturer", "manufacturer", "identity", Kind::Text),
    leaf(&EUROMAP, "MachineInformation", "Model", "model", "identity", Kind::Text),
    leaf(&EUROMAP, "MachineInformation", "SerialNumber", "serial_number", "identity", Kind::Text),
    leaf(&EUROMAP, "MachineInformation", "SoftwareRevision", "software", "identity", Kind::Text),
    leaf(&EUROMAP, "MachineStatus", "MachineMode", "mode", "other", Kind::I32),
    leaf(&EUROMAP, "ActiveJob", "JobName", "job", "batch", Kind::Text),
    leaf(&EUROMAP, "ActiveJob", "MouldId", "mould", "program", Kind::Text),
    leaf(&EUROMAP, "ActiveJobValues", "JobGoodPartsCounter", "good_parts", "good_count", Kind::U64),
    leaf(&EUROMAP, "ActiveJobValues", "JobBadPartsCounter", "bad_parts", "reject_count", Kind::U64),
    leaf(&EUROMAP, "ActiveJobValues", "JobPartsCounter", "parts", "total_count", Kind::U64),
    leaf(&EUROMAP, "ActiveJobValues", "MachineCycleCounter", "cycles", "other", Kind::U64),
    leaf(&EUROMAP, "ActiveJobValues", "JobStatus", "job_status", "phase", Kind::I32),
    Leaf {
        unit: ("s", "0.001"),
        ..leaf(&EUROMAP, "ActiveJobValues", "LastCycleTime", "cycle_time", "other", Kind::F64)
    },
    leaf(&EUROMAP, "ActiveJobValues", "JobCycleCounter", "job_cycles", "other", Kind::U64),
    leaf(&PACKML, "Status", "UnitModeCurrent", "mode", "other", Kind::I32),
    leaf(&PACKML, "Status", "CurMachSpeed", "speed", "speed", Kind::F32),
    leaf(&PACKML, "Status", "EquipmentBlocked", "blocked", "other", Kind::Bit),
    leaf(&PACKML, "Status", "EquipmentStarved", "starved", "other", Kind::Bit),
    leaf(&PACKML, "Admin", "MachDesignSpeed", "design_speed", "other", Kind::F32),
    leaf(&PACKML, "Admin", "ProdProcessedCount", "processed", "total_count", Kind::I32),
    leaf(&PACKML, "Admin", "ProdDefectiveCount", "defective", "reject_count", Kind::I32),
];

/// OPC 40001-1 by the names of the states, for machines without their numbers.
const MACHINERY_STATES: [(&str, &str); 4] =
    [("NotAvailable", "off"), ("OutOfService", "fault"), ("NotExecuting", "idle"), ("Executing", "run")];
/// OPC 40083, ProductionStatus in automatic modes.
const PRODUCTION_STATUS: [(&str, &str); 5] = [("1", "idle"), ("2", "run"), ("3", "idle"), ("4", "run"), ("5", "run")];
/// ISA-TR88.00.02 by the names of the states.
const PACKML_STATES: [(&str, &str); 17] = [
    ("Stopped", "idle"),
    ("Resetting", "idle"),
    ("Idle", "idle"),
    ("Starting", "run"),
    ("Execute", "run"),
    ("Completing", "run"),
    ("Complete", "idle"),
    ("Aborting", "fault"),
    ("Aborted", "fault"),
    ("Stopping", "idle"),
    ("Clearing", "fault"),
    ("Suspending", "wait"),
    ("Suspended", "wait"),
    ("Unsuspending", "run"),
    ("Holding", "idle"),
    ("Held", "idle"),
    ("Unholding", "run"),
];

/// Roles in the order people look for them.
const ROLES: [&str; 8] = ["state", "good_count", "reject_count", "total_count", "speed", "batch", "program", "hours"];

/// The tags a machine's companion specifications propose, machine by machine, what decides its state first.
pub fn suggest(nodes: &[BrowsedNode]) -> Vec<Suggested> {
    let mut children: Vec<Vec<usize>> = vec![Vec::new(); nodes.len()];
    for (index, node) in nodes.iter().enumerate() {
        if let Some(siblings) = node.parent.and_then(|p| children.get_mut(p)) {
            siblings.push(index);
        }
    }
    let space = Space { nodes, children };
    let mut out = Vec::new();
    for index in 0..nodes.len() {
        space.state_machine(index, &mut out);
        space.leaf(index, &mut out);
    }
    let mut machines: HashMap<String, usize> = HashMap::new();
    for tag in &out {
        let place = machines.len();
        machines.entry(tag.machine.clone()).or_insert(place);
    }
    let rank = |role: &str| match role {
        "identity" => ROLES.len() + 1,
        role => ROLES.iter().position(|r| *r == role).unwrap_or(ROLES.len()),
    };
    out.sort_by_key(|tag| (machines.get(&tag.machine).copied(), rank(tag.role)));
    out
}

struct Space<'a> {
    nodes: &'a [BrowsedNode],
    children: Vec<Vec<usize>>,
}

impl Space<'_> {
    fn belongs(&self, index: usize, family: &Family) -> bool {
        let Some(node) = self.nodes.get(index) else { return false };
        let typed = match node.type_definition.as_ref().map(|t| &t.namespace) {
            Some(Namespace::Uri(uri)) => family.namespaces.contains(&uri.as_str()),
            _ => false,
        };
        typed || family.namespaces.contains(&node.name.namespace.as_str())
    }

    fn is(&self, index: usize, family: &Family, name: &str) -> bool {
        self.nodes.get(index).is_some_and(|n| n.name.name == name) && self.belongs(index, family)
    }

    fn child(&self, index: usize, name: &str) -> Option<usize> {
        let children = self.children.get(index)?;
        children.iter().copied().find(|c| self.nodes.get(*c).is_some_and(|n| n.name.name == name))
    }

    fn above(&self, index: usize) -> impl Iterator<Item = usize> + '_ {
        std::iter::successors(Some(index), |i| self.nodes.get(*i).and_then(|n| n.parent))
    }

    /// The machine a node belongs to: what hangs under the Machines folder, or else what holds the specification's objects.
    fn machine(&self, index: usize, family: &Family) -> String {
        let listed = self.above(index).find(|i| {
            self.nodes.get(*i).and_then(|n| n.parent).is_some_and(|parent| self.is(parent, &MACHINERY, "Machines"))
        });
        let parts = ["Status", "Admin", "BaseStateMachine", "MachineState", "ExecuteState"];
        let holder = || {
            let top = self.above(index).filter(|i| self.belongs(*i, family)).last()?;
            let node = self.nodes.get(top)?;
            if parts.contains(&node.name.name.as_str()) { node.parent } else { Some(top) }
        };
        let machine = listed.or_else(holder).and_then(|i| self.nodes.get(i));
        machine.map(|n| n.name.name.clone()).unwrap_or_default()
    }

    /// A part of a machine, which is not the machine.
    fn is_component(&self, index: usize) -> bool {
        self.above(index).any(|i| self.is(i, &MACHINERY, "Components"))
    }

    fn state_machine(&self, index: usize, out: &mut Vec<Suggested>) {
        if self.is_component(index) {
            return;
        }
        let (family, name, rules, note) = if self.is(index, &MACHINERY, "MachineryItemState") {
            (&MACHINERY, "state", Some((Rule::Table("opcua.machinery@1"), Rule::Codes(&MACHINERY_STATES))), None)
        } else if self.is(index, &MACHINERY, "MachineryOperationMode") {
            (&MACHINERY, "mode", None, None)
        } else if self.is(index, &PACKML, "ExecuteState") {
            let note = words!(
                "机器处于 Stopped、Aborted 等状态时这个节点没有值，状态记为未知；这些状态看 machine_state",
                "without a value while the machine is Stopped, Aborted and the like: its state is then unknown; machine_state has those"
            );
            let rules = (Rule::Table("packml.packtags@1"), Rule::Codes(&PACKML_STATES));
            (&PACKML, "state", Some(rules), Some(note))
        } else if self.is(index, &PACKML, "MachineState") {
            (&PACKML, "machine_state", None, None)
        } else {
            return;
        };
        let Some(current) = self.child(index, "CurrentState") else { return };
        let number = self.child(current, "Number");
        let Some(node) = self.nodes.get(number.unwrap_or(current)) else { return };
        let standard = if number.is_some() { Kind::U32 } else { Kind::Text };
        out.push(Suggested {
            machine: self.machine(index, family),
            specification: family.specification,
            name,
            node: node.node.clone(),
            kind: Some(node.shown.as_ref().and_then(|s| s.kind).unwrap_or(standard)),
            role: if rules.is_some() { "state" } else { "other" },
            unit: ("", ""),
            rule: rules.map(|(by_number, by_name)| if number.is_some() { by_number } else { by_name }),
            note,
        });
    }

    fn leaf(&self, index: usize, out: &mut Vec<Suggested>) {
        let Some(node) = self.nodes.get(index).filter(|n| n.class == Class::Variable) else { return };
        let Some(parent) = node.parent.filter(|_| !self.is_component(index)) else { return };
        if node.name.name == "ProductionStatus" && self.belongs(index, &EUROMAP) {
            out.push(Suggested {
                machine: self.machine(index, &EUROMAP),
                specification: EUROMAP.specification,
                name: "state",
                node: node.node.clone(),
                kind: Some(node.shown.as_ref().and_then(|s| s.kind).unwrap_or(Kind::I32)),
                role: "state",
                unit: ("", ""),
                rule: Some(Rule::Codes(&PRODUCTION_STATUS)),
                note: Some(words!(
                    "只在自动和半自动模式下有意义；手动和调试看 mode",
                    "means something in automatic and semi-automatic mode only; mode shows manual and set-up"
                )),
            });
            return;
        }
        let Some(leaf) = LEAVES.iter().find(|l| l.name == node.name.name && self.is(parent, l.family, l.container))
        else {
            return;
        };
        let counted = if leaf.container == "Admin" { self.count_below(index) } else { None };
        let value = counted.and_then(|i| self.nodes.get(i)).unwrap_or(node);
        let kind = value.shown.as_ref().map_or(Some(leaf.kind), |shown| shown.kind);
        let note = if kind.is_none() {
            Some(words!(
                "是数组或结构，本程序只记录单个的值；看看机器是否另有单个的节点",
                "is an array or a structure, and single values only are recorded; see whether the machine has a plain node for it"
            ))
        } else if leaf.container == "ActiveJobValues" && leaf.role.ends_with("_count") {
            Some(words!("换任务时归零", "starts over with every job"))
        } else {
            None
        };
        out.push(Suggested {
            machine: self.machine(index, leaf.family),
            specification: leaf.family.specification,
            name: leaf.tag,
            node: value.node.clone(),
            kind,
            role: leaf.role,
            unit: leaf.unit,
            rule: None,
            note,
        });
    }

    /// PackML counts are arrays of structures; servers that show the members have the running total in AccCount.
    fn count_below(&self, index: usize) -> Option<usize> {
        let direct = |i: usize| self.child(i, "AccCount").or_else(|| self.child(i, "Count"));
        direct(index).or_else(|| self.children.get(index)?.iter().find_map(|c| direct(*c)))
    }
}

#[cfg(test)]
mod tests;
