//! Who a connection belongs to, read from its client certificate and nothing else.

use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, X509Certificate};

/// Site and gateway of a certificate's SAN URI `urn:gz:<site>:<gateway>`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Identity {
    site: String,
    gateway: String,
}

/// A connection's identity together with the key its certificate was issued for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peer {
    /// Who it is.
    pub identity: Identity,
    /// The certificate's Ed25519 public key: the gateway's signing key.
    pub key: [u8; 32],
}

/// Why a certificate names no gateway.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum IdentityError {
    /// The certificate cannot be parsed.
    #[error("the client certificate is not valid DER")]
    Malformed,
    /// No SAN URI, or more than one, starts with `urn:gz:`.
    #[error("the client certificate must carry exactly one SAN URI urn:gz:<site>:<gateway>")]
    NoUri,
    /// The URI's parts are not ids.
    #[error("the SAN URI of the client certificate is not urn:gz:<site>:<gateway> with valid ids")]
    InvalidId,
    /// The certificate's key is not Ed25519.
    #[error("the client certificate's key is not Ed25519")]
    NotEd25519,
}

impl Identity {
    /// Builds an identity from ids of the form `[a-z0-9][a-z0-9-]{0,31}`.
    ///
    /// # Errors
    /// [`IdentityError::InvalidId`] when either part has another form.
    pub fn new(site: &str, gateway: &str) -> Result<Self, IdentityError> {
        if !is_id(site) || !is_id(gateway) {
            return Err(IdentityError::InvalidId);
        }
        Ok(Self { site: site.to_owned(), gateway: gateway.to_owned() })
    }

    /// The site's id.
    pub fn site(&self) -> &str {
        &self.site
    }

    /// The gateway's id within its site.
    pub fn gateway(&self) -> &str {
        &self.gateway
    }

    /// Parses `urn:gz:<site>:<gateway>`.
    ///
    /// # Errors
    /// [`IdentityError::InvalidId`] for anything else.
    pub fn from_uri(uri: &str) -> Result<Self, IdentityError> {
        let rest = uri.strip_prefix("urn:gz:").ok_or(IdentityError::InvalidId)?;
        let (site, gateway) = rest.split_once(':').ok_or(IdentityError::InvalidId)?;
        Self::new(site, gateway)
    }

    /// The last segment of `gz/v1/<site>/<gateway>/<segment>` if the topic is this identity's own.
    pub(crate) fn own_segment<'t>(&self, topic: &'t str) -> Option<&'t str> {
        let mut parts = topic.split('/');
        let own = parts.next() == Some("gz")
            && parts.next() == Some("v1")
            && parts.next() == Some(&self.site)
            && parts.next() == Some(&self.gateway);
        let segment = parts.next()?;
        (own && parts.next().is_none()).then_some(segment)
    }

    /// The topic `gz/v1/<site>/<gateway>/<segment>`.
    pub(crate) fn topic(&self, segment: &str) -> String {
        format!("gz/v1/{}/{}/{segment}", self.site, self.gateway)
    }
}

impl std::fmt::Display for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.site, self.gateway)
    }
}

impl Peer {
    /// Reads identity and key from a DER certificate whose chain and dates TLS has already checked.
    ///
    /// # Errors
    /// See [`IdentityError`].
    pub fn from_certificate(der: &[u8]) -> Result<Self, IdentityError> {
        let (_, certificate) = X509Certificate::from_der(der).map_err(|_| IdentityError::Malformed)?;
        let names = certificate
            .subject_alternative_name()
            .map_err(|_| IdentityError::Malformed)?
            .ok_or(IdentityError::NoUri)?;
        let mut uris = names.value.general_names.iter().filter_map(|name| match name {
            GeneralName::URI(uri) if uri.starts_with("urn:gz:") => Some(*uri),
            _ => None,
        });
        let (Some(uri), None) = (uris.next(), uris.next()) else { return Err(IdentityError::NoUri) };
        let spki = certificate.public_key();
        if spki.algorithm.algorithm.to_id_string() != ED25519_OID {
            return Err(IdentityError::NotEd25519);
        }
        let key = spki.subject_public_key.data.as_ref().try_into().map_err(|_| IdentityError::NotEd25519)?;
        Ok(Self { identity: Identity::from_uri(uri)?, key })
    }
}

fn is_id(text: &str) -> bool {
    let bytes = text.as_bytes();
    matches!(bytes.first(), Some(b'a'..=b'z' | b'0'..=b'9'))
        && bytes.len() <= 32
        && bytes.iter().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-'))
}

/// id-Ed25519, RFC 8410.
const ED25519_OID: &str = "1.3.101.112";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uris_are_parsed_strictly() {
        assert_eq!(Identity::from_uri("urn:gz:site-1:gw-1"), Identity::new("site-1", "gw-1"));
        let long = format!("urn:gz:{}:gw", "a".repeat(33));
        for bad in [
            "",
            "urn:gz:",
            "urn:gz:a",
            "urn:gz:a:",
            "urn:gz::b",
            "urn:gz:a:b:c",
            "urn:gz:A:b",
            "urn:gz:a/b:c",
            "urn:gz:-a:b",
            "urn:gz:a:+",
            &long,
        ] {
            assert_eq!(Identity::from_uri(bad), Err(IdentityError::InvalidId), "{bad}");
        }
    }

    #[test]
    fn only_own_topics_have_a_segment() {
        let own = Identity::new("s", "g").unwrap();
        assert_eq!(own.own_segment("gz/v1/s/g/record"), Some("record"));
        for foreign in [
            "gz/v1/s/h/record",
            "gz/v1/t/g/record",
            "gz/v1/s/g",
            "gz/v1/s/g/record/x",
            "gz/v2/s/g/record",
            "#",
            "gz/v1/+/g/record",
            "/gz/v1/s/g/record",
        ] {
            assert_eq!(own.own_segment(foreign), None, "{foreign}");
        }
    }
}
