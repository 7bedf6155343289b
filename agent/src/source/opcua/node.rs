//! Node ids as people write them. Pure.
//!
//! Constraints: a namespace may be given by its URI (`nsu=`), which survives a server that renumbers its namespaces at a restart; an
//! index (`ns=`) is taken as it is. A misread node id would be another machine's value, so nothing is guessed.

use opcua_types::{ByteString, DataValue, Guid, NodeId, Variant};

/// A node id of the configuration file.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Node {
    /// Where the identifier lives.
    pub namespace: Namespace,
    /// The identifier itself.
    pub identifier: Identifier,
}

/// A namespace, by number or by name.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Namespace {
    /// By its index in the server's table.
    Index(u16),
    /// By its URI, looked up when the session starts.
    Uri(String),
}

/// What identifies a node in its namespace.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Identifier {
    /// `i=`
    Number(u32),
    /// `s=`
    Text(String),
    /// `g=`
    Guid(Guid),
    /// `b=`, base 64
    Bytes(Vec<u8>),
}

/// Longest node id, bytes (OPC UA Part 3 allows identifiers of 4,096 characters; nobody types them).
const NODE_BYTES_MAX: usize = 1_024;

impl Node {
    /// Reads `ns=2;s=Press.State`, `nsu=http://maker/ns;i=7`, `i=2258`.
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() > NODE_BYTES_MAX || text.chars().any(char::is_control) {
            return None;
        }
        let (namespace, rest) = if let Some(rest) = text.strip_prefix("nsu=") {
            // A URI may hold anything but the semicolon that ends it.
            let (uri, rest) = rest.split_once(';')?;
            if uri.is_empty() {
                return None;
            }
            (Namespace::Uri(uri.to_owned()), rest)
        } else if let Some(rest) = text.strip_prefix("ns=") {
            let (index, rest) = rest.split_once(';')?;
            (Namespace::Index(index.parse().ok()?), rest)
        } else {
            (Namespace::Index(0), text)
        };
        let identifier = match rest.split_once('=')? {
            ("i", number) => Identifier::Number(number.parse().ok()?),
            ("s", name) if !name.is_empty() => Identifier::Text(name.to_owned()),
            // The form with hyphens only: the others are one id in many writings.
            ("g", guid) if guid.len() == 36 => Identifier::Guid(guid.parse().ok()?),
            ("b", bytes) if !bytes.is_empty() => {
                Identifier::Bytes(data_encoding::BASE64.decode(bytes.as_bytes()).ok()?)
            }
            _ => return None,
        };
        Some(Self { namespace, identifier })
    }

    /// The id on the wire, by a server's table of namespaces; `None` when the server does not know the namespace.
    pub fn on_wire(&self, namespaces: &[String]) -> Option<NodeId> {
        let index = match &self.namespace {
            Namespace::Index(index) => *index,
            Namespace::Uri(uri) => u16::try_from(namespaces.iter().position(|known| known == uri)?).ok()?,
        };
        Some(match &self.identifier {
            Identifier::Number(number) => NodeId::new(index, *number),
            Identifier::Text(text) => NodeId::new(index, text.clone()),
            Identifier::Guid(guid) => NodeId::new(index, guid.clone()),
            Identifier::Bytes(bytes) => NodeId::new(index, ByteString::from(bytes.as_slice())),
        })
    }

    /// Whether its text is read as the same node: servers have ids that are empty, too long or have line ends in them.
    pub fn can_be_written(&self) -> bool {
        Self::parse(&self.to_string()).as_ref() == Some(self)
    }

    /// The lasting form of a server's id: with the URI of its namespace where the table has one that leads back to it.
    pub fn from_wire(id: &NodeId, namespaces: &[String]) -> Self {
        let index = usize::from(id.namespace);
        let uri = namespaces.get(index).filter(|uri| {
            let is_plain = !uri.is_empty() && !uri.contains(|c: char| c == ';' || c.is_control());
            // A table that names one namespace twice means its first place.
            id.namespace != 0 && is_plain && namespaces.iter().position(|known| known == *uri) == Some(index)
        });
        let namespace = uri.map_or(Namespace::Index(id.namespace), |uri| Namespace::Uri(uri.clone()));
        let identifier = match &id.identifier {
            opcua_types::Identifier::Numeric(number) => Identifier::Number(*number),
            opcua_types::Identifier::String(text) => Identifier::Text(text.as_ref().to_owned()),
            opcua_types::Identifier::Guid(guid) => Identifier::Guid(guid.clone()),
            opcua_types::Identifier::ByteString(bytes) => Identifier::Bytes(bytes.value.clone().unwrap_or_default()),
        };
        Self { namespace, identifier }
    }
}

impl std::fmt::Display for Node {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.namespace {
            Namespace::Index(index) => write!(f, "ns={index};")?,
            Namespace::Uri(uri) => write!(f, "nsu={uri};")?,
        }
        match &self.identifier {
            Identifier::Number(number) => write!(f, "i={number}"),
            Identifier::Text(text) => write!(f, "s={text}"),
            Identifier::Guid(guid) => write!(f, "g={guid}"),
            Identifier::Bytes(bytes) => write!(f, "b={}", data_encoding::BASE64.encode(bytes)),
        }
    }
}

/// A server's table of namespaces, from the answer to a read of its NamespaceArray; `None` when that is no array.
pub fn namespaces(answer: &DataValue) -> Option<Vec<String>> {
    let Some(Variant::Array(array)) = &answer.value else { return None };
    let uri = |value: &Variant| if let Variant::String(uri) = value { uri.as_ref().to_owned() } else { String::new() };
    Some(array.values.iter().map(uri).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn node_ids_are_read_as_written_or_refused() {
        for text in [
            "ns=2;s=Press.State",
            "ns=0;i=2258",
            "nsu=http://maker/ns;s=a;b=c",
            "nsu=urn:x;i=7",
            "nsu=urn:x;s=\"DB1\".\"count\"",
            "ns=4;g=72962b91-fa75-4ae6-8d28-b404dc7daf63",
            "ns=1;b=M/RbKBsRVkePCePcx24oRA==",
        ] {
            assert_eq!(Node::parse(text).map(|n| n.to_string()).as_deref(), Some(text));
        }
        assert_eq!(Node::parse("i=2258").map(|n| n.to_string()).as_deref(), Some("ns=0;i=2258"));
        for text in [
            "",
            "Press.State",
            "ns=2",
            "ns=2;x=1",
            "ns=70000;i=1",
            "ns=2;i=-1",
            "nsu=;s=a",
            "ns=2;s=",
            "s=a\nb",
            "g=1",
            "b=?",
        ] {
            assert_eq!(Node::parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn an_id_goes_to_the_wire_and_back_by_the_table_of_namespaces_and_not_by_its_index() {
        let (before, after) = (["", "urn:server", "urn:press"], ["", "urn:server", "urn:new", "urn:press"]);
        let table = |uris: &[&str]| uris.iter().map(|u| (*u).to_owned()).collect::<Vec<_>>();
        for id in ["i=7", "s=Press.State", "g=72962b91-fa75-4ae6-8d28-b404dc7daf63", "b=M/Rb"] {
            let node = Node::parse(&format!("nsu=urn:press;{id}")).expect("valid");
            let wire = node.on_wire(&table(&before)).expect("known");
            assert_eq!(wire.namespace, 2);
            assert_eq!(Node::from_wire(&wire, &table(&before)), node);
            assert_eq!(node.on_wire(&table(&after)).expect("known").namespace, 3);
            assert_eq!(node.on_wire(&table(&after[..3])), None);
        }
        // Without a URI the index is all there is.
        assert_eq!(Node::from_wire(&NodeId::new(5, 1u32), &table(&before)).to_string(), "ns=5;i=1");
    }

    #[test]
    fn an_id_in_a_namespace_whose_uri_says_too_little_or_too_much_keeps_its_index() {
        let table: Vec<String> = ["", "urn:a", "urn:a", "urn:b;s=1", "urn:c\n", "urn:d"].map(str::to_owned).to_vec();
        let written = [(1, "nsu=urn:a"), (2, "ns=2"), (3, "ns=3"), (4, "ns=4"), (5, "nsu=urn:d"), (6, "ns=6")];
        for (index, namespace) in written {
            let id = NodeId::new(index, "x");
            let node = Node::from_wire(&id, &table);
            assert_eq!(node.to_string(), format!("{namespace};s=x"));
            assert_eq!(Node::parse(&node.to_string()).as_ref(), Some(&node));
            assert_eq!(node.on_wire(&table), Some(id), "and it is the same node");
        }
    }
}
