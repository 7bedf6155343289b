//! The nodes of one device: answered from the world, journalled, never writable.

use super::NAMESPACE;
use crate::faults::Kind;
use crate::floor::Floor;
use crate::instrument::Raw;
use crate::journal::Delivery;
use crate::tags::{self, Device, Tag};
use async_trait::async_trait;
use opcua_core::sync::RwLock;
use opcua_server::CreateMonitoredItem;
use opcua_server::address_space::{AddressSpace, Variable};
use opcua_server::diagnostics::NamespaceMetadata;
use opcua_server::node_manager::memory::InMemoryNodeManagerImpl;
use opcua_server::node_manager::{MonitoredItemRef, ParsedReadValueId, RequestContext, ServerContext, WriteNode};
use opcua_types::{
    AttributeId, DataTypeId, DataValue, DateTime, Identifier, NodeId, StatusCode, TimestampsToReturn, Variant,
};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// 100-ns ticks between 1601 and 1970.
const EPOCH_TICKS: i64 = 116_444_736_000_000_000;

/// One tag's value as it is shown: the raw value, or why there is none.
#[derive(Debug, Clone)]
pub(super) struct Shown {
    raw: Raw,
    status: StatusCode,
}

impl Shown {
    /// Whether a client would see a difference.
    pub(super) fn same(&self, other: &Self) -> bool {
        self.raw == other.raw && self.status == other.status
    }
}

/// A device's tags at one instant.
#[derive(Debug)]
pub(super) struct Picture {
    device_ms: i64,
    pub(super) values: Vec<Shown>,
}

impl Picture {
    /// The value on the wire.
    pub(super) fn data_value(&self, index: usize) -> DataValue {
        let shown = &self.values[index];
        let stamp = DateTime::from(self.device_ms * 10_000 + EPOCH_TICKS);
        DataValue {
            value: shown.status.is_good().then(|| variant(&shown.raw)),
            status: Some(shown.status),
            source_timestamp: Some(stamp),
            source_picoseconds: None,
            server_timestamp: Some(DateTime::now()),
            server_picoseconds: None,
        }
    }
}

/// What `device` shows now under `fault`.
pub(super) fn show(floor: &Floor, device: &'static Device, fault: Option<Kind>) -> Picture {
    let sample = floor.sample(device);
    let status = if fault == Some(Kind::Exception) { StatusCode::BadDeviceFailure } else { StatusCode::Good };
    Picture {
        device_ms: sample.device_ms,
        values: sample.values.into_iter().map(|raw| Shown { raw, status }).collect(),
    }
}

fn variant(raw: &Raw) -> Variant {
    match raw {
        Raw::U16(value) => Variant::from(*value),
        Raw::U32(value) => Variant::from(*value),
        Raw::I32(value) => Variant::from(*value),
        Raw::F32(value) => Variant::from(*value),
        Raw::F64(value) => Variant::from(*value),
        Raw::Text(value) => Variant::from(value.as_str()),
    }
}

fn data_type(kind: tags::Kind) -> DataTypeId {
    match kind {
        tags::Kind::U16 => DataTypeId::UInt16,
        tags::Kind::U32 => DataTypeId::UInt32,
        tags::Kind::I32 => DataTypeId::Int32,
        tags::Kind::F32 => DataTypeId::Float,
        tags::Kind::F64 => DataTypeId::Double,
        tags::Kind::Text => DataTypeId::String,
    }
}

/// Answers the services for one device's nodes.
pub(super) struct Nodes {
    floor: Arc<Floor>,
    device: &'static Device,
    namespace: NamespaceMetadata,
    monitored: Mutex<HashMap<&'static str, usize>>,
}

impl Nodes {
    /// Put the device's folder and variables into `space`.
    pub(super) fn new(
        floor: Arc<Floor>,
        device: &'static Device,
        namespace: NamespaceMetadata,
        space: &mut AddressSpace,
    ) -> Self {
        let picture = show(&floor, device, None);
        let folder = NodeId::new(NAMESPACE, device.id);
        space.add_folder(&folder, device.id, device.en, &NodeId::objects_folder_id());
        let variables = device
            .tags
            .iter()
            .zip(&picture.values)
            .map(|(tag, shown)| {
                let id = NodeId::new(NAMESPACE, tag.id);
                Variable::new_data_value(
                    &id,
                    tag.name(),
                    tag.name(),
                    data_type(tag.kind),
                    None,
                    None,
                    variant(&shown.raw),
                )
            })
            .collect();
        space.add_variables(variables, &folder);
        Self { floor, device, namespace, monitored: Mutex::default() }
    }

    /// Journal the pushed values that somebody monitors.
    pub(super) fn journal_push(&self, picture: &Picture, changed: &[usize], fault: Option<Kind>) {
        let monitored = self.monitored.lock().unwrap_or_else(PoisonError::into_inner);
        let indexes: Vec<usize> = changed
            .iter()
            .copied()
            .filter(|index| monitored.get(self.device.tags[*index].id).is_some_and(|count| *count > 0))
            .collect();
        drop(monitored);
        self.journal(picture, &indexes, fault, "opcua-push");
    }

    fn journal(&self, picture: &Picture, indexes: &[usize], fault: Option<Kind>, via: &str) {
        if indexes.is_empty() {
            return;
        }
        let delivery = Delivery {
            request: self.floor.journal.next_request(),
            via,
            device_ms: picture.device_ms,
            // Every reply names its request and every value its time: what the network does to them changes nothing in them. A
            // client that gave up has a gap instead.
            valid: true,
            fault: fault.map(Kind::name),
        };
        let values = indexes
            .iter()
            .filter(|index| picture.values[**index].status.is_good())
            .map(|index| (&self.device.tags[*index], &picture.values[*index].raw));
        self.floor.journal.served(delivery, values);
    }

    fn index(&self, node: &NodeId) -> Option<usize> {
        match (node.namespace, &node.identifier) {
            (NAMESPACE, Identifier::String(name)) => {
                self.device.tags.iter().position(|tag: &Tag| tag.id == name.as_ref())
            }
            _ => None,
        }
    }

    fn read(&self, nodes: &[&ParsedReadValueId], via: &str) -> Vec<Option<DataValue>> {
        let fault = self.floor.faults.on(self.device.id).map(|fault| fault.kind);
        let picture = show(&self.floor, self.device, fault);
        let wanted: Vec<Option<usize>> = nodes
            .iter()
            .map(|node| if node.attribute_id == AttributeId::Value { self.index(&node.node_id) } else { None })
            .collect();
        let indexes: Vec<usize> = wanted.iter().flatten().copied().collect();
        self.journal(&picture, &indexes, fault, via);
        wanted.into_iter().map(|index| index.map(|index| picture.data_value(index))).collect()
    }
}

#[async_trait]
impl InMemoryNodeManagerImpl for Nodes {
    async fn init(&self, _space: &mut AddressSpace, _context: ServerContext) {}

    fn name(&self) -> &str {
        self.device.id
    }

    fn namespaces(&self) -> Vec<NamespaceMetadata> {
        vec![self.namespace.clone()]
    }

    async fn read_values(
        &self,
        context: &RequestContext,
        address_space: &RwLock<AddressSpace>,
        nodes: &[&ParsedReadValueId],
        max_age: f64,
        timestamps_to_return: TimestampsToReturn,
    ) -> Vec<DataValue> {
        let ours = self.read(nodes, "opcua");
        let space = address_space.read();
        ours.into_iter()
            .zip(nodes)
            .map(|(value, node)| value.unwrap_or_else(|| space.read(context, node, max_age, timestamps_to_return)))
            .collect()
    }

    async fn create_value_monitored_items(
        &self,
        _context: &RequestContext,
        _address_space: &RwLock<AddressSpace>,
        items: &mut [&mut &mut CreateMonitoredItem],
    ) {
        let wanted: Vec<ParsedReadValueId> = items.iter().map(|item| item.item_to_monitor().clone()).collect();
        let values = self.read(&wanted.iter().collect::<Vec<_>>(), "opcua-push");
        let mut monitored = self.monitored.lock().unwrap_or_else(PoisonError::into_inner);
        for ((item, value), node) in items.iter_mut().zip(values).zip(&wanted) {
            let (Some(value), Some(index)) = (value, self.index(&node.node_id)) else {
                item.set_status(StatusCode::BadNodeIdUnknown);
                continue;
            };
            item.set_initial_value(value);
            item.set_status(StatusCode::Good);
            *monitored.entry(self.device.tags[index].id).or_default() += 1;
        }
    }

    async fn delete_monitored_items(&self, _context: &RequestContext, items: &[&MonitoredItemRef]) {
        let mut monitored = self.monitored.lock().unwrap_or_else(PoisonError::into_inner);
        for index in items.iter().filter_map(|item| self.index(item.node_id())) {
            if let Some(count) = monitored.get_mut(self.device.tags[index].id) {
                *count = count.saturating_sub(1);
            }
        }
    }

    async fn write(
        &self,
        _context: &RequestContext,
        _address_space: &RwLock<AddressSpace>,
        nodes_to_write: &mut [&mut WriteNode],
    ) -> Result<(), StatusCode> {
        for write in nodes_to_write {
            self.floor.journal.violation(self.device.id, 0, self.floor.journal.next_request());
            write.set_status(StatusCode::BadNotWritable);
        }
        Ok(())
    }
}
