//! Walking the address space of a server. I/O only; what is found is judged in `browse` and `companion`.
//!
//! Constraints: bounded in depth and in nodes, since servers publish tens of thousands of nodes and references that lead in circles: no
//! node is visited twice, and a bound that was met is said. Continuation points are followed to their end or given back. Only Browse,
//! BrowseNext and Read are used.

use std::collections::HashSet;

use opcua_types::{
    AttributeId, BrowseDescription, BrowseDirection, BrowseResult, ByteString, DataValue, NodeId, ObjectId,
    ReferenceDescription, ReferenceTypeId, StatusCode, Variant,
};
use tokio::time::timeout;

use super::browse::{BrowsedNode, Class, Name, Shown};
use super::node::Node;
use super::session::Live;

/// How far to walk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Steps from the first node.
    pub depth: usize,
    /// Nodes in all.
    pub nodes: usize,
}

/// What was found.
#[derive(Debug)]
pub struct Walk {
    /// The nodes, the first one first, by depth.
    pub nodes: Vec<BrowsedNode>,
    /// There are more nodes than the bound allows.
    pub is_cut: bool,
    /// Nodes whose children the server did not tell, and why.
    pub refused: Vec<(usize, StatusCode)>,
}

/// References asked for per node and answer; servers give fewer when they like.
const REFERENCES_PER_NODE: u32 = 1_000;
/// Answers taken for one node: a server that never ends its list is cut here.
const ANSWERS_MAX: usize = 1_000;

impl Live {
    /// Walks down from `root`. The server's own diagnostics are not entered unless they are `root`.
    ///
    /// # Errors
    /// The status of a failed service, or of `root` when the server does not know it.
    pub async fn walk(&self, root: &Node, bounds: Bounds) -> Result<Walk, StatusCode> {
        let first = self.resolve(root).ok_or(StatusCode::BadNodeIdUnknown)?;
        let about = [AttributeId::BrowseName, AttributeId::NodeClass];
        let mut told = Vec::new();
        for attribute in about {
            told.extend(self.read_attribute(std::slice::from_ref(&first), attribute).await?);
        }
        let name = match told.first().map(|d| (&d.value, d.status)) {
            Some((Some(Variant::QualifiedName(name)), _)) => Name::of(name, self.namespaces()),
            Some((_, Some(status))) if status.is_bad() => return Err(status),
            _ => return Err(StatusCode::BadNodeIdUnknown),
        };
        let is_variable = matches!(told.get(1).and_then(|d| d.value.as_ref()), Some(Variant::Int32(2)));
        let class = if is_variable { Class::Variable } else { Class::Object };
        let mut ids = vec![first.clone()];
        let mut known: HashSet<NodeId> = [first].into();
        let mut walk = Walk {
            nodes: vec![BrowsedNode {
                node: root.clone(),
                parent: None,
                depth: 0,
                name,
                class,
                type_definition: None,
                shown: None,
            }],
            is_cut: false,
            refused: Vec::new(),
        };
        let diagnostics = NodeId::from(ObjectId::Server);
        let mut level: Vec<usize> = vec![0];
        for depth in 1..=bounds.depth {
            let mut next = Vec::new();
            let mut done = 0;
            while let Some(chunk) = self.limits().browse.next(&level, done) {
                let asked: Vec<NodeId> = chunk.iter().filter_map(|index| ids.get(*index)).cloned().collect();
                let results = match self.browse(&asked).await {
                    Ok(results) => results,
                    Err(status) => {
                        self.limits().browse.shrink(chunk.len(), status)?;
                        continue;
                    }
                };
                for (parent, result) in chunk.iter().zip(results) {
                    let (references, status) = self.complete(result, bounds.nodes - walk.nodes.len()).await?;
                    if !status.is_good() {
                        walk.refused.push((*parent, status));
                    }
                    for reference in references {
                        let id = &reference.node_id;
                        // A node on another server is not ours to read.
                        if id.server_index != 0 || !id.namespace_uri.is_empty() || known.contains(&id.node_id) {
                            continue;
                        }
                        if walk.nodes.len() >= bounds.nodes {
                            walk.is_cut = true;
                            break;
                        }
                        known.insert(id.node_id.clone());
                        if id.node_id != diagnostics {
                            next.push(walk.nodes.len());
                        }
                        walk.nodes.push(BrowsedNode::of(&reference, self.namespaces(), *parent, depth));
                        ids.push(id.node_id.clone());
                    }
                }
                done += chunk.len();
                if walk.is_cut {
                    break;
                }
            }
            level = next;
            if walk.is_cut || level.is_empty() {
                break;
            }
        }
        self.show(&mut walk.nodes, &ids).await?;
        Ok(walk)
    }

    /// Reads what the variables show.
    async fn show(&self, nodes: &mut [BrowsedNode], ids: &[NodeId]) -> Result<(), StatusCode> {
        let variables: Vec<usize> =
            (0..nodes.len()).filter(|i| nodes.get(*i).is_some_and(|n| n.class == Class::Variable)).collect();
        let wanted: Vec<NodeId> = variables.iter().filter_map(|i| ids.get(*i)).cloned().collect();
        let values = self.read(&wanted).await?;
        let empty = |data: &DataValue| matches!(data.value, None | Some(Variant::Empty));
        let untyped: Vec<NodeId> =
            wanted.iter().zip(&values).filter(|(_, data)| empty(data)).map(|(id, _)| id.clone()).collect();
        let mut types = self.read_attribute(&untyped, AttributeId::DataType).await?.into_iter();
        for (index, data) in variables.iter().zip(&values) {
            let data_type = if empty(data) { types.next().and_then(|d| d.value) } else { None };
            if let Some(node) = nodes.get_mut(*index) {
                node.shown = Some(Shown::of(data, data_type.as_ref()));
            }
        }
        Ok(())
    }

    async fn browse(&self, nodes: &[NodeId]) -> Result<Vec<BrowseResult>, StatusCode> {
        let asked: Vec<BrowseDescription> = nodes
            .iter()
            .map(|node| BrowseDescription {
                node_id: node.clone(),
                browse_direction: BrowseDirection::Forward,
                reference_type_id: ReferenceTypeId::HierarchicalReferences.into(),
                include_subtypes: true,
                // Objects and variables.
                node_class_mask: 1 | 2,
                result_mask: 0x3F,
            })
            .collect();
        let call = self.session().browse(&asked, REFERENCES_PER_NODE, None);
        let results =
            timeout(self.call_limit(), call).await.map_err(|_| StatusCode::BadTimeout)?.map_err(|e| e.status())?;
        if results.len() == nodes.len() { Ok(results) } else { Err(StatusCode::BadUnknownResponse) }
    }

    /// All references of one node, through its continuation points, until `enough` are there.
    async fn complete(
        &self,
        result: BrowseResult,
        enough: usize,
    ) -> Result<(Vec<ReferenceDescription>, StatusCode), StatusCode> {
        let mut references = result.references.unwrap_or_default();
        let (mut status, mut point) = (result.status_code, result.continuation_point);
        for _ in 0..ANSWERS_MAX {
            if point.is_null_or_empty() || references.len() > enough {
                break;
            }
            let more = self.browse_next(false, std::mem::take(&mut point)).await?;
            status = more.status_code;
            references.extend(more.references.unwrap_or_default());
            point = more.continuation_point;
        }
        if !point.is_null_or_empty() {
            // Servers keep few continuation points; a refusal to take one back changes nothing for us.
            let _ = self.browse_next(true, point).await;
        }
        Ok((references, status))
    }

    async fn browse_next(&self, release: bool, point: ByteString) -> Result<BrowseResult, StatusCode> {
        let points = [point];
        let call = self.session().browse_next(release, &points);
        let results =
            timeout(self.call_limit(), call).await.map_err(|_| StatusCode::BadTimeout)?.map_err(|e| e.status())?;
        match (results.into_iter().next(), release) {
            (Some(result), _) => Ok(result),
            (None, true) => Ok(BrowseResult::default()),
            (None, false) => Err(StatusCode::BadUnknownResponse),
        }
    }
}
