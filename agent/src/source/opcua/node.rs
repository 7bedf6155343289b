//! Node ids as people write them. Pure.
//!
//! Constraints: a namespace may be given by its URI (`nsu=`), which survives a server that renumbers its namespaces at a restart; an
//! index (`ns=`) is taken as it is. A misread node id would be another machine's value, so nothing is guessed.

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
            _ => return None,
        };
        Some(Self { namespace, identifier })
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
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn node_ids_are_read_as_written_or_refused() {
        for text in ["ns=2;s=Press.State", "ns=0;i=2258", "nsu=http://maker/ns;s=a;b=c", "nsu=urn:x;i=7"] {
            assert_eq!(Node::parse(text).map(|n| n.to_string()).as_deref(), Some(text));
        }
        assert_eq!(Node::parse("i=2258").map(|n| n.to_string()).as_deref(), Some("ns=0;i=2258"));
        for text in
            ["", "Press.State", "ns=2", "ns=2;x=1", "ns=70000;i=1", "ns=2;i=-1", "nsu=;s=a", "ns=2;s=", "s=a\nb"]
        {
            assert_eq!(Node::parse(text), None, "{text:?}");
        }
    }
}
